"""Workers: one process for each film, in a group of its own, ended when its time is over."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from convviz.errors import ConvvizError

PAUSE = 0.05  # seconds between two looks at the workers
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
Look = Callable[
    [dict[int, float]], None
]  # seconds that each job under way has taken, by its place in the list


@dataclass(frozen=True)
class Answer:
    """What a worker said, or the line that tells why it said nothing; seconds by the clock, memory in bytes."""

    data: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    seconds: float = 0.0

    @property
    def memory(self) -> int | None:
        return self.data.get("memory")


def command() -> list[str]:
    """Python with the modules that this process finds, whatever lies in the folder that it works in."""
    package = list(sys.modules["convviz"].__path__)
    start = (
        f"import sys; sys.path[:] = {sys.path!r}; import convviz; convviz.__path__[:] = {package!r}; "
        "from convviz.render.worker import main; main()"
    )
    return [sys.executable, "-c", start]


class Worker:
    """A worker under way. It keeps to one thread: what is made at once is several films."""

    def __init__(self, request: dict[str, Any], limit: float) -> None:
        self.limit, self.start = limit, time.monotonic()
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115  (read when it ends)
        self.process = subprocess.Popen(
            command(),
            stdin=subprocess.PIPE,
            stdout=self._out,
            stderr=self._err,
            env={**dict.fromkeys(THREADS, "1"), **os.environ},
            start_new_session=True,
        )
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended already, which poll() tells
            self.process.stdin.write(json.dumps({**request, "watched": True}).encode() + b"\n")
            self.process.stdin.flush()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.start

    def poll(self) -> Answer | None:
        """The answer; None while it is at work."""
        code = self.process.poll()
        if code is None and self.seconds < self.limit:
            return None
        seconds = self.seconds
        self.end()
        if code is None:
            return Answer(
                error=f"took longer than {self.limit:g} s (--timeout sets the limit)", seconds=seconds
            )
        said, told = self._read(self._out), self._read(self._err)
        if os.environ.get("CONVVIZ_DEBUG", "") not in ("", "0"):
            sys.stderr.write(told)
        try:
            data = json.loads(said)
        except ValueError:
            return Answer(error=_crash(code, told), seconds=seconds)
        return Answer(data, data.pop("error", ""), seconds)

    def end(self) -> None:
        """Stop it and all that it has started."""
        if self.process.poll() is None:
            if hasattr(os, "killpg"):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
            self.process.wait()
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()

    @staticmethod
    def _read(file: Any) -> str:
        file.seek(0)
        with file:
            return str(file.read().decode("utf-8", "replace"))


def _crash(code: int, told: str) -> str:
    """What ended a worker, in a line."""
    if code < 0:
        number = -code
        name = signal.Signals(number).name if number in set(signal.Signals) else str(number)
        hint = "; was there too little memory?" if number == signal.SIGKILL else ""
        return f"its process was ended by {name}{hint}"
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    last = lines[-1] if lines else f"exit code {code}"
    return f"its process failed: {last} (CONVVIZ_DEBUG=1 shows more)"


def answers(
    requests: Sequence[dict[str, Any]], at_once: int, limit: float, look: Look | None = None
) -> Iterator[tuple[int, Answer]]:
    """Work through requests, ``at_once`` at a time; yields each place in the list with its answer, as they come.

    When the iteration ends early, however that is, no worker is left.
    """
    running: dict[int, Worker] = {}
    left = iter(range(len(requests)))
    try:
        while True:
            while len(running) < at_once and (place := next(left, None)) is not None:
                running[place] = Worker(requests[place], limit)
            if not running:
                return
            for place, worker in list(running.items()):
                answer = worker.poll()
                if answer is not None:
                    del running[place]
                    yield place, answer
            if look is not None:
                look({place: worker.seconds for place, worker in running.items()})
            time.sleep(PAUSE)
    finally:
        for worker in running.values():
            worker.end()


def answer(request: dict[str, Any], limit: float, look: Look | None = None) -> Answer:
    """Of one worker; raises ConvvizError where it failed."""
    _, found = next(answers([request], 1, limit, look))
    if found.error:
        raise ConvvizError(found.error)
    return found
