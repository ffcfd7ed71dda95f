"""One change of a net: an op in place of another, or a new layer behind one; and the net with changes made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from convviz.errors import ConvvizError
from convviz.graph import Graph, GraphBuilder, Node
from convviz.ops.base import Op, build
from convviz.ops.conv import Conv


@dataclass(frozen=True)
class Change:
    """One layer changed (``before`` is its op), or put behind ``layer`` as ``name`` (``before`` is None)."""

    layer: str
    op: Op
    before: Op | None = None
    name: str = ""
    where: str = ""

    @property
    def fields(self) -> dict[str, Any]:
        """The fields to write: what differs from before, or all that differ from their defaults."""
        if self.before is not None:
            old = self.before.fields()
            return {key: value for key, value in self.op.fields().items() if value != old[key]}
        must = {
            key: getattr(self.op, key) for key in ("out_channels", "kernel_size") if hasattr(self.op, key)
        }
        plain = build(self.op.kind, must, len(must["kernel_size"])).fields()
        return must | {key: value for key, value in self.op.fields().items() if value != plain[key]}


def swapped(node: Node, op: Op) -> Change:
    """Another op in a layer's place."""
    return Change(node.name, op, node.op, "", node.where)


def apply(graph: Graph, changes: Sequence[Change]) -> Graph:
    """``graph`` with the changes made and all behind them computed anew; raises ConvvizError where it does not fit."""
    other = {c.layer: c for c in changes if c.before is not None}
    added: dict[str, list[Change]] = {}
    for change in changes:
        if change.before is None:
            added.setdefault(change.layer, []).append(change)
    now: dict[str, str] = {}  # a layer -> the new one that stands behind it
    builder = GraphBuilder(graph.name, graph.inputs, graph.meta)
    for node in graph:
        op = other[node.name].op if node.name in other else node.op
        inputs = [now.get(source, source) for source in node.inputs]
        builder.add(node.name, op, inputs, node.where, node.shares, node.trained)
        behind = list(added.get(node.name, ()))
        for change in behind:  # grows: what is new may have been changed, and have new layers behind it
            op = other[change.name].op if change.name in other else change.op
            builder.add(change.name, op, [now.get(node.name, node.name)])
            now[node.name] = change.name
            behind += added.get(change.name, ())
    return builder.build([now.get(name, name) for name in graph.outputs])


def widened(op: Op, causal: bool = False, **fields: tuple[int, ...]) -> Op | None:
    """``op`` with another kernel or dilation, padded so that its output keeps its size; None where that cannot be.

    causal: pad in front only, where there was no padding yet.
    """
    old, new = op.fields(), op.fields() | fields
    kernels, dilations = new["kernel_size"], new.get("dilation", (1,) * len(new["kernel_size"]))
    before = old.get("dilation", (1,) * len(kernels))
    more = [
        d * (k - 1) - c * (j - 1)
        for k, d, j, c in zip(kernels, dilations, old["kernel_size"], before, strict=True)
    ]
    if isinstance(op, Conv):
        if op.padding != "same":
            new["padding"] = tuple(_around(pad, m, causal) for pad, m in zip(op.pads(), more, strict=True))
    elif "padding" in new and not any(m % 2 for m in more):
        new["padding"] = tuple(p + m // 2 for p, m in zip(new["padding"], more, strict=True))
    else:
        return None
    try:
        return type(op)(**new)
    except ConvvizError:
        return None


def _around(pad: tuple[int, int], more: int, causal: bool) -> tuple[int, int]:
    """Padding with ``more`` cells: on the one side that has any, else on both."""
    before, after = pad
    if (before or causal) and not after:
        return before + more, 0
    if after and not before:
        return 0, after + more
    return before + more // 2, after + more - more // 2
