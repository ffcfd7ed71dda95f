"""A layer at every number of groups: the input's channels, the filters, who reads whom, and what it costs, all moved by
one slider.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from convviz.scenes.stage import ink
from convviz.scenes.stage.solid import Block, Moved, Solid, spatial, window
from convviz.scenes.stage.story import fitting
from manim import Animation, FadeIn, FadeOut, Transform, VGroup, VMobject

from convviz.figures import prose
from convviz.figures.cells import Box
from convviz.plan import words
from convviz.plan.groups import Groups, Split
from convviz.theme import mix

if TYPE_CHECKING:
    from convviz.scenes.stage.story import Story

INPUT, FILTERS, MATRIX = Box(18, 64, 122, 140), Box(162, 62, 208, 148), Box(412, 66, 134, 134)
HEADS = 50.0
SLABS = 16  # channels that are drawn one by one
DRAWN = 8  # filters
ROWS = 64  # of the square
FORMULA = 221.0
SLIDER, FIGURES = Box(70, 236, 150, 20), Box(262, 230, 290, 36)
LAST = 0.75  # of the theme's ramp, whose end is the colour of what is read now
DEEP = 30.0  # points that a filter of all channels is deep


class Bench:
    """Everything that hangs on the number of groups, drawn for one of them, and moved to another."""

    def __init__(self, story: Story, groups: Groups, stops: Sequence[Split]) -> None:
        self.story, self.groups, self.look = story, groups, story.look
        self.stops = list(stops)
        self.now = stops[0]
        self.parts = self.drawn(self.now)
        self.fixed = self.heads()
        self.ring: VMobject | None = None

    def objects(self) -> list[VMobject]:
        return [self.fixed, *self.parts.values()]

    def go(self, split: Split, run_time: float) -> None:
        """Move everything to another number of groups; the figures change when the knob arrives."""
        there = self.drawn(split)
        moves: list[Animation] = []
        for key, old in self.parts.items():
            if key == "figures":
                continue
            moves.append(
                Moved(old, there[key]) if key in ("input", "filters") else Transform(old, there[key])
            )
        if self.ring is not None:
            moves.append(FadeOut(self.ring))
            self.ring = None
        self.story.play(*moves, run_time=run_time)
        self.story.remove(self.parts["figures"])
        self.parts["figures"] = there["figures"]
        self.story.play(FadeIn(there["figures"]), run_time=0.25)
        self.now = split

    def point(self, filt: int) -> None:
        """Ring a filter's row of the square, and the channels that it reads."""
        colour = self.look["active"].edge
        reads = self.reads(self.now, filt)
        rows, columns = self.groups.out[0], self.groups.shape[0]
        high, wide = MATRIX.height / rows, MATRIX.width / columns
        row = Box(MATRIX.x + reads.start * wide, MATRIX.y + filt * high, len(reads) * wide, max(high, 3))
        made = VGroup(ink.tiles([row], edge=colour, width=2.2))
        slabs = self.solids(self.now)
        if len(slabs) == columns:
            made.add(self.span(slabs[reads[0]], slabs[reads[-1]], colour))
        last = self.filter_solids(self.now)
        if filt < len(last):
            made.add(
                window(last[filt], colour, range(1), *(range(n) for n in last[filt].shape[1:]), width=1.8)
            )
        self.ring = made
        self.story.play(FadeIn(made), run_time=0.6)

    def span(self, first: Solid, last: Solid, colour: str) -> VGroup:
        """Several slabs as one block."""
        deep = (last.x + last.deep[0] - first.x, last.y + last.deep[1] - first.y)
        whole = replace(first, slant=(deep[0] / first.side, deep[1] / first.side))
        return window(whole, colour, range(1), *(range(n) for n in first.shape[1:]), width=1.8)

    def drawn(self, split: Split) -> dict[str, VMobject]:
        """All parts for a number of groups, each always of the same pieces, so that one can become the other."""
        return {
            "square": self.square(split),
            "input": self.input(split),
            "filters": self.filters(split),
            "slider": self.slider(split),
            "bars": self.bars(split),
            "figures": VGroup(self.figures(split), self.formula(split)),
        }

    # -- the input ---------------------------------------------------------------------------------------------
    def solids(self, split: Split) -> list[Solid]:
        """A slab for each channel, the groups apart; of very many channels one block for all."""
        depth, rows, columns = spatial(self.groups.shape)
        rows, columns = min(rows, 5), min(columns, 5)
        if depth > SLABS:
            whole = Solid((1, rows, columns), 0, 0, 13, slant=(3.2, -2.2))
            return [whole.centred(INPUT)]
        gap, part = (
            (min(0.9, 8 / depth), -min(0.6, 5 / depth)),
            26 / max(split.groups - 1, 6),
        )  # the more groups, the less air between two
        group = (part, -part * 0.64)
        side = min(13.0, 90 / max(columns, rows), 50 / columns)
        thin = Solid(
            (1, rows, columns), 0, 0, side, slant=(min(3.9, 38 / depth) / side, -min(2.6, 25 / depth) / side)
        )
        places, x, y = [], 0.0, 0.0
        for _, ins in split.blocks:
            for _ in ins:
                places.append(thin.moved(x, y))
                x, y = x + thin.deep[0] + gap[0], y + thin.deep[1] + gap[1]
            x, y = x + group[0], y + group[1]
        box = Box.around(p.box for p in places)
        dx, dy = INPUT.centre[0] - box.centre[0], INPUT.centre[1] - box.centre[1]
        return [place.moved(dx, dy) for place in places]

    def input(self, split: Split) -> VGroup:
        slabs = self.solids(split)
        made = [self.block(solid, "input", self.shade(split, c, 1) if len(slabs) > 1 else None)
                for c, solid in enumerate(slabs)]  # fmt: skip
        return VGroup(*reversed(made))

    def block(self, solid: Solid, role: str, shade: str | None) -> Block:
        _, rows, columns = solid.shape
        cells = [(0, r, c) for r in range(rows) for c in range(columns)]
        return Block(solid, self.look, role, fills=dict.fromkeys(cells, shade) if shade else {})

    # -- the filters -------------------------------------------------------------------------------------------
    def filter_solids(self, split: Split) -> list[Solid]:
        """As many filters as can be drawn, each as deep as what it reads."""
        count = min(self.groups.out[0], DRAWN)
        across = 2 if count <= 2 else 4
        _, rows, columns = spatial((1, *self.groups.op.kernel_size))
        wide, high = FILTERS.width / across, FILTERS.height / -(-count // across)
        side = min((wide - DEEP * 0.75 - 6) / columns, (high - DEEP * 0.5 - 16) / rows, 11.0)
        deep = max(DEEP * split.each / self.groups.shape[0], 1.0)
        one = Solid((1, rows, columns), 0, 0, side, slant=(0.75 * deep / side, -0.5 * deep / side))
        return [
            one.moved(FILTERS.x + (i % across) * wide, FILTERS.y + (i // across) * high + DEEP * 0.5)
            for i in range(count)
        ]

    def filters(self, split: Split) -> VGroup:
        solids = self.filter_solids(split)
        return VGroup(
            *(self.block(solid, "kernel", self.shade(split, f, 0)) for f, solid in enumerate(solids))
        )

    # -- who reads whom ----------------------------------------------------------------------------------------
    def reads(self, split: Split, filt: int) -> range:
        return next(ins for outs, ins in split.blocks if filt in outs)

    def square(self, split: Split) -> VGroup:
        """A row for each filter, filled where it reads; of very many some."""
        filters, depth = self.groups.out[0], self.groups.shape[0]
        count = min(filters, ROWS)
        high, wide = MATRIX.height / count, MATRIX.width / depth
        made = VGroup(ink.tiles([MATRIX], fill=self.look.paper, edge=self.look["muted"].edge, width=0.8))
        for row in range(count):
            filt = row * filters // count
            reads = self.reads(split, filt)
            box = Box(MATRIX.x + reads.start * wide, MATRIX.y + row * high, len(reads) * wide, high)
            made.add(ink.tiles([box], fill=self.shade(split, filt, 0) or self.look["kernel"].fill))
        if max(filters, depth) <= SLABS:
            x, y, right, bottom = MATRIX.x, MATRIX.y, MATRIX.right, MATRIX.bottom
            lines = [[(x, y + i * high), (right, y + i * high)] for i in range(filters + 1)]
            lines += [[(x + i * wide, y), (x + i * wide, bottom)] for i in range(depth + 1)]
            made.add(ink.strokes(lines, mix(self.look.paper, self.look["muted"].edge, 0.6), width=0.5))
        return made

    def shade(self, split: Split, channel: int, side: int) -> str | None:
        """The shade of a channel's group, where there are several."""
        if split.groups == 1:
            return None
        group = next(i for i, block in enumerate(split.blocks) if channel in block[side])
        return mix(self.look.paper, self.look.deep(LAST * group / max(split.groups - 1, 1)), 0.45)

    # -- the slider and the figures ------------------------------------------------------------------------------
    def slider(self, split: Split) -> VGroup:
        """A line with a stop for each number of groups, and a knob."""
        y = SLIDER.centre[1]
        gap = SLIDER.width / max(len(self.stops) - 1, 1)
        at = {stop.groups: SLIDER.x + i * gap for i, stop in enumerate(self.stops)}
        marks = ink.strokes([[(x, y - 3), (x, y + 3)] for x in at.values()], self.look.faint_ink, width=1.0)
        line = ink.strokes([[(SLIDER.x, y), (SLIDER.right, y)]], self.look.faint_ink, width=1.2)
        told = [(x, y + 13, str(groups)) for groups, x in at.items()]
        letters = ink.texts(told, self.look.ink, size=8.5, mono=True, align="center")
        knob = ink.dots([(at[split.groups], y)], self.look["active"].edge, radius=5.0)
        return VGroup(line, marks, letters, knob)

    def rows(self, split: Split) -> list[tuple[str, int, int, str, float]]:
        """Name, value, the value without groups, role and height of each figure."""
        whole = self.groups.splits[0]
        rows = (
            ("parameters", split.params, whole.params, "kernel"),
            ("MACs", split.macs, whole.macs, "output"),
        )
        return [(*row, FIGURES.y + 9 + i * 19) for i, row in enumerate(rows)]

    def bars(self, split: Split) -> VGroup:
        """Bars as long as the share of a convolution without groups."""
        made, rows = VGroup(), self.rows(split)
        x = FIGURES.x + 62
        room = FIGURES.right - x - max(len(f"{full:,}") for _, _, full, _, _ in rows) * 5.8 - 8
        for _, value, full, role, y in rows:
            shown = self.look[role]
            bar = Box(x, y - 5, max(room * value / full, 0.8), 10)
            made.add(ink.tiles([Box(x, y - 5, room, 10)], edge=self.look.line, width=0.6))
            made.add(ink.tiles([bar], fill=shown.fill, edge=shown.edge, width=0.8))
        return made

    def figures(self, split: Split) -> VGroup:
        """Parameters and MACs."""
        rows = self.rows(split)
        names = ink.texts([(FIGURES.x, y, name) for name, _, _, _, y in rows], self.look.faint_ink, size=9)
        values = [(FIGURES.right, y, f"{value:,}") for _, value, _, _, y in rows]
        return VGroup(names, ink.texts(values, self.look.ink, size=9.5, mono=True, bold=True, align="right"))

    def formula(self, split: Split) -> VMobject:
        """The parameters, with the numbers put in."""
        text = f"parameters: {prose.equation(split.formula)}"
        return ink.text(18, FORMULA, text, self.look.ink, size=fitting(text, MATRIX.x - 30, 8.6), mono=True)

    def heads(self) -> VGroup:
        filters, depth = self.groups.out[0], self.groups.shape[0]
        drawn = min(filters, DRAWN)
        many = words.count(filters, "filter") + (f", {drawn} drawn" if drawn < filters else "")
        made = VGroup(*(
            ink.text(area.centre[0], HEADS, label, self.look.ink, size=9.5, bold=True, align="center")
            for area, label in ((INPUT, words.count(depth, "channel")), (FILTERS, many), (MATRIX, "who reads whom"))
        ))  # fmt: skip
        solids = self.filter_solids(self.now)
        fronts = [solid.sheet(0) for solid in solids]
        numbers = [(box.centre[0], box.bottom + 8, str(f)) for f, box in enumerate(fronts)]
        if filters <= SLABS >= depth:
            high, wide = MATRIX.height / filters, MATRIX.width / depth
            numbers += [(MATRIX.x - 6, MATRIX.y + (f + 0.5) * high, str(f)) for f in range(filters)]
            numbers += [(MATRIX.x + (c + 0.5) * wide, MATRIX.bottom + 7, str(c)) for c in range(depth)]
        made.add(ink.texts(numbers, self.look.faint_ink, size=7.5, mono=True, align="center"))
        faint = self.look.faint_ink
        made.add(
            ink.text(MATRIX.centre[0], MATRIX.bottom + 17, "input channels", faint, size=8.5, align="center")
        )
        made.add(ink.text(MATRIX.x - 14, MATRIX.centre[1], "filters", faint, size=8.5, align="right"))
        made.add(ink.text(18, SLIDER.centre[1], "groups", self.look.faint_ink, size=9))
        return made


__all__ = ["Bench"]
