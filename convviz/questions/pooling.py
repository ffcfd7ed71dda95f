"""Questions about pooling: what it does to the field, where it stands, how many in a row."""

from __future__ import annotations

import numpy as np

from convviz.analysis.receptive_field import receptive_field
from convviz.questions.model import Evidence
from convviz.questions.registry import ask
from convviz.questions.work import (
    Layer,
    apply,
    brief,
    chain,
    conv,
    evidence,
    field,
    gap,
    last_map,
    pool,
    sized,
    whole,
)
from convviz.read import read


@ask(
    "pooling-rf",
    "pooling",
    "Does pooling double the receptive field?",
    "It doubles the jump: every later layer grows the field twice as fast. The pool itself adds (k - 1) x "
    "jump, which is 1 for the first pool of 2.",
    commands=("rf code8", "rf code8 --plot code8.png"),
    picture="rf code8 --plot code8.png",
)
def pooling_rf() -> list[Evidence]:
    layers: tuple[Layer, ...] = (conv(8), conv(8), pool(), conv(8), conv(8), pool(), conv(8))
    names = ["conv 3" if kind == "conv" else "max pool 2" for kind, _ in layers]
    result = receptive_field(chain((1, 64, 64), *layers))
    rows, size, jump = [], 1, 1
    for name, layer in zip(names, result, strict=True):
        assert layer.rf is not None
        rows.append((name, size, layer.rf.size[0], layer.rf.size[0] - size, jump, int(layer.rf.jump[0] or 0)))
        size, jump = rows[-1][2], rows[-1][5]
    first = rows[2]
    return [
        evidence(
            "growth",
            "receptive field and jump, layer by layer",
            ("layer", "field before", "field behind", "grows by", "jump before", "jump behind"),
            rows,
            f"At the first pool the field goes from {first[1]} to {first[2]} and the jump from {first[4]} "
            f"to {first[5]}; from there a conv adds {rows[3][3]} in place of {rows[0][3]}.",
        )
    ]


