"""Cells that change places between channels and space: pixel shuffle and its inverse, channel shuffle."""

from __future__ import annotations

from typing import ClassVar

from convviz.errors import FieldError, ShapeError
from convviz.ops.base import (
    Along,
    Array,
    AxisRead,
    Code,
    Op,
    Shape,
    Weights,
    integer,
    map_reads,
    register,
    show,
    spec,
    split_map,
)
from convviz.ops.relations import SAME, Blocks, Relation, Rows, Table, Window


def floor_by(r: int) -> Window:
    """Output ``o`` reads cell ``floor(o / r)``, and no other."""
    return Window(r, padding=r - 1, up=r) if r > 1 else SAME


def map_rank(shape: Shape, kind: str) -> int:
    """Spatial axes of a map; raises ShapeError where there are none."""
    if len(shape) < 2:
        raise ShapeError(f"{kind} needs a map with spatial axes, got {show(shape)}")
    return len(shape) - 1


@register
class PixelShuffle(Op):
    """(C*r^n, *space) becomes (C, *r*space): each block of r^n channels fills a cell of r^n pixels.

    Source: Shi et al., "Real-time single image super-resolution", 2016; torch.nn.PixelShuffle (rank 2).
    """

    kind: ClassVar[str] = "pixel_shuffle"
    elementwise: ClassVar[bool] = False
    scalar: ClassVar[str | None] = "upscale_factor"
    upscale_factor: int = spec(integer(1))

    def shape(self, *ins: Shape) -> Shape:
        rank, r = map_rank(ins[0], self.kind), self.upscale_factor
        _, channels, space = split_map(ins[0], rank, self.kind)
        if channels % r**rank:
            raise FieldError(
                "upscale_factor", f"{r}**{rank} = {r**rank} must divide the {channels} channels, got {r}"
            )
        return (channels // r**rank, *(n * r for n in space))

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        """Along each axis; in truth a cell reads the one channel of its block that belongs to its place."""
        rank, r = map_rank(ins[0], self.kind), self.upscale_factor
        block: Relation = Blocks(r**rank, 1) if r > 1 else SAME
        return (map_reads(ins[0], rank, block, [floor_by(r)] * rank),)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        x, r = xs[0], self.upscale_factor
        (channels, *out), space = self.shape(x.shape[1:]), x.shape[2:]
        return (
            x.reshape(-1, channels, *(r,) * len(space), *space)
            .transpose(interleave(len(space)))
            .reshape(-1, channels, *out)
        )

    def torch(self, *ins: Shape) -> Code:
        rank, r = map_rank(ins[0], self.kind), self.upscale_factor
        if rank == 2:
            return Code(f"nn.PixelShuffle({r})")
        out = self.shape(ins[0])
        cut = (out[0], *(r,) * rank, *ins[0][1:])
        order = ", ".join(map(str, interleave(rank)))
        return Code("", f"{{0}}.reshape(-1, {listed(cut)}).permute({order}).reshape(-1, {listed(out)})")


@register
class PixelUnshuffle(Op):
    """(C, *r*space) becomes (C*r^n, *space): the inverse of pixel shuffle, also called space to depth.

    Source: torch.nn.PixelUnshuffle, here in any number of axes.
    """

    kind: ClassVar[str] = "pixel_unshuffle"
    elementwise: ClassVar[bool] = False
    scalar: ClassVar[str | None] = "downscale_factor"
    downscale_factor: int = spec(integer(1))

    def shape(self, *ins: Shape) -> Shape:
        rank, r = map_rank(ins[0], self.kind), self.downscale_factor
        _, channels, space = split_map(ins[0], rank, self.kind)
        if any(n % r for n in space):
            raise FieldError("downscale_factor", f"must divide every spatial axis of {show(ins[0])}, got {r}")
        return (channels * r**rank, *(n // r for n in space))

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        """Along each axis, for all channels of a position together; one channel reads one of the pixels."""
        rank, r = map_rank(ins[0], self.kind), self.downscale_factor
        block: Relation = Blocks(1, r**rank) if r > 1 else SAME
        return (map_reads(ins[0], rank, block, [Window(r, r)] * rank),)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        x = xs[0]
        cut, out = self.cut(x.shape[1:]), self.shape(x.shape[1:])
        return x.reshape(-1, *cut).transpose(gather(len(out) - 1)).reshape(-1, *out)

    def cut(self, shape: Shape) -> Shape:
        """The map with every spatial axis cut into (cells, pixels of a cell)."""
        r = self.downscale_factor
        return (shape[0], *(part for n in shape[1:] for part in (n // r, r)))

    def torch(self, *ins: Shape) -> Code:
        rank = map_rank(ins[0], self.kind)
        if rank == 2:
            return Code(f"nn.PixelUnshuffle({self.downscale_factor})")
        order = ", ".join(map(str, gather(rank)))
        out = self.shape(ins[0])
        return Code(
            "", f"{{0}}.reshape(-1, {listed(self.cut(ins[0]))}).permute({order}).reshape(-1, {listed(out)})"
        )


@register
class ChannelShuffle(Op):
    """Channels laid out as (groups, C/groups) and read off by columns.

    Source: Zhang et al., "ShuffleNet", 2018.
    """

    kind: ClassVar[str] = "channel_shuffle"
    scalar: ClassVar[str | None] = "groups"
    groups: int = spec(integer(1))

    def shape(self, *ins: Shape) -> Shape:
        map_rank(ins[0], self.kind)
        if ins[0][0] % self.groups:
            raise FieldError("groups", f"must divide the {ins[0][0]} channels, got {self.groups}")
        return ins[0]

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        c, g = ins[0][0], self.groups

        def row(o: int) -> range:
            source = o % g * (c // g) + o // g
            return range(source, source + 1)

        relation: Relation = Table(Rows(c, row), c) if 1 < g < c else SAME
        return (Along((AxisRead(relation, 0), *(AxisRead(SAME, i) for i in range(1, len(ins[0]))))),)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        n, c, *space = xs[0].shape
        return xs[0].reshape(n, self.groups, c // self.groups, *space).swapaxes(1, 2).reshape(n, c, *space)

    def torch(self, *ins: Shape) -> Code:
        return Code(f"nn.ChannelShuffle({self.groups})")


def interleave(rank: int) -> tuple[int, ...]:
    """Axis order that brings (N, C, *r, *space) to (N, C, space 1, r 1, space 2, r 2, ...)."""
    return (0, 1, *(a for i in range(rank) for a in (2 + rank + i, 2 + i)))


def gather(rank: int) -> tuple[int, ...]:
    """Axis order that brings (N, C, space 1, r 1, space 2, r 2, ...) to (N, C, *r, *space)."""
    return (0, 1, *(3 + 2 * i for i in range(rank)), *(2 + 2 * i for i in range(rank)))


def listed(shape: Shape) -> str:
    return ", ".join(map(str, shape))
