"""Counts paths backwards from one unit, in floats first, and in whole numbers where that is affordable.

Weights stay a product of one array for each axis as long as they are one; where branches that differ along several
axes meet, they become one array. All of them are positive, so that sums of floats are right to 12 digits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log2, prod

import numpy as np

from convviz.analysis.influence import CELLS, Array, Mass
from convviz.analysis.layout import Step
from convviz.analysis.lower import Edge, Lowered
from convviz.ops.relations import Window, inside

EXACT = 52.9  # bits of a whole number that a float holds without rounding
WORK = 1_500_000_000  # additions of floats before counting is given up
WORDS = 5_000_000  # and of machine words of long integers
LARGE = 2.0**900  # weights above are scaled down


class TooLarge(Exception):
    """More cells, or more additions, than can be counted one by one."""


def count(lowered: Lowered, layer: str, unit: Sequence[int], *, clip: bool) -> Mass | None:
    """The paths from each input cell to ``unit``; clip: through real units only, padding modes copying what they copy.

    None where no path is left, or where there is too much to count.
    """
    try:
        found = _Counter(lowered, float, clip, WORK).run(layer, unit)
        if found is None:
            return None
        mass = found.mass(lowered.rank)
        if mass.log2_total < EXACT:  # then no sum on the way was rounded
            return Mass(mass.origin, tuple(f.astype(np.int64) for f in mass.factors))
    except TooLarge:
        return None
    try:
        words = 1 + int(mass.log2_total) // 500  # a short sum costs as much as one of eight words
        whole = _Counter(lowered, object, clip, WORDS // words).run(layer, unit)
    except TooLarge:
        return mass
    assert whole is not None
    return whole.mass(lowered.rank)


@dataclass(frozen=True)
class _Weights:
    """Weights of a node's units, from unit ``lo`` on, times ``2**exponent``; ``arrays`` as in :class:`Mass`."""

    lo: tuple[int, ...]
    arrays: tuple[Array, ...]
    exponent: int = 0

    @property
    def is_product(self) -> bool:
        return len(self.arrays) == len(self.lo)

    def mass(self, rank: int) -> Mass:
        """Without the rows of zeros at the ends."""
        lo, arrays = list(self.lo), list(self.arrays)
        for a in range(rank):
            at, axis = (a, 0) if self.is_product else (0, a)
            others = tuple(b for b in range(arrays[at].ndim) if b != axis)
            there = np.flatnonzero((arrays[at] != 0).any(others))
            cut = [slice(None)] * arrays[at].ndim
            cut[axis] = slice(int(there[0]), int(there[-1]) + 1)
            arrays[at] = arrays[at][tuple(cut)]
            lo[a] += int(there[0])
        return Mass(tuple(lo), tuple(arrays), self.exponent)


