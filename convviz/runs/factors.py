"""Arms as the cells of a factorial: which settings are factors, and what each of them does."""

from __future__ import annotations

from itertools import product
from math import prod

from convviz.analysis.statistics.compare import WORTH
from convviz.analysis.statistics.factorial import MainEffect, main_effect
from convviz.analysis.statistics.tests_of_pairs import ALPHA
from convviz.errors import ConvvizError, nearest
from convviz.runs.results import Results, worded

ALONE = "all else alike"


def factors_of(found: Results) -> tuple[str, ...]:
    """Factors of which every combination was run: the experiment's own, else settings that were fully crossed.

    () where there are fewer than two, or combinations are missing.
    """
    if found.factors:
        return tuple(found.factors) if len(found.factors) > 1 and not found.not_run else ()
    names = found.differing
    if len(names) < 2 or found.not_run:
        return ()
    combinations = {tuple(repr(arm.settings.get(name)) for name in names) for arm in found.arms}
    levels = [{values[i] for values in combinations} for i in range(len(names))]
    full = len(combinations) == len(found.arms) == prod(map(len, levels))
    return names if full and all(len(some) > 1 for some in levels) else ()


def effect_of(
    found: Results, factor: str, alpha: float = ALPHA, *, worth: float = WORTH, metric: str = "test"
) -> MainEffect:
    """The main effect of an experiment's factor, or of a setting in which arms differ.

    Raises ConvvizError for another factor, and where it was not crossed with everything else that differs.
    """
    places = cells_of(found, factor)
    by_name = {arm.name: arm.accuracies for arm in found.records(metric)}
    cells = {cell: by_name[name] for cell, name in places.items()}
    names = found.factors if factor in found.factors else found.differing
    others = [name for name in names if name != factor]
    return main_effect(factor, cells, alpha, worth=worth, over=others[0] if len(others) == 1 else "all else")


def cells_of(found: Results, factor: str) -> dict[tuple[str, str], str]:
    """The arm of each (level of the factor, all else)."""
    if factor in found.factors:
        at = list(found.factors).index(factor)
        by_arm = {}
        for labels in product(*found.factors.values()):
            rest = ", ".join(label for i, label in enumerate(labels) if i != at)
            by_arm[", ".join(labels)] = (labels[at], rest or ALONE)
        return {by_arm[arm.first.arm]: arm.name for arm in found.arms}
    if factor not in found.differing:
        known = tuple(dict.fromkeys((*found.factors, *found.differing)))
        there = f"there are {', '.join(known)}" if known else "the arms have the same settings"
        raise ConvvizError(f"no factor {factor!r}{nearest(factor, known)} ({there})", "--factor")
    others = [name for name in found.differing if name != factor]
    cells: dict[tuple[str, str], str] = {}
    for arm in found.arms:
        rest = ", ".join(worded(name, arm.settings.get(name)) for name in others)
        cell = (worded(factor, arm.settings.get(factor)), rest or ALONE)
        if cell in cells:
            raise ConvvizError(f"arms {cells[cell]!r} and {arm.name!r} have the same settings", factor)
        cells[cell] = arm.name
    return cells
