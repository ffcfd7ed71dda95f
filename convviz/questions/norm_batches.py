"""Questions about the batch that batch norm sees: small ones, and pieces on several devices."""

from __future__ import annotations

from math import sqrt

import numpy as np

from convviz.questions.model import Evidence
from convviz.questions.registry import ask
from convviz.questions.work import apply, brief, cells, evidence, gap


@ask(
    "small-batches",
    "normalization",
    "What is wrong with batch norm on small batches?",
    "Its mean and variance are estimates whose error goes like 1/sqrt(m); m is batch times height times "
    "width, less what neighbouring pixels have in common. With 2 values nothing is left but their order: "
    "the outputs are −1 and 1.",
    commands=(
        "norm batch --preset A",
        "norm ghost --preset A --splits 2",
        "norm group --preset B --groups 2",
    ),
    experiments=("small-batches",),
)
def small_batches() -> list[Evidence]:
    rng = np.random.default_rng(0)
    rows = []
    for m in (2, 4, 8, 32, 128):
        drawn = rng.standard_normal((4000, m))
        rows.append(
            (
                m,
                1 / sqrt(m),
                drawn.mean(1).std(),
                (m - 1) / m,
                drawn.var(1).mean(),
                sqrt(2 * (m - 1)) / m,
                drawn.var(1).std(),
            )
        )
    pairs = []
    for a, b in ((3, 5), (3, 500), (-1, 0)):
        x = np.array([float(a), b]).reshape(2, 1, 1, 1)
        pairs.append((cells(x), cells(apply("batch_norm", x, {"eps": 0, "affine": False}, mode="train"))))
    return [
        evidence(
            "estimates",
            "m independent values of mean 0 and variance 1: theory, and 4,000 batches drawn",
            ("m", "sd of the mean", "drawn", "mean of the variance", "drawn", "sd of the variance", "drawn"),
            rows,
            f"With 4 values the mean is off by {brief(rows[1][1])} standard deviations and the variance by "
            f"{brief(rows[1][5])}; with 128 by {brief(rows[4][1])} and {brief(rows[4][5])}.",
        ),
        evidence(
            "two",
            "two values, normalized",
            ("batch", "becomes"),
            pairs,
            "3 and 5 give the same as 3 and 500: how far apart they were is lost.",
        ),
    ]


@ask(
    "norm-several-devices",
    "normalization",
    "What does batch norm do on several devices?",
    "Each device normalizes with the statistics of its own part, as ghost batch norm does. Synchronized "
    "batch norm exchanges means and mean squares and gives what one large batch would. Layer, group and "
    "instance norm do not notice.",
    commands=("norm batch --preset A", "norm ghost --preset A --splits 2"),
)
def norm_several_devices() -> list[Evidence]:
    from convviz.analysis.norms.batches import preset

    batch, plain = preset("A"), {"eps": 0, "affine": False}
    together = apply("batch_norm", batch, plain, mode="train")
    halves = [batch[:2], batch[2:]]
    apart = np.concatenate([apply("batch_norm", half, plain, mode="train") for half in halves])
    ghost = apply("ghost_batch_norm", batch, {**plain, "num_splits": 2}, mode="train")
    means, variances = [h.mean() for h in halves], [h.var() for h in halves]
    rows = [
        ("one device, all 4 images", batch.mean(), batch.var(), cells(together[0])),
        ("device 0, images 0 and 1", means[0], variances[0], cells(apart[0])),
        ("device 1, images 2 and 3", means[1], variances[1], "–"),
        (
            "synchronized",
            float(np.mean(means)),
            float(np.mean(variances) + np.var(means)),
            cells(together[0]),
        ),
    ]
    return [
        evidence(
            "parts",
            "four images of 2x2, one channel",
            ("where", "mean", "variance", "image 0 becomes"),
            rows,
            f"The variance of the whole is the mean of the parts' ({brief(float(np.mean(variances)))}) plus "
            f"the variance of their means ({brief(float(np.var(means)))}). Two devices and ghost batch norm "
            f"with 2 splits differ by {brief(gap(apart, ghost))}.",
        )
    ]
