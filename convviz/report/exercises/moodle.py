"""Sheets for Moodle's question bank: an embedded-answers (cloze) question a variant, and numerical questions.

The form is what Moodle's own importer reads (question/format/xml and question/type/multianswer). A category holds the
sheets: a quiz that draws one question from it at random gives each student a variant of his own. Answers have
tolerances, and each common mistake is an answer of 0 % with a feedback that names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from convviz.exercise.model import Blank, Box, Number, Part, Question, Sheet
from convviz.report.exercises.words import in_boxes, lettered, prompt, shown

PENALTY = "0.3333333"
TABLE = (
    '<table border="1" cellpadding="5" style="border-collapse:collapse;text-align:center;margin-bottom:1em">'
)


def moodle(sheets: Sequence[Sheet]) -> str:
    """One XML file with all variants."""
    first = sheets[0]
    base = f"$course$/top/convviz/{first.topic} {first.level} seed {first.seed}"
    out = ['<?xml version="1.0" encoding="UTF-8"?>', "<quiz>"]
    out.append(category(f"{base}/sheets", f"{first.title}: each question is one variant, a whole sheet."))
    out += [sheet_question(sheet) for sheet in sheets]
    for i, id in enumerate(first.by_id):
        alike = [(sheet, sheet.by_id[id]) for sheet in sheets if id in sheet.by_id and sheet.by_id[id].prompt]
        if alike:
            step = first.by_id[id].step
            out.append(
                category(
                    f"{base}/single questions/{i + 1:02d} {slash(step)}",
                    f"{first.title}: {step}, one variant each.",
                )
            )
            out += [single(sheet, question) for sheet, question in alike]
    return "\n".join([*out, "</quiz>"]) + "\n"


def slash(name: str) -> str:
    """A name as one part of a category's path."""
    return name.replace("/", "//")


def category(path: str, about: str) -> str:
    return (
        f'<question type="category">\n<category>{text(path)}</category>\n'
        f'<info format="html">{text(escape(about))}</info>\n</question>'
    )


def text(raw: str) -> str:
    """A ``<text>`` element; markup in CDATA, which must not hold its own end."""
    if not any(c in raw for c in "<>&"):
        return f"<text>{raw}</text>"
    return f"<text><![CDATA[{raw.replace(']]>', ']]]]><![CDATA[>')}]]></text>"


# -- a whole sheet ----------------------------------------------------------------------------------------
def sheet_question(sheet: Sheet) -> str:
    """All blanks of a sheet in one cloze question."""
    body = [f"<p>{html(sheet.text)}</p>"]
    feedback = []
    asked: set[str] = set()
    for letter, part in lettered(sheet):
        body.append(f"<h5>{letter}. {html(part.title)}</h5>")
        body += [f"<p>{html(part.text)}</p>"] if part.text else []
        lines = [question for question in part.questions if question.prompt]
        asked |= {question.id for question in lines}
        body.append(boxes(part, sheet, asked))
        asked |= in_boxes(part)
        for question in lines:
            body.append(f"<p>({sheet.numbers[question.id]}) {html(prompt(question))} {blanks(question)}</p>")
        for question in part.questions:
            feedback.append(worked(question, f"({sheet.numbers[question.id]}) "))
    return element("cloze", sheet.code, "".join(body), "".join(feedback), f"sheet-{sheet.code}")


def worked(question: Question, number: str = "") -> str:
    answer = shown(question.answer, question.listed)
    return (
        f"<p>{number}{escape(prompt(question))} <b>{escape(answer)}</b>: {escape(question.explanation)}</p>"
    )


def html(raw: str) -> str:
    """Text in which no brace can begin an embedded answer."""
    return escape(raw).replace("{", "&#123;")


def boxes(part: Part, sheet: Sheet, asked: set[str]) -> str:
    """Boxes as tables; a blank that is asked elsewhere is shown by its number."""
    return "".join(box_html(box, sheet, asked) for box in part.boxes)


def box_html(box: Box, sheet: Sheet, asked: set[str]) -> str:
    rows = []
    for i, row in enumerate(box.rows):
        tag = "th" if box.head and not i else "td"
        rows.append("<tr>" + "".join(f"<{tag}>{cell_html(c, sheet, asked)}</{tag}>" for c in row) + "</tr>")
    caption = f"<p>{html(box.title)}:</p>" if box.title else ""
    return f"{caption}{TABLE}<tbody>{''.join(rows)}</tbody></table>"


def cell_html(cell: str | Blank, sheet: Sheet, asked: set[str]) -> str:
    if isinstance(cell, str):
        return html(cell)
    number = f"({sheet.numbers[cell.question]})"
    return number if cell.question in asked else f"{number} {blanks(sheet.by_id[cell.question])}"


