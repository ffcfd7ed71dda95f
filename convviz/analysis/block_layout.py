"""Where blocks stand and how their connections run: rows from the input upwards, lanes side by side.

Every block has a row of its own. Level stretches of a connection lie only between two rows, upright ones only in a
lane while no block stands there, or in a track to the left of all lanes: so no line ever passes through a block.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from convviz.analysis.blocks import Block, Blocks

NEAR = 9  # rows that a branch keeps its lane free ahead of its first block and behind its last one


@dataclass(frozen=True)
class Place:
    """A block's row (0 is the lowest) and lane (0 is the trunk); ``block`` is None for an input of the net."""

    name: str
    row: int
    lane: int
    block: Block | None


@dataclass(frozen=True)
class Wire:
    """A connection from row ``source`` up to row ``target``.

    It leaves upwards, moves over to its upright part in the gap above ``source`` and from there to the target in the
    gap below it. The upright part lies in ``lane``, or in ``track`` (1 is the nearest to the lanes) where lane is None.
    """

    source: int
    target: int
    lane: int | None
    track: int = 0


@dataclass(frozen=True)
class Layout:
    """Rows in order, connections, and how many lanes and tracks there are."""

    drawn: Blocks
    places: tuple[Place, ...]
    wires: tuple[Wire, ...]
    lanes: int
    tracks: int
    inputs: int  # rows of the net's inputs, which are the lowest


def layout(drawn: Blocks) -> Layout:
    """Rows, lanes and tracks of ``drawn``; the trunk is the longest windowed path."""
    graph = drawn.result.graph
    used = {s for b in drawn.blocks for s in b.inputs}
    inputs = [name for name in graph.inputs if name in used]
    names = [*inputs, *(b.name for b in drawn.blocks)]
    row = {name: i for i, name in enumerate(names)}
    blocks: list[Block | None] = [None] * len(inputs) + list(drawn.blocks)
    reads = [[row[s] for s in b.inputs] if b else [] for b in blocks]
    chains = _chains(blocks, reads)
    lane, lead, leave = _lanes(chains, reads)
    wires, sides = [], []
    before = {b: a for chain in chains for a, b in itertools.pairwise(chain)}
    for target, sources in enumerate(reads):
        for source in sources:
            if before.get(target) == source or lead.get(target) == source:
                wires.append(Wire(source, target, lane[target]))
            elif target == source + 1 or leave.get(source) == target:
                wires.append(Wire(source, target, lane[source]))
            else:
                sides.append((source, target))
    track = _tracks(sides)
    wires += [Wire(source, target, None, track[source]) for source, target in sides]
    places = tuple(Place(name, i, lane[i], blocks[i]) for i, name in enumerate(names))
    return Layout(
        drawn,
        places,
        tuple(sorted(wires, key=lambda w: (w.source, w.target))),
        1 + max(lane.values()),
        max(track.values(), default=0),
        len(inputs),
    )


def branches(block: Block) -> list[list[Block]]:
    """The paths side by side in a region, without what only joins them; one that is empty is a skip."""
    names = {b.name: i for i, b in enumerate(block.parts)}
    # Place 0 is all that stands before the region.
    reads: list[list[int]] = [[], *([names.get(s, -1) + 1 for s in b.inputs] for b in block.parts)]
    chains = sorted(_chains([None, *block.parts], reads), key=lambda chain: next(filter(None, chain), 0))
    paths = [[block.parts[i - 1] for i in chain if i] for chain in chains]
    along = {chain[1] for chain in chains if chain[0] == 0 and len(chain) > 1}
    skips = sum(0 in reads[i] and i not in along for i, b in enumerate(block.parts, 1) if b.is_join)
    return [[b for b in path if not b.is_join] for path in paths] + [[]] * skips


def _chains(blocks: Sequence[Block | None], reads: Sequence[Sequence[int]]) -> list[list[int]]:
    """Each block with the one that carries on from it, as long as both agree: the longest windowed path first."""
    n = len(blocks)
    readers: list[list[int]] = [[] for _ in range(n)]
    for target, sources in enumerate(reads):
        for source in sources:
            readers[source].append(target)
    windowed = [b is None or (b.field is not None and not b.field.is_global) for b in blocks]
    up, down = [0] * n, [0] * n
    for i in range(n):
        up[i] = 1 + max((up[s] for s in reads[i]), default=0)
    for i in reversed(range(n)):
        down[i] = 1 + max((down[t] for t in readers[i]), default=0)
    heir = [max(readers[i], key=lambda t: (windowed[t], down[t], -t), default=None) for i in range(n)]
    chains: list[list[int]] = []
    of: dict[int, list[int]] = {}
    for i in range(n):
        claims = [s for s in reads[i] if heir[s] == i]
        parent = max(claims, key=lambda s: (windowed[s], up[s]), default=None)
        if parent is None:
            of[i] = [i]
            chains.append(of[i])
        else:
            of[i] = of[parent]
            of[i].append(i)
    return chains


def _lanes(
    chains: Sequence[Sequence[int]], reads: Sequence[Sequence[int]]
) -> tuple[dict[int, int], dict[int, int], dict[int, int]]:
    """The lane of each row; which row leads into a lane's first block, and which one its last block leads to.

    Half rows: row r is 2r, the gap above it 2r + 1. A lane is taken as long as anything stands or runs in it.
    """
    trunk = max(chains, key=len)
    readers: dict[int, list[int]] = {}
    for target, sources in enumerate(reads):
        for source in sources:
            readers.setdefault(source, []).append(target)
    taken: list[list[tuple[int, int]]] = []
    lane: dict[int, int] = {}
    lead: dict[int, int] = {}
    leave: dict[int, int] = {}
    for chain in [trunk, *(c for c in chains if c is not trunk)]:
        first, last = chain[0], chain[-1]
        start, end = 2 * first - 1, 2 * last + 1
        source = max(reads[first], default=first)
        if 0 < first - source <= NEAR:
            lead[first], start = source, 2 * source + 1
        target = min(readers.get(last, []), default=last)
        if 0 < target - last <= NEAR:
            leave[last], end = target, 2 * target - 1
        at = _free(taken, start, end)
        lane.update(dict.fromkeys(chain, at))
    return lane, lead, leave


def _free(taken: list[list[tuple[int, int]]], start: int, end: int) -> int:
    """The first lane in which nothing lies between ``start`` and ``end``, which it then takes."""
    at = 0
    while at < len(taken) and any(start <= b and a <= end for a, b in taken[at]):
        at += 1
    if at == len(taken):
        taken.append([])
    taken[at].append((start, end))
    return at


def _tracks(sides: Sequence[tuple[int, int]]) -> dict[int, int]:
    """A track for each source of side connections, so that no two lie on each other; short ones nearest."""
    reach: dict[int, int] = {}
    for source, target in sides:
        reach[source] = max(reach.get(source, 0), target)
    track: dict[int, int] = {}
    taken: list[list[tuple[int, int]]] = []
    for source, target in sorted(reach.items(), key=lambda pair: (pair[1] - pair[0], pair[0])):
        start, end = 2 * source + 1, 2 * target - 1
        at = _free(taken, start, end)
        track[source] = at + 1
    return track
