"""Convolution: one step for each output cell, the products of its window added up; or the same as a sparse matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from convviz.errors import ConvvizError, ShapeError, nearest
from convviz.ops.base import Array, Op, Shape, show
from convviz.ops.conv import Conv
from convviz.ops.relations import Taps
from convviz.plan import formulas, words
from convviz.plan.given import plain
from convviz.plan.model import Cell, Grid, Marked, Matrix, Number, Plan, Stage, Step, Term, Work, Write
from convviz.plan.reading import Kernel, Map
from convviz.plan.sample import guard, same, sample, weights
from convviz.plan.titles import headline

VIEWS = ("sum", "matrix")


def conv(
    op: Conv,
    shape: Shape,
    xs: Sequence[Any] | None = None,
    given: Mapping[str, Any] | None = None,
    view: str | None = None,
    seed: int = 0,
) -> Plan:
    """The plan of a convolution on a map ``(C, *space)``; view ``matrix`` shows it as a sparse matrix besides."""
    view = one_of(view or "sum", VIEWS, op)
    plain_map(op, shape)
    out = guard(op, shape, shape[0] // op.groups * prod(op.kernel_size))
    x, w = sample(op, shape, xs, seed), weights(op, shape, given, seed)
    source = Map("input", x, op.windows(), out[1:], op.pads())
    source.check_size()
    y = op.forward(x[None], weights=w)[0]

    block = op.reads(shape)[0].axes[0].relation
    kernel = Kernel("kernel", w["weight"], [block.taps(f).cells for f in range(out[0])])
    steps = [
        window_step(source, kernel, cell, plain(w["bias"][cell[0]]) if op.bias else None, plain(y[cell]))
        for cell in np.ndindex(*out)
    ]
    panels: list[Any] = [
        source.grid(f"input {words.size(shape)}"),
        kernel.grid(kernel_title(w)),
        Grid("output", "output", f"output {words.size(out)}", out),
    ]
    notes = border_notes(op)
    if view == "matrix":
        matrix, more = as_matrix(source, steps, out, shape)
        panels.insert(2, matrix)
        notes += more
        used = lines(matrix, 0)
        steps = [
            replace(step, marks=(*step.marks, Marked("matrix", "read", used.get(row, ()))))
            for row, step in enumerate(steps)
        ]
    return Plan(
        name=op.kind,
        title=headline(op, shape, out),
        panels=tuple(panels),
        steps=tuple(steps),
        formulas=formulas.of(op, shape),
        facts=formulas.facts(op, shape),
        notes=notes,
        stages=(Stage(op, (shape,), out, ("input",), "output", "kernel"),),
    )


def window_step(
    source: Map, kernel: Kernel, cell: Cell, bias: Number | None, result: Number, panel: str = "output"
) -> Step:
    """The step that fills one output cell of a window's dot product."""
    filt, reach = cell[0], source.reach(cell[1:])
    channels = kernel.channels[filt]
    terms = tuple(source.products(kernel, filt, reach))
    total = sum(term.product for term in terms) + (bias or 0)
    assert same(total, result, max(abs(term.product) for term in terms)), (
        f"terms add up to {total}, not to {result}"
    )
    marks = [
        Marked(source.key, "read", tuple(term.cell for term in terms)),
        Marked(kernel.key, "weight", tuple(term.weight for term in terms if term.weight is not None)),
        Marked(panel, "written", (cell,)),
    ]
    if holes := source.holes(channels, reach):
        marks.insert(1, Marked(source.key, "hole", holes))
    many = kernel.weight.shape[0] > 1
    return Step(
        section=f"Filter {filt}" if many else "Convolution",
        caption=caption(source, terms, cell, reach, channels, bias, result, many),
        marks=tuple(marks),
        work=Work("dot", terms, result, words.sum_text(terms, bias, result), bias),
        writes=(Write(panel, cell, result),),
    )


