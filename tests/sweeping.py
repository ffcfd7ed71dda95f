"""A small experiment on real digits, and processes that are none: what the tests of sweeps train and by whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import torch

from convviz.runs.experiment import Experiment, Job, parse
from convviz.runs.run import MODEL, Run
from convviz.train.backends import Lost
from convviz.train.sweep import Progress
from convviz.train.task import Outcome, Task, run_task

NET = """
name: small
input: [1, 28, 28]
layers:
  - conv: {out_channels: 4, kernel_size: 5, stride: 4, bias: false}
  - batch_norm
  - relu
  - conv: {out_channels: 10, kernel_size: 3}
  - global_avg_pool
  - flatten
"""
EXPERIMENT = """
name: quick
question: Does a penalty matter?
base: {net: small.yaml, dataset: digits, train_images: 96, epochs: 2, batch_size: 32}
arms:
  plain: {}
  L2: {l2: 1.0e-3}
seeds: 2
"""


def quick(folder: Path, text: str = EXPERIMENT) -> Experiment:
    """The experiment of ``text``, its file and its net in ``folder``."""
    (folder / "small.yaml").write_text(NET, encoding="utf-8")
    path = folder / "quick.yaml"
    path.write_text(text, encoding="utf-8")
    return parse(path)


class Here:
    """A backend without processes: tasks run when they are waited for. deaths: how often a job's process dies."""

    away = False

    def __init__(self, slots: int = 2, deaths: dict[tuple[str, int], int] | None = None) -> None:
        self.slots, self.deaths = slots, dict(deaths or {})
        self.started: list[tuple[str, int]] = []
        self.most, self.under_way, self.closed = 0, 0, False
        self.alone: dict[tuple[str, int], bool] = {}
        self.ran: dict[int, Callable[[], Outcome]] = {}
        self.run: Callable[[Task], Outcome] = run_task

    def start(self, task: Task) -> int:
        key = (task.arm, task.recipe.seed)
        self.started.append(key)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        number = len(self.started)
        self.alone[key] = self.under_way == 1

        def outcome() -> Outcome:
            if self.deaths.get(key, 0):
                self.deaths[key] -= 1
                raise Lost("its process was ended from outside")
            return self.run(replace(task, parent=0))

        self.ran[number] = outcome
        return number

    def wait(self, handles: Iterable[int], seconds: float) -> list[int]:
        return list(handles)[:1]

    def outcome(self, handle: int) -> Outcome:
        self.under_way -= 1
        return self.ran[handle]()

    def stop(self, handles: Iterable[int]) -> None:
        pass

    def close(self) -> None:
        self.closed = True


class Notes:
    """A watch that keeps what it is told."""

    def __init__(self) -> None:
        self.ends: list[tuple[str, int, str]] = []
        self.waits: set[str] = set()

    def look(self, progress: Progress) -> None:
        self.waits.update(progress.waiting.values())

    def ended(self, job: Job, run: Run | None, message: str, progress: Progress) -> None:
        self.ends.append((job.arm, job.recipe.seed, message))


def weights(run: Run | Path) -> dict[str, torch.Tensor]:
    folder = run if isinstance(run, Path) else run.folder
    found: dict[str, torch.Tensor] = torch.load(folder / MODEL, weights_only=True)
    return found
