"""Cells that share a statistic, and which of these statistics are whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isqrt

import numpy as np

from convviz.ops.base import Array


@dataclass(frozen=True, eq=False)
class Partition:
    """The number of each cell's set; sets have equally many cells.

    centred: a whole mean and deviation are wanted; without, a whole root of the mean square.
    """

    labels: Array
    centred: bool = True

    @cached_property
    def sets(self) -> int:
        return int(self.labels.max()) + 1

    @property
    def cells(self) -> int:
        """Of one set."""
        return len(self.labels) // self.sets

    @property
    def varies(self) -> bool:
        """Whether a deviation can be whole and not 0: never that of one cell or of three."""
        return not self.centred or self.cells not in (1, 3)

    def totals(self, values: Array) -> Array:
        return np.bincount(self.labels, values, self.sets).astype(np.int64)

    def parents(self, other: Partition) -> dict[int, int]:
        """The set of another partition in which each set lies; empty where one lies across several."""
        pairs = set(zip(self.labels.tolist(), other.labels.tolist(), strict=True))
        return dict(pairs) if len(pairs) == self.sets else {}


def whole(x: Array, partition: Partition) -> tuple[int, int]:
    """How many sets have a whole mean, and how many besides a whole deviation above 0 (not centred: such a root)."""
    cells = partition.cells
    means = roots = 0
    for s, q in zip(partition.totals(x).tolist(), partition.totals(x**2).tolist(), strict=True):
        if not partition.centred:
            roots += _is_square(q, cells)
        elif s % cells == 0:
            means += 1
            roots += _is_square(q - s * s // cells, cells)
    return means, roots


def same(x: Array, partition: Partition) -> bool:
    """Whether all of several sets have one sum."""
    return partition.sets > 1 and len(set(partition.totals(x).tolist())) == 1


def _is_square(total: int, cells: int) -> bool:
    """Whether the mean of ``total`` over so many cells is the square of a whole number above 0."""
    value, rest = divmod(total, cells)
    return rest == 0 and value > 0 and isqrt(value) ** 2 == value
