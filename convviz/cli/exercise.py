"""`convviz exercise`: sheets with blanks and separate keys, one variant a student, and their marking."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import click

from convviz.cli.output import choose_format, emit, plain_terminal, table_format
from convviz.cli.progress import progress
from convviz.errors import ConvvizError

FORMATS = ("table", "md", "html", "latex", "moodle", "json", "csv")
SUFFIXES = {".xml": "moodle"}  # besides those that every command knows


class Whole(click.ParamType):
    """A whole number; how large it may be is said where it is used."""

    name = "n"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).strip()
        sign, digits = (text[:1], text[1:]) if text[:1] in "+-" else ("", text)
        if not (digits.isascii() and digits.isdigit() and len(digits) < 1000):
            shown = text if len(text) <= 30 else f"{text[:27]}..."
            raise ConvvizError(f"must be a whole number, got {shown!r}", param.opts[0] if param else "")
        return int(sign + digits)


@click.command("exercise", short_help="Exercise sheets with keys, and their marking.")
@click.argument("topic", metavar="norm|rf|shape|params|conv|transposed|pooling")
@click.option("--variants", type=Whole(), metavar="N", help="One for each student. Default: 1.")
@click.option("--seed", type=Whole(), metavar="N", help="Other numbers. Default: 0.")
@click.option("--level", metavar="LEVEL", help="easy, normal or hard. Default: normal.")
@click.option("--key", is_flag=True, help="The answers, worked out, in place of the sheets.")
@click.option(
    "--check", "answers", metavar="FILE", help="Mark a CSV file of answers, of one student or of a class."
)
@click.option("--details", is_flag=True, help="With --check: every answer, not one line for each sheet.")
@click.option("--format", "format", type=click.Choice(FORMATS), help="Default: table, in a folder html.")
@click.option("--output", "-o", metavar="FILE|FOLDER",
              help="All in one FILE, or in a new FOLDER a sheet and a key for each variant.")  # fmt: skip
def command(
    topic: str, variants: int | None, seed: int | None, level: str | None, key: bool, answers: str | None,
    details: bool, format: str | None, output: str | None,
) -> None:  # fmt: skip
    """Exercise sheets with blanks, one variant for each student, with separate keys that show every step.

    The same topic, level, seed and variant give the same sheet on every machine. Answers come from the same plans as
    all other commands. --check says for each student at which step it first went wrong; what follows from an earlier
    mistake is not counted again. Exit code 1: some answer is not right.

    \b
    convviz exercise norm                                 a sheet in the terminal
    convviz exercise norm --key                           its key
    convviz exercise norm --variants 120 -o norm          a folder: sheets, keys, answers.csv
    convviz exercise rf --variants 30 -o rf.html          all sheets in one file, to print
    convviz exercise shape --variants 120 -o shape.xml    for Moodle
    convviz exercise norm --check answers.csv             marks answers.csv, filled in
    """
    if answers is not None:
        check(topic, answers, seed, level, details, format, output, variants is not None or key)
        return
    if details:
        raise ConvvizError("goes with --check", "--details")
    folder = output is not None and is_folder(output)
    if folder:
        assert output is not None
        format = format or "html"
        check_folder(output)
    else:
        format = choose_format(format or SUFFIXES.get(Path(output or "").suffix.lower()), output, FORMATS)
    from convviz.exercise.make import exercises
    from convviz.report.exercises.exercise import files, render

    with named_options(), progress("making sheets") as share:
        made = exercises(topic, 1 if variants is None else variants, seed or 0, level or "normal", share)
    if not folder:
        emit(render(made.sheets, format, key), output)
        return
    assert output is not None
    if key:
        raise ConvvizError("a folder has sheets and keys; leave --key out", "--key")
    write_folder(Path(output), files(made, format))
    click.echo(f"{len(made)} sheet{'s' * (len(made) > 1)} in {output}", err=True)


class named_options:
    """Within, complaints about a setting name its option."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, err: object, trace: object) -> None:
        if isinstance(err, ConvvizError) and err.where in ("variants", "seed", "level"):
            raise ConvvizError(err.message, f"--{err.where}") from None


# -- marking ----------------------------------------------------------------------------------------------
def check(
    topic: str, answers: str, seed: int | None, level: str | None, details: bool, format: str | None,
    output: str | None, other: bool,
) -> None:  # fmt: skip
    """Mark a file and leave with 1 where something is not right."""
    if other:
        raise ConvvizError("marks answers: leave --variants and --key out", "--check")
    from convviz.report.exercises.marks import FORMATS as MARKS
    from convviz.report.exercises.marks import render_marking

    if format is not None and format not in MARKS:
        raise ConvvizError(f"is no format of a marking; there are {', '.join(MARKS)}", f"--format {format}")
    format = choose_format(format, output, MARKS)
    from convviz.exercise.answers import mark_file
    from convviz.report.formats import WIDTH

    with named_options():
        marking = mark_file(answers, topic, seed, level)
    width = WIDTH
    if format == "table" and not plain_terminal(output):
        from convviz.report.terminal import terminal_width

        width = terminal_width()
    format = table_format(format, output)
    emit(render_marking(marking, format, details=details, width=width, standalone=True), output)
    if not marking.passed:
        raise click.exceptions.Exit(1)


# -- a folder ---------------------------------------------------------------------------------------------
def is_folder(output: str) -> bool:
    """A folder that is there, or a name without an extension."""
    path = Path(output)
    return path.is_dir() or output.endswith(("/", os.sep)) or not path.suffix


def check_folder(output: str) -> None:
    """Raises ConvvizError, before any work, for a folder that holds something or cannot be made."""
    path = Path(output)
    try:
        if path.is_dir():
            if any(path.iterdir()):
                raise ConvvizError("is not empty; name a new folder, so that nothing is mixed up", output)
        elif path.exists():
            raise ConvvizError("is a file; name a new folder, or a file such as sheets.html", output)
        above = path.resolve().parent
        if not above.is_dir():
            raise ConvvizError(f"there is no folder {str(path.parent)!r}; make it first", output)
        if not os.access(above, os.W_OK | os.X_OK):
            raise ConvvizError("cannot be written: permission denied", output)
    except OSError as err:
        raise ConvvizError(f"cannot be written: {err.strerror or err}", output) from None


def write_folder(target: Path, files: Mapping[str, str]) -> None:
    """All files in a new folder beside the target, which then takes its name: whole, or not there at all."""
    import tempfile

    place: Path | None = None
    try:
        target = target.resolve()
        place = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        for name, text in files.items():
            file = place / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o777 & ~umask()
        place.chmod(mode)
        if target.exists():
            target.rmdir()
        os.replace(place, target)
        place = None
    except OSError as err:
        raise ConvvizError(f"cannot be written: {err.strerror or err}", str(target)) from None
    finally:
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
