"""The data of a norm's page: one batch, every method on it, and for each the sets of cells that share statistics."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from convviz.analysis.norms.batches import nice_batch, preset
from convviz.analysis.norms.normalize import Normalized, normalize
from convviz.errors import ConvvizError
from convviz.explorer.views import Json, Store
from convviz.ops.base import Along, AxisRead, Shape, build
from convviz.ops.norm import Norm
from convviz.plan import norms, words
from convviz.plan.limits import check_count
from convviz.plan.norm_sets import Batch, Set
from convviz.report.plan_data import reads_data

SAMPLES = 4  # of the batch
MOST_CELLS = 600
COUNTS = ("num_groups", "num_splits")
NORMS = {
    "batch_norm": "batch",
    "layer_norm": "layer",
    "group_norm": "group",
    "instance_norm": "instance",
    "rms_norm": "rms",
    "ghost_batch_norm": "ghost",
}


def norm_data(kind: str, fields: Mapping[str, Any], sample: Shape | None = None, seed: int = 0) -> Json:
    """The page of a norm: the reader turns the method, on one batch (4 samples of ``sample``: C, *space).

    fields: ``eps``, ``num_groups`` or ``num_splits``. Raises ConvvizError.
    """
    shape = sample or (4, 2, 2)
    if len(shape) < 2:
        raise ConvvizError("a norm is shown on maps: channels and space, as in 4x2x2", "input")
    check_count(kind, "cells of the batch", SAMPLES * prod(shape), MOST_CELLS)
    asked = build(kind, fields_of(kind, fields, shape), len(shape) - 1).fields()
    eps = fields.get("eps")
    x = batch_of(shape, seed)
    check_fit(kind, x, asked, eps)
    ways = ways_of(x.shape, asked)
    store = Store()
    states: list[Json] = []
    at: list[int] = []
    labels: list[str] = []
    for title, method, settings in ways:
        try:
            result = normalize(x, method, eps=eps, **settings)
        except ConvvizError:
            continue
        at.append(len(states))
        labels.append(title)
        states.append(state_of(title, result, store))
    own = next(i for i, state in enumerate(states) if state["kind"] == kind and fits(state, asked))
    return {
        "page": "op",
        "name": kind,
        "title": "Normalization",
        "about": "Every cell is shifted and scaled by statistics of the set of cells it belongs to: that set is what "
        "tells the methods apart.",
        "knobs": [{"field": "method", "label": "method", "labels": labels, "slider": False}],
        "settings": at,
        "start": own,
        "states": states,
        "store": store.entries,
    }


def check_fit(kind: str, x: np.ndarray, asked: Mapping[str, Any], eps: float | None) -> None:
    """Raise ConvvizError where the norm that was asked for does not fit the batch."""
    try:
        normalize(x, NORMS[kind], eps=eps, groups=asked.get("num_groups"), splits=asked.get("num_splits"))
    except ConvvizError as err:
        names = {"groups": "num_groups", "splits": "num_splits"}
        raise ConvvizError(err.message, names.get(err.where, err.where)) from None


def fields_of(kind: str, fields: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """The caller's fields, with what the norm cannot do without."""
    two = {"group_norm": ("num_groups", shape[0]), "ghost_batch_norm": ("num_splits", SAMPLES)}
    if kind not in two:
        return dict(fields)
    name, n = two[kind]
    return {name: 2 if n % 2 == 0 else 1, **fields}


def batch_of(shape: Shape, seed: int) -> np.ndarray:
    """The batch of the examples, or one of the shape asked for, whose statistics come out whole."""
    full = (SAMPLES, *shape)
    methods = ("batch", "layer", "group", "instance")
    return preset("B") if full == (4, 4, 2, 2) and not seed else nice_batch(full, seed, methods).x


