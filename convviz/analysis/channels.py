"""Which channels of the net's input, and of its own input, each channel of a layer depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

from convviz.analysis.cells import MASK
from convviz.analysis.layout import Step
from convviz.analysis.lower import lower
from convviz.errors import ConvvizError
from convviz.graph import Graph
from convviz.ops.relations import Blocks, inside

CHANNELS = 1 << 16  # channels of one layer that are followed one by one


@dataclass(frozen=True)
class LayerChannels:
    """``net[c]``: the channels of the net's input that channel ``c`` of the layer depends on (None: not followed).

    ``own``: how many channels of the layer's first input one of its channels reads, fewest and most.
    """

    layer: str
    op: str
    count: int
    net: tuple[tuple[int, ...], ...] | None
    own: tuple[int, int] | None

    def runs(self) -> list[tuple[int, int, tuple[int, ...]]]:
        """``(first, last, input channels)`` for stretches of channels that depend on the same ones."""
        out: list[tuple[int, int, tuple[int, ...]]] = []
        for c, inputs in enumerate(self.net or ()):
            if out and out[-1][2] == inputs:
                out[-1] = (out[-1][0], c, inputs)
            else:
                out.append((c, c, inputs))
        return out


@dataclass(frozen=True)
class Channels:
    """Channel dependence of every layer on input ``wrt``; ``result["conv2"]`` is a LayerChannels."""

    graph: Graph
    wrt: str
    layers: tuple[LayerChannels, ...]
    unread: Mapping[str, str] = field(default_factory=dict)  # layers that could not be followed, and why

    def __getitem__(self, name: str) -> LayerChannels:
        for layer in self.layers:
            if layer.layer == name:
                return layer
        self.graph[name]  # says what is wrong with the name
        if name in self.unread:
            raise ConvvizError(self.unread[name])
        raise ConvvizError(f"{name!r} does not depend on {self.wrt}")


def channels(graph: Graph, wrt: str | None = None) -> Channels:
    """Channel dependence of every layer: groups, depthwise, shuffles and chunks followed exactly.

    Values are followed, also through gates and attention; the statistics of a norm are not.
    """
    lowered = lower(graph, wrt, with_global=True, only_channels=True)
    rank = lowered.rank
    first = lowered.sizes[rank]
    masks: dict[str, list[int] | None] = {
        lowered.wrt: [1 << c for c in range(first)] if first <= CHANNELS else None
    }
    layers = []
    for name, node in lowered.nodes.items():
        if node.state is None:
            continue
        done: list[int] | None = None
        for edge in node.edges:
            part = masks[edge.source]
            for step in edge.steps[rank]:
                part = None if part is None or step.m > CHANNELS else _through(part, step)
            if part is None or not node.state.channels:
                done = None
                break
            done = part if done is None else [a | b for a, b in zip(done, part, strict=True)]
        masks[name] = done
        own = list(node.edges[0].steps[rank]) if node.edges else []
        layers.append(
            LayerChannels(
                name,
                node.node.op.kind,
                node.state.sizes[rank],
                None if done is None else tuple(_members(m) for m in done),
                _own(own),
            )
        )
    return Channels(graph, lowered.wrt, tuple(layers), lowered.unread)


def _through(masks: list[int], step: Step) -> list[int]:
    relation, n, m = step
    if isinstance(relation, Blocks):
        blocks = []
        for start in range(0, n, relation.size):
            total = 0
            for mask in masks[start : start + relation.size]:
                total |= mask
            blocks.append(total)
        return [blocks[c // relation.out] for c in range(m)]
    out = []
    for c in range(m):
        total = 0
        for cells in inside(relation.taps(c).cells, n):
            for i in cells:
                total |= masks[i]
        out.append(total)
    return out


def _own(steps: list[Step]) -> tuple[int, int] | None:
    """Fewest and most input channels behind one output channel, from the relations alone."""
    if not steps:
        return (1, 1)
    if all(isinstance(s.relation, Blocks) for s in steps):
        n = prod(s.relation.size for s in steps if isinstance(s.relation, Blocks))
        return (n, n)
    if len(steps) == 1 and steps[0].m <= CHANNELS and steps[0].n <= MASK:
        counts = [
            sum(len(c) for c in inside(steps[0].relation.taps(o).cells, steps[0].n))
            for o in range(steps[0].m)
        ]
        return (min(counts), max(counts))
    return None


_SEEN: dict[int, tuple[int, ...]] = {}


def _members(mask: int) -> tuple[int, ...]:
    """The set bits of a mask; equal masks give one tuple, since nearly all channels of a net share theirs."""
    if mask not in _SEEN:
        if len(_SEEN) > 4096:
            _SEEN.clear()
        _SEEN[mask] = tuple(i for i in range(mask.bit_length()) if mask >> i & 1)
    return _SEEN[mask]
