"""Questions about L1 and L2: who makes zeros, ridge and lasso, outliers."""

from __future__ import annotations

from fractions import Fraction

from convviz.questions.model import Evidence
from convviz.questions.registry import ask
from convviz.questions.work import Row, brief, evidence, number


@ask(
    "l1-l2-zeros",
    "regularization",
    "Do L1 and L2 make weights zero?",
    "L2 multiplies by a factor below 1: weights shrink and never reach 0. L1 with a proximal step sets "
    "them to exactly 0. L1 by plain (sub)gradient steps jumps around 0, so count what is below a threshold.",
    commands=("regularize l1", "regularize l2", "regularize weight-decay"),
)
def l1_l2_zeros() -> list[Evidence]:
    from convviz.analysis.regularizers.penalty import penalty

    start, rate, strength, steps = ["0.48", "-0.23", "0.06", "1.5"], 0.1, 0.5, 20
    found = penalty([Fraction(w) for w in start], "l1", l1="0.5", l2="0.5", lr="0.1", steps=steps)
    rows: list[Row] = [("start", ", ".join(number(float(w)) for w in start), 0, 0)]
    for name, key in (
        ("L2, half its square", "beside"),
        ("L1, subgradient", "subgradient"),
        ("L1, proximal", "proximal"),
    ):
        run = found.run(key)
        last = ", ".join(number(float(w)) for w in run.last)
        rows.append((name, last, run.zeros, run.below(found.threshold)))
    return [
        evidence(
            "steps",
            f"{steps} steps of the penalty alone: lr {rate}, strength {strength}",
            ("penalty", "weights", "exactly 0", f"below {rate * strength:g}"),
            rows,
            f"After {steps} steps L2 has {rows[1][2]} zeros (every weight is "
            f"{brief((1 - rate * strength) ** steps)} times the start), the subgradient of L1 {rows[2][2]}, "
            f"the proximal step {rows[3][2]}.",
        )
    ]


@ask(
    "ridge-lasso",
    "regularization",
    "What are ridge and lasso?",
    "Linear regression with a squared penalty (ridge) or an absolute one (lasso). Ridge shrinks every "
    "coefficient by the same factor, lasso takes the same amount from each and stops at 0.",
    commands=("regularize ridge-lasso", "regularize geometry"),
    picture="regularize geometry --plot geometry.png",
)
def coefficients() -> list[Evidence]:
    from convviz.analysis.regularizers.regressions import Data, centred, lasso, ridge

    half = Fraction(1, 2)
    signs = (
        (1, 1, 1),
        (-1, 1, -1),
        (1, -1, -1),
        (-1, -1, 1),
    )  # columns of length 1, at right angles, of mean 0
    x = tuple(tuple(half * s for s in row) for row in signs)
    sums = centred(Data(x, tuple(4 * a - 2 * b + half * c for a, b, c in x)))
    rows: list[Row] = []
    for strength in (Fraction(0), half, Fraction(1), Fraction(2), Fraction(4)):
        by_ridge, by_lasso = ridge(sums, strength).coefficients, lasso(sums, strength).coefficients
        texts = (", ".join(number(float(w)) for w in found) for found in (by_ridge, by_lasso))
        rows.append((float(strength), *texts, sum(w == 0 for w in by_lasso)))
    return [
        evidence(
            "paths",
            "three orthonormal features; least squares gives 4, −2, 0.5",
            ("strength", "ridge", "lasso", "zeros of lasso"),
            rows,
            f"At strength 1 ridge gives {rows[2][1]} (all halved), lasso {rows[2][2]} (1 less each, the "
            "smallest gone).",
        )
    ]


@ask(
    "penalty-or-loss",
    "regularization",
    "Is L1 robust to outliers?",
    "As a loss yes: the absolute error ends at the median and lets an outlier go. As a penalty it acts on "
    "weights and never sees the data: squared error with an L1 penalty follows an outlier as far as "
    "without.",
    commands=("regularize ridge-lasso",),
)
def penalty_or_loss() -> list[Evidence]:
    from convviz.analysis.regularizers.ridge_lasso import ridge_lasso

    found = ridge_lasso()
    rows: list[Row] = [
        (
            fit.loss,
            fit.penalty,
            *(float(line.coefficients[0]) for line in (fit.clean, fit.all, fit.further)),
            float(fit.follows),
        )
        for fit in found.fits
    ]
    by_key = {fit.key: float(fit.follows) for fit in found.fits}
    return [
        evidence(
            "outlier",
            f"slope of a line through {len(found.data.y)} points, one of them an outlier; without it the "
            "slope is 2",
            ("loss", "penalty", "without it", "with it", "twice as far off", "follows it by"),
            rows,
            f"When the outlier moves further off, the absolute loss follows by {brief(by_key['absolute'])}. "
            f"Squared loss with an L1 penalty follows by {brief(by_key['lasso'])}, as far as without any "
            f"({brief(by_key['ols'])}).",
        )
    ]
