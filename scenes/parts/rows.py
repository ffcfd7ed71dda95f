"""A table of a plan row by row, for scenes in which it grows."""

from __future__ import annotations

from convviz.scenes.stage import ink
from manim import VGroup

from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.facts import AIR, ROW, TableShape
from convviz.plan.model import Table
from convviz.theme import Theme


class Rows:
    """A table in an area: its heading, and each row as an object of its own, not yet on the stage.

    top: where the heading stands; a narrow area takes air from between the columns.
    """

    def __init__(
        self, panel: Table, area: Box, look: Theme, *, size: float = 9.0, pitch: float = ROW + 3
    ) -> None:
        self.panel, self.area, self.look, self.pitch = panel, area, look, pitch
        self.text = TableShape(panel, area.width).rows()
        self.size = size
        while True:
            self.widths = [
                max(
                    draw.width_of(name, self.size, bold=True),
                    *(draw.width_of(row[i], self.size, mono=True) for row in self.text),
                )
                for i, name in enumerate(panel.columns)
            ]
            gaps = max(len(self.widths) - 1, 1)
            self.air = min(AIR, (area.width - sum(self.widths)) / gaps)
            if self.air >= 6 or self.size <= draw.SMALLEST:
                break
            self.size -= 0.5
        self.right = [all(not isinstance(row[i], str) for row in panel.rows) for i in range(len(self.widths))]

    def box(self, row: int) -> Box:
        """Of a row; −1: of the heading."""
        wide = sum(self.widths) + self.air * (len(self.widths) - 1)
        return Box(self.area.x, self.area.y + (row + 1) * self.pitch, wide, self.pitch)

    def head(self) -> VGroup:
        box = self.box(-1)
        rule = ink.strokes(
            [[(box.x, box.bottom), (box.right, box.bottom)]], self.look["muted"].edge, width=0.8
        )
        return VGroup(
            self._line(-1, list(self.panel.columns), self.look.faint_ink, bold=True, mono=False), rule
        )

    def row(self, at: int, *, strong: bool = False) -> VGroup:
        return VGroup(self._line(at, self.text[at], self.look.ink, bold=strong, mono=True))

    def mark(self, at: int) -> VGroup:
        """The edge of a row that is spoken of."""
        box = self.box(at)
        frame = Box(box.x - 4, box.y + 1, box.width + 8, box.height - 2)
        return VGroup(ink.tiles([frame], edge=self.look["active"].edge, width=1.8))

    def _line(self, row: int, words: list[str], colour: str, *, bold: bool, mono: bool) -> VGroup:
        box, x = self.box(row), self.area.x
        made = VGroup()
        for i, text in enumerate(words):
            align = "right" if self.right[i] else "left"
            at = x + self.widths[i] * self.right[i]
            if text:
                made.add(
                    ink.text(
                        at, box.centre[1], text, colour, size=self.size, bold=bold, mono=mono, align=align
                    )
                )
            x += self.widths[i] + self.air
        return made
