"""The grids of a plan on a board: how their channels are laid out, and how the cells of one step look."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import inf
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.figures import cells as draw
from convviz.figures.cells import Box, Lattice
from convviz.plan import words
from convviz.plan.model import Cell, Grid, Number, Plan, Stage
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LABEL = 7.6  # points of a channel's name
TITLE = 9.6  # points of a panel's title
LEADING = 12.0  # points from line to line of a title
ROOM = 96.0  # points that a title may take over a narrower panel
GAP = 11.0  # points between the sheets of a panel
GROUP = 10.0  # points more between two groups of channels
STACK = 8  # sheets of a panel that are shown one by one; of more, one lies in front
BEHIND = 3.5  # points by which a sheet behind another sticks out
THICK = 2.3  # points of the edge around what is read and written now


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
        groups = {sheet.slot[0]: sheet.group for sheet in self.sheets}
        gap = GAP * 0.6 if self.flat else GAP
        return [gap + GROUP * (groups[i] != groups[i - 1]) for i in range(1, 1 + max(groups))]

    def size(self, side: float) -> tuple[float, float]:
        """Width and height in points, without the title."""
        across, down = self.widths(side), self.heights(side)
        behind = BEHIND * min(self.hidden, 3)
        return sum(across) + GAP * (len(across) - 1) + behind, sum(down) + sum(self.gaps()) + behind

    # -- place -----------------------------------------------------------------------------------------------
    def place(self, x: float, y: float, side: float) -> None:
        """Lay the sheets out with the panel's corner at (x, y)."""
        self.side = side
        across, down, gaps = self.widths(side), self.heights(side), self.gaps()
        self.box = Box(x, y, *self.size(side))
        y += BEHIND * min(self.hidden, 3)
        lefts = [x + sum(across[:i]) + GAP * i for i in range(len(across))]
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


# -- layout ----------------------------------------------------------------------------------------------
def shape_of(plan: Plan, grid: Grid, front: Iterable[Cell] = ()) -> Shape:
    """The layout of a grid; ``front``: cells that have to be seen, where not all sheets can be."""
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
    if lead and len(lead[0]) > STACK:
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
    if len(prefix) > 1:
        lines.append(f"slice {', '.join(words.number(at) for at in prefix[1:])}")
    return (", ".join(lines),) if flat and lines else tuple(lines)


def groups_of(plan: Plan, grid: Grid) -> int:
    """Groups of the op that reads or fills the grid."""
    return max((int(getattr(stage.op, "groups", 1)) for stage in stages_of(plan, grid)), default=1)


def group_of(plan: Plan, grid: Grid, prefix: Cell) -> int:
    """The group of a sheet: groups cut the channels (and filters) into as many equal parts."""
    groups = groups_of(plan, grid)
    return prefix[0] * groups // grid.shape[0] if prefix and groups > 1 else 0


# -- one step ----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class State:
    """What a panel shows at one step: values, marks by cell, weights beside the cells that they multiply."""

    values: Mapping[Cell, Number]
    marks: Mapping[str, frozenset[Cell]]
    factors: Mapping[Cell, Number]
    written: frozenset[Cell]

    @classmethod
    def of(cls, plan: Plan, key: str, at: int | None) -> State:
        """The panel after step ``at``."""
        if at is None:
            return cls(plan.shown(key), {}, {}, frozenset())
        step = plan.steps[at]
        marks: dict[str, set[Cell]] = {}
        for marked in step.marks:
            if marked.panel == key:
                marks.setdefault(marked.mark, set()).update(marked.cells)
        terms = step.work.terms if step.work is not None else ()
        factors: dict[Cell, Number] = {}
        seen: set[Cell] = set()
        for term in terms:
            if term.panel == key and term.factor is not None:
                factors[term.cell] = term.factor
                if term.cell in seen:
                    del factors[term.cell]  # multiplied more than once: the sum below tells with what
                seen.add(term.cell)
        written = {write.cell for write in step.writes if write.panel == key}
        return cls(
            plan.shown(key, at),
            {mark: frozenset(cells) for mark, cells in marks.items()},
            factors,
            frozenset(written | marks.get("written", set())),
        )

    def marked(self, *marks: str) -> frozenset[Cell]:
        return frozenset().union(*(self.marks.get(mark, frozenset()) for mark in marks))


