"""The maps of a stack in rows, input below: how paths spread from one output to the cells that it reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convviz.scenes.stage import board, ink
from manim import Create, FadeIn, FadeOut, LaggedStart, VGroup, VMobject

from convviz import theme as themes
from convviz.analysis.gridding import Gridding
from convviz.errors import ConvvizError
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.plan.gridding import places
from convviz.plan.model import Cell, Grid, Number, Plan

if TYPE_CHECKING:
    from convviz.scenes.stage.story import Story

NAMES, RATES = 62.0, 50.0  # points on the left and right of the maps
AREA = Box(board.STAGE.x, board.STAGE.y, board.STAGE.width, 188)
LARGEST, LEAST = 21.0, 4.4  # points of a cell
PART = 0.56  # of the distance between two rows: how high a cell may be
EASE = 0.6  # few paths are pale, but not as pale as none


def fitting(found: Gridding, area: Box) -> tuple[float, float]:
    """Points from row to row and of a cell; raises ConvvizError where these would be too small."""
    layers, room = len(found.rates), area.width - NAMES - RATES
    pitch = area.height / (layers + 1)
    side = min(room / found.span, pitch * PART, LARGEST)
    if side < LEAST:
        raise ConvvizError(
            f"a span of {found.span:,} cells over {layers} layers is too large to be seen in a film; "
            f"{int(room / LEAST)} cells and {int(area.height * PART / LEAST) - 1} layers are the most",
            "rates",
        )
    return pitch, side


class Maps:
    """The rows of one stack in an area. Cells stand over the middle of what they read."""

    def __init__(self, story: Story, plan: Plan, found: Gridding, area: Box, *, rates: bool = True) -> None:
        self.story, self.plan, self.found, self.look, self.area = story, plan, found, story.look, area
        self.layers = len(found.rates)
        self.pitch, self.side = fitting(found, area)
        room = area.width - NAMES - RATES
        self.x = area.x + NAMES + (room - self.side * found.span) / 2
        self.places = places(found)
        self.rates = rates
        self.drawn: list[VMobject] = []
        self.rays: VMobject | None = None

    # -- places ----------------------------------------------------------------------------------------------
    def box(self, level: int, at: int) -> Box:
        """A cell of map ``level``."""
        origin, step = self.places[level]
        x = self.x + (float(origin) + at * step) * self.side
        y = self.area.bottom - (level + 0.5) * self.pitch
        return Box(x, y - self.side / 2, self.side, self.side)

    # -- what is drawn ---------------------------------------------------------------------------------------
    def names(self) -> VGroup:
        """Titles of the maps, and the rates between them."""
        rows = []
        for i in range(self.layers + 1):
            panel = self.plan[f"map{i}"]
            y = self.box(i, 0).centre[1]
            rows.append((self.area.x, y, "one output" if i == self.layers else panel.title))
        made = VGroup(ink.texts(rows, self.look.faint_ink, size=9))
        if self.rates:
            x = self.area.right
            told = [
                (x, self.area.bottom - (i + 1) * self.pitch, f"rate {rate}")
                for i, rate in enumerate(self.found.rates)
            ]
            made.add(ink.texts(told, self.look["kernel"].edge, size=9, bold=True, align="right"))
        return made

    def empty(self, level: int) -> VMobject:
        """A map before anything is known of it."""
        panel = self.plan[f"map{level}"]
        assert isinstance(panel, Grid)
        boxes = [self.box(level, at) for at in range(panel.shape[-1])]
        return ink.tiles(boxes, edge=self.look.line, width=0.6)

    def cells(self, level: int, values: dict[Cell, Number]) -> VGroup:
        """A map with its counts: the more paths, the stronger; a hole has a diagonal."""
        look, role = self.look, self.look["input"]
        most = max(values.values())
        made = VGroup()
        by_fill: dict[str, list[Box]] = {}
        inks: dict[str, list[tuple[float, float, str]]] = {}
        holes = []
        size = draw.letter(self.side, max(len(str(n)) for n in values.values()), most=9.5)
        for cell, n in values.items():
            box = self.box(level, cell[-1])
            if not n:
                holes.append(box)
                continue
            fill = heat(look, n / most)
            by_fill.setdefault(fill, []).append(box)
            best = max((look.ink, look.paper), key=lambda colour: themes.contrast(colour, fill))
            inks.setdefault(best, []).append((*box.centre, str(n)))
        for fill, boxes in by_fill.items():
            made.add(ink.tiles(boxes, fill=fill, edge=role.edge, width=0.6))
        if holes:
            muted = look["muted"]
            made.add(
                ink.tiles(holes, fill=muted.fill, edge=muted.edge, width=0.6),
                ink.strokes([[(b.x, b.bottom), (b.right, b.y)] for b in holes], muted.edge, width=0.8),
            )
        if size is not None:
            for colour, placed in inks.items():
                made.add(ink.texts(placed, colour, size=size, mono=True, align="center"))
        return made

    def lines(self, step: int, cells: Sequence[int] | None = None, to: int | None = None) -> VMobject:
        """Rays of a step from the cells above to those that they read; from some cells, or to one only, if named."""
        work = self.plan.steps[step].work
        assert work is not None
        level = self.layers - step
        pieces = []
        for term in work.terms:
            if term.to is None or (cells is not None and term.cell[-1] not in cells):
                continue
            if to is not None and term.to[-1] != to:
                continue
            start, end = self.box(level + 1, term.cell[-1]), self.box(level, term.to[-1])
            pieces.append([(start.centre[0], start.bottom), (end.centre[0], end.y)])
        return ink.strokes(pieces, self.look["active"].edge, width=1.0, opacity=0.65)

    # -- how it is told --------------------------------------------------------------------------------------
    def enter(self) -> None:
        """The names, the maps as empty cells, and the one output."""
        names = self.names()
        blank = VGroup(*(self.empty(i) for i in range(self.layers + 1)))
        self.drawn += [names, blank]
        self.story.play(FadeIn(names), FadeIn(blank), run_time=0.8)
        first = self.cells(self.layers, self.plan.shown(f"map{self.layers}", 0))
        self.drawn.append(first)
        self.story.play(FadeIn(first), run_time=0.4)

    def step(self, step: int, *, slow: bool = False, run_time: float = 1.0) -> None:
        """Play a step of the plan: one cell's rays first (slow), then everybody's, then the counts."""
        level = self.layers - step
        fresh = self.cells(level, self.plan.shown(f"map{level}", step))
        rays = self.lines(step)
        self.drop_rays()
        if slow:
            work = self.plan.steps[step].work
            assert work is not None
            at = work.terms[len(work.terms) // 2].cell[-1]
            one = self.lines(step, [at])
            self.story.play(Create(one), run_time=run_time)
            self.story.remove(one)
        self.rays = rays
        self.story.play(LaggedStart(FadeIn(rays), FadeIn(fresh), lag_ratio=0.5), run_time=run_time)
        self.drawn.append(fresh)

    def meet(self, step: int) -> None:
        """The cell of a step where most paths meet: the rays to it, and its sum."""
        found = self.plan.steps[step]
        assert found.work is not None
        at = next(mark.cells[0][-1] for mark in found.marks if mark.mark == "winner")
        edge = self.look["active"].edge
        box = self.box(self.layers - step, at)
        made = VGroup(self.lines(step, to=at), ink.tiles([box], edge=edge, width=2.3))
        told = self.story.lines([f"paths to this cell: {found.work.text}"])
        self.drop_rays()
        self.story.play(FadeIn(made), FadeIn(told), run_time=0.6)
        self.story.wait(1.2)
        self.story.play(FadeOut(made), FadeOut(told), run_time=0.3)

    def drop_rays(self) -> None:
        if self.rays is not None:
            self.story.remove(self.rays)
            self.rays = None

    def settle(self) -> None:
        if self.rays is not None:
            self.story.play(FadeOut(self.rays), run_time=0.3)
            self.rays = None

    def mobjects(self) -> list[VMobject]:
        return [*self.drawn, *([self.rays] if self.rays is not None else [])]


def heat(look: themes.Theme, part: float) -> str:
    """Pale for hardly a path, full colour for the most."""
    role = look["input"]
    return themes.mix(role.fill or look.paper, role.edge, 0.1 + 0.9 * part**EASE)
