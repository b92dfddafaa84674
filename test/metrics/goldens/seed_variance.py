"""Digamma, trigamma, its inverse, Student t, and the prior degrees of freedom of Smyth 2004 (section 6.2), with SciPy.

Needs scipy and numpy. Writes seed-variance.golden.json beside this file.
"""
import json
import pathlib

import numpy as np
from scipy import optimize, special, stats


def trigamma_inverse(y):
    return float(optimize.brentq(lambda x: special.polygamma(1, x) - y, 1e-6, 1e7, xtol=1e-12, rtol=1e-13))


def prior_degrees(variances, degrees):
    """limma's fitFDist, written from the paper: e_g = log s2 - digamma(d/2) + log(d/2)."""
    variances, half = np.asarray(variances, float), np.asarray(degrees, float) / 2
    e = np.log(variances) - special.digamma(half) + np.log(half)
    excess = e.var(ddof=1) - special.polygamma(1, half).mean()
    return None if excess <= 0 else 2 * trigamma_inverse(excess)


random = np.random.default_rng(7)
cases = []
for d0, groups, df in [(4, 12, 2), (10, 30, 4), (2, 8, 1), (np.inf, 10, 2)]:
    sigma2 = np.ones(groups) if np.isinf(d0) else d0 / random.chisquare(d0, groups)
    ratios = sigma2 * random.chisquare(df, groups) / df
    degrees = [df] * groups
    cases.append({'ratios': ratios.tolist(), 'degrees': degrees, 'prior': prior_degrees(ratios, degrees)})
points = [0.05, 0.5, 1, 1.5, 3.7, 12, 80]
golden = {
    'digamma': [[x, float(special.digamma(x))] for x in points],
    'trigamma': [[x, float(special.polygamma(1, x))] for x in points],
    'trigammaInverse': [[y, trigamma_inverse(y)] for y in [0.01, 0.3, 1.2, 4.9, 40]],
    'prior': cases,
    'student': [[p, df, float(stats.t.ppf(p, df))] for p in [0.9, 0.975, 0.9999, 1 - 1e-9] for df in [1, 2.5, 8, 40, 1e6]],
}
pathlib.Path(__file__).with_name('seed-variance.golden.json').write_text(json.dumps(golden, indent=1) + '\n')
