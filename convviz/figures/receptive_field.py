"""The receptive field as a picture: on the input, layer by layer, beside the ladder of its sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.analysis.growth import Growth, Step, growth
from convviz.analysis.results import ReceptiveField
from convviz.errors import ConvvizError
from convviz.figures import canvas, check_picture
from convviz.figures.canvas import MARGIN
from convviz.ops.base import show
from convviz.report.model import plain, shorten
from convviz.report.tables import window_label
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GRID = 72  # input cells along an axis up to which the grid is drawn
ROW = 0.27  # inches of a rung
TALL = 10.5  # inches at most for all rungs
LETTER = 8.6  # points of a rung's label
NAME = 24  # characters of a layer's name
ROOM = 0.3  # of the panel's width: the narrowest input that has room for its name
FLAT = 5  # times as wide as high is an input with no room for its name
REACH = 4  # of the input's length: how far beyond the input the view goes at most


def plot(result: ReceptiveField, path: str | Path, *, theme: str = "light", title: str | None = None) -> None:
    """Draw ``result`` into ``path`` (.png, .svg or .pdf); raises ConvvizError for another extension or where
    nothing grows.
    """
    check_picture(path)
    with canvas.style():
        made = figure(result, theme=theme, title=title)
        canvas.save(made, path, title=f"Receptive field of {result.graph.name}", words=description(result))


def figure(result: ReceptiveField, *, theme: str = "light", title: str | None = None) -> Figure:
    """The picture as a matplotlib figure, on no screen and in no global state."""
    look = themes.theme(theme)
    ladder = growth(result)
    rank = len(ladder.shape)
    if not ladder.steps:
        raise ConvvizError(f"{result.graph.name} has no layer whose receptive field could be drawn")
    rows = len(ladder.steps) + (ladder.first_global is not None)
    height = min(max(rows * ROW, 2.6 if rank == 1 else 3.9), TALL)
    letter = min(LETTER, max(5.2, 72 * height / rows * 0.72))
    names, windows, numbers = (
        max(map(len, texts)) * letter * 0.0088 + 0.12 for texts in zip(*_words(ladder), strict=True)
    )
    side = min(5.4, height) if rank > 1 else 0.0
    bars = 3.1 if rank > 1 else 5.2
    low, start = 0.62, MARGIN + (side + 0.35 if side else 0) + names + windows
    size = (max(start + bars + numbers + MARGIN, 7.6), low + height + 1.2)
    made = canvas.page(*size, look)

    def axes(x: float, y: float, width: float, tall: float) -> Axes:
        return made.add_axes((x / size[0], y / size[1], width / size[0], tall / size[1]))

    if side:
        _input(axes(MARGIN, low + height - side, side, side), ladder, look)
    ax = axes(start, low, size[0] - start - numbers - MARGIN, height)
    _rungs(ax, ladder, look, letter, 72 * height / rows, 72 * windows, ribbons=rank == 1)
    canvas.header(made, look, title or headline(ladder), caption(ladder))
    return made


# -- words ----------------------------------------------------------------------------------------------
def headline(ladder: Growth) -> str:
    """``code8: receptive field 32x32, input 28x28``"""
    last = ladder.steps[-1]
    return f"{ladder.result.graph.name}: receptive field {show(last.field.size)}, input {show(ladder.shape)}"


def caption(ladder: Growth) -> str:
    """What the drawing shows, in a sentence or two."""
    if len(ladder.shape) == 1:
        text = "Each bar is the stretch of input that one unit reads."
        if any(step.lo[0] < 0 or step.hi[0] >= ladder.shape[0] for step in ladder.steps):
            text += " Hatched: beyond the input, where there is only padding."
        return text + (" No unit reads what comes after it." if ladder.causal else "")
    text = "Each outline is what one unit near the middle reads."
    ends = [zip(step.lo[-2:], step.hi[-2:], ladder.shape[-2:], strict=True) for step in ladder.steps]
    if any(first < 0 or last >= n for step in ends for first, last, n in step):
        text += " Dashed: beyond the input."
    if ladder.steps[-1].holes and not _cut(ladder):
        text += " Hatched: cells not read."
    if len(ladder.shape) > 2:
        text += f" Of {len(ladder.shape)} axes the last two are drawn."
    return text


def _words(ladder: Growth) -> list[tuple[str, str, str]]:
    """Name, window and size of each rung."""
    words = [(shorten(step.name, NAME), window_label(step.layer.node), _told(step)) for step in ladder.steps]
    if ladder.first_global is not None:
        words.append((shorten(ladder.first_global.node.name, NAME), "", "all"))
    return words


def _told(step: Step) -> str:
    holes = f" ({step.field.pixels:,} read)" if step.holes else ""
    return plain(step.field.size) + holes


def description(result: ReceptiveField) -> str:
    """The picture in words, for those who cannot see it."""
    ladder = growth(result)
    steps = ", ".join(f"{step.name} {plain(step.field.size)}" for step in ladder.steps)
    text = f"{headline(ladder)}. It grows layer by layer: {steps}."
    if ladder.first_global is not None:
        text += f" From {ladder.first_global.node.name} on a unit reads the whole input."
    return text


# -- left: the input ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Flat:
    """The last two axes of a box of cells, as matplotlib draws them: x to the right, y downwards, cells 1
    wide.
    """

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def of(cls, lo: Sequence[int], hi: Sequence[int]) -> _Flat:
        return cls(lo[-1] - 0.5, lo[-2] - 0.5, hi[-1] - lo[-1] + 1, hi[-2] - lo[-2] + 1)

    def off(self, other: _Flat) -> float:
        """The largest distance between a side and the other's."""
        ends = [(f.x, f.y, f.x + f.width, f.y + f.height) for f in (self, other)]
        return max(abs(a - b) for a, b in zip(*ends, strict=True))

    @property
    def corner(self) -> tuple[float, float]:
        return self.x, self.y


