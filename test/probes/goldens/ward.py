"""Makes ward.json: SciPy's Ward trees and scikit-learn's Ward labels. Needs: numpy, scipy, scikit-learn. Run in this folder: python ward.py

`points` are whole numbers over `scale`. `merges` are [a, b] pairs, flat; labels are by number of clusters.
"""

import json

import numpy as np
from scipy.cluster.hierarchy import linkage
from sklearn.cluster import AgglomerativeClustering

rng = np.random.default_rng(11)


def mixture(rows, columns, centres, spread):
    centre = rng.normal(size=(centres, columns)) * 3
    return np.round((centre[rng.integers(0, centres, rows)] + rng.normal(size=(rows, columns)) * spread) * 1000)


def case(name, points, scale, clusters, ties=False):
    points = np.asarray(points, dtype=np.int64)
    x = points / scale
    tree = linkage(x, "ward")
    labels = {k: AgglomerativeClustering(n_clusters=k, linkage="ward").fit_predict(x).tolist() for k in clusters}
    return {
        "name": name,
        "rows": len(points),
        "columns": points.shape[1],
        "scale": scale,
        "ties": ties,
        "points": points.ravel().tolist(),
        "merges": tree[:, :2].astype(int).ravel().tolist(),
        "heights": tree[:, 2].tolist(),
        "sizes": tree[:, 3].astype(int).tolist(),
        "labels": labels,
    }


few = mixture(40, 3, 8, 0.3)
cases = [
    case("two points", [[0, 0], [3, 4]], 1, [1, 2]),
    case("one column", np.cumsum(rng.permutation(30) + 1)[:, None], 1, [2, 5, 29]),
    case("fewer columns than are compared first", few, 1000, [1, 2, 8, 20]),
    case("as many columns as two comparisons", mixture(80, 12, 10, 0.5), 1000, [3, 10, 40]),
    case("more columns", mixture(120, 37, 12, 1.0), 1000, [2, 12, 60]),
    case("far from the origin", mixture(60, 5, 6, 0.2) + 10**8, 1000, [6, 20]),
    case("equal rows", np.repeat(few[:15], [1, 2, 3] * 5, axis=0), 1000, [4, 8, 15], ties=True),
    case("pairs on a grid", [[i * 10 + d, (i * i) % 17 * 7] for i in range(12) for d in (0, 1)], 1, [12], ties=True),
]
json.dump(cases, open("ward.json", "w"))
