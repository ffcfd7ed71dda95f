"""Blocks of cells in space lie where they are said to lie; what scenes of channels refuse, and what they count."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from convviz.errors import ConvvizError
from convviz.figures.cells import Box
from convviz.theme import theme

pytest.importorskip("manim")

from convviz.scenes.settings import Settings
from convviz.scenes.stage import faults
from convviz.scenes.stage.film import story_class, told
from convviz.scenes.stage.solid import Block, Solid, samples, spatial, window
from convviz.scenes.stage.space import FACES, most_of

AREA = Box(20, 40, 300, 150)


def inside(box: Box, area: Box) -> bool:
    return (
        box.x > area.x - 1e-6
        and box.y > area.y - 1e-6
        and box.right < area.right + 1e-6
        and box.bottom < area.bottom + 1e-6
    )


def shapes() -> list[tuple[int, ...]]:
    rng = np.random.default_rng(0)
    return [
        (int(rng.integers(1, 9)), *rng.integers(1, 8, int(rng.integers(0, 3))).tolist()) for _ in range(30)
    ]


@pytest.mark.parametrize("shape", shapes())
def test_blocks_fit_their_area(shape: tuple[int, ...]) -> None:
    solid = Solid.fit(shape, AREA)
    assert solid.shape == spatial(shape) and inside(solid.box, AREA)
    corners = [p for c in range(shape[0]) for face in FACES for _, quad in solid.quads(c, face) for p in quad]
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    assert np.allclose([*low, *high], [solid.box.x, solid.box.y, solid.box.right, solid.box.bottom])
    whole = [p for line in solid.outline(*(range(n) for n in solid.shape)) for p in line]
    assert np.allclose([*np.min(whole, axis=0), *np.max(whole, axis=0)], [*low, *high])


@pytest.mark.parametrize("shape", [(3, 4, 4), (8, 2, 3), (2, 9), (5,)])
def test_channels_pulled_apart_hide_nothing(shape: tuple[int, ...]) -> None:
    closed = Solid.fit(shape, AREA)
    assert not closed.covered(0) and all(closed.covered(c) for c in range(1, shape[0]))
    for apart in (
        closed.side_by_side(8),
        Solid.row(shape, AREA, 6),
        Solid.row(shape, Box(0, 0, 200, 400), 6, down=True),
    ):
        assert not any(apart.covered(c) for c in range(shape[0]))
        boxes = [apart.sheet(c) for c in range(shape[0])]
        assert not any(faults.overlap(a, b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert inside(Solid.row(shape, AREA, 6).box, AREA)


def test_front_channel_is_painted_last() -> None:
    """Whatever two slabs share on the board belongs to the one in front, which is painted later."""
    solid = Solid.fit((4, 3, 3), AREA)
    assert list(solid.order()) == [3, 2, 1, 0]
    block = Block(solid, theme("light"))
    assert block.submobjects[-1] is block.slabs[0] and block.submobjects[0] is block.slabs[3]


def test_a_batch_is_several_blocks_of_one_size() -> None:
    solids = samples((3, 2, 4, 4), AREA, gap=10)
    assert len({(s.side, s.shape) for s in solids}) == 1 and len(solids) == 3
    assert inside(Box.around(s.box for s in solids), AREA)
    assert all(b.box.x - a.box.right == pytest.approx(10) for a, b in pairwise(solids))


@pytest.mark.parametrize("shape", [(3, 90, 90), (200, 60, 2), (1, 1, 500)])
def test_too_large_says_what_fits(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ConvvizError, match="does not fit; the largest is") as found:
        Solid.fit(shape, AREA)
    largest = tuple(map(int, str(found.value).split()[-1].split("×")))
    assert Solid.fit(largest, AREA).side >= 4
    assert largest == most_of(shape, AREA, Box(0, 0, 0, 0))


def test_row_says_how_many_fit() -> None:
    with pytest.raises(ConvvizError, match="of this size 8 do"):
        Solid.row((20, 8, 8), AREA, 4)
    Solid.row((8, 8, 8), AREA, 4)
    with pytest.raises(ConvvizError, match="at most two spatial axes, got 3"):
        spatial((1, 2, 3, 4))


def test_numbers_are_seen_where_nothing_covers_them() -> None:
    values = {(c, r, q): 10 * c + r for c in range(3) for r in range(2) for q in range(2)}
    solid = Solid.fit((3, 2, 2), Box(0, 0, 120, 120))
    block = Block(solid, theme("light"), values=values)
    assert {s.text for s in faults.said([block])} == {"0", "1"}
    apart = block.at(solid.side_by_side(6))
    assert sorted(s.text for s in faults.said([apart])) == sorted(str(v) for v in values.values())
    small = Block(Solid.fit((3, 2, 2), Box(0, 0, 30, 30)), theme("light"), values=values)
    assert not faults.said([small]) and len(set(small.fills.values())) > 1  # shades instead


def test_texts_follow_a_move() -> None:
    """After a move to another size a text is as large, and stands, as it is drawn."""
    values = {(0, r, q): r for r in range(2) for q in range(2)}
    block = Block(Solid((1, 2, 2), 0, 0, 40.0), theme("light"), values=values)
    there = Solid((1, 2, 2), 100, 50, 14.0)
    move = block.to(there)
    move.begin()
    move.interpolate(1)
    move.finish()
    want = {(s.text, round(s.size, 3), round(s.box.x, 3)) for s in faults.said([block.at(there)])}
    assert {(s.text, round(s.size, 3), round(s.box.x, 3)) for s in faults.said([block])} == want


def test_hatch_and_windows() -> None:
    solid = Solid.fit((2, 2, 2), AREA)
    plain = Block(solid, theme("light"))
    hatched = Block(solid, theme("light"), hatched={(0, 0, 0)})
    assert len(hatched.slabs[0]) == len(plain.slabs[0]) + 1 and len(hatched.slabs[1]) == len(plain.slabs[1])
    for sizes in ((2, 1, 1), (1, 2, 2)):  # one can become the other
        assert len(window(solid, "#D55E00", *map(range, sizes))) == 2


# -- the scenes of channels ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name, settings, error",
    [
        ("pointwise", {"model": "resnet50", "layer": "conv1"}, "conv1: only a 1×1 convolution with stride 1"),
        ("pointwise", {"input": "3x12x12"}, "channels and positions 102"),
        ("channels", {"input": "1x3x4x4"}, "at most two spatial axes, got 3"),
        ("channels", {"model": "resnet50", "layer": "max_pool1"}, "shows a convolution, got max_pool"),
        ("grouped", {"groups": 3, "input": "8x5x5"}, "groups"),
        ("grouped", {"model": "resnet50", "layer": "max_pool1"}, "shows a convolution, got max_pool"),
        (
            "depthwise_separable",
            {"model": "resnet50", "layer": "max_pool1"},
            "can be split into, got max_pool",
        ),
    ],
)
def test_scenes_refuse_in_one_line(name: str, settings: dict[str, Any], error: str) -> None:
    with pytest.raises(ConvvizError) as found:
        story_class(name)(Settings.of(**settings)).prepare()
    assert error in str(found.value) and "\n" not in str(found.value)


def test_every_stop_of_the_slider_shows_torchs_count(tmp_path: Any) -> None:
    from torch import nn

    texts = told("grouped", Settings.of(input="6x5x5", out_channels=6), tmp_path).record().texts
    for groups in (1, 2, 3, 6):
        count = sum(p.numel() for p in nn.Conv2d(6, 6, 3, groups=groups).parameters())
        assert f"{count:,}" in texts and str(groups) in texts


def test_the_ratio_is_shown_with_its_numbers(tmp_path: Any) -> None:
    record = told("depthwise_separable", Settings(), tmp_path).record()
    assert "1/C_out + 1/k² = 1/4 + 1/9 = 13/36 = 0.3611" in record.texts
