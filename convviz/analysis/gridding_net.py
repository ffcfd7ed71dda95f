"""Which input cells a unit of a net leaves out, and the runs of dilated convolutions that cause it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

import numpy as np

from convviz.analysis.axis_map import AxisMap, compose, identity, merge
from convviz.analysis.cells import MASK, Cells
from convviz.analysis.footprint import Footprint
from convviz.analysis.gridding import LISTED, Gridding
from convviz.analysis.joint import Region
from convviz.analysis.lower import Edge, Lowered
from convviz.analysis.receptive_field import receptive_field
from convviz.analysis.results import ReceptiveField
from convviz.errors import ConvvizError
from convviz.graph import Graph
from convviz.ops.relations import Window

RUNS = 256  # that are told


@dataclass(frozen=True)
class AxisReads:
    """What a unit reads along one axis, in the phase with the largest share of holes.

    phase: of ``period`` output phases (None: branches disagree about the stride; phase is then a unit of the map).
    dead: phases that read nothing at all (None: too many to look at them all). hits: None where the holes are too many
    to count.
    """

    axis: int
    phase: int
    period: int | None
    read: Cells
    dead: int | None = 0

    @property
    def span(self) -> int:
        return self.read.span

    @property
    def hits(self) -> int | None:
        return self.read.count if self.read else 0

    @property
    def dense(self) -> bool:
        return self.hits == self.span

    @property
    def cells(self) -> tuple[int, ...] | None:
        """Cells read, the first being 0; None above LISTED, and where they are not known."""
        if self.span > LISTED or not self.read.known:
            return None
        return tuple(self.read.shift(-self.read.lo))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Run:
    """A maximal run of windows with no downsampling before the last of them, one of them dilated, along ``axes``.

    entry: the layer (or input) whose map it reads, on which its cells are counted. stack: its windows as a stack.
    read: what a unit of its last layer reads of that map by all paths, branches that fill holes included (None: not
    one pattern). jump: cells of the net's input between neighbouring cells of that map (None: no one number).
    """

    layers: tuple[str, ...]
    axes: tuple[int, ...]
    entry: str
    jump: Fraction | None
    stack: Gridding
    read: Cells | None

    @property
    def dense(self) -> bool:
        return self.stack.dense if self.read is None else self.read.dense

    @property
    def filled(self) -> bool:
        """Whether only the branches beside the run fill its holes."""
        return self.dense and not self.stack.dense


@dataclass(frozen=True, repr=False)
class NetGridding:
    """What a unit of ``layer`` reads of the net's input, with its holes, and the dilated runs on the way.

    pixels, box: over all axes together, cells read (None: not counted) and cells spanned, in the phase with the largest
    share of holes. first: the first layer on the way whose units leave cells out.
    """

    result: ReceptiveField
    layer: str
    axes: tuple[AxisReads, ...]
    pixels: int | None
    box: int
    first: str | None
    runs: tuple[Run, ...]
    everything: bool = False  # every unit reads the whole input
    region: Region | None = None  # the cells of that phase, where they are no product of the axes

    @property
    def graph(self) -> Graph:
        return self.result.graph

    @property
    def dense(self) -> bool:
        return all(axis.dense for axis in self.axes) and self.pixels in (None, self.box)

    def plane(self) -> np.ndarray | None:
        """Whether each cell of the box is read, along the two axes of an image; None for other inputs or too many."""
        if len(self.axes) != 2 or self.box > MASK or self.pixels is None:
            return None
        if self.region is not None:
            return _plane(self.region)
        rows, columns = (np.isin(np.arange(axis.span), axis.cells or ()) for axis in self.axes)
        return rows[:, None] & columns

    @property
    def causes(self) -> tuple[Run, ...]:
        return tuple(run for run in self.runs if not run.dense)

    def _repr_html_(self) -> str:
        from convviz.report.gridding_net import render_net

        return render_net(self, "html")

    def __repr__(self) -> str:
        from convviz.report.gridding_net import render_net

        return render_net(self, "text")


def net_gridding(
    graph: Graph | ReceptiveField, layer: str | None = None, wrt: str | None = None
) -> NetGridding:
    """Which cells of input ``wrt`` (default: the first) a unit of ``layer`` reads, and the dilated runs on its way.

    layer: default, the last with spatial axes whose units do not all read everything.
    Raises ConvvizError for an unknown layer or input, and where the net's input has no spatial axes.

    >>> import convviz
    >>> found = net_gridding(convviz.read("wavenet"))
    >>> found.dense, found.runs[0].stack.rates[:4]
    (True, (1, 2, 4, 8))
    """
    result = graph if isinstance(graph, ReceptiveField) else receptive_field(graph, wrt)
    lowered: Lowered = result.engine.lowered
    name = layer or _last(result)
    state = lowered.state(name)
    if not lowered.rank:
        raise ConvvizError(f"the input of {result.graph.name} is a vector: its units have no position")
    if state is None:
        raise ConvvizError(f"{name} does not depend on {lowered.wrt}")
    footprints = _Footprints(result)
    axes = footprints.axes(name)
    pixels, box, region = _together(footprints.of(name), axes)
    way = _way(lowered, name)
    field = result[name]
    first = next((n for n in way if footprints.holes(n, result)), None)
    runs, everything = _runs(lowered, way, result), bool(field and field.is_global)
    return NetGridding(result, name, axes, pixels, box, first, runs, everything, region)


def _last(result: ReceptiveField) -> str:
    lowered: Lowered = result.engine.lowered
    last = lowered.last_map()
    for layer in reversed(result.layers):
        if layer.rf and not layer.rf.is_global and len(layer.node.out) == lowered.rank + 1:
            return layer.node.name
    return last


def _way(lowered: Lowered, name: str) -> list[str]:
    """The nodes that lead to ``name``, in order, itself included."""
    seen, todo = {name}, [name]
    while todo:
        node = lowered.nodes.get(todo.pop())
        for edge in node.edges if node else ():
            if edge.source not in seen:
                seen.add(edge.source)
                todo.append(edge.source)
    return [n for n in lowered.nodes if n in seen]


# -- what a unit reads --------------------------------------------------------------------------------------
class _Footprints:
    """The fields of all layers as the analysis has them; each axis is looked at once for all layers that share it."""

    def __init__(self, result: ReceptiveField) -> None:
        self.engine = result.engine
        self.known: dict[tuple[int, int], AxisReads] = {}

    def of(self, name: str) -> Footprint:
        """Away from the borders; where branches disagree about the stride, of the real units."""
        free: Footprint = self.engine.free[name]
        real: Footprint | None = self.engine.real.get(name)
        return real if None in free.axes and real is not None else free

    def axes(self, name: str) -> tuple[AxisReads, ...]:
        return tuple(self.axis(a, table) for a, table in enumerate(self.of(name).axes) if table is not None)

    def holes(self, name: str, result: ReceptiveField) -> bool:
        """Whether units of a layer leave cells of the box around them out, along one axis or over all together."""
        field = result[name]
        crossed = field is not None and field.pixels is not None and field.pixels < prod(field.size)
        return crossed or not all(axis.dense for axis in self.axes(name))

    def axis(self, axis: int, table: AxisMap) -> AxisReads:
        key = (axis, id(table))
        if key not in self.known:
            self.known[key] = _worst(axis, table)
        return self.known[key]


def _worst(axis: int, table: AxisMap) -> AxisReads:
    """The phase that leaves out the largest share of its span; of those, the widest."""
    phases, dead = table.phases(), 0
    best: tuple[tuple[bool, Fraction, int], int] | None = None
    for phase in phases:
        row = table.rows[phase]
        if not row:
            dead += 1
            continue
        known = row.count is not None
        rank = (known, Fraction(row.count or 0, row.span), -row.span)
        if best is None or rank < best[0]:
            best = rank, phase
    phase = best[1] if best else 0
    period = None if table.advance is None else table.period
    return AxisReads(axis, phase, period, table.rows[phase], dead if len(phases) == table.period else None)


def _together(footprint: Footprint, axes: Sequence[AxisReads]) -> tuple[int | None, int, Region | None]:
    """Cells read over all axes, cells of the box around them, and which they are, in the worst joint phase."""
    if footprint.joint is not None:
        regions = [r for r in footprint.joint.regions.values() if r.bits]
        boxes = [(r.count, prod(s.span for s in r.sides() or ()), r) for r in regions]
        return min(boxes, key=lambda found: (Fraction(*found[:2]), -found[1]), default=(0, 0, None))
    hits = [axis.hits for axis in axes]
    box = prod(axis.span for axis in axes)
    return (
        (prod(h for h in hits if h is not None) if footprint.known and None not in hits else None),
        box,
        None,
    )


def _plane(region: Region) -> np.ndarray:
    """The cells of a region with two axes, cut to those that it has."""
    rows, pitch = region.span[0], region.pitch[0]
    data = np.frombuffer(region.bits.to_bytes(-(-rows * pitch // 8), "little"), np.uint8)
    cells = np.unpackbits(data, bitorder="little")[: rows * pitch].reshape(rows, pitch)[:, : region.span[1]]
    y, x = (np.flatnonzero(cells.any(axis)) for axis in (1, 0))
    return cells[y[0] : y[-1] + 1, x[0] : x[-1] + 1].astype(bool)


# -- runs ---------------------------------------------------------------------------------------------------
class _Link:
    """A window at the end of a chain that starts on the map of ``entry``; ``reach`` is what the chain spans less 1."""

    __slots__ = ("depth", "entry", "name", "parent", "reach", "window")

    def __init__(
        self, entry: str, parent: _Link | None = None, window: Window | None = None, name: str = ""
    ) -> None:
        self.entry, self.parent, self.window, self.name = entry, parent, window, name
        self.depth: int = parent.depth + 1 if parent else 0
        self.reach: int = (parent.reach if parent else 0) + (
            (window.kernel - 1) * window.dilation if window else 0
        )

    def back(self) -> Iterator[_Link]:
        link: _Link | None = self
        while link is not None and link.window is not None:
            yield link
            link = link.parent


class _Chains:
    """Chains of windows along one axis; chains that are equal, window by window, are one."""

    def __init__(self) -> None:
        self.roots: dict[str, _Link] = {}
        self.made: dict[tuple[int, int, int, int], _Link] = {}
        self.ended: dict[int, _Link] = {}

    def root(self, entry: str) -> _Link:
        return self.roots.setdefault(entry, _Link(entry))

    def longer(self, link: _Link, window: Window, name: str) -> _Link:
        key = (id(link), window.kernel, window.dilation, window.stride)
        if key not in self.made:
            self.made[key] = _Link(link.entry, link, window, name)
        return self.made[key]

    def end(self, link: _Link) -> None:
        if link.window is not None:
            self.ended.setdefault(id(link), link)

    def along(self, lowered: Lowered, way: Sequence[str], axis: int) -> list[_Link]:
        """The last links of all maximal chains on the way that have a dilated window."""
        tips: dict[str, _Link] = {lowered.wrt: self.root(lowered.wrt)}
        for name in way:
            arriving = [
                self.through(tips[edge.source], edge, axis, name)
                for edge in lowered.nodes[name].edges
                if edge.source in tips
            ]
            if not arriving:
                continue
            tips[name] = max(arriving, key=lambda link: link.reach)
            for link in arriving:
                self.end(link)
        covered: set[int] = set()
        out = []
        for link in sorted(self.ended.values(), key=lambda link: -link.depth):
            if id(link) in covered:
                continue
            links = []
            for part in link.back():
                covered.add(id(part))
                links.append(part)
            if any(part.window.dilation > 1 and part.window.kernel > 1 for part in links if part.window):
                out.append(link)
        return out

    def through(self, link: _Link, edge: Edge, axis: int, name: str) -> _Link:
        for step in edge.steps[axis]:
            window = step.relation
            if window.is_identity and step.n == step.m:
                continue
            if not isinstance(window, Window) or window.up != 1 or window.dilation < 0 or step.whole:
                self.end(link)
                return self.root(name)
            if window.kernel > 1:
                link = self.longer(link, window, name)
            if window.stride > 1:
                self.end(link)
                return self.root(name)
        return link


def _runs(lowered: Lowered, way: Sequence[str], result: ReceptiveField) -> tuple[Run, ...]:
    """The runs along all axes; one that is the same along several is told once."""
    found: dict[tuple[object, ...], tuple[_Link, list[int]]] = {}
    for axis in range(lowered.rank):
        for link in _Chains().along(lowered, way, axis):
            key = (link.entry, *((part.name, part.window) for part in link.back()))
            found.setdefault(key, (link, []))[1].append(axis)
    order = {name: i for i, name in enumerate(lowered.nodes)}
    runs = []
    for link, axes in sorted(found.values(), key=lambda pair: order[pair[0].name])[:RUNS]:
        parts = list(link.back())[::-1]
        windows = [part.window for part in parts if part.window]
        stack = Gridding(
            tuple(w.dilation for w in windows),
            tuple(w.kernel for w in windows),
            tuple(w.stride for w in windows),
        )
        field = result.by_name.get(link.entry)
        jump = Fraction(1) if link.entry == lowered.wrt else field.jump[axes[0]] if field else None
        read = _between(lowered, link.entry, link.name, axes[0])
        runs.append(Run(tuple(part.name for part in parts), tuple(axes), link.entry, jump, stack, read))
    return tuple(runs)


def _between(lowered: Lowered, entry: str, last: str, axis: int) -> Cells | None:
    """What a unit of ``last`` reads of the map of ``entry`` along an axis, by all paths between them.

    None where the paths do not keep one step or some read everything, and where there is one path with too many cells
    to tell: then the stack says what it reads.
    """
    tables: dict[str, AxisMap] = {entry: identity(1, False)}
    joined = False
    for name in _way(lowered, last):
        edges = [edge for edge in lowered.nodes[name].edges if edge.source in tables]
        if name == entry or not edges:
            continue
        parts = []
        for edge in edges:
            if edge.concatenated == axis or any(step.whole for step in edge.steps[axis]):
                return None
            table = tables[edge.source]
            for step in edge.steps[axis]:
                table = compose(table, step)
            parts.append(table)
        if len({table.jump for table in parts}) > 1:
            return None
        joined = joined or len(parts) > 1
        tables[name] = merge(parts)
    table = tables[last]
    if table.period > 1 or not (joined or table.rows[0].known):
        return None
    return table.rows[0]
