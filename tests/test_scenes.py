"""Every scene: told at its default and at other settings, its numbers against torch, its texts against the frame."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("manim")

import convviz.scenes
from convviz.scenes.catalogue import SCENES, entry, names
from convviz.scenes.settings import Settings
from convviz.scenes.stage import board, faults, film, fit, ink, paths, story

from convviz import theme as themes
from convviz.errors import ConvvizError
from convviz.figures.cells import Box
from convviz.plan import plan as plan_of
from convviz.plan.fed import pairs_of, with_reach
from convviz.plan.model import Plan
from tests.shown import check_stages, check_sums

FOLDER = Path(convviz.scenes.__file__).parent
SHORTEST, LONGEST = 10.0, 90.0  # seconds of a film; a single relationship is short
CASES = [(row.name, i) for row in SCENES for i in range(len(row.variants))]


def settings(name: str, which: int | None, **more: Any) -> Settings:
    own = dict(entry(name).variants[which]) if which is not None else {}
    return Settings.of(**own, **more)


def told(name: str, which: int | None = None, theme: str = "light") -> story.Story:
    """A scene told to its end without drawing frames; its plans and its record."""
    return film.told(name, settings(name, which, theme=theme), Path("unused"), looking=True)


# -- the table of scenes -----------------------------------------------------------------------------------
def test_every_file_has_a_row_and_every_row_a_class() -> None:
    files = {f.stem for f in FOLDER.glob("*.py")} - {"__init__", "catalogue", "settings"}
    assert files == set(names())
    for name in names():
        cls = film.story_class(name)
        assert cls.name == name and cls.__doc__


def test_a_film_is_made_again_when_what_it_draws_with_changes() -> None:
    drawn = {name: [file.stem for file in film.parts(FOLDER / f"{name}.py")] for name in names()}
    assert {"batch", "norm_parts"} <= set(drawn["norms"]), "named in both ways in which a file is imported"
    assert "norm_company" in drawn["batch_norm_modes"] and "batch" in drawn["batch_norm_modes"]
    assert set().union(*drawn.values()) == {f.stem for f in (FOLDER / "parts").glob("*.py")} - {"__init__"}


@pytest.mark.parametrize("name", names())
def test_three_other_settings_are_tried(name: str) -> None:
    row = entry(name)
    assert len(row.variants) >= 3
    assert not row.sources or any("model" in v for v in row.variants), "a net of the user's own"


def test_readme_shows_every_scene_and_the_films_stay_small() -> None:
    root = Path(__file__).resolve().parents[1]
    readme = (root / "README.md").read_text(encoding="utf-8")
    shown = root / "outputs" / "gallery" / "scenes"
    for name in names():
        for end in ("webp", "mp4"):
            assert f"outputs/gallery/scenes/{name}.{end}" in readme and (shown / f"{name}.{end}").is_file()
    assert sum(f.stat().st_size for f in shown.iterdir()) < 40e6


def test_the_rows_need_no_manim() -> None:
    for file in ("catalogue.py", "settings.py", "__init__.py"):
        assert "manim" not in imported(FOLDER / file)


def imported(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    tops = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    tops += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    return {name.split(".")[0] for name in tops}


@pytest.mark.parametrize("file", sorted(FOLDER.rglob("*.py")), ids=lambda f: f.stem)
def test_scenes_use_roles_and_no_slow_or_latex_text(file: Path) -> None:
    """No colour but the theme's, no text but the board's, no torch, no drawing library of the stills."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    colours = [
        n.value
        for n in ast.walk(tree)
        if isinstance(n, ast.Constant) and re.fullmatch("#[0-9a-fA-F]{6}", str(n.value))
    ]
    assert set(colours) <= {"#000000"}  # of what is not filled, and so not seen
    found = {
        a.name
        for n in ast.walk(tree)
        if isinstance(n, ast.ImportFrom) and n.module == "manim"
        for a in n.names
    }
    slow = {
        "Text",
        "MathTex",
        "Tex",
        "Integer",
        "DecimalNumber",
        "Matrix",
        "Table",
        "Axes",
        "Cube",
        "MarkupText",
        "ThreeDScene",
    }
    assert not found & slow
    assert "torch" not in imported(file)


# -- what is told ------------------------------------------------------------------------------------------
def check_told(found: story.Story) -> None:
    record = found.record()
    assert record.faults == ()
    assert SHORTEST <= record.duration <= LONGEST
    assert len(record.sections) >= 2 and len({s.name for s in record.sections}) == len(record.sections)
    starts = [s.start for s in record.sections]
    assert (
        starts[0] == 0
        and starts == sorted(starts)
        and record.sections[-1].end == pytest.approx(record.duration)
    )
    for before, after in zip(record.subtitles, record.subtitles[1:]):
        assert before.end <= after.start + 1e-6
    for line in record.subtitles:
        assert line.end - line.start >= story.reading(line.text) / found.settings.speed - 0.2, line.text
        assert re.search(r"[.:!?]$", line.text), f"not a sentence: {line.text}"
    assert any(found.entry.title in text or text in found._title() for text in record.texts)
    assert len(record.alt) > 80


