"""Pictures of runs: what they tell and mark, in both themes, from no mistake to nothing but mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convviz.analysis.looks import Cam, Depth, Heat, Kernels, Looks
from convviz.analysis.predictions import Predictions
from convviz.errors import ConvvizError
from convviz.figures.training import calibration, confusion, curves, gradcam, learned, misclassified
from convviz.figures.training.scales import accuracy_axis, spread
from convviz.report.training.words import arm_of, share
from convviz.theme import theme as theme_of
from tests.pictures import check_texts, texts
from tests.run_samples import CIFAR, made_up, test_images
from tests.sweeps import seeds

test_images.__test__ = False  # type: ignore[attr-defined]
THEMES = ("light", "dark")


def told(made: Any) -> str:
    return "\n".join(text.get_text() for text in texts(made))


def some_looks(run: Any, indices: list[int], channels: int = 1, space: int = 6, side: int = 28) -> Looks:
    draws = np.random.default_rng(0)
    found = run.predictions

    def heats(classes: Any) -> tuple[Heat, ...]:
        return tuple(
            Heat(i, int(classes[i]), draws.random((space, space)), draws.random((side, side)))
            for i in indices
        )

    cam = Cam(
        "unit6.batch_norm1", 16, (space, space), (22, 22), True, heats(found.answers), heats(found.labels)
    )
    depths = tuple(
        Depth(f"unit{i + 1}.batch_norm1", (n, n), (4, 1, 0, 7), 16, draws.normal(size=(2, 4, m, m)))
        for i, (n, m) in enumerate(((3, 26), (10, 10), (22, 6), (30, 2)))
    )
    return Looks(cam, Kernels("conv1", draws.normal(size=(16, channels, 3, 3))), (0, 1), depths)


# -- curves -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("epochs", "accuracy", "theme"),
    [(1, 0.9925, "light"), (1, 0.1, "dark"), (2, 1.0, "light"), (5, 0.62, "dark"), (20, 0.9925, "light"),
     (100, 0.9925, "dark"), (20, 0.1, "light"), (3, 0.905, "dark")],
)  # fmt: skip
def test_curves_at_any_length_and_height(epochs: int, accuracy: float, theme: str) -> None:
    run = made_up(epochs, accuracy)
    made = curves.figure(run, theme=theme)
    check_texts(made)
    words = told(made)
    assert f"{100 * accuracy:.2f} % after {epochs} epoch" in words
    last = [row["test_accuracy"] for row in run.history[-5:]]
    if epochs > 1:
        assert f"lowest {min(last):.2f} % (dotted line)" in words
    assert all(f"{value:.2f}" in words.split("\n") for value in last)
    assert made.get_facecolor() == pytest.approx(_rgb(theme_of(theme).paper))


def _rgb(colour: str) -> tuple[float, ...]:
    return (*(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)), 1.0)


def test_every_epoch_is_on_the_lines() -> None:
    run = made_up(12, 0.97)
    made = curves.figure(run)
    for ax, kind in zip(made.axes[1:3], ("loss", "accuracy"), strict=True):
        for name in ("train", "test"):
            values = run.column(f"{name}_{kind}")
            lines = [line for line in ax.lines if len(line.get_ydata()) == 12]
            assert any(np.allclose(line.get_ydata(), values) for line in lines), (name, kind)
        low, high = ax.get_ylim()
        assert all(low <= value <= high for line in ax.lines for value in line.get_ydata())


def test_the_learning_rate_is_drawn_where_it_changes_and_told_where_not() -> None:
    assert "Learning rate" in told(curves.figure(made_up(6)))
    run = made_up(1)
    assert "Learning rate: 0.01 in every epoch" in told(curves.figure(run))


def test_a_run_under_way_has_curves_and_one_without_epochs_has_none() -> None:
    run = made_up(7, finished=False)
    assert "after 7 of" in curves.title(made_up(7, finished=False)) or run.recipe.epochs == 7
    check_texts(curves.figure(run))
    with pytest.raises(ConvvizError, match="no epoch is finished"):
        curves.figure(made_up(0, finished=False))


@pytest.mark.parametrize(("arms", "theme"), [(1, "light"), (3, "dark"), (12, "light")])
def test_many_runs_in_one_graph(arms: int, theme: str) -> None:
    runs = [
        made_up(10 + seed, 0.98 + 0.001 * arm, arm=f"arm number {arm} of them", seed=seed)
        for arm in range(arms)
        for seed in range(3)
    ]
    made = curves.overlay(runs, theme=theme)
    check_texts(made)
    words = told(made)
    assert f"{3 * arms} runs of" in words and words.count("n 3") == 2 * arms
    ax = made.axes[2]
    thick = [line for line in ax.lines if line.get_linewidth() == 2.1]
    thin = [line for line in ax.lines if line.get_linewidth() == 0.6]
    assert (len(thick), len(thin)) == (arms, 3 * arms)
    looks = {(line.get_color(), str(line.get_linestyle()), str(line._dash_pattern)) for line in thick}  # type: ignore[attr-defined]
    assert len(looks) == arms
    mean = np.mean([run.column("test_accuracy")[:10] for run in runs[:3]], axis=0)
    assert np.allclose(thick[0].get_ydata(), mean)


def test_an_overlay_of_other_curves_and_of_nothing() -> None:
    check_texts(curves.overlay([made_up(5)], what=("train_loss", "train_accuracy", "test_loss")))
    for what, named in ((("speed",), "no curve 'speed'"), ((), "no curve None")):
        with pytest.raises(ConvvizError, match=named):
            curves.overlay([made_up(5)], what=what)
    with pytest.raises(ConvvizError, match="no run has finished an epoch"):
        curves.overlay([made_up(0, finished=False)])
    with pytest.raises(ConvvizError, match="21 arms are too many"):
        curves.overlay([made_up(2, arm=str(i)) for i in range(21)])


@pytest.mark.parametrize("seed", range(8))
def test_accuracies_can_be_read_off_any_axis(seed: int) -> None:
    from convviz.figures import canvas

    draws = np.random.default_rng(seed)
    low = draws.uniform(5, 99.9)
    values = draws.uniform(low, 100, 12)
    with canvas.style():
        ax = canvas.page(4, 3, theme_of("light")).add_subplot()
        accuracy_axis(ax, values)
        floor, ceiling = ax.get_ylim()
        ticks = [tick for tick in ax.get_yticks() if floor - 1e-9 <= tick <= ceiling + 1e-9]
    assert floor <= values.min() and values.max() <= ceiling <= 101.1
    assert len(ticks) >= 2


@seeds(30)
def test_labels_are_spread_without_touching(seed: int) -> None:
    draws = np.random.default_rng(seed)
    wanted = draws.uniform(0, 100, draws.integers(1, 12)).tolist()
    found = spread(wanted, 8.0, 0.0, 100.0)
    order = np.argsort(wanted, kind="stable")
    apart = np.diff(np.array(found)[order])
    assert (apart >= 8 - 1e-6).all() and min(found) >= -1e-9 and max(found) <= 100 + 1e-9
    if len(wanted) == 1 or np.diff(np.sort(wanted)).min() >= 8:
        assert found == pytest.approx(wanted)


# -- misclassified ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("accuracy", "count", "grid", "shown", "theme"),
    [(1.0, 10, None, 0, "light"), (0.9925, 10, (5, 2), 3, "dark"), (0.9, 10, None, 10, "light"),
     (0.1, 12, (4, 3), 12, "dark"), (0.9, 1, (1, 1), 1, "light"), (0.5, 30, None, 30, "light")],
)  # fmt: skip
def test_misclassified_images(accuracy: float, count: int, grid: Any, shown: int, theme: str) -> None:
    run = made_up(3, accuracy, classes=CIFAR, dataset="CIFAR-10 (JPEG copy)")
    made = misclassified.figure(run, test_images(channels=3, side=32), count=count, grid=grid, theme=theme)
    check_texts(made)
    lines = told(made).split("\n")
    assert len(made.axes[0].images) == shown
    assert [line for line in lines if line.startswith("test image ")] == [
        f"test image {one.index:,}" for one in run.predictions.worst(count)
    ]
    for one in run.predictions.worst(count):
        assert CIFAR[one.answer] in lines and share(one.confidence) in lines
    if not shown:
        assert "there is nothing to show" in told(made)


def test_the_pictures_are_the_images_of_their_index() -> None:
    run, images = made_up(3, 0.9), test_images()
    made = misclassified.figure(run, images, count=4)
    paper, ink = (np.array(_rgb(c)[:3]) for c in (theme_of("light").paper, theme_of("light").ink))
    for drawn, one in zip(made.axes[0].images, run.predictions.worst(4), strict=True):
        part = images[one.index, 0][..., None] / 255
        assert np.allclose(drawn.get_array(), paper + (ink - paper) * part, atol=0.01)


@pytest.mark.parametrize("theme", THEMES)
def test_arms_below_each_other(theme: str) -> None:
    runs = [
        made_up(3, a, arm=name)
        for name, a in (("BN+L1+L2", 0.97), ("an arm with a very long name " * 3, 1.0))
    ]
    made = misclassified.figure_of_arms(runs, test_images(), count=10, grid=(5, 2), theme=theme)
    check_texts(made)
    assert "BN+L1+L2" in told(made) and len(made.axes[0].images) == 10


@pytest.mark.parametrize(
    ("count", "grid", "message"),
    [(0, None, "must be 1 to 400, got 0"), (-3, None, "got -3"), (10**12, None, "must be 1 to 400"),
     (10, (3, 3), "has room for 9, but the count is 10"), (10, (0, 5), "columns by rows"),
     (10, (10**9, 1), "at most 40 columns")],
)  # fmt: skip
def test_counts_and_grids_that_cannot_be_drawn(count: int, grid: Any, message: str) -> None:
    with pytest.raises(ConvvizError, match=message):
        misclassified.figure(made_up(2), test_images(), count=count, grid=grid)


def test_other_images_are_refused() -> None:
    with pytest.raises(ConvvizError, match="must be the 400 test images"):
        misclassified.figure(made_up(2), test_images(399))
    with pytest.raises(ConvvizError, match="there are no runs"):
        misclassified.figure_of_arms([], test_images())


# -- confusion, calibration ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("accuracy", "classes", "theme"),
    [(0.1, ("0", "1"), "light"), (1.0, tuple("0123456789"), "dark"), (0.1, CIFAR, "light"), (0.9, CIFAR, "dark"),
     (0.9, tuple(f"class {i}" for i in range(30)), "light")],
)  # fmt: skip
def test_confusion(accuracy: float, classes: tuple[str, ...], theme: str) -> None:
    run = made_up(2, accuracy, classes=classes, count=2000)
    made = confusion.figure(run, theme=theme)
    check_texts(made)
    matrix = run.predictions.confusion
    words = told(made).split("\n")
    assert f"{2000 - round(2000 * accuracy):,} mistake" in words[0]
    shown = sum(int(n) for n in (matrix > 0).ravel()) + int((np.diag(matrix) == 0).sum())
    cells = [word for word in words if word.replace(",", "").isdigit()]
    assert len(cells) >= shown
    assert f"{matrix[0, 0]:,}" in cells


def test_too_many_classes_for_a_picture() -> None:
    with pytest.raises(ConvvizError, match="50 classes are too many"):
        confusion.figure(made_up(2, classes=tuple(map(str, range(50)))))


@pytest.mark.parametrize(
    ("accuracy", "bins", "theme"),
    [(0.1, 15, "light"), (0.9, 10, "dark"), (1.0, 1, "light"), (0.95, 50, "light")],
)
def test_calibration(accuracy: float, bins: int, theme: str) -> None:
    run = made_up(2, accuracy, count=3000)
    made = calibration.figure(run, bins=bins, theme=theme)
    check_texts(made)
    found = run.predictions.calibration(bins)
    heights = [bar.get_height() for bar in made.axes[1].patches]
    assert heights == pytest.approx([a for n, a in zip(found.counts, found.accuracy) if n])
    assert [bar.get_height() for bar in made.axes[2].patches] == [n for n in found.counts if n]
    assert f"{100 * run.predictions.calibration().error:.2f} points" in told(made)


def test_a_net_that_is_always_sure() -> None:
    run = made_up(2)
    chances = np.eye(10)[np.arange(50) % 10]
    run.__dict__["predictions"] = Predictions(np.arange(50) % 10, chances, tuple("0123456789"))
    check_texts(calibration.figure(run))
    assert "as sure as right" in told(calibration.figure(run)).replace("\n", " ")


# -- Grad-CAM and what was learned --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("count", "channels", "classes", "theme"),
    [
        (0, 1, CIFAR, "light"),
        (1, 1, tuple("0123456789"), "dark"),
        (3, 3, CIFAR, "light"),
        (10, 3, CIFAR, "dark"),
    ],
)
def test_heat(count: int, channels: int, classes: tuple[str, ...], theme: str) -> None:
    run = made_up(2, 0.9, classes=classes)
    looks = some_looks(run, [one.index for one in run.predictions.worst(count)], channels)
    made = gradcam.figure(run, test_images(channels=channels), looks, theme=theme)
    check_texts(made)
    words = told(made).replace("\n", " ")
    assert len(made.axes[0].images) == 5 * count
    assert ("sees 22×22 pixels" in words) == (count > 0)
    assert ("nothing to show" in words) == (count == 0)


def test_silent_heat_is_crossed_out_and_said() -> None:
    run = made_up(2, 0.9)
    index = run.predictions.worst(1)[0].index
    none = Heat(index, 3, np.zeros((6, 6)), np.zeros((28, 28)))
    full = Heat(index, 4, np.ones((6, 6)), np.ones((28, 28)))
    looks = Looks(Cam("conv7", 8, (6, 6), (22, 22), False, (full,), (none,)), None, (), ())
    made = gradcam.figure(run, test_images(), looks)
    words = told(made).replace("\n", " ")
    assert "no place speaks for the class" in words and "stretched over the image" in words


@pytest.mark.parametrize(("channels", "theme"), [(1, "light"), (3, "dark")])
def test_kernels_and_maps(channels: int, theme: str) -> None:
    run = made_up(2, 0.9)
    looks = some_looks(run, [0], channels)
    made = learned.figure(run, test_images(channels=channels), looks, theme=theme)
    check_texts(made)
    words = told(made)
    assert len(made.axes[0].images) == 16 + 2 * (1 + 4 * 4)
    for line in (
        "Room for edges",
        "Room for textures",
        "Room for parts",
        "Room for the whole",
        "a unit sees 10×10 pixels",
    ):
        assert line in words


def test_a_net_without_maps_has_a_picture_that_says_so() -> None:
    run = made_up(2, 0.9)
    looks = Looks(None, None, (), (), ("No layer has a map.", "There is no convolution."))
    for made in (learned.figure(run, test_images(), looks), gradcam.figure(run, test_images(), looks)):
        check_texts(made)
        assert "No layer has a map." in told(made)


@pytest.mark.parametrize(("out", "groups"), [(1, 1), (64, 1), (200, 1), (16, 4), (32, 3)])
def test_any_number_of_kernels(out: int, groups: int) -> None:
    run = made_up(2, 0.9)
    size = (out, groups, 7, 5)
    looks = Looks(None, Kernels("stem", np.random.default_rng(0).normal(size=size)), (), ())
    made = learned.figure(run, test_images(), looks)
    check_texts(made)
    assert len(made.axes[0].images) == min(out if groups == 3 else out * groups, 64)


# -- files --------------------------------------------------------------------------------------------------
def test_files_say_what_they_show(tmp_path: Path) -> None:
    run, images = made_up(4, 0.95), test_images()
    curves.plot(run, tmp_path / "a.svg")
    misclassified.plot(run, images, tmp_path / "b.svg", count=2)
    confusion.plot(run, tmp_path / "c.svg")
    for name, word in (("a", "Test accuracy from"), ("b", "test image"), ("c", "Most often taken")):
        text = (tmp_path / f"{name}.svg").read_text(encoding="utf-8")
        assert f"{word}" in text.partition("<desc")[2].partition("</desc>")[0]
    with pytest.raises(ConvvizError, match="a picture is written as"):
        calibration.plot(run, tmp_path / "d.jpg")


def test_names_of_arms_and_shares() -> None:
    assert arm_of(made_up(1, arm="/home/me/nets/my.net.yaml")) == "my.net"
    assert arm_of(made_up(1, arm="BN+L1+L2")) == "BN+L1+L2"
    assert share(0.99951) == ">99.9 %" and share(0.0005) == "0.1 %"
