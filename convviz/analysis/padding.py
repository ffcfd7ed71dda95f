"""Which outputs of a layer read padding somewhere on the way, and which are valid."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from convviz.analysis.cells import EMPTY, Cells, from_mask, union
from convviz.analysis.layout import Step
from convviz.analysis.results import ReceptiveField
from convviz.errors import ConvvizError
from convviz.ops.relations import Window

LENGTH = 1 << 16  # units along one axis that are looked at one by one


@dataclass(frozen=True)
class PaddingReach:
    """``valid``: for each axis the stretches (first, last) of units that read no padding in any layer on the way.

    A unit is valid where it is so along every axis. size: the layer's map; count: how many valid units it has.
    """

    layer: str
    size: tuple[int, ...]
    valid: tuple[tuple[tuple[int, int], ...], ...]

    @property
    def count(self) -> int:
        return prod(sum(b - a + 1 for a, b in runs) for runs in self.valid)

    @property
    def total(self) -> int:
        return prod(self.size)


def padding_reach(result: ReceptiveField, layer: str | None = None) -> PaddingReach:
    """Which units of ``layer`` (default: the last with spatial axes) read padding, of any mode and any layer before it.

    A window that hangs over the end of the map (ceil_mode, a transposed conv's border) counts as reading padding;
    resizing, which repeats the border cell, does not. Raises ConvvizError for an unknown layer.
    """
    lowered = result.engine.lowered
    rank = lowered.rank
    layer = layer if layer and rank else lowered.last_map()
    state = lowered.state(layer)
    if state is None:
        raise ConvvizError(f"{layer} does not depend on {lowered.wrt}")
    clean: dict[str, list[Cells]] = {lowered.wrt: [Cells(0, n) for n in lowered.sizes[:rank]]}
    for name, node in lowered.nodes.items():
        if node.state is None:
            continue
        pads = node.node.op.kind not in ("concat", "slice", "chunk", "roll")
        merged: list[Cells] | None = None
        for edge in node.edges:
            part = []
            for a in range(rank):
                cells = clean[edge.source][a]
                for step in edge.steps[a]:
                    cells = _through(cells, step, pads)
                part.append(cells)
            merged = (
                part
                if merged is None
                else [
                    _both(x, y, edge.concatenated == a)
                    for a, (x, y) in enumerate(zip(merged, part, strict=True))
                ]
            )
        clean[name] = merged or [EMPTY] * rank
        if name == layer:
            break
    runs = tuple(tuple((r[0], r[-1]) for r in c.runs()) for c in clean[layer])
    return PaddingReach(layer, state.sizes[:rank], runs)


def _through(clean: Cells, step: Step, pads: bool) -> Cells:
    """The outputs that read only clean inputs."""
    relation, n, m = step
    if relation.is_identity and n == m:
        return clean
    if step.whole:
        return Cells(0, m) if clean == Cells(0, n) else EMPTY
    window = isinstance(relation, Window)
    runs = clean.runs()
    if isinstance(relation, Window) and relation.up == 1 and pads and len(runs) <= 1:
        # All that lies outside one stretch is dirty: a window is clean if its first and its last cell lie inside.
        if not runs:
            return EMPTY
        first = max(0, -(-(runs[0][0] + relation.padding) // relation.stride))
        last = (runs[0][-1] + relation.padding - relation.dilation * (relation.kernel - 1)) // relation.stride
        return Cells(first, min(last, m - 1) - first + 1) if first <= min(last, m - 1) else EMPTY
    if m > LENGTH:
        raise ConvvizError(
            f"padding reach looks at every unit here; a map of {m:,} units along one axis is too long"
        )
    dirty = _gaps(clean, n)
    bits = 0
    for o in range(m):
        cells = relation.taps(o).cells
        if not cells:
            ok = not (window and relation.kernel > 1 and pads)  # type: ignore[union-attr]
            ok = ok or relation.jump < 1  # a dead output of a transposed conv reads nothing at all
        else:
            low, high = min(cells[0], cells[-1]), max(cells[0], cells[-1])
            ok = not (window and pads and (low < 0 or high >= n)) and not any(_meets(cells, d) for d in dirty)
            if window and not pads and (high < 0 or low >= n):
                ok = False
        if ok:
            bits |= 1 << o
    return from_mask(0, bits)


def _gaps(clean: Cells, n: int) -> list[range]:
    out, at = [], 0
    for run in clean.runs():
        if run[0] > at:
            out.append(range(at, run[0]))
        at = run[-1] + 1
    if at < n:
        out.append(range(at, n))
    return out


def _meets(cells: range, other: range) -> bool:
    """Whether an arithmetic progression has a member in a stretch of cells."""
    if cells.step < 0:
        cells = cells[::-1]
    first = max(0, -(-(other.start - cells.start) // cells.step))
    return first < len(cells) and cells[first] < other.stop


def _both(a: Cells, b: Cells, pieces: bool) -> Cells:
    """Units that are clean on both paths; of pieces laid end to end, each unit has only one."""
    if pieces:
        return union([a, b])
    if not a or not b:
        return EMPTY
    lo, hi = max(a.lo, b.lo), min(a.hi, b.hi)
    if lo > hi:
        return EMPTY
    mask = (1 << (hi - lo + 1)) - 1
    return from_mask(lo, (a.mask() >> (lo - a.lo)) & (b.mask() >> (lo - b.lo)) & mask)
