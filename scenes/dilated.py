"""A window with holes reads far with few weights, and a stack of such windows can leave cells that nobody reads."""

from __future__ import annotations

from dataclasses import replace

from convviz.scenes.parts.pathmaps import AREA, Maps, fitting, heat
from convviz.scenes.parts.rows import Rows
from convviz.scenes.stage import Story, board, ink
from manim import FadeIn, FadeOut, Transform, VGroup

from convviz.analysis.gridding import gridding
from convviz.errors import ConvvizError
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.ops.conv import Conv
from convviz.plan import words
from convviz.plan.dilation import spread_apart
from convviz.plan.gridding import compared, mended, over_two_axes, stack
from convviz.plan.model import Grid

RATES = (2, 2, 2)
SPOKEN = 4  # layers whose step has a caption


class Dilated(Story):
    """A window with holes reads far with few weights, and a stack of such windows can leave cells that nobody reads."""

    name = "dilated"

    def prepare(self) -> None:
        given = self.settings.fields.get("rates", RATES)
        rates = tuple(given) if isinstance(given, list | tuple) else (given,)
        fields = {name: value for name, value in self.settings.fields.items() if name != "rates"}
        self.plan = self.keep(replace(self.settings, fields=fields).plan("dilated_conv"))
        op = self.plan.stages[0].op if self.plan.stages else None
        if not isinstance(op, Conv):
            raise ConvvizError(f"is no convolution: {self.plan.title}", str(self.settings.layer))
        self.kernel, self.rate = op.kernel_size, max(op.dilation)
        if len(self.kernel) > 2:
            raise ConvvizError("is told over one or two axes, and this window has three", "dilated")
        if max(self.kernel) < 2:
            raise ConvvizError("must be at least 2: a window of one cell has no holes", "kernel_size")
        self.windows = self.keep(spread_apart(self.kernel, sorted({1, 2, max(self.rate, 3)})))
        self.stack = gridding(rates, max(self.kernel))
        self.mended = None if self.stack.dense else self.stack.remedy.stack
        self.stacks = [self.stack] + ([self.mended] if self.mended else [])
        for found in self.stacks:
            fitting(found, AREA)
        self.told = [self.keep(stack(found)) for found in self.stacks]
        self.table = compared(*self.stacks) if self.mended else None

    def tell(self) -> None:
        self.section("Holes in the window")
        view = self.show(self.plan)
        if self.rate > 1:
            self.say("The window jumps over cells: a weight at each tap, holes between them.")
        else:
            self.say("Rate 1: the weights of this window lie side by side, with no holes between them.")
        view.step(0, slow=True)
        view.rest()
        view.settle()
        self.section("The same weights, further apart")
        self.clear()
        self.pull_apart()
        self.section("A stack of them")
        self.clear()
        self.say(
            f"Now {len(self.stack.rates)} layers on a line: which cells of the input does one output read?"
        )
        self.fall(0)
        self.section("The output beside it")
        self.beside()
        if self.mended is not None:
            self.section("Rates that leave no holes")
            self.clear()
            self.say(mended(*self.stacks))
            self.fall(1)
        self.section("On an image")
        self.clear()
        self.planes()

    # -- a window is pulled apart ------------------------------------------------------------------------------
    def pull_apart(self) -> None:
        plan = self.windows
        keys = [panel.key for panel in plan.panels if isinstance(panel, Grid)]
        table = plan["rates"]
        area = Box(board.PANELS.x, board.PANELS.y, 240, board.PANELS.height)
        *_, high, wide = plan[keys[-1]].shape
        flat = len(plan[keys[-1]].shape) == 2
        high = 1 if flat else high
        side = min(area.width / wide, area.height / high, 30)
        rows = Rows(table, Box(300, board.PANELS.y + 40, 255, 120), self.look, size=10, pitch=20)
        now = None
        for i, key in enumerate(keys):
            shape = plan[key].shape
            rest = (1, shape[-1]) if flat else shape[-2:]
            x = area.x + (area.width - rest[1] * side) / 2
            y = area.y + (area.height - rest[0] * side) / 2
            marks = {mark.mark: mark.cells for mark in plan.steps[i].marks}
            made = self.window(x, y, side, marks, flat)
            if i != 1:  # the second is told by the table alone
                self.say(plan.steps[i].caption)
            row = rows.row(i)
            if now is None:
                self.play(FadeIn(made[0]), FadeIn(made[1]), FadeIn(rows.head()), FadeIn(row), run_time=0.8)
            else:
                self.play(FadeOut(now[0]), Transform(now[1], made[1]), run_time=1.0)
                self.remove(now[1])
                self.add(made[1])
                self.play(FadeIn(made[0]), FadeIn(row), run_time=0.5)
            now = made
        self.formula(plan.formulas[0])

    def window(self, x: float, y: float, side: float, marks: dict, flat: bool) -> tuple[VGroup, VGroup]:
        """The holes of a window, and its taps with the weights of the plan's kernel."""

        def boxes(cells: tuple) -> list[Box]:
            return [Box(x + c[-1] * side, y + (0 if flat else c[-2]) * side, side, side) for c in cells]

        look, taps, holes = self.look, boxes(marks["read"]), boxes(marks.get("hole", ()))
        muted, kernel = look["muted"], look["kernel"]
        under = VGroup(
            ink.tiles(holes, fill=muted.fill, edge=muted.edge, width=0.6),
            ink.strokes([[(b.x, b.bottom), (b.right, b.y)] for b in holes], muted.edge, width=0.8),
        )
        weights = [
            words.number(v)
            for cell, v in self.plan["kernel"].values.items()
            if not any(cell[: -len(self.kernel)])
        ]
        over = VGroup(ink.tiles(taps, fill=kernel.fill, edge=kernel.edge, width=1.8))
        size = draw.letter(side, max(map(len, weights)))
        if size is not None:
            over.add(
                ink.texts(
                    [(*b.centre, w) for b, w in zip(taps, weights, strict=True)],
                    look.ink, size=size, mono=True, align="center",
                )
            )  # fmt: skip
        return under, over

    # -- a stack, from its output down --------------------------------------------------------------------------
    def fall(self, which: int) -> None:
        plan, found = self.told[which], self.stacks[which]
        self.maps = maps = Maps(self, plan, found, AREA)
        maps.enter()
        last = len(found.rates)
        for i in range(1, last + 1):
            if which == 0 and i < min(last, SPOKEN):
                self.say(plan.steps[i].caption)
            maps.step(i, slow=i <= 2 and which == 0)
            if which == 0 and i == last:
                maps.settle()
                self.say(
                    "Each number counts the paths from that cell to the output; where paths meet, they add up."
                )
                maps.meet(i)
        maps.settle()
        self.say(
            f"{plan.title}."
            if which == 0
            else "No holes: every rate is at most 1 more than what the smaller ones reach."
        )
        self.told_why = self.lines([plan.notes[0]])
        self.play(FadeIn(self.told_why), run_time=0.5)

    def beside(self) -> None:
        """The next output, and what it reads of the input, under those of this one."""
        step, maps, edge = self.told[0].steps[-1], self.maps, self.look["active"].edge
        fed = next(mark.cells for mark in step.marks if mark.mark == "fed")
        below = [maps.box(0, cell[-1]).moved(0, maps.side * 1.35) for cell in fed]
        top = maps.box(maps.layers, 1)
        made = VGroup(
            ink.tiles([top, *below], fill=self.look.paper, edge=edge, width=1.8),
            ink.strokes([[(b.x, b.bottom), (b.right, b.y)] for b in [top, *below]], edge, width=0.8),
            ink.text(maps.area.x, below[0].centre[1], "the next one", edge, size=9),
        )
        self.say(step.caption)
        self.play(FadeIn(made), FadeOut(self.told_why), run_time=0.8)

    # -- over two axes ----------------------------------------------------------------------------------------
    def planes(self) -> None:
        self.say(over_two_axes(*self.stacks))
        width = 190.0
        made = VGroup()
        for i, plan in enumerate(self.told):
            if "plane" not in plan.by_key:
                continue
            panel = plan["plane"]
            n = panel.shape[-1]
            side = min(170 / n, 16)
            x, y = board.PANELS.x + 6 + i * width, board.PANELS.y + 14
            made.add(self.plane(panel, x, y, side))
            made.add(
                ink.text(
                    x,
                    y - 8,
                    f"rates {', '.join(map(str, self.stacks[i].rates))}",
                    self.look.ink,
                    size=9.6,
                    bold=True,
                )
            )
        self.play(FadeIn(made), run_time=0.8)
        if self.table is not None:
            rows = Rows(self.table, Box(396, 70, 160, 150), self.look, size=9)
            self.play(
                FadeIn(VGroup(rows.head(), *(rows.row(i) for i in range(len(self.table.rows))))), run_time=0.6
            )

    def plane(self, panel: Grid, x: float, y: float, side: float) -> VGroup:
        values = panel.values or {}
        most = max(values.values())
        by_fill: dict[str, list[Box]] = {}
        holes = []
        for (_, r, c), n in values.items():
            box = Box(x + c * side, y + r * side, side, side)
            if n:
                by_fill.setdefault(heat(self.look, n / most), []).append(box)
            else:
                holes.append(box)
        muted = self.look["muted"]
        made = VGroup(ink.tiles(holes, fill=muted.fill, edge=muted.edge, width=0.4))
        made.add(ink.strokes([[(b.x, b.bottom), (b.right, b.y)] for b in holes], muted.edge, width=0.5))
        for fill, boxes in by_fill.items():
            made.add(ink.tiles(boxes, fill=fill, edge=self.look["input"].edge, width=0.4))
        return made
