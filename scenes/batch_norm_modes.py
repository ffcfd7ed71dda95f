"""Batch norm in training and evaluation: one image among its neighbours, among others, and alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from convviz.scenes.parts.norm_company import Answers, Company, check_size
from convviz.scenes.stage import Story, board, ink
from convviz.scenes.stage.curves import Chart
from manim import Create, FadeIn, FadeOut, LaggedStart, VGroup, VMobject, linear

from convviz.figures.cells import Box
from convviz.plan import norm_examples, words
from convviz.plan.model import Curve, Grid, Step, Table
from convviz.plan.norm_modes import EVALUATION, FORGOTTEN, OTHERS, RUNNING, TRAINING
from convviz.theme import Theme

KEYS = ("input", "others", "alone")  # who stands beside the first image
CHART = Box(board.STAGE.x + 4, board.STAGE.y + 30, 226, 158)
APART = 272.0  # points from chart to chart
SECOND = 168.0  # points from the one image alone to the other
GROWS = 3.2  # seconds of the curves
WAVES = 8


class BatchNormModes(Story):
    """Batch norm in training and evaluation: one image among its neighbours, among others, and alone."""

    name = "batch_norm_modes"

    # -- numbers -------------------------------------------------------------------------------------------
    def prepare(self) -> None:
        fields, node = self.settings.fields, self.settings.node()
        shape = None if node else self.settings.input
        samples = norm_examples.checked_samples(fields.get("batch", norm_examples.SAMPLES))
        check_size((samples, 1, *(shape or (1, 2, 2))[1:]))
        own = {name: fields[name] for name in ("momentum", "steps") if name in fields}
        self.plan = self.keep(norm_examples.modes(shape, samples, **own, seed=self.settings.seed, node=node))
        table = self.plan["answers"]
        assert isinstance(table, Table)
        followed = self.of(TRAINING)[3].work
        assert followed is not None
        self.place = followed.terms[0].cell[2:]  # in its map
        self.answers = Answers(table, self.look, words.number(followed.terms[0].value))

    def of(self, section: str) -> list[Step]:
        """The plan's steps of a section."""
        return [step for step in self.plan.steps if step.section == section]

    def company(self, key: str, name: str = "", right: float = 0.0) -> Company:
        grid = self.plan[key]
        assert isinstance(grid, Grid)
        return Company(grid, self.look, name or ("image 0" if key == "alone" else ""), right)

    def output(self, step: Step) -> dict[tuple[int, ...], str]:
        """What a step makes of the first image, by place in space."""
        found = {}
        for write in step.writes:
            grid = self.plan[write.panel]
            assert isinstance(grid, Grid)
            if write.panel.endswith("_output") and (not grid.batched or write.cell[0] == 0):
                with words.decimals(2):
                    found[write.cell[2:] if grid.batched else write.cell[1:]] = words.number(
                        round(write.value, 2)
                    )
        return found

    # -- the story -----------------------------------------------------------------------------------------
    def tell(self) -> None:
        self.shown: list[VMobject] = []  # what is taken away when another company comes
        self.section(TRAINING)
        self.training(
            0, "input", self.of(TRAINING), "In training the batch itself gives the mean and the variance."
        )
        self.section(OTHERS)
        self.training(
            1,
            "others",
            self.of(OTHERS),
            "The same image among darker neighbours: another mean, another answer.",
        )
        self.running()
        self.evaluation()
        self.forgotten()

    def training(self, row: int, key: str, steps: Sequence[Step], lead: str) -> None:
        """The first image in a company that gives its own statistics."""
        self.say(lead)
        company = self.enter(key, live=True)
        if row == 0:
            self.play(FadeIn(self.answers.base()), run_time=0.5)
        _, mean, var, cell, whole = steps
        lines = [f"mean = {text(mean)}", f"variance = {text(var)}", f"y = {text(cell)}"]
        self.explain(company, lines, whole)
        self.answer(row, 0)

    def enter(self, key: str, live: bool) -> Company:
        """A company takes the place of the one before."""
        company = self.company(key)
        made = company.draw(live, self.place)
        gone, self.shown = self.shown, [made]
        if gone:
            self.play(*map(FadeOut, gone), run_time=0.4)
        self.play(FadeIn(made), run_time=0.7)
        return company

    def explain(self, company: Company, lines: Sequence[str], whole: Step) -> None:
        """The arithmetic line by line, then the answer for the whole image."""
        for i, line in enumerate(lines):
            made = company.line(i, line, strong=i == len(lines) - 1)
            self.shown.append(made)
            self.play(FadeIn(made), run_time=0.5)
        made = company.answer(self.output(whole), self.place)
        self.shown.append(made)
        self.play(FadeIn(made), run_time=0.7)

    def answer(self, row: int, column: int) -> None:
        """The followed cell's result goes into the table of answers."""
        self.play(FadeIn(self.answers.cell(row, column)), run_time=0.5)

    def running(self) -> None:
        """One update with its numbers, then the curves of all of them."""
        self.section(RUNNING)
        self.clear()
        steps, charts = self.of(RUNNING), []
        for i, key in enumerate(("running_mean_curve", "running_var_curve")):
            curve = self.plan[key]
            assert isinstance(curve, Curve)
            charts.append(Moving(curve, CHART.moved(i * APART, 0), self.look))
        self.say("Each step moves the running mean towards the batch's, by the momentum.")
        self.play(*(FadeIn(chart.base()) for chart in charts))
        mean, var = (
            next(s for s in steps if s.writes[0].panel == panel) for panel in ("running_mean", "running_var")
        )
        self.play(FadeIn(charts[0].first(f"step 1: {text(mean)}")), run_time=0.8)
        self.say(f"The running variance moves to the unbiased one: {text(steps[0])}.")
        self.play(FadeIn(charts[1].first(f"step 1: {text(var)}")), run_time=0.8)
        self.say("Step by step both come near those of all batches together.")
        self.play(*(animation for chart in charts for animation in chart.grow()))
        self.play(*(FadeIn(chart.end()) for chart in charts), run_time=0.5)

    def evaluation(self) -> None:
        """Fixed statistics: the same answer in every company."""
        self.section(EVALUATION)
        self.clear()
        self.shown = []
        steps = self.of(EVALUATION)
        pairs = [steps[i : i + 2] for i in range(1, len(steps), 2)]  # behind the step that says what is used
        leads = (
            "In evaluation they stay as training left them.",
            "Other neighbours: the same answer.",
            "Alone: the same again. The neighbours have no say any more.",
        )
        for row, (key, lead, (cell, whole)) in enumerate(zip(KEYS, leads, pairs, strict=False)):
            self.say(lead)
            if row == 0:
                self.play(FadeIn(self.answers.again()), run_time=0.5)
            company = self.enter(key, live=False)
            mean, var = (words.number(write.value) for write in whole.writes[:2])
            made = [
                company.line(0, f"running mean {mean}", kept=True),
                company.line(1, f"running variance {var}", kept=True),
            ]
            made += [
                company.line(2, f"y = {text(cell)}", strong=True),
                company.answer(self.output(whole), self.place),
            ]
            self.shown += made
            self.play(LaggedStart(*map(FadeIn, made), lag_ratio=0.5), run_time=0.7 if row else 1.8)
            self.answer(row, 1)

    def forgotten(self) -> None:
        """Training mode for images that come alone."""
        self.section(FORGOTTEN)
        steps = self.of(FORGOTTEN)
        first, other = steps[:5], steps[5:]
        self.training(
            2,
            "alone",
            first,
            "Evaluation forgotten: alone in training mode, an image is normalized by itself.",
        )
        self.say("So is another image, alone.")
        self.play(*map(FadeOut, self.shown[1:-1]), run_time=0.3)
        self.shown = [self.shown[0], self.shown[-1]]
        alone, twin = self.company("alone"), self.company("twin", "another image", SECOND)
        made = []
        for company, (_, mean, var, *_) in ((alone, first), (twin, other)):
            told = (f"mean {result(mean)}", f"variance {result(var)}")
            made += [company.line(i, line) for i, line in enumerate(told)]
        self.play(FadeIn(twin.draw(True, self.place)), *map(FadeIn, made), run_time=0.8)
        self.play(FadeIn(twin.answer(self.output(other[4]), self.place)), run_time=0.6)
        same = self.output(first[4]) == self.output(other[4])
        self.say(
            "Two different images, one answer: brightness and contrast are gone."
            if same
            else "Each is normalized by itself: its own brightness and contrast are gone."
        )
        self._read()
        self.say("And one value alone has no variance at all: in training mode torch raises an error.")
        self.play(FadeIn(self.answers.verdict()), run_time=0.6)
        self.say("Training: the answer depends on the company. Evaluation: it does not.")


