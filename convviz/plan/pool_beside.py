"""Max and average pooling of the same windows: their results, what padding is to them, where their gradients go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from convviz.errors import ConvvizError
from convviz.ops.base import Array, Op, Shape, build
from convviz.ops.pool import AvgPool, MaxPool, WindowPool
from convviz.plan import words
from convviz.plan.build import explain
from convviz.plan.given import plain
from convviz.plan.heads import MAP
from convviz.plan.limits import MAX_STEPS, check_count
from convviz.plan.model import Cell, Grid, Marked, Number, Panel, Plan, Step, Term, Work, Write
from convviz.plan.pieces import grid, step

BORDERED = {"kernel_size": 3, "stride": 2, "padding": 1}  # of the pool in front of many nets (ResNet)
NEGATIVE = -np.array([[1, 2, 3], [4, 5, 6], [3, 8, 5]], dtype=float)  # means of whole windows are whole
LINE = -np.array([[2, 4, 8]], dtype=float)
SLOPES = (-2, -1, 1, 2, 3)  # what arrives at an output, in windows' cells


@dataclass(frozen=True)
class Pair:
    """Max and average pooling of the same windows. ``shape``: of the map ``(C, *space)``."""

    largest: MaxPool
    mean: AvgPool
    shape: Shape

    @classmethod
    def of(cls, op: Op, shape: Shape) -> Pair:
        """Both kinds with the window of ``op``; raises ConvvizError where there is no such pair."""
        if not isinstance(op, WindowPool) or not isinstance(op, MaxPool | AvgPool):
            raise ConvvizError(
                f"max and mean are compared for a max_pool or an avg_pool, got {op.kind}", op.kind
            )
        if any(d > 1 for d in op.dilations()):
            raise ConvvizError("average pooling has no dilation, so nothing can stand beside it", "dilation")
        fields = {name: getattr(op, name) for name in ("kernel_size", "stride", "padding", "ceil_mode")}
        include = getattr(op, "count_include_pad", True)
        largest = build("max_pool", fields, op.rank)
        mean = build("avg_pool", {**fields, "count_include_pad": include}, op.rank)
        assert isinstance(largest, MaxPool) and isinstance(mean, AvgPool)
        return cls(largest, mean, tuple(shape))

    @property
    def out(self) -> Shape:
        return self.largest.shape(self.shape)

    def with_fields(self, **changed: Any) -> Pair:
        """The same pair with some fields changed."""
        rank, keep = self.largest.rank, self.mean.fields() | changed
        both = {name: value for name, value in keep.items() if name != "count_include_pad"}
        largest, mean = build("max_pool", both, rank), build("avg_pool", keep, rank)
        assert isinstance(largest, MaxPool) and isinstance(mean, AvgPool)
        return replace(self, largest=largest, mean=mean)


def cut(op: WindowPool, shape: Shape, most: int = 3) -> Shape:
    """A map of one channel with at most ``most`` windows along each axis, for what needs no more."""
    out = op.shape(shape)[1:]
    axes = zip(shape[1:], out, op.kernel_size, op.stride, op.margins(), strict=True)
    return (1, *(min(n, max(1, k + s * (min(o, most) - 1) - 2 * p)) for n, o, k, s, p in axes))


def numbers(shape: Shape, seed: int = 0) -> Array:
    """Whole numbers for a map; the example's, of which all means of 2×2 windows are whole, where the shape is its."""
    if seed == 0 and tuple(shape[1:]) == MAP.shape[1:] and shape[0] <= len(MAP):
        return MAP[: shape[0]]
    return np.random.default_rng([seed, 3]).integers(0, 10, shape).astype(float)


def negative(shape: Shape, seed: int = 0) -> Array:
    """Numbers below 0, so that a 0 of the padding would be the largest."""
    if seed == 0 and tuple(shape) in ((1, 3, 3), (1, 3)):
        return NEGATIVE[None] if len(shape) == 3 else LINE
    return -np.random.default_rng([seed, 3]).integers(1, 10, shape).astype(float)


def retold(plan: Plan, key: str, title: str) -> Plan:
    """A pool's plan whose output is the panel ``key``."""

    def panel(p: Panel) -> Panel:
        return replace(p, key=key, title=title) if p.key == "output" else p

    def told(s: Step) -> Step:
        marks = tuple(replace(m, panel=key) if m.panel == "output" else m for m in s.marks)
        return replace(s, marks=marks, writes=tuple(replace(w, panel=key) for w in s.writes))

    stages = tuple(replace(s, writes=key) for s in plan.stages)
    return replace(
        plan, panels=tuple(map(panel, plan.panels)), steps=tuple(map(told, plan.steps)), stages=stages
    )


def merged(name: str, title: str, plans: Sequence[Plan]) -> Plan:
    """Plans that read the same map as one: window by window, each with all of them."""
    check_count(name, "steps", sum(len(plan.steps) for plan in plans), MAX_STEPS)
    first = plans[0]
    panels = (first.panels[0], *(plan.panels[1] for plan in plans))
    steps = tuple(one for group in zip(*(plan.steps for plan in plans), strict=True) for one in group)
    notes = tuple(dict.fromkeys(note for plan in plans for note in plan.notes))
    stages = tuple(stage for plan in plans for stage in plan.stages)
    return Plan(name, title, panels, steps, first.formulas, first.facts, notes, stages)


