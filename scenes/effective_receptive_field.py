"""Not every cell that a unit reads counts the same: paths pile up in the middle, and the pile grows slowly."""

from __future__ import annotations

from convviz.scenes.parts.pathmaps import AREA, Maps, fitting
from convviz.scenes.parts.pathmaps import heat as shade
from convviz.scenes.parts.rows import Rows
from convviz.scenes.stage import Story, board, ink
from convviz.scenes.stage.curves import Chart
from manim import Create, FadeIn, VGroup

from convviz.analysis.paths import path_counts
from convviz.figures.cells import Box
from convviz.plan.model import Curve, Plan, Table
from convviz.plan.spread import counted, few, heat, spread

NET = "vgg16"
KERNEL = 3
BAR = 44.0  # points of an input of one axis
LEVELS = 10  # shades of a heat map


class EffectiveReceptiveField(Story):
    """Not every cell that a unit reads counts the same: paths pile up in the middle, and the pile grows slowly."""

    name = "effective_receptive_field"

    def prepare(self) -> None:
        kernel = self.settings.fields.get("kernel_size", KERNEL)
        self.deep = self.keep(spread(kernel))
        self.stack = few(kernel)
        fitting(self.stack, AREA)
        self.few = self.keep(counted(kernel))
        self.net = heat(path_counts(self.settings.graph(NET)))
        self.keep(self.net.plan)

    def tell(self) -> None:
        self.section("Count the paths")
        self.count()
        self.section("Deeper stacks")
        self.clear()
        self.deepen()
        self.section("Linear growth and a square root")
        self.clear()
        self.compare()
        self.section("A real net")
        self.clear()
        self.on_net()

    def count(self) -> None:
        maps = Maps(self, self.few, self.stack, AREA, rates=False)
        self.say("One output of a stack of equal convolutions: over how many paths does it read each cell?")
        maps.enter()
        layers = len(self.stack.rates)
        for i in range(1, layers + 1):
            if i == 1:
                self.say("Each cell passes its number of paths on to all the cells that it reads.")
            if i == 2:
                self.say("Where paths meet, they add up.")
            maps.step(i, slow=i < layers)
            if i > 1:
                maps.meet(i)
        maps.settle()
        self.say(self.few.notes[-1])

    def deepen(self) -> None:
        """Bells of ever deeper stacks, each with its field (dashed) and the stretch that holds 95 % below it."""
        plan, look = self.deep, self.look
        table = plan["depths"]
        assert isinstance(table, Table)
        chart = Chart(curve(plan, "shares"), Box(board.STAGE.x, board.STAGE.y + 12, 306, 150), look)
        rows = Rows(table, Box(336, 56, 218, 120), look, size=9.6, pitch=20)
        self.say(plan.steps[0].caption)
        self.play(FadeIn(chart.axes()), FadeIn(rows.head()), run_time=0.7)
        y = board.STAGE.y + 178.0
        key = VGroup(
            ink.strokes([[(340, y), (364, y)]], look.ink, width=1.2, dashed=True),
            ink.text(370, y, "theoretical field", look.ink, size=9),
            ink.strokes([[(340, y + 16), (364, y + 16)]], look["active"].edge, width=4),
            ink.text(370, y + 16, curve(plan, "bands").title, look.ink, size=9),
        )
        for i, step in enumerate(plan.steps):
            if i:
                self.say(step.caption)
            self.play(Create(chart.line(i)), run_time=1.2)
            high = y + 16.0 * i
            made = VGroup()
            for name, colour, width in (("fields", look.ink, 1.2), ("bands", look["active"].edge, 4.0)):
                low, far = (chart.at(x, 0)[0] for x in curve(plan, name).series[i].x)
                made.add(
                    ink.strokes([[(low, high), (far, high)]], colour, width=width, dashed=name == "fields")
                )
            self.play(FadeIn(made), FadeIn(rows.row(i)), *([FadeIn(key)] if i == 0 else []), run_time=0.6)

    def compare(self) -> None:
        """Both lengths against depth: a straight line, and a root."""
        plan = self.deep
        chart = Chart(
            curve(plan, "growth"), Box(board.STAGE.x, board.STAGE.y + 12, board.STAGE.width, 164), self.look
        )
        field, deviation = plan.formulas
        self.say("Every layer adds the same number of cells to the field: a straight line.")
        self.play(FadeIn(chart.axes()), run_time=0.6)
        self.play(Create(chart.line(0)), run_time=1.5)
        self.formula(field)
        self.say("The bell grows with the square root: four times the layers, twice the deviation.")
        self.play(Create(chart.line(1)), run_time=1.5)
        self.formula(deviation)

    def on_net(self) -> None:
        net, look = self.net, self.look
        area = Box(board.STAGE.x, board.STAGE.y, 260, 226)
        tall, wide = net.size
        low = [min(0, t[0]) for t in net.theory]
        high = [max(n - 1, t[1]) for n, t in zip(net.size, net.theory)]
        across = area.width / (high[1] - low[1] + 1)
        down = min(area.height / (high[0] - low[0] + 1), BAR)
        if len(net.paths.size) > 1:
            across = down = min(across, down)
        x0 = area.x + (area.width - (high[1] - low[1] + 1) * across) / 2 - low[1] * across
        y0 = area.y + (area.height - (high[0] - low[0] + 1) * down) / 2 - low[0] * down

        def box(rows: tuple[float, float], columns: tuple[float, float]) -> Box:
            wide, high = (last - first + 1 for first, last in (columns, rows))
            return Box(x0 + columns[0] * across, y0 + rows[0] * down, wide * across, high * down)

        image = ink.tiles(
            [box((0, tall - 1), (0, wide - 1))], edge=look["input"].edge, width=1.4, fill=look.paper
        )
        by_level: dict[int, list[Box]] = {}
        for r, line in enumerate(net.rows):
            for c, value in enumerate(line):
                level = round(value * LEVELS)
                if level:
                    top, left = net.origin[0] + r * net.patch, net.origin[1] + c * net.patch
                    by_level.setdefault(level, []).append(
                        box((top, min(top + net.patch, tall) - 1), (left, min(left + net.patch, wide) - 1))
                    )
        glow = VGroup(
            *(ink.tiles(boxes, fill=shade(look, level / LEVELS)) for level, boxes in sorted(by_level.items()))
        )
        theory = ink.tiles([box(*net.theory)], edge=look.ink, width=1.3, dashed=True)
        most = ink.tiles([box(*net.most)], edge=look["active"].edge, width=2)
        table = net.plan["net"]
        assert isinstance(table, Table)
        rows = Rows(table, Box(326, 62, 228, 150), look, size=9.6, pitch=20)
        samples = [[(300, rows.box(i).centre[1]), (318, rows.box(i).centre[1])] for i in (0, 1)]
        self.say(net.plan.steps[0].caption)
        self.play(FadeIn(image), run_time=0.6)
        dashed = ink.strokes(samples[:1], look.ink, width=1.3, dashed=True)
        self.play(FadeIn(VGroup(theory, dashed, rows.row(0))), run_time=0.7)
        self.play(FadeIn(glow), run_time=1.0)
        solid = ink.strokes(samples[1:], look["active"].edge, width=2)
        self.play(FadeIn(VGroup(most, solid, rows.row(1), rows.row(2))), run_time=0.8)
        self.play(FadeIn(VGroup(*(rows.row(i) for i in range(3, len(table.rows))))), run_time=0.6)
        for step in net.plan.steps[1:]:
            self.say(step.caption)


def curve(plan: Plan, key: str) -> Curve:
    panel = plan[key]
    assert isinstance(panel, Curve)
    return panel
