"""Softmax worked out: known values, exact decimals, torch, what overflows, the command line and the picture."""

from __future__ import annotations

import json
import math
import random
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest

from convviz.errors import ConvvizError
from convviz.figures.softmax import MOST as DRAWN
from convviz.figures.softmax import description, drawn, figure, plot
from convviz.plan.logits import MOST, SoftmaxResult, softmax
from convviz.plan.words import decimals
from convviz.report.plan import render
from convviz.report.softmax import render_softmax, softmax_data
from tests.command import Command
from tests.pictures import check_texts, texts
from tests.sweeps import seeds

INF = float("inf")


run = Command("softmax")
fails = run.fails


def exact(values: list[float], temperature: float = 1) -> list[Decimal]:
    """Softmax with 60 digits, nothing taken away."""
    with localcontext() as context:
        context.prec = 60
        powers = [(Decimal(x) / Decimal(temperature)).exp() for x in values]
        return [p / sum(powers) for p in powers]


def some(seed: int) -> tuple[list[float], dict[str, Any]]:
    pick = random.Random(seed)
    n = pick.randint(1, 9)
    scale = pick.choice([0.01, 1, 10, 300])
    values = [pick.gauss(0, scale) for _ in range(n)]
    more: dict[str, Any] = {"temperature": pick.choice([1, 0.5, 2, 7.3])}
    if pick.random() < 0.7:
        more |= {"target": pick.randrange(n), "label_smoothing": pick.choice([0, 0, 0.1, 1])}
    return values, more


# -- numbers --------------------------------------------------------------------------------------------
def test_known_values() -> None:
    found = softmax([1, 2, 3], target=2)
    assert [round(p, 4) for p in found.probabilities] == [0.0900, 0.2447, 0.6652]
    assert [round(p, 4) for p in found.log_probabilities] == [-2.4076, -1.4076, -0.4076]
    assert found.row.top == 3 and round(found.row.total, 4) == 1.5032
    assert found.loss == -found.log_probabilities[2]
    assert found.gradient is not None and [round(g, 4) for g in found.gradient] == [0.0900, 0.2447, -0.3348]


@seeds(60)
def test_against_sixty_digits(seed: int) -> None:
    values, more = some(seed)
    found = softmax(values, **more)
    for mine, truth in zip(found.probabilities, exact(values, more["temperature"]), strict=True):
        assert math.isclose(mine, float(truth), rel_tol=1e-9, abs_tol=1e-300)
    for mine, truth in zip(found.log_probabilities, exact(values, more["temperature"]), strict=True):
        with localcontext() as context:
            context.prec = 60
            assert math.isclose(mine, float(truth.ln()), rel_tol=1e-12, abs_tol=1e-12)
    if found.gradient is not None:
        assert abs(math.fsum(found.gradient)) < 1e-12


@seeds(60)
def test_against_torch(seed: int) -> None:
    pytest.importorskip("torch")
    from convviz.probe.softmax import verify

    values, more = some(seed)
    done = verify(softmax(values, **more))
    assert done.passed, str(done)


@pytest.mark.parametrize(
    "values",
    [
        [1000, 1001, 1002],
        [-1000, -1001],
        [1e308, -1e308],
        [1e300, -1e300, 3],
        [5],
        [-INF, 2, 1],
        [709, 709.5],
        [88.5, 89],
    ],
)
def test_extremes_against_torch(values: list[float]) -> None:
    pytest.importorskip("torch")
    from convviz.probe.softmax import verify

    for target in (None, *range(len(values))):
        done = verify(softmax(values, target))
        assert done.passed, str(done)


def test_verify_sees_a_wrong_number() -> None:
    pytest.importorskip("torch")
    from convviz.probe.softmax import verify

    wrong = softmax([1, 2, 3], 1)
    vars(wrong)["probabilities"] = (0.1, 0.2, 0.7)
    done = verify(wrong)
    assert not done.passed and "softmax is off by 0.0447" in str(done)


