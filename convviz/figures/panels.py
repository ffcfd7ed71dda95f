"""How the cells of a plan's grids look in one step: areas, edges, marks, numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.channels import BEHIND, LABEL, Shape, inside
from convviz.plan import words
from convviz.plan.model import Cell, Grid, Number, Plan
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

THICK = 2.3  # points of the edge around what is read and written now


@dataclass(frozen=True)
class State:
    """What a panel shows at one step: values, marks by cell, weights beside the cells that they multiply.

    final: all values that it will show (None: those of now), which set the size of its numbers and the scale of its
    shades, so that these do not change from step to step.
    """

    values: Mapping[Cell, Number]
    marks: Mapping[str, frozenset[Cell]]
    factors: Mapping[Cell, Number]
    written: frozenset[Cell]
    final: Mapping[Cell, Number] | None = None

    @property
    def whole(self) -> Mapping[Cell, Number]:
        return self.values if self.final is None else self.final

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
    shade = None if number_size(shape, state) is not None else scale(state)
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
            fill = fill or tint(look, grid.role, group, None if shade is None else shade(state.values[cell]))
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


def scale(state: State) -> Callable[[Number], float]:
    """From the smallest value, 0, to the largest, 1."""
    finite = [value for value in state.whole.values() if abs(value) < inf]
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
def told(shape: Shape, values: Mapping[Cell, Number]) -> Iterator[tuple[Cell, Box, str, bool]]:
    """The cells that show a number: the cell, its box, the number as it is written, whether it is the cell's own."""
    grid = shape.grid
    most = draw.longest(shape.side)
    for cell, box, _ in _cells(shape):
        value: Number | None
        real = _real(cell, grid)
        if real and _stuffed(cell, grid):
            continue
        if real:
            value = values.get(cell)
        else:
            filled = values.get(cell, None if shape.cropped else 0)
            value = grid.outside.get(cell, filled)
        if value is not None and (real or cell not in grid.unused):
            yield cell, box, short(value, most), real


def number_size(shape: Shape, state: State) -> float | None:
    """Points of the numbers of a grid; None where there is no room for them."""
    return draw.letter(shape.side, max((len(text) for _, _, text, _ in told(shape, state.whole)), default=1))


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
    for cell, box, text, real in told(shape, state.values):
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
