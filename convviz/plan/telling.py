"""Which step of a plan tells most: a full window away from the border, in the middle of what happens."""

from __future__ import annotations

from convviz.errors import ConvvizError
from convviz.plan.model import Cell, Grid, Plan, Step


def moments(plan: Plan, step: int | None = None) -> tuple[int, ...]:
    """The steps of one picture: ``step``, or for None a telling one.

    Where sections of a plan share no grid (the same op told in two ways), there is one step for each of them, about
    the same output cell where there is such. Raises ConvvizError for a step that does not exist.
    """
    if step is not None:
        if not plan.steps:
            raise ConvvizError(f"the plan of {plan.name} has no steps", "--step")
        if not 0 <= step < len(plan.steps):
            raise ConvvizError(f"must be a step from 1 to {len(plan.steps)}, got {step + 1}", "--step")
        return (step,)
    if not plan.steps:
        return ()
    last = _best(plan, _members(plan, plan.sections[-1]))
    found = [last]
    for section in _independent(plan):
        members = _members(plan, section)
        target = _targets(plan.steps[last])
        same = [i for i in members if plan.steps[i].work is not None and target & _targets(plan.steps[i])]
        found.append(_best(plan, same or members))
    return tuple(sorted(found))


def apart(plan: Plan) -> set[str]:
    """The grids with which a new telling of the same op begins: they stand in a row of their own."""
    order = [panel.key for panel in plan.panels if isinstance(panel, Grid)]
    found = set()
    for section in _independent(plan):
        steps = [plan.steps[i] for i in _members(plan, section)]
        own = {mark.panel for step in steps for mark in step.marks} & set(order)
        rest = order[max(map(order.index, own)) + 1 :] if own else []
        found |= set(rest[:1])
    return found


def _members(plan: Plan, section: str) -> list[int]:
    return [i for i, step in enumerate(plan.steps) if step.section == section]


def _independent(plan: Plan) -> list[str]:
    """Sections whose results no later step reads, although they write some: the last section tells the same anew."""
    last = _members(plan, plan.sections[-1]) if plan.steps else []
    needed = {mark.panel for i in last for mark in plan.steps[i].marks}
    found: list[str] = []
    for section in reversed(plan.sections[:-1]):
        steps = [plan.steps[i] for i in _members(plan, section)]
        written = {write.panel for step in steps for write in step.writes}
        if written and not written & needed:
            found.append(section)
        else:
            needed |= {mark.panel for step in steps for mark in step.marks}
    return found


def _targets(step: Step) -> set[Cell]:
    return {write.cell for write in step.writes}


def _off_centre(plan: Plan, step: Step) -> tuple[float, float]:
    """How far the cell that is written lies from the middle of its map, and from the second channel."""
    for write in step.writes[:1]:
        panel = plan[write.panel]
        if isinstance(panel, Grid) and len(panel.shape) > 1:
            space = zip(write.cell[1:], panel.shape[1:])
            channel = abs(write.cell[0] - min(1, panel.shape[0] - 1))
            return channel, sum(abs(at - (n - 1) / 2) for at, n in space)
    return 0.0, 0.0


def _best(plan: Plan, members: list[int]) -> int:
    """Of these steps one with little padding and many terms, nearest to the middle."""
    middle = (len(members) - 1) / 2

    def rank(place: int) -> tuple[float, ...]:
        step = plan.steps[members[place]]
        terms = step.work.terms if step.work is not None else ()
        lost = sum(term.padding for term in terms)
        dull = sum(term.value == 0 for term in terms)
        return (
            not terms,
            lost,
            -len(terms),
            *_off_centre(plan, step),
            abs(place - middle) + 0.5 * min(dull, 2),
            place,
        )

    return members[min(range(len(members)), key=rank)]
