"""A batch drawn: trays for the sets that share statistics, cells with their numbers, names of the axes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from convviz import theme as themes
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.norms.grid import AXES, HEAD, Rack, paints, shown, whole
from convviz.ops.base import Array, Shape
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMALL = 7.7  # points of the smallest letter
LARGE = 10.0  # of a number at most
LEFT = 34.0  # points on the left, for the names of the samples
TOP = 15.0  # above, for those of the channels
FEW = 8  # samples or channels that are all drawn
SOME = 5  # that are drawn of more
TIGHT = 12.8  # points of a cell with a digit
LINES = 4.0  # points of a cell that is drawn with its edge; smaller ones become an image
# What a set looks like: a role of the theme, and the hatch that tells it apart in grey.
COATS = (("input", "////"), ("kernel", "...."), ("output", "\\\\\\\\"), ("shared", "xxxx"), ("muted", "----"))
Cell = tuple[int, ...]


@dataclass(frozen=True)
class Coat:
    """How one set is drawn."""

    tray: str
    cell: str
    edge: str
    hatch: str


def coat(look: Theme, number: int) -> Coat:
    """One of the COATS."""
    name, hatch = COATS[number]
    role = look[name]
    fill = role.fill or look.paper
    return Coat(
        themes.mix(fill, role.edge, 0.12),
        themes.mix(look.paper, fill, 0.55),
        themes.mix(fill, role.edge, 0.75),
        hatch,
    )


def coats(labels: Array, rack: Rack, look: Theme) -> dict[int, Coat]:
    """The coat of each label that is shown; sets that touch differ."""
    plane = _plane(labels, rack)
    return {label: coat(look, paint) for label, paint in paints(plane, len(COATS)).items()}


def _plane(labels: Array, rack: Rack) -> Array:
    """Labels as they lie on the board, one for each map where sets do not cut maps."""
    blocks = whole(labels)
    if blocks is not None:
        return rack.part(blocks)
    own = rack.part(labels)
    n, c = own.shape[:2]
    slices, rows, columns = rack.space
    return own.reshape(n, c, slices, rows, columns).transpose(0, 3, 1, 2, 4).reshape(n * rows, -1)


# -- sizes -------------------------------------------------------------------------------------------------
def width_for(texts: Iterable[str]) -> float:
    """Points of a cell that has room for each of the numbers."""
    return max(21.0, max((len(text) for text in texts), default=1) * draw.ADVANCE * SMALL / draw.FILLED + 0.5)


def number_size(rack: Rack, texts: Iterable[str]) -> float:
    """Points of the numbers in a rack's cells; smaller than SMALL where they have no room."""
    longest = max((len(text) for text in texts), default=1)
    return min(LARGE, rack.height * 0.66, draw.FILLED * rack.width / (draw.ADVANCE * longest))


def fit(shape: Shape, cell: Cell, wide: float, tall: float, number: float = 0.0) -> Rack:
    """A rack of at most that many points that shows ``cell``; number: the width of cells with room for numbers, if
    that is possible.
    """

    kept = [
        shown(count, FEW if count <= FEW else SOME + 5 * (prod(shape[2:]) == 1), at)
        for count, at in zip(shape[:2], cell[:2], strict=True)
    ]
    rack = Rack(shape, kept[0], kept[1], number, 21.0)
    tight = replace(rack, width=TIGHT, height=TIGHT)
    if number and _within(rack, wide, tall):
        return rack
    if 0 < number <= 21 and _within(tight, wide, tall):
        return tight
    rack = replace(rack, width=0.0, height=0.0)
    slices, rows, columns = rack.space
    spare = rack.box
    across = (wide - spare.width) / (len(rack.columns) * slices * columns)
    down = (tall - spare.height) / (len(rack.rows) * rows)
    side = max(min(across, down, 12.0), 0.02)
    small = TIGHT  # of a block at least, whatever its form
    return replace(rack, width=max(side, small / columns), height=max(side, small / rows))


def _within(rack: Rack, wide: float, tall: float) -> bool:
    return rack.box.width <= wide and rack.box.height <= tall


# -- drawing -----------------------------------------------------------------------------------------------
def trays(ax: Axes, rack: Rack, labels: Array, style: Mapping[int, Coat]) -> None:
    """The trays of all sets that are shown; none where sets cut maps."""
    blocks = whole(labels)
    if blocks is None:
        return
    for label, boxes in rack.trays(blocks).items():
        own = style[label]
        draw.tiles(ax, boxes, fill=own.tray, edge=own.edge, width=0.9, hatch=own.hatch, above=1)


