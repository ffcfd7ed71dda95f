"""The effective receptive field: gradients against arithmetic, weights, images, the command and its pictures."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import convviz
from convviz.analysis.paths import path_counts
from convviz.build import build_module
from convviz.errors import ConvvizError
from convviz.figures import erf as drawing
from convviz.figures.erf_maps import PIXELS, plane, view_of
from convviz.figures.erf_panels import description, panels
from convviz.graph import Graph, GraphBuilder
from convviz.ops import build
from convviz.probe.erf import effective_receptive_field, initialise
from convviz.probe.images import load_images
from convviz.report.erf import erf_data, render_erf
from tests.command import Command
from tests.pictures import check_texts

FEW = {"seeds": 2, "samples": 2}


def chain(depth: int, shape: tuple[int, ...] = (2, 16, 16), **fields: Any) -> Graph:
    builder = GraphBuilder("chain", {"input": shape})
    before = "input"
    for i in range(depth):
        values = {"out_channels": 3, "kernel_size": 3, "padding": 1} | fields
        builder.add(f"c{i}", build("conv", values, len(shape) - 1), [before])
        builder.add(f"r{i}", build("relu", {}, len(shape) - 1), [f"c{i}"])
        before = f"r{i}"
    return builder.build()


class Net(nn.Module):
    """Two convs; what lies between them has no module."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.norm, self.b = (
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.Conv2d(4, 2, 3, padding=1),
        )
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act(self.norm(self.a(x)))
        return self.b(torch.relu(x + 0.1))


NET = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 2, 3, padding=1)
    def forward(self, x):
        return self.b(torch.relu(self.a(x)))
