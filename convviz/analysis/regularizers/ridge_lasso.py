"""Ridge and lasso as regressions on data with an outlier: robustness belongs to the loss, not to the penalty.

Penalized fits minimise ``1/2 sum (y - b - x w)**2`` plus ``l1 sum |w|`` or ``(l2/2) sum w**2``; the intercept b is left
out (Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2nd edition, section 3.4). In scikit-learn
that is ``Ridge(alpha=l2)`` and ``Lasso(alpha=l1 / n)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import comb
from typing import Any

from convviz.analysis.regularizers.optimizers import exact
from convviz.analysis.regularizers.regressions import (
    Data,
    Line,
    Vector,
    centred,
    huber,
    lasso,
    least_absolute,
    ridge,
    solve,
)
from convviz.analysis.regularizers.weights import Weights
from convviz.errors import FieldError

# Features x and z, then y = 1 + 2 x + z/2 with the last point far off; x and z are centred and orthogonal.
EXAMPLE = (
    (-7, 1, Fraction(-25, 2)), (-5, -1, Fraction(-19, 2)), (-3, -1, Fraction(-11, 2)), (-1, 1, Fraction(-1, 2)),
    (1, 1, Fraction(7, 2)), (3, -1, Fraction(13, 2)), (5, -1, Fraction(21, 2)), (7, 1, Fraction(-9, 2)),
)  # fmt: skip
L1, L2, DELTA = 56, 84, 1
MAX_POINTS, MAX_FEATURES = 200, 6
MAX_VERTICES = 20_000  # subsets of points that the absolute loss is tried on
LARGE = 10**9  # of a number
POINTS = 41  # of a path


@dataclass(frozen=True)
class Fit:
    """A loss and a penalty, and what they fit.

    key: ols, ridge, lasso, absolute or huber. all: with all points, clean: without the outlier, further: with the
    outlier twice as far from the absolute loss's fit.
    """

    key: str
    loss: str
    penalty: str
    all: Line
    clean: Line
    further: Line

    @property
    def follows(self) -> Fraction:
        """By how much the first coefficient changes when the outlier moves further away."""
        return abs(self.further.coefficients[0] - self.all.coefficients[0])


@dataclass(frozen=True, repr=False)
class RidgeLasso:
    """Five fits of the same data, and the coefficients over the strength of each penalty.

    outlier: the point with the largest residual of the absolute loss. strengths: of the paths; ridge and lasso: for
    each strength the coefficients.
    """

    data: Data
    l1: Fraction
    l2: Fraction
    delta: Fraction
    outlier: int
    fits: tuple[Fit, ...]
    strengths: Vector
    ridge: tuple[Vector, ...]
    lasso: tuple[Vector, ...]

    def fit(self, key: str) -> Fit:
        return next(fit for fit in self.fits if fit.key == key)

    def gone(self, feature: int) -> Fraction | None:
        """The first strength of the path from which on the lasso's coefficient stays 0; None where it does not."""
        live = [i for i, found in enumerate(self.lasso) if found[feature]]
        first = live[-1] + 1 if live else 0
        return self.strengths[first] if first < len(self.strengths) else None

    @property
    def all_zero(self) -> Fraction:
        """The least strength at which the lasso has only zeros: the largest |x . y| of centred columns."""
        return max(map(abs, centred(self.data).xy))

    def __repr__(self) -> str:
        from convviz.report.regularize import render

        return render(self, "text")

    def _repr_html_(self) -> str:
        from convviz.report.regularize import render

        return render(self, "html")


def ridge_lasso(values: Any = EXAMPLE, *, l1: Any = L1, l2: Any = L2, delta: Any = DELTA) -> RidgeLasso:
    """Least squares, ridge, lasso, least absolute deviations and Huber on rows of ``features ..., y``.

    delta: where Huber's loss turns from squared to absolute. Raises FieldError.

    >>> [(fit.key, round(float(fit.all.coefficients[0]), 3)) for fit in ridge_lasso().fits]
    [('ols', 1.167), ('ridge', 0.778), ('lasso', 0.833), ('absolute', 2.0), ('huber', 1.909)]
    """
    data = _data(values)
    one, two = exact(l1, "l1", low=0), exact(l2, "l2", low=0)
    border = exact(delta, "delta", above=0)
    absolute = least_absolute(data)
    away = absolute.residuals(data)
    outlier = max(range(len(away)), key=lambda i: abs(away[i]))
    sets = (data, data.without(outlier), data.moved(outlier, away[outlier]))
    independent(sets[1], f" without the outlier, row {outlier + 1}")
    sums = tuple(map(centred, sets))
    fits = (
        Fit("ols", "squared", "none", *(ridge(part, Fraction(0)) for part in sums)),
        Fit("ridge", "squared", "L2", *(ridge(part, two) for part in sums)),
        Fit("lasso", "squared", "L1", *(lasso(part, one) for part in sums)),
        Fit("absolute", "absolute", "none", absolute, *map(least_absolute, sets[1:])),
        Fit("huber", "Huber", "none", *(huber(part, border) for part in sets)),
    )
    top = max(map(abs, sums[0].xy)) or Fraction(1)
    strengths = tuple(top * Fraction(11 * i, 10 * (POINTS - 1)) for i in range(POINTS))
    return RidgeLasso(
        data, one, two, border, outlier, fits, strengths,
        tuple(ridge(sums[0], s).coefficients for s in strengths),
        tuple(lasso(sums[0], s).coefficients for s in strengths),
    )  # fmt: skip


def _data(values: Any) -> Data:
    found = Weights.of(values, "values", MAX_POINTS * (MAX_FEATURES + 1))
    if max(map(abs, found.values)) > LARGE:
        raise FieldError("values", f"numbers may be up to {float(LARGE):g} here")
    if len(found.shape) != 2:
        raise FieldError("values", "must be rows of features and y, such as 1,2;2,4;3,5")
    n, columns = found.shape
    if not 2 <= columns <= MAX_FEATURES + 1 or not columns + 2 <= n <= MAX_POINTS:
        told = f"1 to {MAX_FEATURES} features and y, and from 3 points more than features to {MAX_POINTS}"
        raise FieldError("values", f"needs {told}; got {n} rows of {columns}")
    if comb(n, columns) > MAX_VERTICES:
        told = f"the absolute loss would be tried on {comb(n, columns):,} sets of points, {MAX_VERTICES:,} is the most"
        raise FieldError("values", f"{told}; use fewer points or features")
    rows = [found.values[i * columns : (i + 1) * columns] for i in range(n)]
    data = Data(tuple(tuple(row[:-1]) for row in rows), tuple(row[-1] for row in rows))
    independent(data)
    return data


def independent(data: Data, but: str = "") -> None:
    """Raises FieldError where features (and the constant) depend on each other."""
    if solve(centred(data).xx, (Fraction(0),) * data.features) is None:
        raise FieldError("values", f"features must not be constant or depend on each other{but}")
