"""Where the values of a batch stand on a sheet: samples below one another, channels beside one another.

There are no gaps between images, only edges, so the cells of every set that shares statistics are one rectangle: a
channel is a strip from top to bottom, a sample a strip from left to right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from convviz.analysis.norms.set_names import axis_names, members
from convviz.ops.base import Array, Shape
from convviz.report.spreadsheet.book import FIRST, PAPER, TINTS, Page

SHORT = {"column": "col", "position": "pos"}  # what columns are called above a grid


@dataclass(frozen=True)
class Grid:
    """The values of a batch (N, C, *space) from row ``top`` and column ``left`` on."""

    page: Page
    top: int
    left: int
    shape: Shape

    @property
    def high(self) -> int:
        """Rows of one image; slices are below one another."""
        return prod(self.shape[2:-1])

    @property
    def wide(self) -> int:
        return self.shape[-1] if len(self.shape) > 2 else 1

    @property
    def rows(self) -> int:
        return self.shape[0] * self.high

    @property
    def columns(self) -> int:
        return self.shape[1] * self.wide

    def at(self, cell: Sequence[int]) -> tuple[int, int]:
        """Row and column of a cell of the batch."""
        n, c, *space = cell
        inside = 0
        for i, size in zip(space[:-1], self.shape[2:-1], strict=True):
            inside = inside * size + i
        return self.top + n * self.high + inside, self.left + c * self.wide + (space[-1] if space else 0)

    def box(self, samples: Sequence[int], channels: Sequence[int]) -> tuple[int, int, int, int]:
        """The corners of all values of some samples and channels."""
        return (
            self.top + samples[0] * self.high,
            self.left + channels[0] * self.wide,
            self.top + (samples[-1] + 1) * self.high - 1,
            self.left + (channels[-1] + 1) * self.wide - 1,
        )

    def range(self, samples: Sequence[int], channels: Sequence[int]) -> str:
        return self.page.range(*self.box(samples, channels))

    def whole(self) -> tuple[int, int, int, int]:
        return self.box(range(self.shape[0]), range(self.shape[1]))

    # -- what stands around it --
    def heads(self, title: str) -> None:
        """Title, channels and columns above; the grid starts below."""
        page, head = self.page, self.top - heads_high(self.shape)
        page.label(head, self.left, title, bold=True, font_color=PAPER["input"].edge)
        for c in range(self.shape[1]):
            style = {"bold": True, "align": "center", "font_color": PAPER.faint_ink}
            merged(page, head + 1, self.left + c * self.wide, 1, self.wide, f"channel {c}", style)
            for w in range(self.wide if self.wide > 1 else 0):
                text = f"{SHORT[axis_names(len(self.shape))[-1]]} {w}"
                page.label(
                    head + 2, self.left + c * self.wide + w, text, align="right", font_color=PAPER.faint_ink
                )

    def sides(self) -> None:
        """Samples and rows at the left."""
        names = axis_names(len(self.shape))[2:-1]
        line = {"top": 1, "top_color": PAPER.faint_ink}
        for n in range(self.shape[0]):
            top = self.top + n * self.high
            merged(self.page, top, 0, self.high, 1, f"sample {n}", {"bold": True} | line)
            for i, at in enumerate(np.ndindex(self.shape[2:-1])):
                text = ", ".join(f"{name} {k}" for name, k in zip(names, at, strict=True))
                style = {"align": "right", "font_color": PAPER.faint_ink} | (line if i == 0 else {})
                self.page.label(top + i, 1, text, **style)

    def fill(self, write: Callable[[tuple[int, ...], int, int, Any], None], look: Look, **given: Any) -> None:
        """Every cell through ``write(cell, row, column, style)``; given: what the styles have besides."""
        made: dict[Any, Any] = {}
        for cell in np.ndindex(self.shape):
            row, column = self.at(cell)
            key = look.key(cell, row - self.top, column - self.left)
            if key not in made:
                made[key] = self.page.book.style(**({"align": "right"} | look.sides(*key) | given))
            write(cell, row, column, made[key])
        self.page.watch(*self.whole())


Ends = tuple[
    int, int
]  # what the lines before and behind a cell are: 0 inside an image, 1 its edge, 2 that of a set


class Look:
    """How the cells of a grid are drawn: faint lines inside an image, dark ones around it; with labels, each set in a
    tint and inside a thick edge.
    """

    def __init__(self, shape: Shape, labels: Array | None = None) -> None:
        self.labels = labels
        boxes = members(labels) if labels is not None else ()
        self.tints = [tint_of(box) for box in strips(boxes)]
        wide = shape[-1] if len(shape) > 2 else 1
        rows = shape[-2] if len(shape) > 3 else 1
        self.upright = ends(shape[0], prod(shape[2:-1]), rows, {box[0][0] for box in boxes})
        self.along = ends(shape[1], wide, wide, {box[1][0] for box in boxes})

    def key(self, cell: tuple[int, ...], row: int, column: int) -> tuple[tuple[str, str], Ends, Ends]:
        """Cells with equal keys are drawn alike: fill and edge, lines above and below, at the left and the right."""
        tint = self.tints[self.labels[cell]] if self.labels is not None else ("", PAPER.faint_ink)
        return tint, self.upright[row], self.along[column]

    def sides(self, tint: tuple[str, str], upright: Ends, along: Ends) -> dict[str, Any]:
        fill, edge = tint
        colours = (PAPER.line, PAPER.faint_ink, edge)
        found: dict[str, Any] = {"bg_color": fill} if fill else {}
        for side, kind in zip(("top", "bottom", "left", "right"), (*upright, *along), strict=True):
            found |= {side: 2 if kind == 2 else 1, f"{side}_color": colours[kind]}
        return found


def ends(images: int, cells: int, slices: int, starts: set[int]) -> list[Ends]:
    """For each cell along one direction, its lines; slices: cells of a slice of an image; starts: the images with which
    a set begins.
    """
    found = []
    for image in range(images):
        before = 2 if image in starts else 1
        behind = 2 if starts and (image + 1 in starts or image + 1 == images) else 1
        for i in range(cells):
            first, last = int(i % slices == 0), int((i + 1) % slices == 0)
            found.append((before if i == 0 else first, behind if i == cells - 1 else last))
    return found


def strips(boxes: Sequence[tuple[tuple[int, ...], ...]]) -> list[tuple[int, int]]:
    """For each set, which strip of samples and which of channels it lies in, counted."""
    upright = {first: i for i, first in enumerate(sorted({box[0][0] for box in boxes}))}
    along = {first: i for i, first in enumerate(sorted({box[1][0] for box in boxes}))}
    return [(upright[box[0][0]], along[box[1][0]]) for box in boxes]


def tint_of(strip: tuple[int, int]) -> tuple[str, str]:
    """Fill and edge of a set; sets beside and below each other differ."""
    return TINTS[(2 * strip[0] + strip[1]) % len(TINTS)]


def heads_high(shape: Shape) -> int:
    """Rows above a grid: its title, the channels, and the columns where images have several."""
    return 3 if len(shape) > 2 and shape[-1] > 1 else 2


def merged(
    page: Page, row: int, column: int, rows: int, columns: int, text: str, style: dict[str, Any]
) -> None:
    """A label over several cells."""
    if rows * columns > 1:
        made = page.book.style(**style)
        page.sheet.merge_range(row, column, row + rows - 1, column + columns - 1, "", made)
        page.sheet.write_string(row, column, text, made)
    else:
        page.label(row, column, text, **style)


def beside(page: Page, shape: Shape, count: int) -> list[Grid]:
    """Places for so many grids of a shape, beside one another where there is room, from the page's next row on."""
    columns = shape[1] * (shape[-1] if len(shape) > 2 else 1)
    across = max(1, (page.last - FIRST + 2) // (columns + 1))
    found = []
    top = page.row + heads_high(shape)
    high = shape[0] * prod(shape[2:-1])
    for i in range(count):
        if i and i % across == 0:
            top += high + heads_high(shape) + 1
        found.append(Grid(page, top, FIRST + (i % across) * (columns + 1), shape))
    page.row = top + high
    return found
