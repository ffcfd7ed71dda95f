"""One tensor under four norms: who shares a mean and a variance, with every number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from convviz.scenes.parts import batch
from convviz.scenes.parts.norm_parts import RIGHT, NumberLine, Side, Told, chips, strip
from convviz.scenes.stage import Story, board, ink
from manim import Animation, FadeIn, FadeOut, LaggedStart, Transform, VGroup, VMobject

from convviz import theme as themes
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.norms.grid import PAD, Rack
from convviz.plan import norm_examples, words
from convviz.plan.model import Cell, Grid, Table

LEFT = Box(board.STAGE.x + 30, board.STAGE.y + 16, 224, 212)  # of the tensor
BIG = 34.0  # points of a cell while there is one map
HEAD = 11.0  # points above a map, within its tray, for mean and variance
TAG = 7.4
AXES = {"N": "images", "C": "channels", "D": "slices", "H": "rows", "W": "columns", "L": "positions"}
# What each method does, when its trays form.
LEAD = {
    "Batch norm": "Batch norm takes one channel of every image.",
    "Layer norm": "Layer norm takes one image and all of its channels. No other image has a say.",
    "Group norm": "Group norm takes one image and a group of its channels: between layer and instance norm.",
    "Instance norm": "Instance norm takes one channel of one image, and nothing else.",
}


class Norms(Story):
    """One tensor under four norms: who shares a mean and a variance, with every number."""

    name = "norms"

    def prepare(self) -> None:
        fields, node = self.settings.fields, self.settings.node()
        samples = norm_examples.checked_samples(fields.get("batch", norm_examples.SAMPLES))
        shape = None if node else self.settings.input
        if shape is not None and len(shape) > 1:
            batch.fit((samples, *shape), LEFT, head=HEAD)
        self.plan = self.keep(
            norm_examples.four(shape, samples, fields.get("num_groups"), self.settings.seed, node)
        )
        grid, table = self.plan["input"], self.plan["norms"]
        assert isinstance(grid, Grid) and isinstance(table, Table)
        self.told = [Told(self.plan, str(row[0]), row) for row in table.rows]
        first = self.told[0]
        self.values = {first.full(cell): words.number(value) for cell, value in (grid.values or {}).items()}
        self.shape = grid.shape if grid.batched else (1, *grid.shape)
        self.letters = batch.letters(self.shape)
        self.rack = batch.fit(self.shape, LEFT, head=HEAD)
        self.cell = first.terms(3)[0][0]
        for one in self.told:
            strip(len(one.terms(1)))

    # -- the story -----------------------------------------------------------------------------------------
    def tell(self) -> None:
        self.unfold()
        self.line = NumberLine(self.told, self.values[self.cell], self.look)
        self.ring = ink.tiles([self.rack.cell(self.cell) or LEFT], edge=self.look["active"].edge, width=2.2)
        for i, one in enumerate(self.told):
            self.one_norm(i, one)
        self.side_by_side()

    def unfold(self) -> None:
        """One map, then its channels beside it, then the other images below."""
        rack, look, (samples, channels) = self.rack, self.look, self.shape[:2]
        self.section(words.count(len(self.letters), "axis", "axes").capitalize())
        side = min(BIG, 5 * BIG / max(self.shape[2:]))
        alone = batch.fit((1, 1, *self.shape[2:]), LEFT, most=side)
        arrows, axes = inner_axes(alone, self.letters[2:], self), self.axes_told()
        first = batch.maps(alone, self.values, look, [(0, 0)])
        self.say("One map has rows and columns.")
        self.play(FadeIn(first), FadeIn(arrows), *map(FadeIn, axes[2:]))
        self._read()
        beside = [(0, c) for c in range(1, channels)]
        below = [(n, c) for n in range(1, samples) for c in range(channels)]
        home = batch.maps(rack, self.values, look, [(0, 0)])
        self.say("An image has a map for each channel, side by side.")
        self.turned(first, home, FadeOut(arrows), run_time=0.8)
        names = batch.channel_names(rack, look)
        moving = [home, *self.slide(beside, [(0, 0)] * len(beside), names, axes[1])]
        self.say("A batch has several images, one below the other.")
        names = batch.sample_names(rack, look)
        moving += self.slide(below, [(0, c) for _, c in below], names, axes[0])
        self._read()
        self.trays = batch.trays(rack, None, self.muted)
        self.cells = batch.maps(rack, self.values, look, [(0, c) for c in range(channels)] + below)
        self.remove(*moving)
        self.add(*self.trays, self.cells)
        self.gone: list[VMobject] = [*axes]  # what goes when the next section begins

    def axes_told(self) -> list[VGroup]:
        """``N = 4 images``, a line for each axis."""
        made = []
        for i, (letter, n) in enumerate(zip(self.letters, self.shape, strict=True)):
            y = RIGHT.y + 40 + i * 34
            made.append(
                VGroup(
                    ink.text(RIGHT.x + 50, y, letter, self.look.ink, size=20, bold=True, align="center"),
                    ink.text(RIGHT.x + 76, y, f"= {n} {AXES[letter]}", self.look.faint_ink, size=12),
                )
            )
        return made

    def slide(self, which: Sequence[Cell], start: Sequence[Cell], *names: VMobject) -> list[VMobject]:
        """Maps come out from behind others to their places."""
        if not which:
            self.play(*map(FadeIn, names))
            return []
        made = batch.maps(self.rack, self.values, self.look, which, start)
        end = batch.maps(self.rack, self.values, self.look, which)
        self.mobjects.insert(self.mobjects.index(self._head), made)
        self.turned(made, end, *map(FadeIn, names), run_time=1.0)
        return [end]

    def turned(self, old: VMobject, new: VMobject, *others: Animation, run_time: float) -> None:
        """Let one object become another, which then stands in its place."""
        self.play(Transform(old, new), *others, run_time=run_time)
        self.remove(old)
        self.add(new)

    @property
    def muted(self) -> str:
        own = self.look["muted"]
        return themes.mix(self.look.paper, own.fill or self.look.paper, 0.9)

    def one_norm(self, i: int, one: Told) -> None:
        """The trays of a method, the values of one of them with mean and variance, one result, then all sets."""
        look, side, first = self.look, Side(one, self.letters, self.look), not i
        self.section(one.name)
        self.say(LEAD[one.name])
        self.play(*map(FadeOut, self.gone), run_time=0.4)
        grown = batch.trays(self.rack, one.blocks, self.muted)
        self.play(*map(Transform, self.trays, grown), FadeIn(side.head), run_time=1.0)
        lit = batch.lit(batch.whole(self.rack, one.blocks, one.lit), look)
        self.mobjects.insert(self.mobjects.index(self.cells), lit)
        self.play(FadeIn(lit), run_time=0.5)
        cells = one.terms(1)
        flying = batch.loose(self.rack, [(cell, value) for cell, value, _ in cells], look)
        self.add(flying)
        self.turned(flying, side.values, FadeIn(side.label), run_time=1.2)
        if first:
            self.say(one.steps[1].caption)
        self.play(FadeIn(side.line(0, f"mean μ = {one.text(1)}")), run_time=0.5)
        if first:
            self.say(one.steps[2].caption)
        held, label = side.values, side.label
        if side.squares is not None:
            self.play(FadeOut(held), FadeIn(side.squares), FadeOut(label), FadeIn(side.squared), run_time=0.8)
            held, label = side.squares, side.squared
        self.play(FadeIn(side.line(1, f"variance σ² = {one.text(2)}")), run_time=0.5)
        if first:
            self.say(
                f"So every image of the batch has a say in what becomes of this {self.values[self.cell]}."
            )
        appear = [FadeIn(side.line(2, f"y = {one.text(3)}", strong=True))]
        if first:
            appear += [FadeIn(self.ring), FadeIn(self.line.base())]
        self.play(*appear, run_time=0.6)
        self.play(FadeIn(self.line.mark(i)), run_time=0.5)
        tags = self.tags(one)
        if tags:
            self.play(
                LaggedStart(*map(FadeIn, tags), lag_ratio=0.3), run_time=min(0.4 + 0.2 * len(tags), 1.4)
            )
        self.gone = [*tags, lit, held, label, *side.shown]

    def tags(self, one: Told) -> list[VGroup]:
        """Mean and variance in the head of each tray; none where they have no room."""
        made = []
        for k in range(len(one.sets)):
            (box, *_), text = batch.whole(self.rack, one.blocks, k), one.tag(k)
            size = min(TAG, (box.width - 5) / draw.width_of(text, 1.0))
            if size < board.SMALLEST:
                return []
            wide = draw.width_of(text, size) + 4
            x, y = box.centre[0], box.y + HEAD / 2 + 0.4
            patch = ink.tiles([Box(x - wide / 2, y - 4.3, wide, 8.6)], fill=self.muted, rounded=True)
            made.append(VGroup(patch, ink.text(x, y, text, self.look.ink, size=size, align="center")))
        return made

    def side_by_side(self) -> None:
        """All methods at once: which axes, which set, what became of the followed cell."""
        self.section("Side by side")
        self.clear()
        self.say(f"The same tensor, the same {self.values[self.cell]}: only who shares has changed.")
        area, gap = board.STAGE, 14.0
        wide = (area.width - gap * (len(self.told) - 1)) / len(self.told)
        cards = [
            self.card(one, Box(area.x + i * (wide + gap), area.y, wide, area.height))
            for i, one in enumerate(self.told)
        ]
        for card in cards:  # one by one: those that stand cost nothing
            self.play(FadeIn(card), run_time=0.4)
        self.say("Ghost batch norm cuts N into parts; RMS norm takes no mean away.")

    def card(self, one: Told, area: Box) -> VGroup:
        look = self.look
        made = VGroup(
            ink.text(area.x, area.y + 8, one.name, look.ink, size=11.5, bold=True),
            chips(
                self.letters,
                one.over,
                area.x,
                area.y + 19,
                look,
                min(1.0, area.width / 28 / len(self.letters)),
            ),
        )
        room = Box(area.x, area.y + 42, area.width, 130)
        rack = batch.fit(self.shape, room, most=12, least=0.5, head=PAD, gap=3)
        rack = replace(rack, x=area.x)
        lit = batch.whole(rack, one.blocks, one.lit)
        legible = rack.width >= batch.DIGIT - 0.2
        every = [at[:2] for at in rack.blocks()]
        cells = (
            batch.maps(rack, self.values, look, every)
            if legible
            else ink.tiles(
                [box for _, box in rack.cells()], fill=look["input"].fill, edge=look["input"].edge, width=0.4
            )
        )
        made.add(*batch.trays(rack, one.blocks, self.muted), batch.lit(lit, look, 1.4), cells)
        active = look["active"].edge
        made.add(
            ink.tiles(
                [rack.cell(self.cell) or room], edge=active, fill=None if legible else active, width=1.6
            )
        )
        y = room.bottom + 12
        mean, var, value = (words.number(float(v or 0)) for v in one.row[4:7])
        for text, colour, bold in (
            (one.counted, look.faint_ink, False),
            (f"μ {mean}, σ² {var}", look.ink, False),
            (f"y = {value}", look["active"].edge, True),
            (f"{words.count(int(one.row[7] or 0), 'parameter')} trained", look.faint_ink, False),
        ):
            made.add(ink.text(area.x, y, text, colour, size=9.4, bold=bold))
            y += 14
        return made


def inner_axes(rack: Rack, letters: Sequence[str], story: Story) -> VGroup:
    """Arrows along the axes of space of a single map, with their names."""
    ink_, block = story.look.ink, rack.block(0, 0)
    y, x = block.bottom + 10, block.x - 10
    made = VGroup(
        ink.arrow((block.x, y), (block.right, y), ink_),
        ink.text(block.centre[0], y + 13, letters[-1], ink_, size=12, bold=True, align="center"),
    )
    if len(letters) > 1:
        made.add(ink.arrow((x, block.y), (x, block.bottom), ink_))
        made.add(ink.text(x - 12, block.centre[1], letters[-2], ink_, size=12, bold=True, align="center"))
    return made
