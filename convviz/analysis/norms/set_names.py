"""What the sets of cells that share statistics are called: ``channel 0``, ``sample 2, channels 0 to 1``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convviz.analysis.norms.normalize import Normalized
from convviz.analysis.norms.scaling import Scaling
from convviz.ops.base import Array
from convviz.ops.relations import SAME

SPACE = {1: ("position",), 2: ("row", "column"), 3: ("slice", "row", "column")}
LISTED = 4  # places that are named one by one


def axis_names(ndim: int) -> tuple[str, ...]:
    """The axes of a batch (N, C, *space)."""
    return ("sample", "channel", *SPACE.get(ndim - 2, ()))


def members(labels: Array) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """For each label, which indices along each axis its cells have.

    >>> members(np.array([[0, 1], [0, 1]]))[1]
    ((0, 1), (1,))
    """
    flat = labels.ravel()
    order = np.argsort(flat, kind="stable")
    cuts = np.flatnonzero(np.diff(flat[order])) + 1
    places = np.unravel_index(order, labels.shape)
    by_axis = [np.split(place, cuts) for place in places]
    return tuple(
        tuple(tuple(np.unique(part[k]).tolist()) for part in by_axis) for k in range(len(by_axis[0]))
    )


def set_names(labels: Array, kept: Sequence[int] = ()) -> tuple[str, ...]:
    """The name of each set: the axes that it does not cover, and the axes ``kept`` anyway.

    >>> set_names(np.arange(4).repeat(4).reshape(4, 1, 2, 2))[3], set_names(np.zeros((4, 1, 2, 2), int))
    ('sample 3', ('all cells',))
    """
    names = axis_names(labels.ndim)
    found = []
    for axes in members(labels):
        told = [
            along(name, own)
            for axis, (name, own, n) in enumerate(zip(names, axes, labels.shape, strict=True))
            if len(own) < n or axis in kept
        ]
        found.append(", ".join(told) or "all cells")
    return tuple(found)


def names_of(result: Normalized) -> tuple[str, ...]:
    """The name of each set of a normalized batch, by label.

    >>> from convviz.analysis.norms.batches import preset
    >>> from convviz.analysis.norms.normalize import normalize
    >>> names_of(normalize(preset("B"), "group"))[3], names_of(normalize(preset("A")))
    ('sample 1, channels 2 to 3', ('channel 0',))
    """
    if result.op is None:
        assert isinstance(result.rule, Scaling)
        relations = result.rule.shares(result.shape)
    elif not result.live:
        return set_names(result.labels, (1,))
    else:
        relations = result.op.shares(result.shape[1:], mode=result.mode, batch=len(result.x))
    return set_names(result.labels, [axis for axis, relation in enumerate(relations) if relation == SAME])


def along(name: str, places: Sequence[int]) -> str:
    """``rows 0 to 2``, ``samples 0 and 2``."""
    first, last = places[0], places[-1]
    if len(places) == 1:
        return f"{name} {first}"
    step = places[1] - first
    if len(places) == 2 and step > 1:
        return f"{name}s {first} and {last}"
    if len(places) == 2 or list(places) == list(range(first, last + 1)):
        return f"{name}s {first} to {last}"
    if len(places) <= LISTED:
        return f"{name}s {', '.join(map(str, places[:-1]))} and {last}"
    return f"{name}s {', '.join(map(str, places[:3]))} … {last}"
