"""Questions about dropout: what is dropped, when, and how much."""

from __future__ import annotations

from itertools import product
from math import pi, prod, sqrt

import numpy as np

from convviz.questions.model import Evidence
from convviz.questions.registry import ask
from convviz.questions.work import brief, cells, evidence


@ask(
    "dropout-drops",
    "regularization",
    "Does dropout drop weights?",
    "No. It sets activations to 0 and multiplies the others by 1/(1-p); the weights stay as they are. To "
    "drop weights is DropConnect.",
    commands=("draw dropout", "draw dropout2d", "regularize dropout"),
    picture="draw dropout",
)
def dropout_drops() -> list[Evidence]:
    x, w = np.array([4.0, 2, 6, 8]), np.array([[1.0, -1, 2, 0], [3, 1, -1, 1]])
    keep = np.array([1.0, 0, 1, 0])
    keep_weights = np.array([[1.0, 0, 1, 1], [0, 1, 1, 0]])
    p = 0.5
    dropped = x * keep / (1 - p)
    rows = [
        ("nothing dropped", cells(x), cells(w[0]), cells(w[1]), cells(w @ x)),
        ("dropout", cells(dropped), cells(w[0]), cells(w[1]), cells(w @ dropped)),
        (
            "DropConnect",
            cells(x),
            cells((w * keep_weights / (1 - p))[0]),
            cells((w * keep_weights / (1 - p))[1]),
            cells((w * keep_weights / (1 - p)) @ x),
        ),
    ]
    return [
        evidence(
            "what",
            "a linear layer from 4 to 2 with p = .5 and one mask each",
            ("in training", "activations", "weights to y0", "weights to y1", "y0, y1"),
            rows,
            f"Dropout turned {cells(x)} into {cells(dropped)} and touched no weight: an activation that is "
            "off is off for both outputs.",
        )
    ]


def spread(p: float, units: int) -> tuple[float, float, float]:
    """Mean and standard deviation of the sum of so many activations of 1 behind dropout, and the chance that all are 0.

    Over all 2**units masks, each with its probability.
    """
    mean = square = none = 0.0
    for mask in product((0, 1), repeat=units):
        chance = prod(1 - p if kept else p for kept in mask)
        total = sum(mask) / (1 - p)
        mean, square = mean + chance * total, square + chance * total * total
        none += chance if not any(mask) else 0.0
    return mean, sqrt(square - mean * mean), none


@ask(
    "dropout-amount",
    "regularization",
    "How much dropout: .1, .5 or .9?",
    "As much as the gap between training and test asks for, and not more. The mean stays the same at any "
    "p; the noise grows like p/(1-p), a factor of 81 from .1 to .9. Where there is no gap, noise is all "
    "that it adds.",
    commands=("regularize dropout", "regularize dropout2d"),
    experiments=("dropout",),
)
def dropout_amount() -> list[Evidence]:
    units = 9
    rows = []
    for p in (0.1, 0.25, 0.5, 0.75, 0.9):
        mean, sd, none = spread(p, units)
        rows.append((p, 1 / (1 - p), p / (1 - p), mean, sd, 100 * none))
    return [
        evidence(
            "noise",
            f"{units} activations of 1 (one 3x3 window): over all {2**units} masks",
            ("p", "factor 1/(1-p)", "variance of one", "mean of the sum", "sd of the sum", "all are 0, %"),
            rows,
            f"The mean of the sum is {brief(round(rows[0][3], 9))} throughout; its deviation goes from "
            f"{brief(rows[0][4])} at .1 to {brief(rows[-1][4])} at .9, where {brief(rows[-1][5])} % of all "
            "windows see nothing at all.",
        )
    ]


@ask(
    "dropout-when",
    "regularization",
    "When to add dropout?",
    "When training accuracy is well above test accuracy, measured alike. Behind the last norm rather than "
    "before one: dropout raises the variance in training only, so that a batch norm behind it normalizes "
    "with the wrong one when it is used (Li et al. 2019).",
    commands=("regularize dropout", "norm batch --preset A"),
    experiments=("dropout",),
)
def dropout_when() -> list[Evidence]:
    mean, square = 1 / sqrt(2 * pi), 0.5  # of max(0, z) with z standard normal
    rows = []
    for p in (0.0, 0.1, 0.25, 0.5):
        training = square / (1 - p) - mean**2
        evaluation = square - mean**2
        rows.append((p, training, evaluation, sqrt(evaluation / training)))
    return [
        evidence(
            "shift",
            "what reaches a batch norm behind ReLU and dropout (standard normal in front)",
            ("p", "variance in training", "variance in evaluation", "sd behind the norm in evaluation"),
            rows,
            f"At p = .5 the running variance is {brief(rows[3][1])}, but in evaluation it is "
            f"{brief(rows[3][2])}: the norm's output has deviation {brief(rows[3][3])} in place of 1. "
            "Behind the last norm no such thing happens.",
        )
    ]
