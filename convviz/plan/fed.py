"""A plan read the other way: every output that one input feeds, and every input that one weight meets."""

from __future__ import annotations

from dataclasses import replace

from convviz.errors import ConvvizError
from convviz.plan.model import Cell, Grid, Marked, Panel, Plan, Step
from convviz.plan.words import count

Pairs = dict[Cell, dict[Cell, Cell | None]]  # input cell -> output cell -> the weight between them


def pairs_of(plan: Plan) -> Pairs:
    """Which outputs each input cell is added to, and through which weight, read off the sums of the plan's steps."""
    found: Pairs = {}
    if not plan.stages:
        return found
    stage = plan.stages[0]
    for step in plan.steps:
        for term in step.work.terms if step.work is not None else ():
            if term.panel != stage.reads[0] or term.padding:
                continue
            for write in step.writes:
                real = all(0 <= at < n for at, n in zip(write.cell, stage.out))  # not one that is cut off
                if real and term.to in (None, write.cell):
                    found.setdefault(term.cell, {})[write.cell] = term.weight
    return found


def with_reach(plan: Plan) -> Plan:
    """The plan with two steps more: one weight and the inputs that it meets, one input and the outputs that it feeds.

    The input is the one that feeds the most outputs, nearest to the middle; the weight that of its first product.
    Raises ConvvizError for a plan whose steps add nothing up.

    >>> from convviz.plan import plan
    >>> for step in with_reach(plan("conv")).steps[-2:]:
    ...     print(step.caption)
    Weight (0, 0) meets 9 inputs, one for each output: it is shared by all of them.
    Input (2, 2) feeds 9 outputs, each through another weight.
    """
    pairs = pairs_of(plan)
    stage = plan.stages[0] if plan.stages else None
    panel = plan.by_key.get(stage.reads[0]) if stage is not None else None
    if not pairs or stage is None or not isinstance(panel, Grid):
        raise ConvvizError("adds nothing up: no input feeds an output through a weight", plan.name)
    middle = [(n - 1) / 2 for n in panel.shape[1:]]

    def rank(cell: Cell) -> tuple[float, ...]:
        off = sum(abs(a - m) for a, m in zip(cell[1:], middle))
        return (-len(pairs[cell]), off, *cell)

    source = min(pairs, key=rank)
    fed = pairs[source]
    through = {weight for weight in fed.values() if weight is not None}
    read, wrote, kernel = stage.reads[0], stage.writes, stage.weight
    steps = []
    weight = min(through) if through else None
    if weight is not None and kernel is not None:
        met = [(i, o) for i, outs in pairs.items() for o, w in outs.items() if w == weight]
        marks = (
            Marked(kernel, "weight", (weight,)),
            Marked(read, "read", tuple(sorted({i for i, _ in met}))),
            Marked(wrote, "fed", tuple(sorted({o for _, o in met}))),
        )
        outputs = {
            w.cell
            for s in plan.steps
            for w in s.writes
            if s.work and any(t.weight == weight for t in s.work.terms)
        }
        lost = len(outputs - {o for _, o in met})
        each = (
            f", and padding for {count(lost, 'output')}" if lost else ", one for each output" * (len(met) > 1)
        )
        shared = ": it is shared by all of them" if len(met) > 1 else ""
        said = f"Weight {named(weight, plan.by_key[kernel])} meets {count(len(met), 'input')}{each}{shared}."
        steps.append(Step("One weight", said, marks))
    ends = [Marked(read, "read", (source,)), Marked(wrote, "fed", tuple(sorted(fed)))]
    if through and kernel is not None:
        ends.append(Marked(kernel, "weight", tuple(sorted(through))))
    each = ", each through another weight" if len(through) == len(fed) > 1 else ""
    steps.append(
        Step("One input", f"Input {named(source)} feeds {count(len(fed), 'output')}{each}.", tuple(ends))
    )
    return replace(plan, steps=(*plan.steps, *steps))


def named(cell: Cell, panel: Panel | None = None) -> str:
    """A cell in words: its place, with its channel (as its panel calls it) where that is not the only one.

    >>> named((0, 2, 1)), named((1, 2, 1)), named((0, 4))
    ('(2, 1)', '(2, 1) of channel 1', '4')
    """
    lead, at = cell[0], cell[1:]
    place = f"({', '.join(map(str, at))})" if len(at) > 1 else str(at[0]) if at else str(lead)
    if isinstance(panel, Grid) and len(panel.channels) > 1:
        return f"{place} of {panel.channels[lead]}"
    return f"{place} of channel {lead}" if at and lead else place
