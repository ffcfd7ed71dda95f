"""Normalization: ``(x - mean) / sqrt(var + eps) * weight + bias``, and which cells share their statistics.

What tells the methods apart is one record for each axis of (N, C, space): ``Blocks`` where cells share a mean
and a variance, ``SAME`` where each has its own (:meth:`Norm.shares`). Statistics and arithmetic follow.
Whatever is normalised, an output cell *reads* its own input cell; the statistics are named apart.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from convviz.errors import FieldError, ShapeError
from convviz.ops.base import (
    Along,
    Array,
    AxisRead,
    Code,
    Op,
    Shape,
    Weights,
    arguments,
    axis,
    boolean,
    integer,
    number,
    optional,
    record,
    register,
    show,
    spec,
)
from convviz.ops.relations import SAME, Blocks, Relation, Rows, Table, Window


class Norm(Op):
    """Base of the norms: a subclass says who shares, and the shape of its affine."""

    centred: ClassVar[bool] = True  # False: the mean square takes the place of mean and variance

    @abstractmethod
    def shares(self, *ins: Shape, mode: str = "eval", batch: int = 1) -> tuple[Relation, ...]:
        """For the batch, then each axis of the input: which cells share statistics; SAME where none do."""

    def statistics(self, *ins: Shape, mode: str = "eval") -> tuple[int, ...]:
        return tuple(i - 1 for i, relation in enumerate(self.shares(*ins, mode=mode)) if relation != SAME)

    def affine_shape(self, shape: Shape) -> Shape | None:
        """Shape of weight and bias as they broadcast against the input's last axes; None: there is none."""
        return None

    def epsilon(self, x: Array) -> float:
        return float(getattr(self, "eps", 0.0))

    def moments(self, x: Array, mode: str = "eval") -> tuple[Array, Array]:
        """Mean and biased variance of every cell of ``x`` (N, *axes), as arrays that broadcast against it.

        Without centring the mean is 0 and the variance is the mean square.
        """
        return block_moments(x, self.shares(x.shape[1:], mode=mode, batch=x.shape[0]), self.centred)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        """``weights`` holds the affine and the running statistics, by torch's names."""
        x, weights = xs[0], weights or {}
        mean, var = (
            self.moments(x, mode) if self.statistics(x.shape[1:], mode=mode) else running(weights, x.ndim)
        )
        y = (x - mean) / np.sqrt(var + self.epsilon(x))
        shape = self.affine_shape(x.shape[1:])
        if shape is not None:
            y = y * weights["weight"].reshape(shape)
            y = y + weights["bias"].reshape(shape) if "bias" in weights else y
        return y


