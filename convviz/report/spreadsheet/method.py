"""The sheet of one method: the statistics of each set, and the grids from input to output, all in formulas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from convviz.analysis.norms.normalize import Normalized
from convviz.analysis.norms.set_names import members, names_of
from convviz.ops.base import Array
from convviz.report.spreadsheet.book import FIRST, PAPER, Book, Page
from convviz.report.spreadsheet.grid import Grid, Look, beside, strips, tint_of
from convviz.report.spreadsheet.input import Inputs, by_shape
from convviz.report.spreadsheet.statistics import columns_of, running_columns, running_kept

SHEETS = {
    "batch": "BatchNorm",
    "layer": "LayerNorm",
    "group": "GroupNorm",
    "instance": "InstanceNorm",
    "rms": "RMSNorm",
    "ghost": "GhostBatchNorm",
    "pixel": "Pixel",
    "center": "Center",
    "standardize": "Standardize",
    "minmax": "MinMax",
}
SHARES = {
    "batch": "a channel over the whole batch: a strip from top to bottom",
    "layer": "a sample over all channels: a strip from left to right",
    "group": "some channels of a sample: a part of a strip from left to right",
    "instance": "one channel of one sample: one image",
    "rms": "a sample over all channels: a strip from left to right",
    "ghost": "a channel over some samples: a part of a strip from top to bottom",
}


Kept = Callable[[str, int], str]  # the cell of the running mean or variance (``mean``, ``var``) of a channel


@dataclass
class Method:
    """A written sheet: its grids by key, and for each statistic the column of its table, from row ``first`` on."""

    result: Normalized
    page: Page
    grids: dict[str, Grid]
    columns: dict[str, int]
    first: int

    def statistic(self, key: str, label: int) -> str:
        """The cell of a set's statistic, on this sheet."""
        return self.page.cell(self.first + label, self.columns[key])

    def listed(self, key: str) -> str:
        """All sets' cells of a statistic, for other sheets."""
        column, last = self.columns[key], self.first + len(self.result.shift) - 1
        return self.page.range(self.first, column, last, column, fixed=True)


def write_method(book: Book, inputs: Inputs, result: Normalized, running: Kept | None) -> Method:
    """A method's sheet; running: where the running statistics are, in evaluation."""
    page = book.page(SHEETS[result.method], inputs.grid.columns, PAPER["output"].edge, len(result.shape) > 4)
    mode = f", {'training' if result.live else 'evaluation'} mode" if running_kept(result) else ""
    page.title(f"{SHEETS[result.method]}{settled(result)}{mode}", notes(result))
    method = Method(result, page, {}, {}, 0)
    statistics(method, inputs, running)
    grids(method, inputs)
    parameters(method, inputs)
    return method


def settled(result: Normalized) -> str:
    """``, 2 groups``: what the layout stands for, which no cell can change."""
    for key, word in (("num_groups", "groups"), ("num_splits", "splits"), ("over", "")):
        value = getattr(result.op or result.rule, key, None)
        if value is not None:
            return (
                f", {value} {word}"
                if word
                else f", over {'the data set' if value == 'dataset' else f'each {value}'}"
            )
    return ""


def notes(result: Normalized) -> tuple[str, ...]:
    """How to read the sheet, with the formula."""
    scale = (
        " * gamma + beta" if "bias" in result.weights else " * gamma" if "weight" in result.weights else ""
    )
    formula = {
        "rms": f"y = x / sqrt(mean of x^2 + eps){scale}",
        "pixel": "y = x / white",
        "center": "y = x - mean",
        "standardize": "y = (x - mean) / sqrt(variance + eps)",
        "minmax": "y = (x - min) / (max - min + eps)",
    }.get(result.method, f"y = (x - mean) / sqrt(variance + eps){scale}")
    found = [f"{formula}. Every number is a formula: click on it to see which cells it takes."]
    if not result.live:
        found.append(
            "In evaluation each channel takes its running mean and variance, not those of this batch."
        )
    elif result.method in SHARES:
        found.append(
            f"Statistics are shared by {SHARES[result.method]}. Cells of one tint inside one thick edge are one set; "
            "the first grid has its number."
        )
    return (*found, *result.notes)


