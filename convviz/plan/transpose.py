"""A transposed convolution on numbers: what each input cell adds where, and the same as a sparse matrix."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import prod

import numpy as np

from convviz.ops.base import Array, Shape
from convviz.ops.conv import ConvTranspose
from convviz.plan import words
from convviz.plan.given import plain
from convviz.plan.limits import MAX_CELLS, check_count
from convviz.plan.model import Cell, Grid, Marked, Matrix, Number, Step, Term, Work, Write
from convviz.plan.reading import Kernel
from convviz.plan.sample import same


class Transpose:
    """One transposed convolution with its numbers; scatter.py, gather.py and transposed.py tell it in steps."""

    def __init__(self, op: ConvTranspose, shape: Shape, out: Shape, x: Array, w: Mapping[str, Array]) -> None:
        self.op, self.shape, self.out, self.x, self.w = op, shape, out, x, w
        self.windows, self.block = op.windows(), op.reads(shape)[0].axes[0].relation
        self.kernel = Kernel(
            "kernel", w["weight"], [self.block.feeds(c).cells for c in range(shape[0])], ("input", "output")
        )
        around = [m + before + after for m, (before, after) in zip(out[1:], self.reach(), strict=True)]
        check_count(op.kind, "output cells before cropping", out[0] * prod(around), MAX_CELLS)
        check_count(
            op.kind, "cells of the zero-stuffed input", shape[0] * prod(self.stuffed_space()), MAX_CELLS
        )
        self.y = op.forward(x[None], weights=w)[0]

    def stuffed_space(self) -> list[int]:
        """The spatial size of the input with ``stride - 1`` zeros between neighbours."""
        return [(n - 1) * s + 1 for n, s in zip(self.shape[1:], self.op.stride, strict=True)]

    def reach(self) -> list[tuple[int, int]]:
        """For each axis how far products reach beyond the output, before and behind."""
        ends = []
        for window, n, m in zip(self.windows, self.shape[1:], self.out[1:], strict=True):
            hits = [o for i in (0, n - 1) for o in window.feeds(i).cells]
            ends.append((max(0, -min(hits)), max(0, max(hits) + 1 - m)))
        return ends

    def products(self, cell: Cell) -> tuple[Term, ...]:
        """What one input cell adds, and where; what lies outside of the output is cropped."""
        channel, value = cell[0], plain(self.x[cell])
        feeds = [list(zip(*w.feeds(i), strict=True)) for w, i in zip(self.windows, cell[1:], strict=True)]
        terms = []
        for number, to in enumerate(self.kernel.channels[channel]):
            for hit in product(*feeds):
                weight = self.kernel.cell(channel, number, [t for _, t in hit])
                factor = plain(self.kernel.flat[weight])
                target = (to, *(o for o, _ in hit))
                terms.append(Term("input", cell, value, weight, factor, plain(value * factor), to=target))
        return tuple(terms)

    def matrix(self) -> Matrix:
        rows, columns = tuple(np.ndindex(*self.out)), tuple(np.ndindex(*self.shape))
        at = {cell: row for row, cell in enumerate(rows)}
        entries: dict[tuple[int, int], tuple[Cell, Number]] = {}
        for column, cell in enumerate(columns):
            for term in self.products(cell):
                if term.to in at and term.weight is not None and term.factor is not None:
                    entries[at[term.to], column] = (term.weight, term.factor)
        ordered = dict(sorted(entries.items()))
        return Matrix("matrix", f"matrix {len(rows)}×{len(columns)}", rows, columns, ordered)

    def output(self) -> Grid:
        return Grid("output", "output", f"output {words.size(self.out)}", self.out)

    def bias(self, channel: int) -> Number:
        return plain(self.w["bias"][channel]) if self.op.bias else 0

    def name(self, cell: Cell) -> str:
        return f"Output {words.position(cell[1:])}" + (f" of channel {cell[0]}" if self.out[0] > 1 else "")

    def adds(self, bias: Number | None, cell: Cell) -> str:
        with_bias = "" if bias is None else f" and the bias {words.number(bias)}"
        return f"the products{with_bias} add up to {words.number(plain(self.y[cell]))}"

    def dot(
        self,
        section: str,
        text: str,
        cell: Cell,
        terms: tuple[Term, ...],
        bias: Number | None,
        marks: list[Marked],
    ) -> Step:
        result = plain(self.y[cell])
        total = sum(term.product for term in terms) + (bias or 0)
        scale = max((abs(term.product) for term in terms), default=0)
        assert same(total, result, scale), f"terms add up to {total}, not to {result}"
        work = Work("dot", terms, result, words.sum_text(terms, bias, result), bias)
        return Step(section, text, tuple(marks), work, (Write("output", cell, result),))
