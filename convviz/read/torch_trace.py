"""Records one forward of a torch module: every torch function that touches the input becomes a node.

A ``TorchFunctionMode`` sees each torch function before it runs. Tensors carry a mark that says which node
they are; a function of marked tensors is looked up in ``torch_table.TABLE``, where its reader states the op.
Whatever the user's code does between functions (shape-dependent control flow, lists, dicts) just runs.

Graph shapes have no batch axis, torch's have one of size 1, wherever the user's code puts it: a mark says
where. ``Recorder.key`` gives the node of a tensor with the axis that the reader wants left out.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import prod
from types import FrameType
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils import checkpoint
from torch.utils._device import _device_constructors

from convviz.errors import ConvvizError
from convviz.graph import Graph, GraphBuilder
from convviz.ops.base import OPS, Op, Shape, show
from convviz.read.torch_call import (
    MARK,
    Call,
    Internal,
    Mark,
    OnNode,
    Origin,
    Weight,
    leading,
    mapped,
    marked,
    operation,
    storage,
    tensors_in,
)
from convviz.read.torch_table import ASKS, LIKE, MAKES, PROPERTIES, TABLE

# Torch is slow to compute the shape of these on meta tensors, and it is plain: we make the result ourselves.
PLAIN = frozenset(
    "batch_norm layer_norm group_norm instance_norm rms_norm softmax log_softmax add sub mul div mean sum"  # noqa: SIM905
    " amax roll concat dropout adaptive_avg_pool scaled_dot_product_attention".split()
)
UNWATCHED = "uses a tensor that was made in a way that cannot be watched, such as torch.vmap or compiled code"


@dataclass(slots=True)
class Frame:
    """One call of a module."""

    path: str
    cls: str
    nodes: list[int] = field(default_factory=list)
    leaf: bool = True  # no module inside it made a node


@dataclass(slots=True)
class Record:
    """A node before it has a name."""

    op: Op
    inputs: tuple[int | str, ...]
    out: Shape
    frame: Frame
    line: str
    shares: int | None
    trained: int | None


class Recorder(TorchFunctionMode):
    """``device`` is ``meta``, or ``cpu`` for real tensors; there ``on_node`` may replace what is computed."""

    def __init__(
        self,
        paths: Mapping[nn.Module, str],
        device: str,
        treat: Mapping[str, str],
        on_node: OnNode | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.paths, self.device, self.treat, self.on_node, self.names = paths, device, treat, on_node, names
        self.on_source: Callable[[int, Tensor], None] | None = None  # is told the value of each constant
        self.sources: dict[tuple[int, int | None], tuple[Tensor, int]] = {}  # constants that are nodes
        self.treated: set[str] = set()
        self.failed: Frame | None = None  # the innermost module call that raised
        self.records: list[Record] = []
        self.shapes: dict[int | str, Shape] = {}
        self.frames = [Frame("", "")]
        self.owner: dict[str, int] = {}  # parameter -> the first node that uses it
        self.numel: dict[str, int] = {}
        self.clock = 0
        self.writes: dict[int, int] = {}  # storage -> when it was last written to in place
        self.plain = PLAIN | {k for k, c in OPS.items() if c.elementwise} if device == "meta" else frozenset()

    # -- the mode -----------------------------------------------------------------------------------
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        func, args, kwargs = self.here(func, args, kwargs or {})
        name = getattr(func, "__name__", "")
        if name == "__get__":
            reader = PROPERTIES.get(func.__self__.__name__)
            if reader is None:
                return func(*args, **kwargs)
            if not marked(args):
                return self.constant(func, args, kwargs)
            return reader(Call(self, func, args, kwargs), args[0])
        if func in ASKS:
            return func(*args, **kwargs)
        cells = args[:1] if func in LIKE and args else (*args, *kwargs.values())
        if func in MAKES or not marked(cells):
            return self.constant(func, args, kwargs)
        reader = TABLE.get(func)
        if reader is None:
            raise self.refuse(func, "cannot be read")
        if "out" in kwargs:
            if kwargs["out"] is not None:
                raise self.refuse(func, "writes to out=..., which cannot be read")
            kwargs = {name: value for name, value in kwargs.items() if name != "out"}
        call = Call(self, func, args, kwargs)
        try:
            return reader(call, *args, **kwargs)
        except Internal:
            func(*args, **kwargs)
            raise
        except ConvvizError as err:
            if err.where:
                raise
            raise err.at(self.place()) from None

    def here(self, func: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
        """The call on the device of this forward: another that the user's code names may not exist here."""
        if func is Tensor.cuda:
            return Tensor.to, (args[0], self.device), {}
        if func is Tensor.to and len(args) > 1 and isinstance(args[1], str | torch.device):
            args = (args[0], self.device, *args[2:])
        if kwargs.get("device") is not None:
            kwargs = kwargs | {"device": self.device}
        return func, args, kwargs

    def constant(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """A function of constants: it just runs; what it computes from parameters remembers them."""
        if self.device == "meta" and func in constructors() and kwargs.get("device") is None:
            kwargs["device"] = "meta"
        out = func(*args, **kwargs)
        names: dict[str, None] = {}
        for t in tensors_in((args, kwargs)):
            origin = t.__dict__.get(MARK)
            if isinstance(origin, Origin):
                names.update(dict.fromkeys(origin.names))
            elif origin is None and t.is_meta and func not in MAKES:
                raise self.refuse(None, UNWATCHED)
        for t in tensors_in(out):
            if (names or t.is_meta) and MARK not in t.__dict__:
                t.__dict__[MARK] = Origin(tuple(names))
        return out

    # -- marks --------------------------------------------------------------------------------------
    def mark(self, t: Tensor) -> Mark | None:
        mark = t.__dict__.get(MARK)
        if not isinstance(mark, Mark):
            return None
        if mark.later is not None:
            mark = mark.later()
            t.__dict__[MARK] = mark
        if self.writes and self.writes.get(storage(t), 0) > mark.stamp:
            raise ConvvizError(
                "a tensor is used after a view of it was changed in place, which cannot be read; "
                "use a function that returns a new tensor",
                self.place(),
            )
        return mark

    def put(self, t: Tensor, key: int | str, batch: int | None, wrote: bool = False) -> None:
        self.clock += 1
        if wrote:
            self.writes[storage(t)] = self.clock
        t.__dict__[MARK] = Mark(key, batch, self.clock)

    def key(self, t: Tensor, batch: int | None) -> int | str:
        """The node that is ``t`` without its axis ``batch`` (None: with all axes); made if there is none."""
        mark = self.mark(t)
        if mark is None:
            return self.source(t, batch)
        if mark.batch == batch:
            return mark.key
        want = tuple(t.shape) if batch is None else (*t.shape[:batch], *t.shape[batch + 1 :])
        return self.reshaped(mark.key, want)

    def reshaped(self, key: int | str, want: Shape) -> int | str:
        if self.shapes[key] == want:
            return key
        return self.add(operation("reshape", size=want), (key,))[0]

    def source(self, t: Tensor, batch: int | None) -> int:
        """A ``parameter`` or ``constant`` node for a tensor that no input reaches."""
        if (id(t), batch) not in self.sources:
            origin = t.__dict__.get(MARK)
            if origin is None and t.is_meta:
                raise self.refuse(None, UNWATCHED)
            size = tuple(t.shape) if batch is None else (*t.shape[:batch], *t.shape[batch + 1 :])
            trained = origin is not None and origin.names
            op = operation("parameter" if trained else "constant", size=size)
            index, _ = self.add(op, (), (Weight("weight", t, size),) if trained else ())
            self.sources[id(t), batch] = (t, index)
            if self.on_source:
                self.on_source(index, t.reshape(1, *size))
        return self.sources[id(t), batch][1]

    # -- nodes --------------------------------------------------------------------------------------
    def add(self, op: Op, keys: tuple[int | str, ...], weights: Sequence[Weight] = ()) -> tuple[int, Shape]:
        index = len(self.records)
        frame = self.frames[-1]
        ins = tuple(self.shapes[k] for k in keys)
        try:
            out = op.shape(*ins)
        except ConvvizError as err:
            raise Internal(
                f"internal error: {op.kind} refuses what torch accepts: {err}", self.place()
            ) from None
        shares, trained = self.account(index, op, ins, weights) if weights else (None, None)
        self.records.append(Record(op, keys, out, frame, user_line(), shares, trained))
        self.shapes[index] = out
        frame.nodes.append(index)
        return index, out

    def account(
        self, index: int, op: Op, ins: tuple[Shape, ...], weights: Sequence[Weight]
    ) -> tuple[int | None, int | None]:
        """(node whose weights these are, number of trained parameters where it is not the op's own)."""
        stated = op.weights(*ins)
        new: set[str] = set()
        old: set[str] = set()
        for name, tensor, shape in weights:
            if tensor is None:
                continue
            got = tuple(tensor.shape) if shape is None else shape
            if stated.get(name) != got:
                raise Internal(
                    f"internal error: {op.kind} states {name} {stated.get(name)}, but torch uses {got}",
                    self.place(),
                )
            origin = tensor.__dict__.get(MARK)
            for parameter in origin.names if origin else ():
                owner = self.owner.setdefault(parameter, index)
                (new if owner == index else old).add(parameter)
        owners = {self.owner[parameter] for parameter in old}
        if not new and len(owners) == 1:
            return owners.pop(), None
        count = sum(self.numel[parameter] for parameter in new)
        return None, None if count == sum(prod(s) for s in stated.values()) else count

    def check(self, index: int, result: Tensor, want: Shape) -> None:
        if tuple(result.shape) != want:
            kind = self.records[index].op.kind
            raise Internal(
                f"internal error: {kind} computes {show(want)}, torch {show(result.shape)}", self.place()
            )

    # -- modules ------------------------------------------------------------------------------------
    def call(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        cls = type(module).__name__
        frame = Frame(self.paths.get(module, cls.lower()), cls)
        how = self.treat.get(frame.path) or self.treat.get(cls)
        self.frames.append(frame)
        before = len(self.records)
        try:
            if how:
                self.treated.update((frame.path, cls))
                return self.opaque(module, how, args, kwargs)
            if isinstance(module, torch.jit.ScriptModule) and (
                marked(args) or marked(tuple(kwargs.values()))
            ):
                raise self.refuse(None, "is compiled by torch.jit and cannot be read")
            return CALL(module, *args, **kwargs)
        except Exception:
            self.failed = self.failed or frame
            raise
        finally:
            self.frames.pop()
            if len(self.records) > before:
                self.frames[-1].leaf = False

    def opaque(self, module: nn.Module, how: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The whole module as one node for each of its outputs, of which only the shape is looked at."""
        ins = [t for t in tensors_in((args, kwargs)) if marked((t,))]
        keys = tuple(self.key(t, leading(t)) for t in ins)
        call = Call(self, CALL, (module, *args), kwargs)
        ACTIVE.recorder = None  # nobody watches what is inside
        try:
            with torch._C.DisableTorchFunction():
                result = CALL(module, *args, **kwargs)
        finally:
            ACTIVE.recorder = self
        parameters = list(module.parameters())
        outs = list(tensors_in(result))
        new: dict[int, Tensor] = {}
        for i, t in enumerate(outs):
            batch = leading(t)
            size = tuple(t.shape) if batch is None else tuple(t.shape[1:])
            if how == "pointwise" and any(self.shapes[k][1:] != size[1:] for k in keys):
                got = " and ".join(show(self.shapes[k]) for k in keys)
                raise ConvvizError(
                    f"pointwise needs an output as large as the input, got {got} to {show(size)}; use global",
                    self.place(),
                )
            stated = tuple(tuple(p.shape) for p in parameters) if i == 0 else ()
            op = operation("opaque", size=size, mode=how, weight_shapes=stated)
            index, _ = self.add(
                op, keys, [Weight(f"weight{j}", p) for j, p in enumerate(parameters)] if i == 0 else ()
            )
            call.result, call.count = outs, i
            new[id(t)] = call.replaced(op, index, ins, batch) if self.on_node else t
            self.put(new[id(t)], index, batch)
        return mapped(result, lambda t: new[id(t)])

    # -- errors -------------------------------------------------------------------------------------
    def place(self) -> str:
        frame = self.frames[-1]
        return where(frame, user_line()) or "the module"

    def refuse(self, func: Any, why: str) -> ConvvizError:
        frame = self.frames[-1]
        name = f"{getattr(func, '__name__', func)}() " if func is not None else ""
        target = frame.cls or "NAME"
        help = (
            f"--treat {target}=pointwise counts it as reading its own position only, "
            f"{target}=global as reading everything"
        )
        return ConvvizError(f"{name}{why}; {help}", self.place())

    # -- the result ---------------------------------------------------------------------------------
    def graph(
        self, name: str, inputs: Mapping[str, Shape], outputs: Sequence[int | str], meta: Mapping[str, Any]
    ) -> Graph:
        names = self.name_nodes(inputs)
        builder = GraphBuilder(name, inputs, meta)
        for index, r in enumerate(self.records):
            shares = None if r.shares is None else names[r.shares]
            keys = (k if isinstance(k, str) else names[k] for k in r.inputs)
            builder.add(names[index], r.op, keys, where(r.frame, r.line), shares, r.trained)
        return builder.build(dict.fromkeys(o if isinstance(o, str) else names[o] for o in outputs))

    def name_nodes(self, inputs: Mapping[str, Shape]) -> list[str]:
        """A module's call that is one node has the module's name; others are counted within their module."""
        own: set[int] = set()
        for frame in {id(r.frame): r.frame for r in self.records}.values():
            if frame.leaf and frame.path:
                main = (
                    frame.nodes
                    if len(frame.nodes) == 1
                    else [i for i in frame.nodes if self.records[i].op.weights(*self.ins(i))]
                )
                own.update(main if len(main) == 1 else ())
        taken, counts, names = set(inputs), dict[str, int](), []
        for index, r in enumerate(self.records):
            stem = r.frame.path if index in own else f"{r.frame.path}.{r.op.kind}".lstrip(".")
            while True:
                n = counts[stem] = counts.get(stem, 0) + 1
                name = stem if index in own and n == 1 else f"{stem}_{n}" if index in own else f"{stem}{n}"
                if name not in taken:
                    break
            taken.add(name)
            names.append(name)
        return names

    def ins(self, index: int) -> tuple[Shape, ...]:
        return tuple(self.shapes[k] for k in self.records[index].inputs)


# -- helpers ----------------------------------------------------------------------------------------
@functools.lru_cache(maxsize=1)
def constructors() -> frozenset[Any]:
    return frozenset(_device_constructors())


def where(frame: Frame, line: str) -> str:
    name = f"{frame.path} ({frame.cls})" if frame.path else frame.cls
    return f"{name}, {line}" if name and line else name or line


@functools.lru_cache(maxsize=4096)
def library(file: str) -> bool:
    """Whether a source file is torch's or our own, not the user's."""
    return file.startswith(
        (os.path.dirname(torch.__file__) + os.sep, os.path.dirname(__file__) + os.sep, "<frozen")
    )


@functools.lru_cache(maxsize=4096)
def short(file: str) -> str:
    near = os.path.relpath(file) if file.startswith(os.getcwd() + os.sep) else file
    return near


def user_line() -> str:
    """``net.py:12``: the innermost line of the user's code that is running."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and library(frame.f_code.co_filename):
        if (
            frame.f_code.co_name == call_module.__name__
        ):  # nothing of the user's runs, as in a bare torch module
            return ""
        frame = frame.f_back
    return f"{short(frame.f_code.co_filename)}:{frame.f_lineno}" if frame else ""


CALL = nn.Module.__call__
ACTIVE = threading.local()


def _call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
    rec = getattr(ACTIVE, "recorder", None)
    return CALL(module, *args, **kwargs) if rec is None else rec.call(module, args, kwargs)


def call_module(module: nn.Module, args: Any, kwargs: Any) -> Any:
    """The forward; what is further out on the stack is not the net's."""
    return module(*args, **kwargs)


@contextmanager
def recording(rec: Recorder) -> Iterator[None]:
    """Module calls on this thread go through ``rec``."""
    before = getattr(ACTIVE, "recorder", None)
    ACTIVE.recorder = rec
    patched = nn.Module.__call__ is CALL
    if patched:
        nn.Module.__call__ = _call  # type: ignore[method-assign]
    try:
        with in_the_open(), rec:
            yield
    finally:
        ACTIVE.recorder = before
        if patched:
            nn.Module.__call__ = CALL  # type: ignore[method-assign]


@contextmanager
def in_the_open() -> Iterator[None]:
    """Compiled functions run as the Python that they were compiled from, checkpoints as plain calls."""

    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(self, "_torchdynamo_inline", functools.partial(compiled, self))(*args, **kwargs)

    def nothing_saved(*args: Any, **kwargs: Any) -> Iterator[None]:
        yield

    class Plain:
        @staticmethod
        def apply(function: Callable[..., Any], preserve: bool, *args: Any) -> Any:
            return function(*args)

    compiled = torch.jit.ScriptFunction.__call__
    with ExitStack() as stack:
        for owner, name, new in (
            (torch.jit.ScriptFunction, "__call__", run),
            (checkpoint, "CheckpointFunction", Plain),
            (checkpoint, "_checkpoint_without_reentrant_generator", nothing_saved),
        ):
            if hasattr(owner, name):
                stack.enter_context(mock.patch.object(owner, name, new))
        yield
