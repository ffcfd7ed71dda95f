"""Sheets and keys as a LaTeX document, with nothing but the standard packages."""

from __future__ import annotations

from collections.abc import Sequence

from convviz.exercise.model import Blank, Box, Question, Sheet
from convviz.report.documents import LATEX
from convviz.report.exercises.words import lettered, listed_questions, points, prompt, shown

MORE = {
    "√": r"$\surd$",
    "⌊": r"$\lfloor$",
    "⌋": r"$\rfloor$",
    "⌈": r"$\lceil$",
    "⌉": r"$\rceil$",
    "²": r"$^2$",
    "³": r"$^3$",
    "₁": r"$_1$",
    "₂": r"$_2$",
    "Σ": r"$\Sigma$",
    "∞": r"$\infty$",
    "—": "---",
}
HEAD = r"""\documentclass[11pt,a4paper]{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage[margin=18mm]{geometry}
\setlength{\parindent}{0pt}
\setlength{\parskip}{3pt}
\renewcommand{\arraystretch}{1.3}
\newcommand{\blank}{\rule{2.5cm}{0.4pt}}
\begin{document}
"""


def latex(sheets: Sequence[Sheet], key: bool) -> str:
    """A document of its own; each sheet begins a new page."""
    return HEAD + "\\newpage\n".join(one(sheet, key) for sheet in sheets) + "\\end{document}\n"


def tex(value: str) -> str:
    """Text that LaTeX leaves as it is.

    >>> tex("50 % of C_in × k²")
    '50 \\\\% of C\\\\_in $\\\\times$ k$^2$'
    """
    return "".join(MORE.get(char, LATEX.get(char, char)) for char in value)


def one(sheet: Sheet, key: bool) -> str:
    out = [
        rf"\textbf{{\Large {tex('Key: ' * key + sheet.title)}}}\hfill\texttt{{{tex(sheet.code)}}}\par\hrule"
    ]
    if not key:
        out.append(
            rf"\vspace{{8pt}}Name \rule{{8cm}}{{0.4pt}}\hfill Date \rule{{3cm}}{{0.4pt}}\hfill / {points(sheet)}\par"
        )
    out.append(rf"\vspace{{4pt}}{tex(sheet.text)}\par")
    for letter, part in lettered(sheet):
        out.append(rf"\section*{{{letter}. {tex(part.title)}}}")
        out += [rf"{tex(part.text)}\par"] if part.text else []
        out += [boxes_tex(part.boxes, sheet, key)] if part.boxes else []
        questions = [question_tex(question, sheet, key) for question in listed_questions(part, key)]
        out += [r"\begin{itemize}", *questions, r"\end{itemize}"] if questions else []
    return "\n".join(out) + "\n"


def question_tex(question: Question, sheet: Sheet, key: bool) -> str:
    start = rf"\item[({sheet.numbers[question.id]})] {tex(prompt(question))} "
    if not key:
        return start + r"\blank"
    return (
        start
        + rf"\textbf{{{tex(shown(question.answer, question.listed))}}}\\ {{\small {tex(question.explanation)}}}"
    )


def boxes_tex(boxes: Sequence[Box], sheet: Sheet, key: bool) -> str:
    """Boxes beside one another, where none begins a new line."""
    signs = [r"\par" if box.fresh else r"\quad" for box in boxes[1:]] + [r"\par"]
    return "\n".join(f"{box_tex(box, sheet, key)} {sign}" for box, sign in zip(boxes, signs, strict=True))


def box_tex(box: Box, sheet: Sheet, key: bool) -> str:
    """A grid with lines around its cells, or a table with a heading."""
    columns = len(box.rows[0])
    rows = [" & ".join(cell_tex(cell, sheet, key) for cell in row) + r" \\ \hline" for row in box.rows]
    title = rf"\multicolumn{{{columns}}}{{l}}{{\small {tex(box.title)}}} \\ " if box.title else ""
    body = "\n".join(rows)
    return rf"\begin{{tabular}}[b]{{|{'c|' * columns}}}" + f"\n{title}\\hline\n{body}\n\\end{{tabular}}"


def cell_tex(cell: str | Blank, sheet: Sheet, key: bool) -> str:
    if isinstance(cell, str):
        return tex(cell)
    question, number = sheet.by_id[cell.question], sheet.numbers[cell.question]
    inside = tex(shown(question.answer, question.listed)) if key else r"\hspace{5mm}"
    return rf"$^{{{number}}}$ {inside}"
