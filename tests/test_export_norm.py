"""The exported module with its norm as an argument: it is the net that has this norm, with the same weights."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import nn

import convviz
from convviz.build import build_module
from convviz.cli import main
from convviz.errors import ConvvizError
from convviz.export import WIDTH, export
from convviz.export_norm import export_with_norm, norm_word
from convviz.graph import Graph
from convviz.runs.variants import varied

NORMS = ["batch", "layer", "group", "group:1", "group:5", "instance", "rms", "ghost", "ghost:3", "without"]


def net(tmp_path: Path, layers: str, shape: str = "[1, 12, 12]") -> Graph:
    file = tmp_path / "mine.yaml"
    file.write_text(f"name: mine\ninput: {shape}\nlayers:\n{layers}", encoding="utf-8")
    return convviz.read(file)


def made(graph: Graph, norm: str | None = None, **options: Any) -> nn.Module:
    space: dict[str, Any] = {"__name__": "exported"}
    exec(compile(export_with_norm(graph, title="Net", **options), "net.py", "exec"), space)
    module: nn.Module = space["Net"]() if norm is None else space["Net"](norm=norm)
    return module


def check_same(graph: Graph, mine: nn.Module) -> None:
    """Weights of the net with this norm load, and give the same outputs in training, and in evaluation thereafter."""
    theirs, _ = build_module(graph)
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in theirs.parameters():
            weight.copy_(torch.randn_like(weight) / 3 + 0.1)
    mine.load_state_dict(theirs.state_dict())
    x = torch.randn(7, *next(iter(graph.inputs.values())))
    for mode in (True, False):
        outputs = []
        for module in (mine, theirs):
            torch.manual_seed(1)  # of the dropout
            outputs.append(module.train(mode)(x))
        torch.testing.assert_close(*outputs, rtol=0, atol=0)


@pytest.mark.parametrize("norm", NORMS)
def test_it_is_the_net_with_this_norm(norm: str) -> None:
    graph = convviz.read("s6_bn" if norm in ("group", "layer") else "s6_gn")
    check_same(varied(graph, norm), made(graph, norm))


@pytest.mark.parametrize("name", ["s6_bn", "s6_gn", "s6_ln", "s7", "code8", "cifar_s7_small"])
def test_by_default_it_is_the_net_itself(name: str) -> None:
    check_same(convviz.read(name), made(convviz.read(name)))


def test_nets_that_differ_in_the_norm_give_one_file() -> None:
    texts = {
        export_with_norm(read_as(name), norm="batch", title="Net") for name in ("s6_bn", "s6_gn", "s6_ln")
    }
    assert len(texts) == 1


def read_as(name: str) -> Graph:
    from dataclasses import replace

    return replace(convviz.read(name), name="s6")


VECTORS = """\
  - conv: {out_channels: 6, kernel_size: 3}
  - batch_norm
  - relu
  - flatten
  - linear: 8
  - batch_norm
  - linear: 10
