"""A grid of a plan as a block on the stage: its padding, the window through its channels, its cells that fill."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from convviz.scenes.stage import ink
from convviz.scenes.stage.solid import Block, Solid, names, solid_cell, spatial, window
from convviz.scenes.stage.sums import spelled
from manim import Animation, FadeIn, FadeOut, Transform, VGroup, VMobject

from convviz.errors import ConvvizError
from convviz.figures.cells import Box
from convviz.plan import words
from convviz.plan.model import Cell, Grid, Number, Plan, Step, Work
from convviz.theme import Theme

if TYPE_CHECKING:
    from convviz.scenes.stage.story import Story

WHOLE = ((0, 0), (0, 0))


def grid_of(plan: Plan, key: str) -> Grid:
    panel = plan[key]
    assert isinstance(panel, Grid)
    return panel


def pads_of(grid: Grid) -> tuple[tuple[int, int], ...]:
    """Padding (before, after) of rows and columns."""
    return (WHOLE + tuple(grid.pads))[-2:]


def placed(
    grid: Grid,
    area: Box,
    *,
    most: float = 26.0,
    gap: float | None = None,
    line: bool = False,
    down: bool = False,
) -> Solid:
    """The block of a grid with room for its padding. gap: its channels so far apart, side by side or, where that makes
    them larger, below each other (``line``, ``down``: only this or that). So many that they have no room stay closed.
    """
    (top, bottom), (left, right) = pads_of(grid)
    depth, rows, columns = spatial(grid.shape)
    padded = (depth, rows + top + bottom, columns + left + right)
    if gap is None:
        solid = Solid.fit(padded, area, most)
    else:
        ways = []
        for way in (True,) if down else (False,) if line else (False, True):
            try:
                ways.append(Solid.row(padded, area, gap, most, way))
            except ConvvizError as err:
                problem = err
        if not ways and (line or down):
            raise problem
        solid = max(ways, key=lambda way: way.side) if ways else Solid.fit(padded, area, most)
    side = solid.side
    return replace(solid, shape=(depth, rows, columns), x=solid.x + left * side, y=solid.y + top * side)


def filed(shape: tuple[int, int, int], area: Box, count: int, most: float) -> list[Solid]:
    """Filters in two columns, or below each other where they are few."""
    across = 2 if count > 2 else 1
    wide, high = area.width / across, area.height / -(-count // across)
    areas = [
        Box(area.x + i % across * wide, area.y + i // across * high, wide - 6, high - 8) for i in range(count)
    ]
    return [Solid.fit(shape, part, most) for part in areas]


class Volume:
    """A grid of a plan as a block. values: what is shown at first; final: of which numbers the size is chosen."""

    def __init__(
        self,
        story: Story,
        grid: Grid,
        solid: Solid,
        *,
        values: Mapping[Cell, Number] | None = None,
        final: Mapping[Cell, Number] | None = None,
        role: str | None = None,
    ) -> None:
        self.story, self.grid, self.solid, self.look = story, grid, solid, story.look
        self.role = role or grid.role
        self.values = dict(grid.values or {} if values is None else values)
        told = final if final is not None else self.values
        self.widest = max((len(words.number(v)) for v in told.values()), default=0)
        self.block = self.made(solid)
        self.shell = self.padding(solid)

    def made(self, solid: Solid) -> Block:
        depth, rows, columns = solid.shape
        known = {solid_cell(cell) for cell in self.values}
        blank = {
            cell: self.look.paper
            for cell in ((c, r, q) for c in range(depth) for r in range(rows) for q in range(columns))
            if cell not in known
        }
        return Block(solid, self.look, self.role, values=self.values, fills=blank, widest=self.widest)

    def padding(self, solid: Solid) -> VMobject:
        """The padding as a dashed block around the real one."""
        (top, bottom), (left, right) = pads_of(self.grid)
        if not (top or bottom or left or right):
            return VGroup()
        depth, rows, columns = solid.shape
        around = range(-top, rows + bottom), range(-left, columns + right)
        if solid.apart == (0, 0):
            lines = solid.outline(range(depth), *around)
        else:
            lines = [solid.outline(range(c, c + 1), *around)[0] for c in range(depth)]
        return ink.strokes(lines, self.look["padding"].edge, width=0.9, dashed=True)

    @property
    def mobjects(self) -> list[VMobject]:
        return [m for m in (self.shell, self.block) if m.has_points() or len(m.submobjects)]

    def enter(self) -> list[Animation]:
        return [FadeIn(m) for m in self.mobjects]

    def leave(self) -> list[Animation]:
        return [FadeOut(m) for m in self.mobjects]

    def to(self, solid: Solid) -> list[Animation]:
        """Animations that bring the block to another solid."""
        moves: list[Animation] = [self.block.to(solid)]
        if self.shell in self.mobjects:
            moves.append(Transform(self.shell, self.padding(solid)))
        self.solid = solid
        return moves

    def put(self, values: Mapping[Cell, Number]) -> None:
        """Show these values from now on; nothing moves."""
        self.values |= values
        self.renew()

    def renew(self) -> None:
        """Draw the block anew in its place among the others."""
        fresh, shown = self.made(self.solid), self.story.mobjects
        if self.block in shown:
            at = shown.index(self.block)
            self.story.remove(self.block)
            self.story.mobjects.insert(at, fresh)
        self.block = fresh

    def names(self, **told: str) -> VGroup:
        """C, H and W along the edges; of a map with one spatial axis its length instead of H and W."""
        if len(self.grid.shape) == 2:
            told = {"H": "", "W": f"L = {self.grid.shape[1]}", **told}
        return names(self.solid, self.look, **told)

    # -- what a step reads -----------------------------------------------------------------------------------
    def window(self, step: Step, colour: str | None = None, channels: range | None = None) -> VGroup:
        """The window that a step reads, seen through all its channels (or those given)."""
        cells = [c for m in step.marks if m.panel == self.grid.key and m.mark == "read" for c in m.cells]
        return self.around(cells, colour, channels)

    def around(
        self, cells: Iterable[Cell], colour: str | None = None, channels: range | None = None
    ) -> VGroup:
        """The block around cells, and where it has holes the fronts of the cells themselves; always three parts."""
        found = [solid_cell(cell) for cell in cells]
        colour = colour or self.look["active"].edge
        depth, rows, columns = (sorted({cell[a] for cell in found}) for a in range(3))
        through = channels if channels is not None else range(depth[0], depth[-1] + 1)
        whole = (range(part[0], part[-1] + 1) for part in (rows, columns))
        made = window(self.solid, colour, through, *whole)
        holes = rows[-1] - rows[0] >= len(rows) or columns[-1] - columns[0] >= len(columns)
        boxes = (
            [self.solid.front((through[0], r, q)).inset(1) for r in rows for q in columns] if holes else []
        )
        return VGroup(*made, ink.tiles(boxes, edge=colour, width=1.6))

    def front(self, cell: Cell) -> Box:
        return self.solid.front(solid_cell(cell))


def between(grid: Grid, most: float = 14.0) -> float:
    """Points between two channels that stand side by side: the more there are, the fewer."""
    return max(3.0, min(most, 40.0 / grid.shape[0]))


def columns(
    grid: Grid, kernel: tuple[int, int, int], area: Box, first: int = 0, *, air: float = 12.0
) -> tuple[Solid, Solid]:  # fmt: skip
    """A map with its channels side by side, below them the sheets of a kernel, each under the channel that it reads.

    first: the channel that the kernel's first sheet reads. Channels of one row lie below each other, the kernel beside.
    """
    (_, bottom), (_, right) = pads_of(grid)
    _, rows, across = (n + sum(pads) for n, pads in zip(spatial(grid.shape), ((0, 0), *pads_of(grid))))
    if rows == 1:
        wide = (area.width - 7 * air) * across / (across + kernel[2] + 1)
        above = placed(grid, Box(area.x, area.y, wide, area.height), gap=between(grid, 10), down=True)
        below = Solid(kernel, 0, 0, above.side, apart=above.apart)
        last = above.sheet(first)
        return above, below.moved(last.right + right * above.side + above.deep[0] + 2 * air, last.y)
    share = rows / (rows + kernel[1])
    above = placed(
        grid, Box(area.x, area.y, area.width, (area.height - air) * share), gap=between(grid), line=True
    )
    below = Solid(kernel, 0, 0, above.side)
    below = replace(below, apart=(above.step[0] - below.deep[0], -below.deep[1]))
    x = above.sheet(first).centre[0] - kernel[2] * below.side / 2
    return above, below.moved(x, above.sheet(0).bottom + bottom * above.side + air - below.deep[1])


# -- what scenes of blocks do again and again ----------------------------------------------------------------
def fill(story: Story, plan: Plan, target: Volume, steps: Iterable[int], run_time: float = 0.3) -> None:
    """What these steps write appears, ringed for a moment."""
    writes = {w.cell: w.value for i in steps for w in plan.steps[i].writes if w.panel == target.grid.key}
    ring = ink.tiles((target.front(c) for c in writes), edge=target.look["active"].edge, width=2.2)
    target.put(writes)
    story.play(FadeIn(ring), run_time=run_time)
    story.remove(ring)


def waves(steps: Sequence[int], single: int) -> list[list[int]]:
    """The first steps one by one, the others together."""
    return [[i] for i in steps[:single]] + ([list(steps[single:])] if len(steps) > single else [])


def spell(story: Story, work: Work, area: Box, *moves: Animation, run_time: float = 0.7) -> list[VMobject]:
    """Show a sum, then what it comes to; gives both back, the result last (the sum alone where it has none)."""
    line, result = spelled(work, area, story.look)
    story.play(*moves, FadeIn(line), run_time=run_time)
    if result is None:
        return [line]
    story.add(result)
    story.wait(0.4)
    return [line, result]


def fly(story: Story, text: VMobject, box: Box, *moves: Animation, run_time: float = 0.7) -> None:
    """A copy of a text flies into a box and is gone; what it has become is for the caller to draw."""
    ring = ink.tiles([box], edge=story.look["active"].edge, width=2.2)
    flying = text.copy()
    story.play(flying.animate.move_to(ring), FadeIn(ring), *moves, run_time=run_time)
    story.remove(flying, ring)


def around(solid: Solid, look: Theme) -> VGroup:
    """The whole of a filter as a window, ready to glide over the input."""
    return VGroup(*window(solid, look["active"].edge, *(range(n) for n in solid.shape)), VGroup())
