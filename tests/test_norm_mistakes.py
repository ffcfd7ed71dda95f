"""Common mistakes of normalization: against torch code that makes the mistake, known values, what cannot be made."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np
import pytest

from convviz.analysis.mistakes.mistake import MISTAKES, Mistake, methods_of, mistake, mistakes_of
from convviz.analysis.mistakes.told import apart, figure
from convviz.analysis.norms.batches import preset, random_batch
from convviz.analysis.norms.normalize import normalize
from convviz.analysis.norms.set_names import set_names
from convviz.errors import ConvvizError
from convviz.plan.words import decimals
from convviz.report.norms.mistakes import render, tables
from tests.sweeps import sweep

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

A, B = preset("A"), preset("B")
PAIRS = [(name, method) for name in MISTAKES for method in methods_of(name)]
SHAPES = [(4, 4, 2, 2), (6, 4, 3, 4), (4, 4, 5), (4, 6, 2, 3, 2)]


def ran(code: str, x: np.ndarray, **names: Any) -> np.ndarray:
    """``y`` of torch code, in float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        space = {"torch": torch, "nn": nn, "x": torch.tensor(x), **names}
        exec(code, space)
        return space["y"].detach().numpy()
    finally:
        torch.set_default_dtype(before)


def agrees(found: Mistake, **names: Any) -> None:
    """Both codes give both outputs."""
    close(ran(found.wrong_code, found.x, **names), found.output)
    close(ran(found.right_code, found.x, **names), found.right.output)


def close(ours: np.ndarray, theirs: np.ndarray) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10)


