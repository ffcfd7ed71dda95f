"""Error rates of the whole procedure, by simulation: runs with a planted effect, or none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convviz.analysis.statistics.compare import compare_runs
from convviz.analysis.statistics.tests_of_pairs import ALPHA
from convviz.errors import ConvvizError

CENTRE = 99.3  # per cent: far enough from 100 for normal runs
IMAGES = 10_000


@dataclass(frozen=True)
class ErrorRates:
    """Shares of the ``repetitions``, or of their pairs.

    false: at least one difference detected between arms that have none (None where all pairs have one). found: planted
    differences that were detected (None without one), wrong: with the wrong sign. covered, covered_t: pairs of which
    the bootstrap and Student's interval held the true difference.
    """

    arms: int
    seeds: int
    effect: float
    sd: float
    shared: float
    repetitions: int
    false: float | None
    found: float | None
    wrong: float
    covered: float
    covered_t: float


def error_rates(
    arms: int = 3,
    seeds: int = 8,
    effect: float = 0.0,
    sd: float = 0.07,
    *,
    shared: float = 0.0,
    repetitions: int = 500,
    alpha: float = ALPHA,
    resamples: int = 1000,
    seed: int = 0,
) -> ErrorRates:
    """How often ``compare_runs`` (all pairs) finds what is not there, and what is.

    effect: points by which the last arm is truly higher; the others are alike. sd: of the runs of an arm, normal,
    rounded to whole images of 10,000. shared: the part of the variance that runs of one seed have in common (the same
    first weights and order); paired differences have sd sqrt(2 (1 - shared)).

    >>> found = error_rates(arms=2, seeds=6, repetitions=20, resamples=100)
    >>> found.repetitions, found.found
    (20, None)
    """
    if arms < 2 or seeds < 2 or repetitions < 1:
        raise ConvvizError(f"needs 2 arms, 2 seeds and 1 repetition, got {arms}, {seeds} and {repetitions}")
    if not 0 <= shared <= 1:
        raise ConvvizError(f"must be a share from 0 to 1, got {shared!r}", "shared")
    rng = np.random.default_rng(seed)
    last = f"arm {arms}"
    false = wrong = planted = found = pairs = covered = covered_t = 0
    for _ in range(repetitions):
        noise = shared**0.5 * rng.normal(0, sd, seeds) + (1 - shared) ** 0.5 * rng.normal(
            0, sd, (arms, seeds)
        )
        noise[-1] += effect
        runs = np.clip(np.round((CENTRE + noise) * IMAGES / 100) * 100 / IMAGES, 0, 100)
        result = compare_runs(
            {f"arm {i + 1}": dict(enumerate(values.tolist())) for i, values in enumerate(runs)},
            alpha=alpha,
            resamples=resamples,
        )
        mistaken = False
        for pair in result.pairs:
            truth = -effect if pair.against == last else 0.0
            pairs += 1
            assert pair.interval is not None and pair.t is not None
            covered += truth in pair.interval
            covered_t += truth in pair.t
            planted += truth != 0
            found += pair.detected and pair.difference * truth > 0
            wrong += pair.detected and pair.difference * truth < 0
            mistaken |= pair.detected and truth == 0
        false += mistaken
    return ErrorRates(
        arms,
        seeds,
        effect,
        sd,
        shared,
        repetitions,
        false=None if planted == pairs else false / repetitions,
        found=found / planted if planted else None,
        wrong=wrong / max(planted, 1),
        covered=covered / pairs,
        covered_t=covered_t / pairs,
    )
