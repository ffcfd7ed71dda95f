"""What dropout keeps the same, and what neighbours tell: exact averages over all masks, draws against torch's rule."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch

from convviz.errors import ConvvizError
from convviz.plan.regularizers.masks import all_masks
from convviz.plan.regularizers.neighbours import Guessed, draws, smooth, telling, whole_step
from tests.sweeps import seeds


@seeds(20)
def test_mean_over_all_masks_is_the_input(seed: int) -> None:
    pick = random.Random(seed)
    kind = pick.choice(["dropout", "dropout2d"])
    shape = (pick.randint(1, 3), 2, 1) if kind == "dropout2d" else (1, pick.randint(1, 5))
    values = [pick.randint(-9, 9) for _ in range(int(np.prod(shape)))]
    p = Fraction(pick.randint(1, 9), 10)
    found = all_masks(values, shape, p, kind)
    assert found.mean == tuple(map(Fraction, values))
    assert all_masks(values, shape, p, kind, scale=False).mean == tuple(v * (1 - p) for v in values)
    assert sum(mask.chance for mask in found.masks) == 1
    shown = found.plan.shown("mean")
    assert [shown[cell] for cell in found.cells()] == values


@pytest.mark.parametrize("kind", ["dropout", "dropout2d"])
def test_masks_are_those_of_torch(kind: str) -> None:
    """Every output that torch draws is one of ours, and each of ours comes up about as often as it says."""
    torch.manual_seed(0)
    x, p = torch.tensor([[3.0, 5.0], [2.0, 7.0]]), 0.25
    module = torch.nn.Dropout(p) if kind == "dropout" else torch.nn.Dropout1d(p)
    found = all_masks([3, 5, 2, 7], (2, 2), p, kind)
    ours = {tuple(round(float(v), 4) for v in mask.out): float(mask.chance) for mask in found.masks}
    many = module(x.expand(20_000, 2, 2)).reshape(-1, 4)
    rows, counts = many.unique(dim=0, return_counts=True)
    drawn = {tuple(round(float(v), 4) for v in row): int(n) for row, n in zip(rows, counts, strict=True)}
    assert set(drawn) <= set(ours)
    assert all(abs(drawn.get(out, 0) / 20_000 - chance) < 0.02 for out, chance in ours.items())


def test_masks_say_what_is_wrong() -> None:
    for values, shape, kind, words in (
        ([1] * 7, (1, 7), "dropout", "shape: 128 masks are too many"),
        ([1, 2], (1, 3), "dropout", "shape: does not hold 2 numbers"),
        ([1, 2], (1, 2), "dropout3d", "kind: no dropout 'dropout3d'"),
    ):
        with pytest.raises(ConvvizError) as err:
            all_masks(values, shape, 0.5, kind)
        assert str(err.value).startswith(words)
    with pytest.raises(ConvvizError, match="p: must be"):
        all_masks([1], (1, 1), 1.5)


@pytest.mark.parametrize(
    ("shape", "p"), [((3, 4, 4), 0.5), ((1, 6, 5), 0.25), ((2, 9), 0.5), ((3, 4, 4), 0.9)]
)
def test_guesses(shape: tuple[int, ...], p: float) -> None:
    """Each fallen cell from its neighbours, against a 3×3 sum of torch over what stays."""
    found = Guessed(telling(shape, p))
    mask = torch.tensor(found.way.mask[0, 0]).double()
    x = torch.tensor(found.x)
    window = torch.ones(1, 1, *(3,) * x.ndim, dtype=torch.float64)
    conv = torch.nn.functional.conv1d if x.ndim == 1 else torch.nn.functional.conv2d
    total, count = (conv(t[None, None], window, padding=1)[0, 0] for t in (x * mask, mask))
    expected = {
        tuple(map(int, cell)): float(total[tuple(cell)] / count[tuple(cell)])
        for cell in (mask == 0).nonzero()
        if count[tuple(cell)]
    }
    assert found.guesses == pytest.approx(expected)
    errors = [abs(value - float(x[cell])) for cell, value in expected.items()]
    assert found.off == pytest.approx(np.mean(errors) if errors else 0)
    shown = found.plan.shown("guess")
    assert {cell[1:]: value for cell, value in shown.items()} == pytest.approx(expected)


def test_neighbours_tell_more_than_the_mean() -> None:
    found = [Guessed(telling((1, 8, 8), 0.5, seed)) for seed in range(10)]
    assert all(one.off < one.spread for one in found)


def test_telling_is_telling() -> None:
    found = telling((3, 4, 4), 0.5)
    single, whole = (next(w.mask for w in found.ways if w.kind == kind) for kind in ("dropout", "dropout2d"))
    assert int(single[0, 0].sum()) == 8
    fallen = [not whole[0, c].any() for c in range(3)]
    assert any(fallen) and not fallen[0] and all(whole[0, c].all() or not whole[0, c].any() for c in range(3))


@pytest.mark.parametrize(("p", "step"), [(0.5, 1), (0.25, 3), (0.2, 4), (0.1, 1), (0.75, 1)])
def test_numbers_stay_whole(p: float, step: int) -> None:
    assert whole_step(p) == step
    x = smooth((2, 5, 5), step)
    assert (x > 0).all() and (x % step == 0).all()
    if step > 1:
        assert np.allclose(x / (1 - p) % 1, 0) or np.allclose(x / (1 - p), np.rint(x / (1 - p)))


def test_draws_and_evaluation() -> None:
    plan = draws((1, 4, 4), 0.5, seed=3)
    x = smooth((1, 4, 4))
    for i, cell in product(range(3), np.ndindex(x.shape)):
        assert plan.shown(f"draw{i}")[cell] in (0, 2 * x[cell])
    assert plan.shown("eval") == {cell: x[cell] for cell in np.ndindex(x.shape)}
    assert dict(plan.facts)["evaluation"] == f"{x.mean():g}"
    with pytest.raises(ConvvizError, match="count: must be at least 1"):
        draws((1, 2, 2), 0.5, count=0)
