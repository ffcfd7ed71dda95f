"""Pages of ops, forms, relationships and layers, each as plans over the settings of its fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from convviz.errors import ConvvizError, ShapeError
from convviz.explorer.knobs import Knob
from convviz.explorer.plan_code import code_of
from convviz.explorer.plan_knobs import (
    FORMS,
    INPUT,
    STANDING,
    FieldKnob,
    Make,
    Tried,
    knobs_of,
    nearest_first,
    number_of,
    pruned,
)  # fmt: skip
from convviz.explorer.plans import plans_data
from convviz.explorer.views import Json
from convviz.graph import Graph
from convviz.ops.base import OPS, Op, Shape, build
from convviz.plan import kinds, named, relationship
from convviz.plan.build import explain
from convviz.plan.examples import Kind
from convviz.plan.model import Plan, Stage
from convviz.plan.of_model import candidates, rebuilt, told

MOST = 120  # settings of a page
LEAST = 4  # settings of a page whose plans are large
CELLS = 16_000  # cells that all of them write and read together: about a second of work, and a megabyte
LARGEST = 12_000  # and of one plan: more are too many to look at
# Where the example of a plan leaves most of the fields nothing to do.
STARTS: dict[str, tuple[dict[str, Any], Shape | None]] = {
    **dict.fromkeys(("softmax", "log_softmax", "softmin"), ({}, (3, 4))),
    "slice": ({"dim": 3, "start": 1}, (2, 4, 4)),
}
ABOUT = dict.fromkeys(
    ("alpha_dropout", "drop_path"),
    "In evaluation, as here, nothing is dropped: every output is a copy. p matters in training alone.",
)
DROPOUTS = {"dropout": "dropout", **dict.fromkeys(("dropout1d", "dropout2d", "dropout3d"), "dropout2d")}


def op_plans(kind: str, fields: Mapping[str, Any] | None = None, input: Sequence[int] | None = None) -> Json:
    """The page of an op or form by name; the caller's fields are always among its settings. Raises ConvvizError.

    >>> data = op_plans("softmax", input=(3,))
    >>> data["states"][data["settings"][data["start"]]]["title"]
    'Softmax on 3 gives 3'
    """
    example = next(k for k in kinds() if k.name == kind)
    given = dict(fields or {})
    if input is None and kind in STARTS:
        more, input = STARTS[kind]
        given = {**more, **given}
    make = maker(example, given, input)
    first = small(make({}))
    own, ins = standing(example, given, first)
    if len(set(ins)) == 1:
        own[INPUT] = tuple(ins[0])
    tried = Tried(make, own)
    return shown(kind, tried, knobs_of(tried, example.op, own, ins, tuple(given)))


def maker(example: Kind, given: Mapping[str, Any], input: Sequence[int] | None) -> Make:
    """What makes the plan of an example with some fields changed."""
    if example.op in DROPOUTS:
        return lambda more: dropped(example.op, *parted({**given, **more}, input))

    def make(more: Mapping[str, Any]) -> Plan:
        both, shape = parted({**given, **more}, input)
        for a, b in (("size", "scale_factor"), ("scale_factor", "size")):  # of which upsampling takes one
            if more.get(a) is not None:
                both.pop(b, None)
        return named.plan(example.name, both, shape)

    return make


def parted(
    fields: Mapping[str, Any], input: Sequence[int] | None
) -> tuple[dict[str, Any], Sequence[int] | None]:
    """The fields of an op, and the shape that it is shown on."""
    own = {name: value for name, value in fields.items() if name != INPUT}
    return own, fields.get(INPUT, input)


def standing(example: Kind, given: Mapping[str, Any], first: Plan) -> tuple[dict[str, Any], Sequence[Shape]]:
    """The fields as they stand, and the inputs of the first plan."""
    if example.op not in OPS:
        known = [name for name in FORMS if name in example.fields or name in STANDING or name in given]
        return {name: {**STANDING, **example.fields, **given}[name] for name in known}, first.stages[0].ins
    return first.stages[0].op.fields(), first.stages[0].ins


def shown(name: str, tried: Tried, knobs: Sequence[Knob], title: str = "", about: str = "") -> Json:
    """The page of the settings nearest to the first, as many as it can hold."""
    found: list[tuple[dict[str, Any], Plan]] = []
    cells = 0
    for setting in islice(nearest_first(knobs), 20 * MOST):
        plan = tried(setting)
        if not isinstance(plan, Plan):
            continue
        cells += weight(plan)
        if len(found) == MOST or (cells > CELLS and len(found) >= LEAST) or (found and cells > 1.5 * CELLS):
            break
        found.append((setting, plan))
    left = pruned(knobs, [setting for setting, _ in found])
    plans = {number_of(left, setting): plan for setting, plan in found}
    first = found[0][1]
    heading = title or first.title.partition(":")[0].partition(" on ")[0].partition(" with ")[0]
    return plans_data(name, heading, about or ABOUT.get(name, ""), left, plans, code_of)


def weight(plan: Plan) -> int:
    """How much there is of a plan: what its steps read and write."""
    return sum(
        len(step.writes) + (len(step.work.terms) if step.work else 1) + 4 for step in plan.steps
    ) + sum(sum(len(line.x) for line in getattr(panel, "series", ())) // 4 for panel in plan.panels)


def small(plan: Plan) -> Plan:
    """The plan, once it is known that a page can show it; raises ConvvizError."""
    size = weight(plan)
    if size > LARGEST:
        raise ShapeError(
            f"{plan.name} would have {size:,} numbers to follow, and {LARGEST:,} is the most of a page; "
            "use a smaller input"
        )
    return plan


# -- dropout --------------------------------------------------------------------------------------------------
def dropped(kind: str, fields: Mapping[str, Any], input: Sequence[int] | None) -> Plan:
    """Dropout in training, over a batch of two; its plan as an op is that of evaluation, where nothing happens."""
    from convviz.analysis.regularizers.dropout import SHAPE, dropout
    from convviz.plan.regularizers.dropout import dropout as explained

    rank = {"dropout1d": 1, "dropout3d": 3}.get(kind, 2)
    shape = (2, *named.checked(input)) if input is not None else (*SHAPE[:2], *(2,) * rank)
    op = build(kind, fields, max(len(shape) - 2, 1))
    op.shape(shape[1:])
    done = explained(dropout(kind=DROPOUTS[kind], p=op.fields()["p"], shape=shape))
    stage = Stage(op, (shape[1:],), shape[1:], ("input",), "output")
    done = replace(done, stages=(stage,))
    if kind in ("dropout1d", "dropout3d"):
        new = kind.capitalize()
        panels = tuple(replace(p, title=p.title.replace("Dropout2d", new)) for p in done.panels)
        done = replace(done, name=kind, title=done.title.replace("Dropout2d", new), panels=panels)
    return done


# -- relationships --------------------------------------------------------------------------------------------
SIZES = {
    "i": range(2, 9),
    "k": range(1, 6),
    "s": (1, 2, 3),
    "p": (0, 1, 2, 3),
    "d": (1, 2, 3),
    "a": (0, 1, 2),
}


def relationship_plans(name: str) -> Json:
    """The page of one of the 15 relationships, by the name of its animation; its knobs are the sizes.

    >>> relationship_plans("no_padding_strides_transposed")["title"]
    'Relationship 12: no zero padding, non-unit strides, transposed'
    """
    one = relationship(name)
    own = vars(one.sizes)

    def make(more: Mapping[str, Any]) -> Plan:
        return relationship(name, **{**own, **more}).plan()

    fixed = {
        key for key, value in {"d": 1, "a": 0}.items() if own[key] == value and one.number not in (15, 14)
    }
    wanted = {key: sorted({*values, own[key]}) for key, values in SIZES.items() if key not in fixed}
    all_knobs = [FieldKnob(key, tuple(values), values.index(own[key])) for key, values in wanted.items()]
    fits = [setting for setting in nearest_first(all_knobs) if holds(name, own, setting)]
    heading = f"Relationship {one.number}: {one.title[0].lower()}{one.title[1:]}"
    return shown(name, Tried(make, own), pruned(all_knobs, fits), heading)


def holds(name: str, own: Mapping[str, int], setting: Mapping[str, int]) -> bool:
    try:
        one = relationship(name, **{**own, **setting})
        return all(n > 0 for n in one.op.shape(one.input))
    except ConvvizError:
        return False


# -- layers ---------------------------------------------------------------------------------------------------
def layer_plans(graph: Graph, name: str) -> Json:
    """The page of a layer of a net, cut down to a small example. Raises ConvvizError."""
    node = graph[name]
    if not node.ins:
        raise ConvvizError(f"{node.op.kind} has no input and nothing to explore", name)
    problem: ConvvizError | None = None
    for op, ins in candidates(node):

        def make(more: Mapping[str, Any], op: Op = op, ins: Sequence[Shape] = ins) -> Plan:
            changed = rebuilt(op, **more) if more else op
            return told(explain(changed, *ins), node, changed, ins)

        try:
            small(make({}))
        except ConvvizError as err:
            problem = problem or err
            continue
        tried = Tried(make, op.fields())
        knobs = knobs_of(tried, op.kind, op.fields(), ins)
        heading = f"{graph.name}: {name}"
        return shown(heading, tried, knobs, heading, make({}).notes[0])
    assert problem is not None
    raise problem.at(name)
