"""Normalization by hand: who shares, batch norm and its running statistics, other norms on the same cell."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from convviz.analysis.norms.normalize import Normalized, normalize
from convviz.exercise.batch import pleasant
from convviz.exercise.model import Box, Draft, Mistake, Part, Question, rounding
from convviz.exercise.norm_sharing import sharing
from convviz.exercise.norm_statistics import NAMES, Set, normal_question, statistics
from convviz.exercise.pieces import Rng, map_box, pick, value, whole, worked
from convviz.ops.base import Array, Shape
from convviz.plan.given import plain
from convviz.plan.model import Cell, Plan
from convviz.plan.norms import norm as explain_norm
from convviz.plan.words import inner, number, size


class Setting(NamedTuple):
    """What a level gives: the batch's shape, channels of a group, eps, and the norms that are worked out."""

    shape: Shape
    group: int
    eps: float
    others: tuple[str, ...]


SETTINGS = {
    "easy": Setting((4, 1, 2, 2), 1, 1e-5, ("layer",)),
    "normal": Setting((2, 2, 2, 2), 1, 1e-5, ("layer", "instance")),
    "hard": Setting((2, 4, 2, 2), 2, 1.0, ("layer", "group", "instance")),
}


def draft(rng: Rng, level: str) -> Draft:
    """A batch with whole means and roots, and every number of its norms asked for."""
    setting = SETTINGS[level]
    n, c = setting.shape[:2]
    image = (whole(rng, 0, n - 1), whole(rng, 0, c - 1))
    x = pleasant(rng, setting.shape, *image, setting.group, round(setting.eps))
    at = (*image, *telling(rng, x[image], float(x[:, image[1]].mean())))
    momentum = pick(rng, (0.1, 0.2, 0.5))
    sets = {method: chosen(x, method, at, setting) for method in ("batch", "layer", "group", "instance")}
    normalized = float(sets["batch"].done.normalized[at])
    gamma = pick(rng, (2, 3, -2))
    # With eps, what should cancel would leave a millionth.
    beta = pick(rng, [b for b in (-3, -1, 1, 2) if abs(gamma * normalized + b) > 0.1])
    scaled = scaled_set(x, at, setting, gamma, beta, momentum)
    # Where an image has many channels, each image has a line of its own.
    images = tuple(
        replace(
            map_box(f"image {i}" + (f", channel {j}" if c > 1 else ""), x[i, j]), fresh=c > 2 and i > 0 == j
        )
        for i in range(n)
        for j in range(c)
    )
    cell = f"image {at[0]}, {f'channel {at[1]}, ' * (c > 1)}row {at[2]}, column {at[3]}"
    start = (
        f"The batch has the shape N×C×H×W = {size(setting.shape)}. The cell X is at {cell} (counted from 0)"
    )
    text = (
        f"{start}; its value is {number(plain(x[at]))}. eps = {number(setting.eps)}. Numbers that are not whole: "
        f"two digits behind the point, or a fraction."
    )
    parts = [sharing(rng, level), batch_part(sets, scaled, at, gamma, beta, momentum, images)]
    parts += [other_part(sets, method, at) for method in setting.others]
    return Draft("Normalization by hand", text, tuple(parts))


def telling(rng: Rng, image: Array, mean: float) -> tuple[int, ...]:
    """A cell that is neither its image's mean nor its channel's, where there is one: 0 would hide every mistake."""
    cells = [tuple(c) for c in np.argwhere((image != image.mean()) & (image != mean)).tolist()]
    return pick(rng, cells or list(np.ndindex(*image.shape)))


def chosen(x: Array, method: str, at: Cell, setting: Setting) -> Set:
    groups = x.shape[1] // setting.group
    done = normalize(x, method, groups=groups if method == "group" else None, eps=setting.eps)
    return Set(done, plan_of(done), int(done.labels[at]))


def scaled_set(x: Array, at: Cell, setting: Setting, gamma: int, beta: int, momentum: float) -> Set:
    """Batch norm with a weight and a bias."""
    done = normalize(x, "batch", eps=setting.eps, gamma=gamma, beta=beta, momentum=momentum)
    return Set(done, plan_of(done), int(done.labels[at]))


def plan_of(done: Normalized) -> Plan:
    """The steps of a result, as ``convviz norm`` tells them."""
    assert done.op is not None
    names = {**done.op.weights(done.shape[1:]), **done.op.buffers(done.shape[1:])}
    return explain_norm(done.op, done.x, {name: done.weights[name] for name in names}, mode=done.mode)


