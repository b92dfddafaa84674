"""Writes metrics.json: scores by scikit-learn and SciPy, for metrics.test.ts.

Run: python metrics.py   (numpy, scipy, scikit-learn)

Each case holds targets, predictions (integers over `scale`, so that they are exact and tie often; regression: plain numbers) and
optionally multiplicities. With multiplicities the expected score is that of the rows repeated; where the library takes
sample_weight, this script checks that it agrees. None stands for undefined.
"""

import json
import math
import warnings
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn import metrics as sk

warnings.filterwarnings("ignore")
rng = np.random.default_rng(20240607)


def agree(repeated, weighted):
    assert np.isclose(repeated, weighted, rtol=1e-9, atol=1e-12, equal_nan=True), (repeated, weighted)
    return repeated


def both(score, y, p, w):
    """score(y, p, sample_weight) on repeated rows; checked against integer sample weights."""
    repeated = float(score(np.repeat(y, w, axis=0), np.repeat(p, w, axis=0), None))
    kept = w > 0
    return agree(repeated, float(score(y[kept], p[kept], w[kept])))


def auroc(y, p, w):
    return sk.roc_auc_score(y, p, sample_weight=w) if len(np.unique(y)) == 2 else math.nan


def average_precision(y, p, w):
    # scikit-learn: 0.0 with a warning when there is no positive row; undefined in ours
    return sk.average_precision_score(y, p, sample_weight=w) if np.any(y == 1) else math.nan


def calibration_error(y, p, w):
    """Guo et al. 2017, 15 bins (lo, hi]."""
    w = np.ones(len(y)) if w is None else w
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y
    edges, total = np.linspace(0, 1, 16), 0.0
    for lo, hi in zip(edges[:-1], edges[1:]):
        inside = (confidence > lo) & (confidence <= hi)
        if w[inside].sum() > 0:
            gap = np.average(right[inside], weights=w[inside]) - np.average(confidence[inside], weights=w[inside])
            total += w[inside].sum() / w.sum() * abs(gap)
    return total


def classes_scores(y, p, w):
    """y [rows], p [rows, classes]."""
    k = p.shape[1]
    hard = p.argmax(axis=1)
    scores = {
        "accuracy": both(lambda a, b, s: sk.accuracy_score(a, b, sample_weight=s), y, hard, w),
        "balancedAccuracy": both(lambda a, b, s: sk.balanced_accuracy_score(a, b, sample_weight=s), y, hard, w),
        "mcc": both(lambda a, b, s: sk.matthews_corrcoef(a, b, sample_weight=s), y, hard, w),
        "logLoss": both(lambda a, b, s: sk.log_loss(a, b, sample_weight=s, labels=np.arange(k)), y, p, w),
        "calibrationError": both(calibration_error, y, p, w),
    }
    for average in ("macro", "micro", "weighted"):
        f1 = lambda a, b, s: sk.f1_score(a, b, average=average, sample_weight=s, zero_division=0)  # noqa: E731
        scores[f"{average}F1"] = both(f1, y, hard, w)
    columns = [1] if k == 2 else range(k)
    scores["auroc"] = float(np.mean([both(auroc, (y == c).astype(int), p[:, c], w) for c in columns]))
    scores["averagePrecision"] = float(np.mean([both(average_precision, (y == c).astype(int), p[:, c], w) for c in columns]))
    repeated = np.repeat(y, w)
    if k > 2 and len(np.unique(repeated)) == k:
        q = np.repeat(p, w, axis=0)
        agree(scores["auroc"], sk.roc_auc_score(repeated, q, multi_class="ovr", average="macro"))
        agree(scores["averagePrecision"], sk.average_precision_score(repeated, q, average="macro"))
    return scores


