"""Tiles: what the net gives on them, put together, against what it gives on the whole image."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from convviz.analysis import validity
from convviz.analysis.grids import grid
from convviz.analysis.live import peak
from convviz.analysis.lower import lower
from convviz.analysis.receptive_field import receptive_field
from convviz.analysis.tiles import Tiling
from convviz.analysis.tiling import tiling
from convviz.cli import main
from convviz.errors import ConvvizError
from convviz.figures.tiling import description, figure, plot
from convviz.graph import Graph
from convviz.read import read
from convviz.report.tiling import bioimage, boxes_table, notes, tiling_data
from tests.command import Command
from tests.pictures import check_texts, texts

HEAD = "input: [2, 24, 24]\nlayers:\n"
CONV = "  - conv: {out_channels: 2, kernel_size: 3, padding: 1}\n"
DOWN = "  - conv: {out_channels: 2, kernel_size: 3, stride: 2, padding: 1}\n"
UP = "  - conv_transpose: {out_channels: 2, kernel_size: 3, stride: 2, padding: 1, output_padding: 1}\n"
MIX = "  - conv: {out_channels: 4, kernel_size: 1}\n"
GATE = """
  - conv: {out_channels: 2, kernel_size: 3, padding: 1}
    name: body
  - global_avg_pool
  - conv: {out_channels: 2, kernel_size: 1}
  - sigmoid:
    name: gate
  - mul:
    from: [body, gate]
  - conv: {out_channels: 2, kernel_size: 5, padding: 2}
