"""Augmentation against slow references, one image at a time, and what is drawn when."""

from __future__ import annotations

from math import cos, radians, sin, tan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import affine_transform

from convviz.train.augment import Augment, cropped, erased, warped
from convviz.train.seeds import PURPOSES, generator, seed_for
from tests import tiny

FILL = 0.25
WARPS = [
    {"rotation": 20},
    {"shift": 0.2},
    {"scale": 0.3},
    {"shear": 25},
    {"rotation": 180, "shift": 0.5, "scale": 0.9, "shear": 60},
    {},
]


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(shape: tuple[int, ...], seed: int = 1) -> torch.Tensor:
    return torch.rand(shape, generator=draws(seed))


def reference(image: np.ndarray, drawn: np.ndarray, augment: Augment) -> np.ndarray:
    """One image (C, H, W) turned, slanted, sized and moved by scipy, in pixels from the middle."""
    _, h, w = image.shape
    angle, slant = radians(drawn[0] * augment.rotation), radians(drawn[1] * augment.shear)
    turn = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])  # of (x, y)
    slope = np.array([[1, tan(slant)], [0, 1]])
    matrix = (1 + drawn[2] * augment.scale) * turn @ slope
    shift = drawn[3:] * augment.shift * (w, h)
    matrix, shift = matrix[::-1, ::-1], shift[::-1]  # scipy counts (y, x)
    middle = (np.array([h, w]) - 1) / 2
    offset = middle + shift - matrix @ middle
    # grid-constant: between the last pixel and the fill it interpolates, too.
    return np.stack(
        [affine_transform(plane, matrix, offset, order=1, mode="grid-constant", cval=FILL) for plane in image]
    )


@pytest.mark.parametrize("shape", [(6, 1, 8, 8), (4, 3, 9, 5), (3, 1, 4, 11), (2, 2, 1, 7)], ids=str)
@pytest.mark.parametrize("settings", WARPS, ids=str)
def test_warps_are_those_of_scipy(settings: dict[str, Any], shape: tuple[int, ...]) -> None:
    augment, x = Augment(**settings), images(shape)
    drawn = (2 * torch.rand(shape[0], 5, generator=draws(7)) - 1).double().numpy()
    found = augment(x, FILL, draws(7)).numpy()
    for got, image, own in zip(found, x.double().numpy(), drawn):
        np.testing.assert_allclose(got, reference(image, own, augment), atol=2e-5)


def matrix(*rows: float) -> torch.Tensor:
    return torch.tensor([rows], dtype=torch.float32).reshape(1, 2, 3)


def test_the_identity_changes_nothing() -> None:
    x = images((2, 3, 6, 9))
    one = matrix(1, 0, 0, 0, 1, 0).expand(2, 2, 3)
    torch.testing.assert_close(warped(x, one, FILL), x, atol=1e-6, rtol=0)
    assert not Augment().any and torch.equal(Augment()(x, FILL, draws()), x)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_quarter_turns_are_exact(quarters: int) -> None:
    x = images((1, 1, 7, 7))
    c, s = round(cos(quarters * np.pi / 2)), round(sin(quarters * np.pi / 2))
    turned = warped(x, matrix(c, -s, 0, s, c, 0), FILL)
    torch.testing.assert_close(turned, x.rot90(quarters, (2, 3)), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("down", "right"), [(0, 1), (2, 0), (-1, 3), (-4, -4), (8, 0)])
