"""The experiment with random generators -> one table, and plain data."""

from __future__ import annotations

from typing import Any

from convviz.analysis.artifacts import Experiment
from convviz.report.checkerboard import decimal
from convviz.report.data import dumps
from convviz.report.formats import render as write
from convviz.report.model import Column, Table


def render_experiment(result: Experiment, format: str = "text", *, standalone: bool = False) -> str:
    """One row a kind of generator, in one of the formats."""
    if format == "json":
        return dumps(experiment_data(result))
    return write(experiment_table(result), format, standalone=standalone)


def experiment_table(result: Experiment) -> Table:
    """Mean and standard deviation over the seeds of what the phases explain, and the median peak."""
    columns = (
        Column("generator", left=True),
        Column("what", left=True),
        Column("fraction"),
        Column("sd"),
        Column("peak"),
        Column("n"),
    )
    rows = tuple(
        (
            k.name,
            k.words,
            f"{k.mean:.3f}",
            "" if k.sd is None else f"{k.sd:.3f}",
            f"{_median(k.peak):.1f}",
            result.seeds,
        )
        for k in result.kinds
    )
    best, worst = (f(result.kinds, key=lambda k: k.mean) for f in (min, max))
    notes = (
        f"fraction: variance of the {result.period}x{result.period} phase means over the variance of the image, "
        f"mean over {result.seeds} seed{'s' * (result.seeds > 1)}; sd: standard deviation over the seeds.",
        f"peak: the strongest power at a multiple of 1/{result.period} cycles a pixel over the mean elsewhere, median.",
        f"Least: {best.name}, {decimal(best.mean)}; most: {worst.name}, {decimal(worst.mean)}.",
        f"Set-up: {result.setup}. Images of {result.size}x{result.size}, measured {result.margin} pixels inside.",
    )
    return Table("checkerboards of untrained generators", columns, rows, notes)


def _median(values: Any) -> float:
    ordered = sorted(float(v) for v in values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def experiment_data(result: Experiment) -> dict[str, Any]:
    return {
        "seeds": result.seeds,
        "size": result.size,
        "period": result.period,
        "margin": result.margin,
        "setup": result.setup,
        "generators": [
            {
                "name": kind.name,
                "what": kind.words,
                "n": result.seeds,
                "mean": kind.mean,
                "sd": kind.sd,
                "fraction": kind.fraction.tolist(),
                "peak": _median(kind.peak),
                "peaks": kind.peak.tolist(),
            }
            for kind in result.kinds
        ],
    }