"""


def net(folder: Path, text: str, head: str = HEAD) -> Graph:
    file = folder / "net.yaml"
    file.write_text(head + text.lstrip("\n"), encoding="utf-8")
    return read(file)


run = Command()


def proved(found: Tiling, **options: Any) -> Any:
    pytest.importorskip("torch")
    from convviz.probe.tiles import verify

    return verify(found, **options)


# -- numbers -------------------------------------------------------------------------------------------------
def test_the_u_net_of_the_paper() -> None:
    found = tiling(read("unet"), (572,), size=(2204, 2972))
    assert found.exact and found.plan is not None and found.axes is not None
    axis = found.axes[1]
    assert (axis.align, axis.output, axis.drop, axis.halo, axis.overlap) == (16, 388, (0, 0), (92, 92), 188)
    assert (axis.pitch, axis.jump, axis.smallest) == (384, 1, 204)
    assert found.plan.count == 48 and found.plan.output == (2020, 2788)


@pytest.mark.parametrize(
    ("name", "tile", "align", "halo", "drop"),
    [
        ("wavenet", 4096, 1, (1023, 0), (1023, 0)),
        ("espcn", 64, 1, (4, 4), (12, 12)),
        ("patchgan", 128, 8, (32, 32), (3, 3)),
    ],
)
def test_bundled_nets(name: str, tile: int, align: int, halo: tuple[int, int], drop: tuple[int, int]) -> None:
    found = tiling(read(name), (tile,))
    assert found.axes is not None
    for axis in found.axes:
        assert (axis.align, axis.halo, axis.drop, axis.rf_drop) == (align, halo, drop, drop)


def test_a_chain_by_hand(tmp_path: Path) -> None:
    """Three 3x3 convs with padding 1: halo 3; tiles of 20 in 48 cells start at 0, 14, 28."""
    found = tiling(net(tmp_path, CONV * 3), (20,), size=(48, 20))
    assert found.plan is not None
    rows = [(t.start, t.stop, t.out_start, t.out_stop, t.skip) for t in found.plan.axes[0]]
    assert rows == [(0, 20, 0, 17, 0), (14, 34, 17, 31, 3), (28, 48, 31, 48, 3)]
    assert found.plan.redundancy == Fraction(60, 48)
    assert [t.start for t in found.plan.axes[1]] == [0]


def test_starts_are_multiples_of_all_strides(tmp_path: Path) -> None:
    up = "  - conv_transpose: {out_channels: 2, kernel_size: 2, stride: 2}\n"
    found = tiling(net(tmp_path, DOWN * 3 + up * 4), (96,))
    assert found.axes is not None
    assert [axis.align for axis in found.axes] == [8, 8] and found.axes[0].scale == 2


def test_padding_behind_a_crop_reaches_further_than_the_field(tmp_path: Path) -> None:
    found = tiling(net(tmp_path, "  - crop: 4\n" + CONV), (24,))
    assert found.axes is not None
    assert found.axes[0].rf_drop == (0, 0) and found.axes[0].drop == (1, 1)
    assert any("padding inside reaches further" in note for note in notes(found))
    assert proved(found).passed


def test_the_field_and_the_exact_pass_agree_where_nothing_is_cropped() -> None:
    for name in ("espcn", "patchgan", "wavenet"):
        result = receptive_field(read(name))
        found = tiling(read(name))
        assert found.axes is not None
        for axis in found.axes:
            field = result[found.layer]
            assert field is not None and field.start[axis.axis] is not None
            assert axis.drop == axis.rf_drop


def test_the_last_tile_may_be_smaller(tmp_path: Path) -> None:
    found = tiling(net(tmp_path, DOWN * 2), (32,), size=(61, 90))
    assert found.plan is not None
    assert [a.last.size for a in found.plan.axes] == [29, 30]
    assert all((a.length - a.last.size) % 4 == 0 for a in found.plan.axes)
    assert proved(found).passed


@pytest.mark.parametrize("length", [10**6, 10**9, 10**15])
def test_huge_images_are_answered(length: int) -> None:
    found = tiling(read("espcn"), (1000,), size=(length, 1000))
    assert found.plan is not None
    along = found.plan.axes[0]
    assert along[along.count - 1].stop == length and along[along.count - 2].out_stop == along.last.out_start
    assert along[0].kept + (along.count - 2) * 992 * 3 + along.last.kept == 3 * length


def test_huge_tiles_are_answered() -> None:
    found = tiling(read("unet"), (10**9,))
    assert found.axes is not None and found.axes[0].drop == (0, 0) and not found.axes[0].exact
    assert 10**9 - 16 < found.tile[0] <= 10**9 and found.axes[0].overlap in range(184, 200)


# -- against the whole image --------------------------------------------------------------------------------
@pytest.mark.parametrize("batch", range(4))
def test_random_nets(batch: int) -> None:
    """Exact where it says so, and a unit more on either side is wrong."""
    pytest.importorskip("torch")
    from tests.test_random_nets import random_net

    tried = unneeded = 0
    for seed in range(50):
        graph = random_net(Random(f"tiles {batch} {seed}"))
        try:
            found = tiling(graph)
            if found.axes is None:
                assert any(not b.freezable for b in found.blockers)
                continue
            check = proved(found)
        except ConvvizError as err:
            assert "internal" not in str(err)
            continue
        if found.blockers:
            check = proved(tiling(graph, freeze=True))
        assert check.passed, (seed, str(check))
        tried += 1
        unneeded += not check.needed
    assert tried >= 15 and unneeded <= 2, (tried, unneeded)


@pytest.mark.parametrize("name", ["espcn", "patchgan", "dcgan", "wavenet"])
def test_bundled_nets_give_the_same_in_tiles(name: str) -> None:
    check = proved(tiling(read(name)))
    assert check.passed and check.needed and check.difference < 1e-12


@pytest.mark.parametrize(
    ("layers", "head"),
    [
        (CONV * 2 + DOWN + "  - upsample: {scale_factor: 2, mode: bilinear}\n" + CONV, HEAD),
        ("  - conv: {out_channels: 2, kernel_size: 4, padding: same}\n" * 2, HEAD),
        ("  - max_pool: {kernel_size: 3, stride: 2, ceil_mode: true}\n" + CONV, HEAD),
        ("  - avg_pool: {kernel_size: 3, stride: 2, padding: 1}\n" + CONV, HEAD),
        ("  - conv: {out_channels: 2, kernel_size: 3, padding: 2, dilation: 2, padding_mode: reflect}\n" * 2, HEAD),
        (UP + CONV, HEAD),
        ("  - pad: [[2, 0], [3, 0]]\n  - conv: {out_channels: 2, kernel_size: [3, 4]}\n" + CONV, HEAD),
        (CONV + DOWN, "input: [2, 40]\nlayers:\n"),
        (CONV + DOWN + "  - batch_norm\n", "input: [2, 12, 12, 12]\nlayers:\n"),
        ("  - pixel_unshuffle: 2\n" + CONV + MIX + "  - pixel_shuffle: 2\n", HEAD),
    ],
)  # fmt: skip
def test_settings_give_the_same_in_tiles(tmp_path: Path, layers: str, head: str) -> None:
    found = tiling(net(tmp_path, layers, head))
    assert found.exact
    check = proved(found)
    assert check.passed and check.needed, str(check)


def test_a_smaller_halo_is_seen_to_be_wrong(tmp_path: Path) -> None:
    """The control of the check itself: keep one unit more than is valid, and it fails."""
    import dataclasses

    found = tiling(net(tmp_path, CONV * 3), (20,), size=(48, 20))
    assert found.plan is not None and found.axes is not None
    greedy = dataclasses.replace(found.plan.axes[0].tiling, drop=(2, 2), pitch=16)
    axes = (dataclasses.replace(found.plan.axes[0], tiling=greedy), found.plan.axes[1])
    last = axes[0].last
    first = 16 * (axes[0].count - 2) + 18
    moved = dataclasses.replace(last, out_start=first, kept=48 - first, skip=first - last.start)
    axes = (dataclasses.replace(axes[0], last=moved), axes[1])
    wrong = dataclasses.replace(found, plan=dataclasses.replace(found.plan, axes=axes))
    assert not proved(wrong).passed


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("unet_small", (1, 16, 16)),
        ("unet_small_bilinear", (1, 18, 18)),
        ("unet_small_valid", (1, 44, 44)),
        ("tcn", (2, 64)),
        ("espcn", (1, 32, 32)),
        ("two_inputs", {"image": (3, 12, 12), "mask": (1, 12, 12)}),
    ],
)
def test_torch_nets(name: str, shape: Any) -> None:
    pytest.importorskip("torch")
    from tests.nets import NETS
    from tests.nets.segment import UNet

    makers = {
        "unet_small": lambda: UNet(2, 2),
        "unet_small_bilinear": lambda: UNet(2, 2, up="bilinear"),
        "unet_small_valid": lambda: UNet(2, 2, valid=True),
    }
    module = makers[name]() if name in makers else NETS[name][0]()

    def reread(shapes: Any) -> Graph:
        return read(module, shapes if isinstance(shape, dict) else next(iter(shapes.values())))

    found = tiling(read(module, shape), reread=reread)
    assert found.exact
    check = proved(found, module=module, reread=reread, fresh=True)
    assert check.passed and check.needed, str(check)


def test_a_resize_to_a_given_size_is_tiled_where_it_doubles() -> None:
    pytest.importorskip("torch")
    from tests.nets.segment import UNet

    module = UNet(2, 2, up="bilinear")

    def reread(shapes: Any) -> Graph:
        return read(module, next(iter(shapes.values())))

    found = tiling(read(module, (1, 18, 18)), (90,), reread=reread)
    assert found.exact and found.tile == (88, 88)
    with pytest.raises(
        ConvvizError, match=r"an image of 150 along the height is not tiled exactly: .*; pad it to 152"
    ):
        tiling(read(module, (1, 18, 18)), (90,), size=(150,), reread=reread)


def test_following_the_ends_alone_is_safe() -> None:
    """Of tiles too large to look at each unit: never more is kept than is valid, and mostly all of it."""
    pytest.importorskip("torch")
    from tests.test_random_nets import random_net

    same = seen = 0
    for seed in range(60):
        found = tiling(random_net(Random(f"ends {seed}")))
        if found.axes is None:
            continue
        for axis in found.axes:
            space = tuple(a.smallest + 40 * a.align for a in found.axes)
            low = lower(found.resizer.at(space))
            lines = grid(low, axis.axis)
            for ends in ((False, False), (True, False), (False, True), (True, True)):
                each, exact = validity.valid(low, found.layer, axis.axis, ends, lines)
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(validity, "WORK", 0)
                    patch.setattr(validity, "UNITS", 8192)
                    rough, _ = validity.valid(low, found.layer, axis.axis, ends, lines)
                assert exact and (rough[0] > rough[1] or each[0] <= rough[0] <= rough[1] <= each[1])
                seen += 1
                same += rough == each
    assert same >= 0.8 * seen, (same, seen)


# -- what forbids it ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("layers", "layer", "reason", "freezable"),
    [
        (CONV + "  - instance_norm\n" + CONV, "instance_norm1", "takes its statistics over the whole image", True),
        (CONV + "  - group_norm: 1\n", "group_norm1", "takes its statistics over the whole image", True),
        (GATE, "global_avg_pool1", "reads the whole image", True),
        (CONV + "  - upsample: {scale_factor: 2, mode: bilinear, align_corners: true}\n", "upsample1",
         "has align_corners=True", False),
        (CONV + "  - upsample: {size: [48, 48]}\n", "upsample1", "resizes to a given size", False),
        (CONV + "  - adaptive_avg_pool: 6\n", "adaptive_avg_pool1", "reads other cells", False),
        (CONV.replace("1}", "1, padding_mode: circular}"), "conv1", "wraps round", False),
        ("  - concat: 2\n    from: [input, input]\n", "concat1", "lays its inputs end to end", False),
    ],
)  # fmt: skip
def test_what_forbids_it_is_named(
    tmp_path: Path, layers: str, layer: str, reason: str, freezable: bool
) -> None:
    found = tiling(net(tmp_path, layers))
    assert not found.exact and (found.axes is not None) is freezable
    assert found.blockers[0].layer == layer and found.blockers[0].reason.startswith(reason)
    assert found.blockers[0].freezable is freezable
    assert "forbids an exact tiling" in notes(found)[0]
    if freezable:
        assert not proved(found).passed  # each tile has statistics of its own
        held = tiling(found.resizer.graph, freeze=True)
        assert held.exact and "held from the whole image" in notes(held)[0]
        check = proved(held)
        assert check.passed and check.frozen == (layer,)


def test_batch_norm_in_evaluation_forbids_nothing(tmp_path: Path) -> None:
    assert tiling(net(tmp_path, CONV + "  - batch_norm\n")).exact


# -- memory ------------------------------------------------------------------------------------------------------
def test_peak_by_hand(tmp_path: Path) -> None:
    """Input 2*24*24, conv's output as much: both live at once; in a chain never a third."""
    graph = net(tmp_path, CONV * 3)
    need = peak(graph)
    assert need.activations == 4 * 2 * 2 * 24 * 24 and need.weights == 4 * 3 * (2 * 2 * 9 + 2)
    skip = net(tmp_path, CONV + CONV + "  - add:\n    from: [input, conv2]\n")
    assert peak(skip).activations == 4 * 3 * 2 * 24 * 24


