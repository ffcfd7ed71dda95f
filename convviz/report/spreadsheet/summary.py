"""The sheet that shows one value of the batch under every method, chosen by its place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convviz.analysis.norms.set_names import axis_names
from convviz.report.spreadsheet.book import FIRST, PAPER, Book, Page
from convviz.report.spreadsheet.input import Inputs
from convviz.report.spreadsheet.method import SHARES, SHEETS, Method

HEADS = (
    "number of the set",
    "values that share",
    "mean",
    "variance",
    "root",
    "normalized",
    "y",
    "parameters",
    "kept",
)


def write_summary(
    book: Book, inputs: Inputs, methods: Sequence[Method], left_out: Sequence[tuple[str, str]]
) -> None:
    """A row for each method; the yellow cells choose the value."""
    page = book.page("Summary", len(HEADS), PAPER["active"].edge)
    page.title(
        "One value under every method",
        (
            "Choose a value by its place (counted from 0) in the yellow cells. Who shares the statistics is all that "
            "tells the methods apart.",
            *(f"{SHEETS[name]} is left out: {why}." for name, why in left_out),
        ),
    )
    at = telling(methods)
    page.section("Which value")
    shape = inputs.grid.shape
    names = []
    for name, n, i in zip(axis_names(len(shape)), shape, at, strict=True):
        page.label(page.row, 0, name, bold=True)
        page.input(page.row, 1, i, border=1, border_color=PAPER.faint_ink)
        page.label(page.row, FIRST, f"0 to {n - 1}", indent=1, font_color=PAPER.faint_ink)
        page.sheet.data_validation(
            page.row, 1, page.row, 1,
            {"validate": "integer", "criteria": "between", "minimum": 0, "maximum": n - 1,
             "error_title": name, "error_message": f"a whole number from 0 to {n - 1}"},
        )  # fmt: skip
        book.name(f"the_{name}", page.cell(page.row, 1, here=False))
        names.append(f"the_{name}")
        page.row += 1
    row, column = places(shape, names)
    grid = inputs.grid
    for text, formula, value in (
        ("row in the grids", row, grid.at(at)[0] - grid.top + 1),
        ("column in the grids", column, grid.at(at)[1] - grid.left + 1),
    ):
        page.label(page.row, 0, text, font_color=PAPER.faint_ink)
        page.formula(page.row, 1, formula, value, num_format="0", font_color=PAPER.faint_ink)
        page.row += 1
    spot = (page.cell(page.row - 2, 1), page.cell(page.row - 1, 1))
    page.label(page.row, 0, "x", bold=True)
    first = methods[0].result
    page.formula(
        page.row,
        1,
        picked(inputs.page, inputs.grid.whole(), spot),
        first.x[at],
        num_format="General",
        bold=True,
    )
    page.row += 1
    table(page, methods, spot, at)


def table(page: Page, methods: Sequence[Method], spot: tuple[str, str], at: tuple[int, ...]) -> None:
    page.section("Under each method")
    page.heads("method", "", HEADS)
    top = page.row
    for method in methods:
        result = method.result
        k = int(result.labels[at])
        page.sheet.write_url(
            page.row, 0, f"internal:{method.page.name}!A1",
            page.book.style(font_color=PAPER["input"].edge, underline=1), method.page.name,
        )  # fmt: skip
        normalized = "normalized" if "normalized" in method.grids else "output"
        chosen = picked(method.page, method.grids["set"].whole(), spot)
        page.formula(page.row, FIRST, chosen, k, num_format="0")
        number = page.cell(page.row, FIRST, fixed=False)
        values = {
            "count": float((result.labels == k).sum()),
            "mean": result.shift[k],
            "var": (result.var or result.shift)[k],
            "root": result.scale[k],
        }
        for i, (key, value) in enumerate(values.items()):
            if key in method.columns and (key != "mean" or result.mean is not None):
                text = f"INDEX({method.listed(key)},{number}+1)"
                format = {"num_format": "0"} if key == "count" else {}
                page.formula(page.row, FIRST + 1 + i, text, value, **format)
            else:
                page.label(page.row, FIRST + 1 + i, "none", align="right", font_color=PAPER.faint_ink)
        for i, (key, array) in enumerate(((normalized, result.normalized), ("output", result.output))):
            text = picked(method.page, method.grids[key].whole(), spot)
            page.formula(page.row, FIRST + 5 + i, text, array[at], bold=key == "output" and i == 1)
        for i, count in enumerate((result.params, result.buffers)):
            page.sheet.write_number(
                page.row, FIRST + 7 + i, count, page.book.style(align="right", num_format="0")
            )
        page.row += 1
    page.watch(top, FIRST + 2, page.row - 1, FIRST + 6)
    page.row += 1
    for method in methods:
        shared = (
            SHARES.get(method.result.method, "")
            if method.result.live
            else "each channel its running statistics"
        )
        page.label(page.row, 0, method.page.name)
        page.label(
            page.row, 1, f"shared by {shared}" if method.result.live else shared, font_color=PAPER.faint_ink
        )
        page.row += 1


def places(shape: Sequence[int], names: Sequence[str]) -> tuple[str, str]:
    """Row and column of the chosen value inside any grid, counted from 1, as formulas."""
    sample, channel, *space = names
    row = sample
    for name, n in zip(space[:-1], shape[2:-1], strict=True):
        row = f"({row})*{n}+{name}" if row != sample else f"{row}*{n}+{name}"
    column = f"{channel}*{shape[-1]}+{space[-1]}" if space else channel
    return f"{row}+1", f"{column}+1"


def picked(page: Page, box: tuple[int, int, int, int], spot: tuple[str, str]) -> str:
    """The chosen value of a grid."""
    return f"INDEX({page.range(*box, fixed=True)},{spot[0]},{spot[1]})"


def telling(methods: Sequence[Method]) -> tuple[int, ...]:
    """The value that tells most methods apart, and of those the one on which they differ most."""
    outputs = np.stack([method.result.output for method in methods])
    apart = np.sort(outputs, axis=0)
    different = (np.diff(apart, axis=0) > 1e-6).sum(0)
    score = different + np.ptp(outputs, axis=0) / (1 + np.ptp(outputs))
    return tuple(int(i) for i in np.unravel_index(int(score.argmax()), score.shape))
