"""Films and stills: the one place that sets manim's configuration, which ignores unknown settings in silence."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import manim
import numpy as np
from convviz.scenes.catalogue import entry
from convviz.scenes.settings import Settings
from convviz.scenes.stage.record import Record, Section, Subtitle
from convviz.scenes.stage.story import Story
from manim import tempconfig

from convviz import theme as themes
from convviz.errors import ConvvizError

PARTS = "convviz.scenes.parts"
# lines, frames a second
QUALITIES = {"l": ("low_quality", 480, 15), "m": ("medium_quality", 720, 30), "h": ("high_quality", 1080, 60)}


@dataclass(frozen=True)
class Film(Record):
    """A record with its files. video: None where only the poster was asked for."""

    video: Path | None = None
    poster: Path | None = None


def story_class(name: str) -> type[Story]:
    """The class of a scene; raises ConvvizError for an unknown one."""
    found = entry(name)
    cls: type[Story] = getattr(import_module(f"convviz.scenes.{name}"), found.class_name)
    return cls


@contextmanager
def configured(folder: Path, quality: str, **more: Any) -> Iterator[None]:
    """manim set up for one film in ``folder``, quiet and without its cache, which costs more than it saves."""
    if quality not in QUALITIES:
        raise ConvvizError(f"must be one of {', '.join(QUALITIES)}, got {quality!r}", "quality")
    settings = {
        "quality": QUALITIES[quality][0], "media_dir": str(folder / "media"), "disable_caching": True, "format": "mp4",
        "verbosity": "ERROR", "progress_bar": "none", "preview": False, "max_files_cached": -1, **more,
    }  # fmt: skip
    with tempconfig(settings):
        yield


def film(name: str, settings: Settings, folder: Path, *, quality: str = "l", clips: bool = False) -> Film:
    """Render a scene into ``folder``: NAME.mp4, NAME.png (the poster) and, with ``clips``, a file for each section.

    Runs in this process and writes only below ``folder``. Raises ConvvizError for settings that do not fit.
    """
    settings.check(entry(name))
    folder.mkdir(parents=True, exist_ok=True)
    with configured(folder, quality, save_sections=clips):
        story = story_class(name)(settings)
        story.render()
        record = story.record()
        video = _moved(
            _only(folder / "media", f"videos/**/{type(story).__name__}.mp4"), folder / f"{name}.mp4"
        )
        poster = folder / f"{name}.png"
        story.still_image.convert("RGB").save(poster, optimize=True)
        sections = record.sections
        if clips:
            made = sorted((folder / "media").glob(f"videos/**/sections/{type(story).__name__}_*.mp4"))
            if len(made) != len(sections):
                raise ConvvizError(f"{len(sections)} sections were told, {len(made)} written", name)
            kept = [_moved(clip, folder / f"{name}_{i + 1:02}.mp4") for i, clip in enumerate(made)]
            sections = tuple(replace(s, clip=clip) for s, clip in zip(sections, kept))
    return Film(**{**vars(record), "sections": sections}, video=video, poster=poster)


def still(name: str, settings: Settings, folder: Path, *, quality: str = "l") -> Film:
    """The poster of a scene alone, NAME.png in ``folder``; nothing before it is drawn."""
    settings.check(entry(name))
    folder.mkdir(parents=True, exist_ok=True)
    story = told(name, settings, folder, quality=quality, still=True)
    poster = folder / f"{name}.png"
    story.still_image.convert("RGB").save(poster, optimize=True)
    return Film(**vars(story.record()), poster=poster)


def told(
    name: str,
    settings: Settings,
    folder: Path,
    *,
    quality: str = "l",
    still: bool = False,
    looking: bool = False,
) -> Story:
    """A scene told without drawing frames: its record, its poster and, with ``looking``, pictures of its moments."""
    with configured(folder, quality, dry_run=True):
        story = story_class(name)(settings, still=still, looking=looking, skip_animations=True)
        story.renderer.update_frame = _draw_nothing  # manim would draw a frame of what it skips
        story.render()
    return story


def _draw_nothing(*_: Any, **__: Any) -> None:
    pass


def fingerprint(name: str, settings: Settings) -> str:
    """A hash of what a film shows: plans, the code that draws them, settings."""
    settings.check(entry(name))
    story = story_class(name)(settings)
    story.prepare()
    here = Path(__file__).resolve().parent
    root = Path(themes.__file__).resolve().parent
    code = [
        here.parent / f"{name}.py",
        *sorted(here.glob("*.py")),
        *parts(here.parent / f"{name}.py"),
        root / "theme.py",
        *sorted((root / "figures").rglob("*.py")),
    ]
    made = hashlib.sha256()
    for file in [*code, *themes.font_files()]:
        made.update(file.read_bytes())
    with np.printoptions(threshold=sys.maxsize):  # all of an array, not its ends
        made.update(repr((name, settings, entry(name).title, manim.__version__, story.plans)).encode())
    return made.hexdigest()


def parts(file: Path) -> list[Path]:
    """The files of parts/ that a scene draws with, and those that these draw with."""
    folder = Path(__file__).resolve().parents[1] / "parts"
    found: dict[Path, None] = {}
    left = [file]
    while left:
        for node in ast.walk(ast.parse(left.pop().read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(PARTS):
                continue
            own = (node.module or "").removeprefix(PARTS).strip(".")
            for made in (folder / f"{name}.py" for name in ([own] if own else [a.name for a in node.names])):
                if made not in found:
                    found[made] = None
                    left.append(made)
    return sorted(found)


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise ConvvizError("manim wrote no film", str(folder))
    return found[0]


def _moved(source: Path, target: Path) -> Path:
    source.replace(target)
    return target


__all__ = ["Film", "Section", "Subtitle", "film", "fingerprint", "still", "story_class", "told"]
