"""Makes static.json: stability of static embeddings by SciPy, ckatorch, torchmetrics and the paper's own metrics.

    python static.py PATH/TO/GFMs        (a checkout of github lbcb-sci/GFMs; needs torch, torchmetrics, ckatorch, scipy, numpy)

Members are float64 so that the reference has the digits to be compared with.
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import procrustes
from scipy.stats import hypergeom, spearmanr

torch.set_default_dtype(torch.float64)
spec = importlib.util.spec_from_file_location("metrics", Path(sys.argv[1]) / "src/analyze/metrics.py")
metrics = importlib.util.module_from_spec(spec)
spec.loader.exec_module(metrics)


def members(tokens, dim, noises, seed):
    random = np.random.default_rng(seed)
    base = random.normal(size=(tokens, dim)) * np.linspace(0.3, 2, dim) + 0.5
    made = []
    for noise in noises:
        rotation, _ = np.linalg.qr(random.normal(size=(dim, dim)))
        made.append(base @ rotation + noise * random.normal(size=(tokens, dim)))
    return [np.round(m, 4) for m in made]


def corrected_spearman(a, b, k):
    """Mean over tokens and both neighbourhoods of scipy's rank correlation, others only, undefined ones left out."""

    def one_way(x, y):
        values = []
        for i in range(len(x)):
            others = np.delete(np.arange(len(x)), i)
            nearest = others[np.argsort(-x[i][others], kind="stable")[:k]]
            if np.ptp(x[i][nearest]) == 0 or np.ptp(y[i][nearest]) == 0:
                continue
            values.append(spearmanr(x[i][nearest], y[i][nearest]).statistic)
        return np.mean(values)

    return (one_way(a, b) + one_way(b, a)) / 2


def cosines(embedding):
    norms = np.linalg.norm(embedding, axis=1, keepdims=True)
    unit = np.divide(embedding, norms, out=np.zeros_like(embedding), where=norms > 0)
    return unit @ unit.T


def pair(a, b, ks):
    ta, tb = torch.tensor(a), torch.tensor(b)
    ca, cb = metrics.cosine_similarity(ta, ta), metrics.cosine_similarity(tb, tb)
    moved_a, moved_b, disparity = procrustes(a, b)
    normalise = torch.nn.functional.normalize
    return {
        "disparity": disparity,
        "alignedCosine": (normalise(torch.tensor(moved_a)) * normalise(torch.tensor(moved_b))).sum(dim=1).mean().item(),
        "linearCka": metrics.centered_kernel_alignment(ta, tb, "linear").item(),
        "rbfCka": metrics.centered_kernel_alignment(ta, tb, "rbf").item(),
        "neighbours": [
            {
                "k": k,
                "jaccard": metrics.topk_overlap(ca, cb, k).item(),
                "localSpearmanPaper": metrics.local_spearman_correlation(ca, cb, k).item(),
                "localSpearman": corrected_spearman(cosines(a), cosines(b), k) if k > 1 else None,
            }
            for k in ks
        ],
    }


def case(made, ks):
    pairs = [pair(a, b, ks) for i, a in enumerate(made) for b in made[i + 1 :]]
    return {
        "members": [m.tolist() for m in made],
        "counts": ks,
        "pairs": pairs,
        "disparity": metrics.meanstd([p["disparity"] for p in pairs]),
        "topk": {k: metrics.topk(torch.stack([metrics.cosine_similarity(torch.tensor(m), torch.tensor(m)) for m in made]), k) for k in ks},
    }


def tied():
    """Rows that occur twice or more, small whole numbers: similarities tie in both embeddings; only SciPy's midranks are asked."""
    random = np.random.default_rng(5)
    a = random.integers(-1, 2, size=(24, 2)).astype(float)
    b = random.integers(-1, 2, size=(24, 2)).astype(float)
    a[(a == 0).all(1)] = 1
    b[(b == 0).all(1)] = 1
    # Equal angles must be equal numbers: round away the last digits before ranking.
    x, y = np.round(cosines(a), 9), np.round(cosines(b), 9)
    return {"members": [a.tolist(), b.tolist()], "localSpearman": {k: corrected_spearman(x, y, k) for k in (5, 12, 23)}}


def chance(k, candidates):
    shared = np.arange(0, k + 1)
    return float((hypergeom(candidates, k, k).pmf(shared) * shared / (2 * k - shared)).sum())


golden = {
    "wide": case(members(41, 7, [0, 0.4, 1.5], 1), [1, 3, 10, 40]),
    "moreDimensionsThanTokens": case(members(9, 14, [0.1, 0.8], 2), [2, 5]),
    "tied": tied(),
    "chance": [[k, v, chance(k, v - 1)] for k, v in [(1, 41), (10, 41), (30, 41), (1000, 4096), (4000, 4096)]],
}
Path(__file__).with_name("static.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