def labels_scores(y, p, w):
    """y [rows, labels], p [rows, labels]."""
    hard = (p > 0.5).astype(int)
    labels = range(y.shape[1])
    per_label = lambda score, b: float(np.mean([both(score, y[:, c], b[:, c], w) for c in labels]))  # noqa: E731
    two = lambda q: np.column_stack([1 - q, q])  # noqa: E731
    scores = {
        "accuracy": both(lambda a, b, s: sk.accuracy_score(a, b, sample_weight=s), y, hard, w),
        "mcc": per_label(lambda a, b, s: sk.matthews_corrcoef(a, b, sample_weight=s), hard),
        "logLoss": per_label(lambda a, b, s: sk.log_loss(a, two(b), sample_weight=s, labels=[0, 1]), p),
        "calibrationError": per_label(lambda a, b, s: calibration_error(a, two(b), s), p),
        "auroc": per_label(auroc, p),
        "averagePrecision": per_label(average_precision, p),
    }
    for average in ("macro", "micro", "weighted"):
        if y.shape[1] == 1:  # scikit-learn takes one column for a binary problem: the label is its positive class
            f1 = lambda a, b, s: sk.f1_score(a[:, 0], b[:, 0], sample_weight=s, zero_division=0)  # noqa: E731
        else:
            f1 = lambda a, b, s: sk.f1_score(a, b, average=average, sample_weight=s, zero_division=0)  # noqa: E731
        scores[f"{average}F1"] = both(f1, y, hard, w)
    if y.shape[1] > 1 and not math.isnan(scores["auroc"]):
        agree(scores["auroc"], sk.roc_auc_score(np.repeat(y, w, axis=0), np.repeat(p, w, axis=0), average="macro"))
    return scores


def regression_scores(y, p, w):
    y_, p_ = np.repeat(y, w, axis=0), np.repeat(p, w, axis=0)
    correlate = lambda f: float(  # noqa: E731
        np.mean([f(y_[:, c], p_[:, c]).statistic if len(y_) > 1 else math.nan for c in range(y.shape[1])])
    )
    return {
        "mse": both(lambda a, b, s: sk.mean_squared_error(a, b, sample_weight=s), y, p, w),
        "r2": both(lambda a, b, s: sk.r2_score(a, b, sample_weight=s), y, p, w) if (w > 0).sum() > 1
        else float(sk.r2_score(y_, p_)),
        "pearson": correlate(stats.pearsonr),
        "spearman": correlate(stats.spearmanr),
    }


def weights(rows):
    return rng.multinomial(rows, np.full(rows, 1 / rows))


def compositions(rows, columns, scale, skew):
    return np.array([rng.multinomial(scale, rng.dirichlet(np.full(columns, skew))) for _ in range(rows)])


cases = []


def add(name, kind, y, p, scale, w=None):
    y, p = np.asarray(y), np.asarray(p)
    scored = {"regression": regression_scores, "multilabel": labels_scores}.get(kind, classes_scores)
    multiplicities = np.ones(len(y), int) if w is None else np.asarray(w)
    scores = scored(y, p / scale if scale != 1 else p, multiplicities)
    cases.append({
        "name": name, "kind": kind, "rows": len(p), "columns": p.shape[1], "scale": scale,
        "targets": y.ravel().tolist(), "predictions": p.ravel().tolist(),
        "multiplicities": None if w is None else multiplicities.tolist(),
        "scores": {k: None if math.isnan(v) else v for k, v in scores.items()},
    })


def with_and_without_weights(name, kind, y, p, scale):
    add(name, kind, y, p, scale)
    if len(y) > 1:
        add(f"{name}, resampled", kind, y, p, scale, weights(len(y)))


for rows, classes, scale, skew in [
    (1, 2, 8, 1), (2, 2, 8, 1), (9, 2, 4, 1), (30, 2, 16, 1), (30, 2, 1024, 0.5), (1, 3, 8, 1), (4, 3, 8, 1),
    (30, 3, 8, 1), (30, 3, 1024, 0.3), (40, 5, 16, 0.5), (25, 9, 64, 1),
]:
    kind = "binary" if classes == 2 else "multiclass"
    p = compositions(rows, classes, scale, skew)
    y = np.where(rng.random(rows) < 0.5, p.argmax(axis=1), rng.integers(classes, size=rows))
    with_and_without_weights(f"{rows} rows, {classes} classes, steps of 1/{scale}", kind, y, p, scale)

