"""Questions about what happens to a net's answer when the image is moved, turned or sheared."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convviz.ops.base import Array
from convviz.questions.glyphs import image
from convviz.questions.model import Evidence
from convviz.questions.registry import ask
from convviz.questions.work import Row, apply, brief, convolve, evidence, gap, whole

Move = Callable[[Array], Array]


def shift(cells: int) -> Move:
    """A shift to the right on a ring: what leaves comes in again."""
    return lambda x: np.roll(x, cells, -1)


def turn(x: Array) -> Array:
    return np.rot90(x, axes=(-2, -1))


def shear(x: Array) -> Array:
    """Row i is shifted by i."""
    return np.stack([np.roll(x[..., i, :], i, -1) for i in range(x.shape[-2])], -2)


def largest(x: Array) -> Array:
    """Global max pooling."""
    return apply("adaptive_max_pool", x, {"output_size": 1})


def ring(x: Array, w: Array) -> Array:
    """A 3x3 conv on a ring, where a shift loses nothing."""
    return convolve(x, w, padding=1, padding_mode="circular")


@ask(
    "translation",
    "invariance",
    "Is a convolution invariant to translation?",
    "It is equivariant: shift the input and the output shifts along. Invariant (the same output) is only "
    "what pools over all positions behind it. Zero padding and strides break even the first, at the border "
    "and between steps.",
    commands=("draw conv --stride 2", "rf code8 --padding-reach --layer relu4"),
    experiments=("shift-and-rotation",),
)
def translation() -> list[Evidence]:
    x, w = whole(30, 1, 1, 8, 8), whole(31, 1, 1, 3, 3)
    strided = {"padding": 1, "padding_mode": "circular", "stride": 2}
    rows: list[Row] = []
    for name, by, behind, f in (
        ("conv on a ring", 1, 1, lambda v: ring(v, w)),
        ("conv with zero padding", 1, 1, lambda v: convolve(v, w, padding=1)),
        ("conv on a ring, stride 2", 2, 1, lambda v: convolve(v, w, **strided)),
        ("conv on a ring, stride 2", 1, 0, lambda v: convolve(v, w, **strided)),
        ("conv on a ring, global average pool", 1, 0, lambda v: apply("global_avg_pool", ring(v, w))),
    ):
        moved = shift(behind)(f(x)) if behind else f(x)
        rows.append((name, by, behind, gap(f(shift(by)(x)), moved)))
    return [
        evidence(
            "shifts",
            "an 8x8 image of whole numbers is shifted; is the output the old one, shifted?",
            ("layers", "input shifted by", "output shifted by", "largest difference"),
            rows,
            "0 in the first row is equivariance, 0 in the last is invariance. With zero padding the border "
            "differs, and with stride 2 a shift by 1 is no shift of the output.",
        )
    ]


@ask(
    "rotation-skew",
    "invariance",
    "Is a convolution invariant to rotation and skew?",
    "Neither invariant nor equivariant. It is equivariant to translation only. If the kernel is turned "
    "along with the image, or looks the same when turned, the outputs agree; nothing makes training find "
    "such a kernel.",
    commands=("draw conv",),
    experiments=("shift-and-rotation",),
)
def rotation_skew() -> list[Evidence]:
    x, w = whole(30, 1, 1, 8, 8), whole(31, 1, 1, 3, 3)
    even = np.array([[1.0, 2, 1], [2, -3, 2], [1, 2, 1]])[None, None]  # looks the same after a quarter turn
    rows: list[Row] = []
    for name, move, kernel, moved_kernel in (
        ("shift by 1", shift(1), w, w),
        ("quarter turn", turn, w, w),
        ("shear, row i by i", shear, w, w),
        ("quarter turn, kernel turned along", turn, w, turn(w)),
        ("quarter turn, symmetric kernel", turn, even, even),
        ("shear, symmetric kernel", shear, even, even),
    ):
        after = ring(move(x), moved_kernel)
        before = ring(x, kernel)
        total = gap(largest(after), largest(before))
        rows.append((name, gap(after, move(before)), total))
    return [
        evidence(
            "moves",
            "a 3x3 conv of an 8x8 image on a ring: move, then conv, against conv, then move",
            ("move", "outputs differ by", "global max differs by"),
            rows,
            f"A shift gives {brief(rows[0][1])}, a quarter turn {brief(rows[1][1])}, a shear "
            f"{brief(rows[2][1])}. Rotated and sheared images have to be learned, from data or by "
            "augmentation.",
        )
    ]


@ask(
    "pooling-invariance",
    "invariance",
    "Does max pooling make a net invariant to shifts?",
    "Nearly, and only to small ones: a shift within a window changes little, and one by the stride moves "
    "the output. Exact invariance needs a global pool.",
    commands=("draw max_pool", "draw global_max_pool"),
)
def pooling_invariance() -> list[Evidence]:
    x = image()[None, None]
    rows: list[Row] = []
    for name, f in (
        ("the image", lambda v: v),
        ("max pool 2", lambda v: apply("max_pool", v, {"kernel_size": 2})),
        ("max pool 4", lambda v: apply("max_pool", v, {"kernel_size": 4})),
        ("max pool 7", lambda v: apply("max_pool", v, {"kernel_size": 7})),
        ("global max pool", largest),
        ("global average pool", lambda v: apply("global_avg_pool", v)),
    ):
        base = f(x)
        changes = [100 * float((np.abs(f(shift(by)(x)) - base) > 1e-12).mean()) for by in (1, 2, 4)]
        rows.append((name, *changes))
    return [
        evidence(
            "share",
            "a digit of 28x28 shifted to the right: share of cells that change, in %",
            ("behind", "shift 1", "shift 2", "shift 4"),
            rows,
            f"A shift by 1 changes {brief(rows[0][1])} % of the pixels and {brief(rows[1][1])} % of the "
            "cells behind a max pool of 2. Only the global pools stay as they are.",
        )
    ]
