"""Results as plain data: what `--format json` prints. The forms are fixed; docs/design.md has them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from convviz.analysis.check import Rule, Verdict
from convviz.analysis.compare import Comparison
from convviz.analysis.results import Field, Layer, ReceptiveField, Unit
from convviz.analysis.stages import Stage
from convviz.errors import ConvvizError
from convviz.graph import Graph, Node


def dumps(data: Any) -> str:
    """JSON with a line break at its end; ``nan`` and ``inf`` never occur."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def clean(value: Any) -> Any:
    """Tuples as lists, fractions and what JSON has no word for as text."""
    if isinstance(value, dict):
        return {str(key): clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple | range):
        return [clean(item) for item in value]
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _as_written(name: str, value: Any) -> Any:
    """Padding with as much behind as in front is one number for each axis, as torch and model.yaml have it."""
    pairs = name == "padding" and isinstance(value, tuple) and all(isinstance(v, tuple) for v in value)
    if pairs and all(before == after for before, after in value):
        return [before for before, _ in value]
    return value


def rf_data(result: ReceptiveField, *, rate: float | None = None) -> dict[str, Any]:
    """``name, input, layers, totals``; besides, where there are any: ``wrt``, ``misaligned``,
    ``warnings``.
    """
    graph = result.graph
    layers = [layer_data(layer) for layer in result]
    if rate is not None:
        from convviz.report.tables import check_rate, context

        check_rate(result, rate)
        for data, layer in zip(layers, result, strict=True):
            data["context"] = context(layer.rf, rate)
    out: dict[str, Any] = {
        "name": graph.name,
        "input": input_data(graph),
        "layers": layers,
        "totals": totals(graph),
    }
    if len(graph.inputs) > 1:
        out["wrt"] = result.wrt
    if result.misaligned:
        out["misaligned"] = [
            {
                "layer": found.layer,
                "paths": list(found.paths),
                "axis": found.axis,
                "centres": clean(found.centres),
                "jumps": clean(found.jumps),
                "explanation": found.explanation,
            }
            for found in result.misaligned
        ]
    if result.warnings:
        out["warnings"] = list(result.warnings)
    return out


def input_data(graph: Graph) -> Any:
    """The shape of the one input, or name: shape."""
    shapes = {name: list(shape) for name, shape in graph.inputs.items()}
    return shapes if len(shapes) > 1 else next(iter(shapes.values()))


def totals(graph: Graph) -> dict[str, int]:
    return {"params": graph.params, "macs": graph.macs}


def node_data(node: Node) -> dict[str, Any]:
    return {
        "name": node.name,
        "op": node.op.kind,
        "fields": {name: clean(_as_written(name, value)) for name, value in node.op.fields().items()},
        "inputs": list(node.inputs),
        "in": [list(shape) for shape in node.ins],
        "out": list(node.out),
        "params": node.params,
        "macs": node.macs,
    }


def layer_data(layer: Layer) -> dict[str, Any]:
    return {**node_data(layer.node), "rf": field_data(layer.rf)}


def field_data(field: Field | None) -> dict[str, Any] | None:
    """A Field: lists by axis, exact fractions as text."""
    if field is None:
        return None

    def text(values: Sequence[Any]) -> list[str | None]:
        return [None if value is None else str(value) for value in values]

    return {
        "size": list(field.size),
        "min": list(field.min),
        "jump": text(field.jump),
        "start": text(field.start),
        "period": list(field.period),
        "pixels": field.pixels,
        "global": field.is_global,
        "also_global": field.also_global,
    }


def unit_data(unit: Unit) -> dict[str, Any]:
    return {
        "layer": unit.layer,
        "unit": list(unit.unit),
        "lo": clean(unit.lo),
        "hi": clean(unit.hi),
        "span": clean(unit.span),
        "count": unit.count,
        "clipped": unit.clipped,
    }


def stage_data(stage: Stage) -> dict[str, Any]:
    return {
        "name": stage.name,
        "layers": list(stage.layers),
        "out": list(stage.out),
        "channels": list(stage.channels),
        "blocks": stage.blocks,
        "convs": stage.convs,
        "jump": clean(stage.jump),
        "size": clean(stage.size),
        "global": stage.is_global,
        "params": stage.params,
        "macs": stage.macs,
    }


def compare_data(comparison: Comparison) -> dict[str, Any]:
    """Both nets' totals, each change with the layer before and after it, and unchanged layers that grow more."""
    sides = []
    for result, size in zip((comparison.before, comparison.after), comparison.size, strict=True):
        graph = result.graph
        sides.append(
            {"name": graph.name, "input": input_data(graph), "totals": totals(graph), "rf": clean(size)}
        )
    changes = [
        {
            "change": change.kind,
            "before": layer_data(change.before) if change.before else None,
            "after": layer_data(change.after) if change.after else None,
            "fields": clean(dict(change.fields)),
            "growth": change.growth,
            "params": change.params,
            "macs": change.macs,
        }
        for change in comparison.changes
    ]
    carried = [{"name": layer.node.name, "growth": growth} for layer, growth in comparison.carried]
    return {"before": sides[0], "after": sides[1], "changes": changes, "carried": carried}


def check_data(source: str, verdict: Verdict | ConvvizError) -> dict[str, Any]:
    if isinstance(verdict, ConvvizError):
        return {"net": source, "passed": False, "error": str(verdict), "rules": []}
    return {"net": source, "passed": verdict.passed, "rules": [rule_data(rule) for rule in verdict.rules]}


def rule_data(rule: Rule) -> dict[str, Any]:
    return {
        "rule": rule.name,
        "limit": rule.limit,
        "value": clean(rule.value),
        "passed": rule.passed,
        "by": rule.by,
    }
