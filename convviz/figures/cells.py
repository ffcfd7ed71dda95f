"""Grids of cells: square tiles, outlines of sets of cells, rays between boxes, numbers that keep their size.

All of it lies on a *board*: one pair of axes over the whole page that counts in points from the top left corner, so
that a box, a line width and a letter are measured in the same unit, and everything can be laid out before it is drawn.
Nothing here knows what a cell means; who draws picks roles of the theme.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from convviz.figures import canvas
from convviz.theme import FONTS, Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.path import Path as Outline
    from matplotlib.text import Text

POINTS = 72  # to the inch
SMALLEST = 7.0  # points of the smallest letter
ADVANCE = 0.6  # of its size: the width of a letter of the monospaced family
FILLED = 0.86  # of a cell's width: what a number may take
CAP = 0.73  # of its size: the height of a digit
ROUND = 0.22  # of a cell's side: the radius of a rounded corner


@dataclass(frozen=True)
class Box:
    """A rectangle in points, x to the right and y downwards."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def centre(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2

    def inset(self, by: float) -> Box:
        """The box with ``by`` points less on each side (negative: more)."""
        return Box(self.x + by, self.y + by, self.width - 2 * by, self.height - 2 * by)

    def moved(self, dx: float, dy: float) -> Box:
        return Box(self.x + dx, self.y + dy, self.width, self.height)

    @classmethod
    def around(cls, boxes: Iterable[Box]) -> Box:
        """The smallest box that holds all of ``boxes``.

        >>> Box.around([Box(0, 0, 1, 1), Box(4, 2, 1, 1)])
        Box(x=0, y=0, width=5, height=3)
        """
        found = list(boxes)
        x, y = min(b.x for b in found), min(b.y for b in found)
        return cls(x, y, max(b.right for b in found) - x, max(b.bottom for b in found) - y)


@dataclass(frozen=True)
class Lattice:
    """Rows and columns of square cells, ``side`` points each; cell (0, 0) has its corner at (x, y).

    >>> Lattice(10, 20, 5).cell(1, 2)
    Box(x=20, y=25, width=5, height=5)
    """

    x: float
    y: float
    side: float

    def cell(self, row: int, column: int) -> Box:
        return Box(self.x + column * self.side, self.y + row * self.side, self.side, self.side)

    def span(self, rows: range, columns: range) -> Box:
        """The box of a block of cells."""
        corner = self.cell(rows.start, columns.start)
        return Box(corner.x, corner.y, len(columns) * self.side, len(rows) * self.side)


# -- the board -------------------------------------------------------------------------------------------
def board(width: float, height: float, look: Theme) -> tuple[Figure, Axes]:
    """A page of that many points, and its axes: one unit is a point, (0, 0) the top left corner."""
    made = canvas.page(width / POINTS, height / POINTS, look)
    ax = made.add_axes((0, 0, 1, 1))
    ax.set_xlim(0, width)
    ax.set_ylim(height, 0)
    ax.axis("off")
    return made, ax


# -- tiles -----------------------------------------------------------------------------------------------
def tiles(
    ax: Axes,
    boxes: Iterable[Box],
    *,
    fill: str | Sequence[str] | None = None,
    edge: str | None = None,
    width: float = 0.7,
    dashed: bool = False,
    rounded: bool = False,
    hatch: str | None = None,
    above: float = 2,
) -> None:
    """All tiles of one style; ``fill`` may be a colour for each of them. One path for each colour keeps files small."""
    from matplotlib.collections import PathCollection
    from matplotlib.path import Path as Outline

    found = list(boxes)
    fills = [fill or "none"] * len(found) if fill is None or isinstance(fill, str) else list(fill)
    by_fill: dict[str, list[Outline]] = {}
    for box, colour in zip(found, fills, strict=True):
        by_fill.setdefault(colour, []).append(_rounded(box) if rounded else _square(box))
    if not by_fill:
        return
    made = PathCollection(
        [Outline.make_compound_path(*shapes) for shapes in by_fill.values()],
        facecolors=list(by_fill),
        edgecolors=edge if edge is not None else "none",
        linewidths=width if edge is not None else 0,
        linestyles=[(0, (2.4, 1.8))] if dashed else "solid",
        hatch=hatch,
        zorder=above,
    )
    ax.add_collection(made, autolim=False)


def _square(box: Box) -> Outline:
    from matplotlib.path import Path as Outline

    x, y, r, b = box.x, box.y, box.right, box.bottom
    return Outline([(x, y), (r, y), (r, b), (x, b), (x, y)], closed=True)