def paint(
    ax: Axes, shape: Shape, state: State, look: Theme, *, shades: Mapping[Cell, str] | None = None
) -> None:
    """Draw a grid that has been placed: its cells, frames, marks and numbers."""
    grid, role = shape.grid, look[shape.grid.role]
    _behind(ax, shape, look)
    _labels(ax, shape, look)
    read, written = state.marked("read", "fed"), state.written
    holes, shared, winners = state.marked("hole"), state.marked("shared"), state.marked("winner")
    rounded = grid.role == "output"
    inset = min(1.0, shape.side * 0.04) if rounded else 0.0
    scale = None if number_size(shape, state) is not None else _scale(state)
    full: list[Box] = []
    fills: list[str] = []
    kinds: dict[str, list[Box]] = {"empty": [], "pad": [], "zero": [], "unused": [], "hole": [], "shared": []}
    for cell, box, group in _cells(shape):
        if not _real(cell, grid):
            kinds["pad"].append(box.inset(min(1.2, shape.side * 0.06)))
        elif _stuffed(cell, grid):
            kinds["zero"].append(box)
        elif cell in state.values:
            full.append(box.inset(inset))
            fill = shades.get(cell) if shades else None
            fill = fill or tint(look, grid.role, group, None if scale is None else scale(state.values[cell]))
            fills.append(themes.mix(look.paper, look["active"].edge, 0.32) if cell in winners else fill)
        else:
            kinds["empty"].append(box.inset(inset))
        if cell in grid.unused:
            kinds["unused"].append(box)
        if cell in holes:
            kinds["hole"].append(box)
        if cell in shared:
            kinds["shared"].append(box.inset(inset))
    line = themes.mix(role.fill or look.paper, role.edge, 0.55)
    thin = 0.9 if shape.side >= 14 else 0.5
    rings = [box.inset(shape.side * 0.1) for box in map(shape.cell, winners) if box is not None]
    draw.tiles(ax, rings, edge=look["active"].edge, width=1.3, rounded=True, above=5)
    draw.tiles(ax, full, fill=fills, edge=line, width=thin, rounded=rounded)
    draw.tiles(ax, kinds["empty"], edge=look.line, width=thin, rounded=rounded)
    draw.tiles(ax, kinds["pad"], edge=look["padding"].edge, width=thin * 0.8, dashed=True)
    draw.tiles(ax, kinds["zero"], edge=look.line, width=thin)
    muted, both = look["muted"], look["shared"]
    draw.tiles(ax, kinds["shared"], fill=both.fill, edge=both.edge, hatch="////", rounded=rounded, above=2.5)
    draw.tiles(
        ax, [*kinds["unused"], *kinds["hole"]], fill=muted.fill, edge=muted.edge, width=thin, above=2.6
    )
    draw.diagonals(ax, [*kinds["unused"], *kinds["hole"]], muted.edge, above=2.7)
    _frames(ax, shape, look)
    active = look["active"].edge
    for sheet in shape.sheets:
        lattice = shape.places[sheet.prefix]
        for cells, colour, width in (
            (state.marked("weight"), look["kernel"].edge, THICK + 0.3),
            (read - written, active, THICK),
            (written if len(written) > 1 else frozenset(), active, THICK),
        ):
            split = [shape.split(cell) for cell in cells]
            here = [at for prefix, at in split if prefix == sheet.prefix]
            draw.outline(ax, lattice, here, colour, width=width)
    if len(written) == 1:
        now = [box for box in map(shape.cell, written) if box is not None]
        draw.tiles(ax, [box.inset(inset) for box in now], edge=active, width=THICK, rounded=rounded, above=6)
    _values(ax, shape, state, look)


