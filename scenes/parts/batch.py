"""A batch N x C x H x W on the board: samples below each other, channels side by side, each map a block of cells.

All four axes stay apart. Behind the blocks lie *slots*, one a map; slots of one set grow towards each other until the
gap between them is closed, so that the set is one tray.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from convviz.scenes.stage import ink
from manim import VGroup, VMobject

from convviz import theme as themes
from convviz.errors import ConvvizError
from convviz.figures.cells import Box
from convviz.figures.norms.grid import AXES, PAD, Rack
from convviz.ops.base import Array, Shape, show
from convviz.theme import Theme

DIGIT = 10.0  # points of the smallest cell with a digit
LABEL = 8.0  # points of the names of samples and channels
SEAM = 0.8  # points by which slots of one tray overlap, so that no line is seen between them
Index = tuple[int, ...]


def fit(
    shape: Shape, area: Box, *, most: float = 18.0, least: float = DIGIT, head: float = PAD, gap: float = 5.0
) -> Rack:
    """The rack with the largest cells in the middle of an area; raises ConvvizError where they would be too small."""
    best = sized(shape, area, head, gap)
    if best < least:
        raise ConvvizError(
            f"a batch of {show(shape)} does not fit{largest(shape, area, least, head, gap)}", "input"
        )
    side = min(best, most)
    rack = Rack(shape, tuple(range(shape[0])), tuple(range(shape[1])), side, side, head=head, gap=gap)
    return replace(
        rack, x=area.x + (area.width - rack.box.width) / 2, y=area.y + (area.height - rack.box.height) / 2
    )


def sized(shape: Shape, area: Box, head: float, gap: float) -> float:
    """Points that a cell may have."""
    samples, channels = shape[:2]
    bare = Rack(shape, (0,), (0,), 0.0, 0.0, head=head, gap=gap)
    slices, rows, columns = bare.space
    wide = (area.width - gap * (channels - 1)) / channels - bare.box.width
    high = (area.height - gap * (samples - 1)) / samples - bare.box.height
    return min(wide / (slices * columns), high / rows)


def largest(shape: Shape, area: Box, least: float, head: float, gap: float) -> str:
    """``; 4x4x3x3 does``: the same with as many cells along each axis of space as can be, or with fewer channels."""
    for n in range(max(shape[2:], default=1) - 1, 1, -1):
        smaller = (*shape[:2], *(min(n, m) for m in shape[2:]))
        if sized(smaller, area, head, gap) >= least:
            return f"; {show(smaller)} does"
    for c in range(shape[1] - 1, 0, -1):
        smaller = (shape[0], c, *(min(2, m) for m in shape[2:]))
        if sized(smaller, area, head, gap) >= least:
            return f"; {show(smaller)} does"
    return ""


def moved(rack: Rack, x: float, y: float) -> Rack:
    """The same with its corner there."""
    return replace(rack, x=x, y=y)


# -- cells ----------------------------------------------------------------------------------------------------
def maps(
    rack: Rack, values: Mapping[Index, str], look: Theme, which: Sequence[Index], at: Sequence[Index] | None = None,
    role: str = "input",
) -> VGroup:  # fmt: skip
    """Blocks of (sample, channel) with their numbers, which are by (n, c, *space); at: where else they lie.

    Tiles and numbers are one object each, in the order of ``which``, so that blocks glide from place to place.
    """
    found = [
        (values[n, c, *inner], box)
        for (n, c), place in zip(which, at or which, strict=True)
        for inner, box in places(rack, *place)
    ]
    own = look[role]
    edge = themes.mix(own.fill or look.paper, own.edge, 0.55)
    return VGroup(
        ink.tiles([box for _, box in found], fill=own.fill, edge=edge, width=0.8), numbers(rack, found, look)
    )


def loose(rack: Rack, which: Sequence[tuple[Index, str]], look: Theme) -> VGroup:
    """Some cells once more, with their numbers, to be moved elsewhere; in the order in which they are given."""
    found = [(text, box) for cell, text in which if (box := rack.cell(cell)) is not None]
    own = look["shared"]
    return VGroup(
        ink.tiles([box for _, box in found], fill=own.fill, edge=own.edge, width=0.8),
        numbers(rack, found, look),
    )


def numbers(rack: Rack, told: Sequence[tuple[str, Box]], look: Theme) -> VMobject:
    size = min(10.0, rack.width * 0.72)
    return ink.texts(
        [(*box.centre, text) for text, box in told], look.ink, size=size, mono=True, align="center"
    )


def places(rack: Rack, n: int, c: int) -> list[tuple[Index, Box]]:
    """The cells of a map, by their place in space, in C order."""
    found = []
    for at in np.ndindex(rack.shape[2:]):
        box = rack.cell((n, c, *at))
        assert box is not None
        found.append((at, box))
    return found


# -- trays ----------------------------------------------------------------------------------------------------
def tray(rack: Rack, blocks: Array, n: int, c: int) -> Box:
    """The slot of a map, grown to the next one where both lie in one set; blocks: labels by sample and channel."""
    own = rack.slot(n, c)
    right, bottom = own.right, own.bottom
    if c + 1 < blocks.shape[1] and blocks[n, c + 1] == blocks[n, c]:
        right = rack.slot(n, c + 1).x + SEAM
    if n + 1 < blocks.shape[0] and blocks[n + 1, c] == blocks[n, c]:
        bottom = rack.slot(n + 1, c).y + SEAM
    return Box(own.x, own.y, right - own.x, bottom - own.y)


def trays(rack: Rack, blocks: Array | None, colour: str) -> list[VMobject]:
    """A tray for each map, in C order; without labels each map has its own."""
    n, c = rack.shape[:2]
    cells = [(i, j) for i in range(n) for j in range(c)]
    return [
        ink.tiles([rack.slot(*at) if blocks is None else tray(rack, blocks, *at)], fill=colour)
        for at in cells
    ]


def whole(rack: Rack, blocks: Array, label: int) -> list[Box]:
    """The boxes of one set."""
    return rack.trays(blocks)[label]


def lit(boxes: Sequence[Box], look: Theme, width: float = 2.0) -> VGroup:
    """The set that shares statistics: tinted, hatched, with an edge."""
    own = look["shared"]
    faces = ink.tiles(boxes, fill=themes.mix(own.fill or look.paper, own.edge, 0.3), hatch=own.edge)
    return VGroup(faces, ink.tiles(boxes, edge=own.edge, width=width))


# -- axes -----------------------------------------------------------------------------------------------------
def letters(shape: Shape) -> tuple[str, ...]:
    """``N, C, H, W``"""
    return ("N", "C", *AXES[len(shape) - 2])


def sample_names(rack: Rack, look: Theme) -> VMobject:
    """``n = 0`` beside each row."""
    rows = [(rack.x - 6, rack.block(i, 0).centre[1], f"n = {i}") for i in range(rack.shape[0])]
    return ink.texts(rows, look.faint_ink, size=LABEL, align="right")


def channel_names(rack: Rack, look: Theme) -> VMobject:
    """``c = 0`` above each column."""
    short = rack.across + 2 * PAD < 24
    columns = [
        (rack.slot(0, i).centre[0], rack.y - 7, f"{i}" if short else f"c = {i}") for i in range(rack.shape[1])
    ]
    return ink.texts(columns, look.faint_ink, size=LABEL, align="center")
