"""Where the runs of a sweep are trained: processes of this computer, or a cluster that is there already."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable
from typing import Any, Protocol

from convviz.errors import ConvvizError
from convviz.train.task import ONE_THREAD, Outcome, Task, alone, run_task


class Lost(Exception):
    """The process that had a task has ended without an outcome."""


class Backend(Protocol):
    """Starts tasks and gives their outcomes. Handles are whatever the backend likes, if only they can be hashed.

    away: the processes are, or may be, on other computers.
    """

    away: bool

    @property
    def slots(self) -> int:
        """Tasks that can be under way at a time."""

    def start(self, task: Task) -> Any:
        """Hand a task over; returns a handle."""

    def wait(self, handles: Iterable[Any], seconds: float) -> list[Any]:
        """Those of the handles that are done, after at most so many seconds."""

    def outcome(self, handle: Any) -> Outcome:
        """Of a handle that is done; raises Lost."""

    def stop(self, handles: Iterable[Any]) -> None:
        """Tell tasks that do not see the sweep's folder that nobody wants their runs any more."""

    def close(self) -> None:
        """Let the processes go; none of them works any more, or need not."""


class Local:
    """Processes of joblib's loky, each with one thread; all are replaced where one dies."""

    away = False

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._pool: Any = None

    def start(self, task: Task) -> Any:
        from concurrent.futures import BrokenExecutor

        try:
            if self._pool is not None:
                return self._pool.submit(run_task, task)
        except BrokenExecutor:
            self.close()
        self._pool = _pool(self.slots)
        return self._pool.submit(run_task, task)

    def wait(self, handles: Iterable[Any], seconds: float) -> list[Any]:
        from concurrent.futures import FIRST_COMPLETED, wait

        return list(wait(list(handles), timeout=seconds, return_when=FIRST_COMPLETED).done)

    def outcome(self, handle: Any) -> Outcome:
        from concurrent.futures import BrokenExecutor, CancelledError

        try:
            found: Outcome = handle.result()
        except (BrokenExecutor, CancelledError):
            raise Lost("its process was ended from outside, or had no memory left") from None
        return found

    def stop(self, handles: Iterable[Any]) -> None:
        pass  # they see the folder

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, kill_workers=True)
            self._pool = None


def local(jobs: int | None, runs: int) -> Local:
    """One process a core unless told, and not more than there are runs."""
    return Local(min(jobs or cores(), runs))


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _pool(slots: int) -> Any:
    try:
        from joblib.externals.loky.process_executor import ProcessPoolExecutor
    except ImportError:
        raise ConvvizError("needs joblib: pip install 'convviz[train]'", "sweep") from None
    return ProcessPoolExecutor(slots, initializer=_serve, initargs=(os.getpid(),), env=ONE_THREAD)


def _serve(parent: int) -> None:
    """What a process does first: be deaf to Ctrl-C, which reaches every process of a terminal, and end with its parent.

    A run that is under way sees by itself that the parent has gone, and is saved first.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        with alone:
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
