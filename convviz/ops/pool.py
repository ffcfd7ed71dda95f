"""Pooling: one number for each window, for each of a given number of parts, or for the whole map."""

from __future__ import annotations

import functools
from abc import abstractmethod
from math import prod
from typing import Any, ClassVar

import numpy as np

from convviz.errors import FieldError, ShapeError
from convviz.ops.base import (
    Along,
    Array,
    Code,
    Op,
    Shape,
    Weights,
    arguments,
    boolean,
    integer,
    map_reads,
    number,
    optional,
    per_axis,
    record,
    register,
    spec,
    split_map,
    squeeze,
    taps,
)
from convviz.ops.conv import flatten_lead, patches, unflatten_lead, window_size
from convviz.ops.relations import SAME, Relation, Window, adaptive, whole


class WindowPool(Op):
    """A window over each channel, sized as convolution; ``ceil_mode`` adds an output that starts inside.

    Source: torch.nn.MaxPool2d.
    """

    elementwise: ClassVar[bool] = False
    scalar: ClassVar[str | None] = "kernel_size"
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    ceil_mode: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "stride", self.stride or self.kernel_size)
        for pad, k in zip(self.margins(), self.kernel_size, strict=True):
            if pad > k // 2:
                raise FieldError("padding", f"must be at most half of the kernel, {k // 2}, got {pad}")

    @property
    def rank(self) -> int:
        return len(self.kernel_size)

    def margins(self) -> tuple[int, ...]:
        """Padding of each axis, the same on both sides; 0 where the pool has no such field."""
        return getattr(self, "padding", (0,) * self.rank)

    def dilations(self) -> tuple[int, ...]:
        return getattr(self, "dilation", (1,) * self.rank)

    def shape(self, *ins: Shape) -> Shape:
        lead, channels, space = split_map(ins[0], self.rank, self.kind)
        sizes = zip(space, self.kernel_size, self.stride, self.dilations(), self.margins(), strict=True)
        return (*lead, channels, *(window_size(n, k, s, d, p, p, self.ceil_mode) for n, k, s, d, p in sizes))

    def windows(self) -> tuple[Window, ...]:
        """One record for each spatial axis."""
        return tuple(
            Window(k, s, d, p)
            for k, s, d, p in zip(
                self.kernel_size, self.stride, self.dilations(), self.margins(), strict=True
            )
        )

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        return (map_reads(ins[0], self.rank, SAME, self.windows()),)

    def views(self, x: Array, fill: float) -> Array:
        """All windows (N, C, *out, *kernel) of ``x`` (N, C, *space); what lies outside is ``fill``."""
        out = self.shape(x.shape[1:])[1:]
        widths = []
        for n, o, k, s, d, p in zip(
            x.shape[2:], out, self.kernel_size, self.stride, self.dilations(), self.margins(), strict=True
        ):
            reach = (
                (o - 1) * s + d * (k - 1) + 1
            )  # under ceil_mode the last window may stick out further than the padding
            widths.append((p, max(reach - n - p, p)))
        x = np.pad(x, [(0, 0), (0, 0), *widths], constant_values=fill)
        win = patches(x, self.kernel_size, self.stride, self.dilations())
        return win[(slice(None), slice(None), *(slice(o) for o in out))]

    def check_3d(self, space: Shape) -> None:
        """Torch averages volumes only where the input, without its padding, is as large as the kernel."""
        for n, k in zip(space, self.kernel_size, strict=True):
            if self.rank == 3 and n < k:
                raise ShapeError(
                    f"in 3-D an average takes no kernel_size {k} on {n} cells, padded or not; "
                    f"the input must be at least {k} there"
                )

    def counts(self, space: Shape, out: Shape) -> Array:
        """(*out): the cells of each window, padding counted where the pool says so, never what sticks out beyond it."""
        padded = getattr(self, "count_include_pad", True)
        each = []
        for n, o, k, s, p in zip(space, out, self.kernel_size, self.stride, self.margins(), strict=True):
            start = np.arange(o) * s - p
            low, high = (-p, n + p) if padded else (0, n)
            each.append(np.minimum(start + k, high) - np.maximum(start, low))
        return functools.reduce(np.multiply.outer, each)

    def window_axes(self) -> tuple[int, ...]:
        return tuple(range(-self.rank, 0))

    def torch(self, *ins: Shape) -> Code:
        name = {"max_pool": "MaxPool", "avg_pool": "AvgPool", "lp_pool": "LPPool"}[self.kind]
        first = {"norm_type": self.norm_type} if isinstance(self, LpPool) else {}
        extra: dict[str, Any] = {} if self.stride == self.kernel_size else {"stride": squeeze(self.stride)}
        defaults = {"padding": 0, "dilation": 1, "ceil_mode": False, "count_include_pad": True}
        for field, default in defaults.items():
            value = getattr(self, field, default)
            value = squeeze(value) if isinstance(value, tuple) else value
            if value != default:
                extra[field] = value
        return Code(
            f"nn.{name}{self.rank}d({arguments(*first.values(), squeeze(self.kernel_size), **extra)})"
        )


@register
class MaxPool(WindowPool):
    """Largest value of each window; padding is never the largest. Source: torch.nn.MaxPool2d."""

    kind: ClassVar[str] = "max_pool"
    kernel_size: tuple[int, ...] = spec(per_axis(taps))
    stride: tuple[int, ...] = spec(optional(per_axis(integer(1))), None)  # None: the kernel's size
    padding: tuple[int, ...] = spec(per_axis(integer(0)), 0)
    dilation: tuple[int, ...] = spec(per_axis(integer(1)), 1)
    ceil_mode: bool = spec(boolean, False)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        x, lead = flatten_lead(xs[0], self.rank)
        return unflatten_lead(self.views(x, -np.inf).max(self.window_axes()), lead)


