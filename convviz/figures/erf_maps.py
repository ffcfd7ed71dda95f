"""Maps of influence over two axes, with their sums along each axis as curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod
from typing import TYPE_CHECKING

import numpy as np

from convviz import theme as themes
from convviz.analysis.influence import Mass
from convviz.analysis.paths import PathCounts
from convviz.figures import canvas
from convviz.figures.canvas import MARGIN
from convviz.figures.erf_panels import (
    CIRCLE,
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

SIDE = 3.1  # inches of the longer side of a map
THIN = 0.9  # and of the shorter one at least
CURVE = 0.72  # inches that a marginal curve is high
TICKS = 0.5  # inches for the numbers beside a map
WORDS = 0.62  # inches for the words above a panel
PIXELS = 600  # cells along an axis beyond which neighbours are drawn together
STEEP = 12  # times the mean within the 95 % box: a peak that needs another scale of colours
BEYOND = 0.3  # of the input's length: how far the view goes beyond the input at most


@dataclass(frozen=True)
class View:
    """What is drawn of the last two axes: from the first to the last cell, rows before columns."""

    lo: tuple[int, int]
    hi: tuple[int, int]
    cut: bool  # whether the theoretical box reaches further

    @property
    def sides(self) -> tuple[float, float]:
        """Height and width of the map in inches."""
        spans = [b - a + 1 for a, b in zip(self.lo, self.hi, strict=True)]
        return max(SIDE * spans[0] / max(spans), THIN), max(SIDE * spans[1] / max(spans), THIN)


def view_of(paths: PathCounts, drawn: Sequence[Panel]) -> View:
    """The theoretical box and all 95 % boxes with some air, not far beyond the input."""
    lo, hi, cut = [], [], False
    for a in (-2, -1):
        first, size, n = paths.lo[a], paths.size[a], paths.input[a]
        longest = max(size, *(p.extent.box[a] for p in drawn))
        extra = (longest - size + 1) // 2
        air = max(1, ceil(0.04 * longest))
        low, high = first - extra - air, first + size - 1 + extra + air
        far = max(6, ceil(BEYOND * n))
        cut = cut or first < -far or first + size > n + far
        lo.append(max(low, -far))
        hi.append(min(high, n - 1 + far))
    return View((lo[0], lo[1]), (hi[0], hi[1]), cut)


def maps(rows: list[tuple[Result, list[Panel]]], look: Theme, results: Sequence[Result]) -> Figure:
    """A row for each net, the gradients beside the path counts; path counts alone stand side by side."""
    views = [view_of(paths_of(result), drawn) for result, drawn in rows]
    roots = [any(steep(panel) for panel in drawn) for _, drawn in rows]
    columns = max(len(drawn) for _, drawn in rows)
    beside = columns == 1 and len(rows) > 1  # path counts alone: nets side by side
    each = TICKS + SIDE + CURVE + 0.45
    across = min(len(rows), 3) if beside else columns
    size_x = max(MARGIN + across * each, 7.6)
    name = 0.3 if len(rows) > 1 else 0.0
    heights = [name + WORDS + CURVE + 0.05 + view.sides[0] + TICKS for view in views]
    if beside:
        groups = [list(range(i, min(i + 3, len(rows)))) for i in range(0, len(rows), 3)]
    else:
        groups = [[i] for i in range(len(rows))]
    tall = [max(heights[i] for i in group) for group in groups]
    legend = 0.42
    size = (size_x, 0.95 + sum(tall) + legend)
    made = canvas.page(*size, look)
    top = size[1] - 0.95
    for group, height in zip(groups, tall, strict=True):
        for k, i in enumerate(group):
            result, drawn = rows[i]
            peak = [max(peak_of(p, paths_of(result), a) for p in drawn) for a in (-2, -1)]
            for j, panel in enumerate(drawn):
                x = MARGIN + (k if beside else j) * each
                if len(rows) > 1 and j == 0:
                    words = f"{told(result, i, results)}, {place(paths_of(result))}"
                    made.text(x / size[0], (top - 0.12) / size[1], fit(words, each * (1 if beside else columns), 10),
                              color=look.ink, size=10, weight="semibold", va="center")  # fmt: skip
                _panel(made, (x, top - name), panel, paths_of(result), views[i], peak, roots[i], look)
        top -= height
    canvas.header(made, look, title(results), caption(results))
    legend_of(made, look, results, any(view.cut for view in views))
    return made


def steep(panel: Panel) -> bool:
    """Whether a few cells count for so much that all others would look alike."""
    mass = panel.mass
    peak = prod(float(share.max()) for share in mass.shares)
    return peak * prod(panel.extent.box) > STEEP


def _panel(
    made: Figure, corner: tuple[float, float], panel: Panel, paths: PathCounts, view: View, peak: list[float],
    root: bool, look: Theme,
) -> None:  # fmt: skip
    """A map with its words above, its column sums on top and its row sums at the right."""
    width, height = made.get_size_inches()
    tall, wide = view.sides
    x, y = corner
    for text, down, colour, weight in (
        (f"{panel.name}: {panel.detail}", 0.1, look.ink, "normal"),
        (numbers(panel, paths) + "; colours: square root" * root, 0.3, look.faint_ink, "normal"),
    ):
        room = TICKS + SIDE + CURVE + 0.1
        made.text(
            x / width,
            (y - down) / height,
            fit(text, room, 8.4),
            color=colour,
            size=8.4,
            va="center",
            weight=weight,
        )
    left, low = x + TICKS, y - WORDS - CURVE - 0.05 - tall
    ax = made.add_axes((left / width, low / height, wide / width, tall / height))
    above = made.add_axes((left / width, (low + tall + 0.05) / height, wide / width, CURVE / height))
    right = made.add_axes(((left + wide + 0.05) / width, low / height, CURVE / width, tall / height))
    _map(ax, panel, paths, view, root, look)
    _marginal(above, panel, paths, -1, peak[1], look)
    _marginal(right, panel, paths, -2, peak[0], look, upright=True)
    above.set_xlim(ax.get_xlim())
    right.set_ylim(ax.get_ylim())


def _map(ax: Axes, panel: Panel, paths: PathCounts, view: View, root: bool, look: Theme) -> None:
    from matplotlib.colors import PowerNorm
    from matplotlib.patches import Circle, Rectangle

    cells, box = plane(panel.mass, view)
    shown = np.ma.masked_less_equal(cells, 0)
    ax.set_facecolor(look.paper)
    rows, columns = paths.input[-2:]
    corner = (view.lo[1] - 0.5, view.lo[0] - 0.5)
    outside = Rectangle(corner, view.hi[1] - view.lo[1] + 1, view.hi[0] - view.lo[0] + 1, zorder=0)
    outside.set(facecolor=look.paper, edgecolor=look["muted"].fill, hatch="////", linewidth=0)
    ax.add_patch(outside)
    ax.add_patch(Rectangle((-0.5, -0.5), columns, rows, facecolor=look.paper, edgecolor="none", zorder=1))
    norm = PowerNorm(0.5 if root else 1, vmin=0)
    extent = (box[2] - 0.5, box[3] + 0.5, box[1] + 0.5, box[0] - 0.5)
    image = ax.imshow(shown, cmap=themes.MAPS["counts"], norm=norm, extent=extent, aspect="auto")
    image.set(interpolation="nearest", zorder=2)
    edge = look["input"].edge
    ax.add_patch(Rectangle((-0.5, -0.5), columns, rows, fill=False, edgecolor=edge, linewidth=1.1, zorder=3))
    middle = [first + (n - 1) / 2 for first, n in zip(paths.lo, paths.size, strict=True)][-2:]

    for sides, colour, style, width, order in (
        (panel.extent.box, look["active"].edge, "solid", 1.7, 6),
        (paths.size, look.ink, THEORY, 1.2, 7),
    ):
        corner = (middle[1] - sides[-1] / 2, middle[0] - sides[-2] / 2)
        line = Rectangle(corner, sides[-1], sides[-2], fill=False, edgecolor=colour, zorder=order)
        line.set(linewidth=width, linestyle=style, path_effects=_cased(look, width))
        ax.add_patch(line)
    if panel.extent.radius is not None and len(paths.size) == 2:
        circle = Circle(
            (middle[1], middle[0]), panel.extent.radius, fill=False, edgecolor=look["active"].edge
        )
        circle.set(linewidth=1.4, linestyle=CIRCLE, zorder=6, path_effects=_cased(look, 1.4))
        ax.add_patch(circle)
    ax.set_xlim(view.lo[1] - 0.5, view.hi[1] + 0.5)
    ax.set_ylim(view.hi[0] + 0.5, view.lo[0] - 0.5)
    for side in ax.spines.values():
        side.set_color(look.line)
    ax.tick_params(labelcolor=look.faint_ink, labelsize=LABEL, length=2.5, color=look.line)
    for axis, inches in ((ax.xaxis, view.sides[1]), (ax.yaxis, view.sides[0])):
        whole_ticks(axis, 5 if inches > 2 else 3 if inches > 1.2 else 2)


def _cased(look: Theme, width: float) -> list[object]:
    """Lines that can be seen on every colour of the map."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=width + 1.8, foreground=look.paper)]


