"""What stands beside a batch while norms are told: the values that share, their arithmetic, a number line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from convviz.scenes.stage import board, ink
from manim import VGroup, VMobject

from convviz import theme as themes
from convviz.errors import ConvvizError
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.ops.base import Array
from convviz.plan import words
from convviz.plan.model import Cell, Grid, Plan, Step
from convviz.theme import Theme

RIGHT = Box(284, board.STAGE.y + 2, board.STAGE.right - 284, board.STAGE.height - 2)
SIDE, NARROW, ROWS = (
    15.0,
    9.5,
    3,
)  # points of a cell among the values that share, at most and at least; their rows
TALL = 14.5  # points from line to line
CHIP = Box(0, 0, 24, 15)  # of the letter of an axis
LINE = 82.0  # points from the bottom: where the number line's part begins


@dataclass(frozen=True)
class Told:
    """What the plan of several norms tells of one. row: of the plan's table."""

    plan: Plan
    name: str
    row: tuple[str | float | int | None, ...]

    @cached_property
    def steps(self) -> list[Step]:
        """The followed cell: who shares, mean, variance, result."""
        return [step for step in self.plan.steps if step.section == self.name]

    @cached_property
    def sets(self) -> list[Step]:
        return [step for step in self.plan.steps if step.section == f"{self.name}, all sets"]

    def full(self, cell: Cell) -> Cell:
        """With the number of its sample."""
        grid = self.plan["input"]
        assert isinstance(grid, Grid)
        return cell if grid.batched else (0, *cell)

    def cells(self, step: Step) -> list[Cell]:
        """The cells that share."""
        return [self.full(cell) for cell in step.marks[0].cells]

    @cached_property
    def blocks(self) -> Array:
        """The number of its set for each sample and channel."""
        owner = {cell[:2]: k for k, step in enumerate(self.sets) for cell in self.cells(step)}
        shape = tuple(1 + max(place[axis] for place in owner) for axis in (0, 1))
        return np.array([owner[at] for at in np.ndindex(shape)]).reshape(shape)

    @property
    def lit(self) -> int:
        """The set of the followed cell."""
        return int(self.blocks[self.cells(self.steps[0])[0][:2]])

    @property
    def over(self) -> list[str]:
        """The axes over which a set reaches."""
        return str(self.row[1]).split(", ")

    @property
    def counted(self) -> str:
        """``4 sets of 16 values``"""
        return f"{words.count(int(self.row[2] or 0), 'set')} of {words.count(int(self.row[3] or 0), 'value')}"

    def text(self, at: int) -> str:
        """The arithmetic of one of the steps."""
        work = self.steps[at].work
        assert work is not None
        return work.text

    def terms(self, at: int) -> list[tuple[Cell, str, str]]:
        """Of a step's terms the cell, its value and its product, as text."""
        work = self.steps[at].work
        assert work is not None
        return [(self.full(t.cell), words.number(t.value), words.number(t.product)) for t in work.terms]

    def tag(self, k: int) -> str:
        """Mean and variance of a set."""
        mean, var = (words.number(write.value) for write in self.sets[k].writes[:2])
        return f"μ {mean}  σ² {var}"


