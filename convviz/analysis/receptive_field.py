"""Receptive fields of all layers in one pass over the net, and of one real unit by going back."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from convviz.analysis import alignment, backward
from convviz.analysis.axis_map import AxisMap, compose, constant, identity, merge
from convviz.analysis.cells import MASK, Cells, union
from convviz.analysis.footprint import Footprint, joined
from convviz.analysis.joint import JointMap, box_region, join_regions
from convviz.analysis.layout import Step
from convviz.analysis.lower import Edge, Lowered, LoweredNode, lower
from convviz.analysis.results import Field, Layer, Misalignment, ReceptiveField, Unit
from convviz.errors import ConvvizError
from convviz.graph import Graph
from convviz.ops.base import show
from convviz.ops.relations import Blocks, Relation, Table, Window

Numbers = tuple[
    tuple[int, ...],
    tuple[int, ...],
    tuple[Fraction | None, ...],
    tuple[int | None, ...],
    tuple[int, ...],
    int | None,
]


def receptive_field(
    graph: Graph, wrt: str | None = None, mode: str = "eval", with_global: bool = False
) -> ReceptiveField:
    """Receptive field of every layer of ``graph`` on input ``wrt`` (default: the first).

    mode: "train" counts batch norm among what reads the whole image. with_global: follow the paths that read the
    whole image (statistics, gates, attention) instead of naming them.
    Raises ConvvizError where an axis cannot be followed or the input does not exist.
    Source of the closed form on one path: Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural
    Networks", Distill 2019; phases, holes and joins follow from the ops' relations.

    >>> import convviz
    >>> convviz.receptive_field(convviz.read("vgg16"))["pool5"].size
    (212, 212)
    """
    engine = Engine(lower(graph, wrt, mode, with_global))
    layers = []
    warnings = _untold(engine.lowered)
    uncounted: list[str] = []
    for node in graph.nodes:
        rf = engine.field(node.name)
        layers.append(Layer(node, rf))
        if rf is not None and rf.pixels is None:
            uncounted.append(node.name)
    if uncounted:
        more = f" and {len(uncounted) - 1} layers more" if len(uncounted) > 1 else ""
        warnings.append(
            f"the pixels of {uncounted[0]}{more} are not counted: their holes would need more than {MASK:,} mask cells "
            f"or too many phases; size, min and start are exact"
        )
    return ReceptiveField(
        graph,
        engine.lowered.wrt,
        tuple(layers),
        mode,
        with_global,
        tuple(warnings),
        tuple(engine.misaligned),
        engine,
    )


def _untold(lowered: Lowered) -> list[str]:
    """One line for each layer that could not be followed, with how many more lie behind it."""
    causes = list(lowered.unread.values())
    behind = {cause: causes.count(cause) - 1 for cause in causes}
    return [
        cause + (f"; so it is with {n} layer{'s' * (n > 1)} behind it" if n else "")
        for cause, n in behind.items()
    ]


def unit(
    result: ReceptiveField | Graph,
    unit: Sequence[int],
    layer: str | None = None,
    wrt: str | None = None,
    with_global: bool = False,
) -> Unit:
    """The input cells that one real unit reads, clipped at every layer on the way.

    unit: its position, one index for each axis of the input (whatever the order of the layer's own axes).
    layer: default, the last with spatial axes.
    Raises ConvvizError for a layer or a position that does not exist.
    """
    if isinstance(result, Graph):
        lowered = lower(result, wrt, with_global=with_global)
    else:
        lowered = (
            result.engine.lowered
            if with_global == result.with_global
            else lower(result.graph, result.wrt, result.mode, with_global)
        )
    rank, unit = lowered.rank, tuple(unit)
    layer = layer if layer and rank else lowered.last_map()
    state = lowered.state(layer)
    if state is None:
        return Unit(layer, unit, None, None, None, 0, False)
    sizes = state.sizes[:rank]
    if len(unit) != rank or any(not 0 <= u < n for u, n in zip(unit, sizes, strict=True)):
        raise ConvvizError(
            f"unit {','.join(map(str, unit))} is not in {layer}, whose map is {show(sizes)} (indices start at 0)"
        )
    start = [Cells(u, 1) for u in unit]
    real = backward.reach(lowered, layer, start)
    free = backward.reach(lowered, layer, start, clip=False)
    n, m = backward.count(real), backward.count(free)
    if not real:
        return Unit(layer, unit, None, None, None, 0, bool(free))
    sides, ideal = backward.hull(real), backward.hull(free)
    lo, hi = tuple(s.lo for s in sides), tuple(s.hi for s in sides)
    clipped = (lo, hi, n) != (tuple(s.lo for s in ideal), tuple(s.hi for s in ideal), m)
    return Unit(layer, unit, lo, hi, tuple(s.span for s in sides), n, clipped)


class Engine:
    """Footprints of all layers of a lowered graph, and what was noticed on the way."""

    def __init__(self, lowered: Lowered) -> None:
        self.lowered = lowered
        self.misaligned: list[Misalignment] = []
        self.numbers: dict[int, Numbers] = {}
        self.full: dict[str, bool] = {lowered.wrt: True}
        self.free: dict[str, Footprint] = {}
        self._pass(frozenset(), self.free)
        torn = frozenset(a for f in self.free.values() for a, table in enumerate(f.axes) if table is None)
        self.real: dict[str, Footprint] = {}
        if torn:
            self._pass(torn, self.real)

    # -- one pass ----------------------------------------------------------------------------------
    def _pass(self, real: frozenset[int], done: dict[str, Footprint]) -> None:
        """Fill ``done`` with the field of every node; along the axes ``real``, of its real units."""
        lowered = self.lowered
        rank = lowered.rank
        start = tuple(identity(n, a in real) for a, n in enumerate(lowered.sizes[:rank]))
        done[lowered.wrt] = Footprint(start)
        for name, node in lowered.nodes.items():
            if node.state is None:
                continue
            if not real:
                self.full[name] = any(
                    self.full[e.source] and all(map(_covers, _spatial(e, rank))) for e in node.edges
                )
            parts = [self._through(done[e.source], e, rank) for e in node.edges]
            done[name] = parts[0] if len(parts) == 1 else self._join(node, parts, bool(real))

    def _through(self, field: Footprint, edge: Edge, rank: int) -> Footprint:
        """What an edge makes of the field of its source."""
        if not any(edge.steps[:rank]):
            return field
        axes: list[AxisMap | None] = list(field.axes)
        joint, known = field.joint, field.known
        for a in range(rank):
            for i, step in enumerate(edge.steps[a]):
                table = axes[a]
                if table is None or table.constant:
                    break
                if step.whole:
                    axes[a] = constant(self._everything(edge, a, i))
                else:
                    axes[a] = compose(table, step)
                    if joint is not None:
                        joint = joint.compose(a, step)
                        known = known and joint is not None
        if all(t is not None and t.constant for t in axes) and not all(
            t is not None and t.constant for t in field.axes
        ):
            return self._settled(edge, rank)
        if joint is not None and any(
            t is None or t.constant != (joint.advances[a] == 0) for a, t in enumerate(axes)
        ):
            joint, known = None, False
        return Footprint(tuple(axes), joint, known)

    def _everything(self, edge: Edge, axis: int, at: int) -> Cells:
        """What all real units behind the first ``at`` steps of an edge read along an axis, clipped at every layer."""
        if self.full[edge.source] and _covers(edge.steps[axis][:at]):
            return Cells(0, self.lowered.sizes[axis])
        return backward.hull(self._all_units(edge))[axis]

    def _all_units(self, edge: Edge) -> list[backward.Box]:
        """The boxes that all units which one edge can read, read in turn."""
        rank = self.lowered.rank
        box: list[Cells] = []
        for steps in edge.steps[:rank]:
            sizes = [s.m for s in steps]
            cells = Cells(0, sizes[-1] if sizes else self._length(edge.source, len(box)))
            for step in reversed(steps):
                cells = backward.image(step, cells, wrap=False)
            box.append(cells)
        return backward.reach(self.lowered, edge.source, box, wrap=False) or [(Cells(),) * rank]

    def _length(self, name: str, axis: int) -> int:
        if name == self.lowered.wrt:
            return self.lowered.sizes[axis]
        state = self.lowered.nodes[name].state
        assert state is not None
        return state.sizes[axis]

    def _settled(self, edge: Edge, rank: int) -> Footprint:
        """The field behind an edge after which every unit reads the same."""
        sizes = self.lowered.sizes[:rank]
        if self.full[edge.source] and all(map(_covers, _spatial(edge, rank))):
            return Footprint(tuple(constant(Cells(0, n)) for n in sizes))
        boxes = self._all_units(edge)
        sides = backward.hull(boxes)
        axes = tuple(constant(s) for s in sides)
        if len(boxes) == 1:
            return Footprint(axes)
        if backward.count(boxes) is None:
            return Footprint(axes, None, False)
        region = join_regions([box_region(b) for b in boxes])
        return Footprint(axes, JointMap((1,) * rank, (0,) * rank, {(0,) * rank: region}))

    def _join(self, node: LoweredNode, parts: list[Footprint], real: bool) -> Footprint:
        rank = self.lowered.rank
        axes: list[AxisMap | None] = []
        for a in range(rank):
            tables = [p.axes[a] for p in parts]
            if any(t is None for t in tables):
                axes.append(None)
                continue
            known = [t for t in tables if t is not None]
            still = [t for t in known if t.constant]
            if still:
                axes.append(constant(union(t.rows[0] for t in still)))
                continue
            if len({t.jump for t in known}) > 1:
                self.misaligned += alignment.strides(node, a, known, rank)
                axes.append(None)
            elif known[0].advance is not None and any(e.concatenated == a for e in node.edges):
                axes.append(None)
            else:
                axes.append(merge(known))
                if not real and not node.state.nothing:  # type: ignore[union-attr]
                    self.misaligned += alignment.centres(node, a, known, self.lowered, self.free)
        settled = [p for p in parts if all(t is not None and t.constant for t in p.axes)]
        if settled and len(settled) < len(parts):
            return joined(settled, tuple(axes)) if len(settled) > 1 else settled[0]
        if any(t is not None and t.constant for t in axes) and not settled:
            return Footprint(tuple(axes), None, all(_equal(p, parts[0]) for p in parts))
        return joined(parts, tuple(axes))

    # -- what people look for ------------------------------------------------------------------------
    def field(self, name: str) -> Field | None:
        """The numbers of one layer; None where it does not depend on the input."""
        node = self.lowered.nodes[name]
        if node.state is None:
            return None
        free = self.free[name]
        size, low, jump, start, period, pixels = self._numbers(free, self.real.get(name))
        rank = self.lowered.rank
        is_global = set(range(max(rank, 1))) <= node.state.everywhere
        return Field(size, low, jump, start, period, pixels, is_global, node.also)

    def _numbers(self, free: Footprint, real: Footprint | None) -> Numbers:
        """Computed once for all the layers that share a field."""
        if id(free) in self.numbers:
            return self.numbers[id(free)]
        torn = None in free.axes
        shown = real if torn and real is not None else free
        spans = shown.spans()
        together = None if torn else free.at((0,) * len(free.axes))
        jump: list[Fraction | None] = []
        start: list[int | None] = []
        period: list[int] = []
        for a, table in enumerate(free.axes):
            if table is None or table.constant:
                jump.append(None)
                start.append(None)
                period.append(1)
                continue
            first = together[a] if together else table.at(0) if torn else None
            jump.append(table.jump)
            start.append(first.lo if first else None)
            period.append(free.joint.periods[a] if free.joint else table.period)
        size, low = tuple(max(s) for s in spans), tuple(min(s) for s in spans)
        self.numbers[id(free)] = size, low, tuple(jump), tuple(start), tuple(period), shown.pixels()
        return self.numbers[id(free)]


def _spatial(edge: Edge, rank: int) -> list[tuple[Step, ...]]:
    return list(edge.steps[:rank])


def _covers(steps: Sequence[Step]) -> bool:
    """Whether the real outputs are known to read all real inputs (False: not known)."""
    return all(s.whole or _step_covers(s.relation, s.n, s.m) for s in steps)


def _step_covers(r: Relation, n: int, m: int) -> bool:
    if isinstance(r, Window):
        if r.up == 1:
            low, high = -r.padding, (m - 1) * r.stride - r.padding + r.dilation * (r.kernel - 1)
            close = (
                r.stride <= r.kernel
                if r.dilation == 1
                else r.stride == 1 and (m >= r.dilation or r.kernel == 1)
            )
            return low <= 0 and high >= n - 1 and close
        if r.stride != 1:
            return False
        ends = (r.feeds(0).cells, r.feeds(n - 1).cells)
        return all(outs and (0 <= outs[0] < m or 0 <= outs[-1] < m) for outs in ends)
    if isinstance(r, Blocks):
        return m // r.out * r.size >= n
    return (
        isinstance(r, Table)
        and n == m == r.period == r.advance
        and n <= 4096
        and {c for row in r.rows for c in row} == set(range(n))
    )


def _equal(a: Footprint, b: Footprint) -> bool:
    return a.joint is None and b.joint is None and all(x is y for x, y in zip(a.axes, b.axes, strict=True))
