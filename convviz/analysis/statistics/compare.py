"""Arms of training runs against each other: means, paired differences, tests, and how many seeds are missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from math import inf, isfinite, sqrt
from typing import Any

import numpy as np

from convviz.analysis.statistics.cautions import warnings_of
from convviz.analysis.statistics.intervals import (
    RESAMPLES,
    Interval,
    bootstrap,
    check_level,
    mean_sd,
    paired_proportions,
    t_interval,
    wilson,
)
from convviz.analysis.statistics.power import seeds_needed
from convviz.analysis.statistics.runs import Arm, arms_of
from convviz.analysis.statistics.tests_of_pairs import (
    ALPHA,
    McNemar,
    fewest_seeds,
    holm,
    mcnemar,
    sign_flip,
    welch,
)
from convviz.analysis.statistics.verdict import verdict_of
from convviz.errors import ConvvizError, nearest

ALL_PAIRS = "all pairs"
BEFORE = "the one before"  # a ladder: each arm against the one that stands before it
WORTH = 0.1  # points: the difference that a plan for more seeds aims at
MOST_PAIRS = 500

# Why a pair cannot be tested.
OVERLAP = "one run of each, and their Wilson intervals overlap"
APART = "the Wilson intervals lie apart, but one run of each says nothing about chance in training"
NO_SPREAD = "the runs of an arm are all equal, which leaves no chance to measure a difference by"


@dataclass(frozen=True)
class Summary:
    """One arm: mean over its runs (per cent), sd between them (None of one), and an interval.

    interval: Student's t over the seeds; of a single run Wilson's over the test images, None where their number is not
    known.
    """

    arm: Arm
    mean: float
    sd: float | None
    interval: Interval | None

    @property
    def name(self) -> str:
        return self.arm.name

    @property
    def n(self) -> int:
        return len(self.arm.accuracies)


@dataclass(frozen=True)
class Pair:
    """``arm`` less ``against``, in points.

    test: "sign flip" (runs paired by ``seeds``), "Welch" (no common seeds), "McNemar" (single runs with predictions),
    None (nothing can be tested; ``untested`` says why). differences: by seed, empty where runs have no partners.
    interval: bootstrap (BCa, expanded) of the mean difference, Student's where seeds are too few for the test to detect
    anything, Welch's or Bonett and Price's where that is the test; for this pair alone. t: Student's of the same
    differences. p, adjusted: as it is, and by Holm over all pairs.
    needed: runs of each arm that would find a true difference as large as the measured one, four times in five, at the
    measured sd and alpha over the number of comparisons (None: no number, or not known); worth: the same for the
    difference that is worth knowing.
    """

    arm: str
    against: str
    runs: int
    difference: float
    test: str | None
    seeds: tuple[Any, ...] = ()
    differences: tuple[float, ...] = ()
    interval: Interval | None = None
    t: Interval | None = None
    untested: str = ""
    p: float | None = None
    adjusted: float | None = None
    detected: bool = False
    sd: float | None = None
    needed: int | None = None
    worth: int | None = None
    images: McNemar | None = None

    @property
    def more(self) -> int | None:
        """Seeds still missing to settle a difference as large as the measured one."""
        return None if self.needed is None else max(self.needed - self.runs, 0 if self.detected else 1)

    @property
    def more_for_worth(self) -> int | None:
        """Seeds still missing to settle the difference that is worth knowing."""
        return None if self.worth is None else max(self.worth - self.runs, 0)

    @property
    def verdict(self) -> str:
        """In words; ``no difference detected`` unless the test, corrected for all pairs, finds one."""
        return verdict_of(self)


@dataclass(frozen=True, repr=False)
class Comparison:
    """Arms, the pairs of them that were compared, and what a reader must know. ``comparison["a", "b"]`` is a Pair.

    alpha: of all tests together. worth: points, the difference that a plan aims at. baseline: None where all pairs
    were compared.
    """

    arms: tuple[Summary, ...]
    pairs: tuple[Pair, ...]
    alpha: float
    worth: float
    baseline: str | None
    warnings: tuple[str, ...]

    def __getitem__(self, names: tuple[str, str]) -> Pair:
        for pair in self.pairs:
            if (pair.arm, pair.against) == names:
                return pair
        raise ConvvizError(f"{names!r} were not compared in this order")

    @property
    def detected(self) -> tuple[Pair, ...]:
        return tuple(pair for pair in self.pairs if pair.detected)

    @property
    def verdict(self) -> str:
        """One sentence for all of it."""
        if not self.pairs:
            return "nothing to compare it with"
        if not self.detected:
            return "no difference detected"
        return "; ".join(pair.verdict for pair in self.detected)

    def __repr__(self) -> str:
        from convviz.report.comparison import render

        return render(self, "text")

    def _repr_html_(self) -> str:
        from convviz.report.comparison import render

        return render(self, "html")


def compare_runs(
    arms: Mapping[str, Mapping[Any, float]] | Iterable[Arm],
    baseline: str | None = None,
    alpha: float = ALPHA,
    *,
    test: int | None = None,
    worth: float = WORTH,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compare arms of training runs: ``{"batch": {0: 99.41, 1: 99.38}, ...}``, test accuracy in per cent by seed.

    Runs with the same seed are partners. baseline: a name compares every other arm with it, "the one before" each with
    its neighbour, as the steps of a ladder, None or "all pairs" all of them. test: number of test images, for mappings
    (an :class:`Arm` has its own). worth: the difference, in points, for which seeds are planned. Every pair gets a
    test, and Holm's correction holds ``alpha`` for all of them together.
    Raises ConvvizError for what is no accuracy, duplicate names and unknown baselines.

    >>> runs = {"a": {s: 99.0 + s / 100 for s in range(8)}, "b": {s: 99.2 + s / 90 for s in range(8)}}
    >>> compare_runs(runs)["a", "b"].verdict
    'b is higher by 0.20 points (0.20 to 0.21)'
    >>> compare_runs({"a": {0: 99.41}, "b": {0: 99.31}}, test=10_000)["a", "b"].verdict
    'no difference detected: one run of each, and their Wilson intervals overlap'
    """
    check_level(alpha, "alpha")
    if not (isinstance(worth, int | float) and isfinite(worth) and worth > 0):
        raise ConvvizError(f"must be a difference above 0 points, got {worth!r}", "worth")
    found = arms_of(arms, test)
    level = 1 - alpha
    named = _pairs(found, baseline)
    if len(named) > MOST_PAIRS:
        raise ConvvizError(
            f"{len(found)} arms have {len(named):,} pairs, at most {MOST_PAIRS} are compared; name a baseline"
        )
    summaries = tuple(_summary(arm, level) for arm in found)
    pairs = [_pair(a, b, level, resamples) for a, b in named]
    ruled = tuple(_planned(pair, alpha, len(pairs), worth) for pair in _corrected(pairs, alpha))
    told = baseline if any(arm.name == baseline for arm in found) else None
    warnings = warnings_of(found, [(p.arm, p.against, p.test, p.runs) for p in ruled], alpha)
    return Comparison(summaries, ruled, alpha, float(worth), told, warnings)


