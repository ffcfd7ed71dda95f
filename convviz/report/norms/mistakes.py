"""A common mistake of normalization beside the right answer: tables, sentences, torch code and plain data."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np

from convviz.analysis.mistakes.mistake import Mistake
from convviz.analysis.norms.normalize import Normalized
from convviz.analysis.norms.set_names import axis_names, names_of
from convviz.errors import ConvvizError
from convviz.ops.base import show
from convviz.plan.words import number
from convviz.report import documents, formats
from convviz.report.data import dumps
from convviz.report.model import Cell, Column, Table

WIDE = 3  # columns of an image that stand beside one another; wider ones are told cell by cell
ROWS = 48  # of the table of cells; CSV and JSON have all
SETS = 12  # whose statistics are told, of each side


def render(mistake: Mistake, format: str = "text", standalone: bool = False) -> str:
    """A mistake as text (``table``: in colour), md, latex, html, csv (the cells) or json (everything).

    standalone: HTML as a page of its own. Raises ConvvizError for another format.
    """
    if format == "json":
        return dumps(mistake_data(mistake))
    if format == "csv":
        return formats.render(cells_table(mistake, repr, by_cell=True, most=None), "csv")
    if format not in ("text", *formats.FORMATS):
        raise ConvvizError(f"no format {format!r}; there are text, {', '.join(formats.FORMATS)}")
    parts = [formats.render(table, format) for table in tables(mistake)]
    parts += [code_block(head, code, format) for head, code in codes(mistake)]
    body = "\n".join(parts)
    return documents.page(title(mistake), body) if standalone and format == "html" else body


def title(mistake: Mistake) -> str:
    """``unbiased: batch norm of 4x1x2x2, wrong beside right``"""
    return f"{mistake.name}: {mistake.method} norm of {show(mistake.shape)}, wrong beside right"


def tables(mistake: Mistake) -> tuple[Table, ...]:
    """The cells with what the mistake is, the statistics of both ways, and how to notice it."""
    differences = f"difference: {number(mistake.largest)} at most, {number(mistake.average)} on average"
    return (
        Table(title(mistake), (), (), (mistake.what,)),
        cells_table(mistake, lambda value: number(round(value, 12))),
        statistics_table(mistake),
        Table("How to notice", (), (), (*mistake.notice, differences)),
    )


def codes(mistake: Mistake) -> tuple[tuple[str, str], ...]:
    return ("Wrong in torch", mistake.wrong_code), ("Right in torch", mistake.right_code)


def cells_table(
    mistake: Mistake, told: Callable[[float], str], by_cell: bool = False, most: int | None = ROWS
) -> Table:
    """Input, right, wrong and their difference; a row of an image in a row, or a cell where images are wide."""
    x = mistake.x
    width = 1 if by_cell or x.ndim == 2 or x.shape[-1] > WIDE else x.shape[-1]
    axes = axis_names(x.ndim)[: x.ndim if width == 1 else -1]
    parts = {"x": x, "right": mistake.right.output, "wrong": mistake.output, "difference": mistake.difference}
    columns = [Column(name) for name in axes]
    for name in parts:
        columns += [Column(name if width == 1 else f"{name} {i}") for i in range(width)]
    heads = list(np.ndindex(x.shape[: len(axes)]))
    lines = [part.reshape(-1, width) for part in parts.values()]
    rows: list[tuple[Cell, ...]] = [
        (*head, *(told(value) for line in lines for value in line[i].tolist()))
        for i, head in enumerate(heads[:most])
    ]
    if by_cell:
        columns += [Column("right_set"), Column("wrong_set")]
        sets = zip(mistake.right.labels.ravel().tolist(), mistake.labels.ravel().tolist(), strict=True)
        rows = [(*row, *own) for row, own in zip(rows, sets, strict=True)]
    left_out = (f"the first {len(rows)} of {len(heads):,} rows",) if len(heads) > len(rows) else ()
    return Table("", tuple(columns), tuple(rows), left_out)


def statistics_table(mistake: Mistake) -> Table:
    """The sets of both ways with their mean, variance and divisor."""
    columns = (
        Column("answer", left=True),
        Column("set", left=True),
        Column("cells"),
        Column("mean"),
        Column("variance"),
        Column("divisor"),
    )
    rows: list[tuple[Cell, ...]] = []
    notes = []
    for side, result, names in (
        ("right", mistake.right, names_of(mistake.right)),
        ("wrong", mistake.wrong, names_of(mistake.right) if mistake.same_sets else mistake.names),
    ):
        counts = np.bincount(result.labels.ravel()).tolist()
        own = zip(names, counts, result.shift, result.var or (), result.scale, strict=True)
        rows += [
            (side, name, cells, *(number(round(v, 12)) for v in values))
            for name, cells, *values in list(own)[:SETS]
        ]
        if len(names) > SETS:
            notes.append(f"the first {SETS} of {len(names):,} {side} sets")
    return Table(
        "Statistics: output = (x - mean) / divisor, before gamma and beta", columns, tuple(rows), tuple(notes)
    )


def code_block(head: str, code: str, format: str) -> str:
    """Torch code under a heading, as each format writes code."""
    if format == "md":
        return f"**{head}**\n\n```python\n{code}\n```\n"
    if format == "latex":
        return f"\\noindent {head}\\par\n\\begin{{verbatim}}\n{code}\n\\end{{verbatim}}\n"
    if format == "html":
        return f'<div class="convviz"><p><b>{escape(head)}</b></p>\n<pre><code>{escape(code)}</code></pre></div>\n'
    return head + "\n\n" + "".join(f"    {line}\n" for line in code.splitlines())


def mistake_data(mistake: Mistake) -> dict[str, Any]:
    """Both answers in full, where they differ most, how to notice, and the code of both."""
    return {
        "mistake": mistake.name,
        "what": mistake.what,
        "method": mistake.method,
        "mode": mistake.right.mode,
        "shape": list(mistake.shape),
        "x": mistake.x.tolist(),
        "right": side_data(mistake.right),
        "wrong": side_data(mistake.wrong),
        "difference": mistake.difference.tolist(),
        "largest": mistake.largest,
        "average": mistake.average,
        "at": list(mistake.at),
        "notice": list(mistake.notice),
        "wrong_code": mistake.wrong_code,
        "right_code": mistake.right_code,
    }


def side_data(result: Normalized) -> dict[str, Any]:

    data: dict[str, Any] = {"labels": result.labels.tolist(), "output": result.output.tolist()}
    return data | {"mean": list(result.shift), "var": list(result.var or ()), "scale": list(result.scale)}
