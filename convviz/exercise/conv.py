"""A convolution by hand: its size, some of its cells, then the whole output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convviz.exercise.model import Draft, Mistake, Part, Question, rounding
from convviz.exercise.pieces import (
    Rng,
    altered,
    blank_box,
    in_numbers,
    map_box,
    map_boxes,
    pick,
    shape_of,
    torch_text,
    whole,
    worked,
)
from convviz.ops.base import Array, Shape, build, show
from convviz.ops.conv import Conv
from convviz.plan import formulas
from convviz.plan.given import plain
from convviz.plan.model import Cell, Plan
from convviz.plan.window import conv as explain_conv
from convviz.plan.words import number, position

TEXT = (
    "As in every deep-learning library, the kernel is laid on the input as it is, not turned round; each sum gets the "
    "bias. Rows and columns are counted from 0. Cells of padding are 0."
)
Weights = dict[str, Array]
CELLS = {"easy": 9, "normal": 9, "hard": 12}


def draft(rng: Rng, level: str) -> Draft:
    """A small map, a kernel or two, and every output cell."""
    op, shape = layer(rng, level)
    x = rng.integers(0, 6, shape).astype(float)
    w = kernels(rng, op, shape)
    plan = explain_conv(op, shape, [x], w)
    out = op.shape(shape)
    cells = cells_of(rng, out)
    big = (
        shape[0],
        whole(rng, 16, 64),
        whole(rng, 16, 64),
    )  # the blanks below tell the size of the small one
    prompt = f"The same layer on {show(big)}: height and width of its output:"
    size = Question(
        "size",
        "output size",
        prompt,
        op.shape(big)[1:],
        text_of_size(op, big),
        mistakes=size_mistakes(op, big),
    )
    singles = [cell_question(plan, op, x, w, cell, asked=True) for cell in cells]
    rest = [cell for cell in np.ndindex(*out) if cell not in cells]
    others = [cell_question(plan, op, x, w, cell, asked=False) for cell in rest]
    ids = [[[name(cell) for cell in row] for row in grid(channel, out)] for channel in range(out[0])]
    boxes = tuple(
        blank_box(f"output, filter {f}" if out[0] > 1 else "output", rows) for f, rows in enumerate(ids)
    )
    given = (*map_boxes("input", x), *kernel_boxes(w))
    text = f"{torch_text(op, shape)} on {show(shape)}.{bias_text(w)}"
    parts = (
        Part("Some cells", text, tuple(singles), given),
        Part("The whole output", "Fill in the cells that are missing.", tuple(others), boxes),
        Part("A larger input", "", (size,)),
    )
    return Draft("A convolution by hand", TEXT, parts)


def layer(rng: Rng, level: str) -> tuple[Conv, Shape]:
    """A convolution with as many output cells as all others of its level, so that each student works as long."""
    while True:
        n, m = whole(rng, 4, 6), whole(rng, 4, 6)
        fields: dict[str, Any] = {
            "out_channels": 1,
            "kernel_size": pick(rng, (2, 3)),
            "bias": level != "easy",
        }
        channels = 1
        if level == "normal":
            fields |= {"stride": pick(rng, (1, 1, 2)), "padding": pick(rng, (0, 1))}
        if level == "hard":
            channels = 2
            fields |= {
                "out_channels": pick(rng, (1, 2)),
                "kernel_size": pick(rng, (2, 3)),
                "stride": pick(rng, (1, 2)),
                "padding": pick(rng, (0, 1)),
                "dilation": pick(rng, (1, 2)),
            }
        op = build("conv", fields)
        assert isinstance(op, Conv)
        out = shape_of(op, (channels, n, m))
        if out is not None and min(out[1:]) >= 2 and int(np.prod(out)) == CELLS[level]:
            return op, (channels, n, m)


def kernels(rng: Rng, op: Conv, shape: Shape) -> Weights:
    """Small weights, not all alike when turned or mirrored, and biases that are not 0."""
    shapes = op.weights(shape)
    while True:
        weight = rng.choice(np.array([-2, -1, -1, 0, 1, 1, 2, 3]), shapes["weight"]).astype(float)
        if all(
            not np.array_equal(weight, other) for other in (weight[..., ::-1, ::-1], weight.swapaxes(-1, -2))
        ):
            break
    found = {"weight": weight}
    if op.bias:
        found["bias"] = rng.choice(np.array([-2, -1, 1, 2, 3]), shapes["bias"]).astype(float)
    return found


def cells_of(rng: Rng, out: Shape) -> list[Cell]:
    """Three cells to work out first: a corner, and two others."""
    cells = list(np.ndindex(*out))
    order = rng.permutation(len(cells) - 1) + 1
    return [cells[0], *(cells[int(i)] for i in sorted(order[:2]))]


def grid(channel: int, out: Shape) -> list[list[Cell]]:
    return [[(channel, y, x) for x in range(out[2])] for y in range(out[1])]


def name(cell: Cell) -> str:
    """The id of a cell's question: ``out.0.1.2``."""
    return "out." + ".".join(map(str, cell))


