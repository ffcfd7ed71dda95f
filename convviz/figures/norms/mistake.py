"""A common mistake of normalization drawn beside the right answer: sets, outputs, the difference cell by cell."""

from __future__ import annotations

from dataclasses import replace
from math import floor, log10
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convviz import theme as themes
from convviz.analysis.mistakes.mistake import Mistake
from convviz.analysis.norms.normalize import Normalized
from convviz.analysis.norms.set_names import names_of
from convviz.figures import canvas, check_picture, prose
from convviz.figures import cells as draw
from convviz.figures.canvas import CAPTION, TITLE
from convviz.figures.norms import one as norm_one
from convviz.figures.norms import paint, words
from convviz.figures.norms.grid import PAD, Rack, whole
from convviz.figures.norms.one import EDGE
from convviz.figures.norms.paint import LEFT, SMALL, TOP, Coat
from convviz.figures.norms.table import Table
from convviz.ops.base import Array
from convviz.plan.words import DIGITS, count, listing, number, size
from convviz.report.norms.words import NAMES
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BETWEEN = 40.0  # points from panel to panel
ROW = 24.0  # of the words above a panel
HEADED = 104.0  # that these take
WIDE, TALL = 470.0, 330.0  # of one batch
FLAT = 1060.0  # of a page whose panels stand in one row
Place = tuple[float, float]
TEXT = 9.2  # points of how to notice it
SIGNS = {"right": ("✓", "output"), "wrong": ("✕", "active")}


def plot(mistake: Mistake, path: str | Path, theme: str = "light") -> None:
    """Draw ``mistake`` into ``path`` (.png, .svg or .pdf); raises ConvvizError for another extension."""
    check_picture(path)
    with canvas.style():
        made = figure(mistake, theme)
        canvas.save(made, path, title=title(mistake), words=description(mistake))


def figure(mistake: Mistake, theme: str = "light") -> Figure:
    """The picture as a matplotlib figure, on no screen and in no global state."""
    look = themes.theme(theme)
    with canvas.style():
        return Page(mistake, look).figure()


def title(mistake: Mistake) -> str:
    """``Batch norm of 4×1×2×2, the mistake "unbiased"``"""
    return f"{NAMES[mistake.method]} of {size(mistake.shape)}, the mistake “{mistake.name}”"


def description(mistake: Mistake) -> str:
    """The picture in words, for those who cannot see it."""
    off = f"The difference is {number(mistake.largest)} at most, {number(mistake.average)} on average."
    return " ".join([f"{title(mistake)}.", mistake.what, off, *mistake.notice])


