"""Makes pca.json: scikit-learn's PCA(svd_solver="full"). Needs: numpy, scikit-learn. Run in this folder: python pca.py

`points` are whole numbers over 1000. Components are rows, flat; scores are of the rows themselves.
"""

import json

import numpy as np
from sklearn.decomposition import PCA

rng = np.random.default_rng(5)


def case(name, points, components):
    points = np.round(np.asarray(points) * 1000).astype(int)
    pca = PCA(components, svd_solver="full")
    scores = pca.fit_transform(points / 1000)
    return {
        "name": name,
        "rows": points.shape[0],
        "columns": points.shape[1],
        "components": components,
        "points": points.ravel().tolist(),
        "weights": pca.components_.ravel().tolist(),
        "variances": pca.explained_variance_.tolist(),
        "total": float(np.var(points / 1000, axis=0, ddof=1).sum()),
        "scores": np.round(scores, 12).ravel().tolist(),
    }


def correlated(rows, columns, decay):
    scales = (np.arange(columns) + 1.0) ** -decay
    return (rng.normal(size=(rows, columns)) * scales) @ rng.normal(size=(columns, columns)) + 5


cases = [
    case("more rows than columns", correlated(40, 12, 1.0), 5),
    case("every component", correlated(30, 4, 0.5), 4),
    case("fewer rows than columns", correlated(9, 25, 0.7), 6),
    case("variance nearly alike", correlated(60, 16, 0.05), 3),
    case("four orders of magnitude", rng.normal(size=(50, 5)) * [1000, 100, 10, 1, 0.1], 5),
]
json.dump(cases, open("pca.json", "w"))