@pytest.mark.parametrize("memory", [200_000_000, 10**9, 8 * 10**9])
def test_the_largest_tile_that_fits(memory: int) -> None:
    found = tiling(read("unet"), memory=memory)
    assert found.memory.total <= memory
    larger = tuple(n + 16 for n in found.tile)
    assert peak(found.resizer.at(larger)).total > memory


# -- bioimage.io ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["unet", "espcn", "patchgan", "wavenet"])
def test_bioimage_axes_hold_for_every_size_they_allow(name: str) -> None:
    found = tiling(read(name))
    data = bioimage(found)
    source, target = data["inputs"][0]["axes"][2:], data["outputs"][0]["axes"][2:]
    assert found.axes is not None
    for n in range(4):
        space = tuple(a["size"]["min"] + n * a["size"]["step"] for a in source)
        out = found.resizer.at(space).shape(found.layer)[1:]
        assert out == tuple(
            int(s / a["scale"] + a["size"]["offset"]) for s, a in zip(space, target, strict=True)
        )
        for size, axis, a in zip(out, found.axes, target, strict=True):
            assert size - 2 * a.get("halo", 0) > 0 and a.get("halo", 0) >= max(axis.drop)
            assert a.get("halo", 1) >= 1 and Fraction(a.get("halo", 0)) * axis.jump % axis.align == 0


