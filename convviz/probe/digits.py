"""Real digits for small measurements: MNIST's own files where they are, else the digits that scikit-learn brings.

Whoever reports a number says which of the two it was (:attr:`Digits.name`).
"""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convviz.errors import ConvvizError

SIDE = 28
UNSIGNED_BYTES = 8  # IDX's code for the type of the numbers
FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
HELD_OUT = 500  # of scikit-learn's 1,797 digits, which come without a test set
Array = np.ndarray


@dataclass(frozen=True)
class Digits:
    """Images (n, 28, 28) in bytes from 0 (paper) to 255 (ink) and their labels 0 to 9, to train on and to test."""

    name: str
    train_images: Array
    train_labels: Array
    test_images: Array
    test_labels: Array


def load_digits(folder: str | Path | None = None) -> Digits:
    """MNIST from ``folder`` (default: ``$CONVVIZ_DATA/mnist``), else scikit-learn's digits, enlarged to 28×28.

    Nothing is downloaded. Raises ConvvizError for a named folder without the four files, a file that is no IDX, and
    where there are no digits at all.
    """
    place = Path(folder) if folder is not None else _default_folder()
    if place is not None and (folder is not None or place.is_dir()):
        parts = [read_idx(place / name) for name in (*FILES["train"], *FILES["test"])]
        for images, labels in (parts[:2], parts[2:]):
            if images.shape != (len(labels), SIDE, SIDE):
                raise ConvvizError(f"images {images.shape} do not fit {len(labels):,} labels", str(place))
        return Digits("MNIST", *parts)
    return _scikit_learn()


def _default_folder() -> Path | None:
    data = os.environ.get("CONVVIZ_DATA")
    return Path(data) / "mnist" if data else None


def read_idx(path: str | Path) -> Array:
    """The array of bytes in a gzipped IDX file (Y. LeCun, "The MNIST database": magic number, sizes, bytes).

    Raises ConvvizError that names the file.
    """
    where = str(path)
    try:
        raw = gzip.decompress(Path(path).read_bytes())
    except FileNotFoundError:
        raise ConvvizError("no such file; MNIST has four *-ubyte.gz files", where) from None
    except (OSError, EOFError, zlib.error):
        raise ConvvizError("cannot be read as a gzipped file", where) from None
    if len(raw) < 4 or raw[:3] != bytes((0, 0, UNSIGNED_BYTES)) or len(raw) < 4 + 4 * raw[3]:
        raise ConvvizError("is no IDX file of bytes", where)
    sizes = struct.unpack(f">{raw[3]}I", raw[4 : 4 + 4 * raw[3]])
    body = np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3])
    if body.size != np.prod(sizes, dtype=object):
        raise ConvvizError(f"has {body.size:,} bytes where its head says {sizes}", where)
    return body.reshape(sizes)


def _scikit_learn() -> Digits:
    """1,797 digits of 8×8 pixels, each pixel 3×3 times, with a margin of two; the last 500 are held out."""
    try:
        from sklearn.datasets import load_digits as bundled
    except ImportError:
        raise ConvvizError(
            "no digits: set CONVVIZ_DATA (with mnist/ in it), or pip install 'convviz[train]'"
        ) from None
    found = bundled()
    small = np.rint(found.images * (255 / 16)).astype(np.uint8)
    large = np.pad(small.repeat(3, 1).repeat(3, 2), ((0, 0), (2, 2), (2, 2)))
    labels = found.target.astype(np.uint8)
    cut = len(labels) - HELD_OUT
    return Digits(
        "scikit-learn digits, enlarged to 28×28", large[:cut], labels[:cut], large[cut:], labels[cut:]
    )
