"""Dropout: what falls, why the rest grows, why maps lose whole channels, and what stays the same on average."""

from __future__ import annotations

from convviz.scenes.stage import Story, board, ink
from convviz.scenes.stage.view import View
from manim import FadeIn, VGroup

from convviz.errors import ConvvizError
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.ops.base import show
from convviz.plan import words
from convviz.plan.model import Plan
from convviz.plan.regularizers.dropout import dropout as told
from convviz.plan.regularizers.masks import all_masks
from convviz.plan.regularizers.neighbours import Guessed, draws, smooth, telling, whole_step
from convviz.theme import mix

SHAPE = (3, 4, 4)
FEW = {1: (1, 4), 2: (1, 2, 2)}  # of the tensor whose masks are all shown, by rank
KINDS = ("dropout", "dropout1d", "dropout2d")


class Dropout(Story):
    """In training cells or channels fall and the rest grows; in evaluation nothing happens: the mean is the same."""

    name = "dropout"

    def prepare(self) -> None:
        given = self.settings
        stage = given.plan("dropout", SHAPE).stages[0]
        if stage.op.kind not in KINDS:
            raise ConvvizError(f"shows a layer of dropout, got {stage.op.kind}", given.layer or "dropout")
        p = stage.op.fields()["p"]
        if not 0 < p < 1:
            raise ConvvizError(f"must lie between 0 and 1, got {p:g}: else nothing falls, or everything", "p")
        shape = given.input or SHAPE
        if given.layer is not None or not 2 <= len(shape) <= 3:
            shape = SHAPE
        with words.decimals(2):
            self.found = telling(shape, p, given.seed)
            self.single = self.keep(told(self.found))
            self.whole = self.keep(told(telling(shape, p, given.seed, "dropout2d")))
            self.guessed = Guessed(self.found)
            self.keep(self.guessed.plan)
            few = FEW[len(shape) - 1]
            corner = smooth(shape, whole_step(p))[tuple(slice(n) for n in few)]
            self.masks = all_masks([int(v) for v in corner.reshape(-1)], corner.shape, p)
            self.bare = all_masks([int(v) for v in corner.reshape(-1)], corner.shape, p, scale=False)
            self.keep(self.masks.plan)
            self.keep(self.bare.plan)
            self.modes = self.keep(draws((1, *shape[1:]), p, self.found.seed))

    def tell(self) -> None:
        with words.decimals(2):
            for part in (self.cells, self.channels, self.neighbours, self.average, self.modes_):
                part()

    # -- sections ------------------------------------------------------------------------------------------
    def cells(self) -> None:
        self.section("Single cells")
        view = self.show(self.single, keys=["input", "output"])
        if view.shape("output").hidden:
            shape = show(self.found.x.shape[1:])
            raise ConvvizError(f"{shape} is too large to be drawn twice; {show(SHAPE)} can be drawn", "input")
        facts = dict(self.single.facts)
        p = words.number(float(self.found.p))
        self.say(f"In training each cell falls with probability {p}. What stays grows by {facts['scale']}.")
        kept = [step.writes[0].value != 0 for step in self.single.steps if step.section == "Training"]
        other = kept.index(not kept[0])
        view.step(0, slow=True, run_time=0.7)
        view.run(range(1, other), run_time=0.3)
        view.step(other, slow=True, run_time=0.7)
        self.say(f"{facts['dropped']} have fallen here. Every step of training draws anew.")
        view.together(range(other + 1, len(kept)))
        view.settle()
        self.play(FadeIn(self.crossed(view)), run_time=0.6)

    def channels(self) -> None:
        self.section("Whole channels")
        self.clear()
        view = self.show(self.whole, keys=["input", "output"])
        facts = dict(self.whole.facts)
        self.say("Dropout2d lets whole channels fall: all cells of one share their fate.")
        steps = [i for i, step in enumerate(self.whole.steps) if step.section == "Training"]
        for at in steps[:4]:
            view.step(at, run_time=0.8, work=False)
        view.together(steps[4:]) if steps[4:] else None
        view.settle()
        self.say(f"{facts['dropped']} have fallen: on average as many as one by one.")
        self.play(FadeIn(self.crossed(view)), run_time=0.6)

    def crossed(self, view: View, key: str = "output") -> VGroup:
        """What has fallen, crossed out."""
        shown = view.plan.shown(key)
        return self.crosses([view.box(key, cell).inset(1) for cell, value in shown.items() if value == 0])

    def crosses(self, boxes: list[Box]) -> VGroup:
        muted = self.look["muted"]
        lines = [((box.x, box.bottom), (box.right, box.y)) for box in boxes]
        return VGroup(
            ink.tiles(boxes, fill=muted.fill, edge=muted.edge), ink.strokes(lines, muted.edge, width=0.9)
        )

    def neighbours(self) -> None:
        self.section("Neighbours are alike")
        self.clear()
        plan = self.guessed.plan
        facts = dict(plan.facts)
        view = self.show(plan)
        holes = self.crosses([view.box("map", (0, *cell)).inset(1) for cell in self.guessed.fallen])
        self.say("In a map neighbours are alike. What fell can be read off those that stay.")
        self.play(FadeIn(holes), run_time=0.4)
        if plan.steps:
            view.step(0, slow=True, run_time=0.7)
            view.run(range(1, len(plan.steps)), run_time=0.4)
            view.settle()
        self.say(
            f"The guesses are off by {facts['guesses off by']}. A channel that fell leaves no neighbours at all."
        )

    def average(self) -> None:
        """All masks at once, and their average with and without the factor."""
        self.section("The mean is kept")
        self.clear()
        plan, count = self.masks.plan, len(self.masks.masks)
        shape = (1, *self.masks.shape[1:])[-2:]
        across = 8 if shape[0] > 1 else 4
        x0 = board.STAGE.x + 96
        side = min(19.0, (board.STAGE.right - x0 - 14 * across) / across / shape[1])
        wide, high = shape[1] * side + 14, shape[0] * side + 17
        made, chances = VGroup(), []
        for i in range(count):
            x, y = x0 + i % across * wide, board.STAGE.y + 16 + i // across * high
            made.add(self.tensor(plan, f"mask{i}", x, y, side))
            chances.append((x + shape[1] * side / 2, y - 7, self.masks.chance_text(self.masks.masks[i])))
        made.add(ink.texts(chances, self.look.faint_ink, size=8.0, mono=True, align="center"))
        source = VGroup(
            ink.text(board.STAGE.x, board.STAGE.y + 8, "input", self.look.ink, size=9.6, bold=True),
            self.tensor(plan, "input", board.STAGE.x, board.STAGE.y + 18, 19.0, "input"),
        )
        self.play(FadeIn(source), run_time=0.4)
        self.say(f"A few cells have {count} masks in all; above each one, how likely it is.")
        self.play(FadeIn(made), run_time=1.0)
        y = board.STAGE.y + 16 + -(-count // across) * high + 12
        for i, (one, name) in enumerate(
            ((self.masks, "average of all, each by its chance"), (self.bare, "the same without the factor"))
        ):
            x = x0 + i * 220
            result = self.tensor(one.plan, "mean", x, y + 10, 19.0)
            head = ink.text(x, y - 2, name, self.look.ink, size=9.2, bold=True)
            formula = one.plan.formulas[0]
            line = ink.text(
                x,
                y + 22 + shape[0] * 19.0,
                f"{formula.numbers} = {formula.result}",
                self.look.faint_ink,
                size=8.4,
                mono=True,
            )
            if i == 0:
                self.say("The average over all masks is the input itself, exactly.")
            else:
                self.say(
                    "Without the factor it would be smaller: what the next layer learned would not fit evaluation."
                )
            self.play(FadeIn(VGroup(result, head, line)), run_time=0.8)

    def tensor(self, plan: Plan, key: str, x: float, y: float, side: float, role: str = "output") -> VGroup:
        """A small map with its numbers; what is 0 is crossed out."""
        look, muted = self.look[role], self.look["muted"]
        shown = plan.shown(key)
        boxes = {
            cell: Box(x + cell[-1] * side, y + (cell[-2] if len(cell) > 2 else 0) * side, side, side)
            for cell in shown
        }
        kept = [boxes[c] for c, v in shown.items() if v != 0]
        gone = [boxes[c] for c, v in shown.items() if v == 0]
        line = mix(look.fill or self.look.paper, look.edge, 0.55)
        made = VGroup(ink.tiles(kept, fill=look.fill, edge=line, rounded=role == "output"))
        if gone:
            made.add(ink.tiles(gone, fill=muted.fill, edge=muted.edge))
            made.add(ink.strokes([((b.x, b.bottom), (b.right, b.y)) for b in gone], muted.edge, width=0.7))
        told_ = [(*boxes[c].centre, words.number(v)) for c, v in shown.items() if v != 0]
        size = draw.letter(side, max((len(text) for *_, text in told_), default=1)) or board.SMALLEST
        made.add(ink.texts(told_, self.look.ink, size=size, mono=True, align="center"))
        return made

    def modes_(self) -> None:
        self.section("Training and evaluation")
        self.clear()
        view = self.show(self.modes)
        facts = dict(self.modes.facts)
        steps = self.modes.steps
        self.say("Each step of training sees another draw.")
        for i, step in enumerate(steps):
            if step.section == "Evaluation":
                self.say("In evaluation nothing falls and nothing grows: dropout hands on what it gets.")
            view.step(i, run_time=0.7)
            box = view.box(self.modes.panels[i].key)
            name = ink.text(
                box.x,
                box.bottom + 12,
                f"mean {facts[self.modes.panels[i].title]}",
                self.look.ink,
                size=9.4,
                mono=True,
            )
            fallen = self.crossed(view, self.modes.panels[i].key)
            self.play(FadeIn(name), FadeIn(fallen), run_time=0.3)
        view.settle()
