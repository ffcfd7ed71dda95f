"""Groups cut a convolution into blocks that never meet: fewer weights, and a shuffle that mixes the groups again."""

from __future__ import annotations

from typing import ClassVar

from convviz.scenes.parts.bench import LAST, Bench
from convviz.scenes.stage import Story, ink
from manim import FadeIn, FadeOut, LaggedStart, Transform, VGroup, VMobject

from convviz.errors import ConvvizError
from convviz.figures.cells import Box
from convviz.ops.conv import Conv
from convviz.plan import words
from convviz.plan.groups import Groups, Mixed, Split, groups_of, told
from convviz.theme import mix

MOST = 16  # channels that can be followed one by one
STOPS = 8  # of the slider
NODE, TOP, BOTTOM = 17.0, 64.0, 262.0
COLUMNS = {"input": 92.0, "first": 236.0, "shuffled": 330.0, "second": 474.0}


class Grouped(Story):
    """From one group to as many as there are channels: what a filter reads, what it costs, and how a shuffle helps."""

    name = "grouped"
    tells_cut = False
    example: ClassVar[dict[str, int]] = {"out_channels": 8, "groups": 2}

    def prepare(self) -> None:
        given = self.settings.fields or self.settings.input
        self.plan = self.keep(
            self.settings.plan("grouped_conv", (8, 5, 5), **({} if given else self.example))
        )
        stage = self.plan.stages[0]
        op, shape = stage.op, stage.ins[0]
        if self.settings.model is not None:
            node = self.settings.graph()[self.settings.layer or ""]
            op, shape = node.op, node.ins[0]
        if not isinstance(op, Conv):
            raise ConvvizError(
                f"the scene grouped shows a convolution, got {op.kind}", self.settings.layer or ""
            )
        self.groups = self.keep(groups_of(op, shape[-op.rank - 1 :]))
        self.small, self.cut = self.followed()

    def followed(self) -> tuple[Groups, int]:
        """A layer whose channels can be followed one by one, and its number of groups: this one, or the example."""
        own = self.groups
        between = [s.groups for s in own.splits if 1 < s.groups < min(own.shape[0], own.out[0])]
        if between and max(own.shape[0], own.out[0]) <= MOST:
            return own, own.op.groups if own.op.groups in between else between[0]
        example = self.keep(groups_of(*conv_of(self.example)))
        return example, example.op.groups

    def tell(self) -> None:
        self.section("One group: all read all")
        self.bench = Bench(self, self.groups, self.stops())
        self.play(LaggedStart(*(FadeIn(m) for m in self.bench.objects()), lag_ratio=0.15), run_time=1.6)
        first = self.groups.splits[0]
        self.say(f"Without groups {told(first)}: a full square of input channels times filters.")
        self.wait(0.6)
        self.section("From 1 to C")
        self.slide()
        self.section("Groups never meet")
        self.clear()
        self.meet()
        self.section("A channel shuffle")
        self.shuffle()

    # -- the slider --------------------------------------------------------------------------------------------
    def stops(self) -> list[Split]:
        """Where the slider stops: every number of groups that divides, or of many the first, the last, and the own."""
        splits = list(self.groups.splits)
        if len(splits) <= STOPS:
            return splits
        kept = {0, len(splits) - 1, splits.index(self.groups.own)}
        for i in range(len(splits)):
            if len(kept) < STOPS:
                kept.add(i)
        return [splits[i] for i in sorted(kept)]

    def slide(self) -> None:
        """The slider goes to the end, and back to the op's own number of groups."""
        stops = self.stops()
        if len(stops) == 1:
            self.say("No other number divides both the input channels and the filters.")
            return
        for number, split in enumerate(stops[1:], 1):
            last = number == len(stops) - 1
            if number <= 2 or last:
                self.say(self.line(split))
            elif number == 3:
                self.say("On it goes: the more groups, the thinner the filters, and the smaller the squares.")
            self.bench.go(split, run_time=1.5 if number <= 2 or last else 0.9)
        own = self.groups.own
        self.wait(0.8)
        if own is not stops[-1]:
            name = "This layer has" if self.settings.model else "Back to"
            self.say(f"{name} {words.count(own.groups, 'group')}: {told(own)}.")
            self.bench.go(own, run_time=1.5)
        filt = self.groups.out[0] - 1
        reads = next(ins for outs, ins in own.blocks if filt in outs)
        self.say(f"Filter {filt}, for one, reads {words.along('channel', reads)} and is blind to all others."
                 if own.groups > 1 else f"Filter {filt}, for one, reads {words.along('channel', reads)}.")  # fmt: skip
        self.bench.point(filt)
        self.poster()

    def line(self, split: Split) -> str:
        """What a number of groups means."""
        if split.groups == self.groups.shape[0] == self.groups.out[0]:
            return f"{split.groups} groups: each filter has one channel to itself. This is a depthwise convolution."
        return f"{split.groups} groups: {told(split)}, and {split.share} of the multiplications are left."

    # -- two layers --------------------------------------------------------------------------------------------
    def meet(self) -> None:
        """Two grouped layers in a row."""
        self.plain = self.small.mixed(self.cut, False)
        self.mixed = self.small.mixed(self.cut, True)
        count = self.small.shape[0]
        self.tiles = {
            "input": self.nodes("input", range(count), self.group_of("input", count)),
            "first": self.nodes("first", range(self.small.out[0]), self.group_of("first", self.small.out[0])),
            "second": self.nodes(
                "second", range(self.small.out[0]), self.group_of("first", self.small.out[0])
            ),
        }
        heads = self.headed()
        first, second = self.wires("input", "first"), self.wires("first", "second")
        self.play(
            FadeIn(first),
            FadeIn(second),
            *(FadeIn(m) for row in self.tiles.values() for m in row),
            FadeIn(heads),
        )
        where = (
            "Two layers" if self.small is self.groups else f"Two layers of {count} channels, as an example,"
        )
        self.say(f"{where} with {self.cut} groups each: the wires of a group never leave it.")
        ring = self.traced(self.plain)
        self.say(
            f"So an output behind both depends on {self.plain.reached} of {count} channels only, however deep."
        )
        self.play(FadeIn(ring))
        self.wait(1.0)
        self.play(FadeOut(ring), run_time=0.3)
        self.second = second

    def shuffle(self) -> None:
        """The channels between the layers change places."""
        self.say("The remedy: between the layers deal the channels out, one of each group in turn.")
        order = self.mixed.order
        self.play(FadeOut(self.second), run_time=0.4)
        moved = [self.tiles["first"][channel].copy() for channel in order]
        targets = self.nodes("shuffled", order, {c: self.group_of("first", len(order))[c] for c in order})
        wires = self.crossing(order)
        self.play(*(Transform(tile, to) for tile, to in zip(moved, targets)), FadeIn(wires), run_time=1.8)
        head = ink.text(COLUMNS["shuffled"], 52, "shuffled", self.look.ink, size=9, bold=True, align="center")
        after = self.wires("shuffled", "second")
        self.play(FadeIn(after), FadeIn(head), run_time=0.8)
        count = self.small.shape[0]
        self.say(f"Now an output depends on {self.mixed.reached} of {words.count(count, 'channel')}: "
                 f"the groups have been mixed without one weight.")  # fmt: skip
        self.play(FadeIn(self.traced(self.mixed)))
        self.wait(0.6)

    # -- what is drawn -----------------------------------------------------------------------------------------
    def group_of(self, where: str, count: int) -> dict[int, int]:
        """The group of each channel of a layer, from the blocks of the split."""
        side = 1 if where == "input" else 0
        blocks = self.small[self.cut].blocks
        return {c: g for g, block in enumerate(blocks) for c in block[side] if c < count}

    def place(self, column: str, row: int) -> Box:
        count = self.small.shape[0] if column == "input" else self.small.out[0]
        step = (BOTTOM - TOP) / count
        side = min(NODE, step - 2)
        return Box(COLUMNS[column] - side * 0.9, TOP + (row + 0.5) * step - side / 2, side * 1.8, side)

    def nodes(self, column: str, channels: range | tuple[int, ...], group: dict[int, int]) -> list[VGroup]:
        """A tile for each channel, in the shade of its group, with its number."""
        found = []
        for row, channel in enumerate(channels):
            box = self.place(column, row)
            shade = mix(self.look.paper, self.look.deep(LAST * group[channel] / max(self.cut - 1, 1)), 0.4)
            size = min(8.5, box.height * 0.75)
            tile = ink.tiles(
                [box], fill=shade, edge=self.look.faint_ink, width=0.7, rounded=column != "input"
            )
            letter = ink.text(*box.centre, str(channel), self.look.ink, size=size, mono=True, align="center")
            found.append(VGroup(tile, letter) if size >= 7 else VGroup(tile))
        return found

    def wires(self, start: str, end: str) -> VMobject:
        """A line for each pair that a grouped layer joins."""
        lines = []
        blocks = self.small[self.cut].blocks
        for outs, ins in blocks:
            sources = ins if start == "input" else outs
            lines += [self.wire(start, i, end, o) for o in outs for i in sources]
        return ink.strokes(lines, self.look["muted"].edge, width=0.6)

    def wire(self, start: str, i: int, end: str, o: int) -> list[tuple[float, float]]:
        a, b = self.place(start, i), self.place(end, o)
        return [(a.right, a.centre[1]), (b.x, b.centre[1])]

    def crossing(self, order: tuple[int, ...]) -> VMobject:
        """From where a channel was to where it is dealt."""
        lines = [self.wire("first", channel, "shuffled", row) for row, channel in enumerate(order)]
        return ink.strokes(lines, self.look.faint_ink, width=0.9, dashed=True)

    def traced(self, mixed: Mixed) -> VGroup:
        """The first output behind both layers, and the wires to every input channel that it depends on."""
        middle = "shuffled" if mixed.shuffled else "first"
        blocks = self.small[self.cut].blocks
        rows = next(outs for outs, _ in blocks if 0 in outs)  # of the channels in front of the second layer
        sources = [mixed.order[row] for row in rows]
        lines = [self.wire(middle, row, "second", 0) for row in rows]
        if mixed.shuffled:
            lines += [self.wire("first", channel, middle, row) for channel, row in zip(sources, rows)]
        lines += [
            self.wire("input", c, "first", o)
            for o in sources
            for outs, ins in blocks
            if o in outs
            for c in ins
        ]
        boxes = [self.place("second", 0).inset(-1.5), *(self.place("first", o).inset(-1.5) for o in sources)]
        boxes += [self.place("input", c).inset(-1.5) for c in sorted(mixed.reads[0])]
        edge = self.look["active"].edge
        return VGroup(
            ink.strokes(lines, edge, width=1.1), ink.tiles(boxes, edge=edge, width=2.0, rounded=True)
        )

    def headed(self) -> VGroup:
        groups = words.count(self.cut, "group")
        told_ = {"input": "input channels", "first": f"layer 1: {groups}", "second": f"layer 2: {groups}"}
        return VGroup(
            *(
                ink.text(COLUMNS[k], 52, t, self.look.ink, size=9, bold=True, align="center")
                for k, t in told_.items()
            )
        )


def conv_of(fields: dict[str, int]) -> tuple[Conv, tuple[int, ...]]:
    """The example as an op with its input."""
    from convviz.plan import plan

    stage = plan("grouped_conv", fields, (8, 5, 5)).stages[0]
    assert isinstance(stage.op, Conv)
    return stage.op, stage.ins[0]
