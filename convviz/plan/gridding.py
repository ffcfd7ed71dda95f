"""A stack of convolutions along one axis: from one output down to the cells it reads, and over how many paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import gcd, prod

from convviz.analysis.gridding import Condition, Gridding
from convviz.plan import words
from convviz.plan.limits import MAX_CELLS, MAX_TERMS, check_count
from convviz.plan.model import (
    Cell,
    Formula,
    Grid,
    Marked,
    Number,
    Panel,
    Plan,
    Step,
    Table,
    Term,
    Work,
    Write,
)
from convviz.plan.pieces import equal, joined

LONG = 4  # rates, or summands, that a line tells one by one
PLANE = 81  # cells along an axis of a plane that is drawn cell by cell


def stack(found: Gridding) -> Plan:
    """The plan of a stack: how paths spread from one output, map by map, down to the input.

    The work of a step is the sum in the cell where most paths meet, which is its winner.

    Panels ``map0`` (the input) to ``map{L}`` (the output) hold as many cells as that output spans in them, and get the
    number of paths from each of their cells to the output; ``plane`` is the input over two axes (left out where it is
    too wide), ``beside`` the input with what the next output reads, ``conditions`` the exact criterion. Raises
    ConvvizError for a stack too wide to be told cell by cell.

    >>> from convviz.analysis.gridding import gridding
    >>> made = stack(gridding([1, 1], 2))
    >>> list(made.shown("map0").values()), made.steps[-2].work.text
    ([1, 2, 1], '1 + 1 = 2')
    """
    layers, first = len(found.rates), "gridding"
    check_count(first, "cells of one map", found.span, MAX_CELLS)
    spans = [found.behind(i).span if i < layers else 1 for i in range(layers + 1)]
    check_count(first, "paths to draw", sum(s * k for s, k in zip(spans[1:], found.kernels)), MAX_TERMS)
    panels: list[Panel] = [
        Grid(f"map{i}", "input" if i == 0 else "output", map_title(i, layers), (1, spans[i]))
        for i in range(layers + 1)
    ]
    counts: Sequence[int] = (1,)
    start = Step(
        "One output",
        "One output at the top: it counts as one path.",
        (Marked(f"map{layers}", "written", ((0, 0),)),),
        None,
        (Write(f"map{layers}", (0, 0), 1),),
    )
    steps = [start]
    for i in range(layers - 1, -1, -1):
        steps.append(down(found, i, counts, spans[i]))
        counts = [write.value for write in steps[-1].writes]  # type: ignore[misc]
        assert tuple(counts) == found.behind(i).counts(), "paths differ from those of the analysis"
    beside, next_to = neighbours(found)
    panels += [*plane(counts), beside, conditions(found)]
    return Plan(
        name=first,
        title=title(found),
        panels=tuple(panels),
        steps=(*steps, next_to),
        formulas=(span_formula(found),),
        facts=facts(found),
        notes=(criterion(found),),
    )


def title(found: Gridding) -> str:
    """``Rates 2, 2, 2: 7 of 13 cells are read``"""
    rates = ", ".join(map(str, found.rates))
    if found.dense:
        return f"Rates {rates}: all {found.span:,} cells are read"
    return f"Rates {rates}: {told(found.hits)} of {found.span:,} cells are read"


def told(count: int | None) -> str:
    return "some" if count is None else f"{count:,}"


def map_title(i: int, layers: int) -> str:
    """``input``, ``layer 1``, ..., ``output of layer 3``."""
    return "input" if i == 0 else f"output of layer {i}" if i == layers else f"layer {i}"


def down(found: Gridding, i: int, counts: Sequence[int], span: int) -> Step:
    """The step from map ``i + 1``, whose cells have ``counts`` paths, to the ``span`` cells of map ``i``."""
    kernel, rate, stride = found.kernels[i], found.rates[i], found.strides[i]
    above, here = f"map{i + 1}", f"map{i}"
    paths: list[list[int]] = [[] for _ in range(span)]
    terms = []
    for at, n in enumerate(counts):
        for t in range(kernel if n else 0):
            to = at * stride + t * rate
            paths[to].append(n)
            terms.append(Term(above, (0, at), n, product=n, to=(0, to)))
    sums = [sum(some) for some in paths]
    read, holes = cells(sums, True), cells(sums, False)
    most = max(range(span), key=lambda c: (len(paths[c]), sums[c], -abs(2 * c - span + 1)))
    work = Work("scatter", tuple(terms), sums[most], equal(joined(list(map(str, paths[most]))), sums[most]))
    return Step(
        f"Layer {i + 1}",
        f"Layer {i + 1} reads {words.count(kernel, 'cell')}, {apart(rate)}: "
        + (f"{words.count(len(holes), 'cell')} of {span} stay unread." if holes else f"all {span} are read."),
        (
            Marked(above, "read", cells(counts, True)),
            Marked(here, "written", read),
            *((Marked(here, "hole", holes),) if holes else ()),
            Marked(here, "winner", ((0, most),)),
        ),
        work,
        tuple(Write(here, (0, c), n) for c, n in enumerate(sums)),
    )


def places(found: Gridding) -> tuple[tuple[Fraction, int], ...]:
    """Where map ``i`` lies over the input: the middle of its first cell, and cells of the input from one to the next.

    >>> places(Gridding((1, 1), (3, 3), (2, 1)))
    ((Fraction(0, 1), 1), (Fraction(1, 1), 2), (Fraction(3, 1), 2))
    """
    jumps = (*found.jumps, found.jumps[-1] * found.strides[-1])
    return tuple((Fraction(found.after(i).span - 1, 2), jump) for i, jump in enumerate(jumps))


def apart(rate: int) -> str:
    return "side by side" if rate == 1 else f"{rate} apart"


def cells(counts: Sequence[int], hit: bool) -> tuple[Cell, ...]:
    """The cells that some path reaches, or (hit=False) the holes."""
    return tuple((0, c) for c, n in enumerate(counts) if bool(n) == hit)


def plane(counts: Sequence[int]) -> list[Panel]:
    """Over two axes a cell has the product of the paths along each."""
    if len(counts) > PLANE:
        return []
    values: dict[Cell, Number] = {
        (0, r, c): a * b for r, a in enumerate(counts) for c, b in enumerate(counts)
    }
    return [Grid("plane", "input", "the input over two axes", (1, len(counts), len(counts)), values)]


def neighbours(found: Gridding) -> tuple[Grid, Step]:
    """The input under two neighbouring outputs, and the step that tells which cells both of them read."""
    jump = prod(found.strides)
    mine = found.cells or ()
    other = tuple(c + jump for c in mine)
    both = set(mine) & set(other)
    grid = Grid("beside", "input", "what two neighbouring outputs read", (1, found.span + jump))
    comb = gcd(*found.steps) if any(k > 1 for k in found.kernels) else 1
    if both:
        said = f"The next output shares {words.count(len(both), 'cell')} of {len(mine)} with this one."
    else:
        said = f"The next output reads none of these cells: {comb} grids that never meet."
    marks = (
        Marked("beside", "read", tuple((0, c) for c in mine)),
        Marked("beside", "fed", tuple((0, c) for c in other)),
        Marked("beside", "shared", tuple((0, c) for c in sorted(both))),
    )
    return grid, Step("The output beside it", said, marks)


def conditions(found: Gridding) -> Table:
    """The exact criterion, smallest step first."""
    rows = tuple(
        (
            f"layer {c.layer + 1}",
            found.rates[c.layer],
            limit(c),
            "yes" if c.holds else "no",
        )
        for c in found.conditions
    )
    return Table(
        "conditions",
        "No holes if each step is at most 1 more than what the smaller ones reach",
        ("layer", "rate", "at most", "holds"),
        rows,
    )


def criterion(found: Gridding) -> str:
    """The exact criterion with its numbers: the first rate that is too large, or all of them (of many the largest).

    >>> criterion(Gridding((2, 2), (3, 3), (1, 1))), criterion(Gridding((1, 2), (3, 3), (1, 1)))
    ('2 > 1: holes', '1 ≤ 1, 2 ≤ 1 + 2 = 3: no holes')
    """
    for c in found.conditions:
        if not c.holds:
            return f"{c.step} > {limit(c)}: holes"
    told = [f"{c.step} ≤ {limit(c)}" for c in found.conditions]
    return f"{', '.join(told if len(told) <= LONG else ['…', *told[-2:]])}: no holes"


def limit(condition: Condition) -> str:
    """``1 + 2 + 4 = 7``"""
    if not condition.reach:
        return "1"
    parts = list(map(str, condition.reach)) if len(condition.reach) <= LONG else ["…"]
    return f"1 + {' + '.join(parts)} = {condition.limit}"


def span_formula(found: Gridding) -> Formula:
    """``1 + 2×2 + 2×2 + 2×2 = 13``"""
    strided = set(found.strides[:-1]) - {1}
    parts = [
        f"{k - 1}×{rate}" + (f"×{jump}" if strided else "")
        for k, rate, jump in zip(found.kernels, found.rates, found.jumps, strict=True)
    ]
    return Formula(
        "span", "1 + Σ (k − 1)·d" + "·j" * bool(strided), f"1 + {' + '.join(parts)}", f"{found.span:,}"
    )


def facts(found: Gridding) -> tuple[tuple[str, str], ...]:
    """Span, cells read, shares along one axis and two, paths, weights."""
    made = [("span", f"{found.span:,}"), ("cells read", told(found.hits))]
    if found.density is not None:
        made += [("share", share(found.density)), ("share over two axes", share(found.density**2))]
    made.append(("paths", f"{prod(found.kernels):,}"))
    made.append(("weights", f"{sum(found.kernels):,}"))
    return tuple(made)


def share(part: Fraction) -> str:
    """``53.8 %``; only all of them are 100 %.

    >>> share(Fraction(7, 13)), share(Fraction(9999, 10000)), share(Fraction(1))
    ('53.8 %', '99.9 %', '100 %')
    """
    tenths = min(round(1000 * part), 999) if part < 1 else 1000
    return f"{words.number(tenths / 10)} %"


def mended(one: Gridding, two: Gridding) -> str:
    """What rates without holes keep of a stack."""
    if one.span == two.span:
        return "Other rates: as many layers, as many weights, the same span."
    return f"Other rates: as many layers and weights, a span of {two.span} instead of {one.span}."


def over_two_axes(*stacks: Gridding) -> str:
    """How much of a plane each stack reads.

    >>> over_two_axes(Gridding((2, 2), (3, 3), (1, 1)), Gridding((1, 2), (3, 3), (1, 1)))
    'Over two axes, rates 2, 2 read 30.9 % of the cells, rates 1, 2 read all.'
    """
    parts: list[str] = []
    for found in stacks:
        part = found.density
        read = "all" if found.dense else "some" if part is None else share(part**2)
        of = " of the cells" if not parts and not found.dense else ""
        parts.append(f"rates {', '.join(map(str, found.rates))} read {read}{of}")
    return f"Over two axes, {', '.join(parts)}."


def compared(one: Gridding, two: Gridding) -> Table:
    """Two stacks side by side, in numbers."""
    rows = [(name, a, b) for (name, a), (_, b) in zip(facts(one), facts(two), strict=True) if name != "paths"]
    heads = ("rates", *(", ".join(map(str, found.rates)) for found in (one, two)))
    return replace(
        conditions(one),
        key="compared",
        title="Two stacks in numbers",
        columns=heads,
        rows=tuple(rows),
    )
