"""The sheet of running statistics: the recurrence step by step, and evaluation with what it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from convviz.analysis.norms.normalize import Normalized
from convviz.analysis.norms.running import Update
from convviz.ops.base import Array
from convviz.report.spreadsheet.book import FIRST, PAPER, Book, Page
from convviz.report.spreadsheet.grid import Look, beside, tint_of
from convviz.report.spreadsheet.input import Inputs
from convviz.report.spreadsheet.method import SHEETS


@dataclass
class Running:
    """A written sheet: the row of each channel's last state, and the columns of the running mean and variance."""

    page: Page
    last: list[int]
    columns: dict[str, int]

    def reference(self, key: str, channel: int) -> str:
        """``mean`` or ``var`` of a channel after all steps, for other sheets."""
        return self.page.cell(self.last[channel], self.columns[key], here=False)


def write_running(book: Book, inputs: Inputs, result: Normalized) -> Running:
    """A channel after the other, each from its start on."""
    shape = inputs.grid.shape
    page = book.page(
        f"{SHEETS[result.method]}_running", inputs.grid.columns, PAPER["shared"].edge, len(shape) > 4
    )
    average = getattr(result.op, "momentum", None) is None
    share = "1/k at update k, which keeps the plain average" if average else "the momentum"
    page.title(
        f"{SHEETS[result.method]}: the running statistics",
        (
            "running = (1 - share) * running + share * new. The new variance is the unbiased one (VAR.S), though the "
            f"forward pass takes the biased one (VAR.P). The share is {share}.",
            "Each channel starts at mean 0 and variance 1; evaluation takes its last row.",
        ),
    )
    splits = getattr(result.op, "num_splits", 1)
    heads = ["share", "mean of the batch", "VAR.S of the batch", "running mean", "running variance"]
    if splits > 1:
        heads.insert(0, "split")
    page.section("Step by step")
    page.label(
        page.row,
        1,
        "update",
        bold=True,
        align="right",
        valign="bottom",
        bottom=1,
        bottom_color=PAPER.faint_ink,
    )
    page.heads("channel", "update", heads)
    share_column = FIRST + (splits > 1)
    columns = {"mean": share_column + 3, "var": share_column + 4}
    own = own_updates(result)
    top, last = page.row, []
    for c in range(shape[1]):
        fill, edge = tint_of((0, c))
        page.label(page.row, 0, f"channel {c}", bold=True, bg_color=fill, left=5, left_color=edge)
        page.sheet.write_number(page.row, 1, 0, book.style(align="right", bg_color=fill))
        for key, start in (("mean", 0.0), ("var", 1.0)):
            page.input(page.row, columns[key], start, num_format=page.digits)
        page.label(page.row, FIRST, "start", font_color=PAPER.faint_ink, align="right")
        page.row += 1
        for k, update in enumerate(result.updates):
            page.sheet.write_number(page.row, 1, k + 1, book.style(align="right"))
            if splits > 1:
                page.sheet.write_number(
                    page.row, FIRST, update.split, book.style(align="right", num_format="0")
                )
            momentum = (
                f"1/{page.cell(page.row, 1, fixed=False)}" if average else inputs.momentum[result.method]
            )
            page.formula(page.row, share_column, momentum, update.momentum)
            new_values(page, inputs, result, update, c, share_column + 1, k >= len(result.updates) - own)
            for i, (key, kept) in enumerate((("mean", update.running_mean), ("var", update.running_var))):
                part = page.cell(page.row, share_column, fixed=False)
                before = page.cell(page.row - 1, columns[key], fixed=False)
                new = page.cell(page.row, share_column + 1 + i, fixed=False)
                page.formula(page.row, columns[key], f"(1-{part})*{before}+{part}*{new}", kept[c])
            page.row += 1
        last.append(page.row - 1)
    page.watch(top, share_column, page.row - 1, columns["var"])
    made = Running(page, last, columns)
    if result.live:
        evaluation(book, inputs, result, made)
    return made


def new_values(
    page: Page, inputs: Inputs, result: Normalized, update: Update, channel: int, column: int, own: bool
) -> None:
    """What goes in: formulas over the batch at hand, or numbers of an earlier batch."""
    if not own:
        for i, value in enumerate((update.mean[channel], update.unbiased[channel])):
            page.input(page.row, column + i, float(value), num_format=page.digits)
        return
    splits, n = getattr(result.op, "num_splits", 1), result.shape[0]
    samples = range(update.split * n // splits, (update.split + 1) * n // splits)
    cells = inputs.grid.range(samples, [channel])
    page.formula(page.row, column, f"AVERAGE({cells})", update.mean[channel])
    page.formula(page.row, column + 1, f"_xlfn.VAR.S({cells})", update.unbiased[channel])


def own_updates(result: Normalized) -> int:
    """How many of the last updates come from the batch at hand, not from earlier ones."""
    splits, n = getattr(result.op, "num_splits", 1), result.shape[0]
    count = 0
    for update in reversed(result.updates):
        part = result.x[update.split * n // splits : (update.split + 1) * n // splits]
        axes = (0, *range(2, part.ndim))
        same = part[:, 0].size == update.cells and np.allclose(
            part.mean(axes), update.mean, rtol=1e-12, atol=1e-12
        )
        if not same or not np.allclose(part.var(axes), update.var, rtol=1e-9, atol=1e-12):
            break
        count += 1
    return count


def evaluation(book: Book, inputs: Inputs, result: Normalized, made: Running) -> None:
    """The batch at hand in evaluation mode, with the statistics of the last step."""
    page, shape = made.page, inputs.grid.shape
    assert result.op is not None and result.running_var is not None
    page.section("Evaluation mode: this batch with the running statistics of the last row")
    page.heads("channel", "", ["running mean", "running variance", "SQRT(var + eps)"])
    top = page.row
    eps = inputs.eps[result.method]
    for c in range(shape[1]):
        fill, edge = tint_of((0, c))
        page.label(page.row, 0, f"channel {c}", bg_color=fill, left=5, left_color=edge)
        for i, (key, kept) in enumerate((("mean", result.running_mean), ("var", result.running_var))):
            assert kept is not None
            page.formula(page.row, FIRST + i, page.cell(made.last[c], made.columns[key]), kept[c])
        root = f"SQRT({page.cell(page.row, FIRST + 1, fixed=False)}+{eps})"
        page.formula(page.row, FIRST + 2, root, float(np.sqrt(result.running_var[c] + result.eps)))
        page.row += 1
    page.watch(top, FIRST, page.row - 1, FIRST + 2)
    page.row += 1
    (grid,) = beside(page, shape, 1)
    grid.sides()
    grid.heads("y in evaluation")
    with np.errstate(over="ignore"):  # a number that is too large is refused where it is written
        values: Array = result.op.forward(result.x, weights=result.weights, mode="eval")
    channels = np.broadcast_to(np.arange(shape[1]).reshape(-1, *(1,) * (len(shape) - 2)), shape)

    def formula(cell: tuple[int, ...]) -> str:
        x = inputs.page.cell(*inputs.grid.at(cell), fixed=False, here=False)
        mean, root = (page.cell(top + cell[1], FIRST + i) for i in (0, 2))
        text = f"({x}-{mean})/{root}"
        if "weight" in result.weights:
            text = f"{inputs.affine('gamma', cell, False)}*{text}"
        return f"{text}+{inputs.affine('beta', cell, False)}" if "bias" in result.weights else text

    def write(cell: tuple[int, ...], row: int, column: int, style: Any) -> None:
        page.formula(row, column, formula(cell), values[cell], style)

    grid.fill(write, Look(shape, channels), num_format=page.digits)
