"""A batch (N, C, *space) on a board: samples as rows, channels as columns, each map a block of its own H × W cells.

The axes of the image stay apart from each other and from N and C. Cells that share statistics lie in one *tray*.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import prod

import numpy as np

from convviz.figures.cells import Box
from convviz.ops.base import Array, Shape

HEAD = 12.0  # points above a block, within its tray: the number of its set
PAD = 4.5  # on the other sides
GAP = 8.0  # from tray to tray
SLICE = 4.0  # between the slices of a map with depth
CUT = 20.0  # where samples or channels are left out
AXES = {0: "", 1: "L", 2: "HW", 3: "DHW"}  # the letters of the spatial axes, by their number


@dataclass(frozen=True)
class Rack:
    """Where the cells of a batch lie; cells are ``width`` x ``height`` points.

    rows, columns: the samples and channels that are shown, in order; between two that do not follow each other
    something is left out.
    """

    shape: Shape
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    width: float
    height: float
    x: float = 0.0
    y: float = 0.0
    head: float = HEAD
    gap: float = GAP

    @property
    def space(self) -> tuple[int, int, int]:
        """Slices, rows and columns of one map."""
        return (1,) * (5 - len(self.shape)) + self.shape[2:]  # type: ignore[return-value]

    @property
    def across(self) -> float:
        """Points of one block of cells."""
        slices, _, columns = self.space
        return slices * columns * self.width + (slices - 1) * SLICE

    @property
    def down(self) -> float:
        return self.space[1] * self.height

    @cached_property
    def lefts(self) -> tuple[float, ...]:
        """Of the slots of the columns; a slot is a block with the part of the tray around it."""
        return tuple(self.x + at for at in _places(self.columns, self.across + 2 * PAD, self.gap))

    @cached_property
    def tops(self) -> tuple[float, ...]:
        return tuple(self.y + at for at in _places(self.rows, self.down + PAD + self.head, self.gap))

    @property
    def box(self) -> Box:
        return Box.around([self.slot(0, 0), self.slot(len(self.rows) - 1, len(self.columns) - 1)])

    @property
    def cut(self) -> tuple[int, int]:
        """How many samples and channels are left out."""
        return self.shape[0] - len(self.rows), self.shape[1] - len(self.columns)

    def slot(self, row: int, column: int) -> Box:
        """By place, not by sample and channel."""
        return Box(self.lefts[column], self.tops[row], self.across + 2 * PAD, self.down + PAD + self.head)

    def block(self, row: int, column: int) -> Box:
        slot = self.slot(row, column)
        return Box(slot.x + PAD, slot.y + self.head, self.across, self.down)

    def inside(self, at: int) -> Box:
        """Cell ``at`` of a map, counted in C order, with the block's corner at 0."""
        _, rows, columns = self.space
        depth, rest = divmod(at, rows * columns)
        row, column = divmod(rest, columns)
        x = (depth * columns + column) * self.width + depth * SLICE
        return Box(x, row * self.height, self.width, self.height)

    def cell(self, index: Sequence[int]) -> Box | None:
        """Of ``(n, c, *space)``; None where it is left out."""
        n, c, *space = index
        if n not in self.rows or c not in self.columns:
            return None
        at = 0
        for i, size in zip(space, self.shape[2:], strict=True):
            at = at * size + i
        block = self.block(self.rows.index(n), self.columns.index(c))
        return self.inside(at).moved(block.x, block.y)

    def blocks(self) -> Iterator[tuple[int, int, Box]]:
        """(sample, channel, box) of each block that is shown."""
        for row, n in enumerate(self.rows):
            for column, c in enumerate(self.columns):
                yield n, c, self.block(row, column)

    def cells(self) -> Iterator[tuple[tuple[int, int, int], Box]]:
        """(sample, channel, place in the map) and box of each cell that is shown."""
        inside = [self.inside(at) for at in range(prod(self.shape[2:]))]
        for n, c, block in self.blocks():
            for at, box in enumerate(inside):
                yield (n, c, at), box.moved(block.x, block.y)

    def part(self, values: Array) -> Array:
        """Of values (N, C, ...) those of the samples and channels that are shown."""
        found: Array = values[np.ix_(self.rows, self.columns)]
        return found

    def trays(self, blocks: Array) -> dict[int, list[Box]]:
        """Of each set that is shown, boxes around what lies together; ``blocks``: labels by sample and channel."""
        found: dict[int, list[Box]] = {}
        for label in dict.fromkeys(self.part(blocks).ravel().tolist()):
            own = blocks == label
            rows = _runs(self.rows, own.any(1))
            columns = _runs(self.columns, own.any(0))
            found[label] = [
                Box.around([self.slot(r[0], c[0]), self.slot(r[-1], c[-1])]) for r in rows for c in columns
            ]
        return found


def _places(shown: Sequence[int], size: float, gap: float) -> Iterator[float]:
    """Where each begins."""
    at = 0.0
    yield at
    for one, two in pairwise(shown):
        at += size + (gap if two == one + 1 else CUT)
        yield at


def _runs(shown: Sequence[int], member: Array) -> list[list[int]]:
    """Places of members that lie together: those between two, shown or not, are members as well."""
    runs: list[list[int]] = []
    for place, at in enumerate(shown):
        if not member[at]:
            continue
        if runs and runs[-1][-1] == place - 1 and member[shown[place - 1] : at + 1].all():
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def shown(count: int, most: int, kept: int = 0) -> tuple[int, ...]:
    """Which of so many samples or channels are drawn: all, or the first ones, the one to be ``kept`` and the last.

    >>> shown(4, 8), shown(32, 5), shown(32, 5, 20)
    ((0, 1, 2, 3), (0, 1, 2, 3, 31), (0, 1, 2, 20, 31))
    """
    if count <= most:
        return tuple(range(count))
    first = most - 1 if kept < most - 1 or kept == count - 1 else most - 2
    return tuple(sorted({*range(first), kept, count - 1}))


def whole(labels: Array) -> Array | None:
    """Labels by sample and channel where each map lies in one set; None where sets cut maps."""
    flat = labels.reshape(*labels.shape[:2], -1)
    return flat[:, :, 0] if (flat == flat[:, :, :1]).all() else None


def neighbours(plane: Array) -> dict[int, set[int]]:
    """Labels that touch each other in a plane of labels, across or down."""
    found: dict[int, set[int]] = {label: set() for label in dict.fromkeys(plane.ravel().tolist())}
    for one, two in ((plane[:, :-1], plane[:, 1:]), (plane[:-1], plane[1:])):
        for a, b in set(zip(one.ravel().tolist(), two.ravel().tolist(), strict=True)):
            if a != b:
                found[a].add(b)
                found[b].add(a)
    return found


def paints(plane: Array, count: int) -> dict[int, int]:
    """One of ``count`` paints for each label of a plane, never the same for neighbours if that can be.

    >>> import numpy as np
    >>> paints(np.array([[0, 1, 2], [3, 4, 5]]), 3)
    {0: 0, 1: 1, 2: 2, 3: 1, 4: 2, 5: 0}
    """
    beside = neighbours(plane)
    found: dict[int, int] = {}
    for label in beside:
        taken = {found[other] for other in beside[label] if other in found}
        order: Iterable[int] = ((label + i) % count for i in range(count))
        found[label] = next((paint for paint in order if paint not in taken), label % count)
    return found
