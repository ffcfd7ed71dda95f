"""An answer for every pixel needs what is known far below and where it is: down, up again, and across by skips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import log2

from convviz.scenes.stage import Story, board, ink
from manim import FadeIn, FadeOut, VGroup, VMobject

from convviz import theme as themes
from convviz.errors import ConvvizError
from convviz.figures import cells as draw
from convviz.figures.cells import Box, Lattice
from convviz.plan import words
from convviz.plan.dense_prediction import SIDE, Station, journey, small
from convviz.plan.model import Cell, Grid, Number
from convviz.plan.what_and_where import answers

MOST = 13  # stations of a net that can be seen side by side
ROW = 25.0  # points of a row of cells, where a map is one
DEEP = 6.0  # points by which a block goes back
TOP, HIGH = 72.0, 124.0  # of the maps


class DensePrediction(Story):
    """An answer for every pixel needs what is known far below and where it is: down, up again, and across by skips."""

    name = "dense_prediction"

    def prepare(self) -> None:
        settings = self.settings
        self.net = self.keep(
            journey(settings.graph() if settings.model else small(settings.input or (1, *[SIDE[2]] * 2)))
        )
        if len(self.net.stations) > MOST:
            count = len(self.net.stations)
            raise ConvvizError(
                f"its map changes size {count - 1} times; up to {MOST - 1} can be drawn", self.net.graph.name
            )
        rank = len(self.net.stations[0].out) - 1
        self.told = answers(rank)
        self.plan = self.keep(self.told.plan)

    def tell(self) -> None:
        self.question()
        self.below()
        self.across()
        self.whole()

    # -- maps ------------------------------------------------------------------------------------------------
    def lattice(self, key: str, x: float, width: float, y: float = TOP, high: float = HIGH) -> Lattice:
        """Where a map lies: in the middle of ``width`` points from x on, all maps as large as the picture."""
        grid = self.plan[key]
        assert isinstance(grid, Grid)
        _, columns = self.area(grid.shape)
        full_rows, full = self.area(self.plan["image"].shape)  # type: ignore[union-attr]
        whole = width / full if full_rows == 1 else min(width / full, high / full_rows)
        side = whole * full / columns
        return Lattice(
            x + (width - side * columns) / 2,
            y if full_rows == 1 else y + (high - whole * full_rows) / 2,
            side,
        )

    def slots(self, count: int, y: float, high: float) -> list[tuple[float, float, float, float]]:
        """Places (x, width, y, height) of maps: beside each other, and below each other where they are rows."""
        stage = board.STAGE
        if len(self.plan["image"].shape) == 2:  # type: ignore[union-attr]
            return [(stage.x + 70, stage.width - 140, y + i * 174 / count, ROW) for i in range(count)]
        gap = 48 / count
        width = (stage.width - gap * (count - 1)) / count
        return [(stage.x + i * (width + gap), width, y, high) for i in range(count)]

    def area(self, shape: Sequence[int]) -> tuple[int, int]:
        return (shape[-2] if len(shape) > 2 else 1), shape[-1]

    def box(self, lattice: Lattice, cell: Cell) -> Box:
        """A cell of a map; a row of a 1-D map is as high as a pixel is wide."""
        found = lattice.cell(cell[-2] if len(cell) > 2 else 0, cell[-1])
        return found if len(cell) > 2 else Box(found.x, found.y, found.width, min(found.height, ROW))

    def map(
        self, key: str, values: Mapping[Cell, Number], lattice: Lattice, role: str, *, numbers: bool = False,
        title: str | None = None,
    ) -> VGroup:  # fmt: skip
        """A map in shades of its values, from 0 to 1."""
        grid = self.plan[key]
        assert isinstance(grid, Grid)
        look = self.look[role]
        by: dict[Number, list[Box]] = {}
        for cell, value in values.items():
            by.setdefault(value, []).append(self.box(lattice, cell))
        made = VGroup()
        line = themes.mix(look.fill or self.look.paper, look.edge, 0.4)
        for value, boxes in by.items():
            fill = themes.mix(self.look.paper, look.edge, 0.06 + 0.74 * min(float(value), 1.0))
            made.add(ink.tiles(boxes, fill=fill, edge=line, width=0.7, rounded=role == "output"))
            if numbers and (
                size := draw.letter(boxes[0].width, max(len(words.number(v)) for v in by), most=10.0)
            ):
                colour = self.on(fill)
                made.add(
                    ink.texts(
                        [(*b.centre, words.number(value)) for b in boxes],
                        colour,
                        size=size,
                        mono=True,
                        align="center",
                    )
                )
        first = self.box(lattice, min(values))
        made.add(ink.text(first.x, first.y - 9, title or grid.title, look.edge, size=9.2, bold=True))
        return made

    def on(self, fill: str) -> str:
        """The colour of letters on a fill."""
        return max((self.look.ink, self.look.paper), key=lambda colour: themes.contrast(colour, fill))

    def wrong(self, key: str, lattice: Lattice) -> VMobject:
        """A cross over every cell that is answered wrongly."""
        boxes = [self.box(lattice, cell).inset(2) for cell in self.told.wrong[key]]
        lines = [
            piece
            for b in boxes
            for piece in (((b.x, b.y), (b.right, b.bottom)), ((b.x, b.bottom), (b.right, b.y)))
        ]
        return ink.strokes(lines, self.look["active"].edge, width=1.6)

    # -- the worked picture ----------------------------------------------------------------------------------
    def question(self) -> None:
        self.section("One answer for every pixel")
        high = 150.0 if len(self.plan["image"].shape) > 2 else ROW  # type: ignore[union-attr]
        lattice = self.lattice("image", board.STAGE.x, board.STAGE.width, TOP, high)
        image = self.map("image", self.plan.shown("image"), lattice, "input", numbers=True)
        self.play(FadeIn(image), run_time=0.8)
        self.say("Which pixels belong to the large thing? Single bright pixels do not.")
        ring = self.ring(lattice)
        self.play(FadeIn(ring), run_time=0.6)
        self.say(
            "A pixel alone cannot tell: it has to know what lies around it, and still answer for itself."
        )
        self.gone = [image, ring]

    def ring(self, lattice: Lattice) -> VMobject:
        """The border of the thing."""
        if len(self.told.thing[0]) > 2:
            return ink.outline(
                lattice, [cell[-2:] for cell in self.told.thing], self.look["active"].edge, width=2.4
            )
        return ink.tiles(
            [Box.around(self.box(lattice, c) for c in self.told.thing)],
            edge=self.look["active"].edge,
            width=2.4,
        )

    def below(self) -> None:
        """Down twice, and the same far below for a picture that moved."""
        self.section("Pooling sees more and forgets where")
        self.say("Pooling makes each cell stand for more pixels: the mean of what lies below it.")
        self.clear()
        keys = ("image", "half", "deep")
        places = {
            key: self.lattice(key, *slot) for key, slot in zip(keys, self.slots(3, 66, 150), strict=True)
        }
        maps = {"image": self.map("image", self.plan.shown("image"), places["image"], "input")}
        self.play(FadeIn(maps["image"]), run_time=0.6)
        for before, key in (("image", "half"), ("half", "deep")):
            maps[key] = self.map(key, self.plan.shown(key), places[key], "output", numbers=True)
            ray = self.ray(before, key, places)
            self.play(FadeIn(ray), run_time=0.4)
            self.play(FadeIn(maps[key]), run_time=0.7)
            self.play(FadeOut(ray), run_time=0.3)
        self.say("Move the thing by one pixel: far below nothing changes. The place is lost.")
        moved = self.map("image", self.told.moved, places["image"], "input", title="the thing moved")
        half = self.map("half", self.told.moved_half, places["half"], "output", numbers=True)
        same = ink.tiles([Box.around(self.box(places["deep"], c) for c in self.plan.shown("deep")).inset(-2)],
                         edge=self.look["active"].edge, width=2.2)  # fmt: skip
        self.play(FadeOut(maps["image"]), FadeIn(moved), run_time=0.8)
        self.play(FadeOut(maps["half"]), FadeIn(half), run_time=0.8)
        self.play(FadeIn(same), run_time=0.5)

    def ray(self, start: str, end: str, places: Mapping[str, Lattice]) -> VGroup:
        """From the cells that a pooled cell stands for to that cell, for the first one that is not 0."""
        step = next(s for s in self.plan.steps if s.writes and s.writes[0].panel == end)
        write = next(w for w in step.writes if w.value)
        stage = next(stage for stage in self.plan.stages if stage.writes == end)
        reads = [
            axis.relation.taps(at).cells
            for axis, at in zip(stage.op.reads(*stage.ins)[0].axes[1:], write.cell[1:], strict=True)
        ]
        cells = [(0, *at) for at in product(*reads)]
        edge = self.look["active"].edge
        a, b = Box.around(self.box(places[start], c) for c in cells), self.box(places[end], write.cell)
        return VGroup(ink.beam(a, b, edge), ink.tiles([a, b], edge=edge, width=2.0))

    def across(self) -> None:
        """Upsampled alone, the pixel alone, and both."""
        self.section("Up again, and the skip")
        self.say("Upsampling gives every pixel a cell again, but only repeats what is known far below.")
        self.clear()
        first, *slots = self.slots(4, TOP - 8, HIGH + 8)
        deep = self.map("deep", self.plan.shown("deep"), self.lattice("deep", *first), "output")
        context = self.map("context", self.plan.shown("context"), self.lattice("context", *first), "output")
        self.play(FadeIn(deep), run_time=0.6)
        self.play(FadeOut(deep), FadeIn(context), run_time=0.9)
        steps = {step.writes[0].panel: step for step in self.plan.steps}
        titles = {"deep_answer": "from far below", "pixel_answer": "from the pixel", "answer": "from both"}
        for slot, (key, title) in zip(slots, titles.items(), strict=True):
            lattice = self.lattice(key, *slot)
            made = self.map(key, self.plan.shown(key), lattice, "output", title=title)
            step = steps[key]
            if key == "answer":
                assert step.work is not None
                self.say(
                    "The skip brings the pixel beside what is known below: a 1×1 convolution weighs both."
                )
                text = self.lines(
                    [f"yes where {self.plan.formulas[0].numbers}", f"a pixel of the thing: {step.work.text}"]
                )
                self.play(FadeIn(text), run_time=0.5)
            self.play(FadeIn(made), run_time=0.7)
            if self.told.wrong[key]:
                self.play(FadeIn(self.wrong(key, lattice)), run_time=0.4)
            self.say(step.caption)

    # -- the net ---------------------------------------------------------------------------------------------
    def whole(self) -> None:
        """Every station of the net as a block, the skips across, and what it costs."""
        self.section(f"{self.net.graph.name}: down, up, across")
        self.say("A net does this at every size: the encoder goes down, the decoder comes up.")
        self.clear()
        stations, boxes = self.net.stations, self.boxes()
        muted = self.look["muted"].edge
        for i, (station, box) in enumerate(zip(stations, boxes, strict=True)):
            moves = [FadeIn(VGroup(self.solid(box, station), self.facts(station, box)))]
            if i:
                start = (boxes[i - 1].right + DEEP + 2, boxes[i - 1].centre[1])
                moves.append(FadeIn(ink.arrow(start, (box.x - 3, box.centre[1]), muted, width=1.2)))
            self.play(*moves, run_time=0.7 if len(stations) < 8 else 0.45)
            if i == self.net.bottom:
                self.say(
                    f"At the bottom a cell sees {station.reads} pixels, and there is one every {station.step} pixels."
                )
        if self.net.skips:
            self.say("Skips carry maps across, from before the place was lost, and join their channels.")
        for target, station in enumerate(stations):
            for source, channels in station.joined:
                self.play(FadeIn(self.skip(boxes[source], boxes[target], channels)), run_time=0.6)
        scale = "heights and widths on a logarithmic scale"
        self.add(ink.text(board.STAGE.x, board.STAGE.bottom - 6, scale, self.look.faint_ink, size=7.6))
        last = stations[-1]
        total = dict(self.net.plan.facts)["parameters"]
        numbers = f"{words.count(last.out[0], 'number')} for each of {last.size} positions"
        self.say(f"{numbers}, each from {last.reads} pixels; {total} parameters.")

    def boxes(self) -> list[Box]:
        """The front of each station: higher for more cells, wider for more channels, on a logarithmic scale."""
        stations = self.net.stations
        pitch = board.STAGE.width / len(stations)
        most = max(log2(max(s.out[1:])) for s in stations)
        widest = max(log2(s.out[0] + 1) for s in stations)
        levels = max(s.level for s in stations) or 1
        found = []
        for i, station in enumerate(stations):
            high = 12 + 50 * log2(max(station.out[1:])) / max(most, 1)
            wide = 5 + (pitch * 0.44) * log2(station.out[0] + 1) / widest
            x = board.STAGE.x + i * pitch + (pitch - wide - DEEP) / 2
            top = 70 + 118 * station.level / levels
            found.append(Box(x, top, wide, high))
        return found

    def solid(self, box: Box, station: Station) -> VGroup:
        """A block: the front, and its top and side."""
        role = self.look["output" if station.way != "same" or station.level else "input"]
        fill, d = role.fill or self.look.paper, DEEP
        top = [(box.x, box.y), (box.x + d, box.y - d), (box.right + d, box.y - d), (box.right, box.y)]
        right = [
            (box.right, box.y),
            (box.right + d, box.y - d),
            (box.right + d, box.bottom - d),
            (box.right, box.bottom),
        ]
        return VGroup(
            ink.polygon(top, fill=themes.mix(fill, self.look.paper, 0.4), edge=role.edge, width=0.8),
            ink.polygon(right, fill=themes.mix(fill, role.edge, 0.35), edge=role.edge, width=0.8),
            ink.tiles([box], fill=fill, edge=role.edge, width=0.8),
        )

    def facts(self, station: Station, box: Box) -> VGroup:
        """Channels and size, what a cell sees, and parameters, below a block."""
        pitch = board.STAGE.width / len(self.net.stations)
        cells, channels = station.size, words.number(station.out[0])
        for rows in ([f"{channels} × {cells}", f"sees {station.reads}", f"{station.cost} weights"],
                     [f"{channels} ch", cells, "sees", station.reads, station.cost], [channels, cells]):  # fmt: skip
            size = min(9.0, *((pitch - 2) / max(draw.width_of(row, 1.0), 0.1) for row in rows))
            if size >= board.SMALLEST:
                break
        x, size = box.centre[0] + DEEP / 2, max(size, board.SMALLEST)
        made = VGroup()
        for n, row in enumerate(rows):
            colour = self.look.faint_ink if n else self.look.ink
            made.add(ink.text(x, box.bottom + 9 + n * size * 1.25, row, colour, size=size, align="center"))
        return made

    def skip(self, start: Box, end: Box, channels: int) -> VMobject:
        """An arrow over the maps between, with the channels that it joins."""
        edge, lift = self.look["active"].edge, DEEP + 7
        y = min(start.y, end.y) - lift
        a, b = start.centre[0] + DEEP / 2, end.centre[0] + DEEP / 2
        line = ink.strokes([[(a, start.y - DEEP - 1), (a, y), (b, y)]], edge, width=1.3)
        text = f"+{words.number(channels)} channels" if b - a > 90 else f"+{words.number(channels)}"
        ground = draw.width_of(text, 8.4) + 6
        patch = ink.tiles([Box((a + b) / 2 - ground / 2, y - 6, ground, 12)], fill=self.look.paper)
        told = ink.text((a + b) / 2, y, text, edge, size=8.4, align="center")
        return VGroup(line, ink.arrow((b, y), (b, end.y - DEEP - 1), edge, width=1.3), patch, told)