@register
class AvgPool(WindowPool):
    """Mean of each window; ``count_include_pad`` counts padding (never what sticks out beyond it) as zeros.

    Source: torch.nn.AvgPool2d.
    """

    kind: ClassVar[str] = "avg_pool"
    kernel_size: tuple[int, ...] = spec(per_axis(taps))
    stride: tuple[int, ...] = spec(optional(per_axis(integer(1))), None)
    padding: tuple[int, ...] = spec(per_axis(integer(0)), 0)
    ceil_mode: bool = spec(boolean, False)
    count_include_pad: bool = spec(boolean, True)

    def shape(self, *ins: Shape) -> Shape:
        self.check_3d(split_map(ins[0], self.rank, self.kind)[2])
        return super().shape(*ins)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        x, lead = flatten_lead(xs[0], self.rank)
        total = self.views(x, 0.0).sum(self.window_axes())
        return unflatten_lead(total / self.counts(x.shape[2:], total.shape[2:]), lead)


@register
class LpPool(WindowPool):
    """p-norm of each window; torch takes a window that ``ceil_mode`` cuts short for as many cells as a whole one.

    Source: torch.nn.LPPool2d.
    """

    kind: ClassVar[str] = "lp_pool"
    norm_type: float = spec(number(1))
    kernel_size: tuple[int, ...] = spec(per_axis(taps))
    stride: tuple[int, ...] = spec(optional(per_axis(integer(1))), None)
    ceil_mode: bool = spec(boolean, False)

    def shape(self, *ins: Shape) -> Shape:
        self.check_3d(split_map(ins[0], self.rank, self.kind)[2])
        return super().shape(*ins)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        x, lead = flatten_lead(xs[0], self.rank)
        with np.errstate(
            invalid="ignore"
        ):  # negative numbers have no root and some no power: nan, as in torch
            total = (self.views(x, 0.0) ** self.norm_type).sum(self.window_axes())
            total = total * (prod(self.kernel_size) / self.counts(x.shape[2:], total.shape[2:]))
            return unflatten_lead(total ** (1 / self.norm_type), lead)


@record
class AdaptivePool(Op):
    """``m`` outputs: ``o`` reads ``[floor(o*n/m), ceil((o+1)*n/m))``; None keeps an axis as it is.

    Source: torch.nn.AdaptiveAvgPool2d.
    """

    elementwise: ClassVar[bool] = False
    scalar: ClassVar[str | None] = "output_size"
    output_size: tuple[int | None, ...] = spec(per_axis(optional(integer(1))))

    @property
    def rank(self) -> int:
        return len(self.output_size)

    def shape(self, *ins: Shape) -> Shape:
        lead, channels, space = split_map(ins[0], self.rank, self.kind)
        return (
            *lead,
            channels,
            *(n if m is None else m for n, m in zip(space, self.output_size, strict=True)),
        )

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        return (map_reads(ins[0], self.rank, SAME, self.relations(ins[0])),)

    def relations(self, shape: Shape) -> list[Relation]:
        """One record for each spatial axis."""
        out = self.shape(shape)
        return [adaptive(n, m) for n, m in zip(shape[-self.rank :], out[-self.rank :], strict=True)]

    @abstractmethod
    def reduce(self, cells: Array, axis: int) -> Array:
        """Mean or maximum over one axis."""

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        x = xs[0]
        for a, relation in zip(range(-self.rank, 0), self.relations(x.shape[1:]), strict=True):
            out = self.shape(x.shape[1:])[a]
            rows = [relation.taps(o).cells for o in range(out)]
            x = np.stack([self.reduce(x.take(row, axis=a), a) for row in rows], axis=a)
        return x

    def torch(self, *ins: Shape) -> Code:
        name = {"adaptive_avg_pool": "AdaptiveAvgPool", "adaptive_max_pool": "AdaptiveMaxPool"}[self.kind]
        size = squeeze(self.output_size)
        return Code(f"nn.{name}{self.rank}d({(None,) * self.rank if size is None else size})")


@register
class AdaptiveAvgPool(AdaptivePool):
    """Mean over each of ``output_size`` parts. Source: torch.nn.AdaptiveAvgPool2d."""

    kind: ClassVar[str] = "adaptive_avg_pool"

    def reduce(self, cells: Array, axis: int) -> Array:
        return cells.mean(axis)


@register
class AdaptiveMaxPool(AdaptivePool):
    """Largest value of each of ``output_size`` parts. Source: torch.nn.AdaptiveMaxPool2d."""

    kind: ClassVar[str] = "adaptive_max_pool"

    def reduce(self, cells: Array, axis: int) -> Array:
        return cells.max(axis)


@register
class GlobalAvgPool(Op):
    """Mean over all of space, which becomes 1 along every axis.

    Source: Lin, Chen, Yan, "Network in network", 2014.
    """

    kind: ClassVar[str] = "global_avg_pool"
    elementwise: ClassVar[bool] = False

    def shape(self, *ins: Shape) -> Shape:
        rank = max(len(ins[0]) - 1, 1)
        _, channels, _ = split_map(ins[0], rank, self.kind)
        return (channels, *(1,) * rank)

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        return (map_reads(ins[0], len(ins[0]) - 1, SAME, [whole(n, 1) for n in ins[0][1:]]),)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        return xs[0].mean(tuple(range(2, xs[0].ndim)), keepdims=True)

    def torch(self, *ins: Shape) -> Code:
        return Code(f"nn.AdaptiveAvgPool{len(ins[0]) - 1}d(1)")
