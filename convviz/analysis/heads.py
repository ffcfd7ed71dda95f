"""What can stand between the last feature map and the classes: each head as a real graph, counted by the analyses.

Source of the forms: Lin, Chen and Yan 2013, "Network in Network" (global average pooling); Long, Shelhamer and Darrell
2015, "Fully Convolutional Networks" (a linear layer as a conv with the kernel of the map).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

from convviz.analysis.receptive_field import receptive_field
from convviz.analysis.results import Field, ReceptiveField
from convviz.analysis.sizes import Sizes, sizes
from convviz.errors import ConvvizError, nearest
from convviz.graph import Graph, GraphBuilder, Node
from convviz.ops.base import Shape, build, show

LARGEST = 10**15  # cells of a map or numbers of a layer
TRIED = 10_000  # cells along an axis up to which other sizes are tried
FRONT = "front"  # the conv that spends what a head spares, in a comparison at equal parameters
BEFORE = "before"  # stands for all layers in front of the map

Layers = list[tuple[str, dict[str, Any]]]  # op and fields of each layer, in order


@dataclass(frozen=True)
class Setting:
    """The last map ``(C, *space)``, and what the heads make of it.

    hidden: units of the hidden layer, if one is asked for. rf, jump: of the map's cells on the image, along each axis.
    """

    shape: Shape
    classes: int
    bias: bool = True
    hidden: int | None = None
    rf: tuple[int, ...] = ()
    jump: tuple[int, ...] = ()

    @property
    def space(self) -> Shape:
        return self.shape[1:]

    def linear(self, units: int | None = None) -> tuple[str, dict[str, Any]]:
        return "linear", {"out_features": units or self.classes, "bias": self.bias}

    def conv(self, kernel: Any, channels: int | None = None, **more: Any) -> tuple[str, dict[str, Any]]:
        fields = {"out_channels": channels or self.classes, "kernel_size": kernel, "bias": self.bias}
        return "conv", fields | more


def _with_linear(s: Setting) -> Layers:
    return [("flatten", {}), s.linear()]


def _with_hidden(s: Setting) -> Layers:
    return [("flatten", {}), s.linear(s.hidden), ("relu", {}), s.linear()]


def _gap_linear(s: Setting) -> Layers:
    return [("global_avg_pool", {}), ("flatten", {}), s.linear()]


def _gap_conv(s: Setting) -> Layers:
    return [("global_avg_pool", {}), s.conv(1), ("flatten", {})]


def _conv_gap(s: Setting) -> Layers:
    return [s.conv(1), ("global_avg_pool", {}), ("flatten", {})]


def _avg_pool_conv(s: Setting) -> Layers:
    return [("avg_pool", {"kernel_size": list(s.space)}), s.conv(1)]


def _map_conv(s: Setting) -> Layers:
    return [s.conv(list(s.space))]


def _max_pool_linear(s: Setting) -> Layers:
    return [("max_pool", {"kernel_size": 2}), ("flatten", {}), s.linear()]


# Name on the command line -> what it is called (size: of the map, one and two: of a kernel), and its layers.
HEADS: dict[str, tuple[str, Callable[[Setting], Layers]]] = {
    "linear": ("flatten, linear", _with_linear),
    "hidden": ("flatten, linear, ReLU, linear", _with_hidden),
    "map_conv": ("conv {size}", _map_conv),
    "max_pool_linear": ("max pool {two}, flatten, linear", _max_pool_linear),
    "gap_linear": ("GAP, linear", _gap_linear),
    "gap_conv": ("GAP, conv {one}", _gap_conv),
    "conv_gap": ("conv {one}, GAP", _conv_gap),
    "avg_pool_conv": ("average pool {size}, conv {one}", _avg_pool_conv),
}
# Heads whose answers are the same for the same weights, and why.
EQUAL = {
    ("linear", "map_conv"): "every cell of the map has its own weight in both",
    ("gap_linear", "gap_conv"): "a 1×1 conv on a 1×1 map is a linear layer",
    ("gap_conv", "conv_gap"): "a mean and a weighted sum of channels may be exchanged",
    ("gap_conv", "avg_pool_conv"): "a window with the map's size has the mean of the map",
}


@dataclass(frozen=True)
class Head:
    """One head as a graph on the map; ``traced`` is the same with the map's receptive field in front."""

    kind: str
    name: str
    graph: Graph
    traced: Graph

    @property
    def params(self) -> int:
        return self.graph.params

    @property
    def macs(self) -> int:
        return self.graph.macs

    @property
    def out(self) -> Shape:
        return self.graph.shape(self.graph.outputs[0])

    @cached_property
    def fields(self) -> ReceptiveField:
        """Receptive fields of its layers: on the map, or on the image where the map's own is given."""
        return receptive_field(self.traced)

    def field(self, node: Node) -> Field:
        found = self.fields[node.name]
        assert found is not None
        return found

    @cached_property
    def sizes(self) -> Sizes | None:
        """The sizes of the map that it takes with its weights; None where the map is too large to try others."""
        shape = next(iter(self.graph.inputs.values()))
        return sizes(self.graph) if max(shape[1:]) <= TRIED else None

    @property
    def any_size(self) -> bool | None:
        """Whether it takes larger maps, too, with the weights that it has."""
        return None if self.sizes is None else not any(axis.fixed for axis in self.sizes.axes)


