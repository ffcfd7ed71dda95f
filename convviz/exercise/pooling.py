"""Pooling by hand: maximum and mean, rounding up, what padding counts, global average pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from convviz.exercise.conv import grid
from convviz.exercise.model import Draft, Mistake, Part, Question, rounding
from convviz.exercise.pieces import (
    Rng,
    altered,
    blank_box,
    in_numbers,
    map_box,
    pick,
    shape_of,
    torch_text,
    whole,
    worked,
)
from convviz.ops.base import Array, Op, Shape, build, show
from convviz.plan import formulas
from convviz.plan.build import explain
from convviz.plan.given import plain
from convviz.plan.model import Cell, Plan
from convviz.plan.words import number, position

TEXT = (
    "A pool's stride is its kernel size unless it says otherwise. Rows and columns are counted from 0. Numbers that "
    "are not whole: two digits behind the point, or a fraction."
)

SHAPES = (
    (5, 7),
    (7, 5),
    (6, 8),
    (8, 6),
    (5, 8),
    (8, 5),
)  # each leaves CELLS cells under more than one pooling
CELLS = 6


def draft(rng: Rng, level: str) -> Draft:
    """One map under several poolings."""
    low = -5 if level == "hard" else 0
    x = rng.integers(low, 10, (1, *pick(rng, SHAPES))).astype(float)
    shape = x.shape
    parts = [
        pool_part(
            rng, "max", plain_pool(rng, "max_pool", shape), x, "Max pooling", (map_box("input", x[0]),)
        ),
        pool_part(rng, "avg", plain_pool(rng, "avg_pool", shape), x, "Average pooling"),
    ]
    if level != "easy":
        parts.append(ceil_part(rng, x))
        parts.append(padding_part(rng, x))
    if level == "hard":
        op = build("max_pool", {"kernel_size": 3, "stride": 2, "padding": 1})
        parts.append(pool_part(rng, "padded", op, x, "Max pooling with padding"))
    parts.append(global_part(rng, x))
    return Draft("Pooling by hand", f"The input has the shape {show(shape)}. {TEXT}", tuple(parts))


def plain_pool(rng: Rng, kind: str, shape: Shape) -> Op:
    """A pooling that leaves six cells, as for every student."""
    ops = [build(kind, {"kernel_size": k, "stride": s}) for k in (2, 3) for s in (2, 3)]
    return pick(rng, [op for op in ops if int(np.prod(op.shape(shape))) == CELLS])


def pool_part(rng: Rng, key: str, op: Op, x: Array, title: str, boxes: Any = ()) -> Part:
    """All cells of the output, in a box, and the size of a larger one."""
    plan = explain(op, x.shape, xs=[x])
    out = op.shape(x.shape)
    rows = [[name(key, cell) for cell in row] for row in grid(0, out)]
    big = (1, whole(rng, 16, 64), whole(rng, 16, 64))  # the blanks tell the size of the small one
    questions = [cell_question(key, plan, op, x, cell) for cell in np.ndindex(*out)]
    questions.append(size_question(key, op, big, f" of the same layer on {show(big)}"))
    text = f"{torch_text(op, x.shape)}. Fill in the output."
    return Part(title, text, tuple(questions), (*boxes, blank_box("output", rows)))


def name(key: str, cell: Cell) -> str:
    return f"{key}.{cell[1]}.{cell[2]}"


def size_question(key: str, op: Op, shape: Shape, where: str = "") -> Question:
    found = formulas.sizes(op, shape)
    text = "; ".join(f"{f.about.partition(' along ')[2]}: {in_numbers(f)}" for f in found)
    ceil = op.fields()["ceil_mode"]
    tried = (
        (
            altered(op, ceil_mode=not ceil),
            "ceil_mode rounds up" if ceil else "the division is rounded down, not up",
        ),
        (altered(op, padding=0), "the padding was left out"),
        (altered(op, stride=1), "the stride was left out"),
    )
    shapes = [(shape_of(other, shape), text) for other, text in tried]
    wrong = tuple(Mistake(out[1:], text) for out, text in shapes if out)
    prompt = f"Height and width of the output{where}:"
    return Question(f"{key}.size", "output size", prompt, op.shape(shape)[1:], text, mistakes=wrong)


def cell_question(key: str, plan: Plan, op: Op, x: Array, cell: Cell, prompt: str = "") -> Question:
    answer, text = worked(plan, "output", cell)
    what = "maximum" if op.kind == "max_pool" else "mean"
    step = f"{what} at {position(cell[1:])}"
    return Question(
        name(key, cell), step, prompt, answer, text, rounding(answer), mistakes=mistakes(op, x, cell, plan)
    )


def mistakes(op: Op, x: Array, cell: Cell, plan: Plan) -> tuple[Mistake, ...]:
    """Another kind of pooling, another padding or divisor, another place of the window."""
    (step,) = (s for s in plan.steps if any(write.cell == cell for write in s.writes))
    assert step.work is not None
    values = [term.value for term in step.work.terms]
    f = op.fields()
    found: list[Mistake] = []
    mean = sum(values) / len(values)
    if op.kind == "max_pool":
        found += [
            Mistake(mean, "this is the mean of the window"),
            Mistake(min(values), "this is the smallest"),
            Mistake(max([*values, 0]), "padding is never the largest: it holds nothing, not 0"),
        ]
    else:
        found += [
            Mistake(max(values), "this is the largest of the window"),
            Mistake(plain(sum(values)), f"this is the sum: divide it by {len(values)}"),
        ]
        counted = f["count_include_pad"]
        wrong = (
            "is counted as 0 here (count_include_pad=True)"
            if counted
            else "does not count here (count_include_pad=False)"
        )
        found += at(altered(op, count_include_pad=not counted), x, cell, f"padding {wrong}")
        cells = int(np.prod(f["kernel_size"]))
        found.append(
            Mistake(sum(values) / cells, f"this is divided by {cells}: only {len(values)} cells count here")
        )
    found += at(altered(op, stride=1), x, cell, "the stride was left out: the window lies elsewhere")
    found += at(altered(op, padding=0), x, cell, "the padding was left out: the window lies elsewhere")
    return tuple(found)


def at(op: Op | None, x: Array, cell: Cell, text: str) -> list[Mistake]:
    """What another pooling gives at the cell."""
    out = shape_of(op, x.shape)
    if op is None or out is None or any(i >= n for i, n in zip(cell, out, strict=True)):
        return []
    return [Mistake(plain(op.forward(x[None])[0][cell]), text)]


def ceil_part(rng: Rng, x: Array) -> Part:
    """Rounding up: the size, and the last cell, whose window sticks out."""
    shape = x.shape
    choices = [
        op
        for kind in ("max_pool", "avg_pool")
        for k, s in ((2, 2), (3, 2), (3, 3), (2, 3))
        for op in [build(kind, {"kernel_size": k, "stride": s, "ceil_mode": True})]
        if op.shape(shape) != build(kind, {"kernel_size": k, "stride": s}).shape(shape)
    ]
    op = pick(rng, choices)
    plan = explain(op, shape, xs=[x])
    out = op.shape(shape)
    last = (0, out[1] - 1, out[2] - 1)
    prompt = "The last output cell, at the bottom right:"
    questions = (size_question("ceil", op, shape), cell_question("ceil", plan, op, x, last, prompt))
    return Part("Rounding up", f"{torch_text(op, shape)}.", questions)


def padding_part(rng: Rng, x: Array) -> Part:
    """The same border cell with and without counting the padding."""
    k = pick(rng, (2, 3))
    fields: dict[str, Any] = {"kernel_size": k, "stride": 2, "padding": 1}
    counted = build("avg_pool", fields)
    bare = build("avg_pool", {**fields, "count_include_pad": False})
    out = counted.shape(x.shape)
    cell = pick(rng, ((0, 0, 0), (0, 0, whole(rng, 1, out[2] - 1)), (0, whole(rng, 1, out[1] - 1), 0)))
    questions = []
    for key, op in (("include", counted), ("exclude", bare)):
        plan = explain(op, x.shape, xs=[x])
        flag = op.fields()["count_include_pad"]
        prompt = f"Output at {position(cell[1:])} with count_include_pad={flag}{' (the default)' * flag}:"
        questions.append(cell_question(key, plan, op, x, cell, prompt))
    return Part("What padding counts", f"nn.AvgPool2d({k}, stride=2, padding=1).", tuple(questions))


def global_part(rng: Rng, x: Array) -> Part:
    """Global average pooling: one number for each channel, and no parameters."""
    op = build("global_avg_pool", {})
    plan = explain(op, x.shape, xs=[x])
    answer, text = worked(plan, "output", (0, 0, 0))
    channels, n = pick(rng, (8, 16, 32, 64, 128, 256, 512)), pick(rng, (4, 5, 6, 7, 8, 14))
    big = (channels, n, n)
    before = build("linear", {"out_features": 10}).params((channels * n * n,))
    after = build("linear", {"out_features": 10}).params((channels,))
    shape_wrong = (
        Mistake(
            (channels, n // 2, n // 2), "global average pooling leaves one cell a channel, not half of them"
        ),
        Mistake((1, 1, 1), "each channel keeps a mean of its own"),
    )
    questions = (
        Question(
            "gap",
            "global mean",
            "Global average pooling of the input:",
            answer,
            text,
            rounding(answer),
            mistakes=(
                Mistake(float(x.max()), "this is the largest cell"),
                Mistake(float(x.sum()), "this is the sum"),
            ),
        ),
        Question(
            "gap.shape",
            "global average pooling",
            f"Shape after global average pooling of {show(big)}:",
            op.shape(big),
            f"one number for each channel: {show(op.shape(big))}",
            mistakes=shape_wrong,
        ),
        Question(
            "gap.params",
            "global average pooling",
            "Parameters of that pooling:",
            op.params(big),
            "nothing is trained: 0",
            mistakes=(
                Mistake(channels, "a mean has no weights"),
                Mistake(channels * n * n, "a mean has no weights"),
            ),
        ),
        Question(
            "gap.saved",
            "parameters behind it",
            f"How many parameters fewer has nn.Linear(…, 10) behind it than behind "
            f"the flattened {show(big)}?",
            before - after,
            f"({number(channels * n * n)}×10 + 10) − ({channels}×10 + 10) "
            f"= {before:,} − {after:,} = {before - after:,}",
            mistakes=(
                Mistake(before, "this is the layer behind the flattened map"),
                Mistake(after, "this is the layer behind the pooling"),
            ),
        ),
    )
    return Part("Global average pooling", "", questions)
