"""Plans as plain text: grids in columns, a batch with its samples side by side, steps with their arithmetic."""

from __future__ import annotations

from convviz.plan.model import Plan
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

MOST = 60  # steps of one section that are written out, unless told otherwise
LINE = 112  # letters of a line of maps side by side


def text(plan: Plan, most: int | None = MOST) -> str:
    """The plan as plain text.

    >>> from convviz.ops import build
    >>> from convviz.plan.general import general
    >>> print(text(general(build("neg"), [(2,)], [[3, -1]])))  # doctest: +ELLIPSIS
    Negation on 2 gives 2
    parameters: 0
    <BLANKLINE>
    each cell: −x = −3
    ...
    """
    found = [[plan.title]]
    found[0] += [facts_line(plan)] if plan.facts else []
    found += [formula_lines(plan)] if plan.formulas else []
    for part in parts(plan):
        found.append([part.title, *part_lines(part)])
    for name, steps, more in sections(plan, most):
        lines = [name]
        for i, step in steps:
            lines.append(f"  {i}. {step.caption}")
            done = arithmetic(step)
            lines += [f"     {done}"] if done else []
        found.append(lines + more_lines(more))
    found += [list(plan.notes)] if plan.notes else []
    return "\n\n".join("\n".join(lines) for lines in found) + "\n"


def part_lines(part: Part) -> list[str]:
    """The rows of a panel, their columns under one another."""
    if part.layout == "batch":
        return batch_lines(part)
    widths = [len(cell.text) for block in part.blocks for row in block.rows for cell in row]
    lines = []
    aligned = part.role != "facts" and part.layout == "blocks"
    for block in part.blocks:
        same = len(block.rows) == 1 and bool(block.label)
        if block.label and not same:
            lines.append(f"  {block.label}")
        each = (
            [max(widths)] * max(map(len, block.rows), default=0)
            if aligned and widths
            else column_widths(block)
        )
        for row in block.rows:
            cells = " ".join(cell.text.rjust(w) for cell, w in zip(row, each, strict=False))
            lines.append(f"  {cells}   {block.label if same else ''}".rstrip())
    return lines


def column_widths(block: Block) -> list[int]:
    columns = max((len(row) for row in block.rows), default=0)
    return [max(len(row[c].text) for row in block.rows if c < len(row)) for c in range(columns)]


def batch_lines(part: Part) -> list[str]:
    """The samples side by side, as many as a line holds, their channels under one another."""
    count = len(part.samples)
    digits = max(len(cell.text) for block in part.blocks for row in block.rows for cell in row)
    names = [block.label.partition(", ")[2] for block in part.blocks[::count]]
    margin = max(map(len, names)) + 2
    wide = max(
        max(len(row) for block in part.blocks for row in block.rows) * (digits + 1) - 1, len(part.samples[-1])
    )
    each = max((LINE - margin) // (wide + 3), 1)
    lines: list[str] = []
    for start in range(0, count, each):
        shown = range(start, min(start + each, count))
        heads = "   ".join(part.samples[n].rjust(wide) for n in shown)
        lines.append(f"  {'':{margin - 2}} {heads}".rstrip())
        for at, name in enumerate(names):
            maps = [part.blocks[at * count + n].rows for n in shown]
            for y, rows in enumerate(zip(*maps, strict=True)):
                cells = "   ".join(
                    " ".join(cell.text.rjust(digits) for cell in row).rjust(wide) for row in rows
                )
                lines.append(f"  {'' if y else name:{margin - 2}} {cells}".rstrip())
    return lines
