"""Panels that have been laid out, drawn at the steps of a picture: states, shades, rays from what is read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.figures import cells as draw
from convviz.figures import facts, matrix, panels
from convviz.figures.arrange import LEADING, NAMES, TITLE, Block, Layout, panel_of, titles, too_large
from convviz.figures.cells import Box
from convviz.figures.channels import Shape
from convviz.figures.facts import TableShape
from convviz.figures.key import WORDS
from convviz.figures.matrix import MatrixShape
from convviz.figures.panels import State
from convviz.plan import words
from convviz.plan.model import Cell, Grid, Matrix, Plan, Step
from convviz.theme import Theme

# What the sheets of a grid are called.
SHEETS = {
    "input": "channels of the input",
    "kernel": "slices of the weights",
    "output": "channels of the output",
}

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def paint(ax: Axes, layout: Layout, plan: Plan, at: Sequence[int], look: Theme) -> None:
    """Draw all panels that have been placed, each at the step of its section, and the rays between them."""
    shades = identities(plan, look)
    for block in layout.blocks:
        title(ax, block, layout, look)
        if isinstance(block, Shape):
            state = State.of(plan, block.grid.key, moment(plan, block.grid.key, at))
            panels.paint(ax, block, state, look, shades=shades.get(block.grid.key))
            continue
        marked = {
            cell
            for i in at
            for mark in plan.steps[i].marks
            if mark.panel == block.panel.key
            for cell in mark.cells
        }
        if isinstance(block, MatrixShape):
            matrix.paint(ax, block, {(cell[0], cell[1]) for cell in marked if len(cell) > 1}, look)
        elif isinstance(block, TableShape):
            facts.paint_table(ax, block, {cell[0] for cell in marked if cell}, look)
        else:
            facts.paint_curve(ax, block, look)
    for i in at:
        for start, end in beams(plan, i, layout):
            draw.beam(ax, start, end, look["active"].edge, upright=layout.named)


def title(ax: Axes, block: Block, layout: Layout, look: Theme) -> None:
    """A panel's title above it; in a stack on its left."""
    role = panel_of(block)
    colour = themes.mix(look[role.role].edge, look.ink, 0.45) if isinstance(role, Grid) else look.ink
    if layout.named and isinstance(block, Shape):
        lines = draw.wrap(block.grid.title, NAMES, TITLE, bold=True)
        y = block.box.centre[1] - (len(lines) - 1) * LEADING / 2
        for i, line in enumerate(lines):
            draw.write(ax, layout.left, y + i * LEADING, line, colour, size=TITLE, bold=True)
        return
    lines = titles(block, layout.side)
    for i, line in enumerate(lines):
        draw.write(
            ax,
            block.box.x,
            block.box.y - 11 - (len(lines) - 1 - i) * LEADING,
            line,
            colour,
            size=TITLE,
            bold=True,
        )


def moment(plan: Plan, key: str, at: Sequence[int]) -> int | None:
    """The step whose state a panel shows: the one that marks it, else the last of those shown."""
    own = [i for i in at if any(mark.panel == key for mark in plan.steps[i].marks)]
    return own[-1] if own else (max(at) if at else None)


def identities(plan: Plan, look: Theme) -> dict[str, dict[Cell, str]]:
    """Shades by which an input channel is known again in the output, where an op copies cells between channels."""
    copies: list[tuple[Step, str, Cell]] = []
    for step in plan.steps:
        if step.work is None or step.work.how != "copy" or len(step.work.terms) != 1:
            return {}
        copies.append((step, step.work.terms[0].panel, step.work.terms[0].cell))
    sources = {panel for _, panel, _ in copies}
    panel = plan[next(iter(sources))] if len(sources) == 1 else None
    if not isinstance(panel, Grid) or len(panel.shape) < 2 or not 1 < panel.shape[0] <= 12:
        return {}
    last = panel.shape[0] - 1
    colours = [themes.mix(look.paper, look.deep(i / last), 0.4) for i in range(last + 1)]
    found: dict[str, dict[Cell, str]] = {panel.key: {cell: colours[cell[0]] for cell in panel.values or {}}}
    for step, _, cell in copies:
        for write in step.writes:
            found.setdefault(write.panel, {})[write.cell] = colours[cell[0]]
    return found


