"""Training goes on, the test stops: real runs, epoch by epoch, and what of their gap is only a way of measuring."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, floor
from typing import Any

from convviz.scenes.stage import board, ink
from convviz.scenes.stage.curves import Chart
from convviz.scenes.stage.story import Story
from manim import FadeIn, Transform, VGroup, VMobject

from convviz.errors import ConvvizError
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.plan import gap_plan
from convviz.plan.gap import Gaps, gaps
from convviz.plan.words import count
from convviz.runs.bundled import only, results
from convviz.theme import Theme

MOST = 9  # arms that can be told apart
ACCURACY, LOSS = Box(14, 58, 268, 206), Box(296, 58, 262, 206)
BARS = Box(128, 78, 202, 160)  # accuracies of all arms
RUNS, TESTS, GAPS = 362.0, 454.0, 552.0  # right edges of the columns
OTHER = "ladder"  # bundled results in which dropout and rotation make much of the gap as logged


class Overfitting(Story):
    """Training goes on, the test stops: real runs, epoch by epoch, and what of their gap is only a way of measuring."""

    name = "overfitting"

    def prepare(self) -> None:
        fields = self.settings.fields
        chosen = only(results(fields.get("results", "overfitting")), fields.get("arms", ()))
        self.found = gaps(chosen, fields.get("arm"), fields.get("run"))
        if len(self.found.arms) > MOST:
            raise ConvvizError(
                f"at most {MOST} arms can be drawn, got {len(self.found.arms)}; name some with arms", "arms"
            )
        self.second = self.found if fields else gaps(results(OTHER))
        self.plan = self.keep(gap_plan.plan(self.found))
        self.keep(gap_plan.plan(self.second))
        self.told = gap_plan.told(self.found)

    def tell(self) -> None:
        self.growing()
        self.arms()
        self.alike()

    # -- one run -------------------------------------------------------------------------------------------
    def growing(self) -> None:
        """Both curves of one run, drawn as it went."""
        self.section("One run, epoch by epoch")
        look, last = self.look, len(self.found.growth.epochs)
        charts = []
        for key, box in (("accuracy", ACCURACY), ("loss", LOSS)):
            curve = self.plan[key]
            ys = sorted(v for series in curve.series for v in series.y)
            low, high = self.range(key, ys)
            charts.append(Chart(curve, box, look, (0.0, low), (float(max(last, 2)), high)))
        grown = self.found.growth
        head = f"{self.found.images}; one run: {grown.arm}, seed {grown.seed}"
        top = ink.text(board.STAGE.x, 43, draw.clip(head, board.STAGE.width, 8.8), look.faint_ink, size=8.8)
        self.play(FadeIn(top, *(chart.axes() for chart in charts)), run_time=0.7)
        self.say(self.told[0])
        shown = VGroup()
        every = max(1, round(last / 24))
        known = grown.known is not None
        for until in [*range(1, last, every), last]:
            self.remove(shown)
            shown = VGroup(*(self.line(chart, i, until) for chart in charts for i in (0, 1)))
            if until < last:
                shown.add(
                    ink.text(
                        ACCURACY.right - 6,
                        ACCURACY.bottom - 4,
                        f"epoch {until}",
                        look.ink,
                        size=9,
                        align="right",
                    )
                )
            self.add(shown)
            self.wait(0.55 if until <= 4 else 0.22)
            if known and until - every < (grown.known or 0) <= until:
                self.say(self.told[1])
        if not known:
            self.say(self.told[1])
        self.play(FadeIn(self.bracket(charts[0])), run_time=0.6)
        self.say(self.told[2])

    def range(self, key: str, ys: Sequence[float]) -> tuple[float, float]:
        """Most of what is to be seen: first epochs far below are cut off."""
        if key == "loss":
            return 0.0, max(1.12 * ys[round(0.95 * (len(ys) - 1))], 0.01)
        low = ys[round(0.12 * (len(ys) - 1))]
        return max(0.0, low - 0.35 * (100 - low) - 0.2), 100.0

    def line(self, chart: Chart, which: int, until: int) -> VMobject:
        """A curve as far as it is known, cut at the chart's lower or upper edge."""
        series = chart.curve.series[which]
        low, high = chart.range[1], chart.range[3]
        pairs = list(zip(series.x[:until], series.y[:until]))
        colour = self.look[series.role].edge
        pieces: list[list[tuple[float, float]]] = [[]]
        for (x0, y0), (x1, y1) in pairwise(pairs):
            cut = clipped((x0, y0), (x1, y1), low, high)
            if cut:
                pieces.append([chart.at(*p) for p in cut])
        made = VGroup(ink.strokes([p for p in pieces if p], colour, width=1.8, dashed=which == 1))
        inside = [chart.at(x, y) for x, y in pairs if low <= y <= high]
        if inside:
            marks = inside if len(series.x) <= 40 else inside[-1:]
            made.add(
                ink.dots(marks, colour, 2.2)
                if which == 0
                else ink.tiles([Box(x - 2, y - 2, 4, 4) for x, y in marks], fill=colour)
            )
        return made

    def bracket(self, chart: Chart) -> VGroup:
        """The gap as logged at the last epoch."""
        last, look = self.found.growth.last, self.look
        (x, a), (_, b) = (chart.at(len(self.found.growth.epochs), y) for y in (last.train, last.test))
        x += 5
        made = VGroup(ink.strokes([[(x - 2.5, a), (x, a), (x, b), (x - 2.5, b)]], look.ink, width=1.3))
        words = f"gap {self.found.growth.gap} points"
        made.add(ink.text(x, chart.inner.bottom - 9, words, look.ink, size=9.4, bold=True, align="right"))
        return made

    # -- all arms ------------------------------------------------------------------------------------------
    def arms(self) -> None:
        self.section("The gap, arm by arm")
        rows = Rows(self.found, self.look)
        self.clear()
        made = [rows.bar(i, True) for i in range(len(rows.arms))]
        self.play(FadeIn(rows.still(), *made, rows.tests()), run_time=0.8)
        self.play(FadeIn(rows.numbers(True)), run_time=0.6)
        self.say(gap_plan.by_arm(self.found))
        if len(rows.arms) > 1:
            self.say(gap_plan.aim(self.found))
            self.play(FadeIn(rows.best()), run_time=0.5)
        self.say(gap_plan.verdict(self.found))

    def alike(self) -> None:
        self.section("A part of it is the measuring")
        rows = Rows(self.second, self.look)
        self.clear()
        made = [rows.bar(i, False) for i in range(len(rows.arms))]
        numbers = rows.numbers(False)
        self.play(FadeIn(rows.still(), *made, rows.tests(), numbers), run_time=0.8)
        self.say(gap_plan.measured(self.second))
        self.say(gap_plan.turned(self.second))
        self.remove(numbers)
        moves = [Transform(old, rows.bar(i, True)) for i, old in enumerate(made)]
        self.play(*moves, FadeIn(rows.numbers(True)), run_time=2.2)