"""


@pytest.mark.parametrize("norm", ["batch", "ghost:2", "group:2", "layer", "without"])
def test_maps_and_vectors(tmp_path: Path, norm: str) -> None:
    graph = net(tmp_path, VECTORS)
    check_same(varied(graph, norm), made(graph, norm))
    assert "InstanceNorm" not in export_with_norm(graph)  # vectors have no space


@pytest.mark.parametrize("shape, rank", [("[2, 9]", 1), ("[2, 5, 5, 5]", 3)])
@pytest.mark.parametrize("norm", ["batch", "ghost:2", "instance", "layer"])
def test_other_ranks(tmp_path: Path, shape: str, rank: int, norm: str) -> None:
    graph = net(tmp_path, "  - conv: {out_channels: 4, kernel_size: 3}\n  - batch_norm\n", shape)
    check_same(varied(graph, norm), made(graph, norm))
    assert f"BatchNorm{rank}d" in export_with_norm(graph)


@pytest.mark.parametrize(
    "layer, text",
    [
        ("batch_norm: {eps: 0.1, momentum: 0.3}", "BatchNorm2d(channels, eps=0.1, momentum=0.3)"),
        ("batch_norm: {affine: false}", "BatchNorm2d(channels, affine=False)"),
        ("batch_norm: {track_running_stats: false}", "BatchNorm2d(channels, track_running_stats=False)"),
        ("group_norm: {num_groups: 3, eps: 0.5}", "GroupNorm(int(count or 2), channels, eps=0.5)"),
        ("ghost_batch_norm: {num_splits: 4, eps: 0.5}", "super().__init__(channels, eps=0.5)"),
        ("instance_norm", "nn.InstanceNorm2d(channels)"),
        ("layer_norm: {eps: 0.5, bias: false}", "nn.LayerNorm(shape, eps=0.5, bias=False)"),
        ("rms_norm: {eps: 0.5}", "nn.RMSNorm(shape, eps=0.5)"),
    ],
)
def test_the_nets_own_settings_stay(tmp_path: Path, layer: str, text: str) -> None:
    graph = net(tmp_path, f"  - conv: {{out_channels: 6, kernel_size: 3}}\n  - {layer}\n")
    assert text in export_with_norm(graph)
    check_same(graph, made(graph))


def test_settings_of_the_own_norm_do_not_leak_into_the_others(tmp_path: Path) -> None:
    graph = net(tmp_path, "  - conv: {out_channels: 6, kernel_size: 3}\n  - batch_norm: {eps: 0.1}\n")
    for norm in ("group:2", "ghost:2", "instance"):
        check_same(varied(graph, norm), made(graph, norm))


def test_names_of_ones_own_stay(tmp_path: Path) -> None:
    graph = net(
        tmp_path,
        "  - conv: {out_channels: 6, kernel_size: 3}\n    name: c\n  - batch_norm:\n    name: norm\n"
        "  - relu:\n    name: make_norm\n",
    )
    source = export_with_norm(graph)
    assert "load_state_dict" not in source and "import re" not in source
    check_same(varied(graph, "group:2"), made(graph, "group:2"))


@pytest.mark.parametrize(
    "layers, text",
    [
        ("  - conv: {out_channels: 4, kernel_size: 3}\n", "has no norm that could be an argument"),
        ("  - batch_norm\n  - layer_norm\n", "has norms of several kinds or settings (batch_norm1, layer_norm1)"),
        ("  - batch_norm\n  - batch_norm: {eps: 0.1}\n", "has norms of several kinds or settings"),
        ("  - layer_norm: {normalized_dims: 1}\n", "does not normalize channels and all of space"),
        ("  - relu:\n    name: my_batch_norm\n  - batch_norm\n", "has a name that its norms need"),
        ("  - relu:\n    name: norm1\n  - batch_norm\n", "the name 'norm1' is taken"),
    ],
)  # fmt: skip
def test_nets_that_it_does_not_fit(tmp_path: Path, layers: str, text: str) -> None:
    with pytest.raises(ConvvizError, match=re.escape(text)):
        export_with_norm(net(tmp_path, layers))


@pytest.mark.parametrize("norm", ["Batch", "batch:2", "", "layers", "group:x", "without:1"])
def test_the_exported_module_refuses_what_is_no_norm(norm: str) -> None:
    with pytest.raises(ValueError):
        made(convviz.read("s6_bn"), norm)


@pytest.mark.parametrize("name, word", [("s6_bn", "batch"), ("s6_ln", "group:1"), ("s6_gn", "group:2")])
def test_norm_word(name: str, word: str) -> None:
    assert norm_word(convviz.read(name)) == word


def test_lines_fit_and_parse() -> None:
    source = export_with_norm(convviz.read("cifar_s7_small"))
    ast.parse(source)
    assert max(map(len, source.splitlines())) <= WIDTH + 10


def test_command(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["export", "s6_bn", "--norm-argument"])
    assert done.exit_code == 0 and done.output == export_with_norm(convviz.read("s6_bn"))
    done = CliRunner().invoke(main, ["export", "s6_bn"])
    assert done.output == export(convviz.read("s6_bn"))
    done = CliRunner().invoke(main, ["export", "code2", "--norm-argument"])
    assert done.exit_code == 2 and done.output == "convviz: code2: has no norm that could be an argument\n"
