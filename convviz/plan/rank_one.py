"""A kernel as a column times a row, told cell by cell; of one that is none, what the best of them leaves over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from convviz.analysis.rank_one import Factored, tidy
from convviz.ops.base import Array, Shape
from convviz.plan import named, words
from convviz.plan.given import table_of
from convviz.plan.model import Formula, Grid, Marked, Number, Plan, Step, Table, Term, Work, Write
from convviz.plan.separable import KERNELS

KIND = "spatially_separable_conv"
OUTPUTS = 3  # along an axis, so that passes share what lies between them


def passes(plan: Plan) -> tuple[Plan, ...]:
    """A plan of several ops in a row as one plan for each of them, whose input has what the one before wrote.

    >>> from convviz.plan import plan
    >>> [[panel.key for panel in part.panels] for part in passes(plan("spatially_separable_conv"))]
    [['input', 'kernel1', 'middle'], ['middle', 'kernel2', 'output']]
    """
    made, at = [], 0
    for stage in plan.stages:
        written = {
            i for i, step in enumerate(plan.steps) if any(w.panel == stage.writes for w in step.writes)
        }
        keys = (*stage.reads, *([stage.weight] if stage.weight else []), stage.writes)
        panels = [plan[key] for key in keys]
        for i, panel in enumerate(panels):
            if isinstance(panel, Grid) and panel.key in stage.reads and at:
                panels[i] = replace(panel, role="input", values=plan.shown(panel.key, at - 1))
        steps = plan.steps[at : max(written) + 1]
        made.append(replace(plan, panels=tuple(panels), steps=steps, stages=(stage,)))
        at = max(written) + 1
    return tuple(made)


def two_passes(
    fields: Mapping[str, Any], input: Shape | None = None, seed: int = 0, least: int = OUTPUTS
) -> Plan:
    """The plan of the form; where no input is given, on one that leaves ``least`` outputs along each axis.

    >>> two_passes({"kernel_size": 5})["output"].shape
    (1, 3, 3)
    """
    made = named.plan(KIND, fields, input, seed=seed)
    if input is not None:
        return made
    first, last = made.stages[0].ins[0], made.stages[-1].out
    wider = (first[0], *(n + max(least - m, 0) for n, m in zip(first[1:], last[1:], strict=True)))
    return made if wider == first else named.plan(KIND, fields, wider, seed=seed)


def weights_of(plan: Plan, key: str) -> Array:
    """The weights of a kernel's first filter on its first channel, rows and columns."""
    panel = plan[key]
    assert isinstance(panel, Grid) and panel.values is not None
    made = np.zeros(panel.shape[-2:])
    for cell, value in panel.values.items():
        if not any(cell[:-2]):
            made[cell[-2:]] = value
    return made


def table_of_products(column: Sequence[Number], row: Sequence[Number]) -> Plan:
    """A column times a row, cell by cell: every weight is the product of the two numbers at its edges.

    >>> table_of_products((1, 2, 1), (-1, 0, 1)).steps[3].work.text
    '2×(−1) = −2'
    """
    size = len(column), len(row)
    panels = (
        Grid("column", "kernel", f"column {words.size((size[0], 1))}", (1, size[0], 1), along(column, 0)),
        Grid("row", "kernel", f"row {words.size((1, size[1]))}", (1, 1, size[1]), along(row, 1)),
        Grid("product", "kernel", f"kernel {words.size(size)}{known(column, row)}", (1, *size)),
    )
    steps = tuple(product_step(r, c, column[r], row[c]) for r in range(size[0]) for c in range(size[1]))
    weights = Formula(
        "weights",
        "k₁ + k₂ instead of k₁·k₂",
        f"{size[0]} + {size[1]} instead of {size[0]}×{size[1]}",
        f"{sum(size)} instead of {size[0] * size[1]}",
    )
    return Plan("outer_product", "A column times a row", panels, steps, (weights,))


def known(column: Sequence[Number], row: Sequence[Number]) -> str:
    """The name of the kernel that a column times a row gives, where people call it by one.

    >>> known((1, 2, 1), (-1, 0, 1)), known((1, 2, 1), (3, 0, 1))
    (', Sobel', '')
    """
    product = tuple(tuple(a * b for b in row) for a in column)
    return next((f", {name}" for name, kernel in KERNELS.items() if kernel == product), "")


def along(line: Sequence[Number], axis: int) -> dict[tuple[int, ...], Number]:
    return {(0, 0, i) if axis else (0, i, 0): value for i, value in enumerate(line)}