def check_picture(found: story.Story) -> None:
    """The poster is not blank, and its ink keeps off the edges."""
    image = np.asarray(found.still_image.convert("RGB"), dtype=int)
    assert image.shape == (480, 854, 3)
    paper = np.array([int(found.look.paper[i : i + 2], 16) for i in (1, 3, 5)])
    inked = np.abs(image - paper).max(axis=2) > 40
    assert inked.mean() > 0.01
    scale = 480 / board.HEIGHT
    outside = np.ones_like(inked)
    safe = Box(board.SAFE.x - 4, board.SAFE.y - 2, board.SAFE.width + 8, board.SAFE.height + 4)
    outside[int(safe.y * scale) : int(safe.bottom * scale), int(safe.x * scale) : int(safe.right * scale)] = (
        False
    )
    assert not (inked & outside).any()


@pytest.mark.parametrize("name", names())
def test_a_scene_at_its_default(name: str) -> None:
    found = told(name)
    check_told(found)
    check_picture(found)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "which"), CASES, ids=lambda v: str(v))
def test_a_scene_at_other_settings(name: str, which: int) -> None:
    found = told(name, which)
    check_told(found)
    check_picture(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_a_scene_in_the_dark(name: str) -> None:
    found = told(name, None, "dark")
    assert found.record().faults == ()
    check_picture(found)


@pytest.mark.parametrize("name", names())
def test_numbers_are_torch_s(name: str) -> None:
    """Each plan of a scene, at its default and all variants: outputs against torch, sums added up anew."""
    for which in (None, *range(len(entry(name).variants))):
        made = film.story_class(name)(settings(name, which))
        made.prepare()
        assert made.plans
        for plan in made.plans:
            if isinstance(plan, Plan):
                check_stages(plan)
                check_sums(plan)


@pytest.mark.parametrize(
    "name",
    ["convolution", "stride_padding", "channels", "pointwise", "grouped", "depthwise_separable", "spatially_separable",
     "dilated", "transposed", "pooling", "relationships", "linear_or_conv", "pixel_shuffle"],
)  # fmt: skip
def test_some_numbers_were_held_against_torch(name: str) -> None:
    made = film.story_class(name)(settings(name, None))
    made.prepare()
    assert sum(check_stages(plan) for plan in made.plans if isinstance(plan, Plan)) > 0


def test_the_walk_sees_a_wrong_number() -> None:
    from dataclasses import replace

    plan = plan_of("conv")
    step = plan.steps[4]
    wrong = replace(step, writes=(replace(step.writes[0], value=999),))
    with pytest.raises(AssertionError):
        check_stages(replace(plan, steps=(*plan.steps[:4], wrong, *plan.steps[5:])))


# -- settings ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("dilatd", {}, "no scene 'dilatd'; did you mean 'dilated'?"),
        ("convolution", {"kernel": 3}, "has no setting 'kernel'; did you mean 'kernel_size'?"),
        ("convolution", {"kernel_size": 0}, "kernel_size"),
        ("convolution", {"kernel_size": 9, "input": "1x5x5"}, "input"),
        ("convolution", {"input": "1x200x200"}, "conv"),
        ("convolution", {"model": "resnet50"}, "name it with layer"),
        ("convolution", {"layer": "conv1"}, "is of a net"),
        ("convolution", {"model": "resnet50", "layer": "conv0"}, "no layer 'conv0'"),
        ("convolution", {"model": "resnet50", "layer": "conv1", "stride": 1}, "a layer has its own fields"),
        ("convolution", {"model": "resnet50", "layer": "relu1"}, "shows a convolution, got relu"),
        ("convolution", {"speed": 0}, "must lie between"),
        ("convolution", {"speed": float("nan")}, "must be a number"),
        ("convolution", {"theme": "blue"}, "no theme 'blue'"),
        ("ladder", {"input": "1x3"}, "has an input of its own"),
        ("ladder", {"results": ["a"]}, "must be a name or a path, got ['a']"),
        ("ladder", {"arms": -1}, "must be names with commas between them, got -1"),
        ("softmax", {"values": [1, "inf"]}, "must be numbers, got 'inf'"),
    ],
)
def test_bad_settings_are_told_in_one_line(name: str, given: dict, message: str) -> None:
    with pytest.raises(ConvvizError, match=re.escape(message)) as caught:
        film.told(name, Settings.of(**given), Path("unused"))
    assert "\n" not in str(caught.value)


