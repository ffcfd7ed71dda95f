"""Finished runs as figures: by arm and seed, with the settings that they have in common and those that differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

import numpy as np

from convviz.analysis.statistics.cautions import listed
from convviz.analysis.statistics.compare import WORTH, Comparison, compare_runs
from convviz.analysis.statistics.runs import Arm
from convviz.analysis.statistics.tests_of_pairs import ALPHA
from convviz.errors import ConvvizError
from convviz.runs.epochs import Epoch
from convviz.runs.recipe import SHORT, Recipe
from convviz.runs.run import Run

METRICS = ("test", "held")
LAST = 5  # epochs of which the test accuracy is kept


@dataclass(frozen=True)
class TrainedRun:
    """A finished run: what it was trained with, and what came of it (per cent, seconds).

    test: after the last epoch; held: of the held-out training images then; last: test accuracy of the last five epochs;
    best: the highest of any epoch, which is no result, but what others report. wrong: indices of the test images that
    the final model gets wrong, where they were read. alike: of training images by the final model, evaluated as test
    images are. history: epoch by epoch, empty where it was not kept.
    """

    experiment: str
    arm: str
    recipe: Recipe
    data_set: str
    test: float
    held: float | None = None
    last: tuple[float, ...] = ()
    best: float | None = None
    seconds: float | None = None
    cpu_seconds: float | None = None
    parameters: int | None = None
    train_images: int | None = None
    test_images: int | None = None
    device: str = ""
    threads: int | None = None
    wrong: tuple[int, ...] | None = None
    alike: float | None = None
    history: tuple[Epoch, ...] = ()

    @property
    def seed(self) -> int:
        return self.recipe.seed

    @property
    def facts(self) -> dict[str, Any]:
        """All that tells arms apart: settings by flat names, and what they were trained and tested on."""
        return flat(self.recipe) | {
            "experiment": self.experiment,
            "data set": self.data_set,
            "parameters": self.parameters,
            "training images": self.train_images,
            "test images": self.test_images,
        }


@dataclass(frozen=True)
class TrainedArm:
    """Runs that differ in their seed only."""

    name: str
    runs: tuple[TrainedRun, ...]

    @property
    def first(self) -> TrainedRun:
        return self.runs[0]

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(run.seed for run in self.runs)

    @property
    def settings(self) -> dict[str, Any]:
        """By flat names, without the seed."""
        return flat(self.first.recipe)

    def mean_of(self, name: str) -> float | None:
        """The mean of a figure over the runs; None where a run lacks it."""
        values = [getattr(run, name) for run in self.runs]
        return None if None in values else fmean(values)


@dataclass(frozen=True)
class Unfinished:
    """A run that is left out: how many of its epochs are done."""

    experiment: str
    arm: str
    seed: int
    done: int
    epochs: int


@dataclass(frozen=True, repr=False)
class Results:
    """What :func:`convviz.runs.collection.collect` finds. All arms are of one data set.

    factors: of the bundled experiment, where all arms are of one, and baseline: its arm that others are held against.
    reported: what others measured, by arm. planned: all arms of that experiment, in its order. cautions: what a
    reader must know. folders: finished runs as they lie on the disk, with the names of their arms here.
    """

    arms: tuple[TrainedArm, ...]
    unfinished: tuple[Unfinished, ...] = ()
    reported: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    planned: tuple[str, ...] = ()
    factors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    baseline: str | None = None
    cautions: tuple[str, ...] = ()
    folders: tuple[Run, ...] = field(default=(), compare=False)

    @property
    def experiments(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(run.experiment for arm in self.arms for run in arm.runs))

    @property
    def name(self) -> str:
        """``norms``; of several experiments ``code8, code9``."""
        return ", ".join(self.experiments[:3]) + (", …" if len(self.experiments) > 3 else "")

    @property
    def not_run(self) -> tuple[str, ...]:
        """Arms of the experiment without a finished run."""
        there = {arm.first.arm for arm in self.arms}
        return tuple(name for name in self.planned if name not in there)

    @property
    def rows(self) -> tuple[TrainedArm | str, ...]:
        """Arms in the experiment's order, those without runs by their name."""
        found: list[TrainedArm | str] = []
        for name in self.planned:
            found += [arm for arm in self.arms if arm.first.arm == name] or [name]
        return (*found, *(arm for arm in self.arms if arm.first.arm not in self.planned))

    def why_absent(self, name: str) -> str:
        """Of an arm without a finished run."""
        return "not finished" if any(run.arm == name for run in self.unfinished) else "not run"

    @property
    def data_set(self) -> str:
        return self.arms[0].first.data_set

    @property
    def common(self) -> dict[str, Any]:
        """Settings that all arms share, by flat names, without the seed."""
        away = self.differing
        return {name: value for name, value in self.arms[0].settings.items() if name not in away}

    @property
    def differing(self) -> tuple[str, ...]:
        """Settings in which arms differ."""
        return differing([arm.settings for arm in self.arms])

    def __repr__(self) -> str:
        lines = [f"{self.name}: {len(self.arms)} arms on {self.data_set}" + " (last epoch)"]
        lines += [f"{arm.name}: n {len(arm.runs)}, mean {arm.mean_of('test'):.2f} %" for arm in self.arms]
        return "\n".join([*lines, *self.cautions])

    # -- comparing --------------------------------------------------------------------------------------------
    def records(self, metric: str = "test") -> tuple[Arm, ...]:
        """What :func:`compare_runs` takes; ``held`` is of the images kept aside for choosing.

        Raises ConvvizError for runs without such images.
        """
        if metric not in METRICS:
            raise ConvvizError(f"must be {' or '.join(METRICS)}, got {metric!r}", "metric")
        return tuple(_record(arm, metric) for arm in self.arms)

    def compare(
        self,
        baseline: str | None = None,
        alpha: float = ALPHA,
        *,
        worth: float = WORTH,
        metric: str = "test",
    ) -> Comparison:
        """All pairs of arms, or each against ``baseline`` (the experiment's own unless told; "all pairs" for none)."""
        chosen = self.baseline if baseline is None else baseline
        found = compare_runs(self.records(metric), chosen, alpha, worth=worth)
        return replace(found, warnings=(*self.cautions, *found.warnings))


