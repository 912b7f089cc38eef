"""Writes guide-values.jsonl: what the Python cells and blocks of docs/pytorch-to-typescript.md give.

Needs PyTorch 1.13 or newer. Run: python make-guide-values.py, in any folder.
"""
import ast
import json
import os
import re
from pathlib import Path

import torch
import torch.utils.checkpoint

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/pytorch-to-typescript.md").read_text()
# What is not run: it needs packages beside PyTorch, or its answer is the machine's.
NOT_RUN = ("safetensors.", "torch.save(", "torch.cuda.", "torch.__version__", "hasattr(")


def encode(value):
    if isinstance(value, torch.Tensor):
        if value.is_complex():
            return None
        flat = value.detach().contiguous().view(-1)
        return {
            "shape": list(value.shape),
            "dtype": str(value.dtype)[6:],
            "data": [float(x) if value.dtype.is_floating_point else int(x) for x in flat],
        }
    if isinstance(value, (list, tuple)):
        return [encode(element) for element in value]
    return value if isinstance(value, (bool, int, float, str)) else None


def keep_last(body):
    """Makes the last statement leave its value in _value; inside a `with` too."""
    last = body[-1]
    if isinstance(last, ast.With):
        keep_last(last.body)
    elif isinstance(last, ast.Expr):
        body[-1] = ast.Assign([ast.Name("_value", ast.Store())], last.value)
    elif isinstance(last, ast.Assign):
        body.append(ast.Assign([ast.Name("_value", ast.Store())], ast.parse(ast.unparse(last.targets[0]), mode="eval").body))


def run(setup, code):
    tree = ast.parse(code)
    keep_last(tree.body)
    names = {"_value": None}
    torch.set_printoptions(profile="default")
    exec(setup, names)
    exec(compile(ast.fix_missing_locations(tree), code, "exec"), names)
    return encode(names["_value"])


os.chdir(ROOT / "packages/torch/examples")
torch.set_num_threads(1)
setup = re.search(r"^```python setup\n(.*?)^```$", TEXT, re.M | re.S)[1]
codes = []
for part in re.finditer(r"^```python\n(.*?)^```$|^\| `([^`]+)` \| `[^`]+` \|", TEXT, re.M | re.S):
    codes.append(part[1] or part[2].replace("\\|", "|"))
result = [{"python": code, "value": None if any(text in code for text in NOT_RUN) else run(setup, code)} for code in codes]
lines = [json.dumps(entry) for entry in result]
Path(__file__).with_name("guide-values.jsonl").write_text("\n".join(lines) + "\n")
