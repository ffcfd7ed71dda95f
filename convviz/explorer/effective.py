"""Effective fields for the page of a net: which units get one, and each as a small picture over the input."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convviz.analysis import receptive_field
from convviz.analysis.blocks import units
from convviz.analysis.influence import EffectiveField, Mass
from convviz.analysis.paths import PathCounts, path_counts
from convviz.errors import ConvvizError
from convviz.explorer.png import png_address
from convviz.graph import Graph

FIELDS, GRADIENTS = 24, 4  # layers that get path counts, or gradients, unless they are named
SEEDS, SAMPLES = 3, 4  # draws of weights and inputs for each, as several layers are asked about
SIDE = 2048  # cells along an axis of a picture
BYTES = 1 << 20  # of all pictures together

Field = EffectiveField | PathCounts
Json = dict[str, Any]


def effective_fields(
    graph: Graph,
    layers: Sequence[str] = (),
    wrt: str | None = None,
    *,
    gradient: bool = False,
    net: Any = None,
    loaded: Mapping[str, Any] | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[Field]:
    """The effective fields of the middle units of ``layers``; by default of a spread of those that the column shows.

    Path counts, or with ``gradient`` mean gradients, which need torch: of ``net`` (by default the graph), ``loaded`` as
    :func:`convviz.read` takes it (``input``, ``treat``, ``weights``). progress: told the share that is done. Raises
    ConvvizError for a layer that has none.

    >>> import convviz
    >>> [field.layer for field in effective_fields(convviz.read("code8"), ["conv2"])]
    ['conv2']
    """
    chosen = list(layers) or _spread(_local(graph, wrt), GRADIENTS if gradient else FIELDS)
    found: list[Field] = []
    for i, layer in enumerate(chosen):
        try:
            if gradient:
                found.append(_gradient(graph if net is None else net, layer, wrt, loaded or {}))
            else:
                found.append(path_counts(graph, layer, wrt=wrt))
        except ConvvizError:
            if layers:  # of those that nobody named, one that reads nothing is left out
                raise
        if progress is not None:
            progress((i + 1) / len(chosen))
    return found


def _gradient(net: Any, layer: str, wrt: str | None, loaded: Mapping[str, Any]) -> EffectiveField:
    from convviz.probe.erf import effective_receptive_field

    drawn = isinstance(net, str | Path | Graph) and loaded.get("weights") is None
    few: Json = {"seeds": SEEDS if drawn else 1, "samples": SAMPLES if drawn else SEEDS * SAMPLES}
    return effective_receptive_field(net, layer, wrt=wrt, **few, **loaded)


def _local(graph: Graph, wrt: str | None) -> list[str]:
    """The layers that rows of the column are named after, whose units have a place and do not read everything."""
    result = receptive_field(graph, wrt)
    rank = len(result.graph.inputs[result.wrt]) - 1
    shown = [block.main.name for block in units(result)]
    fields = result.by_name
    return [
        name
        for name in shown
        if rank and (field := fields[name]) and not field.is_global and len(graph[name].out) == rank + 1
    ]


def _spread(names: Sequence[str], most: int) -> list[str]:
    """At most so many of them, evenly, the last always."""
    if len(names) <= most:
        return list(names)
    return [names[round((i + 1) * len(names) / most) - 1] for i in range(most)]


# -- as data -------------------------------------------------------------------------------------------------
def fields_data(fields: Iterable[Field], graph: Graph) -> tuple[list[Json], list[str]]:
    """The fields as data for the page, and notes on those that are left out to keep the file small."""
    places = {name: i for i, name in enumerate(graph.by_name)}
    made: list[Json] = []
    left: list[str] = []
    for field in fields:
        paths = field.paths if isinstance(field, EffectiveField) else field
        if paths.layer not in places:  # behind the layers that are shown
            continue
        data = _field(field, places[paths.layer])
        if data is None or sum(len(other["picture"]) for other in [*made, data]) > BYTES:
            left.append(paths.layer)
        else:
            made.append(data)
    if not left:
        return made, []
    names = ", ".join(left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
    return made, [f"The effective field of {names} is too large to be drawn here: convviz erf shows it."]


def _field(field: Field, layer: int) -> Json | None:
    """None where there are no paths or too many cells to draw."""
    measured = isinstance(field, EffectiveField)
    paths = field.paths if isinstance(field, EffectiveField) else field
    mass = field.gradient if isinstance(field, EffectiveField) else paths.real
    spread = field.extent if isinstance(field, EffectiveField) else paths.real_extent
    if mass is None or spread is None or max(mass.shape) > SIDE:
        return None
    origin, cells = _flat(mass)
    box = [
        [(2 * lo + n - b) // 2, (2 * lo + n + b) // 2 - 1]
        for lo, n, b in zip(paths.lo, paths.size, spread.box, strict=True)
    ]
    return {
        "layer": layer,
        "unit": list(paths.unit),
        "measured": measured,
        "about": _about(field),
        "origin": origin,
        "shape": list(cells.shape),
        "picture": png_address(np.round(cells / cells.max() * 255).astype(np.uint8)[:, :, None]),
        "box": box,
        "size": list(paths.size),
        "part": round(spread.area(paths.size), 6),
    }


def _flat(mass: Mass) -> tuple[list[int], np.ndarray]:
    """The weights on the last two axes, all others added up; a sequence is one row. And where they start."""
    if mass.is_product:
        parts = mass.shares[-2:]
        cells = parts[0][None] if len(parts) == 1 else np.multiply.outer(*parts)
    else:
        (joint,) = mass.shares
        cells = joint.sum(tuple(range(joint.ndim - 2)))
    origin = list(mass.origin[-2:])
    there = [np.flatnonzero(cells.any(1 - axis)) for axis in (0, 1)]
    (top, bottom), (left, right) = ((int(line[0]), int(line[-1]) + 1) for line in there)
    start = [left] if len(origin) == 1 else [top, left]
    return [at + first for at, first in zip(origin, start, strict=True)], cells[top:bottom, left:right]


def _about(field: Field) -> str:
    """What was measured, as a sentence."""
    if isinstance(field, PathCounts):
        return "Path counts: over how many paths each input cell reaches this unit, every weight alike."
    probe = field.probe
    weights = {
        "random": f"{probe.seeds} draws of random weights",
        "file": f"the weights of {Path(probe.source).name}",
        "own": "the module's own weights",
    }[probe.weights]
    inputs = f"{probe.samples} {'images' if probe.inputs == 'images' else 'random inputs'}"
    each = " each" if probe.weights == "random" else ""
    return f"Measured: the mean gradient of this unit, with {weights} and {inputs}{each}."
