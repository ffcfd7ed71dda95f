"""The data of an op's page: every setting that its sliders reach, with all numbers, worked out here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd, prod
from typing import Any

import numpy as np

from convviz.analysis.checkerboard import overlap
from convviz.analysis.coverage import coverage_map
from convviz.analysis.receptive_field import receptive_field
from convviz.errors import ConvvizError, ShapeError, nearest
from convviz.explorer.knobs import Knob, knobs, settings
from convviz.explorer.norms import NORMS, norm_data
from convviz.explorer.views import Case, Json, Pool, Shuffle, Store, views
from convviz.graph import GraphBuilder
from convviz.ops.base import Op, Shape, build
from convviz.ops.conv import Conv, ConvTranspose
from convviz.plan import chains, formulas, named, words
from convviz.plan.examples import Kind, kinds
from convviz.plan.limits import MAX_CELLS, check_count
from convviz.plan.sample import guard, sample, weights
from convviz.plan.shuffle import numbered
from convviz.plan.titles import headline, name_of
from convviz.plan.window import border_notes, plain_map
from convviz.report.suggest import yaml_value

Explored = Conv | ConvTranspose | Pool | Shuffle
SHORT = ("dilated", "strided", "grouped", "depthwise", "pointwise", "multi_channel")  # of NAME_conv
# Where nothing is said of the input: large enough for sliders to have something to do.
SPACE = {"conv": 7, "conv_transpose": 4, "max_pool": 6, "avg_pool": 6}
HINT = "Point at an output to see what it reads, at an input to see what it feeds. Click to keep a cell, arrows move."
HINT_WEIGHTS = HINT.replace("feeds.", "feeds, at a weight to see what it joins.")
MOST_CELLS = 2_000  # of one grid: more are too many to look at


def op_data(
    kind: str,
    fields: Mapping[str, Any] | None = None,
    input: Sequence[int] | None = None,
    seed: int = 0,
) -> Json:
    """Everything that the page of an op needs, as plain data for JSON.

    kind: an op or form by name (``conv``, ``dilated``, ``conv_transpose``, ``max_pool``, ``batch_norm``, ...).
    fields: of the op. input: shape without a batch axis, channels first (of a norm, of one sample).
    Raises ConvvizError.

    >>> data = op_data("conv", {"kernel_size": 3}, input=(1, 5))
    >>> data["page"], data["states"][data["settings"][data["start"]]]["title"]
    ('op', 'Convolution: kernel 3 on 1×5 gives 1×3')
    """
    example = example_of(kind)
    if example.op in NORMS:
        return norm_data(example.op, fields or {}, None if input is None else named.checked(input), seed)
    op, shape = first(example, dict(fields or {}), input)
    found = knobs(op.kind, op.fields(), prod(op.shape(shape)), groups_of(op, shape))
    store = Store()
    states: list[Json] = []
    at: list[int | None] = []
    for setting in settings(found):
        state = state_of(example, op, setting, shape, store, seed)
        at.append(None if state is None else len(states))
        states += [] if state is None else [state]
    return {
        "page": "op",
        "name": example.name,
        "title": name_of(op, shape),
        "about": HINT_WEIGHTS if op.weights(shape) else HINT,
        "knobs": [knob.data() for knob in found],
        "settings": at,
        "start": number(found),
        "states": states,
        "store": store.entries,
    }


def example_of(kind: str) -> Kind:
    """The example of an op that has a page; raises ConvvizError."""
    known = {k.name: k for k in kinds() if k.op in EXPLORED}
    name = f"{kind}_conv" if kind in SHORT else kind
    if name not in known:
        raise ConvvizError(f"no page for {kind!r}{nearest(kind, known)} (there are {', '.join(known)})")
    return known[name]


EXPLORED = {
    "conv", "depthwise_conv", "pointwise_conv", "conv_transpose", "max_pool", "avg_pool", "adaptive_avg_pool",
    "adaptive_max_pool", "global_avg_pool", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", *NORMS,
}  # fmt: skip


def first(example: Kind, own: dict[str, Any], input: Sequence[int] | None) -> tuple[Op, Shape]:
    """The op as it was asked for, and the input that it is shown on."""
    merged = {**example.fields, **own}
    if input is not None:
        shape = named.checked(input)
        fit = named.with_channels(example, merged, own, shape)
        return checked(built(example, fit, shape), shape)
    problem: ConvvizError | None = None
    for (shape,) in named.inputs(example, merged):
        least = SPACE.get(example.op, 0)
        shape = (shape[0], *(max(n, least) for n in shape[1:])) if shape[0] == 1 else shape
        try:
            fit = named.with_channels(example, merged, own, shape)
            return checked(built(example, fit, shape), shape)
        except ConvvizError as err:
            problem = err
            if not isinstance(err, ShapeError):
                break
    assert problem is not None
    raise problem


def built(example: Kind, fields: Mapping[str, Any], shape: Shape) -> Op:
    """The op of an example with these fields."""
    if not example.chained:
        return build(example.op, fields, max(len(shape) - 1, 1))
    if len(shape) < 2:
        raise ShapeError(f"{example.name} needs channels and spatial axes, as in --input 1x5x5")
    ((_, op),) = chains.parts_of(example.op, fields, shape)
    return op


def checked(op: Op, shape: Shape) -> tuple[Op, Shape]:
    """The op and its input, once it is known that a page can show them."""
    plain_map(op, shape)
    out = guard(op, shape)
    for what, cells in (("input", prod(shape)), ("output", prod(out))):
        check_count(op.kind, f"{what} cells", cells, min(MOST_CELLS, MAX_CELLS))
    return op, shape


def groups_of(op: Op, shape: Shape) -> list[int]:
    """The numbers of groups that divide the channels."""
    if not isinstance(op, Conv | ConvTranspose):
        return []
    both = gcd(shape[0], op.out_channels)
    return [g for g in range(1, both + 1) if both % g == 0]


def number(found: Sequence[Knob]) -> int:
    """Which of all settings the knobs stand at first."""
    at = 0
    for knob in found:
        at = at * len(knob.values) + knob.start
    return at


# -- one setting ----------------------------------------------------------------------------------------
def state_of(
    example: Kind, base: Op, setting: Mapping[str, Any], shape: Shape, store: Store, seed: int
) -> Json | None:
    """All that is shown of a setting; None where the fields do not fit, or make too much to look at."""
    try:
        op = build(base.kind, {**base.fields(), **setting}, max(len(shape) - 1, 1))
        checked(op, shape)
    except ConvvizError:
        return None
    assert isinstance(op, Explored)
    out = op.shape(shape)
    x = numbered(shape) if isinstance(op, Shuffle) else sample(op, shape, None, seed)
    kept = weights(op, shape, None, seed)
    with np.errstate(all="ignore"):  # the largest of no cells at all is -inf, and no warning
        y = op.forward(x[None], weights=kept)[0]
    case = Case(op, shape, x, kept, y)
    return {
        "title": headline(op, shape, out),
        "views": views(case, store),
        "formulas": [store.add(dict(vars(formula))) for formula in formulas.of(op, shape)],
        "facts": [list(fact) for fact in facts(op, shape)],
        "notes": [store.add(note) for note in notes(op)],
        "torch": code(op, shape, out),
        "yaml": f"- {op.kind}: {{{', '.join(f'{k}: {v}' for k, v in changed(op).items())}}}",
        "overlap": covered(case, op, store) if isinstance(op, ConvTranspose) else None,
    }


def facts(op: Op, shape: Shape) -> list[tuple[str, str]]:
    """Parameters and MACs, and what one output reads of the input, away from the border."""
    builder = GraphBuilder(op.kind, {"input": shape})
    builder.add("op", op, ["input"])
    rf = receptive_field(builder.build())["op"]
    found = list(formulas.facts(op, shape))
    if rf is not None:
        found.append(("receptive field", words.size(rf.size)))
        jumps = [str(jump) for jump in rf.jump if jump is not None]
        if jumps:
            found.append(("jump", jumps[0] if len(set(jumps)) == 1 else " and ".join(jumps)))
    return found


def notes(op: Op) -> tuple[str, ...]:
    return border_notes(op) if isinstance(op, Conv) else ()


def code(op: Op, shape: Shape, out: Shape) -> str:
    """The op in PyTorch, ready to run."""
    made = op.torch(shape)
    lines = ["import torch", "from torch import nn", "import torch.nn.functional as F"]
    lines = lines if "F." in made.call else lines[:2]
    if made.module:
        lines += ["", f"layer = {made.module}"]
    call = made.call.format("x", self="layer")
    size = ", ".join(map(str, (1, *shape)))
    return "\n".join([*lines, "", f"x = torch.randn({size})", f"y = {call}  # {(1, *out)}"])


def changed(op: Op) -> dict[str, str]:
    """The fields that are not the defaults, as one writes them in a model.yaml."""
    found = {}
    bare = {name: value for name, value in op.fields().items() if value is not None}
    for name, value in bare.items():
        rest = {k: v for k, v in bare.items() if k != name}
        try:
            same = build(op.kind, rest, getattr(op, "rank", 2)) == op
        except ConvvizError:
            same = False
        if not same:
            found[name] = yaml_value(value)
    return found


def covered(case: Case, op: ConvTranspose, store: Store) -> Json:
    """How many weights reach every output of a transposed convolution, and by phase away from the border."""
    axes = list(zip(op.windows(), case.out[1:], strict=True))
    stage = overlap(
        op.kernel_size, op.stride, op.padding, op.dilation, op.output_padding, rank=op.rank
    ).coverage
    whole = coverage_map([axes], case.shape[1:]).full()
    return {
        "counts": store.tensor(whole),
        "phases": [list(map(str, axis)) for axis in stage.overlap],
        "joint": [[list(place), str(value)] for place, value in stage.joints()],
        "verdict": stage.verdict,
        "cv": None if stage.cv_total is None else words.number(stage.cv_total),
    }
