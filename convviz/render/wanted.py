"""What is asked for: one film, its settings as plain data, and what can be refused before any work."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convviz import theme
from convviz.errors import ConvvizError

if TYPE_CHECKING:
    from convviz.scenes.settings import Settings

QUALITIES = ("l", "m", "h")
FORMATS = ("mp4", "gif", "webp", "webm", "png")
STILLS = ("png",)
# Which encoder of PyAV writes a format; mp4 is what every moving one is made from.
ENCODERS = {"mp4": "libx264", "gif": "gif", "webm": "libvpx-vp9"}
LIMITS = {
    "l": 180.0,
    "m": 600.0,
    "h": 1800.0,
}  # seconds that a film may take, on a machine that is busy besides
FONTS = 5  # files that the text of pictures and scenes is drawn with


@dataclass(frozen=True)
class Wanted:
    """A film to be made of scene ``name``: files STEM.mp4 and so on in ``folder``."""

    name: str
    settings: Settings
    folder: Path
    stem: str
    quality: str = "l"
    formats: tuple[str, ...] = ("mp4",)
    slides: bool = False
    width: int | None = None  # pixels of a GIF or WebP; None: by quality

    @property
    def main(self) -> Path:
        """The file that the person who asked for it will open."""
        return self.folder / f"{self.stem}.{self.formats[0]}"

    def request(self, folder: Path, known: str | None) -> dict[str, Any]:
        """The worker's task, as plain data. known: a fingerprint at which there is nothing to do."""
        return {
            "do": "film",
            "name": self.name,
            "settings": plain(self.settings),
            "folder": str(folder),
            "stem": self.stem,
            "quality": self.quality,
            "formats": list(self.formats),
            "slides": self.slides,
            "width": self.width,
            "known": known,
        }


def plain(settings: Settings) -> dict[str, Any]:
    """Settings as JSON can hold them."""
    data = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    return {**data, "fields": dict(data["fields"]), "input": data["input"] and list(data["input"])}


def settings_of(data: Mapping[str, Any]) -> Settings:
    """The settings that :func:`plain` has written down."""
    from convviz.scenes.settings import Settings

    shape = data["input"]
    return Settings(**{**data, "input": None if shape is None else tuple(shape)})


def check(name: str, settings: Settings, formats: Iterable[str]) -> None:
    """Raises ConvvizError for an unknown scene, settings that it does not take, and what this computer lacks."""
    from convviz.scenes.catalogue import entry

    settings.check(entry(name))
    if find_spec("manim") is None:
        raise ConvvizError('films are drawn by manim, which is not installed: pip install "convviz[scenes]"')
    fonts = theme.font_files()
    if len(fonts) < FONTS or any(not file.stat().st_size for file in fonts):
        there = ", ".join(file.name for file in fonts) or "none"
        raise ConvvizError(
            f"bundled font files are missing (there: {there}); install convviz again",
            str(Path(theme.__file__).parent / "fonts"),
        )
    check_encoders(formats)


def check_encoders(formats: Iterable[str]) -> None:
    """Raises ConvvizError where PyAV was built without an encoder that a format needs, naming the formats that work."""
    for format in formats:
        needed = [
            ENCODERS[f] for f in dict.fromkeys(("mp4", format)) if f in ENCODERS and format not in STILLS
        ]
        lacking = [encoder for encoder in needed if not has_encoder(encoder)]
        if lacking:
            works = [
                f
                for f in FORMATS
                if f in STILLS or all(map(has_encoder, {ENCODERS["mp4"], ENCODERS.get(f, "libx264")}))
            ]
            raise ConvvizError(
                f"PyAV has no encoder {lacking[0]}, which {format} needs; {', '.join(works)} can be written",
                "--format",
            )


def has_encoder(name: str) -> bool:
    import av

    try:
        av.Codec(name, "w")
    except ValueError:  # what av.codec.UnknownCodecError is
        return False
    return True
