"""What finished runs came to: a table, and the summary as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convviz.analysis.statistics.intervals import wilson
from convviz.report.model import Column, Table
from convviz.runs.run import Run

KEYS = ("net", "dataset", "parameters", "epochs", "seed", "test_accuracy", "seconds", "device", "output")
LAST = 5  # epochs whose spread is told beside the last


def run_data(run: Run) -> dict[str, Any]:
    """A run's summary, with what every summary has (``KEYS``) first."""
    rest = {key: value for key, value in run.summary.items() if key not in KEYS}
    return {**{key: run.summary[key] for key in KEYS}, "arm": run.arm, **last_epochs(run), **rest}


def runs_data(runs: Sequence[Run]) -> dict[str, Any] | list[dict[str, Any]]:
    """One summary, or a list of them where there are several runs."""
    return run_data(runs[0]) if len(runs) == 1 else [run_data(run) for run in runs]


def last_epochs(run: Run) -> dict[str, Any]:
    """The test accuracies of the last five epochs and their minimum: what the last one could as well have been."""
    last = run.column("test_accuracy")[-LAST:]
    return {"last_epochs": list(last), "last_epochs_min": min(last)} if last else {}


def runs_table(runs: Sequence[Run]) -> Table:
    """A row for each run; accuracies in per cent, of the last epoch."""
    columns = (
        Column("arm", left=True, shrink="middle"),
        Column("seed"),
        Column("params", count=True, drop=3),
        Column("epochs"),
        Column("test %"),
        Column("95 % interval"),
        Column("last five, min"),
        Column("train %", drop=2),
        Column("seconds", drop=4),
        Column("run directory", left=True, shrink="middle", drop=1),
    )
    rows = []
    for run in runs:
        found = run.summary
        accuracy = float(found["test_accuracy"])
        inside = wilson(accuracy, int(found["test_images"]), 0.95)
        rows.append(
            (
                run.arm,
                run.seed,
                int(found["parameters"]),
                int(found["epochs"]),
                f"{accuracy:.2f}",
                f"{inside.low:.2f} to {inside.high:.2f}",
                f"{last_epochs(run)['last_epochs_min']:.2f}",
                f"{float(found['train_accuracy_alike']):.2f}",
                f"{float(found['seconds']):.0f}",
                str(run.folder),
            )
        )
    data_sets = ", ".join(dict.fromkeys(run.data_set for run in runs))
    tested = ", ".join(dict.fromkeys(f"{int(run.summary['test_images']):,}" for run in runs))
    notes = [
        f"{data_sets}, {tested} test images, last epoch; train: evaluated like the test images, without "
        "augmentation and dropout. Intervals are Wilson's, over the test images."
    ]
    if len(runs) == 1:
        notes.append(
            "A single run: other seeds give other figures. `convviz train NET --seeds 10` shows how far apart."
        )
    else:
        notes.append(
            "`convviz compare` with the run directories says which differences are more than chance."
        )
    return Table("Trained", columns, tuple(rows), tuple(notes))
