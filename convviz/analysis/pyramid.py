"""What one unit reads in every layer on the way down to the input: the cone of its receptive field."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from statistics import median

from convviz.analysis.backward import Box, hull, image, insert
from convviz.analysis.cells import Cells
from convviz.analysis.lower import Lowered
from convviz.analysis.results import Field, ReceptiveField

PHASES = 64  # output phases at most that are asked for a layer's place


@dataclass(frozen=True)
class Level:
    """A layer along one axis: ``cells`` of its ``n`` that are read; cell i lies at ``origin + i * step`` on the input.

    A cell lies in the middle of what it reads, in a causal net where its past ends. Where there is no such place
    (branches with different strides, windows that wrap around the image), maps are laid evenly over the input.
    """

    name: str
    n: int
    cells: Cells
    origin: Fraction
    step: Fraction


@dataclass(frozen=True)
class Pyramid:
    """Levels by layer name, seen along spatial axis ``axis``, of position ``unit`` of layer ``top``."""

    top: str
    unit: tuple[int, ...]
    axis: int
    levels: dict[str, Level]


def pyramid(result: ReceptiveField, axis: int = -1, layers: Iterable[str] | None = None) -> Pyramid | None:
    """The cone of the unit nearest to the middle of the last layer (of ``layers``) whose units do not read everything.

    Only layers that are read are levels. Their cells are exact: clipped at every border, with holes. None where the
    net has no such layer.
    """
    lowered: Lowered = result.engine.lowered
    rank = lowered.rank
    among = None if layers is None else set(layers)
    maps = (
        x
        for x in reversed(result.layers)
        if len(x.node.out) == rank + 1 and _local(x.rf) and (among is None or x.node.name in among)
    )
    top = next(maps, None)
    if not rank or top is None or top.rf is None:
        return None
    axis %= rank
    name = top.node.name
    state = lowered.nodes[name].state
    assert state is not None
    sizes = lowered.sizes[:rank]
    away = _is_far(result, axis)
    middles = (n // 2 if away else _middle(top.rf, a, n, sizes[a]) for a, n in enumerate(state.sizes[:rank]))
    return cone(result, name, tuple(middles), axis)


def cone(result: ReceptiveField, name: str, unit: Sequence[int], axis: int) -> Pyramid:
    """The cone of one unit of layer ``name``, seen along an axis; every layer that it reads is a level."""
    lowered: Lowered = result.engine.lowered
    n_in, rank = lowered.sizes[axis], lowered.rank
    causal, away = _looks_back(result, rank), _is_far(result, axis)
    levels = {}
    for source, boxes in _sets(lowered, name, unit).items():
        n = _length(lowered, source, axis)
        place = None if away or source == lowered.wrt else _place(result, source, axis, causal)
        even = Fraction(n_in, n)
        origin, step = place or ((even - 1) / 2, even)
        levels[source] = Level(source, n, hull(boxes)[axis], origin, step)
    return Pyramid(name, tuple(unit), axis, levels)


def _looks_back(result: ReceptiveField, rank: int) -> bool:
    """Whether the net is causal: one axis, and no unit reads beyond its own position."""
    return rank == 1 and all(_is_causal(x.rf) for x in result if x.rf and _local(x.rf))


def _is_far(result: ReceptiveField, axis: int) -> bool:
    """Whether some map does not lie over the input."""
    lowered: Lowered = result.engine.lowered
    causal = _looks_back(result, lowered.rank)
    return any(
        _is_away(
            _place(result, x.node.name, axis, causal),
            _length(lowered, x.node.name, axis),
            lowered.sizes[axis],
        )
        for x in result
    )


def _local(field: Field | None) -> bool:
    return field is not None and not field.is_global and 0 not in field.size


def _is_away(place: tuple[Fraction, Fraction] | None, n: int, sides: int) -> bool:
    """Whether the middle of a map of ``n`` lies beyond the input's ends."""
    return place is not None and abs(2 * place[0] + (n - 1) * place[1] - sides + 1) > sides


def _is_causal(field: Field) -> bool:
    return field.start[0] is not None and field.start[0] + field.size[0] <= 1


def _middle(field: Field, axis: int, units: int, n: int) -> int:
    """The unit whose cells are centred nearest to the middle of the input."""
    start, step = field.start[axis], field.jump[axis]
    if start is None or not step:
        return units // 2
    centre = Fraction(2 * start + field.size[axis] - 1, 2)
    return min(max(floor((Fraction(n - 1, 2) - centre) / step + Fraction(1, 2)), 0), units - 1)


def _place(result: ReceptiveField, name: str, axis: int, causal: bool) -> tuple[Fraction, Fraction] | None:
    """Where unit 0 lies on the input, and how far apart units are: the median of one period's units."""
    field = result[name]
    if not _local(field):
        return None
    table = result.engine.free[name].axes[axis]
    if table is None or table.constant:
        return None
    ends = []
    for u in range(min(table.period, PHASES)):
        cells = table.at(u)
        if cells:
            ends.append(
                Fraction(cells.hi if causal else cells.lo + cells.hi, 1 if causal else 2) - u * table.jump
            )
    return (median(ends), table.jump) if ends else None


def _length(lowered: Lowered, name: str, axis: int) -> int:
    if name == lowered.wrt:
        return lowered.sizes[axis]
    state = lowered.nodes[name].state
    return state.sizes[axis] if state else 0


def _sets(lowered: Lowered, start: str, unit: Iterable[int]) -> dict[str, list[Box]]:
    """For each layer on the way from a unit to the input, its cells that are read, clipped at every layer."""
    sets: dict[str, list[Box]] = {start: [tuple(Cells(u, 1) for u in unit)]}
    order = list(lowered.nodes)
    for name in reversed(order[: order.index(start) + 1]):
        for box in sets.get(name, []):
            for edge in lowered.nodes[name].edges:
                back = []
                for cells, steps in zip(box, edge.steps, strict=False):
                    for step in reversed(steps):
                        cells = image(step, cells)
                    back.append(cells)
                if all(back):
                    insert(sets.setdefault(edge.source, []), tuple(back))
    return sets
