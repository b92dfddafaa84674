"""Makes linear.json: data, optimal objectives and predictions of scikit-learn's LogisticRegression and Ridge.

Needs: numpy, scikit-learn. Run in this folder: python linear.py
"""

import json

import numpy as np
from scipy.special import expit, log_softmax
from sklearn.linear_model import LogisticRegression, Ridge

rng = np.random.default_rng(7)
f32 = lambda x: np.round(x, 4).astype(np.float32).astype(np.float64)

short = lambda x: [round(v, 4) for v in x.ravel().tolist()]  # the same float32 again when read


def features(rows, dim, ill=False):
    x = rng.normal(size=(rows, dim)) * rng.uniform(0.5, 5, dim) + rng.normal(size=dim)
    if ill:  # nearly collinear columns: condition number of X'X about 1e6
        x[:, dim // 2 :] = x[:, : dim - dim // 2] + 3e-3 * rng.normal(size=(rows, dim - dim // 2))
    return f32(x)


def standardise(x, test):
    mean, scale = x.mean(0), x.std(0)
    return (x - mean) / scale, (test - mean) / scale


def objective(x, y, model, C):
    z = x @ model.coef_.T + model.intercept_
    if z.shape[1] == 1:
        loss = np.logaddexp(0, np.where(y == 1, -1, 1) * z[:, 0]).sum()
    else:
        loss = -log_softmax(z, axis=1)[np.arange(len(y)), y].sum()
    return C * loss + 0.5 * (model.coef_**2).sum()


def fit(x, y, C):
    return LogisticRegression(C=C, solver="newton-cg", tol=1e-12, max_iter=100000).fit(x, y)


def case(name, kind, rows, dim, outputs, ill=False):
    x, test = features(rows, dim, ill), None
    test = features(8, dim)
    if ill:
        test = f32(x[:8] + 1e-3)
    sx, stest = standardise(x, test)
    z = sx @ rng.normal(size=(dim, outputs)) / np.sqrt(dim) * 2 + rng.gumbel(size=(rows, outputs))
    fits = []
    if kind == "multilabel":
        y = (z > 0.5).astype(int)
    elif kind == "binary":
        y = (z[:, 0] > np.median(z[:, 0])).astype(int)
    else:
        y = z.argmax(1)
    for C in [1e-3, 1.0, 100.0]:
        if kind == "multilabel":
            models = [fit(sx, y[:, k], C) for k in range(outputs)]
            value = sum(objective(sx, y[:, k], m, C) for k, m in enumerate(models))
            p = np.stack([m.predict_proba(stest)[:, 1] for m in models], 1)
        else:
            model = fit(sx, y, C)
            value, p = objective(sx, y, model, C), model.predict_proba(stest)
        fits.append({"C": C, "objective": value, "probabilities": p.ravel().tolist()})
    return {
        "name": name, "kind": kind, "outputs": int(p.shape[1]), "rows": rows, "dim": dim,
        "x": short(x), "y": short(y), "test": short(test), "fits": fits,
    }  # fmt: skip


def ridge(name, rows, dim, outputs, ill=False):
    x, test = features(rows, dim, ill), features(8, dim)
    sx, stest = standardise(x, test)
    y = np.round(sx @ rng.normal(size=(dim, outputs)) + rng.normal(size=(rows, outputs)) + 10, 4)
    fits = []
    for alpha in [1e-3, 1.0, 1e4]:
        model = Ridge(alpha=alpha, solver="svd").fit(sx, y)
        fits.append({"alpha": alpha, "predictions": model.predict(stest).ravel().tolist()})
    return {
        "name": name, "rows": rows, "dim": dim, "outputs": outputs,
        "x": short(x), "y": short(y), "test": short(test), "fits": fits,
    }  # fmt: skip


json.dump(
    {
        "logistic": [
            case("two classes", "binary", 80, 6, 1),
            case("four classes", "multiclass", 90, 6, 4),
            case("three labels", "multilabel", 70, 5, 3),
            case("nearly collinear features", "binary", 80, 8, 1, ill=True),
            case("more features than rows", "multiclass", 24, 40, 3),
        ],
        "ridge": [
            ridge("one target", 60, 5, 1),
            ridge("three targets, nearly collinear", 50, 8, 3, ill=True),
            ridge("more features than rows", 20, 36, 2),
        ],
    },
    open("linear.json", "w"),
)
