"""A hand-in as plain data: its arms, the files of its nets, the norms that are worked out, how it is made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from convviz.analysis.norms.normalize import Norms
from convviz.analysis.results import ReceptiveField
from convviz.analysis.statistics.compare import Comparison, Summary
from convviz.report.training_results import Compared
from convviz.runs.results import Results, TrainedArm
from convviz.runs.run import Run


@dataclass(frozen=True)
class Part:
    """An arm. ``run``: the one whose mistakes and weights are shown; ``runs``: all its finished runs, by seed.

    norm: the argument of its net's class, None where that takes none. model: the file of its net. net: its receptive
    fields. folder, weights: within the hand-in; weights are empty where they are too large for it. reported: what
    others measured. changed: settings that are not the recipe's,
    ``{name: (recipe's, own)}``.
    """

    arm: TrainedArm
    summary: Summary
    run: Run
    runs: tuple[Run, ...]
    net: ReceptiveField
    model: str
    norm: str | None
    folder: str
    weights: str = ""
    reported: Mapping[str, Any] = field(default_factory=dict)
    changed: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.arm.name


@dataclass(frozen=True)
class Worked:
    """Norms worked out on one small batch: ``files`` are Markdown by method, ``book`` a workbook of all of them."""

    norms: Norms
    files: Mapping[str, str]
    book: str


@dataclass(frozen=True)
class HandIn:
    """All that the README tells. Texts of the experiment are empty where there is none.

    models: source by file. commands: what trains the runs, compares them and makes the folder again.
    missing: what is not there, where it is partial; left_out: norms that are not
    worked out, and why. inputs: how pixels are normalized.
    """

    name: str
    about: str
    source: str
    target: str
    note: str
    compared: Compared
    parts: tuple[Part, ...]
    models: Mapping[str, str]
    worked: tuple[Worked, ...]
    commands: tuple[str, ...]
    count: int
    author: str = ""
    missing: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    inputs: str = ""

    @property
    def results(self) -> Results:
        return self.compared.results

    @property
    def comparison(self) -> Comparison:
        return self.compared.comparison

    @property
    def runs(self) -> tuple[Run, ...]:
        return tuple(run for part in self.parts for run in part.runs)
