"""A plan as plain data: what ``--format json`` prints, and what a page draws from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from convviz.ops.base import Along, Reads, Regroup, Shape
from convviz.ops.relations import Blocks, Relation, Window
from convviz.plan.model import Cell, Curve, Grid, Matrix, Panel, Plan, Stage, Step
from convviz.plan.model import Table as Facts
from convviz.report.data import clean


def plan_data(plan: Plan) -> dict[str, Any]:
    """``name, title, facts, formulas, notes, panels, sections, steps, stages``.

    Cells are lists of indices. A grid's values are in one row, in the order of its axes, with null where a cell
    has none yet; other mappings are lists of pairs. A stage has the relations by which its outputs read.
    """
    return {
        "name": plan.name,
        "title": plan.title,
        "facts": [{"what": what, "value": value} for what, value in plan.facts],
        "formulas": [dict(vars(formula)) for formula in plan.formulas],
        "notes": list(plan.notes),
        "panels": [panel_data(panel) for panel in plan.panels],
        "sections": list(plan.sections),
        "steps": [step_data(step) for step in plan.steps],
        "stages": [stage_data(stage) for stage in plan.stages],
    }


def panel_data(panel: Panel) -> dict[str, Any]:
    """A panel; ``type`` is grid, matrix, table or curve."""
    head = {"key": panel.key, "title": panel.title}
    if isinstance(panel, Grid):
        return {"type": "grid", **head, **grid_data(panel)}
    if isinstance(panel, Matrix):
        entries = [
            {"row": row, "column": column, "weight": list(cell), "value": clean(value)}
            for (row, column), (cell, value) in panel.entries.items()
        ]
        return {
            "type": "matrix",
            **head,
            "rows": clean(panel.rows),
            "columns": clean(panel.columns),
            "entries": entries,
        }
    if isinstance(panel, Facts):
        return {"type": "table", **head, "columns": list(panel.columns), "rows": clean(panel.rows)}
    assert isinstance(panel, Curve)
    series = [clean(vars(line)) for line in panel.series]
    return {"type": "curve", **head, "x": panel.x, "y": panel.y, "series": series}


def grid_data(grid: Grid) -> dict[str, Any]:
    values = None
    if grid.values is not None:
        values = [clean(grid.values.get(cell)) for cell in np.ndindex(*grid.shape)]
    return {
        "role": grid.role,
        "shape": list(grid.shape),
        "values": values,
        "pads": clean(grid.pads),
        "outside": pairs(grid.outside),
        "stuffed": list(grid.stuffed),
        "unused": [list(cell) for cell in sorted(grid.unused)],
        "channels": list(grid.channels),
    }


def pairs(values: Mapping[Cell, Any]) -> list[list[Any]]:
    return [[list(cell), clean(value)] for cell, value in values.items()]


def step_data(step: Step) -> dict[str, Any]:
    work = None
    if step.work is not None:
        terms = [clean(vars(term)) for term in step.work.terms]
        work = {**clean({**vars(step.work), "terms": ()}), "terms": terms}
    return {
        "section": step.section,
        "caption": step.caption,
        "marks": [clean(vars(mark)) for mark in step.marks],
        "work": work,
        "writes": [clean(vars(write)) for write in step.writes],
    }


# -- relations ------------------------------------------------------------------------------------------
def stage_data(stage: Stage) -> dict[str, Any]:
    """An op with its relations: one entry for each input."""
    return {
        "op": stage.op.kind,
        "fields": clean(stage.op.fields()),
        "in": clean(stage.ins),
        "out": list(stage.out),
        "reads": list(stage.reads),
        "writes": stage.writes,
        "weight": stage.weight,
        "relations": [reads_data(read, stage.out) for read in stage.op.reads(*stage.ins)],
    }


def reads_data(reads: Reads, out: Shape) -> dict[str, Any]:
    """``along``: a relation and an output axis for each input axis; ``regroup``: a reshape; ``steps``: one by one."""
    if isinstance(reads, Regroup):
        return {"kind": "regroup", "out": list(reads.out)}
    if isinstance(reads, Along):
        axes = [
            {"relation": relation_data(relation, 1 if to is None else out[to]), "to": to}
            for relation, to in reads.axes
        ]
        return {"kind": "along", "axes": axes}
    steps = [{"reads": reads_data(step, then), "out": list(then)} for step, then in reads]
    return {"kind": "steps", "steps": steps}


def relation_data(relation: Relation, outputs: int) -> dict[str, Any]:
    """A Window, Blocks or Table by its fields; of a table the rows of the outputs that there are."""
    if isinstance(relation, Window):
        return {
            "kind": "window",
            "kernel": relation.kernel,
            "stride": relation.stride,
            "dilation": relation.dilation,
            "padding": relation.padding,
            "up": relation.up,
            "border": relation.border,
        }
    if isinstance(relation, Blocks):
        return {"kind": "blocks", "size": relation.size, "out": relation.out}
    rows = (relation.rows[phase] for phase in range(min(relation.period, outputs)))
    return {
        "kind": "table",
        "rows": [[row.start, row.stop, row.step] for row in rows],
        "period": relation.period,
        "advance": relation.advance,
        "border": relation.border,
    }
