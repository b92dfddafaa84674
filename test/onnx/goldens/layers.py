"""Goldens of layers and losses with their weights, by PyTorch and transformers in float64.

Each case is {name, layer, settings, inputs, parameters, outputs, outputGradient, inputGradients, parameterGradients}, where the
loss is the sum over `outputGradient` of sum(output * cotangent) (for a loss layer the cotangent is 1). Linear weights have
PyTorch's layout [out, in]. Attention masks are [batch, tokens], 1 = a real token, 0 = padding hidden from every query as a key
(a padded query still gets an output). Parameters bear the names written in each section.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn
from transformers.models.bert.modeling_bert import BertConfig, BertLayer
from transformers.models.esm.modeling_esm import apply_rotary_pos_emb

from golden import gradients, ints, normal, seed, tensors_json, uniform, write

cases = []


def golden(name, layer, settings, inputs, parameters, function, cotangent=None):
    """Adds a case; `function(inputs, parameters)` returns the outputs by name, `inputs` and `parameters` are made after seeding."""
    seed(name)
    given, weights = inputs(), parameters()
    given = {k: v.requires_grad_() if v.is_floating_point() else v for k, v in given.items()}
    weights = {k: v.detach().clone().requires_grad_() for k, v in weights.items()}
    outputs = function(given, weights)
    cotangents = {k: normal(*v.shape) if cotangent is None else torch.tensor(cotangent) for k, v in outputs.items()}
    loss = sum((outputs[k] * cotangents[k]).sum() for k in outputs)
    leaves = {("input", k): v for k, v in given.items() if v.requires_grad} | {("parameter", k): v for k, v in weights.items()}
    grads = gradients(loss, leaves)
    cases.append(
        {
            "name": name,
            "layer": layer,
            "settings": settings,
            "inputs": tensors_json(given),
            "parameters": tensors_json(weights),
            "outputs": tensors_json(outputs),
            "outputGradient": tensors_json(cotangents),
            "inputGradients": tensors_json({k: g for (kind, k), g in grads.items() if kind == "input"}),
            "parameterGradients": tensors_json({k: g for (kind, k), g in grads.items() if kind == "parameter"}),
        }
    )


def linear(prefix, out, into, bias=True):
    given = {f"{prefix}.weight": normal(out, into, scale=into**-0.5)}
    return given | ({f"{prefix}.bias": normal(out, scale=0.3)} if bias else {})


def norm(prefix, width, bias=True):
    given = {f"{prefix}.weight": normal(width, scale=0.3, shift=1.0)}
    return given | ({f"{prefix}.bias": normal(width, scale=0.3)} if bias else {})


def apply(weights, prefix, x):
    return F.linear(x, weights[f"{prefix}.weight"], weights.get(f"{prefix}.bias"))


# --- Attention -------------------------------------------------------------------------------------------------------
# query, key, value, output: Linear(width, width) each; heads are consecutive slices of the width (head 0 is the first width/heads).

MASKS = {
    "no padding": [[1, 1, 1, 1, 1], [1, 1, 1, 1, 1]],
    "padding": [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]],
    "one token only, and a hole": [[1, 0, 0, 0, 0], [1, 0, 1, 1, 0]],
}


def split_heads(x, heads):
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)  # [batch, heads, tokens, width / heads]


def attend(x, mask, weights, heads, bias=0.0, rotate=None):
    """softmax(q k^T / sqrt(width / heads) + bias, over unmasked keys) v, then the output projection."""
    q, k, v = (split_heads(apply(weights, n, x), heads) for n in ("query", "key", "value"))
    if rotate:
        q, k = rotate(q), rotate(k)
    hidden = torch.zeros(mask.shape).masked_fill(mask == 0, -math.inf)[:, None, None, :]
    context = F.scaled_dot_product_attention(q, k, v, attn_mask=(hidden + bias).expand(-1, heads, x.shape[1], -1))
    return apply(weights, "output", context.transpose(1, 2).flatten(2))


def attention_parameters(width):
    return {k: v for n in ("query", "key", "value", "output") for k, v in linear(n, width, width).items()}


def check_multihead(x, mask, weights, heads, actual):
    """The same as nn.MultiheadAttention with its stacked projection."""
    reference = nn.MultiheadAttention(x.shape[-1], heads, batch_first=True)
    stacked = {
        "in_proj_weight": torch.cat([weights[f"{n}.weight"] for n in ("query", "key", "value")]),
        "in_proj_bias": torch.cat([weights[f"{n}.bias"] for n in ("query", "key", "value")]),
        "out_proj.weight": weights["output.weight"],
        "out_proj.bias": weights["output.bias"],
    }
    reference.load_state_dict(stacked)
    torch.testing.assert_close(reference(x, x, x, key_padding_mask=mask == 0, need_weights=False)[0], actual)


def rotary_tables(tokens, dim):
    """cos and sin [tokens, dim]: frequency 10000^(-2i / dim) for i < dim / 2, the half repeated (ESM, NT-v2)."""
    frequency = 10000.0 ** (-torch.arange(0, dim, 2) / dim)
    angle = torch.outer(torch.arange(tokens).double(), frequency)
    angle = torch.cat([angle, angle], -1)
    return angle.cos(), angle.sin()


def rotary(x):
    """x cos + rotate_half(x) sin with rotate_half(x1, x2) = (-x2, x1); x is [batch, heads, tokens, dim]."""
    cos, sin = rotary_tables(x.shape[2], x.shape[3])
    x1, x2 = x.chunk(2, -1)
    return x * cos + torch.cat([-x2, x1], -1) * sin


def alibi_slopes(heads):
    """2^(-8h / heads), h = 1 ... heads; for another than a power of two, that of the power below, then every second of twice it."""
    power = 2 ** math.floor(math.log2(heads))
    slopes = [2 ** (-8 * h / power) for h in range(1, power + 1)]
    return slopes if power == heads else slopes + alibi_slopes(2 * power)[0::2][: heads - power]


def alibi_bias(heads, tokens):
    """-slope * |i - j|, symmetric as encoders use it (DNABERT-2): [heads, tokens, tokens]."""
    position = torch.arange(tokens).double()
    return -torch.tensor(alibi_slopes(heads))[:, None, None] * (position[:, None] - position[None, :]).abs()


for label, mask in MASKS.items():
    for width, heads in [(8, 2), (6, 3)]:

        def attention(given, weights, heads=heads):
            output = attend(given["hiddenStates"], given["attentionMask"], weights, heads)
            check_multihead(given["hiddenStates"], given["attentionMask"], weights, heads, output)
            return {"output": output}

        golden(
            f"multi-head attention, {heads} heads, {label}",
            "multiHeadAttention",
            {"heads": heads},
            lambda width=width, mask=mask: {"hiddenStates": normal(2, 5, width), "attentionMask": ints(mask)},
            lambda width=width: attention_parameters(width),
            attention,
        )
    golden(
        f"attention with rotary positions, {label}",
        "rotaryAttention",
        {"heads": 2, "base": 10000},
        lambda mask=mask: {"hiddenStates": normal(2, 5, 8), "attentionMask": ints(mask)},
        lambda: attention_parameters(8),
        lambda given, weights: {"output": attend(given["hiddenStates"], given["attentionMask"], weights, 2, rotate=rotary)},
    )
    golden(
        f"attention with ALiBi, {label}",
        "alibiAttention",
        {"heads": 3},
        lambda mask=mask: {"hiddenStates": normal(2, 5, 6), "attentionMask": ints(mask)},
        lambda: attention_parameters(6),
        lambda given, weights: {"output": attend(given["hiddenStates"], given["attentionMask"], weights, 3, bias=alibi_bias(3, 5))},
    )


def scaled_dot_product(given, _):
    mask = given["attentionMask"][:, None, None, :] == 1
    return {"output": F.scaled_dot_product_attention(given["query"], given["key"], given["value"], attn_mask=mask)}


golden(
    "scaled dot-product attention, fewer queries than keys",
    "scaledDotProductAttention",
    {},
    lambda: {"query": normal(2, 2, 3, 4), "key": normal(2, 2, 5, 4), "value": normal(2, 2, 5, 4), "attentionMask": ints(MASKS["padding"])},
    dict,
    scaled_dot_product,
)
for tokens, dim in [(5, 4), (7, 6), (3, 2)]:

    def rotate_states(given, _):
        output, states = rotary(given["states"]), given["states"]
        cos, sin = (t[None] for t in rotary_tables(*states.shape[2:]))
        torch.testing.assert_close(apply_rotary_pos_emb(states, states, cos, sin)[0], output, rtol=1e-5, atol=1e-6)
        return {"output": output}

    golden(
        f"rotary positions, {tokens} tokens, {dim} wide",
        "rotaryPositions",
        {"base": 10000},
        lambda t=tokens, d=dim: {"states": normal(2, 2, t, d)},
        dict,
        rotate_states,
    )
for heads, tokens in [(2, 4), (4, 5), (12, 3)]:
    golden(
        f"ALiBi bias, {heads} heads",
        "alibiBias",
        {"heads": heads},
        lambda heads=heads, tokens=tokens: {"scores": normal(1, heads, tokens, tokens)},
        dict,
        lambda given, _, heads=heads, tokens=tokens: {"output": given["scores"] + alibi_bias(heads, tokens)},
    )

# --- Encoder blocks --------------------------------------------------------------------------------------------------
# bertLayer: transformers' BertLayer state dict, post-norm, GELU (erf), LayerNorm epsilon 1e-12.
# preNormBlock: nn.TransformerEncoderLayer state dict, norm_first; in_proj stacks query, key, value along the rows.
# modernBlock: x + attention(rmsNorm(x)) with rotary positions, then + down(silu(gate(h)) * up(h)), h = rmsNorm; no biases but attention's.


def module_parameters(module):
    for name, parameter in module.named_parameters():
        is_norm = parameter.dim() == 1 and name.endswith("weight")
        parameter.data = normal(*parameter.shape, scale=0.3, shift=1.0 if is_norm else 0.0)
    return dict(module.named_parameters())


def bert_layer():
    config = BertConfig(
        hidden_size=8, num_attention_heads=2, intermediate_size=12, hidden_act="gelu",
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, layer_norm_eps=1e-12, attn_implementation="eager",
    )  # fmt: skip
    return BertLayer(config).eval()


def bert_forward(given, weights):
    hidden = torch.zeros(given["attentionMask"].shape).masked_fill(given["attentionMask"] == 0, torch.finfo(torch.float64).min)
    output = torch.func.functional_call(bert_layer(), weights, (given["hiddenStates"], hidden[:, None, None, :]))
    return {"output": output}


def pre_norm_layer():
    return nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, activation="gelu", batch_first=True, norm_first=True, layer_norm_eps=1e-5)


def modern_parameters():
    attention = {f"attention.{k}": v for k, v in attention_parameters(8).items()}
    feed_forward = linear("gate", 12, 8, False) | linear("up", 12, 8, False) | linear("down", 8, 12, False)
    return norm("attentionNorm", 8, False) | attention | norm("feedForwardNorm", 8, False) | feed_forward


def modern_forward(given, weights):
    x = given["hiddenStates"]
    attention = {k.removeprefix("attention."): v for k, v in weights.items() if k.startswith("attention.")}
    x = x + attend(F.rms_norm(x, (8,), weights["attentionNorm.weight"], 1e-6), given["attentionMask"], attention, 2, rotate=rotary)
    h = F.rms_norm(x, (8,), weights["feedForwardNorm.weight"], 1e-6)
    return {"output": x + apply(weights, "down", F.silu(apply(weights, "gate", h)) * apply(weights, "up", h))}


def pre_norm_forward(given, weights):
    call = torch.func.functional_call(
        pre_norm_layer(), weights, (given["hiddenStates"],), {"src_key_padding_mask": given["attentionMask"] == 0}
    )
    return {"output": call}


for label, mask in MASKS.items():
    for layer, settings, parameters, function in [
        (
            "bertLayer",
            {"heads": 2, "feedForward": 12, "activation": "gelu", "epsilon": 1e-12},
            lambda: module_parameters(bert_layer()),
            bert_forward,
        ),
        (
            "preNormBlock",
            {"heads": 2, "feedForward": 12, "activation": "gelu", "epsilon": 1e-5},
            lambda: module_parameters(pre_norm_layer()),
            pre_norm_forward,
        ),
        (
            "modernBlock",
            {"heads": 2, "feedForward": 12, "activation": "silu", "epsilon": 1e-6, "base": 10000},
            modern_parameters,
            modern_forward,
        ),
    ]:
        golden(
            f"{layer}, {label}",
            layer,
            settings,
            lambda mask=mask: {"hiddenStates": normal(2, 5, 8), "attentionMask": ints(mask)},
            parameters,
            function,
        )

# --- Gated linear units ----------------------------------------------------------------------------------------------
# One projection [2 * feedForward, width]. glu: first half * sigmoid(second half), as nn.GLU.
# geglu, swiglu: gelu or silu (first half) * second half, as DNABERT-2 and NT-v2. `down` brings it back to the width.

GATES = {
    "glu": lambda first, second: first * torch.sigmoid(second),
    "geglu": lambda first, second: F.gelu(first) * second,
    "swiglu": lambda first, second: F.silu(first) * second,
}
for layer, gate in GATES.items():
    for shape, feed_forward in [((3, 4), 5), ((2, 3, 4), 6)]:

        def gated(given, weights, gate=gate, layer=layer):
            packed = apply(weights, "projection", given["hiddenStates"])
            unit = gate(*packed.chunk(2, -1))
            if layer == "glu":
                torch.testing.assert_close(unit, F.glu(packed))
            return {"output": apply(weights, "down", unit)}

        golden(
            f"{layer} of {shape}",
            layer,
            {"feedForward": feed_forward},
            lambda shape=shape: {"hiddenStates": normal(*shape)},
            lambda f=feed_forward: linear("projection", 2 * f, 4) | linear("down", 4, f),
            gated,
        )
for shape in [(4,), (2, 3)]:
    golden(f"silu of {shape}", "silu", {}, lambda shape=shape: {"x": normal(*shape)}, dict, lambda given, _: {"output": F.silu(given["x"])})

# --- Embedding and pooling -------------------------------------------------------------------------------------------

for label, padding in [("no padding row", None), ("padding row 0", 0), ("padding row 3", 3)]:
    golden(
        f"embedding lookup, {label}",
        "embedding",
        {"paddingIndex": padding},
        lambda: {"tokens": ints([[1, 3, 3, 5], [2, 1, 0, 0]])},
        lambda: {"weight": normal(6, 3)},
        lambda given, weights, p=padding: {"output": F.embedding(given["tokens"], weights["weight"], p)},
    )


def pooled(given, kind):
    states, mask = given["hiddenStates"], given["attentionMask"][..., None]
    if kind == "mean":
        return {"output": (states * mask).sum(1) / mask.sum(1)}
    return {"output": states.masked_fill(mask == 0, -math.inf).amax(1) if kind == "max" else states[:, 0]}


for kind in ("mean", "max", "first"):
    golden(
        f"{kind} pooling under the mask",
        "pooling",
        {"pool": kind},
        lambda: {"hiddenStates": normal(2, 5, 3), "attentionMask": ints(MASKS["one token only, and a hole"])},
        dict,
        lambda given, _, kind=kind: pooled(given, kind),
    )

# --- Losses ----------------------------------------------------------------------------------------------------------
# crossEntropy: mean over rows whose label is not -100; with class weights the mean is weighted by the label's weight.

LABELS = [1, 3, 0, 3, 2]
IGNORING = [1, -100, 0, -100, 2]
CLASS_WEIGHTS = [1.0, 0.25, 2.0, 1.5]
for label, labels, weights, smoothing in [
    ("plain", LABELS, None, 0.0),
    ("ignored rows", IGNORING, None, 0.0),
    ("class weights", LABELS, CLASS_WEIGHTS, 0.0),
    ("class weights and ignored rows", IGNORING, CLASS_WEIGHTS, 0.0),
    ("label smoothing", LABELS, None, 0.1),
    ("label smoothing and ignored rows", IGNORING, None, 0.2),
    ("label smoothing, class weights and ignored rows", IGNORING, CLASS_WEIGHTS, 0.1),
]:
    golden(
        f"cross-entropy, {label}",
        "crossEntropy",
        {"ignoreIndex": -100, "classWeights": weights, "labelSmoothing": smoothing},
        lambda labels=labels: {"logits": normal(5, 4, scale=2.0), "labels": ints(labels)},
        dict,
        lambda given, _, w=weights, s=smoothing: {
            "loss": F.cross_entropy(given["logits"], given["labels"], torch.tensor(w) if w else None, ignore_index=-100, label_smoothing=s)
        },
        cotangent=1.0,
    )
golden(
    "cross-entropy of tokens",
    "crossEntropy",
    {"ignoreIndex": -100, "classWeights": None, "labelSmoothing": 0.0},
    lambda: {"logits": normal(2, 3, 5), "labels": ints([[4, -100, 0], [-100, -100, 2]])},
    dict,
    lambda given, _: {"loss": F.cross_entropy(given["logits"].flatten(0, 1), given["labels"].flatten(), ignore_index=-100)},
    cotangent=1.0,
)
golden(
    "cross-entropy of large logits",
    "crossEntropy",
    {"ignoreIndex": -100, "classWeights": None, "labelSmoothing": 0.0},
    lambda: {"logits": normal(4, 3, scale=60.0), "labels": ints([0, 1, 2, 0])},
    dict,
    lambda given, _: {"loss": F.cross_entropy(given["logits"], given["labels"])},
    cotangent=1.0,
)
for label, shape, positive, scale in [
    ("single output", (6, 1), None, 1.0),
    ("multilabel", (3, 4), None, 1.0),
    ("large logits", (4, 2), None, 50.0),
    ("positive weights", (3, 2), [3.0, 0.5], 1.0),
]:
    golden(
        f"binary cross-entropy with logits, {label}",
        "binaryCrossEntropyWithLogits",
        {"positiveWeights": positive},
        lambda shape=shape, scale=scale: {"logits": normal(*shape, scale=scale), "labels": (torch.rand(shape) < 0.5).to(torch.int64)},
        dict,
        lambda given, _, p=positive: {
            "loss": F.binary_cross_entropy_with_logits(given["logits"], given["labels"].double(), pos_weight=torch.tensor(p) if p else None)
        },
        cotangent=1.0,
    )
for shape in [(5,), (4, 1), (3, 4)]:
    golden(
        f"mean squared error of {shape}",
        "meanSquaredError",
        {},
        lambda shape=shape: {"predictions": normal(*shape), "targets": uniform(*shape)},
        dict,
        lambda given, _: {"loss": F.mse_loss(given["predictions"], given["targets"])},
        cotangent=1.0,
    )

assert len({case["name"] for case in cases}) == len(cases), "case names must be unique"
write(__file__, cases)
