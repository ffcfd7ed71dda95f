"""Suggested changes as a table, in YAML lines and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from convviz.analysis.changes import Change
from convviz.analysis.suggest import Suggestion, Suggestions
from convviz.graph import Graph
from convviz.ops.base import Op, show
from convviz.report.data import clean, dumps, field_data, input_data
from convviz.report.formats import render
from convviz.report.model import Cell, Column, Table, plain, rounded

COLUMNS = (
    Column("#"),
    Column("change", left=True, shrink="middle"),
    Column("RF"),
    Column("read"),
    Column("map", drop=2),
    Column("params", count=True),
    Column("+params", drop=1),
    Column("MACs", count=True),
    Column("+MACs"),
    Column("weights", left=True, shrink="end", drop=3),
)
FEW = 3  # layers that are named one by one


def render_suggestions(found: Suggestions, format: str = "text", *, standalone: bool = False) -> str:
    """The answer in one of the formats (``text``: a table without colour)."""
    if format == "json":
        return dumps(suggestions_data(found))
    return render(suggestions_table(found), format, standalone=standalone)


def suggestions_table(found: Suggestions) -> Table:
    """One row a changed net; below, what to write, and what was left out."""
    rows = tuple(_row(i, s, found) for i, s in enumerate(found.found, 1))
    now = f"{found.graph.name}  receptive field of {found.before.layer}: {show(found.before.size)}"
    return Table(f"{now}, wanted {show(found.target)}", COLUMNS if rows else (), rows, tuple(notes(found)))


def _row(number: int, s: Suggestion, found: Suggestions) -> tuple[Cell, ...]:
    return (
        number,
        told(s.changes),
        s.size,
        share(s),
        s.out[1:] or None,
        s.params,
        signed(s.params - found.graph.params),
        s.macs,
        signed(s.macs - found.graph.macs),
        weights(s),
    )


def told(changes: Sequence[Change]) -> str:
    """``conv4 dilation 1→2``; layers that change alike are told together."""
    words = []
    if len({_what(c) for c in changes}) > FEW:
        factors = {
            n // m
            for c in changes
            if c.before
            for n, m in zip(*map(_dilations, (c.op, c.before)), strict=True)
        }
        by = f" ×{max(factors)}" if len(factors) == 1 else ""
        return f"{changes[0].layer} … {changes[-1].layer} ({len(changes)} layers) dilation{by}"
    for what, alike in groupby(changes, key=_what):
        names = [c.layer for c in alike]
        where = ", ".join(names) if len(names) <= FEW else f"{names[0]} … {names[-1]} ({len(names)} layers)"
        words.append(f"{where} {what}" if not what.startswith("new") else f"{what} behind {where}")
    return "; ".join(words)


def _dilations(op: Op) -> tuple[int, ...]:
    return tuple(getattr(op, "dilation", (1,)))


def _what(change: Change) -> str:
    if change.before is None:
        kernel = "x".join(map(str, change.op.fields()["kernel_size"]))
        kind = change.op.kind.replace("_", " ")
        return f"new {'depthwise ' if change.op.fields().get('groups', 1) > 1 else ''}{kind} {kernel}"
    old, new = change.before.fields(), change.op.fields()
    return ", ".join(
        f"{key.replace('kernel_size', 'kernel')} {plain(old[key])}→{plain(new[key])}"
        for key in ("kernel_size", "stride", "dilation")
        if key in new and old[key] != new[key]
    )


def share(s: Suggestion) -> str:
    """How much of its receptive field a unit reads: ``all``, ``53 %``."""
    if s.read is None:
        return "?"
    return "all" if s.read == 1 else f"{min(float(100 * s.read), 99.9):.3g} %"


def signed(n: int) -> str:
    """``+1.2 M``, ``-900``, ``0``"""
    return "0" if not n else f"{'+' if n > 0 else '-'}{rounded(abs(n))}"


def weights(s: Suggestion) -> str:
    """Whether trained weights still fit."""
    if not s.retrain:
        return "still fit"
    names = s.retrain if len(s.retrain) <= FEW else (*s.retrain[:FEW], f"{len(s.retrain) - FEW} more")
    return f"train {', '.join(names)}"


def notes(found: Suggestions) -> list[str]:
    """What is there now, what to write, and what was left out."""
    before = found.before
    lines = [
        f"now: {show(before.size)} at {before.layer}, {before.params:,} parameters, {before.macs:,} MACs"
    ]
    if found.reached:
        return [*lines, f"nothing to change: {show(before.size)} is at least {show(found.target)}"]
    for i, s in enumerate(found.found, 1):
        lines += [f"{i}: {line}" for line in yaml_lines(s.changes, found.graph)]
    if any(s.read is not None and s.read < 1 for s in found.found):
        lines.append("read: the share of its receptive field that a unit really reads; the rest are holes")
    coarse = [f"{i}: {_coarser(s)}" for i, s in enumerate(found.found, 1) if s.resized]
    lines += coarse
    changed = [i for i, s in enumerate(found.found, 1) if s.outputs != before.outputs]
    if changed:
        lines.append(f"the net's output has another shape in {', '.join(map(str, changed))}")
    if found.found and not any(s.retrain for s in found.found):
        lines.append(
            "trained weights still fit their layers, but were trained for another reach: fine-tune them"
        )
    if not found.found:
        lines.append(f"no change that was tried, alone or in pairs, reaches {show(found.target)}")
        if found.best is not None:
            lines.append(f"nearest: {told(found.best.changes)} gives {show(found.best.size)}")
            lines += yaml_lines(found.best.changes, found.graph)
    limits = [
        f"{limit:,} {what}"
        for limit, what in ((found.max_macs, "MACs"), (found.max_params, "parameters"))
        if limit is not None
    ]
    if found.barred:
        lines.append(f"{found.barred} changed nets left out: more than {' or '.join(limits)}")
    if found.reshaped:
        lines.append(
            f"{found.reshaped} left out: they change the shape of the net's output (--any-output keeps them)"
        )
    return lines


def _coarser(s: Suggestion) -> str:
    count, first = len(s.resized), s.resized[0]
    what = "1 layer has a map" if count == 1 else f"{count} layers have maps"
    return f"{what} of another size, from {first} on ({show(s.graph[first].out)})"


def yaml_lines(changes: Sequence[Change], graph: Graph) -> list[str]:
    """What to write in a model.yaml, a line for all layers that take the same.

    >>> import convviz
    >>> from convviz.analysis.suggest import suggest
    >>> graph = convviz.read("code8")
    >>> yaml_lines(suggest(graph, 36).found[0].changes, graph)
    ['on conv4 (code8.yaml:21) write dilation: 2, padding: 1']
    """
    lines: dict[str, list[str]] = {}
    out = []
    for change in changes:
        if change.before is None:
            inner = ", ".join(f"{key}: {yaml_value(value)}" for key, value in change.fields.items())
            out.append(
                f"behind {change.layer} write - {{{change.op.kind}: {{{inner}}}, name: {change.name}}}"
                + _readers(change, graph)
            )
        else:
            order = sorted(change.fields.items(), key=lambda item: item[0] == "padding")
            fields = ", ".join(f"{key}: {yaml_value(value)}" for key, value in order)
            lines.setdefault(fields, []).append(change.layer)
    for written, names in lines.items():
        place = _where(names[0], graph).partition(": ")
        where = f" ({place[0]})" if len(names) == 1 and place[1] else ""
        out.append(f"on {', '.join(names)}{where} write {written}{_sharing(names, graph)}")
    return out


def _where(name: str, graph: Graph) -> str:
    """Where a layer stands; nowhere, if it is one of the new ones."""
    return graph[name].where if name in graph.by_name else ""


def _sharing(names: Sequence[str], graph: Graph) -> str:
    """Whether the lines of these layers in a file serve others as well: blocks that are used again."""
    places = {place for place in (_where(name, graph) for name in names) if ": " in place}
    others = sum(node.where in places for node in graph) - len(names)
    return f" (lines that serve {others} more layer{'s' * (others > 1)})" if places and others > 0 else ""


def _readers(change: Change, graph: Graph) -> str:
    """Who has to be told of a new layer by name."""
    if change.layer not in graph.by_name:
        return ""
    names = [node.name for node in graph]
    after = names[names.index(change.layer) + 1 :][:1]
    readers = [node.name for node in graph if change.layer in node.inputs]
    if readers == after or not readers:
        return ""
    return f"; {', '.join(readers)} read{'s' * (len(readers) == 1)} {change.name} in place of {change.layer}"


def yaml_value(value: Any) -> str:
    """A field as one writes it: ``2``, ``[5, 2]``, ``[[2, 0]]``."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        values = [v[0] if isinstance(v, tuple) and v[0] == v[1] else v for v in value]
        if any(isinstance(v, tuple) for v in values):
            return str([list(v) if isinstance(v, tuple) else [v, v] for v in values])
        return str(values[0] if len(set(values)) == 1 else values)
    return str(value)


