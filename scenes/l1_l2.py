"""L1 pulls as hard near 0 as far from it and makes zeros; L2 takes a share of each weight and never arrives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convviz.scenes.stage import Story, board, ink
from convviz.scenes.stage.curves import Chart
from convviz.scenes.stage.story import fitting
from manim import AnimationGroup, Create, FadeIn, GrowFromPoint, Transform, VGroup, VMobject

from convviz.analysis.regularizers import geometry as shapes
from convviz.analysis.regularizers.ridge_lasso import ridge_lasso
from convviz.errors import ConvvizError
from convviz.figures.cells import Box
from convviz.figures.regularizers.geometry import told
from convviz.plan.model import Curve
from convviz.plan.regularizers import pulls as pulling
from convviz.plan.regularizers.data import data
from convviz.plan.regularizers.geometry import ROLES, geometry
from convviz.plan.words import number

MOST = 4, 20  # weights and steps that can be told apart
WEIGHTS, L1, L2, LR, STEPS = (3, -1, 0.5), 3, 2, 0.1, 10
CENTRE = (0.5, 2)  # of the loss whose contours touch diamond and disc
LANES = {"subgradient": "kernel", "proximal": "output", "beside": "input"}
LINE = Box(178, 42, 270, 206)  # the number lines of the steps: from the least weight to the largest
ROW = 15.0  # from a weight's line to the next
PULLS, PULL = 204.0, 62.0  # the first line of the pulls; their longest arrow
VALUES = 548.0  # right edge of the exact values
SIDE = (176.0, 168.0)  # of a picture of the geometry


class L1L2(Story):
    """L1 pulls as hard near 0 as far from it and makes zeros; L2 takes a share of each weight and never arrives."""

    name = "l1_l2"

    def prepare(self) -> None:
        given = {"weights": WEIGHTS, "l1": L1, "l2": L2, "lr": LR, "steps": STEPS, **self.settings.fields}
        budget, centre = given.pop("budget", 1), given.pop("centre", CENTRE)
        given["weights"] = weights(given["weights"])
        if len(given["weights"]) > MOST[0]:
            raise ConvvizError(
                f"at most {MOST[0]} weights can be drawn, got {len(given['weights'])}", "weights"
            )
        if isinstance(given["steps"], int) and given["steps"] > MOST[1]:
            raise ConvvizError(f"at most {MOST[1]} steps can be drawn, got {given['steps']}", "steps")
        self.found, plan = pulling.pulls(**given)
        self.plan = self.keep(plan)
        updates = [(s.work, s.writes[-1].cell) for s in plan.steps if s.work is not None]
        self.sums = {(work.name, t): work.text for work, (i, t) in updates if i == 0}
        reach = max(map(abs, self.found.weights.values))
        far = max(abs(float(w)) for key in LANES for row in self.found.run(key).weights for w in row)
        if not reach:
            raise ConvvizError("must not all be 0", "weights")
        if far > 1.5 * reach:
            raise ConvvizError("the weights would leave the line; take a smaller lr", "lr")
        self.reach = far
        self.geometry = shapes.geometry(centre, budget=budget)
        self.corners = self.keep(geometry(self.geometry))
        self.regression = ridge_lasso()
        self.paths = self.keep(data(self.regression))

    def tell(self) -> None:
        self.pulls()
        self.steps()
        self.balls()
        self.regressions()

    # -- two pulls -----------------------------------------------------------------------------------------
    def pulls(self) -> None:
        self.section("Two pulls")
        look, table = self.look, self.plan["pulls"].rows
        most = max(abs(float(v)) for row in table for v in (row[3], row[5])) or 1.0
        high = max(max(self.plan[key].series[0].y) for key in ("L1", "L2")) or 1.0
        charts, still = {}, VGroup()
        for key, box in (("L1", Box(14, 58, 262, 124)), ("L2", Box(296, 58, 262, 124))):
            curve = self.plan[key]
            (series,) = curve.series
            wide = 1.75 * max(series.x)
            chart = Chart(Curve(key, "", "", "", curve.series), box, look, (-wide, 0.0), (wide, high))
            charts[key] = chart
            middle, below = chart.at(0, 0)
            line = [chart.at(x, y) for x, y in zip(series.x, series.y)]
            still.add(
                chart.axes(),
                ink.strokes([line], look[series.role].edge, width=2),
                ink.text(middle, 50, f"{key}: {curve.title}", look.ink, size=10, bold=True, align="center"),
                ink.strokes(
                    [[(middle, below + 13), (middle, PULLS + ROW * len(table) - 4)]],
                    look.faint_ink,
                    width=0.8,
                    dashed=True,
                ),
            )
        for chart in charts.values():
            still.add(ink.text(chart.box.x + 2, PULLS - 15, "arrows: −g", look.faint_ink, size=8.4))
        self.play(FadeIn(still), run_time=0.7)
        self.say("A penalty is added to the loss: L1 the sizes of the weights, L2 half their squares.")
        groups = [
            VGroup(*(self.pulled(charts[key], key, row, i, most) for key in charts))
            for i, row in enumerate(table)
        ]
        self.play(FadeIn(groups[0]), run_time=0.8)
        self.say(pulling.pull_told(self.found))
        if groups[1:]:
            self.play(AnimationGroup(*(FadeIn(g) for g in groups[1:]), lag_ratio=0.5), run_time=1.8)

    def pulled(self, chart: Chart, key: str, row: Sequence[Any], i: int, most: float) -> VGroup:
        """A weight on its curve, and below it an arrow down the penalty, as long as the gradient ``g`` is large."""
        w, height, slope = (float(row[at]) for at in ((1, 2, 3) if key == "L1" else (1, 4, 5)))
        edge = self.look[self.plan[key].series[0].role].edge
        (x, top), y = chart.at(w, height), PULLS + i * ROW
        made = VGroup(
            ink.strokes([[(x, top), (x, y)]], self.look.line, width=0.7),
            ink.dots([(x, top), (x, y)], edge, 3.0),
        )
        if slope:
            made.add(ink.arrow((x, y), (x - PULL * slope / most, y), edge, width=2.0))
        side, align = (7, "left") if w >= 0 else (-7, "right")
        made.add(
            ink.text(x + side, y, f"g = {number(slope)}", self.look.ink, size=8.4, mono=True, align=align),
            ink.text(chart.box.x + 2, y, f"w = {number(w)}", self.look.faint_ink, size=8.4, mono=True),
        )
        return made

    # -- steps ---------------------------------------------------------------------------------------------
    def place(self, lane: int, row: int, w: Any) -> tuple[float, float]:
        """Where a weight's value lies on its line."""
        high = LINE.height / len(LANES)
        first = (high - (len(self.found.weights.values) - 1) * ROW) / 2
        return LINE.x + (float(w) + self.reach) / (
            2 * self.reach
        ) * LINE.width, LINE.y + lane * high + first + row * ROW

    def steps(self) -> None:
        self.section("Step by step")
        self.clear()
        start, look = self.found.weights.values, self.look
        zero = self.place(0, 0, 0)[0]
        still = VGroup(
            ink.strokes([[(zero, LINE.y), (zero, LINE.bottom)]], look.faint_ink, width=1.0, dashed=True)
        )
        still.add(ink.text(zero, LINE.bottom + 8, "w = 0", look.faint_ink, size=8.4, align="center"))
        rows = [self.place(lane, i, 0)[1] for lane in range(len(LANES)) for i in range(len(start))]
        still.add(ink.strokes([[(LINE.x, y), (LINE.right, y)] for y in rows], look.line, width=0.8))
        names = [(board.STAGE.x, self.middle(lane) - 8, pulling.LANES[key]) for lane, key in enumerate(LANES)]
        still.add(ink.texts(names, look.ink, size=10, bold=True))
        now = {
            (key, i): self.dot(lane, key, i, w) for lane, key in enumerate(LANES) for i, w in enumerate(start)
        }
        texts = self.standing(0)
        self.play(FadeIn(still, texts, *now.values()), run_time=0.7)
        self.say(pulling.step_told(self.found))
        for t in range(1, self.found.steps + 1):
            moves = []
            for lane, (key, role) in enumerate(LANES.items()):
                before, after = (self.found.run(key).weights[k] for k in (t - 1, t))
                moved = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
                at = [self.place(lane, i, before[i]) for i in moved]
                self.add(ink.strokes([[(x, y - 3), (x, y + 3)] for x, y in at], look[role].edge, width=1.0))
                moves += [Transform(now[key, i], self.dot(lane, key, i, after[i])) for i in moved]
            self.remove(texts)
            texts = self.standing(t)
            self.add(texts)
            self.bring_to_front(*now.values())
            if moves:
                self.play(*moves, run_time=1.6 if t == 1 else 0.45)
            if t == 2:
                self.say("The marks left behind are the steps: equal ones for L1, ever smaller ones for L2.")
        self.say(pulling.end_told(self.found))

    def middle(self, lane: int) -> float:
        """The height of the middle of a lane."""
        return LINE.y + (lane + 0.5) * LINE.height / len(LANES)

    def standing(self, t: int) -> VGroup:
        """What is written after step t: the arithmetic that led there, and exact values, those of 0 bold."""
        made = VGroup(
            ink.text(
                VALUES,
                LINE.bottom + 8,
                f"after step {t}",
                self.look.faint_ink,
                size=8.4,
                align="right",
            )
        )
        for lane, key in enumerate(LANES):
            for i, w in enumerate(self.found.run(key).weights[t]):
                y = self.place(lane, i, 0)[1]
                made.add(
                    ink.text(
                        VALUES,
                        y,
                        pulling.exact(w),
                        self.look.ink,
                        size=8.8,
                        mono=True,
                        bold=w == 0,
                        align="right",
                    )
                )
            if t:
                words = self.sums[key, t]
                size = fitting(words, LINE.x - board.STAGE.x - 8, 8.4)
                made.add(
                    ink.text(
                        board.STAGE.x, self.middle(lane) + 7, words, self.look.faint_ink, size=size, mono=True
                    )
                )
        return made

    def dot(self, lane: int, key: str, i: int, w: Any) -> VMobject:
        """A weight; a ring where it is exactly 0."""
        x, y = self.place(lane, i, w)
        edge = self.look[LANES[key]].edge
        if w == 0:
            return ink.dots([(x, y)], self.look.paper, 4.2, edge=edge)
        return ink.dots([(x, y)], edge, 4.2, edge=edge)

    # -- geometry ------------------------------------------------------------------------------------------
    def balls(self) -> None:
        self.section("Corners")
        self.clear()
        touches = [self.geometry.touch(name) for name in ("L1", "L2")]
        shown = [p for touch in touches for p in (*touch.ball.border(), *self.oval(touch))]
        low = tuple(min(p[i] for p in shown) for i in (0, 1))
        scale = min(SIDE[i] / (max(p[i] for p in shown) - low[i]) for i in (0, 1))
        parts = [self.ball(touch, x, low, scale) for touch, x in zip(touches, (72.0, 330.0), strict=True)]
        self.play(FadeIn(*(still for still, *_ in parts)), run_time=0.7)
        self.say("Filled: what a budget of the penalty allows. Cross: the least loss.")
        self.play(*(GrowFromPoint(oval, board.to_scene([at])[0]) for _, oval, at, _ in parts), run_time=2.6)
        self.say("Ovals of equal loss grow; the first point that they touch is the best allowed.")
        self.play(*(FadeIn(words) for *_, words in parts), run_time=0.6)
        within = "The least loss lies within both: the budget changes nothing here."
        self.say(self.corners.notes[0].partition(". ")[0].rstrip(".") + "." if self.corners.notes else within)

    def oval(self, touch: shapes.Touch) -> Sequence[tuple[float, float]]:
        """The contour of the loss that touches the ball; of a ball that does not bind, a small one."""
        return self.geometry.loss.contour(touch.loss if touch.binds else 0.02 * self.geometry.budget**2)

    def ball(
        self, touch: shapes.Touch, left: float, low: Sequence[float], scale: float
    ) -> tuple[VMobject, VMobject, tuple[float, float], VGroup]:
        """Axes and ball, the contour that touches, its centre, and what is told of the touch."""
        look, name = self.look, touch.ball.name
        box = Box(left, 72, SIDE[0], SIDE[1])

        def at(p: tuple[float, float]) -> tuple[float, float]:
            return box.x + (p[0] - low[0]) * scale, box.bottom - (p[1] - low[1]) * scale

        role, (x, y), (u, v) = look[ROLES[name]], at((0, 0)), at(self.geometry.loss.centre)
        right = max(at(p)[0] for p in (*self.oval(touch), *touch.ball.border())) + 4
        still = VGroup(
            ink.strokes([[(box.x, y), (right, y)], [(x, box.y), (x, box.bottom)]], look.faint_ink, width=0.8),
            ink.polygon([at(p) for p in touch.ball.border()], fill=role.fill, edge=role.edge, width=1.6),
            ink.text(box.x, 48, {"L1": "L1: diamond", "L2": "L2: disc"}[name], look.ink, size=10, bold=True),
            ink.text(right + 3, y, "w1", look.faint_ink, size=8.4),
            ink.text(x, box.y - 7, "w2", look.faint_ink, size=8.4, align="center"),
            ink.strokes([[(u - 3, v - d), (u + 3, v + d)] for d in (3, -3)], look.ink, width=1.6),
        )
        oval = ink.strokes([[at(p) for p in self.oval(touch)]], look["active"].edge, width=1.8)
        words = VGroup(ink.dots([at(touch.w)], look["active"].edge, 3.6))
        for i, line in enumerate(told(touch)):
            words.add(ink.text(box.x, box.bottom + 11 + 13 * i, line, look.ink, size=9, mono=not i))
        return still, oval, (u, v), words

    # -- paths ---------------------------------------------------------------------------------------------
    def regressions(self) -> None:
        self.section("Paths")
        self.clear()
        both = [self.paths[key] for key in ("ridge path", "lasso path")]
        ys = [v for curve in both for series in curve.series for v in series.y]
        charts = []
        for curve, x in zip(both, (14.0, 294.0), strict=True):
            named = Curve(curve.key, "", "strength of the penalty", curve.title, curve.series)
            xs = curve.series[0].x
            charts.append(
                Chart(named, Box(x, 54, 262, 206), self.look, (xs[0], min(0.0, *ys)), (xs[-1], max(0.0, *ys)))
            )
        self.play(FadeIn(*(chart.axes() for chart in charts)), run_time=0.6)
        self.say("In regression, L2 is ridge and L1 the lasso. Strength grows to the right.")
        self.play(
            *(Create(chart.line(i)[0]) for chart in charts for i in range(len(chart.curve.series))),
            run_time=3.0,
        )
        gone = [self.regression.gone(i) for i in range(self.regression.data.features)]
        rings = [charts[1].at(float(min(at, self.regression.all_zero)), 0) for at in gone if at is not None]
        self.play(FadeIn(ink.dots(rings, self.look.paper, 3.8, edge=self.look.ink)), run_time=0.4)
        self.say(next(note for note in self.paths.notes if note.startswith("Ridge never")))


def weights(given: Any) -> list[Any]:
    """Numbers as they are given: one, or several."""
    if isinstance(given, str):
        return [part for part in given.split(",") if part.strip()]
    return list(given) if isinstance(given, list | tuple) else [given]
