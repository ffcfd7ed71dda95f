"""Small tensors of exact numbers: how they are given, and random ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import prod
from typing import Any

from convviz.analysis.regularizers.optimizers import exact, whole
from convviz.errors import FieldError
from convviz.ops.base import Shape, show

MAX_WEIGHTS = 2_000
MAX_RANK = 5


@dataclass(frozen=True)
class Weights:
    """Numbers in C order, and their shape (at least one axis).

    >>> Weights.of([[3, -1], [0.5, 0]])
    Weights(shape=(2, 2), values=(Fraction(3, 1), Fraction(-1, 1), Fraction(1, 2), Fraction(0, 1)))
    """

    shape: Shape
    values: tuple[Fraction, ...]

    @classmethod
    def of(cls, given: Any, where: str = "weights", most: int = MAX_WEIGHTS) -> Weights:
        """From nested sequences, an array or a number; raises FieldError for another form or more than ``most``."""
        if isinstance(given, Weights):
            return given
        if hasattr(given, "tolist"):
            if getattr(given, "size", 0) > most:
                raise FieldError(where, f"may have {most:,} numbers, got {given.size:,}")
            given = given.tolist()
        shape: list[int] = []
        level = given
        while isinstance(level, Sequence) and not isinstance(level, str):
            shape.append(len(level))
            if not level or len(shape) > MAX_RANK:
                break
            level = level[0]
        if len(shape) > MAX_RANK or 0 in shape:
            raise FieldError(where, f"needs 1 to {MAX_RANK} axes with numbers in them")
        if prod(shape) > most:
            raise FieldError(where, f"may have {most:,} numbers, got {prod(shape):,}")
        return cls(tuple(shape) or (1,), tuple(_collect(given, shape, (), where)))

    @classmethod
    def random(cls, shape: Sequence[int], seed: int = 0, where: str = "shape") -> Weights:
        """Numbers from -3 to 3 with one digit behind the point; raises FieldError for a shape that is too large."""
        sizes = tuple(shape)
        if not 1 <= len(sizes) <= MAX_RANK or min(sizes) < 1 or prod(sizes) > MAX_WEIGHTS:
            told = show(sizes) if len(str(sizes)) < 60 else "more"
            raise FieldError(
                where, f"needs 1 to {MAX_RANK} sizes and up to {MAX_WEIGHTS:,} weights, got {told}"
            )
        import numpy as np

        found = np.random.default_rng(whole(seed, "seed", 0, 2**64)).integers(-30, 31, prod(sizes))
        return cls(sizes, tuple(Fraction(int(n), 10) for n in found))

    def spread(self, given: Any, where: str) -> Weights:
        """Numbers for each of these weights: of the same shape, or one number for all. Raises FieldError."""
        other = Weights.of(given, where)
        if len(other.values) == 1:
            return Weights(self.shape, other.values * len(self.values))
        if other.shape != self.shape:
            raise FieldError(
                where,
                f"must be one number, or {show(self.shape)} as the weights are; got {show(other.shape)}",
            )
        return other

    @property
    def cells(self) -> tuple[tuple[int, ...], ...]:
        """The index of each number."""
        return tuple(product(*map(range, self.shape)))

    @property
    def names(self) -> tuple[str, ...]:
        """``w[0,1]``, as torch indexes."""
        return tuple(f"w[{','.join(map(str, cell))}]" for cell in self.cells)


def _collect(given: Any, shape: Sequence[int], at: tuple[int, ...], where: str) -> Iterable[Fraction]:
    if len(at) == len(shape):
        if isinstance(given, Sequence) and not isinstance(given, str):
            raise FieldError(where, f"has a list where a number is needed, at {list(at)}")
        yield exact(given, f"{where}{list(at)}" if at else where)
        return
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != shape[len(at)]:
        got = len(given) if isinstance(given, Sequence) and not isinstance(given, str) else "a number"
        raise FieldError(
            where, f"rows must be of equal length: {shape[len(at)]} numbers at {list(at)}, got {got}"
        )
    for i, item in enumerate(given):
        yield from _collect(item, shape, (*at, i), where)
