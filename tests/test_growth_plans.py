"""The ladder of a receptive field, against autograd and against its own table."""

from __future__ import annotations

import re
from functools import cache

import pytest

import convviz
from convviz.analysis.backward import hull, reach
from convviz.analysis.cells import Cells
from convviz.analysis.pyramid import cone, pyramid
from convviz.errors import ConvvizError
from convviz.graph import GraphBuilder
from convviz.ops import build
from convviz.plan.growth import MOST, ladder
from tests.oracle import all_units

NETS = [
    "code8",
    "lenet5",
    "patchgan",
    "vgg16",
    "resnet50",
    "wavenet",
    "unet",
    "dcgan",
    "inception_v3",
    "densenet121",
]


@cache
def of(name: str):
    return ladder(convviz.receptive_field(convviz.read(name)))


@pytest.mark.parametrize("name", NETS)
def test_rows_are_what_the_analysis_says(name):
    made = of(name)
    result = made.growth.result
    assert 1 <= len(made.rungs) <= MOST
    for told in made.rungs:
        field = result[told.name]
        numbers = [int(n.replace(",", "")) for n in re.findall(r"[\d,]+", told.span)]
        assert max(field.size) in numbers and set(numbers) <= {*field.size, *field.min}
        if told.formula is not None:
            value = eval(told.formula.numbers.replace("−", "-").replace("×", "*").replace(",", ""))
            assert value == field.size[-1] == int(told.formula.result.replace(",", ""))
        top = told.cone.levels[told.name]
        assert top.cells.count == 1 and top.cells.lo == told.rung.unit[-1]
    spans = [told.rung.field.size[-1] * told.rung.field.size[0] for told in made.rungs]
    assert spans == sorted(set(spans))


@pytest.mark.parametrize("name", ["code8", "patchgan", "wavenet", "unet"])
def test_every_level_is_what_its_layer_reads(name):
    """The cells of a level are those through which the unit reads the input, and the input's own are the unit's."""
    made = of(name)
    lowered = made.growth.result.engine.lowered
    for told in made.rungs:
        read = hull(reach(lowered, told.name, [Cells(u, 1) for u in told.rung.unit]))[-1]
        base = told.cone.levels[lowered.wrt].cells
        assert (base.lo, base.hi) == (read.lo, read.hi)


def test_cone_of_the_middle_is_the_pyramid():
    result = convviz.receptive_field(convviz.read("resnet18"))
    whole = pyramid(result)
    assert cone(result, whole.top, whole.unit, whole.axis) == whole


@pytest.mark.parametrize("name", ["code8", "s4"])
def test_units_against_autograd(name):
    """The first unit of the last rung, and the cone's foot of every rung, are what gradients reach."""
    made = of(name)
    graph = made.growth.result.engine.lowered.graph
    for told in made.rungs[-2:]:
        reached = all_units(graph, told.name, {})
        wide = graph[told.name].out[-1]
        row, column = told.rung.unit
        columns = [int(c) for c in reached[row * wide + column].any(0).nonzero()[0]]
        base = told.cone.levels["input"].cells
        assert (base.lo, base.hi, base.count) == (columns[0], columns[-1], len(columns))
    first = all_units(graph, made.edge.name, {})[0]
    assert (made.corner.span, made.corner.count) == (
        tuple(int(first.any(1 - a).sum()) for a in (0, 1)),
        int(first.sum()),
    )


def test_the_border_in_words():
    assert of("code8").plan.steps[-1].caption == (
        "The first unit of conv7 loses what lies outside: 20×20 cells are left of 22×22."
    )
    assert "even the first unit" in of("lenet5").plan.steps[-2].caption
    assert of("lenet5").plan.steps[-1].caption == "From f6 on every unit reads the whole input, 32×32 cells."
    assert "1 cell is left of 1024" in of("wavenet").plan.steps[-1].caption
    assert of("code8").whole == ((-2, -2), (19, 19))


def test_phases_and_holes_are_told():
    assert "of 8 phases" in of("unet").rungs[-1].caption
    last = of("inception_v3").rungs[-1]
    assert last.special and last.caption.endswith("reads 1,706,433 of the 1,311×1,311 cells that it spans.")
    assert not of("vgg16").rungs[-1].special
    assert of("unet").rungs[-1].formula is None


def test_nothing_to_tell():
    net = GraphBuilder("net", {"input": (3,)})
    net.add("linear1", build("linear", {"out_features": 2}, 0), ["input"])
    with pytest.raises(ConvvizError, match=r"^net: has no layer whose receptive field grows"):
        ladder(convviz.receptive_field(net.build()))