# -- plain data --------------------------------------------------------------------------------------------
def suggestions_data(found: Suggestions) -> dict[str, Any]:
    """``name, input, layer, target, reached, before, suggestions, best`` and what was left out."""
    return {
        "name": found.graph.name,
        "input": input_data(found.graph),
        "layer": found.before.layer,
        "target": list(found.target),
        "reached": found.reached,
        "before": _state(found.before),
        "suggestions": [_suggestion_data(s, found) for s in found.found],
        "best": _suggestion_data(found.best, found) if found.best else None,
        "left_out": {"limits": found.barred, "output": found.reshaped},
    }


def _state(s: Suggestion) -> dict[str, Any]:
    return {
        "layer": s.layer,
        "rf": field_data(s.field),
        "out": list(s.out),
        "outputs": clean(s.outputs),
        "params": s.params,
        "macs": s.macs,
    }


def _suggestion_data(s: Suggestion, found: Suggestions) -> dict[str, Any]:
    return {
        "what": s.what,
        "changes": [_change_data(c) for c in s.changes],
        "yaml": yaml_lines(s.changes, found.graph),
        **_state(s),
        "read": None if s.read is None else float(s.read),
        "more_params": s.params - found.graph.params,
        "more_macs": s.macs - found.graph.macs,
        "retrain": list(s.retrain),
        "resized": list(s.resized),
    }


def _change_data(change: Change) -> dict[str, Any]:
    return {
        "layer": change.layer,
        "where": change.where or None,
        "op": change.op.kind,
        "new": change.name or None,
        "fields": {key: clean(value) for key, value in change.fields.items()},
    }
