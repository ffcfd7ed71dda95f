"""The data sets that nets are trained on, by name: MNIST, CIFAR-10, and digits that need no download."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from convviz.errors import ConvvizError, nearest
from convviz.train import bundled, cifar, mnist
from convviz.train.dataset import Data

NAMES = ("mnist", "cifar10", "digits")
FOLDERS = {"mnist": Path("mnist"), "cifar10": Path("cifar10", cifar.FOLDER)}
TITLES = {"mnist": "MNIST", "cifar10": "CIFAR-10"}
BY_HAND = {
    "mnist": "put its four *-ubyte.gz files there",
    "cifar10": f"put the *.bin files of {cifar.MIRRORS[0]}{cifar.ARCHIVE} there",
}

__all__ = ["NAMES", "Data", "data_folder", "has", "load"]


def load(
    name: str,
    folder: str | Path | None = None,
    download: bool = True,
    *,
    mirrors: Sequence[str] | None = None,
) -> Data:
    """``mnist``, ``cifar10`` or ``digits``, read from a data folder, and downloaded into it where files are missing.

    folder: holds ``mnist/`` and ``cifar10/``; by default ``$CONVVIZ_DATA``, else the user's cache folder.
    mirrors: addresses to download from, in this order, in place of the usual ones.

    Raises ConvvizError for an unknown name, where files are missing and cannot be had, and for a file that is
    truncated, corrupted, swapped with another or has labels out of range.

    >>> load("digits")
    scikit-learn digits, enlarged to 28×28
    1,297 training and 500 test images of 1x28x28
    classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
    training images from 0 to 1: mean 0.2248, standard deviation 0.3490
    test: the last 500 of the 1,797 digits in scikit-learn's order
    """
    if _known(name) == "digits":
        return _digits()
    root = data_folder(folder)
    place = root / FOLDERS[name]
    lost = _missing(name, place)
    if lost:
        fault = f"{', '.join(lost)} missing"
        if download:
            fault = _downloaded(name, place, mirrors)
        if fault:
            raise ConvvizError(
                f"{TITLES[name]} is not here ({fault}): {BY_HAND[name]}{_hint(place)}, or use --data digits, "
                "which needs no download",
                str(place),
            )
    return _mnist(place) if name == "mnist" else _cifar(place)


def has(name: str, folder: str | Path | None = None) -> bool:
    """Whether all files of a data set are in the data folder (see :func:`load`); none is read or downloaded.

    Raises ConvvizError for an unknown name.
    """
    if _known(name) == "digits":
        return True
    return not _missing(name, data_folder(folder) / FOLDERS[name])


def data_folder(folder: str | Path | None = None) -> Path:
    """``folder``, else ``$CONVVIZ_DATA``, else the user's cache folder; it need not exist. Raises ConvvizError."""
    chosen = folder or os.environ.get("CONVVIZ_DATA")
    if not chosen:
        try:
            from platformdirs import user_cache_path  # pooch brings it, and its os_cache is this
        except ImportError:
            raise ConvvizError(
                "no data folder: name one, set CONVVIZ_DATA, or pip install 'convviz[train]'", "data"
            ) from None
        return user_cache_path("convviz")
    root = Path(chosen).expanduser()
    if os.path.exists(root) and not os.path.isdir(root):
        raise ConvvizError("is no folder; a data folder holds mnist/ and cifar10/", str(root))
    return root


def _known(name: str) -> str:
    if name not in NAMES:
        raise ConvvizError(f"no data set {name!r}{nearest(name, NAMES)} ({', '.join(NAMES)})", "data")
    return name


def _missing(name: str, place: Path) -> list[str]:
    return [f"{part.name}.gz" for part in mnist.missing(place)] if name == "mnist" else cifar.missing(place)


def _downloaded(name: str, place: Path, mirrors: Sequence[str] | None) -> str:
    """Download what is missing; why that did not work, or nothing."""
    try:
        (mnist.download if name == "mnist" else cifar.download)(place, mirrors)
    except ConvvizError as err:
        return f"not downloaded: {err}"
    return ""


def _hint(place: Path) -> str:
    """For those who have the other version of CIFAR-10."""
    python = place.with_name("cifar-10-batches-py")
    return (
        f" ({python.name} is the Python version, pickles that are not read)" if os.path.isdir(python) else ""
    )


# -- from files to a Data ------------------------------------------------------------------------------------
def _counts(train: np.ndarray, test: np.ndarray) -> str:
    return f"{len(train):,} training and {len(test):,} test images"


def _mnist(place: Path) -> Data:
    found = mnist.read(place)
    return Data(
        "MNIST"
        if found.original
        else f"MNIST (other files), {_counts(found.train_labels, found.test_labels)}",
        found.train_images[:, None],
        found.train_labels.astype(np.int64),
        found.test_images[:, None],
        found.test_labels.astype(np.int64),
        mnist.CLASSES,
        "MNIST's own test set, 10,000 digits by writers of whom none is in the training set"
        if found.original
        else f"the {len(found.test_labels):,} images of {mnist.PARTS[2].name}",
    )


def _cifar(place: Path) -> Data:
    found = cifar.read(place)
    copy = "CIFAR-10 (JPEG copy)"
    if (len(found.train_labels), len(found.test_labels)) != (5 * cifar.BATCH, cifar.BATCH):
        copy += f", {_counts(found.train_labels, found.test_labels)}"
    return Data(
        "CIFAR-10" if found.original else copy,
        found.train_images,
        found.train_labels,
        found.test_images,
        found.test_labels,
        cifar.CLASSES,
        f"the {len(found.test_labels):,} images of {cifar.FILES[-1]}"
        + ("" if found.original else "; the files do not have the official checksums"),
    )


def _digits() -> Data:
    images, labels = bundled.enlarged()
    images, labels = images[:, None], labels.astype(np.int64)
    cut = len(labels) - bundled.HELD_OUT
    return Data(
        bundled.NAME,
        images[:cut],
        labels[:cut],
        images[cut:],
        labels[cut:],
        mnist.CLASSES,
        bundled.TEST_SPLIT,
    )
