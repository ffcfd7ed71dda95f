"""A factorial of runs: what one factor does on average over all else, and whether it does the same everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from convviz.analysis.statistics.compare import WORTH, Comparison, compare_runs
from convviz.analysis.statistics.intervals import mean_sd
from convviz.analysis.statistics.runs import Arm
from convviz.analysis.statistics.tests_of_pairs import ALPHA, TIE, fewest_seeds
from convviz.errors import ConvvizError

Cells = Mapping[tuple[str, str], Mapping[Any, float]]  # (level, the rest): accuracy by seed
COUNTED = 14  # seeds up to which every choice of signs is counted
FLIPS = 20_000  # choices of signs that are drawn beyond


@dataclass(frozen=True)
class Interaction:
    """Whether what a factor does depends on the rest.

    left: by (level, rest), by how many points the mean lies above what both effects add up to. p: of the sign-flip test
    that all of them are 0; None with one seed, or where there is only one level of either.
    """

    left: Mapping[tuple[str, str], float]
    p: float | None
    seeds: int
    alpha: float

    @property
    def detected(self) -> bool:
        return self.p is not None and self.p <= self.alpha

    @property
    def largest(self) -> tuple[tuple[str, str], float]:
        """The combination that lies furthest from the sum of both effects, and by how much."""
        return max(self.left.items(), key=lambda item: abs(item[1]))

    @property
    def testable(self) -> bool:
        """Whether so many seeds could reach alpha at all."""
        return self.p is not None and self.seeds >= fewest_seeds(self.alpha)


@dataclass(frozen=True)
class MainEffect:
    """One factor: ``levels`` averaged over ``rests`` within each seed, then compared pair by pair.

    over: what the rests are settings of.
    means: per cent, by (level, rest), over the seeds that all combinations have. comparison: its arms are the levels.
    missing: seeds left out because not every combination has them.
    """

    factor: str
    over: str
    levels: tuple[str, ...]
    rests: tuple[str, ...]
    means: Mapping[tuple[str, str], float]
    comparison: Comparison
    interaction: Interaction
    missing: tuple[Any, ...] = ()


def main_effect(
    factor: str, cells: Cells, alpha: float = ALPHA, *, worth: float = WORTH, over: str = "all else"
) -> MainEffect:
    """The effect of ``factor``, by accuracies in per cent for each (level, rest) and seed.

    Within a seed, accuracies are averaged over the rests, so that what the rests do falls out; the averages of levels
    are paired by seed and compared as :func:`compare_runs` does. Raises ConvvizError unless every level was run with
    every rest, at least two levels, and some seeds are in all of them.

    >>> means = {("x", "u"): 99.0, ("y", "u"): 99.1, ("x", "v"): 99.2, ("y", "v"): 99.3}
    >>> cells = {cell: {seed: mean + seed / 100 for seed in range(8)} for cell, mean in means.items()}
    >>> found = main_effect("norm", cells)
    >>> found.comparison["x", "y"].verdict, found.interaction.detected
    ('y is higher by 0.10 points (0.10 to 0.10)', False)
    """
    levels = tuple(dict.fromkeys(level for level, _ in cells))
    rests = tuple(dict.fromkeys(rest for _, rest in cells))
    if len(levels) < 2:
        raise ConvvizError("has one level only; there is nothing to compare", factor)
    absent = [(level, rest) for level in levels for rest in rests if (level, rest) not in cells]
    if absent:
        level, rest = absent[0]
        raise ConvvizError(
            f"is mixed up with what else differs: {level} was not run with {rest}"
            f"{f' (and {len(absent) - 1} more)' if absent[1:] else ''}; a main effect needs every combination",
            factor,
        )
    everywhere = set.intersection(*(set(found) for found in cells.values()))
    seeds = [seed for seed in next(iter(cells.values())) if seed in everywhere]
    if not seeds:
        raise ConvvizError("no seed was run in every combination", factor)
    missing = dict.fromkeys(seed for found in cells.values() for seed in found if seed not in everywhere)
    table = np.array([[[cells[level, rest][seed] for rest in rests] for level in levels] for seed in seeds])
    means = np.round(table.mean(axis=2), 10)
    arms = [Arm(level, dict(zip(seeds, means[:, i].tolist(), strict=True))) for i, level in enumerate(levels)]
    comparison = compare_runs(arms, None, alpha, worth=worth)
    return MainEffect(
        factor,
        over,
        levels,
        rests,
        {cell: mean_sd([found[seed] for seed in seeds])[0] for cell, found in cells.items()},
        comparison,
        _interaction(table, levels, rests, alpha),
        tuple(missing),
    )


def _interaction(
    table: np.ndarray, levels: tuple[str, ...], rests: tuple[str, ...], alpha: float
) -> Interaction:
    """``table`` (seeds, levels, rests); what is left of each seed's table when both effects are taken out."""
    left = (
        table
        - table.mean(2, keepdims=True)
        - table.mean(1, keepdims=True)
        + table.mean((1, 2), keepdims=True)
    )
    mean = left.mean(0)
    named = {(a, b): float(mean[i, k]) for i, a in enumerate(levels) for k, b in enumerate(rests)}
    p = None if len(rests) < 2 or len(table) < 2 else joint_sign_flip(left.reshape(len(table), -1))
    return Interaction(named, p, len(table), alpha)


def joint_sign_flip(rows: np.ndarray, *, seed: int = 0) -> float:
    """The p of the sign-flip test that rows (seeds, numbers) have mean 0, all numbers of a seed flipped together.

    The statistic is the length of the sum over seeds. All choices of signs are counted up to 14 seeds; beyond, 20,000
    are drawn (p = (1 + hits) / (1 + drawn)). With one number a row it is :func:`sign_flip`.
    Source: Fisher 1935, section 21.

    >>> joint_sign_flip(np.array([[0.1], [0.2], [0.1], [0.3], [0.1]]))
    0.0625
    """
    n = len(rows)
    size = float(np.abs(rows).sum())
    if size < 1e-9 * max(n, 1):  # nothing but rounding is left
        return 1.0
    target = float(np.linalg.norm(rows.sum(0))) - TIE * size
    if target <= 0:
        return 1.0
    if n <= COUNTED:
        bits = np.arange(2 ** (n - 1))[:, None] >> np.arange(
            n
        )  # the last sign stays: the other half mirrors it
        return float(np.mean(np.linalg.norm((1.0 - 2.0 * (bits & 1)) @ rows, axis=1) >= target))
    rng = np.random.default_rng(seed)
    signs = 1.0 - 2.0 * rng.integers(0, 2, (FLIPS, n))
    hits = int(np.count_nonzero(np.linalg.norm(signs @ rows, axis=1) >= target))
    return (1 + hits) / (1 + FLIPS)