def test_a_constant_changes_nothing_and_a_factor_is_a_temperature() -> None:
    base = softmax([1, 2, 3])
    assert softmax([101, 102, 103]).probabilities == base.probabilities
    assert softmax([2, 4, 6], temperature=2).probabilities == base.probabilities
    assert softmax([2, 4, 6]).probabilities != base.probabilities


def test_what_overflows_without_the_subtraction() -> None:
    single, double = softmax([1000, 1001, 1002]).naive()
    assert all(map(math.isnan, (*single.shares, *double.shares))) and single.fails and double.fails
    assert "above x = 88.72" in single.words and "above x = 709.8" in double.words
    single, double = softmax([88, 89]).naive()  # e^89 is too large for single precision only
    assert single.fails and not double.fails
    single, double = softmax([709, 710]).naive()
    assert double.fails and math.isinf(double.exponentials[1]) and not math.isinf(double.exponentials[0])
    single, double = softmax([709.5, 709.5]).naive()  # each fits, the sum does not
    assert not any(map(math.isinf, double.exponentials)) and double.shares == (0, 0)
    assert "the sum is more than" in double.words
    single, double = softmax([-1000, -1001]).naive()
    assert double.total == 0 and math.isnan(double.shares[0]) and "underflows" in double.words
    single, double = softmax([1, 2, 3]).naive()
    assert not single.fails and 0 < single.off < 1e-6 and double.off < 1e-15


def test_a_masked_class() -> None:
    found = softmax([1, -INF, 2], target=1)
    assert found.probabilities[1] == 0 and found.log_probabilities[1] == -INF and found.loss == INF
    assert softmax([1, -INF, 2], target=0).probabilities[1] == 0
    assert "masks its class" in repr(found)


def test_log_softmax_survives_where_the_logarithm_of_softmax_does_not() -> None:
    found = softmax([0, 1000])
    assert found.probabilities[0] == 0 and found.log_probabilities[0] == -1000
    assert "log-softmax, worked out by itself, is −1000" in repr(found)


@pytest.mark.parametrize(
    ("arguments", "where", "message"),
    [
        (([],), "values", "at least one logit"),
        (([1, float("nan")],), "values", "nan has no softmax"),
        (([1, INF],), "values", r"\+inf has no softmax"),
        (([-INF, -INF],), "values", "no class is left"),
        ((["a"],), "values", "must be a number, got 'a'"),
        ((7,), "values", "must be a list of numbers"),
        (([10**400],), "values", "larger than a float64 can hold"),
        (([0.0] * (MOST + 1),), "values", "at most 10,000 logits"),
        (([1, 2], 2), "target", "must be a class from 0 to 1, got 2"),
        (([1, 2], -1), "target", "must be a class from 0 to 1, got -1"),
        (([1, 2], 0.5), "target", "must be a class from 0 to 1"),
        (([1, 2], True), "target", "must be a class"),
    ],
)
def test_bad_values_are_named(arguments: tuple[Any, ...], where: str, message: str) -> None:
    with pytest.raises(ConvvizError, match=message) as err:
        softmax(*arguments)
    assert err.value.where == where


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"temperature": 0}, "above 0, got 0; towards 0 softmax becomes the one-hot"),
        ({"temperature": -1}, "above 0, got −1"),
        ({"temperature": INF}, "a finite number above 0"),
        ({"temperature": 1e-320}, "too near 0"),
        ({"label_smoothing": 0.1}, "goes with a target"),
        ({"label_smoothing": 1.5, "target": 0}, "from 0 to 1, got 1.5"),
        ({"label_smoothing": float("nan"), "target": 0}, "from 0 to 1, got nan"),
    ],
)
def test_bad_settings(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ConvvizError, match=message):
        softmax([1, 2], **more)


