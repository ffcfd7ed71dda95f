"""The door to the plans of all ops that are no windows: each family has its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from convviz.ops.activation import Clamp, Function, Glu, Prelu, Random
from convviz.ops.attention import Attention, ScaledDotProductAttention
from convviz.ops.base import Op, Shape
from convviz.ops.dense import Linear
from convviz.ops.join import Einsum, Join, MatMul
from convviz.ops.norm import LocalResponseNorm, LogSoftmax, Norm, Normalize, Softmax, Softmin
from convviz.ops.recurrent import Gru, Lstm
from convviz.ops.resize import Upsample
from convviz.ops.shape import (
    Chunk,
    Concat,
    Crop,
    Expand,
    Flatten,
    Flip,
    Pad,
    Permute,
    Reduce,
    Reshape,
    Roll,
    Slice,
    Stack,
    Unfold,
)
from convviz.ops.shuffle import ChannelShuffle, PixelShuffle, PixelUnshuffle
from convviz.ops.source import Source
from convviz.plan import (
    attention,
    dense,
    elementwise,
    joins,
    local_response,
    norms,
    recurrent,
    resize,
    softmax,
)
from convviz.plan.given import Given, give
from convviz.plan.model import Plan, Term, Work, Write
from convviz.plan.moves import moves
from convviz.plan.pieces import place, plan_of, step
from convviz.plan.reach import cells_read
from convviz.plan.words import count, number

# The class of an op, or one that it inherits from -> what explains it.
EXPLAINS: dict[type[Op], Callable[[Given], Plan]] = {
    Function: elementwise.function,
    Clamp: elementwise.clamp,
    Prelu: elementwise.prelu,
    Glu: elementwise.glu,
    Join: joins.join,
    MatMul: joins.matmul,
    Einsum: joins.einsum,
    Linear: dense.linear,
    Reduce: dense.reduction,
    Norm: norms.of_sample,
    LocalResponseNorm: local_response.local_response,
    Softmax: softmax.softmax,
    Softmin: softmax.softmax,
    LogSoftmax: softmax.log_softmax,
    Normalize: softmax.normalize,
    Upsample: resize.resize,
    Attention: attention.attention,
    ScaledDotProductAttention: attention.scaled_dot_product,
    Lstm: recurrent.lstm,
    Gru: recurrent.gru,
    **dict.fromkeys(
        (
            Chunk,
            ChannelShuffle,
            Concat,
            Crop,
            Expand,
            Flatten,
            Flip,
            Pad,
            Permute,
            PixelShuffle,
            PixelUnshuffle,
            Random,
            Reshape,
            Roll,
            Slice,
            Source,
            Stack,
            Unfold,
        ),
        moves,
    ),
}


def general(
    op: Op,
    ins: Sequence[Shape],
    xs: Sequence[Any] | None = None,
    weights: Mapping[str, Any] | None = None,
) -> Plan:
    """The plan of an op on inputs of shapes ``ins`` (no batch axis).

    xs: an array for each input; weights: by torch's names. Without them there are small whole numbers, always
    the same. Raises ConvvizError where they do not fit, or the explanation would have more than
    :data:`~convviz.plan.limits.MAX_STEPS` steps.

    >>> from convviz.ops import build
    >>> plan = general(build("relu"), [(3,)], [[-2, 0, 5]])
    >>> plan.steps[0].work.text, plan.shown("output")
    ('max(0, −2) = 0', {(0,): 0, (1,): 0, (2,): 5})
    """
    given = give(op, ins, xs, weights)
    for cls in type(op).__mro__:
        if cls in EXPLAINS:
            return EXPLAINS[cls](given)
    return reading(given)


def reading(given: Given) -> Plan:
    """The plan of an op whose arithmetic is not spelled out: what each output reads, and what it is if known."""
    steps = []
    reads = given.op.reads(*given.ins)
    for cell in np.ndindex(given.out):
        terms: list[Term] = []
        for which, (read, shape) in enumerate(zip(reads, given.ins, strict=True)):
            terms += [given.term(which, source) for source in cells_read(read, shape, given.out, cell)]
        result = None if given.y is None else given.result(cell)
        seen = f"{place('output', cell)} reads {count(len(terms), 'cell')}"
        text = "" if result is None else f"{seen} = {number(result)}"
        caption = (
            f"{seen[0].upper()}{seen[1:]}" + ("" if result is None else f" and is {number(result)}") + "."
        )
        writes = [] if result is None else [Write("output", cell, result)]
        work = Work("function", tuple(terms), result, text, name=given.kind)
        steps.append(step("Read", caption, work, writes))
    notes = ["What is computed is not known; the cells are those that the output depends on."] * (
        given.y is None
    )
    return plan_of(given, [*given.inputs(), *given.parameters(), given.output()], steps, notes=notes)
