"""Objective of multinomial logistic regression with a weak penalty on more features than rows, from scikit-learn.

Features and labels are formulas, so that the test makes the same ones. Needs numpy and scikit-learn; writes
weak-penalty.golden.json: for each C the minimum of C sum log-loss + ||W||^2 / 2.
"""
import json
import pathlib

import numpy as np
from sklearn.linear_model import LogisticRegression

ROWS, DIM, CLASSES = 60, 150, 5
i, j = np.arange(ROWS)[:, None], np.arange(DIM)[None, :]
x = np.sin(12.9898 * i + 78.233 * j + 0.37 * i * j).astype(np.float32).astype(np.float64)
y = (np.arange(ROWS) * 7 + np.arange(ROWS) ** 2 // 11) % CLASSES
found = []
for C in [1, 100, 1e4]:
    model = LogisticRegression(C=C, solver='newton-cg', tol=1e-10, max_iter=5000).fit(x, y)
    p = model.predict_proba(x)
    objective = -C * np.log(p[np.arange(ROWS), y]).sum() + 0.5 * (model.coef_**2).sum()
    found.append({'C': C, 'objective': float(objective)})
golden = {'rows': ROWS, 'dim': DIM, 'classes': CLASSES, 'fits': found}
pathlib.Path(__file__).with_name('weak-penalty.golden.json').write_text(json.dumps(golden, indent=1) + '\n')
