"""What one unit sees grows layer by layer: a cone over the input, beside the table of its size, jump and start."""

from __future__ import annotations

from itertools import pairwise

from convviz.scenes.parts.ground import Ground
from convviz.scenes.stage import Story, board, ink
from manim import FadeIn, FadeOut, VGroup, VMobject

from convviz import theme as themes
from convviz.analysis.pyramid import Level
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.plan.growth import Ladder, Told, ladder
from convviz.report.model import shorten

NET = "code8"
NAME = 24  # letters of a layer's name
WINDOW, RIGHT = 46.0, 146.0  # points for windows on the left and numbers on the right of the cones
HEAD, TALL = 14.0, 190.0
COLUMNS = (("size", 92.0), ("jump", 48.0), ("start", 0.0))  # and how far from the right end they stand
SINGLE = 3.2  # points from which a map's cells are drawn one by one
THICK = 0.56  # of a row's height
NEAR = 0.25  # of the input's length: how much beyond it the cones may be seen


class ReceptiveField(Story):
    """What one unit sees grows layer by layer: a cone over the input, beside the table of its size, jump and start."""

    name = "receptive_field"

    def prepare(self) -> None:
        from convviz import receptive_field

        self.told: Ladder = ladder(receptive_field(self.settings.graph(NET)))
        self.keep(self.told.plan)
        self.line = VGroup()  # the arithmetic that is shown

    def tell(self) -> None:
        self.section("One layer")
        self.stand()
        size = dict(self.told.plan.facts)["input"]
        self.say(f"At the bottom lies the input, {size}. A unit of the first layer reads a window of it.")
        self.rung(0)
        self.say(self.told.rungs[0].caption)
        self.section("Layer by layer")
        rungs = self.told.rungs
        if self.told.skipped:
            self.say(self.told.plan.notes[0])
        for i in range(1, len(rungs)):
            last = i == len(rungs) - 1
            if i <= 1 or last or rungs[i].special:
                self.say(rungs[i].caption)
            elif rungs[i].resolution:
                self.say(rungs[i].resolution)
            self.rung(i, quick=2 < i < len(rungs) - 1)
            if i == 1:
                self.say(
                    "Each layer adds k − 1 steps to the size r; a step is as wide as the jump j of what it reads."
                )
        self.poster()
        self.section("On the image" if len(self.told.size) > 1 else "On the input")
        self.clear()
        self.image()
        self.border()

    # -- the cone --------------------------------------------------------------------------------------------
    def stand(self) -> None:
        """Heading and input row."""
        look, rungs = self.look, self.told.rungs
        area = board.STAGE
        names = [shorten(told.name, NAME) for told in rungs]
        left = max(draw.width_of(name, 9) for name in ("layer", *names)) + WINDOW
        self.pitch = (TALL - HEAD) / (len(rungs) + 1)
        self.cone = Box(area.x + left, area.y + HEAD, area.width - left - RIGHT, TALL - HEAD)
        n = self.told.size[-1]
        low = max(min([0, *(told.rung.lo[-1] for told in rungs)]), -NEAR * n)
        high = min(max([n - 1, *(told.rung.hi[-1] for told in rungs)]), (1 + NEAR) * n)
        last = rungs[-1].rung
        span = last.hi[-1] - last.lo[-1] + 1
        if span * 4 < n:  # a small part of a long input
            low, high = last.lo[-1] - span, last.hi[-1] + span
        self.low, self.scale = low - 0.5, self.cone.width / (high - low + 1)
        self.lit: list[VMobject] = []
        right = area.right
        heads = VGroup(
            *(
                ink.text(right - off, area.y + 5, name, look.faint_ink, size=9, bold=True, align="right")
                for name, off in COLUMNS
            ),
            ink.text(area.x, area.y + 5, "layer", look.faint_ink, size=9, bold=True),
        )
        base = self.level_of(self.told.rungs[0], -1)
        names = ink.text(area.x, self.row(-1).centre[1], "input", look.ink, size=9)
        numbers = ink.texts(
            [(right - off, self.row(-1).centre[1], text) for (_, off), text in zip(COLUMNS, self.told.base)],
            look.ink, size=9, mono=True, align="right",
        )  # fmt: skip
        self.play(FadeIn(VGroup(heads, self.map_of(base, -1), names, numbers)), run_time=0.8)

    def row(self, i: int) -> Box:
        """The bar of a rung; −1: of the input."""
        y = self.cone.bottom - (i + 1.5) * self.pitch
        return Box(self.cone.x, y + (1 - THICK) * self.pitch / 2, self.cone.width, THICK * self.pitch)

    def at(self, x: float) -> float:
        """A place of the input on the board, kept inside the picture."""
        return min(max(self.cone.x + (x - self.low) * self.scale, self.cone.x), self.cone.right)

    def level_of(self, told: Told, i: int) -> Level | None:
        """The level of rung ``i`` in the cone of another."""
        source = self.told.growth.result.wrt if i < 0 else self.told.rungs[i].name
        return told.cone.levels.get(source)

    def boxes(self, level: Level, i: int, cells: list[range]) -> list[Box]:
        """Where cells of a level lie: single ones where they are wide enough."""
        bar = self.row(i)
        origin, step = float(level.origin), float(level.step)
        single = step * self.scale >= SINGLE
        found = []
        for run in cells:
            for piece in [range(c, c + 1) for c in run] if single else [run]:
                left, right = (
                    self.at(origin + (piece[0] - 0.5) * step),
                    self.at(origin + (piece[-1] + 0.5) * step),
                )
                spare = max(1.2 - (right - left), 0) / 2
                if self.cone.x <= right and left <= self.cone.right and right - left + spare > 0.2:
                    found.append(Box(left - spare, bar.y, right - left + 2 * spare, bar.height))
        return found

    def map_of(self, level: Level | None, i: int) -> VGroup:
        """All cells of a map, pale."""
        if level is None:
            return VGroup()
        boxes = self.boxes(level, i, [range(level.n)])
        single = float(level.step) * self.scale >= SINGLE
        role = self.look["input" if i < 0 else "output"]
        edge = themes.mix(self.look.paper, role.edge, 0.45)
        return VGroup(
            ink.tiles(
                boxes,
                fill=themes.mix(self.look.paper, role.fill or role.edge, 0.55),
                edge=edge if single else None,
                width=0.5,
            )
        )

    def rung(self, i: int, quick: bool = False) -> None:
        """The row of a layer, the cone of its unit, and its numbers."""
        look, told = self.look, self.told.rungs[i]
        colour = look.deep(i / max(len(self.told.rungs) - 1, 1))
        y = self.row(i).centre[1]
        size = min(9.0, self.pitch * 0.62)
        label = VGroup(ink.text(board.STAGE.x, y, shorten(told.name, NAME), look.ink, size=max(size, 8)))
        if told.gap:
            x, between = self.cone.x - 22, y + self.pitch / 2
            label.add(ink.dots([(x + 4 * d, between) for d in range(3)], look.faint_ink, 0.8))
        if told.window:
            label.add(
                ink.text(
                    self.cone.x - 6,
                    y,
                    told.window,
                    look["kernel"].edge,
                    size=max(size - 0.6, 7.4),
                    mono=True,
                    align="right",
                )
            )
        light, cells = self.falling(told, i, colour)
        numbers = ink.texts(
            [(board.STAGE.right - off, y, text) for (_, off), text in zip(COLUMNS, (told.span, told.jump, told.start))],
            look.ink, size=max(size, 8), mono=True, align="right",
        )  # fmt: skip
        own = self.level_of(told, i)
        below = self.map_of(own, i)
        old, self.lit = self.lit, [light, cells]
        speed = 0.45 if quick else 0.8
        self.play(FadeIn(label), FadeIn(below), *(FadeOut(m) for m in old), run_time=speed)
        self.play(FadeIn(light), FadeIn(cells), run_time=speed)
        self.play(FadeIn(numbers), run_time=0.3)
        rule = told.formula
        self.write(f"{rule.symbols} = {rule.numbers} = {rule.result}" if rule is not None else "")

    def write(self, words: str) -> None:
        """A line of arithmetic at once, in place of the one before."""
        self.remove(self.line)
        self.line = self.lines([words]) if words else VGroup()
        self.add(self.line)

    def falling(self, told: Told, i: int, colour: str) -> tuple[VGroup, VGroup]:
        """The light from a unit down to the input, and the cells that it reads in every row."""
        shown = [(j, level) for j in range(i, -2, -1) if (level := self.level_of(told, j)) is not None]
        light, cells = VGroup(), VGroup()
        hulls = []
        for j, level in shown:
            runs = level.cells.runs() if level.cells.known else [range(level.cells.lo, level.cells.hi + 1)]
            boxes = self.boxes(level, j, runs)
            if not boxes:
                continue
            fill = themes.mix(self.look.paper, colour, 0.9 if j == i else 0.62)
            single = float(level.step) * self.scale >= SINGLE
            cells.add(ink.tiles(boxes, fill=fill, edge=self.look.paper if single else None, width=0.4))
            hulls.append(Box.around(boxes))
        for above, below in pairwise(hulls):
            corners = [
                (above.x, above.bottom),
                (above.right, above.bottom),
                (below.right, below.y),
                (below.x, below.y),
            ]
            light.add(ink.polygon(corners, fill=colour, opacity=0.2))
        beyond = self.beyond(told, colour)
        return light, VGroup(cells, *beyond)

    def beyond(self, told: Told, colour: str) -> list[VMobject]:
        """The part of the field that lies outside the input, dashed."""
        bar, n = self.row(-1), self.told.size[-1]
        made = []
        for first, last in (
            (told.rung.lo[-1], min(told.rung.hi[-1], -1)),
            (max(told.rung.lo[-1], n), told.rung.hi[-1]),
        ):
            left, right = self.at(first - 0.5), self.at(last + 0.5)
            if first <= last and right - left > 1:
                made.append(
                    ink.tiles(
                        [Box(left, bar.y, right - left, bar.height)], edge=colour, width=1.0, dashed=True
                    )
                )
        return made

    # -- on the image ----------------------------------------------------------------------------------------
    def image(self) -> None:
        """The fields of all rungs on the input, beside the list of their sizes."""
        look, told = self.look, self.told
        self.field = field = Ground(told, Box(board.STAGE.x, board.STAGE.y, 330, 222))
        role = look["input"]
        paper = VGroup(ink.tiles([field.frame], fill=role.fill, edge=role.edge, width=1.4))
        if field.lines:
            paper.add(
                ink.strokes(field.lines, themes.mix(role.fill or look.paper, role.edge, 0.25), width=0.4)
            )
        where = "input" if field.flat else "image"
        self.say(f"The same units on the {where}: each outline is what one of them sees.")
        self.play(FadeIn(paper), run_time=0.6)
        self.drawn = VGroup()
        for i, one in enumerate(told.rungs):
            colour = look.deep(i / max(len(told.rungs) - 1, 1))
            inside = all(lo >= 0 and hi < n for lo, hi, n in zip(one.rung.lo, one.rung.hi, told.size))
            outline = ink.strokes(field.sides(one.rung.lo, one.rung.hi), colour, width=1.7, dashed=not inside)
            y = board.STAGE.y + 10 + i * min(20, 180 / len(told.rungs))
            name = shorten(one.name, NAME)
            listed = VGroup(
                ink.tiles([Box(372, y - 4, 8, 8)], edge=colour, width=1.7),
                ink.text(388, y, name, look.ink, size=9),
                ink.text(board.STAGE.right, y, one.span, look.ink, size=9, mono=True, align="right"),
            )
            self.play(FadeIn(outline), FadeIn(listed), run_time=0.35)
            self.drawn.add(outline)

    def border(self) -> None:
        """What the first unit really has of its field, then who reads everything."""
        told, look, field = self.told, self.look, self.field
        corner, edge = told.corner, look["active"].edge
        step, *more = told.plan.steps[len(told.rungs) :]
        self.section(step.section)
        self.say(step.caption)
        if corner.lo is not None and corner.hi is not None:
            made = VGroup(ink.tiles([field.box(corner.lo, corner.hi)], fill=edge, opacity=0.4))
            if told.whole is not None:
                made.add(ink.strokes(field.sides(*told.whole), edge, width=2, dashed=True))
            self.play(FadeOut(self.drawn), FadeIn(made), run_time=0.8)
        for step in more:
            self.section(step.section)
            both = look["shared"]
            self.say(step.caption)
            whole = ink.tiles([field.frame], fill=both.fill, edge=both.edge, hatch=both.edge, opacity=0.8)
            self.play(FadeIn(whole), run_time=0.8)
