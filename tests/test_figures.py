"""The picture of a receptive field: its artists say what the result says, and no text touches another."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import pytest

from convviz import theme as themes
from convviz.analysis import receptive_field
from convviz.analysis.growth import growth
from convviz.analysis.results import ReceptiveField
from convviz.errors import ConvvizError
from convviz.figures import check_picture
from convviz.figures.receptive_field import description, figure, plot
from convviz.read import read
from tests.pictures import texts

CONV = "  - conv: {out_channels: 2, kernel_size: 3, padding: 1}\n"


def chain(folder: Path, count: int, shape: str = "[2, 32, 32]", layer: str = CONV) -> ReceptiveField:
    file = folder / "a_net.yaml"
    file.write_text(f"input: {shape}\nlayers:\n{layer * count}", encoding="utf-8")
    return receptive_field(read(file))


# -- what it says ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("source", ["code8", "resnet18", "wavenet", "inception_v3"])
def test_names_and_sizes_are_the_result_s(source: str) -> None:
    result = receptive_field(read(source))
    ladder = growth(result)
    told = {text.get_text() for text in texts(figure(result))}
    for step in ladder.steps:
        assert step.name in told or any("…" in word for word in told)
        assert any(word.split(" ")[0] == str(step.field.size[0]) or "x" in word for word in told)
    assert ladder.first_global is None or "all" in told


def test_outlines_are_the_cells_that_units_read() -> None:
    result = receptive_field(read("code8"))
    ladder = growth(result)
    drawn = {
        (patch.get_x(), patch.get_y(), patch.get_width(), patch.get_height())
        for patch in figure(result).axes[0].patches
        if not patch.get_fill()
    }
    for step in ladder.steps:
        assert (step.lo[1] - 0.5, step.lo[0] - 0.5, *reversed(step.field.size)) in drawn


def test_all_of_a_field_is_drawn_around_a_single_cell() -> None:
    ax = figure(receptive_field(read("dcgan"))).axes[0]
    width = max(patch.get_width() for patch in ax.patches)
    assert width == 6 and abs(ax.get_xlim()[1] - ax.get_xlim()[0]) > width


@pytest.mark.parametrize(("shape", "align"), [("[2, 8, 200]", "top"), ("[2, 64, 64]", "bottom")])
def test_the_input_s_name_does_not_hide_a_flat_input(tmp_path: Path, shape: str, align: str) -> None:
    name = next(t for t in texts(figure(chain(tmp_path, 3, shape))) if t.get_text().startswith("input "))
    assert name.get_va() == align


def test_bars_are_as_long_as_the_field() -> None:
    result = receptive_field(read("code8"))
    lengths = [patch.get_width() for patch in figure(result).axes[1].patches]
    assert lengths == [step.field.size[0] for step in growth(result).steps]


def test_ribbons_lie_where_the_unit_reads() -> None:
    result = receptive_field(read("wavenet"))
    (ax,) = figure(result).axes
    ends = {
        round(patch.get_x() + patch.get_width() - 0.5) for patch in ax.patches if patch.get_width() < 1100
    }
    assert growth(result).steps[-1].hi[0] in ends
    assert "No unit reads what comes after it." in " ".join(text.get_text() for text in texts(figure(result)))


def test_holes_are_drawn_and_told(tmp_path: Path) -> None:
    result = chain(tmp_path, 2, layer="  - conv: {out_channels: 2, kernel_size: 3, dilation: 2}\n")
    made = figure(result)
    assert "9 (25 read)" in [text.get_text() for text in texts(made)]
    assert any(patch.get_hatch() for patch in made.axes[0].patches)
    assert sum(len(c.get_paths()) for c in made.axes[0].collections) == 25


def test_three_axes_are_projected_and_said_to_be(tmp_path: Path) -> None:
    made = figure(chain(tmp_path, 2, "[1, 8, 16, 16]"))
    assert any("Of 3 axes the last two are drawn." in text.get_text() for text in texts(made))


# -- that it can be read --------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [1, 2, 10, 20, 45, 120, 400])
@pytest.mark.parametrize("shape", ["[2, 32, 32]", "[2, 900]"])
def test_no_two_texts_touch_and_none_leaves_the_page(tmp_path: Path, count: int, shape: str) -> None:
    made = figure(chain(tmp_path, count, shape))
    made.draw_without_rendering()
    renderer = made.canvas.get_renderer()
    boxes = [(text.get_window_extent(renderer), text.get_text()) for text in texts(made)]
    width, height = made.canvas.get_width_height()
    for box, word in boxes:
        assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height, word
    rungs = sorted(boxes, key=lambda pair: (round(pair[0].x1), pair[0].y0))
    for (one, a), (two, b) in pairwise(rungs):
        assert not (one.overlaps(two) and min(one.y1, two.y1) - max(one.y0, two.y0) > 1.5), (a, b)


@pytest.mark.parametrize(
    "source", ["resnet152", "densenet121", "inception_v3", "unet", "mobilenet_v2", "patchgan"]
)
def test_real_nets_fit_the_page(source: str) -> None:
    made = figure(receptive_field(read(source)))
    made.draw_without_rendering()
    renderer = made.canvas.get_renderer()
    width, height = made.canvas.get_width_height()
    for text in texts(made):
        box = text.get_window_extent(renderer)
        assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height, text.get_text()


# -- files ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("suffix", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF"), (".PNG", b"\x89PNG")]
)
def test_formats_by_extension(tmp_path: Path, suffix: str, magic: bytes) -> None:
    file = tmp_path / f"rf{suffix}"
    plot(receptive_field(read("code8")), file)
    assert file.read_bytes().startswith(magic)


def test_svg_says_in_words_what_it_shows(tmp_path: Path) -> None:
    result = receptive_field(read("code8"))
    for name in ("a.svg", "b.svg"):
        plot(result, tmp_path / name, theme="dark")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    told = "".join(ElementTree.parse(tmp_path / "a.svg").getroot().itertext())
    assert description(result) in told and "avg_pool1 32" in told


@pytest.mark.parametrize("name", ["rf.gif", "rf", "rf.png.exe"])
def test_other_extensions_are_refused(name: str) -> None:
    with pytest.raises(ConvvizError, match=r"a picture is written as \.png, \.svg or \.pdf"):
        check_picture(name)


def test_a_net_without_anything_to_draw_says_so(tmp_path: Path) -> None:
    file = tmp_path / "flat.yaml"
    file.write_text("input: [4, 8, 8]\nlayers:\n  - global_avg_pool\n", encoding="utf-8")
    with pytest.raises(ConvvizError, match="flat has no layer whose receptive field could be drawn"):
        figure(receptive_field(read(file)))


# -- the theme ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("theme", themes.THEMES.values(), ids=themes.THEMES)
def test_text_can_be_read_on_its_paper(theme: themes.Theme) -> None:
    assert themes.contrast(theme.ink, theme.paper) >= 7
    assert themes.contrast(theme.faint_ink, theme.paper) >= 4.5
    for name, role in theme.roles.items():
        least = 1.5 if name == "muted" else 2.2
        assert themes.contrast(role.edge, theme.paper) >= least, name
        if role.fill:
            assert themes.contrast(theme.ink, role.fill) >= 7, name


def test_both_themes_have_the_same_roles_each_with_its_own_cue() -> None:
    light, dark = themes.LIGHT, themes.DARK
    assert set(light.roles) == set(dark.roles) == set(themes.CUES)
    assert len({role.cue for role in light.roles.values()}) == len(light.roles)
    with pytest.raises(ConvvizError, match="did you mean 'kernel'"):
        light["kernl"]
    with pytest.raises(ConvvizError, match="no theme 'sepia'; there are light, dark"):
        themes.theme("sepia")


def test_the_ramp_runs_from_end_to_end() -> None:
    first, last = (themes.LIGHT.ramp[i].lower() for i in (0, -1))
    assert [themes.LIGHT.deep(part) for part in (-1.0, 0.0, 1.0, 2.0)] == [first, first, last, last]
