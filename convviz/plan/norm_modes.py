"""Batch norm in training and in evaluation: one image among two kinds of neighbours and alone, in both modes.

In training its answer follows its neighbours, in evaluation it does not. Between the two the running statistics come
near those of the batches. Told of one channel, a batch (N, 1, *space).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from convviz.analysis.norms.batches import nice_batch, preset, random_batch
from convviz.analysis.norms.checks import MAX_STEPS, Unfit
from convviz.analysis.norms.normalize import normalize
from convviz.errors import ConvvizError
from convviz.ops.base import Array, Shape, show
from convviz.plan import running
from convviz.plan.four_norms import cell_step, mean_step, most_apart, results_of, variance_step, whole_step
from convviz.plan.given import plain
from convviz.plan.model import Cell, Formula, Panel, Plan, Stage, Step, Table
from convviz.plan.norm_sets import Batch
from convviz.plan.norm_steps import in_use, shared
from convviz.plan.norms import checked, input_of
from convviz.plan.pieces import place
from convviz.plan.words import size

STEPS = 40  # training steps of the example
PRESET = (4, 1, 2, 2)  # the shape of preset A
# Images beside its first one: darker, and mean and deviation come out whole as well.
DARKER = ((3, 3, 2, 1), (2, 3, 3, 2), (3, 1, 2, 3))
TRAINING, OTHERS, RUNNING, EVALUATION, FORGOTTEN = (
    "Training", "Other neighbours", "Running statistics", "Evaluation", "Evaluation forgotten",
)  # fmt: skip


class Company(NamedTuple):
    """The first image and who stands beside it. key: of its panels; name: in words; train, fixed: in the two modes."""

    key: str
    name: str
    train: Batch
    fixed: Batch


def example(shape: Shape = (1, 2, 2), samples: int = 4, seed: int = 0, steps: int = STEPS) -> dict[str, Any]:
    """A batch, other neighbours of its first image, and the batches of training, as arguments of :func:`modes`.

    shape: (C, *space) of an image, of which one channel is told. Of four images of 2x2 it is preset A.
    """
    if samples < 2:
        raise ConvvizError(f"must be at least 2, an image and its neighbours, got {samples}", "batch")
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < running.POINTS:
        raise ConvvizError(f"must be a whole number >= {running.POINTS}, got {steps!r}", "steps")
    if steps > MAX_STEPS:
        raise ConvvizError(f"at most {MAX_STEPS:,} in all, got {steps:,}", "steps")
    full = (samples, 1, *shape[1:])
    known = full == PRESET and not seed
    x = preset("A") if known else nice_batch(full, seed).x
    darker = np.array(DARKER, dtype=float).reshape(3, *PRESET[1:]) if known else np.floor(x[1:] / 2)
    before = [x, *(random_batch(full, seed + k) for k in range(1, steps))]
    return {"x": x, "others": np.concatenate([x[:1], darker]), "before": before}


def modes(
    x: Any, others: Any, before: Sequence[Any], momentum: float | None = 0.1, eps: float = 1e-5
) -> Plan:
    """The plan of batch norm in both modes on a batch ``x`` (N, 1, *space).

    others: a batch with the same first image; before: the batches on which it has trained, in order. Raises
    ConvvizError where shapes do not fit, and for a batch on which nothing can be computed.

    >>> plan = modes(**example())
    >>> [round(row[1], 4) for row in plan["answers"].rows], len({row[2] for row in plan["answers"].rows})
    ([-0.6667, 0, 1.0], 1)
    """
    batch, other = np.asarray(x, dtype=float), np.asarray(others, dtype=float)
    if batch.ndim < 2 or batch.shape[1] != 1 or len(batch) < 2:
        raise ConvvizError(
            f"must be at least two images of one channel, (N, 1, *space), got {show(batch.shape)}", "input"
        )
    if other.shape[1:] != batch.shape[1:] or (other[:1] != batch[:1]).any():
        raise ConvvizError("must have the same first image", "others")
    settings: dict[str, Any] = {"momentum": momentum, "eps": eps}

    def company(key: str, name: str, own: Array) -> Company:
        fixed = normalize(own, "batch", mode="eval", steps=0, before=before, **settings)
        return Company(key, name, checked(normalize(own, "batch", **settings)), checked(fixed))

    with_own, with_others = (
        company("input", "with its neighbours", batch),
        company("others", "with others", other),
    )
    lonely = company("alone", "alone", batch[:1])
    twin = company("twin", "another image alone", batch[twin_of(batch, settings)][None])
    companies, everyone = (with_own, with_others, lonely), (with_own, with_others, lonely, twin)
    at = most_apart([c.train.result.output[:1] for c in companies])
    panels = [panel for c in everyone for panel in panels_of(c)]
    panels += [running.unbiased_panel(with_own.train), *running.panels(with_own.fixed)]
    panels += [*running.curves(with_own.fixed), answers(companies, at)]
    steps = told(TRAINING, with_own, at) + told(OTHERS, with_others, at) + kept(with_own)
    steps += evaluation(everyone, at) + told(FORGOTTEN, lonely, at) + told(FORGOTTEN, twin, at)
    op = with_own.train.result.op
    assert op is not None
    stages = tuple(
        Stage(op, (c.train.shape,), c.train.shape, (c.key,), f"{c.key}_train_output") for c in companies
    )
    return Plan(
        "batch_norm_modes", f"Batch norm in training and evaluation on {size(batch.shape)}", tuple(panels),
        tuple(steps), tuple(formulas(companies, at)), notes=tuple(notes(with_own, settings)), stages=stages,
    )  # fmt: skip


def twin_of(batch: Array, settings: dict[str, Any]) -> int:
    """Which image, another one, gets the answer nearest that of the first where both are normalized alone."""
    alone = [normalize(image[None], "batch", **settings).output for image in batch]
    different = [i for i in range(1, len(batch)) if (batch[i] != batch[0]).any()] or [1]
    return min(different, key=lambda i: float(np.abs(alone[i] - alone[0]).max()))


def panels_of(company: Company) -> list[Panel]:
    """The images, and in each mode mean, variance and output."""
    return [
        replace(input_of(company.train), key=company.key, title=f"input, {company.name}"),
        *results_of(company.train, f"{company.key}_train", f"training, {company.name}"),
        *results_of(company.fixed, f"{company.key}_eval", f"evaluation, {company.name}"),
    ]


# -- sections -----------------------------------------------------------------------------------------------
def told(section: str, company: Company, at: Cell) -> list[Step]:
    """The first image in training mode: who shares, mean, variance, a cell, the whole output."""
    (s,), key, x = company.train.sets, f"{company.key}_train", company.key
    own = shared(s, "a mean and a variance")
    own = replace(own, marks=tuple(replace(mark, panel=x) for mark in own.marks))
    made = (
        own,
        mean_step(s, key, x),
        variance_step(s, key, x),
        cell_step(s, at, key, x),
        whole_step(s, key, x),
    )
    return [replace(step, section=section) for step in made]


def kept(company: Company) -> list[Step]:
    """The unbiased variance of the first batch, then each update of the running mean and of the running variance."""
    (s,) = company.train.sets
    unbiased = running.unbiased_step(s)
    assert unbiased.work is not None
    squares = variance_step(s, "", company.key).work
    assert squares is not None  # their sum, over one cell less
    work = replace(unbiased.work, terms=squares.terms)
    return [
        replace(step, section=RUNNING)
        for step in (replace(unbiased, work=work), *running.steps(company.fixed))
    ]


def evaluation(companies: Sequence[Company], at: Cell) -> list[Step]:
    """The first image in each company, with the running statistics."""
    s = companies[0].fixed.sets[0]
    found = [in_use(s, s.shift, s.var)]
    for company in companies:
        (s,), key = company.fixed.sets, f"{company.key}_eval"
        found += [cell_step(s, at, key, company.key), whole_step(s, key, company.key)]
    return [replace(step, section=EVALUATION) for step in found]


# -- what is told beside ------------------------------------------------------------------------------------
def answers(companies: Sequence[Company], at: Cell) -> Table:
    """What becomes of the followed cell: a row for each company, a column for each mode."""
    rows = [(c.name, *(plain(b.result.output[at]) for b in (c.train, c.fixed))) for c in companies]
    return Table(
        "answers",
        f"what becomes of {place('cell', at)}",
        ("first image", "training", "evaluation"),
        tuple(rows),
    )


def formulas(companies: Sequence[Company], at: Cell) -> list[Formula]:
    """The two rules with the numbers of the followed cell, and one update."""
    found = []
    for name, batch in (("training", companies[0].train), ("evaluation", companies[0].fixed)):
        step = cell_step(batch.sets[0], at, "")
        assert step.work is not None
        numbers, _, result = step.work.text.rpartition(" = ")
        which = "" if batch.result.live else "running "
        rule = f"(x − {which}mean) / √({which}variance + eps)"
        found.append(Formula(name, rule, numbers, result, f"for {place('cell', at)}"))
    return found + running.formulas(companies[0].fixed)


def notes(company: Company, settings: dict[str, Any]) -> list[str]:
    """How much of the start is left, and what training mode refuses."""
    single = np.zeros((1, 1, *(1,) * (company.train.x.ndim - 2)))
    try:
        normalize(single, "batch", **settings)
    except Unfit as err:
        return [*running.notes(company.fixed.result), f"{err.message}: torch raises."]
    raise AssertionError("a single value has no variance")
