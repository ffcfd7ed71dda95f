"""A kernel that is a column times a row needs two short passes; of any other something is left over."""

from __future__ import annotations

from collections.abc import Sequence

from convviz.scenes.parts.rows import Rows
from convviz.scenes.parts.sheets import Sheet
from convviz.scenes.stage import Story, board, ink
from manim import FadeIn, FadeOut, Transform, VGroup

from convviz.analysis.rank_one import example, factored
from convviz.errors import ConvvizError
from convviz.figures.cells import Box
from convviz.ops.base import show
from convviz.ops.conv import Conv
from convviz.plan.model import Cell, Grid, Step, Table
from convviz.plan.rank_one import left_over, passes, table_of_products, two_passes, weights_of

LARGEST = 7  # rows and columns of a kernel whose weights can be read three times side by side
TERMS = 2  # columns times rows that are taken off one after the other
SIDE = 30.0  # points of a cell at most


class SpatiallySeparable(Story):
    """A kernel that is a column times a row needs two short passes; of any other something is left over."""

    name = "spatially_separable"

    def prepare(self) -> None:
        settings = self.settings
        if settings.layer is not None:
            self.of_layer()
        else:
            self.plan = two_passes(settings.fields, settings.input, settings.seed)
            sizes = [stage.op.kernel_size for stage in self.plan.stages]  # type: ignore[attr-defined]
            size = tuple(map(max, zip(*sizes)))
            self.found = factored(example((size * 2)[:2]))
        if max(self.found.size) > LARGEST:
            raise ConvvizError(
                f"must be at most {LARGEST} for all weights to be read, got {show(self.found.size)}",
                "kernel_size",
            )
        self.split = len(self.plan.stages) > 1
        flat = self.plan if self.split else two_passes({"kernel_size": self.found.size[0]})
        self.outer = self.keep(
            table_of_products(*(weights_of(flat, f"kernel{i}").ravel().tolist() for i in (1, 2)))
        )
        self.passes = (
            [self.keep(part) for part in passes(self.keep(self.plan))]
            if self.split
            else [self.keep(self.plan)]
        )
        self.rest = self.keep(left_over(self.found))

    def of_layer(self) -> None:
        """The window of a layer on one channel, and its own first kernel to be taken apart."""
        settings = self.settings
        normal = settings.plan("conv")
        op = normal.stages[0].op if normal.stages else None
        if not isinstance(op, Conv) or len(op.kernel_size) != 2:
            raise ConvvizError(f"is no convolution over two axes: {normal.title}", settings.layer)
        try:
            self.found = factored(weights_of(normal, "kernel"))
        except ConvvizError as err:
            raise err.at(str(settings.layer)) from None
        fields = {name: op.fields()[name] for name in ("stride", "padding", "dilation")}
        shape = (1, *normal.stages[0].ins[0][1:])
        self.plan = two_passes({**fields, "kernel_size": list(op.kernel_size)}, shape, settings.seed)

    def tell(self) -> None:
        self.section("A column times a row")
        self.multiply()
        self.section("Two passes instead of one" if self.split else "Along one axis")
        self.clear()
        self.run_passes()
        self.section("Not every kernel is one")
        self.clear()
        self.approximate()

    # -- column times row --------------------------------------------------------------------------------------
    def multiply(self) -> None:
        """The multiplication table that a separable kernel is, filled in cell by cell."""
        plan, look = self.outer, self.look
        rows, columns = plan["product"].shape[1:]  # type: ignore[union-attr]
        side = min(SIDE, 170 / (rows + 1.4))
        x, y = 284.5 - (columns + 1.4) * side / 2, board.PANELS.y + 8
        column = Sheet(rows, 1, x, y + 1.4 * side, side)
        row = Sheet(1, columns, x + 1.4 * side, y, side)
        table = Sheet(rows, columns, x + 1.4 * side, y + 1.4 * side, side)
        kernel = look["kernel"]
        parts = VGroup(
            column.filled(look, "kernel", plan["column"].values), column.frame(kernel.edge),  # type: ignore[union-attr,arg-type]
            row.filled(look, "kernel", plan["row"].values), row.frame(kernel.edge),  # type: ignore[union-attr,arg-type]
            ink.text(column.x - 8, column.area.centre[1], "column", look.faint_ink, size=10, align="right"),
            ink.text(row.area.right + 8, row.area.centre[1], "row", look.faint_ink, size=10),
        )  # fmt: skip
        self.play(FadeIn(parts), FadeIn(table.empty(look)), run_time=0.8)
        self.say(
            "A column and a row of weights span a table: each cell is the product of the two at its edges."
        )
        every = plan.shown("product")
        size = table.letters(every)
        lit = shown = None
        for i, step in enumerate(plan.steps):
            if i > columns and i % columns:
                continue  # a row at a time once it is clear
            steps = [step] if i < columns else plan.steps[i : i + columns]
            written = {w.cell: w.value for s in steps for w in s.writes}
            now = VGroup(
                column.outlined(marked(steps, "column"), look["active"].edge),
                row.outlined(marked(steps, "row"), look["active"].edge),
                table.outlined(written, look["active"].edge),
            )
            fresh = table.filled(look, "kernel", written, size=size)
            words = (
                self.lines(
                    [step.work.text if step.work else ""]
                    if len(steps) == 1
                    else ["  ".join(s.work.text for s in steps if s.work)]
                )
                if columns <= 4 or len(steps) == 1
                else VGroup()
            )
            if shown is not None:
                self.remove(shown)
            shown = words
            self.add(words)
            moves = [FadeIn(now) if lit is None else Transform(lit, now), FadeIn(fresh)]
            self.play(*moves, run_time=0.7 if i < columns else 0.6)
            lit = now if lit is None else lit
        self.play(
            *(FadeOut(m) for m in (lit, shown) if m is not None),
            FadeIn(table.frame(kernel.edge)),
            run_time=0.4,
        )
        named = ink.text(
            table.area.right + 10, table.area.centre[1], plan["product"].title, look.ink, size=10
        )
        self.play(FadeIn(named), run_time=0.3)
        self.formula(plan.formulas[0])
        self.say("Such a kernel has rank 1: every row is a multiple of the same row.")

    # -- the two passes ----------------------------------------------------------------------------------------
    def run_passes(self) -> None:
        if not self.split:
            self.say("Along one axis there is nothing to split: a single row of weights is one pass already.")
            view = self.show(self.plan)
            view.step(0, slow=True)
            view.rest()
            view.settle()
            return
        for i, part in enumerate(self.passes):
            last = i == len(self.passes) - 1
            self.say(
                "First the column: it adds up what lies below each other."
                if i == 0
                else "Then the row, over what the column left: the same output as with the whole kernel."
            )
            view = self.show(part)
            view.step(0, slow=True)
            view.rest()
            view.settle()
            if not last:
                self.clear(view)
        costs = [f"{name}: {value}" for name, value in self.plan.facts if "MACs" in name]
        self.say("Each output takes one column and one row of products instead of a whole window.")
        self.play(FadeIn(self.lines(costs)), run_time=0.6)

    # -- what is left over -------------------------------------------------------------------------------------
    def approximate(self) -> None:
        """Kernel = best column × row + what is left over; then that as the next column × row."""
        plan, look, found = self.rest, self.look, self.found
        rows, columns = found.size
        gap = 26.0
        side = min(SIDE, 142 / (rows + 1.2), (board.PANELS.width - 2 * gap) / (3 * columns + 1.2))
        y = board.PANELS.y + 6 + 1.2 * side
        x = board.WIDTH / 2 - (3 * columns * side + 1.2 * side + 2 * gap) / 2
        kernel = Sheet(rows, columns, x, y, side)
        product = Sheet(rows, columns, kernel.area.right + gap + 1.2 * side, y, side)
        rest = Sheet(rows, columns, product.area.right + gap, y, side)
        column = Sheet(rows, 1, product.x - 1.2 * side, y, side)
        row = Sheet(1, columns, product.x, y - 1.2 * side, side)
        edge, middle = look["kernel"].edge, kernel.area.centre[1]

        def titled(sheet: Sheet, key: str, role: str) -> VGroup:
            panel = plan[key]
            assert isinstance(panel, Grid) and panel.values is not None
            made = VGroup(sheet.filled(look, role, panel.values))
            if role == "kernel":
                made.add(sheet.frame(edge))
            if sheet.rows > 1 and sheet.columns > 1:
                made.add(
                    ink.text(
                        sheet.area.centre[0],
                        y + rows * side + 12,
                        panel.title,
                        look.ink,
                        size=9.6,
                        bold=True,
                        align="center",
                    )
                )
            return made

        def sign(text: str, left: float, right: float) -> VGroup:
            return VGroup(ink.text((left + right) / 2, middle, text, look.ink, size=15, align="center"))

        source = titled(kernel, "kernel", "kernel")
        self.say(f"{plan.title}: its rows are no multiples of one row, so no column times row gives it."
                 if found.rank > 1 else f"{plan.title}: this one is a column times a row.")  # fmt: skip
        self.play(FadeIn(source), run_time=0.7)
        table = plan["values"]
        assert isinstance(table, Table)
        listed = Rows(
            table, Box(board.WIDTH / 2 - 130, y + rows * side + 28, 260, 60), look, size=9.2, pitch=14
        )
        signs = VGroup(sign("=", kernel.area.right, column.x), sign("+", product.area.right, rest.x))
        for n in range(1, min(found.rank, TERMS) + 1):
            self.say(plan.steps[n - 1].caption)
            parts = [titled(column, f"column{n}", "kernel"), titled(row, f"row{n}", "kernel")]
            whole = titled(product, f"product{n}", "kernel")
            over = titled(rest, f"residual{n}", "output")
            self.play(FadeIn(VGroup(*parts)), FadeIn(signs[0]), run_time=0.8)
            self.play(FadeIn(whole), run_time=0.8)
            self.play(FadeIn(over), FadeIn(signs[1]), run_time=0.8)
            rows_now = VGroup(*([listed.head()] if n == 1 else []), listed.row(n - 1))
            self.play(FadeIn(rows_now), run_time=0.5)
            if n == 1:
                self.poster()
            if n == min(found.rank, TERMS):
                break
            self._read()
            self.play(*(FadeOut(m) for m in (source, *parts, whole, *signs)), run_time=0.5)
            moved = titled(kernel, f"residual{n}", "output")
            self.play(Transform(over, moved), run_time=0.9)
            self.remove(over)
            self.add(moved)
            source = moved
        self.say(plan.notes[0])


def marked(steps: Sequence[Step], panel: str) -> list[Cell]:
    """The cells of a panel that some of the steps mark."""
    return list(
        {cell: None for step in steps for mark in step.marks if mark.panel == panel for cell in mark.cells}
    )