def test_whole_shifts_are_exact(down: int, right: int) -> None:
    x = images((1, 2, 8, 8))
    found = warped(x, matrix(1, 0, -2 * right / 8, 0, 1, -2 * down / 8), FILL)
    expected = torch.full_like(x, FILL)
    for row in range(8):
        for column in range(8):
            if 0 <= row - down < 8 and 0 <= column - right < 8:
                expected[..., row, column] = x[..., row - down, column - right]
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_what_is_drawn_fills_its_range_and_no_more() -> None:
    rows = Augment(rotation=30).matrices((2000, 1, 8, 8), draws())
    angles = torch.atan2(rows[:, 1, 0], rows[:, 0, 0]).rad2deg()
    assert angles.abs().max() <= 30 and angles.min() < -29 and angles.max() > 29
    moves = Augment(shift=0.25).matrices((2000, 1, 8, 8), draws())[:, :, 2] * 8 / 2  # in pixels
    assert moves.abs().max() <= 2 and moves.abs().max() > 1.98
    sizes = Augment(scale=0.1).matrices((2000, 1, 8, 8), draws())[:, 0, 0]
    assert 0.9 <= sizes.min() < 0.902 and 1.098 < sizes.max() <= 1.1


@pytest.mark.parametrize("pad", [1, 3, 9])
def test_a_crop_is_a_window_of_the_padded_image(pad: int) -> None:
    x = images((300, 2, 4, 5))
    found = cropped(x, pad, FILL, draws())
    wide = np.pad(x.numpy(), ((0, 0), (0, 0), (pad, pad), (pad, pad)), constant_values=FILL)
    places = set()
    for got, image in zip(found.numpy(), wide):
        fits = [
            (row, column) for row in range(2 * pad + 1) for column in range(2 * pad + 1)
            if np.array_equal(got, image[:, row : row + 4, column : column + 5])
        ]  # fmt: skip
        assert fits
        places.update(fits)
    assert {row for row, _ in places} >= {0, 2 * pad} or pad == 9
    assert len(places) > 8


def test_half_of_the_images_are_mirrored() -> None:
    x = images((400, 1, 3, 4))
    found = Augment(flip=True)(x, FILL, draws())
    mirrored = [torch.equal(got, image.flip(-1)) for got, image in zip(found, x)]
    same = [torch.equal(got, image) for got, image in zip(found, x)]
    assert all(a != b for a, b in zip(mirrored, same)) and 160 < sum(mirrored) < 240


@pytest.mark.parametrize("side", [1, 2, 3, 5, 30])
def test_a_square_is_blanked(side: int) -> None:
    x = images((200, 2, 6, 7))
    found = erased(x, side, FILL, draws())
    holes = (found == FILL).all(1)
    assert torch.equal(torch.where(holes[:, None], FILL, x), found)
    for hole in holes:
        rows, columns = hole.any(1), hole.any(0)
        assert torch.equal(hole, rows[:, None] & columns[None, :])  # a rectangle, cut at the edge
        for axis, length in ((rows, 6), (columns, 7)):
            at = axis.nonzero().flatten()
            assert len(at) == at[-1] - at[0] + 1 <= side
            assert len(at) == side or at[0] == 0 or at[-1] == length - 1
    assert holes.any(0).all()  # its middle is anywhere


def test_different_images_draw_differently() -> None:
    x = images((1, 1, 8, 8)).expand(20, 1, 8, 8)
    for settings in (
        {"rotation": 30},
        {"shift": 0.3},
        {"scale": 0.3},
        {"shear": 30},
        {"crop": 4},
        {"erase": 2},
    ):
        found = Augment(**settings)(x, FILL, draws())
        assert len({image.numpy().tobytes() for image in found}) > 10, settings


@pytest.mark.parametrize("order", ["before", "after"])
def test_fill_is_a_pixel_before_and_a_normalized_value_after(order: str, tmp_path: Path) -> None:
    """An image of one grey, moved far: what comes in is the fill, in the units of where it happens."""
    made = tiny.trainer(tiny.recipe(tiny.net(tmp_path), augment=order, fill=FILL, shift=1.0))
    train = made.splits.train
    grey = type(train)(torch.full_like(train.x, 77), train.y, train.mean, train.std)
    x, _ = grey.batch(torch.arange(8), made.augment, FILL, order == "after", draws())
    mean, std = float(train.mean), float(train.std)
    within, outside = (77 - mean) / std, (255 * FILL - mean) / std if order == "before" else FILL
    ends = sorted((within, outside))
    assert x.min() == pytest.approx(ends[0], abs=1e-4) and x.max() == pytest.approx(ends[1], abs=1e-4)


