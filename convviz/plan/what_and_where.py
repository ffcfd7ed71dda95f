"""One answer for every pixel, worked out on a small picture: from far below, from the pixel alone, and from both.

The picture has a thing of many bright pixels and a few single bright ones, which are none. Far below, after two
poolings, a cell knows that much around it is bright but not where; a pixel knows where but not what. A 1×1 convolution
on both, joined, is right everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convviz.ops import build
from convviz.ops.base import Array, Op
from convviz.plan import words
from convviz.plan.given import plain, table_of
from convviz.plan.model import Cell, Formula, Grid, Marked, Number, Plan, Stage, Step, Term, Work, Write

# (pixels of the thing, single bright pixels, how far the thing can move without a trace far below)
THING: dict[int, tuple[tuple[str, ...], tuple[Cell, ...], Cell]] = {
    1: ((".....##.........",), ((9,), (14,)), (-1,)),
    2: (
        ("........", "..####..", ".######.", ".######.", "........", "........", "........", "........"),
        ((5, 1), (6, 3), (5, 6)),
        (-1, 0),
    ),
}
PIXEL, CONTEXT, BIAS = 1.0, 2.0, -1.5  # of the 1×1 convolution on both
DEEP_BIAS, PIXEL_BIAS = -0.5, -0.5
DOWN, ANSWERS = "Down", "Answers"


@dataclass(frozen=True)
class Answers:
    """The plan, and the cells where an answer is wrong, by its panel (``deep_answer``, ``pixel_answer``, ``answer``).

    thing: cells that the answer should find; moved, moved_half: the picture with the thing elsewhere, and once pooled;
    pooled again it is equal to ``deep``.
    """

    plan: Plan
    wrong: dict[str, tuple[Cell, ...]]
    thing: tuple[Cell, ...]
    moved: dict[Cell, Number]
    moved_half: dict[Cell, Number]


def answers(rank: int = 2) -> Answers:
    """The worked example along one or two axes (more are told along two)."""
    rank = min(max(rank, 1), 2)
    rows, single, move = THING[rank]
    mask = np.array([[letter == "#" for letter in row] for row in rows], dtype=float)
    thing = mask.reshape(1, *mask.shape[2 - rank :])
    image, moved = thing.copy(), np.roll(thing, move, tuple(range(1, rank + 1)))
    for at in single:
        image[(0, *at)] = moved[(0, *at)] = 1.0
    pool, grow = build("avg_pool", {"kernel_size": 2}, rank), build("upsample", {"scale_factor": 4}, rank)
    half = run(pool, image)
    deep = run(pool, half)
    moved_half = run(pool, moved)
    assert np.array_equal(deep, run(pool, moved_half))
    context = run(grow, deep)
    both = np.concatenate([image, context])
    scores = {
        "deep_answer": (score(context, [CONTEXT], DEEP_BIAS), (("context", CONTEXT),), DEEP_BIAS),
        "pixel_answer": (score(image, [PIXEL], PIXEL_BIAS), (("image", PIXEL),), PIXEL_BIAS),
        "answer": (score(both, [PIXEL, CONTEXT], BIAS), (("image", PIXEL), ("context", CONTEXT)), BIAS),
    }
    shape, maps = image.shape, {"image": image, "context": context}
    size = words.size(shape[1:])
    panels = (
        Grid("image", "input", f"picture {size}", shape, table_of(image)),
        Grid("half", "output", f"pooled {words.size(half.shape[1:])}", half.shape),
        Grid("deep", "output", f"pooled again {words.size(deep.shape[1:])}", deep.shape),
        Grid("context", "output", f"upsampled {size}", shape),
        Grid("deep_answer", "output", "from far below", shape),
        Grid("pixel_answer", "output", "from the pixel", shape),
        Grid("answer", "output", "from both", shape),
    )
    steps = [
        filled(DOWN, "half", half, "Pooling by 2 keeps the mean of each block."),
        filled(
            DOWN, "deep", deep, "Pooled again, a cell says how bright its part of the picture is, not where."
        ),
        filled(
            DOWN, "context", context, "Upsampling repeats it: as many cells as pixels, but the same blocks."
        ),
    ]
    wrong: dict[str, tuple[Cell, ...]] = {}
    names = {"deep_answer": "From far below", "pixel_answer": "From the pixel alone", "answer": "From both"}
    for key, (made, parts, bias) in scores.items():
        yes = (made > 0).astype(float)
        wrong[key] = tuple(cell for cell in np.ndindex(shape) if yes[cell] != thing[cell])
        many = len(wrong[key])
        missed = (
            f"{many} of {yes.size} pixels {'is' if many == 1 else 'are'} wrong"
            if many
            else f"no pixel of {yes.size} is wrong"
        )
        cell = example(wrong[key], thing)
        terms = tuple(term(name, cell, maps[name], factor) for name, factor in parts)
        total = plain(made[cell])
        text = f"{words.sum_text(terms, bias, total)} {'>' if total > 0 else '≤'} 0"
        step = filled(ANSWERS, key, yes, f"{names[key]}, {missed}.")
        steps.append(
            Step(ANSWERS, step.caption, step.marks, Work("dot", terms, total, text, bias), step.writes)
        )
    stages = (
        Stage(pool, (shape,), half.shape, ("image",), "half"),
        Stage(pool, (half.shape,), deep.shape, ("half",), "deep"),
        Stage(grow, (deep.shape,), shape, ("deep",), "context"),
    )
    rule = f"{words.number(PIXEL)}×pixel + {words.number(CONTEXT)}×below − {words.number(-BIAS)}"
    formulas = (Formula("yes where", "w₁×pixel + w₂×below + b > 0", f"{rule} > 0", ""),)
    done = Plan(
        "dense_prediction", "One answer for every pixel", panels, tuple(steps), formulas, (), (), stages
    )
    found = tuple(cell for cell in np.ndindex(shape) if thing[cell])
    return Answers(done, wrong, found, dict(table_of(moved)), dict(table_of(moved_half)))


def run(op: Op, x: Array) -> Array:
    return op.forward(x[None])[0]


def score(x: Array, weights: list[float], bias: float) -> Array:
    """A 1×1 convolution to one channel."""
    rank = x.ndim - 1
    conv = build("conv", {"out_channels": 1, "kernel_size": 1}, rank)
    w = np.array(weights).reshape(1, -1, *(1,) * rank)
    return conv.forward(x[None], weights={"weight": w, "bias": np.array([bias])})[0]


def example(wrong: tuple[Cell, ...], thing: Array) -> Cell:
    """A cell to work out: one that is wrong, else one of the thing."""
    if wrong:
        return wrong[0]
    first = np.argwhere(thing > 0)[0]
    return tuple(int(i) for i in first)


def term(panel: str, cell: Cell, x: Array, factor: float) -> Term:
    value = plain(x[cell])
    return Term(panel, cell, value, (0,), plain(factor), plain(value * factor))


def filled(section: str, key: str, values: Array, caption: str) -> Step:
    """A step that fills a whole map."""
    cells = {cell: plain(values[cell]) for cell in np.ndindex(values.shape)}
    marks = (Marked(key, "written", tuple(cells)),)
    return Step(
        section, caption, marks, None, tuple(Write(key, cell, value) for cell, value in cells.items())
    )