# -- embedded answers -------------------------------------------------------------------------------------
def blanks(question: Question) -> str:
    """One embedded answer, or of a shape or list one for each number."""
    if not isinstance(question.answer, tuple):
        return embedded(question.answer, question.tolerance, question.points, question)
    sign = " " if question.listed else " × "
    return sign.join(embedded(part, question.tolerance, question.points) for part in question.answer)


def embedded(answer: Number, tolerance: float, points: int, question: Question | None = None) -> str:
    """``{1:NUMERICAL:=9:0.005~%0%9.6:0.005#divide by 16, not 15}``, with the mistakes of a question."""
    choices = [f"={plain(answer)}:{plain(tolerance)}"]
    for value, slack, said in mistakes(question) if question else ():
        choices.append(f"%0%{plain(value)}:{plain(slack)}#{feedback(said)}")
    return f"{{{points}:NUMERICAL:{'~'.join(choices)}}}"


def mistakes(question: Question) -> list[tuple[Number, float, str]]:
    """Value, tolerance and feedback of each mistake that is one number."""
    found = [(m.value, question.slack(m.value), m.text) for m in question.mistakes]
    return [(value, slack, said) for value, slack, said in found if not isinstance(value, tuple)]


def feedback(raw: str) -> str:
    """Feedback inside an embedded answer: HTML whose entities are decoded once more, and whose ends are hidden.

    >>> feedback("a } ends, a ~ divides, 1 < 2")
    'a \\\\} ends, a &#126; divides, 1 &amp;lt; 2'
    """
    twice = escape(escape(raw, quote=False), quote=False)
    return twice.replace("\\", "&#92;").replace("~", "&#126;").replace("}", "\\}")


def plain(value: Number) -> str:
    """A number as Moodle reads it: a hyphen for minus, a point, no groups.

    >>> plain(-4 / 3), plain(120000), plain(0.005)
    ('-1.333333333', '120000', '0.005')
    """
    return str(value) if isinstance(value, int) else f"{float(value):.10g}"


# -- single questions -------------------------------------------------------------------------------------
def single(sheet: Sheet, question: Question) -> str:
    """One question with all that is given: numerical, or cloze for a shape or list."""
    at = next(i for i, part in enumerate(sheet.parts) if question in part.questions)
    own = sheet.parts[at]
    # What was given in earlier parts still holds; what is asked there is not shown again.
    known = [part for part in sheet.parts[:at] if given(part)]
    lines = [sheet.text, *(part.text for part in known), own.text]
    tables = [box for part in known for box in given(part)] + list(own.boxes)
    body = "".join(f"<p>{html(line)}</p>" for line in lines if line)
    body += "".join(box_html(box, sheet, set(sheet.by_id)) for box in tables)
    name, id = f"{sheet.code} {question.id}", f"{sheet.code}-{question.id}"
    asked = html(question.prompt)
    if isinstance(question.answer, tuple):
        return element("cloze", name, f"{body}<p>{asked} {blanks(question)}</p>", worked(question), id)
    answers = [answer_element(100, question.answer, question.tolerance)]
    answers += [answer_element(0, *mistake) for mistake in mistakes(question)]
    return element("numerical", name, f"{body}<p>{asked}</p>", worked(question), id, question.points, answers)


def given(part: Part) -> list[Box]:
    """The boxes of a part that ask nothing."""
    return [box for box in part.boxes if all(isinstance(cell, str) for row in box.rows for cell in row)]


def answer_element(fraction: int, value: Number, tolerance: float, said: str = "") -> str:
    return (
        f'<answer fraction="{fraction}" format="moodle_auto_format">{text(plain(value))}'
        f'<feedback format="html">{text(escape(said))}</feedback><tolerance>{plain(tolerance)}</tolerance></answer>'
    )


def element(
    kind: str,
    name: str,
    body: str,
    general: str,
    id: str,
    grade: int | None = None,
    answers: Sequence[str] = (),
) -> str:
    """A ``<question>``. A cloze question has no grade of its own: its embedded answers have points."""
    out = [
        f'<question type="{kind}">',
        f"<name>{text(name)}</name>",
        f'<questiontext format="html">{text(body)}</questiontext>',
        f'<generalfeedback format="html">{text(general)}</generalfeedback>',
    ]
    out += [] if grade is None else [f"<defaultgrade>{grade}</defaultgrade>"]
    out += [
        f"<penalty>{PENALTY}</penalty>",
        "<hidden>0</hidden>",
        f"<idnumber>{id}</idnumber>",
        *answers,
        "</question>",
    ]
    return "\n".join(out)
