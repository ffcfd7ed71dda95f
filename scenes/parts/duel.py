"""Two arms, seed by seed: their runs as slopes, the differences around 0, the means of chance, shares of choices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from convviz.scenes.stage import ink
from convviz.scenes.stage.curves import between
from manim import VGroup, VMobject

from convviz.analysis.statistics.verdict import signed
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.plan.seeds import Chance, Duel
from convviz.theme import Theme

LETTER, NAME = 8.0, 9.4
ROLES = ("input", "output")  # of both arms; the first's runs are circles, the second's squares
LABELLED = 12  # seeds that get a label each


def lozenge(x: float, y: float, size: float, look: Theme) -> VMobject:
    """A mean."""
    corners = [(x - size, y), (x, y - size), (x + size, y), (x, y + size)]
    return ink.polygon(corners, fill=look["active"].edge)


def scale(box: Box, x: Callable[[float], float], ticks: Sequence[float], words: str, look: Theme) -> VGroup:
    """Differences below a box, and what they are."""
    quiet = look.faint_ink
    texts = [(x(v), box.bottom + 8, signed(v) if v else "0") for v in ticks]
    return VGroup(
        ink.texts(texts, quiet, size=LETTER, align="center"),
        ink.text(box.centre[0], box.bottom + 21, words, quiet, size=8.6, align="center"),
    )


def dot(i: int, x: float, y: float, look: Theme, size: float = 3.2) -> VMobject:
    """A run of the first or second arm."""
    colour = look[ROLES[i]].edge
    if i == 0:
        return ink.dots([(x, y)], colour, size)
    return ink.tiles([Box(x - size + 0.4, y - size + 0.4, 2 * size - 0.8, 2 * size - 0.8)], fill=colour)


@dataclass(frozen=True)
class Slopes:
    """Each seed as a line from the run of the first arm to that of the second."""

    duel: Duel
    box: Box
    look: Theme

    @cached_property
    def ends(self) -> tuple[float, float]:
        low, high = float(self.duel.match.values.min()), float(self.duel.match.values.max())
        pad = 0.08 * (high - low) or 0.1
        return low - pad, high + pad

    def y(self, value: float) -> float:
        low, high = self.ends
        return self.box.bottom - (value - low) / (high - low) * self.box.height

    @property
    def xs(self) -> tuple[float, float]:
        return self.box.x + 0.2 * self.box.width, self.box.x + 0.8 * self.box.width

    def still(self) -> VGroup:
        """Both axes with the arms' names, and the scale."""
        look, box = self.look, self.box
        ticks = between(*self.ends, 5)
        made = VGroup(
            ink.strokes([[(box.x, self.y(v)), (box.right, self.y(v))] for v in ticks], look.line, width=0.5),
            ink.strokes([[(x, box.y), (x, box.bottom)] for x in self.xs], look["muted"].edge, width=0.9),
            ink.texts(
                [(box.x - 6, self.y(v), f"{v:.4g}") for v in ticks],
                look.faint_ink,
                size=LETTER,
                align="right",
            ),
            ink.text(box.x - 30, box.y - 12, "accuracy, per cent", look.faint_ink, size=LETTER),
        )
        for i, name in enumerate((self.duel.a, self.duel.b)):
            x, words = self.xs[i], draw.clip(name, 0.56 * box.width, NAME, bold=True)
            made.add(ink.text(x, box.bottom + 12, words, look.ink, size=NAME, bold=True, align="center"))
        return made

    def line(self, i: int, strong: bool = False) -> VGroup:
        """One seed."""
        ones = [self.y(values[i]) for values in self.duel.match.values]
        ends = list(zip(self.xs, ones))
        colour = self.look["active"].edge if strong else self.look.faint_ink
        made = VGroup(ink.strokes([ends], colour, width=2.0 if strong else 0.9))
        return made.add(*(dot(k, x, y, self.look) for k, (x, y) in enumerate(ends)))


