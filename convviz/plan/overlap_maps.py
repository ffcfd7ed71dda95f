"""Maps of how much arrives where: of layers behind each other, and of what could stand in a layer's place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import prod

from convviz.analysis import patterns
from convviz.analysis.checkerboard import GRADIENT, Stage
from convviz.analysis.coverage import Coverage
from convviz.plan import words
from convviz.plan.model import Cell, Grid, Marked, Number, Plan, Step, Table, Write

HEAT, TILE = 24, 6  # cells along each axis of a heat map, and of a small one with numbers
ROOM = 512  # phases of which the counts are listed


def plain(value: patterns.Number) -> Number:
    """A count as plans have it: whole where it is whole.

    >>> plain(Fraction(4, 2)), plain(Fraction(1, 2))
    (2, 0.5)
    """
    return int(value) if value == int(value) else float(value)


@dataclass(frozen=True)
class Stacked:
    """What several layers make together; ``name`` says which."""

    name: str
    coverage: Coverage

    @property
    def cv(self) -> float:
        """Standard deviation over mean of all axes together; 0 where nothing arrives at all."""
        return self.coverage.cv_total or 0.0

    @property
    def counts(self) -> tuple[Number, ...]:
        """What arrives at each phase of the last axis."""
        return tuple(map(plain, self.coverage.overlap[-1]))


def shown(period: int, limit: int) -> int:
    """Some whole periods where they fit, at most ``limit`` cells."""
    return min(period * max(2, 8 // period), limit)


def spots(cover: Coverage, limit: int, whole: bool = True) -> dict[Cell, patterns.Number]:
    """What arrives at the cells (0, row, column) of a map of the last two axes; one row where there is one axis.

    whole: some whole periods rather than ``limit`` cells.
    """
    sizes = [shown(n, limit) if whole else limit for n in cover.periods[-2:]]
    rows, columns = sizes if len(sizes) == 2 else (1, *sizes)
    lead = (0,) * max(len(cover.periods) - 2, 0)
    found: dict[Cell, patterns.Number] = {}
    for y, x in product(range(rows), range(columns)):
        at = (*lead, *(y, x)[2 - len(sizes) :])
        found[0, y, x] = cover.joint([a % n for a, n in zip(at, cover.periods, strict=True)])
    return found


def extent(cells: Mapping[Cell, object]) -> tuple[int, int, int]:
    """The shape of a map whose last cell is the largest."""
    _, y, x = max(cells)
    return 1, y + 1, x + 1


def heat(stack: Sequence[Stacked]) -> Plan:
    """A map for each part of a stack: how much arrives at a cell, over the mean."""
    panels, steps = [], []
    for i, part in enumerate(stack):
        key, shares = f"heat{i}", over_mean(spots(part.coverage, HEAT, whole=False))
        panels.append(Grid(key, "output", part.name, extent(shares)))
        writes = tuple(Write(key, cell, share) for cell, share in shares.items())
        caption = f"{part.name[:1].upper()}{part.name[1:]}: CV {words.number(part.cv)}."
        steps.append(Step("Stack", caption, (Marked(key, "written", tuple(shares)),), None, writes))
    return Plan("overlap", "Layers behind each other multiply their patterns", tuple(panels), tuple(steps))


def over_mean(values: Mapping[Cell, Number | Fraction]) -> dict[Cell, float]:
    """Each value over the mean of all, so that maps of different nets can have one scale."""
    mean = Fraction(sum(Fraction(value) for value in values.values())) / len(values)
    return {cell: float(Fraction(value) / mean) if mean else 0.0 for cell, value in values.items()}


# -- remedies -------------------------------------------------------------------------------------------
def remedies(stage: Stage) -> Plan:
    """The layer and what could stand in its place: a map of counts for each, and a table."""
    rows: list[tuple[str, str, Coverage, float, float | None, str]] = [
        ("as it is", "as it is", stage.coverage, 1.0, stage.rho_at_init, "no")
    ]
    for remedy in stage.remedies:
        assert stage.present is not None
        share = float(Fraction(remedy.params, max(stage.present.params, 1)))
        keeps = "yes" if remedy.keeps_even else "no"
        rho = None if stage.side == GRADIENT else remedy.rho_at_init
        short, told = (text.replace(" x", " ×") for text in (remedy.short, remedy.words))
        rows.append((short, told, remedy.coverage, share, rho, keeps))
    panels, steps, table = [], [], []
    for i, (name, told, cover, params, rho, keeps) in enumerate(rows):
        key, values = f"tile{i}", {cell: plain(value) for cell, value in spots(cover, TILE).items()}
        panels.append(Grid(key, "output", name, extent(values)))
        cv, random = words.number(cover.cv_total or 0.0), "" if rho is None else words.number(rho)
        table.append((name, cv, random, keeps, f"×{words.number(round(params, 2))}"))
        first = f"As it is: {counts_text(cover)}, CV {cv}."
        caption = f"{told[:1].upper()}{told[1:]}. CV {cv}." if i else first
        marks = (Marked(key, "written", tuple(values)),)
        writes = tuple(Write(key, cell, value) for cell, value in values.items())
        steps.append(Step("Remedies", caption, marks, None, writes))
    heads = ("what", "CV", "ρ at random", "always even", "parameters")
    facts = Table("remedies", "remedies", heads, tuple(table))
    return Plan("overlap", "Remedies", (*panels, facts), tuple(steps))


def counts_text(coverage: Coverage) -> str:
    """``1, 2 or 4 weights a cell``"""
    if coverage.phases > ROOM:
        return f"{prod(coverage.periods):,} phases"
    found = sorted({plain(value) for _, value in coverage.joints()})
    if len(found) > 6:
        return f"{words.number(found[0])} to {words.number(found[-1])} weights a cell"
    many = "weight" if found == [1] else "weights"
    return f"{words.listing(map(words.number, found), 'or')} {many} a cell"
