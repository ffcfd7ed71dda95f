"""The data of a norm's page: one batch, every method on it, and for each the sets of cells that share statistics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from convviz.analysis.norms.batches import nice_batch, preset
from convviz.analysis.norms.normalize import Normalized, normalize
from convviz.errors import ConvvizError
from convviz.explorer.knobs import SIZE, Knob, place, sizes, start
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
EVALUATION = "batch norm, evaluation"
METHODS = (
    "batch norm",
    EVALUATION,
    "layer norm",
    "group norm",
    "instance norm",
    "rms norm",
    "ghost batch norm",
)
DEFAULT = "default"
EPS = (DEFAULT, "0.1", "1", "10")
GAMMA, BETA = 2.0, 1.0  # of the affine that a reader can switch on
AFFINE = ("×1 + 0", f"×{GAMMA:g} + {BETA:g}")  # as it is before training, and as it might be afterwards
ABOUT = (
    "Every cell is shifted and scaled by statistics of the set of cells it belongs to: that set is what tells the "
    "methods apart. Point at a cell to see its set."
)


def norm_data(kind: str, fields: Mapping[str, Any], sample: Shape | None = None, seed: int = 0) -> Json:
    """The page of a norm: the reader turns the method and the batch (at first 4 samples of ``sample``: C, *space).

    fields: ``eps``, ``num_groups`` or ``num_splits``. Raises ConvvizError.
    """
    shape = sample or (4, 2, 2)
    if len(shape) < 2:
        raise ConvvizError("a norm is shown on maps: channels and space, as in 4x2x2", "input")
    check_count(kind, "cells of the batch", SAMPLES * prod(shape), MOST_CELLS)
    asked = build(kind, fields_of(kind, fields, shape), len(shape) - 1).fields()
    batches = {(SAMPLES, *shape): batch_of((SAMPLES, *shape), seed)}
    check_fit(kind, batches[SAMPLES, *shape], asked, fields.get("eps"))
    found = knobs_of(kind, asked, fields.get("eps"), shape)
    store, states = Store(), list[Json]()
    at: dict[str, int] = {}
    for number, chosen in chosen_of(found):
        full = (chosen["samples"], chosen["channels"], *chosen[SIZE])
        if prod(full) > MOST_CELLS:
            continue
        if full not in batches:
            batches[full] = nice_batch(full, seed).x  # of one method: a search for all would take seconds
        try:
            result = normalize(batches[full], **method_of(chosen, fields.get("eps")))
        except ConvvizError:
            continue  # groups or splits that do not divide: the other knobs go along
        at[str(number)] = len(states)
        states.append(state_of(chosen, result, store))
    return {
        "page": "op",
        "name": kind,
        "title": "Normalization",
        "about": ABOUT,
        "knobs": [knob.data() for knob in found],
        "settings": at,
        "refused": {},
        "start": start(found),
        "states": states,
        "store": store.entries,
    }


# -- what can be turned -----------------------------------------------------------------------------------
def knobs_of(kind: str, asked: Mapping[str, Any], eps: float | None, shape: Shape) -> list[Knob]:
    """Method, sets, eps, affine and the batch; those of the caller's norm come first."""
    groups = tuple(g for g in range(1, shape[0] + 1) if shape[0] % g == 0)
    own = asked.get("num_groups", 2 if 2 in groups else 1)
    splits = asked.get("num_splits", 2)
    method = "layer norm" if kind == "layer_norm" else kind.replace("_", " ")
    exact = DEFAULT if eps is None else words.number(eps)
    space = tuple(shape[1:])
    ranges: dict[str, tuple[tuple[Any, ...], Any]] = {
        "method": (METHODS, method),
        "num_groups": (tuple(sorted({*groups[:6], 1, own, *groups[-1:]})), own),
        "num_splits": (tuple(sorted({1, 2, 4, splits})), splits),
        "samples": ((1, 2, SAMPLES), SAMPLES),
        "channels": (tuple(sorted({2, 4, 6, shape[0]})), shape[0]),
        SIZE: (tuple(s for s in sizes(space) if max(s) <= max(3, *space)), space),
        "eps": (EPS if exact in EPS else (exact, *EPS), exact),
        "affine": (AFFINE, AFFINE[0]),
    }
    return [Knob(name, values, values.index(first)) for name, (values, first) in ranges.items()]


