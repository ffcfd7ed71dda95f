"""Named training experiments: what `python -m convviz.probe.lessons` measured, seed by seed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("measured.json")


@dataclass(frozen=True)
class Arm:
    """One variant: test accuracies in per cent, one for each seed, after the last epoch.

    train: training images. sd: between seeds, None of a single one.
    """

    name: str
    params: int
    train: int
    epochs: int
    accuracies: tuple[float, ...]
    mean: float
    sd: float | None


@dataclass(frozen=True)
class Experiment:
    """Arms that differ in one thing. seeds: the same for every arm. verdict: the paired differences in words.

    command: runs it again.
    """

    name: str
    question: str
    data_set: str
    test: int
    seeds: tuple[int, ...]
    note: str
    interval: str
    arms: tuple[Arm, ...]
    verdict: str
    command: str


@cache
def experiments() -> dict[str, Experiment]:
    """The experiments by name; empty where none were run."""
    if not FILE.is_file():
        return {}
    found = [_experiment(data) for data in json.loads(FILE.read_text(encoding="utf-8"))]
    return {experiment.name: experiment for experiment in found}


def _experiment(data: dict[str, Any]) -> Experiment:
    arms = tuple(
        Arm(
            arm["name"], arm["params"], arm["train"], arm["epochs"],
            tuple(arm["accuracies"]), arm["mean"], arm["sd"],
        )
        for arm in data["arms"]
    )  # fmt: skip
    told = {
        key: data[key]
        for key in ("name", "question", "data_set", "test", "note", "interval", "verdict", "command")
    }
    return Experiment(**told, seeds=tuple(data["seeds"]), arms=arms)
