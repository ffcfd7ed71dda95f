"""Effective fields for the page of a net: which units get one, and each as a small picture over the input."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from convviz.analysis import receptive_field
from convviz.analysis.backward import hull, reach
from convviz.analysis.blocks import units
from convviz.analysis.cells import Cells
from convviz.analysis.influence import EffectiveField, Mass
from convviz.analysis.lower import Lowered, lower
from convviz.analysis.path_counter import count
from convviz.analysis.paths import PathCounts, place
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
    """The effective fields of units of ``layers``; by default of a spread of those that the column shows.

    Path counts of the middle unit, of that in the middle of an edge and of that in the corner; or with
    ``gradient`` mean gradients of the middle unit, which need torch: of ``net`` (by default the graph), ``loaded`` as
    :func:`convviz.read` takes it (``input``, ``treat``, ``weights``). Units in the middle come first. progress: told
    the share that is done. Raises ConvvizError for a layer that has none.

    >>> import convviz
    >>> [(field.layer, field.unit) for field in effective_fields(convviz.read("code8"), ["conv2"])]
    [('conv2', (12, 12)), ('conv2', (0, 12)), ('conv2', (0, 0))]
    """
    chosen = list(dict.fromkeys(layers)) or _spread(_local(graph, wrt), GRADIENTS if gradient else FIELDS)
    lowered = lower(graph, wrt)
    asked = [(layer, "middle") for layer in chosen]
    if not gradient:
        asked += [(layer, at) for layer in _evenly(chosen) for at in ("edge", "corner")]
    found: list[Field] = []
    known: set[tuple[str, tuple[int, ...]]] = set()  # a small map has one unit in several places
    for i, (layer, at) in enumerate(asked):
        try:
            if gradient:
                found.append(_gradient(graph if net is None else net, layer, wrt, loaded or {}))
            else:
                _, middle = place(lowered, layer, None)
                unit = _unit(middle, at)
                if (layer, unit) not in known:
                    known.add((layer, unit))
                    found.append(_paths(lowered, layer, unit))
        except ConvvizError:
            if layers and at == "middle":  # of those that nobody named, one that reads nothing is left out
                raise
        if progress is not None:
            progress((i + 1) / len(asked))
    return found


def _unit(middle: tuple[int, ...], at: str) -> tuple[int, ...]:
    return {"middle": middle, "edge": (0, *middle[1:]), "corner": (0,) * len(middle)}[at]


def _paths(lowered: Lowered, layer: str, unit: tuple[int, ...]) -> PathCounts:
    """The paths of a real unit, as :func:`convviz.analysis.paths.path_counts` has them; no others are drawn."""
    field = reach(lowered, layer, [Cells(u, 1) for u in unit], clip=False)
    if not field:
        raise ConvvizError(f"unit {','.join(map(str, unit))} of {layer} reads no input cell", "erf")
    sides = hull(field)
    return PathCounts(
        lowered.graph, layer, unit, lowered.wrt, tuple(s.lo for s in sides), tuple(s.span for s in sides),
        free=None, real=count(lowered, layer, unit, clip=True), total=None, mean=None, variance=None, terms=None,
        also=lowered.nodes[layer].also,
    )  # fmt: skip


def _evenly(names: Sequence[str]) -> list[str]:
    """All of them, the last first and then those between: what is cut off behind leaves no gap."""
    order: dict[str, None] = {}
    for step in (16, 8, 4, 2, 1):
        order |= dict.fromkeys(names[::-1][::step])
    return list(order)


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
    """The fields as data for the page, and notes on those that are left out to keep the file small.

    Units at a border are there as far as there is room, and nothing is said of those that are not.
    """
    places = {name: i for i, name in enumerate(graph.by_name)}
    made: list[Json] = []
    left: list[str] = []
    room = BYTES
    lowered: Lowered | None = None
    for field in fields:
        paths = field.paths if isinstance(field, EffectiveField) else field
        if paths.layer not in places:  # behind the layers that are shown
            continue
        lowered = lowered or lower(graph, paths.wrt)
        middle = paths.unit == place(lowered, paths.layer, None)[1]
        data = _field(field, places[paths.layer], middle)
        if data is not None and len(data["picture"]) <= room:
            made.append(data)
            room -= len(data["picture"])
        elif middle:
            left.append(paths.layer)
    if not left:
        return made, []
    names = ", ".join(left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
    return made, [f"The effective field of {names} is too large to be drawn here: convviz erf shows it."]


def _field(field: Field, layer: int, middle: bool) -> Json | None:
    """None where there are no paths or too many cells to draw."""
    measured = isinstance(field, EffectiveField)
    paths = field.paths if isinstance(field, EffectiveField) else field
    mass = field.gradient if isinstance(field, EffectiveField) else paths.real
    spread = field.extent if isinstance(field, EffectiveField) else paths.real_extent
    if mass is None or spread is None or max(mass.shape) > SIDE:
        return None
    origin, cells = _flat(mass)
    theory = [(lo, lo + n - 1) for lo, n in zip(paths.lo, paths.size, strict=True)]
    box = [
        ((lo + hi + 1 - b) // 2, (lo + hi + 1 + b) // 2 - 1)
        for (lo, hi), b in zip(theory, spread.box, strict=True)
    ]
    if not middle:  # of these, what lies beyond the input is no part of the field
        theory, box = ([(max(lo, 0), min(hi, n - 1)) for (lo, hi), n in zip(sides, paths.input, strict=True)]
                       for sides in (theory, box))  # fmt: skip
    size = _sides(theory)
    return {
        "layer": layer,
        "unit": list(paths.unit),
        "middle": middle,
        "measured": measured,
        "about": _about(field),
        "origin": origin,
        "shape": list(cells.shape),
        "picture": png_address(np.round(cells / cells.max() * 255).astype(np.uint8)[:, :, None]),
        "box": [list(side) for side in box],
        "size": size,
        "part": round(prod(_sides(box)) / prod(size), 6),
    }


def _sides(box: Iterable[tuple[int, int]]) -> list[int]:
    return [hi - lo + 1 for lo, hi in box]


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
