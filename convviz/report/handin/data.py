"""A hand-in as plain data: what handin.json holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convviz import __version__
from convviz.report.comparison_data import comparison_data
from convviz.report.handin.parts import HandIn

MADE_BY = "convviz handin"


def handin_data(found: HandIn, files: Mapping[str, str]) -> dict[str, Any]:
    """``made_by, version, name, dataset, complete, arms, comparison, files``; files: SHA-256 by path."""
    return {
        "made_by": MADE_BY,
        "version": __version__,
        "name": found.name,
        "dataset": found.results.data_set,
        "complete": not found.missing,
        "missing": list(found.missing),
        "arms": [
            {
                "name": part.name,
                "folder": part.folder,
                "model": part.model,
                "norm": part.norm,
                "shown_seed": part.run.seed,
                "test_accuracy": {str(run.seed): run.test for run in part.arm.runs},
                "reported": dict(part.reported),
                "changed": {name: list(values) for name, values in part.changed.items()},
            }
            for part in found.parts
        ],
        "comparison": comparison_data(found.comparison),
        "files": dict(files),
    }
