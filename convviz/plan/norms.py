"""Normalization step by step: who shares statistics, sum, mean, deviations, squares, variance, result.

Everything works on a batch ``(N, C, *space)``. Of one sample the cells are named ``(c, *space)``, of several
``(n, c, *space)``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from convviz.errors import ConvvizError
from convviz.ops.base import Array, show
from convviz.ops.norm import Norm, RunningNorm
from convviz.plan.defaults import default_weights
from convviz.plan.given import Given, check_size, checked_weights, plain
from convviz.plan.limits import MAX_CELLS, MAX_STEPS, check_count
from convviz.plan.model import (
    Formula,
    Grid,
    Marked,
    Number,
    Panel,
    Plan,
    Stage,
    Step,
    Term,
    Work,
    Write,
)
from convviz.plan.naming import title_of
from convviz.plan.norm_sets import Batch, Mode, Set
from convviz.plan.pieces import blank, equal, grid, joined, place, step
from convviz.plan.reach import unravel
from convviz.plan.words import count, inner, number, size


def of_sample(given: Given) -> Plan:
    """The plan of a norm on one sample, in evaluation."""
    assert isinstance(given.op, Norm)
    return worksheet(Batch(given.op, given.xs[0][None], given.weights))


def norm(op: Norm, x: Any, weights: Mapping[str, Any] | None = None, mode: Mode = "eval") -> Plan:
    """The plan of a norm on a batch ``x`` (N, C, *space) in training or evaluation.

    weights: affine and running statistics by torch's names; without them, small whole numbers. Raises
    ConvvizError where shapes do not fit, or where there are too many cells.
    """
    try:
        batch = np.asarray(x, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise ConvvizError("must be an array of numbers (N, C, *space)", "input") from None
    if batch.ndim < 2 or not batch.size:
        raise ConvvizError(f"must be an array (N, C, *space) with cells, got {show(batch.shape)}", "input")
    shape = batch.shape[1:]
    check_size(op, (shape,), op.shape(shape))
    check_count(op.kind, "input cells", prod(batch.shape), MAX_CELLS)
    names = op.weights(shape) | op.buffers(shape)
    kept = default_weights(op, names) if weights is None else checked_weights(op.kind, names, weights)
    return worksheet(Batch(op, batch, kept, mode))


def worksheet(batch: Batch) -> Plan:
    """All sections of a norm, in order, with a panel for each number in between."""
    sets, names = batch.sets, tuple(s.name for s in batch.sets)
    affine = batch.affine() is not None
    check_count(batch.op.kind, "steps", 7 * len(sets) + (1 + affine) * batch.x.size, MAX_STEPS)
    grids: list[Panel] = [grid_of(batch, "input", "input", "input", batch.x)]
    grids += [grid(name, "kernel", name, value) for name, value in batch.weights.items()]

    def statistic(key: str, title: str) -> Grid:
        return blank(key, title, (len(sets),), names)

    def cells(key: str, title: str) -> Grid:
        return blank(key, title, batch.shown, batch.samples)

    steps: list[Step] = []
    if batch.live:
        centred = batch.op.centred
        steps += [shared_step(s) for s in sets]
        if centred:
            steps += [sum_step(s) for s in sets] + [mean_step(s) for s in sets]
            steps += [deviation_step(s) for s in sets]
            grids += [statistic("sum", "sum"), statistic("mean", "mean"), cells("deviation", "x − mean")]
        steps += [square_step(s) for s in sets] + [variance_step(s) for s in sets]
        grids += [cells("square", "(x − mean)²" if centred else "x²")]
        grids += [statistic("variance", "variance" if centred else "mean square")]
    steps += [std_step(s) for s in sets]
    grids += [statistic("std", "√(variance + eps)" if batch.op.centred else "√(mean square + eps)")]
    target = "normalized" if affine else "output"
    for s in sets:
        steps += [normal_step(s, i, target) for i in range(len(s.cells))]
    if affine:
        steps += [step_ for s in sets for step_ in affine_steps(s)]
        grids.append(cells("normalized", "normalized"))
    grids.append(Grid("output", "output", "output", batch.shown, channels=batch.samples))
    return finish(batch, grids, steps)


def grid_of(batch: Batch, key: str, role: str, title: str, values: Array) -> Grid:
    return grid(key, role, title, values if batch.several else values[0], batch.samples)


# -- the sections ---------------------------------------------------------------------------------------
def shared_step(s: Set) -> Step:
    what = "a mean and a variance" if s.batch.op.centred else "a mean square"
    cells = count(len(s.cells), "cell")
    caption = f"{s.name[0].upper()}{s.name[1:]}: {cells} {'share' if len(s.cells) > 1 else 'has'} {what}."
    return Step("Shared", caption, (Marked("input", "shared", s.shown),))


def inputs_of(s: Set) -> tuple[Term, ...]:
    return tuple(Term("input", cell, x, product=x) for cell, x in zip(s.shown, s.values, strict=True))


def statistic_step(section: str, s: Set, caption: str, panel: str, work: Work) -> Step:
    assert work.result is not None
    return step(section, caption, work, [Write(panel, s.at, work.result)])


def sum_step(s: Set) -> Step:
    text = equal(joined([inner(x) for x in s.values]), s.sum)
    return statistic_step(
        "Sum", s, f"The sum of {s.name}: {text}.", "sum", Work("sum", inputs_of(s), s.sum, text)
    )


def mean_step(s: Set) -> Step:
    text = equal(f"{inner(s.sum)} / {len(s.cells)}", s.mean)
    term = Term("sum", s.at, s.sum, product=s.sum)
    work = Work("mean", (term,), s.mean, text, divisor=len(s.cells))
    return statistic_step("Mean", s, f"The mean of {s.name}: {text}.", "mean", work)


def deviation_step(s: Set) -> Step:
    terms = [
        Term("input", cell, x, product=d, to=cell)
        for cell, x, d in zip(s.shown, s.values, s.deviations, strict=True)
    ]
    terms.append(Term("mean", s.at, s.mean, product=s.mean))
    texts = [equal(f"{number(x)} − {inner(s.mean)}", d) for x, d in zip(s.values, s.deviations, strict=True)]
    return cells_step(
        "Deviations", s, f"The deviations of {s.name} from the mean", "deviation", texts, s.deviations, terms
    )


def square_step(s: Set) -> Step:
    panel = "deviation" if s.batch.op.centred else "input"
    before = s.deviations if s.batch.op.centred else s.values
    terms = [
        Term(panel, cell, d, product=q, to=cell)
        for cell, d, q in zip(s.shown, before, s.squares, strict=True)
    ]
    texts = [equal(f"{inner(d)}²", q) for d, q in zip(before, s.squares, strict=True)]
    return cells_step("Squares", s, f"The squares of {s.name}", "square", texts, s.squares, terms)


def cells_step(
    section: str,
    s: Set,
    what: str,
    panel: str,
    texts: Sequence[str],
    values: Sequence[Number],
    terms: list[Term],
) -> Step:
    """A number for every cell of a set, in one step."""
    text = joined(texts, ", ")
    work = Work("function", tuple(terms), values[0] if len(values) == 1 else None, text, name=section.lower())
    writes = [Write(panel, cell, value) for cell, value in zip(s.shown, values, strict=True)]
    return step(section, f"{what}: {text}.", work, writes)


def variance_step(s: Set) -> Step:
    terms = tuple(Term("square", cell, q, product=q) for cell, q in zip(s.shown, s.squares, strict=True))
    text = equal(f"({joined([number(q) for q in s.squares])}) / {len(s.cells)}", s.var)
    work = Work("mean", terms, s.var, text, divisor=len(s.cells))
    what = "variance" if s.batch.op.centred else "mean square"
    return statistic_step(what.capitalize(), s, f"The {what} of {s.name}: {text}.", "variance", work)


def std_step(s: Set) -> Step:
    """The root of the variance, of the set or the running one."""
    live = s.batch.live
    panel, at = ("variance", s.at) if live else ("running_var", (s.number,))
    term = Term(panel, at, s.var, product=s.var)
    text = equal(f"√({number(s.var)} + {number(s.batch.op.epsilon(s.batch.x))})", s.std)
    what = "mean square" if not s.batch.op.centred else "variance" if live else "running variance"
    work = Work("function", (term,), s.std, text, name="sqrt")
    return statistic_step(
        "Standard deviation", s, f"The root of the {what} of {s.name}: {text}.", "std", work
    )


def normal_step(s: Set, i: int, target: str) -> Step:
    """A cell's deviation over the root."""
    cell, x, d = s.shown[i], s.values[i], s.deviations[i]
    value = s.normalized[i] if target == "normalized" else plain(s.batch.y[s.cells[i]])
    if not s.batch.live:
        terms = [Term("input", cell, x, product=x), Term("running_mean", (s.number,), s.mean, product=s.mean)]
        text = f"({number(x)} − {inner(s.mean)}) / {number(s.std)}"
    else:
        panel, d = ("deviation", d) if s.batch.op.centred else ("input", x)
        terms = [Term(panel, cell, d, product=d)]
        text = f"{number(d)} / {number(s.std)}"
    terms.append(Term("std", s.at, s.std, product=s.std))
    text = equal(text, value)
    work = Work("function", tuple(terms), value, text, name="normalize")
    caption = f"{place('Cell', cell)}, normalized: {text}."
    return step("Normalize", caption, work, [Write(target, cell, value)])


