"""A 1×1 convolution and a pool between two blocks: fewer channels, half the map, and what that spares behind them."""

from __future__ import annotations

from convviz.scenes.stage import Story, board, ink
from convviz.scenes.stage.view import View
from manim import FadeIn, Transform, VGroup, VMobject

from convviz.analysis.transition import Transition as Found
from convviz.analysis.transition import transition, transition_of
from convviz.errors import ConvvizError
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.ops.base import Shape
from convviz.plan import words
from convviz.plan.model import Plan, Table
from convviz.plan.transition import convolution, differ, layers, named, reach, unlike, worked
from convviz.theme import mix

SHAPE = (32, 24, 24)  # of a map where no net is named
FRONT, DEEP = 104.0, 92.0  # points of the front of the first block, and of its depth
SLANT = (0.62, -0.42)  # where the depth leads
LINES = 40  # channels that are drawn one by one
BAR = 400.0  # points of the longest bar
LANE = 380.0  # points of the panels of one order


class Transition(Story):
    """Between two blocks a 1×1 convolution thins the channels and a pool halves the map."""

    name = "transition"

    def prepare(self) -> None:
        given = self.settings
        if given.model is not None and given.fields:
            raise ConvvizError(
                "a net's transition has its own fields; they cannot be set", next(iter(given.fields))
            )
        if given.model is not None or (given.input is None and not given.fields):
            found = transition_of(given.graph("code8"))
        else:
            found = transition(given.input or SHAPE, **given.fields)
        self.found: Found = found
        self.layers = self.keep(layers(found))
        first = found.pool_first
        self.mine, self.other = (self.keep(worked(found, order)) for order in (first, not first))
        self.means = [self.keep(worked(found, order, "avg_pool")) for order in (False, True)]
        self.largest = [self.keep(worked(found, order, "max_pool")) for order in (False, True)]
        self.reach = self.keep(reach(found))

    def tell(self) -> None:
        for part in (self.blocks, self.numbers, self.costs, self.order, self.jump):
            part()

    def table(self, key: str) -> Table:
        found = self.layers[key]
        assert isinstance(found, Table)
        return found

    # -- sections ------------------------------------------------------------------------------------------
    def blocks(self) -> None:
        """The tensor as a block that becomes thinner, then smaller."""
        self.section("Fewer channels, half the map")
        rows = self.table("way").rows
        parts = self.found.way.parts[:2]
        shapes = [self.found.shape, *(part.out for part in parts)]
        area = board.PANELS
        block = self.block(shapes[0], area.x + 30)
        label = self.label(rows[0], area.x + 30)
        self.play(FadeIn(block), FadeIn(label), run_time=0.8)
        self.say(self.layers.steps[0].caption)
        for i, shape in enumerate(shapes[1:], 1):
            x = area.x + 30 + i * 190
            self.say(self.layers.steps[i].caption)
            moving, there = self.block(shapes[i - 1], area.x + 30 + (i - 1) * 190), self.block(shape, x)
            name = self.arrow(str(rows[i][0]), x)
            self.play(FadeIn(name), Transform(moving, there), run_time=1.4)
            self.play(FadeIn(self.label(rows[i], x)), run_time=0.4)
        facts = dict(self.layers.facts)
        self.say(
            f"{facts['numbers that go on']} of the numbers go on, for {facts['parameters of the transition']} weights."
        )

    def block(self, shape: Shape, x: float) -> VGroup:
        """A tensor as a block with its channels as depth, in proportion to the first."""
        first, role = self.found.shape, self.look["input" if shape == self.found.shape else "output"]
        wide, high = (FRONT * n / max(first[1:]) for n in ((1, *shape[1:])[-1], (1, *shape[1:])[-2]))
        high = high if len(shape) > 2 else 14.0
        depth = DEEP * shape[0] / first[0]
        dx, dy = depth * SLANT[0], depth * SLANT[1]
        y = board.PANELS.y + 150 - high
        corners = [(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)]
        a, b, c, _ = corners
        top = [a, b, (b[0] + dx, b[1] + dy), (a[0] + dx, a[1] + dy)]
        right = [b, c, (c[0] + dx, c[1] + dy), (b[0] + dx, b[1] + dy)]
        fill = role.fill or self.look.paper
        count = min(shape[0], LINES)
        steps = [(dx * i / count, dy * i / count) for i in range(1, count)]
        sheets = [[(a[0] + u, a[1] + v), (b[0] + u, b[1] + v), (c[0] + u, c[1] + v)] for u, v in steps]
        return VGroup(
            ink.polygon(right, fill=mix(fill, role.edge, 0.3), edge=role.edge, width=0.9),
            ink.polygon(top, fill=mix(fill, role.edge, 0.12), edge=role.edge, width=0.9),
            ink.polygon(corners, fill=fill, edge=role.edge, width=1.2),
            ink.strokes(sheets or [[a, a]], mix(fill, role.edge, 0.55), width=0.4),
        )

    def arrow(self, name: str, x: float) -> VGroup:
        """The layer that leads to the block at ``x``, below the blocks."""
        y = board.PANELS.y + 168
        return VGroup(
            ink.arrow((x - 84, y + 6), (x - 14, y + 6), self.look.ink),
            ink.text(x - 51, y - 5, name, self.look.ink, size=9.4, bold=True, align="center"),
        )

    def label(self, row: tuple[str | int | float | None, ...], x: float) -> VGroup:
        """The shape and how many numbers that is."""
        y = board.PANELS.y + 168
        return VGroup(
            ink.text(x, y, str(row[1]), self.look.ink, size=10.5, bold=True, mono=True),
            ink.text(x, y + 15, f"{row[2]} numbers", self.look.faint_ink, size=9),
        )

    def numbers(self) -> None:
        """The layers in their order on a small map."""
        self.section("Worked out")
        self.clear()
        view = self.show(self.mine, keys=["input", *([] if self.flat else ["kernel"]), "middle", "output"])
        second = next(i for i, step in enumerate(self.mine.steps) if step.writes[0].panel == "output")
        told = {
            "conv": "In small: at each place a weighted sum of the channels.",
            "pool": "The pool gives one number for each window.",
        }
        for part, start, end in zip(
            self.found.way.parts, (0, second), (second, len(self.mine.steps)), strict=False
        ):
            self.say(told[part.name])
            view.step(start, slow=True, run_time=0.7)
            view.rest(until=end)
        view.settle()

    def costs(self) -> None:
        """Multiplications with and without the transition as bars."""
        self.section("What it spares")
        self.clear()
        facts = dict(self.layers.facts)
        ways = named(self.found)[:2]
        most = max(way.macs for _, way in ways)
        x, y = board.STAGE.x + 120, board.STAGE.y + 34
        head = VGroup(ink.text(x, y - 18, "multiplications (MACs)", self.look.ink, size=9.6, bold=True))
        for j, (name, role) in enumerate(
            (("1×1 conv", "kernel"), (str(self.table("way").rows[-1][0]), "output"))
        ):
            at = board.STAGE.right - 150 + 76 * j
            look = self.look[role]
            tile = Box(at, y - 23, 10, 10)
            head.add(ink.tiles([tile], fill=look.fill, edge=look.edge, width=1.2, rounded=role == "output"))
            head.add(ink.text(at + 15, y - 18, name, self.look.ink, size=9))
        self.play(FadeIn(head), run_time=0.3)
        for i, (name, way) in enumerate(ways):
            top = y + i * 92
            made = VGroup(ink.text(x - 10, top + 14, name, self.look.ink, size=9.4, align="right"))
            at = x
            for part in way.parts:
                wide = BAR * part.macs / most
                if not part.macs:
                    continue
                role = self.look["kernel" if part.name == "conv" else "output"]
                bar = Box(at, top, max(wide, 0.8), 28)
                made.add(
                    ink.tiles([bar], fill=role.fill, edge=role.edge, width=1.2, rounded=part.name == "next")
                )
                at += wide
            sums = self.table("ways").rows[i]
            for j, text in enumerate((f"{sums[2]} MACs", f"{sums[1]} parameters")):
                made.add(ink.text(x, top + 41 + 14 * j, text, self.look.ink, size=9.2, mono=True))
            self.say(self.spares(i))
            self.play(FadeIn(made), run_time=0.8)
        self.say(f"{facts['MACs saved']}, the 1×1 convolution paid.")

    def spares(self, i: int) -> str:
        behind = self.found.way.parts[-1]
        if i == 0:
            conv = f"{self.follows()} {convolution(self.found)} to {behind.out[0]} channels"
            return f"{conv} pays for every channel of the map."
        return f"Behind the transition it reads {behind.ins[0]} channels on {words.size(behind.ins[1:])}."

    def order(self) -> None:
        """Both orders on the same numbers."""
        self.section("Before or after the pool")
        self.clear()
        views = self.lanes(self.largest)
        bad, count = differ(*self.largest)
        self.say("Either order gives the same size.")
        self.fill(views)
        marks = self.difference(views)
        self.say(f"With max pooling {bad} of {count} outputs differ.")
        self.play(FadeIn(marks), run_time=0.5)
        self.wait(1.2)
        same, count = differ(*self.means)
        self.clear(marks, *views)
        views = self.lanes(self.means)
        self.fill(views)
        facts = dict(self.layers.facts)
        times = facts["MACs of the 1×1 conv, before the pool against behind it"]
        self.say(
            f"With means {same} of {count} differ; before the pool the convolution costs {times} as much."
        )
        self.play(FadeIn(self.prices(views)), run_time=0.5)

    @property
    def flat(self) -> bool:
        """Whether maps are rows, which are stacked, so that two lanes stand side by side."""
        return len(self.found.shape) == 2

    def lanes(self, plans: list[Plan]) -> list[View]:
        """Both orders, one above the other; of 1-D maps side by side."""
        area, half = board.STAGE, board.STAGE.height / 2
        wide = area.width / 2 - 6
        boxes = [
            Box(area.x + i * (wide + 12), area.y, wide, board.PANELS.height)
            if self.flat
            else Box(area.x, area.y + i * half, LANE, half - 4)
            for i in range(len(plans))
        ]
        keys = ["input", "middle", "output"]
        return [self.show(plan, box, keys=keys, run_time=0.5) for plan, box in zip(plans, boxes, strict=True)]

    def follows(self) -> str:
        """How the convolution behind is spoken of: the net's own, or one that stands in for what a net has there."""
        return "A" if self.found.own or not self.found.net else "Put in its place, a"

    def fill(self, views: list[View]) -> None:
        """Everything that both lanes write."""
        for view in views:
            view.together(range(len(view.plan.steps)), run_time=1.2)

    def difference(self, views: list[View]) -> VGroup:
        """Frames around the outputs that differ, and how the last of them came about."""
        cells = unlike(views[0].plan, views[1].plan)
        boxes = [view.box("output", cell) for cell in cells for view in views]
        made = VGroup(ink.tiles(boxes, edge=self.look["active"].edge, width=2.2, rounded=True))
        for view in views:
            step = next(
                (
                    s
                    for s in view.plan.steps
                    if s.writes[0].panel == "output" and s.writes[0].cell in cells[-1:]
                ),
                None,
            )
            if step is not None and step.work is not None:
                made.add(self.beside(view, step.work.text, self.look["active"].edge))
        return made

    def prices(self, views: list[View]) -> VGroup:
        """The multiplications of both lanes."""
        return VGroup(*(self.beside(v, f"{dict(v.plan.facts)['MACs']} MACs", self.look.ink) for v in views))

    def beside(self, view: View, told: str, colour: str) -> VMobject:
        """A line on the right of a lane, or below it."""
        if self.flat:
            x, y = view.box("input").x - 20, board.WORK.centre[1]
            return ink.text(x, y, told, colour, size=9.4, mono=True)
        x = board.STAGE.x + LANE + 12
        lines = draw.wrap(told, board.STAGE.right - x, 8.6, mono=True)
        y = view.box("output").centre[1] - (len(lines) - 1) * 6
        return ink.texts([(x, y + 12 * i, line) for i, line in enumerate(lines)], colour, size=8.6, mono=True)

    def jump(self) -> None:
        """What a unit reads, with the transition and without."""
        self.section("The jump")
        self.clear()
        half, top = board.PANELS.width / 2 - 6, 127.0
        left, right = (
            Box(x, board.PANELS.y - 4, half, top) for x in (board.PANELS.x, board.PANELS.right - half)
        )
        direct = self.show(self.reach, left, keys=["map", "direct"], largest=16)
        behind = self.show(self.reach, right, keys=["map", "pooled", "behind"], largest=16)
        steps = self.reach.steps
        self.say(steps[4].caption)
        direct.mark(4)
        self.wait(0.5)
        direct.mark(5)
        self.say(steps[2].caption)
        behind.mark(2)
        self.wait(0.5)
        behind.mark(3)
        low = board.PANELS.y + top
        self.show(
            self.layers, Box(board.STAGE.x, low, board.STAGE.width, board.STAGE.bottom - low), keys=["way"]
        )
        self.say("The pool widens the jump: all that follows grows faster.")
