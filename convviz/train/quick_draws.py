"""Dropout whose draws depend on a seed alone, and cost a tenth of torch's on a CPU."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

FINEST = 65536  # what is drawn is compared with a whole number of 65536ths


class Draws:
    """Where dropout gets its randomness: after ``reseed(seed)`` the same masks come again, in the same order.

    On a CPU the bits are numpy's SFC64 (a part of the time of torch's own generator), whatever the number of threads;
    elsewhere torch's generators are seeded.

    >>> draws = Draws()
    >>> draws.reseed(3)
    >>> first = draws.keep(8, 0.5)
    >>> draws.reseed(3)
    >>> bool((draws.keep(8, 0.5) == first).all())
    True
    """

    def __init__(self) -> None:
        self._elsewhere = torch.cuda.is_available() or torch.backends.mps.is_available()
        self.reseed(0)

    def reseed(self, seed: int) -> None:
        """Start anew from ``seed`` (0 or more): called before every step with a number made of the run and the step."""
        self._bits = np.random.Generator(np.random.SFC64(seed))
        if self._elsewhere:
            torch.manual_seed(seed % 2**63)

    def keep(self, count: int, p: float) -> np.ndarray:
        """``count`` bytes: 1 where a value stays, 0 where it is dropped, which happens with :func:`rate` of ``p``."""
        dropped = _steps(p)
        # Half the bits are enough where they can say it exactly, as for .5 and .25.
        kind, at = ("<u1", dropped // 256) if dropped % 256 == 0 else ("<u2", dropped)
        words = -(-count * np.dtype(kind).itemsize // 8)
        drawn = self._bits.integers(0, 2**64 - 1, size=words, dtype=np.uint64, endpoint=True)
        return (drawn.astype("<u8", copy=False).view(kind)[:count] >= at).view(np.uint8)


def _steps(p: float) -> int:
    return min(round(p * FINEST), FINEST - 1)


def rate(p: float) -> float:
    """The share that is dropped: ``p`` to the nearest 65536th, below 1. What stays is divided by 1 - rate, not 1 - p.

    So the mean of a dropped-out value is the value itself, without any bias.

    >>> rate(0.1), rate(0.25)
    (0.100006103515625, 0.25)
    """
    return _steps(p) / FINEST


def kept(x: Tensor, p: float, draws: Draws, channels: bool = False) -> tuple[Tensor, float]:
    """A mask of 0 and 1 in bytes, lying in memory as ``x`` does, and what the values that stay are multiplied by.

    channels: one byte for each sample and channel, shaped (N, C, 1, ...); ``x`` is (N, C, ...).
    """
    if channels:
        shape = (*x.shape[:2], *[1] * (x.dim() - 2))
        mask = torch.from_numpy(draws.keep(math.prod(shape), p)).view(shape)
    else:
        mask = torch.empty_like(x, dtype=torch.uint8)
        mask = torch.from_numpy(draws.keep(x.numel(), p)).as_strided(mask.shape, mask.stride())
    return mask, 1 / (1 - rate(p))


def dropped(x: Tensor, p: float, draws: Draws, channels: bool = False, inplace: bool = False) -> Tensor:
    """``x`` after dropout in training: of single values, or of whole channels of (N, C, ...)."""
    if p == 0 or x.numel() == 0:
        return x
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        kind = F.dropout2d if channels and x.dim() == 4 else F.dropout3d if channels else F.dropout
        return kind(x, p, True, inplace)
    if p == 1:
        return x.mul_(0) if inplace else x * 0
    out: Tensor = _Dropout.apply(x, *kept(x, p, draws, channels), inplace)
    return out


class _Dropout(torch.autograd.Function):
    """``x * mask * scale``, and the same of the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, mask: Tensor, scale: float, inplace: bool) -> Tensor:
        ctx.save_for_backward(mask)
        ctx.scale = scale
        if inplace:
            ctx.mark_dirty(x)
            return x.mul_(scale).mul_(mask)
        return (x * scale).mul_(mask)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        (mask,) = ctx.saved_tensors
        return (grad * ctx.scale).mul_(mask), None, None, None
