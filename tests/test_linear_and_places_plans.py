"""Fully connected against convolution, and the places of a window: every number against torch and plain counting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from convviz.errors import ConvvizError
from convviz.ops import build
from convviz.ops.base import Op, Shape
from convviz.plan.model import Grid, Matrix, Plan, Table
from convviz.plan.positions import borders, counted, differing, positions
from convviz.plan.shared_weights import growth, largest, moved, parameters, sharing, thinned, twice

MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}
CASES: tuple[tuple[dict[str, Any], Shape], ...] = (
    ({"kernel_size": 3}, (1, 5, 5)),
    ({"kernel_size": 3, "stride": 2, "padding": 1}, (1, 6, 6)),
    ({"kernel_size": 3}, (2, 9)),
    ({"kernel_size": 3, "dilation": 2, "padding": 2, "bias": False}, (1, 6, 5)),
    ({"kernel_size": 3, "groups": 2, "padding": 1, "out_channels": 4}, (4, 3, 4)),
    ({"kernel_size": 2, "padding": 1, "padding_mode": "circular"}, (1, 5, 6)),
    ({"kernel_size": 3, "padding": 1, "padding_mode": "reflect"}, (1, 4, 4)),
    ({"kernel_size": 1, "stride": 3}, (1, 8)),
    ({"kernel_size": [2, 3], "stride": [1, 2], "padding": [[0, 1], [2, 0]]}, (1, 4, 7)),
)


def conv(fields: dict[str, Any], shape: Shape) -> Op:
    return build("conv", {"out_channels": 1, **fields}, len(shape) - 1)


def cells(plan: Plan, key: str) -> np.ndarray:
    panel = plan[key]
    assert isinstance(panel, Grid)
    done = np.full(panel.shape, np.nan)
    for cell, value in plan.shown(key).items():
        done[cell] = value
    return done


def dense(plan: Plan, key: str) -> np.ndarray:
    panel = plan[key]
    assert isinstance(panel, Matrix)
    done = np.zeros((len(panel.rows), len(panel.columns)))
    for at, (_, value) in panel.entries.items():
        done[at] = value
    return done


def by_torch(op: Any, x: np.ndarray, w: Any) -> np.ndarray:
    rank, t = op.rank, torch.from_numpy(x)[None]
    t = F.pad(t, [p for pair in reversed(op.pads()) for p in pair], MODES[op.padding_mode])
    bias = torch.from_numpy(w["bias"]) if "bias" in w else None
    run = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    return run(t, torch.from_numpy(w["weight"]), bias, op.stride, 0, op.dilation, op.groups)[0].numpy()


# -- the matrix three times ------------------------------------------------------------------------------
@pytest.mark.parametrize("fields, shape", CASES)
def test_the_three_matrices_are_the_layers_that_they_stand_for(fields: dict[str, Any], shape: Shape) -> None:
    op = conv(fields, shape)
    both = twice(op, shape)
    plan = sharing(both)
    flat = torch.from_numpy(both.x).reshape(1, -1)
    weight, bias = (torch.from_numpy(both.dense[n]) if n in both.dense else None for n in ("weight", "bias"))
    assert weight is not None
    full = F.linear(flat, weight, bias).reshape(both.out).numpy()
    np.testing.assert_allclose(cells(plan, "output_full"), full)
    np.testing.assert_allclose(dense(plan, "full"), weight.numpy())

    ones = torch.ones(shape, dtype=torch.float64)
    eye = (
        torch.eye(ones.numel(), dtype=torch.float64).reshape(-1, *shape).numpy()
    )  # a column of the matrix each
    plain = {"weight": both.kernel["weight"]}
    columns = np.stack([by_torch(op, each, plain).ravel() for each in eye], 1)
    np.testing.assert_allclose(dense(plan, "shared"), columns)
    np.testing.assert_allclose(cells(plan, "output_shared"), by_torch(op, both.x, both.kernel))

    reach = np.stack(
        [by_torch(op, each, {"weight": np.ones_like(plain["weight"])}).ravel() for each in eye], 1
    )
    local = torch.from_numpy(weight.numpy() * (reach > 0))
    np.testing.assert_allclose(dense(plan, "local"), local.numpy())
    np.testing.assert_allclose(
        cells(plan, "output_local"), F.linear(flat, local, bias).reshape(both.out).numpy()
    )
    for step in plan.steps:
        assert step.work is not None
        assert sum(t.product for t in step.work.terms) + (step.work.bias or 0) == step.work.result


@pytest.mark.parametrize("fields, shape", CASES)
def test_parameters_are_torchs(fields: dict[str, Any], shape: Shape) -> None:
    op: Any = conv(fields, shape)
    plan = sharing(twice(op, shape))
    table = plan["counts"]
    assert isinstance(table, Table)
    bias = op.bias
    size = cells(plan, "output_full").size
    line = torch.nn.Linear(int(np.prod(shape)), size, bias=bias)
    kind = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)[op.rank - 1]
    net = kind(shape[0], op.out_channels, op.kernel_size, groups=op.groups, bias=bias)
    for module, row, formula in (
        (line, table.rows[0], plan.formulas[0]),
        (net, table.rows[2], plan.formulas[1]),
    ):
        count = sum(p.numel() for p in module.parameters())
        assert row[1] == module.weight.numel()
        assert row[3] == row[1] + row[2] == count == int(formula.result.replace(",", ""))
    local = plan["local"]
    assert isinstance(local, Matrix) and table.rows[1][1] == len(local.entries)
    assert table.rows[1][2] == (size if bias else 0)


def test_a_layer_of_resnet_50() -> None:
    op = build("conv", {"out_channels": 64, "kernel_size": 3, "padding": 1, "bias": False}, 2)
    full, few = parameters(op, (64, 56, 56))
    assert (full.result, few.result) == (f"{(64 * 56 * 56) ** 2:,}", "36,864")
    assert few.note == "The fully connected layer has 1,092,722 times as many."


def test_growth_is_counted_by_the_ops() -> None:
    op = conv({"kernel_size": 3, "out_channels": 2}, (3, 5, 5))
    table = growth([(op, (3, n, n)) for n in (5, 28)])["growth"]
    assert isinstance(table, Table)
    assert table.rows == (
        ("3×5×5 to 2×3×3", f"{75 * 18 + 18:,}", "56"),
        ("3×28×28 to 2×26×26", f"{3 * 28**2 * 1352 + 1352:,}", "56"),
    )


def test_a_layer_thinned_keeps_its_window() -> None:
    for fields, shape, kept in (
        ({"out_channels": 8, "padding": 1}, (3, 4, 4), (1, 4, 4)),
        ({"out_channels": 6, "groups": 3}, (3, 4, 4), (2, 4, 4)),
    ):
        op: Any = conv({"kernel_size": 3, **fields}, shape)
        few, then = thinned(op, shape)
        assert then == kept and few.shape(then) == (kept[0], *op.shape(shape)[1:])
        assert few.windows() == op.windows()  # type: ignore[attr-defined]


# -- the input moves -------------------------------------------------------------------------------------
@pytest.mark.parametrize("fields, shape", CASES)
def test_what_moves_along(fields: dict[str, Any], shape: Shape) -> None:
    op: Any = conv(fields, shape)
    both = twice(op, shape)
    plan = moved(both)
    by = op.stride[-1]
    x, then = cells(plan, "input"), cells(plan, "input_moved")
    np.testing.assert_array_equal(then[..., by:], x[..., :-by])
    assert not then[..., :by].any() and not x[..., -by:].any()
    outputs = {"conv": by_torch(op, x, both.kernel), "conv_moved": by_torch(op, then, both.kernel)}
    weight, bias = (torch.from_numpy(both.dense[n]) if n in both.dense else None for n in ("weight", "bias"))
    for key, value in (("linear", x), ("linear_moved", then)):
        outputs[key] = (
            F.linear(torch.from_numpy(value).reshape(1, -1), weight, bias).reshape(both.out).numpy()
        )
    for key, y in outputs.items():
        np.testing.assert_allclose(cells(plan, key), y)
    for name, fact in zip(("conv", "linear"), plan.facts, strict=True):
        along = np.isclose(outputs[name][..., :-1], outputs[f"{name}_moved"][..., 1:])
        assert fact[1] == f"{along.sum()} of {along.size}"
        told = {
            m.cells[0]
            for s in plan.steps
            for m in s.marks
            if (m.panel, m.mark) == (f"{name}_moved", "shared")
        }
        assert told == {(*at[:-1], at[-1] + 1) for at in zip(*map(list, np.nonzero(along)), strict=True)}
    if op.padding_mode == "zeros":
        assert plan.facts[0][1] == "{0} of {0}".format(int(np.prod(both.out[:-1])) * (both.out[-1] - 1))


def test_the_first_example_moves_along_in_the_convolution_only() -> None:
    assert [f[1] for f in moved(twice(conv({"kernel_size": 3}, (1, 5, 5)), (1, 5, 5))).facts] == [
        "6 of 6",
        "0 of 6",
    ]


def test_too_large_and_unfit() -> None:
    op = conv({"kernel_size": 3}, (1, 3, 3))
    with pytest.raises(
        ConvvizError, match="an output of 1x1x1 has no neighbour to move to; use a larger input"
    ):
        moved(twice(op, (1, 3, 3)))
    with pytest.raises(
        ConvvizError, match=r"the fully connected layer: an explanation would have .* weights"
    ):
        twice(op, (1, 64, 64))
    with pytest.raises(ConvvizError, match="a fully connected layer is set against conv"):
        twice(build("max_pool", {"kernel_size": 2}, 2), (1, 4, 4))
    assert largest(op, 1, 2, 36, 120) == (1, 8, 8)  # 36 rows; 9x9 would have 49
    assert largest(op, 1, 2, 99, 120) == (1, 10, 10)  # 100 columns; 11x11 would have 121
    assert largest(op, 1, 2, 36, 3) is None


# -- places of the window --------------------------------------------------------------------------------
def test_places_against_brute_force() -> None:
    rng = np.random.default_rng(1)
    seen = 0
    for _ in range(300):
        n, k, s, d = (int(v) for v in rng.integers(1, (14, 5, 5, 4)))
        before, after = (int(v) for v in rng.integers(0, 4, 2))
        span = d * (k - 1) + 1
        if n + before + after < span:
            continue
        op = conv({"kernel_size": k, "stride": s, "dilation": d, "padding": [[before, after]]}, (1, n))
        found = positions(op, (1, n))
        starts = [at for at in range(-before, n + after - span + 1) if (at + before) % s == 0]
        assert [found.first(o) for o in range(found.outputs)] == starts
        assert found.rest == n + after - (starts[-1] + span)
        out = by_torch(op, np.zeros((1, n)), {"weight": np.ones((1, 1, k))}).shape[-1]
        assert found.outputs == len(starts) == out
        same = [
            m
            for m in range(max(1, span - before - after), n + 9)
            if (m + before + after - span) // s + 1 == out
        ]
        assert list(found.sizes) == same
        plan = counted(op, (1, n))
        assert list(plan.shown("count").values()) == list(range(1, out + 1))
        read = {c for step in plan.steps for m in step.marks if m.mark == "read" for c in m.cells}
        behind = [m.cells for m in plan.steps[-1].marks]
        assert sum(map(len, behind)) == found.rest and not read & {c for cells in behind for c in cells}
        grid = plan["axis"]
        assert isinstance(grid, Grid)
        assert {c for cells in behind for c in cells} <= grid.unused
        assert plan.formulas[1].result == f"{out}" == plan.formulas[0].result
        seen += 1
    assert seen > 200


def test_words_of_places() -> None:
    op = conv({"kernel_size": 3, "stride": 2, "padding": 1}, (1, 6, 6))
    plan = counted(op, (1, 6, 6))
    assert [step.caption for step in plan.steps] == [
        "Place 1 of 3 begins at column −1.",
        "Place 2 of 3 begins at column 1, 2 columns further.",
        "Place 3 of 3 begins at column 3, 2 columns further.",
        "1 cell is left, and a hop takes 2: the floor drops it.",
    ]
    assert plan.formulas[0].numbers == "⌊(6 + 2×1 − 3)/2⌋ + 1 = ⌊5/2⌋ + 1"
    assert list(positions(op, (1, 6, 6)).sizes) == [5, 6]
    none = counted(conv({"kernel_size": 3}, (1, 5, 5)), (1, 5, 5))
    assert none.steps[-1].caption == "The last window ends on the last cell: nothing is left over."
    with pytest.raises(ConvvizError, match="axis: there are 2 spatial axes, got 2"):
        counted(op, (1, 6, 6), 2)


@pytest.mark.parametrize(
    "n, k, s, d, p", [(6, 3, 2, 1, 1), (6, 5, 1, 1, 2), (7, 3, 1, 2, 2), (3, 7, 1, 1, 3)]
)
def test_borders_are_torchs(n: int, k: int, s: int, d: int, p: int) -> None:
    op = conv({"kernel_size": k, "stride": s, "dilation": d, "padding": p}, (1, n))
    plans = borders(op, (1, n))
    assert [plan.name for plan in plans] == [m for m in MODES if m != "reflect" or p < n]
    x = np.arange(1.0, n + 1)[None]
    for plan in plans:
        padded = F.pad(torch.from_numpy(x)[None], [p, p], MODES[plan.name])[0, 0].numpy()
        grid = plan["input"]
        assert isinstance(grid, Grid)
        if plan.name != "zeros":
            ends = [*range(-p, 0), *range(n, n + p)]
            assert [grid.outside[0, at] for at in ends] == [padded[at + p] for at in ends]
            read, filled = (mark.cells for mark in plan.steps[0].marks)
            assert [at for _, at in filled] == ends
            assert [x[cell] for cell in read] == [grid.outside[cell] for cell in filled]
        else:
            assert not plan.steps[0].marks
        y = F.conv1d(torch.from_numpy(padded)[None, None], torch.ones(1, 1, k).double(), None, s, 0, d)
        assert list(plan.shown("output").values()) == y.flatten().tolist()
    table = np.array([list(plan.shown("output").values()) for plan in plans])
    assert differing(plans) == tuple(np.nonzero((table != table[0]).any(0))[0])


def test_without_padding_nothing_lies_outside() -> None:
    with pytest.raises(
        ConvvizError, match="conv: has no padding, so that nothing lies outside; set a padding"
    ):
        borders(conv({"kernel_size": 3}, (1, 5, 5)), (1, 5, 5))
