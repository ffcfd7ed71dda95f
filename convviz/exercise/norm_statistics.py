"""Statistics of one norm as questions: mean, squares, variance, root, the normalized cell, and how each goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np

from convviz.analysis.norms.normalize import Normalized
from convviz.exercise.model import Known, Mistake, Question, rounding
from convviz.exercise.pieces import Worked, value, worked
from convviz.plan.given import plain
from convviz.plan.model import Cell, Number, Plan
from convviz.plan.words import number

NAMES = {"batch": "batch norm", "layer": "layer norm", "group": "group norm", "instance": "instance norm"}
AXES = {
    "batch": "batch norm shares over the images and the space of one channel",
    "layer": "layer norm shares over the channels and the space of one image",
    "group": "group norm shares over a group of channels and the space of one image",
    "instance": "instance norm shares over the space of one channel of one image",
}


class Set(NamedTuple):
    """The cells that share statistics with the chosen one, under one norm, and the plan that works them out."""

    done: Normalized
    plan: Plan
    label: int

    def statistic(self, panel: str) -> Worked:
        return worked(self.plan, panel, (self.label,))

    @property
    def x(self) -> list[float]:
        return [float(v) for v in self.done.x[self.done.labels == self.label]]

    @property
    def cells(self) -> int:
        return len(self.x)

    @property
    def mean(self) -> Number:
        return self.statistic("mean")[0]

    @property
    def var(self) -> Number:
        return self.statistic("variance")[0]


def statistics(sets: dict[str, Set], method: str, at: Cell, where: str) -> list[Question]:
    """Mean, sum of squares, variance and root; the ids of the questions carry the norm, unless it is batch norm."""
    own, m, eps = sets[method], sets[method].cells, sets[method].done.eps
    long, end = method == "batch", ending(method)
    x, mean, var = own.x, own.mean, own.var
    mean_text = own.statistic("mean")[1]
    var_text, (root, root_text) = own.statistic("variance")[1], own.statistic("std")
    terms = [worked(own.plan, "square", tuple(c)) for c in np.argwhere(own.done.labels == own.label).tolist()]
    squares = plain(sum(float(term.value) for term in terms))
    others, of = [o for o in sets if o != method], "" if long else f" of {NAMES[method]}"
    adding = f"{' + '.join(number(term.value) for term in terms)} = {number(squares)}"
    found = [
        Question(
            f"mean{end}",
            f"mean{of}",
            f"Mean{where}:",
            mean,
            mean_text if long else f"{own.statistic('sum').text}, {mean_text}",
            rounding(mean),
            needs=("sum",) if long else (),
            follow=(lambda known: value(known, "sum") / m) if long else None,
            mistakes=wrong_axis(sets, method, others, "mean"),
        )
    ]
    if long:
        found.append(
            Question(
                "squares",
                "squares",
                "Sum of the squared deviations from the mean:",
                squares,
                adding,
                rounding(squares),
                needs=("mean",),
                follow=lambda known: sum((v - value(known, "mean")) ** 2 for v in x),
                mistakes=(
                    Mistake(
                        sum(v * v for v in x), "these are the squares of the cells: take the mean away first"
                    ),
                ),
            )
        )

    def variance(known: Known) -> float:
        if long:
            return value(known, "squares") / m
        return sum((v - value(known, f"mean{end}")) ** 2 for v in x) / m

    found.append(
        Question(
            f"variance{end}",
            f"variance{of}",
            f"Variance{where}:",
            var,
            var_text if long else f"{adding}, {number(squares)} / {m} = {number(var)}",
            rounding(var),
            needs=("squares",) if long else (f"mean{end}",),
            follow=variance,
            mistakes=(
                Mistake(
                    own.done.unbiased(own.label) or 0,
                    f"this is the unbiased variance: divide by {m}, not {m - 1}",
                ),
                Mistake(squares, f"this is the sum of the squares: divide it by {m}"),
                Mistake(
                    sum(v * v for v in x) / m, "this is the mean of the squares: take the mean away first"
                ),
                Mistake(
                    sqrt(float(var)),
                    "this is the standard deviation: the variance is its square",
                ),
                *wrong_axis(sets, method, others, "variance"),
            ),
        )
    )
    if long:
        found.append(
            Question(
                "root",
                "standard deviation",
                "√(variance + eps):",
                root,
                root_text,
                rounding(root),
                needs=("variance",),
                follow=lambda known: sqrt(max(value(known, "variance"), 0) + eps),
                mistakes=(
                    Mistake(float(var) + eps, "the root was not taken"),
                    Mistake(
                        sqrt(float(var)), "eps was left out: it is added to the variance, under the root"
                    ),
                    Mistake(sqrt(float(var)) + eps, "eps is added under the root, not behind it"),
                    Mistake(
                        sqrt(float(own.done.unbiased(own.label) or 0) + eps),
                        f"this is the root of the unbiased variance: divide by {m}, not {m - 1}",
                    ),
                ),
            )
        )
    return found


def wrong_axis(sets: dict[str, Set], method: str, others: Sequence[str], panel: str) -> tuple[Mistake, ...]:
    """The same statistic of the other norms: the wrong axes were shared."""
    return tuple(
        Mistake(sets[o].statistic(panel)[0], f"this is the {panel} of {NAMES[o]}; {AXES[method]}")
        for o in others
    )


def normal_question(sets: dict[str, Set], method: str, at: Cell) -> Question:
    """The chosen cell, normalized."""
    own, end, eps = sets[method], ending(method), sets[method].done.eps
    x = float(own.done.x[at])
    affine = any(panel.key == "normalized" for panel in own.plan.panels)
    answer, text = worked(own.plan, "normalized" if affine else "output", at)
    mean, var = float(own.mean), float(own.var)
    unbiased = float(own.done.unbiased(own.label) or 0)
    wrong = [
        Mistake((x - mean) / (var + eps), "this is divided by the variance: divide by its root"),
        Mistake(
            (x - mean) / sqrt(unbiased + eps) if unbiased else 0.0,
            f"this is with the unbiased variance: divide by {own.cells}, not {own.cells - 1}",
        ),
        Mistake((mean - x) / sqrt(var + eps), "the sign is turned round: value minus mean"),
        Mistake(
            (x - mean) / sqrt(var) if var else 0.0,
            "eps was left out: it is added to the variance, under the root",
        ),
        Mistake(x / sqrt(var + eps), "the mean was not taken away"),
    ]
    for other in sets:
        if other != method:
            wrong.append(
                Mistake(float(sets[other].done.normalized[at]), f"this is {NAMES[other]}; {AXES[method]}")
            )
    names = ("mean", "root") if method == "batch" else (f"mean{end}", f"variance{end}")

    def follow(known: Known) -> float:
        below = value(known, names[1])
        root = below if method == "batch" else sqrt(max(below, 0) + eps)
        return (x - value(known, names[0])) / root if root else 0.0

    return Question(
        f"normalized{end}",
        "normalize" if method == "batch" else f"normalize with {NAMES[method]}",
        f"X ({number(plain(x))}) normalized:",
        answer,
        text,
        rounding(answer),
        needs=names,
        follow=follow,
        mistakes=tuple(wrong),
    )


def ending(method: str) -> str:
    return "" if method == "batch" else f"_{method}"
