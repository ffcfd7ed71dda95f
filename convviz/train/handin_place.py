"""A folder that is there whole or not at all, and never takes the place of what someone else put there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from convviz.analysis.statistics.cautions import listed
from convviz.errors import ConvvizError
from convviz.report.handin.data import MADE_BY

MARK = "handin.json"


def check_place(folder: Path, force: bool = False) -> None:
    """Raises ConvvizError unless ``folder`` is new, empty, or a hand-in as it was written.

    ``force``: one with files that were changed or added by hand may be replaced, too.
    """
    if folder.exists() and not folder.is_dir():
        raise ConvvizError("is a file; name a folder", str(folder))
    whole = folder.resolve()
    if whole in (here := Path.cwd(), *here.parents):
        raise ConvvizError(
            "is the folder that you are in, or one above it; name another --output", str(folder)
        )
    above = next(parent for parent in whole.parents if parent.exists())
    if not above.is_dir():
        raise ConvvizError(f"{above} is a file, not a folder", str(folder))
    if not os.access(above, os.W_OK | os.X_OK):
        raise ConvvizError("cannot be written: permission denied", str(folder))
    if not folder.exists() or not any(folder.iterdir()):
        return
    written = _written(folder / MARK)
    if written is None:
        raise ConvvizError("is not empty and no earlier hand-in; name another --output", str(folder))
    own = _changed(folder, written)
    if own and not force:
        raise ConvvizError(
            f"holds files that were changed or added by hand ({listed(own)}); name another --output, or --force to "
            f"lose them",
            str(folder),
        )


def _written(mark: Path) -> Mapping[str, str] | None:
    """The files of an earlier hand-in and their sums; None where there is none."""
    try:
        data = json.loads(mark.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    files = data.get("files") if isinstance(data, dict) and data.get("made_by") == MADE_BY else None
    return files if isinstance(files, dict) else None


def _changed(folder: Path, written: Mapping[str, str]) -> list[str]:
    """Files that are not as they were written."""
    found = sums(folder)
    return [path for path, digest in found.items() if path != MARK and written.get(path) != digest]


def sums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file, by its path in the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def put(folder: Path, fill: Callable[[Path], None]) -> None:
    """Let ``fill`` write into a new folder, then put it in the place of ``folder``; raises ConvvizError with the old
    one as it was.
    """
    target = folder.resolve()
    made: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        fill(made)
        made.chmod(0o755)
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
            os.replace(target, old)  # an empty folder may be replaced
            try:
                os.replace(made, target)
            except OSError:
                os.replace(old, target)
                raise
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.replace(made, target)
        made = None
    except OSError as err:
        raise ConvvizError(f"cannot be written: {err.strerror or err}", str(folder)) from None
    finally:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)
