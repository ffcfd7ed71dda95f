"""Where the panels of a plan stand: from input to output left to right, or bottom to top where maps are single rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from convviz.errors import ConvvizError
from convviz.figures import cells as draw
from convviz.figures import matrix
from convviz.figures.channels import STACK, Shape, shape_of, turned
from convviz.figures.facts import CurveShape, TableShape
from convviz.figures.matrix import MatrixShape
from convviz.plan.model import Cell, Grid, Matrix, Panel, Plan, Table
from convviz.plan.telling import apart

TITLE = 9.6  # points of a panel's title
LEADING = 12.0  # points from line to line of a title
ROOM = 96.0  # points that a title may take over a narrower panel
LARGE, LEGIBLE, SMALL = 28, 20, 4  # points of a cell's side
BETWEEN = 50.0  # points between two columns, room for rays
APART = 22.0  # points between two rows of panels
BELOW = 12.0  # points between two panels of a column
LEAST = 12.0  # points below the panels
NAMES = 130.0  # points that the titles of a stack may take
MOST = 20_000  # cells of one picture
ENTRIES = 8_000  # places of a matrix; a larger one is left out
TOGETHER = 4  # panels of a column

Block = Shape | MatrixShape | TableShape | CurveShape


@dataclass(frozen=True)
class Room:
    """Points that panels may take. wider: with what stands on their right; taller: where cells would be small or rows
    are several. across: channels may lie beside each other where that makes their cells larger. sheets: channels of a
    panel that are shown one by one; of more, one lies in front.
    """

    wide: float
    wider: float
    tall: float
    taller: float
    across: bool = False
    sheets: int = STACK


PAGE = Room(800.0, 880.0, 600.0, 780.0)


def panel_of(block: Block) -> Panel:
    return block.grid if isinstance(block, Shape) else block.panel


def titles(block: Block, side: float) -> list[str]:
    """A panel's title in lines about as wide as the panel."""
    return draw.wrap(panel_of(block).title, max(block.size(side)[0], ROOM), TITLE, bold=True)


def title_width(block: Block, side: float) -> float:
    return max((draw.width_of(line, TITLE, bold=True) for line in titles(block, side)), default=0.0)


def head(block: Block, side: float) -> float:
    """Points above a panel for its title."""
    return len(titles(block, side)) * LEADING + 5


@dataclass
class Column:
    """Panels below each other, each with its title above."""

    blocks: list[Block]

    def width(self, side: float) -> float:
        return max(max(block.size(side)[0], title_width(block, side)) for block in self.blocks)

    def height(self, side: float) -> float:
        """Without the first title."""
        rest = sum(head(block, side) + BELOW for block in self.blocks[1:])
        return sum(block.size(side)[1] for block in self.blocks) + rest

    def place(self, x: float, y: float, side: float) -> None:
        for i, block in enumerate(self.blocks):
            y += (head(block, side) + BELOW) * (i > 0)
            block.place(x, y, side)
            y += block.size(side)[1]


@dataclass
class Row:
    """Columns side by side; in a stack there is one panel, its title on its left in ``named`` points."""

    columns: list[Column]
    named: float = 0.0
    between: float = BETWEEN

    def head(self, side: float) -> float:
        return 0.0 if self.named else max(head(column.blocks[0], side) for column in self.columns)

    def width(self, side: float) -> float:
        if self.named:
            return self.named + self.columns[0].blocks[0].size(side)[0]
        return sum(column.width(side) for column in self.columns) + self.between * (len(self.columns) - 1)

    def height(self, side: float) -> float:
        return self.head(side) + max(column.height(side) for column in self.columns)


