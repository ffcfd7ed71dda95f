"""Several nets at once: what changed between two, who keeps a brief, which come with convviz."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from convviz.analysis.check import Rule, Verdict
from convviz.analysis.compare import Change, Comparison, net_field
from convviz.analysis.results import Layer
from convviz.errors import ConvvizError
from convviz.graph import Graph, Node
from convviz.ops.base import REQUIRED, Op, show
from convviz.report.data import clean, input_data
from convviz.report.model import Cell, Column, Pair, Table, plain
from convviz.report.tables import channels_cell, op_label, size_cell, space_cell, window_label

BOTH = ("before", "after")


def compare_table(comparison: Comparison) -> Table:
    """One row for each layer that differs: what was set, and the parameters, MACs and receptive field that it
    moved.
    """
    columns = (
        Column("change", left=True),
        Column("layer", left=True, shrink="middle"),
        Column("what", left=True, shrink="middle"),
        Column("n_out", drop=1, ends=BOTH),
        Column("r_out", ends=BOTH),
        Column("Δr"),
        Column("Δparams"),
        Column("ΔMACs", drop=2),
    )
    rows = [_change_row(change, comparison) for change in comparison.changes]
    a, b = comparison.before, comparison.after
    notes = []
    if comparison.inputs:
        notes.append(
            "input: " + " → ".join(", ".join(show(s) for s in side.values()) for side in comparison.inputs)
        )
    if comparison.same:
        notes.append("the same layers with the same settings")
    notes.append(f"parameters: {_moved(*comparison.params)}")
    rest = comparison.macs[1] - comparison.macs[0] - sum(change.macs for change in comparison.changes)
    notes.append(
        f"MACs: {_moved(*comparison.macs)}"
        + (f"; {signed(rest)} of it in layers whose map changed its size" if rest else "")
    )
    ends = net_field(a), net_field(b)
    if ends[0] and ends[1] and ends[0].rf and ends[1].rf:
        before, after = (plain(_net_size(end)) for end in ends)
        notes.append(f"receptive field: {before}" + (f" → {after}" if before != after else ""))
    if comparison.carried:
        told = [f"{layer.node.name} {signed(growth)}" for layer, growth in comparison.carried]
        rest_told = f" and {len(told) - MOST} more" if len(told) > MOST else ""
        notes.append(
            f"Δr of unchanged layers, whose steps on the input changed: {', '.join(told[:MOST])}{rest_told}"
        )
    if comparison.carried or any(change.growth for change in comparison.changes):
        notes.append("Δr: how much more a layer adds to the receptive field than before")
    return Table(f"{a.graph.name} → {b.graph.name}", columns, tuple(rows), tuple(notes))


MOST = 6  # unchanged layers that are told one by one


def _net_size(layer: Layer | None) -> Cell:
    return size_cell(layer.rf) if layer else None


def _change_row(change: Change, comparison: Comparison) -> tuple[Cell, ...]:
    before, after = change.before, change.after
    layer = after or before
    assert layer is not None
    names = [x.node.name for x in (before, after) if x]
    rank = len(comparison.before.graph.inputs[comparison.before.wrt]) - 1

    def pair(of: Any) -> Cell:
        old, new = (plain(of(x)) if x else None for x in (before, after))
        return Pair(old, new)

    return (
        change.kind,
        "→".join(dict.fromkeys(names)),
        _what(change),
        pair(lambda x: space_cell(x.node.out, rank)),
        pair(lambda x: size_cell(x.rf)),
        None if change.growth is None else signed(change.growth),
        signed(change.params),
        signed(change.macs),
    )


SHORT = {"out_channels": "channels", "out_features": "features", "kernel_size": "kernel"}


def _what(change: Change) -> str:
    """``kernel 3→5; padding 0→1``, ``batch_norm → group_norm``, ``behind conv1``, or what the layer is."""
    before, after = change.before, change.after
    if before is None or after is None:
        layer = after or before
        assert layer is not None
        return _setting(layer.node)
    if change.kind == "replaced":
        return f"{_setting(before.node)} → {_setting(after.node)}"
    words = [
        f"{SHORT.get(name, name)} {_value(old)}→{_value(new)}" for name, (old, new) in change.fields.items()
    ]
    if change.moved and after.node.inputs:
        words.insert(0, f"behind {', '.join(after.node.inputs)}")
    return "; ".join(words) or _setting(after.node)


def _setting(node: Node) -> str:
    """``conv k3 s2 p1 d2 16→32``: enough to see what a layer is."""
    words = [op_label(node), window_label(node)]
    if not node.op.elementwise and node.params:
        words.append(plain(channels_cell(node, len(node.out) - 1)))
    return " ".join(word for word in words if word)


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        if value and all(isinstance(v, str) for v in value):
            return ", ".join(value)
        if value and all(isinstance(v, tuple) and len(set(v)) == 1 for v in value):
            value = tuple(v[0] for v in value)
        return plain(value) if all(isinstance(v, int | Fraction) for v in value) else str(value)
    return (
        {True: "true", False: "false", None: "none"}.get(value, str(value))
        if isinstance(value, bool | None)
        else str(value)
    )


def signed(value: int) -> str:
    """``+1,234``, ``−5``, ``0``"""
    return "0" if value == 0 else f"{'+' if value > 0 else '−'}{abs(value):,}"


def _moved(before: int, after: int) -> str:
    if before == after:
        return f"{before:,}"
    share = f", {signed(round(100 * (after - before) / before))} %" if before else ""
    return f"{before:,} → {after:,} ({signed(after - before)}{share})"


def rule_text(rule: Rule) -> str:
    """``min_rf 44: 34, 10 too small``"""
    if rule.name in ("uses", "forbids"):
        found = rule.value if isinstance(rule.value, tuple) else ()
        shown = ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
        return f"{rule.name} {rule.limit}: {shown or 'nowhere'}"
    value = f"{rule.value:,}" if isinstance(rule.value, int) else "none"
    limit = f"{rule.limit:,}" if isinstance(rule.limit, int) else rule.limit
    high, low = ("large", "small") if rule.name.endswith("rf") else ("many", "few")
    tail = (
        ""
        if rule.passed or not rule.by
        else f", {rule.by:,} too {high if rule.name.startswith('max') else low}"
    )
    return f"{rule.name} {limit}: {value}{tail}"


def check_text(verdicts: Sequence[tuple[str, Verdict | ConvvizError]]) -> str:
    """A line for each net and, below it, one for each rule."""
    lines = []
    for source, verdict in verdicts:
        if isinstance(verdict, ConvvizError):
            lines.append(f"ERROR {source}: {verdict}")
            continue
        lines.append(f"{'pass ' if verdict.passed else 'FAIL '} {source}")
        lines += [f"   {'ok  ' if rule.passed else 'FAIL'} {rule_text(rule)}" for rule in verdict.rules]
    done = [verdict for _, verdict in verdicts]
    passed = sum(isinstance(verdict, Verdict) and verdict.passed for verdict in done)
    if len(done) > 1:
        lines.append(f"{passed} of {len(done)} pass")
    return "\n".join(lines) + "\n"


def nets_table(graphs: Sequence[Graph]) -> Table:
    """The bundled nets: name, input, parameters, variant, source."""
    columns = (
        Column("net", left=True),
        Column("input", left=True),
        Column("params", count=True),
        Column("variant", left=True, shrink="end"),
        Column("source", left=True, shrink="end"),
    )
    rows = []
    for graph in graphs:
        shapes = " ".join(show(shape) for shape in graph.inputs.values())
        rows.append(
            (
                graph.name,
                shapes,
                graph.params,
                str(graph.meta.get("variant", "")),
                str(graph.meta.get("source", "")),
            )
        )
    return Table("", columns, tuple(rows), ("variants and sources in full: convviz list nets --format md",))


def nets_data(graphs: Sequence[Graph]) -> list[dict[str, Any]]:
    return [
        {
            "name": graph.name,
            "input": input_data(graph),
            "params": graph.params,
            "macs": graph.macs,
            "variant": graph.meta.get("variant"),
            "source": graph.meta.get("source"),
        }
        for graph in graphs
    ]


def ops_table(ops: Sequence[type[Op]]) -> Table:
    """Every op with its fields; a field without a default must be given."""
    columns = (
        Column("op", left=True),
        Column("fields", left=True, shrink="end"),
        Column("what it is", left=True, shrink="end"),
    )
    rows = [
        (op.kind, ", ".join(_field(*item) for item in defaults(op).items()) or "–", _first_line(op))
        for op in ops
    ]
    return Table(
        "",
        columns,
        tuple(rows),
        (
            "a scalar in YAML (- max_pool: 2) sets: "
            + ", ".join(f"{op.kind} {op.scalar}" for op in ops if op.scalar),
        ),
    )


def ops_data(ops: Sequence[type[Op]]) -> list[dict[str, Any]]:
    out = []
    for op in ops:
        fields = {
            name: {"required": value is REQUIRED, "default": None if value is REQUIRED else clean(value)}
            for name, value in defaults(op).items()
        }
        out.append({"name": op.kind, "fields": fields, "scalar": op.scalar, "what": _first_line(op)})
    return out


def defaults(op: type[Op]) -> dict[str, Any]:
    """Names of an op's fields and their defaults as one would write them; REQUIRED where there is none."""
    return {field.name: field.metadata["default"] for field in dataclasses.fields(op)}


def _field(name: str, value: Any) -> str:
    return name if value is REQUIRED else f"{name}={_value(value)}"


def _first_line(op: type[Op]) -> str:
    line = (op.__doc__ or "").strip().split("\n")[0]
    return line.replace("``", "").split(" Source:")[0].rstrip(":.")
