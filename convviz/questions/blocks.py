"""Questions about how layers are put together: transitions, bottlenecks, stages."""

from __future__ import annotations

from math import prod

import numpy as np

from convviz.graph import Graph
from convviz.questions.model import Evidence
from convviz.questions.registry import ask
from convviz.questions.work import Row, apply, brief, chain, conv, convolve, evidence, gap, pool, whole
from convviz.read import read


@ask(
    "transition-512-32",
    "convolution",
    "Why reduce 512 channels to 32 in a transition?",
    "Because the 3x3 conv that follows pays for every channel that it reads, nine times over. The price is "
    "that at most 32 independent numbers a position get through.",
    commands=("convs 512 32 --size 14", "compare code2 code3"),
)
def transition_512_32() -> list[Evidence]:
    ins, outs, size = 512, 64, 14
    direct = chain((ins, size, size), conv(outs, padding=1))
    limit = -(-9 * ins * outs // (ins + 9 * outs)) - 1  # the largest width that still saves weights
    rows: list[tuple[str, int, int, float]] = [("3x3 directly", direct.params, direct.macs, 100.0)]
    for mid in (16, 32, 128, limit, limit + 1):
        graph = chain((ins, size, size), conv(mid, 1), conv(outs, padding=1))
        rows.append((f"1x1 to {mid}, then 3x3", graph.params, graph.macs, 100 * graph.params / direct.params))
    rank = int(np.linalg.matrix_rank(whole(15, 64, 32) @ whole(16, 32, 512)))
    return [
        evidence(
            "cost",
            f"from {ins} to {outs} channels on {size}x{size}, no biases",
            ("way", "parameters", "MACs", "% of direct"),
            rows,
            f"Through 32 channels the 3x3 costs {brief(rows[2][3])} % of the direct one. It pays up to a "
            f"width of {limit}. A linear map through 32 channels has rank {rank} at most, whatever its "
            "weights.",
        )
    ]


def transitions(graph: Graph) -> list[tuple[str, str, str, int]]:
    """A 1x1 conv with a pool right behind it: name, what goes in, what comes out, parameters."""
    by_input = {node.inputs[0]: node for node in graph}
    found = []
    for node in graph:
        behind = by_input.get(node.name)
        narrow = node.op.kind == "conv" and set(node.op.fields()["kernel_size"]) == {1}
        if narrow and behind is not None and behind.op.kind in ("max_pool", "avg_pool"):
            found.append(
                (node.name, "x".join(map(str, node.ins[0])), "x".join(map(str, behind.out)), node.params)
            )
    return found


@ask(
    "transition-layer",
    "convolution",
    "What is a transition layer?",
    "The step from one block to the next: a 1x1 conv that reduces channels and a pool that halves the map.",
    commands=("rf code8", "rf densenet121 --stages"),
)
def transition_layer() -> list[Evidence]:
    rows = [(name, *found) for name in ("code8", "densenet121") for found in transitions(read(name))]
    return [
        evidence(
            "transitions",
            "each 1x1 conv with a pool behind it in two of the bundled nets",
            ("net", "layer", "goes in", "comes out", "parameters"),
            rows,
            "DenseNet-121 halves channels, rows and columns at each of them: an eighth of the numbers goes "
            "on. On the MNIST ladder, code8 goes from 32 channels to 10.",
        )
    ]


@ask(
    "transition-place",
    "convolution",
    "Where does the transition layer go: the 1x1 conv before the pool, or behind it?",
    "Between two blocks. With average pooling the order changes nothing but the cost, so pool first; with "
    "max pooling the results differ.",
    commands=("rf densenet121 --stages",),
)
def transition_place() -> list[Evidence]:
    rows = []
    x, w = whole(17, 1, 32, 24, 24), whole(18, 10, 32, 1, 1)
    for kind, name in (("max_pool", "max pool"), ("avg_pool", "average pool")):
        first = chain((32, 24, 24), conv(10, 1), pool(2, kind))
        second = chain((32, 24, 24), pool(2, kind), conv(10, 1))
        a = apply(kind, convolve(x, w), {"kernel_size": 2})
        b = convolve(apply(kind, x, {"kernel_size": 2}), w)
        rows.append((name, first.params, first.macs, second.macs, gap(a, b)))
    return [
        evidence(
            "orders",
            "from 32x24x24 to 10x12x12",
            ("pool", "parameters", "MACs, conv first", "MACs, pool first", "outputs differ by"),
            rows,
            f"Pooling first costs {rows[0][2] // rows[0][3]} times fewer MACs. Averages and a 1x1 conv are "
            f"both linear and may change places (difference {brief(rows[1][4])}); a maximum may not.",
        )
    ]


@ask(
    "bottlenecks",
    "convolution",
    "What are a bottleneck and a reverse bottleneck?",
    "A bottleneck narrows the channels by a 1x1 conv, does the 3x3 there, and widens again (ResNet). A "
    "reverse, or inverted, one widens first and does a depthwise 3x3 in between (MobileNetV2): wide where "
    "the conv is cheap, narrow where maps are kept.",
    commands=("convs 64 128 --size 56", "rf mobilenet_v2 --stages", "rf resnet50 --stages"),
)
def bottlenecks() -> list[Evidence]:
    def cost(name: str, ins: int, graph: Graph) -> tuple[str, str, int, int]:
        widths = "-".join(str(node.out[0]) for node in graph)
        return name, f"{ins}-{widths}", graph.params, graph.macs

    depthwise = conv(144, padding=1, groups=144)
    rows = [
        cost("two 3x3", 256, chain((256, 56, 56), conv(256, padding=1), conv(256, padding=1))),
        cost("bottleneck", 256, chain((256, 56, 56), conv(64, 1), conv(64, padding=1), conv(256, 1))),
        cost("widened, plain 3x3", 24, chain((24, 56, 56), conv(144, 1), conv(144, padding=1), conv(24, 1))),
        cost("reverse bottleneck", 24, chain((24, 56, 56), conv(144, 1), depthwise, conv(24, 1))),
    ]
    return [
        evidence(
            "blocks",
            "blocks on 56x56, no biases",
            ("block", "channels", "parameters", "MACs"),
            rows,
            f"The bottleneck has {rows[0][2] // rows[1][2]} times fewer parameters than two 3x3 at the same "
            "outer width. The reverse one needs its depthwise conv: with a plain 3x3 in the wide part it "
            f"would have {brief(rows[2][2] / rows[3][2])} times as many.",
        )
    ]


@ask(
    "blocks-64-512",
    "convolution",
    "Four blocks from 64 to 512 channels, or 512 in each?",
    "Widening as the map shrinks keeps the cost of every block about equal. 512 everywhere puts most of "
    "the work into the largest maps, where features are still simple.",
    commands=("rf resnet18 --stages", "rf vgg16 --stages"),
)
def blocks_64_512() -> list[Evidence]:
    rows: list[Row] = []
    totals = []
    for widths in ((64, 128, 256, 512), (512,) * 4):
        before, total = widths[0], [0, 0]
        for width, size in zip(widths, (56, 28, 14, 7), strict=True):
            graph = chain((before, size, size), conv(width, padding=1), conv(width, padding=1))
            rows.append((f"{size}x{size}", f"{before} to {width}", graph.params, graph.macs))
            before, total = width, [total[0] + graph.params, total[1] + graph.macs]
        rows.append(("all four", f"{widths[0]} to {widths[-1]}", *total))
        totals.append(total)
    first = 100 * rows[5][3] / totals[1][1]
    return [
        evidence(
            "stages",
            "two convs of 3x3 in each block, no biases",
            ("map", "channels", "parameters", "MACs"),
            rows,
            f"512 everywhere has {brief(totals[1][0] / totals[0][0])} times the parameters and "
            f"{brief(totals[1][1] / totals[0][1])} times the MACs; its first block alone takes "
            f"{brief(first)} % of them.",
        )
    ]


@ask(
    "kinds-of-convolution",
    "convolution",
    "Which kinds of convolution are there, and what does each cost?",
    "Normal, pointwise, grouped, depthwise, separable, spatially separable, dilated, strided, transposed, "
    "resize and sub-pixel. Between the same channels their parameters differ by a factor of over a hundred.",
    commands=("convs 64 128 --size 56", "convs 64 128 --size 56 --plot convs.png"),
    picture="convs 64 128 --size 56 --plot convs.png",
)
def kinds_of_convolution() -> list[Evidence]:
    from convviz.analysis.kinds import kinds

    found = kinds(64, 128, (56, 56))
    rows = [
        (kind.name, kind.graph.params, kind.graph.macs, "x".join(map(str, kind.graph.nodes[-1].out)))
        for kind in found.kinds
    ]
    least = min(rows, key=lambda row: row[1])
    most = max(rows, key=lambda row: row[1])
    return [
        evidence(
            "kinds",
            "64 to 128 channels on 56x56, 3x3 where not said otherwise, no biases",
            ("kind", "parameters", "MACs", "output"),
            rows,
            f"From {least[1]:,} ({least[0]}) to {most[1]:,} ({most[0]}): {prod((most[1],)) // least[1]} "
            "times.",
        )
    ]
