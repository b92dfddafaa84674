"""BERT6mA: the authors' own code, tiny and with random weights.

Usage: python bert6ma.py FOLDER
FOLDER holds Bert_network.py (github.com/kuratahiroyuki/BERT6mA at 85d4a522154296d28f1aa008dc744ba437a9cac9, BERT6mA/predict).
Beside what all goldens have: word_vectors.safetensors, and in golden.safetensors the sequences (metadata), the classifier's `scores` [2, 1] of the rows
of full length, which are `scored`, their `labels`, the mean binary cross-entropy and its gradients. The reference knows no padding, so every row is
run by itself; what stands at padding is zero. Words that have no vector are zero vectors, as the authors' emb_seq means them to be.
"""

import itertools
import json
import sys
from pathlib import Path

import torch
from golden import randomise
from safetensors.torch import save_file

HERE = Path(__file__).parent / "bert6ma"
K, TOKENS = 2, 7
SEQUENCES = ["ACGTNACG", "TTGCA", "GGATTACA"]
CONFIG = {
    "model_type": "bert6ma",
    "vocab_size": 4**K,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "attention_head_size": 6,
    "intermediate_size": 12,
    "classifier_tokens": TOKENS,
}


def main() -> None:
    sys.path.insert(0, sys.argv[1])
    from Bert_network import BERT

    generator = torch.Generator().manual_seed(3)
    words = ["".join(letters) for letters in itertools.product("ACGT", repeat=K)]
    words = [words[i] for i in torch.randperm(len(words), generator=generator)]
    vectors = torch.randn(len(words), CONFIG["hidden_size"], generator=generator).requires_grad_()
    table = torch.cat([vectors, torch.zeros(1, CONFIG["hidden_size"])])
    model = BERT(2, 8, 2, 6, 12, TOKENS)
    randomise(model)

    rows = [[words.index(w) if w in words else len(words) for w in (s[i : i + K] for i in range(len(s) - K + 1))] for s in SEQUENCES]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [len(words)] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    hidden = [[], [], []]
    for row in rows:
        x = table[torch.tensor(row)][None]
        for layer in range(3):
            hidden[layer].append(torch.nn.functional.pad(x[0], (0, 0, 0, longest - len(row))))
            if layer < 2:
                x, _ = model.layers[layer](x)

    scored = torch.tensor([i for i, row in enumerate(rows) if len(row) == TOKENS])
    labels = torch.tensor([1, 0])
    scores = model(table[ids[scored]])
    loss = torch.nn.functional.binary_cross_entropy(scores[:, 0], labels.float())
    loss.backward()

    tensors = {"ids": ids, "mask": mask, "scored": scored, "labels": labels, "scores": scores, "loss": loss.reshape(1)}
    tensors |= {f"hidden.{layer}": torch.stack(states) for layer, states in enumerate(hidden)}
    tensors |= {f"gradient.{name}": parameter.grad for name, parameter in model.named_parameters()}
    tensors["gradient.vectors"] = vectors.grad
    plain = lambda values: {key: value.detach().clone().contiguous() for key, value in values.items()}
    HERE.mkdir(exist_ok=True)
    save_file(plain(tensors), HERE / "golden.safetensors", {"sequences": json.dumps(SEQUENCES)})
    save_file(plain(dict(model.named_parameters())), HERE / "model.safetensors", {"format": "pt"})
    save_file(plain({"vectors": vectors}), HERE / "word_vectors.safetensors", {"words": json.dumps(words)})
    (HERE / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")


if __name__ == "__main__":
    main()
