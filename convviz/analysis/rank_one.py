"""A kernel as a sum of columns times rows: one where its rank is 1; else the best one, and what that leaves over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from convviz.errors import ConvvizError
from convviz.ops.base import Array, show

Number = int | float

NOISE = 1e-9  # of the largest singular value: what is smaller is rounding
WHOLE = 12  # numbers up to which a column may be scaled to be whole


@dataclass(frozen=True)
class Factor:
    """One column times one row of a sum; ``value``: its singular value."""

    value: float
    column: tuple[Number, ...]
    row: tuple[Number, ...]

    @property
    def product(self) -> Array:
        return np.outer(np.array(self.column, float), np.array(self.row, float))


@dataclass(frozen=True)
class Factored:
    """A kernel as a sum of columns times rows, the best first (singular value decomposition).

    The first n of them are the best kernel of rank n; what they leave over has the energy of the rest (the theorem of
    Eckart and Young, 1936).
    """

    kernel: tuple[tuple[Number, ...], ...]
    factors: tuple[Factor, ...]

    @property
    def rank(self) -> int:
        return len(self.factors)

    @property
    def size(self) -> tuple[int, int]:
        return len(self.kernel), len(self.kernel[0])

    @cached_property
    def energies(self) -> tuple[Number, ...]:
        """The squares of the singular values; they add up to the sum of the squares of all weights."""
        return tuple(tidy(factor.value**2) for factor in self.factors)

    @property
    def energy(self) -> Number:
        """The sum of the squares of all weights."""
        return tidy(sum(value**2 for line in self.kernel for value in line))

    def left(self, terms: int = 1) -> float:
        """The share of the energy that the first ``terms`` columns times rows leave over, 0 to 1."""
        return float(sum(self.energies[terms:]) / self.energy)

    def costs(self, terms: int) -> tuple[int, int]:
        """Weights of so many columns and rows, and of the whole kernel."""
        high, wide = self.size
        return terms * (high + wide), high * wide


def factored(kernel: Sequence[Sequence[Number]] | Array) -> Factored:
    """A kernel of at least 2×2 weights, decomposed; whole numbers where columns and rows have some.

    Raises ConvvizError for another shape, and for a kernel of zeros.

    >>> [(f.column, f.row) for f in factored([[2, 2, 0], [2, 4, 2], [0, 2, 2]]).factors]
    [((1, 2, 1), (1, 2, 1)), ((1, 0, -1), (1, 0, -1))]
    """
    array = np.array(kernel, dtype=float)
    if array.ndim != 2 or min(array.shape) < 2:
        raise ConvvizError(
            f"a kernel of {show(array.shape)} is no product to be found; needs at least 2 rows and 2 columns",
            "kernel_size",
        )
    if not np.isfinite(array).all() or not array.any():
        raise ConvvizError("needs finite weights that are not all 0", "kernel")
    left, values, right = np.linalg.svd(array, full_matrices=False)
    made = [
        factor(float(value), left[:, i], right[i])
        for i, value in enumerate(values)
        if value > NOISE * values[0]
    ]
    total = sum(one.product for one in made)
    assert np.allclose(total, array, atol=1e-6 * values[0]), "the factors do not add up to the kernel"
    rows = tuple(tuple(tidy(value) for value in line) for line in array)
    return Factored(rows, tuple(made))


def factor(value: float, left: Array, right: Array) -> Factor:
    """One term: a column and a row whose product it is, whole numbers where there are any, the column upright."""
    column, scale = whole(left)
    row = value / scale * right
    turn = -1.0 if column[np.flatnonzero(np.abs(column) > 1e-6)[0]] < 0 else 1.0
    return Factor(tidy(value), numbers(turn * column), numbers(turn * row))


def whole(line: Array) -> tuple[Array, float]:
    """A multiple of ``line`` that is whole, if a small one is, and the factor; else the one whose longest is 1."""
    tall = float(np.abs(line).max())
    for by in range(1, WHOLE + 1):
        scaled = line / tall * by
        if np.abs(scaled - scaled.round()).max() < 1e-6:
            return scaled.round(), by / tall
    return line / tall, 1 / tall


def numbers(line: Array) -> tuple[Number, ...]:
    return tuple(tidy(value) for value in line)


def tidy(value: float) -> Number:
    """The whole number that a value is but for rounding, else the value."""
    near = round(float(value))
    return near if abs(value - near) < 1e-9 * max(1.0, abs(value)) else float(value)


def example(size: Sequence[int]) -> list[list[int]]:
    """A kernel of rank 2 with whole factors: a blur along the diagonal.

    A tent times a tent, and a second term at right angles to it.

    >>> example((3, 3))
    [[2, 2, 0], [2, 4, 2], [0, 2, 2]]
    """
    blur, edge = zip(*(lines(n) for n in size), strict=True)
    weight = 2 if min(size) < 3 else 1
    made = weight * np.outer(*blur) + np.outer(*edge)
    return [[int(value) for value in line] for line in made]


def lines(n: int) -> tuple[list[int], list[int]]:
    """A tent, and a line that changes its sign in the middle: the two are at right angles.

    >>> lines(5)
    ([1, 2, 3, 2, 1], [2, 1, 0, -1, -2])
    """
    tent = [min(i, n - 1 - i) + 1 for i in range(n)]
    ramp = [n // 2 - i for i in range(n)] if n % 2 else [1 if 2 * i < n else -1 for i in range(n)]
    return tent, ramp