made = Net()
"""


# -- gradients --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_gradient_of_one_conv_is_its_weights(rank: int) -> None:
    conv = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[rank](3, 4, 3, padding=1)
    found = effective_receptive_field(conv, input=(3, *(7,) * rank), combine="sum", samples=3)
    want = conv.weight.detach().double().sum(0).abs().sum(0).numpy()
    cells = found.gradient.cells()
    assert np.allclose(cells[(slice(2, 5),) * rank], want / want.sum(), atol=1e-6)
    assert cells.sum() == pytest.approx(1) and np.count_nonzero(cells) == 3**rank
    assert found.probe.weights == "own" and found.probe.seeds == 1


def test_ones_give_the_path_counts() -> None:
    graph = chain(4, (1, 12, 14))
    found = effective_receptive_field(graph, init="ones", activation="linear", combine="sum", **FEW)
    counts = np.zeros((12, 14))
    real = found.paths.real
    counts[tuple(slice(o, o + n) for o, n in zip(real.origin, real.shape, strict=True))] = real.cells()
    assert np.allclose(found.gradient.cells(), counts / counts.sum(), atol=1e-6)
    assert found.extent.width == found.paths.real_extent.width


def test_squared_gradients_of_random_nets_spread_like_the_path_counts() -> None:
    found = effective_receptive_field(chain(5, (4, 24, 24), out_channels=16), seeds=6, samples=2)
    assert found.energy.sd == pytest.approx(found.paths.sd, rel=0.15)
    assert found.extent.sd[0] > 1.15 * found.paths.sd[0]


def test_the_same_seeds_give_the_same_result_and_leave_torch_s_alone() -> None:
    state = torch.random.get_rng_state()
    one, two = (effective_receptive_field("code8", "conv3", **FEW) for _ in range(2))
    assert np.array_equal(one.gradient.cells(), two.gradient.cells())
    assert torch.equal(state, torch.random.get_rng_state())
    more = effective_receptive_field("code8", "conv3", seeds=3, samples=2)
    assert not np.array_equal(one.gradient.cells(), more.gradient.cells())
    assert one.by_seed == more.by_seed[:2] and one.sd_over_seeds["radius"] >= 0


def test_nothing_has_a_gradient_where_nothing_is_read() -> None:
    found = effective_receptive_field("code8", "conv4", unit=(0, 0), **FEW)
    lit = np.argwhere(found.gradient.cells() > 0)
    rows = [range(lo, lo + n) for lo, n in zip(found.paths.lo, found.paths.size, strict=True)]
    assert all(r in rows[0] and c in rows[1] for r, c in lit.tolist())


def test_deep_nets_do_not_vanish_in_rounding() -> None:
    found = effective_receptive_field(chain(90, (1, 8), out_channels=1), "r89", seeds=1, samples=1, init="ones",
                                      activation="linear")  # fmt: skip
    assert np.isfinite(found.gradient.cells()).all() and found.extent.radius


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("layer", ["a", "norm", "b"])
def test_the_user_s_own_module_is_asked_and_left_alone(layer: str, mode: str) -> None:
    module = Net()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    found = effective_receptive_field(module, layer, input="1x9x9", samples=3, mode=mode)
    assert found.probe.weights == "own" and found.probe.batch_norm == (layer != "a")
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert module.training and all(p.grad is None for p in module.parameters())
    again = effective_receptive_field(module, layer, input="1x9x9", init="he", **FEW)
    assert again.probe.weights == "random" and again.sd_over_seeds


def test_layers_without_a_module_are_traced() -> None:
    module = Net()
    graph = convviz.read(module, "1x9x9")
    layer = next(node.name for node in graph if node.op.kind == "add")
    found = effective_receptive_field(module, layer, input="1x9x9", samples=2)
    assert found.paths.layer == layer and found.gradient.total is None
    linear = effective_receptive_field(
        module, "b", input="1x9x9", samples=1, combine="sum", activation="linear"
    )
    x = torch.zeros(1, 1, 9, 9, requires_grad=True)
    module.eval()
    y = module.b(module.norm(module.a(x)))[0, :, 4, 4].sum()
    want = torch.autograd.grad(y, x)[0].abs()[0, 0].double().numpy()
    assert np.allclose(linear.gradient.cells(), want / want.sum(), atol=1e-6)
    with pytest.raises(ConvvizError, match="name a layer that is a module"):
        effective_receptive_field(module, layer, input="1x9x9", mode="train")


def test_a_batch_norm_in_train_mode_reads_more() -> None:
    quiet = effective_receptive_field(Net(), "norm", input="1x9x9", samples=2)
    loud = effective_receptive_field(Net(), "norm", input="1x9x9", samples=2, mode="train")
    assert np.count_nonzero(quiet.gradient.cells()) == 9 < np.count_nonzero(loud.gradient.cells())


def test_he_and_ones_set_every_weight() -> None:
    module = Net()
    initialise(module, "ones")
    assert all(float(p.detach().std()) == 0 for p in module.parameters())
    initialise(module, "he")
    assert float(module.a.weight.detach().std()) == pytest.approx((2 / 9) ** 0.5, rel=0.4)
    assert not module.a.bias.any() and (module.norm.weight == 1).all()


# -- weights and images -----------------------------------------------------------------------------------
def test_weights_of_a_file_are_used_up_to_the_layer(tmp_path: Path) -> None:
    graph = convviz.read("code8")
    module, _ = build_module(graph)
    initialise(module, "ones")
    torch.save(module.state_dict(), tmp_path / "ones.pt")
    given = effective_receptive_field(
        graph, "conv2", weights=tmp_path / "ones.pt", samples=2, activation="linear"
    )
    drawn = effective_receptive_field(graph, "conv2", init="ones", seeds=1, samples=2, activation="linear")
    assert np.allclose(given.gradient.cells(), drawn.gradient.cells(), atol=1e-7)
    assert (given.probe.weights, drawn.probe.weights) == ("file", "random")
    assert "your weights on 2 random inputs" in repr(given)
    torch.save({"conv1.weight": torch.ones(1)}, tmp_path / "bad.pt")
    with pytest.raises(ConvvizError, match=r"bad\.pt: misses"):
        effective_receptive_field(graph, "conv2", weights=tmp_path / "bad.pt")


def test_images_are_covered_cropped_and_scaled(tmp_path: Path) -> None:
    cells = np.zeros((20, 40, 3), np.uint8)
    cells[:, 10:30] = 255
    Image.fromarray(cells).save(tmp_path / "a.png")
    Image.fromarray(cells[:10, :10]).save(tmp_path / "b.jpg")
    np.save(tmp_path / "c.npy", np.ones((2, 3, 20, 20), np.float32))
    (tmp_path / "notes.txt").write_text("no image", encoding="utf-8")
    images, said = load_images(tmp_path, (3, 20, 20))
    assert images.shape == (4, 3, 20, 20) and (images[0] == 1).all()
    assert said == "resized to cover 20x20 and cropped at the centre, values from 0 to 1"
    grey, said = load_images(tmp_path / "a.png", (1, 10, 10), mean=(0.5,), std=(0.25,))
    assert (grey[..., 1:-1] == 2).all() and said.endswith("minus 0.5, divided by 0.25")
    np.save(tmp_path / "c.npy", np.arange(9, dtype=np.float64))
    line, said = load_images(tmp_path / "c.npy", (1, 3))
    assert line.tolist() == [[[1, 4, 7]]] and said == "resized to cover 3 and cropped at the centre"


def test_seeds_without_a_gradient_are_left_out_and_told() -> None:
    graph = chain(3, (1, 6, 6), out_channels=1)
    found = effective_receptive_field(graph, seeds=12, samples=1)
    assert 0 < found.probe.dead < 12 and len(found.by_seed) == 12 - found.probe.dead
    assert f"{found.probe.dead} of 12 seeds gave no gradient" in repr(found)


@pytest.mark.parametrize(
    ("name", "content", "shape", "message"),
    [
        ("a.png", b"no picture", (3, 8, 8), "a.png: cannot be read as a picture"),
        ("a.npy", b"no array", (3, 8, 8), "a.npy: cannot be read as an array of numbers"),
        ("a.npy", np.zeros((4, 8, 8)), (3, 8, 8), "has 4 channels, the net's input 3x8x8 has 3"),
        (
            "a.npy",
            np.zeros((8, 8, 3)),
            (3, 8, 8),
            "has 8 channels, the net's input 3x8x8 has 3 (channels come first)",
        ),
        ("a.npy", np.zeros(8), (3, 8, 8), "has the shape 8; the net's input is 3x8x8"),
        ("a.npy", np.full((3, 8, 8), np.nan), (3, 8, 8), "holds numbers that are not finite"),
        ("a.npy", np.array([object()]), (3, 8, 8), "cannot be read as an array of numbers"),
        (
            "a.png",
            np.zeros((4, 4), np.uint8),
            (4, 8, 8),
            "a picture has 1 or 3 channels, the net's input has 4",
        ),
        ("a.png", np.zeros((4, 4), np.uint8), (1, 8), "a picture has 2 axes, the net's input 1x8 has 1"),
        ("a.txt", b"", (3, 8, 8), "has no image (.png, .jpg or .npy) in it"),
    ],
)
def test_images_that_do_not_fit_are_named(
    tmp_path: Path, name: str, content: Any, shape: Any, message: str
) -> None:
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    elif name.endswith(".npy"):
        np.save(tmp_path / name, content, allow_pickle=True)
    else:
        Image.fromarray(content).save(tmp_path / name)
    with pytest.raises(ConvvizError) as told:
        load_images(tmp_path, shape)
    assert message in str(told.value) and "\n" not in str(told.value)


# -- the report -------------------------------------------------------------------------------------------
def test_the_table_says_what_was_done() -> None:
    found = effective_receptive_field("s6_bn", "unit3.batch_norm1", **FEW)
    text = repr(found)
    assert "random weights, 2 seeds x 2 random inputs, mean" in text
    assert (
        "batch norm has seen no data yet" in text
        and "trained weights can rank nets in the opposite order" in text
    )
    assert "closed form" in text and "variance Σ d²(k²−1)/12·S²" in text
    assert "<table" in found._repr_html_()
    several = render_erf([found, path_counts(convviz.read("code8"))], "md")
    assert "s6_bn" in several and "code8" in several


def test_huge_counts_are_written_shortly() -> None:
    counts = path_counts(chain(1000, (1, 8)))
    data = erf_data([counts])
    assert data["paths"]["total"] == 3**1000 and data["paths"]["log10_total"] == pytest.approx(
        477.12, abs=0.01
    )
    assert "·10^477 paths" in repr(counts)
    json.dumps(data, allow_nan=False)
    one = erf_data([path_counts(chain(10, (1, 4), padding=0, kernel_size=1))])
    assert one["paths"]["total"] == 1


def test_json_has_the_counts() -> None:
    data = erf_data([path_counts(convviz.read("code8"), "conv2", (0, 0))])
    assert data["paths"]["free"]["counts"][2] == [3, 6, 9, 6, 3]
    assert data["paths"]["closed_form"] == data["paths"]["variance"] == ["4/3", "4/3"]
    found = erf_data([effective_receptive_field("code8", "conv2", **FEW)])
    assert np.sum(found["gradient"]["mean"]["shares"]) == pytest.approx(1)
    assert found["gradient"]["weights"] == "random" and len(found["gradient"]["sd_over_seeds"]["sd"]) == 2


# -- the command ------------------------------------------------------------------------------------------
run = Command("erf")


def test_the_command_answers_in_all_formats(tmp_path: Path) -> None:
    for form in ("table", "json", "csv", "md", "latex", "html"):
        done = run("code8", "--layer", "conv4", "--paths", "--format", form)
        assert done.exit_code == 0 and done.stdout, done.output
    file = tmp_path / "erf.json"
    done = run("code8", "lenet5", "--seeds", "1", "--samples", "1", "-o", str(file))
    assert done.exit_code == 0, done.output
    assert [entry["name"] for entry in json.loads(file.read_text())] == ["code8", "lenet5"]


def test_the_command_compares_random_and_own_weights(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    source = f"{tmp_path / 'net.py'}:Net"
    space: dict[str, Any] = {}
    exec(NET, space)
    torch.save(space["made"].state_dict(), tmp_path / "best.pt")
    (tmp_path / "images").mkdir()
    Image.fromarray(np.full((30, 20), 200, np.uint8)).save(tmp_path / "images" / "a.png")
    done = run(
        source, source, "--input", "1x9x9", "--weights", "random", "--weights", str(tmp_path / "best.pt"),
        "--images", str(tmp_path / "images"), "--plot", str(tmp_path / "two.png"),
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "Net (random weights)" in done.stdout and "Net (your weights)" in done.stdout
    assert "your weights on 1 image, mean" in done.stdout
    assert (tmp_path / "two.png").stat().st_size > 10_000
    done = run(f"{tmp_path / 'net.py'}:made", "--input", "1x9x9", "--samples", "1")
    assert done.exit_code == 0 and "its own weights on 1 random input" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("code8 --layer conv99", "no layer 'conv99' in code8"),
        ("resnet18 --layer fc --paths", "every unit of fc reads the whole input"),
        ("code8 --unit 99,0", "unit 99,0 is not in conv8"),
        ("code8 --unit -1,0", "--unit: must be indices from 0"),
        ("code8 --unit 1", "unit 1 is not in conv8"),
        ("code8 --seeds 0", "--seeds: must be a whole number >= 1, got 0"),
        ("code8 --seeds 1000000000", "are more than 100,000 forwards"),
        ("code8 --samples -3", "--samples: must be a whole number >= 1, got -3"),
        ("code8 --paths --seeds 3", "--seeds: belongs to the gradient, which --paths leaves out"),
        ("code8 --paths --weights a.pt", "--weights: belongs to the gradient"),
        ("code8 --weights no.pt", "no.pt: no such file"),
        ("code8 --weights a.pt --weights b.pt", "--weights: 2 for 1 net; give one for each"),
        ("code8 lenet5 --weights a.pt", "--weights: give one for each net, or the word random"),
        (
            "code8 --weights no.pt --seeds 3",
            "--seeds: seeds draw weights anew, and these are given; leave it out",
        ),
        ("code8 --weights no.pt --init he", "--init: weights are drawn or loaded, not both"),
        ("code8 --images nowhere", "nowhere: no such folder or file"),
        ("code8 --mean 0.5", "--mean: goes with --images"),
        ("code8 --mean a,b", "--mean: must be numbers such as 0.485,0.456,0.406, got 'a,b'"),
        ("code8 --device warp", "--device warp: cannot be used"),
        ("code8 --plot erf.gif", "a picture is written as"),
        (
            "code8 wavenet --paths --plot erf.png",
            "--plot: one picture shows nets with the same number of axes",
        ),
        ("code8 --wrt image", "code8 has no input 'image'"),
        ("nonet", "neither a file nor a bundled net"),
    ],
)
def test_bad_input_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments.split())
    assert done.exit_code == 2 and done.stdout == "", done.output
    assert message in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not list(tmp_path.iterdir())


def test_without_torch_path_counts_still_work(monkeypatch: pytest.MonkeyPatch) -> None:
    import convviz.cli.erf as module

    monkeypatch.setattr(module, "find_spec", lambda name: None)
    done = run("code8")
    assert done.exit_code == 2 and "pip install 'convviz[torch]'; --paths needs none" in done.stderr
    assert run("code8", "--paths").exit_code == 0


def test_a_dead_net_says_so(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
    with torch.no_grad():
        module[0].weight.zero_()
        module[0].bias.fill_(-1)
    with pytest.raises(ConvvizError, match="are 0 or not finite for every input"):
        effective_receptive_field(module, input="1x8x8", samples=2)


# -- the picture ------------------------------------------------------------------------------------------
def results(kind: str) -> list[Any]:
    if kind == "paths":
        return [path_counts(convviz.read(net)) for net in ("code8", "resnet18", "unet", "patchgan")]
    if kind == "line":
        return [effective_receptive_field("wavenet", seeds=1, samples=1), path_counts(chain(3, (1, 40)))]
    if kind == "volume":
        return [effective_receptive_field(chain(2, (1, 9, 10, 11)), **FEW)]
    if kind == "narrow":
        return [path_counts(chain(3, (1, 8, 300), kernel_size=[1, 31], padding=[0, 15]))]
    if kind == "long":
        builder = GraphBuilder("a_net_with_quite_a_long_name_for_a_net", {"input": (1, 9, 9)})
        builder.add(
            "a.block.with.a.long.path.to.its.conv",
            build("conv", {"out_channels": 1, "kernel_size": 3}, 2),
            ["input"],
        )
        graph = builder.build()
        return [effective_receptive_field(graph, **FEW), effective_receptive_field(graph, init="he", **FEW)]
    return [
        effective_receptive_field("code8", "conv6", **FEW),
        effective_receptive_field("resnet18", seeds=1, samples=1),
    ]


def words(made: Any) -> list[Any]:
    found = [*made.texts, *(text for ax in made.axes for text in ax.texts)]
    found += [text for legend in made.legends for text in legend.get_texts()]
    return [text for text in found if text.get_text()]


@pytest.mark.parametrize(
    ("kind", "theme"),
    [
        *((kind, "light") for kind in ("both", "paths", "line", "volume", "narrow", "long")),
        *((kind, "dark") for kind in ("paths", "line")),  # dark has the same layout
    ],
)
def test_no_two_texts_touch_and_none_leaves_the_page(kind: str, theme: str) -> None:
    from convviz.figures import canvas

    with canvas.style():
        made = drawing.figure(results(kind), theme=theme)
    check_texts(made, words(made))


def test_the_outlines_are_the_numbers() -> None:
    (found,) = results("both")[:1]
    ax = drawing.figure([found]).axes[0]
    boxes = {(p.get_width(), p.get_height()) for p in ax.patches if hasattr(p, "get_x") and not p.get_fill()}
    paths: Any = found.paths
    assert tuple(reversed(paths.size)) in boxes and tuple(reversed(paths.real_extent.box)) in boxes
    assert any(getattr(p, "radius", None) == paths.real_extent.radius for p in ax.patches)
    image = ax.images[0].get_array()
    assert np.allclose(image.filled(0).sum(), 1)


def test_large_maps_are_drawn_small(tmp_path: Path) -> None:
    counts = path_counts(chain(400, (1, 3000, 3000)))
    cells, _ = plane(counts.real, view_of(counts, panels(counts)))
    assert max(cells.shape) <= PIXELS and cells.sum() == pytest.approx(1)
    drawing.plot([counts], tmp_path / "large.svg")
    told = "".join(ElementTree.parse(tmp_path / "large.svg").getroot().itertext())
    assert description([counts]) in told


def test_what_cannot_be_drawn_says_so() -> None:
    huge = path_counts(chain(1, (1, 10**9), kernel_size=10**8, padding=0))
    with pytest.raises(ConvvizError, match="has too many cells to draw"):
        drawing.figure([huge])
