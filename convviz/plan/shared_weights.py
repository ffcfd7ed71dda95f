"""A map made twice, fully connected and as a convolution: the same matrix with every weight its own, with only those
in the window, and with one kernel's weights repeated; and what sharing means when the input moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from convviz.errors import ConvvizError
from convviz.ops.base import Array, Op, Shape, build, show
from convviz.ops.conv import Conv
from convviz.ops.dense import Linear
from convviz.plan import formulas, words
from convviz.plan.given import plain, table_of
from convviz.plan.limits import MAX_TERMS, check_count
from convviz.plan.model import (
    Cell,
    Formula,
    Grid,
    Marked,
    Matrix,
    Plan,
    Stage,
    Step,
    Table,
    Term,
    Work,
    Write,
)
from convviz.plan.pieces import dot_text, place
from convviz.plan.sample import guard, sample, weights
from convviz.plan.window import conv, plain_map

EVERY, WINDOW, KERNEL = "Every weight its own", "Only the window", "One kernel"
SALT = 5  # of the fully connected layer's weights


@dataclass(frozen=True)
class Twice:
    """A convolution and the fully connected layer between the same cells, with their numbers.

    x: ``(C, *space)``; dense: weight (outputs, inputs) and bias of the fully connected layer.
    """

    op: Conv
    shape: Shape
    out: Shape
    x: Array
    kernel: Mapping[str, Array]
    linear: Linear
    dense: Mapping[str, Array]

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the matrix."""
        return prod(self.out), prod(self.shape)

    def convolved(self, x: Array) -> Array:
        return np.asarray(self.op.forward(x[None], weights=self.kernel))[0]

    def connected(self, x: Array) -> Array:
        """The fully connected layer on the cells in one line, its outputs folded up again."""
        return np.asarray(self.linear.forward(x.reshape(1, -1), weights=self.dense))[0].reshape(self.out)


