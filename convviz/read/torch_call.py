"""What a reader works with: a call of a torch function, marks on its tensors, nodes that it becomes."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from convviz.errors import ConvvizError
from convviz.ops.base import Op, Shape, build

if TYPE_CHECKING:
    from convviz.read.torch_trace import Recorder

MARK = "_convviz"  # the attribute of a traced tensor


class Internal(ConvvizError):
    """Our op and torch disagree; unless torch refuses the call as well, which is then the user's error."""


class NeedsValues(Exception):
    """The values of a constant matter, so the forward must run on the CPU instead of on meta tensors."""


@dataclass(slots=True)
class Mark:
    """Which node a tensor is, and which of its axes (of size 1) the node leaves out."""

    key: int | str
    batch: int | None
    stamp: int
    later: Callable[[], Mark] | None = None  # makes the node when it is first used


@dataclass(slots=True)
class Origin:
    """The trained parameters that a constant was computed from, if any."""

    names: tuple[str, ...]


class Weight(NamedTuple):
    """A weight as the op names it; ``shape`` where the op states it in another layout than the tensor's."""

    name: str
    tensor: Tensor | None
    shape: Shape | None = None


@dataclass
class Step:
    """What ``on_node`` is told of a node before it is computed; it may change ``args`` or replace the output.

    ``func(*args, **kwargs)`` is the user's own call; ``inputs`` are the tensors of the op's inputs, with the
    batch axis where the user's code has it. ``batch`` is the axis of the output that the node's shape leaves
    out, ``index`` says which output of a function with several this node is.
    """

    name: str
    op: Op
    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: tuple[Tensor, ...]
    batch: int | None = 0
    index: int = 0
    result: Any = None

    def output(self) -> Tensor:
        """What the user's module computes here."""
        if self.result is None:
            self.result = self.func(*self.args, **self.kwargs)
        whole = self.result
        return whole if isinstance(whole, Tensor) else whole[self.index]


OnNode = Callable[[Step], Tensor | None]


IN_PLACE = frozenset("__iadd__ __isub__ __imul__ __itruediv__ __idiv__ __ipow__".split())  # noqa: SIM905
# In place, and yet no cell is written: other views of the same memory stay as they are.
RESHAPES = frozenset("squeeze_ unsqueeze_ transpose_ swapaxes_ swapdims_ t_".split())  # noqa: SIM905


