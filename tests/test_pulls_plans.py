"""The plan of how L1 and L2 pull at weights, against torch's own optimizer and its soft threshold."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
import torch

from convviz.errors import FieldError
from convviz.plan.model import Curve, Table
from convviz.plan.regularizers import pulls

CASES = [((3, -1, 0.5), 3, 2, 0.1, 10), ((2,), 1, 5, 0.3, 6), ((1.2, -0.9, 0.6, 0), 3, 2, 0.1, 4)]
RANDOM = random.Random(0)
for _ in range(12):
    drawn = tuple(RANDOM.randint(-40, 40) / 10 for _ in range(RANDOM.randint(1, 4)))
    CASES.append(
        (
            drawn,
            RANDOM.randint(0, 40) / 8,
            RANDOM.randint(0, 40) / 8,
            RANDOM.randint(1, 16) / 32,
            RANDOM.randint(1, 9),
        )
    )


def by_torch(
    key: str, weights: tuple[float, ...], l1: float, l2: float, lr: float, steps: int
) -> list[list[float]]:
    w = torch.tensor(weights, dtype=torch.float64, requires_grad=True)
    rule, rows = torch.optim.SGD([w], lr=lr), [w.tolist()]
    for _ in range(steps):
        if key == "proximal":
            with torch.no_grad():
                w.copy_(torch.nn.functional.softshrink(w, lr * l1))
        else:
            rule.zero_grad()
            # The sign of a rounding error is no sign: exact zeros stay, as with fractions.
            with torch.no_grad():
                w[w.abs() < 1e-12] = 0
            (l1 * w.abs().sum() if key == "subgradient" else l2 / 2 * (w**2).sum()).backward()
            rule.step()
        rows.append(w.tolist())
    return rows


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("key", pulls.LANES)
def test_steps_are_those_of_torch(key: str, case: tuple) -> None:
    found, plan = pulls.pulls(*case)
    rows = by_torch(key, *case)
    shown = plan.shown(key)
    assert len(shown) == len(case[0]) * (case[4] + 1)
    for (i, t), value in shown.items():
        assert float(value) == pytest.approx(rows[t][i], abs=1e-9)
        assert isinstance(found.run(key).weights[t][i], Fraction | int)
    for step in plan.steps:
        assert step.work is not None and step.work.result == step.writes[-1].value


@pytest.mark.parametrize("case", CASES)
def test_penalties_and_gradients_are_those_of_autograd(case: tuple) -> None:
    _, plan = pulls.pulls(*case)
    weights, l1, l2 = case[:3]
    table = plan["pulls"]
    assert isinstance(table, Table)
    for w, row in zip(weights, table.rows, strict=True):
        for at, loss in ((2, lambda v: l1 * v.abs()), (4, lambda v: l2 / 2 * v * v)):
            v = torch.tensor(float(w), dtype=torch.float64, requires_grad=True)
            value = loss(v)
            value.backward()
            assert (row[at], row[at + 1]) == pytest.approx((value.item(), v.grad.item()))
    for key, penalty in (("L1", lambda v: l1 * abs(v)), ("L2", lambda v: l2 / 2 * v * v)):
        curve = plan[key]
        assert isinstance(curve, Curve)
        (line,) = curve.series
        assert list(line.y) == pytest.approx([penalty(x) for x in line.x])
        assert max(line.x) == -min(line.x) == pytest.approx(max(map(abs, weights)) or 1)


def test_sentences_have_the_numbers() -> None:
    found, plan = pulls.pulls((3, -1, 0.5), 3, 2, 0.1, 10)
    assert plan.notes == (
        "L1's gradient g = l1×sign(w) has the size 3 at every weight. L2's, 2×w, fades towards 0.",
        "Each step, L1 takes 3/10 off each weight, whatever its size; L2 leaves 4/5 of it.",
        "Exactly 0 after 10 steps: 3 of 3 by soft threshold, 1 by the L1 gradient (2 swing), none by L2.",
    )
    assert found.run("beside").last[0] == 3 * Fraction(4, 5) ** 10
    assert pulls.exact(found.run("beside").last[0]) == "≈ 0.3221" and pulls.exact(Fraction(-7, 10)) == "−7/10"


def test_bad_numbers_are_told() -> None:
    with pytest.raises(FieldError, match="lr"):
        pulls.pulls((1,), 1, 1, 0, 3)
    with pytest.raises(FieldError, match="weights"):
        pulls.pulls(("a",), 1, 1, 1, 3)
