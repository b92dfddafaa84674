"""GPN: the authors' own package; its first release, its successor, and the successor with ByteNet's blocks.

Usage: python gpn.py FOLDER
FOLDER holds the package `gpn` (github.com/songlab-cal/gpn at 99293f823a7f01dd5f9a05a7e2d7db701cda9228).
The reference knows no padding mask, so every row is run by itself, without its padding; what stands there in the golden is zero.
"""

import sys

import torch
from golden import batch, masked_labels, randomise, write

LEGACY = {
    "architectures": ["ConvNetForMaskedLM"],
    "dilation_base": 2,
    "dilation_cycle": 2,
    "dilation_double_every": 1,
    "dilation_max": 32,
    "hidden_size": 16,
    "initializer_range": 0.02,
    "kernel_size": 5,
    "model_type": "ConvNet",
    "n_aux_features": 0,
    "n_layers": 3,
    "vocab_size": 7,
}
SUCCESSOR = {
    "architectures": ["GPNForMaskedLM"],
    "bias": True,
    "depthwise": True,
    "dilation_base": 2,
    "dilation_cycle": 8,
    "dilation_double_every": 1,
    "dilation_max": 2,
    "embedding": "one_hot",
    "encoder": "convnet",
    "first_kernel_size": 5,
    "hidden_dropout_prob": 0.0,
    "hidden_size": 16,
    "initializer_range": 0.02,
    "intermediate_size": 24,
    "mlm_head_transform": True,
    "model_type": "GPN",
    "n_aux_features": 0,
    "num_hidden_layers": 3,
    "rest_kernel_size": 4,
    "slim": False,
    "tie_word_embeddings": False,
    "vocab_size": 7,
}
BYTENET = {
    **SUCCESSOR,
    "bias": False,
    "depthwise": False,
    "dilation_max": 9999,
    "embedding": "embedding",
    "encoder": "bytenet",
    "mlm_head_transform": False,
    "rest_kernel_size": 3,
    "slim": True,
}
MASK_ID = 1


def runner(model):
    """Embeddings, every layer's output, the last as the head reads it; logits. Row by row, without padding."""
    encoder = model.model.encoder
    layers = list(encoder.layer if hasattr(encoder, "layer") else encoder)
    embeddings = model.model.embeddings if hasattr(model.model, "embeddings") else model.model.embedding

    def one(ids):
        hidden = []
        handles = [
            part.register_forward_hook(lambda _module, _inputs, output: hidden.append(output))
            for part in [embeddings, *layers[:-1]]
        ]
        hidden.append(model.model(input_ids=ids).last_hidden_state)
        for handle in handles:
            handle.remove()
        return [*hidden, model.cls(hidden[-1])]

    def run(ids, mask):
        rows = []
        for row, real in zip(ids, mask.sum(1).tolist()):
            padding = (0, 0, 0, ids.shape[1] - real)
            rows.append([torch.nn.functional.pad(part[0], padding) for part in one(row[None, :real])])
        *hidden, logits = [torch.stack(parts) for parts in zip(*rows)]
        return hidden, logits

    return run


def main() -> None:
    sys.path.insert(0, sys.argv[1])
    from gpn.model import ConvNetConfig, ConvNetForMaskedLM, GPNConfig, GPNForMaskedLM

    cases = (
        ("gpn-legacy", LEGACY, ConvNetConfig, ConvNetForMaskedLM),
        ("gpn", SUCCESSOR, GPNConfig, GPNForMaskedLM),
        ("gpn-bytenet", BYTENET, GPNConfig, GPNForMaskedLM),
    )
    for name, config, config_class, model_class in cases:
        model = model_class(config_class(**config))
        randomise(model)
        with torch.no_grad():
            for module in model.modules():
                if isinstance(module, torch.nn.LayerNorm):
                    module.weight.add_(1.0)
        ids, mask = batch(config["vocab_size"], 2, 0)
        ids, labels = masked_labels(ids, mask, MASK_ID)
        write(name, config, model, ids, mask, labels, runner(model))


if __name__ == "__main__":
    main()
