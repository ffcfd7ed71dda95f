"""Which layers are drawn as one block: a layer with what trails it, repeats folded, regions or stages of deep nets.

Every layer belongs to exactly one block, so the blocks' parameters add up to the net's. Blocks keep the order of
the net, and so does all that is made of them: a block reads only what stands before it.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import groupby
from typing import NamedTuple

from convviz.analysis.results import Field, ReceptiveField
from convviz.analysis.stages import stages as stages_of
from convviz.graph import Graph, Node

# Layers with one input that only cut, order or name cells: they trail the layer before them, as activations do.
SHAPING = frozenset(
    "glu pad crop slice chunk roll flip reshape flatten permute expand softmax identity".split()  # noqa: SIM905
)
LEADING = frozenset({"pad"})  # said of the layer that comes next
# Behind a join they prepare what comes next, too (pre-activation).
NORMS = frozenset("batch_norm ghost_batch_norm layer_norm group_norm instance_norm rms_norm".split())  # noqa: SIM905
UNFOLDED = 26  # blocks up to which nothing is folded
MOST = 44  # blocks on one page
UNIT = 64  # blocks at most of what repeats
SAVED = 3  # blocks that a repeat must save to be drawn as one
STAGES = 4  # a net with fewer is cut into runs of layers
REGION = 24  # blocks at most of a region that is drawn as one


@dataclass(frozen=True)
class Block:
    """Layers drawn as one.

    nodes: all that it stands for, of all repeats. inputs: blocks (and inputs of the net) that it reads. main: the
    layer that gives it its name. last: the layer whose output leaves it; with repeats both are the last one's.
    params, macs: of all its layers. parts: the blocks of a region or stage that is drawn as one.
    """

    name: str
    nodes: tuple[str, ...]
    inputs: tuple[str, ...]
    main: Node
    last: Node
    field: Field | None
    params: int
    macs: int
    channels: int
    space: tuple[int, ...]  # along the axes of the input, whatever their order in `last.out`; empty: no place
    before: tuple[str, ...] = ()  # kinds of the layers ahead of the main one
    behind: tuple[str, ...] = ()
    parts: tuple[Block, ...] = ()
    times: int = 1
    mains: tuple[Node, ...] = ()  # the main layer of each repeat, where it is repeated

    @property
    def is_join(self) -> bool:
        """Whether it only brings paths together."""
        return len(self.main.inputs) > 1 and not self.params and not self.parts


class Repeat(NamedTuple):
    """``length`` blocks from index ``first`` on stand for ``times`` times as many."""

    first: int
    length: int
    times: int


@dataclass(frozen=True)
class Blocks:
    """A net as blocks, in order; ``level`` says what one is: "layers", "regions", "stages" or "runs"."""

    result: ReceptiveField
    blocks: tuple[Block, ...]
    repeats: tuple[Repeat, ...]
    level: str


def blocks(result: ReceptiveField, stages: bool | None = None) -> Blocks:
    """The net of ``result`` as blocks: as fine as one page allows.

    stages: True for one block a stage, False for one a layer (repeats are folded all the same); by default the
    finest of layers, regions in which paths part and meet, and stages that makes at most MOST blocks.
    """
    fine = units(result)
    if stages:
        return _coarse(result, fine)
    if len(fine) <= UNFOLDED:
        return Blocks(result, tuple(fine), (), "layers")
    folded = _folded(result, fine, "layers")
    if stages is False or len(folded.blocks) <= MOST:
        return folded
    regions = _folded(result, _merged(fine, _regions(fine)), "regions")
    return regions if len(regions.blocks) <= MOST else _coarse(result, fine, least=STAGES)


# -- a layer and what trails it ----------------------------------------------------------------------------
def units(result: ReceptiveField) -> list[Block]:
    """Each layer with what trails it, and with what only prepares it, in order."""
    graph = result.graph
    readers = _readers(graph)
    members: dict[str, list[Node]] = {}  # by the node that stands last in it so far
    heads: dict[str, Node | None] = {}
    for node in graph.nodes:
        own, head = [node], None if _trails(node) else node
        for source in node.inputs:
            before = members.get(source)
            if before is None or readers[source] != 1:
                continue
            lead = heads[source] is None
            alone = not any(n.inputs for n in before)  # a constant or parameter and what is made of it
            if len(node.inputs) > 1:
                joins = alone and not (lead and _trails(node))
            elif head is None:
                joins = lead or not (alone or _leads(node, graph[source]))
            else:
                joins = lead
            if joins:
                head = head or heads[source]
                own = members.pop(source) + own
        members[node.name], heads[node.name] = own, head
    order = {node.name: i for i, node in enumerate(graph.nodes)}
    home = {n.name: last for last, nodes in members.items() for n in nodes}
    names: dict[str, str] = {}
    made = []
    for last, nodes in members.items():
        nodes = sorted(nodes, key=lambda n: order[n.name])
        main = heads[last] or nodes[0]
        names[last] = main.name
        mine = {n.name for n in nodes}
        reads = _once(names.get(home.get(s, ""), s) for n in nodes for s in n.inputs if s not in mine)
        at = nodes.index(main)
        channels, space = extent(result, last)
        made.append(
            Block(
                main.name,
                tuple(n.name for n in nodes),
                reads,
                main,
                graph[last],
                result.by_name[last],
                sum(n.params for n in nodes),
                sum(n.macs for n in nodes),
                channels,
                space,
                tuple(n.op.kind for n in nodes[:at]),
                tuple(n.op.kind for n in nodes[at + 1 :]),
            )
        )
    return made


def extent(result: ReceptiveField, name: str) -> tuple[int, tuple[int, ...]]:
    """Channels and spatial sizes of a layer or input, along the axes of the input that is followed."""
    lowered = result.engine.lowered
    sizes: Sequence[int] | None = lowered.sizes if name == lowered.wrt else None
    if name in lowered.nodes and lowered.nodes[name].state is not None:
        sizes = lowered.nodes[name].state.sizes
    if sizes is not None:
        return sizes[-1], tuple(sizes[:-1])
    shape = result.graph.shape(name)
    return (shape[0] if shape else 1), tuple(shape[1:])


def _trails(node: Node) -> bool:
    return len(node.inputs) == 1 and (node.op.elementwise or node.op.kind in SHAPING)


def _leads(node: Node, before: Node) -> bool:
    """Whether a layer that would trail ``before`` is said of the one that comes next."""
    return node.op.kind in LEADING or (node.op.kind in NORMS and len(before.inputs) > 1)


def _readers(graph: Graph) -> dict[str, int]:
    count = dict.fromkeys([*graph.inputs, *(n.name for n in graph.nodes)], 0)
    for node in graph.nodes:
        for source in node.inputs:
            count[source] += 1
    return count


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


# -- repeats -----------------------------------------------------------------------------------------------
def _folded(result: ReceptiveField, items: Sequence[Block], level: str) -> Blocks:
    """The same with each run of equal units drawn once."""
    place = {b.name: i for i, b in enumerate(items)}
    words: dict[Hashable, int] = {}
    tokens = [words.setdefault(_token(b, i, place), len(words)) for i, b in enumerate(items)]
    found = _runs(tokens, _crossings(items, place))
    keep: list[Block] = []
    repeats: list[Repeat] = []
    known: dict[str, str] = {}  # block -> the one that stands for it
    at = 0
    for start, length, times in [*found, (len(items), 0, 0)]:
        for block in items[at:start]:
            keep.append(replace(block, inputs=_once(known.get(s, s) for s in block.inputs)))
        if length:
            repeats.append(Repeat(len(keep), length, times))
        for j in range(length):
            copies = [items[start + r * length + j] for r in range(times)]
            shown = copies[0].name
            inner = [s for s in copies[-1].inputs if place.get(s, -1) >= start + (times - 1) * length]
            outer = [s for copy in copies for s in copy.inputs if place.get(s, -1) < start]
            known.update({c.name: shown for c in copies})
            keep.append(
                replace(
                    copies[-1],
                    name=shown,
                    nodes=tuple(n for c in copies for n in c.nodes),
                    inputs=_once(known.get(s, s) for s in [*outer, *inner]),
                    params=sum(c.params for c in copies),
                    macs=sum(c.macs for c in copies),
                    times=times,
                    mains=tuple(c.main for c in copies),
                )
            )
        at = start + length * times
    return Blocks(result, tuple(keep), tuple(repeats), level)


def _token(block: Block, at: int, place: dict[str, int]) -> Hashable:
    """What must agree for two blocks to be drawn as one: all but dilations, and channels that only follow."""
    if block.parts:
        inner = {b.name: i for i, b in enumerate(block.parts)}
        told: Hashable = tuple(_token(b, i, inner) for i, b in enumerate(block.parts))
    else:
        fields = block.main.op.fields()
        told = (
            block.main.op.kind,
            tuple((k, str(v)) for k, v in fields.items() if k not in ("dilation", "padding", "size")),
            block.before,
            block.behind,
        )
    far = tuple(at - place[s] if s in place else 0 for s in block.inputs)
    return told, block.space, far if len(far) <= 3 else "many"


def _crossings(items: Sequence[Block], place: dict[str, int]) -> list[int]:
    """For each index, how many blocks before it are read at it or behind it."""
    last = list(range(len(items)))
    for i, block in enumerate(items):
        for source in block.inputs:
            if source in place:
                last[place[source]] = i
    change = [0] * (len(items) + 2)
    for i, end in enumerate(last):
        change[i + 1] += 1
        change[end + 1] -= 1
    out, open_ = [], 0
    for step in change:
        open_ += step
        out.append(open_)
    return out


def _runs(tokens: Sequence[int], crossings: Sequence[int]) -> list[tuple[int, int, int]]:
    """(start, length, times) of what repeats, in order; of those that overlap, the one that saves more."""
    n = len(tokens)
    heap: list[tuple[int, int, int, int, int]] = []

    def offer(i: int, p: int, times: int) -> None:
        # A unit begins where few paths pass by, and is no longer than it must be.
        if (times - 1) * p >= SAVED:
            heappush(heap, (-(times - 1) * p, crossings[i], p, i, times))

    for p in range(1, min(UNIT, n // 2) + 1):
        run = 0
        for i in range(n - p - 1, -1, -1):
            run = run + 1 if tokens[i] == tokens[i + p] else 0
            offer(i, p, run // p + 1)
    taken: list[tuple[int, int]] = []  # [start, end), in order
    out = []
    while heap:
        _, _, p, i, times = heappop(heap)
        at = bisect(taken, (i, n))
        if at and taken[at - 1][1] > i:
            continue
        room = (taken[at][0] if at < len(taken) else n) - i
        if room < p * times:
            offer(i, p, room // p)
            continue
        taken.insert(at, (i, i + p * times))
        out.append((i, p, times))
    return sorted(out)


# -- regions and stages ------------------------------------------------------------------------------------
def _regions(items: Sequence[Block]) -> list[list[Block]]:
    """Stretches between places that no path passes by; only those are longer than one in which paths meet again."""
    crossings = _crossings(items, {b.name: i for i, b in enumerate(items)})
    groups: list[list[Block]] = []
    group: list[Block] = []
    for i, block in enumerate(items):
        group.append(block)
        if crossings[i + 1] <= 1:
            if len(block.inputs) > 1 and len(group) <= REGION:
                groups.append(group)
            else:
                groups += [[b] for b in group]
            group = []
    return groups + [[b] for b in group]


def _coarse(result: ReceptiveField, fine: Sequence[Block], least: int = 1) -> Blocks:
    """One block a stage; where that makes too many or fewer than ``least``, pieces of stages that fit a page."""
    stage = {name: i for i, s in enumerate(stages_of(result)) for name in s.layers}
    groups = [list(run) for _, run in groupby(fine, key=lambda b: stage[b.last.name])]
    level = "stages"
    if len(groups) > MOST:
        groups = [list(fine)]
    if len(groups) < least or len(groups) == 1:
        size = -(-len(fine) // (MOST - len(groups)))
        groups, level = [group[i : i + size] for group in groups for i in range(0, len(group), size)], "runs"
    return Blocks(result, tuple(_merged(fine, groups)), (), level)


def _merged(items: Sequence[Block], groups: Sequence[Sequence[Block]]) -> list[Block]:
    """Each group of neighbours as one block."""
    home: dict[str, str] = {}
    out = []
    for group in groups:
        first, last = group[0], group[-1]
        name = first.name
        mine = {b.name for b in group}
        home.update(dict.fromkeys(mine, name))
        reads = _once(home.get(s, s) for b in group for s in b.inputs if s not in mine)
        if len(group) == 1:
            out.append(replace(first, inputs=reads))
            continue
        out.append(
            Block(
                name,
                tuple(n for b in group for n in b.nodes),
                reads,
                max(group, key=lambda b: b.params).main,
                last.last,
                last.field,
                sum(b.params for b in group),
                sum(b.macs for b in group),
                last.channels,
                last.space,
                parts=tuple(group),
            )
        )
    return out


def windowed(drawn: Blocks) -> list[str]:
    """The layers of blocks whose units do not read everything."""
    return [name for b in drawn.blocks if not (b.field and b.field.is_global) for name in b.nodes]
