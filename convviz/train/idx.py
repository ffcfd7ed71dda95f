"""IDX, the file format of MNIST: a magic number, the sizes, then the numbers, usually gzipped."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from pathlib import Path

import numpy as np

from convviz.errors import ConvvizError
from convviz.train.files import read_bytes

MOST = 2**28  # bytes of content; MNIST's largest file has 47 million
GZIP = b"\x1f\x8b"
UNSIGNED_BYTES = 8  # IDX's code for the type of the numbers

__all__ = ["parse_idx", "read_idx", "unpacked"]


def read_idx(path: str | Path) -> np.ndarray:
    """The array of bytes in an IDX file, gzipped or not (Y. LeCun, "The MNIST database": the format's description).

    The array is writable, so that torch can share its memory. Raises ConvvizError that names the file.
    """
    return parse_idx(unpacked(path), str(path))


def unpacked(path: str | Path) -> bytes:
    """A file's content, gunzipped where it is gzipped, whatever its name says; raises ConvvizError."""
    raw = read_bytes(Path(path), MOST)
    if raw[:2] != GZIP:
        return raw
    try:
        # one byte more than allowed: a small file that unpacks to a huge one never fills the memory
        raw = gzip.GzipFile(fileobj=io.BytesIO(raw)).read(MOST + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise ConvvizError(
            "is truncated or corrupted: its gzip stream does not end well", str(path)
        ) from None
    if len(raw) > MOST:
        raise ConvvizError(f"is too large: it unpacks to more than {MOST:,} bytes", str(path))
    return raw


def parse_idx(raw: bytes, where: str) -> np.ndarray:
    """The array in the content of an IDX file of unsigned bytes; raises ConvvizError placed at ``where``.

    >>> parse_idx(bytes((0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 3, 7, 8, 9)), "x")
    array([[7, 8, 9]], dtype=uint8)
    """
    start = 4 + 4 * raw[3] if len(raw) >= 4 else 4
    if len(raw) < 4 or raw[:2] != b"\0\0" or not raw[3] or len(raw) < start:
        raise ConvvizError("is no IDX file: its head should be 0, 0, 8, the rank, then the sizes", where)
    if raw[2] != UNSIGNED_BYTES:
        raise ConvvizError(
            f"holds numbers of IDX type {raw[2]} where unsigned bytes ({UNSIGNED_BYTES}) should be", where
        )
    sizes = struct.unpack(f">{raw[3]}I", raw[4:start])
    wanted = 1
    for size in sizes:
        wanted *= size
    if len(raw) - start != wanted:
        shape, fault = "x".join(map(str, sizes)), "truncated" if len(raw) - start < wanted else "too long"
        raise ConvvizError(
            f"is {fault}: {len(raw) - start:,} bytes where its head ({shape}) asks for {wanted:,}", where
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(sizes).copy()
