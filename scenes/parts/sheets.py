"""A flat grid of numbers at a place of its own, for scenes that lay out their panels themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from convviz.scenes.stage import ink
from manim import VGroup, VMobject

from convviz import theme as themes
from convviz.figures import cells as draw
from convviz.figures import panels
from convviz.figures.cells import Box
from convviz.plan.model import Cell, Number
from convviz.theme import Theme

LETTERS = 5  # of a number: more digits are noise


@dataclass(frozen=True)
class Sheet:
    """Rows and columns of cells of ``side`` points from (x, y) on; a cell's last two indices count."""

    rows: int
    columns: int
    x: float
    y: float
    side: float

    @property
    def area(self) -> Box:
        return Box(self.x, self.y, self.columns * self.side, self.rows * self.side)

    def box(self, cell: Cell) -> Box:
        row, column = (0, *cell)[-2:]
        return Box(self.x + column * self.side, self.y + row * self.side, self.side, self.side)

    def empty(self, look: Theme) -> VMobject:
        boxes = [self.box((r, c)) for r in range(self.rows) for c in range(self.columns)]
        return ink.tiles(boxes, edge=look.line, width=0.8)

    def frame(self, colour: str, width: float = 2.0) -> VMobject:
        return ink.tiles([self.area], edge=colour, width=width)

    def outlined(self, cells: Iterable[Cell], colour: str, width: float = 2.3) -> VMobject:
        return ink.tiles([self.box(cell) for cell in cells], edge=colour, width=width)

    def filled(
        self, look: Theme, role: str, values: Mapping[Cell, Number], *, size: float | None = None
    ) -> VGroup:
        """Cells with their numbers; zeros are paper, so that what is left over stands out."""
        part = look[role]
        line = themes.mix(part.fill or look.paper, part.edge, 0.55)
        some = [self.box(cell) for cell, value in values.items() if value]
        none = [self.box(cell) for cell, value in values.items() if not value]
        made = VGroup(
            ink.tiles(none, fill=look.paper, edge=line, width=0.7),
            ink.tiles(some, fill=part.fill, edge=line, width=0.9, rounded=role == "output"),
        )
        size = self.letters(values) if size is None else size
        if size:
            told = [(*self.box(cell).centre, self.short(value)) for cell, value in values.items()]
            made.add(ink.texts(told, look.ink, size=size, mono=True, align="center"))
        return made

    def short(self, value: Number) -> str:
        return panels.short(value, min(draw.longest(self.side), LETTERS))

    def letters(self, values: Mapping[Cell, Number]) -> float:
        """Points of the numbers; 0 where there is no room for them."""
        longest = max((len(self.short(value)) for value in values.values()), default=1)
        return draw.letter(self.side, longest) or 0.0
