"""Makes umap-parts.json: the parts of umap-learn on small data, and spectral.json: eigenpairs of graph Laplacians by SciPy.

Needs: numpy, scipy, scikit-learn, umap-learn 0.5. Run in this folder: python umap-parts.py
"""

import json

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from sklearn.datasets import make_blobs
from sklearn.manifold import trustworthiness
from sklearn.metrics import adjusted_mutual_info_score, pairwise_distances
from sklearn.cluster import AgglomerativeClustering
from umap import UMAP
from umap.layouts import optimize_layout_euclidean
from umap.spectral import component_layout
from umap.umap_ import (
    compute_membership_strengths,
    find_ab_params,
    fuzzy_simplicial_set,
    make_epochs_per_sample,
    smooth_knn_dist,
)
from umap.utils import tau_rand_int

rng = np.random.default_rng(11)
numbers = lambda array, digits=7: [float(f"{value:.{digits}g}") for value in np.asarray(array, dtype=float).ravel()]


def neighbours(x, k, metric):
    """Self first, then by distance and row."""
    distances = pairwise_distances(x.astype(np.float64), metric=metric)
    distances[distances < 1e-12] = 0
    order = distances.copy()
    np.fill_diagonal(order, -1)
    indices = np.argsort(order, axis=1, kind="stable")[:, :k]
    return indices, np.take_along_axis(distances, indices, axis=1).astype(np.float32)


def graph_case(name, x, k, metric):
    indices, distances = neighbours(x, k, metric)
    sigmas, rhos = smooth_knn_dist(distances, float(k), local_connectivity=1.0)
    _, _, strengths, _ = compute_membership_strengths(indices, distances, sigmas, rhos)
    graph, _, _ = fuzzy_simplicial_set(x, k, np.random.RandomState(0), metric, knn_indices=indices, knn_dists=distances)
    graph = graph.tocsr()
    graph.sort_indices()
    return {
        "name": name, "rows": len(x), "columns": x.shape[1], "neighbours": k, "metric": metric,
        "features": numbers(x), "indices": indices.ravel().tolist(), "distances": numbers(distances, 9),
        "sigmas": numbers(sigmas, 9), "rhos": numbers(rhos, 9), "strengths": numbers(strengths, 9),
        "offsets": graph.indptr.tolist(), "graphColumns": graph.indices.tolist(), "weights": numbers(graph.data, 9),
    }


plain = np.round(rng.normal(size=(50, 6)) + 1, 3)
awkward = np.round(rng.normal(size=(40, 5)), 3)
awkward[[7, 8]] = awkward[3]  # three rows alike
awkward[[20, 30]] = 0
crowd = np.round(rng.normal(size=(20, 4)), 3)
crowd[5:14] = crowd[5]  # more rows alike than neighbours
graphs = [
    graph_case("cosine", plain, 5, "cosine"),
    graph_case("euclidean", plain, 15, "euclidean"),
    graph_case("duplicates and rows of zeros, cosine", awkward, 5, "cosine"),
    graph_case("duplicates and rows of zeros, euclidean", awkward, 10, "euclidean"),
    graph_case("more duplicates than neighbours", crowd, 5, "euclidean"),
]

curves = [
    {"minDist": d, "spread": s, "a": float(a), "b": float(b)}
    for d, s in [(0.1, 1.0), (0.0, 1.0), (0.5, 1.0), (0.25, 1.5), (0.01, 0.3), (1.0, 1.0)]
    for a, b in [find_ab_params(s, d)]
]

# The layout from given points, with the random vertices that umap-learn's generators draw for each head.
# Periods are 1 or 2 and every pull has 4 pushes, so that rounding cannot change how many vertices are drawn.
dim, vertices, epochs = 3, 30, 3  # rounding grows a hundredfold in two epochs
x = np.round(rng.normal(size=(vertices, 5)), 3)
indices, distances = neighbours(x, 6, "euclidean")
graph, _, _ = fuzzy_simplicial_set(x, 6, np.random.RandomState(0), "euclidean", knn_indices=indices, knn_dists=distances)
graph = graph.tocsr()
graph.sort_indices()
graph.data = np.exp2(np.round(np.log2(graph.data)).clip(-1)).astype(np.float32)
coo = graph.tocoo()
start = np.round(rng.uniform(0, 10, size=(vertices, dim)), 3).astype(np.float32)
state = np.array([12345, -6789, 424242], dtype=np.int64)
a, b = find_ab_params(1.0, 0.1)
periods = make_epochs_per_sample(coo.data, epochs)
states = np.full((vertices, 3), state) + start[:, 0].astype(np.float64).view(np.int64).reshape(-1, 1)
needed = np.bincount(coo.row, weights=4 * (epochs / periods + 1)).astype(int)
draws = [[int(tau_rand_int(own)) % vertices for _ in range(n)] for own, n in zip(states, needed)]
both = start.copy()
moved = optimize_layout_euclidean(both, both, coo.row, coo.col, epochs, vertices, periods, a, b, state,
                                  negative_sample_rate=4.0, move_other=True)
