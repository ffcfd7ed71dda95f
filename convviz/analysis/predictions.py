"""What a classifier answered on test images: who is confused with whom, how sure it was, and where it is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from convviz.errors import ConvvizError
from convviz.ops.base import Array

BINS = 15


@dataclass(frozen=True, eq=False, repr=False)
class Predictions:
    """labels (N,) and probabilities (N, classes), which sum to 1 for each image; N in the test set's order.

    Raises ConvvizError where the shapes do not fit or the numbers are no probabilities.
    """

    labels: Array
    probabilities: Array
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        labels, found = np.asarray(self.labels), np.asarray(self.probabilities)
        if labels.ndim != 1 or found.shape != (len(labels), len(self.classes)) or not len(labels):
            raise ConvvizError(
                f"must be probabilities (N, classes), got {found.shape} for {labels.shape} labels and "
                f"{len(self.classes)} classes",
                "predictions",
            )
        if not np.isfinite(found).all() or found.min() < 0 or abs(found.sum(1) - 1).max() > 1e-3:
            raise ConvvizError("must be probabilities that sum to 1 for each image", "predictions")
        if labels.min() < 0 or labels.max() >= len(self.classes):
            raise ConvvizError(f"labels must be 0 to {len(self.classes) - 1}", "predictions")

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def answers(self) -> Array:
        """(N,) the class with the highest probability; the first of equal ones."""
        return np.asarray(self.probabilities).argmax(1)

    @cached_property
    def confidences(self) -> Array:
        """(N,) probability of the answer."""
        return np.asarray(self.probabilities)[np.arange(len(self)), self.answers].astype(np.float64)

    @cached_property
    def right(self) -> Array:
        """(N,) whether the answer is the label."""
        return self.answers == np.asarray(self.labels)

    @property
    def accuracy(self) -> float:
        """Per cent."""
        return 100 * float(self.right.mean())

    def worst(self, count: int | None = None) -> tuple[Mistaken, ...]:
        """Images that were named wrong, the most confident mistake first; at most ``count``."""
        wrong = np.flatnonzero(~self.right)
        order = wrong[np.argsort(-self.confidences[wrong], kind="stable")]
        return tuple(
            Mistaken(
                int(i),
                int(self.labels[i]),
                int(self.answers[i]),
                float(self.confidences[i]),
                float(self.probabilities[i, self.labels[i]]),
            )
            for i in (order if count is None else order[:count])
        )

    @cached_property
    def confusion(self) -> Array:
        """(classes, classes) counts: rows are the truth, columns the answer."""
        out = np.zeros((len(self.classes),) * 2, np.int64)
        np.add.at(out, (np.asarray(self.labels), self.answers), 1)
        return out

    def calibration(self, bins: int = BINS) -> Calibration:
        """Confidence against accuracy, in ``bins`` equal parts of 0 to 1; raises ConvvizError below 1 bin.

        Source: Guo et al., "On calibration of modern neural networks", 2017 (expected calibration error); each bin
        holds (low, high].
        """
        if bins < 1:
            raise ConvvizError(f"must be at least 1, got {bins}", "bins")
        at = np.clip(np.ceil(self.confidences * bins).astype(int) - 1, 0, bins - 1)
        counts = np.bincount(at, minlength=bins)
        sure = np.bincount(at, self.confidences, bins)
        right = np.bincount(at, self.right, bins)
        some = np.maximum(counts, 1)
        return Calibration(
            tuple(counts.tolist()), tuple((sure / some).tolist()), tuple((right / some).tolist())
        )


@dataclass(frozen=True)
class Mistaken:
    """One image: index in the test set, truth, answer, probability of the answer and of the truth."""

    index: int
    truth: int
    answer: int
    confidence: float
    of_truth: float


@dataclass(frozen=True)
class Calibration:
    """By bin of confidence: images, mean confidence, share that was right (both 0 where there are none)."""

    counts: tuple[int, ...]
    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]

    @property
    def error(self) -> float:
        """Expected calibration error: mean over images of |confidence - accuracy| of their bin."""
        total = sum(self.counts)
        return sum(n * abs(c - a) for n, c, a in zip(self.counts, self.confidence, self.accuracy)) / total
