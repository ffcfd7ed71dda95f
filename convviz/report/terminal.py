"""Tables for the terminal: aligned columns that fit a line, with colour or without."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from convviz.report.formats import WIDTH
from convviz.report.model import Cell, Column, Pair, Table, pad, plain, rounded, shorten

LONG = 9  # digits of a size or an index before it is rounded where room is short


@dataclass(frozen=True)
class Layout:
    """A table as it stands on a page: cells as text, the gap between columns, rows that matter less.

    heads: row number: the heading that stands there in place of cells.
    """

    columns: list[Column]
    rows: list[list[str]]
    gap: int
    quiet: frozenset[int] = frozenset()
    heads: Mapping[int, str] = field(default_factory=dict)

    @property
    def widths(self) -> list[int]:
        return _widths(self.columns, self.rows)

    @property
    def width(self) -> int:
        return sum(self.widths) + self.gap * (len(self.columns) - 1)

    def line(self, cells: Sequence[str]) -> str:
        parts = [
            pad(c, w, column.left) for c, w, column in zip(cells, self.widths, self.columns, strict=True)
        ]
        return (" " * self.gap).join(parts).rstrip()


def text(table: Table, width: int = WIDTH) -> str:
    """Aligned columns without colour, at most ``width`` wide."""
    layout = fit(table, width)
    lines = [table.title, ""] if table.title else []
    if table.rows:
        lines += [layout.line([column.head for column in layout.columns]), "─" * layout.width]
    widths = layout.widths
    for i, row in enumerate(layout.rows):
        parts = [pad(c, w, column.left) for c, w, column in zip(row, widths, layout.columns, strict=True)]
        lines.append(layout.heads.get(i) or (" " * layout.gap).join(parts).rstrip())
    if table.notes:
        lines += [""] * bool(table.rows) + [line for note in table.notes for line in wrapped(note, width)]
    return "\n".join(lines) + "\n"


def colour(table: Table, width: int = WIDTH) -> str:
    """The same layout with weight and colour for a terminal, by rich."""
    from rich.console import Console
    from rich.text import Text

    layout = fit(table, width)
    widths = layout.widths
    console = Console(
        file=io.StringIO(), force_terminal=True, color_system="standard", width=width + 1, highlight=False
    )
    with console.capture() as capture:
        if table.title:
            name, _, rest = table.title.partition("  ")
            console.print(Text.assemble((name, "bold"), (f"  {rest}", "dim")), "", sep="\n")
        if table.rows:
            console.print(Text(layout.line([column.head for column in layout.columns]), "bold"))
            console.print(Text("─" * layout.width, "dim"))
        for i, row in enumerate(layout.rows):
            line = Text()
            line.append(layout.heads.get(i, ""), "bold")
            for cell, column, size in zip(row, layout.columns, widths, strict=True):
                style = "dim" if i in layout.quiet else STYLES.get(column.key, "")
                line.append(pad(cell, size, column.left), style).append(" " * layout.gap)
            line.rstrip()
            console.print(line)
        if table.notes and table.rows:
            console.print()
        for i, note in enumerate(table.notes):
            for part in wrapped(note, width):
                console.print(Text(part, "" if i == 0 else "dim"))
    return capture.get()


STYLES = {"layer": "cyan", "net": "cyan", "stage": "cyan", "r_out": "bold", "params": "green"}


def terminal_width() -> int:
    """Columns to fill: at most 100, fewer in a narrower terminal, never fewer than 60."""
    from shutil import get_terminal_size

    return max(60, min(WIDTH, get_terminal_size((WIDTH, 24)).columns))


def fit(table: Table, width: int) -> Layout:
    """Lay a table out so that a line fits: each step gives up a little more.

    Wide gaps; whole names of nested layers (their common part becomes a heading); all digits of large counts;
    the middle of long texts; whole columns.
    """
    columns, quiet, heads = list(table.columns), table.quiet, dict[int, str]()
    cells: list[tuple[Cell, ...]] = list(table.rows)
    rows = [_shown(row, columns) for row in cells]
    for gap in (2, 1):
        if _total(columns, rows, gap) <= width:
            return Layout(columns, rows, gap, quiet)
    if columns[0].nested:
        cells, quiet, heads = _nested(cells, quiet)
        rows = [_shown(row, columns) for row in cells]
    _shrink(columns, rows, width, 24, ("end",))
    for i, column in reversed(list(enumerate(columns))):
        if column.count and _total(columns, rows, 1) > width:
            for row, shown in zip(cells, rows, strict=True):
                cell = row[i]
                shown[i] = rounded(cell) if isinstance(cell, int) else shown[i]
    if _total(columns, rows, 1) > width:
        rows = [
            [_rough(cell, text) for cell, text in zip(row, shown, strict=True)]
            for row, shown in zip(cells, rows, strict=True)
        ]
    kept, short = columns, rows
    for kept, short, least in _attempts(columns, rows):
        _shrink(kept, short, width, least)
        if _total(kept, short, 1) <= width:
            break
    return Layout(kept, short, 1, quiet, heads)


def _shown(row: Sequence[Cell], columns: Sequence[Column]) -> list[str]:
    return [plain(cell, column.count) for cell, column in zip(row, columns, strict=True)]


def _nested(
    rows: Sequence[tuple[Cell, ...]], quiet: frozenset[int]
) -> tuple[list[tuple[Cell, ...]], frozenset[int], dict[int, str]]:
    """Rows whose names share all but the last part, under a heading with what they share; rows are
    renumbered.
    """
    out: list[tuple[Cell, ...]] = []
    still, before = set(), ""
    heads: dict[int, str] = {}
    for i, row in enumerate(rows):
        group, _, name = str(row[0]).rpartition(".")
        if group and group != before:
            heads[len(out)] = group
            out.append((None,) * len(row))
        before = group
        if i in quiet:
            still.add(len(out))
        out.append((f"  {name}" if group else name, *row[1:]))
    return out, frozenset(still), heads


def _attempts(
    columns: list[Column], rows: list[list[str]]
) -> Iterator[tuple[list[Column], list[list[str]], int]]:
    """Ever fewer columns, the readiest to go first, and the length to which texts may be cut beside them."""
    order = sorted((column.drop, i) for i, column in enumerate(columns) if column.drop)
    for dropped in range(len(order) + 1):
        gone = {i for _, i in order[:dropped]}
        keep = [i for i in range(len(columns)) if i not in gone]
        for least in (14, 10) if dropped < len(order) else (14, 10, 6):
            yield [columns[i] for i in keep], [[row[i] for i in keep] for row in rows], least


def _rough(cell: Cell, shown: str) -> str:
    """Axes and pairs with long numbers rounded; all else as it is shown."""
    if isinstance(cell, Pair):
        return "→".join(
            rounded(v) if isinstance(v, int) and len(str(v)) > 6 else plain(v)
            for v in dict.fromkeys(cell)
            if v is not None
        )
    values = cell if isinstance(cell, tuple) else (cell,)
    if not any(isinstance(v, int) and len(str(v)) > LONG for v in values):
        return shown
    seen = values[:1] if len(set(values)) == 1 else values
    return "x".join(rounded(v) if isinstance(v, int) and len(str(v)) > LONG else plain(v) for v in seen)


def _shrink(
    columns: list[Column],
    rows: list[list[str]],
    width: int,
    least: int,
    where: Sequence[str] = ("middle", "end"),
) -> None:
    """Cut the texts of columns that allow it, the widest first, down to ``least`` characters."""
    while (over := _total(columns, rows, 1) - width) > 0:
        widths = _widths(columns, rows)
        able = sorted(
            (i for i, c in enumerate(columns) if c.shrink in where and widths[i] > least),
            key=lambda i: -widths[i],
        )
        if not able:
            return
        i = able[0]
        second = widths[able[1]] if len(able) > 1 else least
        target = max(least, widths[i] - over, min(second, widths[i] - 1))
        for row in rows:
            row[i] = shorten(row[i], target, columns[i].shrink)
        if _widths(columns, rows)[i] == widths[i]:  # the heading is as wide
            return


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max([len(column.head), *(len(row[i]) for row in rows)]) for i, column in enumerate(columns)]


def _total(columns: Sequence[Column], rows: Sequence[Sequence[str]], gap: int) -> int:
    return sum(_widths(columns, rows)) + gap * (len(columns) - 1)


def wrapped(note: str, width: int) -> list[str]:
    """A sentence in lines of at most ``width``, continued with an indent."""
    import textwrap

    return textwrap.wrap(note, width, subsequent_indent="  ", break_long_words=False) or [""]
