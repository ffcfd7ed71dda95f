"""Where the channels of a plan's grids lie: a sheet of cells for each, in rows, groups or a stack."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING

from convviz.figures import cells as draw
from convviz.figures.cells import Box, Lattice
from convviz.plan import words
from convviz.plan.model import Cell, Grid, Plan, Stage

if TYPE_CHECKING:
    pass

LABEL = 7.6  # points of a channel's name
GAP = 11.0  # points between the sheets of a panel
GROUP = 10.0  # points more between two groups of channels
STACK = 8  # sheets of a panel that are shown one by one; of more, one lies in front
BEHIND = 3.5  # points by which a sheet behind another sticks out


@dataclass(frozen=True)
class Sheet:
    """One flat block of a panel's cells: those whose index begins with ``prefix``; slot: its row and column there."""

    prefix: Cell
    rows: range
    columns: range
    label: tuple[str, ...]
    slot: tuple[int, int]
    group: int = 0


@dataclass
class Shape:
    """How the sheets of one grid are laid out, before it is known how large a cell will be."""

    grid: Grid
    sheets: list[Sheet]
    flat: bool = False  # each sheet is one row, its prefix all of an index but the last
    cropped: bool = False  # what lies outside is cut off, not read as padding
    hidden: int = 0  # sheets that lie behind the one that is shown
    lines: int = 0  # of the longest name, where another panel's sheets stand beside these
    pitch: int = 0  # rows of cells from one row of sheets to the next; 0: as many as the sheets have
    places: dict[Cell, Lattice] = field(default_factory=dict)
    side: float = 0.0
    box: Box = field(default_factory=lambda: Box(0, 0, 0, 0))

    # -- size ------------------------------------------------------------------------------------------------
    @property
    def above(self) -> float:
        """Points for the names above each sheet; those of flat sheets stand on the left."""
        count = max(self.lines, max((len(sheet.label) for sheet in self.sheets), default=0))
        return 0.0 if self.flat or not count else count * (LABEL + 1.6) + 3.5

    def beside(self, column: int) -> float:
        """Points for the names on the left of a column of flat sheets."""
        labels = [sheet.label for sheet in self.sheets if sheet.slot[1] == column] if self.flat else []
        widest = max((draw.width_of(line, LABEL) for label in labels for line in label), default=0.0)
        return widest + 6 if widest else 0.0

    def widths(self, side: float) -> list[float]:
        """Of each column of sheets."""
        count = 1 + max(sheet.slot[1] for sheet in self.sheets)
        found = [0.0] * count
        for sheet in self.sheets:
            names = (
                0.0 if self.flat else max((draw.width_of(line, LABEL) for line in sheet.label), default=0.0)
            )
            at = sheet.slot[1]
            found[at] = max(found[at], len(sheet.columns) * side + self.beside(at), names)
        return found

    def heights(self, side: float) -> list[float]:
        """Of each row of sheets."""
        count = 1 + max(sheet.slot[0] for sheet in self.sheets)
        rows = max(self.pitch, max(len(sheet.rows) for sheet in self.sheets))
        return [rows * side + self.above] * count

    def gaps(self) -> list[float]:
        """Before each row of sheets but the first; groups stand further apart."""
        return self._gaps(0, GAP * 0.6 if self.flat else GAP)

    def between(self) -> list[float]:
        """Before each column of sheets but the first."""
        return self._gaps(1, GAP)

    def _gaps(self, axis: int, gap: float) -> list[float]:
        groups = {sheet.slot[axis]: sheet.group for sheet in self.sheets if sheet.slot[1 - axis] == 0}
        apart = (
            [i for i in range(1, 1 + max(groups)) if groups[i] != groups[i - 1]] if len(groups) > 1 else []
        )
        return [gap + GROUP * (i in apart) for i in range(1, 1 + max(groups))]

    def size(self, side: float) -> tuple[float, float]:
        """Width and height in points, without the title."""
        across, down = self.widths(side), self.heights(side)
        behind = BEHIND * min(self.hidden, 3)
        return sum(across) + sum(self.between()) + behind, sum(down) + sum(self.gaps()) + behind

    # -- place -----------------------------------------------------------------------------------------------
    def place(self, x: float, y: float, side: float) -> None:
        """Lay the sheets out with the panel's corner at (x, y)."""
        self.side = side
        across, down, gaps, between = self.widths(side), self.heights(side), self.gaps(), self.between()
        self.box = Box(x, y, *self.size(side))
        y += BEHIND * min(self.hidden, 3)
        lefts = [x + sum(across[:i]) + sum(between[:i]) for i in range(len(across))]
        tops = [y + sum(down[:i]) + sum(gaps[:i]) for i in range(len(down))]
        for sheet in self.sheets:
            row, column = sheet.slot
            left, top = lefts[column] + self.beside(column), tops[row] + self.above
            top += (down[row] - self.above - len(sheet.rows) * side) / 2
            corner = (left - sheet.columns.start * side, top - sheet.rows.start * side)
            self.places[sheet.prefix] = Lattice(*corner, side)

    def block(self, sheet: Sheet) -> Box:
        """The box of a sheet that has been placed."""
        return self.places[sheet.prefix].span(sheet.rows, sheet.columns)

    def cell(self, cell: Cell) -> Box | None:
        """The box of a cell; None where it lies on a sheet that is not shown."""
        prefix, at = self.split(cell)
        return self.places[prefix].cell(*at) if prefix in self.places else None

    def split(self, cell: Cell) -> tuple[Cell, tuple[int, int]]:
        """A cell's sheet, and its row and column there."""
        if not cell:
            return (), (0, 0)
        return (cell[:-1], (0, cell[-1])) if self.flat else (cell[:-2], (cell[-2], cell[-1]))

    def boxes(self, cells: Iterable[Cell]) -> list[Box]:
        """One box around the cells of each sheet that is shown, in the order of the sheets."""
        found: dict[Cell, list[Box]] = {}
        for cell in cells:
            box = self.cell(cell)
            if box is not None:
                found.setdefault(self.split(cell)[0], []).append(box)
        return [Box.around(found[sheet.prefix]) for sheet in self.sheets if sheet.prefix in found]


