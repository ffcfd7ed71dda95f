"""From logits to probabilities, why the largest is taken away first, the logarithm, and the loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite

from convviz.scenes.parts.bars import Column, Rows
from convviz.scenes.stage import Story, board, ink
from manim import FadeIn, FadeOut, Transform, VGroup, VMobject

from convviz.errors import ConvvizError
from convviz.figures.cells import Box
from convviz.plan import plan, words
from convviz.plan.logits import SoftmaxResult, softmax
from convviz.plan.model import Grid, Number
from convviz.plan.softmax_limits import descend, heated, overflow, powers, vanished
from convviz.plan.words import number

VALUES, TARGET = (2, 3, 0, 1), 0
MOST, FIRST = 10, 6  # classes that are drawn at most, and of more than that
BARS = 142.0  # points of all classes' rows
ROLES = ("input", "kernel", "output")  # of a table's rows
NAMES = 66.0  # points of the classes' names


class Softmax(Story):
    """Logits become shares of one; in logarithms nothing overflows, and the gradient is what is still missing."""

    name = "softmax"

    def prepare(self) -> None:
        self.note, given = "", self.settings
        fields = dict(given.fields)
        values, target = fields.pop("values", None), fields.pop("target", None)
        heat = fields.pop("temperature", 1)
        if values is None and given.input is None and given.model is None:
            values, target = VALUES, TARGET if target is None else target
        elif values is None:
            values = self.drawn()
        values = values if isinstance(values, list | tuple) else [values]
        if wrong := [v for v in values if isinstance(v, bool) or not isinstance(v, int | float)]:
            raise ConvvizError(f"must be numbers, got {wrong[0]!r}", "values")
        if not 2 <= len(values) <= MOST:
            raise ConvvizError(
                f"2 to {MOST} classes can be drawn, got {len(values)}", "input" if given.input else "values"
            )
        if target is None:
            order = sorted(range(len(values)), key=lambda i: -values[i])
            target = order[1]  # a class that does not have the largest logit has something to learn
        with words.decimals(3):
            self.result: SoftmaxResult = softmax(values, target, temperature=heat)
            if not all(map(isfinite, self.result.values)):
                raise ConvvizError("a masked class (-inf) has no bar; give finite logits", "values")
            self.keep(self.result.plan)
            self.powers = self.keep(powers(self.result))
        self.over, self.lost = self.keep(overflow(self.result)), self.keep(vanished(self.result))
        self.path = self.keep(descend(replace(self.result, temperature=1)))
        self.heats = self.keep(heated(self.result))
        self.count = len(values)

    def drawn(self) -> list[Number]:
        """Logits of a softmax of the size that is asked for, or of a net's layer (of many classes the first ones)."""
        given, shape = self.settings, self.settings.input or (4,)
        if given.model is not None and given.layer is not None:
            node = given.graph()[given.layer]
            if node.op.kind not in ("softmax", "log_softmax"):
                raise ConvvizError(f"shows softmax or log_softmax, got {node.op.kind}", given.layer)
            at = node.op.fields()["dim"]
            classes = node.ins[0][at - 1 if at > 0 else at]
            self.note = f" {FIRST} of {classes:,} classes are shown." if classes > MOST else ""
            shape = (classes if classes <= MOST else FIRST,)
        grid = plan("softmax", input=shape[:1], seed=given.seed)["input"]
        assert isinstance(grid, Grid) and grid.values is not None
        return list(grid.values.values())

    def tell(self) -> None:
        with words.decimals(3):
            for part in (self.shares, self.overflows, self.logarithm, self.gradient, self.temperature):
                part()

    @property
    def rows(self) -> Rows:
        """Where the classes stand, the target with a mark."""
        names = [f"▸ class {i}" if i == self.result.target else f"class {i}" for i in range(self.count)]
        area = Box(board.STAGE.x, board.STAGE.y + 36, board.STAGE.width, BARS)
        return Rows(names, area, self.look, NAMES, self.result.target)

    # -- sections ------------------------------------------------------------------------------------------
    def shares(self) -> None:
        self.section("Logits become probabilities")
        result, grown = self.result, self.powers
        x = "x" if result.temperature == 1 else "x / T"
        logits, powers_, shares = self.rows.columns(
            (f"logits {x}", "input", result.row.values), (grown.name, "kernel", grown.values),
            ("probabilities", "output", result.probabilities),
        )  # fmt: skip
        names = self.rows.names()
        made = self.rows.column(logits, result.row.values)
        self.play(FadeIn(names), FadeIn(made), run_time=0.7)
        self.say(f"A net gives one number for each class, its logit.{self.note}")
        self.say("The exponential makes every one positive, and a difference into a factor.")
        self.play(FadeIn(self.rows.column(powers_, grown.values, f"sum {number(grown.total)}")), run_time=0.8)
        self.say("Each over the sum: shares that add up to 1.")
        self.play(
            FadeIn(self.rows.column(shares, result.probabilities, f"sum {self.sum_of('output')}")),
            run_time=0.8,
        )
        self.formula(self.powers.share, Box(board.WORK.x, 236, board.WORK.width, 36))

    def sum_of(self, key: str) -> str:
        """What the plan's table says the probabilities add up to."""
        table = self.result.plan["classes"]
        return number(table.rows[-1][table.columns.index("softmax p")])  # type: ignore[union-attr, arg-type]

    def overflows(self) -> None:
        """The logits far up the line of numbers, where float32 ends, and back."""
        self.section("Too large for float32")
        self.clear()
        over, naive, look = self.over, self.over.naive, self.look
        line = Box(board.STAGE.x + 20, board.STAGE.y + 40, board.STAGE.width - 40, 0)
        high = max(*over.values, naive.highest) * 1.04
        low = min(*over.saved.below, 0) - high * 0.02
        at = lambda v: line.x + (v - low) / (high - low) * line.width  # noqa: E731
        limit = at(naive.highest)
        end, muted = Box(limit, line.y - 14, line.right - limit, 28), look["muted"]
        beyond = ink.tiles([end], fill=muted.fill, edge=muted.edge, hatch=muted.edge)
        ticks = VGroup(
            ink.strokes(
                [[(line.x, line.y), (line.right, line.y)], [(at(0), line.y - 5), (at(0), line.y + 5)]],
                look.ink,
                width=1.0,
            ),
            ink.text(at(0), line.y + 14, "0", look.faint_ink, size=8.4, mono=True, align="center"),
            ink.text(
                line.right,
                line.y - 24,
                f"above {naive.highest:.2f} float32 has no e^x",
                look.ink,
                size=9.2,
                align="right",
            ),
        )
        self.play(FadeIn(beyond), FadeIn(ticks), run_time=0.6)
        dots = ink.dots(
            [(at(v), line.y) for v in over.values], look["input"].edge, radius=4.0, edge=look.paper
        )
        self.play(FadeIn(dots), run_time=0.4)
        told = [("x", over.values), ("e^x in float32", naive.exponentials), ("over the sum", naive.shares)]
        table = self.table(told, board.STAGE.y + 76, bad=naive.fails)
        self.say(over.caption)
        self.play(FadeIn(table), run_time=0.7)
        self.say("∞ over ∞ is no number, and the others become 0.")
        self.say(
            f"So the largest, {number(over.saved.row.top)}, is taken away first: e^c cancels above and below."
        )
        there = ink.dots(
            [(at(v), line.y) for v in over.saved.below], look["input"].edge, radius=4.0, edge=look.paper
        )
        self.play(Transform(dots, there), run_time=1.6)
        saved = over.saved
        told = [
            ("x − max", saved.below),
            ("e^(x − max)", saved.exponentials),
            ("over the sum", saved.probabilities),
        ]
        fresh = self.table(told, board.STAGE.y + 76)
        self.play(FadeOut(table), run_time=0.3)
        self.play(FadeIn(fresh), run_time=0.5)

    def table(
        self,
        columns: Sequence[tuple[str, Sequence[Number]]],
        y: float,
        bad: bool = False,
        roles: Sequence[str] = ROLES,
    ) -> VGroup:
        """Quantities in rows, a column for each class; what is of no use is crossed out."""
        look, count = self.look, self.count
        left = board.STAGE.x + 104
        wide = min(86.0, (board.STAGE.right - left) / count)
        made = VGroup()
        if roles is ROLES:
            heads = [(left + (i + 0.5) * wide, y - 9, f"class {i}") for i in range(count)]
            made.add(ink.texts(heads, look.faint_ink, size=8.4 if wide > 40 else 7.4, align="center"))
        size = 9.0 if wide > 60 else 7.4
        for r, (title, values) in enumerate(columns):
            top = y + r * 44
            role = look[roles[r]]
            spoiled = [i for i, v in enumerate(values) if not isfinite(v) or (r == 2 and bad)]
            boxes = [Box(left + i * wide + 2, top, wide - 4, 26) for i in range(count)]
            good = [b for i, b in enumerate(boxes) if i not in spoiled]
            crossed = [boxes[i] for i in spoiled]
            made.add(ink.text(left - 10, top + 13, title, look.ink, size=9.2, align="right"))
            made.add(
                ink.tiles(
                    good,
                    fill=role.fill,
                    edge=role.edge,
                    width=1.6 if roles[r] == "kernel" else 0.9,
                    rounded=roles[r] == "output",
                )
            )
            if crossed:
                made.add(ink.tiles(crossed, fill=look["muted"].fill, edge=look["muted"].edge))
                made.add(
                    ink.strokes(
                        [((b.x, b.bottom), (b.right, b.y)) for b in crossed], look["muted"].edge, width=1.0
                    )
                )
                made.add(
                    ink.tiles(
                        [Box(b.centre[0] - 13, b.y + 6, 26, b.height - 12) for b in crossed],
                        fill=look["muted"].fill,
                    )
                )
            letters = [(*b.centre, self.brief(v)) for b, v in zip(boxes, values, strict=True)]
            made.add(ink.texts(letters, look.ink, size=size, mono=True, align="center"))
        return made

    def brief(self, value: Number) -> str:
        """A number in few letters."""
        return f"{value:.1e}" if isfinite(value) and abs(value) >= 1e6 else number(value)

    def logarithm(self) -> None:
        self.section("The logarithm first")
        self.clear()
        lost = self.lost
        told = [("logits x", lost.values), ("softmax p", lost.shares), ("then ln p", lost.logs)]
        table = self.table(told, board.STAGE.y + 22)
        self.play(FadeIn(table), run_time=0.6)
        self.say(f"Class {lost.target} lies far below: in float32 its p is 0, and ln 0 is −∞.")
        formula = next(f for f in self.result.plan.formulas if f.about == "log-softmax")
        row = self.table([("log-softmax", lost.kept)], board.STAGE.y + 22 + 132, roles=("output",))
        self.say("Log-softmax works out the logarithm by itself, and keeps it finite.")
        self.play(FadeIn(row), run_time=0.6)
        x, y = board.STAGE.x + 104, board.STAGE.y + 206
        rule = ink.text(x, y, formula.symbols, self.look.faint_ink, size=10, mono=True)
        self.play(FadeIn(rule), run_time=0.5)

    def gradient(self) -> None:
        self.section("The loss and its gradient")
        self.clear()
        path = self.path
        first = path[0]
        assert first.wanted is not None and first.gradient is not None
        logits, shares, slope = self.rows.columns(
            ("logits x", "input", [*first.values, *path[-1].values]), ("probabilities p", "output", (1.0,)),
            ("gradient p − y", "active", (-1.0, 1.0)),
        )  # fmt: skip
        self.play(FadeIn(self.rows.names()), run_time=0.3)
        shown = self.state(first, logits, shares, slope)
        self.play(FadeIn(shown), run_time=0.6)
        self.say(f"The loss is −ln p of the target, class {first.target}: {number(first.loss or 0)}.")
        self.say("Its gradient is p − y: below 0 for the target, above 0 for the others, 0 in all.")
        for i, after in enumerate(path[1:], 1):
            now = self.state(after, logits, shares, slope)
            if i == 1:
                self.say("A step against the gradient, and another: the target rises, the loss falls.")
            self.play(FadeOut(shown), FadeIn(now), run_time=0.5)
            self.wait(0.5)
            shown = now
        self.say(f"From {number(first.loss or 0)} to {number(path[-1].loss or 0)} in {len(path) - 1} steps.")

    def state(self, result: SoftmaxResult, logits: Column, shares: Column, slope: Column) -> VGroup:
        """Logits, probabilities and gradient, and the loss below them."""
        assert result.gradient is not None
        y, told = self.rows.bottom + 12, f"loss {number(result.loss or 0)}"
        loss = ink.text(shares.x, y, told, self.look.ink, size=10, mono=True, bold=True)
        return VGroup(
            self.rows.column(logits, result.values),
            self.rows.column(shares, result.probabilities),
            self.rows.column(slope, result.gradient),
            loss,
        )

    def temperature(self) -> None:
        self.section("Temperature")
        self.clear()
        asked = [(f"T = {number(r.temperature)}", "output", (1.0,)) for r in self.heats]
        columns = self.rows.columns(*asked)
        self.play(FadeIn(self.rows.names()), run_time=0.3)
        self.say(
            "Divided by a temperature first: a low one sharpens the distribution, a high one evens it out."
        )
        made: list[VMobject] = [
            self.rows.column(c, r.probabilities) for c, r in zip(columns, self.heats, strict=True)
        ]
        self.play(*(FadeIn(m) for m in made), run_time=0.9)
