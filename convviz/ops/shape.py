"""Ops that move, drop, repeat or sum cells along an axis, or cut the axes anew."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, ClassVar

import numpy as np

from convviz.errors import FieldError, ShapeError
from convviz.ops.base import (
    Along,
    Array,
    AxisRead,
    Code,
    Op,
    Reads,
    Regroup,
    Shape,
    Steps,
    Weights,
    axis,
    boolean,
    choice,
    integer,
    list_of,
    map_reads,
    number,
    one_or_list,
    optional,
    paddings,
    per_axis,
    record,
    register,
    show,
    spec,
    split_map,
    squeeze,
)
from convviz.ops.conv import check_border, flat_pads, patches, window_size
from convviz.ops.relations import SAME, Blocks, Relation, Rows, Table, Window
from convviz.ops.shuffle import floor_by, listed

MODES = {"constant": "zeros", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}
NUMPY_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def along(rank: int, at: int, relation: Relation) -> Along:
    """``relation`` along axis ``at``; the rest one to one."""
    return Along(tuple(AxisRead(relation if i == at else SAME, i) for i in range(rank)))


def replace(shape: Shape, at: int, size: int) -> Shape:
    return (*shape[:at], size, *shape[at + 1 :])


# -- borders ----------------------------------------------------------------------------------------
@register
class Pad(Op):
    """Cells added around every spatial axis; negative numbers take cells away.

    Source: torch.nn.functional.pad.
    """

    kind: ClassVar[str] = "pad"
    elementwise: ClassVar[bool] = False
    scalar: ClassVar[str | None] = "padding"
    padding: tuple[tuple[int, int], ...] = spec(paddings(None))
    mode: str = spec(choice(*MODES), "constant")
    value: float = spec(number(), 0)

    def __post_init__(self) -> None:
        if self.mode != "constant" and self.value:
            raise FieldError("value", f"is for mode constant only, got {self.value!r} with mode {self.mode}")

    def shape(self, *ins: Shape) -> Shape:
        lead, channels, space = split_map(ins[0], len(self.padding), self.kind)
        check_border(MODES[self.mode], self.padding, space)
        out = [n + before + after for n, (before, after) in zip(space, self.padding, strict=True)]
        if min(out, default=1) < 1:
            raise ShapeError(
                f"nothing is left of {show(ins[0])}: padding {squeeze(self.padding)} gives {show(out)}"
            )
        return (*lead, channels, *out)

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        windows = [Window(padding=before, border=MODES[self.mode]) for before, _ in self.padding]
        return (map_reads(ins[0], len(windows), SAME, windows),)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        x, lead = xs[0], [(0, 0)] * (xs[0].ndim - len(self.padding))
        grow = [(max(b, 0), max(a, 0)) for b, a in self.padding]
        extra: dict[str, Any] = {"constant_values": self.value} if self.mode == "constant" else {}
        x = np.pad(x, [*lead, *grow], mode=NUMPY_MODES[self.mode], **extra)  # type: ignore[call-overload]
        keep = [
            slice(max(-b, 0), n - max(-a, 0))
            for n, (b, a) in zip(x.shape[len(lead) :], self.padding, strict=True)
        ]
        return x[(slice(None),) * len(lead) + tuple(keep)]

    def torch(self, *ins: Shape) -> Code:
        extra = "" if self.mode == "constant" else f", mode={self.mode!r}"
        extra += f", value={self.value!r}" if self.value else ""
        return Code("", f"F.pad({{0}}, {flat_pads(self.padding)!r}{extra})")


@register
class Crop(Op):
    """Cells taken away around every spatial axis, as U-Net does before it joins.

    Source: Ronneberger et al. 2015.
    """

    kind: ClassVar[str] = "crop"
    elementwise: ClassVar[bool] = False
    scalar: ClassVar[str | None] = "padding"
    padding: tuple[tuple[int, int], ...] = spec(paddings(0))

    def shape(self, *ins: Shape) -> Shape:
        lead, channels, space = split_map(ins[0], len(self.padding), self.kind)
        out = [n - before - after for n, (before, after) in zip(space, self.padding, strict=True)]
        if min(out, default=1) < 1:
            raise ShapeError(
                f"nothing is left of {show(ins[0])}: crop {squeeze(self.padding)} gives {show(out)}"
            )
        return (*lead, channels, *out)

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        windows = [Window(padding=-before) for before, _ in self.padding]
        return (map_reads(ins[0], len(windows), SAME, windows),)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        space = xs[0].shape[-len(self.padding) :]
        keep = tuple(slice(b, n - a) for n, (b, a) in zip(space, self.padding, strict=True))
        return xs[0][(slice(None),) * (xs[0].ndim - len(keep)) + keep]

    def torch(self, *ins: Shape) -> Code:
        return Code("", f"F.pad({{0}}, {tuple(-v for v in flat_pads(self.padding))!r})")


@register
class Slice(Op):
    """``start:end:step`` along ``dim``, as Python counts. Source: torch's basic indexing."""

    kind: ClassVar[str] = "slice"
    elementwise: ClassVar[bool] = False
    dim: int = spec(integer(), 1)
    start: int = spec(integer(), 0)
    end: int | None = spec(optional(integer()), None)
    step: int = spec(integer(1), 1)

    def cells(self, shape: Shape) -> range:
        """The cells that are kept."""
        return range(*slice(self.start, self.end, self.step).indices(shape[axis(self.dim, shape)]))

    def shape(self, *ins: Shape) -> Shape:
        at, cells = axis(self.dim, ins[0]), self.cells(ins[0])
        if not cells:
            end = "" if self.end is None else self.end
            raise ShapeError(f"{self.start}:{end} keeps nothing of the {ins[0][at]} cells of axis {self.dim}")
        return replace(ins[0], at, (cells[-1] - cells[0]) // self.step + 1)

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        at, cells = axis(self.dim, ins[0]), self.cells(ins[0])
        return (along(len(ins[0]), at, Window(stride=self.step, padding=-cells.start)),)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        at = axis(self.dim, xs[0].shape[1:]) + 1
        return xs[0][(*(slice(None),) * at, slice(self.start, self.end, self.step))]

    def torch(self, *ins: Shape) -> Code:
        start, end = self.start or "", "" if self.end is None else self.end
        step = f":{self.step}" if self.step != 1 else ""
        return Code("", f"{{0}}[{':, ' * (axis(self.dim, ins[0]) + 1)}{start}:{end}{step}]")


@register
class Chunk(Op):
    """Piece ``index`` of ``chunks`` along ``dim``; all but the last have ``ceil(n / chunks)`` cells.

    Source: torch.chunk.
    """

    kind: ClassVar[str] = "chunk"
    elementwise: ClassVar[bool] = False
    scalar: ClassVar[str | None] = "chunks"
    chunks: int = spec(integer(1))
    dim: int = spec(integer(), 1)
    index: int = spec(integer(), 0)

    def piece(self, shape: Shape) -> tuple[int, int, int]:
        """``(axis, first cell, number of cells)``; raises FieldError where torch makes fewer pieces."""
        at = axis(self.dim, shape)
        size = -(-shape[at] // self.chunks)
        count = -(-shape[at] // size)
        if not -count <= self.index < count:
            raise FieldError(
                "index", f"must be below {count}, the pieces of {shape[at]} cells, got {self.index}"
            )
        first = self.index % count * size
        return at, first, min(size, shape[at] - first)

    def shape(self, *ins: Shape) -> Shape:
        at, _, size = self.piece(ins[0])
        return replace(ins[0], at, size)

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        at, first, _ = self.piece(ins[0])
        return (along(len(ins[0]), at, Window(padding=-first)),)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        at, first, size = self.piece(xs[0].shape[1:])
        return xs[0][(*(slice(None),) * (at + 1), slice(first, first + size))]

    def torch(self, *ins: Shape) -> Code:
        return Code("", f"{{0}}.chunk({self.chunks}, dim={self.dim})[{self.index}]")


@register
class Roll(Op):
    """Cells move by ``shifts`` along ``dims`` and come back in at the other end. Source: torch.roll."""

    kind: ClassVar[str] = "roll"
    elementwise: ClassVar[bool] = False
    shifts: tuple[int, ...] = spec(one_or_list(integer()))
    dims: tuple[int, ...] = spec(one_or_list(integer()))

    def __post_init__(self) -> None:
        if len(self.shifts) != len(self.dims):
            raise FieldError(
                "shifts", f"must have one number for each of dims {self.dims}, got {self.shifts}"
            )

    def shape(self, *ins: Shape) -> Shape:
        for dim in self.dims:
            axis(dim, ins[0], "dims")
        return ins[0]

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        moves = dict.fromkeys(range(len(ins[0])), 0)
        for shift, dim in zip(self.shifts, self.dims, strict=True):
            moves[axis(dim, ins[0], "dims")] += shift
        windows = [
            Window(padding=by % n, border="circular") if by % n else SAME
            for by, n in zip(moves.values(), ins[0])
        ]
        return (Along(tuple(AxisRead(window, i) for i, window in enumerate(windows))),)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        return np.roll(xs[0], self.shifts, tuple(d % xs[0].ndim for d in self.dims))

    def torch(self, *ins: Shape) -> Code:
        return Code("", f"torch.roll({{0}}, {self.shifts!r}, {self.dims!r})")


@register
class Flip(Op):
    """The order of the cells along ``dims`` is turned round. Source: torch.flip."""

    kind: ClassVar[str] = "flip"
    elementwise: ClassVar[bool] = False
    scalar: ClassVar[str | None] = "dims"
    dims: tuple[int, ...] = spec(one_or_list(integer()))

    def shape(self, *ins: Shape) -> Shape:
        for dim in self.dims:
            axis(dim, ins[0], "dims")
        return ins[0]

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        turned = {axis(dim, ins[0], "dims") for dim in self.dims}
        rows = [mirror(n) if i in turned else SAME for i, n in enumerate(ins[0])]
        return (Along(tuple(AxisRead(row, i) for i, row in enumerate(rows))),)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        return np.flip(xs[0], tuple(d % xs[0].ndim for d in self.dims))

    def torch(self, *ins: Shape) -> Code:
        return Code("", f"torch.flip({{0}}, {self.dims!r})")


def mirror(n: int) -> Table:
    """Output ``o`` reads ``n - 1 - o``."""
    return Table(Rows(n, lambda o: range(n - 1 - o, n - o)), n)


# -- axes cut anew ----------------------------------------------------------------------------------
@register
class Reshape(Op):
    """The cells of a sample keep their order and get the axes ``size``; one of them may be -1.

    Source: torch.reshape.
    """

    kind: ClassVar[str] = "reshape"
    elementwise: ClassVar[bool] = False
    scalar: ClassVar[str | None] = "size"
    size: tuple[int, ...] = spec(list_of(integer(-1)))

    def shape(self, *ins: Shape) -> Shape:
        total, known = prod(ins[0]), prod(n for n in self.size if n != -1)
        free = self.size.count(-1)
        if free > 1 or 0 in self.size:
            raise FieldError("size", f"must be sizes >= 1 and at most one -1, got {list(self.size)}")
        if total % known if free else total != known:
            raise ShapeError(f"{show(ins[0])} has {total} cells, which do not make {list(self.size)}")
        return tuple(total // known if n == -1 else n for n in self.size)

    def reads(self, *ins: Shape) -> tuple[Reads, ...]:
        return (Regroup(self.shape(*ins)),)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        return xs[0].reshape(-1, *self.shape(xs[0].shape[1:]))

    def torch(self, *ins: Shape) -> Code:
        return Code("", f"{{0}}.reshape({listed((-1, *self.shape(*ins)))})")


@register
class Flatten(Op):
    """The axes ``start_dim`` to ``end_dim`` become one. Source: torch.nn.Flatten."""

    kind: ClassVar[str] = "flatten"
    elementwise: ClassVar[bool] = False
    start_dim: int = spec(integer(), 1)
    end_dim: int = spec(integer(), -1)

    def shape(self, *ins: Shape) -> Shape:
        if not ins[0]:
            return (1,)
        first, last = axis(self.start_dim, ins[0], "start_dim"), axis(self.end_dim, ins[0], "end_dim")
        if last < first:
            raise FieldError(
                "end_dim", f"must not come before start_dim ({self.start_dim}), got {self.end_dim}"
            )
        return (*ins[0][:first], prod(ins[0][first : last + 1]), *ins[0][last + 1 :])

    def reads(self, *ins: Shape) -> tuple[Reads, ...]:
        return (Regroup(self.shape(*ins)),)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        return xs[0].reshape(-1, *self.shape(xs[0].shape[1:]))

    def torch(self, *ins: Shape) -> Code:
        dims = (self.start_dim, self.end_dim)
        return Code(f"nn.Flatten({'' if dims == (1, -1) else listed(dims)})")


@register
class Permute(Op):
    """The axes in another order; numbers as torch's, so the batch is 0 and comes first or is left out.

    Source: torch.permute.
    """

    kind: ClassVar[str] = "permute"
    elementwise: ClassVar[bool] = False
    scalar: ClassVar[str | None] = "dims"
    dims: tuple[int, ...] = spec(list_of(integer()))

    def order(self, shape: Shape) -> tuple[int, ...]:
        """For each output axis, the input axis (no batch)."""
        ndim = len(shape) + 1
        dims = [d + ndim if d < 0 else d for d in self.dims]
        dims = dims[1:] if dims[:1] == [0] else dims
        if sorted(dims) != list(range(1, ndim)):
            need = f"every axis from 1 to {ndim - 1} once, behind the batch axis 0 or without it"
            raise FieldError("dims", f"must name {need}, got {list(self.dims)}")
        return tuple(d - 1 for d in dims)

    def shape(self, *ins: Shape) -> Shape:
        return tuple(ins[0][i] for i in self.order(ins[0]))

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        order = self.order(ins[0])
        return (Along(tuple(AxisRead(SAME, order.index(i)) for i in range(len(order)))),)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        return xs[0].transpose(0, *(i + 1 for i in self.order(xs[0].shape[1:])))

    def torch(self, *ins: Shape) -> Code:
        return Code("", f"{{0}}.permute({listed((0, *(i + 1 for i in self.order(ins[0]))))})")


@register
class Expand(Op):
    """Axes of size 1 are repeated to ``size``; -1 keeps an axis, and new axes come in front.

    Source: torch.Tensor.expand.
    """

    kind: ClassVar[str] = "expand"
    elementwise: ClassVar[bool] = False
    scalar: ClassVar[str | None] = "size"
    size: tuple[int, ...] = spec(list_of(integer(-1)))

    def shape(self, *ins: Shape) -> Shape:
        new = len(self.size) - len(ins[0])
        old = (*(1,) * new, *ins[0])
        fits = new >= 0 and all(m in (n, -1) or n == 1 for n, m in zip(old, self.size, strict=True))
        if not fits or 0 in self.size or -1 in self.size[: max(new, 0)]:
            raise ShapeError(
                f"{show(ins[0])} does not expand to {list(self.size)}: only axes of size 1 can be repeated"
            )
        return tuple(n if m == -1 else m for n, m in zip(old, self.size, strict=True))

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        n, *rest = xs[0].shape
        out = self.shape(tuple(rest))
        return np.broadcast_to(xs[0].reshape(n, *(1,) * (len(out) - len(rest)), *rest), (n, *out))

    def torch(self, *ins: Shape) -> Code:
        out = self.shape(*ins)
        new = "[:, " + "None, " * (len(out) - len(ins[0])) + "...]" if len(out) > len(ins[0]) else ""
        return Code("", f"{{0}}{new}.expand(-1, {listed(out)})")


# -- sums over axes ---------------------------------------------------------------------------------
@record
class Reduce(Op):
    """One number for all cells along ``dims`` (None: every spatial axis)."""

    elementwise: ClassVar[bool] = False
    scalar: ClassVar[str | None] = "dims"
    reduce: ClassVar[Callable[..., Any]]
    dims: tuple[int, ...] | None = spec(optional(one_or_list(integer())), None)
    keepdim: bool = spec(boolean, False)

    def axes(self, shape: Shape) -> tuple[int, ...]:
        """The axes (no batch) that are reduced."""
        if self.dims is None:
            return tuple(range(1, len(shape)))
        return tuple(sorted({axis(d, shape, "dims") for d in self.dims}))

    def shape(self, *ins: Shape) -> Shape:
        gone = self.axes(ins[0])
        return tuple(1 if i in gone else n for i, n in enumerate(ins[0]) if self.keepdim or i not in gone)

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        gone, reads, to = self.axes(ins[0]), [], 0
        for i, n in enumerate(ins[0]):
            kept = self.keepdim or i not in gone
            reads.append(AxisRead(Blocks(n, 1) if i in gone else SAME, to if kept else None))
            to += kept
        return (Along(tuple(reads)),)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        axes = tuple(i + 1 for i in self.axes(xs[0].shape[1:]))
        return type(self).reduce(xs[0], axis=axes, keepdims=self.keepdim) if axes else xs[0]

    def torch(self, *ins: Shape) -> Code:
        dims = tuple(i + 1 for i in self.axes(ins[0]))
        keep = ", keepdim=True" if self.keepdim else ""
        return Code("", f"{{0}}.{self.kind}({dims!r}{keep})" if dims else "{0}")


@register
class Mean(Reduce):
    """Mean over axes. Source: torch.mean."""

    kind: ClassVar[str] = "mean"
    reduce: ClassVar[Callable[..., Any]] = staticmethod(np.mean)


@register
class Sum(Reduce):
    """Sum over axes. Source: torch.sum."""

    kind: ClassVar[str] = "sum"
    reduce: ClassVar[Callable[..., Any]] = staticmethod(np.sum)


@register
class Amax(Reduce):
    """Largest value over axes. Source: torch.amax."""

    kind: ClassVar[str] = "amax"
    reduce: ClassVar[Callable[..., Any]] = staticmethod(np.max)


@register
class Amin(Reduce):
    """Smallest value over axes. Source: torch.amin."""

    kind: ClassVar[str] = "amin"
    reduce: ClassVar[Callable[..., Any]] = staticmethod(np.min)


# -- joins that move cells --------------------------------------------------------------------------
@register
class Concat(Op):
    """The inputs one behind the other along ``dim``. Source: torch.cat."""

    kind: ClassVar[str] = "concat"
    elementwise: ClassVar[bool] = False
    inputs: ClassVar[tuple[int, int | None]] = (1, None)
    scalar: ClassVar[str | None] = "dim"
    dim: int = spec(integer(), 1)

    def shape(self, *ins: Shape) -> Shape:
        at = axis(self.dim, ins[0])
        if any(len(s) != len(ins[0]) or replace(s, at, 0) != replace(ins[0], at, 0) for s in ins):
            shapes = " and ".join(show(s) for s in ins)
            raise ShapeError(
                f"concat along axis {self.dim} needs shapes that agree in all other axes, got {shapes}"
            )
        return replace(ins[0], at, sum(s[at] for s in ins))

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        at, offset, out = axis(self.dim, ins[0]), 0, []
        for shape in ins:
            out.append(along(len(shape), at, Window(padding=offset)))
            offset += shape[at]
        return tuple(out)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        return np.concatenate(one_batch(xs), axis=self.dim)

    def torch(self, *ins: Shape) -> Code:
        return Code("", f"torch.cat([{places(ins)}], dim={self.dim})")


@register
class Stack(Op):
    """The inputs one behind the other along a new axis ``dim``. Source: torch.stack."""

    kind: ClassVar[str] = "stack"
    elementwise: ClassVar[bool] = False
    inputs: ClassVar[tuple[int, int | None]] = (1, None)
    scalar: ClassVar[str | None] = "dim"
    dim: int = spec(integer(), 1)

    def shape(self, *ins: Shape) -> Shape:
        if len(set(ins)) > 1:
            raise ShapeError("stack needs equal shapes, got " + " and ".join(show(s) for s in ins))
        return replace(self.one(ins[0]), self.at(ins[0]), len(ins))

    def at(self, shape: Shape) -> int:
        return axis(self.dim, (*shape, 1))

    def one(self, shape: Shape) -> Shape:
        """An input with the new axis."""
        return (*shape[: self.at(shape)], 1, *shape[self.at(shape) :])

    def reads(self, *ins: Shape) -> tuple[Reads, ...]:
        one, out = self.one(ins[0]), self.shape(*ins)
        moves = (along(len(out), self.at(ins[0]), Window(padding=i)) for i in range(len(ins)))
        return tuple(Steps(((Regroup(one), one), (move, out))) for move in moves)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        return np.stack(one_batch(xs), axis=self.dim)

    def torch(self, *ins: Shape) -> Code:
        return Code("", f"torch.stack([{places(ins)}], dim={self.dim})")


def one_batch(xs: tuple[Array, ...]) -> list[Array]:
    """The arrays with the same batch size: those without a batch of their own (parameters) are repeated."""
    n = max(len(x) for x in xs)
    return [np.broadcast_to(x, (n, *x.shape[1:])) for x in xs]


def places(ins: tuple[Shape, ...]) -> str:
    return ", ".join(f"{{{i}}}" for i in range(len(ins)))


# -- windows as columns -----------------------------------------------------------------------------
@register
class Unfold(Op):
    """Every window of a map (C, *space) as a column of (C * prod(kernel_size), windows).

    Source: torch.nn.Unfold.
    """

    kind: ClassVar[str] = "unfold"
    elementwise: ClassVar[bool] = False
    scalar: ClassVar[str | None] = "kernel_size"
    kernel_size: tuple[int, ...] = spec(per_axis(integer(1)))
    dilation: tuple[int, ...] = spec(per_axis(integer(1)), 1)
    padding: tuple[int, ...] = spec(per_axis(integer(0)), 0)
    stride: tuple[int, ...] = spec(per_axis(integer(1)), 1)

    def grid(self, shape: Shape) -> Shape:
        """How many windows there are along each axis."""
        rank = len(self.kernel_size)
        if len(shape) != rank + 1:
            raise ShapeError(f"unfold needs a map with {rank} spatial axes, got {show(shape)}")
        settings = zip(shape[1:], self.kernel_size, self.stride, self.dilation, self.padding, strict=True)
        return tuple(window_size(n, k, s, d, p, p) for n, k, s, d, p in settings)

    def shape(self, *ins: Shape) -> Shape:
        return (ins[0][0] * prod(self.kernel_size), prod(self.grid(ins[0])))

    def reads(self, *ins: Shape) -> tuple[Reads, ...]:
        """First the windows, then their grid in one row; for all entries of a column together."""
        out, grid = self.shape(*ins), self.grid(ins[0])
        settings = zip(self.kernel_size, self.stride, self.dilation, self.padding, strict=True)
        windows = [Window(k, s, d, p) for k, s, d, p in settings]
        look = map_reads(ins[0], len(grid), floor_by(prod(self.kernel_size)), windows)
        return (Steps(((look, (out[0], *grid)), (Regroup(out), out))),)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        rank, out = len(self.kernel_size), self.shape(xs[0].shape[1:])
        x = np.pad(xs[0], [(0, 0), (0, 0), *((p, p) for p in self.padding)])
        win = patches(x, self.kernel_size, self.stride, self.dilation)  # N, C, *grid, *kernel
        kernel_first = (0, 1, *range(2 + rank, 2 + 2 * rank), *range(2, 2 + rank))
        return win.transpose(kernel_first).reshape(-1, *out)

    def torch(self, *ins: Shape) -> Code:
        rank = len(self.kernel_size)
        defaults = {"dilation": 1, "padding": 0, "stride": 1}
        given = {
            name: getattr(self, name)
            for name, d in defaults.items()
            if any(v != d for v in getattr(self, name))
        }
        if rank == 2:
            extra = "".join(f", {name}={squeeze(value)!r}" for name, value in given.items())
            return Code(f"nn.Unfold({squeeze(self.kernel_size)}{extra})")
        if any(d != 1 for d in self.dilation):
            raise ShapeError(f"PyTorch has no dilated unfold in {rank} axes")
        x = "{0}"
        if any(self.padding):
            x = f"F.pad({x}, {flat_pads(tuple((p, p) for p in self.padding))!r})"
        for i, (k, s) in enumerate(zip(self.kernel_size, self.stride, strict=True)):
            x += f".unfold({i + 2}, {k}, {s})"
        order = (0, 1, *range(2 + rank, 2 + 2 * rank), *range(2, 2 + rank))
        return Code("", f"{x}.permute({listed(order)}).reshape(-1, {listed(self.shape(*ins))})")
