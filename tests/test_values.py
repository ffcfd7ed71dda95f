"""Numbers from files: JSON, CSV and npy, laid out in a shape; every kind of bad file in one line."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convviz.analysis.norms.batches import preset
from convviz.errors import ConvvizError
from convviz.read.values import read_values

A = preset("A")
CSV = "0,2,2,0\n2,8,2,8\n1,5,5,1\n5,7,7,9\n"


def write(folder: Path, name: str, data: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8"))
    return path


def npy(folder: Path, values: Any, name: str = "x.npy", **how: Any) -> Path:
    np.save(folder / name, values, **how)
    return folder / name


def test_json(tmp_path: Path) -> None:
    path = write(tmp_path, "a.json", json.dumps(A.tolist()))
    assert (read_values(path) == A).all()
    assert (read_values(path, (4, 1, 2, 2)) == A).all()
    assert read_values(path, (4, 2, 2)).shape == (4, 2, 2)
    assert read_values(write(tmp_path, "b.JSON", "[[1, 2.5, -3e-2]]")).tolist() == [[1, 2.5, -0.03]]


@pytest.mark.parametrize(
    "kind", ["int8", "uint8", "int64", "uint64", "float16", "float32", "float64", ">f4", "longdouble"]
)
def test_npy(tmp_path: Path, kind: str) -> None:
    found = read_values(npy(tmp_path, A.astype(kind)))
    assert (found == A).all() and found.dtype == np.float64
    assert (read_values(npy(tmp_path, np.asfortranarray(A.astype(kind)))) == A).all()


@pytest.mark.parametrize(
    "text",
    [
        CSV,
        CSV.rstrip("\n"),
        CSV.replace("\n", "\r\n"),
        "\ufeff" + CSV,
        CSV.replace(",", " , "),
        CSV.replace("\n", "\n\n"),
        CSV.replace("2", "2.0").replace("8", "0.8e1"),
        CSV.replace("5,7,7,9", '"5","7","7","9"'),
    ],
)
def test_csv(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, "a.csv", text)
    assert (read_values(path, (4, 1, 2, 2)) == A).all()
    assert (read_values(path, (1, 2, 2)) == A).all()  # of one image
    assert read_values(path, (4, 4)).shape == (4, 4)


def test_a_minus_sign_is_a_minus(tmp_path: Path) -> None:
    assert read_values(write(tmp_path, "a.csv", "\N{MINUS SIGN}1,-2\n"), (1, 2)).tolist() == [[-1, -2]]


def bad_npy(folder: Path) -> Path:
    path = npy(folder, np.zeros(4))
    return write(folder, "y.npy", path.read_bytes()[:-9])


def huge_npy(folder: Path) -> Path:
    from io import BytesIO

    out = BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)}
    np.lib.format.write_array_header_1_0(out, header)
    return write(folder, "z.npy", out.getvalue() + b"12345678")


def objects(folder: Path) -> Path:
    return npy(folder, np.array([[1, "a"], [None, 2]], dtype=object), allow_pickle=True)


def archive(folder: Path) -> Path:
    np.savez(folder / "w.npz", a=A)
    return write(folder, "w.npy", (folder / "w.npz").read_bytes())


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("make", "shape", "told"),
    [
        (lambda d: d / "none.json", None, "none.json: no such file"),
        (lambda d: d / "x.txt", None, "values come from .json"),
        (lambda d: d, None, "values come from .json"),
        (lambda d: (d / "d.json").mkdir() or d / "d.json", None, "is no file"),
        (lambda d: write(d, "x.json", ""), None, "is no JSON"),
        (lambda d: write(d, "x.json", "[[1, 2], [3"), None, "is no JSON"),
        (lambda d: write(d, "x.json", b"\xff\xfe\x00"), None, "is no text in UTF-8"),
        (lambda d: write(d, "x.json", "3"), None, "must hold nested lists"),
        (lambda d: write(d, "x.json", '{"a": 1}'), None, "must hold nested lists"),
        (lambda d: write(d, "x.json", "[]"), None, "holds no numbers"),
        (lambda d: write(d, "x.json", "[[], []]"), None, "holds no numbers"),
        (lambda d: write(d, "x.json", '[[1, "2"]]'), None, "must be a number, got '2' at [0, 1]"),
        (lambda d: write(d, "x.json", "[[1, null]]"), None, "must be a number, got None at [0, 1]"),
        (lambda d: write(d, "x.json", "[[1, true]]"), None, "must be a number, got True at [0, 1]"),
        (lambda d: write(d, "x.json", "[[1, [2]]]"), None, "must be a number, got [2] at [0, 1]"),
        (lambda d: write(d, "x.json", "[[1, 2], [3]]"), None, "lists of 2 are needed throughout, got a list of 1"),
        (lambda d: write(d, "x.json", "[[1, 2], 3]"), None, "lists of 2 are needed throughout, got 3 at [1]"),
        (lambda d: write(d, "x.json", "[[1, NaN]]"), None, "must be finite numbers, got nan at [0, 1]"),
        (lambda d: write(d, "x.json", "[[1, 1e400]]"), None, "must be finite numbers, got inf at [0, 1]"),
        (lambda d: write(d, "x.json", f"[[1, 1{'0' * 400}]]"), None, "the number at [0, 1] is too large"),
        (lambda d: write(d, "x.json", f"[[1, 1{'0' * 9000}]]"), None, "holds a number that is too long"),
        (lambda d: write(d, "x.json", f"[[\"{'long ' * 99}\"]]"), None, "…"),
        (lambda d: write(d, "x.json", DEEP), None, "nested too deeply"),
        (lambda d: write(d, "x.json", "[" * 6 + "1" + "]" * 6), None, "nested deeper than 5"),
        (lambda d: write(d, "x.json", "[[1, 2]]"), (1, 3), "holds 2 numbers, and 1x3 needs 3"),
        (lambda d: write(d, "x.json", "[[1, 2]]"), (10**9, 10**9), "needs 1,000,000,000,000,000,000"),
        (lambda d: write(d, "x.json", "[[1, 2], [3, 4]]"), (1, 4), "has 2 samples, and 1x4 is for 1"),
        (lambda d: write(d, "x.csv", ""), (1, 1), "holds no numbers"),
        (lambda d: write(d, "x.csv", CSV), None, "say with --shape how it is laid out"),
        (lambda d: write(d, "x.csv", CSV), (4, 1, 3, 3), "holds 16 numbers, and 4x1x3x3 needs 36"),
        (lambda d: write(d, "x.csv", CSV), (2, 2, 2, 2), "has 4 rows (images), and 2x2x2x2 is for 2"),
        (lambda d: write(d, "x.csv", "1,2\n3\n"), (2, 2), "line 2 has 1 cells, the first has 2"),
        (lambda d: write(d, "x.csv", "1,2\n\n3,dark\n"), (2, 2), "must be a number, got 'dark' in line 3, column 2"),
        (lambda d: write(d, "x.csv", "1,2\n3,\n"), (2, 2), "must be a number, got '' in line 2, column 2"),
        (lambda d: write(d, "x.csv", "1;2\n"), (1, 2), "must be a number, got '1;2' in line 1"),
        (lambda d: write(d, "x.csv", "1_0,2\n"), (1, 2), "must be a number, got '1_0'"),
        (lambda d: write(d, "x.csv", "١,2\n"), (1, 2), "must be a number"),
        (lambda d: write(d, "x.csv", "1,nan\n"), (1, 2), "must be finite numbers, got nan at image 1, column 2"),
        (lambda d: write(d, "x.csv", "1,1e999\n"), (1, 2), "must be finite numbers, got inf"),
        (lambda d: write(d, "x.csv", b"1,\xff\n"), (1, 2), "is no text in UTF-8"),
        (lambda d: write(d, "x.csv", f"1,{'9' * 200_000}\n"), (1, 2), "is no CSV"),
        (lambda d: write(d, "x.npy", ""), None, "is no .npy file"),
        (lambda d: write(d, "x.npy", "hello, this is text"), None, "is no .npy file"),
        (lambda d: write(d, "x.npy", pickle.dumps([1, 2])), None, "is no .npy file"),
        (archive, None, "is no .npy file"),
        (bad_npy, None, "ends before its 4 numbers do"),
        (huge_npy, None, "ends before its 1,000,000,000,000 numbers do"),
        (objects, None, "must be an array of numbers, got object"),
        (lambda d: npy(d, np.array(["a", "b"])), None, "must be an array of numbers, got str"),
        (lambda d: npy(d, np.array([[1j]])), None, "must be an array of numbers, got complex128"),
        (lambda d: npy(d, np.array([[True]])), None, "must be an array of numbers, got bool"),
        (lambda d: npy(d, np.zeros((0, 3))), None, "holds no numbers"),
        (lambda d: npy(d, np.array([[1, np.nan]])), None, "must be finite numbers, got nan at [0, 1]"),
        (lambda d: npy(d, np.zeros(3 * 2**20)), None, "a file of values may have 16,777,216"),
    ],
)  # fmt: skip
def test_a_bad_file_is_told_in_a_line(
    tmp_path: Path, make: Callable[[Path], Path], shape: tuple[int, ...] | None, told: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(ConvvizError) as err:
        read_values(path, shape)
    message = str(err.value)
    assert told in message and message.startswith(str(path)) and "\n" not in message
    assert len(message) < 300 + len(str(path))
