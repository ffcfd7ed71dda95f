"""Why L1 gives zeros and L2 does not: where the contours of a loss first touch the diamond and the circle.

The loss is ``1/2 (w - c)^T H (w - c)`` in two weights; each ball bounds a penalty by what it is at (budget, 0):
``|w1| + |w2|``, ``w1**2 + w2**2``, or a mix of both (Hastie, Tibshirani and Friedman, The Elements of Statistical
Learning, 2nd edition, section 3.4.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import cos, pi, sin, sqrt
from typing import Any

from convviz.analysis.regularizers.optimizers import exact, sign
from convviz.analysis.regularizers.weights import Weights
from convviz.errors import FieldError

CENTRE = (Fraction(1, 2), Fraction(5, 2))
HESSIAN = ((1, Fraction(1, 2)), (Fraction(1, 2), 1))
MIX = Fraction(1, 2)
LARGE = 10**6  # of a number that is given
HALVINGS = 200

Point = tuple[float, float]


@dataclass(frozen=True)
class Quadratic:
    """The loss ``1/2 (w - c)^T H (w - c)`` with a positive definite H."""

    centre: Point
    hessian: tuple[Point, Point]

    def at(self, w: Point) -> float:
        x, y = self._gradient_and(w)[1]
        g, h = self.gradient(w)
        return (x * g + y * h) / 2

    def gradient(self, w: Point) -> Point:
        """``H (w - c)``"""
        return self._gradient_and(w)[0]

    def _gradient_and(self, w: Point) -> tuple[Point, Point]:
        x, y = w[0] - self.centre[0], w[1] - self.centre[1]
        (a, b), (_, d) = self.hessian
        return (a * x + b * y, b * x + d * y), (x, y)

    def contour(self, level: float, points: int = 240) -> tuple[Point, ...]:
        """The ellipse on which the loss is ``level``."""
        (a, b), (_, d) = self.hessian
        low = sqrt(a)
        right = sqrt(d - b * b / a)  # H = L L^T with L = ((low, 0), (b / low, right))
        radius = sqrt(2 * max(level, 0.0))
        found = []
        for i in range(points + 1):
            turn = 2 * pi * i / points
            v = radius * sin(turn) / right
            u = (radius * cos(turn) - v * b / low) / low
            found.append((self.centre[0] + u, self.centre[1] + v))
        return tuple(found)


@dataclass(frozen=True)
class Ball:
    """All weights whose penalty ``l1 (|w1| + |w2|) + l2 (w1**2 + w2**2)`` is at most that of (budget, 0)."""

    name: str
    l1: float
    l2: float
    budget: float

    def penalty(self, w: Point) -> float:
        return self.l1 * (abs(w[0]) + abs(w[1])) + self.l2 * (w[0] ** 2 + w[1] ** 2)

    @property
    def limit(self) -> float:
        return self.penalty((self.budget, 0.0))

    def border(self, points: int = 240) -> tuple[Point, ...]:
        """Its border, once around; the corners are among the points."""
        found = []
        for i in range(points + 1):
            turn = 2 * pi * i / points
            x, y = cos(turn), sin(turn)
            x, y = (0.0 if abs(v) < 1e-12 else v for v in (x, y))
            a, b = self.l2, self.l1 * (abs(x) + abs(y))
            radius = self.limit / b if not a else (-b + sqrt(b * b + 4 * a * self.limit)) / (2 * a)
            found.append((radius * x, radius * y))
        return tuple(found)


@dataclass(frozen=True)
class Touch:
    """Where the loss is least within a ball. strength: of the penalty whose minimum is the same point (0: the ball
    does not bind). gradient: of the loss there.
    """

    ball: Ball
    w: Point
    strength: float
    loss: float
    gradient: Point

    @property
    def binds(self) -> bool:
        return self.strength > 0

    @property
    def zeros(self) -> int:
        return sum(w == 0 for w in self.w)


@dataclass(frozen=True, repr=False)
class Geometry:
    """A loss in two weights, and where it touches the balls of L1, L2 and the elastic net, all through (budget, 0)."""

    loss: Quadratic
    budget: float
    mix: float
    touches: tuple[Touch, ...]

    def touch(self, name: str) -> Touch:
        return next(touch for touch in self.touches if touch.ball.name == name)

    def __repr__(self) -> str:
        from convviz.report.regularize import render

        return render(self, "text")

    def _repr_html_(self) -> str:
        from convviz.report.regularize import render

        return render(self, "html")


def geometry(centre: Any = CENTRE, hessian: Any = HESSIAN, *, budget: Any = 1, mix: Any = MIX) -> Geometry:
    """The minima of a quadratic loss within the diamond, the circle and the elastic net's ball.

    centre: the loss's own minimum, two numbers. hessian: two rows of two, symmetric and positive definite. mix: the
    share of L1 in the elastic net. Raises FieldError.

    >>> found = geometry()
    >>> found.touch("L1").w, [round(w, 4) for w in found.touch("L2").w]
    ((0.0, 1.0), [0.4602, 0.8878])
    """
    c = Weights.of(centre, "centre", 2)
    h = Weights.of(hessian, "hessian", 4)
    if c.shape != (2,) and c.shape != (1, 2):
        raise FieldError("centre", "must be two numbers such as 0.5,2")
    if h.shape != (2, 2):
        raise FieldError("hessian", "must be two rows of two numbers such as 2,0.5;0.5,1")
    for name, numbers in (("centre", c.values), ("hessian", h.values)):
        if max(map(abs, numbers)) > LARGE:
            raise FieldError(name, f"numbers may be up to {LARGE:,} here")
    a, b, other, d = h.values
    if b != other or a <= 0 or a * d - b * b <= 0:
        raise FieldError(
            "hessian", "must be symmetric and positive definite, or the loss has no single minimum"
        )
    if a * d - b * b < a * d / 10**6:
        raise FieldError(
            "hessian", "is so nearly singular that the contours are lines; take a smaller corner number"
        )
    bound = float(exact(budget, "budget", above=0, high=LARGE))
    share = float(exact(mix, "mix", low=0, high=1))
    loss = Quadratic((float(c.values[0]), float(c.values[1])), ((float(a), float(b)), (float(b), float(d))))
    balls = (
        Ball("L1", 1.0, 0.0, bound), Ball("L2", 0.0, 1.0, bound), Ball("elastic net", share, 1 - share, bound),
    )  # fmt: skip
    return Geometry(loss, bound, share, tuple(touch_of(loss, ball) for ball in balls))


def touch_of(loss: Quadratic, ball: Ball) -> Touch:
    """By halving: the strength at which the penalized minimum has just the penalty that the ball allows."""
    strength = 0.0
    if ball.penalty(loss.centre) > ball.limit:
        low, high = 0.0, 1.0
        while ball.penalty(penalized(loss, ball, high)) > ball.limit:
            low, high = high, 2 * high
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            if ball.penalty(penalized(loss, ball, middle)) > ball.limit:
                low = middle
            else:
                high = middle
        strength = high
    w = penalized(loss, ball, strength)
    return Touch(ball, w, strength, loss.at(w), loss.gradient(w))


def penalized(loss: Quadratic, ball: Ball, strength: float) -> Point:
    """The minimum of ``loss + strength * penalty``: solved for each choice of signs and zeros until one fits."""
    one, two = strength * ball.l1, strength * ball.l2
    (a, b), (_, d) = loss.hessian
    x, y = loss.centre
    p, q = a * x + b * y, b * x + d * y  # H c
    if one and max(abs(p), abs(q)) <= one:
        return 0.0, 0.0
    u, v = _scalar(p, a + 2 * two, one), _scalar(q, d + 2 * two, one)
    if one and abs(b * u - q) <= one:
        return u, 0.0
    if one and abs(b * v - p) <= one:
        return 0.0, v
    under = (a + 2 * two) * (d + 2 * two) - b * b
    found = []
    for s, t in product((-1, 1), repeat=2):
        g, h = p - one * s, q - one * t
        found.append((((d + 2 * two) * g - b * h) / under, ((a + 2 * two) * h - b * g) / under))
        if not one or (sign(found[-1][0]) == s and sign(found[-1][1]) == t):
            return found[-1]
    # Rounding may leave none that fits, where one weight is about to become 0.
    return min([*found, (u, 0.0), (0.0, v)], key=lambda w: loss.at(w) + strength * ball.penalty(w))


def _scalar(slope: float, curvature: float, one: float) -> float:
    """The minimum of ``1/2 curvature w**2 - slope w + one |w|``."""
    return sign(slope) * max(abs(slope) - one, 0.0) / curvature
