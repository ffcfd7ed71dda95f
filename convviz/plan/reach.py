"""Which input cells one output cell reads: an op's ``reads`` along each axis, put together."""

from __future__ import annotations

from functools import reduce
from itertools import product
from math import prod

import numpy as np

from convviz.ops.base import Along, AxisRead, Reads, Regroup, Shape, Steps
from convviz.ops.relations import Relation, inside
from convviz.plan.model import Cell


def cells_read(reads: Reads, shape: Shape, out: Shape, cell: Cell) -> tuple[Cell, ...]:
    """Cells of an input of ``shape`` that output ``cell`` (of shape ``out``) reads, each once.

    They come in the order of the kernel: padding is left out, or is the cell that its mode repeats.

    >>> from convviz.ops import build
    >>> (reads,) = build("crop", {"padding": 1}).reads((1, 4, 4))
    >>> cells_read(reads, (1, 4, 4), (1, 2, 2), (0, 0, 1))
    ((0, 1, 2),)
    """
    if isinstance(reads, Regroup):
        return (unravel(ravel(cell, reads.out), shape),)
    if isinstance(reads, Steps):
        shapes = [shape, *(then for _, then in reads)]
        found: dict[Cell, None] = {cell: None}
        for i, (step, then) in reversed(list(enumerate(reads))):
            found = dict.fromkeys(c for o in found for c in cells_read(step, shapes[i], then, o))
        return tuple(found)
    return tuple(product(*(along(read, n, cell) for read, n in zip(reads.axes, shape, strict=True))))


def along(read: AxisRead, n: int, cell: Cell) -> list[int]:
    """The same along one input axis of ``n`` cells."""
    taps = read.relation.taps(0 if read.to is None else cell[read.to]).cells
    pieces = inside(taps, n, getattr(read.relation, "border", "zeros"))
    return list(dict.fromkeys(i for piece in pieces for i in piece))


def unclipped(reads: Along, cell: Cell) -> Cell:
    """The one cell that a moved ``cell`` comes from, which may lie outside the input."""
    taps = [axis.relation.taps(0 if axis.to is None else cell[axis.to]).cells for axis in reads.axes]
    return tuple(t[0] for t in taps)


def count_read(reads: Reads, shape: Shape, out: Shape) -> int:
    """How many input cells an output reads at most, without listing them."""
    if isinstance(reads, Regroup):
        return 1
    if isinstance(reads, Steps):
        shapes = [shape, *(then for _, then in reads)]
        return prod(count_read(step, before, then) for (step, then), before in zip(reads, shapes))
    total = 1
    for (relation, to), n in zip(reads.axes, shape, strict=True):
        total *= min(n, max(taps_of(relation, 0 if to is None else out[to] // 2), 1))
    return total


def taps_of(relation: Relation, o: int) -> int:
    """How many cells an output reads along one axis, padding included; more than ``len`` of a range could tell."""
    cells = relation.taps(o).cells
    return abs(cells.stop - cells.start) // abs(cells.step)


def widest(reads: Reads) -> int:
    """The longest row of cells, padding included, that an output reads along one axis."""
    if isinstance(reads, Regroup):
        return 1
    if isinstance(reads, Steps):
        return max(widest(step) for step, _ in reads)
    return max((taps_of(relation, 0) for relation, _ in reads.axes), default=1)


def ravel(cell: Cell, shape: Shape) -> int:
    """Where a cell lies when all of them are in one row."""
    return reduce(lambda at, pair: at * pair[1] + pair[0], zip(cell, shape, strict=True), 0)


def unravel(at: int, shape: Shape) -> Cell:
    return tuple(int(i) for i in np.unravel_index(at, shape))
