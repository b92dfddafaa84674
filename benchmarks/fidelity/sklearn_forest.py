"""scikit-learn's random forest on the features of kmer-forest: the other side of benchmarks/fidelity/kmer-baselines.ts.

    python sklearn_forest.py FOLDER [--k 4] [--trees 100] [--rows 0] [--seeds 1,2,3]

FOLDER has train and test of a two-class GUE task (CSV, gzip or not). --rows N grows the forest on N training rows drawn with
the classes in proportion (0: all). Prints one JSON line per seed: test MCC and seconds of one thread. Needs scikit-learn.
"""

import argparse
import json
import time

import numpy
from gue_folder import read_split
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import matthews_corrcoef
from sklearn.model_selection import train_test_split


def kmer_shares(sequences, k):
    """[rows, 4^k]: counts of each k-mer divided by the number of counted k-mers."""
    code = {letter: i for i, letter in enumerate("ACGT")}
    x = numpy.zeros((len(sequences), 4**k), numpy.float32)
    for row, sequence in enumerate(sequences):
        for start in range(len(sequence) - k + 1):
            letters = [code.get(letter) for letter in sequence[start : start + k].upper()]
            if None not in letters:
                x[row, sum(letter * 4 ** (k - 1 - at) for at, letter in enumerate(letters))] += 1
    return x / numpy.maximum(x.sum(1, keepdims=True), 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--k", type=int, default=4)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--seeds", default="1,2,3")
    arguments = parser.parse_args()
    (train, train_labels), (test, test_labels) = (read_split(arguments.folder, split) for split in ("train", "test"))
    x, x_test, y = kmer_shares(train, arguments.k), kmer_shares(test, arguments.k), numpy.array(train_labels)
    for seed in map(int, arguments.seeds.split(",")):
        rows = numpy.arange(len(y))
        if 0 < arguments.rows < len(y):
            rows, _ = train_test_split(rows, train_size=arguments.rows, stratify=y, random_state=seed)
        started = time.process_time()
        forest = RandomForestClassifier(arguments.trees, random_state=seed, n_jobs=1).fit(x[rows], y[rows])
        score = matthews_corrcoef(test_labels, forest.predict(x_test))
        print(json.dumps({"side": "scikit-learn", "seed": seed, "rows": len(rows), "trees": arguments.trees, "test": score,
                          "seconds": round(time.process_time() - started, 2)}), flush=True)


main()
