"""Makes sgd_linear.json: the linear probe of the BarcodeMAE paper, trained by torch.optim.SGD in float32.

First weights and the order of rows are those of src/core/random.ts (xoshiro128**, seeded by SHA-256), written out below, so that the whole
training can be compared and not a single step. Needs: numpy, torch. Run in this folder: python sgd_linear.py
"""

import hashlib
import json
import struct

import numpy as np
import torch

MASK = 0xFFFFFFFF


class Random:
    def __init__(self, seed):
        self.state = list(struct.unpack("<4I", hashlib.sha256(seed.encode()).digest()[:16]))

    def bits(self):
        s = self.state
        rotate = lambda x, k: ((x << k) | (x >> (32 - k))) & MASK
        result = rotate(s[1] * 5 & MASK, 7) * 9 & MASK
        shifted = s[1] << 9 & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = rotate(s[3], 11)
        return result

    def next(self):
        return ((self.bits() >> 5) * 67108864 + (self.bits() >> 6)) / 9007199254740992

    def integer(self, n):
        limit = 2**32 - 2**32 % n
        while (draw := self.bits()) >= limit:
            pass
        return draw % n

    def shuffled(self, n):
        array = list(range(n))
        for i in range(n - 1, 0, -1):
            j = self.integer(i + 1)
            array[i], array[j] = array[j], array[i]
        return array


rng = np.random.default_rng(11)
ROWS, DIM, CLASSES, SEED, BATCH, EPOCHS = 50, 6, 4, 3, 16, 6
labels = rng.integers(0, CLASSES, ROWS)
# Columns of unequal scale and place: one scale for all does not even them out.
centres = rng.normal(size=(CLASSES, DIM))
features = (centres[labels] + 0.7 * rng.normal(size=(ROWS, DIM))) * np.array([1, 2, 0.5, 1, 3, 1]) + np.array([0, 1, 4, 0, -2, 0])
features = np.round(features, 4).astype(np.float32)
query = np.round(rng.normal(size=(8, DIM)) * 2, 4).astype(np.float32)

mean, std = float(features.astype(float).mean()), float(features.astype(float).std())
scaled = lambda x: torch.tensor((x.astype(float) - mean) / std).float()

random = Random(f"weights:{SEED}")
bound = 1 / DIM**0.5
uniform = lambda n: [(2 * random.next() - 1) * bound for _ in range(n)]
layer = torch.nn.Linear(DIM, CLASSES)
with torch.no_grad():
    layer.weight.copy_(torch.tensor(uniform(CLASSES * DIM)).reshape(CLASSES, DIM))
    layer.bias.copy_(torch.tensor(uniform(CLASSES)))
initial = torch.cat([layer.weight.flatten(), layer.bias]).tolist()

optimiser = torch.optim.SGD(layer.parameters(), lr=1, momentum=0.95, weight_decay=1e-9)
x, y = scaled(features), torch.tensor(labels)
losses = []
for epoch in range(EPOCHS):
    order = Random(f"order:{SEED}:{epoch}").shuffled(ROWS)
    for start in range(0, ROWS, BATCH):
        rows = order[start : start + BATCH]
        loss = torch.nn.functional.cross_entropy(layer(x[rows]), y[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())

json.dump(
    {
        "rows": ROWS,
        "dim": DIM,
        "classes": CLASSES,
        "seed": SEED,
        "options": {"batchSize": BATCH, "epochs": EPOCHS},
        "features": features.ravel().tolist(),
        "labels": labels.tolist(),
        "query": query.ravel().tolist(),
        "mean": mean,
        "deviation": std,
        "initial": initial,
        "weights": torch.cat([layer.weight.flatten(), layer.bias]).tolist(),
        "losses": losses,
        "probabilities": torch.softmax(layer(scaled(query)), 1).flatten().tolist(),
    },
    open("sgd_linear.json", "w"),
)