def tags(ax: Axes, rack: Rack, labels: Array, look: Theme, chosen: int | None = None) -> None:
    """The number of its set on each tray."""
    blocks = whole(labels)
    for label, boxes in ({} if blocks is None else rack.trays(blocks)).items():
        for box in boxes:
            tag(ax, box.x + 2, box.y + 1, label, look, strong=label == chosen)


def tag(ax: Axes, x: float, y: float, label: int, look: Theme, *, strong: bool = False) -> float:
    """A set's number on a chip with its corner there; returns the chip's width."""
    text = f"{label}"
    width = draw.width_of(text, SMALL, mono=True, bold=True) + 5
    box = Box(x, y, width, HEAD - 2)
    ground = look["active"].edge if strong else look.paper
    draw.tiles(ax, [box], fill=ground, edge=look.line, width=0.5, rounded=True, above=7)
    ink = readable(look, ground)
    draw.write(ax, box.centre[0], box.centre[1], text, ink, size=SMALL, mono=True, bold=True, align="center")
    return width


def cells(
    ax: Axes, rack: Rack, look: Theme, fills: Sequence[str], edge: str, texts: Array | None = None
) -> None:
    """All cells that are shown, each with its fill, their numbers (of the whole batch) in them."""
    boxes = [box for _, box in rack.cells()]
    draw.tiles(ax, boxes, fill=fills, edge=edge, width=0.6, above=2)
    if texts is None:
        return
    size = number_size(rack, texts.ravel().tolist())
    inks = {fill: readable(look, fill) for fill in set(fills)}
    for box, fill, text in zip(boxes, fills, rack.part(texts).ravel().tolist(), strict=True):
        draw.numbers(ax, [(box, text)], inks[fill], size=size)


def readable(look: Theme, ground: str) -> str:
    """Of ink and paper the one that can be read on ``ground``."""
    return max((look.ink, look.paper), key=lambda colour: themes.contrast(colour, ground))


def bands(ax: Axes, rack: Rack, labels: Array, style: Mapping[int, Coat], look: Theme, wide: float) -> None:
    """On the left of each cell a band with the hatch and the number of its set: for sets that cut maps."""
    flat = labels.reshape(*labels.shape[:2], -1)
    by_label: dict[int, list[Box]] = {}
    for at, box in rack.cells():
        by_label.setdefault(int(flat[at]), []).append(Box(box.x, box.y, wide, box.height))
    for label, boxes in by_label.items():
        own = style[label]
        draw.tiles(ax, boxes, fill=own.tray, edge=own.edge, width=0.6, hatch=own.hatch, above=3)
        for box in boxes:
            chip = Box(box.x + 1, box.centre[1] - 5, wide - 2, 10)
            draw.tiles(ax, [chip], fill=look.paper, rounded=True, above=4)
            draw.write(
                ax, *box.centre, f"{label}", look.ink, size=SMALL, mono=True, bold=True, align="center"
            )


def picture(ax: Axes, rack: Rack, colours: Array) -> None:
    """Maps of very many cells, as images; ``colours``: RGB from 0 to 1 of the maps that are shown."""
    slices, rows, columns = rack.space
    maps = colours.reshape(-1, slices, rows, columns, 3)
    for (_, _, block), own in zip(rack.blocks(), maps, strict=True):
        for i in range(slices):
            corner = rack.inside(i * rows * columns).moved(block.x, block.y)
            extent = (corner.x, corner.x + columns * rack.width, corner.y + rows * rack.height, corner.y)
            ax.imshow(own[i], extent=extent, aspect="auto", interpolation="antialiased", zorder=2)


def names(ax: Axes, rack: Rack, look: Theme, *, samples: bool = True) -> None:
    """``n = 0`` beside each row, ``c = 0`` above each column, and what has been left out."""
    n, c = rack.cut
    for row, at in enumerate(rack.rows if samples else ()):
        y = rack.block(row, 0).centre[1]
        draw.write(ax, rack.x - 6, y, f"n = {at}", look.faint_ink, size=SMALL, align="right")
    for column, at in enumerate(rack.columns):
        x = rack.slot(0, column).centre[0]
        text = f"c = {at}"
        room = rack.across + 8 + rack.gap
        if draw.width_of(text, SMALL) > room:
            text = f"{at}"
        draw.write(ax, x, rack.y - 8, text, look.faint_ink, size=SMALL, align="center")
    for place in (i for i in range(1, len(rack.rows)) if n and rack.rows[i] > rack.rows[i - 1] + 1):
        y = (rack.slot(place - 1, 0).bottom + rack.slot(place, 0).y) / 2
        for column in range(len(rack.columns)):
            _dots(ax, rack.slot(0, column).centre[0], y, look, upright=True)
    for place in (i for i in range(1, len(rack.columns)) if c and rack.columns[i] > rack.columns[i - 1] + 1):
        x = (rack.slot(0, place - 1).right + rack.slot(0, place).x) / 2
        for row in range(len(rack.rows)):
            _dots(ax, x, rack.block(row, 0).centre[1], look, upright=False)


