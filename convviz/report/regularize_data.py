"""Regularizers as plain data: what `convviz regularize WHAT --format json` prints, numbers unrounded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from convviz.analysis.regularizers.contours import Contours
from convviz.analysis.regularizers.decay import Decay
from convviz.analysis.regularizers.dropout import Dropout
from convviz.analysis.regularizers.geometry import Geometry
from convviz.analysis.regularizers.optimizers import Real
from convviz.analysis.regularizers.penalty import Penalty, Run
from convviz.analysis.regularizers.regressions import Line
from convviz.analysis.regularizers.regularize import Regularizer
from convviz.analysis.regularizers.ridge_lasso import RidgeLasso
from convviz.analysis.regularizers.weights import Weights
from convviz.plan.given import plain
from convviz.report.data import clean

CONVENTION = "l1 * sum |w| + (l2/2) * sum w**2; l2 is torch's weight_decay"


def data_of(found: Regularizer) -> dict[str, Any]:
    """``what`` and everything that was worked out; weights and batches are nested lists of their own shape."""
    if isinstance(found, Penalty):
        return penalty_data(found)
    if isinstance(found, Decay):
        return decay_data(found)
    if isinstance(found, Dropout):
        return dropout_data(found)
    if isinstance(found, Geometry):
        return geometry_data(found)
    if isinstance(found, RidgeLasso):
        return ridge_lasso_data(found)
    return contours_data(found)


def nested(values: Iterable[Real], weights: Weights) -> Any:
    """Numbers in the shape of the weights."""
    made = np.empty(len(weights.values), dtype=object)
    made[:] = [plain(value) for value in values]
    return made.reshape(weights.shape).tolist()


def run_data(run: Run, weights: Weights) -> dict[str, Any]:
    return {
        "key": run.key,
        "name": run.name,
        "optimizer": run.optimizer.name,
        "weights": [nested(found, weights) for found in run.weights],
        "exact_zeros": run.zeros,
        "oscillating": [weights.names[i] for i in run.oscillating],
    }


def common(what: str, found: Penalty | Decay) -> dict[str, Any]:
    return {
        "what": what,
        "shape": list(found.weights.shape),
        "weights": nested(found.weights.values, found.weights),
        "gradient": nested(found.gradient.values, found.weights),
        "lr": plain(found.lr),
        "steps": found.steps,
    }


def penalty_data(found: Penalty) -> dict[str, Any]:
    weights = found.weights
    return {
        **common(found.kind, found),
        "convention": CONVENTION,
        "l1": plain(found.l1),
        "l2": plain(found.l2),
        "penalty": plain(found.value),
        "l1_terms": nested(found.l1_terms, weights),
        "l2_terms": nested(found.l2_terms, weights),
        "l1_penalty": plain(found.l1_value),
        "l2_penalty": plain(found.l2_value),
        "penalty_gradient": nested(found.penalty_gradient, weights),
        "threshold": plain(found.threshold),
        "runs": [
            {**run_data(run, weights), "below_threshold": run.below(found.threshold)} for run in found.runs
        ],
        "float64": [
            {
                "weight": weights.names[d.weight],
                "step": d.step,
                "exact": plain(d.exact),
                "float64": plain(d.float),
            }
            for d in found.drifts
        ],
        "mistake": found.mistake,
    }


def decay_data(found: Decay) -> dict[str, Any]:
    runs = [
        {**run_data(run, found.weights), "pull": nested(found.pulls[run.key], found.weights)}
        for run in found.runs
    ]
    out = {**common("weight-decay", found), "weight_decay": plain(found.decay), "runs": runs}
    if found.parameters:
        out["net"] = found.net
        out["counts"] = dict(found.counts)
        out["parameters"] = [
            {"name": p.name, "shape": list(p.shape), "count": p.count, "kind": p.kind, "decayed": p.usual}
            for p in found.parameters
        ]
    return out


def dropout_data(found: Dropout) -> dict[str, Any]:
    return {
        "what": found.kind,
        "shape": list(found.x.shape),
        "p": plain(found.p),
        "scale": None if found.scale is None else plain(found.scale),
        "seed": found.seed,
        "draws": found.draws,
        "input": found.x.tolist(),
        "expected": [plain(found.expected(float(x))) for x in found.x.flat],
        "eval": found.x.tolist(),
        "ways": [
            {
                "kind": way.kind,
                "mask": way.mask.tolist(),
                "output": way.output.tolist(),
                "mean": way.mean.tolist(),
                "dropped": way.dropped,
                "channel_mean_variance": plain(way.channel_variance),
            }
            for way in found.ways
        ],
    }


def geometry_data(found: Geometry) -> dict[str, Any]:
    return {
        "what": "geometry",
        "centre": list(found.loss.centre),
        "hessian": clean(found.loss.hessian),
        "budget": found.budget,
        "mix": found.mix,
        "touches": [
            {
                "ball": t.ball.name,
                "w": list(t.w),
                "zeros": t.zeros,
                "binds": t.binds,
                "loss": t.loss,
                "strength": t.strength,
                "gradient": list(t.gradient),
            }
            for t in found.touches
        ],
    }


def line_data(line: Line) -> dict[str, Any]:
    return {"intercept": plain(line.intercept), "coefficients": vector(line.coefficients)}


def vector(values: Sequence[Real]) -> list[Any]:
    return [plain(value) for value in values]


def ridge_lasso_data(found: RidgeLasso) -> dict[str, Any]:
    return {
        "what": "ridge-lasso",
        "x": [vector(row) for row in found.data.x],
        "y": vector(found.data.y),
        "outlier": found.outlier,
        "l1": plain(found.l1),
        "l2": plain(found.l2),
        "delta": plain(found.delta),
        "fits": [
            {
                "fit": fit.key,
                "loss": fit.loss,
                "penalty": fit.penalty,
                "all": line_data(fit.all),
                "without_outlier": line_data(fit.clean),
                "twice_as_far": line_data(fit.further),
                "follows": plain(fit.follows),
            }
            for fit in found.fits
        ],
        "paths": {
            "strength": vector(found.strengths),
            "ridge": [vector(w) for w in found.ridge],
            "lasso": [vector(w) for w in found.lasso],
            "all_zero": plain(found.all_zero),
        },
    }


def contours_data(found: Contours) -> dict[str, Any]:
    runs = {"standardized": found.equal, "given": found.given, "far": found.far, "beyond": found.beyond}
    return {
        "what": "contours",
        "start": list(found.start),
        "tolerance": found.tolerance,
        "descents": {
            name: {
                "scales": list(run.surface.scales),
                "correlation": run.surface.correlation,
                "hessian": clean(run.surface.hessian),
                "eigenvalues": list(run.surface.eigenvalues),
                "condition": run.surface.condition,
                "stable_below": run.surface.stable,
                "best_rate": run.surface.best,
                "rate": run.lr,
                "factor": run.factor,
                "steps": run.steps,
                "path": clean(run.path),
            }
            for name, run in runs.items()
        },
    }
