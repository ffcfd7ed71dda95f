"""The builders of nets: what they are made of, what they compute, what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import convviz
from convviz.analysis.receptive_field import receptive_field
from convviz.build import build_module
from convviz.errors import ConvvizError
from convviz.export import export
from convviz.graph import Graph
from convviz.read import read
from convviz.runs.recipe import Recipe
from convviz.runs.variants import varied
from convviz.train.builders import (
    ACTIVATIONS,
    GhostBatchNorm1d,
    GhostBatchNorm2d,
    GhostBatchNorm3d,
    conv_block,
    conv_layer,
    module_of,
    transition_block,
)
from convviz.train.net import built
from convviz.verify.check import verify
from tests import tiny


def s6(norm: str | None = "batch") -> nn.Sequential:
    """The course's net of S6, from its three builders."""
    return nn.Sequential(
        conv_block(1, (10, 10, 10), norm=norm),
        nn.AvgPool2d(2),
        conv_block(10, (10, 10), norm=norm),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(90, 10),
        nn.LogSoftmax(1),
    )


def code8() -> nn.Sequential:
    options: dict[str, Any] = {"dropout": 0.1}
    return nn.Sequential(
        conv_block(1, (16, 32), **options),
        transition_block(32, 10),
        conv_block(10, (16, 16, 16), **options),
        conv_layer(16, 16, padding=1, **options),
        nn.AvgPool2d(6),
        conv_layer(16, 10, 1, norm=None, activation=None),
        nn.Flatten(),
        nn.LogSoftmax(1),
    )


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def ops(graph: Graph) -> list[Any]:
    return [node.op for node in graph]


def copied(source: nn.Module, target: nn.Module) -> nn.Module:
    """``target`` with the weights of ``source``, in their order."""
    values = list(source.state_dict().values())
    target.load_state_dict(dict(zip(target.state_dict(), values, strict=True)))
    return target


ZOO = {
    "batch": (s6, "s6_bn", None),
    "group": (lambda: s6("group:2"), "s6_gn", None),
    "layer": (lambda: s6("layer"), "s6_ln", None),
    "ghost": (lambda: s6("ghost:3"), "s6_bn", "ghost:3"),
    "instance": (lambda: s6("instance"), "s6_bn", "instance"),
    "none": (lambda: s6(None), "s6_bn", "without"),
    "code8": (code8, "code8", None),
}


@pytest.mark.parametrize("case", ZOO)
def test_built_nets_are_the_bundled_ones(case: str) -> None:
    """The same ops, parameters and, with the same weights, outputs, in training (splits of 7) and after it."""
    make, name, norm = ZOO[case]
    net, graph = make(), varied(read(name), norm=norm)
    assert ops(read(net, "1x28x28")) == ops(graph)
    assert count(net) == graph.params
    other = copied(net, build_module(graph)[0])
    x = torch.randn(7, 1, 28, 28)
    for module in (net, other):
        module.train()
        for part in module.modules():
            if isinstance(part, nn.Dropout):
                part.p = 0.0
    torch.testing.assert_close(net(x), other(x))
    torch.testing.assert_close(net.eval()(x), other.eval()(x))  # the running statistics moved alike


def test_parameters_of_s6() -> None:
    assert count(s6()) == 4700 and count(s6(None)) == 4600 and count(code8()) == 13_808


@pytest.mark.parametrize("case", ["ghost", "code8"])
def test_built_nets_are_proved_by_autograd(case: str) -> None:
    net = ZOO[case][0]().eval()
    graph = read(net, "1x28x28")
    found = verify(graph, receptive_field(graph), module=net, units=3)
    assert found.passed and found.units > 10


def test_ghost_batch_norm_is_read_as_what_it_is(tmp_path: Path) -> None:
    graph = read(conv_layer(1, 4, norm="ghost:3"), "1x8x8")
    (norm,) = [node for node in graph if node.op.kind == "ghost_batch_norm"]
    assert (norm.name, norm.op.num_splits, norm.params) == ("norm", 3, 8)
    assert "tensor_split" in export(graph)
    bare = GhostBatchNorm2d(4, 5, eps=1e-3, momentum=None, affine=False, track_running_stats=False)
    (node,) = read(nn.Sequential(bare), "4x8x8")
    fields = (node.op.num_splits, node.op.eps, node.op.momentum, node.op.affine, node.op.track_running_stats)
    assert fields == (5, 1e-3, None, False, False)


def test_a_module_is_left_as_it_was_by_reading() -> None:
    norm = GhostBatchNorm2d(2, 2)
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    read(nn.Sequential(norm), "2x4x4")
    assert tiny.same(norm.state_dict(), before) and norm.training