@dataclass
class Layout:
    """The panels of a picture in rows, what stands on the right of them all, and the size of a cell."""

    rows: list[Row]
    side: float
    apart: float = APART
    aside: Column | None = None
    left: float = 0.0  # where the rows begin, once they are placed

    @property
    def main(self) -> float:
        """Points that the rows are wide."""
        return max((row.width(self.side) for row in self.rows), default=0.0)

    @property
    def width(self) -> float:
        return self.main + (self.aside.width(self.side) + BETWEEN if self.aside else 0.0)

    @property
    def tall(self) -> float:
        """Points that the rows are high."""
        return sum(row.height(self.side) for row in self.rows) + self.apart * max(len(self.rows) - 1, 0)

    @property
    def height(self) -> float:
        beside = Row([self.aside]).height(self.side) if self.aside else 0.0
        return max(self.tall, beside) + LEAST if self.rows else 0.0

    @property
    def blocks(self) -> list[Block]:
        columns = [column for row in self.rows for column in row.columns] + (
            [self.aside] if self.aside else []
        )
        return [block for column in columns for block in column.blocks]

    @property
    def named(self) -> bool:
        """Whether titles stand on the left of the grids."""
        return any(row.named for row in self.rows)

    def spread(self, width: float) -> None:
        """Let columns stand further apart where the page is wider than they need."""
        most = max((len(row.columns) for row in self.rows), default=1)
        if most > 1 and not self.named:
            more = min(max((width - self.width) / (most - 1), 0.0), BETWEEN)
            for row in self.rows:
                row.between = BETWEEN + more

    def place(self, x: float, y: float) -> None:
        """Rows below each other from (x, y); a stack is centred, so that what is read lies below what it gives."""
        self.left = x
        if self.aside:
            self.aside.place(x + self.main + BETWEEN, y + Row([self.aside]).head(self.side), self.side)
        for row in self.rows:
            above, high = row.head(self.side), row.height(self.side)
            at = x + row.named
            for column in row.columns:
                room = self.main - row.named - column.blocks[0].size(self.side)[0]
                shift = room / 2 if row.named else 0.0
                column.place(at + shift, y + above + (high - above - column.height(self.side)) / 2, self.side)
                at += column.width(self.side) + row.between
            y += high + self.apart


# -- choosing rows and the size of a cell ------------------------------------------------------------------
def arrange(plan: Plan, at: Sequence[int], largest: int = LARGE, room: Room = PAGE) -> Layout:
    """The layout of a plan's panels at some steps; raises ConvvizError for more cells than a picture can show."""
    front: dict[str, list[Cell]] = {}
    for i in at:
        for mark in plan.steps[i].marks:
            front.setdefault(mark.panel, []).extend(mark.cells)
    best: tuple[Layout, list[Block]] | None = None
    for across in (False, True) if room.across else (False,):
        blocks = [block_of(plan, panel, front, room) for panel in plan.panels if shown(panel)]
        check_size(plan, blocks)
        grids = [block for block in blocks if isinstance(block, Shape)]
        if across and not turned(grids):
            break
        layout = of_grids(plan, grids, largest, room)
        if best is None or layout.side > best[0].side:
            best = layout, [block for block in blocks if not isinstance(block, Shape)]
    assert best is not None
    return with_others(*best, room)


def of_grids(plan: Plan, grids: list[Shape], largest: int, room: Room) -> Layout:
    """The layout of the grids alone."""
    align(plan, grids)
    stack = (
        grids and all(shape.flat for shape in grids) and any(len(shape.grid.shape) == 2 for shape in grids)
    )
    layout = stacked(grids, largest, room) if stack else side_by_side(plan, grids, largest, room)
    if len(layout.rows) > 1 and not stack:
        align_rows(plan, layout)
    return layout


def shown(panel: Panel) -> bool:
    """Whether a panel has anything to show."""
    if isinstance(panel, Matrix):
        return not too_large(panel)
    return not (isinstance(panel, Grid) and any(n == 0 for n in panel.shape))


def too_large(panel: Matrix) -> bool:
    """Whether the entries of a matrix would be points at best."""
    return len(panel.rows) * len(panel.columns) > ENTRIES


def block_of(plan: Plan, panel: Panel, front: dict[str, list[Cell]], room: Room = PAGE) -> Block:
    if isinstance(panel, Grid):
        return shape_of(plan, panel, front.get(panel.key, ()), room.sheets)
    if isinstance(panel, Matrix):
        return MatrixShape(panel)
    if isinstance(panel, Table):
        return TableShape(panel, room.wide)
    shape = CurveShape(panel)
    return CurveShape(panel, min(shape.wide, room.wide), min(shape.tall, room.taller - 2 * LEADING))


def check_size(plan: Plan, blocks: Iterable[Block]) -> None:
    """Raises ConvvizError, before anything is drawn, where cells would be too many."""
    count = 0
    for block in blocks:
        if isinstance(block, Shape):
            count += sum(len(sheet.rows) * len(sheet.columns) for sheet in block.sheets)
    if count > MOST:
        raise ConvvizError(
            f"the picture would have {count:,} cells, at most {MOST:,}; draw it on a smaller --input",
            plan.name,
        )


def align(plan: Plan, shapes: Sequence[Shape]) -> None:
    """Let the sheets of panels that one op reads, multiplies and fills stand in the same rows."""
    by_key = {shape.grid.key: shape for shape in shapes}
    for stage in plan.stages:
        keys = (*stage.reads, *([stage.weight] if stage.weight else []), stage.writes)
        found = [by_key[key] for key in keys if key in by_key]
        counts = [1 + max(sheet.slot[0] for sheet in shape.sheets) for shape in found]
        if not found or counts[0] < 2:
            continue
        same = [shape for shape, count in zip(found, counts) if count == counts[0]]
        pitch = max(max(shape.pitch, *(len(sheet.rows) for sheet in shape.sheets)) for shape in same)
        lines = max(max(shape.lines, *(len(sheet.label) for sheet in shape.sheets)) for shape in same)
        for shape in same:
            shape.pitch, shape.lines = pitch, lines


