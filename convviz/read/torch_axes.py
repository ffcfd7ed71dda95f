"""Readers of functions that reshape, permute, cut and join, and of those that change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from convviz.ops.base import Op, Shape
from convviz.read.torch_batch import ints, numbered, shift, single, without
from convviz.read.torch_call import Call, operation
from convviz.read.torch_table import PROPERTIES, reads


# -- axes cut anew -----------------------------------------------------------------------------------
@reads(
    "reshape",
    "view",
    "view_as",
    "reshape_as",
    "flatten",
    "unflatten",
    "ravel",
    "squeeze",
    "unsqueeze",
    "squeeze_",
    "unsqueeze_",
    "_unsafe_view",
)
def reshape(call: Call, input: Tensor, *args: Any, **kwargs: Any) -> Any:
    if args and isinstance(args[0], torch.dtype):
        raise call.refuse("as another type cannot be read")
    out = call.func(input.detach(), *args, **kwargs) if call.in_place else call.run()
    return cut(call, input, tuple(out.shape))


def cut(call: Call, input: Tensor, shape: Shape) -> Any:
    """A result of ``shape`` with the cells in order; the batch stays where nothing in front of it changes."""
    batch = call.batch(input)
    if batch is not None and shape[: batch + 1] == tuple(input.shape[: batch + 1]):
        after: int | None = batch
    elif shape[:1] == (1,) and (batch is not None or input.shape[:1] != (1,)):
        after = 0
    else:
        after = None
    want = shape if after is None else (*shape[:after], *shape[after + 1 :])
    key = call.key(input, batch)
    have = call.rec.shapes[key]
    if have == want:
        return call.same(input, after)
    op = operation("flatten") if len(want) == 1 and len(have) > 1 else operation("reshape", size=want)
    return call.node(op, [input], [key], after)


@reads("expand", "broadcast_to", "expand_as")
def expand(call: Call, input: Tensor, *sizes: Any, **more: Any) -> Any:
    out = call.run()
    new = out.dim() - input.dim()
    batch = call.batch(input)
    if batch is not None and out.shape[batch + new] != 1:
        batch = None
    after = None if batch is None else batch + new
    want = tuple(n for i, n in enumerate(out.shape) if i != after)
    key = call.key(input, batch)
    if call.rec.shapes[key] == want:
        return call.same(input, after)
    return call.node(operation("expand", size=want), [input], [key], after)


@reads("repeat", "tile")
def repeat(call: Call, input: Tensor, *sizes: Any, **more: Any) -> Any:
    times = ints(sizes or tuple(more.values()))
    times = (1,) * (input.dim() - len(times)) + times
    new = len(times) - input.dim()
    batch = call.batch(input)
    batch = None if batch is not None and times[new + batch] != 1 else batch
    key: int | str = call.key(input, batch)
    after = None if batch is None else batch + new
    steps: list[tuple[Op, int]] = []
    if new:
        steps.append((operation("reshape", size=(1,) * new + call.rec.shapes[key]), 1))
    at = 0
    for i, n in enumerate(times):
        if i != after:
            at += 1
            if n > 1:
                steps.append((operation("concat", dim=at), n))
    if not steps:
        return call.same(input, after)
    for op, n in steps[:-1]:
        key = call.inner(op, [key] * n)
    op, n = steps[-1]
    return call.node(op, [input] * n, [key] * n, after)


# -- axes in another order ---------------------------------------------------------------------------
def reorder(call: Call, x: Tensor, dims: Sequence[int]) -> Any:
    """Axis ``i`` of the result is axis ``dims[i]`` of ``x``."""
    batch = call.batch(x)
    order = [d % x.dim() for d in dims]
    ours = tuple(numbered(d, batch, x.dim()) for d in order if d != batch)
    after = None if batch is None else order.index(batch)
    if ours == tuple(range(1, len(ours) + 1)):
        return call.same(x, after)
    return call.node(operation("permute", dims=ours), [x], [call.key(x, batch)], after)


@reads("permute")
def permute(call: Call, input: Tensor, *args: Any, dims: Any = None) -> Any:
    return reorder(call, input, ints(args) if dims is None else ints((dims,)))


@reads(*(name + end for name in ("transpose", "swapaxes", "swapdims") for end in ("", "_")))
def transpose(call: Call, input: Tensor, dim0: int, dim1: int) -> Any:
    order = list(range(input.dim()))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return reorder(call, input, order)


@reads("t", "t_", "adjoint")
def t(call: Call, input: Tensor) -> Any:
    return transpose(call, input, -2, -1) if input.dim() > 1 else call.same(input, call.batch(input))


PROPERTIES |= {
    "mT": t,
    "T": lambda call, x: reorder(call, x, range(x.dim())[::-1]),
    "data": lambda call, x: call.same(x, call.batch(x)),
    "real": lambda call, x: call.same(x, call.batch(x)),
}


@reads("movedim", "moveaxis")
def movedim(call: Call, input: Tensor, source: Any, destination: Any) -> Any:
    n = input.dim()
    source = [d % n for d in ([source] if isinstance(source, int) else source)]
    destination = [d % n for d in ([destination] if isinstance(destination, int) else destination)]
    rest = iter(d for d in range(n) if d not in source)
    goes = dict(zip(destination, source))
    return reorder(call, input, [goes[i] if i in goes else next(rest) for i in range(n)])


@reads("roll")
def roll(call: Call, input: Tensor, shifts: Any, dims: Any = None) -> Any:
    if dims is None or dims == ():
        raise call.refuse("without dims cannot be read")
    shifts, dims = ([shifts], [dims]) if isinstance(dims, int) else (shifts, dims)
    shifts = [shifts] if isinstance(shifts, int) else list(shifts)
    batch = without(call.batch(input), dims, input.dim())
    return single(
        call,
        "roll",
        input,
        dims,
        shifts=tuple(shifts),
        dims=tuple(numbered(d, batch, input.dim()) for d in dims),
    )


@reads("flip")
def flip(call: Call, input: Tensor, *args: Any, dims: Any = None) -> Any:
    dims = ints(args) if dims is None else ints((dims,))
    batch = without(call.batch(input), dims, input.dim())
    return single(call, "flip", input, dims, dims=tuple(numbered(d, batch, input.dim()) for d in dims))


# -- parts and joins along an axis -------------------------------------------------------------------
@reads("cat", "concat", "concatenate")
def cat(call: Call, tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Any:
    tensors = list(tensors)
    dim = (dim if axis is None else axis) % tensors[0].dim()
    if len(tensors) == 1:
        return call.same(tensors[0], call.batch(tensors[0]))
    batch = next((b for t in tensors if (b := call.batch(t)) is not None), None)
    batch = without(batch, (dim,), tensors[0].dim())
    if any(batch is not None and t.shape[batch] != 1 for t in tensors):
        batch = None
    op = operation("concat", dim=numbered(dim, batch, tensors[0].dim()))
    return call.node(op, tensors, [call.key(t, batch) for t in tensors], batch)


@reads("stack")
def stack(call: Call, tensors: Sequence[Tensor], dim: int = 0) -> Any:
    tensors = list(tensors)
    n = tensors[0].dim() + 1
    dim %= n
    batch = next((b for t in tensors if (b := call.batch(t)) is not None), None)
    keys = [call.key(t, batch) for t in tensors]
    after = None if batch is None else batch + (dim <= batch)
    if len(tensors) == 1:
        return cut(call, tensors[0], tuple(call.run().shape))
    return call.node(operation("stack", dim=numbered(dim, after, n)), tensors, keys, after)


@reads("chunk")
def chunk(call: Call, input: Tensor, chunks: int, dim: int = 0) -> Any:
    batch = without(call.batch(input), (dim,), input.dim())
    key, pieces = call.key(input, batch), call.run()
    ours = numbered(dim, batch, input.dim())
    ops = (operation("chunk", chunks=chunks, dim=ours, index=i) for i in range(len(pieces)))
    return tuple(call.part(op, [input], [key], batch, i) for i, op in enumerate(ops))


@reads("split", "split_with_sizes", "tensor_split")
def split(call: Call, input: Tensor, size: Any = None, dim: int = 0, **more: Any) -> Any:
    batch = without(call.batch(input), (dim,), input.dim())
    key, pieces = call.key(input, batch), call.run()
    ours, start, out = numbered(dim, batch, input.dim()), 0, []
    for i, piece in enumerate(pieces):
        end = start + piece.shape[dim]
        out.append(call.part(operation("slice", dim=ours, start=start, end=end), [input], [key], batch, i))
        start = end
    return tuple(out)


@reads("unbind", "__iter__")
def unbind(call: Call, input: Tensor, dim: int = 0) -> Any:
    if call.func is Tensor.__iter__:
        call.func = Tensor.unbind
        return iter(unbind(call, input))
    dim %= input.dim()
    batch = call.batch(input)
    key, pieces = call.key(input, batch), call.run()
    if dim == batch:
        call.rec.put(pieces[0], key, None)
        return pieces
    ours, after, out = numbered(dim, batch, input.dim()), shift(batch, [dim]), []
    for i in range(len(pieces)):
        one = call.inner(operation("slice", dim=ours, start=i, end=i + 1), [key])
        shape = call.rec.shapes[one]
        op = operation("reshape", size=shape[: ours - 1] + shape[ours:])
        out.append(call.part(op, [input], [one], after, i))
    return tuple(out)


# -- no node of their own ----------------------------------------------------------------------------
@reads(
    "contiguous",
    "clone",
    "detach",
    "detach_",
    "to",
    "type_as",
    "float",
    "double",
    "half",
    "bfloat16",
    "cpu",
    "cuda",
    "requires_grad_",
    "alias",
    "positive",
    "__pos__",
    "resolve_conj",
    "resolve_neg",
)
def identity(call: Call, input: Tensor, *args: Any, **kwargs: Any) -> Any:
    return call.same(input, call.batch(input))
