"""What all data files go through: read with a limit, labels in range."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from convviz.errors import ConvvizError


def read_bytes(path: Path, most: int) -> bytes:
    """A file's bytes; raises ConvvizError where it is missing, no plain file, or larger than ``most`` bytes."""
    where = str(path)
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise ConvvizError("is no file", where)
        size = path.stat().st_size
        if size > most:
            raise ConvvizError(f"is too large: {size:,} bytes, at most {most:,} are right", where)
        return path.read_bytes()
    except FileNotFoundError:
        raise ConvvizError("no such file", where) from None
    except OSError as err:
        raise ConvvizError(f"cannot be read: {err.strerror or err}", where) from None


def check_labels(labels: np.ndarray, classes: Sequence[str], where: str) -> None:
    """Raises ConvvizError for the first label that is none of the classes."""
    if labels.max() >= len(classes):
        at = int(np.argmax(labels >= len(classes)))
        raise ConvvizError(
            f"label {labels[at]} of image {at} is out of range: labels are 0 to {len(classes) - 1}", where
        )
