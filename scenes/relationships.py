"""The fifteen relationships of convolution arithmetic: each with its name, its formula and the window behind it."""

from __future__ import annotations

from convviz.scenes.parts import small
from convviz.scenes.parts.sweep import Sweep
from convviz.scenes.stage import Story, board, ink
from convviz.scenes.stage.story import fitting
from convviz.scenes.stage.view import View
from manim import FadeIn, VGroup, VMobject

from convviz.errors import ConvvizError
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.plan.model import Plan
from convviz.plan.relationships import Relationship, of_op, relationship, smaller

SIZES = ("i", "k", "s", "p", "d", "a")
GROUPS = (
    ("Unit stride", (1, 2, 3, 4)),
    ("Strides, pooling", (5, 6, 7)),
    ("Transposed, unit stride", (8, 9, 10, 11)),
    ("Transposed, strides", (12, 13, 14)),
    ("Dilation", (15,)),
)
# The guide's own sizes, but for four: then 8 to 11 give back what 1 to 4 took, 6 shows what a floor drops, and the
# largest numbers of 7 differ.
EXAMPLES = {1: {"i": 5}, 6: {"i": 6}, 7: {"i": 6, "k": 2, "s": 2}, 8: {"i": 3}}
SAID = {
    1: "No padding: the window stays inside, so the map shrinks.",
    2: "Any padding p: both ends gain p cells.",
    3: "Half padding: the output is as large as the input.",
    4: "Full padding: every overlap counts, so the map grows.",
    5: "With a stride, the window hops over cells.",
    6: "Stride and padding: what is too short for a hop is dropped.",
    7: "Pooling moves its window by the same rule.",
    8: "The transpose of 1: full padding makes the map grow back.",
    9: "The transpose of 2: less padding, the map shrinks back.",
    10: "The transpose of 3: the size stays as it is.",
    11: "The transpose of 4: no padding is left.",
    12: "The transpose of 5: zeros between cells, where hops were.",
    13: "The transpose of 6, if its floor dropped nothing.",
    14: "The transpose of 6, if its floor dropped a cells: they return.",
    15: "Dilation: holes in the window let it reach further.",
}
TEXT = Box(board.STAGE.x, 44, 196, 178)
PICTURE = Box(222, 40, 333, 184)
SHELF = Box(board.STAGE.x, 232, board.STAGE.width, 34)
SIDE = 18  # points of a cell
LONGEST = 20  # cells along an axis


