"""An op as a sparse matrix on a board: its entries in shades of the weight they hold, the row of this step outlined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.figures import cells as draw
from convviz.figures.cells import Box, Lattice
from convviz.figures.panels import short
from convviz.plan import words
from convviz.plan.model import Cell, Matrix
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = 7.0  # points of the names of rows and columns
SIDE = 18.0  # points of an entry at most
LEGIBLE = 12.5  # where the height is short
LETTERS = 5  # of an entry's number


@dataclass
class MatrixShape:
    """A matrix, and where it lies once it has been placed. wide, tall: points that it may take."""

    panel: Matrix
    wide: float = 700.0
    tall: float = 480.0
    lattice: Lattice = field(default_factory=lambda: Lattice(0, 0, 1))
    box: Box = field(default_factory=lambda: Box(0, 0, 0, 0))

    @property
    def side(self) -> float:
        """Of an entry: as large as the room allows, and as the numbers need where only the height is short."""
        left, top = self.names
        across = (self.wide - left) / max(len(self.panel.columns), 1)
        down = (self.tall - top) / max(len(self.panel.rows), 1)
        longest = max((len(text) for text in entries(self.panel)), default=1)
        wanted = max(SIDE, draw.SMALLEST * draw.ADVANCE * longest / draw.FILLED + 0.1)
        return max(min(wanted, across, max(down, LEGIBLE, wanted if longest > 3 else 0)), 0.5)

    @cached_property
    def names(self) -> tuple[float, float]:
        """Points for the names of the rows, on the left, and of the columns, above; 0 where they would touch."""
        left, top = (
            max((draw.width_of(text, NAME, mono=True) for text in told(cells)), default=0.0) + 6
            for cells in (self.panel.rows, self.panel.columns)
        )
        if (self.wide - left) / max(len(self.panel.columns), 1) < NAME * 1.35:
            return 0.0, 0.0
        return left, top

    def size(self, side: float) -> tuple[float, float]:
        """Width and height in points; an entry has its own size, not that of a cell of a map."""
        left, top = self.names
        return left + self.side * len(self.panel.columns), top + self.side * len(self.panel.rows)

    def place(self, x: float, y: float, side: float) -> None:
        left, top = self.names
        self.box = Box(x, y, *self.size(side))
        self.lattice = Lattice(x + left, y + top, self.side)


def entries(panel: Matrix) -> list[str]:
    """The entries' numbers as they are written, in their order."""
    return [short(value, LETTERS) for _, value in panel.entries.values()]


def told(cells: Sequence[Cell]) -> list[str]:
    """The cells' indices, ``0,1``; with their channel where there are several."""
    several = len({cell[:1] for cell in cells}) > 1
    return [
        ",".join(words.number(at) for at in (cell if several or len(cell) < 2 else cell[1:]))
        for cell in cells
    ]


def shade(look: Theme, weight: Cell, order: dict[Cell, int]) -> str:
    """The colour of a weight: the first one pale, the last one strong."""
    kernel = look["kernel"]
    part = order[weight] / max(len(order) - 1, 1)
    return themes.mix(kernel.fill or look.paper, kernel.edge, 0.75 * part)


def ordered(panel: Matrix) -> dict[Cell, int]:
    """The weights of a matrix in their order."""
    return {weight: i for i, weight in enumerate(sorted({weight for weight, _ in panel.entries.values()}))}


def paint(ax: Axes, shape: MatrixShape, used: set[tuple[int, int]], look: Theme) -> None:
    """Draw a matrix that has been placed, its entries in use outlined."""
    panel, lattice, side = shape.panel, shape.lattice, shape.lattice.side
    order = ordered(panel)
    width = 0.4 if side < 10 else 0.7
    whole = lattice.span(range(len(panel.rows)), range(len(panel.columns)))
    draw.tiles(ax, [whole], edge=look["muted"].edge, width=0.9, above=3)
    lines = [
        [(whole.x, whole.y + i * side), (whole.right, whole.y + i * side)] for i in range(1, len(panel.rows))
    ] + [
        [(whole.x + i * side, whole.y), (whole.x + i * side, whole.bottom)]
        for i in range(1, len(panel.columns))
    ]
    draw.strokes(ax, lines, look.line, width=width, above=1.5)
    boxes = [lattice.cell(*at) for at in panel.entries]
    fills = [shade(look, weight, order) for weight, _ in panel.entries.values()]
    draw.tiles(ax, boxes, fill=fills, edge=look["kernel"].edge, width=width)
    draw.outline(ax, lattice, used, look["active"].edge, width=2.2)
    if shape.names[0]:
        _names(ax, shape, look)
    size = number_size(shape)
    if size is not None:
        for at, text in zip(panel.entries, entries(panel)):
            fill = shade(look, panel.entries[at][0], order)
            ink = max((look.ink, look.paper), key=lambda colour: themes.contrast(colour, fill))
            draw.numbers(ax, [(lattice.cell(*at), text)], ink, size=size)


def number_size(shape: MatrixShape) -> float | None:
    """Points of the entries' numbers; None where there is no room for them."""
    longest = max(map(len, entries(shape.panel)), default=1)
    return draw.letter(shape.side, longest, most=9.0)


def _names(ax: Axes, shape: MatrixShape, look: Theme) -> None:
    lattice = shape.lattice
    for i, text in enumerate(told(shape.panel.rows)):
        x, y = lattice.x - 4, lattice.cell(i, 0).centre[1]
        draw.write(ax, x, y, text, look.faint_ink, size=NAME, mono=True, align="right")
    for i, text in enumerate(told(shape.panel.columns)):
        x, _ = lattice.cell(0, i).centre
        made = ax.text(x, lattice.y - 4, text, color=look.faint_ink, size=NAME, family="monospace")
        made.set(rotation=90, ha="center", va="bottom", zorder=8)
