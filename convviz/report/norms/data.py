"""Normalized batches as plain data, and cell by cell as a table.

The form of the JSON is fixed; more keys may stand beside.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convviz.analysis.norms.normalize import Normalized, Norms
from convviz.analysis.norms.running import Update
from convviz.analysis.norms.scaling import Scaling
from convviz.analysis.norms.set_names import axis_names, names_of
from convviz.report.model import Cell, Column, Table


def norms_data(found: Norms, told: str = "") -> list[dict[str, Any]]:
    """One object for each method."""
    return [norm_data(result, told) for result in found]


def norm_data(result: Normalized, told: str = "") -> dict[str, Any]:
    """``method shape labels mean var output running_mean running_var``, then what else is known, unrounded.

    mean and var are listed by label; without centring mean is None and var the mean square; in evaluation they are the
    running ones, which are by channel.
    """
    out: dict[str, Any] = {
        "method": result.method,
        "shape": list(result.shape),
        "labels": result.labels.tolist(),
        "mean": _listed(result.mean),
        "var": _listed(result.var),
        "output": result.output.tolist(),
        "running_mean": None if result.running_mean is None else result.running_mean.tolist(),
        "running_var": None if result.running_var is None else result.running_var.tolist(),
        "mode": result.mode,
        "eps": result.eps,
        "settings": settings(result),
        "x": result.x.tolist(),
        "normalized": result.normalized.tolist(),
        "sets": [
            {"label": k, "name": name, "cells": cells, "sum": total, "shift": shift, "scale": scale}
            for k, (name, cells, total, shift, scale) in enumerate(
                zip(names_of(result), result.cells, result.sums, result.shift, result.scale, strict=True)
            )
        ],
        "low": _listed(result.low),
        "high": _listed(result.high),
        "gamma": _weight(result, "weight"),
        "beta": _weight(result, "bias"),
        "params": result.params,
        "buffers": result.buffers,
        "updates": [update_data(update) for update in result.updates],
        "notes": list(result.notes),
    }
    return out | ({"numbers": told} if told else {})


def settings(result: Normalized) -> dict[str, Any]:
    """What was chosen: the fields of the op, or over what pixels are scaled."""
    if isinstance(result.rule, Scaling):
        return {"over": result.rule.over, "eps": result.rule.eps}
    return result.rule.fields()


def update_data(update: Update) -> dict[str, Any]:
    """One update of the running statistics, lists by channel."""
    lists = ("mean", "var", "unbiased", "running_mean", "running_var")
    numbers = {"step": update.step, "split": update.split, "cells": update.cells, "momentum": update.momentum}
    return numbers | {name: getattr(update, name).tolist() for name in lists}


def _listed(values: tuple[float, ...] | None) -> list[float] | None:
    return None if values is None else list(values)


def _weight(result: Normalized, name: str) -> Any:
    return result.weights[name].tolist() if name in result.weights else None


def cells_table(found: Normalized | Norms) -> Table:
    """One row a cell: where it is, x, its set and that set's statistics, what comes out; numbers unrounded."""
    several = isinstance(found, Norms)
    results = tuple(found) if isinstance(found, Norms) else (found,)
    places = axis_names(results[0].x.ndim)
    keys = [*places, "x", "label", "mean", "var", "normalized", "output"]
    columns = [Column(key) for key in [*["method"] * several, *keys]]
    rows: list[tuple[Cell, ...]] = []
    for result in results:
        sets = len(result.shift)
        means, variances = (
            [None] * sets if part is None else [_exact(v) for v in part] for part in (result.mean, result.var)
        )
        labels = result.labels.ravel().tolist()
        numbers = (part.ravel().tolist() for part in (result.x, result.normalized, result.output))
        for cell, k, x, normalized, output in zip(np.ndindex(result.shape), labels, *numbers, strict=True):
            values = (_exact(x), k, means[k], variances[k], _exact(normalized), _exact(output))
            rows.append((*[result.method] * several, *cell, *values))
    return Table("", tuple(columns), tuple(rows))


def _exact(value: float) -> str:
    """Every digit; whole numbers without a point."""
    return repr(value).removesuffix(".0")
