"""The smallest changes of a net that reach a receptive field: each is made, and the changed net is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations, groupby
from math import ceil, prod
from typing import Any

from convviz.analysis.blocks import units
from convviz.analysis.changes import Change, apply, swapped
from convviz.analysis.compare import net_field
from convviz.analysis.receptive_field import receptive_field
from convviz.analysis.results import Field, Layer, ReceptiveField
from convviz.analysis.stages import stages
from convviz.analysis.ways import Place, Way, both_ways, dilatable, dilate, enlarge
from convviz.errors import ConvvizError
from convviz.graph import Graph
from convviz.ops.base import Shape, build, show
from convviz.ops.conv import Conv, is_depthwise
from convviz.ops.pool import WindowPool

TRIES = 12  # settings tried of one way before it is given up
FEW = 10  # ways of each kind that are combined with others
LIMIT = 1_500  # changed nets that are measured at most
PAIRS = 150  # of them with two changes


@dataclass(frozen=True)
class Suggestion:
    """A changed net, measured at ``layer``.

    what: dilation, kernel_size, stride, conv, max_pool, stage, or two of them. out: shape of that layer. outputs, macs,
    params: of the whole net. retrain: layers whose weights are new or have another shape; all others keep theirs.
    resized: layers whose map has another size.
    """

    what: str
    changes: tuple[Change, ...]
    graph: Graph = field(repr=False)
    layer: str
    field: Field
    out: Shape
    outputs: tuple[Shape, ...]
    params: int
    macs: int
    retrain: tuple[str, ...]
    resized: tuple[str, ...]

    @property
    def size(self) -> tuple[int, ...]:
        return self.field.size

    @property
    def read(self) -> Fraction | None:
        """The share of its receptive field that a unit reads; None where it is not counted."""
        return None if self.field.pixels is None else Fraction(self.field.pixels, max(prod(self.size), 1))


@dataclass(frozen=True, repr=False)
class Suggestions:
    """Answer for ``graph``: ``found`` reach ``target`` at ``layer``, the cheapest first.

    before: the net as it is, as a suggestion without changes. best: where none reaches it, what comes nearest.
    barred: changed nets left out for their MACs or parameters; reshaped: for the shape of their output.
    """

    graph: Graph
    target: tuple[int, ...]
    before: Suggestion
    found: tuple[Suggestion, ...]
    best: Suggestion | None
    barred: int
    reshaped: int
    max_macs: int | None = None
    max_params: int | None = None

    @property
    def reached(self) -> bool:
        """Whether the net has the receptive field as it is."""
        return _reaches(self.before.size, self.target)

    def __repr__(self) -> str:
        from convviz.report.suggest import render_suggestions

        return render_suggestions(self, "text")

    def _repr_html_(self) -> str:
        from convviz.report.suggest import render_suggestions

        return render_suggestions(self, "html")


def suggest(
    graph: Graph,
    target: int | Sequence[int],
    *,
    layer: str | None = None,
    wrt: str | None = None,
    max_macs: int | None = None,
    max_params: int | None = None,
    top: int = 10,
    keep_output: bool = True,
    progress: Callable[[float], None] | None = None,
) -> Suggestions:
    """The smallest changes that give units of ``layer`` a receptive field of at least ``target`` cells.

    target: one number, or one for each spatial axis. layer: default, the last whose units do not read the whole
    image. max_macs, max_params: of the changed net. keep_output: leave out what changes the shape of the net's output.
    Tried are, for each layer on the way, a larger dilation or kernel (padded so that its output keeps its size),
    stride 2, a new 3x3 conv or 2x2 max pool behind it, a larger dilation of all convs of a stage, and pairs of these
    where none alone is enough. Each changed net is built and measured; what misaligns branches is left out. The order
    is by MACs, then without holes before with, then layers changed, parameters and size; what another of its kind beats
    in every respect is left out, and of every kind about as many are given.
    Raises ConvvizError for a target or a layer that makes no sense.

    >>> import convviz
    >>> found = suggest(convviz.read("code8"), 36).found
    >>> found[0].size, found[0].what
    ((36, 36), 'dilation')
    """
    search = _Search(graph, target, layer, wrt, max_macs, max_params, keep_output, progress)
    found: list[Suggestion] = []
    if not _reaches(search.before.size, search.target):
        found = search.singles() or search.pairs()
    best = max(search.seen, key=search.nearness, default=None) if not found else None
    if best is not None and search.nearness(best) <= search.nearness(search.before):
        best = None
    if progress is not None:
        progress(1.0)
    return Suggestions(
        graph,
        search.target,
        search.before,
        tuple(_chosen(found, top)),
        best,
        search.barred,
        search.reshaped,
        max_macs,
        max_params,
    )


def _reaches(size: Sequence[int], target: Sequence[int]) -> bool:
    return all(n >= t for n, t in zip(size, target, strict=True))


def _chosen(found: Sequence[Suggestion], top: int) -> list[Suggestion]:
    """``top`` of them in order, of every kind about as many."""
    ranked = sorted(_undominated(found), key=_rank)
    turns: dict[str, int] = {}
    turn = [turns[s.what] for s in ranked if turns.update({s.what: turns.get(s.what, -1) + 1}) is None]
    first = sorted(range(len(ranked)), key=lambda i: (turn[i], i))[:top]
    return [ranked[i] for i in sorted(first)]


def _rank(found: Suggestion) -> tuple[Any, ...]:
    holes = found.read is None or found.read < 1
    return found.macs, holes, len(found.changes), found.params, found.size, -(found.read or 0)


def _undominated(found: Sequence[Suggestion]) -> list[Suggestion]:
    """Those that no other of their kind beats: no worse in any respect, and better in one."""

    priced = [(s, _price(s.graph, s.changes, s.retrain, s.resized, s.read or 0)) for s in found]
    return [
        s for s, mine in priced if not any(o.what == s.what and _beats(other, mine) for o, other in priced)
    ]


Price = tuple[Any, ...]


def _price(
    graph: Graph,
    changes: Sequence[Change],
    retrain: Sequence[str],
    resized: Sequence[str],
    read: Fraction | int,
) -> Price:
    """All that a change costs: the less of each the better."""
    gap = max((max(getattr(c.op, "dilation", (1,))) for c in changes), default=1)
    return graph.macs, graph.params, len(changes), -read, len(retrain), len(resized), gap


def _beats(other: Price, mine: Price) -> bool:
    return other != mine and all(a <= b for a, b in zip(other, mine, strict=True))


# -- the search --------------------------------------------------------------------------------------------
class _Search:
    """The net as it is, what is allowed, and all that was measured."""

    def __init__(
        self,
        graph: Graph,
        target: int | Sequence[int],
        layer: str | None,
        wrt: str | None,
        max_macs: int | None,
        max_params: int | None,
        keep_output: bool,
        progress: Callable[[float], None] | None,
    ) -> None:
        self.graph, self.layer, self.wrt = graph, layer, wrt
        self.max_macs, self.max_params, self.keep_output = max_macs, max_params, keep_output
        self.progress, self.measured, self.limit = progress, 0, LIMIT
        self.barred = self.reshaped = 0
        self.seen: list[Suggestion] = []
        self.result = receptive_field(graph, wrt)
        self.misaligned = len(self.result.misaligned)
        self.causal = _is_causal(self.result)
        self.space = {node.name: node.out[1:] for node in graph if len(node.out) > 1}
        self.prices: dict[str, list[Price]] = {}  # by kind, of those that reach the target
        self.hopeless = False  # whether a larger setting than the last one's is no use
        at = self._measured_layer(self.result)
        self.before = self._suggestion("", (), graph, at)
        self.target = _target(target, len(graph.inputs[self.result.wrt]) - 1)

    def _measured_layer(self, result: ReceptiveField) -> Layer:
        graph = result.graph
        if self.layer is None:
            found = net_field(result)
            rank = len(graph.inputs[result.wrt])
            if found is not None and len(found.node.out) != rank:  # the map that was flattened
                same = (x for x in reversed(result.layers) if len(x.node.out) == rank and x.rf == found.rf)  # type: ignore[union-attr]
                found = next(same, found)
        else:
            result[self.layer]
            found = next(x for x in result if x.node.name == self.layer)
        if found is None or found.rf is None or not found.rf.size:
            name = self.layer or graph.name
            raise ConvvizError("has no receptive field on the input that could grow", name)
        return found

    def nearness(self, found: Suggestion) -> Fraction:
        return min(Fraction(n, t) for n, t in zip(found.size, self.target, strict=True))

    # -- measuring ---------------------------------------------------------------------------------
    def measure(self, what: str, changes: Sequence[Change]) -> Suggestion | None:
        """The changed net, measured; None where it does not fit, is not allowed or misaligns branches."""
        if self.measured >= self.limit:
            self.hopeless = True
            return None
        self.hopeless = False
        try:
            changed = apply(self.graph, changes)
        except ConvvizError:
            return None
        if self.keep_output and _outputs(changed) != _outputs(self.graph):
            self.reshaped += 1
            return None
        if (self.max_macs is not None and changed.macs > self.max_macs) or (
            self.max_params is not None and changed.params > self.max_params
        ):
            self.barred += 1
            self.hopeless = True  # a larger setting costs no less
            return None
        retrain, resized = tuple(_retrain(self.graph, changed)), self._resized(changed)
        price = _price(changed, changes, retrain, resized, 1)
        self.hopeless = any(_beats(other, price) for other in self.prices.get(what, ()))
        if self.hopeless:
            return None
        self.measured += 1
        if self.progress is not None:
            self.progress(min(self.measured / LIMIT, 0.99))
        result = receptive_field(changed, self.wrt)
        if len(result.misaligned) > self.misaligned:
            return None
        found = self._suggestion(what, changes, changed, self._measured_layer(result))
        if _reaches(found.size, self.target):
            mine = _price(changed, changes, retrain, resized, found.read or 0)
            self.prices.setdefault(what, []).append(mine)
        self.seen.append(found)
        return found

    def _resized(self, changed: Graph) -> tuple[str, ...]:
        return tuple(name for name, space in self.space.items() if changed[name].out[1:] != space)

    def _suggestion(self, what: str, changes: Sequence[Change], graph: Graph, at: Layer) -> Suggestion:
        assert at.rf is not None
        return Suggestion(
            what,
            tuple(changes),
            graph,
            at.node.name,
            at.rf,
            at.node.out,
            _outputs(graph),
            graph.params,
            graph.macs,
            tuple(_retrain(self.graph, graph)) if changes else (),
            self._resized(graph),
        )

    # -- one change --------------------------------------------------------------------------------
    def singles(self) -> list[Suggestion]:
        """Every way alone, each at the smallest setting that reaches the target."""
        # The cheap ones first: what they beat need not be measured.
        ways = sorted(self._ways(self.result), key=lambda way: (way.what == "kernel_size", way.weight))
        found = [self.least(way) for way in ways]
        fixed = list(self._fixed(self.result))
        fixed.sort(key=lambda pair: (pair[0] == "conv", prod(self.graph.shape(pair[1][0].layer))))
        found += [self.measure(what, changes) for what, changes in fixed]
        return [s for s in found if s is not None and _reaches(s.size, self.target)]

    def least(self, way: Way, start: Suggestion | None = None) -> Suggestion | None:
        """The smallest setting of ``way`` that reaches the target, on top of ``start``."""
        base = start or self.before
        need = [t - n for t, n in zip(self.target, base.size, strict=True)]
        amounts = [0] * len(need)
        found: Suggestion | None = None
        missed = 0
        for _ in range(TRIES):
            for a, short in enumerate(need):
                gain = way.gain[a]
                if short > 0 and gain == 0:
                    return found
                amounts[a] += max(ceil(short / gain) if gain else 1, 1) if short > 0 else 0
            if any(n > m for n, m in zip(amounts, way.most, strict=True)):
                break
            made = self._with(way, amounts, start)
            if self.hopeless:
                return None
            if made is None:  # an odd setting may not fit where an even one does
                missed += 1
                if missed > 1:
                    break
                need = [1 if n else 0 for n in amounts]
                continue
            missed = 0
            found = made
            need = [t - n for t, n in zip(self.target, found.size, strict=True)]
            if max(need) <= 0:
                return found
        return found if found is not None else self._with(way, way.most, start)

    def _with(self, way: Way, amounts: Sequence[int], start: Suggestion | None) -> Suggestion | None:
        changes = way.make(amounts) if any(amounts) else None
        if not changes:
            return None
        if start is None:
            return self.measure(way.what, changes)
        return self.measure(f"{start.what} + {way.what}", [*start.changes, *changes])

    # -- two changes -------------------------------------------------------------------------------
    def pairs(self) -> list[Suggestion]:
        """Two changes at once, of those ways that promise most."""
        self.limit = min(self.measured + PAIRS, LIMIT)
        ways = sorted(self._ways(self.result), key=lambda way: -way.promise)[:FEW]
        found = [self.least(both) for a, b in combinations(ways, 2) if (both := both_ways(a, b)) is not None]
        firsts = [
            s for s in self.seen if s.changes and not _reaches(s.size, self.target) and "+" not in s.what
        ]
        for what in ("max_pool", "stride", "conv"):
            alike = sorted((s for s in firsts if s.what == what), key=lambda s: (-self.nearness(s), s.macs))
            for first in alike[: FEW // 2]:
                result = receptive_field(first.graph, self.wrt)
                touched = {c.layer for c in first.changes}
                rest = sorted(self._ways(result), key=lambda way: -way.promise)[:FEW]
                found += [self.least(way, first) for way in rest]
                found += [
                    self.measure(f"{first.what} + {kind}", [*first.changes, *changes])
                    for kind, changes in self._fixed(result)
                    if not touched & {c.layer for c in changes} and not touched & {c.name for c in changes}
                ]
        return [s for s in found if s is not None and _reaches(s.size, self.target)]

    # -- what can be changed -----------------------------------------------------------------------
    def _places(self, result: ReceptiveField) -> Iterator[Place]:
        """Windowed layers that the measured layer reads: the space of their input, and the jump there."""
        graph, rank = result.graph, len(result.graph.inputs[result.wrt]) - 1
        on_the_way = _ancestors(graph, self._measured_layer(result).node.name)
        for node in graph:
            if not isinstance(node.op, Conv | WindowPool) or node.name not in on_the_way:
                continue
            source = node.inputs[0]
            if source in graph.inputs and source != result.wrt:
                continue
            before = None if source == result.wrt else result[source]
            if (
                node.op.rank != rank
                or len(node.ins[0]) != rank + 1
                or (source != result.wrt and before is None)
            ):
                continue
            if before is not None and before.is_global:
                continue
            yield node, node.ins[0][1:], before.jump if before else (Fraction(1),) * rank

    def _ways(self, result: ReceptiveField) -> list[Way]:
        places = list(self._places(result))
        groups: dict[str, list[Place]] = {}
        for place in places:
            groups.setdefault(place[0].shares or place[0].name, []).append(place)
        ways = []
        for group in groups.values():
            if hasattr(group[0][0].op, "dilation"):
                ways.append(dilate("dilation", group, self.causal))
            ways.append(enlarge(group, self.causal))
        stage = {name: i for i, s in enumerate(stages(result)) for name in s.layers}
        wide = [p for p in places if isinstance(p[0].op, Conv) and dilatable(p[0].op)]
        for _, members in groupby(wide, key=lambda place: stage[place[0].name]):
            together = list(members)
            if len(together) > 1:
                ways.append(dilate("stage", together, self.causal, times=True))
        twins: dict[Any, list[Place]] = {}  # such as the filter and the gate of one unit
        for place in wide:
            assert isinstance(place[0].op, Conv)
            twins.setdefault((place[0].inputs, place[0].op.kernel_size, place[0].op.dilation), []).append(
                place
            )  # type: ignore[attr-defined]
        ways += [dilate("dilation", group, self.causal) for group in twins.values() if len(group) > 1]
        return [way for way in ways if any(way.most) and any(g != 0 for g in way.gain)]

    def _fixed(self, result: ReceptiveField) -> Iterator[tuple[str, list[Change]]]:
        """Strides, and new layers."""
        graph = result.graph
        for node, space, _ in self._places(result):
            op = node.op
            assert isinstance(op, Conv | WindowPool)
            if (
                set(op.stride) == {1}
                and max(op.kernel_size) > 1
                and getattr(op, "padding", 0) != "same"
                and min(space) > 1
            ):
                yield "stride", [swapped(node, type(op)(**op.fields() | {"stride": (2,) * len(op.stride)}))]
        names = {node.name for node in graph} | set(graph.inputs)
        last = self._measured_layer(result).node.name
        on_the_way = _ancestors(graph, last)
        rank = len(graph.inputs[result.wrt]) - 1
        nearby: Conv | None = None
        for unit in units(result):
            if isinstance(unit.main.op, Conv) and max(unit.main.op.kernel_size) > 1:
                nearby = unit.main.op
                depthwise = is_depthwise(nearby, unit.main.ins[0])
            place = unit.last.name
            rf, out = result[place], unit.last.out
            if rf is None or rf.is_global or len(out) != rank + 1 or place not in on_the_way:
                continue
            if self.layer is not None and place == last:
                continue
            if min(out[1:]) >= 3:
                groups = {"groups": out[0]} if nearby is not None and depthwise else {}
                bias = {} if nearby is None else {"bias": nearby.bias}
                padding: Any = [[2, 0]] if self.causal else 1
                fields = {"out_channels": out[0], "kernel_size": 3, "padding": padding, **groups, **bias}
                yield "conv", [Change(place, build("conv", fields, rank), None, _free("new_conv", names))]
            if min(out[1:]) >= 2:
                yield (
                    "max_pool",
                    [
                        Change(
                            place, build("max_pool", {"kernel_size": 2}, rank), None, _free("new_pool", names)
                        )
                    ],
                )


def _is_causal(result: ReceptiveField) -> bool:
    """Whether no unit of a 1-D net reads what comes after it."""
    if len(result.graph.inputs[result.wrt]) != 2:
        return False
    fields = [x.rf for x in result if x.rf and not x.rf.is_global and x.rf.size and None not in x.rf.start]
    ends = [f.start[0] + f.size[0] for f in fields if f.start[0] is not None]
    return max(ends, default=2) <= 1 and any(f.size[0] > 1 for f in fields)


def _target(target: int | Sequence[int], rank: int) -> tuple[int, ...]:
    sizes = (target,) * rank if isinstance(target, int) else tuple(target)
    if len(sizes) != rank:
        axes = f"{rank} spatial ax{'is' if rank == 1 else 'es'}"
        raise ConvvizError(f"the input has {axes}; give one size, or one for each of them, got {show(sizes)}")
    if any(not isinstance(n, int) or isinstance(n, bool) or n < 1 for n in sizes):
        raise ConvvizError(f"a receptive field is a whole number of cells from 1, got {show(sizes)}")
    return sizes


def _outputs(graph: Graph) -> tuple[Shape, ...]:
    return tuple(graph.shape(name) for name in graph.outputs)


def _retrain(old: Graph, new: Graph) -> Iterator[str]:
    """Layers whose weights are new or have another shape."""
    for node in new:
        weights = node.op.weights(*node.ins)
        before = old.by_name.get(node.name)
        if weights and (before is None or before.op.weights(*before.ins) != weights):
            yield node.name


def _ancestors(graph: Graph, name: str) -> set[str]:
    """A layer and all that it reads."""
    found = {name}
    for node in reversed(graph.nodes):
        if node.name in found:
            found.update(node.inputs)
    return found


def _free(name: str, taken: set[str]) -> str:
    number = 1
    while f"{name}{number}" in taken:
        number += 1
    return f"{name}{number}"
