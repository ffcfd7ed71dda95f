"""The fully connected layer, and one number for all cells along some axes."""

from __future__ import annotations

from math import prod

import numpy as np

from convviz.ops.dense import Linear
from convviz.ops.shape import Reduce
from convviz.plan.given import Given, plain
from convviz.plan.model import Formula, Marked, Plan, Term, Work, Write
from convviz.plan.pieces import dot_text, equal, example, joined, place, plan_of, step
from convviz.plan.reach import cells_read
from convviz.plan.words import count, inner, listing, number, size


def linear(given: Given) -> Plan:
    """The plan of a fully connected layer: all inputs times their weights, and the bias."""
    op = given.op
    assert isinstance(op, Linear)
    (reads,) = op.reads(*given.ins)
    weight = given.weights["weight"]
    steps = []
    for cell in np.ndindex(given.out):
        terms = []
        for source in cells_read(reads, given.ins[0], given.out, cell):
            at = (cell[-1], source[-1])
            value, factor = given.value(0, source), plain(weight[at])
            terms.append(Term("input", source, value, at, factor, plain(value * factor)))
        bias = plain(given.weights["bias"][cell[-1]]) if op.bias else None
        result = given.result(cell)
        text = dot_text(terms, bias, result)
        marks = [Marked("bias", "weight", ((cell[-1],),))] if op.bias else []
        work = Work("dot", tuple(terms), result, text, bias)
        caption = f"{place('Output', cell)} is {text}."
        steps.append(
            step("Multiply and add", caption, work, [Write("output", cell, result)], "weight", marks)
        )
    features, outputs = given.ins[0][-1], op.out_features
    weights = f"{features}×{outputs}" + (f" + {outputs}" if op.bias else "")
    symbols = "in×out + out" if op.bias else "in×out"
    rules = [
        Formula("each output", f"Σ x[i]×w[o, i]{' + b[o]' if op.bias else ''} over i", *example(steps[0])),
        Formula("parameters", symbols, weights, f"{op.params(*given.ins):,}"),
    ]
    lead = given.ins[0][:-1]
    notes = [
        f"The same weights are used at each of the {count(prod(lead), 'place')} of the axes in front ({size(lead)})."
    ] * bool(lead)
    panels = [*given.inputs(), *given.parameters(), given.output()]
    return plan_of(given, panels, steps, rules, notes, "weight")


def reduction(given: Given) -> Plan:
    """The plan of a mean, sum, largest or smallest value over some axes."""
    op = given.op
    assert isinstance(op, Reduce)
    (reads,) = op.reads(*given.ins)
    axes = op.axes(given.ins[0])
    steps = []
    for cell in np.ndindex(given.out):
        terms = tuple(given.term(0, source) for source in cells_read(reads, given.ins[0], given.out, cell))
        result = given.result(cell)
        work = REDUCE[given.kind](terms, result)
        winners = tuple(term.cell for term in terms if term.value == result)
        marks = [Marked("input", "winner", winners)] if given.kind in ("amax", "amin") else []
        caption = f"{place('Output', cell)} is {work.text}."
        steps.append(step("Reduce", caption, work, [Write("output", cell, result)], marks=marks))
    sizes = [given.ins[0][i] for i in axes]
    over = listing(f"dim {i + 1}" for i in axes) or "no axis"
    rules = [
        Formula(
            f"cells for each output, over {over}", "product of the sizes", size(sizes), f"{prod(sizes):,}"
        ),
        Formula("each output", SYMBOLS[given.kind], *example(steps[0])),
    ]
    return plan_of(given, [*given.inputs(), given.output()], steps, rules)


def mean_work(terms: tuple[Term, ...], result: float) -> Work:
    total = joined([inner(term.value) for term in terms])
    return Work("mean", terms, result, equal(f"({total}) / {len(terms)}", result), divisor=len(terms))


def sum_work(terms: tuple[Term, ...], result: float) -> Work:
    return Work("sum", terms, result, equal(joined([inner(term.value) for term in terms]), result))


def max_work(terms: tuple[Term, ...], result: float) -> Work:
    values = joined([number(term.value) for term in terms], ", ")
    return Work("max", terms, result, equal(f"max({values})", result), name="max")


def min_work(terms: tuple[Term, ...], result: float) -> Work:
    values = joined([number(term.value) for term in terms], ", ")
    return Work("function", terms, result, equal(f"min({values})", result), name="min")


REDUCE = {"mean": mean_work, "sum": sum_work, "amax": max_work, "amin": min_work}
SYMBOLS = {"mean": "Σ x / n", "sum": "Σ x", "amax": "max x", "amin": "min x"}
