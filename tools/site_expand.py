"""A page of docs/site as Markdown: each line of the form ``[[word rest]]`` becomes what it stands for.

    [[run convviz rf lenet5]]            the command and all that it prints
    [[parts 1-2,5 convviz convs 64 128]] some parts of what it prints; empty lines part them
    [[fails convviz rf broken.yaml]]     a command that is refused, and what it says
    [[scene checkerboard]]               a film, with its captions and its text
    [[scenes]]                           all films
    [[picture gridding.png Some words]]  a picture of the gallery, with the command that draws it
    [[claim gap-halves-image]]           a claim that is often made, and what is right
    [[explore conv --stride 2]]          a live page; what follows # is its state at first

Code with a title (```yaml title="model.yaml") is a file that the commands of its page find.
"""

from __future__ import annotations

import os
import re
import shlex
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from html import escape
from pathlib import Path
from urllib.parse import quote

import gallery
from click.testing import CliRunner
from convviz.scenes.catalogue import Entry, entry, names

from convviz.cli import main as convviz_command
from convviz.questions import claims
from convviz.render.subtitles import vtt_text

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "docs" / "site"
GALLERY = ROOT / "outputs" / "gallery"
LINE = re.compile(r"^\[\[(\w+)(?: (.+))?\]\]$", re.MULTILINE)
TITLED = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@dataclass
class Page:
    """What a page needs while it is expanded. files: text by name, for its commands; assets: what it shows, by place
    in the site: a file to copy, or text.
    """

    files: Mapping[str, str]
    assets: dict[str, Path | str] = field(default_factory=dict)


def expand(text: str) -> tuple[str, dict[str, Path | str]]:
    """The Markdown of a page, and the files that it shows by their place in the site."""
    page = Page(dict(TITLED.findall(text)))

    def one(match: re.Match[str]) -> str:
        if match[1] not in WORDS:
            raise ValueError(f"no [[{match[1]}]]; there are {', '.join(WORDS)}")
        return WORDS[match[1]](page, match[2] or "")

    return LINE.sub(one, text), page.assets


