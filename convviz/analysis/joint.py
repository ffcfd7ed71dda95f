"""What units read over all axes together, where that is no product of the axes.

Where branches of different extent meet (1x3 beside 3x1 reads a plus), the cells of each joint phase are kept, all of
them in one integer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

import numpy as np

from convviz.analysis.axis_map import turn
from convviz.analysis.cells import MASK, Cells, from_mask
from convviz.analysis.layout import Step
from convviz.ops.relations import inside

PHASES = 10**6  # joint phases (all axes together) that are looked at one by one
WORK = 1 << 31  # cells of all phases together: beyond this a joint map is given up


@dataclass(frozen=True)
class Region:
    """A set of cells of the whole image in one integer: cell ``c`` is bit ``sum((c - origin) * pitch)``.

    span: extent along each axis (an upper bound); rows have room to grow, so that a union is a shift and an "or".
    """

    origin: tuple[int, ...]
    span: tuple[int, ...]
    pitch: tuple[int, ...]
    bits: int

    def shift(self, by: Sequence[int]) -> Region:
        moved = Region(
            tuple(o + m for o, m in zip(self.origin, by, strict=True)), self.span, self.pitch, self.bits
        )
        if "count" in self.__dict__:
            moved.__dict__["count"] = self.count
        return moved

    @cached_property
    def count(self) -> int:
        return self.bits.bit_count()

    def repitched(self, pitch: tuple[int, ...]) -> Region:
        """The same set with other distances between its rows (whole bytes)."""
        if pitch == self.pitch:
            return self
        old = np.frombuffer(
            self.bits.to_bytes(self.span[0] * self.pitch[0] // 8, "little"), np.uint8
        ).reshape(_grid(self.span[0], self.pitch))
        new = np.zeros(_grid(self.span[0], pitch), np.uint8)
        keep = tuple(slice(0, min(i, j)) for i, j in zip(old.shape, new.shape, strict=True))
        new[keep] = old[keep]
        return Region(self.origin, self.span, pitch, int.from_bytes(new.tobytes(), "little"))

    def sides(self) -> tuple[Cells, ...] | None:
        """The projection on each axis; None for no cells."""
        if not self.bits:
            return None
        data = np.frombuffer(
            self.bits.to_bytes(self.span[0] * self.pitch[0] // 8, "little"), np.uint8
        ).reshape(_grid(self.span[0], self.pitch))
        cells = np.unpackbits(data, axis=-1, bitorder="little")
        sides = []
        for a, lo in enumerate(self.origin):
            hit = np.flatnonzero(cells.any(tuple(i for i in range(cells.ndim) if i != a)))
            first, last = int(hit[0]), int(hit[-1])
            dense = len(hit) == last - first + 1
            sides.append(
                Cells(lo + first, len(hit)) if dense else from_mask(lo, sum(1 << int(i) for i in hit))
            )
        return tuple(sides)

    def same(self, other: Region) -> bool:
        """Whether both hold the same cells."""
        if self.count != other.count:
            return False
        both = join_regions([self, other])
        return both.count == self.count


def _grid(rows: int, pitch: tuple[int, ...]) -> tuple[int, ...]:
    """Shape in bytes of the bits of a region."""
    return (rows, *(pitch[a] // pitch[a + 1] for a in range(len(pitch) - 2)), pitch[-2] // 8)


def _pitch(span: Sequence[int]) -> tuple[int, ...]:
    """Distances between rows that leave room to grow by half."""
    pitch = [1]
    for n in reversed(span[1:]):
        pitch.append(-(-pitch[-1] * (n + n // 2 + 1) // 8) * 8)
    return tuple(reversed(pitch))


def empty_region(rank: int) -> Region:
    return Region((0,) * rank, (1,) * rank, _pitch((1,) * rank), 0)


def box_region(sides: Sequence[Cells]) -> Region:
    """A product of sets as a region."""
    if not all(sides):
        return empty_region(len(sides))
    span = tuple(s.span for s in sides)
    pitch = _pitch(span)
    bits = sides[-1].mask()
    for side, step in zip(reversed(sides[:-1]), reversed(pitch[:-1]), strict=True):
        row, bits = bits, 0
        for run in side.runs():
            bits |= _repeat(row, step, len(run)) << (run[0] - side.lo) * step
    return Region(tuple(s.lo for s in sides), span, pitch, bits)


def _repeat(bits: int, step: int, count: int) -> int:
    done = 1
    while done < count:
        more = min(done, count - done)
        bits |= bits << step * more
        done += more
    return bits


def join_regions(regions: Sequence[Region]) -> Region:
    """The union."""
    some = [r for r in regions if r.bits]
    if len(some) < 2:
        return some[0] if some else regions[0]
    axes = range(len(some[0].origin))
    origin = tuple(min(r.origin[a] for r in some) for a in axes)
    span = tuple(max(r.origin[a] + r.span[a] for r in some) - origin[a] for a in axes)
    pitch = max(r.pitch for r in some)
    if any(span[a] * pitch[a] > pitch[a - 1] for a in axes if a) or any(r.pitch != pitch for r in some):
        if any(span[a] * pitch[a] > pitch[a - 1] for a in axes if a):
            pitch = _pitch(span)
        some = [r.repitched(pitch) for r in some]
    bits = 0
    for r in some:
        bits |= r.bits << sum((r.origin[a] - origin[a]) * pitch[a] for a in axes)
    return Region(origin, span, pitch, bits)


@dataclass(frozen=True)
class JointMap:
    """What units read over all axes together, where that is no product: one :class:`Region` for each joint phase."""

    periods: tuple[int, ...]
    advances: tuple[int | None, ...]
    regions: dict[tuple[int, ...], Region]
    gaps: bool = (
        True  # some part reads nothing in some phase, so that the axes alone do not give the projections
    )

    def at(self, unit: Sequence[int]) -> Region:
        phase, move = [], []
        for u, period, advance in zip(unit, self.periods, self.advances, strict=True):
            if advance is None:
                if not 0 <= u < period:
                    return empty_region(len(self.periods))
                phase.append(u)
                move.append(0)
                continue
            turns, p = divmod(u, period)
            phase.append(p)
            move.append(turns * advance)
        region = self.regions[tuple(phase)]
        return region.shift(move) if any(move) else region

    def shortest(self) -> JointMap:
        """The same map with the smallest period along each axis whose advance is a whole number."""
        axes = range(len(self.periods))
        periods, advances, regions = list(self.periods), list(self.advances), self.regions
        for a in axes:
            period, advance = periods[a], advances[a]
            for q in range(1, period // 2 + 1):
                if advance is None or period % q or advance * q % period:
                    continue
                move = [advance * q // period * (i == a) for i in axes]
                if all(
                    regions[(*p[:a], p[a] + q, *p[a + 1 :])].same(r.shift(move))
                    for p, r in regions.items()
                    if p[a] + q < period
                ):
                    periods[a], advances[a] = q, move[a]
                    regions = {p: r for p, r in regions.items() if p[a] < q}
                    break
        return JointMap(tuple(periods), tuple(advances), regions, self.gaps)

    def compose(self, axis: int, step: Step) -> JointMap | None:
        """The map behind a step along one axis; None where it grows too large to be kept."""
        relation, n, m = step
        if relation.is_identity and self.advances[axis] is not None:
            return self
        if self.advances[axis] == 0 and self.periods[axis] == 1:
            return self
        if self.advances[axis] is None:
            period, advance = m, None
        else:
            turns, period, per = turn(relation, self.periods[axis])
            advance = turns * per // self.periods[axis] * (self.advances[axis] or 0)
        periods = (*self.periods[:axis], period, *self.periods[axis + 1 :])
        if not affordable(periods, max(prod(r.span) for r in self.regions.values())):
            return None
        regions = {}
        for phase in product(*map(range, periods)):
            cells = relation.taps(phase[axis]).cells
            if advance is None:
                cells = next(iter(inside(cells, n)), range(0))
            if len(cells) > 4096:
                return None
            units = [self.at((*phase[:axis], u, *phase[axis + 1 :])) for u in cells]
            regions[phase] = join_regions(units) if units else empty_region(len(periods))
            if prod(regions[phase].span) > MASK:
                return None
        return JointMap(
            periods, (*self.advances[:axis], advance, *self.advances[axis + 1 :]), regions, self.gaps
        ).shortest()


def affordable(periods: Sequence[int], cells: int) -> bool:
    """Whether so many phases of so many cells each are worth their memory and time."""
    phases = prod(periods)
    return phases <= PHASES and cells <= MASK and phases * cells <= WORK
