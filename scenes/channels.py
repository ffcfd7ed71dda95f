"""A filter is as deep as its input: all channels move together, and each filter makes one channel of the output."""

from __future__ import annotations

from collections.abc import Sequence

from convviz.scenes.parts.volume import (
    Volume,
    around,
    between,
    columns,
    filed,
    fill,
    fly,
    grid_of,
    pads_of,
    placed,
    spell,
    waves,
)
from convviz.scenes.stage import Story, board, ink
from convviz.scenes.stage.solid import Block, Solid, spatial, window
from manim import Animation, FadeIn, FadeOut, Transform, VGroup, VMobject

from convviz.errors import ConvvizError
from convviz.figures.cells import Box
from convviz.ops.conv import Conv
from convviz.plan import words
from convviz.plan.by_channel import Filter, by_channel, filters
from convviz.plan.model import Step

RGB = ("red", "green", "blue")
CENTRE = Box(160, 52, 250, 160)
LEFT, MIDDLE, RIGHT = Box(20, 62, 216, 150), Box(256, 62, 128, 150), Box(404, 62, 146, 150)
CLOSED = Box(432, 62, 90, 150)  # the output with its names
HEADS = 48.0
COLUMNS = Box(18, 44, 400, 148)  # of channels: the input's above, the filter's below
SUMS = 209.0  # where the sum of each channel stands
SINGLE = 4  # channels, and places of the window, that are shown one by one
DRAWN = 4  # filters