def chosen_of(found: Sequence[Knob]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every setting with its number: each method with one other knob turned, or with eps and the affine."""
    together = [("num_groups", "channels"), ("num_splits", "samples"), ("samples",), ("channels",), (SIZE,)]
    seen = set()
    for fields in [(), *together, ("eps", "affine")]:
        free = {"method", *fields}
        ranges = [range(len(k.values)) if k.field in free else [k.start] for k in found]
        for at in product(*ranges):
            chosen = {knob.field: knob.values[i] for knob, i in zip(found, at, strict=True)}
            number = place(found, at)
            if number not in seen and has_own(found, chosen):
                seen.add(number)
                yield number, chosen


def has_own(found: Sequence[Knob], chosen: Mapping[str, Any]) -> bool:
    """Whether the knobs of one method stand where they did with all others: turning them leads to that method."""
    method = {"num_groups": "group norm", "num_splits": "ghost batch norm"}
    return all(
        knob.field not in method
        or chosen[knob.field] == knob.values[knob.start]
        or chosen["method"] == method[knob.field]
        for knob in found
    )


def method_of(chosen: Mapping[str, Any], eps: float | None) -> dict[str, Any]:
    """The settings of :func:`normalize` for what the knobs say."""
    method = chosen["method"]
    if chosen["eps"] != DEFAULT and chosen["eps"] in EPS:
        eps = float(chosen["eps"])
    elif chosen["eps"] == DEFAULT:
        eps = None
    found: dict[str, Any] = {
        "method": NORMS[method.removesuffix(", evaluation").replace(" ", "_")],
        "eps": eps,
    }
    if method == EVALUATION:
        found["mode"] = "eval"
    if method == "group norm":
        found["groups"] = chosen["num_groups"]
    if method == "ghost batch norm":
        found["splits"] = chosen["num_splits"]
    if chosen["affine"] != AFFINE[0]:
        found |= {"gamma": GAMMA} | ({} if method == "rms norm" else {"beta": BETA})
    return found


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


def batch_of(full: Shape, seed: int) -> np.ndarray:
    """The batch of the examples, or one of the shape asked for, whose statistics come out whole."""
    methods = ("batch", "layer", "group", "instance")
    return preset("B") if full == (4, 4, 2, 2) and not seed else nice_batch(full, seed, methods).x


# -- one method -----------------------------------------------------------------------------------------
def state_of(chosen: Mapping[str, Any], result: Normalized, store: Store) -> Json:
    """All that is shown of one setting; numbers stand for entries of the store."""
    op, batch = result.op, Batch(result)
    assert isinstance(op, Norm)
    shape = result.shape[1:]
    relations = op.shares(shape, mode=result.mode, batch=len(result.x))
    shares = Along(tuple(AxisRead(relation, axis) for axis, relation in enumerate(relations)))
    size = words.size(result.shape)
    given = {
        "title": f"input {size}",
        "tensor": store.tensor(result.x),
        "pads": [[0, 0]] * result.x.ndim,
        "outside": store.add([]),
        "unused": [[]] * result.x.ndim,
        "stuffed": [1] * result.x.ndim,
    }
    affine = chosen["affine"] != AFFINE[0]
    view = {
        "frame": store.add({"key": "norm", "title": "Statistics", "how": "norm", "plays": "output"}),
        "input": store.add(given),
        "output": store.add({"title": f"output {size}", "tensor": store.tensor(result.output)}),
        "reads": store.add(reads_data(shares, result.shape)),
        "labels": store.tensor(result.labels),
        "sets": [store.add(set_of(batch, s)) for s in batch.sets],
        "eps": words.number(result.eps),
        "gamma": words.number(GAMMA) if affine else None,
        "beta": words.number(BETA) if affine and "bias" in result.weights else None,
    }
    counts = {name: value for name, value in op.fields().items() if name in COUNTS}
    aside = "".join(f", {words.count(n, name.removeprefix('num_')[:-1])}" for name, n in counts.items())
    method = chosen["method"][0].upper() + chosen["method"][1:].replace("ms norm", "MS norm")
    return {
        "title": store.add(f"{method}{aside} on {size}: {words.count(len(batch.sets), 'set')} of statistics"),
        "kind": op.kind,
        "fields": counts,
        "views": [store.add(view)],
        "formulas": [store.add(dict(vars(formula))) for formula in norms.formulas(batch, False)],
        "facts": store.add([list(fact) for fact in norms.facts(batch, True)]),
        "notes": [store.add(note) for note in norms.notes(batch)],
        "torch": [store.add(line) for line in code(result, op, affine)],
        "yaml": store.add(yaml(op)),
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


def code(result: Normalized, op: Norm, affine: bool) -> list[str]:
    """The method in PyTorch, line by line, ready to run."""
    made = op.torch(result.shape[1:])
    lines = ["import torch", "from torch import nn", "", f"layer = {made.module}"]
    if affine:
        values = (("weight", GAMMA), ("bias", BETA))
        lines += [f"nn.init.constant_(layer.{n}, {v:g})" for n, v in values if n in result.weights]
    if result.mode == "eval":
        lines.append("layer.eval()  # the running statistics")
    sizes, call = ", ".join(map(str, result.shape)), made.call.format("x", self="layer")
    return [*lines, "", f"x = torch.randn({sizes})", f"y = {call}"]


def yaml(op: Norm) -> str:
    """The method in a model.yaml."""
    fields = ", ".join(f"{name}: {value}" for name, value in op.fields().items() if name in COUNTS)
    return f"- {op.kind}: {{{fields}}}" if fields else f"- {op.kind}"
