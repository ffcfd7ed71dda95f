"""Runs the real module once, differentiates single units, and compares what has a gradient to the analysis.

For a torch source the module is the user's own; for a Graph from a file it is the exported one. On the way
every weight counts as one (``ones.py``), what works cell by cell is the identity, and inputs that the
windowed reading leaves out (a gate, attention beside a skip) send no gradient. After each layer the gradient
becomes its indicator.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from convviz.analysis import unit as analysed
from convviz.analysis.lower import LoweredNode
from convviz.analysis.results import Field, ReceptiveField
from convviz.build import build_module
from convviz.graph import Graph, Node
from convviz.ops.base import Shape
from convviz.verify.ones import Ones, indicator
from convviz.verify.places import locate, sample, spread_out

SMALL = 1 << 22  # activations up to which a net is run in float64
FIRST = 4  # units asked of a layer before the next layer's turn


@dataclass(frozen=True)
class Reading:
    """The input cells of one unit: inclusive bounds for each axis (None: it reads nothing), and how many."""

    lo: tuple[int, ...] | None
    hi: tuple[int, ...] | None
    count: int | None

    def __str__(self) -> str:
        if self.lo is None or self.hi is None:
            return "nothing"
        cells = "" if self.count is None else f", {self.count} cells"
        return " x ".join(f"{a}..{b}" for a, b in zip(self.lo, self.hi, strict=True)) + cells


class Disagreement(NamedTuple):
    """A unit of which the analysis expects other cells than autograd found."""

    layer: str
    unit: tuple[int, ...]
    expected: Reading
    found: Reading

    def __str__(self) -> str:
        place = ",".join(map(str, self.unit))
        return f"{self.layer}, unit {place}: expected {self.expected}; autograd finds {self.found}"


@dataclass(frozen=True)
class Verification:
    """What was compared: ``units`` units of ``layers`` layers, of the ``of`` that depend on the input."""

    units: int
    layers: int
    of: int
    disagreements: tuple[Disagreement, ...] = ()
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return not self.disagreements and self.units > 0

    @property
    def line(self) -> str:
        what = f"{self.units} units of {self.layers} of {self.of} layers"
        if self.passed:
            return f"verified: {what} agree with autograd"
        if not self.units:
            return f"not verified: no unit of {self.of} layers could be compared with autograd"
        names = dict.fromkeys(d.layer for d in self.disagreements)
        more = f" and {len(names) - 3} layers more" if len(names) > 3 else ""
        first = ", ".join([*names][:3])
        return f"NOT verified: {len(self.disagreements)} of {what} disagree with autograd: {first}{more}"

    def __str__(self) -> str:
        return "\n".join([self.line, *(f"  {d}" for d in self.disagreements[:10])])


def verify(
    graph: Graph,
    result: ReceptiveField,
    *,
    module: nn.Module | None = None,
    input: Any = None,
    treat: Mapping[str, str] | None = None,
    budget: float = 5.0,
    seed: int = 0,
    units: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Verification:
    """Compare ``result`` with autograd on the real net, unit by unit, for about ``budget`` seconds.

    module: the user's own, where ``graph`` was read from one (with ``input`` and ``treat`` as it was read).
    units: at most so many of a layer. The last and the first layer are always asked.
    progress: told the share of the work, or of the budget, that is done.
    Raises ConvvizError where the module cannot be run.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two on a machine that is busy are ten times slower than one
    try:
        return _verify(graph, result, module, input, treat, budget, seed, units, progress)
    finally:
        torch.set_num_threads(threads)


def _verify(
    graph: Graph,
    result: ReceptiveField,
    module: nn.Module | None,
    input: Any,
    treat: Mapping[str, str] | None,
    budget: float,
    seed: int,
    units: int | None,
    progress: Callable[[float], None] | None,
) -> Verification:
    start = time.perf_counter()
    run = Run(graph, result)
    if module is not None:
        run.module(module, input, treat)
    else:
        run.exported()
    layers = [node for node in graph if node.name in run.values and run.lowered[node.name].state is not None]
    queues = {node.name: run.candidates(node, seed)[:units] for node in layers}
    total = sum(map(len, queues.values()))
    asked: dict[str, int] = {}
    wrong: list[Disagreement] = []
    order = [layers[i].name for i in spread_out(len(layers))]
    must = set(order[:2])
    while any(queues.values()):
        for name in order:
            turn, queues[name] = queues[name][:FIRST], queues[name][FIRST:]
            for i, unit in enumerate(turn):
                if time.perf_counter() - start > budget and not (name in must and i < 2):
                    break
                found = run.read(name, unit)
                if found is None:
                    continue
                asked[name] = asked.get(name, 0) + 1
                if progress is not None:
                    progress(
                        min(1.0, max((time.perf_counter() - start) / budget, sum(asked.values()) / total))
                    )
                wrong += compare(result, name, unit, found)
        must = set()
        if time.perf_counter() - start > budget:
            break
    of = sum(layer.rf is not None for layer in result)
    return Verification(sum(asked.values()), len(asked), of, tuple(wrong), time.perf_counter() - start)


