"""Plans as text, Markdown, HTML and plain data: panels as grids of numbers, formulas, and the steps in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from itertools import product
from typing import Any, NamedTuple

from convviz import theme
from convviz.errors import ConvvizError
from convviz.plan.model import Cell, Curve, Grid, Matrix, Number, Panel, Plan, Step
from convviz.plan.model import Table as Facts
from convviz.plan.words import TIMES, count, number, position, size
from convviz.report.data import dumps
from convviz.report.documents import page
from convviz.report.plan_data import plan_data

FORMATS = ("text", "md", "html", "json")
MOST = 60  # steps of one section that are written out, unless told otherwise
WIDE = 24  # cells of a row, and rows of a grid
BLOCKS = 8  # channels of a grid


def render(plan: Plan, format: str = "text", *, most: int | None = MOST, standalone: bool = False) -> str:
    """A plan as ``text``, ``md``, ``html`` or ``json``.

    most: steps of each section that are written out (None: all). standalone: HTML as a page of its own.
    Raises ConvvizError for another format.
    """
    if format == "json":
        return dumps(plan_data(plan))
    if format == "html":
        return page(plan.title, html(plan, most)) if standalone else html(plan, most)
    if format in ("text", "table"):
        return text(plan, most)
    if format == "md":
        return markdown(plan, most)
    raise ConvvizError(f"no format {format!r} for a plan; there are {', '.join(FORMATS)}")


# -- what is written, whatever the format -------------------------------------------------------------
class Shown(NamedTuple):
    """A cell as it is written; kind: real, padding, empty (no value), or cut (some are left out)."""

    text: str
    kind: str = "real"


class Block(NamedTuple):
    """Rows of cells under one another, such as one channel of a map."""

    label: str
    rows: tuple[tuple[Shown, ...], ...]


CUT = Shown("…", "cut")


def blocks(plan: Plan, panel: Panel) -> list[Block]:
    """A panel as rows of numbers, after the last step."""
    if isinstance(panel, Grid):
        return grid_blocks(panel, plan.shown(panel.key))
    if isinstance(panel, Matrix):
        return [matrix_block(panel)]
    if isinstance(panel, Facts):
        head = tuple(Shown(column) for column in panel.columns)
        body = (tuple(Shown(word(value)) for value in row) for row in panel.rows)
        return [Block("", tuple(cut([head, *body], ())))]
    return [curve_block(panel)]


def word(value: str | Number | None) -> str:
    return "" if value is None else value if isinstance(value, str) else number(value)


def grid_blocks(grid: Grid, values: Mapping[Cell, Number]) -> list[Block]:
    """A block for each channel of a map; rows and vectors in one block, unless each has a name."""
    if len(grid.shape) > 2:
        return map_blocks(grid, values)
    if len(grid.shape) == 2:
        (before, after) = grid.pads[0] if grid.pads else (0, 0)
        cells: list[list[Cell]] = [
            [(r, c) for c in range(-before, grid.shape[1] + after)] for r in range(grid.shape[0])
        ]
    elif grid.channels:
        cells = [[(i,)] for i in range(grid.shape[0])]
    else:
        cells = [[(i,) for i in range(grid.shape[0])] if grid.shape else [()]]
    rows = [tuple(cut([shown(grid, values, cell) for cell in row], CUT)) for row in cells[: WIDE + 1]]
    if len(grid.channels) == len(cells):
        found = [Block(name, (row,)) for name, row in zip(grid.channels, rows, strict=False)]
        return cut(found, Block("more", ((CUT,),)))
    return [Block("", tuple(cut(rows, (CUT,))))]


def map_blocks(grid: Grid, values: Mapping[Cell, Number]) -> list[Block]:
    """A block for each channel, and in three axes for each slice of it."""
    pads = grid.pads or ((0, 0),) * (len(grid.shape) - 1)
    *outer, ys, xs = (range(-b, n + a) for n, (b, a) in zip(grid.shape[1:], pads, strict=True))
    heads = [(c, *rest) for c in range(grid.shape[0]) for rest in product(*outer)]
    found = []
    for head in heads[:BLOCKS]:
        rows = [
            tuple(cut([shown(grid, values, (*head, y, x)) for x in xs[: WIDE + 1]], CUT))
            for y in ys[: WIDE + 1]
        ]
        found.append(Block(head_name(grid, head), tuple(cut(rows, (CUT,)))))
    if len(heads) > BLOCKS:
        found.append(Block(f"… {len(heads) - BLOCKS:,} more", ()))
    return found


def head_name(grid: Grid, head: Cell) -> str:
    """``channel 0``, or what the plan calls it."""
    channel, *rest = head
    name = grid.channels[channel] if channel < len(grid.channels) else f"channel {channel}"
    return ", ".join([name, *(f"slice {number(i)}" for i in rest)])


def shown(grid: Grid, values: Mapping[Cell, Number], cell: Cell) -> Shown:
    """A cell of a grid: padding in brackets, a point where there is no number."""
    inside = all(0 <= i < n for i, n in zip(cell, grid.shape, strict=True))
    if not inside:
        value = grid.outside.get(cell, 0)
        return Shown("[ ]" if value is None else f"[{number(value)}]", "padding")
    if cell not in values:
        return Shown("0" if grid.stuffed else "·", "real" if grid.stuffed else "empty")
    return Shown(number(values[cell]))


def matrix_block(matrix: Matrix) -> Block:
    """A sparse matrix: a point for each structural zero."""
    head = (Shown(""), *(Shown(position(cell)) for cell in matrix.columns[: WIDE + 1]))
    rows = [tuple(cut(list(head), CUT))]
    for r, cell in enumerate(matrix.rows[: WIDE + 1]):
        row = [Shown(position(cell))]
        for c in range(min(len(matrix.columns), WIDE + 1)):
            entry = matrix.entries.get((r, c))
            row.append(Shown("·", "empty") if entry is None else Shown(number(entry[1])))
        rows.append(tuple(cut(row, CUT)))
    return Block("", tuple(cut(rows, (CUT,))))


def curve_block(curve: Curve) -> Block:
    """A few points of each line."""
    rows = []
    for series in curve.series:
        at = sorted({round(i * (len(series.x) - 1) / 8) for i in range(9)}) if series.x else []
        label = "" if len(curve.series) == 1 else f"{series.name}: "
        rows.append((Shown(f"{label}{curve.x}"), *(Shown(number(series.x[i])) for i in at)))
        rows.append((Shown(curve.y), *(Shown(number(series.y[i])) for i in at)))
    return Block("", tuple(rows))


def cut(items: list[Any], mark: Any) -> list[Any]:
    """A long list with its end left out."""
    return items if len(items) <= WIDE else [*items[:WIDE], mark]


def heading(panel: Panel) -> str:
    """The panel's title with the size of a grid, unless the title says it."""
    if not isinstance(panel, Grid) or TIMES in panel.title or not panel.shape:
        return panel.title
    if len(panel.shape) == 1:
        return f"{panel.title}, {count(panel.shape[0], 'cell')}"
    return f"{panel.title} {size(panel.shape)}"


