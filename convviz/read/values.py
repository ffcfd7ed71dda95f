"""Numbers from a file: nested JSON, .npy, or CSV with one image a row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from convviz.errors import ConvvizError
from convviz.ops.base import Array, Shape, show

LARGEST = 16 * 2**20  # bytes of a file that is read
DEEPEST = 5  # axes: samples, channels and three of space


def read_values(path: str | Path, shape: Shape | None = None) -> Array:
    """An array of finite floats (N, C, *space) from ``path``.

    ``.json`` holds nested lists, ``.npy`` an array of numbers, ``.csv`` one image a row, which needs ``shape``. With a
    shape the numbers are laid out in it, in C order; (C, *space) is enough for a CSV. Raises ConvvizError, which names
    the place.
    """
    place, suffix = str(path), Path(path).suffix.lower()
    readers = {".json": _json, ".npy": _npy, ".csv": _csv}
    if suffix not in readers:
        raise ConvvizError("values come from .json (nested lists), .csv (one image a row) or .npy", place)
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise ConvvizError("is no file", place)
        size = Path(path).stat().st_size
        if size > LARGEST:
            raise ConvvizError(f"has {size:,} bytes; a file of values may have {LARGEST:,}", place)
        found = readers[suffix](Path(path).read_bytes(), place)
    except FileNotFoundError:
        raise ConvvizError("no such file", place) from None
    except OSError as err:
        raise ConvvizError(f"cannot be read: {err.strerror or err}", place) from None
    if not found.size:
        raise ConvvizError("holds no numbers", place)
    bad = np.argwhere(~np.isfinite(found))
    if len(bad):
        at = tuple(int(i) for i in bad[0])
        raise ConvvizError(f"must be finite numbers, got {found[at]} at {_place(at, suffix)}", place)
    return _laid_out(found, shape, suffix == ".csv", place)


def _place(at: Sequence[int], suffix: str) -> str:
    """Where a number stands: a row and a column of a CSV, else indices."""
    return f"image {at[0] + 1}, column {at[1] + 1}" if suffix == ".csv" else str(list(at))


def _laid_out(found: Array, shape: Shape | None, by_row: bool, place: str) -> Array:
    if shape is None:
        if by_row:
            raise ConvvizError(
                "a CSV has one image a row; say with --shape how it is laid out, as in 4x1x2x2", place
            )
        return found
    whole = prod(shape)
    if by_row and whole * len(found) == found.size and whole != found.size:
        shape = (len(found), *shape)  # of one image
    elif whole != found.size:
        raise ConvvizError(f"holds {found.size:,} numbers, and {show(shape)} needs {whole:,}", place)
    if found.ndim > 1 and found.shape[0] != shape[0]:
        what = "rows (images)" if by_row else "samples"
        raise ConvvizError(f"has {found.shape[0]:,} {what}, and {show(shape)} is for {shape[0]:,}", place)
    return found.reshape(shape)


def _text(data: bytes, place: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConvvizError("is no text in UTF-8", place) from None


def _json(data: bytes, place: str) -> Array:
    text = _text(data, place)
    try:
        return _array(json.loads(text), place)
    except json.JSONDecodeError as err:
        raise ConvvizError(f"is no JSON: {err.msg} in line {err.lineno}, column {err.colno}", place) from None
    except RecursionError:
        raise ConvvizError("is nested too deeply", place) from None
    except ValueError:  # an integer of thousands of digits
        raise ConvvizError("holds a number that is too long", place) from None


def _array(value: Any, place: str) -> Array:
    """Nested lists of equal lengths as an array."""
    shape: list[int] = []
    level = value
    while isinstance(level, list):
        shape.append(len(level))
        if not level:
            break
        level = level[0]
        if len(shape) > DEEPEST:
            raise ConvvizError(f"lists are nested deeper than {DEEPEST}, the axes of a batch", place)
    if not shape:
        raise ConvvizError("must hold nested lists of numbers", place)
    flat: list[float] = []
    _collect(value, shape, (), flat, place)
    return np.array(flat, dtype=np.float64).reshape(shape)


def _collect(value: Any, shape: Sequence[int], at: tuple[int, ...], flat: list[float], place: str) -> None:
    if len(at) == len(shape):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConvvizError(f"must be a number, got {_short(value)} at {list(at)}", place)
        try:
            flat.append(float(value))
        except OverflowError:
            raise ConvvizError(f"the number at {list(at)} is too large", place) from None
        return
    if not isinstance(value, list) or len(value) != shape[len(at)]:
        got = f"a list of {len(value)}" if isinstance(value, list) else _short(value)
        raise ConvvizError(f"lists of {shape[len(at)]} are needed throughout, got {got} at {list(at)}", place)
    for i, item in enumerate(value):
        _collect(item, shape, (*at, i), flat, place)


def _npy(data: bytes, place: str) -> Array:
    try:
        shape, kind, left = _npy_header(data)
        if kind.kind not in "iuf":
            raise ConvvizError(f"must be an array of numbers, got {kind.name}", place)
        if prod(shape) * kind.itemsize > left:
            raise ConvvizError(f"ends before its {prod(shape):,} numbers do", place)
        return np.asarray(np.load(io.BytesIO(data), allow_pickle=False), dtype=np.float64)
    except (ValueError, OSError, EOFError, SyntaxError, KeyError) as err:
        told = str(err).splitlines()[0] if str(err) else "empty"
        raise ConvvizError(f"is no .npy file of numbers ({_cut(told)})", place) from None


def _npy_header(data: bytes) -> tuple[Shape, np.dtype[Any], int]:
    """Shape and type that the file names, before any memory is asked for, and how many bytes there are."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, _, kind = readers[version](stream)
    return shape, kind, len(data) - stream.tell()


def _csv(data: bytes, place: str) -> Array:
    rows: list[list[float]] = []
    reader = csv.reader(io.StringIO(_text(data, place)))
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if rows and len(row) != len(rows[0]):
                raise ConvvizError(
                    f"line {reader.line_num} has {len(row)} cells, the first has {len(rows[0])}", place
                )
            rows.append([_cell(cell, reader.line_num, column, place) for column, cell in enumerate(row, 1)])
    except csv.Error as err:
        raise ConvvizError(f"is no CSV: {err}", place) from None
    return np.array(rows) if rows else np.zeros((0, 0))


def _cell(text: str, line: int, column: int, place: str) -> float:
    plain = text.strip().replace("\N{MINUS SIGN}", "-")
    try:
        if not plain.isascii() or "_" in plain:  # Python takes 1_000 and digits of other scripts
            raise ValueError
        return float(plain)
    except ValueError:
        raise ConvvizError(
            f"must be a number, got {_short(text)} in line {line}, column {column}", place
        ) from None


def _short(value: Any) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:56]} …"
