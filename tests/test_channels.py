"""Channel dependence against known answers and against a numeric probe."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest

from convviz.analysis.channels import channels
from convviz.errors import ConvvizError
from convviz.graph import Graph, GraphBuilder
from convviz.ops import build
from tests.sweeps import seeds

KNOWN = json.loads((Path(__file__).parent / "data" / "known_answers.json").read_text())["channel_dependence"]


def chain(*layers: tuple[str, dict], inputs: int = 4) -> Graph:
    builder = GraphBuilder("net", {"input": (inputs, 6, 6)})
    last = "input"
    for i, (kind, fields) in enumerate(layers):
        last = builder.add(f"n{i}", build(kind, fields), [last]).name
    return builder.build()


GROUPED = ("conv", {"out_channels": 4, "kernel_size": 3, "padding": 1, "groups": 2})
NETS = {
    "grouped_4_4_g2": chain(GROUPED),
    "depthwise_4": chain(("conv", {"out_channels": 4, "kernel_size": 3, "groups": 4})),
    "grouped_shuffle_grouped": chain(GROUPED, ("channel_shuffle", {"groups": 2}), GROUPED),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_answers(name: str) -> None:
    layer = channels(NETS[name]).layers[-1]
    assert layer.net is not None
    assert [list(c) for c in layer.net] == KNOWN[name]


def test_runs_name_stretches_of_equal_channels() -> None:
    layer = channels(NETS["grouped_4_4_g2"])["n0"]
    assert layer.runs() == [(0, 1, (0, 1)), (2, 3, (2, 3))]
    assert layer.own == (2, 2)


def test_unknown_layer_is_named() -> None:
    with pytest.raises(ConvvizError, match="no layer 'n9'"):
        channels(NETS["depthwise_4"])["n9"]


def probe(graph: Graph, rng: np.random.Generator) -> list[set[int]]:
    """Which input channels change which output channels, by trying."""
    weights = {n.name: {k: rng.uniform(0.1, 1, s) for k, s in n.op.weights(*n.ins).items()} for n in graph}

    def run(x: np.ndarray) -> np.ndarray:
        values = {"input": x}
        for n in graph:
            values[n.name] = n.op.forward(*(values[i] for i in n.inputs), weights=weights[n.name])
        return values[graph.nodes[-1].name]

    x = rng.uniform(1, 2, (1, *graph.inputs["input"]))
    base = run(x)
    hits: list[set[int]] = [set() for _ in range(base.shape[1])]
    for c in range(x.shape[1]):
        moved = x.copy()
        moved[0, c] += 1
        for o in np.flatnonzero(np.abs(run(moved) - base)[0].reshape(base.shape[1], -1).max(1) > 1e-12):
            hits[o].add(c)
    return hits


@seeds(60)
def test_random_nets_against_a_probe(seed: int) -> None:
    rng = Random(seed)
    builder = GraphBuilder("net", {"input": (4, 4, 4)})
    names = ["input"]
    for i in range(rng.randint(1, 6)):
        source = rng.choice(names[-2:])
        shape = builder.shapes[source]
        kind = rng.choice(["conv", "conv", "channel_shuffle", "chunk", "slice", "concat", "pixel_shuffle"])
        inputs = [source]
        if kind == "conv":
            groups = rng.choice([g for g in (1, 2, 4) if shape[0] % g == 0])
            op = build("conv", {"out_channels": 4, "kernel_size": 1, "groups": groups})
        elif kind == "concat":
            inputs = [source, rng.choice([n for n in names if builder.shapes[n][1:] == shape[1:]])]
            op = build("concat", {})
        elif kind == "slice":
            op = build("slice", {"dim": 1, "start": rng.randint(0, shape[0] - 1)})
        elif kind == "chunk":
            op = (
                build("chunk", {"chunks": 2, "dim": 1, "index": rng.randint(0, 1)})
                if shape[0] > 1
                else build("relu")
            )
        elif kind == "pixel_shuffle" and shape[0] % 4 == 0:
            op = build(kind, {"upscale_factor": 2})
        elif kind == "channel_shuffle" and shape[0] % 2 == 0:
            op = build(kind, {"groups": 2})
        else:
            op = build("relu")
        names.append(builder.add(f"n{i}", op, inputs).name)
    graph = builder.build()
    last = channels(graph)[graph.nodes[-1].name]
    assert last.net is not None
    assert [set(c) for c in last.net] == probe(graph, np.random.default_rng(seed))
