"""The cells of one axis in a row, its padding dashed: for windows that are moved along it and counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from convviz.scenes.stage import ink
from manim import VGroup

from convviz import theme as themes
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.plan import words
from convviz.plan.model import Cell, Grid, Number
from convviz.theme import Theme


@dataclass(frozen=True)
class Ribbon:
    """The cells of a grid of one row, ``side`` points each, from (x, y)."""

    grid: Grid
    x: float
    y: float
    side: float

    @property
    def cells(self) -> range:
        """The indices, those of the padding included."""
        before, after = self.grid.pads[-1] if self.grid.pads else (0, 0)
        return range(-before, self.grid.shape[-1] + after)

    @property
    def real(self) -> range:
        return range(self.grid.shape[-1])

    @property
    def whole(self) -> Box:
        return self.span((self.cells[0], self.cells[-1]))

    def box(self, at: int) -> Box:
        return Box(self.x + (at - self.cells[0]) * self.side, self.y, self.side, self.side)

    def span(self, cells: Iterable[int]) -> Box:
        return Box.around([self.box(at) for at in cells])

    # -- drawing ---------------------------------------------------------------------------------------------
    def paint(self, look: Theme) -> VGroup:
        """The cells without numbers."""
        role, real = look["input"], self.real
        line = themes.mix(role.fill or look.paper, role.edge, 0.55)
        pads = [self.box(at).inset(1.0) for at in self.cells if at not in real]
        made = VGroup(
            ink.tiles([self.box(at) for at in real], fill=role.fill, edge=line, width=0.9),
            ink.tiles([self.span(real)], edge=role.edge, width=1.4),
        )
        if pads:
            made.add(ink.tiles(pads, edge=look["padding"].edge, width=0.8, dashed=True))
        return made

    def places(self, look: Theme) -> VGroup:
        """The index of each cell."""
        return self.numbers(look, {(at,): at for at in self.cells})

    def values(self, look: Theme, values: Mapping[Cell, Number], *, zeros: bool) -> VGroup:
        """What the real cells hold; ``zeros``: and the padding."""
        outside: dict[Cell, Number] = {(at,): 0 for at in self.cells if at not in self.real} if zeros else {}
        return self.numbers(look, {**outside, **values})

    def numbers(self, look: Theme, told: Mapping[Cell, Number]) -> VGroup:
        texts = {cell[-1]: words.number(value) for cell, value in told.items()}
        size = draw.letter(self.side, max(map(len, texts.values()), default=1), most=10.5)
        made = VGroup()
        for real, colour in ((True, look.ink), (False, look.faint_ink)):
            placed = [(*self.box(at).centre, text) for at, text in texts.items() if (at in self.real) == real]
            if size is not None and placed:
                made.add(ink.texts(placed, colour, size=size, mono=True, align="center"))
        return made

    def window(self, look: Theme, cells: Sequence[int]) -> VGroup:
        """The window: what it reads is outlined, what it jumps over only bridged."""
        colour, span = look["active"].edge, self.span(cells)
        bridge = [[(span.x, y), (span.right, y)] for y in (span.y, span.bottom)]
        read = ink.tiles([self.box(at) for at in cells], edge=colour, width=2.2)
        return VGroup(read, ink.strokes(bridge, colour, width=1.0))

    def dropped(self, look: Theme, cells: Sequence[int]) -> VGroup:
        """Cells that no window reads."""
        muted, boxes = look["muted"], [self.box(at) for at in cells]
        lines = [((b.x, b.bottom), (b.right, b.y)) for b in boxes]
        tiles = ink.tiles(boxes, fill=muted.fill, edge=muted.edge, width=0.9)
        return VGroup(tiles, ink.strokes(lines, muted.edge, width=1.0))
