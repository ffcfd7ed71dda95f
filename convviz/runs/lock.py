"""One process at a time in a run's folder: a lock that the system lets go when its holder ends, however that is."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from convviz.errors import ConvvizError

NAME = ".lock"
SPACE = 512  # bytes that a lock's file has for what is told in it
HELD = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
TRIES, PAUSE = 5, 0.02  # who only looks whether a lock is held has it for a moment


class Busy(ConvvizError):
    """Another process works in the folder; ``holder`` is what it tells of itself."""

    def __init__(self, folder: Path, holder: dict[str, Any]) -> None:
        self.holder = holder
        super().__init__(f"is being trained by {named(holder)}; wait for it, or stop it", str(folder))


class Lock:
    """``with Lock(folder):`` raises Busy where another process is in it, also on another computer that shares it.

    The lock is the system's (``flock``), so a process that is killed leaves none behind. Its file also tells who
    holds it and, by :meth:`tell`, how far the work is; :func:`holder_of` reads that from outside.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.path = self.folder / NAME
        self._file: int | None = None

    def __enter__(self) -> Lock:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for left in reversed(range(TRIES)):
                try:
                    while self._file is None:
                        self._file = self._taken()
                    break
                except Busy:
                    if not left:
                        raise
                    time.sleep(PAUSE)
        except OSError as err:
            raise ConvvizError(f"cannot be locked: {err.strerror or err}", str(self.folder)) from None
        self.tell()
        return self

    def _taken(self) -> int | None:
        """The locked file; None where its last holder has just removed it."""
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(file)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file), os.stat(self.path)):
                    return file
        except OSError as err:
            os.close(file)
            if err.errno in HELD:
                raise Busy(self.folder, holder_of(self.folder) or {}) from None
            raise
        os.close(file)
        return None

    def tell(self, **news: Any) -> None:
        """Write who holds the lock, and news of the work, into its file; a full disk is no reason to stop."""
        if self._file is None:
            return
        text = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), **news})
        with contextlib.suppress(OSError):
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, text.encode()[:SPACE].ljust(SPACE))

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None:
            return
        with contextlib.suppress(OSError):  # Windows removes no open file, and then it stays
            self.path.unlink()
        os.close(self._file)
        self._file = None


def holder_of(folder: str | Path) -> dict[str, Any] | None:
    """What the holder of a folder's lock tells (pid, host, news); None where nobody holds it."""
    try:
        file = os.open(Path(folder) / NAME, os.O_RDWR)
    except OSError:
        return None
    try:
        _lock(file)
    except OSError as err:
        return told_in(folder) if err.errno in HELD else None
    else:
        return None  # it could be taken: left behind by a process that has ended
    finally:
        os.close(file)


def told_in(folder: str | Path) -> dict[str, Any]:
    """What the file of a lock tells, whether it is held or not; empty where there is none."""
    try:
        found = json.loads((Path(folder) / NAME).read_bytes())
    except (OSError, ValueError):  # not there, or just being written
        return {}
    return found if isinstance(found, dict) else {}


def named(holder: dict[str, Any]) -> str:
    """
    >>> named({"pid": 12, "host": "box"})
    'process 12 on box'
    """
    return (
        f"process {holder['pid']} on {holder['host']}"
        if {"pid", "host"} <= holder.keys()
        else "another process"
    )


def _lock(file: int) -> None:
    """Take the system's lock on an open file at once, or raise OSError."""
    if os.name == "nt":
        import msvcrt

        os.lseek(file, SPACE, os.SEEK_SET)  # a byte behind the text, which stays readable
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        return
    import fcntl

    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
