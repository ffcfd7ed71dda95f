"""A plan on the stage: its panels laid out as in the stills, and its steps played over them.

What a panel shows at rest is drawn by the stills' own painters; over it lie the marks of the step, which glide from one
step to the next: outlines of what is read and written, the weights in use, rays between them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from convviz.scenes.stage import board, curves, fit, ink, marks
from convviz.scenes.stage.sums import spelled
from manim import Animation, FadeIn, FadeOut, LaggedStart, Mobject, Transform, VGroup, VMobject

from convviz.errors import ConvvizError
from convviz.figures import arrange, facts, matrix, panels, scene
from convviz.figures.arrange import Block, Layout
from convviz.figures.cells import Box
from convviz.figures.channels import Shape
from convviz.figures.facts import CurveShape, TableShape
from convviz.figures.matrix import MatrixShape
from convviz.figures.panels import State
from convviz.plan import telling
from convviz.plan.model import Cell, Grid, Plan, Step

if TYPE_CHECKING:
    from convviz.scenes.stage.story import Story

QUICK, QUICKEST = 0.55, 0.22  # seconds of a step that is not explained
EACH = 10  # steps that are played one by one; of more, the rest appears together
WAVES = 5  # in so many waves
LOOSE = 14  # written cells that may lie on a panel before it is drawn anew

Marks = dict[Hashable, VMobject]


class View:
    """The panels of a plan in an area of the board: ``panel(key)`` its objects, ``box(key, cell)`` a cell's place."""

    def __init__(
        self, story: Story, plan: Plan, area: Box, *, keys: Sequence[str] | None = None, largest: int = 32,
        at: Sequence[int] | None = None,
    ) -> None:  # fmt: skip
        self.story, self.plan, self.look = story, plan, story.look
        grids = [panel.key for panel in plan.panels if isinstance(panel, Grid)]
        keys = keys or grids or list(plan.by_key)
        shown = replace(plan, panels=tuple(plan[key] for key in keys))
        front = tuple(at) if at is not None else telling.moments(plan) if plan.steps else ()
        self.layout: Layout = fit.laid_out(shown, front, area, largest)
        self.blocks: dict[str, Block] = {arrange.panel_of(block).key: block for block in self.layout.blocks}
        self.shades = scene.identities(plan, self.look)
        self.done = -1  # the last step whose results are shown
        self.final = {key: plan.shown(key) for key, block in self.blocks.items() if isinstance(block, Shape)}
        self.panels: dict[str, VGroup] = {key: self._paint(key) for key in self.blocks}
        self.loose: dict[str, list[VMobject]] = {key: [] for key in self.blocks}
        self.marks: Marks = {}
        self.sum: VGroup | None = None
        self.work_area = board.WORK
        left_out = scene.remarks(self.layout, plan, ()) if any(s.hidden for s in self._shapes()) else []
        self.remark = (
            ink.text(area.x, area.bottom - 3, left_out[0], self.look.faint_ink, size=7.6)
            if left_out
            else None
        )

    def _shapes(self) -> list[Shape]:
        return [block for block in self.blocks.values() if isinstance(block, Shape)]

    # -- places ----------------------------------------------------------------------------------------------
    def panel(self, key: str) -> VGroup:
        if key not in self.panels:
            raise ConvvizError(f"no panel {key!r} is shown of the plan of {self.plan.name}")
        return self.panels[key]

    def shape(self, key: str) -> Shape:
        """How a grid is laid out."""
        block = self.blocks[key]
        if not isinstance(block, Shape):
            raise ConvvizError(f"{key} is no grid of cells")
        return block

    def box(self, key: str, cell: Cell | None = None) -> Box:
        """Where a panel (without its title) or one of its cells lies."""
        if cell is None:
            return self.blocks[key].box
        found = self.shape(key).cell(cell)
        if found is None:
            raise ConvvizError(f"cell {cell} of {key} lies on a sheet that is not shown")
        return found

    def mobjects(self) -> list[Mobject]:
        """Everything of this view that is on the stage."""
        mine: list[Mobject] = [self.remark] if self.remark is not None else []
        mine += [
            *self.panels.values(),
            *(m for found in self.loose.values() for m in found),
            *self.marks.values(),
        ]
        return [*mine, *([self.sum] if self.sum is not None else [])]

    # -- coming and going ------------------------------------------------------------------------------------
    def enter(self, run_time: float = 0.9) -> None:
        """Bring the panels in, in reading order."""
        made = [
            *(self.panels[key] for key in self.blocks),
            *([self.remark] if self.remark is not None else []),
        ]
        self.story.play(LaggedStart(*(FadeIn(m) for m in made), lag_ratio=0.35), run_time=run_time)

    def settle(self, run_time: float = 0.35) -> None:
        """Take the marks and the sum away."""
        gone = [*self.marks.values(), *([self.sum] if self.sum is not None else [])]
        self.marks, self.sum = {}, None
        if gone:
            self.story.play(*(FadeOut(m) for m in gone), run_time=run_time)
        self._bake(0)

    # -- steps -------------------------------------------------------------------------------------------------
    def step(self, at: int, *, slow: bool = False, run_time: float | None = None, work: bool = True) -> None:
        """Play a step. slow: weights go to the cells that they multiply, then the sum, then the result to its cell."""
        step = self.plan.steps[at]
        self.done = max(self.done, at)
        if slow:
            self._explain(at, step, run_time or 1.0, work)
            return
        written = self._written(step)
        if work:
            self._spell(step)
        glide, now = self._glide(at)
        appear = [FadeIn(m) for m in written]
        if glide or appear:
            self.story.play(*glide, *appear, run_time=run_time or QUICK)
        self._landed(now)
        self._bake(LOOSE)

    def run(self, steps: Iterable[int], *, work: bool = True, run_time: float | None = None) -> None:
        """Play steps one after another, each quicker than the one before (or each in ``run_time`` seconds)."""
        for i, at in enumerate(steps):
            self.step(at, run_time=run_time or max(QUICK * 0.88**i, QUICKEST), work=work)

    def rest(self, *, until: int | None = None, work: bool = True) -> None:
        """Play the steps that are left (up to ``until``, not included), many at a time where they are many."""
        left = list(range(self.done + 1, len(self.plan.steps) if until is None else until))
        if len(left) <= EACH + 2:
            self.run(left, work=work)
            return
        self.run(left[: EACH // 2], work=work)
        self.together(left[EACH // 2 : -1])
        self.run(left[-1:], work=work)

    def together(self, steps: Sequence[int], run_time: float = 1.6) -> None:
        """What many steps write, in a few waves and without their marks."""
        self.drop_marks()
        size = -(-len(steps) // WAVES)
        for first in range(0, len(steps), size):
            part = steps[first : first + size]
            made = [m for at in part for m in self._written(self.plan.steps[at])]
            self.done = max(self.done, part[-1])
            if made:
                self.story.play(FadeIn(VGroup(*made)), run_time=run_time / WAVES)
                for m in made:  # on their own again, so that a panel drawn anew can take their place
                    self.story.remove(m)
                self.story.add(*made)
            self._bake(0)

    def mark(self, at: int, run_time: float = 0.6) -> None:
        """Show the marks of a step without what it writes."""
        glide, now = self._glide(at)
        if glide:
            self.story.play(*glide, run_time=run_time)
        self._landed(now)

    def drop_marks(self) -> None:
        """Take the marks and the sum away at once."""
        self.story.remove(*self.marks.values(), *([self.sum] if self.sum is not None else []))
        self.marks, self.sum = {}, None

    # -- how a step is played ----------------------------------------------------------------------------------
    def _explain(self, at: int, step: Step, run_time: float, work: bool) -> None:
        glide, now = self._glide(at)
        if glide:
            self.story.play(*glide, run_time=run_time)
        self._landed(now)
        laid = marks.chips(self, at)
        if laid is not None:
            cover, start, end = laid
            self.story.add(cover, start)
            self.story.play(Transform(start, end), run_time=run_time)
            self.story.remove(start)
            self.story.add(end)
            self.marks["cover"], self.marks["chips"] = cover, end
        written = self._written(step)
        result = None
        if work and step.work is not None:
            left, result = self._sum(step)
            self._drop_sum()
            self.sum = VGroup(left, result) if result is not None else VGroup(left)
            self.story.play(FadeIn(left), run_time=run_time * 0.8)
            if result is not None:
                self.story.play(FadeIn(result), run_time=run_time * 0.4)
            self.story.remove(left, *([result] if result is not None else []))
            self.story.add(self.sum)
        if result is not None and len(written) == 1:
            flying = result.copy()
            self.story.add(flying)
            tile, number = written[0][0], written[0][1:]
            self.story.play(FadeIn(tile), Transform(flying, VGroup(*number)), run_time=run_time * 0.8)
            self.story.remove(flying, tile)
            self.story.add(written[0])
        elif written:
            self.story.play(*(FadeIn(m) for m in written), run_time=run_time * 0.6)

    def _glide(self, at: int) -> tuple[list[Animation], Marks]:
        """Animations from the marks that are shown to those of a step, and these."""
        new = marks.of(self, at)
        moves: list[Animation] = []
        for key, made in self.marks.items():
            if key not in new:
                moves.append(FadeOut(made))
        for key, made in new.items():
            old = self.marks.get(key)
            if old is not None and alike(old, made):
                moves.append(Transform(old, made))
            else:  # another form: half-way between the two lies nothing that anyone could read
                moves += [FadeIn(made), *([FadeOut(old)] if old is not None else [])]
        return moves, new

    def _landed(self, now: Marks) -> None:
        """The marks after they have glided: an old one that was transformed has become the new one."""
        kept: Marks = {}
        for key, made in now.items():
            old = self.marks.get(key)
            kept[key] = made
            if old is not None:
                self.story.remove(old)
                self.story.add(made)
        self.marks = kept

    def _written(self, step: Step) -> list[VGroup]:
        """The cells that a step writes, not yet on the stage."""
        made = []
        for write in step.writes:
            block = self.blocks.get(write.panel)
            if isinstance(block, Shape) and block.cell(write.cell) is not None:
                cell = marks.cell(self, write.panel, write.cell, write.value)
                self.loose[write.panel].append(cell)
                made.append(cell)
        return made

    def _bake(self, most: int) -> None:
        """Draw panels anew that have more than ``most`` cells lying on them; nothing changes to the eye."""
        for key, found in self.loose.items():
            if len(found) <= most:
                continue
            fresh = self._paint(key)
            place = (
                self.story.mobjects.index(self.panels[key]) if self.panels[key] in self.story.mobjects else 0
            )
            self.story.remove(self.panels[key], *found)
            self.story.mobjects.insert(place, fresh)
            self.panels[key], self.loose[key] = fresh, []

    # -- the sum -----------------------------------------------------------------------------------------------
    def _spell(self, step: Step) -> None:
        """Show the sum of a step at once."""
        self._drop_sum()
        if step.work is None:
            return
        left, result = self._sum(step)
        self.sum = VGroup(left, result) if result is not None else VGroup(left)
        self.story.add(self.sum)

    def _drop_sum(self) -> None:
        if self.sum is not None:
            self.story.remove(self.sum)
        self.sum = None

    def _sum(self, step: Step) -> tuple[VMobject, VMobject | None]:
        """The arithmetic in lines, and its result apart where it has one."""
        assert step.work is not None
        return spelled(step.work, self.work_area, self.look)

    # -- panels at rest ----------------------------------------------------------------------------------------
    def state(self, key: str) -> State:
        """What a grid shows now, without marks."""
        return State(self.plan.shown(key, self.done), {}, {}, frozenset(), self.final[key])

    def _paint(self, key: str) -> VGroup:
        block, look = self.blocks[key], self.look

        def paint(ax: object) -> None:
            scene.title(ax, block, self.layout, look)  # type: ignore[arg-type]
            if isinstance(block, Shape):
                panels.paint(ax, block, self.state(key), look, shades=self.shades.get(key))  # type: ignore[arg-type]
            elif isinstance(block, MatrixShape):
                matrix.paint(ax, block, set(), look)  # type: ignore[arg-type]
            elif isinstance(block, TableShape):
                facts.paint_table(ax, block, set(), look)  # type: ignore[arg-type]

        made = ink.artists(paint)
        if isinstance(block, CurveShape):
            made.add(*curves.paint(block.panel, block.box, look))
        return made


def alike(a: VMobject, b: VMobject) -> bool:
    """Whether one can glide into the other: both have the same curves, at other places."""
    ours, theirs = a.get_family(), b.get_family()
    return len(ours) == len(theirs) and all(len(x.points) == len(y.points) for x, y in zip(ours, theirs))
