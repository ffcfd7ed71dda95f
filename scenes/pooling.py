"""The largest and the mean of the same windows, what a shift changes, what padding is to them, and the mean of all."""

from __future__ import annotations

from convviz.scenes.stage import Story, board, ink
from manim import FadeIn, FadeOut, Transform, VGroup

from convviz.analysis.heads import heads
from convviz.errors import ConvvizError
from convviz.figures import cells as draw
from convviz.figures.cells import Box, Lattice
from convviz.ops.base import Array, build
from convviz.ops.pool import WindowPool
from convviz.plan import explain, words
from convviz.plan.model import Cell
from convviz.plan.pool_beside import both, cut, gradient, numbers, padded
from convviz.plan.pool_shift import Moved, shifts
from convviz.theme import mix

CLASSES = 3  # of the linear layer behind the mean of everything
CELL, RESULT, LEAST = (
    26.0,
    26.0,
    11.0,
)  # points of a cell that moves, of a result's at most, and of the smallest
STRIP, RESULTS = 262.0, 190.0  # points of the picture that moves, and of the results


class Pooling(Story):
    """The largest and the mean of the same windows: what each keeps, and what each forgets."""

    name = "pooling"

    def prepare(self) -> None:
        with words.decimals(2):
            self.plan_all()

    def plan_all(self) -> None:
        """All plans, their numbers rounded as they are shown."""
        stage = self.settings.plan("max_pool").stages[0]
        op, shape, seed = stage.op, stage.ins[0], self.settings.seed
        one = (1, *shape[1:])  # channels do not meet
        self.largest, self.mean = map(self.keep, both(op, one, seed=seed))
        self.sizes = words.size(shape), words.size(op.shape(shape))
        assert isinstance(op, WindowPool)
        if op.rank > 2:
            raise ConvvizError("pooling is drawn for 1-D and 2-D maps", "input")
        small = cut(op, shape)
        self.shifts = shifts(op, small, seed)
        self.keep(self.shifts.plan)
        self.padded = self.keep(padded(op, small, seed))
        self.gradient = self.keep(gradient(op, small, seed=seed))
        few = numbers((2, *small[1:]), seed)
        self.whole = self.keep(explain(build("global_avg_pool", {}, op.rank), few.shape, xs=[few]))
        self.heads = heads(few.shape, CLASSES)

    def tell(self) -> None:
        with words.decimals(2):
            for part in (self.windows, self.moved, self.border, self.everything, self.back):
                part()

    # -- sections ------------------------------------------------------------------------------------------
    def windows(self) -> None:
        """Both on the same map, side by side."""
        self.section("The same windows")
        half = board.PANELS.width / 2 - 6
        left, right = (
            Box(x, board.PANELS.y, half, board.PANELS.height)
            for x in (board.PANELS.x, board.PANELS.right - half)
        )
        views = [self.show(plan, area) for plan, area in ((self.largest, left), (self.mean, right))]
        for view, area in zip(views, (left, right), strict=True):
            view.work_area = Box(area.x, board.WORK.y, area.width, board.WORK.height)
        self.say("Max pooling keeps the largest cell of each window.")
        views[0].step(0, slow=True, run_time=0.7)
        self.say("Average pooling takes the mean of the same cells.")
        views[1].step(0, slow=True, run_time=0.7)
        self.say(f"{self.sizes[0]} becomes {self.sizes[1]}, each channel by itself.")
        for at in range(1, min(len(self.largest.steps), 4)):
            views[0].step(at, run_time=0.5)
            views[1].step(at, run_time=0.5)
        for view in views:
            view.rest()

    def moved(self) -> None:
        """The picture moves under windows that stand still."""
        self.section("Moved by one cell")
        self.clear()
        found, look = self.shifts, self.look
        wide, rows = (
            found.wide[0].reshape(-1, found.wide.shape[-1]),
            found.wide[0].size // found.wide.shape[-1],
        )
        stride, columns = found.stride, found.moves[0].x.shape[-1]
        side = min(CELL, STRIP / (columns + 2 * stride), 150 / rows)
        if side < LEAST:
            raise ConvvizError(f"a stride of {stride} moves too far to be drawn", "stride")
        x = board.STAGE.x + (STRIP - (columns + 2 * stride) * side) / 2
        y = board.STAGE.y + 116 - rows * side / 2
        lattice, frame = Lattice(x, y, side), Box(x + stride * side, y, columns * side, rows * side)
        strip = self.sheet(lattice, wide, "input")
        cover = ink.tiles(
            [Box(at, y - 4, stride * side + 4, rows * side + 8) for at in (x - 4, frame.right)],
            fill=look.paper, opacity=0.72,
        )  # fmt: skip
        title = ink.text(frame.x, y - 12, "the windows stand still", look.ink, size=9.6, bold=True)
        edges = ink.tiles(self.held(frame, side), edge=look["active"].edge, width=2.2)
        self.add(strip, cover)
        self.play(FadeIn(strip), FadeIn(cover), FadeIn(edges), FadeIn(title), run_time=0.7)
        before, top = self.results(found.moves[0], "before", board.STAGE.y + 28)
        self.play(FadeIn(before), run_time=0.5)
        self.say("The picture moves by one cell, and a new column comes in.")
        low = board.STAGE.y + 128
        if stride > 1:
            self.play(strip.animate.shift(board.shift(side, 0)), run_time=1.2)
            after, _ = self.results(found.moves[1], "moved by 1", low, framed="framed: changed")
            self.play(FadeIn(after), run_time=0.5)
            self.say(found.plan.steps[1].caption, hold=0.5)
        last = found.plan.steps[-1].caption
        self.say(last)
        if stride > 1:
            self.play(FadeOut(after), run_time=0.3)
        self.play(strip.animate.shift(board.shift((stride - (stride > 1)) * side, 0)), run_time=1.2)
        after, under = self.results(found.moves[-1], f"moved by {stride}", low)
        flights = self.flights(top, under)
        self.add(*(start for start, _ in flights))
        self.play(*(Transform(start, end) for start, end in flights), run_time=1.2)
        self.play(FadeIn(after), run_time=0.4)
        self.remove(*(start for start, _ in flights))

    def flights(self, top: dict[str, Lattice], under: dict[str, Lattice]) -> list[tuple[VGroup, VGroup]]:
        """The results that moved by one cell, where they were and where they are."""
        found = []
        for key, lattice in top.items():
            for cell in self.shifts.travelled(key):
                r, c = self.place(cell)
                one = self.shifts.moves[-1].values(key)[cell].reshape(1, 1)
                places = (lattice.cell(r, c - 1), under[key].cell(r, c))
                start, end = (self.sheet(Lattice(b.x, b.y, lattice.side), one, "output") for b in places)
                found.append((start, end))
        return found

    def held(self, frame: Box, side: float) -> list[Box]:
        """The windows as boxes; where they overlap, the first alone."""
        mean = self.shifts.pair.mean
        kernel, stride = ((1, *v)[-2:] for v in (mean.kernel_size, mean.stride))
        out = (1, *self.shifts.pair.out[1:])[-2:]
        shown = [(r, c) for r in range(out[0]) for c in range(out[1])]
        if any(k > s for k, s in zip(mean.kernel_size, mean.stride, strict=True)):
            shown = shown[:1]
        return [
            Box(
                frame.x + c * stride[1] * side,
                frame.y + r * stride[0] * side,
                kernel[1] * side,
                kernel[0] * side,
            )
            for r, c in shown
        ]

    def sheet(self, lattice: Lattice, values: Array, role: str) -> VGroup:
        """Cells with their numbers."""
        look = self.look[role]
        at = [(r, c) for r in range(values.shape[0]) for c in range(values.shape[1])]
        told = {cell: words.number(round(float(values[cell]), 2)) for cell in at}
        size = draw.letter(lattice.side, max(map(len, told.values()))) or board.SMALLEST
        line = mix(look.fill or self.look.paper, look.edge, 0.55)
        boxes = [lattice.cell(*cell).inset(0.6 if role == "output" else 0) for cell in at]
        letters = [(*box.centre, told[cell]) for box, cell in zip(boxes, at, strict=True)]
        return VGroup(
            ink.tiles(boxes, fill=look.fill, edge=line, width=0.9, rounded=role == "output"),
            ink.texts(letters, self.look.ink, size=size, mono=True, align="center"),
        )

    def results(
        self, moved: Moved, name: str, y: float, framed: str = ""
    ) -> tuple[VGroup, dict[str, Lattice]]:
        """Both results, and where they lie; ``framed``: what it is called that those that have changed get a frame."""
        out = (1, *self.shifts.pair.out[1:])[-2:]
        x = board.STAGE.right - RESULTS
        side = min(RESULT, 84 / out[0], (RESULTS - 24) / 2 / out[1])
        middle = y + out[0] * side / 2
        made = VGroup(
            ink.text(x - 12, middle - 6 * bool(framed), name, self.look.ink, size=9.6, align="right")
        )
        if framed:
            made.add(ink.text(x - 12, middle + 7, framed, self.look["active"].edge, size=8.2, align="right"))
        places = {}
        for i, (key, title) in enumerate((("max", "the largest"), ("mean", "the mean"))):
            lattice = places[key] = Lattice(x + i * (RESULTS / 2 + 6), y, side)
            made.add(self.sheet(lattice, moved.values(key)[0].reshape(out), "output"))
            if framed:
                stay = {self.place(cell) for cell in self.shifts.stayed(key, moved.shift)}
                new = [lattice.cell(r, c) for r in range(out[0]) for c in range(out[1]) if (r, c) not in stay]
                made.add(ink.tiles(new, edge=self.look["active"].edge, width=2.0, rounded=True))
            elif not moved.shift:
                made.add(ink.text(lattice.x, y - 11, title, self.look.ink, size=9.6, bold=True))
        return made, places

    def place(self, cell: Cell) -> tuple[int, int]:
        """Row and column of an output."""
        space = (0, *cell[1:])[-2:]
        return space[0], space[1]

    def border(self) -> None:
        self.section("Padding holds nothing")
        self.clear()
        facts = dict(self.padded.facts)
        view = self.show(self.padded)
        wrong = facts["maxima that zeros would change"]
        self.say(f"Zeros in the padding would change {wrong} maxima: to them it holds nothing.")
        view.step(0, slow=True, run_time=0.7)
        self.say("The mean counts padding as 0 and divides by the whole window.")
        view.step(1, slow=True, run_time=0.7)
        self.say("count_include_pad=False divides by the cells that are there.")
        view.step(2, slow=True, run_time=0.7)
        view.run(range(3, min(len(self.padded.steps), 12)), run_time=0.3)
        view.rest()
        view.settle()

    def everything(self) -> None:
        self.section("The mean of everything")
        self.clear()
        view = self.show(self.whole)
        shape, out = self.whole.stages[0].ins[0], self.whole.stages[0].out
        self.say(
            f"Global average pooling: one mean for each channel, {words.size(shape)} becomes {words.size(out)}."
        )
        view.step(0, slow=True, run_time=0.7)
        view.rest()
        flat, gap = self.heads["linear"].params, self.heads["gap_linear"].params
        self.say(f"A linear layer to {CLASSES} classes behind it has {gap} parameters, not {flat}.")

    def back(self) -> None:
        self.section("Where the gradient goes")
        self.clear()
        view = self.show(self.gradient, board.STAGE)
        first = next(i for i, step in enumerate(self.gradient.steps) if step.writes[0].panel == "to_mean")
        learn = [value for _, value in self.gradient.facts]
        self.say("Backwards, what arrives at an output goes to its largest cell alone.")
        view.run(range(first), run_time=0.6, work=False)
        self.say(f"The mean shares it out: {learn[1]} cells learn, behind the largest {learn[0]}.")
        view.run(range(first, len(self.gradient.steps)), run_time=0.6, work=False)
        view.settle()
