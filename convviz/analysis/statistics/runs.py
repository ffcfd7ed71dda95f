"""The runs of an arm as they come in: accuracies by seed, and what is known about how they were made."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convviz.analysis.statistics.intervals import check_accuracy, check_images
from convviz.errors import ConvvizError

Seed = Hashable
MOST_RUNS = 1000  # of an arm
NEAR = 1e-6  # points by which an accuracy may miss its predictions' share


@dataclass(frozen=True)
class Arm:
    """One variant: ``accuracies`` in per cent by seed, those of the last epoch on the test images.

    correct: by seed, which test images were right (booleans), where predictions were kept. test: how many test images.
    best_epoch: the epoch was chosen on the test images. data_set, epochs: None where nobody told. Raises ConvvizError
    for no runs, accuracies outside 0 to 100, and predictions that do not add up to their accuracy.

    >>> Arm("batch", {0: 99.41, 1: 99.38}).seeds
    (0, 1)
    """

    name: str
    accuracies: Mapping[Any, float]
    correct: Mapping[Any, Sequence[bool]] = field(default_factory=dict, repr=False, compare=False)
    test: int | None = None
    data_set: str | None = None
    epochs: int | None = None
    best_epoch: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ConvvizError(f"must be a name, got {self.name!r}", "arm")
        where = f"arm {self.name!r}"
        if not isinstance(self.accuracies, Mapping):
            raise ConvvizError(f"must be accuracies by seed, got {type(self.accuracies).__name__}", where)
        if not self.accuracies:
            raise ConvvizError("has no runs", where)
        if len(self.accuracies) > MOST_RUNS:
            raise ConvvizError(
                f"has {len(self.accuracies):,} runs; at most {MOST_RUNS:,} are compared", where
            )
        found = {seed: check_accuracy(v, f"{where}, seed {seed}") for seed, v in self.accuracies.items()}
        object.__setattr__(self, "accuracies", found)
        if self.test is not None:
            object.__setattr__(self, "test", check_images(self.test))
        if not isinstance(self.correct, Mapping):
            raise ConvvizError(f"must be predictions by seed, got {type(self.correct).__name__}", where)
        object.__setattr__(self, "correct", {seed: self._checked(seed) for seed in self.correct})

    def _checked(self, seed: Seed) -> np.ndarray:
        where = f"arm {self.name!r}, seed {seed}"
        if seed not in self.accuracies:
            raise ConvvizError("has predictions but no accuracy", where)
        right = np.asarray(self.correct[seed])
        if right.ndim != 1 or not right.size or not np.isin(right, (0, 1)).all():
            raise ConvvizError("predictions must say of each test image whether it was right", where)
        if self.test not in (None, len(right)):
            raise ConvvizError(f"has {len(right):,} predictions for {self.test:,} test images", where)
        if abs(100 * right.mean() - self.accuracies[seed]) > 0.005 + NEAR:
            raise ConvvizError(
                f"has {100 * right.mean():.2f} % of its predictions right, but says {self.accuracies[seed]:.2f} %",
                where,
            )
        return right.astype(bool)

    @property
    def seeds(self) -> tuple[Any, ...]:
        return tuple(self.accuracies)

    @property
    def values(self) -> tuple[float, ...]:
        return tuple(self.accuracies.values())

    @property
    def images(self) -> int | None:
        """Test images, told or counted."""
        return self.test or next((len(right) for right in self.correct.values()), None)


def arms_of(given: Mapping[str, Mapping[Any, float]] | Iterable[Arm], test: int | None) -> tuple[Arm, ...]:
    """Arms from either form, names checked; raises ConvvizError for none of them or the same name twice."""
    if isinstance(given, Mapping):
        arms = tuple(Arm(str(name), _by_seed(found), test=test) for name, found in given.items())
    else:
        arms = tuple(given) if isinstance(given, Iterable) else (given,)
        if not all(isinstance(arm, Arm) for arm in arms):
            raise ConvvizError("must be accuracies by name and seed, or Arm records", "arms")
    if not arms:
        raise ConvvizError("there is nothing to compare: no runs were given", "arms")
    names = [arm.name for arm in arms]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConvvizError(f"two arms are named {twice!r}; give one of them another name", "arms")
    return arms


def _by_seed(found: Any) -> Any:
    """A plain list of accuracies counts its seeds from 0."""
    if isinstance(found, list | tuple | np.ndarray):
        return dict(enumerate(found.tolist() if isinstance(found, np.ndarray) else found))
    return found
