"""What a unit of a net leaves out, and its dilated runs, as a table, sentences and data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from convviz.analysis.alignment import AXES
from convviz.analysis.gridding_net import AxisReads, NetGridding, Run
from convviz.report.data import clean, dumps, input_data
from convviz.report.formats import WIDTH, render
from convviz.report.gridding import (
    fault,
    listed,
    per_layer,
    percent,
    remedy_data,
    remedy_text,
    ribbon_text,
)
from convviz.report.model import Cell, Column, Table
from convviz.report.tables import title


def render_net(
    found: NetGridding, format: str = "text", *, width: int = WIDTH, standalone: bool = False
) -> str:
    """A net's runs in one of the formats. Raises ConvvizError for an unknown one."""
    if format == "json":
        return dumps(net_data(found))
    return render(net_table(found), format, width=width, standalone=standalone)


def net_table(found: NetGridding) -> Table:
    """One row for each run of dilated convs; below, what a unit of the layer reads."""
    columns = (
        Column("run", left=True, shrink="middle"),
        Column("axes", left=True),
        Column("jump"),
        Column("rates", left=True, shrink="end"),
        Column("kernels", left=True, shrink="end"),
        Column("span", count=True),
        Column("hits", count=True),
        Column("verdict", left=True),
        Column("nearest_dense", left=True, short="nearest dense", shrink="end"),
    )
    rows = tuple(_run_row(run, found) for run in found.runs)
    shown = f"{title(found.graph)}  layer {found.layer}"
    return Table(shown, columns, rows, tuple(net_notes(found)))


def axis_names(found: NetGridding) -> Callable[[int], str]:
    rank = len(found.graph.inputs[found.result.wrt]) - 1
    return lambda axis: AXES.get(rank, "")[axis : axis + 1] or str(axis)


def run_name(run: Run) -> str:
    """``conv1 … conv3 (3)``"""
    return (
        run.layers[0] if len(run.layers) == 1 else f"{run.layers[0]} … {run.layers[-1]} ({len(run.layers)})"
    )


def run_numbers(run: Run) -> tuple[int, int | None]:
    """(span, hits) by all paths where these are one pattern, else those of the windows in a row."""
    return (run.stack.span, run.stack.hits) if run.read is None else (run.read.span, run.read.count)


def _run_row(run: Run, found: NetGridding) -> tuple[Cell, ...]:
    name = axis_names(found)
    span, hits = run_numbers(run)
    said = "filled by branches" if run.filled else "dense" if run.dense else "holes"
    best = run.stack.remedy if not run.dense else None
    return (
        run_name(run),
        "".join(map(name, run.axes)),
        run.jump,
        listed(run.stack.rates),
        per_layer(run.stack.kernels),
        span,
        hits,
        said,
        None if best is None else listed(best.rates) if best.rates else "none",
    )


def net_notes(found: NetGridding) -> list[str]:
    """What one unit reads, by axis and together, and where its holes come from."""
    name = axis_names(found)
    if found.everything:
        return [f"every unit of {found.layer} reads the whole input: no holes", *_warnings(found)]
    notes = [_axes_text(group, found, name) for group in _same_axes(found.axes)]
    for group in _same_axes(found.axes):
        ribbon = "" if group[0].dense else ribbon_text(group[0].cells, group[0].span)
        notes += [f"cells along {name(group[0].axis)} {ribbon}"] if ribbon else []
    if len(found.axes) > 1:
        if found.pixels is None:
            notes.append("over all axes together: not counted")
        elif found.pixels < found.box:
            share = percent(found.pixels, found.box)
            notes.append(f"over all axes together: {found.pixels:,} of {found.box:,} cells ({share})")
    notes += _causes(found)
    return notes + _warnings(found)


def _warnings(found: NetGridding) -> list[str]:
    return [f"warning: {warning}" for warning in found.result.warnings]


