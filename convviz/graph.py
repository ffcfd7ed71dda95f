"""A net as data: named nodes in topological order, each with its op and all its shapes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

from convviz.errors import ConvvizError, nearest
from convviz.ops.base import Op, Shape


@dataclass(frozen=True)
class Node:
    """One op in its place. ``ins`` and ``out`` are shapes without the batch axis."""

    name: str
    op: Op
    inputs: tuple[str, ...]
    ins: tuple[Shape, ...]
    out: Shape
    where: str = ""  # where a person finds it: `net.yaml:12`, `layers[3].conv`, `encoder.layer1.0.conv2`
    shares: str | None = None  # the node whose weights this one uses again
    trained: int | None = (
        None  # trained parameters where they are not the op's weights: buffers, weight norm, tied in part
    )

    @property
    def params(self) -> int:
        """Trained parameters; 0 where they are another node's."""
        if self.shares:
            return 0
        return self.op.params(*self.ins) if self.trained is None else self.trained

    @property
    def macs(self) -> int:
        return self.op.macs(*self.ins)


@dataclass(frozen=True)
class Graph:
    """A directed acyclic graph of :class:`Node`; ``inputs`` maps each input's name to its shape (channels first)."""

    name: str
    inputs: Mapping[str, Shape]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)  # variant, source, expect ... as a file states them

    @cached_property
    def by_name(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}

    def __getitem__(self, name: str) -> Node:
        if name not in self.by_name:
            raise ConvvizError(f"no layer {name!r} in {self.name}{nearest(name, self.by_name)}")
        return self.by_name[name]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def shape(self, name: str) -> Shape:
        """Shape of a node's output or of an input."""
        return self.inputs[name] if name in self.inputs else self[name].out

    @property
    def params(self) -> int:
        return sum(node.params for node in self.nodes)

    @property
    def macs(self) -> int:
        return sum(node.macs for node in self.nodes)

    @property
    def activations(self) -> int:
        """Numbers that the outputs of all nodes hold for one sample."""
        return sum(prod(node.out) for node in self.nodes)


class GraphBuilder:
    """Adds nodes one after the other and checks each against the shapes that reach it."""

    def __init__(self, name: str, inputs: Mapping[str, Shape], meta: Mapping[str, Any] | None = None) -> None:
        self.name, self.inputs, self.meta = name, dict(inputs), dict(meta or {})
        self.nodes: list[Node] = []
        self.shapes: dict[str, Shape] = dict(inputs)

    def add(
        self,
        name: str,
        op: Op,
        inputs: Iterable[str],
        where: str = "",
        shares: str | None = None,
        trained: int | None = None,
    ) -> Node:
        """Append a node; raises ConvvizError that starts with ``where`` when it does not fit."""
        inputs = tuple(inputs)
        place = where or name
        if name in self.shapes:
            raise ConvvizError(f"the name {name!r} is taken", place)
        for source in inputs:
            if source not in self.shapes:
                raise ConvvizError(
                    f"nothing called {source!r} comes before{nearest(source, self.shapes)}", place
                )
        low, high = op.inputs
        if not low <= len(inputs) <= (len(inputs) if high is None else high):
            need = f"{low}" if low == high else f"at least {low}" if high is None else f"{low} to {high}"
            raise ConvvizError(f"{op.kind} takes {need} input{'s' * (need != '1')}, got {len(inputs)}", place)
        ins = tuple(self.shapes[source] for source in inputs)
        try:
            out = op.shape(*ins)
        except ConvvizError as err:
            raise err.at(place) from None
        node = Node(name, op, inputs, ins, out, where, shares, trained)
        self.nodes.append(node)
        self.shapes[name] = out
        return node

    def build(self, outputs: Iterable[str] = ()) -> Graph:
        if not self.nodes:
            raise ConvvizError("a net needs at least one layer", self.name)
        return Graph(
            self.name, self.inputs, tuple(self.nodes), tuple(outputs) or (self.nodes[-1].name,), self.meta
        )
