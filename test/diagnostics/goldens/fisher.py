"""Makes fisher.json and fisher.onnx: empirical Fisher information and saliency by PyTorch's autograd, one backward pass per batch and one per asked token.

    python fisher.py        (needs torch, transformers, safetensors, onnx)

Models are the tiny checkpoints of test/models/goldens/architectures, in float64. A tied word table is split by a model whose output matrix is a parameter of
its own with the same values: gradients of both, and of their sum. fisher.onnx is the BERT as PyTorch exports it.
"""

import io
import json
from pathlib import Path

import onnx
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).parent
CHECKPOINTS = HERE.parents[1] / "models/goldens/architectures"
TOKENS, ROWS, BATCHES = 11, 3, 2
MASK_ID = 4

# name -> (config, model, word table, output matrix or None where the head is its own)
MODELS = {
    "bert": (BertConfig, BertForMaskedLM, "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"),
    "gpt2": (GPT2Config, GPT2LMHeadModel, "transformer.wte.weight", "lm_head.weight"),
    "llama": (LlamaConfig, LlamaForCausalLM, "model.embed_tokens.weight", None),
}


def load(name):
    """The checkpoint with its output matrix as a parameter of its own, in float64."""
    config_class, model_class, words, output = MODELS[name]
    config = json.loads((CHECKPOINTS / name / "config.json").read_text())
    weights = load_file(CHECKPOINTS / name / "model.safetensors")
    settings = config_class(**{**config, "tie_word_embeddings": False, "attn_implementation": "eager"})
    model = model_class(settings)
    if output:
        weights[output] = weights[words].clone()
    if name == "bert":
        weights["cls.predictions.decoder.bias"] = weights["cls.predictions.bias"]
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected and all(key in ("cls.predictions.bias",) for key in missing), (missing, unexpected)
    return model.double().eval(), config


def asked_batches(name, vocabulary):
    """Random windows, the second of a batch short; masked: about a quarter behind [MASK]; causal: all next tokens."""
    generator = torch.Generator().manual_seed(7)
    made = []
    for _ in range(BATCHES):
        ids = torch.randint(5, vocabulary, (ROWS, TOKENS), generator=generator)
        mask = torch.ones_like(ids)
        ids[1, 7:] = 0
        mask[1, 7:] = 0
        if name == "bert":
            places = ((torch.rand(ids.shape, generator=generator) < 0.25) & (mask == 1)).flatten().nonzero().flatten()
            targets = ids.flatten()[places]
            ids = ids.flatten().scatter(0, places, MASK_ID).reshape(ids.shape)
        else:
            after = torch.cat([mask[:, 1:], torch.zeros_like(mask[:, :1])], 1)
            places = (after == 1).flatten().nonzero().flatten()
            targets = ids.flatten()[places + 1]
        made.append((ids, mask, places, targets))
    return made


def cross_entropies(model, ids, mask, places, targets):
    """[m], of each asked token."""
    logits = model(input_ids=ids, attention_mask=mask).logits.flatten(0, 1)[places]
    return torch.nn.functional.cross_entropy(logits, targets, reduction="none")


def name_here(name):
    return {"cls.predictions.decoder.bias": "cls.predictions.bias"}.get(name, name)


def squares(model, loss, words, output):
    """Sum of squared gradient entries by parameter; of a tied table the sum of both roles, and each."""
    named = [(key, parameter) for key, parameter in model.named_parameters()]
    gradients = dict(zip([k for k, _ in named], torch.autograd.grad(loss, [p for _, p in named], retain_graph=True, allow_unused=True)))
    found = {name_here(k): g.pow(2).sum().item() for k, g in gradients.items() if g is not None and k != output}
    if output:
        found[words] = (gradients[words] + gradients[output]).pow(2).sum().item()
        found["input role"] = gradients[words].pow(2).sum().item()
        found["output role"] = gradients[output].pow(2).sum().item()
    return found


def add(total, more):
    for key, value in more.items():
        total[key] = total.get(key, 0.0) + value


def saliency(model, ids, mask, places, targets):
    """d (sum of CE over the asked) / d (word vectors), and d (sum of the asked logits) likewise: [rows, tokens] of gradient . input and of the norm."""
    vectors = model.get_input_embeddings()(ids).detach().requires_grad_()
    logits = model(inputs_embeds=vectors, attention_mask=mask).logits.flatten(0, 1)[places]
    losses = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
    chosen = logits.gather(1, targets[:, None]).sum()
    made = {}
    for key, objective in {"loss": losses, "logit": chosen}.items():
        (gradient,) = torch.autograd.grad(objective, vectors, retain_graph=True)
        made[key] = {"gradientTimesInput": (gradient * vectors).sum(-1).tolist(), "gradientNorm": gradient.norm(dim=-1).tolist()}
    return made


def golden(name):
    model, config = load(name)
    words, output = MODELS[name][2:]
    batches = asked_batches(name, config["vocab_size"])
    batch_mean, per_token, loss, tokens = {}, {}, 0.0, 0
    for batch in batches:
        losses = cross_entropies(model, *batch)
        add(batch_mean, squares(model, losses.mean(), words, output))
        for token in losses:
            add(per_token, squares(model, token, words, output))
        loss += losses.sum().item()
        tokens += len(losses)
    return {
        "batches": [dict(zip(("ids", "mask", "places", "targets"), (t.tolist() for t in batch))) for batch in batches],
        "tokens": tokens,
        "loss": loss / tokens,
        "batchMean": {k: v / tokens for k, v in batch_mean.items()},
        "perToken": {k: v / tokens for k, v in per_token.items()},
        "saliency": saliency(model, *batches[0]),
    }


def export(path):
    """BERT with its table tied, as PyTorch's TorchScript exporter writes it at a fixed number of tokens."""
    config = json.loads((CHECKPOINTS / "bert/config.json").read_text())
    model = BertForMaskedLM(BertConfig(**config, attn_implementation="eager"))
    model.load_state_dict(load_file(CHECKPOINTS / "bert/model.safetensors"), strict=False)
    model.tie_weights()
    model.eval()

    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask):
            # Embeddings and the mask written out: transformers' own code makes shapes and indices while it runs.
            made = model.bert.embeddings
            places = made.position_embeddings.weight[:TOKENS] + made.token_type_embeddings.weight[0]
            hidden = made.LayerNorm(made.word_embeddings(input_ids) + places)
            bias = (1.0 - attention_mask[:, None, None, :].float()) * -1e9
            for layer in model.bert.encoder.layer:
                made = layer(hidden, bias)
                hidden = made[0] if isinstance(made, tuple) else made
            return model.cls(hidden)

    ids = torch.randint(5, config["vocab_size"], (ROWS, TOKENS))
    buffer = io.BytesIO()
    torch.onnx.export(
        Logits(), (ids, torch.ones_like(ids)), buffer, input_names=["input_ids", "attention_mask"], output_names=["logits"],
        dynamic_axes={key: {0: "rows"} for key in ("input_ids", "attention_mask", "logits")}, opset_version=17, dynamo=False,
    )
    proto = onnx.load_from_string(buffer.getvalue())
    for node in proto.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    onnx.save(proto, path)
    print(path.name, path.stat().st_size, "bytes;", sorted({n.op_type for n in proto.graph.node}), [i.name for i in proto.graph.initializer])


def main():
    text = json.dumps({name: golden(name) for name in MODELS})
    (HERE / "fisher.json").write_text(text + "\n")
    print(len(text), "bytes")
    export(HERE / "fisher.onnx")


if __name__ == "__main__":
    main()
