"""How a training run is shown while it goes on: a live bar where somebody watches, a line an epoch in a log."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Lines:
    """A line on stderr for each epoch."""

    def __init__(self, name: str, epochs: int) -> None:
        self.name, self.epochs = name, epochs

    def step(self, epoch: int, done: int, of: int, images_per_second: float) -> None:
        pass

    def epoch(self, row: dict[str, Any]) -> None:
        print(f"{self.name}  {line(row, self.epochs)}", file=sys.stderr, flush=True)


def line(row: dict[str, Any], epochs: int) -> str:
    """An epoch in words."""
    held = f"  held {row['held_accuracy']:.2f} %" if "held_accuracy" in row else ""
    return (
        f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}  train {row['train_accuracy']:.2f} %{held}  "
        f"test {row['test_accuracy']:.2f} %  {row['images_per_second']:,.0f} images/s  {row['seconds']:.1f} s"
    )


class Bars:
    """A live bar with epoch, accuracy, images a second and the time left."""

    def __init__(self, progress: Any, name: str, epochs: int) -> None:
        self.progress, self.epochs, self.last = progress, epochs, ""
        self.task = progress.add_task(name, total=float(epochs), told="")

    def step(self, epoch: int, done: int, of: int, images_per_second: float) -> None:
        told = f"epoch {epoch}/{self.epochs}  {self.last}{images_per_second:,.0f} images/s"
        self.progress.update(self.task, completed=epoch - 1 + done / of, told=told)

    def epoch(self, row: dict[str, Any]) -> None:
        self.last = f"test {row['test_accuracy']:.2f} %  "
        told = f"epoch {row['epoch']}/{self.epochs}  {self.last}{row['images_per_second']:,.0f} images/s"
        self.progress.update(self.task, completed=float(row["epoch"]), told=told)


@contextmanager
def watching() -> Iterator[Callable[[str, int], Any]]:
    """Yields a function that makes the watch of a run, by its name and epochs."""
    if not sys.stderr.isatty():
        yield Lines
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield lambda name, epochs: Bars(progress, name, epochs)


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Within it, Ctrl-C and SIGTERM ask for a stop after the step that is under way; a second Ctrl-C stops at once."""
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