def caption(
    source: Map,
    terms: Sequence[Term],
    cell: Cell,
    reach: Sequence[Taps],
    channels: range,
    bias: Number | None,
    result: Number,
    many: bool,
) -> str:
    """``Output (0, 1): the kernel lies on rows 0 to 2 and columns 1 to 3; its 9 products add up to 5.``"""
    where = words.places([taps.cells for taps in reach])
    if source.x.shape[0] > 1:
        where += " of " + words.along("channel", channels)
    name = f"Output {words.position(cell[1:])}" + (f" of filter {cell[0]}" if many else "")
    what = words.count(len(terms), "product") if len(terms) != 1 else "one product"
    if len(terms) == 1 and bias is None:
        done = f"its {what} is {words.number(result)}"
    elif bias is None:
        done = f"its {what} add up to {words.number(result)}"
    else:
        done = f"its {what} and the bias {words.number(bias)} add up to {words.number(result)}"
    text = f"{name}: the kernel lies on {where}; {done}."
    padding = sum(term.padding for term in terms)
    if padding:
        text += f" {words.count(padding, 'cell')} of the window {'is' if padding == 1 else 'are'} padding."
    return text


def as_matrix(
    source: Map, steps: Sequence[Step], out: Shape, shape: Shape, key: str = "matrix"
) -> tuple[Matrix, tuple[str, ...]]:
    """The op that these steps carry out, as a matrix, and notes about it."""
    rows, columns = tuple(np.ndindex(*out)), tuple(np.ndindex(*shape))
    at = {cell: column for column, cell in enumerate(columns)}
    entries: dict[tuple[int, int], tuple[Cell, Number]] = {}
    summed = 0
    for row, step in enumerate(steps):
        for term in step.work.terms if step.work else ():
            real = source.real(term.cell)
            if real is None or term.weight is None or term.factor is None:
                continue
            place = (row, at[real])
            if place in entries:  # a reflected cell is read again
                summed += 1
                entries[place] = (entries[place][0], entries[place][1] + term.factor)
            else:
                entries[place] = (term.weight, term.factor)
    full = len(rows) * len(columns)
    notes: tuple[str, ...] = (
        f"The matrix has {full:,} places, of which {len(entries):,} hold a weight; the others are always 0.",
    )
    if summed:
        notes += (
            f"{words.count(summed, 'weight')} of padded cells lie on the entry of the cell they repeat.",
        )
    return Matrix(key, f"matrix {len(rows)}×{len(columns)}", rows, columns, entries), notes


def lines(matrix: Matrix, which: int) -> dict[int, tuple[tuple[int, int], ...]]:
    """The places of each row (which 0) or column (1) of a matrix that hold a weight."""
    found: dict[int, list[tuple[int, int]]] = {}
    for place in matrix.entries:
        found.setdefault(place[which], []).append(place)
    return {line: tuple(places) for line, places in found.items()}


def kernel_title(w: Mapping[str, Array], filters: bool = True) -> str:
    """``kernel 3×3, bias 2``; ``4 filters of 2×3×3, biases 1, −1 ...``"""
    first, second, *size = w["weight"].shape
    each = words.size(size)
    if filters:
        each = each if second == 1 else words.size((second, *size))
        title = f"kernel {each}" if first == 1 else f"{first} filters of {each}"
    else:
        title = (
            f"kernel {each}"
            if first * second == 1
            else f"{first * second} kernels of {each}, {second} for each input"
        )
    if "bias" in w:
        values = [words.number(plain(b)) for b in w["bias"]]
        title += f", bias{'es' * (len(values) > 1)} {', '.join(values[:8])}{', …' * (len(values) > 8)}"
    return title


def border_notes(op: Conv) -> tuple[str, ...]:
    pads = op.pads()
    if not any(before or after for before, after in pads):
        return ()
    notes = []
    if op.padding_mode != "zeros":
        how = {
            "reflect": "repeats the input mirrored at its border cells",
            "replicate": "repeats the border cells",
            "circular": "continues with the cells of the other end",
        }[op.padding_mode]
        notes.append(f"Padding mode {op.padding_mode} {how}; padding cells count like others.")
    if op.padding == "same" and any(before != after for before, after in pads):
        notes.append("Padding 'same' puts the odd cell behind.")
    return tuple(notes)


def one_of(view: str, views: Sequence[str], op: Op) -> str:
    """The view, if there is one of that name."""
    if view not in views:
        raise ConvvizError(
            f"{op.kind} has no view {view!r}{nearest(view, views)} (views: {', '.join(views)})", "view"
        )
    return view


def plain_map(op: Op, shape: Shape) -> None:
    """Raises ShapeError for axes in front of the channels, which a plan does not show."""
    rank = getattr(op, "rank", len(shape) - 1)
    if len(shape) != rank + 1:
        raise ShapeError(
            f"a plan of {op.kind} needs channels and {words.count(rank, 'spatial axis', 'spatial axes')}, "
            f"got {show(shape)}"
        )
