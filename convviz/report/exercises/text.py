"""Sheets and keys as text for the terminal and as Markdown: grids side by side, blanks with their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from textwrap import wrap

from convviz.exercise.model import Blank, Box, Part, Question, Sheet
from convviz.report.documents import markdown, plainly
from convviz.report.exercises.words import HAND, lettered, listed_questions, points, prompt, shown
from convviz.report.model import Column, Table

WIDTH = 96
LINE = "_" * 12


def text(sheets: Sequence[Sheet], key: bool) -> str:
    """Sheets, or their keys, one below the other."""
    return ("\n" + "=" * WIDTH + "\n\n").join(one_text(sheet, key) for sheet in sheets)


def one_text(sheet: Sheet, key: bool) -> str:
    title = f"Key: {sheet.title}" if key else sheet.title
    code = f"sheet {sheet.code}"
    out = [f"{title}{code.rjust(max(WIDTH - len(title), len(code) + 2))}"]
    out += [] if key else [f"{HAND.format(LINE * 3, LINE)}   {'/'.rjust(4)} {points(sheet)}"]
    out += ["", *wrap(sheet.text, WIDTH)]
    for letter, part in lettered(sheet):
        out += ["", f"{letter}. {part.title}"]
        out += wrap(part.text, WIDTH) if part.text else []
        if part.boxes:
            out += ["", *box_rows(part.boxes, sheet, key)]
        questions = listed_questions(part, key)
        out += [""] if questions and (part.boxes or part.text) else []
        for question in questions:
            out += question_lines(question, sheet, key)
    return "\n".join(line.rstrip() for line in out) + "\n"


def question_lines(question: Question, sheet: Sheet, key: bool) -> list[str]:
    """A question with a blank, or with its answer and how it is worked out."""
    number = f"({sheet.numbers[question.id]})"
    answer = shown(question.answer, question.listed) if key else LINE
    start = f"{number:>5} "
    lines = wrap(f"{prompt(question)} {answer}", WIDTH - 6)
    lines = [start + lines[0], *("      " + line for line in lines[1:])]
    if key:
        lines += ["      " + line for line in wrap(question.explanation, WIDTH - 6)]
    return lines


def cell_text(cell: str | Blank, sheet: Sheet, key: bool) -> str:
    """A cell of a box; a blank has its number, and on a key the answer."""
    if isinstance(cell, str):
        return cell
    if key:
        question = sheet.by_id[cell.question]
        return shown(question.answer, question.listed)
    return f"({sheet.numbers[cell.question]})____"


def box_lines(box: Box, sheet: Sheet, key: bool) -> list[str]:
    """A box with its columns under one another."""
    rows = [[cell_text(cell, sheet, key) for cell in row] for row in box.rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    if not box.head:
        widths = [max(widths)] * len(widths)
    lines = [
        "  ".join(
            cell.ljust(w) if box.head and i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return [*([box.title] if box.title else []), *lines]


def box_rows(boxes: Sequence[Box], sheet: Sheet, key: bool) -> list[str]:
    """Boxes beside one another, where none begins a new row."""
    rows: list[list[list[str]]] = []
    for box in boxes:
        if box.fresh or not rows:
            rows.append([])
        rows[-1].append(box_lines(box, sheet, key))
    out: list[str] = []
    for row in rows:
        out += ([""] if out else []) + side_by_side(row)
    return out


def side_by_side(blocks: Sequence[Sequence[str]]) -> list[str]:
    """Boxes beside one another as far as the line reaches."""
    out: list[str] = []
    rest = list(blocks)
    while rest:
        row, width = [rest.pop(0)], max(map(len, blocks[len(blocks) - len(rest) - 1]))
        while rest and width + 4 + max(map(len, rest[0])) <= WIDTH - 4:
            width += 4 + max(map(len, rest[0]))
            row.append(rest.pop(0))
        sizes = [max(map(len, block)) for block in row]
        out += [""] if out else []
        for cells in zip_longest(*row, fillvalue=""):
            out.append("    " + "    ".join(c.ljust(w) for c, w in zip(cells, sizes, strict=True)).rstrip())
    return out


# -- Markdown -----------------------------------------------------------------------------------------
def md(sheets: Sequence[Sheet], key: bool) -> str:
    """Sheets, or their keys, with a rule between two."""
    return "\n---\n\n".join(one_md(sheet, key) for sheet in sheets)


def one_md(sheet: Sheet, key: bool) -> str:
    title = f"Key: {sheet.title}" if key else sheet.title
    out = [f"# {plainly(title)}", f"Sheet `{sheet.code}`, {points(sheet)}"]
    out += [] if key else [escaped(HAND.format(LINE * 2, LINE))]
    out.append(plainly(sheet.text))
    for letter, part in lettered(sheet):
        out.append(f"## {letter}. {plainly(part.title)}")
        out += [plainly(part.text)] if part.text else []
        out += boxes_md(part, sheet, key)
        lines = [
            line for question in listed_questions(part, key) for line in question_md(question, sheet, key)
        ]
        out += ["\n".join(lines)] if lines else []
    return "\n\n".join(out) + "\n"


def boxes_md(part: Part, sheet: Sheet, key: bool) -> list[str]:
    """Grids in one block of code, tables with a heading as tables."""
    lines = box_rows([box for box in part.boxes if not box.head], sheet, key)
    out = []
    if lines:
        block = "\n".join(line.removeprefix("    ") for line in lines)
        out.append(f"```text\n{block}\n```")
    for box in part.boxes:
        if box.head:
            columns = tuple(Column(str(cell), left=i == 0) for i, cell in enumerate(box.rows[0]))
            rows = tuple(tuple(cell_text(cell, sheet, key) for cell in row) for row in box.rows[1:])
            out.append(markdown(Table(box.title, columns, rows)).rstrip("\n").replace("_", r"\_"))
    return out


def question_md(question: Question, sheet: Sheet, key: bool) -> list[str]:
    number = f"({sheet.numbers[question.id]})"
    if not key:
        return [f"- {number} {plainly(prompt(question))} {escaped(LINE)}"]
    answer = shown(question.answer, question.listed)
    return [f"- {number} {plainly(prompt(question))} **{plainly(answer)}**  ", f"  `{question.explanation}`"]


def escaped(line: str) -> str:
    return line.replace("_", r"\_")
