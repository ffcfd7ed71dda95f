"""Two arms, seed by seed: what one run of each would have said, what chance alone gives, what more seeds say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from convviz.analysis.statistics.choices import Match, Tally, chosen, tally
from convviz.analysis.statistics.compare import Pair, compare_runs
from convviz.analysis.statistics.tests_of_pairs import ALPHA, as_far, fewest_seeds, sign_means
from convviz.errors import ConvvizError
from convviz.plan.words import images
from convviz.runs.results import Results

MOST = 24  # seeds that are told; more cannot be told apart
SIZES = 10  # numbers of seeds that are counted
BINS = 31  # of the means that chance gives, odd: 0 lies in the middle of one


@dataclass(frozen=True)
class Chance:
    """The means that other signs of the differences would give, in bins of equal width around 0.

    edges: of the bins, in points. near, far: how many means of each bin lie nearer to 0 than the measured one, and how
    many as far or farther. all_counted: every choice of signs is there; else they were drawn.
    """

    edges: tuple[float, ...]
    near: tuple[int, ...]
    far: tuple[int, ...]
    all_counted: bool

    @property
    def counted(self) -> int:
        return sum(self.near) + sum(self.far)

    @property
    def beyond(self) -> int:
        return sum(self.far)

    @classmethod
    def of(cls, differences: Sequence[float]) -> Chance:
        """
        >>> found = Chance.of([0.1, 0.2, 0.1, 0.3, 0.1, 0.2])
        >>> found.beyond, found.counted
        (2, 64)
        """
        means = sign_means(differences)
        far = as_far(means, differences)
        widest = float(np.abs(differences).mean()) or 1.0
        edges = np.linspace(-widest, widest, BINS + 1) * (1 + 1e-9)
        inner, outer = (np.histogram(means[rows], edges)[0].tolist() for rows in (~far, far))
        return cls(tuple(edges.tolist()), tuple(inner), tuple(outer), len(means) == 2 ** len(differences))


@dataclass(frozen=True)
class Duel:
    """Two arms that share seeds. pair: what all their runs say, corrected for all pairs of the experiment."""

    match: Match
    pair: Pair

    @property
    def a(self) -> str:
        return self.match.a.name

    @property
    def b(self) -> str:
        return self.match.b.name

    @property
    def n(self) -> int:
        return len(self.match.rows)

    @property
    def seeds(self) -> tuple[str, ...]:
        return tuple(str(seed) for seed, _ in self.match.rows)

    @property
    def differences(self) -> tuple[float, ...]:
        return self.match.differences

    @cached_property
    def tallies(self) -> tuple[Tally, ...]:
        """For each number of seeds from 1, how all choices of so many come out."""
        return tuple(tally(self.match, n) for n in range(1, min(self.n, SIZES) + 1))

    @cached_property
    def chance(self) -> Chance:
        return Chance.of(self.differences)

    @property
    def turns(self) -> tuple[tuple[tuple[float, ...], float], ...]:
        """The differences under other signs with their mean: some that chance might have drawn, at last ours."""
        ways = ((1, -1), (-1, 1, 1))
        turned = [tuple(gap * way[i % len(way)] for i, gap in enumerate(self.differences)) for way in ways]
        return tuple((gaps, float(np.mean(gaps))) for gaps in (*turned, self.differences))

    @property
    def leader(self) -> str:
        """The arm with the higher mean over all seeds; the first where they are equal."""
        return self.b if self.pair.difference < 0 else self.a

    @property
    def other(self) -> str:
        return self.a if self.leader == self.b else self.b

    @property
    def turned(self) -> int | None:
        """The first seed that says the opposite of the very first; None where none does."""
        first = self.differences[0]
        return next((i for i, gap in enumerate(self.differences) if gap * first < 0), None)

    @property
    def sure(self) -> int | None:
        """The number of seeds from which on every choice finds the difference; None where no number does."""
        side = 0 if self.pair.difference > 0 else 2
        sure = None
        for one in reversed(self.tallies):
            if one.found[side] < one.counted:
                break
            sure = one.n
        return sure


@dataclass(frozen=True)
class Seeds:
    """Two duels of one experiment: one where single runs disagree most, and one in which a difference is detected.

    second: None where no other pair is detected. family: how many pairs the experiment has. left: seeds not told.
    """

    name: str
    data_set: str
    train_images: int | None
    test_images: int | None
    epochs: int
    first: Duel
    second: Duel | None
    family: int
    left: int

    @property
    def images(self) -> str:
        """``MNIST: 1,000 training and 10,000 test images``"""
        if self.train_images is None or self.test_images is None:
            return self.data_set
        return images(self.data_set, self.train_images, self.test_images)

    @property
    def told(self) -> str:
        """Which seeds are told: ``10``, ``the first 24 of 27``."""
        return f"the first {self.first.n} of {self.first.n + self.left}" if self.left else str(self.first.n)


def seeds(found: Results) -> Seeds:
    """Choose two pairs of arms to tell; of two arms, these.

    Raises ConvvizError where no two arms have two seeds in common.
    """
    every = found.records()
    most = max(len(arm.seeds) for arm in every)
    arms = [chosen(arm, arm.seeds[:MOST]) for arm in every]
    matches = [match for a, b in combinations(arms, 2) if (match := Match.of(a, b)).paired and match.shared]
    if not matches:
        has = ", ".join(f"{arm.name} {len(arm.seeds)}" for arm in every)
        raise ConvvizError(f"takes two arms with at least two seeds in common; runs: {has}", found.name)
    whole = compare_runs(arms, "all pairs")
    duels = [Duel(match, whole[match.a.name, match.b.name]) for match in matches]
    first = max(duels, key=lambda duel: duel.match.evenness)
    second = min(
        (duel for duel in duels if duel.pair.detected and duel is not first),
        key=lambda duel: (first.a not in (duel.a, duel.b), abs(duel.pair.difference)),
        default=None,
    )
    run = found.arms[0].first
    return Seeds(
        found.name,
        found.data_set,
        run.train_images,
        run.test_images,
        run.recipe.epochs,
        first,
        second,
        len(whole.pairs),
        max(most - MOST, 0),
    )


def least() -> int:
    """Seeds with which a test can reach .05 at all."""
    return fewest_seeds(ALPHA)
