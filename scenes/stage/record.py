"""What is known of a film beside its frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Section:
    """A part of a film, in seconds; clip: its own file, where such were asked for."""

    name: str
    start: float
    end: float
    clip: Path | None = None


@dataclass(frozen=True)
class Subtitle:
    """A caption and when it is shown, in seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Record:
    """A scene that has been told. texts: every text that was shown; faults: texts that overlap, are too small or leave
    the safe area (found only while somebody looks).
    """

    name: str
    sections: tuple[Section, ...]
    subtitles: tuple[Subtitle, ...]
    duration: float
    alt: str
    texts: tuple[str, ...]
    faults: tuple[str, ...]
