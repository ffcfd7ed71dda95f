"""Plans of channels: sums by channel, mixing as a matrix product, groups and their shuffle, separable savings."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from convviz.errors import ConvvizError
from convviz.ops import build
from convviz.ops.conv import Conv
from convviz.plan import explain, plan
from convviz.plan.by_channel import by_channel, filters, part
from convviz.plan.groups import groups_of, told
from convviz.plan.mixing import mixing
from convviz.plan.model import Grid, Plan
from convviz.plan.separable import savings
from tests.sweeps import seeds


def array(made: Plan, key: str) -> np.ndarray:
    panel = made[key]
    assert isinstance(panel, Grid)
    full = np.full(panel.shape, np.nan)
    for cell, value in made.shown(key).items():
        full[cell] = value
    return full


def random_conv(rng: np.random.Generator) -> tuple[Conv, tuple[int, ...]]:
    rank, groups = int(rng.integers(1, 3)), int(rng.integers(1, 4))
    fields: dict[str, Any] = {
        "out_channels": groups * int(rng.integers(1, 3)),
        "kernel_size": int(rng.integers(1, 4)),
        "stride": int(rng.integers(1, 3)),
        "padding": int(rng.integers(0, 2)),
        "dilation": int(rng.integers(1, 3)),
        "groups": groups,
        "bias": bool(rng.integers(0, 2)),
    }
    op = build("conv", fields, rank)
    assert isinstance(op, Conv)
    return op, (groups * int(rng.integers(1, 4)), *rng.integers(5, 8, rank).tolist())


# -- sums by channel -----------------------------------------------------------------------------------
@seeds(25)
def test_sums_by_channel_are_torchs(seed: int) -> None:
    """Each channel's map is torch's convolution of that channel alone; their sum and the bias is the output."""
    op, shape = random_conv(np.random.default_rng(seed))
    made = by_channel(explain(op, shape, seed=seed))
    x = torch.tensor(array(made, "input"))[None]
    each = shape[0] // op.groups
    kernel = torch.tensor(array(made, "kernel")).reshape(op.out_channels, each, *op.kernel_size)
    conv = {1: nn.functional.conv1d, 2: nn.functional.conv2d}[op.rank]
    pads = [before for before, _ in op.pads()]
    settings: dict[str, Any] = {"stride": op.stride, "padding": pads, "dilation": op.dilation}
    for f in range(op.out_channels):
        group = f // (op.out_channels // op.groups)
        for c in range(each):
            channel = group * each + c
            want = conv(x[:, channel : channel + 1], kernel[f : f + 1, c : c + 1], **settings)[0, 0]
            np.testing.assert_allclose(array(made, part(f))[c], want)
    whole = explain(op, shape, seed=seed)
    np.testing.assert_array_equal(array(made, "output"), array(whole, "output"))
    for step in made.steps:
        assert step.work is not None and step.work.result is not None
        products = sum(term.product for term in step.work.terms) + (step.work.bias or 0)
        assert products == pytest.approx(step.work.result)
        assert step.writes[0].value == step.work.result


def test_filters_are_the_weights() -> None:
    made = plan("grouped_conv", {"bias": True}, (4, 5, 5))
    weight = array(made, "kernel").reshape(4, 2, 3, 3)
    for f, filt in enumerate(filters(made)):
        assert filt.weights == {cell: weight[f][cell] for cell in np.ndindex(2, 3, 3)}
        steps = [step for step in made.steps if step.writes[0].cell[0] == f]
        assert {filt.bias} == {step.work.bias for step in steps if step.work}
        assert set(filt.channels) == {t.cell[0] for step in steps if step.work for t in step.work.terms}


def test_every_product_is_told_once() -> None:
    whole = plan("multi_channel_conv", {"dilation": 2, "padding": 2})
    made = by_channel(whole)
    told_terms = [t for s in made.steps if s.work and s.work.how == "dot" for t in s.work.terms]
    assert told_terms == [t for s in whole.steps if s.work for t in s.work.terms]
    holes = [c for s in whole.steps for m in s.marks if m.mark == "hole" for c in m.cells]
    assert [c for s in made.steps for m in s.marks if m.mark == "hole" for c in m.cells] == holes and holes


def test_words_by_channel() -> None:
    made = by_channel(plan("multi_channel_conv"))
    assert made.steps[0].caption == "The 9 products of channel 0 add up to −3."
    assert made.steps[3].caption == "Output (0, 0) of filter 0: 3 channels' sums and the bias −1 add up to 0."
    assert made.steps[3].work is not None and made.steps[3].work.text.endswith("= 0")
    alone = by_channel(plan("conv", {"kernel_size": 1, "bias": False}, (1, 2, 2)))
    assert alone.steps[0].caption.startswith("The 1 product of channel 0 is ")
    assert "1 channel's sum is" in alone.steps[1].caption
    assert made["parts1"].title == "filter 1: a map for each of 3 channels"


# -- mixing --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("shape, filters", [((3, 3, 3), 2), ((2, 7), 3), ((4, 2, 3), 1), ((1, 2, 2), 2)])
def test_mixing_is_a_matrix_product(shape: tuple[int, ...], filters: int) -> None:
    made = mixing(plan("pointwise_conv", {"out_channels": filters}, shape))
    weights, pixels, product = (array(made, key) for key in ("weights", "pixels", "product"))
    bias = np.array([step.work.bias for step in made.steps[:: prod(shape[1:])] if step.work])[:, None]
    np.testing.assert_array_equal(weights @ pixels + bias, product)
    np.testing.assert_array_equal(product.reshape(filters, *shape[1:]), array(made, "output"))
    np.testing.assert_array_equal(pixels.reshape(shape), array(made, "input"))
    for step in made.steps:
        marks = {mark.panel: mark.cells for mark in step.marks}
        ((row, column),) = marks["product"]
        assert marks["weights"] == tuple((row, c) for c in range(shape[0]))
        assert marks["pixels"] == tuple((c, column) for c in range(shape[0]))
        for term, weight in zip(step.work.terms, marks["weights"], strict=True):  # type: ignore[union-attr]
            assert term.factor == made.shown("weights")[weight]


@pytest.mark.parametrize("fields", [{"kernel_size": 3}, {"stride": 2}, {"groups": 2}, {"padding": 1}])
def test_mixing_refuses_what_does_more(fields: dict[str, Any]) -> None:
    op = build("conv", {"out_channels": 2, "kernel_size": 1, **fields}, 2)
    with pytest.raises(ConvvizError, match="only a 1×1 convolution with stride 1, no padding and one group"):
        mixing(explain(op, (2, 4, 4)))


# -- groups --------------------------------------------------------------------------------------------
@seeds(12)
def test_groups_cost_what_torch_counts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    channels, filters = int(rng.choice([4, 6, 8, 12])), int(rng.choice([4, 6, 8, 12]))
    bias = bool(rng.integers(0, 2))
    op = build("conv", {"out_channels": filters, "kernel_size": 3, "padding": 1, "bias": bias}, 2)
    assert isinstance(op, Conv)
    found = groups_of(op, (channels, 5, 5))
    divides = [g for g in range(1, channels + 1) if channels % g == 0 == filters % g]
    assert [split.groups for split in found.splits] == divides
    for split in found.splits:
        net = nn.Conv2d(channels, filters, 3, padding=1, groups=split.groups, bias=bias)
        assert split.params == sum(p.numel() for p in net.parameters())
        assert split.macs == net.weight.numel() * 25
        assert split.share == Fraction(1, split.groups)
        assert split.each == channels // split.groups
        reads = depends([net], channels)
        for outs, ins in split.blocks:
            assert all(reads[o] == set(ins) for o in outs)
        assert [o for outs, _ in split.blocks for o in outs] == list(range(filters))
        assert split.formula.result == f"{split.params:,}"


@pytest.mark.parametrize(
    "channels, filters, groups", [(8, 8, 2), (8, 8, 4), (6, 12, 3), (4, 4, 4), (8, 4, 1)]
)
def test_shuffle_reaches_what_autograd_reaches(channels: int, filters: int, groups: int) -> None:
    op = build("conv", {"out_channels": filters, "kernel_size": 3, "padding": 1, "groups": groups}, 2)
    assert isinstance(op, Conv)
    found = groups_of(op, (channels, 4, 4))
    for shuffled in (False, True):
        mixed = found.mixed(groups, shuffled)
        middle: list[nn.Module] = [nn.ChannelShuffle(groups)] if shuffled else []
        nets = [
            nn.Conv2d(channels, filters, 3, padding=1, groups=groups),
            *middle,
            nn.Conv2d(filters, filters, 1, groups=groups),
        ]
        want = depends(nets, channels)
        assert [set(reads) for reads in mixed.reads] == want
        assert mixed.reached == min(map(len, want))
        order = torch.arange(filters).reshape(1, -1, 1, 1).float()
        if shuffled:
            order = nn.ChannelShuffle(groups)(order)
        assert list(mixed.order) == order.flatten().int().tolist()


def depends(nets: list[Any], channels: int) -> list[set[int]]:
    """The input channels on which each output channel depends, by autograd."""
    x = torch.rand(1, channels, 4, 4, requires_grad=True)
    y = nn.Sequential(*nets)(x)
    found = []
    for o in range(y.shape[1]):
        (grad,) = torch.autograd.grad(y[0, o].sum(), x, retain_graph=True)
        found.append({c for c in range(channels) if grad[0, c].abs().sum() > 0})
    return found


def test_words_of_groups() -> None:
    op = build("conv", {"out_channels": 4, "kernel_size": 3}, 1)
    assert isinstance(op, Conv)
    found = groups_of(op, (4, 9))
    assert told(found[1]) == "every filter reads all 4 channels"
    assert told(found[2]) == "every filter reads 2 of 4 channels"
    assert found.own.groups == 1


# -- what separable forms save -------------------------------------------------------------------------
@seeds(20)
def test_savings_are_one_over_filters_and_one_over_the_window(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rank = int(rng.integers(1, 3))
    channels, filters, k, stride = (
        int(rng.integers(low, high)) for low, high in ((1, 9), (1, 9), (1, 6), (1, 3))
    )
    found = savings(
        {"out_channels": filters, "kernel_size": k, "stride": stride, "padding": k // 2},
        (channels, *[9] * rank),
    )
    assert found.ratio == Fraction(1, filters) + Fraction(1, k**rank)
    assert Fraction(sum(found.weights), found.normal_weights) == found.ratio
    conv: Any = {1: nn.Conv1d, 2: nn.Conv2d}[rank]
    nets = [
        conv(channels, channels, k, stride=stride, padding=k // 2, groups=channels, bias=False),
        conv(channels, filters, 1, bias=False),
        conv(channels, filters, k, stride=stride, padding=k // 2, bias=False),
    ]
    sizes = [net.weight.numel() for net in nets]
    assert (*found.weights, found.normal_weights) == tuple(sizes)
    places = prod(nets[2](torch.zeros(1, channels, *[9] * rank)).shape[2:])
    assert (found.macs[0], found.macs[1], found.normal_macs) == tuple(size * places for size in sizes)
    assert found.formula.numbers == f"1/{filters} + 1/{k**rank}"
