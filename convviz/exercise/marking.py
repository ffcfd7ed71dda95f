"""Marking: what is right, what only carries an earlier mistake on, where it first went wrong, and by which mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from convviz.errors import ConvvizError, nearest
from convviz.exercise.make import find
from convviz.exercise.model import Answer, Question, Sheet, near
from convviz.exercise.reading import read_answer, written

Status = Literal["right", "carried on", "wrong", "missing"]


@dataclass(frozen=True)
class MarkedAnswer:
    """One answer. text: as the student wrote it; value: as it was read; remark: what a wrong one comes from."""

    question: Question
    number: int
    text: str
    value: Answer | None
    status: Status
    remark: str = ""

    @property
    def points(self) -> int:
        """A mistake that is carried on costs nothing again."""
        return self.question.points if self.status in ("right", "carried on") else 0


@dataclass(frozen=True, repr=False)
class MarkedSheet:
    """One student's sheet, question by question in the order in which they depend on one another."""

    sheet: Sheet
    student: str
    answers: tuple[MarkedAnswer, ...]

    @property
    def points(self) -> int:
        return sum(answer.points for answer in self.answers)

    @property
    def passed(self) -> bool:
        """Whether all is right."""
        return all(answer.status == "right" for answer in self.answers)

    @property
    def first_wrong(self) -> MarkedAnswer | None:
        """The first answer that is wrong by itself; where none is, the first that is missing."""
        wrong = [a for a in self.answers if a.status == "wrong"]
        return next(iter(wrong or [a for a in self.answers if a.status == "missing"]), None)

    def count(self, status: Status) -> int:
        return sum(answer.status == status for answer in self.answers)

    def __getitem__(self, id: str) -> MarkedAnswer:
        for answer in self.answers:
            if answer.question.id == id:
                return answer
        raise ConvvizError(f"no question {id!r} on sheet {self.sheet.code}{nearest(id, self.sheet.by_id)}")

    def __repr__(self) -> str:
        from convviz.report.exercises.marks import render_marking

        return render_marking(Marking((self,)), "text").rstrip("\n")

    def _repr_html_(self) -> str:
        from convviz.report.exercises.marks import render_marking

        return render_marking(Marking((self,)), "html")


@dataclass(frozen=True, repr=False)
class Marking:
    """The sheets of a class."""

    sheets: tuple[MarkedSheet, ...]

    @property
    def passed(self) -> bool:
        return all(sheet.passed for sheet in self.sheets)

    def __iter__(self) -> Iterator[MarkedSheet]:
        return iter(self.sheets)

    def __len__(self) -> int:
        return len(self.sheets)

    def __getitem__(self, i: int) -> MarkedSheet:
        return self.sheets[i]

    def __repr__(self) -> str:
        from convviz.report.exercises.marks import render_marking

        return render_marking(self, "text").rstrip("\n")

    def _repr_html_(self) -> str:
        from convviz.report.exercises.marks import render_marking

        return render_marking(self, "html")


def mark(sheet: Sheet | str, answers: Mapping[Any, Any], student: str = "") -> MarkedSheet:
    """Mark the answers to one sheet, given by itself or by its code.

    answers: by the question's id or its number on the sheet; numbers, tuples or text as a student writes it (``-1,5``,
    ``4/3``, ``16x28x28``). What is not answered is missing. An answer that follows from a wrong one is ``carried on``.
    Raises ConvvizError for an unknown question or an answer that is no number.

    >>> from convviz.exercise import exercises
    >>> made = exercises("norm", seed=7)[0]
    >>> done = mark(made, {**made.key, "variance": made["variance"].mistakes[0].value})
    >>> done["variance"].status, done["variance"].remark
    ('wrong', 'this is the unbiased variance: divide by 8, not 7')
    """
    sheet = find(sheet) if isinstance(sheet, str) else sheet
    texts: dict[str, str] = {}
    for name, value in answers.items():
        question = asked(sheet, str(name))
        if question.id in texts:
            raise ConvvizError(f"question {question.id} is answered twice", sheet.code)
        texts[question.id] = "" if value is None else in_text(value, question)
    return marked(sheet, texts, student)


def in_text(value: Any, question: Question) -> str:
    """An answer from Python as a student would have written it, not rounded."""
    if isinstance(value, list | tuple):
        return (" " if question.listed else "x").join(str(part) for part in value)
    return str(value)


def asked(sheet: Sheet, name: str, where: str = "") -> Question:
    """A question by its id or number; raises ConvvizError."""
    word = name.strip()
    if word.isascii() and word.isdigit() and len(word) < 10:
        number = int(word)
        if not 1 <= number <= len(sheet.questions):
            raise ConvvizError(
                f"no question {number} on sheet {sheet.code}, which has {len(sheet.questions)}", where
            )
        return sheet.questions[number - 1]
    if word not in sheet.by_id:
        hint = nearest(word, sheet.by_id)
        raise ConvvizError(f"no question {word[:60]!r} on sheet {sheet.code}{hint}; give its number", where)
    return sheet.by_id[word]


def marked(
    sheet: Sheet, texts: Mapping[str, str], student: str = "", where: Mapping[str, str] | None = None
) -> MarkedSheet:
    """Mark answers by question id; where: the place of each, for errors."""
    known: dict[str, Answer] = {}
    found: dict[str, MarkedAnswer] = {}
    for number, question in enumerate(sheet.questions, 1):
        text = texts.get(question.id, "")
        value = read_answer(text, question, (where or {}).get(question.id, ""))
        # What is missing stands in as if it were right: what depends on it can still be judged.
        known[question.id] = question.answer if value is None else value
        status, remark = judged(question, value, known, found)
        found[question.id] = MarkedAnswer(question, number, text.strip(), value, status, remark)
    return MarkedSheet(sheet, student, tuple(found.values()))


def judged(
    question: Question, value: Answer | None, known: Mapping[str, Answer], before: Mapping[str, MarkedAnswer]
) -> tuple[Status, str]:
    """The status of an answer and a remark."""
    if value is None:
        return "missing", ""
    if question.accepts(value):
        return "right", ""
    if near_follow(question, value, known):
        wrong = [before[id] for id in question.needs if before[id].status in ("wrong", "carried on")]
        if not wrong:
            return "right", ""  # worked out from earlier answers that were rounded
        names = " and ".join(f"({answer.number})" for answer in wrong)
        return "carried on", f"follows from {names}; right: {written(question.answer, question.listed)}"
    for mistake in question.mistakes:
        if near(value, mistake.value, question.slack(mistake.value)):
            return "wrong", mistake.text
    if isinstance(question.answer, tuple) and isinstance(value, tuple) and len(value) != len(question.answer):
        return "wrong", f"{len(question.answer)} numbers are asked for, not {len(value)}"
    return "wrong", f"right: {question.explanation}"


def near_follow(question: Question, value: Answer, known: Mapping[str, Answer]) -> bool:
    """Whether the answer follows from the earlier answers, as they were written down."""
    if question.follow is None:
        return False
    try:
        followed = question.follow(known)
        return near(value, followed, question.slack(followed))
    except (ArithmeticError, ValueError, ConvvizError):  # from numbers that no step can go on with
        return False