class Channels(Story):
    """A filter is as deep as its input, and each filter makes one channel of the output."""

    name = "channels"

    def prepare(self) -> None:
        plan = self.keep(self.settings.plan("multi_channel_conv"))
        if len(plan.stages) != 1 or not isinstance(plan.stages[0].op, Conv):
            raise ConvvizError(
                f"the scene channels shows a convolution, got {plan.name}", self.settings.layer or ""
            )
        self.plan = self.keep(by_channel(plan))
        self.input, self.output = grid_of(self.plan, "input"), grid_of(self.plan, "output")
        spatial(self.input.shape)
        self.filters = filters(self.plan)
        self.sums = [i for i, step in enumerate(self.plan.steps) if step.work and step.work.how == "sum"]

    def tell(self) -> None:
        self.section("Channels are depth")
        self.depth()
        self.section("All channels move together")
        self.together()
        self.section("The sum over channels")
        self.summed()
        self.section("A channel for each filter")
        self.many()

    # -- the input as a block, pulled apart and put back -------------------------------------------------------
    def depth(self) -> None:
        count, size = self.input.shape[0], words.size(self.input.shape[1:])
        coloured = count == len(RGB) and self.settings.model is None
        centre = placed(self.input, CENTRE, most=34)
        self.map = Volume(self, self.input, centre)
        self.axes = self.map.names()
        self.play(*self.map.enter(), FadeIn(self.axes))
        what = "A colour image" if coloured else "This input"
        self.say(f"{what} is {words.count(count, 'grid')} of {size} numbers, one behind the other.")
        if count == 1:
            return
        apart = placed(self.input, Box(20, 56, 529, 140), most=34, gap=between(self.input), line=True)
        self.play(FadeOut(self.axes), *self.map.to(apart), run_time=1.6)
        told = [f"channel {c}" + (f": {RGB[c]}" if coloured else "") for c in range(count)]
        below = 12 + pads_of(self.input)[0][1] * apart.side
        labels = VGroup(*(
            ink.text(box.centre[0], box.bottom + below, label, self.look.faint_ink, size=9, align="center")
            for box, label in zip((apart.sheet(c) for c in range(count)), told) if count <= 2 * SINGLE
        ))  # fmt: skip
        self.play(FadeIn(labels))
        self.say("Each of them is a channel. Put back, the channels are the depth of a block.")
        self.play(FadeOut(labels), *self.map.to(centre), run_time=1.6)
        self.play(FadeIn(self.axes), run_time=0.4)

    # -- the first filter moves, through all channels at once ----------------------------------------------------
    def together(self) -> None:
        first = self.filters[0]
        depth = words.count(len(first.channels), "channel")
        self.play(FadeOut(self.axes), *self.map.to(placed(self.input, LEFT)), run_time=1.0)
        self.kernel = Block(self.filter_solid(MIDDLE), self.look, "kernel", values=first.weights)
        final = self.plan.shown("output")
        self.result = Volume(
            self, self.output, placed(self.output, RIGHT, gap=between(self.output, 8)), values={}, final=final
        )
        self.heads = self.named("filter 0")
        self.play(FadeIn(self.kernel), *self.result.enter(), FadeIn(self.heads))
        size = words.size(next(iter(self.plan.stages)).op.fields()["kernel_size"])
        self.say(f"A filter is as deep as what it reads: {size} weights for each of {depth}.")
        mine = self.sums_of(0)
        mark = self.map.window(self.plan.steps[mine[0] - 1], channels=first.channels)
        self.play(FadeIn(mark), run_time=0.6)
        self.say(
            "The window cuts through all these channels at once. Each place that it takes gives one number."
        )
        self.glide(mark, mine, first.channels, 0.7)
        self.play(FadeOut(mark), run_time=0.3)

    def glide(self, mark: VGroup, at: Sequence[int], channels: range, run_time: float) -> None:
        """The window takes one place after the other; of many, the last ones come together."""
        for number, wave in enumerate(waves(at, SINGLE)):
            there = self.map.window(self.plan.steps[wave[-1] - 1], channels=channels)
            if number:
                self.play(Transform(mark, there), run_time=run_time)
            fill(self, self.plan, self.result, wave)

    # -- the sums of the channels, and their sum -----------------------------------------------------------------
    def summed(self) -> None:
        first = self.sums_of(0)[0]
        total, parts = self.plan.steps[first], self.plan.steps[:first]
        above, below = self.columns()
        self.play(*self.map.to(above), self.kernel.to(below), FadeOut(self.heads), run_time=1.6)
        products = sum(len(step.work.terms) for step in parts if step.work)
        self.say(f"How do {products} products become one number? First, every channel adds up its own.")
        flown: list[ink.Drawn] = []
        mark: VGroup | None = None
        text: list[VMobject] = []
        for number, step in enumerate(parts):
            assert step.work is not None
            sheet = window(
                below,
                self.look["active"].edge,
                range(number, number + 1),
                *(range(n) for n in below.shape[1:]),
            )
            here = VGroup(self.map.window(step), sheet)
            move: Animation = FadeIn(here) if mark is None else Transform(mark, here)
            mark, place = mark or here, self.chip(below, number, step)
            self.remove(*text)
            if number < SINGLE:
                text = spell(self, step.work, board.WORK, move)
                flying = text[-1].copy()
                self.play(Transform(flying, place), run_time=0.6)
                self.remove(flying)
                self.add(place)
            else:
                self.play(move, FadeIn(place), run_time=0.25)
                text = []
            flown.append(place)
        self.play(*(FadeOut(m) for m in [*text, *([mark] if mark else [])]), run_time=0.3)
        self.add_up(total, flown)
        self.chips = flown

    def add_up(self, total: Step, chips: Sequence[ink.Drawn]) -> None:
        """The sums of the channels, and the bias, become one output."""
        assert total.work is not None
        many, bias = len(total.work.terms), total.work.bias
        extra = [] if bias is None else [f"the bias {words.number(bias)}"]
        added = words.listing([f"the {words.count(many, 'sum')}", *extra])
        self.say(f"Then {added} add up to one number of the output: {words.number(total.writes[0].value)}.")
        boxes = [ink.box_of(chip).inset(-3) for chip in chips]
        rings = ink.tiles(boxes, edge=self.look["active"].edge, width=1.4, rounded=True)
        text = spell(self, total.work, board.WORK, FadeIn(rings))
        fly(self, text[-1], self.result.front(total.writes[0].cell), run_time=0.9)
        self.left = [*text, rings]

    def chip(self, below: Solid, number: int, step: Step) -> ink.Drawn:
        """The sum of one channel under its column."""
        value = words.number(step.writes[0].value)
        sheet = below.sheet(number)
        piled = below.shape[0] > 1 and below.step[0] < sheet.width  # below each other
        x, y = (sheet.right + 26, sheet.centre[1]) if piled else (sheet.centre[0], SUMS)
        return ink.text(x, y, value, self.look.ink, size=11, mono=True, bold=True, align="center")

    def columns(self) -> tuple[Solid, Solid]:
        """The input with its channels side by side, and the filter's own below the ones that they read."""
        return columns(self.input, self.kernel.solid.shape, COLUMNS, self.filters[0].channels[0])

    # -- all filters -------------------------------------------------------------------------------------------
    def many(self) -> None:
        count = len(self.filters)
        shown = min(count, DRAWN)
        solids = filed(self.kernel.solid.shape, MIDDLE, shown, placed(self.input, LEFT).side)
        others = [
            Block(solid, self.look, "kernel", values=f.weights)
            for solid, f in zip(solids[1:], self.filters[1:])
        ]
        self.heads = self.named(words.count(count, "filter") + (f", {shown} drawn" if shown < count else ""))
        back = [*self.map.to(placed(self.input, LEFT)), self.kernel.to(solids[0])]
        self.play(*(FadeOut(m) for m in [*self.chips, *self.left]), *back, run_time=1.4)
        self.play(FadeIn(self.heads), *(FadeIn(block) for block in others), run_time=0.6)
        if count > 1:
            self.say(
                "Another filter reads its channels with weights of its own, and fills a channel of its own."
            )
            self.others(others[0].solid)
        self.play(*self.result.to(placed(self.output, CLOSED)), run_time=1.2)
        axes = self.result.names()
        told = (
            f"{words.count(count, 'filter')} give {words.count(count, 'channel')}"
            if count > 1
            else "One filter gives one channel"
        )
        self.play(FadeIn(axes))
        self.formula(next(f for f in self.plan.formulas if f.about == "parameters"))
        self.say(f"{told}, and the next layer reads all of them.")
        if self.settings.model:
            self.say(f"The whole layer has {dict(self.plan.facts)['parameters of the layer']} parameters.")

    def others(self, solid: Solid) -> None:
        """The second filter place by place, the rest of them at once."""
        second = self.sums_of(1)
        mark = around(solid, self.look)
        there = self.map.window(self.plan.steps[second[0] - 1], channels=self.filters[1].channels)
        self.play(FadeIn(mark), run_time=0.3)
        self.play(Transform(mark, there), run_time=0.8)
        self.glide(mark, second, self.filters[1].channels, 0.4)
        rest = [i for f in range(2, len(self.filters)) for i in self.sums_of(f)]
        if rest:
            fill(self, self.plan, self.result, rest, 0.6)
        self.play(FadeOut(mark), run_time=0.3)

    # -- what is drawn -----------------------------------------------------------------------------------------
    def sums_of(self, filt: int) -> list[int]:
        """The steps that give the outputs of a filter."""
        return [i for i in self.sums if self.plan.steps[i].writes[0].cell[0] == filt]

    def filter_solid(self, area: Box) -> Solid:
        own: Filter = self.filters[0]
        shape = (len(own.channels), *grid_of(self.plan, "kernel").shape[1:])
        return Solid.fit(shape, area, min(26.0, placed(self.input, LEFT).side))

    def named(self, kernel: str) -> VGroup:
        """What stands above the three."""
        told = ((LEFT, self.input.title), (MIDDLE, kernel), (RIGHT, self.output.title))
        return VGroup(
            *(
                ink.text(a.centre[0], HEADS, t, self.look.ink, size=9.5, bold=True, align="center")
                for a, t in told
            )
        )
