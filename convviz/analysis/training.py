"""What the lines of metrics.jsonl say about a run: its last epochs, whether it still improved, what was confused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean
from typing import Any

from convviz.analysis.predictions import Predictions
from convviz.analysis.statistics.distributions import t_quantile
from convviz.analysis.statistics.intervals import LEVEL

LAST = 5  # epochs that are told beside the last one
FEWEST, MOST = 4, 10  # epochs of a trend


@dataclass(frozen=True)
class Tail:
    """One figure in the last epochs, five or fewer; ``first`` is the number of the first of them."""

    first: int
    values: tuple[float, ...]

    @property
    def last(self) -> float:
        return self.values[-1]

    @property
    def minimum(self) -> float:
        return min(self.values)

    @property
    def maximum(self) -> float:
        return max(self.values)

    @property
    def mean(self) -> float:
        return fmean(self.values)


def tail(history: Sequence[Mapping[str, Any]], name: str = "test_accuracy", count: int = LAST) -> Tail | None:
    """The last ``count`` epochs; None without any.

    >>> rows = [{"epoch": i, "test_accuracy": 90 + i} for i in range(1, 8)]
    >>> found = tail(rows)
    >>> found.first, found.minimum, found.last
    (3, 93, 97)
    """
    rows = history[-count:]
    return Tail(int(rows[0]["epoch"]), tuple(row[name] for row in rows)) if rows else None


@dataclass(frozen=True)
class Trend:
    """The least-squares line through the last epochs: its height at the first and the last of them, and its slope.

    error: standard error of the slope (by epoch); epochs are taken as independent.
    """

    epochs: int
    before: float
    after: float
    error: float

    @property
    def change(self) -> float:
        return self.after - self.before

    @property
    def slope(self) -> float:
        return self.change / (self.epochs - 1)

    @property
    def clear(self) -> bool:
        """Whether the slope differs from 0 at a level of 5 per cent (Student's t)."""
        return abs(self.slope) > t_quantile(self.epochs - 2, LEVEL) * self.error


def trend(history: Sequence[Mapping[str, Any]], name: str = "test_accuracy") -> Trend | None:
    """Of the second half of a run, five to ten epochs; None of a run with fewer than four.

    >>> rows = [{"loss": x} for x in (9.0, 4.0, 3.1, 1.9, 1.0)]
    >>> found = trend(rows, "loss")
    >>> found.epochs, round(found.slope, 2), found.clear
    (5, -1.81, True)
    """
    count = min(len(history), MOST, max(LAST, len(history) // 2))
    if count < FEWEST:
        return None
    values = [float(row[name]) for row in history[-count:]]
    middle, mean = (count - 1) / 2, fmean(values)
    spread = sum((i - middle) ** 2 for i in range(count))
    slope = sum((i - middle) * value for i, value in enumerate(values)) / spread
    left = sum((value - mean - slope * (i - middle)) ** 2 for i, value in enumerate(values))
    return Trend(count, mean - slope * middle, mean + slope * middle, sqrt(left / (count - 2) / spread))


@dataclass(frozen=True)
class Confused:
    """How many images of class ``truth`` were taken for ``answer``, of how many."""

    truth: int
    answer: int
    count: int
    of: int


def most_confused(found: Predictions, count: int | None = None) -> tuple[Confused, ...]:
    """Pairs of a class and what it is taken for, the most frequent first; pairs that never occur are left out."""
    matrix = found.confusion
    size = matrix.sum(1)
    pairs = [
        Confused(i, j, int(matrix[i, j]), int(size[i]))
        for i in range(len(matrix))
        for j in range(len(matrix))
        if i != j and matrix[i, j]
    ]
    return tuple(sorted(pairs, key=lambda pair: (-pair.count, pair.truth, pair.answer))[:count])
