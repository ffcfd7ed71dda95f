"""Readers of functions of one number, of sums and products of tensors, and of reductions."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch
from torch import Tensor

from convviz.ops.activation import Function
from convviz.ops.base import OPS, Op
from convviz.read.torch_batch import align, blocked, folded, numbered, one, shift, single, without
from convviz.read.torch_call import Call, Weight, marked, operation
from convviz.read.torch_table import Reader, reads


# -- one number at a time ----------------------------------------------------------------------------
def function(kind: str) -> Reader:
    """An activation or another function of one number: its fields are torch's arguments, in order."""
    names = tuple(f.name for f in dataclasses.fields(OPS[kind]))

    def read(call: Call, input: Tensor, *args: Any, **kwargs: Any) -> Any:
        fields = dict(zip(names, args)) | {k: v for k, v in kwargs.items() if k in names}
        if marked(tuple(fields.values())) or any(isinstance(v, Tensor) for v in fields.values()):
            raise call.refuse("with a tensor as its second argument cannot be read")
        return single(call, kind, input, **fields)

    return read


ALIASES = {
    "abs": ["absolute"],
    "neg": ["negative", "__neg__"],
    "clamp": ["clip"],
    "pow": ["__pow__", "__ipow__"],
    "sigmoid": ["expit"],
}
for _kind, _cls in list(OPS.items()):
    if issubclass(_cls, Function) and _kind != "identity":
        reads(*(n + end for n in (_kind, *ALIASES.get(_kind, ())) for end in ("", "_")))(function(_kind))


