"""Pixel shuffle, its inverse and channel shuffle: each output cell is a copy, and the plan says of which cell."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from convviz.ops.base import Shape
from convviz.ops.shuffle import ChannelShuffle, PixelShuffle, PixelUnshuffle
from convviz.plan import formulas, words
from convviz.plan.given import plain, table_of
from convviz.plan.model import Cell, Grid, Marked, Number, Plan, Stage, Step, Term, Work, Write
from convviz.plan.sample import guard, sample
from convviz.plan.titles import headline
from convviz.plan.window import one_of

Shuffle = PixelShuffle | PixelUnshuffle | ChannelShuffle
ICNR = (
    "A convolution in front makes the channels. At random weights its {many} filters of a block differ, and the output "
    "shows a checkerboard; ICNR gives all {many} the same weights, so that it starts as nearest upsampling."
)


def shuffle(
    op: Shuffle, shape: Shape, xs: Sequence[Any] | None = None, view: str | None = None, seed: int = 0
) -> Plan:
    """The plan of a shuffle on a map ``(C, *space)``. By default a cell's value tells its channel."""
    one_of(view or "copy", ("copy",), op)
    out = guard(op, shape, 1)
    x = numbered(shape) if xs is None else sample(op, shape, xs, seed)
    # Which cell each output is a copy of, the op says itself: it moves the cells' own numbers.
    sources = op.forward(np.arange(prod(shape)).reshape(1, *shape))[0]
    y = op.forward(x[None])[0]
    steps = []
    for cell in np.ndindex(*out):
        source = tuple(int(i) for i in np.unravel_index(int(sources[cell]), shape))
        steps.append(copy_step(cell, source, plain(y[cell])))
    return Plan(
        name=op.kind,
        title=headline(op, shape, out),
        panels=(
            Grid("input", "input", f"input {words.size(shape)}", shape, table_of(x)),
            Grid("output", "output", f"output {words.size(out)}", out),
        ),
        steps=tuple(steps),
        formulas=formulas.of(op, shape),
        facts=formulas.facts(op, shape),
        notes=(ICNR.format(many=shape[0] // out[0]),)
        if isinstance(op, PixelShuffle) and op.upscale_factor > 1
        else (),
        stages=(Stage(op, (shape,), out, ("input",), "output"),),
    )


def copy_step(cell: Cell, source: Cell, value: Number) -> Step:
    """The step that fills one output cell."""
    to, at = words.position(cell[1:]), words.position(source[1:])
    return Step(
        section=f"Channel {cell[0]}",
        caption=f"Output {to} of channel {cell[0]} is input {at} of channel {source[0]}: {words.number(value)}.",
        marks=(Marked("input", "read", (source,)), Marked("output", "written", (cell,))),
        work=Work(
            "copy",
            (Term("input", source, value, product=value),),
            value,
            f"channel {source[0]}, {at} → channel {cell[0]}, {to}: {words.number(value)}",
        ),
        writes=(Write("output", cell, value),),
    )


def numbered(shape: Shape) -> np.ndarray:
    """Cells that tell where they come from: channel 2 holds 20, 21, 22 ... (200, 201 ... where it has more cells)."""
    cells = prod(shape[1:])
    unit = 10 ** max(1, len(str(cells - 1)))
    return (np.arange(shape[0])[:, None] * unit + np.arange(cells)).reshape(shape).astype(float)
