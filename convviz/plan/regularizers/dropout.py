"""Dropout step by step: which cells fall, the scale of the others, and what stays the same on average."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from math import sqrt

import numpy as np

from convviz.analysis.regularizers.dropout import Dropout, Masked
from convviz.ops.base import Array
from convviz.plan.given import plain, table_of
from convviz.plan.limits import MAX_STEPS, check_count
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
from convviz.plan.pieces import equal, place, step
from convviz.plan.regularizers.updates import num
from convviz.plan.words import count, number, size

NAMES = {"dropout": "Dropout (each cell)", "dropout2d": "Dropout2d (whole channels)"}
EXPECTED = 8  # cells whose mean is worked out


def dropout(found: Dropout) -> Plan:
    """The plan of dropout on a batch: mask and scale cell by cell, the mean, evaluation, the other kind beside it."""
    check_count(found.kind, "steps", found.x.size + EXPECTED + 1, MAX_STEPS)
    way = found.way
    panels: list[Panel] = [maps("input", "input", "input", found.x)]
    for one in found.ways:
        panels.append(maps(f"mask {one.kind}", "kernel", f"mask: {NAMES[one.kind]}", one.mask))
    blank = maps("output", "output", f"in training: {NAMES[way.kind]}", found.x)
    panels.append(Grid("output", "output", blank.title, blank.shape, channels=blank.channels))
    panels += [
        maps(f"output {one.kind}", "output", f"in training: {NAMES[one.kind]}", one.output)
        for one in found.ways[1:]
    ]
    panels.append(maps("eval", "output", "in evaluation: the input itself", found.x))
    panels.append(sides(found))
    steps = [*train_steps(found), *mean_steps(found)]
    title = f"{NAMES[found.kind]} with p {num(found.p)} on {size(found.x.shape)}"
    facts = (
        ("dropped", f"{way.dropped:,} of {count(found.x.size, 'cell')}"),
        (
            "scale",
            "none: all outputs are 0"
            if found.scale is None
            else f"1/(1 − {num(found.p)}) = {num(found.scale)}",
        ),
        ("seed", str(found.seed)),
    )
    return Plan(
        found.kind, title, tuple(panels), tuple(steps), tuple(formulas(found)), facts, tuple(notes(found))
    )


def maps(key: str, role: str, title: str, values: Array) -> Grid:
    """A batch as a grid: a map for each channel of each sample."""
    n, c, *space = values.shape
    if not space:
        return Grid(
            key, role, title, (n, c), table_of(values), channels=tuple(f"sample {i}" for i in range(n))
        )
    flat = values.reshape(n * c, *space)
    names = tuple(f"sample {i}, channel {j}" for i in range(n) for j in range(c))
    return Grid(key, role, title, flat.shape, table_of(flat), channels=names)


def cell_of(found: Dropout, at: Cell) -> Cell:
    """The cell in the grids of :func:`maps`."""
    return at if len(at) == 2 else (at[0] * found.x.shape[1] + at[1], *at[2:])


def train_steps(found: Dropout) -> Iterator[Step]:
    """Cell by cell, or channel by channel."""
    way = found.way
    if way.kind == "dropout":
        for at in np.ndindex(found.x.shape):
            text, value = product(found, way, at)
            cell = cell_of(found, at)
            term = Term("input", cell, plain(found.x[at]), product=value)
            word = "kept and scaled" if way.mask[at] else "dropped"
            mark = Marked(f"mask {way.kind}", "weight", (cell,))
            caption = f"{place('Cell', at)} is {word}."
            yield step("Training", caption, Work("function", (term,), value, text, name="dropout"),
                       [Write("output", cell, value)], marks=[mark])  # fmt: skip
        return
    for n, c in np.ndindex(found.x.shape[:2]):
        spots = [(n, c, *rest) for rest in np.ndindex(found.x.shape[2:])]
        done = [product(found, way, at) for at in spots]
        cells = [cell_of(found, at) for at in spots]
        terms = tuple(Term("input", cell, plain(found.x[at]), product=v, to=cell)
                      for at, cell, (_, v) in zip(spots, cells, done, strict=True))  # fmt: skip
        word = "kept and scaled" if way.mask[spots[0]] else "dropped as a whole"
        text = ", ".join(text for text, _ in done[:16]) + (", …" if len(done) > 16 else "")
        work = Work("function", terms, None, text, name="dropout")
        writes = [Write("output", cell, value) for cell, (_, value) in zip(cells, done, strict=True)]
        yield step("Training", f"Channel {c} of sample {n} is {word}.", work, writes)


def product(found: Dropout, way: Masked, at: Cell) -> tuple[str, Number]:
    """``5×1/(1 − 0.5) = 10``; where p is 1 there is no scale and all are 0."""
    x, value = number(plain(found.x[at])), plain(way.output[at])
    text = f"{x}×{way.mask[at]}" + (
        f"/(1 − {num(found.p)})" if found.scale is not None and way.mask[at] else ""
    )
    return equal(text, value), value


def mean_steps(found: Dropout) -> Iterator[Step]:
    """The exact mean of one output, and that over the draws."""
    way = found.way
    for at in islice(np.ndindex(found.x.shape), EXPECTED):
        x = float(found.x[at])
        if found.scale is None:
            text = "1×0 = 0"
        else:
            keep = num(1 - found.p)
            text = equal(f"{num(found.p)}×0 + {keep}×{number(plain(x))}/{keep}", plain(found.expected(x)))
        mean, error = plain(way.mean[at]), sqrt(found.variance(x) / found.draws)
        caption = (
            f"{place('Cell', at)}: its mean over all masks; over {count(found.draws, 'mask')} it is {number(mean)} "
            f"(standard error {number(plain(error))})."
        )
        yield step("Mean", caption, Work("function", (), plain(found.expected(x)), text, name="mean"))


def sides(found: Dropout) -> Table:
    """Elementwise against by channel."""
    rows: list[tuple[str | Number | None, ...]] = []
    for way in found.ways:
        whole = way.mask.reshape(*found.x.shape[:2], -1).any(-1)
        spread = sqrt(way.channel_variance)
        rows.append((NAMES[way.kind], way.dropped, int((~whole).sum()), plain(spread)))
    columns = (
        "what falls",
        "cells dropped",
        "channels dropped whole",
        "spread of the mean of sample 0, channel 0",
    )
    return Table("sides", "One by one, or by channel", columns, tuple(rows))


def formulas(found: Dropout) -> Iterator[Formula]:
    p = num(found.p)
    if found.scale is None:
        yield Formula("training", "x×mask/(1 − p)", "", "0", "p is 1: torch gives 0 and does not divide by 0")
        return
    yield Formula("scale", "1/(1 − p)", f"1/(1 − {p})", num(found.scale))
    x = found.x.flat[0]
    keep = num(1 - found.p)
    yield Formula("mean of an output", "p×0 + (1 − p)×x/(1 − p)", f"{p}×0 + {keep}×{number(plain(x))}/{keep}",
                  num(found.expected(x)), "the input")  # fmt: skip
    yield Formula("its variance", "x²×p/(1 − p)", f"{number(plain(x))}²×{p}/{keep}", num(found.variance(x)))


def notes(found: Dropout) -> Iterator[str]:
    if found.p == 1:
        yield "With p 1 everything is 0, and the mean is not kept."
    elif found.p == 0:
        yield "With p 0 nothing falls, and training is evaluation."
    else:
        yield "Because survivors grow by 1/(1 − p), the mean is that of evaluation, which changes nothing."
    if len(found.ways) > 1:
        yield (
            "Neighbours in a map are alike, so a cell that falls alone is made up for by those around it; by channel a "
            "map falls as a whole. The share of cells is the same on average, the spread of a channel's mean is larger."
        )
    yield "Dropout zeroes activations. To drop weights is DropConnect."
