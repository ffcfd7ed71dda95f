"""What a recipe of a mistake gives, and the right answer's arithmetic made anew over other sets or moments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from convviz.analysis.norms.normalize import Normalized, labels_of
from convviz.errors import ConvvizError
from convviz.ops.base import Array, Shape
from convviz.ops.relations import Blocks, Relation

Settings = dict[str, Any]


class Made(NamedTuple):
    """Both answers, torch's code of both, and what else tells the mistake."""

    right: Normalized
    wrong: Normalized
    wrong_code: str
    right_code: str
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """A mistake: what it is, the methods in which it can be made, its recipe. evaluates: it is about evaluation mode.
    needs: what a batch must be like for it to change anything.
    """

    what: str
    methods: tuple[str, ...]
    make: Callable[[Array, str, Settings], Made]
    evaluates: bool = False
    needs: str = ""


def remade(
    right: Normalized,
    relations: Sequence[Relation] | None = None,
    *,
    moments: tuple[Array, Array] | None = None,
    root: Callable[[Array, float], Array] = lambda var, eps: np.sqrt(var + eps),
) -> Normalized:
    """The right answer's arithmetic over other sets, with other moments (by label), or over another root."""
    labels = right.labels if relations is None else labels_of(relations, right.shape)
    mean, var = moments or (
        (np.array(right.shift), np.array(right.var)) if relations is None else moments_of(right.x, labels)
    )
    scale = root(var, right.eps)
    normalized = (right.x - mean[labels]) / scale[labels]
    shift = tuple(mean.tolist())
    return replace(
        right, labels=labels, mean=shift, var=tuple(var.tolist()), shift=shift, scale=tuple(scale.tolist()),
        normalized=normalized, output=affined(right, normalized), updates=(),
    )  # fmt: skip


def moments_of(x: Array, labels: Array) -> tuple[Array, Array]:
    """Mean and biased variance by label."""
    flat, cells = labels.ravel(), np.bincount(labels.ravel())
    mean = np.bincount(flat, x.ravel()) / cells
    return mean, np.bincount(flat, ((x - mean[labels]) ** 2).ravel()) / cells


def affined(right: Normalized, normalized: Array) -> Array:
    """gamma and beta of the right answer applied."""
    assert right.op is not None
    shape = right.op.affine_shape(right.shape[1:]) or ()
    for name, apply in (("weight", np.multiply), ("bias", np.add)):
        if name in right.weights:
            normalized = apply(normalized, right.weights[name].reshape(shape))
    return normalized


def all_space(shape: Shape) -> tuple[Relation, ...]:
    """All of space shares."""
    return tuple(Blocks(n) for n in shape[2:])


def one_for_all(name: str, settings: Settings) -> None:
    """Raise where gamma or beta has several numbers, which the wrong module has no place for."""
    for word in ("gamma", "beta"):
        if settings.get(word) is not None and np.size(settings[word]) > 1:
            raise ConvvizError(
                f"{name} takes one number: the wrong module's weights have another shape", word
            )
