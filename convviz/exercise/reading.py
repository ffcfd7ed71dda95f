"""Answers as students write them: decimal commas, fractions, shapes, lists, thousands in groups."""

from __future__ import annotations

import re
from fractions import Fraction

from convviz.errors import ConvvizError
from convviz.exercise.model import Answer, Number, Question
from convviz.plan.words import MINUS, number

SIGNS = str.maketrans(
    dict.fromkeys("−–—‐‑﹣－", "-") | {"＋": "+", "，": ",", "．": ".", "⁄": "/", "∕": "/", "÷": "/"}
)
SPACES = re.compile(r"[\s\u00a0\u202f\u2009'’_]+")
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d{1,3})?")
GROUPED = re.compile(r"[+-]?\d{1,3}([.,])\d{3}(\1\d{3})*")
NOTHING = ("", "?", "-", "--", "n/a")  # a blank that was left empty
LONGEST = 200  # characters of an answer


def read_answer(text: str, question: Question, where: str = "") -> Answer | None:
    """What a student wrote, as a number or (for a shape or list) a tuple of numbers; None for nothing.

    Raises ConvvizError that starts with ``where`` for text that is no number.

    >>> asked = Question("y", "", "", -4 / 3, "")
    >>> [read_answer(text, asked) for text in ("-1,3333", "−4/3", " -1.3333 ")]
    [-1.3333, Fraction(-4, 3), -1.3333]
    >>> read_answer("(16, 28, 28)", Question("size", "", "", (16, 28, 28), ""))
    (16, 28, 28)
    >>> read_answer("1,728", Question("params", "", "", 1700, "")), read_answer("1,728", asked)
    (1728, 1.728)
    """
    plain = text.strip().translate(SIGNS)
    if plain.lower() in NOTHING:
        return None
    try:
        if len(plain) > LONGEST:
            raise ValueError
        if isinstance(question.answer, tuple):
            return tuple(read_number(part, question.large) for part in split(plain))
        return read_number(plain, question.large)
    except ValueError:
        shown = text if len(text) <= 40 else f"{text[:37]}..."
        like = "a number such as 4, -1.5, -1,5 or 4/3"
        if isinstance(question.answer, tuple):
            like = "numbers such as 1 2 1" if question.listed else "a shape such as 16x28x28"
        raise ConvvizError(f"{shown!r} is no answer to question {question.id}: write {like}", where) from None


def split(text: str) -> list[str]:
    """The numbers of a shape or a list: ``16x28x28``, ``(16, 28, 28)``, ``1 2 1``, ``1,5; 2``."""
    inner = text.strip().strip("()[]{}").strip()
    for mark in (";", "x", "X", "×", "*", ","):
        if mark in inner:
            parts = inner.rstrip(mark).split(mark) if mark in ";," else inner.split(mark)
            return [part.strip() for part in parts]
    return inner.split()


def read_number(text: str, large: bool) -> Number:
    """One number; ``large``: thousands are expected, so that ``1,728`` is more than one. Raises ValueError."""
    text = SPACES.sub("", text).translate(SIGNS)
    top, mark, bottom = text.partition("/")
    if mark:
        below = read_number(bottom, large)
        if not below:
            raise ValueError(text)
        return exact(Fraction(read_number(top, large)) / Fraction(below))
    grouped = GROUPED.fullmatch(text)
    if grouped and (large or grouped.group(2)):
        return int(text.replace(grouped.group(1), ""))
    if not NUMBER.fullmatch(text):
        raise ValueError(text)
    value = float(text.replace(",", "."))
    if abs(value) == float("inf"):
        raise ValueError(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def exact(value: Fraction) -> Number:
    return int(value) if value.denominator == 1 else value


def written(answer: Answer, listed: bool = False) -> str:
    """An answer as a student would type it: ``16x28x28``, ``1 2 1`` for a list, ``-1.3333``.

    >>> written((16, 28, 28)), written((1, 2, 1), listed=True), written(-4 / 3), written(Fraction(1, 2))
    ('16x28x28', '1 2 1', '-1.3333', '0.5')
    """
    if isinstance(answer, tuple):
        return (" " if listed else "x").join(written(part) for part in answer)
    text = number(answer if isinstance(answer, int) else float(answer)).replace(MINUS, "-")
    return "0" if text == "-0" else text
