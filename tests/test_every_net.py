"""Every analysis and every report on every net that there is: bundled ones and torch modules."""

from __future__ import annotations

import json
from functools import cache
from math import prod

import pytest

import convviz
from convviz.analysis import unit
from convviz.analysis.channels import channels
from convviz.analysis.check import FEATURES, check
from convviz.analysis.compare import compare
from convviz.analysis.growth import growth
from convviz.analysis.padding import padding_reach
from convviz.analysis.results import ReceptiveField
from convviz.analysis.stages import stages
from convviz.errors import ConvvizError
from convviz.read import bundled
from convviz.report import data, nets, views
from convviz.report.formats import render
from convviz.report.tables import render_rf

pytest.importorskip("torch")

from tests.nets import NETS

FORMATS = ("text", "table", "md", "csv", "latex", "html", "json")
ALL = [*bundled.names(), *(f"torch {name}" for name in NETS)]
BIG = ("resnet101", "resnet152")


@cache
def result_of(name: str) -> ReceptiveField:
    if name.startswith("torch "):
        factory, shape = NETS[name.removeprefix("torch ")]
        return convviz.receptive_field(convviz.read(factory(), shape))
    return convviz.receptive_field(convviz.read(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_every_table_in_every_format(name: str) -> None:
    result = result_of(name)
    names = [layer.node.name for layer in result]
    for format in FORMATS:
        shown = render_rf(result, format)
        assert shown.count("\n") >= len(names) - 1
    found = json.loads(render_rf(result, "json"))
    assert [layer["name"] for layer in found["layers"]] == names
    assert (
        sum(layer["params"] for layer in found["layers"]) == found["totals"]["params"] == result.graph.params
    )
    for table in (
        views.stages_table(result.graph, stages(result)),
        views.channels_table(result.graph, channels(result.graph)),
    ):
        for format in ("table", "md", "csv", "latex", "html"):
            assert render(table, format)


@pytest.mark.parametrize("name", [n for n in ALL if n not in BIG])
def test_every_analysis(name: str) -> None:
    result = result_of(name)
    assert growth(result) is not None
    verdict = check(result, uses=FEATURES, max_params=10**9)
    assert len(verdict.rules) == len(FEATURES) + 1
    same = compare(result, result)
    assert render(nets.compare_table(same), "table") and data.compare_data(same)
    assert not same.changes
    try:
        reach = padding_reach(result)
    except ConvvizError as err:
        assert "spatial axes" in err.message or "too long" in err.message
    else:
        assert 0 <= reach.count <= reach.total
        assert views.padding_data(reach) and render(views.padding_table(result.graph, reach), "md")


@pytest.mark.parametrize("name", ALL)
def test_fields_are_consistent(name: str) -> None:
    """What must hold in any net: bounds, and the real unit in the middle lies inside the field."""
    result = result_of(name)
    for layer in result:
        field = layer.rf
        if field is None:
            continue
        assert all(0 <= low <= high for low, high in zip(field.min, field.size, strict=True))
        if field.pixels is not None and field.size:
            assert field.pixels <= prod(field.size)
        for jump, period in zip(field.jump, field.period, strict=True):
            assert jump is None or (jump * period).denominator == 1
        if field.is_global:
            assert set(field.jump) <= {None} and set(field.period) <= {1}
    last = [
        layer
        for layer in result
        if layer.rf and not layer.rf.is_global and len(layer.node.out) == len(layer.rf.size) + 1
    ]
    if last and last[-1].rf and last[-1].rf.size:
        node = last[-1].node
        sizes = result.engine.lowered.nodes[node.name].state.sizes[:-1]
        found = unit(result, tuple(n // 2 for n in sizes), node.name)
        assert found.span is None or all(s <= n for s, n in zip(found.span, last[-1].rf.size, strict=True))
