"""Writes forest.json: test scores of scikit-learn's random forests on three made-up tasks, for histogram-forest.test.ts.

Run: python forest.py   (numpy, scikit-learn)

Features are whole numbers 0..9 by the multiplier generator below, which the test repeats: 400 rows to grow on, 400 to test, 12
features. Each task has a score per seed (accuracy; Pearson correlation of numbers), for 100 trees.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

ROWS, COLUMNS, SEEDS = 400, 12, range(10)


def uniform():
    """Park and Miller 1988: state * 48271 mod (2^31 - 1), from 1."""
    state = 1
    while True:
        state = state * 48271 % 2147483647
        yield state / 2147483647


draw = uniform()
x = np.array([[int(next(draw) * 10) for _ in range(COLUMNS)] for _ in range(2 * ROWS)], float)
noise = np.array([next(draw) for _ in range(2 * ROWS)])
total = x[:, 0] + x[:, 1] * (x[:, 2] > 4) + 4 * noise
answers = {
    "binary": (total > 9).astype(int),
    "multiclass": np.digitize(total, [4, 7, 10, 13]),
    "regression": 100 + total,
}
golden = {}
for task, y in answers.items():
    scores = []
    for seed in SEEDS:
        if task == "regression":
            forest = RandomForestRegressor(100, max_features=4, random_state=seed).fit(x[:ROWS], y[:ROWS])
            scores.append(float(np.corrcoef(forest.predict(x[ROWS:]), y[ROWS:])[0, 1]))
        else:
            forest = RandomForestClassifier(100, max_features=4, random_state=seed).fit(x[:ROWS], y[:ROWS])
            scores.append(float(forest.score(x[ROWS:], y[ROWS:])))
    golden[task] = {"first": [float(value) for value in y[:5]], "scores": [round(score, 6) for score in scores]}
    print(task, np.mean(scores), np.std(scores, ddof=1))
# One tree on all rows without a sample: every feature is looked at, so that the tree is settled up to ties.
tree = RandomForestRegressor(1, bootstrap=False, max_features=None, min_samples_leaf=20, random_state=0)
tree.fit(x[:ROWS], answers["regression"][:ROWS])
golden["tree"] = [round(value, 9) for value in tree.predict(x[ROWS : ROWS + 60]).tolist()]
Path(__file__).with_name("forest.json").write_text(json.dumps(golden, indent=1) + "\n")
