"""Five groups that ran one experiment and drew five conclusions: what their figures can bear.

Each trained BN+L1+L2, LN+L2 and GN+L1 on MNIST once and reported the best epoch on the test images. The norm and the
regularizer change together, so that even a real difference would not say which of them made it.
"""

from __future__ import annotations

from dataclasses import dataclass

from convviz.analysis.statistics.intervals import LEVEL, Interval, wilson
from convviz.analysis.statistics.tests_of_pairs import holm, two_proportions

TEST = 10_000
ARMS = ("BN+L1+L2", "LN+L2", "GN+L1")
REPORTED = (  # per cent, in the order of ARMS; None: not told
    ("group 1", (99.21, 99.26, 99.23), "LN+L2"),
    ("group 1, its own log", (99.30, 99.28, 99.15), "BN+L1+L2"),
    ("group 2", (99.46, 99.09, 99.36), "BN+L1+L2"),
    ("group 3", (99.30, 99.30, 99.41), "GN+L1"),
    ("group 4", (None, None, 99.14), "GN+L1"),
    ("group 5", (99.29, 97.70, 99.00), "BN+L1+L2"),
)


@dataclass(frozen=True)
class Figure:
    """One reported accuracy in per cent, with Wilson's interval over the test images."""

    arm: str
    accuracy: float
    interval: Interval


@dataclass(frozen=True)
class Group:
    """What one group reported, and which arm it called best.

    p: that the winner and the runner-up are one accuracy (two proportions), Holm over all groups; None where only one
    figure was told. apart: arms whose interval has nothing in common with the winner's.
    """

    name: str
    figures: tuple[Figure, ...]
    best: str
    p: float | None

    @property
    def winner(self) -> Figure:
        return next(figure for figure in self.figures if figure.arm == self.best)

    @property
    def apart(self) -> tuple[str, ...]:
        return tuple(f.arm for f in self.figures if not f.interval.overlaps(self.winner.interval))


def five_groups(level: float = LEVEL) -> tuple[Group, ...]:
    """The five groups (one of them twice: its summary contradicts its log), each figure with its Wilson interval.

    >>> groups = five_groups()
    >>> sorted({group.best for group in groups})
    ['BN+L1+L2', 'GN+L1', 'LN+L2']
    >>> [group.p is None or group.p > 0.05 for group in groups]
    [True, True, True, True, True, True]
    """
    told = [
        (name, {arm: v for arm, v in zip(ARMS, values, strict=True) if v is not None}, best)
        for name, values, best in REPORTED
    ]
    ps = {}
    for name, values, _ in told:
        ranked = sorted(values.values(), reverse=True)
        if len(ranked) > 1:
            ps[name] = two_proportions(ranked[0], ranked[1], TEST, TEST)
    adjusted = dict(zip(ps, holm(list(ps.values())), strict=True))
    return tuple(
        Group(
            name,
            tuple(Figure(arm, value, wilson(value, TEST, level)) for arm, value in values.items()),
            best,
            adjusted.get(name),
        )
        for name, values, best in told
    )
