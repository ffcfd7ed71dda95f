"""Where the runs of an experiment go, so that nothing that was trained before is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from convviz.errors import ConvvizError
from convviz.runs.experiment import Experiment, Job, slug
from convviz.runs.run import is_run, read_run

ROOT = Path("outputs", "runs")


@dataclass(frozen=True)
class Place:
    """A run and its folder."""

    job: Job
    folder: Path


def places(found: Experiment, output: str | Path | None = None, fresh: bool = False) -> tuple[Place, ...]:
    """A folder for each run of ``found``.

    ``output`` is the run directory itself where there is one run, else the folder that holds them all. Without it they
    go to ``outputs/runs/<name>``, or to ``<name>-2`` and so on where that holds runs of other settings. Raises
    ConvvizError where ``output`` does.
    """
    jobs = found.jobs
    if output is not None:
        root = Path(output)
        chosen = (Place(jobs[0], root),) if len(jobs) == 1 else _within(jobs, root)
        if not fresh:
            for place in chosen:
                clash = _clash(place)
                if clash:
                    raise ConvvizError(
                        f"holds a run with other settings ({clash}); name another --output, or --fresh to lose it",
                        str(place.folder),
                    )
        return chosen
    for number in count(1):
        root = ROOT / (slug(found.name) if number == 1 else f"{slug(found.name)}-{number}")
        chosen = _within(jobs, root)
        if fresh or not any(map(_clash, chosen)):
            return chosen
    raise AssertionError("counting has no end")


def _within(jobs: Sequence[Job], root: Path) -> tuple[Place, ...]:
    return tuple(Place(job, root / job.folder) for job in jobs)


def _clash(place: Place) -> str:
    """How the run that is in the folder differs, in words; empty where there is none or it does not."""
    if not is_run(place.folder):
        return ""
    return read_run(place.folder).recipe.changes(place.job.recipe)
