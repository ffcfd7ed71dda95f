"""Files put in place all together or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from convviz.errors import ConvvizError
from convviz.runs.lock import Lock, holder_of

PART = ".render-"  # how folders begin in which films are being made
NEW, OLD = "new", "old"


def check_folder(folder: Path) -> None:
    """Make a folder for films; raises ConvvizError where that or writing into it is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=PART, dir=folder):
            pass
    except OSError as err:
        raise ConvvizError(f"cannot be written: {err.strerror or err}", str(folder)) from None


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A folder beside the films, gone when the block ends; what a process that was killed has left goes as well."""
    for left in folder.glob(f"{PART}*"):
        if left.is_dir() and holder_of(left) is None:
            shutil.rmtree(left, ignore_errors=True)
    try:
        made = Path(tempfile.mkdtemp(prefix=PART, dir=folder))
    except OSError as err:
        raise ConvvizError(f"cannot be written: {err.strerror or err}", str(folder)) from None
    try:
        with Lock(made):
            yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def put(place: Path, folder: Path) -> list[Path]:
    """Move all that lies in ``place``/new into ``folder``, over what is there; where that fails, all is as it was.

    Raises ConvvizError.
    """
    (place / OLD).mkdir()
    begun: list[tuple[Path, Path, bool]] = []  # target, where its predecessor is kept, whether there was one
    try:
        for entry in sorted((place / NEW).iterdir()):
            target, kept = folder / entry.name, place / OLD / entry.name
            if target.is_dir() and not entry.is_dir():
                raise ConvvizError("is a folder; a film of that name cannot be put in its place", str(target))
            begun.append((target, kept, os.path.lexists(target)))
            if begun[-1][2]:
                _keep(target, kept)
            os.replace(entry, target)
    except BaseException as err:
        for target, kept, had in reversed(begun):
            if os.path.lexists(kept) or not had:
                _remove(target)
            if os.path.lexists(kept):
                os.replace(kept, target)
        if isinstance(err, OSError):
            raise ConvvizError(f"cannot be written: {err.strerror or err}", str(folder)) from None
        raise
    return [target for target, _, _ in begun]


def _keep(target: Path, kept: Path) -> None:
    """A file stays where it is until its successor replaces it; a folder must go first."""
    if not target.is_dir():
        with contextlib.suppress(OSError):  # a file system without links
            os.link(target, kept, follow_symlinks=False)
            return
    os.replace(target, kept)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