layout = {
    "vertices": vertices, "dim": dim, "epochs": epochs, "a": a, "b": b,
    "offsets": graph.indptr.tolist(), "columns": graph.indices.tolist(), "weights": numbers(graph.data, 9),
    "periods": numbers(periods, 9), "start": numbers(start), "draws": draws, "end": numbers(moved, 8),
}

# Places of 25 connected components in 4 dimensions.
x = np.round(rng.normal(size=(75, 6)) + 0.5, 3)
labels = np.arange(75) % 25
places = {
    "rows": 75, "columns": 6, "count": 25, "dim": 4, "features": numbers(x), "labels": labels.tolist(),
    **{
        metric: numbers(component_layout(x, 25, labels, 4, np.random.RandomState(0), metric=metric), 9)
        for metric in ["cosine", "euclidean"]
    },
}

# Whole: blobs that overlap. The spread is over 10 seeds of umap-learn.
x, truth = make_blobs(300, n_features=8, centers=rng.normal(size=(12, 8)) * 1.1, cluster_std=1.0, random_state=3)
x = np.round(x, 2)
ami, trust = [], []
for seed in range(10):
    y = UMAP(n_components=5, n_neighbors=5, metric="cosine", random_state=seed).fit_transform(x)
    ami.append(adjusted_mutual_info_score(truth, AgglomerativeClustering(12).fit_predict(y)))
    trust.append(trustworthiness(x, y, n_neighbors=10, metric="cosine"))
print("whole: AMI", np.mean(ami), np.std(ami), "trustworthiness", np.mean(trust), np.std(trust))
whole = {
    "rows": 300, "columns": 8, "components": 5, "neighbours": 5, "features": numbers(x),
    "truth": truth.tolist(), "ami": numbers(ami), "trustworthiness": numbers(trust),
}
json.dump(
    {"graphs": graphs, "curves": curves, "layout": layout, "places": places, "whole": whole}, open("umap-parts.json", "w")
)


def spectral_case(name, x, k, metric, count):
    indices, distances = neighbours(x, k, metric)
    graph, _, _ = fuzzy_simplicial_set(x, k, np.random.RandomState(0), metric, knn_indices=indices, knn_dists=distances)
    graph = graph.tocsr()
    graph.data = np.round(graph.data, 5)
    graph.eliminate_zeros()
    graph.sort_indices()
    assert connected_components(graph)[0] == 1
    return spectral(name, graph, count)


def spectral(name, graph, count):
    root = sp.diags(1 / np.sqrt(np.asarray(graph.sum(axis=0)).ravel()))
    laplacian = (sp.identity(graph.shape[0]) - root @ graph @ root).tocsc()
    values, vectors = sp.linalg.eigsh(laplacian, count, sigma=-1e-3, which="LM", tol=1e-12)
    order = np.argsort(values)
    following = np.sort(sp.linalg.eigsh(laplacian, count + 1, sigma=-1e-3, which="LM", tol=1e-12)[0])[-1]
    print(name, "gap after the last", following - values.max(), "smallest", np.sort(values)[:3])
    return {
        "name": name, "vertices": graph.shape[0], "count": count, "offsets": graph.indptr.tolist(),
        "columns": graph.indices.tolist(), "weights": numbers(graph.data, 6),
        "values": numbers(values[order], 12), "vectors": numbers(vectors[:, order].T, 5),
    }


curve = np.sort(rng.uniform(0, 30, 400))
worm = np.c_[np.cos(curve) * curve, np.sin(curve) * curve, rng.normal(size=400)]
ring = sp.diags([np.ones(299)] * 2 + [[1], [1]], [1, -1, 299, -299], shape=(300, 300), format="csr")
ring.sort_indices()
cases = [
    spectral_case("a spiral: crowded small eigenvalues", worm, 8, "euclidean", 11),
    spectral_case("a cloud", rng.normal(size=(150, 3)), 8, "euclidean", 21),
    spectral("a ring: every eigenvalue but the first is double", ring, 9),
]
json.dump(cases, open("spectral.json", "w"))