def both(op: Op, shape: Shape, xs: Sequence[Any] | None = None, seed: int = 0) -> tuple[Plan, Plan]:
    """The plans of max and average pooling of the same map.

    op: a max_pool or an avg_pool, whose window both get. Raises ConvvizError for any other, and for too much.
    """
    pair = Pair.of(op, shape)
    x = [numbers(shape, seed)] if xs is None else list(xs)
    out = words.size(pair.out)
    return (
        retold(explain(pair.largest, shape, xs=x), "output", f"the largest {out}"),
        retold(explain(pair.mean, shape, xs=x), "output", f"the mean {out}"),
    )


# -- padding ------------------------------------------------------------------------------------------
def padded(op: Op, shape: Shape, seed: int = 0) -> Plan:
    """What padding is to both kinds, on a map of negative numbers: panels ``input``, ``max``, ``counted`` ...

    Where ``op`` has no padding, kernel 3, stride 2 and padding 1 on 3 cells stand in for it. Panel ``counted``: the
    mean with ``count_include_pad``, torch's default; ``left_out``: without.
    """
    pair = Pair.of(op, shape)
    if not any(pair.mean.padding):
        pair = replace(pair.with_fields(**BORDERED), shape=(1, *(3,) * pair.mean.rank))
    shape = pair.shape
    x = negative(shape, seed)
    out = words.size(pair.out)
    counted, left_out = (pair.with_fields(count_include_pad=flag).mean for flag in (True, False))
    plans = [
        retold(explain(pair.largest, shape, xs=[x]), "max", "the largest"),
        retold(explain(counted, shape, xs=[x]), "counted", "mean, padding is 0"),
        retold(explain(left_out, shape, xs=[x]), "left_out", "mean of real cells"),
    ]
    title = f"Padding of a pool: {words.size(shape)} gives {out}"
    done = merged("pool_padding", title, plans)
    cells = np.ndindex(*pair.out)
    sticking = sum(any(t.padding for t in s.work.terms) for s in plans[1].steps if s.work is not None)
    zeros = np.pad(x, [(0, 0), *((p, p) for p in pair.mean.padding)])
    fake = pair.with_fields(padding=0).largest.forward(zeros[None])[0]
    true = plans[0].shown("max")
    wrong = sum(plain(fake[cell]) != true[cell] for cell in cells) if fake.shape == pair.out else 0
    facts = (
        ("windows that stick out", f"{sticking} of {prod(pair.out)}"),
        ("maxima that zeros would change", f"{wrong} of {prod(pair.out)}"),
    )
    return replace(done, facts=facts)


# -- gradients ----------------------------------------------------------------------------------------
def gradient(op: Op, shape: Shape, xs: Sequence[Any] | None = None, seed: int = 0) -> Plan:
    """Where the gradient of both kinds goes: panels ``input``, ``arriving``, ``to_max`` and ``to_mean``.

    Of equal largest cells the first in reading order gets it, as in torch.
    """
    pair = Pair.of(op, shape)
    x = [numbers(shape, seed)] if xs is None else list(xs)
    largest, mean = explain(pair.largest, shape, xs=x), explain(pair.mean, shape, xs=x)
    slopes = np.random.default_rng([seed, 4]).choice(SLOPES, pair.out) * float(prod(pair.mean.kernel_size))
    source = largest.panels[0]
    assert isinstance(source, Grid)
    steps = [*scattered(largest, "to_max", slopes), *scattered(mean, "to_mean", slopes)]
    zeros = dict.fromkeys(np.ndindex(*shape), 0)
    targets = [
        Grid(key, "input", name, shape, zeros)
        for key, name in (("to_max", "behind the largest"), ("to_mean", "behind the mean"))
    ]
    panels = (source, grid("arriving", "output", "gradient that arrives", slopes), *targets)
    title = f"Where the gradient of a pool goes: {words.size(pair.out)} back to {words.size(shape)}"
    done = Plan("pool_gradient", title, panels, tuple(steps), stages=(*largest.stages, *mean.stages))
    cells = prod(shape)
    facts = tuple(
        (what, f"{sum(v != 0 for v in done.shown(key).values())} of {cells}")
        for what, key in (("cells that learn behind the largest", "to_max"), ("behind the mean", "to_mean"))
    )
    return replace(done, facts=facts)


def scattered(plan: Plan, key: str, slopes: Array) -> Iterator[Step]:
    """A step for each window of a pool's plan: what arrives goes to the largest cell, or to all in equal parts."""
    sums: dict[Cell, Number] = dict.fromkeys(np.ndindex(plan.stages[0].ins[0]), 0)
    for one in plan.steps:
        assert one.work is not None
        (write,) = one.writes
        slope = plain(slopes[write.cell])
        if one.work.how == "max":
            winners = [mark.cells for mark in one.marks if mark.mark == "winner"]
            cells, part = (winners[0] if winners else ()), slope
            text = f"{words.number(slope)} to one cell"
        else:
            assert one.work.divisor is not None
            cells = tuple(term.cell for term in one.work.terms if not term.padding)
            part = plain(slope / one.work.divisor)
            text = f"{words.number(slope)} / {words.number(one.work.divisor)} = {words.number(part)}"
        terms = tuple(Term("arriving", write.cell, slope, product=part, to=cell) for cell in cells)
        for cell in cells:
            sums[cell] = plain(sums[cell] + part)
        work = Work("scatter", terms, None, text)
        writes = [Write(key, cell, sums[cell]) for cell in cells]
        where = words.position(write.cell[1:])
        if one.work.how == "max":
            caption = f"What arrives at output {where} goes to its largest cell alone."
        else:
            caption = f"What arrives at output {where} is shared out: {text} for each cell."
        marks = [Marked("input", "read", tuple(term.cell for term in one.work.terms))]
        if one.work.how == "max":
            marks.append(Marked("input", "winner", cells))
        yield step("Backwards", caption, work, writes, marks=marks)
