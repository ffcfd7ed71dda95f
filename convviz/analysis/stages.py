"""What "four blocks, 64 to 512" means: the layers of a net grouped by resolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

from convviz.analysis.results import Layer, ReceptiveField
from convviz.graph import Graph
from convviz.ops.base import Shape

STEM = 2  # resolutions at most; a longer run ahead of the first block is the net's body
Jump = tuple[Fraction | None, ...]


@dataclass(frozen=True)
class Stage:
    """Consecutive layers at one resolution.

    name: ``stem``, ``head`` or the resolution that the stage ends with. jump: input cells per step (None: the
    head). out: shape of its last output. channels: different channel counts in order of appearance, at the
    ends of blocks where there are blocks. blocks: regions in which paths part and meet again. size: receptive
    field at the end.
    """

    name: str
    layers: tuple[str, ...]
    jump: Jump | None
    out: Shape
    channels: tuple[int, ...]
    blocks: int
    convs: int
    params: int
    macs: int
    size: tuple[int, ...] | None
    is_global: bool


def stages(result: ReceptiveField) -> tuple[Stage, ...]:
    """Group the layers of ``result`` by jump, in order; what has no jump any more is the head.

    A block belongs to the resolution at which its paths meet, so the stride inside a residual block opens the
    new stage, as people count. Where a region reaches over many resolutions (the skips of a U-Net), each
    layer counts for itself. One or two resolutions ahead of the first
    with blocks are the stem.
    """
    rank = len(result.graph.inputs[result.wrt]) - 1
    blocks = block_regions(result.graph)
    keys = _keys(result, blocks)
    joins = {region[-1] for region in blocks}
    groups = []
    for key, members in groupby(zip(result.layers, keys, strict=True), key=lambda pair: pair[1]):
        groups.append((key, [layer for layer, _ in members]))
    first = next((i for i, (_, layers) in enumerate(groups) if any(x.node.name in joins for x in layers)), 0)
    out = []
    for i, (key, layers) in enumerate(groups):
        shape = layers[-1].node.out
        space = shape[-rank:] if rank and len(shape) > rank else ()
        stem = i < first <= STEM and key is not None
        resolution = "x".join(map(str, space))
        name = "head" if key is None else f"stem {resolution}" if stem else resolution
        out.append(_stage(name, key, layers, joins, rank))
    return tuple(out)


def block_regions(graph: Graph) -> tuple[tuple[str, ...], ...]:
    """Names of the layers of each region in which paths part and meet again; the last one is where they meet.

    A layer is a waist if no connection passes it by. Between two neighbouring waists lies one layer, or a
    region.
    """
    nodes = graph.nodes
    place = dict.fromkeys(graph.inputs, 0) | {node.name: i for i, node in enumerate(nodes, 1)}
    furthest = list(range(1, len(nodes) + 2))  # last reader of what stands at or before each place
    for i, node in enumerate(nodes, 1):
        for source in node.inputs:
            furthest[place[source]] = max(furthest[place[source]], i)
    regions = []
    reach = start = 0
    for i in range(len(nodes)):
        reach = max(reach, furthest[i])
        if reach == i + 1:  # place i + 1 is a waist
            if i - start > 0 and len(nodes[i].inputs) > 1:
                regions.append(tuple(node.name for node in nodes[start : i + 1]))
            start = i + 1
    return tuple(regions)


def _keys(result: ReceptiveField, blocks: Sequence[tuple[str, ...]]) -> list[Jump | None]:
    """The jump under which each layer is counted; None for the head."""
    own: dict[str, Jump | None] = {}
    previous: Jump | None = None
    for layer in result.layers:
        previous = own[layer.node.name] = _jump(layer, previous)
    for region in blocks:
        if len({own[name] for name in region}) <= 2:
            own.update(dict.fromkeys(region, own[region[-1]]))
    return [own[layer.node.name] for layer in result.layers]


def _jump(layer: Layer, previous: Jump | None) -> Jump | None:
    field = layer.rf
    if field is None:
        return previous
    if field.is_global or None in field.jump or len(layer.node.out) <= len(field.jump):
        return None
    return field.jump


def _stage(name: str, key: Jump | None, layers: Sequence[Layer], joins: set[str], rank: int) -> Stage:
    ends = [x for x in layers if x.node.name in joins]
    counted = ends or [x for x in layers if x.node.op.kind.startswith(("conv", "linear"))] or list(layers)
    channels = [x.node.out[-rank - 1] for x in counted if len(x.node.out) > rank] or [counted[-1].node.out[0]]
    last = next((x.rf for x in reversed(layers) if x.rf), None)
    return Stage(
        name=name,
        layers=tuple(x.node.name for x in layers),
        jump=key,
        out=layers[-1].node.out,
        channels=tuple(c for c, _ in groupby(channels)),
        blocks=len(ends),
        convs=sum(x.node.op.kind in ("conv", "conv_transpose") for x in layers),
        params=sum(x.node.params for x in layers),
        macs=sum(x.node.macs for x in layers),
        size=last.size if last else None,
        is_global=bool(last and last.is_global),
    )
