"""Captions as files: SubRip beside a film, WebVTT in a page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convviz.scenes.stage.record import Subtitle


def ordered(subtitles: Sequence[Subtitle], end: float) -> list[tuple[float, float, str]]:
    """Start, end and text, in order; none begins before the one before it ends or lasts beyond the film."""
    out: list[tuple[float, float, str]] = []
    for item in sorted(subtitles, key=lambda s: (s.start, s.end)):
        start = max(item.start, out[-1][1] if out else 0.0)
        stop = min(item.end, end)
        if stop > start and item.text.strip():
            out.append((start, stop, " ".join(item.text.split())))
    return out


def srt_text(lines: Sequence[tuple[float, float, str]]) -> str:
    import srt

    spans = [(timedelta(seconds=start), timedelta(seconds=end), text) for start, end, text in lines]
    return str(srt.compose(srt.Subtitle(i, *span) for i, span in enumerate(spans, 1)))


def vtt_text(lines: Sequence[tuple[float, float, str]]) -> str:
    """
    >>> print(vtt_text([(0.0, 61.25, "A < B")]))
    WEBVTT
    <BLANKLINE>
    00:00:00.000 --> 00:01:01.250
    A &lt; B
    <BLANKLINE>
    """
    blocks = [f"{_clock(start)} --> {_clock(end)}\n{_escaped(text)}\n" for start, end, text in lines]
    return "\n".join(["WEBVTT\n", *blocks])


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(seconds: float) -> str:
    whole, part = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{part:03}"
