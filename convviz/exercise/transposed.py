"""A transposed convolution by hand: how many products meet in each cell, some cells, the whole output, its size."""

from __future__ import annotations

from typing import Any

import numpy as np

from convviz.exercise.conv import Weights, at, bias_text, grid, kernel_boxes, kernels, name, text_of_size
from convviz.exercise.model import Box, Draft, Mistake, Part, Question, rounding
from convviz.exercise.pieces import (
    Rng,
    altered,
    blank_box,
    map_boxes,
    pick,
    shape_of,
    torch_text,
    whole,
    worked,
)
from convviz.ops.base import Array, Shape, build, show
from convviz.ops.conv import ConvTranspose
from convviz.plan.model import Cell, Plan
from convviz.plan.transposed import transposed as explain_transposed
from convviz.plan.words import position

TEXT = (
    "Each input cell lays its multiple of the kernel onto the output, a stride further on than its neighbour; what "
    "meets is added, padding crops the border, and the bias comes once to every cell. Cells are counted from 0."
)

# Of the output: about as many for each student.
CELLS = {"easy": (7, 8, 9), "normal": (15, 16), "hard": (15, 16, 18, 20)}


def draft(rng: Rng, level: str) -> Draft:
    """A row or a small map, its kernel, and every output cell."""
    op, shape = layer(rng, level)
    x = rng.integers(0, 6, shape).astype(float)
    w = weights(rng, op, shape)
    plan = explain_transposed(op, shape, [x], w, "matrix")
    out = op.shape(shape)
    given = (*map_boxes("input", x), *boxes_of_kernel(w))
    text = f"{torch_text(op, shape)} on {show(shape)}.{bias_text(w)}"
    axes = [1] if op.rank == 1 or (shape[1] == shape[2] and out[1] == out[2]) else [1, 2]
    first = [overlap_question(op, shape, a, axes) for a in axes]
    parts = [Part("Overlap", text, tuple(first), given)]
    chosen = cells_of(rng, out)
    parts.append(Part("Some cells", "", tuple(cell_question(plan, op, x, w, c, asked=True) for c in chosen)))
    rest = [c for c in np.ndindex(*out) if c not in chosen]
    questions = tuple(cell_question(plan, op, x, w, c, asked=False) for c in rest)
    parts.append(
        Part("The whole output", "Fill in the cells that are missing.", questions, (output_box(out),))
    )
    big = (1, *(whole(rng, 8, 32) for _ in range(op.rank)))  # the blanks above tell the size of the small one
    parts.append(Part("A larger input", "", (size_question(op, big),)))
    return Draft("A transposed convolution by hand", TEXT, tuple(parts))


def layer(rng: Rng, level: str) -> tuple[ConvTranspose, Shape]:
    """A row where it is easy, else a small map; where it is hard, with output padding."""
    rank = 1 if level == "easy" else 2
    while True:
        fields: dict[str, Any] = {
            "out_channels": 1,
            "kernel_size": pick(rng, (2, 3, 4)),
            "stride": pick(rng, (2, 2, 3) if rank == 1 else (1, 2)),
            "padding": pick(rng, (0, 0, 1)),
            "bias": level != "easy",
        }
        if level == "hard":
            fields["output_padding"] = pick(rng, (0, 1))
        op = (
            build("conv_transpose", {**fields}, rank)
            if fields.get("output_padding", 0) < fields["stride"]
            else None
        )
        shape = (1, whole(rng, 3, 5)) if rank == 1 else (1, whole(rng, 2, 3), whole(rng, 2, 3))
        out = shape_of(op, shape)
        if op is not None and out is not None and min(out[1:]) >= 3 and int(np.prod(out)) in CELLS[level]:
            assert isinstance(op, ConvTranspose)
            return op, shape


def weights(rng: Rng, op: ConvTranspose, shape: Shape) -> Weights:
    """A kernel that is another one when turned round, and a bias that is not 0."""
    if op.rank == 2:
        return kernels(rng, op, shape)  # type: ignore[arg-type]
    while True:
        weight = rng.choice(np.array([-2, -1, 1, 2, 3]), op.weights(shape)["weight"]).astype(float)
        if not np.array_equal(weight, weight[..., ::-1]):
            return {"weight": weight}


def boxes_of_kernel(w: Weights) -> tuple[Box, ...]:
    return map_boxes("kernel", w["weight"][0]) if w["weight"].ndim == 3 else kernel_boxes(w)


