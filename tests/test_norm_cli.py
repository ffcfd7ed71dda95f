"""`convviz norm`: the worked text, every format, the fixed JSON, options that contradict, bad input, a light start."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from convviz.analysis.norms.batches import preset, random_batch
from convviz.analysis.norms.normalize import METHODS, normalize, normalize_all
from convviz.cli import main
from convviz.errors import ConvvizError
from convviz.report.norms.norm import render

A = preset("A")
SCALINGS = ("pixel", "center", "standardize", "minmax")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), prog_name="convviz")


def out(*arguments: str) -> str:
    result = run("norm", *arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def refused(*arguments: str) -> str:
    """The one line on stderr that a bad command gets."""
    result = run("norm", *arguments)
    assert result.exit_code == 2 and not result.stdout, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("convviz: ") and len(line) < 300 and "unexpected" not in line
    return line.removeprefix("convviz: ")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "a.json").write_text(json.dumps(A.tolist()))
    (tmp_path / "a.csv").write_text("\n".join(",".join(map(str, x.ravel())) for x in A))
    np.save(tmp_path / "a.npy", A)
    (tmp_path / "early.json").write_text(json.dumps((A + 1).tolist()))
    return tmp_path


# -- the worked text --------------------------------------------------------------------------------------
def test_the_text_is_a_worked_solution() -> None:
    text = out("batch")
    for line in (
        "Batch norm in training on 4×1×2×2",
        "y = (x − mean) / √(variance + eps) × gamma + beta;  eps = 0.00001",
        "channel 0        0 2        2 8        1 5        5 7",
        "  0  channel 0     16   64     4                 144         9             3",
        "(0 + 2 + 2 + 0 + 2 + 8 + 2 + 8 + 1 + 5 + 5 + 1 + 5 + 7 + 7 + 9) / 16 = 64 / 16 = 4",
        "/ 16 = 144 / 16 = 9, over all 16 cells: the biased variance",
        "√(9 + 0.00001) = 3",
        "(0 − 4) / 3 = −1.3333",
        "New of the variance is the unbiased one, 16/15 of the biased",
        "     9       9.6  0.9×0 + 0.1×4 = 0.4  0.9×1 + 0.1×9.6 = 1.86",
        "trained: 2 (gamma 1 and beta 1)",
        "kept, not trained: 2 (running mean 1 and running variance 1)",
    ):
        assert line in text, line
    assert max(map(len, text.splitlines())) <= 100


def test_gamma_and_beta_are_spelled_out() -> None:
    text = out("batch", "--gamma", "2", "--beta", "0.5")
    assert "(0 − 4) / 3 = −1.3333; (−1.3333)×2 + 0.5 = −2.1667" in text
    assert "Normalized, before gamma and beta" in text and "gamma = 2" in text and "beta = 0.5" in text


def test_evaluation_tells_where_its_statistics_come_from() -> None:
    text = out("batch", "--mode", "eval", "--steps", "2")
    assert "in evaluation" in text and "Statistics in use: the running ones of each channel" in text
    assert "0.9×0.4 + 0.1×4 = 0.76" in text and text.index("Running") < text.index("Statistics in use")
    assert "(0 − 0.76) / 1.623 = −0.4683" in text  # sqrt(.9 * 1.86 + .96 + eps)
    assert "No training step was taken" in out("batch", "--mode", "eval", "--steps", "0")


@pytest.mark.parametrize("momentum", ["none", "NONE", "0.5"])
def test_momentum(momentum: str) -> None:
    text = out("ghost", "--momentum", momentum)
    assert ("the average of all updates" in text) == (momentum.lower() == "none")
    data = json.loads(out("ghost", "--momentum", momentum, "--format", "json"))
    expected = normalize(preset("B"), "ghost", momentum=None if momentum.lower() == "none" else 0.5)
    assert data["running_mean"] == expected.running_mean.tolist()  # type: ignore[union-attr]
    assert len(data["updates"]) == 2 and [u["split"] for u in data["updates"]] == [0, 1]


def test_what_is_odd_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[[[1, 1]], [[300, -2]]]")
    values = ("--values", str(tmp_path / "x.json"))
    assert "outside 0 to 255" in out("pixel", *values)
    assert "Set 0 has equal values: the variance is 0" in out("layer", *values)


def test_decimals() -> None:
    assert "−1.33 −0.67" in out("batch", "--decimals", "2")
    assert "−1.33333259" in out("batch", "--decimals", "8")


def test_wide_batches_are_cut_and_say_so() -> None:
    arguments = ("instance", "--shape", "20x10x10x30")
    text = out(*arguments)
    assert "x 6 x 8 x 10 of 20 x 10 x 10 x 30 cells; --full shows all" in text
    assert "… and 176 sets more; --full shows all" in text
    assert max(map(len, text.splitlines())) <= 100 and len(text.splitlines()) < 260
    full = out(*arguments, "--full")
    assert "--full" not in full and "sample 19, channel 9" in full and full.count("channel 9") >= 40


@pytest.mark.parametrize("shape", ["3x4", "3x200", "2x3x5", "2x1x2x3x4", "1x1x2", "40x1x1x3"])
@pytest.mark.parametrize("method", ["layer", "all"])
def test_any_rank_prints(method: str, shape: str) -> None:
    text = out(method, "--shape", shape)
    assert "The batch x" in text and "Random integers from 0 to 9, seed 0." in text
    assert max(map(len, text.splitlines())) <= 100


def test_all_methods_side_by_side() -> None:
    text = out("all")
    for name in (
        "Batch norm",
        "Layer norm",
        "Group norm with 2 groups",
        "Instance norm",
        "RMS norm",
        "Ghost batch norm",
    ):
        assert f"\n{name}" in text
    row = next(line for line in text.splitlines() if line.startswith("rms") and "each sample" in line)
    assert row.split()[-4:] == ["4", "16", "16", "0"]
    assert "instance norm is left out: instance_norm needs spatial axes" in out("all", "--shape", "2x4")


# -- data -------------------------------------------------------------------------------------------------
def test_json_has_the_fixed_form(files: Path) -> None:
    data = json.loads(out("batch", "--values", str(files / "a.json"), "--format", "json"))
    assert list(data)[:8] == [
        "method",
        "shape",
        "labels",
        "mean",
        "var",
        "output",
        "running_mean",
        "running_var",
    ]
    done = normalize(A)
    assert data["method"] == "batch" and data["shape"] == [4, 1, 2, 2]
    assert (
        data["labels"] == np.zeros(A.shape, int).tolist() and data["mean"] == [4.0] and data["var"] == [9.0]
    )
    assert data["output"] == done.output.tolist()  # unrounded
    assert data["running_mean"] == [0.4] and data["running_var"] == pytest.approx([1.86])
    assert data["eps"] == 1e-5 and data["params"] == 2 and data["buffers"] == 2


@pytest.mark.parametrize("method", [*METHODS, *SCALINGS])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_json_of_every_method(method: str, mode: str) -> None:
    options = ["--mode", mode] if method in METHODS else []
    data = json.loads(out(method, "--preset", "b", "--format", "json", *options), parse_constant=pytest.fail)
    done = normalize(preset("B"), method, mode=mode)  # type: ignore[arg-type]
    assert data["mean"] == (None if done.mean is None else list(done.mean))
    assert data["var"] == (None if done.var is None else list(done.var))
    assert data["labels"] == done.labels.tolist() and np.asarray(data["output"]).shape == done.shape
    if method == "rms":
        assert data["mean"] is None and data["var"] == [34, 29, 25, 20]
    if method in ("batch", "ghost") and mode == "eval":
        assert data["mean"] == data["running_mean"] and data["var"] == data["running_var"]


def test_json_of_all_is_a_list() -> None:
    data = json.loads(out("all", "--format", "json"))
    assert [one["method"] for one in data] == list(METHODS)
    assert all("labels" in one and "running_var" in one for one in data)
    assert data[1]["running_mean"] is None


def test_csv_has_a_row_for_each_cell() -> None:
    rows = list(csv.DictReader(io.StringIO(out("group", "--format", "csv"))))
    done = normalize(preset("B"), "group")
    assert len(rows) == 64
    for row, cell in zip(rows, np.ndindex(done.shape), strict=True):
        assert tuple(int(row[key]) for key in ("sample", "channel", "row", "column")) == cell
        assert float(row["output"]) == done.output[cell] and int(row["label"]) == done.labels[cell]
        assert done.mean is not None and float(row["mean"]) == done.mean[done.labels[cell]]
    several = list(csv.DictReader(io.StringIO(out("all", "--format", "csv"))))
    assert len(several) == 6 * 64 and several[-1]["method"] == "ghost" and several[4 * 64]["mean"] == ""


# -- documents --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("format", ["md", "latex", "html"])
@pytest.mark.parametrize(
    "arguments", [("batch",), ("batch", "--mode", "eval"), ("rms",), ("minmax",), ("all",)]
)
def test_documents_are_worked_plans(format: str, arguments: tuple[str, ...], tmp_path: Path) -> None:
    ending = {"md": ".md", "latex": ".tex", "html": ".html"}[format]
    path = tmp_path / f"norm{ending}"
    assert out(*arguments, "--output", str(path)) == ""
    text = path.read_text(encoding="utf-8")
    assert text == out(*arguments, "--format", format)
    if format == "html":
        assert text.startswith("<!doctype html>") and text.count("<html") == 1
    if format == "latex":
        assert text.count("\\begin{document}") == text.count("\\end{document}") == 1
        assert text.count("{") - text.count("\\{") == text.count("}") - text.count("\\}")
    if arguments == ("batch",):
        numbers = ["144", "9.6", "1.86"]
        assert all(number in text for number in numbers)
    if arguments == ("all",):
        assert "Ghost batch norm" in text and "each group of channels of each sample" in text


def test_full_writes_every_step() -> None:
    cut, full = (out("instance", "--shape", "9x9x2", "--format", "md", *more) for more in ((), ("--full",)))
    assert "more like these" in cut and "more like these" not in full


def test_a_batch_too_large_for_a_document_is_refused() -> None:
    assert "would have" in refused("batch", "--shape", "100x10x10x10", "--format", "md")
    assert out("batch", "--shape", "100x10x10x10")  # but worked in a terminal


def test_a_workbook(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path = tmp_path / "norm.xlsx"
    assert out("batch", "--output", str(path)) == ""
    book = openpyxl.load_workbook(path)
    assert any(str(cell.value).startswith("=") for sheet in book for row in sheet.iter_rows() for cell in row)
    out("all", "--format", "xlsx", "--output", str(tmp_path / "all.xlsx"))
    assert "a workbook needs a file" in refused("batch", "--format", "xlsx")


def test_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out("group", "--plot", str(tmp_path / "a.svg"), "--theme", "dark")
    assert (tmp_path / "a.svg").stat().st_size > 1000


# -- batches ----------------------------------------------------------------------------------------------
def test_where_the_numbers_come_from(files: Path) -> None:
    expected = out("batch")
    for arguments in (
        ("--preset", "A"),
        ("--values", str(files / "a.json")),
        ("--values", str(files / "a.npy")),
        ("--values", str(files / "a.csv"), "--shape", "4x1x2x2"),
        ("--values", str(files / "a.csv"), "--shape", "1,2,2"),
    ):
        assert out("bn", *arguments) == expected
    random = json.loads(out("ln", "--shape", "2x3x4", "--seed", "5", "--format", "json"))
    assert random["x"] == random_batch((2, 3, 4), 5).tolist()
    assert json.loads(out("gn", "--preset", "picture", "--format", "json"))["shape"] == [4, 4, 6, 6]


def test_earlier_files_are_earlier_batches(files: Path) -> None:
    one, two = str(files / "early.json"), str(files / "a.json")
    data = json.loads(out("batch", "--values", one, "--values", two, "--steps", "2", "--format", "json"))
    done = normalize(A, before=[A + 1], steps=2)
    assert done.running_mean is not None and data["running_mean"] == done.running_mean.tolist()
    assert len(data["updates"]) == 3
    assert "several are training batches" in refused("layer", "--values", one, "--values", two)


def test_nice_says_what_it_did() -> None:
    text = out("batch", "--nice", "--shape", "4x2x3x3", "--seed", "4")
    assert "Small integers, searched so that statistics come out whole: batch norm has 2 of 2 means" in text
    every = " ".join(out("all", "--nice", "--seed", "2").split())
    assert "batch norm has 4 of 4 means and 4 of 4 deviations" in every and "layer norm has 4 of 4" in every
    assert "searched" in json.loads(out("rms", "--nice", "--format", "json"))["numbers"]
    assert "Small integers" in out("batch", "--nice", "--format", "md")


# -- proof ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "arguments",
    [("batch",), ("all",), ("all", "--eps", "0"),
     ("minmax", "--over", "channel"), ("ghost", "--mode", "eval", "--steps", "3"),
     ("batch", "--momentum", "none", "--steps", "0"), ("instance", "--gamma", "1,2,3,4")],
)  # fmt: skip
def test_verify_agrees(arguments: tuple[str, ...]) -> None:
    pytest.importorskip("torch")
    result = run("norm", *arguments, "--verify")
    assert result.exit_code == 0 and "\nverify: torch agrees on " in result.stdout
    apart = run("norm", *arguments, "--verify", "--format", "json")
    json.loads(apart.stdout)
    assert apart.stderr.startswith("verify: torch agrees on ")


def test_verify_leaves_with_1_where_it_disagrees(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    real = torch.nn.BatchNorm2d.forward
    monkeypatch.setattr(torch.nn.BatchNorm2d, "forward", lambda self, x: real(self, x) + 1e-6)
    result = run("norm", "batch", "--verify")
    assert (
        result.exit_code == 1
        and "verify: torch disagrees: batch norm: output[0, 0, 0, 0] is" in result.stdout
    )


def test_verify_without_torch_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convviz.cli.norm.find_spec", lambda name: None)
    assert refused("batch", "--verify") == "--verify: needs torch: pip install 'convviz[torch]'"


# -- mistakes ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name", ["pixelwise", "unbiased", "wrong-axis", "layernorm-rows", "eval-without-stats"]
)
def test_mistakes_stand_beside_the_right_answer(name: str, tmp_path: Path) -> None:
    text = out("all", "--mistake", name)
    assert text.startswith(f"{name}: ") and "How to notice" in text
    path = tmp_path / "mistake.md"
    out("all", "--mistake", name, "--output", str(path))
    assert path.read_text().startswith("**")


def test_mistakes_of_a_method() -> None:
    assert "−1.291" in out("batch", "--mistake", "unbiased")
    assert "did you mean 'unbiased'" in refused("batch", "--mistake", "unbaised")
    assert "wrong on purpose" in refused("batch", "--mistake", "unbiased", "--verify")
    assert refused("pixel", "--mistake", "unbiased").startswith("--mistake: ")
    assert "workbook" in refused("batch", "--mistake", "unbiased", "-o", "x.xlsx")


def test_a_mistake_of_another_method_is_shown_for_that_one() -> None:
    result = run("norm", "ghost", "--mistake", "layernorm-rows")
    assert result.exit_code == 0 and result.stdout.startswith("layernorm-rows: layer norm of 4x4x2x2")
    assert result.stderr == (
        "convviz: layernorm-rows is a mistake of layer norm, not of ghost norm; shown for layer norm\n"
    )
    assert "does not go with layer" in refused("ghost", "--mistake", "layernorm-rows", "--splits", "2")


# -- refused ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("foo",), "no method 'foo'"),
        (("bacth",), "did you mean 'batch'"),
        (("batch", "--shape", "4"), "--shape: must be samples x channels x space"),
        (("batch", "--shape", "4x1x2x2x2x2"), "--shape: must be samples"),
        (("batch", "--shape", "4x0x2"), "--shape: must be samples"),
        (("batch", "--shape", "four"), "--shape: must be samples"),
        (("batch", "--shape", "-4x1"), "--shape: must be samples"),
        (("batch", "--shape", "1000x1000x1000"), "--shape: a worked batch has at most 100,000 cells"),
        (("batch", "--shape", "9" * 18 + "x" + "9" * 18), "more than 1,000,000,000,000,000"),
        (("batch", "--nice", "--shape", "200x200"), "--shape: a batch that is searched for has at most 10,000"),
        (("pixel", "--nice"), "--nice: nothing to search for: pixel has no mean"),
        (("batch", "--preset", "C"), "--preset: no batch 'C'"),
        (("batch", "--preset", "A", "--shape", "4x1x2x2"), "--shape: does not go with --preset"),
        (("batch", "--preset", "A", "--nice"), "--nice: does not go with --preset"),
        (("batch", "--preset", "A", "--seed", "1"), "--seed: does not go with --preset"),
        (("batch", "--seed", "1"), "--seed: is of random numbers"),
        (("batch", "--seed", "-1", "--nice"), "--seed: must be a whole number"),
        (("batch", "--groups", "2"), "--groups: does not go with batch, but with group"),
        (("layer", "--splits", "2"), "--splits: does not go with layer, but with ghost"),
        (("layer", "--over", "image"), "--over: does not go with layer"),
        (("all", "--over", "image"), "--over: does not go with all"),
        (("layer", "--momentum", "0.1"), "--momentum: does not go with layer"),
        (("layer", "--steps", "2"), "--steps: does not go with layer"),
        (("pixel", "--gamma", "2"), "--gamma: does not go with pixel"),
        (("pixel", "--mode", "eval"), "--mode: does not go with pixel"),
        (("pixel", "--eps", "1"), "--eps: does not go with pixel"),
        (("rms", "--beta", "1"), "--beta: does not go with rms"),
        (("group", "--groups", "3"), "--groups: must divide the 4 channels, got 3"),
        (("group", "--groups", "0"), "--groups: must be a whole number >= 1"),
        (("group", "--groups", "two"), "'--groups': 'two' is not a valid integer"),
        (("ghost", "--splits", "3"), "--splits: must divide the 4 samples"),
        (("all", "--splits", "3"), "--splits: must divide the 4 samples"),
        (("batch", "--eps", "-1"), "--eps: must be a number >= 0"),
        (("batch", "--eps", "nan"), "--eps: must be a number >= 0"),
        (("batch", "--eps", "1e400"), "--eps: must be a number"),
        (("batch", "--eps", "tiny"), "'--eps': 'tiny' is not a valid float"),
        (("minmax", "--eps", "-1"), "--eps: must be a number from 0"),
        (("batch", "--gamma", "1,2"), "--gamma: must have 1 number, got 2"),
        (("batch", "--gamma", "one"), "--gamma: must be numbers"),
        (("batch", "--gamma", ""), "--gamma: must be numbers"),
        (("batch", "--beta", "nan"), "--beta: must be finite numbers"),
        (("batch", "--momentum", "2"), "--momentum: must be a number >= 0 and <= 1"),
        (("batch", "--momentum", "much"), "--momentum: must be a number or none"),
        (("batch", "--steps", "-1"), "--steps: must be a whole number"),
        (("batch", "--steps", "1000000000000"), "--steps: must be a whole number"),
        (("batch", "--decimals", "16"), "'--decimals'"),
        (("batch", "--mode", "test"), "'--mode'"),
        (("batch", "--shape", "1x3x1x1"), "more than one value for each channel, and 1x3x1x1 has one"),
        (("batch", "--shape", "1x3x1x1", "--mode", "eval"), "more than one value"),
        (("instance", "--shape", "2x3"), "instance_norm needs spatial axes"),
        (("instance", "--shape", "2x3x1x1"), "more than one value"),
        (("minmax", "--shape", "2x1x1x1"), "--eps: set 0 does not vary"),
        (("batch", "--values", "none.json"), "none.json: no such file"),
        (("batch", "--values", "none.txt"), "none.txt: values come from .json"),
        (("batch", "--plot", "x.txt"), "x.txt: a picture is written as"),
        (("batch", "--plot", "none/x.png"), "there is no folder 'none'"),
        (("batch", "-o", "none/x.json"), "there is no folder 'none'"),
        (("batch", "-o", "none/x.xlsx"), "there is no folder 'none'"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)  # fmt: skip
def test_bad_input_is_one_line(arguments: tuple[str, ...], told: str) -> None:
    assert told in refused(*arguments)


@pytest.mark.parametrize(
    ("text", "shape", "told"),
    [
        ("1,2\n3,dark\n", "2x1x2", "must be a number, got 'dark' in line 2, column 2"),
        ("1,2\n3,nan\n", "2x1x2", "must be finite numbers, got nan at image 2, column 2"),
        ("1,2\n3,4\n", "2x1x2x2", "holds 4 numbers, and 2x1x2x2 needs 8"),
        ("1,2\n3,4\n", None, "say with --shape how it is laid out"),
        ("7\n", "1x1x1", "more than one value"),
        (",".join(["1"] * 100_001), "1x1x100001", "--shape: a worked batch has at most 100,000 cells"),
    ],
)
def test_bad_values_leave_nothing_behind(tmp_path: Path, text: str, shape: str | None, told: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    options = ["--shape", shape] if shape else []
    for name in ("y.md", "y.xlsx", "y.json"):
        target = tmp_path / name
        picture = tmp_path / "y.png"
        arguments = [
            "batch",
            "--values",
            str(tmp_path / "x.csv"),
            *options,
            "-o",
            str(target),
            "--plot",
            str(picture),
        ]
        assert told in refused(*arguments)
        assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


@pytest.mark.parametrize("option", ["--preset A", "--nice", "--seed 1"])
def test_values_do_not_go_with_other_numbers(files: Path, option: str) -> None:
    assert "does not go with --values" in refused("batch", "--values", str(files / "a.json"), *option.split())


# -- Python -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("format", ["text", "table", "json", "csv", "md", "latex", "html"])
def test_render(format: str) -> None:
    found: Any
    for found in (normalize(A), normalize_all(A)):
        text = render(found, format)
        assert "1.86" in text or format in ("csv", "json")
    with pytest.raises(ConvvizError, match="no format 'odt'"):
        render(normalize(A), "odt")


def test_colour_changes_no_word() -> None:
    import re

    plain, colour = (render(normalize_all(preset("B")), format) for format in ("text", "table"))
    assert colour != plain
    stripped = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", colour).splitlines()]
    assert stripped == [line.rstrip() for line in plain.splitlines()]