@pytest.mark.parametrize(
    ("norm", "shape"),
    [
        (GhostBatchNorm1d(3, 2), (5, 3)),
        (GhostBatchNorm1d(3, 2), (5, 3, 4)),
        (GhostBatchNorm3d(3, 2), (5, 3, 2, 4, 3)),
    ],
    ids=["vector", "1d", "3d"],
)
def test_ghost_batch_norm_of_other_ranks(norm: nn.Module, shape: tuple[int, ...]) -> None:
    x = torch.randn(shape)
    parts = [type(norm).__mro__[2](3)(part) for part in x.split([2, 3])]
    torch.testing.assert_close(norm(x), torch.cat(parts))
    assert norm(x.requires_grad_()).requires_grad
    (node,) = read(nn.Sequential(norm), list(shape[1:]))
    assert node.op.kind == "ghost_batch_norm"


def test_ghost_batch_norm_runs_as_torch_does_step_by_step() -> None:
    """Each part updates the running statistics, as batch norm on that part does."""
    ghost, plain = GhostBatchNorm2d(2, 3), nn.BatchNorm2d(2)
    for _ in range(4):
        x = torch.randn(8, 2, 3, 3) * 3 + 1
        ghost(x)
        for part in x.tensor_split([2, 5]):
            plain(part)
    assert tiny.same(ghost.state_dict(), plain.state_dict()) and int(ghost.num_batches_tracked) == 12
    x = torch.randn(3, 2, 3, 3)
    assert torch.equal(ghost.eval()(x), plain.eval()(x))


# -- the parts of a layer ------------------------------------------------------------------------------------
def kinds(module: nn.Module) -> list[str]:
    return [type(part).__name__ for part in module]


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({}, ["Conv2d", "ReLU", "BatchNorm2d"]),
        ({"dropout": 0.2}, ["Conv2d", "ReLU", "BatchNorm2d", "Dropout"]),
        ({"dropout": 0.2, "dropout_kind": "dropout2d"}, ["Conv2d", "ReLU", "BatchNorm2d", "Dropout2d"]),
        (
            {"order": "conv-norm-activation-dropout", "dropout": 0.2},
            ["Conv2d", "BatchNorm2d", "ReLU", "Dropout"],
        ),
        (
            {"order": "conv-dropout-norm-activation", "dropout": 0.2},
            ["Conv2d", "Dropout", "BatchNorm2d", "ReLU"],
        ),
        ({"activation": None, "norm": "without"}, ["Conv2d"]),
        ({"norm": "ghost"}, ["Conv2d", "ReLU", "GhostBatchNorm2d"]),
        ({"norm": "group:4"}, ["Conv2d", "ReLU", "GroupNorm"]),
        ({"norm": "instance_norm"}, ["Conv2d", "ReLU", "InstanceNorm2d"]),
        ({"activation": "gelu"}, ["Conv2d", "GELU", "BatchNorm2d"]),
    ],
    ids=str,
)
def test_parts_and_their_order(options: dict[str, Any], parts: list[str]) -> None:
    assert kinds(conv_layer(3, 8, **options)) == parts


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_is_read_under_its_name(activation: str) -> None:
    graph = read(conv_layer(1, 2, norm=None, activation=activation), "1x8x8")
    assert [node.op.kind for node in graph] == ["conv", activation]


def test_arguments_of_the_convolution_reach_it() -> None:
    conv = conv_layer(4, 8, (3, 5), stride=2, padding=(1, 2), dilation=[1, 2], groups=4, bias=True)[0]
    assert (conv.kernel_size, conv.stride, conv.padding, conv.dilation) == ((3, 5), (2, 2), (1, 2), (1, 2))
    assert conv.groups == 4 and conv.bias is not None
    assert conv_layer(4, 8, padding="same")[0].padding == "same"


