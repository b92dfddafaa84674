"""The PyTorch twin of the baseline one-hot-chip-cnn: same network, same recipe, other software. The other side of one-hot-cnn.ts.

    python torch_one_hot_cnn.py FOLDER --seeds 1,2,3 --threads 1 --effort 1

FOLDER has train, dev and test of a two-class GUE task (CSV, gzip or not). Prints one JSON line per seed: test MCC, validation MCC, chosen
translation, best epoch, seconds. Needs torch and scikit-learn.

Recipe (baselines/networks/recipe.ts): AdamW, peak rate 1e-2, one cycle, decay 0.2 on kernels and matrices only, batches of 128, an
exponential moving average of weights and running statistics (0.995) that is scored after each epoch by MCC on the validation rows; the best
epoch is kept. Translations of training rows by up to 0 and up to 6 letters are both tried; the validation rows decide.
"""

import argparse
import json
import math
import time

import numpy
import torch
from gue_folder import read_split
from sklearn.metrics import matthews_corrcoef
from torch import nn

PEAK, DECAY, BATCH, AVERAGE, ROWS_SHOWN, BUDGET = 1e-2, 0.2, 128, 0.995, 250_000, 8e12
TRANSLATIONS = (0, 6)


def chip_cnn(length, outputs=2):
    layers, channels, positions = [], 4, length
    for width, kernel, pool in ((64, 7, 4), (96, 5, 4), (128, 5, 2)):
        layers += [nn.Conv1d(channels, width, kernel, padding="same"), nn.BatchNorm1d(width), nn.ReLU(), nn.MaxPool1d(pool), nn.Dropout(0.2)]
        channels, positions = width, positions // pool
    layers += [nn.Flatten(), nn.Linear(channels * positions, 256), nn.BatchNorm1d(256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, outputs)]
    for layer in layers[:-1]:  # the last layer keeps PyTorch's own initialisation
        if isinstance(layer, (nn.Conv1d, nn.Linear)):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


def one_hot(sequences, length):
    """[rows, length, 4] uint8; letters that are no base and padding are zero."""
    x = numpy.zeros((len(sequences), length, 4), numpy.uint8)
    for row, sequence in enumerate(sequences):
        for at, letter in enumerate(sequence[:length]):
            base = "ACGT".find(letter.upper())
            if base >= 0:
                x[row, at, base] = 1
    return torch.from_numpy(x)


def shifted(x, reach, generator):
    """Each row moved by -reach..reach letters; what is pushed over an end is lost."""
    if reach == 0:
        return x
    rows, length, _ = x.shape
    shift = torch.randint(-reach, reach + 1, (rows, 1), generator=generator)
    source = torch.arange(length)[None, :] - shift
    inside = (source >= 0) & (source < length)
    taken = x[torch.arange(rows)[:, None], source.clamp(0, length - 1)]
    return taken * inside[:, :, None]


def predict(model, x):
    model.eval()
    with torch.no_grad():
        return torch.cat([model(part.transpose(1, 2).float()) for part in x.split(256)]).argmax(1).numpy()


def train(data, length, translation, seed, effort):
    torch.manual_seed(seed)
    (x, y), (x_valid, y_valid) = data["train"], data["dev"]
    model, average = chip_cnn(length), chip_cnn(length)
    average.load_state_dict(model.state_dict())
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW([{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0.0}], lr=PEAK, fused=True)
    per_epoch = math.ceil(len(x) / BATCH)
    wanted = round(per_epoch * min(60, max(10, ROWS_SHOWN / len(x))) * effort)
    multiplications = length * (28 * 64 + 5 * 64 * 96 / 4 + 5 * 96 * 128 / 16 + 128 * 256 / 32)
    total = min(wanted, math.floor(BUDGET * effort / (3 * len(TRANSLATIONS) * BATCH * multiplications)))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK, total_steps=total, cycle_momentum=False)
    criterion, generator = nn.CrossEntropyLoss(), torch.Generator().manual_seed(seed)
    best, step, epoch = (-2.0, 0, None), 0, 0
    while step < total:
        epoch += 1
        model.train()
        for rows in torch.randperm(len(x), generator=generator).split(BATCH):
            if step == total or len(rows) == 1:
                continue
            optimiser.zero_grad()
            criterion(model(shifted(x[rows], translation, generator).transpose(1, 2).float()), y[rows]).backward()
            optimiser.step()
            schedule.step()
            share = 1 - min(AVERAGE, (1 + step) / (10 + step))
            for slow, fast in zip(average.state_dict().values(), model.state_dict().values()):
                if slow.is_floating_point():
                    slow.lerp_(fast, share)
            step += 1
        score = matthews_corrcoef(y_valid, predict(average, x_valid))
        if score > best[0]:
            best = (score, epoch, {name: value.clone() for name, value in average.state_dict().items()})
    return best, total


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--effort", type=float, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    splits = {split: read_split(arguments.folder, split) for split in ("train", "dev", "test")}
    length = max(map(len, splits["train"][0]))
    data = {split: (one_hot(sequences, length), torch.tensor(labels)) for split, (sequences, labels) in splits.items()}
    for seed in map(int, arguments.seeds.split(",")):
        started = time.perf_counter()
        found = [(train(data, length, translation, seed, arguments.effort), translation) for translation in TRANSLATIONS]
        ((score, epoch, state), steps), translation = max(found, key=lambda item: item[0][0][0])
        model = chip_cnn(length)
        model.load_state_dict(state)
        x, y = data["test"]
        print(json.dumps({"side": "torch", "seed": seed, "test": matthews_corrcoef(y, predict(model, x)), "valid": score,
                          "translation": translation, "bestEpoch": epoch, "steps": steps, "seconds": round(time.perf_counter() - started, 1)}), flush=True)


main()
