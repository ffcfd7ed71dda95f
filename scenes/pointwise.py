"""A 1×1 convolution mixes the channels of each position, the same way everywhere: it is a matrix product."""

from __future__ import annotations

from convviz.scenes.parts.product import KEYS, Product
from convviz.scenes.parts.volume import (
    Volume,
    around,
    between,
    filed,
    fill,
    fly,
    grid_of,
    placed,
    spell,
    waves,
)
from convviz.scenes.stage import Story, board, ink
from convviz.scenes.stage.solid import Block, Solid, spatial
from manim import FadeIn, FadeOut, Transform, VGroup, VMobject

from convviz.errors import ConvvizError
from convviz.figures.cells import Box
from convviz.plan import words
from convviz.plan.by_channel import filters
from convviz.plan.mixing import mixing

LEFT, MIDDLE, RIGHT = Box(44, 62, 160, 150), Box(226, 62, 120, 150), Box(366, 62, 184, 150)
PIXEL, ROWS = (
    Box(226, 58, 120, 36),
    Box(226, 102, 120, 110),
)  # the channels of a position, above the filters' weights
HEADS = 48.0
SINGLE = 4  # positions that are shown one by one
DRAWN = 4  # filters


class Pointwise(Story):
    """A 1×1 convolution mixes the channels of each position, the same way everywhere: it is a matrix product."""

    name = "pointwise"

    def prepare(self) -> None:
        plan = self.settings.plan("pointwise_conv", bias=False)
        if len(plan.stages) != 1 or plan.stages[0].weight is None:
            raise ConvvizError(
                f"the scene pointwise shows a 1×1 convolution, got {plan.name}", self.settings.layer or ""
            )
        try:
            self.plan = self.keep(mixing(plan))
        except ConvvizError as err:
            raise err.at(self.settings.layer or "pointwise") from None
        self.input, self.output = grid_of(self.plan, "input"), grid_of(self.plan, "output")
        spatial(self.input.shape)
        self.filters = filters(self.plan)
        self.table = Product(self.plan, self.look)

    def tell(self) -> None:
        self.section("A window of one cell")
        self.one()
        self.section("The same weights everywhere")
        self.everywhere()
        self.section("A matrix product")
        self.product()
        self.section("What it costs")
        self.cost()

    # -- one position ------------------------------------------------------------------------------------------
    def one(self) -> None:
        self.map = Volume(self, self.input, placed(self.input, LEFT, most=34))
        self.sticks = self.filter_blocks()
        self.result = Volume(
            self,
            self.output,
            placed(self.output, RIGHT, gap=8, most=30),
            values={},
            final=self.plan.shown("output"),
        )
        axes = self.map.names()
        self.heads = self.named()
        self.play(
            *self.map.enter(),
            *(FadeIn(stick) for stick in self.sticks),
            *self.result.enter(),
            FadeIn(self.heads),
        )
        depth = words.count(self.input.shape[0], "channel")
        self.play(FadeIn(axes), run_time=0.4)
        self.say(f"A 1×1 filter is one cell wide and {depth} deep: one weight for each channel.")
        step = self.plan.steps[0]
        assert step.work is not None
        mark = around(self.sticks[0].solid, self.look)
        self.play(FadeIn(mark), run_time=0.4)
        self.play(Transform(mark, self.map.window(step)), FadeOut(axes), run_time=1.0)
        self.say("At one position it weighs the channels and adds them up: a mixture of all of them.")
        pixel = self.pixel(0)
        self.add(pixel)
        rows = self.row_solids()
        moves = [stick.to(row) for stick, row in zip(self.sticks, rows)]
        self.play(pixel.to(Solid.row(pixel.solid.shape, PIXEL, 2, rows[0].side)), *moves, run_time=1.4)
        text = spell(self, step.work, board.WORK)
        fly(self, text[-1], self.result.front(step.writes[0].cell))
        fill(self, self.plan, self.result, [0])
        self.wait(0.6)
        self.mark, self.gone = mark, [*text, pixel]

    def pixel(self, at: int) -> Block:
        """What a step reads, as a block of its own in the place where it lies."""
        step = self.plan.steps[at]
        assert step.work is not None
        place = self.map.front(step.work.terms[0].cell)
        values = {(i, 0, 0): term.value for i, term in enumerate(step.work.terms)}
        return Block(
            Solid((len(values), 1, 1), place.x, place.y, place.width), self.look, "input", values=values
        )

    def everywhere(self) -> None:
        self.play(*(FadeOut(m) for m in self.gone), run_time=0.4)
        self.say("At the next position nothing changes but the numbers: the weights are the same.")
        positions = len(self.plan.steps) // len(self.filters)
        for wave in waves(range(1, positions), SINGLE - 1):
            self.play(Transform(self.mark, self.map.window(self.plan.steps[wave[-1]])), run_time=0.5)
            fill(self, self.plan, self.result, wave)
        self.play(FadeOut(self.mark), run_time=0.3)
        if len(self.filters) > 1:
            self.say(
                "Each further filter is another mixture of the same channels, and one more channel of the output."
            )
            for filt in range(1, len(self.filters)):
                mark = around(self.sticks[min(filt, len(self.sticks) - 1)].solid, self.look)
                steps = range(filt * positions, (filt + 1) * positions)
                self.play(FadeIn(mark), run_time=0.3)
                self.play(Transform(mark, self.map.window(self.plan.steps[steps[0]])), run_time=0.6)
                fill(self, self.plan, self.result, steps, 0.5)
                self.play(FadeOut(mark), run_time=0.2)
                if filt == 2:
                    fill(self, self.plan, self.result, range((filt + 1) * positions, len(self.plan.steps)))
                    break

    # -- the same as matrices ----------------------------------------------------------------------------------
    def product(self) -> None:
        """Every channel is laid out as a row, every filter as a row of weights."""
        self.say("Now lay each channel out as one row: a column for each position.")
        apart = placed(self.input, Box(100, 64, 450, 84), gap=between(self.input, 8))
        self.play(
            FadeOut(self.heads),
            *(FadeOut(stick) for stick in self.sticks),
            *self.result.leave(),
            *self.map.to(apart),
            run_time=1.0,
        )
        rows = self.table.laid("pixels")
        sheets = [self.table.sheet(apart, channel, self.input) for channel in range(self.input.shape[0])]
        self.remove(*self.map.mobjects)
        self.add(*sheets)
        titles = {key: self.table.title(key) for key in KEYS}
        self.play(*(Transform(a, b) for a, b in zip(sheets, rows)), FadeIn(titles["pixels"]), run_time=1.8)
        self.remove(*sheets)
        self.add(*rows)
        self.say(
            "Each filter is a row of weights, and each output is a row of weights times a column of pixels."
        )
        weights, empty = (
            self.table.laid("weights"),
            ink.tiles(self.table.boxes("product"), edge=self.look["muted"].edge, width=0.6, rounded=True),
        )
        self.play(
            *(FadeIn(row) for row in weights),
            FadeIn(empty),
            FadeIn(titles["weights"]),
            FadeIn(titles["product"]),
        )
        self.multiply()
        self.kept = [*rows, *weights, empty, *titles.values()]
        self.poster()

    def multiply(self) -> None:
        """The first products one by one, then each row of the result at once."""
        rings: VGroup | None = None
        text: list[VMobject] = []
        done: list[VMobject] = []
        positions = len(self.plan.steps) // len(self.filters)
        shown = sorted({0, min(1, positions - 1), (len(self.filters) - 1) * positions + positions // 2})
        for at in shown:
            step = self.plan.steps[at]
            assert step.work is not None
            here = self.table.rings(at)
            self.remove(*text)
            text = spell(
                self,
                step.work,
                board.WORK,
                FadeIn(here) if rings is None else Transform(rings, here),
                run_time=0.9,
            )
            rings = rings or here
            to = next(w.cell for w in step.writes if w.panel == "product")
            fly(self, text[-1], self.table.tables["product"].cell(*to), run_time=0.6)
            done.append(
                self.table.painted(
                    "product", {to: next(w.value for w in step.writes if w.panel == "product")}
                )
            )
            self.add(done[-1])
        gone = [FadeOut(m) for m in [*text, *([rings] if rings else [])]]
        rows = self.table.laid("product")
        self.play(*gone, *(FadeIn(row) for row in rows), run_time=1.0)
        self.remove(*done)
        self.result_rows = rows

    def cost(self) -> None:
        """Back into maps, and the number of weights."""
        self.say("Each row of the product is one channel of the output; folded back, it is a map again.")
        solid = placed(self.output, Box(60, 64, 450, 130), gap=between(self.output), most=30)
        sheets = [self.table.sheet(solid, f, self.output) for f in range(len(self.filters))]
        self.play(*(FadeOut(m) for m in self.kept), run_time=0.5)
        self.play(*(Transform(row, sheet) for row, sheet in zip(self.result_rows, sheets)), run_time=1.6)
        final = Volume(self, self.output, solid, values=self.plan.shown("output"))
        self.remove(*self.result_rows)
        self.add(*final.mobjects)
        self.play(*final.to(placed(self.output, Box(180, 56, 210, 150), most=30)), run_time=1.2)
        self.play(FadeIn(final.names()))
        self.formula(next(f for f in self.plan.formulas if f.about == "parameters"))
        before, after = words.count(self.input.shape[0], "channel"), len(self.filters)
        self.say(f"It takes {before} to {after}, with no weight for space: the map keeps its size.")

    # -- what is drawn -----------------------------------------------------------------------------------------
    def filter_blocks(self) -> list[Block]:
        """A stick for each filter, as many as can be drawn."""
        shown = self.filters[:DRAWN]
        solids = filed((len(shown[0].channels), 1, 1), MIDDLE, len(shown), min(self.map.solid.side, 30.0))
        return [Block(solid, self.look, "kernel", values=filt.weights) for solid, filt in zip(solids, shown)]

    def row_solids(self) -> list[Solid]:
        """The same with their weights side by side, so that all of them can be read."""
        high = ROWS.height / len(self.sticks)
        areas = [Box(ROWS.x, ROWS.y + i * high, ROWS.width, high - 4) for i in range(len(self.sticks))]
        return [Solid.row(stick.solid.shape, area, 2, 22.0) for stick, area in zip(self.sticks, areas)]

    def named(self) -> VGroup:
        many = words.count(len(self.filters), "filter")
        told = ((LEFT, self.input.title), (MIDDLE, many), (RIGHT, self.output.title))
        return VGroup(
            *(
                ink.text(a.centre[0], HEADS, t, self.look.ink, size=9.5, bold=True, align="center")
                for a, t in told
            )
        )
