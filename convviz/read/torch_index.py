"""Readers of indexing, and the refusal of what looks at values."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from convviz.errors import ConvvizError
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
    if isinstance(index, str):
        raise ConvvizError(
            f"forward asks for {index!r}, as of a dict of tensors; name it: --input {index}=SHAPE"
        )
    index = list(index) if isinstance(index, tuple) else [index]
    index = [i.tolist() if isinstance(i, np.ndarray | np.integer) else i for i in index]
    used = sum(i is not None and i is not Ellipsis for i in index)
    rest = [slice(None)] * (input.dim() - used)
    where = next((n for n, i in enumerate(index) if i is Ellipsis), None)
    index = [*index, *rest] if where is None else [*index[:where], *rest, *index[where + 1 :]]
    if (
        sum(isinstance(i, list | tuple | range | Tensor) for i in index)
        and sum(i is not None and not isinstance(i, slice) for i in index) > 1
    ):
        raise call.refuse("with a list of places beside another index cannot be read")
    for dim, i in enumerate(index):
        runs = even(places(i, input.shape[dim])) if isinstance(i, list | tuple | range | Tensor) else []
        if len(runs) > 1:
            return call.consists_of(pieces, input, index, dim, runs)
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
    if isinstance(index, Tensor) and index.dim() == 0:
        if index.device.type == "meta":
            raise NeedsValues
        return chosen(call, int(index), size)
    runs = even(places(index, size))
    if len(runs) != 1:
        raise call.refuse("with this index cannot be read")
    return runs[0]


def places(index: Any, size: int) -> list[int]:
    """The cells that a list of places or a mask takes from an axis; none where it is another thing."""
    if isinstance(index, Tensor):
        if index.device.type == "meta":
            raise NeedsValues
        if index.dim() != 1:
            return []
        index = (index.nonzero()[:, 0] if index.dtype == torch.bool else index).tolist()
    whole = isinstance(index, list | tuple | range) and all(type(i) is int for i in index)
    return [i % size for i in index] if whole else []


def even(cells: list[int]) -> list[range]:
    """The places as few stretches of evenly spaced ones.

    >>> even([0, 2, 4, 5, 6])
    [range(0, 5, 2), range(5, 7)]
    """
    runs: list[range] = []
    for cell in cells:
        last = runs[-1] if runs else range(0)
        if len(last) == 1 and cell != last[0]:
            step = cell - last[0]
            runs[-1] = range(last[0], cell + (1 if step > 0 else -1), step)
        elif len(last) > 1 and cell == last[-1] + last.step:
            runs[-1] = range(last[0], cell + (1 if last.step > 0 else -1), last.step)
        else:
            runs.append(range(cell, cell + 1))
    return runs


def pieces(input: Tensor, index: list[Any], dim: int, runs: list[range]) -> Tensor:
    """``input[index]`` with the places ``runs`` along an axis: one stretch after the other."""
    return torch.cat([input[(*index[:dim], list(run), *index[dim + 1 :])] for run in runs], dim)


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
