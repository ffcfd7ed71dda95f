"""The image that lies under a net's input, as the page takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convviz.errors import ConvvizError
from convviz.explorer.png import png_address
from convviz.ops.base import show

BYTES = 3 << 19  # of the picture as text: 1.5 MB
SLACK = 0.02  # by which resizing may lead beyond 0 and 1


def image_address(image: Any, space: Sequence[int]) -> tuple[str, list[str]]:
    """The image as a `data:` address, and what is to be said of it: a large one is drawn coarser than it is.

    image: (C, *space) with 1 or 3 channels, numbers from 0 to 1 or whole ones from 0 to 255; space: rows and columns of
    the input. Raises ConvvizError for anything else.

    >>> image_address(np.zeros((1, 2, 2)), (2, 2))[0][:22]
    'data:image/png;base64,'
    """
    if len(space) != 2:
        raise ConvvizError(f"lies under rows and columns; this input has {show(tuple(space))} cells", "image")
    cells = _cells(image)
    fits = cells.ndim == 3 and cells.shape[0] in (1, 3) and cells.shape[1:] == tuple(space)
    if not fits:
        raise ConvvizError(
            f"the image is {show(cells.shape)}; the page draws 1 or 3 channels of {show(space)}", "image"
        )
    pixels = np.moveaxis(_bytes(cells), 0, -1)
    address, times = png_address(pixels), 1
    while len(address) > BYTES:
        times *= 2
        address = png_address(_coarser(pixels, times))
    cut = [] if times == 1 else [f"The image is drawn with one pixel for {times} × {times} cells."]
    return address, cut


def _cells(image: Any) -> np.ndarray:
    """An array of numbers from what holds them, a tensor of torch too."""
    try:
        cells = np.asarray(image.detach().cpu() if hasattr(image, "detach") else image)
        kind = str(cells.dtype)
    except (ValueError, TypeError, RuntimeError):  # rows of several lengths, types that numpy has not
        cells, kind = np.array(None), type(image).__name__
    if cells.dtype.kind in "buif":
        return cells
    kind = "text" if isinstance(image, str) else kind
    raise ConvvizError(f"must be an array (C, H, W) of numbers, got {kind}", "image")


def _bytes(cells: np.ndarray) -> np.ndarray:
    """Numbers from 0 to 1, or whole ones from 0 to 255, as the latter."""
    least, most = cells.min(), cells.max()
    top = 255 if cells.dtype.kind in "ui" else 1
    if not (least >= -SLACK and most <= top + SLACK):  # neither is so of what is no number
        raise ConvvizError(
            f"holds numbers from {least:g} to {most:g}; the page draws 0 to 1, or whole numbers from 0 to 255",
            "image",
        )
    return cells.astype(np.uint8) if top == 255 else np.round(np.clip(cells, 0, 1) * 255).astype(np.uint8)


def _coarser(pixels: np.ndarray, times: int) -> np.ndarray:
    """Means of squares; behind the last whole square the edge goes on."""
    high, wide = (-(-n // times) * times for n in pixels.shape[:2])
    whole = np.pad(pixels, ((0, high - pixels.shape[0]), (0, wide - pixels.shape[1]), (0, 0)), "edge")
    parts = whole.reshape(high // times, times, wide // times, times, -1)
    return np.round(parts.mean(axis=(1, 3))).astype(np.uint8)
