"""How far the runs of an experiment are: read from their folders, while they are trained or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from convviz.errors import ConvvizError
from convviz.runs.experiment import Experiment, Job
from convviz.runs.lock import holder_of, named
from convviz.runs.run import Run, is_run, read_run

FINISHED, STOPPED, RUNNING, MISSING, OTHER = "finished", "stopped", "running", "missing", "other settings"


@dataclass(frozen=True)
class Status:
    """A run that an experiment wants, and what is there of it.

    state: ``finished``, ``running`` (by ``holder``), ``stopped`` (goes on from its last checkpoint), ``missing``, or
    ``other settings``: its folder holds a run that is not this one, or is damaged, which ``fault`` tells.
    """

    job: Job
    folder: Path
    state: str
    run: Run | None = None
    fault: str = ""
    holder: str = ""

    @property
    def epochs(self) -> int:
        """How many are done."""
        return len(self.run.history) if self.run else 0

    @property
    def done(self) -> bool:
        return self.state == FINISHED


def status(job: Job, folder: Path) -> Status:
    """What is there of a job in an experiment's folder."""
    place = folder / job.folder
    if not place.is_dir():
        if place.exists():
            return Status(job, place, OTHER, fault=f"{place}: is a file; a run needs a folder")
        return Status(job, place, MISSING)
    holder = holder_of(place)
    try:
        run = read_run(place) if is_run(place) else None
    except ConvvizError as err:
        return Status(job, place, OTHER, fault=str(err))
    told = run.recipe.changes(job.recipe) if run else ""
    if told:
        return Status(job, place, OTHER, run, f"{place}: holds a run with other settings ({told})")
    if run and run.finished:
        return Status(job, place, FINISHED, run)
    if holder is not None:
        return Status(job, place, RUNNING, run, holder=named(holder))
    return Status(job, place, STOPPED if run else MISSING, run)


def all_of(experiment: Experiment, folder: str | Path) -> tuple[Status, ...]:
    """Every job of an experiment, in the order in which they are trained."""
    return tuple(status(job, Path(folder)) for job in experiment.jobs)


def check_folder(folder: str | Path, found: Sequence[Status]) -> None:
    """Raises ConvvizError where runs that are not of this experiment, or damaged, are in the way."""
    if Path(folder).exists() and not Path(folder).is_dir():
        raise ConvvizError("is a file; the runs of an experiment need a folder", str(folder))
    wrong = [item.fault for item in found if item.state == OTHER]
    if wrong:
        more = f" (and so in {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise ConvvizError(f"{wrong[0]}{more}; name another folder with --output, or remove it")
