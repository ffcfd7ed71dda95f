"""Transposed convolution, scattered: each input cell adds its multiple of the kernel to the output."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from convviz.plan import words
from convviz.plan.given import plain
from convviz.plan.model import Cell, Grid, Marked, Matrix, Number, Step, Term, Work, Write
from convviz.plan.sample import same
from convviz.plan.transpose import Transpose
from convviz.plan.window import lines


def scattered(way: Transpose, key: str) -> Grid:
    """The output, and around it what is cropped."""
    reach = way.reach()
    title = f"output {words.size(way.out)}" + (", scattered" if key != "output" else "")
    pads = tuple(reach) if any(a or b for a, b in reach) else ()
    return Grid(key, "output", title, way.out, None, pads)


def scatter(way: Transpose, key: str, matrix: Matrix | None = None) -> list[Step]:
    """One step for each input cell; before them the bias, after them the crop."""
    box = [range(-a, m + b) for (a, b), m in zip(way.reach(), way.out[1:], strict=True)]
    kept = set(np.ndindex(*way.out))
    total: dict[Cell, Number] = {(f, *at): 0 for f in range(way.out[0]) for at in product(*box)}
    for cell in kept:
        total[cell] = way.bias(cell[0])
    began = "at the bias of its channel" if way.op.bias else "at 0"
    steps = [
        Step(
            "Scatter",
            f"Every output cell starts {began}.",
            (Marked(key, "written", tuple(total)),),
            writes=tuple(Write(key, cell, value) for cell, value in total.items()),
        )
    ]
    columns = lines(matrix, 1) if matrix else {}
    met: set[Cell] = set()
    for column, cell in enumerate(np.ndindex(*way.shape)):
        terms = way.products(cell)
        sums = []
        for term in terms:
            assert term.to is not None and term.factor is not None
            old = total[term.to]
            total[term.to] = plain(old + term.product)
            now = f"{words.inner(old)} + {words.term_text(term)} = {words.number(total[term.to])}"
            sums.append(f"{words.position(term.to[1:])}: {now}")
        targets = tuple(term.to for term in terms if term.to is not None)
        marks = [
            Marked("input", "read", (cell,)),
            Marked("kernel", "weight", tuple(term.weight for term in terms if term.weight)),
            Marked(key, "fed", targets),
        ]
        if matrix:
            marks.append(Marked(matrix.key, "read", columns.get(column, ())))
        steps.append(
            Step(
                "Scatter",
                caption(way, cell, terms, met, kept),
                tuple(marks),
                Work("scatter", terms, None, "; ".join(sums)),
                tuple(Write(key, to, total[to]) for to in targets),
            )
        )
        met.update(targets)
    scale = float(np.abs(way.x).max() * np.abs(way.w["weight"]).max())
    for cell in kept:
        assert same(total[cell], float(way.y[cell]), scale), f"{cell}: {total[cell]} is not {way.y[cell]}"
    if cropped := tuple(cell for cell in total if cell not in kept):
        what = words.count(len(cropped), "cell")
        text = f"Padding crops the {what} outside; {words.size(way.out)} stays."
        steps.append(Step("Scatter", text, (Marked(key, "hole", cropped),)))
    return steps


def caption(way: Transpose, cell: Cell, terms: Sequence[Term], met: set[Cell], kept: set[Cell]) -> str:
    """What an input cell adds, how much of it on cells that were fed before (``met``), and outside of ``kept``."""
    place = words.position(cell[1:]) + (f" of channel {cell[0]}" if way.shape[0] > 1 else "")
    value, products = words.number(plain(way.x[cell])), words.count(len(terms), "product")
    verb = "is" if len(terms) == 1 else "are"
    text = f"Input {place} is {value}: its {products} {verb} added to the output"
    lost = sum(term.to not in kept for term in terms)
    again = sum(term.to in met and term.to in kept for term in terms)
    if again:
        text += f"; {again} of them {'meets' if again == 1 else 'meet'} others there"
    if lost:
        text += f"; {lost} {'falls' if lost == 1 else 'fall'} outside"
    return f"{text}."
