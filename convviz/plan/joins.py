"""Ops that combine several inputs: sums and products cell by cell, and products of matrices."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np

from convviz.ops.base import Shape
from convviz.ops.join import Einsum, Join
from convviz.plan.given import Given, letter, plain
from convviz.plan.model import Cell, Formula, Marked, Number, Plan, Step, Term, Work, Write
from convviz.plan.pieces import dot_text, equal, example, joined, place, plan_of, step
from convviz.plan.reach import cells_read
from convviz.plan.words import count, function_text, inner, number, size

SIGNS = {"add": " + ", "sub": " − ", "mul": " × ", "div": " / "}
NAMES = {"maximum": "max", "minimum": "min"}


def join(given: Given) -> Plan:
    """The plan of inputs that meet cell by cell; axes of size 1 are repeated."""
    assert isinstance(given.op, Join)
    reads = given.op.reads(*given.ins)
    other = None if given.op.other is None else plain(given.op.other)
    steps = []
    for cell in np.ndindex(given.out):
        terms = []
        for which, (read, shape) in enumerate(zip(reads, given.ins, strict=True)):
            (source,) = cells_read(read, shape, given.out, cell)
            terms.append(given.term(which, source))
        steps.append(join_step(given, terms, other, cell))
    letters = [letter(i) for i in range(len(given.ins))]
    letters += [] if other is None else [number(other)]
    sign = SIGNS.get(given.kind)
    symbols = joined(letters, sign) if sign else f"{NAMES[given.kind]}({', '.join(letters)})"
    rule = Formula("each cell", symbols, *example(steps[0]))
    return plan_of(given, [*given.inputs(), given.output()], steps, [rule], repeated(given))


def join_step(given: Given, terms: list[Term], other: Number | None, cell: Cell) -> Step:
    result, kind = given.result(cell), given.kind
    values = [term.value for term in terms] + ([] if other is None else [other])
    if kind in NAMES:
        text = function_text(NAMES[kind], values, result)
        winners = tuple(Marked(term.panel, "winner", (term.cell,)) for term in terms if term.value == result)
        how = "max" if kind == "maximum" and other is None else "function"
        work = Work(how, tuple(terms), result, text, name=NAMES[kind])  # type: ignore[arg-type]
    else:
        text = equal(joined([number(values[0]), *(inner(v) for v in values[1:])], SIGNS[kind]), result)
        work, winners = arithmetic(kind, terms, other, result, text), ()
    caption = f"{place('Output', cell)} is {text}."
    return step("Combine", caption, work, [Write("output", cell, result)], marks=winners)


def arithmetic(kind: str, terms: list[Term], other: Number | None, result: Number, text: str) -> Work:
    """The work of a sum, difference, product or quotient; ``other`` is a number that comes last."""
    if kind == "add":
        return Work("sum", tuple(terms), result, text, bias=other)
    if kind == "sub":
        less = [Term(t.panel, t.cell, t.value, product=-t.value) for t in terms[1:]]
        return Work("sum", (terms[0], *less), result, text, bias=None if other is None else -other)
    if kind == "mul":
        if other is not None:
            last = terms[-1]
            scaled = Term(last.panel, last.cell, last.value, factor=other, product=plain(last.value * other))
            terms = [*terms[:-1], scaled]
        return Work("product", tuple(terms), result, text)
    return Work("function", tuple(terms), result, text, name="div")


def repeated(given: Given) -> list[str]:
    """A note for each input that is broadcast."""
    found = []
    for title, shape in zip(given.titles, given.ins, strict=True):
        if shape != given.out:
            times = prod(given.out) // prod(shape)
            found.append(
                f"{title} ({size(shape)}) is broadcast to {size(given.out)}: each of its cells is used "
                f"{count(times, 'time')}."
            )
    return found


# -- products of matrices -----------------------------------------------------------------------------------
def matmul(given: Given) -> Plan:
    """The plan of a product of matrices: row times column."""
    first, second = given.op.reads(*given.ins)
    a, b = given.ins
    steps = []
    for cell in np.ndindex(given.out):
        pairs = zip(
            cells_read(first, a, given.out, cell), cells_read(second, b, given.out, cell), strict=True
        )
        steps.append(dot_step(given, [product_term(given, *pair) for pair in pairs], cell))
    n, k, m = a[-2], a[-1], b[-1]
    rules = [
        Formula("products", "n×k×m", f"{n}×{k}×{m}", f"{n * k * m:,}", per_matrix(given.out)),
        Formula("each cell", "Σ a[i, t]×b[t, j] over t", *example(steps[0])),
    ]
    panels = [*given.inputs(), given.output()]
    return plan_of(given, panels, steps, rules, batch_notes(given))


def batch_notes(given: Given) -> list[str]:
    lead = given.out[:-2]
    return (
        [f"The axes in front ({size(lead)}) count matrices, which are multiplied one by one."] if lead else []
    )


def per_matrix(out: Shape) -> str:
    return f"for each of {prod(out[:-2])} matrices" if len(out) > 2 else ""


def einsum(given: Given) -> Plan:
    """The plan of a sum of products: the letters that the result lacks are summed over."""
    assert isinstance(given.op, Einsum)
    letters, right = given.op.terms()
    sizes = given.op.sizes(given.ins)
    summed = [index for index in sizes if index not in right]
    steps = []
    for cell in np.ndindex(given.out):
        terms = []
        for values in product(*(range(sizes[index]) for index in summed)):
            at = dict(zip(right, cell, strict=True)) | dict(zip(summed, values, strict=True))
            sources = [tuple(at[index] for index in names) for names in letters]
            terms.append(product_term(given, *sources) if len(sources) > 1 else given.term(0, sources[0]))
        steps.append(dot_step(given, terms, cell))
    operands = [f"{name}[{', '.join(at)}]" for name, at in zip("ab", letters, strict=False)]
    over = f" over {', '.join(summed)}" if summed else ""
    symbols = f"{'Σ ' if summed else ''}{'×'.join(operands)}{over}"
    rule = Formula(f"each cell [{', '.join(right)}]", symbols, *example(steps[0]))
    return plan_of(given, [*given.inputs(), given.output()], steps, [rule])


def product_term(given: Given, first: Cell, second: Cell) -> Term:
    """A cell of the first input times one of the second."""
    a, b = given.value(0, first), given.value(1, second)
    return Term(given.keys[0], first, a, second, b, plain(a * b))


def dot_step(given: Given, terms: list[Term], cell: Cell) -> Step:
    result = given.result(cell)
    text = dot_text(terms, None, result)
    work = Work("dot", tuple(terms), result, text)
    caption = f"{place('Output', cell)} is {text}."
    weight = given.keys[1] if len(given.keys) > 1 else None
    return step("Multiply and add", caption, work, [Write("output", cell, result)], weight)
