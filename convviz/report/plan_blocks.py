"""What is written of a plan, whatever the format: its panels as rows of cells, formulas in a line, steps by section."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Literal, NamedTuple

from convviz.plan.model import Cell, Curve, Grid, Matrix, Number, Panel, Plan, Step
from convviz.plan.model import Table as Facts
from convviz.plan.words import TIMES, count, number, position, size

WIDE = 24  # cells of a row, and rows of a grid
BLOCKS = 8  # channels of a grid; of a batch samples, and channels
TOLD = ("Shared", "In use")  # sections whose steps tell which cells share statistics


class Shown(NamedTuple):
    """A cell as it is written; kind: real, padding, empty (no value), words, or cut (some are left out).

    set: the number of the set of cells that it belongs to.
    """

    text: str
    kind: str = "real"
    set: int | None = None


class Block(NamedTuple):
    """Rows of cells under one another, such as one channel of a map."""

    label: str
    rows: tuple[tuple[Shown, ...], ...]


class Part(NamedTuple):
    """A panel, or several that belong together, as it is written.

    layout: ``blocks`` under one another; ``table``, one block whose first row is a heading; ``batch``, a block for each
    map, in rows of ``samples`` (the names of the samples).
    """

    title: str
    role: str
    layout: Literal["blocks", "table", "batch"]
    blocks: tuple[Block, ...]
    samples: tuple[str, ...] = ()


CUT = Shown("…", "cut")


def parts(plan: Plan, most: int = BLOCKS) -> list[Part]:
    """All panels, after the last step; statistics of the same sets are columns of one table.

    most: samples and channels of a batch that are shown.
    """
    sets = sets_of(plan)
    found: list[Part] = []
    done: set[str] = set()
    for panel in plan.panels:
        if panel.key in done:
            continue
        if isinstance(panel, Grid) and panel.batched and len(panel.shape) > 2:
            found.append(batch(plan, panel, sets, most))
        elif isinstance(panel, Grid) and len(together := alike(plan, panel)) > 1:
            found.append(statistics(plan, together, most))
            done |= {grid.key for grid in together}
        else:
            layout: Literal["blocks", "table"] = "table" if isinstance(panel, Facts) else "blocks"
            role = panel.role if isinstance(panel, Grid) else "facts"
            found.append(Part(heading(panel), role, layout, tuple(blocks(plan, panel, sets=sets))))
    return found


def sets_of(plan: Plan) -> dict[Cell, int]:
    """For each cell of the input the number of the set that it shares statistics with."""
    starts = [step for step in plan.steps if step.section in TOLD]
    return {cell: i for i, step in enumerate(starts) for mark in step.marks for cell in mark.cells}


# -- batches and statistics -----------------------------------------------------------------------------
def batch(plan: Plan, grid: Grid, sets: Mapping[Cell, int], most: int = BLOCKS) -> Part:
    """A block for each map of a batch, channel by channel, the samples side by side."""
    values = plan.shown(grid.key)
    samples, channels, *space = grid.shape
    *outer, height, width = space if len(space) > 1 else [1, *space]
    found = []
    places = [(c, *rest) for c in range(min(channels, most)) for rest in product(*map(range, outer))]
    for place in places:
        for n in range(min(samples, most)):
            rows = []
            for y in range(min(height, WIDE + 1)):
                start = (n, *place, y)[: len(grid.shape) - 1]
                row = [shown(grid, values, (*start, x), sets) for x in range(min(width, WIDE + 1))]
                rows.append(tuple(cut(row, CUT)))
            found.append(Block(head_name(grid, (n, *place)), tuple(cut(rows, (CUT,)))))
    left = samples * channels - min(samples, most) * min(channels, most)
    title = heading(grid) + (f" ({left:,} more maps are left out)" if left else "")
    return Part(title, grid.role, "batch", tuple(found), grid.channels[:most])


def alike(plan: Plan, panel: Grid) -> list[Grid]:
    """The vectors that have a number for each of the same sets."""
    if len(panel.shape) != 1 or not panel.channels:
        return [panel]
    grids = [other for other in plan.panels if isinstance(other, Grid)]
    return [grid for grid in grids if grid.channels == panel.channels and grid.shape == panel.shape]


def statistics(plan: Plan, grids: list[Grid], most: int) -> Part:
    """The statistics of each set in a row."""
    values = [plan.shown(grid.key) for grid in grids]
    rows = [(Shown(""), *(Shown(grid.title) for grid in grids))]
    for i, name in enumerate(grids[0].channels):
        rows.append(
            (Shown(name, set=i), *(Shown(number(v[i,]), set=i) if (i,) in v else Shown("·") for v in values))
        )
    return Part("statistics", grids[0].role, "table", (Block("", tuple(cut(rows, (CUT,)))),))


# -- other panels ---------------------------------------------------------------------------------------
def blocks(
    plan: Plan, panel: Panel, most: int = BLOCKS, sets: Mapping[Cell, int] | None = None
) -> list[Block]:
    """A panel as rows of numbers, after the last step; of a grid at most so many channels."""
    if isinstance(panel, Grid):
        same = panel.shape == plan.panels[0].shape if isinstance(plan.panels[0], Grid) else False
        return grid_blocks(panel, plan.shown(panel.key), most, sets if same and sets else {})
    if isinstance(panel, Matrix):
        return [matrix_block(panel)]
    if isinstance(panel, Facts):
        head = tuple(Shown(column) for column in panel.columns)
        body = (tuple(word(value) for value in row) for row in panel.rows)
        return [Block("", tuple(cut([head, *body], ())))]
    return [curve_block(panel)]


def word(value: str | Number | None) -> Shown:
    if isinstance(value, str):
        return Shown(value, "words")
    return Shown("" if value is None else number(value))


def grid_blocks(
    grid: Grid, values: Mapping[Cell, Number], most: int, sets: Mapping[Cell, int]
) -> list[Block]:
    """A block for each channel of a map; rows and vectors in one block, unless each has a name."""
    if len(grid.shape) > 2:
        return map_blocks(grid, values, most, sets)
    if len(grid.shape) == 2:
        (before, after) = grid.pads[0] if grid.pads else (0, 0)
        cells: list[list[Cell]] = [
            [(r, c) for c in range(-before, grid.shape[1] + after)] for r in range(grid.shape[0])
        ]
    elif grid.channels:
        cells = [[(i,)] for i in range(grid.shape[0])]
    else:
        cells = [[(i,) for i in range(grid.shape[0])] if grid.shape else [()]]
    rows = [tuple(cut([shown(grid, values, cell, sets) for cell in row], CUT)) for row in cells[: WIDE + 1]]
    if len(grid.channels) == len(cells):
        found = [Block(name, (row,)) for name, row in zip(grid.channels, rows, strict=False)]
        return cut(found, Block("more", ((CUT,),)))
    return [Block("", tuple(cut(rows, (CUT,))))]


def map_blocks(grid: Grid, values: Mapping[Cell, Number], most: int, sets: Mapping[Cell, int]) -> list[Block]:
    """A block for each channel, and in three axes for each slice of it."""
    pads = grid.pads or ((0, 0),) * (len(grid.shape) - 1)
    *outer, ys, xs = (range(-b, n + a) for n, (b, a) in zip(grid.shape[1:], pads, strict=True))
    heads = [(c, *rest) for c in range(grid.shape[0]) for rest in product(*outer)]
    found = []
    for head in heads[:most]:
        rows = [
            tuple(cut([shown(grid, values, (*head, y, x), sets) for x in xs[: WIDE + 1]], CUT))
            for y in ys[: WIDE + 1]
        ]
        found.append(Block(head_name(grid, head), tuple(cut(rows, (CUT,)))))
    if len(heads) > most:
        found.append(Block(f"… {len(heads) - most:,} more", ()))
    return found


def head_name(grid: Grid, head: Cell) -> str:
    """``channel 0``, or what the plan calls it."""
    first, *rest = head
    name = grid.channels[first] if first < len(grid.channels) else f"channel {first}"
    if grid.batched and rest:
        channel, *rest = rest
        name = f"{name}, channel {channel}"
    return ", ".join([name, *(f"slice {number(i)}" for i in rest)])


def shown(grid: Grid, values: Mapping[Cell, Number], cell: Cell, sets: Mapping[Cell, int]) -> Shown:
    """A cell of a grid: padding in brackets, a point where there is no number."""
    inside = all(0 <= i < n for i, n in zip(cell, grid.shape, strict=True))
    if not inside:
        value = grid.outside.get(cell, 0)
        return Shown("[ ]" if value is None else f"[{number(value)}]", "padding")
    if cell not in values:
        return Shown("0" if grid.stuffed else "·", "real" if grid.stuffed else "empty")
    return Shown(number(values[cell]), set=sets.get(cell))


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


# -- words ----------------------------------------------------------------------------------------------
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
        found = [part for part in (formula.symbols, formula.numbers, formula.result) if part]
        note = f" ({formula.note})" if formula.note else ""
        lines.append(f"{formula.about}: {' = '.join(dict.fromkeys(found))}{note}")
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


def more_lines(more: int) -> list[str]:
    return [f"  … and {more:,} more like these"] if more else []
