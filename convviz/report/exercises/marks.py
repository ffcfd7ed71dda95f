"""A marking as a table: of one sheet every answer, of a class a line for each sheet."""

from __future__ import annotations

from typing import Any

from convviz.exercise.marking import MarkedAnswer, MarkedSheet, Marking
from convviz.report.data import dumps
from convviz.report.exercises.data import answer_data
from convviz.report.exercises.words import shown
from convviz.report.formats import WIDTH, render
from convviz.report.model import Cell, Column, Table

FORMATS = ("table", "json", "csv", "md", "latex", "html")


def render_marking(
    marking: Marking,
    format: str = "text",
    *,
    details: bool = False,
    width: int = WIDTH,
    standalone: bool = False,
) -> str:
    """A marking as text, table, md, latex, csv, html or json. details: every answer of a class, too."""
    if format == "json":
        return dumps(marking_data(marking))
    table = answers_table(marking) if details or len(marking) == 1 else class_table(marking)
    return render(table, format, width=width, standalone=standalone)


def class_table(marking: Marking) -> Table:
    """A line for each sheet: how much is right, and where it first went wrong."""
    columns = (
        Column("student", left=True, shrink="end"),
        Column("sheet", left=True),
        Column("points"),
        Column("of"),
        Column("right", drop=3),
        Column("carried on", drop=2),
        Column("wrong"),
        Column("missing"),
        Column("first at", left=True, shrink="end"),
        Column("because", left=True, shrink="end"),
    )
    rows = tuple(class_row(one) for one in marking)
    good = frozenset(i for i, one in enumerate(marking) if one.passed)
    done = sum(one.passed for one in marking)
    return Table(title(marking), columns, rows, (f"{done} of {len(marking)} sheets are all right",), good)


def class_row(one: MarkedSheet) -> tuple[Cell, ...]:
    first = one.first_wrong
    return (
        one.student or None,
        one.sheet.code,
        one.points,
        one.sheet.points,
        one.count("right"),
        one.count("carried on"),
        one.count("wrong"),
        one.count("missing"),
        None if first is None else f"({first.number}) {first.question.step}",
        None if first is None else first.remark or "no answer",
    )


def answers_table(marking: Marking) -> Table:
    """A line for each answer; those that are right matter less."""
    many = len(marking) > 1 or any(one.student for one in marking)
    who = (Column("student", left=True, shrink="end"), Column("sheet", left=True)) if many else ()
    columns = (
        *who,
        Column("question"),
        Column("step", left=True, shrink="end"),
        Column("answer"),
        Column("right"),
        Column("mark", left=True),
        Column("remark", left=True, shrink="end"),
    )
    pairs = [(one, answer) for one in marking for answer in one.answers]
    rows = tuple(
        (*((one.student or None, one.sheet.code) if many else ()), *answer_row(answer))
        for one, answer in pairs
    )
    quiet = frozenset(i for i, (_, answer) in enumerate(pairs) if answer.status == "right")
    return Table(title(marking), columns, rows, tuple(verdict(one) for one in marking), quiet)


def answer_row(answer: MarkedAnswer) -> tuple[Cell, ...]:
    question = answer.question
    return (
        answer.number,
        question.step,
        answer.text or None,
        shown(question.answer, question.listed),
        answer.status,
        answer.remark or None,
    )


def title(marking: Marking) -> str:
    if len(marking) > 1:
        return f"{marking[0].sheet.title}: {len(marking)} sheets"
    one = marking[0]
    return f"{one.sheet.title}, {one.sheet.code}" + (f": {one.student}" if one.student else "")


def verdict(one: MarkedSheet) -> str:
    """``mean of 18 points; it first went wrong at (7) variance: ...``"""
    who = f"{one.student or one.sheet.code}: {one.points} of {one.sheet.points} points"
    first = one.first_wrong
    if first is None:
        return f"{who}; all right"
    if first.status == "missing":
        return f"{who}; nothing is wrong, {one.count('missing')} missing, first ({first.number}) {first.question.step}"
    more = one.count("carried on")
    carried = f"; {more} later answer{'s follow' if more > 1 else ' follows'} from it" if more else ""
    return f"{who}; it first went wrong at ({first.number}) {first.question.step}: {first.remark}{carried}"


def marking_data(marking: Marking) -> dict[str, Any]:
    """``passed`` and ``sheets``; each with its points, the first wrong step and every answer."""
    return {"passed": marking.passed, "sheets": [one_data(one) for one in marking]}


def one_data(one: MarkedSheet) -> dict[str, Any]:
    first = one.first_wrong
    return {
        "student": one.student,
        "sheet": one.sheet.code,
        "points": one.points,
        "of": one.sheet.points,
        "passed": one.passed,
        "right": one.count("right"),
        "carried_on": one.count("carried on"),
        "wrong": one.count("wrong"),
        "missing": one.count("missing"),
        "first": None if first is None else {
            "question": first.number, "id": first.question.id, "step": first.question.step, "status": first.status,
            "remark": first.remark,
        },
        "answers": [
            {
                "question": answer.number,
                "id": answer.question.id,
                "step": answer.question.step,
                "text": answer.text,
                "value": answer_data(answer.value),
                "answer": answer_data(answer.question.answer),
                "status": answer.status,
                "points": answer.points,
                "remark": answer.remark,
            }
            for answer in one.answers
        ],
    }  # fmt: skip
