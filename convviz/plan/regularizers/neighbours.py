"""Why dropping single cells of a map drops little: what falls can be read off its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from convviz.analysis.regularizers.dropout import Dropout, Masked, dropout
from convviz.analysis.regularizers.optimizers import exact
from convviz.errors import FieldError
from convviz.ops.base import Array, Shape
from convviz.plan import words
from convviz.plan.given import plain, table_of
from convviz.plan.model import Cell, Grid, Marked, Number, Panel, Plan, Step, Term, Work, Write
from convviz.plan.pieces import grid, step
from convviz.plan.words import number, position

TRIES = 100  # seeds that are tried until something falls and something stays


def smooth(shape: Shape, step: int = 1) -> Array:
    """A map ``(C, *space)`` of whole numbers from 1 to 9, multiples of ``step``, that change little.

    >>> smooth((1, 6)).tolist()
    [[5.0, 7.0, 9.0, 9.0, 7.0, 5.0]]
    """
    channels, *space = shape
    found = []
    for c in range(channels):
        waves = [np.sin((np.arange(n) + 2 * c) / (1.6 + 0.4 * axis)) for axis, n in enumerate(space)]
        total = sum(np.ix_(*waves), start=np.zeros(space)) / max(len(space), 1)
        found.append(np.maximum(np.rint((5 + 4 * total) / step), 1) * step)
    return np.stack(found)


def whole_step(p: Any) -> int:
    """Of what numbers are multiples that stay whole when they grow by 1/(1 − p); 1 where that would be large ones."""
    kept = (1 - exact(p, "p", low=0, high=1)).numerator
    return kept if 1 <= kept <= 4 else 1


def telling(shape: Shape, p: Any, seed: int = 0, kind: str = "dropout") -> Dropout:
    """Dropout on a smooth map: the first draw in which about the share p of the first channel's cells falls, and
    of the channels some fall and some stay; the very first one where none does.
    """
    x = smooth(shape, whole_step(p))[None]
    first = dropout(x, kind, p=p, seed=seed, draws=1)
    for more in range(TRIES):
        found = first if more == 0 else dropout(x, kind, p=p, seed=seed + more, draws=1)
        masks = {way.kind: way.mask for way in found.ways}
        single = masks["dropout"][0, 0]
        whole = masks.get("dropout2d", single).any(axis=tuple(range(2, x.ndim)))
        near = abs(1 - single.mean() - float(found.p)) <= max(0.5 / single.size, 0.05)
        if near and whole[0, 0] and (shape[0] == 1 or not whole.all()):
            return found
    return first


@dataclass(frozen=True, eq=False)
class Guessed:
    """The first channel of a batch whose cells fall one by one, and each of these from the mean of its neighbours."""

    found: Dropout

    @cached_property
    def x(self) -> Array:
        return self.found.x[0, 0]

    @property
    def way(self) -> Masked:
        return next(way for way in self.found.ways if way.kind == "dropout")

    @cached_property
    def fallen(self) -> tuple[Cell, ...]:
        mask = self.way.mask[0, 0]
        return tuple(cell for cell in np.ndindex(mask.shape) if not mask[cell])

    def around(self, cell: Cell) -> tuple[Cell, ...]:
        """The neighbours that stay, corners included."""
        mask = self.way.mask[0, 0]
        near = product(
            *(range(max(0, at - 1), min(n, at + 2)) for at, n in zip(cell, mask.shape, strict=True))
        )
        return tuple(at for at in near if mask[at])

    @cached_property
    def guesses(self) -> dict[Cell, Number]:
        """The mean of the neighbours that stay, for each fallen cell that has one."""
        near = {cell: self.around(cell) for cell in self.fallen}
        return {cell: plain(np.mean([self.x[at] for at in cells])) for cell, cells in near.items() if cells}

    @property
    def off(self) -> float:
        """How far the guesses are from the cells that fell, on average."""
        return float(np.mean([abs(value - self.x[cell]) for cell, value in self.guesses.items()] or [0.0]))

    @property
    def spread(self) -> float:
        """How far a guess would be off that knows only the mean of the map: what a whole channel leaves at best."""
        return float(np.mean([abs(self.x.mean() - self.x[cell]) for cell in self.fallen] or [0.0]))

    @cached_property
    def plan(self) -> Plan:
        """Panels ``map`` (what stays), ``guess`` and ``truth``: a step for each cell that fell."""
        shape = (1, *self.x.shape)
        mask = self.way.mask[0, 0]
        kept = {(0, *cell): plain(self.x[cell]) for cell in np.ndindex(mask.shape) if mask[cell]}
        panels: list[Panel] = [
            Grid("map", "input", "what stays", shape, kept),
            Grid("guess", "output", "means of neighbours", shape),
            grid("truth", "input", "what it was", self.x[None]),
        ]
        steps = [self.guess_step(cell, value) for cell, value in self.guesses.items()]
        facts = (
            ("guesses off by", number(round(self.off, 2))),
            ("off by, from the mean of the map", number(round(self.spread, 2))),
            ("cells that fell", f"{len(self.fallen)} of {self.x.size}"),
        )
        title = "A cell that falls can be read off its neighbours"
        return Plan("dropout_neighbours", title, tuple(panels), tuple(steps), facts=facts)

    def guess_step(self, cell: Cell, value: Number) -> Step:
        cells = [(0, *at) for at in self.around(cell)]
        terms = tuple(Term("map", at, plain(self.x[at[1:]]), product=plain(self.x[at[1:]])) for at in cells)
        text = words.mean_text(terms, len(terms), value)
        work = Work("mean", terms, value, text, divisor=len(terms))
        was = number(plain(self.x[cell]))
        caption = f"Cell {position(cell)} fell. The mean of its neighbours is {number(value)}; it was {was}."
        marks = [Marked("truth", "shared", ((0, *cell),))]
        return step("Neighbours", caption, work, [Write("guess", (0, *cell), value)], marks=marks)


def draws(shape: Shape, p: Any, seed: int = 0, count: int = 3) -> Plan:
    """The same map in training, drawn a few times, and in evaluation: panels ``draw0`` ..., ``eval``."""
    if count < 1:
        raise FieldError("count", f"must be at least 1, got {count}")
    x = smooth(shape, whole_step(p))[None]
    found = [dropout(x, p=p, seed=seed + i, draws=1).way for i in range(count)]
    panels: list[Panel] = [Grid(f"draw{i}", "output", f"training, draw {i + 1}", shape) for i in range(count)]
    panels.append(Grid("eval", "output", "evaluation", shape))
    outs = [*(way.output[0] for way in found), x[0]]
    steps = [
        Step(
            "Training" if i < count else "Evaluation",
            f"Mean of all cells: {number(round(float(out.mean()), 2))}.",
            writes=tuple(Write(panels[i].key, cell, value) for cell, value in table_of(out).items()),
        )
        for i, out in enumerate(outs)
    ]
    facts = tuple(
        (panel.title, number(round(float(out.mean()), 2))) for panel, out in zip(panels, outs, strict=True)
    )
    return Plan(
        "dropout_modes", "Training draws, evaluation does not", tuple(panels), tuple(steps), facts=facts
    )