def cells_of(rng: Rng, out: Shape) -> list[Cell]:
    """Three cells to work out first: one in the middle, where products meet, and two others."""
    cells = list(np.ndindex(*out))
    middle = (0, *(n // 2 for n in out[1:]))
    others = [c for c in cells if c != middle]
    return sorted([middle, *(others[int(i)] for i in rng.permutation(len(others))[:2])])


def output_box(out: Shape) -> Box:
    rows = (
        [[name((0, i)) for i in range(out[1])]]
        if len(out) == 2
        else [[name(c) for c in row] for row in grid(0, out)]
    )
    return blank_box("output", rows)


# -- questions ------------------------------------------------------------------------------------------
def size_question(op: ConvTranspose, shape: Shape) -> Question:
    f = op.fields()
    as_conv = build("conv", {n: f[n] for n in ("out_channels", "kernel_size", "stride", "padding")}, op.rank)
    tried = (
        (altered(op, padding=0), "padding crops the output on both sides: it was left out"),
        (altered(op, output_padding=0), "the output padding was left out"),
        (altered(op, stride=1), "the stride was left out"),
        (as_conv, "this is the convolution's size: a transposed one enlarges"),
    )
    found = [(shape_of(other, shape), text) for other, text in tried]
    wrong = [Mistake(size(out), text) for out, text in found if out]
    out = op.shape(shape)
    if not any(op.padding):
        padded = altered(op, padding=1)
        wrong += [
            Mistake(size(small), "nothing is cropped: padding is 0")
            for small in [shape_of(padded, shape)]
            if small
        ]
    wrong.append(
        Mistake(
            size((0, *(n * s for n, s in zip(shape[1:], op.stride, strict=True)))),
            "it is not simply stride times as large: o = (i − 1)s − 2p + k",
        )
    )
    what = "length" if op.rank == 1 else "height and width"
    prompt = f"The same layer on {show(shape)}: {what} of its output:"
    return Question("size", "output size", prompt, size(out), text_of_size(op, shape), mistakes=tuple(wrong))  # type: ignore[arg-type]


def size(out: Shape) -> Any:
    """The spatial size: one number of a row."""
    return out[1] if len(out) == 2 else tuple(out[1:])


def counts(op: ConvTranspose, shape: Shape, a: int) -> tuple[int, ...]:
    """How many products reach each output along an axis, borders included, from the op's relation."""
    window, n = op.windows()[a - 1], shape[a]
    return tuple(sum(0 <= i < n for i in window.taps(o).cells) for o in range(op.shape(shape)[a]))


def overlap_question(op: ConvTranspose, shape: Shape, a: int, axes: list[int]) -> Question:
    """How many products meet in each cell along one axis."""
    found = counts(op, shape, a)
    uncropped = altered(op, padding=0)
    assert isinstance(uncropped, ConvTranspose)
    wrong = [
        Mistake(counts(uncropped, shape, a), "padding crops the border: fewer cells are left"),
        Mistake(tuple(1 for _ in found), "where kernels overlap, several products meet"),
    ]
    along = (
        ""
        if op.rank == 1
        else " along every axis"
        if len(axes) == 1
        else f" along the {'rows' if a == 1 else 'columns'}"
    )
    prompt = f"How many products meet in each output cell{along}, first to last (numbers with spaces):"
    s, k, p = op.stride[a - 1], op.kernel_size[a - 1], op.padding[a - 1]
    parts = [f"{i}: {i * s - p} to {i * s - p + k - 1}" for i in range(shape[a])]
    cut = ", of which those outside do not count" if p else ""
    text = f"input cell i reaches outputs i×{s} − {p} to i×{s} − {p} + {k - 1}, so {'; '.join(parts)}{cut}"
    return Question(
        f"overlap{a}", "overlap", prompt, found, text, points=2, listed=True, mistakes=tuple(wrong)
    )


def cell_question(plan: Plan, op: ConvTranspose, x: Array, w: Weights, cell: Cell, asked: bool) -> Question:
    """One output cell, as the sum of what reaches it."""
    answer, text = worked(plan, "output", cell)
    where = position(cell[1:])
    unit = "(row, column)" if op.rank == 2 else ""
    prompt = f"Output at {where} {unit}".rstrip() + ":" if asked else ""
    wrong = mistakes(plan, op, x, w, cell)
    return Question(name(cell), f"output {where}", prompt, answer, text, rounding(answer), mistakes=wrong)


def mistakes(plan: Plan, op: ConvTranspose, x: Array, w: Weights, cell: Cell) -> tuple[Mistake, ...]:
    """What the same cell holds after a usual mistake."""
    turned = {**w, "weight": np.flip(w["weight"], tuple(range(2, 2 + op.rank)))}
    no_bias = {**w, "bias": np.zeros_like(w["bias"])} if "bias" in w else w
    tried = [
        (op, no_bias, "the bias was left out"),
        (altered(op, padding=0), w, "the border was not cropped: this is a cell further to the front"),
        (op, turned, "the kernel was turned round: each input lays it down as it is"),
    ]
    found = [
        Mistake(v, text) for other, weights_, text in tried if (v := at(other, x, weights_, cell)) is not None
    ]
    (step,) = (s for s in plan.steps if any(write.cell == cell for write in s.writes))
    assert step.work is not None
    bias = step.work.bias or 0
    if len(step.work.terms) > 1:
        last = step.work.terms[-1].product + bias
        found.append(Mistake(last, "only the last product was kept: what meets in a cell is added"))
    if bias:
        many = sum(term.product for term in step.work.terms) + bias * len(step.work.terms)
        found.append(Mistake(many, "the bias was added with each product: it comes once to each output cell"))
    return tuple(found)
