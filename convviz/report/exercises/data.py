"""Sheets as plain data, the CSV file to fill in, and the CSV file with all answers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from convviz.exercise.answers import COLUMNS
from convviz.exercise.model import Answer, Blank, Box, Mistake, Question, Sheet
from convviz.exercise.reading import written
from convviz.report.exercises.words import prompt


def sheets_data(sheets: Sequence[Sheet], key: bool) -> dict[str, Any]:
    """``topic, level, seed, sheets``; each question has its answer, tolerance and worked text only on a key."""
    first = sheets[0]
    return {
        "topic": first.topic,
        "level": first.level,
        "seed": first.seed,
        "sheets": [sheet_data(sheet, key) for sheet in sheets],
    }


def sheet_data(sheet: Sheet, key: bool) -> dict[str, Any]:
    return {
        "sheet": sheet.code,
        "variant": sheet.variant,
        "title": sheet.title,
        "text": sheet.text,
        "points": sheet.points,
        "parts": [
            {
                "title": part.title,
                "text": part.text,
                "boxes": [box_data(box, sheet) for box in part.boxes],
                "questions": [question_data(question, sheet, key) for question in part.questions],
            }
            for part in sheet.parts
        ],
    }


def box_data(box: Box, sheet: Sheet) -> dict[str, Any]:
    """A blank is ``{"question": its number}``."""
    rows = [
        [{"question": sheet.numbers[cell.question]} if isinstance(cell, Blank) else cell for cell in row]
        for row in box.rows
    ]
    return {"title": box.title, "head": box.head, "rows": rows}


def question_data(question: Question, sheet: Sheet, key: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "question": sheet.numbers[question.id],
        "id": question.id,
        "step": question.step,
        "prompt": question.prompt,
        "points": question.points,
    }
    if key:
        found |= {
            "answer": answer_data(question.answer),
            "tolerance": question.tolerance,
            "worked": question.explanation,
            "needs": list(question.needs),
            "mistakes": [mistake_data(mistake) for mistake in question.mistakes],
        }
    return found


def mistake_data(mistake: Mistake) -> dict[str, Any]:
    return {"value": answer_data(mistake.value), "text": mistake.text}


def answer_data(answer: Answer | None) -> Any:
    """Numbers unrounded; fractions as text."""
    if isinstance(answer, tuple):
        return [answer_data(part) for part in answer]
    return str(answer) if isinstance(answer, Fraction) else answer


# -- CSV ------------------------------------------------------------------------------------------------
def template(sheets: Sequence[Sheet]) -> str:
    """The file to fill in: student and answer are empty."""
    rows = (
        ("", sheet.code, sheet.numbers[question.id], about(question), "")
        for sheet in sheets
        for question in sheet.questions
    )
    return csv_text(COLUMNS, rows)


def key_csv(sheets: Sequence[Sheet]) -> str:
    """All answers, with how far off they may be and how they are worked out; it can be marked, too."""
    head = ("sheet", "question", "about", "answer", "tolerance", "points", "worked")
    rows = (
        (
            sheet.code,
            sheet.numbers[question.id],
            about(question),
            written(question.answer, question.listed),
            f"{question.tolerance:g}",
            question.points,
            question.explanation,
        )
        for sheet in sheets
        for question in sheet.questions
    )
    return csv_text(head, rows)


def about(question: Question) -> str:
    """The question in a word or two, for people; never something that a spreadsheet takes for a formula."""
    return prompt(question).rstrip(":")


def csv_text(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue()
