"""A worked batch: its images are unrolled into one row, every number is worked out below, the answer is folded back."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from convviz.scenes.parts.norm_rows import IMAGES, LARGE, Rows, check_size
from convviz.scenes.stage import Story
from manim import FadeIn, FadeOut, LaggedStart, Transform, VGroup, VMobject

from convviz.errors import ConvvizError
from convviz.plan import norm_examples, words
from convviz.plan.model import Grid, Step, Work

# Row by row: its name, the plan's section and panel that fill it, the role of its cells.
ROWS = {
    "x": ("Sum", "", "input"),
    "x − mean": ("Deviations", "deviation", "input"),
    "(x − mean)²": ("Squares", "square", "input"),
    "normalized": ("Normalize", "normalized", "output"),
    "× γ + β": ("Scale and shift", "output", "output"),
}
CHANNELS = 3  # that are told one after the other


class WorkedBatch(Story):
    """A worked batch: its images are unrolled into one row, every number worked out, the answer folded back."""

    name = "worked_batch"

    # -- numbers -------------------------------------------------------------------------------------------
    def prepare(self) -> None:
        fields, node = self.settings.fields, self.settings.node()
        shape = None if node else self.settings.input
        samples = norm_examples.checked_samples(fields.get("batch", norm_examples.SAMPLES))
        check_size(samples * prod((shape or (1, 2, 2))[1:]))
        own = {name: fields[name] for name in ("gamma", "beta") if name in fields}
        self.plan = self.keep(norm_examples.worked(shape, samples, **own, seed=self.settings.seed, node=node))
        grid = self.plan["input"]
        assert isinstance(grid, Grid)
        full = grid.shape if grid.batched else (1, *grid.shape)
        self.rows, self.channels = Rows(full, self.look), range(min(full[1], CHANNELS))
        self.several = full[1] > 1
        self.digits = self.fitting_digits()

    def steps(self, section: str) -> list[Step]:
        """The plan's steps of a section, one a channel."""
        return [step for step in self.plan.steps if step.section == section]

    def arithmetic(self, section: str, channel: int = 0) -> Work:
        work = self.steps(section)[channel].work
        assert work is not None
        return work

    def result(self, section: str, channel: int = 0) -> str:
        return words.number(self.arithmetic(section, channel).result or 0)

    def values(self, name: str, channel: int) -> list[float]:
        """The numbers of a row."""
        section, panel, _ = ROWS[name]
        if not panel:
            return [term.value for term in self.arithmetic(section, channel).terms]
        return [w.value for w in self.steps(section)[channel].writes if w.panel == panel]

    def fitting_digits(self) -> int:
        """Digits behind the point with which all numbers have room in their cells."""
        every = [value for name in ROWS for c in self.channels for value in self.values(name, c)]
        for digits in (2, 1, 0):
            if self.rows.fits(max(len(rounded(value, digits)) for value in every)):
                return digits
        raise ConvvizError("makes numbers that do not fit into their cells; use a smaller one", "gamma")

    def texts(self, name: str, channel: int = 0) -> list[str]:
        return [rounded(value, self.digits) for value in self.values(name, channel)]

    def learned(self, name: str, channel: int) -> str:
        grid = self.plan[name]
        assert isinstance(grid, Grid) and grid.values is not None
        return words.number(grid.values[channel,])

    # -- the story -----------------------------------------------------------------------------------------
    def tell(self) -> None:
        self.filled: list[list[VGroup]] = []  # rows, each image by image
        self.told: dict[int, VGroup] = {}  # what stands beside rows
        self.spelled: VMobject | None = None
        self.unroll()
        self.section("Mean")
        self.say("Fill it in before you look: what is the mean of this row?")
        self.spell("Sum", ask=True)
        self.stand(0, ["sum ?", "mean ?"])
        self._read()
        self._moment("mean: blank")
        self.say(self.steps("Mean")[0].caption)
        self.spell("Sum")
        self.stand(0, [f"sum {self.result('Sum')}", "mean ?"])
        self.spell("Mean")
        self.stand(0, self.beside(0)[0])
        self.section("Deviations")
        self.fill("x − mean", "Take the mean away from each number. What is left?")
        self.say("What is left sums to zero: the mean was taken away.")
        self.section("Variance")
        self.fill("(x − mean)²", "Squared, nothing can cancel any more.")
        self.say(self.steps("Variance")[0].caption)
        self.spell("Sum of squares")
        self.spell("Variance")
        self.stand(2, self.beside(2)[0])
        self.section("Normalize")
        self.say("Its root is the standard deviation; eps keeps it above 0.")
        self.spell("Standard deviation")
        self.stand(3, self.beside(3)[0])
        self.fill("normalized", f"Each deviation is divided by {self.result('Standard deviation')}.")
        self.say("Now the mean is 0 and the variance is 1, but for eps.")
        self.section("Scale and shift")
        self.stand(4, *self.beside(4))
        self.fill("× γ + β", "Two learned numbers for each channel: γ scales, β shifts.")
        self.fold()
        for channel in self.channels[1:]:
            self.other(channel)

    def unroll(self) -> None:
        """The images, then all of their cells in one row."""
        rows, texts = self.rows, self.texts("x")
        self.section("One row")
        large = rows.images(LARGE, IMAGES.bottom + 70)
        first = rows.cells(large, texts, "input")
        names = rows.names(large)
        self.play(FadeIn(first), FadeIn(names))
        self.say(self.steps("Shared")[0].caption)
        self._read()
        boxes = rows.images()
        self.images, self.names = rows.cells(boxes, texts, "input"), VGroup(rows.names(boxes))
        if self.several:
            self.names.add(rows.channel(0))
        self.say("All of its cells are laid in one row.")
        self.play(Transform(first, self.images), FadeOut(names), FadeIn(self.names), run_time=0.8)
        self.remove(first)
        self.add(self.images)
        moving = self.images.copy()
        self.add(moving)
        aim = rows.cells(rows.row(0), texts, "input")
        self.play(Transform(moving, aim), FadeIn(rows.label(0, "x")), run_time=1.4)
        self.remove(moving)
        self.filled.append(rows.parts(0, texts, "input"))
        self.add(*self.filled[0])
        self.ring = rows.ring(0)

    def fill(self, name: str, ask: str) -> None:
        """A row of blanks, time to fill them in, then the answers image by image."""
        row, (section, _, role) = [*ROWS].index(name), ROWS[name]
        self.say(ask)
        blanks = self.rows.blanks(row)
        self.add(blanks, self.ring)
        label = self.rows.label(row, name)
        self.play(FadeIn(blanks), FadeIn(label), Transform(self.ring, self.rows.ring(row)), run_time=0.6)
        self.spell(section, ask=True)
        self._read()
        self._moment(f"{name}: blanks")
        self.spell(section)
        made = self.rows.parts(row, self.texts(name), role)
        self.filled.append(made)
        self.play(LaggedStart(*map(FadeIn, made), lag_ratio=0.5), run_time=1.3)
        self.remove(blanks, self.ring)
        self.add(self.ring)

    def spell(self, section: str, ask: bool = False) -> None:
        """The arithmetic of a step, of its first cell where it has several; ask: without what comes out."""
        text = self.arithmetic(section).text.split(", ")[0]
        if ask:
            text = f"{text.rpartition(' = ')[0]} = ?"
        made = self.lines([text], self.rows.work(len(ROWS)))
        if self.spelled is not None:
            self.remove(self.spelled)
        self.play(FadeIn(made), run_time=0.4)
        self.spelled = made

    def beside(self, row: int, channel: int = 0) -> tuple[list[str], str | None]:
        """What stands beside a row once it has been worked out, and its role."""
        if row == 0:
            return [f"sum {self.result('Sum', channel)}", f"mean {self.result('Mean', channel)}"], None
        if row == 2:
            total, var = self.result("Sum of squares", channel), self.result("Variance", channel)
            return [f"sum {total}", f"variance {var}"], None
        if row == 3:
            return [f"divided by {self.result('Standard deviation', channel)}"], None
        return [f"γ {self.learned('weight', channel)}", f"β {self.learned('bias', channel)}"], "kernel"

    def stand(self, row: int, lines: Sequence[str], role: str | None = None) -> None:
        """Put something beside a row, in place of what stood there."""
        made = self.rows.beside(row, lines, role)
        if row in self.told:
            self.remove(self.told[row])
        self.play(FadeIn(made), run_time=0.4)
        self.told[row] = made

    def fold(self) -> None:
        """The answers in the form of the images."""
        texts = self.texts("× γ + β")
        moving = self.rows.cells(self.rows.row(4), texts, "output")
        out = self.rows.cells(self.rows.images(), texts, "output")
        self.say("Folded back, each image has its answer.")
        self.add(moving)
        self.play(FadeOut(self.images), Transform(moving, out), FadeOut(self.ring), run_time=1.4)
        self.remove(moving)
        self.add(out)
        self.images = out
        mean, deviation = self.result("Mean"), self.result("Standard deviation")
        self.say(f"γ = {deviation} and β = {mean} would bring the input back.")

    def other(self, channel: int) -> None:
        """The same for another channel, all rows at once."""
        rows, old = self.rows, [m for parts in self.filled for m in parts]
        self.section(f"Channel {channel}")
        mean, var = self.result("Mean", channel), self.result("Variance", channel)
        self.say(f"Channel {channel} has numbers of its own: mean {mean}, variance {var}.")
        gone = [*old, *self.told.values(), self.images, self.names[1]]
        self.play(*map(FadeOut, [*gone, *([self.spelled] if self.spelled is not None else [])]), run_time=0.5)
        self.spelled = None
        self.names = VGroup(self.names[0], rows.channel(channel))
        self.told = {row: rows.beside(row, *self.beside(row, channel)) for row in self.told}
        self.filled = [rows.parts(i, self.texts(n, channel), ROWS[n][2]) for i, n in enumerate(ROWS)]
        self.images = rows.cells(rows.images(), self.texts("× γ + β", channel), "output")
        made = [*(VGroup(*parts) for parts in self.filled), self.images]
        self.play(*map(FadeIn, [*self.told.values(), self.names[1]]), run_time=0.4)
        self.play(LaggedStart(*map(FadeIn, made), lag_ratio=0.4), run_time=1.6)


def rounded(value: float, digits: int) -> str:
    """A number as a cell shows it; what eps leaves of a 0 is a 0."""
    with words.decimals(digits):
        return words.number(round(value, digits))
