"""What runs with the same seeds say about two arms: paired differences with Student's t intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan, cos, isinf, pi, sin, sqrt
from statistics import fmean, stdev

LEVEL = 0.95  # of all intervals of a lesson together (Bonferroni)


@dataclass(frozen=True)
class Comparison:
    """``arm`` less ``against``, run by run with the same seed, in points of accuracy, and the interval of its mean."""

    arm: str
    against: str
    difference: float
    low: float
    high: float

    @property
    def detected(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0

    @property
    def words(self) -> str:
        """``A against B: +0.52 points (0.11 to 0.93)``, and that no difference is detected where it holds 0."""
        text = f"{self.arm} against {self.against}: {self.difference:+.2f} points"
        if isinf(self.high):
            return f"{text} in one run, which tells nothing about chance"
        text = f"{text} ({self.low:+.2f} to {self.high:+.2f})"
        return text if self.detected else f"{text}, no difference detected"


def compare(
    arm: str, against: str, ones: Sequence[float], others: Sequence[float], comparisons: int = 1
) -> Comparison:
    """The paired difference of two arms' accuracies, seed by seed; ``comparisons``: made in the same lesson.

    >>> compare("a", "b", [3, 4, 5], [1, 2, 3]).words
    'a against b: +2.00 points (+2.00 to +2.00)'
    """
    differences = [a - b for a, b in zip(ones, others, strict=True)]
    mean = fmean(differences)
    half = stdev(differences) / sqrt(len(differences)) if len(differences) > 1 else float("inf")
    half *= (
        t_quantile(len(differences) - 1, 1 - (1 - LEVEL) / comparisons) if 0 < half < float("inf") else 1.0
    )
    return Comparison(arm, against, mean, mean - half, mean + half)


def t_within(t: float, freedom: int) -> float:
    """P(|T| <= t) of Student's t with whole degrees of freedom (Abramowitz and Stegun 26.7.3 and 26.7.4).

    >>> round(t_within(1.0, 1), 12)
    0.5
    """
    angle = atan(t / sqrt(freedom))
    odd = freedom % 2
    term = total = cos(angle) if odd and freedom > 1 else float(not odd)
    for i in range(3 if odd else 2, freedom, 2):
        term *= cos(angle) ** 2 * (i - 1) / i
        total += term
    return 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total


def t_quantile(freedom: int, level: float) -> float:
    """The t within which |T| lies with probability ``level``.

    >>> round(t_quantile(4, 0.95), 4)
    2.7764
    """
    low, high = 0.0, 1.0
    while t_within(high, freedom) < level:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if t_within(middle, freedom) < level else (low, middle)
    return high
