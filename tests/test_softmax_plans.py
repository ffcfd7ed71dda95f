"""Where softmax overflows and underflows in float32, and steps along its gradient, against torch."""

from __future__ import annotations

import random
from math import inf, isinf, isnan

import pytest
import torch
from torch.nn import functional as F

from convviz.plan.logits import softmax
from convviz.plan.softmax_limits import BEYOND, descend, heated, overflow, powers, vanished
from tests.sweeps import seeds


def some(seed: int) -> tuple[list[float], int]:
    pick = random.Random(seed)
    values = [round(pick.uniform(-5, 5), pick.choice([0, 1])) for _ in range(pick.randint(2, 6))]
    return values, pick.randrange(len(values))


@seeds(20)
def test_overflow_is_float32s(seed: int) -> None:
    values, target = some(seed)
    found = overflow(softmax(values, target))
    x = torch.tensor(found.values, dtype=torch.float32)
    e = x.exp()
    assert isinf(float(e.sum()))
    assert found.shift == 0 or not isinf(float((x.max().floor() - 1).exp()))  # no larger than it has to be
    for mine, torchs in ((found.naive.exponentials, e), (found.naive.shares, e / e.sum())):
        for a, b in zip(mine, torchs.tolist(), strict=True):
            assert (isnan(a) and isnan(b)) or a == pytest.approx(b, rel=2e-6)
    assert found.saved.probabilities == pytest.approx(softmax(values).probabilities)
    assert str(found.shift) in found.caption


def test_overflow_where_logits_are_large_already() -> None:
    found = overflow(softmax([1000, 1001, 999], 0))
    assert found.shift == 0 and found.values == (1000, 1001, 999)
    assert found.caption == "Of these logits e^x overflows: float32 ends at x = 88.72."


@seeds(20)
def test_vanished_is_float32s(seed: int) -> None:
    values, target = some(seed)
    found = vanished(softmax(values, target))
    x = torch.tensor(found.values, dtype=torch.float32)
    assert found.shares == pytest.approx(x.softmax(0).tolist(), rel=1e-5, abs=1e-30)
    assert found.shares[target] == 0 and found.logs[target] == -inf
    assert found.kept == pytest.approx(x.log_softmax(0).tolist(), rel=1e-5, abs=1e-6)
    assert found.kept[target] <= -BEYOND


@seeds(20)
def test_descent_is_autograds(seed: int) -> None:
    values, target = some(seed)
    x = torch.tensor(values, dtype=torch.float64)
    for result in descend(softmax(values, target), 3, lr=0.7):
        x = x.detach().requires_grad_()
        loss = F.cross_entropy(x[None], torch.tensor([target]))
        loss.backward()
        assert result.values == pytest.approx(x.tolist()) and result.loss == pytest.approx(loss.item())
        assert x.grad is not None and result.gradient == pytest.approx(x.grad.tolist(), abs=1e-12)
        x = x.detach() - 0.7 * x.grad


@pytest.mark.parametrize("seed", range(8))
def test_temperatures(seed: int) -> None:
    values, target = some(seed)
    for result, heat in zip(heated(softmax(values, target)), (0.5, 1, 2), strict=True):
        expected = (torch.tensor(values, dtype=torch.float64) / heat).softmax(0).tolist()
        assert result.probabilities == pytest.approx(expected)


@pytest.mark.parametrize(("heat", "name"), [(1, "e^x"), (2, "e^(x / T)")])
def test_powers(heat: float, name: str) -> None:
    found = powers(softmax([2, 3, 0, 1], 0, temperature=heat))
    x = torch.tensor([2.0, 3, 0, 1], dtype=torch.float64) / heat
    assert found.name == name and found.values == pytest.approx(x.exp().tolist())
    assert found.total == pytest.approx(float(x.exp().sum()))
    assert float(found.share.result) == pytest.approx(float(x.softmax(0)[0]), abs=1e-4)


def test_powers_of_what_overflows_in_double_precision() -> None:
    found = powers(softmax([1000, 1001], 1))
    assert found.name == "e^(x − max)" and max(found.values) == 1
    assert found.share.numbers == "1 / 1.3679" and found.share.result == "0.7311"