def tint(look: Theme, role: str, group: int = 0, part: float | None = None) -> str:
    """The fill of a role's cells; groups differ in shade, and so do values (from 0 to 1) that have no number."""
    found = look[role]
    return themes.mix(
        found.fill or look.paper, found.edge, 0.17 * (group % 3) if part is None else 0.7 * part
    )


def _scale(state: State) -> Callable[[Number], float]:
    """From the smallest value, 0, to the largest, 1."""
    finite = [value for value in state.values.values() if abs(value) < inf]
    low, high = min(finite, default=0), max(finite, default=0)
    return lambda value: 0.0 if high == low else min(max((value - low) / (high - low), 0.0), 1.0)


def _cells(shape: Shape) -> Iterator[tuple[Cell, Box, int]]:
    for sheet in shape.sheets:
        lattice = shape.places[sheet.prefix]
        for row in sheet.rows:
            for column in sheet.columns:
                at = (column,) if shape.flat else (row, column)
                cell = (*sheet.prefix, *at) if shape.grid.shape else ()
                yield cell, lattice.cell(row, column), sheet.group


def _real(cell: Cell, grid: Grid) -> bool:
    return all(0 <= at < n for at, n in zip(cell, grid.shape, strict=True))


def _stuffed(cell: Cell, grid: Grid) -> bool:
    """Whether a real cell of a grid that was filled up with zeros is one of these."""
    behind = cell[len(cell) - len(grid.stuffed) :] if grid.stuffed else ()
    return any(at % step for at, step in zip(behind, grid.stuffed, strict=True))


def _behind(ax: Axes, shape: Shape, look: Theme) -> None:
    """The edges of sheets that lie behind the one in front."""
    role = look[shape.grid.role]
    if shape.hidden:
        draw.tiles(ax, [shape.block(sheet) for sheet in shape.sheets], fill=look.paper, above=1)
    for depth in range(min(shape.hidden, 3), 0, -1):
        boxes = [shape.block(sheet).moved(BEHIND * depth, -BEHIND * depth) for sheet in shape.sheets]
        fill = themes.mix(role.fill or look.paper, look.paper, 0.25 * depth)
        draw.tiles(ax, boxes, fill=fill, edge=role.edge, width=0.7, above=1 - depth * 0.1)


def _labels(ax: Axes, shape: Shape, look: Theme) -> None:
    """The names of sheets, on paper that hides the rays behind them."""
    lift = BEHIND * min(shape.hidden, 3)
    under = []
    for sheet in shape.sheets:
        block = shape.block(sheet)
        for i, line in enumerate(reversed(sheet.label)):
            if shape.flat:
                draw.write(ax, block.x - 6, block.centre[1], line, look.faint_ink, size=LABEL, align="right")
                wide = draw.width_of(line, LABEL) + 2
                under.append(Box(block.x - 5 - wide, block.centre[1] - LABEL * 0.7, wide, LABEL * 1.4))
                continue
            y = block.y - lift - 3.5 - i * (LABEL + 1.6)
            draw.write(ax, block.x, y, line, look.faint_ink, size=LABEL, middle=False)
            under.append(Box(block.x - 1, y - LABEL, draw.width_of(line, LABEL) + 2, LABEL + 1.8))
    draw.tiles(ax, under, fill=look.paper, above=4.7)


def _frames(ax: Axes, shape: Shape, look: Theme) -> None:
    """The edge around the real cells of each sheet: thick for weights, none for outputs."""
    grid = shape.grid
    if grid.role == "output":
        return
    boxes = []
    for sheet in shape.sheets:
        if inside(sheet.prefix, grid):
            rows = range(1) if shape.flat else range(grid.shape[-2])
            columns = range(grid.shape[-1]) if grid.shape else range(1)
            boxes.append(shape.places[sheet.prefix].span(rows, columns))
    draw.tiles(ax, boxes, edge=look[grid.role].edge, width=2.0 if grid.role == "kernel" else 1.3, above=5)


