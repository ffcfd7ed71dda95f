"""Mistakes in who shares statistics: other sets of cells than the method's."""

from __future__ import annotations

from math import prod

import numpy as np

from convviz.analysis.mistakes.code import by_hand, module, module_affine
from convviz.analysis.mistakes.made import Made, Settings, all_space, one_for_all, remade
from convviz.analysis.mistakes.told import moments_listed
from convviz.analysis.norms.normalize import normalize
from convviz.analysis.norms.set_names import along
from convviz.errors import ConvvizError
from convviz.ops.base import Array, Shape, show
from convviz.ops.relations import SAME, Blocks, Relation, Table


def pixelwise(x: Array, method: str, settings: Settings) -> Made:
    if len(x) < 2:
        raise ConvvizError(
            f"pixelwise needs more than one sample: of {show(x.shape)} each value would be its own mean"
        )
    right = normalize(x, method, **settings)
    wrong = remade(right, (Blocks(len(x)), *(SAME,) * (x.ndim - 1)))
    told = (
        f"x.mean(0) has {len(wrong.shift)} numbers, one for each pixel of each channel; the norm keeps "
        f"{len(right.shift)}, one for each channel (running_mean has shape ({x.shape[1]},)).",
    )
    return Made(right, wrong, by_hand(right, (0,)), module(right), told)


def wrong_axis(x: Array, method: str, settings: Settings) -> Made:
    """Batch norm over layer norm's sets, layer norm over batch norm's, instance norm over layer norm's, and group norm
    over every G-th channel.
    """
    right = normalize(x, method, **settings)
    n, c = x.shape[:2]
    axes = tuple(range(x.ndim))
    view: Shape | None = None
    if method == "layer":
        relations: tuple[Relation, ...] = (Blocks(n), SAME, *all_space(x.shape))
        dims, told = (0, *axes[2:]), "are taken over the batch and space for each channel, as in batch norm"
    elif method == "group":
        groups = right.op.num_groups  # type: ignore[union-attr]
        rows = [range(g, c, groups) for g in range(groups)]
        relations = (SAME, Table(rows, 0), *all_space(x.shape))
        view, dims = (n, c // groups, groups, *x.shape[2:]), (1, *(i + 1 for i in axes[2:]))
        told = f"of group 0 are taken over {along('channel', rows[0])}, not over {along('channel', range(c // groups))}"
    else:
        relations = (SAME, *(Blocks(s) for s in x.shape[1:]))
        dims, told = axes[1:], "are taken over the channels and space for each sample, as in layer norm"
    wrong = remade(right, relations)
    sentence = (
        f"The statistics {told}. Mean and variance of each set are {moments_listed(wrong)} in place of "
        f"{moments_listed(right)}."
    )
    return Made(right, wrong, by_hand(right, dims, view=view), module(right), (sentence,))


def channels_last(x: Array, method: str, settings: Settings) -> Made:
    if x.ndim < 3:
        raise ConvvizError(f"channels-last needs space, and {show(x.shape)} has none")
    one_for_all("channels-last", settings)
    right = normalize(x, method, **settings)
    turned = normalize(np.moveaxis(x, 1, -1), method, **settings)
    assert turned.op is not None
    wrong = remade(right, (Blocks(len(x)), Blocks(x.shape[1]), SAME, *(Blocks(s) for s in x.shape[3:])))
    last = x.ndim - 1
    there, back = (0, *range(2, x.ndim), 1), (0, last, *range(1, last))
    code = (
        f"x = x.permute{there}  # channels last, as image files have them\n"
        f"norm = {turned.op.torch(turned.shape[1:]).module}\n"
        + "".join(f"{line}\n" for line in module_affine(turned))
        + f"y = norm(x).permute{back}"
    )
    first = {3: "position", 4: "row", 5: "slice"}[x.ndim]
    c, own = x.shape[1:3]
    noise = (
        "as many, so that nothing complains"
        if c == own
        else f"{c}, so that a module made for the channels raises"
    )
    told = (
        f"The module takes axis 1 for the channels, so each {first} has statistics of its own. There are {own} "
        f"{first}s; of channels there are {noise}.",
    )
    return Made(right, wrong, code, module(right), told)


def layernorm_rows(x: Array, method: str, settings: Settings) -> Made:
    if x.ndim < 3:
        raise ConvvizError(
            f"layernorm-rows needs space, and {show(x.shape)} has none: LayerNorm({x.shape[1]}) is right"
        )
    one_for_all("layernorm-rows", settings)
    right = normalize(x, method, **settings)
    wrong = remade(right, (*(SAME,) * (x.ndim - 1), Blocks(x.shape[-1])))
    width = x.shape[-1]
    extra = "" if right.eps == 1e-5 else f", eps={right.eps!r}"
    lines = [f"norm = nn.LayerNorm({width}{extra})"]
    for name in ("weight", "bias"):
        value = float(right.weights[name].flat[0])
        if value != (name == "weight"):
            lines.append(f"norm.{name}.data.fill_({value!r})")
    told = (
        f"LayerNorm({width}) keeps {width} weights, not {prod(x.shape[1:])}, and takes only the last axis: there are "
        f"{len(wrong.shift)} sets of {width} where layer norm has {len(right.shift)} of {prod(x.shape[1:])}. "
        f"The module for this batch is LayerNorm({list(x.shape[1:])}).",
    )
    return Made(right, wrong, "\n".join([*lines, "y = norm(x)"]), module(right), told)


def ghost_view(x: Array, method: str, settings: Settings) -> Made:
    right = normalize(x, method, **settings)
    splits, n, c = right.op.num_splits, *x.shape[:2]  # type: ignore[union-attr]
    strided = Table([range(j, n, splits) for j in range(splits)], 0)
    wrong = remade(right, (strided, SAME, *all_space(x.shape)))
    big = (n // splits, c * splits, *x.shape[2:])
    code = (
        f"norm = nn.BatchNorm{max(x.ndim - 2, 1)}d({splits * c}{'' if right.eps == 1e-5 else f', eps={right.eps!r}'})\n"
        + "".join(
            f"norm.{name}.data = torch.tensor({np.tile(right.weights[name], splits).tolist()})\n"
            for name, start in (("weight", 1.0), ("bias", 0.0))
            if np.any(right.weights[name] != start)
        )
        + f"y = norm(x.view(-1, {', '.join(map(str, big[1:]))})).view(x.shape)"
    )
    told = (
        f"view(-1, C*splits, ...) puts sample i into split i mod {splits}: {along('sample', range(0, n, splits))} "
        f"share, where split 0 has {along('sample', range(n // splits))}. It raises where the batch does not divide, "
        "and on channels-last memory.",
    )
    return Made(right, wrong, code, module(right), told)