def product_step(r: int, c: int, left: Number, right: Number) -> Step:
    result = tidy(left * right)
    terms = (
        Term("column", (0, r, 0), left, product=left),
        Term("row", (0, 0, c), right, product=right),
    )
    text = f"{words.inner(left)}×{words.inner(right)} = {words.number(result)}"
    return Step(
        "Column times row",
        f"Row {r}, column {c}: {text}.",
        (
            Marked("column", "read", ((0, r, 0),)),
            Marked("row", "read", ((0, 0, c),)),
            Marked("product", "written", ((0, r, c),)),
        ),
        Work("product", terms, result, text),
        (Write("product", (0, r, c), result),),
    )


def left_over(found: Factored) -> Plan:
    """A kernel, its best column times row, and the residual; then the next column times row, and so on.

    Panels ``kernel``, and for each term ``column{n}``, ``row{n}``, ``product{n}`` and ``residual{n}`` (what is left
    after n terms); ``values`` has the singular values and what they keep. A step a term.
    """
    size = found.size
    array = np.array(found.kernel, float)
    panels: list[Grid | Table] = [
        Grid("kernel", "kernel", f"kernel {words.size(size)}", (1, *size), table_of(array[None]))
    ]
    steps, rows = [], []
    rest = array
    for n, one in enumerate(found.factors, 1):
        rest = rest - one.product
        clean = np.vectorize(
            lambda v: tidy(v) if abs(v) > 1e-9 * found.factors[0].value else 0, otypes=[float]
        )(rest)
        panels += [
            Grid(f"column{n}", "kernel", "column", (1, size[0], 1), along(one.column, 0)),
            Grid(f"row{n}", "kernel", "row", (1, 1, size[1]), along(one.row, 1)),
            Grid(f"product{n}", "kernel", product_title(n), (1, *size), table_of(one.product[None])),
            Grid(f"residual{n}", "output", "left over", (1, *size), table_of(clean[None])),
        ]
        steps.append(term_step(found, n))
        few, many = found.costs(n)
        rows.append((n, rounded(one.value), kept(1 - found.left(n)), f"{few} instead of {many}"))
    table = Table(
        "values", "How many columns × rows", ("terms", "singular value", "kept", "weights"), tuple(rows)
    )
    text = " + ".join(words.number(round(value, 2)) for value in found.energies)
    energy = Formula("energy", "Σ w² = σ₁² + σ₂² + …", text, words.number(round(found.energy, 2)))
    return Plan("rank_one", title_of(found), (*panels, table), tuple(steps), (energy,), notes=(worth(found),))


def worth(found: Factored) -> str:
    """Up to which number of terms columns and rows have fewer weights than the kernel.

    >>> from convviz.analysis.rank_one import example, factored
    >>> worth(factored(example((3, 3))))
    'A term costs 6 weights, the kernel 9: splitting pays for 1 term only.'
    """
    each, whole = found.costs(1)
    most = (whole - 1) // each
    if most < 1:
        return f"A term costs {each} weights, the kernel {whole}: splitting this one never pays."
    pays = "1 term only" if most == 1 else f"up to {most} terms"
    return f"A term costs {each} weights, the kernel {whole}: splitting pays for {pays}."


def rounded(value: float) -> Number:
    return tidy(round(value, 3))


def kept(part: float) -> str:
    """``90 %``; only all of it is 100 %."""
    tenths = round(1000 * part)
    if tenths == 1000 and part < 1 - 1e-9:
        tenths = 999
    return f"{words.number(tenths / 10)} %"


def title_of(found: Factored) -> str:
    """``A kernel of rank 2``"""
    return f"A kernel {words.size(found.size)} of rank {found.rank}"


def product_title(n: int) -> str:
    return "best column × row" if n == 1 else f"column × row, number {n}"


def term_step(found: Factored, n: int) -> Step:
    """The step that takes term ``n`` off what is left."""
    one, last = found.factors[n - 1], n == found.rank
    how = "The best column × row keeps" if n == 1 else f"{n} columns × rows keep"
    if last and n == 1:
        said = "The best column × row is the whole kernel: nothing is left over."
    elif last:
        said = f"With {n} columns × rows nothing is left over: the kernel has rank {n}."
    else:
        left = Fraction(found.left(n)).limit_denominator(1000)
        said = f"{how} {kept(1 - found.left(n))} of the squared weights; {kept(float(left))} is left over."
    before = f"residual{n - 1}" if n > 1 else "kernel"
    every = tuple((0, r, c) for r in range(found.size[0]) for c in range(found.size[1]))
    text = f"σ = {words.number(rounded(one.value))}"
    return Step(
        f"Term {n}",
        said,
        (
            Marked(before, "read", every),
            Marked(f"product{n}", "read", every),
            Marked(f"residual{n}", "written", every),
        ),
        Work("function", (), None, text, name="svd"),
    )
