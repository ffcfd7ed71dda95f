"""Sweeps on a cluster that is there already: Dask's, or Ray's.

Each process of the cluster needs convviz and the data sets (``$CONVVIZ_DATA``, or a download), and trains one run at
a time on one thread: start as many as there are cores. They are expected to see the output folder under the same path
(a shared file system); a process that does not sends the files of its run back when it is finished.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterable
from typing import Any

from convviz import __version__
from convviz.errors import ConvvizError
from convviz.train.backends import Backend, Lost
from convviz.train.task import Outcome, Task, run_away

JOIN = 10.0  # seconds to wait for a scheduler, and for a first process
LOOKED = 2.0  # seconds between two questions to the scheduler
BACKENDS = ("dask", "ray")


def cluster(name: str, address: str, jobs: int | None = None) -> Backend:
    """``dask`` or ``ray`` at an address, ``jobs`` runs at a time (by default one for each process of it).

    Raises ConvvizError where it is not installed, does not answer, or its processes have another convviz.
    """
    if name not in BACKENDS:
        raise ConvvizError(f"must be {' or '.join(BACKENDS)}, got {name!r}", "backend")
    return Dask(address, jobs) if name == "dask" else Ray(address, jobs)


class Dask:
    """The workers of a Dask scheduler. A run whose worker dies is given to another one, and goes on there."""

    away = True

    def __init__(self, address: str, jobs: int | None = None) -> None:
        try:
            from distributed import Client, Event
        except ImportError:
            raise ConvvizError(
                "needs distributed: pip install 'convviz[cluster]'", "--backend dask"
            ) from None
        self.jobs = jobs
        try:
            self.client: Any = Client(address, timeout=JOIN, set_as_default=False)
        except (OSError, ValueError, TypeError) as err:
            raise ConvvizError(f"no Dask scheduler answers: {_line(err)}", str(address)) from None
        try:
            self.client.wait_for_workers(1, timeout=JOIN)
            found = self.client.run(_version, on_error="return")
        except TimeoutError:
            self.client.close()
            raise ConvvizError(
                f"the scheduler has no workers; start them: dask worker {address}", address
            ) from None
        for worker, version in found.items():
            if version != __version__:
                self.client.close()
                raise ConvvizError(f"has no convviz {__version__}, but {_line(version)}", str(worker))
        self.event = f"convviz-stop-{uuid.uuid4().hex}"
        self._set = Event(self.event, client=self.client).set
        self._slots, self._looked = len(found), time.monotonic()

    @property
    def slots(self) -> int:
        """One for each worker: they come and go."""
        now = time.monotonic()
        if now - self._looked > LOOKED:
            self._looked = now
            self._slots = len(self._ask(self.client.nthreads))
        return max(1, min(self.jobs or self._slots, self._slots))

    def start(self, task: Task) -> Any:
        return self._ask(self.client.submit, _on_dask, task, self.event, pure=False)

    def wait(self, handles: Iterable[Any], seconds: float) -> list[Any]:
        from distributed import wait

        handles = list(handles)
        with self.client.as_current(), contextlib.suppress(TimeoutError):
            wait(handles, timeout=seconds, return_when="FIRST_COMPLETED")
        return [handle for handle in handles if handle.done()]

    def outcome(self, handle: Any) -> Outcome:
        from distributed import CancelledError, KilledWorker

        try:
            found: Outcome = handle.result()
        except (KilledWorker, CancelledError, OSError) as err:
            raise Lost(f"its worker was lost ({type(err).__name__})") from None
        finally:
            handle.release()
        return found

    def stop(self, handles: Iterable[Any]) -> None:
        self._ask(self._set)

    def close(self) -> None:
        self.client.close()

    def _ask(self, what: Any, *args: Any, **kwargs: Any) -> Any:
        """A question to the scheduler; raises ConvvizError where it has gone."""
        try:
            if self.client.status in ("closing", "closed"):
                raise OSError("it has closed the connection")
            return what(*args, **kwargs)
        except OSError as err:
            address = self.client.scheduler.address if self.client.scheduler else "--scheduler"
            raise ConvvizError(
                f"the scheduler has gone ({_line(err)}); the same command goes on with what is finished",
                address,
            ) from None


def _on_dask(task: Task, event: str) -> Outcome:
    """What a worker does: the run, while nobody has set the event."""
    from distributed import Event, get_client

    asked = Event(event, client=get_client())
    looked = time.monotonic()

    def stop() -> bool:
        nonlocal looked
        if time.monotonic() - looked < LOOKED:
            return False
        looked = time.monotonic()
        return bool(asked.is_set())

    return run_away(task, stop)


def _version() -> str:
    from convviz import __version__

    return __version__


class Ray:
    """A Ray cluster: a task for each run, one CPU each."""

    away = True

    def __init__(self, address: str, jobs: int | None = None) -> None:
        try:
            import ray
        except ImportError:
            raise ConvvizError("needs ray: pip install ray", "--backend ray") from None
        self.ray: Any = ray
        try:
            ray.init(address=address, ignore_reinit_error=True, log_to_driver=False)
        except (ConnectionError, ValueError, RuntimeError, TimeoutError) as err:
            raise ConvvizError(f"no Ray cluster answers: {_line(err)}", str(address)) from None
        self.jobs = jobs
        self.run = ray.remote(num_cpus=1, max_retries=2)(run_away)

    @property
    def slots(self) -> int:
        """One for each CPU of the cluster."""
        found = int(self.ray.cluster_resources().get("CPU", 1))
        return max(1, min(self.jobs or found, found))

    def start(self, task: Task) -> Any:
        return self.run.remote(task)

    def wait(self, handles: Iterable[Any], seconds: float) -> list[Any]:
        handles = list(handles)
        done, _ = self.ray.wait(handles, num_returns=1, timeout=seconds)
        return list(done)

    def outcome(self, handle: Any) -> Outcome:
        try:
            found: Outcome = self.ray.get(handle)
        except self.ray.exceptions.RayError as err:
            raise Lost(f"its process was lost ({type(err).__name__})") from None
        return found

    def stop(self, handles: Iterable[Any]) -> None:
        for handle in handles:
            self.ray.cancel(handle)

    def close(self) -> None:
        self.ray.shutdown()


def _line(err: object) -> str:
    """What went wrong, on one line."""
    text = " ".join(str(err).split())[:200]
    return f"{type(err).__name__}: {text}" if isinstance(err, BaseException) else text
