"""Transposed convolution scattered and gathered in step, and the matrix of the convolution that it transposes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from convviz.errors import ConvvizError
from convviz.graph import Graph
from convviz.ops import build
from convviz.ops.conv import ConvTranspose
from convviz.plan import words
from convviz.plan.build import explain
from convviz.plan.model import Cell, Grid, Matrix, Plan, Step, Term

BOTH = ("scattered", "output", "matrix")
SECTION = "In step"
CELLS = 2  # along each axis of the input that is drawn of a layer, where padding does not crop all they give
GROW = 16  # cells more that are tried


def of_channel(graph: Graph, layer: str, seed: int = 0) -> Plan:
    """One input and one output channel of a transposed convolution in a net, on a few cells, in step.

    ``notes`` begin with what is left out. Raises ConvvizError for another op.
    """
    node = graph[layer]
    op = node.op
    if not isinstance(op, ConvTranspose):
        raise ConvvizError(f"is a {op.kind}, and a conv_transpose is needed", layer)
    fields = {**op.fields(), "out_channels": 1, "groups": 1, "bias": False}
    one = build(op.kind, fields, op.rank)
    channels, *space = node.ins[0][-op.rank - 1 :]
    for n in range(CELLS, CELLS + GROW):
        shape = (1, *(min(n, size) for size in space))
        try:
            out = one.shape(shape)
        except ConvvizError:
            continue
        if min(out[1:]) > 1 or n > max(space):
            break
    done = in_step(explain(one, shape, view="both", seed=seed))
    counts = words.size((channels, node.out[-op.rank - 1]))
    drawn = f"One of {counts} pairs of channels is drawn, on {words.size(shape[1:])} of {words.size(space)} cells."
    return replace(done, notes=(drawn, *done.notes))


def in_step(plan: Plan) -> Plan:
    """The plan of view ``both`` with its steps interleaved: what an input cell completes is gathered right behind it.

    Both outputs then fill in the same order, and after every step the cells that are complete hold the same
    numbers. Panel ``convolution`` is the matrix of the convolution that goes the other way. Raises ConvvizError for
    the plan of another view or op.
    """
    if not all(key in plan.by_key for key in BOTH):
        raise ConvvizError("needs the plan of a transposed convolution in view 'both'", plan.name)
    first, *painted = (step for step in plan.steps if step.section == "Scatter")
    crop = [step for step in painted if step.work is None]
    painted = [step for step in painted if step.work is not None]
    behind: dict[int, list[Step]] = {}
    last = completed_by(painted)
    for step in plan.steps:
        if step.section == "Gather":
            behind.setdefault(last.get(step.writes[0].cell, 0), []).append(step)
    order = [first]
    for i, step in enumerate(painted):
        order += [step, *behind.get(i, ())]
    steps = tuple(replace(step, section=SECTION) for step in (*order, *crop))
    matrix = plan["matrix"]
    assert isinstance(matrix, Matrix)
    panels = (*plan.panels, turned(matrix, "convolution"))
    return replace(plan, panels=panels, steps=steps)


def one_pair(plan: Plan) -> Plan:
    """The same with the first input and the first output channel alone, in step and without a bias."""
    (stage,) = plan.stages
    op, kernel, x = stage.op, plan["kernel"], plan.shown("input")
    assert isinstance(op, ConvTranspose) and isinstance(kernel, Grid)
    shape = (1, *stage.ins[0][1:])
    alone = build(op.kind, {**op.fields(), "out_channels": 1, "groups": 1, "bias": False}, op.rank)
    first = np.array([x[cell] for cell in np.ndindex(shape)], dtype=float).reshape(shape)
    values = plan.shown("kernel")
    w = np.array([values[0, *at] for at in np.ndindex(op.kernel_size)], dtype=float).reshape(
        1, 1, *op.kernel_size
    )
    return in_step(explain(alone, shape, xs=[first], weights={"weight": w}, view="both"))


def completed_by(painted: list[Step]) -> dict[Cell, int]:
    """For each output cell that is painted at all, the last step that does it."""
    return {write.cell: i for i, step in enumerate(painted) for write in step.writes}


def turned(matrix: Matrix, key: str) -> Matrix:
    """The matrix with rows and columns exchanged."""
    entries = {(column, row): entry for (row, column), entry in matrix.entries.items()}
    title = f"matrix {len(matrix.columns)}×{len(matrix.rows)}"
    return Matrix(key, title, matrix.columns, matrix.rows, dict(sorted(entries.items())))


def spread(plan: Plan) -> dict[Cell, Cell]:
    """Each input cell, and where it stands in the zero-stuffed input."""
    given, stuffed = plan["input"], plan["stuffed"]
    assert isinstance(given, Grid) and isinstance(stuffed, Grid)
    steps = (1, *stuffed.stuffed)
    return {
        cell: tuple(at * step for at, step in zip(cell, steps, strict=True)) for cell in given.values or {}
    }


def flips(plan: Plan) -> dict[Cell, Cell]:
    """Each weight of the kernel, and where it stands in the flipped one: both carry one input to one output."""
    places = spread(plan)
    painted: dict[tuple[Cell, Cell], Cell] = {}
    found: dict[Cell, Cell] = {}
    for step in plan.steps:
        for term in step.work.terms if step.work is not None else ():
            if term.weight is not None and term.to is not None:
                painted[places[term.cell], term.to] = term.weight
    for step in plan.steps:
        if step.work is not None and step.work.how == "dot":
            for term in step.work.terms:
                weight = painted.get((term.cell, step.writes[0].cell))
                if weight is not None and term.weight is not None:
                    found[weight] = term.weight
    return found


def heaviest(plan: Plan) -> tuple[Cell, str, str, str] | None:
    """The output that most inputs paint: the cell, the sum as it is painted and as it is gathered, and what differs.

    None where nothing is painted inside the output.
    """
    met: dict[Cell, list[Term]] = {}
    for step in plan.steps:
        for term in step.work.terms if step.work is not None else ():
            if term.to is not None:
                met.setdefault(term.to, []).append(term)
    works = {s.writes[0].cell: s.work for s in plan.steps if s.work is not None and s.work.how == "dot"}
    inside = [cell for cell in met if cell in works]
    if not inside:
        return None
    cell = max(inside, key=lambda at: len(met[at]))
    work = works[cell]
    assert work.result is not None
    zeros = len(work.terms) - len(met[cell])
    note = (
        f"Gathering adds {words.count(zeros, 'product')} with zeros."
        if zeros
        else "Neither multiplies zeros."
    )
    return cell, words.sum_text(met[cell], work.bias, work.result), work.text, note
