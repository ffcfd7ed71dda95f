"""What has been made in a folder, and from what, so that it need not be made again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from convviz.errors import ConvvizError
from convviz.render.wanted import Wanted
from convviz.runs.files import write_json

NAME = ".render.json"
HERE = Path(__file__).parent
CODE = ("deck.html", "deck.py", "formats.py", "make.py", "subtitles.py")  # what decides how files look


@dataclass(frozen=True)
class Record:
    """A film that was made; seconds that it took, and size and hash of each of its files by name. mine: names of all
    files that were ever made beside one another here, also of earlier films with other settings.
    """

    fingerprint: str
    code: str
    quality: str
    formats: tuple[str, ...]
    slides: bool
    seconds: float
    files: dict[str, tuple[int, str]]
    mine: tuple[str, ...] = ()
    width: int | None = None


def read(folder: Path) -> dict[str, Record]:
    """By the films' stems; empty where there is none or it cannot be read, which only costs time."""
    try:
        data = json.loads((folder / NAME).read_bytes())
        return {stem: _record(item) for stem, item in data.items()}
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return {}


def _record(item: dict[str, Any]) -> Record:
    files = {str(name): (int(size), str(mark)) for name, (size, mark) in item["files"].items()}
    lists = {"formats": tuple(item["formats"]), "mine": tuple(item["mine"])}
    return Record(**{**item, **lists, "files": files})


def known(wanted: Wanted, found: dict[str, Record]) -> str | None:
    """The fingerprint of a film that is there as it is wanted, all its files untouched; None where it is not."""
    record = found.get(wanted.stem)
    if (
        record is None
        or (record.quality, record.width, record.code) != (wanted.quality, wanted.width, code())
        or not set(wanted.formats) <= set(record.formats)
        or (wanted.slides and not record.slides)
    ):
        return None
    for name, mark in record.files.items():
        if marks_of(wanted.folder / name) != mark:
            return None
    return record.fingerprint


def add(wanted: Wanted, fingerprint: str, seconds: float, files: Iterable[Path]) -> None:
    """Write down that a film has been made. Where that is not possible it is made again next time."""
    marks = {
        file.relative_to(wanted.folder).as_posix(): marks_of(file)
        for path in files
        for file in (sorted(path.iterdir()) if path.is_dir() else [path])
    }
    record = Record(
        fingerprint, code(), wanted.quality, wanted.formats, wanted.slides, round(seconds, 1),
        {name: mark for name, mark in marks.items() if mark is not None}, width=wanted.width,
    )  # fmt: skip
    found = read(wanted.folder)
    before = found.get(wanted.stem)
    if before is not None and _same_film(before, record):
        both = dict.fromkeys([*before.formats, *record.formats])
        slides, all_files = before.slides or record.slides, {**before.files, **record.files}
        record = replace(record, formats=tuple(both), slides=slides, files=all_files)
    mine = {*record.files, *(before.mine if before else ())}
    record = replace(record, mine=tuple(sorted(name for name in mine if "/" not in name)))
    found[wanted.stem] = record
    try:
        write_json(wanted.folder / NAME, {stem: asdict(item) for stem, item in sorted(found.items())})
    except ConvvizError:
        return


def _same_film(a: Record, b: Record) -> bool:
    """Whether files of both belong together: a GIF made today beside the mp4 of yesterday."""
    return (a.fingerprint, a.code, a.quality, a.width) == (b.fingerprint, b.code, b.quality, b.width)


def marks_of(path: Path) -> tuple[int, str] | None:
    """Size and hash of a file; None where there is none."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return len(content), hashlib.sha256(content).hexdigest()


@cache
def code() -> str:
    """Of what writes the files; what draws the frames is in a film's own fingerprint."""
    made = hashlib.sha256()
    for name in CODE:
        made.update((HERE / name).read_bytes())
    return made.hexdigest()
