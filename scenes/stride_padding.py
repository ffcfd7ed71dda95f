"""How far the window moves, what lies outside, and the size of the output as the number of places that are left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from convviz.scenes.parts.numbered import cells, numbers
from convviz.scenes.parts.ribbon import Ribbon
from convviz.scenes.stage import Story, board, ink
from manim import FadeIn, FadeOut, LaggedStart, ReplacementTransform, VGroup, VMobject

from convviz import theme as themes
from convviz.errors import ConvvizError
from convviz.figures.cells import Box
from convviz.plan import explain, shared_weights, words
from convviz.plan import positions as places
from convviz.plan.model import Grid, Number, Plan, Step

LONGEST = 44  # cells of a ribbon, its padding included
SIZES = 4  # input sizes that are set below each other
BORDERS = {
    "reflect": "reflect mirrors the input",
    "replicate": "replicate repeats its last cell",
    "circular": "circular takes the other end",
}


class StridePadding(Story):
    """How far the window moves, what lies outside, and the size of the output as the number of places left."""

    name = "stride_padding"
    tells_cut = False

    # -- numbers ---------------------------------------------------------------------------------------------
    def prepare(self) -> None:
        plan = self.settings.plan("strided_conv")
        op, shape = plan.stages[0].op, plan.stages[0].ins[0]
        if self.settings.layer is not None:  # stride and padding are the same in each channel: one is enough
            op, shape = shared_weights.thinned(op, shape)
            plan = explain(op, shape, seed=self.settings.seed)
        self.plan, self.op, self.shape = self.keep(plan), op, shape
        self.found = places.positions(op, shape)
        if self.found.padded > LONGEST:
            raise ConvvizError(
                f"an axis of {self.found.padded} cells with its padding is too long to be seen; at most {LONGEST}",
                self.name,
            )
        self.counted = self.keep(places.counted(op, shape))
        sizes = self.found.sizes[-SIZES:]
        self.same = [self.keep(places.counted(op, (*shape[:-1], n))) for n in sizes]
        self.padded = bool(self.found.before or self.found.after)
        self.borders = [self.keep(each) for each in places.borders(op, shape)] if self.padded else []

    # -- the window ------------------------------------------------------------------------------------------
    def tell(self) -> None:
        self.hops()
        self.count()
        self.dropped()
        if self.borders:
            self.outside()

    def hops(self) -> None:
        self.section("The window hops")
        grids = (replace(p, unused=frozenset()) if isinstance(p, Grid) else p for p in self.plan.panels)
        view = self.show(replace(self.plan, panels=tuple(grids)))
        stride = self.op.fields()["stride"]
        if self.settings.layer is not None:
            whole = self.settings.graph()[self.settings.layer].ins[0]
            size, of = words.size(self.shape[1:]), words.size(whole[1:])
            self.say(f"One channel of the layer, and {size} of its {of} cells.")
        if self.padded:
            self.say("Padding: cells around the input, so that the window can reach over the border.")
        else:
            self.say("Without padding the window has to stay inside the input.")
        view.step(0, slow=True)
        by = words.size(stride) if len(set(stride)) > 1 else f"{stride[0]}"
        if len(self.plan.steps) > 1:
            hop = f"{by} {'cell' if by == '1' else 'cells'}"
            self.say(f"Stride {by}: from one output to the next, the window hops by {hop}.")
            view.step(1, run_time=1.2)
        view.rest()
        view.settle()

    # -- counting --------------------------------------------------------------------------------------------
    def count(self) -> None:
        found, plan, look = self.found, self.counted, self.look
        self.section("Counting places")
        self.say(f"How large is the output? Count the window's places along the {found.axis}s.")
        self.clear()
        grid = row_of(plan, "axis")
        side = min(34.0, (board.STAGE.width - 40) / found.padded)
        ribbon = Ribbon(grid, board.STAGE.x + (board.STAGE.width - found.padded * side) / 2, 82, side)
        steps = [step for step in plan.steps if step.section == places.COUNT]
        top = ribbon.y + side + 14
        pitch = min(24.0, (board.WORK.y - top) / len(steps))
        name = ink.text(ribbon.whole.x, 50, grid.title, look.ink, size=9.5, bold=True)
        self.play(FadeIn(ribbon.paint(look), ribbon.places(look)), FadeIn(name), run_time=0.7)
        ring = VGroup()
        for o, step in enumerate(steps):
            if o == 0:
                self.say(
                    f"At its first place the window takes {words.count(found.span, 'cell')} of {found.padded}."
                )
            elif o == 1:
                room = f"{words.count(found.room, 'cell')} of room {'is' if found.room == 1 else 'are'} left."
                self.say(
                    f"{room} A hop takes {found.stride}, so {found.hops} {'fits' if found.hops == 1 else 'fit'}."
                )
                self.room(ribbon)
            old, ring = ring, ribbon.window(look, read(step))
            each = 0.7 if o < 3 else max(0.15, 0.5 - 0.05 * o)
            self.play(ReplacementTransform(old, ring) if o else FadeIn(ring), run_time=each)
            bar = self.bar(ribbon.span(read(step)), top + o * pitch, pitch, step.writes[0].value)
            hop = self.hop(ribbon, o, top + o * pitch, pitch)
            self.play(FadeIn(bar, shift=board.shift(0, min(pitch, 12.0))), FadeIn(hop), run_time=each * 0.7)
        self.say(plan.steps[-1].caption)
        self.play(FadeOut(ring), *self.lost(ribbon, plan), run_time=0.6)
        self.formula(plan.formulas[1])
        self.say("So the output has one cell for each hop that fits, and one for the first place.")
        self.wait(1.0)
        self.formula(plan.formulas[0])
        self.poster()

    def lost(self, ribbon: Ribbon, plan: Plan) -> list[FadeIn]:
        """What the floor drops at the end of a ribbon."""
        gone = [cell[-1] for mark in plan.steps[-1].marks for cell in mark.cells]
        return [FadeIn(ribbon.dropped(self.look, gone))] if gone else []

    def room(self, ribbon: Ribbon) -> None:
        """What is left behind the window at its first place, as a line over the ribbon."""
        found, colour = self.found, self.look["active"].edge
        if not found.room:
            return
        end = ribbon.cells.stop
        box, y = ribbon.span((end - found.room, end - 1)), ribbon.y - 7
        ends = [[(x, y - 3), (x, y + 3)] for x in (box.x + 1, box.right - 1)]
        line = ink.strokes([[(box.x + 1, y), (box.right - 1, y)], *ends], colour, width=1.2)
        told = ink.text(box.right, y - 9, f"room: {found.room}", colour, size=9, bold=True, align="right")
        self.play(FadeIn(VGroup(line, told)), run_time=0.5)

    def bar(self, span: Box, y: float, high: float, value: Number) -> VMobject:
        """A place of the window as a bar in its own row, with its number."""
        look = self.look["output"]
        box = Box(span.x + 1, y, span.width - 2, max(high - 4, 2.5))
        made = VGroup(ink.tiles([box], fill=look.fill, edge=look.edge, width=1.0, rounded=True))
        if high >= 11.7:
            told, size = words.number(value), min(9.5, high * 0.6)
            made.add(
                ink.text(*box.centre, told, self.look.ink, size=size, mono=True, bold=True, align="center")
            )
        return made

    def hop(self, ribbon: Ribbon, o: int, y: float, high: float) -> VGroup:
        """An arrow from the start of the place before to this one's, where there is room for it."""
        if not o or high < 11.7:
            return VGroup()
        before, now = (ribbon.box(self.found.first(place)).x for place in (o - 1, o))
        y, colour = y + (high - 4) / 2, self.look["active"].edge
        made = VGroup(ink.arrow((before + 1.5, y), (now - 1, y), colour, head=4.0))
        if now - before >= 24 and high >= 20:
            told = f"+{self.found.stride}"
            made.add(
                ink.text((before + now) / 2 - 2, y + 7.5, told, colour, size=7.5, mono=True, align="center")
            )
        return made

    # -- what the floor drops --------------------------------------------------------------------------------
    def dropped(self) -> None:
        found, note = self.found, self.plan.formulas[0].note
        self.section("What the floor drops")
        if len(self.same) < 2:
            self.say(
                "With stride 1 nothing is ever dropped: each size of the input gives its own size of the output."
            )
            return
        self.say(
            f"{note.split('. ')[0].rstrip('.')}." if note else "Here the last window ends on the last cell."
        )
        self.clear()
        made = self.plan.shown("output")
        grids = (replace(p, values=made) if p.key == "output" else p for p in self.plan.panels)  # type: ignore[arg-type, call-arg]
        view = self.show(replace(self.plan, panels=tuple(grids)), keys=["input", "output"])
        view.mark(len(self.plan.steps) - 1)
        self.wait(1.2)
        low, high = found.sizes[0], found.sizes[-1]
        both = f"{low} and {high} cells both" if high - low == 1 else f"{low} to {high} cells all"
        self.say(
            f"Inputs of {both} give {words.count(found.outputs, 'output')}: from the output nobody can tell."
        )
        self.clear(view)
        longest = max(len(Ribbon(row_of(plan, "axis"), 0, 0, 1).cells) for plan in self.same)
        pitch = min(72.0, 200 / len(self.same))
        side = min(30.0, (board.STAGE.width - 210) / longest, pitch - 20)
        rows = [self.size_row(plan, 62 + i * pitch, side) for i, plan in enumerate(self.same)]
        self.play(LaggedStart(*(FadeIn(row) for row in rows), lag_ratio=0.6), run_time=0.8 + 0.4 * len(rows))

    def size_row(self, plan: Plan, y: float, side: float) -> VGroup:
        """An input size: its cells, a line for each place of the window, what is dropped, and the count."""
        look, grid = self.look, row_of(plan, "axis")
        ribbon = Ribbon(grid, board.STAGE.x + 80, y, side)
        middle, size = ribbon.box(0).centre[1], words.count(grid.shape[-1], "cell")
        lines = []
        for step in plan.steps[:-1]:
            span, low = (
                ribbon.span(read(step)),
                ribbon.whole.bottom + 4.5 + 4.2 * (step.writes[0].cell[-1] % 4),
            )
            lines.append([(span.x + 2, low), (span.right - 2, low)])
        formula = plan.formulas[1]
        told = f"{formula.numbers} = {formula.result}"
        made = VGroup(
            ribbon.paint(look),
            ink.strokes(lines, look["output"].edge, width=2.6),
            ink.text(board.STAGE.x, middle, size, look.ink, size=10, bold=True),
            ink.text(board.STAGE.right, middle, told, look.ink, size=10.5, mono=True, align="right"),
        )
        gone = [cell[-1] for mark in plan.steps[-1].marks for cell in mark.cells]
        return made.add(ribbon.dropped(look, gone)) if gone else made

    # -- borders ---------------------------------------------------------------------------------------------
    def outside(self) -> None:
        self.section("What lies outside")
        self.say("What do the padding's cells hold? Zeros, unless the layer says otherwise.")
        self.clear()
        look, plans = self.look, self.borders
        along = len(Ribbon(row_of(plans[0], "input"), 0, 0, 1).cells)
        outs = row_of(plans[0], "output").shape[-1]
        side = min(30.0, (board.STAGE.width - 150) / (along + outs))
        left, right, pitch = board.STAGE.x + 96, board.STAGE.right - outs * side, min(52.0, 204 / len(plans))
        heads = ink.texts(
            [(left, 47, "input with its padding"), (right, 47, "sums")], look.faint_ink, size=8.5
        )
        rows, flights, answers = VGroup(heads), [], []
        for i, plan in enumerate(plans):
            y = 58 + i * pitch
            ribbon, sums = (
                Ribbon(row_of(plan, key), x, y, side) for key, x in (("input", left), ("output", right))
            )
            mine = plan.name == self.op.fields()["padding_mode"]
            colour, values, made = (
                look.ink if mine else look.faint_ink,
                plan.shown("input"),
                plan.shown("output"),
            )
            rows.add(
                ink.text(board.STAGE.x, ribbon.box(0).centre[1], plan.name, colour, size=10.5, bold=mine)
            )
            rows.add(ribbon.paint(look), ribbon.values(look, values, zeros=plan.name == "zeros"))
            flights.append(self.flight(ribbon, plan))
            answers.append(
                cells(look, "output", [sums.box(cell[-1]).inset(0.6) for cell in made], list(made), made)
            )
        self.play(FadeIn(rows), run_time=0.8)
        told = words.listing(BORDERS[plan.name] for plan in plans if plan.name in BORDERS)
        self.say(f"{told[:1].upper()}{told[1:]}.")
        for start, end in flights:
            if len(start):
                self.play(FadeIn(start), run_time=0.2)
                self.play(ReplacementTransform(start, end), run_time=0.9)
        differ = places.differing(plans)
        end = (
            "only outputs that reach over the border differ." if differ else "here all borders give the same."
        )
        self.say(f"A window of ones adds up what it sees: {end}")
        self.play(*map(FadeIn, answers), run_time=0.6)
        if differ:
            high = (len(plans) - 1) * pitch + side
            boxes = [Box(right + o * side, 58, side, high).inset(-1.4) for o in differ]
            self.play(
                FadeIn(ink.tiles(boxes, edge=look["active"].edge, width=1.8, rounded=True)), run_time=0.5
            )

    def flight(self, ribbon: Ribbon, plan: Plan) -> tuple[VGroup, VGroup]:
        """The cells that the padding repeats, where they are and where they go."""
        marks, look = plan.steps[0].marks, self.look
        if not marks:
            return VGroup(), VGroup()
        fill = themes.mix(look["input"].fill or look.paper, look["input"].edge, 0.28)
        start, end = (
            VGroup(
                ink.tiles(boxes, fill=fill, edge=look["padding"].edge, width=1.2),
                numbers(look, boxes, marks[0].cells, plan.shown("input")),
            )
            for boxes in ([ribbon.box(cell[-1]).inset(0.8) for cell in mark.cells] for mark in marks)
        )
        return start, end


def row_of(plan: Plan, key: str) -> Grid:
    """A grid of one row."""
    return cast(Grid, plan[key])


def read(step: Step) -> Sequence[int]:
    """The indices that the window reads."""
    return [cell[-1] for mark in step.marks if mark.mark == "read" for cell in mark.cells]
