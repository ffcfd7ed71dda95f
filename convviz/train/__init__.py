"""Training: data sets, recipes, runs and what can be said about them.

>>> from convviz.train import Recipe, load, train
>>> Recipe(net="code8", epochs=5).batch_size
128
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convviz.runs.experiment import experiment
    from convviz.runs.recipe import Recipe
    from convviz.runs.run import find_runs, read_run
    from convviz.train.builders import (
        GhostBatchNorm1d,
        GhostBatchNorm2d,
        GhostBatchNorm3d,
        conv_block,
        conv_layer,
        module_of,
        transition_block,
    )
    from convviz.train.data import load
    from convviz.train.run import train

# Resolved on first use: data sets and recipes need no torch.
_PUBLIC = {
    "GhostBatchNorm1d": "convviz.train.builders",
    "GhostBatchNorm2d": "convviz.train.builders",
    "GhostBatchNorm3d": "convviz.train.builders",
    "Recipe": "convviz.runs.recipe",
    "conv_block": "convviz.train.builders",
    "conv_layer": "convviz.train.builders",
    "experiment": "convviz.runs.experiment",
    "find_runs": "convviz.runs.run",
    "load": "convviz.train.data",
    "module_of": "convviz.train.builders",
    "read_run": "convviz.runs.run",
    "train": "convviz.train.run",
    "transition_block": "convviz.train.builders",
}
__all__ = [
    "GhostBatchNorm1d",
    "GhostBatchNorm2d",
    "GhostBatchNorm3d",
    "Recipe",
    "conv_block",
    "conv_layer",
    "experiment",
    "find_runs",
    "load",
    "module_of",
    "read_run",
    "train",
    "transition_block",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
