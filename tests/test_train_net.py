"""Which nets can be trained on which images, and that every kind of last layer trains right."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from convviz.errors import ConvvizError
from convviz.runs.recipe import Recipe
from convviz.train.loop import device_of, measure
from convviz.train.net import built, check_fit, gives_probabilities, graph_of
from convviz.train.run import train
from tests import tiny

BODY = "name: {name}\ninput: [1, 8, 8]\nlayers:\n  - conv: {{out_channels: 4, kernel_size: 3}}\n  - relu\n"
SCORES = BODY + "  - conv: {{out_channels: 4, kernel_size: 6}}\n"
TAILS = {
    "logits": "  - flatten\n",
    "log_softmax": "  - flatten\n  - log_softmax\n",
    "softmax": "  - flatten\n  - softmax\n",
    "map": "",
    "map_softmax": "  - softmax\n",
    "softmax_flatten": "  - softmax\n  - flatten\n",
}


def net(folder: Path, tail: str, name: str = "net", body: str = SCORES) -> str:
    return tiny.net(folder, body.format(name=name) + tail, f"{name}.yaml")


@pytest.mark.parametrize("tail", TAILS)
def test_every_last_layer_trains_alike(tail: str, tmp_path: Path) -> None:
    """Softmax at the end is not taken twice, log-softmax does not matter, and a 4x1x1 map is four scores."""
    settings = {"optimizer": {"name": "SGD", "lr": 0.5, "momentum": 0.9}, "epochs": 4}
    plain = tiny.trained(tiny.recipe(net(tmp_path, TAILS["logits"]), **settings))
    found = tiny.trained(tiny.recipe(net(tmp_path, TAILS[tail], tail), **settings))
    for row, expected in zip(found.history, plain.history):
        for name in ("train_loss", "test_loss", "test_accuracy"):
            assert row[name] == pytest.approx(expected[name], rel=1e-3, abs=1e-5), name
    ours, theirs = found.test().probabilities, plain.test().probabilities
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
    torch.testing.assert_close(ours.sum(1), torch.ones(30))
    assert plain.history[-1]["test_accuracy"] > 90  # quarters are easy: what does not learn them is wrong


def test_a_softmax_is_seen_wherever_the_scores_pass_unchanged_behind_it(tmp_path: Path) -> None:
    found = {
        tail: gives_probabilities(graph_of(Recipe(net=net(tmp_path, TAILS[tail], tail)))) for tail in TAILS
    }
    assert [tail for tail, yes in found.items() if yes] == ["softmax", "map_softmax", "softmax_flatten"]


def test_the_measured_loss_is_the_mean_of_minus_log_of_what_was_given_to_the_truth(tmp_path: Path) -> None:
    made = tiny.trained(tiny.recipe(net(tmp_path, TAILS["logits"])))
    found = made.test()
    images = made.splits.test
    with torch.no_grad():
        scores = made.module.eval()(images.prepared(images.x))
    expected = torch.nn.functional.cross_entropy(scores, images.y)
    assert found.loss == pytest.approx(float(expected), rel=1e-5)
    assert found.accuracy == pytest.approx(100 * float((scores.argmax(1) == images.y).float().mean()))


def test_many_images_are_measured_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tiny.trainer(tiny.recipe(net(tmp_path, "  - flatten\n")))
    whole = measure(made.module, made.splits.train)
    monkeypatch.setattr("convviz.train.loop.EVALUATED", 7)
    parts = measure(made.module, made.splits.train)
    assert parts.loss == pytest.approx(whole.loss) and parts.accuracy == whole.accuracy
    assert made.module.training


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("input: [1, 8, 8]\nlayers:\n  - flatten\n  - linear: 3\n", "odd: gives 3, but quarters has 4 classes"),
        ("input: [1, 8, 8]\nlayers:\n  - conv: {out_channels: 4, kernel_size: 3}\n",
         "odd: gives 4x6x6, but quarters has 4 classes: the last layer must give 4"),
        ("input: [3, 8, 8]\nlayers:\n  - flatten\n  - linear: 4\n",
         "odd: takes 3x8x8, but the images of quarters are 1x8x8"),
        ("input: [1, 28, 28]\nlayers:\n  - flatten\n  - linear: 4\n", "odd: takes 1x28x28, but the images"),
        ("input: [64]\nlayers:\n  - linear: 4\n", "odd: takes 64, but the images of quarters are 1x8x8"),
        ("input: {a: [1, 8, 8], b: [1, 8, 8]}\nlayers:\n  - add:\n    from: [a, b]\n  - flatten\n  - linear: 4\n",
         "odd: has 2 inputs and 1 outputs; training needs one of each"),
        ("input: [1, 8, 8]\nlayers:\n  - flatten\n  - linear: 4\n    name: a\n  - linear: 4\n    name: b\n"
         "    from: flatten1\n  - stack:\n    from: [a, b]\n", "odd: gives 2x4, but quarters has 4 classes"),
    ],
    ids=["classes", "map", "colour", "size", "vector", "inputs", "stack"],
)  # fmt: skip
def test_a_net_that_does_not_fit_is_told(body: str, told: str, tmp_path: Path) -> None:
    source = tiny.net(tmp_path, "name: odd\n" + body, "odd.yaml")
    with pytest.raises(ConvvizError) as caught:
        train(tiny.recipe(source), tmp_path / "run", tiny.DATA)
    assert str(caught.value).startswith(told) and "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()  # nothing was begun


def test_a_net_without_weights_is_told(tmp_path: Path) -> None:
    source = tiny.net(
        tmp_path, "name: still\ninput: [1, 8, 8]\nlayers:\n  - flatten\n  - slice: {dim: 1, end: 4}\n"
    )
    with pytest.raises(ConvvizError, match="still: has no weights to train"):
        train(tiny.recipe(source), tmp_path / "run", tiny.DATA)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"net": "code88"}, "neither a file nor a bundled net; did you mean 'code8'?"),
        ({"net": "/nowhere/net.yaml"}, "no such file"),
        ({"norm": "group:3"}, "num_groups: must divide the 4 channels, got 3"),
        ({"batch_size": 45}, "batch_size: must be at most the 44 training images, got 45"),
        ({"holdout": 44}, "holdout: must leave some of the 44 training images, got 44"),
        ({"holdout": 40, "batch_size": 8}, "batch_size: must be at most the 4 training images, got 8"),
        ({"train_images": 45}, "train_images: must be at most 44, got 45"),
        ({"train_images": 40, "holdout": 8}, "train_images: must be at most 36, got 40"),
        ({"erase": 9}, "erase"),
    ],
    ids=str,
)
def test_settings_that_do_not_fit_are_told(settings: dict[str, object], told: str, tmp_path: Path) -> None:
    recipe = tiny.recipe(tiny.net(tmp_path)).replace(**settings)
    if settings == {"erase": 9}:
        tiny.trained(recipe)  # all is blanked: foolish, but it can be done
        return
    with pytest.raises(ConvvizError) as caught:
        train(recipe, tmp_path / "run", tiny.DATA)
    assert told in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("norm", "batch", "told"),
    [
        ("batch", 1, "1"),
        ("batch", 2, ""),
        ("ghost:2", 2, "2 in 2 splits"),
        ("ghost:2", 3, "2 in 2 splits"),  # of 44 images 2 are left
        ("ghost:2", 4, ""),
        ("ghost:2", 11, ""),
        ("ghost:4", 7, "2 in 4 splits"),
        ("ghost:9", 4, "4 in 9 splits"),
        ("group:2", 1, ""),
        ("layer", 1, ""),
    ],
)
def test_a_single_value_for_a_channel_cannot_be_normalized(
    norm: str, batch: int, told: str, tmp_path: Path
) -> None:
    """A batch of one image, or a split of one, on a 1x1 map: torch would stop in the middle."""
    text = "name: point\ninput: [1, 8, 8]\nlayers:\n  - conv: {out_channels: 4, kernel_size: 8}\n  - batch_norm\n"
    recipe = tiny.recipe(tiny.net(tmp_path, text), batch_size=batch, norm=norm, drop_last=False)
    if not told:
        tiny.trained(recipe)
        return
    with pytest.raises(
        ConvvizError, match=f"point: .* a single value for each channel in a batch of {told}, which"
    ):
        tiny.trained(recipe)


def test_batches_of_one_image_train_where_the_norm_can(tmp_path: Path) -> None:
    made = tiny.trained(tiny.recipe(tiny.net(tmp_path), batch_size=1, epochs=1))
    assert len(made.history) == 1


@pytest.mark.parametrize(
    ("count", "drop", "steps"), [(44, False, 6), (44, True, 5), (41, False, 5), (40, False, 5)]
)
def test_a_last_batch_of_one_image_is_left_out(count: int, drop: bool, steps: int, tmp_path: Path) -> None:
    recipe = tiny.recipe(tiny.net(tmp_path), train_images=count, drop_last=drop)
    assert tiny.trainer(recipe).steps == steps


def test_a_holdout_is_not_trained_on_and_some_images_are_drawn_by_the_seed(tmp_path: Path) -> None:
    source = tiny.net(tmp_path)
    held = tiny.trainer(tiny.recipe(source, holdout=10)).splits
    assert (len(held.train), len(held.held)) == (34, 10)
    assert torch.equal(held.held.x, torch.from_numpy(tiny.DATA.train_images[34:]))
    some = [tiny.trainer(tiny.recipe(source, train_images=12, seed=seed)).splits.train for seed in (0, 0, 1)]
    assert torch.equal(some[0].x, some[1].x) and not torch.equal(some[0].x, some[2].x)
    everything = {
        image.tobytes(): label for image, label in zip(tiny.DATA.train_images, tiny.DATA.train_labels)
    }
    assert all(everything[x.numpy().tobytes()] == y for x, y in zip(some[0].x, some[0].y))


@pytest.mark.parametrize(("how", "low", "high"), [("unit", 0, 1), ("bytes", 0, 255), ("standardize", -3, 3)])
def test_pixels_are_scaled_as_the_recipe_says(how: str, low: float, high: float, tmp_path: Path) -> None:
    made = tiny.trainer(tiny.recipe(tiny.net(tmp_path), normalize=how)).splits
    x = made.train.prepared(made.train.x)
    raw = tiny.DATA.train_images.astype(float)
    expected = {"unit": raw / 255, "bytes": raw, "standardize": (raw - raw.mean()) / raw.std()}[how]
    torch.testing.assert_close(x, torch.from_numpy(expected).float(), atol=1e-4, rtol=0)
    assert low <= x.min() and x.max() <= high


def test_first_weights_are_drawn_by_the_seed_and_torchs_own_generator_is_left(tmp_path: Path) -> None:
    graph = graph_of(tiny.recipe(tiny.net(tmp_path)))
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    one, same, other = (built(graph, seed).state_dict() for seed in (4, 4, 5))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert tiny.same(one, same) and not tiny.same(one, other)


@pytest.mark.parametrize("name", ["cuda:99", "tpu", "", "gpu", "cpu:x"])
def test_a_device_that_is_not_here_is_told(name: str) -> None:
    with pytest.raises(ConvvizError, match=r"device: there is no device .* here; auto and cpu always work"):
        device_of(name)


def test_the_fit_of_bundled_nets(tmp_path: Path) -> None:
    mnist = tiny.data(4, 4, side=28)
    with pytest.raises(ConvvizError, match=r"code8: gives 10, but quarters has 4 classes"):
        check_fit(graph_of(Recipe(net="code8")), mnist)
    with pytest.raises(
        ConvvizError, match=r"cifar_s7_small: takes 3x32x32, but the images of quarters are 1x28x28"
    ):
        check_fit(graph_of(Recipe(net="cifar_s7_small")), mnist)