# -- the command line -----------------------------------------------------------------------------------------------
def test_command(tmp_path: Path) -> None:
    done = run("tile", "unet", "--tile", "572", "--size", "2204x2972")
    assert done.exit_code == 0 and "6x8 = 48 tiles" in done.stdout and "an estimate:" in done.stdout
    data = json.loads(run("tile", "espcn", "--tile", "64", "--size", "100", "--format", "json").stdout)
    assert data["exact"] and data["axes"][0]["halo"] == [4, 4] and data["axes"][0]["jump"] == "1/3"
    assert data["plan"]["tiles"][0] == {
        "input": [[0, 64]] * 2,
        "output": [[0, 180]] * 2,
        "from": [[0, 180]] * 2,
    }
    assert len(data["plan"]["tiles"]) == data["plan"]["count"] == 4
    table = run("tile", "espcn", "--tile", "64", "--size", "100", "--boxes", "--format", "csv").stdout
    assert table.splitlines()[1] == "0,0:64,0:64,0:180,0:180,0:180,0:180"
    text = run("tile", "patchgan", "--format", "yaml").stdout
    assert yaml.safe_load(text)["outputs"][0]["axes"][2] == {
        "type": "space", "id": "y", "size": {"tensor_id": "input", "axis_id": "y", "offset": -2}, "scale": 8.0,
        "halo": 3,
    }  # fmt: skip
    assert run("tile", "patchgan", "-o", str(tmp_path / "axes.yaml")).exit_code == 0
    assert (tmp_path / "axes.yaml").read_text(encoding="utf-8") == text