def plane(mass: Mass, view: View) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """The shares within the view, summed over all axes but the last two, and their first and last row and column.

    Neighbours are added up where there are more than PIXELS along an axis.
    """
    parts: list[np.ndarray]
    if mass.is_product:
        parts = list(mass.shares[-2:])
    else:
        (joint,) = mass.shares
        parts = [joint.sum(tuple(range(mass.rank - 2)))]
    ends: list[int] = []
    for k, a in enumerate((-2, -1)):
        first = mass.origin[a]
        at, axis = (k, 0) if len(parts) == 2 else (0, k)
        n = parts[at].shape[axis]
        start, stop = max(view.lo[k], first), min(view.hi[k], first + n - 1)
        cut = [slice(None)] * parts[at].ndim
        cut[axis] = slice(start - first, stop - first + 1)
        step = -(-(stop - start + 1) // PIXELS)
        part = parts[at][tuple(cut)]
        if step > 1:
            fill = -part.shape[axis] % step
            part = np.pad(part, [(0, fill if b == axis else 0) for b in range(part.ndim)])
            part = np.add.reduceat(part, range(0, part.shape[axis], step), axis)
            stop += fill
        parts[at] = part
        ends += [start, stop]
    cells = np.multiply.outer(*parts) if len(parts) == 2 else parts[0]
    return cells, (ends[0], ends[1], ends[2], ends[3])


def _marginal(
    ax: Axes, panel: Panel, paths: PathCounts, axis: int, peak: float, look: Theme, upright: bool = False
) -> None:
    """The shares along one axis, the Gaussian of the path counts' spread, and the ends of box and 95 %."""
    curve(ax, panel, axis, look, upright)
    gaussian(ax, paths, axis, peak, look, upright)
    middle = paths.lo[axis] + (paths.size[axis] - 1) / 2
    lines = (
        (paths.size[axis], look.ink, THEORY, 0.9),
        (panel.extent.box[axis], look["active"].edge, "solid", 1.1),
    )
    for length, colour, style, width in lines:
        for end in (middle - length / 2, middle + length / 2):
            draw = ax.axhline if upright else ax.axvline
            draw(end, color=colour, linestyle=style, linewidth=width, zorder=4)  # type: ignore[arg-type]
    (ax.set_xlim if upright else ax.set_ylim)(0, 1.12 * peak)
    ax.set_facecolor("none")
    for side in ax.spines.values():
        side.set_visible(False)
    ax.tick_params(length=0, labelleft=False, labelbottom=False)
