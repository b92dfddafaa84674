"""Writes rotary.golden.json: rotary positions of transformers' GPT-NeoX and their gradients. Needs torch and transformers.

    python test/onnx/goldens/rotary.py
"""

import json
import pathlib

import torch
from transformers import GPTNeoXConfig
from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXRotaryEmbedding, apply_rotary_pos_emb

torch.manual_seed(5)
CASES = [("a whole head", 10000.0, 8, 1.0), ("another theta", 160000.0, 8, 1.0), ("a quarter of a head", 10000.0, 16, 0.25)]


def tensor(x):
    return {"shape": list(x.shape), "dtype": "float32", "data": [float(f"{v:.9g}") for v in x.detach().flatten().tolist()]}


found = []
for name, theta, head, share in CASES:
    heads, tokens = 2, 7
    config = GPTNeoXConfig(
        hidden_size=heads * head,
        num_attention_heads=heads,
        rope_parameters={"rope_type": "default", "rope_theta": theta, "partial_rotary_factor": share},
    )
    states = torch.randn(2, heads, tokens, head, requires_grad=True)
    weight = torch.randn(2, heads, tokens, head)
    cosine, sine = GPTNeoXRotaryEmbedding(config)(states, torch.arange(tokens)[None])
    turned, _ = apply_rotary_pos_emb(states, states, cosine, sine)
    (turned * weight).sum().backward()
    assert cosine.shape[-1] == int(head * share)
    tensors = {"states": states, "weight": weight, "turned": turned, "gradient": states.grad}
    found.append({"name": name, "theta": theta, "width": int(head * share), "tensors": {k: tensor(v) for k, v in tensors.items()}})

path = pathlib.Path(__file__).with_name("rotary.golden.json")
path.write_text("[\n" + ",\n".join(json.dumps(item, separators=(",", ":")) for item in found) + "\n]\n")
