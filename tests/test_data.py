"""Data sets: read from files, refused where they are not what they should be, and downloaded whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from convviz.errors import ConvvizError
from convviz.train import cifar, fetch, idx, mnist
from convviz.train.data import NAMES, Data, data_folder, has, load
from tests import datafiles
from tests.datafiles import records, write_cifar, write_mnist
from tests.sweeps import seeds

IMAGES, LABELS, TEST_IMAGES, TEST_LABELS = (part.name for part in mnist.PARTS)
REAL = Path(os.environ.get("CONVVIZ_DATA") or "/nowhere") / "mnist"
needs_mnist = pytest.mark.skipif(
    bool(mnist.missing(REAL)) or not (REAL / f"{IMAGES}.gz").exists(), reason="needs MNIST in CONVVIZ_DATA"
)
needs_cifar = pytest.mark.skipif(
    not os.environ.get("CONVVIZ_DATA") or not has("cifar10"), reason="needs CIFAR-10 in CONVVIZ_DATA"
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "PAUSE", 0)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def refused(call: Callable[[], object]) -> str:
    """The one line that a call is refused with."""
    with pytest.raises(ConvvizError) as err:
        call()
    told = str(err.value)
    assert "\n" not in told
    return told


# -- what comes out ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(("level", "ending"), [(0, ".gz"), (1, ".gz"), (9, ".gz"), (9, "")])
def test_mnist_s_files(tmp_path: Path, level: int, ending: str) -> None:
    write_mnist(tmp_path / "mnist", 7, 5, level, ending)
    found = load("mnist", tmp_path)
    assert found.name == "MNIST (other files), 7 training and 5 test images"
    assert found.train_images.shape == (7, 1, 28, 28) and found.test_images.shape == (5, 1, 28, 28)
    assert found.train_images.dtype == np.uint8 and found.train_labels.dtype == np.int64
    assert found.train_images.flags.writeable and found.shape == (1, 28, 28)
    rng = np.random.default_rng(0)
    assert np.array_equal(found.train_images, rng.integers(0, 256, (7, 1, 28, 28)))
    assert np.array_equal(found.train_labels, rng.integers(0, 10, 7))


def test_a_file_may_be_gzipped_or_not_whatever_its_name(tmp_path: Path) -> None:
    folder = write_mnist(tmp_path / "mnist")
    wanted = load("mnist", tmp_path)
    plain = gzip.decompress((folder / f"{IMAGES}.gz").read_bytes())
    (folder / f"{IMAGES}.gz").write_bytes(plain)
    (folder / TEST_LABELS).write_bytes((folder / f"{TEST_LABELS}.gz").read_bytes())
    (folder / f"{TEST_LABELS}.gz").unlink()
    found = load("mnist", tmp_path)
    assert np.array_equal(found.train_images, wanted.train_images)
    assert np.array_equal(found.test_labels, wanted.test_labels)


@needs_mnist
def test_the_original_mnist() -> None:
    found = load("mnist", REAL.parent, download=False)
    assert found.name == "MNIST" and len(found.train_labels) == 60_000 and len(found.test_labels) == 10_000
    assert (round(found.mean[0], 4), round(found.std[0], 4)) == (0.1307, 0.3081)
    assert np.bincount(found.train_labels).tolist() == [
        *(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    ]
    assert np.bincount(found.test_labels).tolist() == [
        *(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
    ]
    assert found.test_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert "60,000 training and 10,000 test images of 1x28x28" in repr(found)


def test_mean_and_deviation(tmp_path: Path) -> None:
    write_cifar(tmp_path / "cifar10" / cifar.FOLDER, 300, 10)
    found = load("cifar10", tmp_path)
    pixels = found.train_images.astype(np.float64) / 255
    assert found.mean == pytest.approx(pixels.mean(axis=(0, 2, 3)), rel=1e-12)
    assert found.std == pytest.approx(pixels.std(axis=(0, 2, 3)), rel=1e-12)


def test_cifar_s_files(tmp_path: Path) -> None:
    folder = write_cifar(tmp_path / "cifar10" / cifar.FOLDER, 4, 3)
    found = load("cifar10", tmp_path)
    assert found.name == "CIFAR-10 (JPEG copy), 20 training and 3 test images"
    assert found.train_images.shape == (20, 3, 32, 32) and found.test_images.shape == (3, 3, 32, 32)
    raw = (folder / "data_batch_3.bin").read_bytes()  # its second image is the tenth
    assert found.train_labels[9] == raw[3073] == 1
    assert found.train_images[9, 0, 0, :3].tolist() == list(raw[3074:3077])
    assert found.train_images[9, 2, 1, 5] == raw[3074 + 2 * 1024 + 32 + 5]
    assert found.classes[3] == "cat" and len(found.classes) == 10
    assert found.train_images.flags.writeable and found.train_labels.dtype == np.int64


def test_the_official_cifar_is_known_by_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_cifar(tmp_path / "cifar10" / cifar.FOLDER)
    official(folder, monkeypatch)
    assert load("cifar10", tmp_path).name == "CIFAR-10"
    (folder / "data_batch_2.bin").write_bytes(records(np.arange(4), 99).tobytes())
    told = refused(lambda: load("cifar10", tmp_path))
    assert (
        "data_batch_2.bin: is corrupted: its MD5 is not the official file's, while data_batch_1.bin's is"
        in told
    )
    (folder / "data_batch_2.bin").write_bytes((folder / "test_batch.bin").read_bytes())
    assert "is CIFAR-10's test_batch.bin under another name" in refused(lambda: load("cifar10", tmp_path))


def official(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the files of ``folder`` be CIFAR-10."""
    digests = {name: hashlib.md5((folder / name).read_bytes()).hexdigest() for name in cifar.FILES}
    monkeypatch.setattr(cifar, "MD5", digests)
    monkeypatch.setattr(cifar, "BY_HASH", {digest: name for name, digest in digests.items()})


