"""Checkerboards: which layers of a net cover their output unevenly, what the whole net makes of it, and what helps.

Forwards, each stage that enlarges its map is looked at (transposed conv, resizing with the conv behind it, pixel
shuffle with the conv before it); backwards, each that makes it smaller, by the gradient that reaches its input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from convviz.analysis.coverage import Coverage, coverage_of, of_relation
from convviz.analysis.phase_index import at_init
from convviz.analysis.remedies import Present, Remedy, remedies, repaired
from convviz.analysis.response import gradients, responses
from convviz.errors import ConvvizError, FieldError
from convviz.graph import Graph, GraphBuilder, Node
from convviz.ops.base import Along, Op, build, pointwise, show
from convviz.ops.conv import Conv, ConvTranspose
from convviz.ops.pool import AvgPool, MaxPool
from convviz.ops.relations import Table, Window
from convviz.ops.shuffle import PixelShuffle

OUTPUT, GRADIENT = "output", "gradient"
OPS = ("conv_transpose", "conv", "max_pool", "avg_pool")  # a bare layer is one of these
SIZE, CHANNELS = 28, (64, 32)  # of a bare layer's costs, where nothing else is said


@dataclass(frozen=True)
class Weighing:
    """What the real weights of a stage do: the phase index, and how far biases differ between the phases of a channel.

    bias_spread: their standard deviation over the phases, averaged over the channels; None where there is no bias.
    """

    rho: float
    bias_spread: float | None = None


@dataclass(frozen=True, repr=False)
class Stage:
    """One place where phases are made: ``layers`` (the first is named after) and how they cover ``side``.

    node: the layer itself. weighing: of real weights; None where there are none. any_weights: phases have equal
    sums whatever the weights are (resizing, then a conv). free: layers ahead of a shuffle that shift or scale its
    phases apart: a bias for each channel, an affine norm.
    """

    name: str
    layers: tuple[str, ...]
    node: Node
    side: str
    coverage: Coverage
    any_weights: bool = False
    free: tuple[str, ...] = ()
    rho_at_init: float | None = None
    weighing: Weighing | None = None
    remedies: tuple[Remedy, ...] = ()
    present: Present | None = None
    assumed: str = ""  # what was taken where nothing was said

    @property
    def overlap(self) -> tuple[tuple[Any, ...], ...]:
        return self.coverage.overlap

    @property
    def cv(self) -> tuple[float | None, ...]:
        return self.coverage.cv

    @property
    def cv_total(self) -> float | None:
        return self.coverage.cv_total

    @property
    def uniform(self) -> bool:
        return self.coverage.uniform

    @property
    def dead(self) -> int:
        return self.coverage.dead

    @property
    def rho(self) -> float | None:
        return self.weighing.rho if self.weighing else None

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        """The layer's own relations along its spatial axes, where it has windows."""
        op = self.node.op
        return op.windows() if isinstance(op, Conv | ConvTranspose | MaxPool | AvgPool) else ()

    def __repr__(self) -> str:
        from convviz.report.checkerboard import render_stage

        return render_stage(self, "text")

    def _repr_html_(self) -> str:
        from convviz.report.checkerboard import render_stage

        return render_stage(self, "html")


@dataclass(frozen=True, repr=False)
class Checkerboard:
    """Every stage of a net and what all of it together does, up to layer ``target`` (backwards: on input ``target``).

    after: the composite with every uneven stage replaced by one kind of remedy, by its name.
    """

    graph: Graph
    side: str
    stages: tuple[Stage, ...]
    composite: Coverage
    target: str
    after: tuple[tuple[str, Coverage], ...] = ()
    warnings: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Stage:
        for stage in self.stages:
            if name == stage.name or name in stage.layers:
                return stage
        raise ConvvizError(
            f"{name!r} is no stage of {self.graph.name} ({', '.join(s.name for s in self.stages)})"
        )

    @property
    def enlarges(self) -> bool:
        """Whether a layer of the net makes its map larger."""
        return any(_larger(node) for node in self.graph.nodes)

    def __repr__(self) -> str:
        from convviz.report.checkerboard import render

        return render(self, "text")

    def _repr_html_(self) -> str:
        from convviz.report.checkerboard import render

        return render(self, "html")