# -- the stage ---------------------------------------------------------------------------------------------
def test_faults_are_found() -> None:
    black = themes.LIGHT.ink
    a, b = ink.text(100, 100, "one", black), ink.text(104, 101, "two", black)
    assert faults.of([a, b]) == ["'one' lies on 'two'"]
    assert "letters of 5.0 points" in faults.of([ink.text(100, 100, "small", black, size=5)])[0]
    assert "leaves the safe area" in faults.of([ink.text(540, 100, "far to the right", black)])[0]
    cover = ink.tiles([Box(90, 90, 60, 20)], fill=themes.LIGHT.paper)
    assert faults.of([a, cover, b]) == []


def test_a_path_keeps_its_form_as_cubic_curves() -> None:
    from matplotlib.path import Path as Drawing
    from matplotlib.textpath import TextPath

    some = [TextPath((0, 0), "ß&8i"), Drawing.unit_circle(), Drawing.unit_rectangle()]
    mixed = Drawing([(0, 0), (2, 0), (3, 1), (2, 2), (1, 3), (0, 3), (0, 1), (9, 9), (5, 5), (6, 5), (5, 5)],
                    [1, 2, 3, 3, 4, 4, 4, 79, 1, 2, 79])  # fmt: skip
    for shape in (*some, mixed):
        curves = paths.curves_of(np.asarray(shape.vertices, float), shape.codes).reshape(-1, 4, 2)
        told = [piece for piece, code in shape.iter_bezier() if code != 1]
        told = [piece for piece in told if np.ptp(piece.control_points, axis=0).any()]
        assert len(curves) == len(told) > 0
        for curve, piece in zip(curves, told):
            for t in (0.0, 0.3, 0.8, 1.0):
                u = 1 - t
                at = u**3 * curve[0] + 3 * u * u * t * curve[1] + 3 * u * t * t * curve[2] + t**3 * curve[3]
                assert np.allclose(at, piece(t), atol=1e-9)


def test_texts_keep_their_place_when_they_move() -> None:
    made = ink.text(100, 100, "12", themes.LIGHT.ink, mono=True)
    before = made.placed()[0]
    made.shift(board.shift(10, -4))
    after = made.placed()[0]
    assert after.box.x - before.box.x == pytest.approx(10) and after.box.y - before.box.y == pytest.approx(-4)
    assert after.size == pytest.approx(before.size)


@pytest.mark.parametrize(
    "kind", ["conv", "grouped_conv", "depthwise_conv", "strided_conv", "dilated_conv", "conv_transpose"]
)
def test_what_an_input_feeds_is_what_its_relation_says(kind: str) -> None:
    plan = plan_of(kind)
    stage = plan.stages[0]
    reads = stage.op.reads(*stage.ins)[0]
    pairs = pairs_of(plan)
    for cell in np.ndindex(*stage.ins[0]):
        want = {o for o in np.ndindex(*stage.out) if cell in set(reading(reads, stage, o))}
        assert set(pairs.get(cell, {})) == want
    fed = with_reach(plan).steps[-1]
    source = next(m.cells[0] for m in fed.marks if m.mark == "read")
    assert {c for m in fed.marks if m.mark == "fed" for c in m.cells} == set(pairs[source])


def reading(reads: Any, stage: Any, o: tuple[int, ...]) -> Any:
    from convviz.plan.reach import cells_read

    return cells_read(reads, stage.ins[0], stage.out, o)


def test_what_does_not_fit_is_refused_with_what_does() -> None:
    big = plan_of("conv", input=(1, 40, 40))
    with pytest.raises(ConvvizError, match=r"an input of 1x\d+x\d+ can be drawn"):
        fit.laid_out(big, (0,), board.PANELS, 30)


@pytest.mark.slow
def test_a_film_with_its_clips(tmp_path: Path) -> None:
    """One real film: frames, sections, clips, poster."""
    import av

    made = film.film("convolution", Settings.of(kernel_size=2, input="1x3x3", speed=4), tmp_path, clips=True)
    assert made.video is not None and made.poster is not None and made.poster.stat().st_size > 3000
    lengths = []
    for file in [made.video, *(s.clip for s in made.sections)]:
        with av.open(str(file)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
            assert frames[0].shape == (480, 854, 3) and frames[len(frames) // 2].std() > 5
            lengths.append(len(frames) / 15)
    assert lengths[0] == pytest.approx(made.duration, abs=0.3)
    assert sum(lengths[1:]) == pytest.approx(lengths[0], abs=0.2)
    assert not list(tmp_path.glob("*.tmp"))
