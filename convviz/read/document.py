"""A YAML file as plain data that remembers its lines, within bounds that no file can talk its way out of.

The values are ``dict, list, str, int, float, bool`` and ``None`` by the core schema of YAML 1.2 (so ``1e-5``
is a number, and ``no`` a text), plus ``<<`` merges; there are no tags. The tree is built here from libyaml's
events, without recursion, and not by ``yaml.compose``: that recurses in C and crashes the interpreter on deep
nesting, and it is slower.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import yaml

from convviz.errors import ConvvizError

MAX_BYTES = 10_000_000
MAX_VALUES = 1_000_000  # with aliases written out
MAX_DEPTH = 50
MAX_DIGITS = 30  # 10**12 is a fair question; a number of thousands of digits only breaks printing
MAX_KEY = 100

# A PyYAML that was built without libyaml has only the slow one.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9][0-9_]*")
_NUMBER = re.compile(
    r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", re.ASCII
)


class Map(dict[str, Any]):
    """A mapping, with the line on which it starts and the line of each key."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int = 0) -> None:
        self.line = line
        self.lines: dict[str, int] = {}


class Seq(list[Any]):
    """A list, with the line on which it starts and the line of each item."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int = 0) -> None:
        self.line = line
        self.lines: list[int] = []


def read_text(path: Path) -> str:
    """The text of a file of at most 10 MB; raises ConvvizError where it is none."""
    too_large = f"larger than {MAX_BYTES // 10**6} MB, which is the limit of a model file"
    try:
        if path.is_dir():
            raise ConvvizError("a directory; a model is a file", str(path))
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ConvvizError(f"{size / 1e6:,.1f} MB is {too_large}", str(path))
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)  # a pipe has no size to ask for
    except OSError as err:
        raise ConvvizError(f"cannot be read: {err.strerror or err}", str(path)) from None
    if len(data) > MAX_BYTES:
        raise ConvvizError(too_large, str(path))
    bad = data.find(b"\0")
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as err:
        text, bad = "", err.start
    if bad >= 0:
        message = f"not a text file: byte {data[bad]:#04x} at {bad} (a model is YAML in UTF-8)"
        raise ConvvizError(message, str(path))
    return text


def load(text: str, file: str) -> Any:
    """The one document in ``text``; raises ConvvizError at ``file:line:column``."""
    try:
        return _build(text, file)
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
        raise ConvvizError(f"not YAML: {err.problem or err.context}", place) from None
    except yaml.YAMLError as err:  # a character that YAML does not allow
        place = f"{file}:{text.count(chr(10), 0, err.position) + 1}" if hasattr(err, "position") else file
        raise ConvvizError(f"not YAML: {getattr(err, 'reason', None) or 'unreadable'}", place) from None


class _Open:
    """A container that is being filled."""

    __slots__ = ("anchor", "key", "size", "value")

    def __init__(self, value: Map | Seq | None, anchor: str | None) -> None:
        self.value, self.anchor = value, anchor
        self.key: str | None = None
        self.size = 1


def _build(text: str, file: str) -> Any:
    def fail(message: str, event: Any) -> NoReturn:
        mark = event.start_mark
        raise ConvvizError(message, f"{file}:{mark.line + 1}:{mark.column + 1}")

    anchors: dict[str, tuple[Any, int]] = {}
    stack: list[_Open] = []
    root: list[Any] = []
    plain: dict[str, Any] = {}  # the same few words come again and again
    for event in _events(text):
        kind = type(event)
        size = 1
        tag = getattr(event, "tag", None)
        if tag is not None:
            tag = tag.replace("tag:yaml.org,2002:", "!!")[:MAX_KEY]
            fail(f"the tag {tag!r} is refused: a model is plain data and has no tags", event)
        if kind is yaml.ScalarEvent:
            top = stack[-1] if stack else None
            word = event.value
            if top is not None and type(top.value) is Map and top.key is None:
                if word in top.value:
                    fail(f"duplicate key {word!r}: it stands on line {top.value.lines[word]} too", event)
                if len(word) > MAX_KEY or not word.isprintable():
                    fail(f"a key must be a printable name of at most {MAX_KEY} characters", event)
                top.key = word
                top.value.lines[word] = event.start_mark.line + 1
                if event.anchor:
                    anchors[event.anchor] = (word, 1)
                continue
            if not event.implicit[0]:
                value = word  # quoted
            elif word in plain:
                value = plain[word]
            else:
                try:
                    value = plain[word] = _scalar(word)
                except ValueError as err:
                    fail(str(err), event)
            if event.anchor:
                anchors[event.anchor] = (value, 1)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            if stack and type(stack[-1].value) is Map and stack[-1].key is None:
                fail("a key must be a name, not a list or a mapping", event)
            if len(stack) == MAX_DEPTH:
                fail(f"nested deeper than {MAX_DEPTH} levels", event)
            line = event.start_mark.line + 1
            stack.append(_Open(Map(line) if kind is yaml.MappingStartEvent else Seq(line), event.anchor))
            if event.anchor:
                anchors[event.anchor] = (_Open, 0)  # not closed yet
            continue
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            closed = stack.pop()
            value, size = closed.value, closed.size
            if type(value) is Map and "<<" in value:
                try:
                    value = _merged(value)
                except ValueError as err:
                    fail(str(err), event)
            if closed.anchor:
                anchors[closed.anchor] = (value, size)
        elif kind is yaml.AliasEvent:
            if event.anchor not in anchors:
                fail(f"unknown alias *{event.anchor}", event)
            value, size = anchors[event.anchor]
            if value is _Open:
                fail(f"*{event.anchor} stands inside what it stands for", event)
            if stack and type(stack[-1].value) is Map and stack[-1].key is None:
                fail("a key must be a name, not an alias", event)
        elif kind is yaml.DocumentStartEvent and root:
            fail("a second document begins here; a model file holds one", event)
        else:
            continue

        if not stack:
            root.append(value)
            continue
        top = stack[-1]
        top.size += size
        # Every open container's size is within the bound, so the sum of them is at most MAX_DEPTH times it.
        if top.size > MAX_VALUES:
            fail(f"more than {MAX_VALUES:,} values, aliases written out", event)
        if type(top.value) is Map:
            assert top.key is not None
            top.value[top.key] = value
            top.key = None
        else:
            assert type(top.value) is Seq
            top.value.append(value)
            top.value.lines.append(value.line if isinstance(value, Map | Seq) else event.start_mark.line + 1)
    return root[0] if root else None


def _events(text: str) -> Iterator[Any]:
    parser = _Loader(text)
    try:
        while (event := parser.get_event()) is not None:
            yield event
    finally:
        parser.dispose()


def _scalar(word: str) -> Any:
    """A plain scalar's value; raises ValueError for a number that is too long."""
    if word in _WORDS:
        return _WORDS[word]
    if not (word[0].isdigit() or word[0] in "+-."):
        return word
    if _INTEGER.fullmatch(word):
        if len(word) > MAX_DIGITS:
            raise ValueError(f"a number of more than {MAX_DIGITS} digits")
        return int(word.replace("_", ""))
    if _NUMBER.fullmatch(word):
        if len(word) > MAX_DIGITS:
            raise ValueError(f"a number of more than {MAX_DIGITS} digits")
        return float(word.replace(".", "") if word[-1] in "fFnN" else word)  # .inf, .nan
    return word


def _merged(value: Map) -> Map:
    """``<<: *base`` (or a list of them) filled in: what the mapping itself says goes first."""
    bases = value["<<"]
    out = Map(value.line)
    for base in bases if isinstance(bases, Seq) else [bases]:
        if not isinstance(base, Map):
            raise ValueError("<< takes a mapping or a list of mappings")
        for key in base:
            if key not in out:
                out[key], out.lines[key] = base[key], base.lines[key]
    for key in value:
        if key != "<<":
            out[key], out.lines[key] = value[key], value.lines[key]
    return out