def strip(count: int) -> tuple[int, float]:
    """Cells of a row, and points of a cell, of so many values that share; raises ConvvizError for too many.

    >>> strip(16)
    (18, 15.0)
    """
    most = ROWS * int(RIGHT.width / NARROW)
    if count > most:
        raise ConvvizError(
            f"{count} values share statistics, and {most} is the most that can be shown", "input"
        )
    each = -(-count // ROWS)
    side = min(SIDE, RIGHT.width / max(each, 1))
    return int(RIGHT.width / side + 1e-9), side


class Side:
    """Beside the batch, for one norm, from top to bottom: its axes, the values that share, the arithmetic."""

    def __init__(self, told: Told, letters: Sequence[str], look: Theme) -> None:
        self.look, self.told = look, told
        self.shown: list[VMobject] = []  # what has been handed out and has to be taken away again
        x, y = RIGHT.x, RIGHT.y
        self.head = VGroup(
            ink.text(x, y + 8, told.name, look.ink, size=13, bold=True),
            ink.text(RIGHT.right, y + 9, told.counted, look.faint_ink, size=9, align="right"),
            chips(letters, told.over, x, y + 20, look),
        )
        self.shown.append(self.head)
        columns, side = strip(len(told.terms(1)))
        self.boxes = [
            Box(x + i % columns * side, y + 56 + i // columns * side, side, side)
            for i in range(len(told.terms(1)))
        ]
        self.bottom = self.boxes[-1].bottom
        self.values = self.cells([value for _, value, _ in told.terms(1)])
        self.label = ink.text(x, y + 47, "the values x that share", look.faint_ink, size=8.4)
        self.squared = ink.text(
            x, y + 47, f"their squares (x − {told.text(1).rpartition('= ')[2]})²", look.faint_ink, size=8.4
        )
        squares = [square for *_, square in told.terms(2)]
        fits = max(map(len, squares)) * draw.ADVANCE * board.SMALLEST <= draw.FILLED * (side - 1)
        self.squares = self.cells(squares) if fits else None

    def cells(self, texts: Sequence[str]) -> VGroup:
        return values_at(self.boxes, texts, self.look)

    def line(self, at: int, words_: str, strong: bool = False) -> VMobject:
        """A line of arithmetic below the values."""
        colour = self.look["active"].edge if strong else self.look.ink
        size = min(9.6, RIGHT.width / draw.width_of(words_, 1.0, mono=True, bold=strong))
        made = ink.text(
            RIGHT.x, self.bottom + 12 + at * TALL, words_, colour, size=size, mono=True, bold=strong
        )
        self.shown.append(made)
        return made


def values_at(boxes: Sequence[Box], texts: Sequence[str], look: Theme) -> VGroup:
    """Values that share, one object of tiles and one of numbers, in this order."""
    own = look["shared"]
    longest = max(map(len, texts))
    side = boxes[0].width
    size = min(9.6, side * 0.66, draw.FILLED * (side - 1) / (draw.ADVANCE * longest))
    fill = themes.mix(own.fill or look.paper, look.paper, 0.35)
    placed = [(*box.centre, text) for box, text in zip(boxes, texts, strict=True)]
    return VGroup(
        ink.tiles(boxes, fill=fill, edge=own.edge, width=0.8),
        ink.texts(placed, look.ink, size=size, mono=True, align="center"),
    )


def chips(
    letters: Sequence[str], over: Sequence[str], x: float, y: float, look: Theme, scale: float = 1.0
) -> VGroup:
    """The axes: those over which a set reaches are tinted and hatched, half where it takes a part; the others empty."""
    made, own = VGroup(), look["shared"]
    reach = {part.partition("/")[0]: part for part in over}
    for i, letter in enumerate(letters):
        box = Box(x + i * (CHIP.width + 4) * scale, y, CHIP.width * scale, CHIP.height * scale)
        text = reach.get(letter, letter)
        if letter in reach:
            full = "/" not in text
            part = box if full else Box(box.x, box.y, box.width / 2, box.height)
            made.add(
                ink.tiles([part], fill=themes.mix(own.fill or look.paper, own.edge, 0.3), hatch=own.edge)
            )
        made.add(ink.tiles([box], edge=own.edge if letter in reach else look["muted"].edge, width=1.0))
        size = 9.0 * max(scale, 0.85)
        wide = draw.width_of(text, size, bold=True) + 4
        if letter in reach:
            made.add(
                ink.tiles(
                    [Box(box.centre[0] - wide / 2, box.centre[1] - size * 0.55, wide, size * 1.1)],
                    fill=look.paper,
                    rounded=True,
                )
            )
        colour = look.ink if letter in reach else look.faint_ink
        made.add(ink.text(*box.centre, text, colour, size=size, bold=letter in reach, align="center"))
    return made


class NumberLine:
    """Where one value lands under each norm; labels stand above and below in turn, none on another."""

    def __init__(self, told: Sequence[Told], x: str, look: Theme) -> None:
        self.look = look
        self.area = Box(RIGHT.x, RIGHT.bottom - LINE, RIGHT.width, LINE)
        self.y = self.area.y + 46
        values = [float(one.row[6] or 0) for one in told]
        low, high = min(values), max(values)
        inset = 34.0
        span = (high - low) or 1.0
        self.at = [self.area.x + inset + (v - low) / span * (self.area.width - 2 * inset) for v in values]
        self.words = [
            f"{one.name.split()[0].lower()} {words.number(v)}" for one, v in zip(told, values, strict=True)
        ]
        self.title = f"What becomes of this {x}"
        self.levels = self._levels()

    def _levels(self) -> list[int]:
        """For each label a row: 0 just above, 1 just below, 2 and 3 further out."""
        taken: list[tuple[int, float, float]] = []
        found = []
        for at, text in zip(self.at, self.words, strict=True):
            half = draw.width_of(text, 8.4) / 2 + 4
            level = next(
                k
                for k in range(9)
                if all(k != other or at + half < a or at - half > b for other, a, b in taken)
            )
            taken.append((level, at - half, at + half))
            found.append(level)
        return found

    def base(self) -> VGroup:
        look, box = self.look, self.area
        return VGroup(
            ink.text(box.x, box.y + 7, self.title, look.ink, size=9, bold=True),
            ink.strokes([[(box.x, self.y), (box.right, self.y)]], look["muted"].edge, width=1.0),
        )

    def mark(self, which: int) -> VGroup:
        """The dot of one norm, with its label."""
        x, level = self.at[which], self.levels[which]
        away = (13.0 + 11.0 * (level // 2)) * (1 if level % 2 else -1)
        y = self.y + away
        colour = self.look["active"].edge
        stem = ink.strokes([[(x, self.y), (x, y - (5 if away > 0 else -5))]], colour, width=0.8)
        label = ink.text(x, y, self.words[which], self.look.ink, size=8.4, align="center")
        return VGroup(stem, ink.dots([(x, self.y)], colour, 2.6), label)
