"""A plan in a format by name: text, Markdown, HTML, LaTeX or plain data."""

from __future__ import annotations

from convviz.errors import ConvvizError
from convviz.plan.model import Plan
from convviz.report.data import dumps
from convviz.report.documents import page
from convviz.report.plan_data import plan_data
from convviz.report.plan_html import html
from convviz.report.plan_markdown import markdown
from convviz.report.plan_text import MOST, text

__all__ = ["FORMATS", "MOST", "html", "markdown", "render", "text"]

FORMATS = ("text", "md", "html", "json", "latex")


def render(plan: Plan, format: str = "text", *, most: int | None = MOST, standalone: bool = False) -> str:
    """A plan as ``text``, ``md``, ``html``, ``json`` or ``latex``.

    most: steps of each section that are written out (None: all). standalone: HTML as a page, LaTeX as a document of
    its own. Raises ConvvizError for another format.
    """
    if format == "json":
        return dumps(plan_data(plan))
    if format == "html":
        return page(plan.title, html(plan, most)) if standalone else html(plan, most)
    if format in ("text", "table"):
        return text(plan, most)
    if format == "md":
        return markdown(plan, most)
    if format == "latex":
        from convviz.report.plan_latex import latex

        return latex(plan, most, standalone)
    raise ConvvizError(f"no format {format!r} for a plan; there are {', '.join(FORMATS)}")
