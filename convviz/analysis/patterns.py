"""Numbers that repeat along each axis of a tensor: one period of each, in exact integers and fractions.

A tensor that answers a constant input repeats away from its borders. Nearly always its values are a product of one
factor for each axis; only where branches meet they may not be, and then all joint phases are kept in one table.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from math import gcd, lcm, prod
from typing import Any

import numpy as np

from convviz.errors import ConvvizError
from convviz.ops.base import Shape, show

PHASES = 1 << 16  # the longest period that is written down, and the most joint phases
CELLS = 1 << 22  # the largest tensor that is written out for a reshape
WORK = 1 << 23  # numbers that one step may read

Number = int | Fraction
Values = tuple[Number, ...]
Row = list[tuple[int, Number]]  # the phases that are read, each with its weight


@dataclass(frozen=True)
class Pattern:
    """``scale`` times the product of ``axes`` (one period of each tensor axis), or times ``table`` where there is one.

    periods: after how many cells each axis repeats because of the strides so far: a multiple of what the values need.
    table: object array with one axis for each of the tensor's.
    """

    axes: tuple[Values, ...]
    periods: tuple[int, ...]
    scale: Number = 1
    table: np.ndarray | None = None

    @property
    def constant(self) -> bool:
        return self.table is None and all(len(v) == 1 for v in self.axes)

    def lengths(self) -> tuple[int, ...]:
        """Cells after which the values repeat, along each axis."""
        return self.table.shape if self.table is not None else tuple(map(len, self.axes))

    def expanded(self, lengths: Sequence[int]) -> np.ndarray:
        """All joint phases as a table with these lengths, which the own ones divide."""
        if prod(lengths) > CELLS:
            raise ConvvizError(f"the pattern has {show(lengths)} joint phases; {CELLS:,} can be followed")
        table = self.table if self.table is not None else _outer(self.axes)
        return np.tile(table, [n // m for n, m in zip(lengths, table.shape, strict=True)])

    def through(self, axis: int, rows: Sequence[Row], period: int, largest: bool = False) -> Pattern:
        """Along one axis, every new value is a weighted sum of old ones, or the largest of them."""
        periods = (*self.periods[:axis], period, *self.periods[axis + 1 :])
        if self.table is None:
            values = self.axes[axis]
            new = [_combine([(values[i], w) for i, w in row], largest) for row in rows]
            return replace(
                self, axes=(*self.axes[:axis], shortest(new), *self.axes[axis + 1 :]), periods=periods
            )
        lanes = np.moveaxis(self.table, axis, 0)
        if sum(map(len, rows)) * prod(lanes.shape[1:]) > WORK:
            raise ConvvizError(
                f"the pattern has {show(self.lengths())} joint phases, which is too many to follow"
            )
        zero = np.full(lanes.shape[1:], 0, dtype=object)
        table = np.empty((len(rows), *lanes.shape[1:]), dtype=object)
        for at, row in enumerate(rows):
            parts = [lanes[i] if largest else lanes[i] * w for i, w in row] or [zero]
            table[at] = reduce(np.maximum if largest else operator.add, parts)
        return from_table(np.moveaxis(table, 0, axis), periods, self.scale)

    def shared(self) -> Pattern:
        """The same with mean 1 (0 stays 0), in the shortest numbers."""
        if self.table is not None:
            mean = Fraction(self.table.sum(), self.table.size)
            return replace(self, scale=plain(1 / mean)) if mean and self.scale else self
        axes = tuple(primitive(values)[1] for values in self.axes)
        mean = prod((Fraction(sum(v), len(v)) for v in axes), start=Fraction(1))
        return replace(self, axes=axes, scale=plain(1 / mean)) if mean and self.scale else self

    def moved(self, to: Sequence[int | None], rank: int) -> Pattern:
        """The axes in their new places: those that come from nowhere are constant, those that go nowhere one cell."""
        axes: list[Values] = [(1,)] * rank
        periods = [1] * rank
        scale = self.scale
        for i, j in enumerate(to):
            if j is not None:
                axes[j], periods[j] = self.axes[i], self.periods[i]
            elif self.table is None:
                scale *= self.axes[i][0]
        if self.table is None:
            return Pattern(tuple(axes), tuple(periods), scale)
        kept = [i for i, j in enumerate(to) if j is not None]
        table = self.table[tuple(slice(None) if j is not None else 0 for j in to)]
        order = sorted(range(len(kept)), key=lambda i: to[kept[i]] or 0)
        table = table.transpose(order)
        places = [to[i] for i in kept]
        table = table[tuple(slice(None) if j in places else None for j in range(rank))]
        return Pattern(tuple(axes), tuple(periods), scale, table)

    def over(self, axis: int) -> Pattern:
        """The mean over one axis, which becomes constant."""
        n = self.lengths()[axis]
        if n == 1:
            return replace(self, periods=(*self.periods[:axis], 1, *self.periods[axis + 1 :]))
        return self.through(axis, [[(i, Fraction(1, n)) for i in range(n)]], 1)


def uniform(rank: int, value: Number = 1) -> Pattern:
    """The same everywhere."""
    return Pattern(((1,),) * rank, (1,) * rank, value)


def shortest(values: Sequence[Number]) -> Values:
    """One period of a repeating sequence."""
    n = len(values)
    for q in range(1, n // 2 + 1):
        if n % q == 0 and all(values[i] == values[i - q] for i in range(q, n)):
            return tuple(values[:q])
    return tuple(values)


def primitive(values: Sequence[Number]) -> tuple[Number, Values]:
    """The largest common factor, and the smallest whole numbers that it multiplies.

    >>> primitive([6, Fraction(3, 2)])
    (Fraction(3, 2), (4, 1))
    """
    below = lcm(*(Fraction(v).denominator for v in values))
    above = gcd(*(int(v * below) for v in values))
    if not above:
        return 0, tuple(values)
    factor = plain(Fraction(above, below))
    return factor, tuple(plain(v / Fraction(factor)) for v in values)


def plain(value: Number) -> Number:
    """An int where the fraction is one."""
    return value.numerator if isinstance(value, Fraction) and value.denominator == 1 else value


def from_table(table: np.ndarray, periods: Sequence[int], scale: Number = 1) -> Pattern:
    """The pattern of a table: with its shortest periods, and as a product wherever it is one."""
    for axis in range(table.ndim):
        lanes = np.moveaxis(table, axis, 0)
        n = len(lanes)
        for q in range(1, n // 2 + 1):
            if n % q == 0 and all((lanes[i] == lanes[i - q]).all() for i in range(q, n)):
                table = np.moveaxis(lanes[:q], 0, axis)
                break
    factor, flat = primitive(table.ravel().tolist())
    whole = np.empty(len(flat), dtype=object)
    whole[:] = flat
    table = whole.reshape(table.shape)
    scale *= factor
    if not factor:
        return Pattern(((1,),) * table.ndim, tuple(periods), 0)
    axes = _factors(table)
    if axes is not None:
        parts = tuple(primitive(v)[1] for v in axes)
        peak = tuple(v.index(max(v)) for v in parts)
        share = Fraction(table[peak]) / Fraction(prod(max(v) for v in parts))
        return Pattern(parts, tuple(periods), plain(scale * share))
    return Pattern(((1,),) * table.ndim, tuple(periods), scale, table)


def _factors(table: np.ndarray) -> list[Values] | None:
    """One factor for each axis whose product a table that is not 0 is, up to a constant; None where there are none."""
    flat = table.ravel()
    at = next(i for i, v in enumerate(flat) if v)
    place = np.unravel_index(at, table.shape)
    pivot = Fraction(table[place])
    axes: list[Values] = []
    for a in range(table.ndim):
        line = table[tuple(slice(None) if b == a else i for b, i in enumerate(place))]
        axes.append(tuple(plain(Fraction(v) / pivot) for v in line))
    return axes if (_outer(axes) * plain(pivot) == table).all() else None


def _outer(axes: Sequence[Values]) -> np.ndarray:
    vectors = []
    for values in axes:
        vector = np.empty(len(values), dtype=object)
        vector[:] = values
        vectors.append(vector)
    return np.asarray(reduce(np.multiply.outer, vectors), dtype=object).reshape([len(v) for v in vectors])


def _combine(terms: list[tuple[Number, Number]], largest: bool) -> Number:
    if largest:
        return max((v for v, _ in terms), default=0)
    return plain(sum((v * w for v, w in terms), start=0))


def largest_of(a: Any, b: Any) -> Any:
    """The larger of two numbers, or of two tables cell by cell."""
    return np.maximum(a, b) if isinstance(a, np.ndarray) else max(a, b)


def smallest_of(a: Any, b: Any) -> Any:
    """The smaller of two numbers, or of two tables cell by cell."""
    return np.minimum(a, b) if isinstance(a, np.ndarray) else min(a, b)


# -- patterns that meet -------------------------------------------------------------------------------
def merged(parts: Sequence[Pattern], how: Callable[[Any, Any], Any]) -> Pattern:
    """Patterns of one shape, combined cell by cell; a sum stays a product where they differ along one axis at most."""
    periods = tuple(lcm(*p) for p in zip(*(part.periods for part in parts), strict=True))
    if len(parts) == 1:
        return parts[0]
    if all(p.table is None for p in parts):
        if how is operator.mul:
            axes = tuple(_cellwise(v, how) for v in zip(*(p.axes for p in parts), strict=True))
            return Pattern(axes, periods, prod(p.scale for p in parts))
        units = [[primitive(v) for v in p.axes] for p in parts]
        scales = [p.scale * prod(f for f, _ in u) for p, u in zip(parts, units, strict=True)]
        odd = [a for a in range(len(periods)) if len({u[a][1] for u in units}) > 1]
        if not odd and periods:
            scale = plain(reduce(how, scales))
            return Pattern(tuple(v for _, v in units[0]), periods, scale)
        if len(odd) == 1:
            own = [tuple(x * s for x in u[odd[0]][1]) for u, s in zip(units, scales, strict=True)]
            factor, values = primitive(_cellwise(own, how))
            axes = tuple(values if a == odd[0] else v for a, (_, v) in enumerate(units[0]))
            return Pattern(axes, periods, factor)
    lengths = [lcm(*n) for n in zip(*(p.lengths() for p in parts), strict=True)]
    return from_table(reduce(how, (p.expanded(lengths) * p.scale for p in parts)), periods)


def _cellwise(parts: Sequence[Values], how: Callable[[Any, Any], Any]) -> Values:
    n = lcm(*map(len, parts))
    if n > PHASES:
        raise ConvvizError(f"the pattern repeats after {n:,} cells only; {PHASES:,} can be followed")
    return shortest([plain(reduce(how, (p[i % len(p)] for p in parts))) for i in range(n)])


def end_to_end(parts: Sequence[Pattern], sizes: Sequence[int], axis: int) -> Pattern:
    """Patterns laid one behind the other along an axis, on which they have so many cells each."""
    first = parts[0]
    if all(p == first if p.table is None else p is first for p in parts) and len(first.axes[axis]) == 1:
        return first
    lengths = [lcm(*n) for n in zip(*(p.lengths() for p in parts), strict=True)]
    periods = [lcm(*p) for p in zip(*(part.periods for part in parts), strict=True)]
    lengths[axis] = periods[axis] = sum(sizes)
    pieces = []
    for part, size in zip(parts, sizes, strict=True):
        own = part.lengths()[axis]
        whole = -(-size // own) * own
        piece = part.expanded([*lengths[:axis], whole, *lengths[axis + 1 :]]) * part.scale
        pieces.append(np.moveaxis(np.moveaxis(piece, axis, 0)[:size], 0, axis))
    return from_table(np.concatenate(pieces, axis), periods)


def regrouped(pattern: Pattern, shape: Shape, out: Shape) -> Pattern:
    """The same cells in order, cut into axes anew."""
    if pattern.constant:
        value = pattern.scale * prod(v[0] for v in pattern.axes)
        return uniform(len(out), value)
    if prod(shape) > CELLS:
        raise ConvvizError(
            f"a map of {show(shape)} that is not even is reshaped; up to {CELLS:,} cells can be followed"
        )
    whole = [-(-n // m) * m for n, m in zip(shape, pattern.lengths(), strict=True)]
    cells = pattern.expanded(whole)[tuple(map(slice, shape))]
    made = from_table(cells.reshape(out), (1,) * len(out), pattern.scale)
    return replace(made, periods=made.lengths())
