"""The window of a plan gliding over all its places in one motion, the outputs appearing one by one behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from convviz.scenes.stage import board, ink, marks
from convviz.scenes.stage.story import Story
from convviz.scenes.stage.view import View
from manim import Animation, VGroup, smooth

from convviz.figures import cells as draw
from convviz.figures.cells import Box

Point = tuple[float, float]


class Sweep(Animation):
    """The window glides over all places of a plan, rays lead to the output, and the outputs appear one by one."""

    def __init__(self, story: Story, view: View, source: str, **more: Any) -> None:
        plan, self.colour = view.plan, story.look["active"].edge
        cells = [marks.cell(view, "output", w.cell, w.value) for step in plan.steps for w in step.writes]
        self.outputs = Growing(cells)
        self.targets = [view.box("output", w.cell) for step in plan.steps for w in step.writes]
        read = [next(m.cells for m in step.marks if m.mark == "read") for step in plan.steps]
        self.places = [Box.around([view.box(source, cell) for cell in cells]) for cells in read]
        self.upright = view.layout.named  # the output stands above the input
        start, end = view.box(source), view.box("output")
        self.edges = (start.y, end.bottom) if self.upright else (start.right, end.x)
        shape = view.shape(source)
        lattice, at = shape.places[shape.split(read[0][0])[0]], [shape.split(cell)[1] for cell in read[0]]
        self.window = ink.outline(lattice, at, self.colour, width=2.2)
        self.ring = ink.tiles(self.targets[:1], edge=self.colour, width=2.0, rounded=True)
        self.homes = self.window.points.copy(), self.ring.points.copy()
        self.light = ink.polygon([(0, 0), (1, 0), (1, 1)], fill=self.colour, opacity=0.1)
        self.rays = ink.strokes([[(0, 0), (1, 1)]], self.colour, width=0.9, opacity=0.6)
        moving = VGroup(self.outputs, self.light, self.rays, self.window, self.ring)
        super().__init__(moving, rate_func=lambda t: t, **more)

    def shine(self, start: Box, end: Box) -> None:
        """Rays from the window to its output, and their light where it covers no numbers."""
        (a, b), (c, d) = draw.facing(start, end, self.upright)

        def between(p: Point, q: Point, edge: float) -> Point:
            axis = 1 if self.upright else 0
            part = min(max((edge - p[axis]) / (q[axis] - p[axis]), 0.0), 1.0)
            return p[0] + (q[0] - p[0]) * part, p[1] + (q[1] - p[1]) * part

        first, last = self.edges
        corners = [between(a, c, first), between(b, d, first), between(b, d, last), between(a, c, last)]
        self.light.points = board.to_scene(ink.lines(corners, closed=True))
        self.rays.points = board.to_scene(np.vstack([ink.lines([a, c]), ink.lines([b, d])]))

    def interpolate_mobject(self, alpha: float) -> None:
        last = len(self.places) - 1
        t = min(alpha * (last + 1), last + 0.999)
        at = int(t)
        part = smooth(min((t - at) / 0.5, 1.0)) if at else 1.0
        before, here, to = self.places[max(at - 1, 0)], self.places[at], self.targets[at]
        place = here.moved((before.x - here.x) * (1 - part), (before.y - here.y) * (1 - part))
        window, ring = self.homes
        self.window.points = window + board.shift(place.x - self.places[0].x, place.y - self.places[0].y)
        self.ring.points = ring + board.shift(to.x - self.targets[0].x, to.y - self.targets[0].y)
        self.shine(place, to)
        self.outputs.show(at + (part >= 0.99))


class Growing(VGroup):
    """Cells that appear in their order; those with numbers are one object, which keeps a frame cheap."""

    def __init__(self, cells: Sequence[VGroup]) -> None:
        self.cells = cells
        self.parts: list[list[np.ndarray]] = []
        super().__init__()
        if len(cells[0]) > 1:  # the tile and its number, all tiles of one colour
            self.parts = [[cell[i].points for cell in cells] for i in range(len(cells[0]))]
            self.add(*cells[0].copy())
        self.show(0)

    def show(self, count: int) -> None:
        """Show the first ``count``."""
        if not self.parts:
            self.submobjects = list(self.cells[:count])
            return
        for i, (part, found) in enumerate(zip(self.submobjects, self.parts, strict=True)):
            part.points = np.concatenate(found[:count]) if count else np.zeros((0, 3))
            if isinstance(part, ink.Drawn):
                last = count == len(found)
                part.said = tuple(said for cell in self.cells for said in cell[i].said) if last else ()
                part.home = ink.box_of(part) if last else part.home
