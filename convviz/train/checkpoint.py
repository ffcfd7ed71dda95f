"""The state of a run in one file, written whole, and read back with ``weights_only=True``."""

from __future__ import annotations

import io
import pickle
import warnings
from pathlib import Path
from typing import Any

import torch

from convviz.errors import ConvvizError
from convviz.runs.files import write_atomic

VERSION = 1
DAMAGED = "is damaged or no checkpoint; remove it to start this run again"
# What torch raises for one; nobody promises less.
FAULTS = (RuntimeError, pickle.UnpicklingError, EOFError, LookupError, ValueError, TypeError, AttributeError)


def save(path: Path, state: dict[str, Any]) -> None:
    """Raises ConvvizError where the file cannot be written; the one before stays then."""
    # Into memory first: torch reports a full disk in many ways, an open file in one.
    buffer = io.BytesIO()
    torch.save({"version": VERSION, **state}, buffer)
    write_atomic(path, lambda place: place.write_bytes(buffer.getbuffer()))


def load(path: Path) -> dict[str, Any]:
    """Raises ConvvizError for a file that is no checkpoint of convviz, or is damaged."""
    try:
        content = path.read_bytes()
    except OSError as err:
        raise ConvvizError(f"cannot be read: {err.strerror or err}", str(path)) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles that torch did not write; they are refused anyway
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (*FAULTS, OSError):
        raise ConvvizError(DAMAGED, str(path)) from None
    if not isinstance(state, dict) or state.get("version") != VERSION:
        raise ConvvizError(
            f"is no checkpoint of this version ({VERSION}); remove it to start this run again", str(path)
        )
    return {name: value for name, value in state.items() if name != "version"}


def save_weights(path: Path, weights: dict[str, torch.Tensor]) -> None:
    """A state dict, as ``module.load_state_dict`` takes it."""
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    write_atomic(path, lambda place: place.write_bytes(buffer.getbuffer()))
