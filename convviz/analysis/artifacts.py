"""How much of a picture is checkerboard: the share of its variance in its phases, and the peak of its spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Measured:
    """One kind of generator over all seeds; arrays have one value for each seed.

    fraction: variance of the phase means over the variance of the interior. peak: the strongest power at a checkerboard
    frequency (multiples of 1/period) over the mean power at all others. image: (C, H, W) of the first seed. spectrum:
    mean power (H, W) of the interior over channels and seeds, frequency 0 in the middle.
    """

    name: str
    words: str
    fraction: np.ndarray
    peak: np.ndarray
    image: np.ndarray
    spectrum: np.ndarray

    @property
    def mean(self) -> float:
        return float(self.fraction.mean())

    @property
    def sd(self) -> float | None:
        """Of the fraction over the seeds (n - 1); None for a single one."""
        return float(self.fraction.std(ddof=1)) if len(self.fraction) > 1 else None


@dataclass(frozen=True, repr=False)
class Experiment:
    """What random, untrained generators paint; ``setup`` says how they were made."""

    kinds: tuple[Measured, ...]
    seeds: int
    size: int
    period: int
    margin: int
    setup: str

    @cached_property
    def by_name(self) -> dict[str, Measured]:
        return {kind.name: kind for kind in self.kinds}

    def __getitem__(self, name: str) -> Measured:
        return self.by_name[name]

    def __repr__(self) -> str:
        from convviz.report.generators import render_experiment

        return render_experiment(self, "text")

    def _repr_html_(self) -> str:
        from convviz.report.generators import render_experiment

        return render_experiment(self, "html")


def phase_fraction(image: np.ndarray, period: int) -> float:
    """Variance of the joint phases' means over the variance of the image (C, H, W), averaged over the channels.

    0: nothing repeats with the period. 1: nothing else is there. Sides are multiples of the period.

    >>> board = np.indices((8, 8)).sum(0)[None] % 2.0
    >>> phase_fraction(board, 2), phase_fraction(np.arange(64.0).reshape(1, 8, 8) // 16, 2)
    (1.0, 0.0)
    """
    c, h, w = image.shape
    means = image.reshape(c, h // period, period, w // period, period).mean((1, 3))
    whole = image.var((1, 2))
    return float(np.mean(means.var((1, 2))[whole > 0] / whole[whole > 0])) if (whole > 0).any() else 0.0


def power(image: np.ndarray) -> np.ndarray:
    """Power (H, W) of each frequency, averaged over the channels; the mean of each channel is taken away first."""
    centred = image - image.mean((1, 2), keepdims=True)
    return (np.abs(np.fft.fft2(centred)) ** 2).mean(0) / image[0].size


def spectrum_peak(image: np.ndarray, period: int) -> float:
    """The strongest power at a multiple of 1/period over the mean power at all other frequencies."""
    h, w = image.shape[1:]
    strength = power(image)
    at = np.zeros((h, w), dtype=bool)
    at[:: h // period, :: w // period] = True
    at[0, 0] = False
    rest = ~at
    rest[0, 0] = False
    below = float(strength[rest].mean())
    return float(strength[at].max()) / below if below else 0.0
