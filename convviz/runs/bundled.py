"""Results of real runs that come with the package, by name: ladder, overfitting and others.

The files are those of outputs/gallery/results, epoch by epoch, byte for byte; ``python tools/results.py`` writes both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from convviz.errors import ConvvizError, nearest
from convviz.runs.collection import collect
from convviz.runs.results import Results, TrainedArm

FOLDER = Path(__file__).with_name("measured")


def names() -> tuple[str, ...]:
    """The results that come with the package."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def results(source: str | Path) -> Results:
    """Bundled results by name, else those of a run directory, a folder of such, or a file that compare saved.

    A bundled name means the bundled results; ``./ladder`` is a folder. Raises ConvvizError.

    >>> results("ladder").not_run
    ('code1',)
    """
    if not isinstance(source, str | Path):
        raise ConvvizError(f"must be a name or a path, got {source!r}", "results")
    if str(source) in names():
        return collect(FOLDER / f"{source}.json")
    if not Path(source).exists():
        raise ConvvizError(
            f"no results {str(source)!r}{nearest(str(source), names())} (bundled are {', '.join(names())}; else a "
            f"run directory, a folder of such, or a .json that convviz compare --save wrote)",
            "results",
        )
    return collect(source)


def only(found: Results, arms: str | Sequence[str]) -> Results:
    """Some arms, named in a list or with commas between them, in that order; all of them for no names.

    Raises ConvvizError for an unknown one, and where none of them was run.
    """
    if not isinstance(arms, str | list | tuple) or not all(isinstance(name, str) for name in arms):
        raise ConvvizError(f"must be names with commas between them, got {arms!r}", "arms")
    wanted = [part.strip() for part in arms.split(",")] if isinstance(arms, str) else list(arms)
    if not wanted:
        return found
    known = {row if isinstance(row, str) else row.name: row for row in found.rows}
    for name in wanted:
        if name not in known:
            raise ConvvizError(
                f"no arm {name!r}{nearest(name, known)} (there are {', '.join(known)})", "arms"
            )
    kept = tuple(row for row in map(known.__getitem__, wanted) if isinstance(row, TrainedArm))
    if not kept:
        raise ConvvizError("none of these arms was run", "arms")
    return replace(found, arms=kept, planned=tuple(wanted), factors={}, baseline=None)
