"""All runs of an experiment, several at a time, continued where they were stopped."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from convviz.errors import ConvvizError
from convviz.read.document import read_text
from convviz.runs.experiment import Experiment, Job
from convviz.runs.lock import told_in
from convviz.runs.run import Run, read_run
from convviz.runs.status import Status, all_of, check_folder
from convviz.train.backends import Backend, Lost, local
from convviz.train.task import BUSY, DONE, STOPPED, Task, adopt

LOOK = 0.25  # seconds between two looks at the processes
AGAIN = 2.0  # seconds after which a run that another process had is asked for again
LIVES = 3  # deaths of its process that a run may have a part in, the last of them alone


@dataclass(frozen=True)
class Failure:
    """A run that could not be trained to its end."""

    job: Job
    message: str


@dataclass(frozen=True)
class Swept:
    """What a sweep came to: ``runs`` are the finished ones, in the experiment's order."""

    experiment: Experiment
    folder: Path
    runs: tuple[Run, ...]
    failures: tuple[Failure, ...] = ()
    stopped: bool = False

    @property
    def complete(self) -> bool:
        return len(self.runs) == len(self.experiment.jobs)


@dataclass
class Progress:
    """Where a sweep is, for those who watch it. shares: of the runs under way, by job, and their news."""

    total: int
    finished: int
    failed: int = 0
    running: dict[Job, dict[str, Any]] = field(default_factory=dict)
    waiting: dict[Job, str] = field(default_factory=dict)  # for another process, which the text names
    left: float | None = None  # seconds, as far as they can be told


class Watch(Protocol):
    """Who wants to see how a sweep goes on."""

    def look(self, progress: Progress) -> None:
        """Called several times a second."""

    def ended(self, job: Job, run: Run | None, message: str, progress: Progress) -> None:
        """A run is finished, or has failed as ``message`` tells."""


