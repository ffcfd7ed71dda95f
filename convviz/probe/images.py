"""The user's images as inputs of a net: read by Pillow or numpy, resized and cropped to the input."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from convviz.errors import ConvvizError
from convviz.ops.base import Shape, show

PICTURES = (".png", ".jpg", ".jpeg")
MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}
MOST = 100  # images that are read where nobody says how many
Array = np.ndarray


def load_images(
    place: str | Path,
    shape: Shape,
    *,
    most: int | None = None,
    mean: Sequence[float] = (),
    std: Sequence[float] = (),
) -> tuple[Array, str]:
    """Images (n, *shape) in float32 from a folder or a file, in the order of their names, and what was done to them.

    Pictures (.png, .jpg) become grey or RGB as ``shape`` has 1 or 3 channels, with values from 0 to 1. Arrays (.npy)
    are (C, *space), (n, C, *space), or of one channel without C; whole numbers of 8 bits are divided by 255. Other
    sizes are resized to cover the input and cropped at the centre. mean and std, one for all channels or one for each,
    are subtracted and divided by. Raises ConvvizError that names the file.
    """
    place = Path(place)
    if not place.exists():
        raise ConvvizError("no such folder or file", str(place))
    files = (
        [place]
        if place.is_file()
        else sorted(p for p in place.iterdir() if p.suffix.lower() in (*PICTURES, ".npy"))
    )
    if not files:
        raise ConvvizError("has no image (.png, .jpg or .npy) in it", str(place))
    limit = MOST if most is None else most
    images: list[Array] = []
    done: dict[str, None] = {}  # in the order in which they were done
    for file in files:
        read = _array if file.suffix.lower() == ".npy" else _picture
        new, what = read(file, shape)
        images += new
        done |= dict.fromkeys(what)
        if len(images) >= limit:
            break
    stack = np.stack(images[:limit]).astype(np.float32)
    for name, values in (("--mean", mean), ("--std", std)):
        if values:
            if len(values) not in (1, shape[0]):
                raise ConvvizError(
                    f"must be one number or {shape[0]}, one for each channel, got {len(values)}", name
                )
            if not all(isfinite(v) for v in values) or (name == "--std" and min(values) <= 0):
                raise ConvvizError("must be finite numbers" + " above 0" * (name == "--std"), name)
    each = (-1, *(1,) * (len(shape) - 1))
    if mean:
        stack = stack - np.asarray(mean, np.float32).reshape(each)
        done[f"minus {_listed(mean)}"] = None
    if std:
        stack = stack / np.asarray(std, np.float32).reshape(each)
        done[f"divided by {_listed(std)}"] = None
    return stack, ", ".join(done)


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{v:g}" for v in values)


def _picture(file: Path, shape: Shape) -> tuple[list[Array], list[str]]:
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise ConvvizError("needs Pillow: pip install pillow", str(file)) from None
    if len(shape) != 3:
        raise ConvvizError(
            f"a picture has 2 axes, the net's input {show(shape)} has {len(shape) - 1}; give .npy arrays",
            str(file),
        )
    channels, height, width = shape
    if channels not in (1, 3):
        raise ConvvizError(
            f"a picture has 1 or 3 channels, the net's input has {channels}; give .npy arrays", str(file)
        )
    try:
        with Image.open(file) as opened:
            picture = ImageOps.exif_transpose(opened)
            if picture.mode.startswith(("I", "F")):  # 16 bits
                grey = np.asarray(picture, dtype=np.float64) / 257
                picture = Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))
            picture = picture.convert("L" if channels == 1 else "RGB")
            done = ["values from 0 to 1"]
            if picture.size != (width, height):
                picture = ImageOps.fit(picture, (width, height), Image.Resampling.BILINEAR)
                done.insert(0, f"resized to cover {height}x{width} and cropped at the centre")
            cells = np.asarray(picture, dtype=np.float32) / 255
    except Exception as err:  # whatever a broken file makes Pillow raise
        raise ConvvizError(f"cannot be read as a picture ({type(err).__name__})", str(file)) from None
    return [cells[None] if channels == 1 else cells.transpose(2, 0, 1)], done


def _array(file: Path, shape: Shape) -> tuple[list[Array], list[str]]:
    try:
        found: Any = np.load(file, allow_pickle=False)
        if not isinstance(found, np.ndarray) or found.dtype.kind not in "biuf":
            raise ValueError
    except Exception:  # whatever a broken file makes numpy raise
        raise ConvvizError("cannot be read as an array of numbers", str(file)) from None
    rank, channels = len(shape) - 1, shape[0]
    if found.ndim == rank and channels == 1:
        found = found[None]
    if found.ndim == rank + 1:
        found = found[None]
    if found.ndim != rank + 2 or 0 in found.shape:
        raise ConvvizError(f"has the shape {show(found.shape)}; the net's input is {show(shape)}", str(file))
    if found.shape[1] != channels:
        last = " (channels come first)" if found.shape[-1] == channels else ""
        raise ConvvizError(
            f"has {found.shape[1]} channels, the net's input {show(shape)} has {channels}{last}", str(file)
        )
    if not np.isfinite(found).all():
        raise ConvvizError("holds numbers that are not finite", str(file))
    done = []
    cells = found.astype(np.float32)
    if found.dtype == np.uint8:
        cells, done = cells / 255, ["values from 0 to 1"]
    if found.shape[2:] != shape[1:]:
        cells = _covered(cells, shape[1:])
        done.insert(0, f"resized to cover {show(shape[1:])} and cropped at the centre")
    return list(cells), done


def _covered(cells: Array, space: Shape) -> Array:
    """Resized by one factor, so that no axis is shorter than ``space``, and cut to it around the centre."""
    factor = max(n / m for n, m in zip(space, cells.shape[2:], strict=True))
    size = [max(n, ceil(m * factor - 1e-9)) for n, m in zip(space, cells.shape[2:], strict=True)]
    antialias = {"antialias": True} if len(space) == 2 else {}
    big = F.interpolate(torch.from_numpy(cells), size=size, mode=MODES[len(space)], **antialias).numpy()
    starts = [(m - n) // 2 for n, m in zip(space, size, strict=True)]
    return np.asarray(big[(..., *(slice(s, s + n) for s, n in zip(starts, space, strict=True)))])
