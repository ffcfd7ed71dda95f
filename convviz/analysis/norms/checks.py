"""What a normalization refuses: numbers, sets and settings with which nothing could be worked out."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from convviz.analysis.norms.labels import extremes, labels_of
from convviz.errors import ConvvizError
from convviz.ops.base import Array, Shape, show
from convviz.ops.norm import GroupNorm, Norm, RunningNorm

MAX_STEPS = 1000  # training steps whose running statistics are listed
MAX_KEPT = 10**6  # numbers of all updates together


class Unfit(ConvvizError):
    """A batch on which a method cannot work, whatever its settings."""


def check_count(op: Norm, shape: Shape, mode: str) -> None:
    """Raise Unfit for a statistic of a single value, which torch refuses in training."""
    if isinstance(op, GroupNorm) and prod(shape) == op.num_groups:
        raise Unfit(f"group_norm needs more than one value, and {show(shape)} has one for each group")
    if not isinstance(op, RunningNorm) or not op.statistics(shape[1:], mode=mode):
        return
    labels = labels_of(op.shares(shape[1:], mode=mode, batch=shape[0]), shape)
    cells = int(np.bincount(labels.ravel()).min())
    if cells < 2:
        over = "channel of a sample" if op.kind == "instance_norm" else "channel"
        raise Unfit(
            f"{op.kind} in training needs more than one value for each {over}, and {show(shape)} has one"
        )


def check_splits(op: Norm, samples: int) -> None:
    """Raise ConvvizError where the parts of a batch would not be of one size."""
    splits = getattr(op, "num_splits", 1)
    if samples % splits:
        raise ConvvizError(f"must divide the {samples} samples of the batch, got {splits}", "splits")


def check_kept(op: Norm, steps: int, channels: int) -> None:
    """Raise ConvvizError for more running statistics than anyone could look at."""
    if steps > MAX_STEPS:
        raise ConvvizError(f"at most {MAX_STEPS:,} in all, got {steps:,}", "steps")
    count = steps * channels * getattr(op, "num_splits", 1)
    if count > MAX_KEPT:
        raise ConvvizError(
            f"{count:,} running statistics would be kept, and {MAX_KEPT:,} is the most; use fewer", "steps"
        )


def check_root(scale: Array, batch: Array, labels: Array, bare: bool) -> None:
    """Raise ConvvizError where something would be divided by 0; bare: the deviation is all that is divided by.

    Equal values may have a mean that is off in its last digit, hence a deviation of no meaning.
    """
    low, high = extremes(batch, labels) if bare else (np.zeros(1), np.ones(1))
    alike = np.flatnonzero(low == high)
    zero = labels[scale == 0]
    if len(alike) or len(zero):
        label = int(alike[0] if len(alike) else zero.min())
        raise ConvvizError(
            f"set {label} does not vary, and nothing can be divided by 0; give one above 0", "eps"
        )


def numbers(values: Any, where: str) -> Array:
    """An array of finite floats; raises ConvvizError."""
    try:
        if np.asarray(values).dtype.kind not in "biufO":  # "3" is text, though numpy would read it
            raise TypeError
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise ConvvizError("must be real numbers, in lists of equal lengths", where) from None
    check_finite(found, where)
    return found


def check_finite(values: Array, where: str, advice: str = "", place: bool = True) -> None:
    """Raise ConvvizError for the first value that is not finite."""
    bad = ~np.isfinite(values)
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        told = f" at {list(at)}" if at and place else ""
        raise ConvvizError(
            f"must be finite numbers, got {values[at]}{told}{f'; {advice}' if advice else ''}", where
        )


def checked(x: Any) -> Array:
    """A batch (N, C, *space) of finite numbers."""
    batch = numbers(x, "values")
    if batch.ndim < 2 or not batch.size or batch.ndim > 5:
        raise ConvvizError(
            f"must be a batch (N, C, *space) with up to three spatial axes and no empty one, got {show(batch.shape)}",
            "values",
        )
    return batch
