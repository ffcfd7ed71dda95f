"""What every form of a sheet writes alike: answers, letters of the parts, lines of the head."""

from __future__ import annotations

from collections.abc import Iterator

from convviz.exercise.model import Answer, Blank, Part, Question, Sheet
from convviz.plan.words import number, size

HAND = "Name: {}   Date: {}"


def shown(answer: Answer, listed: bool = False) -> str:
    """An answer as a key shows it: ``16×28×28``, ``1 2 1``, ``−1.3333``.

    >>> shown((16, 28, 28)), shown((1, 2), True), shown(-4 / 3)
    ('16×28×28', '1 2', '−1.3333')
    """
    if isinstance(answer, tuple):
        if listed:
            return " ".join(shown(part) for part in answer)
        return size([shown(part) for part in answer])  # type: ignore[misc]
    if isinstance(answer, int):
        return f"{answer:,}".replace("-", "−")
    text = number(float(answer))
    return "0" if text == "−0" else text


def lettered(sheet: Sheet) -> Iterator[tuple[str, Part]]:
    """``A``, ``B``, ... for the parts."""
    return ((chr(ord("A") + i), part) for i, part in enumerate(sheet.parts))


def in_boxes(part: Part) -> set[str]:
    """Ids of the questions whose blanks lie in a box; elsewhere they are only referred to."""
    return {
        cell.question for box in part.boxes for row in box.rows for cell in row if isinstance(cell, Blank)
    }


def listed_questions(part: Part, key: bool) -> list[Question]:
    """The questions that are written out below the boxes: on a sheet those with a prompt, on a key all."""
    return [question for question in part.questions if key or question.prompt]


def prompt(question: Question) -> str:
    """What is asked, or for a blank in a box where it lies."""
    return question.prompt or f"{question.step}:"


def points(sheet: Sheet) -> str:
    return f"{sheet.points} points"
