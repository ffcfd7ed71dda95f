"""How many seeds it takes to find a difference, and what so many seeds can find."""

from __future__ import annotations

from math import ceil, isfinite, sqrt

from convviz.analysis.statistics.distributions import NORMAL, t_test_power
from convviz.analysis.statistics.intervals import check_level
from convviz.analysis.statistics.tests_of_pairs import ALPHA, fewest_seeds
from convviz.errors import ConvvizError

POWER = 0.8  # four experiments in five find it
MOST = 10**6  # seeds; more is no answer


def seeds_by_normal(difference: float, sd: float, *, power: float = POWER, alpha: float = ALPHA) -> int:
    """Seeds for each of two arms whose runs have ``sd``, by the textbook formula 2 (z_a + z_b)^2 sd^2 / difference^2.

    z_a and z_b are the normal quantiles of 1 - alpha / 2 and of the power. It takes the standard deviation as known and
    supposes that common seeds give nothing away (paired differences then have sd sqrt(2)), and so is two seeds or so
    too few: see :func:`seeds_needed`. Points of accuracy. Source: Cohen 1988, section 2.4.

    >>> seeds_by_normal(0.1, 0.07), seeds_by_normal(0.05, 0.07)
    (8, 31)
    """
    _check(difference, sd, power, alpha)
    if difference == 0:
        raise ConvvizError("must not be 0: no number of seeds finds a difference of 0", "difference")
    z = NORMAL.inv_cdf(1 - alpha / 2) + NORMAL.inv_cdf(power)
    return max(ceil(2 * (z * sd / difference) ** 2 - 1e-9), 2)


def power_of(difference: float, sd: float, seeds: int, *, alpha: float = ALPHA, paired: bool = True) -> float:
    """How often ``seeds`` runs of each arm find a true ``difference`` with a two-sided t test at ``alpha``.

    sd: of the paired differences (paired), or of the runs of one arm (not paired: two arms without common seeds).
    Exact for normal runs, by the noncentral t; the sign-flip test comes close to it from 10 seeds on.

    >>> round(power_of(0.1, 0.099, 8), 2), round(power_of(0.1, 0.07, 8, paired=False), 2)
    (0.69, 0.76)
    """
    _check(difference, sd, POWER, alpha)
    if seeds < 2:
        return 0.0
    if sd == 0:
        return 1.0 if difference else 0.0
    error = sd * sqrt((1 if paired else 2) / seeds)
    return t_test_power(abs(difference) / error, seeds - 1 if paired else 2 * seeds - 2, alpha)


def seeds_needed(
    difference: float, sd: float, *, power: float = POWER, alpha: float = ALPHA, paired: bool = True
) -> int | None:
    """The least number of seeds that find a true ``difference`` with that power; None: none, or over a million.

    sd as in :func:`power_of`. Where runs are paired, never fewer than the sign-flip test needs to reach alpha at all.

    >>> seeds_needed(0.1, 0.07 * 2**0.5), seeds_needed(0.05, 0.07 * 2**0.5), seeds_needed(0.0, 0.07)
    (10, 33, None)
    >>> seeds_needed(0.1, 0.07, paired=False), seeds_needed(0.5, 0.07)
    (9, 6)
    """
    _check(difference, sd, power, alpha)
    least = fewest_seeds(alpha) if paired else 2
    if difference == 0 or power_of(difference, sd, MOST, alpha=alpha, paired=paired) < power:
        return None
    each = sd / sqrt(2) if paired else sd  # the normal formula is near, and below at any power worth having
    n = least if sd == 0 else max(seeds_by_normal(difference, each, power=power, alpha=alpha), least)
    while n > least and power_of(difference, sd, n - 1, alpha=alpha, paired=paired) >= power:
        n -= 1
    while power_of(difference, sd, n, alpha=alpha, paired=paired) < power:
        n += 1
    return n


def detectable(
    seeds: int, sd: float, *, power: float = POWER, alpha: float = ALPHA, paired: bool = True
) -> float | None:
    """The smallest true difference that ``seeds`` find with that power; None where they cannot find any.

    >>> round(detectable(10, 0.07 * 2**0.5), 3), detectable(5, 0.07)
    (0.099, None)
    """
    _check(0.0, sd, power, alpha)
    if seeds < (fewest_seeds(alpha) if paired else 2):
        return None
    if sd == 0:
        return 0.0
    low, high = 0.0, sd
    while power_of(high, sd, seeds, alpha=alpha, paired=paired) < power:
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        enough = power_of(middle, sd, seeds, alpha=alpha, paired=paired) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def _check(difference: float, sd: float, power: float, alpha: float) -> None:
    check_level(alpha, "alpha")
    check_level(power, "power")
    if not isfinite(difference):
        raise ConvvizError(f"must be a number of points, got {difference!r}", "difference")
    if not (isfinite(sd) and sd >= 0):
        raise ConvvizError(f"must be a standard deviation of 0 or more, got {sd!r}", "sd")
