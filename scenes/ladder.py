"""Ten nets, one change at a time: what each costs, what it sees, and what real runs of it reached."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from typing import Any

from convviz.scenes.parts import card
from convviz.scenes.parts.card import CARD
from convviz.scenes.stage import ink
from convviz.scenes.stage.story import Story
from manim import FadeIn, FadeOut, Transform, VGroup, VMobject

from convviz.errors import ConvvizError
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.regularizers.parts import apart
from convviz.plan.ladder import Rung, ladder
from convviz.plan.ladder_plan import plan
from convviz.runs.bundled import only, results

MOST, LAYERS = 12, 44  # rungs, and layers of a net, that can be told apart
CHART = Box(262, 56, 286, 182)
ALIKE = 1.1  # parameters that differ by no more tell nothing
PARTS = 3  # rungs of a section, about


class Ladder(Story):
    """Ten nets, one change at a time: what each costs, what it sees, and what real runs of it reached."""

    name = "ladder"

    def prepare(self) -> None:
        fields = self.settings.fields
        self.found = ladder(only(results(fields.get("results", "ladder")), fields.get("arms", ())))
        self.plan = self.keep(plan(self.found))
        rungs = self.found.rungs
        if len(rungs) > MOST:
            raise ConvvizError(
                f"at most {MOST} arms can be drawn, got {len(rungs)}; name some with arms", "arms"
            )
        for rung in rungs:
            if len(rung.layers) > LAYERS:
                raise ConvvizError(
                    f"{rung.label} has {len(rung.layers)} layers; at most {LAYERS} can be drawn", "results"
                )
        self.widest = max((layer.channels for rung in rungs for layer in rung.layers), default=1)
        values = [v for rung in self.found.run for v in (low(rung), high(rung))]
        pitch = next(
            p for p in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if (max(values) - min(values)) / p <= 7
        )
        first, last = int(min(values) / pitch), min(int(max(values) / pitch) + 1, round(100 / pitch))
        self.ticks = [round(i * pitch, 2) for i in range(first, last + 1)]

    def tell(self) -> None:
        self.climb()
        self.differences()
        params = [rung.params for rung in self.found.run]
        if max(params) > ALIKE * min(params):
            self.costs()

    def _title(self) -> str:
        return self.entry.title if self.coded else f"A ladder of nets: {self.found.name}"

    # -- places --------------------------------------------------------------------------------------------
    def y(self, accuracy: float) -> float:
        return CHART.bottom - (accuracy - self.ticks[0]) / (self.ticks[-1] - self.ticks[0]) * CHART.height

    def x(self, index: int) -> float:
        """Of a rung in the climb."""
        return CHART.x + (index + 0.5) / len(self.found.rungs) * CHART.width

    def cost(self, params: float) -> float:
        """Of a number of parameters, on a logarithmic axis."""
        logs = [log10(rung.params) for rung in self.found.run]
        least, most = min(logs) - 0.12, max(logs) + 0.12
        return CHART.x + 10 + (log10(params) - least) / (most - least) * (CHART.width - 60)

    # -- the climb -----------------------------------------------------------------------------------------
    def climb(self) -> None:
        look, rungs = self.look, self.found.rungs
        self.section(self.part(0))
        rules = ink.strokes(
            [[(CHART.x, self.y(v)), (CHART.right, self.y(v))] for v in self.ticks], look.line, width=0.5
        )
        numbers = ink.texts(
            [(CHART.x - 5, self.y(v), f"{v:g}") for v in self.ticks], look.faint_ink, size=8, align="right"
        )
        of = f"{self.found.test_images:,} test images" if self.found.test_images else "the test images"
        head = f"{self.found.data_set}, per cent of {of}, last epoch, {self.found.runs}"
        words = draw.clip(head, CHART.width + 22, 8.2)
        self.axes = VGroup(rules, numbers, ink.text(CHART.x - 22, 42, words, look.faint_ink, size=8.2))
        steps = [(self.x(i), CHART.bottom + 9, self.short(rung)) for i, rung in enumerate(rungs)]
        self.below = VGroup(ink.texts(steps, look.faint_ink, size=8.4, align="center"))
        named = "CODE" if self.coded else "rung"
        self.below.add(
            ink.text(CHART.centre[0], CHART.bottom + 22, named, look.faint_ink, size=8.4, align="center")
        )
        self.play(FadeIn(self.axes, self.below), run_time=0.6)
        self.points: dict[int, VMobject] = {}
        self.links: dict[int, VMobject] = {}
        told: VMobject | None = None
        for i, rung in enumerate(rungs):
            if i and i % PARTS == 0 and len(rungs) - i > 1:
                self.section(self.part(i))
            self.say(self.plan.steps[i].caption)
            fresh, new = card.card(rung, self.look, self.widest)
            if told is not None:
                self.remove(told)
            self.add(fresh)
            told = fresh
            moves: list[Any] = [FadeIn(new)] if len(new) else []
            if rung.accuracy is not None and i - 1 in self.points:
                link = self.link(i, self.x)
                start = ink.dots(
                    [(self.x(i - 1), self.y(rungs[i - 1].accuracy or 0))], look["input"].edge, 3.6
                )
                moves.append(Transform(start, self.point(i, self.x)))
                self.points[i], self.links[i] = start, link
                self.play(*moves, FadeIn(link), run_time=1.0)
            else:
                self.points[i] = self.point(i, self.x)
                self.play(*moves, FadeIn(self.points[i]), run_time=0.7)
            if rung.accuracy is None:
                del self.points[i]
            self.bring_to_front(*self.points.values())
        self.last_card = told

    @property
    def coded(self) -> bool:
        """Whether all rungs are steps of the course's ladder."""
        return all(rung.label.startswith("CODE") for rung in self.found.rungs)

    def short(self, rung: Rung) -> str:
        """``4`` of CODE4; of others their place."""
        return rung.label.removeprefix("CODE") if self.coded else str(self.found.rungs.index(rung) + 1)

    def part(self, first: int) -> str:
        rungs = self.found.rungs
        last = first + PARTS - 1
        if len(rungs) - 1 - last <= 1:
            last = len(rungs) - 1
        return f"{rungs[first].label} to {rungs[last].label}" if last > first else rungs[first].label

    def point(self, i: int, place: Any, cost: bool = False) -> VMobject:
        """A rung's accuracy with its interval; of one that was not run, that it was not."""
        rung, look = self.found.rungs[i], self.look
        x = place(rung.params if cost else i)
        if rung.accuracy is None:
            return ink.text(x, CHART.bottom - 8, rung.why, look.faint_ink, size=7.6, align="center")
        made = VGroup()
        ends = [self.y(low(rung)), self.y(high(rung))]
        bars = [[(x, ends[0]), (x, ends[1])], *([(x - 3.4, y), (x + 3.4, y)] for y in ends)]
        made.add(ink.strokes(bars if rung.interval else [], look["input"].edge, width=1.3))
        made.add(ink.dots([(x, self.y(rung.accuracy))], look["input"].edge, 3.6))
        return made

    def link(self, i: int, place: Any, cost: bool = False) -> VMobject:
        """From the rung before: whole where the step is more than chance, dashed where it may be."""
        a, b = self.found.rungs[i - 1], self.found.rungs[i]
        ends = [
            (place(rung.params if cost else k), self.y(rung.accuracy or 0))
            for k, rung in ((i - 1, a), (i, b))
        ]
        sure = b.step is not None and b.step.detected
        return ink.strokes(
            [ends], self.look["active"].edge if sure else self.look.faint_ink, width=1.3, dashed=not sure
        )

    # -- what is more than chance --------------------------------------------------------------------------
    def differences(self) -> None:
        self.section("Which steps are more than chance")
        look = self.look
        if self.last_card is not None:
            self.remove(self.last_card)
        rows = [rung for rung in self.found.rungs if rung.step is not None]
        made = VGroup(
            ink.text(CARD.x, CARD.y + 4, "Step, in points, with its 95 % interval", look.faint_ink, size=8.6)
        )
        for i, rung in enumerate(rows):
            y, step = CARD.y + 22 + 17 * i, rung.step
            assert step is not None
            colour = look["active"].edge if step.detected else look.faint_ink
            made.add(
                ink.strokes([[(CARD.x, y), (CARD.x + 20, y)]], colour, width=1.6, dashed=not step.detected)
            )
            made.add(ink.text(CARD.x + 26, y, draw.clip(rung.label, 66, 9), look.ink, size=9))
            made.add(
                ink.text(
                    CARD.x + 124,
                    y,
                    rung.moved,
                    look.ink,
                    size=9,
                    mono=True,
                    bold=step.detected,
                    align="right",
                )
            )
            if rung.span:
                made.add(
                    ink.text(CARD.right, y, rung.span, look.faint_ink, size=8.2, mono=True, align="right")
                )
        self.play(FadeIn(made), run_time=0.6)
        self.say(self.plan.notes[0])
        self.say(self.plan.notes[1])
        self.listed = made

    # -- what it costs -------------------------------------------------------------------------------------
    def costs(self) -> None:
        self.section("Accuracy and parameters")
        look, rungs = self.look, self.found.rungs
        ran = [i for i, rung in enumerate(rungs) if rung.accuracy is not None]
        self.play(
            FadeOut(self.below), *(FadeOut(m) for m in [*self.links.values(), *self.unrun()]), run_time=0.5
        )
        least, most = (f(rungs[i].params for i in ran) for f in (min, max))
        marks = [m * 10**k for k in range(2, 9) for m in (1, 2, 5) if least * 0.8 <= m * 10**k <= most * 1.25]
        marks = marks if len(marks) > 1 else sorted({least, most})
        places = [(self.cost(m), CHART.bottom + 9, f"{m:,}") for m in marks]
        axis = VGroup(
            ink.strokes(
                [[(x, CHART.bottom), (x, CHART.bottom + 3)] for x, _, _ in places], look.faint_ink, width=0.8
            )
        )
        axis.add(ink.texts(places, look.faint_ink, size=8, align="center"))
        axis.add(
            ink.text(
                CHART.centre[0],
                CHART.bottom + 22,
                "parameters (logarithmic)",
                look.faint_ink,
                size=8.4,
                align="center",
            )
        )
        self.say(self.plan.notes[2])
        absent = [f"{rung.label} ({rung.params:,}) {rung.why}" for rung in rungs if rung.accuracy is None]
        axis.add(
            ink.text(
                CHART.right, CHART.bottom - 8, "; ".join(absent[:3]), look.faint_ink, size=8, align="right"
            )
        )
        glide = [Transform(self.points[i], self.point(i, self.cost, True)) for i in ran]
        self.play(*glide, FadeIn(axis), run_time=2.2)
        self.play(FadeIn(self.names(ran)), run_time=0.5)

    def unrun(self) -> list[VMobject]:
        """Texts in the chart that belong to no point."""
        return [
            m
            for m in self.mobjects
            if isinstance(m, ink.Drawn) and any(s.text in ("not run", "not finished") for s in m.said)
        ]

    def names(self, ran: Sequence[int]) -> VGroup:
        """The rungs' names beside their points, kept apart; a line leads from each to its point."""
        rungs, made = self.found.rungs, VGroup()
        clusters: list[list[int]] = []
        for i in sorted(ran, key=lambda k: rungs[k].params):
            if clusters and self.cost(rungs[i].params) - self.cost(rungs[clusters[-1][-1]].params) < 46:
                clusters[-1].append(i)
            else:
                clusters.append([i])
        for cluster in clusters:
            x = self.cost(rungs[cluster[-1]].params) + 16
            heights = apart([self.y(rungs[i].accuracy or 0) for i in cluster], 10.0, CHART.y, CHART.bottom)
            for i, y in zip(cluster, heights, strict=True):
                start = (self.cost(rungs[i].params) + 4.4, self.y(rungs[i].accuracy or 0))
                made.add(ink.strokes([[start, (x - 2, y)]], self.look.faint_ink, width=0.6))
                made.add(ink.text(x, y, draw.clip(rungs[i].label, 548 - x, 8.4), self.look.ink, size=8.4))
        return made


def low(rung: Rung) -> float:
    return rung.interval.low if rung.interval else rung.accuracy or 0.0


def high(rung: Rung) -> float:
    return rung.interval.high if rung.interval else rung.accuracy or 0.0