def batch_part(
    sets: dict[str, Set],
    scaled: Set,
    at: Cell,
    gamma: int,
    beta: int,
    momentum: float,
    images: tuple[Box, ...],
) -> Part:
    """All numbers of batch norm, from the sum to the running variance."""
    own, layer = sets["batch"], sets["layer"]
    m, x = own.cells, own.done.x[at]
    channel = f" of channel {at[1]}" if own.done.shape[1] > 1 else ""
    questions = [sum_question(own, layer, channel), *statistics(sets, "batch", at, channel)]
    normal = normal_question(sets, "batch", at)
    y, text = worked(scaled.plan, "output", at)
    base = float(scaled.done.normalized[at])
    (update,) = scaled.done.updates
    mean, var = float(update.running_mean[at[1]]), float(update.running_var[at[1]])
    keep, share = number(1 - momentum), number(momentum)
    running_mean = f"{keep}×0 + {share}×{inner(own.mean)} = {number(mean)}"
    unbiased = f"{inner(own.var)}×{m}/{m - 1}"
    running_var = f"{keep}×1 + {share}×{unbiased} = {number(var)}"
    questions += [
        normal,
        Question(
            "output",
            "scale and shift",
            f"Output at X with weight {number(gamma)} and bias {number(beta)}:",
            y,
            text,
            rounding(y),
            needs=("normalized",),
            follow=lambda known: value(known, "normalized") * gamma + beta,
            mistakes=(
                Mistake(base + beta, "the weight was left out"),
                Mistake(base * gamma, "the bias was left out"),
                Mistake((base + beta) * gamma, "scale first, then shift: the bias is not multiplied"),
                Mistake(float(x) * gamma + beta, "the normalized value is scaled and shifted, not the input"),
            ),
        ),
        Question(
            "running_mean",
            "running statistics",
            f"Running mean{channel} after this step (before it 0, momentum {share}):",
            plain(mean),
            running_mean,
            rounding(mean),
            needs=("mean",),
            follow=lambda known: momentum * value(known, "mean"),
            mistakes=(
                Mistake(
                    (1 - momentum) * float(own.mean),
                    f"momentum is the share of what is new: {share}, not {keep}",
                ),
                Mistake(
                    float(own.mean),
                    "this is the mean of the batch: the running mean keeps most of its old value",
                ),
            ),
        ),
        Question(
            "running_var",
            "running statistics",
            f"Running variance{channel} after this step (before it 1):",
            plain(var),
            running_var,
            rounding(var),
            needs=("variance",),
            follow=lambda known: (1 - momentum) + momentum * value(known, "variance") * m / (m - 1),
            mistakes=(
                Mistake(
                    (1 - momentum) + momentum * float(own.var),
                    f"the running variance takes the unbiased variance: divide by {m - 1}, not {m}",
                ),
                Mistake(
                    momentum + (1 - momentum) * float(own.var) * m / (m - 1),
                    f"momentum is the share of what is new: {share}, not {keep}",
                ),
                Mistake(
                    momentum * float(own.var) * m / (m - 1), "the running variance begins at 1, not at 0"
                ),
            ),
        ),
    ]
    text = "Batch norm in training. The variance is the biased one."
    return Part("Batch norm", text, tuple(questions), images)


def sum_question(own: Set, layer: Set, channel: str) -> Question:
    total, text = own.statistic("sum")
    wrong = Mistake(
        layer.statistic("sum")[0],
        f"this is the sum over one image: batch norm adds up a channel over all {own.done.shape[0]} images",
    )
    prompt = f"Sum of the {own.cells} cells{channel}:"
    return Question("sum", "sum", prompt, total, text, rounding(total), mistakes=(wrong,))


def other_part(sets: dict[str, Set], method: str, at: Cell) -> Part:
    """Mean, variance and normalized value of the same cell under another norm."""
    own = sets[method]
    where = {
        "layer": f" of image {at[0]}",
        "group": f" of the group of X in image {at[0]}",
        "instance": f" of channel {at[1]} of image {at[0]}",
    }[method]
    questions = (*statistics(sets, method, at, where), normal_question(sets, method, at))
    groups = f" with {getattr(own.done.op, 'num_groups', 1)} groups of neighbouring channels" * (
        method == "group"
    )
    text = f"{NAMES[method].capitalize()}{groups} on the same batch, weight 1 and bias 0."
    return Part(NAMES[method].capitalize(), text, questions)