@needs_cifar
def test_the_whole_copy_of_cifar() -> None:
    found = load("cifar10", download=False)
    assert found.name in ("CIFAR-10", "CIFAR-10 (JPEG copy)")
    assert found.train_images.shape == (50_000, 3, 32, 32) and found.test_images.shape == (10_000, 3, 32, 32)
    assert np.bincount(found.train_labels).tolist() == [5000] * 10
    assert found.mean == pytest.approx((0.4914, 0.4822, 0.4465), abs=2e-4)
    assert found.std == pytest.approx((0.2470, 0.2435, 0.2616), abs=2e-3)


def test_digits() -> None:
    pytest.importorskip("sklearn")
    from sklearn.datasets import load_digits

    found, raw = load("digits", "/nowhere", download=False), load_digits()
    assert found.name == "scikit-learn digits, enlarged to 28×28"
    assert found.train_images.shape == (1297, 1, 28, 28) and found.test_images.shape == (500, 1, 28, 28)
    whole = np.concatenate([found.train_images, found.test_images])[:, 0]
    assert np.array_equal(np.concatenate([found.train_labels, found.test_labels]), raw.target)
    assert np.array_equal(whole[:, 3:26:3, 3:26:3], np.rint(raw.images * 255 / 16))
    assert np.array_equal(whole[:, 2:26:3, 4:26:3], whole[:, 3:26:3, 3:26:3])  # each pixel 3x3 times
    assert whole.max() == 255 and not whole[:, :2].any() and not whole[:, :, 26:].any()
    assert set(found.test_labels) == set(range(10)) and "last 500 of the 1,797" in repr(found)


def test_digits_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert refused(lambda: load("digits")) == "digits: needs scikit-learn: pip install 'convviz[train]'"