class Relationships(Story):
    """The fifteen relationships of convolution arithmetic: each with its name, its formula and the window behind it."""

    name = "relationships"
    tells_cut = False

    # -- numbers ---------------------------------------------------------------------------------------------
    def prepare(self) -> None:
        fields = dict(self.settings.fields)
        rank, which = fields.pop("rank", 2), fields.pop("number", None)
        if rank not in (1, 2):
            raise ConvvizError(f"must be 1 or 2, got {rank!r}", "rank")
        if self.settings.layer is not None:
            if fields or which is not None:
                raise ConvvizError(
                    "a layer has its own sizes; they cannot be set", next(iter(fields), "number")
                )
            node = self.settings.graph()[self.settings.layer]
            if not node.ins or not getattr(node.op, "rank", 0):
                raise ConvvizError(
                    "the fifteen relationships are of conv, pooling and conv_transpose", self.settings.layer
                )
            found = of_op(node.op, node.ins[0][-1])
            self.own: Relationship | None = found
            self.pictured = {found.number: smaller(found)}
        elif which is not None:
            sizes = {name: fields[name] for name in SIZES if name in fields}
            self.own = relationship(which, **sizes, rank=rank)
            self.pictured = {self.own.number: self.own}
        elif fields:
            raise ConvvizError(
                f"is of one relationship; name it with number, 1 to {len(SAID)}", next(iter(fields))
            )
        else:
            self.own, self.pictured = None, {}
        self.fifteen = {n: relationship(n, **EXAMPLES.get(n, {}), rank=rank) for n in SAID}
        for n, mine in self.pictured.items():
            self.fifteen[n] = mine
        told = self.fifteen if self.own is None else self.pictured
        self.plans_of = {n: self.keep(each.plan(seed=self.settings.seed)) for n, each in self.fifteen.items()}
        for n in told:
            self.check(self.plans_of[n])

    def check(self, plan: Plan) -> None:
        """Raises ConvvizError, before anything is drawn, for maps that are too large."""
        long, out = len(small.extent(small.source_of(plan), -1)), small.grid(plan, "output").shape[-1]
        if long > LONGEST or out > LONGEST:
            raise ConvvizError(
                f"maps of {long} cells, their padding included, and of {out} cannot be seen; at most {LONGEST}",
                plan.name,
            )

    # -- the story -------------------------------------------------------------------------------------------
    def tell(self) -> None:
        self.now: list[VMobject] = []
        if self.own is not None:
            self.alone(self.own)
        else:
            self.slots = self.shelf()
            for name, numbers in GROUPS:
                self.section(name)
                for n in numbers:
                    if n == 1:
                        self.play(FadeIn(VGroup(*self.slots.values())), run_time=0.3)
                    self.say(SAID[n])
                    self.one(self.fifteen[n], self.fifteen[n])
                    self.fill(n)
        self.board()

    def alone(self, own: Relationship) -> None:
        """One relationship at sizes of its own, or a layer's."""
        n = own.number
        self.section(f"Relationship {n}")
        who = (
            f"{self.settings.layer} follows relationship {n}" if self.settings.layer else f"Relationship {n}"
        )
        self.say(f"{who}: {own.title[0].lower()}{own.title[1:]}.")
        self.one(own, self.pictured[n])
        holds = draw.wrap(f"Holds for: {own.conditions}.", SHELF.width, 9.0)
        self.play(FadeIn(self.lines(holds, SHELF, size=9.0, mono=False)), run_time=0.4)
        self.say(SAID[n])
        if self.settings.layer and own.sizes != self.pictured[n].sizes:
            self.say(
                f"The layer takes {own.sizes.i} cells to {own.formula.result}; the picture has fewer, but as many left."
            )

    def one(self, told: Relationship, pictured: Relationship) -> None:
        """A relationship: its name and formula, the window moving, and what comes out."""
        plan = self.plans_of[pictured.number]
        source = small.source_of(plan)
        view = View(self, plan, PICTURE, keys=[source.key, "output"], largest=SIDE)
        words, result = self.words(told)
        panels = VGroup(*view.panels.values())
        self.remove(*self.now)
        self.play(FadeIn(words), FadeIn(panels), run_time=0.3)
        sweep = Sweep(self, view, source.key)
        quick = max(1.1, min(0.26 * len(plan.steps), 1.9))
        self.play(sweep, run_time=quick)
        self.remove(sweep.mobject)
        self.add(sweep.outputs, result)
        self.now = [words, panels, sweep.outputs, result]

    def words(self, told: Relationship) -> tuple[VGroup, VMobject]:
        """Number, name and formula; and the size that comes out, which is shown at the end."""
        look, formula = self.look, told.formula
        x, y = TEXT.x, TEXT.y + 12
        made = VGroup(ink.text(x, y, str(told.number), look["active"].edge, size=24, bold=True))
        left = x + 40
        for i, line in enumerate(draw.wrap(told.title, TEXT.right - left, 10.5, bold=True)):
            made.add(ink.text(left, y - 5 + i * 13, line, look.ink, size=10.5, bold=True))
        z = told.sizes
        known = [
            f"{name} = {getattr(z, name)}" for name in SIZES if getattr(z, name) != {"d": 1, "a": 0}.get(name)
        ]
        if told.kind.endswith("pool"):
            known.remove(f"p = {z.p}")
        made.add(ink.text(x, TEXT.y + 42, ", ".join(known), look.ink, size=8.5, mono=True))
        y = TEXT.y + 63
        for words, colour in ((formula.symbols, look.faint_ink), (f"= {formula.numbers}", look.ink)):
            lines = draw.wrap(words, TEXT.width, 7.4, mono=True)
            size = fitting(max(lines, key=len), TEXT.width, 9.2)
            for line in lines:
                made.add(ink.text(x, y, line, colour, size=size, mono=True))
                y += 13
            y += 3
        made.add(small.kernel(self.plans_of[told.number], look, TEXT.x, TEXT.bottom))
        return made, ink.text(
            x, y + 6, f"= {formula.result}", look["output"].edge, size=16, mono=True, bold=True
        )

    # -- the shelf -------------------------------------------------------------------------------------------
    def slot(self, n: int) -> Box:
        """Where a relationship stands on the shelf; groups stand apart."""
        gap, apart = 3.0, 7.0
        group = next(i for i, (_, numbers) in enumerate(GROUPS) if n in numbers)
        wide = (SHELF.width - gap * (len(SAID) - 1) - apart * (len(GROUPS) - 1)) / len(SAID)
        return Box(SHELF.x + (n - 1) * (wide + gap) + group * apart, SHELF.y, wide, SHELF.height)

    def shelf(self) -> dict[int, VMobject]:
        return {
            n: VGroup(
                ink.tiles([self.slot(n)], edge=self.look.line, width=0.8, dashed=True),
                ink.text(*self.slot(n).centre, str(n), self.look.faint_ink, size=9, align="center"),
            )
            for n in SAID
        }

    def fill(self, n: int) -> None:
        """Put a relationship on the shelf."""
        box, one, look = self.slot(n), self.fifteen[n], self.look
        x, y = box.centre
        role = look["shared" if one.kind == "conv_transpose" else "input"]
        made = VGroup(
            ink.tiles([box], fill=role.fill, edge=role.edge, width=0.9),
            ink.text(x, y - 8, str(n), look.ink, size=9.5, bold=True, align="center"),
            ink.text(
                x, y + 7, f"{one.sizes.i}→{one.formula.result}", look.ink, size=8, mono=True, align="center"
            ),
        )
        self.remove(self.slots[n])
        self.add(made)
        self.slots[n] = made

    # -- all of them -----------------------------------------------------------------------------------------
    def board(self) -> None:
        """All fifteen with their names."""
        self.section("All fifteen")
        if self.own is not None:
            self.say("All fifteen, and which one this is.")
        else:
            self.say("Seven rules for windows, seven for their transposes, and one for holes.")
        self.clear()
        across, high = 5, 77.0
        wide = board.STAGE.width / across
        made = VGroup()
        for n, each in self.fifteen.items():
            at = Box(board.STAGE.x + (n - 1) % across * wide, 42 + (n - 1) // across * high, wide - 8, high)
            made.add(self.miniature(each, at))
        self.play(FadeIn(made), run_time=0.8)
        self.wait(1.0)

    def miniature(self, each: Relationship, at: Box) -> VGroup:
        """Number, name, the two maps and their sizes."""
        look, n = self.look, each.number
        chosen = self.own is None or self.own.number == n
        colour = look.ink if chosen else look.faint_ink
        strong = look["active"].edge if chosen else colour
        made = VGroup(ink.text(at.x, at.y + 6, str(n), strong, size=10.5, bold=True))
        name = draw.wrap(each.title, at.width - 17, 7.0)
        made.add(
            ink.texts(
                [(at.x + 17, at.y + 5 + i * 8.4, line) for i, line in enumerate(name)], colour, size=7.0
            )
        )
        maps, low = small.maps(self.plans_of[n], look, at.x, at.y + 29)
        told = self.own if self.own is not None and chosen else each
        sizes, x = f"{told.sizes.i}→{told.formula.result}", at.x + small.APART
        return made.add(maps, ink.text(x, low + 7, sizes, colour, size=7.6, mono=True, bold=chosen))
