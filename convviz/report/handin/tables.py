"""Tables of a hand-in: recipes side by side, receptive fields, and which class makes which arm's net."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from convviz.report.handin.parts import HandIn, Part
from convviz.report.model import Column, Table
from convviz.report.tables import rf_table

OFF: tuple[Any, ...] = (None, False, 0)
NEUTRAL = {"padding": 0, "dilation": 1}  # columns that a course's nets often do not need


def differing_table(found: HandIn) -> Table:
    """Settings in which arms differ, a column for each arm."""
    columns = (Column("setting", left=True), *(Column(part.name, left=True) for part in found.parts))
    rows = [
        (shown_name(name), *(shown(name, part.arm.settings.get(name)) for part in found.parts))
        for name in found.results.differing
    ]
    return Table("", columns, tuple(rows))


def common_table(found: HandIn) -> Table:
    """Settings that all arms share, without those that are off."""
    columns = (Column("setting", left=True), Column("value", left=True))
    common = found.results.common.items()
    rows = [(shown_name(name), shown(name, value)) for name, value in common if value not in OFF]
    note = "What is not listed is off, or as the net has it; config.yaml of each run has every setting."
    return Table("", columns, tuple(rows), (note,))


def shown_name(name: str) -> str:
    return name.replace("_", " ")


def shown(name: str, value: Any) -> str:
    """A setting's value.

    >>> shown("l1", 0.0), shown("norm", None), shown("l1", 0.0001), shown("flip", True)
    ('none', "the net's own", '0.0001', 'yes')
    """
    if value is None and name in ("norm", "dropout"):
        return "the net's own"
    if value is None and name == "train_images":
        return "all"
    if value in OFF:
        return "none"
    if value is True:
        return "yes"
    return (
        f"{value:g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
    )


def field_table(part: Part) -> Table:
    """The receptive fields of an arm's net, without columns that say nothing here."""
    table = rf_table(part.net)
    keep = []
    for i, column in enumerate(table.columns):
        cells = [row[i] for row in table.rows if row[i] is not None]
        neutral = NEUTRAL.get(column.key)
        if neutral is None or any(cell != (neutral,) * len(part.net.graph.inputs) for cell in _flat(cells)):
            keep.append(column.key)
    return replace(table.only(keep), title="")


def _flat(cells: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Distinct values of each cell."""
    return [tuple(dict.fromkeys(cell)) if isinstance(cell, tuple) else (cell,) for cell in cells]


def model_table(parts: Sequence[Part]) -> Table:
    """How the class is called for each arm, and where its weights lie."""
    columns = (Column("arm", left=True), Column("net", left=True), Column("trained weights", left=True))
    rows = [(part.name, f"Net({argument(part)})", part.weights or "model.pt of the run") for part in parts]
    return Table("", columns, tuple(rows))


def argument(part: Part) -> str:
    return f'norm="{part.norm}"' if part.norm else ""
