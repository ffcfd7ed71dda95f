"""A net with another norm, or another dropout, in the place of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convviz.errors import ConvvizError, FieldError, nearest
from convviz.graph import Graph, GraphBuilder
from convviz.ops.base import Op, build, shorten
from convviz.ops.norm import Norm

# What people write, and the op that it is. `:n` sets the op's scalar: groups, splits.
NORMS = {
    "batch": "batch_norm",
    "layer": "layer_norm",
    "group": "group_norm",
    "instance": "instance_norm",
    "ghost": "ghost_batch_norm",
    "rms": "rms_norm",
}
WITHOUT = "without"  # leave the norms, or the dropout, out
SCALARS = {"group_norm": 2, "ghost_batch_norm": 2}  # how many groups or splits where none are told
DROPOUTS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout")


def check_norm(name: str, value: Any) -> str:
    """``batch``, ``group:2``, ``ghost_batch_norm:4``, ``without`` ... as the op's own name and its scalar."""
    word, colon, count = _text(name, value).partition(":")
    kind = NORMS.get(word, word)
    if kind == WITHOUT and not colon:
        return kind
    if kind not in NORMS.values():
        known = (*NORMS, *NORMS.values(), WITHOUT)
        raise FieldError(name, f"no norm {word!r}{nearest(word, known)} ({', '.join((*NORMS, WITHOUT))})")
    if kind not in SCALARS:
        if colon:
            raise FieldError(name, f"{kind} takes no number, got {shorten(value)}")
        return kind
    if colon and not (count.isascii() and count.isdigit() and len(count) < 9 and int(count) > 0):
        raise FieldError(name, f"must be a whole number above 0 behind the colon, got {shorten(value)}")
    return f"{kind}:{int(count) if count else SCALARS[kind]}"


def check_dropout(name: str, value: Any) -> str:
    """``dropout:0.1``, ``dropout2d`` (the net's own rates), ``0.1`` (the net's own kind) or ``without``."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value:g}"
    word, colon, rate = _text(name, value).partition(":")
    if word == WITHOUT and not colon:
        return word
    if word not in DROPOUTS:
        if colon or _rate(word) is None:
            known = (*DROPOUTS, WITHOUT)
            raise FieldError(
                name, f"no dropout {word!r}{nearest(word, known)} ({', '.join(known)}, or a rate)"
            )
        return f"{_rate(word):g}"
    if not colon:
        return word
    if _rate(rate) is None:
        raise FieldError(name, f"must be a rate from 0 to below 1 behind the colon, got {shorten(value)}")
    return f"{word}:{_rate(rate):g}"


def _rate(word: str) -> float | None:
    try:
        rate = float(word)
    except ValueError:
        return None
    return rate if 0 <= rate < 1 else None


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise FieldError(name, f"must be a name such as batch or group:2, got {shorten(value)}")
    return value.strip().lower()


def varied(graph: Graph, norm: str | None = None, dropout: str | None = None) -> Graph:
    """``graph`` with its norms and its dropouts replaced, or left out (``without``); names of the others stay.

    A node keeps its name where its op's kind stays, and carries the new kind's where it changes, so that
    ``unit1.batch_norm1`` becomes ``unit1.group_norm1``. Raises ConvvizError where the net has none to replace,
    and where the new op does not fit (7 channels in 2 groups).
    """
    out = graph
    if norm is not None:
        out = _replaced(out, lambda op: isinstance(op, Norm), check_norm("norm", norm), "norm")
    if dropout is not None:
        out = _replaced(out, lambda op: op.kind in DROPOUTS, check_dropout("dropout", dropout), "dropout")
    return out


def _replaced(graph: Graph, meant: Callable[[Op], bool], wanted: str, what: str) -> Graph:
    if not any(meant(node.op) for node in graph):
        raise ConvvizError(f"{graph.name} has no {what} to replace", what)
    names = {name: name for name in graph.inputs}
    taken = {*graph.inputs, *graph.by_name}
    build_up = GraphBuilder(graph.name, graph.inputs, {**graph.meta, "variant": wanted})
    for node in graph:
        inputs = [names[source] for source in node.inputs]
        if not meant(node.op):
            shared = names[node.shares] if node.shares else None
            build_up.add(node.name, node.op, inputs, node.where, shared, node.trained)
            names[node.name] = node.name
            continue
        if wanted == WITHOUT:
            names[node.name] = inputs[0]
            continue
        op = _op(wanted, node.op)
        name = _renamed(node.name, node.op.kind, op.kind, taken)
        build_up.add(name, op, inputs, node.where, names[node.shares] if node.shares else None)
        names[node.name] = name
    return build_up.build([names[name] for name in graph.outputs])


def _renamed(name: str, old: str, new: str, taken: set[str]) -> str:
    """``unit1.batch_norm1`` as ``unit1.group_norm1``, or ``unit1.group_norm1_2`` where the net has that already."""
    path, dot, own = name.rpartition(".")
    found = stem = path + dot + own.replace(old, new)
    if found == name:
        return name
    number = 1
    while found in taken:
        number += 1
        found = f"{stem}_{number}"
    taken.add(found)
    return found


def _op(wanted: str, old: Op) -> Op:
    word, _, number = wanted.partition(":")
    if isinstance(old, Norm):
        fields: dict[str, Any] = {}
        if word == "group_norm":
            fields["num_groups"] = int(number)
        elif word == "ghost_batch_norm":
            fields["num_splits"] = int(number)
        if word == "instance_norm":
            fields["affine"] = True  # so that every norm learns a scale and a shift of each channel
        return build(word, fields)
    rate = getattr(old, "p", None)
    if word not in DROPOUTS:
        return build(old.kind, {"p": float(word)})
    return build(word, {"p": float(number) if number else rate})
