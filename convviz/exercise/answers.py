"""The file in which answers come back: CSV with a row for each answer, of one student or of a class."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path

from convviz.errors import ConvvizError
from convviz.exercise.make import MOST as VARIANTS
from convviz.exercise.make import checked_level, checked_number, checked_seed, checked_topic, find, sheet
from convviz.exercise.marking import MarkedSheet, Marking, asked, marked
from convviz.exercise.model import Sheet

COLUMNS = (
    "student",
    "sheet",
    "question",
    "about",
    "answer",
)  # of the file to fill in; about is for people only
BYTES = 50_000_000
DELIMITERS = (",", ";", "\t")


@dataclass
class Handed:
    """What one student wrote on one sheet, and the line of each answer."""

    sheet: Sheet
    student: str
    texts: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)


def mark_file(path: str | Path, topic: str, seed: int | None = None, level: str | None = None) -> Marking:
    """Mark a CSV file: an answer a row, in the columns ``question``, ``answer`` and ``sheet``.

    sheet: the code on the sheet; in its place, ``variant`` is its number, of this seed and level. ``student`` tells
    several apart; other columns are left alone. question: its number on the sheet or its id. Separators are commas,
    semicolons or tabs. Raises ConvvizError with the file and the line for what cannot be read.
    """
    topic = checked_topic(topic)
    level = None if level is None else checked_level(level)
    name = str(path)
    found: dict[tuple[str, str], Handed] = {}
    sheets: dict[str, Sheet] = {}
    rows, columns = table(text_of(Path(path), name), name)
    for line, row in rows:
        where = f"{name}:{line}"
        cells = {column: row[i].strip() if i < len(row) else "" for column, i in columns.items()}
        code = cells["sheet"] if "sheet" in cells else cells["variant"]
        if code not in sheets:
            sheets[code] = sheet_of(code, topic, seed, level, where)
        own = sheets[code]
        handed = found.setdefault((cells.get("student", ""), own.code), Handed(own, cells.get("student", "")))
        question = asked(own, cells["question"], where)
        if question.id in handed.lines:
            who = f" by {handed.student}" if handed.student else ""
            raise ConvvizError(
                f"question {cells['question']} of {own.code} is answered a second time{who}; the first is in line "
                f"{handed.lines[question.id]}",
                where,
            )
        handed.texts[question.id], handed.lines[question.id] = cells["answer"], line
    if not found:
        raise ConvvizError("has a heading and no answers below it", name)
    return Marking(tuple(done(handed, name) for handed in found.values()))


def done(handed: Handed, name: str) -> MarkedSheet:
    where = {id: f"{name}:{line}" for id, line in handed.lines.items()}
    return marked(handed.sheet, handed.texts, handed.student, where)


def sheet_of(code: str, topic: str, seed: int | None, level: str | None, where: str) -> Sheet:
    """The sheet of a code, or of a variant's number; raises ConvvizError."""
    if code.isascii() and code.isdigit() and len(code) < 20:
        variant = checked_number_at(int(code), where)
        return sheet(topic, level or "normal", checked_seed(seed or 0), variant)
    if not code:
        raise ConvvizError(
            "the sheet is missing; its code, such as norm-normal-7-3, stands on the sheet", where
        )
    own = find(code, where)
    for what, given, real in (
        ("topic", topic, own.topic),
        ("seed", seed, own.seed),
        ("level", level, own.level),
    ):
        if given is not None and given != real:
            raise ConvvizError(f"sheet {own.code} has the {what} {real}, not {given}", where)
    return own


def checked_number_at(variant: int, where: str) -> int:
    try:
        return checked_number(variant, 1, VARIANTS, "variant")
    except ConvvizError as err:
        raise ConvvizError(str(err), where) from None


def text_of(path: Path, name: str) -> str:
    """The text of a file in UTF-8, UTF-16 or Windows' encoding; raises ConvvizError."""
    try:
        if path.is_dir():
            raise ConvvizError("is a folder; name the CSV file with the answers", name)
        with path.open("rb") as file:
            data = file.read(BYTES + 1)
    except OSError as err:
        raise ConvvizError(f"cannot be read: {err.strerror or err}", name) from None
    if len(data) > BYTES:
        raise ConvvizError(f"is larger than {BYTES // 10**6} MB, which no answers are", name)
    try:
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return data.decode("utf-16")
        if b"\0" in data:
            raise ConvvizError("is no text; answers come as CSV", name)
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
        if any(ord(c) < 32 and c not in "\t\r\n" for c in text):
            raise ConvvizError("is no text; answers come as CSV", name) from None
        return text


def table(text: str, name: str) -> tuple[list[tuple[int, list[str]]], dict[str, int]]:
    """The rows below the heading with their lines, and the place of each column; raises ConvvizError."""
    if not text.strip():
        raise ConvvizError(f"is empty; a heading such as {','.join(COLUMNS)} comes first", name)
    first = next(line for line in text.splitlines() if line.strip())
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((reader.line_num, row))
    except csv.Error as err:
        raise ConvvizError(f"is no CSV: {err}", f"{name}:{reader.line_num}") from None
    (line, heading), *rest = rows
    columns: dict[str, int] = {}
    for i, cell in enumerate(heading):
        word = cell.strip().lower()
        if word and word in columns:
            raise ConvvizError(f"has two columns {word[:40]!r}", f"{name}:{line}")
        columns[word] = i
    missing = [c for c in ("question", "answer") if c not in columns]
    if "sheet" not in columns and "variant" not in columns:
        missing.insert(0, "sheet")
    if missing:
        have = ", ".join(cell.strip()[:20] or "an empty one" for cell in heading[:8])
        many = "column" if len(missing) == 1 else "columns"
        raise ConvvizError(f"lacks the {many} {' and '.join(missing)} (has: {have})", f"{name}:{line}")
    for at, row in rest:
        if len(row) > len(heading) and any(cell.strip() for cell in row[len(heading) :]):
            raise ConvvizError(
                f'has {len(row)} cells, its heading {len(heading)}; an answer with a comma stands in quotes: "-1,5"',
                f"{name}:{at}",
            )
    return rest, columns
