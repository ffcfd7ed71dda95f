"""The transition block told in numbers: its layers in a table, and both orders of its two layers on a small map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod

from convviz.analysis.transition import Transition, Way
from convviz.errors import ConvvizError
from convviz.ops.base import Array, build
from convviz.ops.relations import Window
from convviz.plan import words
from convviz.plan.build import explain
from convviz.plan.chains import renamed, total
from convviz.plan.heads import MAP, WEIGHT, written
from convviz.plan.model import Cell, Grid, Marked, Panel, Plan, Stage, Step, Table
from convviz.plan.pool_beside import numbers
from convviz.plan.sample import same

LARGEST = 3  # cells of a pool's window that the worked example keeps
NAMES = {"max_pool": "max pool", "avg_pool": "average pool"}


def small(found: Transition) -> Array:
    """The map that both orders are worked out on: two channels, two windows of the pool along each axis."""
    kernel, stride = window(found)
    rank = len(found.shape) - 1
    if rank > 2:
        raise ConvvizError("a transition is worked out on 1-D and 2-D maps", "input")
    side = kernel + stride
    if side == MAP.shape[1]:
        return MAP if rank == 2 else MAP[:, 0]
    return numbers((len(MAP), *(side,) * rank))


def window(found: Transition) -> tuple[int, int]:
    """Kernel and stride of the pool as they are worked out: the net's own where they are small and square."""
    kernel, stride = set(found.pool.kernel_size), set(found.pool.stride)
    if len(kernel) == len(stride) == 1 and max(kernel) <= LARGEST and max(stride) <= LARGEST:
        return kernel.pop(), stride.pop()
    return 2, 2


def worked(found: Transition, pool_first: bool, kind: str | None = None) -> Plan:
    """One order on the small map: panels ``input``, ``kernel``, ``middle`` and ``output``.

    kind: max_pool or avg_pool, by default that of the transition.
    """
    x, rank = small(found), len(found.shape) - 1
    kernel, stride = window(found)
    kind = kind or found.pool.kind
    pool = build(kind, {"kernel_size": kernel, "stride": stride}, rank)
    conv = build("conv", {"out_channels": 1, "kernel_size": 1, "bias": False}, rank)
    weight = {"weight": WEIGHT[:1].reshape(1, len(MAP), *(1,) * rank)}
    if pool_first:
        one = explain(pool, x.shape, xs=[x])
        two = explain(conv, one.stages[0].out, xs=[written(one)], weights=weight)
        labels = (NAMES[kind], "1×1 convolution")
    else:
        one = explain(conv, x.shape, xs=[x], weights=weight)
        two = explain(pool, one.stages[0].out, xs=[written(one)])
        labels = ("1×1 convolution", NAMES[kind])
    parts = [
        renamed(one, keyed("input", "middle"), labels[0]),
        renamed(two, keyed("middle", "output"), labels[1]),
    ]
    panels: dict[str, Panel] = {panel.key: panel for part in reversed(parts) for panel in part.panels}
    for key, stage in (("middle", parts[0].stages[0]), ("output", parts[1].stages[0])):
        name = "1×1 conv" if stage.op.kind == "conv" else NAMES[kind]
        panels[key] = Grid(key, "output", f"{name} {words.size(stage.out)}", stage.out)
    panels["kernel"] = replace(panels["kernel"], title="weights")
    title = "Pooling, then the 1×1 convolution" if pool_first else "The 1×1 convolution, then pooling"
    macs = sum(stage.op.macs(*stage.ins) for part in parts for stage in part.stages)
    return Plan(
        "transition",
        title,
        tuple(panels[key] for key in ("input", "kernel", "middle", "output")),
        tuple(step for part in parts for step in part.steps),
        tuple(formula for part in parts for formula in part.formulas),
        (("MACs", f"{macs:,}"),),
        (),
        tuple(stage for part in parts for stage in part.stages),
    )


def keyed(source: str, target: str) -> Callable[[str], str]:
    """What the panels of one layer are called in the whole."""
    names = {"input": source, "output": target}
    return lambda key: names.get(key, key)


def differ(one: Plan, two: Plan) -> tuple[int, int]:
    """How many outputs of both orders differ, and of how many."""
    return len(unlike(one, two)), len(one.shown("output"))


def unlike(one: Plan, two: Plan) -> list[Cell]:
    """The outputs in which both orders differ, by more than rounding."""
    a, b = one.shown("output"), two.shown("output")
    return [cell for cell in a if not same(a[cell], b[cell])]


def convolution(found: Transition) -> str:
    """``3×3 convolution``, and ``convolution with kernel 3`` along one axis."""
    size = words.size(found.behind.kernel_size)
    return f"{size} convolution" if len(found.behind.kernel_size) > 1 else f"convolution with kernel {size}"


def conv_name(found: Transition) -> str:
    """The same, short."""
    size = words.size(found.behind.kernel_size)
    return f"{size} conv" if len(found.behind.kernel_size) > 1 else f"conv {size}"


# -- the real one ------------------------------------------------------------------------------------
def layers(found: Transition) -> Plan:
    """A transition and the convolution behind it: panels ``way`` and ``ways``, a step for each layer."""
    way = found.way
    first = ("goes in", words.size(found.shape), f"{prod(found.shape):,}", "", "", *before(found))
    rows = [first, *(row(found, way, part.name) for part in way.parts)]
    columns = ("layer", "comes out", "numbers", "parameters", "MACs", "field", "jump")
    table = Table("way", "layer by layer", columns, tuple(rows))
    both = Table(
        "ways",
        "what it saves",
        ("way", "parameters", "MACs"),
        tuple(
            (name, total([p.params for p in one.parts]), total([p.macs for p in one.parts]))
            for name, one in named(found)
        ),
    )
    steps = tuple(
        Step("Layers", sentence(found, i), (Marked("way", "read", ((i,),)),)) for i in range(len(rows))
    )
    return Plan("transition", title(found), (table, both), steps, facts=facts(found))


