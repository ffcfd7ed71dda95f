"""A convolution in two steps: each channel through a filter of its own, then the channels mixed at each position."""

from __future__ import annotations

from typing import Any

from convviz.scenes.parts.volume import (
    Volume,
    around,
    between,
    columns,
    filed,
    fill,
    fly,
    grid_of,
    placed,
    spell,
    waves,
)
from convviz.scenes.stage import Story, board, ink
from convviz.scenes.stage.solid import Block, Solid, spatial, window
from convviz.scenes.stage.story import fitting
from manim import FadeIn, FadeOut, LaggedStart, Transform, VGroup

from convviz.errors import ConvvizError
from convviz.figures import prose
from convviz.figures.cells import Box
from convviz.ops.conv import Conv
from convviz.plan import plan as plan_of
from convviz.plan import words
from convviz.plan.by_channel import filters
from convviz.plan.model import Plan
from convviz.plan.separable import savings

LEFT, MIDDLE, RIGHT = Box(20, 62, 200, 150), Box(244, 62, 130, 150), Box(400, 62, 150, 150)
MAPS, STICKS, OUT = (
    Box(18, 62, 140, 150),
    Box(176, 62, 110, 150),
    Box(306, 62, 246, 150),
)  # of the second step
COLUMNS, BETWEEN = Box(16, 50, 284, 160), Box(316, 70, 236, 130)  # of the first
HEADS = 48.0
FIGURES = 456.0, 549.0  # where weights and MACs end
SINGLE = 3  # positions that are shown one by one
DRAWN = 4  # filters
FIELDS = ("out_channels", "kernel_size", "stride", "padding", "dilation")


