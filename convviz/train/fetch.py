"""Downloads that are whole or not there: from the first mirror that gives the right bytes, checked before they land.

Everything is written in a folder of its own beside the target and renamed when it has been checked, so that a broken
connection, a full disk or Ctrl-C leaves nothing, and two processes that fetch the same file do not meet.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from convviz.errors import ConvvizError

ROUNDS = 2  # how often each mirror is asked
PAUSE = 1.0  # seconds between two rounds
TIMEOUT = (5, 30)  # seconds to connect, and without a byte
CHUNK = 1 << 16
BESIDE = ".download-"
DAY = 86_400  # seconds after which what a killed process left is swept away

__all__ = ["fetch", "land", "workplace"]


@contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """A folder for this process alone in ``folder``, gone at the end; so are the folders made for it, if left empty."""
    made = [path for path in (folder, *folder.parents) if not os.path.exists(path)]
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.glob(f"{BESIDE}*"):
                if time.time() - old.stat().st_mtime > DAY:
                    shutil.rmtree(old, ignore_errors=True)
            place = Path(tempfile.mkdtemp(prefix=BESIDE, dir=folder))
            try:
                yield place
            finally:
                shutil.rmtree(place, ignore_errors=True)
        except OSError as err:
            raise ConvvizError(f"cannot be written: {err.strerror or err}", str(folder)) from None
    finally:
        for path in made:
            with suppress(OSError):  # not empty, which is as it should be
                path.rmdir()


def fetch(name: str, mirrors: Sequence[str], place: Path, check: Callable[[Path], object]) -> Path:
    """Download ``name`` from the first of the mirrors whose bytes pass ``check``, into the folder ``place``.

    check raises ConvvizError for a wrong file, which the next mirror's overwrites; only the caller lets one out of
    ``place`` (:func:`land`). Raises ConvvizError without pooch and where no mirror gave the right bytes, with what each
    answered; OSError where nothing can be written.
    """
    try:
        import pooch
        import requests
    except ImportError:
        raise ConvvizError("a download needs pooch: pip install 'convviz[train]'", name) from None
    target, faults = place / name, {}
    for turn in range(ROUNDS):
        for mirror in mirrors:
            url = f"{mirror.rstrip('/')}/{name}"
            try:
                with bar(name) as shown:
                    # identity: a server that compresses on the way would have requests undo the file's own gzip
                    pooch.HTTPDownloader(
                        progressbar=shown,
                        chunk_size=CHUNK,
                        timeout=TIMEOUT,
                        headers={"Accept-Encoding": "identity"},
                    )(url, str(target), None)
                check(target)
                return target
            except requests.RequestException as err:
                faults[mirror] = reason(err)
            except ConvvizError as err:
                faults[mirror] = err.message
        if turn + 1 < ROUNDS:
            time.sleep(PAUSE)
    by_fault: dict[str, list[str]] = {}
    for mirror, fault in faults.items():
        by_fault.setdefault(fault, []).append(urlsplit(mirror).netloc or mirror)
    raise ConvvizError("; ".join(f"{fault} ({', '.join(hosts)})" for fault, hosts in by_fault.items()))


def reason(err: Any) -> str:
    """Why a request failed, in a few words."""
    import requests

    if isinstance(err, requests.HTTPError):
        return f"answer {getattr(err.response, 'status_code', 'without a status')}"
    if isinstance(err, requests.Timeout):
        return "no answer in time"
    if isinstance(err, requests.ConnectionError):
        return "no connection"
    if isinstance(err, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    return "no valid address" if isinstance(err, ValueError) else type(err).__name__


def land(source: Path, target: Path) -> None:
    """Put a checked file or folder in its place in one step; another process's that came first is as good."""
    try:
        os.replace(source, target)
    except OSError:
        if source.is_dir() and target.is_dir():  # it has some of the files already
            for path in sorted(source.iterdir()):
                land(path, target / path.name)
        elif os.name != "nt" or not target.exists():  # Windows refuses while another process reads it
            raise


# -- a bar on stderr, where somebody watches -----------------------------------------------------------------
class Bar:
    """What pooch's downloader tells its progress: ``total`` is set, then come ``update``, ``reset`` and ``close``."""

    def __init__(self, shown: Any, task: Any) -> None:
        self._shown, self._task, self._total = shown, task, 0

    @property
    def total(self) -> int:
        return self._total

    @total.setter
    def total(self, value: int) -> None:
        self._total = value
        self._shown.update(self._task, total=value or None)

    def update(self, count: int) -> None:
        self._shown.advance(self._task, count)

    def reset(self) -> None:
        self._shown.update(self._task, completed=0)

    def close(self) -> None:
        """Nothing is left to do: the block that shows the bar ends it."""


@contextmanager
def bar(name: str) -> Iterator[Bar | bool]:
    """Yields a :class:`Bar`, or False where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield False
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        yield Bar(shown, shown.add_task(name, total=None))
