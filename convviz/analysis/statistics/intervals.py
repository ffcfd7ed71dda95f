"""Intervals: of one accuracy, of a mean over seeds, of paired differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor, isfinite, sqrt
from statistics import fmean, stdev

import numpy as np

from convviz.analysis.statistics.distributions import NORMAL, t_quantile
from convviz.errors import ConvvizError

LEVEL = 0.95
RESAMPLES = 10_000
MOST_RESAMPLES = 10**6
SEED = 0  # of the resampling: the same runs give the same interval
AT_ONCE = 1 << 20  # numbers drawn at a time


@dataclass(frozen=True)
class Interval:
    """``low`` to ``high``, in the unit of what went in; ``method`` names how it was found."""

    low: float
    high: float
    level: float
    method: str

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    @property
    def width(self) -> float:
        return self.high - self.low

    def overlaps(self, other: Interval) -> bool:
        return self.low <= other.high and other.low <= self.high

    def within(self, low: float, high: float) -> Interval:
        """The part between ``low`` and ``high``: no accuracy lies above 100 per cent."""
        return replace(self, low=min(max(self.low, low), high), high=min(max(self.high, low), high))


def check_level(level: float, name: str = "level") -> None:
    """Raises ConvvizError unless ``level`` lies between 0 and 1."""
    if not (isinstance(level, int | float) and 0 < level < 1):
        raise ConvvizError(f"must lie between 0 and 1, got {level!r}", name)


def check_images(test: int) -> int:
    """Raises ConvvizError unless ``test`` is a number of images."""
    if isinstance(test, bool) or not isinstance(test, int | np.integer) or test < 1:
        raise ConvvizError(f"must be a number of test images of at least 1, got {test!r}", "test")
    if test > 10**15:
        raise ConvvizError("must be a number of test images of at most 10**15", "test")
    return int(test)


def check_accuracy(value: object, where: str) -> float:
    """An accuracy in per cent as a float; raises ConvvizError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise ConvvizError(f"must be an accuracy in per cent, got {value!r}", where)
    if not (isfinite(value) and 0 <= value <= 100):
        raise ConvvizError(f"must be an accuracy from 0 to 100 per cent, got {value!r}", where)
    return float(value)


def standard_error(accuracy: float, test: int) -> float:
    """The binomial standard error of an accuracy over ``test`` images, in points: sqrt(p (1 - p) / n).

    >>> round(standard_error(99.40, 10_000), 3)
    0.077
    """
    p = check_accuracy(accuracy, "accuracy") / 100
    return 100 * sqrt(p * (1 - p) / check_images(test))


def wilson(accuracy: float, test: int, level: float = LEVEL) -> Interval:
    """Wilson's score interval of one accuracy (per cent) over ``test`` images: what the choice of images leaves open.

    It knows nothing about the chance in training. Source: Wilson 1927. Raises ConvvizError for accuracies outside
    0 to 100, fewer images than 1, levels outside 0 to 1.

    >>> found = wilson(99.40, 10_000)
    >>> f"{found.low:.2f} to {found.high:.2f}"
    '99.23 to 99.53'
    """
    check_level(level)
    p, n = check_accuracy(accuracy, "accuracy") / 100, check_images(test)
    z = NORMAL.inv_cdf((1 + level) / 2)
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = 100 * (middle - half), 100 * (middle + half)
    low, high = (0.0 if p == 0 else low), (100.0 if p == 1 else high)
    return Interval(low, high, level, "Wilson").within(0, 100)


