"""Exercise sheets in a format by name: one document of many, or a folder with a sheet and a key for each student."""

from __future__ import annotations

from collections.abc import Sequence

from convviz.errors import ConvvizError, nearest
from convviz.exercise.model import Exercises, Sheet

FORMATS = ("table", "md", "html", "latex", "moodle", "json", "csv")  # as the command line names them
ENDINGS = {"table": "txt", "md": "md", "html": "html", "latex": "tex", "moodle": "xml", "json": "json"}


def render(sheets: Sequence[Sheet], format: str = "table", key: bool = False) -> str:
    """Sheets, or with ``key`` their keys, as one document.

    table: text; csv: the file to fill in, with a row for each answer (the key: with the answers). moodle holds the
    answers, so that it is one and the same. Raises ConvvizError for another format.
    """
    if format in ("table", "text"):
        from convviz.report.exercises.text import text

        return text(sheets, key)
    if format == "md":
        from convviz.report.exercises.text import md

        return md(sheets, key)
    if format == "html":
        from convviz.report.exercises.html import page

        return page(sheets, key)
    if format == "latex":
        from convviz.report.exercises.latex import latex

        return latex(sheets, key)
    if format == "moodle":
        from convviz.report.exercises.moodle import moodle

        return moodle(sheets)
    if format == "json":
        from convviz.report.data import dumps
        from convviz.report.exercises.data import sheets_data

        return dumps(sheets_data(sheets, key))
    if format == "csv":
        from convviz.report.exercises.data import key_csv, template

        return key_csv(sheets) if key else template(sheets)
    raise ConvvizError(
        f"no format {format!r} for sheets{nearest(format, FORMATS)}; there are {', '.join(FORMATS)}"
    )


def fragment(sheets: Sequence[Sheet]) -> str:
    """HTML for a notebook."""
    from convviz.report.exercises import html as exercise_html

    return exercise_html.fragment(sheets)


def told(exercises: Exercises) -> str:
    """The first sheet, and what the others are."""
    more = len(exercises) - 1
    shown = render(exercises.sheets[:1]).rstrip("\n")
    if not more:
        return shown
    last = exercises.sheets[-1].code
    return f"{shown}\n\n… and {more:,} more variant{'s' * (more > 1)}, up to {last}"


def files(exercises: Exercises, format: str) -> dict[str, str]:
    """The files of a folder by name: ``sheets/norm-001.md``, ``keys/norm-001.md`` and so on, ``answers.csv`` to fill
    in, ``key.csv`` with all answers. For Moodle, one file instead of the sheets.
    """
    sheets = exercises.sheets
    if format == "csv":
        return {"answers.csv": render(sheets, "csv"), "key.csv": render(sheets, "csv", key=True)}
    if format == "moodle":
        return {
            f"{exercises.topic}.xml": render(sheets, "moodle"),
            "key.csv": render(sheets, "csv", key=True),
        }
    ending, digits = ENDINGS[format], max(3, len(str(len(sheets))))
    found = {}
    for folder, key in (("sheets", False), ("keys", True)):
        for sheet in sheets:
            name = f"{folder}/{sheet.topic}-{sheet.variant:0{digits}d}.{ending}"
            found[name] = render((sheet,), format, key)
    return {**found, "answers.csv": render(sheets, "csv"), "key.csv": render(sheets, "csv", key=True)}
