"""What the golden scripts share: random weights that show a wrong binding, a batch with a short row, and the files of one golden folder.

A golden folder holds config.json, model.safetensors and golden.safetensors (ids, mask, hidden.0.., logits, labels, loss, gradient.*).
"""

import itertools
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
ROWS, TOKENS, SHORT = 3, 12, 7
IGNORED = -100


def randomise(model: torch.nn.Module, seed: int = 0, deviation: float = 0.2) -> None:
    """Every weight, bias and gain random, none 0 or 1 alone: a binding that mixes two of them up then shows."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            centre = 1.0 if "norm" in name.lower() and name.endswith("weight") else 0.0
            parameter.copy_(centre + deviation * torch.randn(parameter.shape, generator=generator))


def batch(vocabulary: int, first_id: int, padding_id: int, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """ids and mask, [ROWS, TOKENS]; the second row is short and padded on the right."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(first_id, vocabulary, (ROWS, TOKENS), generator=generator)
    mask = torch.ones_like(ids)
    ids[1, SHORT:] = padding_id
    mask[1, SHORT:] = 0
    return ids, mask


def kmer_words(k: int) -> list[str]:
    return ["".join(letters) for letters in itertools.product("ATCG", repeat=k)]


def esm_tokenizer(k: int, length: int) -> dict[str, str]:
    """Files of the Nucleotide Transformer's tokenizer: k-mers and single letters; the last two words have no row in the model."""
    words = ["<unk>", "<pad>", "<mask>", "<cls>", *kmer_words(k), *"ATCGN", "<eos>", "<bos>"]
    settings = {"eos_token": None, "model_max_length": length, "tokenizer_class": "EsmTokenizer"}
    return {"vocab.txt": "\n".join(words), "tokenizer_config.json": json.dumps(settings, indent=2) + "\n"}


def masked_labels(ids: torch.Tensor, mask: torch.Tensor, mask_id: int | None, seed: int = 2):
    """About a third of the real tokens are asked for; -100 elsewhere. Half of those are hidden where there is a mask token."""
    generator = torch.Generator().manual_seed(seed)
    draw = torch.rand(ids.shape, generator=generator)
    asked = (draw < 0.33) & (mask == 1)
    labels = torch.where(asked, ids, torch.full_like(ids, IGNORED))
    if mask_id is None:
        return ids, labels
    return torch.where((draw < 0.16) & (mask == 1), torch.full_like(ids, mask_id), ids), labels


def write(name: str, config: dict, model: torch.nn.Module, ids, mask, labels, run, files: dict[str, str] | None = None) -> None:
    """`run(ids, mask)` -> (hidden states, logits). Writes the folder; tied weights once, under the name of `named_parameters`.
    `files` are others of the folder, such as a tokenizer's."""
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    model.eval()
    model.zero_grad()
    hidden, logits = run(ids, mask)
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
    loss.backward()
    tensors = {"ids": ids, "mask": mask, "labels": labels, "logits": logits, "loss": loss.reshape(1)}
    tensors |= {f"hidden.{layer}": states for layer, states in enumerate(hidden)}
    tensors |= {f"gradient.{k}": p.grad for k, p in model.named_parameters() if p.grad is not None}
    save_file({key: value.detach().clone().contiguous() for key, value in tensors.items()}, folder / "golden.safetensors")
    weights = {key: value.detach().clone().contiguous() for key, value in model.named_parameters()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    for file, text in (files or {}).items():
        (folder / file).write_text(text)
