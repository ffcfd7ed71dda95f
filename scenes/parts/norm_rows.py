"""A channel of a batch as rows of numbers: images on top, each above its part of the rows, results on the right."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from convviz.scenes.stage import board, ink
from manim import VGroup, VMobject

from convviz import theme as themes
from convviz.errors import ConvvizError
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.ops.base import Shape
from convviz.theme import Theme

LABELS, RESULTS = 72.0, 76.0  # points on the left and on the right of the rows
TALL, APART = 21.0, 5.5  # points of a row, and between two
IMAGES = Box(board.STAGE.x + LABELS, board.STAGE.y + 2, board.STAGE.width - LABELS - RESULTS, 62)
FIRST = IMAGES.bottom + 6  # where the rows begin
SIDE, WIDE, LARGE = (
    24.5,
    30.0,
    38.0,
)  # points of a cell of an image, of a row, and of an image that stands alone
LETTER, NUMBER = 9.0, 10.0
LONGEST = 5  # letters of a number for which a cell has room in any case


class Rows:
    """Where a batch (N, C, *space), of which one channel is shown, and its rows lie, and how they are drawn."""

    def __init__(self, shape: Shape, look: Theme) -> None:
        self.look, self.samples, self.space = look, shape[0], shape[2:]
        self.each = prod(self.space)  # cells of an image
        self.count = self.samples * self.each
        check_size(self.count)
        self.wide = min(WIDE, IMAGES.width / self.count)
        self.left = IMAGES.x + (IMAGES.width - self.wide * self.count) / 2

    # -- places --------------------------------------------------------------------------------------------
    def cell(self, row: int, at: int = 0) -> Box:
        return Box(self.left + at * self.wide, FIRST + row * (TALL + APART), self.wide, TALL)

    def row(self, row: int) -> list[Box]:
        return [self.cell(row, at) for at in range(self.count)]

    def images(self, side: float = SIDE, bottom: float = IMAGES.bottom) -> list[Box]:
        """The cells of all images, each image above its part of the rows; side: of a cell at most."""
        columns = self.space[-1] if self.space else 1
        lines = self.each // columns
        side = min(side, self.wide * self.each * 0.96 / columns)
        if bottom == IMAGES.bottom:
            side = min(side, (IMAGES.height - 13) / lines)
        found = []
        for n in range(self.samples):
            left = self.left + (n + 0.5) * self.each * self.wide - columns * side / 2
            top = bottom - lines * side
            found += [
                Box(left + i % columns * side, top + i // columns * side, side, side)
                for i in range(self.each)
            ]
        return found

    def work(self, rows: int) -> Box:
        """Where a line of arithmetic stands below so many rows."""
        return Box(board.STAGE.x, self.cell(rows - 1).bottom + 5, board.STAGE.width, 26)

    # -- drawing -------------------------------------------------------------------------------------------
    def cells(
        self, boxes: Sequence[Box], texts: Sequence[str], role: str, size: float | None = None
    ) -> VGroup:
        """Tiles and their numbers, one object each; the numbers are as large as the longest of them may be."""
        own, rounded = self.look[role], role == "output"
        edge = themes.mix(own.fill or self.look.paper, own.edge, 0.55)
        held = [box.inset(0.4) if rounded else box for box in boxes]
        tiles = ink.tiles(held, fill=own.fill, edge=edge, width=0.8, rounded=rounded)
        placed = [(*box.centre, text) for box, text in zip(boxes, texts, strict=True)]
        size = size or letter(boxes[0], texts)
        return VGroup(tiles, ink.texts(placed, self.look.ink, size=size, mono=True, align="center"))

    def parts(self, row: int, texts: Sequence[str], role: str) -> list[VGroup]:
        """The cells of a row, image by image."""
        boxes, size = self.row(row), letter(self.cell(row), texts)
        cuts = [slice(i, i + self.each) for i in range(0, self.count, self.each)]
        return [self.cells(boxes[cut], texts[cut], role, size) for cut in cuts]

    def names(self, boxes: Sequence[Box]) -> VMobject:
        """``image 0`` above each image."""
        starts = range(0, self.count, self.each)
        around = [Box.around(boxes[i : i + self.each]) for i in starts]
        short = draw.width_of("image 0", 8.4) > self.each * self.wide - 6
        placed = [
            (box.centre[0], box.y - 8, f"{n}" if short else f"image {n}") for n, box in enumerate(around)
        ]
        return ink.texts(placed, self.look.faint_ink, size=8.4, align="center")

    def channel(self, channel: int) -> VMobject:
        y = IMAGES.y + IMAGES.height / 2 + 6
        return ink.text(
            self.left - 8, y, f"channel {channel}", self.look.ink, size=LETTER, bold=True, align="right"
        )

    def label(self, row: int, name: str) -> VMobject:
        y = self.cell(row).centre[1]
        return ink.text(self.left - 8, y, name, self.look.ink, size=LETTER, align="right")

    def beside(self, row: int, lines: Sequence[str], role: str | None = None) -> VGroup:
        """What comes of a row, on its right, the last line strong; role: as tiles of that role, side by side."""
        box = self.cell(row, self.count - 1)
        x, y, made = box.right + 8, box.centre[1], VGroup()
        if role is not None:
            for text in lines:
                wide = draw.width_of(text, LETTER) + 8
                tile = Box(x, y - 7.5, wide, 15)
                made.add(ink.tiles([tile], fill=self.look[role].fill, edge=self.look[role].edge, width=1.6))
                made.add(ink.text(*tile.centre, text, self.look.ink, size=LETTER, align="center"))
                x += wide + 4
            return made
        for i, text in enumerate(lines):
            at = y + (i - (len(lines) - 1) / 2) * 11
            made.add(ink.text(x, at, text, self.look.ink, size=LETTER - 0.4, bold=i == len(lines) - 1))
        return made

    def blanks(self, row: int) -> VMobject:
        """A row to be filled in."""
        boxes = [box.inset(1.2) for box in self.row(row)]
        return ink.tiles(boxes, edge=self.look["padding"].edge, width=0.8, dashed=True)

    def ring(self, row: int) -> VMobject:
        """The first cell of a row, which is worked out."""
        return ink.tiles([self.cell(row)], edge=self.look["active"].edge, width=2.2)

    def fits(self, longest: int) -> bool:
        """Whether numbers of so many letters have room."""
        return longest * draw.ADVANCE * board.SMALLEST <= draw.FILLED * self.wide + 0.5


def letter(box: Box, texts: Sequence[str]) -> float:
    """The size of numbers in cells like this one."""
    longest = max(map(len, texts))
    return max(
        min(NUMBER, draw.FILLED * box.width / (draw.ADVANCE * longest), box.height * 0.62), board.SMALLEST
    )


def check_size(count: int) -> None:
    """Raises ConvvizError for more cells than a row can show."""
    most = int(draw.FILLED * IMAGES.width / (LONGEST * draw.ADVANCE * board.SMALLEST - 0.5))
    if count > most:
        raise ConvvizError(
            f"a channel of this batch has {count} cells, and {most} is the most; use a smaller input or batch",
            "input",
        )