def shape_of(plan: Plan, grid: Grid, front: Iterable[Cell] = (), most: int = STACK) -> Shape:
    """The layout of a grid; ``front``: cells that have to be seen, where there are more sheets than ``most``."""
    extents = [range(n) for n in grid.shape]
    for axis, (before, after) in enumerate(grid.pads, len(extents) - len(grid.pads)):
        extents[axis] = range(-before, grid.shape[axis] + after)
    flat = _flat(plan, grid)
    rows = range(1) if flat else extents[-2]
    columns = extents[-1] if extents else range(1)
    lead = extents[: -1 if flat else -2]
    seen = {cell[: len(lead)] for cell in front}
    prefixes: list[Cell] = [tuple(at) for at in product(*lead)]
    prefixes = [
        prefix for prefix in prefixes if inside(prefix, grid) or prefix in seen
    ]  # no slices of mere padding
    hidden = 0
    if lead and len(lead[0]) > most:
        first = min((cell[0] for cell in front), default=lead[0][0])
        prefixes = [prefix for prefix in prefixes if prefix[0] == first]
        hidden = len(lead[0]) - 1
        slots = {prefix: (0, i) for i, prefix in enumerate(prefixes)}
    else:
        slots = _slots(plan, grid, prefixes)
    made = [
        Sheet(
            prefix,
            rows,
            columns,
            _label(plan, grid, prefix, flat),
            slots[prefix],
            group_of(plan, grid, prefix),
        )
        for prefix in prefixes
    ]
    cropped = grid.role == "output" and not any(grid.key in stage.reads for stage in plan.stages)
    return Shape(grid, made, flat, cropped, hidden)


def _flat(plan: Plan, grid: Grid) -> bool:
    """Whether each sheet is one row: so are vectors and the channels of a 1-D map, not other arrays of two axes."""
    if len(grid.shape) < 2:
        return True
    return len(grid.shape) == 2 and (len(grid.pads) == 1 or rank_of(plan) == 1)


def inside(prefix: Cell, grid: Grid) -> bool:
    """Whether a sheet holds real cells, not only padding."""
    return all(0 <= at < n for at, n in zip(prefix, grid.shape))


def rank_of(plan: Plan) -> int | None:
    """The spatial axes of the plan's windowed op; None where it has none such."""
    for stage in plan.stages:
        size = getattr(stage.op, "kernel_size", None)
        if isinstance(size, tuple):
            return len(size)
    return None


