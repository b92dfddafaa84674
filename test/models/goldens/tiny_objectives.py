"""Hidden states of folders that pre-training wrote (tiny-objectives.ts) in the classes that their config.json names.

BarcodeMAE's encoder in BertModel, BarcodeBERT and the causal comparison in BertForTokenClassification, with its logits.
Tokenised as in tiny_bert.py. Run beside the folders: python tiny_objectives.py. Needs torch and transformers.
"""

import json
from pathlib import Path

import torch
import transformers

HERE = Path(__file__).parent
SEQUENCES = ["ACGGTAACGGTAACGGTA", "TTGCACTT", "GATTACANCATTAGNNGACC", "ACGT"]
K = 2


def tokens(sequence):
    kmers = [sequence[i : i + K] for i in range(0, len(sequence) - K + 1, K)]
    return [2 + 4 * "ACGT".index(a) + "ACGT".index(b) if "N" not in (a, b) else 1 for a, b in kmers]


def rounded(tensor):
    return [float(f"{value:.7g}") for value in tensor.flatten().tolist()]


rows = [tokens(sequence) for sequence in SEQUENCES]
longest = max(map(len, rows))
ids = torch.tensor([row + [1] * (longest - len(row)) for row in rows])
mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
golden = {"sequences": SEQUENCES, "ids": ids.flatten().tolist(), "mask": mask.flatten().tolist(), "models": {}}
for folder in ("tiny-mae", "tiny-barcodebert", "tiny-causal"):
    [architecture] = json.loads((HERE / folder / "config.json").read_text())["architectures"]
    options = {"add_pooling_layer": False} if architecture == "BertModel" else {}
    model, info = getattr(transformers, architecture).from_pretrained(HERE / folder, output_loading_info=True, **options)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"], info
    with torch.no_grad():
        output = model.eval()(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    states = output.hidden_states
    golden["models"][folder] = {
        "architecture": architecture,
        "shape": list(states[0].shape),
        "hiddenStates": [rounded(state) for state in states],
        **({"logitsShape": list(output.logits.shape), "logits": rounded(output.logits)} if "logits" in output else {}),
    }
(HERE / "tiny_objectives.golden.json").write_text(json.dumps(golden) + "\n")
