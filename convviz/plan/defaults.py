"""The small whole numbers that an op is explained on where no others are given."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import NamedTuple

import numpy as np

from convviz.ops.base import Array, Op, Shape
from convviz.ops.norm import Norm


class Span(NamedTuple):
    """Whole numbers from ``low`` to ``high``, times ``unit``."""

    low: int
    high: int
    unit: float = 1.0


ANY = Span(-2, 3)
# Where the function is not defined for every number, or says nothing about whole ones.
SPANS = {
    **dict.fromkeys(("sqrt", "rsqrt", "log", "reciprocal"), Span(1, 9)),
    **dict.fromkeys(("floor", "ceil", "round"), Span(-5, 5, 0.5)),
    **dict.fromkeys(("attention", "scaled_dot_product_attention", "lstm", "gru"), Span(-1, 1)),
}
WEIGHTS = {
    "running_mean": Span(0, 2),
    "weight": Span(-1, 2),
    "value": Span(-2, 3),
}
NORM_WEIGHTS = {"weight": Span(1, 3), "running_mean": Span(0, 2), "running_var": Span(1, 3)}


def small(shape: Shape, span: Span = ANY, seed: int = 0) -> Array:
    """Small whole numbers in no visible order, the same every time.

    >>> small((2, 4)).tolist()
    [[-2.0, 1.0, -1.0, 2.0], [0.0, 3.0, 1.0, -1.0]]
    """
    count = span.high - span.low + 1
    at = np.arange(prod(shape)) + 5 * seed
    return ((at * 3 + at // 2 + at // 7) % count + span.low).reshape(shape) * span.unit


def default_inputs(op: Op, ins: tuple[Shape, ...]) -> tuple[Array, ...]:
    xs = [small(shape, SPANS.get(op.kind, ANY), i) for i, shape in enumerate(ins)]
    if op.kind == "div":
        xs = [xs[0], *(small(shape, Span(1, 4), i) for i, shape in enumerate(ins[1:]))]
    return tuple(xs)


def default_weights(op: Op, names: Mapping[str, Shape]) -> dict[str, Array]:
    """Small whole numbers for each weight; a running variance is a square."""
    if op.kind == "prelu":
        return {name: np.full(shape, float(getattr(op, "init", 0.25))) for name, shape in names.items()}
    spans = NORM_WEIGHTS if isinstance(op, Norm) else WEIGHTS
    made = {
        name: small(shape, spans.get(name, Span(-1, 1)), seed)
        for seed, (name, shape) in enumerate(names.items())
    }
    return {name: value**2 if name == "running_var" else value for name, value in made.items()}
