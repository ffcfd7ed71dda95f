"""How a receptive field grows layer by layer: a table row by row, each with the cone of one unit under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

from convviz.analysis.growth import Growth, growth
from convviz.analysis.growth import Step as Rung
from convviz.analysis.pyramid import Pyramid, cone
from convviz.analysis.receptive_field import unit as real_unit
from convviz.analysis.results import Field, Layer, ReceptiveField, Unit
from convviz.errors import ConvvizError
from convviz.plan import words
from convviz.plan.model import Formula, Number, Plan, Step, Table

Bounds = tuple[tuple[int, ...], tuple[int, ...]]

MOST = 9  # rungs that are told


@dataclass(frozen=True)
class Told:
    """A layer of the ladder, with what is drawn of it.

    cone: what its unit reads in every layer below. formula: how its size follows from that of the layer which it reads
    (None: where branches meet, or phases differ). span, window, jump, start: as the table writes them.
    """

    rung: Rung
    window: str
    span: str
    jump: str
    start: str
    cone: Pyramid
    formula: Formula | None
    caption: str
    resolution: str  # what changes where units first lie further apart, or closer again; else empty
    gap: int  # growing layers left out since the rung before

    @property
    def name(self) -> str:
        return self.rung.name

    @property
    def special(self) -> bool:
        """Whether its units leave cells out, or differ."""
        return self.rung.holes or self.rung.field.min != self.rung.field.size


@dataclass(frozen=True)
class Ladder:
    """The growth of a net's receptive field, told: ``rungs`` from the input on (of many, some are picked).

    corner: what the first unit of ``edge``, the deepest layer at whose border something is cut off, really reads, and
    ``whole`` (first and last cell) what it would read of an input without end. base: size, jump and start of the input.
    """

    plan: Plan
    growth: Growth
    rungs: tuple[Told, ...]
    edge: Told
    corner: Unit
    whole: Bounds | None
    skipped: int
    base: tuple[str, str, str] = ("1", "1", "0")

    @property
    def size(self) -> tuple[int, ...]:
        return self.growth.shape


def ladder(result: ReceptiveField, most: int = MOST) -> Ladder:
    """The ladder of a net, of at most ``most`` rungs; raises ConvvizError where no field grows.

    >>> import convviz
    >>> made = ladder(convviz.receptive_field(convviz.read("code8")))
    >>> [(told.name, told.span, told.jump, told.start) for told in made.rungs][2:4]
    [('max_pool1', '6', '2', '0'), ('conv4', '10', '2', '0')]
    >>> made.rungs[3].formula.numbers
    '6 + (3 − 1)×2'
    """
    found = growth(result)
    if not found.steps or not found.shape:
        raise ConvvizError(
            "has no layer whose receptive field grows, so there is nothing to tell", result.graph.name
        )
    grown = [rung for rung in found.steps if prod(rung.field.size) > 1] or list(found.steps)
    kept = picked(grown, most)
    order = {rung.name: i for i, rung in enumerate(grown)}
    steps_of = [order[rung.name] - (order[kept[i - 1].name] if i else -1) for i, rung in enumerate(kept)]
    changes = once(kept, len(found.shape) - 1)
    rungs = tuple(
        tell(result, rung, found, changes.get(rung.name, ""), n - 1)
        for rung, n in zip(kept, steps_of, strict=True)
    )
    last = rungs[-1].rung
    edge, corner = border(result, rungs)
    rows = [row_of(told) for told in rungs]
    columns: tuple[str, ...] = ("layer", "window", "size", "jump", "start")
    panels = (Table("ladder", "What one unit sees", columns, tuple(rows)),)
    steps = [Step("Layer by layer", told.caption) for told in rungs]
    steps += [Step("At the border", at_border(edge.rung, corner))]
    if found.first_global is not None:
        steps.append(Step("The whole image", everything(found.first_global, last, found.shape)))
    plan = Plan(
        name="receptive_field",
        title=f"{result.graph.name}: receptive field {words.size(last.field.size)}, input {words.size(found.shape)}",
        panels=panels,
        steps=tuple(steps),
        formulas=tuple(told.formula for told in rungs if told.formula is not None),
        facts=(("receptive field", words.size(last.field.size)), ("input", words.size(found.shape))),
        notes=notes(result, found, rungs, len(grown)),
    )
    return Ladder(plan, found, rungs, edge, corner, bounds(edge.rung.field), len(grown) - len(rungs))


def border(result: ReceptiveField, rungs: Sequence[Told]) -> tuple[Told, Unit]:
    """The deepest rung with several units whose first one is cut at the border, and what that reads; else the last."""
    first = (0,) * len(rungs[0].rung.field.size)
    for told in reversed(rungs):
        units = result.engine.lowered.nodes[told.name].state.sizes[: len(first)]
        found = real_unit(result, first, told.name)
        if found.clipped and found.span is not None and min(units) > 1:
            return told, found
    return rungs[-1], real_unit(result, first, rungs[-1].name)


def bounds(field: Field) -> Bounds | None:
    """First and last cell of unit 0 along each axis, as if the map had no end; None where phases differ."""
    if None in field.start or field.min != field.size:
        return None
    lo = tuple(start for start in field.start if start is not None)
    return lo, tuple(start + n - 1 for start, n in zip(lo, field.size, strict=True))


def picked(steps: Sequence[Rung], most: int) -> list[Rung]:
    """Of many rungs the first, the last, the last of each resolution, and others evenly between them."""
    if len(steps) <= most:
        return list(steps)
    count = len(steps)
    ends = [i for i in range(count - 1) if steps[i].field.jump != steps[i + 1].field.jump]
    wanted = [0, count - 1, *reversed(ends), *(round(i * (count - 1) / (most - 1)) for i in range(most))]
    kept = sorted(list(dict.fromkeys(wanted))[:most])
    return [steps[i] for i in kept]


def row_of(told: Told) -> tuple[str | Number | None, ...]:
    return told.name, told.window, told.span, told.jump, told.start


def tell(result: ReceptiveField, rung: Rung, found: Growth, change: str, gap: int) -> Told:
    axis = len(found.shape) - 1
    field, layer = rung.field, rung.layer
    name = rung.name
    formula = rule(result, layer, axis)
    return Told(
        rung=rung,
        window=window(layer, axis),
        span=span(field),
        jump=fraction(field.jump[axis]),
        start=whole(field.start[axis]),
        cone=cone(result, rung.name, rung.unit, axis),
        formula=formula,
        caption=caption(name, field, formula),
        resolution=change,
        gap=gap,
    )


def once(rungs: Sequence[Rung], axis: int) -> dict[str, str]:
    """The sentence for the first rung whose units lie further apart, and for the first where they lie closer again."""
    found: dict[bool, tuple[str, str]] = {}
    before = Fraction(1)
    for rung in rungs:
        jump = rung.field.jump[axis]
        if jump is not None and jump != before:
            found.setdefault(jump > before, (rung.name, resolution(rung.name, jump, before)))
        before = jump or before
    return dict(found.values())


def resolution(name: str, jump: Fraction, before: Fraction) -> str:
    """What it means that a layer changes how far apart units lie on the input.

    >>> resolution("pool1", Fraction(2), Fraction(1))
    'From pool1 on, units lie 2 input cells apart: each step of a later window is as wide.'
    """
    apart = words.count(int(jump), "input cell") if jump.denominator == 1 else f"{jump} of an input cell"
    if jump < before:
        return f"From {name} on, units lie closer again: {apart} apart."
    return f"From {name} on, units lie {apart} apart: each step of a later window is as wide."


def window(layer: Layer, axis: int) -> str:
    """``k3 s2 d2`` along one axis; empty where the layer has no window."""
    made = []
    for key, letter, neutral in (("kernel_size", "k", None), ("stride", "s", 1), ("dilation", "d", 1)):
        value = along(getattr(layer.node.op, key, None), axis)
        if value is not None and value != neutral:
            made.append(f"{letter}{value}")
    return " ".join(made)


def along(value: object, axis: int) -> int | None:
    """The entry of a field along an axis; None where it is no whole number."""
    if isinstance(value, tuple):
        value = value[axis] if len(value) > axis else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def span(field: Field) -> str:
    """``5``; ``5–6`` where phases differ; along each axis where they do."""
    sizes = [f"{n:,}" if n == m else f"{m:,}–{n:,}" for n, m in zip(field.size, field.min, strict=True)]
    return sizes[0] if len(set(sizes)) == 1 else words.TIMES.join(sizes)


def fraction(value: Fraction | None) -> str:
    return "–" if value is None else str(value)


def whole(value: int | None) -> str:
    return "–" if value is None else words.number(value)


def rule(result: ReceptiveField, layer: Layer, axis: int) -> Formula | None:
    """The size as the size of what the layer reads, and the steps of its window on the input; None where it is not."""
    node, field = layer.node, layer.rf
    before = source_field(result, layer)
    kernel = along(getattr(node.op, "kernel_size", None), axis)
    if before is None or field is None or kernel is None or kernel < 2:
        return None
    dilation = along(getattr(node.op, "dilation", None), axis) or 1
    size, jump = before.size[axis], before.jump[axis]
    if jump is None or size + (kernel - 1) * dilation * jump != field.size[axis]:
        return None
    symbols = "r + (k − 1)·d·j" if dilation > 1 else "r + (k − 1)·j"
    numbers = f"{size:,} + ({kernel} − 1)" + f"×{dilation}" * (dilation > 1) + f"×{jump}"
    return Formula(f"size of {node.name}", symbols, numbers, f"{field.size[axis]:,}")


def source_field(result: ReceptiveField, layer: Layer) -> Field | None:
    """The field of what a layer with one input reads; of the net's input a single cell."""
    rank = len(result.graph.inputs[result.wrt]) - 1
    if len(layer.node.inputs) != 1:
        return None
    (source,) = layer.node.inputs
    if source == result.wrt:
        ones = (1,) * rank
        return Field(ones, ones, (Fraction(1),) * rank, (0,) * rank, ones, 1)
    found = result[source]
    return None if found is None or found.is_global or 0 in found.min else found


