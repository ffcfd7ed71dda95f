"""The ladder of a receptive field: the layers at which it grows, and what one unit in the middle reads
there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import floor, prod

from convviz.analysis.backward import hull, reach
from convviz.analysis.cells import Cells
from convviz.analysis.results import Field, Layer, ReceptiveField

Box = tuple[range, ...]
BOXES = 4096  # pieces of a field with holes that are told one by one
STEPS = 200  # of a ladder; of a longer one every so-manieth is kept


@dataclass(frozen=True)
class Step:
    """A layer whose receptive field is larger than that of any layer before it.

    unit: the unit whose cells lie nearest to the middle of the input. lo, hi: first and last input cell that
    it reads, as if the map had no end. boxes: the cells really read, in boxes that may overlap (None: too
    many to tell).
    """

    layer: Layer
    field: Field
    unit: tuple[int, ...]
    lo: tuple[int, ...]
    hi: tuple[int, ...]
    boxes: tuple[Box, ...] | None

    @property
    def name(self) -> str:
        return self.layer.node.name

    @property
    def holes(self) -> bool:
        return self.field.pixels is not None and self.field.pixels < prod(self.field.size)


@dataclass(frozen=True)
class Growth:
    """The steps in the order of the net, and the first layer behind which every unit reads everything, if
    there is one.

    causal: the input has one axis, and no unit reads beyond its own position.
    """

    result: ReceptiveField
    steps: tuple[Step, ...]
    first_global: Layer | None
    causal: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape of the input."""
        return self.result.graph.inputs[self.result.wrt][1:]


def growth(result: ReceptiveField) -> Growth:
    """The ladder of ``result``; layers that read everything are no steps.

    The deepest step's unit lies in the middle; each one before it as near as can be to the middle of the
    next, so that the fields lie in each other (in a causal net: to its last cell).
    """
    grows: list[tuple[Layer, Field]] = []
    largest = 0
    for layer in result:
        field = layer.rf
        if (
            field is None
            or field.is_global
            or not field.size
            or prod(field.size) <= largest
            or 0 in field.min
        ):
            continue
        largest = prod(field.size)
        grows.append((layer, field))
    if len(grows) > STEPS:
        grows = [grows[round(i * (len(grows) - 1) / (STEPS - 1))] for i in range(STEPS)]
    shape = result.graph.inputs[result.wrt][1:]
    causal = len(shape) == 1 and all(f.start[0] is not None and f.start[0] + f.size[0] <= 1 for _, f in grows)
    steps: list[Step] = []
    aim = [n - 1 for n in shape]  # twice the place to be near to
    for layer, field in reversed(grows):
        step = _step(result, layer, field, aim, causal)
        aim = [2 * last if causal else first + last for first, last in zip(step.lo, step.hi, strict=True)]
        steps.append(step)
    first_global = next((x for x in result if x.rf and x.rf.is_global), None)
    return Growth(result, tuple(reversed(steps)), first_global, causal)


def _step(result: ReceptiveField, layer: Layer, field: Field, aim: Sequence[int], causal: bool) -> Step:
    lowered, name = result.engine.lowered, layer.node.name
    units = lowered.nodes[name].state.sizes
    shape = result.graph.inputs[result.wrt][1:]
    unit = tuple(_nearest(field, a, units[a], shape[a] - 1, aim[a], causal) for a in range(len(shape)))
    if set(field.period) == {1} and None not in field.start:
        firsts = [s + j * u for s, j, u in zip(field.start, field.jump, unit, strict=True)]  # type: ignore[operator]
        lo = tuple(map(int, firsts))
        hi = tuple(first + n - 1 for first, n in zip(lo, field.size, strict=True))
        if field.pixels == prod(field.size):
            solid = tuple(range(first, last + 1) for first, last in zip(lo, hi, strict=True))
            return Step(layer, field, unit, lo, hi, (solid,))
        return Step(layer, field, unit, lo, hi, _boxes(reach(lowered, name, _at(unit), clip=False)))
    # Phases differ: look at some units around, for one that reads most and lies best.
    period = max(field.period)
    best: tuple[tuple[int, int], Step] | None = None
    for d in range(-period, period + 1, max(1, period // 4)):
        moved = tuple(min(max(u + d, 0), n - 1) for u, n in zip(unit, units, strict=False))
        found = reach(lowered, name, _at(moved), clip=False)
        if not found:
            continue
        sides = hull(found)
        off = sum(abs(s.lo + s.hi - a) for s, a in zip(sides, aim, strict=True))
        rank = (-prod(s.span for s in sides), off)
        if best is None or rank < best[0]:
            lo, hi = tuple(s.lo for s in sides), tuple(s.hi for s in sides)
            best = rank, Step(layer, field, moved, lo, hi, _boxes(found))
    assert best is not None, name
    return best[1]


def _at(unit: tuple[int, ...]) -> list[Cells]:
    return [Cells(u, 1) for u in unit]


def _nearest(field: Field, axis: int, units: int, middle: int, aim: int, causal: bool) -> int:
    """The unit, of ``units``, whose cells are centred (causal: end) nearest to half of ``aim``, then of
    ``middle``.
    """
    start, jump, size = field.start[axis], field.jump[axis], field.size[axis]
    if start is None or not jump:
        return units // 2

    def place(u: int) -> Fraction:
        return 2 * (start + u * jump) + (2 if causal else 1) * (size - 1)

    guess = (aim - place(0)) / 2 / jump
    near = {min(max(floor(guess) + d, 0), units - 1) for d in (0, 1)}
    return min(near, key=lambda u: (abs(place(u) - aim), abs(place(u) - middle)))


def _boxes(found: Sequence[Sequence[Cells]]) -> tuple[Box, ...] | None:
    """The cells in boxes without holes, which may overlap; None where they are too many or not known."""
    boxes: list[Box] = []
    for sides in found:
        runs = [side.runs() for side in sides]
        if not all(side.known for side in sides) or len(boxes) + prod(map(len, runs)) > BOXES:
            return None
        boxes += product(*runs)
    return tuple(boxes)
