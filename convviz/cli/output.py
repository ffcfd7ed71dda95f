"""Where results go: stdout, or a file that is written whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from convviz.errors import ConvvizError
from convviz.report.formats import FORMATS, WIDTH, render

__all__ = [
    "FORMATS",
    "check_writable",
    "choose_format",
    "default_path",
    "emit",
    "make_folder",
    "output_options",
    "write_table",
    "write_whole",
]

FOLDER = "outputs"  # where pictures and pages go that are given no name
EXTENSIONS = {
    ".json": "json",
    ".csv": "csv",
    ".md": "md",
    ".tex": "latex",
    ".html": "html",
    ".htm": "html",
    ".txt": "table",
}


def output_options(*formats: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``--format`` (one of ``formats``) and ``--output``."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        output = click.option(
            "--output", "-o", metavar="FILE", help="Write to FILE; its extension sets the format."
        )
        form = click.option("--format", "format", type=click.Choice(formats), help="Default: table.")
        return form(output(command))

    return add


def choose_format(format: str | None, output: str | None, formats: Sequence[str]) -> str:
    """The format asked for, else the one that the file's extension names, else a table."""
    if output is not None:
        check_writable(output)
    if format is not None:
        return format
    by_name = EXTENSIONS.get(Path(output).suffix.lower(), "table") if output else "table"
    return by_name if by_name in formats else "table"


def plain_terminal(output: str | None) -> bool:
    """Whether text is to have no colour: in files and pipes, with NO_COLOR, on a dumb terminal."""
    return bool(
        output or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty()
    )


def table_format(format: str, output: str | None) -> str:
    """``table`` is ``text`` where there is no colour, which also spares the import of rich."""
    return "text" if format == "table" and plain_terminal(output) else format


def write_table(table: Any, format: str, output: str | None) -> None:
    """Write a :class:`convviz.report.model.Table` in a format other than JSON."""
    width = WIDTH
    if not plain_terminal(output):
        from convviz.report.terminal import terminal_width

        width = terminal_width()
    emit(render(table, table_format(format, output), width=width, standalone=True), output)


def emit(text: str, output: str | None) -> None:
    """Print ``text``, or put it into ``output`` whole."""
    if output is None:
        sys.stdout.write(text)
    else:
        write_whole(output, lambda path: path.write_text(text, encoding="utf-8", newline="\n"))


def check_writable(output: str) -> None:
    """Raises ConvvizError before any work where ``output`` cannot be written."""
    path = Path(output)
    folder = path.parent
    if path.is_dir():
        raise ConvvizError("is a folder; name a file in it", output)
    if not folder.is_dir():
        raise ConvvizError(f"there is no folder {str(folder)!r}; make it first", output)
    if not os.access(folder, os.W_OK | os.X_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise ConvvizError("cannot be written: permission denied", output)


def write_whole(output: str | Path, write: Callable[[Path], Any]) -> None:
    """Let ``write`` fill a file beside ``output``, then put it in its place; nothing is left where that
    fails.
    """
    import tempfile  # loads random, which nothing else needs

    target = Path(output)
    place: Path | None = None
    try:
        if target.exists() and not target.is_file():  # a device or a pipe cannot be replaced
            write(target)
            return
        handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent)
        os.close(handle)
        place = Path(name)
        write(place)
        place.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
        os.replace(place, target)
    except OSError as err:
        raise ConvvizError(f"cannot be written: {err.strerror or err}", str(output)) from None
    finally:
        if place is not None:
            place.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def default_path(command: str, what: str, layer: str | None, ending: str) -> Path:
    """Where a command writes what was given no name: ``outputs/COMMAND_WHAT_LAYER``, in letters that any file may have.

    >>> default_path("explore", "nets/my net.yaml", "block.conv1", ".html").as_posix()
    'outputs/explore_my_net_block_conv1.html'
    """
    words = [Path(what).stem, *([layer] if layer else [])]
    name = "_".join("".join(c if c.isalnum() or c in "_-" else "_" for c in word) for word in words)
    return Path(FOLDER, f"{command}_{name[:80]}{ending}")


def make_folder() -> None:
    """The folder of :func:`default_path`; raises ConvvizError where it cannot be made."""
    try:
        Path(FOLDER).mkdir(exist_ok=True)
    except OSError as err:
        raise ConvvizError(
            f"cannot be made: {err.strerror or err}; name a file with --output", FOLDER
        ) from None