# -- what the key has to explain ---------------------------------------------------------------------------
def cues(shape: Shape, state: State) -> set[str]:
    """The cues that occur in a grid."""
    grid = shape.grid
    found = {grid.role}
    for sheet_cell, _, _ in _cells(shape):
        if not _real(sheet_cell, grid):
            found.add("cropped" if shape.cropped else "padding")
        elif _stuffed(sheet_cell, grid):
            found.add("zero")
        elif sheet_cell not in state.values:
            found.add("empty")
    found |= {mark for mark in ("winner", "hole", "shared", "fed") if state.marked(mark)}
    if state.marked("read"):
        found.add("read")
    if state.written and "fed" not in found:
        found.add("written")
    if grid.unused:
        found.add("unused")
    if chips(shape, state):
        found.add("chip")
    return found


def chips(shape: Shape, state: State) -> bool:
    """Whether weights can stand in the corners of the cells that they multiply."""
    longest = max((len(words.number(factor)) for factor in state.factors.values()), default=9)
    return (shape.side >= 22 and longest <= 3) or (shape.side >= 20 and longest <= 2)


# -- numbers ---------------------------------------------------------------------------------------------
def _told(shape: Shape, state: State) -> Iterator[tuple[Cell, Box, str, bool]]:
    """The cells that show a number: the cell, its box, the number as it is written, whether it is the cell's own."""
    grid = shape.grid
    most = draw.longest(shape.side)
    for cell, box, _ in _cells(shape):
        value: Number | None
        real = _real(cell, grid)
        if real and _stuffed(cell, grid):
            continue
        if real:
            value = state.values.get(cell)
        else:
            filled = state.values.get(cell, None if shape.cropped else 0)
            value = grid.outside.get(cell, filled)
        if value is not None and (real or cell not in grid.unused):
            yield cell, box, short(value, most), real


def number_size(shape: Shape, state: State) -> float | None:
    """Points of the numbers of a grid; None where there is no room for them."""
    return draw.letter(shape.side, max((len(text) for _, _, text, _ in _told(shape, state)), default=1))


def _values(ax: Axes, shape: Shape, state: State, look: Theme) -> None:
    small = chips(shape, state)
    dots = [
        raised(box) if small and cell in state.factors else box
        for cell, box, _ in _cells(shape)
        if _real(cell, shape.grid) and _stuffed(cell, shape.grid)
    ]
    draw.dots(ax, dots, look["muted"].edge)
    size = number_size(shape, state)
    if size is None:
        return
    size = min(size, 9.5) if small else size
    for cell, box, text, real in _told(shape, state):
        box = raised(box) if small and cell in state.factors else box
        bold = cell in state.written or cell in state.marked("winner")
        clear = real and cell not in shape.grid.unused and cell not in state.marked("hole")
        draw.numbers(ax, [(box, text)], look.ink if clear else look.faint_ink, size=size, bold=bold)
    if small:
        chip_tiles(
            ax, [(at, words.number(f)) for cell, f in state.factors.items() if (at := shape.cell(cell))], look
        )


def raised(box: Box) -> Box:
    """The upper part of a cell, whose lower corner a weight takes."""
    return Box(box.x, box.y, box.width, box.height * 0.7)


def chip_tiles(ax: Axes, placed: Sequence[tuple[Box, str]], look: Theme) -> None:
    """Small weights in the lower right corners of the cells that they multiply."""
    kernel, size = look["kernel"], draw.SMALLEST
    boxes = []
    for at, text in placed:
        wide = len(text) * draw.ADVANCE * size + 3.5
        boxes.append((Box(at.right - wide - 2.0, at.bottom - 10.8, wide, 9.0), text))
    draw.tiles(
        ax, [box for box, _ in boxes], fill=kernel.fill, edge=kernel.edge, width=0.6, rounded=True, above=7
    )
    draw.numbers(ax, boxes, look.ink, size=size, above=9)


def short(value: Number, most: int) -> str:
    """A number in at most ``most`` letters where rounding can bring that about.

    >>> short(2 / 3, 4), short(-12, 2), short(0.5, 4)
    ('0.67', '−12', '0.5')
    """
    text = words.number(value)
    for digits in (3, 2, 1):
        if len(text) <= most or "." not in text or "e" in text:
            break
        text = words.number(round(float(value), digits))
    return text
