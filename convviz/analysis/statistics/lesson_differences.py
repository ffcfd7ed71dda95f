"""Paired differences with Student's t intervals that hold together (Bonferroni): what a small lesson reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isinf
from statistics import fmean

from convviz.analysis.statistics.intervals import LEVEL, t_interval


@dataclass(frozen=True)
class Difference:
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
        """``A against B: +0.52 points (+0.11 to +0.93)``, and that no difference is detected where it holds 0."""
        text = f"{self.arm} against {self.against}: {self.difference:+.2f} points"
        if isinf(self.high):
            return f"{text} in one run, which tells nothing about chance"
        text = f"{text} ({self.low:+.2f} to {self.high:+.2f})"
        return text if self.detected else f"{text}, no difference detected"


def difference(
    arm: str, against: str, ones: Sequence[float], others: Sequence[float], comparisons: int = 1
) -> Difference:
    """The paired difference of two arms' accuracies, seed by seed; ``comparisons``: made in the same lesson.

    >>> difference("a", "b", [3, 4, 5], [1, 2, 3]).words
    'a against b: +2.00 points (+2.00 to +2.00)'
    """
    differences = [a - b for a, b in zip(ones, others, strict=True)]
    mean = fmean(differences)
    found = t_interval(differences, 1 - (1 - LEVEL) / comparisons)
    low, high = (-inf, inf) if found is None else (found.low, found.high)
    return Difference(arm, against, mean, low, high)