def _dots(ax: Axes, x: float, y: float, look: Theme, *, upright: bool) -> None:
    """Three dots where something is left out."""
    step = 4.5
    boxes = [
        Box(x - 1.4 + step * i * (not upright), y - 1.4 + step * i * upright, 2.8, 2.8) for i in (-1, 0, 1)
    ]
    draw.dots(ax, boxes, look.ink, part=0.5, above=6)


def axes(ax: Axes, rack: Rack, look: Theme, *, down: bool = True) -> None:
    """Arrows along H (unless ``down`` is false) and W of the last map, on the right of it and below."""
    letters = AXES[len(rack.shape) - 2]
    if not letters:
        return
    block, box = rack.block(len(rack.rows) - 1, len(rack.columns) - 1), rack.box
    _, rows, columns = rack.space
    first = rack.inside(0).moved(block.x, block.y)
    across = (first.x, first.x + columns * rack.width)
    y = box.bottom + 6
    _arrow(ax, (across[0], y), (across[1], y), look)
    text = f"{letters[-1]} = {columns:,}"
    draw.write(ax, sum(across) / 2, y + 8, text, look.faint_ink, size=SMALL, align="center")
    if len(letters) > 1 and down:
        x = box.right + 6
        _arrow(ax, (x, block.y), (x, block.bottom), look)
        draw.write(ax, x + 5, block.centre[1], f"{letters[-2]} = {rows:,}", look.faint_ink, size=SMALL)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], look: Theme) -> None:
    from matplotlib.patches import FancyArrowPatch

    ax.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=6, linewidth=0.8, color=look.faint_ink,
                        shrinkA=0, shrinkB=0, zorder=4)
    )  # fmt: skip


def ring(ax: Axes, boxes: Sequence[Box], look: Theme, *, width: float = 2.2) -> None:
    """The thick edge of what is worked out."""
    draw.tiles(ax, boxes, edge=look["active"].edge, width=width, above=6)


# -- colours of values ---------------------------------------------------------------------------------------
def around_zero(values: Array, most: float, look: Theme) -> Array:
    """RGB of values around 0, up to ``most``: blue below, red above; the paper at 0, so that it works on dark, too."""
    from matplotlib.colors import to_rgb

    part = values / (most or 1.0)
    paper, below, above = (np.array(to_rgb(c)) for c in (look.paper, look["input"].edge, look["active"].edge))
    aim = np.where((part < 0)[..., None], below, above)
    found: Array = paper + 0.9 * np.abs(part)[..., None] * (aim - paper)
    return found


def shades(values: Array, labels: Array, style: Mapping[int, Coat], ends: tuple[float, float]) -> Array:
    """RGB of values between ``ends``, from pale to the colour of their set's edge."""
    from matplotlib.colors import to_rgb

    low, high = ends
    part = ((values - low) / (high - low or 1.0))[..., None]
    known, places = np.unique(labels, return_inverse=True)
    pale = np.array([to_rgb(style[label].cell) for label in known.tolist()])
    strong = np.array([to_rgb(style[label].edge) for label in known.tolist()])
    places = places.reshape(labels.shape)
    found: Array = pale[places] + part * (strong - pale)[places]
    return found


def dashes(ax: Axes, rack: Rack, values: Array, look: Theme) -> None:
    """A dash in each cell below 0, beside its colour."""
    lines = []
    for (_, box), value in zip(rack.cells(), rack.part(values).ravel().tolist(), strict=True):
        if value < 0:
            x, y = box.centre
            lines.append([(x - box.width * 0.2, y), (x + box.width * 0.2, y)])
    draw.strokes(ax, lines, look.ink, width=0.9, above=3)


def hexes(colours: Array) -> list[str]:
    """``#rrggbb`` of RGB from 0 to 1."""
    whole_ = np.rint(colours * 255).astype(int)
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in whole_.reshape(-1, 3).tolist()]
