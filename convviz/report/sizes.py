"""Legal input sizes as a table and as plain data."""

from __future__ import annotations

from typing import Any

from convviz.analysis.resized import Misfit
from convviz.analysis.sizes import AxisSizes, Sizes
from convviz.ops.base import show
from convviz.report.data import input_data
from convviz.report.model import Cell, Column, Table
from convviz.report.tables import title

EXAMPLES = 6  # sizes of an axis that are shown
LISTED = 10_000  # and that are listed where a limit is given


def sizes_table(found: Sizes, limit: int | None = None) -> Table:
    """One row an axis; with ``limit``, one row for each legal size up to it."""
    if limit is not None:
        return _listing(found, limit)
    columns = (
        Column("axis", left=True),
        Column("min"),
        Column("then every"),
        Column("legal sizes", left=True, shrink="end"),
        Column("output", left=True, shrink="end"),
        Column("output of these", left=True, shrink="end"),
    )
    rows: list[tuple[Cell, ...]] = []
    for axis in found.axes:
        few = axis.first(EXAMPLES)
        outs = [_out(found, axis, n) for n in few]
        rows.append(
            (
                axis.name,
                axis.min,
                axis.step if not axis.fixed and len(axis.starts) == 1 else None,
                _some(axis),
                _formula(found, axis),
                ", ".join(outs[:4]) + (", ..." if len(outs) > 4 else ""),
            )
        )
    return Table(title(found.graph), columns, tuple(rows), tuple(_notes(found)))


def answer(axis: AxisSizes) -> str:
    """``min 32, then every 32`` and its kin, in words."""
    if axis.fixed:
        return f"only {_runs(axis.also)}"
    also = [n for n in axis.also if n < max(axis.starts)]
    more = f"; also {_runs(also)}" if also else ""
    if len(axis.starts) == 1:
        (start,) = axis.starts
        return (f"any size from {start}" if axis.step == 1 else f"min {start}, then every {axis.step}") + more
    classes = ", ".join(str(s % axis.step) for s in sorted(axis.starts, key=lambda s: s % axis.step)[:12])
    tail = ", ..." if len(axis.starts) > 12 else ""
    return f"min {axis.min}, then remainders {classes}{tail} modulo {axis.step}{more}"


def _runs(numbers: tuple[int, ...] | list[int], most: int = 8) -> str:
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    texts = [str(a) if a == b else f"{a}, {b}" if b == a + 1 else f"{a} to {b}" for a, b in runs]
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def _some(axis: AxisSizes) -> str:
    if axis.fixed:
        return _runs(axis.also)
    if axis.step == 1 and not axis.also:
        return f"all from {axis.starts[0]}"
    few = axis.first(EXAMPLES)
    return ", ".join(map(str, few)) + ", ..."


def _out(found: Sizes, axis: AxisSizes, n: int) -> str:
    out = found.out([n if i == axis.axis else a.given for i, a in enumerate(found.axes)])
    assert not isinstance(out, Misfit)
    return str(out[axis.axis + 1]) if len(out) == len(found.axes) + 1 else show(out)


def _formula(found: Sizes, axis: AxisSizes) -> str | None:
    if axis.output is not None:
        return str(axis.output)
    return None


def _notes(found: Sizes) -> list[str]:
    notes = []
    same = len({_key(axis) for axis in found.axes}) == 1
    for axis in found.axes[:1] if same else found.axes:
        name = "each axis" if same and len(found.axes) > 1 else axis.name
        notes.append(f"{name}: {answer(axis)}")
        if axis.blocker is not None:
            size = axis.blocker.size[axis.axis]
            notes.append(f"{size} is not legal: {axis.blocker}")
        if axis.output is None and len(found.graph.shape(found.layer)) != len(found.axes) + 1:
            notes.append(
                f"the output is {show(found.graph.shape(found.layer))} at the net's own size, no map"
            )
    if found.together is not None:
        notes.append(
            f"the axes depend on each other: {show(found.together.size)} is not legal ({found.together}); "
            f"above, the others are as the net has them"
        )
    return [*notes, *found.notes]


def _key(axis: AxisSizes) -> tuple[Any, ...]:
    return axis.step, axis.starts, axis.also, str(axis.output), axis.blocker and axis.blocker.layer


def _listing(found: Sizes, limit: int) -> Table:
    columns = (Column("axis", left=True), Column("input"), Column("output", left=True))
    rows: list[tuple[Cell, ...]] = []
    for axis in found.axes:
        for n in axis.upto(limit):
            if len(rows) >= LISTED:
                note = f"the first {LISTED:,} are listed"
                return Table(title(found.graph), columns, tuple(rows), (*_notes(found), note))
            rows.append((axis.name, n, _out(found, axis, n)))
    return Table(title(found.graph), columns, tuple(rows), tuple(_notes(found)))


def like_text(found: Sizes, wanted: tuple[int, ...]) -> str:
    """Whether a size is legal, why not, and what is near."""
    out = found.out(wanted)
    if not isinstance(out, Misfit):
        return f"{show(wanted)} is legal: the output is {show(out)}\n"
    lines = [f"{show(wanted)} is not legal: {out}"]
    for axis, n in zip(found.axes, wanted, strict=True):
        below, above = axis.below(n), axis.above(n)
        if below == n:
            continue
        parts = []
        if above is not None:
            parts.append(
                f"{above} (pad by {above - n}: {(above - n) // 2} before, {above - n - (above - n) // 2} after)"
            )
        if below is not None:
            parts.append(f"{below} (crop {n - below})")
        lines.append(f"  {axis.name}: the nearest are {' and '.join(parts)}")
    return "\n".join(lines) + "\n"


def like_data(found: Sizes, wanted: tuple[int, ...]) -> dict[str, Any]:
    out = found.out(wanted)
    return {
        "size": list(wanted),
        "legal": not isinstance(out, Misfit),
        "output": None if isinstance(out, Misfit) else list(out),
        "layer": out.layer if isinstance(out, Misfit) else None,
        "message": out.message if isinstance(out, Misfit) else None,
        "below": [axis.below(n) for axis, n in zip(found.axes, wanted, strict=True)],
        "above": [axis.above(n) for axis, n in zip(found.axes, wanted, strict=True)],
    }


def sizes_data(
    found: Sizes, limit: int | None = None, wanted: tuple[int, ...] | None = None
) -> dict[str, Any]:
    """``axes``: for each, ``min``, ``step``, ``starts``, ``also``, the output's ``formula`` and examples [in, out]."""
    axes = []
    for axis in found.axes:
        few = axis.first(EXAMPLES) if limit is None else [n for n, _ in zip(axis.upto(limit), range(LISTED))]
        blocker = axis.blocker
        axes.append(
            {
                "axis": axis.axis,
                "name": axis.name,
                "min": axis.min,
                "step": None if axis.fixed else axis.step,
                "starts": list(axis.starts),
                "also": list(axis.also),
                "answer": answer(axis),
                "output": None if axis.output is None else str(axis.output),
                "sizes": [[n, _number(_out(found, axis, n))] for n in few],
                "blocker": None
                if blocker is None
                else {"size": blocker.size[axis.axis], "layer": blocker.layer, "message": blocker.message},
            }
        )
    out: dict[str, Any] = {
        "name": found.graph.name,
        "input": input_data(found.graph),
        "layer": found.layer,
        "axes": axes,
        "independent": found.together is None,
    }
    if wanted is not None:
        out["like"] = like_data(found, wanted)
    if found.notes:
        out["notes"] = list(found.notes)
    return out


def _number(text: str) -> int | str:
    return int(text) if text.isdigit() else text