# -- the plan and its forms ------------------------------------------------------------------------------
@seeds(20)
def test_the_plan_writes_what_the_result_says(seed: int) -> None:
    values, more = some(seed)
    found = softmax(values, **more)
    plan = found.plan
    assert tuple(plan.shown("output").values()) == found.probabilities
    assert tuple(plan.shown("log").values()) == pytest.approx(found.log_probabilities)
    if found.loss is not None:
        assert plan.shown("loss") == {(0,): found.loss}
        assert tuple(plan.shown("gradient").values()) == found.gradient
    for step in plan.steps:
        assert all(mark.panel in plan.by_key for mark in step.marks)


def test_sections_in_order() -> None:
    found = softmax([1, 2, 3], 0, temperature=2, label_smoothing=0.1)
    assert found.plan.sections == (
        "Temperature", "Largest", "Exponentials", "Sum", "Quotients", "Logarithm", "Differences", "Loss", "Gradient",
    )  # fmt: skip


def test_the_text() -> None:
    text = repr(softmax([1, 2, 3], target=2))
    for line in (
        "  1. The largest of the logits: max(1, 2, 3) = 3.",
        "e^(1 − 3) = 0.1353, e^(2 − 3) = 0.3679, e^(3 − 3) = 1.",
        "0.1353 + 0.3679 + 1 = 1.5032.",
        "0.1353 / 1.5032 = 0.09, 0.3679 / 1.5032 = 0.2447, 1 / 1.5032 = 0.6652.",
        "1 − 3.4076 = −2.4076",
        "−ln p of the target, class 2: −(−0.4076) = 0.4076.",
        "0.09 − 0 = 0.09, 0.2447 − 0 = 0.2447, 0.6652 − 1 = −0.3348.",
        "1001, 1002, 1003 0.09, 0.2447, 0.6652           nan, nan, nan           nan, nan, nan",
        "Log-softmax is not the negative log likelihood",
    ):
        assert line in text, line
    with decimals(2):
        assert "0.14 + 0.37 + 1 = 1.5" in repr(softmax([1, 2, 3]))


def test_no_shift_is_told_where_the_logits_overflow_already() -> None:
    assert "larger by" not in repr(softmax([1000, 1001]))
    assert "larger by 2,000" in repr(softmax([-700, -699]))


def test_label_smoothing() -> None:
    found = softmax([1, 2, 3], 2, label_smoothing=0.3)
    assert found.wanted == pytest.approx((0.1, 0.1, 0.8))
    assert "cross entropy" in repr(found) and "(1 − 0.3)×1 + 0.3 / 3 = 0.8" in repr(found)


@pytest.mark.parametrize("format", ["text", "md", "html", "latex", "json", "csv"])
@pytest.mark.parametrize(
    "values", [[1, 2, 3], [5], [-INF, 0], [0.1] * 300], ids=["three", "one", "masked", "many"]
)
def test_every_format(format: str, values: list[float]) -> None:
    found = softmax(values, 0 if values[0] > -INF else None)
    text = render_softmax(found, format, standalone=True)
    assert text.endswith("\n")
    if format == "json":
        data = json.loads(text)
        assert data["softmax"] == list(found.probabilities) and set(data["naive"]) == {"float32", "float64"}
    if format == "csv":
        assert text.count("\n") == len(values) + 1


def test_full_plan_renders() -> None:
    for format in ("text", "md", "html", "json"):
        assert render(softmax([1, 2], 0).plan, format)


def test_json_says_inf_and_nan_as_text() -> None:
    data = softmax_data(softmax([1000, -INF]))
    assert data["values"] == [1000, "-inf"] and data["naive"]["float64"]["softmax"][0] == "nan"
    assert data["naive"]["float64"]["fails"] and data["loss"] is None


def test_in_a_notebook() -> None:
    found = softmax([1, 2])
    assert found._repr_html_().startswith('<div class="convviz') and isinstance(found, SoftmaxResult)


