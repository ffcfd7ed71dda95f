"""Questions about where a norm stands: before or after ReLU, how near to the output."""

from __future__ import annotations

import numpy as np

from convviz.ops.base import Array
from convviz.ops.norm import softmax
from convviz.questions.model import Evidence
from convviz.questions.registry import ask
from convviz.questions.work import apply, brief, cells, convolve, evidence, gap, whole

PLAIN = {"eps": 0, "affine": False}


def batch_norm(x: Array) -> Array:
    """In training, without affine, of a batch with or without space."""
    return apply("batch_norm", x, PLAIN, mode="train")


@ask(
    "norm-and-relu",
    "normalization",
    "Batch norm before or after ReLU?",
    "Both train. Before ReLU, half of each channel is switched off and what goes on is never negative; "
    "after it, the next layer gets mean 0 and deviation 1, but how much is switched off depends on the "
    "conv. A bias before a batch norm is useless either way: the mean takes it out.",
    commands=("draw batch_norm", "norm batch --preset A", "rf code8"),
    experiments=("norm-order",),
)
def norm_and_relu() -> list[Evidence]:
    z = np.random.default_rng(3).standard_normal((64, 1, 16, 16))
    rows = []
    for offset in (-2.0, 0.0, 2.0):
        x = z + offset
        for name, y in (
            ("conv, batch norm, ReLU", np.maximum(batch_norm(x), 0)),
            ("conv, ReLU, batch norm", batch_norm(np.maximum(x, 0))),
        ):
            off = (y == y.min()).mean()
            rows.append((offset, name, 0.0 if abs(y.mean()) < 1e-9 else y.mean(), y.std(), 100 * off))
    x, w = whole(42, 4, 2, 6, 6), whole(43, 3, 2, 3, 3)
    y = convolve(x, w)
    useless = gap(batch_norm(y), batch_norm(y + np.array([8.0, -4, 2])[:, None, None]))
    return [
        evidence(
            "orders",
            "16,384 normal values of deviation 1 around what a conv's bias makes of them",
            ("conv's mean", "order", "mean", "sd", "switched off, %"),
            rows,
            f"Before ReLU the norm makes the conv's mean irrelevant: {brief(rows[0][4])} % are off in all "
            f"three cases. After it the share goes from {brief(rows[1][4])} % to {brief(rows[5][4])} %. "
            "Adding a bias in front of the norm changes its output by "
            f"{brief(0.0 if useless < 1e-12 else useless)}.",
        )
    ]


@ask(
    "norm-distance",
    "normalization",
    "How far from the prediction may batch norm stand?",
    "A batch norm anywhere makes an image's output in training depend on the other images of the batch. "
    "One weight layer behind it is enough to free the logits of it otherwise; directly on the logits it "
    "forces every class to the same mean over the batch.",
    commands=("rf code8", "norm batch --shape 8x10x1x1 --seed 1"),
)
def norm_distance() -> list[Evidence]:
    x = whole(44, 8, 6, 1, 1)
    first, second, last = whole(45, 6, 6, 1, 1), whole(46, 6, 6, 1, 1), whole(47, 3, 6, 1, 1)
    other = x.copy()
    other[7] = 9.0  # another image in the batch

    def net(v: Array, at: int) -> Array:
        """Three layers; the norm stands so many of them before the output."""
        for left, w in ((2, first), (1, second), (0, last)):
            v = convolve(v, w)
            v = batch_norm(v) if left == at else v
            v = np.maximum(v, 0) if left else v
        return v[:, :, 0, 0]

    rows = []
    for at, name in ((0, "on the logits"), (1, "1 layer before"), (2, "2 layers before")):
        y = net(x, at)
        means, sds = y.mean(0), y.std(0)
        means[np.abs(means) < 1e-12] = 0
        rows.append((name, cells(means), cells(sds), gap(net(other, at)[0], y[0])))
    return [
        evidence(
            "distance",
            "three layers of whole weights, a batch of 8, 3 classes; logits over the batch",
            ("batch norm", "mean of each class", "sd of each class", "image 0 changes with image 7 by"),
            rows,
            "On the logits every class has mean 0 and deviation 1 in every batch, whatever was learned. "
            "One layer earlier both are free. The other images of the batch are felt at each distance.",
        )
    ]


@ask(
    "norm-before-output",
    "normalization",
    "Why no batch norm before the output?",
    "Because logits are meant to differ in mean: a batch in which every image is a 3 must be allowed to "
    "say so. Normalized over the batch, the class that all agree on gets the same mean as any other, and "
    "without a trained scale the loss cannot go to 0.",
    commands=("softmax 10,0,0", "norm batch --shape 8x10x1x1 --seed 1"),
)
def norm_before_output() -> list[Evidence]:
    rows = []
    for name, labels in (
        ("classes 0, 1, 2", [0, 1, 2]),
        ("all of class 0", [0, 0, 0]),
        ("two of class 0, one of class 1", [0, 0, 1]),
    ):
        logits = 10 * np.eye(3)[labels]
        y = apply("batch_norm", logits.reshape(-1, 3, 1, 1), {"affine": False}, mode="train")[:, :, 0, 0]
        right = [softmax(v, 1)[range(3), labels].mean() for v in (logits, y)]
        rows.append(
            (name, *right, *(float(-np.log(softmax(v, 1)[range(3), labels]).mean()) for v in (logits, y)))
        )
    floor = []
    for classes in (3, 10, 100):
        y = batch_norm(np.eye(classes).reshape(classes, classes, 1, 1))[:, :, 0, 0]
        for scale in (1, 4):
            p = softmax(scale * y, 1)[0, 0]
            floor.append((classes, scale, scale * y[0, 0], scale * y[0, 1], p, float(-np.log(p))))
    return [
        evidence(
            "agreement",
            "logits of 10 for the right class and 0 for the others, three images: probability of the right "
            "class",
            ("the batch", "probability", "behind batch norm", "loss", "behind batch norm"),
            rows,
            f"In a batch of one class the right answer's probability falls from {brief(rows[1][1])} to "
            f"{brief(rows[1][2])}: all logits are 0.",
        ),
        evidence(
            "floor",
            "the best that normalized logits can do: one image of each class, every one right",
            ("classes", "scale (gamma)", "right logit", "others", "probability", "loss"),
            floor,
            f"With 10 classes and scale 1 the loss cannot fall below {brief(floor[2][5])}; a trained scale "
            f"of 4 brings it to {brief(floor[3][5])}. So it is the affine that repairs what the norm has "
            "broken.",
        ),
    ]
