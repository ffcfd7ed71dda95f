"""Functions that are read as the functions that they consist of."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from convviz.read.torch_arithmetic import function
from convviz.read.torch_call import Call
from convviz.read.torch_products import matmul
from convviz.read.torch_table import reads

SLICES = 64  # windows of overlapping patches are stacked cell by cell, up to so many


def composed(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: torch functions of these names are read as the function below, which has torch's signature."""

    def enter(func: Callable[..., Any]) -> Callable[..., Any]:
        @reads(*names)
        def read(call: Call, *args: Any, **kwargs: Any) -> Any:
            return call.consists_of(func, *args, **kwargs)

        return func

    return enter


# -- with a tensor where most people write a number ----------------------------------------------------
@reads("pow", "pow_", "__pow__", "__ipow__", "float_power")
def power(call: Call, input: Any, exponent: Any) -> Any:
    """Of numbers above 0 where a tensor is the exponent."""
    if isinstance(exponent, Tensor):
        return call.consists_of(lambda: torch.exp(exponent * logarithm(input)))
    return function("pow")(call, input, exponent)


@composed("__rpow__")
def rpow(self: Tensor, other: Any) -> Tensor:
    return torch.exp(self * logarithm(other))


def logarithm(value: Any) -> Any:
    return torch.log(value) if isinstance(value, Tensor) else math.log(value)


@composed("log1p")
def log1p(input: Tensor) -> Tensor:
    return (input + 1).log()


@composed("expm1")
def expm1(input: Tensor) -> Tensor:
    return input.exp() - 1


@composed("log2")
def log2(input: Tensor) -> Tensor:
    return input.log() / math.log(2)


@composed("log10")
def log10(input: Tensor) -> Tensor:
    return input.log() / math.log(10)


@reads("clamp", "clamp_", "clip", "clip_")
def clamp(call: Call, input: Tensor, min: Any = None, max: Any = None) -> Any:
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        return call.consists_of(clamped, input, min, max)
    return function("clamp")(call, input, min, max)


def clamped(input: Tensor, min: Any, max: Any) -> Tensor:
    for bound, nearer, name in ((min, torch.maximum, "min"), (max, torch.minimum, "max")):
        if bound is not None:
            input = nearer(input, bound) if isinstance(bound, Tensor) else input.clamp(**{name: bound})
    return input


@composed("clamp_min")
def clamp_min(input: Tensor, min: Any) -> Tensor:
    return input.clamp(min=min)


@composed("clamp_max")
def clamp_max(input: Tensor, max: Any) -> Tensor:
    return input.clamp(max=max)


# -- sums and products ---------------------------------------------------------------------------------
@composed("addcmul")
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    return input + tensor1 * tensor2 * value


@composed("addcdiv")
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    return input + tensor1 / tensor2 * value


@composed("norm", "vector_norm")
def norm(
    input: Tensor, p: Any = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None, *, ord: Any = None
) -> Tensor:
    p = p if ord is None else ord
    if p == math.inf:
        return input.abs().amax(() if dim is None else dim, keepdim)
    if p == 1:
        return input.abs().sum(dim, keepdim)
    if p not in (2, "fro", None):
        return (input.abs() ** p).sum(dim, keepdim) ** (1 / p)
    return input.square().sum(dim, keepdim).sqrt()


@composed("logsumexp")
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    return input.exp().sum(dim, keepdim).log()


@composed("var_mean")
def var_mean(input: Tensor, dim: Any = None, *args: Any, keepdim: bool = False, **kwargs: Any) -> Any:
    return torch.var(input, dim, *args, keepdim=keepdim, **kwargs), input.mean(dim, keepdim)


@composed("std_mean")
def std_mean(input: Tensor, dim: Any = None, *args: Any, keepdim: bool = False, **kwargs: Any) -> Any:
    return torch.std(input, dim, *args, keepdim=keepdim, **kwargs), input.mean(dim, keepdim)


@composed("cosine_similarity")
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    return (F.normalize(x1, dim=dim, eps=eps) * F.normalize(x2, dim=dim, eps=eps)).sum(dim)


@composed("pairwise_distance")
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    return (x1 - x2 + eps).norm(p, -1, keepdim)


@reads("matmul", "mv", "__matmul__")
def times(call: Call, input: Tensor, other: Tensor) -> Any:
    """A product with a vector, as in attention over time, is a linear layer of one feature."""
    if other.dim() == 1 and input.dim() > 1:
        return call.consists_of(lambda: F.linear(input, other[None]).squeeze(-1))
    return matmul(call, input, other)


# -- axes ----------------------------------------------------------------------------------------------
@composed("hstack")
def hstack(tensors: Any) -> Tensor:
    return torch.cat(tensors, 1 if tensors[0].dim() > 1 else 0)


@composed("fliplr")
def fliplr(input: Tensor) -> Tensor:
    return input.flip(1)


@composed("flipud")
def flipud(input: Tensor) -> Tensor:
    return input.flip(0)


@composed("broadcast_tensors")
def broadcast_tensors(*tensors: Tensor) -> Any:
    shape = torch.broadcast_shapes(*(t.shape for t in tensors))
    return tuple(t.expand(shape) for t in tensors)


@reads("repeat_interleave")
def repeat_interleave(call: Call, input: Tensor, repeats: Any, dim: int | None = None, **more: Any) -> Any:
    if not isinstance(repeats, int) or dim is None:
        raise call.refuse("without one number of repeats and a dim cannot be read")
    at = dim % input.dim()

    def run() -> Tensor:
        sizes = list(input.shape)
        sizes.insert(at + 1, repeats)
        return input.unsqueeze(at + 1).expand(sizes).flatten(at, at + 1)

    return call.consists_of(run)


def windows(call: Call, input: Tensor, dimension: int, size: int, step: int) -> Any:
    """``Tensor.unfold``: windows that touch are a reshape, others a stack of slices."""
    at = dimension % input.dim()
    count = (input.shape[at] - size) // step + 1

    def run() -> Tensor:
        if size == step:
            return input.narrow(at, 0, count * size).unflatten(at, (count, size)).movedim(at + 1, -1)
        lead = (slice(None),) * at
        ends = (count - 1) * step + 1
        return torch.stack([input[(*lead, slice(i, i + ends, step))] for i in range(size)], -1)

    if size > SLICES and size != step:
        raise call.refuse(f"into overlapping windows of more than {SLICES} cells cannot be read")
    return call.consists_of(run)
