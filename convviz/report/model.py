"""The one table that every format writes: typed cells in named columns, and the sentences below them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple


class Pair(NamedTuple):
    """What goes in and what comes out, ``1 → 16``; one value where both are equal."""

    before: int | str | None
    after: int | str | None


# None: an empty cell. A tuple has one value for each axis. Floats are milliseconds and the like.
Cell = None | str | int | float | Fraction | tuple[int | Fraction | None, ...] | Pair


@dataclass(frozen=True)
class Column:
    """key: the heading; short: the same where room is short, in a terminal. count: a large number that is
    read in groups of three digits.

    shrink: where a text may be cut if room is short, in its "middle" (names) or at its "end" (prose). drop:
    how readily the column is left out where even that is not enough (0: never; 1 goes first). nested: dotted
    names, which may be grouped by all but their last part. ends: what the two values of a pair are, where each has
    a column of its own.
    """

    key: str
    count: bool = False
    left: bool = False
    shrink: Literal["", "middle", "end"] = ""
    drop: int = 0
    nested: bool = False
    short: str = ""
    ends: tuple[str, str] = ("in", "out")

    @property
    def head(self) -> str:
        return self.short or self.key


@dataclass(frozen=True)
class Table:
    """A titled table; ``quiet`` are the indices of rows that matter less, ``notes`` sentences for below
    it.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    quiet: frozenset[int] = frozenset()

    def only(self, keys: Sequence[str]) -> Table:
        """The same table with some of its columns, in the given order."""
        at = {column.key: i for i, column in enumerate(self.columns)}
        picked = [at[key] for key in keys]
        rows = tuple(tuple(row[i] for i in picked) for row in self.rows)
        return Table(self.title, tuple(self.columns[i] for i in picked), rows, self.notes, self.quiet)


def plain(cell: Cell, count: bool = False) -> str:
    """A cell as people write it: axes that agree once, ``3x1`` where they do not, ``1/2``, ``231,211,008``.

    >>> plain((28, 28)), plain((3, 1)), plain((Fraction(1, 2),)), plain(231211008, count=True)
    ('28', '3x1', '1/2', '231,211,008')
    """
    if cell is None:
        return ""
    if isinstance(cell, Pair):
        before, after = cell
        if isinstance(before, str) and "+" in before:
            return before  # `64+32`: the sum follows
        if before == after or before is None or after is None:
            return plain(after if before is None else before, count)
        return f"{plain(before, count)}→{plain(after, count)}"
    if isinstance(cell, tuple):
        values = cell[:1] if all(value == cell[0] for value in cell) else cell
        return "x".join("–" if value is None else str(value) for value in values)
    if isinstance(cell, float):
        return f"{cell:.3f}".rstrip("0").rstrip(".")
    return f"{cell:,}" if count and isinstance(cell, int) else str(cell)


def pad(text: str, width: int, left: bool) -> str:
    """``text`` filled up to ``width``, at the left or the right of its column."""
    return text.ljust(width) if left else text.rjust(width)


def rounded(value: int) -> str:
    """Three digits and a unit, for where a long number has no room.

    >>> rounded(231211008), rounded(999), rounded(10**18)
    ('231 M', '999', '1e+18')
    """
    if abs(value) < 1000:
        return str(value)
    if abs(value) >= 10**15:
        return f"{value:.3g}" if abs(value) < 10**300 else f"1e+{len(str(abs(value))) - 1}"
    for unit, size in (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if abs(value) >= size:
            scaled = value / size
            return f"{scaled:.{max(0, 2 - (len(str(int(abs(scaled)))) - 1))}f} {unit}"
    return str(value)


def shorten(text: str, width: int, where: str = "middle") -> str:
    """Cut at the end, or from the middle, which keeps what tells long names apart at both ends.

    >>> shorten("layer4_2.branch1.conv3", 16)
    'layer4…ch1.conv3'
    """
    if len(text) <= width:
        return text
    if width < 3:
        return text[: max(width, 0)]
    if where == "end":
        return text[: width - 1].rstrip() + "…"
    tail = (width - 1) * 3 // 5
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"
