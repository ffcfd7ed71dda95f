"""Mistakes in the formula: the divisor of the variance, its root, eps, and the shape of gamma and beta."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from convviz.analysis.mistakes.code import by_hand, module, module_affine
from convviz.analysis.mistakes.made import Made, Settings, remade
from convviz.analysis.mistakes.told import apart, figure
from convviz.analysis.norms.normalize import Normalized, normalize
from convviz.analysis.norms.set_names import names_of
from convviz.errors import ConvvizError
from convviz.ops.base import Array, Shape, show

RATE = 0.5  # of the one step of SGD after which two affines part


def own_dims(right: Normalized) -> tuple[tuple[int, ...], Shape | None]:
    """The axes of the right statistics, and the view in which they are axes (None: the batch itself)."""
    axes = tuple(range(right.x.ndim))
    if right.method == "group":
        return (2,), (right.shape[0], right.op.num_groups, -1)  # type: ignore[union-attr]
    return {"batch": (0, *axes[2:]), "layer": axes[1:], "instance": axes[2:]}[right.method], None


def unbiased(x: Array, method: str, settings: Settings) -> Made:
    right = normalize(x, method, **settings)
    cells = np.bincount(right.labels.ravel())
    if cells.min() < 2:
        raise ConvvizError(
            f"unbiased divides by m - 1, and {names_of(right)[int(cells.argmin())]} has one cell"
        )
    var = np.array([right.unbiased(k) for k in range(len(cells))])
    wrong = remade(right, moments=(np.array(right.shift), var))
    dims, view = own_dims(right)
    m = int(cells[0])
    assert right.var is not None
    told = (
        f"The variance of {names_of(right)[0]} is {figure(var[0])} = {m}/{m - 1} of {figure(right.var[0])}, so its "
        f"output is smaller by the factor sqrt({m - 1}/{m}) = {figure(float(np.sqrt((m - 1) / m)))} (eps aside). "
        "torch's x.var() divides by m - 1 unless told; the norm does so only for the running variance.",
    )
    code = by_hand(right, dims, view=view, var="x.var(dim, keepdim=True)  # torch divides by m - 1")
    return Made(right, wrong, code, module(right), told)


def no_root(x: Array, method: str, settings: Settings) -> Made:
    right = normalize(x, method, **settings)
    wrong = remade(right, root=lambda var, eps: var + eps)
    assert right.var is not None
    var = np.array(right.var)
    k = int(np.argmax(np.abs(var - 1) * (var > 0)))
    told = (
        f"Divided by the variance {figure(right.var[k])}, not by its root {figure(right.scale[k])}, the numbers of "
        f"{names_of(right)[k]} have the unit 1/x, and their variance becomes 1/{figure(right.var[k])}.",
    )
    dims, view = own_dims(right)
    return Made(right, wrong, by_hand(right, dims, view=view, root="(var + {eps})"), module(right), told)


def eps_outside(x: Array, method: str, settings: Settings) -> Made:
    right = normalize(x, method, **settings)
    wrong = remade(right, root=lambda var, eps: np.sqrt(var) + eps)
    if min(wrong.scale) == 0:
        raise ConvvizError("eps-outside needs an eps above 0 where all values of a set are equal", "eps")
    assert right.var is not None
    k = int(np.argmin(right.var))
    made, due = apart(wrong.scale[k], right.scale[k])
    told = (
        f"With eps = {right.eps:g} the divisor of {names_of(right)[k]} is {due} right and "
        f"{made} wrong. It matters where the variance is near eps or below it: at variance 0 the "
        f"divisor is sqrt(eps) = {float(np.sqrt(right.eps)):.3g} right and eps = {right.eps:.3g} wrong.",
    )
    dims, view = own_dims(right)
    return Made(
        right, wrong, by_hand(right, dims, view=view, root="(torch.sqrt(var) + {eps})"), module(right), told
    )


def layer_as_group(x: Array, method: str, settings: Settings) -> Made:
    """``LayerNorm([C, H, W])`` replaced by ``GroupNorm(1, C)``, after one training step of each."""
    if x.ndim < 3 or prod(x.shape[2:]) == 1:
        raise ConvvizError(
            f"layer-as-group needs space of more than one cell, and {show(x.shape)} has none: both affines agree"
        )
    c = x.shape[1]
    settings.pop("groups", None)
    for word, start in (("gamma", 1.0), ("beta", 0.0)):
        if settings.get(word) is None:
            settings[word] = start
    before = normalize(x, "layer", **settings), normalize(x, "group", groups=1, **settings)
    axes = tuple(range(2, x.ndim))

    def stepped(start: Normalized, shares: tuple[int, ...]) -> Settings:
        """gamma and beta after one step on half the sum over channels of the mean square of y."""
        cells = x.size // c
        slopes = {"weight": start.output * start.normalized / cells, "bias": start.output / cells}
        new = {name: start.weights[name] - RATE * slope.sum((0, *shares)) for name, slope in slopes.items()}
        return settings | {"gamma": new["weight"].ravel(), "beta": new["bias"].ravel()}

    right = normalize(x, "layer", **stepped(before[0], ()))
    wrong = normalize(x, "group", groups=1, **stepped(before[1], axes))
    step = [
        f"loss = norm(x).square().mean({(0, *axes)}).sum() / 2",
        "loss.backward()",
        f"torch.optim.SGD(norm.parameters(), lr={RATE}).step()",
        "y = norm(x)",
    ]
    codes = []
    for first in before[::-1]:
        assert first.op is not None
        codes.append(
            "\n".join([f"norm = {first.op.torch(x.shape[1:]).module}", *module_affine(first), *step])
        )
    told = (
        f"At the start both give the same output, but LayerNorm has {right.params} parameters and GroupNorm(1, {c}) "
        f"has {wrong.params}; after one step of SGD (rate {RATE}) gamma at (0, {', '.join('0' for _ in axes)}) is "
        f"{figure(right.weights['weight'].flat[0])} in one and {figure(wrong.weights['weight'].flat[0])} in the other. "
        "A state_dict of one does not load into the other.",
    )
    return Made(right, replace(wrong, method="layer"), codes[0], codes[1], told)
