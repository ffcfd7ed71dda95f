"""Every input cell paints a scaled copy of the kernel; gathering from a zero-stuffed input gives the same, in step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import pi

from convviz.scenes.stage import Story, board, ink
from convviz.scenes.stage.view import View
from manim import FadeIn, Transform, VGroup, VMobject

from convviz.errors import ConvvizError, ShapeError
from convviz.figures import cells as draw
from convviz.figures import matrix as drawn
from convviz.figures.arrange import Column, Row, arrange, head, panel_of
from convviz.figures.cells import Box, Lattice
from convviz.figures.channels import STACK
from convviz.ops.base import show
from convviz.plan import explain, words
from convviz.plan.abreast import flips, heaviest, in_step, of_channel, one_pair, spread
from convviz.plan.model import Cell, Grid, Matrix, Plan, Step

GAP, LARGEST, LEAST = 26.0, 19, 7  # points between panels, and of a cell's side
WHOLE = Box(0, 0, 4000, 4000)  # before it is known how large cells can be
PAINT = (("input",), ("kernel",), ("scattered",))
STUFF = (("input",), ("kernel",), ("stuffed",), ("flipped",))
HALVES = (("input", "kernel"), ("scattered",), ("stuffed",), ("flipped", "output"))
FLAT = (("input", "kernel", "scattered"), ("stuffed", "flipped", "output"))  # the same where maps are rows
FEW = 44  # steps that are played one by one; of more, the rest appears together
FINEST = 2.4  # points of an entry of a matrix that can be seen
LINES = 2  # columns and rows of it that are shown one by one


def fitting(columns: Sequence[Column], largest: int = LARGEST, area: Box = board.PANELS) -> int:
    """The largest side of a cell with which columns fit beside each other; 0 where none does."""
    for side in range(largest, LEAST - 1, -1):
        wide = sum(column.width(side) + GAP for column in columns)
        high = max(column.height(side) + head(column.blocks[0], side) for column in columns)
        if wide <= area.width and high <= area.height:
            return side
    return 0


def shortened(line: str, room: float, size: float) -> str:
    """A sum cut in front of its result, where it is too long."""
    terms, equals, result = line.rpartition(" = ")
    end = equals + result
    return draw.clip(terms, room - draw.width_of(end, size, mono=True), size, mono=True) + end


def drawable(plan: Plan, keys: Sequence[Sequence[str]]) -> bool:
    """Whether panels fit in these columns."""
    shown = replace(plan, panels=tuple(plan[key] for column in keys for key in column))
    blocks = {panel_of(b).key: b for b in arrange(shown, (0,), LARGEST, board.room(WHOLE, STACK)).blocks}
    return fitting([Column([blocks[key] for key in column]) for column in keys]) > 0


class Transposed(Story):
    """Every input cell paints a scaled copy of the kernel; gathering over stuffed zeros gives the same, in step."""

    name = "transposed"

    def prepare(self) -> None:
        settings = self.settings
        if settings.model is not None and settings.layer is not None:
            self.plan = self.keep(of_channel(settings.graph(), settings.layer, settings.seed))
        else:
            self.plan = self.keep(in_step(self.small()))
        several = self.plan.stages[0].ins[0][0] * self.plan.stages[0].out[0] > 1
        self.one = self.keep(one_pair(self.plan)) if several else self.plan
        self.largest()

    def painted(self, plan: Plan) -> list[int]:
        """The steps that paint."""
        return [i for i, step in enumerate(plan.steps) if step.work and step.work.how == "scatter"]

    def small(self) -> Plan:
        """The plan on as few cells as show the op, where the settings do not say how many."""
        settings, plain = self.settings, {"padding": 0, "bias": False}
        if settings.input is None and settings.fields:
            listed = [len(v) for v in settings.fields.values() if isinstance(v, list | tuple)]
            groups = settings.fields.get("groups", 1)
            shape = (
                groups if isinstance(groups, int) and groups > 0 else 1,
                *(2,) * (listed[0] if listed else 2),
            )
            try:
                return replace(settings, input=shape).plan("conv_transpose", **plain)
            except ShapeError:
                pass  # padding crops all that two cells give: the plan's own example grows
        return settings.plan("conv_transpose", input=(1, 2, 2), **plain)

    def tell(self) -> None:
        self.paint()
        self.stuff()
        self.together()
        self.transpose()

    # -- scattered -------------------------------------------------------------------------------------------
    def paint(self) -> None:
        self.section("Each input cell paints")
        view = self.columns(self.plan, PAINT, largest=30, rays=True, area=board.STAGE)[0]
        self.play(*(FadeIn(view.panel(key)) for key in view.blocks), run_time=0.8)
        self.say(
            "A transposed convolution makes a map larger: every input cell paints the kernel onto the output."
        )
        view.step(0, run_time=0.5)
        for i, at in enumerate(self.painted(self.plan)[:2]):
            value = self.told(self.plan.steps[at])
            if i == 0:
                self.say(f"The first input cell is {value}: it paints {value} times the kernel.")
            else:
                self.say(f"The next is {value} and paints a stride further. Where copies meet, they add up.")
            self.stamp(view, at, slow=i == 0)
        view.settle(0.2)

    def told(self, step: Step) -> str:
        return words.number(step.work.terms[0].value) if step.work else ""

    def stamp(self, view: View, at: int, *, slow: bool) -> None:
        """The kernel times the cell, lifted off the kernel and laid on the output."""
        view.mark(at, run_time=0.5)
        step = self.plan.steps[at]
        moves = (
            [(term.weight or (), term.to or (), term.product) for term in step.work.terms]
            if step.work
            else []
        )
        self.carry(view, ("kernel", "scattered"), moves, "kernel", lift=0.6, run_time=1.2 if slow else 0.8)
        view.step(at, run_time=0.4, work=False)

    def carry(
        self, view: View, keys: tuple[str, str], moves: list[tuple[Cell, Cell, float]], role: str, *,
        lift: float = 0.3, run_time: float = 1.2, arc: float = 0.0,
    ) -> None:  # fmt: skip
        """Numbered tiles from cells of one panel to cells of another."""
        start, end = (view.shape(key) for key in keys)
        placed = [(start.cell(a), end.cell(b), words.number(value)) for a, b, value in moves]
        seen = [(a, b, told) for a, b, told in placed if a is not None and b is not None]
        if not seen:
            return
        before = self.tiles([(a, told) for a, _, told in seen], role)
        self.play(FadeIn(before), run_time=lift)
        after = self.tiles([(b, told) for _, b, told in seen], role)
        self.play(Transform(before, after, path_arc=arc), run_time=run_time)
        self.remove(before)

    def tiles(self, placed: list[tuple[Box, str]], role: str) -> VGroup:
        """Cells of a role with numbers on them, the numbers as large as all fit."""
        fill, edge = self.look[role].fill, self.look[role].edge
        letters = max(len(told) for _, told in placed)
        size = max(min(10.0, placed[0][0].width * 0.8 / (0.6 * letters)), board.SMALLEST)
        made = ink.tiles([box.inset(0.6) for box, _ in placed], fill=fill, edge=edge, width=1.2)
        told = [(*box.centre, text) for box, text in placed]
        return VGroup(made, ink.texts(told, self.look.ink, size=size, mono=True, align="center"))

    # -- gathered --------------------------------------------------------------------------------------------
    def stuff(self) -> None:
        """The input spread by the stride, and the kernel turned round."""
        self.section("Zeros between, kernel turned")
        grid = self.one["stuffed"]
        assert isinstance(grid, Grid)
        self.say(f"To gather the same output, spread the input: {self.zeros(grid)}.")
        self.clear()
        view = self.columns(self.one, STUFF, largest=26)[0]
        self.play(FadeIn(view.panel("input")), FadeIn(view.panel("kernel")), run_time=0.8)
        values = self.one.shown("input")
        self.carry(
            view, ("input", "stuffed"), [(a, b, values[a]) for a, b in spread(self.one).items()], "input"
        )
        self.play(FadeIn(view.panel("stuffed")), run_time=0.5)
        self.say("And turn the kernel by half a turn: what is painted to the right is read from the left.")
        values = self.one.shown("kernel")
        turned = [(a, b, values[a]) for a, b in flips(self.one).items()]
        self.carry(view, ("kernel", "flipped"), turned, "kernel", run_time=1.6, arc=-pi / 2)
        self.play(FadeIn(view.panel("flipped")), run_time=0.5)

    def zeros(self, grid: Grid) -> str:
        """How many zeros stand between neighbours."""
        between = sorted({step - 1 for step in grid.stuffed})
        if between == [0]:
            return "at stride 1 no zeros come between"
        told = words.listing(map(words.number, between), "or")
        return f"{told} zero{'s' * (between != [1])} between neighbours, padding around"

    # -- in step ---------------------------------------------------------------------------------------------
    def together(self) -> None:
        """What an input cell completes on the left is gathered on the right at once."""
        self.section("Painted and gathered in step")
        alone = "" if self.one is self.plan else "One pair of channels. "
        self.say(
            f"{alone}Left paints, right gathers: what no later input reaches is complete, and gathered at once."
        )
        self.clear()
        view, ends = self.columns(self.one, self.halves(self.one))
        middle = ends[len(ends) // 2 - 1]
        rule = ink.strokes([[(middle, board.PANELS.y), (middle, board.PANELS.bottom)]], self.look.line)
        self.play(*(FadeIn(view.panel(key)) for key in view.blocks), FadeIn(rule), run_time=0.8)
        view.step(0, run_time=0.3, work=False)
        painted = self.painted(self.one)
        every = [i for i, step in enumerate(self.one.steps) if step.work is not None]
        twin: VMobject = VGroup()
        slow = True
        for at in every if len(every) <= FEW else every[: every.index(painted[1])]:
            self.remove(twin)
            if at in painted:
                view.step(at, run_time=0.6, work=False)
                continue
            if (box := view.shape("scattered").cell(self.one.steps[at].writes[0].cell)) is not None:
                twin = ink.tiles([box.inset(0.8)], edge=self.look["output"].edge, width=2.4, rounded=True)
                self.add(twin)
            if slow:
                self.say("The turned kernel lies over zeros and one input cell: its sum is what was painted.")
            view.step(at, slow=slow, run_time=0.7 if slow else 0.25)
            slow = False
        self.remove(twin)
        if left := [at for at in every if at > view.done]:
            view.together(left)
        view.settle(0.2)
        self.compare(view)

    def halves(self, plan: Plan) -> Sequence[Sequence[str]]:
        """What paints and what gathers in columns, as it suits the map."""
        return HALVES if len(plan.stages[0].ins[0]) > 2 else FLAT

    def columns(
        self,
        plan: Plan,
        keys: Sequence[Sequence[str]],
        *,
        largest: int = LARGEST,
        rays: bool = False,
        area: Box = board.PANELS,
    ) -> tuple[View, list[float]]:
        """Panels in columns, as large as they fit, and where each column ends.

        rays: keep those from panel to panel; where two halves are told in turns they would only cross.
        """
        view = View(self, plan, WHOLE, keys=[key for column in keys for key in column])
        columns = [Column([view.blocks[key] for key in column]) for column in keys]
        side = fitting(columns, largest, area)
        space = (area.width - sum(column.width(side) for column in columns)) / len(columns)
        x, ends = area.x, []
        for column in columns:
            above = head(column.blocks[0], side)
            column.place(x + space / 2, area.y + (area.height - column.height(side) + above) / 2, side)
            x += column.width(side) + space
            ends.append(x)
        view.layout.rows, view.layout.side = [Row(columns)] if rays else [], side
        view.panels = {key: view._paint(key) for key in view.blocks}
        return view, ends

    def largest(self) -> None:
        """Raises ConvvizError where cells would be too small, naming an input of the same op that can be drawn."""
        if drawable(self.plan, PAINT) and drawable(self.one, self.halves(self.one)):
            return
        (stage,) = self.plan.stages
        channels, *space = stage.ins[0]
        op, told = stage.op, "take fewer channels or a smaller kernel"
        for n in range(max(space) - 1, 0, -1):
            shape = (channels, *(min(n, size) for size in space))
            try:
                made = in_step(explain(op, shape, view="both"))
            except ConvvizError:
                continue
            if drawable(made, PAINT) and drawable(one_pair(made), self.halves(made)):
                told = f"an input of {show(shape)} can be drawn"
                break
        raise ConvvizError(
            f"an input of {show(stage.ins[0])} has too many cells to be seen in a film; {told}", "input"
        )

    def compare(self, view: View) -> None:
        """The output that most inputs paint, both ways, below each other."""
        found = heaviest(self.one)
        if found is None:
            return
        cell, painted, gathered, note = found
        boxes = [box for key in ("scattered", "output") if (box := view.shape(key).cell(cell)) is not None]
        rings = ink.tiles(
            [box.inset(0.8) for box in boxes], edge=self.look["active"].edge, width=2.4, rounded=True
        )
        size = 8.6
        told = (("painted", painted), ("gathered", gathered))
        rows = [shortened(f"{name:>8}: {text}", board.WORK.width, size) for name, text in told]
        x = board.WORK.centre[0] - max(draw.width_of(row, size, mono=True) for row in rows) / 2
        y = board.WORK.centre[1] - 7
        text = ink.texts(
            [(x, y + 14 * i, row) for i, row in enumerate(rows)], self.look.ink, size=size, mono=True
        )
        self.play(FadeIn(rings), FadeIn(text), run_time=0.6)
        self.say(f"Output {words.position(cell[1:])} both ways: the same sum. {note}")

    # -- the matrix ------------------------------------------------------------------------------------------
    def transpose(self) -> None:
        """The matrix of the convolution, mirrored at its diagonal."""
        down, up = self.plan["convolution"], self.plan["matrix"]
        assert isinstance(down, Matrix) and isinstance(up, Matrix)
        side = min(13.0, 200 / max(len(up.rows), 1), 300 / max(len(down.columns), 1))
        if side < FINEST:
            return  # a mesh of points would show nothing
        self.section("The matrix, transposed")
        self.say("A convolution is a sparse matrix: a row for each output, a shade for each weight.")
        self.clear()
        first = Lattice(board.STAGE.x + 30, 64, side)
        second = Lattice(board.STAGE.right - 60 - side * len(up.columns), 64, side)
        back = self.frame(down, first, f"convolution: {len(down.rows)}×{len(down.columns)}")
        entries = self.entries(down, first)
        self.play(FadeIn(back), FadeIn(VGroup(*entries.values())), run_time=0.8)
        frame = self.frame(up, second, f"transposed: {len(up.rows)}×{len(up.columns)}")
        self.say("Mirrored at its diagonal, rows become columns: that is the transposed convolution.")
        moving = self.entries(down, first)
        there = self.entries(up, second)
        self.add(*moving.values())
        self.play(
            FadeIn(frame), *(Transform(moving[weight], there[weight]) for weight in moving), run_time=1.8
        )
        below = first.cell(len(down.rows), 0).y + 8
        self.lines_of(up, second, Box(board.STAGE.x, below, second.x - 30 - board.STAGE.x, 270 - below))

    def frame(self, matrix: Matrix, lattice: Lattice, title: str) -> VGroup:
        whole = lattice.span(range(len(matrix.rows)), range(len(matrix.columns)))
        x = min(whole.x, board.STAGE.right - draw.width_of(title, 9.6, bold=True))
        return VGroup(
            ink.tiles([whole], edge=self.look["muted"].edge, width=0.9),
            ink.text(x, whole.y - 9, title, self.look.ink, size=9.6, bold=True),
        )

    def entries(self, matrix: Matrix, lattice: Lattice) -> Mapping[Cell, VMobject]:
        """The entries of each weight as one object, in the weight's shade."""
        order = drawn.ordered(matrix)
        boxes: dict[Cell, list[Box]] = {weight: [] for weight in order}
        for place, (weight, _) in matrix.entries.items():
            boxes[weight].append(lattice.cell(*place))
        edge = self.look["kernel"].edge
        return {
            weight: ink.tiles(found, fill=drawn.shade(self.look, weight, order), edge=edge, width=0.4)
            for weight, found in boxes.items()
        }

    def lines_of(self, matrix: Matrix, lattice: Lattice, area: Box) -> None:
        """A column is what one input cell paints, a row what one output gathers: shown on the maps beside."""
        view = View(self, self.plan, area, keys=["input", "output"], largest=20)
        view.done = len(self.plan.steps) - 1
        view.panels = {key: view._paint(key) for key in view.blocks}
        self.play(*(FadeIn(view.panel(key)) for key in view.blocks), run_time=0.5)
        shown: VGroup | None = None
        for caption, which in (
            ("A column is one painted copy: all outputs that one input feeds.", 1),
            ("A row is one gathered window: all inputs that one output reads.", 0),
        ):
            self.say(caption)
            used = sorted({place[which] for place in matrix.entries})
            for line in used[:: max(1, -(-len(used) // LINES))]:
                new = self.line(matrix, lattice, view, which, line)
                self.play(FadeIn(new) if shown is None else Transform(shown, new), run_time=0.7)
                shown = new if shown is None else shown

    def line(self, matrix: Matrix, lattice: Lattice, view: View, which: int, line: int) -> VGroup:
        """A row (which 0) or column (1) of the matrix, and the cells of both maps that it joins."""
        places = [place for place in matrix.entries if place[which] == line]
        rows = range(line, line + 1) if which == 0 else range(len(matrix.rows))
        columns = range(line, line + 1) if which == 1 else range(len(matrix.columns))
        ends = []
        for key, cells in (
            ("input", [matrix.columns[c] for _, c in places]),
            ("output", [matrix.rows[r] for r, _ in places]),
        ):
            shape = view.shape(key)
            ends.append([box for cell in dict.fromkeys(cells) if (box := shape.cell(cell)) is not None])
        edge = self.look["active"].edge
        beam = ink.beam(Box.around(ends[0]), Box.around(ends[1]), edge) if all(ends) else VGroup()
        cells = ink.tiles([box.inset(1) for end in ends for box in end], edge=edge, width=1.8)
        return VGroup(beam, ink.tiles([lattice.span(rows, columns)], edge=edge, width=2.0), cells)