# -- one layer ----------------------------------------------------------------------------------------
def overlap(
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: Any = 0,
    dilation: int | Sequence[int] = 1,
    output_padding: int | Sequence[int] = 0,
    *,
    op: str = "conv_transpose",
    rank: int | None = None,
    channels: Sequence[int] | None = None,
    size: int | Sequence[int] | None = None,
    gradient: bool = False,
    **fields: Any,
) -> Stage:
    """How one layer covers its output (transposed conv) or, by its gradient, its input (conv, max_pool, avg_pool).

    rank: spatial axes; default, the length of a list among the fields, else 2. channels (in, out) and size (of the
    input) are for the costs of the remedies. gradient: of a transposed conv, too, on its input.
    Phase 0 is output (input) index 0 modulo the period: padding rotates it.
    Raises ConvvizError for bad fields, and where a period has more phases than can be listed.
    Source: Odena, Dumoulin and Olah, "Deconvolution and Checkerboard Artifacts", Distill 2016.

    >>> overlap(3, 2).overlap, overlap(4, 2, padding=1).uniform
    (((2, 1), (2, 1)), True)
    """
    given = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation}
    if op not in OPS:
        raise ConvvizError(f"must be one of {', '.join(OPS)}, got {op!r}", "op")
    if stride is None and op not in ("max_pool", "avg_pool"):
        given["stride"] = 1
    if op == "conv_transpose":
        given["output_padding"] = output_padding
    elif output_padding != 0:
        raise FieldError("output_padding", f"is for conv_transpose; {op} has none")
    if op == "avg_pool":
        if dilation not in (1, None):
            raise FieldError("dilation", "avg_pool has none")
        del given["dilation"]
    inner, outer = _channels(channels)
    if op in ("conv", "conv_transpose"):
        given["out_channels"] = outer
    layer = build(op, {**given, **fields}, _rank(rank, [*given.values(), size]))
    sizes, assumed = _sizes(layer, size, channels is None, (inner, outer))
    shape = (inner, *sizes)
    builder = GraphBuilder(op, {"input": shape})
    node = builder.add(op, layer, ["input"])
    side = GRADIENT if gradient or op != "conv_transpose" else OUTPUT
    return _stage(node, (node,), side, assumed)


def _channels(value: Sequence[int] | None) -> tuple[int, int]:
    if value is None:
        return CHANNELS
    good = len(value) in (1, 2) and all(
        isinstance(c, int) and not isinstance(c, bool) and c > 0 for c in value
    )
    if not good:
        raise ConvvizError(
            f"must be input and output channels, two numbers >= 1 such as 64,32, got {value}", "channels"
        )
    return value[0], value[-1]


def _rank(rank: int | None, values: Sequence[Any]) -> int:
    listed = {len(v) for v in values if isinstance(v, list | tuple)}
    if rank is not None and (isinstance(rank, bool) or not isinstance(rank, int) or not 1 <= rank <= 3):
        raise ConvvizError(f"must be 1, 2 or 3, got {rank!r}", "rank")
    found = rank or (max(listed) if listed else 2)
    if not 1 <= found <= 3:
        raise ConvvizError(f"lists have one value for each of 1 to 3 spatial axes, got {found}", "rank")
    return found


def _sizes(op: Any, size: Any, default: bool, channels: tuple[int, int]) -> tuple[tuple[int, ...], str]:
    """The input's size, and in words what was assumed."""
    rank = op.rank
    said = "" if not default else f"{channels[0]} to {channels[1]} channels"
    if size is not None:
        sizes = tuple(size) if isinstance(size, list | tuple) else (size,) * rank
        good = all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in sizes)
        if len(sizes) != rank or not good:
            raise ConvvizError(f"must be one number >= 1, or {rank} of them, got {size!r}", "size")
        op.shape((channels[0], *sizes))
        return sizes, said
    sizes = (SIZE,) * rank
    try:
        op.shape((channels[0], *sizes))
    except FieldError:
        raise
    except ConvvizError:  # the kernel is too large for the default, or padding crops all of it
        reach = [abs(w.dilation) * (w.kernel - 1) + 2 * abs(w.padding) for w in op.windows()]
        sizes = tuple(SIZE + r for r in reach)
        op.shape((channels[0], *sizes))
    return sizes, f"{said} and an input of {show(sizes)}" if said else f"an input of {show(sizes)}"


