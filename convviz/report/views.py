"""The other questions that `convviz rf` answers: one unit, stages, channels, what padding reaches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from convviz.analysis.results import Unit
from convviz.analysis.stages import Stage
from convviz.graph import Graph
from convviz.ops.base import show
from convviz.report.data import clean, stage_data
from convviz.report.model import Cell, Column, Table, plain
from convviz.report.tables import op_label, title

if TYPE_CHECKING:
    from convviz.analysis.channels import Channels
    from convviz.analysis.padding import PaddingReach


def stages_table(graph: Graph, stages: Sequence[Stage]) -> Table:
    """One row a resolution."""
    columns = (
        Column("stage", left=True),
        Column("output", left=True),
        Column("channels", left=True, shrink="middle"),
        Column("blocks"),
        Column("convs"),
        Column("layers"),
        Column("jump"),
        Column("r_out"),
        Column("params", count=True),
        Column("MACs", count=True),
    )
    rows: list[tuple[Cell, ...]] = []
    for stage in stages:
        size: Cell = "global" if stage.is_global else stage.size
        channels = "→".join(
            map(
                str,
                stage.channels if len(stage.channels) < 4 else (stage.channels[0], "…", stage.channels[-1]),
            )
        )
        rows.append(
            (
                stage.name,
                show(stage.out),
                channels,
                stage.blocks,
                stage.convs,
                len(stage.layers),
                stage.jump,
                size,
                stage.params,
                stage.macs,
            )
        )
    body = [stage for stage in stages if stage.blocks]
    notes = []
    if body:
        notes.append(
            f"blocks: {' + '.join(str(s.blocks) for s in body)}; a block is where paths part and meet again"
        )
    notes.append(f"total: {graph.params:,} parameters, {graph.macs:,} MACs")
    return Table(title(graph), columns, tuple(rows), tuple(notes))


def unit_text(unit: Unit) -> str:
    """One unit in sentences."""
    where = f"unit {','.join(map(str, unit.unit))} of {unit.layer}"
    if unit.lo is None or unit.hi is None or unit.span is None:
        return f"{where} reads no input cell\n"
    ranges = ", ".join(f"{low}..{high}" for low, high in zip(unit.lo, unit.hi, strict=True))
    count = "not counted" if unit.count is None else f"{unit.count:,}"
    holes = " (with holes)" if unit.count is not None and unit.count < prod(unit.span) else ""
    lines = [f"{where} reads input {ranges}", f"  span    {show(unit.span)}", f"  pixels  {count}{holes}"]
    lines.append(f"  clipped {'yes, at the border' if unit.clipped else 'no'}")
    return "\n".join(lines) + "\n"


def unit_table(graph: Graph, unit: Unit) -> Table:
    """The same in columns, for formats that have no sentences."""
    columns = (
        Column("layer", left=True),
        Column("unit"),
        Column("lo"),
        Column("hi"),
        Column("span"),
        Column("count", count=True),
        Column("clipped", left=True),
    )

    def listed(values: tuple[int, ...] | None) -> Cell:
        return (
            None if values is None else ",".join(map(str, values))
        )  # positions: both axes, also where they agree

    row = (
        unit.layer,
        listed(unit.unit),
        listed(unit.lo),
        listed(unit.hi),
        unit.span,
        unit.count,
        "yes" if unit.clipped else "no",
    )
    return Table(title(graph), columns, (row,))


def channels_table(graph: Graph, found: Channels) -> Table:
    """One row for each stretch of a layer's channels that depend on the same channels of the net's input."""
    columns = (
        Column("layer", left=True, shrink="middle"),
        Column("op", left=True, shrink="middle"),
        Column("channels"),
        Column("reads of its input"),
        Column("output channels", left=True),
        Column("input channels", left=True, shrink="middle"),
    )
    rows: list[tuple[Cell, ...]] = []
    quiet = set()
    for layer in found.layers:
        own = (
            None
            if layer.own is None
            else plain(layer.own[0])
            if layer.own[0] == layer.own[1]
            else f"{layer.own[0]}–{layer.own[1]}"
        )
        stretches = layer.runs()
        shown = stretches if len(stretches) <= STRETCHES else stretches[: STRETCHES - 1]
        head: tuple[Cell, ...] = (layer.layer, op_label(graph[layer.layer]), layer.count, own)
        if graph[layer.layer].op.elementwise:
            quiet.add(len(rows))
        if not stretches:
            rows.append((*head, "all", "not followed"))
        for i, (first, last, inputs) in enumerate(shown):
            rows.append((*(head if i == 0 else (None,) * 4), _span(first, last), _spans(inputs)))
        if len(shown) < len(stretches):
            rows.append((*(None,) * 4, f"… {len(stretches) - len(shown)} more", None))
    size = graph.inputs[found.wrt][0]
    notes = [f"input channels: those of {found.wrt!r} (0..{size - 1}) that an output channel depends on"]
    return Table(title(graph), columns, tuple(rows), tuple(notes), frozenset(quiet))


STRETCHES = 8  # of one layer's channels that are listed one by one


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}..{last}"


def _spans(members: Sequence[int]) -> str:
    """``0..3, 8`` for 0, 1, 2, 3, 8."""
    runs: list[list[int]] = []
    for member in members:
        if runs and member == runs[-1][1] + 1:
            runs[-1][1] = member
        else:
            runs.append([member, member])
    return ", ".join(_span(first, last) for first, last in runs) or "none"


def _percent(part: int, whole: int) -> str:
    """Rounded down, so that only all of them are 100."""
    tenths = 1000 * part // whole
    return f"{tenths / 10:.1f}" if tenths % 10 and tenths > 990 else str(tenths // 10)


def padding_table(graph: Graph, found: PaddingReach) -> Table:
    """Which units read no padding, axis by axis."""
    rows: list[tuple[Cell, ...]] = []
    for axis, (size, runs) in enumerate(zip(found.size, found.valid, strict=True)):
        count = sum(last - first + 1 for first, last in runs)
        rows.append((axis, size, ", ".join(_span(*run) for run in runs) or "none", count, size - count))
    columns = (
        Column("axis"),
        Column("units"),
        Column("valid", left=True, shrink="middle"),
        Column("valid units"),
        Column("read padding"),
    )
    share = f" ({_percent(found.count, found.total)} %)" if found.total else ""
    of = f"{found.count:,} of {found.total:,} units of {found.layer}{share}"
    note = f"{of} read no padding in any layer on the way"
    return Table(f"{title(graph)}  layer {found.layer} {show(found.size)}", columns, tuple(rows), (note,))


def channels_data(found: Channels) -> list[dict[str, Any]]:
    return [
        {
            "layer": layer.layer,
            "op": layer.op,
            "channels": layer.count,
            "own": clean(layer.own),
            "net": None
            if layer.net is None
            else [
                {"first": first, "last": last, "inputs": list(inputs)} for first, last, inputs in layer.runs()
            ],
        }
        for layer in found.layers
    ]


def padding_data(found: PaddingReach) -> dict[str, Any]:
    return {
        "layer": found.layer,
        "size": clean(found.size),
        "valid": clean(found.valid),
        "count": found.count,
        "total": found.total,
    }


def stages_data(found: Sequence[Stage]) -> list[dict[str, Any]]:
    return [stage_data(stage) for stage in found]


TABLES: dict[str, Callable[[Graph, Any], Table]] = {
    "stages": stages_table,
    "channels": channels_table,
    "padding_reach": padding_table,
}
DATA: dict[str, Callable[[Any], Any]] = {
    "stages": stages_data,
    "channels": channels_data,
    "padding_reach": padding_data,
}
