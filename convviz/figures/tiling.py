"""Tiles as a picture: one of them on the image with its halo, and beside it how neighbours overlap."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.analysis.tiles import AxisPlan, Tile, Tiling
from convviz.errors import ConvvizError
from convviz.figures import canvas, check_picture
from convviz.figures.canvas import MARGIN
from convviz.ops.base import show
from convviz.report.model import shorten
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE = 4.5  # inches of the image
RIGHT = 4.3  # inches of the panel beside it
RIBBONS = 5  # tiles of an axis that are drawn as ribbons
WHOLE = 16  # tiles along an axis up to which all of it is drawn; beyond, AROUND tiles on either side of one
AROUND = 4
HATCH = "////"


def plot(found: Tiling, path: str | Path, *, theme: str = "light") -> None:
    """Draw a tiling with a plan into ``path`` (.png, .svg or .pdf); raises ConvvizError where there is none."""
    check_picture(path)
    with canvas.style():
        made = figure(found, theme=theme)
        canvas.save(made, path, title=headline(found), words=description(found))


def figure(found: Tiling, *, theme: str = "light") -> Figure:
    """The picture as a matplotlib figure, on no screen and in no global state."""
    if found.plan is None:
        why = f": {found.blockers[0].layer} {found.blockers[0].reason}" if found.axes is None else ""
        raise ConvvizError(f"there are no tiles to draw{why}")
    look = themes.theme(theme)
    plan, flat = found.plan.axes, len(found.plan.axes) > 1
    ribbons = min(plan[-1].count, RIBBONS)
    tall = side = 0.0
    if flat:
        high, broad = (b - a for a, b in (_view(axis) for axis in plan[-2:]))
        tall, side = SIDE * min(1.0, high / broad), SIDE * min(1.0, broad / high)
    numbers = _numbers(found)
    beside = 0.34 * ribbons + 0.75 + 0.24 * len(numbers)
    height = max(tall, beside)
    across = max(side, 0.3) + 0.55 if flat else 0.0
    width = MARGIN + across + 0.75 + (RIGHT if flat else 7.2) + MARGIN
    size = (width, height + 1.0 + 0.55)
    made = canvas.page(*size, look)

    def axes(x: float, y: float, w: float, h: float) -> Axes:
        return made.add_axes((x / size[0], y / size[1], w / size[0], h / size[1]))

    top = size[1] - 1.0
    if flat:
        _image(axes(MARGIN, top - tall, side, tall), plan, look)
    left = MARGIN + across + 0.75
    wide = size[0] - MARGIN - left
    _ribbons(axes(left, top - 0.34 * ribbons - 0.12, wide, 0.34 * ribbons), plan[-1], ribbons, look)
    _table(made, left - 0.75, top - 0.34 * ribbons - 0.85, numbers, look)
    _legend(axes(MARGIN, 0.16, size[0] - 2 * MARGIN, 0.26), size[0] - 2 * MARGIN, look, found)
    canvas.header(made, look, headline(found), caption(found))
    return made


# -- words ------------------------------------------------------------------------------------------------
def headline(found: Tiling) -> str:
    """``unet: 48 tiles of 572x572 on an image of 2204x2972``"""
    assert found.plan is not None
    n = found.plan.count
    what = "an image" if len(found.plan.axes) > 1 else "an input"
    of = f"{n:,} tile{'s' * (n != 1)} of {show(found.tile)} on {what} of {show(found.plan.image)}"
    return f"{shorten(found.graph.name, 24)}: {of}"


def caption(found: Tiling) -> str:
    """What the drawing shows."""
    assert found.plan is not None
    if not found.exact:
        return f"Not exact: {found.blockers[0].layer} {found.blockers[0].reason}."
    held = ", with what it takes from the whole image held" if found.blockers else ""
    text = f"What is kept of each tile is exactly what the net gives on the whole image{held}."
    if len(found.plan.axes) > 2:
        text += f" Of {len(found.plan.axes)} axes the last two are drawn."
    if any(axis.count > WHOLE for axis in found.plan.axes[-2:]) and len(found.plan.axes) > 1:
        text += " A part of the image is drawn."
    return text


def description(found: Tiling) -> str:
    """The picture in words, for those who cannot see it."""
    rows = "; ".join(f"{name}: {value}" for name, value in _numbers(found))
    return f"{headline(found)}. {caption(found)} {rows}."


def _numbers(found: Tiling) -> list[tuple[str, str]]:
    """What is written beside the picture."""
    plan = found.plan
    assert plan is not None
    tilings = [axis.tiling for axis in plan.axes]

    def each(values: list[str]) -> str:
        return values[0] if len(set(values)) == 1 else ", ".join(values)

    rows = [
        ("halo", each([f"{t.halo[0]} before, {t.halo[1]} after" for t in tilings])),
        ("overlap", each([f"{t.tile} - {t.pitch} = {t.overlap}" for t in tilings])),
        ("starts", "multiples of " + each([str(t.align) for t in tilings])),
        ("kept", each([f"{t.output - sum(t.drop)} of {t.output} units" for t in tilings])),
        ("tiles", " x ".join(str(axis.count) for axis in plan.axes)),
        ("output", show(plan.output)),
    ]
    if len(plan.axes) > 1:
        one = ", ".join(f"{tile.start}:{tile.stop}" for tile in (_middle(axis) for axis in plan.axes))
        rows.append(("marked", one))
    if plan.redundancy is not None:
        rows.append(("work", f"{float(plan.redundancy):.2f} times the whole image's"))
    return rows


def _middle(axis: AxisPlan) -> Tile:
    return axis[(axis.count - 1) // 2]


def _view(axis: AxisPlan) -> tuple[int, int]:
    """The cells of an axis that are drawn: all, or those around the marked tile where there are many tiles."""
    if axis.count <= WHOLE:
        return 0, axis.length
    middle, reach = _middle(axis), AROUND * axis.tiling.pitch
    return max(0, middle.start - reach), min(axis.length, middle.stop + reach)


def _shown(axis: AxisPlan) -> range:
    """The tiles, but the first, whose borders are drawn."""
    if axis.count <= WHOLE:
        return range(1, axis.count)
    middle = (axis.count - 1) // 2
    return range(max(1, middle - AROUND - 2), min(axis.count, middle + AROUND + 3))


# -- the image ----------------------------------------------------------------------------------------------
def _place(axis: AxisPlan, unit: int) -> float:
    """Where on the image an output unit begins."""
    t = axis.tiling
    lead = -t.shift * t.jump / 2 if abs(t.shift * t.jump) >= 1 else Fraction(0)
    return float(unit * t.jump + lead)


def _kept(axis: AxisPlan, tile: Tile) -> tuple[float, float]:
    """The cells of the image for which a tile's kept units stand."""
    return (
        max(_place(axis, tile.out_start), 0.0),
        min(_place(axis, tile.out_stop), float(axis.length)),
    )