class Page:
    """Input with its sets and output, right and wrong, the difference, the statistics.

    In one row where they are narrow, else right above wrong.
    """

    def __init__(self, mistake: Mistake, look: Theme) -> None:
        self.mistake, self.look = mistake, look
        self.sides = {"right": mistake.right, "wrong": mistake.wrong}
        few = mistake.x.size <= norm_one.NUMBERED
        self.x = norm_one.texts_of(mistake.x) if few else None
        results = (mistake.right.output, mistake.wrong.output, rounded(mistake.difference))
        self.results = [norm_one.texts_of(values) if few else None for values in results]
        both = None if not few else np.concatenate([t.ravel() for t in self.results[:2] if t is not None])
        self.input, self.output = norm_one.racks(mistake.shape, mistake.at, self.x, both, WIDE, TALL)
        self.third = self._third()
        numbered = norm_one.numbered(self.input, self.x)
        cut = any(whole(result.labels) is None for result in self.sides.values())
        most = max(len(result.shift) for result in self.sides.values()) - 1
        self.band = draw.width_of(f"{most}", SMALL, mono=True, bold=True) + 5 if cut and numbered else 0.0
        if self.band:
            self.input = replace(self.input, width=self.input.width + self.band)
        self.coats = {key: paint.coats(result.labels, self.input, look) for key, result in self.sides.items()}
        tall = (self.output.box.height + TOP + ROW) / 2 - 10
        kept = not mistake.wrong.live and mistake.same_sets  # else the batch's own statistics are taken
        names = names_of(mistake.right) if mistake.same_sets else mistake.names
        self.tables = {
            "right": Table(mistake.right, int(mistake.right.labels[mistake.at]), tall),
            "wrong": Table(mistake.wrong, int(mistake.labels[mistake.at]), tall, names, kept),
        }
        self._place()

    def _third(self) -> Rack:
        """The difference, whose numbers may be longer."""
        texts = self.results[2]
        if texts is None or not norm_one.numbered(self.output, self.results[0]):
            return self.output
        return replace(self.output, width=paint.width_for(texts.ravel()))

    def _place(self) -> None:
        """Where each panel has its corner: two inputs, two outputs, the difference, the tables."""
        cells = [max(rack.box.width, HEADED) for rack in (self.input, self.output)]
        tables = max(table.width for table in self.tables.values())
        wide = [cells[0], cells[1], cells[0], cells[1], max(self.third.box.width, 150.0), tables]
        flat = sum(wide) + BETWEEN * 5 + LEFT
        self.tall = max(self.output.box.height, self.input.box.height) + TOP + ROW + 28
        if flat <= FLAT:
            lefts = [LEFT + sum(wide[:i]) + BETWEEN * i for i in range(6)]
            self.at = [(x, 0) for x in lefts]
            self.width, self.rows = flat, [max(self.tall, self._tables_tall)]
        else:
            third = max(wide[4], tables)
            lefts = [LEFT, LEFT + wide[0] + BETWEEN, LEFT + wide[0] + wide[1] + 2 * BETWEEN]
            self.at = [(x, row) for row, x in ((0, lefts[0]), (0, lefts[1]), (1, lefts[0]), (1, lefts[1]))]
            self.at += [(lefts[2], 1), (lefts[2], 0)]
            self.width, self.rows = lefts[2] + third, [max(self.tall, self._tables_tall), self.tall]
        self.width = max(self.width, 620.0)

    @property
    def _tables_tall(self) -> float:
        return sum(table.height + 34 for table in self.tables.values())

    # -- words ---------------------------------------------------------------------------------------------
    def head(self) -> prose.Below:
        found, mistake = prose.Below(), self.mistake
        for line in draw.wrap(title(mistake), self.width, TITLE, bold=True):
            found.line(line, self.look.ink, size=TITLE, bold=True)
        for line in draw.wrap(mistake.what, self.width, CAPTION + 1):
            found.line(line, self.look.ink, size=CAPTION + 1)
        told = "Thick edges: the value that is furthest off, and in the pictures of the sets all that share with it."
        for line in draw.wrap(told, self.width, CAPTION):
            found.line(line, self.look.faint_ink, size=CAPTION)
        found.space(10)
        return found

    def foot(self) -> prose.Below:
        """How to notice the mistake, and what is left out."""
        found, look = prose.Below(), self.look
        found.line("How to notice", look.ink, size=norm_one.HEADING, bold=True)
        for sentence in self.mistake.notice:
            for i, line in enumerate(draw.wrap(sentence, self.width - 14, TEXT)):
                if not i:
                    found.add(0.0, lambda ax, x, y: bullet(ax, x, y, look))
                found.line(line, look.ink, size=TEXT, dx=14)
        if not norm_one.numbered(self.output, self.results[0]):
            dash = " with a dash" if norm_one.dashed(self.output) else ""
            told = f"Output and difference: blue{dash} below 0, red above, the stronger the further from 0."
            found.space(4)
            found.line(told, look.faint_ink, size=prose.SMALL)
        left = [count(k, word) for k, word in zip(self.input.cut, ("sample", "channel"), strict=True) if k]
        if left:
            found.space(4)
            found.line(f"Left out of the drawing: {listing(left)}.", look.faint_ink, size=prose.SMALL)
        return found

    # -- drawing -------------------------------------------------------------------------------------------
    def figure(self) -> Figure:
        head, foot = self.head(), self.foot()
        tops = [EDGE + head.height + sum(self.rows[:i]) for i in range(len(self.rows))]
        end = tops[-1] + self.rows[-1] + 6
        made, ax = draw.board(self.width + 2 * EDGE, end + foot.height + EDGE, self.look)
        head.paint(ax, EDGE, EDGE)
        places = [(EDGE + x, tops[row]) for x, row in self.at]
        for i, (side, result) in enumerate(self.sides.items()):
            self._side(ax, side, result, places[2 * i], places[2 * i + 1], self.results[i])
        self._difference(ax, *places[4])
        self._tables(ax, *places[5])
        foot.paint(ax, EDGE, end)
        return made

    def _badge(self, ax: Axes, side: str, text: str, x: float, y: float) -> None:
        """``✓ right: output``"""
        sign, role = SIGNS[side]
        ink = themes.mix(self.look[role].edge, self.look.ink, 0.25)
        ax.text(x, y + 3.6, sign, color=ink, size=11, family="DejaVu Sans", va="baseline", zorder=8)
        draw.write(ax, x + 15, y, side, ink, size=norm_one.HEADING, bold=True)
        dx = 15 + draw.width_of(f"{side}  ", norm_one.HEADING, bold=True)
        draw.write(ax, x + dx, y, text, self.look.ink, size=norm_one.HEADING)

    def _side(
        self, ax: Axes, side: str, result: Normalized, own: Place, other: Place, texts: Array | None
    ) -> None:
        """The input with its sets, and the output."""
        look = self.look
        for which, (rack, (x, y)) in enumerate(zip((self.input, self.output), (own, other), strict=True)):
            self._badge(ax, side, ("sets", "output")[which], x, y + 6)
            placed = replace(rack, x=x, y=y + ROW + TOP)
            paint.names(ax, placed, look, samples=x == EDGE + LEFT)
            if not which and side == "right":
                paint.axes(ax, placed, look)
            self._sets(ax, placed, result, side, banded=not which)
            cut = not which and whole(result.labels) is None
            if cut and self.band:
                self._beside_bands(ax, placed, result, side)
            elif cut and min(placed.width, placed.height) >= paint.LINES:
                self._plain(ax, placed, result, side)
            else:
                values, shown, role = (
                    (result.output, texts, "output") if which else (result.x, self.x, "input")
                )
                norm_one.fill(ax, placed, result, values, shown, look, self.coats[side], role)
            if not which:
                self._members(ax, placed, result)
            self._ring(ax, placed)

    def _sets(self, ax: Axes, rack: Rack, result: Normalized, side: str, *, banded: bool) -> None:
        """Trays, or frames around maps that are cut and bands in their cells."""
        look, coats = self.look, self.coats[side]
        if whole(result.labels) is not None:
            paint.trays(ax, rack, result.labels, coats)
            paint.tags(ax, rack, result.labels, look)
            return
        self._frames(ax, rack)
        if banded and self.band:
            paint.bands(ax, rack, result.labels, coats, look, self.band)

    def _frames(self, ax: Axes, rack: Rack) -> None:
        """A plain tray for each map."""
        muted = self.look["muted"]
        slots = [block.inset(-PAD) for _, _, block in rack.blocks()]
        draw.tiles(ax, slots, fill=muted.fill, edge=muted.edge, width=0.7, above=1)

    def _beside_bands(self, ax: Axes, rack: Rack, result: Normalized, side: str) -> None:
        """The numbers of the input on the right of their cells' bands."""
        assert self.x is not None
        coats, look = self.coats[side], self.look
        labels, flat = (a.reshape(*a.shape[:2], -1) for a in (result.labels, self.x))
        size = paint.number_size(replace(rack, width=rack.width - self.band), self.x.ravel())
        for at, box in rack.cells():
            own: Coat = coats[int(labels[at])]
            draw.tiles(ax, [box], fill=own.cell, edge=own.edge, width=0.6, above=2)
            place = draw.Box(box.x + self.band, box.y, box.width - self.band, box.height)
            draw.numbers(ax, [(place, flat[at])], look.ink, size=size)

    def _plain(self, ax: Axes, rack: Rack, result: Normalized, side: str) -> None:
        """Cells too small for numbers, in the colour of their set alone: what matters is how sets repeat."""
        fills = [self.coats[side][label].edge for label in rack.part(result.labels).ravel().tolist()]
        paint.cells(ax, rack, self.look, fills, self.look.paper)

    def _members(self, ax: Axes, rack: Rack, result: Normalized) -> None:
        """A ring around all that shares statistics with the marked value."""
        label = int(result.labels[self.mistake.at])
        blocks = whole(result.labels)
        if blocks is not None:
            boxes = rack.trays(blocks)[label]
        else:
            flat = result.labels.reshape(*result.shape[:2], -1)
            boxes = [box for at, box in rack.cells() if flat[at] == label]
        paint.ring(ax, boxes, self.look, width=min(1.6, max(rack.height / 3, 0.5)))

    def _ring(self, ax: Axes, rack: Rack) -> None:
        at = rack.cell(self.mistake.at)
        if at is not None:
            paint.ring(ax, [at], self.look)

    def _tables(self, ax: Axes, x: float, y: float) -> None:
        for side, table in self.tables.items():
            self._badge(ax, side, words.cells_told(self.sides[side]), x, y + 6)
            table.paint(ax, x, y + 16, self.look, self.coats[side])
            y += table.height + 34

    def _difference(self, ax: Axes, x: float, y: float) -> None:
        """Wrong less right, on the diverging map around 0."""
        look, mistake = self.look, self.mistake
        told = f"wrong − right: at most {number(mistake.largest)}"
        draw.write(ax, x, y + 6, told, look.ink, size=norm_one.HEADING, bold=True)
        rack = replace(self.third, x=x, y=y + ROW + TOP)
        paint.names(ax, rack, look, samples=False)
        self._frames(ax, rack)
        colours = paint.around_zero(rack.part(mistake.difference), mistake.largest, look)
        texts = self.results[2]
        if min(rack.width, rack.height) < paint.LINES:
            paint.picture(ax, rack, colours)
        else:
            shown = texts if norm_one.numbered(rack, texts) else None
            paint.cells(ax, rack, look, paint.hexes(colours), look.line, shown)
            if shown is None and norm_one.dashed(rack):
                paint.dashes(ax, rack, mistake.difference, look)
        self._ring(ax, rack)


def bullet(ax: Axes, x: float, y: float, look: Theme) -> None:
    draw.write(ax, x + 3, y + TEXT * prose.LEADING / 2, "•", look.ink, size=TEXT)


def rounded(values: Array) -> Array:
    """Differences to as many digits as the largest one needs; what is left of rounding would be long numbers."""
    most = float(np.abs(values).max())
    digits = DIGITS.get() if most >= 10.0 ** (1 - DIGITS.get()) else 2 - floor(log10(most or 1.0))
    return np.round(values, digits)
