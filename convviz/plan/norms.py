"""Normalization step by step: who shares statistics, sum, mean, deviations, squares, variance, result, running ones.

Everything works on a batch ``(N, C, *space)``. Of one sample the cells are named ``(c, *space)``, of several
``(n, c, *space)``. Sections of :func:`of_result` have one step for each set, in the order of the sets; so those who
write it down can turn it round and tell set by set. Only the updates of running statistics are told by time.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from convviz.analysis.norms.normalize import Mode, Normalized, applied
from convviz.analysis.norms.scaling import Scaling
from convviz.errors import ConvvizError
from convviz.ops.base import show
from convviz.ops.norm import Norm, RunningNorm
from convviz.plan import norm_steps as steps_of
from convviz.plan import running, scalings
from convviz.plan.defaults import default_weights
from convviz.plan.given import Given, check_size, checked_weights, plain
from convviz.plan.limits import MAX_CELLS, MAX_STEPS, check_count
from convviz.plan.model import Formula, Grid, Panel, Plan, Stage, Step, Table
from convviz.plan.naming import title_of
from convviz.plan.norm_sets import Batch
from convviz.plan.pieces import blank, grid, place
from convviz.plan.reach import unravel
from convviz.plan.words import inner, listing, number, size

SECTIONS = 11  # that a set has a step in, at most
CELLS = 10_000  # of a batch that is worked out


def of_result(result: Normalized) -> Plan:
    """The worked example of a normalized batch: every number from the input to the output and the running statistics.

    Any method, in training or evaluation, and the scalings of pixels. Each section has one step for each set of cells
    that share. Raises ConvvizError where there would be too much to follow.

    >>> from convviz.analysis.norms.normalize import normalize
    >>> plan = of_result(normalize([[[0, 4]], [[2, 2]]], "batch"))
    >>> [step.work.text for step in plan.steps if step.section in ("Mean", "Variance", "Running variance")]
    ['8 / 4 = 2', '8 / 4 = 2', '(1 − 0.1)×1 + 0.1×2.6667 = 1.1667']
    """
    batch = checked(result)
    if isinstance(result.rule, Scaling):
        return scaling(batch)
    return worksheet(batch, whole=True)


def of_sample(given: Given) -> Plan:
    """The plan of a norm on one sample, in evaluation."""
    assert isinstance(given.op, Norm)
    return worksheet(checked(applied(given.op, given.xs[0][None], given.weights), each=True))


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
    return worksheet(checked(applied(op, batch, kept, mode), each=True))


def checked(result: Normalized, each: bool = False) -> Batch:
    """A batch that is small enough to be followed."""
    where = result.op.kind if result.op else result.method
    sets, cells, updates = len(result.shift), result.x.size, len(result.updates)
    kept = result.shape[1] * (updates + 1)
    check_count(where, "cells", cells, CELLS)
    check_count(where, "running statistics", kept, CELLS)
    check_count(where, "steps", SECTIONS * sets + 2 * updates, MAX_STEPS)
    return Batch(result, each)


# -- a norm ---------------------------------------------------------------------------------------------
def worksheet(batch: Batch, whole: bool = False) -> Plan:
    """All sections of a norm, in order, with a panel for each number in between.

    whole: with the parameters in a table and all updates of the running statistics.
    """
    result, op = batch.result, batch.result.op
    assert op is not None
    updates = whole and bool(result.updates)
    kept = ("running_mean", "running_var") if updates else ()
    panels: list[Panel] = [input_of(batch)]
    panels += [
        grid(name, "kernel", name, value) for name, value in result.weights.items() if name not in kept
    ]
    steps: list[Step] = []
    if updates and not result.live:
        panels += running.panels(batch)
        steps += running.steps(batch)
    if whole and not result.live:
        steps += [steps_of.in_use(s, s.shift, s.var) for s in batch.sets]
    made, between = statistics(batch)
    steps += made
    panels += between
    if updates and result.live:  # as in torch, before anything is normalized
        steps += [running.unbiased_step(s) for s in batch.sets] + running.steps(batch)
    steps += results(batch)
    if batch.affine is not None:
        panels.append(blank("normalized", "normalized", batch.shown, batch.samples))
    panels.append(Grid("output", "output", "output", batch.shown, channels=batch.samples))
    if updates and result.live:
        panels += [running.unbiased_panel(batch), *running.panels(batch)]
    panels += running.curves(batch) if updates else []
    panels += [parameters(batch)] if whole and (result.params or result.buffers) else []
    weight = None if batch.affine is None else "weight"
    stage = Stage(op, (batch.shape,), op.shape(batch.shape), ("input",), "output", weight)
    return Plan(
        op.kind, title(batch), tuple(panels), tuple(steps), tuple(formulas(batch, updates)), facts(batch, whole),
        tuple(notes(batch)), (stage,),
    )  # fmt: skip


def results(batch: Batch) -> list[Step]:
    """The normalized cells of each set, then their scale and shift."""
    target = "output" if batch.affine is None else "normalized"
    steps: list[Step] = []
    for s in batch.sets:
        if batch.result.live:
            panel, before = ("deviation", s.deviations) if batch.centred else ("input", s.values)
            steps += steps_of.quotients(s, target, panel, before)
        else:
            steps += steps_of.from_running(s, target, running.last(batch.result, s.number))
    return steps + (
        [step for s in batch.sets for step in steps_of.affine_steps(s)] if batch.affine is not None else []
    )


def input_of(batch: Batch) -> Grid:
    return grid("input", "input", "input", batch.x if batch.several else batch.x[0], batch.samples)


def statistics(batch: Batch) -> tuple[list[Step], list[Panel]]:
    """Everything up to the root, with the panels in between; in evaluation only the root."""
    sets, centred = batch.sets, batch.centred
    steps: list[Step] = []
    panels: list[Panel] = []

    def add(steps_: list[Step], *made: Panel) -> None:
        steps.extend(steps_)
        panels.extend(made)

    def statistic(key: str, title: str) -> Grid:
        return blank(key, title, (len(sets),), batch.names)

    def cells(key: str, title: str) -> Grid:
        return blank(key, title, batch.shown, batch.samples)

    if batch.result.live:
        what = "a mean and a variance" if centred else "a mean square"
        add([steps_of.shared(s, what) for s in sets])
        if centred:
            add([steps_of.sum_step(s) for s in sets], statistic("sum", "sum"))
            add([steps_of.mean_step(s) for s in sets], statistic("mean", "mean"))
            add([steps_of.deviation_step(s) for s in sets], cells("deviation", "x − mean"))
        add([steps_of.square_step(s) for s in sets], cells("square", "(x − mean)²" if centred else "x²"))
        add([steps_of.square_sum_step(s) for s in sets], statistic("square_sum", "sum of squares"))
        add(
            [steps_of.variance_step(s) for s in sets],
            statistic("variance", "variance" if centred else "mean square"),
        )
    root = statistic("std", "√(variance + eps)" if centred else "√(mean square + eps)")
    if batch.result.live:
        what = "variance" if centred else "mean square"
        add([steps_of.root_step(s, "variance", s.at, what) for s in sets], root)
    else:
        at = [running.last(batch.result, s.number) for s in sets]
        add(
            [
                steps_of.root_step(s, "running_var", a, "running variance")
                for s, a in zip(sets, at, strict=True)
            ],
            root,
        )
    return steps, panels


def title(batch: Batch) -> str:
    op = batch.result.op
    assert op is not None
    mode = {"train": " in training", "eval": " in evaluation"}[batch.result.mode]
    return f"{title_of(op)} on {size(batch.shown)}{mode if isinstance(op, RunningNorm) else ''}"


def formulas(batch: Batch, updates: bool) -> list[Formula]:
    """The rule and the statistics, with the numbers of the first set."""
    result, s = batch.result, batch.sets[0]
    centred, x = batch.centred, number(s.values[0])
    root = "√(variance + eps)" if centred else "√(mean square + eps)"
    rule = f"(x − mean) / {root}" if centred else f"x / {root}"
    numbers = f"({x} − {inner(s.shift)})" if centred else x
    numbers += f" / √({number(s.var)} + {number(result.eps)})"
    if batch.affine is not None:
        weight, bias = result.weights["weight"], result.weights.get("bias")
        at = unravel(int(batch.affine[s.cells[0][1:]]), weight.shape)
        rule += "×weight" + ("" if bias is None else " + bias")
        numbers += f"×{inner(plain(weight[at]))}" + ("" if bias is None else f" + {inner(plain(bias[at]))}")
    value = number(plain(result.output[s.cells[0]]))
    found = [Formula("each cell", rule, numbers, value, f"for {place('cell', s.shown[0])}")]
    if result.live:
        note = f"for {s.name}"
        cells = Formula(
            "cells that share statistics",
            "all cells / sets",
            f"{batch.x.size} / {len(batch.sets)}",
            str(s.size),
        )
        if batch.x.size == s.size * len(batch.sets):
            found.append(cells)
        if centred:
            found.append(
                Formula("mean", "(Σ x) / cells", f"{inner(s.sum)} / {s.size}", number(s.shift), note)
            )
        what, over = ("variance", "Σ (x − mean)²") if centred else ("mean square", "Σ x²")
        found.append(
            Formula(what, f"({over}) / cells", f"{number(s.square_sum)} / {s.size}", number(s.var), note)
        )
    return found + (running.formulas(batch) if updates else [])


# -- parameters -----------------------------------------------------------------------------------------
def facts(batch: Batch, whole: bool) -> tuple[tuple[str, str], ...]:
    result = batch.result
    found = [("parameters", f"{result.params:,}"), ("sets of statistics", f"{len(batch.sets):,}")]
    if whole:
        names = [name for key, name in (("weight", "gamma"), ("bias", "beta")) if key in result.weights]
        found.insert(1, ("trained", listing(names) or "nothing"))
        kept = f"{result.buffers:,} running statistics and a counter" if result.buffers else "nothing"
        found.insert(2, ("only kept", kept))
    return tuple(found)


def parameters(batch: Batch) -> Table:
    """What is trained, what is only kept, and how many numbers each is."""
    result, rows = batch.result, []
    for key, name, does in (("weight", "gamma", "scales"), ("bias", "beta", "shifts")):
        if key in result.weights:
            rows.append((f"{name} ({key})", result.weights[key].size, "trained", does))
    if result.buffers:
        for key in ("running_mean", "running_var"):
            rows.append((key, result.weights[key].size, "kept", "used in evaluation"))
        rows.append(("num_batches_tracked", 1, "kept", f"counts updates: {len(result.updates)}"))
    return Table(
        "parameters", "what is trained and what is kept", ("what", "numbers", "how", "what for"), tuple(rows)
    )


def notes(batch: Batch) -> list[str]:
    result = batch.result
    kept = running.notes(result)
    if not result.live:
        used = "In evaluation the running mean and variance of each channel are used, not those of the numbers at hand."
        if kept or not isinstance(result.op, RunningNorm):
            return [used, *kept]
        start = all((result.weights[k] == v).all() for k, v in (("running_mean", 0), ("running_var", 1)))
        return [used] + [
            "They still are as they start, mean 0 and variance 1: the output is nearly the input."
        ] * start
    if not batch.centred:
        return ["No mean is taken away: the mean of the squares takes the place of the variance."]
    return [
        "The variance is the biased one: the sum of squares over the number of cells, not one less.",
        *kept,
    ]


# -- a scaling of pixels --------------------------------------------------------------------------------
def scaling(batch: Batch) -> Plan:
    """All sections of a scaling of pixels."""
    output = Grid("output", "output", "output", batch.shown, channels=batch.samples)
    panels = (input_of(batch), *scalings.panels_of(batch), output)
    told = (("parameters", "0"), ("sets that share", f"{len(batch.sets):,}"))
    return Plan(
        batch.result.method, scalings.title_of(batch), panels, tuple(scalings.steps_of(batch)),
        tuple(scalings.formulas_of(batch)), told, tuple(scalings.notes_of(batch)),
    )  # fmt: skip
