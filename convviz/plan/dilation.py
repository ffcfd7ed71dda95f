"""A window whose weights are pulled apart: what it covers grows, what it costs does not."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod

from convviz.plan import words
from convviz.plan.gridding import apart, share
from convviz.plan.limits import MAX_CELLS, check_count
from convviz.plan.model import Cell, Formula, Grid, Marked, Panel, Plan, Step, Table


def spread_apart(kernel: Sequence[int], rates: Sequence[int]) -> Plan:
    """The same weights at growing distances: what a window covers, and what it costs, for each of ``rates``.

    Panels ``window{d}`` have the window at rate d, with its taps and its holes marked in step.

    >>> spread_apart((3, 3), (1, 2)).steps[-1].caption
    'Rate 2: the 9 weights stand 2 apart and cover 5×5 cells.'
    """
    panels: list[Panel] = []
    steps = []
    rows = []
    for rate in rates:
        taps = [range(0, (k - 1) * rate + 1, rate) for k in kernel]
        sides = tuple(line[-1] + 1 for line in taps)
        check_count("dilated_conv", "cells of a window", prod(sides), MAX_CELLS)
        every = grid_cells([range(n) for n in sides])
        read = set(grid_cells(taps))
        holes = tuple(cell for cell in every if cell not in read)
        panels.append(Grid(f"window{rate}", "input", f"rate {rate}: {words.size(sides)}", (1, *sides)))
        count = prod(kernel)
        weights, covered = words.count(count, "weight"), words.size(sides)
        said = f"Rate {rate}: the {weights} stand {apart(rate)} and cover {covered} cells."
        marks = (
            Marked(f"window{rate}", "read", tuple(sorted(read))),
            *((Marked(f"window{rate}", "hole", holes),) if holes else ()),
        )
        steps.append(Step("The same weights, further apart", said, marks))
        rows.append((rate, words.size(sides), count, share(Fraction(count, prod(sides)))))
    table = Table(
        "rates",
        "The window grows, the weights stay",
        ("rate", "covers", "weights", "of its cells read"),
        tuple(rows),
    )
    largest = rates[-1]
    formula = Formula(
        "covered along an axis",
        "d(k − 1) + 1",
        f"{largest}×({kernel[0]} − 1) + 1",
        str(largest * (kernel[0] - 1) + 1),
    )
    return Plan(
        "dilation",
        "The same weights, further apart",
        (*panels, table),
        tuple(steps),
        (formula,),
    )


def grid_cells(lines: Sequence[range]) -> list[Cell]:
    """The cells (channel 0) where lines cross."""
    found: list[Cell] = [(0,)]
    for line in lines:
        found = [(*cell, at) for cell in found for at in line]
    return found