class Call:
    """One torch function with its arguments, on its way to become nodes."""

    __slots__ = ("args", "count", "func", "in_place", "kwargs", "rec", "result")

    def __init__(
        self, rec: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.rec, self.func, self.args, self.kwargs = rec, func, args, kwargs
        name = func.__name__
        self.in_place = (
            (name[-1] == "_" and name[-2] != "_") or name in IN_PLACE or kwargs.get("inplace") is True
        )
        self.result: Any = None
        self.count = 0

    # -- what readers ask -------------------------------------------------------------------------
    def key(self, tensor: Tensor, batch: int | None) -> int | str:
        return self.rec.key(tensor, batch)

    def batch(self, tensor: Tensor) -> int | None:
        mark = self.rec.mark(tensor)
        return mark.batch if mark else None

    def run(self) -> Any:
        """The function's own result, computed once."""
        if self.result is None:
            self.result = self.func(*self.args, **self.kwargs)
        return self.result

    def refuse(self, why: str) -> ConvvizError:
        return self.rec.refuse(self.func, why)

    def constant(self, func: Callable[..., Any], *args: Any) -> Any:
        """``func`` of constants; what it makes remembers the parameters that it was made from."""
        return self.rec.constant(func, args, {})

    def consists_of(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The result is that of ``func``, whose torch functions are read one by one."""
        if self.in_place:
            raise self.refuse("cannot be read in place; use the function that returns a new tensor")
        with self.rec:
            return func(*args, **kwargs)

    # -- what readers say -------------------------------------------------------------------------
    def same(self, like: Tensor, batch: int | None) -> Any:
        """The result is ``like``, but for axes of size 1 or its place in memory: no node of its own."""
        mark = self.rec.mark(like)
        assert mark is not None
        out = self.run()
        self.rec.put(out, mark.key, batch)
        return out

    def node(
        self,
        op: Op,
        tensors: Sequence[Tensor],
        keys: Sequence[int | str],
        batch: int | None,
        weights: Sequence[Weight] = (),
    ) -> Any:
        """The result is one node, whose shape leaves out axis ``batch`` of the result's."""
        rec = self.rec
        if self.in_place and not marked(self.args[:1]):
            raise self.refuse("writes data into a constant, which cannot be read")
        index, out = rec.add(op, tuple(keys), weights)
        want = out if batch is None else (*out[:batch], 1, *out[batch:])
        if rec.on_node:
            result = self.replaced(op, index, tensors, batch)
        elif rec.device == "meta" and op.kind in rec.plain:
            result = self.stand_in(tensors, want)
        else:
            result = self.run()
        rec.check(index, result, want)
        rec.put(result, index, batch, self.in_place and self.func.__name__ not in RESHAPES)
        return result

    def part(
        self,
        op: Op,
        tensors: Sequence[Tensor],
        keys: Sequence[int | str],
        batch: int | None,
        at: int,
        weights: Sequence[Weight] = (),
    ) -> Tensor:
        """One of several results is a node; the caller returns them all."""
        rec = self.rec
        index, out = rec.add(op, tuple(keys), weights)
        want = out if batch is None else (*out[:batch], 1, *out[batch:])
        self.count = at
        result: Tensor = self.replaced(op, index, tensors, batch) if rec.on_node else self.run()[at]
        rec.check(index, result, want)
        rec.put(result, index, batch)
        return result

    def inner(self, op: Op, keys: Sequence[int | str], weights: Sequence[Weight] = ()) -> int:
        """A node without a tensor in the user's code, on the way to the result."""
        return self.rec.add(op, tuple(keys), weights)[0]

    def stand_in(self, tensors: Sequence[Tensor], want: Shape) -> Tensor:
        if self.in_place:
            return self.args[0]  # type: ignore[no-any-return]
        for t in tensors:
            if tuple(t.shape) == want:
                return torch.empty_like(t)
        return torch.empty(want, dtype=tensors[0].dtype, device="meta")

    def replaced(self, op: Op, index: int, tensors: Sequence[Tensor], batch: int | None) -> Tensor:
        rec = self.rec
        assert rec.on_node and rec.names
        func, args, kwargs = self.func, self.args, self.kwargs
        if self.in_place:  # so that the verifier sees input and output apart
            func, args, kwargs = out_of_place(func, args, kwargs)
        step = Step(rec.names[index], op, func, args, kwargs, tuple(tensors), batch, self.count, self.result)
        out = rec.on_node(step)
        if out is None:
            out = step.output()
        self.result = step.result
        if self.in_place:
            target: Tensor = self.args[0]
            if out is not target and out.shape != target.shape:  # unsqueeze_
                self.func(*self.args, **self.kwargs)
            return target if out is target else target.copy_(out)
        return out


def out_of_place(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """The same function, writing a new tensor: on a copy of its target."""
    kwargs = {k: v for k, v in kwargs.items() if k != "inplace"} if kwargs.get("inplace") is True else kwargs

    def run(target: Tensor, *rest: Any, **named: Any) -> Any:
        return func(target.clone(), *rest, **named)

    return (run, args, kwargs) if func.__name__[-1] == "_" else (func, args, kwargs)


# -- helpers ----------------------------------------------------------------------------------------
@functools.lru_cache(maxsize=4096)
def _operation(kind: str, rank: int, fields: tuple[tuple[str, Any], ...]) -> Op:
    return build(kind, dict(fields), rank)


def operation(kind: str, rank: int = 2, **fields: Any) -> Op:
    """``build`` with a memory: nets repeat themselves."""
    return _operation(kind, rank, tuple((k, freeze(v)) for k, v in fields.items()))


def freeze(value: Any) -> Any:
    """Lists and torch's sizes as tuples, so that they can be looked up."""
    return tuple(freeze(v) for v in value) if isinstance(value, list | tuple) else value


def marked(args: Sequence[Any]) -> bool:
    """Whether a tensor among the arguments derives from the input."""
    for a in args:
        if isinstance(a, Tensor):
            if type(a.__dict__.get(MARK)) is Mark:
                return True
        elif (type(a) in (list, tuple) and marked(a)) or (type(a) is dict and marked(tuple(a.values()))):
            return True
    return False


def tensors_in(value: Any) -> Iterator[Tensor]:
    """All tensors in nested lists, tuples, dicts and dataclasses."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for v in value.values():
            yield from tensors_in(v)
    elif isinstance(value, list | tuple | set):
        for v in value:
            yield from tensors_in(v)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for f in dataclasses.fields(value):
            yield from tensors_in(getattr(value, f.name))


def mapped(value: Any, f: Callable[[Tensor], Any]) -> Any:
    """The same nested value with ``f`` of its tensors."""
    if isinstance(value, Tensor):
        return f(value)
    if isinstance(value, Mapping):
        return type(value)((k, mapped(v, f)) for k, v in value.items())  # type: ignore[call-arg]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(mapped(v, f) for v in value))
    if isinstance(value, list | tuple):
        return type(value)(mapped(v, f) for v in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(
            value, **{n.name: mapped(getattr(value, n.name), f) for n in dataclasses.fields(value)}
        )
    return value


def leading(t: Tensor) -> int | None:
    """The axis that a module would take for the batch: the first, if it is of size 1."""
    return 0 if t.dim() and t.shape[0] == 1 else None


def storage(t: Tensor) -> int:
    return t.untyped_storage()._cdata
