"""Randomness by place: what a run draws at a step depends on its seed and that step, and on nothing before.

So every arm of an experiment sees the same order and the same augmentation, whatever its layers draw; and a run that
was stopped goes on bit for bit, without any generator's state being kept.
"""

from __future__ import annotations

import numpy as np
import torch

PURPOSES = ("weights", "images", "order", "augment", "dropout")


def seed_for(seed: int, purpose: str, *place: int) -> int:
    """63 bits for a purpose and a place such as (epoch, step), by numpy's SeedSequence.

    >>> seed_for(0, "order", 1) == seed_for(0, "order", 1), seed_for(0, "order", 1) == seed_for(0, "order", 2)
    (True, False)
    """
    words = np.random.SeedSequence([seed, PURPOSES.index(purpose), *place]).generate_state(2, np.uint32)
    return (int(words[0]) << 31) ^ int(words[1])


def generator(seed: int, purpose: str, *place: int) -> torch.Generator:
    """A generator of the CPU that starts there."""
    return torch.Generator().manual_seed(seed_for(seed, purpose, *place))
