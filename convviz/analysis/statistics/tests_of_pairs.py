"""Tests of whether two arms differ: sign-flip, paired t, Welch, McNemar, and correction for many of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, comb, exp, inf, lgamma, log, log2, sqrt

import numpy as np

from convviz.analysis.statistics.distributions import NORMAL, incomplete_beta, t_beyond, t_quantile
from convviz.analysis.statistics.intervals import LEVEL, Interval, check_images, check_level, mean_sd
from convviz.errors import ConvvizError

ALPHA = 0.05
EXACT = 36  # differences up to which every choice of signs is counted
FLIPS = 20_000  # choices of signs that are drawn where there are too many to count
TIE = 1e-9  # sums closer than this share of their size are equal: decimal accuracies are not exact in binary


def sign_flip(differences: Sequence[float], *, seed: int = 0) -> float:
    """The two-sided p of the sign-flip (permutation) test: how many choices of signs give a mean as far from 0.

    If two arms do not differ, each seed's difference may as well have the other sign. All 2^n choices are counted, up
    to 36 differences; beyond, 20,000 are drawn (p = (1 + hits) / (1 + drawn)). No p below 2 / 2^n is possible: with
    fewer than 6 seeds it cannot reach .05. Source: Fisher 1935, section 21; Phipson and Smyth 2010 for the drawn form.

    >>> sign_flip([0.1, 0.2, 0.1, 0.3, 0.1]), sign_flip([0.1, 0.2, 0.1, 0.3, 0.1, 0.2])
    (0.0625, 0.03125)
    >>> sign_flip([1, -1]), sign_flip([0, 0, 0])
    (1.0, 1.0)
    """
    array = _finite(differences)
    size = float(np.abs(array).sum())
    target = abs(float(array.sum())) - TIE * size
    if size == 0 or target <= 0:
        return 1.0
    n = len(array)
    if n > EXACT:
        rng = np.random.default_rng(seed)
        step = max((1 << 20) // n, 1)
        hits = 0
        for at in range(0, FLIPS, step):
            signs = rng.integers(0, 2, (min(step, FLIPS - at), n)) * 2 - 1
            hits += int(np.count_nonzero(np.abs(signs @ array) >= target))
        return (1 + hits) / (1 + FLIPS)
    left, right = _sums(array[: n // 2]), np.sort(_sums(array[n // 2 :]))
    above = len(right) - np.searchsorted(right, target - left, side="left")
    below = np.searchsorted(right, -target - left, side="right")
    return int(above.sum() + below.sum()) / 2**n


def _sums(values: np.ndarray) -> np.ndarray:
    """Of all choices of signs; halves of the differences are combined, so that 2^(n/2) numbers do."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def sign_means(differences: Sequence[float], *, most: int = 1 << 16, seed: int = 0) -> np.ndarray:
    """The means that other signs of the differences would give: of all 2^n choices, or of ``most`` that are drawn.

    The share of them that `as_far` marks is the p of `sign_flip`, where all are counted.

    >>> sorted(sign_means([3, 1]).tolist())
    [-2.0, -1.0, 1.0, 2.0]
    """
    array = _finite(differences)
    if 2 ** len(array) <= most:
        return _sums(array) / len(array)
    signs = np.random.default_rng(seed).integers(0, 2, (most, len(array))) * 2 - 1
    means: np.ndarray = signs @ array / len(array)
    return means


def as_far(means: np.ndarray, differences: Sequence[float]) -> np.ndarray:
    """Which means lie as far from 0 as that of the differences, or farther."""
    array = _finite(differences)
    near = TIE * float(np.abs(array).mean())
    far: np.ndarray = np.abs(means) >= abs(float(array.mean())) - near
    return far


def fewest_seeds(alpha: float = ALPHA, comparisons: int = 1) -> int:
    """The least number of seeds with which a two-sided sign-flip test can reach alpha / comparisons: 2 / 2^n of it.

    >>> fewest_seeds(), fewest_seeds(comparisons=3), fewest_seeds(comparisons=10)
    (6, 7, 9)
    """
    check_level(alpha, "alpha")
    return max(ceil(1 + log2(comparisons / alpha) - 1e-12), 1)


def paired_t(differences: Sequence[float]) -> float | None:
    """The two-sided p of Student's paired t test; None of fewer than two differences.

    Differences that are all alike have p 0 (1 where they are all 0).

    >>> round(paired_t([1, 2, 3]), 4), paired_t([0, 0]), paired_t([1])
    (0.0742, 1.0, None)
    """
    array = _finite(differences)
    mean, sd = mean_sd(array.tolist())
    if sd is None:
        return None
    if sd == 0:
        return float(mean == 0)
    return t_beyond(abs(mean) / (sd / sqrt(len(array))), len(array) - 1)


