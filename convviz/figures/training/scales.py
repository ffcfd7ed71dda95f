"""Axes on which accuracies can be read: stretched towards 100 per cent where runs get near it."""

from __future__ import annotations

from collections.abc import Iterable
from math import log10
from typing import TYPE_CHECKING

import numpy as np

from convviz.ops.base import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STRETCHED = 90.0  # per cent; where the best is below, equal steps are equal
NEAREST = 0.01  # of an error in per cent: what 100 per cent is drawn as, at most
ROUND = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.98, 99.99)
FINER = (85, 92, 96, 97, 98.5, 99.2, 99.3, 99.4, 99.6, 99.7, 99.85)  # where there is room
APART = 0.085  # of the axis, between two of its numbers
AIR = 0.06


def accuracy_axis(ax: Axes, values: Iterable[float]) -> bool:
    """Limits, numbers and scale for accuracies in per cent; whether the axis is stretched towards 100."""
    found = [value for value in values if np.isfinite(value)] or [0.0, 100.0]
    low, high = min(found), max(found)
    if high < STRETCHED:
        span = max(high - low, 2.0)
        ax.set_ylim(max(low - AIR * span, -1.0), min(high + AIR * span + 0.3, 101.0))
        ax.locator_params(axis="y", nbins=7)
        return False
    errors = [min(100 - value for value in found if value < 100)] if low < 100 else [1.0]
    least = max(min(errors[0] / 1.6, 1.0), NEAREST)

    def squeezed(y: Array) -> Array:
        return -np.log10(np.maximum(100 - np.asarray(y, float), least))

    def back(t: Array) -> Array:
        return 100 - 10.0 ** -np.asarray(t, float)

    ax.set_yscale("function", functions=(squeezed, back))
    bottom, top = -log10(max(100 - low, least)), -log10(max(100 - high, least))
    air = AIR * max(top - bottom, 0.25)
    floor, ceiling = back(np.array(bottom - air)), back(np.array(min(top + air, -log10(least))))
    ax.set_ylim(float(floor), float(ceiling))
    _numbers(ax, float(floor), float(ceiling), squeezed)
    return True


def _numbers(ax: Axes, floor: float, ceiling: float, squeezed: object) -> None:
    """Round numbers that lie far enough from each other to be read."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    def place(value: float) -> float:
        return float(squeezed(np.array(value)))  # type: ignore[operator]

    low, high = place(floor), place(ceiling)
    chosen: list[float] = []
    inside = [value for value in (*reversed(ROUND), *reversed(FINER)) if floor <= value <= ceiling]
    if len(inside) < 3:  # a narrow stretch: equal steps between its ends
        step = 10.0 ** np.floor(np.log10(max(ceiling - floor, 1e-6) / 2))
        step = next(s for s in (5 * step, 2 * step, step) if (ceiling - floor) / s >= 2)
        first = np.ceil(floor / step) * step
        inside = [round(float(v), 6) for v in np.arange(first, ceiling + step / 9, step) if v <= ceiling][
            ::-1
        ]
    for value in inside:  # those near 100 matter most
        if all(abs(place(value) - place(other)) > APART * (high - low) for other in chosen):
            chosen.append(value)
    chosen.sort()
    ax.yaxis.set_major_locator(FixedLocator(chosen))
    ax.yaxis.set_major_formatter(FixedFormatter([f"{value:g}" for value in chosen]))
    ax.yaxis.set_minor_locator(NullLocator())


def loss_axis(ax: Axes, values: Iterable[float]) -> bool:
    """A logarithmic axis where losses differ by more than a factor of six, else from 0; whether it is logarithmic."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    found = [value for value in values if np.isfinite(value)] or [1.0]
    low, high = min(found), max(found)
    if low <= 0 or high / low < 6:
        ax.set_ylim(0, (high or 1.0) * 1.08)
        ax.locator_params(axis="y", nbins=7)
        return False
    ax.set_yscale("log")
    ax.set_ylim(low / 1.2, high * 1.15)
    ax.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return True


def epoch_axis(ax: Axes, count: int) -> None:
    """Whole epochs, from the first to the last."""
    from matplotlib.ticker import MaxNLocator

    air = max(0.03 * (count - 1), 0.5 if count == 1 else 0.12)
    ax.set_xlim(max(1 - air, 0.5), count + air)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))


def spread(heights: Iterable[float], apart: float, low: float, high: float) -> list[float]:
    """``heights`` moved as little as needed to lie ``apart`` from each other, between ``low`` and ``high``.

    Their order stays; where there is no room for all, they are spread evenly.

    >>> spread([10.0, 11.0, 40.0], 8.0, 0.0, 50.0)
    [6.5, 14.5, 40.0]
    """
    given = list(heights)
    if not given:
        return []
    apart = min(apart, (high - low) / max(len(given) - 1, 1))
    order = sorted(range(len(given)), key=lambda i: given[i])
    # Groups of neighbours that touch move together, around the mean of where they want to be.
    groups: list[list[int]] = []
    middles: list[float] = []
    for i in order:
        groups.append([i])
        middles.append(min(max(given[i], low), high))
        while True:
            half = [apart * (len(group) - 1) / 2 for group in groups]
            middles[-1] = min(max(middles[-1], low + half[-1]), high - half[-1])
            if len(groups) < 2 or middles[-1] - half[-1] >= middles[-2] + half[-2] + apart - 1e-9:
                break
            joined = groups.pop(-2) + groups.pop()
            middles.pop()
            groups.append(joined)
            middles[-1] = sum(given[k] for k in joined) / len(joined)
    placed = dict.fromkeys(order, 0.0)
    for group, middle in zip(groups, middles, strict=True):
        for k, i in enumerate(group):
            placed[i] = middle + apart * (k - (len(group) - 1) / 2)
    return [placed[i] for i in range(len(given))]
