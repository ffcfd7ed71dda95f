"""Questions about images before they reach a net: their axes, their scale, and what is done to them."""

from __future__ import annotations

from math import hypot

import numpy as np

from convviz.questions.glyphs import digits, image, rotated
from convviz.questions.model import Evidence
from convviz.questions.registry import ask
from convviz.questions.work import brief, cells, evidence, gap, listing, number

MNIST = (0.1307, 0.3081)  # mean and standard deviation of the training images, 0 to 1


@ask(
    "channels-first",
    "data",
    "Where is the channel information after an image is loaded?",
    "A loader gives bytes as (height, width, channel): the channels of a pixel lie side by side. ToTensor "
    "gives floats from 0 to 1 as (channel, height, width): a plane for each channel. The axes are "
    "permuted, not reshaped.",
    commands=("draw permute", "rf code8"),
    picture="draw permute",
)
def channels_first() -> list[Evidence]:
    height, width, channels = 2, 3, 3
    at = np.indices((height, width, channels))
    loaded = (100 * at[2] + 10 * at[0] + at[1]).astype(np.uint8)  # a byte tells where it is from
    view = loaded.transpose(2, 0, 1)
    planes = np.ascontiguousarray(view)
    floats = planes.astype(np.float32) / np.float32(255)
    rows = []
    for name, array, index in (
        ("as loaded: H, W, C", loaded, (1, 2, 0)),
        ("permuted: C, H, W, the same memory", view, (0, 1, 2)),
        ("permuted and copied", planes, (0, 1, 2)),
        ("ToTensor: copied, divided by 255", floats, (0, 1, 2)),
    ):
        steps = [s // array.itemsize for s in array.strides]
        place = sum(i * s for i, s in zip(index, steps, strict=True))
        shape, strides = "x".join(map(str, array.shape)), ", ".join(map(str, steps))
        rows.append((name, str(array.dtype), shape, strides, place, float(array[index])))
    wrong = loaded.reshape(channels, height, width)
    mixed = len({int(v) // 100 for v in wrong[0].ravel()})
    return [
        evidence(
            "layouts",
            "a 2x3 image of 3 channels; strides and places in cells of memory",
            ("layout", "type", "shape", "strides", "place of red (1, 2)", "its value"),
            rows,
            f"The same red pixel lies at place {rows[0][4]} of the bytes and at place {rows[2][4]} of the "
            "planes. A permuted view moves nothing in memory: channels-last is a matter of strides.",
        ),
        evidence(
            "reshape",
            "channel 0 by permute and by reshape (hundreds: the channel, tens: the row, ones: the column)",
            ("how", "row 0", "row 1"),
            [("permute", *map(cells, planes[0])), ("reshape", *map(cells, wrong[0]))],
            f"A reshape keeps the order of memory, so its first plane mixes {mixed} channels.",
        ),
    ]


@ask(
    "look-at-data",
    "data",
    "Why look at the data before transforming it?",
    "Because whether a transform keeps the label is a fact about the data, not about the transform; and "
    "because range, constant pixels and class counts decide what normalization can do.",
    commands=("norm minmax --preset A",),
)
def look_at_data() -> list[Evidence]:
    glyphs = digits()
    shifted = np.zeros_like(glyphs)
    shifted[:, :, 1:] = glyphs[:, :, :-1]
    rows: list[tuple[str, str, int]] = []
    for name, changed in (
        ("rotated by 180 degrees", glyphs[:, ::-1, ::-1]),
        ("mirrored left and right", glyphs[:, :, ::-1]),
        ("mirrored top and bottom", glyphs[:, ::-1]),
        ("shifted right by 1", shifted),
    ):
        differing = np.abs(changed[:, None] - glyphs[None]).sum((2, 3))  # (of, to)
        other = [(d, e) for d in range(10) for e in range(10) if d != e and differing[d, e] == 0]
        nearer = sum(differing[d].argmin() != d for d in range(10))
        rows.append((name, listing(f"{d} to {e}" for d, e in other) or "none", int(nearer)))
    padded = np.pad(glyphs, [(0, 0), (2, 2), (2, 2)])
    constant = int((padded.std(0) == 0).sum())
    return [
        evidence(
            "labels",
            "ten digits drawn 5 by 7 after a transform",
            ("transform", "exactly another digit", "nearer to another one, of 10"),
            rows,
            f"Half a turn takes {rows[0][1]}, cell by cell: the label would be wrong. For cats the same "
            "transform keeps the label.",
        ),
        evidence(
            "numbers",
            "the same digits with a border of 2",
            ("what to look at", "value"),
            [
                ("smallest and largest value", cells(np.array([padded.min(), padded.max()]))),
                ("mean", padded.mean()),
                ("standard deviation", padded.std()),
                ("cells", padded[0].size),
                ("cells that are the same in every image", constant),
            ],
            f"{constant} of {padded[0].size} cells never change: their standard deviation is 0, so that "
            "standardizing each pixel would divide by 0, while one mean and one deviation for the channel "
            "works.",
        ),
    ]


@ask(
    "pixel-normalizations",
    "data",
    "Pixel normalization, centring, standardization, min-max: what is the difference?",
    "All are (x - shift) / scale. They differ in which shift and scale, and in whose statistics: those of "
    "the image, of the channel, or of the data set. Statistics of each image take its brightness and "
    "contrast away.",
    commands=(
        "norm pixel --preset A",
        "norm center --preset A",
        "norm standardize --preset A",
        "norm minmax --preset A",
    ),
)
def pixel_normalizations() -> list[Evidence]:
    from convviz.analysis.norms.scaling import Scaling

    dark = np.array([30.0, 90, 110, 170]).reshape(1, 1, 2, 2)
    bright = dark + 80
    rows: list[tuple[str, float, float, str, float, float]] = []
    for name, method in (
        ("pixel (ToTensor)", "pixel"),
        ("centre", "center"),
        ("standardize", "standardize"),
        ("min-max", "minmax"),
    ):
        parts = Scaling(method).parts(dark)
        y = (dark - parts.shift) / parts.scale
        rows.append(
            (name, float(parts.shift.ravel()[0]), float(parts.scale.ravel()[0]), cells(y), y.mean(), y.std())
        )
    both = np.concatenate([dark, bright])
    whose = []
    for name, over in (("each image", "image"), ("the data set", "dataset")):
        parts = Scaling("standardize", over).parts(both)
        a, b = (both - parts.shift) / parts.scale
        whose.append((name, cells(a), cells(b), b.mean() - a.mean()))
    return [
        evidence(
            "kinds",
            f"an image of 4 pixels: {cells(dark)}",
            ("scaling", "shift", "scale", "pixels", "mean", "sd"),
            rows,
            "ToTensor divides by 255 and nothing else: the mean is not 0 and the deviation not 1. Only "
            "standardizing gives both.",
        ),
        evidence(
            "whose",
            "the image and the same image brighter by 80, standardized",
            ("statistics of", "image", "brighter image", "difference of means"),
            whose,
            "With its own statistics the brighter image becomes the same as the other one; with those of "
            f"the data set they stay {brief(whose[1][3])} standard deviations apart.",
        ),
    ]


@ask(
    "without-normalize",
    "data",
    "What happens if ToTensor or Normalize is left out?",
    "The net still can learn, but the error surface gets long and narrow: the largest stable learning rate "
    "falls, and the number of steps grows with the condition number of the Hessian. A batch norm behind "
    "the first conv hides it. Without ToTensor, torch refuses bytes.",
    commands=("norm standardize --preset A", "regularize contours"),
    experiments=("scaling",),
)
def without_normalize() -> list[Evidence]:
    from convviz.analysis.regularizers.contours import Surface, descent

    mean, sd = MNIST
    rows = []
    for name, m, s in (
        ("neither: bytes as floats", 255 * mean, 255 * sd),
        ("ToTensor", mean, sd),
        ("ToTensor and Normalize", 0.0, 1.0),
        ("Normalize without ToTensor", (255 * mean - mean) / sd, 255.0),
    ):
        root = hypot(s, m)  # of the mean square; the bias is a feature that is always 1
        surface = Surface(name, (root, 1.0), m / root)
        steps = descent(surface, surface.best, (1.0, 1.0), 1e-3).steps
        rows.append((name, m, s, surface.condition, surface.stable, steps))
    return [
        evidence(
            "condition",
            "one weight and one bias, squared error; a pixel with the mean and deviation of MNIST's",
            ("input", "mean", "sd", "condition number", "largest stable lr", "steps to 1/1000"),
            rows,
            f"ToTensor alone rescales to [0, 1]: the mean is {number(mean)}, not 0. Bytes lower the largest "
            f"stable learning rate from {brief(rows[2][4])} to {brief(rows[0][4])}, and Normalize without "
            "ToTensor is no better.",
        )
    ]


@ask(
    "rotation-fill",
    "data",
    "Rotation before or after normalization, and with which fill?",
    "Either, if the corners are filled with what the background is at that point: 0 before Normalize, (0 - "
    "mean) / sd after it. A fill of 0 after Normalize is a grey of the mean brightness, a frame that no "
    "test image has.",
    commands=("norm standardize --preset A",),
)
def rotation_fill() -> list[Evidence]:
    mean, sd = MNIST
    picture = image()
    black = (0 - mean) / sd
    before, filled = rotated(picture, 15, 0.0)
    first = (before - mean) / sd
    grey, _ = rotated((picture - mean) / sd, 15, 0.0)
    right, _ = rotated((picture - mean) / sd, 15, black)
    rows = []
    for name, fill, y in (
        ("rotate, then normalize", 0.0, first),
        ("normalize, then rotate", 0.0, grey),
        ("normalize, then rotate", black, right),
    ):
        corner = float(y[filled][0])
        rows.append((name, fill, corner, corner * sd + mean, y.mean(), y.var(), gap(y, first)))
    shares = []
    for degrees in (7, 15, 30, 45):
        _, lost = rotated(picture, degrees, 0.0)
        shares.append((degrees, int(lost.sum()), 100 * lost.mean()))
    return [
        evidence(
            "fill",
            f"a digit of 28x28 turned by 15 degrees, mean {number(mean)} and sd {number(sd)}; black is "
            f"{number(black)}",
            ("order", "fill", "corner", "corner, 0 to 1", "mean", "variance", "differs by"),
            rows,
            f"A fill of 0 after Normalize leaves the corners at {number(rows[1][3])} of white, a grey, and "
            f"shifts the mean from {brief(rows[0][4])} to {brief(rows[1][4])}; filled with {number(black)}, "
            "the order makes no difference.",
        ),
        evidence(
            "share",
            "cells of a 28x28 image that a turn has to fill",
            ("degrees", "cells", "% of the image"),
            shares,
            f"A turn by 7 degrees fills {brief(shares[0][2])} % of the image, one by 45 degrees "
            f"{brief(shares[3][2])} %.",
        ),
    ]
