"""Questions about what a norm does: over which axes, how large its values get, what it costs and takes away."""

from __future__ import annotations

from math import prod, sqrt

import numpy as np

from convviz.ops.base import Array, build
from convviz.ops.norm import Norm
from convviz.questions.model import Evidence
from convviz.questions.registry import ask
from convviz.questions.work import Row, apply, brief, cells, convolve, evidence, gap, whole
from convviz.read import read


def normalized(kind: str, x: Array, **fields: object) -> tuple[Array, int, int]:
    """A norm in training without affine: its output, how many sets of statistics, and how many cells are in one."""
    if kind in ("layer_norm", "rms_norm"):
        fields["elementwise_affine"] = False
    else:
        fields["affine"] = False
    op = build(kind, fields, x.ndim - 2)
    assert isinstance(op, Norm)
    own = op.shares(x.shape[1:], mode="train", batch=x.shape[0])
    members = prod(getattr(relation, "size", 1) for relation in own)
    return op.forward(x, mode="train"), x.size // members, members


@ask(
    "norm-axes",
    "normalization",
    "Over which axes do batch, layer, group and instance norm take their statistics?",
    "Batch norm: one mean for each channel, over batch and space. Layer norm: one for each sample, over "
    "channels and space. Group norm: one for each sample and group of channels. Instance norm: one for "
    "each sample and channel.",
    commands=("norm all --preset B", "norm batch --preset B", "norm layer --preset B", "draw batch_norm"),
    picture="norm all --preset B --plot norms.png",
)
def norm_axes() -> list[Evidence]:
    from convviz.analysis.norms.batches import preset

    wide, nice = np.zeros((8, 6, 5, 5)), preset("B")
    rows: list[Row] = []
    values: list[Row] = []
    for name, kind, fields, per in (
        ("batch norm", "batch_norm", {}, "channel"),
        ("layer norm", "layer_norm", {}, "sample"),
        ("group norm, 2 groups", "group_norm", {"num_groups": 2}, "sample and group"),
        ("instance norm", "instance_norm", {}, "sample and channel"),
    ):
        _, sets, members = normalized(kind, wide, **fields)
        rows.append((name, per, sets, members))
        values.append((name, *(cells(normalized(kind, nice, **fields)[0][at]) for at in ((0, 0), (3, 3)))))
    single = wide[0].size
    last = [row[2].split(", ")[1] for row in values]
    return [
        evidence(
            "sets",
            "a batch of 8 samples with 6 channels of 5x5",
            ("norm", "a mean for each", "means", "cells that share one"),
            rows,
            f"Batch norm has {rows[0][2]} means, one a channel, each over {rows[0][3]} cells; layer norm "
            f"has {rows[1][2]}, one a sample. 'Per element' would be {single} means of one position over "
            "the batch.",
        ),
        evidence(
            "values",
            "preset B, 4 samples with 4 channels of 2x2: two of its maps",
            ("norm", f"{cells(nice[0, 0])} becomes", f"{cells(nice[3, 3])} becomes"),
            values,
            f"The 8 of the last map becomes {last[0]} by batch norm and {last[1]} by layer norm. The first "
            "map cannot tell them apart: mean and variance of its channel and of its sample are the same.",
        ),
    ]


@ask(
    "norm-bound",
    "normalization",
    "Does batch norm keep values within −3 and 3?",
    "No. Among m values the largest possible normalized one is sqrt(m - 1), and it is reached: one value "
    "differs and all others are equal. From m = 11 on it is above 3.",
    commands=("norm batch --preset A",),
)
def norm_bound() -> list[Evidence]:
    rows: list[Row] = []
    for m in (2, 4, 10, 11, 64, 128 * 7 * 7):
        x = np.zeros((m, 1, 1, 1))
        x[0] = 1
        y = apply("batch_norm", x, {"eps": 0, "affine": False}, mode="train")
        rows.append((m, float(y.max()), sqrt(m - 1), float(y.min())))
    return [
        evidence(
            "bound",
            "one value of 1 among m - 1 zeros, normalized (eps 0)",
            ("m", "the 1 becomes", "sqrt(m - 1)", "a 0 becomes"),
            rows,
            f"With 10 values the largest is exactly {brief(rows[2][1])}; with a batch of 128 maps of 7x7 it "
            f"can be {brief(rows[5][1])}.",
        )
    ]


