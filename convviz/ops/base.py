"""What an op is: one frozen dataclass that states its fields, shape, weights, reads and arithmetic.

Shapes leave out the batch axis. A *map* is ``(C, *space)``; windowed ops also take maps behind further
leading axes (windows, frames), which they leave alone. Axis numbers in fields (``dim``, ``dims``) are
torch's, which count the batch as 0: 1 is the channel axis of a map.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, ClassVar, NamedTuple, TypeVar, dataclass_transform

import numpy as np

from convviz.errors import ConvvizError, FieldError, ShapeError, nearest
from convviz.ops.relations import SAME, Blocks, Relation

Shape = tuple[int, ...]
Array = np.ndarray
Weights = Mapping[str, Array]


class AxisRead(NamedTuple):
    """How the cells along one input axis are read, and on which output axis the result lies (None: on none)."""

    relation: Relation
    to: int | None


@dataclasses.dataclass(frozen=True)
class Along:
    """One :class:`AxisRead` for each input axis; output axes that none of them names repeat the result."""

    axes: tuple[AxisRead, ...]


@dataclasses.dataclass(frozen=True)
class Regroup:
    """A reshape: the cells keep their order, the axes are cut anew."""

    out: Shape


class Steps(tuple[tuple[Along | Regroup, Shape], ...]):
    """Reads that follow each other, the first from the input; each with the shape that it gives."""


Reads = Along | Regroup | Steps


class Code(NamedTuple):
    """An op in PyTorch: ``module`` builds it (empty where there is none), ``call`` applies it to ``{0}, {1} ...``.

    In ``call``, ``{self}`` stands for the module. Tensors there carry a batch axis.
    """

    module: str
    call: str = "{self}({0})"


REQUIRED = dataclasses.MISSING
T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def record(cls: type[T]) -> type[T]:
    """Class decorator: a frozen dataclass whose methods are written once, in :class:`Op`.

    ``dataclass`` would compile four methods for each of a hundred ops: .08 s that every command would wait for.
    """
    return dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=True)(cls)


@record
class Op:
    """Base of all ops. A subclass declares its fields with :func:`spec` and overrides what differs from identity."""

    kind: ClassVar[str] = ""
    scalar: ClassVar[str | None] = None  # the field that `- op: 3` sets
    inputs: ClassVar[tuple[int, int | None]] = (1, 1)  # fewest and most inputs; None: any number
    elementwise: ClassVar[bool] = True  # output shape is the broadcast of the inputs' shapes

    def __init__(self, **values: Any) -> None:
        names = [f.name for f in dataclasses.fields(self)]
        if set(values) != set(names):
            raise TypeError(f"{type(self).__name__} takes exactly the fields {names}, got {list(values)}")
        self.__dict__.update(values)
        self.__post_init__()

    def __post_init__(self) -> None:
        """Checks that need more than one field."""

    def __setattr__(self, name: str, value: Any) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *self.fields().values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.fields().items())})"

    # -- what a subclass states ---------------------------------------------------------------------
    def shape(self, *ins: Shape) -> Shape:
        """Output shape; raises ShapeError where the inputs do not fit."""
        return broadcast(*ins)

    def weights(self, *ins: Shape) -> dict[str, Shape]:
        """Names (torch's state-dict names) and shapes of the trained parameters."""
        return {}

    def buffers(self, *ins: Shape) -> dict[str, Shape]:
        """Names and shapes of what is kept but not trained, such as running means."""
        return {}

    def macs(self, *ins: Shape) -> int:
        """Multiplications of the dot products; biases and norms are none."""
        return 0

    def reads(self, *ins: Shape) -> tuple[Reads, ...]:
        """For each input, which of its cells an output cell reads, by axis."""
        out = self.shape(*ins)
        return tuple(pointwise(shape, out) for shape in ins)

    def statistics(self, *ins: Shape, mode: str = "eval") -> tuple[int, ...]:
        """Axes of the input over which this op computes statistics; -1 is the batch."""
        return ()

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        """The op itself, in plain numpy; every array has a batch axis in front."""
        raise ConvvizError(f"{self.kind} has no numpy form")

    def torch(self, *ins: Shape) -> Code:
        """The same op in PyTorch source."""
        raise ConvvizError(f"{self.kind} has no PyTorch source")

    def pads(self) -> tuple[tuple[int, int], ...]:
        """Cells of padding (before, after) each spatial axis; empty for an op that has none."""
        return tuple(p if isinstance(p, tuple) else (p, p) for p in getattr(self, "padding", ()))

    # -- what follows from it -----------------------------------------------------------------------
    def params(self, *ins: Shape) -> int:
        """Number of trained parameters."""
        return sum(prod(s) for s in self.weights(*ins).values())

    def fields(self) -> dict[str, Any]:
        """Field names and normalised values."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}


OPS: dict[str, type[Op]] = {}


@dataclass_transform(frozen_default=True, kw_only_default=True)
def register(cls: type[T]) -> type[T]:
    """Class decorator: a :func:`record` that is listed under ``cls.kind``."""
    record(cls)
    assert issubclass(cls, Op) and cls.kind and cls.kind not in OPS, cls
    OPS[cls.kind] = cls
    return cls


# -- fields -----------------------------------------------------------------------------------------
Check = Callable[[Any, int], Any]  # (value as written, number of spatial axes) -> normalised value


def spec(check: Check, default: Any = REQUIRED) -> Any:
    """A field: how its value is checked and normalised, and its default as one would write it."""
    return dataclasses.field(metadata={"check": check, "default": default})


# What torch's modules are told of their input, and ops are not.
FOLLOWS = {
    "in_channels",
    "in_features",
    "num_features",
    "num_channels",
    "normalized_shape",
    "input_size",
    "embed_dim",
}


def build(kind: str, values: Mapping[str, Any] | None = None, rank: int = 2) -> Op:
    """An op from its fields as written; ``rank`` is the number of spatial axes of its input.

    Raises FieldError naming the field, the value and the rule.

    >>> build("conv", {"out_channels": 8, "kernel_size": 3}).stride
    (1, 1)
    """
    if kind not in OPS:
        raise ShapeError(f"unknown op {kind!r}{nearest(kind, OPS)}")
    cls, values = OPS[kind], dict(values or {})
    known = {f.name: f for f in dataclasses.fields(cls)}
    for name in values:
        if name not in known:
            have = ", ".join(known) or "none"
            if name in FOLLOWS:
                raise FieldError(name, f"follows from the input and is not written (fields: {have})")
            raise FieldError(
                str(name), f"unknown field of {kind}{nearest(str(name), known)} (fields: {have})"
            )
    done = {}
    for name, f in known.items():
        value = values.get(name, f.metadata["default"])
        if value is REQUIRED:
            raise FieldError(name, f"{kind} needs {name}")
        try:
            done[name] = f.metadata["check"](value, rank)
        except ValueError as err:
            raise FieldError(name, f"{err}, got {shorten(value)}") from None
    return cls(**done)


def shorten(value: Any, width: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= width else text[: width - 1] + "…"


def integer(low: int | None = None) -> Check:
    """A whole number, at least ``low``."""
    rule = "must be a whole number" + ("" if low is None else f" >= {low}")

    def check(value: Any, rank: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or (low is not None and value < low):
            raise ValueError(rule)
        return int(value)

    return check


def number(low: float | None = None, high: float | None = None) -> Check:
    """A finite number within bounds."""
    rule = (
        "must be a number"
        + ("" if low is None else f" >= {low:g}")
        + ("" if high is None else f" and <= {high:g}")
    )

    def check(value: Any, rank: int) -> float:
        ok = (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and value == value
            and abs(value) != float("inf")
        )
        if not ok or (low is not None and value < low) or (high is not None and value > high):
            raise ValueError(rule)
        return value

    return check


def taps(value: Any, rank: int) -> int:
    """Cells of a kernel along one axis: as many as Python can count in a range, and torch at all."""
    count: int = integer(1)(value, rank)
    if count >= 2**63:
        raise ValueError("must be at most 2^63 - 1")
    return count


def boolean(value: Any, rank: int) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def text(value: Any, rank: int) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return value


def choice(*options: str) -> Check:
    def check(value: Any, rank: int) -> str:
        if value not in options or not isinstance(value, str):
            hint = nearest(value, options) if isinstance(value, str) else ""
            raise ValueError(f"must be one of {', '.join(options)}{hint}")
        return value

    return check


def optional(inner: Check) -> Check:
    def check(value: Any, rank: int) -> Any:
        return None if value is None else inner(value, rank)

    return check


def per_axis(inner: Check) -> Check:
    """One value for every spatial axis; a scalar stands for all of them."""

    def check(value: Any, rank: int) -> tuple[Any, ...]:
        if isinstance(value, list | tuple):
            if len(value) != rank:
                raise ValueError(f"must be one value or a list of {rank}, one for each spatial axis")
            return tuple(inner(v, rank) for v in value)
        return (inner(value, rank),) * rank

    return check


def list_of(inner: Check, length: int | None = None) -> Check:
    def check(value: Any, rank: int) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or (length is not None and len(value) != length):
            raise ValueError("must be a list" + (f" of {length}" if length is not None else ""))
        return tuple(inner(v, rank) for v in value)

    return check


def one_or_list(inner: Check) -> Check:
    """A list, or one value that stands for a list of one."""
    listed = list_of(inner)

    def check(value: Any, rank: int) -> tuple[Any, ...]:
        return listed(value, rank) if isinstance(value, list | tuple) else (inner(value, rank),)

    return check


def paddings(low: int | None = 0, words: Sequence[str] = ()) -> Check:
    """``(before, after)`` for every spatial axis, from a number, a list of numbers or of pairs; or one of ``words``."""
    each = integer(low)

    def check(value: Any, rank: int) -> Any:
        if isinstance(value, str) and value in words:
            return value
        listed = isinstance(value, list | tuple)
        if listed and len(value) != rank:
            raise ValueError(f"must be one value or a list of {rank}, one for each spatial axis")
        out = []
        try:
            for v in value if listed else [value] * rank:
                pair = v if isinstance(v, list | tuple) else (v, v)
                if len(pair) != 2:
                    raise ValueError("each pair of paddings must be [before, after]")
                out.append((each(pair[0], rank), each(pair[1], rank)))
        except ValueError as err:
            also = f", or {' or '.join(words)}" if words else ""
            raise ValueError(f"{err}{also}") from None
        return tuple(out)

    return check


# -- shapes -----------------------------------------------------------------------------------------
def broadcast(*ins: Shape) -> Shape:
    """The shape that numpy and torch give to an elementwise op on these; raises ShapeError."""
    rank = max(len(s) for s in ins)
    padded = [(1,) * (rank - len(s)) + tuple(s) for s in ins]
    out = []
    for sizes in zip(*padded, strict=True):
        big = {n for n in sizes if n != 1}
        if len(big) > 1:
            raise ShapeError("shapes do not match: " + " and ".join(show(s) for s in ins))
        out.append(big.pop() if big else 1)
    return tuple(out)


def show(shape: Sequence[int]) -> str:
    """``16x26x26``"""
    return "x".join(str(n) for n in shape) or "scalar"


def pointwise(shape: Shape, out: Shape) -> Along:
    """Reads of an elementwise op: aligned at the last axis, axes of size 1 broadcast."""
    shift = len(out) - len(shape)
    return Along(tuple(AxisRead(repeated(n, out[i + shift]), i + shift) for i, n in enumerate(shape)))


def repeated(n: int, m: int) -> Relation:
    """One to one, or one cell read by all ``m`` where an axis of size 1 is broadcast."""
    return Blocks(1, m) if n == 1 != m else SAME


def axis(dim: int, shape: Shape, name: str = "dim") -> int:
    """Index into ``shape`` (no batch) of torch's ``dim`` (batch counted); raises FieldError."""
    n = len(shape) + 1
    at = dim + n if dim < 0 else dim
    if not 1 <= at < n:
        raise FieldError(
            name, f"must be an axis from 1 to {n - 1} (1 is the first after the batch), got {dim}"
        )
    return at - 1


def split_map(shape: Shape, rank: int, what: str) -> tuple[Shape, int, Shape]:
    """``(leading, channels, space)`` of a map with ``rank`` spatial axes; raises ShapeError."""
    if rank < 1:
        raise ShapeError(f"{what} needs a map with spatial axes, got {show(shape)}")
    if len(shape) < rank + 1:
        raise ShapeError(f"{what} needs a map with {rank} spatial axes, got {show(shape)}")
    cut = len(shape) - rank
    return shape[: cut - 1], shape[cut - 1], shape[cut:]


def map_reads(shape: Shape, rank: int, channel: Relation, space: Sequence[Relation]) -> Along:
    """Reads of an op on a map: ``channel`` along its channels, ``space`` along its space, the rest one to one."""
    lead = len(shape) - rank - 1
    relations = [SAME] * lead + [channel, *space]
    return Along(tuple(AxisRead(r, i) for i, r in enumerate(relations)))


def arguments(*values: Any, **named: Any) -> str:
    """Arguments of a call as source text; torch's defaults are the caller's to leave out.

    >>> arguments(3, 8, bias=False)
    '3, 8, bias=False'
    """
    return ", ".join([*(repr(v) for v in values), *(f"{k}={v!r}" for k, v in named.items())])


def squeeze(values: Sequence[Any]) -> Any:
    """One number where all axes agree, else the tuple: how people write ``kernel_size=3``."""
    return values[0] if values and all(v == values[0] for v in values) else tuple(values)