def test_reading_files_is_light(tmp_path: Path) -> None:
    """A table of facts needs numpy and nothing heavier."""
    write_mnist(tmp_path / "mnist")
    script = (
        "import sys\nfrom convviz.train.data import load\n"
        f"print(load('mnist', {str(tmp_path)!r}))\n"
        "print([m for m in ('torch', 'sklearn', 'scipy', 'pooch', 'requests', 'rich') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\n[]\n")


# -- places ------------------------------------------------------------------------------------------------
def test_the_order_of_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pooch")
    monkeypatch.setenv("CONVVIZ_DATA", str(tmp_path))
    assert data_folder("x") == Path("x") and data_folder() == tmp_path
    import pooch

    for value in ("", None):
        if value is None:
            monkeypatch.delenv("CONVVIZ_DATA")
        else:
            monkeypatch.setenv("CONVVIZ_DATA", value)
        assert data_folder() == Path(pooch.os_cache("convviz"))
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    assert "no data folder: name one, set CONVVIZ_DATA, or pip install" in refused(data_folder)
    assert data_folder("~/d") == Path.home() / "d"


def test_what_is_there(tmp_path: Path) -> None:
    assert has("digits") and not has("mnist", tmp_path) and not has("cifar10", tmp_path)
    folder = write_mnist(tmp_path / "mnist")
    write_cifar(tmp_path / "cifar10" / cifar.FOLDER)
    assert has("mnist", tmp_path) and has("cifar10", tmp_path)
    (folder / f"{TEST_LABELS}.gz").unlink()
    (tmp_path / "cifar10" / cifar.FOLDER / "test_batch.bin").unlink()
    assert not has("mnist", tmp_path) and not has("cifar10", tmp_path)
    told = refused(lambda: load("mnist", tmp_path, download=False))
    assert told.startswith(f"{folder}: MNIST is not here ({TEST_LABELS}.gz missing): put its four")
    told = refused(lambda: load("cifar10", tmp_path, download=False))
    assert "CIFAR-10 is not here (test_batch.bin missing)" in told


def test_bad_places(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x", encoding="utf-8")
    assert refused(lambda: load("mnist", file)).startswith(f"{file}: is no folder")
    assert "cannot be written" in refused(lambda: load("mnist", file / "below"))
    assert "cannot be written: File name too long" in refused(lambda: load("mnist", "x" * 5000))
    (tmp_path / "mnist").write_text("x", encoding="utf-8")
    assert "cannot be written" in refused(lambda: load("mnist", tmp_path))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("minst", "data: no data set 'minst'; did you mean 'mnist'? (mnist, cifar10, digits)"),
        ("", "data: no data set '' (mnist, cifar10, digits)"),
    ],
)
def test_unknown_names(name: str, told: str) -> None:
    assert refused(lambda: load(name)) == refused(lambda: has(name)) == told
    assert set(NAMES) == {"mnist", "cifar10", "digits"}


@pytest.mark.parametrize(
    ("name", "how"),
    [
        (
            "mnist",
            f"MNIST is not here ({IMAGES}.gz, {LABELS}.gz, {TEST_IMAGES}.gz, {TEST_LABELS}.gz missing): put its four ",
        ),
        (
            "cifar10",
            "test_batch.bin missing): put the *.bin files of https://www.cs.toronto.edu",
        ),
    ],
)
def test_no_files_and_no_download(tmp_path: Path, name: str, how: str) -> None:
    told = refused(lambda: load(name, tmp_path / "x", download=False))
    assert how in told and told.endswith("or use --data digits, which needs no download")
    assert not list(tmp_path.iterdir())


def test_the_python_version_of_cifar(tmp_path: Path) -> None:
    (tmp_path / "cifar10" / "cifar-10-batches-py").mkdir(parents=True)
    told = refused(lambda: load("cifar10", tmp_path, download=False))
    assert "cifar-10-batches-py is the Python version, pickles that are not read" in told


# -- MNIST's files, spoilt ---------------------------------------------------------------------------------
def gz(array: np.ndarray, kind: int = 8) -> bytes:
    return gzip.compress(datafiles.idx(array, kind), mtime=0)


