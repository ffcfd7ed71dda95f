"""Questions about global average pooling."""

from __future__ import annotations

from math import prod

from convviz.analysis.receptive_field import receptive_field
from convviz.questions.model import Evidence
from convviz.questions.registry import ask
from convviz.questions.work import (
    FLATTEN,
    GAP,
    apply,
    brief,
    chain,
    conv,
    evidence,
    gap,
    linear,
    pool,
    sized,
    whole,
)
from convviz.read import read


@ask(
    "gap-and-pooling",
    "pooling",
    "How is global average pooling different from pooling?",
    "A pooling window has a fixed size and slides; global pooling takes the whole map, whatever its size, "
    "and leaves one number a channel. On a map of exactly the window's size average pooling is the same "
    "thing. Neither touches channels.",
    commands=("draw max_pool", "draw global_avg_pool", "heads 64x7x7"),
    picture="draw global_avg_pool",
)
def gap_and_pooling() -> list[Evidence]:
    rows = []
    for name, layer in (
        ("max pool 2", pool()),
        ("average pool 7", pool(7, "avg_pool")),
        ("global average pool", GAP),
    ):
        small, large = chain((64, 7, 7), layer), chain((64, 14, 14), layer)
        rows.append((name, sized(small.shape("0")), sized(large.shape("0")), small.params))
    x = whole(1, 1, 64, 7, 7)
    mean = apply("global_avg_pool", x)
    differs = gap(apply("avg_pool", x, {"kernel_size": 7}).reshape(mean.shape), mean)
    return [
        evidence(
            "sizes",
            "what becomes of 64 channels",
            ("op", "64x7x7 gives", "64x14x14 gives", "parameters"),
            rows,
            "Height and width shrink, the 64 channels stay. On 7x7 average pooling by 7 and global average "
            f"pooling differ by {brief(differs)}; on 14x14 the window leaves a 2x2 map, the global one "
            "still 1x1.",
        )
    ]


@ask(
    "gap-parameters",
    "pooling",
    "Does global average pooling reduce parameters?",
    "It has none of its own to save. It shrinks what the linear layer behind it reads: one number a "
    "channel in place of the whole map. That is where parameters go away.",
    commands=("heads 64x7x7 --classes 10", "compare code5 code6"),
    experiments=("gap-or-linear",),
)
def gap_parameters() -> list[Evidence]:
    flat, pooled = chain((64, 7, 7), FLATTEN, linear(10)), chain((64, 7, 7), GAP, FLATTEN, linear(10))
    rows = []
    for name, graph in (("flatten, linear", flat), ("global average pool, linear", pooled)):
        head = graph.nodes[-1]
        first = graph.nodes[0]
        rows.append((name, first.params, head.ins[0][0], head.params, graph.macs))
    five, six = read("code5"), read("code6")
    return [
        evidence(
            "heads",
            "from 64x7x7 to 10 classes",
            ("head", "parameters of its first op", "linear reads", "linear's parameters", "MACs"),
            rows,
            f"The pooling itself has {rows[1][1]} parameters. The linear layer falls from 49*64*10 + 10 = "
            f"{flat.params:,} to 64*10 + 10 = {pooled.params:,}.",
        ),
        evidence(
            "ladder",
            "the same step on the MNIST ladder",
            ("net", "head", "parameters"),
            [
                ("code5", "conv 7x7 on 7x7, fully connected in effect", five.params),
                ("code6", "average pool 7", six.params),
            ],
            f"Replacing the 7x7 conv by the pool saves {five.params - six.params:,} parameters, all of them "
            "that conv's.",
        ),
    ]


@ask(
    "gap-halves-image",
    "pooling",
    "Does global average pooling halve the image?",
    "No. It leaves 1x1 from any size. Max pooling by 2 halves.",
    commands=("heads 64x7x7", "sizes resnet18"),
)
def gap_halves_image() -> list[Evidence]:
    rows = []
    for n in (7, 14, 28, 56):
        pooled, half = chain((64, n, n), GAP).shape("0"), chain((64, n, n), pool()).shape("0")
        rows.append((sized((n, n)), sized(half[1:]), sized(pooled[1:]) or "1x1", n * n))
    return [
        evidence(
            "sizes",
            "height and width behind the op",
            ("map", "max pool 2", "global average pool", "cells that it averages"),
            rows,
            "A map of 7x7 and one of 56x56 both end as 1x1: the factor is the size of the map, never a "
            "fixed 2.",
        )
    ]


@ask(
    "gap-doubles-rf",
    "pooling",
    "Does global average pooling double the receptive field?",
    "No. Behind it a unit reads everything that any unit of the map reads: the field becomes the whole "
    "input, or as much of it as the map covers.",
    commands=("rf code8", "rf code8 --unit 0,0"),
)
def gap_doubles_rf() -> list[Evidence]:
    rows = []
    for n, depth in ((28, 2), (28, 6), (56, 6)):
        graph = chain((1, n, n), *[conv(8, padding=1)] * depth, GAP)
        result = receptive_field(graph)
        before, after = result[str(depth - 1)], result[str(depth)]
        assert before is not None and after is not None
        rows.append(
            (
                f"{depth} convs of 3x3 on {n}x{n}",
                before.size[0],
                after.size[0],
                "yes" if after.is_global else "no",
            )
        )
    result = receptive_field(read("code8"))
    pooled = next(x for x in result if x.node.op.kind == "avg_pool")
    before = result[pooled.node.inputs[0]]
    assert before is not None and pooled.rf is not None
    rows.append(
        ("code8, average pool 6", before.size[0], pooled.rf.size[0], "yes" if pooled.rf.is_global else "no")
    )
    jump = int(before.jump[0] or 0)
    return [
        evidence(
            "fields",
            "receptive field before and behind the pool",
            ("net", "before", "behind", "global"),
            rows,
            f"{rows[0][1]} becomes {rows[0][2]}, {rows[1][1]} becomes {rows[1][2]}: no factor of 2. In "
            f"code8 a plain window of 6 adds (6 - 1)*{jump} = {rows[3][2] - rows[3][1]}.",
        )
    ]


@ask(
    "gap-good-or-bad",
    "pooling",
    "Is global average pooling good or bad?",
    "That question cannot be answered: putting it in also takes parameters out. Compare at equal "
    "parameters, with several seeds.",
    commands=("compare code5 code6", "compare code6 code7", "heads 64x7x7"),
    experiments=("gap-or-linear",),
)
def gap_good_or_bad() -> list[Evidence]:
    rows = []
    for name, what in (
        ("code5", "7x7 conv as the head"),
        ("code6", "average pool in its place"),
        ("code7", "average pool, capacity given back"),
    ):
        graph = read(name)
        head = next(
            (n for n in graph if n.op.kind == "conv" and prod(n.op.fields()["kernel_size"]) > 9), None
        )
        rows.append((name, what, graph.params, head.params if head else 0, graph.macs))
    return [
        evidence(
            "ladder",
            "three steps of the MNIST ladder",
            ("net", "head", "parameters", "of which the head", "MACs"),
            rows,
            f"code5 against code6 compares {rows[0][2]:,} with {rows[1][2]:,} parameters, so that two "
            f"things differ at once. code7 with {rows[2][2]:,} is the fairer partner of code5.",
        )
    ]
