"""A net at other sizes of its input: the same ops and weights, every shape computed again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from convviz.errors import ConvvizError
from convviz.graph import Graph, Node
from convviz.ops.base import Op, Shape, show

Reread = Callable[[Mapping[str, Shape]], Graph]
AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
# Ops whose fields hold sizes. Read from a torch forward, they hold those of the input that it ran on.
ABSOLUTE = {"upsample": "size", "reshape": "size", "expand": "size", "slice": "end", "opaque": "size"}


@dataclass(frozen=True)
class Misfit:
    """Why a net does not take a size: the first layer that fails, and what it says (empty: not one layer's fault)."""

    size: tuple[int, ...]
    layer: str
    message: str

    @property
    def error(self) -> ConvvizError:
        return ConvvizError(self.message, self.layer)

    def __str__(self) -> str:
        return f"{self.layer}: {self.message}" if self.layer else self.message


class Resizer:
    """``graph`` up to ``layer``, at any spatial size of its first input.

    reread: reads the net anew for given input shapes; for nets whose ops follow from the size that they were traced
    with (a torch forward). Without it every op keeps its fields.
    Other inputs with as many axes keep their proportion to the first.
    """

    def __init__(self, graph: Graph, layer: str | None = None, reread: Reread | None = None) -> None:
        self.graph = trimmed(graph, layer)
        self.layer = self.graph.outputs[0] if layer is None else layer
        self.reread = reread
        self.wrt, shape = next(iter(self.graph.inputs.items()))
        self.space = shape[1:]
        self.rank = len(self.space)
        if not self.rank:
            raise ConvvizError(f"the input of {graph.name} is a vector: it has no size to change")
        self.known = {self.space: self.graph}
        self.memo: dict[Hashable, Shape | str] = {}
        self.weighted = {
            node.name: node.op.weights(*node.ins) | node.op.buffers(*node.ins)
            for node in self.graph
            if type(node.op).weights is not Op.weights or type(node.op).buffers is not Op.buffers
        }

    def inputs(self, space: tuple[int, ...]) -> dict[str, Shape] | Misfit:
        """The shape of every input where the first one's space is ``space``."""
        if min(space) < 1:
            return Misfit(space, self.wrt, "sizes are at least 1")
        out = {}
        for name, shape in self.graph.inputs.items():
            if len(shape) != self.rank + 1:
                out[name] = shape
                continue
            sizes = []
            for own, first, n in zip(shape[1:], self.space, space, strict=True):
                if own * n % first:
                    return Misfit(space, name, f"{own} of {first} is no whole number of {n} cells")
                sizes.append(own * n // first)
            out[name] = (shape[0], *sizes)
        return out

    def probe(self, space: tuple[int, ...]) -> Shape | Misfit:
        """The layer's shape at this size, or why there is none."""
        inputs = self.inputs(space)
        if isinstance(inputs, Misfit):
            return inputs
        if self.reread is not None:
            try:
                return self.at(space).shape(self.layer)
            except ConvvizError as err:
                return Misfit(space, err.where, err.message)
        shapes: dict[str, Shape] = dict(inputs)
        for i, node in enumerate(self.graph.nodes):
            ins = tuple([shapes[source] for source in node.inputs])
            key = (i, ins)
            found = self.memo.get(key)
            if found is None:
                found = self.memo[key] = self._fit(node, ins)
            if isinstance(found, str):
                return Misfit(space, node.name, found)
            shapes[node.name] = found
        return shapes[self.layer]

    def _fit(self, node: Node, ins: tuple[Shape, ...]) -> Shape | str:
        """A node's output on other inputs, or what is wrong with them."""
        try:
            out = node.op.shape(*ins)
            now = node.op.weights(*ins) | node.op.buffers(*ins) if node.name in self.weighted else {}
        except ConvvizError as err:
            return str(err)
        for name, shape in now.items():
            made = self.weighted[node.name].get(name)
            if made != shape:
                was = " and ".join(show(s) for s in node.ins)
                got = " and ".join(show(s) for s in ins)
                return (
                    f"{node.op.kind}'s {name} is {show(made or ())}, made for an input of {was}; "
                    f"{got} would need {show(shape)}"
                )
        return out

    def at(self, space: tuple[int, ...]) -> Graph:
        """The net at this size; raises ConvvizError that names the first layer which does not take it."""
        if space in self.known:
            return self.known[space]
        inputs = self.inputs(space)
        if isinstance(inputs, Misfit):
            raise inputs.error
        if self.reread is not None:
            graph = trimmed(self.reread(inputs), self.layer)
        else:
            out = self.probe(space)
            if isinstance(out, Misfit):
                raise out.error
            graph = self._rebuilt(inputs)
        self.known[space] = graph
        return graph

    def _rebuilt(self, inputs: dict[str, Shape]) -> Graph:
        shapes, nodes = dict(inputs), []
        for node in self.graph:
            ins = tuple(shapes[source] for source in node.inputs)
            shapes[node.name] = node.op.shape(*ins)
            nodes.append(replace(node, ins=ins, out=shapes[node.name]))
        return replace(self.graph, inputs=inputs, nodes=tuple(nodes))

    def steady(self, space: tuple[int, ...]) -> bool:
        """Whether the net, read anew at this size, has the ops that it had: then no other size need be read."""
        assert self.reread is not None
        inputs = self.inputs(space)
        if isinstance(inputs, Misfit):
            return True
        alone = Resizer(self.graph, self.layer)
        try:
            now = self.at(space)
        except ConvvizError:
            return isinstance(alone.probe(space), Misfit)
        return [(n.name, n.op, n.inputs) for n in now] == [(n.name, n.op, n.inputs) for n in self.graph]


def trimmed(graph: Graph, layer: str | None) -> Graph:
    """The part of a graph that leads to ``layer``; all of it for None. Raises ConvvizError for an unknown layer."""
    if layer is None:
        return graph
    graph[layer]
    needed = {layer}
    for node in reversed(graph.nodes):
        if node.name in needed:
            needed.update(node.inputs)
    nodes = tuple(node for node in graph if node.name in needed)
    inputs = {name: shape for name, shape in graph.inputs.items() if name in needed}
    return replace(graph, inputs=inputs or graph.inputs, nodes=nodes, outputs=(layer,))


def map_layer(graph: Graph) -> str:
    """The first output with the input's spatial axes, or the first output where none has them."""
    rank = len(next(iter(graph.inputs.values()))) - 1
    maps = [name for name in graph.outputs if len(graph.shape(name)) == rank + 1]
    return (maps or list(graph.outputs))[0]


def largest_field(graph: Graph) -> int:
    """The largest number in any field: what bounds the sizes at which the form of a shape rule changes."""

    def largest(value: Any) -> int:
        if isinstance(value, list | tuple):
            return max((largest(v) for v in value), default=0)
        return abs(int(value)) if isinstance(value, int | float) else 0

    return max((largest(v) for node in graph for v in node.op.fields().values()), default=0)
