"""From real units back to the input cells that they read, clipped at every layer on the way.

A set of units is a list of boxes, each a product of :class:`Cells` along the axes; boxes that lie in others
vanish, so that the list stays as short as the shape is simple.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from math import prod

from convviz.analysis.cells import EMPTY, MASK, Cells, from_range, union
from convviz.analysis.layout import Step
from convviz.analysis.lower import Lowered
from convviz.ops.relations import Window, inside

Box = tuple[Cells, ...]
LOOP = 100_000  # outputs that are looked at one by one where no closed form is at hand
BOXES = 2_000  # boxes of one set before its cells are no longer counted


def reach(
    lowered: Lowered, start: str, units: Sequence[Cells], *, clip: bool = True, wrap: bool = True
) -> list[Box]:
    """Input cells (as boxes over the spatial axes) that any of ``units`` of node ``start`` reads on followed paths.

    clip: keep to the real map at every layer. wrap: reflect, replicate and circular padding read what they copy;
    otherwise they count as zeros.
    """
    order = list(lowered.nodes)
    pending: dict[str, list[Box]] = {start: [tuple(units)]}
    at = order.index(start) if start in lowered.nodes else -1
    while at >= 0:
        name = order[at]
        at -= 1
        boxes = pending.pop(name, None)
        if not boxes:
            continue
        for edge in lowered.nodes[name].edges:
            into = pending.setdefault(edge.source, [])
            for box in boxes:
                back = []
                for cells, steps in zip(box, edge.steps, strict=False):
                    for step in reversed(steps):
                        cells = image(step, cells, clip, wrap)
                    back.append(cells)
                if all(back):
                    insert(into, tuple(back))
    return pending.get(lowered.wrt, [])


def image(step: Step, cells: Cells, clip: bool = True, wrap: bool = True) -> Cells:
    """The inputs that outputs ``cells`` read along one axis."""
    if not cells:
        return EMPTY
    relation, n = step.relation, step.n
    if step.whole:
        return Cells(0, n)
    if relation.is_identity:
        return cells.clip(n) if clip else cells
    border = getattr(relation, "border", "zeros") if clip and wrap else "zeros"
    parts = []
    for run in cells.runs():
        if isinstance(relation, Window) and relation.up == 1:
            r = relation
            read = (
                Cells(run[0] * r.stride - r.padding, 1).sweep(r.dilation, r.kernel).sweep(r.stride, len(run))
            )
            if clip and border != "zeros" and (read.lo < 0 or read.hi >= n):
                parts += [from_range(c) for piece in read.runs() for c in inside(piece, n, border)]
                continue
        elif len(run) <= LOOP:
            taps = [relation.taps(o).cells for o in run]
            if border != "zeros":
                parts += [from_range(c) for t in taps for c in inside(t, n, border)]
                continue
            read = union(from_range(t) for t in taps)
        else:
            ends = [relation.taps(o).cells for o in (*run[: min(len(run), 4096)], *run[-4096:])]
            some = [from_range(t) for t in ends if t]
            lo, hi = min(s.lo for s in some), max(s.hi for s in some)
            read = Cells(lo, hi - lo + 1, None if relation.jump <= 1 else 0)
        parts.append(read)
    out = union(parts)
    return out.clip(n) if clip else out


def insert(boxes: list[Box], new: Box) -> None:
    """Add a box: nothing if it lies in another, joined with one that differs along a single axis."""
    while True:
        for i, old in enumerate(boxes):
            if all(a.within(b) for a, b in zip(new, old, strict=True)):
                return
            different = [a for a in range(len(new)) if new[a] != old[a]]
            if len(different) == 1:
                a = different[0]
                new = (*new[:a], union([new[a], old[a]]), *new[a + 1 :])
                del boxes[i]
                break
            if all(b.within(a) for a, b in zip(new, old, strict=True)):
                del boxes[i]
                break
        else:
            boxes.append(new)
            return


def hull(boxes: Sequence[Box]) -> Box:
    """The projection of a set on each axis."""
    return tuple(union(column) for column in zip(*boxes, strict=True))


def count(boxes: Sequence[Box]) -> int | None:
    """How many cells a set has; None where holes are unknown or too many to count."""
    if not boxes:
        return 0
    if len(boxes) == 1:
        counts = [c.count for c in boxes[0]]
        return None if None in counts else prod(c for c in counts if c is not None)
    sides = hull(boxes)
    if len(boxes) > BOXES or prod(s.span for s in sides) > MASK or not all(c.known for b in boxes for c in b):
        return None
    rows: dict[tuple[int, ...], int] = {}
    lo = sides[-1].lo
    for box in boxes:
        bits = box[-1].mask() << (box[-1].lo - lo)
        for key in product(*(_members(c) for c in box[:-1])):
            rows[key] = rows.get(key, 0) | bits
    return sum(bits.bit_count() for bits in rows.values())


def _members(cells: Cells) -> Iterable[int]:
    return [i for run in cells.runs() for i in run]
