"""The marks of a step as objects, each under a key, so that the one of a step can glide to that of the next."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING

from convviz.scenes.stage import ink
from manim import VGroup, VMobject

from convviz import theme as themes
from convviz.figures import cells as draw
from convviz.figures import panels, scene
from convviz.figures.cells import Box
from convviz.figures.channels import Shape
from convviz.figures.facts import ROW, TableShape
from convviz.figures.matrix import MatrixShape
from convviz.figures.panels import THICK, State
from convviz.plan import words
from convviz.plan.model import Cell, Number

if TYPE_CHECKING:
    from convviz.scenes.stage.view import View

CHIP = 7.2  # points of a weight in the corner of a cell


def of(view: View, at: int) -> dict[Hashable, VMobject]:
    """The marks of a step on all panels that are shown, lowest first."""
    found: dict[Hashable, VMobject] = {}
    for i, (start, end) in enumerate(scene.beams(view.plan, at, view.layout)):
        found["beam", i] = ink.beam(
            start,
            end,
            view.look["active"].edge,
            upright=view.layout.named,
            between=panels_of(view, start, end),
        )
    for key, block in view.blocks.items():
        if isinstance(block, Shape):
            found |= on_grid(view, key, block, State.of(view.plan, key, at))
            continue
        cells = {cell for m in view.plan.steps[at].marks if m.panel == key for cell in m.cells}
        if isinstance(block, MatrixShape) and cells:
            pairs = [(cell[0], cell[1]) for cell in cells if len(cell) > 1]
            found["entries", key] = ink.outline(block.lattice, pairs, view.look["active"].edge, width=2.2)
        elif isinstance(block, TableShape) and cells:
            rows = sorted(cell[0] for cell in cells if cell)
            boxes = [
                Box(block.box.x - 4, block.box.y + ROW * (1 + r) + 0.8, block.box.width + 8, ROW - 1.6)
                for r in rows
            ]
            found["rows", key] = ink.tiles(boxes, edge=view.look["active"].edge, width=1.8)
    return found


def panels_of(view: View, *boxes: Box) -> tuple[Box, Box] | None:
    """The panels in which two boxes lie."""
    found = []
    for box in boxes:
        x, y = box.centre
        around = [
            b.box
            for b in view.blocks.values()
            if b.box.x <= x <= b.box.right and b.box.y <= y <= b.box.bottom
        ]
        found += around[:1]
    return (found[0], found[1]) if len(found) == 2 else None


def on_grid(view: View, key: str, shape: Shape, state: State) -> dict[Hashable, VMobject]:
    """The marks of one grid."""
    look = view.look
    found: dict[Hashable, VMobject] = {}
    active, muted, both = look["active"].edge, look["muted"], look["shared"]
    rounded = shape.grid.role == "output"
    written = state.written
    covers: list[tuple[str, VMobject]] = []
    if shared := boxes(shape, state.marked("shared")):
        tile = ink.tiles(shared, fill=both.fill, edge=both.edge, rounded=rounded, hatch=both.edge)
        again = numbers(view, key, shape, state.marked("shared"), halo=both.fill)
        covers.append(("shared", VGroup(tile, again)))
    if holes := boxes(shape, state.marked("hole")):
        lines = [((b.x, b.bottom), (b.right, b.y)) for b in holes]
        tile, line = (
            ink.tiles(holes, fill=muted.fill, edge=muted.edge),
            ink.strokes(lines, muted.edge, width=0.8),
        )
        again = numbers(view, key, shape, state.marked("hole"), faint=True, halo=muted.fill)
        covers.append(("hole", VGroup(tile, line, again)))
    if winners := boxes(shape, state.marked("winner")):
        tint = themes.mix(look.paper, active, 0.32)
        rings = [b.inset(shape.side * 0.1) for b in winners]
        covers.append(("winner", VGroup(ink.tiles(winners, fill=tint, rounded=rounded),
                                        ink.tiles(rings, edge=active, width=1.3, rounded=True),
                                        numbers(view, key, shape, state.marked("winner")))))  # fmt: skip
    for name, made in covers:
        found[name, key] = made
    for sheet in shape.sheets:
        lattice = shape.places[sheet.prefix]
        for name, cells, colour, width in (
            ("weight", state.marked("weight"), look["kernel"].edge, THICK + 0.3),
            ("read", state.marked("read", "fed") - written, active, THICK),
            ("written", written if len(written) > 1 else frozenset(), active, THICK),
        ):
            here = [at for prefix, at in map(shape.split, cells) if prefix == sheet.prefix]
            if here:
                found[name, key, sheet.prefix] = ink.outline(lattice, here, colour, width=width)
    if len(written) == 1 and (now := boxes(shape, written)):
        found["written", key, "one"] = ink.tiles(now, edge=active, width=THICK, rounded=rounded)
    return found


def boxes(shape: Shape, cells: Iterable[Cell]) -> list[Box]:
    """Where cells lie, those on hidden sheets left out."""
    return [box for cell in sorted(cells) if (box := shape.cell(cell)) is not None]


def numbers(
    view: View, key: str, shape: Shape, cells: Iterable[Cell], *, faint: bool = False, halo: str | None = None
) -> VMobject:
    """The numbers of cells once more, over something that covers them; ``halo``: a patch behind each one."""
    wanted = set(cells)
    size = panels.number_size(shape, view.state(key))
    if size is None:
        return VGroup()
    placed = [
        (box, told) for cell, box, told, _ in panels.told(shape, view.state(key).values) if cell in wanted
    ]
    colour = view.look.faint_ink if faint else view.look.ink
    made = ink.texts(
        [(*box.centre, told) for box, told in placed], colour, size=size, mono=True, align="center"
    )
    if halo is None or not placed:
        return made
    patches = []
    for box, told in placed:
        wide = draw.width_of(told, size, mono=True) + 2.4
        patches.append(Box(box.centre[0] - wide / 2, box.centre[1] - size * 0.52, wide, size * 1.04))
    return VGroup(ink.tiles(patches, fill=halo, rounded=True), made)


def cell(view: View, key: str, at: Cell, value: Number) -> VGroup:
    """One cell as its panel shows it: the tile, then its number where there is room for one."""
    shape, look = view.shape(key), view.look
    role = look[shape.grid.role]
    box = shape.cell(at)
    assert box is not None
    rounded = shape.grid.role == "output"
    box = box.inset(min(1.0, shape.side * 0.04) if rounded else 0.0)
    state = view.state(key)
    size = panels.number_size(shape, state)
    group = next((s.group for s in shape.sheets if s.prefix == shape.split(at)[0]), 0)
    part = None if size is not None else panels.scale(state)(value)
    fill = (view.shades.get(key) or {}).get(at) or panels.tint(look, shape.grid.role, group, part)
    line = themes.mix(role.fill or look.paper, role.edge, 0.55)
    tile = ink.tiles([box], fill=fill, edge=line, width=0.9 if shape.side >= 14 else 0.5, rounded=rounded)
    if size is None:
        return VGroup(tile)
    told = panels.short(value, draw.longest(shape.side))
    return VGroup(tile, ink.text(*box.centre, told, look.ink, size=size, mono=True, align="center"))


def chips(view: View, at: int) -> tuple[VGroup, VMobject, VMobject] | None:
    """The weights of a step as chips: what makes room for them in the cells, the chips on the kernel, in the cells.

    None where cells are too small, or cells and weights are not one to one.
    """
    step = view.plan.steps[at]
    terms = [
        t for t in (step.work.terms if step.work is not None else ()) if t.weight is not None and t.to is None
    ]
    pairs: list[tuple[Box, Box, str]] = []
    cover = VGroup()
    kernel = next((m.panel for m in step.marks if m.mark == "weight"), None)
    block = view.blocks.get(kernel) if kernel else None
    for key in dict.fromkeys(t.panel for t in terms):
        shape = view.blocks.get(key)
        if not isinstance(shape, Shape) or not isinstance(block, Shape):
            return None
        state = State.of(view.plan, key, at)
        if not panels.chips(shape, state):
            return None
        held = view.state(key)
        size = min(panels.number_size(shape, held) or 9.0, 9.0, shape.side * 0.36)
        mine = [t for t in terms if t.panel == key and t.cell in state.factors]
        placed = [(t, shape.cell(t.cell), block.cell(t.weight or ())) for t in mine]
        seen = [(t, a, b) for t, a, b in placed if a is not None and b is not None]
        tint = panels.tint(view.look, shape.grid.role)
        real = [a for t, a, _ in seen if not t.padding]
        empty = [a for t, a, _ in seen if t.padding]
        line = themes.mix(tint, view.look[shape.grid.role].edge, 0.55)
        if real:
            cover.add(ink.tiles(real, fill=tint, edge=line, width=0.9))
        if empty:
            cover.add(ink.tiles([b.inset(1.2) for b in empty], fill=view.look.paper))
        for padded, colour in ((False, view.look.ink), (True, view.look.faint_ink)):
            here = [(lifted(a), words.number(t.value)) for t, a, _ in seen if t.padding == padded]
            cover.add(
                ink.texts(
                    [(*b.centre, told) for b, told in here], colour, size=size, mono=True, align="center"
                )
            )
        pairs += [(a, b, words.number(t.factor)) for t, a, b in seen if t.factor is not None]
    if not pairs:
        return None
    edge = view.look["active"].edge
    cover.add(
        *(made.copy() for key, made in view.marks.items() if isinstance(key, tuple) and key[0] == "read")
    )
    return (
        cover,
        placed_chips(view, [(b, told) for _, b, told in pairs], edge),
        placed_chips(view, [(a, told) for a, _, told in pairs], edge),
    )


def lifted(box: Box) -> Box:
    """The upper part of a cell, above the chip in its corner."""
    return Box(box.x, box.y, box.width, box.height * 0.62)


def placed_chips(view: View, at: list[tuple[Box, str]], edge: str) -> VMobject:
    """A chip in the lower right corner of each box."""
    kernel = view.look["kernel"]
    tiles = []
    for box, told in at:
        wide = len(told) * draw.ADVANCE * CHIP + 3.5
        tiles.append(Box(box.right - wide - 1.6, box.bottom - CHIP - 3.4, wide, CHIP + 1.8))
    letters = [(*tile.centre, told) for tile, (_, told) in zip(tiles, at, strict=True)]
    return VGroup(
        ink.tiles(tiles, fill=kernel.fill, edge=kernel.edge, width=0.7, rounded=True),
        ink.texts(letters, view.look.ink, size=CHIP, mono=True, align="center"),
    )