def ways_of(shape: Shape, asked: Mapping[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Every entry of the list of methods: what it says, and how it is worked out."""
    channels = shape[1]
    groups = dict.fromkeys([g for g in range(2, channels) if channels % g == 0][:4])
    groups |= dict.fromkeys([asked["num_groups"]] if "num_groups" in asked else [])
    splits = asked.get("num_splits", 2)
    found: list[tuple[str, str, dict[str, Any]]] = [
        ("Batch norm", "batch", {}),
        ("Batch norm, evaluation", "batch", {"mode": "eval"}),
        ("Layer norm", "layer", {}),
    ]
    found += [(f"Group norm, {words.count(g, 'group')}", "group", {"groups": g}) for g in sorted(groups)]
    found += [("Instance norm", "instance", {}), ("RMS norm", "rms", {})]
    return [*found, (f"Ghost batch norm, {words.count(splits, 'split')}", "ghost", {"splits": splits})]


def fits(state: Json, asked: Mapping[str, Any]) -> bool:
    """Whether a state has the groups that were asked for."""
    return all(state["fields"].get(name) == asked[name] for name in COUNTS if name in asked)


# -- one method -----------------------------------------------------------------------------------------
def state_of(title: str, result: Normalized, store: Store) -> Json:
    """All that is shown of one method."""
    op, batch = result.op, Batch(result)
    assert isinstance(op, Norm)
    shape = result.shape[1:]
    relations = op.shares(shape, mode=result.mode, batch=len(result.x))
    shares = Along(tuple(AxisRead(relation, axis) for axis, relation in enumerate(relations)))
    view = {
        "key": "norm",
        "title": "Statistics",
        "how": "norm",
        "plays": "output",
        "input": {
            "title": f"input {words.size(result.shape)}",
            "tensor": store.tensor(result.x),
            "pads": [[0, 0]] * result.x.ndim,
            "outside": store.add([]),
            "unused": store.add([]),
            "stuffed": [1] * result.x.ndim,
        },
        "kernel": None,
        "bias": None,
        "output": {"title": f"output {words.size(result.shape)}", "tensor": store.tensor(result.output)},
        "reads": store.add(reads_data(shares, result.shape)),
        "sources": None,
        "divisors": None,
        "labels": store.tensor(result.labels),
        "sets": [store.add(set_of(batch, s)) for s in batch.sets],
        "eps": words.number(result.eps),
    }
    return {
        "title": f"{title} on {words.size(result.shape)}: {words.count(len(batch.sets), 'set')} of statistics",
        "kind": op.kind,
        "fields": {name: value for name, value in op.fields().items() if name in COUNTS},
        "views": [view],
        "formulas": [store.add(dict(vars(formula))) for formula in norms.formulas(batch, False)],
        "facts": [list(fact) for fact in norms.facts(batch, True)],
        "notes": [store.add(note) for note in norms.notes(batch)],
        "torch": code(result, op),
        "yaml": yaml(op),
        "overlap": None,
    }


def set_of(batch: Batch, s: Set) -> Json:
    """A set's statistics, with the sums that they come from where they are these numbers' own."""
    live, centred = batch.result.live, batch.centred
    mean, var = words.number(s.shift), words.number(s.var)
    if live:
        mean, var = (
            f"{words.inner(s.sum)} / {s.size} = {mean}",
            f"{words.number(s.square_sum)} / {s.size} = {var}",
        )
    return {
        "name": s.title,
        "size": s.size,
        "live": live,
        "mean": mean if centred else None,
        "var": var,
        "root": f"√({words.number(s.var)} + {words.number(batch.result.eps)})",
        "shift": words.inner(s.shift) if centred else None,
    }


def code(result: Normalized, op: Norm) -> str:
    """The method in PyTorch, ready to run."""
    shape = result.shape[1:]
    made = op.torch(shape)
    mode = [] if result.mode == "train" else ["layer.eval()  # the running statistics"]
    sizes, call = ", ".join(map(str, result.shape)), made.call.format("x", self="layer")
    lines = ["import torch", "from torch import nn", "", f"layer = {made.module}", *mode, ""]
    return "\n".join([*lines, f"x = torch.randn({sizes})", f"y = {call}"])


def yaml(op: Norm) -> str:
    """The method in a model.yaml."""
    fields = ", ".join(f"{name}: {value}" for name, value in op.fields().items() if name in COUNTS)
    return f"- {op.kind}: {{{fields}}}" if fields else f"- {op.kind}"
