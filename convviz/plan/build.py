"""One door for all plans: an op and shapes, or the name of an op or form, give a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from convviz.errors import ConvvizError, ShapeError
from convviz.ops.base import Op, Shape
from convviz.ops.conv import Conv, ConvTranspose
from convviz.ops.pool import AdaptivePool, GlobalAvgPool, WindowPool
from convviz.ops.shuffle import ChannelShuffle, PixelShuffle, PixelUnshuffle
from convviz.plan.model import Plan
from convviz.plan.pooling import pool
from convviz.plan.shuffle import shuffle
from convviz.plan.transposed import transposed
from convviz.plan.window import conv

WINDOWED = (
    Conv,
    ConvTranspose,
    WindowPool,
    AdaptivePool,
    GlobalAvgPool,
    PixelShuffle,
    PixelUnshuffle,
    ChannelShuffle,
)


def explain(
    op: Op,
    *ins: Shape,
    xs: Sequence[Any] | None = None,
    weights: Mapping[str, Any] | None = None,
    view: str | None = None,
    seed: int = 0,
) -> Plan:
    """The plan of an op on inputs of these shapes (without a batch axis).

    xs: arrays of these shapes; weights: arrays by name; where they are not given, small whole numbers, which follow
    from ``seed``. view: another way to tell it, where the op has one (conv: sum, matrix; conv_transpose: both, scatter,
    gather, matrix). Raises ConvvizError for what does not fit, or is too large to follow.

    >>> from convviz.ops import build
    >>> explain(build("max_pool", {"kernel_size": 2}), (1, 4, 4), xs=[[[range(4)] * 4]]).steps[0].work.text
    'max(0, 1, 0, 1) = 1'
    """
    if isinstance(op, WINDOWED):
        if len(ins) != 1:
            raise ShapeError(f"{op.kind} takes 1 input, got {len(ins)}")
        (shape,) = ins
        if isinstance(op, Conv):
            return conv(op, shape, xs, weights, view, seed)
        if isinstance(op, ConvTranspose):
            return transposed(op, shape, xs, weights, view, seed)
        if isinstance(op, PixelShuffle | PixelUnshuffle | ChannelShuffle):
            return shuffle(op, shape, xs, view, seed)
        return pool(op, shape, xs, view, seed)
    if view is not None:
        raise ConvvizError(f"{op.kind} has one view only, got {view!r}", "view")
    from convviz.plan.general import general

    return general(op, ins, xs, weights)