ZEROS = np.zeros((3, 28, 28), np.uint8)
BAD = [
    (IMAGES, b"", "is no IDX file: its head should be 0, 0, 8, the rank, then the sizes"),
    (IMAGES, b"hello, this is no data", "is no IDX file"),
    (IMAGES, b"\0\0\x08\x03\0\0\0\x05", "is no IDX file"),
    (IMAGES, b"\0\0\x08\0", "is no IDX file"),
    (IMAGES, gzip.compress(b"<html>not found</html>", mtime=0), "is no IDX file"),
    (IMAGES, gz(ZEROS)[:-9], "is truncated or corrupted: its gzip stream does not end well"),
    (IMAGES, gz(ZEROS)[:20], "is truncated or corrupted"),
    (IMAGES, gz(ZEROS)[:-5] + b"\0" + gz(ZEROS)[-4:], "is truncated or corrupted"),
    (IMAGES, gz(ZEROS)[:12] + b"\xff" * 4 + gz(ZEROS)[16:], "is truncated or corrupted"),
    (IMAGES, gz(ZEROS) + b"rubbish", "is truncated or corrupted"),
    (
        IMAGES,
        datafiles.idx(ZEROS)[:-1],
        "is truncated: 2,351 bytes where its head (3x28x28) asks for 2,352",
    ),
    (
        IMAGES,
        datafiles.idx(ZEROS) + b"\0",
        "is too long: 2,353 bytes where its head (3x28x28) asks for 2,352",
    ),
    (
        IMAGES,
        b"\0\0\x08\x03" + b"\xff" * 12,
        "is truncated: 0 bytes where its head (4294967295x4294967295x4294967295) asks for",
    ),
    (
        IMAGES,
        gz(ZEROS.astype(np.float32), 13),
        "holds numbers of IDX type 13 where unsigned bytes (8) should be",
    ),
    (IMAGES, gz(np.zeros((3, 32, 32), np.uint8)), "holds numbers (3x32x32) where images (Nx28x28) should be"),
    (IMAGES, gz(np.zeros((3, 28, 28, 1), np.uint8)), "holds numbers (3x28x28x1) where images"),
    (IMAGES, gz(np.zeros(3, np.uint8)), "holds labels (3) where images (Nx28x28) should be"),
    (LABELS, gz(ZEROS), "holds images (3x28x28) where a list of labels should be"),
    (LABELS, gz(np.zeros((3, 1), np.uint8)), "holds numbers (3x1) where a list of labels should be"),
    (
        LABELS,
        gz(np.array([1, 9, 10, 11], np.uint8)),
        "label 10 of image 2 is out of range: labels are 0 to 9",
    ),
    (LABELS, gz(np.zeros(4, np.uint8)), f"has 4 labels for the 3 images of {IMAGES}.gz"),
    (TEST_LABELS, gz(np.zeros(2, np.uint8)), f"has 2 labels for the 3 images of {TEST_IMAGES}.gz"),
    (TEST_IMAGES, gz(np.zeros((0, 28, 28), np.uint8)), "is empty"),
    (TEST_LABELS, gz(np.zeros(0, np.uint8)), "is empty; MNIST's t10k-labels-idx1-ubyte has 10,000 entries"),
    (
        LABELS,
        gz(np.zeros(60_000, np.uint8)),
        "is not MNIST's train-labels-idx1-ubyte: the SHA-256 of its content is",
    ),
]


