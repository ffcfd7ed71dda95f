"""One method on one batch: who shares, the statistics, the result, and one set worked out in full."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from convviz import theme as themes
from convviz.analysis.norms.normalize import Normalized
from convviz.figures import cells as draw
from convviz.figures import prose
from convviz.figures.canvas import CAPTION, MARGIN, TITLE
from convviz.figures.norms import paint, words
from convviz.figures.norms.grid import Rack, whole
from convviz.figures.norms.paint import LEFT, SMALL, TOP, Cell, Coat
from convviz.figures.norms.running import Curves, lines
from convviz.figures.norms.table import Table
from convviz.figures.norms.worked import Strip
from convviz.ops.base import Array, Shape
from convviz.plan.words import count, listing, number
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EDGE = MARGIN * draw.POINTS
BETWEEN = 32.0  # points from panel to panel
WIDEST = 1180.0  # with input and output side by side
WIDE = 1090.0  # of a page, without its edges, where that is possible
NUMBERS, TALL = 760.0, 620.0  # of an output with numbers
HEADING = 10.0
AIR = 24.0  # points between what is told and the output
DETAIL = 8.8  # points of formulas
LABELS = 92.0  # of the words before them
NUMBERED = 3000  # cells that get numbers at most


def figure(result: Normalized, look: Theme, cell: Cell | None = None) -> Figure:
    return Page(result, look, cell or telling(result)).figure()


def telling(result: Normalized) -> Cell:
    """The first cell that is not normalized to 0."""
    found = np.argwhere(np.abs(result.normalized) > 1e-9)
    return tuple(int(i) for i in (found[0] if len(found) else np.zeros(result.x.ndim)))


class Page:
    """Input, table and output in a row, or the output below; then a set worked out, and what is kept and trained."""

    def __init__(self, result: Normalized, look: Theme, cell: Cell) -> None:
        self.result, self.look, self.cell = result, look, cell
        self.label = int(result.labels[cell])
        few = result.x.size <= NUMBERED
        own, other = (texts_of(values) if few else None for values in (result.x, result.output))
        self.texts = (own, other)
        self.racks = racks(result.shape, cell, own, other, NUMBERS, TALL)
        self.coats = paint.coats(result.labels, self.racks[0], look)
        self.heading = f"input x, {words.shape_told(result)}"
        self.first = max(self.racks[0].box.width + 30, draw.width_of(self.heading, HEADING, bold=True))
        self.table = Table(result, self.label, max(self.racks[0].box.height + TOP, 20 * 16.5))
        self.side = self._width(True) <= WIDEST
        self.details = LABELS + max(draw.width_of(text, DETAIL, mono=True) for _, text in self.facts()) + 2
        spread = self._width(True) - self.table.width + self.details
        self.width = max(self._width(self.side), 640.0)
        self.strip = Strip(result, self.label, cell, max(self.width, WIDE))
        self.width = max(self.width, self.strip.wide, spread if self.side and spread <= WIDE else 0.0)
        self.curves = Curves(result, cell[1])

    def _width(self, side: bool) -> float:
        """Of the upper part, the output on the right or below."""
        first = LEFT + self.first + BETWEEN + self.table.width
        second = self.racks[1].box.width + (0 if side else 30)
        return first + BETWEEN + second if side else max(first, LEFT + second)

    # -- words ---------------------------------------------------------------------------------------------
    def head(self) -> prose.Below:
        found = prose.Below()
        for line in draw.wrap(words.title(self.result), self.width, TITLE, bold=True):
            found.line(line, self.look.ink, size=TITLE, bold=True)
        for line in draw.wrap(caption(self.result, self.label), self.width, CAPTION):
            found.line(line, self.look.faint_ink, size=CAPTION)
        found.space(12)
        return found

    def facts(self) -> list[tuple[str, str]]:
        """The rule, one value with its numbers, and what is kept for evaluation."""
        result = self.result
        value = number(float(result.normalized[self.cell]))
        scaled = words.affine(result, self.cell)
        return [
            ("every cell", words.rule(result)),
            (words.place(self.cell), f"{words.of_one(result, self.cell)} = {value}"),
            *([("times γ, plus β" if "bias" in result.weights else "times γ", scaled)] if scaled else []),
            *lines(result, self.cell[1]),
        ]

    def detail(self, width: float) -> prose.Below:
        found = prose.Below()
        for label, text in self.facts():
            for i, part in enumerate(draw.wrap(text, width - LABELS, DETAIL, mono=True)):
                if not i:
                    found.label(label, self.look)
                found.line(part, self.look.ink, size=DETAIL, dx=LABELS, mono=True)
        return found

    def foot(self) -> prose.Below:
        found = prose.Below()
        for note in notes(self):
            for part in draw.wrap(note, self.width, prose.SMALL):
                found.line(part, self.look.faint_ink, size=prose.SMALL)
        return found

    # -- drawing -------------------------------------------------------------------------------------------
    def figure(self) -> Figure:
        head, foot = self.head(), self.foot()
        middle = self.table.width
        if self.side:
            middle = max(middle, min(middle + self.width - self._width(True), self.details + AIR))
        detail = self.detail(middle)
        upper = max(self.racks[0].box.height + 24, self.table.height)
        within = middle >= self.details - 0.5 and self.table.height + 22 + detail.height <= upper + TOP
        if not within:
            detail = self.detail(self.width)
        y = EDGE + head.height
        tall = HEADING + 12 + TOP
        second = self.racks[1].box.height + tall + 24
        worked = y + tall + upper + 18 + (0 if self.side else second)
        end = worked + 22 + self.strip.height + 12
        curves = end + (0 if within else detail.height + 14)
        last = curves + self.curves.height
        made, ax = draw.board(self.width + 2 * EDGE, last + foot.height + EDGE, self.look)
        head.paint(ax, EDGE, EDGE)
        first = self._batch(ax, 0, EDGE + LEFT, y)
        x = first.x + self.first + BETWEEN
        self._heading(ax, "shared statistics" if self.result.live else "kept statistics", x, y)
        self.table.paint(ax, x, y + tall - TOP + 2, self.look, self.coats)
        if self.side:
            self._batch(ax, 1, x + middle + BETWEEN, y)
        else:
            self._batch(ax, 1, EDGE + LEFT, y + tall + upper + 14)
        self._heading(ax, f"set {self.label} worked out", EDGE, worked)
        self.strip.paint(ax, EDGE, worked + 16, self.look, self.coats[self.label])
        if within:
            detail.paint(ax, x, y + tall - TOP + 2 + self.table.height + 22)
        else:
            detail.paint(ax, EDGE, end)
        self.curves.paint(ax, EDGE, curves, self.look)
        foot.paint(ax, EDGE, last)
        return made

    def _heading(self, ax: Axes, text: str, x: float, y: float) -> None:
        draw.write(ax, x, y + HEADING / 2, text, self.look.ink, size=HEADING, bold=True)

    def _batch(self, ax: Axes, which: int, x: float, y: float) -> Rack:
        """Input (0) or output (1), its corner there; returns where it lies."""
        result, look = self.result, self.look
        role = ("input", "output")[which]
        told = "output y" if which else self.heading
        self._heading(ax, told, x, y)
        rack = replace(self.racks[which], x=x, y=y + HEADING + 12 + TOP)
        paint.names(ax, rack, look, samples=not which or not self.side)
        if not which or not self.side:
            paint.axes(ax, rack, look)
        paint.trays(ax, rack, result.labels, self.coats)
        paint.tags(ax, rack, result.labels, look, self.label)
        values = result.output if which else result.x
        fill(ax, rack, result, values, self.texts[which], look, self.coats, role)
        blocks = whole(result.labels)
        if blocks is not None:
            paint.ring(ax, rack.trays(blocks).get(self.label, ()), look)
        at = rack.cell(self.cell)
        if at is not None:
            paint.ring(ax, [at], look)
        return rack


def texts_of(values: Array) -> Array:
    """The numbers as they are written."""
    flat = np.array([number(float(v)) for v in values.ravel().tolist()], dtype=object)
    return flat.reshape(values.shape)


def racks(
    shape: Shape, cell: Cell, own: Array | None, other: Array | None, wide: float, tall: float
) -> tuple[Rack, Rack]:
    """Input and output on the same rows, with numbers where these fit; ``wide``, ``tall``: of the output."""
    if own is not None and other is not None:
        first, second = paint.width_for(own.ravel()), paint.width_for(other.ravel())
        rack = paint.fit(shape, cell, wide, tall, second)
        if rack.width == second:
            return replace(rack, width=first), rack
        rack = paint.fit(shape, cell, 0.54 * wide, 0.75 * tall, first)
    else:
        rack = paint.fit(shape, cell, 0.48 * wide, 0.7 * tall)
    side = min(rack.width, rack.height) if rack.space[1] > 1 else rack.width
    return rack, replace(rack, width=side)


def fill(
    ax: Axes, rack: Rack, result: Normalized, values: Array, texts: Array | None, look: Theme, coats: dict[int, Coat],
    role: str,
) -> None:  # fmt: skip
    """The cells: with numbers plain in their set's colour, without them shaded by their value."""
    labels = rack.part(result.labels)
    if numbered(rack, texts):
        edge = themes.mix(look[role].fill or look.paper, look[role].edge, 0.6)
        paint.cells(ax, rack, look, [coats[k].cell for k in labels.ravel().tolist()], edge, texts)
        return
    part = rack.part(values)
    if role == "output":
        colours = paint.around_zero(part, float(np.abs(values).max()), look)
    else:
        colours = paint.shades(part, labels, coats, (float(values.min()), float(values.max())))
    if min(rack.width, rack.height) < paint.LINES:
        paint.picture(ax, rack, colours)
        return
    paint.cells(ax, rack, look, paint.hexes(colours), look.paper)
    if role == "output" and dashed(rack):
        paint.dashes(ax, rack, values, look)


