"""Bars by class: a row for each, columns of quantities side by side, every bar with its number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from convviz.scenes.stage import ink
from manim import VGroup

from convviz.figures.cells import Box
from convviz.plan.model import Number
from convviz.plan.words import number
from convviz.theme import Theme

THICK, ROW = 0.6, 34.0  # of a row: a bar's height; points of a row at most
TEXT = 46.0  # points that a number beside a bar may take


@dataclass(frozen=True)
class Column:
    """One quantity: where it stands, and the range of its values."""

    x: float
    width: float
    title: str
    role: str
    low: float
    high: float

    @property
    def scale(self) -> float:
        """Points of a bar of size 1."""
        return (self.width - TEXT) / ((self.high - self.low) or 1)

    @property
    def zero(self) -> float:
        return self.x + (TEXT if self.low < 0 else 0) - self.low * self.scale


@dataclass(frozen=True)
class Rows:
    """A row for each name in an area, the names in its first ``named`` points; ``bold``: the row that stands out."""

    labels: Sequence[str]
    area: Box
    look: Theme
    named: float
    bold: int | None = None

    @property
    def row(self) -> float:
        return min(ROW, self.area.height / len(self.labels))

    @property
    def bottom(self) -> float:
        return self.area.y + self.row * len(self.labels)

    def y(self, i: int) -> float:
        """The middle of a row."""
        return self.area.y + self.row * (i + 0.5)

    def names(self) -> VGroup:
        made = VGroup()
        for i, name in enumerate(self.labels):
            colour = self.look.ink if i == self.bold else self.look.faint_ink
            made.add(
                ink.text(
                    self.area.x + self.named,
                    self.y(i),
                    name,
                    colour,
                    size=9.4,
                    bold=i == self.bold,
                    align="right",
                )
            )
        return made

    def column(self, column: Column, values: Sequence[Number], total: str = "") -> VGroup:
        """Title, bars with their numbers, and a line below: their sum."""
        look, role = self.look, self.look[column.role]
        made = VGroup(ink.text(column.x, self.area.y - 14, column.title, look.ink, size=9.6, bold=True))
        axis = [[(column.zero, self.area.y), (column.zero, self.bottom)]]
        made.add(ink.strokes(axis, look.faint_ink, width=0.8))
        high = self.row * THICK
        for i, value in enumerate(values):
            long = value * column.scale if isfinite(value) else 0.0
            box = Box(min(column.zero, column.zero + long), self.y(i) - high / 2, max(abs(long), 0.6), high)
            rounded = column.role == "output"
            made.add(ink.tiles([box], fill=role.fill, edge=role.edge, width=1.0, rounded=rounded))
            left = value < 0
            x, align = column.zero + long + (-4 if left else 4), "right" if left else "left"
            made.add(ink.text(x, self.y(i), number(value), look.ink, size=9, mono=True, align=align))
        if total:
            made.add(ink.text(column.x, self.bottom + 12, total, look.faint_ink, size=9, mono=True))
        return made

    def columns(self, *asked: tuple[str, str, Sequence[Number]]) -> list[Column]:
        """Columns side by side, of title, role and the values that they have to hold."""
        first = self.area.x + self.named + 14
        wide = (self.area.right - first) / len(asked)
        found = []
        for i, (title, role, values) in enumerate(asked):
            finite = [float(v) for v in values if isfinite(v)] or [1.0]
            low, high = min(0.0, *finite), max(0.0, *finite)
            room = wide - (TEXT if low < 0 < high else 10)
            found.append(Column(first + i * wide, room, title, role, low, high))
        return found
