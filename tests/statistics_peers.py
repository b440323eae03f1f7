#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What other programs say about fixed samples, as C for tests/statistics_test.c.

Needs numpy, scipy and statsmodels (none of them is needed to build or to test):
    tests/statistics_peers.py > tests/statistics_peers.def
The samples: times of two real hyperfine runs (tests/results/hyperfine.json), some with ties, and
numbers of a congruential generator with a drift, which any language can make again.
"""
import json
import os

import numpy as np
import scipy
import statsmodels
from scipy import stats
from statsmodels.stats.multitest import multipletests

HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, "results", "hyperfine.json"), encoding="utf-8") as f:
    RUNS = [r["times"] for r in json.load(f)["results"]]


def generated(n, seed, scale, drift):
    x, out = seed, []
    for i in range(n):
        x = (1103515245 * x + 12345) % 2**31
        u = x / 2**31
        out.append(scale * (1 + u * u * u + drift * i / n))
    return out


SAMPLES = {
    "sleep_11": RUNS[0],
    "sleep_12": RUNS[1],
    "ties_a": [1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 4.0, 9.0],
    "ties_b": [2.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0],
    "five": [3.0, 1.0, 4.0, 1.5, 5.0],
    "long_a": generated(80, 1, 1.0, 0.0),
    "long_b": generated(120, 7, 1.05, 0.3),
    "outside": [10.0, 11.0, 12.0, 11.0, 10.5, 11.5, 12.5, 10.2, 11.8, 14.5, 30.0],
}


def number(v):
    return "NAN" if np.isnan(v) else repr(float(v))


def lag1(x):
    d = np.asarray(x) - np.mean(x)
    return float(np.sum(d[1:] * d[:-1]) / np.sum(d * d))


def summary(name, x):
    n, q = len(x), np.percentile(x, [25, 50, 75, 90, 99])  # method "linear" = type 7
    iqr = q[2] - q[0]
    out = np.maximum(q[0] - np.asarray(x), np.asarray(x) - q[2])
    interval = stats.quantile_test(x, q=float(q[1]), p=0.5).confidence_interval(0.95)
    order = np.arange(n)
    row = [n, q[1], np.mean(x), np.std(x, ddof=1), q[0], q[2], q[3], q[4],
           stats.median_abs_deviation(x), interval.low, interval.high,
           np.sum((out > 1.5 * iqr) & (out <= 3 * iqr)), np.sum(out > 3 * iqr),
           stats.theilslopes(x, order).slope * (n - 1) / q[1], stats.spearmanr(order, x).statistic,
           lag1(x)]
    print(f"SUMMARY({name}, {', '.join(number(v) for v in row)})")


def differences(a, b):
    """Hodges-Lehmann with the interval that R's wilcox.test gives: order statistics of b - a."""
    d = sorted(y - x for x in a for y in b)
    m, n = len(a), len(b)
    exact = m < 50 and n < 50 and len(set(a) | set(b)) == m + n
    if exact:
        counts = gaussian(m, n)
        total, cdf, k = sum(counts), 0, 0
        for c in counts:
            if (cdf + c) / total > 0.025:
                break
            cdf, k = cdf + c, k + 1
        k = max(k, 1)
    else:
        half = stats.norm.ppf(0.975) * np.sqrt(m * n * (m + n + 1) / 12)
        k = max(1, int(np.floor(m * n / 2 - half)))
    return np.median(d), d[k - 1], d[len(d) - k]


def gaussian(m, n):
    """Coefficients of the Gaussian binomial [m+n choose n]: ways to get each U."""
    p = [1]
    for i in range(1, n + 1):
        q = [0] * (len(p) + m + i)
        for j, c in enumerate(p):  # times 1 - q^(m+i)
            q[j] += c
            q[j + m + i] -= c
        for j in range(i, len(q)):  # divided by 1 - q^i
            q[j] += q[j - i]
        while q[-1] == 0:
            q.pop()
        p = q
    return p


def shift(a, b):
    x, y = SAMPLES[a], SAMPLES[b]
    exact = len(x) < 50 and len(y) < 50 and len(set(x) | set(y)) == len(x) + len(y)
    test = stats.mannwhitneyu(y, x, method="exact" if exact else "asymptotic")
    middle, lo, hi = differences(x, y)
    row = [test.statistic, test.pvalue, int(exact), middle, lo, hi]
    print(f"SHIFT({a}, {b}, {', '.join(number(v) for v in row)})")


print("// SPDX-License-Identifier: Apache-2.0")
VERSIONS = f"numpy {np.__version__}, scipy {scipy.__version__}, statsmodels"
print(f"// Made by tests/statistics_peers.py with {VERSIONS}\n// {statsmodels.__version__}.")
for name, x in SAMPLES.items():
    print(f"SAMPLE({name},")
    for i in range(0, len(x), 4):
        end = "," if i + 4 < len(x) else ")"
        print("       " + ", ".join(number(v) for v in x[i:i + 4]) + end)
for name, x in SAMPLES.items():
    summary(name, x)
for pair in [("sleep_11", "sleep_12"), ("ties_a", "ties_b"), ("five", "sleep_11"),
             ("long_a", "long_b"), ("five", "outside"), ("outside", "ties_b"),
             ("five", "long_a")]:
    shift(*pair)
P = [0.01, 0.04, 0.03, 0.005, 0.5, 0.04]
print(f"HOLM({', '.join(map(number, P))},\n     "
      f"{', '.join(number(v) for v in multipletests(P, method='holm')[1])})")
