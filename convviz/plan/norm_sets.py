"""A normalized batch and the sets of its cells that share statistics, as plans tell them.

Of one sample the cells are named ``(c, *space)``, of several ``(n, c, *space)``. Sets and statistics are those of the
result (:class:`~convviz.analysis.norms.normalize.Normalized`); only the sums in between are added up here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from convviz.analysis.norms.normalize import Normalized
from convviz.analysis.norms.set_names import names_of
from convviz.ops.base import Array, Shape
from convviz.plan.given import plain
from convviz.plan.model import Cell, Number

FEW = 64  # cells of a batch whose results may have a step each


@dataclass(frozen=True)
class Batch:
    """A result with the names that its plan gives to samples, cells and sets.

    each: each result of a small batch has a step of its own, not each set of them.
    """

    result: Normalized
    each: bool = False

    @property
    def x(self) -> Array:
        return self.result.x

    @property
    def shape(self) -> Shape:
        """Of one sample."""
        return self.x.shape[1:]

    @property
    def several(self) -> bool:
        return len(self.x) > 1

    @property
    def shown(self) -> Shape:
        """Of the grids."""
        return self.x.shape if self.several else self.shape

    @property
    def samples(self) -> tuple[str, ...]:
        return tuple(f"sample {n}" for n in range(len(self.x))) if self.several else ()

    @property
    def single(self) -> bool:
        """Whether each result has a step of its own."""
        return self.each and self.x.size <= FEW

    @property
    def centred(self) -> bool:
        return self.result.rule.centred

    @cached_property
    def sets(self) -> tuple[Set, ...]:
        return tuple(Set(self, i, cells) for i, cells in enumerate(self.result.sets))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of the sets; of a single sample its number is not told."""
        names = names_of(self.result)
        if self.several:
            return names
        return tuple(name.removeprefix("sample 0").removeprefix(", ") or "all cells" for name in names)

    def cell(self, full: Cell) -> Cell:
        """A cell of the batch as the grids name it."""
        return full if self.several else full[1:]

    @cached_property
    def affine(self) -> Array | None:
        """For every cell of a sample, the number of its weight among all weights; None where there is no affine."""
        op = self.result.op
        shape = op.affine_shape(self.shape) if op else None
        if shape is None:
            return None
        numbers = np.arange(self.result.weights["weight"].size).reshape(shape)
        return np.broadcast_to(numbers, self.shape)


@dataclass(frozen=True)
class Set:
    """Cells that share their statistics; ``cells`` are (n, c, *space), ``number`` is their label."""

    batch: Batch
    number: int
    cells: tuple[Cell, ...]

    @property
    def at(self) -> Cell:
        """Its cell in the panels of statistics."""
        return (self.number,)

    @property
    def size(self) -> int:
        return len(self.cells)

    @property
    def name(self) -> str:
        """``channels 0 to 1``; the axes that are not covered are named."""
        return self.batch.names[self.number]

    @property
    def title(self) -> str:
        return f"{self.name[0].upper()}{self.name[1:]}"

    @cached_property
    def shown(self) -> tuple[Cell, ...]:
        return tuple(self.batch.cell(cell) for cell in self.cells)

    def of(self, values: Array) -> list[Number]:
        """The values of its cells."""
        return [plain(values[cell]) for cell in self.cells]

    @cached_property
    def values(self) -> list[Number]:
        return self.of(self.batch.x)

    @cached_property
    def sum(self) -> Number:
        return plain(np.sum([self.batch.x[cell] for cell in self.cells]))

    @property
    def shift(self) -> Number:
        """What is taken away: the mean, the running mean, the least value, or 0."""
        return plain(self.batch.result.shift[self.number])

    @property
    def scale(self) -> Number:
        """What is divided by."""
        return plain(self.batch.result.scale[self.number])

    @property
    def var(self) -> Number:
        """The biased variance, the running one, or the mean square."""
        assert self.batch.result.var is not None
        return plain(self.batch.result.var[self.number])

    @property
    def low(self) -> Number:
        """The least of its values, of min-max."""
        assert self.batch.result.low is not None
        return plain(self.batch.result.low[self.number])

    @property
    def high(self) -> Number:
        assert self.batch.result.high is not None
        return plain(self.batch.result.high[self.number])

    @cached_property
    def deviations(self) -> list[Number]:
        with np.errstate(all="ignore"):
            return [plain(np.float64(value) - self.shift) for value in self.values]

    @cached_property
    def squares(self) -> list[Number]:
        with np.errstate(all="ignore"):
            return [plain(np.float64(value) ** 2) for value in self.deviations]

    @cached_property
    def square_sum(self) -> Number:
        with np.errstate(all="ignore"):
            return plain(np.sum(np.array(self.squares, dtype=float)))
