"""Error contours of a linear model with two features: circles where these have one scale, ellipses where they have not.

For the squared loss ``1/2 mean (w . x - y)**2`` the Hessian is ``mean x x^T``: it holds the scales of the inputs and
their correlation, and no weight. Gradient descent with rate ``lr`` converges below ``2 / largest eigenvalue``, and
fastest at ``2 / (smallest + largest)`` (LeCun et al., Efficient BackProp, 1998, section 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import atan2, cos, hypot, sin
from typing import Any

from convviz.analysis.regularizers.optimizers import exact
from convviz.analysis.regularizers.weights import Weights
from convviz.errors import FieldError

SCALES = (1, 5)
START = (5, 1)
TOLERANCE = Fraction(1, 100)
BEYOND = 1.05  # of the largest stable rate: what just diverges
SHOWN = 200  # points of a path that are kept
LARGE = 1000  # ratio of scales

Point = tuple[float, float]


@dataclass(frozen=True)
class Surface:
    """The error surface around its minimum, ``1/2 d^T H d`` with ``d = w - w*``. name: what the features are."""

    name: str
    scales: Point
    correlation: float

    @property
    def hessian(self) -> tuple[Point, Point]:
        """``mean x x^T``"""
        a, b = self.scales
        both = a * b * self.correlation
        return (a * a, both), (both, b * b)

    @property
    def eigenvalues(self) -> Point:
        """Smallest and largest."""
        (a, b), (_, d) = self.hessian
        middle, spread = (a + d) / 2, hypot((a - d) / 2, b)
        large = middle + spread
        return a * d * (1 - self.correlation**2) / large, large  # their product is the determinant

    @property
    def condition(self) -> float:
        """Largest over smallest eigenvalue; its root is the ratio of a contour's axes."""
        return self.eigenvalues[1] / self.eigenvalues[0]

    @property
    def stable(self) -> float:
        """Rates from here on do not converge."""
        return 2 / self.eigenvalues[1]

    @property
    def best(self) -> float:
        """The rate at which the error shrinks fastest, whatever the start."""
        return 2 / sum(self.eigenvalues)

    def loss(self, d: Point) -> float:
        g = self.gradient(d)
        return (d[0] * g[0] + d[1] * g[1]) / 2

    def gradient(self, d: Point) -> Point:
        """``H d``"""
        (a, b), (_, c) = self.hessian
        return a * d[0] + b * d[1], b * d[0] + c * d[1]

    def step(self, d: Point, lr: float) -> Point:
        g = self.gradient(d)
        return d[0] - lr * g[0], d[1] - lr * g[1]


@dataclass(frozen=True)
class Descent:
    """Gradient descent on a surface. path: the first points, as distances from the minimum. steps: until the distance
    is ``tolerance`` of the first one; None where it never is.
    """

    surface: Surface
    lr: float
    path: tuple[Point, ...]
    steps: int | None

    @property
    def factor(self) -> float:
        """By how much the slowest part of the error shrinks (below 1) or grows in a step."""
        return max(abs(1 - self.lr * value) for value in self.surface.eigenvalues)


@dataclass(frozen=True, repr=False)
class Contours:
    """Gradient descent on features of equal scale and on the given ones, from one start, and what else was tried.

    tries: the given surface from a start ten times as far (other weights, same contours), and just beyond the largest
    stable rate.
    """

    start: Point
    tolerance: float
    equal: Descent
    given: Descent
    far: Descent
    beyond: Descent

    @property
    def descents(self) -> tuple[Descent, ...]:
        return self.equal, self.given, self.far, self.beyond

    def __repr__(self) -> str:
        from convviz.report.regularize import render

        return render(self, "text")

    def _repr_html_(self) -> str:
        from convviz.report.regularize import render

        return render(self, "html")