def _pairs(arms: Sequence[Arm], baseline: str | None) -> list[tuple[Arm, Arm]]:
    by_name = {arm.name: arm for arm in arms}
    if baseline is not None and not isinstance(baseline, str):
        raise ConvvizError(f"must be the name of an arm, got {baseline!r}", "baseline")
    if baseline in by_name:
        return [(arm, by_name[baseline]) for arm in arms if arm.name != baseline]
    if baseline == BEFORE:
        return [(arm, before) for before, arm in pairwise(arms)]
    if baseline not in (None, ALL_PAIRS):
        raise ConvvizError(f"no arm {baseline!r}{nearest(str(baseline), by_name)}", "baseline")
    return list(combinations(arms, 2))


def _summary(arm: Arm, level: float) -> Summary:
    mean, sd = mean_sd(arm.values)
    interval = t_interval(arm.values, level)
    if interval is None and arm.images is not None:
        interval = wilson(mean, arm.images, level)
    return Summary(arm, mean, sd, interval and interval.within(0, 100))


def _pair(a: Arm, b: Arm, level: float, resamples: int) -> Pair:
    common = tuple(seed for seed in a.seeds if seed in b.accuracies)
    fewer = min(len(a.seeds), len(b.seeds))
    if fewer == 1:
        return _single(a, b, level)
    if 2 * len(common) < fewer or len(common) < 2:
        found = welch(a.values, b.values, level)
        if found.freedom == inf:
            return Pair(a.name, b.name, fewer, found.difference, None, untested=NO_SPREAD)
        pooled = sqrt(sum((mean_sd(arm.values)[1] or 0.0) ** 2 for arm in (a, b)) / 2)
        return Pair(
            a.name, b.name, fewer, found.difference, "Welch", interval=found.interval, p=found.p, sd=pooled
        )
    differences = tuple(round(a.accuracies[seed] - b.accuracies[seed], 10) for seed in common)
    mean, sd = mean_sd(differences)
    student = t_interval(differences, level)
    # What is drawn again from few differences never leaves their range, which misses the truth too often.
    enough = len(common) >= fewest_seeds(1 - level)
    drawn = bootstrap(differences, level, expanded=True, resamples=resamples) if enough else student
    return Pair(
        a.name, b.name, len(common), mean, "sign flip", common, differences,
        interval=drawn,
        t=student,
        p=sign_flip(differences),
        sd=sd,
    )  # fmt: skip


