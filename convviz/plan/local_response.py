"""Local response normalization: each cell over what the channels around it hold."""

from __future__ import annotations

import numpy as np

from convviz.ops.norm import LocalResponseNorm
from convviz.plan.given import Given, plain
from convviz.plan.model import (
    Formula,
    Plan,
    Term,
    Work,
    Write,
)
from convviz.plan.pieces import blank, equal, example, joined, place, plan_of, step
from convviz.plan.reach import cells_read
from convviz.plan.words import inner, number


def local_response(given: Given) -> Plan:
    """The plan of a division by what the channels around a cell hold."""
    op = given.op
    assert isinstance(op, LocalResponseNorm)
    (reads,) = op.reads(*given.ins)
    means, denominators, quotients = [], [], []
    for cell in np.ndindex(given.out):
        x = given.value(0, cell)
        near = [given.term(0, source) for source in cells_read(reads, given.ins[0], given.out, cell)]
        terms = tuple(Term("input", t.cell, t.value, product=plain(t.value**2)) for t in near)
        mean = plain(sum(t.product for t in terms) / op.size)
        text = equal(f"({joined([f'{inner(t.value)}²' for t in near])}) / {op.size}", mean)
        caption = f"The mean square of {op.size} channels around {place('cell', cell)}: {text}."
        work = Work("mean", terms, mean, text, divisor=op.size)
        means.append(step("Mean square", caption, work, [Write("mean_square", cell, mean)]))
        base = op.k + op.alpha * mean
        scale = plain(np.float64(base) ** op.beta)
        text = equal(f"({number(op.k)} + {inner(op.alpha)}×{number(mean)})^{inner(op.beta)}", scale)
        work = Work(
            "function", (Term("mean_square", cell, mean, product=mean),), scale, text, name="denominator"
        )
        caption = f"The denominator of {place('cell', cell)}: {text}."
        denominators.append(step("Denominator", caption, work, [Write("denominator", cell, scale)]))
        result = given.result(cell)
        text = equal(f"{number(x)} / {number(scale)}", result)
        terms = (given.term(0, cell), Term("denominator", cell, scale, product=scale))
        work = Work("function", terms, result, text, name="quotient")
        caption = f"{place('Output', cell)} is {text}."
        quotients.append(step("Quotient", caption, work, [Write("output", cell, result)]))
    panels = [
        *given.inputs(),
        blank("mean_square", "mean square of the channels around", given.out),
        blank("denominator", "denominator", given.out),
        given.output(),
    ]
    rule = Formula("each cell", "x / (k + alpha×mean square)^beta", *example(quotients[0]))
    note = "Channels outside count as zeros: the mean is always over size channels."
    return plan_of(given, panels, [*means, *denominators, *quotients], [rule], [note])
