"""`convviz.show`: a film that plays in a notebook."""

from __future__ import annotations

import base64
import json
import os
import shutil
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from convviz.errors import ConvvizError
from convviz.render import jobs
from convviz.render.place import NEW, check_folder, staging
from convviz.render.subtitles import vtt_text
from convviz.render.wanted import LIMITS, QUALITIES, Wanted, check

KEPT = 64  # films in the cache; the oldest go first
ABOUT = "film.json"


@dataclass(frozen=True)
class Shown:
    """A film that plays where a notebook shows results. video and poster: files in the user's cache."""

    name: str
    title: str
    video: Path
    poster: Path
    duration: float
    alt: str
    subtitles: tuple[tuple[float, float, str], ...]

    def _repr_html_(self) -> str:
        video, poster = (
            _data("video/mp4", self.video.read_bytes()),
            _data("image/png", self.poster.read_bytes()),
        )
        track = _data("text/vtt", vtt_text(self.subtitles).encode())
        return (
            '<figure style="margin:0">'
            f'<video controls loop muted playsinline preload="auto" poster="{poster}" '
            f'style="max-width:854px;width:100%" aria-label="{escape(self.alt)}">'
            f'<source src="{video}" type="video/mp4">'
            f'<track kind="captions" srclang="en" label="English" src="{track}">'
            f"<p>{escape(self.alt)}</p></video></figure>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"{self.title}: {self.duration:.1f} s of film in {self.video}"


def show(name: str, *, quality: str = "l", **settings: Any) -> Shown:
    """A scene as a film that plays inline: ``convviz.show("dilated", kernel_size=5, theme="dark")``.

    settings: fields of the op or a scene's own, ``input``, ``model``, ``layer``, ``theme``, ``speed``, ``seed``, as
    `convviz list scenes` names them. The film is made once and kept in the user's cache folder. Raises ConvvizError.
    """
    from convviz.scenes.settings import Settings

    if quality not in QUALITIES:
        raise ConvvizError(f"must be one of {', '.join(QUALITIES)}, got {quality!r}", "quality")
    wanted = Settings.of(**settings)
    check(name, wanted, ("mp4",))
    folder = cache_folder()
    check_folder(folder)
    with staging(folder) as place:
        request = Wanted(name, wanted, folder, "film", quality).request(place / name, None)
        request |= {"cache": str(folder)}
        answer = jobs.answer(request, LIMITS[quality])
        kept = folder / entry_of(name, quality, answer.data["fingerprint"])
        if not answer.data["unchanged"]:
            about = {key: answer.data[key] for key in ("title", "duration", "alt", "subtitles")}
            (place / name / NEW / ABOUT).write_text(json.dumps(about), encoding="utf-8")
            _keep(place / name / NEW, kept)
    os.utime(kept)
    about = json.loads((kept / ABOUT).read_text(encoding="utf-8"))
    about["subtitles"] = tuple(tuple(line) for line in about["subtitles"])
    return Shown(name, video=kept / "film.mp4", poster=kept / "film.png", **about)


def cache_folder() -> Path:
    from platformdirs import user_cache_path  # manim brings it

    return user_cache_path("convviz") / "scenes"


def entry_of(name: str, quality: str, fingerprint: str) -> str:
    """The folder of one film in the cache."""
    return f"{name}-{quality}-{fingerprint[:24]}"


def _keep(made: Path, kept: Path) -> None:
    """Put a film into the cache, and drop those that nobody has looked at for longest."""
    try:
        os.replace(made, kept)
    except OSError:  # another process was faster, with the same film
        if not (kept / ABOUT).is_file():
            raise
    films = [path for path in kept.parent.iterdir() if (path / ABOUT).is_file() and path != kept]
    for old in sorted(films, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT - 1 :]:
        shutil.rmtree(old, ignore_errors=True)


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
