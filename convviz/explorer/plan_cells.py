"""Panels and steps of a plan as small JSON: cells as ``0,1,2``, lists of cells with blanks between them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from convviz.explorer.views import Json
from convviz.plan import words
from convviz.plan.model import Cell, Curve, Grid, Matrix, Number, Panel, Plan, Step, Table, Term, Work
from convviz.report.data import clean

DIGITS = 5  # of a curve's points: more than any screen shows
SIZES = re.compile(r" \d+(×\d+)*$")
NUMBER = re.compile(r"(?<![\w.])−?(?:\d+(?:\.\d+)?(?:e[+−-]?\d+)?|∞)(?![\w.]*\d)")
SPANS = ("input", "kernel", "output", "padding", "result")  # roles of the numbers of a sum, see plan_told.ts
AHEAD = 6  # numbers of a sum that are looked through for a term: sums of many terms leave some out


def cell_text(cell: Cell) -> str:
    """``0,1,−2`` with a plain hyphen: the key of a cell on the page."""
    return ",".join(map(str, cell))


def cells_text(cells: Iterable[Cell]) -> str:
    return " ".join(map(cell_text, cells))


# -- panels -----------------------------------------------------------------------------------------------
def panel_json(panel: Panel) -> Json:
    """A panel; ``type`` is grid, matrix, table or curve."""
    head = {"key": panel.key, "title": panel.title, "short": SIZES.sub("", panel.title)}
    if isinstance(panel, Grid):
        return {"type": "grid", **head, **grid_json(panel)}
    if isinstance(panel, Matrix):
        entries = [
            [row, column, cell_text(cell), clean(v)] for (row, column), (cell, v) in panel.entries.items()
        ]
        rows, columns = cells_text(panel.rows), cells_text(panel.columns)
        return {"type": "matrix", **head, "rows": rows, "columns": columns, "entries": entries}
    if isinstance(panel, Table):
        rows_ = [[shown(value) for value in row] for row in panel.rows]
        return {"type": "table", **head, "columns": list(panel.columns), "rows": rows_}
    assert isinstance(panel, Curve)
    series = [{"name": s.name, "role": s.role, "x": rounded(s.x), "y": rounded(s.y)} for s in panel.series]
    return {"type": "curve", **head, "x": panel.x, "y": panel.y, "series": series}


def grid_json(grid: Grid) -> Json:
    values = None
    if grid.values is not None:
        values = [number(grid.values.get(cell)) for cell in np.ndindex(*grid.shape)]
    rank = len(grid.shape)
    pads = [(0, 0)] * (rank - len(grid.pads)) + [tuple(pair) for pair in grid.pads]
    stuffed = [1] * (rank - len(grid.stuffed)) + list(grid.stuffed)
    return {
        "role": grid.role,
        "shape": list(grid.shape),
        "values": values,
        "pads": [list(pair) for pair in pads],
        "outside": [[cell_text(cell), number(value)] for cell, value in grid.outside.items()],
        "stuffed": stuffed,
        "unused": cells_text(sorted(grid.unused)),
        "channels": list(grid.channels),
        "batched": grid.batched,
    }


def number(value: Number | None) -> Number | str | None:
    """A number for JSON: whole ones without a point, others with all digits that a page can tell; ∞ as a text."""
    if value is None:
        return None
    if not np.isfinite(value):
        return words.number(value)
    if float(value).is_integer() and abs(value) < 2**53:
        return int(value)
    return float(f"{value:.10g}")


def shown(value: Any) -> str:
    """What stands in a cell of a table."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else str(value)
    return words.number(value)


def rounded(values: Iterable[Number]) -> list[Number | str | None]:
    return [number(float(f"{v:.{DIGITS}g}")) if np.isfinite(v) else None for v in values]


# -- steps ------------------------------------------------------------------------------------------------
def step_json(plan: Plan, step: Step, section: int) -> Json:
    """A step: marks by panel, what is joined with what, what is written, and the sum in coloured parts."""
    work = step.work
    before, text, after = step.caption, "", ""
    if work is not None:
        # what is copied is told in the caption, whole
        before, text, after = split(step.caption, "" if work.how == "copy" else work.text)
    marks = [[mark.panel, mark.mark, cells_text(mark.cells)] for mark in step.marks]
    found: Json = {
        "section": section,
        "caption": before,
        "sum": text,
        "spans": spans(plan, work, text) if work is not None else [],
        "after": after,
        "marks": marks + [list(mark) for mark in behind(plan, step)],
        "joins": [],
        "writes": [[w.panel, cell_text(w.cell), number(w.value)] for w in step.writes],
    }
    if work is not None:
        kernels = kernels_of(plan, step, work)
        found["joins"] = [join(term, kernels) for term in work.terms]
    return found