@dataclass(frozen=True)
class Heaps:
    """Which arm was higher, a tile with the seed for each run of both."""

    duel: Duel
    box: Box
    look: Theme

    def still(self) -> VGroup:
        made = VGroup(
            ink.text(self.box.x, self.box.y - 12, "higher with seed", self.look.faint_ink, size=LETTER)
        )
        for i, name in enumerate((self.duel.a, self.duel.b)):
            words = draw.clip(name, self.box.width / 2 - 12, NAME, bold=True)
            made.add(
                ink.text(
                    self.x(i),
                    self.box.bottom + 12,
                    words,
                    self.look.ink,
                    size=NAME,
                    bold=True,
                    align="center",
                )
            )
        floor = [[(self.box.x, self.box.bottom + 1), (self.box.right, self.box.bottom + 1)]]
        return made.add(ink.strokes(floor, self.look["muted"].edge, width=0.9))

    def x(self, i: int) -> float:
        return self.box.x + (0.25 + 0.5 * i) * self.box.width

    def tile(self, seed: int) -> VGroup | None:
        """The tile of a seed on its heap; None where both are equal."""
        gaps = self.duel.differences
        if gaps[seed] == 0:
            return None
        side = 0 if gaps[seed] > 0 else 1
        below = sum(gap * gaps[seed] > 0 for gap in gaps[:seed])
        high = min(15.0, self.box.height / max(self.duel.tallies[0].higher))
        role, y = self.look[ROLES[side]], self.box.bottom - (below + 0.5) * high
        box = Box(self.x(side) - 17, y - high / 2 + 0.8, 34, high - 1.6)
        made = VGroup(ink.tiles([box], fill=role.fill, edge=role.edge, width=1.0, rounded=side == 1))
        if high >= 10:
            made.add(
                ink.text(
                    self.x(side),
                    y,
                    self.duel.seeds[seed],
                    self.look.ink,
                    size=LETTER,
                    mono=True,
                    align="center",
                )
            )
        return made


@dataclass(frozen=True)
class Forest:
    """The difference of each seed as a stroke from 0, and below them their mean."""

    duel: Duel
    box: Box
    look: Theme

    @cached_property
    def reach(self) -> float:
        """Points to either side of 0."""
        interval = self.duel.pair.interval
        ends = (interval.low, interval.high) if interval else ()
        return 1.08 * max(*(abs(v) for v in (*self.duel.differences, *ends)), 0.02)

    def x(self, value: float) -> float:
        return self.box.centre[0] + value / self.reach * self.box.width / 2

    def y(self, i: int) -> float:
        return self.box.y + (i + 0.5) * self.box.height / (self.duel.n + 1.6)

    @property
    def floor(self) -> float:
        """Where the mean stands."""
        return self.box.bottom - 0.6 * self.box.height / (self.duel.n + 1.6)

    def still(self) -> VGroup:
        """0, the scale, the seeds."""
        look, box, quiet = self.look, self.box, self.look.faint_ink
        ticks = between(-self.reach, self.reach, 5)
        words = f"{self.duel.a} − {self.duel.b}, points"
        labels = [(box.x - 6, self.y(i), seed) for i, seed in enumerate(self.duel.seeds)]
        made = VGroup(
            ink.strokes([[(self.x(v), box.y - 3), (self.x(v), box.bottom)] for v in ticks if v], look.line, width=0.5),
            ink.strokes([[(self.x(0), box.y - 3), (self.x(0), box.bottom)]], look["muted"].edge, width=1.1),
            scale(box, self.x, ticks, draw.clip(words, box.width + 30, 8.6), look),
            ink.text(box.x - 6, self.floor, "mean", look.ink, size=LETTER, bold=True, align="right"),
        )  # fmt: skip
        if self.duel.n <= LABELLED:
            made.add(ink.texts(labels, quiet, size=LETTER, align="right"))
        made.add(ink.text(box.x - 6, box.y - 12, "seed", quiet, size=LETTER, align="right"))
        return made

    def stroke(self, i: int, gap: float | None = None) -> VGroup:
        """A seed's difference, or what it would be with another sign."""
        value = self.duel.differences[i] if gap is None else gap
        x, y, colour = self.x(value), self.y(i), self.look[ROLES[value < 0]].edge
        line = ink.strokes([[(self.x(0), y), (x, y)]] if value else [], colour, width=1.6)
        return VGroup(line, dot(int(value < 0), x, y, self.look, 2.8))

    def strokes(self, gaps: Sequence[float] | None = None) -> VGroup:
        found = self.duel.differences if gaps is None else gaps
        return VGroup(*(self.stroke(i, gap) for i, gap in enumerate(found)))

    def mean(self, value: float | None = None) -> VMobject:
        """The mean as a lozenge."""
        return lozenge(
            self.x(self.duel.pair.difference if value is None else value), self.floor, 5, self.look
        )

    def interval(self) -> VMobject:
        """The interval around the mean, with its ends."""
        found, y = self.duel.pair.interval, self.floor
        if found is None:
            return VGroup()
        low, high = self.x(found.low), self.x(found.high)
        lines = [[(low, y), (high, y)], [(low, y - 4), (low, y + 4)], [(high, y - 4), (high, y + 4)]]
        return ink.strokes(lines, self.look["active"].edge, width=1.8)


