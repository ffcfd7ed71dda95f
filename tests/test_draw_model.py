"""A net as blocks: every layer in one block, no line through a box, no text on another, a cone of exact cells."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convviz.analysis import receptive_field, unit
from convviz.analysis.block_layout import branches, layout
from convviz.analysis.blocks import MOST, Block, Blocks, blocks, windowed
from convviz.analysis.pyramid import pyramid
from convviz.analysis.results import ReceptiveField
from convviz.errors import ConvvizError
from convviz.figures.model import _path, description, figure, plot
from convviz.figures.model_page import Page
from convviz.read import bundled, read
from convviz.report.blocks import about, name_cell
from convviz.theme import LIGHT
from tests.pictures import texts

NETS = sorted(
    set(bundled.names()) - {"code5", "code9", "code10", "resnet101", "s6_ln", "s6_gn", "code3", "code4"}
)


@cache
def net(name: str) -> ReceptiveField:
    return receptive_field(read(name))


def written(folder: Path, layers: str, shape: str = "[4, 16, 16]") -> ReceptiveField:
    file = folder / "a_net.yaml"
    file.write_text(f"input: {shape}\nlayers:\n{layers}", encoding="utf-8")
    return receptive_field(read(file))


def conv(name: str, source: str = "", channels: int = 4) -> str:
    read_from = f"    from: {source}\n" if source else ""
    return (
        f"  - conv: {{out_channels: {channels}, kernel_size: 3, padding: 1}}\n    name: {name}\n{read_from}"
    )


# -- blocks ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("stages", [None, True, False])
@pytest.mark.parametrize("name", NETS)
def test_every_layer_is_in_one_block_and_every_parameter_counts_once(name: str, stages: bool | None) -> None:
    result = net(name)
    drawn = blocks(result, stages)
    held = [node for block in drawn.blocks for node in block.nodes]
    assert sorted(held) == sorted(node.name for node in result.graph)
    assert sum(block.params for block in drawn.blocks) == result.graph.params
    assert sum(block.macs for block in drawn.blocks) == result.graph.macs
    assert len({block.name for block in drawn.blocks}) == len(drawn.blocks)
    if stages is not False:
        assert len(drawn.blocks) <= MOST


@pytest.mark.parametrize("name", NETS)
def test_blocks_read_what_their_layers_read(name: str) -> None:
    result = net(name)
    drawn = blocks(result)
    home = {node: block.name for block in drawn.blocks for node in block.nodes}
    wanted = {(home.get(source, source), home[node.name]) for node in result.graph for source in node.inputs}
    made = {(source, block.name) for block in drawn.blocks for source in block.inputs}
    # A repeat reads itself from one time to the next; that is drawn as the path into its first block.
    order = {name: i for i, name in enumerate([*result.graph.inputs, *(b.name for b in drawn.blocks)])}
    assert made <= wanted | {(a, b) for a, b in made if a in order}
    assert {(a, b) for a, b in wanted if order[a] < order[b]} <= made
    assert all(order[a] < order[b] for a, b in made)


@pytest.mark.parametrize(
    ("name", "times"),
    [
        ("resnet50", [2, 3, 5, 2]),
        ("densenet121", [6, 12, 24, 16]),
        ("wavenet", [9]),
        ("resnet18", [2]),
        ("vgg16", []),
    ],
)
def test_repeats_are_folded(name: str, times: list[int]) -> None:
    drawn = blocks(net(name))
    assert [repeat.times for repeat in drawn.repeats] == times
    for first, length, n in drawn.repeats:
        assert all(block.times == n for block in drawn.blocks[first : first + length])


def test_what_trails_a_layer_is_drawn_with_it() -> None:
    told = [about(block) for block in blocks(net("code8")).blocks]
    assert told[0] == "conv 3×3 · relu · bn" and told[-1] == "conv 1×1 · log softmax"
    dense = blocks(net("densenet121")).blocks[2]
    assert about(dense) == "bn · relu · conv 1×1 · bn · relu"
    assert "d1…256" in about(blocks(net("wavenet")).blocks[1])


def test_inception_modules_are_regions_with_their_paths() -> None:
    drawn = blocks(net("inception_v3"))
    assert drawn.level == "regions"
    module = next(block for block in drawn.blocks if name_cell(block) == "mixed_5b")
    assert about(module) == "1×1 | 1×1, 5×5 | 1×1, 3×3, 3×3 | avg 3×3, 1×1"
    assert [len(path) for path in branches(module)] == [1, 2, 3, 2]


def test_a_skip_is_a_path_of_its_own(tmp_path: Path) -> None:
    drawn = blocks(net("resnet50"), stages=True)
    assert drawn.level == "stages"
    layers = conv("stem") + conv("a") + conv("b") + "  - add:\n    name: s\n    from: [stem, b]\n"
    fine = blocks(written(tmp_path, layers)).blocks
    region = Block("r", (), ("stem",), fine[-1].main, fine[-1].last, None, 0, 0, 4, (16, 16), parts=fine[1:])
    assert [[block.name for block in path] for path in branches(region)] == [["a", "b"], []]
    assert about(region) == "3×3, 3×3 | skip"


def test_a_long_net_without_repeats_still_fits_a_page(tmp_path: Path) -> None:
    result = written(tmp_path, "".join(conv(f"c{i}", channels=1 + i % 7 + i % 11) for i in range(300)))
    drawn = blocks(result)
    assert len(drawn.blocks) <= MOST
    assert sum(block.params for block in drawn.blocks) == result.graph.params


# -- layout ---------------------------------------------------------------------------------------------
def segments(drawn: Blocks) -> tuple[Page, list[tuple[int, int, list[tuple[float, float]]]]]:
    page = Page(layout(drawn), None, LIGHT)
    return page, [(wire.source, wire.target, _path(wire, page)) for wire in page.plan.wires]


@pytest.mark.parametrize("stages", [None, False])
@pytest.mark.parametrize("name", NETS)
def test_no_line_passes_through_a_box(name: str, stages: bool | None) -> None:
    page, lines = segments(blocks(net(name), stages))
    boxes = []
    for place in page.plan.places:
        wide, _ = page.size(place)
        x, y, high = page.lane(place.lane), page.rows[place.row], page.half(place.row)
        boxes.append((x - wide / 2, x + wide / 2, y - high, y + high))
    for (left, right, low, high), (a, b, c, d) in combinations(boxes, 2):
        assert right <= a or b <= left or high <= c or d <= low
    for source, target, points in lines:
        assert points[0][1] == pytest.approx(boxes[source][3]) and points[-1][1] == pytest.approx(
            boxes[target][2]
        )
        for (x, y), (u, v) in pairwise(points):
            assert x == u or y == v
            for row, (left, right, low, high) in enumerate(boxes):
                inside = (
                    min(x, u) < right
                    and max(x, u) > left
                    and min(y, v) < high - 1e-9
                    and max(y, v) > low + 1e-9
                )
                assert not inside, (name, row, source, target)


@pytest.mark.parametrize("name", NETS)
def test_upright_lines_of_different_sources_do_not_lie_on_each_other(name: str) -> None:
    _, lines = segments(blocks(net(name)))
    upright = [
        (source, target, x, min(y, v), max(y, v))
        for source, target, points in lines
        for (x, y), (u, v) in pairwise(points)
        if x == u and y != v
    ]
    for (s, t, x, low, high), (a, b, u, bottom, top) in combinations(upright, 2):
        if x == u and s != a and t != b:
            assert min(high, top) - max(low, bottom) < 1e-9, (s, t, a, b)


def test_the_trunk_is_the_longest_path_and_skips_run_beside_it() -> None:
    plan = layout(blocks(net("resnet50")))
    lanes = {place.name: place.lane for place in plan.places}
    assert lanes["layer1_0.branch1.conv3"] == 0 and lanes["layer1_0.conv1"] == 1
    assert plan.tracks == 1 and sum(wire.lane is None for wire in plan.wires) == 4
    assert layout(blocks(net("unet"))).tracks == 3


# -- the cone -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["code8", "resnet18", "wavenet", "unet", "alexnet", "espcn", "dcgan"])
def test_the_cone_ends_in_what_the_unit_reads(name: str) -> None:
    result = net(name)
    cone = pyramid(result)
    assert cone is not None
    found = unit(result, cone.unit, cone.top)
    base = cone.levels[result.wrt].cells
    assert found.lo is not None and found.hi is not None
    assert (base.lo, base.hi) == (found.lo[-1], found.hi[-1])
    assert cone.levels[cone.top].cells.count == 1


def test_holes_of_every_layer_are_in_the_cone(tmp_path: Path) -> None:
    layer = "  - conv: {out_channels: 4, kernel_size: 3, dilation: 2, padding: 2}\n"
    cone = pyramid(written(tmp_path, layer * 2))
    assert cone is not None
    counts = [(level.cells.count, level.cells.span) for level in cone.levels.values()]
    assert counts == [(1, 1), (3, 5), (5, 9)]


def test_cells_of_the_cone_are_counted_by_autograd_s_rule(tmp_path: Path) -> None:
    """Each level is the union of the windows of the level above: counted by hand."""
    result = written(
        tmp_path,
        "  - conv: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1}\n  - max_pool: 2\n"
        "  - conv: {out_channels: 4, kernel_size: 3}\n",
    )
    cone = pyramid(result)
    assert cone is not None
    cells = set(range(cone.unit[-1], cone.unit[-1] + 1))
    for node in reversed(result.graph.nodes):
        k, s = node.op.kernel_size[-1], node.op.stride[-1]
        before = node.op.pads()[-1][0] if node.op.pads() else 0
        n = node.ins[0][-1]
        cells = {o * s - before + t for o in cells for t in range(k)} & set(range(n))
        level = cone.levels[node.inputs[0]].cells
        assert set(level) == cells


def test_a_causal_net_s_cells_lie_where_their_past_ends() -> None:
    cone = pyramid(net("wavenet"))
    assert cone is not None
    assert {(level.origin, level.step) for level in cone.levels.values()} == {(0, 1)}


def test_a_net_of_vectors_has_no_cone(tmp_path: Path) -> None:
    result = written(tmp_path, "  - linear: 3\n", "[4]")
    assert pyramid(result) is None
    assert figure(result).texts


# -- pictures -------------------------------------------------------------------------------------------
def check_page(made: Any) -> None:
    renderer = made.canvas.get_renderer()
    width, height = made.canvas.get_width_height()
    found = texts(made)
    assert min(text.get_size() for text in found) >= 7
    boxes = np.array([text.get_window_extent(renderer).extents for text in found])
    low, high = boxes[:, :2], boxes[:, 2:]
    outside = (low < 0).any(1) | (high > (width, height)).any(1)
    assert not outside.any(), [found[i].get_text() for i in outside.nonzero()[0]]
    overlap = (np.minimum(high[:, None], high) - np.maximum(low[:, None], low)).min(2)
    touching = [(found[i].get_text(), found[j].get_text()) for i, j in np.argwhere(overlap >= 1.5) if i < j]
    assert not touching


@pytest.mark.parametrize("name", NETS)
def test_no_two_texts_touch_and_none_leaves_the_page(name: str) -> None:
    check_page(figure(net(name)))


@pytest.mark.parametrize(("name", "stages"), [("resnet50", True), ("unet", True), ("inception_v3", False)])
def test_other_levels_can_be_read_too(name: str, stages: bool) -> None:
    check_page(figure(net(name), theme="dark", stages=stages, title="A title of one's own"))


def test_every_block_says_its_shape_field_and_parameters() -> None:
    result = net("code8")
    told = {text.get_text() for text in texts(figure(result))}
    for block in blocks(result).blocks:
        assert block.field is not None
        assert {"×".join(map(str, block.last.out)), str(block.field.size[0]), f"{block.params:,}"} <= told
    assert "what unit 0, 0 of conv8 reads" in told


def test_boxes_are_as_wide_as_their_resolution_and_as_high_as_their_channels() -> None:
    page = Page(layout(blocks(net("vgg16"))), None, LIGHT)
    sizes = {place.name: page.size(place) for place in page.plan.places}
    first, second, third, last = (sizes[f"conv{name}.conv1"] for name in ("1_1", "1_2", "2_1", "5_3"))
    assert first[0] == second[0] > third[0] > last[0]
    assert sizes["input"][1] < first[1] < third[1] < last[1]


def test_an_svg_says_in_words_what_it_shows(tmp_path: Path) -> None:
    result = net("code8")
    for name in ("a.svg", "b.svg"):
        plot(result, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    told = "".join(ElementTree.parse(tmp_path / "a.svg").getroot().itertext())
    assert description(result) in told and "conv1 (conv 3×3 · relu · bn) to 16x26x26" in told


def test_another_extension_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConvvizError, match=r"a picture is written as \.png, \.svg or \.pdf"):
        plot(net("code8"), tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())


TORCH = """swin_small_test vit_small_test coordinate_attention deeplab unet_bilinear resnet3d two_inputs sequence_input
shufflenet_v2 selective_kernel crnn text_cnn""".split()  # noqa: SIM905


@pytest.mark.slow
@pytest.mark.parametrize("name", TORCH)
def test_torch_modules_are_drawn(name: str) -> None:
    pytest.importorskip("torch")
    from tests.nets import NETS as MODULES

    factory: Callable[[], Any]
    factory, shape = MODULES[name]
    result = receptive_field(read(factory(), shape))
    drawn = blocks(result)
    assert sum(block.params for block in drawn.blocks) == result.graph.params
    assert windowed(drawn)
    check_page(figure(result))
