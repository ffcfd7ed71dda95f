"""Linear fits of a few points, solved in fractions: least squares, ridge, lasso, least absolute deviations, Huber.

Where a solution is one of many candidates (which coefficients are 0, through which points a plane goes, which residuals
are large), floats find the candidate, and fractions solve it and prove it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product
from typing import Any

import numpy as np

from convviz.analysis.regularizers.optimizers import sign

Vector = tuple[Fraction, ...]


@dataclass(frozen=True)
class Data:
    """Rows of features, and y."""

    x: tuple[Vector, ...]
    y: Vector

    @property
    def features(self) -> int:
        return len(self.x[0])

    def without(self, point: int) -> Data:
        """All points but one."""
        return Data(self.x[:point] + self.x[point + 1 :], self.y[:point] + self.y[point + 1 :])

    def moved(self, point: int, by: Fraction) -> Data:
        """The same with ``by`` added to the y of one."""
        return Data(self.x, (*self.y[:point], self.y[point] + by, *self.y[point + 1 :]))


@dataclass(frozen=True)
class Line:
    """``y = intercept + sum coefficients x``."""

    intercept: Fraction
    coefficients: Vector

    def residuals(self, data: Data) -> Vector:
        return tuple(
            y - self.intercept - dot(self.coefficients, x) for x, y in zip(data.x, data.y, strict=True)
        )


def dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))


def solve(rows: Sequence[Vector], right: Vector) -> Vector | None:
    """Gauss and Jordan in fractions; None for a singular matrix.

    >>> solve([(Fraction(2), Fraction(1)), (Fraction(1), Fraction(3))], (Fraction(3), Fraction(4)))
    (Fraction(1, 1), Fraction(1, 1))
    """
    table = [[*row, value] for row, value in zip(rows, right, strict=True)]
    for i in range(len(table)):
        pivot = next((k for k in range(i, len(table)) if table[k][i]), None)
        if pivot is None:
            return None
        table[i], table[pivot] = table[pivot], table[i]
        table[i] = [v / table[i][i] for v in table[i]]
        for k in range(len(table)):
            if k != i and table[k][i]:
                table[k] = [a - table[k][i] * b for a, b in zip(table[k], table[i], strict=True)]
    return tuple(row[-1] for row in table)


# -- squared loss ----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Sums:
    """Sums of products of centred columns: features with each other, with y; the means."""

    xx: tuple[Vector, ...]
    xy: Vector
    x: Vector
    y: Fraction

    def line(self, coefficients: Vector) -> Line:
        """With the intercept that belongs to them."""
        return Line(self.y - dot(coefficients, self.x), coefficients)


def centred(data: Data) -> Sums:
    n, p = len(data.y), data.features
    columns = [[row[j] for row in data.x] for j in range(p)]
    means = tuple(sum(column, Fraction(0)) / n for column in columns)
    middle = sum(data.y, Fraction(0)) / n
    away = [[v - m for v in column] for column, m in zip(columns, means, strict=True)]
    high = [y - middle for y in data.y]
    return Sums(
        tuple(tuple(dot(a, b) for b in away) for a in away), tuple(dot(a, high) for a in away), means, middle
    )


def ridge(sums: Sums, l2: Fraction) -> Line:
    """``(X^T X + l2 I) w = X^T y`` on centred columns; with l2 0 least squares."""
    rows = tuple(tuple(v + l2 * (i == j) for j, v in enumerate(row)) for i, row in enumerate(sums.xx))
    found = solve(rows, sums.xy)
    assert found is not None  # who calls has seen that the features do not depend on each other
    return sums.line(found)


def lasso(sums: Sums, l1: Fraction) -> Line:
    """The minimum of ``1/2 sum of squares + l1 sum |w|``: for the signs that descent finds, else for any that fit."""
    found = _with_signs(sums, l1, _descent(sums, l1))
    if found is None:
        candidates = (_with_signs(sums, l1, signs) for signs in product((0, 1, -1), repeat=len(sums.xy)))
        found = next(w for w in candidates if w is not None)
    return sums.line(found)


def _descent(sums: Sums, l1: Fraction, rounds: int = 500) -> tuple[int, ...]:
    """Signs of the coefficients by coordinate descent in floats, on columns of length 1."""
    p = range(len(sums.xy))
    long = [float(sums.xx[j][j]) ** 0.5 for j in p]
    xx = [[float(sums.xx[j][k]) / long[j] / long[k] for k in p] for j in p]
    xy = [float(sums.xy[j]) / long[j] for j in p]
    w = [0.0 for _ in p]
    for _ in range(rounds):
        change = 0.0
        for j in p:
            rest = xy[j] - sum(xx[j][k] * w[k] for k in p if k != j)
            new = sign(rest) * max(abs(rest) - float(l1) / long[j], 0.0)
            change, w[j] = max(change, abs(new - w[j])), new
        if change <= 1e-14 * max(map(abs, xy)):
            break
    return tuple(sign(v) if abs(v) > 1e-11 * max(map(abs, xy)) else 0 for v in w)


def _with_signs(sums: Sums, l1: Fraction, signs: tuple[int, ...]) -> Vector | None:
    """The coefficients if these are their signs; None where they are not, or a slope at 0 is larger than l1."""
    p = range(len(signs))
    live = [j for j in p if signs[j]]
    part = solve(
        [tuple(sums.xx[i][j] for j in live) for i in live], tuple(sums.xy[j] - l1 * signs[j] for j in live)
    )
    if part is None or any(sign(value) not in (signs[j], 0) for j, value in zip(live, part, strict=True)):
        return None
    w = [Fraction(0)] * len(signs)
    for j, value in zip(live, part, strict=True):
        w[j] = value
    slopes = (sums.xy[j] - dot(sums.xx[j], w) for j in p if not signs[j])
    return None if any(abs(slope) > l1 for slope in slopes) else tuple(w)


# -- other losses ----------------------------------------------------------------------------------------
def least_absolute(data: Data) -> Line:
    """The least sum of absolute residuals: a best plane goes through as many points as it has coefficients."""
    x = _design(data)
    y = np.array([float(v) for v in data.y])
    points = np.array(list(combinations(range(len(y)), x.shape[1])))
    scaled = x / np.abs(x).max(0)
    regular = np.abs(np.linalg.det(scaled[points])) > 1e-12
    points = points[regular]
    planes = np.linalg.solve(x[points], y[points][..., None])[..., 0]
    totals = np.concatenate(
        [np.abs(y - part @ x.T).sum(1) for part in np.array_split(planes, max(1, len(planes) // 2000))]
    )
    for at in np.argsort(totals, kind="stable"):
        rows = [(Fraction(1), *data.x[i]) for i in points[at]]
        found = solve(rows, tuple(data.y[i] for i in points[at]))
        if found is not None:
            return Line(found[0], found[1:])
    raise AssertionError("some points span a plane, since the features do not depend on each other")


def _design(data: Data) -> Any:
    return np.array([[1.0, *(float(v) for v in row)] for row in data.x])


def huber(data: Data, delta: Fraction, rounds: int = 2000) -> Line:
    """The least sum of Huber's losses: points within ``delta`` count squared, the others by their distance.

    By weighted least squares, again and again (a point at distance r > delta weighs delta / r); then exactly, for the
    points that lie within, until these stay the same.
    """
    x = _design(data)
    y, d = np.array([float(v) for v in data.y]), float(delta)
    size = np.abs(x).max(0)
    w = np.linalg.lstsq(x / size, y, rcond=None)[0]
    for _ in range(rounds):
        away = np.abs(y - x / size @ w)
        root = np.sqrt(d / np.maximum(away, d))
        new = np.linalg.lstsq(x / size * root[:, None], y * root, rcond=None)[0]
        change, w = np.abs(new - w).max(), new
        if change <= 1e-14 * (1 + np.abs(w).max()):
            break
    start = tuple(Fraction(float(v)) for v in w / size)
    return _exact_huber(data, delta, start) or Line(start[0], start[1:])


def _exact_huber(data: Data, delta: Fraction, w: Vector, rounds: int = 20) -> Line | None:
    """For the points within delta of a fit the best fit, and so on, until they are those of the fit itself."""
    rows = [(Fraction(1), *x) for x in data.x]
    k = range(len(w))
    for _ in range(rounds):
        sides = [_side(y - dot(w, row), delta) for row, y in zip(rows, data.y, strict=True)]
        inner = [i for i, side in enumerate(sides) if not side]
        matrix = [tuple(sum((rows[i][a] * rows[i][b] for i in inner), Fraction(0)) for b in k) for a in k]
        pulls = [sum((rows[i][a] * side for i, side in enumerate(sides)), Fraction(0)) * delta for a in k]
        right = tuple(sum((rows[i][a] * data.y[i] for i in inner), pulls[a]) for a in k)
        found = solve(matrix, right)
        if found is None:
            return None
        if sides == [_side(y - dot(found, row), delta) for row, y in zip(rows, data.y, strict=True)]:
            return Line(found[0], found[1:])
        w = found
    return None


def _side(residual: Fraction, delta: Fraction) -> int:
    """0 within delta, else the residual's sign."""
    return 0 if abs(residual) <= delta else sign(residual)
