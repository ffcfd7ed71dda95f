"""What the pictures of influence share: panels and their words, curves, and the legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi, sqrt
from typing import TYPE_CHECKING, Literal

import numpy as np

from convviz import theme as themes
from convviz.analysis.influence import EffectiveField, Extent, Mass
from convviz.analysis.paths import PathCounts
from convviz.errors import ConvvizError
from convviz.figures.canvas import MARGIN
from convviz.ops.base import show
from convviz.report.erf import Result, count_words, paths_of, place, source_words, told
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABEL = 7.6  # points of the smallest text

THEORY = (0, (6, 2.5))
GAUSSIAN = (0, (2.2, 1.4))
CIRCLE = (0, (1, 1.3))


@dataclass(frozen=True)
class Panel:
    """One mass to be drawn: what it is, in words and as a role."""

    name: str
    detail: str
    role: str
    mass: Mass
    extent: Extent


def panels(result: Result) -> list[Panel]:
    """The path counts of the real unit and, if they were taken, its gradients."""
    paths = paths_of(result)
    mass, extent = paths.real or paths.free, paths.real_extent or paths.free_extent
    if mass is None or extent is None:
        raise ConvvizError(f"{place(paths)} of {paths.graph.name} has too many cells to draw", "--plot")
    out = [Panel("path counts", count_words(paths), "input", mass, extent)]
    if isinstance(result, EffectiveField):
        detail = source_words(result.probe).removesuffix(", mean")
        out.append(Panel("mean |gradient|", detail, "output", result.gradient, result.extent))
    return out


# -- words ----------------------------------------------------------------------------------------------
def title(results: Sequence[Result]) -> str:
    if len(results) > 1:
        return "How much each input cell counts for one unit"
    paths = paths_of(results[0])
    return f"{paths.graph.name}, {place(paths)}: how much each input cell counts"


def caption(results: Sequence[Result]) -> str:
    rank = len(paths_of(results[0]).size)
    if rank == 1:
        return "Curves: the share of each input cell. Bars: the theoretical field, and where 95 % of the mass lies."
    if rank > 2:
        others = "first axis" if rank == 3 else f"first {rank - 2} axes"
        return f"Colour: a cell's share, summed over the {others}; blank cells have none. Curves: sums along an axis."
    return "Colour: a cell's share, from 0 (dark) to the largest; blank cells have none. Curves: sums along an axis."


def numbers(panel: Panel, paths: PathCounts) -> str:
    """``95 % in 22x22 of 32x32 cells, radius 11.5``"""
    if len(paths.size) == 1:
        return f"95 % in {panel.extent.box[0]:,} of {paths.size[0]:,} cells, sd {_short(panel.extent.sd[0])}"
    circle = "" if panel.extent.radius is None else f", radius {panel.extent.radius:.1f}"
    return f"95 % in {show(panel.extent.box)} of {show(paths.size)} cells{circle}"


def _short(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def description(results: Sequence[Result]) -> str:
    """The picture in words, for those who cannot see it."""
    parts = []
    for i, result in enumerate(results):
        paths = paths_of(result)
        told_panels = "; ".join(f"{p.name} ({p.detail}): {numbers(p, paths)}" for p in panels(result))
        parts.append(
            f"{told(result, i, results)}, {place(paths)}, theoretical field {show(paths.size)}. {told_panels}."
        )
    return f"{title(results)}. {' '.join(parts)}"


# -- curves ---------------------------------------------------------------------------------------------
def peak_of(panel: Panel, paths: PathCounts, axis: int) -> float:
    """How high the curves of one axis reach; a Gaussian much narrower than a cell is not followed up."""
    peak = float(panel.mass.marginals[axis].max())
    if paths.sd is None or not paths.sd[axis]:
        return peak
    return max(peak, min(1 / (paths.sd[axis] * sqrt(2 * pi)), 1.5 * peak))


def curve(ax: Axes, panel: Panel, axis: int, look: Theme, upright: bool = False) -> None:
    """Steps, one for each cell, or a line where cells are too narrow to be seen."""
    shares, first = panel.mass.marginals[axis], panel.mass.origin[axis]
    role = look[panel.role]
    edges = np.arange(len(shares) + 1) + first - 0.5
    fill = themes.mix(look.paper, role.edge, 0.3)
    orientation: Literal["horizontal", "vertical"] = "horizontal" if upright else "vertical"
    ax.stairs(shares, edges, orientation=orientation, fill=True, facecolor=fill, linewidth=0, zorder=2)
    ax.stairs(shares, edges, orientation=orientation, color=role.edge, linewidth=1.1, zorder=3, baseline=None)


def gaussian(ax: Axes, paths: PathCounts, axis: int, peak: float, look: Theme, upright: bool = False) -> None:
    if paths.sd is None or paths.mean is None or paths.sd[axis] < 0.2:
        return
    sd, mean = paths.sd[axis], paths.mean[axis]
    at = np.linspace(mean - 4 * sd, mean + 4 * sd, 241)
    high = np.exp(-(((at - mean) / sd) ** 2) / 2) / (sd * sqrt(2 * pi))
    points = (high, at) if upright else (at, high)
    ax.plot(*points, color=look.ink, linewidth=1.2, linestyle=GAUSSIAN, zorder=5)


def whole_ticks(axis: object, count: int) -> None:
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(count, integer=True))  # type: ignore[attr-defined]


def legend_of(made: Figure, look: Theme, results: Sequence[Result], cut: bool) -> None:
    """Line samples with their words at the foot of the page."""
    from matplotlib.lines import Line2D

    rank = len(paths_of(results[0]).size)
    active = look["active"].edge
    beyond = " (in part beyond the picture)" if cut else ""
    handles = [
        Line2D([], [], color=look.ink, linestyle=THEORY, linewidth=1.2, label=f"theoretical field{beyond}")
    ]
    if rank > 1:
        handles.append(Line2D([], [], color=active, linewidth=1.7, label="95 % box"))
    if rank == 2:
        handles.append(Line2D([], [], color=active, linestyle=CIRCLE, linewidth=1.4, label="95 % circle"))
    if any(paths_of(r).sd is not None for r in results):
        label = "Gaussian with the spread of the path counts"
        handles.append(Line2D([], [], color=look.ink, linestyle=GAUSSIAN, linewidth=1.2, label=label))
    if rank > 1:
        handles.append(Line2D([], [], color=look["input"].edge, linewidth=1.1, label="input"))
    width, height = made.get_size_inches()
    legend = made.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(MARGIN / width, 0.1 / height), ncols=len(handles),
        frameon=False, fontsize=LABEL, handlelength=2.4, columnspacing=1.4, borderpad=0, labelcolor=look.ink,
    )  # fmt: skip
    legend.set_zorder(10)


def fit(text: str, inches: float, points: float) -> str:
    """``text`` cut at its end where it would be longer than ``inches``."""
    room = int(inches * 72 / (points * 0.5))
    return text if len(text) <= room else f"{text[: room - 1].rstrip(' ,')}…"
