"""Grad-CAM against class activation maps worked out by hand, where heat is drawn, kernels and maps of any net."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convviz.analysis.looks import Looks, grad_cam, has_room_for, on_image, strongest
from convviz.analysis.receptive_field import receptive_field
from convviz.analysis.results import Field
from convviz.errors import ConvvizError
from convviz.read import read
from tests.run_samples import NO_CONV, small_data, small_run

torch = pytest.importorskip("torch")
F = torch.nn.functional


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    return small_run(tmp_path_factory.mktemp("grey"))


@pytest.fixture(scope="module")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    return small_run(tmp_path_factory.mktemp("colour"), channels=3, epochs=1)


def look(*arguments: Any, **more: Any) -> Looks:
    from convviz.train.looks import look as looked

    return looked(*arguments, **more)


# -- Grad-CAM -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(5))
def test_grad_cam_is_the_formula_written_out(seed: int) -> None:
    draws = np.random.default_rng(seed)
    maps, gradients = draws.normal(size=(2, 2, 3, 4, 5))
    for n, found in enumerate(grad_cam(maps, gradients)):
        for i in range(4):
            for j in range(5):
                total = sum(gradients[n, c].mean() * maps[n, c, i, j] for c in range(3))
                assert found[i, j] == pytest.approx(max(total, 0))


def test_grad_cam_refuses_other_shapes() -> None:
    with pytest.raises(ConvvizError, match="two arrays"):
        grad_cam(np.zeros((1, 2, 3, 3)), np.zeros((1, 2, 3, 4)))
    with pytest.raises(ConvvizError, match="two arrays"):
        grad_cam(np.zeros((2, 3, 3)), np.zeros((2, 3, 3)))


def test_behind_a_global_average_it_is_the_class_activation_map(trained: tuple[Any, Any]) -> None:
    """Zhou et al. 2016: CAM = sum of w[class, c] * map[c]; Grad-CAM is its positive part over the number of units.

    The net is computed anew here, from the state dict alone.
    """
    run, data = trained
    weights = torch.load(run.folder / "model.pt", weights_only=True)
    bytes_ = torch.from_numpy(data.test_images).double()
    x = (bytes_ / 255 - data.mean[0]) / data.std[0]
    x = F.conv2d(x, weights["conv1.weight"].double()).relu()
    norm = [
        weights[f"batch_norm1.{name}"].double() for name in ("running_mean", "running_var", "weight", "bias")
    ]
    x = F.batch_norm(x, *norm)
    x = F.conv2d(x, weights["conv2.weight"].double(), weights["conv2.bias"].double()).relu()
    head = weights["conv3.weight"].double()[:, :, 0, 0]
    images = list(range(12))
    found = look(run, data, images)
    assert found.cam is not None and found.cam.layer == "relu2" and found.cam.space == (8, 8)
    for heats, classes in ((found.cam.answered, run.predictions.answers), (found.cam.true, data.test_labels)):
        for heat in heats:
            about = int(classes[heat.index])
            cam = torch.einsum("c,chw->hw", head[about], x[heat.index]).relu() / 64
            assert heat.about == about
            assert np.allclose(heat.coarse, cam.numpy(), atol=1e-4)
    answers = (x.mean((2, 3)) @ head.T + weights["conv3.bias"].double()).argmax(1)
    assert (answers.numpy() == run.predictions.answers).all()


def test_the_score_is_taken_before_the_softmax() -> None:
    from convviz.train.looks import scores

    assert scores(read("code8")) == "conv8"
    assert scores(read("s6_bn")) == "linear1"
    assert scores(read("vgg16")).startswith("fc") or read("vgg16")[scores(read("vgg16"))].op.kind == "linear"


def test_an_image_has_the_same_heat_alone_and_among_others(trained: tuple[Any, Any]) -> None:
    run, data = trained
    alone, among = look(run, data, [7]).cam, look(run, data, [3, 7, 9]).cam
    assert alone is not None and among is not None
    assert np.allclose(alone.answered[0].coarse, among.answered[1].coarse, atol=1e-6)


def test_a_chosen_layer(trained: tuple[Any, Any]) -> None:
    run, data = trained
    found = look(run, data, [0], layer="batch_norm1").cam
    assert found is not None and found.space == (10, 10) and found.sees == (3, 3)
    with pytest.raises(ConvvizError, match="no layer 'relu9'"):
        look(run, data, [0], layer="relu9")
    with pytest.raises(ConvvizError, match="no map of places"):
        look(run, data, [0], layer="flatten1")


@pytest.mark.parametrize(
    ("net", "layer"),
    [("code8", "batch_norm6"), ("s6_bn", "unit5.batch_norm1"), ("code3", "relu7"), ("code1", "relu5"),
     ("cifar_s7_wide", "batch_norm10"), ("cifar_s7_small", "unit8.batch_norm1"), ("tiny", None), ("s4", None),
     ("code6", None), ("s7", None)],
)  # fmt: skip
def test_the_last_layer_with_four_units_a_side(net: str, layer: str | None) -> None:
    from convviz.train.looks import cam_layer, depth_layers

    fields = receptive_field(read(net))
    found = cam_layer(fields)
    assert found is not None and min(found.out[1:]) >= 4
    if layer is not None:
        assert found.name == layer
    deep = depth_layers(fields)
    sees = [max(fields[node.name].size) for node in deep]  # type: ignore[union-attr]
    assert 1 <= len(deep) <= 4 and sees == sorted(set(sees))
    assert (
        fields[deep[-1].name].size
        == max(  # type: ignore[union-attr]
            field.size
            for node in fields.graph
            if node.op.kind == "conv" and min(node.out[1:]) >= 2 and (field := fields[node.name]) is not None
        )
    )


# -- where heat lies ----------------------------------------------------------------------------------------
def field(size: int, jump: int, start: int, period: int = 1) -> Field:
    two = (Fraction(jump),) * 2
    return Field((size,) * 2, (size,) * 2, two, (start,) * 2, (period,) * 2, size**2)


def test_heat_lies_where_receptive_fields_are_centred() -> None:
    coarse = np.zeros((3, 3))
    coarse[1, 2] = 5
    fine, placed = on_image(coarse, (28, 28), field(7, 4, 2))  # centres 5, 9, 13
    assert placed and fine.shape == (28, 28)
    assert np.unravel_index(fine.argmax(), fine.shape) == (9, 13) and fine.max() == 5
    assert fine[9, 11] == 2.5 and fine[9, 15] == 2.5 and fine[9, 17] == 0 and fine[5, 13] == 0


@pytest.mark.parametrize("net", ["code8", "s7", "tiny", "cifar_s7_wide"])
def test_the_peak_lies_within_what_the_unit_reads(net: str) -> None:
    from convviz.analysis.receptive_field import unit
    from convviz.train.looks import cam_layer

    fields = receptive_field(read(net))
    node = cam_layer(fields)
    assert node is not None
    image = next(iter(fields.graph.inputs.values()))[1:]
    at = (node.out[1] // 2, node.out[2] // 2)
    coarse = np.zeros(node.out[1:])
    coarse[at] = 1
    fine, placed = on_image(coarse, image, fields[node.name])
    read_by = unit(fields.graph, at, node.name)
    peak = np.unravel_index(fine.argmax(), fine.shape)
    assert placed and read_by.lo is not None and read_by.hi is not None
    assert all(lo <= p <= hi for lo, p, hi in zip(read_by.lo, peak, read_by.hi))


def test_without_a_grid_the_map_is_stretched() -> None:
    flat = np.ones((3, 2))
    for odd in (None, field(7, 4, 2, period=2)):
        fine, placed = on_image(flat, (9, 8), odd)
        assert not placed and np.allclose(fine, 1)


# -- kernels and maps ---------------------------------------------------------------------------------------
def test_kernels_and_maps_are_the_nets_own(trained: tuple[Any, Any]) -> None:
    run, data = trained
    weights = torch.load(run.folder / "model.pt", weights_only=True)
    found = look(run, data, [], shown=[4, 5])
    assert found.kernels is not None and not found.kernels.coloured
    assert np.array_equal(found.kernels.weights, weights["conv1.weight"].double().numpy())
    assert found.shown == (4, 5) and [d.sees for d in found.depths] == [(3, 3), (5, 5)]
    x = (torch.from_numpy(data.test_images[[4, 5]]).double() / 255 - data.mean[0]) / data.std[0]
    maps = F.conv2d(x, weights["conv1.weight"].double()).relu()
    norm = [
        weights[f"batch_norm1.{name}"].double() for name in ("running_mean", "running_var", "weight", "bias")
    ]
    maps = F.batch_norm(maps, *norm).numpy()
    first = found.depths[0]
    assert first.layer == "batch_norm1" and first.of == 6 and len(first.channels) == 4
    assert np.allclose(first.maps, maps[:, list(first.channels)], atol=1e-4)
    rise = maps.max((2, 3)).mean(0) - maps.mean((0, 2, 3))
    assert list(first.channels) == list(np.argsort(-rise)[:4])


def test_a_net_for_colours(coloured: tuple[Any, Any]) -> None:
    run, data = coloured
    found = look(run, data, [0, 1])
    assert (
        found.kernels is not None and found.kernels.coloured and found.kernels.weights.shape == (6, 3, 3, 3)
    )
    assert found.cam is not None and found.cam.answered[0].fine.shape == (12, 12)
    assert not found.notes


def test_a_net_without_convolutions_says_so(tmp_path: Path) -> None:
    run, data = small_run(tmp_path, NO_CONV, epochs=1)
    found = look(run, data, [0, 1, 2])
    assert found.cam is None and found.kernels is None and found.depths == ()
    assert [note.partition(",")[0] for note in found.notes] == [
        "No layer of this net has a map with space",
        "This net has no convolution",
        "No convolution of this net leaves a map with space",
    ]


def test_shown_by_default_are_right_ones_of_three_classes(trained: tuple[Any, Any]) -> None:
    run, data = trained
    found = look(run, data, [])
    right = run.predictions.right
    assert all(right[i] for i in found.shown)
    assert len({int(data.test_labels[i]) for i in found.shown}) == len(found.shown) == min(3, len(set(
        data.test_labels[right].tolist())))  # fmt: skip


def test_strongest_and_room() -> None:
    assert strongest(np.zeros((0, 3, 2, 2)), 2) == ()
    assert has_room_for((32, 3), (28, 28)) == "the whole" and has_room_for((5, 5), (28, 28)) == "edges"


# -- what is refused ----------------------------------------------------------------------------------------
def test_other_data_other_indices(trained: tuple[Any, Any]) -> None:
    run, data = trained
    with pytest.raises(ConvvizError, match="is not the data set that this run was tested on"):
        look(run, small_data(test=50), [0])
    for index in (-1, 60, 10**12):
        with pytest.raises(ConvvizError, match="index of a test image: must be 0 to 59"):
            look(run, data, [index])


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: path.unlink(), "there is no model"),
        (lambda path: path.write_bytes(b"\x00nothing"), "cannot be read"),
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (lambda path: torch.save({"conv1.weight": torch.zeros(1)}, path), "not the model of this run's net"),
        (lambda path: torch.save([1, 2], path), "not the model of this run's net"),
    ],
)
def test_a_spoilt_model(tmp_path: Path, trained: tuple[Any, Any], spoil: Any, told: str) -> None:
    import shutil

    from convviz.runs.run import read_run

    run, data = trained
    copy = tmp_path / "copy"
    shutil.copytree(run.folder, copy)
    spoil(copy / "model.pt")
    with pytest.raises(ConvvizError) as caught:
        look(read_run(copy), data, [0])
    assert told in str(caught.value) and "model.pt" in str(caught.value) and "\n" not in str(caught.value)
