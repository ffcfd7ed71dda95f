"""`convviz render`: films of scenes, with posters, subtitles, descriptions and slides."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convviz.cli.draw import FIELDS
from convviz.cli.fields import field_options, given, option_of
from convviz.cli.options import Model
from convviz.errors import ConvvizError
from convviz.render.wanted import FORMATS, QUALITIES, STILLS

if TYPE_CHECKING:
    from convviz.render.films import Made
    from convviz.render.wanted import Wanted

FOLDER, ALL = "outputs", "all"
MOST_TIME = 86_400.0
SHOWN = (
    "model",
    "layer",
    "input",
    "theme",
    "speed",
    "seed",
)  # settings of every scene that have options of their own


@click.command("render", short_help="Animations that explain every operation, of your own layers too.")
@click.argument("scenes", metavar="SCENE...|all", nargs=-1, required=True)
@click.option(
    "--quality",
    type=click.Choice(QUALITIES),
    default="l",
    show_default=True,
    help="480p15, 720p30 or 1080p60.",
)
@click.option(
    "--format",
    "formats",
    type=click.Choice(FORMATS),
    multiple=True,
    help="Default: mp4; may be given several times.",
)
@field_options(*FIELDS)
@click.option("--input", metavar="SHAPE", help="Shape, channels first: 1x7x7, or 1x9 for one axis.")
@click.option("--model", type=Model(), help="A net: model.yaml, a bundled net or module:callable.")
@click.option("--layer", metavar="NAME", help="Of that net, cut down to a small example.")
@click.option("--theme", type=click.Choice(["light", "dark"]), default="light", show_default=True)
@click.option("--speed", type=float, default=1.0, show_default=True, help="2 plays twice as fast.")
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of the numbers."
)
@click.option("--width", metavar="N", help="Pixels of a GIF or WebP (default 640, 854 or 1280 by quality).")
@click.option("--slides", is_flag=True, help="Also a clip for each section, and a talk in one HTML file.")
@click.option(
    "--output",
    "-o",
    metavar="FILE|FOLDER",
    help=f"Default: {FOLDER}/SCENE.mp4; of all scenes {FOLDER}/scenes.",
)
@click.option("--jobs", "-j", metavar="N", help="Scenes at once (default: one for each core).")
@click.option(
    "--timeout", type=float, metavar="SECONDS", help="For each scene (default 180, 600 or 1800 by quality)."
)
@click.option("--force", is_flag=True, help="Make also what has not changed.")
@click.option("--preview", "-p", is_flag=True, help="Open the film when it is done.")
def command(
    scenes: tuple[str, ...], quality: str, formats: tuple[str, ...], width: str | None, slides: bool,
    output: str | None, jobs: str | None, timeout: float | None, force: bool, preview: bool, sets: tuple[str, ...],
    **own: Any,
) -> None:  # fmt: skip
    """Render SCENE as a film, with its poster (.png), subtitles (.srt) and description (.txt) beside it; `convviz list
    scenes` names all. A scene that has not changed since is left as it is.

    \b
    convviz render dilated
    convviz render convolution --kernel-size 5 --input 1x9x9 --theme dark -o conv.webp
    convviz render convolution --model resnet50 --layer layer1_0.branch1.conv2
    convviz render pooling --slides
    convviz render all -j 2
    """
    from convviz.cli.recipes import whole_number
    from convviz.cli.rendering import stop_on_term, watching
    from convviz.render.films import render

    if timeout is not None and not 0 < timeout <= MOST_TIME:
        raise ConvvizError(
            f"must be more than 0 and at most {MOST_TIME:g} seconds, got {timeout:g}", "--timeout"
        )
    at_once = whole_number(jobs, "--jobs", 1, 64, _cores())
    assert at_once is not None
    pixels = whole_number(width, "--width", 160, 1920, None)
    wanted = _wanted(
        scenes, given({key: own.pop(key) for key in FIELDS}, sets), own, quality, formats, slides, output
    )
    wanted = [replace(one, width=pixels) for one in wanted]
    with stop_on_term(), watching(len(wanted)) as watch:
        made = render(wanted, at_once=at_once, limit=timeout, force=force, watch=watch)
    _tell(made, preview)


def _wanted(
    scenes: tuple[str, ...], fields: dict[str, Any], own: dict[str, Any], quality: str, formats: tuple[str, ...],
    slides: bool, output: str | None,
) -> list[Wanted]:  # fmt: skip
    """What the command line asks for, everything checked that can be before any work."""
    from convviz.render import wanted
    from convviz.scenes.catalogue import entry, names
    from convviz.scenes.settings import Settings

    named = [entry(name).name for name in dict.fromkeys(scenes) if name != ALL]
    chosen = list(names()) if ALL in scenes else named
    several = len(chosen) > 1 or ALL in scenes
    asked = {name: value for name, value in own.items() if value is not None}
    if several:
        for name in (*fields, *(name for name in ("input", "model", "layer") if name in asked)):
            raise ConvvizError("is a setting of one scene; name that scene alone", _option(name))
    folder, stem, kinds = _place(output, several, ALL in scenes, formats)
    if slides and all(kind in STILLS for kind in kinds):
        raise ConvvizError("are clips of a film; a format that moves goes with them, such as mp4", "--slides")
    try:
        settings = Settings.of(**fields, **asked)
        for name in chosen:
            wanted.check(name, settings, kinds)
    except ConvvizError as err:
        known = err.where in fields or err.where in SHOWN
        raise ConvvizError(err.message, _option(err.where) if known else err.where) from None
    return [wanted.Wanted(name, settings, folder, stem or name, quality, kinds, slides) for name in chosen]


def _option(name: str) -> str:
    return option_of(name) if name in FIELDS or name in SHOWN else f"--set {name}"


def _place(
    output: str | None, several: bool, everything: bool, formats: tuple[str, ...]
) -> tuple[Path, str | None, tuple[str, ...]]:
    """Folder, the files' stem (None: the scene's name) and formats; raises ConvvizError where they do not fit."""
    from convviz.cli.output import check_writable

    kinds = tuple(dict.fromkeys(formats)) or ("mp4",)
    if output is None:
        return (Path(FOLDER, "scenes") if everything else Path(FOLDER)), None, kinds
    path, suffix = Path(output), Path(output).suffix.removeprefix(".")
    if several or path.is_dir() or output.endswith(("/", "\\")):
        if path.exists() and not path.is_dir():
            raise ConvvizError("is a file, not a folder", output)
        if suffix in FORMATS and not path.is_dir() and not output.endswith(("/", "\\")):
            raise ConvvizError("names one file; several scenes go to a folder", output)
        return path, None, kinds
    if suffix not in FORMATS:
        ends = ", ".join(f".{name}" for name in FORMATS)
        told = f"ends in .{suffix}" if suffix else "has no extension"
        raise ConvvizError(
            f"{told}; name a file that ends in one of {ends}, or a folder that is there", output
        )
    if formats and suffix not in formats:
        raise ConvvizError(f"ends in .{suffix}, but --format asks for {' and '.join(formats)}", output)
    check_writable(output)
    return path.parent, path.stem, (suffix, *(kind for kind in formats if kind != suffix))


def _cores() -> int:
    import os

    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return min(len(usable), 8)


def _tell(made: list[Made], preview: bool) -> None:
    """What there is now, on stdout; failures on stderr."""
    if len(made) == 1:
        (one,) = made
        if one.error:
            raise ConvvizError(one.error)
        for path in one.told:
            click.echo(f"{path}{' (unchanged)' if one.unchanged else ''}")
        if preview:
            click.launch(str(one.wanted.main))
        return
    failed = [one for one in made if one.error]
    same = sum(one.unchanged for one in made)
    parts = [f"{len(made) - len(failed) - same} made", f"{same} unchanged", f"{len(failed)} failed"]
    click.echo(f"{made[0].wanted.folder}: {', '.join(parts)}")
    for one in failed:
        print(f"convviz: failed: {one.wanted.name}: {one.error}", file=sys.stderr)
    if failed:
        sys.exit(1)
