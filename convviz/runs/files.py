"""Files that are there whole or not at all, whenever the process ends."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from convviz.errors import ConvvizError

PART = ".part-"  # how the files begin that a writer has not finished


def remove_parts(folder: Path) -> None:
    """Remove what writers that were killed have left in a folder."""
    for path in folder.glob(f"{PART}*"):
        path.unlink(missing_ok=True)


def write_atomic(path: Path, write: Callable[[Path], Any]) -> None:
    """Let ``write`` fill a file beside ``path``, then put it in its place; raises ConvvizError where that fails,
    with the old file as it was (a full disk, a folder that is gone).
    """
    place: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=PART, suffix=f"-{path.name}", dir=path.parent)
        os.close(handle)
        place = Path(name)
        write(place)
        with place.open("rb+") as file:
            os.fsync(file.fileno())
        place.chmod(0o644)
        os.replace(place, path)
        place = None
    except OSError as err:
        raise ConvvizError(f"cannot be written: {err.strerror or err}", str(path)) from None
    finally:
        if place is not None:
            place.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    write_atomic(path, lambda place: place.write_text(text, encoding="utf-8", newline="\n"))


def write_json(path: Path, data: Any) -> None:
    write_text(path, json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object a line."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows))
