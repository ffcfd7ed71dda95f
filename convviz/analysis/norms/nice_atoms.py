"""Cells that no partition tells apart: integers for them, and moves that keep sums and change squares."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import exp

import numpy as np

from convviz.analysis.norms.nice_partition import Partition
from convviz.ops.base import Array

LARGEST = 9  # of the integers
DRAWS = 100  # of a set whose root is to be whole, before its cells are moved
CYCLE = 12_000  # moves over which the search cools down once
HEAT = 3.0  # at its beginning
CORNERS = (1, -1, -1, 1)  # of a rectangle: which go up and which down


class Atoms:
    """The cells that lie in the same set of every partition, all of one size."""

    def __init__(self, partitions: Sequence[Partition], rng: np.random.Generator) -> None:
        self.partitions, self.rng = partitions, rng
        _, atom = np.unique(np.stack([p.labels for p in partitions]), axis=1, return_inverse=True)
        self.count = int(atom.max()) + 1
        self.members = np.argsort(atom.ravel(), kind="stable").reshape(self.count, -1)
        self.size = self.members.shape[1]
        self.rounds = 40 + 10 * min(self.count, 100)  # changes of means that are tried
        self.sets = [p.labels[self.members[:, 0]] for p in partitions]  # of each atom

    # -- sums ---------------------------------------------------------------------------------------------
    def means(self) -> Array:
        """Whole means with which every set's mean is whole: changes of equal ones that keep it so."""
        rng = self.rng
        low, high = (2, LARGEST - 2) if self.size > 1 else (0, LARGEST)
        if all(p.sets == self.count for p in self.partitions):
            return rng.integers(low + 1, high, self.count)
        means = np.full(self.count, rng.integers(4, 6))
        crossed = iter(self.rectangles(self.rounds))
        for _ in range(self.rounds):
            moved = means.copy()
            if rng.random() < 0.4:
                sets = self.sets[rng.integers(len(self.sets))]
                up, down = rng.integers(0, sets.max() + 1, 2)
                moved += (sets == up).astype(np.int64) - (sets == down)
            else:
                corners = next(crossed, None)
                if corners is not None:
                    moved[corners] += CORNERS
            if moved.min() >= low and moved.max() <= high and self.divides(moved):
                means = moved
        return means

    def divides(self, means: Array) -> bool:
        """Whether every set's mean is whole."""
        return not any(
            (np.bincount(sets, means).astype(np.int64) % (p.cells // self.size)).any()
            for p, sets in zip(self.partitions, self.sets, strict=True)
        )

    @cached_property
    def crossing(self) -> Array | None:
        """Atoms by their sets in two partitions that cross (-1: none there); None where one lies in the other."""
        for i, rows in enumerate(self.sets):
            for columns in self.sets[:i]:
                pairs = len(np.unique(rows * (int(columns.max()) + 1) + columns))
                if pairs > max(rows.max(), columns.max()) + 1:
                    table = np.full((int(rows.max()) + 1, int(columns.max()) + 1), -1)
                    table[rows, columns] = np.arange(self.count)  # where several lie, one of them
                    return table
        return None

    def rectangles(self, most: int) -> Array:
        """Corners of two rows and two columns where partitions cross, four atoms each, which go up, down, down and up;
        no set that has several atoms loses its sum.
        """
        table = self.crossing
        if table is None:
            return np.zeros((0, 4), np.int64)
        r = self.rng.integers(0, len(table), (most, 2))
        c = self.rng.integers(0, table.shape[1], (most, 2))
        corners = np.stack([table[r[:, i], c[:, j]] for i in (0, 1) for j in (0, 1)], 1)
        good = (corners >= 0).all(1) & (r[:, 0] != r[:, 1]) & (c[:, 0] != c[:, 1])
        for p, sets in zip(self.partitions, self.sets, strict=True):
            if p.sets < self.count:
                own = sets[corners]
                along = (own[:, 0] == own[:, 1]) & (own[:, 2] == own[:, 3])
                across = (own[:, 0] == own[:, 2]) & (own[:, 1] == own[:, 3])
                good &= along | across
        return corners[good]

    def fill(self, means: Array | None) -> Array:
        """Integers with these means; None: any, drawn some times where no root of a mean square is whole."""
        rng, shape = self.rng, self.members.shape
        if means is None:
            inner = rng.integers(0, LARGEST + 1, shape)
            for _ in range(DRAWS):
                squares = (inner**2).sum(1)
                roots = np.round(np.sqrt(squares / self.size)).astype(np.int64)
                off = np.flatnonzero((roots**2 * self.size != squares) | (roots == 0))
                inner[off] = rng.integers(0, LARGEST + 1, (len(off), self.size))
        else:
            inner = np.repeat(means[:, None], self.size, 1)
            if self.size > 1:
                inner = rng.normal(inner, 2.5).round().clip(0, LARGEST).astype(np.int64)
            rows = np.arange(self.count)
            while (off := means * self.size - inner.sum(1)).any():
                at = rng.integers(0, self.size, self.count)
                inner[rows, at] = (inner[rows, at] + np.sign(off)).clip(0, LARGEST)
        x = np.zeros(inner.size, np.int64)
        x[self.members] = inner
        return x

    # -- squares ------------------------------------------------------------------------------------------
    def moves(self, wrong: Array) -> Array:
        """Cells that go up and down together and keep every sum, in the atoms that ``wrong`` has true.

        Where no means are wanted, single cells.
        """
        if not self.partitions[0].centred:
            atoms = self.rng.choice(np.flatnonzero(wrong), (512, 1))
            return self.members[atoms, self.rng.integers(0, self.size, (512, 1))]
        if self.size == 1:
            corners = self.rectangles(512)
            return self.members[:, 0][corners[wrong[corners].any(1)]]
        atoms = self.rng.choice(np.flatnonzero(wrong), 512)
        pairs = self.rng.integers(0, self.size, (512, 2))
        return self.members[atoms[:, None], pairs][pairs[:, 0] != pairs[:, 1]]

    def reach(
        self, start: Array, partitions: Sequence[Partition], aims: Sequence[Array], most: int
    ) -> tuple[Array, int]:
        """Moves until each set's squares add up to its aim; the nearest integers, and how many moves it took."""
        off = [(p.totals(start**2) - aim).tolist() for p, aim in zip(partitions, aims, strict=True)]
        labels = [p.labels.tolist() for p in partitions]
        own = [p.labels[self.members[:, 0]] for p in partitions]
        x, now = start.tolist(), sum(abs(v) for each in off for v in each)
        best, least, used, idle = list(x), now, 0, 0
        while now and used < most and idle < 20:
            wrong = np.zeros(self.count, bool)
            for sets, each in zip(own, off, strict=True):
                wrong |= np.asarray(each)[sets] != 0
            moves = self.moves(wrong)
            idle = idle + 1 if not len(moves) else 0
            chances = self.rng.random(len(moves)).tolist()
            ways = self.rng.choice((1, -1), len(moves)).tolist()
            for cells, chance, way in zip(moves.tolist(), chances, ways, strict=True):
                used += 1
                signs = [way * sign for sign in CORNERS[: len(cells)]]
                if any(not 0 <= x[i] + s <= LARGEST for i, s in zip(cells, signs, strict=True)):
                    continue
                by = [s * (2 * x[i] + s) for i, s in zip(cells, signs, strict=True)]
                change = 0
                moved: list[tuple[list[int], int, int]] = []
                for each, label in zip(off, labels, strict=True):
                    gain: dict[int, int] = {}
                    for i, b in zip(cells, by, strict=True):
                        gain[label[i]] = gain.get(label[i], 0) + b
                    for k, b in gain.items():
                        change += abs(each[k] + b) - abs(each[k])
                        moved.append((each, k, b))
                heat = HEAT * (1 - used % CYCLE / CYCLE) + 1e-9
                if change > 0 and chance >= exp(-change / heat):
                    continue
                for i, s in zip(cells, signs, strict=True):
                    x[i] += s
                for each, k, b in moved:
                    each[k] += b
                now += change
                if now < least:
                    least, best = now, list(x)
                    if not now:
                        break
        return np.array(best), used