def kernel_boxes(w: Weights) -> tuple[Any, ...]:
    """A box for each kernel of a weight (filters, channels, *kernel)."""
    filters, channels = w["weight"].shape[:2]
    boxes = []
    for f in range(filters):
        for c in range(channels):
            parts = [f"filter {f}"] * (filters > 1) + [f"channel {c}"] * (channels > 1)
            boxes.append(map_box(", ".join(["kernel", *parts]), w["weight"][f, c]))
    return tuple(boxes)


def bias_text(w: Weights) -> str:
    if "bias" not in w:
        return " There is no bias."
    values = [number(plain(b)) for b in w["bias"]]
    return f" The bias is {values[0]}." if len(values) == 1 else f" The biases are {' and '.join(values)}."


def text_of_size(op: Conv, shape: Shape) -> str:
    found = formulas.sizes(op, shape)
    return "; ".join(f"{f.about.partition(' along ')[2]}: {in_numbers(f)}" for f in found)


def size_mistakes(op: Conv, shape: Shape) -> tuple[Mistake, ...]:
    tried = (
        (altered(op, padding=0), "the padding was left out"),
        (altered(op, dilation=1), "the dilation was left out"),
        (altered(op, stride=1), "the stride was left out"),
    )
    found = [(shape_of(other, shape), text) for other, text in tried]
    return tuple(Mistake(out[1:], text) for out, text in found if out)


def cell_question(plan: Plan, op: Conv, x: Array, w: Weights, cell: Cell, asked: bool) -> Question:
    """One output cell."""
    answer, text = worked(plan, "output", cell)
    where = f"filter {cell[0]}, " * (plan_filters(plan) > 1) + f"{position(cell[1:])}"
    prompt = f"Output at {where} (row, column):" if asked else ""
    wrong = mistakes(op, x, w, cell)
    return Question(name(cell), f"output {where}", prompt, answer, text, rounding(answer), mistakes=wrong)


def plan_filters(plan: Plan) -> int:
    return plan.stages[0].out[0]


def mistakes(op: Conv, x: Array, w: Weights, cell: Cell) -> tuple[Mistake, ...]:
    """What the same cell holds after a usual mistake, from the op itself."""
    turned = {**w, "weight": w["weight"][..., ::-1, ::-1]}
    mirrored = {**w, "weight": w["weight"].swapaxes(-1, -2)}
    plain_w = {"weight": w["weight"], **({"bias": np.zeros_like(w["bias"])} if "bias" in w else {})}
    tried: Sequence[tuple[Any, Weights, str]] = (
        (op, plain_w, "the bias was left out"),
        (op, turned, "the kernel was turned round, as in mathematics: deep learning does not turn it"),
        (op, mirrored, "rows and columns of the kernel are swapped"),
        (altered(op, padding=0), w, "the padding was left out: the window lies elsewhere"),
        (altered(op, stride=1), w, "the stride was left out: the window lies elsewhere"),
        (altered(op, dilation=1), w, "the dilation was left out: the window has holes"),
    )
    found = []
    for other, weights, text in tried:
        value = at(other, x, weights, cell)
        if value is not None:
            found.append(Mistake(value, text))
    if len(x) > 1:
        for c in range(len(x)):
            only = np.zeros_like(x)
            only[c] = x[c]
            found.append(
                Mistake(at(op, only, w, cell) or 0, f"this is channel {c} alone: the channels are added up")
            )
    swapped = (cell[0], cell[2], cell[1])
    value = at(op, x, w, swapped)
    if value is not None:
        found.append(Mistake(value, "this is the cell with row and column swapped"))
    return tuple(found)


def at(op: Any, x: Array, w: Weights, cell: Cell) -> Any:
    """What an op gives at a cell; None where there is no such op or cell."""
    out = shape_of(op, x.shape)
    if out is None or any(i >= n for i, n in zip(cell, out, strict=True)):
        return None
    return plain(op.forward(x[None], weights=w)[0][cell])