def behind(plan: Plan, step: Step) -> Iterator[tuple[str, str, str]]:
    """The input's own cells where a step reads their copies in a grid that is filled up with zeros."""
    for mark in step.marks:
        grid = plan.by_key.get(mark.panel)
        if mark.mark != "read" or not isinstance(grid, Grid) or not grid.stuffed or not plan.stages:
            continue
        lead = len(grid.shape) - len(grid.stuffed)
        strides = (*(1,) * lead, *grid.stuffed)
        real = [
            tuple(i // stride for i, stride in zip(cell, strides, strict=True))
            for cell in mark.cells
            if all(
                0 <= i < n and i % stride == 0 for i, n, stride in zip(cell, grid.shape, strides, strict=True)
            )
        ]
        if real:
            yield plan.stages[0].reads[0], "read", cells_text(real)


def split(caption: str, text: str) -> tuple[str, str, str]:
    """The sentence, the sum, and what follows: a caption that spells the sum out says it once.

    >>> split("Output 0 is 1 + 2 = 3.", "1 + 2 = 3"), split("The sum.", "1 + 2 = 3")
    (('Output 0 is', '1 + 2 = 3', ''), ('The sum.', '1 + 2 = 3', ''))
    """
    if not text or text not in caption:
        return caption, text, ""
    before, _, after = caption.partition(text)
    rest = after.lstrip(".;, ").rstrip()
    return before.rstrip(), text, rest[:1].upper() + rest[1:]


def join(term: Term, kernels: Mapping[str, str]) -> list[Any]:
    """A term: panel, cell, value; its weight's panel and cell, and the factor; whether padding; where it alone goes."""
    weight = None if term.weight is None else kernels.get(term.panel)
    tail = [
        weight if weight is not None else 0,
        "" if term.weight is None else cell_text(term.weight),
        number(term.factor),
        int(term.padding),
        None if term.to is None else cell_text(term.to),
    ]
    while tail and tail[-1] in (None, 0, ""):  # what is missing at the end is not said
        tail.pop()
    return [term.panel, cell_text(term.cell), number(term.value), *tail]


def kernels_of(plan: Plan, step: Step, work: Work) -> dict[str, str]:
    """For each panel that terms read, the panel in which the weights that multiply them lie.

    A term names its weight by cell alone; of the panels that are marked as weights, the first that has all of them and
    is not another's yet is meant.
    """
    marked: dict[str, set[Cell]] = {}
    for mark in step.marks:
        if mark.mark in ("weight", "read"):
            marked.setdefault(mark.panel, set()).update(mark.cells)
    order = sorted(marked, key=lambda key: all(m.mark != "weight" for m in step.marks if m.panel == key))
    wanted: dict[str, set[Cell]] = {}
    for term in work.terms:
        if term.weight is not None:
            wanted.setdefault(term.panel, set()).add(term.weight)
    found: dict[str, str] = {}
    for panel, cells in wanted.items():
        able = [key for key in order if cells <= marked[key] and key != panel]
        free = [key for key in able if key not in found.values()]
        for key in (free or able)[:1]:
            found[panel] = key
    return found


# -- sums -------------------------------------------------------------------------------------------------
def spans(plan: Plan, work: Work, text: str) -> list[int]:
    """Where in the text of a sum the numbers of its terms stand: start, length and role of each, in one row."""
    tokens = [m for m in NUMBER.finditer(text) if not text[m.end() :].startswith(" in all")]
    found = sorted(coloured(plan, work, tokens))
    return [number for start, stop, role in found for number in (start, stop - start, SPANS.index(role))]


def coloured(plan: Plan, work: Work, tokens: list[re.Match[str]]) -> Iterator[tuple[int, int, str]]:
    """Where the numbers of the terms stand, in their order, and the result at its end: start, stop and role."""
    at = 0
    last = len(tokens)
    if work.result is not None and tokens and tokens[-1].group() == words.number(work.result):
        last -= 1
        yield *tokens[last].span(), "result"
    for term in work.terms:
        for value, role in ((term.value, role_of(plan, term)), (term.factor, "kernel")):
            if value is None:
                continue
            wanted = words.number(value)
            for i in range(at, min(at + AHEAD, last)):
                if tokens[i].group() == wanted:
                    yield *tokens[i].span(), role
                    at = i + 1
                    break
    if work.bias is not None and at < last and tokens[at].group() == words.number(work.bias):
        yield *tokens[at].span(), "kernel"


def role_of(plan: Plan, term: Term) -> str:
    panel = plan.by_key.get(term.panel)
    if term.padding:
        return "padding"
    return panel.role if isinstance(panel, Grid) and panel.role in SPANS else "output"
