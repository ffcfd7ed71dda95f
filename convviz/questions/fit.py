"""Questions about training against test: under- and overfitting, convergence, what regularization is for."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from convviz.ops.base import Array
from convviz.questions.model import Evidence
from convviz.questions.registry import ask
from convviz.questions.work import brief, evidence

POINTS, NOISE = 15, 0.3


class Data(NamedTuple):
    """Points of a sine with noise."""

    x: Array
    y: Array


@cache
def samples() -> tuple[Data, Data]:
    """A few points to train on and many to test on, from a fixed seed."""
    rng = np.random.default_rng(2)

    def draw(n: int) -> Data:
        x = np.linspace(-1, 1, n)
        return Data(x, np.sin(3 * x) + NOISE * rng.standard_normal(n))

    return draw(POINTS), draw(1000)


def basis(x: Array, degree: int) -> Array:
    """Legendre polynomials up to a degree, a column each."""
    from numpy.polynomial.legendre import legvander

    return legvander(x, degree)


def error(data: Data, weights: Array) -> float:
    """Mean squared error of the polynomial with these Legendre coefficients."""
    return float(((basis(data.x, len(weights) - 1) @ weights - data.y) ** 2).mean())


def ridge(data: Data, degree: int, strength: float) -> Array:
    """Least squares, with half the strength times the squared weights added to half the mean squared error."""
    features = basis(data.x, degree)
    n = len(data.x)
    return np.linalg.solve(features.T @ features / n + strength * np.eye(degree + 1), features.T @ data.y / n)


def fitted(data: Data, degree: int) -> Array:
    return np.linalg.lstsq(basis(data.x, degree), data.y, rcond=None)[0]


@ask(
    "over-and-underfitting",
    "regularization",
    "How to tell underfitting from overfitting?",
    "Underfitting: the training error itself is high. Overfitting: the training error is low and the test "
    "error is well above it. What tells is the gap, with both evaluated alike (eval mode, no "
    "augmentation), and its growth with capacity.",
    commands=("compare code1 code8", "regularize l2"),
    experiments=("overkill",),
)
def over_and_underfitting() -> list[Evidence]:
    train, test = samples()
    rows = []
    for degree in (0, 1, 3, 5, 9, 12):
        w = fitted(train, degree)
        rows.append((degree, degree + 1, error(train, w), error(test, w), error(test, w) - error(train, w)))
    best = min(rows, key=lambda row: row[3])
    formula = []
    for name, on_train, on_test in (
        ("underfits", 60.0, 58.0),
        ("generalizes", 99.3, 99.4),
        ("overfits", 100.0, 97.0),
        ("learns nothing", 10.0, 10.0),
    ):
        value = (100 - on_test) + on_train
        formula.append(
            (name, on_train, on_test, value, "overfits" if value > 99.4 else "does not", on_train - on_test)
        )
    return [
        evidence(
            "capacity",
            f"polynomials through {POINTS} points of a sine with noise of variance {brief(NOISE**2)}; "
            "tested on 1,000 others",
            ("degree", "weights", "training error", "test error", "gap"),
            rows,
            f"Degree 0 underfits: both errors are high. From degree {best[0]} on the training error keeps "
            f"falling while the test error rises to {brief(rows[-1][3])}.",
        ),
        evidence(
            "formula",
            "four nets, judged by (100 - test) + train > 99.4",
            ("a net that", "train", "test", "(100 - test) + train", "verdict", "train - test"),
            formula,
            "The sum is 100 plus the gap, so that it calls everything overfitting whose gap is above −0.6, "
            "even a net that guesses.",
        ),
    ]


@ask(
    "converged",
    "regularization",
    "Where did training converge?",
    "Where the curve changes by less than its own noise. Training and test are two curves: the training "
    "loss may creep down for ever while the test loss has long passed its minimum.",
    commands=("regularize contours",),
    experiments=("lighter-longer", "step-lr"),
)
def converged() -> list[Evidence]:
    train, test = samples()
    degree = 12
    features = basis(train.x, degree)
    values, vectors = np.linalg.eigh(features.T @ features / POINTS)
    target = vectors.T @ (features.T @ train.y / POINTS)
    rate = 1 / values[-1]

    def after(steps: int) -> Array:
        """Weights after so many steps of gradient descent from 0, in closed form."""
        share = np.array([(1 - (1 - rate * v) ** steps) / v for v in values])
        return vectors @ (share * target)

    times = [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 100_000]
    rows = []
    for t in times:
        now, later = error(train, after(t)), error(train, after(2 * t))
        rows.append((t, now, 100 * (now - later) / now, error(test, after(t))))
    best = min(rows, key=lambda row: row[3])
    return [
        evidence(
            "curve",
            f"a polynomial of degree {degree}, {POINTS} points, gradient descent",
            ("steps", "training loss", "falls if trained twice as long, %", "test loss"),
            rows,
            f"The test loss is lowest near step {best[0]:,}; there, training twice as long still lowers the "
            f"training loss by {brief(best[2])} %. Which of the two has converged has to be said.",
        )
    ]


@ask(
    "regularization-aim",
    "regularization",
    "Does regularization aim at test accuracy?",
    "It aims at the error on new data, which the test set estimates, and pays for it with training error. "
    "Its strength is chosen on held-out training data, not on the test set.",
    commands=("regularize l2", "regularize ridge-lasso"),
)
def regularization_aim() -> list[Evidence]:
    train, test = samples()
    degree = 12
    rows = []
    for strength in (0.0, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0):
        w = ridge(train, degree, strength) if strength else fitted(train, degree)
        rows.append((strength, error(train, w), error(test, w), float(np.sqrt(w @ w))))
    best = min(rows, key=lambda row: row[2])
    return [
        evidence(
            "strength",
            f"a polynomial of degree {degree} with an L2 penalty, {POINTS} points",
            ("strength", "training error", "test error", "length of the weights"),
            rows,
            f"From strength 0 to {brief(best[0])} the training error rises from {brief(rows[0][1])} to "
            f"{brief(best[1])} and the test error falls from {brief(rows[0][2])} to {brief(best[2])}.",
        )
    ]
