"""Which units of a tile hold what they would hold in the whole image.

A unit does unless some layer on its way reads a cell that the tile lacks and the image has: padding inside the net is
right at the border of the image and wrong at the border of a tile.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convviz.analysis.grids import Grid
from convviz.analysis.layout import Step
from convviz.analysis.lower import Lowered
from convviz.errors import ConvvizError
from convviz.ops.relations import Window

UNITS = 1 << 16  # a tile's units along an axis that are looked at one by one
WORK = 1 << 24  # and reads of all layers together; beyond, only the ends of the valid stretch are followed

Stretch = tuple[int, int]  # the first and the last unit; empty where the last comes before the first


def valid(
    lowered: Lowered, layer: str, axis: int, ends: tuple[bool, bool], grid: Grid
) -> tuple[Stretch, bool]:
    """The longest stretch of units of ``layer`` that a tile gets right along one axis, and whether it is all of it.

    ends: whether the tile's two ends are those of the image. Of a tile with too many units to look at each, the ends of
    the stretch are followed from layer to layer; it may then be shorter than it need be, never longer.
    """
    try:
        return _valid(lowered, layer, axis, ends, grid)
    except OverflowError:
        raise ConvvizError("an axis of the net is too long to go through") from None


def _valid(
    lowered: Lowered, layer: str, axis: int, ends: tuple[bool, bool], grid: Grid
) -> tuple[Stretch, bool]:
    work = sum(
        step.m * _count(step.relation.taps(0).cells)
        for node in lowered.nodes.values()
        for edge in node.edges
        for step in edge.steps[axis]
        if not (step.relation.is_identity or step.whole)
    )
    longest = max(n.state.sizes[axis] for n in lowered.nodes.values() if n.state is not None)
    exact = work <= WORK and max(longest, lowered.sizes[axis]) <= UNITS
    way: _Each | _Ends = _Each(ends) if exact else _Ends(ends)
    known: dict[str, object] = {lowered.wrt: way.all(lowered.sizes[axis])}
    for name, node in lowered.nodes.items():
        if node.state is None or grid.jumps.get(name) is None:
            continue  # what reads the whole image is the same everywhere
        parts = []
        for edge in node.edges:
            if grid.jumps.get(edge.source) is None:
                continue
            part = known[edge.source]
            for step in edge.steps[axis]:
                part = way.through(step, part)  # type: ignore[arg-type]
            parts.append(part)
        known[name] = way.both(parts)  # type: ignore[arg-type]
        if name == layer:
            break
    if layer not in known:
        return (0, lowered.nodes[layer].node.out[axis + 1] - 1), exact
    return way.stretch(known[layer]), exact  # type: ignore[arg-type]


def _count(cells: range) -> int:
    """``len``, of any length; at least 1."""
    return max(1, (cells.stop - cells.start + cells.step - 1) // cells.step if cells.step > 0 else len(cells))


class _Each:
    """Validity unit by unit: an array of bools for each layer."""

    def __init__(self, ends: tuple[bool, bool]) -> None:
        self.ends = ends

    def all(self, n: int) -> np.ndarray:
        return np.ones(n, bool)

    def both(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        return parts[0] if len(parts) == 1 else np.logical_and.reduce(parts)

    def through(self, step: Step, known: np.ndarray) -> np.ndarray:
        relation, n, m = step
        if relation.is_identity and n == m:
            return known
        out = np.ones(m, bool)
        period, advance = relation.period, int(relation.jump * relation.period)
        border = getattr(relation, "border", "zeros")
        for phase in range(min(period, m)):
            turns = np.arange(-(-(m - phase) // period)) * advance
            ok = np.ones(len(turns), bool)
            for cell in relation.taps(phase).cells:
                ok &= self._cells(known, turns + cell, border)
            out[phase::period] = ok
        return out

    def _cells(self, known: np.ndarray, cells: np.ndarray, border: str) -> np.ndarray:
        """Whether each cell holds in the tile what it holds in the image."""
        n = len(known)
        low, high = cells < 0, cells >= n
        if border == "zeros":
            inside = known[np.clip(cells, 0, n - 1)]
        elif border == "replicate":
            inside = known[np.clip(cells, 0, n - 1)]
            return np.where(low, self.ends[0] & inside, np.where(high, self.ends[1] & inside, inside))
        elif border == "circular":
            return known[cells % n] & ~((low | high) & (not all(self.ends)))
        else:
            turned = np.where(low, -cells, np.where(high, 2 * (n - 1) - cells, cells))
            inside = known[np.clip(turned, 0, n - 1)]
            return inside & ~(low & (not self.ends[0])) & ~(high & (not self.ends[1]))
        return np.where(low, self.ends[0], np.where(high, self.ends[1], inside))

    def stretch(self, known: np.ndarray) -> Stretch:
        """The longest run; the one nearest to the middle of those as long."""
        edges = np.flatnonzero(np.diff(np.concatenate(([0], known.astype(np.int8), [0]))))
        runs = [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        if not runs:
            return 0, -1
        middle = len(known) - 1
        return max(runs, key=lambda r: (r[1] - r[0], -abs(r[0] + r[1] - middle)))


class _Ends:
    """Validity of one stretch of each layer: safe at any size, and exact where no layer has holes or dead units."""

    def __init__(self, ends: tuple[bool, bool]) -> None:
        self.ends = ends

    def all(self, n: int) -> tuple[int, int, int]:
        return 0, n - 1, n

    def both(self, parts: Sequence[tuple[int, int, int]]) -> tuple[int, int, int]:
        return max(p[0] for p in parts), min(p[1] for p in parts), parts[0][2]

    def through(self, step: Step, known: tuple[int, int, int]) -> tuple[int, int, int]:
        relation, n, m = step
        if relation.is_identity and n == m:
            return known
        if relation.period > UNITS:
            raise ConvvizError(
                f"the pattern of a layer repeats only after {relation.period:,} units, too many"
            )
        first, last = known[0], known[1]
        advance = int(relation.jump * relation.period)
        circular = isinstance(relation, Window) and relation.border == "circular"
        turned = isinstance(relation, Window) and relation.border == "reflect"
        free = all(self.ends) if circular else self.ends[0], all(self.ends) if circular else self.ends[1]
        low, high = 0, m - 1
        for phase in range(min(relation.period, m)):
            cells = relation.taps(phase).cells
            if not cells:
                continue
            bottom, top = min(cells[0], cells[-1]), max(cells[0], cells[-1])
            far = (
                max(top - bottom, 0) if turned else 0
            )  # what is mirrored lies inside, as far from the border
            if not (free[0] and first == 0 and last >= far):
                turn = max(0, -(-(first - bottom) // advance))
                low = max(low, phase + (turn - 1) * relation.period + 1)
            if not (free[1] and last == n - 1 and first <= n - 1 - far):
                turn = (last - top) // advance + 1
                high = min(high, phase + turn * relation.period - 1)
        return low, high, m

    def stretch(self, known: tuple[int, int, int]) -> Stretch:
        return known[0], known[1]
