"""A talk in one file: a page that holds a clip for each section and goes on by a click, without any request."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.render import formats

if TYPE_CHECKING:
    from convviz.scenes.stage.film import Film

Line = tuple[float, float, str]
KEYS = "Space, → or a click goes on, ← goes back, R plays again, F fills the screen."


def write_deck(made: Film, folder: Path, stem: str, title: str, theme: str, lines: Sequence[Line]) -> None:
    """STEM_slides/01_name.mp4 and so on, and STEM.html."""
    clips = folder / f"{stem}_slides"
    clips.mkdir()
    slides = []
    for i, section in enumerate(made.sections, 1):
        assert section.clip is not None
        file = clips / f"{i:02}_{slug(section.name)}.mp4"
        own = [
            (s - section.start, e - section.start, t) for s, e, t in lines if section.start <= s < section.end
        ]
        formats.write(
            section.clip, file, "mp4", f"{title}: {section.name}", " ".join(text for *_, text in own)
        )
        slides.append((section.name, file, own))
    page = deck(title, made.alt, theme, folder / f"{stem}.png", slides)
    (folder / f"{stem}.html").write_text(page, encoding="utf-8", newline="\n")


def deck(
    title: str, alt: str, theme: str, poster: Path, slides: Sequence[tuple[str, Path, Sequence[Line]]]
) -> str:
    """The page; slides: name, clip, and captions with their times in the clip."""
    look = themes.theme(theme)
    count = len(slides) + 1
    shown = [
        f'<section class="slide" data-name="{escape(title)}" aria-label="1 of {count}: {escape(title)}">'
        f'<img src="{data_uri(poster)}" alt="{escape(alt)}"></section>'
    ]
    told = [_captions([(0.0, 0.0, KEYS)])]
    for i, (name, clip, lines) in enumerate(slides, 2):
        label = f"{i} of {count}: {name}"
        shown.append(
            f'<section class="slide" data-name="{escape(name)}" aria-label="{escape(label)}" hidden>'
            f'<video src="{data_uri(clip)}" muted playsinline preload="auto" aria-label="{escape(name)}">'
            "</video></section>"
        )
        told.append(_captions(lines))
    values = {
        "theme": look.name, "paper": look.paper, "ink": look.ink, "faint": look.faint_ink, "line": look.line,
        "mark": look["active"].edge, "title": escape(title), "slides": "\n".join(shown), "captions": "\n".join(told),
    }  # fmt: skip
    page = (Path(__file__).parent / "deck.html").read_text(encoding="utf-8")
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), page)


def _captions(lines: Sequence[Line]) -> str:
    items = "".join(f'<li data-start="{start:.3f}">{escape(text)}</li>' for start, _, text in lines)
    return f"<details hidden><summary>All captions of this slide</summary><ol>{items}</ol></details>"


def data_uri(file: Path) -> str:
    """A file in place of its address."""
    kind = {".mp4": "video/mp4", ".png": "image/png"}[file.suffix]
    return f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"


def slug(name: str) -> str:
    """
    >>> slug("The window has holes: 3×3"), slug("×")
    ('the-window-has-holes-3-3', 'section')
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "section"