def formula_lines(plan: Plan) -> list[str]:
    """``parameters: in×out + out = 4×3 + 3 = 15``"""
    lines = []
    for formula in plan.formulas:
        parts = [part for part in (formula.symbols, formula.numbers, formula.result) if part]
        note = f" ({formula.note})" if formula.note else ""
        lines.append(f"{formula.about}: {' = '.join(dict.fromkeys(parts))}{note}")
    return lines


def sections(plan: Plan, most: int | None) -> Iterator[tuple[str, list[tuple[int, Step]], int]]:
    """Each section's name, its steps with their numbers from 1, and how many are left out."""
    grouped: dict[str, list[tuple[int, Step]]] = {}
    for i, step in enumerate(plan.steps, 1):
        grouped.setdefault(step.section, []).append((i, step))
    for name, steps in grouped.items():
        kept = steps if most is None else steps[: max(most, 0)]
        yield name, kept, len(steps) - len(kept)


def arithmetic(step: Step) -> str:
    """The step's arithmetic, where its caption does not spell it out already."""
    if step.work is None or step.work.how == "copy" or step.work.text in step.caption:
        return ""
    return step.work.text


def facts_line(plan: Plan) -> str:
    return ", ".join(f"{what}: {value}" for what, value in plan.facts)


# -- text ---------------------------------------------------------------------------------------------
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
    parts = [[plan.title]]
    parts[0] += [facts_line(plan)] if plan.facts else []
    parts += [formula_lines(plan)] if plan.formulas else []
    for panel in plan.panels:
        parts.append([heading(panel), *panel_lines(plan, panel)])
    for name, steps, more in sections(plan, most):
        lines = [name]
        for i, step in steps:
            lines.append(f"  {i}. {step.caption}")
            done = arithmetic(step)
            lines += [f"     {done}"] if done else []
        parts.append(lines + more_lines(more))
    parts += [list(plan.notes)] if plan.notes else []
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def more_lines(more: int) -> list[str]:
    return [f"  … and {more:,} more like these"] if more else []


def panel_lines(plan: Plan, panel: Panel) -> list[str]:
    """The rows of a panel, their columns under one another."""
    found = blocks(plan, panel)
    widths = [len(cell.text) for block in found for row in block.rows for cell in row]
    lines = []
    aligned = isinstance(panel, Grid)
    for block in found:
        same = len(block.rows) == 1 and bool(block.label)
        if block.label and not same:
            lines.append(f"  {block.label}")
        each = [max(widths)] * WIDE if aligned and widths else column_widths(block)
        for row in block.rows:
            cells = " ".join(
                cell.text.rjust(w) for cell, w in zip(row, [*each, *[1] * len(row)], strict=False)
            )
            lines.append(f"  {cells}   {block.label if same else ''}".rstrip())
    return lines


def column_widths(block: Block) -> list[int]:
    columns = max((len(row) for row in block.rows), default=0)
    return [max(len(row[c].text) for row in block.rows if c < len(row)) for c in range(columns)]