def _single(a: Arm, b: Arm, level: float) -> Pair:
    """At least one arm has one run only: McNemar where both have, with predictions; else nothing can be tested."""
    difference = mean_sd(a.values)[0] - mean_sd(b.values)[0]
    if len(a.seeds) > 1 or len(b.seeds) > 1:
        return Pair(a.name, b.name, 1, difference, None, untested="one run in an arm cannot be tested")
    right = [next(iter(arm.correct.values()), None) for arm in (a, b)]
    one, other = right
    if one is not None and other is not None and a.data_set == b.data_set:
        if len(one) != len(other):
            raise ConvvizError(
                f"{len(one):,} and {len(other):,} predictions are not of the same test images",
                f"arms {a.name!r} and {b.name!r}",
            )
        only_a = int(np.count_nonzero(np.greater(one, other)))
        only_b = int(np.count_nonzero(np.less(one, other)))
        found = mcnemar(only_a, only_b)
        interval = paired_proportions(only_a, only_b, len(one), level)
        return Pair(a.name, b.name, 1, 100 * (only_a - only_b) / len(one), "McNemar", interval=interval,
                    p=found.p, images=found)  # fmt: skip
    why = "one run of each cannot be tested"
    if a.images is not None and b.images is not None:
        one_end, other_end = (wilson(arm.values[0], arm.images, level) for arm in (a, b) if arm.images)
        why = OVERLAP if one_end.overlaps(other_end) else APART
    return Pair(a.name, b.name, 1, difference, None, untested=why)


def _corrected(pairs: Sequence[Pair], alpha: float) -> list[Pair]:
    """With Holm's p over all pairs that have a test, and whether it reaches ``alpha``."""
    adjusted = iter(holm([pair.p for pair in pairs if pair.p is not None]))
    out = []
    for pair in pairs:
        p = None if pair.p is None else next(adjusted)
        out.append(replace(pair, adjusted=p, detected=p is not None and p <= alpha and pair.difference != 0))
    return out


def _planned(pair: Pair, alpha: float, comparisons: int, worth: float) -> Pair:
    """With the seeds that it would take, at the measured sd."""
    if pair.sd is None:
        return pair
    paired, each = pair.test == "sign flip", alpha / comparisons
    needed, aimed = (
        seeds_needed(size, pair.sd, alpha=each, paired=paired) for size in (pair.difference, worth)
    )
    return replace(pair, needed=needed, worth=aimed)
