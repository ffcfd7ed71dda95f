"""An exercise sheet as data: what is given, what is asked, the answers, and what a wrong answer may come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from convviz.errors import ConvvizError, nearest

Number = int | float | Fraction
Answer = Number | tuple[Number, ...]  # a tuple: a shape, or a list of numbers
Known = Mapping[str, Answer]  # answers by the id of their question

LEVELS = ("easy", "normal", "hard")
NEAR = 1e-9  # numbers closer than this are one number
ROUNDED = 0.005  # of numbers that are not whole: two digits behind the point are enough


@dataclass(frozen=True)
class Blank:
    """A place in a box where the answer to a question is to be written."""

    question: str


@dataclass(frozen=True)
class Box:
    """Cells in rows with a title, such as an image, a kernel or a table to fill in.

    head: the first row is a heading. fresh: the box stands below those before it, not beside them.
    """

    title: str
    rows: tuple[tuple[str | Blank, ...], ...]
    head: bool = False
    fresh: bool = False


@dataclass(frozen=True)
class Mistake:
    """A value that a common mistake leads to, and a sentence that names it."""

    value: Answer
    text: str


@dataclass(frozen=True)
class Question:
    """One blank.

    id: its name within the sheet. prompt: what is asked, empty for a blank that lies in a box. step: what is done
    there. explanation: the worked text of the plan. tolerance: how far off a number may be. listed: a tuple is a list
    of numbers, not a shape. follow: the answer from earlier answers (``needs``, their ids), so that one mistake is
    counted once. mistakes: the wrong values to expect.
    """

    id: str
    step: str
    prompt: str
    answer: Answer
    explanation: str
    tolerance: float = 0.0
    points: int = 1
    listed: bool = False
    needs: tuple[str, ...] = ()
    follow: Callable[[Known], Answer] | None = field(default=None, compare=False, repr=False)
    mistakes: tuple[Mistake, ...] = ()

    def __post_init__(self) -> None:
        # A mistake that leads to the right answer, or to the same number as another, tells nothing.
        kept: list[Mistake] = []
        for mistake in self.mistakes:
            if not self.accepts(mistake.value) and not any(
                near(mistake.value, other.value, self.slack(other.value)) for other in kept
            ):
                kept.append(mistake)
        object.__setattr__(self, "mistakes", tuple(kept))

    @property
    def large(self) -> bool:
        """Whether the answer is a whole number of a thousand or more, which people write in groups of three digits."""
        return isinstance(self.answer, int) and abs(self.answer) >= 1000

    def slack(self, value: Answer) -> float:
        """How far off a wrong or carried-on value may be written: it may be no whole number where the right one is."""
        return max(self.tolerance, rounding(value))

    def accepts(self, value: Answer) -> bool:
        return near(value, self.answer, self.tolerance)


@dataclass(frozen=True)
class Part:
    """A section of a sheet: what is given there, boxes, and questions in the order in which they depend."""

    title: str
    text: str
    questions: tuple[Question, ...] = ()
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True)
class Draft:
    """What a topic makes up, before it has a number."""

    title: str
    text: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, repr=False)
class Sheet:
    """One variant of a topic. ``sheet["mean"]`` is a Question; questions are numbered from 1 in reading order."""

    topic: str
    level: str
    seed: int
    variant: int
    title: str
    text: str
    parts: tuple[Part, ...]

    @property
    def code(self) -> str:
        """What finds the sheet again: ``norm-normal-7-3``."""
        return f"{self.topic}-{self.level}-{self.seed}-{self.variant}"

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        return tuple(question for part in self.parts for question in part.questions)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of each question on the sheet, by id."""
        return {question.id: i for i, question in enumerate(self.questions, 1)}

    @cached_property
    def by_id(self) -> dict[str, Question]:
        return {question.id: question for question in self.questions}

    @property
    def points(self) -> int:
        return sum(question.points for question in self.questions)

    @property
    def key(self) -> dict[str, Answer]:
        """The right answers by question id."""
        return {question.id: question.answer for question in self.questions}

    def __getitem__(self, id: str) -> Question:
        if id not in self.by_id:
            raise ConvvizError(f"no question {id!r} on sheet {self.code}{nearest(id, self.by_id)}")
        return self.by_id[id]

    def __repr__(self) -> str:
        from convviz.report.exercises.exercise import render

        return render((self,), "table").rstrip("\n")

    def _repr_html_(self) -> str:
        from convviz.report.exercises.exercise import fragment

        return fragment((self,))


@dataclass(frozen=True, repr=False)
class Exercises:
    """Variants of one topic, one for each student; ``exercises[0]`` is variant 1."""

    topic: str
    level: str
    seed: int
    sheets: tuple[Sheet, ...]

    def __iter__(self) -> Iterator[Sheet]:
        return iter(self.sheets)

    def __len__(self) -> int:
        return len(self.sheets)

    def __getitem__(self, i: int) -> Sheet:
        return self.sheets[i]

    def __repr__(self) -> str:
        from convviz.report.exercises.exercise import told

        return told(self)

    def _repr_html_(self) -> str:
        from convviz.report.exercises.exercise import fragment

        return fragment(self.sheets[:1])


def rounding(value: Answer) -> float:
    """0 for whole numbers, else what rounding to two digits takes.

    >>> rounding(4.0), rounding((1, 2)), rounding(4 / 3)
    (0.0, 0.0, 0.005)
    """
    parts = value if isinstance(value, tuple) else (value,)
    return 0.0 if all(float(part).is_integer() for part in parts) else ROUNDED


def near(a: Answer, b: Answer, tolerance: float = 0.0) -> bool:
    """Whether two answers agree: as many numbers, none further apart than the tolerance.

    >>> near(4, Fraction(4)), near((28, 28), (28, 28, 3)), near(1.33, 4 / 3, 0.005)
    (True, False, True)
    """
    one, two = (x if isinstance(x, tuple) else (x,) for x in (a, b))
    return len(one) == len(two) and all(
        abs(float(p) - float(q)) <= tolerance + NEAR * max(1.0, abs(float(q)))
        for p, q in zip(one, two, strict=True)
    )
