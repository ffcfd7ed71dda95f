"""The marks of a comparison of runs: dots, lines between seeds, means and intervals, on scales that outliers do not
squeeze.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from convviz.analysis.statistics.cautions import strays_of
from convviz.analysis.statistics.compare import Comparison, Pair, Summary
from convviz.analysis.statistics.intervals import Interval
from convviz.figures import canvas
from convviz.figures.cells import POINTS, Box
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAST = 0.02  # points that a scale spans, at least
SMALL = 7.6  # points, of what lies beyond the scale
LANES = 5  # heights among which the dots of a row are spread
STEP = 4.2  # points between them
BELOW = 15.0  # points from the middle of a row's dots to its interval


@dataclass(frozen=True)
class Scale:
    """What an axis shows; what lies beyond stands at its ends as an arrow with its value."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


def scale_of(values: Iterable[float]) -> Scale:
    """All of ``values``, and some air."""
    found = list(values)
    low, high = min(found), max(found)
    span = max(high - low, LEAST)
    middle = (low + high) / 2
    return Scale(middle - 0.58 * span, middle + 0.58 * span)


def run_scale(arms: Sequence[Summary]) -> Scale:
    """Without runs that lie far from the others of their arm, and the intervals that they stretch."""
    values = []
    for arm in arms:
        strays = strays_of(arm.arm)
        values += [value for seed, value in arm.arm.accuracies.items() if seed not in strays]
        if arm.interval and not strays and arm.n != 2:  # of two runs it is wider than anything seen
            values += [arm.interval.low, arm.interval.high]
    return scale_of(values)


def difference_scale(found: Comparison, pairs: Sequence[Pair]) -> Scale:
    """The same of differences; 0 lies on it, and what is worth knowing unless that is far away."""
    strays = {arm.name: strays_of(arm.arm) for arm in found.arms}
    values = [0.0]
    for pair in pairs:
        away = {*strays[pair.arm], *strays[pair.against]}
        values += [d for seed, d in zip(pair.seeds, pair.differences) if seed not in away]
        if not away:
            values.append(pair.difference)
            values += [pair.interval.low, pair.interval.high] if pair.interval and pair.runs != 2 else []
    if 3 * (max(values) - min(values)) > found.worth:
        values += [-found.worth, found.worth]
    return scale_of(values)


def draw_arms(
    made: Figure, box: Box, arms: Sequence[Summary], heights: Sequence[float], scale: Scale, look: Theme
) -> None:
    """A row an arm: its runs, and below them the mean with its interval; lines join runs with one seed."""
    ax = axes(made, box, scale, look)
    middles = middles_of(heights)
    places = []
    for arm, y in zip(arms, middles, strict=True):
        own = lanes(arm.arm.seeds, y - 5)
        runs = arm.arm.accuracies.items()
        places.append({seed: (value, own[seed] if scale.holds(value) else y - 5) for seed, value in runs})
    thin = max(0.35, 0.9 - 0.02 * max(map(len, places)))
    for upper, lower in pairwise(places):
        if min(len(upper), len(lower)) == 1:
            continue
        for seed in upper.keys() & lower.keys():
            (a, y), (b, z) = upper[seed], lower[seed]
            ends = (min(max(v, scale.low), scale.high) for v in (a, b))
            ax.plot(tuple(ends), (y, z), color=look["muted"].edge, linewidth=thin, alpha=0.75, zorder=2)
    role = look["input"]
    for arm, found, y in zip(arms, places, middles, strict=True):
        inside = [at for at in found.values() if scale.holds(at[0])]
        ax.plot(
            *zip(*inside) if inside else ((), ()), "o", markersize=4.6, markerfacecolor=role.fill,
            markeredgecolor=role.edge, markeredgewidth=1.0, zorder=6,
        )  # fmt: skip
        beyond(ax, [v for v, _ in found.values() if not scale.holds(v)], y - 5, scale, look, "input")
        if arm.interval is not None and arm.n > 1:
            bar(ax, arm.mean, arm.interval, y + BELOW - 5, scale, look, marker="s", strong=True)
        elif arm.interval is not None:  # Wilson's, around the dot itself
            bar(ax, arm.mean, arm.interval, y - 5, scale, look, marker="", strong=False)


