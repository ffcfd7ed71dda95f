"""Pooling: one number for each window, for each of a few parts, or for the whole map; each channel on its own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import inf, prod
from typing import Any

import numpy as np

from convviz.ops.base import Along, Shape
from convviz.ops.pool import (
    AdaptiveMaxPool,
    AdaptivePool,
    AvgPool,
    GlobalAvgPool,
    LpPool,
    MaxPool,
    WindowPool,
)
from convviz.plan import formulas, words
from convviz.plan.given import plain
from convviz.plan.model import Cell, Grid, Marked, Number, Plan, Stage, Step, Term, Work, Write
from convviz.plan.reading import Map
from convviz.plan.sample import guard, same, sample
from convviz.plan.titles import headline
from convviz.plan.window import one_of, plain_map

Pool = WindowPool | AdaptivePool | GlobalAvgPool


def pool(
    op: Pool, shape: Shape, xs: Sequence[Any] | None = None, view: str | None = None, seed: int = 0
) -> Plan:
    """The plan of a pooling op on a map ``(C, *space)``."""
    one_of(view or "window", ("window",), op)
    plain_map(op, shape)
    (reads,), out = op.reads(shape), op.shape(shape)
    assert isinstance(reads, Along)
    windows = [axis.relation for axis in reads.axes[1:]]
    most = [
        max(len(w.taps(o).cells) for o in {0, n // 2, n - 1}) for w, n in zip(windows, out[1:], strict=True)
    ]
    guard(op, shape, prod(most))
    x = sample(op, shape, xs, seed)
    padded = isinstance(op, AvgPool) and op.count_include_pad
    source = Map("input", x, windows, out[1:], op.pads(), op.pads() if padded else ((0, 0),) * len(windows))
    source.check_size()
    with np.errstate(all="ignore"):
        y = op.forward(x[None])[0]
    return Plan(
        name=op.kind,
        title=headline(op, shape, out),
        panels=(
            source.grid(f"input {words.size(shape)}"),
            Grid("output", "output", f"output {words.size(out)}", out),
        ),
        steps=tuple(pool_step(op, source, cell, plain(y[cell])) for cell in np.ndindex(*out)),
        formulas=formulas.of(op, shape),
        facts=formulas.facts(op, shape),
        notes=notes(op, source),
        stages=(Stage(op, (shape,), out, ("input",), "output"),),
    )


def pool_step(op: Pool, source: Map, cell: Cell, result: Number) -> Step:
    """The step that fills one output cell."""
    channel, at = cell[0], cell[1:]
    reach = source.reach(at)
    window = [(channel, *place) for place in product(*(taps.cells for taps in reach))]
    terms = tuple(
        Term("input", c, value, product=value, padding=source.outside(c))
        for c in window
        if source.holds(c)
        for value in [source.value(c)]
    )
    work = arithmetic(op, terms, len(window), result)
    marks = [
        Marked("input", "read", tuple(term.cell for term in terms)),
        Marked("output", "written", (cell,)),
    ]
    if holes := source.holes([channel], reach):
        marks.insert(1, Marked("input", "hole", holes))
    winner = next((term.cell for term in terms if term.value == result), None) if work.how == "max" else None
    if winner is not None:
        marks.insert(-1, Marked("input", "winner", (winner,)))
    name = f"Output {words.position(at)}" + (f" of channel {channel}" if source.x.shape[0] > 1 else "")
    where = words.places([taps.cells for taps in reach])
    text = f"{name}: {outcome(work)} in {where} is {words.number(result)}"
    if winner is not None:
        text += f", at {words.position(winner[1:])}"
    if work.divisor is not None:
        total = sum(term.value for term in terms)
        text += f": their sum {words.number(plain(total))} over {words.number(work.divisor)}"
    return Step(
        section=f"Channel {channel}" if source.x.shape[0] > 1 else "Pooling",
        caption=f"{text}.{about_border(terms, len(window))}",
        marks=tuple(marks),
        work=work,
        writes=(Write("output", cell, result),),
    )


def arithmetic(op: Pool, terms: tuple[Term, ...], cells: int, result: Number) -> Work:
    """What a pooling op does with those of a window's ``cells`` that count."""
    values = [term.value for term in terms]
    if isinstance(op, MaxPool | AdaptiveMaxPool):
        best = max(values, default=-inf)
        assert same(best, result), (best, result)
        return Work("max", terms, result, words.function_text("max", values, result))
    if isinstance(op, LpPool):
        p = words.number(op.norm_type)
        inside = " + ".join(f"{words.inner(v)}^{p}" for v in values)
        if len(values) != cells:  # torch makes up for cells that stick out
            inside = f"({inside})×{cells}/{len(values)}"
        text = f"({inside})^(1/{p}) = {words.number(result)}"
        return Work("function", terms, result, text, name=f"{p}-norm")
    assert same(sum(values) / len(values), result, max(map(abs, values))), (values, result)
    return Work("mean", terms, result, words.mean_text(terms, len(values), result), divisor=len(values))


def outcome(work: Work) -> str:
    """``the largest of the 4 cells``"""
    what = {"max": "the largest", "mean": "the mean", "function": f"the {work.name}"}[work.how]
    n = len(work.terms)
    return f"{what} of the {words.count(n, 'cell')}" if n != 1 else f"{what} of the one cell"


def about_border(terms: Sequence[Term], cells: int) -> str:
    """A sentence about the cells of the window that lie outside of the input."""
    padding, left = sum(term.padding for term in terms), cells - len(terms)
    text = ""
    if padding:
        text += f" {padding} of them {'is' if padding == 1 else 'are'} padding, counted as 0."
    if left:
        text += f" {words.count(left, 'cell')} of the window {'lies' if left == 1 else 'lie'} outside and "
        text += "does not count." if left == 1 else "do not count."
    return text


def notes(op: Pool, source: Map) -> tuple[str, ...]:
    """What is special about the padding and the parts."""
    found = []
    if isinstance(op, MaxPool) and any(p for p in op.padding):
        found.append("Padding is never the largest: it holds nothing, not 0.")
    if isinstance(op, AvgPool) and any(p for p in op.padding):
        how = (
            "counts as 0 and in the divisor"
            if op.count_include_pad
            else "counts neither in the sum nor in the divisor"
        )
        found.append(f"Padding {how} (count_include_pad={op.count_include_pad}).")
    if isinstance(op, AdaptivePool):
        sizes = sorted(
            {len(w.taps(o).cells) for w, n in zip(source.windows, source.out, strict=True) for o in range(n)}
        )
        if len(sizes) > 1:
            found.append(
                f"The parts are {words.listing(map(str, sizes))} cells long, and neighbours may overlap."
            )
    return tuple(found)
