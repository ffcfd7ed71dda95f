"""How paths spread, against convolutions of ones, binomials and autograd."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
import torch

import convviz
from convviz.analysis.paths import path_counts
from convviz.errors import ConvvizError
from convviz.plan.spread import counted, depth, heat, patches, spread


def powers(kernel: int, layers: int) -> list[int]:
    """Coefficients of (1 + x + … + x^(k−1))^n."""
    line = [1]
    for _ in range(layers):
        line = [sum(line[max(0, i - kernel + 1) : i + 1]) for i in range(len(line) + kernel - 1)]
    return line


@pytest.mark.parametrize("kernel", [2, 3, 4, 7])
@pytest.mark.parametrize("layers", [1, 5, 40])
def test_a_stack_by_itself(kernel, layers):
    one = depth(layers, kernel)
    counts = powers(kernel, layers)
    assert one.found.counts() == tuple(counts)
    assert one.field == len(counts) == 1 + layers * (kernel - 1)
    total, mean = kernel**layers, Fraction(len(counts) - 1, 2)
    assert one.variance == sum(n * (i - mean) ** 2 for i, n in enumerate(counts)) / total
    widths = [  # the shortest stretch around the centre that holds 95 %
        len(counts) - 2 * cut
        for cut in range((len(counts) + 1) // 2)
        if Fraction(sum(counts[cut : len(counts) - cut]), total) >= Fraction(95, 100)
    ]
    assert one.width == min(widths)


def test_kernels_of_two_are_pascals_triangle():
    shown = counted(2)
    assert [list(shown.shown(f"map{i}").values()) for i in range(5)] == [
        [comb(n, i) for i in range(n + 1)] for n in (4, 3, 2, 1, 0)
    ]


def test_four_times_the_depth_is_twice_the_width():
    plan = spread(3)
    assert [row[:2] + row[3:4] for row in plan["depths"].rows] == [(10, 21, 11), (40, 81, 21), (90, 181, 31)]
    assert plan.formulas[1].numbers == "√(10×(3² − 1)/12)" and plan.formulas[1].result == "2.58"
    for series in plan["shares"].series:
        assert sum(series.y) == pytest.approx(100) and series.x[0] == -series.x[-1]
    field, width = plan["growth"].series
    assert field.x == width.x and all(a >= b for a, b in zip(field.y, width.y, strict=True))
    for key, lengths in (("fields", (21, 81, 181)), ("bands", (11, 21, 31))):
        ends = [series.x for series in plan[key].series]
        assert [far - low + 1 for low, far in ends] == list(lengths) and all(low == -far for low, far in ends)
    assert [(x, y) for x, y in zip(width.x, width.y, strict=True) if x == 10] == [(10, 11)]
    with pytest.raises(ConvvizError, match=r"kernel_size: must be a whole number from 2 to 31, got 1"):
        spread(1)


def test_heat_of_a_real_unit_is_a_gradient_of_ones():
    graph = convviz.read("code8")
    found = path_counts(graph, "conv7", (0, 3))
    made = heat(found)
    x = torch.zeros(1, 1, 28, 28, dtype=torch.float64, requires_grad=True)
    y = x
    for node in graph:
        size = getattr(node.op, "kernel_size", None)
        if size is not None:
            kernel = torch.ones(1, 1, *size, dtype=torch.float64)
            y = torch.nn.functional.conv2d(y, kernel, stride=node.op.stride, padding=node.op.pads()[0][0])
        if node.name == "conv7":
            break
    y[0, 0, found.unit[0], found.unit[1]].backward()
    wanted = (x.grad[0, 0] / x.grad.max()).numpy()
    shown = np.zeros((28, 28))
    for r, row in enumerate(made.rows):
        shown[made.origin[0] + r, made.origin[1] : made.origin[1] + len(row)] = row
    assert made.patch == 1 and np.allclose(shown, wanted)


def test_a_corner_is_no_mirror_image():
    found = path_counts(convviz.read("espcn"), "conv3", (0, 1))
    shares = found.real.cells(normalise=True)
    assert not np.allclose(shares, shares[::-1]) and np.allclose(heat(found).rows, shares / shares.max())


@pytest.mark.parametrize("net", ["patchgan", "wavenet", "resnet18", "unet"])
def test_heat_of_larger_nets(net):
    made = heat(path_counts(convviz.read(net)))
    assert max(map(max, made.rows)) == 1 and max(len(made.rows), len(made.rows[0])) <= 56
    for (low, high), (first, last) in zip(made.most, made.theory, strict=True):
        assert first <= low <= high <= last
    rows = dict(made.plan["net"].rows)
    assert len(rows["theoretical field"].split("×")) == len(made.paths.size)
    if made.paths.lost:
        assert rows["paths from padding"].endswith(" %") and "padding" in made.plan.steps[-1].caption


def test_patches_keep_the_sum():
    array = np.random.default_rng(0).random((11, 7))
    small = patches(array, 3)
    assert small.shape == (4, 3) and small.sum() == pytest.approx(array.sum())
    assert small[1, 1] == pytest.approx(array[3:6, 3:6].sum())
