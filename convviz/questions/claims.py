"""Claims that are often made and wrong, each with what is right, why, and the evidence that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from convviz.errors import ConvvizError, nearest

if TYPE_CHECKING:
    from convviz.questions.model import Evidence

FILE = Path(__file__).with_name("claims.yaml")


@dataclass(frozen=True)
class Claim:
    """claim: as it is said. correct: what is right. why: in a sentence.

    question, table: whose evidence shows it. command: shows it, too (without the word convviz). source: a paper.
    """

    key: str
    claim: str
    correct: str
    why: str
    question: str
    table: str
    command: str
    source: str = ""

    @property
    def because(self) -> str:
        """Why, with the source in brackets."""
        return f"{self.why} ({self.source})" if self.source else self.why

    @property
    def evidence(self) -> Evidence:
        """The table and the sentence that show what is right."""
        from convviz.questions.registry import question

        found = {piece.table.key: piece for piece in question(self.question).evidence}
        if self.table not in found:
            raise ConvvizError(f"no table {self.table!r}{nearest(self.table, found)}", self.question)
        return found[self.table]


@cache
def claims() -> tuple[Claim, ...]:
    """All claims, in the order of claims.yaml.

    >>> claims()[0].key
    'grouped-is-inception'
    """
    from convviz.read.document import load, read_text

    data = load(read_text(FILE), FILE.name)
    return tuple(
        Claim(key, **{name: str(text) for name, text in fields.items()}) for key, fields in data.items()
    )
