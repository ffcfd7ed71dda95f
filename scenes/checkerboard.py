"""Kernels that overlap unevenly leave a checkerboard: counted along one axis, multiplied, stacked, and mended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import partial

from convviz.scenes.stage import Story, board, ink
from manim import FadeIn, FadeOut, LaggedStart, Transform, VGroup, VMobject

from convviz import theme as themes
from convviz.analysis.checkerboard import GRADIENT
from convviz.figures import cells as draw
from convviz.figures import overlap as drawn
from convviz.figures.cells import Box, Lattice
from convviz.plan import words
from convviz.plan.model import Cell, Formula, Grid, Number, Plan, Table
from convviz.plan.overlap import asked
from convviz.plan.overlap_maps import over_mean

BASE, PILE, UNIT = 206.0, 80.0, 24.0  # where piles stand, how high they may grow, and one weight at most
TOP = 68.0  # the middle of the row of inputs
FIRST = 2  # kernels that fall one by one


def shade(value: float, most: float) -> str:
    """The colour of a count, 0 to ``most``."""
    return drawn.shade(Fraction(value), Fraction(most))


def top(values: Iterable[Number]) -> float:
    """The value of the strongest colour: the largest, and more where all are equal, as none of them stands out."""
    found = [float(value) for value in values]
    return max(found) * (1.0 if len(set(found)) > 1 else 1.6)


class Checkerboard(Story):
    """Kernels that overlap unevenly leave a checkerboard: counted along one axis, multiplied, stacked, and mended."""

    name = "checkerboard"
    tells_cut = False

    def prepare(self) -> None:
        settings = self.settings
        graph = settings.graph() if settings.model else None
        self.told = asked(graph, settings.layer, None if graph else settings.input, **settings.fields)
        for plan in self.told.plans:
            self.keep(plan)
        self.gradient = self.told.stage.side == GRADIENT

    def tell(self) -> None:
        self.one_axis()
        if self.told.both:
            self.two_axes(self.told.both)
        self.stack()
        self.remedies()

    # -- along one axis --------------------------------------------------------------------------------------
    def one_axis(self) -> None:
        """Each kernel falls on the outputs that it reaches; the piles are the counts."""
        self.section("One axis: kernels as ribbons")
        plan = self.told.ribbons
        if self.gradient:
            self.say("Backwards, a strided layer hands each gradient to all the cells of its window.")
        else:
            self.say("Each input paints its kernel, a stride apart. How many weights reach each output?")
        self.fall(plan, slow=FIRST)
        counts = self.told.counts
        period = words.listing(map(words.number, counts[:6]))
        cv = plan.formulas[-1]
        uneven = f"{period}, over and over. Spread over mean: CV {cv.result}"
        self.say(f"Away from the border the counts are {uneven}." if len(set(counts)) > 1 else
                 f"Away from the border every count is {words.number(counts[0])}: even.")  # fmt: skip
        self.rule(plan.formulas)

    def fall(self, plan: Plan, slow: int) -> None:
        """Play the ribbons: ``slow`` of them one by one, the others in a shower."""
        grid = plan["output"]
        assert isinstance(grid, Grid)
        (before, after), n = (grid.pads or ((0, 0),))[0], grid.shape[-1]
        cell = min(28.0, board.STAGE.width * 0.94 / (n + before + after))
        left = board.STAGE.x + (board.STAGE.width - cell * (n + before + after)) / 2 + cell * before
        most = max(plan.shown("output").values())
        unit = min(UNIT, PILE / max(most, 1))
        self.ground(grid, left, cell, (before, after))
        steps = [i for i, s in enumerate(plan.steps) if s.work is not None]
        label: VMobject = VGroup()
        falling = []
        for number, at in enumerate(steps):
            start, end, source = self.ribbon(plan, at, left, cell, unit)
            if number < slow:
                self.play(FadeIn(source), FadeIn(start), run_time=0.5)
                self.play(Transform(start, end), run_time=0.7)
                self.remove(label)
                label = self.counts(plan, at, left, cell)
                self.add(label)
            else:
                falling.append((source, start, end))
        if falling:
            self.play(*(FadeIn(VGroup(source, start)) for source, start, _ in falling), run_time=0.5)
            self.play(LaggedStart(*(Transform(s, e) for _, s, e in falling), lag_ratio=0.3), run_time=1.8)
        self.remove(label)
        self.piles(plan, left, cell, unit)

    def ground(self, grid: Grid, left: float, cell: float, pads: tuple[int, int]) -> None:
        """The row of output cells, padding that is cropped dashed, and its name."""
        real = [Box(left + i * cell, BASE, cell, 14).inset(0.6) for i in range(grid.shape[-1])]
        cropped = [*range(-pads[0], 0), *range(grid.shape[-1], grid.shape[-1] + pads[1])]
        made = [ink.tiles(real, edge=self.look.line)]
        if cropped:
            boxes = [Box(left + i * cell, BASE, cell, 14).inset(0.6) for i in cropped]
            made.append(ink.tiles(boxes, edge=self.look["padding"].edge, dashed=True))
        ends = ("gradients", "on each input cell") if self.gradient else ("inputs", "on each output")
        x = board.STAGE.x + board.STAGE.width / 2
        made.append(
            ink.text(x, TOP - 19, ends[0], self.look["input"].edge, size=9, bold=True, align="center")
        )
        low = ink.text(
            x,
            BASE + 23,
            f"weights that add up {ends[1]}",
            self.look["output"].edge,
            size=9,
            bold=True,
            align="center",
        )
        self.play(FadeIn(VGroup(*made, low)), run_time=0.5)

    def ribbon(
        self, plan: Plan, at: int, left: float, cell: float, unit: float
    ) -> tuple[VMobject, VMobject, VMobject]:
        """The kernel of one input up in the air, the same on the piles, and the input above it."""
        step, before = plan.steps[at], plan.shown("output", at - 1)
        assert step.work is not None
        source, value = step.work.terms[0].cell[-1], step.work.terms[0].value
        targets = [write.cell for write in step.writes]
        high = max(unit * value, 0.01)
        lane = TOP + 14
        air = [Box(left + c[-1] * cell, lane, cell, max(unit * value, 5.0)).inset(0.5) for c in targets]
        piled = [
            Box(left + c[-1] * cell, BASE - before.get(c, 0) * unit - high, cell, high).inset(0.5)
            for c in targets
        ]
        role = self.look["kernel"]
        fill = themes.mix(role.fill or self.look.paper, role.edge, 0.28 * (source % 2))
        start, end = (ink.tiles(boxes, fill=fill, edge=role.edge, width=0.9) for boxes in (air, piled))
        middle = (air[0].x + air[-1].right) / 2
        given = self.look["input"]
        box = Box(middle - 8, TOP - 8, 16, 16)
        cone = [(box.x, box.bottom), (box.right, box.bottom), (air[-1].right, BASE), (air[0].x, BASE)]
        light = ink.polygon(cone, fill=role.edge, opacity=0.13)
        tile = ink.tiles([box], fill=given.fill, edge=given.edge, width=1.0)
        told = ink.text(*box.centre, words.number(value), self.look.ink, size=8.5, mono=True, align="center")
        return start, end, VGroup(light, tile, told)

    def counts(self, plan: Plan, at: int, left: float, cell: float) -> VMobject:
        """What each output cell has so far."""
        shown = {c: v for c, v in plan.shown("output", at).items() if v}
        size = max(min(9.0, cell * 0.6), board.SMALLEST)
        placed = [(left + (c[-1] + 0.5) * cell, BASE + 7, words.number(v)) for c, v in shown.items()]
        return ink.texts(placed, self.look.ink, size=size, mono=True, align="center")

    def piles(self, plan: Plan, left: float, cell: float, unit: float) -> None:
        """The piles in the colours of their counts; what the border or the crop leaves is pale."""
        shown = plan.shown("output")
        grid = plan["output"]
        assert isinstance(grid, Grid)
        most = top(v for c, v in shown.items() if c[-1] in self.told.inside)
        made = VGroup()
        for cell_at, value in shown.items():
            if not 0 <= cell_at[-1] < grid.shape[-1]:
                continue
            pile = Box(left + cell_at[-1] * cell, BASE - value * unit, cell, value * unit)
            floor = Box(pile.x, BASE, cell, 14).inset(0.6)
            if value and cell_at[-1] in self.told.inside:
                made.add(ink.tiles([pile.inset(0.5), floor], fill=shade(value, most)))
            elif value:
                made.add(
                    ink.tiles([pile.inset(0.5)], fill=self.look["muted"].fill, edge=self.look["muted"].edge)
                )
            else:
                muted = self.look["muted"]
                made.add(ink.tiles([floor], fill=muted.fill, edge=muted.edge, hatch=muted.edge))
        self.play(FadeIn(made), run_time=0.7)
        real = [(Box(left + c[-1] * cell, BASE, cell, 14), v, c[-1] in self.told.inside) for c, v in shown.items()
                if 0 <= c[-1] < grid.shape[-1]]  # fmt: skip
        self.add(self.numbers([(box, v) for box, v, inside in real if inside], most))
        size = max(min(9.0, cell * 0.6), board.SMALLEST)
        pale = [(*box.centre, words.number(v)) for box, v, inside in real if not inside]
        self.add(ink.texts(pale, self.look.faint_ink, size=size, mono=True, align="center"))

    def numbers(
        self, placed: Sequence[tuple[Box, Number]], most: Number, grounds: Sequence[Number] | None = None
    ) -> VGroup:
        """Numbers on coloured cells, dark or light by what lies below them (the colour of ``grounds``, where these are
        not the numbers themselves); none where they do not fit.
        """
        found: dict[str, list[tuple[float, float, str]]] = {}
        size = (
            draw.letter(placed[0][0].width, max(len(words.number(v)) for _, v in placed), most=9.0)
            if placed
            else None
        )
        below = grounds or [value for _, value in placed]
        for (box, value), under in zip(placed if size else (), below):
            ground = shade(under, most) if under else self.look["muted"].fill or self.look.paper
            ink_of = max((self.look.ink, self.look.paper), key=partial(themes.contrast, ground))
            found.setdefault(ink_of, []).append((*box.centre, words.number(value)))
        return VGroup(
            *(
                ink.texts(told, colour, size=size or 9, mono=True, align="center")
                for colour, told in found.items()
            )
        )

    def rule(self, formulas: Sequence[Formula]) -> None:
        """Which weights reach each phase, and the CV."""
        *phases, cv = formulas
        told = [f"{f.about}: {f.numbers} → {f.result}" for f in phases]
        half = -(-len(told) // 2) if len(told) > 2 else len(told)
        rows = ["   ".join(told[:half]), "   ".join(told[half:])] if len(told) > 2 else ["   ".join(told)]
        if any(draw.width_of(row, 7.6, mono=True) > board.WORK.width for row in rows):
            rows = [f"weight j reaches phase r where {phases[0].symbols.replace('0', 'r', 1)}"]
        area = Box(board.WORK.x, board.WORK.y + 8, board.WORK.width, board.WORK.height - 4)
        made = self.lines(
            [*(r for r in rows if r), f"{cv.symbols} = {cv.numbers} = {cv.result}"], area, size=9.0
        )
        self.play(FadeIn(made), run_time=0.6)

    # -- two axes --------------------------------------------------------------------------------------------
    def two_axes(self, plan: Plan) -> None:
        """Rows times columns."""
        self.section("Two axes: the product")
        self.say("In two dimensions the counts of both axes multiply.")
        self.clear()
        grids = {key: plan[key] for key in ("down", "across", "both")}
        rows, columns = grids["both"].shape[-2:]  # type: ignore[union-attr]
        side = min(19.0, 172 / (rows + 1.6), 230 / (columns + 1.6))
        lattice = Lattice(board.STAGE.x + 14 + 1.6 * side, 46 + 1.6 * side, side)
        lead = {
            "down": Lattice(lattice.x - 1.5 * side, lattice.y, side),
            "across": Lattice(lattice.x, lattice.y - 1.5 * side, side),
        }
        places = {**lead, "both": lattice}
        most = top(plan.shown("both").values())
        for key in ("across", "down"):
            values = plan.shown(key)
            self.play(FadeIn(self.heat(values, places[key], top(values.values()))), run_time=0.5)
        sign = ink.text(lattice.x - side, lattice.y - side, "×", self.look.ink, size=12, align="center")
        self.add(sign, ink.tiles([lattice.span(range(rows), range(columns))], edge=self.look.line))
        x = lattice.x + columns * side + 28
        mark: VMobject | None = None
        for i, step in enumerate(plan.steps):
            values = {write.cell: write.value for write in step.writes}
            made = self.heat(values, lattice, most)
            if i < 4 and step.work is not None:
                boxes = [
                    places[m.panel].cell(*c[1:]) for m in step.marks if m.mark == "read" for c in m.cells
                ]
                ring = ink.tiles([b.inset(0.6) for b in boxes], edge=self.look["active"].edge, width=1.8)
                text = ink.text(x, lattice.y + 8 + i * 17, step.work.text, self.look.ink, size=10, mono=True)
                moves = [FadeIn(ring)] if mark is None else [Transform(mark, ring)]
                self.play(*moves, FadeIn(text), FadeIn(made), run_time=0.8)
                mark = ring if mark is None else mark
            else:
                self.play(FadeIn(made), run_time=max(0.12, 0.6 / len(plan.steps)))
        if mark is not None:
            self.play(FadeOut(mark), run_time=0.2)
        self.afar(x + 82)
        formula = plan.formulas[0]
        self.formula(formula)
        uneven = self.told.stage.cv_total
        verdict = (
            "some cells get more than others: a checkerboard" if uneven else "no cell gets more than another"
        )
        self.say(f"CV {formula.result}: {verdict}.")

    def afar(self, x: float) -> None:
        """The same map seen from further away."""
        panel = self.told.heat.panels[0]
        assert isinstance(panel, Grid)
        values = self.told.heat.shown(panel.key)
        side = min(148.0, board.STAGE.right - 8 - x) / panel.shape[-1]
        made = self.heat(values, Lattice(x, 62, side), top(values.values()), numbers=False)
        name = ink.text(x, 52, "from further away", self.look["output"].edge, size=9, bold=True)
        self.play(FadeIn(VGroup(made, name)), run_time=0.8)

    def heat(
        self, values: Mapping[Cell, Number], lattice: Lattice, most: Number, numbers: bool = True
    ) -> VGroup:
        """Cells in the colours of their counts; hatched where nothing arrives."""
        by: dict[str, list[Box]] = {}
        empty = []
        for cell, value in values.items():
            box = lattice.cell(*cell[-2:])
            if value:
                by.setdefault(shade(value, most), []).append(box)
            else:
                empty.append(box)
        edge = self.look.paper if lattice.side > 9 else None
        made = VGroup(*(ink.tiles(boxes, fill=fill, edge=edge, width=0.5) for fill, boxes in by.items()))
        muted = self.look["muted"]
        if empty:
            hatch = muted.edge if lattice.side > 9 else None
            made.add(ink.tiles(empty, fill=muted.fill, edge=self.look.paper, width=0.5, hatch=hatch))
        if numbers:
            made.add(self.numbers([(lattice.cell(*cell[-2:]), v) for cell, v in values.items()], most))
        return made

    # -- a stack ---------------------------------------------------------------------------------------------
    def stack(self) -> None:
        """A second layer on what the first one left, then maps of several."""
        parts = self.told.stack
        if self.settings.model is None or self.settings.layer is not None:
            self.section("A second layer")
            self.say("A second layer works on counts that are uneven already." if self.told.stage.cv_total else
                     "A second layer works on even counts.")  # fmt: skip
            self.clear()
            self.fall(self.told.again, slow=0)
            counts = words.listing(map(words.number, parts[1].counts[:8]))
            self.say(
                f"Its counts are {counts}: along one axis CV {words.number(parts[1].coverage.cv[-1] or 0)}."
            )
        self.section("Layers behind each other")
        self.say("Patterns of layers multiply, too. Brighter: more paths from the input reach that pixel.")
        self.clear()
        plan = self.told.heat
        width = board.STAGE.width / len(parts)
        most = top(value for part in plan.panels for value in plan.shown(part.key).values())
        for i, (part, panel) in enumerate(zip(parts, plan.panels, strict=True)):
            assert isinstance(panel, Grid)
            rows, columns = panel.shape[-2:]
            x, y, side = board.STAGE.x + i * width, 74.0, min(146 / rows, (width - 24) / columns)
            if rows == 1:  # strips below each other
                width, side = board.STAGE.width, (board.STAGE.width - 60) / columns
                x, y = board.STAGE.x, 74.0 + 66 * i
            lattice = Lattice(x + (width - side * columns) / 2, y, side)
            made = self.heat(plan.shown(panel.key), lattice, most, numbers=False)
            middle, name = x + width / 2, draw.clip(part.name, width - 8, 9.6, bold=True)
            title = ink.text(middle, y - 12, name, self.look.ink, size=9.6, bold=True, align="center")
            low, told = y + rows * side + 13, f"CV {words.number(part.cv)}"
            cv = ink.text(middle, low, told, self.look.ink, size=10, mono=True, align="center")
            self.play(FadeIn(VGroup(title, made, cv)), run_time=0.8)
        first, last = words.number(parts[0].cv), words.number(parts[-1].cv)
        if first == last:
            self.say(
                f"The CV stays {last}: what is even stays even." if last == "0" else f"The CV stays {last}."
            )
        elif parts[-1].cv > parts[0].cv:
            self.say(f"From {first} to {last}: the pattern grows coarser and stronger.")
        else:
            self.say(f"The CV falls from {first} to {last}.")

    # -- remedies --------------------------------------------------------------------------------------------
    def remedies(self) -> None:
        """What could stand in its place, measured in the same way."""
        self.section("Remedies, measured")
        plan = self.told.remedies
        self.say(plan.steps[0].caption)
        self.clear()
        table = plan.panels[-1]
        assert isinstance(table, Table)
        width = board.STAGE.width / len(table.rows)
        most = top(
            v for i, _ in enumerate(table.rows) for v in over_mean(plan.shown(plan.panels[i].key)).values()
        )
        facts = table.columns[1:]
        for i, row in enumerate(table.rows):
            panel = plan.panels[i]
            assert isinstance(panel, Grid)
            values = plan.shown(panel.key)
            rows, columns = panel.shape[-2:]
            side = min(92 / max(rows, 4), (width - 32) / columns)
            x = board.STAGE.x + i * width
            middle = x + width / 2
            lattice = Lattice(middle - side * columns / 2, 82, side)
            lines = draw.wrap(str(row[0]), width - 12, 9.2, bold=True)
            made = [ink.text(middle, 52 + 12 * n, line, self.look.ink, size=9.2, bold=True, align="center")
                    for n, line in enumerate(lines)]  # fmt: skip
            shares = over_mean(values)
            heat = self.heat(shares, lattice, most, numbers=False)
            told = [(lattice.cell(*cell[-2:]), v) for cell, v in values.items()]
            heat.add(self.numbers(told, most=most, grounds=list(shares.values())))
            low = 190.0
            for n, (name, value) in enumerate(zip(facts, row[1:], strict=True)):
                y = low + n * 18
                made.append(ink.text(middle - 4, y, name, self.look.faint_ink, size=8.4, align="right"))
                good = name == "CV" and value == "0"
                colour = self.look["output"].edge if good else self.look.ink
                made.append(
                    ink.text(middle + 4, y, f"{value or '–'}", colour, size=9.6, mono=True, bold=good)
                )
            if i:
                self.say(plan.steps[i].caption)
            self.play(FadeIn(VGroup(*made, heat)), run_time=0.8)
        if len(table.rows) > 2:
            self.say(
                "ρ: how uneven random weights still make it. Resizing first stays even whatever is learned."
            )
        elif len(table.rows) == 1:
            self.say("Every cell gets as many: there is nothing to mend.")