class DepthwiseSeparable(Story):
    """A convolution in two steps: each channel through a filter of its own, then the channels mixed."""

    name = "depthwise_separable"

    def prepare(self) -> None:
        if self.settings.model is None:
            given = self.settings.fields or self.settings.input
            chosen = {} if given else {"out_channels": 4}
            self.plan = self.keep(self.settings.plan("separable_conv", (3, 4, 4), bias=False, **chosen))
            self.saved = self.keep(savings(self.fields(self.plan), self.plan.stages[0].ins[0]))
        else:
            self.plan = self.keep(self.instead())
        if len(self.plan.stages) != 2:
            raise ConvvizError(
                f"the scene depthwise_separable shows two steps, got {self.plan.name}", "input"
            )
        self.input, self.middle, self.output = (
            grid_of(self.plan, key) for key in ("input", "middle", "output")
        )
        spatial(self.input.shape)
        self.spatial, self.mixing = filters(self.plan, 0), filters(self.plan, 1)
        self.at = {(w.panel, w.cell): i for i, step in enumerate(self.plan.steps) for w in step.writes}

    def fields(self, made: Plan) -> dict[str, Any]:
        """The fields of the form that a separable plan tells."""
        first, second = (stage.op.fields() for stage in made.stages)
        return {
            **{name: first[name] for name in FIELDS if name in first},
            "out_channels": second["out_channels"],
        }

    def instead(self) -> Plan:
        """What stands for a layer of a net: its own kernel, on the cut-out that its plan would show."""
        node = self.settings.graph()[self.settings.layer or ""]
        if not isinstance(node.op, Conv):
            raise ConvvizError(
                f"the scene shows what a convolution can be split into, got {node.op.kind}", node.name
            )
        self.saved = self.keep(
            savings({n: node.op.fields()[n] for n in FIELDS}, node.ins[0][-node.op.rank - 1 :])
        )
        stage = self.settings.plan("conv").stages[0]
        fields = {name: stage.op.fields()[name] for name in FIELDS}
        return plan_of("separable_conv", {**fields, "bias": False}, stage.ins[0], seed=self.settings.seed)

    def tell(self) -> None:
        self.section("Both at once")
        self.normal()
        self.section("First space")
        self.first()
        self.section("Then channels")
        self.second()
        self.section("What it saves")
        self.clear()
        self.saving()

    # -- a normal convolution ------------------------------------------------------------------------------------
    def normal(self) -> None:
        self.map = Volume(self, self.input, placed(self.input, LEFT, most=30))
        shape = (self.input.shape[0], *spatial((1, *grid_of(self.plan, "kernel1").shape[1:]))[1:])
        count = len(self.mixing)
        shown = min(count, DRAWN)
        blocks = [
            Block(solid, self.look, "kernel") for solid in filed(shape, MIDDLE, shown, self.map.solid.side)
        ]
        out = Block(placed(self.output, RIGHT, most=30), self.look, "output")
        many = words.count(count, "filter") + (f", {shown} drawn" if shown < count else "")
        heads = self.named(self.input.title, many, self.output.title)
        self.play(*self.map.enter(), *(FadeIn(block) for block in blocks), FadeIn(out), FadeIn(heads))
        self.say(f"A normal convolution looks across space and across channels at once: each filter is a "
                 f"{words.size(shape)} block.")  # fmt: skip
        mark = around(blocks[0].solid, self.look)
        self.play(FadeIn(mark), run_time=0.4)
        step = self.plan.steps[0]
        self.play(Transform(mark, self.map.window(step, channels=range(self.input.shape[0]))), run_time=1.1)
        self.say(
            "The two can be parted: first each channel by itself in space, then the channels at each position."
        )
        self.wait(0.6)
        self.shown = [mark, heads, out, *blocks]

    # -- depthwise -----------------------------------------------------------------------------------------------
    def first(self) -> None:
        """Each channel with its own filter."""
        depth = self.input.shape[0]
        kernel = spatial((depth, *grid_of(self.plan, "kernel1").shape[1:]))
        above, below = columns(self.input, kernel, COLUMNS)
        values = {
            (c, *cell[1:]): v for c, filt in enumerate(self.spatial) for cell, v in filt.weights.items()
        }
        self.kernel = Block(below, self.look, "kernel", values=values)
        final = self.plan.shown("middle")
        maps = placed(self.middle, BETWEEN, gap=between(self.middle, 8), most=26)
        self.between = Volume(self, self.middle, maps, values={}, final=final)
        head = ink.text(BETWEEN.centre[0], HEADS, "a map for each channel", self.look.ink, size=9.5, bold=True,
                        align="center")  # fmt: skip
        self.play(*(FadeOut(m) for m in self.shown), run_time=0.5)
        self.play(*self.map.to(above), run_time=1.3)
        self.play(FadeIn(self.kernel), *self.between.enter(), FadeIn(head))
        self.say(
            f"Depthwise: each of the {depth} channels has one flat filter of its own, and nothing crosses over."
        )
        positions = [cell for panel, cell in self.at if panel == "middle" and cell[0] == 0]
        mark: VGroup | None = None
        for number, wave in enumerate(waves(range(len(positions)), SINGLE)):
            cells = [[(c, *positions[p][1:]) for c in range(depth)] for p in wave]
            steps = [self.at["middle", cell] for row in cells for cell in row]
            here = self.windows([self.at["middle", cell] for cell in cells[-1]])
            if number == 0:
                step = self.plan.steps[steps[0]]
                assert step.work is not None
                text = spell(self, step.work, board.WORK, FadeIn(here))
                fly(self, text[-1], self.between.front(step.writes[0].cell))
                self.remove(*text)
            self.play(*([Transform(mark, here)] if mark is not None else []), run_time=0.5)
            mark = mark or here
            fill(self, self.plan, self.between, steps)
        self.play(*(FadeOut(m) for m in [head, *([mark] if mark else [])]), run_time=0.3)

    def windows(self, steps: list[int]) -> VGroup:
        """The window of each channel, and the filter that lies on it."""
        edge, flat = self.look["active"].edge, self.kernel.solid.shape[1:]
        made = VGroup()
        for channel, at in enumerate(steps):
            sheet = window(
                self.kernel.solid, edge, range(channel, channel + 1), *(range(n) for n in flat), width=1.4
            )
            made.add(self.map.window(self.plan.steps[at]), sheet)
        return made

    # -- pointwise -----------------------------------------------------------------------------------------------
    def second(self) -> None:
        """The maps in between, mixed at each position."""
        depth, count = self.middle.shape[0], len(self.mixing)
        shown = min(count, DRAWN)
        moves = self.between.to(placed(self.middle, MAPS, most=30))
        self.play(*self.map.leave(), FadeOut(self.kernel), *moves, run_time=1.4)
        solids = self.stick_solids(depth, shown)
        sticks = [Block(s, self.look, "kernel", values=f.weights) for s, f in zip(solids, self.mixing)]
        where = placed(self.output, OUT, gap=between(self.output, 6), most=26)
        out = Volume(self, self.output, where, values={}, final=self.plan.shown("output"))
        many = words.count(count, "filter") + (f", {shown} drawn" if shown < count else "")
        heads = self.named(self.middle.title, many, self.output.title, areas=(MAPS, STICKS, OUT))
        self.play(*(FadeIn(stick) for stick in sticks), *out.enter(), FadeIn(heads))
        self.say(f"Pointwise: {count} filters of 1×1 mix the {depth} maps: a weighted sum at each position.")
        positions = [cell for panel, cell in self.at if panel == "output" and cell[0] == 0]
        step = self.plan.steps[self.at["output", positions[0]]]
        assert step.work is not None
        mark = self.between.window(step)
        text = spell(self, step.work, board.WORK, FadeIn(mark))
        fly(self, text[-1], out.front(step.writes[0].cell))
        fill(self, self.plan, out, [self.at["output", positions[0]]])
        self.remove(*text)
        for wave in waves(positions, SINGLE):
            steps = [self.at["output", (f, *cell[1:])] for cell in wave for f in range(count)]
            self.play(Transform(mark, self.between.window(self.plan.steps[steps[-1]])), run_time=0.5)
            fill(self, self.plan, out, steps)
        self.play(FadeOut(mark), *out.to(placed(self.output, OUT, most=30)), run_time=1.0)
        self.say("The output has the shape that the normal convolution gives.")

    # -- what it saves -------------------------------------------------------------------------------------------
    def saving(self) -> None:
        """The weights of both, cell by cell, then the numbers and their ratio."""
        shape = (self.input.shape[0], *spatial((1, *grid_of(self.plan, "kernel1").shape[1:]))[1:])
        count, depth = len(self.mixing), self.input.shape[0]
        rows = self.weights(shape, min(count, DRAWN + 2), min(depth, DRAWN + 2))
        saved = self.saved
        self.play(LaggedStart(*(FadeIn(row) for row in rows[:1]), lag_ratio=0.3))
        every = max(count, depth) <= DRAWN + 2 and self.settings.model is None
        cells = "Every cell is a weight" if every else "Every cell is a weight, though not all are drawn"
        self.say(f"{cells}. The normal convolution has {saved.normal_weights:,}.")
        self.play(*(FadeIn(row) for row in rows[1:]))
        one, two = saved.weights
        self.say(
            f"In two steps there are {one:,} in space and {two:,} across channels: {saved.total_weights:,}."
        )
        figures = self.figures()
        self.play(FadeIn(figures))
        shrink = "shrink alike, to" if saved.ratio < 1 else "do not shrink here: they come to"
        self.say(f"Weights and multiplications {shrink} {saved.ratio} of the normal ones.")
        text = prose.equation(saved.formula)
        size = fitting(text, board.WORK.width, 10.5)
        line = ink.text(*board.WORK.centre, text, self.look.ink, size=size, mono=True, align="center")
        self.play(FadeIn(line))
        self.say("The more filters there are, the closer the cost comes to one over the size of the window.")

    def weights(self, shape: tuple[int, int, int], count: int, depth: int) -> list[VGroup]:
        """The filters of the normal convolution; those of both steps; beside each what it takes."""
        saved = self.saved
        whole = self.filter_row(shape, count, Box(112, 56, 270, 62))
        side = whole[0].side
        flat = self.filter_row((1, *shape[1:]), depth, Box(112, 124, 270, 46), side)
        thin = self.filter_row((shape[0], 1, 1), count, Box(112, 172, 270, 32), side)
        rows = (
            (whole, "normal", saved.normal_weights, saved.normal_macs),
            (flat, "in space", saved.weights[0], saved.macs[0]),
            (thin, "across channels", saved.weights[1], saved.macs[1]),
        )
        found = []
        for solids, name, many, macs in rows:
            y = Box.around([solid.box for solid in solids]).centre[1]
            blocks = (Block(solid, self.look, "kernel") for solid in solids)
            found.append(VGroup(*blocks, self.row(y, name, many, macs)))
        heads = zip(FIGURES, ("weights", "MACs"))
        found[0].add(*(ink.text(x, HEADS, t, self.look.faint_ink, size=9, align="right") for x, t in heads))
        return found

    def row(self, y: float, name: str, weights: int, macs: int, bold: bool = False) -> VGroup:
        """A name on the left, weights and MACs on the right."""
        made = VGroup(ink.text(102, y, name, self.look.ink, size=9.5, bold=True, align="right"))
        for x, number in zip(FIGURES, (weights, macs)):
            made.add(
                ink.text(x, y, f"{number:,}", self.look.ink, size=10, mono=True, bold=bold, align="right")
            )
        return made

    def filter_row(
        self, shape: tuple[int, int, int], count: int, area: Box, most: float = 12.0
    ) -> list[Solid]:
        """So many blocks side by side, from the left edge of an area."""
        wide = (area.width - 8 * (count - 1)) / count
        one = Solid.fit(shape, Box(area.x, area.y, wide, area.height), most)
        one = one.moved(area.x - one.box.x, 0)
        return [one.moved(i * (one.box.width + 8), 0) for i in range(count)]

    def figures(self) -> VGroup:
        """The two steps together."""
        made = self.row(219, "both steps", self.saved.total_weights, self.saved.total_macs, bold=True)
        made.add(ink.strokes([[(38, 207), (FIGURES[1], 207)]], self.look.faint_ink, width=0.8))
        return made

    # -- what is drawn -------------------------------------------------------------------------------------------
    def stick_solids(self, depth: int, count: int) -> list[Solid]:
        """Filters of one cell below each other, their weights side by side, so that all of them can be read."""
        high = STICKS.height / count
        areas = [Box(STICKS.x, STICKS.y + i * high, STICKS.width, high - 6) for i in range(count)]
        return [Solid.row((depth, 1, 1), part, 2, 24.0) for part in areas]

    def named(self, *told: str, areas: tuple[Box, Box, Box] = (LEFT, MIDDLE, RIGHT)) -> VGroup:
        return VGroup(*(
            ink.text(area.centre[0], HEADS, label, self.look.ink, size=9.5, bold=True, align="center")
            for area, label in zip(areas, told)
        ))  # fmt: skip