# -- rays --------------------------------------------------------------------------------------------------
def beams(plan: Plan, at: int, layout: Layout) -> list[tuple[Box, Box]]:
    """The boxes between which rays run at a step: read -> weights -> written, or read -> written.

    There are none where they would run backwards or across a panel that has nothing to do with them.
    """
    shapes = {block.grid.key: block for block in layout.blocks if isinstance(block, Shape)}
    step = plan.steps[at]
    read, weight, to = (_marked(step, kind) for kind in (("read",), ("weight",), ("written", "fed")))
    for write in step.writes:
        to.setdefault(write.panel, []).append(write.cell)
    terms = step.work.terms if step.work is not None else ()
    used = {term.weight for term in terms if term.weight is not None}
    weight = {key: cells for key, cells in weight.items() if used & set(cells)}
    key = next(iter(weight), None)
    found = []
    for end in to:
        for start in read:
            routes = [(start, key, end), (start, end)] if key is not None else [(start, end)]
            for route in routes:
                if _clear(route, layout, shapes):
                    cells = {start: read[start], end: to[end]} | (
                        {key: weight[key]} if key is not None else {}
                    )
                    for a, b in pairwise(route):
                        ends_of = [shapes[panel].boxes(cells[panel]) for panel in (a, b)]
                        if (
                            layout.named
                        ):  # the channels of a row lie close together: one window for all of them
                            ends_of = [[Box.around(boxes)] if boxes else [] for boxes in ends_of]
                        found += _joined(*ends_of)
                    break
    return list(dict.fromkeys(found))


def _marked(step: Step, kinds: Sequence[str]) -> dict[str, list[Cell]]:
    found: dict[str, list[Cell]] = {}
    for mark in step.marks:
        if mark.mark in kinds:
            found.setdefault(mark.panel, []).extend(mark.cells)
    return found


def _clear(route: Sequence[str], layout: Layout, shapes: dict[str, Shape]) -> bool:
    """Whether rays along a route run from input to output, from one panel to the next one."""
    if any(key not in shapes for key in route):
        return False
    for a, b in pairwise(shapes[key] for key in route):
        if layout.named:
            order = [block for block in layout.blocks if isinstance(block, Shape)]
            if order.index(a) - order.index(b) != 1:
                return False
            continue
        row = next((row for row in layout.rows if any(a in column.blocks for column in row.columns)), None)
        if row is None:
            return False
        places = [i for i, column in enumerate(row.columns) for block in (a, b) if block in column.blocks]
        if len(places) != 2 or a.box.right >= b.box.x:
            return False
        between = [block for column in row.columns[places[0] + 1 : places[1]] for block in column.blocks]
        corridor = Box.around([a.box, b.box])
        if any(block.box.y < corridor.bottom and block.box.bottom > corridor.y for block in between):
            return False
    return True


def _joined(starts: list[Box], ends: list[Box]) -> list[tuple[Box, Box]]:
    """One to one where there are as many of both, else all of the fewer with each of the others."""
    if len(starts) == len(ends):
        return list(zip(starts, ends))
    if not starts or not ends:
        return []
    if len(ends) == 1:
        return [(start, ends[0]) for start in starts]
    if len(starts) == 1:
        return [(starts[0], end) for end in ends]
    return [(Box.around(starts), Box.around(ends))]


# -- what the key has to explain ---------------------------------------------------------------------------
def cues(layout: Layout, plan: Plan, at: Sequence[int]) -> list[str]:
    """Each cue that occurs in the picture, in the order of the key."""
    found: set[str] = set()
    for block in layout.blocks:
        if isinstance(block, MatrixShape):
            found.add("entry")
        if isinstance(block, Shape):
            found |= panels.cues(block, State.of(plan, block.grid.key, moment(plan, block.grid.key, at)))
    if identities(plan, themes.LIGHT):
        found.add("identity")
    return [cue for cue in WORDS if cue in found]


def remarks(layout: Layout, plan: Plan, at: Sequence[int]) -> list[str]:
    """What the picture leaves out."""
    front, lost = [], []
    for block in layout.blocks:
        if isinstance(block, Shape):
            if block.hidden:
                front.append(f"one of {block.hidden + 1:,} {SHEETS[block.grid.role]}")
            state = State.of(plan, block.grid.key, moment(plan, block.grid.key, at))
            if state.values and panels.number_size(block, state) is None:
                lost.append(block.grid.title)
        elif isinstance(block, MatrixShape) and matrix.number_size(block) is None:
            lost.append(panel_of(block).title)
    found = [f"In front: {words.listing(front)}."] if front else []
    for panel in plan.panels:
        if isinstance(panel, Matrix) and too_large(panel):
            found.append(f"The {panel.title} is too large to be drawn.")
    if lost:
        found.append(f"Too small for numbers, a stronger shade is a larger one: {'; '.join(lost)}.")
    return found
