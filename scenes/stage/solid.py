"""Blocks of cells in space as manim's objects: C x H x W with channels as depth, N x C x H x W as several of them.

Geometry first (``space.py``; points of the board, y downwards; cells are (channel, row, column), channel 0 in front):

    solid = Solid.fit((3, 4, 4), area)           # the largest block that fits into a Box; or Solid(shape, x, y, side)
    solids = samples((2, 3, 4, 4), area)         # N blocks of one size side by side
    solid.front((0, 2, 1))                       # Box of the front of a cell: for numbers, rays, flights
    solid.pulled(20, 0), solid.side_by_side(14)  # the same block, its channels pulled apart
    solid.moved(dx, dy), solid.centred(area)     # the same block elsewhere

Then what is drawn, back to front, with few objects for each slab (channel):

    block = Block(solid, look, "input", values=plan["input"].values)
    scene.play(FadeIn(block))
    scene.play(block.to(solid.side_by_side(14)))  # pull apart, move, shrink: one Transform; block.solid is the new one
    block.slabs[2]                                # the slab of channel 2 (by channel, not in the order of painting)
    window(solid, colour, range(3), range(2), range(2))  # a sub-block to see through: a window, a channel, a cell
    names(solid, look, C="3 channels")            # C, H and W, each along its own edge

``fills`` gives cells colours of their own (tops and sides get shades of them), ``hatched`` is the second cue of cells
that share statistics: ``Block(solid, look, "input", fills={cell: colour}, hatched={cell, ...})``. Numbers are written
on channels that no other one covers; those of the others appear when the block is pulled apart. Where cells are too
small for numbers, the larger ones have a deeper shade.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from convviz.scenes.stage import ink
from convviz.scenes.stage.space import AXES, FACES, Cell, Point, Quad, Solid, samples, spatial
from manim import Transform, VGroup

from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.plan import words
from convviz.theme import Theme, mix

Values = Mapping[tuple[int, ...], float]
HATCHES = 3  # lines across a face


class Block(VGroup):
    """A block of cells; its parts are the slabs of its channels, back to front.

    values: numbers by cell, as a plan's grid has them, written where they are legible; widest: letters of the longest
    number that is to come. fills: colours of single cells; hatched: cells with hatched faces. faint: as if it were
    not in use.
    """

    def __init__(
        self,
        solid: Solid,
        look: Theme,
        role: str = "input",
        *,
        values: Values | None = None,
        fills: Mapping[Cell, str] | None = None,
        hatched: Iterable[Cell] = (),
        faint: bool = False,
        widest: int = 0,
    ) -> None:
        self.solid, self.look, self.role = solid, look, role
        self.values = {solid_cell(cell): value for cell, value in (values or {}).items()}
        self.own, self.hatched, self.faint = dict(fills or {}), frozenset(hatched), faint
        self.widest = max([widest, *(len(words.number(value)) for value in self.values.values())])
        self.letter = draw.letter(solid.side, self.widest)
        self.fills = self.own
        if self.values and self.letter is None:
            self.fills = shades(self.values, look, role) | self.own
        made = {channel: self.slab(channel) for channel in solid.order()}
        super().__init__(*made.values())
        self.slabs = [made[channel] for channel in range(solid.shape[0])]

    # -- one channel -----------------------------------------------------------------------------------------
    def slab(self, channel: int) -> VGroup:
        """The faces of a channel, its hatch and its numbers."""
        role, edge = self.look[self.role], self.look[self.role].edge
        if self.faint:
            edge = self.look["muted"].edge
        width = 1.0 if self.role == "kernel" and self.solid.side > 9 else 0.6
        parts: list[ink.Drawn] = []
        hatch: list[np.ndarray] = []
        for face in FACES:
            quads: dict[str, list[Quad]] = {}
            for cell, quad in self.solid.quads(channel, face):
                where = (channel, *cell)
                fill = self.look["muted"].fill if self.faint else self.fills.get(where, role.fill)
                quads.setdefault(fill or self.look.paper, []).append(quad)
                if where in self.hatched:
                    hatch += stripes(quad)
            parts += [
                ink.path(ink.joined(ink.lines(q, closed=True) for q in found), fill=self.shade(fill, face, edge),
                         edge=edge, width=width)
                for fill, found in quads.items()
            ]  # fmt: skip
        if hatch:
            parts.append(ink.path(ink.joined(hatch), edge=self.look["shared"].edge, width=0.8))
        found_text = self.written(channel)
        return VGroup(*parts, *([found_text] if found_text else []))

    def shade(self, fill: str, face: str, edge: str) -> str:
        """The colour of a face: light falls from above, and the right side lies in the shade."""
        if fill == self.look.paper:
            return fill
        if face == "right":
            return mix(fill, edge, 0.3)
        if face == "top":
            return mix(fill, self.look.paper, 0.45) if self.look.name == "light" else mix(fill, edge, 0.12)
        return fill

    def written(self, channel: int) -> ink.Drawn | None:
        """The numbers of a channel; one that is covered keeps them unseen until it is pulled out."""
        found = {cell: words.number(v) for cell, v in self.values.items() if cell[0] == channel}
        if not found or self.letter is None:
            return None
        placed = [(*self.solid.front(cell).centre, text) for cell, text in found.items()]
        hidden = self.solid.covered(channel)
        return ink.texts(
            placed, self.look.ink, size=self.letter, mono=True, align="center", opacity=0.0 if hidden else 1.0
        )

    # -- motion ----------------------------------------------------------------------------------------------
    def at(self, solid: Solid) -> Block:
        """The same block as another solid of the same shape has it."""
        return Block(
            solid, self.look, self.role, values=self.values, fills=self.own, hatched=self.hatched, faint=self.faint,
            widest=self.widest,
        )  # fmt: skip

    def to(self, solid: Solid) -> Moved:
        """The animation that brings the block to another solid: pulls it apart, closes it, moves it."""
        there = self.at(solid)
        self.solid = solid
        return Moved(self, there)


class Moved(Transform):
    """A change after which the texts know where they stand."""

    def finish(self) -> None:
        super().finish()
        for mine, its in zip(self.mobject.get_family(), self.target_copy.get_family()):
            if isinstance(mine, ink.Drawn) and isinstance(its, ink.Drawn):
                mine.said, mine.home = its.said, its.home


def window(
    solid: Solid, colour: str, channels: range, rows: range, columns: range, *, width: float = 2.0, tint: float = 0.07
) -> VGroup:  # fmt: skip
    """A sub-block that one can see through; always of two parts, so that one can become another."""
    quads = solid.faces(channels, rows, columns).values()
    return VGroup(
        ink.path(ink.joined(ink.lines(q, closed=True) for q in quads), fill=colour, opacity=tint),
        ink.strokes(solid.outline(channels, rows, columns), colour, width=width),
    )


def names(solid: Solid, look: Theme, *, size: float = 8.0, gap: float = 5.0, **told: str) -> VGroup:
    """A line along each edge, and the axis with its extent beside it; ``C="3 channels"`` says it in other words."""
    lines: list[tuple[Point, Point]] = []
    texts: list[ink.Drawn] = []
    align = {"C": "left", "H": "right", "W": "center"}
    for axis, extent in zip(AXES, solid.shape, strict=True):
        label = told.get(axis, f"{axis} = {extent}")
        if not label:
            continue
        start, end, (x, y) = solid.axes(gap)[axis]
        lines.append((start, end))
        texts.append(ink.text(x, y, label, look.faint_ink, size=size, align=align[axis]))
    return VGroup(ink.strokes(lines, look.faint_ink, width=0.8), *texts)


def stripes(quad: Quad, count: int = HATCHES) -> list[np.ndarray]:
    """Diagonal lines across a face, whatever its slant."""
    a, b, _, d = (np.array(corner) for corner in quad)
    along, down = b - a, d - a
    found = []
    for i in range(1, 2 * count):
        total = i / count  # u + v along the line, u and v from 0 to 1
        low, high = max(0.0, total - 1), min(1.0, total)
        found.append(ink.lines([tuple(a + u * along + (total - u) * down) for u in (low, high)]))
    return found


def shades(values: Values, look: Theme, role: str) -> dict[Cell, str]:
    """A shade for each cell, the deeper the larger its number is."""
    low, high = min(values.values()), max(values.values())
    tint, edge = look[role].fill or look.paper, look[role].edge
    return {
        solid_cell(cell): mix(mix(look.paper, tint, 0.5), edge, 0.6 * (value - low) / ((high - low) or 1))
        for cell, value in values.items()
    }


def solid_cell(cell: tuple[int, ...]) -> Cell:
    """A plan's cell (channel, *space) as (channel, row, column)."""
    channel, *space = cell
    return channel, *([0] * (2 - len(space))), *space  # type: ignore[return-value]


__all__ = ["Block", "Box", "Solid", "names", "samples", "solid_cell", "spatial", "stripes", "window"]
