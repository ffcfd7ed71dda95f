"""What the units of a layer read along one axis, all of them at once, with nothing clipped.

The units of a layer repeat: after ``period`` units they read the same cells moved by ``advance``. So a layer's field is
a table of one period, made from the table of the layer before in a step that costs the same however deep the net is.

Where branches disagree about the stride no such table exists; the same code then works on the real units
(``advance`` None: one row for each unit, clipped at every layer).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import gcd, lcm

from convviz.analysis.cells import EMPTY, Cells, union
from convviz.analysis.layout import Step
from convviz.ops.relations import Relation, Window, inside

ROWS = 1 << 14  # the longest period whose rows are all made
TAPS = 1 << 18  # and how many cells its rows may be gathered from


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


def same(a: AxisMap, b: AxisMap) -> bool:
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