def dashed(rack: Rack) -> bool:
    """Whether a dash has room in a cell."""
    return min(rack.width, rack.height) >= 6


def numbered(rack: Rack, texts: Array | None) -> bool:
    """Whether the numbers have room in the cells."""
    return texts is not None and paint.number_size(rack, texts.ravel()) >= SMALL - 0.2


def caption(result: Normalized, label: int) -> str:
    """What the picture shows, in a sentence or two."""
    rank = result.x.ndim - 2
    block = {
        0: "Each cell is one channel of a sample",
        1: "Each block is one channel of a sample, its L cells in a row",
        2: "Each block is one map, H rows by W columns of cells",
        3: "Each block is one map, its D slices side by side",
    }
    if not result.live:
        who = "cells of one tray are normalized by the same running statistics; nothing is computed from this batch"
    elif result.method == "pixel":
        who = "all cells are divided by the same constant"
    else:
        who = f"cells in one tray share {' and '.join(words.statistics(result))} ({words.counted(result)})"
    return f"{block[rank]}; {who}. The thick edge marks set {label}, worked out below, and one of its cells."


def notes(page: Page) -> list[str]:
    """Parameters, what is left out, what the result itself has to say."""
    result, rack = page.result, page.racks[0]
    found = [f"{words.parameters(result)[:1].upper()}{words.parameters(result)[1:]}."]
    if result.live and result.var is not None and result.method != "center":
        found[0] += (
            " The variance is the biased one: divided by the number of cells."
            if result.mean is not None
            else " No mean is taken away."
        )
    left = [count(k, word) for k, word in zip(rack.cut, ("sample", "channel"), strict=True) if k]
    if left:
        found.append(f"Left out of the drawing, not of the statistics: {listing(left)}.")
    plain = [not numbered(*pair) for pair in zip(page.racks, page.texts, strict=True)]
    if plain[0]:
        found.append("Cells too small for numbers: the stronger the shade, the larger the value.")
    if plain[1]:
        below = "blue with a dash" if dashed(page.racks[1]) else "blue"
        found.append(f"Output: {below} below 0, red above, the stronger the further from 0.")
    if page.strip.hidden:
        found.append(f"{count(page.strip.hidden, 'cell')} of set {page.label} are not drawn in its rows.")
    return [*found, *result.notes]
