"""What the golden scripts share: JSON tensors, seeded inputs, and gradients by PyTorch in float64.

Inputs are drawn, rounded to float32, and only then used in float64, so that an engine that works in float32 sees exactly
the numbers the oracle saw. Tensors are {shape, dtype, data}: `data` is flat and row-major with 9 significant digits,
booleans are 0/1. Not a test: run by hand (`python operators.py`), the JSON beside it is what the tests read.
Needs: torch, numpy; onnxruntime and onnx to check the operators' forward values.
"""

import json
import math
import zlib
from pathlib import Path

import torch

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

HERE = Path(__file__).resolve().parent
DTYPES = {torch.int64: "int64", torch.bool: "bool", torch.float32: "float32", torch.float64: "float32"}


def tensor_json(value):
    """A tensor as {shape, dtype, data}. Float tensors must be finite."""
    value = value.detach()
    if value.is_floating_point():
        assert torch.isfinite(value).all(), "a golden must be finite"
        data = [number(v) for v in value.double().flatten().tolist()]
    else:
        data = [int(v) for v in value.flatten().tolist()]
    return {"shape": list(value.shape), "dtype": DTYPES[value.dtype], "data": data}


def number(value):
    """A float with 9 significant digits (enough to bring a float32 back exactly); whole numbers lose their `.0`."""
    rounded = float(f"{value:.9g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded


def tensors_json(values):
    return {name: tensor_json(value) for name, value in values.items()}


def seed(name):
    """Seeds PyTorch from a case's name, so that adding a case changes no other."""
    torch.manual_seed(zlib.crc32(name.encode()))


def float32(value):
    """Rounds to float32, returns float64."""
    return value.to(torch.float32).to(torch.float64)


def normal(*shape, scale=1.0, shift=0.0):
    return float32(torch.randn(shape) * scale + shift)


def uniform(*shape, low=0.5, high=2.0):
    return float32(torch.rand(shape) * (high - low) + low)


def away_from_zero(*shape, least=0.2):
    """Normal values of which none is nearer to zero than `least`: for kinks (Relu, Abs) and denominators."""
    value = torch.randn(shape)
    return float32(value + torch.sign(value) * least)


def distinct(*shape, gap=0.05):
    """A shuffled, irregular grid around zero without ties: for maxima, where a tie has no gradient."""
    count = math.prod(shape)
    values = (torch.randperm(count).double() - (count - 1) / 2) * gap + torch.rand(count) * gap * 0.5
    return float32(values.reshape(shape))


def ints(values):
    return torch.tensor(values, dtype=torch.int64)


def gradients(loss, named):
    """d loss / d tensor by name; a tensor the loss does not reach is an error."""
    values = torch.autograd.grad(loss, list(named.values()))
    return dict(zip(named, values))


def write(script, cases):
    """Writes the cases beside the script as NAME.golden.json, one case a line."""
    path = HERE / (Path(script).stem + ".golden.json")
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    path.write_text(f"[\n{lines}\n]\n")
    print(f"{path.name}: {len(cases)} cases, {path.stat().st_size / 1024:.0f} KiB")
