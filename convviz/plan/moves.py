"""Ops that only move cells: every output is a copy of one input cell, or a constant.

Which cell it is, the op says itself: ``forward`` of cells that hold their own number gives it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from convviz.ops import build
from convviz.ops.activation import ChannelDropout, DropPath, Random
from convviz.ops.base import Array, Op, Shape
from convviz.ops.shape import Concat, Crop, Flatten, Pad, Permute, Reshape, Slice, Unfold
from convviz.ops.source import Parameter, Source
from convviz.plan.given import Given
from convviz.plan.model import Cell, Formula, Grid, Number, Plan, Step, Term, Work, Write
from convviz.plan.pieces import equal, place, plan_of, step
from convviz.plan.reach import unclipped, unravel
from convviz.plan.words import inner, number, size


def moves(given: Given) -> Plan:
    """The plan of an op that moves cells: one copy a step."""
    grids = given.parameters() if isinstance(given.op, Source) else given.inputs()
    sources = origins(given.op, [grid.shape for grid in grids], given.out)
    beyond = outside(given)
    steps: list[Step] = []
    for cell in np.ndindex(given.out):
        result, found = given.result(cell), sources[cell]
        writes = [Write("output", cell, result)]
        if found is None:
            text = equal(place("output", cell), result)
            lost = Term(given.keys[0], beyond[cell], result, product=result, padding=True)
            caption = f"{place('Output', cell)} lies outside the input and is filled with {number(result)}."
            steps.append(step("Copy", caption, Work("copy", (lost,), result, text), writes))
            continue
        which, source = found
        name = place(grids[which].title, source)
        taken = Term(grids[which].key, source, result, product=result)
        work = Work("copy", (taken,), result, equal(f"{place('output', cell)} = {name}", result))
        caption = f"{place('Output', cell)} is a copy of {name}, {number(result)}."
        steps.append(step("Copy", caption, work, writes))
    if beyond:
        grids = [bordered(given, grids[0], beyond)]
    return plan_of(given, [*grids, given.output()], steps, formulas(given), notes(given))


def origins(op: Op, shapes: Sequence[Shape], out: Shape) -> dict[Cell, tuple[int, Cell] | None]:
    """For each output cell, which input and which cell of it is copied; None: a constant."""
    starts = np.cumsum([0, *(prod(shape) for shape in shapes)])
    total = float(starts[-1])
    numbers = [
        np.arange(start, start + prod(shape), dtype=float).reshape(shape)
        for start, shape in zip(starts, shapes, strict=False)
    ]

    def run(shift: float) -> Array:
        moved = [x + shift for x in numbers]
        if isinstance(op, Source):
            return op.forward(weights=dict.fromkeys(("weight", "value"), moved[0]))[0]
        return op.forward(*(x[None] for x in moved))[0]

    found, again = run(0), run(total)  # what stays the same in both is a constant
    sources: dict[Cell, tuple[int, Cell] | None] = {}
    for cell in np.ndindex(out):
        at = int(found[cell])
        which = int(np.searchsorted(starts, at, side="right")) - 1
        copied = again[cell] - found[cell] == total
        sources[cell] = (which, unravel(at - int(starts[which]), shapes[which])) if copied else None
    return sources


def outside(given: Given) -> dict[Cell, Cell]:
    """For each output cell that stands in the padding, the cell outside the input that it stands on."""
    op = given.op
    if isinstance(op, Unfold):
        sources = padded_origins(op, given.ins[0])
    elif isinstance(op, Pad):
        (reads,) = op.reads(*given.ins)
        sources = {cell: unclipped(reads, cell) for cell in np.ndindex(given.out)}
    else:
        return {}
    shape = given.ins[0]
    return {
        cell: source
        for cell, source in sources.items()
        if not all(0 <= i < n for i, n in zip(source, shape, strict=True))
    }


def padded_origins(op: Unfold, shape: Shape) -> dict[Cell, Cell]:
    """For each output cell of an unfold its source, by the op on a map whose padding is made of cells."""
    bare = build(op.kind, op.fields() | {"padding": 0}, len(op.kernel_size))
    padded = (shape[0], *(n + 2 * p for n, p in zip(shape[1:], op.padding, strict=True)))
    moved: dict[Cell, Cell] = {}
    for cell, found in origins(bare, [padded], op.shape(shape)).items():
        assert found is not None
        channel, *space = found[1]
        moved[cell] = (channel, *(i - p for i, p in zip(space, op.padding, strict=True)))
    return moved


def bordered(given: Given, grid: Grid, beyond: dict[Cell, Cell]) -> Grid:
    """The input's grid with the cells around it and what they hold."""
    space = len(grid.shape) - 1
    pads = tuple((max(before, 0), max(after, 0)) for before, after in given.op.pads())
    held: dict[Cell, Number | None] = {source: given.result(cell) for cell, source in beyond.items()}
    values = {cell: value for cell, value in held.items() if value != 0}
    return replace(grid, pads=((0, 0),) * (space - len(pads)) + pads, outside=values)


