"""The weights of a fully connected layer and of a convolution as entries of one matrix, and the kernel beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convviz.scenes.stage import board, ink
from manim import VGroup, VMobject

from convviz import theme as themes
from convviz.figures import cells as draw
from convviz.figures import matrix as stills
from convviz.figures.cells import Box, Lattice
from convviz.figures.panels import short
from convviz.plan.model import Cell, Grid, Matrix, Number, Plan
from convviz.theme import Theme

LARGEST = 18.0  # points of an entry's side
TOP, INPUT = 98.0, 72.0  # where the matrix begins, and the input above it
BESIDE = 26.0  # points between the kernel and the matrix


class Entries:
    """The matrices ``full``, ``local`` and ``shared`` of a plan in one place, the input above, the output beside it."""

    def __init__(self, plan: Plan, look: Theme) -> None:
        self.plan, self.look = plan, look
        full, kernel = self.matrix("full"), plan["kernel"]
        assert isinstance(kernel, Grid)
        self.kernel = kernel
        self.rows, self.columns = len(full.rows), len(full.columns)
        self.order = stills.ordered(self.matrix("shared"))
        values = [value for _, value in full.entries.values()]
        self.low, self.high = min(values), max(values)

        lines = kernel.shape[0] * (kernel.shape[-2] if len(kernel.shape) > 2 else 1)
        self.small = min(LARGEST, 72 / kernel.shape[-1], 120 / lines)
        left, area = kernel.shape[-1] * self.small + BESIDE, board.STAGE
        side = min(LARGEST, (area.width - left - 16) / (self.columns + 1), (area.height - 84) / self.rows)
        wide = left + (self.columns + 1) * side + 16
        self.at = Lattice(area.x + (area.width - wide) / 2 + left, TOP, side)
        self.above = Lattice(self.at.x, INPUT, side)
        self.inputs = [self.above.cell(0, i) for i in range(self.columns)]
        self.outputs = [self.at.cell(i, self.columns).moved(14, 0) for i in range(self.rows)]
        self.corner = self.at.x - left, self.at.y + 14

    def matrix(self, key: str) -> Matrix:
        found = self.plan[key]
        assert isinstance(found, Matrix)
        return found

    # -- the matrix ------------------------------------------------------------------------------------------
    def frame(self) -> VGroup:
        """Its edge and lines, so that what is 0 has a place."""
        look, whole = self.look, self.at.span(range(self.rows), range(self.columns))
        down = [[(b.x, whole.y), (b.x, whole.bottom)] for b in self.inputs[1:]]
        across = [[(whole.x, b.y), (whole.right, b.y)] for b in self.outputs[1:]]
        edge = ink.tiles([whole], edge=look["muted"].edge, width=1.0)
        return VGroup(ink.strokes(down + across, look.line, width=0.5), edge)

    def lines(self, key: str, but: str | None = None) -> dict[int, VGroup]:
        """The entries row by row; ``but``: without the places that this matrix holds."""
        panel, rest = self.matrix(key), self.matrix(but).entries if but else {}
        found: dict[int, list[tuple[int, int]]] = {}
        for place in panel.entries:
            if place not in rest:
                found.setdefault(place[0], []).append(place)
        return {row: self.entries(panel, places, self.at) for row, places in found.items()}

    def entries(self, panel: Matrix, places: Sequence[tuple[int, int]], at: Lattice) -> VGroup:
        return self.weights(
            [at.cell(*place) for place in places],
            [panel.entries[place] for place in places],
            shared=panel.key == "shared",
        )

    def thumbnail(self, key: str, area: Box) -> VGroup:
        """A whole matrix in a small area."""
        panel = self.matrix(key)
        at = Lattice(area.x, area.y, min(area.width / self.columns, area.height / self.rows, 12.0))
        whole = at.span(range(self.rows), range(self.columns))
        edge = ink.tiles([whole], edge=self.look["muted"].edge, width=1.0)
        return VGroup(edge, self.entries(panel, list(panel.entries), at))

    def ring(self, places: Sequence[tuple[int, int]], row: int) -> VGroup:
        """A row of weights, the inputs that they meet and the output that they give, outlined."""
        active = self.look["active"].edge
        return VGroup(
            ink.outline(self.at, places, active, width=2.0),
            ink.outline(self.above, [(0, column) for _, column in places], active, width=2.0),
            ink.tiles([self.outputs[row].inset(0.5)], edge=active, width=2.0, rounded=True),
        )

    # -- the kernel ------------------------------------------------------------------------------------------
    def kernel_boxes(self) -> dict[Cell, Box]:
        """Where its weights stand, a slice below the other."""
        held, wide = self.kernel.values or {}, self.kernel.shape[-1]
        high = self.kernel.shape[-2] if len(self.kernel.shape) > 2 else 1
        x, y = self.corner
        at = Lattice(x, y, self.small)
        return {
            cell: at.cell(i // wide, i % wide).moved(0, i // wide // high * 3.0)
            for i, cell in enumerate(held)
        }

    def kernel_cells(self) -> VGroup:
        boxes, held = self.kernel_boxes(), self.kernel.values or {}
        return self.weights([boxes[cell] for cell in held], list(held.items()), shared=True)

    def kernel_row(self, row: int) -> VGroup:
        """Those weights of the kernel that a row of the matrix holds, in the row's order."""
        boxes = self.kernel_boxes()
        held = [entry for place, entry in self.matrix("shared").entries.items() if place[0] == row]
        return self.weights([boxes[weight] for weight, _ in held], held, shared=True)

    # -- weights ---------------------------------------------------------------------------------------------
    def weights(self, boxes: Sequence[Box], held: Sequence[tuple[Cell, Number]], *, shared: bool) -> VGroup:
        """Tiles with numbers: in shades of the value where each is its own, of the kernel's cell where shared."""
        found: dict[str, list[int]] = {}
        for i, (weight, value) in enumerate(held):
            fill = stills.shade(self.look, weight, self.order) if shared else self.by_value(value)
            found.setdefault(fill, []).append(i)
        line = themes.mix(self.look["kernel"].edge, self.look.paper, 0.4)
        most = draw.longest(boxes[0].width)
        told = [short(value, most) for _, value in held]
        size = draw.letter(boxes[0].width, max(map(len, told)), most=10.0)
        made = VGroup()
        for fill, which in found.items():
            made.add(ink.tiles([boxes[i] for i in which], fill=fill, edge=line, width=0.5))
            if size is not None:
                made.add(self.told(fill, [(*boxes[i].centre, told[i]) for i in which], size))
        return made

    def told(self, fill: str, placed: Sequence[tuple[float, float, str]], size: float) -> VMobject:
        colour = max((self.look.ink, self.look.paper), key=lambda c: themes.contrast(c, fill))
        return ink.texts(placed, colour, size=size, mono=True, align="center")

    def by_value(self, value: Number) -> str:
        part = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        kernel = self.look["kernel"]
        return themes.mix(kernel.fill or self.look.paper, kernel.edge, 0.62 * part)


def folded(shape: Sequence[int], area: Box, part: float) -> list[Box]:
    """A map's cells as a picture, its channels below each other, in the middle of ``part`` of the area's width."""
    lines = list(_lines(shape))
    side = min(LARGEST + 4, area.height / len(lines), 200 / shape[-1])
    x = area.x + part * area.width - shape[-1] * side / 2
    at = Lattice(x, area.y + (area.height - len(lines) * side) / 2, side)
    return [at.cell(row, column) for row in lines for column in range(shape[-1])]


def _lines(shape: Sequence[int]) -> Iterator[int]:
    count = 1
    for n in shape[:-1]:
        count *= n
    return iter(range(count))
