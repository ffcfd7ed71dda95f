"""Small measured experiments on real digits, for the questions that only training can answer.

Each lesson trains a few arms that differ in one thing, with the same seeds: a seed draws the training images, the
first weights and the order, so that arms are compared seed by seed. The accuracy is that of the last epoch on the
whole test set; nothing is chosen on it. ``convviz/questions/measured.json`` has what was found; to run one again::

    python -m convviz.probe.lessons                      # their names
    python -m convviz.probe.lessons dropout --seeds 6    # train, and print the table
    python -m convviz.probe.lessons all --log runs.jsonl --write measured.json    # all of them, resumable

The digits are MNIST's in the data folder (``$CONVVIZ_DATA``), or else those of scikit-learn; every result names
them, and nothing is downloaded.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch

from convviz.analysis.statistics.intervals import LEVEL
from convviz.analysis.statistics.lesson_differences import Difference, difference
from convviz.errors import ConvvizError, nearest
from convviz.probe.lessons_list import LESSONS, NAMES, SETUP, Arm, Lesson
from convviz.probe.lessons_run import Recipe, accuracy, trained
from convviz.train.data import Data, has, load

SEEDS = 6
MOST_SEEDS = 1000
CHANCE = 20  # per cent: a run below this has learned next to nothing (guessing gives about 10)


@dataclass(frozen=True)
class Measured:
    """A lesson's accuracies in per cent, arm by arm and seed by seed."""

    lesson: Lesson
    data_set: str
    test: int
    seeds: tuple[int, ...]
    accuracies: tuple[tuple[float, ...], ...]

    @property
    def comparisons(self) -> tuple[Difference, ...]:
        by_name = dict(zip((arm.name for arm in self.lesson.arms), self.accuracies, strict=True))
        pairs = self.lesson.compared
        return tuple(difference(a, b, by_name[a], by_name[b], len(pairs)) for a, b in pairs)

    def __repr__(self) -> str:
        return text(self)


# -- running them -------------------------------------------------------------------------------------------
class Log:
    """Finished runs by recipe, seed and turn; with a file, a line of JSON for each, so that work can go on later."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.found: dict[str, float] = {}
        for line in (
            path.read_text(encoding="utf-8").splitlines() if path is not None and path.exists() else ()
        ):
            try:
                run = json.loads(line)
                self.found[run["run"]] = float(run["accuracy"])
            except (ValueError, TypeError, KeyError):
                raise ConvvizError(
                    "has a line that is no finished run; name another file", str(path)
                ) from None

    def add(self, run: str, value: float) -> None:
        self.found[run] = value
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as out:
                out.write(json.dumps({"run": run, "accuracy": value}) + "\n")


def key(arm: Arm, seed: int, data_set: str) -> str:
    """What tells a run from others: the same recipe, in whatever lesson, is trained once."""
    return f"{arm.recipe!r} {arm.turn}, seed {seed}, {data_set}"


def measure(
    lessons: Iterable[Lesson],
    seeds: Sequence[int],
    digits: Data,
    log: Log | None = None,
    *,
    steps: int | None = None,
    told: Callable[[str], None] = lambda line: None,
) -> list[Measured]:
    """Train what is not in ``log`` yet, seed by seed, and gather each lesson's accuracies. steps: see ``trained``."""
    lessons, log = list(lessons), log or Log()
    by_recipe: dict[Recipe, list[Arm]] = {}
    for arm in (arm for lesson in lessons for arm in lesson.arms):
        by_recipe.setdefault(arm.recipe, []).append(arm)
    for seed in seeds:
        for recipe, arms in by_recipe.items():
            missing = {key(arm, seed, digits.name): arm for arm in arms}
            missing = {run: arm for run, arm in missing.items() if run not in log.found}
            if missing:
                module = trained(recipe, seed, digits, steps)
                for run, arm in missing.items():
                    log.add(run, accuracy(module, recipe, digits, arm.turn))
                    told(f"{log.found[run]:.2f} {arm.name}, seed {seed}")
    return [
        Measured(
            lesson,
            digits.name,
            len(digits.test_labels),
            tuple(seeds),
            tuple(tuple(log.found[key(arm, seed, digits.name)] for seed in seeds) for arm in lesson.arms),
        )
        for lesson in lessons
    ]


def digits_here(folder: str | None = None) -> Data:
    """MNIST from ``folder``, or from the usual data folder; where that has none, scikit-learn's digits."""
    return load("mnist" if folder is not None or has("mnist") else "digits", folder, download=False)


