"""A training step in eager PyTorch with automatic mixed precision, on any device: the other side of bench/ours/gpu-step.mjs.

Channels-last weights, cuDNN's autotuner, fused AdamW and foreach LARS, images resident on the device as uint8, augmentation there
in batches. The same losses, optimizer and schedules' cost as ours; the first losses are compared on the same weights and views.
"""
import contextlib
import json
import struct
import time
import warnings

import numpy
import torch

from gpu_augment import Batches
from gpu_methods import METHODS
from gpu_optim import create_optimizer
from peer import OPTIONS, answer, peak_mib, versions

DEVICE = torch.device(OPTIONS["device"])
ON_CUDA = DEVICE.type == "cuda"
TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
PHASES = ("augment", "forward", "backward", "optimizer", "rest")
torch.backends.cudnn.benchmark = True
torch.manual_seed(1)


def read_safetensors(path):
    types = {"F32": numpy.float32, "F64": numpy.float64, "I64": numpy.int64}
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            values = numpy.frombuffer(data[start:end], dtype=types[entry["dtype"]])
            tensors[name] = torch.from_numpy(values.reshape(entry["shape"]).copy()).to(DEVICE)
    return tensors


def wait():
    if ON_CUDA:
        torch.cuda.synchronize()


class Clock:
    """Time between marks, in milliseconds: events on CUDA, the processor's clock elsewhere."""

    def __init__(self):
        self.marks = []

    def mark(self):
        if ON_CUDA:
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self.marks.append(event)
        else:
            self.marks.append(time.perf_counter())

    def read(self):
        wait()
        pairs = zip(self.marks, self.marks[1:])
        return [a.elapsed_time(b) if ON_CUDA else 1000 * (b - a) for a, b in pairs]


class Training:
    """One network in training, in one precision."""

    def __init__(self, variant, tensors=None):
        self.precision = variant["precision"]
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = self.precision == "tf32"
        self.method = METHODS[OPTIONS["method"]](OPTIONS, DEVICE)
        network = self.method.network
        if tensors is not None:
            prefix = "model."
            own = {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
            network.load_state_dict({network.key(key): value for key, value in own.items()})
        if variant["channelsLast"]:
            network.to(memory_format=torch.channels_last)
        self.method.start(DEVICE)
        if variant["channelsLast"] and self.method.teacher is not None:
            self.method.teacher.network.to(memory_format=torch.channels_last)
        self.channels_last = variant["channelsLast"]
        self.optimizer = create_optimizer(network, OPTIONS["optimizer"], DEVICE)
        scaler = getattr(torch.amp, "GradScaler", torch.cuda.amp.GradScaler)
        self.scaler = scaler() if self.precision == "fp16" else None
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=DEVICE)
        self.step_number = 0

    def casting(self):
        if self.precision not in TYPES:
            return contextlib.nullcontext()
        return torch.autocast(DEVICE.type, dtype=TYPES[self.precision])

    def step(self, make_batch, mark=lambda: None):
        mark()
        for group in self.optimizer.param_groups:
            group["lr"] = OPTIONS["optimizer"]["lr"]
        with torch.no_grad():
            batch = make_batch()
            if self.channels_last:
                layout = torch.channels_last
                batch["images"] = batch["images"].contiguous(memory_format=layout)
                batch["views"] = [view.contiguous(memory_format=layout) for view in batch["views"]]
        mark()
        with self.casting():
            loss = self.method.loss(batch, self.step_number)
        self.loss_sum.add_(loss.detach())
        mark()
        if self.scaler is None:
            loss.backward()
            mark()
            self.optimizer.step()
        else:
            self.scaler.scale(loss).backward()
            mark()
            self.scaler.step(self.optimizer)
            self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        mark()
        self.method.after(self.step_number)
        mark()
        self.step_number += 1


def first_losses():
    """Losses of the first steps on the views that our side wrote."""
    parity = OPTIONS["parity"]
    tensors = read_safetensors(parity["file"])
    training = Training({"precision": "fp32", "channelsLast": False}, tensors)
    views = [tensors[f"view.{i}"] for i in range(parity["numViews"])]

    def batch():
        return {
            "images": tensors["labeled.images"], "targets": tensors["labeled.targets"], "views": list(views),
            "positions": parity["positions"], "shares": parity["shares"],
        }

    losses = []
    for _ in range(parity["steps"]):
        before = training.loss_sum.item()
        training.step(batch)
        losses.append(training.loss_sum.item() - before)
    return losses


def resident_images():
    """Random photos and labels, on the device."""
    height, width, count = (OPTIONS["images"][key] for key in ("height", "width", "count"))
    images = torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8, device=DEVICE)
    return images, torch.randint(0, OPTIONS["classes"], (count,), device=DEVICE)


def synchronizations(run):
    """How often the host waited for the device, as PyTorch's own debug mode counts it; None without CUDA."""
    if not ON_CUDA:
        return None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            run()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("called a synchronizing" in str(warning.message) for warning in caught)


class Bench:
    def __init__(self):
        self.training = None
        self.batches = None

    def variant(self, variant):
        """Starts anew in a variant and warms up."""
        if self.batches is None:
            self.batches = Batches(OPTIONS, *resident_images())
        self.training = None
        if ON_CUDA:
            torch.cuda.empty_cache()
        self.training = Training(variant)
        for _ in range(OPTIONS["warmUpSteps"]):
            self.training.step(self.batches)
        wait()
        if ON_CUDA:
            torch.cuda.reset_peak_memory_stats()
        return {"loss": self.training.loss_sum.item() / max(1, self.training.step_number)}

    def sample(self):
        for _ in range(OPTIONS["stepsPerSample"]):
            self.training.step(self.batches)
        wait()

    def profile(self, _):
        """Median milliseconds of the parts of a step, host synchronizations of a step."""
        parts = []
        for _ in range(OPTIONS["profiledSteps"]):
            clock = Clock()
            self.training.step(self.batches, clock.mark)
            parts.append(clock.read())
        medians = [float(numpy.median(column)) for column in zip(*parts)]
        memory = torch.cuda.max_memory_allocated() / 2**20 if ON_CUDA else peak_mib()
        reserved = round(torch.cuda.max_memory_reserved() / 2**20) if ON_CUDA else None
        return {
            "split_ms": dict(zip(PHASES, medians)),
            "host_synchronizations": synchronizations(lambda: self.training.step(self.batches)),
            "peak_memory_mib": round(memory),
            "reserved_memory_mib": reserved,
        }


def build():
    named = {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version() if ON_CUDA else None}
    return {**versions(), **named, "device": torch.cuda.get_device_name(DEVICE) if ON_CUDA else "cpu"}


BENCH = Bench()
HELLO = {"build": build()}
if OPTIONS["parity"] is not None:
    HELLO["losses"] = first_losses()
answer(HELLO, BENCH.sample, commands={"variant": BENCH.variant, "profile": BENCH.profile})
