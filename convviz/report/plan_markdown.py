"""Plans as Markdown to hand in: tables for batches, statistics and facts, numbered steps with their arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

from convviz.plan.model import Plan
from convviz.report.documents import plainly
from convviz.report.plan_blocks import (
    Block,
    Part,
    arithmetic,
    facts_line,
    formula_lines,
    more_lines,
    parts,
    sections,
)
from convviz.report.plan_text import MOST, part_lines

MAP = 16  # cells of a map that fits into a cell of a table
SAMPLES = 8  # samples side by side


def markdown(plan: Plan, most: int | None = MOST) -> str:
    """The plan as Markdown: tables where they fit, other grids in code blocks, steps as numbered lists."""
    out = [f"## {plainly(plan.title)}"]
    out += [plainly(facts_line(plan))] if plan.facts else []
    out += ["\n".join(f"- {plainly(line)}" for line in formula_lines(plan))] if plan.formulas else []
    for part in parts(plan):
        out += [f"**{plainly(part.title)}**", body(part)]
    for name, steps, more in sections(plan, most):
        out.append(f"### {plainly(name)}")
        lines = [
            f"{i}. {plainly(step.caption)}" + (f" `{done}`" if (done := arithmetic(step)) else "")
            for i, step in steps
        ]
        out.append("\n".join(lines + [line.strip() for line in more_lines(more)]))
    out += ["\n".join(f"- {plainly(note)}" for note in plan.notes)] if plan.notes else []
    return "\n\n".join(out) + "\n"


def body(part: Part) -> str:
    """A panel as a table, or in a code block."""
    if part.layout == "table":
        return table([[plainly(cell.text) for cell in row] for row in part.blocks[0].rows])
    if part.layout == "batch" and fits(part):
        return batch_table(part)
    rows = "\n".join(part_lines(part))
    return f"```\n{rows}\n```"


def fits(part: Part) -> bool:
    """Whether maps are small enough for the cells of a table."""
    cells = max(sum(map(len, block.rows)) for block in part.blocks)
    return cells <= MAP and len(part.samples) <= SAMPLES


def batch_table(part: Part) -> str:
    """A row for each channel, a column for each sample."""
    count = len(part.samples)
    digits = max(len(cell.text) for block in part.blocks for row in block.rows for cell in row)
    rows = [["", *part.samples]]
    for start in range(0, len(part.blocks), count):
        maps = part.blocks[start : start + count]
        rows.append([maps[0].label.partition(", ")[2], *(map_cell(block, digits) for block in maps)])
    return table(rows)


def map_cell(block: Block, digits: int) -> str:
    """A map in one cell of a table: its rows in code, one under another."""
    return "<br>".join(f"`{' '.join(cell.text.rjust(digits) for cell in row)}`" for row in block.rows)


def table(rows: Sequence[Sequence[str]]) -> str:
    """A GitHub table, whose columns line up as text, too; the first row is its heading."""
    columns = max(map(len, rows))
    filled = [[*row, *[""] * (columns - len(row))] for row in rows]
    widths = [max(3, *(len(row[i]) for row in filled)) for i in range(columns)]
    left = [not all(numeric(row[i]) for row in filled[1:]) for i in range(columns)]

    def line(row: Sequence[str]) -> str:
        cells = (c.ljust(w) if at else c.rjust(w) for c, w, at in zip(row, widths, left, strict=True))
        return f"| {' | '.join(cells)} |"

    rule = "|".join(
        f":{'-' * (w + 1)}" if at else f"{'-' * (w + 1)}:" for w, at in zip(widths, left, strict=True)
    )
    return "\n".join([line(filled[0]), f"|{rule}|", *map(line, filled[1:])])


def numeric(text: str) -> bool:
    return not text or text.lstrip("−")[:1].isdigit() or text in ("·", "…")
