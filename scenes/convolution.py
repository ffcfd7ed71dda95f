"""One window slides over the input; at each place its products add up to one output."""

from __future__ import annotations

from convviz.scenes.stage import Story

from convviz.plan.fed import with_reach


class Convolution(Story):
    """One window slides over the input; at each place its products add up to one output."""

    name = "convolution"

    def prepare(self) -> None:
        self.plan = self.keep(with_reach(self.settings.plan("conv")))
        self.windows = len(self.plan.steps) - sum(step.work is None for step in self.plan.steps)

    def tell(self) -> None:
        steps = self.plan.steps
        self.section("One window, one sum")
        view = self.show(self.plan, at=(0,))
        self.say("The kernel is laid over the input, so that each weight meets one cell.")
        view.mark(0, run_time=1.0)
        view.step(0, slow=True)
        self.say(steps[0].caption)

        self.section("The window slides")
        self.say("One step further, the same weights meet other cells.")
        if self.windows > 1:
            view.step(1, slow=True)
        self.say("So it goes on until the window has been everywhere.")
        view.rest(until=self.windows)
        view.settle()

        for at in range(self.windows, len(steps)):
            self.section(steps[at].section)
            self.say(steps[at].caption, hold=1.0)
            view.mark(at, run_time=0.9)
        view.settle()

        self.section("The size of the output")
        first = self.plan.formulas[0]
        self.say(f"{first.about.capitalize()}: one cell for each place where the window fits.", hold=1.5)
        self.formula(first)
