"""All methods on one batch, side by side: who shares statistics with one value, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor, log
from typing import TYPE_CHECKING

import numpy as np

from convviz import theme as themes
from convviz.analysis.norms.normalize import Normalized, Norms
from convviz.figures import cells as draw
from convviz.figures import prose
from convviz.figures.canvas import CAPTION, TITLE
from convviz.figures.cells import Box
from convviz.figures.norms import one, paint, words
from convviz.figures.norms.grid import PAD, Rack, whole
from convviz.figures.norms.one import EDGE
from convviz.figures.norms.paint import LEFT, SMALL, TOP, Cell, Coat
from convviz.ops.base import Array
from convviz.plan.words import count, listing, number
from convviz.report.norms.words import NAMES, starts
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BETWEEN = 36.0  # points from panel to panel
NAME = 12.0
TEXT = 8.6
ASIDE = 16.0  # points from a batch to its numbers
LANDED = 12.5  # of a result
RATIO = 1.5  # width over height that a page comes close to
WIDE, TALL = 230.0, 250.0  # of one batch
LINE = 84.0  # points of the line on which all results lie


def telling(norms: Norms) -> Cell:
    """Of the image on which the methods differ most, the first value of which they make the most different numbers,
    and these furthest apart.
    """
    image = norms.telling
    outputs = np.array([result.output[image] for result in norms.results])
    ordered = np.sort(outputs.round(6), 0)
    different = (np.diff(ordered, axis=0) != 0).sum(0)
    apart = ordered[-1] - ordered[0]
    best = np.where(different == different.max(), apart, -1.0)
    return (*image, *(int(i) for i in np.argwhere(best >= best.max() - 1e-9)[0]))


def figure(norms: Norms, look: Theme, cell: Cell | None = None) -> Figure:
    return Page(norms, look, cell or telling(norms)).figure()


class Page:
    """Panels in rows, as near to the form of a slide as they go; below them where the value lands."""

    def __init__(self, norms: Norms, look: Theme, cell: Cell) -> None:
        self.norms, self.look, self.cell = norms, look, cell
        first = norms.results[0]
        self.texts = one.texts_of(first.x) if first.x.size <= one.NUMBERED else None
        self.rack = batch(first, cell, self.texts)
        self.told = [beside(result, cell) for result in norms.results]
        aside = max(told.width for told in self.told)
        self.panel = self.rack.box.width + ASIDE + aside
        self.above = [draw.wrap(sentence(result), self.panel, TEXT) for result in norms.results]
        self.top = 22 + TEXT * 1.45 * max(map(len, self.above)) + TOP + 4
        self.tall = self.top + max(self.rack.box.height + 20, max(told.height for told in self.told))
        self.columns = self._columns()
        self.rows = ceil(len(self.told) / self.columns)
        self.width = max(LEFT + self.columns * (self.panel + BETWEEN) - BETWEEN, 560.0)

    def _columns(self) -> int:
        """How many panels stand side by side."""
        n = len(self.told)

        def off(columns: int) -> float:
            rows = ceil(n / columns)
            form = (columns * (self.panel + BETWEEN)) / (rows * (self.tall + 24) + 170)
            return abs(log(form / RATIO)) + (rows * columns - n) / columns

        return min(range(1, n + 1), key=off)

    # -- drawing -------------------------------------------------------------------------------------------
    def figure(self) -> Figure:
        look = self.look
        x = float(self.norms.results[0].x[self.cell])
        head = prose.Below()
        shape = words.shape_told(self.norms.results[0])
        for line in draw.wrap(
            f"Who shares statistics? One batch, {shape}, under {count(len(self.told), 'method')}",
            self.width,
            TITLE,
            bold=True,
        ):
            head.line(line, look.ink, size=TITLE, bold=True)
        value = f"{words.place(self.cell)} = {number(x)} (thick edge)"
        told = (
            f"The coloured, hatched tray holds all values that share statistics with {value}; "
            "each other tray is another set."
        )
        for line in draw.wrap(told, self.width, CAPTION):
            head.line(line, look.faint_ink, size=CAPTION)
        head.space(14)
        foot = prose.Below()
        for line in self._notes():
            for part in draw.wrap(line, self.width, prose.SMALL):
                foot.line(part, look.faint_ink, size=prose.SMALL)
        top = EDGE + head.height
        end = top + self.rows * (self.tall + 24)
        made, ax = draw.board(self.width + 2 * EDGE, end + LINE + foot.height + EDGE, look)
        head.paint(ax, EDGE, EDGE)
        for i in range(len(self.told)):
            row, column = divmod(i, self.columns)
            left = EDGE + LEFT + column * (self.panel + BETWEEN)
            self._draw(ax, i, left, top + row * (self.tall + 24), not column)
        self._landing(ax, EDGE + LEFT, end, self.width - LEFT)
        foot.paint(ax, EDGE, end + LINE)
        return made

    def _draw(self, ax: Axes, i: int, x: float, y: float, named: bool) -> None:
        look, result = self.look, self.norms.results[i]
        draw.write(ax, x, y + 8, words.name(result), look.ink, size=NAME, bold=True)
        for k, line in enumerate(self.above[i]):
            draw.write(ax, x, y + 25 + k * TEXT * 1.45, line, look.faint_ink, size=TEXT)
        rack = replace(self.rack, x=x, y=y + self.top)
        paint.names(ax, rack, look, samples=named)
        if not i:
            paint.axes(ax, rack, look, down=self.told[i].height < rack.tops[-1] - rack.y)
        label = int(result.labels[self.cell])
        style = {k: quiet(look) for k in np.unique(result.labels).tolist()} | {label: strong(look)}
        paint.trays(ax, rack, result.labels, style)
        one.fill(ax, rack, result, result.x, self.texts, look, style, "input")
        blocks = whole(result.labels)
        if blocks is not None:
            draw.tiles(ax, rack.trays(blocks).get(label, ()), edge=look["shared"].edge, width=2.2, above=5)
        at = rack.cell(self.cell)
        if at is not None:
            paint.ring(ax, [at], look, width=2.4)
        self.told[i].paint(ax, rack.box.right + ASIDE, y + self.top, look)

    def _landing(self, ax: Axes, x: float, y: float, width: float) -> None:
        """A line of numbers with a mark for what each method makes of the value."""
        look = self.look
        found: dict[str, tuple[float, list[str]]] = {}
        for result in self.norms.results:
            value = float(result.output[self.cell])
            found.setdefault(number(value), (value, []))[1].append(words.short(result))
        told = (
            f"What becomes of {words.place(self.cell)} = {number(float(self.norms.results[0].x[self.cell]))}"
        )
        draw.write(ax, x, y, told, look.ink, size=9.6, bold=True)
        spots = sorted((value, f"{', '.join(names)} {text}") for text, (value, names) in found.items())
        low, high = spots[0][0], spots[-1][0]
        margin = (high - low) * 0.06 or 1.0
        low, high = low - margin, high + margin

        def at(value: float) -> float:
            return x + width * (value - low) / (high - low)

        wide = [draw.width_of(text, SMALL + 0.6, bold=True) + 12 for _, text in spots]
        centres = apart([at(value) for value, _ in spots], wide, x, x + width)
        line = y + 48
        for tick in range(ceil(low), floor(high) + 1) if high - low < 16 else ():
            draw.strokes(ax, [[(at(tick), line), (at(tick), line + 4)]], look.faint_ink, width=0.8)
            draw.write(ax, at(tick), line + 11, number(tick), look.faint_ink, size=SMALL, align="center")
        draw.strokes(ax, [[(x, line), (x + width, line)]], look.line, width=1.2)
        for (value, text), centre in zip(spots, centres, strict=True):
            place = at(value)
            draw.strokes(
                ax, [[(place, line), (place, line - 6), (centre, line - 15)]], look.faint_ink, width=0.8
            )
            draw.dots(ax, [Box(place - 3, line - 3, 6, 6)], look["active"].edge, part=0.5, above=5)
            draw.write(ax, centre, line - 22, text, look.ink, size=SMALL + 0.6, bold=True, align="center")

    def _notes(self) -> list[str]:
        rack = self.rack
        left = [count(k, word) for k, word in zip(rack.cut, ("sample", "channel"), strict=True) if k]
        found = [f"Left out of the drawing, not of the statistics: {listing(left)}."] if left else []
        found += [f"{NAMES[name]} is left out: {why}." for name, why in self.norms.left_out]
        return [*found, *dict.fromkeys(note for result in self.norms.results for note in result.notes)]


def batch(first: Normalized, cell: Cell, texts: Array | None) -> Rack:
    """The batch as small as its numbers can still be read, with the rows and columns that fit."""
    if texts is not None:
        wide = paint.width_for(texts.ravel())
        rack = paint.fit(first.shape, cell, WIDE, TALL, wide)
        if rack.width >= wide and wide <= 22:
            return replace(rack, width=20.0, height=20.0, head=PAD)
        return replace(rack, head=PAD)
    return replace(paint.fit(first.shape, cell, 190, 210), head=PAD)


def quiet(look: Theme) -> Coat:
    """Of sets that are not looked at."""
    muted = look["muted"]
    return Coat(muted.fill or look.paper, look.paper, muted.edge, "")


def strong(look: Theme) -> Coat:
    """Of the set that is looked at."""
    role = look["shared"]
    fill = role.fill or look.paper
    return Coat(themes.mix(fill, role.edge, 0.45), themes.mix(look.paper, fill, 0.9), role.edge, "////")


@dataclass(frozen=True)
class Told:
    """The numbers of one method, beside its batch: lines (text, its size, whether it is plain words)."""

    lines: tuple[tuple[str, float, bool], ...]

    @property
    def width(self) -> float:
        return max(
            draw.width_of(text, size, mono=not plain, bold=size > TEXT) for text, size, plain in self.lines
        )

    @property
    def height(self) -> float:
        return sum(size * 1.62 for _, size, _ in self.lines)

    def paint(self, ax: Axes, x: float, y: float, look: Theme) -> None:
        for text, size, plain in self.lines:
            y += size * 1.62
            colour = look.faint_ink if plain else look.ink
            draw.write(ax, x, y - size * 0.8, text, colour, size=size, mono=not plain, bold=size > TEXT)


def beside(result: Normalized, cell: Cell) -> Told:
    """Counts, the statistics of the cell's set, the value worked out, what is trained."""
    label = int(result.labels[cell])
    running = "" if result.live else "running "
    values = [("mean", result.mean), ("minimum", result.low), ("maximum", result.high)]
    if result.method != "center":
        values.append(("variance" if result.mean is not None else "mean square", result.var))
    found = [(words.counted(result), TEXT, True)]
    found += [
        (f"{running}{what} {number(own[label])}", TEXT, False) for what, own in values if own is not None
    ]
    found.append((words.of_one(result, cell), TEXT, False))
    if not starts(result):
        found.append((f"= {number(float(result.normalized[cell]))}", TEXT, False))
        found.append((words.affine(result, cell).split(" = ")[0], TEXT, False))
    found.append((f"= {number(float(result.output[cell]))}", LANDED, False))
    found.append((count(result.params, "trained parameter"), TEXT, True))
    if result.buffers:
        found.append((f"{result.buffers:,} running statistics", TEXT, True))
    return Told(tuple(found))


def sentence(result: Normalized) -> str:
    told = words.sharing(result)
    return f"{told[:1].upper()}{told[1:]}"


def apart(centres: list[float], widths: list[float], left: float, right: float) -> list[float]:
    """Centres of labels, in order, moved as little as it takes that none touch and all stay inside.

    >>> apart([10.0, 12.0], [10.0, 10.0], 0.0, 100.0)
    [6.0, 16.0]
    """
    found = list(centres)
    for _ in range(200):
        moved = False
        for i in range(len(found) - 1):
            need = (widths[i] + widths[i + 1]) / 2 - (found[i + 1] - found[i])
            if need > 1e-6:
                found[i] -= need / 2
                found[i + 1] += need / 2
                moved = True
        for i, wide in enumerate(widths):
            kept = min(max(found[i], left + wide / 2), right - wide / 2)
            moved |= abs(kept - found[i]) > 1e-6
            found[i] = kept
        if not moved:
            break
    return found