@dataclass(frozen=True, repr=False)
class Heads:
    """All heads on one map; ``left_out`` tells why one is not among them.

    equal: where they are compared at equal parameters, the number that each was brought near to, by a 3×3 conv in
    front (of as many channels as that takes).
    """

    setting: Setting
    heads: tuple[Head, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    equal: int | None = None

    def __iter__(self) -> Iterator[Head]:
        return iter(self.heads)

    def __len__(self) -> int:
        return len(self.heads)

    def __getitem__(self, kind: str) -> Head:
        """A head by its kind; raises ConvvizError for one that is not there."""
        for found in self.heads:
            if found.kind == kind:
                return found
        raise ConvvizError(f"no head {kind!r} here{nearest(kind, [h.kind for h in self.heads])}")

    def __contains__(self, kind: str) -> bool:
        return any(found.kind == kind for found in self.heads)

    @property
    def most(self) -> int:
        return max(head.params for head in self.heads)

    def __repr__(self) -> str:
        from convviz.report.heads import render_heads

        return render_heads(self, "text").rstrip("\n")

    def _repr_html_(self) -> str:
        from convviz.report.heads import render_heads

        return render_heads(self, "html")


def heads(
    shape: Sequence[int],
    classes: int = 10,
    *,
    bias: bool = True,
    hidden: int | None = None,
    only: Sequence[str] = (),
    equal_parameters: bool = False,
    rf: int | Sequence[int] = 1,
    jump: int | Sequence[int] = 1,
) -> Heads:
    """Every head between a map ``(C, *space)`` and ``classes``: shapes, parameters, MACs, receptive fields, map sizes.

    hidden: units of a hidden layer, which adds the head with one. only: some kinds of :data:`HEADS`. rf, jump: of the
    map's cells on the image (1 and 1: cells of the map are counted). equal_parameters: a 3×3 conv and a ReLU go in
    front of each head with fewer parameters than the largest, with the number of channels that brings both nearest.
    Raises ConvvizError for what does not fit.

    >>> found = heads((64, 7, 7), 10)
    >>> found["linear"].params, found["gap_linear"].params
    (31370, 650)
    """
    setting = _setting(shape, classes, bias, hidden, rf, jump)
    for kind in only:
        if kind not in HEADS:
            raise ConvvizError(f"no head {kind!r}{nearest(kind, HEADS)} ({', '.join(HEADS)})", "only")
    if "hidden" in only and hidden is None:
        raise ConvvizError("needs the number of hidden units, such as 128", "hidden")
    found, left_out = [], []
    for kind in dict.fromkeys(only) or HEADS:
        if kind == "hidden" and hidden is None:
            continue
        try:
            found.append(_head(setting, kind))
        except ConvvizError as err:
            left_out.append((kind, err.message))
    if not found:
        raise ConvvizError(f"{left_out[0][0]} does not fit {show(setting.shape)}: {left_out[0][1]}", "only")
    if not equal_parameters:
        return Heads(setting, tuple(found), tuple(left_out))
    target = max(head.params for head in found)
    level = tuple(_brought_to(setting, head, target) for head in found)
    return Heads(setting, level, tuple(left_out), target)


def _setting(
    shape: Sequence[int], classes: int, bias: bool, hidden: int | None, rf: Any, jump: Any
) -> Setting:
    """All arguments checked; raises ConvvizError that names one."""
    if not isinstance(shape, list | tuple) or not 2 <= len(shape) <= 4:
        raise ConvvizError(f"must be channels and 1 to 3 spatial axes, as in 64x7x7, got {shape!r}", "shape")
    sizes_ = tuple(_whole("shape", n) for n in shape)
    units = [_whole("classes", classes), *([] if hidden is None else [_whole("hidden", hidden)])]
    if prod(sizes_) * max(units) > LARGEST:
        raise ConvvizError(f"a head would have more than {LARGEST:,} weights; use smaller sizes", "shape")
    fields, jumps = _each("rf", rf, len(sizes_) - 1), _each("jump", jump, len(sizes_) - 1)
    return Setting(sizes_, classes, bool(bias), hidden, fields, jumps)


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST:
        raise ConvvizError(f"must be a whole number from 1 to {LARGEST:,}, got {value!r}", name)
    return value


def _each(name: str, value: Any, axes: int) -> tuple[int, ...]:
    """One whole number for each spatial axis."""
    values = list(value) if isinstance(value, list | tuple) else [value] * axes
    values = values * axes if len(values) == 1 else values
    if len(values) != axes:
        raise ConvvizError(
            f"must be one number or {axes}, one for each spatial axis, got {len(values)}", name
        )
    return tuple(_whole(name, v) for v in values)


def _head(s: Setting, kind: str, front: int = 0) -> Head:
    """A head as a graph; front: channels of a 3×3 conv and a ReLU before it."""
    called, layers = HEADS[kind]
    kernels = {"size": s.space, "one": (1,) * len(s.space), "two": (2,) * len(s.space)}
    name = called.format(**{key: "×".join(map(str, value)) for key, value in kernels.items()})
    before: Layers = [s.conv(3, front, padding=1), ("relu", {})] if front else []
    chain = [*before, *layers(s)]
    graph = chained(kind, s.shape, chain, [FRONT] * bool(front))
    return Head(kind, name, graph, graph if set(s.rf + s.jump) == {1} else _traced(kind, s, graph))


def chained(name: str, shape: Shape, layers: Layers, names: Sequence[str] = ()) -> Graph:
    """Layers one behind the other; the first ones may be named."""
    builder, counts, last = GraphBuilder(name, {"input": shape}), dict[str, int](), "input"
    for i, (kind, fields) in enumerate(layers):
        counts[kind] = counts.get(kind, 0) + 1
        op = build(kind, fields, max(len(builder.shapes[last]) - 1, 1))
        called = names[i] if i < len(names) else f"{kind}{counts[kind]}"
        last = builder.add(called, op, (last,)).name
    return builder.build()


def _traced(name: str, s: Setting, graph: Graph) -> Graph:
    """The head behind one conv with the receptive field and the jump of the map's cells."""
    image = tuple((n - 1) * j + r for n, r, j in zip(s.space, s.rf, s.jump, strict=True))
    builder = GraphBuilder(name, {"input": (1, *image)})
    fields = {"out_channels": s.shape[0], "kernel_size": list(s.rf), "stride": list(s.jump)}
    last = builder.add(BEFORE, build("conv", fields, len(image)), ("input",)).name
    for node in graph:
        last = builder.add(node.name, node.op, (last,)).name
    return builder.build()


def _brought_to(s: Setting, head: Head, target: int) -> Head:
    """``head`` behind the conv that brings its parameters nearest to ``target``; as it is where none does."""
    low, high = 0, 1
    while _head(s, head.kind, high).params < target:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _head(s, head.kind, middle).params < target else (low, middle)
    found = [head, *(_head(s, head.kind, front) for front in (low, high) if front)]
    return min(found, key=lambda h: abs(h.params - target))
