"""Where the batch axis of a tensor is, and what readers share.

Graph shapes leave it out and count from 1 behind it; torch counts it, wherever it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import torch
from torch import Tensor

from convviz.ops.base import Op
from convviz.read.torch_call import MARK, Call, Mark, Weight, operation

Ints = Sequence[int]


def numbered(dim: int, batch: int | None, ndim: int) -> int:
    """Our number (the batch is 0, even if there is none) of axis ``dim`` of a tensor with this batch axis."""
    dim %= max(ndim, 1)
    return dim - (batch is not None and dim > batch) + 1


def without(batch: int | None, dims: Ints, ndim: int) -> int | None:
    """``batch``, unless the function works along it."""
    return None if batch is not None and batch in [d % ndim for d in dims] else batch


def ints(values: Any) -> tuple[int, ...]:
    """``f(2, 3)`` and ``f((2, 3))`` alike."""
    flat = values[0] if len(values) == 1 and isinstance(values[0], list | tuple | torch.Size) else values
    return tuple(int(v) for v in flat)


def per(value: Any) -> Any:
    """A size as torch takes it: a number, or a list with one for each axis, or a list of one for all."""
    if isinstance(value, list | tuple):
        values = tuple(None if v is None else int(v) for v in value)
        return values[0] if len(values) == 1 else values
    return value


def over(x: Tensor, rank: int) -> int | None:
    """The batch axis for an op on maps with ``rank`` spatial axes."""
    return 0 if x.dim() == rank + 2 and x.shape[0] == 1 else None


def align(call: Call, tensors: Sequence[Tensor], keep: int = 0) -> tuple[list[int | str], int | None]:
    """Nodes of tensors that broadcast (all but the last ``keep`` axes), and the result's batch axis."""
    ndim = max(t.dim() for t in tensors)
    for t in tensors:
        batch = call.batch(t)
        if batch is None or batch >= t.dim() - keep:
            continue
        at = batch - t.dim()  # from the right
        if all(o.dim() < -at or o.shape[at] == 1 for o in tensors):
            return [call.key(o, o.dim() + at if o.dim() >= -at else None) for o in tensors], ndim + at
    return [call.key(o, None) for o in tensors], None


def shift(batch: int | None, gone: Sequence[int]) -> int | None:
    """Where the batch axis is once the axes ``gone`` are."""
    return None if batch is None or batch in gone else batch - sum(g < batch for g in gone)


def one(call: Call, op: Op, x: Tensor, batch: int | None, *weights: Weight) -> Any:
    """``op`` of one tensor, with the batch where it was."""
    return call.node(op, [x], [call.key(x, batch)], batch, weights)


def single(call: Call, kind: str, x: Tensor, axes: Ints = (), /, **fields: Any) -> Any:
    """An op on one tensor, along no axis but ``axes``, that keeps its axes."""
    batch = without(call.batch(x), axes, x.dim())
    return one(call, operation(kind, **fields), x, batch)


def folded(call: Call, x: Tensor) -> int | None:
    """The batch axis for an op that needs a map or a vector with nothing in front of its channels."""
    if x.dim() >= 2 and x.shape[0] == 1:
        return 0
    if x.dim() >= 2:
        raise call.refuse(f"on {tuple(x.shape)}, {x.shape[0]} samples that were made of one, cannot be read")
    return None


def blocked(call: Call, t: Tensor, why: str) -> Tensor:
    """A result that is an error when it is used."""

    def fail() -> NoReturn:
        raise error

    error = call.refuse(why)
    t.__dict__[MARK] = Mark(-1, None, 0, fail)
    return t
