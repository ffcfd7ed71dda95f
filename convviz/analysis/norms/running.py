"""The running mean and variance of a norm, step by step, as torch keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convviz.ops.base import Array
from convviz.ops.norm import RunningNorm, block_moments
from convviz.ops.relations import SAME, Blocks, Relation


@dataclass(frozen=True, eq=False)
class Update:
    """One update of the running statistics; arrays have one number for each channel.

    step: the training step, from 1; split: of ghost batch norm, which updates once a split (else 0). mean, var,
    unbiased: of the cells at hand, so many in each channel. momentum: the share of what is new. running_mean,
    running_var: after it.
    """

    step: int
    split: int
    cells: int
    momentum: float
    mean: Array
    var: Array
    unbiased: Array
    running_mean: Array
    running_var: Array

    def state(self) -> dict[str, Array]:
        return {"running_mean": self.running_mean, "running_var": self.running_var}


def updates(op: RunningNorm, batches: Sequence[Array]) -> tuple[Update, ...]:
    """What training on these batches in turn leaves, from mean 0 and variance 1.

    The running variance takes the unbiased variance, though the forward pass uses the biased one. A momentum of None is
    the plain average of all updates. Source: torch.nn.BatchNorm2d.
    """
    found: list[Update] = []
    known: dict[tuple[int, int], tuple[Array, Array]] = {}  # of parts of batches, which may come again
    splits = getattr(op, "num_splits", 1)
    channels = batches[0].shape[1] if batches else 0
    mean, var = np.zeros(channels), np.ones(channels)
    for step, batch in enumerate(batches, 1):
        n = len(batch)
        for i in range(splits):
            part = batch[i * n // splits : (i + 1) * n // splits]
            if not len(part):
                continue
            if (id(batch), i) not in known:
                known[id(batch), i] = by_channel(part)
            own_mean, own_var = known[id(batch), i]
            cells = part[:, 0].size
            unbiased = own_var * cells / (cells - 1)
            share = 1 / (len(found) + 1) if op.momentum is None else op.momentum  # type: ignore[attr-defined]
            mean = (1 - share) * mean + share * own_mean
            var = (1 - share) * var + share * unbiased
            split = i if splits > 1 else 0
            found.append(Update(step, split, cells, share, own_mean, own_var, unbiased, mean, var))
    return tuple(found)


def by_channel(x: Array) -> tuple[Array, Array]:
    """Mean and biased variance of each channel."""
    relations: list[Relation] = [Blocks(n) for n in x.shape]
    relations[1] = SAME
    moments = block_moments(x, tuple(relations))
    mean, var = (part.swapaxes(0, 1).reshape(x.shape[1], -1)[:, 0].copy() for part in moments)
    return mean, var
