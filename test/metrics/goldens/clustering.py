"""Writes clustering.json: AMI, ARI, NMI and V-measure by scikit-learn, for metrics.test.ts and clustering.test.ts.

Run: python clustering.py   (numpy, scikit-learn)

`cases` have the layout of metrics.json. `formula` holds the scores of 21,000 rows whose labels follow from the row number by the
formula below, which the test repeats.
"""

import json
from pathlib import Path

import numpy as np
from sklearn import metrics as sk

rng = np.random.default_rng(7)
SCORES = {
    "ami": sk.adjusted_mutual_info_score,
    "ari": sk.adjusted_rand_score,
    "nmi": sk.normalized_mutual_info_score,
    "vMeasure": sk.v_measure_score,
}


def scores(y, p):
    return {name: float(score(y, p)) for name, score in SCORES.items()}


def case(name, y, p, w=None):
    y, p = np.asarray(y), np.asarray(p)
    drawn = (y, p) if w is None else (np.repeat(y, w), np.repeat(p, w))
    homogeneity, completeness, _ = sk.homogeneity_completeness_v_measure(*drawn)
    return {
        "name": name,
        "kind": "clustering",
        "rows": len(y),
        "columns": 1,
        "scale": 1,
        "targets": y.tolist(),
        "predictions": p.tolist(),
        "multiplicities": None if w is None else np.asarray(w).tolist(),
        "scores": scores(*drawn),
        "parts": {"homogeneity": float(homogeneity), "completeness": float(completeness)},
    }


def noisy(rows, classes, clusters, right):
    y = rng.integers(0, classes, rows)
    return y, np.where(rng.random(rows) < right, y % clusters, rng.integers(0, clusters, rows))


y, p = noisy(60, 8, 8, 0.6)
halves = rng.permutation(np.arange(60) % 2)
cases = [
    case("one class, one cluster", [0] * 5, [3] * 5),
    case("one class, several clusters", [0] * 6, [0, 1, 1, 2, 2, 2]),
    case("several classes, one cluster", [0, 1, 1, 2, 2, 2], [7] * 6),
    case("perfect, renamed", [0, 0, 1, 1, 2, 2, 2], [9, 9, 0, 0, 4, 4, 4]),
    case("singletons on both sides", range(7), range(7)),
    case("singleton clusters", [0, 0, 1, 1, 2, 2, 2], range(7)),
    case("singleton classes", range(7), [0, 0, 1, 1, 2, 2, 2]),
    case("nearly singletons", [0, 1, 2, 3, 4, 4], [0, 0, 1, 2, 3, 4]),
    case("independent", [0, 0, 1, 1], [0, 1, 0, 1]),
    case("worse than chance", [0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2]),
    case("two rows apart, together", [0, 1], [0, 0]),
    case("one row", [3], [1]),
    case("noisy", y, p),
    case("noisy, half-sample", y, p, halves),
    case("noisy, bootstrap", y, p, np.bincount(rng.integers(0, 60, 60), minlength=60)),
    case("noisy, one row drawn", y, p, np.eye(60, dtype=int)[4]),
    case("noisy, one class drawn", y, p, (y == 2).astype(int)),
    case("few classes, many clusters", *noisy(200, 3, 40, 0.7)),
    case("many classes, few clusters", *noisy(200, 60, 4, 0.7)),
    case("large parts", *noisy(1500, 2, 3, 0.5)),
    case("large multiplicities", [0, 0, 1, 1, 2], [0, 0, 0, 1, 1], [900, 3, 1200, 40, 0]),
]

i = np.arange(21000)
targets = (i * 7919 + (i * i) % 1013) % 4363
predictions = np.where((i * 31) % 10 < 7, targets, (i * 104729) % 4001)
halved = (i * 16807) % 19 < 9
formula = {"whole": scores(targets, predictions), "half": scores(targets[halved], predictions[halved])}
text = json.dumps({"cases": cases, "formula": formula})
Path(__file__).with_suffix(".json").write_text(text)