def test_blocks_and_transitions() -> None:
    block = conv_block(1, (4, 6), 5, padding=2, norm="group:2")
    assert block(torch.zeros(2, 1, 9, 9)).shape == (2, 6, 9, 9)
    assert kinds(transition_block(8, 4)) == ["Conv2d", "MaxPool2d"]
    full = transition_block(8, 4, "avg", pool_size=3, activation="relu", norm="batch", dropout=0.1)
    assert kinds(full) == ["Conv2d", "ReLU", "BatchNorm2d", "Dropout", "AvgPool2d"]
    assert full(torch.zeros(2, 8, 9, 9)).shape == (2, 4, 3, 3)
    first = transition_block(8, 4, pool_first=True)
    assert [name for name, _ in first.named_children()] == ["pool", "conv"]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: conv_layer(0, 8), "in_channels: must be a whole number from 1"),
        (lambda: conv_layer(1, "many"), "out_channels: must be a whole number from 1"),
        (lambda: conv_layer(1, 8, 0), "kernel_size: must be a whole number from 1"),
        (lambda: conv_layer(1, 8, (3, 3, 3)), "kernel_size: must be a number, or height and width, got (3, 3, 3)"),
        (lambda: conv_layer(1, 8, stride=-1), "stride: must be a whole number from 1"),
        (lambda: conv_layer(1, 8, padding="valid-ish"), "padding: must be one of same, valid"),
        (lambda: conv_layer(1, 8, padding="same", stride=2), "padding: 'same' goes with stride 1 only"),
        (lambda: conv_layer(1, 8, padding=-1), "padding: must be a whole number from 0"),
        (lambda: conv_layer(3, 8, groups=2), "groups: must divide in_channels (3), got 2"),
        (lambda: conv_layer(4, 6, groups=4), "groups: must divide out_channels (6), got 4"),
        (lambda: conv_layer(1, 8, norm="batchnorm"), "norm: no norm 'batchnorm'; did you mean 'batch_norm'?"),
        (lambda: conv_layer(1, 8, norm="group:3"), "norm: 3 groups must divide the 8 channels"),
        (lambda: conv_layer(1, 8, norm="rms"), "norm: rms needs the size of the map"),
        (lambda: conv_layer(1, 8, activation="rely"), "activation: must be one of relu"),
        (lambda: conv_layer(1, 8, dropout=1), "dropout: must be a number from 0 to below 1, got 1"),
        (lambda: conv_layer(1, 8, dropout_kind="dropout4d"), "dropout_kind: must be one of dropout, dropout2d"),
        (lambda: conv_layer(1, 8, order="norm-conv-activation-dropout"), "order: must be the four parts with conv"),
        (lambda: conv_layer(1, 8, order="conv-norm"), "order: must be the four parts with conv"),
        (lambda: conv_layer(1, 8, order=3), "order: must be the four parts with conv"),
        (lambda: conv_block(1, 10), "channels: must be one number for each layer, as (10, 10, 10), got 10"),
        (lambda: conv_block(1, ()), "channels: must be one number for each layer"),
        (lambda: conv_block(1, "10"), "channels: must be one number for each layer"),
        (lambda: conv_block(1, (4, 0)), "layer 2.out_channels: must be a whole number from 1"),
        (lambda: conv_block(1, (4, 5), norm="group:2"), "layer 2.norm: 2 groups must divide the 5 channels"),
        (lambda: conv_block(1, (4,), activaton="relu"), "activaton: conv_layer takes no such argument; did you mean"),
        (lambda: transition_block(4, 2, "mean"), "pool: must be one of max, avg, got 'mean'"),
        (lambda: transition_block(4, 2, pool_size=0), "pool_size: must be a whole number from 1"),
        (lambda: transition_block(4, 2, kernel_size=3), "kernel_size: is 1 in a transition"),
        (lambda: GhostBatchNorm2d(4, 0), "num_splits: must be a whole number from 1"),
        (lambda: GhostBatchNorm2d(4, 2, eps=-1), "eps: must be 0 or more, got -1"),
        (lambda: GhostBatchNorm2d(4, 2, momentum=2), "momentum: must be from 0 to 1, or None, got 2"),
        (lambda: module_of("s66"), "neither a file nor a bundled net"),
        (lambda: module_of("s6_bn", norm="group:3"), "num_groups: must divide the 10 channels, got 3"),
        (lambda: module_of("s6_bn", dropout=0.1), "dropout: s6_bn has no dropout to replace"),
        (lambda: module_of("s6_bn", seed=-1), "seed: must be a whole number from 0"),
    ],
)  # fmt: skip
def test_bad_arguments_are_told_in_a_line(make: Any, told: str) -> None:
    with pytest.raises(ConvvizError) as caught:
        make()
    assert told in str(caught.value) and "\n" not in str(caught.value)


# -- module_of -----------------------------------------------------------------------------------------------
def test_a_module_of_anything_that_is_read(tmp_path: Path) -> None:
    for source in ("s6_bn", read("s6_bn"), s6(), tiny.net(tmp_path)):
        if isinstance(source, nn.Module):
            source = read(source, "1x28x28")
        module = module_of(source, norm="ghost:2")
        assert module.training and count(module) == varied(read(source), norm="ghost:2").params


def test_a_seed_gives_the_first_weights_of_a_run() -> None:
    graph = varied(read("code8"), norm="group:2", dropout="0.3")
    found = module_of("code8", norm="group:2", dropout=0.3, seed=4)
    assert tiny.same(found.state_dict(), built(graph, 4).state_dict())
    torch.manual_seed(1)
    one = module_of("s6_bn")
    torch.manual_seed(1)
    assert tiny.same(one.state_dict(), module_of("s6_bn").state_dict())


def test_a_net_of_builders_in_a_file_trains(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(
        "from torch import nn\n"
        "from convviz.train.builders import conv_block, conv_layer, transition_block\n"
        "def Net():\n"
        "    return nn.Sequential(conv_block(1, (4, 4), norm='ghost:3'), transition_block(4, 4),\n"
        "                         conv_layer(4, 4, 2, norm=None, activation=None), nn.Flatten())\n"
    )
    source = f"{path}:Net"
    assert convviz.read(source, "1x8x8").params == 4 * 9 + 4 * 4 * 9 + 16 + 16 + 64
    made = tiny.trainer(Recipe(net=source, batch_size=8, epochs=3), graph=read(source, "1x8x8"))
    made.run()
    assert made.history[-1]["train_loss"] < made.history[0]["train_loss"]
