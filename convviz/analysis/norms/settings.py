"""Which norm is meant: a method's name, and its settings, as an op with its weights."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from convviz.analysis.norms.checks import Unfit, check_splits, numbers
from convviz.analysis.norms.scaling import SCALINGS
from convviz.errors import ConvvizError, nearest
from convviz.ops.base import Array, Shape, build
from convviz.ops.norm import Norm

METHODS = {
    "batch": "batch_norm",
    "layer": "layer_norm",
    "group": "group_norm",
    "instance": "instance_norm",
    "rms": "rms_norm",
    "ghost": "ghost_batch_norm",
}  # as the command line names them: the op
ALIASES = {"bn": "batch", "ln": "layer", "gn": "group", "in": "instance", "gbn": "ghost", "rn": "rms"} | {
    op: name for name, op in METHODS.items()
}


def method_of(name: str) -> str:
    """A method by its name, its short name or its op's: ``bn``, ``batch`` and ``batch_norm`` are one.

    >>> method_of("gbn"), method_of("layer_norm"), method_of("minmax")
    ('ghost', 'layer', 'minmax')
    """
    word = str(name).strip().lower().replace("-", "_")
    word = ALIASES.get(word, word)
    known = [*METHODS, *SCALINGS]
    if word not in known:
        raise ConvvizError(
            f"no method {name!r}{nearest(word, [*known, 'all', *ALIASES])} (there are {', '.join(known)})"
        )
    return word


def op_of(
    name: str, shape: Shape, groups: int | None, splits: int | None, eps: float | None, momentum: float | None,
    affine: bool,
) -> Norm:  # fmt: skip
    """The op of a method, with torch's defaults."""
    fields: dict[str, Any] = {} if eps is None else {"eps": eps}
    if isinstance(eps, int | float) and abs(eps) > 1e300:  # an integer may be no float at all
        raise ConvvizError("must be a number from 0 to 1e300", "eps")
    rank = len(shape) - 2
    if name == "group":
        fields["num_groups"] = (2 if shape[1] % 2 == 0 else 1) if groups is None else groups
    if name == "ghost":
        fields["num_splits"] = (2 if shape[0] % 2 == 0 else 1) if splits is None else splits
    if name in ("batch", "ghost"):
        fields["momentum"] = momentum
    if name == "instance":
        fields["affine"] = affine  # torch leaves it off unless asked
    try:
        op = build(METHODS[name], fields, max(rank, 1))
        assert isinstance(op, Norm)
    except ConvvizError as err:
        words = {"num_groups": "groups", "num_splits": "splits"}
        raise ConvvizError(err.message, words.get(err.where, err.where)) from None
    try:
        op.shape(shape[1:])
    except ConvvizError as err:
        if err.where == "num_groups":
            raise ConvvizError(err.message, "groups") from None
        raise Unfit(err.message, err.where) from None
    check_splits(op, shape[0])
    return op


def affine(op: Norm, shape: Shape, gamma: Any, beta: Any) -> dict[str, Array]:
    """gamma and beta as torch's ``weight`` and ``bias``."""
    names = op.weights(shape)
    if beta is not None and "bias" not in names and np.any(np.asarray(beta, dtype=object) != 0):
        raise ConvvizError(f"{op.kind} has no beta; leave it out", "beta")
    found = {}
    for key, word, given, default in (("weight", "gamma", gamma, 1.0), ("bias", "beta", beta, 0.0)):
        if key in names:
            found[key] = spread(default if given is None else given, names[key], shape, word)
    return found


def spread(given: Any, own: Shape, shape: Shape, word: str) -> Array:
    """One number, one for each channel, or one for each weight, in the weights' shape."""
    values = numbers(given, word).ravel()
    if values.size not in (1, shape[0], prod(own)):
        sizes = " or ".join(str(n) for n in dict.fromkeys((1, shape[0], prod(own))))
        raise ConvvizError(f"must have {sizes} number{'s' * (sizes != '1')}, got {values.size}", word)
    if values.size == prod(own):
        return values.reshape(own)
    if values.size == 1:
        return np.broadcast_to(values, own).copy()
    return np.broadcast_to(values.reshape(-1, *(1,) * (len(own) - 1)), own).copy()
