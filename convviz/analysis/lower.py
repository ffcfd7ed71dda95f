"""A net as relations along the axes of its input: what every analysis works on.

Each op's reads are carried over to the image's axes (:mod:`convviz.analysis.layout`), inputs that meet are
aligned (:mod:`convviz.analysis.joins`), and it is decided, from structure alone, which paths are *windowed* and
which read the whole image: where both meet, the windowed ones are followed and the first node of the others is named.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from convviz.analysis.joins import Part, align, broadcast, target_of
from convviz.analysis.layout import Digit, Dim, State, Step, Steps, Unreadable, anonymous, apply
from convviz.errors import ConvvizError
from convviz.graph import Graph, Node
from convviz.ops.base import Along, Op, Reads, Shape
from convviz.ops.relations import Blocks, Window


class Edge(NamedTuple):
    """What a node reads of ``source``: for each image axis, and for the channels last, the steps that lead there."""

    source: str
    steps: tuple[Steps, ...]
    concatenated: int | None = None  # the image axis along which this is only a piece of the output


@dataclass(frozen=True)
class LoweredNode:
    """A node, its state (None: independent of the chosen input), and the edges that are followed."""

    node: Node
    state: State | None
    edges: tuple[Edge, ...] = ()
    also: str | None = None
    statistics: tuple[int, ...] = ()  # image axes over which this node itself takes statistics


@dataclass(frozen=True)
class Lowered:
    """A graph in relations along the ``rank`` spatial axes of input ``wrt`` and its channels (axis ``rank``)."""

    graph: Graph
    wrt: str
    rank: int
    nodes: dict[str, LoweredNode]
    sizes: tuple[int, ...]
    unread: dict[str, str]  # layers that could not be followed, and why; their state is None

    def state(self, name: str) -> State | None:
        """Where the cells of a layer lie; None where it does not depend on the input.

        Raises ConvvizError for an unknown layer and one that could not be followed.
        """
        self.graph[name]
        if name in self.unread:
            raise ConvvizError(self.unread[name])
        return self.nodes[name].state

    def last_map(self) -> str:
        """The last layer that still has the input's spatial axes; raises ConvvizError where there is none."""
        if not self.rank:
            raise ConvvizError(f"the input of {self.graph.name} is a vector: its units have no position")
        for node in reversed(self.graph.nodes):
            if len(node.out) == self.rank + 1 and self.nodes[node.name].state:
                return node.name
        raise ConvvizError(
            f"{self.graph.name} has no layer with {self.rank} spatial axes; name one with --layer"
        )


def lower(
    graph: Graph,
    wrt: str | None = None,
    mode: str = "eval",
    with_global: bool = False,
    only_channels: bool = False,
) -> Lowered:
    """Lower ``graph`` with respect to one input (default: the first).

    mode "train" counts batch norm's statistics; with_global follows what reads the whole image, too;
    only_channels: the caller looks at the channel axis alone, so that joins of rows and columns need not be exact.
    A layer whose axes cannot be followed, and all behind it, are listed in ``unread``; nothing is guessed.
    Raises ConvvizError for an unknown input.
    """
    wrt = next(iter(graph.inputs)) if wrt is None else wrt
    if wrt not in graph.inputs:
        raise ConvvizError(f"{graph.name} has no input {wrt!r} (inputs: {', '.join(graph.inputs)})")
    shape = graph.inputs[wrt]
    rank = len(shape) - 1
    sizes = (*shape[1:], shape[0])
    start = State(
        (
            Dim(shape[0], (Digit(rank, 1, shape[0]),)),
            *(Dim(n, (Digit(a, 1, n),)) for a, n in enumerate(shape[1:])),
        ),
        sizes,
    )
    states: dict[str, State | None] = dict.fromkeys(graph.inputs)
    states[wrt] = start
    also: dict[str, str | None] = dict.fromkeys(graph.inputs)
    order = {node.name: i for i, node in enumerate(graph.nodes)}
    nodes: dict[str, LoweredNode] = {}
    unread: dict[str, str] = {}
    for node in graph.nodes:
        done = LoweredNode(node, None)
        cause = next((unread[source] for source in node.inputs if source in unread), None)
        if cause is not None:
            unread[node.name] = cause
        elif any(states[source] is not None for source in node.inputs):
            try:
                done = _node(node, states, also, order, rank, mode, with_global, only_channels)
            except Unreadable as err:
                unread[node.name] = (
                    f"{node.where or node.name}: {node.op.kind} {err.message}; its receptive field cannot be read off "
                    f"(--treat CLASS=pointwise or --treat CLASS=global would stand in for the module it is in)"
                )
        nodes[node.name] = done
        states[node.name], also[node.name] = done.state, done.also
    return Lowered(graph, wrt, rank, nodes, sizes, unread)


