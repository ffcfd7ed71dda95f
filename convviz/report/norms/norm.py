"""Normalized batches in every format: a worked solution as text, the plan as a document, cells as CSV, all as JSON."""

from __future__ import annotations

from convviz.analysis.norms.normalize import Normalized, Norms
from convviz.errors import ConvvizError
from convviz.report.formats import FORMATS, WIDTH

MOST = 60  # steps of a section that a document writes out, unless it is to be whole


def render(
    found: Normalized | Norms,
    format: str = "text",
    *,
    width: int = WIDTH,
    full: bool = False,
    standalone: bool = False,
    told: str = "",
) -> str:
    """One method or several as ``text`` (``table``: in colour), json, csv, md, latex or html.

    full: nothing is cut. standalone: HTML as a page, LaTeX as a document of its own. told: a sentence about where the
    numbers come from. Raises ConvvizError for another format, and for a batch that is too large for a worked document.
    """
    if format in ("text", "table"):
        from convviz.report.norms.text import sheet

        return sheet(found, width=width, full=full, told=told, colour=format == "table")
    if format == "json":
        from convviz.report.data import dumps
        from convviz.report.norms.data import norm_data, norms_data

        return dumps(norm_data(found, told) if isinstance(found, Normalized) else norms_data(found, told))
    if format == "csv":
        from convviz.report.documents import csv_text
        from convviz.report.norms.data import cells_table

        return csv_text(cells_table(found))
    if format not in FORMATS:
        raise ConvvizError(f"no format {format!r}; there are text, {', '.join(FORMATS)}")
    from convviz.report.norms.document import document

    return document(found, format, None if full else MOST, standalone, told)


def text(found: Normalized | Norms) -> str:
    """As text without colour."""
    return render(found, "text")


def html(found: Normalized | Norms) -> str:
    """As a fragment of HTML for a notebook."""
    from convviz.report.norms.document import summary

    return summary(found)
