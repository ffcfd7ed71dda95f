"""Transposed convolution, gathered: each output cell is a window of the zero-stuffed input times the flipped kernel."""

from __future__ import annotations

from math import prod

import numpy as np

from convviz.ops.relations import Relation, Window, inside
from convviz.plan import words
from convviz.plan.model import Cell, Grid, Marked, Matrix, Step
from convviz.plan.reading import Kernel, Map
from convviz.plan.transpose import Transpose
from convviz.plan.window import kernel_title, lines


def windows(way: Transpose) -> list[Relation]:
    """Over the stuffed input: a plain window of stride 1."""
    op = way.op
    return [
        Window(k, dilation=d, padding=d * (k - 1) - p)
        for k, d, p in zip(op.kernel_size, op.dilation, op.padding, strict=True)
    ]


def stuffed(way: Transpose) -> Map:
    """The input with ``stride - 1`` zeros between neighbours."""
    full = np.zeros((way.shape[0], *way.stuffed_space()))
    full[(slice(None), *(slice(None, None, s) for s in way.op.stride))] = way.x
    return Map("stuffed", full, windows(way), way.out[1:])


def flipped(way: Transpose) -> Kernel:
    """The kernel turned round along every axis, with a filter for each output channel."""
    c, per, *size = way.w["weight"].shape
    groups = way.op.groups
    turned = way.w["weight"].reshape(groups, c // groups, per, *size).swapaxes(1, 2)
    turned = np.flip(turned.reshape(groups * per, c // groups, *size), tuple(range(2, 2 + len(size))))
    return Kernel("flipped", turned, [way.block.taps(f).cells for f in range(way.out[0])])


def panels(way: Transpose) -> list[Grid]:
    """The stuffed input, the flipped kernel and the output."""
    source = stuffed(way)
    source.check_size()
    zeros = "zero-stuffed input" if any(s > 1 for s in way.op.stride) else "padded input"
    return [
        source.grid(f"{zeros} {words.size(source.x.shape)}", stuffed=way.op.stride),
        flipped(way).grid(f"flipped {kernel_title(way.w, filters=False)}"),
        way.output(),
    ]


def gather(way: Transpose, matrix: Matrix | None = None) -> list[Step]:
    """One step for each output cell."""
    source, kernel, steps = stuffed(way), flipped(way), []
    rows = lines(matrix, 0) if matrix else {}
    for row, cell in enumerate(np.ndindex(*way.out)):
        reach = source.reach(cell[1:])
        terms = tuple(source.products(kernel, cell[0], reach))
        bias = way.bias(cell[0]) if way.op.bias else None
        marks = [Marked("stuffed", "read", tuple(t.cell for t in terms))]
        if holes := source.holes(kernel.channels[cell[0]], reach):
            marks.append(Marked("stuffed", "hole", holes))
        marks.append(Marked("flipped", "weight", tuple(t.weight for t in terms if t.weight)))
        marks.append(Marked("output", "written", (cell,)))
        if matrix:
            marks.append(Marked(matrix.key, "read", rows.get(row, ())))
        real = len(kernel.channels[cell[0]]) * prod(read_along(way, cell))
        where = words.places([taps.cells for taps in reach])
        text = (
            f"{way.name(cell)}: the flipped kernel lies on {where} of the stuffed input, where {real} of its "
            f"{words.count(len(terms), 'weight')} {'meets' if real == 1 else 'meet'} "
            f"{'an input cell' if real == 1 else 'input cells'} and the rest zeros; {way.adds(bias, cell)}."
        )
        steps.append(way.dot("Gather", text, cell, terms, bias, marks))
    return steps


def read_along(way: Transpose, cell: Cell) -> list[int]:
    """How many input cells an output reads along each axis."""
    axes = zip(way.windows, cell[1:], way.shape[1:], strict=True)
    return [sum(map(len, inside(w.taps(o).cells, n))) for w, o, n in axes]