def sweep(
    experiment: Experiment,
    folder: str | Path,
    *,
    jobs: int | None = None,
    data_dir: str | Path | None = None,
    device: str = "cpu",
    backend: Backend | None = None,
    watch: Watch | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Swept:
    """Train every run of ``experiment`` that ``folder`` lacks, each in a process with one thread; return all of them.

    jobs: processes at a time, by default one a core; backend: where they are, by default this computer. A run that
    was stopped goes on from its checkpoint. A run that fails does not stop the others: it is one of the ``failures``.
    A run that another process is training already is left to it, and waited for. ``stop`` is asked a few times a
    second; where it says yes, runs under way are saved and left.

    Raises ConvvizError where the folder holds runs of other settings, or a data set cannot be had.
    """
    folder = Path(folder).absolute()
    found = all_of(experiment, folder)
    check_folder(folder, found)
    left = [item.job for item in found if not item.done]
    failures: list[Failure] = []
    stopped = False
    if left:
        if backend is None:
            fetch({job.recipe.dataset for job in left}, data_dir)
            backend = local(jobs, len(left))
        under_way = _Sweep(folder, found, backend, watch or _Nobody(), data_dir, device)
        try:
            stopped = under_way.run(stop)
        finally:
            backend.close()
        failures = under_way.failures
    runs = tuple(item.run for item in all_of(experiment, folder) if item.done and item.run is not None)
    return Swept(experiment, folder, runs, tuple(failures), stopped)


def fetch(names: set[str], data_dir: str | Path | None) -> None:
    """Have the data sets in place before several processes want them; raises ConvvizError where that fails."""
    from convviz.train import data

    for name in sorted(names):
        if not data.has(name, data_dir):
            data.load(name, data_dir)


class _Nobody:
    def look(self, progress: Progress) -> None:
        pass

    def ended(self, job: Job, run: Run | None, message: str, progress: Progress) -> None:
        pass


class _Sweep:
    """The runs that are left: which of them is where."""

    def __init__(
        self,
        folder: Path,
        found: tuple[Status, ...],
        backend: Backend,
        watch: Watch,
        data_dir: str | Path | None,
        device: str,
    ) -> None:
        self.folder, self.backend, self.watch, self.device = folder, backend, watch, device
        self.data_dir = str(Path(data_dir).absolute()) if data_dir else None
        self.queue = deque(item.job for item in found if not item.done)
        self.suspects: deque[Job] = deque()  # their process died twice: from now on they run alone
        self.later: dict[Job, float] = {}  # other processes have them; when to ask again
        self.handles: dict[Any, Job] = {}
        self.tasks: dict[Job, Task] = {}
        self.deaths: Counter[Job] = Counter()
        self.failures: list[Failure] = []
        self.asked = False
        self.times = Times([item.run for item in found if item.done and item.run])
        self.progress = Progress(len(found), len(found) - len(self.queue))

    def run(self, stop: Callable[[], bool]) -> bool:
        """Until nothing is left, or somebody asks to stop: then True."""
        with going(self.folder) as flag:
            while self.handles or (not self.asked and (self.queue or self.suspects or self.later)):
                if not self.asked and stop():
                    self.asked = True
                    flag.unlink(missing_ok=True)
                    self.backend.stop(self.handles)
                if not self.asked:
                    self._start(str(flag))
                if self.handles:
                    for handle in self.backend.wait(self.handles, LOOK):
                        self._take(handle, self.handles.pop(handle))
                else:
                    time.sleep(LOOK)
                self._look()
        return self.asked

    def _start(self, flag: str) -> None:
        now = time.monotonic()
        for job in [job for job, when in self.later.items() if when <= now]:
            del self.later[job]
            self.queue.append(job)
        while self.queue and len(self.handles) < self.backend.slots:
            self._begin(self.queue.popleft(), flag)
        if self.suspects and not self.handles and not self.queue:
            self._begin(self.suspects.popleft(), flag)

    def _begin(self, job: Job, flag: str) -> None:
        net = Path(job.recipe.net)
        sent = self.backend.away and net.suffix.lower() in (".yaml", ".yml") and net.is_file()
        task = Task(
            job.recipe,
            str(self.folder / job.folder),
            job.arm,
            job.experiment,
            data_dir=self.data_dir,
            device=self.device,
            going=flag,
            parent=0 if self.backend.away else os.getpid(),
            home=str(Path.cwd()) if self.backend.away else "",
            net_text=read_text(net) if sent else None,
        )
        handle = self.backend.start(task)
        self.handles[handle], self.tasks[job] = job, task

    def _take(self, handle: Any, job: Job) -> None:
        """What became of a task that is done."""
        try:
            outcome = self.backend.outcome(handle)
        except Lost as err:
            self.deaths[job] += 1
            if self.deaths[job] >= LIVES:
                self._failed(job, f"{err} ({LIVES} times)")
            elif self.deaths[job] == LIVES - 1:
                self.suspects.append(job)
            else:
                self.queue.appendleft(job)
            return
        if outcome.state == DONE:
            try:
                if outcome.files:
                    adopt(self.tasks[job], outcome.files)
                run = read_run(self.folder / job.folder)
            except ConvvizError as err:
                self._failed(job, str(err))
                return
            self.progress.finished += 1
            self.progress.waiting.pop(job, None)
            self.times.add(run)
            self._look()
            self.watch.ended(job, run, "", self.progress)
        elif outcome.state == BUSY:
            self.progress.waiting[job] = outcome.message
            self.later[job] = time.monotonic() + AGAIN
        elif outcome.state != STOPPED:
            self._failed(job, outcome.message)
        elif not self.asked:
            self._failed(job, "was stopped from outside; the same command goes on with it")

    def _failed(self, job: Job, message: str) -> None:
        self.failures.append(Failure(job, message))
        self.progress.failed += 1
        self.progress.waiting.pop(job, None)
        self.watch.ended(job, None, message, self.progress)

    def _look(self) -> None:
        progress = self.progress
        progress.running = {job: told_in(self.folder / job.folder) for job in self.handles.values()}
        shares = {job: float(told.get("share", 0.0)) for job, told in progress.running.items()}
        for job, share in shares.items():
            self.times.look(job, share)
        ahead = [*self.queue, *self.suspects, *self.later]
        progress.left = self.times.left({**dict.fromkeys(ahead, 0.0), **shares}, self.backend.slots)
        self.watch.look(progress)


class Times:
    """How long runs take: those of an arm as its finished ones did, or as fast as what is under way."""

    def __init__(self, runs: list[Run]) -> None:
        self.by_arm: dict[str, list[float]] = {}
        self.seen: dict[Job, tuple[float, float]] = {}
        self.rates: dict[Job, float] = {}  # share of a run in a second
        for run in runs:
            self.add(run)

    def add(self, run: Run) -> None:
        self.by_arm.setdefault(run.arm, []).append(float(run.summary.get("seconds", 0.0)))

    def look(self, job: Job, share: float) -> None:
        """A run under way has got so far."""
        now = time.monotonic()
        then, was = self.seen.setdefault(job, (now, share))
        if share > was:
            self.rates[job] = (share - was) / (now - then)

    def left(self, shares: dict[Job, float], slots: int) -> float | None:
        """Seconds until runs that have got so far are all finished; None while there is nothing to tell it by."""
        means = {arm: sum(seconds) / len(seconds) for arm, seconds in self.by_arm.items()}
        for job, rate in self.rates.items():
            means.setdefault(job.arm, 1 / rate)
        if not means:
            return None
        usual = sum(means.values()) / len(means)
        needed = [means.get(job.arm, usual) * (1 - share) for job, share in shares.items()]
        return max(sum(needed) / slots, *needed) if needed else 0.0


@contextlib.contextmanager
def going(folder: Path) -> Iterator[Path]:
    """A file in ``folder`` that is there as long as a sweep wants its runs; processes that see it stop without it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".sweep-", dir=folder)
        os.close(handle)
    except OSError as err:
        raise ConvvizError(f"cannot be written: {err.strerror or err}", str(folder)) from None
    path = Path(name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
