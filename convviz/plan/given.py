"""An op with the numbers that it is explained on: the user's, or small whole ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from convviz.errors import ConvvizError, nearest
from convviz.ops.base import Array, Op, Shape, show
from convviz.plan.defaults import default_inputs, default_weights
from convviz.plan.limits import MAX_CELLS, MAX_STEPS, MAX_TERMS, check_count
from convviz.plan.model import Cell, Grid, Number, Term
from convviz.plan.reach import count_read, widest


@dataclass(frozen=True)
class Given:
    """An op, its inputs and weights as arrays without a batch axis, and what ``forward`` makes of them.

    y: None where the op has no arithmetic. keys, titles: of the panels of its inputs.
    """

    op: Op
    ins: tuple[Shape, ...]
    out: Shape
    xs: tuple[Array, ...]
    weights: dict[str, Array]
    y: Array | None
    keys: tuple[str, ...]
    titles: tuple[str, ...]

    @property
    def kind(self) -> str:
        return self.op.kind

    def result(self, cell: Cell) -> Number:
        """What the op gives for an output cell."""
        assert self.y is not None
        return plain(self.y[cell])

    def inputs(self) -> list[Grid]:
        """A grid for each input."""
        return [
            Grid(key, "input", title, x.shape, table_of(x))
            for key, title, x in zip(self.keys, self.titles, self.xs, strict=True)
        ]

    def parameters(self) -> list[Grid]:
        """A grid for each trained or kept tensor, by its name."""
        return [
            Grid(name, "kernel", name, value.shape, table_of(value))
            for name, value in self.weights.items()
            if name != "num_batches_tracked"
        ]

    def output(self, title: str = "output") -> Grid:
        return Grid("output", "output", title, self.out)

    def value(self, which: int, cell: Cell) -> Number:
        """A cell of input ``which``."""
        return plain(self.xs[which][cell])

    def term(self, which: int, cell: Cell) -> Term:
        value = self.value(which, cell)
        return Term(self.keys[which], cell, value, product=value)


def give(
    op: Op,
    ins: Sequence[Shape],
    xs: Sequence[Any] | None = None,
    weights: Mapping[str, Any] | None = None,
) -> Given:
    """``op`` on inputs of shapes ``ins`` (no batch axis): on ``xs`` and ``weights``, or on small whole numbers.

    Raises ConvvizError where shapes or names do not fit, or the explanation would be absurdly large.
    """
    ins = tuple(tuple(shape) for shape in ins)
    low, high = op.inputs
    if len(ins) < low or (high is not None and len(ins) > high):
        wanted = f"{low}" if low == high else f"at least {low}" if high is None else f"{low} to {high}"
        raise ConvvizError(f"takes {wanted} input{'' if low == high == 1 else 's'}, got {len(ins)}", op.kind)
    for shape in ins:
        if min(shape, default=1) < 1:
            raise ConvvizError(f"needs sizes of at least 1, got {show(shape)}", op.kind)
    out = op.shape(*ins)
    check_size(op, ins, out)
    arrays = default_inputs(op, ins) if xs is None else checked_inputs(op.kind, ins, xs)
    names = op.weights(*ins) | op.buffers(*ins)
    kept = default_weights(op, names) if weights is None else checked_weights(op.kind, names, weights)
    single = len(ins) == 1
    keys = ("input",) if single else tuple(f"input{i + 1}" for i in range(len(ins)))
    titles = ("input",) if single else tuple(f"input {letter(i)}" for i in range(len(ins)))
    return Given(op, ins, out, arrays, kept, run(op, arrays, kept), keys, titles)


def letter(which: int) -> str:
    """What an input is called in formulas: ``a``, ``b``, ... and numbers after ``z``."""
    return chr(ord("a") + which) if which < 26 else str(which + 1)


def run(op: Op, xs: Iterable[Array], weights: Mapping[str, Array]) -> Array | None:
    """``forward`` on arrays without a batch axis; None where the op has no arithmetic of its own."""
    if type(op).forward is Op.forward:
        return None
    with np.errstate(all="ignore"):  # the logarithm of 0 is -inf, as in torch, and no warning
        return np.asarray(op.forward(*(x[None] for x in xs), weights=weights))[0]


def check_size(op: Op, ins: tuple[Shape, ...], out: Shape) -> None:
    """Raise ConvvizError before memory is used for what is too large to be explained."""
    check_count(op.kind, "steps", prod(out), MAX_STEPS)
    for shape in ins:
        check_count(op.kind, "input cells", prod(shape), MAX_CELLS)
    weights = op.weights(*ins) | op.buffers(*ins)
    check_count(op.kind, "weights", sum(prod(shape) for shape in weights.values()), MAX_CELLS)
    relations = op.reads(*ins)
    check_count(op.kind, "cells to read at once", max(map(widest, relations), default=0), MAX_CELLS)
    reads = sum(count_read(read, shape, out) for read, shape in zip(relations, ins, strict=True))
    check_count(op.kind, "cells to read", prod(out) * reads, MAX_TERMS)


def checked_inputs(where: str, ins: tuple[Shape, ...], xs: Sequence[Any]) -> tuple[Array, ...]:
    if len(xs) != len(ins):
        raise ConvvizError(f"needs numbers for {len(ins)} inputs, got {len(xs)}", where)
    return tuple(
        array(x, shape, "input" if len(ins) == 1 else f"input {letter(i)}")
        for i, (x, shape) in enumerate(zip(xs, ins, strict=True))
    )


def checked_weights(where: str, names: Mapping[str, Shape], weights: Mapping[str, Any]) -> dict[str, Array]:
    for name in weights:
        if name not in names and name != "num_batches_tracked":
            have = ", ".join(names) or "none"
            raise ConvvizError(f"has no weight {name!r}{nearest(name, names)} (weights: {have})", where)
    if missing := [name for name in names if name not in weights]:
        raise ConvvizError(f"needs the weight {missing[0]!r} of shape {show(names[missing[0]])}", where)
    return {name: array(weights[name], shape, name) for name, shape in names.items()}


def array(values: Any, shape: Shape, name: str) -> Array:
    """Numbers as an array of ``shape``; raises ConvvizError."""
    try:
        done = np.asarray(values, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise ConvvizError(f"must be an array of numbers of shape {show(shape)}", name) from None
    if done.shape != tuple(shape):
        raise ConvvizError(f"must have the shape {show(shape)}, got {show(done.shape)}", name)
    return done


def plain(value: Any) -> Number:
    """A Python number, whole where it is.

    >>> plain(np.float64(3)), plain(np.float64(0.5))
    (3, 0.5)
    """
    number = float(value)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def table_of(values: Array) -> dict[Cell, Number]:
    """The values of an array by cell."""
    return {cell: plain(values[cell]) for cell in np.ndindex(values.shape)}
