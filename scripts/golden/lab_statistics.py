#!/usr/bin/env python3
"""Golden values of the laboratory's statistics, by scipy, NLTK and sacrebleu.

    scripts/golden/lab_statistics.py

Writes crates/kelvin-lab/tests/golden/statistics.json: distribution functions by scipy, BLEU of each text with the others as its
references by NLTK (and by sacrebleu, which must agree to 1e-9; of a text of fewer than four tokens
only its own orders count), expected shares of the mode by enumeration in fractions.

Needs scipy 1.18, nltk 3.10, sacrebleu 2.7 or so.
"""

import itertools
import json
import math
import random
from fractions import Fraction
from pathlib import Path

import sacrebleu
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from scipy import special, stats

OUT = Path(__file__).parents[2] / "crates/kelvin-lab/tests/golden/statistics.json"


def binomials():
    cases = [(100, 0.6849381644449536, 67), (100, 0.33248275990416515, 24), (1, 0.5, 0), (10, 0.5, 5), (10, 0.5, 2)]
    cases += [(10, 0.0, 0), (10, 0.0, 1), (10, 1.0, 10), (10, 1.0, 9), (20, 0.07, 0), (20, 0.07, 5), (7, 1 / 3, 7)]
    cases += [(5000, 0.001, 12), (5000, 0.999, 4990), (100000, 0.25, 25431), (1000000, 0.5, 499000), (50, 0.9, 45), (3, 0.5, 1)]
    rows = []
    for n, p, k in cases:
        law = stats.binom(n, p)
        interval = stats.binomtest(k, n, p).proportion_ci(0.95, "exact")
        rows.append({
            "n": n, "p": p, "k": k, "pmf": float(law.pmf(k)), "cdf": float(law.cdf(k)), "sf": float(law.sf(k)),
            "two_sided_p": float(stats.binomtest(k, n, p).pvalue), "central": [int(law.ppf(0.025)), int(law.ppf(0.975))],
            "clopper_pearson": [float(interval.low), float(interval.high)],
        })
    for row in rows:  # scipy's ppf is -1 or n at the edges of p = 0
        row["central"] = [max(0, it) for it in row["central"]]
    return rows


def log_gammas():
    return [[x, float(special.gammaln(x))] for x in [1e-8, 0.1, 0.5, 1, 1.5, 2, 3.25, 9.99, 14.9, 15, 15.1, 100, 1234.5, 1e6, 1e12]]


def gammas():
    pairs = [(0.5, 0.1), (0.5, 3), (1, 1), (2, 0.01), (2.5, 9), (10, 3), (10, 10), (10, 30), (100, 80), (100, 140), (5000, 5100), (50000, 49000)]
    exact = lambda a, x: [float(special.gammainc(a, x)), float(special.gammaincc(a, x))]
    return [[a, x, *exact(a, x)] for a, x in pairs]


def betas():
    triples = [(0.5, 0.5, 0.3), (1, 3, 0.2), (5, 2, 0.9), (68, 33, 0.7), (2, 999, 0.001), (300, 700, 0.31), (5000, 5000, 0.49), (1e5, 3e5, 0.2505)]
    exact = lambda a, b, x: [float(special.betainc(a, b, x)), float(special.betaincc(a, b, x))]
    return [[a, b, x, *exact(a, b, x)] for a, b, x in triples]


def chi_squares():
    rows = []
    for counts, shares in [
        ([44, 56], [0.5, 0.5]),
        ([30, 14, 34, 45, 57, 20], [0.2, 0.1, 0.15, 0.2, 0.25, 0.1]),
        ([470, 290, 105, 77, 58], [0.47227372, 0.28644849, 0.10537851, 0.07806632, 0.05783296]),
    ]:
        n = sum(counts)
        shares = [share / sum(shares) for share in shares]
        found = stats.chisquare(counts, [n * share for share in shares])
        rows.append({"counts": counts, "shares": shares, "statistic": float(found.statistic), "p_value": float(found.pvalue)})
    return rows


def bleu(hypothesis, references):
    if not hypothesis:
        return 0.0
    words = lambda tokens: [str(token) for token in tokens]
    orders = min(4, len(hypothesis))  # those that it has: sacrebleu's effective order
    found = sentence_bleu(
        [words(it) for it in references], words(hypothesis), weights=[1 / orders] * orders,
        smoothing_function=SmoothingFunction().method1,
    )
    if found > 0:
        # floor smoothing of 0.1 is method 1; its references are strings, one for each
        other = sacrebleu.sentence_bleu(
            " ".join(words(hypothesis)), [" ".join(words(it)) for it in references],
            smooth_method="floor", smooth_value=0.1, tokenize="none", use_effective_order=True,
        ).score / 100
        assert abs(found - other) < 1e-9, (found, other)
    return found


def self_bleus():
    draw = random.Random(5)
    texts = lambda n, length, kinds: [[draw.randrange(kinds) for _ in range(draw.randrange(*length))] for _ in range(n)]
    sets = [
        [[1, 2, 3, 4, 5]] * 3,
        [[1, 2, 3, 4], [5, 6, 7, 8]],
        [[1, 2, 3], [1, 2, 3], [9]],
        [[1, 2], [1, 2], [1, 2]], [[7], [7]], [[1, 2, 3], [1, 2, 3, 4, 5], [2, 1]],
        [[], [1, 2]],
        texts(8, (10, 20), 4), texts(12, (4, 30), 9), texts(6, (20, 25), 40), texts(5, (1, 6), 3),
    ]
    score = lambda texts: sum(bleu(it, texts[:at] + texts[at + 1:]) for at, it in enumerate(texts)) / len(texts)
    return [{"texts": it, "self_bleu": score(it)} for it in sets]


def mode_shares():
    rows = []
    for shares, n in [([0.5, 0.5], 2), ([0.5, 0.3, 0.2], 5), ([0.7, 0.1, 0.1, 0.05, 0.05], 6), ([0.25] * 4, 7)]:
        exact = [Fraction(share).limit_denominator(100) for share in shares]
        expected = Fraction(0)
        for draws in itertools.product(range(len(shares)), repeat=n):
            p = math.prod((exact[it] for it in draws), start=Fraction(1))
            expected += p * max(draws.count(it) for it in set(draws))
        rows.append({"shares": shares, "n": n, "expected": float(expected / n)})
    return rows


golden = {
    "binomial": binomials(), "ln_gamma": log_gammas(), "incomplete_gamma": gammas(), "incomplete_beta": betas(),
    "chi_square": chi_squares(), "self_bleu": self_bleus(), "mode_share": mode_shares(),
}
lines = ",\n".join(
    f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]" for name, rows in golden.items()
)
OUT.write_text("{\n" + lines + "\n}\n")