def _record(arm: TrainedArm, metric: str) -> Arm:
    first, where = arm.first, f"arm {arm.name!r}"
    if metric == "held":
        accuracies = {run.seed: run.held for run in arm.runs}
        if None in accuracies.values():
            raise ConvvizError(
                "has no held-out images; train with a holdout, or compare --metric test", where
            )
        known = {seed: value for seed, value in accuracies.items() if value is not None}
        return Arm(arm.name, known, test=first.recipe.holdout or None, data_set=f"{first.data_set}, held out",
                   epochs=first.recipe.epochs)  # fmt: skip
    correct: dict[int, Any] = {}
    if len(arm.runs) == 1 and first.wrong is not None and first.test_images is not None:
        right = np.ones(first.test_images, bool)
        right[list(first.wrong)] = False
        correct = {first.seed: right}
    return Arm(
        arm.name,
        {run.seed: run.test for run in arm.runs},
        correct,
        test=first.test_images,
        data_set=first.data_set,
        epochs=first.recipe.epochs,
    )


# -- settings -------------------------------------------------------------------------------------------------
def flat(recipe: Recipe) -> dict[str, Any]:
    """Settings without the seed, arguments of optimizer and scheduler by their own names.

    >>> found = flat(Recipe(scheduler={"StepLR": {"step_size": 6}}))
    >>> found["optimizer"], found["lr"], found["scheduler"], found["scheduler.step_size"]
    ('SGD', 0.01, 'StepLR', 6)
    """
    out: dict[str, Any] = {}
    for name, value in recipe.plain().items():
        if not isinstance(value, Mapping):
            out[name] = value
            continue
        for key, item in value.items():
            if key == "name":
                out[name] = item
            else:
                out[key if name == "optimizer" and key in SHORT else f"{name}.{key}"] = item
    del out["seed"]
    return out


def differing(facts: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Names whose values are not the same in all; a name that one lacks differs.

    >>> differing([{"a": 1, "b": 2}, {"a": 1, "b": 3, "c": None}])
    ('b',)
    """
    names = dict.fromkeys(name for some in facts for name in some)
    return tuple(name for name in names if any(some.get(name) != facts[0].get(name) for some in facts))


def worded(name: str, value: Any) -> str:
    """A setting with its value, in few words.

    >>> worded("norm", "batch_norm"), worded("lr", 0.1), worded("flip", False), worded("scheduler", None)
    ('batch_norm', 'lr 0.1', 'no flip', 'no scheduler')
    """
    shown = name.replace("_", " ")
    if value is None or value is False:
        return f"no {shown}" if name not in ("norm", "dropout") else f"the net's own {shown}"
    if value is True:
        return shown
    if name in ("norm", "optimizer", "scheduler"):
        return str(value)
    return f"{shown} {value:g}" if isinstance(value, float) else f"{shown} {value}"


# -- what a reader must know ----------------------------------------------------------------------------------
def cautions_of(arms: Sequence[TrainedArm], unfinished: Sequence[Unfinished]) -> list[str]:
    """Besides what :func:`compare_runs` itself says (seeds, epochs, test images)."""
    out = []
    if unfinished:
        told = listed(
            [f"{run.arm} seed {run.seed} ({run.done} of {run.epochs} epochs)" for run in unfinished]
        )
        out.append(f"not finished and left out: {told}")
    runs = [run for arm in arms for run in arm.runs]
    images = _distinct(run.train_images for run in runs)
    if len(images) > 1:
        out.append(f"different numbers of training images ({listed([f'{n:,}' for n in images])}): not alike")
    devices = _distinct(run.device for run in runs)
    threads = _distinct(run.threads for run in runs)
    if len(devices) > 1:
        out.append(f"trained on different devices ({listed(devices)}): their seconds cannot be compared")
    elif len(threads) > 1:
        out.append(
            f"trained with different numbers of threads ({listed(threads)}): their seconds cannot be compared, and "
            f"sums are rounded in another order"
        )
    return out


def _distinct(values: Iterable[Any]) -> list[Any]:
    return sorted({value for value in values if value not in (None, "")})
