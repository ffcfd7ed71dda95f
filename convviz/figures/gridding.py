"""Gridding as a picture: the cells that one output reads, map by map down to the input, and over two axes.

Below a stack with holes stand the nearest dense rates, on the same scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.analysis.gridding import LISTED, Gridding
from convviz.analysis.gridding_net import NetGridding
from convviz.errors import ConvvizError
from convviz.figures import canvas, check_picture
from convviz.figures.canvas import MARGIN
from convviz.figures.gridding_sections import SIDE, Ribbon, Section, sections
from convviz.report.gridding import listed, percent
from convviz.report.model import shorten
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE = 7.0  # inches of the ribbons
SINGLE = 170  # cells of a span that are drawn one by one
BINS = 700  # stripes into which a wider span is gathered
THICK = 0.44  # of the pitch: how high a ribbon is
SMALL = 7.2  # points


def check_drawable(found: Gridding | NetGridding) -> None:
    """Raises ConvvizError where the span is too wide to be drawn."""
    spans = [found.span] if isinstance(found, Gridding) else [axis.span for axis in found.axes]
    if max(spans, default=0) > LISTED:
        raise ConvvizError(
            f"a span of {max(spans):,} cells is too wide to be drawn (at most {LISTED:,})", "--plot"
        )


def plot(found: Gridding | NetGridding, path: str | Path, *, theme: str = "light") -> None:
    """Draw ``found`` into ``path`` (.png, .svg or .pdf); raises ConvvizError for another extension, too wide a span."""
    check_picture(path)
    check_drawable(found)
    with canvas.style():
        made = figure(found, theme=theme)
        canvas.save(made, path, title=headline(found), words=description(found))


def figure(found: Gridding | NetGridding, *, theme: str = "light") -> Figure:
    """The picture as a matplotlib figure, on no screen and in no global state."""
    check_drawable(found)
    look = themes.theme(theme)
    parts = sections(found)
    words = [word for part in parts for word in (*(r.label for r in part.ribbons), *part.layers)]
    labels = max(map(len, words)) * 0.069 + 0.25
    mapped = any(part.plane is not None for part in parts)
    heights = [max(part.tall, part.side + 0.3) + 0.8 for part in parts]
    width = max(MARGIN + labels + WIDE + (0.4 + SIDE if mapped else 0.1) + MARGIN, 8.6)
    height = sum(heights) + 1.05
    made = canvas.page(width, height, look)
    top = height - 0.95
    for part, tall in zip(parts, heights, strict=True):
        left = MARGIN / width
        made.text(
            left, (top - 0.16) / height, part.title, color=look.ink, size=10.5, weight="semibold", va="center"
        )
        made.text(left, (top - 0.38) / height, part.text, color=look.faint_ink, size=8.6, va="center")
        low = top - 0.55 - part.tall
        ribbons = made.add_axes(((MARGIN + labels) / width, low / height, WIDE / width, part.tall / height))
        _ribbons(ribbons, part, look)
        if part.plane is not None:
            place = (MARGIN + labels + WIDE + 0.4, top - 0.55 - SIDE)
            _square(
                made.add_axes((place[0] / width, place[1] / height, SIDE / width, SIDE / height)), part, look
            )
        top -= tall
    canvas.header(made, look, headline(found), caption(parts))
    return made


# -- words ----------------------------------------------------------------------------------------------------
def headline(found: Gridding | NetGridding) -> str:
    """``Dilated convolutions, rates 2,2,2: 7 of 13 cells are read``"""
    if isinstance(found, NetGridding):
        return f"{found.graph.name}: which input cells a unit of {shorten(found.layer, 40)} reads"
    rates = shorten(listed(found.rates), 40)
    if found.dense:
        return f"Dilated convolutions, rates {rates}: all {found.span:,} cells are read"
    hits = "some" if found.hits is None else f"{found.hits:,}"
    return f"Dilated convolutions, rates {rates}: {hits} of {found.span:,} cells are read"


def caption(parts: Sequence[Section]) -> str:
    """What the drawing shows, in a sentence or two."""
    text = "Each ribbon has the input cells that one unit reads. "
    if any(part.counted for part in parts):
        text = "Each ribbon has the cells that one output uses; the stronger, the more paths lead to it. "
    missing = any(0 < len(ribbon.places) < ribbon.span for part in parts for ribbon in part.ribbons)
    if missing or any(part.plane is not None and part.plane.min() == 0 for part in parts):
        text += "Hatched cells are never read. "
    if any(part.plane is not None for part in parts):
        text += "Right: the same over two axes."
    return text.strip()


def description(found: Gridding | NetGridding) -> str:
    """The picture in words, for those who cannot see it."""
    return f"{headline(found)}. " + " ".join(f"{part.title}: {part.text}." for part in sections(found))


# -- artists --------------------------------------------------------------------------------------------------
def _heat(look: Theme, share: float) -> str:
    """Pale for hardly a path, full colour for the most."""
    role = look["input"]
    return themes.mix(role.fill or look.paper, role.edge, 0.12 + 0.88 * share**0.6)


EVEN = 0.25  # the share of the colour where all cells have as many paths


def _ink(look: Theme, ground: str) -> str:
    """Text that can be read on ``ground``."""
    return max((look.ink, look.paper), key=lambda colour: themes.contrast(colour, ground))


def _ribbons(ax: Axes, part: Section, look: Theme) -> None:
    from matplotlib.collections import LineCollection

    rows = len(part.ribbons)
    ax.set_xlim(-0.5 - 0.004 * part.scale, part.scale - 0.5 + 0.004 * part.scale)
    ax.set_ylim(rows - 0.5, -0.5)
    ax.axis("off")
    single = part.scale <= SINGLE
    for row, ribbon in enumerate(part.ribbons):
        if not ribbon.span and not ribbon.is_output:
            last = part.ribbons[-1].span
            ax.plot([-0.5, last - 0.5], [row, row], color=look.line, linewidth=0.8, zorder=1)
        if single:
            _cells(ax, row, ribbon, part, look)
        else:
            _stripes(ax, row, ribbon, look)
        colour = look["output"].edge if ribbon.is_output else look.ink
        _name(ax, ribbon.label, row, colour)
    for row, text in enumerate(part.layers):
        _name(ax, text, row + 0.5, look.faint_ink)
    if part.rays and single:
        half = THICK / 2
        lines = [((x, y + half), (u, v - half)) for (x, y), (u, v) in part.rays]
        rays = LineCollection(lines, colors=look["active"].edge, linewidths=0.7, alpha=0.75, zorder=2)
        ax.add_collection(rays)


def _name(ax: Axes, text: str, row: float, colour: str) -> None:
    """At the left of a ribbon, or of the layer between two."""
    told = ax.annotate(
        text, (0, row), (-8, 0), ("axes fraction", "data"), "offset points", annotation_clip=False
    )
    told.set(ha="right", va="center", color=colour, size=8.4)


def _cells(ax: Axes, row: int, ribbon: Ribbon, part: Section, look: Theme) -> None:
    """A box for each cell; an input's holes hatched, paths written in where there is room."""
    import numpy as np
    from matplotlib.patches import FancyBboxPatch, Rectangle

    points = 72 * WIDE / part.scale  # of one input cell
    line = 0.9 if points > 5 else 0.4
    muted, role = look["muted"], look["input"]
    low = row - THICK / 2
    if ribbon.span:
        gaps = [(at, on) for at, on in pairwise((-1.0, *ribbon.places, float(ribbon.span))) if on - at > 1]
        for at, on in gaps:
            hole = Rectangle((at + 0.5, low), on - at - 1, THICK, facecolor=muted.fill, edgecolor=muted.edge)
            hole.set(hatch="////", linewidth=line * 0.7, zorder=3)
            ax.add_patch(hole)
            ax.vlines(
                np.arange(at + 1.5, on - 0.5),
                low,
                low + THICK,
                color=muted.edge,
                linewidth=line * 0.7,
                zorder=3,
            )
    if ribbon.is_output:
        role, left = look["output"], ribbon.places[0] - ribbon.width / 2
        ax.add_patch(
            FancyBboxPatch((left + 0.12, low + 0.04), ribbon.width - 0.24, THICK - 0.08, facecolor=role.fill,
                           boxstyle="round,pad=0.08", mutation_aspect=0.5, edgecolor=role.edge, zorder=4)
        )  # fmt: skip
        return
    most = max(ribbon.paths, default=1)
    told_in = part.counted and len(str(most)) * SMALL * 0.62 + 2 < points * ribbon.width
    for place, paths in zip(ribbon.places, ribbon.paths, strict=True):
        ground = _heat(look, paths / most if min(ribbon.paths) < most else EVEN)
        cell = Rectangle((place - ribbon.width / 2, low), ribbon.width, THICK)
        cell.set(facecolor=ground, edgecolor=role.edge, linewidth=line, zorder=4)
        ax.add_patch(cell)
        if told_in:
            told = ax.text(place, row, str(paths), ha="center", va="center", size=SMALL, zorder=5)
            told.set(color=_ink(look, ground), family="monospace")


