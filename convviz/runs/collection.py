"""Run directories and files of results, put together by arm and seed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from convviz.analysis.statistics.cautions import listed
from convviz.analysis.statistics.compare import BEFORE
from convviz.errors import ConvvizError
from convviz.ops.base import shorten
from convviz.runs.epochs import of_line
from convviz.runs.experiment import Experiment, experiment, names
from convviz.runs.results import (
    LAST,
    Results,
    TrainedArm,
    TrainedRun,
    Unfinished,
    cautions_of,
    differing,
    worded,
)
from convviz.runs.results_file import is_results, read_runs
from convviz.runs.run import METRICS, PREDICTIONS, SUMMARY, Run, find_runs

MOST_RUNS = 20_000


@dataclass
class Gathered:
    """Runs as they are found: finished ones, which of them lie in a folder (by place), and those that are not."""

    finished: list[TrainedRun] = field(default_factory=list)
    folders: dict[int, Run] = field(default_factory=dict)
    unfinished: list[Unfinished] = field(default_factory=list)
    seen: set[Path] = field(default_factory=set)

    def add_file(self, path: Path) -> None:
        if not is_results(path):
            raise ConvvizError("is neither a folder of runs nor a file of results", str(path))
        finished, unfinished = read_runs(path)
        self.finished += finished
        self.unfinished += unfinished

    def add_folder(self, path: Path) -> None:
        for run in sorted(find_runs(path), key=_place):
            place = run.folder.resolve()
            if place in self.seen:
                continue
            self.seen.add(place)
            if run.finished:
                self.folders[len(self.finished)] = run
                self.finished.append(trained(run))
            else:
                done, of = len(run.history), run.recipe.epochs
                self.unfinished.append(Unfinished(run.experiment, run.arm, run.seed, done, of))

    def stopped(self) -> tuple[Unfinished, ...]:
        """Those that are finished nowhere else."""
        there = {(run.experiment, run.arm, run.seed) for run in self.finished}
        found = dict.fromkeys(self.unfinished)
        return tuple(run for run in found if (run.experiment, run.arm, run.seed) not in there)


def collect(*sources: str | Path) -> Results:
    """All runs in folders (of one run, of an arm, of an experiment) and in files of results.

    Runs with the same experiment, arm and settings are seeds of one arm; runs of one arm with other settings are
    another arm, whose name tells them. Runs that are not finished are left out, and named. Raises ConvvizError where
    there is no finished run, for damaged files, different data sets, and two different runs of one seed.
    """
    if not sources:
        raise ConvvizError("there is nothing to compare: no runs were given")
    gathered = Gathered()
    for source in map(Path, sources):
        if source.is_file():
            gathered.add_file(source)
        else:
            gathered.add_folder(source)
    found, unfinished = gathered.finished, gathered.stopped()
    if len(found) > MOST_RUNS:
        raise ConvvizError(f"{len(found):,} runs are too many; at most {MOST_RUNS:,}")
    if not found:
        raise ConvvizError("no run is finished", str(sources[0]))
    check_data_sets(found)
    found = short_nets(found)
    groups, copies = grouped(found)
    arms, folders = [], {}
    for name, group in zip(named([found[group[0]] for group in groups]), groups, strict=True):
        lying = [gathered.folders[i] for i in group if i in gathered.folders]
        arm = TrainedArm(name, tuple(found[i] for i in group))
        arms.append(with_mistakes(arm, lying[0]) if lying and len(group) == 1 else arm)
        folders[name] = [replace(run, about={**run.about, "arm": name}) for run in lying]
    known = {name: experiment(name) for name in {run.experiment for run in found} & set(names())}
    only = _only(found, known)
    if only is not None:
        order = list(only.arms)
        arms.sort(key=lambda arm: order.index(arm.first.arm) if arm.first.arm in order else len(order))
    return Results(
        tuple(arms),
        unfinished,
        cautions=(*cautions_of(arms, unfinished), *copies),
        folders=tuple(run for arm in arms for run in folders[arm.name]),
        **_told(arms, known, only),
    )


def _only(found: Sequence[TrainedRun], known: Mapping[str, Experiment]) -> Experiment | None:
    """The bundled experiment, where all runs are of one."""
    names = {run.experiment for run in found}
    return known[names.pop()] if len(names) == 1 and names <= set(known) else None


def _told(
    arms: Sequence[TrainedArm], known: Mapping[str, Experiment], only: Experiment | None
) -> dict[str, Any]:
    """What bundled experiments tell of their arms: reported figures, arms without runs, factors, baseline."""
    reported = {}
    for arm in arms:
        own = known.get(arm.first.experiment)
        if own is not None and arm.first.arm in own.reported and same_images(arm, own):
            reported[arm.name] = own.reported[arm.first.arm]
    if only is None:
        return {"reported": reported}
    there = {arm.first.arm for arm in arms}
    others = only.reported if all(same_images(arm, only) for arm in arms) else {}
    whole = len(there) == len(arms) and there <= set(only.arms)  # no arm in two forms
    return {
        "reported": reported | {arm: figures for arm, figures in others.items() if arm not in there},
        "planned": tuple(only.arms),
        "factors": only.factors if whole else {},
        "baseline": only.baseline if whole and only.baseline in (*there, BEFORE) else None,
    }


def same_images(arm: TrainedArm, own: Experiment) -> bool:
    """Whether the runs were trained on the data set of the experiment, so that figures of others mean anything."""
    return arm.first.arm not in own.arms or own.recipe(arm.first.arm).dataset == arm.first.recipe.dataset


# -- one run --------------------------------------------------------------------------------------------------
def trained(run: Run) -> TrainedRun:
    """The figures of a finished run; raises ConvvizError for a summary with impossible ones."""
    summary, where = run.summary, str(run.folder / SUMMARY)
    accuracies = tuple(
        checked("test_accuracy", value, 100, str(run.folder / METRICS))
        for value in run.column("test_accuracy")
    )

    def number(name: str, most: float = 1e12, told: Any = None) -> float | None:
        value = summary.get(name, told)
        if value is None:
            return None
        return checked(name, value, most, where)

    def whole(name: str) -> int | None:
        value = number(name, told=run.about.get(name))
        return None if value is None else int(value)

    test = number("test_accuracy", 100)
    assert test is not None  # a summary has it
    return TrainedRun(
        run.experiment, run.arm, run.recipe, run.data_set, float(test),
        held=number("held_accuracy", 100),
        last=accuracies[-LAST:],
        best=max(accuracies, default=None),
        seconds=number("seconds"),
        cpu_seconds=number("cpu_seconds"),
        parameters=whole("parameters"),
        train_images=whole("train_images"),
        test_images=whole("test_images"),
        device=str(summary.get("device", run.about.get("device", ""))),
        threads=whole("threads"),
        alike=number("train_accuracy_alike", 100),
        history=tuple(of_line(row, str(run.folder / METRICS)) for row in run.history),
    )  # fmt: skip


def checked(name: str, value: Any, most: float, where: str) -> float:
    """``value`` where it is a number from 0 to ``most``; raises ConvvizError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise ConvvizError(f"{name} must be a number from 0 to {most:g}, got {shorten(value)}", where)
    return value