@dataclass(frozen=True)
class Heap:
    """How many choices of signs give which mean: those as far from 0 as the measured one stand out."""

    found: Chance
    measured: float
    box: Box
    look: Theme

    def x(self, value: float) -> float:
        low, high = self.found.edges[0], self.found.edges[-1]
        return self.box.x + (value - low) / (high - low) * self.box.width

    @property
    def unit(self) -> float:
        """Points of the board for one choice."""
        return self.box.height / max(a + b for a, b in zip(self.found.near, self.found.far))

    def still(self) -> VGroup:
        look, box = self.look, self.box
        ticks = between(self.found.edges[0], self.found.edges[-1], 5)
        words = "mean if chance had drawn the signs, points"
        return VGroup(
            ink.strokes([[(box.x, box.bottom), (box.right, box.bottom)]], look["muted"].edge, width=0.9),
            scale(box, self.x, ticks, words, look),
        )

    def bars(self) -> tuple[VMobject, VMobject]:
        """Those nearer to 0, and those as far or farther, hatched."""
        near, far = [], []
        wide = (self.found.edges[1] - self.found.edges[0]) / 2 * 0.86
        for i, (inner, outer) in enumerate(zip(self.found.near, self.found.far)):
            middle = (self.found.edges[i] + self.found.edges[i + 1]) / 2
            left, width = self.x(middle - wide), self.x(middle + wide) - self.x(middle - wide)
            low = self.box.bottom - outer * self.unit
            if outer:
                far.append(Box(left, low, width, outer * self.unit))
            if inner:
                near.append(Box(left, low - inner * self.unit, width, inner * self.unit))
        muted, active = self.look["muted"], self.look["active"].edge
        return (
            ink.tiles(near, fill=muted.fill, edge=muted.edge),
            ink.tiles(far, fill=self.look.paper, edge=active, width=1.2, hatch=active),
        )

    def drop(self, value: float) -> VMobject:
        """One choice's mean, on the axis."""
        return lozenge(self.x(value), self.box.bottom - 5, 4, self.look)

    def here(self) -> VGroup:
        """Where the measured mean lies, and as far on the other side."""
        x, other = self.x(self.measured), self.x(-self.measured)
        top, colour = self.box.y - 2, self.look["active"].edge
        made = VGroup(ink.strokes([[(x, top), (x, self.box.bottom)]], colour, width=1.6))
        made.add(ink.strokes([[(other, top), (other, self.box.bottom)]], colour, width=1.0, dashed=True))
        words = f"measured: {signed(self.measured)}"
        at = min(max(x, self.box.x + 34), self.box.right - 34)
        return made.add(ink.text(at, top - 8, words, self.look.ink, size=8.6, bold=True, align="center"))


@dataclass(frozen=True)
class Shares:
    """For each number of seeds the choices that say one arm and the other, and how many of them a test confirms."""

    duel: Duel
    box: Box
    look: Theme

    def still(self) -> VGroup:
        look, box, quiet = self.look, self.box, self.look.faint_ink
        ticks = [
            (box.x - 5, box.bottom - share * box.height, f"{100 * share:.0f} %") for share in (0, 0.5, 1)
        ]
        head = draw.clip(f"Choices of seeds: {self.duel.a} and {self.duel.b}", box.width, NAME, bold=True)
        labels = [(self.x(i), box.bottom + 8, str(t.n)) for i, t in enumerate(self.duel.tallies)]
        return VGroup(
            ink.text(box.x, box.y - 14, head, look.ink, size=NAME, bold=True),
            ink.texts(ticks, quiet, size=LETTER, align="right"),
            ink.texts(labels, quiet, size=LETTER, align="center"),
            ink.text(box.centre[0], box.bottom + 20, "seeds of each", quiet, size=8.6, align="center"),
        )

    def x(self, i: int) -> float:
        return self.box.x + (i + 0.5) * self.box.width / len(self.duel.tallies)

    def bar(self, i: int) -> VGroup:
        """From the bottom: the first arm, found and only higher; equal; the second, only higher and found."""
        tally, made, look = self.duel.tallies[i], VGroup(), self.look
        a, b = (look[role] for role in ROLES)
        parts = (
            (tally.found[0], a.edge, a.edge),
            (tally.higher[0] - tally.found[0], a.fill, a.edge),
            (tally.higher[1], look["muted"].fill, look["muted"].edge),
            (tally.higher[2] - tally.found[2], b.fill, b.edge),
            (tally.found[2], b.edge, b.edge),
        )
        wide, y = min(0.74 * self.box.width / len(self.duel.tallies), 26.0), self.box.bottom
        for count, fill, edge in parts:
            high = count / tally.counted * self.box.height
            if count:
                made.add(
                    ink.tiles(
                        [Box(self.x(i) - wide / 2, y - high, wide, high)], fill=fill, edge=edge, width=1.0
                    )
                )
            y -= high
        return made