@reads("rrelu", "rrelu_")
def rrelu(
    call: Call,
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Any:
    return single(call, "leaky_relu", input, negative_slope=(lower + upper) / 2)


@reads("prelu")
def prelu(call: Call, input: Tensor, weight: Tensor) -> Any:
    batch = folded(call, input) if weight.numel() > 1 else call.batch(input)
    op = operation("prelu", num_parameters=weight.numel())
    return one(call, op, input, batch, Weight("weight", weight))


@reads("glu")
def glu(call: Call, input: Tensor, dim: int = -1) -> Any:
    batch = without(call.batch(input), (dim,), input.dim())
    return single(call, "glu", input, (dim,), dim=numbered(dim, batch, input.dim()))


def dropout(kind: str) -> Reader:
    def read(call: Call, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
        return single(call, kind, input, p=p)

    return read


for _name in ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout"):
    reads(_name, f"{_name}_")(dropout(_name))
reads("feature_dropout", "feature_dropout_", "feature_alpha_dropout")(dropout("dropout2d"))


# -- several tensors, cell by cell -------------------------------------------------------------------
def join(kind: str) -> Reader:
    def read(
        call: Call, input: Any, other: Any, *, alpha: float = 1, rounding_mode: str | None = None
    ) -> Any:
        if rounding_mode is not None:
            raise call.refuse("with rounding_mode cannot be read")
        if not isinstance(other, Tensor):
            return single(call, kind, input, other=float(other) * alpha)
        if not isinstance(input, Tensor):
            return single(
                call, kind, other, other=float(input)
            )  # only for + and *: the order does not matter
        keys, batch = align(call, (input, other))
        if alpha != 1:
            keys[1] = call.inner(operation("mul", other=float(alpha)), [keys[1]])
        return call.node(operation(kind), [input, other], keys, batch)

    return read


JOINS = {
    "add": ("add", "add_", "__add__", "__radd__", "__iadd__"),
    "sub": ("sub", "sub_", "subtract", "__sub__", "__isub__"),
    "mul": ("mul", "mul_", "multiply", "__mul__", "__rmul__", "__imul__"),
    "div": ("div", "div_", "divide", "true_divide", "__truediv__", "__itruediv__", "__idiv__"),
    "maximum": ("maximum",),
    "minimum": ("minimum",),
}
for _kind, _names in JOINS.items():
    reads(*_names)(join(_kind))


@reads("rsub", "__rsub__")
def rsub(call: Call, input: Tensor, other: Any, *, alpha: float = 1) -> Any:
    """``other - input``"""
    return reversed_join(call, input, other, "sub", "neg", "add")


@reads("__rdiv__", "__rtruediv__")
def rdiv(call: Call, input: Tensor, other: Any) -> Any:
    """``other / input``"""
    return reversed_join(call, input, other, "div", "reciprocal", "mul")


def reversed_join(call: Call, input: Tensor, other: Any, kind: str, inverse: str, then: str) -> Any:
    if isinstance(other, Tensor):
        keys, batch = align(call, (other, input))
        return call.node(operation(kind), [other, input], keys, batch)
    batch = call.batch(input)
    turned = call.inner(operation(inverse), [call.key(input, batch)])
    return call.node(operation(then, other=float(other)), [input], [turned], batch)


@reads("masked_fill", "masked_fill_")
def masked_fill(call: Call, input: Tensor, mask: Tensor, value: Any) -> Any:
    """With a constant mask: a product with zeros and ones, and a sum with the value."""
    if marked((mask, value)) or not marked((input,)):
        raise call.refuse("with a mask that depends on the data cannot be read")
    value = float(value)
    keep = call.constant(lambda mask: (~mask.bool()).to(input.dtype), mask)
    fill = call.constant(lambda keep: torch.zeros_like(keep).masked_fill(keep == 0, value), keep)
    return masked(call, input, keep if math.isfinite(value) else None, fill if value else None)


def masked(call: Call, x: Tensor, keep: Tensor | None, fill: Tensor | None) -> Any:
    """``x * keep + fill``, either of which may be missing."""
    tensors = [x, *(t for t in (keep, fill) if t is not None)]
    keys, batch = align(call, tensors)
    if keep is not None and fill is not None:
        return call.node(operation("add"), tensors, [call.inner(operation("mul"), keys[:2]), keys[2]], batch)
    return call.node(operation("add" if keep is None else "mul"), tensors, keys, batch)


@reads("where")
def where(call: Call, condition: Tensor, input: Any = None, other: Any = None) -> Any:
    if marked((condition,)) or input is None or other is None:
        raise call.refuse("with a condition that depends on the data cannot be read")
    data = next(t for t in (input, other) if isinstance(t, Tensor) and marked((t,)))

    def only(condition: Tensor, value: Any, wanted: bool) -> Tensor:
        zero = torch.zeros((), dtype=data.dtype, device=data.device)
        return torch.where(condition == wanted, value, zero)

    first = call.constant(lambda condition: condition.to(data.dtype), condition)
    second = call.constant(lambda first: 1 - first, first)
    if not marked((input,)):
        return masked(call, data, second, call.constant(only, condition, input, True))
    if not marked((other,)):
        return masked(call, data, first, call.constant(only, condition, other, False))
    keys, batch = align(call, [input, other, first, second])
    parts = [
        call.inner(operation("mul"), [keys[0], keys[2]]),
        call.inner(operation("mul"), [keys[1], keys[3]]),
    ]
    return call.node(operation("add"), [input, other], parts, batch)


@reads("lerp")
def lerp(call: Call, input: Tensor, end: Tensor, weight: Any) -> Any:
    """``input + weight * (end - input)``"""
    tensors = [input, end, *([weight] if isinstance(weight, Tensor) else [])]
    keys, batch = align(call, tensors)
    apart = call.inner(operation("sub"), [keys[1], keys[0]])
    if len(keys) == 3:
        scaled = call.inner(operation("mul"), [apart, keys[2]])
    else:
        scaled = call.inner(operation("mul", other=float(weight)), [apart])
    return call.node(operation("add"), tensors, [keys[0], scaled], batch)


# -- sums over axes ----------------------------------------------------------------------------------
def reduced(
    call: Call, kind: str, x: Tensor, dim: Any, keepdim: bool
) -> tuple[Op | None, int | str, int | None]:
    """The op (None: only the batch axis goes), the node that it reads, and the result's batch axis."""
    dims = range(x.dim()) if dim is None or dim in ((), []) else [dim] if isinstance(dim, int) else dim
    at = sorted({d % x.dim() for d in dims})
    batch = call.batch(x)
    ours = tuple(numbered(d, batch, x.dim()) for d in at if d != batch)
    after = batch if keepdim else shift(batch, at)
    return (operation(kind, dims=ours, keepdim=keepdim) if ours else None), call.key(x, batch), after


def reduce(kind: str) -> Reader:
    def read(
        call: Call,
        input: Tensor,
        dim: Any = None,
        keepdim: bool = False,
        *,
        dtype: Any = None,
        axis: Any = None,
    ) -> Any:
        op, key, after = reduced(call, kind, input, dim if axis is None else axis, keepdim)
        return call.same(input, after) if op is None else call.node(op, [input], [key], after)

    return read


for _kind in ("mean", "sum", "amax", "amin"):
    reads(_kind)(reduce(_kind))


def extreme(kind: str, pairwise: str) -> Reader:
    def read(call: Call, input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
        if isinstance(dim, Tensor):
            return join(pairwise)(call, input, dim)
        op, key, after = reduced(call, kind, input, dim, keepdim)
        result = call.run()
        if op is None:
            raise call.refuse("over the batch axis cannot be read")
        if dim is None:
            return call.node(op, [input], [key], after)
        value = call.part(op, [input], [key], after, 0)
        return type(result)(
            (value, blocked(call, result[1], "gives places that depend on the data, which cannot be read"))
        )

    return read


reads("max")(extreme("amax", "maximum"))
reads("min")(extreme("amin", "minimum"))


def spread(root: bool) -> Reader:
    """Variance or standard deviation: the mean of squared differences from the mean."""

    def read(
        call: Call,
        input: Tensor,
        dim: Any = None,
        unbiased: bool = True,
        keepdim: bool = False,
        *,
        correction: int | None = None,
    ) -> Any:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        op, key, after = reduced(call, "mean", input, dim, keepdim)
        if op is None:
            raise call.refuse("over the batch axis cannot be read")
        mean = call.inner(operation("mean", dims=op.fields()["dims"], keepdim=True), [key])
        square = call.inner(operation("square"), [call.inner(operation("sub"), [key, mean])])
        count = math.prod(call.rec.shapes[key][d - 1] for d in op.fields()["dims"])
        less = int(unbiased) if correction is None else correction
        last: list[Op] = [
            op,
            *([operation("mul", other=count / (count - less))] if less else []),
            *([operation("sqrt")] if root else []),
        ]
        for step in last[:-1]:
            square = call.inner(step, [square])
        return call.node(last[-1], [input], [square], after)

    return read


reads("var")(spread(root=False))
reads("std")(spread(root=True))