@ask(
    "norm-capacity",
    "normalization",
    "Does batch norm add capacity? Does it work by reducing covariate shift?",
    "In evaluation it is a scale and a shift for each channel, which the conv before it could have done "
    "itself: nothing new can be represented. What it changes is the way there; it makes the length of the "
    "weights irrelevant and the loss smoother. That covariate shift is the reason was tested and not borne "
    "out.",
    commands=("compare code3 code4", "draw batch_norm"),
)
def norm_capacity() -> list[Evidence]:
    x, w = whole(40, 2, 3, 6, 6), whole(41, 4, 3, 3, 3)
    mean, var = np.array([1.0, -2, 0, 3]), np.array([4.0, 16, 1, 0.25])
    weight, bias = np.array([2.0, 1, -1, 4]), np.array([0.5, 0, 2, -1])
    behind = apply(
        "batch_norm", convolve(x, w), {"eps": 0}, running_mean=mean, running_var=var, weight=weight, bias=bias
    )
    scale = weight / np.sqrt(var)
    folded = convolve(x, w * scale[:, None, None, None]) + (bias - mean * scale)[:, None, None]
    quiet = {"eps": 0, "affine": False}
    one, four = (apply("batch_norm", convolve(x, k * w), quiet, mode="train") for k in (1, 4))
    plain, added = read("code3"), read("code4")
    channels = sum(n.out[0] for n in added if n.op.kind == "batch_norm")
    return [
        evidence(
            "folded",
            "4 filters of 3x3 on whole numbers",
            ("comparison", "largest difference"),
            [
                (
                    "conv and batch norm in evaluation, against one conv with other weights",
                    gap(behind, folded),
                ),
                (
                    "batch norm of a conv, against that of the conv with 4 times the weights",
                    gap(one, four),
                ),
                ("the same without batch norm", gap(convolve(x, w), convolve(x, 4 * w))),
            ],
            "Both differences are 0: batch norm can be folded into the conv, and behind it the length of a "
            "filter means nothing.",
        ),
        evidence(
            "parameters",
            "what it adds on the MNIST ladder",
            ("net", "parameters"),
            [("code3", plain.params), ("code4, with batch norm", added.params)],
            f"{added.params - plain.params} parameters more: a scale and a shift for each of {channels} "
            "channels.",
        ),
    ]


@ask(
    "norm-cost",
    "normalization",
    "Do normalization layers make training cheaper?",
    "A step gets more expensive: statistics, deviations, squares and a second pass over every map, and the "
    "backward pass of it all. What may get fewer is the number of steps. In evaluation batch norm can be "
    "folded away and costs nothing.",
    commands=("rf code8", "compare code3 code4"),
)
def norm_cost() -> list[Evidence]:
    rows: list[Row] = []
    for name in ("code8", "s7", "resnet18"):
        graph = read(name)
        norms = [n for n in graph if n.op.kind == "batch_norm"]
        numbers = sum(prod(n.out) for n in norms)
        # Add, subtract, square, add: the statistics. Subtract (done), scale, weight, bias: the output.
        rows.append((name, len(norms), graph.macs, 7 * numbers, 100 * 7 * numbers / graph.macs, 0))
    return [
        evidence(
            "operations",
            "an image, forward: 7 operations a number (sum, deviation, square, sum, scale, weight, bias)",
            (
                "net",
                "batch norms",
                "MACs",
                "operations of the norms",
                "% of the MACs",
                "in evaluation, folded",
            ),
            rows,
            f"In training the norms of code8 add {brief(rows[0][4])} % to its multiplications, those of "
            f"ResNet-18 {brief(rows[2][4])} %: always more, never less. Folded into the convs they cost "
            "nothing in evaluation.",
        )
    ]


