"""The image under a net's input, and what a row of the column says that it does."""

from __future__ import annotations

import zlib
from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import convviz
from convviz.cli import main
from convviz.errors import ConvvizError
from convviz.explorer import net_image
from convviz.explorer.net import net_data
from convviz.graph import GraphBuilder
from convviz.ops import build


def pixels(address: str) -> np.ndarray:
    """(H, W, channels) of a picture."""
    content = b64decode(address.partition(",")[2])
    wide, high = (int.from_bytes(content[i : i + 4], "big") for i in (16, 20))
    start = content.index(b"IDAT")
    length = int.from_bytes(content[start - 4 : start], "big")
    lines = np.frombuffer(zlib.decompress(content[start + 4 : start + 4 + length]), np.uint8)
    rows = lines.reshape(high, -1)[:, 1:]
    return np.cumsum(rows, axis=0, dtype=np.uint8).reshape(high, wide, -1)


def drawn(image: Any, net: str = "code8") -> np.ndarray:
    return pixels(net_data(convviz.read(net), image)["image"])


def test_numbers_from_0_to_1_and_from_0_to_255_are_the_same_picture() -> None:
    whole = np.arange(784).reshape(1, 28, 28) % 256
    assert (drawn(whole)[..., 0] == whole[0]).all()
    assert (drawn(whole.astype(np.uint8)) == drawn(whole)).all()
    assert (drawn(whole / 255) == drawn(whole)).all()
    assert (drawn((whole / 255).tolist()) == drawn(whole)).all()
    assert (drawn(whole > 99)[..., 0] == 255 * (whole[0] > 99)).all()


def test_a_tensor_is_an_image() -> None:
    torch = pytest.importorskip("torch")
    image = torch.rand(1, 28, 28, requires_grad=True)
    assert (drawn(image) == drawn(image.detach().numpy())).all()


@pytest.mark.parametrize(
    "image, told",
    [
        (np.full((1, 28, 28), -2.0), "holds numbers from -2 to -2; the page draws 0 to 1"),
        (np.full((1, 28, 28), np.nan), "holds numbers from nan to nan"),
        (np.full((1, 28, 28), 300), "holds numbers from 300 to 300"),
        (np.full((1, 28, 28), 9.0), "holds numbers from 9 to 9"),
        (np.zeros((1, 28, 28), complex), "must be an array (C, H, W) of numbers, got complex128"),
        (np.full((1, 28, 28), "a"), "must be an array (C, H, W) of numbers, got <U1"),
        ([[1.0], [1.0, 2.0]], "must be an array (C, H, W) of numbers, got list"),
        ("photo.jpg", "must be an array (C, H, W) of numbers, got text"),
        (np.zeros((28, 28)), "the image is 28x28; the page draws 1 or 3 channels of 28x28"),
    ],
)
def test_what_is_no_image(image: Any, told: str) -> None:
    with pytest.raises(ConvvizError) as caught:
        net_data(convviz.read("code8"), image)
    assert str(caught.value).startswith(f"image: {told}")


def test_an_image_needs_rows_and_columns() -> None:
    with pytest.raises(ConvvizError, match="image: lies under rows and columns; this input has 2048 cells"):
        net_data(convviz.read("wavenet"), np.zeros((1, 28, 28)))


def test_a_large_image_is_drawn_coarser_and_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net_image, "BYTES", 700)
    image = np.random.default_rng(0).integers(0, 256, (1, 28, 28))
    data = net_data(convviz.read("code8"), image)
    means = image[0].reshape(14, 2, 14, 2).mean((1, 3))
    assert np.abs(pixels(data["image"])[..., 0] - means).max() <= 0.5
    assert data["notes"] == ["The image is drawn with one pixel for 2 × 2 cells."]
    odd = net_image._coarser(np.array([[[0], [10], [50]]], np.uint8), 2)  # the edge goes on
    assert odd.tolist() == [[[5], [50]]]


def test_a_row_says_what_makes_its_shape_another() -> None:
    builder = GraphBuilder("flat", {"input": (1, 8, 8)})
    builder.add("conv", build("conv", {"out_channels": 4, "kernel_size": 3}), ["input"])
    builder.add("relu", build("relu"), ["conv"])
    builder.add("flat", build("flatten"), ["relu"])
    rows = net_data(builder.build())["pictures"]["blocks"]["rows"]
    assert [row.get("does") for row in rows] == [None, "conv 3×3 · relu · flatten"]
    plain = net_data(convviz.read("code8"))["pictures"]["blocks"]["rows"]
    assert plain[1]["does"] == "conv 3×3 · relu · bn"
    assert plain[-1]["does"] == "conv 1×1 · flatten · log softmax"


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["", "-o", "x.html"], "WHAT: names nothing to explore"),
        (["code8", "--image", "", "-o", "x.html"], "--image: names no file"),
        (["code8", "--image", ".", "-o", "x.html"], "--image: takes one file; . is a folder"),
        (["code8", "--set", "x=1", "-o", "x.html"], "--set x: goes with an op"),
    ],
)
def test_empty_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.zeros((1, 28, 28)))
    done = CliRunner().invoke(main, ["explore", *arguments])
    assert done.exit_code == 2
    assert done.output.startswith(f"convviz: {told}") and done.output.count("\n") == 1
    assert not Path("x.html").exists()
