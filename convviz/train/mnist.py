"""MNIST: its four files, known by the SHA-256 of their content, and what is refused in their place."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convviz.errors import ConvvizError
from convviz.train.fetch import fetch, land, workplace
from convviz.train.files import check_labels
from convviz.train.idx import parse_idx, unpacked

SIDE = 28
CLASSES = tuple("0123456789")
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)


@dataclass(frozen=True)
class Part:
    """One of the four files; sha256 is that of its decompressed content, so that any gzip of it will do."""

    name: str
    images: bool
    count: int
    sha256: str

    def verify(self, path: Path) -> None:
        """Raises ConvvizError where ``path`` does not hold this part."""
        if hashlib.sha256(unpacked(path)).hexdigest() != self.sha256:
            raise ConvvizError("its content has the wrong SHA-256", str(path))


PARTS = (
    Part(
        "train-images-idx3-ubyte",
        True,
        60_000,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    Part(
        "train-labels-idx1-ubyte",
        False,
        60_000,
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    Part(
        "t10k-images-idx3-ubyte",
        True,
        10_000,
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    Part(
        "t10k-labels-idx1-ubyte",
        False,
        10_000,
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)
BY_HASH = {part.sha256: part for part in PARTS}


@dataclass(frozen=True)
class Mnist:
    """Images (N, 28, 28) and labels in bytes; original: whether every file's content is MNIST's own."""

    original: bool
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def find(folder: Path, part: Part) -> Path | None:
    """The file of a part in ``folder``, gzipped or not; None where there is neither."""
    return next(
        (path for path in (folder / f"{part.name}.gz", folder / part.name) if os.path.exists(path)), None
    )


def missing(folder: Path) -> list[Part]:
    return [part for part in PARTS if find(folder, part) is None]


def read(folder: Path) -> Mnist:
    """The four files of ``folder``; raises ConvvizError that names the file that is missing or wrong.

    A smaller set in the same format is taken, but it is not ``original``. A file as large as MNIST's with other
    content is refused: nothing tells a corrupted file from another data set.
    """
    paths = []
    for part in PARTS:
        path = find(folder, part)
        if path is None:
            raise ConvvizError("no such file", str(folder / f"{part.name}.gz"))
        paths.append(path)
    found = [array(part, unpacked(path), str(path)) for part, path in zip(PARTS, paths)]
    arrays = [each for each, _ in found]
    for at in (0, 2):
        if len(arrays[at]) != len(arrays[at + 1]):
            raise ConvvizError(
                f"has {len(arrays[at + 1]):,} labels for the {len(arrays[at]):,} images of {paths[at].name}",
                str(paths[at + 1]),
            )
    if len(arrays[0]) < len(arrays[2]):
        raise ConvvizError(
            f"has {len(arrays[0]):,} training images, fewer than the {len(arrays[2]):,} for the test: "
            "are train and t10k swapped?",
            str(paths[0]),
        )
    return Mnist(all(original for _, original in found), *arrays)


def download(folder: Path, mirrors: Sequence[str] | None = None) -> None:
    """Put the files that ``folder`` lacks into it, each whole and checked; raises ConvvizError where that fails."""
    with workplace(folder) as place:
        for part in missing(folder):
            path = fetch(f"{part.name}.gz", mirrors or MIRRORS, place, part.verify)
            land(path, folder / path.name)


def array(part: Part, raw: bytes, where: str) -> tuple[np.ndarray, bool]:
    """The numbers in the decompressed content of a part's file, and whether they are MNIST's own.

    Raises ConvvizError placed at ``where``.
    """
    digest = hashlib.sha256(raw).hexdigest()
    if digest in BY_HASH and BY_HASH[digest] is not part:
        raise ConvvizError(
            f"is MNIST's {BY_HASH[digest].name} under another name; {part.name} should be here", where
        )
    found = parse_idx(raw, where)
    if digest == part.sha256:
        return found, True
    check(part, found, where)
    if len(found) == part.count:
        raise ConvvizError(
            f"is not MNIST's {part.name}: the SHA-256 of its content is {digest[:12]}..., MNIST's is "
            f"{part.sha256[:12]}...; it is corrupted or of another data set: delete it to download it again",
            where,
        )
    return found, False


def check(part: Part, found: np.ndarray, where: str) -> None:
    """Refuses what cannot be images of digits or their labels."""
    shape = "x".join(map(str, found.shape))
    if part.images and found.shape[1:] != (SIDE, SIDE):
        what = "labels" if found.ndim == 1 else "numbers"
        raise ConvvizError(f"holds {what} ({shape}) where images (Nx{SIDE}x{SIDE}) should be", where)
    if not part.images and found.ndim != 1:
        what = "images" if found.ndim == 3 else "numbers"
        raise ConvvizError(f"holds {what} ({shape}) where a list of labels should be", where)
    if not len(found):
        raise ConvvizError(f"is empty; MNIST's {part.name} has {part.count:,} entries", where)
    if not part.images:
        check_labels(found, CLASSES, where)