def _image(ax: Axes, plan: tuple[AxisPlan, ...], look: Theme) -> None:
    from matplotlib.patches import Rectangle

    rows, columns = plan[-2], plan[-1]
    role, out = look["input"], look["output"]
    ax.add_patch(Rectangle((0, 0), columns.length, rows.length, facecolor=look["muted"].fill, linewidth=0))
    whole = [(_place(a, 0), _place(a, a.output)) for a in (columns, rows)]
    (x0, x1), (y0, y1) = [
        (max(a, 0), min(b, p.length)) for (a, b), p in zip(whole, (columns, rows), strict=True)
    ]
    ax.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, facecolor=out.fill, linewidth=0))
    for axis, across in ((columns, (y0, y1)), (rows, (x0, x1))):
        for i in _shown(axis):
            at = _kept(axis, axis[i])[0]
            line = ([at, at], across) if axis is columns else (across, [at, at])
            ax.plot(*line, color=out.edge, linewidth=0.8)
    one = (_middle(columns), _middle(rows))
    ends = [(tile.start, tile.stop) for tile in one]
    halo = Rectangle(
        (ends[0][0], ends[1][0]), one[0].size, one[1].size, facecolor=role.fill, edgecolor=role.edge
    )
    halo.set(hatch=HATCH, linewidth=0, zorder=3)
    ax.add_patch(halo)
    (a, b), (c, d) = _kept(columns, one[0]), _kept(rows, one[1])
    ax.add_patch(
        Rectangle((a, c), b - a, d - c, facecolor=out.fill, edgecolor=out.edge, linewidth=1.4, zorder=4)
    )
    edge = Rectangle((ends[0][0], ends[1][0]), one[0].size, one[1].size, fill=False, zorder=5)
    edge.set(edgecolor=look["active"].edge, linewidth=2)
    ax.add_patch(edge)
    views = (_view(columns), _view(rows))
    inches = SIDE / max(b - a for a, b in views)  # of a cell
    kept = f"{one[1].kept}×{one[0].kept}"
    if (b - a) * inches > 0.085 * len(kept) and (d - c) * inches > 0.2:
        name = ax.text(
            (a + b) / 2, (c + d) / 2, kept, color=look.ink, size=8, ha="center", va="center", zorder=6
        )
        name.set_fontfamily("monospace")
    ax.add_patch(
        Rectangle((0, 0), columns.length, rows.length, fill=False, edgecolor=look.faint_ink, linewidth=1)
    )
    air = 0.012 * max(b - a for a, b in views)
    ax.set_xlim(views[0][0] - air, views[0][1] + air)
    ax.set_ylim(views[1][1] + air, views[1][0] - air)
    ax.set_aspect("equal", anchor="NW")
    ax.axis("off")


