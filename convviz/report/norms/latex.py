"""Normalization as LaTeX to hand in, set by set: the mean as one fraction, cells as matrices of arithmetic.

A plan tells section by section; here its steps are gathered by the set of cells that they are about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from convviz.plan.model import Cell, Grid, Number, Plan, Step
from convviz.plan.words import number
from convviz.report.plan_blocks import blocks, cut
from convviz.report.plan_latex import (
    MAPS,
    ROOM,
    aligned,
    array,
    display,
    equations,
    flowing,
    formulas,
    head,
    labelled,
    matrices,
    part,
    tail,
)
from convviz.report.tex_math import BREAK, escape, math, width

START = ("Shared", "In use")  # sections with the cells of each set
RUNNING = {  # of channel {c}, after update {k}
    "Running mean": r"\mu_{{\text{{run}},{c}}}^{{({k})}}",
    "Running variance": r"\sigma_{{\text{{run}},{c}}}^{{2\,({k})}}",
}
# What a section works out, for set {i}: of statistics one number, of cells ({x}: the cells of a matrix) one for each.
STATISTICS = {
    "Sum": r"\sum_{{{i}}} x",
    "Mean": r"\mu_{{{i}}}",
    "Sum of squares": r"\sum_{{{i}}} (x - {mu})^{{2}}",
    "Variance": r"\sigma_{{{i}}}^{{2}}",
    "Mean square": r"q_{{{i}}}",
    "Standard deviation": r"s_{{{i}}}",
    "Unbiased variance": r"\hat{{\sigma}}_{{{i}}}^{{2}}",
    "Least": r"a_{{{i}}}",
    "Greatest": r"b_{{{i}}}",
    "Range": r"s_{{{i}}}",
}
CELLS = {
    "Deviations": "x{at} - {mu}",
    "Above the least": "x{at} - a_{{{i}}}",
    "Squares": "(x{at} - {mu})^{{2}}",
    "Normalize": r"\hat{{x}}{at} = \frac{{x{at} - {mu}}}{{s_{{{i}}}}}",
    "Divide": r"\frac{{x{at}}}{{255}}",
    "Scale": r"y{at} = \gamma \hat{{x}}{at}",
    "Scale and shift": r"y{at} = \gamma \hat{{x}}{at} + \beta",
}
SUMS = {
    "Mean": "Sum",
    "Variance": "Sum of squares",
    "Mean square": "Sum of squares",
}  # merged into one fraction
NAMES = {
    "mean": r"\mu", "variance": r"\sigma^{2}", "mean square": "q", "eps": r"\varepsilon", "weight": r"\gamma",
    "bias": r"\beta", "running mean": r"\mu_{\text{run}}", "running variance": r"\sigma_{\text{run}}^{2}",
    "unbiased variance": r"\hat{\sigma}^{2}", "cells": "m", "all cells": r"\text{all cells}",
}  # fmt: skip


def tells(plan: Plan) -> bool:
    """Whether a plan says which cells belong to which set, and works out nothing else."""
    known = {*START, *RUNNING, *STATISTICS, *CELLS}
    return bool(set(START) & set(plan.sections)) and known >= set(plan.sections)


def body(plan: Plan, most: int | None = None) -> Iterator[str]:
    """The whole hand-in; most: sets that are written out (None: all)."""
    yield from head(plan)
    yield from formulas(plan.formulas, NAMES)
    yield from part("Given", list(given(plan)))
    if not live(plan):
        yield from updates(plan, most)
    sheets = [Sheet(plan, i, step) for i, step in enumerate(s for s in plan.steps if s.section in START)]
    shown = sheets if most is None else sheets[: max(most, 0)]
    for sheet in shown:
        yield from sheet.lines()
    if len(shown) < len(sheets):
        yield rf"\noindent \dots{{}} and {len(sheets) - len(shown):,} more sets like these\par"
    yield from part("Result", matrices(plan, plan["output"]))  # type: ignore[arg-type]
    if live(plan):
        yield from updates(plan, most)
    yield from tail(plan)


def given(plan: Plan) -> Iterator[str]:
    """The batch, and gamma and beta where there are any."""
    batch = plan["input"]
    assert isinstance(batch, Grid)
    yield from matrices(plan, batch)
    if batch.channels and len(batch.shape) > 2:
        yield r"\noindent In $x_{n,c}$ the first number is the sample, the second the channel.\par"
    found = [
        f"{sign} = {labelled(block)}"
        for key, sign in (("weight", r"\gamma"), ("bias", r"\beta"))
        if key in plan.by_key
        for block in blocks(plan, plan[key], MAPS)
    ]
    yield from flowing(found) if found else ()


def live(plan: Plan) -> bool:
    return "Shared" in plan.sections


def updates(plan: Plan, most: int | None) -> Iterator[str]:
    """The running statistics, step by step."""
    if not set(RUNNING) & set(plan.sections):
        return
    yield "\\subsection*{Running statistics}"
    for section, sign in RUNNING.items():
        found = []
        steps = [step for step in plan.steps if step.section == section]
        for step in steps if most is None else steps[: max(most, 0)]:
            done = equations(step)
            if len(done) == len(step.writes):
                signs = [sign.format(c=write.cell[0], k=write.cell[1]) for write in step.writes]
                done = [(left, right) for left, (_, right) in zip(signs, done, strict=True)]
            found += done
        yield from aligned(found)
        if most is not None and len(steps) > most:
            yield rf"\noindent \dots{{}} and {len(steps) - most:,} more updates like these\par"
    yield r"\noindent The number in brackets counts the updates, from 0 for the start; the other is the channel.\par"


class Sheet:
    """What a plan says of one set."""

    def __init__(self, plan: Plan, label: int, start: Step) -> None:
        self.plan, self.label, self.start = plan, label, start
        members = {cell for mark in start.marks for cell in mark.cells}
        self.sections: dict[str, list[Step]] = {}
        for step in plan.steps:
            cell = step.writes[0].cell if step.writes else ()
            if (step.section in STATISTICS and cell == (label,)) or (
                step.section in CELLS and cell in members
            ):
                self.sections.setdefault(step.section, []).append(step)

    @property
    def mu(self) -> str:
        """What is taken away from each cell."""
        if "Range" in self.sections:
            return f"a_{{{self.label}}}"
        if not live(self.plan):
            return rf"\mu_{{\text{{run}},{self.label}}}"
        return rf"\mu_{{{self.label}}}" if "Mean" in self.sections else ""

    def sign(self, template: str, at: str = "") -> str:
        """What is worked out; without a mean nothing is taken away."""
        text = template.format(i=self.label, mu=self.mu or "@", at=at)
        return text.replace(" - @", "").replace("(x)", "x").replace(f"(x{at})", f"x{at}")

    def lines(self) -> Iterator[str]:
        name, _, told = self.start.caption.partition(": ")
        yield f"\\subsection*{{Set {self.label}: {escape(name)}}}"
        yield rf"\noindent {escape(told)}\par"
        for section in sorted(
            self.sections, key=lambda section: section == "Unbiased variance"
        ):  # at the end
            steps = self.sections[section]
            if section in CELLS:
                yield from self.of_cells(section, steps)
            elif section not in SUMS.values():
                if section == "Unbiased variance":
                    yield rf"\noindent {escape(steps[0].caption.partition(':')[0])}:\par"
                yield from aligned(self.statistic(section, steps[0]))

    # -- one number ---------------------------------------------------------------------------------------
    def statistic(self, section: str, step: Step) -> list[tuple[str, str]]:
        """``\\mu_0 = \\frac{0 + 2}{2} = \\frac{2}{2} = 1``; a long sum stands on lines of its own."""
        assert step.work is not None
        left, right = self.sign(STATISTICS[section]), math(step.work.text)
        if section == "Standard deviation":
            right = f"{self.root()} = {right}"
        if section == "Range":
            eps = r" + \varepsilon" if "+" in step.work.text else ""
            right = f"b_{{{self.label}}} - a_{{{self.label}}}{eps} = {right}"
        if section == "Unbiased variance":
            right = rf"\frac{{{self.sign(STATISTICS['Sum of squares'])}}}{{m - 1}} = {right}"
        if section not in SUMS:
            return [(left, right)]
        (before,) = self.sections[SUMS[section]]
        assert before.work is not None and step.work.divisor is not None
        terms, _, _ = before.work.text.rpartition(" = ")
        if width(math(terms)) + width(right) + 12 <= ROOM:
            mean = rf"\frac{{{math(terms)}}}{{{number(step.work.divisor)}}} = {right}"
            return [(left, mean.replace(BREAK, ""))]
        return [(self.sign(STATISTICS[SUMS[section]]), math(before.work.text)), (left, right)]

    def root(self) -> str:
        """The root in letters."""
        if not live(self.plan):
            inside = rf"\sigma_{{\text{{run}},{self.label}}}^{{2}}"
        else:
            inside = self.sign(STATISTICS["Variance" if "Variance" in self.sections else "Mean square"])
        work = self.sections["Standard deviation"][0].work
        eps = r" + \varepsilon" if work is not None and " + " in work.text else ""
        return rf"\sqrt{{{inside}{eps}}}"

    # -- a number for each cell -----------------------------------------------------------------------------
    def of_cells(self, section: str, steps: Sequence[Step]) -> Iterator[str]:
        """A matrix of arithmetic and one of results for each map."""
        if self.at_start(section):
            shift = r" and $\beta = 0$" if section == "Scale and shift" else ""
            yield rf"\noindent $\gamma = 1${shift}: $y = \hat{{x}}$.\par"
            return
        values: dict[Cell, Number] = {}
        texts: dict[Cell, str] = {}
        for step in steps:
            assert step.work is not None
            parts = step.work.text.split(", ")
            values |= {write.cell: write.value for write in step.writes}
            if len(parts) == len(step.writes):
                texts |= {
                    w.cell: text.rpartition(" = ")[0] for w, text in zip(step.writes, parts, strict=True)
                }
        panel = self.plan[steps[0].writes[0].panel]
        assert isinstance(panel, Grid)
        rows: list[str] = []
        for at, cells in maps(tuple(values), panel):
            left = self.sign(CELLS[section], at)
            if panel.key == "output" and section == "Normalize":
                left = left.replace(r"\hat{x}", "y", 1)
            elif panel.key == "output" and not section.startswith("Scale"):
                left = f"y{at} = {left}"
            rows += matrix_rows(left, cells, texts, values)
        yield from display(rows)

    def at_start(self, section: str) -> bool:
        """Whether gamma is 1 and beta 0 for all cells of the set, so that nothing changes."""
        terms = [t for step in self.sections[section] for t in (step.work.terms if step.work else ())]
        shifts = [step.work.bias for step in self.sections[section] if step.work]
        return (
            section.startswith("Scale")
            and all(t.factor == 1 if t.panel == "normalized" else t.value == 0 for t in terms)
            and not any(shifts)
        )


def matrix_rows(
    left: str, cells: Sequence[Sequence[Cell]], texts: dict[Cell, str], values: dict[Cell, Number]
) -> list[str]:
    """``left = arithmetic = results``, on two lines where one is too short."""
    results = [[number(values[cell]) for cell in row] for row in cells]
    digits = max(len(text) for row in results for text in row) + 3
    most = max((ROOM - width(left)) // digits, 2)
    done = array(cut([row if len(row) <= most else [*row[: most - 1], "…"] for row in results], ["…"]))
    if any(cell not in texts for row in cells for cell in row):
        return [f"{left} &= {done}"]
    worked = [[texts[cell] for cell in row] for row in cells]
    wide = max(sum(width(math(text)) + 3 for text in row) for row in worked)
    beside = max(sum(len(text) + 3 for text in row) for row in results)
    if wide + width(left) > ROOM:
        return [f"{left} &= {done}"]
    if wide + beside + width(left) > ROOM:
        return [f"{left} &= {array(worked)}", f"&= {done}"]
    return [f"{left} &= {array(worked)} = {done}"]


def maps(cells: Sequence[Cell], panel: Grid) -> Iterator[tuple[str, list[list[Cell]]]]:
    """The cells of a set map by map, in rows, with the index of the map."""
    for prefix, group in groupby(sorted(cells), key=lambda cell: cell[:-2]):
        rows = [list(row) for _, row in groupby(group, key=lambda cell: cell[:-1])]
        index = [str(i) for i in prefix]
        if len(panel.shape) > 1:
            if len(rows) == 1 < panel.shape[-2]:
                index.append(str(rows[0][0][-2]))
            elif len(rows[0]) == 1 < panel.shape[-1]:
                index += [r"\cdot", str(rows[0][0][-1])]
        yield f"_{{{','.join(index)}}}" if index else "", rows
