"""The small nets of the lessons: one family, in which a lesson changes one thing at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from convviz.graph import Graph, GraphBuilder
from convviz.ops.base import build

CLASSES = 10
GROUPS = 4  # of a group norm
INPUT = (1, 28, 28)


@dataclass(frozen=True)
class Net:
    """3×3 convs with ``widths`` channels (0 stands for a 2×2 max pool), each with its ReLU, norm and dropout; a head.

    order: ``relu-norm`` or ``norm-relu``. padding: of the convs. head: ``gap`` (global average pooling and a linear
    layer), ``linear`` (all cells of the last map), or ``hidden`` (no convs: a hidden layer of ``widths[0]`` units).
    """

    widths: tuple[int, ...] = (8, 8, 0, 16, 16)
    norm: Literal["batch", "group", "none"] = "batch"
    order: Literal["relu-norm", "norm-relu"] = "relu-norm"
    dropout: float = 0.0
    padding: int = 0
    head: Literal["gap", "linear", "hidden"] = "gap"

    @property
    def graph(self) -> Graph:
        """The net, which analyses count and PyTorch runs."""
        found = GraphBuilder("lesson", {"input": INPUT})
        last = "input"

        def add(kind: str, fields: Mapping[str, Any] | None = None) -> None:
            nonlocal last
            rank = max(len(found.shapes[last]) - 1, 1)
            last = found.add(f"{kind}{len(found.nodes) + 1}", build(kind, fields, rank), (last,)).name

        if self.head == "hidden":
            add("flatten")
            add("linear", {"out_features": self.widths[0]})
            add("relu")
        for width in () if self.head == "hidden" else self.widths:
            if width:
                conv = {"out_channels": width, "kernel_size": 3, "padding": self.padding}
                add("conv", conv | {"bias": self.norm == "none"})
                for part in self.order.split("-") if self.norm != "none" else ("relu",):
                    add(*self._part(part))
                if self.dropout:
                    add("dropout", {"p": self.dropout})
            else:
                add("max_pool", {"kernel_size": 2})
        if self.head == "gap":
            add("global_avg_pool")
        if self.head != "hidden":
            add("flatten")
        add("linear", {"out_features": CLASSES})
        add("log_softmax")
        return found.build()

    def _part(self, part: str) -> tuple[str, dict[str, Any]]:
        if part == "relu":
            return "relu", {}
        return ("batch_norm", {}) if self.norm == "batch" else ("group_norm", {"num_groups": GROUPS})