# -- beside it --------------------------------------------------------------------------------------------------
def _ribbons(ax: Axes, axis: AxisPlan, count: int, look: Theme) -> None:
    """The first tiles along the last axis, each as a bar: hatched what is cut off, filled what is kept."""
    role, out = look["input"], look["output"]
    tiles = [axis[i] for i in range(count - 1)] + [axis.last if count == axis.count else axis[count - 1]]
    for i, tile in enumerate(tiles):
        halo = ax.barh(i, tile.size, 0.62, left=tile.start, color=role.fill, edgecolor=role.edge, linewidth=0)
        for bar in halo:
            bar.set_hatch(HATCH)
        a, b = _kept(axis, tile)
        ax.barh(i, b - a, 0.62, left=a, color=out.fill, edgecolor=out.edge, linewidth=1.4, zorder=3)
        ax.barh(
            i,
            tile.size,
            0.62,
            left=tile.start,
            fill=False,
            edgecolor=look["active"].edge,
            linewidth=1,
            zorder=4,
        )
        ax.annotate(
            f"tile {i + 1}", (0, i), (-6, 0), ("axes fraction", "data"), "offset points", ha="right", va="center",
            color=look.ink, size=8.6,
        )  # fmt: skip
    ax.set_ylim(count - 0.5, -0.5)
    low, high = tiles[0].start, max(tile.stop for tile in tiles)
    air = 0.01 * (high - low)
    ax.set_xlim(low - air, high + air)
    canvas.ruler(ax, look)
    ax.locator_params(axis="x", nbins=5, integer=True)
    more = f" (the first {count} of {axis.count:,} tiles)" if count < axis.count else ""
    ax.set_xlabel(f"position along the {axis.tiling.name}{more}", color=look.faint_ink, size=8.6)


def _table(made: Figure, x: float, y: float, rows: list[tuple[str, str]], look: Theme) -> None:
    width, height = made.get_size_inches()
    for i, (name, value) in enumerate(rows):
        at = (y - 0.24 * i) / height
        made.text(x / width, at, name, color=look.faint_ink, size=8.8, va="center")
        made.text((x + 0.75) / width, at, value, color=look.ink, size=8.8, va="center", family="monospace")


def _legend(ax: Axes, width: float, look: Theme, found: Tiling) -> None:
    """What fills and hatches mean."""
    from matplotlib.patches import Rectangle

    out, role = look["output"], look["input"]
    shrinks = (
        any(axis.tiling.shift * axis.tiling.jump <= -1 for axis in found.plan.axes) if found.plan else False
    )
    entries = [
        ({"facecolor": out.fill, "edgecolor": out.edge, "linewidth": 1.2}, "kept"),
        (
            {"facecolor": role.fill, "edgecolor": role.edge, "linewidth": 0, "hatch": HATCH},
            "halo: read, then cut off",
        ),
        ({"fill": False, "edgecolor": look["active"].edge, "linewidth": 1.8}, "a tile"),
    ]
    if shrinks and len(found.plan.axes if found.plan else ()) > 1:
        entries.append(
            ({"facecolor": look["muted"].fill, "linewidth": 0}, "border that the net's output leaves out")
        )
    at = 0.0
    for style, text in entries:
        ax.add_patch(Rectangle((at, 0.25), 0.26, 0.5, **style))  # type: ignore[arg-type]
        ax.text(at + 0.34, 0.5, text, color=look.ink, size=8.4, va="center")
        at += 0.34 + 0.068 * len(text) + 0.3
    ax.set_xlim(0, width)
    ax.set_ylim(0, 1)
    ax.axis("off")
