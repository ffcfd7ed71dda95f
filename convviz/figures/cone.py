"""The cone of what one unit reads, drawn beside the rows of its net."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from convviz import theme as themes
from convviz.analysis.pyramid import Level, Pyramid
from convviz.figures.model_page import CONE, FOOT, GAP, NAME, NUMBERS, WORD, Page
from convviz.report.blocks import name_cell, reads_cell, words
from convviz.report.model import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CELL = 3.2  # points: narrower cells are drawn without their edges
CELLS = 4_000  # cells with holes between them that are drawn one by one
THIN = 1.2  # points: the least width of a cell


def draw_cone(ax: Axes, page: Page, cone: Pyramid) -> None:
    from matplotlib.collections import PolyCollection

    look = page.look
    result = page.plan.drawn.result
    levels = [(p.row, page.level(cone, p)) for p in page.plan.places]
    placed = [(row, level) for row, level in levels if level is not None]
    low, high = _view(placed, cone.levels[result.wrt].n)
    scale = CONE / (high - low)

    def at(x: float) -> float:
        return page.cone_left + (min(max(x, low), high) - low) * scale

    thick = min(0.5 * page.pitch, 0.15)
    top = max((row for row, _ in placed), default=0)
    maps, cells, colours, holes, edges = [], [], [], [], []
    for row, level in placed:
        y = page.rows[row]
        origin, step = float(level.origin), float(level.step)
        maps.append(_bar(at(origin - step / 2), at(origin + (level.n - 0.5) * step), y, thick))
        colour = look.deep(row / max(top, 1))
        hull = _bar(
            at(origin + (level.cells.lo - 0.5) * step), at(origin + (level.cells.hi + 0.5) * step), y, thick
        )
        if not level.cells.dense:
            holes.append(hull)
        if (level.cells.count or 0) > CELLS and not level.cells.dense:
            continue  # too fine to be told apart
        runs = level.cells.runs() if level.cells.known else []
        single = step * scale * 72 >= CELL
        for run in runs:
            pieces = [range(i, i + 1) for i in run] if single else [run]
            for piece in pieces:
                left, right = (at(origin + (i + s) * step) for i, s in ((piece[0], -0.5), (piece[-1], 0.5)))
                spare = max(THIN / 72 - (right - left), 0) / 2
                cells.append(_bar(left - spare, right + spare, y, thick))
                colours.append(colour)
                edges.append(0.5 if single else 0.0)
    _sides(ax, page, placed, at, thick)
    muted = look["muted"]
    ax.add_collection(PolyCollection(maps, facecolors=muted.fill, edgecolors="none", zorder=1, gid="maps"))
    ax.add_collection(
        PolyCollection(
            holes, facecolors=look.paper, edgecolors=muted.edge, linewidths=0.4, hatch="/////", zorder=2
        )
    )
    ax.add_collection(
        PolyCollection(
            cells, facecolors=colours, edgecolors=look.paper, linewidths=edges, zorder=3, gid="cells"
        )
    )
    shared = look["shared"]
    whole = [
        _bar(page.cone_left, page.cone_left + CONE, page.rows[p.row], thick * 0.8)
        for p in page.plan.places
        if p.block and p.block.field and p.block.field.is_global
    ]
    ax.add_collection(
        PolyCollection(
            whole, facecolors=shared.fill, edgecolors=shared.edge, linewidths=0.5, hatch="....", zorder=2.5
        )
    )
    for row, level in placed:
        ax.text(
            page.cone_left + CONE + GAP / 2, page.rows[row], reads_cell(level), size=WORD, color=look.ink,
            va="center_baseline", family=NUMBERS,
        )  # fmt: skip
    _scale(ax, page, cone, low, high, at)


def _bar(left: float, right: float, y: float, thick: float) -> list[tuple[float, float]]:
    return [(left, y - thick / 2), (right, y - thick / 2), (right, y + thick / 2), (left, y + thick / 2)]


def _view(placed: Sequence[tuple[int, Level]], n: int) -> tuple[float, float]:
    """The stretch of input to draw: all of it, or what is read with some room on both sides."""
    ends = []
    for _, level in placed:
        origin, step = float(level.origin), float(level.step)
        ends += [origin + (level.cells.lo - 0.5) * step, origin + (level.cells.hi + 0.5) * step]
    low, high = min(ends), max(ends)
    if (high - low) * 5 >= n:
        return min(low, -0.5), max(high, n - 0.5)
    room = 0.7 * (high - low)
    return low - room, high + room


def _sides(ax: Axes, page: Page, placed: Sequence[tuple[int, Level]], at: Any, thick: float) -> None:
    """Between a block and what it reads along the trunk: the slope of the cone."""
    from matplotlib.collections import PolyCollection

    trunk = [(row, level) for row, level in placed if page.plan.places[row].lane == 0]
    sides, colours = [], []
    top = max((row for row, _ in placed), default=0)
    for (row, level), (next_row, following) in itertools.pairwise(trunk):
        (a, b), (c, d) = (_ends(lv, at) for lv in (level, following))
        y, z = page.rows[row] + thick / 2, page.rows[next_row] - thick / 2
        sides.append([(a, y), (b, y), (d, z), (c, z)])
        colours.append(themes.mix(page.look.paper, page.look.deep(row / max(top, 1)), 0.24))
    ax.add_collection(PolyCollection(sides, facecolors=colours, edgecolors="none", zorder=1.5))


def _ends(level: Level, at: Any) -> tuple[float, float]:
    origin, step = float(level.origin), float(level.step)
    return at(origin + (level.cells.lo - 0.5) * step), at(origin + (level.cells.hi + 0.5) * step)


def _scale(ax: Axes, page: Page, cone: Pyramid, low: float, high: float, at: Any) -> None:
    """Positions on the input below the cone, and what it is above it."""
    from matplotlib.ticker import MaxNLocator

    look = page.look
    y = FOOT - 0.06
    ax.plot([page.cone_left, page.cone_left + CONE], [y, y], color=look.line, linewidth=0.8)
    for tick in MaxNLocator(5, integer=True).tick_values(low, high):
        if low <= tick <= high:
            ax.plot([at(tick)] * 2, [y, y - 0.04], color=look.line, linewidth=0.8)
            ax.text(
                at(tick),
                y - 0.07,
                f"{tick:g}",
                size=7.2,
                color=look.faint_ink,
                ha="center",
                va="top",
                family=NUMBERS,
            )
    axis = words(cone, page.plan.drawn.result)
    ax.text(page.cone_left + CONE / 2, y - 0.24, axis, size=WORD, color=look.faint_ink, ha="center", va="top")
    top = next(
        (name_cell(p.block) for p in page.plan.places if p.block and cone.top in p.block.nodes), cone.top
    )
    told = f"what unit {', '.join(map(str, cone.unit))} of {shorten(top, NAME)} reads"
    ax.text(page.cone_left, page.top + 0.16, told, size=WORD, color=look.faint_ink, va="center_baseline")