class Run:
    """One forward, with the tensor of every node and the hooks that make gradients indicators."""

    def __init__(self, graph: Graph, result: ReceptiveField) -> None:
        self.graph, self.result = graph, result
        self.lowered: dict[str, LoweredNode] = result.engine.lowered.nodes
        dtype = torch.float64 if graph.activations <= SMALL else torch.float32
        self.values = {name: torch.zeros(1, *shape, dtype=dtype) for name, shape in graph.inputs.items()}
        self.input = self.values[result.wrt].requires_grad_()
        self.writable = False  # whether the user's code may write to what nodes compute

    # -- the forward --------------------------------------------------------------------------------
    def module(self, module: nn.Module, input: Any, treat: Mapping[str, str] | None) -> None:
        """The user's own module."""
        from convviz.read.torch_module import trace_values

        def on_node(step: Any) -> Tensor:
            node = self.graph[step.name]
            followed = self.followed(node)
            gone = {id(x): _detached(x) for x, s in zip(step.inputs, node.inputs) if s not in followed}
            if gone:
                step.args, step.kwargs = _swapped(step.args, gone), _swapped(step.kwargs, gone)
                step.inputs, step.result = _swapped(step.inputs, gone), None
            return self.node(node, step.inputs, step.output)

        self.writable = True
        inputs = {name: self.values[name] for name in self.graph.inputs}
        with Ones(), torch.enable_grad():
            trace_values(module, self.graph, inputs, on_node, treat, input)

    def exported(self) -> None:
        """The module that the graph exports, one line of its forward after the other."""
        with torch.device("meta"):  # the weights are never looked at, only their shapes
            module, names = build_module(self.graph)
        module.to(self.input.dtype)
        with Ones(), torch.enable_grad():
            for node in self.graph:
                self.line(node, getattr(module, names[node.name]) if node.name in names else None)

    def line(self, node: Node, module: nn.Module | None) -> None:
        followed = self.followed(node)
        xs = [self.values[s] if s in followed else _detached(self.values[s]) for s in node.inputs]
        if not any(x.requires_grad for x in xs):
            self.values[node.name] = self.input.new_zeros((1, *node.out))
            return
        space = {"self": module, "torch": torch, "F": nn.functional, "nn": nn}
        space |= {f"x{i}": x for i, x in enumerate(xs)}
        call = node.op.torch(*node.ins).call.replace("{self}", "self")
        source = call.format(*(f"x{i}" for i in range(len(xs))))
        self.node(node, _aligned(xs), lambda: eval(source, space))

    def followed(self, node: Node) -> set[str]:
        """Inputs that may send a gradient: all but what reads the whole image, or nothing, beside them.

        So an input that the analysis forgot shows up as a disagreement.
        """
        edges = {edge.source for edge in self.lowered[node.name].edges}
        return {s for s in node.inputs if s in edges or not self.aside(s)}

    def aside(self, name: str) -> bool:
        state = self.lowered[name].state if name in self.lowered else None
        return state is not None and (
            state.nothing or any(a < len(state.sizes) - 1 for a in state.everywhere)
        )

    def away(self, node: Node) -> set[str]:
        """Nodes that are no inputs of ``node`` and yet followed from it.

        What reads nothing on windowed paths (a class token behind its attention) stands for all that the
        first node of the global path reads. Inputs without a tensor, within one torch function, are looked
        through.
        """
        sources = {edge.source for edge in self.lowered[node.name].edges}
        hidden = [s for s in node.inputs if s in sources and s not in self.values]
        return (sources - set(node.inputs)).union(*(self.away(self.graph[s]) for s in hidden))

    def node(self, node: Node, xs: Sequence[Tensor], output: Callable[[], Tensor]) -> Tensor:
        """The output of one node, with its hook; ``output`` computes it on ones for weights."""
        lowered = self.lowered[node.name]
        y = _blended(xs) if node.op.elementwise and node.inputs else None
        plain = y is not None and y.numel() == _numel(node.out)
        if y is None or not plain:
            y = output()
        with torch._C.DisableTorchFunction(), torch.enable_grad():
            if node.op.kind == "opaque":
                y = _declared(node, xs, y)
            if self.result.with_global and lowered.statistics:
                plain = False
                y = _with_statistics(y, node, self.result.mode)
            if away := self.away(node):
                y = y.detach() + sum(self.values[name].sum() for name in away)
            if self.writable:
                y = y.clone() if plain and len(xs) == 1 else y.contiguous()
            if y.requires_grad and not (plain and len(xs) == 1):  # the identity changes no gradient
                y.register_hook(indicator)
        self.values[node.name] = y
        return y

    # -- questions ----------------------------------------------------------------------------------
    def candidates(self, node: Node, seed: int) -> list[tuple[int, ...]]:
        state = self.lowered[node.name].state
        field = self.result[node.name]
        assert state is not None and field is not None
        return sample(state.sizes[:-1], field.period, seed)

    def read(self, name: str, unit: tuple[int, ...]) -> Reading | None:
        """The cells with a gradient; None where the unit has no place in the layer's tensor."""
        state, y = self.lowered[name].state, self.values[name]
        assert state is not None
        where = locate(state, unit)
        if where is None:
            return None
        if not y.requires_grad:
            return Reading(None, None, 0)
        cells = y.reshape(self.graph[name].out)[np.ix_(*where)] if where else y.reshape(())
        (gradient,) = torch.autograd.grad(cells.sum(), self.input, retain_graph=True, allow_unused=True)
        if gradient is None:
            return Reading(None, None, 0)
        hit = (gradient[0] > 0).any(0).nonzero()
        if not len(hit):
            return Reading(None, None, 0)
        return Reading(tuple(hit.amin(0).tolist()), tuple(hit.amax(0).tolist()), len(hit))


