"""Several norms on one batch (N, C, *space): who shares statistics with one cell, worked out; then all sets.

A method's section follows one cell: which cells share with it, their mean, their variance, what becomes of it. The
section ``..., all sets`` has a step for each set. So one tensor passes all norms with every mean and variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from convviz.analysis.norms.normalize import Normalized, Norms
from convviz.analysis.norms.set_names import axis_names, members
from convviz.errors import ConvvizError
from convviz.ops.base import Array, show
from convviz.plan.limits import MAX_STEPS, check_count
from convviz.plan.model import Cell, Formula, Grid, Marked, Panel, Plan, Stage, Step, Table, Term, Work, Write
from convviz.plan.naming import NAMES
from convviz.plan.norm_sets import Batch, Set
from convviz.plan.norm_steps import shared, terms_of
from convviz.plan.norms import checked, input_of
from convviz.plan.pieces import blank, equal, place
from convviz.plan.words import count, inner, listing, number, size

FOUR = ("batch", "layer", "group", "instance")
COLUMNS = ("norm", "over", "sets", "values of a set", "mean", "variance", "result", "trained", "kept")


def of_norms(found: Norms, cell: Sequence[int] | None = None) -> Plan:
    """The plan of a batch under several norms, following ``cell`` (n, c, *space), by default the most telling one.

    Raises ConvvizError for a cell outside, for a method without a mean, and for a batch that is too large.

    >>> from convviz.analysis.norms.batches import preset
    >>> from convviz.analysis.norms.normalize import normalize_all
    >>> plan = of_norms(normalize_all(preset("B"), FOUR), (3, 3, 0, 1))
    >>> [step.work.text for step in plan.steps if step.section == "Layer norm" and step.work]
    ['64 / 16 = 4', '64 / 16 = 4', '(8 − 4) / √(4 + 0.00001) = 2']
    """
    batches = [checked(result) for result in found]
    first = batches[0]
    at = most_apart([result.output for result in found]) if cell is None else checked_cell(first, cell)
    for batch in batches:
        if not (batch.centred and batch.result.live):
            raise ConvvizError(
                "takes no mean of this batch, so that there is nothing to set beside the others",
                batch.result.method,
            )
    check_count("norms", "steps", sum(4 + len(batch.sets) for batch in batches), MAX_STEPS)
    panels: list[Panel] = [input_of(first)]
    steps: list[Step] = []
    for batch in batches:
        panels += panels_of(batch)
        steps += steps_of(batch, at)
    panels.append(
        Table(
            "norms",
            f"what becomes of {place('cell', first.cell(at))}",
            COLUMNS,
            tuple(row(b, at) for b in batches),
        )
    )
    names = listing(name_of(batch.result).lower() for batch in batches)
    title = f"{names[0].upper()}{names[1:]} on one tensor of {size(first.shown)}"
    stages = tuple(
        Stage(b.result.op, (b.shape,), b.shape, ("input",), f"{b.result.method}_output") for b in batches if b.result.op
    )  # fmt: skip
    formulas = tuple(formula(batch, at) for batch in batches)
    return Plan("norms", title, tuple(panels), tuple(steps), formulas, notes=notes(batches), stages=stages)


def most_apart(outputs: Sequence[Array]) -> Cell:
    """The cell in which the closest two of several outputs of one shape are as far apart as can be.

    >>> most_apart([np.array([0.0, 1, 2]), np.array([0.0, 3, 3])])
    (1,)
    """
    ordered = np.sort(np.stack(list(outputs)), axis=0)
    closest = np.diff(ordered, axis=0).min(0) if len(ordered) > 1 else np.abs(ordered[0])
    best = np.argwhere(closest >= closest.max() - 1e-9)[0]
    return tuple(int(i) for i in best)


def checked_cell(batch: Batch, cell: Sequence[int]) -> Cell:
    at = tuple(cell)
    if len(at) != batch.x.ndim or any(not 0 <= i < n for i, n in zip(at, batch.x.shape, strict=True)):
        raise ConvvizError(
            f"must lie in the batch of {show(batch.x.shape)}, counted from 0, got {at!r}", "cell"
        )
    return at


def name_of(result: Normalized) -> str:
    """``Group norm``"""
    assert result.op is not None
    return NAMES.get(result.op.kind) or result.op.kind.replace("_", " ").capitalize()


def set_of(batch: Batch, at: Cell) -> Set:
    """The set in which a cell (n, c, *space) lies."""
    return batch.sets[int(batch.result.labels[at])]


def over(batch: Batch) -> tuple[str, ...]:
    """The axes over which a set reaches, by their letters; ``C/2``: over one of two equal parts of C."""
    letters = ("N", "C", *{1: "L", 2: "HW", 3: "DHW"}.get(batch.x.ndim - 2, ""))
    assert len(letters) == len(axis_names(batch.x.ndim))
    own = members(batch.result.labels)[0]
    found = []
    for letter, places, n in zip(letters, own, batch.x.shape, strict=True):
        if len(places) == n and (n > 1 or letter not in "NC"):
            found.append(letter)
        elif len(places) > 1:
            found.append(f"{letter}/{n // len(places)}")
    return tuple(found)


# -- panels and steps ---------------------------------------------------------------------------------------
def panels_of(batch: Batch) -> list[Panel]:
    """Of one method: the mean and the variance of each set, and the output."""
    return results_of(batch, batch.result.method, name_of(batch.result))


def results_of(batch: Batch, key: str, name: str) -> list[Panel]:
    """Panels for the mean and the variance of each set, and for the output."""
    sets = (len(batch.sets),)
    return [
        blank(f"{key}_mean", f"{name}: mean", sets, batch.names),
        blank(f"{key}_variance", f"{name}: variance", sets, batch.names),
        Grid(f"{key}_output", "output", f"{name}: output", batch.shown, channels=batch.samples),
    ]


def steps_of(batch: Batch, at: Cell) -> list[Step]:
    """One cell followed, then the statistics and the output of every set."""
    name, key, s = name_of(batch.result), batch.result.method, set_of(batch, at)
    first = shared(s, "a mean and a variance")
    followed = [first, mean_step(s, key), variance_step(s, key), cell_step(s, at, key)]
    return [replace(step, section=name) for step in followed] + [
        replace(whole_step(one, key), section=f"{name}, all sets") for one in batch.sets
    ]


# Steps of one set. key: the panels are ``<key>_mean``, ``<key>_variance`` and ``<key>_output``; x: that of the cells.
def mean_step(s: Set, key: str, x: str = "input") -> Step:
    text = equal(f"{inner(s.sum)} / {s.size}", s.shift)
    work = Work("mean", terms_of(x, s.shown, s.values), s.shift, text, divisor=s.size)
    caption = f"The {count(s.size, 'value')} of {s.name} sum to {number(s.sum)}: the mean is {text}."
    return written(s, caption, work, f"{key}_mean", x)


def variance_step(s: Set, key: str, x: str = "input") -> Step:
    """The squares are the terms' products."""
    text = equal(f"{number(s.square_sum)} / {s.size}", s.var)
    cells = zip(s.shown, s.values, s.squares, strict=True)
    work = Work(
        "mean", tuple(Term(x, cell, v, product=q) for cell, v, q in cells), s.var, text, divisor=s.size
    )
    caption = f"The squares (x − {inner(s.shift)})² sum to {number(s.square_sum)}: the variance is {text}."
    return written(s, caption, work, f"{key}_variance", x)