def align_rows(plan: Plan, layout: Layout) -> None:
    """Align only what stands in one row."""
    for row in layout.rows:
        shapes = [block for column in row.columns for block in column.blocks if isinstance(block, Shape)]
        for shape in shapes:
            shape.pitch = shape.lines = 0
        align(plan, shapes)


def stacked(grids: list[Shape], largest: int, room: Room = PAGE) -> Layout:
    """Input at the bottom, output on top."""
    for side in range(largest, SMALL - 1, -1):
        lines = [line for shape in grids for line in draw.wrap(shape.grid.title, NAMES, TITLE, bold=True)]
        named = 14 + max((draw.width_of(line, TITLE, bold=True) for line in lines), default=0.0)
        found = Layout([Row([Column([shape])], named) for shape in reversed(grids)], side, APART * 1.6)
        low = found.tall <= room.taller if room.across else found.height <= room.tall * 1.4
        if found.width <= room.wide and low:
            break
    return found


def side_by_side(plan: Plan, grids: list[Shape], largest: int, room: Room = PAGE) -> Layout:
    """In one row if its cells are legible, else in as few rows as give large ones."""
    best: Layout | None = None
    breaks = apart(plan)
    for count, tall in ((1, room.tall), (1, room.taller), *((n, room.taller) for n in (2, 3, 4, 6, 8))):
        for side in range(largest, SMALL - 1, -1):
            found = Layout(packed(grids, side, breaks, room), side)
            if len(found.rows) <= count and found.width <= room.wide and found.tall <= tall:
                if best is None or side > best.side * 1.25:
                    best = found
                break
        if best is not None and best.side >= min(LEGIBLE, largest):
            break
    return best or Layout(packed(grids, SMALL, breaks, room), SMALL)


def packed(grids: list[Shape], side: float, breaks: set[str], room: Room = PAGE) -> list[Row]:
    """Panels in rows of at most ``room.wide`` points; each of ``breaks`` begins a new one."""
    rows: list[Row] = []
    final = next((shape for shape in reversed(grids) if shape.grid.role == "output"), None)
    for shape in grids:
        last = rows[-1] if rows else None
        if last is None or shape.grid.key in breaks:
            rows.append(Row([Column([shape])]))
        elif together(last.columns[-1], shape) and shape is not final:
            last.columns[-1].blocks.append(shape)
        elif Row([*last.columns, Column([shape])]).width(side) <= room.wide:
            last.columns.append(Column([shape]))
        else:
            rows.append(Row([Column([shape])]))
    return rows


def together(column: Column, shape: Shape) -> bool:
    """Whether a grid stands below another: several inputs, a weight and its bias, statistics of the same cells."""
    above = column.blocks[-1]
    if not isinstance(above, Shape) or above.grid.role != shape.grid.role or len(column.blocks) >= TOGETHER:
        return False
    if shape.grid.role == "output":
        return len(above.grid.shape) < 2 and len(shape.grid.shape) < 2
    return not shape.grid.stuffed


def with_others(layout: Layout, others: Sequence[Block], room: Room = PAGE) -> Layout:
    """Matrices, tables and curves: on the right where there is room, else below."""
    for block in others:
        left = room.wider - layout.main - BETWEEN
        if isinstance(block, MatrixShape):
            block.wide, block.tall = left, max(layout.tall - 20, room.tall * 0.7)
            fits = left > 60 and block.side >= matrix.LEGIBLE
        else:
            wide, tall = block.size(layout.side)
            fits = max(wide, title_width(block, layout.side)) <= left and tall <= max(layout.tall, 160)
        if layout.rows and layout.aside is None and fits:
            layout.aside = Column([block])
            continue
        if layout.aside is not None and not isinstance(block, MatrixShape) and fits:
            longer = Column([*layout.aside.blocks, block])
            if Row([longer]).height(layout.side) <= max(layout.tall * 1.25, 300):
                layout.aside = longer
                continue
        if isinstance(block, MatrixShape):
            block.wide = max(room.wide, layout.width)
        last = layout.rows[-1] if layout.rows else None
        free = last is not None and not any(
            isinstance(b, Shape) for column in last.columns for b in column.blocks
        )
        if (
            last is not None
            and free
            and Row([*last.columns, Column([block])]).width(layout.side) <= room.wide
        ):
            last.columns.append(Column([block]))
        else:
            layout.rows.append(Row([Column([block])]))
    return layout
