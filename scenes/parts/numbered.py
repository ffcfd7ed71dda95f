"""Cells of a role with their numbers, wherever they lie: what moves from a picture into a line, or between maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from convviz.scenes.stage import ink
from manim import VGroup, VMobject

from convviz import theme as themes
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.panels import short
from convviz.plan.model import Cell, Number
from convviz.theme import Theme


def cells(
    look: Theme, role: str, boxes: Sequence[Box], order: Sequence[Cell], values: Mapping[Cell, Number]
) -> VGroup:
    """Tiles of a role in an order, and their numbers where there is room for all of them."""
    found = look[role]
    line = themes.mix(found.fill or look.paper, found.edge, 0.55)
    tiles = ink.tiles(boxes, fill=found.fill, edge=line, width=0.8, rounded=role == "output")
    return VGroup(tiles, numbers(look, boxes, order, values))


def numbers(
    look: Theme,
    boxes: Sequence[Box],
    order: Sequence[Cell],
    values: Mapping[Cell, Number],
    *,
    faint: bool = False,
) -> VMobject:
    """Only the numbers, of one size for all ``values``; nothing where that would be too small."""
    most = draw.longest(boxes[0].width)
    size = draw.letter(boxes[0].width, max(len(short(v, most)) for v in values.values()), most=10.5)
    if size is None:
        return VGroup()
    placed = [(*box.centre, short(values[cell], most)) for box, cell in zip(boxes, order, strict=True)]
    return ink.texts(placed, look.faint_ink if faint else look.ink, size=size, mono=True, align="center")


def blanks(look: Theme, boxes: Sequence[Box]) -> VMobject:
    """Outputs that are still to come."""
    return ink.tiles(boxes, edge=look["output"].edge, width=0.9, rounded=True)
