"""A net as blocks with shapes, receptive fields and parameters, beside the cone of what one unit reads."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convviz import theme as themes
from convviz.analysis.block_layout import Place, Wire, branches, layout
from convviz.analysis.blocks import Blocks, blocks, windowed
from convviz.analysis.pyramid import Pyramid, pyramid
from convviz.analysis.results import ReceptiveField
from convviz.figures import canvas, check_picture
from convviz.figures.canvas import MARGIN
from convviz.figures.cone import draw_cone
from convviz.figures.model_page import GAP, LEGEND, NUMBERS, WIDE, WORD, Column, Page, row_words, text_width
from convviz.report.blocks import caption, describe, headline, sign
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INSIDE = 7.2  # points of what stands in a box
PATHS = 8  # paths of a region that are drawn in its box
DOTS = 12  # blocks on a path that are drawn there


_Swatch = tuple[str, dict[str, Any]]


def plot(
    result: ReceptiveField,
    path: str | Path,
    *,
    theme: str = "light",
    stages: bool | None = None,
    title: str | None = None,
) -> None:
    """Draw the net of ``result`` into ``path`` (.png, .svg or .pdf); raises ConvvizError for another extension.

    stages: True for one block a stage, False for one a layer; by default as fine as a page allows.
    """
    check_picture(path)
    drawn, cone = _parts(result, stages)
    with canvas.style():
        made = _figure(drawn, cone, theme, title)
        canvas.save(made, path, title=f"The net {result.graph.name}", words=describe(drawn, cone))


def description(result: ReceptiveField, *, stages: bool | None = None) -> str:
    """The picture in words, for those who cannot see it."""
    return describe(*_parts(result, stages))


def figure(
    result: ReceptiveField, *, theme: str = "light", stages: bool | None = None, title: str | None = None
) -> Figure:
    """The picture as a matplotlib figure, on no screen and in no global state."""
    with canvas.style():
        return _figure(*_parts(result, stages), theme, title)


def _parts(result: ReceptiveField, stages: bool | None) -> tuple[Blocks, Pyramid | None]:
    drawn = blocks(result, stages)
    return drawn, pyramid(result, layers=windowed(drawn))


def _figure(drawn: Blocks, cone: Pyramid | None, theme: str, title: str | None) -> Figure:
    look = themes.theme(theme)
    page = Page(layout(drawn), cone, look)
    made = canvas.page(page.width, page.height, look)
    ax = made.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, page.width), ylim=(0, page.height))
    ax.axis("off")
    _bands(ax, page)
    _wires(ax, page)
    _boxes(ax, page)
    _words(ax, page)
    _repeats(ax, page)
    if page.cone is not None:
        draw_cone(ax, page, page.cone)
    _legend(ax, page)
    canvas.header(made, look, title or headline(drawn.result), caption(page.plan))
    return made


def _bands(ax: Axes, page: Page) -> None:
    """A hairline wherever the resolution changes along the trunk."""
    from matplotlib.collections import LineCollection

    lines = []
    places = page.plan.places
    for below, above in itertools.pairwise(places):
        if page.extent(below)[1] != page.extent(above)[1]:
            y = page.rows[above.row] - page.shares[above.row] * page.pitch / 2
            lines.append([(page.columns[0].left, y), (page.columns[-1].right, y)])
    ax.add_collection(LineCollection(lines, colors=page.look.line, linewidths=0.6, zorder=0))


def _wires(ax: Axes, page: Page) -> None:
    from matplotlib.collections import LineCollection

    lines = [_path(wire, page) for wire in page.plan.wires]
    ax.add_collection(
        LineCollection(
            lines, colors=page.look.faint_ink, linewidths=1.0, zorder=1, joinstyle="round", gid="wires"
        )
    )
    ends = [
        (page.lane(page.plan.places[w.target].lane), page.rows[w.target] - page.half(w.target))
        for w in page.plan.wires
    ]
    xs, ys = zip(*ends, strict=True) if ends else ((), ())
    ax.scatter(xs, [y - 0.02 for y in ys], marker="^", s=6, color=page.look.faint_ink, linewidths=0, zorder=2)


def _path(wire: Wire, page: Page) -> list[tuple[float, float]]:
    """The corners of a connection."""
    places = page.plan.places
    start, end = (page.lane(places[row].lane) for row in (wire.source, wire.target))
    up = page.track(wire.track) if wire.lane is None else page.lane(wire.lane)
    bottom = page.rows[wire.source] + page.half(wire.source)
    top = page.rows[wire.target] - page.half(wire.target)
    points = [(start, bottom)]
    if up != start:
        points += [(start, page.above(wire.source)), (up, page.above(wire.source))]
    if up != end:
        points += [(up, page.below(wire.target)), (end, page.below(wire.target))]
    return [*points, (end, top)]


def _boxes(ax: Axes, page: Page) -> None:
    from matplotlib.patches import Circle, FancyBboxPatch

    look = page.look
    for place in page.plan.places:
        x, y = page.lane(place.lane), page.rows[place.row]
        text = sign(place.block)
        if place.block and place.block.is_join and len(text) == 1:
            ax.add_patch(
                Circle(
                    (x, y),
                    page.half(place.row),
                    facecolor=look.paper,
                    edgecolor=look.ink,
                    linewidth=0.9,
                    zorder=3,
                )
            )
            ax.text(x, y, text, size=8.6, color=look.ink, ha="center", va="center", zorder=4)
            continue
        wide, high = page.size(place)
        if place.block and place.block.parts:
            text = ""
            _glyph(ax, place, page, wide, high)
        wide = max(wide, text_width(text, False, INSIDE) + 0.12)
        if place.block and place.block.is_join:
            high = 2 * page.half(place.row)
        patch = FancyBboxPatch(
            (x - wide / 2, y - high / 2), wide, high, boxstyle="round,pad=0,rounding_size=0.035",
            gid=f"block {place.name}", zorder=3, **_style(place, look),
        )  # fmt: skip
        ax.add_patch(patch)
        ax.text(x, y + 0.008, text, size=INSIDE, color=look.ink, ha="center", va="center_baseline", zorder=4)


def _glyph(ax: Axes, place: Place, page: Page, wide: float, high: float) -> None:
    """The paths of a region in small: a line for each, with a dot for each block on it."""
    assert place.block is not None
    x, y = page.lane(place.lane), page.rows[place.row]
    paths = branches(place.block)
    ink = page.look.ink
    if len(paths) > PATHS or max(map(len, paths)) > DOTS:
        ax.text(x, y + 0.008, f"{len(place.block.parts)} blocks", size=INSIDE, color=ink, ha="center",
                va="center_baseline", zorder=4)  # fmt: skip
        return
    left, right = x - wide / 2 + 0.08, x + wide / 2 - 0.08
    gap = min((high - 0.07) / max(len(paths) - 1, 1), 0.07)
    for i, path in enumerate(paths):
        level = y + ((len(paths) - 1) / 2 - i) * gap
        inset = 0.06 if len(paths) > 1 else 0.0
        ax.plot(
            [left, left + inset, right - inset, right],
            [y, level, level, y],
            color=ink,
            linewidth=0.6,
            zorder=4,
        )
        room = (right - left - 2 * inset) / max(len(path), 1)
        xs = [left + inset + room * (j + 0.5) for j in range(len(path))]
        ax.scatter(xs, [level] * len(xs), s=5, color=ink, linewidths=0, zorder=5)


def _style(place: Place, look: Theme) -> dict[str, Any]:
    """Fill, edge and the cue beside colour."""
    block = place.block
    if block is None:
        role = look["input"]
        return {"facecolor": role.fill, "edgecolor": role.edge, "linewidth": 1.0}
    if block.params:
        role = look["kernel"]
        return {"facecolor": role.fill, "edgecolor": role.edge, "linewidth": 1.7}
    role = look["muted"]
    return {"facecolor": look.paper, "edgecolor": role.edge, "linewidth": 0.9}


def _words(ax: Axes, page: Page) -> None:
    look = page.look
    told = [row_words(place, page.plan) for place in page.plan.places]
    for column in page.columns:
        faint = column.key == "layer"
        for y, row in zip(page.rows, told, strict=True):
            text = row[column.key]
            if not text:
                continue
            ink = look.faint_ink if faint or text in ("0", "–") else look.ink
            _say(ax, column, y, text, ink, column.numbers)
        head = {"does": "block", "RF": "RF"}.get(column.key, column.key)
        _say(ax, column, page.top + 0.16, head, look.faint_ink, False)


def _say(ax: Axes, column: Column, y: float, text: str, ink: str, mono: bool) -> None:
    ax.text(
        column.x, y, text, size=WORD, color=ink, va="center_baseline", ha="right" if column.numbers else "left",
        family=NUMBERS if mono else None,
    )  # fmt: skip


def _repeats(ax: Axes, page: Page) -> None:
    """A bracket beside the rows of what repeats, with how often."""
    look = page.look
    x = page.lane(page.plan.lanes - 1) + WIDE / 2 + 0.07
    for repeat in page.plan.drawn.repeats:
        first = page.plan.inputs + repeat.first
        last = first + repeat.length - 1
        low = page.rows[first] - page.shares[first] * page.pitch / 2 + 0.03
        high = page.rows[last] + page.shares[last] * page.pitch / 2 - 0.03
        ax.plot([x - 0.05, x, x, x - 0.05], [low, low, high, high], color=look.ink, linewidth=1.0, zorder=2)
        ax.text(
            x + 0.05,
            (low + high) / 2,
            f"×{repeat.times}",
            size=8.4,
            weight="semibold",
            color=look.ink,
            va="center_baseline",
        )


def _legend(ax: Axes, page: Page) -> None:
    """What boxes and bars mean, below them."""
    look = page.look
    kernel, muted, shared = look["kernel"], look["muted"], look["shared"]
    swatches: list[_Swatch] = [
        ("with weights", {"facecolor": kernel.fill, "edgecolor": kernel.edge, "linewidth": 1.7}),
        ("without", {"facecolor": look.paper, "edgecolor": muted.edge, "linewidth": 0.9}),
    ]
    x = _swatches(ax, page, MARGIN, swatches, "round,pad=0,rounding_size=0.035")
    size = "wider: higher resolution, taller: more channels"
    ax.text(x, LEGEND, size, size=WORD, color=look.faint_ink, va="center_baseline")
    if page.cone is None:
        return
    levels = page.levels(page.cone)
    bars: list[_Swatch] = [
        ("read", {"facecolor": look.deep(0.25), "edgecolor": look.paper, "linewidth": 0.5})
    ]
    if any(level.cells.count != level.n for level in levels):
        bars.append(("rest of the map", {"facecolor": muted.fill, "edgecolor": "none", "linewidth": 0}))
    if any(not level.cells.dense for level in levels):
        bars.append(
            ("holes", {"facecolor": look.paper, "edgecolor": muted.edge, "linewidth": 0.4, "hatch": "/////"})
        )
    if any(p.block and p.block.field and p.block.field.is_global for p in page.plan.places):
        whole = {"facecolor": shared.fill, "edgecolor": shared.edge, "linewidth": 0.5, "hatch": "...."}
        bars.append(("reads all", whole))
    _swatches(ax, page, page.cone_left, bars, "square,pad=0")


def _swatches(ax: Axes, page: Page, x: float, swatches: Sequence[_Swatch], shape: str) -> float:
    """A sample and a word for each; returns where they end."""
    from matplotlib.patches import FancyBboxPatch

    for text, look in swatches:
        ax.add_patch(FancyBboxPatch((x, LEGEND - 0.05), 0.24, 0.11, boxstyle=shape, gid="legend", **look))
        ax.text(x + 0.31, LEGEND, text, size=WORD, color=page.look.faint_ink, va="center_baseline")
        x += 0.31 + text_width(text, False) + GAP
    return x
