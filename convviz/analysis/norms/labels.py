"""Sets of cells that share something, as labels: one number for each cell, equal where they share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convviz.ops.base import Array, Shape
from convviz.ops.relations import Relation


def labels_of(relations: Sequence[Relation], shape: Shape) -> Array:
    """The number of each cell's set, in C order of first appearance.

    relations: for the batch and each axis, which cells share (``Norm.shares``).

    >>> from convviz.ops.relations import SAME, Blocks
    >>> labels_of((SAME, Blocks(2)), (2, 4)).tolist()
    [[0, 0, 1, 1], [2, 2, 3, 3]]
    """
    labels = np.zeros((1,) * len(shape), dtype=np.int64)
    for axis, (relation, n) in enumerate(zip(relations, shape, strict=True)):
        _, own = np.unique([relation.taps(i).cells.start for i in range(n)], return_inverse=True)
        along = [1] * len(shape)
        along[axis] = n
        labels = labels * (int(own.max()) + 1) + own.reshape(along)
    # The sets along an axis are numbered in ascending order, hence all of them in C order.
    return np.broadcast_to(labels, shape).copy()


def by_label(values: Array, labels: Array) -> tuple[float, ...]:
    """One value for each label, from an array that broadcasts against the cells and is constant on a set."""
    flat = labels.ravel()
    found = np.zeros(int(flat.max()) + 1)
    found[flat] = np.broadcast_to(values, labels.shape).ravel()
    return tuple(found.tolist())


def extremes(batch: Array, labels: Array) -> tuple[Array, Array]:
    """The least and the greatest value by label."""
    low, high = np.full(int(labels.max()) + 1, np.inf), np.full(int(labels.max()) + 1, -np.inf)
    np.minimum.at(low, labels.ravel(), batch.ravel())
    np.maximum.at(high, labels.ravel(), batch.ravel())
    return low, high
