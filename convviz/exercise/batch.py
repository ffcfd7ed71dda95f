"""A batch of digits on which the norms that a sheet asks about have whole means and roots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convviz.exercise.pieces import Rng
from convviz.ops.base import Array, Shape

TRIES, ROUNDS, LARGEST = 4096, 3, 9
STARTS = 40  # some beginnings cannot be completed


def pleasant(rng: Rng, shape: Shape, sample: int, channel: int, group: int, eps: int) -> Array:
    """A batch (N, C, H, W) of digits, where four sets that hold the image ``(sample, channel)`` come out whole: the
    image, its group of ``group`` channels, its sample and its channel over the batch. What comes out whole is their
    mean and, as far as a search finds it, ``sqrt(var + eps)``; no two of the sets have the same mean.

    One set after the other is filled up, which is much quicker than to search for all at once.
    """
    first = channel // group * group
    sets = (
        (sample, channel),
        (sample, slice(first, first + group)),
        (sample, slice(None)),
        (slice(None), channel),
    )
    best, most = np.zeros(shape, dtype=np.int64), -1
    for _ in range(STARTS):
        x, good = started(rng, shape, sets, eps)
        if good > most:
            best, most = x, good
        if good == len(sets):
            break
    rest = best < 0
    best[rest] = rng.integers(0, LARGEST + 1, int(rest.sum()))
    return best.astype(float)


def started(rng: Rng, shape: Shape, sets: Sequence[tuple[Any, ...]], eps: int) -> tuple[Array, int]:
    """One attempt, with -1 where nothing was asked for, and how many sets came out whole in a row."""
    x = np.full(shape, -1)
    means: list[float] = []
    for done, at in enumerate(sets):
        cells = x[at].ravel()
        free = cells < 0
        if not free.any():
            continue
        found = fill(rng, cells[~free], int(free.sum()), eps, means)
        if found is None:
            return x, done
        cells[free] = found
        x[at] = cells.reshape(x[at].shape)
        means.append(float(cells.mean()))
    return x, len(sets)


def fill(rng: Rng, fixed: Array, count: int, eps: int, means: Sequence[float]) -> Array | None:
    """``count`` digits which, together with ``fixed``, have a whole mean and root; None where none were found.

    means: of the sets before, which this one does not repeat.
    """
    m = len(fixed) + count
    for _ in range(ROUNDS):
        tried = rng.integers(0, LARGEST + 1, (TRIES, count))
        sums = tried.sum(1) + fixed.sum()
        spread = m * ((tried**2).sum(1) + (fixed**2).sum()) - sums**2  # m² times the variance
        squares = spread // m**2 + eps
        roots = np.rint(np.sqrt(squares)).astype(int)
        good = (sums % m == 0) & (spread > 0) & (spread % m**2 == 0) & (roots**2 == squares)
        hits = np.flatnonzero(good & ~np.isin(sums / m, means))
        if len(hits):
            return tried[hits[0]]
    return None
