"""What a shift of the picture changes behind a pool: windows that stand still over a map that moves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from convviz.ops.base import Array, Op, Shape
from convviz.plan import words
from convviz.plan.given import table_of
from convviz.plan.limits import MAX_CELLS, check_count
from convviz.plan.model import Cell, Grid, Marked, Panel, Plan, Step, Write
from convviz.plan.pieces import grid
from convviz.plan.pool_beside import Pair, numbers

ENTERS = np.array(
    [[6, 2], [4, 0], [1, 4], [1, 2]], dtype=float
)  # comes in from the left of the example's map


@dataclass(frozen=True, eq=False)
class Moved:
    """The picture moved by ``shift`` columns to the right under windows that stand still, and both results."""

    shift: int
    x: Array
    largest: Array
    mean: Array

    def values(self, key: str) -> Array:
        return {"max": self.largest, "mean": self.mean}[key]


@dataclass(frozen=True, eq=False)
class Shifts:
    """A picture that moves by 0, 1, ... columns up to the stride. wide: all of its columns."""

    pair: Pair
    wide: Array
    moves: tuple[Moved, ...]

    @property
    def stride(self) -> int:
        return self.pair.mean.stride[-1]

    def stayed(self, key: str, shift: int) -> tuple[Cell, ...]:
        """The outputs that are what they were before the shift."""
        before, after = self.moves[0].values(key), self.moves[shift].values(key)
        return tuple(cell for cell in np.ndindex(before.shape) if before[cell] == after[cell])

    def travelled(self, key: str) -> tuple[Cell, ...]:
        """The outputs that, after a shift by the stride, are those of their neighbour on the left before."""
        before, after = self.moves[0].values(key), self.moves[-1].values(key)
        return tuple(
            cell
            for cell in np.ndindex(before.shape)
            if cell[-1] and after[cell] == before[(*cell[:-1], cell[-1] - 1)]
        )

    @cached_property
    def plan(self) -> Plan:
        """Panels ``input0``, ``max0``, ``mean0``, ``input1``, ...: a step for each shift, marks on what stayed."""
        count, panels, steps = self.moves[0].mean.size, list[Panel](), list[Step]()
        for moved in self.moves:
            at = moved.shift
            panels.append(grid(f"input{at}", "input", f"moved by {at}" if at else "the map", moved.x))
            panels += [
                Grid(f"{key}{at}", "output", title, moved.values(key).shape)
                for key, title in (("max", "the largest"), ("mean", "the mean"))
            ]
            writes = [
                Write(f"{key}{at}", cell, value)
                for key in ("max", "mean")
                for cell, value in table_of(moved.values(key)).items()
            ]
            marks = (
                [Marked(f"{key}{at}", "shared", self.stayed(key, at)) for key in ("max", "mean")]
                if at
                else []
            )
            steps.append(Step(f"Moved by {at}", self.caption(at), tuple(marks), None, tuple(writes)))
        title = f"A shift behind pooling: {words.size(self.pair.shape)} gives {words.size(self.pair.out)}"
        facts = tuple(
            (f"{name} that stay, moved by {m.shift}", f"{len(self.stayed(key, m.shift))} of {count}")
            for m in self.moves[1:]
            for key, name in (("max", "maxima"), ("mean", "means"))
        )
        return Plan("pool_shift", title, tuple(panels), tuple(steps), facts=facts)

    def caption(self, shift: int) -> str:
        """What a shift has changed, in words."""
        if shift == 0:
            return "Before the shift."
        count = self.moves[0].mean.size
        stay = [len(self.stayed(key, shift)) for key in ("max", "mean")]
        text = f"Moved by {shift}: {stay[0]} of {count} maxima stay, and {stay[1]} of {count} means."
        if shift == self.stride:
            text = f"Moved by {shift}, the stride: every result moves by one cell."
        return text


def shifts(op: Op, shape: Shape, seed: int = 0) -> Shifts:
    """The map moved along its last axis under the windows of ``op`` (max or average pooling), its padding left out.

    Raises ConvvizError for another op, for one whose window does not fit, and for maps that are too large.
    """
    pair = Pair.of(op, shape).with_fields(padding=0, ceil_mode=False)
    stride, n = pair.mean.stride[-1], shape[-1]
    _ = pair.out  # raises where the window does not fit
    wide_shape = (*shape[:-1], n + stride)
    check_count("pool_shift", "cells", (stride + 1) * int(np.prod(wide_shape)), MAX_CELLS)
    x = numbers(shape, seed)
    if x.shape == (1, *ENTERS.shape[:1], 4) and seed == 0 and stride == ENTERS.shape[1]:
        enters = ENTERS[None]
    else:
        enters = np.random.default_rng([seed, 5]).integers(0, 10, (*shape[:-1], stride)).astype(float)
    wide = np.concatenate([enters, x], axis=-1)
    moves = []
    for shift in range(stride + 1):
        seen = wide[..., stride - shift : stride - shift + n]
        both = (one.forward(seen[None])[0] for one in (pair.largest, pair.mean))
        moves.append(Moved(shift, seen, *both))
    return Shifts(pair, wide, tuple(moves))
