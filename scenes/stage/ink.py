"""Shapes on the board as manim's objects. Those of one style are one object, which is what keeps a frame cheap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import hypot

from convviz.scenes.stage.board import UNIT
from convviz.scenes.stage.lettering import glyphs, text, texts
from convviz.scenes.stage.paths import (
    HAIR,
    Drawn,
    Said,
    box_of,
    dashes,
    hatched,
    joined,
    lines,
    path,
    rectangle,
    strokes,
)
from convviz.scenes.stage.sheet import artists
from manim import VGroup, VMobject

from convviz.figures import cells as draw
from convviz.figures.cells import Box, Lattice


def tiles(
    boxes: Iterable[Box],
    *,
    fill: str | None = None,
    edge: str | None = None,
    width: float = HAIR,
    dashed: bool = False,
    rounded: bool = False,
    hatch: str | None = None,
    opacity: float = 1.0,
) -> VMobject:
    """Boxes of one style as one object (two where they are hatched, ``hatch`` being the lines' colour)."""
    found = list(boxes)
    corner = [draw.ROUND * min(b.width, b.height) if rounded else 0.0 for b in found]
    if dashed:
        outline = joined(
            dashes([(b.x, b.y), (b.right, b.y), (b.right, b.bottom), (b.x, b.bottom), (b.x, b.y)])
            for b in found
        )
        return VGroup(
            *([path(joined(rectangle(b) for b in found), fill=fill, opacity=opacity)] if fill else []),
            path(outline, edge=edge, width=width, opacity=opacity),
        )
    made = path(
        joined(rectangle(b, c) for b, c in zip(found, corner)),
        fill=fill,
        edge=edge,
        width=width,
        opacity=opacity,
    )
    if fill and opacity > 0.9:
        made.hides = tuple(found)
    if hatch is None:
        return made
    return VGroup(
        made, path(joined(hatched(b.inset(0.6)) for b in found), edge=hatch, width=0.8, opacity=opacity)
    )


def outline(lattice: Lattice, cells: Iterable[tuple[int, int]], colour: str, *, width: float = 2.0) -> Drawn:
    """The border of a set of (row, column) cells, whatever its form."""
    side = lattice.side
    return strokes(
        [
            [(lattice.x + column * side, lattice.y + row * side) for row, column in piece]
            for piece in draw.border(cells)
        ],
        colour,
        width=width,
    )


def polygon(
    corners: Sequence[tuple[float, float]], *, fill: str | None = None, edge: str | None = None, width: float = HAIR,
    opacity: float = 1.0,
) -> Drawn:  # fmt: skip
    return path(lines(corners, closed=True), fill=fill, edge=edge, width=width, opacity=opacity)


def beam(
    start: Box, end: Box, colour: str, *, upright: bool = False, between: tuple[Box, Box] | None = None
) -> VGroup:
    """Two rays from the side of ``start`` that faces ``end``, and the light between them.

    between: the panels in which the two lie; the light fills only the space between these, so that it dulls no cell.
    """
    (a, b), (c, d) = draw.facing(start, end, upright)
    rays = strokes([[a, c], [b, d]], colour, width=0.9, opacity=0.6)
    if between is not None:
        (e, _), (f, _) = draw.facing(*between, upright)
        axis = 0 if e[0] != f[0] and a[0] == b[0] else 1
        low, high = e[axis], f[axis]

        def cut(p: tuple[float, float], q: tuple[float, float], at: float) -> tuple[float, float]:
            part = (at - p[axis]) / (q[axis] - p[axis]) if q[axis] != p[axis] else 0.0
            part = min(max(part, 0.0), 1.0)
            return p[0] + (q[0] - p[0]) * part, p[1] + (q[1] - p[1]) * part

        a, c, b, d = cut(a, c, low), cut(a, c, high), cut(b, d, low), cut(b, d, high)
    return VGroup(polygon([a, b, d, c], fill=colour, opacity=0.1), rays)


def arrow(
    start: tuple[float, float], end: tuple[float, float], colour: str, *, width: float = 1.4, head: float = 5.0,
    dashed: bool = False,
) -> VGroup:  # fmt: skip
    """A straight arrow, its head at ``end``."""
    long = hypot(end[0] - start[0], end[1] - start[1]) or 1.0
    ux, uy = (end[0] - start[0]) / long, (end[1] - start[1]) / long
    neck = (end[0] - ux * head, end[1] - uy * head)
    tip = [
        end,
        (neck[0] - uy * head * 0.55, neck[1] + ux * head * 0.55),
        (neck[0] + uy * head * 0.55, neck[1] - ux * head * 0.55),
    ]
    return VGroup(strokes([[start, neck]], colour, width=width, dashed=dashed), polygon(tip, fill=colour))


def dots(
    places: Iterable[tuple[float, float]], colour: str, radius: float = 2.2, edge: str | None = None
) -> Drawn:
    """Filled circles."""
    return path(
        joined(rectangle(Box(x - radius, y - radius, 2 * radius, 2 * radius), radius) for x, y in places),
        fill=colour,
        edge=edge,
    )


__all__ = [
    "UNIT", "Drawn", "Said", "arrow", "artists", "beam", "box_of", "dots", "glyphs", "joined", "lines", "outline",
    "path", "polygon", "rectangle", "strokes", "text", "texts", "tiles",
]  # fmt: skip
