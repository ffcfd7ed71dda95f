"""Dense prediction: the stations of an encoder and decoder with its skips, and a worked answer for every pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import prod

from convviz.analysis.checkerboard import enlarges, shrinks
from convviz.analysis.receptive_field import receptive_field
from convviz.analysis.results import Field, ReceptiveField
from convviz.errors import ConvvizError
from convviz.graph import Graph, GraphBuilder, Node
from convviz.ops import build
from convviz.ops.base import Shape
from convviz.plan import words
from convviz.plan.model import Plan, Step, Table

DOWN, UP, SAME = "down", "up", "same"
SIDE = {1: 32, 2: 16, 3: 8}  # cells along each axis of the small net's input
WIDTHS = (4, 8, 16)  # channels of its levels


@dataclass(frozen=True)
class Station:
    """The layers between two changes of size. way: how its first layer changes the size; out: shape behind its last.

    op: the first layer's kind; last: the last layer. level: how many halvings below the input, at whatever factor.
    joined: what the skips add in front of its layers, by (station, channels).
    """

    op: str
    first: str
    last: str
    way: str
    level: int
    out: Shape
    field: Field | None
    params: int
    joined: tuple[tuple[int, int], ...] = ()

    @property
    def size(self) -> str:
        return words.size(self.out[1:])

    @property
    def cells(self) -> int:
        return prod(self.out[1:])

    @property
    def reads(self) -> str:
        """The receptive field, ``140×140``."""
        return words.size(self.field.size) if self.field else ""

    @property
    def cost(self) -> str:
        """Parameters in a few letters, ``14.2 M``."""
        for unit, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
            if self.params >= unit:
                return f"{words.number(round(self.params / unit, 1))} {letter}"
        return words.number(self.params)

    @property
    def step(self) -> str:
        """Pixels from one cell to the next, ``16``."""
        jumps = sorted({j for j in self.field.jump if j is not None}) if self.field else []
        return words.listing(words.number(float(j)) for j in jumps) if jumps else ""


@dataclass(frozen=True)
class Journey:
    """A net as stations in order. ``plan``: the same as a table, and a step with a sentence for each station."""

    graph: Graph
    stations: tuple[Station, ...]
    plan: Plan

    @property
    def bottom(self) -> int:
        """The station with the fewest cells."""
        return min(range(len(self.stations)), key=lambda i: self.stations[i].cells)

    @property
    def skips(self) -> tuple[tuple[int, int], ...]:
        """(from, to) by station."""
        return tuple((source, i) for i, s in enumerate(self.stations) for source, _ in s.joined)

    @property
    def lost(self) -> Fraction:
        """Input positions for each cell of the bottom."""
        first = self.graph.inputs[next(iter(self.graph.inputs))]
        return Fraction(prod(first[1:]), self.stations[self.bottom].cells)


def journey(graph: Graph) -> Journey:
    """The stations of a net that shrinks its map and enlarges it again.

    Raises ConvvizError where it does only one of both, or gives no map.
    """
    path = main_path(graph)
    ways = [way_of(node) for node in path]
    if DOWN not in ways or UP not in ways[ways.index(DOWN) :]:
        missing = "makes its map smaller" if DOWN not in ways else "makes its map larger again"
        raise ConvvizError(f"no layer {missing}: an encoder and a decoder are needed, as in unet", graph.name)
    starts = [0, *(i for i, way in enumerate(ways) if way != SAME and i)]
    cuts = list(zip(starts, [*starts[1:], len(path)], strict=True))
    place = {node.name: s for s, (a, b) in enumerate(cuts) for node in path[a:b]}
    costs = [0] * len(cuts)
    for node, station in stations_of(graph, path, place):
        costs[station] += node.params
    fields = receptive_field(graph)
    stations: list[Station] = []
    level = 0
    for s, (a, b) in enumerate(cuts):
        level += {DOWN: 1, UP: -1, SAME: 0}[ways[a]]
        first, last = path[a], path[b - 1]
        joined = tuple(skip for node in path[a:b] for skip in skips_of(graph, node, place, s))
        stations.append(
            Station(
                first.op.kind,
                first.name,
                last.name,
                ways[a],
                level,
                last.out,
                fields[last.name],
                costs[s],
                joined,
            )
        )
    return Journey(graph, tuple(stations), told(graph, stations, fields))


def main_path(graph: Graph) -> list[Node]:
    """The longest way from the input to the last map, in order."""
    rank = len(next(iter(graph.inputs.values())))
    maps = [node for node in graph if len(node.out) == rank and rank > 1]
    if not maps:
        raise ConvvizError("gives no map: a dense prediction has an answer for every position", graph.name)
    depth = dict.fromkeys(graph.inputs, 0)
    for node in graph:
        depth[node.name] = 1 + max((depth[source] for source in node.inputs), default=0)
    ends = [graph[name] for name in graph.outputs if name in graph.by_name and graph[name] in maps]
    node = (ends or maps[-1:])[0]
    path = [node]
    while sources := [name for name in node.inputs if name in graph.by_name]:
        node = graph[max(sources, key=lambda name: depth[name])]
        path.append(node)
    return path[::-1]


def way_of(node: Node) -> str:
    """Whether a layer makes its map smaller, larger, or neither."""
    if len(node.inputs) != 1 or len(node.out) != len(node.ins[0]):
        return SAME
    if shrinks(node):
        return DOWN
    return UP if enlarges(node) and prod(node.out[1:]) > prod(node.ins[0][1:]) else SAME


def stations_of(graph: Graph, path: list[Node], place: dict[str, int]) -> list[tuple[Node, int]]:
    """Every node with its station; those beside the path belong to the next one on it."""
    found, waiting = [], []
    for node in graph:
        waiting.append(node)
        if node.name in place:
            found += [(n, place[node.name]) for n in waiting]
            waiting = []
    return found + [(n, len(set(place.values())) - 1) for n in waiting]


def skips_of(graph: Graph, node: Node, place: dict[str, int], here: int) -> list[tuple[int, int]]:
    """(station, channels) of what a join of the path takes from an earlier station."""
    found = []
    for source, shape in zip(node.inputs, node.ins, strict=True):
        name = source
        while name in graph.by_name and name not in place and graph[name].inputs:
            name = graph[name].inputs[0]
        if name in place and place[name] < here and source not in place:
            found.append((place[name], shape[0]))
        elif source in place and place[source] < here and len(node.inputs) > 1:
            found.append((place[source], shape[0]))
    return found


def told(graph: Graph, stations: list[Station], fields: ReceptiveField) -> Plan:
    """The stations as a table, and a step for each."""
    heads = ("layers", "shape", "reads", "step", "parameters")
    rows = tuple((s.last, words.size(s.out), s.reads, s.step, f"{s.params:,}") for s in stations)
    steps = tuple(
        Step("Down and up", sentence(s, stations[i - 1] if i else None)) for i, s in enumerate(stations)
    )
    facts = (("parameters", f"{graph.params:,}"),)
    return Plan(
        "dense_prediction",
        f"{graph.name}: down and up again",
        (Table("stations", "stations", heads, rows),),
        steps,
        (),
        facts,
        fields.warnings,
    )


def sentence(now: Station, before: Station | None) -> str:
    """What a station does, in words."""
    kind = now.op.replace("_", " ")
    if before is None or now.way == SAME:
        return f"The first layers keep {now.size}: a cell sees {now.reads} pixels."
    if now.way == DOWN:
        return f"{kind.capitalize()} leaves {now.size}: fewer cells, and each sees {now.reads} pixels."
    return f"{kind.capitalize()} makes {now.size} again, with {words.count(now.out[0], 'channel')}."


def small(shape: Shape = (1, 16, 16), classes: int = 2) -> Graph:
    """A U-Net of three levels that fits on a screen; raises ConvvizError where the input cannot be halved twice."""
    rank = len(shape) - 1
    if rank not in SIDE or any(n % 4 for n in shape[1:]):
        raise ConvvizError(
            f"sides must be multiples of 4, as they are halved twice, got {words.size(shape)}", "input"
        )
    net = GraphBuilder("small U-Net", {"input": shape})

    def add(name: str, kind: str, fields: Mapping[str, object], *sources: str) -> str:
        return net.add(name, build(kind, fields, rank), sources).name

    def convs(name: str, channels: int, source: str) -> str:
        made = add(name, "conv", {"out_channels": channels, "kernel_size": 3, "padding": 1}, source)
        return add(f"{name}_relu", "relu", {}, made)

    level, kept = "input", []
    for i, channels in enumerate(WIDTHS):
        if i:
            level = add(f"pool{i}", "max_pool", {"kernel_size": 2}, level)
        level = convs(f"down{i + 1}" if i < len(WIDTHS) - 1 else "bottom", channels, level)
        kept.append(level)
    for i in reversed(range(len(WIDTHS) - 1)):
        grown = {"out_channels": WIDTHS[i], "kernel_size": 2, "stride": 2}
        level = add(f"rise{i + 1}", "conv_transpose", grown, level)
        level = add(f"join{i + 1}", "concat", {}, kept[i], level)
        level = convs(f"up{i + 1}", WIDTHS[i], level)
    add("classes", "conv", {"out_channels": classes, "kernel_size": 1}, level)
    return net.build()