def _same_axes(axes: Sequence[AxisReads]) -> list[list[AxisReads]]:
    """Axes along which the same cells are read are told together."""
    groups: list[list[AxisReads]] = []
    for axis in axes:
        for group in groups:
            first = group[0]
            if (first.phase, first.period, first.span, first.hits, first.dead) == (
                axis.phase, axis.period, axis.span, axis.hits, axis.dead,
            ) and first.cells == axis.cells:  # fmt: skip
                group.append(axis)
                break
        else:
            groups.append([axis])
    return groups


def _axes_text(group: Sequence[AxisReads], found: NetGridding, name: Callable[[int], str]) -> str:
    axis = group[0]
    along = " and ".join(name(a.axis) for a in group)
    if axis.period is None:
        where = f", the worst of all units ({axis.phase}; branches disagree about the stride)"
    elif axis.period > 1:
        where = f", the worst of {axis.period:,} output phases (phase {axis.phase:,})"
    else:
        where = ""
    if not axis.span:
        return f"along {along} a unit of {found.layer} reads nothing"
    dead = (
        f"; {axis.dead:,} phase{'s read' if axis.dead > 1 else ' reads'} nothing at all" if axis.dead else ""
    )
    if axis.dense:
        read = f"every cell of its span of {axis.span:,}"
    elif axis.hits is None:
        read = f"a span of {axis.span:,} with holes that are too many to count"
    else:
        read = f"{axis.hits:,} of its span of {axis.span:,} cells ({percent(axis.hits, axis.span)})"
    return f"along {along} a unit of {found.layer}{where} reads {read}{dead}"


def _causes(found: NetGridding) -> list[str]:
    """Which runs leave cells out; what else does; where there is nothing to blame."""
    notes = []
    for run in found.causes[:4]:
        name = axis_names(found)
        along = " and ".join(map(name, run.axes))
        text = f"{run_name(run)} leaves out cells of {run.entry}'s map along {along}"
        if run.stack.dense:
            notes.append(f"{text} through the branches beside it")
        else:
            notes += [f"{text}: {fault(run.stack)}", f"  {remedy_text(run.stack)}"]
    if len(found.causes) > 4:
        notes.append(f"and {len(found.causes) - 4} more runs with holes")
    if found.dense and found.causes:
        notes.append("on the input they are covered, by the windows before the run or by branches beside it")
    if not found.dense and not found.causes:
        if all(axis.dense for axis in found.axes):
            notes.append(
                "along each axis nothing is left out; branches of different shape make the corners empty"
            )
        else:
            notes.append("no dilated run is the cause: strides step over cells that no window reads")
    if found.first and not found.dense:
        notes.append(f"{found.first} is the first layer whose units leave cells out")
    if not found.runs:
        notes.append("there is no dilated convolution on the way to it")
    return notes


def net_data(found: NetGridding) -> dict[str, Any]:
    return {
        "name": found.graph.name,
        "input": input_data(found.graph),
        "layer": found.layer,
        "dense": found.dense,
        "global": found.everything,
        "axes": [
            {
                "axis": axis.axis,
                "span": axis.span,
                "hits": axis.hits,
                "dense": axis.dense,
                "density": None if axis.hits is None or not axis.span else axis.hits / axis.span,
                "phase": axis.phase,
                "period": axis.period,
                "dead_phases": axis.dead,
                "cells": clean(axis.cells),
            }
            for axis in found.axes
        ],
        "pixels": found.pixels,
        "box": found.box,
        "first": found.first,
        "runs": [_run_data(run) for run in found.runs],
        "notes": net_notes(found),
        "warnings": list(found.result.warnings),
    }


def _run_data(run: Run) -> dict[str, Any]:
    span, hits = run_numbers(run)
    return {
        "layers": list(run.layers),
        "axes": list(run.axes),
        "entry": run.entry,
        "jump": clean(run.jump),
        "rates": list(run.stack.rates),
        "kernel_sizes": list(run.stack.kernels),
        "strides": list(run.stack.strides),
        "span": span,
        "hits": hits,
        "dense": run.dense,
        "filled_by_branches": run.filled,
        "nearest": remedy_data(run.stack),
    }