def compare(result: ReceptiveField, layer: str, unit: tuple[int, ...], found: Reading) -> list[Disagreement]:
    """What the analysis of the real unit says and, away from the borders, the numbers of the layer."""
    real = analysed(result, unit, layer, with_global=result.with_global)
    count = found.count if real.count is None else real.count
    expected = Reading(real.lo, real.hi, count)
    if expected != found:
        return [Disagreement(layer, unit, expected, found)]
    field = result[layer]
    if real.clipped or field is None or found.lo is None:
        return []
    ideal = _ideal(field, unit, found)
    return [Disagreement(layer, unit, ideal, found)] if ideal != found else []


def _ideal(field: Field, unit: tuple[int, ...], found: Reading) -> Reading:
    """The reading that a layer's numbers foretell for a unit whose field nothing clips.

    Where units read differently (phases, strides that disagree), the layer's numbers are bounds for each of them.
    """
    assert found.lo is not None and found.hi is not None and found.count is not None
    alike = set(field.period) == {1} and None not in field.jump
    lo, hi = list(found.lo), list(found.hi)
    for a, (jump, start, period) in enumerate(zip(field.jump, field.start, field.period, strict=True)):
        if jump is None:
            continue
        if start is not None and unit[a] % period == 0:
            first = int(start + Fraction(unit[a]) * jump)
            lo[a] = first if alike else max(lo[a], first)
        span = found.hi[a] - found.lo[a] + 1
        hi[a] = lo[a] + (field.size[a] if alike else min(span, field.size[a])) - 1
    count = found.count
    if field.pixels is not None and None not in field.jump:
        count = field.pixels if alike else min(count, field.pixels)
    return Reading(tuple(lo), tuple(hi), count)


# -- tensors ----------------------------------------------------------------------------------------
def _blended(xs: Sequence[Tensor]) -> Tensor | None:
    """The identity of one tensor, the sum of several: reads its inputs cell by cell."""
    with torch._C.DisableTorchFunction(), torch.enable_grad():
        try:
            return xs[0].view_as(xs[0]) if len(xs) == 1 else sum(torch.broadcast_tensors(*xs))  # type: ignore[return-value]
        except RuntimeError:
            return None


def _aligned(xs: Sequence[Tensor]) -> list[Tensor]:
    """Batched tensors whose other axes are aligned at the last one."""
    rank = max((x.dim() for x in xs), default=0)
    return [x.reshape(x.shape[0], *(1,) * (rank - x.dim()), *x.shape[1:]) for x in xs]


def _declared(node: Node, xs: Sequence[Tensor], y: Tensor) -> Tensor:
    """A module that nobody can look into reads what its user says; only its shape is its own."""
    pointwise = node.op.fields()["mode"] == "pointwise"
    maps = [x.reshape(shape) for x, shape in zip(xs, node.ins)]
    total = sum(x.sum(0, keepdim=True) if pointwise else x.sum() for x in maps)
    return (y.detach().reshape(node.out) + total).reshape(y.shape)


def _with_statistics(y: Tensor, node: Node, mode: str) -> Tensor:
    """Every cell reads all that it shares a mean or a sum with."""
    axes = [i + 1 for i in node.op.statistics(*node.ins, mode=mode) if i >= 0]
    flat = y.reshape(1, *node.out)
    return (flat + flat.sum(axes, keepdim=True)).reshape(y.shape)


def _detached(x: Tensor) -> Tensor:
    with torch._C.DisableTorchFunction():
        return x.detach()


def _swapped(value: Any, new: Mapping[int, Tensor]) -> Any:
    if isinstance(value, Tensor):
        return new.get(id(value), value)
    if type(value) in (list, tuple):
        return type(value)(_swapped(v, new) for v in value)
    if isinstance(value, dict):
        return {k: _swapped(v, new) for k, v in value.items()}
    return value


def _numel(shape: Shape) -> int:
    n = 1
    for size in shape:
        n *= size
    return n