@pytest.mark.parametrize(("name", "content", "told"), BAD)
def test_bad_files_are_named(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    path = write_mnist(tmp_path / "mnist") / f"{name}.gz"
    path.write_bytes(content)
    found = refused(lambda: load("mnist", tmp_path))
    assert found.startswith(f"{path}: {told}")


def test_train_and_test_swapped(tmp_path: Path) -> None:
    write_mnist(tmp_path / "mnist", 3, 5)
    told = refused(lambda: load("mnist", tmp_path))
    assert (
        f"{IMAGES}.gz: has 3 training images, fewer than the 5 for the test: are train and t10k swapped?"
        in told
    )


def test_what_is_no_file(tmp_path: Path) -> None:
    path = write_mnist(tmp_path / "mnist") / f"{IMAGES}.gz"
    path.unlink()
    path.mkdir()
    assert refused(lambda: load("mnist", tmp_path)) == f"{path}: is no file"
    assert refused(lambda: idx.read_idx("/nowhere")) == "/nowhere: no such file"
    if os.path.exists("/dev/zero"):
        assert refused(lambda: idx.read_idx("/dev/zero")) == "/dev/zero: is no file"


def test_a_small_file_that_unpacks_to_a_huge_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx, "MOST", 10**6)
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(bytes(10**6 + 1)))
    assert (
        refused(lambda: idx.read_idx(path))
        == f"{path}: is too large: it unpacks to more than 1,000,000 bytes"
    )
    path.write_bytes(bytes(10**6 + 1))
    assert "is too large: 1,000,001 bytes, at most 1,000,000 are right" in refused(lambda: idx.read_idx(path))


