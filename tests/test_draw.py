"""Stills of plans: artists and text say what the plan says, no text touches another, files and errors."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convviz import plan as plans
from convviz import theme as themes
from convviz.errors import ConvvizError
from convviz.figures import arrange, canvas, scene, sheet
from convviz.figures import cells as draw
from convviz.figures.cells import Box, Lattice, border, facing
from convviz.figures.channels import Shape
from convviz.figures.key import WORDS
from convviz.figures.panels import State, short
from convviz.figures.plan import description, figure, laid_out, plot
from convviz.figures.prose import LINES, aligned, equation
from convviz.plan.model import Formula, Grid, Plan, Work
from convviz.plan.telling import moments
from convviz.plan.words import number
from tests.command import Command

# Every form that is drawn in a way of its own: (kind, fields, input, view).
CASES: dict[str, tuple[str, dict[str, Any], tuple[int, ...] | None, str | None]] = {
    "strided": ("conv", {"kernel_size": 3, "stride": 2, "padding": 1}, (1, 7, 7), None),
    "channels": ("conv", {"kernel_size": 3, "out_channels": 2}, (3, 4, 5), None),
    "dilated": ("dilated_conv", {"padding": 2}, (1, 5, 6), None),
    "grouped": ("grouped_conv", {}, None, None),
    "depthwise": ("depthwise_conv", {}, None, None),
    "pointwise": ("pointwise_conv", {}, None, None),
    "separable": ("separable_conv", {}, None, None),
    "spatially": ("spatially_separable_conv", {}, None, None),
    "matrix": ("conv", {"kernel_size": 3}, (1, 4, 4), "matrix"),
    "row": ("conv", {"kernel_size": 3, "dilation": 2, "padding": 2, "out_channels": 2}, (2, 9), None),
    "volume": ("conv", {"kernel_size": 2, "padding": 1}, (2, 2, 3, 3), None),
    "deep": ("conv", {"kernel_size": 3, "out_channels": 9}, (12, 4, 4), None),
    "large": ("conv", {"kernel_size": 5}, (1, 28, 28), None),
    "reflected": ("conv", {"kernel_size": 3, "padding": 1, "padding_mode": "reflect"}, (1, 4, 4), None),
    "both": ("conv_transpose", {}, None, "both"),
    "scatter": ("conv_transpose", {"out_channels": 2}, (1, 2, 2), "scatter"),
    "gather": ("conv_transpose", {}, None, "gather"),
    "turned": ("conv_transpose", {}, None, "matrix"),
    "both_in_a_row": ("conv_transpose", {}, (1, 4), "both"),
    "max_pool": ("max_pool", {"kernel_size": 3, "stride": 2, "padding": 1}, (1, 6, 6), None),
    "avg_pool": ("avg_pool", {}, None, None),
    "global": ("global_avg_pool", {}, None, None),
    "shuffle": ("pixel_shuffle", {}, None, None),
    "upsample": ("upsample", {}, None, None),
    "add": ("add", {}, None, None),
    "linear": ("linear", {}, None, None),
    "norm": ("group_norm", {}, None, None),
    "softmax": ("softmax", {}, None, None),
    "attention": ("attention", {}, None, None),
    "lstm": ("lstm", {}, None, None),
    "curve": ("gelu", {}, None, None),
}


@cache
def case(name: str) -> Plan:
    kind, fields, shape, view = CASES[name]
    return plans.plan(kind, fields, shape, view=view)


@cache
def drawn(name: str, theme: str = "light", step: int | None = None) -> Any:
    return figure(case(name), theme=theme, step=step)


def texts(made: Any) -> list[Any]:
    found = [*made.texts]
    for ax in made.axes:
        found += ax.texts
        if ax.axison:
            for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
                ticks = zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=False)
                found += [axis.label, *(label for at, label in ticks if low <= at <= high)]
    return [text for text in found if text.get_text() and text.get_visible()]


def words(made: Any) -> list[str]:
    return [text.get_text() for text in texts(made)]


def check_texts(made: Any) -> None:
    """No text below 7 points, none that leaves the page, no two that touch (by their ink, not their line)."""
    made.dpi = canvas.DPI
    with canvas.style():
        made.draw_without_rendering()
        renderer = made.canvas.get_renderer()
        found = texts(made)
        boxes = np.array([text.get_window_extent(renderer).extents for text in found])
    assert min(text.get_fontsize() for text in found) >= draw.SMALLEST
    width, height = made.canvas.get_width_height()
    inside = (boxes[:, 0] >= 0) & (boxes[:, 1] >= 0) & (boxes[:, 2] <= width) & (boxes[:, 3] <= height)
    assert inside.all(), [text.get_text() for text, good in zip(found, inside, strict=True) if not good]
    upright = np.array([text.get_rotation() == 0 for text in found])
    high = (boxes[:, 3] - boxes[:, 1]) * upright
    boxes[:, 1] += 0.25 * high
    boxes[:, 3] -= 0.1 * high
    low, high_ = (
        np.maximum(boxes[:, None, :2], boxes[None, :, :2]),
        np.minimum(boxes[:, None, 2:], boxes[None, :, 2:]),
    )
    overlap = ((high_ - low) > 0.6).all(axis=2)
    pairs = [
        (found[i].get_text(), found[j].get_text())
        for i, j in zip(*np.nonzero(np.triu(overlap, 1)), strict=True)
    ]
    assert not pairs, pairs[:5]


# -- that it can be read --------------------------------------------------------------------------------
@pytest.mark.parametrize("name", CASES)
def test_no_text_touches_another_or_leaves_the_page(name: str) -> None:
    check_texts(drawn(name))


@pytest.mark.parametrize(("where", "theme"), [("first", "light"), ("last", "dark")])
@pytest.mark.parametrize(
    "name", ["strided", "both", "row", "separable", "volume", "max_pool", "norm", "attention"]
)
def test_so_at_the_first_and_the_last_step(name: str, where: str, theme: str) -> None:
    check_texts(drawn(name, theme, 0 if where == "first" else len(case(name).steps) - 1))


@cache
def others() -> dict[str, Plan]:
    """Of the other kinds one for each arrangement of panels: fifty activations look the same."""
    found: dict[Any, tuple[str, Plan]] = {}
    for kind in plans.kinds():
        plan = plans.plan(kind.name)
        looks = tuple(
            (type(panel), getattr(panel, "role", None), getattr(panel, "shape", None))
            for panel in plan.panels
        )
        found.setdefault((looks, len(plan.steps)), (kind.name, plan))
    return dict(found.values())


def test_every_kind_can_be_drawn() -> None:
    for name, plan in others().items():
        if name not in {spec[0] for spec in CASES.values()}:
            check_texts(figure(plan, theme="dark"))


@pytest.mark.parametrize("name", ["row", "both", "deep", "softmax"])
def test_contact_sheets_can_be_read(name: str) -> None:
    for page in sheet.contact(case(name)).figures:
        check_texts(page)


@pytest.mark.parametrize("rule", plans.relationships(), ids=lambda rule: rule.name)
def test_relationships_can_be_read_and_say_their_formula(rule: Any) -> None:
    made = figure(rule.plan())
    if rule.number in (2, 6, 9, 14):
        check_texts(made)
    told = "".join(words(made)).replace(" ", "")
    assert rule.formula.numbers.replace(" ", "") in told
    assert f"Relationship {rule.number}" in " ".join(words(made))


# -- what it says ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["strided", "channels", "grouped", "gather", "max_pool", "row", "volume"])
def test_the_sum_the_caption_and_the_titles_are_the_plan_s(name: str) -> None:
    plan, told = case(name), " ".join(words(drawn(name)))
    (at,) = moments(plan)
    step = plan.steps[at]
    assert step.work is not None
    squeezed = re.sub(r"\s", "", told)
    assert re.sub(r"\s", "", step.work.text) in squeezed
    for sentence in (plan.title, step.caption, *(panel.title for panel in plan.panels)):
        assert re.sub(r"\s", "", sentence) in squeezed
    for formula in plan.formulas:
        assert set(formula.about.split()) <= set(told.split())
        assert re.sub(r"\s", "", equation(formula)) in squeezed


def test_cells_show_values_so_far_and_weights_in_use() -> None:
    plan = case("strided")
    (at,) = moments(plan)
    made, layout = drawn("strided"), laid_out(plan, (at,), themes.LIGHT, plan.title)[0]
    shown = {key: plan.shown(key, at) for key in ("input", "kernel", "output")}
    seen = numbers_by_place(made)
    step = plan.steps[at]
    assert step.work is not None
    factors = {term.cell: term.factor for term in step.work.terms}
    for block in layout.blocks:
        assert isinstance(block, Shape)
        key = block.grid.key
        for cell in np.ndindex(*block.grid.shape):
            box = block.cell(cell)
            assert box is not None
            inside = [text for (x, y), text in seen if box.x < x < box.right and box.y < y < box.bottom]
            wanted = [number(shown[key][cell])] if cell in shown[key] else []
            if key == "input" and cell in factors:
                wanted.append(number(factors[cell]))  # type: ignore[arg-type]
            assert sorted(inside) == sorted(wanted), (key, cell)


def numbers_by_place(made: Any) -> list[tuple[tuple[float, float], str]]:
    ax = made.axes[0]
    return [
        ((text.get_position()[0], text.get_position()[1] - 2), text.get_text())
        for text in ax.texts
        if text.get_ha() == "center"
    ]


@pytest.mark.parametrize("name", ["strided", "channels", "row", "scatter", "gather", "max_pool", "depthwise"])
def test_outlines_are_around_the_cells_that_are_read_and_written(name: str) -> None:
    plan, made = case(name), drawn(name)
    (at,) = moments(plan)
    layout, _, _ = laid_out(plan, (at,), themes.LIGHT, plan.title)
    active = themes.LIGHT["active"].edge
    from matplotlib.colors import to_hex

    lines = [
        tuple(map(tuple, np.round(piece, 3)))
        for collection in made.axes[0].collections
        if len(collection.get_edgecolor()) and to_hex(collection.get_edgecolor()[0]).lower() == active.lower()
        and hasattr(collection, "get_segments")
        for piece in collection.get_segments()
    ]  # fmt: skip
    for block in layout.blocks:
        assert isinstance(block, Shape)
        marked = {c for mark in plan.steps[at].marks
                  if mark.panel == block.grid.key and mark.mark == "read" for c in mark.cells}  # fmt: skip
        for prefix, lattice in block.places.items():
            here = [place for sheet_, place in map(block.split, marked) if sheet_ == prefix]
            for piece in border(here):
                ends = tuple((round(lattice.x + c * lattice.side, 3), round(lattice.y + r * lattice.side, 3))
                             for r, c in piece)  # fmt: skip
                assert ends in lines, (block.grid.key, piece)


@pytest.mark.parametrize(("name", "route"), [
    ("strided", ["input", "kernel", "output"]), ("scatter", ["input", "kernel", "output"]),
    ("gather", ["stuffed", "flipped", "output"]), ("row", ["input", "kernel", "output"]),
    ("max_pool", ["input", "output"]), ("shuffle", ["input", "output"]),
])  # fmt: skip
def test_rays_run_from_the_window_over_the_weights_to_the_cell(name: str, route: list[str]) -> None:
    plan = case(name)
    (at,) = moments(plan)
    layout = arrange.arrange(plan, [at])
    layout.place(0, 0)
    shapes = {block.grid.key: block for block in layout.blocks if isinstance(block, Shape)}
    ends = {key: set() for key in route}  # type: ignore[var-annotated]
    for mark in plan.steps[at].marks:
        if mark.panel in ends and mark.mark in ("read", "weight", "written", "fed"):
            ends[mark.panel] |= set(mark.cells)
    boxes = {
        key: Box.around(box for c in ends[key] if (box := shapes[key].cell(c)) is not None) for key in route
    }
    rays = scene.beams(plan, at, layout)
    assert rays
    first = {start for start, _ in rays}
    assert Box.around(start for start in first if start not in [boxes[route[-1]]]) is not None
    for start, end in rays:
        assert any(within(start, boxes[key]) for key in route[:-1])
        assert any(within(end, boxes[key]) for key in route[1:])


def within(inner: Box, outer: Box) -> bool:
    return (
        inner.x >= outer.x - 1e-6
        and inner.y >= outer.y - 1e-6
        and inner.right <= outer.right + 1e-6
        and inner.bottom <= outer.bottom + 1e-6
    )


def test_the_eye_goes_from_input_over_the_kernel_to_the_output() -> None:
    layout = arrange.arrange(case("strided"), moments(case("strided")))
    layout.place(0, 0)
    across = {block.grid.key: block.box for block in layout.blocks if isinstance(block, Shape)}
    assert across["input"].right < across["kernel"].x and across["kernel"].right < across["output"].x
    layout = arrange.arrange(case("row"), moments(case("row")))
    layout.place(0, 0)
    up = {block.grid.key: block.box for block in layout.blocks if isinstance(block, Shape)}
    assert up["input"].y > up["kernel"].bottom and up["kernel"].y > up["output"].bottom


def test_a_filter_stands_beside_the_channels_that_it_reads() -> None:
    layout = arrange.arrange(case("grouped"), moments(case("grouped")))
    layout.place(0, 0)
    shapes = {block.grid.key: block for block in layout.blocks if isinstance(block, Shape)}
    reads: dict[int, set[int]] = {}
    for step in case("grouped").steps:
        for term in step.work.terms if step.work else ():
            reads.setdefault(term.weight[0], set()).add(term.cell[0])  # type: ignore[index]
    for kernel, channels in reads.items():
        (channel,) = channels
        middles = [shapes[key].block(next(s for s in shapes[key].sheets if s.prefix == (at,))).centre[1]
                   for key, at in (("input", channel), ("kernel", kernel))]  # fmt: skip
        assert middles[0] == pytest.approx(middles[1])
    assert {sheet.group for sheet in shapes["input"].sheets} == {0, 1}
    assert any("group 1" in word for word in words(drawn("grouped")))


def test_a_telling_step_lies_away_from_the_border() -> None:
    plan = case("strided")
    (at,) = moments(plan)
    work = plan.steps[at].work
    assert work is not None and not any(term.padding for term in work.terms)
    assert moments(plan, 3) == (3,)


def test_both_ways_are_shown_at_the_same_output_cell() -> None:
    plan = case("both")
    scatter, gather = (plan.steps[i] for i in moments(plan))
    assert (scatter.section, gather.section) == ("Scatter", "Gather")
    assert gather.writes[0].cell in {write.cell for write in scatter.writes}


def test_the_key_has_the_cues_of_this_picture_only() -> None:
    assert "inserted zero" in words(drawn("gather")) and "inserted zero" not in words(drawn("strided"))
    assert "not read" in words(drawn("dilated")) and "not read" not in words(drawn("strided"))
    assert "the largest" in words(drawn("max_pool")) and "never read" in words(drawn("max_pool"))
    assert "one shade for each input channel" in words(drawn("shuffle"))
    assert len(set(WORDS.values())) == len(WORDS)


def test_a_channel_keeps_its_shade_through_a_shuffle() -> None:
    shades = scene.identities(case("shuffle"), themes.LIGHT)
    for step in case("shuffle").steps:
        assert step.work is not None
        source, target = step.work.terms[0].cell, step.writes[0].cell
        assert shades["input"][source] == shades["output"][target]
    assert len({shades["input"][c, 0, 0] for c in range(4)}) == 4
    assert scene.identities(case("strided"), themes.LIGHT) == {}


def test_entries_of_the_matrix_have_a_shade_for_each_weight() -> None:
    from convviz.figures.matrix import ordered, shade

    panel = case("matrix")["matrix"]
    order = ordered(panel)  # type: ignore[arg-type]
    shades = {shade(themes.LIGHT, weight, order) for weight in order}
    assert len(order) == len(shades) == 9


def test_what_is_left_out_is_said() -> None:
    told = " ".join(words(drawn("deep")))
    assert "one of 12 channels of the input" in told and "one of 9 channels of the output" in told
    assert "more lines …" in told
    assert "Too small for numbers" in " ".join(words(drawn("large")))
    assert "Too small for numbers" not in " ".join(words(drawn("strided")))


def test_a_matrix_too_large_is_left_out_and_the_rest_is_drawn() -> None:
    told = " ".join(words(figure(plans.plan("conv", {"kernel_size": 3}, (1, 12, 12), view="matrix"))))
    assert "matrix 100×144 is too large to be drawn." in re.sub(r": .*? is 0", "", told)
    assert "too large to be drawn" not in " ".join(words(drawn("matrix")))


def test_weights_at_the_head_of_a_sheet_fit_its_page() -> None:
    check_texts(sheet.contact(plans.plan("layer_norm", {}, (1, 4, 2, 4))).figures[0])


def test_groups_and_values_differ_in_shade() -> None:
    from convviz.figures.panels import tint

    assert len({tint(themes.LIGHT, "input", group) for group in range(3)}) == 3
    assert tint(themes.LIGHT, "input", 0, 0.0) != tint(themes.LIGHT, "input", 0, 1.0)


def test_more_cells_than_a_picture_can_show_are_refused() -> None:
    grid = Grid("input", "input", "input", (1, 300, 300), {})
    with pytest.raises(ConvvizError, match=r"conv: the picture would have 90,000 cells, at most 20,000"):
        figure(Plan("conv", "too large", (grid,), ()))


def test_a_plan_without_steps_is_drawn_and_has_no_sheet() -> None:
    plan = Plan("facts", "Nothing happens", (Grid("input", "input", "input", (2,), {(0,): 1, (1,): 2}),), ())
    check_texts(figure(plan))
    with pytest.raises(ConvvizError, match="facts: has no steps on grids of cells"):
        sheet.contact(plan)
    with pytest.raises(ConvvizError, match="the plan of facts has no steps"):
        figure(plan, step=0)


# -- pieces ---------------------------------------------------------------------------------------------
def test_the_border_of_a_set_of_cells_runs_around_its_holes() -> None:
    ring = {(r, c) for r in range(3) for c in range(3)} - {(1, 1)}
    length = sum(abs(a[0] - b[0]) + abs(a[1] - b[1]) for a, b in border(ring))
    assert length == 12 + 4
    assert border([]) == []


def test_boxes_face_each_other_in_every_direction() -> None:
    left, right, below = Box(0, 0, 2, 2), Box(9, 0, 2, 2), Box(0, 9, 2, 2)
    assert facing(left, right)[0][0][0] == 2 and facing(right, left)[0][0][0] == 9
    assert facing(left, below)[0][0][1] == 2 and facing(below, left)[0][0][1] == 9
    assert facing(left, Box(9, 9, 2, 2), upright=True)[0][0][1] == 2


def test_lattice_spans() -> None:
    assert Lattice(1, 2, 10).span(range(-1, 2), range(0, 2)) == Box(1, -8, 20, 30)


@pytest.mark.parametrize(("value", "most", "text"), [
    (3, 5, "3"), (-12, 2, "−12"), (2 / 3, 4, "0.67"), (-1.2345, 4, "−1.2"), (float("-inf"), 2, "−∞"), (0.5, 9, "0.5"),
])  # fmt: skip
def test_numbers_are_shortened_by_rounding_only(value: float, most: int, text: str) -> None:
    assert short(value, most) == text


@pytest.mark.parametrize("letters", [20, 40, 90])
@pytest.mark.parametrize("name", ["strided", "channels", "deep", "scatter", "max_pool", "softmax"])
def test_sums_keep_to_their_width_and_lose_no_term(name: str, letters: int) -> None:
    for step in case(name).steps[:6]:
        if step.work is None:
            continue
        lines = aligned(step.work, letters)
        assert max(map(len, lines)) <= max(letters, max(map(len, step.work.text.split())) + 2)
        if not any("more lines" in line for line in lines) and step.work.how != "scatter":
            assert re.sub(r"[\s,;]", "", "".join(lines)) == re.sub(r"[\s,;]", "", step.work.text)
        assert len(lines) <= LINES + 1


def test_summands_stand_below_each_other() -> None:
    (at,) = moments(case("channels"))
    work = case("channels").steps[at].work
    assert work is not None
    lines = aligned(work, 60)
    plus = [[i for i, letter in enumerate(line) if letter == "+"] for line in lines[1:-2]]
    assert len({tuple(places) for places in plus}) == 1
    assert lines[-1].endswith(f"= {number(work.result or 0)}")
    assert aligned(Work("copy", (), 5, "output 3 = input 2 = 5"), 80) == ["output 3 = input 2 = 5"]


@pytest.mark.parametrize(("formula", "text"), [
    (Formula("o", "o = i − k", "7 − 3", "4"), "o = i − k = 7 − 3 = 4"),
    (Formula("o", "o = i − k", "7 − 3 = 4", "4"), "o = i − k = 7 − 3 = 4"),
    (Formula("o", "o = i", "2", "2"), "o = i = 2"),
    (Formula("o", "", "", "2"), "2"),
])  # fmt: skip
def test_an_equation_says_nothing_twice(formula: Formula, text: str) -> None:
    assert equation(formula) == text


def test_state_knows_only_what_was_written_so_far() -> None:
    plan = case("strided")
    state = State.of(plan, "output", 4)
    assert len(state.values) == 5 and state.written == {plan.steps[4].writes[0].cell}


# -- files and sheets -----------------------------------------------------------------------------------
@pytest.mark.parametrize(("suffix", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_formats_by_extension(tmp_path: Path, suffix: str, magic: bytes) -> None:
    file = tmp_path / f"conv{suffix}"
    plot(case("max_pool"), file)
    assert file.read_bytes().startswith(magic)


def test_svg_says_in_words_what_it_shows_and_is_the_same_each_time(tmp_path: Path) -> None:
    plan = case("strided")
    for name in ("a.svg", "b.svg"):
        plot(plan, tmp_path / name, theme="dark")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    told = {child.tag.split("}")[1]: child.text for child in root if child.tag.endswith(("title", "desc"))}
    assert told == {"title": plan.title, "desc": description(plan)}
    (at,) = moments(plan)
    work = plan.steps[at].work
    assert work is not None and work.text in description(plan) and plan.steps[at].caption in description(plan)


def test_a_sheet_has_every_step_once() -> None:
    plan = case("strided")
    told = [word for page in sheet.contact(plan).figures for word in words(page)]
    assert {str(i) for i in range(1, len(plan.steps) + 1)} <= set(told)
    for step in plan.steps:
        assert step.work is not None and f"= {number(step.work.result or 0)}" in told


def test_long_plans_have_pages_and_say_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "PAGES", 2)
    plan = plans.plan("conv", {"kernel_size": 3}, (1, 14, 14))
    made = sheet.contact(plan)
    assert len(made.figures) == 2 and 0 < made.left_out < len(plan.steps)
    assert any(f"{made.left_out:,} are left out" in word for word in words(made.figures[-1]))


# -- the command line -----------------------------------------------------------------------------------
run = Command("draw")
fails = run.fails


@pytest.mark.parametrize("arguments", [
    ["conv", "--kernel-size", "3", "--stride", "2", "--input", "1x7x7"],
    ["conv", "--set", "dilation=2", "--input", "1x9", "--theme", "dark", "--step", "2"],
    ["max_pool", "--kernel-size", "2,3"],
    ["transposed_conv", "--view", "scatter", "--seed", "3"],
    ["--relationship", "7"],
    ["padding_strides_odd"],
    ["code8", "--layer", "conv1"],
    ["tiny"],
])  # fmt: skip
def test_pictures_are_written_and_named(tmp_path: Path, arguments: list[str]) -> None:
    file = tmp_path / "a.svg"
    done = run(*arguments, "-o", str(file))
    assert (done.exit_code, done.stdout) == (0, f"{file}\n"), done.output
    ElementTree.parse(file)


def test_without_a_name_a_picture_goes_to_outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("avg_pool").stdout == "outputs/draw_avg_pool.png\n"
    assert run("--relationship", "7").stdout == "outputs/draw_relationship_7.png\n"
    assert run("code8", "--layer", "conv1").stdout == "outputs/draw_code8_conv1.png\n"
    assert {file.name for file in (tmp_path / "outputs").iterdir()} == {
        "draw_avg_pool.png", "draw_relationship_7.png", "draw_code8_conv1.png"
    }  # fmt: skip


def test_pages_are_numbered_files_or_one_pdf(tmp_path: Path) -> None:
    done = run("separable_conv", "--all", "--set", "out_channels=4", "-o", str(tmp_path / "s.png"))
    assert done.stdout.splitlines() == [str(tmp_path / "s.png"), str(tmp_path / "s-2.png")]
    done = run("separable_conv", "--sheet", "--set", "out_channels=4", "-o", str(tmp_path / "s.pdf"))
    assert done.stdout == f"{tmp_path / 's.pdf'}\n"
    assert len(re.findall(rb"/Type /Page\b", (tmp_path / "s.pdf").read_bytes())) == 2


def test_everything_that_can_be_drawn_is_listed() -> None:
    done = run("--list")
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert {kind.name for kind in plans.kinds()} | {rule.name for rule in plans.relationships()} == listed
    assert "`" not in done.stdout


def test_the_explanation_as_text_and_data(tmp_path: Path) -> None:
    data = json.loads(run("max_pool", "--format", "json").stdout)
    assert data["name"] == "max_pool" and len(data["steps"]) == 4
    assert run("max_pool", "--format", "text", "-o", str(tmp_path / "a.txt")).stdout == ""
    assert (tmp_path / "a.txt").read_text(encoding="utf-8").startswith("Max pooling")


@pytest.mark.parametrize(("arguments", "message"), [
    (["cnv"], "no op, form, animation or net 'cnv'; did you mean 'conv'? (convviz draw --list shows all)"),
    (["no_padding_stride"], "did you mean 'no_padding_strides'?"),
    (["resnet5"], "did you mean 'resnet50'?"),
    ([], "name an op, a form, an animation or a net (convviz draw --list shows all)"),
    (["conv", "--relationship", "3"], "--relationship: is drawn by itself; leave out the name"),
    (["--relationship", "16"], "relationships 1 to 15, got 16"),
    (["--relationship", "0"], "relationships 1 to 15, got 0"),
    (["--relationship", "3", "--stride", "2"], "--stride: a relationship has its own sizes"),
    (["conv", "--step", "0"], "--step: counts from 1, got 0"),
    (["conv", "--step", "10"], "--step: must be a step from 1 to 9, got 10"),
    (["conv", "--step", "1", "--all"], "--step: draws one step, --all draws all of them; ask for one"),
    (["conv", "--stride", "0"], "must be a whole number >= 1, got 0"),
    (["conv", "--kernel-size", "three"], "must be a whole number >= 1, got 'three'"),
    (["conv", "--strid", "2"], "did you mean '--stride'?"),
    (["conv", "--set", "strid=2"], "did you mean 'stride'?"),
    (["conv", "--input", "0x3"], "sizes must be whole numbers >= 1"),
    (["conv", "--input", "1x1000000000x1000000000"], "use smaller sizes"),
    (["conv", "--kernel-size", "1000000000000"], "1000000000000"),
    (["relu", "--input", "1x300x300"], "90,000 steps"),
    (["max_pool", "--view", "matrix"], "view"),
    (["conv", "--layer", "x"], "--layer: is of a net; conv is none"),
    (["code8", "--layer", "conv11"], "no layer 'conv11' in code8; did you mean 'conv1'?"),
    (["code8", "--layer", "conv1", "--stride", "2"], "--stride: a layer has its own fields"),
    (["code8", "--step", "2"], "--step: goes with an op or with --layer, not with a whole net"),
    (["code8", "--stride", "2"], "--stride: goes with an op or with --layer, not with a whole net"),
    (["nothing.yaml"], "nothing.yaml"),
    (["conv", "-o", "a.gif"], "a.gif: a picture is written as .png, .svg or .pdf; got '.gif'"),
    (["conv", "-o", "nowhere/a.png"], "nowhere/a.png: there is no folder 'nowhere'; make it first"),
    (["conv", "--input", "a=1x3x3"], "--input: an op is drawn on one shape, such as 1x7x7"),
])  # fmt: skip
def test_bad_input_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in fails(*arguments)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_a_net_is_drawn_by_stages_where_asked(tmp_path: Path) -> None:
    sizes = []
    for extra in ([], ["--stages"]):
        file = tmp_path / f"net{len(extra)}.svg"
        assert run("resnet18", *extra, "-o", str(file)).exit_code == 0
        sizes.append(file.read_text(encoding="utf-8").count("<path"))
    assert sizes[1] < sizes[0] / 2
    assert fails("conv", "--stages") == "--stages: goes with a whole net"
