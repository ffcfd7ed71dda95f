"""The one exception that convviz raises for a person to read.

A message says *what* is wrong, *where*, and *what would be right*, in one line. The command line
prints it after ``convviz: `` and exits with 2; nothing else ever reaches the user.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ConvvizError(Exception):
    """Bad input, told in one line; ``where`` is a place such as ``net.yaml:12`` or ``layers[3].conv.stride``."""

    def __init__(self, message: str, where: str = "") -> None:
        self.message = message
        self.where = where
        super().__init__(f"{where}: {message}" if where else message)

    def at(self, where: str) -> ConvvizError:
        """The same complaint, placed: ``FieldError("stride", ...).at("layers[3].conv")``."""
        return ConvvizError(self.message, _join(where, self.where))


class FieldError(ConvvizError):
    """A field of an op has a bad value; whoever knows where the op was written calls ``at``."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message, field)


class ShapeError(ConvvizError):
    """An op cannot take the shapes that reach it."""


def _join(outer: str, inner: str) -> str:
    return f"{outer}.{inner}" if outer and inner else outer or inner


def nearest(word: str, known: Iterable[str]) -> str:
    """``"; did you mean 'stride'?"`` when something known is near, else an empty string.

    >>> nearest("strde", ["stride", "padding"])
    "; did you mean 'stride'?"
    """
    hit = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.55)
    return f"; did you mean {hit[0]!r}?" if hit else ""