def draw_pairs(
    made: Figure,
    box: Box,
    pairs: Sequence[Pair],
    heights: Sequence[float],
    scale: Scale,
    worth: float,
    look: Theme,
) -> None:
    """A row a pair: its differences, seed by seed, and below them their mean with its interval, around 0."""
    ax = axes(made, box, scale, look)
    tall = sum(heights)
    if scale.holds(worth) and scale.holds(-worth):
        ax.axvspan(-worth, worth, color=look["muted"].fill, alpha=0.55, linewidth=0, zorder=0)
        told = ax.annotate(
            f"below {worth:g} points", (0, 0), (0, 4), textcoords="offset points", annotation_clip=False
        )
        told.set(ha="center", va="bottom", color=look.faint_ink, size=SMALL)
    ax.plot((0, 0), (0, tall), color=look.ink, linewidth=1.0, dashes=(4, 3), zorder=1)
    role = look["input"]
    for pair, y in zip(pairs, middles_of(heights), strict=True):
        own = lanes(pair.seeds, y - 5)
        places = [(d, own[seed]) for seed, d in zip(pair.seeds, pair.differences) if scale.holds(d)]
        ax.plot(
            *zip(*places) if places else ((), ()), "o", markersize=3.8, markerfacecolor="none",
            markeredgecolor=role.edge, markeredgewidth=0.9, zorder=4,
        )  # fmt: skip
        beyond(
            ax, [d for d in pair.differences if not scale.holds(d)], y - 5, scale, look, "input", sign=True
        )
        at = y + BELOW - 5 if pair.differences else y
        if pair.interval is not None:
            bar(ax, pair.difference, pair.interval, at, scale, look, strong=pair.detected)
        else:  # nothing was tested: the bare difference
            ax.plot(
                pair.difference, at, "x", markersize=6, color=look.faint_ink, markeredgewidth=1.3, zorder=5
            )


def axes(made: Figure, box: Box, scale: Scale, look: Theme) -> Axes:
    """Axes over ``box`` whose y is points from its top."""
    width, height = (POINTS * inches for inches in made.get_size_inches())
    ax = made.add_axes(
        (box.x / width, 1 - box.bottom / height, box.width / width, box.height / height),
        xlim=(scale.low, scale.high),
    )
    ax.set_ylim(box.height, 0)
    canvas.ruler(ax, look, 8.0)
    ax.set_yticks([])
    ax.locator_params(axis="x", nbins=5)
    ax.ticklabel_format(axis="x", useOffset=False)
    ax.grid(axis="x", color=look.line, linewidth=0.6, zorder=0)
    ax.set_axisbelow(True)
    return ax


def middles_of(heights: Sequence[float]) -> list[float]:
    return [end - height / 2 for end, height in zip(accumulate(heights), heights, strict=True)]


def lanes(seeds: Sequence[object], middle: float) -> dict[object, float]:
    """A height for each seed, so that dots of equal runs lie beside each other."""
    count = min(len(seeds), LANES)
    return {seed: middle + STEP * (i % count - (count - 1) / 2) * 0.8 for i, seed in enumerate(seeds)}


def bar(
    ax: Axes, mean: float, interval: Interval, y: float, scale: Scale, look: Theme, *, strong: bool,
    marker: str = "D",
) -> None:  # fmt: skip
    """The mean, filled where it counts, on a line over the interval with ends, or arrows beyond."""
    role = look["active"]
    low, high = max(interval.low, scale.low), min(interval.high, scale.high)
    if low <= high:
        ax.plot(
            (low, high),
            (y, y),
            color=role.edge,
            linewidth=2.4 if strong else 1.5,
            zorder=5,
            solid_capstyle="butt",
        )
    for end, arrow in ((interval.low, "<"), (interval.high, ">")):
        shown = scale.holds(end)
        at = end if shown else scale.low if arrow == "<" else scale.high
        if shown or low <= high:
            ax.plot(at, y, "|" if shown else arrow, markersize=7 if shown else 5, color=role.edge, clip_on=False,
                    markeredgewidth=1.4, zorder=5)  # fmt: skip
    if not marker:
        return
    if scale.holds(mean):
        ax.plot(
            mean, y, marker, markersize=5.6, markerfacecolor=role.edge if strong else look.paper,
            markeredgecolor=role.edge, markeredgewidth=1.4, zorder=6,
        )  # fmt: skip
    else:
        beyond(ax, [mean], y, scale, look, "active", sign=scale.holds(0))


def beyond(
    ax: Axes, values: Sequence[float], y: float, scale: Scale, look: Theme, role: str, *, sign: bool = False
) -> None:
    """Arrows at the ends of the axis, with the values that lie out there."""
    for arrow, some in (
        ("<", [v for v in values if v < scale.low]),
        (">", [v for v in values if v > scale.high]),
    ):
        if not some:
            continue
        left = arrow == "<"
        at = scale.low if left else scale.high
        ax.plot(at, y, arrow, markersize=5.5, color=look[role].edge, clip_on=False, zorder=7)
        texts = [f"{v:+.2f}" if sign else f"{v:.2f}" for v in some[:2]] + [f"{len(some) - 2} more"] * (
            len(some) > 2
        )
        told = ax.annotate(
            ", ".join(texts).replace("-", "−"), (at, y), (7 if left else -7, 0), textcoords="offset points"
        )
        told.set(
            ha="left" if left else "right",
            va="center",
            color=look.ink,
            size=SMALL,
            family="monospace",
            zorder=8,
        )
        told.set_bbox({"facecolor": look.paper, "edgecolor": "none", "pad": 0.6, "alpha": 0.85})