def affine_steps(s: Set) -> list[Step]:
    """Each normalized cell times its weight, and its bias."""
    batch, found = s.batch, []
    numbers = batch.affine()
    assert numbers is not None
    weight, bias = batch.weights["weight"], batch.weights.get("bias")
    for full, cell, value in zip(s.cells, s.shown, s.normalized, strict=True):
        at = unravel(int(numbers[full[1:]]), weight.shape)
        factor, result = plain(weight[at]), plain(batch.y[full])
        shift = None if bias is None else plain(bias[at])
        term = Term("normalized", cell, value, at, factor, plain(value * factor))
        text = f"{inner(value)}×{inner(factor)}" + ("" if shift is None else f" + {inner(shift)}")
        text = equal(text, result)
        marks = [] if bias is None else [Marked("bias", "weight", (at,))]
        work = Work("dot", (term,), result, text, shift)
        caption = f"{place('Output', cell)} is {text}."
        section = "Scale" if bias is None else "Scale and shift"
        found.append(step(section, caption, work, [Write("output", cell, result)], "weight", marks))
    return found


def finish(batch: Batch, panels: Sequence[Panel], steps: Sequence[Step]) -> Plan:
    """The plan with its formulas and notes."""
    op, shape = batch.op, batch.shape
    affine = batch.affine() is not None
    mean = "mean" if op.centred else "0"
    top = f"(x − {mean})" if op.centred else "x"
    root = "√(variance + eps)" if op.centred else "√(mean square + eps)"
    after = ("×weight" + (" + bias" if "bias" in batch.weights else "")) if affine else ""
    (first, *_), last = batch.sets, steps[-1].work
    assert last is not None and last.result is not None
    value = number(plain(batch.y[first.cells[0]]))
    numbers = f"({number(first.values[0])} − {inner(first.mean)})" if op.centred else number(first.values[0])
    numbers += f" / √({number(first.var)} + {number(op.epsilon(batch.x))})"
    numbers_of = batch.affine()
    if numbers_of is not None:
        at = unravel(int(numbers_of[first.cells[0][1:]]), batch.weights["weight"].shape)
        numbers += f"×{inner(plain(batch.weights['weight'][at]))}"
        numbers += f" + {inner(plain(batch.weights['bias'][at]))}" if "bias" in batch.weights else ""
    rules = [
        Formula("each cell", f"{top} / {root}{after}", numbers, value, f"for {place('cell', first.shown[0])}")
    ]
    if batch.live:
        cells = len(first.cells)
        about = "cells that share statistics"
        rules.append(Formula(about, "cells / sets", f"{batch.x.size} / {len(batch.sets)}", str(cells)))
    stage = Stage(op, (shape,), op.shape(shape), ("input",), "output", "weight" if affine else None)
    facts = [("parameters", f"{op.params(shape):,}"), ("sets of statistics", f"{len(batch.sets):,}")]
    title = f"{title_of(op)} on {size(batch.shown)}"
    if isinstance(op, RunningNorm):
        title += " in training" if batch.mode == "train" else " in evaluation"
    return Plan(
        op.kind, title, tuple(panels), tuple(steps), tuple(rules), tuple(facts), tuple(notes(batch)), (stage,)
    )


def notes(batch: Batch) -> list[str]:
    if not batch.live:
        return [
            "In evaluation the running mean and variance of each channel are used, not those of the numbers at hand."
        ]
    if not batch.op.centred:
        return ["No mean is taken away: the mean of the squares takes the place of the variance."]
    return ["The variance is the biased one: the sum of squares over the number of cells, not one less."]
