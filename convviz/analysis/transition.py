"""The transition between two blocks: a 1×1 convolution and a pool, in either order, and what both spare behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from convviz.analysis.heads import chained
from convviz.analysis.receptive_field import receptive_field
from convviz.analysis.results import Field
from convviz.errors import ConvvizError
from convviz.graph import Graph, Node
from convviz.ops.base import Op, Shape, build, show
from convviz.ops.conv import Conv
from convviz.ops.pool import AvgPool, MaxPool

PASSING = ("batch_norm", "group_norm", "layer_norm", "instance_norm", "ghost_batch_norm", "dropout", "dropout2d",
           "relu", "leaky_relu", "gelu", "silu", "identity")  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One op in its place: what goes in and comes out, its costs, and the field and jump of its units (each axis)."""

    name: str
    op: Op
    ins: Shape
    out: Shape
    params: int
    macs: int
    field: Field

    @property
    def values(self) -> int:
        """Numbers that come out for one sample."""
        return prod(self.out)


@dataclass(frozen=True)
class Way:
    """Layers one behind the other between the two blocks; the last is the convolution of the next block."""

    parts: tuple[Part, ...]

    @property
    def params(self) -> int:
        return sum(part.params for part in self.parts)

    @property
    def macs(self) -> int:
        return sum(part.macs for part in self.parts)

    @property
    def out(self) -> Shape:
        return self.parts[-1].out

    def part(self, name: str) -> Part:
        return next(part for part in self.parts if part.name == name)


@dataclass(frozen=True)
class Transition:
    """A 1×1 convolution and a pool behind a map of ``shape`` (C, *space), and the convolution that follows them.

    net: whose it is; "" for one that was made up. before: receptive field and jump of the map's cells on the image
    (None: they are the image). pool_first: the order that is told. own: whether ``behind`` is the net's own, and not
    one that was put there to show what the transition spares.
    """

    net: str
    shape: Shape
    conv: Conv
    pool: MaxPool | AvgPool
    behind: Conv
    before: Field | None = None
    pool_first: bool = False
    own: bool = False

    @cached_property
    def way(self) -> Way:
        """The transition as it stands, with the convolution behind it."""
        return self._way(["pool", "conv", "next"] if self.pool_first else ["conv", "pool", "next"])

    @cached_property
    def swapped(self) -> Way:
        """The same with its two layers in the other order."""
        return self._way(["conv", "pool", "next"] if self.pool_first else ["pool", "conv", "next"])

    @cached_property
    def without(self) -> Way:
        """The convolution behind it on the map as it is."""
        return self._way(["next"])

    @property
    def saved(self) -> float:
        """MACs without the transition, as a multiple of those with it."""
        return self.without.macs / self.way.macs

    @property
    def cheaper(self) -> float:
        """MACs of the 1×1 convolution in front of the pool, as a multiple of those behind it."""
        first, second = (self.swapped, self.way) if self.pool_first else (self.way, self.swapped)
        return first.part("conv").macs / second.part("conv").macs

    def _way(self, names: Sequence[str]) -> Way:
        ops = {"conv": self.conv, "pool": self.pool, "next": self.behind}
        graph = chained("transition", self.shape, [(ops[n].kind, ops[n].fields()) for n in names], names)
        fields = self._fields(graph)
        return Way(
            tuple(
                Part(node.name, node.op, node.ins[0], node.out, node.params, node.macs, fields[node.name])
                for node in graph
            )
        )

    def _fields(self, graph: Graph) -> dict[str, Field]:
        """Receptive fields on the image: those of the graph alone, behind a conv with the map's own field and jump."""
        if self.before is None:
            layers = [(node.op.kind, node.op.fields()) for node in graph]
            return _fields_of(chained("t", self.shape, layers, [node.name for node in graph]))
        size, jump = self.before.size, tuple(int(j or 1) for j in self.before.jump)
        image = tuple((n - 1) * j + r for n, j, r in zip(self.shape[1:], jump, size, strict=True))
        front = {"out_channels": self.shape[0], "kernel_size": list(size), "stride": list(jump)}
        layers = [("conv", front), *((node.op.kind, node.op.fields()) for node in graph)]
        return _fields_of(chained("t", (1, *image), layers, ["front", *(node.name for node in graph)]))


def _fields_of(graph: Graph) -> dict[str, Field]:
    return {layer.node.name: layer.rf for layer in receptive_field(graph) if layer.rf is not None}