# -- a net --------------------------------------------------------------------------------------------
def checkerboard(
    graph: Graph, *, gradient: bool = False, layer: str | None = None, wrt: str | None = None
) -> Checkerboard:
    """Every stage of a net that makes phases, and the composite of all ops between.

    gradient: look at the gradient on input ``wrt`` (default: the first) instead of the output. layer: the layer whose
    output (gradient: from which) is looked at; default, the net's output, or its last map.
    The composite is the answer to a constant input with every learned weight 1 (see
    :mod:`convviz.analysis.response`), up to the factor that all phases share: the channels that are summed, and behind
    a join of branches whatever makes the numbers the smallest whole ones.
    Raises ConvvizError for an unknown layer, and where phases are too many to write down.

    >>> import convviz
    >>> checkerboard(convviz.read("dcgan")).composite.uniform
    True
    """
    target = layer or _target(graph)
    if layer and layer not in graph.by_name:
        graph[layer]  # says which is near
    wrt = next(iter(graph.inputs)) if wrt is None else wrt
    if wrt not in graph.inputs:
        raise ConvvizError(f"{graph.name} has no input {wrt!r} (inputs: {', '.join(graph.inputs)})")
    side = GRADIENT if gradient else OUTPUT
    found, warnings = _stages(graph, side)
    composite = _composite(graph, side, target, wrt)
    after: tuple[tuple[str, Coverage], ...] = ()
    if side == OUTPUT and not composite.uniform:
        uneven = {s.node.name: s.remedies for s in found if s.remedies and not s.uniform}
        after = tuple((name, _composite(fixed, side, target, wrt)) for name, fixed in repaired(graph, uneven))
    return Checkerboard(graph, side, found, composite, wrt if gradient else target, after, warnings)


def _composite(graph: Graph, side: str, target: str, wrt: str) -> Coverage:
    if side == OUTPUT:
        shape, pattern = graph.shape(target), responses(_ahead(graph, target))[target]
    else:
        found = gradients(graph.nodes, target, graph.inputs)
        shape = graph.shape(wrt)
        if wrt not in found:
            raise ConvvizError(f"{target} does not depend on input {wrt!r}")
        pattern = found[wrt]
    return coverage_of(pattern, range(1, len(shape)) if len(shape) > 1 else range(len(shape)))


def _ahead(graph: Graph, target: str) -> list[Node]:
    """The nodes up to one of them, in order."""
    names = [node.name for node in graph.nodes]
    return list(graph.nodes[: names.index(target) + 1]) if target in names else []


def _target(graph: Graph) -> str:
    """The net's output; where it is no map, the last layer that is one, with as many axes as the input if there are."""
    maps = [node for node in graph.nodes if len(node.out) > 1]
    for name in graph.outputs:
        if name in graph.by_name and len(graph[name].out) > 1:
            return name
    rank = max((len(shape) for shape in graph.inputs.values()), default=0)
    fit = [node for node in maps if len(node.out) == rank and any(n > 1 for n in node.out[1:])]
    if fit or maps:
        return (fit or maps)[-1].name
    raise ConvvizError(f"{graph.name} has no layer with spatial axes: nothing in it can be a checkerboard")


def _stages(graph: Graph, side: str) -> tuple[tuple[Stage, ...], tuple[str, ...]]:
    readers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for source in node.inputs:
            readers.setdefault(source, []).append(node)
    found, warnings = [], []
    for node in graph.nodes:
        if not (enlarges(node) if side == OUTPUT else shrinks(node)):
            continue
        parts: tuple[Node, ...] = (node,)
        if side == OUTPUT and isinstance(node.op, PixelShuffle):
            parts = (*_before(graph, node, readers), node)
        elif side == OUTPUT and not isinstance(node.op, ConvTranspose):
            parts = (node, *_behind(graph, node, readers))
        try:
            found.append(_stage(node, parts, side))
        except ConvvizError as err:
            warnings.append(f"{node.name} is left out: {err.message}")
    return tuple(found), tuple(warnings)


