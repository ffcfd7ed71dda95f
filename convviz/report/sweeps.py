"""A sweep's plan, run by run, and its results, arm by arm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from convviz.analysis.statistics.intervals import mean_sd
from convviz.report.model import Column, Table
from convviz.runs.experiment import Experiment
from convviz.runs.run import Run
from convviz.runs.status import MISSING, RUNNING, STOPPED, Status


# -- what there is to train -----------------------------------------------------------------------------------
def experiments_table(found: Sequence[Experiment]) -> Table:
    """A row for each experiment and recipe, those with several arms first."""
    columns = (
        Column("name", left=True),
        Column("arms"),
        Column("seeds"),
        Column("epochs"),
        Column("data set", left=True, drop=1),
        Column("asks", left=True, shrink="end"),
    )
    rows = [
        (
            item.name,
            len(item.arms),
            len(item.seeds),
            _span(job.recipe.epochs for job in item.jobs),
            ", ".join(dict.fromkeys(job.recipe.dataset for job in item.jobs)),
            item.question or item.about,
        )
        for item in _several_first(found)
    ]
    notes = (
        "convviz sweep NAME  trains every arm with every seed; convviz train NAME  every arm with one.",
        "convviz sweep NAME --dry-run  shows the runs and what is done of them.",
    )
    return Table("Experiments and recipes", columns, tuple(rows), notes)


def experiments_data(found: Sequence[Experiment]) -> list[dict[str, Any]]:
    """``name, about, question, note, arms, seeds, runs, datasets`` of each."""
    return [
        {
            "name": item.name,
            "about": item.about,
            "question": item.question,
            "note": item.note,
            "arms": list(item.arms),
            "seeds": list(item.seeds),
            "runs": len(item.jobs),
            "epochs": sorted({job.recipe.epochs for job in item.jobs}),
            "datasets": list(dict.fromkeys(job.recipe.dataset for job in item.jobs)),
        }
        for item in _several_first(found)
    ]


def _several_first(found: Sequence[Experiment]) -> list[Experiment]:
    return sorted(found, key=lambda item: len(item.arms) == 1)


def _span(values: Iterable[int]) -> str:
    """
    >>> _span([5, 40, 10]), _span([3, 3])
    ('5 to 40', '3')
    """
    some = sorted(set(values))
    return str(some[0]) if len(some) == 1 else f"{some[0]} to {some[-1]}"


# -- what is done and what is missing -----------------------------------------------------------------------
def plan_table(experiment: Experiment, found: Sequence[Status], folder: str) -> Table:
    """A row for each run of an experiment: what there is of it."""
    columns = (
        Column("arm", left=True, shrink="middle"),
        Column("seed"),
        Column("state", left=True, shrink="end"),
        Column("epochs"),
        Column("test %"),
        Column("seconds", drop=1),
    )
    rows = []
    for item in found:
        run, epochs = item.run, item.job.recipe.epochs
        done = run if item.done else None
        rows.append(
            (
                item.job.arm,
                item.job.recipe.seed,
                f"{item.state} ({item.holder})" if item.holder else item.state,
                str(epochs) if item.done else f"{item.epochs} of {epochs}",
                None if done is None else f"{done.test_accuracy:.2f}",
                None if done is None else f"{done.summary['seconds']:.0f}",
            )
        )
    notes = [count_line(found, folder), *filter(None, (experiment.question, experiment.note))]
    quiet = frozenset(i for i, item in enumerate(found) if item.state == MISSING)
    return Table(f"{experiment.name}, run by run", columns, tuple(rows), tuple(notes), quiet)


def count_line(found: Sequence[Status], folder: str) -> str:
    """How many of the runs are there."""
    counts = {state: sum(item.state == state for item in found) for state in (RUNNING, STOPPED, MISSING)}
    others = [f"{count:,} {state}" for state, count in counts.items() if count]
    done = f"{sum(item.done for item in found):,} of {len(found):,} runs are finished in {folder}"
    return f"{'; '.join([done, ', '.join(others)] if others else [done])}."


def plan_data(experiment: Experiment, found: Sequence[Status], folder: str) -> dict[str, Any]:
    runs = [
        {
            "arm": item.job.arm,
            "seed": item.job.recipe.seed,
            "state": item.state,
            "epochs": item.job.recipe.epochs,
            "epochs_done": item.epochs,
            "test_accuracy": item.run.test_accuracy if item.run else None,
            "folder": str(item.folder),
        }
        for item in found
    ]
    return {"experiment": experiment.name, "output": folder, "runs": runs}


# -- what came out ------------------------------------------------------------------------------------------
def arms_table(experiment: Experiment, runs: Sequence[Run], folder: str) -> Table:
    """A row for each arm: n, mean and standard deviation of the last epoch's test accuracy."""
    columns = (
        Column("arm", left=True, shrink="middle"),
        Column("n"),
        Column("mean %"),
        Column("sd"),
        Column("lowest", drop=2),
        Column("highest", drop=2),
        Column("epochs"),
        Column("params", count=True, drop=1),
        Column("seconds", drop=3),
    )
    rows = []
    for arm, some in by_arm(experiment, runs).items():
        if not some:
            rows.append((arm, 0, *[None] * (len(columns) - 2)))
            continue
        found = [float(run.summary["test_accuracy"]) for run in some]
        mean, sd = mean_sd(found)
        rows.append(
            (
                arm,
                len(some),
                f"{mean:.3f}",
                None if sd is None else f"{sd:.3f}",
                f"{min(found):.2f}",
                f"{max(found):.2f}",
                some[0].recipe.epochs,
                int(some[0].summary["parameters"]),
                f"{mean_sd([float(run.summary['seconds']) for run in some])[0]:.0f}",
            )
        )
    data_sets = " and ".join(dict.fromkeys(run.data_set for run in runs)) or "no run is finished"
    notes = [f"{data_sets}: test accuracy after the last epoch, in per cent; sd over seeds, seconds a run."]
    notes += [text for text in (experiment.question, experiment.note) if text]
    notes.append(f"convviz compare {folder}  says which differences are more than chance.")
    return Table(experiment.name, columns, tuple(rows), tuple(notes))


def arms_data(experiment: Experiment, runs: Sequence[Run], folder: str) -> dict[str, Any]:
    """By arm: ``n, mean, sd, epochs, parameters, seconds, seeds`` (test accuracy by seed); floats unrounded."""
    arms = []
    for arm, some in by_arm(experiment, runs).items():
        found = {str(run.seed): run.summary["test_accuracy"] for run in some}
        mean, sd = mean_sd(list(found.values())) if found else (None, None)
        arms.append(
            {
                "arm": arm,
                "n": len(some),
                "mean": mean,
                "sd": sd,
                "epochs": some[0].recipe.epochs if some else None,
                "parameters": some[0].summary["parameters"] if some else None,
                "seconds": mean_sd([run.summary["seconds"] for run in some])[0] if some else None,
                "seeds": found,
            }
        )
    data_sets = list(dict.fromkeys(run.data_set for run in runs))
    return {
        "experiment": experiment.name,
        "question": experiment.question,
        "note": experiment.note,
        "datasets": data_sets,
        "output": folder,
        "arms": arms,
    }


def by_arm(experiment: Experiment, runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The runs of each arm, in the experiment's order."""
    return {arm: [run for run in runs if run.arm == arm] for arm in experiment.arms}
