"""How a sweep is shown while it goes on: live bars where somebody watches, a line a run in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convviz.runs.experiment import Experiment, Job
    from convviz.runs.run import Run
    from convviz.train.sweep import Progress, Watch


class Lines:
    """A line on stderr for each run that ends, and when the sweep waits for another process."""

    def __init__(self, name: str) -> None:
        self.name, self.waiting = name, False

    def look(self, progress: Progress) -> None:
        waits = bool(progress.waiting) and not progress.running
        if waits and not self.waiting:
            self.print(next(iter(progress.waiting.values())), progress)
        self.waiting = waits

    def ended(self, job: Job, run: Run | None, message: str, progress: Progress) -> None:
        if run is None:
            self.print(f"{told(job)} failed: {message}", progress)
            return
        left = "" if progress.left is None else f"; {span(progress.left)} left"
        self.print(f"{told(job)} {run.test_accuracy:.2f} % in {run.summary['seconds']:.0f} s{left}", progress)

    def print(self, text: str, progress: Progress) -> None:
        done = f"{progress.finished + progress.failed}/{progress.total}"
        print(f"{self.name} {done}  {text}", file=sys.stderr, flush=True)


class Bars:
    """A live bar over all runs, and one for each run under way."""

    def __init__(self, bars: Any, name: str, console: Any) -> None:
        self.bars, self.lines, self.console = bars, Lines(name), console
        self.lines.print = self._print  # type: ignore[method-assign]
        self.all = bars.add_task(name, total=1, told="")
        self.tasks: dict[Job, Any] = {}

    def look(self, progress: Progress) -> None:
        shares = {job: float(news.get("share", 0.0)) for job, news in progress.running.items()}
        left = "" if progress.left is None else f", {span(progress.left)} left"
        waiting = f", {len(progress.waiting)} with another process" if progress.waiting else ""
        failed = f", {progress.failed} failed" if progress.failed else ""
        self.bars.update(
            self.all,
            total=progress.total,
            completed=progress.finished + progress.failed + sum(shares.values()),
            told=f"{progress.finished:,} of {progress.total:,} runs{failed}{waiting}{left}",
        )
        for job in [job for job in self.tasks if job not in shares]:
            self.bars.remove_task(self.tasks.pop(job))
        for job, news in progress.running.items():
            if job not in self.tasks:
                self.tasks[job] = self.bars.add_task(f"  {told(job)}", total=1.0, told="")
            speed = f"  {news['speed']:,} images/s" if "speed" in news else ""
            epoch = f"epoch {news['epoch']}/{news['epochs']}{speed}" if "epoch" in news else "starting"
            self.bars.update(self.tasks[job], completed=shares[job], told=epoch)
        self.lines.look(progress)

    def ended(self, job: Job, run: Run | None, message: str, progress: Progress) -> None:
        self.lines.ended(job, run, message, progress)

    def _print(self, text: str, progress: Progress) -> None:
        self.console.print(text, markup=False, highlight=False)


def told(job: Job) -> str:
    return f"{job.arm}, seed {job.recipe.seed}"


def span(seconds: float) -> str:
    """
    >>> span(50), span(170), span(9000), span(200_000)
    ('50 s', '3 min', '2 h 30 min', '2 d 7 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


@contextmanager
def watching(experiment: Experiment) -> Iterator[Watch]:
    """Yields who shows the sweep."""
    if not sys.stderr.isatty():
        yield Lines(experiment.name)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, refresh_per_second=4) as bars:
        yield Bars(bars, experiment.name, console)
