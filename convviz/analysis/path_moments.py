"""How many paths there are and how far they spread, without counting them cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import NamedTuple

from convviz.analysis.layout import Step
from convviz.analysis.lower import Lowered
from convviz.ops.relations import Window


class Term(NamedTuple):
    """What one window adds to the variance of the path counts: ``d^2 (k^2 - 1)/12 S^2``."""

    layer: str
    kernel: int
    dilation: int
    jump: int  # S: input cells between two neighbours of what the window reads

    @property
    def value(self) -> Fraction:
        return Fraction(self.dilation**2 * (self.kernel**2 - 1) * self.jump**2, 12)


def closed_form(lowered: Lowered, layer: str) -> tuple[tuple[Term, ...], ...] | None:
    """For each axis the terms of the variance, from the input on; None where the layers are no chain of windows.

    Source: Luo et al., "Understanding the effective receptive field in deep convolutional neural networks", 2016: a
    window is a uniform distribution over its taps, and variances of independent steps add.
    """
    chain = []
    name = layer
    while name != lowered.wrt:
        edges = lowered.nodes[name].edges
        if len(edges) != 1:
            return None
        chain.append((name, edges[0]))
        name = edges[0].source
    out = []
    for a in range(lowered.rank):
        jump, terms = 1, []
        for name, edge in reversed(chain):
            for step in edge.steps[a]:
                window = _window(step)
                if window is None:
                    return None
                if window.kernel > 1:
                    terms.append(Term(name, window.kernel, abs(window.dilation), jump))
                jump *= window.stride
        out.append(tuple(terms))
    return tuple(out)


@dataclass(frozen=True)
class _Sums:
    """Of the weights of a node's units: how much they are, and along each axis the sums of w*u and w*u*u."""

    total: int
    axes: tuple[tuple[int, int], ...]

    def __add__(self, other: _Sums) -> _Sums:
        axes = tuple((a + c, b + d) for (a, b), (c, d) in zip(self.axes, other.axes, strict=True))
        return _Sums(self.total + other.total, axes)


def moments(
    lowered: Lowered, layer: str, unit: Sequence[int]
) -> tuple[int, tuple[float, ...], tuple[Fraction, ...]] | None:
    """Number of paths to ``unit``, and mean and variance of where they start along each axis, nothing clipped.

    Exact on any graph of windows, however deep and wide, branches included; None where a relation has phases
    (transposed convolution, resizing) or reads everything.
    """
    pending = {layer: _Sums(1, tuple((u, u * u) for u in unit))}
    order = list(lowered.nodes)
    for name in reversed(order[: order.index(layer) + 1]):
        sums = pending.pop(name, None)
        if sums is None:
            continue
        for edge in lowered.nodes[name].edges:
            new = _through(sums, edge.steps[: lowered.rank])
            if new is None:
                return None
            old = pending.get(edge.source)
            pending[edge.source] = new if old is None else old + new
    sums = pending.get(lowered.wrt)
    if sums is None:
        return None
    n = sums.total
    return (
        n,
        tuple(float(Fraction(first, n)) for first, _ in sums.axes),
        tuple(Fraction(second * n - first * first, n * n) for first, second in sums.axes),
    )


def _through(sums: _Sums, steps: Sequence[Sequence[Step]]) -> _Sums | None:
    taps, axes = [], []
    for (first, second), line in zip(sums.axes, steps, strict=True):
        count, along = sums.total, 1
        for step in reversed(line):
            window = _window(step)
            if window is None:
                return None
            k, s, d, p = window.kernel, window.stride, window.dilation, window.padding
            # Over the taps t of one output o, which reads s*o + (d*t - p): sums of the offset and of its square.
            steps_t, squares_t = k * (k - 1) // 2, (k - 1) * k * (2 * k - 1) // 6
            offset = d * steps_t - p * k
            square = d * d * squares_t - 2 * d * p * steps_t + p * p * k
            second = k * s * s * second + 2 * s * first * offset + count * square
            first = k * s * first + count * offset
            count, along = count * k, along * k
        taps.append(along)
        axes.append((first, second))
    every = prod(taps)
    scaled = tuple((a * (every // k), b * (every // k)) for (a, b), k in zip(axes, taps, strict=True))
    return _Sums(sums.total * every, scaled)


def _window(step: Step) -> Window | None:
    """The relation where it is a window without phases."""
    relation = step.relation
    return relation if isinstance(relation, Window) and relation.up == 1 else None
