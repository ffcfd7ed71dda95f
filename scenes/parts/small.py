"""Small pictures of a windowed op's plan, for boards that show many of them: the maps without numbers, the kernel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from convviz.scenes.stage import ink
from manim import VGroup

from convviz.figures import cells as draw
from convviz.figures.cells import Box, Lattice
from convviz.plan.model import Cell, Grid, Plan
from convviz.plan.words import number
from convviz.theme import Theme

SIDE = 4.4  # points of a cell at most
APART = 54.0  # points from the left of the input to that of the output


def source_of(plan: Plan) -> Grid:
    """What the window lies on: the input, or the one that is filled up with zeros."""
    return grid(plan, "stuffed" if "stuffed" in plan.by_key else "input")


def grid(plan: Plan, key: str) -> Grid:
    return cast(Grid, plan[key])


def extent(source: Grid, axis: int) -> range:
    """The indices along an axis (−2 or −1), those of the padding included; one where there is no such axis."""
    if len(source.shape) < 1 - axis:
        return range(1)
    before, after = source.pads[axis] if source.pads else (0, 0)
    return range(-before, source.shape[axis] + after)


def boxes(at: Lattice, cells: Iterable[Cell]) -> list[Box]:
    """Where cells lie, a vector in one row."""
    return [at.cell(cell[-2] if len(cell) > 2 else 0, cell[-1]) for cell in cells]


def between(source: Grid, cell: Cell) -> bool:
    """Whether a cell is one of the zeros between the real ones."""
    return bool(source.stuffed) and any(at % step for at, step in zip(cell[1:], source.stuffed, strict=True))


def maps(plan: Plan, look: Theme, x: float, y: float) -> tuple[VGroup, float]:
    """Input with padding and its first window, and output, from (x, y); and how far the output reaches down."""
    source, out = source_of(plan), grid(plan, "output")
    rows, columns = extent(source, -2), extent(source, -1)
    side = min(SIDE, 40 / len(rows), 44 / len(columns))
    at, beside = Lattice(x - columns.start * side, y - rows.start * side, side), Lattice(x + APART, y, side)
    real = [cell for cell in source.values or {} if not between(source, cell)]
    read = next(mark.cells for mark in plan.steps[0].marks if mark.mark == "read")
    places = [(cell[-2] if len(cell) > 2 else 0, cell[-1]) for cell in read]
    results = boxes(beside, plan.shown("output"))
    made = VGroup(
        ink.tiles([at.span(rows, columns)], edge=look["padding"].edge, width=0.6, dashed=True),
        ink.tiles(boxes(at, real), fill=look["input"].fill, edge=look["input"].edge, width=0.4),
        ink.outline(at, places, look["active"].edge, width=1.0),
        ink.tiles(results, fill=look[out.role].fill, edge=look[out.role].edge, width=0.4),
    )
    return made, Box.around(results).bottom


def kernel(plan: Plan, look: Theme, x: float, bottom: float) -> VGroup:
    """The kernel as it is laid on, standing on ``bottom``; nothing for a pooling window."""
    key = next((key for key in ("flipped", "kernel") if key in plan.by_key), None)
    if key is None:
        return VGroup()
    panel = grid(plan, key)
    held, rows = panel.values or {}, len(extent(panel, -2))
    side = min(13.0, 54 / rows, 120 / panel.shape[-1])
    found = boxes(Lattice(x, bottom - rows * side, side), held)
    made = VGroup(ink.tiles(found, fill=look["kernel"].fill, edge=look["kernel"].edge, width=0.8))
    told = [number(value) for value in held.values()]
    size = draw.letter(side, max(map(len, told)), most=8.5)
    if size is not None:
        placed = [(*box.centre, text) for box, text in zip(found, told, strict=True)]
        made.add(ink.texts(placed, look.ink, size=size, mono=True, align="center"))
    whole, name = Box.around(found), "kernel, flipped" if key == "flipped" else "kernel"
    return made.add(ink.text(whole.right + 8, whole.centre[1], name, look.faint_ink, size=8.5))