# -- Markdown -----------------------------------------------------------------------------------------
def markdown(plan: Plan, most: int | None = MOST) -> str:
    """The plan as Markdown: grids in code blocks, steps as numbered lists."""
    out = [f"## {plainly(plan.title)}"]
    out += [plainly(facts_line(plan))] if plan.facts else []
    out += ["\n".join(f"- {plainly(line)}" for line in formula_lines(plan))] if plan.formulas else []
    for panel in plan.panels:
        rows = "\n".join(panel_lines(plan, panel))
        out += [f"**{plainly(heading(panel))}**", f"```\n{rows}\n```"]
    for name, steps, more in sections(plan, most):
        out.append(f"### {plainly(name)}")
        lines = [
            f"{i}. {plainly(step.caption)}" + (f" `{done}`" if (done := arithmetic(step)) else "")
            for i, step in steps
        ]
        out.append("\n".join(lines + [line.strip() for line in more_lines(more)]))
    out += ["\n".join(f"- {plainly(note)}" for note in plan.notes)] if plan.notes else []
    return "\n\n".join(out) + "\n"


def plainly(line: str) -> str:
    """A line that Markdown leaves as it is."""
    for char in "\\`*[]<>|":
        line = line.replace(char, "\\" + char)
    return line


# -- HTML ---------------------------------------------------------------------------------------------
def html(plan: Plan, most: int | None = MOST) -> str:
    """The plan as a fragment of HTML that looks right in a notebook, on light and on dark."""
    out = [f'<div class="convviz plan"><style>{css()}</style>', f"<h3>{escape(plan.title)}</h3>"]
    out += [f"<p>{escape(facts_line(plan))}</p>"] if plan.facts else []
    out += [f"<p>{escape(line)}</p>" for line in formula_lines(plan)]
    out.append('<div class="panels">')
    for panel in plan.panels:
        role = panel.role if isinstance(panel, Grid) else "facts"
        out.append(f'<figure class="{escape(role)}"><figcaption>{escape(heading(panel))}</figcaption>')
        out += [*tables(blocks(plan, panel)), "</figure>"]
    out.append("</div>")
    for name, steps, more in sections(plan, most):
        items = "".join(f'<li value="{i}">{escape(step.caption)}{code(step)}</li>' for i, step in steps)
        rest = f"<p>{escape(more_lines(more)[0].strip())}</p>" if more else ""
        count = f"{len(steps) + more:,} step{'' if len(steps) + more == 1 else 's'}"
        out.append(
            f"<details open><summary>{escape(name)} ({count})</summary><ol>{items}</ol>{rest}</details>"
        )
    out += [f"<p>{escape(note)}</p>" for note in plan.notes]
    return "\n".join([*out, "</div>"]) + "\n"


def tables(found: list[Block]) -> list[str]:
    """A table for each block; named rows together in one."""

    def cells(row: tuple[Shown, ...]) -> str:
        return "".join(f'<td class="{cell.kind}">{escape(cell.text)}</td>' for cell in row)

    if len(found) > 1 and all(len(block.rows) == 1 for block in found):
        named = (f"<tr><th>{escape(block.label)}</th>{cells(block.rows[0])}</tr>" for block in found)
        return [f"<table><tbody>{''.join(named)}</tbody></table>"]
    out = []
    for block in found:
        caption = f"<caption>{escape(block.label)}</caption>" if block.label else ""
        rows = "".join(f"<tr>{cells(row)}</tr>" for row in block.rows)
        out.append(f"<table>{caption}<tbody>{rows}</tbody></table>")
    return out


def code(step: Step) -> str:
    done = arithmetic(step)
    return f"<br><code>{escape(done)}</code>" if done else ""


def css() -> str:
    """Edges only, which show on any paper: solid for inputs, thick for kernels, round outputs, dashed padding."""
    roles = theme.LIGHT.roles
    return (
        ".convviz.plan .panels{display:flex;flex-wrap:wrap;gap:1.2em;align-items:flex-start}"
        ".convviz.plan figure{margin:.4em 0}"
        ".convviz.plan figcaption{font-weight:600;font-size:.9em}"
        ".convviz.plan table{border-collapse:separate;border-spacing:2px;margin:.2em 0;font-size:.85em}"
        ".convviz.plan caption,.convviz.plan th{text-align:left;font-size:.9em;white-space:nowrap}"
        ".convviz.plan th{font-weight:400;padding-right:.6em}"
        ".convviz.plan td{text-align:right;padding:.1em .4em;font-variant-numeric:tabular-nums;"
        "border:1px solid transparent;white-space:nowrap}"
        f".convviz.plan .input td{{border-color:{roles['input'].edge}}}"
        f".convviz.plan .kernel td{{border-color:{roles['kernel'].edge};border-width:2px}}"
        f".convviz.plan .output td{{border-color:{roles['output'].edge};border-radius:.5em}}"
        f".convviz.plan td.padding{{border:1px dashed {roles['padding'].edge};opacity:.8}}"
        ".convviz.plan td.cut{border-color:transparent}"
        ".convviz.plan summary{font-weight:600}"
        ".convviz.plan ol{margin:.2em 0}"
    )