class Rows:
    """The arms of results as rows: test and training accuracy on one axis, n, the test and the gap in numbers."""

    def __init__(self, found: Gaps, look: Theme) -> None:
        self.found, self.look, self.arms = found, look, found.arms
        values = [figure.mean for arm in self.arms for figure in (arm.logged, arm.alike, arm.test)]
        spread = max(values) - min(values)
        pitch = next(p for p in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if spread / p <= 5)
        first, last = floor(min(values) / pitch), min(ceil(max(values) / pitch), round(100 / pitch))
        self.ticks = [round(i * pitch, 2) for i in range(first, last + 1)]

    def x(self, value: float) -> float:
        return BARS.x + (value - self.ticks[0]) / (self.ticks[-1] - self.ticks[0]) * BARS.width

    def y(self, i: int) -> float:
        return BARS.y + (i + 0.5) * BARS.height / max(len(self.arms), 3)

    def still(self) -> VGroup:
        """Axis, names, heads of the columns and the key."""
        look, quiet = self.look, self.look.faint_ink
        rules = [[(self.x(v), BARS.y - 6), (self.x(v), BARS.bottom)] for v in self.ticks]
        made = VGroup(ink.strokes(rules, look.line, width=0.5))
        made.add(
            ink.texts(
                [(self.x(v), BARS.bottom + 8, f"{v:g}") for v in self.ticks], quiet, size=8, align="center"
            )
        )
        unit = "accuracy after the last epoch, per cent"
        made.add(ink.text(BARS.centre[0], BARS.bottom + 21, unit, quiet, size=8.4, align="center"))
        head = f"{self.found.images}, {count(self.found.epochs, 'epoch')}, {self.found.runs}"
        made.add(ink.text(board.STAGE.x, 43, draw.clip(head, 370, 8.8), quiet, size=8.8))
        heads = ((BARS.x - 8, "arm"), (RUNS, "n"), (TESTS, "test"), (GAPS, "train − test"))
        made.add(ink.texts([(x, BARS.y - 13, words) for x, words in heads], quiet, size=8.4, align="right"))
        for i, arm in enumerate(self.arms):
            y = self.y(i)
            made.add(
                ink.text(BARS.x - 8, y, draw.clip(arm.name, 104, 9.6), look.ink, size=9.6, align="right")
            )
            made.add(ink.text(RUNS, y, str(arm.n), quiet, size=9, mono=True, align="right"))
            made.add(ink.text(TESTS, y, arm.test.text(), look.ink, size=9, mono=True, align="right"))
        return made.add(self.key())

    def key(self) -> VGroup:
        look = self.look
        made, x, y = VGroup(), GAPS, 43.0
        for words, sign in (
            ("test", ink.tiles([Box(0, 0, 6, 6)], fill=look["active"].edge)),
            ("train, alike", ink.dots([(3, 3)], look["input"].edge, 3.6)),
            ("train, logged", ink.dots([(3, 3)], look.paper, 3.6, edge=look["input"].edge)),
        ):
            x -= draw.width_of(words, 8.4)
            made.add(ink.text(x, y, words, look.ink, size=8.4))
            x -= 10
            made.add(sign.shift(board.shift(x, y - 3)))
            x -= 10
        return made

    def tests(self) -> VMobject:
        boxes = [Box(self.x(arm.test.mean) - 3, self.y(i) - 3, 6, 6) for i, arm in enumerate(self.arms)]
        return ink.tiles(boxes, fill=self.look["active"].edge)

    def bar(self, i: int, alike: bool) -> VGroup:
        """From the test to the training accuracy: as logged (an open circle), or of the final model."""
        arm, y, role = self.arms[i], self.y(i), self.look["input"]
        at = self.x((arm.alike if alike else arm.logged).mean)
        line = ink.strokes([[(self.x(arm.test.mean), y), (at, y)]], self.look.faint_ink, width=1.4)
        return VGroup(line, ink.dots([(at, y)], role.edge if alike else self.look.paper, 3.8, edge=role.edge))

    def numbers(self, alike: bool) -> VGroup:
        """The gaps."""
        told = [(arm.gap if alike else arm.logged_gap).text(True) for arm in self.arms]
        return VGroup(*(ink.text(GAPS, self.y(i), words, self.look.ink, size=9.4, mono=True, bold=True, align="right")
                        for i, words in enumerate(told)))  # fmt: skip

    def best(self) -> VMobject:
        """A ring around the highest test accuracy."""
        i = max(range(len(self.arms)), key=lambda k: self.arms[k].test.mean)
        box = Box(self.x(self.arms[i].test.mean) - 7, self.y(i) - 7, 14, 14)
        return ink.tiles([box], edge=self.look["active"].edge, width=1.6, rounded=True)


def clipped(a: Any, b: Any, low: float, high: float) -> list[tuple[float, float]]:
    """The part of a piece of a line that lies between two heights."""
    (x0, y0), (x1, y1) = a, b
    found = []
    for t in (0.0, 1.0):
        y = y0 + (y1 - y0) * t
        if not low <= y <= high and y1 != y0:
            edge = low if y < low else high
            t = (edge - y0) / (y1 - y0)
            if not 0 <= t <= 1:
                return []
        elif not low <= y <= high:
            return []
        found.append((x0 + (x1 - x0) * t, y0 + (y1 - y0) * t))
    return found
