"""What a question is: plain words, a short answer, and evidence that is worked out when somebody asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convviz.questions.claims import Claim
    from convviz.questions.measured import Experiment

# Topics in the order of a handout, by the word that `--topic` takes.
TOPICS = {
    "data": "Images and data",
    "pooling": "Pooling and global average pooling",
    "convolution": "Convolutions, blocks and nets",
    "dense": "Dense prediction, dilation and upsampling",
    "invariance": "Translation, rotation, skew",
    "regularization": "Regularization and fit",
    "normalization": "Normalization",
    "training": "Training and comparing",
}


Value = str | int | float | None


@dataclass(frozen=True)
class Facts:
    """Facts in rows, numbers not rounded. key: names the table within its question; title: what the numbers are of."""

    key: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True)
class Evidence:
    """A table that convviz works out, and the sentence that it proves."""

    table: Facts
    says: str


Work = Callable[[], list[Evidence]]


@dataclass(frozen=True, repr=False)
class Question:
    """A question of a student.

    key: its name on the command line. answer: one or two sentences. work: gives the evidence. commands: what to try
    next, without the word convviz. experiments: names of measured experiments. picture: the command that draws one.
    """

    key: str
    topic: str
    text: str
    answer: str
    work: Work = field(compare=False)
    commands: tuple[str, ...] = ()
    experiments: tuple[str, ...] = ()
    picture: str = ""

    @cached_property
    def evidence(self) -> tuple[Evidence, ...]:
        """Worked out on first use."""
        return tuple(self.work())

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Claims that this question's evidence corrects."""
        from convviz.questions.claims import claims

        return tuple(claim for claim in claims() if claim.question == self.key)

    @property
    def measured(self) -> tuple[Experiment, ...]:
        """Its experiments, as far as they have been run."""
        from convviz.questions.measured import experiments

        known = experiments()
        return tuple(known[name] for name in self.experiments if name in known)

    def __repr__(self) -> str:
        from convviz.report.questions import render_question

        return render_question(self, "text")

    def _repr_html_(self) -> str:
        from convviz.report.questions import render_question

        return render_question(self, "html")
