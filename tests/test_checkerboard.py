"""Checkerboards: overlap, composites, remedies, their words, pictures and command, without torch."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convviz import theme as themes
from convviz.analysis.artifacts import phase_fraction, spectrum_peak
from convviz.analysis.checkerboard import Checkerboard, checkerboard, overlap
from convviz.analysis.coverage import Coverage, coverage_map, of_relation
from convviz.analysis.patterns import from_table, primitive
from convviz.analysis.phase_index import at_init, icnr, rho, shuffled_sums, transposed_sums
from convviz.errors import ConvvizError
from convviz.figures.checkerboard import description, figure, plot
from convviz.graph import Graph
from convviz.ops.base import build
from convviz.ops.conv import ConvTranspose
from convviz.ops.relations import Window
from convviz.read import read
from tests.command import Command

UP = "conv_transpose: {{out_channels: 3, kernel_size: {}, stride: {}}}"


def net(folder: Path, *layers: str, shape: str = "[2, 12, 12]") -> Graph:
    file = folder / "a_net.yaml"
    file.write_text(f"input: {shape}\nlayers:\n" + "".join(f"  - {x}\n" for x in layers), encoding="utf-8")
    return read(file)


run = Command("checkerboard")


def data(*arguments: str) -> Any:
    done = run(*arguments, "--format", "json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


# -- one layer ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("k", "s", "d", "phi", "cv", "both"),
    [
        (3, 2, 1, (2, 1), 0.3333, 0.4843),
        (4, 2, 1, (2, 2), 0.0, 0.0),
        (5, 2, 1, (3, 2), 0.2, 0.2857),
        (3, 2, 2, (3, 0), 1.0, 1.7321),
        (2, 3, 1, (1, 1, 0), 0.7071, 1.1180),
        (5, 3, 1, (2, 2, 1), 0.2828, 0.4079),
        (4, 2, 2, (4, 0), 1.0, 1.7321),
    ],
)
def test_known_overlaps(k: int, s: int, d: int, phi: tuple[int, ...], cv: float, both: float) -> None:
    found = overlap(k, s, dilation=d)
    assert found.overlap == (phi, phi)
    assert found.cv == pytest.approx((cv, cv), abs=5e-5) and found.cv_total == pytest.approx(both, abs=5e-5)
    assert found.uniform is (cv == 0)
    alive = sum(map(bool, phi))
    assert found.dead == s * s - alive * alive


def test_five_thousand_random_layers_against_counting() -> None:
    rng = random.Random(0)
    for _ in range(5000):
        k, s, d, p = rng.randint(1, 9), rng.randint(1, 6), rng.randint(1, 5), rng.randint(0, 9)
        q = rng.randrange(max(s, d))
        n = 2 * p // s + d * k // s + 6
        out = (n - 1) * s - 2 * p + d * (k - 1) + q + 1
        hits = [0] * out
        for i in range(n):
            for j in range(k):
                o = i * s - p + d * j
                if 0 <= o < out:
                    hits[o] += 1
        found = overlap(k, s, p, d, q, rank=1)
        (phi,) = found.overlap
        inside = range(
            max(d * (k - 1) - p, 0), min((n * s - p), out)
        )  # what all inputs that could reach it reach
        assert all(hits[o] == phi[o % s] for o in inside) and len(inside) >= s
        assert len(phi) == s and sum(phi) == k
        mean = k / s
        assert found.cv[0] == pytest.approx(sqrt(sum((c - mean) ** 2 for c in phi) / s) / mean, abs=1e-12)
        assert found.uniform is (len(set(phi)) == 1) and found.dead == phi.count(0)


@pytest.mark.parametrize("p", range(5))
def test_padding_rotates_and_output_padding_changes_nothing(p: int) -> None:
    base = overlap(5, 3, rank=1).overlap[0]
    assert overlap(5, 3, p, rank=1).overlap[0] == tuple(base[(r + p) % 3] for r in range(3))
    assert overlap(5, 3, p, output_padding=2, rank=1).overlap == overlap(5, 3, p, rank=1).overlap


def test_axes_of_their_own_and_rank() -> None:
    found = overlap([3, 4], [2, 3])
    assert found.overlap == ((2, 1), (2, 1, 1)) and found.coverage.phases == 6
    assert 1 + found.cv_total**2 == pytest.approx((1 + found.cv[0] ** 2) * (1 + found.cv[1] ** 2))  # type: ignore
    assert len(overlap(3, 2, rank=3).overlap) == 3 and len(overlap([3], [2]).overlap) == 1


def test_kernels_of_any_size_are_exact() -> None:
    found = overlap(10**12, 3)
    assert found.overlap[0] == (333333333334, 333333333333, 333333333333) and not found.uniform
    assert 0 < found.cv[0] < 1e-11  # type: ignore[operator]
    assert overlap(10**12, 2).uniform and overlap(3, 2, dilation=10**12).dead == 3
    assert overlap(3, 2, 10**12 + 1).overlap[0] == (1, 2)


def test_parseval() -> None:
    coverage = overlap(7, 5, rank=1).coverage
    spectrum = coverage.spectrum(0)
    assert sum(2 * a * a for a in spectrum[1:]) == pytest.approx(coverage.cv[0] ** 2)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (dict(op="conv", kernel_size=3, stride=2, padding=1), (1, 2)),
        (dict(op="conv", kernel_size=1, stride=2), (1, 0)),
        (dict(op="max_pool", kernel_size=3, stride=2), (2, 1)),
        (dict(op="avg_pool", kernel_size=3, stride=2), (2, 1)),
        (dict(op="max_pool", kernel_size=2), (1, 1)),
        (dict(op="conv_transpose", kernel_size=3, stride=2, gradient=True), (3,)),
    ],
)
def test_gradient_side(fields: dict[str, Any], expected: tuple[int, ...]) -> None:
    found = overlap(**fields)
    assert found.overlap == (expected, expected) and found.side == "gradient"


def test_max_pooling_says_in_how_many_windows_a_pixel_lies() -> None:
    assert "up to 1 window;" in repr(overlap(2, 2, op="max_pool"))
    assert "up to 4 windows" in repr(overlap(3, 2, op="max_pool"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (dict(kernel_size=0), "kernel_size: must be a whole number >= 1, got 0"),
        (dict(kernel_size=3, stride=0), "stride: must be a whole number >= 1, got 0"),
        (dict(kernel_size=3, stride=-2), "stride: must be a whole number >= 1"),
        (dict(kernel_size="three"), "kernel_size: must be a whole number >= 1, got 'three'"),
        (dict(kernel_size=3.5), "kernel_size: must be a whole number >= 1"),
        (dict(kernel_size=[3, 3], stride=[2, 2, 2]), "one for each spatial axis"),
        (dict(kernel_size=3, stride=2, output_padding=2), "must be smaller than stride or dilation"),
        (dict(kernel_size=3, stride=10**12), "stride: 1,000,000,000,000 phases are too many to list"),
        (dict(kernel_size=3, rank=4), "rank: must be 1, 2 or 3"),
        (dict(kernel_size=3, op="linear"), "op: must be one of conv_transpose"),
        (dict(kernel_size=3, op="conv", output_padding=1), "output_padding: is for conv_transpose"),
        (dict(kernel_size=3, channels=[0, 3]), "channels: must be input and output channels"),
        (dict(kernel_size=3, rank=2, size=[1, 2, 3]), "size: must be one number"),
        (dict(kernel_size=3, stride=2, size=float("nan")), "size: must be one number"),
        (dict(kernel_size=3, groups=5), "groups: input channels"),
    ],
)
def test_bad_layers_are_refused_in_one_line(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConvvizError) as caught:
        overlap(**fields)
    assert message in str(caught.value) and "\n" not in str(caught.value)


# -- stacks and nets --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("stack", "phases", "cv"),
    [
        ([(3, 2)] * 2, (3, 2, 3, 1), 0.3685),
        ([(3, 2)] * 3, (4, 3, 5, 2, 5, 3, 4, 1), 0.3902),
        ([(4, 2)] * 3, (8,) * 8, 0.0),
        ([(4, 2), (3, 2)], (4, 2, 4, 2), 0.3333),
        ([(3, 2), (4, 2)], (3, 3, 3, 3), 0.0),
    ],
)
def test_known_stacks(
    tmp_path: Path, stack: list[tuple[int, int]], phases: tuple[int, ...], cv: float
) -> None:
    found = checkerboard(net(tmp_path, *(UP.format(*ks) for ks in stack)))
    assert found.composite.overlap == (phases, phases)
    assert found.composite.cv[0] == pytest.approx(cv, abs=5e-5)
    assert [s.name for s in found.stages] == [f"conv_transpose{i + 1}" for i in range(len(stack))]


@pytest.mark.parametrize(("depth", "ratio"), list(enumerate([2, 3, 5, 8, 13], 1)))
def test_extremes_grow_like_fibonacci(tmp_path: Path, depth: int, ratio: int) -> None:
    values = checkerboard(net(tmp_path, *[UP.format(3, 2)] * depth, shape="[1, 9]")).composite.overlap[0]
    assert Fraction(max(values), min(values)) == ratio


def test_random_stacks_against_upsample_and_filter(tmp_path: Path) -> None:
    rng = random.Random(1)
    for _ in range(60):
        stack = [(rng.randint(1, 6), rng.randint(1, 3), rng.randint(1, 3)) for _ in range(rng.randint(1, 4))]
        layers = [
            f"conv_transpose: {{out_channels: 2, kernel_size: {k}, stride: {s}, dilation: {d}}}"
            for k, s, d in stack
        ]
        found = checkerboard(net(tmp_path, *layers, shape="[2, 40]")).composite.overlap[0]
        kernel = np.ones(1, dtype=object)
        total = 1
        for k, s, d in stack:
            taps = np.zeros(d * (k - 1) + 1, dtype=object)
            taps[::d] = 1
            up = np.zeros((len(kernel) - 1) * s + 1, dtype=object)
            up[::s] = kernel
            kernel, total = np.convolve(up, taps), total * s
        assert found == tuple(sum(kernel[r::total]) for r in range(total))


def test_what_lies_between_counts(tmp_path: Path) -> None:
    smooth = checkerboard(net(tmp_path, UP.format(3, 2), "conv: {out_channels: 1, kernel_size: 2}"))
    assert smooth.composite.uniform and not smooth.stages[0].uniform
    mean = checkerboard(net(tmp_path, UP.format(3, 2), "avg_pool: {kernel_size: 3, stride: 1}")).composite
    assert mean.overlap[0] == (Fraction(5, 3), Fraction(4, 3))  # (2 + 1 + 2) / 3 and (1 + 2 + 1) / 3
    largest = checkerboard(net(tmp_path, UP.format(3, 2), "max_pool: {kernel_size: 2, stride: 1}")).composite
    assert largest.overlap[0] == (2, 2)
    blur = checkerboard(
        net(tmp_path, UP.format(3, 2), "upsample: {scale_factor: 2, mode: bilinear}")
    ).composite
    assert blur.overlap[0] == (Fraction(7, 4), Fraction(7, 4), Fraction(5, 4), Fraction(5, 4))


def test_dead_phases_can_be_all_that_is_read(tmp_path: Path) -> None:
    layers = [
        UP.format(1, 2),
        "crop: {padding: [[1, 0], [1, 0]]}",
        "conv: {out_channels: 1, kernel_size: 1, stride: 2}",
    ]
    found = checkerboard(net(tmp_path, *layers))
    assert (
        found.composite.cv_total is None and found.composite.verdict == "dead" and not found.composite.uniform
    )
    assert "no output is reached at all" in repr(found)


def test_branches_that_are_no_product_keep_joint_phases(tmp_path: Path) -> None:
    found = checkerboard(
        net(
            tmp_path,
            "conv_transpose: {out_channels: 2, kernel_size: 3, stride: 2, padding: 1, output_padding: 1}",
            "upsample: 2\n    from: input",
            "add:\n    from: [conv_transpose1, upsample1]",
        )
    ).composite
    # 2 channels in: 2 * (1 2) x (1 2), plus 1
    assert not found.separable and found.table == ((3, 5), (5, 9)) and found.periods == (2, 2)
    assert found.overlap == ((4, 7), (4, 7))
    values = np.array([3, 5, 5, 9])
    assert found.cv_total == pytest.approx(values.std() / values.mean())


@pytest.mark.parametrize(
    "source", ["unet", "dcgan", "espcn", "resnet18", "vgg16", "densenet121", "wavenet", "lenet5"]
)
@pytest.mark.parametrize("gradient", [False, True])
def test_bundled_nets(source: str, gradient: bool) -> None:
    found = checkerboard(read(source), gradient=gradient)
    assert repr(found) and json.dumps(found.composite.cv)
    if not gradient:
        assert found.composite.uniform
        assert found.enlarges is (source in ("unet", "dcgan", "espcn"))
        assert ("--gradient" in repr(found)) is not found.enlarges


def test_stages_take_what_belongs_to_them(tmp_path: Path) -> None:
    found = checkerboard(
        net(
            tmp_path,
            "upsample: 2",
            "relu",
            "conv: {out_channels: 8, kernel_size: 3, padding: 1}",
            "conv: {out_channels: 8, kernel_size: 3}",
            "batch_norm",
            "pixel_shuffle: 2",
        )
    )
    first, last = found.stages
    assert (
        first.layers == ("upsample1", "relu1", "conv1") and first.any_weights and first.overlap[0] == (3, 3)
    )
    assert last.layers == ("conv2", "batch_norm1", "pixel_shuffle1") and last.rho_at_init == 0.75
    assert last.free == ("conv2", "batch_norm1") and "free bias" in repr(found)
    assert found["conv2"] is last and found.stages[0].rho is None


def test_a_latent_vector_and_a_reshape_are_no_obstacle(tmp_path: Path) -> None:
    layers = ["linear: {out_features: 32}", "reshape: {size: [2, 4, 4]}", UP.format(3, 2), UP.format(3, 2)]
    found = checkerboard(net(tmp_path, *layers, shape="[10]"))
    assert found.composite.overlap[0] == (3, 2, 3, 1)


def test_layer_and_input_can_be_named(tmp_path: Path) -> None:
    graph = net(tmp_path, UP.format(3, 2), "relu", UP.format(3, 2))
    assert checkerboard(graph, layer="relu1").composite.overlap[0] == (2, 1)
    with pytest.raises(ConvvizError, match="did you mean 'relu1'"):
        checkerboard(graph, layer="relu2")
    with pytest.raises(ConvvizError, match="has no input 'x'"):
        checkerboard(graph, gradient=True, wrt="x")


def test_a_deep_net_of_large_numbers(tmp_path: Path) -> None:
    graph = net(tmp_path, UP.format(3, 2), *["conv: {out_channels: 2, kernel_size: 3, padding: 1}"] * 3000)
    found = run(str(tmp_path / "a_net.yaml"), "--format", "json")
    assert found.exit_code == 0 and all(v <= 1 for v in json.loads(found.stdout)["composite"]["overlap"][0])
    assert repr(checkerboard(graph))


def test_patterns_factor_back_into_products() -> None:
    table = np.empty((2, 2), dtype=object)
    table[:] = [[2, 4], [3, 6]]
    pattern = from_table(table, (2, 2))
    assert pattern.table is None and pattern.axes == ((2, 3), (1, 2)) and pattern.scale == 1
    assert primitive([4, 6]) == (2, (2, 3))
    table[:] = 0
    assert from_table(table, (2, 2)).constant and from_table(table, (2, 2)).scale == 0


# -- maps with their borders ------------------------------------------------------------------------------
def test_coverage_maps_cost_vectors() -> None:
    window = Window(kernel=3, dilation=-1, up=2)
    sizes = [4]
    for _ in range(10):
        sizes.append(2 * sizes[-1] + 1)
    found = coverage_map([[(window, m)] * 2 for m in sizes[1:]], [4, 4])
    assert found.shape == (5119, 5119) and found[(2000, 2000)] == int(found.axes[0][2000]) ** 2
    one = coverage_map([[(window, 4096)] * 2], [2048, 2048])
    assert one.full().shape == (4096, 4096) and one.full()[4000, 4001] == 2
    with pytest.raises(ConvvizError, match="too large to write out"):
        coverage_map([[(window, 10**5)] * 2], [5 * 10**4] * 2).full()
    with pytest.raises(ConvvizError, match="too long"):
        coverage_map([[(window, 10**12)] * 2], [4, 4])


# -- weights --------------------------------------------------------------------------------------------
def test_rho_by_hand_and_at_random() -> None:
    op = build("conv_transpose", {"out_channels": 1, "kernel_size": 4, "stride": 2, "padding": 1}, 1)
    assert isinstance(op, ConvTranspose)
    weight = np.array([[[1.0, 2.0, 3.0, 4.0]]])
    assert transposed_sums(weight, op).tolist() == [[6.0, 4.0]]  # output 0 reads taps 1 and 3
    assert rho(transposed_sums(weight, op)) == pytest.approx(1 / 26)
    rng = np.random.default_rng(0)
    flat = build("conv_transpose", {"out_channels": 400, "kernel_size": 4, "stride": 2, "groups": 2}, 2)
    assert isinstance(flat, ConvTranspose)
    assert rho(transposed_sums(rng.normal(size=(8, 200, 4, 4)), flat)) == pytest.approx(at_init(4), abs=0.03)
    sub = rng.normal(size=(5, 3, 3, 3))
    assert rho(shuffled_sums(icnr(sub, 2), 2)) == pytest.approx(0, abs=1e-12)
    assert rho(shuffled_sums(rng.normal(size=(900, 3, 3, 3)), 3)) == pytest.approx(8 / 9, abs=0.03)
    assert rho(np.zeros((2, 4))) == 0


def test_measures_of_a_picture() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(3, 64, 64))
    board = np.indices((64, 64)).sum(0) % 2
    assert phase_fraction(noise, 2) < 0.01 < 0.4 < phase_fraction(noise + 2 * board, 2)
    assert spectrum_peak(noise + board, 2) > 100 > 20 > spectrum_peak(noise, 2)
    assert phase_fraction(np.ones((1, 8, 8)), 2) == 0


# -- remedies -------------------------------------------------------------------------------------------
def test_remedies_are_even_and_keep_the_size() -> None:
    rng = random.Random(2)
    for _ in range(300):
        k, s, d, p = rng.randint(1, 8), rng.randint(2, 5), rng.randint(1, 4), rng.randint(0, 4)
        q = rng.randrange(max(s, d))
        found = overlap(k, s, p, d, q, size=12, rank=rng.choice([1, 2]))
        assert {r.name for r in found.remedies} == {"resize", "shuffle"} | (
            {"kernel"} if not found.uniform else set()
        )
        for remedy in found.remedies:
            assert remedy.coverage.uniform and remedy.coverage.dead == 0
            if remedy.name == "kernel":
                fields = remedy.ops[0][1]
                assert remedy.same_size and remedy.rho_at_init == found.rho_at_init
                assert all(x % s == 0 for x in fields["kernel_size"])
            else:
                assert remedy.rho_at_init == pytest.approx(0, abs=1e-12)


def test_costs_are_those_of_the_layers() -> None:
    found = overlap(3, 2, 1, output_padding=1, channels=[64, 128], size=56, bias=False)
    cost = {r.name: (r.params, r.macs, r.out) for r in found.remedies}
    assert found.present is not None and (found.present.params, found.present.macs) == (73_728, 231_211_008)
    assert cost == {
        "kernel": (131_072, 411_041_792, (128, 112, 112)),
        "resize": (73_728, 924_844_032, (128, 112, 112)),
        "shuffle": (294_912, 924_844_032, (128, 112, 112)),
    }
    kernel = found.remedies[0].ops[0][1]
    assert (
        kernel["kernel_size"] == [4, 4] and kernel["padding"] == [1, 1] and kernel["output_padding"] == [0, 0]
    )


def test_no_shuffle_for_strides_that_differ() -> None:
    assert [r.name for r in overlap([3, 4], [2, 3]).remedies] == ["kernel", "resize"]
    assert overlap(3, 1).remedies == () and overlap(3, 1).uniform


def test_a_net_is_proved_again_with_its_remedies(tmp_path: Path) -> None:
    layer = "conv_transpose: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1, output_padding: 1}"
    found = checkerboard(net(tmp_path, layer, "relu", layer, "conv: {out_channels: 1, kernel_size: 3}"))
    assert not found.composite.uniform
    assert [name for name, _ in found.after] == ["kernel", "resize", "shuffle"]
    assert all(coverage.uniform for _, coverage in found.after)


# -- the command ------------------------------------------------------------------------------------------
def test_the_fixed_form_of_one_layer() -> None:
    found = data("--kernel-size", "3", "--stride", "2")
    assert found["overlap"] == [[2, 1], [2, 1]] and found["uniform"] is False and found["dead"] == 0
    assert found["cv"] == [1 / 3, 1 / 3] and found["cv_total"] == pytest.approx(0.4843221, abs=1e-7)
    assert found["rho"] is None and len(found["remedies"]) == 3


def test_the_fixed_form_of_a_net(tmp_path: Path) -> None:
    net(tmp_path, UP.format(3, 2), UP.format(3, 2))
    found = data(str(tmp_path / "a_net.yaml"))
    assert [s["layer"] for s in found["stages"]] == ["conv_transpose1", "conv_transpose2"]
    for part in (*found["stages"], found["composite"]):
        assert {"overlap", "cv", "cv_total", "uniform", "dead"} <= set(part)
    assert found["composite"]["overlap"] == [[3, 2, 3, 1]] * 2 and found["stages"][0]["rho"] is None


def test_options_of_a_layer() -> None:
    assert data("--kernel-size", "3,4", "--stride", "2,3")["overlap"] == [[2, 1], [2, 1, 1]]
    assert len(data("--kernel-size", "3", "--rank", "3")["overlap"]) == 3
    assert data("--op", "max_pool", "--kernel-size", "3", "--stride", "2")["side"] == "gradient"
    assert data("--gradient", "--kernel-size", "1", "--stride", "2")["dead"] == 3
    costs = data(
        "--kernel-size", "3", "--stride", "2", "--channels", "8,4", "--size", "10", "--set", "bias=false"
    )
    assert costs["present"]["params"] == 8 * 4 * 9 and costs["present"]["in"] == [8, 10, 10]


@pytest.mark.parametrize("format", ["table", "csv", "md", "latex", "html"])
@pytest.mark.parametrize(
    "source", [["--kernel-size", "3", "--stride", "2"], ["dcgan"], ["resnet18", "--gradient"]]
)
def test_every_format(format: str, source: list[str]) -> None:
    done = run(*source, "--format", format)
    assert done.exit_code == 0 and len(done.stdout) > 200
    if format == "table":
        assert max(map(len, done.stdout.splitlines())) <= 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "name a net, or describe a layer: convviz checkerboard --kernel-size 3 --stride 2"),
        ("--stride 2", "name a net, or describe a layer"),
        ("dcgan --kernel-size 3", "--kernel-size: describes a layer, and a MODEL is given"),
        ("dcgan --size 3", "--size: describes a layer"),
        ("--kernel-size 3 --layer conv1", "--layer: goes with a MODEL"),
        ("--kernel-size 3 --weights w.pt", "--weights: goes with a MODEL"),
        ("--kernel-size three", "--kernel-size: must be a whole number >= 1"),
        ("--kernel-size 3 --stride 0", "--stride: must be a whole number >= 1"),
        ("--kernel-size 3 --stride 2 --output-padding 5", "--output-padding: must be smaller"),
        ("--kernel-size 3 --stride 1000000000000", "--stride: 1,000,000,000,000 phases"),
        ("--kernel-size 3 --stride 2 --padding 40 --size 5", "nothing is left"),
        ("--kernel-size 3 --channels a", "--channels: must be input and output channels"),
        ("--kernel-size 3 --set colour=red", "--colour: unknown field of conv_transpose"),
        ("--kernel-size 3 --seeds 3", "--seeds: goes with --experiment"),
        ("dcgn", "did you mean 'dcgan'"),
        ("dcgan --wrt input", "--wrt: goes with --gradient"),
        ("dcgan --layer nix", "no layer 'nix'"),
        ("dcgan --experiment", "--experiment: runs generators of its own and takes no MODEL"),
        ("dcgan --plot a.gif", "a picture is written as .png, .svg or .pdf"),
        ("dcgan --plot nowhere/a.png", "there is no folder 'nowhere'"),
    ],
)
def test_bad_command_lines(arguments: str, message: str) -> None:
    done = run(*arguments.split())
    assert done.exit_code == 2 and message in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert done.stdout == ""


def test_strides_of_many_phases_are_answered() -> None:
    found = overlap(3, 60_000, rank=3)
    assert found.dead == 60_000**3 - 27 and all(r.coverage.uniform for r in found.remedies)


# -- pictures -------------------------------------------------------------------------------------------
PICTURES: dict[str, Any] = {
    "k3s2": lambda: overlap(3, 2, 1, output_padding=1),
    "1-D": lambda: overlap(5, 3, rank=1),
    "3-D": lambda: overlap(3, 2, rank=3),
    "axes": lambda: overlap([5, 3], [3, 2]),
    "dead": lambda: overlap(3, 2, dilation=2),
    "wide": lambda: overlap(11, 4),
    "huge": lambda: overlap(10**12, 3),
    "many phases": lambda: overlap(5, 100),
    "stride 1": lambda: overlap(3),
    "pool": lambda: overlap(3, 2, op="max_pool"),
    "gradient": lambda: overlap(3, 2, gradient=True),
    "dcgan": lambda: checkerboard(read("dcgan")),
    "resnet18": lambda: checkerboard(read("resnet18")),
    "resnet18 gradient": lambda: checkerboard(read("resnet18"), gradient=True),
    "resnet152 gradient": lambda: checkerboard(read("resnet152"), gradient=True),
    "wavenet": lambda: checkerboard(read("wavenet")),
}


def texts(made: Any) -> list[Any]:
    found = [*made.texts]
    for ax in made.axes:
        found += [*ax.texts, *([ax.xaxis.label, *ax.get_xticklabels()] if ax.axison else [])]
    return [text for text in found if text.get_text() and text.get_visible()]


@pytest.mark.parametrize(
    ("name", "theme"), [*((n, "light") for n in PICTURES), ("k3s2", "dark"), ("dcgan", "dark")]
)
def test_no_text_touches_another_or_leaves_the_page(name: str, theme: str) -> None:
    from convviz.figures import canvas

    with canvas.style():
        made = figure(PICTURES[name](), theme=theme)
        made.draw_without_rendering()
        renderer = made.canvas.get_renderer()
        width, height = made.canvas.get_width_height()
        boxes = sorted(((t.get_window_extent(renderer), t) for t in texts(made)), key=lambda b: b[0].y0)
    for box, text in boxes:
        assert text.get_size() >= 7, text.get_text()
        assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height, text.get_text()
    for i, (one, a) in enumerate(boxes):
        for two, b in boxes[i + 1 :]:
            if two.y0 > one.y1:
                break
            across = min(one.x1, two.x1) - max(one.x0, two.x0)
            up = min(one.y1, two.y1) - max(one.y0, two.y0)
            assert not (across > 1 and up > 2.5), (a.get_text(), b.get_text())
    assert made.get_facecolor()[:3] == tuple(
        int(themes.theme(theme).paper[i : i + 2], 16) / 255 for i in (1, 3, 5)
    )


def test_ribbons_carry_kernel_indices_and_counts() -> None:
    made = figure(overlap(3, 2))
    told = [t.get_text() for t in made.axes[0].texts]
    assert told.count("input 0") == 1 and "count" in told
    lines = [t for t in made.axes[0].texts if t.get_text().isdigit()]
    rows = [[t.get_text() for t in lines if round(t.get_position()[1], 1) == y] for y in (0, 1, 2)]
    assert rows == [["0", "1", "2"]] * 3
    counts = [t.get_text() for t in lines if t.get_position()[1] == 5.45]
    assert counts == ["1", "1", "2", "1", "2", "1", "2", "1", "2", "1", "1"]
    product = [t.get_text() for t in made.axes[1].texts if t.get_position()[0] >= 0 <= t.get_position()[1]]
    assert sorted(x for x in product if x.isdigit()) == sorted(["4", "2", "2", "1"] * 9)
    formulas = " ".join(t.get_text() for t in made.texts)
    assert "c[r] = #{j < 3 : j = r (mod 2)}" in formulas and "CV of all axes = 0.484" in formulas


def test_a_picture_through_the_command(tmp_path: Path) -> None:
    file = tmp_path / "a.svg"
    done = run("--kernel-size", "3", "--stride", "2", "--plot", str(file), "--theme", "dark")
    assert done.exit_code == 0
    assert description(overlap(3, 2))[:40] in file.read_text(encoding="utf-8")
    plot(checkerboard(read("dcgan")), tmp_path / "b.png")
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")


def test_results_print_well() -> None:
    found = overlap(3, 2)
    assert "c[0] = 2 (j = 0, 2)" in repr(found) and "<table" in found._repr_html_()
    result = checkerboard(read("dcgan"))
    assert (
        isinstance(result, Checkerboard) and "composite" in repr(result) and "<table" in result._repr_html_()
    )
    assert all(a <= b for a, b in pairwise([0, result.composite.dead]))
    assert of_relation(Window(3, 1, -1, 0, 2)) == (2, 1) and Coverage(((1, 1),)).uniform


def test_a_net_of_many_products_is_answered_at_once(tmp_path: Path) -> None:
    """Sixty gates in a row: if each product multiplied the scale, it would have 2^60 digits."""
    gates = []
    for i in range(60):
        gates += [
            f"conv: {{out_channels: 2, kernel_size: 3, padding: 1}}\n    name: c{i}",
            f"sigmoid:\n    name: s{i}",
            f"mul:\n    from: [c{i}, s{i}]",
        ]
    found = checkerboard(net(tmp_path, *gates, UP.format(3, 2)))
    assert all(first == 2 * second for first, second in found.composite.overlap)


def test_a_product_is_uneven_where_a_factor_is(tmp_path: Path) -> None:
    uneven = f"{UP.format(3, 2)}\n    name: up"
    even = f"{UP.format(3, 2).replace('kernel_size: 3', 'kernel_size: 2')}\n    name: even\n    from: input"
    found = checkerboard(net(tmp_path, uneven, even, "crop: [[0, 1], [0, 1]]\n    name: cut\n    from: up",
                             "mul:\n    from: [even, cut]"))  # fmt: skip
    assert found.composite.overlap == ((2, 1), (2, 1))


@pytest.mark.parametrize("gradient", [[], ["--gradient"]])
def test_a_kernel_beyond_all_sizes_is_refused_in_a_line(gradient: list[str]) -> None:
    assert run("--kernel-size", str(10**18), "--stride", "2", *gradient).exit_code == 0
    done = run("--kernel-size", str(2**63), "--stride", "2", *gradient)
    assert done.exit_code == 2
    assert done.stderr == f"convviz: --kernel-size: must be at most 2^63 - 1, got {2**63}\n"
