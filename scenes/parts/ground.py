"""The input of a net as ground for boxes of its cells: over two axes, or a bar of one."""

from __future__ import annotations

from collections.abc import Sequence

from convviz.figures.cells import Box
from convviz.plan.growth import Ladder

BAR, CELLS = 26.0, 64  # points of an input of one axis; cells along an axis that are drawn one by one
FAR = 0.6  # of the input's length: how much beyond it is drawn


class Ground:
    """The input over its last two axes (one axis: a bar) with what lies around it, as far as there is room."""

    def __init__(self, told: Ladder, area: Box) -> None:
        self.flat, self.area = len(told.size) == 1, area
        high, wide = (1, *told.size)[-2:]
        over = 0.04
        for one in told.rungs:
            for lo, hi, n in zip(one.rung.lo[-2:], one.rung.hi[-2:], told.size[-2:]):
                over = max(over, -lo / n, (hi + 1) / n - 1)
        over = min(over, FAR)
        self.across = area.width / (wide * (1 + 2 * over))
        if self.flat:
            self.down = BAR
        else:
            self.across = self.down = min(self.across, area.height / (high * (1 + 2 * over)))
        x = area.x + (area.width - wide * self.across) / 2
        y = area.y + (area.height - high * self.down) / 2
        self.frame = Box(x, y, wide * self.across, high * self.down)
        self.lines: list[list[tuple[float, float]]] = []
        if max(high, wide) <= CELLS:
            self.lines = [
                [(x + c * self.across, y), (x + c * self.across, self.frame.bottom)] for c in range(1, wide)
            ]
            self.lines += [
                [(x, y + r * self.down), (self.frame.right, y + r * self.down)] for r in range(1, high)
            ]

    def ends(self, lo: Sequence[int], hi: Sequence[int]) -> tuple[float, float, float, float]:
        """Left, right, top and bottom of a block of cells, wherever that is."""
        top, bottom = (0, 1) if self.flat else (lo[-2], hi[-2] + 1)
        return (
            self.frame.x + lo[-1] * self.across, self.frame.x + (hi[-1] + 1) * self.across,
            self.frame.y + top * self.down, self.frame.y + bottom * self.down,
        )  # fmt: skip

    def box(self, lo: Sequence[int], hi: Sequence[int]) -> Box:
        left, right, top, bottom = self.ends(lo, hi)
        return Box(left, top, right - left, bottom - top)

    def sides(self, lo: Sequence[int], hi: Sequence[int]) -> list[list[tuple[float, float]]]:
        """The outline of a block of cells as far as it lies in the picture."""
        left, right, top, bottom = self.ends(lo, hi)
        area = self.area
        x0, x1 = max(left, area.x), min(right, area.right)
        y0, y1 = max(top, area.y), min(bottom, area.bottom)
        upright = [[(x, y0), (x, y1)] for x in (left, right) if area.x <= x <= area.right]
        return upright + [[(x0, y), (x1, y)] for y in (top, bottom) if area.y <= y <= area.bottom]
