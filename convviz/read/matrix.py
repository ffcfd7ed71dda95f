"""A few numbers as they are written on a command line, ``3,-1;0.5,0``, or in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from convviz.errors import ConvvizError
from convviz.read.values import read_values

FILES = (".json", ".npy", ".csv")
LONGEST = 2**20  # bytes of a CSV, letters of a command line


def read_matrix(text: str, where: str) -> Any:
    """Nested lists or an array of numbers: rows are separated by ``;``, numbers by commas; or the name of a file.

    A CSV has a row of the matrix in each line. Raises ConvvizError with the place.

    >>> read_matrix("3,-1; 0.5,0", "--weights")
    [[3.0, -1.0], [0.5, 0.0]]
    >>> read_matrix("1,2,3", "--weights")
    [1.0, 2.0, 3.0]
    """
    suffix = Path(text).suffix.lower() if len(text) < 1000 else ""
    if suffix in (".json", ".npy"):
        return read_values(text)
    if suffix == ".csv":
        return _rows(_text(text).splitlines(), text)
    if not text.strip() or len(text) > LONGEST:
        raise ConvvizError(
            "must be numbers such as 3,-1;0.5,0 (rows end with ;), or a file (.json, .npy, .csv)", where
        )
    rows = _rows(text.split(";"), where)
    return rows[0] if ";" not in text else rows


def _text(path: str) -> str:
    try:
        if Path(path).stat().st_size > LONGEST:
            raise ConvvizError(f"is too large for a small matrix (at most {LONGEST:,} bytes)", path)
        return Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConvvizError("no such file", path) from None
    except UnicodeDecodeError:
        raise ConvvizError("is no text in UTF-8", path) from None
    except OSError as err:
        raise ConvvizError(f"cannot be read: {err.strerror or err}", path) from None


def _rows(lines: list[str], where: str) -> list[list[float]]:
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        rows.append(
            [_number(cell.strip(), number, column, where) for column, cell in enumerate(line.split(","), 1)]
        )
        if len(rows[-1]) != len(rows[0]):
            told = f"row {number} has {len(rows[-1])}, the first {len(rows[0])}"
            raise ConvvizError(f"rows must be of equal length: {told}", where)
    if not rows:
        raise ConvvizError("holds no numbers", where)
    return rows


def _number(cell: str, row: int, column: int, where: str) -> float:
    try:
        return float(cell.replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        told = repr(cell) if len(cell) <= 40 else f"{cell[:36]!r} …"
        raise ConvvizError(f"must be a number, got {told} in row {row}, number {column}", where) from None
