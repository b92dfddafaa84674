"""Writes the checkpoints of this folder with torch (2.x) and safetensors, and beside each what torch itself reads from it.

    python checkpoints.py

expected.safetensors holds every tensor of `tensors()` as contiguous float32; the files under other names hold the same tensors in another format.
"""
import argparse
import collections
import json
import os
import zipfile

import numpy
import torch
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
at = lambda name: os.path.join(HERE, name)


def tensors():
    generator = torch.Generator().manual_seed(1)
    random = lambda *shape: torch.randn(*shape, generator=generator)
    base = random(6, 4)
    tied = random(5, 3)
    return collections.OrderedDict(
        {
            "weight": random(3, 4),
            "half": random(2, 3).half(),
            "half.special": torch.tensor([0.0, -0.0, 6e-8, 65504.0, float("inf")]).half(),
            "brain": random(2, 3).bfloat16(),
            "double": random(4).double(),
            "transposed": random(4, 3).t(),
            "permuted": random(2, 3, 4).permute(2, 0, 1),
            "strided": random(10)[1::3],
            "row": base[2],
            "rows": base[1:5],
            "column": base[:, 1],
            "tied.in": tied,
            "tied.out": tied,
            "scalar": torch.tensor(2.5),
            "empty": torch.zeros(0, 4),
            "unit": random(1, 7, 1).transpose(0, 2),
            "parameter": torch.nn.Parameter(random(2, 2)),
            "count": torch.tensor(7, dtype=torch.int64),
        }
    )


def main():
    state = tensors()
    floats = {name: tensor.detach().float().contiguous().clone() for name, tensor in state.items() if name != "count"}
    save_file(floats, at("expected.safetensors"))
    torch.save(state, at("zip.pt"))
    torch.save(state, at("legacy.pt"), _use_new_zipfile_serialization=False)
    torch.save(dict(state), at("protocol4.bin"), pickle_protocol=4)
    torch.save(dict(state), at("protocol5.pth"), pickle_protocol=5)
    torch.save(state, at("legacy4.pt"), _use_new_zipfile_serialization=False, pickle_protocol=4)

    # As a Lightning loop leaves it, with what stands beside the weights.
    settings = argparse.Namespace(lr=1e-3, layers=[1, 2], tags={"a", "b"}, name="tiny")
    optimiser = torch.optim.AdamW([torch.nn.Parameter(torch.ones(2))])
    optimiser.param_groups[0]["params"][0].grad = torch.ones(2)
    optimiser.step()
    everything = {
        "epoch": 3,
        "best": numpy.float64(0.25),
        "hyper_parameters": settings,
        "callbacks": collections.defaultdict(list, early=[1]),
        "optimizer_states": [optimiser.state_dict()],
        "large": 2**70,
        "state_dict": state,
    }
    torch.save(everything, at("lightning.ckpt"))
    torch.save({"model": {"state_dict": state}, "optimizer": optimiser.state_dict()}, at("nested.pt"))
    torch.save({"encoder": {"w": torch.ones(2)}, "decoder": {"w": torch.zeros(2)}, "step": 3}, at("two-parts.pt"))

    # The zip archive again: compressed, and with 64-bit sizes and places in its directory throughout.
    def repack(name, compression, **options):
        with zipfile.ZipFile(at("zip.pt")) as source, zipfile.ZipFile(at(name), "w", compression) as target:
            for member in source.infolist():
                with target.open(member.filename, "w", **options) as stream:
                    stream.write(source.read(member))

    repack("deflated.pt", zipfile.ZIP_DEFLATED)
    zipfile.ZIP64_LIMIT = zipfile.ZIP_FILECOUNT_LIMIT = 1
    repack("zip64.pt", zipfile.ZIP_STORED, force_zip64=True)
    again = torch.load(at("zip64.pt"), weights_only=True)
    assert all(torch.equal(again[name].detach(), state[name].detach()) for name in state)

    # What is refused.
    module = torch.nn.Sequential(torch.nn.Linear(2, 1))
    torch.save(module, at("module.pt"))
    torch.save(module, at("module-legacy.pt"), _use_new_zipfile_serialization=False)
    torch.jit.save(torch.jit.script(module), at("script.pt"))
    torch.save({"w": torch.ones(1).expand(1000)}, at("expanded.pt"))
    torch.save({"epoch": 3}, at("no-tensors.pt"))

    # Two shards and their index, as transformers writes them.
    names = list(floats)
    halves = {"1": names[:8], "2": names[8:]}
    for ending, save in (("bin", torch.save), ("safetensors", save_file)):
        stem = "pytorch_model" if ending == "bin" else "model"
        folder = at(f"sharded-{ending}")
        os.makedirs(folder, exist_ok=True)
        weight_map = {}
        for number, part in halves.items():
            file = f"{stem}-0000{number}-of-00002.{ending}"
            save({name: floats[name] for name in part}, os.path.join(folder, file))
            weight_map |= {name: file for name in part}
        index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
        with open(os.path.join(folder, f"{stem}.{ending}.index.json"), "w") as stream:
            json.dump(index, stream, indent=1)
    save_file({name: state[name].contiguous() for name in ("half", "brain", "double", "weight", "count")}, at("mixed.safetensors"))


main()
