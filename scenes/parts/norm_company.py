"""One image and its neighbours with what batch norm makes of it, and the table of its answers in every company."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from convviz.scenes.parts import batch
from convviz.scenes.stage import board, ink
from manim import VGroup

from convviz import theme as themes
from convviz.errors import ConvvizError
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.norms.grid import PAD
from convviz.ops.base import Shape, show
from convviz.plan import words
from convviz.plan.model import Grid, Table
from convviz.theme import Theme

LEFT = Box(board.STAGE.x, board.STAGE.y, 340, board.STAGE.height)
RIGHT = Box(376, board.STAGE.y, board.STAGE.right - 376, board.STAGE.height)
IMAGES = Box(LEFT.x, LEFT.y + 32, LEFT.width, 76)
LINES = IMAGES.bottom + 17
ANSWER = Box(LEFT.x + 4, LINES + 44, 150, 60)  # of the whole image
WIDE, TALL, LETTER = 25.0, 20.0, 9.0  # points of a cell of an answer; of letters
NAMES, ROW = 66.0, 52.0  # of the table: the names on its left, a row
TILE = Box(0, 0, 54, 24)
GAP, LEAST = 5.0, 14.0  # points between two images; of the lowest cell of an answer


def check_size(shape: Shape) -> None:
    """Raises ConvvizError where a batch (N, 1, *space) has no room."""
    samples, _, *space = shape
    lines, columns = lines_of(tuple(space))
    most = int(ANSWER.width / WIDE), int(ANSWER.height / LEAST)
    if columns > most[0] or lines > most[1]:
        raise ConvvizError(
            f"a map of {show(space)} does not fit; {most[1]}x{most[1]} does, and {most[0]} cells along one axis",
            "input",
        )
    if batch.sized(images_of(shape), IMAGES, PAD, GAP) < batch.DIGIT:
        raise ConvvizError(f"{samples} images of {show(space)} do not fit side by side; use fewer", "batch")


def images_of(shape: Shape) -> Shape:
    """The images side by side, as channels of one sample."""
    return (1, shape[0], *shape[2:])


def lines_of(space: Shape) -> tuple[int, int]:
    """Rows and columns of a map whose slices lie below each other."""
    columns = space[-1] if space else 1
    return int(np.prod(space, dtype=int)) // columns, columns


class Company:
    """The first image and who stands beside it."""

    def __init__(self, grid: Grid, look: Theme, name: str = "", right: float = 0.0) -> None:
        """name: of a single image; right: points by which all of it lies further to the right."""
        self.look, self.name, self.right = look, name, right
        full = grid.shape if grid.batched else (1, *grid.shape)
        self.space = full[2:]
        rack = batch.fit(images_of(full), IMAGES, most=24)
        self.rack = batch.moved(rack, LEFT.x + 4 + right, IMAGES.y)
        at = 2 if grid.batched else 1
        self.values = {
            (0, cell[0] if grid.batched else 0, *cell[at:]): words.number(value)
            for cell, value in (grid.values or {}).items()
        }

    def draw(self, live: bool, place: tuple[int, ...]) -> VGroup:
        """The images; live: in the tray of those that share statistics; place: of the followed cell."""
        look, rack, n = self.look, self.rack, self.rack.shape[1]
        blocks = np.zeros((1, n), dtype=int) if live else np.arange(n)[None]
        boxes = batch.whole(rack, np.zeros((1, n), dtype=int), 0)
        muted = themes.mix(look.paper, look["muted"].fill or look.paper, 0.9)
        made = VGroup(*([batch.lit(boxes, look)] if live else batch.trays(rack, blocks, muted)))
        names = [
            (rack.block(0, i).centre[0], rack.y - 8, f"image {i}" if rack.across > 36 else f"{i}")
            for i in range(n)
        ]
        if self.name:
            names = [(*names[0][:2], self.name)]
        made.add(ink.texts(names, look.faint_ink, size=8.4, align="center"))
        made.add(batch.maps(rack, self.values, look, [(0, i) for i in range(n)]))
        box = rack.cell((0, 0, *place))
        return made.add(ink.tiles([box] if box else [], edge=look["active"].edge, width=2.2))

    def line(self, at: int, told: str, strong: bool = False, kept: bool = False) -> VGroup:
        """A line of arithmetic below the images, right of the arrow; kept: a number that training left."""
        x = self.arrow + 12
        size = min(LETTER, (LEFT.right - x) / draw.width_of(told, 1.0, mono=True, bold=strong))
        colour = self.look["active"].edge if strong else self.look.ink
        y, own, made = LINES + at * 16.5, self.look["kernel"], VGroup()
        if kept:
            wide = draw.width_of(told, size, mono=True)
            made.add(
                ink.tiles([Box(x - 4, y - 6.4, wide + 8, 12.8)], fill=own.fill, edge=own.edge, width=1.5)
            )
        return made.add(ink.text(x, y, told, colour, size=size, mono=True, bold=strong))

    @property
    def arrow(self) -> float:
        """Where the arrow from the image to its answer runs."""
        return self.rack.slot(0, 0).centre[0]

    def answer(self, values: Mapping[tuple[int, ...], str], place: tuple[int, ...]) -> VGroup:
        """What becomes of the first image, with an arrow from it."""
        look, own = self.look, self.look["output"]
        lines, columns = lines_of(self.space)
        tall = min(TALL, ANSWER.height / lines)
        image = self.rack.slot(0, 0)
        left = max(image.centre[0] - columns * WIDE / 2, ANSWER.x + self.right)
        boxes = {
            at: Box(left + i % columns * WIDE, ANSWER.y + i // columns * tall, WIDE, tall)
            for i, at in enumerate(np.ndindex(self.space))
        }
        size = min(9.0, draw.FILLED * WIDE / (draw.ADVANCE * max(map(len, values.values()))), tall * 0.62)
        rest = [
            (
                left + columns * WIDE + 8,
                ANSWER.y + lines * tall / 2,
                "" if self.name else "the answer for image 0",
            )
        ]
        return VGroup(
            ink.arrow((self.arrow, image.bottom + 4), (self.arrow, ANSWER.y - 4), look.faint_ink),
            ink.tiles(
                [b.inset(0.5) for b in boxes.values()], fill=own.fill, edge=own.edge, width=0.9, rounded=True
            ),
            ink.texts(
                [(*boxes[at].centre, values[at]) for at in boxes],
                look.ink,
                size=max(size, board.SMALLEST),
                mono=True,
                align="center",
            ),
            ink.tiles([boxes[place].inset(0.5)], edge=look["active"].edge, width=2.0, rounded=True),
            ink.texts(rest, look.faint_ink, size=8.4),
        )


class Answers:
    """The table of answers: a row for each company, a column for each mode, filled as the story goes."""

    def __init__(self, table: Table, look: Theme, value: str) -> None:
        self.table, self.look, self.value = table, look, value
        self.filled: list[tuple[int, int]] = []

    def tile(self, row: int, column: int) -> Box:
        return TILE.moved(RIGHT.x + NAMES + column * (TILE.width + 8), RIGHT.y + 48 + row * ROW)

    def base(self) -> VGroup:
        look = self.look
        made = VGroup(
            ink.text(
                RIGHT.x, RIGHT.y + 10, f"What becomes of this {self.value}", look.ink, size=10.5, bold=True
            )
        )
        heads = [
            (self.tile(0, i).centre[0], RIGHT.y + 34, name) for i, name in enumerate(self.table.columns[1:])
        ]
        made.add(ink.texts(heads, look.ink, size=LETTER, align="center"))
        for row, (name, *_) in enumerate(self.table.rows):
            lines = draw.wrap(str(name), NAMES - 6, 8.6)
            y = self.tile(row, 0).centre[1] - (len(lines) - 1) * 5.5
            placed = [(RIGHT.x, y + i * 11, line) for i, line in enumerate(lines)]
            made.add(ink.texts(placed, look.faint_ink, size=8.6))
        blanks = [self.tile(row, i).inset(1) for row in range(len(self.table.rows)) for i in (0, 1)]
        return made.add(ink.tiles(blanks, edge=look["padding"].edge, width=0.8, dashed=True))

    def cell(self, row: int, column: int) -> VGroup:
        """One answer."""
        own, box = self.look["output"], self.tile(row, column)
        told = words.number(float(self.table.rows[row][column + 1] or 0))
        self.filled.append((row, column))
        return VGroup(
            ink.tiles([box], fill=own.fill, edge=own.edge, width=1.2, rounded=True),
            ink.text(*box.centre, told, self.look.ink, size=10, mono=True, align="center"),
        )

    def again(self) -> VGroup:
        """The table with all that it has so far."""
        return VGroup(self.base(), *(self.cell(*at) for at in list(dict.fromkeys(self.filled))))

    def verdict(self) -> VGroup:
        """What the columns say."""
        last = len(self.table.rows) - 1
        return VGroup(
            *(
                ink.text(
                    self.tile(last, i).centre[0],
                    self.tile(last, i).bottom + 14,
                    told,
                    self.look.ink,
                    size=8.6,
                    bold=True,
                    align="center",
                )
                for i, told in enumerate(("depends", "one answer"))
            )
        )
