"""All files of one film, made by the worker: the film in its formats, poster, subtitles, description, slides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from convviz.render import formats as written
from convviz.render.place import NEW
from convviz.render.subtitles import ordered, srt_text
from convviz.render.wanted import STILLS

if TYPE_CHECKING:
    from convviz.scenes.settings import Settings

VIDEO = ("mp4", "webm")
# What manim writes is written once more: quick and close to the drawing is right here, small is not.
FIRST = {"preset": "ultrafast", "crf": "12"}


def film(
    name: str, settings: Settings, folder: Path, stem: str, quality: str, formats: list[str], slides: bool,
    width: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Tell a scene and write into ``folder``/new; what is to be known of it as plain data."""
    from manim import tempconfig

    from convviz.scenes.catalogue import entry
    from convviz.scenes.stage import film as stage

    new, work = folder / NEW, folder / "work"
    new.mkdir(parents=True)
    moves = slides or any(format not in STILLS for format in formats)
    if moves:
        with tempconfig({"video_encoder_options": FIRST}):
            made = stage.film(name, settings, work, quality=quality, clips=slides)
    else:
        made = stage.still(name, settings, work, quality=quality)
    title, words = entry(name).title, f"{made.alt.strip()}\n"
    assert made.poster is not None
    written.poster(made.poster, new / f"{stem}.png", title, made.alt)
    (new / f"{stem}.txt").write_text(words, encoding="utf-8", newline="\n")
    for format in formats:
        if format not in STILLS:
            assert made.video is not None
            written.write(made.video, new / f"{stem}.{format}", format, title, made.alt, width)
    lines = ordered(made.subtitles, made.duration)
    if any(format in VIDEO for format in formats):
        (new / f"{stem}.srt").write_text(srt_text(lines), encoding="utf-8", newline="\n")
    if slides:
        from convviz.render.deck import write_deck

        write_deck(made, new, stem, title, settings.theme, lines)
    return {
        "title": title,
        "duration": made.duration,
        "alt": made.alt,
        "subtitles": lines,
    }
