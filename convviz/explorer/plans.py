"""A page that shows any plans: one plan for every setting of its knobs, told step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

from convviz.errors import ConvvizError
from convviz.explorer.knobs import Knob, start
from convviz.explorer.plan_cells import panel_json, step_json
from convviz.explorer.views import Json, Store
from convviz.plan.model import Plan
from convviz.plan.telling import apart, moments

HINT = (
    "Point at a cell that is worked out to see the step that does it, at any other to see what it feeds. "
    "Click to keep a cell, arrows move, the scrubber plays the steps."
)
Code = Callable[[Plan], tuple[str, str]]


def plans_data(
    name: str,
    title: str,
    about: str,
    knobs: Sequence[Knob],
    plans: Sequence[Plan | None] | Mapping[int, Plan],
    code: Code | None = None,
) -> Json:
    """The data of a page that shows plans, as plain data for JSON; ``convviz.explorer.page.page`` makes a file of it.

    name: of the page and its file. title: its headline; about: one or two sentences below it ("": how to use it).
    knobs: what a reader can turn (none: one plan). plans: the plan of every setting, the last knob turning fastest,
    as ``itertools.product`` lists their values; None where there is none, or a mapping from the numbers of the
    settings that there are: a knob that is turned to another takes the others along. code: for a plan, its source in
    PyTorch and in YAML ("" for none). What plans have in common is written once. Raises ConvvizError where the number
    of plans is not that of the settings, or the first setting has none.

    >>> from convviz.plan import plan
    >>> p = Knob("p", (1, 2), 0)
    >>> data = plans_data("powers", "Powers", "", [p], [plan("pow", {"exponent": n}) for n in p.values])
    >>> data["page"], data["settings"], [panel["title"] for panel in data["store"][:2]]
    ('plan', {0: 0, 1: 1}, ['input', 'output'])
    """
    count = prod(len(knob.values) for knob in knobs)
    if not isinstance(plans, Mapping):
        if len(plans) != count:
            raise ConvvizError(f"the knobs have {count:,} settings, got {len(plans):,} plans", name)
        plans = {number: plan for number, plan in enumerate(plans) if plan is not None}
    if start(knobs) not in plans:
        raise ConvvizError("the setting that the knobs stand at first has no plan", name)
    store = Store()
    states: list[Json] = []
    at: dict[int, int] = {}
    for number, plan in plans.items():
        at[number] = len(states)
        states.append(state_of(plan, store, code))
    return {
        "page": "plan",
        "name": name,
        "title": title,
        "about": about or HINT,
        "knobs": [knob.data() for knob in knobs],
        "settings": at,
        "start": start(knobs),
        "states": states,
        "store": store.entries,
    }


def state_of(plan: Plan, store: Store, code: Code | None = None) -> Json:
    """One plan: numbers stand for entries of the store."""
    torch, yaml = code(plan) if code else ("", "")
    rows = apart(plan)
    sections = plan.sections
    steps = [step_json(plan, step, sections.index(step.section)) for step in plan.steps]
    return {
        "title": plan.title,
        "views": [],
        "panels": [store.add({**panel_json(panel), "apart": panel.key in rows}) for panel in plan.panels],
        "sections": list(sections),
        "steps": [store.add(step) for step in steps],
        "first": first_step(plan),
        "formulas": [store.add(dict(vars(formula))) for formula in plan.formulas],
        "facts": [list(fact) for fact in plan.facts],
        "notes": [store.add(note) for note in plan.notes],
        "torch": torch,
        "yaml": yaml,
        "overlap": None,
    }


def first_step(plan: Plan) -> int | None:
    """The step that a page shows first: the one that a picture would show, if it writes a cell; None for no steps."""
    told = moments(plan)
    writing = [i for i, step in enumerate(plan.steps) if step.writes]
    if not told or told[-1] in writing or not writing:
        return told[-1] if told else None
    return writing[len(writing) // 2]