def title(found: Transition) -> str:
    """``Transition of code8: 32×24×24 gives 10×12×12``"""
    out = found.way.parts[1].out
    return f"Transition{f' of {found.net}' if found.net else ''}: {words.size(found.shape)} gives {words.size(out)}"


def before(found: Transition) -> tuple[str, str]:
    """Field and jump of the map in front, in words."""
    if found.before is None:
        return "1", "1"
    return per_axis(found.before.size), per_axis(tuple(str(j) for j in found.before.jump))


def per_axis(values: tuple[object, ...]) -> str:
    """``5``, and ``5×3`` where axes differ."""
    return f"{values[0]}" if len(set(values)) == 1 else words.TIMES.join(map(str, values))


def reach(found: Transition) -> Plan:
    """What one unit reads of the map in front, along one axis: of the pool, of the convolution behind it, and of the
    same convolution without the transition. Panels ``map``, ``pooled``, ``behind`` and ``direct``; a step for each of
    two neighbouring units, whose distance is the jump.
    """
    kernel, stride = window(found)
    pool, conv = Window(kernel, stride), Window(found.behind.kernel_size[-1], 1, found.behind.dilation[-1])
    pooled = conv.dilation * (conv.kernel - 1) + 2
    cells = (pooled - 1) * stride + kernel
    units = {
        "pooled": [tuple(pool.taps(u).cells) for u in range(2)],
        "behind": [
            tuple(dict.fromkeys(c for j in conv.taps(u).cells for c in pool.taps(j).cells)) for u in range(2)
        ],
        "direct": [tuple(conv.taps(u).cells) for u in range(2)],
    }
    names = {
        "pooled": "A unit of the pool",
        "behind": "Behind the pool a unit",
        "direct": "Without the pool a unit",
    }
    panels = (
        Grid("map", "input", "map in front", (1, cells), {(0, i): i for i in range(cells)}),
        Grid("pooled", "output", "pool", (1, pooled)),
        Grid("behind", "output", "conv behind", (1, 2)),
        Grid("direct", "output", "conv directly", (1, cells - (pooled - 2))),
    )
    steps = []
    for key, read in units.items():
        far = read[1][0] - read[0][0]
        span = read[0][-1] - read[0][0] + 1
        reads = words.count(span, "cell")
        for u in range(2):
            marks = [Marked("map", "read", tuple((0, c) for c in read[u])), Marked(key, "written", ((0, u),))]
            if key == "behind":
                marks.insert(1, Marked("pooled", "read", tuple((0, j) for j in conv.taps(u).cells)))
            told = (
                f"{names[key]} reads {reads} of the map, its neighbour {words.count(far, 'cell')} further on."
            )
            steps.append(Step(names[key], told, tuple(marks)))
    op = build(found.pool.kind, {"kernel_size": kernel, "stride": stride}, 1)
    third = build("conv", {"out_channels": 1, "kernel_size": conv.kernel, "dilation": conv.dilation}, 1)
    sizes = {panel.key: panel.shape for panel in panels}
    stages = tuple(
        Stage(one, (sizes[source],), sizes[target], (source,), target)
        for one, source, target in (
            (op, "map", "pooled"),
            (third, "pooled", "behind"),
            (third, "map", "direct"),
        )
    )
    return Plan("transition", "What one unit reads", panels, tuple(steps), stages=stages)


def row(found: Transition, way: Way, name: str) -> tuple[str, ...]:
    part = way.part(name)
    label = {
        "conv": "1×1 conv",
        "pool": called(found),
        "next": f"{words.size(found.behind.kernel_size)} conv",
    }
    field, jump = per_axis(part.field.size), per_axis(tuple(str(j) for j in part.field.jump))
    costs = (f"{part.values:,}", f"{part.params:,}", f"{part.macs:,}")
    return (label[name], words.size(part.out), *costs, field, jump)


def called(found: Transition) -> str:
    """``max pool 2``"""
    return f"{NAMES[found.pool.kind]} {per_axis(found.pool.kernel_size)}"


def named(found: Transition) -> tuple[tuple[str, Way], ...]:
    """The ways from the map to the next block, each with its name."""
    mine, other = ("conv, pool", "pool, conv") if not found.pool_first else ("pool, conv", "conv, pool")
    conv = conv_name(found)
    return (
        (f"{conv} directly", found.without),
        (f"{mine}, {conv}", found.way),
        (f"{other}, {conv}", found.swapped),
    )


def sentence(found: Transition, i: int) -> str:
    """What a layer does."""
    if i == 0:
        return f"A block hands on {words.count(found.shape[0], 'channel')} of {words.size(found.shape[1:])}."
    part = found.way.parts[i - 1]
    if part.name == "conv":
        return f"A 1×1 convolution mixes {part.ins[0]} channels into {part.out[0]}, place by place."
    if part.name == "pool":
        return f"The {called(found)} makes {words.size(part.out[1:])} of {words.size(part.ins[1:])}."
    return f"The convolution behind it reads {words.count(part.ins[0], 'channel')} on {words.size(part.ins[1:])}."


def facts(found: Transition) -> tuple[tuple[str, str], ...]:
    way = found.way
    first, last = found.shape, way.parts[1].out
    return (
        ("parameters of the transition", f"{way.part('conv').params:,}"),
        ("numbers that go on", f"{100 * prod(last) / prod(first):.3g} %"),
        ("MACs saved", f"{found.saved:.3g} times fewer multiplications"),
        ("MACs of the 1×1 conv, before the pool against behind it", f"{found.cheaper:.3g} times"),
    )