def _input(ax: Axes, ladder: Growth, look: Theme) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    rows, columns = ladder.shape[-2:]
    role = look["input"]
    image = Rectangle((-0.5, -0.5), columns, rows, facecolor=role.fill, edgecolor="none", zorder=0)
    ax.add_patch(image)
    last = ladder.steps[-1]
    if last.holes and last.boxes is not None:
        box = _Flat.of(last.lo, last.hi)
        muted = look["muted"]
        holes = Rectangle(box.corner, box.width, box.height, facecolor=muted.fill, edgecolor=muted.edge)
        holes.set(hatch="////", linewidth=0, zorder=1)
        ax.add_patch(holes)
        flats = {_Flat.of([r[0] for r in b], [r[-1] for r in b]) for b in last.boxes}
        read = [Rectangle(f.corner, f.width, f.height) for f in flats]
        ax.add_collection(
            PatchCollection(
                read, facecolor=themes.mix(look.paper, look["active"].edge, 0.35), linewidth=0, zorder=2
            )
        )
    if max(rows, columns) <= GRID:
        for x in range(columns + 1):
            ax.plot([x - 0.5] * 2, [-0.5, rows - 0.5], color=look.paper, linewidth=0.7, zorder=3)
        for y in range(rows + 1):
            ax.plot([-0.5, columns - 0.5], [y - 0.5] * 2, color=look.paper, linewidth=0.7, zorder=3)
    ax.add_patch(
        Rectangle((-0.5, -0.5), columns, rows, fill=False, edgecolor=role.edge, linewidth=1.3, zorder=4)
    )
    width = 1.9 if len(ladder.steps) <= 12 else 1.3 if len(ladder.steps) <= 30 else 0.8
    near = 0.008 * max(
        columns, rows, *(min(n, 4 * m) for n, m in zip(last.field.size[-2:], ladder.shape[-2:], strict=True))
    )
    before = None
    for i, step in reversed(list(enumerate(ladder.steps))):
        box = _Flat.of(step.lo, step.hi)
        if before is not None and box.off(before) < near:
            continue  # two lines that could not be told apart
        before = box
        colour = look.deep(_depth(i, ladder))
        outer = Rectangle(box.corner, box.width, box.height, fill=False, edgecolor=colour, zorder=5)
        outer.set(linewidth=width * 0.8, linestyle=(0, (3, 2)))
        ax.add_patch(outer)
        inner = Rectangle(box.corner, box.width, box.height, fill=False, edgecolor=colour, zorder=6)
        inner.set(linewidth=width)
        ax.add_patch(inner)
        inner.set_clip_path(image)
    _view(ax, ladder, rows, columns)
    ax.set_aspect("equal", anchor="NW")
    ax.axis("off")
    note = (
        f"The largest outlines reach further than is drawn ({show(last.field.size)})." if _cut(ladder) else ""
    )
    paper = {"facecolor": look.paper, "alpha": 0.8, "linewidth": 0, "pad": 1.2}
    left, right = ax.get_xlim()
    inside = rows * FLAT > columns > ROOM * (right - left)  # else its name would hide it, or stick out
    name = ax.annotate(
        f"input {show(ladder.shape)}",
        (-0.5, rows - 0.5),
        (3, 3) if inside else (0, -5),
        textcoords="offset points",
        va="bottom" if inside else "top",
    )
    name.set(color=role.edge, size=8.2, weight="bold", zorder=8, bbox=paper)
    ax.text(0, -0.015, note, transform=ax.transAxes, color=look.faint_ink, size=8.2, va="top")


