"""Heads worked out on one small map: pooling, global average pooling, 1×1 convs and linear layers, and two proofs.

Numbers of parameters, shapes and receptive fields come from the same analyses as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from convviz.analysis.heads import BEFORE, Head, Heads, chained
from convviz.analysis.receptive_field import receptive_field
from convviz.errors import ConvvizError, nearest
from convviz.graph import Node
from convviz.ops.base import Array, build
from convviz.ops.conv import Conv
from convviz.ops.dense import Linear
from convviz.plan import formulas
from convviz.plan.build import explain
from convviz.plan.chains import renamed
from convviz.plan.model import Formula, Plan
from convviz.plan.words import TIMES, axis_names, count, listing, number, size

MAP = np.array(
    [
        [[1, 3, 0, 2], [5, 7, 4, 2], [8, 0, 1, 1], [2, 2, 6, 4]],
        [[2, 0, 5, 1], [0, 2, 3, 3], [0, 4, 2, 2], [4, 0, 0, 4]],
    ],
    dtype=float,
)  # all means of 2×2 windows and of the channels are whole
WEIGHT = np.array([[1, -1], [2, 0], [-1, 2]], dtype=float)  # classes by channels
BIAS = np.array([0, 1, -1], dtype=float)
CLASSES = len(BIAS)


def parameters(node: Node) -> Formula | None:
    """The parameters of a conv or linear layer, with the numbers put in; None where there are none.

    >>> from convviz.analysis.heads import heads
    >>> formula = parameters(heads((64, 7, 7), 10)["gap_linear"].graph["linear1"])
    >>> formula.numbers, formula.result
    ('64×10 + 10', '650')
    """
    if isinstance(node.op, Conv):
        return formulas.costs(node.op, node.ins[0])[0]
    if not isinstance(node.op, Linear):
        return None
    units, bias = node.op.out_features, node.op.bias
    symbols = "in×out" + " + out" * bias
    numbers = f"{node.ins[0][-1]}{TIMES}{units}" + f" + {units}" * bias
    return Formula("parameters", symbols, numbers, f"{node.params:,}")


# -- worked examples ----------------------------------------------------------------------------------
def example(name: str) -> Plan:
    """One of :data:`EXAMPLES` on the map of 2 channels and 4×4 cells; raises ConvvizError for another name.

    >>> example("gap").shown("output")
    {(0, 0, 0): 3, (1, 0, 0): 2}
    """
    if name not in EXAMPLES:
        raise ConvvizError(f"no example {name!r}{nearest(name, EXAMPLES)} ({', '.join(EXAMPLES)})", "example")
    return EXAMPLES[name]()


def pooled(kind: str) -> Plan:
    """2×2 pooling of the map, and what it does to sizes, channels and receptive fields."""
    plan = explain(build(kind, {"kernel_size": 2}, 2), MAP.shape, xs=[MAP])
    out = plan.stages[0].out
    graph = chained("example", MAP.shape, [(kind, {"kernel_size": 2})])
    field = receptive_field(graph)[graph.outputs[0]]
    assert field is not None
    jump, grown = field.jump[0], field.size[0]
    halved = (
        f"{size(MAP.shape)} becomes {size(out)}: rows and columns are halved, the {out[0]} channels stay."
    )
    reads = (
        f"The jump goes from 1 to {jump}. The receptive field grows by (k − 1)×jump = (2 − 1)×1 = {grown - 1}, from 1 "
        f"to {grown} cells of the map: it is the jump that doubles."
    )
    return replace(plan, notes=(*plan.notes, halved, reads))


def global_average() -> Plan:
    """The mean of each channel, and what it spares in the linear layer behind it."""
    plan = explain(build("global_avg_pool", {}, 2), MAP.shape, xs=[MAP])
    flat = chained("example", MAP.shape, [("flatten", {}), ("linear", {"out_features": CLASSES})])
    gap = [("global_avg_pool", {}), ("flatten", {}), ("linear", {"out_features": CLASSES})]
    small = chained("example", MAP.shape, gap)
    told = (
        f"{size(MAP.shape)} becomes {size(plan.stages[0].out)}, whatever the rows and columns: they are not halved.",
        f"It has no parameters. Behind it a linear layer to {CLASSES} classes has {equation(small.nodes[-1])}, and "
        f"behind the flattened map {equation(flat.nodes[-1])}.",
        "Each number depends on the whole map.",
    )
    return replace(plan, notes=(*plan.notes, *told))


def equation(node: Node) -> str:
    """``64×10 + 10 = 650 parameters``"""
    formula = parameters(node)
    return "0 parameters" if formula is None else f"{formula.numbers} = {formula.result} parameters"


def pointwise() -> Plan:
    """A 1×1 conv of the map: at each place a weighted sum of its channels."""
    op = build("conv", {"out_channels": CLASSES, "kernel_size": 1}, 2)
    plan = explain(op, MAP.shape, xs=[MAP], weights=kernel())
    note = (
        "A 1×1 conv mixes the channels of one place, with the same weights everywhere; no neighbour is read."
    )
    return replace(plan, notes=(*plan.notes, note))


def kernel() -> dict[str, Array]:
    return {"weight": WEIGHT[:, :, None, None], "bias": BIAS}


def flattened() -> Plan:
    """A linear layer on the flattened map, behind max pooling: each cell has its own weight for each class."""
    source = written(pooled("max_pool"))
    pooled_map = source.reshape(-1)
    plan = explain(build("linear", {"out_features": CLASSES}, 1), pooled_map.shape, xs=[pooled_map])
    note = (
        f"The map {size(source.shape)} behind the max pool is {len(pooled_map)} numbers in a row; another size of map "
        f"does not fit the weights."
    )
    return replace(plan, notes=(*plan.notes, note))


def same_as_linear() -> Plan:
    """The same numbers through a 1×1 conv on a 1×1 map and through a linear layer."""
    means = MAP.mean(axis=(1, 2))
    conv = explain(build("conv", {"out_channels": CLASSES, "kernel_size": 1}, 2), (2, 1, 1),
                   xs=[means[:, None, None]], weights=kernel())  # fmt: skip
    dense = explain(build("linear", {"out_features": CLASSES}, 1), (2,), xs=[means],
                    weights={"weight": WEIGHT, "bias": BIAS})  # fmt: skip
    title = "A 1×1 convolution on a 1×1 map is a linear layer"
    return side_by_side(
        "linear_is_conv", title, [("conv", "1×1 conv", conv), ("linear", "linear layer", dense)]
    )


def exchanged() -> Plan:
    """First the conv and then the mean, or first the mean: the same numbers, not the same work."""
    x = MAP.reshape(len(MAP), 2, 2, 2, 2).mean(axis=(2, 4))  # of 2×2 cells, so that every number can be seen
    conv, gap = build("conv", {"out_channels": CLASSES, "kernel_size": 1}, 2), build("global_avg_pool", {}, 2)
    convolved, averaged = explain(conv, x.shape, xs=[x], weights=kernel()), explain(gap, x.shape, xs=[x])
    y, means = written(convolved), written(averaged)
    parts = [
        ("a1", "1×1 conv first", convolved),
        ("a2", "then GAP", explain(gap, y.shape, xs=[y])),
        ("b1", "GAP first", averaged),
        ("b2", "then 1×1 conv", explain(conv, means.shape, xs=[means], weights=kernel())),
    ]
    return side_by_side("conv_gap_order", "1×1 conv and GAP may be exchanged", parts, compared=(1, 3))


def written(plan: Plan) -> Array:
    """What a plan has put out in the end."""
    found = np.zeros(plan.stages[-1].out)
    for cell, value in plan.shown("output").items():
        found[cell] = value
    return found


def side_by_side(
    name: str, title: str, parts: Sequence[tuple[str, str, Plan]], compared: tuple[int, int] = (0, 1)
) -> Plan:
    """Calculations in one plan; two of them, which are compared, end in the same numbers."""
    keyed = []
    for key, label, plan in parts:
        done = renamed(plan, lambda panel, key=key: f"{key}_{panel}", label)  # type: ignore[misc]
        titled = (replace(p, title=f"{p.title.partition(',')[0]}, {label}") for p in done.panels)
        keyed.append(replace(done, panels=tuple(titled)))
    one, two = (list(parts[i][2].shown("output").values()) for i in compared)
    assert one == two, (one, two)
    macs = [sum(stage.op.macs(*stage.ins) for stage in plan.stages) for _, _, plan in parts]
    params = sum(stage.op.params(*stage.ins) for stage in parts[compared[0]][2].stages)
    params = params or sum(stage.op.params(*stage.ins) for stage in parts[0][2].stages)
    half = compared[0] + 1
    works = f"MACs: {sum(macs[:half])} against {sum(macs[half:])}."
    note = f"Both give {listing(map(number, one))}, with the same {count(params, 'parameter')}."
    return Plan(
        name,
        title,
        tuple(panel for plan in keyed for panel in plan.panels),
        tuple(step for plan in keyed for step in plan.steps),
        tuple(formula for plan in keyed for formula in plan.formulas),
        (("parameters", f"{params:,}"),),
        (note, works),
        tuple(stage for plan in keyed for stage in plan.stages),
    )


# Name on the command line -> its plan.
EXAMPLES: dict[str, Callable[[], Plan]] = {
    "max_pool": lambda: pooled("max_pool"),
    "avg_pool": lambda: pooled("avg_pool"),
    "gap": global_average,
    "conv": pointwise,
    "linear": flattened,
    "linear_is_conv": same_as_linear,
    "conv_gap_order": exchanged,
}


# -- sentences ----------------------------------------------------------------------------------------
def answers(found: Heads) -> dict[str, str]:
    """What the numbers of these heads say to the questions that are asked about them, by topic."""
    if found.equal is not None:
        return {"equal": at_equal_parameters(found)}
    told = {}
    if "gap_linear" in found:
        told["gap"] = about_gap(found)
    if "max_pool_linear" in found:
        told["pool"] = about_pooling(found["max_pool_linear"])
    if "linear" in found and "map_conv" in found:
        told["map_conv"] = (
            f"A conv with the map's size is the linear layer on the flattened map ({same_params(found, 'map_conv')}), "
            f"and on a larger map it gives a map of answers: fully convolutional."
        )
    if "gap_conv" in found and "conv_gap" in found:
        told["order"] = (
            f"GAP before a 1×1 conv and GAP behind it give the same numbers with the same weights; the order only sets "
            f"the MACs: {found['gap_conv'].macs:,} against {found['conv_gap'].macs:,}."
        )
    if "hidden" in found:
        told["hidden"] = about_hidden(found["hidden"])
    return told


def same_params(found: Heads, kind: str) -> str:
    return f"{found[kind].params:,} parameters"


def about_gap(found: Heads) -> str:
    """What GAP spares, and what it does to the size and to the receptive field."""
    shape, gap = found.setting.shape, found["gap_linear"]
    pooled_shape = gap.graph.nodes[0].out
    text = (
        f"GAP has no parameters of its own. It makes {size(pooled_shape)} of {size(shape)}, whatever the size, and "
        f"every number reads the whole map."
    )
    if "linear" in found:
        flat = found["linear"]
        times = flat.params / gap.params
        text += (
            f" The linear layer behind it has {equation(gap.graph.nodes[-1])}; on the flattened map "
            f"{equation(flat.graph.nodes[-1])}, {times:.3g} times as many."
        )
    return text


def about_pooling(head: Head) -> str:
    """What 2×2 pooling does to sizes, channels, jump and receptive field, and how many weights it spares."""
    pool = head.graph.nodes[0]
    before, field = pool.ins[0], head.field(pool)
    start = head.fields[BEFORE] if BEFORE in head.traced.by_name else None
    sizes = (1,) * (len(before) - 1) if start is None else start.size
    jumps = (1,) * (len(before) - 1) if start is None else start.jump
    changes = [
        f"the jump goes from {j} to {new}, the receptive field from {r} to {r2}"
        for r, j, r2, new in dict.fromkeys(zip(sizes, jumps, field.size, field.jump, strict=True))
    ]
    names = listing(f"{name}s" for name in axis_names(len(before) - 1))
    down = ", rounded down" if any(n % 2 for n in before[1:]) else ""
    return (
        f"A {size((2,) * (len(before) - 1))} max pool makes {size(pool.out)} of {size(before)}: {names} are halved"
        f"{down}, channels stay; {listing(changes)}, by (k − 1)×jump."
    )


def about_hidden(head: Head) -> str:
    """Which layer of the head with a hidden layer has most of its weights."""
    first = next(node for node in head.graph if node.params)
    share = first.params / head.params
    return f"The first linear layer, {equation(first)}, has {share:.1%} of the head with a hidden layer."


def at_equal_parameters(found: Heads) -> str:
    """What the other heads do with the parameters that they spare."""
    assert found.equal is not None
    return (
        f"Whether GAP is good or bad is asked at equal parameters: here each head has about {found.equal:,}. What it "
        f"spares goes into a 3×3 conv in front of it, which costs MACs and reads further."
    )
