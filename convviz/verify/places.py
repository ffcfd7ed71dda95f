"""Which units to ask about, and where a unit's cells lie in its layer's tensor."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import product

from convviz.analysis.layout import State


def spread_out(n: int) -> list[int]:
    """``range(n)`` so that every beginning of the list is spread over all of it: last, first, middle ...

    >>> spread_out(6)
    [5, 0, 2, 1, 3, 4]
    """
    order, gaps = [n - 1, 0][:n], [(0, n - 1)]
    while gaps:
        halves = []
        for low, high in gaps:
            if high - low > 1:
                middle = (low + high) // 2
                order.append(middle)
                halves += [(low, middle), (middle, high)]
        gaps = halves
    return order


def sample(sizes: Sequence[int], periods: Sequence[int], seed: int = 0) -> list[tuple[int, ...]]:
    """Units of a map, the telling ones first: centre, corners, phases around it, borders, two at random."""
    centre = tuple(n // 2 for n in sizes)
    ends = [(0, n - 1) for n in sizes]
    rng = random.Random(seed)

    def candidates() -> Iterator[tuple[int, ...]]:
        yield centre
        yield tuple(low for low, _ in ends)
        yield tuple(high for _, high in ends)
        for a, period in enumerate(periods):
            for step in range(1, min(period, 9)):
                near = centre[a] + step if centre[a] + step < sizes[a] else centre[a] - step
                yield (*centre[:a], near, *centre[a + 1 :])
        for a, pair in enumerate(ends):
            for end in pair:
                yield (*centre[:a], end, *centre[a + 1 :])
        yield from product(*ends) if len(sizes) <= 4 else ()
        for _ in range(2):
            yield tuple(rng.randrange(n) for n in sizes)

    inside = (u for u in candidates() if all(0 <= x < n for x, n in zip(u, sizes, strict=True)))
    return list(dict.fromkeys(inside))


def locate(state: State, unit: Sequence[int]) -> list[list[int]] | None:
    """For each axis of the tensor (no batch) the indices at which the cells of ``unit`` lie, in all channels.

    None where the layout has no cell for it.
    """
    rank = len(state.sizes) - 1
    found: dict[int, int] = {}  # what the digits add up to, for each image axis that has any
    where = []
    for dim in state.dims:
        places, located = [0], False
        for d in dim.digits:  # slowest first
            values: Sequence[int] = range(d.size)
            if 0 <= d.axis < rank:
                value = unit[d.axis] // d.div % d.size
                found[d.axis] = found.get(d.axis, 0) + value * d.div
                values, located = (value,), True
            places = [place * d.size + v for place in places for v in values]
        where.append([dim.offset + place for place in places] if located else list(range(dim.size)))
    for a in range(rank):
        lost = state.sizes[a] > 1 and a not in state.everywhere
        if found[a] != unit[a] if a in found else lost:
            return None
    return where