@seeds(20)
def test_idx_round_trip(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    array = rng.integers(0, 256, rng.integers(0, 6, rng.integers(1, 5)), np.uint8)
    path = tmp_path / "x"
    path.write_bytes(gz(array) if seed % 2 else datafiles.idx(array))
    assert np.array_equal(idx.read_idx(path), array) and idx.read_idx(path).shape == array.shape


def copied(tmp_path: Path) -> Path:
    """A folder of links to the real files, to be replaced one by one."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    for part in mnist.PARTS:
        (folder / f"{part.name}.gz").symlink_to(REAL / f"{part.name}.gz")
    return folder


@needs_mnist
@pytest.mark.parametrize(
    ("here", "other"), [(LABELS, TEST_LABELS), (TEST_IMAGES, LABELS), (TEST_LABELS, TEST_IMAGES)]
)
def test_real_files_swapped(tmp_path: Path, here: str, other: str) -> None:
    folder = copied(tmp_path)
    a, b = folder / f"{here}.gz", folder / f"{other}.gz"
    a.unlink()
    b.unlink()
    a.symlink_to(REAL / b.name)
    b.symlink_to(REAL / a.name)
    told = refused(lambda: load("mnist", tmp_path))
    assert "under another name" in told and "should be here" in told


@needs_mnist
def test_one_flipped_bit_in_a_file_that_has_no_crc(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    raw = bytearray(gzip.decompress((folder / f"{TEST_LABELS}.gz").read_bytes()))
    (folder / f"{TEST_LABELS}.gz").unlink()
    (folder / TEST_LABELS).write_bytes(raw)
    assert load("mnist", tmp_path).name == "MNIST"
    raw[777] ^= 1
    (folder / TEST_LABELS).write_bytes(raw)
    told = refused(lambda: load("mnist", tmp_path))
    assert told.startswith(f"{folder / TEST_LABELS}: is not MNIST's t10k-labels-idx1-ubyte: the SHA-256")
    assert "MNIST's is ff7bcfd416de...; it is corrupted or of another data set: delete it" in told


# -- CIFAR-10's files, spoilt ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (
            "test_batch.bin",
            b"",
            "is truncated or no CIFAR-10 file: 0 bytes are not a whole number of records of 3,073",
        ),
        ("data_batch_2.bin", bytes(3072), "is truncated or no CIFAR-10 file: 3,072 bytes"),
        ("data_batch_2.bin", bytes(4 * 3073 + 1), "is truncated or no CIFAR-10 file: 12,293 bytes"),
        ("data_batch_4.bin", bytes(3 * 3073), "has 3 records where data_batch_1.bin has 4"),
        (
            "test_batch.bin",
            bytes(5 * 3073),
            "has 5 records, more than the 4 of a training batch: is it swapped?",
        ),
        (
            "data_batch_5.bin",
            records(np.array([0, 9, 10, 1])).tobytes(),
            "label 10 of image 2 is out of range",
        ),
        (
            "data_batch_1.bin",
            bytes(3073 * 10_000 + 1),
            "is too large: 30,730,001 bytes, at most 30,730,000 are right",
        ),
    ],
)
def test_bad_cifar_files_are_named(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    path = write_cifar(tmp_path / "cifar10" / cifar.FOLDER) / name
    path.write_bytes(content)
    assert refused(lambda: load("cifar10", tmp_path)).startswith(f"{path}: {told}")


def test_a_copy_with_files_swapped() -> None:
    """Of all 60,000 images, 5,000 of each class are for training, and 1,000 for the test."""

    def labels(first: int) -> np.ndarray:
        rest = np.repeat(np.arange(2, 10), 1000)
        return np.concatenate([np.zeros(first), np.ones(2000 - first), rest])[:, None].astype(np.uint8)

    train, test = [labels(n) for n in (1010, 990, 1000, 1000, 1000)], labels(1000)
    cifar.check(train, test, Path("x"))
    told = refused(lambda: cifar.check([train[1], test, *train[2:]], train[0], Path("x")))
    assert told == (
        "x/test_batch.bin: has 1,010 images of class airplane where CIFAR-10's test split has 1,000: "
        "is a file swapped or doubled?"
    )
    told = refused(lambda: cifar.check([train[0], train[0], *train[2:]], test, Path("x")))
    assert told.startswith("x: has 5,020 images of class airplane where CIFAR-10's train split has 5,000")


# -- downloads ---------------------------------------------------------------------------------------------
class Mirror:
    """A server on this machine: bytes by path; a number is a status, and ``cut`` ends the answers early."""

    def __init__(self) -> None:
        self.files: dict[str, bytes | int] = {}
        self.asked: list[str] = []
        self.cut = False
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rpartition("/")[2]
                mirror.asked.append(name)
                content = mirror.files.get(name, 404)
                if isinstance(content, int):
                    self.send_error(content)
                    return
                self.send_response(200)
                if "gzip" in self.headers.get("Accept-Encoding", ""):  # as some do with a .gz
                    self.send_header("Content-Encoding", "gzip")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if mirror.cut else content)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/some/where/"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    pytest.importorskip("pooch")
    found = Mirror()
    yield found
    found.close()


@pytest.fixture
def other() -> Iterator[Mirror]:
    found = Mirror()
    yield found
    found.close()


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes | int]:
    """Four small files that count as MNIST, by name."""
    folder = write_mnist(tmp_path / "served", 9, 5)
    files: dict[str, bytes | int] = {path.name: path.read_bytes() for path in folder.iterdir()}
    parts = tuple(
        replace(
            part,
            count=9 if part.count == 60_000 else 5,
            sha256=hashlib.sha256(idx.unpacked(folder / f"{part.name}.gz")).hexdigest(),
        )
        for part in mnist.PARTS
    )
    monkeypatch.setattr(mnist, "PARTS", parts)
    monkeypatch.setattr(mnist, "BY_HASH", {part.sha256: part for part in parts})
    return files


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_download(tmp_path: Path, mirror: Mirror, tiny: dict[str, bytes | int]) -> None:
    mirror.files = tiny
    root = tmp_path / "new" / "data"
    assert load("mnist", root, mirrors=[mirror.url]).name == "MNIST"
    assert sorted(mirror.asked) == sorted(tiny)
    assert listing(root) == ["mnist", *(f"mnist/{name}" for name in sorted(tiny))]
    assert all((root / "mnist" / name).read_bytes() == content for name, content in tiny.items())
    load("mnist", root, mirrors=[mirror.url])
    assert len(mirror.asked) == 4  # nothing twice
    (root / "mnist" / f"{LABELS}.gz").unlink()
    assert load("mnist", root, mirrors=[mirror.url.rstrip("/")]).name == "MNIST"
    assert mirror.asked[4:] == [f"{LABELS}.gz"]


@pytest.mark.parametrize(
    "spoilt",
    [404, 500, b"<html>log in first</html>", b"", gzip.compress(b"other", mtime=0), b"\x1f\x8b\x08rubbish"],
)
def test_the_next_mirror_is_asked(
    tmp_path: Path, mirror: Mirror, other: Mirror, tiny: dict[str, bytes | int], spoilt: bytes | int
) -> None:
    mirror.files, other.files = {**tiny, f"{TEST_IMAGES}.gz": spoilt}, tiny
    assert load("mnist", tmp_path, mirrors=[mirror.url, other.url]).name == "MNIST"
    assert other.asked == [f"{TEST_IMAGES}.gz"]


def test_a_connection_that_breaks_off(
    tmp_path: Path, mirror: Mirror, other: Mirror, tiny: dict[str, bytes | int]
) -> None:
    mirror.files, mirror.cut, other.files = tiny, True, tiny
    told = refused(lambda: load("mnist", tmp_path / "a", mirrors=[mirror.url]))
    assert "(not downloaded: the connection broke off (127.0.0.1:" in told and len(mirror.asked) == 2
    assert load("mnist", tmp_path / "b", mirrors=[mirror.url, other.url]).name == "MNIST"


def test_a_second_round(tmp_path: Path, mirror: Mirror, tiny: dict[str, bytes | int]) -> None:
    mirror.files, names = {**tiny, f"{IMAGES}.gz": 503}, []
    real = fetch.reason

    def heal(err: Exception) -> str:
        mirror.files = tiny
        names.append(real(err))
        return names[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetch, "reason", heal)
        assert load("mnist", tmp_path, mirrors=[mirror.url]).name == "MNIST"
    assert names == ["answer 503"]


def test_nothing_is_left_of_a_wrong_download(
    tmp_path: Path, mirror: Mirror, tiny: dict[str, bytes | int]
) -> None:
    mirror.files = {**tiny, f"{LABELS}.gz": tiny[f"{TEST_LABELS}.gz"]}
    told = refused(lambda: load("mnist", tmp_path / "data", mirrors=[mirror.url]))
    assert "(not downloaded: its content has the wrong SHA-256 (127.0.0.1:" in told
    assert told.endswith("or use --data digits, which needs no download")
    assert listing(tmp_path / "data") == ["mnist", f"mnist/{IMAGES}.gz"]  # this one was right


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://127.0.0.1:9/x", "no connection (127.0.0.1:9)"),
        ("file:///tmp", "no valid address (file:///tmp)"),
        ("", "no valid address ()"),
    ],
)
@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_no_network(tmp_path: Path, name: str, url: str, fault: str) -> None:
    pytest.importorskip("pooch")
    told = refused(lambda: load(name, tmp_path / "new", mirrors=[url]))
    assert f"is not here (not downloaded: {fault}): put " in told and "--data digits" in told
    assert not list(tmp_path.iterdir())  # not even empty folders


def test_without_pooch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    assert "a download needs pooch: pip install 'convviz[train]'" in refused(lambda: load("mnist", tmp_path))


def test_a_full_disk(
    tmp_path: Path, mirror: Mirror, tiny: dict[str, bytes | int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    mirror.files = tiny
    monkeypatch.setattr(mnist, "land", full)
    told = refused(lambda: load("mnist", tmp_path / "data", mirrors=[mirror.url]))
    assert "cannot be written: No space left on device" in told and not (tmp_path / "data").exists()


def test_an_interrupted_download(
    tmp_path: Path, mirror: Mirror, tiny: dict[str, bytes | int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*args: object) -> None:
        raise KeyboardInterrupt

    mirror.files = tiny
    monkeypatch.setattr(mnist.Part, "verify", stop)
    with pytest.raises(KeyboardInterrupt):
        load("mnist", tmp_path / "data", mirrors=[mirror.url])
    assert not (tmp_path / "data").exists()


def test_what_a_killed_process_left_is_swept_away(
    tmp_path: Path, mirror: Mirror, tiny: dict[str, bytes | int]
) -> None:
    mirror.files = tiny
    old, new = (tmp_path / "mnist" / f"{fetch.BESIDE}{name}" for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "part").write_bytes(b"x")
    os.utime(old, (time.time() - 2 * fetch.DAY,) * 2)
    load("mnist", tmp_path, mirrors=[mirror.url])
    assert not old.exists() and new.exists()  # the new one may be another process at work


def archive(folder: Path) -> bytes:
    """cifar-10-binary.tar.gz of the files in ``folder``, and one member that points outside."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, f"{cifar.FOLDER}/{path.name}")
        tar.addfile(tarfile.TarInfo("../../outside"))
    return out.getvalue()


@pytest.mark.parametrize("there", [[], ["data_batch_1.bin", "test_batch.bin"]])
def test_cifar_s_archive(
    tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch, there: list[str]
) -> None:
    served = write_cifar(tmp_path / "served")
    official(served, monkeypatch)
    whole = archive(served)
    mirror.files = {cifar.ARCHIVE: whole}
    root = tmp_path / "data"
    told = refused(lambda: load("cifar10", root, mirrors=[mirror.url]))
    assert "(not downloaded: it has the wrong MD5 (127.0.0.1:" in told and not root.exists()
    monkeypatch.setattr(cifar, "ARCHIVE_MD5", hashlib.md5(whole).hexdigest())
    for name in there:  # a folder with some of the files
        (root / "cifar10" / cifar.FOLDER).mkdir(parents=True, exist_ok=True)
        (root / "cifar10" / cifar.FOLDER / name).write_bytes(b"old")
    assert load("cifar10", root, mirrors=[mirror.url]).name == "CIFAR-10"
    assert listing(root / "cifar10") == [
        cifar.FOLDER,
        *(f"{cifar.FOLDER}/{name}" for name in sorted(cifar.FILES)),
    ]


@needs_mnist
def test_two_processes_at_once(tmp_path: Path, mirror: Mirror) -> None:
    """Both download into the same empty folder, both read the whole of MNIST, and four files are there."""
    mirror.files = {f"{part.name}.gz": (REAL / f"{part.name}.gz").read_bytes() for part in mnist.PARTS}
    root = tmp_path / "data"
    script = (
        "from convviz.train.data import load\n"
        f"found = load('mnist', {str(root)!r}, mirrors=[{mirror.url!r}])\n"
        "print(found.name, len(found.train_labels), int(found.test_labels.sum()))\n"
    )
    pair = [
        subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in pair:
        out, err = process.communicate(timeout=60)
        assert (out, err, process.returncode) == ("MNIST 60000 44434\n", "", 0)
    assert listing(root) == ["mnist", *(f"mnist/{name}" for name in sorted(mirror.files))]


def test_the_bar(
    mirror: Mirror, tiny: dict[str, bytes | int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal pooch's downloader tells a bar how much has come."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    seen: list[tuple[int, int]] = []
    update = fetch.Bar.update

    def spy(self: fetch.Bar, count: int) -> None:
        update(self, count)
        seen.append((count, self.total))

    mirror.files = tiny
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(fetch.Bar, "update", spy)
    load("mnist", tmp_path, mirrors=[mirror.url])
    sizes = [len(content) for content in tiny.values() if isinstance(content, bytes)]
    assert {total for _, total in seen} == set(sizes) and f"{IMAGES}.gz" in sys.stderr.getvalue()  # type: ignore[attr-defined]


def test_a_data_set_made_by_hand() -> None:
    images = np.full((2, 3, 4, 5), 255, np.uint8)
    made = Data("mine", images, np.arange(2), images, np.arange(2), ("a", "b"), "the same")
    assert made.mean == (1, 1, 1) and made.std == (0, 0, 0) and made.shape == (3, 4, 5)
    assert repr(made).splitlines()[0] == "mine"
