"""Resizing: where each output lies on the input, and the cells that it mixes there."""

from __future__ import annotations

from itertools import product

import numpy as np

from convviz.ops.resize import Sampling, Upsample
from convviz.plan.given import Given, plain
from convviz.plan.limits import MAX_CELLS, check_count
from convviz.plan.model import Cell, Formula, Panel, Plan, Step, Table, Term, Work, Write
from convviz.plan.pieces import dot_text, equal, joined, place, plan_of, step
from convviz.plan.words import axis_names, inner, number

# op's mode -> (the position on the input, in letters, and what is read there)
POSITIONS = {
    "nearest": "o×scale",
    "nearest-exact": "(o + 1/2)×scale",
    "linear": "(o + 1/2)×scale − 1/2",
    "cubic": "(o + 1/2)×scale − 1/2",
}


def resize(given: Given) -> Plan:
    """The plan of a resize: a copy of the nearest cell, or a sum of cells times weights that add up to 1."""
    op = given.op
    assert isinstance(op, Upsample)
    samplings = op.samplings(given.ins[0])
    before, after = given.ins[0][-op.rank :], given.out[-op.rank :]
    for n, out in zip(before, after, strict=True):
        check_count(op.kind, "weights", n * out, MAX_CELLS)
    rows = [axis_rows(sampling, n, out) for sampling, n, out in zip(samplings, before, after, strict=True)]
    copies = op.mode.startswith("nearest")
    steps = [resize_step(given, rows, cell, copies) for cell in np.ndindex(given.out)]
    names = axis_names(op.rank)
    tables = [
        axis_table(name, sampling, row) for name, sampling, row in zip(names, samplings, rows, strict=True)
    ]
    rules = [
        rule
        for name, sampling, row in zip(names, samplings, rows, strict=True)
        for rule in formulas(name, sampling, row)
    ]
    panels: list[Panel] = [*given.inputs(), *tables, given.output()]
    return plan_of(given, panels, steps, rules, notes(op, samplings))


def axis_rows(sampling: Sampling, n: int, out: int) -> list[dict[int, float]]:
    """For each output along one axis: input cell -> weight."""
    matrix = sampling.matrix(n, out)
    return [{int(i): float(row[i]) for i in np.flatnonzero(row)} for row in matrix]


def resize_step(given: Given, rows: list[list[dict[int, float]]], cell: Cell, copies: bool) -> Step:
    rank = len(rows)
    lead, space = cell[: len(cell) - rank], cell[len(cell) - rank :]
    result = given.result(cell)
    writes = [Write("output", cell, result)]
    terms = []
    for pairs in product(*(rows[a][o].items() for a, o in enumerate(space))):
        source = (*lead, *(i for i, _ in pairs))
        factor = plain(np.prod([weight for _, weight in pairs]))
        value = given.value(0, source)
        terms.append(Term("input", source, value, factor=factor, product=plain(value * factor)))
    if copies:
        (term,) = terms
        taken = Term("input", term.cell, term.value, product=term.value)
        text = equal(f"{place('output', cell)} = {place('input', term.cell)}", result)
        caption = f"{place('Output', cell)} is a copy of {place('input', term.cell)}, {number(result)}."
        return step("Copy", caption, Work("copy", (taken,), result, text), writes)
    text = dot_text(terms, None, result)
    factors = joined([inner(term.factor or 0) for term in terms])
    caption = f"{place('Output', cell)} is {text}; the weights {factors} add up to 1."
    if len(terms) == 1:
        caption = f"{place('Output', cell)} is {text}; a single cell is read."
    return step("Mix", caption, Work("dot", tuple(terms), result, text), writes)


def axis_table(name: str, sampling: Sampling, rows: list[dict[int, float]]) -> Table:
    """Position, cells and weights of every output along an axis."""
    body = tuple(
        (
            o,
            plain(sampling.position(o)),
            ", ".join(map(str, row)),
            ", ".join(number(weight) for weight in row.values()),
        )
        for o, row in enumerate(rows)
    )
    return Table(
        f"along_{name}",
        f"where each {name} lies on the input",
        ("output", "position", "cells", "weights"),
        body,
    )


def formulas(name: str, sampling: Sampling, rows: list[dict[int, float]]) -> list[Formula]:
    """Where the last output along an axis lies."""
    last = len(rows) - 1
    scale = str(sampling.scale)
    symbols = "o×scale" if sampling.corners else POSITIONS[sampling.mode]
    numbers = (
        symbols.replace("o", str(last), 1) if symbols.startswith("o") else symbols.replace("(o", f"({last}")
    )
    numbers = numbers.replace("scale", f"({scale})" if "/" in scale else scale)
    position = sampling.position(last)
    found = [
        Formula(
            f"where output {name} o lies on the input", symbols, numbers, str(position), f"for o = {last}"
        )
    ]
    if sampling.mode.startswith("nearest"):
        cell = next(iter(rows[last]))
        found.append(Formula(f"{name} that is copied", "⌊position⌋", f"⌊{position}⌋", str(cell)))
    return found


def notes(op: Upsample, samplings: list[Sampling]) -> list[str]:
    scales = " and ".join(dict.fromkeys(str(sampling.scale) for sampling in samplings))
    found = [f"The scale is the number of input cells for each step of the output: {scales}."]
    if not op.mode.startswith("nearest"):
        found.append(
            "Positions count from the middle of a cell; what lies outside is the nearest cell inside."
        )
    if op.mode == "bicubic":
        found.append(
            "Four cells along each axis are mixed by Keys' cubic with a = −0.75, some with negative weights."
        )
    return found