def transition(
    shape: Sequence[int],
    out_channels: int | None = None,
    *,
    pool: str = "max_pool",
    pool_size: int = 2,
    pool_first: bool = False,
    behind: int | None = None,
) -> Transition:
    """A transition behind a map ``(C, *space)``; ``behind``: filters of the 3×3 convolution that follows.

    out_channels: a quarter of the channels where it is not given, at least 1; as many filters stand behind it where
    their number is not given. Raises ConvvizError for what does not fit.

    >>> found = transition((32, 24, 24), 10)
    >>> found.way.part("conv").macs, found.swapped.part("conv").macs
    (184320, 46080)
    """
    shape = tuple(shape)
    if not 2 <= len(shape) <= 4:
        raise ConvvizError(
            f"needs channels and 1 to 3 spatial axes, as in 32x24x24, got {show(shape)}", "input"
        )
    if pool not in ("max_pool", "avg_pool"):
        raise ConvvizError(f"must be max_pool or avg_pool, got {pool!r}", "pool")
    rank, few = len(shape) - 1, max(1, shape[0] // 4)
    conv = build("conv", {"out_channels": out_channels or few, "kernel_size": 1, "bias": False}, rank)
    pooled = build(pool, {"kernel_size": pool_size}, rank)
    third = _conv3(behind or conv.shape(shape)[0], rank)
    assert isinstance(pooled, MaxPool | AvgPool)
    assert isinstance(conv, Conv)
    made = Transition("", shape, conv, pooled, third, None, pool_first)
    try:
        _ = made.way
    except ConvvizError:
        raise ConvvizError(f"{show(shape)} is too small to be pooled and convolved by 3", "input") from None
    return made


def transition_of(graph: Graph) -> Transition:
    """The first transition of a net: a 1×1 convolution to other channels and a pool next to it, in either order.

    Norms, activations and dropout may stand between them. The convolution behind is the net's next one with a larger
    kernel. Raises ConvvizError where the net has none.

    >>> import convviz
    >>> found = transition_of(convviz.read("code8"))
    >>> found.shape, found.conv.out_channels, found.before.size
    ((32, 24, 24), 10, (5, 5))
    """
    readers: dict[str, list[Node]] = {}
    for node in graph:
        for source in node.inputs:
            readers.setdefault(source, []).append(node)
    fields = receptive_field(graph)
    for one in graph:
        two = _next(one, readers)
        if two is None or not ((_narrow(one) and _halves(two)) or (_halves(one) and _narrow(two))):
            continue
        conv, pool = (one, two) if _narrow(one) else (two, one)
        behind = _behind(two, readers)
        shape, source = one.ins[0], one.inputs[0]
        assert isinstance(conv.op, Conv) and isinstance(pool.op, MaxPool | AvgPool)
        third = behind or _conv3(conv.op.out_channels, len(shape) - 1)
        before = None if source in graph.inputs else fields[source]
        if before is not None and any(j is None or j.denominator != 1 for j in before.jump):
            before = None
        return Transition(graph.name, shape, conv.op, pool.op, third, before, one is pool, behind is not None)
    raise ConvvizError(
        "has no transition: no 1×1 convolution with a max or average pool beside it", graph.name
    )


def _next(node: Node, readers: dict[str, list[Node]]) -> Node | None:
    """The one layer that reads a node, those that only pass through left out."""
    behind = readers.get(node.name, [])
    while len(behind) == 1 and behind[0].op.kind in PASSING:
        behind = readers.get(behind[0].name, [])
    return behind[0] if len(behind) == 1 else None


def _narrow(node: Node) -> bool:
    op = node.op
    return isinstance(op, Conv) and set(op.kernel_size) == {1} and set(op.stride) == {1} and op.groups == 1


def _halves(node: Node) -> bool:
    return (
        isinstance(node.op, MaxPool | AvgPool)
        and all(s > 1 for s in node.op.stride)
        and max(node.out[1:]) > 1
    )


def _behind(node: Node, readers: dict[str, list[Node]]) -> Conv | None:
    """The convolution behind a node, if it has a larger kernel and reads the channels of ``node`` in one group."""
    seen, waiting = {node.name}, [node]
    while waiting:
        for found in readers.get(waiting.pop(0).name, []):
            if found.name in seen:
                continue
            seen.add(found.name)
            if isinstance(found.op, Conv):
                fits = (
                    max(found.op.kernel_size) > 1 and found.op.groups == 1 and found.ins[0][0] == node.out[0]
                )
                return found.op if fits else None
            waiting.append(found)
    return None


def _conv3(out_channels: int, rank: int) -> Conv:
    made = build("conv", {"out_channels": out_channels, "kernel_size": 3, "bias": False}, rank)
    assert isinstance(made, Conv)
    return made
