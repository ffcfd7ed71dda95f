"""Heads as tables (one of the heads, one of their layers), documents and plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convviz.analysis.heads import EQUAL, FRONT, Head, Heads
from convviz.graph import Node
from convviz.ops.base import show
from convviz.plan.heads import answers, parameters
from convviz.plan.words import listing, size
from convviz.report.data import clean, dumps
from convviz.report.documents import csv_text, page
from convviz.report.formats import WIDTH
from convviz.report.formats import render as write
from convviz.report.model import Cell, Column, Table, plain
from convviz.report.sizes import answer
from convviz.report.tables import size_cell


def render_heads(found: Heads, format: str = "text", *, width: int = WIDTH, standalone: bool = False) -> str:
    """The table of heads and the table of layers (csv: the layers only; json: all numbers)."""
    if format == "json":
        return dumps(heads_data(found))
    if format == "csv":
        return csv_text(layers_table(found))
    parts = [write(table, format, width=width) for table in (heads_table(found), layers_table(found))]
    if format == "html" and standalone:
        return page(title(found), "".join(parts))
    return "\n".join(parts)


def title(found: Heads) -> str:
    """``Heads on a map of 64x7x7, 10 classes``"""
    s = found.setting
    level = f", each with about {found.equal:,} parameters" if found.equal is not None else ""
    return f"Heads on a map of {show(s.shape)}, {s.classes:,} class{'es' * (s.classes != 1)}{level}"


def heads_table(found: Heads) -> Table:
    """A row for each head."""
    columns = (
        Column("head", left=True),
        Column("layers", left=True, shrink="end"),
        Column("params", count=True),
        Column("of most"),
        Column("MACs", count=True),
        Column("reads", left=True),
        Column("takes maps", left=True, shrink="end"),
    )
    rows: list[tuple[Cell, ...]] = []
    for head in found:
        share = f"{head.params / found.most:.3g}" if head.params < found.most else "1"
        rows.append((head.kind, chain(head), head.params, share, head.macs, reads(head), takes(head)))
    return Table(title(found), columns, tuple(rows), tuple(notes(found)))


def chain(head: Head) -> str:
    """``GAP, linear``, with the conv in front of it where there is one."""
    if FRONT not in head.graph.by_name:
        return head.name
    front = head.graph[FRONT]
    return f"conv {size(front.op.fields()['kernel_size'])} to {front.out[0]:,}, ReLU, {head.name}"


def reads(head: Head) -> str:
    """What an answer reads: the whole map, or a window of it."""
    last = head.field(head.graph.nodes[-1])
    return plain(size_cell(last))


def takes(head: Head) -> str:
    """Sizes of the map: ``any``, ``from 7``, ``only 6 or 7``; axes that differ apart."""
    if head.sizes is None:
        return "not tried"
    told = [
        listing((str(n) for n in axis.also), "or")
        if axis.fixed
        else "any"
        if axis.min == 1
        else f"from {axis.min}"
        for axis in head.sizes.axes
    ]
    text = told[0] if len(set(told)) == 1 else " x ".join(told)
    return f"only {text}" if all(axis.fixed for axis in head.sizes.axes) else text


def notes(found: Heads) -> list[str]:
    """What is left out and why, which heads are equal, and what the numbers say."""
    told = answers(found)
    lines = [told[topic] for topic in told if topic != "order"]  # which stands among the equal heads
    for (a, b), why in EQUAL.items() if found.equal is None else ():
        if a in found and b in found:
            one, two = found[a].macs, found[b].macs
            lines.append(f"{a} = {b}: {why}" + (f" (MACs: {one:,} against {two:,})." if one != two else "."))
    lines += [f"{kind} is left out: {why}." for kind, why in found.left_out]
    s = found.setting
    if set(s.rf + s.jump) == {1}:
        lines.append("reads and jump are in cells of the map.")
    else:
        lines.append(
            f"reads and jump are in pixels of the image; the map's own are {plain(s.rf)} and {plain(s.jump)}."
        )
    return lines


def layers_table(found: Heads) -> Table:
    """A row for each layer of each head, its parameters with the numbers put in."""
    columns = (
        Column("head", left=True),
        Column("layer", left=True),
        Column("output", left=True),
        Column("params", count=True),
        Column("worked", left=True, shrink="end"),
        Column("MACs", count=True),
        Column("reads", left=True),
        Column("jump"),
    )
    rows: list[tuple[Cell, ...]] = []
    for head in found:
        for node in head.graph:
            field = head.field(node)
            jump: Cell = None if None in field.jump else tuple(field.jump)
            rows.append(
                (
                    head.kind,
                    node.name,
                    show(node.out),
                    node.params,
                    worked(node),
                    node.macs,
                    plain(size_cell(field)),
                    jump,
                )
            )
    return Table("layer by layer", columns, tuple(rows))


def worked(node: Node) -> str:
    """``64×10 + 10``"""
    formula = parameters(node)
    return "" if formula is None else formula.numbers


def heads_data(found: Heads) -> dict[str, Any]:
    """``map, classes, heads`` with their layers, ``equal`` pairs, ``left_out`` and the sentences."""
    s = found.setting
    kinds = [head.kind for head in found]
    data: dict[str, Any] = {
        "map": s.shape,
        "classes": s.classes,
        "bias": s.bias,
        "rf": s.rf,
        "jump": s.jump,
        "equal_parameters": found.equal,
        "heads": [_head_data(head) for head in found],
        "equal": [
            {"heads": pair, "why": why}
            for pair, why in EQUAL.items()
            if found.equal is None and set(pair) <= set(kinds)
        ],
        "left_out": dict(found.left_out),
        "answers": answers(found),
    }
    cleaned: dict[str, Any] = clean(data)
    return cleaned


def _head_data(head: Head) -> dict[str, Any]:
    return {
        "kind": head.kind,
        "name": head.name,
        "params": head.params,
        "macs": head.macs,
        "out": head.out,
        "any_size": head.any_size,
        "sizes": None if head.sizes is None else [answer(axis) for axis in head.sizes.axes],
        "layers": [_layer_data(head, node) for node in head.graph],
    }


def _layer_data(head: Head, node: Node) -> dict[str, Any]:
    field, formula = head.field(node), parameters(node)
    jumps: Sequence[Any] = field.jump
    return {
        "name": node.name,
        "op": node.op.kind,
        "out": node.out,
        "params": node.params,
        "formula": None if formula is None else f"{formula.symbols} = {formula.numbers} = {formula.result}",
        "macs": node.macs,
        "rf": field.size,
        "jump": jumps,
        "global": field.is_global,
    }
