"""Pixels as a PNG file, with nothing but zlib: the page needs a picture, and a core install has no Pillow."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode

import numpy as np

COLOURS = {1: 0, 3: 2}  # channels -> PNG's colour type


def png(pixels: np.ndarray) -> bytes:
    """(H, W, 1 or 3) in whole numbers of 8 bits -> the bytes of a file.

    Source: W3C, "Portable Network Graphics (PNG) Specification", third edition, sections 5 and 11.

    >>> png(np.zeros((2, 2, 1), np.uint8))[:8]
    b'\\x89PNG\\r\\n\\x1a\\n'
    """
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, COLOURS[channels], 0, 0, 0)
    # Each row is told apart from the one above it (filter 2), which pictures compress well under.
    above = np.concatenate([np.zeros_like(pixels[:1]), pixels[:-1]])
    rows = (pixels - above).reshape(height, -1)
    lines = np.concatenate([np.full((height, 1), 2, np.uint8), rows], axis=1)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in parts)


def png_address(pixels: np.ndarray) -> str:
    """The same file as a `data:` address, which a page may hold.

    >>> png_address(np.zeros((2, 2, 3), np.uint8))[:22]
    'data:image/png;base64,'
    """
    return "data:image/png;base64," + b64encode(png(pixels)).decode()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