def written(s: Set, caption: str, work: Work, panel: str, x: str) -> Step:
    """A step that writes one statistic of a set."""
    assert work.result is not None
    marks = (Marked(x, "shared", s.shown), Marked(panel, "written", (s.at,)))
    return Step("", caption, marks, work, (Write(panel, s.at, work.result),))


def cell_step(s: Set, at: Cell, key: str, x: str = "input") -> Step:
    """What becomes of the followed cell."""
    i = s.cells.index(at)
    cell, before, after = s.shown[i], s.values[i], s.of(s.batch.result.normalized)[i]
    text = equal(f"({number(before)} − {inner(s.shift)}) / {root(s)}", after)
    terms = (
        Term(x, cell, before, product=before),
        Term(f"{key}_mean", s.at, s.shift, product=s.shift),
        Term(f"{key}_variance", s.at, s.var, product=s.var),
    )
    marks = (
        Marked(x, "shared", s.shown), Marked(x, "read", (cell,)), Marked(f"{key}_output", "written", (cell,)),
    )  # fmt: skip
    work = Work("function", terms, after, text, name="normalize")
    return Step("", f"{place('Cell', cell)}: {text}.", marks, work, (Write(f"{key}_output", cell, after),))


def root(s: Set) -> str:
    eps = s.batch.result.eps
    return f"√({number(s.var)} + {number(eps)})" if eps else f"√{number(s.var)}"


def whole_step(s: Set, key: str, x: str = "input") -> Step:
    """The statistics of a set, and its part of the output."""
    values = s.of(s.batch.result.normalized)
    writes = [Write(f"{key}_mean", s.at, s.shift), Write(f"{key}_variance", s.at, s.var)]
    writes += [Write(f"{key}_output", cell, y) for cell, y in zip(s.shown, values, strict=True)]
    caption = f"{s.title}: mean {number(s.shift)}, variance {number(s.var)}."
    return Step("", caption, (Marked(x, "shared", s.shown),), None, tuple(writes))


# -- what is told beside ------------------------------------------------------------------------------------
def row(batch: Batch, at: Cell) -> tuple[str | int | float, ...]:
    """Of the table: what tells a method apart, and its numbers for the followed cell."""
    s, result = set_of(batch, at), batch.result
    i = s.cells.index(at)
    return (
        name_of(result), ", ".join(over(batch)), len(batch.sets), s.size, s.shift, s.var, s.of(result.normalized)[i],
        result.params, result.buffers,
    )  # fmt: skip


def formula(batch: Batch, at: Cell) -> Formula:
    step = cell_step(set_of(batch, at), at, batch.result.method)
    assert step.work is not None
    numbers, _, result = step.work.text.rpartition(" = ")
    rule = "(x − mean) / √(variance + eps)" if batch.result.eps else "(x − mean) / √variance"
    return Formula(name_of(batch.result), rule, numbers, result, f"for {place('cell', batch.cell(at))}")


def notes(batches: Sequence[Batch]) -> tuple[str, ...]:
    """How many statistics each takes, and what is not shown."""
    sets = listing(f"{count(len(batch.sets), 'set')} in {name_of(batch.result).lower()}" for batch in batches)
    return (f"The same cells, cut into {sets}; gamma is 1 and beta 0.",)
