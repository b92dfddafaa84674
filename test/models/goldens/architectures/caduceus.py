"""Caduceus by the authors' code on the CPU: its CUDA kernels are replaced by the reference functions that stand beside them in mamba_ssm.

Usage: python caduceus.py <checkout of kuleshov-group/caduceus> <checkout of state-spaces/mamba at v1.2.0.post1>; needs einops.

The reference knows no padding mask and lets padding flow into the sequence from the right, so every row is run by itself, without padding.
"""

import importlib
import sys
from copy import deepcopy
from types import ModuleType

import torch
from golden import batch, masked_labels, randomise, write
from torch.nn.functional import pad
from transformers import PreTrainedModel  # before the stand-in for Triton, which its import would look into

MASK_ID, PADDING_ID, FIRST_BASE = 3, 4, 7


def complements(vocabulary: int) -> dict[str, int]:
    return {str(token): token for token in range(vocabulary)} | {"7": 10, "8": 9, "9": 8, "10": 7}


STATE_SPACE = {
    "bias": False,
    "conv_bias": True,
    "d_conv": 4,
    "d_state": 4,
    "dt_init": "random",
    "dt_init_floor": 0.0001,
    "dt_max": 0.1,
    "dt_min": 0.001,
    "dt_rank": "auto",
    "dt_scale": 1.0,
    "expand": 2,
    "use_fast_path": True,
}
RELEASED = {
    "architectures": ["CaduceusForMaskedLM"],
    "auto_map": {"AutoModelForMaskedLM": "modeling_caduceus.CaduceusForMaskedLM"},
    "bidirectional": True,
    "bidirectional_strategy": "add",
    "bidirectional_weight_tie": True,
    "complement_map": complements(16),
    "d_model": 18,
    "fused_add_norm": True,
    "initializer_cfg": {"initializer_range": 0.02, "n_residuals_per_layer": 1, "rescale_prenorm_residual": True},
    "model_type": "caduceus",
    "n_layer": 2,
    "norm_epsilon": 1e-05,
    "pad_vocab_size_multiple": 8,
    "rcps": True,
    "residual_in_fp32": False,
    "rms_norm": True,
    "ssm_cfg": STATE_SPACE,
    "vocab_size": 16,
}
# The other value of every option that the graph has; sizes as before the model rounds them up.
OTHER = {
    "bidirectional_strategy": "ew_multiply",
    "bidirectional_weight_tie": False,
    "complement_map": complements(12),
    "fused_add_norm": False,
    "residual_in_fp32": True,
    "rms_norm": False,
    "ssm_cfg": STATE_SPACE | {"bias": True, "conv_bias": False, "d_conv": 3, "dt_rank": 3, "expand": 1},
    "vocab_size": 12,
}
CONFIGS = {
    "caduceus-ps": RELEASED,
    "caduceus-ph": RELEASED | {"rcps": False, "complement_map": None},
    "caduceus-ps-plain": RELEASED | OTHER,
    "caduceus-ph-plain": RELEASED
    | OTHER
    | {
        "bidirectional": False,
        "complement_map": None,
        "rcps": False,
        "ssm_cfg": None,
        "tie_word_embeddings": False,
    },
}


def without_kernels(caduceus: str, mamba: str):
    """The authors' modules, imported where there is neither Triton nor a GPU."""
    sys.path[:0] = [caduceus, mamba]
    undecorated = lambda *_, **__: lambda function: function  # noqa: E731
    triton = ModuleType("triton")
    triton.jit, triton.autotune, triton.heuristics, triton.Config = lambda f: f, undecorated, undecorated, dict
    triton.language = ModuleType("triton.language")
    triton.language.constexpr = object
    sys.modules |= {"triton": triton, "triton.language": triton.language}
    sys.modules["selective_scan_cuda"] = ModuleType("selective_scan_cuda")
    # The package's own __init__ imports its language model and with it much that is not needed.
    package = ModuleType("mamba_ssm")
    package.__path__ = [f"{mamba}/mamba_ssm"]
    sys.modules["mamba_ssm"] = package

    norms = importlib.import_module("mamba_ssm.ops.triton.layernorm")
    reference = lambda function: lambda *args, residual_in_fp32=False, **kwargs: function(*args, **kwargs)  # noqa: E731
    norms.layer_norm_fn, norms.rms_norm_fn = reference(norms.layer_norm_ref), reference(norms.rms_norm_ref)
    scan = importlib.import_module("mamba_ssm.ops.selective_scan_interface")
    importlib.import_module("mamba_ssm.modules.mamba_simple").selective_scan_fn = scan.selective_scan_ref
    modeling = importlib.import_module("caduceus.modeling_caduceus")
    # Weights are drawn and tied below; later versions of transformers call this with arguments the authors' code does not know.
    modeling.CaduceusPreTrainedModel.post_init = lambda self: None
    return modeling, importlib.import_module("caduceus.configuration_caduceus")


def main() -> None:
    modeling, configuration = without_kernels(*sys.argv[1:3])
    ids, mask = batch(12, FIRST_BASE, PADDING_ID)
    ids, labels = masked_labels(ids, mask, MASK_ID)
    for name, config in CONFIGS.items():
        model = modeling.CaduceusForMaskedLM(configuration.CaduceusConfig(**deepcopy(config)))
        table = model.get_input_embeddings().weight
        if config["rcps"]:
            model.lm_head.set_weight(table)
        elif config.get("tie_word_embeddings", True):
            model.lm_head.weight = table
        randomise(model)

        def run(ids, mask, model=model):
            rows = []
            for row, real in zip(ids, mask.sum(1).tolist(), strict=True):
                last, hidden = model.caduceus(row[None, :real], output_hidden_states=True, return_dict=False)
                # Where the norm is not fused with the sum, the reference leaves the last state out of its list.
                states = [*hidden, last] if len(hidden) == config["n_layer"] else hidden
                logits = model(row[None, :real], return_dict=True).logits
                rows.append([pad(states, (0, 0, 0, len(row) - real)) for states in (*states, logits)])
            *hidden, logits = [torch.cat(parts) for parts in zip(*rows, strict=True)]
            return hidden, logits

        write(name, config, model, ids, mask, labels, run)


if __name__ == "__main__":
    main()
