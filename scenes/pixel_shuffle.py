"""Channels become pixels in one motion; equal filters in front (ICNR) keep the first picture even."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from convviz.scenes.stage import Story, board, ink
from manim import FadeIn, Transform, VGroup

from convviz import theme as themes
from convviz.errors import ConvvizError
from convviz.figures import cells as draw
from convviz.figures.cells import Box, Lattice
from convviz.ops import shuffle
from convviz.plan import words
from convviz.plan.icnr import EQUAL, RANDOM, icnr
from convviz.plan.model import Cell, Grid, Number, Step

TOP, SHEETS, LOW = 64.0, 66.0, 152.0  # of the input's sheets, their height at most, and of the output
SMALLEST = 7.0  # points of a cell
DECK = 7.0  # points by which sheets stick out behind each other
LINES = 9  # of text beside the output
SUMS = 22.0  # points of the sum of a filter, at most


class PixelShuffle(Story):
    """Channels become pixels in one motion; equal filters in front (ICNR) keep the first picture even."""

    name = "pixel_shuffle"

    def prepare(self) -> None:
        self.plan = self.keep(self.settings.plan("pixel_shuffle"))
        (stage,) = self.plan.stages
        if not isinstance(stage.op, shuffle.PixelShuffle):
            raise ConvvizError(f"the scene shows a pixel_shuffle, and this layer is {stage.op.kind}", "layer")
        self.factor, rank = stage.op.upscale_factor, len(stage.out) - 1
        if rank > 2:
            raise ConvvizError(f"the scene shows one or two spatial axes, got {rank}", "input")
        self.start = self.keep(icnr(self.factor, rank, seed=self.settings.seed))
        self.ins, self.out = stage.ins[0], stage.out
        self.side = self.fitting(self.ins, self.out)
        if self.side < SMALLEST:
            large = f"an input of {words.size(self.ins)} has too many cells to be seen"
            raise ConvvizError(f"{large}; {self.smaller(rank)}", "input")

    def fitting(self, ins: Sequence[int], out: Sequence[int]) -> float:
        """The side of a cell with which both maps fit."""
        rows, columns = self.area(ins)
        tall, wide = self.area(out)
        above = min(SHEETS / rows, 520 / (ins[0] * (columns + 0.6)))
        return min(26.0, above, 104 / tall, 520 / (out[0] * (wide + 1)))

    def smaller(self, rank: int) -> str:
        """What can be drawn: the same factor on a small map, or the largest factor."""
        for factor in range(self.factor, 1, -1):
            ins, out = (factor**rank, *(2,) * rank), (1, *(2 * factor,) * rank)
            if self.fitting(ins, out) >= SMALLEST:
                shape = words.size(ins).replace("×", "x")
                return f"{shape} can be drawn" + (
                    f" with upscale_factor {factor}" if factor != self.factor else ""
                )
        return "no factor can be drawn"

    def area(self, shape: Sequence[int]) -> tuple[int, int]:
        """Rows and columns of a map's channel."""
        return (shape[-2] if len(shape) > 2 else 1), shape[-1]

    def tell(self) -> None:
        self.motion()
        self.random()
        self.equal()

    # -- the motion ------------------------------------------------------------------------------------------
    def motion(self) -> None:
        """A deck of channels fans out, and every cell flies to its place."""
        self.section("Channels become pixels")
        values = self.plan.shown("input")
        shades = {cell: self.identity(cell[0]) for cell in values}
        _, columns = self.area(self.ins)
        s, many = self.side, self.ins[0]
        x0 = board.STAGE.x + (board.STAGE.width - s * columns) / 2
        deck = [
            Lattice(x0 + DECK * (c - many / 2), TOP + 26 - min(DECK, 40 / many) * c, s) for c in range(many)
        ]
        pitch = s * (columns + 0.6)
        left = board.STAGE.x + (board.STAGE.width - pitch * many + 0.6 * s) / 2
        fan = [Lattice(left + c * pitch, TOP + 10, s) for c in range(many)]
        sheets = {c: self.sheet(deck[c], c, values, shades) for c in reversed(range(many))}
        name = ink.text(
            board.STAGE.x, 48, f"{self.plan['input'].title}", self.look["input"].edge, size=9.6, bold=True
        )
        self.play(FadeIn(VGroup(*sheets.values())), FadeIn(name), run_time=0.8)
        per = many // self.out[0]
        self.say(
            f"{words.count(many, 'channel')} lie behind each other. The shade says which channel a cell belongs to."
        )
        self.play(
            *(Transform(sheets[c], self.sheet(fan[c], c, values, shades)) for c in sheets), run_time=1.4
        )
        targets = {step.marks[0].cells[0]: step.writes[0].cell for step in self.plan.steps}
        told = {step.marks[0].cells[0]: step.work.text for step in self.plan.steps if step.work}
        blocks = self.first_block(targets)
        self.say(f"The first cells of {per} channels become one block of {self.block()} pixels.")
        self.play(FadeIn(self.ground()), run_time=0.5)
        x = self.place((0, *(n - 1 for n in self.out[1:]))).right + 34
        beside = self.out[0] == 1 and len(blocks) <= LINES
        step = min(11.5, 82 / len(blocks))
        for i, cell in enumerate(blocks):
            at, to = fan[cell[0]].cell(*self.spot(cell)), self.place(targets[cell])
            start = self.tile([(at, values[cell])], shades[cell])
            self.add(start)
            moves = [Transform(start, self.tile([(to, values[cell])], shades[cell]))]
            if beside:
                line = ink.text(
                    x, LOW + 4 + step * i, told[cell], self.look.ink, size=min(8.2, step * 0.86), mono=True
                )
                moves.append(FadeIn(line))
            self.play(*moves, run_time=0.5 if len(blocks) < 6 else 0.25)
        self.say("All blocks at once: nothing is added or lost, cells only move.")
        rest = []
        for c in range(many):
            mine = [cell for cell in values if cell[0] == c and cell not in blocks]
            if mine:
                fill = shades[mine[0]]
                start = [self.tile([(fan[c].cell(*self.spot(cell)), values[cell])], fill) for cell in mine]
                end = [self.tile([(self.place(targets[cell]), values[cell])], fill) for cell in mine]
                rest.append((VGroup(*start), VGroup(*end)))
        faint = [sheets[c].animate.set_opacity(0.25) for c in sheets]
        self.add(*(start for start, _ in rest))
        self.play(*faint, *(Transform(start, end) for start, end in rest), run_time=2.6)
        if beside:
            y = LOW + 4 + step * len(blocks) + 8
            told_sizes = [f"{f.symbols} = {f.numbers} = {f.result}" for f in self.plan.formulas[:2]]
            lines = [(x, y + 13 * i, row) for i, row in enumerate(told_sizes)]
            self.play(FadeIn(ink.texts(lines, self.look.faint_ink, size=8.6, mono=True)), run_time=0.5)

    def identity(self, channel: int) -> str:
        """The shade by which a channel is known again, as in the stills."""
        return themes.mix(self.look.paper, self.look.deep(channel / max(self.ins[0] - 1, 1)), 0.4)

    def on(self, fill: str) -> str:
        """The colour of letters on a fill."""
        return max((self.look.ink, self.look.paper), key=lambda colour: themes.contrast(colour, fill))

    def block(self) -> str:
        return words.size((self.factor,) * (len(self.out) - 1))

    def spot(self, cell: Cell) -> tuple[int, int]:
        return (cell[-2] if len(cell) > 2 else 0), cell[-1]

    def place(self, cell: Cell) -> Box:
        """Where an output cell lies."""
        _, columns = self.area(self.out)
        pitch = self.side * (columns + 1)
        room = board.STAGE.width if self.out[0] > 1 else board.STAGE.width * 0.56
        left = board.STAGE.x + (room - pitch * self.out[0] + self.side) / 2
        return Lattice(left + cell[0] * pitch, LOW, self.side).cell(*self.spot(cell))

    def first_block(self, targets: Mapping[Cell, Cell]) -> list[Cell]:
        """The input cells that fill the first block of the first output channel, in the order of the output."""
        found = [(to, cell) for cell, to in targets.items() if to[0] == 0 and max(to[1:]) < self.factor]
        return [cell for _, cell in sorted(found)]

    def ground(self) -> VGroup:
        boxes = [self.place(step.writes[0].cell) for step in self.plan.steps]
        title = self.plan["output"].title
        return VGroup(
            ink.tiles([b.inset(0.7) for b in boxes], edge=self.look.line, rounded=True),
            ink.text(board.STAGE.x, LOW - 9, title, self.look["output"].edge, size=9.6, bold=True),
        )

    def sheet(
        self, lattice: Lattice, channel: int, values: Mapping[Cell, Number], shades: Mapping[Cell, str]
    ) -> VGroup:
        """All cells of a channel."""
        mine = [cell for cell in values if cell[0] == channel]
        return self.tile([(lattice.cell(*self.spot(cell)), values[cell]) for cell in mine], shades[mine[0]])

    def tile(self, placed: Sequence[tuple[Box, Number]], fill: str) -> VGroup:
        """Cells of one shade with their numbers; a group of two, so that one can become another."""
        colour = self.on(fill)
        told = [(*box.centre, words.number(value)) for box, value in placed]
        size = draw.letter(placed[0][0].width, max(len(text) for _, _, text in told), most=10.0)
        made = ink.tiles(
            [box.inset(0.7) for box, _ in placed], fill=fill, edge=self.look.ink, width=0.7, rounded=True
        )
        return VGroup(
            made, ink.texts(told if size else [], colour, size=size or 8, mono=True, align="center")
        )

    # -- at initialisation -----------------------------------------------------------------------------------
    def random(self) -> None:
        """Filters that differ give phases that differ."""
        self.section("Random filters paint a checkerboard")
        self.say("A convolution in front makes the channels: one filter for each place in a block.")
        self.clear()
        self.act(RANDOM, "filters", "output")

    def equal(self) -> None:
        """The same filter for all places of a block."""
        self.section("ICNR: equal filters do not")
        self.say("ICNR starts all filters of a block with the same weights.")
        self.clear()
        self.act(EQUAL, "sub", "flat")

    def act(self, section: str, filters: str, output: str) -> None:
        """The filters, their sums, and what the shuffle makes of these."""
        steps = [step for step in self.start.steps if step.section == section]
        grid, flat = self.start[filters], self.start[output]
        assert isinstance(grid, Grid) and isinstance(flat, Grid)
        many, (rows, columns) = grid.shape[0], self.area(grid.shape)
        s = min(18.0, 330 / (many * (columns + 1)))
        lattices = [Lattice(board.STAGE.x + 4 + i * s * (columns + 1), 70, s) for i in range(many)]
        values = self.start.shown(filters)
        kernel = self.look["kernel"]
        title = ink.text(board.STAGE.x + 4, 56, grid.title, kernel.edge, size=9.6, bold=True)
        made = [self.weights(lattices[i], i, values, kernel.fill or self.look.paper) for i in range(many)]
        first, equal = steps[0], section == EQUAL
        assert first.work is not None
        self.play(FadeIn(title), FadeIn(made[0] if equal else VGroup(*made)), run_time=0.6)
        if equal:
            copies = [made[0].copy() for _ in made[1:]]
            self.add(*copies)
            self.play(*(Transform(a, b) for a, b in zip(copies, made[1:], strict=True)), run_time=1.2)
            self.reminder()
        low = 70 + s * rows + 10
        totals = self.totals(steps[:-1], lattices, low, s * columns)
        if not equal:
            self.say(first.caption)
            room = board.STAGE.width * 0.62
            text = draw.clip(first.work.text, room, 8.6, mono=True)
            line = ink.text(board.STAGE.x + 4, low + SUMS + 14, text, self.look.ink, size=8.6, mono=True)
            self.play(FadeIn(line), FadeIn(totals[0]), run_time=0.6)
        self.play(*(FadeIn(made) for made in totals[0 if equal else 1 :]), run_time=0.6)
        self.say(steps[-1].caption)
        self.picture(flat, output, totals)
        formula = next(f for f in self.start.formulas if f.about == section)
        self.formula(formula)
        if equal:
            self.say(f"ρ = {formula.result}: it starts as nearest upsampling, with every phase alike.")
        else:
            self.say(self.start.notes[0])

    def reminder(self) -> None:
        """The picture of the random start, small."""
        flat, formula = self.start["output"], self.start.formulas[0]
        assert isinstance(flat, Grid)
        rows, columns = self.area(flat.shape)
        side = min(9.0, 58 / rows, 120 / columns)
        lattice = Lattice(board.STAGE.x + 4, 164, side)
        made = self.shades_of(flat.key, lattice, numbers=False)
        x, y = lattice.x + side * columns + 10, 164 + side * rows / 2
        text = ink.text(x, y, f"random filters: ρ = {formula.result}", self.look.faint_ink, size=9)
        self.play(FadeIn(VGroup(made, text)), run_time=0.5)

    def weights(self, lattice: Lattice, which: int, values: Mapping[Cell, Number], fill: str) -> VGroup:
        mine = [(lattice.cell(*self.spot(cell)), value) for cell, value in values.items() if cell[0] == which]
        told = [(*box.centre, words.number(value)) for box, value in mine]
        size = draw.letter(lattice.side, 2, most=9.0)
        made = ink.tiles([box for box, _ in mine], fill=fill, edge=self.look["kernel"].edge, width=0.8)
        return VGroup(
            made, ink.texts(told if size else [], self.look.ink, size=size or 8, mono=True, align="center")
        )

    def totals(
        self, steps: Sequence[Step], lattices: Sequence[Lattice], y: float, width: float
    ) -> list[VGroup]:
        """The sum below each filter, in the shade of its channel."""
        wide = min(SUMS * 1.4, width)
        found = []
        for i, (step, lattice) in enumerate(zip(steps, lattices, strict=True)):
            box = Box(lattice.x + (width - wide) / 2, y, wide, SUMS)
            found.append(self.tile([(box, step.writes[0].value)], self.identity(i)))
        return found

    def picture(self, grid: Grid, key: str, totals: Sequence[VGroup]) -> None:
        """The sums fly into the first block, and the same block is everywhere."""
        rows, columns = self.area(grid.shape)
        side = min(19.0, 152 / rows, 170 / columns)
        lattice = Lattice(board.STAGE.right - 8 - side * columns, 70, side)
        title = ink.text(lattice.x, 56, grid.title, self.look["output"].edge, size=9.6, bold=True)
        values = self.start.shown(key)
        block = sorted(cell for cell in values if max(cell[1:]) < self.factor)
        flying = [total.copy() for total in totals]
        ends = [
            self.tile([(lattice.cell(*self.spot(cell)), values[cell])], self.identity(i))
            for i, cell in enumerate(block)
        ]
        self.add(*flying)
        moves = [Transform(a, b) for a, b in zip(flying, ends, strict=True)]
        self.play(FadeIn(title), *moves, run_time=1.1)
        self.play(FadeIn(self.shades_of(key, lattice)), run_time=0.9)
        self.remove(*flying)

    def shades_of(self, key: str, lattice: Lattice, numbers: bool = True) -> VGroup:
        """A map in shades of its values: dark and light blocks, or one even tone."""
        values, role = self.start.shown(key), self.look["output"]
        low, high = min(values.values()), max(values.values())
        by: dict[Number, list[Box]] = {}
        for cell, value in values.items():
            by.setdefault(value, []).append(lattice.cell(*self.spot(cell)))
        made = VGroup()
        size = draw.letter(lattice.side, max(len(words.number(v)) for v in by), most=9.0) if numbers else None
        for value, boxes in by.items():
            part = 0.35 if high == low else (value - low) / (high - low)
            fill = themes.mix(role.fill or self.look.paper, role.edge, part)
            made.add(ink.tiles(boxes, fill=fill, edge=self.look.paper if size else None, width=0.5))
            if size:
                colour = self.on(fill)
                told = [(*box.centre, words.number(value)) for box in boxes]
                made.add(ink.texts(told, colour, size=size, mono=True, align="center"))
        return made