def _cut(ladder: Growth) -> bool:
    last = ladder.steps[-1]
    return any(
        n > (2 * REACH + 1) * side for n, side in zip(last.field.size[-2:], ladder.shape[-2:], strict=True)
    )


def _view(ax: Axes, ladder: Growth, rows: int, columns: int) -> None:
    """Everything, but at most REACH input lengths beyond the input."""
    boxes = [_Flat.of(step.lo, step.hi) for step in ladder.steps]
    margin = max(rows, columns) * 0.02 + 0.3
    left = max(min([-0.5, *(b.x for b in boxes)]), -0.5 - columns * REACH if _cut(ladder) else -1e18)
    right = min(
        max([columns - 0.5, *(b.x + b.width for b in boxes)]),
        columns - 0.5 + columns * REACH if _cut(ladder) else 1e18,
    )
    high = max(min([-0.5, *(b.y for b in boxes)]), -0.5 - rows * REACH if _cut(ladder) else -1e18)
    low = min(
        max([rows - 0.5, *(b.y + b.height for b in boxes)]),
        rows - 0.5 + rows * REACH if _cut(ladder) else 1e18,
    )
    ax.set_xlim(left - margin, right + margin)
    ax.set_ylim(low + margin, high - margin)


# -- right: the ladder ------------------------------------------------------------------------------------
def _rungs(
    ax: Axes, ladder: Growth, look: Theme, letter: float, pitch: float, windows: float, ribbons: bool
) -> None:
    """A bar for each step: as long as the field, or (ribbons) where the field lies on the input.

    letter, pitch, windows: size of the labels, distance of two rungs and width of the windows' column, in
    points.
    """
    steps = ladder.steps
    every = max(1, -int(-letter * 1.15 // pitch))  # labels that would touch are left out
    thick = min(0.62, 26 / pitch) if every == 1 else 0.92
    low, high = _stretch(ladder) if ribbons else (0.0, float(max(max(step.field.size) for step in steps)))
    n = ladder.shape[-1] if ribbons else max(ladder.shape)
    if ribbons:
        ax.axvspan(max(-0.5, low), min(n - 0.5, high), color=look["input"].fill, linewidth=0, zorder=0)
    words = _words(ladder)
    for i, step in enumerate(steps):
        colour = look.deep(_depth(i, ladder))
        if ribbons:
            _ribbon(ax, step, i, n, thick, colour, look)
        else:
            ax.barh(i, max(step.field.size), thick, color=colour, linewidth=0, zorder=2)
            if step.holes:
                ax.barh(
                    i,
                    max(step.field.size),
                    thick,
                    color="none",
                    edgecolor=look.paper,
                    hatch="////",
                    linewidth=0,
                    zorder=3,
                )
        left_to_last = len(steps) - 1 - i
        if left_to_last == 0 or (i % every == 0 and left_to_last >= every):
            _label(ax, i, words[i], letter, windows, look)
    if ladder.first_global is not None:
        shared = look["shared"]
        ax.barh(
            len(steps),
            high - low,
            thick,
            left=low,
            color=shared.fill,
            edgecolor=shared.edge,
            hatch="....",
            linewidth=0.8,
            zorder=2,
        )
        if every == 1:
            _label(ax, len(steps), words[-1], letter, windows, look)
    ax.set_ylim(len(words) - 0.4, -0.6)
    ax.set_xlim(low, high)
    canvas.ruler(ax, look)
    ax.locator_params(axis="x", nbins=6, integer=True)
    ax.set_xlabel(
        "input position" if ribbons else "receptive field (input cells)", color=look.faint_ink, size=8.6
    )
    if not ribbons and n <= high:
        ax.axvline(n, color=look["input"].edge, linewidth=1, linestyle=(0, (4, 2)), zorder=4)
        name = ax.annotate(f"input {n}", (n, 1), (0, 3), ("data", "axes fraction"), "offset points")
        name.set(color=look["input"].edge, size=7.8, ha="center")


def _stretch(ladder: Growth) -> tuple[float, float]:
    """The part of a 1-D input to draw: all ribbons with some air, not all of a long input."""
    low, high = min(s.lo[0] for s in ladder.steps), max(s.hi[0] for s in ladder.steps)
    air = 0.12 * (high - low + 1) + 1
    return max(low - air, min(low, 0) - 1.5), min(high + air, max(high, ladder.shape[0] - 1) + 1.5)


def _depth(i: int, ladder: Growth) -> float:
    return i / max(1, len(ladder.steps) - 1)


def _ribbon(ax: Axes, step: Step, i: int, n: int, thick: float, colour: str, look: Theme) -> None:
    """The cells of one unit on the input; pale and hatched where there is no input."""
    pieces = [box[0] for box in step.boxes] if step.boxes is not None else [range(step.lo[0], step.hi[0] + 1)]
    ax.plot([step.lo[0], step.hi[0]], [i, i], color=look["muted"].edge, linewidth=0.8, zorder=1)
    for piece in pieces:
        inside = range(max(piece[0], 0), min(piece[-1], n - 1) + 1)
        if len(inside) < len(piece):
            ax.barh(
                i,
                len(piece),
                thick,
                left=piece[0] - 0.5,
                color=look.paper,
                edgecolor=colour,
                hatch="////",
                linewidth=0.6,
                zorder=2,
            )
        if inside:
            ax.barh(
                i,
                len(inside),
                thick,
                left=inside[0] - 0.5,
                color=colour,
                edgecolor=colour,
                linewidth=0.6,
                zorder=3,
            )


def _label(ax: Axes, i: int, words: tuple[str, str, str], letter: float, windows: float, look: Theme) -> None:
    """Name and window to the left of a rung, its size to the right."""
    from matplotlib.transforms import blended_transform_factory

    place = blended_transform_factory(ax.transAxes, ax.transData)
    name, window, size = words
    for x, text, at, align, colour in (
        (0, name, -windows, "right", look.ink),
        (0, window, -5, "right", look.faint_ink),
        (1, size, 5, "left", look.ink),
    ):
        ax.annotate(
            text,
            (x, i),
            xycoords=place,
            xytext=(at, 0),
            textcoords="offset points",
            ha=align,
            va="center",
            color=colour,
            size=letter,
        )
