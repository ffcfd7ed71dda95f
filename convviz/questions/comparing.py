"""The question that is behind most others: is the difference between two runs more than chance?"""

from __future__ import annotations

from math import ceil, sqrt

from convviz.questions.model import Evidence
from convviz.questions.registry import ask
from convviz.questions.work import Row, evidence, listing, number

# Test accuracies that five groups reported for the same three arms; group 1's own log besides. None: not told.
ARMS = ("BN+L1+L2", "LN+L2", "GN+L1")
REPORTED: tuple[tuple[str, tuple[float | None, ...]], ...] = (
    ("group 1", (99.21, 99.26, 99.23)),
    ("group 1, its own log", (99.30, 99.28, 99.15)),
    ("group 2", (99.46, 99.09, 99.36)),
    ("group 3", (99.3, 99.3, 99.41)),
    ("group 4", (None, None, 99.14)),
    ("group 5", (99.29, 97.7, 99.0)),
)


def wilson(share: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of Wilson (1927) for a share of ``n``.

    >>> [round(100 * end, 2) for end in wilson(0.994, 10_000)]
    [99.23, 99.53]
    """
    from statistics import NormalDist

    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return middle - half, middle + half


def seeds_for(difference: float, sd: float, power: float = 0.8, level: float = 0.05) -> int:
    """Seeds for each of two arms to find a difference of means with this power (normal approximation, two-sided).

    >>> seeds_for(0.1, 0.07), seeds_for(0.05, 0.07)
    (8, 31)
    """
    from statistics import NormalDist

    z = NormalDist().inv_cdf(1 - level / 2) + NormalDist().inv_cdf(power)
    return ceil(2 * (z * sd / difference) ** 2)


@ask(
    "which-norm",
    "training",
    "Which norm is best: batch, layer or group norm?",
    "It depends on the task and on the batch, and one run of each cannot tell. Five groups ran the same "
    "three arms on MNIST and came to three different winners.",
    commands=("norm all --preset B", "compare s6_bn s6_gn"),
)
def which_norm() -> list[Evidence]:
    rows: list[Row] = []
    for name, scores in REPORTED:
        told = [(score, arm) for score, arm in zip(scores, ARMS, strict=True) if score is not None]
        best = max(told)
        alone = ", the only one told" * (len(told) == 1)
        rows.append((name, *scores, best[1].split("+")[0] + alone))
    winners = listing(sorted({row[4].split(",")[0] for row in rows}))
    error = 100 * sqrt(0.994 * 0.006 / 10_000)
    low, high = (100 * end for end in wilson(0.994, 10_000))
    inside = sum(low <= score <= high for _, scores in REPORTED for score in scores if score is not None)
    total = sum(score is not None for _, scores in REPORTED for score in scores)
    return [
        evidence(
            "reported",
            "test accuracy on MNIST in per cent, one seed each, best epoch picked on the test set",
            ("who", *ARMS, "best"),
            rows,
            f"Winners: {winners}. At 99.4 % of 10,000 images the standard error is {number(error)} points "
            f"and the 95 % interval {number(round(low, 2))} to {number(round(high, 2))}: {inside} of the "
            f"{total} numbers lie in it. The design also changes the regularizer with the norm, so that no "
            "winner would tell which of the two it was.",
        )
    ]


@ask(
    "how-many-seeds",
    "training",
    "How many runs does it take to compare two nets?",
    "Ten seeds or more, the same ones for both, the last epoch and not the best, and 'no difference "
    "detected' as the verdict unless an interval says otherwise.",
    commands=("compare code7 code8",),
)
def how_many_seeds() -> list[Evidence]:
    flips = [(n, 2**n, 2 / 2**n, "yes" if 2 / 2**n <= 0.05 else "no") for n in (1, 3, 5, 6, 8, 10)]
    power = [(d, seeds_for(d, 0.07)) for d in (0.2, 0.1, 0.05, 0.02)]
    first = next(row[0] for row in flips if row[3] == "yes")
    return [
        evidence(
            "sign-flips",
            "paired runs: the smallest p that a two-sided sign-flip test can give",
            ("pairs", "ways to flip signs", "smallest p", "can reach .05"),
            flips,
            f"With fewer than {first} pairs not even the clearest result is below .05.",
        ),
        evidence(
            "power",
            "seeds for each arm, at a deviation of .07 points between seeds (power 80 %, level 5 %)",
            ("difference in points", "seeds"),
            power,
            f"A difference of .1 points takes {power[1][1]} seeds an arm, and one of .05 takes "
            f"{power[2][1]}.",
        ),
    ]
