"""Where the cells of a tensor lie on the net's input, and what becomes of that when an op reads the tensor.

A tensor's axes need not be the image's: a window of a Swin transformer lies in two of them, a token in
one that holds rows and columns. So each tensor axis is written as *digits* of the image's axes (and of the channel
axis, which counts as one more), reshapes only regroup digits, and what an op reads along a tensor axis becomes
what it reads along the image axes that lie in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

from convviz.errors import ConvvizError
from convviz.ops.base import Reads, Regroup, Shape, show
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


@dataclass(frozen=True)
class State:
    """Where the cells of a tensor lie: its axes in digits, and how long each image axis (channels last) is here."""

    dims: tuple[Dim, ...]
    sizes: tuple[int, ...]
    everywhere: frozenset[int] = frozenset()  # image axes along which every unit reads everything
    origin: str | None = None  # the node that made it so
    nothing: bool = False  # no unit reads the input on a windowed path
    channels: bool = True  # whether the channel axis could be followed up to here


class Unreadable(ConvvizError):
    """A layout that cannot be followed."""


def apply(state: State, reads: Reads, shape: Shape, out: Shape, rank: int) -> tuple[State, list[Steps]]:
    """The state of the output as seen through one input, and the steps along each image axis."""
    if isinstance(reads, tuple):
        steps: list[Steps] = [()] * (rank + 1)
        for read, mid in reads:  # several stages, each with the shape behind it
            state, more = apply(state, read, shape, mid, rank)
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


def anonymous(n: int) -> Dim:
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
        dims = tuple(self.done.get(j) or anonymous(n) for j, n in enumerate(out))
        return State(
            dims, tuple(self.sizes), self.state.everywhere, self.state.origin, self.nothing, self.channels
        )

    def read(self, i: int, relation: Relation, n: int, m: int, to: int | None) -> None:
        """Read tensor axis ``i`` of ``n`` cells through ``relation``; the ``m`` results lie on output axis ``to``."""
        if relation.is_identity and (n == m or to is None):
            new = self.dims[i]
        elif all(d.axis == NOWHERE for d in self.dims[i].digits):
            new = anonymous(m)
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
        result = anonymous(m)
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
            return anonymous(m)
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
            step = contraction(d, self.sizes[d.axis])
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
                return anonymous(m)
            if (
                len(dim.digits) == 1
                and first.axis != NOWHERE
                and first.div * first.size == self.sizes[first.axis]
            ):
                return self._cut(dim, -start, m)
        if all(d.axis in (self.rank, NOWHERE) for d in dim.digits):
            self.channels = False
            return anonymous(m)
        if all(d.axis in self.state.everywhere or d.axis in (self.rank, NOWHERE) for d in dim.digits):
            return anonymous(m)
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
        known = tuple(anonymous(dim.size) if h else dim for dim, h in zip(state.dims, held, strict=True))
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
        return replace(state, dims=tuple(anonymous(n) for n in out), channels=False)
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
                _regroup(part, shape[i0:i], out[j0:j]).dims if i > i0 else [anonymous(n) for n in out[j0:j]]
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


def contraction(d: Digit, n: int) -> Step:
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
