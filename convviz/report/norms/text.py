"""A normalized batch as a worked solution in text: the batch, who shares, one set worked out, all sets, the result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from convviz.analysis.norms.normalize import Normalized, Norms
from convviz.analysis.norms.set_names import names_of
from convviz.ops.norm import RunningNorm
from convviz.plan.words import listing, number, size
from convviz.report.model import Cell, Column, Table
from convviz.report.norms import words
from convviz.report.norms.grid import grid_lines
from convviz.report.terminal import text as table_text
from convviz.report.terminal import wrapped

SETS = 24  # rows of statistics that are shown
UPDATES = 24  # rows of running statistics


class Section(NamedTuple):
    """A part of the sheet: sentences, then lines as they are, then a table, then sentences."""

    title: str
    before: Sequence[str] = ()
    lines: Sequence[str] = ()
    table: Table | None = None
    after: Sequence[str] = ()


def sheet(
    found: Normalized | Norms, *, width: int, full: bool = False, told: str = "", colour: bool = False
) -> str:
    """The sections one below the other; colour: headings stand out."""
    if isinstance(found, Norms):
        from convviz.report.norms.all import sections_of_all

        parts = sections_of_all(found, width, full, told)
    else:
        parts = sections(found, width, full, told)
    out = []
    for section in parts:
        out.append(f"\x1b[1m{section.title}\x1b[0m" if colour else section.title)
        out += [line for note in section.before for line in wrapped(note, width)]
        out += section.lines
        if section.table is not None:
            if colour:
                from convviz.report.terminal import colour as coloured

                out.append(coloured(section.table, width).rstrip("\n"))
            else:
                out.append(table_text(section.table, width).rstrip("\n"))
        out += [line for note in section.after for line in wrapped(note, width)]
        out.append("")
    return "\n".join(out[:-1]) + "\n"


def sections(result: Normalized, width: int, full: bool = False, told: str = "") -> Iterator[Section]:
    """One method from the batch to the parameters."""
    yield Section(words.headline(result), [words.rule_text(result), *result.notes])
    yield batch_section(result, width, full, told)
    if not result.live:
        yield running_section(result, full)
    if result.method != "pixel":
        yield sets_section(result, full)
    yield worked_section(result, width, full)
    yield from result_sections(result, width, full)
    if result.updates and result.live:
        yield running_section(result, full)
    if result.op is not None:
        yield Section("Parameters", parameters(result))


def batch_section(result: Normalized, width: int, full: bool, told: str = "") -> Section:
    return Section("The batch x", [told] if told else [], grid_lines(result.x, width, full))


# -- statistics -----------------------------------------------------------------------------------------
def sets_section(result: Normalized, full: bool) -> Section:
    """A row for each set of cells that share: who they are, their sum, mean, squares, variance and root."""
    title = f"{'Who shares statistics' if result.live else 'Statistics in use'}: {words.shares(result)}"
    return Section(title, table=sets_table(result, full))


def sets_table(result: Normalized, full: bool = False) -> Table:
    """The statistics by label."""
    columns = [Column("set"), Column("shared by", left=True, shrink="end")]
    rows: list[tuple[Cell, ...]] = []
    parts = statistic_columns(result)
    for name in ("cells", *parts):
        columns.append(Column(name, drop=1 if name.startswith("sum") else 0))
    names = names_of(result)
    shown = len(names) if full else min(len(names), SETS)
    for k in range(shown):
        rows.append((k, names[k], result.cells[k], *(number(values[k]) for values in parts.values())))
    left = len(names) - shown
    note = [f"… and {left:,} sets more; --full shows all, and so do JSON and CSV"] * bool(left)
    return Table("", tuple(columns), tuple(rows), tuple(note))


def statistic_columns(result: Normalized) -> dict[str, Sequence[float]]:
    """Heading -> the statistic by label, in the order in which they are worked out."""
    found: dict[str, Sequence[float]] = {}
    if result.low is not None and result.high is not None:
        return {"least": result.low, "greatest": result.high, "range": result.scale}
    if result.live and result.mean is not None:
        found["sum"] = result.sums
    running = "" if result.live else "running "
    if result.mean is not None:
        found[f"{running}mean"] = result.mean
    if result.method == "center":
        return found
    assert result.var is not None
    if result.live:
        found["sum of x²" if result.mean is None else "sum of (x − mean)²"] = result.square_sums
    found[f"{running}variance" if result.mean is not None else "mean of x²"] = result.var
    root = "mean" if result.mean is None else "var"
    found[f"√({root} + eps)" if result.eps else f"√{root}"] = result.scale
    return found


def worked_section(result: Normalized, width: int, full: bool) -> Section:
    """The arithmetic of the set of the first cell, and of that cell."""
    cell = telling_cell(result)
    k = int(result.labels[cell])
    lines = []
    if result.live and result.mean is not None:
        lines.append(("mean", words.mean_text(result, k, full)))
    if result.method == "minmax":
        assert result.low is not None and result.high is not None
        low, high = number(result.low[k]), number(result.high[k])
        eps = f" + {number(result.eps)}" if result.eps else ""
        lines.append(("range", f"{high} − {low}{eps} = {number(result.scale[k])}"))
    if result.var is not None and result.method != "center":
        if result.live:
            biased = (
                f", over all {result.cells[k]} cells: the biased variance" if result.mean is not None else ""
            )
            what = "variance" if result.mean is not None else "mean of x²"
            lines.append((what, words.variance_text(result, k, full) + biased))
        lines.append(("root", words.root_text(result, k)))
    place = ", ".join(map(str, cell))
    lines.append((f"x[{place}]", words.cell_text(result, cell)))
    label = max(len(name) for name, _ in lines)
    out = []
    for name, text in lines:
        kept = text.replace(" − ", "\N{NO-BREAK SPACE}−\N{NO-BREAK SPACE}")  # a difference stays on one line
        parts = wrapped(kept, max(20, width - label - 4))
        for i, part in enumerate(parts):
            head = " " * label if i else name.ljust(label)
            out.append(f"  {head}  {part.replace(chr(0xA0), ' ')}")
    names = names_of(result)
    of = f", set {k} ({names[k]})" if len(names) > 1 else ""
    return Section(f"Worked out{of}", lines=out)


def telling_cell(result: Normalized) -> tuple[int, ...]:
    """The first cell that is not at the mean of its set, or the first of all."""
    found = np.argwhere(result.normalized != 0)
    return tuple(int(i) for i in found[0]) if len(found) else (0,) * result.x.ndim


# -- result ---------------------------------------------------------------------------------------------
def result_sections(result: Normalized, width: int, full: bool) -> Iterator[Section]:
    """The normalized numbers, and what gamma and beta make of them where they change anything."""
    if words.starts(result):
        yield Section("The result y", lines=grid_lines(result.output, width, full))
        return
    yield Section("Normalized, before gamma and beta", lines=grid_lines(result.normalized, width, full))
    given = [
        f"{name} = {number_list(result.weights[key], full)}"
        for name, key in (("gamma", "weight"), ("beta", "bias"))
        if key in result.weights
    ]
    after = "times gamma" + (", plus beta" if len(given) > 1 else "")
    yield Section(f"The result y: {after}", given, grid_lines(result.output, width, full))


def number_list(values: np.ndarray, full: bool) -> str:
    """All numbers, or the one that all are."""
    flat = [number(float(v)) for v in values.ravel()]
    if len(set(flat)) == 1:
        return flat[0] + (f" (all {len(flat)})" if len(flat) > 1 else "")
    more = "" if full or len(flat) <= 16 else f", … ({len(flat)} in all)"
    return ", ".join(flat if not more else flat[:12]) + more


# -- what training keeps --------------------------------------------------------------------------------
def running_section(result: Normalized, full: bool) -> Section:
    """The running statistics step by step."""
    op = result.op
    assert isinstance(op, RunningNorm)
    momentum = getattr(op, "momentum", None)
    rule = (
        f"(1 − momentum)×old + momentum×new, momentum {number(momentum)}"
        if momentum is not None
        else "the average of all updates (momentum none)"
    )
    before = [f"{rule}. They start at mean 0 and variance 1."]
    if result.updates:
        factors = listing(dict.fromkeys(f"{u.cells}/{u.cells - 1}" for u in result.updates), "or")
        before.append(
            f"New of the variance is the unbiased one, {factors} of the biased, with which training normalizes."
        )
    else:
        before.append("No training step was taken.")
    title = "Running statistics, which training leaves for evaluation"
    return Section(title, before, table=updates_table(result, full))


def updates_table(result: Normalized, full: bool = False) -> Table | None:
    """A row for each update and channel."""
    if not result.updates:
        return None
    splits = result.method == "ghost"
    columns = [Column(key) for key in ["step", *["part"] * splits, "channel"]]
    columns += [Column("mean", drop=1), Column("variance", drop=1), Column("unbiased")]
    columns += [Column(key, left=True) for key in ("running mean", "running variance")]
    rows: list[tuple[Cell, ...]] = []
    channels = result.shape[1]
    mean, var = np.zeros(channels), np.ones(channels)
    for update in result.updates:
        for c in range(channels):
            if len(rows) < UPDATES or full:
                own = (number(part[c]) for part in (update.mean, update.var, update.unbiased))
                rows.append((
                    update.step, *[update.split] * splits, c, *own,
                    words.update_text(mean[c], update.mean[c], update.momentum, update.running_mean[c]),
                    words.update_text(var[c], update.unbiased[c], update.momentum, update.running_var[c]),
                ))  # fmt: skip
        mean, var = update.running_mean, update.running_var
    left = len(result.updates) * channels - len(rows)
    notes = [f"… and {left:,} rows more; --full shows all, and so does JSON"] * bool(left)
    return Table("", tuple(columns), tuple(rows), tuple(notes))


def parameters(result: Normalized) -> list[str]:
    """What is trained, what is only kept."""
    trained = [
        f"{name} {size(result.weights[key].shape)}"
        for name, key in (("gamma", "weight"), ("beta", "bias"))
        if key in result.weights
    ]
    kept = [
        f"running {name} {size(result.weights[key].shape)}"
        for name, key in (("mean", "running_mean"), ("variance", "running_var"))
        if key in result.weights
    ]
    none = "no gamma and beta unless they are asked for"
    told = f"trained: {result.params:,} ({listing(trained) if trained else none})"
    lines = [
        told,
        f"kept, not trained: {result.buffers}" + (f" ({listing(kept)}), and torch's counter" if kept else ""),
    ]
    if not result.buffers:
        lines.append("Training and evaluation do the same.")
    return lines
