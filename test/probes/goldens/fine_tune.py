"""Six steps of fine-tuning in PyTorch: transformers' BertModel from test/models/goldens/tiny-bert, masked mean, linear head, AdamW, OneCycleLR.

In float64, without dropout, decay on matrices only, momentum not cycled (ours is not). Tokenised here from scratch: 2-mers in the order
A, C, G, T after [MASK] = 0 and [UNK] = 1; padding is [UNK] under a mask of 0.
Run beside the golden: python fine_tune.py. Needs torch and transformers.
"""

import json
import random
from pathlib import Path

import torch
from transformers import BertModel

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[1] / "models" / "goldens" / "tiny-bert"
K, CLASSES, BATCH, STEPS, RATE, DECAY = 2, 3, 5, 6, 2e-3, 0.1

random.seed(3)
torch.manual_seed(3)
sequences = ["".join(random.choices("ACGT", k=random.randint(7, 40))) for _ in range(15)]
sequences[4] = sequences[4][:3] + "N" + sequences[4][4:]
labels = [random.randrange(CLASSES) for _ in sequences]
batches = [[(step * BATCH + i * 7) % len(sequences) for i in range(BATCH)] for step in range(STEPS)]


def encode(rows):
    tokens = []
    for row in rows:
        kmers = [sequences[row][i : i + K] for i in range(0, len(sequences[row]) - K + 1, K)]
        tokens.append([2 + 4 * "ACGT".index(a) + "ACGT".index(b) if "N" not in (a, b) else 1 for a, b in kmers])
    longest = max(map(len, tokens))
    ids = torch.tensor([row + [1] * (longest - len(row)) for row in tokens])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in tokens])
    return ids, mask


def rounded(tensor):
    return [float(f"{value:.7g}") for value in tensor.detach().flatten().tolist()]


body = BertModel.from_pretrained(FOLDER, add_pooling_layer=False).double().eval()
body.embeddings.word_embeddings.padding_idx = None  # else the row of [UNK], which pads here, would get no gradient
head = torch.nn.Linear(body.config.hidden_size, CLASSES).double()
torch.nn.init.normal_(head.weight, std=0.02)
torch.nn.init.zeros_(head.bias)
start = {"head.weight": rounded(head.weight), "head.bias": rounded(head.bias)}
with torch.no_grad():
    head.weight.copy_(torch.tensor(start["head.weight"]).reshape_as(head.weight))

named = [(f"bert.{name}", weight) for name, weight in body.named_parameters()]
named += [(f"head.{name}", weight) for name, weight in head.named_parameters()]
optimiser = torch.optim.AdamW(
    [
        {"params": [weight for _, weight in named if weight.dim() > 1], "weight_decay": DECAY},
        {"params": [weight for _, weight in named if weight.dim() == 1], "weight_decay": 0.0},
    ],
    lr=RATE,
)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=RATE, total_steps=STEPS, cycle_momentum=False)
losses = []
for rows in batches:
    ids, mask = encode(rows)
    states = body(input_ids=ids, attention_mask=mask).last_hidden_state
    pooled = (states * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
    loss = torch.nn.functional.cross_entropy(head(pooled), torch.tensor([labels[row] for row in rows]))
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    schedule.step()
    losses.append(loss.item())
golden = {
    "sequences": sequences,
    "labels": labels,
    "classes": CLASSES,
    "batches": batches,
    "rate": RATE,
    "weightDecay": DECAY,
    "start": start,
    "losses": [float(f"{loss:.9g}") for loss in losses],
    "weights": {name: rounded(weight) for name, weight in named},
}
(HERE / "fine_tune.json").write_text(json.dumps(golden))
