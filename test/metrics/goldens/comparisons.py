"""Writes comparisons.json: Holm, McNemar and Wilcoxon goldens for holm.test.ts, paired-tests.test.ts.

Run: python comparisons.py   (numpy, scipy, statsmodels)
"""

import json
from pathlib import Path

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

rng = np.random.default_rng(7)

holm = []
for p in [[0.03], [0.01, 0.04], [0.04, 0.04, 0.04], [0, 1, 0.5], [0.2, 0.001, 0.03, 0.03, 0.9], *rng.random((3, 12)).round(4) ** 3]:
    p = [float(x) for x in p]
    holm.append({"p": p, "adjusted": multipletests(p, method="holm")[1].tolist()})

mcnemar = [
    {"onlyFirst": b, "onlySecond": c, "p": float(stats.binomtest(b, b + c, 0.5).pvalue) if b + c else 1.0}
    for b, c in [(0, 0), (1, 0), (0, 5), (3, 3), (4, 9), (30, 12), (7, 7), (250, 180), (1500, 1390), (900, 300)]
]

wilcoxon = []
for n, digits in [(1, 6), (5, 6), (20, 6), (49, 6), (50, 6), (51, 6), (80, 6), (200, 6), (7, 0), (12, 0), (13, 0), (100, 0), (150, 1)]:
    d = np.round(rng.normal(0.4, 1.5, size=n), digits)
    differing = np.abs(d[d != 0])
    tied = len(np.unique(differing)) < len(differing)
    if len(differing) > 50:
        method = "asymptotic"
    elif not tied:
        method = "exact"
    else:
        assert len(d) <= 13  # auto: scipy enumerates all signs
        method = "auto"
    result = stats.wilcoxon(d[d != 0], method=method)
    wilcoxon.append({"differences": d.tolist(), "statistic": float(result.statistic), "p": float(result.pvalue)})

out = Path(__file__).with_name("comparisons.json")
golden = {"holm": holm, "mcNemar": mcnemar, "wilcoxon": wilcoxon}
out.write_text(json.dumps(golden, separators=(",", ":")).replace('},{', '},\n{') + "\n")
print(out.stat().st_size, "bytes")
