"""How films are shown while they are made: live bars where somebody watches, a line for each in a log."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from convviz.render.films import Watch

if TYPE_CHECKING:
    from convviz.render.films import Made

PATIENCE = 2.0  # seconds before a single film gets a bar
UNKNOWN = 20.0  # seconds that a film is supposed to take of which nothing is known


class Silent:
    """A single film in a log: its file is told when it is there."""

    def begin(self, total: int) -> None: ...
    def look(self, running: dict[str, tuple[float, float | None]]) -> None: ...
    def ended(self, made: Made) -> None: ...


class Lines(Silent):
    """A line on stderr for each film."""

    def __init__(self) -> None:
        self.total = self.done = 0

    def begin(self, total: int) -> None:
        self.total = total

    def ended(self, made: Made) -> None:
        self.done += 1
        self.print(f"{self.done}/{self.total}  {made.wanted.name}  {told(made)}")

    def print(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class Bars(Lines):
    """A live bar over all films, and one for each that is under way."""

    def __init__(self, bars: Any, console: Any) -> None:
        super().__init__()
        self.bars, self.console, self.tasks = bars, console, dict[str, Any]()
        self.whole: Any = None

    def begin(self, total: int) -> None:
        super().begin(total)
        if total > 1:
            self.bars.start()
            self.whole = self.bars.add_task("scenes", total=float(total), told=f"0 of {total}")

    def look(self, running: dict[str, tuple[float, float | None]]) -> None:
        for name in [name for name in self.tasks if name not in running]:
            self.bars.remove_task(self.tasks.pop(name))
        shares = 0.0
        for name, (spent, before) in running.items():
            if self.whole is None and spent < PATIENCE:
                continue
            share = min(spent / (before or UNKNOWN), 0.98)
            shares += share
            if name not in self.tasks:
                self.bars.start()  # which does nothing the second time
                indent = "  " if self.whole is not None else ""
                self.tasks[name] = self.bars.add_task(
                    f"{indent}{name}", total=1.0 if before else None, told=""
                )
            self.bars.update(self.tasks[name], completed=share, told=f"{spent:.0f} s")
        if self.whole is not None:
            self.bars.update(self.whole, completed=self.done + shares, told=f"{self.done} of {self.total}")

    def ended(self, made: Made) -> None:
        if self.total > 1:
            super().ended(made)

    def print(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False)


def told(made: Made) -> str:
    """What became of a film, in words."""
    if made.error:
        return f"failed: {made.error}"
    if made.unchanged:
        return "unchanged"
    memory = "" if made.memory is None else f", {made.memory / 2**20:.0f} MiB"
    return f"{made.duration:.1f} s of film in {made.seconds:.1f} s{memory}"


@contextmanager
def watching(total: int) -> Iterator[Watch]:
    """Yields who shows the work."""
    if not sys.stderr.isatty():
        yield Lines() if total > 1 else Silent()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[told]}"),
    )
    bars = Progress(*columns, console=console, refresh_per_second=8, transient=True)
    try:
        yield Bars(bars, console)
    finally:
        bars.stop()


@contextmanager
def stop_on_term() -> Iterator[None]:
    """Within it SIGTERM, too, is an interrupt, so that nothing is left half done."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        with suppress(TypeError):  # a handler that was not set from Python
            signal.signal(signal.SIGTERM, before)
