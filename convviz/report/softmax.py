"""Softmax of logits as text, documents and plain data."""

from __future__ import annotations

from dataclasses import replace
from math import isnan
from typing import Any

from convviz.plan.logits import SoftmaxResult
from convviz.plan.model import Plan
from convviz.plan.model import Table as Facts
from convviz.report.data import clean, dumps
from convviz.report.documents import csv_text
from convviz.report.model import Column, Table
from convviz.report.plan import render


def render_softmax(result: SoftmaxResult, format: str, *, standalone: bool = False) -> str:
    """The worked calculation as text, md, latex or html, all numbers as json, or a class in each row as csv."""
    if format == "json":
        return dumps(softmax_data(result))
    if format == "csv":
        return csv_text(softmax_table(result))
    return render(document(result), format, standalone=standalone)


def document(result: SoftmaxResult) -> Plan:
    """The plan with its tables only: they have the numbers of all its vectors side by side."""
    plan = result.plan
    return replace(plan, panels=tuple(panel for panel in plan.panels if isinstance(panel, Facts)))


def softmax_table(result: SoftmaxResult) -> Table:
    """All numbers of a class in a row, with their full digits."""
    columns: dict[str, Any] = {"class": range(len(result.values)), "logit": result.values}
    if result.temperature != 1:
        columns["scaled"] = result.row.values
    columns |= {
        "exponential": result.exponentials,
        "softmax": result.probabilities,
        "log_softmax": result.log_probabilities,
    }
    if result.wanted is not None:
        columns |= {"target": result.wanted, "gradient": result.gradient}
    rows = tuple(tuple(repr(value) for value in row) for row in zip(*columns.values(), strict=True))
    return Table("", tuple(Column(name) for name in columns), rows)


def softmax_data(result: SoftmaxResult) -> dict[str, Any]:
    """All numbers, unrounded; -inf and nan as text. ``naive``: without the subtraction, by precision."""
    row = result.row
    data: dict[str, Any] = {
        "values": result.values,
        "temperature": result.temperature,
        "scaled": row.values,
        "largest": row.top,
        "exponentials": result.exponentials,
        "sum": row.total,
        "softmax": result.probabilities,
        "log_sum_exp": row.log_total,
        "log_softmax": result.log_probabilities,
        "target": result.target,
        "label_smoothing": result.label_smoothing,
        "target_distribution": result.wanted,
        "loss": result.loss,
        "gradient": result.gradient,
        "naive": {
            n.precision: {
                "exponentials": n.exponentials,
                "sum": n.total,
                "softmax": n.shares,
                "fails": n.fails or any(map(isnan, n.shares)),
                "words": n.words,
            }
            for n in result.naive()
        },
        "notes": result.plan.notes,
    }
    found: dict[str, Any] = clean(data)
    return found
