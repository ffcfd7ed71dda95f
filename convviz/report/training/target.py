"""What a run was asked to reach, and whether it did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from convviz.analysis.statistics.intervals import wilson
from convviz.analysis.training import tail
from convviz.report.model import Cell, Column, Table
from convviz.report.training.document import Part
from convviz.report.training.words import percent
from convviz.runs.run import Run

# what: (at least?, how it is read off a run, how it is written)
KNOWN: dict[str, tuple[bool, Callable[[Run], Any], Callable[[float], str]]] = {
    "accuracy": (True, lambda run: run.test_accuracy, percent),
    "parameters": (False, lambda run: run.summary.get("parameters"), lambda n: f"{n:,.0f}"),
    "epochs": (False, lambda run: len(run.history), lambda n: f"{n:,.0f}"),
    "seconds": (False, lambda run: run.summary.get("seconds"), lambda s: f"{s:,.1f}"),
}
COLUMNS = (Column("what", left=True), Column("asked", left=True), Column("reached"), Column("met", left=True))


def target_part(run: Run, target: Any = None) -> Part:
    """target: an accuracy in per cent, a text, or ``{accuracy: 99.4, parameters: 20000, epochs: 20, seconds: 60}``.

    Without one, what the run itself was told.
    """
    wanted = run.about.get("target") if target is None else target
    if wanted is None:
        return Part("Target", ("No target was set for this run.",))
    if isinstance(wanted, int | float) and not isinstance(wanted, bool):
        wanted = {"accuracy": wanted}
    if not isinstance(wanted, Mapping):
        return Part("Target", (str(wanted),))
    rows = tuple(_row(run, str(name), value) for name, value in wanted.items())
    goal: Any = wanted.get("accuracy")
    return Part("Target", _certainty(run, goal) if _number(goal) else (), tables=(Table("", COLUMNS, rows),))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _row(run: Run, name: str, value: Any) -> tuple[Cell, ...]:
    if name not in KNOWN or not _number(value):
        return (name, str(value), None, None)
    least, read, write = KNOWN[name]
    reached = read(run)
    asked = f"at {'least' if least else 'most'} {write(value)}"
    if reached is None:
        return (name, asked, None, None)
    met = reached >= value if least else reached <= value
    return (name, asked, write(reached), "yes" if met else "no")


def _certainty(run: Run, goal: float) -> tuple[str, ...]:
    """How sure a target that was met or missed is, from the last epochs and the interval."""
    accuracy, count = run.test_accuracy, run.summary.get("test_images")
    last = tail(run.history)
    if accuracy is None or count is None or last is None:
        return ()
    met = sum(value >= goal for value in last.values)
    told = f"{percent(goal)} was reached after {met} of the last {len(last.values)} epochs"
    if len(last.values) == 1:
        told = f"{percent(goal)} was {'reached' if met else 'not reached'} after the only epoch"
    found = wilson(accuracy, count)
    inside = found.low <= goal <= found.high
    how = (
        "contains the target, so other test images might decide otherwise"
        if inside
        else "does not contain the target"
    )
    return (f"{told}; the interval of the last one, {found.low:.2f} to {found.high:.2f} %, {how}.",)
