"""Plans as a fragment of HTML for notebooks: panels as small tables, cells of a set marked alike, steps in lists."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from convviz import theme
from convviz.plan.model import Plan, Step
from convviz.report.plan_blocks import (
    Block,
    Part,
    Shown,
    arithmetic,
    facts_line,
    formula_lines,
    more_lines,
    parts,
    sections,
)
from convviz.report.plan_text import MOST

SETS = 8  # looks of sets that share statistics; with more of them they come again
DASHES = ("solid", "dashed", "dotted", "double")  # the second cue beside colour


def html(plan: Plan, most: int | None = MOST) -> str:
    """The plan as a fragment of HTML that looks right in a notebook, on light and on dark."""
    out = [f'<div class="convviz plan"><style>{css()}</style>', f"<h3>{escape(plan.title)}</h3>"]
    out += [f"<p>{escape(facts_line(plan))}</p>"] if plan.facts else []
    out += [f"<p>{escape(line)}</p>" for line in formula_lines(plan)]
    out.append('<div class="panels">')
    for part in parts(plan):
        out.append(f'<figure class="{escape(part.role)}"><figcaption>{escape(part.title)}</figcaption>')
        out += [*panel(part), "</figure>"]
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


def panel(part: Part) -> list[str]:
    """The tables of a panel."""
    if part.layout == "table":
        return [headed(part.blocks[0])]
    found = tables(part.blocks, part.layout == "blocks")
    if part.layout == "batch":
        widest = max((len(s.text) for block in part.blocks for row in block.rows for s in row), default=1)
        style = f"--wide:{widest}ch;grid-template-columns:repeat({len(part.samples)},max-content)"
        return [f'<div class="batch" style="{style}">', *found, "</div>"]
    return found


def cells(row: tuple[Shown, ...]) -> str:
    return "".join(cell(shown) for shown in row)


def cell(shown: Shown) -> str:
    """A cell, with the class and the name of the set that it belongs to."""
    if shown.set is None:
        return f'<td class="{shown.kind}">{escape(shown.text)}</td>'
    return f'<td class="{shown.kind} set set-{shown.set % SETS}" title="set {shown.set}">{escape(shown.text)}</td>'


def headed(block: Block) -> str:
    """A table whose first row is its heading; words on the left, numbers on the right."""
    head, *rows = block.rows
    top = "".join(f"<th>{escape(shown.text)}</th>" for shown in head)
    found = []
    for row in rows:
        name, *values = row or (Shown(""),)
        mark = f"{name.set}: " if name.set is not None else ""
        found.append(f"<tr><th>{escape(mark + name.text)}</th>{cells(tuple(values))}</tr>")
    return f'<table class="facts"><thead><tr>{top}</tr></thead><tbody>{"".join(found)}</tbody></table>'


def tables(found: Sequence[Block], joined: bool) -> list[str]:
    """A table for each block; joined: named rows together in one."""
    if joined and len(found) > 1 and all(len(block.rows) == 1 for block in found):
        named = (f"<tr><th>{escape(block.label)}</th>{cells(block.rows[0])}</tr>" for block in found)
        return [f"<table><tbody>{''.join(named)}</tbody></table>"]
    out = []
    for block in found:
        label = block.label + "".join(f" · set {k}" for k in marks(block)[:2])
        caption = f"<caption>{escape(label)}</caption>" if label else ""
        rows = "".join(f"<tr>{cells(row)}</tr>" for row in block.rows)
        out.append(f"<table>{caption}<tbody>{rows}</tbody></table>")
    return out


def marks(block: Block) -> list[int]:
    """The sets that the cells of a block belong to."""
    return sorted({shown.set for row in block.rows for shown in row if shown.set is not None})


def code(step: Step) -> str:
    done = arithmetic(step)
    return f"<br><code>{escape(done)}</code>" if done else ""


def css() -> str:
    """Edges only, which show on any paper: solid for inputs, thick for kernels, round outputs, dashed padding.

    Sets have a tint that lets the paper through and a line below each cell, whose dashes tell them apart in grey.
    """
    roles = theme.LIGHT.roles
    looks = []
    for k in range(SETS):
        colour = theme.LIGHT.deep(k / (SETS - 1))
        looks.append(
            f".convviz.plan td.set-{k}{{background:{colour}38;border-bottom:3px {DASHES[k % len(DASHES)]} {colour}}}"
        )
    return (
        ".convviz.plan .panels{display:flex;flex-wrap:wrap;gap:1.2em;align-items:flex-start}"
        ".convviz.plan .batch{display:grid;gap:.1em 1em;align-items:start}"
        ".convviz.plan figure{margin:.4em 0}"
        ".convviz.plan figcaption{font-weight:600;font-size:.9em}"
        ".convviz.plan table{border-collapse:separate;border-spacing:2px;margin:.2em 0;font-size:.85em}"
        ".convviz.plan caption,.convviz.plan th{text-align:left;font-size:.9em;white-space:nowrap}"
        ".convviz.plan th{font-weight:400;padding-right:.6em}"
        ".convviz.plan thead th{font-weight:600;vertical-align:bottom}"
        ".convviz.plan td{text-align:right;padding:.1em .4em;font-variant-numeric:tabular-nums;"
        "border:1px solid transparent;white-space:nowrap}"
        f".convviz.plan .input td{{border-color:{roles['input'].edge}}}"
        f".convviz.plan .kernel td{{border-color:{roles['kernel'].edge};border-width:2px}}"
        f".convviz.plan .output td{{border-color:{roles['output'].edge};border-radius:.5em}}"
        ".convviz.plan .batch td{min-width:var(--wide)}"  # columns of all maps are as wide as the longest number
        ".convviz.plan .facts td{border-color:transparent;border-radius:0}"
        ".convviz.plan .facts td.words{text-align:left}"
        f".convviz.plan td.padding{{border:1px dashed {roles['padding'].edge};opacity:.8}}"
        ".convviz.plan td.cut{border-color:transparent}"
        + "".join(looks)
        + ".convviz.plan summary{font-weight:600}"
        ".convviz.plan ol{margin:.2em 0}"
        ".convviz.plan li,.convviz.plan p{overflow-wrap:anywhere}"
    )
