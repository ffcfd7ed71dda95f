"""Kernels as columns times rows, against torch and Fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from convviz.analysis.rank_one import example, factored
from convviz.errors import ConvvizError
from convviz.plan import plan
from convviz.plan.rank_one import left_over, passes, table_of_products, two_passes, weights_of

SIZES = [(2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7), (3, 5), (2, 7)]


def kernels() -> list:
    rng = np.random.default_rng(3)
    made = [rng.integers(-3, 4, tuple(rng.integers(2, 8, 2))).astype(float) for _ in range(40)]
    return [k for k in made if k.any()] + [rng.normal(size=(3, 3)) * 1e4, rng.normal(size=(4, 2)) * 1e-4]


@pytest.mark.parametrize("size", SIZES)
def test_the_example_has_whole_factors(size):
    found = factored(example(size))
    assert found.rank == 2
    for one in found.factors:
        assert all(isinstance(v, int) for v in (*one.column, *one.row))
    again = sum(one.product for one in found.factors)
    assert again.tolist() == [list(map(float, row)) for row in example(size)]
    assert found.energies[0] > found.energies[1]


@pytest.mark.parametrize("kernel", kernels(), ids=str)
def test_best_of_every_rank(kernel):
    found = factored(kernel)
    values = torch.linalg.svdvals(torch.tensor(kernel))
    total = float((values**2).sum())
    assert found.energy == pytest.approx(total)
    for n in range(1, found.rank + 1):
        kept = sum(one.product for one in found.factors[:n])
        rest = float(((kernel - kept) ** 2).sum()) / total
        assert rest == pytest.approx(float((values[n:] ** 2).sum()) / total, abs=1e-9)
        assert found.left(n) == pytest.approx(rest, abs=1e-9)
    # No column times row that is drawn at random leaves less.
    rng = np.random.default_rng(1)
    for _ in range(50):
        left, right = rng.normal(size=kernel.shape[0]), rng.normal(size=kernel.shape[1])
        scale = left @ kernel @ right / (left @ left * (right @ right))
        assert ((kernel - scale * np.outer(left, right)) ** 2).sum() / total >= found.left(1) - 1e-9


def test_exactly_in_the_example():
    """A blur along the diagonal: 4 of 40 are left over, in whole numbers."""
    found = factored(example((3, 3)))
    assert found.energies == (36, 4) and found.energy == 40
    assert Fraction(found.left(1)).limit_denominator(1000) == Fraction(1, 10)
    made = left_over(found)
    assert made["residual1"].values[0, 0, 2] == -1 and set(made["residual2"].values.values()) == {0}
    assert made["values"].rows == ((1, 6, "90 %", "6 instead of 9"), (2, 2, "100 %", "12 instead of 9"))
    assert (
        made.steps[0].caption == "The best column × row keeps 90 % of the squared weights; 10 % is left over."
    )


@pytest.mark.parametrize("kernel", kernels()[:12], ids=str)
def test_panels_add_up(kernel):
    found = factored(kernel)
    made = left_over(found)
    rest = kernel.copy()
    for n in range(1, found.rank + 1):
        product = made[f"product{n}"].values
        for (_, r, c), value in product.items():
            assert value == pytest.approx(
                made[f"column{n}"].values[0, r, 0] * made[f"row{n}"].values[0, 0, c], abs=1e-9
            )
            rest[r, c] -= value
            assert made[f"residual{n}"].values[0, r, c] == pytest.approx(
                rest[r, c], abs=1e-6 * abs(kernel).max()
            )
    assert np.abs(rest).max() < 1e-6 * np.abs(kernel).max()


def test_the_first_filter_of_several_on_its_first_channel():
    made = plan("multi_channel_conv")
    values = made["kernel"].values
    wanted = [[values[0, r, c] for c in range(3)] for r in range(3)]
    assert weights_of(made, "kernel").tolist() == wanted


def test_each_pass_begins_with_what_the_one_before_wrote():
    whole = two_passes({"kernel_size": [5, 3]})
    first, second = passes(whole)
    assert second["middle"].values == whole.shown("middle") == first.shown("middle")
    assert second.shown("output") == whole.shown("output")
    assert len(first.steps) + len(second.steps) == len(whole.steps) and whole["output"].shape == (1, 3, 3)


def test_column_times_row_cell_by_cell():
    made = table_of_products((1, 2, 1), (-1, 0, 1))
    assert [w.value for s in made.steps for w in s.writes] == [-1, 0, 1, -2, 0, 2, -1, 0, 1]
    assert made.steps[3].work.text == "2×(−1) = −2"
    assert made.formulas[0].result == "6 instead of 9"


def test_two_passes_give_what_the_kernel_gives():
    made = plan("spatially_separable_conv")
    x = np.array([made["input"].values[c] for c in np.ndindex(made["input"].shape)]).reshape(
        made["input"].shape
    )
    kernel = np.array([made["product"].values[0, r, c] for r in range(3) for c in range(3)]).reshape(3, 3)
    y = torch.nn.functional.conv2d(torch.tensor(x)[None].double(), torch.tensor(kernel)[None, None].double())[
        0
    ]
    shown = made.shown("output")
    assert {cell: float(y[cell]) for cell in shown} == shown


@pytest.mark.parametrize(
    "kernel", [[[1, 2, 3]], [[1], [2]], [1, 2], [[0, 0], [0, 0]], [[1, float("nan")], [0, 1]]]
)
def test_what_cannot_be_split(kernel):
    with pytest.raises(ConvvizError, match=r"at least 2 rows|not all 0"):
        factored(kernel)
