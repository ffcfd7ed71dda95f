"""What one forward needs of memory: an estimate from the tensors that are alive at once."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from convviz.graph import Graph

BYTES = 4  # of a float32


@dataclass(frozen=True)
class Memory:
    """An estimate for one sample: bytes of the activations alive at once where they are most, and of the weights."""

    activations: int
    weights: int
    at: str

    @property
    def total(self) -> int:
        return self.activations + self.weights


def peak(graph: Graph) -> Memory:
    """The estimated need of one forward: float32, one sample, nothing in place, no workspace of the library.

    A tensor lives from the layer that makes it to the last one that reads it; counted are all that live while a layer
    runs, and all weights and buffers.

    >>> import convviz
    >>> peak(convviz.read("tiny")).weights
    15528
    """
    last = dict.fromkeys(graph.inputs, 0)
    for i, node in enumerate(graph):
        last[node.name] = i
        for source in node.inputs:
            last[source] = i
    last |= dict.fromkeys(graph.outputs, len(graph))
    live = {name: prod(shape) for name, shape in graph.inputs.items()}
    now = most = sum(live.values())
    at = next(iter(graph.inputs))
    for i, node in enumerate(graph):
        live[node.name] = prod(node.out)
        now += live[node.name]
        if now > most:
            most, at = now, node.name
        for name in {*node.inputs, node.name}:
            if name in live and last[name] <= i:
                now -= live.pop(name)
    kept = sum(prod(s) for node in graph if not node.shares for s in node.op.buffers(*node.ins).values())
    return Memory(BYTES * most, BYTES * (graph.params + kept), at)
