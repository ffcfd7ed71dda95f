"""A :class:`Table` in a format by name; the writers are loaded when they are asked for."""

from __future__ import annotations

from convviz.errors import ConvvizError
from convviz.report.model import Table

FORMATS = ("table", "json", "csv", "md", "latex", "html")  # as the command line names them
WIDTH = 100  # columns of text where nothing else is known


def render(table: Table, format: str, *, width: int = WIDTH, standalone: bool = False) -> str:
    """``table`` as text (``text``: without colour, ``table``: with), md, latex, csv or html.

    standalone: HTML as a page of its own. Raises ConvvizError for another format.
    """
    if format in ("text", "table"):
        from convviz.report import terminal

        return terminal.text(table, width) if format == "text" else terminal.colour(table, width)
    from convviz.report import documents

    if format == "html":
        fragment = documents.html(table)
        return documents.page(table.title, fragment) if standalone else fragment
    writers = {"md": documents.markdown, "latex": documents.latex, "csv": documents.csv_text}
    if format not in writers:
        raise ConvvizError(f"no format {format!r}; there are text, {', '.join(FORMATS)}")
    return writers[format](table)