def stages_of(plan: Plan, grid: Grid) -> list[Stage]:
    """The ops that read, fill or multiply a grid."""
    return [s for s in plan.stages if grid.key in (*s.reads, s.writes, s.weight)]


def _slots(plan: Plan, grid: Grid, prefixes: Sequence[Cell]) -> dict[Cell, tuple[int, int]]:
    """Where the sheets stand: a channel a row, its slices side by side; the filters of a channel side by side, in its
    row.
    """
    rows = {prefix[:1]: (0, 0) for prefix in prefixes}
    rows = {first: (i, 0) for i, first in enumerate(rows)}
    if grid.role == "kernel" and len(rows) > 1:
        rows = _filters(plan, grid) or rows
    behind = {rest: i for i, rest in enumerate(dict.fromkeys(prefix[1:] for prefix in prefixes))}
    return {
        prefix: (rows[prefix[:1]][0], rows[prefix[:1]][1] * len(behind) + behind[prefix[1:]])
        for prefix in prefixes
    }


def turned(shapes: Sequence[Shape]) -> bool:
    """Lay channels side by side in place of below each other; whether there are such.

    The channels of an output stay below each other where they then stand beside their filters.
    """
    filters = {
        1 + max(sheet.slot[1] for sheet in shape.sheets) for shape in shapes if shape.grid.role == "kernel"
    }
    found = False
    for shape in shapes:
        rows = 1 + max(sheet.slot[0] for sheet in shape.sheets)
        if shape.flat or rows < 2 or (shape.grid.role == "output" and rows in filters):
            continue
        shape.sheets = [replace(sheet, slot=(sheet.slot[1], sheet.slot[0])) for sheet in shape.sheets]
        found = True
    return found


def _filters(plan: Plan, grid: Grid) -> dict[Cell, tuple[int, int]] | None:
    """Each sheet of a kernel beside the channel that it multiplies, the filters of one channel side by side."""
    reads: dict[int, set[int]] = {}
    for step in plan.steps:
        for term in step.work.terms if step.work is not None else ():
            if (
                term.weight is not None
                and stage_of(plan, grid.key, term.panel)
                and len(term.weight) == len(grid.shape)
            ):
                reads.setdefault(term.weight[0], set()).add(term.cell[0])
    if len(reads) < grid.shape[0] or any(len(channels) > 1 for channels in reads.values()):
        return None
    order = {channel: i for i, channel in enumerate(sorted({min(channels) for channels in reads.values()}))}
    seen: dict[int, int] = {}
    found: dict[Cell, tuple[int, int]] = {}
    for sheet in sorted(reads):
        row = order[min(reads[sheet])]
        found[sheet,] = (row, seen.get(row, 0))
        seen[row] = seen.get(row, 0) + 1
    return found


def stage_of(plan: Plan, weight: str, panel: str) -> bool:
    """Whether ``weight`` is what an op of the plan multiplies ``panel`` with."""
    return any(stage.weight == weight and panel in stage.reads for stage in plan.stages)


def _label(plan: Plan, grid: Grid, prefix: Cell, flat: bool) -> tuple[str, ...]:
    """The name of a sheet, where a panel has several: a line for each of its parts, or one for a flat sheet."""
    lines: list[str] = []
    if prefix and grid.channels:
        lines = grid.channels[prefix[0]].split(", ")
    elif prefix and grid.shape[0] > 1:
        lines = [f"channel {prefix[0]}"]
    if lines and 1 < groups_of(plan, grid) < grid.shape[0] and grid.role != "kernel":
        lines[-1] += f" · group {group_of(plan, grid, prefix)}"
    deeper = prefix[1:]
    if deeper and grid.batched:
        lines.append(f"channel {deeper[0]}")
        deeper = deeper[1:]
    if deeper:
        lines.append(f"slice {', '.join(map(words.number, deeper))}")
    return (", ".join(lines),) if flat and lines else tuple(lines)


def groups_of(plan: Plan, grid: Grid) -> int:
    """Groups of the op that reads or fills the grid."""
    return max((int(getattr(stage.op, "groups", 1)) for stage in stages_of(plan, grid)), default=1)


def group_of(plan: Plan, grid: Grid, prefix: Cell) -> int:
    """The group of a sheet: groups cut the channels (and filters) into as many equal parts."""
    groups = groups_of(plan, grid)
    return prefix[0] * groups // grid.shape[0] if prefix and groups > 1 else 0
