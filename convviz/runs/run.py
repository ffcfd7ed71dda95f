"""A run directory: where its files are, and reading it back.

``config.yaml`` (the recipe and what is told of the run), ``metrics.jsonl`` (a line an epoch), ``checkpoint.pt``,
``model.pt`` (a state dict), ``predictions.npz``, ``summary.json`` (there when the run is finished), pictures, report.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from convviz.analysis.predictions import Predictions
from convviz.errors import ConvvizError
from convviz.ops.base import shorten
from convviz.runs.files import write_json, write_lines, write_text
from convviz.runs.recipe import Recipe, recipe_of

CONFIG, METRICS, SUMMARY, NET = "config.yaml", "metrics.jsonl", "summary.json", "net.yaml"
MODEL, CHECKPOINT, PREDICTIONS = "model.pt", "checkpoint.pt", "predictions.npz"
FILES = (
    CONFIG,
    SUMMARY,
    METRICS,
    NET,
    MODEL,
    CHECKPOINT,
    PREDICTIONS,
)  # what training writes; pictures come later
# What numpy raises for a damaged archive.
DAMAGED = (ValueError, LookupError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
ROW = ("epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "seconds", "images_per_second")


@dataclass(frozen=True)
class Run:
    """A run directory, finished or not; history: lines of metrics.jsonl; summary: empty until it is finished."""

    folder: Path
    recipe: Recipe
    about: Mapping[str, Any]
    history: tuple[Mapping[str, Any], ...]
    summary: Mapping[str, Any]

    @property
    def finished(self) -> bool:
        return bool(self.summary)

    @property
    def arm(self) -> str:
        """Name of the variant that this run is one seed of."""
        return str(self.about.get("arm") or self.recipe.net)

    @property
    def experiment(self) -> str:
        return str(self.about.get("experiment") or self.arm)

    @property
    def seed(self) -> int:
        return self.recipe.seed

    @property
    def data_set(self) -> str:
        """As reports name it (``CIFAR-10 (JPEG copy)``)."""
        return str(self.summary.get("dataset") or self.recipe.dataset)

    @property
    def test_accuracy(self) -> float | None:
        """After the last epoch, in per cent; None of a run that is not finished."""
        return self.summary.get("test_accuracy")

    @property
    def net_source(self) -> str:
        """What ``convviz.read`` takes for this run's net: the copy that was kept, if any."""
        kept = self.folder / NET
        return str(kept) if kept.exists() else self.recipe.net

    @cached_property
    def predictions(self) -> Predictions:
        """Of the test images by the final model; raises ConvvizError where they were not kept."""
        return read_predictions(self.folder / PREDICTIONS)

    def column(self, name: str) -> tuple[float, ...]:
        """One figure of every epoch, such as ``test_accuracy``."""
        return tuple(row[name] for row in self.history if row.get(name) is not None)


# -- writing ------------------------------------------------------------------------------------------------
def write_config(folder: Path, recipe: Recipe, about: Mapping[str, Any]) -> None:
    data = {**recipe.plain(), "run": dict(about)}
    write_text(folder / CONFIG, yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100))


def write_metrics(folder: Path, history: list[dict[str, Any]]) -> None:
    write_lines(folder / METRICS, history)


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    write_json(folder / SUMMARY, dict(summary))


# -- reading ------------------------------------------------------------------------------------------------
def is_run(folder: Path) -> bool:
    return (folder / CONFIG).is_file()


def read_run(folder: str | Path) -> Run:
    """The run in ``folder``; raises ConvvizError where there is none, or a file of it is damaged."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ConvvizError("there is no such folder", str(folder))
    if not is_run(folder):
        raise ConvvizError(f"is no run directory: it has no {CONFIG}", str(folder))
    recipe, about = read_config(folder / CONFIG)
    return Run(folder, recipe, about, _history(folder / METRICS), _summary(folder / SUMMARY))


def find_runs(*folders: str | Path) -> tuple[Run, ...]:
    """All runs in folders and the folders in them, sorted by path; raises ConvvizError where there is none."""
    found: dict[Path, Run] = {}
    for given in folders:
        folder = Path(given)
        if not folder.is_dir():
            raise ConvvizError("there is no such folder", str(folder))
        places = [folder] if is_run(folder) else sorted(path.parent for path in folder.rglob(CONFIG))
        if not places:
            raise ConvvizError(f"holds no run directory (a folder with {CONFIG} and {METRICS})", str(folder))
        for place in places:
            found.setdefault(place.resolve(), read_run(place))
    return tuple(found.values())


def read_config(path: Path) -> tuple[Recipe, dict[str, Any]]:
    """The recipe of a config.yaml, and what it tells of the run."""
    try:
        # libyaml's loader, where it is there, reads many runs ten times as fast.
        data = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except OSError as err:
        raise ConvvizError(f"cannot be read: {err.strerror or err}", str(path)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        raise ConvvizError(f"is not YAML: {' '.join(str(err).split())[:200]}", str(path)) from None
    if not isinstance(data, dict):
        raise ConvvizError(f"must hold settings by name, got {shorten(data)}", str(path))
    about = data.pop("run", {})
    if not isinstance(about, dict):
        raise ConvvizError(f"must be values by name, got {shorten(about)}", f"{path}: run")
    return recipe_of(data, str(path)), about


def _history(path: Path) -> tuple[Mapping[str, Any], ...]:
    if not path.exists():
        return ()
    rows = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        where = f"{path}:{number}"
        row = _json(line, where)
        if not isinstance(row, dict):
            raise ConvvizError(f"must be an object, got {shorten(row)}", where)
        for name in ROW:
            if not _is_number(row.get(name)):
                raise ConvvizError(f"must have {name}, a number, got {shorten(row.get(name))}", where)
        rows.append(row)
    return tuple(rows)


def _summary(path: Path) -> Mapping[str, Any]:
    if not path.exists():
        return {}
    found = _json(_text(path), str(path))
    if not isinstance(found, dict) or not _is_number(found.get("test_accuracy")):
        raise ConvvizError("must be an object with test_accuracy, a number", str(path))
    return found


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ConvvizError("is no JSON", where) from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise ConvvizError(f"cannot be read: {getattr(err, 'strerror', None) or err}", str(path)) from None


def read_predictions(path: Path) -> Predictions:
    """Labels and probabilities of the test images, as a run keeps them."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            return Predictions(kept["labels"], kept["probabilities"], tuple(map(str, kept["classes"])))
    except FileNotFoundError:
        raise ConvvizError("there are no predictions; train the run to its end", str(path)) from None
    except ConvvizError as err:
        raise err.at(str(path)) from None
    except (OSError, *DAMAGED) as err:
        raise ConvvizError(f"cannot be read: {' '.join(str(err).split())[:120]}", str(path)) from None
