"""A convolution with many channels told channel by channel: a map for each channel first, then their sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from convviz.ops.base import Along
from convviz.plan import words
from convviz.plan.given import plain
from convviz.plan.model import Cell, Grid, Marked, Number, Plan, Stage, Step, Term, Work, Write


def by_channel(plan: Plan) -> Plan:
    """The plan of one convolution (view ``sum``) with its steps split: one for each channel, one that adds them up.

    Filter ``f`` gets a panel ``parts{f}`` with a map for each channel that it reads, numbered from its first. A step
    adds up the products of one channel; after the last one a step adds these sums, and the bias, to the output's cell.

    >>> from convviz.plan import plan
    >>> by_channel(plan("conv", input=(2, 3, 3))).steps[2].work.text
    '(−12) + (−5) + (−1) = −18'
    """
    (stage,) = plan.stages
    filters, *space = stage.out
    each = len({term.cell[0] for term in plan.steps[0].work.terms}) if plan.steps[0].work else 0
    parts = [Grid(part(f), "output", title(f, filters, each), (each, *space)) for f in range(filters)]
    at = [panel.key for panel in plan.panels].index(stage.writes)
    steps = tuple(piece for step in plan.steps for piece in split(step, stage))
    return replace(plan, panels=(*plan.panels[:at], *parts, *plan.panels[at:]), steps=steps)


@dataclass(frozen=True)
class Filter:
    """One filter of a convolution: the input channels that it reads, and its weights by (number of channel, *tap)."""

    channels: range
    weights: Mapping[Cell, Number]
    bias: Number | None


def filters(plan: Plan, stage: int = 0) -> tuple[Filter, ...]:
    """The filters of a stage of a plan that is a convolution.

    >>> from convviz.plan import plan
    >>> [filt.channels for filt in filters(plan("grouped_conv"))]
    [range(0, 2), range(0, 2), range(2, 4), range(2, 4)]
    """
    op = plan.stages[stage]
    grid, block = plan[op.weight or ""], op.op.reads(*op.ins)[0]
    assert isinstance(grid, Grid) and isinstance(block, Along)
    each = op.op.weights(*op.ins)["weight"][1]
    found: list[dict[Cell, Number]] = [{} for _ in range(op.out[0])]
    for cell, value in (grid.values or {}).items():
        found[cell[0] // each][cell[0] % each, *cell[1:]] = value
    biases = {step.writes[0].cell[0]: step.work.bias for step in plan.steps
              if step.work and step.writes[0].panel == op.writes}  # fmt: skip
    return tuple(
        Filter(block.axes[0].relation.taps(f).cells, weights, biases.get(f))
        for f, weights in enumerate(found)
    )


def part(filt: int) -> str:
    """The key of the panel with a filter's maps."""
    return f"parts{filt}"


def title(filt: int, filters: int, each: int) -> str:
    """``filter 0: a map for each of 3 channels``"""
    told = f"a map for each of {each} channels" if each > 1 else "the map of its channel"
    return f"filter {filt}: {told}" if filters > 1 else told


def split(step: Step, stage: Stage) -> list[Step]:
    """A step of the convolution as one for each channel, and the sum of them."""
    assert step.work is not None
    (write,) = step.writes
    key, at = part(write.cell[0]), write.cell[1:]
    holes = [cell for mark in step.marks if mark.mark == "hole" for cell in mark.cells]
    steps, sums = [], []
    for number, (channel, found) in enumerate(groupby(step.work.terms, key=lambda term: term.cell[0])):
        terms, cell = tuple(found), (number, *at)
        skipped = tuple(cell for cell in holes if cell[0] == channel)
        steps.append(one_channel(step.section, terms, skipped, key, cell, stage))
        value = steps[-1].work.result  # type: ignore[union-attr]
        assert value is not None
        sums.append(Term(key, cell, value, product=value))
    return [*steps, together(step, sums, key)]


def one_channel(
    section: str, terms: Sequence[Term], holes: tuple[Cell, ...], key: str, cell: Cell, stage: Stage
) -> Step:
    """The step that adds up the products of one channel."""
    total = plain(sum(term.product for term in terms))
    source, weight = stage.reads[0], stage.weight
    assert weight is not None
    marks = [
        Marked(source, "read", tuple(term.cell for term in terms)),
        Marked(weight, "weight", tuple(term.weight for term in terms if term.weight is not None)),
        Marked(key, "written", (cell,)),
    ]
    if holes:
        marks.insert(1, Marked(source, "hole", holes))
    what = f"{words.count(len(terms), 'product')} of channel {terms[0].cell[0]}"
    return Step(
        section=section,
        caption=f"The {what} {'add up to' if len(terms) > 1 else 'is'} {words.number(total)}.",
        marks=tuple(marks),
        work=Work("dot", tuple(terms), total, words.sum_text(terms, None, total)),
        writes=(Write(key, cell, total),),
    )


def together(step: Step, sums: Sequence[Term], key: str) -> Step:
    """The step that adds the channels' sums, and the bias, to one output."""
    assert step.work is not None and step.work.result is not None
    (write,), bias, result = step.writes, step.work.bias, step.work.result
    told = [words.count(len(sums), "channel's sum", "channels' sums")]
    if bias is not None:
        told.append(f"the bias {words.number(bias)}")
    verb = "add up to" if len(sums) + (bias is not None) > 1 else "is"
    return Step(
        section=step.section,
        caption=f"Output {words.position(write.cell[1:])} of filter {write.cell[0]}: "
        f"{words.listing(told)} {verb} {words.number(result)}.",
        marks=(
            Marked(key, "read", tuple(term.cell for term in sums)),
            Marked(write.panel, "written", (write.cell,)),
        ),
        work=Work("sum", tuple(sums), result, words.sum_text(sums, bias, result), bias),
        writes=(write,),
    )
