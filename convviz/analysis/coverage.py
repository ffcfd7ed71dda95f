"""How often each phase of the output is reached: overlap, its index of variation, dead phases, its spectrum.

Phase ``r`` of an axis are the outputs (backwards: the inputs) ``r, r + period, ...``, away from the borders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, reduce
from itertools import product
from math import isqrt, prod, sqrt
from typing import Any

import numpy as np

from convviz.analysis.patterns import PHASES, Number, Pattern, Values, plain
from convviz.errors import ConvvizError
from convviz.ops.base import show
from convviz.ops.relations import Relation, inside

CELLS = 1 << 26  # numbers of a map that is written out
LONG = 1 << 20  # outputs along an axis that are counted one by one


@dataclass(frozen=True)
class Coverage:
    """Overlap of each axis by phase; ``table`` (nested tuples) has the joint phases where they are no product.

    Where ``table`` is given, ``overlap`` is its mean over the other axes, and cv_total and dead are those of the table.
    """

    overlap: tuple[Values, ...]
    table: Any = None

    @property
    def periods(self) -> tuple[int, ...]:
        return tuple(map(len, self.overlap))

    @property
    def phases(self) -> int:
        """Joint phases of all axes."""
        return prod(self.periods)

    @property
    def separable(self) -> bool:
        return self.table is None

    def joint(self, place: Sequence[int]) -> Number:
        """The overlap of one joint phase."""
        if self.table is None:
            return plain(prod((v[i] for v, i in zip(self.overlap, place, strict=True)), start=Fraction(1)))
        return reduce(lambda part, i: part[i], place, self.table)

    def joints(self) -> Iterator[tuple[tuple[int, ...], Number]]:
        """Every joint phase with its overlap."""
        for place in product(*map(range, self.periods)):
            yield place, self.joint(place)

    @property
    def cv(self) -> tuple[float | None, ...]:
        """Standard deviation over mean of each axis (over its phases); None where nothing arrives at all."""
        return tuple(root(spread(values)) for values in self.overlap)

    @cached_property
    def variation(self) -> Fraction | None:
        """cv_total squared, exactly: over a product of axes ``1 + CV^2`` is the product of theirs."""
        if self.table is not None:
            return spread([value for _, value in self.joints()])
        parts = [spread(values) for values in self.overlap]
        if None in parts:
            return None
        return prod((1 + part for part in parts if part is not None), start=Fraction(1)) - 1

    @property
    def cv_total(self) -> float | None:
        return root(self.variation)

    @property
    def uniform(self) -> bool:
        """Whether every phase is reached equally, and reached at all."""
        return self.variation == 0

    @cached_property
    def dead(self) -> int:
        """Joint phases that nothing reaches."""
        if self.table is not None:
            return sum(not value for _, value in self.joints())
        return self.phases - prod(sum(map(bool, values)) for values in self.overlap)

    @property
    def most(self) -> Number:
        """The largest overlap of a joint phase."""
        if self.table is not None:
            return max(value for _, value in self.joints())
        return plain(prod((max(values) for values in self.overlap), start=Fraction(1)))

    @property
    def verdict(self) -> str:
        """``dead``, ``uneven`` or ``uniform``."""
        return "dead" if self.dead else "uniform" if self.uniform else "uneven"

    def spectrum(self, axis: int) -> tuple[float, ...]:
        """|DFT| of one axis over its value at frequency 0, for m/period cycles a cell, m = 0 .. period/2.

        By Parseval, CV^2 is the sum of the squares of all frequencies but 0.
        """
        values = self.overlap[axis]
        total = sum(values)
        if not total:
            return (0.0,) * (len(values) // 2 + 1)
        shares = np.array([float(v / total) for v in values])
        return tuple(float(a) for a in np.abs(np.fft.rfft(shares)))


def spread(values: Sequence[Number]) -> Fraction | None:
    """Variance over squared mean, exactly; None where the mean is 0.

    >>> spread([2, 1])
    Fraction(1, 9)
    """
    total = Fraction(sum(values))
    if not total:
        return None
    return len(values) * Fraction(sum(v * v for v in values)) / (total * total) - 1


def root(square: Fraction | None) -> float | None:
    """The square root of an exact number; of a perfect square without rounding twice.

    >>> root(Fraction(1, 9))
    0.3333333333333333
    """
    if square is None:
        return None
    above, below = isqrt(square.numerator), isqrt(square.denominator)
    if above * above == square.numerator and below * below == square.denominator:
        return float(Fraction(above, below))
    return sqrt(square)


def coverage_of(pattern: Pattern, axes: Sequence[int]) -> Coverage:
    """The coverage along the given axes of a tensor, averaged over its others (the channels).

    Strides that came before are kept as phases, also where these are equal, as far as they can be written down.
    """
    for axis in range(len(pattern.periods)):
        if axis not in axes:
            pattern = pattern.over(axis)
    lengths = pattern.lengths()
    told = [pattern.periods[a] if pattern.periods[a] % lengths[a] == 0 else lengths[a] for a in axes]
    if (prod(told) > PHASES and pattern.table is not None) or max(told, default=1) > PHASES:
        told = [lengths[a] for a in axes]
    if not pattern.scale:
        return Coverage(tuple((0,) * n for n in told))
    if pattern.table is None:
        return Coverage(tuple(pattern.axes[a] * (n // lengths[a]) for a, n in zip(axes, told, strict=True)))
    table = pattern.expanded([told[axes.index(a)] if a in axes else 1 for a in range(len(lengths))])
    table = table.reshape(told)
    means = []
    for a in range(len(told)):
        lanes = np.moveaxis(table, a, 0).reshape(told[a], -1)
        means.append(tuple(plain(Fraction(sum(lane)) / len(lane)) for lane in lanes.tolist()))
    return Coverage(tuple(means), _nested(table.tolist()))


def of_relation(relation: Relation) -> Values:
    """Inputs that each output phase reads along one axis: ``len(taps)``, whatever the size of the kernel.

    >>> from convviz.ops.relations import Window
    >>> of_relation(Window(kernel=10**12, dilation=-1, up=3))
    (333333333334, 333333333333, 333333333333)
    """
    if relation.period > PHASES:
        raise ConvvizError(f"{relation.period:,} phases are too many to list; up to {PHASES:,} are", "stride")
    return tuple(len(relation.taps(o).cells) for o in range(relation.period))


def _nested(values: Any) -> Any:
    return tuple(map(_nested, values)) if isinstance(values, list) else values


# -- real maps with their borders -----------------------------------------------------------------------
@dataclass(frozen=True)
class CoverageMap:
    """Paths that reach each real output, borders included, as one vector for each axis.

    A map of 4096 x 4096 costs two vectors until :meth:`full` writes it out.
    """

    axes: tuple[np.ndarray, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(map(len, self.axes))

    def __getitem__(self, place: tuple[int, ...]) -> Number:
        return prod(int(v[i]) for v, i in zip(self.axes, place, strict=True))

    def full(self) -> np.ndarray:
        """The map itself, an outer product; raises ConvvizError where it would not fit into memory."""
        if prod(self.shape) > CELLS:
            raise ConvvizError(
                f"a map of {show(self.shape)} is too large to write out; its axes are in .axes"
            )
        return np.asarray(reduce(np.multiply.outer, self.axes))


def coverage_map(stack: Sequence[Sequence[tuple[Relation, int]]], sizes: Sequence[int]) -> CoverageMap:
    """Paths to each real output of layers one behind the other, from an input of ``sizes``.

    stack: for each layer, the relation along each axis and how many outputs it has there.

    >>> from convviz.ops.relations import Window
    >>> up = [(Window(kernel=3, dilation=-1, up=2), 9)]
    >>> coverage_map([up], [4]).axes[0].tolist()
    [1, 1, 2, 1, 2, 1, 2, 1, 1]
    """
    axes = []
    for a, n in enumerate(sizes):
        longest = max([n, *(layer[a][1] for layer in stack)])
        if longest > LONG:
            raise ConvvizError(f"a map of {longest:,} outputs is too long; up to {LONG:,} can be counted")
        values = np.ones(n, dtype=object)
        for layer in stack:
            relation, m = layer[a]
            reads = (inside(relation.taps(o).cells, len(values)) for o in range(m))
            sums = [sum(int(values[i]) for part in parts for i in part) for parts in reads]
            values = np.array(sums, dtype=object)
        axes.append(values if max(values, default=0) >> 62 else values.astype(np.int64))
    return CoverageMap(tuple(axes))