# -- the command line ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "arguments",
    [
        ["-1,2"],
        ["--values", "-1,2"],
        ["--", "-1,2"],
        ["-1", "2"],
        ["−1,2"],
        [" -1 , 2 "],
        ["-1,2,"],
        ["-1.0,2e0"],
    ],
)
def test_ways_to_write_logits(arguments: list[str]) -> None:
    done = run("--format", "json", *arguments)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["values"] == [-1, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "needs logits, such as 1,2,3"),
        (["nan,1"], "logits: nan has no softmax"),
        (["1,+inf"], "logits: +inf has no softmax"),
        (["1e400"], "logits: 1e400 is larger than a float64 can hold"),
        (["-inf"], "no class is left"),
        (["a,b"], "logits: must be numbers such as 1,2,3, got 'a'"),
        (["1,,2"], "got nothing between two commas"),
        ([""], "got ''"),
        (["0x10"], "got '0x10'"),
        (["1_0"], "got '1_0'"),
        (["1,2", "--tagret", "1"], "no such option --tagret; did you mean '--target'?"),
        (["-x"], "no such option -x"),
        (["--", "1,2", "--format"], "--format: options go in front of --"),
        (["1,2", "--values", "1"], "given twice"),
        (["1,2", "--target", "2"], "--target: must be a class from 0 to 1, got 2"),
        (["1,2", "--target", "x"], "--target"),
        (["1,2", "--temperature", "0"], "--temperature: must be a finite number above 0"),
        (["1,2", "--label-smoothing", "2", "--target", "0"], "--label-smoothing: must be from 0 to 1"),
        (["1,2", "--decimals", "-1"], "--decimals"),
        (["1,2", "--output", "/no/where.csv"], "there is no folder"),
        (["1,2", "--plot", "x.bmp"], "a picture is written as"),
    ],
)
def test_bad_commands(arguments: list[str], message: str) -> None:
    assert message in fails(*arguments)


def test_verify_and_files(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    out, picture = tmp_path / "s.md", tmp_path / "s.svg"
    done = run("1,2,3", "--target", "1", "--verify", "--output", str(out), "--plot", str(picture))
    assert done.exit_code == 0 and done.stdout == "" and "verified with torch" in done.stderr
    assert "Softmax of 1, 2 and 3, target class 1" in out.read_text(encoding="utf-8")
    assert "<desc" in picture.read_text(encoding="utf-8")


def test_decimals_reach_the_text() -> None:
    assert "0.090031" in run("1,2,3", "--decimals", "6").stdout
    assert "0.09" in run("1,2,3", "--decimals", "2").stdout


# -- the picture -----------------------------------------------------------------------------------------
PICTURES = {
    "three": softmax([1, 2, 3], 2),
    "overflow": softmax([1000, 1001, 1002]),
    "one": softmax([5]),
    "masked": softmax([-3, 2, -INF, 0.5, -1000], 0),
    "huge": softmax([1e308, -1e308, 3], 1),
    "many": softmax([math.sin(i) * 4 for i in range(40)], 7, temperature=0.7, label_smoothing=0.1),
}


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_picture(name: str, theme: str) -> None:
    check_texts(figure(PICTURES[name], theme=theme))


def test_the_picture_has_the_numbers() -> None:
    shown = [text.get_text() for text in texts(figure(PICTURES["three"]))]
    for word in (
        "0.6652",
        "−0.3348",
        "sum 1.5032",
        "loss 0.4076",
        "target ▸ class 2",
        "nan",
        "sum ∞",
        "sum 30.1929",
    ):
        assert word in shown, word
    assert [text.get_text() for text in texts(figure(PICTURES["overflow"]))].count("nan") == 6


def test_many_classes_keep_the_target() -> None:
    found = PICTURES["many"]
    assert len(drawn(found)) == DRAWN and 7 in drawn(found)
    assert "24 less probable classes are not drawn" in description(found)


def test_plot_refuses_other_files(tmp_path: Path) -> None:
    with pytest.raises(ConvvizError, match=r"\.png, \.svg or \.pdf"):
        plot(PICTURES["one"], tmp_path / "x.gif")
