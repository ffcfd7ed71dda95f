"""Max and average pooling side by side, shifted, padded and backwards, against torch on random windows."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from convviz.errors import ConvvizError
from convviz.ops.base import build
from convviz.plan.model import Plan
from convviz.plan.pool_beside import Pair, both, cut, gradient, padded
from convviz.plan.pool_shift import shifts
from tests.sweeps import seeds


def array(plan: Plan, key: str) -> np.ndarray:
    found = plan.shown(key)
    out = np.full(np.max(list(found), axis=0) + 1, np.nan)
    for cell, value in found.items():
        out[cell] = value
    return out


def some(seed: int) -> tuple[Any, tuple[int, ...]]:
    """A pool and a map that it fits."""
    pick = random.Random(seed)
    rank = pick.choice([1, 2, 2])
    kernel = [pick.randint(1, 4) for _ in range(rank)]
    fields: dict[str, Any] = {
        "kernel_size": kernel,
        "stride": [pick.randint(1, 4) for _ in range(rank)],
        "padding": [pick.randint(0, k // 2) for k in kernel],
        "ceil_mode": pick.random() < 0.3,
    }
    kind = pick.choice(["max_pool", "avg_pool"])
    if kind == "avg_pool":
        fields["count_include_pad"] = pick.random() < 0.5
    return build(kind, fields, rank), (pick.randint(1, 2), *(k + pick.randint(0, 5) for k in kernel))


def pools(op: Any, x: torch.Tensor, **more: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Both of torch's pools with the window of an op."""
    given = (op.kernel_size, op.stride, op.padding)
    largest, mean = (F.max_pool1d, F.avg_pool1d) if op.rank == 1 else (F.max_pool2d, F.avg_pool2d)
    include = more.pop("count_include_pad", getattr(op, "count_include_pad", True))
    return (
        largest(x, *given, ceil_mode=op.ceil_mode),
        mean(x, *given, ceil_mode=op.ceil_mode, count_include_pad=include),
    )


@seeds(40)
def test_both_and_gradient_are_torchs(seed: int) -> None:
    op, shape = some(seed)
    plans = both(op, shape, seed=seed)
    x = torch.tensor(array(plans[0], "input"), requires_grad=True)
    assert torch.equal(x, torch.tensor(array(plans[1], "input")))
    expected = pools(op, x)
    for plan, y in zip(plans, expected, strict=True):
        np.testing.assert_allclose(array(plan, "output"), y.detach().numpy())
    back = gradient(op, shape, seed=seed)
    slopes = torch.tensor(array(back, "arriving"))
    for key, y in zip(("to_max", "to_mean"), expected, strict=True):
        (g,) = torch.autograd.grad(y, x, slopes)
        np.testing.assert_allclose(array(back, key), g.numpy(), atol=1e-12)
    learn = [int((array(back, key) != 0).sum()) for key in ("to_max", "to_mean")]
    assert [value for _, value in back.facts] == [f"{n} of {x.numel()}" for n in learn]


def test_gradient_of_equal_cells_goes_to_the_first() -> None:
    back = gradient(build("max_pool", {"kernel_size": 2}, 2), (1, 2, 2), xs=[np.ones((1, 2, 2))])
    assert [cell for cell, value in back.shown("to_max").items() if value] == [(0, 0, 0)]


@seeds(30)
def test_padding(seed: int) -> None:
    op, shape = some(seed)
    plan = padded(op, shape, seed)
    stage = plan.stages[0]
    x = torch.tensor(array(plan, "input"))
    assert (x < 0).all()
    for include, key in ((True, "counted"), (False, "left_out")):
        largest, mean = pools(stage.op, x, count_include_pad=include)
        np.testing.assert_allclose(array(plan, key), mean.numpy())
        np.testing.assert_allclose(array(plan, "max"), largest.numpy())
    if not stage.op.ceil_mode:
        sides = [p for pad in reversed(stage.op.padding) for p in (pad, pad)]
        bare = build("max_pool", {**stage.op.fields(), "padding": 0}, stage.op.rank)
        zeros = pools(bare, F.pad(x, sides))[0]
        wrong = int((zeros != largest).sum())
        assert dict(plan.facts)["maxima that zeros would change"] == f"{wrong} of {largest.numel()}"


def test_padding_of_a_pool_without_any_is_resnets() -> None:
    plan = padded(build("max_pool", {"kernel_size": 2}, 2), (1, 4, 4))
    assert plan.stages[0].op.fields()["padding"] == (1, 1)
    assert plan.shown("max") == {(0, 0, 0): -1, (0, 0, 1): -2, (0, 1, 0): -3, (0, 1, 1): -5}
    assert plan.shown("left_out") == {(0, 0, 0): -3, (0, 0, 1): -4, (0, 1, 0): -5, (0, 1, 1): -6}
    assert dict(plan.facts)["windows that stick out"] == "4 of 4"


@seeds(40)
def test_shift(seed: int) -> None:
    op, shape = some(seed)
    if op.ceil_mode:
        return
    found = shifts(op, shape, seed)
    bare = build("avg_pool", {"kernel_size": op.kernel_size, "stride": op.stride}, op.rank)
    results = []
    for moved in found.moves:
        kept = max(shape[-1] - moved.shift, 0)
        assert np.array_equal(moved.x[..., shape[-1] - kept :], found.moves[0].x[..., :kept])
        largest, mean = pools(bare, torch.tensor(moved.x))
        np.testing.assert_allclose(array(found.plan, f"max{moved.shift}"), largest.numpy())
        np.testing.assert_allclose(array(found.plan, f"mean{moved.shift}"), mean.numpy())
        results.append((largest, mean))
    facts = dict(found.plan.facts)
    for moved in found.moves[1:]:
        for which, name in enumerate(("maxima", "means")):
            same = int((results[moved.shift][which] == results[0][which]).sum())
            assert facts[f"{name} that stay, moved by {moved.shift}"] == f"{same} of {results[0][0].numel()}"
    for which, key in enumerate(("max", "mean")):  # by the stride every result moves by one cell
        last, first = results[-1][which], results[0][which]
        assert torch.equal(last[..., 1:], first[..., :-1])
        assert len(found.travelled(key)) == last[..., 1:].numel()


def test_shift_of_the_example() -> None:
    found = shifts(build("max_pool", {"kernel_size": 2}, 2), (1, 4, 4))
    assert [step.caption for step in found.plan.steps] == [
        "Before the shift.",
        "Moved by 1: 2 of 4 maxima stay, and 0 of 4 means.",
        "Moved by 2, the stride: every result moves by one cell.",
    ]


@seeds(20)
def test_cut_keeps_the_window(seed: int) -> None:
    op, shape = some(seed)
    small = cut(op, shape)
    assert small[0] == 1 and all(a <= b for a, b in zip(small[1:], shape[1:], strict=True))
    assert all(n <= 4 for n in op.shape(small)[1:])


@pytest.mark.parametrize(
    ("op", "words"),
    [
        (build("conv", {"out_channels": 1, "kernel_size": 2}, 2), "conv: max and mean are compared for"),
        (build("lp_pool", {"kernel_size": 2, "norm_type": 2}, 2), "lp_pool: max and mean are compared for"),
        (
            build("max_pool", {"kernel_size": 2, "dilation": 2}, 2),
            "dilation: average pooling has no dilation",
        ),
    ],
)
def test_what_has_no_pair(op: Any, words: str) -> None:
    with pytest.raises(ConvvizError) as err:
        Pair.of(op, (1, 6, 6))
    assert str(err.value).startswith(words)
