"""The statistics of a set as formulas: which a method needs, in the order in which they are worked out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from convviz.analysis.norms.normalize import Normalized


class Column(NamedTuple):
    """A statistic: its formula, in which ``cells`` are the set's inputs and other keys the set's other statistics."""

    key: str
    head: str
    formula: str
    values: Sequence[float]


def running_columns(result: Normalized) -> list[Column]:
    """What evaluation takes."""
    return [
        Column("mean", "running mean", "{running_mean}", result.shift),
        Column("var", "running variance", "{running_var}", result.var or ()),
        Column("root", "SQRT(var + eps)", "SQRT({var}+{eps})", result.scale),
    ]


def columns_of(result: Normalized) -> list[Column]:
    """The statistics that a method needs, in the order in which they are worked out."""
    sums = sums_of(result)
    var = result.var or ()
    count = Column("count", "values (COUNT)", "COUNT({cells})", sums["count"])
    low = Column("low", "smallest (MIN)", "MIN({cells})", sums["low"])
    high = Column("high", "largest (MAX)", "MAX({cells})", sums["high"])
    if result.method == "pixel":
        return [count, low, high]
    if result.method == "minmax":
        return [count, low, high, Column("root", "max - min + eps", "{high}-{low}+{eps}", result.scale)]
    if result.mean is None:
        return [
            count,
            Column("squares", "sum of squares (SUMSQ)", "SUMSQ({cells})", sums["squares"]),
            Column("var", "mean square", "{squares}/{count}", var),
            Column("root", "SQRT(mean square + eps)", "SQRT({var}+{eps})", result.scale),
        ]
    found = [
        count,
        Column("sum", "sum (SUM)", "SUM({cells})", sums["sum"]),
        Column("mean", "mean (AVERAGE)", "AVERAGE({cells})", result.shift),
    ]
    if result.method == "center":
        return found
    found += [
        Column("squares", "squared deviations (DEVSQ)", "DEVSQ({cells})", sums["squares"]),
        Column("var", "variance (VAR.P)", "_xlfn.VAR.P({cells})", var),
    ]
    if running_kept(result):
        unbiased = [result.unbiased(k) or 0.0 for k in range(len(var))]
        found.append(Column("unbiased", "unbiased (VAR.S), for running", "_xlfn.VAR.S({cells})", unbiased))
    return [*found, Column("root", "SQRT(var + eps)", "SQRT({var}+{eps})", result.scale)]


def sums_of(result: Normalized) -> dict[str, list[float]]:
    """What the table has beside the statistics of the result, by label."""
    labels, x = result.labels.ravel(), result.x.ravel()
    sets = len(result.shift)
    shift = np.array(result.shift)[labels] if result.mean is not None else 0.0
    low, high = np.full(sets, np.inf), np.full(sets, -np.inf)
    np.minimum.at(low, labels, x)
    np.maximum.at(high, labels, x)
    return {
        "count": np.bincount(labels).tolist(),
        "sum": np.bincount(labels, x).tolist(),
        "squares": np.bincount(labels, (x - shift) ** 2).tolist(),
        "low": low.tolist(),
        "high": high.tolist(),
    }


def running_kept(result: Normalized) -> bool:
    return result.running_mean is not None
