"""A data set in memory: what every loader gives and every run takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

AT_ONCE = 1000  # images whose squares are held at a time


@dataclass(frozen=True, eq=False, repr=False)
class Data:
    """Images (N, C, H, W) in bytes, labels from 0, to train on and to test.

    name is for reports, and says where the files are not the original ones; test_split says what the test images are.
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: tuple[str, ...]
    test_split: str

    @cached_property
    def _moments(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation by channel, from exact sums of whole numbers."""
        axes = (0, 2, 3)
        first = self.train_images.sum(axis=axes, dtype=np.int64).astype(object)
        second = np.zeros(len(first), object)
        for start in range(0, len(self.train_images), AT_ONCE):
            some = self.train_images[start : start + AT_ONCE].astype(np.uint16)
            second += (some * some).sum(axis=axes, dtype=np.int64).astype(object)
        n = self.train_images[:, 0].size
        variance = [n * square - total**2 for total, square in zip(first, second)]
        return tuple(total / n / 255 for total in first), tuple(v**0.5 / n / 255 for v in variance)

    @property
    def mean(self) -> tuple[float, ...]:
        """Of the training images, by channel, pixels from 0 to 1."""
        return self._moments[0]

    @property
    def std(self) -> tuple[float, ...]:
        """Of the training images, by channel, pixels from 0 to 1; divided by n, not n - 1."""
        return self._moments[1]

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W) of an image."""
        return self.train_images.shape[1:]

    def __repr__(self) -> str:
        size = "x".join(map(str, self.shape))
        return "\n".join(
            [
                self.name,
                f"{len(self.train_labels):,} training and {len(self.test_labels):,} test images of {size}",
                f"classes: {', '.join(self.classes)}",
                f"training images from 0 to 1: mean {_numbers(self.mean)}, standard deviation {_numbers(self.std)}",
                f"test: {self.test_split}",
            ]
        )


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.4f}" for value in values)