@dataclass(frozen=True)
class Welch:
    """Two arms whose runs have no partners: difference of means, its interval, p, degrees of freedom."""

    difference: float
    interval: Interval
    p: float
    freedom: float


def welch(ones: Sequence[float], others: Sequence[float], level: float = LEVEL) -> Welch:
    """Welch's t test of two arms without common seeds; they may differ in n and in sd. Source: Welch 1947.

    Raises ConvvizError for fewer than two values in an arm.

    >>> found = welch([3, 4, 5], [1, 2, 3, 4])
    >>> round(found.difference, 3), round(found.p, 4), round(found.freedom, 2)
    (1.5, 0.1443, 4.96)
    """
    check_level(level)
    a, b = _finite(ones), _finite(others)
    if min(len(a), len(b)) < 2:
        raise ConvvizError(f"needs two runs in each arm, got {len(a)} and {len(b)}", "Welch's test")
    (mean_a, sd_a), (mean_b, sd_b) = mean_sd(a.tolist()), mean_sd(b.tolist())
    va, vb = (sd_a or 0) ** 2 / len(a), (sd_b or 0) ** 2 / len(b)
    difference, error = mean_a - mean_b, sqrt(va + vb)
    if error == 0:
        interval = Interval(difference, difference, level, "Welch's t")
        return Welch(difference, interval, float(difference == 0), inf)
    freedom = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    half = t_quantile(freedom, level) * error
    interval = Interval(difference - half, difference + half, level, "Welch's t")
    return Welch(difference, interval, t_beyond(abs(difference) / error, freedom), freedom)


@dataclass(frozen=True)
class McNemar:
    """only_a, only_b: images that only one of two runs has right. p: exact, mid_p: without its caution."""

    only_a: int
    only_b: int
    p: float
    mid_p: float


def mcnemar(only_a: int, only_b: int) -> McNemar:
    """McNemar's exact test of two runs on the same images: are those that only one has right split evenly?

    The two-sided binomial p of the smaller count among both with probability 1/2; mid-p counts half of the observed
    case. It tells the two trained nets apart, not what they were trained with. Source: McNemar 1947; Fagerland,
    Lydersen and Laake 2013.

    >>> mcnemar(8, 2).p, mcnemar(8, 2).mid_p, mcnemar(0, 0).p
    (0.109375, 0.0654296875, 1.0)
    """
    for name, count in (("only_a", only_a), ("only_b", only_b)):
        if isinstance(count, bool) or not isinstance(count, int | np.integer) or not 0 <= count <= 10**7:
            raise ConvvizError(f"must be a count of images of 0 or more, got {count!r}", name)
    n, few = int(only_a) + int(only_b), int(min(only_a, only_b))
    if 2 * few == n:
        return McNemar(few, few, 1.0, 1.0)
    if n <= 1000:
        below, here = sum(comb(n, k) for k in range(few + 1)) / 2**n, comb(n, few) / 2**n
    else:  # whole numbers of thousands of digits; the binomial's sum is an incomplete beta function
        below = incomplete_beta(n - few, few + 1, 0.5)
        here = exp(lgamma(n + 1) - lgamma(few + 1) - lgamma(n - few + 1) - n * log(2))
    return McNemar(int(only_a), int(only_b), min(2 * below, 1.0), min(2 * below - here, 1.0))


def two_proportions(a: float, b: float, test_a: int, test_b: int) -> float:
    """The two-sided p that two accuracies (per cent) of different images are one: the pooled z test.

    Source: any text; it is the square root of the chi-squared test of the 2x2 table without correction.

    >>> round(two_proportions(99.46, 99.36, 10_000, 10_000), 3)
    0.356
    """
    n, m = check_images(test_a), check_images(test_b)
    pooled = (a * n + b * m) / (n + m) / 100
    error = sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return 1.0 if a == b else 2 * NORMAL.cdf(-abs(a - b) / 100 / error)


def holm(ps: Sequence[float]) -> list[float]:
    """Adjusted p of a family of tests: each is to be held against alpha itself. Source: Holm 1979.

    The smallest is multiplied by how many there are, the next by one less, and none falls below one before it.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    out, highest = [0.0] * len(ps), 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        highest = max(highest, min((len(ps) - rank) * ps[i], 1.0))
        out[i] = highest
    return out


def bonferroni(ps: Sequence[float]) -> list[float]:
    """Adjusted p, each multiplied by how many there are; Holm's are never larger.

    >>> bonferroni([0.01, 0.5])
    [0.02, 1.0]
    """
    return [min(len(ps) * p, 1.0) for p in ps]


def _finite(values: Sequence[float]) -> np.ndarray:
    array = np.asarray(values, float)
    if array.ndim != 1 or not array.size or not np.isfinite(array).all():
        raise ConvvizError("must be a row of finite numbers, at least one", "differences")
    return array
