"""Sheets and keys as pages to print: one sheet a page, white paper, blanks with their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from convviz import theme
from convviz.exercise.model import Blank, Box, Part, Question, Sheet
from convviz.report.exercises.words import lettered, listed_questions, points, prompt, shown


def page(sheets: Sequence[Sheet], key: bool) -> str:
    """A page of its own, light on any screen; each sheet begins a new page in print."""
    title = f"{'Key: ' if key else ''}{sheets[0].title}"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{PAGE}</style>\n</head>\n"
        f"<body>\n{fragment(sheets, key)}</body>\n</html>\n"
    )


def fragment(sheets: Sequence[Sheet], key: bool = False) -> str:
    """Sheets, or their keys, with their style."""
    return (
        f'<div class="convviz-sheets"><style>{css()}</style>\n'
        + "".join(one(sheet, key) for sheet in sheets)
        + "</div>\n"
    )


def one(sheet: Sheet, key: bool) -> str:
    """One sheet."""
    out = [f'<section class="sheet{" key" * key}">', "<header>"]
    out.append(f"<h1>{'Key: ' * key}{escape(sheet.title)}</h1>")
    out.append(f'<p class="code">{escape(sheet.code)}<br>{points(sheet)}</p>')
    out.append("</header>")
    if not key:
        out.append('<p class="hand"><span>Name</span><span>Date</span></p>')
    out.append(f"<p>{escape(sheet.text)}</p>")
    for letter, part in lettered(sheet):
        out.append(part_html(letter, part, sheet, key))
    return "\n".join([*out, "</section>"]) + "\n"


def part_html(letter: str, part: Part, sheet: Sheet, key: bool) -> str:
    head = [f"<h2>{letter}. {escape(part.title)}</h2>"]
    head += [f"<p>{escape(part.text)}</p>"] if part.text else []
    if part.boxes:
        boxes = "".join(box_html(box, sheet, key) for box in part.boxes)
        head.append(f'<div class="boxes">{boxes}</div>')
    # Kept together, so that no heading stands alone at the foot of a page.
    out = [f'<div class="part">{"".join(head)}</div>']
    questions = [question_html(question, sheet, key) for question in listed_questions(part, key)]
    short = any(question.prompt for question in part.questions)
    out += ["<ol>" if short else '<ol class="cells">', *questions, "</ol>"] if questions else []
    return "\n".join(out)


def question_html(question: Question, sheet: Sheet, key: bool) -> str:
    number = sheet.numbers[question.id]
    if key:
        answer = escape(shown(question.answer, question.listed))
        return (
            f'<li value="{number}"><p>{escape(prompt(question))} <b class="answer">{answer}</b></p>'
            f'<p class="worked">{escape(question.explanation)}</p></li>'
        )
    wide = " wide" * isinstance(question.answer, tuple)
    return f'<li value="{number}"><p>{escape(prompt(question))} <span class="line{wide}"></span></p></li>'


def box_html(box: Box, sheet: Sheet, key: bool) -> str:
    """A grid of cells, or a table with a heading."""
    rows = []
    for i, row in enumerate(box.rows):
        tag = "th" if box.head and not i else "td"
        rows.append("<tr>" + "".join(cell_html(cell, tag, sheet, key) for cell in row) + "</tr>")
    kind = "table" if box.head else "grid kernel" if box.title.startswith("kernel") else "grid"
    title = f"<figcaption>{escape(box.title)}</figcaption>" if box.title else ""
    fresh = '<i class="fresh"></i>' if box.fresh else ""
    return f'{fresh}<figure class="{kind}">{title}<table>{"".join(rows)}</table></figure>'


def cell_html(cell: str | Blank, tag: str, sheet: Sheet, key: bool) -> str:
    if isinstance(cell, str):
        return f"<{tag}>{escape(cell)}</{tag}>"
    question, number = sheet.by_id[cell.question], sheet.numbers[cell.question]
    inside = f"<b>{escape(shown(question.answer, question.listed))}</b>" if key else ""
    return f'<{tag} class="blank"><small>{number}</small>{inside}</{tag}>'


LIGHT = theme.LIGHT
PAGE = (
    "@page{size:A4;margin:16mm 15mm}"
    f":root{{color-scheme:light}}body{{margin:0;background:{LIGHT.paper}}}"
    "@media screen{body{max-width:190mm;margin:0 auto;padding:1rem}}"
)


def css() -> str:
    """Black on white, whatever surrounds it: a sheet is paper."""
    ink, faint, line = LIGHT.ink, LIGHT.faint_ink, LIGHT.roles["padding"].edge
    given, kernel, out = (LIGHT[role].edge for role in ("input", "kernel", "output"))
    rules = {
        "": f"color:{ink};background:{LIGHT.paper};font:11pt/1.4 Inter,system-ui,sans-serif;padding:.1em .6em",
        ".sheet": "break-after:page;padding-bottom:1.2em",
        ".sheet:last-child": "break-after:auto",
        "header": f"display:flex;justify-content:space-between;gap:2em;border-bottom:1.5px solid {ink}",
        "h1": "font-size:1.35em;margin:.2em 0",
        "h2": "font-size:1.05em;margin:1.1em 0 .25em",
        "p": "margin:.3em 0",
        ".code": f"text-align:right;white-space:nowrap;font-size:.8em;color:{faint}",
        ".hand": "display:flex;gap:1.5em;margin:.9em 0 .7em",
        ".hand span": f"flex:1;border-bottom:1px solid {line};color:{faint};font-size:.85em;height:1.6em;"
        "display:flex;align-items:flex-end",
        ".hand span:first-child": "flex:2.2",
        ".part, li, figure": "break-inside:avoid",
        ".part": "break-after:avoid",
        "ol": "margin:.3em 0;padding-left:2.3em",
        "ol.cells": "columns:2;column-gap:2em",
        "li": "margin:0 0 .45em",
        "li::marker": f"color:{faint};font-weight:600",
        ".line": f"display:inline-block;min-width:7em;border-bottom:1px solid {ink};height:1.25em;"
        "vertical-align:baseline",
        ".line.wide": "min-width:11em",
        ".boxes": "display:flex;flex-wrap:wrap;gap:.7em 1.5em;margin:.5em 0;align-items:flex-start",
        "figure": "margin:0",
        ".fresh": "flex-basis:100%;height:0",
        "figcaption": f"font-size:.8em;color:{faint};margin-bottom:.15em",
        "table": "border-collapse:collapse;font:10.5pt/1.2 'JetBrains Mono',ui-monospace,monospace",
        "td, th": f"border:1px solid {line};text-align:center;min-width:1.9em;height:1.9em;padding:0 .25em;"
        f"color:{ink};background:none",
        ".grid td": f"border-color:{given}",
        ".kernel td": f"border:2px solid {kernel}",
        ".table th": f"border-width:0 0 1.5px;border-color:{ink};font-weight:600",
        ".table td": "border-width:0 0 1px",
        ".table td:first-child": "text-align:left",
        "figure td.blank": f"position:relative;min-width:3.4em;height:2.1em;border:1.5px solid {out}",
        "small": f"position:absolute;top:1px;left:3px;font-size:.62em;line-height:1.2;color:{faint}",
        ".blank b": "padding-left:.5em",
        ".answer": f"padding:0 .35em;border:1.5px solid {out};border-radius:.35em",
        ".worked": f"font:.85em/1.4 'JetBrains Mono',ui-monospace,monospace;color:{faint};overflow-wrap:anywhere",
    }
    own = ".convviz-sheets"
    return "".join(
        f"{','.join(f'{own} {part.strip()}'.strip() for part in names.split(','))}{{{rule}}}"
        for names, rule in rules.items()
    )
