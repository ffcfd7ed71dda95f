"""A net as data for the page: its layers, the picture of its branches, and what leads from any unit to its input.

What any unit reads follows from the relations between layers, so the page gets these and never a row for each unit.
They are the steps of :mod:`convviz.analysis.lower`, each stated once, and the page goes back through them as
:mod:`convviz.analysis.backward` does: sets of units are short lists of boxes, cut to the real map at every layer or
nowhere. That is exact at the borders, behind branches that are no product of their axes, and where strides disagree.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from convviz.analysis import receptive_field
from convviz.analysis.axis_map import AxisMap
from convviz.analysis.block_layout import layout
from convviz.analysis.blocks import Block, Blocks, extent, units
from convviz.analysis.influence import EffectiveField, Mass
from convviz.analysis.layout import Step
from convviz.analysis.lower import Edge, Lowered
from convviz.analysis.paths import PathCounts
from convviz.analysis.results import ReceptiveField
from convviz.errors import ConvvizError
from convviz.explorer.png import png
from convviz.explorer.relations import relation_json
from convviz.graph import Graph
from convviz.ops.base import show
from convviz.ops.relations import Table
from convviz.report.blocks import about
from convviz.report.data import input_data, layer_data, totals

LAYERS = 1500  # more than a reader scrolls through
CELLS = 4096  # units along one axis that a page can still draw
PHASES = 64  # output phases whose reach is listed
Json = dict[str, Any]


def net_data(
    graph: Graph,
    image: np.ndarray | None = None,
    erf: Sequence[EffectiveField | PathCounts] = (),
    wrt: str | None = None,
) -> Json:
    """Everything the page shows of a net, as plain data.

    image: what to draw under the input, (C, H, W) with 1 or 3 channels, values from 0 to 1 or whole numbers of 8 bits.
    erf: effective fields of single units, drawn over the input where that unit is looked at. wrt: the input, by default
    the first. Of a net with more than ``LAYERS`` layers the first are shown, and ``notes`` says so.
    Raises ConvvizError for an unknown input and an image that does not fit.
    """
    kept, notes = _cut(graph)
    result = receptive_field(kept, wrt)
    lowered: Lowered = result.engine.lowered
    index = {name: i for i, name in enumerate(kept.by_name)}
    index[lowered.wrt] = -1
    steps, phases = _Once(), _Once()
    layers = []
    for layer in result:
        name = layer.node.name
        node = lowered.nodes[name]
        layers.append(
            layer_data(layer)
            | {
                "map": list(node.state.sizes[: lowered.rank]) if node.state else None,
                "reads": [_edge(e, index, lowered.rank, steps) for e in node.edges],
                "phases": _phases(result, name, phases),
            }
        )
    space = lowered.sizes[: lowered.rank]
    notes += _too_long(lowered)
    return {
        "page": "net",
        "name": graph.name,
        "input": input_data(graph),
        "wrt": lowered.wrt,
        "space": list(space),
        "totals": totals(graph),
        "notes": notes + list(result.warnings),
        "layers": layers,
        "steps": steps.items,
        "phases": phases.items,
        "pictures": {
            "blocks": _picture(Blocks(result, tuple(units(result)), (), "layers"), index),
            "layers": _picture(Blocks(result, tuple(_single(result)), (), "layers"), index),
        },
        "image": None if image is None else _image(image, space),
        "erf": [_erf(field, kept) for field in erf],
    }


def _cut(graph: Graph) -> tuple[Graph, list[str]]:
    """The layers that are shown; they read nothing of those left out, which come later."""
    left = len(graph.nodes) - LAYERS
    if left <= 0:
        return graph, []
    kept = replace(graph, nodes=graph.nodes[:LAYERS], outputs=())
    return kept, [
        f"{graph.name} has {len(graph.nodes):,} layers. "
        f"The first {LAYERS:,} are shown; the other {left:,} count in the totals only."
    ]


def _too_long(lowered: Lowered) -> list[str]:
    """Maps too long to point at: the column still has their numbers."""
    sizes = lowered.sizes[: lowered.rank]
    if max(sizes, default=0) <= CELLS:
        return []
    return [f"The input is {show(sizes)}: maps longer than {CELLS:,} units are listed, but not drawn."]


class _Once:
    """Items that are equal are stated once; what refers to them has their place."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.places: dict[Any, int] = {}

    def add(self, key: Any, item: Any) -> int:
        if key not in self.places:
            self.places[key] = len(self.items)
            self.items.append(item)
        return self.places[key]


