"""One epoch of a run as files of results keep it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any

from convviz.errors import ConvvizError

MOST = (100.0, 100.0, 1e12, 1e12)  # of accuracies and losses
DIGITS = 4  # that are kept behind the point


@dataclass(frozen=True)
class Epoch:
    """Accuracies (per cent) and losses of one epoch. Those of training are means over its steps, while weights still
    change, with dropout and augmentation.
    """

    train: float
    test: float
    train_loss: float
    test_loss: float

    @property
    def numbers(self) -> list[float]:
        return list(astuple(self))


def of_line(row: Mapping[str, Any], where: str) -> Epoch:
    """From a line of metrics.jsonl, rounded as it is kept; raises ConvvizError for impossible figures."""
    names = ("train_accuracy", "test_accuracy", "train_loss", "test_loss")
    return of_numbers([round(row[name], DIGITS) for name in names], where)


def of_numbers(value: Any, where: str) -> Epoch:
    """From four numbers; raises ConvvizError for anything else."""
    good = isinstance(value, list) and len(value) == len(MOST)
    if not good or not all(
        isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v <= most
        for v, most in zip(value, MOST)
    ):
        raise ConvvizError("must be four numbers: training and test accuracy, training and test loss", where)
    return Epoch(*map(float, value))
