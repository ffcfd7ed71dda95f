"""The transition block: found in nets, counted as torch counts, worked out as torch works it out."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn

import convviz
from convviz.analysis.transition import Transition, transition, transition_of
from convviz.errors import ConvvizError
from convviz.plan.transition import differ, layers, named, reach, worked
from convviz.train.builders import transition_block
from tests.sweeps import seeds


@pytest.mark.parametrize(
    ("net", "shape", "channels", "first", "field", "jump"),
    [
        ("code8", (32, 24, 24), 10, False, [5, 6, 10], [1, 2, 2]),
        ("code2", (128, 22, 22), 32, True, [8, 8, 12], [2, 2, 2]),
        ("s4", (16, 26, 26), 10, False, [5, 6, 10], [1, 2, 2]),
        ("densenet121", (256, 56, 56), 128, False, [59, 63, 79], [4, 8, 8]),
    ],
)
def test_in_nets(
    net: str, shape: tuple[int, ...], channels: int, first: bool, field: list[int], jump: list[int]
) -> None:
    found = transition_of(convviz.read(net))
    assert (found.shape, found.conv.out_channels, found.pool_first) == (shape, channels, first)
    assert [part.field.size[0] for part in found.way.parts] == field
    assert [part.field.jump[0] for part in found.way.parts] == jump
    assert found.own == (net != "densenet121")  # there a 1×1 conv comes first


def test_fields_are_the_nets_own() -> None:
    net = convviz.receptive_field(convviz.read("code8"))
    conv, pool, behind = transition_of(convviz.read("code8")).way.parts
    for name, part in (("conv3", conv), ("max_pool1", pool), ("conv4", behind)):
        rf = net[name]
        assert rf is not None and (rf.size, rf.jump) == (part.field.size, part.field.jump)


@pytest.mark.parametrize("net", ["resnet50", "unet", "s7"])
def test_none_in_a_net(net: str) -> None:
    with pytest.raises(ConvvizError, match=f"{net}: has no transition"):
        transition_of(convviz.read(net))


def some(seed: int) -> Transition:
    pick = random.Random(seed)
    space = [pick.randint(12, 20) for _ in range(pick.choice([1, 2]))]
    return transition(
        (pick.randint(2, 9), *space),
        pick.randint(1, 6),
        pool=pick.choice(["max_pool", "avg_pool"]),
        pool_size=pick.choice([2, 3]),
        pool_first=pick.random() < 0.5,
    )


@seeds(20)
def test_sizes_and_parameters_are_torchs(seed: int) -> None:
    found = some(seed)
    rank = len(found.shape) - 1
    for way, first in ((found.way, found.pool_first), (found.swapped, not found.pool_first)):
        conv = (nn.Conv1d, nn.Conv2d)[rank - 1](found.shape[0], found.conv.out_channels, 1, bias=False)
        pool = (nn.MaxPool1d, nn.MaxPool2d)[rank - 1](found.pool.kernel_size)
        y = torch.zeros(1, *found.shape)
        for module, part in zip([pool, conv] if first else [conv, pool], way.parts, strict=False):
            y = module(y)
            assert tuple(y.shape[1:]) == part.out
            assert part.params == sum(p.numel() for p in module.parameters())
        conv_part = way.part("conv")
        assert conv_part.macs == conv.weight.numel() * int(np.prod(conv_part.out[1:]))
    assert found.way.params == found.swapped.params and found.way.out == found.swapped.out


def test_is_what_the_builder_builds() -> None:
    found = transition((32, 24, 24), 10)
    module = transition_block(32, 10)
    y = module(torch.zeros(1, 32, 24, 24))
    assert tuple(y.shape[1:]) == found.way.parts[1].out
    assert sum(p.numel() for p in module.parameters()) == found.way.part("conv").params == 320


@seeds(16)
def test_worked_orders_are_torchs(seed: int) -> None:
    found = some(seed)
    rank = len(found.shape) - 1
    for kind in ("max_pool", "avg_pool"):
        names = {"max_pool": "MaxPool", "avg_pool": "AvgPool"}
        pool = getattr(nn, f"{names[kind]}{rank}d")(found.pool.kernel_size[0])
        for first in (False, True):
            plan = worked(found, first, kind)
            x = torch.zeros(1, *plan["input"].shape, dtype=torch.float64)  # type: ignore[union-attr]
            for cell, value in plan.shown("input").items():
                x[(0, *cell)] = value
            conv = (nn.Conv1d, nn.Conv2d)[rank - 1](2, 1, 1, bias=False).double()
            with torch.no_grad():
                for cell, value in plan.shown("kernel").items():
                    conv.weight[(0, cell[0])] = value
                y = conv(pool(x)) if first else pool(conv(x))
            for cell, value in plan.shown("output").items():
                assert value == pytest.approx(float(y[(0, *cell)]), abs=1e-12)
    assert differ(worked(found, False, "avg_pool"), worked(found, True, "avg_pool"))[0] == 0


def test_example() -> None:
    found = transition_of(convviz.read("code8"))
    assert differ(worked(found, False), worked(found, True)) == (3, 4)
    plan = layers(found)
    assert dict(plan.facts) == {
        "parameters of the transition": "320",
        "numbers that go on": "7.81 %",
        "MACs saved": "6.79 times fewer multiplications",
        "MACs of the 1×1 conv, before the pool against behind it": "4 times",
    }
    assert [name for name, _ in named(found)] == [
        "3×3 conv directly",
        "conv, pool, 3×3 conv",
        "pool, conv, 3×3 conv",
    ]
    assert plan["ways"].rows[1] == (
        "conv, pool, 3×3 conv",
        "320 + 1,440 = 1,760",
        "184,320 + 144,000 = 328,320",
    )  # type: ignore[union-attr]


@seeds(12)
def test_reach_is_what_torch_reads(seed: int) -> None:
    """The cells that a unit reads, against gradients through an average pool and a conv of ones."""
    found = some(seed)
    plan = reach(found)
    cells = plan["map"].shape[1]  # type: ignore[union-attr]
    kernel = found.pool.kernel_size[0]
    for step in plan.steps:
        marks = {mark.panel: mark.cells for mark in step.marks}
        key = step.marks[-1].panel
        x = torch.zeros(1, 1, cells, requires_grad=True)
        y = x if key == "direct" else torch.nn.functional.avg_pool1d(x, kernel)
        if key != "pooled":
            y = torch.nn.functional.conv1d(y, torch.ones(1, 1, 3))
        ((_, unit),) = marks[key]
        (g,) = torch.autograd.grad(y[0, 0, unit], x)
        assert [(0, int(i)) for i in g[0, 0].nonzero()] == list(marks["map"])


def test_too_small_and_wrong() -> None:
    with pytest.raises(ConvvizError, match="input: 8x4x4 is too small to be pooled and convolved by 3"):
        transition((8, 4, 4))
    with pytest.raises(ConvvizError, match="input: needs channels and 1 to 3 spatial axes"):
        transition((8,))
    with pytest.raises(ConvvizError, match="pool: must be max_pool or avg_pool"):
        transition((8, 20, 20), pool="lp_pool")