def contours(
    scales: Any = SCALES,
    *,
    correlation: Any = 0,
    lr: Any = None,
    start: Any = START,
    tolerance: Any = TOLERANCE,
) -> Contours:
    """Two features with these standard deviations, beside the same features standardized.

    lr: for both; None: the best of each. start: of the weights, as distance from the minimum. Raises FieldError.

    >>> found = contours((1, 5))
    >>> found.equal.surface.condition, found.given.surface.condition
    (1.0, 25.0)
    >>> found.equal.steps, found.given.steps
    (1, 58)
    """
    a, b = _pair(scales, "scales")
    if a <= 0 or b <= 0 or max(a / b, b / a) > LARGE or max(a, b) > 10**6 or min(a, b) < Fraction(1, 10**6):
        raise FieldError(
            "scales", f"must be two positive numbers, neither more than {LARGE:,} times the other"
        )
    both = exact(correlation, "correlation", low=-1, high=1)
    if abs(both) > Fraction(999, 1000):
        raise FieldError("correlation", f"must be from -0.999 to 0.999, got {float(both):g}")
    x, y = _pair(start, "start")
    if x == y == 0:
        raise FieldError("start", "must not be the minimum itself, 0,0")
    if max(abs(x), abs(y)) > 10**6:
        raise FieldError("start", "must be up to 1,000,000")
    near = exact(tolerance, "tolerance", low=Fraction(1, 10**12), high=1)
    if near == 1:
        raise FieldError("tolerance", "must be below 1, the share of the distance that may be left")
    rate = None if lr is None else float(exact(lr, "lr", above=0, high=10**12))
    one, given = (
        Surface("standardized", (1.0, 1.0), float(both)),
        Surface("as given", (float(a), float(b)), float(both)),
    )
    at, far = (float(x), float(y)), (10 * float(x), 10 * float(y))
    left = float(near)
    return Contours(
        at, left, descent(one, rate or one.best, at, left), descent(given, rate or given.best, at, left),
        descent(given, rate or given.best, far, left), descent(given, BEYOND * given.stable, at, left),
    )  # fmt: skip


def _pair(value: Any, where: str) -> tuple[Fraction, Fraction]:
    found = Weights.of(value, where, 2)
    if len(found.values) != 2:
        raise FieldError(where, "must be two numbers such as 1,5")
    return found.values[0], found.values[1]


def descent(surface: Surface, lr: float, start: Point, tolerance: float) -> Descent:
    """Gradient descent; the number of steps from the closed form ``(1 - lr H)^k d``."""
    path = [start]
    while (
        len(path) < SHOWN
        and hypot(*path[-1]) > tolerance * hypot(*start)
        and hypot(*path[-1]) < 1e6 * hypot(*start)
    ):
        path.append(surface.step(path[-1], lr))
    return Descent(surface, lr, tuple(path), _steps(surface, lr, start, tolerance))


def _steps(surface: Surface, lr: float, start: Point, tolerance: float) -> int | None:
    """The first step after which the distance is within the tolerance; None: it stops shrinking before."""
    parts = [(part, abs(1 - lr * value)) for part, value in _parts(surface, start)]
    away = hypot(*start)

    def near(k: int) -> bool:
        return hypot(*(part * factor**k for part, factor in parts)) <= tolerance * away

    slowest = max(factor for _, factor in parts)
    if slowest >= 1:
        return None
    if slowest == 0:
        return 1
    high = 1
    while not near(high):
        high *= 2
    low = high // 2  # not near, or 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if near(middle) else (middle, high)
    return high


def _parts(surface: Surface, start: Point) -> list[tuple[float, float]]:
    """How much of a distance lies along each eigenvector, and its eigenvalue; parts of 0 are left out."""
    (a, b), (_, d) = surface.hessian
    turn = atan2(2 * b, a - d) / 2  # of the eigenvector of the largest
    along = start[0] * cos(turn) + start[1] * sin(turn)
    across = start[1] * cos(turn) - start[0] * sin(turn)
    small, large = surface.eigenvalues
    return [(p, value) for p, value in ((along, large), (across, small)) if abs(p) > 1e-13 * hypot(*start)]
