"""Plans as LaTeX to hand in: grids as matrices, steps as aligned equations, tables with booktabs' rules.

What is written needs amsmath and booktabs only. Plans of normalization are told set by set (``norm_latex.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap

from convviz.plan.model import Cell, Curve, Formula, Grid, Matrix, Panel, Plan, Step
from convviz.plan.model import Table as Facts
from convviz.plan.words import number
from convviz.report.plan_blocks import (
    Block,
    Shown,
    batch,
    blocks,
    facts_line,
    heading,
    more_lines,
    sections,
)
from convviz.report.tex_math import BREAK, escape, lines, math, width

MAPS = 64  # maps of a grid that are written out
ROOM = 82  # digits that a line of mathematics is wide
HEAD = """\\documentclass[10pt]{article}
\\usepackage[utf8]{inputenc}
\\usepackage[T1]{fontenc}
\\usepackage[a4paper,margin=20mm]{geometry}
\\usepackage{amsmath,booktabs}
\\setlength{\\parindent}{0pt}
\\allowdisplaybreaks
\\begin{document}
"""
# Letters for what the cells of a panel are; other panels are named by their titles.
LETTERS = {"input": "x", "output": "y", "weight": "w", "bias": "b", "kernel": "w"}
Equation = tuple[str, str]  # what is worked out, and the arithmetic


def latex(plan: Plan, most: int | None = None, standalone: bool = False) -> str:
    """A plan as LaTeX, to be read in with ``\\\\input`` (needs amsmath and booktabs).

    most: steps of each section that are written out, of a normalization sets (None: all). standalone: a whole document.

    >>> from convviz.ops import build
    >>> from convviz.plan.general import general
    >>> print(latex(general(build("relu"), [(1,)], [[-2]])))  # doctest: +ELLIPSIS
    % needs \\usepackage{amsmath,booktabs}
    \\section*{ReLU on 1 gives 1}
    ...
    y_{0} &= \\max(0,\\ -2) = 0
    ...
    """
    from convviz.report.norms import latex as norm_latex

    body = norm_latex.body(plan, most) if norm_latex.tells(plan) else list(general(plan, most))
    start = [HEAD] if standalone else ["% needs \\usepackage{amsmath,booktabs}"]
    end = ["\\end{document}"] if standalone else []
    return "\n".join([*start, *body, *end]).replace(BREAK, "") + "\n"


def general(plan: Plan, most: int | None) -> Iterator[str]:
    """Title, formulas, what is given, the steps section by section, what comes out, tables and notes."""
    yield from head(plan)
    yield from formulas(plan.formulas)
    given = [panel for panel in plan.panels if isinstance(panel, Grid) and panel.values is not None]
    yield from part("Given", [line for panel in given for line in matrices(plan, panel)])
    for name, steps, more in sections(plan, most):
        yield f"\\subsection*{{{escape(name)}}}"
        yield from told([step for _, step in steps])
        yield from [rf"\noindent {escape(line.strip())}\par" for line in more_lines(more)]
    made = [panel for panel in plan.panels if isinstance(panel, Grid) and panel.values is None]
    yield from part("Results", [line for panel in made for line in matrices(plan, panel)])
    yield from tail(plan)


def head(plan: Plan) -> Iterator[str]:
    yield f"\\section*{{{escape(plan.title)}}}"
    if plan.facts:
        yield rf"\noindent {escape(facts_line(plan))}\par"


def tail(plan: Plan) -> Iterator[str]:
    """Tables, curves, matrices and notes."""
    for panel in plan.panels:
        if isinstance(panel, Facts):
            yield from facts_table(panel)
        elif isinstance(panel, Curve | Matrix):
            yield from points(plan, panel)
    if plan.notes:
        yield "\\begin{itemize}"
        yield from (rf"\item {escape(note)}" for note in plan.notes)
        yield "\\end{itemize}"


def part(title: str, found: Sequence[str]) -> list[str]:
    return [f"\\subsection*{{{title}}}", *found] if found else []


def formulas(found: Iterable[Formula], names: Mapping[str, str] | None = None) -> list[str]:
    """Formulas with their numbers put in, under one another."""
    rows: list[str] = []
    for formula in found:
        parts = [math(part, names) for part in (formula.symbols, formula.numbers, formula.result) if part]
        about = rf"\text{{{escape(formula.about)}:}}"
        room = ROOM - width(formula.about)
        whole = f" {BREAK}= ".join(
            p if width(p) > room else p.replace(BREAK, "") for p in dict.fromkeys(parts)
        )
        broken = lines(whole, room)
        rows += [rf"{'' if i else about} &\quad {line}".strip() for i, line in enumerate(broken)]
        notes = [
            rf"\quad \text{{{escape(line)}}}" for line in wrap(formula.note and f"({formula.note})", room)
        ]
        if len(notes) == 1 and width(broken[-1]) + len(formula.note) + 4 <= room:
            rows[-1] += notes[0]
        else:
            rows += [f"&{note}" for note in notes]
    return display(rows)


# -- steps ----------------------------------------------------------------------------------------------
def told(steps: Sequence[Step]) -> list[str]:
    """Steps as equations under one another; what a caption tells besides stands between them."""
    found: list[str] = []
    waiting: list[Equation] = []
    for step in steps:
        if step.work is None or (step.work.text not in step.caption and step.work.how != "copy"):
            found += aligned(waiting)
            waiting = []
            found.append(rf"\noindent {escape(step.caption)}\par")
        waiting += equations(step)
    return found + aligned(waiting)


def equations(step: Step) -> list[Equation]:
    """What a step works out, one equation for each cell where they are told apart."""
    work = step.work
    if work is None:
        return []
    cells = [(write.panel, write.cell) for write in step.writes]
    if work.how == "copy" and len(cells) == 1 and work.terms:
        term = work.terms[0]
        source = "" if term.padding else f"{symbol(term.panel, term.cell)} = "
        return [(symbol(*cells[0]), source + math(number(term.value)))]
    if work.how == "scatter":
        added = [part.partition(": ") for part in work.text.split("; ")]
        return [(math(at), rf"\leftarrow {math(text)}") if text else ("", math(at)) for at, _, text in added]
    parts = work.text.split(", ")
    if len(cells) == 1:
        *before, last = work.text.split("; ")
        return [*(("", math(text)) for text in before), (symbol(*cells[0]), math(last))]
    if cells and len(parts) == len(cells):
        return [(symbol(*cell), math(text)) for cell, text in zip(cells, parts, strict=True)]
    return [("", math(work.text))]


def symbol(panel: str, cell: Cell) -> str:
    """``y_{0,1}``, or what a panel is called."""
    name = LETTERS.get(panel, rf"\text{{{escape(panel.replace('_', ' '))}}}")
    return f"{name}_{{{','.join(map(str, cell))}}}" if cell else name


def aligned(found: Sequence[Equation]) -> list[str]:
    """Equations under one another, those that are too long broken before a sign."""
    rows: list[str] = []
    for left, right in found:
        room = ROOM - width(left)
        sign = "= " if left and not right.startswith(("=", r"\leftarrow")) else ""
        first, *rest = lines(right, room)
        rows.append(f"{left} &{sign}{first}".strip())
        rows += [rf"&\quad {line}" for line in rest]
    return display(rows)


def display(rows: Sequence[str]) -> list[str]:
    return ["\\begin{align*}", " \\\\\n".join(rows), "\\end{align*}"] if rows else []


# -- panels ---------------------------------------------------------------------------------------------
def matrices(plan: Plan, panel: Grid) -> list[str]:
    """A grid: a matrix for each channel, its name above it."""
    found = (
        batch(plan, panel, {}, MAPS).blocks
        if panel.batched and len(panel.shape) > 2
        else blocks(plan, panel, MAPS)
    )
    if not any(block.rows for block in found):
        return []
    wide = max(sum(len(cell.text) + 2 for cell in row) for block in found for row in block.rows)
    size = "" if wide <= ROOM else r"\scriptsize" if wide <= 2 * ROOM else r"\tiny"
    return [
        rf"\noindent \textbf{{{named(panel)}}}\par",
        *flowing([labelled(block) for block in found], size and rf"{size}\setlength{{\arraycolsep}}{{2pt}}"),
    ]


def named(panel: Grid) -> str:
    """The heading of a grid, whose title may be a formula."""
    if not set(panel.title) & set("√²Σ^|"):
        return escape(heading(panel))
    return rf"$\boldsymbol{{{math(panel.title)}}}${escape(heading(panel).removeprefix(panel.title))}"


def flowing(parts: Sequence[str], how: str = "") -> list[str]:
    """Formulas side by side, as many as a line holds; how: their size."""
    return [f"{{{how}\\raggedright", *(f"$\\displaystyle {part}$\\quad" for part in parts), "\\par}\\medskip"]


def labelled(block: Block) -> str:
    if not block.rows:
        return rf"\text{{{escape(block.label)}}}"
    inside = array([[cell.text for cell in row] for row in block.rows])
    return rf"\overset{{\text{{{escape(block.label)}}}}}{{{inside}}}" if block.label else inside


def array(rows: Sequence[Sequence[str]]) -> str:
    """Rows of numbers or arithmetic as a matrix."""
    columns = max(map(len, rows))
    body = r" \\ ".join(" & ".join(math(cell, inline=True) for cell in row) for row in rows)
    return rf"\left(\begin{{array}}{{{'r' * columns}}} {body} \end{{array}}\right)"


def facts_table(panel: Facts) -> list[str]:
    """A table with booktabs' rules, numbers on the right."""
    right = [all(not isinstance(row[i], str) for row in panel.rows) for i in range(len(panel.columns))]

    def line(cells: Iterable[str | int | float | None]) -> str:
        return " & ".join(cell_text(cell) for cell in cells) + r" \\"

    rows = [line(row) for row in panel.rows]
    start = table_head(panel.title, "".join("r" if r else "l" for r in right))
    return [*start, line(panel.columns), r"\midrule", *rows, *TABLE_END]


TABLE_END = (r"\bottomrule", r"\end{tabular}\par\medskip")


def table_head(title: str, columns: str) -> list[str]:
    return [
        rf"\noindent \textbf{{{escape(title)}}}\par\smallskip",
        rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        r"\toprule",
    ]


def cell_text(value: str | int | float | None) -> str:
    return "" if value is None else escape(value) if isinstance(value, str) else f"${math(number(value))}$"


def points(plan: Plan, panel: Panel) -> list[str]:
    """The points of a curve, or the entries of a matrix, in a small table."""
    (block,) = blocks(plan, panel)
    columns = max((len(row) for row in block.rows), default=0)
    if not columns:
        return []

    def cell(column: int, shown: Shown) -> str:
        if not column or not shown.text:
            return escape(shown.text)
        return r"$\cdot$" if shown.text == "·" else f"${math(shown.text)}$"

    rows = [" & ".join(cell(i, shown) for i, shown in enumerate(row)) + r" \\" for row in block.rows]
    small = r"{\scriptsize\setlength{\tabcolsep}{2pt}"
    return [small, *table_head(panel.title, "l" + "r" * (columns - 1)), *rows, *TABLE_END, "}"]