# -- one node ---------------------------------------------------------------------------------------
def _node(
    node: Node,
    states: dict[str, State | None],
    also: dict[str, str | None],
    order: dict[str, int],
    rank: int,
    mode: str,
    with_global: bool,
    only_channels: bool,
) -> LoweredNode:
    live = [i for i, source in enumerate(node.inputs) if states[source] is not None]
    stats = _statistics(node, states, mode, rank)
    # Elementwise ops on one tensor are most of a net, and leave everything as it is.
    if len(live) == 1 and type(node.op).reads is Op.reads and node.ins[live[0]] == node.out and not stats:
        source = node.inputs[live[0]]
        return LoweredNode(node, states[source], (Edge(source, ((),) * (rank + 1)),), also[source])
    reads = node.op.reads(*node.ins)
    parts: list[Part] = []
    for i in live:
        source = node.inputs[i]
        state = states[source]
        assert state is not None
        new, steps = apply(state, reads[i], node.ins[i], node.out, rank)
        parts.append((source, new, steps))
    spatial = frozenset(range(rank))
    names = [also[source] for source, _, _ in parts]

    def first(candidates: list[str | None]) -> str | None:
        return min((c for c in candidates if c), key=lambda c: order.get(c, -1), default=None)

    # A part that reads nothing of the image (a class token before attention) is no path to follow.
    reading = [p for p in parts if not p[1].nothing]
    if not reading:
        told = first(names)
        if told is None:
            return LoweredNode(node, None)
        target = states[told]
        assert target is not None
        out = replace(parts[0][1], everywhere=spatial, origin=told, nothing=False)
        spread = tuple(broadcast(n, m) for n, m in zip(target.sizes, out.sizes, strict=True))
        return LoweredNode(node, out, (Edge(told, spread),), told)
    common = frozenset.intersection(*(p[1].everywhere & spatial for p in reading))
    followed = [p for p in reading if p[1].everywhere & spatial == common]
    told = first(names + [p[1].origin for p in reading if p not in followed])
    if with_global or not followed:
        followed = reading
        everywhere = frozenset.union(*(p[1].everywhere for p in reading))
        told = None if with_global else told
    else:
        everywhere = frozenset.union(*(p[1].everywhere for p in followed))
    try:
        target, edges = _joined(node, reads, live, followed)
    except Unreadable:
        if (with_global and not only_channels) or not all(p[1].everywhere & spatial for p in followed):
            raise
        # What reads whole rows meets what reads whole columns (coordinate attention): no windowed path is lost.
        followed = [_as_one_unit(p, node.out) for p in followed]
        target, edges = _joined(node, reads, live, followed)
    origin = next((p[1].origin for p in followed if p[1].origin), None)
    was = frozenset.union(*(states[p[0]].everywhere for p in followed))  # type: ignore[union-attr]
    everywhere |= frozenset(a for e in edges for a in range(rank + 1) if any(s.whole for s in e.steps[a]))
    if stats and with_global:
        edges = [
            e._replace(
                steps=tuple(
                    (*s, Step(Blocks(target.sizes[a]), target.sizes[a], target.sizes[a])) if a in stats else s
                    for a, s in enumerate(e.steps)
                )
            )
            for e in edges
        ]
        everywhere |= frozenset(stats)
    elif stats and not stats <= everywhere:
        told = first([told, node.name])
    if everywhere & spatial - was:
        origin = node.name if origin is None or not was & spatial else origin
    out = replace(
        target,
        everywhere=everywhere,
        origin=origin,
        nothing=False,
        channels=all(p[1].channels for p in followed),
    )
    return LoweredNode(node, out, tuple(edges), told, tuple(sorted(stats)))


def _joined(
    node: Node, reads: tuple[Reads, ...], live: list[int], parts: list[Part]
) -> tuple[State, list[Edge]]:
    """The state in which all parts meet, and the edges that lead there."""
    target = target_of(parts, node)
    pieces = _concatenated(node, reads, live, parts, target)
    edges = []
    for source, state, steps in parts:
        along = (align(state, target, steps, a, node) for a in range(len(target.sizes)))
        edges.append(Edge(source, tuple(along), pieces))
    return target, edges


def _as_one_unit(part: Part, out: Shape) -> Part:
    """The part as a single unit that reads the whole image."""
    source, state, steps = part
    *space, channels = state.sizes
    whole: list[Steps] = [*(broadcast(n, 1) for n in space), ()]
    steps = [a + b for a, b in zip(steps, whole, strict=True)]
    one = State(tuple(anonymous(n) for n in out), (*[1] * len(space), channels))
    return source, replace(one, everywhere=state.everywhere, origin=state.origin, channels=False), steps


def _statistics(node: Node, states: dict[str, State | None], mode: str, rank: int) -> frozenset[int]:
    """Image axes (longer than one unit) over which the node takes statistics of its first input."""
    axes = node.op.statistics(*node.ins, mode=mode)
    state = states[node.inputs[0]] if node.inputs else None
    if not axes or state is None:
        return frozenset()
    return frozenset(
        d.axis for i in axes if i >= 0 for d in state.dims[i].digits if 0 <= d.axis < rank and d.size > 1
    )


def _concatenated(
    node: Node,
    reads: tuple[Reads, ...],
    live: list[int],
    followed: list[Part],
    target: State,
) -> int | None:
    """The image axis along which two or more followed inputs are laid end to end, if there is one."""
    if len(followed) < 2 or node.op.kind != "concat":
        return None
    for i in live:
        read = reads[i]
        assert isinstance(read, Along)
        for axis_read in read.axes:
            r = axis_read.relation
            if isinstance(r, Window) and r.padding > 0 and axis_read.to is not None:
                digits = [d for d in target.dims[axis_read.to].digits if 0 <= d.axis < len(target.sizes) - 1]
                return digits[0].axis if digits else None
    return None