@ask(
    "pooling-distance",
    "pooling",
    "How far from the prediction may max pooling stand?",
    "No number of layers is right. What counts is what is left: convs behind a pool widen the field twice "
    "as fast and cost a quarter, and a pool right before the prediction throws positions away that no "
    "layer can put together any more.",
    commands=("rf code8", "suggest code8 --rf 40"),
)
def pooling_distance() -> list[Evidence]:
    rows = []
    for after in range(1, 7):
        convs = [conv(16, padding=1)] * 6
        graph = chain((1, 28, 28), *convs[:after], pool(), *convs[after:])
        size, _ = field(graph)
        rows.append((after, 6 - after, size, sized(graph.nodes[-1].out[1:]), graph.params, graph.macs))
    x = (
        whole(2, 1, 1, 6, 6, low=0, high=50) + np.arange(36).reshape(1, 1, 6, 6) / 64
    )  # no two cells are equal
    sole = {"adaptive_max_pool": {"output_size": 1}}
    feel = []
    for name, kind in (("global max pool", "adaptive_max_pool"), ("global average pool", "global_avg_pool")):
        base = apply(kind, x, sole.get(kind))
        moved = 0
        for i in range(36):
            nudged = x.copy()
            nudged[0, 0, i // 6, i % 6] += 1 / 128
            moved += bool(gap(apply(kind, nudged, sole.get(kind)), base))
        feel.append((name, moved, 36))
    return [
        evidence(
            "places",
            "six convs of 3x3 with 16 channels on 28x28, and one max pool of 2",
            ("convs before", "convs behind", "receptive field", "last map", "parameters", "MACs"),
            rows,
            f"The later the pool, the smaller the field ({rows[0][2]} down to {rows[-1][2]}) and the higher "
            f"the cost ({rows[0][5]:,} up to {rows[-1][5]:,} MACs), at the same parameters.",
        ),
        evidence(
            "last",
            "which cells of a last map of 6x6 the prediction depends on, to first order",
            ("last op", "cells", "of"),
            feel,
            f"A max pool at the very end lets {feel[0][1]} cell of each map speak and learn, the mean all "
            f"{feel[1][1]}.",
        ),
    ]


@ask(
    "poolings-together",
    "pooling",
    "Why are poolings not put close together?",
    "Two max pools of 2 in a row are one max pool of 4: 1 value of 16 survives with no weight in between. "
    "With a conv between them the field is larger and the net may choose what to keep.",
    commands=("draw max_pool --kernel-size 4", "rf code1"),
)
def poolings_together() -> list[Evidence]:
    c = conv(16, padding=1)
    rows = []
    for name, layers in (
        ("conv, pool, conv, pool", (c, pool(), c, pool())),
        ("conv, conv, pool, pool", (c, c, pool(), pool())),
        ("conv, conv, pool 4", (c, c, pool(4))),
    ):
        graph = chain((16, 28, 28), *layers)
        size, jump = field(graph)
        rows.append((name, size, int(jump or 0), sized(graph.nodes[-1].out[1:]), graph.params, graph.macs))
    x = whole(3, 2, 4, 16, 16)
    twice = apply("max_pool", apply("max_pool", x, {"kernel_size": 2}), {"kernel_size": 2})
    differs = gap(twice, apply("max_pool", x, {"kernel_size": 4}))
    return [
        evidence(
            "orders",
            "two convs of 3x3 and two halvings of 28x28",
            ("order", "receptive field", "jump", "map", "parameters", "MACs"),
            rows,
            f"Apart, the two pools give a field of {rows[0][1]} at fewer MACs; together one of "
            f"{rows[1][1]}. On random maps two max pools of 2 and one of 4 differ by {brief(differs)}.",
        )
    ]


@ask(
    "pool-at-rf",
    "pooling",
    "Pool at a receptive field of 5 or of 7: when do patterns form?",
    "Nothing in the arithmetic singles out 5 or 7. The earlier pool gives a larger field at lower cost, "
    "the later one a finer look at the strokes; which of them wins depends on how large the patterns of "
    "the data are, and only a measurement tells.",
    commands=("compare code7 code8", "rf code7", "rf code8"),
)
def pool_at_rf() -> list[Evidence]:
    rows = []
    for before in (1, 2, 3, 4):
        convs = [conv(16)] * 5
        graph = chain((1, 28, 28), *convs[:before], pool(), *convs[before:])
        at, _ = field(graph, str(before - 1))
        size, _ = field(graph)
        share = 100 * int(at) ** 2 / 28**2
        rows.append((at, share, size, sized(graph.nodes[-1].out[1:]), graph.params, graph.macs))
    nets = []
    for name in ("code7", "code8"):
        graph = read(name)
        result = receptive_field(graph)
        first = next(n for n in graph if n.op.kind == "max_pool")
        at_pool, last = result[first.inputs[0]], result[last_map(graph)]
        assert at_pool is not None and last is not None
        nets.append((name, at_pool.size[0], last.size[0], graph.params, graph.macs))
    return [
        evidence(
            "places",
            "five convs of 3x3 with 16 channels on 28x28, one max pool of 2",
            ("field at the pool", "% of the image", "field at the end", "last map", "parameters", "MACs"),
            rows,
            f"Pooled at 5 the net ends with a field of {rows[1][2]}, pooled at 7 with {rows[2][2]}. Pooled "
            f"at 7 a unit has seen {brief(rows[2][1])} % of the image, and {brief(rows[1][1])} % pooled at "
            "5.",
        ),
        evidence(
            "ladder",
            "the two places on the MNIST ladder",
            ("net", "field at the pool", "field at the end", "parameters", "MACs"),
            nets,
            f"The two nets also differ by {nets[1][3] - nets[0][3]:,} parameters, so that their accuracies "
            "cannot settle it.",
        ),
    ]
