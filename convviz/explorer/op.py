"""The data of an op's page: every setting that its sliders reach, with all numbers, worked out here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from convviz.errors import ConvvizError, ShapeError, nearest
from convviz.explorer.knobs import CHANNELS, SIZE, Knob, settings, start, turning
from convviz.explorer.norms import NORMS, norm_data
from convviz.explorer.setting import state_of
from convviz.explorer.views import Json, Shuffle, Store
from convviz.graph import Graph
from convviz.ops.base import Op, Shape, build
from convviz.ops.conv import Conv, ConvTranspose
from convviz.plan import chains, named
from convviz.plan.examples import Kind, kinds
from convviz.plan.limits import MAX_CELLS, check_count
from convviz.plan.model import Plan
from convviz.plan.of_model import candidates, told
from convviz.plan.sample import guard, sample
from convviz.plan.titles import name_of
from convviz.plan.window import plain_map

SHORT = ("dilated", "strided", "grouped", "depthwise", "pointwise", "multi_channel")  # of NAME_conv
# Where nothing is said of the input: large enough for sliders to have something to do.
SPACE = {"conv": 7, "conv_transpose": 4, "max_pool": 6, "avg_pool": 6}
HINT = "Point at an output to see what it reads, at an input to see what it feeds. Click to keep a cell, arrows move."
HINT_WEIGHTS = HINT.replace("feeds.", "feeds, at a weight to see what it joins.")
WIDE = 400  # cells of a layer's input, with its border, that are drawn side by side
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
    >>> data["page"], data["store"][data["states"][data["settings"][str(data["start"])]]["title"]]
    ('op', 'Convolution: kernel 3 on 1×5 gives 1×3')
    """
    example = example_of(kind)
    if example.op in NORMS:
        return norm_data(example.op, fields or {}, None if input is None else named.checked(input), seed)
    op, shape = first(example, dict(fields or {}), input)
    found, boxes = turning(op.kind, op.fields(), shape, lambda setting: outputs(op, shape, setting))
    numbers = sample(op, largest(found, shape), None, seed)
    store, states = Store(), list[Json]()
    at: dict[str, int] = {}
    refused: dict[str, int] = {}
    for place, setting in settings(found, boxes):
        values, size = shown_on(op, shape, setting)
        if not divides(op, values, size):
            continue
        try:
            one = build(op.kind, values, max(len(size) - 1, 1))
            states.append(state_of(*checked(one, size), numbers, store, seed))
        except ConvvizError as err:
            refused[str(place)] = store.add(err.message)
        else:
            at[str(place)] = len(states) - 1
    return {
        "page": "op",
        "name": example.name,
        "title": name_of(op, shape),
        "about": HINT_WEIGHTS if op.weights(shape) else HINT,
        "knobs": [knob.data() for knob in found],
        "settings": at,
        "refused": refused,
        "start": start(found),
        "states": states,
        "store": store.entries,
    }


def layer_data(graph: Graph, name: str) -> Json:
    """The page of a layer of a net, cut down to a small example; it says what was cut. Raises ConvvizError.

    >>> import convviz
    >>> layer_data(convviz.read("lenet5"), "c1")["cut"]
    'c1 takes 1x32x32 to 6x28x28; drawn here: 7×7 of 32×32, 2 of 6 filters.'
    """
    node = graph[name]
    if not node.ins:
        raise ConvvizError(f"{node.op.kind} has no input and nothing to explore", name)
    problem: ConvvizError | None = None
    for op, ins in map(narrow, candidates(node)):
        try:
            data = op_data(op.kind, op.fields(), ins[0])
        except ConvvizError as err:
            problem = problem or err
            continue
        about = told(Plan(op.kind, "", (), ()), node, op, ins)
        costs = [list(fact) for fact in about.facts if fact[0].endswith(" of the layer") and fact[1] != "0"]
        return {**data, "name": f"{graph.name}: {name}", "cut": about.notes[0], "layer": costs}
    assert problem is not None
    raise problem.at(name)


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


def narrow(cut: tuple[Op, tuple[Shape, ...]]) -> tuple[Op, tuple[Shape, ...]]:
    """A cut-out with one channel where a wide kernel needs so many cells that more channels do not fit the screen."""
    op, (shape, *rest) = cut
    if not isinstance(op, Conv) or op.groups > 1 or rest:
        return cut
    drawn = [n + before + after for n, (before, after) in zip(shape[1:], op.pads(), strict=True)]
    return (op, ((1, *shape[1:]),)) if shape[0] * prod(drawn) > WIDE else cut


# -- settings -------------------------------------------------------------------------------------------
def largest(found: Sequence[Knob], shape: Shape) -> Shape:
    """The largest input of all settings: smaller ones are its corner, so that a map grows and its numbers stay."""
    ends = {knob.field: knob.values for knob in found}
    channels = max([shape[0], *ends.get(CHANNELS, ())])
    space = [max(axis) for axis in zip(shape[1:], *ends.get(SIZE, ()), strict=True)]
    return (channels, *space)


def shown_on(op: Op, shape: Shape, setting: Mapping[str, Any]) -> tuple[dict[str, Any], Shape]:
    """The fields of a setting, and the input that they are shown on."""
    values = dict(setting)
    channels, space = values.pop(CHANNELS, shape[0]), values.pop(SIZE, shape[1:])
    return {**op.fields(), **values}, (channels, *space)


def outputs(op: Op, shape: Shape, setting: Mapping[str, Any]) -> int:
    """How many output cells a setting has; none where it does not fit."""
    values, size = shown_on(op, shape, setting)
    if not divides(op, values, size):
        return 0
    try:
        return prod(build(op.kind, values, max(len(size) - 1, 1)).shape(size))
    except ConvvizError:
        return 0


def divides(op: Op, values: Mapping[str, Any], shape: Shape) -> bool:
    """Whether groups divide the channels, and a shuffle's factor what it has to.

    Settings where they do not are none that a reader means: the other knobs go along to one where they do.
    """
    if isinstance(op, Conv | ConvTranspose):
        return not (shape[0] % values["groups"] or values["out_channels"] % values["groups"])
    if not isinstance(op, Shuffle):
        return True
    try:
        build(op.kind, values, max(len(shape) - 1, 1)).shape(shape)
    except ConvvizError:
        return False
    return True