# -- the statistics, a row for each set ------------------------------------------------------------------
def statistics(method: Method, inputs: Inputs, running: Kept | None) -> None:
    """The table of sets: numbered, named, tinted; each statistic a formula over the set's rectangle of inputs."""
    page, result = method.page, method.result
    made = running_columns(result) if running else columns_of(result)
    page.section("Statistics of each set")
    page.heads("set", "number", [column.head for column in made])
    method.first = page.row
    method.columns = {column.key: FIRST + i for i, column in enumerate(made)}
    boxes = members(result.labels)
    for k, (name, box, strip) in enumerate(zip(names_of(result), boxes, strips(boxes), strict=True)):
        fill, edge = tint_of(strip)
        page.label(page.row, 0, name, bg_color=fill, left=5, left_color=edge)
        page.sheet.write_number(page.row, 1, k, page.book.style(bg_color=fill, bold=True, align="right"))
        words = {key: page.cell(page.row, at, fixed=False) for key, at in method.columns.items()}
        words |= {"cells": inputs.grid.range(box[0], box[1]), "eps": inputs.eps.get(result.method, "")}
        if running:
            words |= {f"running_{key}": running(key, k) for key in ("mean", "var")}
        for column in made:
            format = {"num_format": "0"} if column.key == "count" else {}
            formula = column.formula.format(**words)
            page.formula(page.row, method.columns[column.key], formula, column.values[k], **format)
        page.row += 1
    page.watch(method.first, FIRST, page.row - 1, FIRST + len(made) - 1)


# -- the grids ---------------------------------------------------------------------------------------------
def grids(method: Method, inputs: Inputs) -> None:
    """From the input, whose sets are tinted, to the output."""
    result, page = method.result, method.page
    chain = chain_of(method, inputs)
    page.section("Value by value")
    places = beside(page, result.shape, len(chain))
    look = Look(result.shape, result.labels)
    for place in places:
        if place.left == FIRST:
            place.sides()
    for grid, (key, title, formula, values) in zip(places, chain, strict=True):
        method.grids[key] = grid
        grid.heads(title)

        def write(
            cell: tuple[int, ...],
            row: int,
            column: int,
            made: Any,
            formula: Formula = formula,
            values: Array = values,
        ) -> None:
            if formula is None:
                page.sheet.write_number(row, column, values[cell], made)
            else:
                page.formula(row, column, formula(cell), values[cell], made)

        grid.fill(write, look, num_format={"set": "0", "x": "General"}.get(key, page.digits))


Formula = Callable[[tuple[int, ...]], str] | None
Link = tuple[str, str, Formula, Array]


def chain_of(method: Method, inputs: Inputs) -> list[Link]:
    """The grids: key, title, the formula of a cell (None: a number that stays), values."""
    result = method.result
    labels, x = result.labels, result.x

    def ref(key: str, cell: tuple[int, ...]) -> str:
        grid = method.grids[key]
        return grid.page.cell(*grid.at(cell), fixed=False)

    def at(key: str, cell: tuple[int, ...]) -> str:
        return method.statistic(key, int(labels[cell]))

    chain: list[Link] = [
        ("set", "set", None, labels),
        ("x", "x", lambda cell: inputs.page.cell(*inputs.grid.at(cell), fixed=False, here=False), x),
    ]
    if result.method == "pixel":
        return [*chain, ("output", "y", lambda cell: f"{ref('x', cell)}/white", result.output)]
    if result.method == "center":
        return [*chain, ("output", "y", lambda cell: f"{ref('x', cell)}-{at('mean', cell)}", result.output)]
    shift = np.array(result.shift)[labels]
    source = "x"
    if result.mean is not None or result.method == "minmax":
        source, low = "deviation", "low" if result.method == "minmax" else "mean"
        title = f"x - {'min' if low == 'low' else low}"
        chain.append(("deviation", title, lambda cell: f"{ref('x', cell)}-{at(low, cell)}", x - shift))
    if result.live and result.method != "minmax":
        title = "x^2" if source == "x" else "(x - mean)^2"
        chain.append(("square", title, lambda cell: f"{ref(source, cell)}^2", (x - shift) ** 2))
    last = "weight" not in result.weights
    chain.append(
        (
            "output" if last else "normalized",
            "y" if last else "normalized",
            lambda cell: f"{ref(source, cell)}/{at('root', cell)}",
            result.normalized,
        )
    )
    if not last:
        each = by_shape(result)
        shifted = "bias" in result.weights

        def affine(cell: tuple[int, ...]) -> str:
            text = f"{inputs.affine('gamma', cell, each)}*{ref('normalized', cell)}"
            return f"{text}+{inputs.affine('beta', cell, each)}" if shifted else text

        chain.append(("output", "y", affine, result.output))
    return chain


def parameters(method: Method, inputs: Inputs) -> None:
    """How many numbers are trained and how many are only kept."""
    result, page = method.result, method.page
    if result.op is None:
        return
    page.section("Parameters")
    sizes = list(inputs.sizes.values())[1:]
    kinds = sum(word in result.weights for word in ("weight", "bias"))
    own = "*".join(sizes) if by_shape(result) else sizes[0]
    lines = [
        (
            f"trained ({' and '.join(['gamma', 'beta'][:kinds]) or 'none'})",
            f"{kinds}*{own}" if kinds else "0",
            result.params,
        ),
        (
            f"kept ({'running mean and variance' if result.buffers else 'none'})",
            f"2*{sizes[0]}" if result.buffers else "0",
            result.buffers,
        ),
    ]
    for text, formula, value in lines:
        page.label(page.row, 0, text)
        page.formula(page.row, 2, formula, value, num_format="0")
        page.row += 1
