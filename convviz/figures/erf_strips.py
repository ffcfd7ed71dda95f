"""Curves of influence along one axis, with bars for how far it reaches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convviz.analysis.paths import PathCounts
from convviz.figures import canvas
from convviz.figures.canvas import MARGIN
from convviz.figures.erf_panels import (
    LABEL,
    THEORY,
    Panel,
    caption,
    curve,
    fit,
    gaussian,
    legend_of,
    numbers,
    peak_of,
    title,
    whole_ticks,
)
from convviz.report.erf import Result, paths_of, place, told
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STRIP = 1.15  # inches that a curve is high
BAR = 0.2  # and a bar below it
BESIDE = 2.75  # inches for the words beside both


def strips(rows: list[tuple[Result, list[Panel]]], look: Theme, results: Sequence[Result]) -> Figure:
    """Curves only: for each net a strip for each mass, and below them the extents as bars."""
    name = 0.3 if len(rows) > 1 else 0.05
    heights = [name + (STRIP + 0.12) * len(drawn) + BAR * (1 + len(drawn)) + 0.6 for _, drawn in rows]
    size = (8.8, 0.95 + sum(heights) + 0.4)
    made = canvas.page(*size, look)
    left, wide = MARGIN, size[0] - 2 * MARGIN - BESIDE

    def axes(low: float, tall: float) -> Axes:
        return made.add_axes((left / size[0], low / size[1], wide / size[0], tall / size[1]))

    top = size[1] - 0.95
    for i, ((result, drawn), height) in enumerate(zip(rows, heights, strict=True)):
        paths = paths_of(result)
        if len(rows) > 1:
            words = fit(f"{told(result, i, results)}, {place(paths)}", wide + BESIDE, 10)
            y = (top - 0.12) / size[1]
            made.text(left / size[0], y, words, color=look.ink, size=10, weight="semibold", va="center")
        low = top - name
        ends = _stretch(paths, drawn)
        for panel in drawn:
            low -= STRIP + 0.12
            ax = axes(low + 0.12, STRIP)
            _strip(ax, panel, paths, ends, look)
            _beside(ax, panel, look)
        low -= BAR * (1 + len(drawn))
        _bars(axes(low, BAR * (1 + len(drawn))), drawn, paths, ends, look)
        top -= height
    canvas.header(made, look, title(results), caption(results))
    legend_of(made, look, results, False)
    return made


def _stretch(paths: PathCounts, drawn: Sequence[Panel]) -> tuple[float, float]:
    """The part of the input that is drawn: the theoretical field and all 95 % intervals, with some air."""
    longest = max(paths.size[0], *(p.extent.box[0] for p in drawn))
    middle = paths.lo[0] + (paths.size[0] - 1) / 2
    reach = longest / 2 + max(1.0, 0.06 * longest)
    return middle - reach, middle + reach


def _strip(ax: Axes, panel: Panel, paths: PathCounts, ends: tuple[float, float], look: Theme) -> None:
    peak = peak_of(panel, paths, 0)
    curve(ax, panel, 0, look)
    gaussian(ax, paths, 0, peak, look)
    middle = paths.lo[0] + (paths.size[0] - 1) / 2
    for end in (middle - paths.size[0] / 2, middle + paths.size[0] / 2):
        ax.axvline(end, color=look.ink, linestyle=THEORY, linewidth=0.9, zorder=4)
    ax.set_ylim(0, 1.12 * peak)
    _plain(ax, paths, ends, look)
    ax.tick_params(axis="x", length=0, labelbottom=False)


def _beside(ax: Axes, panel: Panel, look: Theme) -> None:
    """What a strip shows, in words at its right."""
    from textwrap import wrap

    lines = [panel.name, *wrap(panel.detail, 40)[:4]]
    for k, line in enumerate(lines):
        colour = look.ink if k == 0 else look.faint_ink
        note = ax.annotate(
            line, (1, 0.94), (8, -13 * k), ("axes fraction", "axes fraction"), "offset points", va="top"
        )
        note.set(color=colour, size=8.4 if k == 0 else LABEL)


def _bars(ax: Axes, drawn: list[Panel], paths: PathCounts, ends: tuple[float, float], look: Theme) -> None:
    middle = paths.lo[0] + (paths.size[0] - 1) / 2
    lines: list[tuple[str, int, str, str, object, str]] = [
        (f"theoretical field: {paths.size[0]:,} cells", paths.size[0], look.ink, "none", THEORY, "")
    ]
    for panel in drawn:
        role = look[panel.role]
        hatch = "" if panel.role == "input" else "...."
        lines.append(
            (numbers(panel, paths), panel.extent.box[0], role.edge, role.fill or "none", "solid", hatch)
        )
    for y, (text, length, edge, fill, style, hatch) in enumerate(lines):
        (bar,) = ax.barh(y, length, 0.62, left=middle - length / 2, color=fill, edgecolor=edge, linewidth=1.1)
        bar.set(linestyle=style, hatch=hatch, zorder=3)
        note = ax.annotate(text, (1, y), (8, 0), ("axes fraction", "data"), "offset points", va="center")
        note.set(color=look.ink, size=LABEL)
    ax.set_ylim(len(lines) - 0.5, -0.5)
    _plain(ax, paths, ends, look)
    whole_ticks(ax.xaxis, 8)
    ax.set_xlabel("input position", color=look.faint_ink, size=8.2)


def _plain(ax: Axes, paths: PathCounts, ends: tuple[float, float], look: Theme) -> None:
    """An axis along the input, hatched where there is none."""
    ax.set_xlim(*ends)
    ax.set_facecolor("none")
    for edge, stop in ((ends[0], min(-0.5, ends[1])), (max(paths.input[0] - 0.5, ends[0]), ends[1])):
        if stop > edge:
            shade = ax.axvspan(
                edge, stop, facecolor="none", edgecolor=look["muted"].fill, hatch="////", linewidth=0
            )
            shade.set_zorder(0)
    canvas.ruler(ax, look, LABEL)