def twice(op: Op, shape: Shape, xs: Sequence[Any] | None = None, seed: int = 0) -> Twice:
    """A convolution on small whole numbers, and a fully connected layer of the same cells. Raises ConvvizError."""
    if not isinstance(op, Conv):
        raise ConvvizError("a fully connected layer is set against conv", op.kind)
    plain_map(op, shape)
    out = guard(op, shape, shape[0] // op.groups * prod(op.kernel_size))
    check_count("the fully connected layer", "weights", prod(out) * prod(shape), MAX_TERMS)
    linear = against(op, shape)
    flat = (prod(shape),)
    dense = weights(linear, flat, None, seed + SALT)
    return Twice(op, shape, out, sample(op, shape, xs, seed), weights(op, shape, None, seed), linear, dense)


def against(op: Op, shape: Shape) -> Linear:
    """The fully connected layer between the same cells: as many outputs as the op has, from all inputs."""
    linear = build("linear", {"out_features": prod(op.shape(shape)), "bias": getattr(op, "bias", False)}, 1)
    assert isinstance(linear, Linear)
    return linear


def largest(op: Op, channels: int, rank: int, rows: int, columns: int) -> Shape | None:
    """The largest map with equal sides whose matrix has at most so many rows and columns; None where there is none."""
    best = None
    for n in range(1, columns + 1):
        shape = (channels, *(n,) * rank)
        try:
            size = prod(op.shape(shape)), prod(shape)
        except ConvvizError:
            continue
        if size[0] <= rows and size[1] <= columns:
            best = shape
    return best


def thinned(op: Op, shape: Shape) -> tuple[Op, Shape]:
    """One filter on one channel, or in groups two of them: what a matrix can still show of a layer."""
    assert isinstance(op, Conv)
    few = min(op.groups, 2)
    fields = {**op.fields(), "out_channels": few, "groups": few}
    return build("conv", fields, op.rank), (few, *shape[1:])


# -- the matrix three times ----------------------------------------------------------------------------------
def sharing(both: Twice) -> Plan:
    """The matrix with every weight its own, with those of the window only, and with one kernel: an output a step.

    Panels: ``input``, ``kernel``, the matrices ``full``, ``local`` and ``shared``, the output of each, ``output_full``
    and so on, and ``counts``, a row of weights for each.
    """
    inner = conv(both.op, both.shape, [both.x], dict(both.kernel), view="matrix")
    shared = inner["matrix"]
    assert isinstance(shared, Matrix)
    rows, columns = shared.rows, shared.columns
    weight = both.dense["weight"]
    full = {at: (at, plain(weight[at])) for at in np.ndindex(*weight.shape)}
    local = {at: full[at] for at in shared.entries}
    stages = (
        (EVERY, Matrix("full", "every weight its own", rows, columns, full)),
        (WINDOW, Matrix("local", "only the window", rows, columns, local)),
        (KERNEL, replace(shared, key="shared", title="one kernel, repeated")),
    )
    bias = both.kernel["bias"].repeat(len(rows) // both.out[0]) if both.op.bias else None
    biases = (both.dense.get("bias"), both.dense.get("bias"), bias)
    steps, outputs = [], []
    for (section, matrix), b in zip(stages, biases, strict=True):
        key = f"output_{matrix.key}"
        outputs.append(Grid(key, "output", f"output {words.size(both.out)}", both.out))
        steps += [row_step(section, matrix, key, row, both.x, b) for row in range(len(rows))]
    known = inner.shown("output")
    assert all(step.writes[0].value == known[step.writes[0].cell] for step in steps if step.section == KERNEL)
    stage = Stage(both.op, (both.shape,), both.out, ("input",), "output_shared", "kernel")
    return Plan(
        "linear_or_conv",
        f"{words.size(both.shape)} to {words.size(both.out)}: fully connected, or a convolution",
        (
            inner["input"],
            inner["kernel"],
            *(matrix for _, matrix in stages),
            *outputs,
            counts(both, len(local)),
        ),
        tuple(steps),
        parameters(both.op, both.shape),
        stages=(stage,),
    )


def row_step(section: str, matrix: Matrix, key: str, row: int, x: Array, bias: Array | None) -> Step:
    """A row of the matrix times the input gives one output cell."""
    places = [at for at in matrix.entries if at[0] == row]
    terms = []
    for at in places:
        cell = matrix.columns[at[1]]
        value, (weight, factor) = plain(x[cell]), matrix.entries[at]
        terms.append(Term("input", cell, value, weight, factor, plain(value * factor)))
    b = None if bias is None else plain(bias[row])
    result = plain(sum(term.product for term in terms) + (b or 0))
    out = matrix.rows[row]
    marks = (
        Marked(matrix.key, "read", tuple(places)),
        Marked("input", "read", tuple(term.cell for term in terms)),
        Marked(key, "written", (out,)),
    )
    many = len({cell[0] for cell in matrix.rows}) > 1
    what = words.count(len(terms), "weight")
    caption = f"{place('Output', out if many else out[1:])}: row {row} has {what}; its sum is {words.number(result)}."
    work = Work("dot", tuple(terms), result, dot_text(terms, b, result), b)
    return Step(section, caption, marks, work, (Write(key, out, result),))


def counts(both: Twice, local: int) -> Table:
    """Weights and biases of the three, of which only the last does not grow with the map."""
    linear, op = both.linear, both.op
    flat = (prod(both.shape),)
    own = linear.out_features if linear.bias else 0
    kernel = prod(op.weights(both.shape)["weight"])
    rows = (
        (EVERY, linear.params(flat) - own, own, linear.params(flat)),
        (WINDOW, local, own, local + own),
        (KERNEL, kernel, op.params(both.shape) - kernel, op.params(both.shape)),
    )
    return Table("counts", "parameters", ("map", "weights", "biases", "all"), rows)


def parameters(op: Op, shape: Shape) -> tuple[Formula, ...]:
    """The parameters of the fully connected layer and of the convolution between the same cells."""
    assert isinstance(op, Conv)
    linear, out = against(op, shape), op.shape(shape)
    ins, outs = prod(shape), prod(out)
    full = Formula(
        "parameters, fully connected",
        "in×out" + " + out" * linear.bias,
        f"{ins:,}×{outs:,}" + f" + {outs:,}" * linear.bias,
        f"{linear.params((ins,)):,}",
        f"{show(shape)} is {ins:,} cells, {show(out)} is {outs:,}.",
    )
    few = next(formula for formula in formulas.costs(op, shape) if formula.about == "parameters")
    times = linear.params((ins,)) / op.params(shape)
    note = f"The fully connected layer has {times:,.0f} times as many." if times >= 2 else ""
    return full, replace(few, about="parameters, convolution", note=note)


def growth(cases: Sequence[tuple[Op, Shape]]) -> Plan:
    """The parameters of both on several maps: those of a kernel stay."""
    rows = []
    for op, shape in cases:
        full, few = against(op, shape).params((prod(shape),)), op.params(shape)
        rows.append((f"{words.size(shape)} to {words.size(op.shape(shape))}", f"{full:,}", f"{few:,}"))
    table = Table("growth", "parameters", ("map", "fully connected", "convolution"), tuple(rows))
    return Plan("growth", "Parameters by the size of the map", (table,), ())


# -- the input moves ---------------------------------------------------------------------------------------
def moved(both: Twice) -> Plan:
    """The input moved by one stride along its last axis: the convolution's output moves along, the other's does not.

    The last cells of the axis are empty, so that nothing falls off. Panels: ``input`` and ``input_moved``, and both
    outputs of ``conv`` and ``linear``. A step compares an output with the one it was before the move (``shared`` where
    they agree). Facts: how many agree. Raises ConvvizError where there is no output to move to.
    """
    op, by = both.op, both.op.stride[-1]
    if both.out[-1] < 2 or both.shape[-1] <= by:
        raise ConvvizError(
            f"an output of {show(both.out)} has no neighbour to move to; use a larger input", op.kind
        )
    x = both.x.copy()
    x[..., -by:] = 0
    then = np.roll(x, by, -1)
    grids = [
        Grid("input", "input", "input", both.shape, table_of(x)),
        Grid("input_moved", "input", f"moved by {words.count(by, 'cell')}", both.shape, table_of(then)),
    ]
    steps, facts = [], []
    for name, title, f in (
        ("conv", "convolution", both.convolved),
        ("linear", "fully connected", both.connected),
    ):
        before, after = f(x), f(then)
        for key, y, what in ((name, before, title), (f"{name}_moved", after, f"{title}, input moved")):
            grids.append(Grid(key, "output", what, both.out, table_of(y)))
        compared = [compare(name, title, cell, before, after) for cell in np.ndindex(*both.out) if cell[-1]]
        agree = sum(any(mark.mark == "shared" for mark in step.marks) for step in compared)
        steps += compared
        facts.append((f"{title}: outputs that moved along", f"{agree:,} of {len(compared):,}"))
    return Plan(
        "moved",
        f"The input moved by {words.count(by, 'cell')}",
        tuple(grids),
        tuple(steps),
        facts=tuple(facts),
    )


def compare(name: str, title: str, cell: Cell, before: Array, after: Array) -> Step:
    """Whether an output now is what its neighbour was before the input moved."""
    source = (*cell[:-1], cell[-1] - 1)
    was, now = plain(before[source]), plain(after[cell])
    same = bool(np.isclose(before[source], after[cell]))
    marks = [Marked(name, "read", (source,)), Marked(f"{name}_moved", "written", (cell,))]
    if same:
        marks += [Marked(name, "shared", (source,)), Marked(f"{name}_moved", "shared", (cell,))]
    before_ = f"{words.number(was)} before at {words.position(source[1:])}"
    after_ = f"{words.number(now)} now at {words.position(cell[1:])}"
    work = None
    if same:  # where they differ, nothing is copied
        work = Work("copy", (Term(name, source, was, product=was),), now, words.number(now))
    section = title.capitalize()
    return Step(section, f"{section}: {before_}, {after_}{', the same' if same else ''}.", tuple(marks), work)