def _rounded(box: Box) -> Outline:
    from matplotlib.path import Path as Outline

    x, y, r, b = box.x, box.y, box.right, box.bottom
    c = ROUND * min(box.width, box.height)
    go, turn = Outline.LINETO, Outline.CURVE3
    points = [
        ((x + c, y), Outline.MOVETO),
        ((r - c, y), go), ((r, y), turn), ((r, y + c), turn),
        ((r, b - c), go), ((r, b), turn), ((r - c, b), turn),
        ((x + c, b), go), ((x, b), turn), ((x, b - c), turn),
        ((x, y + c), go), ((x, y), turn), ((x + c, y), turn),
        ((x + c, y), Outline.CLOSEPOLY),
    ]  # fmt: skip
    return Outline([at for at, _ in points], [code for _, code in points])


# -- lines -----------------------------------------------------------------------------------------------
def border(cells: Iterable[tuple[int, int]]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The border of a set of cells as straight pieces between lattice corners ``(row, column)``.

    >>> border([(0, 0), (0, 1)])
    [((0, 0), (0, 2)), ((1, 0), (1, 2)), ((0, 0), (1, 0)), ((0, 2), (1, 2))]
    """
    across: set[tuple[int, int]] = set()  # pieces that lie along the top of a cell
    down: set[tuple[int, int]] = set()  # along its left side
    for row, column in set(cells):
        across ^= {(row, column), (row + 1, column)}
        down ^= {(column, row), (column + 1, row)}
    pieces = [((at, first), (at, last)) for at, first, last in _runs(across)]
    return pieces + [((first, at), (last, at)) for at, first, last in _runs(down)]


def _runs(pieces: set[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Pieces (line, place) that follow each other on a line, joined: (line, first, end)."""
    runs: list[tuple[int, int, int]] = []
    for line, place in sorted(pieces):
        if runs and runs[-1][0] == line and runs[-1][2] == place:
            runs[-1] = (line, runs[-1][1], place + 1)
        else:
            runs.append((line, place, place + 1))
    return runs


def outline(
    ax: Axes,
    lattice: Lattice,
    cells: Iterable[tuple[int, int]],
    colour: str,
    *,
    width: float,
    above: float = 6,
) -> None:
    """The border of a set of cells, whatever its form, as one line collection."""
    side = lattice.side
    lines = [
        [(lattice.x + column * side, lattice.y + row * side) for row, column in piece]
        for piece in border(cells)
    ]
    strokes(ax, lines, colour, width=width, above=above)


def strokes(
    ax: Axes,
    lines: Sequence[Sequence[tuple[float, float]]],
    colour: str,
    *,
    width: float,
    dashed: bool = False,
    above: float = 3,
    alpha: float = 1.0,
) -> None:
    """Straight lines of one style, as one collection."""
    from matplotlib.collections import LineCollection

    if lines:
        dash: Any = (0, (2.4, 1.8)) if dashed else "solid"
        made = LineCollection(
            lines, colors=colour, linewidths=width, linestyles=dash, zorder=above, alpha=alpha
        )
        made.set_capstyle("butt" if dashed else "projecting")
        ax.add_collection(made, autolim=False)


def diagonals(ax: Axes, boxes: Iterable[Box], colour: str, *, width: float = 0.8, above: float = 4) -> None:
    """A line from the lower left to the upper right corner of each box."""
    lines = [((box.x, box.bottom), (box.right, box.y)) for box in boxes]
    strokes(ax, lines, colour, width=width, above=above)


def dots(ax: Axes, boxes: Iterable[Box], colour: str, *, part: float = 0.07, above: float = 4) -> None:
    """A dot in the middle of each box, its radius that ``part`` of the box."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Circle

    found = [Circle(box.centre, part * min(box.width, box.height)) for box in boxes]
    if found:
        ax.add_collection(PatchCollection(found, facecolor=colour, linewidth=0, zorder=above), autolim=False)


def beam(ax: Axes, start: Box, end: Box, colour: str, *, width: float = 0.8, upright: bool = False) -> None:
    """Two rays from the side of ``start`` that faces ``end`` to the side that faces it, and the light between them.

    upright: they run up or down. The light lies below the tiles, the rays above them; they are pale, so that numbers
    below them can be read.
    """
    from matplotlib.patches import Polygon

    (a, b), (c, d) = facing(start, end, upright)
    ax.add_patch(Polygon([a, b, d, c], closed=True, facecolor=colour, alpha=0.1, linewidth=0, zorder=0.5))
    strokes(ax, [[a, c], [b, d]], colour, width=width, above=4.5, alpha=0.6)


def facing(start: Box, end: Box, upright: bool = False) -> tuple[tuple[tuple[float, float], ...], ...]:
    """The corners between which two boxes look at each other: a pair of the first, the pair of the second in step.

    >>> facing(Box(0, 0, 1, 1), Box(5, 0, 2, 2))
    (((1, 0), (1, 1)), ((5, 0), (5, 2)))
    """

    def sides(box: Box, side: str) -> tuple[tuple[float, float], tuple[float, float]]:
        return {
            "left": ((box.x, box.y), (box.x, box.bottom)),
            "right": ((box.right, box.y), (box.right, box.bottom)),
            "top": ((box.x, box.y), (box.right, box.y)),
            "bottom": ((box.x, box.bottom), (box.right, box.bottom)),
        }[side]

    if not upright and end.x >= start.right:
        return sides(start, "right"), sides(end, "left")
    if not upright and end.right <= start.x:
        return sides(start, "left"), sides(end, "right")
    if end.y >= start.bottom:
        return sides(start, "bottom"), sides(end, "top")
    return sides(start, "top"), sides(end, "bottom")


# -- text ------------------------------------------------------------------------------------------------
def write(
    ax: Axes,
    x: float,
    y: float,
    text: str,
    colour: str,
    *,
    size: float,
    mono: bool = False,
    bold: bool = False,
    italic: bool = False,
    align: str = "left",
    middle: bool = True,
    above: float = 8,
) -> Text:
    """A text at a place of the board: its optical middle there, or (middle=False) its baseline."""
    if middle:
        y += CAP / 2 * size
    family = "monospace" if mono else [*FONTS["text"]]
    made = ax.text(x, y, text, color=colour, size=size, family=family, va="baseline", ha=align, zorder=above)
    made.set_fontweight("bold" if bold and mono else "semibold" if bold else "normal")
    made.set_fontstyle("italic" if italic else "normal")
    made.set_parse_math(False)
    return made


def numbers(
    ax: Axes,
    placed: Iterable[tuple[Box, str]],
    colour: str,
    *,
    size: float,
    bold: bool = False,
    above: float = 8,
) -> None:
    """A number in the middle of each box, in figures of one width."""
    for box, text in placed:
        x, y = box.centre
        write(ax, x, y, text, colour, size=size, mono=True, bold=bold, align="center", above=above)


def longest(side: float) -> int:
    """Letters of the longest number that a cell of ``side`` points has room for.

    >>> longest(26)
    5
    """
    return int(FILLED * side / (ADVANCE * SMALLEST))


def letter(side: float, count: int, most: float = 11.0) -> float | None:
    """The size of numbers of up to ``count`` letters in cells of ``side`` points; None where they would be too small.

    >>> letter(26, 2), letter(10, 4)
    (11.0, None)
    """
    size = min(most, side * 0.6, FILLED * side / (ADVANCE * max(count, 1)))
    return round(size, 2) if size >= SMALLEST else None


def width_of(text: str, size: float, *, mono: bool = False, bold: bool = False) -> float:
    """Points that a line of text takes, from the fonts' own metrics."""
    return _unit_width(text, mono, bold) * size


@cache
def _unit_width(text: str, mono: bool, bold: bool) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    if not text:
        return 0.0
    weight = ("bold" if mono else "semibold") if bold else "normal"
    canvas.register_fonts()
    font = FontProperties(family=[*FONTS["numbers" if mono else "text"]], weight=weight, size=100)
    return float(text_to_path.get_text_width_height_descent(text, font, False)[0]) / 100


def wrap(text: str, width: float, size: float, *, mono: bool = False, bold: bool = False) -> list[str]:
    """``text`` cut at its spaces into lines of at most ``width`` points; a longer word stands alone, cut with ``…``."""
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and width_of(joined, size, mono=mono, bold=bold) <= width:
            lines[-1] = joined
        else:
            lines.append(clip(word, width, size, mono=mono, bold=bold))
    return lines


def clip(text: str, width: float, size: float, *, mono: bool = False, bold: bool = False) -> str:
    """``text`` with its end cut off where it would take more than ``width`` points."""
    if width_of(text, size, mono=mono, bold=bold) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        fits = width_of(f"{text[:middle].rstrip()}…", size, mono=mono, bold=bold) <= width
        low, high = (middle, high) if fits else (low, middle - 1)
    return f"{text[:low].rstrip()}…"