# -- what a layer reads ------------------------------------------------------------------------------------
def _edge(edge: Edge, index: dict[str, int], rank: int, steps: _Once) -> Json:
    """Where an edge leads, and the steps along each image axis, from the source's side to the layer's."""
    axes = [[steps.add(_key(s), _step(s)) for s in line] for line in edge.steps[:rank]]
    return {"from": index[edge.source], "steps": axes}


def _key(step: Step) -> Any:
    """Equal for steps that are known to be equal: a table's rows may be too many to compare."""
    r = step.relation
    return (id(r.rows), r.advance, r.border, step.n, step.m) if isinstance(r, Table) else step


def _step(step: Step) -> Json:
    """Without a relation: every unit reads all. Of a period too long to write down, the rows of real units."""
    rows = None if step.relation.period <= CELLS else step.m
    relation = None if step.whole else relation_json(step.relation, rows)
    return {"relation": relation, "n": step.n, "m": step.m}


def _phases(result: ReceptiveField, name: str, tables: _Once) -> list[int | None]:
    """For each axis the table of what one period of units spans and reads; None where all units are alike."""
    field = result.engine.free.get(name)
    return [] if field is None else [_table(table, tables) for table in field.axes]


def _table(table: AxisMap | None, tables: _Once) -> int | None:
    if table is None or table.constant or not 1 < table.period <= PHASES:
        return None
    rows = [[cells.span, cells.count] for cells in table.rows]
    return tables.add(tuple(map(tuple, rows)), rows)


# -- the picture of its branches ---------------------------------------------------------------------------
def _single(result: ReceptiveField) -> Iterable[Block]:
    """Every layer as a block of its own."""
    for node, rf in ((layer.node, layer.rf) for layer in result):
        channels, space = extent(result, node.name)
        sources = tuple(dict.fromkeys(node.inputs))
        yield Block(node.name, (node.name,), sources, node, node, rf, node.params, node.macs, channels, space)


def _picture(drawn: Blocks, index: dict[str, int]) -> Json:
    """Rows in the order of the net, the input first, and the connections between them."""
    plan = layout(drawn)
    rows: list[Json] = []
    for place in plan.places:
        block = place.block
        if block is None:
            rows.append({"name": place.name, "lane": place.lane, "layers": []})
            continue
        rows.append(
            {
                "name": block.name,
                "lane": place.lane,
                "layers": [index[name] for name in block.nodes],
                "shows": index[block.last.name],
                "does": about(block),
                "params": block.params,
                "macs": block.macs,
            }
        )
    wires = [[w.source, w.target, w.lane, w.track] for w in plan.wires]
    return {"rows": rows, "wires": wires, "lanes": plan.lanes, "tracks": plan.tracks}


# -- what lies under and over the input --------------------------------------------------------------------
def _image(image: np.ndarray, space: Sequence[int]) -> str:
    """The image as a `data:` address."""
    fits = image.ndim == 3 and image.shape[0] in (1, 3) and image.shape[1:] == tuple(space)
    if not fits:
        raise ConvvizError(
            f"the image is {show(image.shape)}; the page draws 1 or 3 channels of {show(space)}", "image"
        )
    cells = image if image.dtype == np.uint8 else np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
    return "data:image/png;base64," + b64encode(png(np.moveaxis(cells, 0, -1))).decode()


def _erf(field: EffectiveField | PathCounts, graph: Graph) -> Json:
    """A unit's effective field: a byte for each cell (255 for the largest), by axis where it is a product."""
    paths = field.paths if isinstance(field, EffectiveField) else field
    mass: Mass | None = field.gradient if isinstance(field, EffectiveField) else paths.real
    if mass is None:
        raise ConvvizError(f"the paths to {paths.layer} are too many cells to draw", "erf")
    shares = [np.round(s / s.max() * 255).astype(np.uint8) for s in mass.shares]
    return {
        "layer": list(graph.by_name).index(paths.layer),
        "unit": list(paths.unit),
        "measured": isinstance(field, EffectiveField),
        "origin": list(mass.origin),
        "shape": list(mass.shape),
        "factors": [b64encode(s.tobytes()).decode() for s in shares],
    }
