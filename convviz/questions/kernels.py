"""Questions about single convolutions: 1x1, one axis or three, who is connected to whom, groups."""

from __future__ import annotations

from math import prod

import numpy as np

from convviz.analysis.receptive_field import receptive_field
from convviz.ops.conv import Conv
from convviz.questions.model import Evidence
from convviz.questions.registry import ask
from convviz.questions.work import (
    FLATTEN,
    apply,
    brief,
    chain,
    conv,
    convolve,
    evidence,
    gap,
    linear,
    listing,
    number,
    whole,
)
from convviz.read import read


@ask(
    "pointwise",
    "convolution",
    "What is a 1x1 convolution?",
    "A linear layer over the channels, applied at every position with the same weights. It mixes channels, "
    "looks at no neighbour, and leaves the receptive field as it is.",
    commands=("draw pointwise_conv", "convs 64 128 --size 56"),
    picture="draw pointwise_conv",
)
def pointwise() -> list[Evidence]:
    x, w = whole(4, 1, 64, 7, 7), whole(5, 10, 64, 1, 1)
    by_hand = np.einsum("oc,bchw->bohw", w[:, :, 0, 0], x)
    differs = gap(convolve(x, w), by_hand)
    rows = []
    for k in (1, 3):
        graph = chain((64, 7, 7), conv(10, k, padding=k // 2))
        field = receptive_field(graph)["0"]
        assert field is not None
        rows.append((f"{k}x{k}", 64 * k * k, field.size[0], graph.params, graph.macs))
    return [
        evidence(
            "kernel",
            "from 64 to 10 channels on 7x7, no bias",
            ("conv", "numbers that an output reads", "receptive field", "parameters", "MACs"),
            rows,
            f"A 1x1 conv has 64*10 = {rows[0][3]:,} weights. Worked out as a linear layer at each of the 49 "
            f"positions, the result differs by {brief(differs)}.",
        )
    ]


@ask(
    "pointwise-and-linear",
    "convolution",
    "Is a 1x1 convolution a fully connected layer on a 1x1 map?",
    "On a 1x1 map yes: the same weights, the same numbers. On a larger map no: a fully connected layer has "
    "a weight for every position, and a 1x1 conv has the same weights at all of them.",
    commands=("heads 64x7x7 --classes 10", "heads 64x1x1 --classes 10"),
)
def pointwise_and_linear() -> list[Evidence]:
    rows = []
    for n in (1, 7):
        a = chain((64, n, n), conv(10, 1, bias=True))
        b = chain((64, n, n), FLATTEN, linear(10))
        c = chain((64, n, n), conv(10, n, bias=True))
        rows.append((f"64x{n}x{n}", a.params, "x".join(map(str, a.shape("0"))), b.params, c.params))
    x, w = whole(6, 3, 64, 1, 1), whole(7, 10, 64, 1, 1)
    differs = gap(convolve(x, w)[:, :, 0, 0], x[:, :, 0, 0] @ w[:, :, 0, 0].T)
    return [
        evidence(
            "sizes",
            "to 10 outputs, with biases",
            ("map", "1x1 conv", "its output", "flatten, linear", "conv as large as the map"),
            rows,
            f"On 1x1 both have {rows[0][1]} parameters and their outputs differ by {brief(differs)}. On 7x7 "
            f"it is {rows[1][1]:,} against {rows[1][3]:,}; there the fully connected layer is a 7x7 conv.",
        )
    ]


@ask(
    "conv1d-or-linear",
    "convolution",
    "Conv1d or fully connected for 1-D data?",
    "If a pattern means the same wherever it occurs (sound, sensors, text), Conv1d: fewer parameters, any "
    "length, and a shifted input gives a shifted output. If each place has its own meaning (age, height, "
    "price), fully connected: neighbours are not neighbours.",
    commands=("draw conv --input 1x8 --kernel-size 3", "rf wavenet"),
)
def conv1d_or_linear() -> list[Evidence]:
    length, k, channels = 100, 5, 8
    by_conv = chain((1, length), conv(channels, k, bias=True))
    out = prod(by_conv.shape("0"))
    by_linear = chain((1, length), FLATTEN, linear(out))
    x = np.zeros((1, 1, length))
    x[0, 0, 40:46] = whole(8, 6, low=1, high=9)
    shifted = np.roll(x, 7, 2)
    w, dense = whole(9, channels, 1, k), whole(10, out, length)
    moved = gap(convolve(shifted, w), np.roll(convolve(x, w), 7, 2))

    def through(v: np.ndarray) -> np.ndarray:
        return (v[:, 0] @ dense.T).reshape(1, channels, -1)

    torn = gap(through(shifted), np.roll(through(x), 7, 2))
    mixed = np.random.default_rng(11).permutation(length)
    sorted_out = (x[:, 0][:, mixed] @ dense[:, mixed].T).reshape(1, channels, -1)
    rows = [
        ("Conv1d, kernel 5", by_conv.params, by_conv.macs, moved, "yes"),
        ("fully connected", by_linear.params, by_linear.macs, torn, "no"),
    ]
    return [
        evidence(
            "shift",
            f"{length} numbers to {channels}x{length - k + 1}; then the input shifted by 7",
            ("layer", "parameters", "MACs", "shifted output differs by", "takes other lengths"),
            rows,
            f"{by_conv.params} parameters against {by_linear.params:,}. The conv's output moves along "
            "exactly; the fully connected one's does not. In return, it does not care in which order the "
            f"numbers come: permuted with its weights it differs by {brief(gap(sorted_out, through(x)))}.",
        )
    ]


@ask(
    "spatial-temporal",
    "convolution",
    "What is the difference between spatial and temporal information?",
    "Spatial is where in a frame, temporal is when. A 2-D conv on each frame sees no time: shuffle the "
    "frames and its outputs are shuffled, no more. A kernel that reaches over time (3-D, or 1-D along "
    "time) tells the order.",
    commands=("draw conv --input 1x4x5x5 --kernel-size 3", "rf wavenet"),
)
def spatial_temporal() -> list[Evidence]:
    frames, x = 6, whole(12, 1, 3, 6, 8, 8)
    rows = []
    for name, kernels in (
        ("2-D on each frame", [(1, 3, 3)]),
        ("1-D along time", [(3, 1, 1)]),
        ("(2+1)-D: one, then the other", [(1, 3, 3), (3, 1, 1)]),
        ("3-D", [(3, 3, 3)]),
    ):
        graph = chain((3, frames, 8, 8), *[conv(16, k, padding=[n // 2 for n in k]) for k in kernels])
        field = receptive_field(graph)[graph.nodes[-1].name]
        assert field is not None
        y, back = x, x[:, :, ::-1]
        for i, node in enumerate(graph):
            w, pads = whole(20 + i, *node.op.weights(*node.ins)["weight"]), [n // 2 for n in kernels[i]]
            y, back = convolve(y, w, padding=pads), convolve(back, w, padding=pads)
        same = "yes" if gap(y[:, :, ::-1], back) == 0 else "no"
        rows.append((name, "x".join(map(str, field.size)), graph.params, graph.macs, same))
    return [
        evidence(
            "time",
            "3 channels, 6 frames of 8x8, to 16 channels; then the film runs backwards",
            ("conv", "reads t x y x x", "parameters", "MACs", "output only runs backwards, too"),
            rows,
            "The 2-D conv cannot tell a film from the same film backwards; each kernel that reaches over "
            "time can.",
        )
    ]


@ask(
    "dense-sparse",
    "convolution",
    "What are dense and sparse networks?",
    "A fully connected layer is dense: every output reads every input. A convolution is sparse (few "
    "connections) and shares weights (fewer still). Grouped and depthwise convs are sparse in channels, "
    "too. A net with many zero weights is sparse only if the zeros are skipped.",
    commands=("draw conv --view matrix", "rf mobilenet_v2 --channels"),
    picture="draw conv --view matrix",
)
def dense_sparse() -> list[Evidence]:
    shape = (4, 8, 8)
    full = chain(shape, FLATTEN, ("linear", {"out_features": 4 * 6 * 6, "bias": False}))
    rows = [("fully connected", full.macs, full.params, 100.0)]
    for name, fields in (
        ("conv 3x3", {}),
        ("grouped conv, 2 groups", {"groups": 2}),
        ("depthwise conv", {"groups": 4}),
    ):
        graph = chain(shape, conv(4, **fields))
        rows.append((name, graph.macs, graph.params, 100 * graph.macs / full.macs))
    return [
        evidence(
            "connections",
            "from 4x8x8 to 4x6x6, no biases, no padding",
            ("layer", "connections", "different weights", "% of all connections"),
            rows,
            f"Of {full.macs:,} possible connections the conv has {rows[1][1]:,} ({brief(rows[1][3])} %), "
            f"and these use only {rows[1][2]} different weights.",
        )
    ]


@ask(
    "grouped-and-inception",
    "convolution",
    "Do grouped convolutions combine kernels of different sizes, as Inception does?",
    "No. Groups cut the channels; every group has a kernel of the same size. Inception runs branches of "
    "different kernels side by side, each on all channels, and concatenates them.",
    commands=("draw grouped_conv", "convs 64 128 --size 56 --groups 4"),
    picture="draw grouped_conv",
)
def grouped_and_inception() -> list[Evidence]:
    rows = []
    for g in (1, 4, 32):
        graph = chain((64, 56, 56), conv(128, groups=g, padding=1))
        weight = graph["0"].op.weights((64, 56, 56))["weight"]
        rows.append((f"conv 3x3, groups {g}", "3x3", weight[1], 64, graph.params))
    inception = read("inception_v3")
    join = next(n for n in inception if n.op.kind == "concat")
    prefix = join.name.rpartition(".")[0]
    members = [n for n in inception if n.name.startswith(prefix) and isinstance(n.op, Conv)]
    entry = inception.shape(members[0].inputs[0])
    sizes = sorted({n.op.fields()["kernel_size"] for n in members})
    first = [n for n in members if n.ins[0] == entry]
    reads = {n.op.weights(*n.ins)["weight"][1] for n in first}
    kernels = listing("x".join(map(str, k)) for k in sizes)
    rows.append((f"Inception v3, {prefix}", kernels, min(reads), entry[0], sum(n.params for n in members)))
    return [
        evidence(
            "kernels",
            "kernels, and channels that a filter reads",
            ("layer", "kernel sizes", "channels that a filter reads", "of", "parameters"),
            rows,
            f"With 4 groups a filter reads {rows[1][2]} of 64 channels, always with a 3x3 kernel. "
            f"Inception's module has kernels of {kernels}, and each first conv of a branch reads all "
            f"{entry[0]} channels.",
        )
    ]


@ask(
    "deconvolution",
    "dense",
    "Is a transposed convolution a deconvolution, the inverse of a convolution?",
    "No. It has the shape of the way back, not the values: it multiplies with the transposed matrix, not "
    "with the inverse. Where a conv makes its input smaller, there is no inverse.",
    commands=("draw conv_transpose", "draw conv_transpose --view matrix"),
    picture="draw conv_transpose --stride 2 --padding 1",
)
def deconvolution() -> list[Evidence]:
    x, w = whole(13, 1, 1, 4, 4, low=0, high=5), whole(14, 1, 1, 3, 3, low=-1, high=3)
    y = convolve(x, w)
    back = apply("conv_transpose", y, {"out_channels": 1, "kernel_size": 3, "bias": False}, weight=w)
    columns = [convolve(np.eye(16)[i].reshape(1, 1, 4, 4), w).ravel() for i in range(16)]
    matrix = np.stack(columns, 1)
    rank = int(np.linalg.matrix_rank(matrix))
    by_matrix = gap((matrix.T @ y.ravel()).reshape(back.shape), back)
    rows = [
        (f"row {i}", *(" ".join(number(v) for v in grid[i]) for grid in (x[0, 0], back[0, 0])))
        for i in range(4)
    ]
    return [
        evidence(
            "there-and-back",
            "an input of 4x4, convolved to 2x2 by a 3x3 kernel, and transposed back with the same kernel",
            ("", "input", "behind conv and transposed conv"),
            rows,
            f"The size is back, the numbers are not. As a matrix the conv is 4x16 of rank {rank}: "
            f"{16 - rank} of 16 directions are lost. The transposed conv is that matrix transposed "
            f"(difference {brief(by_matrix)}).",
        )
    ]