@ask(
    "norm-colour",
    "normalization",
    "Does batch norm take away the colour of a cat's ear?",
    "No. It takes a channel's mean and deviation over the whole batch: a colour cast that all images share "
    "goes, differences between images and within them stay. Instance norm is nearer to the claim, for it "
    "takes each image's own.",
    commands=("norm batch --preset B", "norm instance --preset B"),
)
def norm_colour() -> list[Evidence]:
    names = ("red", "green", "blue")
    warm = np.array([[200.0, 180, 120, 100], [90, 80, 60, 50], [60, 50, 40, 30]])
    cold = np.array([[60.0, 50, 40, 30], [90, 80, 60, 50], [200, 180, 120, 100]])
    x = np.stack([warm, cold]).reshape(2, 3, 2, 2)
    cast = x.copy()
    cast[:, 0] += 40
    by_batch, by_instance = normalized("batch_norm", x)[0], normalized("instance_norm", x)[0]
    rows: list[Row] = []
    for c, name in enumerate(names):
        means = [x[i, c].mean() for i in (0, 1)]
        rows.append(
            (
                name,
                *means,
                *(by_batch[i, c].mean() for i in (0, 1)),
                *(by_instance[i, c].mean() + 0.0 for i in (0, 1)),
            )
        )
    rows = [(name, *(0.0 if abs(v) < 1e-12 else v for v in values)) for name, *values in rows]
    shared = gap(normalized("batch_norm", cast)[0], by_batch)
    return [
        evidence(
            "means",
            "a reddish and a bluish image of 2x2: mean of each channel",
            (
                "channel",
                "red image",
                "blue image",
                "red, batch norm",
                "blue, batch norm",
                "red, instance norm",
                "blue, instance norm",
            ),
            rows,
            f"Behind batch norm red is still {brief(rows[0][3])} in one image and {brief(rows[0][4])} in "
            "the other; behind instance norm every mean is 0. A red cast of 40 on both images changes the "
            f"output of batch norm by {brief(shared if shared > 1e-12 else 0.0)}.",
        )
    ]


@ask(
    "norm-suppression",
    "normalization",
    "Do layer norm and group norm suppress important feature maps?",
    "They divide all maps of a sample (or of a group) by one common number, so the ratio of any two of "
    "them stays what it was. A strong map makes the weak ones smaller, and the affine can give that back; "
    "measured differences between norms are within noise.",
    commands=("norm layer --preset B", "norm group --preset B --groups 2"),
)
def norm_suppression() -> list[Evidence]:
    x = np.array([[8.0, 0, 0, 0], [1, 0, 1, 0], [0, 2, 0, 0], [1, 1, 0, 0]]).reshape(1, 4, 2, 2)
    rows: list[Row] = []
    layer, group = normalized("layer_norm", x)[0], normalized("group_norm", x, num_groups=2)[0]
    batch = normalized("instance_norm", x)[0]
    for c in range(4):
        rows.append((f"map {c}", cells(x[0, c]), *(float(y[0, c].std()) for y in (x, layer, group, batch))))
    ratio = [rows[0][i] / rows[1][i] for i in (2, 3, 4, 5)]
    across = [rows[0][i] / rows[2][i] for i in (2, 4)]
    return [
        evidence(
            "deviations",
            "one sample with a strong map and three weak ones: standard deviation of each map",
            ("map", "values", "before", "layer norm", "group norm, 2", "instance norm"),
            rows,
            f"Map 0 is {brief(ratio[0])} times as strong as map 1 before, {brief(ratio[1])} times behind "
            f"layer norm and {brief(ratio[2])} times behind group norm. Between groups it changes: map 0 "
            f"against map 2 goes from {brief(across[0])} to {brief(across[1])} by group norm. It is "
            f"instance norm that makes all maps equal ({brief(round(ratio[3], 3))}).",
        )
    ]
