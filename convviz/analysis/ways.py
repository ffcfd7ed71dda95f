"""Ways to widen what a layer reads: a setting for each axis, what one step of it adds, and how far it can go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from convviz.analysis.changes import Change, swapped, widened
from convviz.graph import Node
from convviz.ops.base import Op, Shape
from convviz.ops.pool import WindowPool

KERNEL = 63  # taps at most of a larger kernel


Place = tuple[Node, Shape, tuple[Fraction | None, ...]]  # a layer, the space of its input, and the jump there
Group = Sequence[Place]


@dataclass(frozen=True)
class Way:
    """A change with a setting for each axis: ``make(amounts)``; each unit adds at most ``gain``, up to ``most``."""

    what: str
    make: Callable[[Sequence[int]], list[Change] | None]
    gain: tuple[Fraction | None, ...]  # None: unknown
    most: tuple[int, ...]
    weight: Fraction | int  # the cheaper the smaller

    @cached_property
    def promise(self) -> Fraction:
        """What it adds at most along its weaker axis."""
        return min(
            (g * m if g is not None else Fraction(m) for g, m in zip(self.gain, self.most, strict=True))
        )


def dilatable(op: Op) -> bool:
    return max(getattr(op, "kernel_size", (1,))) > 1 and set(getattr(op, "stride", (1,))) == {1}


def dilate(what: str, group: Group, causal: bool, times: bool = False) -> Way:
    """All of ``group`` with larger dilations (times: multiples of theirs); kernels stay within their maps."""
    gain: list[Fraction | None] = []
    most = []
    for a in range(len(group[0][1])):
        each = [(n.op.kernel_size[a], n.op.dilation[a], space[a], jump[a]) for n, space, jump in group]  # type: ignore[attr-defined]
        grow = [(k, d, n, j) for k, d, n, j in each if k > 1]
        known = [(k - 1) * (d if times else 1) * j for k, d, _, j in grow if j is not None]
        gain.append(sum(known, Fraction(0)) if len(known) == len(grow) else None)
        limits = (((n - 1) // (k - 1) - d) // (d if times else 1) for k, d, n, _ in grow)
        most.append(max(min(limits, default=0), 0))

    def make(amounts: Sequence[int]) -> list[Change] | None:
        changes = []
        for node, _, _ in group:
            kernel, dilation = node.op.kernel_size, node.op.dilation  # type: ignore[attr-defined]
            new = tuple(
                d + n * (d if times else 1) * (k > 1)
                for k, d, n in zip(kernel, dilation, amounts, strict=True)
            )
            op = widened(node.op, causal, dilation=new)
            if op is None:
                return None
            changes.append(swapped(node, op))
        return changes

    return Way(
        what, make, tuple(gain), tuple(most), -min((g for g in gain if g is not None), default=Fraction(0))
    )


def enlarge(group: Group, causal: bool) -> Way:
    """All of ``group`` with larger kernels, by two taps a step; they stay within their maps."""
    gain: list[Fraction | None] = []
    most = []
    for a in range(len(group[0][1])):
        each = [
            (n.op.kernel_size[a], getattr(n.op, "dilation", (1,) * (a + 1))[a], space[a], jump[a])  # type: ignore[attr-defined]
            for n, space, jump in group
        ]
        known = [2 * d * j for _, d, _, j in each if j is not None]
        gain.append(sum(known, Fraction(0)) if len(known) == len(each) else None)
        limits = [
            (min((n - 1) // d + 1, _largest(node.op, a)) - k) // 2
            for (k, d, n, _), (node, _, _) in zip(each, group, strict=True)
        ]
        most.append(max(min(limits), 0))
    tied = any(
        node.trained is not None for node, _, _ in group
    )  # the number of its weights is not known from its op

    def make(amounts: Sequence[int]) -> list[Change] | None:
        changes = []
        for node, _, _ in group:
            kernel = tuple(k + 2 * n for k, n in zip(node.op.kernel_size, amounts, strict=True))  # type: ignore[attr-defined]
            op = None if tied else widened(node.op, causal, kernel_size=kernel)
            if op is None:
                return None
            changes.append(swapped(node, op))
        return changes

    return Way("kernel_size", make, tuple(gain), tuple(most), sum(n.macs for n, _, _ in group))


def _largest(op: Op, axis: int) -> int:
    """The largest kernel that is tried: beyond three times its stride a pool only blurs, at no MACs that would tell."""
    return 3 * op.stride[axis] if isinstance(op, WindowPool) else KERNEL


def both_ways(a: Way, b: Way) -> Way | None:
    """Two ways with the same setting; None where they change the same layer."""
    first, second = a.make([1] * len(a.most)), b.make([1] * len(b.most))
    if not first or not second or {c.layer for c in first} & {c.layer for c in second}:
        return None

    def make(amounts: Sequence[int]) -> list[Change] | None:
        one, two = (way.make([min(n, m) for n, m in zip(amounts, way.most, strict=True)]) for way in (a, b))
        return [*one, *two] if one and two else None

    gain = tuple(None if g is None or h is None else g + h for g, h in zip(a.gain, b.gain, strict=True))
    most = tuple(max(m, n) for m, n in zip(a.most, b.most, strict=True))
    return Way(f"{a.what} + {b.what}", make, gain, most, a.weight + b.weight)