def with_mistakes(arm: TrainedArm, run: Run) -> TrainedArm:
    """The only run of an arm with the test images that it gets wrong, by which McNemar's test pairs two such runs."""
    if not (run.folder / PREDICTIONS).exists():
        return arm
    first, right = arm.first, run.predictions.right
    if first.test_images not in (None, len(right)):
        raise ConvvizError(
            f"has {len(right):,} predictions, but {SUMMARY} tells of {first.test_images:,} test images",
            str(run.folder / PREDICTIONS),
        )
    wrong = tuple(np.flatnonzero(~right).tolist())
    return replace(arm, runs=(replace(first, wrong=wrong, test_images=len(right)),))


# -- all of them ----------------------------------------------------------------------------------------------
def check_data_sets(found: Sequence[TrainedRun]) -> None:
    """Raises ConvvizError where runs are of different data sets."""
    sets: dict[str, TrainedRun] = {}
    for run in found:
        sets.setdefault(run.data_set, run)
    if len(sets) > 1:
        told = listed([f"{name} ({run.arm})" for name, run in sets.items()])
        raise ConvvizError(
            f"runs on different data sets cannot be compared: {told}; give runs of one data set"
        )


def short_nets(found: Sequence[TrainedRun]) -> list[TrainedRun]:
    """Runs whose nets' files are told without their folders, or with as many as tell them apart."""
    nets = {run.recipe.net: re.split(r"[/\\]+", run.recipe.net) for run in found}
    deepest = max(map(len, nets.values()))
    for kept in range(1, deepest + 1):
        short = {net: "/".join(parts[-kept:]) for net, parts in nets.items()}
        if len(set(short.values())) == len(nets):
            break
    return [replace(run, recipe=run.recipe.replace(net=short[run.recipe.net])) for run in found]


def grouped(found: Sequence[TrainedRun]) -> tuple[list[list[int]], list[str]]:
    """Places of the runs of each arm, by seed, and a sentence for each run that is there twice.

    Raises ConvvizError for two runs with one seed that came out differently.
    """
    groups: dict[str, dict[int, int]] = {}
    copies = []
    for i, run in enumerate(found):
        key = json.dumps([run.arm, run.facts], sort_keys=True, default=str)
        seeds = groups.setdefault(key, {})
        if run.seed not in seeds:
            seeds[run.seed] = i
            continue
        if found[seeds[run.seed]].test != run.test:
            raise ConvvizError(
                f"there are two runs with the same settings and seed {run.seed}, {found[seeds[run.seed]].test:.2f} "
                f"and {run.test:.2f} %; give one of them",
                f"arm {run.arm!r}",
            )
        copies.append(f"{run.arm} seed {run.seed}")
    told = [f"there twice and counted once: {listed(copies)}"] if copies else []
    return [[seeds[seed] for seed in sorted(seeds)] for seeds in groups.values()], told


def named(firsts: Sequence[TrainedRun]) -> list[str]:
    """A name for each arm: its own, with its experiment or with settings where several have the same."""
    out = [run.arm for run in firsts]
    for arm in dict.fromkeys(out):
        places = [i for i, run in enumerate(firsts) if run.arm == arm]
        if len(places) == 1:
            continue
        some = [firsts[i] for i in places]
        apart = differing([run.facts for run in some])
        for i, run in zip(places, some, strict=True):
            if len({run.experiment for run in some}) == len(some):
                out[i] = f"{run.experiment}: {arm}"
            else:
                out[i] = ", ".join([arm, *(worded(name, run.facts.get(name)) for name in apart)])
    return out


def _place(run: Run) -> list[list[int | str]]:
    """Folders in the order in which people count: seed-2 before seed-10."""
    return [
        [int(piece) if piece.isdigit() else piece for piece in re.split(r"(\d+)", part)]
        for part in run.folder.parts
    ]
