"""The tables and curves of a plan on a board."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.plan import words
from convviz.plan.model import Curve, Table
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW = 14.0  # points of a table's row
LETTER = 8.4
AIR = 16.0  # points between two columns
ROWS = 24  # rows of a table that are drawn
CURVE = (330.0, 170.0)  # points of a curve's panel
STYLES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))  # the second cue of a line
MARKERS = ("o", "s", "^", "D", "v")


@dataclass
class TableShape:
    """A table, and where it lies once it has been placed."""

    panel: Table
    wide: float  # points that it may take
    box: Box = field(default_factory=lambda: Box(0, 0, 0, 0))

    def rows(self) -> list[list[str]]:
        """The rows that are drawn, in words."""
        return [[said(value) for value in row] for row in self.panel.rows[:ROWS]]

    def columns(self) -> list[float]:
        """Points of each column; the widest ones give way where the table would be too wide."""
        found = [draw.width_of(name, LETTER, bold=True) for name in self.panel.columns]
        for row in self.rows():
            found = [max(wide, draw.width_of(text, LETTER, mono=True)) for wide, text in zip(found, row)]
        room = max(self.wide - AIR * (len(found) - 1), 40)
        while sum(found) > room:
            widest = found.index(max(found))
            found[widest] = max(found[widest] - (sum(found) - room), found[widest] * 0.6)
        return found

    @property
    def left_out(self) -> int:
        return max(len(self.panel.rows) - ROWS, 0)

    def size(self, side: float) -> tuple[float, float]:
        widths = self.columns()
        return sum(widths) + AIR * (len(widths) - 1), ROW * (1 + len(self.rows()) + bool(self.left_out))

    def place(self, x: float, y: float, side: float) -> None:
        self.box = Box(x, y, *self.size(side))


def said(value: str | int | float | None) -> str:
    return "–" if value is None else value if isinstance(value, str) else words.number(value)


def paint_table(ax: Axes, shape: TableShape, rows: set[int], look: Theme) -> None:
    """Draw a table that has been placed, with ``rows`` marked by an edge and a bar on their left."""
    box, widths = shape.box, shape.columns()
    lefts = [box.x + sum(widths[:i]) + AIR * i for i in range(len(widths))]
    right = [all(not isinstance(row[i], str) for row in shape.panel.rows) for i in range(len(widths))]

    def cell(column: int, y: float, text: str, colour: str, bold: bool, mono: bool) -> None:
        text = draw.clip(text, widths[column] + 0.5, LETTER, mono=mono, bold=bold)
        x = lefts[column] + widths[column] * right[column]
        align = "right" if right[column] else "left"
        draw.write(ax, x, y, text, colour, size=LETTER, bold=bold, mono=mono, align=align)

    for i, name in enumerate(shape.panel.columns):
        cell(i, box.y + ROW / 2, name, look.faint_ink, True, False)
    draw.strokes(ax, [[(box.x, box.y + ROW), (box.right, box.y + ROW)]], look["muted"].edge, width=0.8)
    for at, row in enumerate(shape.rows()):
        y = box.y + ROW * (at + 1.5)
        if at in rows:
            line = Box(box.x - 4, y - ROW / 2 + 0.8, box.width + 8, ROW - 1.6)
            draw.tiles(ax, [line], edge=look["active"].edge, width=1.8, above=6)
        for i, text in enumerate(row):
            cell(i, y, text, look.ink, at in rows, True)
    if shape.left_out:
        y = box.bottom - ROW / 2
        draw.write(ax, box.x, y, f"… {shape.left_out:,} more rows", look.faint_ink, size=LETTER)


@dataclass
class CurveShape:
    """A curve, and where it lies once it has been placed. wide, tall: points that it takes."""

    panel: Curve
    wide: float = CURVE[0]
    tall: float = CURVE[1]
    box: Box = field(default_factory=lambda: Box(0, 0, 0, 0))

    def size(self, side: float) -> tuple[float, float]:
        return self.wide, self.tall

    def place(self, x: float, y: float, side: float) -> None:
        self.box = Box(x, y, self.wide, self.tall)


def paint_curve(ax: Axes, shape: CurveShape, look: Theme) -> None:
    """Draw a curve that has been placed: its lines differ in colour, dash and marker, with a key above them."""
    from matplotlib.lines import Line2D

    figure = ax.get_figure(root=True)
    assert figure is not None
    width, height = (inches * draw.POINTS for inches in figure.get_size_inches())
    box, key = shape.box, 14.0 * (len(shape.panel.series) > 1)
    left, bottom = 40.0, 30.0
    place = (box.x + left, box.y + key, box.width - left - 6, box.height - bottom - key)
    inner = figure.add_axes(
        (place[0] / width, 1 - (place[1] + place[3]) / height, place[2] / width, place[3] / height)
    )
    inner.set_facecolor("none")
    x = box.x + left
    for i, series in enumerate(shape.panel.series):
        role = look[series.role]
        few = len(series.x) <= 24
        inner.plot(
            series.x, series.y, color=role.edge, linewidth=1.8, linestyle=STYLES[i % len(STYLES)],
            marker=MARKERS[i % len(MARKERS)] if few else None, markersize=4,
        )  # fmt: skip
        if key:
            y = box.y + key / 2 - 2
            line = Line2D(
                [x, x + 18], [y, y], color=role.edge, linewidth=1.8, linestyle=STYLES[i % len(STYLES)]
            )
            line.set(marker=MARKERS[i % len(MARKERS)], markersize=4, zorder=8)
            ax.add_line(line)
            draw.write(ax, x + 22, y, series.name, look.ink, size=8)
            x += 22 + draw.width_of(series.name, 8) + 14
    for side in ("top", "right"):
        inner.spines[side].set_visible(False)
    for side in ("bottom", "left"):
        inner.spines[side].set_color(look["muted"].edge)
    inner.tick_params(labelcolor=look.faint_ink, labelsize=7.6, length=2.5, color=look["muted"].edge)
    inner.locator_params(nbins=6)
    inner.set_xlabel(shape.panel.x, color=look.faint_ink, size=8.2)
    inner.set_ylabel(shape.panel.y, color=look.faint_ink, size=8.2)
