"""Rows of a GUE folder (train, dev and test as CSV, gzip or not): sequences and 0/1 labels."""

import csv
import gzip
import os


def read_split(folder, split):
    path = os.path.join(folder, f"{split}.csv")
    opener = open if os.path.exists(path) else gzip.open
    with opener(path if os.path.exists(path) else path + ".gz", "rt", newline="") as file:
        rows = [(row["sequence"], int(row["label"])) for row in csv.DictReader(file)]
    return [sequence for sequence, _ in rows], [label for _, label in rows]
