"""A batch that is normalized, and the sets of its cells that share statistics.

Of one sample the cells are named ``(c, *space)``, of several ``(n, c, *space)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from convviz.ops.base import Array, Shape
from convviz.ops.norm import Norm, running
from convviz.plan.given import plain
from convviz.plan.model import (
    Cell,
    Number,
)
from convviz.plan.words import along, listing

Mode = Literal["train", "eval"]


@dataclass(frozen=True)
class Batch:
    """A norm and the batch ``x`` (N, C, *space) that it works on."""

    op: Norm
    x: Array
    weights: dict[str, Array]
    mode: Mode = "eval"

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
    def live(self) -> bool:
        """Whether the statistics come from the numbers at hand, not from running ones."""
        return bool(self.op.statistics(self.shape, mode=self.mode))

    @cached_property
    def y(self) -> Array:
        with np.errstate(all="ignore"):
            return self.op.forward(self.x, weights=self.weights, mode=self.mode)

    @cached_property
    def moments(self) -> tuple[Array, Array]:
        """Mean and biased variance for every cell."""
        if self.live:
            mean, var = self.op.moments(self.x, self.mode)
        else:
            mean, var = (np.broadcast_to(part, self.x.shape) for part in running(self.weights, self.x.ndim))
        return mean, var

    @cached_property
    def sets(self) -> tuple[Set, ...]:
        """The cells that share a mean and a variance, set by set."""
        relations = self.op.shares(self.shape, mode=self.mode, batch=len(self.x))
        found: dict[tuple[int, ...], list[Cell]] = {}
        for cell in np.ndindex(self.x.shape):
            if self.live:
                key = tuple(r.taps(i).cells.start for r, i in zip(relations, cell, strict=True))
            else:
                key = cell[1:2]  # running statistics belong to a channel
            found.setdefault(key, []).append(cell)
        return tuple(Set(self, i, tuple(cells)) for i, cells in enumerate(found.values()))

    def cell(self, full: Cell) -> Cell:
        """A cell of the batch as the grids name it."""
        return full if self.several else full[1:]

    def affine(self) -> Array | None:
        """For every cell of a sample, the number of its weight among all weights; None where there is no affine."""
        shape = self.op.affine_shape(self.shape)
        if shape is None:
            return None
        numbers = np.arange(self.weights["weight"].size).reshape(shape)
        return np.broadcast_to(numbers, self.shape)


@dataclass(frozen=True)
class Set:
    """Cells that share their statistics; ``cells`` are (n, c, *space)."""

    batch: Batch
    number: int
    cells: tuple[Cell, ...]

    @property
    def at(self) -> Cell:
        """Its cell in the panels of statistics."""
        return (self.number,)

    @cached_property
    def name(self) -> str:
        """``channels 0 to 1``; all axes that are not covered are named."""
        axes = ["sample", "channel", *(f"axis {i} at" for i in range(1, len(self.batch.shape)))]
        told = []
        for axis, name in enumerate(axes):
            members = sorted({cell[axis] for cell in self.cells})
            if axis == 0 and not self.batch.several:
                continue
            if len(members) < self.batch.x.shape[axis] or axis == 1 == len(members):
                told.append(along(name, members) if axis < 2 else f"{name} {listing(map(str, members))}")
        return ", ".join(told) or "all cells"

    @cached_property
    def shown(self) -> tuple[Cell, ...]:
        return tuple(self.batch.cell(cell) for cell in self.cells)

    @cached_property
    def values(self) -> list[Number]:
        return [plain(self.batch.x[cell]) for cell in self.cells]

    @cached_property
    def sum(self) -> Number:
        return plain(np.sum([self.batch.x[cell] for cell in self.cells]))

    @cached_property
    def mean(self) -> Number:
        return plain(self.batch.moments[0][self.cells[0]])

    @cached_property
    def var(self) -> Number:
        return plain(self.batch.moments[1][self.cells[0]])

    @cached_property
    def std(self) -> Number:
        with np.errstate(all="ignore"):
            return plain(np.sqrt(self.var + self.batch.op.epsilon(self.batch.x)))

    @cached_property
    def deviations(self) -> list[Number]:
        return [plain(np.float64(value) - self.mean) for value in self.values]

    @cached_property
    def squares(self) -> list[Number]:
        return [plain(np.float64(value) ** 2) for value in self.deviations]

    @cached_property
    def normalized(self) -> list[Number]:
        with np.errstate(all="ignore"):
            return [plain(np.float64(value) / self.std) for value in self.deviations]
