"""Gridding: the exact criterion by brute force, known answers, remedies, runs of nets against real units, pictures."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convviz.analysis.backward import hull, reach
from convviz.analysis.cells import Cells
from convviz.analysis.gridding import Gridding, gridding
from convviz.analysis.gridding_net import NetGridding, net_gridding
from convviz.analysis.gridding_rates import remedy
from convviz.errors import ConvvizError, FieldError
from convviz.figures.gridding import caption, description, figure, plot
from convviz.figures.gridding_sections import sections
from convviz.ops.relations import Window
from convviz.read import read
from convviz.report.gridding import (
    gridding_data,
    notes_of,
    remedy_text,
    render_gridding,
    rule_text,
)
from convviz.report.gridding_net import render_net
from tests.command import Command
from tests.pictures import check_texts
from tests.sweeps import seeds

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from tests.nets.segment import DeepLab  # noqa: E402

run = Command("gridding")
fails = run.fails


def brute(found: Gridding) -> Counter[int]:
    """Cells of the input and the number of paths to each, by going back from one output, tap by tap."""
    cells = Counter({0: 1})
    for k, s, d in reversed(list(zip(found.kernels, found.strides, found.rates, strict=True))):
        below: Counter[int] = Counter()
        for cell, paths in cells.items():
            for tap in Window(k, s, d).taps(cell).cells:
                below[tap] += paths
        cells = below
    return cells


def some(seed: int) -> Gridding:
    pick = random.Random(seed)
    n = pick.randint(1, 5)
    return gridding(
        [pick.randint(1, 12) for _ in range(n)],
        [pick.randint(1, 5) for _ in range(n)] if pick.random() < 0.6 else pick.randint(2, 4),
        [pick.randint(1, 3) for _ in range(n)] if pick.random() < 0.4 else 1,
    )


# -- a stack --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("rates", "span", "hits", "passes"),
    [
        ([2, 2, 2], 13, 7, True),
        ([1, 2, 5], 17, 17, True),
        ([1, 2, 9], 25, 21, False),
        ([2, 3, 5], 21, 19, True),
        ([1, 2, 3], 13, 13, True),
        ([5, 1, 2], 17, 17, True),
        ([1, 5, 2], 17, 17, False),
    ],
)
def test_known_answers(rates: list[int], span: int, hits: int, passes: bool) -> None:
    found = gridding(rates)
    assert (found.span, found.hits, found.dense) == (span, hits, span == hits)
    assert found.rule is not None and found.rule.passes == passes


def test_the_printed_rule_s_numbers() -> None:
    assert [gridding(r).rule.m[0] for r in ([1, 2, 5], [1, 2, 9], [2, 3, 5])] == [2, 5, 3]  # type: ignore[union-attr]
    for none in (gridding([3]), gridding([1, 2], [3, 5]), gridding([1, 2], 3, 2)):
        assert none.rule is None and none.rule_errs is None


def test_the_criterion_is_exact_for_all_small_stacks() -> None:
    for n, rates in ((1, 9), (2, 9), (3, 6)):
        for r in itertools.product(range(1, rates + 1), repeat=n):
            for k in itertools.product(range(1, 5), repeat=n):
                found = Gridding(r, k, (1,) * n)
                cells = {
                    sum(x * t for x, t in zip(r, ts, strict=True)) for ts in itertools.product(*map(range, k))
                }
                assert found.dense == (len(cells) == found.span), (r, k)


@seeds(120)
def test_cells_and_paths_are_those_of_taps(seed: int) -> None:
    found = some(seed)
    cells = brute(found)
    assert found.cells == tuple(sorted(cells)) and found.hits == len(cells)
    assert found.span == max(cells) - min(cells) + 1 and found.density == Fraction(len(cells), found.span)
    assert found.dense == (len(cells) == found.span)
    assert found.counts() == tuple(cells.get(i, 0) for i in range(found.span))


@pytest.mark.parametrize("rates", [(2, 2, 2), (1, 2, 5), (2, 3, 5), (1, 3, 8)])
def test_paths_are_torch_s_gradient_of_a_stack_of_ones(rates: tuple[int, ...]) -> None:
    found = gridding(rates)
    x = torch.zeros(1, 1, found.span, dtype=torch.float64, requires_grad=True)
    y = x
    for rate in rates:
        y = nn.functional.conv1d(y, torch.ones(1, 1, 3, dtype=torch.float64), dilation=rate)
    (grad,) = torch.autograd.grad(y.sum(), x)
    assert y.shape[-1] == 1 and tuple(grad.flatten().int().tolist()) == found.counts()


def test_behind_a_layer_is_the_rest_of_the_stack() -> None:
    found = gridding([1, 2, 4], [5, 3, 3], [2, 1, 1])
    assert found.steps == (1, 4, 8) and found.behind(1).cells == tuple(range(0, 13, 2))


@pytest.mark.parametrize("layers", [1, 2, 3, 20, 64, 70, 300])
def test_many_paths_stay_exact(layers: int) -> None:
    counts = gridding([1] * layers).counts()
    assert counts is not None and sum(counts) == 3**layers and counts[1] == layers


@pytest.mark.parametrize(
    ("rates", "kernel", "hits"),
    [
        ([10**12] * 3, 3, 7),
        ([2, 2, 10**12], 3, 15),
        ([10**9, 1, 10**9], 3, 15),
        ([7, 5], 10**12, None),
        ([10**i + 1 for i in range(40)], 3, 3**40),
        ([2] * 10_000, 3, 20_001),
        ([10**9 + i for i in range(500)], 3, None),
    ],
)
def test_huge_stacks_are_answered_at_once(rates: list[int], kernel: int, hits: int | None) -> None:
    found = gridding(rates, kernel)
    assert not found.dense and found.hits == hits
    assert found.remedy.stack is not None and found.remedy.stack.dense
    data = gridding_data(found)
    assert (data["cells"] is None) == (found.span > 10**6)
    assert (data["cells"] is not None) or data["omitted"].startswith(
        "cells and paths of a span above 1,000,000"
    )


@pytest.mark.parametrize(
    ("arguments", "where", "message"),
    [
        (([],), "rates", "at least one dilation"),
        (([1, 0],), "rates", "must be a whole number >= 1"),
        (([1] * 10_001,), "rates", "at most 10,000 layers, got 10,001"),
        (([1, 2], [3, 3, 3]), "kernel_size", "one for each of the 2 rates, got 3"),
        (([1, 2], 3, [1]), "stride", "one for each of the 2 rates, got 1"),
        (([1, 2], 2.5), "kernel_size", "must be a whole number"),
    ],
)
def test_bad_values_are_named(arguments: tuple[Any, ...], where: str, message: str) -> None:
    with pytest.raises(FieldError, match=message) as err:
        gridding(*arguments)
    assert err.value.where == where


# -- why the printed rule errs ----------------------------------------------------------------------------
@pytest.mark.parametrize("kernel", [2, 3, 4, 5])
def test_the_printed_rule_errs_only_for_the_reasons_told(kernel: int) -> None:
    seen = set()
    for n, high in ((2, 10), (3, 10), (4, 6)):
        for rates in itertools.product(range(1, high), repeat=n):
            found = gridding(rates, kernel)
            assert found.rule is not None
            why = found.rule_errs
            seen.add(why)
            assert (why is None) == (found.rule.passes == found.dense)
            if why == "two":
                assert kernel != 3
            if why == "first":
                assert rates[0] > 1 and gridding([1, *rates[1:]], kernel).dense
    assert {"first", "order"} <= seen


def test_with_a_first_rate_of_1_ascending_rates_and_kernel_3_the_rule_is_exact() -> None:
    for rates in itertools.combinations_with_replacement(range(1, 30), 3):
        found = gridding((1, *rates))
        assert found.rule is not None and found.rule.passes == found.dense


def test_the_reasons_in_words() -> None:
    assert "never looks at r_1 = 2, which it takes for 1" in rule_text(gridding([2, 3, 5]))
    assert "it depends on the order of the layers" in rule_text(gridding([1, 5, 2]))
    assert "a kernel of 2 has K - 1 = 1" in rule_text(gridding([1, 2, 6], 2))
    assert rule_text(gridding([1, 2, 9])).endswith("M_2 = 5 > K = 3, it fails, rightly")


# -- remedies ---------------------------------------------------------------------------------------------
def smallest_change(found: Gridding) -> int | None:
    """Over all dense rates of the same span, tried one by one."""
    weights = [(k - 1) * j for k, j in zip(found.kernels, found.jumps, strict=True)]
    best: int | None = None

    def place(i: int, left: int, rates: tuple[int, ...]) -> None:
        nonlocal best
        if i == len(weights):
            other = Gridding(rates, found.kernels, found.strides)
            if left == 0 and len(brute(other)) == other.span:
                change = sum(abs(a - b) for a, b in zip(rates, found.rates, strict=True))
                best = change if best is None else min(best, change)
        elif not weights[i]:
            place(i + 1, left, (*rates, found.rates[i]))
        else:
            for rate in range(1, left // weights[i] + 1):
                place(i + 1, left - rate * weights[i], (*rates, rate))

    place(0, found.span - 1, ())
    return best


@seeds(150)
def test_the_nearest_dense_rates_are_the_nearest(seed: int) -> None:
    found = some(seed + 1000)
    if found.span > 36 or len(found.rates) > 4:
        found = Gridding(found.rates[:2], found.kernels[:2], found.strides[:2])
    best = remedy(found)
    change = smallest_change(found) if found.span <= 60 else None
    if best.found in ("same", "dense"):
        assert best.stack is not None and best.stack.span == found.span
        assert len(brute(best.stack)) == found.span and (found.span > 60 or best.change == change)
    else:
        assert change is None
        if best.stack is not None:
            assert best.stack.dense and best.stack.kernels == found.kernels


@pytest.mark.parametrize(("kernel", "n", "high"), [(2, 4, 4), (3, 3, 8), (4, 3, 9)])
def test_all_small_stacks_of_one_kernel_get_the_nearest_rates(kernel: int, n: int, high: int) -> None:
    dense = [r for r in itertools.product(range(1, n * high), repeat=n) if gridding(r, kernel).dense]
    by_sum: dict[int, list[tuple[int, ...]]] = {}
    for rates in dense:
        by_sum.setdefault(sum(rates), []).append(rates)
    for rates in itertools.combinations_with_replacement(range(1, high), n):
        best = gridding(rates, kernel).remedy
        others = by_sum.get(sum(rates), [])
        changes = [sum(abs(a - b) for a, b in zip(rates, other, strict=True)) for other in others]
        assert (best.change if best.found in ("same", "dense") else None) == min(changes, default=None), rates


@pytest.mark.parametrize(
    ("kernels", "strides"),
    [((3, 5), (1, 1)), ((2, 4, 3), (1, 1, 1)), ((5, 3), (2, 1)), ((4, 1, 3), (2, 1, 3))],
)
def test_small_stacks_of_several_kernels_get_the_nearest_rates(
    kernels: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    stacks = [
        Gridding(rates, kernels, strides) for rates in itertools.product(range(1, 17), repeat=len(kernels))
    ]
    dense = [stack for stack in stacks if stack.dense]
    for stack in stacks:
        if max(stack.rates) > 4 or stack.remedy.found not in ("same", "near"):
            continue
        best = stack.remedy
        changes = [
            sum(abs(a - b) for a, b in zip(other.rates, stack.rates, strict=True))
            for other in dense
            if best.stack is not None and other.span == best.stack.span
        ]
        assert best.change == min(changes), stack.rates
        nearer = [
            other.span for other in dense if abs(other.span - stack.span) < abs(best.stack.span - stack.span)
        ]  # type: ignore[union-attr]
        assert not nearer, stack.rates


@pytest.mark.parametrize(
    ("rates", "best"),
    [([2, 2, 2], (1, 2, 3)), ([1, 2, 9], (1, 3, 8)), ([2, 3, 5], (1, 3, 6)), ([5, 3, 2], (6, 3, 1))],
)
def test_known_remedies(rates: list[int], best: tuple[int, ...]) -> None:
    assert gridding(rates).remedy.rates == best


def test_a_span_that_cannot_be_filled() -> None:
    best = gridding([6, 12, 18, 24]).remedy
    assert (best.found, best.rates, best.layers) == ("wide", (1, 3, 9, 27), 5)
    assert "no rates fill a span of 121" in remedy_text(gridding([6, 12, 18, 24]))
    assert gridding([1, 1], 3, [4, 1]).remedy.found in ("wide", "none", "near")
    assert gridding([2] * 17, [2, 3] * 8 + [2]).remedy.found == "unsearched"


# -- nets -------------------------------------------------------------------------------------------------
def net(folder: Path, layers: str, shape: str = "[2, 41, 41]") -> Any:
    file = folder / "a_net.yaml"
    file.write_text(f"input: {shape}\nlayers:\n{layers}", encoding="utf-8")
    return read(file)


def conv(dilation: Any = 1, kernel: Any = 3, **fields: Any) -> str:
    values = {"out_channels": 2, "kernel_size": kernel, "dilation": dilation, **fields}
    inner = ", ".join(f"{k}: {v}" for k, v in values.items())
    return f"  - conv: {{{inner}}}\n"


def check_axes(found: NetGridding) -> None:
    """The worst phase is the worst of real units: those in the middle, one of each phase, by going back."""
    lowered = found.result.engine.lowered
    for axis in found.axes:
        shares = []
        for phase in range(axis.period or 1):
            place = [Cells(phase if a == axis.axis else 0, 1) for a in range(lowered.rank)]
            boxes = reach(lowered, found.layer, place, clip=False)
            if boxes:
                side = hull(boxes)[axis.axis]
                shares.append(Fraction(side.count or 0, side.span))
        assert Fraction(axis.hits or 0, axis.span) == min(shares)


def test_a_dilated_stack_in_a_net(tmp_path: Path) -> None:
    found = net_gridding(net(tmp_path, conv(2) + "  - relu\n" + conv(2) + "  - batch_norm\n" + conv(2)))
    assert [(a.span, a.hits) for a in found.axes] == [(13, 7)] * 2 and found.pixels == 49 and found.box == 169
    (only,) = found.runs
    assert only.layers == ("conv1", "conv2", "conv3") and only.axes == (0, 1) and only.entry == "input"
    assert only.stack.rates == (2, 2, 2) and not only.dense and only.stack.remedy.rates == (1, 2, 3)
    assert found.causes == (only,) and found.first == "conv1" and not found.dense
    check_axes(found)


def test_rates_that_differ_by_axis_are_told_apart(tmp_path: Path) -> None:
    found = net_gridding(net(tmp_path, conv([2, 1]) + conv([2, 2]) + conv(1, [1, 3])))
    assert [(a.span, a.hits) for a in found.axes] == [(9, 5), (9, 9)]
    assert [(r.axes, r.stack.rates, r.dense) for r in found.runs] == [
        ((0,), (2, 2), False),
        ((1,), (1, 2, 1), True),
    ]


def test_downsampling_ends_a_run_and_its_window_belongs_to_it(tmp_path: Path) -> None:
    found = net_gridding(net(tmp_path, conv(2) + conv(2, stride=2) + conv(3) + "  - max_pool: 2\n"))
    assert [(r.layers, r.stack.rates, r.stack.kernels, r.jump) for r in found.runs] == [
        (("conv1", "conv2"), (2, 2), (3, 3), 1),
        (("conv3", "max_pool1"), (3, 1), (3, 2), 2),
    ]
    check_axes(found)


def test_holes_of_strides_are_no_fault_of_dilation(tmp_path: Path) -> None:
    found = net_gridding(net(tmp_path, conv(1, 1, stride=2) + conv()))
    assert not found.dense and not found.runs and found.first == "conv2"
    assert "strides step over cells that no window reads" in render_net(found)


def test_holes_that_wider_cells_cover(tmp_path: Path) -> None:
    found = net_gridding(net(tmp_path, conv(1, 5, stride=2) + conv(2)))
    assert found.dense and len(found.causes) == 1
    assert "on the input they are covered" in render_net(found)


def test_branches_that_fill_the_holes(tmp_path: Path) -> None:
    layers = conv(2, padding=2) + "  - conv: {out_channels: 2, kernel_size: 5, padding: 2}\n    from: input\n"
    layers += "  - add:\n    from: [conv1, conv2]\n"
    found = net_gridding(net(tmp_path, layers))
    assert found.dense and [r.layers for r in found.causes] == [("conv1",)]
    assert "on the input they are covered" in render_net(found)
    (run_,) = net_gridding(net(tmp_path, layers + conv(3))).runs
    assert run_.stack.rates == (2, 3) and not run_.stack.dense and run_.filled and run_.dense


def test_a_gate_beside_a_run_does_not_hide_what_it_reads(tmp_path: Path) -> None:
    layers = (
        conv(2, padding=2)
        + "  - global_avg_pool\n"
        + "  - sigmoid\n  - mul:\n    from: [conv1, sigmoid1]\n"
        + conv(3)
    )
    (run_,) = net_gridding(net(tmp_path, layers)).runs
    assert run_.stack.rates == (2, 3) and run_.read is not None and run_.read.count == run_.stack.hits


def test_huge_rates_in_a_net(tmp_path: Path) -> None:
    layers = (
        conv(10**12)
        + conv(2 * 10**12)
        + "  - conv_transpose: {out_channels: 2, kernel_size: 3, stride: 1000000000}\n"
    )
    found = net_gridding(net(tmp_path, layers, "[2, 90000000000000]"))
    assert found.axes[0].hits is None and found.axes[0].dead is None and found.axes[0].cells is None
    assert found.runs[0].stack.hits == 7 and not found.dense
    assert "holes that are too many to count" in render_net(found)


def test_phases_of_an_upsampling_net(tmp_path: Path) -> None:
    layers = (
        conv(3, padding=3) + "  - conv_transpose: {out_channels: 2, kernel_size: 3, stride: 2}\n" + conv(2)
    )
    found = net_gridding(net(tmp_path, layers))
    assert all(a.period == 2 for a in found.axes)
    check_axes(found)
    assert "the worst of 2 output phases" in render_net(found)


def test_gated_siblings_are_one_run() -> None:
    found = net_gridding(read("wavenet"))
    (only,) = found.runs
    assert only.stack.rates == tuple(2**i for i in range(10)) and only.dense and found.axes[0].span == 1024


def test_parallel_rates_are_runs_of_their_own(tmp_path: Path) -> None:
    branch = "  - conv: {{out_channels: 2, kernel_size: 3, dilation: {0}, padding: {0}}}\n    from: conv1\n"
    layers = conv(1, padding=1) + "".join(branch.format(rate) for rate in (2, 4, 6))
    found = net_gridding(net(tmp_path, layers + "  - concat:\n    from: [conv2, conv3, conv4]\n"))
    assert sorted(r.stack.rates for r in found.runs) == [(1, 2), (1, 4), (1, 6)]
    assert {r.stack.rates: r.dense for r in found.runs} == {(1, 2): True, (1, 4): False, (1, 6): False}
    plane = found.plane()
    assert plane is not None and plane.sum() == found.pixels and plane.size == found.box


def test_three_axes_and_one(tmp_path: Path) -> None:
    found = net_gridding(net(tmp_path, conv(2) + conv(2), "[1, 16, 17, 18]"))
    assert (
        [(a.span, a.hits) for a in found.axes] == [(9, 5)] * 3
        and found.pixels == 125
        and found.plane() is None
    )
    assert [(a.span, a.hits) for a in net_gridding(net(tmp_path, conv(2), "[1, 16]")).axes] == [(5, 3)]


@seeds(40)
def test_random_chains_read_what_real_units_read(seed: int, tmp_path: Path) -> None:
    pick = random.Random(seed)
    layers = ""
    for _ in range(pick.randint(1, 5)):
        kind = pick.random()
        if kind < 0.2:
            layers += (
                f"  - conv_transpose: {{out_channels: 2, kernel_size: {pick.randint(1, 4)}, stride: 2}}\n"
            )
        elif kind < 0.3:
            layers += "  - upsample: 2\n"
        else:
            layers += conv(
                pick.randint(1, 4),
                pick.randint(1, 3),
                stride=pick.choice([1, 1, 2]),
                padding=pick.randint(0, 2),
            )
    found = net_gridding(net(tmp_path, layers, "[2, 200]"))
    check_axes(found)
    for run_ in found.runs:
        assert (
            run_.read is not None and run_.read.count == run_.stack.hits and run_.read.span == run_.stack.span
        )


def test_a_torch_module_has_runs_too() -> None:
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3, dilation=2, padding=2), nn.ReLU(), nn.Conv2d(4, 4, 3, dilation=4, padding=4)
    )
    found = net_gridding(read(module, "3x32x32"))
    assert [r.stack.rates for r in found.runs] == [(2, 4)] and found.axes[0].hits == 7
    image = torch.zeros(1, 3, 32, 32, requires_grad=True)
    for layer in module:
        if isinstance(layer, nn.Conv2d):
            nn.init.ones_(layer.weight)
    (grad,) = torch.autograd.grad(module[2](module[0](image))[0, 0, 16, 16], image)
    assert np.count_nonzero(grad[0, 0].numpy()) == found.pixels


def test_deeplab_s_branches_fill_what_one_of_them_leaves_out() -> None:
    found = net_gridding(read(DeepLab(), "3x128x128"))
    told = {r.stack.rates: (r.dense, r.filled, r.stack.hits) for r in found.runs}
    assert told[(2, 4, 12)] == (False, False, 19) and told[(2, 4, 36, 1)] == (True, True, 45)
    assert all(axis.dense for axis in found.axes) and found.pixels == 379_881 and not found.dense


def test_whole_image_layers_are_told(tmp_path: Path) -> None:
    graph = net(tmp_path, conv(2) + "  - global_avg_pool\n")
    assert net_gridding(graph).layer == "conv1"
    found = net_gridding(graph, "global_avg_pool1")
    assert found.everything and "reads the whole input: no holes" in render_net(found)


# -- the command line ---------------------------------------------------------------------------------------
def test_json_of_a_stack() -> None:
    data = json.loads(run("2,2,2", "--format", "json").stdout)
    assert list(data)[:4] == ["span", "hits", "dense", "cells"]
    assert (data["span"], data["hits"], data["dense"]) == (13, 7, False) and data["cells"] == list(
        range(0, 13, 2)
    )
    assert data["paths"] == [1, 0, 3, 0, 6, 0, 7, 0, 6, 0, 3, 0, 1]
    assert data["density"] == 7 / 13 and data["nearest"]["rates"] == [1, 2, 3]
    assert data["rule"] == {"m": [2, 2], "kernel_size": 3, "passes": True, "right": False}
    assert [c["holds"] for c in data["criterion"]] == [False, True, True]


def test_a_table_says_it_all() -> None:
    text = " ".join(run("2,3,5").stdout.split())
    for part in (
        "span 21, hits 19 (90.5 %): holes; over two axes 361 of 441 cells (81.9 %)",
        "cells #.#################.#",
        "M_2 = 3 <= K = 3, it passes, wrongly",
        "cell 1 is no sum of the rates",
        "nearest dense rates with the same span: 1,3,6",
    ):
        assert part in text, part
    assert max(map(len, run("2,3,5").stdout.splitlines())) <= 100


def test_kernels_and_strides_by_layer() -> None:
    data = json.loads(run("1,2,4", "--kernel-size", "5,3,3", "--stride", "2,1,1", "--format", "json").stdout)
    assert data["steps"] == [1, 4, 8] and data["span"] == 29 and data["dense"] and data["rule"] is None
    assert json.loads(run("4", "--kernel-size", "5", "--format", "json").stdout)["hits"] == 5


@pytest.mark.parametrize("form", ["table", "csv", "md", "latex", "html"])
def test_every_format_works_for_rates_and_for_a_model(form: str) -> None:
    assert "1 + 4 + 6 = 11" in run("2,3,5", "--format", form).stdout
    done = run("wavenet", "--format", form)
    assert done.exit_code == 0 and "256" in done.stdout


def test_json_of_a_model(tmp_path: Path) -> None:
    net(tmp_path, conv(2) + conv(2))
    data = json.loads(run(str(tmp_path / "a_net.yaml"), "--layer", "conv2", "--format", "json").stdout)
    assert data["axes"][0]["cells"] == [0, 2, 4, 6, 8] and data["pixels"] == 25 and data["box"] == 81
    assert data["runs"][0]["rates"] == [2, 2] and data["runs"][0]["nearest"]["rates"] == [1, 3]
    assert data["runs"][0]["layers"] == ["conv1", "conv2"] and data["first"] == "conv1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("0,1", "rates: must be whole numbers >= 1 such as 1,2,5, got '0,1'"),
        ("1,,2", "rates: must be whole numbers >= 1 such as 1,2,5, got '1,,2'"),
        ("2.5", "rates: must be whole numbers >= 1 such as 1,2,5, got '2.5'"),
        ("one,two", "rates: must be whole numbers >= 1 such as 1,2,5, got 'one,two'"),
        ("1,2 --kernel-size 3,3,3", "--kernel-size: must be one value or one for each of the 2 rates, got 3"),
        ("1,2 --kernel-size 0", "--kernel-size: must be whole numbers >= 1 such as 1,2,5, got '0'"),
        ("1,2 --stride x", "--stride: must be whole numbers >= 1 such as 1,2,5, got 'x'"),
        ("1,2 --layer conv1", "--layer: goes with a MODEL, not with rates"),
        ("1,2 --input 3x3", "--input: goes with a MODEL, not with rates"),
        ("code8 --stride 2", "--stride: goes with RATES such as 1,2,5; a MODEL has its own"),
        ("code8 --layer cnv1", "no layer 'cnv1' in code8; did you mean 'conv1'?"),
        ("code8 --wrt mask", "code8 has no input 'mask' (inputs: input)"),
        ("no.yaml", "'no.yaml': no such file"),
        ("1,2 --plot a.gif", "a.gif: a picture is written as .png, .svg or .pdf; got '.gif'"),
        (
            "1000000,5 --plot a.png",
            "--plot: a span of 2,000,011 cells is too wide to be drawn (at most 1,000,000)",
        ),
    ],
)
def test_bad_input_gives_one_line(arguments: str, message: str) -> None:
    assert fails(*arguments.split()) == message


def test_long_lists_of_rates_are_no_file_names() -> None:
    done = run(",".join(["2"] * 9000))
    assert done.exit_code == 0 and "hits 18,001" in done.stdout


# -- the picture --------------------------------------------------------------------------------------------
def drawn(*arguments: Any) -> Any:
    return figure(gridding(*arguments))


def boxes_of(ax: Any) -> list[Any]:
    return [p for p in ax.patches if type(p).__name__ == "Rectangle"]


def test_cells_and_holes_of_the_input_are_drawn() -> None:
    made = drawn([2, 3, 5])
    ribbons, square, below, _ = made.axes
    last = [p for p in boxes_of(ribbons) if round(p.get_y()) == 3]
    holes = sorted(round(p.get_x() + 0.5) for p in last if p.get_hatch())
    read_ = sorted(round(p.get_x() + 0.5) for p in last if not p.get_hatch())
    assert holes == [1, 19] and tuple(read_) == gridding([2, 3, 5]).cells
    assert not any(p.get_hatch() for p in boxes_of(below))
    image = square.images[0].get_array()
    assert image.count() == 361 and image.size == 441


def test_paths_stand_in_the_cells_and_rays_lead_to_them() -> None:
    made = drawn([2, 2, 2])
    written = [t.get_text() for t in made.axes[0].texts if t.get_text().isdigit()]
    assert written == ["1"] * 3 + ["1", "2", "3", "2", "1"] + ["1", "3", "6", "7", "6", "3", "1"]
    assert max(len(lines.get_segments()) for lines in made.axes[0].collections) == 3 * (1 + 3 + 5)


def test_each_ribbon_has_the_cells_that_one_output_uses() -> None:
    found = gridding([1, 2, 4], [5, 3, 3], [2, 1, 1])
    (part,) = sections(found)
    assert [len(r.places) for r in part.ribbons] == [1, 3, 7, 29]
    assert part.ribbons[-1].paths == found.counts() and part.ribbons[2].width == 2
    (cell,) = part.ribbons[0].places
    assert cell == (found.span - 1) / 2


def test_the_remedy_stands_below_on_the_same_scale() -> None:
    parts = sections(gridding([6, 12, 18]))
    assert [p.title for p in parts] == ["rates 6,12,18", "the widest dense rates of these kernels: 1,3,9"]
    assert {p.scale for p in parts} == {73}
    assert len(sections(gridding([1, 2, 5]))) == 1


def test_a_net_s_picture_has_the_run_at_fault(tmp_path: Path) -> None:
    found = net_gridding(net(tmp_path, conv(1) + conv(2) + conv(2)))
    assert sections(found)[0].title == "one unit of conv3" and found.dense
    found = net_gridding(net(tmp_path, conv([2, 1]) + conv([2, 1])))
    titles = [p.title for p in sections(found)]
    assert titles[1] == "conv1 … conv2 (2) along H: rates 2,2" and titles[2].endswith("1,3")
    assert sections(found)[1].plane is None and sections(found)[0].plane is not None


@pytest.mark.parametrize(
    "arguments",
    [
        ([2, 3, 5],),
        ([9],),
        ([1], 1),
        ([1, 2, 4, 8, 16, 32], 2),
        ([6, 12, 18, 24],),
        ([2] * 16,),
        ([31, 97, 400], 7),
        ([1, 2, 4], [5, 3, 3], [2, 1, 1]),
        ([1000, 10000, 100000],),
        ([1, 1], 3, [5, 1]),
    ],
)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_two_texts_touch_and_none_leaves_the_page(arguments: tuple[Any, ...], theme: str) -> None:
    check_texts(figure(gridding(*arguments), theme=theme))


@pytest.mark.parametrize("source", ["wavenet", "inception_v3", "unet", "code8"])
def test_pictures_of_nets_can_be_read(source: str) -> None:
    check_texts(figure(net_gridding(read(source))))


def test_files_say_in_words_what_they_show(tmp_path: Path) -> None:
    found = gridding([2, 2, 2])
    plot(found, tmp_path / "a.svg")
    assert run("2,2,2", "--plot", str(tmp_path / "b.svg")).exit_code == 0
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert "7 read (53.8 %), 6 holes" in description(found) and "nearest dense rates" in description(found)
    assert "Hatched cells are never read." in caption(sections(found))
    assert "Hatched" not in caption(sections(gridding([1, 2, 5])))
    with pytest.raises(ConvvizError, match="too wide to be drawn"):
        figure(gridding([10**9, 10**9]))


def test_results_show_themselves(tmp_path: Path) -> None:
    assert (
        repr(gridding([1, 2])).startswith("rates 1,2  kernel 3") and "<table>" in gridding([1])._repr_html_()
    )
    found = net_gridding(net(tmp_path, conv(2)))
    assert "conv1" in repr(found) and "<table>" in found._repr_html_()
    assert render_gridding(gridding([1, 2]), "json").startswith("{") and notes_of(gridding([3]))[
        0
    ].startswith("span 7")
