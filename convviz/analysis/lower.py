"""From ops on tensors to relations along the axes of the net's input.

A tensor's axes need not be the image's: a window of a Swin transformer lies in two of them, a token in
one that holds rows and columns. So each tensor axis is written as *digits* of the image's axes (and of the channel
axis, which counts as one more), reshapes only regroup digits, and what an op reads along a tensor axis becomes
what it reads along the image axes that lie in it. Every analysis works on the result, :class:`Lowered`.

Here it is also decided, from structure alone, which paths are *windowed* and which read the whole image:
where both meet, the windowed ones are followed and the first node of the others is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

from convviz.errors import ConvvizError
from convviz.graph import Graph, Node
from convviz.ops.base import Along, Op, Reads, Regroup, Shape, show
from convviz.ops.relations import Blocks, Relation, Rows, Table, Window

NOWHERE = -1  # the axis of a digit that locates nothing on the input


class Digit(NamedTuple):
    """``(coordinate // div) % size`` of one axis."""

    axis: int
    div: int
    size: int


class Dim(NamedTuple):
    """A tensor axis: its digits, slowest first, fill ``[offset, offset + product)``; the rest is constant."""

    size: int
    digits: tuple[Digit, ...]
    offset: int = 0


class Step(NamedTuple):
    """One relation along an axis, between an input of ``n`` and an output of ``m`` units."""

    relation: Relation
    n: int
    m: int

    @property
    def whole(self) -> bool:
        """Whether every output reads every input."""
        r = self.relation
        return isinstance(r, Blocks) and r.size == self.n and self.m <= r.out


Steps = tuple[Step, ...]  # from the input's side to the output's


class Edge(NamedTuple):
    """What a node reads of ``source``: for each image axis, and for the channels last, the steps that lead there."""

    source: str
    steps: tuple[Steps, ...]
    concatenated: int | None = None  # the image axis along which this is only a piece of the output


@dataclass(frozen=True)
class State:
    """Where the cells of a tensor lie: its axes in digits, and how long each image axis (channels last) is here."""

    dims: tuple[Dim, ...]
    sizes: tuple[int, ...]
    everywhere: frozenset[int] = frozenset()  # image axes along which every unit reads everything
    origin: str | None = None  # the node that made it so
    nothing: bool = False  # no unit reads the input on a windowed path
    channels: bool = True  # whether the channel axis could be followed up to here


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


class Unreadable(ConvvizError):
    """A layout that cannot be followed."""


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
    parts: list[tuple[str, State, list[Steps]]] = []
    for i in live:
        source = node.inputs[i]
        state = states[source]
        assert state is not None
        new, steps = _apply(state, reads[i], node.ins[i], node.out, rank)
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
        spread = tuple(_broadcast(n, m) for n, m in zip(target.sizes, out.sizes, strict=True))
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
    node: Node, reads: tuple[Reads, ...], live: list[int], parts: list[tuple[str, State, list[Steps]]]
) -> tuple[State, list[Edge]]:
    """The state in which all parts meet, and the edges that lead there."""
    target = _target(parts, node)
    pieces = _concatenated(node, reads, live, parts, target)
    edges = []
    for source, state, steps in parts:
        along = (_align(state, target, steps, a, node) for a in range(len(target.sizes)))
        edges.append(Edge(source, tuple(along), pieces))
    return target, edges


def _as_one_unit(part: tuple[str, State, list[Steps]], out: Shape) -> tuple[str, State, list[Steps]]:
    """The part as a single unit that reads the whole image."""
    source, state, steps = part
    *space, channels = state.sizes
    whole: list[Steps] = [*(_broadcast(n, 1) for n in space), ()]
    steps = [a + b for a, b in zip(steps, whole, strict=True)]
    one = State(tuple(_anonymous(n) for n in out), (*[1] * len(space), channels))
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
    followed: list[tuple[str, State, list[Steps]]],
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


# -- reads on digits --------------------------------------------------------------------------------
def _apply(state: State, reads: Reads, shape: Shape, out: Shape, rank: int) -> tuple[State, list[Steps]]:
    """The state of the output as seen through one input, and the steps along each image axis."""
    if isinstance(reads, tuple):
        steps: list[Steps] = [()] * (rank + 1)
        for read, mid in reads:  # several stages, each with the shape behind it
            state, more = _apply(state, read, shape, mid, rank)
            steps = [a + b for a, b in zip(steps, more, strict=True)]
            shape = mid
        return state, steps
    if isinstance(reads, Regroup):
        return _regroup(state, shape, out), [()] * (rank + 1)
    work = _Work(state, rank)
    # Axes that are read whole come first: reading through a digit changes how the others of its axis count.
    order = sorted(range(len(shape)), key=lambda i: not _is_whole(reads.axes[i].relation, shape[i]))
    for i in order:
        relation, to = reads.axes[i]
        work.read(i, relation, shape[i], out[to] if to is not None else 1, to)
    return work.finish(out), [tuple(s) for s in work.steps]