def test_order_makes_no_difference_where_the_fill_is_the_same(tmp_path: Path) -> None:
    """Normalizing and bilinear warps commute; fill 0 before is the paper of MNIST, after it is grey."""
    made = tiny.trainer(tiny.recipe(tiny.net(tmp_path), rotation=30))
    train, at = made.splits.train, torch.arange(8)
    paper = float((0 - train.mean) / train.std)
    before, _ = train.batch(at, made.augment, 0.0, False, draws())
    after, _ = train.batch(at, made.augment, paper, True, draws())
    torch.testing.assert_close(before, after, atol=1e-4, rtol=0)
    grey, _ = train.batch(at, made.augment, 0.0, True, draws())
    assert (grey - before).abs().max() > 0.1


def test_images_and_labels_stay_together_and_bytes_are_left_alone(tmp_path: Path) -> None:
    made = tiny.trainer(tiny.recipe(tiny.net(tmp_path), rotation=10, erase=1, crop=1, flip=True))
    kept = made.splits.train.x.clone()
    at = torch.tensor([5, 1, 40])
    _, y = made.splits.train.batch(at, made.augment, 0.0, False, draws())
    assert y.tolist() == [1, 1, 0] and torch.equal(made.splits.train.x, kept)


def batches(recipe: Any, count: int = 7) -> list[torch.Tensor]:
    """What the net sees in its first steps."""
    made, seen = tiny.trainer(recipe), []
    made.module.register_forward_pre_hook(
        lambda module, x: seen.append(x[0].clone()) if module.training else None
    )
    tiny.steps(made, count)
    return seen


def test_every_arm_sees_the_same_images(tmp_path: Path) -> None:
    """Whatever else differs: norm, dropout, penalties, optimizer; and another seed sees others."""
    source = tiny.net(tmp_path)
    augmented = {"rotation": 20, "shift": 0.1, "flip": True, "crop": 1}
    first = batches(tiny.recipe(source, **augmented))
    for change in (
        {"norm": "group:2"}, {"dropout": "without"}, {"dropout": "dropout2d:0.5"}, {"l1": 0.1},
        {"optimizer": "Adam"}, {"ema": 0.9}, {"label_smoothing": 0.1},
    ):  # fmt: skip
        other = batches(tiny.recipe(source, **augmented, **change))
        assert all(torch.equal(a, b) for a, b in zip(first, other, strict=True)), change
    other = batches(tiny.recipe(source, **augmented, seed=1))
    assert not torch.equal(first[0], other[0])
    assert not torch.equal(first[0], first[6])  # the second epoch draws anew


def test_epochs_are_in_different_orders_and_hold_every_image(tmp_path: Path) -> None:
    made = tiny.trainer(tiny.recipe(tiny.net(tmp_path)))
    train = made.splits.train
    every = sorted(train.prepared(train.x).flatten(1)[:, 0].tolist())
    seen = batches(made.recipe, 12)
    first, second = ([x[0, 0, 0].item() for x in torch.cat(part)] for part in (seen[:6], seen[6:]))
    assert sorted(first) == sorted(second) == pytest.approx(every)
    assert first != second


def test_a_place_decides_what_is_drawn() -> None:
    found = {
        seed_for(seed, purpose, epoch, step)
        for seed in range(3) for purpose in PURPOSES for epoch in range(4) for step in range(4)
    }  # fmt: skip
    assert len(found) == 3 * len(PURPOSES) * 16 and all(0 <= number < 2**63 for number in found)
    one, other = (torch.rand(3, generator=generator(4, "augment", 1, 2)) for _ in range(2))
    assert torch.equal(one, other)