def test_verify_on_the_command_line(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    done = run("tile", "espcn", "--tile", "32", "--size", "60", "--verify")
    assert (
        done.exit_code == 0
        and "verified: 9 tiles of 32x32" in done.stdout
        and "halo is needed" in done.stdout
    )
    net(tmp_path, CONV + "  - instance_norm\n")
    file = str(tmp_path / "net.yaml")
    done = run("tile", file, "--verify")
    assert done.exit_code == 1 and "NOT verified" in done.stdout
    assert run("tile", file, "--verify", "--freeze").exit_code == 0
    net(tmp_path, CONV + "  - adaptive_avg_pool: 6\n")
    done = run("tile", file, "--verify")
    assert done.exit_code == 1 and "there is no exact tiling to try" in done.stderr
    data = json.loads(run("tile", "espcn", "--tile", "32", "--verify", "--format", "json").stdout)
    assert data["verify"]["passed"] is True and data["verify"]["controls"][0]["before"] > 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("unet --tile 0", "--tile: must be sizes of at least 1 such as 512 or 480x640, got '0'"),
        ("unet --tile -5", "--tile: must be sizes of at least 1 such as 512 or 480x640, got '-5'"),
        ("unet --tile many", "--tile: must be sizes of at least 1 such as 512 or 480x640, got 'many'"),
        (
            "unet --tile 3x4x5",
            "--tile: the net's input has 2 spatial axes, got 3 sizes (channels are not written)",
        ),
        ("unet --tile 20", "tile: the net takes no tile of 20x20 or a little smaller (down"),
        ("unet --memory 0", "--memory: must be an amount of memory such as 8G, 500M or 6GiB, got '0'"),
        ("unet --memory nan", "--memory: must be an amount of memory such as 8G, 500M or 6GiB, got 'nan'"),
        ("unet --memory 1k", "memory: 1,000 bytes are too few: a tile of 188x188 needs an estimated"),
        ("unet --memory 8G --tile 512", "--tile and --memory both choose the tile; give one of them"),
        ("unet --tile 572 --size 2000", "size: the net does not take an image of 2000x2000 (concat"),
        (
            "unet --tile 188 --size 572",
            "tile: a tile of 188 cells along the height keeps nothing: the halo takes",
        ),
        ("unet --boxes", "--boxes: a list of tiles needs the size of the image: --size 2048x3000"),
        ("unet --plot a.png", "--plot: a picture needs the size of the image: --size 2048x3000"),
        ("unet --plot a.gif", "a.gif: a picture is written as .png, .svg or .pdf"),
        ("unet --layer nope", "no layer 'nope' in unet"),
        (
            "resnet18",
            "layer: fc gives 1000, one result for the whole image: there is nothing to put together;",
        ),
        (
            "wavenet --size 5x5",
            "--size: the net's input has 1 spatial axis, got 2 sizes (channels are not written)",
        ),
        ("espcn --tile 50 --size 100000 --boxes", "5,669,161 tiles are too many to list (at most 100,000)"),
    ],
)
def test_bad_input(arguments: str, message: str) -> None:
    done = run("tile", *arguments.split())
    assert done.exit_code == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"convviz: {message}"), done.stderr