# -- what they say ------------------------------------------------------------------------------------------
def data(found: Measured) -> dict[str, Any]:
    """A lesson as plain data; accuracies in per cent after the last epoch, seed by seed."""
    arms = []
    for arm, values in zip(found.lesson.arms, found.accuracies, strict=True):
        recipe = arm.recipe
        arms.append(
            {
                "name": arm.name,
                "params": recipe.net.graph.params,
                "epochs": recipe.epochs,
                "train": recipe.train,
                "batch": recipe.batch,
                "learning_rate": recipe.rate,
                "schedule": recipe.schedule,
                "pixels": recipe.scale,
                "test_images": arm.turn,
                "accuracies": list(values),
                "mean": fmean(values),
                "sd": stdev(values) if len(values) > 1 else None,
                "at_chance": sum(value < CHANCE for value in values),
            }
        )
    comparisons = [
        {
            "arm": c.arm,
            "against": c.against,
            "difference": c.difference,
            "low": c.low if isfinite(c.low) else None,
            "high": c.high if isfinite(c.high) else None,
            "detected": c.detected,
            "words": c.words,
        }
        for c in found.comparisons
    ]
    return {
        "name": found.lesson.name,
        "question": found.lesson.question,
        "data_set": found.data_set,
        "train": sorted({arm.recipe.train for arm in found.lesson.arms}),
        "test": found.test,
        "epochs": sorted({arm.recipe.epochs for arm in found.lesson.arms}),
        "seeds": list(found.seeds),
        "note": " ".join(part for part in (found.lesson.note, SETUP) if part),
        "interval": f"Student's t on paired differences, {LEVEL:.0%} for all comparisons together (Bonferroni)",
        "arms": arms,
        "comparisons": comparisons,
        "verdict": verdict(found),
        "command": f"python -m convviz.probe.lessons {found.lesson.name} --seeds {len(found.seeds)}",
    }


def verdict(found: Measured) -> str:
    """Every comparison in words, and which runs learned nothing."""
    words = [c.words for c in found.comparisons]
    for arm, values in zip(found.lesson.arms, found.accuracies, strict=True):
        lost = sum(value < CHANCE for value in values)
        if lost:
            words.append(f"{arm.name}: {lost} of {len(values)} runs below {CHANCE} %")
    return "; ".join(words) + "."


def text(found: Measured) -> str:
    """The table of a lesson, its comparisons below."""
    lesson = found.lesson
    width = max(len(arm.name) for arm in lesson.arms)
    runs = f"{len(found.seeds)} seed{'s' * (len(found.seeds) > 1)}"
    lines = [
        f"{lesson.question} ({lesson.name})",
        f"{found.data_set}, {found.test:,} test images, {runs}, last epoch, per cent",
        f"{'':{width}}  {'params':>9}  {'images':>6}  {'epochs':>6}  {'mean':>6}  {'sd':>5}",
    ]
    for arm in data(found)["arms"]:
        deviation = "" if arm["sd"] is None else f"{arm['sd']:.2f}"
        lines.append(
            f"{arm['name']:{width}}  {arm['params']:>9,}  {arm['train']:>6,}  {arm['epochs']:>6}  "
            f"{arm['mean']:>6.2f}  {deviation:>5}"
        )
    told = verdict(found).removesuffix(".").split("; ")
    return "\n".join([*lines, *told, *([lesson.note] if lesson.note else []), SETUP])


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m convviz.probe.lessons``: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m convviz.probe.lessons", description="Small measured experiments."
    )
    parser.add_argument("name", nargs="?", help="of a lesson, or all; without it their names are listed")
    parser.add_argument(
        "--seeds", type=int, default=SEEDS, help=f"how many runs of each arm (default {SEEDS})"
    )
    parser.add_argument("--data", metavar="FOLDER", help="with MNIST's four *-ubyte.gz files in mnist/")
    parser.add_argument("--log", metavar="FILE", help="finished runs, a line each; work goes on from there")
    parser.add_argument("--write", metavar="FILE", help="the results as JSON")
    given = parser.parse_args(arguments)
    try:
        if given.name is None:
            print("\n".join(f"{lesson.name:20} {lesson.question}" for lesson in LESSONS))
            return 0
        if given.name != "all" and given.name not in NAMES:
            raise ConvvizError(
                f"no lesson {given.name!r}{nearest(given.name, NAMES)} ({', '.join(NAMES)}, all)"
            )
        if not 1 <= given.seeds <= MOST_SEEDS:
            raise ConvvizError(f"must be 1 to {MOST_SEEDS:,}, got {given.seeds}", "--seeds")
        torch.set_num_threads(1)  # more would change the order of sums, and with it the last digits
        log = Log(Path(given.log) if given.log else None)
        wanted = LESSONS if given.name == "all" else (NAMES[given.name],)
        digits = digits_here(given.data)
        done = measure(
            wanted,
            range(given.seeds),
            digits,
            log,
            told=lambda line: print(line, file=sys.stderr, flush=True),
        )
        if given.write:
            whole = json.dumps([data(found) for found in done], indent=1, ensure_ascii=False) + "\n"
            Path(given.write).write_text(whole, encoding="utf-8")
    except (ConvvizError, OSError) as err:
        print(f"convviz: {err}", file=sys.stderr)
        return 2
    print("\n\n".join(map(text, done)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
