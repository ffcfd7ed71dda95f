"""The receptive field of every unit of a layer at once, with nothing clipped.

Along one axis the units of a layer repeat: after ``period`` units they read the same cells moved by ``advance``.
So a layer's field is a table of one period (:class:`AxisMap`), made from the table of the layer before in a step
that costs the same however deep the net is. Where branches of different extent meet, the field is no longer a
product of its axes; then a :class:`JointMap` keeps the cells of each phase, one integer for each row of the image.

Where branches disagree about the stride no such table exists; the same code then works on the real units
(``advance`` None: one row for each unit, clipped at every layer).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import gcd, lcm, prod

import numpy as np

from convviz.analysis.cells import EMPTY, MASK, Cells, from_mask, union
from convviz.analysis.layout import Step
from convviz.ops.relations import Relation, Window, inside

ROWS = 1 << 14  # the longest period whose rows are all made
TAPS = 1 << 18  # and how many cells its rows may be gathered from
PHASES = 10**6  # joint phases (all axes together) that are looked at one by one
WORK = 1 << 31  # cells of all phases together: beyond this a joint map is given up


class AxisMap:
    """What the units of a layer read along one axis: ``rows[u % period]`` moved by ``u // period * advance``."""

    __slots__ = ("_jump", "advance", "complete", "constant", "period", "rows")

    def __init__(self, rows: Sequence[Cells], advance: int | None) -> None:
        self.rows, self.advance = rows, advance
        self.period = len(rows)
        self.constant = advance == 0 and self.period == 1  # every unit reads the same
        self.complete = type(rows) is list  # all rows are there; else they are made on demand
        self._jump: Fraction | None = None

    @property
    def jump(self) -> Fraction:
        if self._jump is None:
            self._jump = Fraction(self.advance or 0, self.period)
        return self._jump

    def at(self, unit: int) -> Cells:
        if self.advance is None:
            return self.rows[unit] if 0 <= unit < len(self.rows) else EMPTY
        turns, phase = divmod(unit, self.period)
        return self.rows[phase].shift(turns * self.advance)

    def phases(self) -> Sequence[int]:
        """The phases to look at: all of them, or of a very long period those where something changes."""
        return self.rows.sample if isinstance(self.rows, LazyRows) else range(self.period)


class LazyRows(Sequence[Cells]):
    """Rows of a period too long to write down, made when asked for.

    ``sample`` has the phases around which the pattern changes.
    """

    def __init__(self, period: int, make: Callable[[int], Cells], sample: Sequence[int]) -> None:
        self.period, self.make, self.cache = period, make, dict[int, Cells]()
        self.sample = sorted({s % period for s in sample})[:512]

    def __len__(self) -> int:
        return self.period

    def __getitem__(self, phase):  # type: ignore[no-untyped-def, override]
        if phase not in self.cache:
            self.cache[phase] = self.make(phase)
        return self.cache[phase]


