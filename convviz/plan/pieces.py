"""The pieces from which plans are put together: grids, sums in words, steps with their marks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convviz.ops.base import Array, Shape
from convviz.plan.given import Given, table_of
from convviz.plan.limits import MAX_STEPS, check_count
from convviz.plan.model import (
    Cell,
    Formula,
    Grid,
    Marked,
    Number,
    Panel,
    Plan,
    Stage,
    Step,
    Term,
    Work,
    Write,
)
from convviz.plan.naming import title_of
from convviz.plan.words import inner, number, position, size, term_text

LONG = 16  # summands; longer sums are cut in the middle


def grid(key: str, role: str, title: str, values: Array, channels: Sequence[str] = ()) -> Grid:
    """A grid whose cells are known from the beginning."""
    return Grid(key, role, title, values.shape, table_of(values), channels=tuple(channels))


def blank(key: str, title: str, shape: Shape, channels: Sequence[str] = ()) -> Grid:
    """A grid of numbers in between, which appear as they are worked out."""
    return Grid(key, "output", title, tuple(shape), channels=tuple(channels))


def place(name: str, cell: Cell) -> str:
    """``output (0, 1)``, and only the name of a tensor without axes."""
    return f"{name} {position(cell)}" if cell else name


def equal(text: str, value: Number) -> str:
    return f"{text} = {number(value)}"


def joined(parts: Sequence[str], sign: str = " + ") -> str:
    """A sum written out; a long one is cut in its middle, and tells how long it is.

    >>> joined(["1", "2", "3"])
    '1 + 2 + 3'
    """
    if len(parts) <= LONG:
        return sign.join(parts)
    return sign.join([*parts[: LONG - 4], f"… ({len(parts)} in all)", *parts[-2:]])


def dot_text(terms: Sequence[Term], bias: Number | None, result: Number) -> str:
    """``1×2 + 0×(−1) + 3 = 5``"""
    parts = [joined([term_text(term) for term in terms])] if terms else []
    return equal(" + ".join(parts + ([] if bias is None else [inner(bias)])) or "0", result)


def step(
    section: str,
    caption: str,
    work: Work | None,
    writes: Sequence[Write] = (),
    weight: str | None = None,
    marks: Sequence[Marked] = (),
) -> Step:
    """A step whose marks follow from it: what its terms read, their weights (of panel ``weight``), what it writes."""
    by_panel: dict[tuple[str, Any], dict[Cell, None]] = {}
    for term in work.terms if work else ():
        by_panel.setdefault((term.panel, "read"), {})[term.cell] = None
        if term.weight is not None and weight is not None:
            by_panel.setdefault((weight, "weight"), {})[term.weight] = None
    for write in writes:
        by_panel.setdefault((write.panel, "written"), {})[write.cell] = None
    found = (Marked(panel, mark, tuple(cells)) for (panel, mark), cells in by_panel.items())
    return Step(section, caption, (*marks, *found), work, tuple(writes))


def example(first: Step) -> tuple[str, str]:
    """Numbers and result of a step, for a formula."""
    assert first.work is not None and first.work.result is not None
    return first.work.text.rpartition(" = ")[0], number(first.work.result)


def plan_of(
    given: Given,
    panels: Sequence[Panel],
    steps: Sequence[Step],
    formulas: Sequence[Formula] = (),
    notes: Sequence[str] = (),
    weight: str | None = None,
) -> Plan:
    """The plan of one op, with its parameters and MACs."""
    op, ins = given.op, given.ins
    check_count(op.kind, "steps", len(steps), MAX_STEPS)
    on = f" on {' and '.join(size(shape) for shape in ins)}" if ins else ""
    title = f"{title_of(op)}{on} gives {size(given.out)}"
    facts = [("parameters", f"{op.params(*ins):,}")]
    if op.macs(*ins):
        facts.append(("MACs", f"{op.macs(*ins):,}"))
    stage = Stage(op, ins, given.out, given.keys, "output", weight)
    return Plan(
        op.kind, title, tuple(panels), tuple(steps), tuple(formulas), tuple(facts), tuple(notes), (stage,)
    )