def caption(name: str, field: Field, formula: Formula | None) -> str:
    """What a unit of the layer sees, in a sentence."""
    if field.pixels is not None and field.pixels < prod(field.size):
        return f"A unit of {name} reads {field.pixels:,} of the {cells(field.size)} that it spans."
    if field.min != field.size:
        return f"A unit of {name} sees {span(field)} cells: it depends on which of {max(field.period)} phases it is."
    if formula is None:
        return f"A unit of {name} sees {cells(field.size)} of the input."
    return f"A unit of {name} sees {cells(field.size)}: {formula.numbers} = {formula.result}."


def cells(size: Sequence[int]) -> str:
    """``3×3 cells``, ``1 cell``"""
    return f"{words.TIMES.join(f'{n:,}' for n in size)} cell{'s' * (prod(size) != 1)}"


def at_border(last: Rung, corner: Unit) -> str:
    """What the first unit really reads."""
    if corner.span is None or corner.count is None:
        return f"The first unit of {last.name} reads nothing but padding."
    if not corner.clipped:
        return f"Without padding even the first unit has all of its {cells(corner.span)}."
    size, left = words.size(last.field.size), "is" if corner.count == 1 else "are"
    return (
        f"The first unit of {last.name} loses what lies outside: {cells(corner.span)} {left} left of {size}."
    )


def everything(first: Layer, last: Rung, shape: Sequence[int]) -> str:
    """What happens from the first layer on that reads all."""
    return f"From {first.node.name} on every unit reads the whole input, {cells(shape)}."


def notes(result: ReceptiveField, found: Growth, rungs: Sequence[Told], grown: int) -> tuple[str, ...]:
    made = []
    if len(rungs) < grown:
        made.append(f"Shown are {len(rungs)} of the {grown} layers at which the field grows.")
    also = next((layer.rf.also_global for layer in result if layer.rf and layer.rf.also_global), None)
    if also:
        made.append(f"Besides, units depend on the whole image from {also} on.")
    if found.causal:
        made.append("No unit reads what comes after it.")
    return tuple(made)
