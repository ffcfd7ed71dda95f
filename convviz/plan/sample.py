"""What a windowed plan computes with: the arrays given or small whole numbers, once it is known to stay small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from convviz.errors import ConvvizError
from convviz.ops.base import Array, Op, Shape
from convviz.plan.given import checked_inputs, checked_weights
from convviz.plan.limits import MAX_CELLS, MAX_STEPS, MAX_TERMS, check_count

WEIGHTS = (-2, -1, -1, 0, 1, 1, 2)
LARGEST = 1e100
BIASES = (-2, -1, 1, 2, 3)


def guard(op: Op, shape: Shape, terms: int = 0, steps: int | None = None) -> Shape:
    """The output shape, once it is known that the plan is small enough to follow; nothing is made before.

    terms: summands of one step; steps: how many there are, where it is not one for each output cell.
    """
    out = op.shape(shape)
    steps = prod(out) if steps is None else steps
    check_count(op.kind, "steps", steps, MAX_STEPS)
    check_count(op.kind, "input cells", prod(shape), MAX_CELLS)
    check_count(op.kind, "output cells", prod(out), MAX_CELLS)
    check_count(op.kind, "weights", sum(prod(s) for s in op.weights(shape).values()), MAX_CELLS)
    check_count(op.kind, "terms", steps * terms, MAX_TERMS)
    return out


def sample(op: Op, shape: Shape, xs: Sequence[Any] | None, seed: int = 0) -> Array:
    """The one input of an op, checked; where none is given, whole numbers from 0 to 5."""
    if xs is not None:
        return finite(checked_inputs(op.kind, (shape,), xs)[0], "input")
    return np.random.default_rng([seed, 1]).integers(0, 6, shape).astype(float)


def weights(op: Op, shape: Shape, given: Mapping[str, Any] | None, seed: int = 0) -> dict[str, Array]:
    """The weights of an op, checked; where none are given, whole numbers from −2 to 2 (biases to 3, never 0)."""
    shapes = op.weights(shape)
    if given is not None:
        return {name: finite(w, name) for name, w in checked_weights(op.kind, shapes, given).items()}
    rng = np.random.default_rng([seed, 2])
    return {
        name: rng.choice(np.array(BIASES if name == "bias" else WEIGHTS, dtype=float), size)
        for name, size in shapes.items()
    }


def finite(array: Array, name: str) -> Array:
    """The array; raises ConvvizError for numbers whose products would not be finite."""
    if array.size and not np.abs(array).max() <= LARGEST:
        raise ConvvizError(f"must hold finite numbers of at most {LARGEST:g}", name)
    return array


def same(a: float, b: float, scale: float = 0) -> bool:
    """Whether two sums agree, in whatever order they were added; scale: of their largest summand."""
    return a == b or bool(np.isclose(a, b, rtol=1e-6, atol=1e-9 * (1 + scale), equal_nan=True))