# -- formulas -------------------------------------------------------------------------------------------
def formulas(given: Given) -> list[Formula]:
    """Sizes with the numbers put in, where the op changes them; where a cell comes from, where a formula says it."""
    op, ins, out = given.op, given.ins, given.out
    if isinstance(op, Pad | Crop):
        sign, inverse = ("+", "−") if isinstance(op, Pad) else ("−", "+")
        found = []
        for axis, (before, after) in enumerate(op.pads()):
            at = len(out) - len(op.pads()) + axis
            numbers = f"{ins[0][at]} {sign} {inner(before)} {sign} {inner(after)}"
            found.append(
                Formula(f"size of dim {at + 1}", f"n {sign} before {sign} after", numbers, str(out[at]))
            )
        first = op.pads()[0][0]
        found.append(
            Formula(
                f"source of output o along dim {len(out) - len(op.pads()) + 1}",
                f"o {inverse} before",
                f"0 {inverse} {inner(first)}",
                number(-first if isinstance(op, Pad) else first),
                "for o = 0",
            )
        )
        return found
    if isinstance(op, Reshape | Flatten):
        numbers = f"{size(ins[0])} = {size(out)}"
        return [Formula("cells before and after", "product of the sizes", numbers, f"{prod(out):,}")]
    if isinstance(op, Concat):
        at = op.dim if op.dim >= 0 else op.dim + len(out) + 1
        parts = [shape[at - 1] for shape in ins]
        symbols = " + ".join(f"n{i + 1}" for i in range(len(parts)))
        return [Formula(f"size of dim {at}", symbols, " + ".join(map(str, parts)), str(out[at - 1]))]
    if isinstance(op, Slice):
        cells = op.cells(ins[0])
        numbers = f"⌊({cells[-1]} − {cells[0]}) / {op.step}⌋ + 1"
        return [Formula("cells kept", "⌊(last − first) / step⌋ + 1", numbers, str(len(cells)))]
    if isinstance(op, Permute):
        order = ", ".join(str(at + 1) for at in op.order(ins[0]))
        numbers = f"dims {order} of {size(ins[0])}"
        return [Formula("output sizes", "input sizes in the order of dims", numbers, size(out))]
    return []


BORDERS = {
    "constant": "Padding is filled with one number.",
    "reflect": "Padding mirrors the input at its first and last cell, which are not repeated.",
    "replicate": "Padding repeats the first and the last cell.",
    "circular": "Padding goes on at the other end of the input.",
}


def notes(given: Given) -> list[str]:
    """What the steps do not say."""
    op = given.op
    if isinstance(op, Pad):
        return [BORDERS[op.mode]]
    if isinstance(op, Parameter):
        return ["This tensor is trained, and no input reaches it."]
    if isinstance(op, Source):
        return ["This tensor is kept with the model and never trained, and no input reaches it."]
    if isinstance(op, Random):
        what = (
            "samples"
            if isinstance(op, DropPath)
            else "channels"
            if isinstance(op, ChannelDropout)
            else "cells"
        )
        p = number(op.p)
        if op.p == 1:
            return [f"In evaluation every cell is copied; in training all {what} are dropped (p = 1)."]
        grown = f"1 / (1 − {p}) = {number(1 / (1 - op.p))}"
        if op.kind == "alpha_dropout":
            return [
                f"In evaluation every cell is copied; in training each of the {what} is set to SELU's lower limit "
                f"with probability {p}, and an affine map keeps mean and variance."
            ]
        return [
            f"In evaluation every cell is copied; in training each of the {what} becomes 0 with probability {p}, "
            f"and the others are multiplied by {grown}."
        ]
    return []