def _stage(node: Node, parts: tuple[Node, ...], side: str, assumed: str = "") -> Stage:
    op, last = node.op, parts[-1]
    rank = getattr(op, "rank", len(last.out) - 1)
    axes = range(len(last.out) - rank, len(last.out))
    if side == OUTPUT and len(parts) == 1 and isinstance(op, ConvTranspose):
        coverage = Coverage(tuple(of_relation(w) for w in op.windows()))
    elif side == OUTPUT:
        coverage = coverage_of(responses(parts)[last.name], axes)
    else:
        ins = {node.inputs[0]: node.ins[0]}
        pattern = gradients([node], node.name, ins, counting=True)[node.inputs[0]]
        coverage = coverage_of(pattern, axes)
    resized = side == OUTPUT and not isinstance(op, ConvTranspose | PixelShuffle) and coverage.uniform
    init = None
    if side == OUTPUT and not resized and isinstance(op, ConvTranspose | PixelShuffle):
        factor = op.upscale_factor if isinstance(op, PixelShuffle) else 0
        init = at_init(factor**rank if factor else coverage.phases)
    mendable = isinstance(op, ConvTranspose if side == OUTPUT else Conv) and len(parts) == 1
    helps, present = remedies(node) if mendable else ((), None)
    return Stage(
        node.name,
        tuple(part.name for part in parts),
        node,
        side,
        coverage,
        any_weights=resized,
        free=tuple(part.name for part in parts[:-1] if parts[-1] is node and _per_channel(part)),
        rho_at_init=init,
        remedies=helps,
        present=present,
        assumed=assumed,
    )


def enlarges(node: Node) -> bool:
    """Whether a layer has more outputs than inputs along a spatial axis, or is a transposed conv."""
    return isinstance(node.op, ConvTranspose) or _larger(node)


def _larger(node: Node) -> bool:
    return any(relation.jump < 1 and m > n for relation, n, m in _along_space(node))


def shrinks(node: Node) -> bool:
    """Whether the windows of a layer step over inputs along a spatial axis."""
    return any(relation.jump > 1 and relation.period == 1 for relation, _, _ in _along_space(node))


def _along_space(node: Node) -> list[tuple[Window | Table, int, int]]:
    """(relation, inputs, outputs) of each spatial axis of an op on one map; nothing for other ops."""
    if len(node.inputs) != 1 or len(node.ins[0]) < 2 or type(node.op).reads is Op.reads:
        return []
    reads = node.op.reads(*node.ins)[0]
    if not isinstance(reads, Along):
        return []
    rank = getattr(node.op, "rank", len(node.ins[0]) - 1)
    first = len(node.ins[0]) - rank
    return [
        (r, node.ins[0][i], node.out[to])
        for i, (r, to) in enumerate(reads.axes)
        if i >= first and to is not None and isinstance(r, Window | Table)
    ]


def _cell_by_cell(node: Node) -> bool:
    """Activations, norms, dropout: one input, the same shape, each cell of its own."""
    return (
        len(node.inputs) == 1
        and node.ins[0] == node.out
        and node.op.reads(*node.ins)[0] == pointwise(node.ins[0], node.out)
    )


def _per_channel(node: Node) -> bool:
    """Whether a layer adds or multiplies by trained numbers, one for each channel."""
    trained = node.op.weights(*node.ins)
    return "bias" in trained or (not isinstance(node.op, Conv) and bool(trained))


def _before(graph: Graph, node: Node, readers: dict[str, list[Node]]) -> tuple[Node, ...]:
    """The conv ahead of a pixel shuffle and what lies between; nothing where there is none of its own."""
    back: list[Node] = []
    while len(node.inputs) == 1 and node.inputs[0] in graph.by_name and len(readers[node.inputs[0]]) == 1:
        node = graph[node.inputs[0]]
        back.append(node)
        if isinstance(node.op, Conv):
            return tuple(reversed(back))
        if not _cell_by_cell(node):
            break
    return ()


def _behind(graph: Graph, node: Node, readers: dict[str, list[Node]]) -> tuple[Node, ...]:
    """The conv behind a resizing and what lies between; nothing where there is none of its own."""
    ahead: list[Node] = []
    while len(readers.get(node.name, ())) == 1:
        node = readers[node.name][0]
        ahead.append(node)
        if isinstance(node.op, Conv):
            return tuple(ahead)
        if not (_cell_by_cell(node) or node.op.kind in ("pad", "crop")):
            break
    return ()
