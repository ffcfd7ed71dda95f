"""Fifteen small nets whose every unit is known, and how channels depend on channels."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

from convviz.analysis import receptive_field, unit
from convviz.graph import Graph, GraphBuilder
from convviz.ops import build

KNOWN = json.loads((Path(__file__).parent / "data" / "known_answers.json").read_text())
SIMPLE = {"maxpool": "max_pool", "avgpool": "avg_pool", "tconv": "conv_transpose"}


def add(builder: GraphBuilder, layers: list[dict], source: str, rank: int, prefix: str) -> str:
    """Append ``layers`` behind ``source`` and return the name of the last."""
    for i, layer in enumerate(layers):
        name, kind = f"{prefix}{i}", layer["op"]
        if kind in ("add", "concat"):
            ends = [add(builder, b, source, rank, f"{name}_{j}_") for j, b in enumerate(layer["branches"])]
            builder.add(name, build(kind, {}, rank), ends)
        else:
            builder.add(name, build(SIMPLE.get(kind, kind), fields(layer, rank), rank), [source])
        source = name
    return source


def fields(layer: dict, rank: int) -> dict:
    kind = layer["op"]
    if kind == "upsample":
        keys = {"mode": "mode", "r": "scale_factor", "size": "size", "align_corners": "align_corners"}
        return {keys[k]: v for k, v in layer.items() if k in keys}
    padding = layer.get("p", 0)
    if isinstance(padding, dict):
        padding = [[padding["left"], padding["right"]]] * rank
    out = {"kernel_size": layer["k"], "stride": layer["s"], "padding": padding}
    if kind in ("conv", "tconv"):
        out |= {"out_channels": 1, "dilation": layer.get("d", 1)}
    if kind == "conv":
        out["padding_mode"] = layer.get("pad_mode", "zeros")
    if kind == "tconv":
        out["output_padding"] = layer.get("op_pad", 0)
    if kind in ("maxpool", "avgpool"):
        out["ceil_mode"] = layer.get("ceil", False)
    return out


def graph_of(net: dict) -> tuple[Graph, str]:
    builder = GraphBuilder(net["name"], {"input": (1, *net["input_size"])})
    last = add(builder, net["layers"], "input", net["ndim"], "n")
    return builder.build(), last


@pytest.mark.parametrize("net", KNOWN["nets"], ids=lambda net: net["name"])
def test_field(net: dict) -> None:
    graph, last = graph_of(net)
    field = receptive_field(graph)[last]
    assert field is not None
    assert list(graph[last].out[1:]) == net["output_size"]
    assert list(field.size) == net["rf_max"]
    assert [str(j) for j in field.jump] == net["jump"]
    assert list(field.period) == net["period"]
    assert field.pixels == max(p["count"] for p in net["phases"])
    if "unclipped_span_by_phase" in net:
        assert field.min[0] == min(net["unclipped_span_by_phase"])
        assert field.pixels == max(net["unclipped_count_by_phase"])
    for text in net.get("unclipped_lo_formula", [])[:1]:
        lo = Fraction(text.removeprefix("lo(o)=").split("+")[0])
        assert field.start == (lo,)


@pytest.mark.parametrize("net", KNOWN["nets"], ids=lambda net: net["name"])
def test_units(net: dict) -> None:
    graph, last = graph_of(net)
    result = receptive_field(graph)
    for want in [net["first"], net["middle"], net["last"], *net["phases"]]:
        got = unit(result, want["index"], last)
        assert got.count == want["count"]
        assert (None if got.lo is None else list(got.lo)) == want["lo"]
        assert (None if got.hi is None else list(got.hi)) == want["hi"]
        if got.span is not None:
            assert list(got.span) == want["span"]
    for index, want in enumerate(net.get("all_units", [])):
        got = unit(result, (index,), last)
        assert want == (None if got.lo is None else [got.lo[0], got.hi[0], got.count])
