"""One run of a sweep, as a process on this computer or another does it."""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from convviz.errors import ConvvizError
from convviz.runs import run as files
from convviz.runs.files import write_atomic
from convviz.runs.lock import Busy, Lock
from convviz.runs.recipe import Recipe

DONE, FAILED, BUSY, STOPPED = "done", "failed", "busy", "stopped"
# What a run directory is made of when it travels; the summary comes last, and says that the run is finished.
PARTS = (files.CONFIG, files.NET, files.MODEL, files.PREDICTIONS, files.METRICS, files.SUMMARY)
TOLD, LOOKED = 1.0, 0.2  # seconds between two news of a run, and between two looks at whether to stop
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
alone = threading.Lock()  # torch's generator and thread count belong to the process

Stop = Callable[[], bool]


@dataclass(frozen=True)
class Task:
    """A run to train in ``folder``.

    going: a file that is there as long as the sweep wants its runs. parent: the process that the task is for, where
    it is this one's own. home: the folder from which relative paths of nets are meant; net_text: the net's file.
    """

    recipe: Recipe
    folder: str
    arm: str
    experiment: str
    data_dir: str | None = None
    device: str = "cpu"
    going: str = ""
    parent: int = 0
    home: str = ""
    net_text: str | None = None


@dataclass(frozen=True)
class Outcome:
    """How a task ended: ``done``, ``failed`` (with why), ``busy`` (another process has the run) or ``stopped``.

    files: of the finished run, by name, where the process could not see the folder that it was for.
    """

    state: str
    message: str = ""
    files: dict[str, bytes] = field(default_factory=dict)


def run_task(task: Task, stop: Stop = lambda: False) -> Outcome:
    """Train a task's run to its end, from where it is; every fault ends in the Outcome."""
    os.environ.update(ONE_THREAD)  # for a torch that is not loaded yet
    with alone, _at_home(task):
        return _guarded(task, stop)


def run_away(task: Task, stop: Stop = lambda: False) -> Outcome:
    """The same on a computer of a cluster: in the folder if it is shared, else in one of its own, and sent back."""
    if Path(task.going).exists():
        return run_task(task, stop)
    place = scratch(task)
    try:
        away, data_dir = task, task.data_dir if task.data_dir and Path(task.data_dir).is_dir() else None
        if task.net_text is not None:
            net = place / "sent" / Path(task.recipe.net).name
            write_atomic(net, lambda file: file.write_text(task.net_text or "", encoding="utf-8"))
            away = replace(task, recipe=task.recipe.replace(net=str(net)))
        outcome = run_task(replace(away, folder=str(place), data_dir=data_dir, going="", parent=0), stop)
        if outcome.state == DONE:
            found = {name: (place / name).read_bytes() for name in PARTS if (place / name).exists()}
            outcome = replace(outcome, files=found)
    except (OSError, ConvvizError) as err:
        return Outcome(FAILED, f"{place}: {err}")
    if outcome.state == DONE:
        shutil.rmtree(place, ignore_errors=True)
    return outcome


def adopt(task: Task, found: dict[str, bytes]) -> None:
    """Write a run that was trained out of sight of its folder into it; raises ConvvizError."""
    folder = Path(task.folder)
    with Lock(folder):
        for name in PARTS:
            if name in found:
                write_atomic(folder / name, partial(_put, data=found[name]))
            if name == files.CONFIG and task.net_text is not None:
                _, about = files.read_config(folder / name)
                files.write_config(folder, task.recipe, about)
        run = files.read_run(folder)
        files.write_summary(folder, {**run.summary, "net": task.recipe.net, "output": str(folder)})


def _put(place: Path, data: bytes) -> None:
    place.write_bytes(data)


def scratch(task: Task) -> Path:
    """Where a run is trained that is for a folder out of sight; the same again for the same run."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # an id without a name, in containers
        user = str(os.getuid()) if hasattr(os, "getuid") else "user"
    named = repr((task.recipe.key, task.experiment, task.arm, task.net_text))
    return Path(
        tempfile.gettempdir(), f"convviz-{user}", "runs", hashlib.sha256(named.encode()).hexdigest()[:16]
    )


@contextlib.contextmanager
def _at_home(task: Task) -> Iterator[None]:
    """In the folder where the sweep was started, if the net's path only makes sense from there."""
    file = task.recipe.net.split(":")[0]
    if not task.home or Path(file).exists() or not Path(task.home, file).exists():
        yield
        return
    before = Path.cwd()
    os.chdir(task.home)
    try:
        yield
    finally:
        os.chdir(before)


def _guarded(task: Task, stop: Stop) -> Outcome:
    from convviz.train.loop import Interrupted
    from convviz.train.run import train

    try:
        with Lock(task.folder) as lock:
            train(
                task.recipe,
                task.folder,
                data_set(task.recipe.dataset, task.data_dir),
                arm=task.arm,
                experiment=task.experiment,
                device=task.device,
                threads=1,
                watch=News(lock, task.recipe.epochs),
                stop=asked_to_stop(task, stop),
            )
    except Busy as err:
        return Outcome(BUSY, str(err))
    except Interrupted:
        return Outcome(STOPPED)
    except ConvvizError as err:
        return Outcome(FAILED, str(err))
    except MemoryError:
        return Outcome(FAILED, "out of memory")
    except Exception as err:  # the others go on; the message names what torch said
        return Outcome(FAILED, f"unexpected {type(err).__name__}: {' '.join(str(err).split())[:300]}")
    return Outcome(DONE)


@lru_cache(maxsize=2)
def data_set(name: str, folder: str | None) -> Any:
    """A data set, read once in a process."""
    from convviz.train.data import load

    return load(name, folder)


class News:
    """Tells in the lock's file how far a run is."""

    def __init__(self, lock: Lock, epochs: int) -> None:
        self.lock, self.epochs, self.told = lock, epochs, 0.0

    def step(self, epoch: int, done: int, of: int, images_per_second: float) -> None:
        now = time.monotonic()
        if now - self.told > TOLD:
            self.told = now
            share = (epoch - 1 + done / of) / self.epochs
            self.lock.tell(epoch=epoch, epochs=self.epochs, share=share, speed=round(images_per_second))

    def epoch(self, row: dict[str, Any]) -> None:
        self.lock.tell(epoch=row["epoch"], epochs=self.epochs, share=row["epoch"] / self.epochs)


def asked_to_stop(task: Task, stop: Stop) -> Stop:
    """Whether the sweep wants no runs any more, or its process has gone; looks a few times a second."""
    going, looked = Path(task.going), 0.0

    def asked() -> bool:
        nonlocal looked
        now = time.monotonic()
        if now - looked < LOOKED:
            return False
        looked = now
        orphan = bool(task.parent) and os.getppid() != task.parent
        return orphan or (bool(task.going) and not going.exists()) or stop()

    return asked