def _stripes(ax: Axes, row: int, ribbon: Ribbon, look: Theme) -> None:
    """A span too wide for boxes: of an input the share of each stripe that is read, of a map where cells are used."""
    import numpy as np

    low, role, muted = row + THICK / 2, look["input"], look["muted"]  # the axis runs downwards
    if ribbon.is_output:
        ax.plot(ribbon.places, [row], marker="s", markersize=7, color=look["output"].edge, zorder=4)
        return
    if not ribbon.span:
        apart = sorted({round(place / ribbon.width) * ribbon.width for place in ribbon.places})
        step = -(-len(apart) // BINS)
        ax.vlines(apart[::step], row - THICK / 2, low, color=role.edge, linewidth=0.8, zorder=3)
        return
    ax.barh(row, ribbon.span, THICK, left=-0.5, color=muted.fill, edgecolor=muted.edge, hatch="////",
            linewidth=0.6, zorder=2)  # fmt: skip
    step = -(-ribbon.span // BINS)
    stripes = np.bincount(np.array(ribbon.places, int) // step)
    starts = np.arange(len(stripes)) * step
    width = np.minimum(step, ribbon.span - starts)
    share = stripes / width
    ax.bar(
        starts - 0.5, -THICK * share, width, bottom=low, align="edge", color=role.edge, linewidth=0, zorder=3
    )


def _square(ax: Axes, part: Section, look: Theme) -> None:
    """Two axes at once: the more paths, the stronger; holes are hatched."""
    import numpy as np
    from matplotlib.colors import LinearSegmentedColormap, to_rgb
    from matplotlib.patches import Rectangle

    plane = part.plane
    assert plane is not None
    top, muted = plane.max() or 1.0, look["muted"]
    even = float(plane[plane > 0].min()) == top
    shades = [_heat(look, EVEN if even else i / 32) for i in range(33)]
    colours = LinearSegmentedColormap.from_list("paths", [to_rgb(shade) for shade in shades])
    tall, wide = plane.shape
    whole = {"xy": (-0.5, -0.5), "width": wide, "height": tall}
    ax.add_patch(Rectangle(**whole, facecolor=muted.fill, edgecolor=muted.edge, hatch="////", linewidth=0))
    ax.add_patch(Rectangle(**whole, fill=False, edgecolor=look["input"].edge, linewidth=1.2, zorder=4))
    ax.imshow(
        np.ma.masked_equal(plane / top, 0), cmap=colours, vmin=0, vmax=1, interpolation="nearest", zorder=2
    )
    if max(tall, wide) <= 60:
        for n, other, line in ((wide, tall, ax.vlines), (tall, wide, ax.hlines)):
            line(np.arange(n + 1) - 0.5, -0.5, other - 0.5, color=look.paper, linewidth=0.5, zorder=3)
    size = max(tall, wide) * (part.scale / part.ribbons[-1].span if part.counted else 1.0)
    ax.set(xlim=(-0.6, size - 0.4), ylim=(size - 0.4, -0.6), anchor="NW")
    ax.axis("off")
    told = ax.annotate(
        _counted(part), (-0.5, tall - 0.5), (0, -5), textcoords="offset points", annotation_clip=False
    )
    told.set(color=look.faint_ink, size=8.2, va="top")


def _counted(part: Section) -> str:
    """``49 of 169 cells (29 %)``; what a net reads over its axes is told above."""
    if not part.counted:
        return "one unit over two axes"
    hits, span = len(part.ribbons[-1].places), part.ribbons[-1].span
    return f"{hits**2:,} of {span**2:,} cells ({percent(hits**2, span**2)})"
