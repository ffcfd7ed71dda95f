"""The panels of a plan laid out in an area of the board, or one line that says what would fit."""

from __future__ import annotations

from collections.abc import Sequence

from convviz.scenes.stage import board

from convviz.errors import ConvvizError
from convviz.figures import arrange
from convviz.figures.arrange import Layout
from convviz.figures.cells import Box
from convviz.figures.channels import STACK, Shape
from convviz.ops.base import show
from convviz.plan import explain
from convviz.plan.model import Plan

LEAST = 7.0  # points of a cell's side: smaller ones cannot be told apart in a film of 480 lines
NUMBERED = 12.0  # points of a cell that has room for a number


def laid_out(plan: Plan, at: Sequence[int], area: Box, largest: int) -> Layout:
    """Panels in the middle of an area; raises ConvvizError where cells would be too small, with what would fit."""
    layout = arranged(plan, at, area, largest)
    if layout is None:
        whole = arrange.arrange(plan, at, largest, board.room(area, 1))
        raise ConvvizError(
            f"too many cells to be seen in a film: {counted(whole)}{advice(plan, area)}", plan.name
        )
    layout.spread(area.width)
    layout.place(area.x + (area.width - layout.width) / 2, area.y + max((area.height - layout.height) / 2, 0))
    return layout


def arranged(plan: Plan, at: Sequence[int], area: Box, largest: int = 30) -> Layout | None:
    """Panels with all their channels, or with one of each in front; None where no cells could be told apart."""
    best: Layout | None = None
    for sheets in (STACK, 1):
        layout = arrange.arrange(plan, at, largest, board.room(area, sheets))
        if fits(layout, area) and (best is None or layout.side > 2 * best.side):
            best = layout
        if best is not None and best.side >= NUMBERED:
            break
    return best


def fits(layout: Layout, area: Box) -> bool:
    """Whether a layout lies in the area with cells that can be told apart."""
    grids = any(isinstance(block, Shape) for block in layout.blocks)
    within = layout.width <= area.width + 0.5 and layout.height <= area.height + 4
    return within and (not grids or layout.side >= LEAST)


def counted(layout: Layout) -> str:
    """The panel with the most cells."""
    shapes = [block for block in layout.blocks if isinstance(block, Shape)]
    if not shapes:
        return "its tables are too large"
    most = max(shapes, key=lambda s: sum(len(sheet.rows) * len(sheet.columns) for sheet in s.sheets))
    return f"the {most.grid.title} has {show(most.grid.shape)}"


def advice(plan: Plan, area: Box) -> str:
    """The largest input of the same op that fits, found by trying."""
    if len(plan.stages) != 1 or len(plan.stages[0].ins) != 1:
        return "; take a smaller input"
    stage = plan.stages[0]
    channels, *space = stage.ins[0]
    for part in (0.8, 0.65, 0.5, 0.4, 0.3, 0.2, 0.12, 0.07, 0.04, 0.02):
        smaller = (channels, *(max(1, int(n * part)) for n in space))
        try:
            made = explain(stage.op, smaller)
            if arranged(made, (len(made.steps) // 2,) if made.steps else (), area) is not None:
                return f"; an input of {show(smaller)} can be drawn"
        except ConvvizError:
            continue
    return "; take fewer channels or a smaller kernel"