# -- commands -------------------------------------------------------------------------------------------
@contextmanager
def _folder(files: tuple[tuple[str, str], ...]) -> Iterator[Path]:
    """A folder like a clone's root as far as pages need it: the gallery, and the files that the page shows."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "outputs").mkdir()
        (folder / "outputs" / "gallery").symlink_to(GALLERY, target_is_directory=True)
        for file, text in files:
            (folder / file).write_text(text, encoding="utf-8")
        os.chdir(folder)
        try:
            yield folder
        finally:
            os.chdir(before)


@cache
def printed(command: str, files: tuple[tuple[str, str], ...], status: int) -> str:
    """What a command prints; raises ValueError if it ends with another status."""
    with _folder(files):
        return _printed(command, status)


def _printed(command: str, status: int) -> str:
    program, *arguments = shlex.split(command)
    if program != "convviz":
        raise ValueError(f"`{command}` is no convviz command")
    result = CliRunner().invoke(convviz_command, arguments, terminal_width=100)
    if result.exit_code != status:
        raise ValueError(f"`{command}` ended with {result.exit_code}, not {status}:\n{result.output}")
    return result.output.strip("\n")


def _shown(command: str, output: str) -> str:
    """A command, which can be copied, and its output, which need not be."""
    fence = "````"
    return (
        f'<div class="run" markdown>\n\n{fence}{{ .sh .command }}\n{command}\n{fence}\n\n'
        f"{fence}{{ .text .no-copy .output }}\n{output}\n{fence}\n\n</div>"
    )


def run(page: Page, command: str) -> str:
    return _shown(command, printed(command, tuple(page.files.items()), 0))


def fails(page: Page, command: str) -> str:
    return _shown(command, printed(command, tuple(page.files.items()), 2))


def parts(page: Page, rest: str) -> str:
    wanted, command = rest.split(" ", 1)
    every = printed(command, tuple(page.files.items()), 0).split("\n\n")
    kept, last = [], 0
    for span in wanted.split(","):
        low, _, high = span.partition("-")
        if not last < int(low) <= int(high or low) <= len(every):
            raise ValueError(f"`{command}` prints {len(every)} parts, which {wanted} does not fit")
        kept += ["…"] * (int(low) > last + 1) + every[int(low) - 1 : int(high or low)]
        last = int(high or low)
    return _shown(command, "\n\n".join(kept + ["…"] * (last < len(every))))


# -- films and pictures ---------------------------------------------------------------------------------
SRT = re.compile(r"(\d+):(\d+):(\d+),(\d+) --> (\d+):(\d+):(\d+),(\d+)\n(.*?)(?:\n\n|\Z)", re.DOTALL)


def captions(srt: str) -> str:
    """SubRip as WebVTT, which browsers play."""

    def seconds(hours: str, minutes: str, whole: str, thousandths: str) -> float:
        return int(hours) * 3600 + int(minutes) * 60 + int(whole) + int(thousandths) / 1000

    found = (match.groups() for match in SRT.finditer(srt.strip() + "\n"))
    return vtt_text([(seconds(*row[:4]), seconds(*row[4:8]), row[8].strip()) for row in found])


def scene(page: Page, name: str) -> str:
    return film(page, entry(name))


def scenes(page: Page, _: str) -> str:
    return '<div class="films">\n' + "\n".join(film(page, entry(name)) for name in names()) + "\n</div>"


def film(page: Page, row: Entry) -> str:
    """A film where it has been rendered, else how to render it."""
    source = GALLERY / "scenes" / row.name
    words = (
        f"<figcaption><strong>{escape(row.title)}.</strong> {escape(row.about)}. "
        f"<code>convviz render {row.name}</code></figcaption>"
    )
    files = {kind: source.with_suffix(f".{kind}") for kind in ("mp4", "png", "srt", "txt")}
    if not all(file.is_file() for file in files.values()):
        return f'<figure class="film">{words}</figure>'
    place = f"films/{row.name}"
    page.assets |= {
        f"{place}.mp4": files["mp4"],
        f"{place}.png": files["png"],
        f"{place}.vtt": captions(files["srt"].read_text(encoding="utf-8")),
    }
    told = escape(files["txt"].read_text(encoding="utf-8").strip())
    return (
        f'<figure class="film"><div class="screen"><video controls muted playsinline preload="none" width="854" '
        f'height="480" poster="{place}.png" aria-label="{escape(row.title)}">'
        f'<source src="{place}.mp4" type="video/mp4">'
        f'<track kind="captions" srclang="en" label="Captions" src="{place}.vtt">'
        f'<a href="{place}.mp4">{escape(row.title)}</a></video></div>{words}'
        f"<details><summary>The film in words</summary><p>{told}</p></details></figure>"
    )


def picture(page: Page, rest: str) -> str:
    name, words = rest.split(" ", 1)
    source = GALLERY / name
    if not source.is_file():
        raise ValueError(f"the gallery has no {name}")
    place = f"pictures/{source.name}"
    width, height = struct.unpack(
        ">II", source.read_bytes()[16:24]
    )  # of a PNG, so that the page does not jump
    page.assets[place] = source
    command = next((c for c, output in gallery.PIECES if ROOT / output == source), None)
    drawn = f" <code>{escape(command.replace('outputs/gallery/', ''))}</code>" if command else ""
    return (
        f'<figure class="picture"><a href="{place}"><img src="{place}" alt="{escape(words)}" '
        f'width="{width}" height="{height}"></a>'
        f"<figcaption>{escape(words)}.{drawn}</figcaption></figure>"
    )


# -- claims and live pages ------------------------------------------------------------------------------
def anchor(heading: str) -> str:
    """The id of a heading of corrections.md, as its table of contents names it.

    >>> anchor("L1 is robust to outliers and L2 is not.")
    'l1-is-robust-to-outliers-and-l2-is-not'
    """
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def claim(page: Page, key: str) -> str:
    found = next((row for row in claims() if row.key == key), None)
    if found is None:
        raise ValueError(f"no claim {key}; there are {', '.join(row.key for row in claims())}")
    return (
        f'!!! claim "Often claimed: {found.claim}"\n\n    {found.correct} {found.because}\n'
        f"    [The evidence](corrections.md#{anchor(found.claim)})"
    )


def explore(page: Page, rest: str) -> str:
    """A live page in a frame."""
    what, _, state = rest.partition("#")
    place = f"live/{re.sub(r'[^a-z0-9]+', '-', what.lower()).strip('-')}.html"
    page.assets[place] = live(f"convviz explore {what}", tuple(page.files.items()))
    command = escape(f"convviz explore {what}")
    link = escape(f"{place}#{quote(state, safe='=&,:+%')}" if state else place)
    return (
        f'<figure class="live"><iframe src="{link}" title="{command}" loading="lazy"></iframe>'
        f'<figcaption><a href="{link}">Open it alone</a>, or make it: <code>{command}</code></figcaption>'
        "</figure>"
    )


@cache
def live(command: str, files: tuple[tuple[str, str], ...]) -> str:
    """The page that `convviz explore` writes."""
    with _folder(files) as folder:
        _printed(f"{command} --output page.html", 0)
        return (folder / "page.html").read_text(encoding="utf-8")


WORDS: dict[str, Callable[[Page, str], str]] = {
    "run": run,
    "parts": parts,
    "fails": fails,
    "scene": scene,
    "scenes": scenes,
    "picture": picture,
    "claim": claim,
    "explore": explore,
}
