"""Pictures of regularizers: texts that fit, the numbers that they must show, marks beside colour, files."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from convviz.analysis.regularizers.regularize import WHATS, regularize
from convviz.analysis.regularizers.weights import Weights
from convviz.cli import main
from convviz.errors import ConvvizError
from convviz.figures.regularizers.parts import PENS, apart
from convviz.figures.regularizers.regularize import description, figure, plot
from convviz.read import read
from tests.pictures import check_texts, texts

CASES: list[tuple[str, Any, dict[str, Any]]] = [
    *((what, None, {}) for what in WHATS),
    ("l1", [0.5], {"steps": 300, "mistake": "item"}),
    ("l1+l2", Weights.random((3, 3)), {"momentum": 0.9, "steps": 9}),
    ("l2", [1e6, -1e-6, 0.123456789], {"optimizer": "adamw"}),
    ("l1", [[-5], [2]], {"optimizer": "proximal", "gradient": 1}),
    ("weight-decay", [3], {"gradient": 1, "graph": read("code8")}),
    ("weight-decay", None, {"graph": read("resnet18"), "steps": 40}),
    ("dropout", None, {"shape": (4, 4, 6, 6), "p": 0.3}),
    ("dropout", None, {"shape": (2, 3)}),
    ("dropout2d", None, {"shape": (5, 6, 12), "p": 1}),
    ("dropout2d", None, {"shape": (1, 1, 2, 3, 3), "p": 0}),
    ("dropout", [[[[1234.5, -0.001]]]], {}),
    ("geometry", None, {"centre": (0.2, 0.3)}),
    ("geometry", None, {"centre": (100, -20), "hessian": ((1, -0.9), (-0.9, 1)), "budget": 2}),
    ("ridge-lasso", np.random.default_rng(0).normal(size=(12, 5)).round(2), {}),
    ("ridge-lasso", [[1e5, 2.0], [2e5, 3], [3e5, 4.1], [4e5, 9]], {}),
    ("contours", None, {"scales": (1, 300), "correlation": 0.5}),
    ("contours", None, {"scales": (2, 3), "lr": 0.3, "start": (-4, 1)}),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("what", "values", "settings"), CASES)
def test_texts_fit(what: str, values: Any, settings: dict[str, Any]) -> None:
    for theme in ("light", "dark"):
        made = figure(regularize(values, what, **settings), theme=theme)
    check_texts(made, touch=2.0)


def shown(what: str, values: Any = None, **settings: Any) -> list[str]:
    return [text.get_text() for text in texts(figure(regularize(values, what, **settings)))]


def test_the_table_of_updates_is_drawn() -> None:
    found = shown("l1")
    assert found.count("−0.1") >= 6 and "2.7075" in found and "exactly 0" in found
    assert "thrown over 0 in this step" in found
    assert "thrown over 0 in this step" not in shown("l1", [1], steps=2)


def test_weight_decay_says_what_a_step_does() -> None:
    found = shown("weight-decay", graph=read("code8"))
    assert {"SGD: 3 becomes 2.85", "Adam: 3 becomes 2.9", "AdamW: 3 becomes 2.85"} <= set(found)
    assert "norms' scales and shifts 224 (left out)" in found


def test_dropped_cells_are_hatched() -> None:
    made: Any = figure(regularize(None, "dropout2d"))
    (board,) = made.axes
    hatched = [c for c in board.collections if c.get_hatch()]
    assert len(hatched) == 2  # one for each kind
    words = [text.get_text() for text in texts(made)]
    assert "12 cells of 24 dropped, 3 channels whole" in words and words.count("0") == 24


def test_the_touch_lies_on_the_axis() -> None:
    made: Any = figure(regularize(None, "geometry"))
    touches = [
        line.get_xydata()[0]
        for ax in made.axes[1:]
        for line in ax.lines
        if line.get_marker() == "o" and len(line.get_xdata()) == 1
    ]
    assert [round(float(x), 3) for x, _ in touches] == [0, 0.46, 0.3]
    found = [text.get_text() for text in texts(made)]
    assert "w = (0, 1)" in found and any("w1 exactly 0" in text for text in found)


def test_the_path_ends_at_the_minimum() -> None:
    made: Any = figure(regularize(None, "contours"))
    for ax, steps in zip(made.axes[1:3], (1, 58), strict=True):
        path = next(line.get_xydata() for line in ax.lines if len(line.get_xdata()) == steps + 1)
        assert np.hypot(*path[-1]) < 0.01 * np.hypot(*path[0]) + 1e-12
    found = [text.get_text() for text in texts(made)]
    assert "1 step" in found and "58 steps" in found


def test_fits_are_named_at_their_ends() -> None:
    found = shown("ridge-lasso")
    assert {"least absolute 2", "Huber 1.909", "least squares 1.167", "lasso 0.8333", "ridge 0.7778"} <= set(
        found
    )


def test_lines_differ_in_grey() -> None:
    assert len({(str(pen.dash), pen.marker) for pen in PENS}) == len(PENS)


def test_labels_keep_apart() -> None:
    for wanted in ([0, 0, 0], [1, 1.5, 9], [5, 4.9, 4.8, 0]):
        found = sorted(apart(wanted, 1, 0, 10))
        assert all(b - a >= 1 - 1e-9 for a, b in pairwise(found)) and found[0] >= 0


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_files(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"l1{suffix}"
    plot(regularize(None, "l1"), file)
    assert file.stat().st_size > 5000
    if suffix == ".svg":
        assert "<desc" in file.read_text(encoding="utf-8")


def test_words_and_errors(tmp_path: Path) -> None:
    assert "13.5" in description(regularize(None, "l1"))
    with pytest.raises(ConvvizError, match="a picture is written as"):
        plot(regularize(None, "l1"), tmp_path / "a.gif")


def test_the_command_draws(tmp_path: Path) -> None:
    file = tmp_path / "geometry.svg"
    done = CliRunner().invoke(main, ["regularize", "geometry", "--plot", str(file), "--theme", "dark"])
    assert done.exit_code == 0 and file.exists() and "The least loss within each ball" in done.stdout
