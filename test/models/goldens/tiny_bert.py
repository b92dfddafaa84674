"""Hidden states and logits of the folder tiny-bert/ (written by tiny-bert.ts) in transformers' BertForMaskedLM.

Tokenised here from scratch: 2-mers in the order A, C, G, T after [MASK] = 0 and [UNK] = 1; padding is [UNK] under a mask of 0.
Run beside the folder: python tiny_bert.py. Needs torch and transformers.
"""

import json
from pathlib import Path

import torch
from transformers import BertForMaskedLM

HERE = Path(__file__).parent
SEQUENCES = ["ACGGTAACGGTAACGGTA", "TTGCACTT", "GATTACANCATTAGNNGACCATTACA", "ACGT"]
K = 2


def tokens(sequence):
    kmers = [sequence[i : i + K] for i in range(0, len(sequence) - K + 1, K)]
    return [2 + 4 * "ACGT".index(a) + "ACGT".index(b) if "N" not in (a, b) else 1 for a, b in kmers]


def rounded(tensor):
    return [float(f"{value:.9g}") for value in tensor.flatten().tolist()]


model, info = BertForMaskedLM.from_pretrained(HERE / "tiny-bert", output_loading_info=True)
assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"], info
model.eval()
rows = [tokens(sequence) for sequence in SEQUENCES]
longest = max(map(len, rows))
ids = torch.tensor([row + [1] * (longest - len(row)) for row in rows])
mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
with torch.no_grad():
    output = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
golden = {
    "sequences": SEQUENCES,
    "ids": ids.flatten().tolist(),
    "mask": mask.flatten().tolist(),
    "shape": list(output.hidden_states[0].shape),
    "hiddenStates": [rounded(states) for states in output.hidden_states],
}
(HERE / "tiny_bert.golden.json").write_text(json.dumps(golden))
