"""The sheet of inputs: the batch, eps, momentum, gamma and beta as cells that other sheets refer to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convviz.analysis.norms.normalize import Normalized
from convviz.analysis.norms.scaling import WHITE
from convviz.analysis.norms.set_names import axis_names
from convviz.ops.base import Array, show
from convviz.report.spreadsheet.book import FIRST, INPUT, PAPER, Book, Page
from convviz.report.spreadsheet.grid import Grid, Look, heads_high, merged

WORDS = {"weight": "gamma", "bias": "beta"}


@dataclass
class Inputs:
    """Where the inputs are: the grid of values, the names of eps by method, references of gamma and beta."""

    page: Page
    grid: Grid
    eps: dict[str, str] = field(default_factory=dict)
    momentum: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, str] = field(default_factory=dict)
    by_channel: dict[str, list[str]] = field(default_factory=dict)
    by_cell: dict[str, Grid] = field(default_factory=dict)

    def affine(self, word: str, cell: tuple[int, ...], each: bool) -> str:
        """The reference of gamma or beta for a cell of the batch; each: it has one for each cell of a sample."""
        if each and word in self.by_cell:
            grid = self.by_cell[word]
            return grid.page.cell(*grid.at((0, *cell[1:])), here=False)
        return self.by_channel[word][cell[1]]


def write_inputs(book: Book, results: Sequence[Normalized]) -> Inputs:
    """The first sheet of all."""
    first = results[0]
    shape = first.shape
    wide = shape[1] * (shape[-1] if len(shape) > 2 else 1)
    page = book.page("Input", wide, PAPER["kernel"].edge, len(shape) > 4)
    page.title(
        f"The batch: {show(shape)}",
        (
            "Change any yellow cell: every number on the other sheets is a formula and follows. "
            "Samples stand below one another, channels beside one another, each image as it is.",
        ),
    )
    inputs = Inputs(page, Grid(page, 0, FIRST, shape))
    settings(book, inputs, results)
    page.section("Values x")
    inputs.grid = Grid(page, page.row + heads_high(shape), FIRST, shape)
    inputs.grid.heads("x")
    inputs.grid.sides()
    inputs.grid.fill(
        lambda cell, row, column, made: page.input(row, column, first.x[cell], made), Look(shape), **INPUT
    )
    page.row = inputs.grid.top + inputs.grid.rows
    affines(book, inputs, results)
    return inputs


def settings(book: Book, inputs: Inputs, results: Sequence[Normalized]) -> None:
    """eps (one where all agree), momentum, and the sizes that parameter counts need."""
    page = inputs.page
    page.section("Settings")
    shared: dict[float, str] = {}
    for result in results:
        if result.method in ("pixel", "center"):
            continue
        if result.eps not in shared:
            name = "eps" if not shared else f"eps_{result.method}"
            shared[result.eps] = name
            under = "under the root" if result.method != "minmax" else "added to the range"
            setting(book, page, name, result.eps, f"{under}, so that nothing is divided by 0", "0.00E+00")
        inputs.eps[result.method] = shared[result.eps]
    momenta: dict[float, str] = {}
    for result in results:
        momentum = getattr(result.op, "momentum", None)
        if not result.updates or momentum is None:
            continue
        if momentum not in momenta:
            momenta[momentum] = "momentum" if not momenta else f"momentum_{result.method}"
            what = "share of the new batch in the running statistics"
            setting(book, page, momenta[momentum], momentum, what, "General", most=1)
        inputs.momentum[result.method] = momenta[momentum]
    if any(result.method == "pixel" for result in results):
        setting(book, page, "white", WHITE, "the largest value of a pixel", "General")
        inputs.eps["pixel"] = "white"
    for axis, (name, n) in enumerate(zip(axis_names(len(inputs.grid.shape)), inputs.grid.shape, strict=True)):
        page.label(page.row, 0, f"{name}s")
        page.sheet.write_number(page.row, 1, n, book.style(align="right"))
        text = f"axis {axis} of the batch; fixed, for the sheets are laid out for it"
        page.label(page.row, FIRST, text, indent=1, font_color=PAPER.faint_ink)
        inputs.sizes[name] = page.cell(page.row, 1, here=False)
        page.row += 1


def setting(
    book: Book, page: Page, name: str, value: float, what: str, format: str, most: float | None = None
) -> None:
    """A named cell to change, from 0 to ``most``, and what it is."""
    page.label(page.row, 0, name, bold=True)
    page.input(page.row, 1, value, num_format=format, border=1, border_color=PAPER.faint_ink)
    page.label(page.row, FIRST, what, indent=1, font_color=PAPER.faint_ink)
    bounds = (
        {"criteria": ">=", "value": 0}
        if most is None
        else {"criteria": "between", "minimum": 0, "maximum": most}
    )
    told = "a number from 0 on" if most is None else f"a number from 0 to {most:g}"
    page.sheet.data_validation(
        page.row, 1, page.row, 1, {"validate": "decimal", "error_title": name, "error_message": told} | bounds
    )
    book.name(name, page.cell(page.row, 1, here=False))
    page.row += 1


def affines(book: Book, inputs: Inputs, results: Sequence[Normalized]) -> None:
    """gamma and beta: one for each channel, and where a method alone has one for each cell of a sample, so many."""
    page, shape = inputs.page, inputs.grid.shape
    found = {word: [r for r in results if key in r.weights] for key, word in WORDS.items()}
    if not any(found.values()):
        return
    page.section("Scale and shift: y = gamma * normalized + beta")
    for key, word in WORDS.items():
        if not found[word]:
            continue
        if by_cell(found[word], key):
            grid = Grid(page, page.row + heads_high(shape), FIRST, (1, *shape[1:]))
            grid.heads(word)
            for i, at in enumerate(np.ndindex(shape[2:-1]) if len(shape) > 3 else ()):
                page.label(grid.top + i, 1, f"row {i}" if len(at) == 1 else str(i), align="right")
            page.label(grid.top, 0, f"{word}, of each cell", bold=True)
            values = found[word][0].weights[key].reshape(grid.shape)

            def write(
                cell: tuple[int, ...], row: int, column: int, made: Any, values: Array = values
            ) -> None:
                page.input(row, column, values[cell], made)

            grid.fill(write, Look(grid.shape), **INPUT)
            inputs.by_cell[word] = grid
            page.row = grid.top + grid.rows + 1
        else:
            inputs.by_channel[word] = channel_row(book, inputs, word, channel_values(found[word][0], key))
    if not inputs.by_cell and any(by_shape(r) for r in results) and len(shape) > 2:
        page.note(
            "Layer norm and RMS norm have a gamma (and layer norm a beta) for each cell of a sample; here all cells "
            "of a channel use the channel's."
        )


def channel_row(book: Book, inputs: Inputs, word: str, values: Array) -> list[str]:
    """One input for each channel, over its columns of the grid."""
    page, grid = inputs.page, inputs.grid
    page.label(page.row, 0, f"{word}, of each channel", bold=True)
    names = []
    for c, value in enumerate(values.tolist()):
        left = grid.left + c * grid.wide
        style = {"border": 1, "border_color": PAPER.faint_ink}
        page.input(page.row, left, value, **style)
        book.name(f"{word}_{c}", page.cell(page.row, left, here=False))
        names.append(f"{word}_{c}")
        if grid.wide > 1:
            merged(
                page,
                page.row,
                left + 1,
                1,
                grid.wide - 1,
                f"channel {c}",
                {"indent": 1, "font_color": PAPER.faint_ink},
            )
    page.row += 1
    return names


def by_shape(result: Normalized) -> bool:
    """Whether gamma has a number for each cell of a sample."""
    return "weight" in result.weights and result.weights["weight"].ndim > 1


def by_cell(results: Sequence[Normalized], key: str) -> bool:
    """Whether there must be a cell for each: the only method has them, or they differ inside a channel."""
    each = [r for r in results if by_shape(r)]
    if len(results) == len(each) and len(results) == 1:
        return True
    return any(np.ptp(r.weights[key].reshape(r.weights[key].shape[0], -1), axis=1).any() for r in each)


def channel_values(result: Normalized, key: str) -> Array:
    values: Array = result.weights[key].reshape(result.shape[1], -1)[:, 0]
    return values
