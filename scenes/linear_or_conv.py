"""The same map twice: fully connected, where every weight is its own, and as a convolution, where a few are shared."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import cast

from convviz.scenes.parts.entries import Entries, folded
from convviz.scenes.parts.numbered import blanks, cells, numbers
from convviz.scenes.stage import Story, board, ink
from manim import FadeIn, FadeOut, LaggedStart, ReplacementTransform, VGroup, VMobject

from convviz.errors import ConvvizError
from convviz.figures import cells as draw
from convviz.figures.cells import Box, Lattice
from convviz.ops.base import show
from convviz.plan import shared_weights, words
from convviz.plan.model import Grid, Table
from convviz.plan.shared_weights import EVERY, KERNEL, WINDOW

MOST = 36, 120  # rows and columns of a matrix that can be seen
SMALL = 25, 64  # the same of a layer's, whose map is made to fit
RINGS = 9  # rows that are outlined, where a matrix has more
MAPS = (28, 224)  # sides of the maps whose parameters are set beside these
HEAD = 9.5


class LinearOrConv(Story):
    """The same map twice: fully connected, each weight its own, and as a convolution, where a few are shared."""

    name = "linear_or_conv"

    # -- numbers ---------------------------------------------------------------------------------------------
    def prepare(self) -> None:
        asked = self.settings.plan("conv").stages[0]
        op, shape = asked.op, asked.ins[0]
        larger = [(op, (shape[0], *(n,) * (len(shape) - 1))) for n in MAPS if n > max(shape[1:])]
        if self.settings.layer is not None:
            node = self.settings.graph()[self.settings.layer]
            op, shape = shared_weights.thinned(op, shape)
            fits = shared_weights.largest(op, shape[0], len(shape) - 1, *SMALL)
            if fits is not None:
                shape = (shape[0], *(min(n, most) for n, most in zip(node.ins[0][1:], fits[1:], strict=True)))
            larger = [(node.op, node.ins[0])]
        self.both = shared_weights.twice(op, shape, seed=self.settings.seed)
        rows, columns = self.both.size
        if rows > MOST[0] or columns > MOST[1]:
            fits = shared_weights.largest(op, shape[0], len(shape) - 1, *MOST)
            right = f"an input of {show(fits)} can be drawn" if fits else "take fewer channels"
            raise ConvvizError(f"its matrix has {rows:,} rows and {columns:,} columns; {right}", self.name)
        self.plan = self.keep(shared_weights.sharing(self.both))
        self.moved = self.keep(shared_weights.moved(self.both))
        self.growth = self.keep(shared_weights.growth([(op, shape), *larger]))
        self.counts = {str(row[0]): row[1:] for row in cast(Table, self.plan["counts"]).rows}

    # -- the matrix three times --------------------------------------------------------------------------------
    def tell(self) -> None:
        self.place = Entries(self.plan, self.look)
        self.every_weight()
        self.window()
        self.kernel()
        self.move()
        self.table()

    def every_weight(self) -> None:
        self.section(EVERY)
        place, look = self.place, self.look
        ins, outs = cast(Grid, self.plan["input"]), cast(Grid, self.plan["output_full"])
        held, order = ins.values or {}, place.matrix("full").columns
        area = Box(board.STAGE.x, 64, board.STAGE.width, 170)
        start, end = folded(ins.shape, area, 0.3), folded(outs.shape, area, 0.72)
        picture, blank = cells(look, "input", start, order, held), blanks(look, end)
        sizes = [f"{name} {words.size(grid.shape)}" for name, grid in (("input", ins), ("output", outs))]
        names = [(boxes[0].x, boxes[0].y - 10, told) for boxes, told in zip((start, end), sizes, strict=True)]
        titles = ink.texts(names, look.ink, size=HEAD, bold=True)
        self.play(FadeIn(picture), FadeIn(blank), FadeIn(titles), run_time=0.8)
        count = words.count(place.columns, "cell")
        self.say(f"The input's {count} are laid in one line, the output's {place.rows} in a column.")
        self.wait(0.8)
        line = cells(look, "input", place.inputs, order, held)
        self.outputs: VMobject = blanks(look, place.outputs)
        moves = (ReplacementTransform(picture, line), ReplacementTransform(blank, self.outputs))
        self.play(FadeOut(titles), *moves, run_time=1.4)
        y = place.inputs[0].y - 10
        self.play(
            FadeIn(ink.text(place.at.x, y, f"input: {count}", look.ink, size=HEAD, bold=True)),
            FadeIn(ink.text(place.outputs[0].right, y, f"output: {place.rows}", look.ink, size=HEAD, bold=True,
                            align="right")),
            run_time=0.4,
        )  # fmt: skip
        self.say("Fully connected: every output has a weight of its own for every input.")
        self.full = place.lines("full")
        self.add(place.frame())
        self.play(LaggedStart(*(FadeIn(row) for row in self.full.values()), lag_ratio=0.5), run_time=1.8)
        self.multiply(EVERY, spelled=True)
        self.ledger = self.count(EVERY)
        self.play(FadeIn(self.ledger), run_time=0.5)

    def window(self) -> None:
        self.section(WINDOW)
        some, every = (self.counts[which][0] for which in (WINDOW, EVERY))
        self.say(
            f"A convolution reads its window only: {some:,} of {every:,} weights stay, the others are always 0."
        )
        self.local, gone = self.place.lines("local"), self.place.lines("full", but="local")
        self.empty()
        self.remove(*self.full.values())
        self.add(*self.local.values(), *gone.values())
        old, self.ledger = self.ledger, self.count(WINDOW)
        fading = LaggedStart(*(FadeOut(row) for row in gone.values()), lag_ratio=0.4)
        self.play(fading, FadeOut(old), FadeIn(self.ledger), run_time=2.0)
        self.multiply(WINDOW, run_time=1.0)

    def kernel(self) -> None:
        self.section(KERNEL)
        place = self.place
        self.say(f"And all rows share one set of weights: the kernel's {self.counts[KERNEL][0]:,}.")
        self.empty()
        x, y = place.corner
        title = ink.text(x, y - 10, "kernel", self.look.ink, size=HEAD, bold=True)
        self.play(FadeIn(place.kernel_cells()), FadeIn(title), run_time=0.7)
        rows = place.lines("shared")
        self.play(FadeOut(self.local[0]), ReplacementTransform(place.kernel_row(0), rows[0]), run_time=1.2)
        self.say("From row to row it moves along: the same weights lie on diagonals, zeros all around.")
        down, left = board.shift(0, place.at.side), list(rows)[1:]
        often = -(-len(left) // RINGS)
        for first in range(0, len(left), often):
            some = left[first : first + often]
            self.remove(*(self.local[row] for row in some if row in self.local))
            self.play(*(FadeIn(rows[row], shift=down) for row in some), run_time=0.27)
        self.play(FadeOut(self.ledger), run_time=0.3)
        self.multiply(KERNEL, spelled=True)
        self.play(FadeIn(self.count(KERNEL)), run_time=0.5)

    def count(self, which: str) -> VMobject:
        weights, biases, every = self.counts[which]
        told = f"{weights:,} weights"
        if biases:
            told += f" + {words.count(cast(int, biases), 'bias', 'biases')} = {every:,} parameters"
        return ink.text(board.STAGE.centre[0], 263, told, self.look.ink, size=11, bold=True, align="center")

    def empty(self) -> None:
        """Outputs that other weights gave go."""
        self.remove(self.outputs)
        self.outputs = blanks(self.look, self.place.outputs)
        self.add(self.outputs)

    def multiply(self, which: str, *, spelled: bool = False, run_time: float = 1.8) -> None:
        """Each row in turn: what it reads is outlined, and its output appears; ``spelled``: the first with its sum."""
        steps = [step for step in self.plan.steps if step.section == which]
        values = self.plan.shown(steps[0].writes[0].panel)
        self.empty()
        made: list[VMobject] = []
        ring, often = VMobject(), -(-len(steps) // RINGS)
        for row, step in enumerate(steps):
            read = [(at[0], at[1]) for at in step.marks[0].cells]
            self.remove(ring)
            ring = self.place.ring(read, row) if read else VMobject()
            box = self.place.outputs[row]
            made.append(cells(self.look, "output", [box], [step.writes[0].cell], values))
            self.add(made[-1], ring)
            if spelled and not row and step.work is not None:
                told = draw.wrap(step.work.text, board.STAGE.width, 8.0, mono=True)[:2]
                total = self.lines(told, Box(board.STAGE.x, 252, board.STAGE.width, 22), size=8.0)
                self.play(FadeIn(total), run_time=0.4)
                self.wait(1.3)
                self.play(FadeOut(total), run_time=0.2)
            if not row % often:
                self.wait(max(0.067, run_time * often / len(steps)))
        self.remove(*made, self.outputs)
        order = [step.writes[0].cell for step in steps]
        self.outputs = cells(self.look, "output", self.place.outputs, order, values)
        self.add(self.outputs)
        self.play(FadeOut(ring), run_time=0.3)

    # -- the input moves ---------------------------------------------------------------------------------------
    def move(self) -> None:
        self.section("The input moves")
        self.say("The same input goes through both.")
        self.clear()
        at = self.places()
        some = self.both.shape[0] > 1 or self.both.out[0] > 1
        names = (("input", "input"), ("conv", "convolution"), ("linear", "fully connected"))
        heads = [(at[key][0].x, 51, told + ", channel 0" * some) for key, told in names]
        before, after = (
            ink.text(board.STAGE.x, at[key][0].y + 8, told, self.look.faint_ink, size=8.5)
            for key, told in (("input", "before"), ("input_moved", "after"))
        )
        self.play(
            FadeIn(ink.texts(heads, self.look.ink, size=HEAD, bold=True), before),
            *(FadeIn(self.shown(key, at[key])) for key, _ in names),
            run_time=0.8,
        )
        by = self.both.op.stride[-1]
        self.say(f"Now the input moves right by {words.count(by, 'cell')}.")
        start, end = at["input"][0], at["input_moved"][0]
        sliding = self.shown("input", at["input"])
        way = board.shift(start.width * by, end.y - start.y)
        self.play(FadeIn(after), sliding.animate.shift(way), run_time=1.2)
        self.play(FadeIn(self.shown("input_moved", at["input_moved"])), FadeOut(sliding), run_time=0.3)
        told = (
            "Convolution: the output moves along, number by number.",
            "Fully connected: other weights lie there, other numbers come out.",
        )
        for name, said, (_, fact) in zip(("conv", "linear"), told, self.moved.facts, strict=True):
            key = f"{name}_moved"
            self.say(said)
            self.play(FadeIn(self.shown(key, at[key])), run_time=0.5)
            self.follow(name, at[name], at[key], fact)

    def places(self) -> dict[str, list[Box]]:
        """Where the cells of each map stand, before above after; of several channels the first."""
        maps = {"input": self.both.shape, "conv": self.both.out, "linear": self.both.out}
        free = board.STAGE.width - 34
        room = (free - 2 * 24) / sum(shape[-1] for shape in maps.values())
        high = {name: shape[-2] if len(shape) > 2 else 1 for name, shape in maps.items()}
        sides = {name: min(22.0, room, 82 / high[name]) for name in maps}
        wide = {name: sides[name] * shape[-1] for name, shape in maps.items()}
        last = max(wide["linear"], 128.0)  # its name and what is told below it
        gap, x, found = min(130.0, (free - wide["input"] - wide["conv"] - last) / 2), board.STAGE.x + 34, {}
        for name, shape in maps.items():
            for key, top in ((name, 62.0), (f"{name}_moved", 172.0)):
                at = Lattice(x, top, sides[name])
                found[key] = [at.cell(*cell) for cell in product(range(high[name]), range(shape[-1]))]
            x += wide[name] + gap
        return found

    def follow(self, name: str, start: Sequence[Box], end: Sequence[Box], fact: str) -> None:
        """The numbers from before glide to where they should be now; those that are there are marked."""
        look, key = self.look, f"{name}_moved"
        before, after = self.moved.shown(name), self.moved.shown(key)
        first = [cell for cell in before if cell[0] == 0]
        steps = [s for s in self.moved.steps if s.marks[0].panel == name and s.marks[0].cells[0] in first]
        pairs = [(s.marks[0].cells[0], s.marks[1].cells[0]) for s in steps]
        old, now = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        places = [start[first.index(cell)] for cell in old], [end[first.index(cell)] for cell in now]
        ring, there = (
            VGroup(
                *cells(look, "output", boxes, old, before),
                ink.tiles([b.inset(0.8) for b in boxes], edge=look["active"].edge, width=1.8, rounded=True),
            )
            for boxes in places
        )
        self.play(FadeIn(ring), run_time=0.3)
        self.play(ReplacementTransform(ring, there), run_time=1.1)
        self.wait(0.5)
        marks = VGroup()
        for agree, role, width in ((True, look["shared"], 1.6), (False, look["muted"], 0.9)):
            here = [i for i, s in enumerate(steps) if any(m.mark == "shared" for m in s.marks) == agree]
            boxes = [places[1][i].inset(0.6) for i in here]
            if boxes:
                marks.add(ink.tiles(boxes, fill=role.fill, edge=role.edge, width=width, rounded=True))
                marks.add(numbers(look, boxes, [now[i] for i in here], after, faint=not agree))
        told = ink.text(end[0].x, 262, f"{fact} moved along", look.ink, size=HEAD, bold=True)
        self.play(FadeOut(there), FadeIn(marks), FadeIn(told), run_time=0.6)

    def shown(self, key: str, boxes: Sequence[Box]) -> VGroup:
        """The first channel of a map."""
        grid, values = cast(Grid, self.moved[key]), self.moved.shown(key)
        return cells(self.look, grid.role, boxes, [cell for cell in values if cell[0] == 0], values)

    # -- how many parameters -----------------------------------------------------------------------------------
    def table(self) -> None:
        self.section("Parameters")
        self.say("A weight for each place of the matrix, or one kernel for all rows.")
        self.clear()
        left = board.STAGE.x
        names, keys = ("fully connected", "convolution"), ("full", "shared")
        halves = [Box(x, 62, 262, 88) for x in (left, left + 279)]
        heads = [(box.x, 50, told) for box, told in zip(halves, names, strict=True)]
        pictures = [self.place.thumbnail(key, box) for key, box in zip(keys, halves, strict=True)]
        titles = ink.texts(heads, self.look.ink, size=HEAD, bold=True)
        self.play(*map(FadeIn, pictures), FadeIn(titles), run_time=0.8)
        table = cast(Table, self.growth["growth"])
        if self.settings.layer:
            _, full, few = table.rows[-1]
            self.say(f"The whole layer, fully connected, would need {full} parameters instead of {few}.")
        else:
            self.say("On a larger map the matrix grows, the kernel stays as it is.")
        self.play(LaggedStart(*map(FadeIn, self.rows(table)), lag_ratio=0.6), run_time=1.8)
        self.say("A convolution is a fully connected layer, with most weights 0 and the rest shared.")

    def rows(self, table: Table) -> list[VMobject]:
        """The rows of a table as lines: the map on the left, numbers flush right."""
        top, step = 186.0, min(22.0, 78 / (1 + len(table.rows)))
        left, middle, right = board.STAGE.x, board.STAGE.x + 340, board.STAGE.right
        made: list[VMobject] = []
        for i, row in enumerate((table.columns, *table.rows)):
            y, bold = top + i * step, i == 0
            colour = self.look.faint_ink if bold else self.look.ink
            line = VGroup(ink.text(left, y, str(row[0]), colour, size=HEAD, bold=bold))
            for x, value in zip((middle, right), row[1:], strict=True):
                line.add(
                    ink.text(x, y, str(value), colour, size=HEAD, mono=not bold, bold=bold, align="right")
                )
            if bold:
                line.add(ink.strokes([[(left, y + step / 2 - 1), (right, y + step / 2 - 1)]], self.look.line))
            made.append(line)
        return made