def _is_whole(relation: Relation, n: int) -> bool:
    return isinstance(relation, Blocks) and relation.size == n


def _anonymous(n: int) -> Dim:
    return Dim(n, (Digit(NOWHERE, 1, n),))


class _Work:
    """Applies what is read along one tensor axis after another, keeping the digits of all of them in step."""

    def __init__(self, state: State, rank: int) -> None:
        self.state, self.rank = state, rank
        self.dims = list(state.dims)
        self.done: dict[int, Dim] = {}
        self.sizes = list(state.sizes)
        self.steps: list[list[Step]] = [[] for _ in range(rank + 1)]
        self.nothing = state.nothing
        self.channels = state.channels

    def finish(self, out: Shape) -> State:
        dims = tuple(self.done.get(j) or _anonymous(n) for j, n in enumerate(out))
        return State(
            dims, tuple(self.sizes), self.state.everywhere, self.state.origin, self.nothing, self.channels
        )

    def read(self, i: int, relation: Relation, n: int, m: int, to: int | None) -> None:
        """Read tensor axis ``i`` of ``n`` cells through ``relation``; the ``m`` results lie on output axis ``to``."""
        if relation.is_identity and (n == m or to is None):
            new = self.dims[i]
        elif all(d.axis == NOWHERE for d in self.dims[i].digits):
            new = _anonymous(m)
        elif isinstance(relation, Blocks) and relation.size == n and m <= relation.out:
            new = self._whole(i, n, m, to is not None)
        else:
            new = self._along(self.dims[i], relation, n, m)
        if to is not None:
            self.done[to] = new

    def _step(self, axis: int, relation: Relation, m: int) -> None:
        self.steps[axis].append(Step(relation, self.sizes[axis], m))
        self.sizes[axis] = m

    def _whole(self, i: int, n: int, m: int, keep: bool) -> Dim:
        """Every output reads the whole tensor axis: each digit in it is read through."""
        if keep and m == n:
            for axis, digits in _by_axis(self.dims[i]):
                self._blocks(axis, digits)
            return self.dims[i]
        mine = _by_axis(self.dims[i])
        channel = self.rank in [axis for axis, _ in mine]
        single = mine[0][0] if len(mine) == 1 and len(self.dims[i].digits) == 1 else None
        result = _anonymous(m)
        for axis, digits in mine:
            if axis == self.rank and keep and len(digits) == 1 and digits[0].div == 1:
                # New channels in the place of the old: linear, or a projection inside each head.
                size = digits[0].size
                self._step(axis, Blocks(size, m), self.sizes[axis] // size * m)
                self._rescale(axis, 1, size, m)
                result = Dim(m, (Digit(axis, 1, m),))
                continue
            while left := [d for d in self.dims[i].digits if d.axis == axis]:
                self._contract(i, max(left, key=lambda d: d.div))
            if axis == self.rank and keep:
                self.channels = False
        if keep and not channel and single is not None and self.sizes[single] == 1:
            # The axis stays visible, one unit long or that unit repeated.
            if m > 1:
                self._step(single, Blocks(1, m), m)
            return Dim(m, (Digit(single, 1, m),))
        if keep and not channel and m > 1:
            return _anonymous(m)
        return result

    def _blocks(self, axis: int, digits: Sequence[Digit]) -> None:
        """Each unit reads all units that differ from it in these digits only."""
        n = self.sizes[axis]
        if prod(d.size for d in digits) == n:
            self._step(axis, Blocks(n), n)
            return
        for d in digits:
            if d.size == 1:
                continue
            if d.div == 1:
                self._step(axis, Blocks(d.size), n)
            else:
                span, div = d.div * d.size, d.div
                rows = Rows(span, lambda o, span=span, div=div: range(o % div, span, div))  # type: ignore[misc]
                self._step(axis, Table(rows, span), n)

    def _contract(self, i: int, d: Digit) -> None:
        """Read through one digit of tensor axis ``i`` and drop it from its image axis."""
        if d.size > 1 or self.sizes[d.axis] == 1:
            step = _contraction(d, self.sizes[d.axis])
            self._step(d.axis, step.relation, step.m)
        kept = tuple(x for x in self.dims[i].digits if x is not d)
        self.dims[i] = Dim(prod(x.size for x in kept), kept)
        self._rescale(d.axis, d.div, d.size, 1)

    def _rescale(self, axis: int, above: int, size: int, out: int) -> None:
        """Slower digits of an axis count in new units once a digit went from ``size`` values to ``out``."""
        if size == out:
            return

        def fix(dim: Dim) -> Dim:
            return dim._replace(
                digits=tuple(
                    d._replace(div=d.div // size * out) if d.axis == axis and d.div > above else d
                    for d in dim.digits
                )
            )

        self.dims = [fix(d) for d in self.dims]
        self.done = {j: fix(d) for j, d in self.done.items()}

    def _along(self, dim: Dim, relation: Relation, n: int, m: int) -> Dim:
        long = tuple(d for d in dim.digits if d.size > 1)
        if len(long) == 1 < len(dim.digits) and not dim.offset:  # beside axes that are one unit long
            new = self._along(Dim(dim.size, long), relation, n, m)
            if len(new.digits) == 1 and new.digits[0].axis == long[0].axis:
                return new._replace(digits=tuple(new.digits[0] if d is long[0] else d for d in dim.digits))
            return new
        dim = self._plain(dim)
        first = dim.digits[0]
        if (
            len(dim.digits) == 1
            and not dim.offset
            and first.div == 1
            and first.size == self.sizes[first.axis]
        ):
            self._step(first.axis, relation, m)
            return Dim(m, (first._replace(size=m),))
        shifted = isinstance(relation, Window) and relation.kernel == relation.stride == relation.up == 1
        if shifted:
            assert isinstance(relation, Window)
            length = prod(d.size for d in dim.digits)
            start = dim.offset + relation.padding
            if start >= 0 and start + length <= m:
                return dim._replace(size=m, offset=start)
            if start + length <= 0 or start >= m:
                self.nothing = True
                return _anonymous(m)
            if (
                len(dim.digits) == 1
                and first.axis != NOWHERE
                and first.div * first.size == self.sizes[first.axis]
            ):
                return self._cut(dim, -start, m)
        if all(d.axis in (self.rank, NOWHERE) for d in dim.digits):
            self.channels = False
            return _anonymous(m)
        if all(d.axis in self.state.everywhere or d.axis in (self.rank, NOWHERE) for d in dim.digits):
            return _anonymous(m)
        raise Unreadable(f"works along an axis of {n} in which several axes of the input are interleaved")

    def _inner_channels(self, digits: Sequence[Digit]) -> None:
        """Channel digits that become part of an image axis: each unit of it has its own share of the channels."""
        for d in digits:
            if d.axis == self.rank and d.size > 1:
                i = next(i for i, dim in enumerate(self.dims) if any(x is d for x in dim.digits))
                self._contract(i, d)

    def _cut(self, dim: Dim, first: int, m: int) -> Dim:
        """Keep ``m`` values of the slowest digit of an axis, from ``first``."""
        d = dim.digits[0]
        first, kept = max(first, 0), min(d.size - max(first, 0), m)
        self._step(d.axis, Window(padding=-first * d.div), kept * d.div)
        return Dim(m, (d._replace(size=kept),), max(0, -first))

    def _plain(self, dim: Dim) -> Dim:
        """The same axis as one whole axis of the image or the channels, where new coordinates make it one."""
        digits = dim.digits
        if len(digits) == 1 or dim.offset:
            return dim
        axes = {d.axis for d in digits}
        axis = digits[0].axis
        # [rows, c]: rows slowest, channels inside them: a pixel shuffle written by hand.
        located = [d for d in digits if 0 <= d.axis < self.rank]
        if (
            len(located) == 1
            and located[0] == digits[0]
            and located[0].div == 1
            and located[0].size == self.sizes[axis]
            and axis < self.rank
        ):
            inner = prod(d.size for d in digits[1:])
            m = self.sizes[axis] * inner
            self._inner_channels(digits[1:])
            self._step(axis, Window(kernel=inner, up=inner, padding=inner - 1), m)
            return Dim(dim.size, (Digit(axis, 1, m),))
        # All digits of one axis, in another order: a permutation (a channel shuffle written by hand).
        if len(axes) == 1 and axis != NOWHERE and prod(d.size for d in digits) == self.sizes[axis]:
            n = self.sizes[axis]

            def row(o: int, digits: tuple[Digit, ...] = digits) -> range:
                at, rest = 0, o
                for d in reversed(digits):
                    rest, value = divmod(rest, d.size)
                    at += value * d.div
                return range(at, at + 1)

            self._step(axis, Table(Rows(n, row), n), n)
            return Dim(dim.size, (Digit(axis, 1, n),))
        return dim


def _by_axis(dim: Dim) -> list[tuple[int, list[Digit]]]:
    axes: dict[int, list[Digit]] = {}
    for d in dim.digits:
        if d.axis != NOWHERE:
            axes.setdefault(d.axis, []).append(d)
    return list(axes.items())


def _regroup(state: State, shape: Shape, out: Shape) -> State:
    """Cut the same sequence of digits into axes of other lengths."""
    rank = len(state.sizes) - 1
    held = [_holds_constants(dim) and {d.axis for d in dim.digits} <= {rank, NOWHERE} for dim in state.dims]
    if any(held):  # nothing but channels is lost
        known = tuple(_anonymous(dim.size) if h else dim for dim, h in zip(state.dims, held, strict=True))
        state = replace(state, dims=known, channels=False)
    if any(_holds_constants(dim) for dim in state.dims):
        return _regroup_around(state, shape, out)
    queue = [d for dim in state.dims for d in dim.digits if d.size > 1 or 0 <= d.axis < len(state.sizes) - 1]
    queue.reverse()
    dims, lost = [], False
    for j, n in enumerate(out):
        need, got = n, []
        while need > 1 and queue:
            d = queue.pop()
            if need % d.size == 0:
                got.append(d)
                need //= d.size
            elif d.size % need == 0:
                got.append(Digit(d.axis, d.div * (d.size // need), need))
                queue.append(Digit(d.axis, d.div, d.size // need))
                need = 1
            else:
                lost = True
                break
        if lost:
            break
        if n == 1 and queue and queue[-1].size == 1:
            got.append(queue.pop())
        while j == len(out) - 1 and queue and queue[-1].size == 1:
            got.append(queue.pop())
        dims.append(Dim(n, _merge(got) if got else (Digit(NOWHERE, 1, n),)))
    if lost:
        loose = {rank, NOWHERE, *state.everywhere}
        if not all(d.axis in loose for dim in state.dims for d in dim.digits if d.size > 1):
            raise Unreadable(f"from {show(shape)} to {show(out)} cuts across rows of the image")
        return replace(state, dims=tuple(_anonymous(n) for n in out), channels=False)
    return replace(state, dims=tuple(dims))


def _holds_constants(dim: Dim) -> bool:
    """Whether a class token or padding fills a part of the axis."""
    return bool(dim.offset) or prod(d.size for d in dim.digits) != dim.size


def _regroup_around(state: State, shape: Shape, out: Shape) -> State:
    """A reshape that leaves an axis with constant cells (a class token in front) as it is."""
    held = [i for i, dim in enumerate(state.dims) if _holds_constants(dim)]
    cuts = []
    at = 0
    for i in held:
        before = prod(shape[:i])
        j = next((j for j in range(at, len(out)) if out[j] == shape[i] and prod(out[:j]) == before), None)
        if j is None:
            raise Unreadable(
                f"from {show(shape)} to {show(out)} cuts an axis that holds a class token or padding"
            )
        cuts.append((i, j))
        at = j + 1
    dims: list[Dim] = []
    i0 = j0 = 0
    for i, j in [*cuts, (len(shape), len(out))]:
        part = replace(state, dims=state.dims[i0:i])
        if j > j0:
            dims += (
                _regroup(part, shape[i0:i], out[j0:j]).dims if i > i0 else [_anonymous(n) for n in out[j0:j]]
            )
        if i < len(shape):
            dims.append(state.dims[i])
        i0, j0 = i + 1, j + 1
    return replace(state, dims=tuple(dims))


def _merge(digits: Sequence[Digit]) -> tuple[Digit, ...]:
    out: list[Digit] = []
    for d in digits:
        last = out[-1] if out else None
        if last and last.axis == d.axis and last.div == d.div * d.size and d.axis != NOWHERE:
            out[-1] = Digit(d.axis, d.div, last.size * d.size)
        elif last and last.axis == d.axis == NOWHERE:
            out[-1] = Digit(NOWHERE, 1, last.size * d.size)
        else:
            out.append(d)
    return tuple(out)


# -- joins ------------------------------------------------------------------------------------------
def _places(state: State, axis: int) -> list[tuple[int, Digit]]:
    return [(j, d) for j, dim in enumerate(state.dims) for d in dim.digits if d.axis == axis]


def _target(parts: list[tuple[str, State, list[Steps]]], node: Node) -> State:
    """One state that all parts can be aligned to: for each image axis, that of the part which says most about it."""
    if all(p[1].dims == parts[0][1].dims and p[1].sizes == parts[0][1].sizes for p in parts[1:]):
        return parts[0][1]
    axes = len(parts[0][1].sizes)
    best = []
    for a in range(axes):
        best.append(
            max(
                range(len(parts)),
                key=lambda i: (prod(d.size for _, d in _places(parts[i][1], a)), parts[i][1].sizes[a], -i),
            )
        )
    dims = []
    for j, n in enumerate(node.out):
        digits: list[Digit] = []
        offset = 0
        for i in sorted(set(best)):
            dim = parts[i][1].dims[j]
            mine = [d for d in dim.digits if d.axis != NOWHERE and best[d.axis] == i]
            if mine and not digits:
                digits, offset = (
                    list(dim.digits)
                    if len(mine) == len([d for d in dim.digits if d.axis != NOWHERE])
                    else mine,
                    dim.offset,
                )
            elif mine:
                digits += mine
        whole = prod(d.size for d in digits) + offset <= n if digits else False
        dims.append(Dim(n, tuple(digits), offset) if digits and whole else _anonymous(n))
    return replace(
        parts[0][1], dims=tuple(dims), sizes=tuple(parts[best[a]][1].sizes[a] for a in range(axes))
    )


def _broadcast(n: int, m: int) -> Steps:
    """Every one of ``m`` units stands for all ``n``."""
    return (Step(Blocks(n, m), n, m),)


def _align(state: State, target: State, steps: list[Steps], axis: int, node: Node) -> Steps:
    """The steps of one part along an axis, continued to the coordinates of the target."""
    mine, theirs = _places(state, axis), _places(target, axis)
    n, m = state.sizes[axis], target.sizes[axis]
    if n == m and mine == theirs:
        return steps[axis]
    if n == 1 or axis in state.everywhere:
        return steps[axis] + _broadcast(n, m)
    if not mine:
        return steps[axis] if n == m else steps[axis] + _broadcast(n, m)
    # Digits at the same places are kept. Those that lie elsewhere (the columns of a product of matrices) are read
    # through; along those that only the target has, this part is repeated.
    done = list(steps[axis])
    pairs, through = [], []
    rest = list(theirs)
    for j, d in mine:
        hit = next((t for t in rest if t[0] == j and t[1].size == d.size), None)
        if hit is not None:
            rest.remove(hit)
            pairs.append((d, hit[1]))
        elif node.op.kind in ("matmul", "einsum") or axis == len(state.sizes) - 1:
            through.append(d)
        else:
            raise Unreadable(
                f"joins {show(node.ins[0])} and {show(node.ins[-1])}, whose axes lie differently on the input"
            )
    for d in sorted(through, key=lambda d: -d.div):
        if d.size > 1:
            done.append(_contraction(d, n))
            n //= d.size
            pairs = [(p._replace(div=p.div // d.size) if p.div > d.div else p, t) for p, t in pairs]
    if n == m and all(d.div == t.div for d, t in pairs):
        return tuple(done)
    if n == 1:
        return (*done, *_broadcast(n, m))
    slowest = max(theirs, key=lambda t: t[1].div)[1]
    advance = n if any(t is slowest for _, t in pairs) else 0

    def row(o: int) -> range:
        at = sum(o // t.div % t.size * d.div for d, t in pairs)
        return range(at, at + 1)

    return (*done, Step(Table(Rows(m, row), advance), n, m))


def _contraction(d: Digit, n: int) -> Step:
    """Read through one digit of an axis of ``n`` units and drop it."""
    size, div = d.size, d.div
    if size == n:
        return Step(Blocks(n, 1), n, 1)
    if div == 1:
        return Step(Window(size, size), n, n // size)
    if div * size == n:
        return Step(Window(size, 1, div), n, div)
    rows = Rows(div, lambda o: range(o, o + size * div, div))
    return Step(Table(rows, size * div), n, n // size)
