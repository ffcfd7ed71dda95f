"""Whole deviations for sets to reach, such that all partitions agree on the sum of all squares."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

import numpy as np

from convviz.analysis.norms.nice_atoms import LARGEST, Atoms
from convviz.analysis.norms.nice_partition import Partition
from convviz.ops.base import Array

AIMS = 1_500  # changes of the deviations that are aimed at
REACH = 0.7  # of the largest variance of cells with a given mean, that is still easily reached
SPREAD = 0.3  # a variance that cells with a given mean easily have


def aims_of(
    x: Array, partitions: Sequence[Partition], atoms: Atoms, rng: np.random.Generator
) -> list[Array] | None:
    """For each set a sum of squares that makes its deviation whole, such that sets inside a set add up to it and all
    partitions to the same; None where none were found.
    """
    rules = [Rule(x, p, atoms) for p in partitions]
    nested = [
        (i, j, np.array([inside[k] for k in range(p.sets)]))
        for i, p in enumerate(partitions)
        for j, q in enumerate(partitions)
        if i != j and (inside := p.parents(q)) and p.sets > q.sets
    ]
    inner = {i for i, _, _ in nested}
    outer = [i for i in range(len(partitions)) if i not in inner]

    def wrong() -> int:
        """By how much the aims disagree."""
        aims = [rule.aims for rule in rules]
        off = sum(abs(int(aims[outer[0]].sum()) - int(aims[i].sum())) for i in outer[1:])
        return off + sum(
            int(np.abs(np.bincount(inside, aims[i], len(aims[j])) - aims[j]).sum()) for i, j, inside in nested
        )

    now = wrong()
    for step in range(AIMS if len(rules) > 1 else 0):
        if not now:
            break
        rule = rules[rng.integers(len(rules))]
        k = int(rng.integers(len(rule.roots)))
        before = int(rule.roots[k])
        rule.roots[k] = before + rule.step * (1 if rng.random() < 0.5 else -1)
        if not rule.low[k] <= rule.roots[k] <= rule.high[k]:
            rule.roots[k] = before
            continue
        after = wrong()
        heat = rule.cells * 3 * (1 - step / AIMS) + 1e-9
        if after > now and rng.random() >= exp((now - after) / heat):
            rule.roots[k] = before
        else:
            now = after
    return None if now else [rule.aims for rule in rules]


class Rule:
    """The deviations (or roots) that the sets of a partition are to have, and between what they may lie."""

    def __init__(self, x: Array, partition: Partition, atoms: Atoms) -> None:
        self.cells, centred = partition.cells, partition.centred
        sums = partition.totals(x)
        self.base = sums**2 // self.cells if centred else np.zeros_like(sums)
        # Whole deviations from a whole mean add up to 0, so that their squares add up to an even number.
        self.step = 2 if self.cells % 2 and centred else 1
        # What the cells of an atom can have: all its mean, or nearly the largest and 0 by turns.
        means = np.zeros(len(x))
        means[atoms.members] = x[atoms.members].mean(1, keepdims=True)
        least = partition.totals(means**2) if atoms.size > 1 and centred else self.base
        most = partition.totals(means**2 + REACH * means * (LARGEST - means))
        self.low = self._stepped(np.ceil(self._root(least + SPREAD * self.cells)))
        self.high = self._stepped(np.floor(self._root(most)) - (self.step - 1)).clip(self.low)
        self.roots = self._stepped(np.round(self._root(partition.totals(x**2)))).clip(self.low, self.high)

    def _root(self, squares: Array) -> Array:
        """The deviation with so many squares in all."""
        return np.asarray(np.sqrt(np.maximum(squares - self.base, 0) / self.cells))

    def _stepped(self, roots: Array) -> Array:
        """The next roots that are possible, of at least one step."""
        return np.maximum(-(-roots.astype(np.int64) // self.step), 1) * self.step

    @property
    def aims(self) -> Array:
        aims: Array = self.base + self.cells * self.roots**2
        return aims
