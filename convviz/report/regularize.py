"""Regularizers in every format: explanations through their plans, CSV as one table, JSON as plain data."""

from __future__ import annotations

from dataclasses import replace

from convviz.analysis.regularizers.regularize import Regularizer
from convviz.plan.model import Curve
from convviz.plan.regularizers.regularize import plan_of
from convviz.report import documents
from convviz.report.data import dumps
from convviz.report.plan import render as render_plan
from convviz.report.regularize_data import data_of
from convviz.report.regularize_tables import table_of


def render(found: Regularizer, format: str = "text", *, standalone: bool = False) -> str:
    """A result as text (or table), md, latex, html, csv (one table) or json (plain data).

    Curves are for pictures; their numbers stand in tables. Raises ConvvizError for another format.
    """
    if format == "json":
        return dumps(data_of(found))
    if format == "csv":
        return documents.csv_text(table_of(found))
    plan = plan_of(found)
    panels = tuple(panel for panel in plan.panels if not isinstance(panel, Curve))
    return render_plan(replace(plan, panels=panels), format, standalone=standalone)
