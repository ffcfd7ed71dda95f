"""The plan of a layer of a real net: its own kernel, stride, padding, dilation and groups on a small cut-out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import gcd
from typing import Any

from convviz.errors import ConvvizError
from convviz.graph import Graph, Node
from convviz.ops.base import Op, Shape, build, show
from convviz.ops.conv import Conv, ConvTranspose
from convviz.ops.pool import AdaptivePool, WindowPool
from convviz.ops.shape import Crop, Pad
from convviz.ops.shuffle import ChannelShuffle, PixelShuffle, PixelUnshuffle
from convviz.plan import words
from convviz.plan.build import WINDOWED, explain
from convviz.plan.model import Plan
from convviz.plan.titles import plain, shown

CHANNELS, FILTERS, OUTPUTS = 3, 2, 3  # that are kept of a layer, where it has more
SPACE = 4  # cells along each axis that are kept where no window says how many
BORDER = 2  # cells of a border that is added or cropped
SMALL = {"out_features": FILTERS, "hidden_size": 2, "num_heads": 2, "num_splits": 1}
NAMES = {
    "out_channels": "filters",
    "groups": "groups",
    "num_groups": "groups",
    "out_features": "outputs",
    "num_heads": "heads",
    "hidden_size": "hidden units",
    "num_splits": "splits",
}

Cut = tuple[Op, tuple[Shape, ...]]


def of_layer(graph: Graph, name: str, view: str | None = None, seed: int = 0) -> Plan:
    """The plan of a layer, cut down to the fewest channels and cells that still show what it does.

    ``Plan.notes`` say what was cut, ``Plan.facts`` what the whole layer costs. Raises ConvvizError for an unknown
    layer, and for one that cannot be made small.
    """
    node = graph[name]
    if not node.ins:
        raise ConvvizError(f"{node.op.kind} has no input and nothing to explain", name)
    problem: ConvvizError | None = None
    for op, ins in candidates(node):
        try:
            done = explain(op, *ins, view=view, seed=seed)
        except ConvvizError as err:
            problem = err
            continue
        return told(done, node, op, ins)
    assert problem is not None
    raise problem.at(name)


def candidates(node: Node) -> Iterator[Cut]:
    """Cut-outs of a layer, best first; the whole layer comes last."""
    op, ins = node.op, node.ins
    if isinstance(op, WINDOWED):
        lead = len(ins[0]) - getattr(op, "rank", len(ins[0]) - 1) - 1
        yield windowed(op, ins[0][lead:])
        yield op, (ins[0][lead:],)
        return
    fields = op.fields()
    groups = fields.get("num_groups", 1)
    if groups > 2:
        per = min(ins[0][0] // groups, 2)
        yield rebuilt(op, num_groups=2), tuple((2 * per, *(min(n, SPACE) for n in s[1:])) for s in ins)
    if isinstance(op, Crop | Pad):
        few = [tuple(max(-BORDER, min(p, BORDER)) for p in pair) for pair in op.padding]
        yield rebuilt(op, padding=few), ((1, *(min(n, SPACE + 2 * BORDER) for n in ins[0][-len(few) :])),)
    changed = {name: min(fields[name], most) for name, most in SMALL.items() if name in fields}
    smaller = rebuilt(op, **changed) if changed else op
    for channels, space in ((2, 3), (CHANNELS, SPACE), (4, SPACE), (8, 8)):
        yield smaller, tuple(tuple(min(n, space if a else channels) for a, n in enumerate(s)) for s in ins)
    yield op, ins


def windowed(op: Op, shape: Shape) -> Cut:
    """The cut-out of a windowed op."""
    channels, *space = shape
    rank = len(space)
    few = [min(n, SPACE) for n in space]
    if isinstance(op, Conv | ConvTranspose):
        fewer, channels = fewer_channels(op, channels)
        cut = [
            window_cut(op, shape, a) if isinstance(op, Conv) else transposed_cut(op, shape, a)
            for a in range(rank)
        ]
        return fewer, ((channels, *cut),)
    if isinstance(op, WindowPool):
        return op, ((1, *(window_cut(op, shape, a) for a in range(rank))),)
    if isinstance(op, AdaptivePool):
        return adaptive(op, space)
    if isinstance(op, PixelShuffle):
        return op, ((op.upscale_factor**rank, *(min(n, 2) for n in space)),)
    if isinstance(op, PixelUnshuffle):
        return op, ((1, *(min(n, 2 * op.downscale_factor) for n in space)),)
    if isinstance(op, ChannelShuffle):
        groups = min(op.groups, CHANNELS)
        return rebuilt(op, groups=groups), (
            (groups * min(channels // op.groups, 2), *(min(n, 2) for n in space)),
        )
    return op, ((min(channels, 2), *few),)


def fewer_channels(op: Conv | ConvTranspose, channels: int) -> tuple[Op, int]:
    """The op with few filters, and how many channels it then takes: groups stay groups, of at most two."""
    each_in, each_out = channels // op.groups, op.out_channels // op.groups
    if op.groups == 1:
        return rebuilt(op, out_channels=min(each_out, FILTERS)), min(each_in, CHANNELS)
    per = min(each_out, 2 if each_in == 1 else 1)  # depthwise: the filters of a channel
    return rebuilt(op, out_channels=2 * per, groups=2), 2 * min(each_in, 2)


def window_cut(op: Conv | WindowPool, shape: Shape, a: int) -> int:
    """The cells to keep along an axis: three outputs, one window clear of the border, the same rest behind the last."""
    n, o, window = shape[1 + a], op.shape(shape)[1 + a], op.windows()[a]
    rest = n - 1 - window.taps(o - 1).cells[-1]  # negative where the last window lies in the padding
    for outputs in range(min(o, OUTPUTS), min(o, OUTPUTS + window.kernel) + 1):
        size = min(n, window.taps(outputs - 1).cells[-1] + 1 + rest)
        cells = [window.taps(u).cells for u in range(outputs)]
        if any(c[0] >= 0 and c[-1] < size for c in cells):
            return size
    return min(
        n, window.dilation + 1
    )  # the kernel is larger than the map: so that two of its taps meet a cell


def transposed_cut(op: ConvTranspose, shape: Shape, a: int) -> int:
    """The cells to keep along an axis: three, or more where the padding crops all that they give."""
    for n in range(min(shape[1 + a], OUTPUTS), shape[1 + a]):
        span = op.dilation[a] * (op.kernel_size[a] - 1) + 1
        if (n - 1) * op.stride[a] + span + op.output_padding[a] > 2 * op.padding[a]:
            return n
    return shape[1 + a]


def adaptive(op: AdaptivePool, space: Sequence[int]) -> Cut:
    """Fewer parts, in the same proportion to the cells."""
    sizes, parts = [], []
    for n, m in zip(space, op.output_size, strict=True):
        if m is None or m == 1:
            sizes.append(min(n, SPACE))
            parts.append(m)
        else:
            shared = gcd(n, m)
            times = min(shared, max(1, -(-OUTPUTS // (m // shared))))
            sizes.append(n // shared * times)
            parts.append(m // shared * times)
    return rebuilt(op, output_size=parts), ((1, *sizes),)


def rebuilt(op: Op, **changed: Any) -> Op:
    """The op with some fields changed."""
    rank = len(op.padding) if isinstance(op, Crop | Pad) else getattr(op, "rank", 2)
    return build(op.kind, {**op.fields(), **changed}, rank)


def told(plan: Plan, node: Node, op: Op, ins: Sequence[Shape]) -> Plan:
    """The plan with what was cut in its notes, and the whole layer's costs in its facts."""
    cut = [part for whole, kept in zip(node.ins, ins, strict=True) for part in cut_of(whole, kept, op)]
    mine = op.fields()
    for field, what in NAMES.items():
        before = node.op.fields().get(field)
        if before is not None and mine[field] != before:
            cut.append(f"{mine[field]} of {before} {what}")
    if isinstance(op, Crop | Pad) and op != node.op:
        cut.append(f"border {shown(plain(op.padding))} of {shown(plain(node.op.fields()['padding']))}")
    if isinstance(op, AdaptivePool) and mine["output_size"] != node.op.fields()["output_size"]:
        cut.append(f"output {words.size(op.shape(ins[0])[1:])} of {words.size(node.out[1:])}")
    about = f"{node.name} takes {' and '.join(show(s) for s in node.ins)} to {show(node.out)}"
    notes = [f"{about}; drawn here: {', '.join(dict.fromkeys(cut))}." if cut else f"{about}; nothing is cut."]
    facts = [
        ("parameters of the layer", f"{node.op.params(*node.ins):,}"),
        ("MACs of the layer", f"{node.macs:,}"),
    ]
    facts += [
        (f"{what} of the cut-out", value) for what, value in plan.facts if what in ("parameters", "MACs")
    ]
    facts += [fact for fact in plan.facts if fact[0] not in ("parameters", "MACs")]
    return replace(plan, title=f"{node.name}: {plan.title}", facts=tuple(facts), notes=(*notes, *plan.notes))


def cut_of(whole: Shape, kept: Shape, op: Op) -> list[str]:
    """What was cut of one input: ``3 of 64 input channels``, ``7×7 of 56×56``."""
    lead, whole = whole[: len(whole) - len(kept)], whole[len(whole) - len(kept) :]
    found = [f"one of {words.size(lead)} maps"] if lead else []
    if len(kept) == 2 and not isinstance(op, WINDOWED):  # tokens and their features
        return [*found, f"{words.size(kept)} of {words.size(whole)}"] if kept != whole else found
    if kept[:1] != whole[:1]:
        found.append(f"{kept[0]} of {whole[0]} {'input channels' if len(kept) > 1 else 'features'}")
    if kept[1:] != whole[1:]:
        found.append(f"{words.size(kept[1:])} of {words.size(whole[1:])}")
    return found