def block_moments(x: Array, relations: tuple[Relation, ...], centred: bool = True) -> tuple[Array, Array]:
    """Mean and biased variance over blocks, broadcast to the cells of ``x``."""
    # Each axis is cut into (blocks, cells of a block) and reduced over the cells.
    sizes = [relation.size if isinstance(relation, Blocks) else 1 for relation in relations]
    cut = [part for n, size in zip(x.shape, sizes, strict=True) for part in (n // size, size)]
    within = tuple(range(1, len(cut), 2))
    blocks = x.reshape(cut)
    mean = blocks.mean(within, keepdims=True) if centred else np.zeros_like(blocks)
    var = ((blocks - mean) ** 2).mean(within, keepdims=True)
    return np.broadcast_to(mean, cut).reshape(x.shape), np.broadcast_to(var, cut).reshape(x.shape)


def running(weights: Weights, ndim: int) -> tuple[Array, Array]:
    """Running mean and variance, laid along the channel axis of a batch with ``ndim`` axes."""
    along = (-1, *(1,) * (ndim - 2))
    return weights["running_mean"].reshape(along), weights["running_var"].reshape(along)


class ChannelNorm(Norm):
    """A norm of a map (C, *space) whose affine has one weight and one bias for each channel."""

    affine: bool

    def shape(self, *ins: Shape) -> Shape:
        if not ins[0]:
            raise ShapeError(f"{self.kind} needs a channel axis, got a scalar")
        return ins[0]

    def weights(self, *ins: Shape) -> dict[str, Shape]:
        return {"weight": ins[0][:1], "bias": ins[0][:1]} if self.affine else {}

    def affine_shape(self, shape: Shape) -> Shape | None:
        return (-1, *(1,) * (len(shape) - 1)) if self.affine else None


class RunningNorm(ChannelNorm):
    """A channel norm that may keep running statistics and use them in eval mode."""

    track_running_stats: bool

    def live(self, mode: str) -> bool:
        """Whether the statistics come from the data at hand."""
        return mode == "train" or not self.track_running_stats

    def buffers(self, *ins: Shape) -> dict[str, Shape]:
        return {"running_mean": ins[0][:1], "running_var": ins[0][:1]} if self.track_running_stats else {}

    def settings(self) -> dict[str, Any]:
        """What differs from torch's defaults, as arguments of the module."""
        given = {"eps": self.eps, "momentum": self.momentum, "affine": self.affine}  # type: ignore[attr-defined]
        given["track_running_stats"] = self.track_running_stats
        defaults = {"eps": 1e-5, "momentum": 0.1, "affine": self.kind != "instance_norm"}
        defaults["track_running_stats"] = self.kind != "instance_norm"
        return {name: value for name, value in given.items() if value != defaults[name]}


@register
class BatchNorm(RunningNorm):
    """Statistics of a channel over the batch and space in training, running ones in evaluation.

    Source: Ioffe and Szegedy, "Batch normalization", 2015; torch.nn.BatchNorm2d.
    """

    kind: ClassVar[str] = "batch_norm"
    eps: float = spec(number(0), 1e-5)
    momentum: float | None = spec(optional(number(0, 1)), 0.1)
    affine: bool = spec(boolean, True)
    track_running_stats: bool = spec(boolean, True)

    def shares(self, *ins: Shape, mode: str = "eval", batch: int = 1) -> tuple[Relation, ...]:
        if not self.live(mode):
            return (SAME,) * (len(ins[0]) + 1)
        return (Blocks(batch), SAME, *(Blocks(n) for n in ins[0][1:]))

    def torch(self, *ins: Shape) -> Code:
        return Code(f"nn.BatchNorm{norm_rank(ins[0], self.kind)}d({arguments(ins[0][0], **self.settings())})")


@register
class GhostBatchNorm(RunningNorm):
    """Batch norm over parts of the batch: split ``i`` of ``N`` samples starts at ``floor(i*N / num_splits)``.

    Splits are contiguous, so a batch that does not divide works.

    Source: Hoffer, Hubara, Soudry, "Train longer, generalize better", 2017.
    """

    kind: ClassVar[str] = "ghost_batch_norm"
    scalar: ClassVar[str | None] = "num_splits"
    num_splits: int = spec(integer(1))
    eps: float = spec(number(0), 1e-5)
    momentum: float | None = spec(optional(number(0, 1)), 0.1)
    affine: bool = spec(boolean, True)
    track_running_stats: bool = spec(boolean, True)

    def shares(self, *ins: Shape, mode: str = "eval", batch: int = 1) -> tuple[Relation, ...]:
        if not self.live(mode):
            return (SAME,) * (len(ins[0]) + 1)
        return (self.split(batch), SAME, *(Blocks(n) for n in ins[0][1:]))

    def split(self, batch: int) -> Relation:
        """Which samples share their statistics; where the batch does not divide, a row for each sample."""
        splits = self.num_splits
        if batch % splits == 0:
            return Blocks(batch // splits)

        def row(sample: int) -> range:
            at = ((sample + 1) * splits - 1) // batch
            return range(at * batch // splits, (at + 1) * batch // splits)

        return Table(Rows(batch, row), batch)

    def moments(self, x: Array, mode: str = "eval") -> tuple[Array, Array]:
        n = x.shape[0]
        if n % self.num_splits == 0:
            return super().moments(x, mode)
        cuts = [i * n // self.num_splits for i in range(1, self.num_splits)]
        own = self.shares(x.shape[1:], mode=mode)[1:]
        parts = [block_moments(part, (Blocks(len(part)), *own)) for part in np.split(x, cuts) if len(part)]
        return np.concatenate([m for m, _ in parts]), np.concatenate([v for _, v in parts])

    def torch(self, *ins: Shape) -> Code:
        module = f"nn.BatchNorm{norm_rank(ins[0], self.kind)}d({arguments(ins[0][0], **self.settings())})"
        cuts = f"[len({{0}}) * i // {self.num_splits} for i in range(1, {self.num_splits})]"
        return Code(
            module, f"torch.cat([{{self}}(part) for part in {{0}}.tensor_split({cuts}) if len(part)])"
        )


@register
class InstanceNorm(RunningNorm):
    """Statistics of each channel of each sample over space.

    Source: Ulyanov et al. 2016; torch.nn.InstanceNorm2d.
    """

    kind: ClassVar[str] = "instance_norm"
    eps: float = spec(number(0), 1e-5)
    momentum: float | None = spec(optional(number(0, 1)), 0.1)
    affine: bool = spec(boolean, False)
    track_running_stats: bool = spec(boolean, False)

    def shape(self, *ins: Shape) -> Shape:
        if len(ins[0]) < 2:
            raise ShapeError(f"instance_norm needs spatial axes, got {show(ins[0])}")
        return ins[0]

    def shares(self, *ins: Shape, mode: str = "eval", batch: int = 1) -> tuple[Relation, ...]:
        if not self.live(mode):
            return (SAME,) * (len(ins[0]) + 1)
        return (SAME, SAME, *(Blocks(n) for n in ins[0][1:]))

    def torch(self, *ins: Shape) -> Code:
        return Code(
            f"nn.InstanceNorm{norm_rank(ins[0], self.kind)}d({arguments(ins[0][0], **self.settings())})"
        )


@register
class GroupNorm(ChannelNorm):
    """Statistics of each sample over blocks of channels and space.

    Source: Wu and He 2018; torch.nn.GroupNorm.
    """

    kind: ClassVar[str] = "group_norm"
    scalar: ClassVar[str | None] = "num_groups"
    num_groups: int = spec(integer(1))
    eps: float = spec(number(0), 1e-5)
    affine: bool = spec(boolean, True)

    def shape(self, *ins: Shape) -> Shape:
        super().shape(*ins)
        if ins[0][0] % self.num_groups:
            raise FieldError("num_groups", f"must divide the {ins[0][0]} channels, got {self.num_groups}")
        return ins[0]

    def shares(self, *ins: Shape, mode: str = "eval", batch: int = 1) -> tuple[Relation, ...]:
        return (SAME, Blocks(ins[0][0] // self.num_groups), *(Blocks(n) for n in ins[0][1:]))

    def torch(self, *ins: Shape) -> Code:
        extra = {k: v for k, v, d in (("eps", self.eps, 1e-5), ("affine", self.affine, True)) if v != d}
        return Code(f"nn.GroupNorm({arguments(self.num_groups, ins[0][0], **extra)})")


class TrailingNorm(Norm):
    """A norm over the last ``normalized_dims`` axes (None: all), with an affine of their shape."""

    eps: float | None
    elementwise_affine: bool
    normalized_dims: int | None

    def shape(self, *ins: Shape) -> Shape:
        if not ins[0] or (self.normalized_dims or 0) > len(ins[0]):
            raise ShapeError(f"{self.kind} over {self.normalized_dims or 1} axes does not fit {show(ins[0])}")
        return ins[0]

    def normalized_shape(self, shape: Shape) -> Shape:
        return shape if self.normalized_dims is None else shape[len(shape) - self.normalized_dims :]

    def weights(self, *ins: Shape) -> dict[str, Shape]:
        if not self.elementwise_affine:
            return {}
        inner = self.normalized_shape(ins[0])
        return {"weight": inner, "bias": inner} if getattr(self, "bias", False) else {"weight": inner}

    def affine_shape(self, shape: Shape) -> Shape | None:
        return self.normalized_shape(shape) if self.elementwise_affine else None

    def shares(self, *ins: Shape, mode: str = "eval", batch: int = 1) -> tuple[Relation, ...]:
        inner = self.normalized_shape(ins[0])
        return (*(SAME,) * (1 + len(ins[0]) - len(inner)), *(Blocks(n) for n in inner))

    def torch(self, *ins: Shape) -> Code:
        name = {"layer_norm": "LayerNorm", "rms_norm": "RMSNorm"}[self.kind]
        defaults = {
            "eps": 1e-5 if self.kind == "layer_norm" else None,
            "elementwise_affine": True,
            "bias": True,
        }
        extra = {k: v for k, d in defaults.items() if (v := getattr(self, k, d)) != d}
        return Code(f"nn.{name}({arguments(list(self.normalized_shape(ins[0])), **extra)})")


@register
class LayerNorm(TrailingNorm):
    """Statistics of each sample over C and all of space.

    Source: Ba, Kiros, Hinton 2016; torch.nn.LayerNorm([C, *space]).
    """

    kind: ClassVar[str] = "layer_norm"
    eps: float = spec(number(0), 1e-5)
    elementwise_affine: bool = spec(boolean, True)
    bias: bool = spec(boolean, True)
    normalized_dims: int | None = spec(optional(integer(1)), None)


@register
class RmsNorm(TrailingNorm):
    """``x / sqrt(mean(x**2) + eps) * weight``; eps None is the machine's.

    Source: Zhang and Sennrich 2019; torch.nn.RMSNorm.
    """

    kind: ClassVar[str] = "rms_norm"
    centred: ClassVar[bool] = False
    eps: float | None = spec(optional(number(0)), None)
    elementwise_affine: bool = spec(boolean, True)
    normalized_dims: int | None = spec(optional(integer(1)), None)

    def epsilon(self, x: Array) -> float:
        return float(np.finfo(x.dtype).eps) if self.eps is None else self.eps


@register
class LocalResponseNorm(Op):
    """``x / (k + alpha * mean of x**2 over size channels)**beta``.

    Source: Krizhevsky et al. 2012; torch.nn.LocalResponseNorm.
    """

    kind: ClassVar[str] = "local_response_norm"
    scalar: ClassVar[str | None] = "size"
    size: int = spec(integer(1))
    alpha: float = spec(number(), 1e-4)
    beta: float = spec(number(), 0.75)
    k: float = spec(number(), 1.0)

    def shape(self, *ins: Shape) -> Shape:
        if len(ins[0]) < 2:
            raise ShapeError(f"local_response_norm needs a map with spatial axes, got {show(ins[0])}")
        return ins[0]

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        channels = Window(self.size, padding=self.size // 2)
        return (Along((AxisRead(channels, 0), *(AxisRead(SAME, i) for i in range(1, len(ins[0]))))),)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        x = xs[0]
        before = self.size // 2
        square = np.pad(x**2, [(0, 0), (before, self.size - 1 - before), *[(0, 0)] * (x.ndim - 2)])
        mean = np.lib.stride_tricks.sliding_window_view(square, self.size, axis=1).mean(-1)
        return x / (self.k + self.alpha * mean) ** self.beta

    def torch(self, *ins: Shape) -> Code:
        defaults = {"alpha": 1e-4, "beta": 0.75, "k": 1.0}
        extra = {name: getattr(self, name) for name, d in defaults.items() if getattr(self, name) != d}
        return Code(f"nn.LocalResponseNorm({arguments(self.size, **extra)})")


@record
class DimNorm(Op):
    """An op whose outputs share a sum along the axis ``dim`` (1: the channels)."""

    dim: int = spec(integer(), 1)

    def shape(self, *ins: Shape) -> Shape:
        axis(self.dim, ins[0])
        return ins[0]

    def statistics(self, *ins: Shape, mode: str = "eval") -> tuple[int, ...]:
        return (axis(self.dim, ins[0]),)


@register
class Softmax(DimNorm):
    """``exp(x) / sum exp(x)`` along ``dim``. Source: torch.nn.Softmax."""

    kind: ClassVar[str] = "softmax"
    scalar: ClassVar[str | None] = "dim"

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        return softmax(xs[0], self.dim)

    def torch(self, *ins: Shape) -> Code:
        return Code(f"nn.Softmax(dim={self.dim})")


@register
class LogSoftmax(DimNorm):
    """``x - log(sum exp(x))`` along ``dim``. Source: torch.nn.LogSoftmax."""

    kind: ClassVar[str] = "log_softmax"
    scalar: ClassVar[str | None] = "dim"

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        x = xs[0] - xs[0].max(self.dim, keepdims=True)
        return x - np.log(np.exp(x).sum(self.dim, keepdims=True))

    def torch(self, *ins: Shape) -> Code:
        return Code(f"nn.LogSoftmax(dim={self.dim})")


@register
class Softmin(DimNorm):
    """``exp(-x) / sum exp(-x)`` along ``dim``. Source: torch.nn.Softmin."""

    kind: ClassVar[str] = "softmin"
    scalar: ClassVar[str | None] = "dim"

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        return softmax(-xs[0], self.dim)

    def torch(self, *ins: Shape) -> Code:
        return Code(f"nn.Softmin(dim={self.dim})")


@register
class Normalize(DimNorm):
    """``x / max(p-norm of x along dim, eps)``. Source: torch.nn.functional.normalize."""

    kind: ClassVar[str] = "normalize"
    p: float = spec(number(1), 2.0)
    eps: float = spec(number(0), 1e-12)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        norm = (np.abs(xs[0]) ** self.p).sum(self.dim, keepdims=True) ** (1 / self.p)
        return xs[0] / np.maximum(norm, self.eps)

    def torch(self, *ins: Shape) -> Code:
        return Code("", f"F.normalize({{0}}, p={self.p!r}, dim={self.dim}, eps={self.eps!r})")


def softmax(x: Array, dim: int) -> Array:
    e = np.exp(x - x.max(dim, keepdims=True))
    return e / e.sum(dim, keepdims=True)


def norm_rank(shape: Shape, kind: str) -> int:
    """The number in torch's module name; a plain vector is normalised by the 1-D module."""
    rank = max(len(shape) - 1, 1)
    if rank > 3:
        raise ShapeError(f"{kind} takes at most 3 spatial axes, got {show(shape)}")
    return rank