p = compositions(12, 2, 8, 1)
with_and_without_weights("binary, only negatives", "binary", np.zeros(12, int), p, 8)
with_and_without_weights("binary, only positives", "binary", np.ones(12, int), p, 8)
y = rng.integers(2, size=12)
with_and_without_weights("binary, one class predicted", "binary", y, np.tile([3, 1], (12, 1)), 4)
with_and_without_weights("binary, every probability one half", "binary", y, np.ones((12, 2), int), 2)
with_and_without_weights("binary, perfect and certain", "binary", y, np.eye(2, dtype=int)[y] * 8, 8)
with_and_without_weights("binary, wrong and certain", "binary", y, np.eye(2, dtype=int)[1 - y] * 8, 8)
p = compositions(14, 4, 8, 1)
with_and_without_weights("multiclass, one class true", "multiclass", np.full(14, 2), p, 8)
with_and_without_weights("multiclass, a class never true", "multiclass", rng.integers(3, size=14), p, 8)
with_and_without_weights("multiclass, a class nowhere", "multiclass", np.arange(14) % 3, np.eye(4, dtype=int)[rng.integers(3, size=14)] * 8, 8)
with_and_without_weights("multiclass, one class predicted", "multiclass", np.arange(14) % 4, np.tile([1, 1, 4, 2], (14, 1)), 8)
with_and_without_weights("multiclass, ties for the first place", "multiclass", np.arange(14) % 4, np.tile([1, 3, 3, 1], (14, 1)), 8)
add("multiclass, drawn rows lose a class", "multiclass", np.arange(14) % 4, p, 8, [2, 3, 1, 0] * 3 + [0, 0])

for rows, labels, scale in [(1, 3, 8), (2, 2, 4), (20, 1, 16), (20, 3, 8), (35, 4, 1024), (35, 3, 2)]:
    p = rng.integers(scale + 1, size=(rows, labels))
    y = np.where(rng.random((rows, labels)) < 0.6, (p / scale > 0.5).astype(int), rng.integers(2, size=(rows, labels)))
    with_and_without_weights(f"multilabel, {rows} rows, {labels} labels, steps of 1/{scale}", "multilabel", y, p, scale)
p = rng.integers(9, size=(10, 3))
with_and_without_weights("multilabel, no label ever true", "multilabel", np.zeros((10, 3), int), p, 8)
with_and_without_weights("multilabel, every label true", "multilabel", np.ones((10, 3), int), p, 8)
with_and_without_weights("multilabel, nothing true or predicted", "multilabel", np.zeros((10, 3), int), p // 3, 8)
y = rng.integers(2, size=(10, 3))
y[:, 1] = 0
with_and_without_weights("multilabel, one label never true", "multilabel", y, p, 8)

for rows, targets, digits in [(1, 1, 2), (2, 1, 2), (3, 1, 2), (30, 1, 3), (30, 1, 0), (30, 3, 1), (50, 2, 3)]:
    y = np.round(rng.normal(size=(rows, targets)) * 3, digits)
    p = np.round(0.5 * y + rng.normal(size=(rows, targets)), digits)
    with_and_without_weights(f"regression, {rows} rows, {targets} targets, {digits} digits", "regression", y, p, 1)
y = np.round(rng.normal(size=(8, 1)), 2)
with_and_without_weights("regression, constant targets", "regression", np.full((8, 1), 2.5), y, 1)
with_and_without_weights("regression, constant targets predicted exactly", "regression", np.full((8, 1), 2.5), np.full((8, 1), 2.5), 1)
with_and_without_weights("regression, constant predictions", "regression", y, np.full((8, 1), 0.25), 1)
with_and_without_weights("regression, perfect", "regression", y, y, 1)
with_and_without_weights("regression, perfectly wrong", "regression", y, -y, 1)
with_and_without_weights("regression, far from zero", "regression", y + 1e6, y * 2 + 1e6 + np.round(rng.normal(size=(8, 1)), 2), 1)
with_and_without_weights("regression, one of two targets constant", "regression", np.hstack([y, np.full((8, 1), 1.5)]), np.hstack([y[::-1], y]), 1)
add("regression, one row drawn again and again", "regression", y, y[::-1], 1, [0, 8, 0, 0, 0, 0, 0, 0])

out = Path(__file__).with_name("metrics.json")
out.write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
print(len(cases), "cases", out.stat().st_size, "bytes")
