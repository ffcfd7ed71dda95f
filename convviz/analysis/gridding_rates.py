"""Dense rates near given ones: as many layers, the same span, the smallest change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Literal

from convviz.analysis.gridding import LISTED, Gridding

STATES = 100_000  # that a search looks at
SPANS = 64  # spans above and below that are tried where the same one has no dense rates
DEEP = 16  # layers with which every combination is searched


@dataclass(frozen=True)
class Remedy:
    """Dense rates in place of a stack's.

    found: "dense" (nothing to mend), "same" (the same span), "near" (no dense rates have the span; those of the nearest
    span that has some), "wide" (the span is wider than the kernels can fill; those that fill most), "none" (no rates
    near by are dense, whatever they are), "unsearched" (too many combinations).
    stack: the dense rates (None where there are none to tell). change: sum of the changes of all rates.
    layers: how many layers of this kernel fill the span.
    """

    found: Literal["dense", "same", "near", "wide", "none", "unsearched"]
    stack: Gridding | None
    change: int | None = None
    layers: int | None = None

    @property
    def rates(self) -> tuple[int, ...] | None:
        return self.stack.rates if self.stack else None


def remedy(grid: Gridding) -> Remedy:
    """The nearest dense rates with the span of ``grid``: every layer kept, the sum of all changes as small as can be.

    Each answer is proved by computing anew what it reads.
    """
    if grid.dense:
        return Remedy("dense", grid, 0)
    weights = {(k - 1) * jump for k, jump in zip(grid.kernels, grid.jumps, strict=True) if k > 1}
    even = len(weights) == 1 and set(grid.jumps) == {1}
    room, layers = _room(grid), _layers(grid)
    if grid.span > room:
        if set(grid.jumps) != {1}:
            return _search_all(grid, range(room - 1, max(room - 1 - SPANS, -1), -1), "wide", layers)
        rates, filled = [], 1
        for k, rate in zip(grid.kernels, grid.rates, strict=True):
            rates.append(filled if k > 1 else rate)
            filled *= k
        return _proved("wide", grid, tuple(rates), layers)
    if even:
        return _proved("same", grid, _even(grid), layers)
    around = (aim for n in range(SPANS + 1) for aim in dict.fromkeys((grid.span - 1 - n, grid.span - 1 + n)))
    return _search_all(grid, around, "near", layers)


def _room(grid: Gridding) -> int:
    """The widest span that the kernels could fill: every combination of taps is another cell."""
    room = 1
    for k in grid.kernels:
        room *= k
        if room >= grid.span:
            break
    return room


def _layers(grid: Gridding) -> int | None:
    """The fewest layers of this one kernel that can fill the span."""
    kernels = set(grid.kernels)
    if len(kernels) > 1 or kernels == {1} or set(grid.jumps) != {1}:
        return None
    (kernel,) = kernels
    count, room = 0, 1
    while room < grid.span:
        count, room = count + 1, room * kernel
    return count


def _proved(
    found: Literal["same", "near", "wide"], grid: Gridding, rates: tuple[int, ...], layers: int | None
) -> Remedy:
    stack = Gridding(rates, grid.kernels, grid.strides)
    assert stack.dense and (found != "same" or stack.span == grid.span), rates
    assert stack.span > LISTED or stack.after(len(rates)).dense, rates
    change = sum(abs(a - b) for a, b in zip(rates, grid.rates, strict=True))
    return Remedy(found, stack, change, layers)


# -- one kernel, no strides: in closed form -------------------------------------------------------------------
def _even(grid: Gridding) -> tuple[int, ...]:
    """The nearest dense rates where all layers weigh the same.

    What falls must rise elsewhere, so half of the change is a number of raises, and the fewer the better. Raising the
    smallest rates first, each to its limit, lets all behind it be largest; so the least number of raises with which the
    rates still add up is found by bisection.
    """
    order = sorted((rate, i) for i, rate in enumerate(grid.rates) if grid.kernels[i] > 1)
    rates, weight = [rate for rate, _ in order], max(grid.kernels) - 1
    total = sum(rates)

    def raised(budget: int) -> list[int]:
        out, reach = [], 0
        for rate in rates:
            new = min(rate + budget, 1 + weight * reach)
            budget -= max(0, new - rate)
            out.append(new)
            reach += new
        return out

    low, high = 0, total
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if sum(raised(middle)) >= total else (middle + 1, high)
    out = raised(low)
    out[-1] -= sum(out) - total
    placed = list(grid.rates)
    for (_, i), new in zip(order, sorted(out), strict=True):
        placed[i] = new
    return tuple(placed)


# -- several kernels, or strides: every combination, cheapest first ----------------------------------------------
def _search_all(
    grid: Gridding, targets: Iterable[int], found: Literal["near", "wide"], layers: int | None
) -> Remedy:
    """The dense rates that reach the first of ``targets`` (spans less 1) for which there are some."""
    free = [i for i, k in enumerate(grid.kernels) if k > 1]
    if len(free) > DEEP:
        return Remedy("unsearched", None)
    left = [STATES]
    for target in targets:
        rates = _search(grid, free, target, left)
        if rates is not None:
            return _proved("same" if target == grid.span - 1 else found, grid, rates, layers)
        if left[0] <= 0:
            return Remedy("unsearched", None)
    return Remedy("none", None)


def _search(grid: Gridding, free: list[int], target: int, left: list[int]) -> tuple[int, ...] | None:
    """The rates of the smallest change whose steps reach exactly ``target`` and leave no gap.

    Layers are placed one after the other, each with a step of at most 1 + what those before it reach, which is all that
    density asks for. A state is the set of placed layers and their reach; best first, with what the rest must at least
    change as the lower bound.
    """
    jumps = [grid.jumps[i] for i in free]
    weights = [(grid.kernels[i] - 1) * jump for i, jump in zip(free, jumps, strict=True)]
    rates = [grid.rates[i] for i in free]
    everything, heaviest = (1 << len(free)) - 1, max(weights)

    def bound(placed: int, reach: int) -> int:
        rest = sum(w * r for n, (w, r) in enumerate(zip(weights, rates, strict=True)) if not placed >> n & 1)
        return -(-abs(target - reach - rest) // heaviest)

    heap: list[tuple[int, int, int, int, tuple[int, ...]]] = [(bound(0, 0), 0, 0, 0, ())]
    done: set[tuple[int, int]] = set()
    while heap:
        _, cost, placed, reach, path = heappop(heap)
        if (placed, reach) in done:
            continue
        done.add((placed, reach))
        if placed == everything:
            found = list(grid.rates)
            for n, rate in zip(path[::2], path[1::2], strict=True):
                found[free[n]] = rate
            return tuple(found)
        for n, (jump, weight) in enumerate(zip(jumps, weights, strict=True)):
            if placed >> n & 1:
                continue
            now = placed | 1 << n
            others = sum(w for m, w in enumerate(weights) if not now >> m & 1)
            for rate in range(1, min((1 + reach) // jump, (target - reach - others) // weight) + 1):
                behind = reach + weight * rate
                if (now == everything and behind != target) or (now, behind) in done:
                    continue
                left[0] -= 1
                if left[0] <= 0:
                    return None
                new = cost + abs(rate - rates[n])
                heappush(heap, (new + bound(now, behind), new, now, behind, (*path, n, rate)))
    return None
