"""CIFAR-10 in its binary layout: records of a label and 3x32x32 bytes (A. Krizhevsky, the data set's page).

The original files are known by their MD5. Others, such as copies that went through JPEG, are taken as well but
never called CIFAR-10 without a word.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convviz.errors import ConvvizError
from convviz.train.fetch import fetch, land, workplace
from convviz.train.files import check_labels, read_bytes

SIDE, CHANNELS = 32, 3
RECORD = 1 + CHANNELS * SIDE * SIDE
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FOLDER = "cifar-10-batches-bin"
ARCHIVE = "cifar-10-binary.tar.gz"
ARCHIVE_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
MIRRORS = ("https://www.cs.toronto.edu/~kriz/",)
MD5 = {
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
}
FILES = tuple(MD5)
BY_HASH = {digest: name for name, digest in MD5.items()}
BATCH = 10_000  # records of each original file
IN_CLASS = {"train": 5000, "test": 1000}


@dataclass(frozen=True)
class Cifar:
    """Images (N, 3, 32, 32) in bytes and labels; original: whether all files are the official ones."""

    original: bool
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def missing(folder: Path) -> list[str]:
    return [name for name in FILES if not os.path.exists(folder / name)]


def read(folder: Path) -> Cifar:
    """The six files of ``folder``; raises ConvvizError that names the file that is missing or wrong."""
    records, official = {}, {}
    for name in FILES:
        where = str(folder / name)
        raw = read_bytes(folder / name, BATCH * RECORD)
        digest = hashlib.md5(raw, usedforsecurity=False).hexdigest()
        if digest in BY_HASH and BY_HASH[digest] != name:
            raise ConvvizError(
                f"is CIFAR-10's {BY_HASH[digest]} under another name; {name} should be here", where
            )
        records[name], official[name] = parse(raw, where), digest == MD5[name]
    original = all(official.values())
    if any(official.values()) and not original:
        odd = next(name for name, good in official.items() if not good)
        good = next(name for name, good in official.items() if good)
        raise ConvvizError(
            f"is corrupted: its MD5 is not the official file's, while {good}'s is; delete it to download it again",
            str(folder / odd),
        )
    train = [records[name] for name in FILES[:-1]]
    test = records[FILES[-1]]
    if not original:
        check(train, test, folder)
    return Cifar(original, *pictures(train), *pictures([test]))


def download(folder: Path, mirrors: Sequence[str] | None = None) -> None:
    """Put the official files into ``folder``, all of them whole and checked; raises ConvvizError where that fails."""
    with workplace(folder.parent) as place:
        archive = fetch(ARCHIVE, mirrors or MIRRORS, place, verify)
        out = place / FOLDER
        out.mkdir()
        with tarfile.open(archive) as tar:
            for name in FILES:  # these and no others, whatever paths the archive has
                member = tar.extractfile(f"{FOLDER}/{name}")
                assert member is not None, name  # the archive's checksum is right
                with member, (out / name).open("wb") as copy:
                    shutil.copyfileobj(member, copy)
        land(out, folder)


def verify(archive: Path) -> None:
    """Raises ConvvizError where ``archive`` is not the official one."""
    with archive.open("rb") as file:
        if hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() != ARCHIVE_MD5:
            raise ConvvizError("it has the wrong MD5", str(archive))


def parse(raw: bytes, where: str) -> np.ndarray:
    """The records (N, 3073) of a file's content: a label, then red, green and blue row by row; raises ConvvizError."""
    if not raw or len(raw) % RECORD:
        raise ConvvizError(
            f"is truncated or no CIFAR-10 file: {len(raw):,} bytes are not a whole number of records of {RECORD:,}",
            where,
        )
    found = np.frombuffer(raw, np.uint8).reshape(-1, RECORD)
    check_labels(found[:, 0], CLASSES, where)
    return found


def check(train: list[np.ndarray], test: np.ndarray, folder: Path) -> None:
    """Refuses copies that a file is missing from, that are cut at a record's end, or that have files swapped."""
    for name, records in zip(FILES, train):
        if len(records) != len(train[0]):
            raise ConvvizError(
                f"has {len(records):,} records where {FILES[0]} has {len(train[0]):,}", str(folder / name)
            )
    if len(test) > len(train[0]):
        raise ConvvizError(
            f"has {len(test):,} records, more than the {len(train[0]):,} of a training batch: is it swapped?",
            str(folder / FILES[-1]),
        )
    if len(train[0]) != BATCH or len(test) != BATCH:
        return
    for split, labels, where in (
        ("test", test[:, 0], folder / FILES[-1]),
        ("train", np.concatenate([records[:, 0] for records in train]), folder),
    ):
        counts = np.bincount(labels, minlength=len(CLASSES))
        if (counts != IN_CLASS[split]).any():
            worst = int(np.argmax(counts != IN_CLASS[split]))
            raise ConvvizError(
                f"has {counts[worst]:,} images of class {CLASSES[worst]} where CIFAR-10's {split} split has "
                f"{IN_CLASS[split]:,}: is a file swapped or doubled?",
                str(where),
            )


def pictures(batches: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 3, 32, 32) and labels of the records of some files."""
    images = np.concatenate([records[:, 1:] for records in batches]).reshape(-1, CHANNELS, SIDE, SIDE)
    return images, np.concatenate([records[:, 0] for records in batches]).astype(np.int64)