def fails(x: Any, name: str, method: str | None = None, **settings: Any) -> str:
    with pytest.raises(ConvvizError) as caught:
        mistake(x, name, method, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@sweep("shape", SHAPES, lambda shape: "every shape")
@pytest.mark.parametrize(("name", "method"), PAIRS)
def test_the_code_that_is_shown_makes_the_mistake(name: str, method: str, shape: tuple[int, ...]) -> None:
    x = random_batch(shape, seed=sum(shape))
    agrees(mistake(x, name, method))


@pytest.mark.parametrize(("name", "method"), PAIRS)
def test_with_gamma_beta_and_eps(name: str, method: str) -> None:
    single = name in ("channels-last", "layernorm-rows")
    gamma, beta = (1.5, -0.5) if single else ([1.5, 2.0, 0.5, 3.0], [-0.5, 1.0, 0.0, 2.0])
    found = mistake(B, name, method, gamma=gamma, beta=beta, eps=0.1)
    agrees(found)
    assert found.largest == pytest.approx(np.abs(found.output - found.right.output).max())


@pytest.mark.parametrize("name", ["eval-without-stats", "forgot-eval", "momentum-swapped", "biased-running"])
@pytest.mark.parametrize("momentum", [0.3, None])
def test_evaluation_after_several_batches(name: str, momentum: float | None) -> None:
    if name == "momentum-swapped" and momentum is None:
        assert "needs a momentum" in fails(B, name, momentum=None)
        return
    before = [random_batch((3, 4, 2, 2), 5), random_batch((4, 4, 2, 2), 6)]
    found = mistake(B, name, mode="eval", momentum=momentum, steps=3, before=before)
    agrees(found, before=[torch.tensor(b) for b in before])
    assert found.right.mode == "eval"


# -- each mistake as torch makes it, written out here ----------------------------------------------------
def test_pixelwise_values() -> None:
    found = mistake(A, "pixelwise")
    assert np.round(found.output[0].ravel(), 4).tolist() == [-1.069, -1.5275, -0.9428, -1.1163]
    own = (A - A.mean(0)) / np.sqrt(A.var(0) + 1e-5)
    close(found.output, own)
    assert found.labels[0].ravel().tolist() == [0, 1, 2, 3] and found.mean == (2.0, 5.5, 4.0, 4.5)
    assert found.names[1] == "row 0, column 1" and not found.same_sets


def test_unbiased_values() -> None:
    found = mistake(A, "unbiased")
    assert found.output[0, 0, 0, 0] == pytest.approx(-1.2910, abs=5e-5)
    assert found.right.output[0, 0, 0, 0] == pytest.approx(-1.3333, abs=5e-5)
    assert found.var == pytest.approx((9.6,)) and found.same_sets
    x = torch.tensor(A)
    own = (x - x.mean()) / torch.sqrt(x.var(unbiased=True) + 1e-5)
    close(found.output, own.numpy())
    assert "variance 0.9375" in found.notice[0] and "16/15" in found.notice[-1]


def test_wrong_axes() -> None:
    x = torch.tensor(B)
    found = mistake(B, "wrong-axis", "batch")
    close(found.output, nn.LayerNorm([4, 2, 2]).double()(x).detach().numpy())
    found = mistake(B, "wrong-axis", "layer")
    close(found.output, nn.BatchNorm2d(4).double()(x).detach().numpy())
    found = mistake(B, "wrong-axis", "group")
    swapped = nn.GroupNorm(2, 4).double()(x[:, [0, 2, 1, 3]])[:, [0, 2, 1, 3]]
    close(found.output, swapped.detach().numpy())
    assert found.names[0] == "sample 0, channels 0 and 2"


def test_rows() -> None:
    found = mistake(A, "layernorm-rows")
    close(found.output, nn.LayerNorm(2).double()(torch.tensor(A)).detach().numpy())
    assert len(found.var or ()) == 8 and found.labels.max() == 7


def test_channels_last() -> None:
    found = mistake(B, "channels-last")
    own = nn.BatchNorm2d(2).double()(torch.tensor(B).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    close(found.output, own.detach().numpy())
    square = random_batch((2, 3, 3, 3), 1)
    assert "nothing complains" in mistake(square, "channels-last").notice[-1]


def test_ghost_by_view() -> None:
    x = random_batch((6, 2, 2, 2), 3)
    found = mistake(x, "ghost-view", splits=3)
    own = nn.BatchNorm2d(6).double()(torch.tensor(x).view(-1, 6, 2, 2)).view(6, 2, 2, 2)
    close(found.output, own.detach().numpy())
    assert found.names[0] == "samples 0 and 3, channel 0"


def test_evaluation_before_training() -> None:
    found = mistake(A, "eval-without-stats")
    close(found.output, nn.BatchNorm2d(1).double().eval()(torch.tensor(A)).detach().numpy())
    assert found.mean == (0.0,) and found.var == (1.0,) and found.right.mode == "train"


def test_training_mode_in_use() -> None:
    found = mistake(A, "forgot-eval")
    close(found.output, nn.InstanceNorm2d(1)(torch.tensor(A)).numpy())
    assert np.round(found.right.output[0].ravel(), 4).tolist() == [-0.2933, 1.1732, 1.1732, -0.2933]


def test_momentum() -> None:
    found = mistake(A, "momentum-swapped")
    assert found.mean == pytest.approx((3.6,)) and found.right.mean == pytest.approx((0.4,))


def test_biased_running_variance() -> None:
    found = mistake(A, "biased-running")
    assert found.var == pytest.approx((1.8,)) and found.right.var == pytest.approx((1.86,))
    assert "1.8 in place of 1.86" in found.notice[-1]


def test_affines_part() -> None:
    found = mistake(B, "layer-as-group")
    assert "32 parameters and GroupNorm(1, 4) has 8" in found.notice[-1]
    apart_at_once = mistake(B, "layer-as-group", gamma=2.0)
    assert apart_at_once.largest != pytest.approx(found.largest)


# -- what is told --------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "method"), PAIRS)
def test_what_is_told_holds(name: str, method: str) -> None:
    found = mistake(B, name, method)
    assert found.output[found.at] - found.right.output[found.at] == pytest.approx(found.difference[found.at])
    assert abs(found.difference[found.at]) == pytest.approx(found.largest)
    assert found.average == pytest.approx(np.abs(found.difference).mean())
    largest = next(s for s in found.notice if s.startswith("The largest difference"))
    assert f"at ({', '.join(map(str, found.at))})" in largest and figure(found.largest) in largest
    for sentence in found.notice:
        assert sentence.endswith(".") and (sentence[0].isupper() or sentence[0] in "xv"), sentence
        assert "nan" not in sentence and "inf" not in sentence.replace("infer", ""), sentence
    labels, normalized = found.labels, found.wrong.normalized
    for k, (mean, scale) in enumerate(zip(found.wrong.shift, found.wrong.scale, strict=True)):
        close(normalized[labels == k], (B[labels == k] - mean) / scale)


def test_equal_values_that_part() -> None:
    told = mistake(A, "pixelwise").notice[0]
    assert "5 at (2, 0, 0, 1) and at (3, 0, 0, 0) both become 0.3333" in told
    assert A[2, 0, 0, 1] == A[3, 0, 0, 0] == 5
    found = mistake(A, "pixelwise").output
    assert figure(found[2, 0, 0, 1]) in told and figure(found[3, 0, 0, 0]) in told


def test_numbers_that_look_equal_are_told_apart() -> None:
    assert apart(1.0, 1.00001) == ("1", "1.00001")
    assert apart(2.0, 3.0) == ("2", "3")
    told = mistake(A, "eps-outside").notice
    assert "1.66666 in place of 1.66667" in told[0]


def test_names_of_sets() -> None:
    labels = np.arange(6).reshape(6, 1) * np.ones((1, 2), int)
    assert set_names(labels)[2] == "sample 2"
    strided = np.array([[0], [1], [2], [0], [1], [2], [0], [1], [2], [0], [1], [2], [0], [1], [2]])
    assert set_names(strided)[0] == "samples 0, 3, 6 … 12"


# -- what cannot be made ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("x", "name", "settings", "told"),
    [
        (A[:1], "pixelwise", {}, "pixelwise needs more than one sample"),
        (A[:, :, 0, 0], "pixelwise", {}, "pixelwise changes nothing in the batch norm of this 4x1 batch"),
        (A[:, :, 0, 0], "layernorm-rows", {}, "layernorm-rows needs space, and 4x1 has none"),
        (B[:, :1, :1], "layernorm-rows", {}, "a sample is a single row"),
        (A[:, :, :1, :1], "unbiased", {"method": "layer"}, "sample 0 has one cell"),
        (A, "wrong-axis", {"method": "instance"}, "both ways have the same sets"),
        (A[:, :, 0, 0], "channels-last", {}, "channels-last needs space"),
        (A, "ghost-view", {"splits": 1}, "take fewer splits than samples"),
        (A, "ghost-view", {"splits": 4}, "take fewer splits than samples"),
        (A, "ghost-view", {"splits": 3}, "splits: must divide the 4 samples"),
        (A, "momentum-swapped", {"momentum": 0.5}, "the momentum is 0.5"),
        (A, "biased-running", {"steps": 0}, "no step was taken"),
        (A[:, :, :1, :1], "forgot-eval", {}, "has one: torch raises"),
        (A[:, :, :1, :1], "layer-as-group", {}, "both affines agree"),
        (A * 0, "no-root", {}, "every variance is 0 or 1"),
        (np.full((2, 1, 2, 2), 3.0), "eps-outside", {"eps": 0}, "finite|eps"),
        (A, "unbiased", {"mode": "eval"}, "mode: unbiased is made in training; leave out the mode"),
        (A, "layernorm-rows", {"gamma": [1, 2, 3, 4]}, "gamma: layernorm-rows takes one number"),
        (A, "pixelwise", {"method": "layer"}, "pixelwise is a mistake of batch norm, not of layer; of layer"),
        (A, "unbiased", {"method": "pixel"}, "not of pixel"),
        (A, "unbiassed", {}, "did you mean 'unbiased'?"),
        (A, "", {}, "no mistake ''"),
        (A, "x" * 10_000, {}, "no mistake"),
        ([[float("nan")]], "unbiased", {}, "must be finite numbers"),
        ([], "unbiased", {}, "must be a batch"),
    ],
)  # fmt: skip
def test_what_does_not_fit_says_so(x: Any, name: str, settings: dict[str, Any], told: str) -> None:
    message = fails(x, name, settings.pop("method", None), **settings)
    assert any(part in message for part in told.split("|")), message
    assert len(message) < 400


def test_which_mistakes_a_method_has() -> None:
    assert mistakes_of("bn")[:3] == ("pixelwise", "unbiased", "wrong-axis")
    assert mistakes_of("rms") == () and mistakes_of("pixel") == ()
    assert {"pixelwise", "unbiased", "wrong-axis", "layernorm-rows", "eval-without-stats"} <= set(MISTAKES)


# -- how it is written ----------------------------------------------------------------------------------
@pytest.mark.parametrize("name", MISTAKES)
@pytest.mark.parametrize("format", ["text", "table", "md", "latex", "html"])
def test_every_format_tells_everything(name: str, format: str) -> None:
    found = mistake(B, name)
    text = render(found, format)
    assert name in text
    for code in (found.wrong_code, found.right_code):
        line = code.splitlines()[0]
        assert line in text.replace("&#x27;", "'").replace("&quot;", '"')


def test_page() -> None:
    page = render(mistake(A, "unbiased"), "html", standalone=True)
    assert page.startswith("<!doctype html>") and page.count("<table") == 2
    with pytest.raises(ConvvizError, match="no format 'pdf'"):
        render(mistake(A, "unbiased"), "pdf")


def test_json_and_csv_hold_all_digits() -> None:
    found = mistake(random_batch((3, 2, 4, 5), 1), "pixelwise")
    data = json.loads(render(found, "json"))
    np.testing.assert_array_equal(np.array(data["wrong"]["output"]), found.output)
    np.testing.assert_array_equal(np.array(data["right"]["labels"]), found.right.labels)
    assert data["largest"] == found.largest and data["at"] == list(found.at)
    rows = list(csv.DictReader(io.StringIO(render(found, "csv"))))
    assert len(rows) == found.x.size
    assert [float(row["wrong"]) for row in rows] == found.output.ravel().tolist()
    assert [int(row["wrong_set"]) for row in rows] == found.labels.ravel().tolist()


def test_tables_follow_decimals_and_stay_short() -> None:
    large = mistake(random_batch((8, 8, 6, 6), 1), "pixelwise")
    assert len(render(large, "text").splitlines()) < 150
    with decimals(2):
        assert "−1.33" in render(mistake(A, "unbiased"), "text")
        assert "−1.3333" not in render(mistake(A, "unbiased"), "text").split("How to notice")[0]
    cells = tables(mistake(A, "pixelwise"))[1]
    assert [column.key for column in cells.columns][:5] == ["sample", "channel", "row", "x 0", "x 1"]


def test_it_prints_itself() -> None:
    found = mistake(A, "unbiased")
    assert repr(found).startswith("unbiased: batch norm of 4x1x2x2") and "<table" in found._repr_html_()
    assert found.x is normalize(found.x).x or found.x.shape == (4, 1, 2, 2)