def identity(n: int, real: bool) -> AxisMap:
    """The input itself: unit u reads cell u."""
    if not real:
        return AxisMap([Cells(0, 1)], 1)
    if n <= ROWS:
        return AxisMap([Cells(u, 1) for u in range(n)], None)
    return AxisMap(LazyRows(n, lambda u: Cells(u, 1), [0, 1, 2, n // 2, n - 2, n - 1]), None)


def constant(cells: Cells) -> AxisMap:
    return AxisMap([cells], 0)


def gather(source: AxisMap, cells: range, n: int) -> Cells:
    """The union of what the units ``cells`` of a layer read; ``n`` is the layer's real length."""
    if source.advance is None:
        cells = next(iter(inside(cells, n)), range(0))
        if not cells:
            return EMPTY
        if len(cells) > ROWS:
            ends = union(source.at(u) for u in (*cells[:64], *cells[-64:]))
            return Cells(ends.lo, ends.span, 0) if ends else EMPTY
        return union([source.at(u) for u in cells])
    if not cells:
        return EMPTY
    period = source.period
    cycle = period // gcd(cells.step, period)
    move = cells.step * cycle // period * source.advance
    count = len(cells)
    if min(cycle, count) > ROWS:
        ends = union(source.at(u) for u in (*cells[:64], *cells[-64:]))
        return Cells(ends.lo, ends.span, 0) if ends else EMPTY
    return union(
        [source.at(cells[j]).sweep(move, -(-(count - j) // cycle)) for j in range(min(cycle, count))]
    )


def compose(source: AxisMap, step: Step) -> AxisMap:
    """The map of a layer that reads ``source``'s layer through ``step`` (not a step that reads everything)."""
    relation, n, m = step
    if source.constant or (relation.is_identity and source.advance is not None):
        return source
    if source.advance is None:
        return _table(
            m, None, lambda o: gather(source, relation.taps(o).cells, n), [0, 1, 2, m // 2, m - 2, m - 1]
        )
    if isinstance(relation, Window) and relation.up == 1 and source.period == 1:
        move = source.advance
        row = source.rows[0].shift(-relation.padding * move).sweep(relation.dilation * move, relation.kernel)
        return AxisMap([row], move * relation.stride)
    turns, period, advance = turn(relation, source.period)
    move = turns * advance // source.period * source.advance
    taps = min(len(relation.taps(0).cells), source.period)
    breaks = _breaks(relation, source, period) if _lazy(period, taps) else []
    return shortest(_table(period, move, lambda o: gather(source, relation.taps(o).cells, n), breaks, taps))


def turn(relation: Relation, period: int) -> tuple[int, int, int]:
    """(relation periods, units, input units per relation period) until both patterns start anew."""
    advance = int(relation.jump * relation.period)
    turns = period // gcd(advance, period)
    return turns, relation.period * turns, advance


def _table(
    period: int, advance: int | None, row: Callable[[int], Cells], sample: Sequence[int], taps: int = 1
) -> AxisMap:
    """All rows, or rows on demand where there are too many of so many taps each."""
    if _lazy(period, taps):
        return AxisMap(LazyRows(period, row, sample), advance)
    return AxisMap([row(o) for o in range(period)], advance)


def _lazy(period: int, taps: int) -> bool:
    return period > ROWS or period * taps > TAPS


def _breaks(relation: Relation, source: AxisMap, period: int) -> list[int]:
    """Phases of a very long period around which the pattern of taps changes."""
    near = [0, 1, 2, period // 2, period - 2, period - 1]
    if isinstance(relation, Window):
        ends = {0, 1, relation.kernel // 2, relation.kernel - 2, relation.kernel - 1}
        near += [relation.padding - relation.dilation * t for t in ends]
    if not source.complete:
        near += [int(Fraction(s) / relation.jump) for s in source.phases()] if relation.jump else []
    return [o + d for o in near for d in (-1, 0, 1)]


def shortest(table: AxisMap) -> AxisMap:
    """The same map with the smallest period whose advance is a whole number."""
    period, advance = table.period, table.advance
    if period == 1 or not advance or not table.complete:
        return table
    rows = table.rows
    for q in range(1, period // 2 + 1):
        if period % q or advance * q % period:
            continue
        move = advance * q // period
        if all(rows[u + q] == rows[u].shift(move) for u in range(period - q)):
            return AxisMap(rows[:q], move)
    return table


def merge(maps: Sequence[AxisMap]) -> AxisMap:
    """The union of maps with one jump."""
    first = maps[0]
    if all(m is first for m in maps[1:]):
        return first
    if first.advance is None:
        n = max(m.period for m in maps)
        return _table(n, None, lambda o: union([m.at(o) for m in maps]), [0, 1, 2, n // 2, n - 2, n - 1])
    period = lcm(*(m.period for m in maps))
    sample = [s for m in maps for s in m.phases()] if period > ROWS else []
    return shortest(
        _table(period, int(first.jump * period), lambda o: union([m.at(o) for m in maps]), sample)
    )


# -- more than one axis -----------------------------------------------------------------------------
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
        if not _affordable(periods, max(prod(r.span) for r in self.regions.values())):
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


def _affordable(periods: Sequence[int], cells: int) -> bool:
    """Whether so many phases of so many cells each are worth their memory and time."""
    phases = prod(periods)
    return phases <= PHASES and cells <= MASK and phases * cells <= WORK


@dataclass(frozen=True)
class Footprint:
    """A layer's field: one map for each axis (None: the strides of branches disagree there), and what joins them.

    joint: None where the field is the product of its axes. known: False where its cells can no longer be counted.
    """

    axes: tuple[AxisMap | None, ...]
    joint: JointMap | None = None
    known: bool = True

    def at(self, unit: Sequence[int]) -> tuple[Cells, ...] | None:
        """The projection of one unit's cells on each axis; None where it reads nothing."""
        if self.joint is not None and self.joint.gaps:
            return self.joint.at(unit).sides()
        sides = tuple(t.at(u) for t, u in zip(self.axes, unit, strict=True) if t is not None)
        return sides if all(sides) else None

    def spans(self) -> list[list[int]]:
        """For each axis the spans that occur; a unit that reads nothing counts as 0 along every axis."""
        if self.joint is not None and self.joint.gaps:
            sides = [r.sides() for r in self.joint.regions.values()]
            return [[s[a].span if s else 0 for s in sides] for a in range(len(self.axes))]
        spans = [[t.rows[p].span for p in t.phases()] for t in self.axes if t is not None]
        empty = any(0 in s for s in spans)
        if any(not any(s) for s in spans):
            return [[0] for _ in spans]
        return [[*s, 0] if empty else s for s in spans]

    def pixels(self) -> int | None:
        """Cells of the unit that reads most; None where they cannot be counted."""
        if not self.known or None in self.axes:
            return None
        if self.joint is not None:
            return max(r.count for r in self.joint.regions.values())
        best = 1
        for table in self.axes:
            assert table is not None
            counts = [table.rows[p].count for p in table.phases()]
            if any(c is None for c in counts):
                return None
            best *= max(c for c in counts if c is not None)
        return best


def joined(parts: Sequence[Footprint], axes: tuple[AxisMap | None, ...]) -> Footprint:
    """The union of fields whose axes have been merged to ``axes``: a product where it is one, else a joint map."""
    if len(axes) <= 1 or None in axes or any(None in p.axes for p in parts):
        return Footprint(axes, None, all(p.known for p in parts))
    if not all(p.known for p in parts):
        return Footprint(axes, None, False)
    maps = [[t for t in p.axes if t is not None] for p in parts]
    # One part that holds all others, or parts that differ along a single axis: still a product.
    whole = [t for t in axes if t is not None]
    for p, mine in zip(parts, maps, strict=True):
        if p.joint is None and all(_same(a, b) for a, b in zip(mine, whole, strict=True)):
            return Footprint(axes)
    if all(p.joint is None for p in parts):
        differing = [a for a in range(len(axes)) if any(not _same(m[a], maps[0][a]) for m in maps[1:])]
        if len(differing) <= 1:
            return Footprint(axes)
    if not all(t.complete for m in maps for t in m):
        return Footprint(axes, None, False)
    periods = []
    for a in range(len(axes)):
        tables = [m[a] for m in maps]
        if tables[0].advance is None:
            periods.append(max(t.period for t in tables))
        else:
            periods.append(lcm(*(t.period for t in tables), *(p.joint.periods[a] for p in parts if p.joint)))
    cells = prod(max(t.rows[u].span for u in t.phases()) for t in whole)
    if not _affordable(periods, cells) or any(not r.known for t in whole for r in t.rows):
        return Footprint(axes, None, False)
    regions = {}
    product_everywhere = True
    for phase in product(*map(range, periods)):
        region = join_regions(
            [
                p.joint.at(phase) if p.joint else box_region([t.at(u) for t, u in zip(m, phase, strict=True)])
                for p, m in zip(parts, maps, strict=True)
            ]
        )
        regions[phase] = region
        if product_everywhere:
            product_everywhere = region.count == prod(
                t.at(u).count or 0 for t, u in zip(whole, phase, strict=True)
            )
    if product_everywhere:
        return Footprint(axes)
    advances = tuple(
        None if t.advance is None else int(t.jump * q) for t, q in zip(whole, periods, strict=True)
    )
    gaps = any(not t.rows[u] for m in maps for t in m for u in t.phases()) or any(
        p.joint and p.joint.gaps for p in parts
    )
    return Footprint(axes, JointMap(tuple(periods), advances, regions, gaps).shortest())


def _same(a: AxisMap, b: AxisMap) -> bool:
    """Whether two maps read the same, unit by unit."""
    if a is b:
        return True
    if (a.advance is None) != (b.advance is None) or not (a.complete and b.complete):
        return False
    if a.period == b.period == 1:
        return a.advance == b.advance and a.rows[0] == b.rows[0]
    if a.advance is None:
        return list(a.rows) == list(b.rows)
    return a.jump == b.jump and all(a.at(u) == b.at(u) for u in range(lcm(a.period, b.period)))
