"""Every mask of a small tensor, and the exact average over all of them: what dropout keeps the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

from convviz.analysis.regularizers.optimizers import exact
from convviz.errors import FieldError
from convviz.plan.given import plain
from convviz.plan.model import Cell, Formula, Grid, Number, Plan, Step, Term, Work, Write
from convviz.plan.pieces import equal, step
from convviz.plan.regularizers.updates import num
from convviz.plan.words import TIMES, count, position

MOST = 6  # cells (or channels) that fall or stay: 64 masks


@dataclass(frozen=True)
class Mask:
    """One mask over the units: which stay, how likely it is, and what comes out of the values."""

    stays: tuple[bool, ...]
    chance: Fraction
    out: tuple[Fraction, ...]

    @property
    def kept(self) -> int:
        return sum(self.stays)


@dataclass(frozen=True)
class AllMasks:
    """All masks of ``values`` with dropout ``p``. units: the cell or channel that a value falls with.

    scale: whether what stays grows by 1/(1 − p), as it does; False shows what would come of it otherwise.
    """

    values: tuple[Fraction, ...]
    shape: tuple[int, ...]
    p: Fraction
    units: tuple[int, ...]
    scale: bool = True

    @cached_property
    def masks(self) -> tuple[Mask, ...]:
        """From the one that keeps everything to the one that drops everything."""
        found = []
        grown = 1 / (1 - self.p) if self.scale and self.p != 1 else Fraction(1)
        for stays in product((True, False), repeat=max(self.units) + 1):
            kept = sum(stays)
            chance = (1 - self.p) ** kept * self.p ** (len(stays) - kept)
            out = tuple(
                v * grown if stays[u] else Fraction(0) for v, u in zip(self.values, self.units, strict=True)
            )
            found.append(Mask(stays, chance, out))
        return tuple(found)

    @property
    def mean(self) -> tuple[Fraction, ...]:
        """The average of what comes out, each mask by its chance."""
        return tuple(
            sum((m.chance * m.out[i] for m in self.masks), Fraction(0)) for i in range(len(self.values))
        )

    def cells(self) -> list[Cell]:
        """The values' places in the tensor (C, *space)."""
        return list(product(*map(range, self.shape)))

    @cached_property
    def plan(self) -> Plan:
        """Panels ``input``, ``mask0`` to ``maskN`` and ``mean``: a step for each mask, then each average."""
        cells = self.cells()
        grids = [Grid("input", "input", "the input", self.shape, self.table(self.values))]
        steps: list[Step] = []
        for i, mask in enumerate(self.masks):
            key = f"mask{i}"
            grids.append(Grid(key, "output", self.chance_text(mask), self.shape))
            terms = tuple(
                Term("input", cell, num_of(v), product=num_of(out), to=cell)
                for cell, v, out in zip(cells, self.values, mask.out, strict=True)
            )
            work = Work("function", terms, None, self.chance_text(mask), name="dropout")
            writes = [Write(key, cell, num_of(out)) for cell, out in zip(cells, mask.out, strict=True)]
            caption = (
                f"{count(mask.kept, 'unit')} of {len(mask.stays)} stay, with probability {num(mask.chance)}."
            )
            steps.append(step("Masks", caption, work, writes))
        grids.append(Grid("mean", "output", "average over all masks", self.shape))
        steps += [self.mean_step(i, cell) for i, cell in enumerate(cells)]
        what = words_of(self)
        title = f"All {count(len(self.masks), 'mask')} of {what}, p {num(self.p)}"
        return Plan("dropout_masks", title, tuple(grids), tuple(steps), (self.formula(0),))

    def mean_step(self, i: int, cell: Cell) -> Step:
        """The average of one cell: what it is where it stays, times how likely that is."""
        terms = tuple(
            Term(f"mask{j}", cell, num_of(m.out[i]), None, num_of(m.chance), num_of(m.chance * m.out[i]))
            for j, m in enumerate(self.masks)
        )
        text = equal(f"{num(self.p)}{TIMES}0 + {num(1 - self.p)}{TIMES}{self.grown(i)}", num_of(self.mean[i]))
        work = Work("function", terms, num_of(self.mean[i]), text, name="mean")
        caption = f"Cell {position(cell[1:])} over all {len(self.masks)} masks: {text}."
        return step("Average", caption, work, [Write("mean", cell, num_of(self.mean[i]))])

    def grown(self, i: int) -> str:
        """A value as it is where it stays: ``5/0.5``, or ``5`` without the scale."""
        value = num(self.values[i])
        return f"{value}/{num(1 - self.p)}" if self.scale and self.p not in (0, 1) else value

    def formula(self, i: int) -> Formula:
        symbols = "p×0 + (1 − p)×x/(1 − p)" if self.scale else "p×0 + (1 − p)×x"
        numbers = f"{num(self.p)}{TIMES}0 + {num(1 - self.p)}{TIMES}{self.grown(i)}"
        return Formula("mean of an output", symbols, numbers, num(self.mean[i]))

    def chance_text(self, mask: Mask) -> str:
        """``1/16``, as a fraction where that is short."""
        return f"{mask.chance}" if len(str(mask.chance)) <= 6 else num(mask.chance)

    def table(self, values: Sequence[Fraction]) -> dict[Cell, Number]:
        return {cell: num_of(v) for cell, v in zip(self.cells(), values, strict=True)}


def num_of(value: Fraction) -> Number:
    return plain(float(value))


def words_of(found: AllMasks) -> str:
    units = max(found.units) + 1
    return count(units, "cell") if units == len(found.values) else count(units, "channel")


def all_masks(
    values: Sequence[Any], shape: Sequence[int], p: Any, kind: str = "dropout", scale: bool = True
) -> AllMasks:
    """All masks of a tensor (C, *space) of few cells; kind: dropout (each cell) or dropout2d (each channel).

    Raises FieldError for more than :data:`MOST` cells or channels, and for another kind.

    >>> found = all_masks([4, 6], (1, 2), 0.5)
    >>> [str(v) for v in found.mean], len(found.masks)
    (['4', '6'], 4)
    """
    shape, share = tuple(shape), exact(p, "p", low=0, high=1)
    numbers = tuple(Fraction(v) for v in values)
    if prod(shape) != len(numbers) or not numbers:
        raise FieldError("shape", f"does not hold {len(numbers)} numbers")
    if kind not in ("dropout", "dropout2d"):
        raise FieldError("kind", f"no dropout {kind!r} (there are dropout, dropout2d)")
    per = len(numbers) // shape[0]
    units = tuple(range(len(numbers))) if kind == "dropout" else tuple(i // per for i in range(len(numbers)))
    if max(units) >= MOST:
        raise FieldError(
            "shape", f"{2 ** (max(units) + 1):,} masks are too many to be shown; at most {2**MOST}"
        )
    return AllMasks(numbers, shape, share, units, scale)
