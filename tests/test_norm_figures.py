"""Pictures of normalization: who shares, the statistics as printed, the set that is worked out, mistakes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convviz import theme as themes
from convviz.analysis.mistakes.mistake import MISTAKES, mistake
from convviz.analysis.norms.batches import preset, random_batch
from convviz.analysis.norms.normalize import METHODS, Normalized, normalize, normalize_all
from convviz.errors import ConvvizError
from convviz.figures.norms import mistake as norm_mistake
from convviz.figures.norms import norm, paint
from convviz.figures.norms import words as norm_words
from convviz.figures.norms.grid import PAD, Rack, neighbours, paints, shown, whole
from convviz.figures.norms.worked import rows
from convviz.plan.words import decimals, number
from convviz.theme import THEMES
from tests.pictures import check_texts, texts

A, B = preset("A"), preset("B")
SMALL = random_batch((4, 2, 2, 2), 5)
RNG = np.random.default_rng(3)


def words_of(made: Any) -> list[str]:
    return [text.get_text() for text in texts(made)]


def has(made: Any, *wanted: str) -> None:
    found = words_of(made)
    for word in wanted:
        assert any(word == text or word in text for text in found), word


# -- one method ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("x", "method"), [(A, method) for method in METHODS] + [(B, "batch"), (B, "group"), (B, "instance")]
)
def test_all_numbers_of_the_batch_and_all_statistics_are_there(x: np.ndarray, method: str) -> None:
    done = normalize(x, method)
    found = words_of(norm.figure(done))
    for values in (done.x, done.output):
        wanted = [number(float(v)) for v in values.ravel()]
        for text in set(wanted):
            assert found.count(text) >= wanted.count(text), text
    assert done.var is not None
    for value in (*(done.mean or ()), *done.var, *done.scale):
        assert number(value) in found, value


def test_batch_a_has_the_known_numbers() -> None:
    made = norm.figure(normalize(A, "batch"))
    has(made, "Batch norm: one mean and variance for each channel, over N, H and W")
    has(made, "sum 64 / 16 = mean 4", "sum 144 / 16 = variance 9", "divided by √(9 + 0.00001) = 3")
    has(made, "(0 − 4) / √(9 + 0.00001) = −1.3333", "9×16 / 15 = 9.6")
    has(made, "0.9×0 + 0.1×4 = 0.4", "0.9×1 + 0.1×9.6 = 1.86", "(1 set of 16 values)")
    has(made, "2 trained parameters: γ and β of each channel; 2 running statistics, kept, not trained.")


def test_evaluation_shows_what_was_kept() -> None:
    made = norm.figure(normalize(A, "batch", mode="eval"))
    has(
        made,
        "Batch norm in evaluation",
        "running mean",
        "running variance",
        "0.4",
        "1.86",
        "−0.2933",
        "1.1732",
    )
    has(made, "(0 − 0.4) / √(1.86 + 0.00001) = −0.2933")
    assert not any(text.startswith("sum ") for text in words_of(made))


def test_the_affine_is_worked_where_it_changes_something() -> None:
    made = norm.figure(normalize(B, "batch", gamma=2, beta=[1, 0, 0, 0]))
    has(
        made,
        "−1.6667×2 + 1 = −2.3333",
        "times γ, plus β",
        "output",
        "y = (x − mean) / √(variance + eps) × γ + β",
    )
    assert "output" not in words_of(norm.figure(normalize(B, "batch")))
    has(norm.figure(normalize(B, "rms", gamma=3)), "0×3 = 0" if B[0, 0, 0, 0] else "×3 = ", "times γ")


@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        ("pixel", ("y = x / 255", "divided by 255")),
        ("center", ("y = x − mean", "sum 80 / 16 = mean 5")),
        ("standardize", ("y = (x − mean) / √(variance)", "sum 144 / 16 = variance 9")),
        (
            "minmax",
            ("y = (x − minimum) / (maximum − minimum)", "minimum 0, maximum 9", "(4 − 0) / (9 − 0) = 0.4444"),
        ),
    ],
)
def test_scalings_of_pixels(method: str, wanted: tuple[str, ...]) -> None:
    has(norm.figure(normalize(B, method)), *wanted, "Nothing is trained.")


def test_running_statistics_over_several_steps_are_a_curve() -> None:
    done = normalize(A, "batch", steps=12)
    made = norm.figure(done)
    last = done.updates[-1]
    has(made, number(float(last.running_mean[0])), number(float(last.running_var[0])), "after 12 updates")
    assert not any("updates" in text for text in words_of(norm.figure(normalize(A, "batch"))))
    curve = [
        c for c in made.axes[0].collections if type(c).__name__ == "LineCollection" for c in c.get_segments()
    ]
    assert any(len(segment) == 13 for segment in curve)


@pytest.mark.parametrize("method", ["batch", "layer", "group", "instance", "ghost"])
def test_the_rows_of_a_set_are_exact(method: str) -> None:
    done = normalize(RNG.integers(0, 10, (4, 4, 3, 2)), method)
    for label in range(len(done.shift)):
        values = [Fraction(int(v)) for v in done.x[done.labels == label]]
        mean = sum(values) / len(values)
        x, deviations, squares, normal = rows(done, label)
        assert [Fraction(v) for v in x.values] == values
        assert deviations.values == pytest.approx([float(v - mean) for v in values], abs=1e-12)
        assert squares.values == pytest.approx([float((v - mean) ** 2) for v in values], abs=1e-12)
        var = sum((v - mean) ** 2 for v in values) / len(values)
        assert normal.values == pytest.approx(
            [float(v - mean) / float(var + Fraction(1, 10**5)) ** 0.5 for v in values]
        )
        assert (
            squares.told
            == f"sum {number(float(var * len(values)))} / {len(values)} = variance {number(float(var))}"
        )


def test_another_value_can_be_followed() -> None:
    made = norm.figure(normalize(B, "layer"), cell=(3, 3, 0, 1))
    has(made, "x[3, 3, 0, 1]", "(8 − 4) / √(4 + 0.00001) = 2", "set 3 worked out")
    big = norm.figure(normalize(random_batch((40, 30, 2, 2), 1), "instance"), cell=(20, 17, 1, 1))
    has(big, "n = 20", "c = 17", "set 617 worked out", "617")


@pytest.mark.parametrize("cell", [(0, 0), (4, 0, 0, 0), (0, 0, 0, -1), (0, 0, 0, 0, 0)])
def test_a_value_outside_the_batch_is_refused(cell: tuple[int, ...]) -> None:
    for found in (normalize(A), normalize_all(A)):
        with pytest.raises(ConvvizError, match="cell: must be a place"):
            norm.figure(found, cell=cell)


def test_digits_follow_the_setting() -> None:
    with decimals(2):
        assert "−1.33" in words_of(norm.figure(normalize(A)))


# -- trays and their marks ------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", METHODS)
def test_each_set_has_its_number_on_a_tray(method: str) -> None:
    done = normalize(B, method)
    rack = paint.fit(done.shape, (0, 0), 900, 900, 40)
    blocks = whole(done.labels)
    assert blocks is not None
    trays = rack.trays(blocks)
    assert sorted(trays) == list(range(len(done.shift)))
    boxes = [box for own in trays.values() for box in own]
    assert len(boxes) == len(done.shift)  # what shares lies together
    for n, c, block in rack.blocks():
        (tray,) = trays[int(blocks[n, c])]
        assert tray.x <= block.x - PAD + 1e-9 and tray.right >= block.right and tray.bottom >= block.bottom
    bold = {t.get_text() for t in texts(norm.figure(done)) if t.get_fontweight() == "bold"}
    assert bold >= {str(label) for label in range(len(done.shift))}


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("method", METHODS)
def test_sets_that_touch_differ_in_grey(method: str, theme: themes.Theme) -> None:
    done = normalize(
        random_batch((4, 10, 2, 2), 2), method, splits=None, groups=5 if method == "group" else None
    )
    rack = paint.fit(done.shape, (0, 0), 900, 900, 40)
    style = paint.coats(done.labels, rack, theme)
    blocks = whole(done.labels)
    assert blocks is not None
    for label, others in neighbours(rack.part(blocks)).items():
        for other in others:
            assert style[label].hatch != style[other].hatch
    assert len({coat.hatch for coat in style.values()}) >= min(len(style), 4)


def test_sets_that_cut_maps_differ_from_their_neighbours_too() -> None:
    wrong = mistake(B, "pixelwise").wrong
    assert whole(wrong.labels) is None
    plane = wrong.labels.transpose(0, 2, 1, 3).reshape(8, 8)
    found = paints(plane, len(paint.COATS))
    assert all(found[a] != found[b] for a, others in neighbours(plane).items() for b in others)


def test_numbers_can_be_read_on_every_coat() -> None:
    for look in THEMES.values():
        for i in range(len(paint.COATS)):
            own = paint.coat(look, i)
            assert themes.contrast(paint.readable(look, own.cell), own.cell) > 7
        values = np.linspace(-1, 1, 41)
        for ground in paint.hexes(paint.around_zero(values, 1.0, look)):
            assert themes.contrast(paint.readable(look, ground), ground) >= 3.9


def test_a_rack_lays_cells_out_without_gaps_or_overlap() -> None:
    rack = Rack((2, 3, 2, 2, 3), (0, 1), (0, 1, 2), 10, 8)
    boxes = [box for _, box in rack.cells()]
    assert len(boxes) == 2 * 3 * 12 and len({(b.x, b.y) for b in boxes}) == len(boxes)
    assert rack.cell((1, 2, 1, 1, 2)) == boxes[-1]
    rows_, columns = {round(b.y, 6) for b in boxes}, {round(b.x, 6) for b in boxes}
    assert len(rows_) == 2 * 2 and len(columns) == 3 * 2 * 3  # H and W lie on axes of their own
    cut = Rack((9, 1, 1), shown(9, 4), (0,), 10, 10)
    assert cut.rows == (0, 1, 2, 8) and cut.cell((5, 0, 0)) is None and cut.cut == (5, 0)
    every_other = Rack((12, 1, 1), shown(12, 5), (0,), 10, 10).trays(np.arange(12)[:, None] % 2)
    assert [len(boxes) for boxes in every_other.values()] == [
        2,
        3,
    ]  # 3 and 11 lie beside each other, 4 to 10 between
    assert shown(9, 4, 5) == (0, 1, 5, 8) and shown(9, 4, 8) == (0, 1, 2, 8)


def test_what_is_left_out_is_told() -> None:
    made = norm.figure(normalize(random_batch((32, 16, 2, 2), 1)))
    has(
        made,
        "n = 31",
        "c = 15",
        "Left out of the drawing, not of the statistics: 27 samples and 11 channels.",
    )
    has(made, "cells of set 0 are not drawn in its rows", "sum 616 / 128 = mean 4.8125")
    has(norm.figure(normalize(random_batch((32, 16, 2, 2), 1), "instance")), "more sets")


# -- all methods ----------------------------------------------------------------------------------------------
def test_all_methods_follow_one_value_that_tells_them_apart() -> None:
    found = normalize_all(B)
    made = norm.figure(found)
    cell = norm.telling(found)
    results = [number(float(done.output[cell])) for done in found]
    assert len(set(results)) == 6 and cell[:2] == found.telling and cell != (0, 0, 0, 0)
    has(made, *(f"= {text}" for text in results), f"{norm_words.place(cell)} = {number(float(B[cell]))}")
    has(made, "4 sets of 16 values", "8 sets of 8 values", "16 sets of 4 values")
    has(
        made, "8 trained parameters", "32 trained parameters", "16 trained parameters", "0 trained parameters"
    )
    has(made, "One mean square for each sample, over C, H and W")
    has(made, "One mean and variance for each sample and group of")
    made = norm.figure(found, cell=(3, 3, 0, 1))
    has(made, "= 1.3333", "= 2", "= 2.3094", "= 1.732", "= 1.7889", "= 1.8898")


def test_in_each_panel_one_set_is_hatched_and_it_is_the_value_s() -> None:
    found = normalize_all(B)
    made = norm.figure(found)
    hatched = [c for c in made.axes[0].collections if c.get_hatch()]
    assert len(hatched) == len(found.results)
    forms = {tuple(np.ptp(c.get_paths()[0].vertices, 0).round(3)) for c in hatched}
    rings = [c for c in made.axes[0].collections if c.get_linewidths()[0] == 2.4]
    for tray, ring in zip(hatched, rings, strict=True):
        outer, inner = (c.get_paths()[0].get_extents() for c in (tray, ring))
        assert outer.x0 < inner.x0 < inner.x1 < outer.x1 and outer.y0 < inner.y0 < inner.y1 < outer.y1
    assert len(forms) == 5  # layer and RMS norm share the same cells; all others differ at a glance


def test_methods_that_do_not_fit_are_named() -> None:
    has(norm.figure(normalize_all(random_batch((4, 6), 1))), "Instance norm is left out")


def test_labels_on_the_line_keep_apart() -> None:
    from convviz.figures.norms.all import apart

    found = apart([10.0, 11.0, 12.0], [30.0, 30.0, 30.0], 0.0, 200.0)
    assert found[1] - found[0] >= 29.9 and found[2] - found[1] >= 29.9 and found[0] >= 14.9


# -- mistakes ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_show_both_answers_and_the_difference(name: str) -> None:
    found = mistake(SMALL, name)
    made = norm_mistake.figure(found)
    if name in ("pixelwise", "ghost-view", "forgot-eval"):
        check_page(made)
    assert words_of(made).count("right") == words_of(made).count("wrong") == 3
    for values in (found.right.output, found.wrong.output):
        has(made, number(float(values[found.at])))
    has(made, f"wrong − right: at most {number(found.largest)}", "How to notice", f"“{name}”")
    for sentence in found.notice:
        has(made, *sentence.split()[:3])


def test_the_known_wrong_numbers_stand_beside_the_right_ones() -> None:
    made = norm_mistake.figure(mistake(A, "pixelwise"))
    has(
        made, "−1.069", "−1.5275", "−0.9428", "−1.1163", "−1.3333", "1 set of 16 values", "4 sets of 4 values"
    )
    has(norm_mistake.figure(mistake(A, "unbiased")), "−1.291", "−1.3333", "9.6", "9")


def test_only_running_statistics_are_called_so() -> None:
    assert words_of(norm_mistake.figure(mistake(B, "forgot-eval"))).count("running mean") == 1
    assert words_of(norm_mistake.figure(mistake(B, "momentum-swapped"))).count("running mean") == 2
    has(norm_mistake.figure(mistake(A, "no-root")), "divisor")


def test_sets_of_small_cells_keep_their_colours_and_the_signs_their_dash() -> None:
    made = norm_mistake.figure(mistake(random_batch((4, 4, 6, 6), 2), "pixelwise"))
    check_page(made)
    has(made, "Output and difference: blue with a dash below 0", "144 sets of 4 values")
    has(
        norm_mistake.figure(mistake(random_batch((12, 9, 4, 4), 2), "wrong-axis")),
        "Left out of the drawing: ",
    )


def test_tiny_differences_are_told() -> None:
    made = norm_mistake.figure(mistake(A, "eps-outside"))
    has(made, number(round(float(mistake(A, "eps-outside").largest), 8)))


# -- every form ---------------------------------------------------------------------------------------------------
SHAPES = [
    (1, 3, 3, 3),
    (3, 4, 5),
    (2, 2, 2, 2, 2),
    (5, 6),
    (3, 2, 4, 6),
    (9, 12, 1, 2),
    (2, 3, 20, 31),
    (2, 1, 400),
    (70, 90),
]


@pytest.mark.parametrize(
    ("shape", "method"), list(zip(SHAPES, ["batch", "group"] * 5, strict=False)), ids=str
)
def test_no_text_touches_another_or_leaves_the_page(shape: tuple[int, ...], method: str) -> None:
    x = RNG.normal(size=shape) * 10 ** RNG.integers(-3, 5) if len(shape) == 3 else random_batch(shape, 1)
    check_page(norm.figure(normalize(x, method), "dark" if method == "group" else "light"))


@pytest.mark.parametrize("shape", [(4, 6), (3, 4, 5), (30, 40, 3, 3)], ids=str)
def test_pictures_of_all_methods_can_be_read(shape: tuple[int, ...]) -> None:
    check_page(norm.figure(normalize_all(random_batch(shape, 4)), "dark"))


@pytest.mark.parametrize(
    "done",
    [
        normalize(B, "ghost", splits=2, steps=5, gamma=2, beta=1), normalize(B, "minmax", over="dataset"),
        normalize(B, "batch", mode="eval", steps=0), normalize(np.full((2, 2, 2, 2), 7.0)),
        normalize(B * 1e9, "layer"), normalize(B * 1e-9 + 1e-7, "rms"),
    ],
    ids=["ghost", "minmax", "eval", "constant", "huge", "tiny"],
)  # fmt: skip
def test_settings_and_extremes_can_be_read(done: Normalized) -> None:
    check_page(norm.figure(done))


def check_page(made: Any) -> None:
    """No two texts touch, none leaves the page, and none is below 7.5 points."""
    check_texts(made)
    assert min(text.get_size() for text in texts(made)) >= 7.5
    assert max(made.get_size_inches()) < 26


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_files_say_in_words_what_they_show(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"a{suffix}"
    norm.plot(normalize(A[:2]), file)
    assert file.stat().st_size > 5000
    if suffix == ".svg":
        text = file.read_text()
        assert "channel 0: mean 3, variance 9" in text and "becomes (0 − 3) / √(9 + 0.00001) = −1" in text
        norm_mistake.plot(mistake(A[:2], "unbiased"), file)
        assert "10.2857" in file.read_text()


def test_other_files_are_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    for plot, found in ((norm.plot, normalize(A)), (norm_mistake.plot, mistake(A, "unbiased"))):
        with pytest.raises(ConvvizError, match="a picture is written as"):
            plot(found, tmp_path / "a.gif")  # type: ignore[operator]


def test_words_for_those_who_cannot_see_it() -> None:
    text = norm.description(normalize_all(B))
    for name in (
        "Batch norm",
        "Layer norm",
        "Group norm, 2 groups",
        "Instance norm",
        "RMS norm",
        "Ghost batch norm, 2 splits",
    ):
        assert f"{name}: one mean" in text
    assert norm.title(normalize_all(B)).endswith("N × C × H × W = 4 × 4 × 2 × 2, under 6 methods")
    assert "12 more" in norm.description(normalize(random_batch((2, 20, 2, 2), 1)))
    assert norm_mistake.description(mistake(A, "unbiased")).startswith(
        "Batch norm of 4×1×2×2, the mistake “unbiased”."
    )
