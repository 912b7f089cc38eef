"""The peers' side of the line protocol of bench/lib/programs.mjs."""
import json
import os
import resource
import sys
import time

import torch

OPTIONS = json.loads(sys.argv[1])
torch.set_num_threads(OPTIONS["threads"])
# Answers go where standard output went; what packages print goes to standard error.
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def versions():
    library = os.path.join(os.path.dirname(torch.__file__), "lib", "libtorch_cpu.so")
    return {
        "torch": torch.__version__,
        "libtorch_cpu": os.path.realpath(library),
        "interpreter": sys.version.split()[0],
    }


def peak_mib():
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def say(value):
    ANSWERS.write(json.dumps(value) + "\n")
    ANSWERS.flush()


def answer(hello, sample, end=dict, commands={}):
    """Says hello, then answers each command with one line until the input ends; `commands` take what follows their name, as JSON."""
    say({"versions": versions(), **hello})
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        if command == "sample":
            started = time.perf_counter()
            sample()
            say({"seconds": time.perf_counter() - started})
        elif command == "end":
            say({"peakMiB": peak_mib(), **end()})
        elif command in commands:
            say(commands[command](json.loads(argument or "null")))
