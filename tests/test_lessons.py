"""Small measured lessons: the committed results add up, a run is the same from its seed."""

from __future__ import annotations

import json
from hashlib import sha256
from math import inf, nan, sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import convviz  # noqa: E402
from convviz.analysis.statistics.lesson_differences import difference  # noqa: E402
from convviz.build import build_module  # noqa: E402
from convviz.errors import ConvvizError  # noqa: E402
from convviz.probe.lessons import Log, data, digits_here, main, measure, text  # noqa: E402
from convviz.probe.lessons_list import LESSONS, NAMES, Arm, Lesson  # noqa: E402
from convviz.probe.lessons_nets import Net  # noqa: E402
from convviz.probe.lessons_run import MEAN, STD, Recipe, accuracy, batches, scaled, trained, turned  # noqa: E402
from convviz.train.data import Data, has, load  # noqa: E402
from tests.datafiles import write_mnist  # noqa: E402

MEASURED = Path(convviz.__file__).parent / "questions" / "measured.json"
FOUND = json.loads(MEASURED.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def small() -> Data:
    pytest.importorskip("sklearn")
    return load("digits")


# -- the committed results --------------------------------------------------------------------------------
def test_every_lesson_is_measured() -> None:
    assert [lesson["name"] for lesson in FOUND] == list(NAMES)


@pytest.mark.parametrize("lesson", FOUND, ids=lambda lesson: lesson["name"])
def test_the_numbers_add_up(lesson: dict[str, Any]) -> None:
    stats = pytest.importorskip("scipy.stats")
    seeds = lesson["seeds"]
    assert len(seeds) >= 5 and seeds == list(range(len(seeds)))
    assert lesson["data_set"] == "MNIST" and lesson["test"] == 10_000 and lesson["question"].endswith("?")
    by_name = {}
    for arm, planned in zip(lesson["arms"], NAMES[lesson["name"]].arms, strict=True):
        values = arm["accuracies"]
        assert len(values) == len(seeds) and all(0 <= v <= 100 and round(v * 100, 6) % 1 == 0 for v in values)
        assert arm["mean"] == pytest.approx(fmean(values)) and arm["sd"] == pytest.approx(stdev(values))
        assert arm["name"] == planned.name and arm["params"] == planned.recipe.net.graph.params
        assert arm["epochs"] == planned.recipe.epochs and arm["train"] == planned.recipe.train
        by_name[arm["name"]] = values
    for c in lesson["comparisons"]:
        differences = np.subtract(by_name[c["arm"]], by_name[c["against"]])
        assert c["difference"] == pytest.approx(differences.mean())
        level = 1 - 0.05 / len(lesson["comparisons"])
        low, high = stats.t.interval(
            level, len(seeds) - 1, differences.mean(), differences.std(ddof=1) / sqrt(len(seeds))
        )
        assert (c["low"], c["high"]) == (pytest.approx(low), pytest.approx(high))
        assert c["detected"] == (low > 0 or high < 0) == ("no difference detected" not in c["words"])
        assert c["words"] in lesson["verdict"]


def test_arms_that_share_a_recipe_share_their_runs() -> None:
    base: dict[Any, list[float]] = {}
    for lesson in FOUND:
        for arm, planned in zip(lesson["arms"], NAMES[lesson["name"]].arms, strict=True):
            key = (planned.recipe, planned.turn)
            assert base.setdefault(key, arm["accuracies"]) == arm["accuracies"]


def test_arms_at_equal_parameters_have_them() -> None:
    counts = {arm.name: arm.recipe.net.graph.params for arm in NAMES["gap-or-linear"].arms}
    assert counts["flatten and linear"] == 14_450
    assert abs(counts["GAP, same parameters"] - 14_450) < 30


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_comparisons_name_arms(lesson: Lesson) -> None:
    names = [arm.name for arm in lesson.arms]
    assert len(set(names)) == len(names) and lesson.compared
    assert all(a in names and b in names and a != b for a, b in lesson.compared)


# -- nets and runs -----------------------------------------------------------------------------------------
def test_the_net_s_parameters_are_torch_s() -> None:
    for arm in {arm.recipe.net: arm for lesson in LESSONS for arm in lesson.arms}.values():
        net = arm.recipe.net
        if net.graph.params < 10**5:
            module, _ = build_module(net.graph)
            assert sum(p.numel() for p in module.parameters()) == net.graph.params, net


def blank() -> Data:
    images = np.zeros((4, 1, 28, 28), np.uint8)
    return Data("blank", images, np.arange(4), images, np.arange(4), tuple("0123456789"), "the same")


def test_the_order_of_norm_and_relu() -> None:
    def kinds(net: Net) -> list[str]:
        return [node.op.kind for node in net.graph][:4]

    assert kinds(Net()) == ["conv", "relu", "batch_norm", "conv"]
    assert kinds(Net(order="norm-relu")) == ["conv", "batch_norm", "relu", "conv"]
    assert kinds(Net(norm="none", dropout=0.5)) == ["conv", "relu", "dropout", "conv"]
    assert kinds(Net((7,), head="hidden")) == ["flatten", "linear", "relu", "linear"]
    assert Net(norm="group").graph.params == Net().graph.params


def test_a_run_is_the_same_from_its_seed(small: Data) -> None:
    recipe = Recipe(net=Net(widths=(4, 0, 8), dropout=0.1), train=64, batch=16, epochs=1)
    before = torch.random.get_rng_state()
    one, two = (accuracy(trained(recipe, 3, small), recipe, small) for _ in range(2))
    assert one == two and torch.equal(before, torch.random.get_rng_state())
    first, other = (trained(recipe, seed, small, steps=2).state_dict() for seed in (3, 4))
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_a_smoke_run_of_a_lesson(small: Data, tmp_path: Path) -> None:
    lesson = NAMES["norm-order"]
    path = tmp_path / "runs.jsonl"
    (found,) = measure([lesson], (0, 1), small, Log(path), steps=3)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 * len(lesson.arms)
    done: list[str] = []
    (again,) = measure([lesson], (0, 1), small, Log(path), steps=3, told=done.append)
    assert again.accuracies == found.accuracies and not done  # nothing is trained twice
    shown = data(found)
    assert shown["data_set"].startswith("scikit-learn digits") and shown["test"] == 500
    assert "conv, ReLU, batch norm" in text(found) and repr(found) == text(found)
    assert f"{shown['arms'][0]['mean']:.2f}" in text(found)
    (single,) = measure([lesson], (0,), small, Log(path), steps=3)
    assert json.loads(json.dumps(data(single), allow_nan=False))["comparisons"][0]["low"] is None
    assert "1 seed, last epoch" in text(single)


def test_training_learns(small: Data) -> None:
    recipe = Recipe(Net((32,), head="hidden"), train=1200, batch=16, epochs=6, rate=0.01, schedule="step")
    assert accuracy(trained(recipe, 0, small), recipe, small) > 85


def test_the_step_divides_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    step = torch.optim.SGD.step

    def spy(self: Any, *args: Any, **more: Any) -> Any:
        rates.append(self.param_groups[0]["lr"])
        return step(self, *args, **more)

    monkeypatch.setattr(torch.optim.SGD, "step", spy)
    trained(Recipe(net=Net((2,), head="hidden"), batch=2, epochs=6, rate=0.5, schedule="step"), 0, blank())
    assert rates == [0.5] * 8 + [0.05] * 4


def test_batches_are_whole_and_in_a_random_order() -> None:
    found = list(batches(10, 3, torch.Generator().manual_seed(0)))
    assert [len(at) for at in found] == [3, 3, 3]
    cells = torch.cat(found).tolist()
    assert len(set(cells)) == 9 and cells != sorted(cells)


def test_a_batch_larger_than_the_training_set() -> None:
    with pytest.raises(ConvvizError, match="at most the 4 training images, got 64"):
        trained(Recipe(), 0, blank())


def test_pixels_are_scaled() -> None:
    images = np.array([[[0, 255]]], np.uint8)
    assert scaled(images, "bytes").flatten().tolist() == [0, 255]
    assert scaled(images, "unit").flatten().tolist() == [0, 1]
    wanted = [-MEAN / STD, (1 - MEAN) / STD]
    assert scaled(images, "standardized").flatten().tolist() == pytest.approx(wanted, rel=1e-5)


def test_turned_images() -> None:
    images = np.random.default_rng(0).random((8, 1, 28, 28)).astype(np.float32)
    moved = turned(torch.from_numpy(images), "shifted 4").numpy()
    for i, (rows, columns) in enumerate([(4, 0), (-4, 0), (0, 4), (0, -4)] * 2):
        wanted = np.zeros((28, 28), np.float32)
        source = np.roll(images[i, 0], (rows, columns), (0, 1))
        inside = slice(max(rows, 0), 28 + min(rows, 0)), slice(max(columns, 0), 28 + min(columns, 0))
        wanted[inside] = source[inside]
        assert np.array_equal(moved[i, 0], wanted), i
    assert np.array_equal(turned(torch.from_numpy(images), "as is").numpy(), images)


def test_rotated_images() -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    smooth = ndimage.gaussian_filter(np.random.default_rng(0).random((28, 28)), 3).astype(np.float32)
    found = turned(torch.from_numpy(np.stack([smooth, smooth])[:, None]), "rotated 30").numpy()[:, 0]
    for image, degrees in zip(found, (30, -30), strict=True):
        wanted = ndimage.rotate(smooth, degrees, reshape=False, order=1)
        assert np.abs(image - wanted)[8:20, 8:20].max() < 1e-3


# -- statistics --------------------------------------------------------------------------------------------
def test_comparisons() -> None:
    found = difference("a", "b", [1, 2, 3], [1, 1, 1])
    assert found.difference == 1 and not found.detected and found.words.endswith("no difference detected")
    assert (found.low, found.high) == (
        pytest.approx(1 - 2.48414, rel=1e-4),
        pytest.approx(1 + 2.48414, rel=1e-4),
    )
    assert difference("a", "b", [1, 2, 3], [1, 1, 1], 3).high > found.high
    assert difference("a", "b", [5], [1]).high == inf and not difference("a", "b", [5], [1]).detected
    assert (
        difference("a", "b", [5], [1]).words
        == "a against b: +4.00 points in one run, which tells nothing about chance"
    )
    assert difference("a", "b", [2, 2], [1, 1]).detected


# -- digits ------------------------------------------------------------------------------------------------
def test_the_digits_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: Data) -> None:
    """MNIST where it is, scikit-learn's digits where it is not, and never a download."""
    monkeypatch.setenv("CONVVIZ_DATA", str(tmp_path))
    assert np.array_equal(digits_here().train_images, small.train_images)
    with pytest.raises(ConvvizError, match="MNIST is not here"):
        digits_here(str(tmp_path))
    write_mnist(tmp_path / "mnist")
    assert digits_here().train_images.shape == digits_here(str(tmp_path)).train_images.shape == (3, 1, 28, 28)


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("mnist", ["741c988805d008ac", "1feba77c54802fa5", "6d87418db22cc802", "ddeff807876a9661"]),
        ("digits", ["6eb879dc723a2b67", "3780054f44184fcb", "8f2c5d59ae65b056", "21366e8b6fa7dbed"]),
    ],
)
def test_the_committed_results_had_these_pixels(name: str, seen: list[str]) -> None:
    """A change of the arrays would make the committed numbers impossible to repeat."""
    pytest.importorskip("sklearn")
    if name == "mnist" and not has("mnist"):
        pytest.skip("MNIST is not in the data folder")
    found = load(name, download=False)
    bytes_of = (found.train_images, found.train_labels, found.test_images, found.test_labels)
    assert [sha256(array.astype(np.uint8).tobytes()).hexdigest()[:16] for array in bytes_of] == seen


# -- python -m convviz.probe.lessons -----------------------------------------------------------------------
def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(LESSONS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dropou"], "no lesson 'dropou'; did you mean 'dropout'?"),
        (["dropout", "--seeds", "0"], "--seeds: must be 1 to 1,000, got 0"),
        (["dropout", "--data", "/nowhere"], "/nowhere/mnist: MNIST is not here"),
    ],
)
def test_bad_commands(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1


def test_a_log_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("hello\n", encoding="utf-8")
    with pytest.raises(ConvvizError, match="a line that is no finished run"):
        Log(path)
    assert str(nan) not in repr(Arm("a", Recipe()))
