"""Which input cells one output of a stack of dilated convolutions reads, and whether any are left out.

Layer ``l`` moves what it reads by ``t * step_l``, ``t`` in ``[0, kernel_l)``, where ``step_l`` is its dilation times
the strides of the layers before it. So an output reads the cells ``sum_l t_l * step_l``: neither the order of the
steps nor the padding matters.

Theorem. Leave out kernels of 1 and sort the steps ascending. The stack reads every cell from its first to its last
iff ``step_i <= 1 + sum_{j<i} (kernel_j - 1) * step_j`` for every ``i``.
Proof. Let ``R`` be that sum, what the smaller steps reach. If all conditions hold: by induction the smaller steps read
all of ``[0, R]``, and moved by multiples of ``step_i <= R + 1`` it leaves no gap. If one fails: cell ``R + 1`` lies
inside the span, for ``step_i`` is read and is larger; but sums without a step from ``i`` on are at most ``R``, and sums
with one are at least ``step_i > R + 1``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from math import gcd, prod
from operator import mul
from typing import TYPE_CHECKING, Any, Literal

from convviz.analysis.axis_map import compose, identity
from convviz.analysis.cells import MASK, Cells
from convviz.analysis.layout import Step
from convviz.errors import FieldError
from convviz.ops.base import integer, one_or_list
from convviz.ops.relations import Window

if TYPE_CHECKING:
    from convviz.analysis.gridding_rates import Remedy

LISTED = 10**6  # cells of a span that are told one by one
WORK = 2 * 10**7  # cells times layers for which paths are counted
BITS = 1 << 31  # of the masks of all layers with which hits are counted
RUNS = 2 * 10**5  # stretches that are looked at in a set too wide for a mask


@dataclass(frozen=True)
class Condition:
    """The criterion for one layer: its step may be at most ``limit``, 1 more than what the smaller steps reach.

    layer: counted from 0; reach: ``(kernel - 1) * step`` of each layer with a smaller step.
    """

    layer: int
    step: int
    reach: tuple[int, ...]

    @property
    def limit(self) -> int:
        return 1 + sum(self.reach)

    @property
    def holds(self) -> bool:
        return self.step <= self.limit


@dataclass(frozen=True)
class Rule:
    """The rule as printed: ``m[0]`` is M_2, which is to be at most ``kernel``; ``m[-1]`` is M_n, the last rate.

    Source: Wang et al., "Understanding convolution for semantic segmentation", 2018, section 3.2.
    """

    m: tuple[int, ...]
    kernel: int

    @property
    def passes(self) -> bool:
        return self.m[0] <= self.kernel


@dataclass(frozen=True, repr=False)
class Gridding:
    """What one output of a stack of convolutions reads, along one axis; first layer first, cells from the first hit on.

    rates: the dilations; jumps: input cells per step of each layer's input (the product of the strides before it).
    """

    rates: tuple[int, ...]
    kernels: tuple[int, ...]
    strides: tuple[int, ...]

    @cached_property
    def jumps(self) -> tuple[int, ...]:
        return tuple(accumulate(self.strides[:-1], mul, initial=1))

    @cached_property
    def steps(self) -> tuple[int, ...]:
        """Input cells between neighbouring cells of each layer's kernel."""
        return tuple(rate * jump for rate, jump in zip(self.rates, self.jumps, strict=True))

    @property
    def span(self) -> int:
        """Input cells from the first read to the last."""
        return 1 + sum((k - 1) * e for k, e in zip(self.kernels, self.steps, strict=True))

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """The exact criterion, from the smallest step to the largest; kernels of 1 have none."""
        order = sorted((e, i) for i, e in enumerate(self.steps) if self.kernels[i] > 1)
        reach = [(self.kernels[i] - 1) * e for e, i in order]
        sums = accumulate(reach, initial=0)
        return tuple(
            Condition(i, e, tuple(reach[:n]) if n < MANY else (total,))
            for n, ((e, i), total) in enumerate(zip(order, sums, strict=False))
        )

    @property
    def dense(self) -> bool:
        """Whether every cell of the span is read."""
        return all(condition.holds for condition in self.conditions)

    @cached_property
    def hits(self) -> int | None:
        """Cells really read; None where they are too many to count."""
        return self.span if self.dense else _count(self.steps, self.kernels)

    @property
    def density(self) -> Fraction | None:
        return None if self.hits is None else Fraction(self.hits, self.span)

    @cached_property
    def cells(self) -> tuple[int, ...] | None:
        """The cells read, the first being 0; None for a span of more than LISTED."""
        return tuple(self.after(len(self.rates))) if self.span <= LISTED else None  # type: ignore[arg-type]

    @cached_property
    def maps(self) -> tuple[Cells, ...]:
        """What one output of each layer reads of the input, its first cell 0; in front the input itself."""
        table = identity(1, False)
        read = [table.rows[0]]
        for k, s, d in zip(self.kernels, self.strides, self.rates, strict=True):
            table = compose(table, Step(Window(k, s, d), 1, 1))
            read.append(table.rows[0])
        return tuple(read)

    def after(self, layers: int) -> Cells:
        """What one output of layer ``layers`` (1: the first) reads of the input, its first cell 0."""
        return self.maps[layers]

    def behind(self, layers: int) -> Gridding:
        """The layers after the first ``layers``, as a stack of their own: what it reads is in cells of their input."""
        return Gridding(self.rates[layers:], self.kernels[layers:], self.strides[layers:])

    def counts(self, layers: int | None = None) -> tuple[int, ...] | None:
        """On how many paths each cell of the span is read (0: a hole) after so many layers; default: all.

        The coefficients of ``prod_l sum_t x^(t * step_l)``. None where the span is above LISTED or the work too much.
        """
        import numpy as np

        kernels, steps = self.kernels[:layers], self.steps[:layers]
        span = 1 + sum((k - 1) * e for k, e in zip(kernels, steps, strict=True))
        big = prod(min(k, 2**63) for k in kernels[:64]) >= 2**62 or len(kernels) > 64
        if span > LISTED or span * len(kernels) > (WORK // 50 if big else WORK):
            return None
        paths = np.ones(1, object if big else np.int64)
        for k, e in zip(kernels, steps, strict=True):
            # Sums of k cells, e apart: running sums of every e-th cell, less those of k cells before.
            wide = np.zeros(-(-(len(paths) + (k - 1) * e) // e) * e, paths.dtype)
            wide[: len(paths)] = paths
            sums = wide.reshape(-1, e).cumsum(0)
            sums[k:] -= sums[:-k].copy()
            paths = sums.reshape(-1)[: len(paths) + (k - 1) * e]
        return tuple(int(n) for n in paths)

    @cached_property
    def rule(self) -> Rule | None:
        """The printed rule; None for what it does not speak of: one layer, kernels of several sizes, strides."""
        if len(self.rates) < 2 or len(set(self.kernels)) > 1 or set(self.strides[:-1]) - {1}:
            return None
        m = [self.rates[-1]]
        for r in reversed(self.rates[1:-1]):
            m.append(max(m[-1] - 2 * r, m[-1] - 2 * (m[-1] - r), r))
        return Rule(tuple(reversed(m)), self.kernels[0])

    @property
    def rule_errs(self) -> Literal["first", "order", "two"] | None:
        """Why the printed rule is wrong here (None: it is right, or does not apply), each found by recomputing.

        "first": it passes because it never looks at the first rate; with a 1 there the stack would be dense.
        "order": it fails, but not for the same rates in ascending order, which read the same cells.
        "two": it counts 2 taps beside the first of each kernel, whatever the kernel is.
        """
        if self.rule is None or self.rule.passes == self.dense:
            return None
        if self.rule.passes:
            return "first" if Gridding((1, *self.rates[1:]), self.kernels, self.strides).dense else "two"
        rule = Gridding(tuple(sorted(self.rates)), self.kernels, self.strides).rule
        return "order" if rule is not None and rule.passes else "two"

    @cached_property
    def remedy(self) -> Remedy:
        """The nearest dense rates with the same span."""
        from convviz.analysis.gridding_rates import remedy

        return remedy(self)

    def _repr_html_(self) -> str:
        from convviz.report.gridding import render_gridding

        return render_gridding(self, "html")

    def __repr__(self) -> str:
        from convviz.report.gridding import render_gridding

        return render_gridding(self, "text")


LAYERS = 10_000  # of a stack
MANY = 64  # layers whose reach is told one by one


def gridding(rates: Sequence[int], kernel_size: Any = 3, stride: Any = 1) -> Gridding:
    """Which cells of its input one output of a stack of dilated convolutions reads, along one axis.

    rates: the dilations, first layer first. kernel_size, stride: one value for all layers, or one for each.
    Raises FieldError where a value is no whole number >= 1, or there are not as many as rates.

    >>> found = gridding([2, 3, 5])
    >>> found.span, found.hits, found.dense, found.rule.passes, found.remedy.rates
    (21, 19, False, True, (1, 3, 6))
    """
    listed = one_or_list(integer(1))
    values = []
    for name, value in (("rates", rates), ("kernel_size", kernel_size), ("stride", stride)):
        try:
            each = listed(value, 1)
        except ValueError as err:
            raise FieldError(name, f"{err}, got {value!r}") from None
        values.append(each)
    if not values[0]:
        raise FieldError("rates", "must be at least one dilation, got none")
    if len(values[0]) > LAYERS:
        raise FieldError("rates", f"must be at most {LAYERS:,} layers, got {len(values[0]):,}")
    for i, name in ((1, "kernel_size"), (2, "stride")):
        if not isinstance(kernel_size if i == 1 else stride, list | tuple):
            values[i] = values[i] * len(values[0])
        if len(values[i]) != len(values[0]):
            raise FieldError(
                name, f"must be one value or one for each of the {len(values[0])} rates, got {len(values[i])}"
            )
    return Gridding(*values)


def _count(steps: Sequence[int], kernels: Sequence[int]) -> int | None:
    """How many different sums there are; None where they are too many to tell apart."""
    layers = sorted((e, k) for e, k in zip(steps, kernels, strict=True) if k > 1)
    copies = 1
    while layers:  # the largest step, where it is wider than all the others reach, only makes copies
        e, k = layers[-1]
        if e <= sum((k - 1) * e for e, k in layers[:-1]):
            break
        copies *= k
        layers.pop()
    if not layers:
        return copies
    unit = gcd(*(e for e, _ in layers))
    layers = [(e // unit, k) for e, k in layers]
    span = 1 + sum((k - 1) * e for e, k in layers)
    if span <= MASK and span * len(layers) <= BITS:
        cells = Cells(0, 1)
        for e, k in layers:
            cells = cells.sweep(e, k)
        return None if cells.count is None else copies * cells.count
    runs, work = [(0, 0)], 0
    for e, k in layers:
        work += k * len(runs)
        if work > RUNS:
            if len(runs) > 1 or e > runs[0][1] + 1:
                return None
            runs, work = [(0, runs[0][1] + (k - 1) * e)], 0  # one stretch and no gap between its copies
            continue
        merged: list[tuple[int, int]] = []
        for low, high in sorted((low + t * e, high + t * e) for t in range(k) for low, high in runs):
            if merged and low <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        runs = merged
    return copies * sum(high - low + 1 for low, high in runs)
