"""The report of a run: every number against the run or an independent computation, and what is left in its folder."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convviz.analysis.receptive_field import receptive_field
from convviz.analysis.training import tail, trend
from convviz.errors import ConvvizError
from convviz.read import read
from convviz.report.training.analysis import sentences
from convviz.report.training.run import run_report, setting
from convviz.runs.run import Run
from tests.run_samples import made_up, small_data, small_run


def point(run: Run, word: str) -> str:
    (found,) = [text for text in sentences(run) if text.startswith(f"{word}:")]
    return found


def cell(report: str, what: str) -> str:
    (row,) = re.findall(rf"^\| {re.escape(what)} +\|(.*)\|$", report, re.M)
    return str(row).strip()


def with_rows(values: list[float], losses: list[float] | None = None) -> Run:
    run = made_up(len(values), values[-1] / 100)
    rows = tuple(
        {**row, "test_accuracy": value, "train_loss": loss}
        for row, value, loss in zip(run.history, values, losses or [1.0] * len(values), strict=True)
    )
    made = dataclasses.replace(run, history=rows)
    made.__dict__["predictions"] = run.predictions
    return made


# -- result -------------------------------------------------------------------------------------------------
def test_the_result_is_the_last_epochs() -> None:
    run = made_up(12, 0.9825, arm="BN+L1", dataset="MNIST", train_accuracy_alike=99.0)
    report = run_report(run, receptive_field(read("code8")))
    last = [row["test_accuracy"] for row in run.history[-5:]]
    assert report.startswith("# BN+L1 on MNIST: 98.25 % after 12 epochs (a single run)\n")
    assert cell(report, "test accuracy, last epoch") == "98.25 % (393 of 400 test images)"
    assert cell(report, "95 % interval (Wilson, over test images)") == "96.43 to 99.15 %"
    assert cell(report, "last 5 epochs") == ", ".join(f"{value:.2f}" for value in last) + " %"
    assert cell(report, "their minimum, beside the last") == f"{min(last):.2f} %, 98.25 %"
    assert cell(report, "gap, train − test") == "+0.75 points"
    assert cell(report, "runs") == "n = 1 (seed 0): a single run"
    assert cell(report, "parameters") == "13,808" and cell(report, "time").startswith(
        "18.0 s on cpu, 1 thread"
    )
    assert cell(report, "speed").startswith("4,000 training images a second")
    assert "best epoch" not in report and "conv8" in report and "config.yaml has all" in report


def test_wilson_by_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    run = made_up(3, 0.97)
    theirs = stats.binomtest(388, 400).proportion_ci(0.95, method="wilson")
    found = cell(run_report(run), "95 % interval (Wilson, over test images)")
    assert found == f"{100 * theirs.low:.2f} to {100 * theirs.high:.2f} %"


# -- target -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("target", "told"),
    [
        (None, "No target was set"),
        ("Below 20,000 parameters", "Below 20,000 parameters"),
        (98.0, "98.00 % was reached after 1 of the last 5 epochs"),
        ({"accuracy": 99}, "| accuracy | at least 99.00 % | 98.00 % | no  |"),
        (
            {"parameters": 20000, "epochs": 10, "seconds": 20},
            "| parameters | at most 20,000 |  13,808 | yes |",
        ),
        ({"seconds": 20}, "| seconds | at most 20.0 |    30.0 | no  |"),
        ({"note": "by Friday"}, "| note | by Friday |"),
    ],
)
def test_targets(target: Any, told: str) -> None:
    report = run_report(with_rows([90.0] * 19 + [98.0]), target=target)
    assert re.sub(" +", " ", told) in re.sub(" +", " ", report)


def test_the_target_that_the_run_was_told() -> None:
    run = made_up(3, 0.98)
    kept = dataclasses.replace(run, about={"arm": "a", "target": 97.5})
    kept.__dict__["predictions"] = run.predictions
    assert "at least 97.50 %" in run_report(kept)
    assert "contains the target" in run_report(kept) and "does not contain" in run_report(kept, target=90)


# -- analysis -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(6))
def test_the_trend_is_a_line_by_least_squares(seed: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(seed).normal(99, 0.1, 4 + 5 * seed) + 0.01 * np.arange(4 + 5 * seed)
    found = trend([{"test_accuracy": v} for v in values])
    assert found is not None
    theirs = stats.linregress(np.arange(found.epochs), values[-found.epochs :])
    assert found.slope == pytest.approx(theirs.slope) and found.error == pytest.approx(theirs.stderr)
    assert found.clear == (theirs.pvalue < 0.05)
    assert found.epochs == min(len(values), 10, max(5, len(values) // 2))


@pytest.mark.parametrize(
    ("values", "losses", "told"),
    [
        ([90.0, 91.0, 92.1, 93.0, 94.1], None, "still improving"),
        ([94.0, 93.0, 92.1, 91.0, 90.1], None, "getting worse"),
        ([93.0, 93.2, 92.9, 93.1, 93.0], [1.0, 0.9, 0.81, 0.7, 0.6], "training loss still fell by 40 %"),
        ([93.0, 93.2, 92.9, 93.1, 93.0], [1.0, 1.1, 0.9, 1.1, 1.0], "did not fall clearly"),
        ([93.0, 94.0, 95.0], None, "3 epochs are too few"),
    ],
)
def test_the_end(values: list[float], losses: Any, told: str) -> None:
    assert told in point(with_rows(values, losses), "End")


@pytest.mark.parametrize(
    ("alike", "told"),
    [
        (99.5, "to that extent it overfits"),
        (95.2, "no sign of overfitting, and no proof"),
        (90.0, "are the easier ones"),
    ],
)
def test_the_gap(alike: float, told: str) -> None:
    found = point(made_up(5, 0.95, train_accuracy_alike=alike), "Gap")
    error = 100 * ((alike / 100 * (1 - alike / 100) + 0.95 * 0.05) / 400) ** 0.5
    assert told in found and f"{alike - 95:+.2f} points".replace("-", "−") in found
    assert f"standard error of {error:.2f}" in found


def test_mistakes_are_counted() -> None:
    run = made_up(5, 0.9)
    matrix = run.predictions.confusion.copy()
    np.fill_diagonal(matrix, 0)
    i, j = np.unravel_index(matrix.argmax(), matrix.shape)
    found = point(run, "Mistakes")
    assert (
        found.startswith("Mistakes: 40 of 400 test images. ") and f"{i} for {j} ({matrix[i, j]} of" in found
    )
    top = np.sort(matrix.ravel())[-5:].sum()
    assert f"make up {100 * top / 40:.0f} % of all mistakes" in found
    assert point(made_up(5, 1.0), "Mistakes") == "Mistakes: none in 400 test images."


def test_calibration_and_limits() -> None:
    run = made_up(5, 0.9)
    found = run.predictions
    wrong = found.answers != found.labels
    bold = int((found.probabilities.max(1)[wrong] > 0.9).sum())
    assert f"{bold} of 40 mistakes were made with a confidence above 90 %" in point(run, "Calibration")
    assert f"{100 * found.calibration().error:.2f} points" in point(run, "Calibration")
    apart = 1.96 * (2 * 90 * 10 / 400) ** 0.5
    assert f"about {apart:.2f} points apart" in point(run, "Limits") and "n = 1" in point(run, "Limits")


def test_zeros_under_l1() -> None:
    assert not [text for text in sentences(made_up(5)) if text.startswith("Sparsity")]
    run = made_up(5, l1=1e-4, zero_weights=250, penalized_weights=1000)
    assert "250 of 1,000 penalized weights (25.0 %)" in point(run, "Sparsity")


def test_tails() -> None:
    found = tail(made_up(3, 0.9).history)
    assert found is not None and found.first == 1 and len(found.values) == 3 and found.last == 90
    assert tail(()) is None


def test_settings_as_people_write_them() -> None:
    assert setting({"name": "SGD", "lr": 0.01, "nesterov": True}) == "SGD(lr=0.01, nesterov=yes)"
    assert (setting(None), setting(1e-05), setting("mnist"), setting(False)) == (
        "none",
        "1e-05",
        "mnist",
        "no",
    )


# -- documents ----------------------------------------------------------------------------------------------
def test_html_and_markdown_escape_names() -> None:
    run = made_up(3, 0.9, arm="<b>*bold*</b>")
    assert "<b>*bold" not in run_report(run, format="html") and r"\<b\>\*bold" in run_report(run)
    with pytest.raises(ConvvizError, match="no format 'pdf'"):
        run_report(run, format="pdf")
    with pytest.raises(ConvvizError, match="is not finished"):
        run_report(made_up(3, finished=False))


# -- in the run directory -----------------------------------------------------------------------------------
def test_everything_lies_in_the_run_directory(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from convviz.train.present import curves_only, present

    run, data = small_run(tmp_path, epochs=1)
    heard: list[str] = []
    paths = present(run, data, count=4, grid=(2, 2), theme="dark", target=50, told=heard.append)
    names = [path.name for path in paths]
    assert names == heard == ["curves.png", "misclassified.png", "gradcam.png", "confusion.png", "calibration.png",
                              "learned.png", "report.md", "report.html"]  # fmt: skip
    assert all(path.stat().st_size > 500 for path in paths)
    assert not [path for path in run.folder.iterdir() if path.name.startswith(".")]
    report = (run.folder / "report.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^]]*\]\((.*?)\)", report)
    assert shown == names[:6] and all((run.folder / name).exists() for name in shown)
    assert "| conv1" in report and "at least 50.00 %" in report and "made-up bars" in report
    before = (run.folder / "misclassified.png").read_bytes()
    with pytest.raises(ConvvizError, match="has room for 1"):
        present(run, data, count=4, grid=(1, 1))
    with pytest.raises(ConvvizError, match="not the data set"):
        present(run, small_data(test=30))
    assert (run.folder / "misclassified.png").read_bytes() == before
    (run.folder / "curves.png").unlink()
    assert curves_only(run).stat().st_size > 500
    with pytest.raises(ConvvizError, match="is not finished"):
        present(made_up(2, finished=False), data)
