"""A pointwise convolution as a product of two matrices: weights (out x in) times pixels (in x positions)."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from convviz.errors import ConvvizError
from convviz.ops.conv import Conv
from convviz.plan import words
from convviz.plan.model import Cell, Grid, Marked, Number, Plan, Step, Write


def mixing(plan: Plan) -> Plan:
    """The plan of a pointwise convolution with the same numbers as a matrix product beside it.

    Three more panels: ``weights``, a row for each filter; ``pixels``, a column for each position; ``product``, what
    comes out. A step fills one cell of the output and of the product. Raises ConvvizError where the op does
    more than mix channels.

    >>> from convviz.plan import plan
    >>> mixing(plan("pointwise_conv"))["pixels"].title
    'pixels 3×9: a column for each position'
    """
    (stage,) = plan.stages
    op, (channels, *space) = stage.op, stage.ins[0]
    if not (isinstance(op, Conv) and is_mixing(op)):
        raise ConvvizError(
            "only a 1×1 convolution with stride 1, no padding and one group mixes nothing but channels"
        )
    filters, positions = stage.out[0], prod(space)
    kernel, pixels = plan["kernel"], plan["input"]
    assert isinstance(kernel, Grid) and isinstance(pixels, Grid)
    weights: dict[Cell, Number] = {
        divmod(cell[0], channels): value for cell, value in (kernel.values or {}).items()
    }
    values = {flat(cell, space): value for cell, value in (pixels.values or {}).items()}
    panels = (
        Grid("weights", "kernel", f"weights {filters}{words.TIMES}{channels}: a row for each filter",
             (filters, channels), weights),
        Grid("pixels", "input", f"pixels {channels}{words.TIMES}{positions}: a column for each position",
             (channels, positions), values),
        Grid("product", "output", f"product {filters}{words.TIMES}{positions}", (filters, positions)),
    )  # fmt: skip
    steps = tuple(doubled(step, channels, space) for step in plan.steps)
    return replace(plan, panels=(*plan.panels, *panels), steps=steps)


def is_mixing(op: Conv) -> bool:
    """Whether a convolution reads one position and all channels of it."""
    alone = set(op.kernel_size) == set(op.stride) == {1} and not any(map(any, op.pads()))
    return alone and op.groups == 1


def flat(cell: Cell, space: list[int]) -> Cell:
    """A cell (channel, *space) as (channel, position), the positions row by row."""
    return cell[0], int(np.ravel_multi_index(cell[1:], space))


def doubled(step: Step, channels: int, space: list[int]) -> Step:
    """The step with the same marks and the same result in the matrices."""
    (write,) = step.writes
    to = flat(write.cell, space)
    marks = (
        Marked("weights", "weight", tuple((to[0], channel) for channel in range(channels))),
        Marked("pixels", "read", tuple((channel, to[1]) for channel in range(channels))),
        Marked("product", "written", (to,)),
    )
    return replace(step, marks=(*step.marks, *marks), writes=(write, Write("product", to, write.value)))
