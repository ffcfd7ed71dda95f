"""Another norm or dropout in the place of a net's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from convviz.build import build_module
from convviz.errors import ConvvizError
from convviz.graph import Graph
from convviz.ops.norm import Norm
from convviz.read import read
from convviz.runs.variants import DROPOUTS, NORMS, varied
from tests import tiny


def kinds(graph: Graph) -> list[str]:
    return [node.op.kind for node in graph]


def norms(graph: Graph) -> list[str]:
    return [node.op.kind for node in graph if isinstance(node.op, Norm)]


@pytest.mark.parametrize("word", [*NORMS, *NORMS.values()])
@pytest.mark.parametrize("net", ["s6_bn", "code8", "resnet18"])
def test_every_norm_takes_the_place_of_batch_norm(net: str, word: str) -> None:
    graph = read(net)
    found = varied(graph, norm=word)
    assert set(norms(found)) == {NORMS.get(word, word)} and len(norms(found)) == len(norms(graph))
    others = [kind for kind in kinds(graph) if kind != "batch_norm"]
    assert [kind for kind in kinds(found) if kind != NORMS.get(word, word)] == others
    assert found.shape(found.outputs[0]) == graph.shape(graph.outputs[0])
    assert found.name == graph.name and found.meta["variant"].startswith(NORMS.get(word, word))


@pytest.mark.parametrize("word", NORMS)
def test_the_variant_runs(word: str) -> None:
    graph = varied(read("s6_bn"), norm=word)
    module, _ = build_module(graph)
    assert sum(p.numel() for p in module.parameters()) == graph.params
    assert module.train()(torch.randn(5, 1, 28, 28)).shape == (5, 10)


def test_parameters_of_the_norms() -> None:
    graph = read("s6_bn")
    for word in ("batch", "group", "ghost", "instance"):  # a scale and a shift of each channel
        assert varied(graph, norm=word).params == 4700
    assert varied(graph, norm="without").params == 4600
    cells = 10 * (26**2 + 24**2 + 22**2 + 9**2 + 7**2)
    assert varied(graph, norm="layer").params == 4600 + 2 * cells
    assert varied(graph, norm="rms").params == 4600 + cells


def test_the_course_s_layer_norm_is_one_group() -> None:
    found = varied(read("s6_bn"), norm="group:1")
    assert [node.op for node in found] == [node.op for node in read("s6_ln")]


def test_numbers_reach_the_ops() -> None:
    found = varied(read("s7"), norm="ghost:5", dropout="alpha_dropout:0.25")
    assert {node.op.num_splits for node in found if node.op.kind == "ghost_batch_norm"} == {5}
    assert {node.op.p for node in found if node.op.kind == "alpha_dropout"} == {0.25}


@pytest.mark.parametrize("word", DROPOUTS)
def test_every_dropout(word: str) -> None:
    found = varied(read("s7"), dropout=word)
    assert {(node.op.kind, node.op.p) for node in found if node.op.kind in DROPOUTS} == {(word, 0.12)}


def test_a_rate_alone_keeps_the_kind_and_without_leaves_it_out() -> None:
    found = varied(read("s7"), dropout="0.3")
    assert {(node.op.kind, node.op.p) for node in found if node.op.kind in DROPOUTS} == {("dropout2d", 0.3)}
    bare = varied(read("s7"), norm="without", dropout="without")
    assert not {"batch_norm", "dropout2d"} & set(kinds(bare))
    assert [kind for kind in kinds(read("s7")) if kind not in ("batch_norm", "dropout2d")] == kinds(bare)


def test_names_tell_the_new_kind_and_the_others_stay() -> None:
    found = varied(read("s6_bn"), norm="group:2")
    assert [node.name for node in found][:3] == ["unit1.conv1", "unit1.relu1", "unit1.group_norm1"]


@pytest.mark.parametrize(
    ("layers", "change", "names"),
    [
        (["batch_norm", "group_norm: 2"], {"norm": "group"}, ["group_norm1_2", "group_norm1"]),
        (["dropout: 0.1", "dropout2d: 0.1"], {"dropout": "dropout2d:0.5"}, ["dropout2d1_2", "dropout2d1"]),
        (["dropout: 0.1", "dropout2d: 0.1", "alpha_dropout"], {"dropout": "dropout"},
         ["dropout1", "dropout1_2", "alpha_dropout1"]),
        (["batch_norm", "batch_norm"], {"norm": "instance"}, ["instance_norm1", "instance_norm2"]),
    ],
)  # fmt: skip
def test_names_that_would_meet_are_told_apart(
    layers: list[str], change: dict[str, str], names: list[str], tmp_path: Path
) -> None:
    text = "name: two\ninput: [4, 8, 8]\nlayers:\n" + "".join(f"  - {layer}\n" for layer in layers)
    found = varied(read(tiny.net(tmp_path, text)), **change)
    assert len({node.name for node in found}) == len(layers)
    if "alpha_dropout" not in layers[-1]:
        assert [node.name for node in found] == names


def test_joins_and_outputs_behind_what_is_left_out(tmp_path: Path) -> None:
    text = """
name: join
input: [4, 8, 8]
layers:
  - batch_norm
    name: left
  - conv: {out_channels: 4, kernel_size: 1}
    name: right
    from: input
  - add:
    from: [left, right]
  - dropout: 0.5
""".replace("  - batch_norm\n", "  - batch_norm:\n").replace("  - add\n", "  - add:\n")
    found = varied(read(tiny.net(tmp_path, text)), norm="without", dropout="without")
    assert [(node.op.kind, node.inputs) for node in found] == [
        ("conv", ("input",)),
        ("add", ("input", "right")),
    ]
    assert found.outputs == (found.nodes[-1].name,)


@pytest.mark.parametrize(
    ("net", "change", "told"),
    [
        ("code2", {"norm": "batch"}, "norm: code2 has no norm to replace"),
        ("s6_bn", {"dropout": "0.1"}, "dropout: s6_bn has no dropout to replace"),
        ("s6_bn", {"norm": "group:3"}, "num_groups: must divide the 10 channels, got 3"),
        ("s6_bn", {"norm": "batchnorm"}, "norm: no norm 'batchnorm'; did you mean 'batch_norm'?"),
        ("s7", {"dropout": "drop_out"}, "dropout: no dropout 'drop_out'; did you mean 'dropout'?"),
    ],
)
def test_what_cannot_be_replaced_is_told(net: str, change: dict[str, str], told: str) -> None:
    with pytest.raises(ConvvizError) as caught:
        varied(read(net), **change)
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_no_change_is_the_graph_itself() -> None:
    graph = read("s7")
    assert varied(graph) is graph
