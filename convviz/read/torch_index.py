"""Readers of indexing, and the refusal of what looks at values."""

from __future__ import annotations

from typing import Any, NoReturn

import torch
from torch import Tensor

from convviz.ops.base import Op
from convviz.read.torch_batch import numbered
from convviz.read.torch_call import Call, NeedsValues, marked, operation
from convviz.read.torch_table import reads


@reads("narrow")
def narrow(call: Call, input: Tensor, dim: int, start: Any, length: int) -> Any:
    return getitem(
        call, input, (*[slice(None)] * (dim % input.dim()), slice(int(start), int(start) + length))
    )


@reads("select")
def select(call: Call, input: Tensor, dim: int, index: int) -> Any:
    return getitem(call, input, (*[slice(None)] * (dim % input.dim()), index))


@reads("index_select")
def index_select(call: Call, input: Tensor, dim: int, index: Tensor) -> Any:
    return getitem(call, input, (*[slice(None)] * (dim % input.dim()), index))


@reads("__getitem__")
def getitem(call: Call, input: Tensor, index: Any) -> Any:
    """Slices one after the other, then the axes that integers and None take away and add."""
    if not marked((input,)) or marked((index,)):
        raise call.refuse("with an index that depends on the data cannot be read")
    index = list(index) if isinstance(index, tuple) else [index]
    used = sum(i is not None and i is not Ellipsis for i in index)
    rest = [slice(None)] * (input.dim() - used)
    where = next((n for n, i in enumerate(index) if i is Ellipsis), None)
    index = [*index, *rest] if where is None else [*index[:where], *rest, *index[where + 1 :]]
    if (
        sum(isinstance(i, list | tuple | range | Tensor) for i in index)
        and sum(i is not None and not isinstance(i, slice) for i in index) > 1
    ):
        raise call.refuse("with a list of places beside another index cannot be read")
    taken: list[range] = []  # the cells of each axis of the input
    kept: list[int | None] = []  # the axes of the result: one of the input's, or None for a new one
    for i in index:
        if i is None:
            kept.append(None)
            continue
        if not (isinstance(i, int) or (isinstance(i, Tensor) and i.dim() == 0)):
            kept.append(len(taken))
        taken.append(chosen(call, i, input.shape[len(taken)]))
    batch = call.batch(input)
    if batch is not None and len(taken[batch]) != 1:
        batch = None
    after = kept.index(batch) if batch in kept and batch is not None else None
    key = call.key(input, batch)
    ops: list[Op] = []
    for dim, cells in enumerate(taken):
        if dim != batch and cells != range(input.shape[dim]):
            ops += slices(numbered(dim, batch, input.dim()), cells)
    want = tuple(1 if k is None else len(taken[k]) for i, k in enumerate(kept) if i != after)
    shape = call.rec.shapes[key]
    for op in ops:
        shape = op.shape(shape)
    if shape != want:
        ops.append(operation("reshape", size=want))
    if not ops:
        return call.same(input, after)
    for op in ops[:-1]:
        key = call.inner(op, [key])
    return call.node(ops[-1], [input], [key], after)


def slices(dim: int, cells: range) -> list[Op]:
    """The ops that take evenly spaced cells, which may run backwards."""
    if cells and cells.step < 0:
        low = operation("slice", dim=dim, start=cells[-1], end=cells[0] + 1, step=-cells.step)
        return [low, operation("flip", dims=(dim,))]
    end = cells[-1] + 1 if cells else cells.start
    return [operation("slice", dim=dim, start=cells.start, end=end, step=cells.step)]


def chosen(call: Call, index: Any, size: int) -> range:
    """The cells that one index takes from an axis, if they are evenly spaced."""
    if isinstance(index, slice):
        start, stop, step = (None if v is None else int(v) for v in (index.start, index.stop, index.step))
        return range(*slice(start, stop, step).indices(size))
    if isinstance(index, int) and not isinstance(index, bool):
        return range(index % size, index % size + 1)
    if isinstance(index, Tensor):
        if index.device.type == "meta":
            raise NeedsValues
        if index.dtype == torch.bool and index.dim() == 1:
            index = index.nonzero()[:, 0]
        if index.dim() == 0:
            return chosen(call, int(index), size)
        index = index.tolist() if index.dim() == 1 else None
    plain = isinstance(index, list | tuple | range) and all(type(i) is int for i in index)
    cells = [i % size for i in index] if plain else []
    step = cells[1] - cells[0] if len(cells) > 1 else 1
    line = range(cells[0], cells[0] + step * len(cells), step) if cells and step else range(0)
    if list(line) != cells or not cells:
        raise call.refuse("with a list of places that are not evenly spaced cannot be read")
    return line


# -- functions that look at values -------------------------------------------------------------------
@reads(
    "__bool__",
    "__int__",
    "__float__",
    "__index__",
    "__complex__",
    "__contains__",
    "item",
    "tolist",
    "numpy",
    "nonzero",
    "is_nonzero",
    "equal",
    "allclose",
    "argwhere",
)
def values(call: Call, *args: Any, **kwargs: Any) -> NoReturn:
    raise call.refuse(
        "looks at the values of data, so what happens next depends on them, which cannot be read"
    )


@reads("__setitem__")
def setitem(call: Call, *args: Any) -> NoReturn:
    raise call.refuse("(x[...] = y) cannot be read; build the result with torch.cat or F.pad instead")