# -- pictures --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("name", "tile", "size"),
    [
        ("unet", 572, (2204, 2972)),
        ("espcn", 100, (300, 301)),
        ("espcn", 100, (100, 100)),
        ("espcn", 100, (3000, 90000)),
        ("wavenet", 2000, (10000,)),
        ("patchgan", 128, (1000, 300)),
    ],
)
def test_pictures_can_be_read(name: str, tile: int, size: tuple[int, ...], theme: str) -> None:
    found = tiling(read(name), (tile,), size=size)
    made = figure(found, theme=theme)
    check_texts(made, [*texts(made), *(ax.xaxis.label for ax in made.axes)], touch=0)


def test_a_module_that_takes_one_size_only_is_told_where_it_fails() -> None:
    done = CliRunner().invoke(main, ["tile", "tests.nets.gates:CausalAttention", "--input", "12x8"])
    assert done.exit_code == 0 and "no exact tiling" in done.stdout
    assert "takes no image of another size than the tile (attn (Linear)" in " ".join(done.stdout.split())


def test_a_picture_shows_the_numbers() -> None:
    found = tiling(read("unet"), (572,), size=(2204, 2972))
    patches = figure(found).axes[0].patches
    tile = next(p for p in patches if p.get_hatch())
    assert (tile.get_width(), tile.get_height()) == (572, 572)  # type: ignore[attr-defined]
    kept = [p for p in patches if (p.get_width(), p.get_height()) == (384, 384)]  # type: ignore[attr-defined]
    assert len(kept) == 1
    assert "halo: 92 before, 92 after" in description(found)


def test_pictures_need_a_plan(tmp_path: Path) -> None:
    with pytest.raises(ConvvizError, match="there are no tiles to draw"):
        figure(tiling(read("espcn")))
    plot(tiling(read("espcn"), (64,), size=(100,)), tmp_path / "a.svg", theme="dark")
    assert "exactly what the net gives on the whole image" in (tmp_path / "a.svg").read_text(encoding="utf-8")


def test_results_print() -> None:
    found = tiling(read("espcn"), (64,), size=(100,))
    assert "halo before" in repr(found) and "<table" in found._repr_html_()
    assert tiling_data(found)["tile"] == [64, 64] and len(boxes_table(found).rows) == 4
