"""One set of a normalized batch worked out: its cells side by side, deviations, squares, results, with their sums."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from convviz.analysis.norms.normalize import Normalized
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.norms import paint, words
from convviz.figures.norms.paint import SMALL, Cell, Coat
from convviz.ops.base import Array
from convviz.plan.words import number
from convviz.report.norms.words import starts
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT = 20.0  # points of a row of cells
LABELS = 96.0  # on the left
BETWEEN = 6.0  # from map to map
HIDE = 22.0  # where cells are left out
NAME = 8.4
MOST = 64  # cells of a set from its beginning that may be drawn


@dataclass(frozen=True)
class Row:
    """One number for each cell of the set: what it is, the numbers, what they add up to."""

    label: str
    values: tuple[float, ...]
    told: str = ""


def rows(result: Normalized, label: int, at: Array | None = None) -> list[Row]:
    """The steps of one set, from its cells to the result, with their sums.

    at: of these cells only (numbers in C order); the sums are always those of all.
    """
    if at is None:
        at = np.flatnonzero(result.labels == label)

    def row(name: str, values: Array, told: str = "") -> Row:
        return Row(name, tuple(values.tolist()), told)

    x, many, shift = result.x.ravel()[at], result.cells[label], result.shift[label]
    names = {True: "minimum", False: "mean"}
    found = [row("x", x, _of_cells(result, label, many))]
    if words.shifts(result):
        kept = "" if result.live or result.mean is None else f"running mean {number(shift)}"
        found.append(row(f"x − {names[result.low is not None]}", x - shift, kept))
    if result.live and result.var is not None and result.method != "center":
        centred = result.mean is not None
        name = "variance" if centred else "mean square"
        total = number(result.square_sums[label])
        told = f"sum {total} / {many} = {name} {number(result.var[label])}"
        found.append(row("(x − mean)²" if centred else "x²", (x - shift) ** 2, told))
    below = words.divisor(result, label)
    if below:
        scale = number(result.scale[label])
        told = f"divided by {below}" + (f" = {scale}" if scale != below else "")
        found.append(row("normalized" if result.op else "y", result.normalized.ravel()[at], told))
    if not starts(result):
        told = "times γ, plus β" if "bias" in result.weights else "times γ"
        found.append(row("output", result.output.ravel()[at], told))
    return found


def _of_cells(result: Normalized, label: int, many: int) -> str:
    """What is taken of the cells first: their sum and mean, or the least and the greatest."""
    if result.low is not None and result.high is not None:
        return f"minimum {number(result.low[label])}, maximum {number(result.high[label])}"
    if not result.live or result.mean is None:
        return ""
    return f"sum {number(result.sums[label])} / {many} = mean {number(result.mean[label])}"


class Strip:
    """The rows as cells side by side, in the order of the batch; of many, those at both ends."""

    def __init__(self, result: Normalized, label: int, cell: Cell, room: float) -> None:
        self.result, self.label = result, label
        cells = np.flatnonzero(result.labels == label)
        self.count = len(cells)
        at = int(np.searchsorted(cells, np.ravel_multi_index(cell, result.shape)))
        self.members = sorted({*range(min(MOST, len(cells))), at, len(cells) - 1})  # that may be shown
        kept = cells[self.members]
        self.maps = [divmod(int(i) // prod(result.shape[2:]), result.shape[1]) for i in kept]
        self.at = self.members.index(at)
        self.rows = rows(result, label, kept)
        self.texts = [[number(value) for value in row.values] for row in self.rows]
        self.told = max((draw.width_of(row.told, SMALL, mono=True) for row in self.rows), default=0.0) + 14
        self.width = paint.width_for(text for row in self.texts for text in row)
        self.shown = self._shown(room - LABELS - self.told)

    def _shown(self, room: float) -> list[int]:
        """Which members are drawn: all, or as many of the first as there is room for, the marked one and the last."""
        last = len(self.members) - 1
        if self._span(range(last + 1)) <= room:
            return list(range(last + 1))
        keep = last
        while keep > 1 and self._span(sorted({*range(keep), self.at, last})) > room:
            keep -= 1
        return sorted({*range(keep), self.at, last})

    def _span(self, shown: range | list[int]) -> float:
        return sum(self.width + gap for gap in self._gaps(shown))

    def _gaps(self, shown: range | list[int]) -> Iterator[float]:
        """Before each cell that is drawn."""
        last = None
        for i in shown:
            if last is None:
                yield 0.0
            elif self.members[i] > self.members[last] + 1:
                yield HIDE
            else:
                yield BETWEEN * (self.maps[i] != self.maps[last])
            last = i

    @property
    def wide(self) -> float:
        """Points of all that is drawn."""
        return LABELS + self._span(self.shown) + self.told

    @property
    def height(self) -> float:
        return 14 + len(self.rows) * (HEIGHT + 3)

    @property
    def hidden(self) -> int:
        return self.count - len(self.shown)

    def paint(self, ax: Axes, x: float, y: float, look: Theme, own: Coat) -> None:
        lefts, at = [], x + LABELS
        for gap in self._gaps(self.shown):
            lefts.append(at + gap)
            at += gap + self.width
        self._heads(ax, lefts, y, look)
        size = min(
            paint.LARGE,
            draw.FILLED * self.width / (draw.ADVANCE * max(len(t) for row in self.texts for t in row)),
        )
        for i, (row, texts) in enumerate(zip(self.rows, self.texts, strict=True)):
            top = y + 14 + i * (HEIGHT + 3)
            last = i == len(self.rows) - 1
            draw.write(ax, x, top + HEIGHT / 2, row.label, look.ink, size=NAME, bold=last or not i)
            boxes = [Box(left, top, self.width, HEIGHT) for left in lefts]
            fill = own.cell if i in (0, len(self.rows) - 1) else look.paper
            draw.tiles(ax, boxes, fill=fill, edge=own.edge, width=0.6, rounded=last)
            draw.numbers(ax, zip(boxes, (texts[k] for k in self.shown), strict=True), look.ink, size=size)
            draw.write(ax, at + 10, top + HEIGHT / 2, row.told, look.ink, size=SMALL, mono=True)
            for k, gap in enumerate(self._gaps(self.shown)):
                if gap == HIDE:
                    draw.write(
                        ax,
                        lefts[k] - HIDE / 2,
                        top + HEIGHT / 2,
                        "…",
                        look.faint_ink,
                        size=10,
                        align="center",
                    )
        if self.at in self.shown:
            column = lefts[self.shown.index(self.at)]
            paint.ring(
                ax, [Box(column, y + 14, self.width, len(self.rows) * (HEIGHT + 3) - 3)], look, width=1.8
            )

    def _heads(self, ax: Axes, lefts: list[float], y: float, look: Theme) -> None:
        """Above the cells of each map, where it lies."""
        groups: dict[tuple[int, int], list[float]] = {}
        for left, i in zip(lefts, self.shown, strict=True):
            groups.setdefault(self.maps[i], []).append(left)
        many = {len({n for n, _ in groups}) > 1, len({c for _, c in groups}) > 1}
        both = many == {True}
        one_sample = len({n for n, _ in groups}) == 1
        for (n, c), own in groups.items():
            room = own[-1] - own[0] + self.width
            full = (
                f"n = {n}, c = {c}" if both or many == {False} else (f"c = {c}" if one_sample else f"n = {n}")
            )
            short = f"{n},{c}" if both else (f"{c}" if one_sample else f"{n}")
            text = full if draw.width_of(full, SMALL) <= room else short
            if draw.width_of(text, SMALL) <= room:
                draw.write(ax, own[0] + room / 2, y + 5, text, look.faint_ink, size=SMALL, align="center")
