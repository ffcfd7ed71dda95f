"""Plans of stacks of dilated convolutions, against brute force and against autograd."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from fractions import Fraction

import pytest
import torch

from convviz.analysis.gridding import gridding
from convviz.errors import ConvvizError
from convviz.plan.dilation import spread_apart
from convviz.plan.gridding import compared, share, stack

STACKS = [
    ([2, 2, 2], 3, 1),
    ([1, 2, 3], 3, 1),
    ([2, 3, 5], 3, 1),
    ([1, 2], [3, 5], [2, 1]),
    ([4], 7, 3),
    ([1, 1], 1, 1),
]


def random_stacks(count: int = 40) -> list:
    rng = random.Random(5)
    made = []
    for _ in range(count):
        n = rng.randint(1, 4)
        draw = lambda low, high: [rng.randint(low, high) for _ in range(n)]  # noqa: B023, E731
        made.append((draw(1, 5), draw(1, 4), draw(1, 2)))
    return made


def brute(rates, kernels, strides) -> Counter:
    """Over how many chains of taps each cell is read, found by walking all of them."""
    jumps = [1]
    for s in strides[:-1]:
        jumps.append(jumps[-1] * s)
    steps = [r * j for r, j in zip(rates, jumps, strict=True)]
    chains = itertools.product(*(range(k) for k in kernels))
    return Counter(sum(t * e for t, e in zip(chain, steps, strict=True)) for chain in chains)


@pytest.mark.parametrize("setting", [*STACKS, *random_stacks()])
def test_paths_of_every_map(setting):
    found = gridding(*setting)
    plan = stack(found)
    layers = len(found.rates)
    for i in range(layers + 1):
        rest = (found.rates[i:], found.kernels[i:], found.strides[i:])
        wanted = brute(*rest) if i < layers else Counter({0: 1})
        shown = plan.shown(f"map{i}")
        assert {cell[1]: n for cell, n in shown.items() if n} == dict(wanted)
        assert len(shown) == max(wanted) + 1
    for step in plan.steps[1 : layers + 1]:  # what is scattered adds up to what is written
        sums: Counter = Counter()
        for term in step.work.terms:
            sums[term.to] += term.product
        assert {w.cell: w.value for w in step.writes} == {w.cell: sums[w.cell] for w in step.writes}
        marks = {mark.mark: set(mark.cells) for mark in step.marks if mark.panel == step.writes[0].panel}
        assert marks["written"] == set(sums) and marks.get("hole", set()) == {
            w.cell for w in step.writes if not w.value
        }
        text, result = step.work.text.split(" = ")
        assert sum(map(int, text.split(" + "))) == int(result)


@pytest.mark.parametrize("setting", STACKS[:3])
def test_counts_are_gradients_of_ones(setting):
    found = gridding(*setting)
    x = torch.zeros(1, 1, found.span, requires_grad=True)
    y = x
    for rate, kernel in zip(found.rates, found.kernels, strict=True):
        y = torch.nn.functional.conv1d(y, torch.ones(1, 1, kernel), dilation=rate)
    y.sum().backward()
    assert [int(v) for v in x.grad[0, 0]] == list(stack(found).shown("map0").values())


@pytest.mark.parametrize("setting", STACKS)
def test_neighbours(setting):
    found = gridding(*setting)
    plan = stack(found)
    marks = {mark.mark: {c[1] for c in mark.cells} for mark in plan.steps[-1].marks}
    jump = 1
    for s in found.strides:
        jump *= s
    mine = set(brute(found.rates, found.kernels, found.strides))
    other = {c + jump for c in mine}
    assert (marks["read"], marks["fed"], marks["shared"]) == (mine, other, mine & other)
    assert max(other) < plan["beside"].shape[1]
    assert ("none of these" in plan.steps[-1].caption) == (not mine & other)


def test_two_axes_are_a_product():
    plane = stack(gridding([2, 2, 2]))["plane"].values
    assert plane[0, 6, 6] == 49 and plane[0, 1, 0] == 0
    assert sum(1 for n in plane.values() if n) == 49 and len(plane) == 169
    facts = dict(stack(gridding([2, 2, 2])).facts)
    assert facts["share over two axes"] == "29 %" and facts["share"] == "53.8 %"  # 49/169, 7/13


def test_criterion_and_span():
    plan = stack(gridding([2, 3, 5]))
    assert plan["conditions"].rows[0] == ("layer 1", 2, "1", "no")
    assert plan.formulas[0].numbers == "1 + 2×2 + 2×3 + 2×5" and plan.formulas[0].result == "21"
    assert stack(gridding([1, 2], 3, [2, 1])).formulas[0].numbers == "1 + 2×1×1 + 2×2×2"
    table = compared(gridding([2, 2, 2]), gridding([1, 2, 3]))
    assert table.rows[0] == ("span", "13", "13") and table.columns == ("rates", "2, 2, 2", "1, 2, 3")


@pytest.mark.parametrize("kernel", [(3,), (3, 3), (2, 5)])
def test_a_window_that_is_pulled_apart(kernel):
    plan = spread_apart(kernel, (1, 2, 4))
    for rate, step, row in zip((1, 2, 4), plan.steps, plan["rates"].rows, strict=True):
        read = {c for mark in step.marks if mark.mark == "read" for c in mark.cells}
        wanted = {(0, *(rate * t for t in at)) for at in itertools.product(*map(range, kernel))}
        assert read == wanted
        shape = plan[f"window{rate}"].shape[1:]
        assert shape == tuple(rate * (k - 1) + 1 for k in kernel)
        total = 1
        for n in shape:
            total *= n
        assert row[3] == share(Fraction(len(wanted), total))
        holes = {c for mark in step.marks if mark.mark == "hole" for c in mark.cells}
        assert len(holes) == total - len(wanted)


def test_too_wide():
    with pytest.raises(ConvvizError, match=r"gridding: an explanation would have .* cells of one map"):
        stack(gridding([200_000]))
