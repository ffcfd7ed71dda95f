"""Two arms run by run, and what any number of their seeds would have said: every choice of them, or many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from convviz.analysis.statistics.compare import compare_runs
from convviz.analysis.statistics.runs import Arm
from convviz.analysis.statistics.tests_of_pairs import ALPHA, fewest_seeds, sign_flip, welch

CHOICES = 252  # of so many seeds that are counted, all of them up to 10 seeds
EQUAL = 1e-9  # points: means closer than this are equal


def chosen(arm: Arm, seeds: Sequence[Any]) -> Arm:
    """The same arm with some of its runs."""
    correct = {seed: arm.correct[seed] for seed in seeds if seed in arm.correct}
    return replace(arm, accuracies={seed: arm.accuracies[seed] for seed in seeds}, correct=correct)


@dataclass(frozen=True)
class Match:
    """Two arms run by run: those of a seed that both have, or else as they stand, one beside the other."""

    a: Arm
    b: Arm
    rows: tuple[tuple[Any, Any], ...]  # seeds
    paired: bool  # tested by their differences

    @property
    def shared(self) -> bool:
        """Whether runs that stand beside each other have one seed."""
        return all(one == other for one, other in self.rows)

    @classmethod
    def of(cls, a: Arm, b: Arm) -> Match:
        common = [(seed, seed) for seed in a.seeds if seed in b.accuracies]
        fewer = min(len(a.seeds), len(b.seeds))
        paired = fewer > 1 and len(common) > 1 and 2 * len(common) >= fewer  # as compare_runs has it
        alike = paired or len(common) == fewer
        return cls(a, b, tuple(common if alike else zip(a.seeds, b.seeds)), paired)

    @cached_property
    def values(self) -> np.ndarray:
        """Accuracies (2, runs)."""
        return np.array(
            [[self.a.accuracies[s] for s, _ in self.rows], [self.b.accuracies[s] for _, s in self.rows]]
        )

    @cached_property
    def differences(self) -> tuple[float, ...]:
        """``a`` less ``b``, run by run, without what binary numbers add to decimal accuracies."""
        return tuple(np.round(self.values[0] - self.values[1], 10).tolist())

    @property
    def evenness(self) -> float:
        """How evenly single runs split between both arms: where they do, few seeds mislead most; 0 where all agree."""
        above, below = (sum(sign * gap > 0 for gap in self.differences) for sign in (1, -1))
        return min(above, below) / len(self.rows)

    def some(self, places: Sequence[int]) -> tuple[Arm, Arm]:
        """Both arms with the runs in some rows."""
        return chosen(self.a, [self.rows[i][0] for i in places]), chosen(
            self.b, [self.rows[i][1] for i in places]
        )

    def p(self, places: Sequence[int]) -> float | None:
        """Of so many runs, as compare_runs has it; None where they are too few for any verdict."""
        if len(places) == 1:
            return compare_runs(self.some(places)).pairs[0].p  # McNemar's, of predictions
        if self.paired:
            if len(places) < fewest_seeds(ALPHA):
                return None
            return sign_flip([self.differences[i] for i in places])
        ones, others = self.values[:, list(places)].tolist()
        return welch(ones, others).p if len(places) > 1 else None


@dataclass(frozen=True)
class Tally:
    """How choices of n seeds come out. places: the choices, the first n runs first; means: ``a`` less ``b`` of each.

    of: how many choices there are. higher, found: how many say ``a``, neither and ``b``: by the mean alone, and by a
    test of these two arms at .05.
    """

    n: int
    of: int
    places: tuple[tuple[int, ...], ...]
    means: np.ndarray
    higher: tuple[int, int, int]
    found: tuple[int, int, int]

    @property
    def counted(self) -> int:
        return len(self.places)


def tally(match: Match, n: int, most: int = CHOICES) -> Tally:
    """Every choice of n runs, or ``most`` of them in no order.

    >>> a, b = Arm("a", {0: 99.4, 1: 99.1, 2: 99.3}), Arm("b", {0: 99.2, 1: 99.2, 2: 99.1})
    >>> tally(Match.of(a, b), 1).higher, tally(Match.of(a, b), 2).higher
    ((2, 0, 1), (3, 0, 0))
    """
    every = choices(len(match.rows), n, most)
    means = np.array([match.values[:, list(places)].mean(1) @ (1, -1) for places in every])
    found = [0, 0, 0]
    for mean, places in zip(means, every):
        p = match.p(places)
        found[1 if p is None or p > ALPHA or abs(mean) < EQUAL else (0 if mean > 0 else 2)] += 1
    above, below = int((means > EQUAL).sum()), int((means < -EQUAL).sum())
    return Tally(
        n,
        comb(len(match.rows), n),
        tuple(every),
        means,
        (above, len(every) - above - below, below),
        (found[0], found[1], found[2]),
    )


def choices(total: int, n: int, most: int) -> list[tuple[int, ...]]:
    """Which runs, the first ones first and the others in no order: all choices where they are not too many.

    >>> sorted(choices(3, 2, 10)), len(choices(40, 20, 50))
    ([(0, 1), (0, 2), (1, 2)], 50)
    """
    rng = np.random.default_rng(n)
    first = tuple(range(n))
    if comb(total, n) <= most:
        rest = list(combinations(range(total), n))[1:]
        return [first, *(rest[i] for i in rng.permutation(len(rest)))]
    drawn = {first: None}
    while len(drawn) < most:
        drawn[tuple(sorted(rng.choice(total, n, replace=False).tolist()))] = None
    return list(drawn)
