"""What several topics need: arrays as boxes, small numbers at random, answers taken from a plan's steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from convviz.errors import ConvvizError
from convviz.exercise.model import Blank, Box, Known
from convviz.ops.base import Array, Op, Shape, build
from convviz.plan.given import plain
from convviz.plan.model import Cell, Formula, Number, Plan
from convviz.plan.words import number

T = TypeVar("T")
Rng = np.random.Generator


def pick(rng: Rng, options: Sequence[T]) -> T:
    """One of the options, each as likely."""
    return options[int(rng.integers(len(options)))]


def whole(rng: Rng, low: int, high: int) -> int:
    """An integer from low to high, both included."""
    return int(rng.integers(low, high + 1))


def map_box(title: str, values: Array) -> Box:
    """The numbers of one image (H, W) or row (W,)."""
    rows = values if values.ndim == 2 else values[None]
    return Box(title, tuple(tuple(number(plain(v)) for v in row) for row in rows))


def map_boxes(title: str, values: Array) -> tuple[Box, ...]:
    """A box for each channel of a map (C, *space)."""
    many = len(values) > 1
    return tuple(map_box(f"{title}, channel {c}" if many else title, v) for c, v in enumerate(values))


def blank_box(title: str, ids: Sequence[Sequence[str]]) -> Box:
    """A box of blanks by the ids of their questions."""
    return Box(title, tuple(tuple(Blank(id) for id in row) for row in ids))


def value(known: Known, id: str) -> float:
    """An earlier answer that is one number."""
    answer = known[id]
    assert not isinstance(answer, tuple)
    return float(answer)


class Worked(NamedTuple):
    """A number of a plan and how it is worked out."""

    value: Number
    text: str


def worked(plan: Plan, panel: str, cell: Cell) -> Worked:
    """What a plan writes into a cell, with the arithmetic of the step that writes it last."""
    for step in reversed(plan.steps):
        for write in step.writes:
            if write.panel == panel and write.cell == cell:
                return Worked(write.value, step.work.text if step.work else "")
    raise KeyError((panel, cell))


def in_numbers(formula: Formula) -> str:
    """``o = i − k + 1 = 9 − 3 + 1 = 7``"""
    return " = ".join(dict.fromkeys(p for p in (formula.symbols, formula.numbers, formula.result) if p))


def torch_text(op: Op, shape: Shape) -> str:
    """The op as one writes it in PyTorch."""
    return op.torch(shape).module


def altered(op: Op, **fields: Any) -> Op | None:
    """The same op with other fields; None where it does not take them."""
    known = op.fields()
    if any(name not in known for name in fields):
        return None
    rank = getattr(op, "rank", 2)
    try:
        return build(op.kind, {**known, **fields}, rank)
    except ConvvizError:
        return None


def shape_of(op: Op | None, shape: Shape) -> Shape | None:
    """The output shape; None where there is no such op or the input does not fit."""
    if op is None:
        return None
    try:
        return op.shape(shape)
    except ConvvizError:
        return None