class Moving:
    """A running statistic against the updates, with what it moves to as dots."""

    def __init__(self, curve: Curve, box: Box, look: Theme) -> None:
        self.look, whole = look, Chart(curve, box, look)
        x0, y0, x1, y1 = whole.range
        self.line, self.aims = curve.series
        single = replace(curve, y="", series=(self.line,))
        self.chart = Chart(single, box, look, (x0, min(y0, 0.0)), (x1, y1))

    def base(self) -> VGroup:
        box, look = self.chart.box, self.look
        y = box.y - 12
        return VGroup(
            self.chart.axes(), self.dots(0, 1),
            ink.text(box.x + 4, y, self.line.name, look.ink, size=9.6, bold=True),
            ink.dots([(box.right - 66, y)], look["input"].edge, 2.2),
            ink.text(box.right, y, "of each batch", look.faint_ink, size=8.6, align="right"),
        )  # fmt: skip

    def dots(self, start: int, end: int) -> VMobject:
        """What the updates move to."""
        points = [
            self.chart.at(x, y) for x, y in zip(self.aims.x[start:end], self.aims.y[start:end], strict=True)
        ]
        return ink.dots(points, self.look["input"].edge, 1.9)

    def first(self, told: str) -> VGroup:
        """The first update: the way to the batch's, the part of it that is gone, and its arithmetic."""
        (x0, y0), (x1, y1) = ((self.line.x[i], self.line.y[i]) for i in (0, 1))
        start, end, aim = (
            self.chart.at(x0, y0),
            self.chart.at(x1, y1),
            self.chart.at(self.aims.x[0], self.aims.y[0]),
        )
        colour, box = self.look["output"].edge, self.chart.box
        return VGroup(
            ink.strokes([[(end[0], start[1]), aim]], self.look["muted"].edge, width=0.9, dashed=True),
            ink.strokes([[start, end]], colour, width=1.8),
            ink.dots([start, end], colour, 2.4),
            ink.text(
                box.centre[0] + 12, box.bottom + 16, told, self.look.ink, size=8.6, mono=True, align="center"
            ),
        )

    def grow(self) -> list[object]:
        """The line through all updates, and the dots as it passes them."""
        points = [self.chart.at(x, y) for x, y in zip(self.line.x, self.line.y, strict=True)]
        path = ink.strokes([points], self.look["output"].edge, width=1.8)
        n = len(self.aims.x)
        cuts = [(i * n // WAVES, (i + 1) * n // WAVES) for i in range(WAVES)]
        groups = [self.dots(a, b) for a, b in cuts if b > a]
        return [
            Create(path, run_time=GROWS, rate_func=linear),
            LaggedStart(*map(FadeIn, groups), lag_ratio=0.8, run_time=GROWS),
        ]

    def end(self) -> VGroup:
        """The last value."""
        x, y = self.chart.at(self.line.x[-1], self.line.y[-1])
        label = words.number(self.line.y[-1])
        return VGroup(
            ink.dots([(x, y)], self.look["output"].edge, 3.0),
            ink.text(x + 6, y, label, self.look.ink, size=9.4, bold=True),
        )


def text(step: Step) -> str:
    """The arithmetic of a step."""
    assert step.work is not None
    return step.work.text


def result(step: Step) -> str:
    """What comes out of a step."""
    assert step.work is not None
    return words.number(step.work.result or 0)
