"""Small data files in the layouts of MNIST and CIFAR-10, random from a seed."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

from convviz.train import cifar, mnist


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    """The content of an IDX file."""
    return bytes((0, 0, kind, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_mnist(folder: Path, train: int = 3, test: int = 3, level: int = 9, ending: str = ".gz") -> Path:
    """Four IDX files of so many images and labels; ending: "" for files that are not gzipped."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for part in mnist.PARTS:
        count = train if part.count == 60_000 else test
        shape = (count, 28, 28) if part.images else (count,)
        raw = idx(rng.integers(0, 256 if part.images else 10, shape).astype(np.uint8))
        (folder / (part.name + ending)).write_bytes(gzip.compress(raw, level) if ending else raw)
    return folder


def records(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """CIFAR-10 records (N, 3073) of random images with these labels."""
    images = np.random.default_rng(seed).integers(0, 256, (len(labels), 3072), np.uint8)
    return np.concatenate([labels.astype(np.uint8)[:, None], images], 1)


def write_cifar(folder: Path, batch: int = 4, test: int = 3) -> Path:
    """Six files of random records, ``batch`` in each training file; folder: cifar-10-batches-bin."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(cifar.FILES):
        count = test if name == cifar.FILES[-1] else batch
        (folder / name).write_bytes(records(np.arange(count) % 10, seed).tobytes())
    return folder
