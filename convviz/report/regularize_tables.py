"""Regularizers as one table each, with every row: what CSV holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convviz.analysis.regularizers.contours import Contours
from convviz.analysis.regularizers.decay import Decay
from convviz.analysis.regularizers.dropout import Dropout
from convviz.analysis.regularizers.geometry import Geometry
from convviz.analysis.regularizers.optimizers import Real
from convviz.analysis.regularizers.penalty import Penalty, Run
from convviz.analysis.regularizers.regularize import Regularizer
from convviz.analysis.regularizers.ridge_lasso import RidgeLasso
from convviz.analysis.regularizers.weights import Weights
from convviz.plan.given import plain
from convviz.plan.regularizers.contours import label
from convviz.report.model import Cell, Column, Table


def table_of(found: Regularizer) -> Table:
    """Weights after each step, cells of a batch, minima, fits or descents; numbers unrounded."""
    if isinstance(found, Penalty | Decay):
        return steps_table(found.runs, found.weights)
    if isinstance(found, Dropout):
        return batch_table(found)
    if isinstance(found, Geometry):
        return touch_table(found)
    if isinstance(found, RidgeLasso):
        return fit_table(found)
    return descent_table(found)


def full(value: Real | None) -> str | None:
    """A number with all its digits."""
    return None if value is None else str(plain(value))


def _table(names: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Table:
    return Table("", tuple(Column(name) for name in names), tuple(tuple(row) for row in rows))


def steps_table(runs: Sequence[Run], weights: Weights) -> Table:
    rows = [[run.name, t, *map(full, found)] for run in runs for t, found in enumerate(run.weights)]
    return _table(["run", "step", *weights.names], rows)


def batch_table(found: Dropout) -> Table:
    axes = ["sample", "channel", *[f"axis {i}" for i in range(found.x.ndim - 2)]]
    heads = [f"{what} {way.kind}" for way in found.ways for what in ("mask", "output", "mean")]
    rows = []
    for at in np.ndindex(found.x.shape):
        cells = [full(part[at].item()) for way in found.ways for part in (way.mask, way.output, way.mean)]
        rows.append([*at, full(found.x[at].item()), *cells])
    return _table([*axes, "input", *heads], rows)


def touch_table(found: Geometry) -> Table:
    rows = [[t.ball.name, *map(full, (*t.w, t.loss, t.strength, *t.gradient))] for t in found.touches]
    return _table(["ball", "w1", "w2", "loss", "strength", "slope w1", "slope w2"], rows)


def fit_table(found: RidgeLasso) -> Table:
    rows = [
        [fit.key, fit.loss, fit.penalty, name, full(line.intercept), *map(full, line.coefficients)]
        for fit in found.fits
        for name, line in (("all", fit.all), ("without outlier", fit.clean), ("twice as far", fit.further))
    ]
    names = [f"x{j + 1}" for j in range(found.data.features)]
    return _table(["fit", "loss", "penalty", "points", "intercept", *names], rows)


def descent_table(found: Contours) -> Table:
    rows: list[list[Cell]] = []
    for run in found.descents:
        s = run.surface
        numbers = (*s.eigenvalues, s.condition, s.stable, s.best, run.lr, run.factor)
        rows.append([label(found, run), *map(full, numbers), run.steps])
    names = [
        "features",
        "smallest",
        "largest",
        "condition",
        "stable below",
        "best rate",
        "rate",
        "factor",
        "steps",
    ]
    return _table(names, rows)
