"""A net as data for the page: its layers, the picture of its branches, and what leads from any unit to its input.

What any unit reads follows from the relations between layers, so the page gets these and never a row for each unit.
They are the steps of :mod:`convviz.analysis.lower`, each stated once, and the page goes back through them as
:mod:`convviz.analysis.backward` does: sets of units are short lists of boxes, cut to the real map at every layer or
nowhere. That is exact at the borders, behind branches that are no product of their axes, and where strides disagree.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convviz.analysis import receptive_field
from convviz.analysis.block_layout import layout
from convviz.analysis.blocks import Block, Blocks, extent, units
from convviz.analysis.results import ReceptiveField
from convviz.errors import ConvvizError
from convviz.explorer.effective import Field, fields_data
from convviz.explorer.net_image import image_address
from convviz.explorer.net_reads import Reads
from convviz.explorer.setting import yaml
from convviz.explorer.views import Store
from convviz.graph import Graph, Node
from convviz.ops.base import show
from convviz.report.blocks import UNSAID, about
from convviz.report.data import input_data, layer_data, totals

if TYPE_CHECKING:
    from convviz.read import Input

LAYERS = 1500  # more than a reader scrolls through
Json = dict[str, Any]


def net_data(
    graph: Graph,
    image: np.ndarray | None = None,
    erf: Sequence[Field] | None = None,
    wrt: str | None = None,
    *,
    with_global: bool = False,
    source: str | None = None,
) -> Json:
    """Everything the page shows of a net, as plain data.

    image: what to draw under the input, (C, H, W) with 1 or 3 channels, values from 0 to 1 or whole numbers of 8 bits.
    erf: effective fields of single units, drawn over the input where that unit is looked at; None: nobody asked for
    any. wrt: the input, by default the first. with_global: follow what reads the whole image, too. source: how a
    command line names the net (:func:`source_of`), for commands to copy. Of a net with more than ``LAYERS`` layers the
    first are shown, and ``notes`` says so. Raises ConvvizError for an unknown input and an image that does not fit.
    """
    kept, notes = _cut(graph)
    result = receptive_field(kept, wrt, with_global=with_global)
    index = {name: i for i, name in enumerate(kept.by_name)}
    index[result.wrt] = -1
    reads, codes = Reads(result, index), Store()
    layers = [
        layer_data(layer)
        | reads.layer(layer.node.name)
        | {"code": codes.add(_code(layer.node)), "shares": layer.node.shares}
        for layer in result
    ]
    space = reads.lowered.sizes[: reads.lowered.rank]
    picture, coarse = (None, []) if image is None else image_address(image, space)
    fields, left = fields_data(erf or (), kept)
    if erf is not None and not (fields or left):
        left = [
            "No layer of this net has units with an effective field: they have no place, or read all of the input."
        ]
    return {
        "page": "net",
        "name": graph.name,
        "source": source,
        "input": input_data(graph),
        "wrt": result.wrt,
        "space": list(space),
        "totals": totals(graph) | {"layers": len(graph.nodes)},
        "notes": [
            *notes,
            *dict.fromkeys(reads.untold.values()),
            *left,
            *coarse,
            *_followed(result),
            *result.warnings,
        ],
        "layers": layers,
        "steps": reads.steps.entries,
        "phases": reads.phases.entries,
        "codes": codes.entries,
        "pictures": {
            "blocks": _picture(Blocks(result, tuple(units(result)), (), "layers"), index),
            "layers": _picture(Blocks(result, tuple(_single(result)), (), "layers"), index),
        },
        "image": picture,
        "erf": fields,
    }


def source_of(what: Any, input: Input | None = None, treat: Mapping[str, str] | None = None) -> str | None:
    """How a command line names a net, ready to copy; None for what has no name there.

    >>> source_of("net.py:Net(3)", (3, 64, 64))
    "'net.py:Net(3)' --input 3x64x64"
    """
    if not isinstance(what, str | Path):
        return None
    shapes = input if isinstance(input, Mapping) else {} if input is None else {"": input}
    words = [str(what)]
    for name, shape in shapes.items():
        size = shape if isinstance(shape, str) else show(tuple(shape))
        words += ["--input", f"{name}={size}" if name else size]
    for name, kind in (treat or {}).items():
        words += ["--treat", f"{name}={kind}"]
    return shlex.join(words)


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


def _followed(result: ReceptiveField) -> list[str]:
    """Which of several inputs is followed."""
    others = [name for name in result.graph.inputs if name != result.wrt]
    if not others:
        return []
    return [f"Fields are measured on {result.wrt}; --wrt follows {' or '.join(others)} instead."]


def _code(node: Node) -> Json:
    """The layer in PyTorch and in a model.yaml."""
    try:
        made = node.op.torch(*node.ins)
        places = [f"x{i + 1}" if len(node.ins) > 1 else "x" for i in range(len(node.ins))]
        torch = made.module or made.call.format(*places, self="layer")
    except (ConvvizError, IndexError):  # a constant, or an op of a torch module without source of its own
        torch = ""
    return {"torch": torch, "yaml": yaml(node.op)}


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
                "does": _does(block, drawn.result.graph),
                "params": block.params,
                "macs": block.macs,
            }
        )
    wires = [[w.source, w.target, w.lane, w.track] for w in plan.wires]
    return {"rows": rows, "wires": wires, "lanes": plan.lanes, "tracks": plan.tracks}


def _does(block: Block, graph: Graph) -> str:
    """What a row does; that its units lose their places is said, too, for its shape shows it."""
    words = about(block).split(" · ")
    behind = [graph[name] for name in block.nodes[block.nodes.index(block.main.name) + 1 :]]
    turned = [
        i for i, node in enumerate(behind) if node.op.kind in UNSAID and len(node.out) != len(node.ins[0])
    ]
    if turned and len(block.last.out) != len(block.main.out):
        later = sum(node.op.kind not in UNSAID for node in behind[turned[-1] + 1 :])
        words.insert(len(words) - later, behind[turned[-1]].op.kind)
    return " · ".join(words)
