"""Transposed convolution in three ways that agree: scattered, gathered from the zero-stuffed input, as a matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from convviz.ops.base import Shape, build
from convviz.ops.conv import Conv, ConvTranspose
from convviz.ops.relations import Window
from convviz.plan import formulas, gather, scatter, words
from convviz.plan.given import plain, table_of
from convviz.plan.limits import MAX_STEPS, check_count
from convviz.plan.model import Grid, Marked, Matrix, Panel, Plan, Stage, Step, Term
from convviz.plan.sample import guard, sample, weights
from convviz.plan.titles import headline, settings
from convviz.plan.transpose import Transpose
from convviz.plan.window import kernel_title, lines, one_of, plain_map

VIEWS = ("both", "scatter", "gather", "matrix")


def transposed(
    op: ConvTranspose,
    shape: Shape,
    xs: Sequence[Any] | None = None,
    given: Mapping[str, Any] | None = None,
    view: str | None = None,
    seed: int = 0,
) -> Plan:
    """The plan of a transposed convolution on a map ``(C, *space)``.

    Views: ``scatter`` (each input cell adds its multiple of the kernel to the output), ``gather`` (each output cell is
    a window of the zero-stuffed input times the flipped kernel), ``matrix``, or ``both`` with the matrix beside.
    """
    view = one_of(view or "both", VIEWS, op)
    plain_map(op, shape)
    taps = prod(op.kernel_size) * max(shape[0], op.out_channels) // op.groups
    out = guard(op, shape, taps)
    guard(op, shape, taps, prod(shape))
    x, w = sample(op, shape, xs, seed), weights(op, shape, given, seed)
    way = Transpose(op, shape, out, x, w)
    panels, steps = parts(way, view)
    check_count(op.kind, "steps", len(steps), MAX_STEPS)
    kernel = "kernel" if any(panel.key == "kernel" for panel in panels) else None
    return Plan(
        name=op.kind,
        title=headline(op, shape, out),
        panels=tuple(panels),
        steps=tuple(steps),
        formulas=formulas.of(op, shape),
        facts=formulas.facts(op, shape),
        notes=notes(way, view),
        stages=(Stage(op, (shape,), out, ("input",), "output", kernel),),
    )


def parts(way: Transpose, view: str) -> tuple[list[Panel], list[Step]]:
    """The panels and steps of a view."""
    given = Grid("input", "input", f"input {words.size(way.shape)}", way.shape, table_of(way.x))
    kernel = way.kernel.grid(kernel_title(way.w, filters=False))
    if view == "scatter":
        return [given, kernel, scatter.scattered(way, "output")], scatter.scatter(way, "output")
    if view == "gather":
        return [given, *gather.panels(way)], gather.gather(way)
    matrix = way.matrix()
    if view == "matrix":
        return [given, kernel, matrix, way.output()], rows(way, matrix)
    scattered = scatter.scattered(way, "scattered")
    panels: list[Panel] = [given, kernel, scattered, *gather.panels(way), matrix]
    return panels, scatter.scatter(way, "scattered", matrix) + gather.gather(way, matrix)


def rows(way: Transpose, matrix: Matrix) -> list[Step]:
    """One step for each row of the matrix: only what is not 0 is multiplied."""
    steps, entries = [], lines(matrix, 0)
    for row, cell in enumerate(matrix.rows):
        terms = tuple(entry(way, matrix, place) for place in entries.get(row, ()))
        bias = way.bias(cell[0]) if way.op.bias else None
        marks = [
            Marked("matrix", "read", entries.get(row, ())),
            Marked("input", "read", tuple(term.cell for term in terms)),
            Marked("kernel", "weight", tuple(term.weight for term in terms if term.weight)),
            Marked("output", "written", (cell,)),
        ]
        holds = f"row {row} of the matrix holds {words.count(len(terms), 'weight')}"
        text = f"{way.name(cell)}: {holds}; {way.adds(bias, cell)}."
        steps.append(way.dot("Matrix", text, cell, terms, bias, marks))
    return steps


def entry(way: Transpose, matrix: Matrix, place: tuple[int, int]) -> Term:
    """What one entry adds to its row."""
    (weight, factor), cell = matrix.entries[place], matrix.columns[place[1]]
    value = plain(way.x[cell])
    return Term("input", cell, value, weight, factor, plain(value * factor))


def notes(way: Transpose, view: str) -> tuple[str, ...]:
    """How evenly the outputs are covered, and how the views hang together."""
    op, found = way.op, []
    hits = sorted({prod(counts) for counts in product(*(overlaps(w) for w in way.windows))}, reverse=True)
    if len(hits) > 1:
        many = words.listing((str(n) for n in hits), "or")
        found.append(f"Away from the border an output adds up {many} products a channel: a checkerboard.")
    if view in ("both", "matrix") and (text := transpose_of(way)):
        found.append(f"Its matrix is that of the {text}, transposed.")
    if view == "both":
        found.append("Scattered or gathered, the sums are the same; only gathering multiplies zeros.")
    if any(op.output_padding):
        found.append("Output padding adds cells at the far end, which get whatever products reach them.")
    return tuple(found)


def overlaps(window: Window) -> set[int]:
    """How many products the outputs add up along one axis, away from the border, over all phases of the stride."""
    reached = window.feeds(0).cells
    missed = len({o % window.period for o in reached}) < window.period
    return {len(window.taps(o).cells) for o in reached} | ({0} if missed else set())


def transpose_of(way: Transpose) -> str:
    """The convolution whose matrix this one transposes; empty where it gives back another size."""
    op = way.op
    fields = {name: getattr(op, name) for name in ("kernel_size", "stride", "padding", "dilation", "groups")}
    back = build("conv", {**fields, "out_channels": way.shape[0], "bias": False}, op.rank)
    assert isinstance(back, Conv)
    if back.shape(way.out) != way.shape:
        return ""
    return f"convolution ({settings(back)}) from {words.size(way.out)} to {words.size(way.shape)}"