class _Counter:
    """Gathers weights backwards from one unit, in numbers of one type, and stops where that takes too long."""

    def __init__(self, lowered: Lowered, kind: type, clip: bool, work: int) -> None:
        self.lowered, self.kind, self.clip, self.left = lowered, kind, clip, work

    def run(self, layer: str, unit: Sequence[int]) -> _Weights | None:
        one: Array = np.ones(1, dtype=self.kind)
        pending = {layer: _Weights(tuple(unit), (one,) * len(unit))}
        order = list(self.lowered.nodes)
        for name in reversed(order[: order.index(layer) + 1]):
            weights = pending.pop(name, None)
            if weights is None:
                continue
            for edge in self.lowered.nodes[name].edges:
                new = self.through(weights, edge)
                if new is not None:
                    old = pending.get(edge.source)
                    pending[edge.source] = new if old is None else self.add(old, new)
        return pending.get(self.lowered.wrt)

    def through(self, weights: _Weights, edge: Edge) -> _Weights | None:
        """What reaches the source of an edge; None where nothing does."""
        lo, arrays = list(weights.lo), list(weights.arrays)
        for a in range(len(lo)):
            at, axis = (a, 0) if weights.is_product else (0, a)
            line = np.moveaxis(arrays[at], axis, 0)
            for step in reversed(edge.steps[a]):
                lo[a], line = self.back(step, lo[a], line)
                if not len(line):
                    return None
            arrays[at] = np.moveaxis(line, 0, axis)
        exponent = weights.exponent
        if self.kind is float:
            for at, array in enumerate(arrays):
                top = float(array.max())
                if top == 0:
                    return None
                if top > LARGE:
                    shift = int(log2(top))
                    arrays[at] = np.ldexp(array, -shift)
                    exponent += shift
        return _Weights(tuple(lo), tuple(arrays), exponent)

    def back(self, step: Step, lo: int, line: Array) -> tuple[int, Array]:
        """Weights of the inputs of one step along the first axis, from those of its outputs ``lo`` ..."""
        relation, n, m = step.relation, step.n, len(line)
        if step.whole:
            self._room(n, line)
            self._spend(n, line.size // m)
            return 0, np.repeat(line.sum(0, keepdims=True), n, axis=0)
        if relation.is_identity:
            return self._clipped(lo, line, n)
        window = relation if isinstance(relation, Window) and relation.up == 1 else None
        rows: list[range] = []
        if window:
            first, last = (relation.taps(o).cells for o in (lo, lo + m - 1))
            ends = [first[0], first[-1], last[0], last[-1]]
        else:
            self._spend(m, 1)
            rows = [relation.taps(o).cells for o in range(lo, lo + m)]
            ends = [end for row in rows if row for end in (row[0], row[-1])]
            if not ends:
                return 0, line[:0]
        low, high = min(ends), max(ends)
        border = getattr(relation, "border", "zeros") if self.clip else "zeros"
        copies = border != "zeros" and (low < 0 or high >= n)
        if self.clip:
            low, high = (0, n - 1) if copies else (max(low, 0), min(high, n - 1))
        if low > high:
            return 0, line[:0]
        self._room(high - low + 1, line)
        out = np.zeros((high - low + 1, *line.shape[1:]), dtype=self.kind)
        if window and window.kernel < m:  # a shifted copy for each tap
            for cell in first:
                column = range(cell, cell + window.stride * m, window.stride)
                part, skipped = _cut(column, low, high)
                if part:
                    self._spend(len(part), line.size // m)
                    out[part.start - low : part.stop - low : part.step] += line[skipped : skipped + len(part)]
        else:  # a row for each output
            for i in range(m):
                row = relation.taps(lo + i).cells if window else rows[i]
                part, _ = _cut(row if row.step > 0 else row[::-1], low, high)
                if part:
                    self._spend(len(part), line.size // m)
                    out[part.start - low : part.stop - low : part.step] += line[i]
        if copies:
            for i in range(m):
                for cell in _outside(relation.taps(lo + i).cells, n):
                    for copied, *_ in inside(range(cell, cell + 1), n, border):
                        self._spend(1, line.size // m)
                        out[copied] += line[i]
        return low, out

    def add(self, one: _Weights, two: _Weights) -> _Weights:
        """The sum over two branches: a product again where they differ along one axis only."""
        if one.exponent < two.exponent:
            one, two = two, one
        shift = two.exponent - one.exponent
        if one.is_product and two.is_product:
            same = [
                one.lo[a] == two.lo[a] and np.array_equal(one.arrays[a], two.arrays[a])
                for a in range(len(one.lo))
            ]
            a = 0 if all(same) else same.index(False)
            if sum(same) >= len(same) - 1:
                start, line = self._sum(
                    one.lo[a : a + 1], one.arrays[a], two.lo[a : a + 1], two.arrays[a], shift
                )
                lo = (*one.lo[:a], *start, *one.lo[a + 1 :])
                return _Weights(lo, (*one.arrays[:a], line, *one.arrays[a + 1 :]), one.exponent)
        lo, joint = self._sum(one.lo, self._joint(one), two.lo, self._joint(two), shift)
        return _Weights(lo, (joint,), one.exponent)

    def _joint(self, weights: _Weights) -> Array:
        if not weights.is_product:
            return weights.arrays[0]
        out = weights.arrays[0]
        for array in weights.arrays[1:]:
            self._room(len(array), out)
            self._spend(len(array), out.size)
            out = np.multiply.outer(out, array)
        return out

    def _sum(
        self, one_lo: tuple[int, ...], one: Array, two_lo: tuple[int, ...], two: Array, shift: int
    ) -> tuple[tuple[int, ...], Array]:
        """Two arrays laid over each other, the second one times ``2**shift``."""
        ends = [lo + n for lo, n in zip(one_lo, one.shape, strict=True)]
        lo = tuple(map(min, one_lo, two_lo))
        sizes = [
            max(end, start + n) - low for end, start, n, low in zip(ends, two_lo, two.shape, lo, strict=True)
        ]
        if prod(sizes) > CELLS:
            raise TooLarge
        out: Array = np.zeros(sizes, dtype=self.kind)
        if shift:
            two = np.ldexp(two, shift)
        for start, array in ((one_lo, one), (two_lo, two)):
            self._spend(array.size, 1)
            at = tuple(slice(s - low, s - low + n) for s, low, n in zip(start, lo, array.shape, strict=True))
            out[at] += array
        return lo, out

    def _clipped(self, lo: int, line: Array, n: int) -> tuple[int, Array]:
        if not self.clip or (lo >= 0 and lo + len(line) <= n):
            return lo, line
        first, last = max(lo, 0), min(lo + len(line), n)
        return first, line[first - lo : max(last, first) - lo]

    def _room(self, length: int, line: Array) -> None:
        if length * (line.size // max(1, len(line))) > CELLS:
            raise TooLarge

    def _spend(self, count: int, each: int) -> None:
        self.left -= count * each
        if self.left < 0:
            raise TooLarge


def _cut(cells: range, low: int, high: int) -> tuple[range, int]:
    """The part of rising ``cells`` in ``low .. high``, and how many come before it."""
    skipped = max(0, -(-(low - cells.start) // cells.step))
    kept = max(0, (high - cells.start) // cells.step + 1)
    return cells[skipped:kept], skipped


def _outside(cells: range, n: int) -> Iterator[int]:
    if cells and (min(cells[0], cells[-1]) < 0 or max(cells[0], cells[-1]) >= n):
        yield from (cell for cell in cells if not 0 <= cell < n)
