"""A pointwise convolution as a product of matrices: pixels above, weights on the left, the product where they meet."""

from __future__ import annotations

from collections.abc import Mapping

from convviz.scenes.parts.volume import grid_of
from convviz.scenes.stage import ink
from convviz.scenes.stage.solid import Solid, solid_cell
from manim import VGroup, VMobject

from convviz.errors import ConvvizError
from convviz.figures import cells as draw
from convviz.figures.cells import Box, Lattice
from convviz.plan import words
from convviz.plan.model import Cell, Grid, Number, Plan
from convviz.theme import Theme

MATRICES = Box(20, 62, 529, 158)
AIR = 18.0  # points between two matrices
SMALL = 5.0  # points of the side of the smallest cell
KEYS = ("weights", "pixels", "product")
NAME = 8.5  # points of the matrices' names


class Product:
    """The three matrices of a plan as `convviz.plan.mixing` makes it. Raises ConvvizError where they do not fit."""

    def __init__(self, plan: Plan, look: Theme) -> None:
        self.plan, self.look = plan, look
        self.tables = self.matrices()

    def matrices(self) -> dict[str, Lattice]:
        """Where the cells of the matrices lie: pixels above the product, weights on its left."""
        (filters_, depth), (_, positions) = (grid_of(self.plan, k).shape for k in ("weights", "pixels"))
        across, down = MATRICES.width - AIR, MATRICES.height - 2 * AIR
        side = min(across / (depth + positions), down / (depth + filters_), 24.0)
        if side < SMALL:
            raise ConvvizError(
                f"{depth} channels, {filters_} filters and {positions} positions are too many for matrices; "
                f"channels and filters may be {int(down / SMALL)}, channels and positions {int(across / SMALL)}",
                "input",
            )
        names = max(depth * side, draw.width_of(self.head("weights"), NAME, bold=True))
        wide = names + positions * side + AIR
        left = MATRICES.x + (MATRICES.width - wide) / 2
        top = MATRICES.y + AIR / 2
        below = top + depth * side + AIR * 1.5
        right = left + names + AIR
        return {
            "weights": Lattice(left, below, side),
            "pixels": Lattice(right, top, side),
            "product": Lattice(right, below, side),
        }

    def boxes(self, key: str) -> list[Box]:
        rows, columns = grid_of(self.plan, key).shape
        return [self.tables[key].cell(r, c) for r in range(rows) for c in range(columns)]

    def title(self, key: str) -> VMobject:
        lattice = self.tables[key]
        return ink.text(lattice.x, lattice.y - 7, self.head(key), self.look.ink, size=NAME, bold=True)

    def head(self, key: str) -> str:
        return grid_of(self.plan, key).title.split(":")[0]

    def laid(self, key: str) -> list[VGroup]:
        """The rows of a matrix, each an object of its own."""
        grid, values = grid_of(self.plan, key), self.plan.shown(key)
        return [
            self.painted(key, {c: v for c, v in values.items() if c[0] == row})
            for row in range(grid.shape[0])
        ]

    def painted(self, key: str, values: Mapping[Cell, Number]) -> VGroup:
        boxes = [self.tables[key].cell(*cell) for cell in values]
        return self.cells(boxes, values, grid_of(self.plan, key))

    def sheet(self, solid: Solid, channel: int, grid: Grid) -> VGroup:
        """A channel of a block as loose cells, in the order in which a row of the matrix has them."""
        values = {c: v for c, v in self.plan.shown(grid.key).items() if c[0] == channel}
        boxes = [solid.front(solid_cell(cell)) for cell in values]
        return self.cells(boxes, values, grid)

    def cells(self, boxes: list[Box], values: Mapping[Cell, Number], grid: Grid) -> VGroup:
        """Tiles with their numbers; without, where these would be too small."""
        role = self.look[grid.role]
        longest = max(len(words.number(v)) for v in self.plan.shown(grid.key).values())
        size = draw.letter(boxes[0].width, longest)
        made = VGroup(ink.tiles(boxes, fill=role.fill, edge=role.edge, width=0.7))
        if size is not None:
            placed_ = [(*box.centre, words.number(v)) for box, v in zip(boxes, values.values())]
            made.add(ink.texts(placed_, self.look.ink, size=size, mono=True, align="center"))
        return made

    def rings(self, at: int) -> VGroup:
        """The row, the column and the cell of a step."""
        marks = {mark.panel: mark.cells for mark in self.plan.steps[at].marks}
        boxes = [
            Box.around([self.tables[k].cell(*c) for c in marks[k]]) for k in ("weights", "pixels", "product")
        ]
        edge = self.look["active"].edge
        (weights, pixels, cell) = boxes
        beams = VGroup(ink.beam(weights, cell, edge), ink.beam(pixels, cell, edge, upright=True))
        return VGroup(beams, ink.tiles(boxes, edge=edge, width=2.2))