def mean_sd(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and standard deviation (divisor n - 1; None of one value); equal values have exactly 0.

    >>> mean_sd([99.0, 99.5])[0], mean_sd([99.1] * 3)
    (99.25, (99.1, 0.0))
    """
    if min(values) == max(values):
        return float(values[0]), None if len(values) == 1 else 0.0
    return fmean(values), stdev(values)


def t_interval(values: Sequence[float], level: float = LEVEL) -> Interval | None:
    """Student's t interval of the mean, mean +- t sd / sqrt(n); None of a single value, which has no spread.

    >>> found = t_interval([1, 2, 3])
    >>> f"{found.low:.3f} to {found.high:.3f}"
    '-0.484 to 4.484'
    """
    check_level(level)
    mean, sd = mean_sd(values)
    if sd is None:
        return None
    half = t_quantile(len(values) - 1, level) * sd / sqrt(len(values)) if sd else 0.0
    return Interval(mean - half, mean + half, level, "Student's t")


def bootstrap(
    values: Sequence[float],
    level: float = LEVEL,
    *,
    method: str = "BCa",
    expanded: bool = False,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval | None:
    """The bootstrap interval of the mean of ``values``: what means of values drawn again from them range over.

    method: ``percentile`` takes the quantiles as they are; ``BCa`` moves them by the bias (how many resampled means
    lie below the mean) and the acceleration (the skewness of the mean, by the jackknife). With few values both are too
    narrow: of 8 normal values, 95 per cent intervals hold the truth about nine times in ten. expanded: take quantiles
    so much further out that normal values would get Student's interval. No end lies beyond the values themselves. The
    same seed gives the same interval; None of a single value. Source: Efron 1987; Efron and Tibshirani 1993, chapters
    13 and 14; Hesterberg 2015, section 5.3 (expanded).

    >>> found = bootstrap([0.1, 0.2, -0.05, 0.15, 0.0, 0.12])
    >>> found.low < 0.087 < found.high, found == bootstrap([0.1, 0.2, -0.05, 0.15, 0.0, 0.12])
    (True, True)
    """
    check_level(level)
    if method not in ("BCa", "percentile"):
        raise ConvvizError(f"no bootstrap {method!r} (BCa, percentile)")
    if not (isinstance(resamples, int) and 2 <= resamples <= MOST_RESAMPLES):
        raise ConvvizError(f"must be 2 to {MOST_RESAMPLES:,}, got {resamples!r}", "resamples")
    array, n = np.asarray(values, float), len(values)
    mean, sd = mean_sd(values)
    if sd is None:
        return None
    name = f"bootstrap ({method}{', expanded' * expanded})"
    if sd == 0:
        return Interval(mean, mean, level, name)
    means = np.sort(_resampled_means(array, resamples, seed))
    tail = (1 - level) / 2
    if expanded:
        tail = NORMAL.cdf(-sqrt(n / (n - 1)) * t_quantile(n - 1, level))
    ends = (tail, 1 - tail)
    if method == "BCa":
        mean = float(array.mean())
        below = (np.count_nonzero(means < mean) + np.count_nonzero(means <= mean)) / (2 * resamples)
        bias = NORMAL.inv_cdf(min(max(below, 1 / (2 * resamples)), 1 - 1 / (2 * resamples)))
        left_out = (array.sum() - array) / (n - 1)
        apart = left_out.mean() - left_out
        acceleration = float((apart**3).sum() / (6 * (apart**2).sum() ** 1.5))
        ends = (_moved(-1, tail, bias, acceleration), _moved(1, tail, bias, acceleration))
    low, high = (_quantile(means, end) for end in ends)
    return Interval(low, high, level, name)


def _resampled_means(values: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    rng, n = np.random.default_rng(seed), len(values)
    step = max(AT_ONCE // n, 1)
    counts = [min(step, resamples - at) for at in range(0, resamples, step)]
    return np.concatenate([values[rng.integers(0, n, (count, n))].mean(axis=1) for count in counts])


def _moved(side: int, tail: float, bias: float, acceleration: float) -> float:
    """The share of resampled means below the lower (side -1) or upper end, by bias and acceleration."""
    if tail <= 0:
        return (side + 1) / 2
    shifted = bias - side * NORMAL.inv_cdf(tail)
    squeezed = 1 - acceleration * shifted
    return NORMAL.cdf(bias + shifted / squeezed) if squeezed > 0 else (side + 1) / 2


def _quantile(ordered: np.ndarray, share: float) -> float:
    """Between two neighbours in proportion (Hyndman and Fan's type 7, numpy's own)."""
    at = share * (len(ordered) - 1)
    low = min(floor(at), len(ordered) - 2)
    return float(ordered[low] + (ordered[low + 1] - ordered[low]) * (at - low))


def paired_proportions(only_a: int, only_b: int, test: int, level: float = LEVEL) -> Interval:
    """The interval of the difference of two runs' accuracies (a less b, in points) on the same ``test`` images.

    only_a, only_b: images that only one of them has right. The adjusted Wald interval: one image more of each kind,
    two more in all. Source: Bonett and Price 2012.

    >>> found = paired_proportions(30, 20, 10_000)
    >>> f"{found.low:.3f} to {found.high:.3f}"
    '-0.041 to 0.241'
    """
    check_level(level)
    n = test + 2
    a, b = (only_a + 1) / n, (only_b + 1) / n
    half = NORMAL.inv_cdf((1 + level) / 2) * sqrt((a + b - (a - b) ** 2) / n)
    return Interval(100 * (a - b - half), 100 * (a - b + half), level, "Bonett-Price").within(-100, 100)
