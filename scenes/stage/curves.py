"""Charts on the board: a curve's panel with its axes, ticks and key, and where a point of the data lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from convviz.scenes.stage import ink
from manim import VGroup, VMobject

from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.plan import words
from convviz.plan.model import Curve, Series
from convviz.theme import Theme

LETTER = 7.6
LEFT, BELOW, KEY = 34.0, 26.0, 14.0  # points for the labels of the axes and for the key
DASHED = (False, True, False, True)


def around(low: float, high: float, most: int, whole: bool = False) -> list[float]:
    """Round values from one below ``low``, or ``low``, to one above ``high``, with about ``most`` steps."""
    from matplotlib.ticker import MaxNLocator

    locator = MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10], integer=whole)
    return [float(v) for v in locator.tick_values(low, high)]


def between(low: float, high: float, most: int, whole: bool = False) -> list[float]:
    """Those of them that lie between the two."""
    return [v for v in around(low, high, most, whole) if low - 1e-9 <= v <= high + 1e-9]


@dataclass(frozen=True)
class Chart:
    """A curve in a box. low, high: corners of the data's range (None: as the data need)."""

    curve: Curve
    box: Box
    look: Theme
    low: tuple[float, float] | None = None
    high: tuple[float, float] | None = None

    @property
    def inner(self) -> Box:
        """Where the data lie."""
        key = KEY if len(self.curve.series) > 1 else 4.0
        return Box(
            self.box.x + LEFT, self.box.y + key, self.box.width - LEFT - 6, self.box.height - BELOW - key
        )

    @cached_property
    def ticks(self) -> tuple[Sequence[float], Sequence[float]]:
        """Values of the marks along both axes."""
        found = []
        for axis in (0, 1):
            values = [v for s in self.curve.series for v in (s.x, s.y)[axis]] or [0, 1]
            low = self.low[axis] if self.low else min(values)
            high = self.high[axis] if self.high else max(values)
            if low == high:
                low, high = low - 0.5, high + 0.5
            whole = axis == 0 and all(float(v).is_integer() for v in values)  # epochs, layers
            most = 6 if axis == 0 else 5
            cut = self.low or axis == 0
            found.append(between(low, high, most, whole) if cut else around(low, high, most, whole))
        return found[0], found[1]

    @cached_property
    def range(self) -> tuple[float, float, float, float]:
        """x and y of the lower left and upper right corner."""
        xs = [v for s in self.curve.series for v in s.x] or [0.0, 1.0]
        ys = self.ticks[1]
        x0, x1 = (self.low[0], self.high[0]) if self.low and self.high else (min(xs), max(xs))
        y0, y1 = (self.low[1], self.high[1]) if self.low and self.high else (ys[0], ys[-1])
        return float(x0), float(y0), float(x1 if x1 > x0 else x0 + 1), float(y1 if y1 > y0 else y0 + 1)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the data lies on the board."""
        x0, y0, x1, y1 = self.range
        box = self.inner
        return box.x + (x - x0) / (x1 - x0) * box.width, box.bottom - (y - y0) / (y1 - y0) * box.height

    def axes(self) -> VGroup:
        """Both axes with their ticks and labels, and the key where there are several lines."""
        box, look = self.inner, self.look
        rule = look["muted"].edge
        made = VGroup(
            ink.strokes([[(box.x, box.y), (box.x, box.bottom), (box.right, box.bottom)]], rule, width=0.9)
        )
        xs, ys = self.ticks
        made.add(
            ink.strokes(
                [[(box.x, self.at(0, v)[1]), (box.right, self.at(0, v)[1])] for v in ys[1:]],
                look.line,
                width=0.5,
            )
        )
        made.add(
            ink.texts(
                [(self.at(v, 0)[0], box.bottom + 7, words.number(v)) for v in xs],
                look.faint_ink,
                size=LETTER,
                align="center",
            )
        )
        made.add(
            ink.texts(
                [(box.x - 4, self.at(0, v)[1], words.number(v)) for v in ys],
                look.faint_ink,
                size=LETTER,
                align="right",
            )
        )
        made.add(
            ink.text(
                box.centre[0],
                self.box.bottom - 4,
                self.curve.x,
                look.faint_ink,
                size=LETTER + 0.6,
                align="center",
            )
        )
        made.add(ink.text(self.box.x, self.box.y - 1, self.curve.y, look.faint_ink, size=LETTER + 0.6))
        if len(self.curve.series) > 1:
            x = box.right
            for i, series in reversed(list(enumerate(self.curve.series))):
                x -= draw.width_of(series.name, LETTER + 0.6)
                made.add(ink.text(x, self.box.y - 1, series.name, look.ink, size=LETTER + 0.6))
                line = [[(x - 20, self.box.y - 1), (x - 4, self.box.y - 1)]]
                made.add(ink.strokes(line, look[series.role].edge, width=1.8, dashed=DASHED[i % len(DASHED)]))
                x -= 30
        return made

    def line(self, which: int | Series, until: int | None = None) -> VMobject:
        """A series as a line with its markers, up to its point ``until`` (not included)."""
        series = self.curve.series[which] if isinstance(which, int) else which
        order = self.curve.series.index(series) if series in self.curve.series else 0
        points = [self.at(x, y) for x, y in zip(series.x[:until], series.y[:until])]
        colour = self.look[series.role].edge
        made = VGroup(
            ink.strokes(
                [points] if len(points) > 1 else [], colour, width=1.8, dashed=DASHED[order % len(DASHED)]
            )
        )
        if len(points) <= 30:
            made.add(
                ink.dots(points, colour)
                if order % 2 == 0
                else ink.tiles([Box(x - 2, y - 2, 4, 4) for x, y in points], fill=colour)
            )
        return made


def paint(curve: Curve, box: Box, look: Theme) -> list[VMobject]:
    """A whole chart."""
    chart = Chart(curve, box, look)
    return [chart.axes(), *(chart.line(i) for i in range(len(curve.series)))]
