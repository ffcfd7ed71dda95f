"""Checkerboards against torch: coverage, composites and gradients of built nets, phases of real weights, generators."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from click.testing import CliRunner  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from convviz.analysis.checkerboard import checkerboard, overlap  # noqa: E402
from convviz.analysis.coverage import coverage_map  # noqa: E402
from convviz.analysis.phase_index import icnr  # noqa: E402
from convviz.build import build_module  # noqa: E402
from convviz.cli import main  # noqa: E402
from convviz.errors import ConvvizError  # noqa: E402
from convviz.figures.generators import description, figure  # noqa: E402
from convviz.probe.generators import KINDS, experiment, generator  # noqa: E402
from convviz.probe.phases import weigh  # noqa: E402
from convviz.read import read  # noqa: E402


def net(folder: Path, *layers: str, shape: str) -> Any:
    file = folder / "a_net.yaml"
    file.write_text(f"input: {shape}\nlayers:\n" + "".join(f"  - {x}\n" for x in layers), encoding="utf-8")
    return read(file)


def ones(module: nn.Module) -> nn.Module:
    """Every weight 1, every bias 0, in double precision; norms keep their identity."""
    for name, value in module.named_parameters():
        nn.init.constant_(value, 0.0 if name.endswith("bias") else 1.0)
    return module.double().eval()


# -- one layer ------------------------------------------------------------------------------------------
def test_coverage_is_conv_transpose_of_ones() -> None:
    rng = random.Random(0)
    for _ in range(80):
        k, s, d, p = ([rng.randint(*r) for _ in range(2)] for r in ((1, 6), (1, 4), (1, 3), (0, 2)))
        q = [rng.randrange(max(a, b)) for a, b in zip(s, d)]
        weight = torch.ones(1, 1, *k, dtype=torch.double)
        n = 14
        found = overlap(k, s, p, d, q, size=n, channels=[1, 1])
        real = F.conv_transpose2d(torch.ones(1, 1, n, n, dtype=torch.double), weight, None, s, p, q, 1, d)[
            0, 0
        ]
        relations = list(zip(found.windows, real.shape))
        assert coverage_map([relations], [n, n]).full().tolist() == real.tolist()
        lo = [max(di * (ki - 1) - pi, 0) for di, ki, pi in zip(d, k, p)]
        for i in range(lo[0], min(lo[0] + s[0], n * s[0] - p[0], real.shape[0])):
            for j in range(lo[1], min(lo[1] + s[1], n * s[1] - p[1], real.shape[1])):
                assert real[i, j] == found.coverage.joint((i % s[0], j % s[1]))


@pytest.mark.parametrize(("k", "s", "p"), [(3, 2, 1), (1, 2, 0), (5, 3, 2), (4, 2, 1), (2, 3, 0)])
def test_gradient_of_a_strided_conv(k: int, s: int, p: int) -> None:
    x = torch.ones(1, 1, 12 * s, requires_grad=True)
    F.conv1d(x, torch.ones(1, 1, k), None, s, p).sum().backward()
    assert x.grad is not None
    (phi,) = overlap(k, s, p, op="conv", rank=1).overlap
    assert x.grad[0, 0, 5 * s : 6 * s].tolist() == list(phi)


def test_remedies_run_in_torch_at_the_size_they_promise() -> None:
    from convviz.graph import GraphBuilder

    rng = random.Random(3)
    for _ in range(25):
        k, s, d, p = rng.randint(2, 6), rng.randint(2, 4), rng.randint(1, 3), rng.randint(0, 2)
        found = overlap(k, s, p, d, size=9, channels=[2, 3])
        for remedy in found.remedies:
            builder, last = GraphBuilder("remedy", {"input": (2, 9, 9)}), "input"
            for i, op in enumerate(remedy.built):
                last = builder.add(f"layer{i}", op, [last]).name
            module = build_module(builder.build())[0]
            assert tuple(module(torch.zeros(1, 2, 9, 9)).shape[1:]) == remedy.out
            assert sum(x.numel() for x in module.parameters()) == remedy.params


# -- nets ---------------------------------------------------------------------------------------------
UP = "conv_transpose: {{out_channels: {}, kernel_size: {}, stride: {}, padding: 1}}"
UP3 = "conv_transpose: {out_channels: 3, kernel_size: 3, stride: 2, padding: 1, output_padding: 1}"
THREE = "conv: {out_channels: 3, kernel_size: 3, padding: 1}"
HALF = "conv: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1}"
C3 = "conv: {out_channels: 4, kernel_size: 3, padding: 1}"
NETS = {
    "stack": ([UP.format(3, 4, 2), "relu", UP.format(2, 5, 2), "batch_norm", C3], "[2, 16, 16]"),
    "bilinear": ([UP3, "upsample: {scale_factor: 2, mode: bilinear}", C3], "[2, 16, 16]"),
    "bicubic": ([UP3, "upsample: {scale_factor: 2, mode: bicubic}"], "[2, 16, 16]"),
    "pools": (
        [UP.format(3, 3, 2), "max_pool: {kernel_size: 2, stride: 1}", UP3, "avg_pool: 2", UP3],
        "[2, 16, 16]",
    ),
    "skip": (
        [C3, UP3, "upsample: 2\n    from: conv1", "concat:\n    from: [conv_transpose1, upsample1]", C3],
        "[2, 16, 16]",
    ),
    "residual": ([UP3, THREE, "add:\n    from: [conv_transpose1, conv1]", UP3], "[2, 16, 16]"),
    "product": (
        [
            UP3,
            "upsample: {scale_factor: 2, mode: bilinear}\n    from: input",
            "conv: {out_channels: 1, kernel_size: 1}",
            "mul:\n    from: [conv_transpose1, conv1]",
        ],
        "[2, 16, 16]",
    ),
    "groups": (
        [
            UP3,
            "upsample: 2\n    from: input",
            "concat:\n    from: [conv_transpose1, upsample1]",
            "conv: {out_channels: 5, kernel_size: 3, groups: 5, padding: 1}",
            "conv: {out_channels: 1, kernel_size: 2}",
        ],
        "[2, 16, 16]",
    ),
    "down and up": ([HALF, UP3, UP3, "conv: {out_channels: 2, kernel_size: 1, stride: 3}"], "[2, 24, 24]"),
    "shuffle": (
        ["conv: {out_channels: 8, kernel_size: 3, padding: 1}", "pixel_shuffle: 2", UP3],
        "[2, 16, 16]",
    ),
    "unshuffle": ([UP3, "pixel_unshuffle: 2", "conv: {out_channels: 4, kernel_size: 1}", UP3], "[2, 16, 16]"),
    "tokens": (
        [
            UP3,
            "reshape: {size: [3, 1024]}",
            "conv: {out_channels: 4, kernel_size: 1}",
            "reshape: {size: [4, 32, 32]}",
            UP3,
        ],
        "[2, 16, 16]",
    ),
    "1-D": ([UP.format(3, 5, 3), UP.format(3, 3, 2)], "[1, 30]"),
    "3-D": (
        ["conv_transpose: {out_channels: 2, kernel_size: [3, 2, 4], stride: [2, 1, 3], padding: 1}"],
        "[1, 8, 8, 8]",
    ),
    "axes": (
        ["conv_transpose: {out_channels: 2, kernel_size: [3, 5], stride: [2, 3], dilation: [1, 2]}", C3],
        "[2, 14, 14]",
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_composites_are_what_the_built_net_answers_to_ones(tmp_path: Path, name: str) -> None:
    layers, shape = NETS[name]
    graph = net(tmp_path, *layers, shape=shape)
    found = checkerboard(graph).composite
    module = ones(build_module(graph)[0])
    with torch.no_grad():
        out = module(torch.ones(1, *graph.inputs["input"], dtype=torch.double))[0].mean(0).numpy()
    assert_proportional(out, found)


def assert_proportional(real: np.ndarray, found: Any) -> None:
    """The middle of a real map repeats the phases, up to one factor."""
    periods = found.periods
    start = [n // 2 // p * p for n, p in zip(real.shape, periods)]
    tile = real[tuple(slice(a, a + p) for a, p in zip(start, periods))]
    assert tile.shape == periods
    expected = np.zeros(periods)
    for place, value in found.joints():
        expected[place] = float(Fraction(value))
    np.testing.assert_allclose(tile / tile.mean(), expected / expected.mean(), rtol=1e-9, atol=1e-12)


def test_random_nets_with_branches(tmp_path: Path) -> None:
    rng = random.Random(5)
    for _ in range(25):
        layers = []
        for _ in range(rng.randint(1, 3)):
            k = rng.choice([2, 3, 4])
            pads = {2: "padding: 0", 3: "padding: 1, output_padding: 1", 4: "padding: 1"}[k]
            layers.append(f"conv_transpose: {{out_channels: 2, kernel_size: {k}, stride: 2, {pads}}}")
            if rng.random() < 0.5:
                layers.append(rng.choice(["relu", "conv: {out_channels: 2, kernel_size: 3, padding: 1}"]))
        depth = sum("transpose" in x for x in layers)
        last = [x for x in layers if x != "relu"][-1].split(":")[0]
        count = sum(x.startswith(last + ":") for x in layers)
        name = "relu" + str(layers.count("relu")) if layers[-1] == "relu" else f"{last}{count}"
        layers.append(f"upsample: {2**depth}\n    from: input")
        layers.append(f"{rng.choice(['add', 'concat', 'maximum'])}:\n    from: [{name}, upsample1]")
        layers.append("conv: {out_channels: 1, kernel_size: 2}")
        graph = net(tmp_path, *layers, shape="[2, 12, 12]")
        with torch.no_grad():
            out = ones(build_module(graph)[0])(torch.ones(1, 2, 12, 12, dtype=torch.double))[0, 0].numpy()
        assert_proportional(out, checkerboard(graph).composite)


DOWN = {
    "plain": (
        [HALF, "avg_pool: {kernel_size: 3, stride: 2}", "conv: {out_channels: 2, kernel_size: 3}"],
        "[2, 64, 64]",
    ),
    "residual": (
        [
            HALF,
            "conv: {out_channels: 4, kernel_size: 1, stride: 2}\n    from: input",
            "add:\n    from: [conv1, conv2]",
            "conv: {out_channels: 3, kernel_size: 3, stride: 2, padding: 1}",
        ],
        "[2, 64, 64]",
    ),
    "classifier": (
        [
            "conv: {out_channels: 4, kernel_size: 5, stride: 3}",
            "global_avg_pool",
            "flatten",
            "linear: {out_features: 7}",
        ],
        "[1, 62, 62]",
    ),
    "flat": (
        ["conv: {out_channels: 4, kernel_size: 3, stride: 2}", "flatten", "linear: {out_features: 7}"],
        "[1, 33, 33]",
    ),
    "resized": (
        [
            HALF,
            "upsample: {scale_factor: 2, mode: bilinear}",
            "conv: {out_channels: 2, kernel_size: 2, stride: 4}",
        ],
        "[2, 64, 64]",
    ),
    "bicubic, smaller": (["upsample: {size: [49, 49], mode: bicubic}"], "[1, 63, 63]"),
    "bicubic, larger": (["upsample: {size: [63, 63], mode: bicubic}"], "[1, 49, 49]"),
    "adaptive": (["adaptive_avg_pool: 40", "conv: {out_channels: 2, kernel_size: 3}"], "[1, 60, 60]"),
    "unet": (
        [
            C3,
            "max_pool: 2",
            C3,
            "conv_transpose: {out_channels: 4, kernel_size: 2, stride: 2}",
            "concat:\n    from: [conv1, conv_transpose1]",
            C3,
        ],
        "[1, 32, 32]",
    ),
    "1-D": (
        [
            "conv: {out_channels: 2, kernel_size: 4, stride: 3}",
            "conv: {out_channels: 2, kernel_size: 3, stride: 2, dilation: 2}",
        ],
        "[1, 120]",
    ),
}


@pytest.mark.parametrize("name", [n for n in DOWN if n != "unet"])
def test_gradients_are_those_of_autograd(tmp_path: Path, name: str) -> None:
    layers, shape = DOWN[name]
    graph = net(tmp_path, *layers, shape=shape)
    module = ones(build_module(graph)[0])
    x = torch.ones(1, *graph.inputs["input"], dtype=torch.double, requires_grad=True)
    module(x).sum().backward()
    assert x.grad is not None
    assert_proportional(x.grad[0].mean(0).numpy(), checkerboard(graph, gradient=True).composite)


def test_pooling_in_a_net_with_skips_counts_every_window(tmp_path: Path) -> None:
    layers, shape = DOWN["unet"]
    found = checkerboard(net(tmp_path, *layers, shape=shape), gradient=True)
    assert found.composite.uniform and [s.name for s in found.stages] == ["max_pool1"]


# -- real weights ---------------------------------------------------------------------------------------
class Functional(nn.Module):
    """A weight that belongs to no layer, a shuffle with a bias, a tied transposed conv."""

    def __init__(self) -> None:
        super().__init__()
        self.free = nn.Parameter(torch.ones(1, 2, 4, 4))
        self.conv = nn.Conv2d(2, 8, 3, padding=1)
        self.up = nn.ConvTranspose2d(2, 2, 2, 2, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.conv_transpose2d(x, weight=self.free, stride=2, padding=1)
        return self.up(F.pixel_shuffle(F.relu(self.conv(x)), 2))


def test_rho_of_real_weights() -> None:
    torch.manual_seed(0)
    module = Functional()
    with torch.no_grad():
        module.conv.weight.copy_(
            torch.from_numpy(icnr(np.random.default_rng(0).normal(size=(2, 2, 3, 3)), 2))
        )
        module.conv.bias.copy_(torch.tensor([1.0, -1, 1, -1, 0, 0, 0, 0]))
        module.up.weight.copy_(torch.tensor([[1.0, -1.0], [1.0, -1.0]]).expand(2, 2, 2, 2))
    found = weigh(checkerboard(read(module, "1x8x8")), module)
    first, shuffle, up = found.stages
    assert first.rho == 0 and shuffle.rho == pytest.approx(0, abs=1e-9) and up.rho == 1
    assert shuffle.free == ("conv",) and shuffle.weighing is not None and shuffle.weighing.bias_spread == 0.5
    assert "rho" in repr(found) and "free bias" in repr(found)


@pytest.mark.parametrize(("kernel", "rank"), [(4, 2), (3, 2), (2, 2), (4, 1), (5, 1)])
def test_random_weights_have_rho_one_less_one_over_the_phases(kernel: int, rank: int) -> None:
    torch.manual_seed(0)
    layer = (nn.ConvTranspose1d, nn.ConvTranspose2d)[rank - 1](8, 600, kernel, 2)
    found = weigh(checkerboard(read(layer, [8] + [9] * rank)), layer).stages[0]
    assert found.rho == pytest.approx(1 - 2.0**-rank, abs=0.04) and found.rho_at_init == 1 - 2.0**-rank


def test_weights_of_a_source_through_the_command(tmp_path: Path) -> None:
    file = tmp_path / "source.py"
    file.write_text(
        "from torch import nn\ndef net():\n    return nn.Sequential(nn.ConvTranspose2d(1, 1, 4, 2, bias=False))\n",
        encoding="utf-8",
    )
    weights = tmp_path / "w.pt"
    torch.save({"0.weight": torch.ones(1, 1, 4, 4)}, weights)
    arguments = ["checkerboard", f"{file}:net", "--input", "1x8x8", "--format", "json"]
    done = CliRunner().invoke(main, [*arguments, "--weights", str(weights)])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["stages"][0]["rho"] == 0
    done = CliRunner().invoke(main, arguments)
    found = json.loads(done.stdout)
    assert found["stages"][0]["rho"] > 0 and "--weights" in " ".join(found["notes"])
    done = CliRunner().invoke(main, [*arguments, "--weights", str(tmp_path / "none.pt")])
    assert done.exit_code == 2 and "no such file" in done.stderr


# -- generators -----------------------------------------------------------------------------------------
def test_what_random_generators_paint() -> None:
    shares: list[float] = []
    state = torch.random.get_rng_state()
    found = experiment(seeds=3, size=64, progress=shares.append)
    assert torch.equal(state, torch.random.get_rng_state())
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1)
    mean = {kind.name: kind.mean for kind in found.kinds}
    assert max(mean["nearest"], mean["icnr"]) < 0.03
    assert min(mean["transposed 3"], mean["transposed 4"], mean["shuffle"]) > 0.25
    assert 0.05 < mean["free bias"] < 0.4
    assert found["nearest"].peak.max() * 10 < found["transposed 3"].peak.min()
    again = experiment(seeds=1, size=64)
    assert again["shuffle"].mean == found["shuffle"].fraction[0] and again["shuffle"].sd is None
    assert "0.0" in repr(found) and "Set-up" in repr(found) and description(found)
    from convviz.figures import canvas

    with canvas.style():
        for result in (found, again):
            made = figure(result, theme="dark")
            made.canvas.draw()
            told = " ".join(t.get_text() for ax in made.axes for t in ax.texts)
            assert f"{result['shuffle'].mean:.3f}" in told and len(made.axes) == 2 * len(KINDS) + 1
            width, height = made.canvas.get_width_height()
            for text in made.texts:
                box = text.get_window_extent(made.canvas.get_renderer())
                assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height, text.get_text()


def test_generators_are_what_they_say() -> None:
    for name, (_, layer) in KINDS.items():
        module = generator(layer)
        biases = [p for n, p in module.named_parameters() if n.endswith("bias")]
        assert len(biases) == (3 if name == "free bias" else 0)
        assert module(torch.zeros(1, 64, 4, 4)).shape == (1, 3, 32, 32)


@pytest.mark.parametrize("size", [0, 63, 24, 2048, -8, "64", 64.0, True])
def test_sizes_that_cannot_be_painted(size: Any) -> None:
    with pytest.raises(ConvvizError, match="size: must be a multiple of 8 from 32 to 1024"):
        experiment(seeds=1, size=size)


def test_the_experiment_through_the_command(tmp_path: Path) -> None:
    file = tmp_path / "e.png"
    arguments = ["checkerboard", "--experiment", "--seeds", "1", "--size", "32"]
    done = CliRunner().invoke(main, [*arguments, "--format", "json", "--plot", str(file)])
    assert done.exit_code == 0, done.output
    assert [g["name"] for g in json.loads(done.stdout)["generators"]] == list(KINDS) and file.is_file()
    done = CliRunner().invoke(main, [*arguments[:-1], "33"])
    assert done.exit_code == 2 and done.stderr.startswith("convviz: --size: must be a multiple of 8")
    done = CliRunner().invoke(main, [*arguments[:2], "--seeds", "0"])
    assert done.exit_code == 2
