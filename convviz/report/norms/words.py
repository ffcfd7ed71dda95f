"""Normalization in words and formulas: names, who shares, and the arithmetic of one set and one cell spelled out."""

from __future__ import annotations

import numpy as np

from convviz.analysis.norms.normalize import Normalized
from convviz.analysis.norms.scaling import Scaling
from convviz.plan.pieces import joined
from convviz.plan.words import TIMES, count, inner, number, size

NAMES = {
    "batch": "Batch norm",
    "layer": "Layer norm",
    "group": "Group norm",
    "instance": "Instance norm",
    "rms": "RMS norm",
    "ghost": "Ghost batch norm",
    "pixel": "Pixels to 0..1",
    "center": "Centred pixels",
    "standardize": "Standardized pixels",
    "minmax": "Min-max scaled pixels",
}
SHARE = {
    "batch": "each channel, over all samples and all of space",
    "layer": "each sample, over all channels and all of space",
    "group": "each group of channels of each sample, over space",
    "instance": "each channel of each sample, over space",
    "rms": "each sample, over all channels and all of space",
    "ghost": "each channel of each part of the batch, over space",
}
OVER = {"image": "each image", "channel": "each channel of the data set", "dataset": "the whole data set"}
SPREAD = {  # what the divisor is, in symbols
    "center": "1", "minmax": "greatest − least", "rms": "√(mean of x² + eps)",
}  # fmt: skip


def headline(result: Normalized) -> str:
    """``Batch norm in training on 4×1×2×2``"""
    name = NAMES[result.method]
    if isinstance(result.rule, Scaling):
        over = "" if result.method == "pixel" else f" over {OVER[result.rule.over]}"
        return f"{name}{over}: {size(result.shape)}"
    parts = {"num_groups": "group", "num_splits": "part"}
    fields = result.rule.fields()
    more = "".join(f" with {count(fields[key], word)}" for key, word in parts.items() if key in fields)
    mode = "" if not result.buffers else " in evaluation" if not result.live else " in training"
    return f"{name}{more}{mode} on {size(result.shape)}"


def rule_text(result: Normalized) -> str:
    """The rule in symbols with its constants."""
    if result.method == "pixel":
        return "y = x / 255"
    spread = SPREAD.get(result.method, "√(variance + eps)" if result.eps else "√variance")
    spread = spread + " + eps" * (result.method == "minmax" and result.eps > 0)
    mean = {"minmax": "least", "rms": ""}.get(result.method, "mean")
    top = "x − mean" if spread == "1" else f"(x − {mean})" if mean else "x"
    text = f"y = {top}" + ("" if spread == "1" else f" / {spread if spread[0] == '√' else f'({spread})'}")
    text += f" {TIMES} gamma" * ("weight" in result.weights) + " + beta" * ("bias" in result.weights)
    if "eps" in text:
        text += f";  eps = {number(result.eps)}"
        text += " (that of the numbers' type)" * (getattr(result.rule, "eps", 0) is None)
    return text


def shares(result: Normalized) -> str:
    """Who shares statistics, in words."""
    if isinstance(result.rule, Scaling):
        return "all numbers: a byte is at most 255" if result.method == "pixel" else OVER[result.rule.over]
    if not result.live:
        return "the running ones of each channel, which training left"
    return SHARE[result.method]


def mean_text(result: Normalized, k: int, full: bool) -> str:
    """``(0 + 2 + 2 + 0) / 4 = 4 / 4 = 1``"""
    total = listed([inner(v) for v in members(result, k)], full)
    cells = result.cells[k]
    return f"({total}) / {cells} = {number(result.sums[k])} / {cells} = {number(result.shift[k])}"


def variance_text(result: Normalized, k: int, full: bool) -> str:
    """``((0 − 1)² + (2 − 1)²) / 2 = 2 / 2 = 1``; without a mean, of the values themselves."""
    assert result.var is not None
    shift = inner(result.shift[k])
    terms = [
        f"{inner(v)}²" if result.mean is None else f"({number(v)} − {shift})²" for v in members(result, k)
    ]
    cells = result.cells[k]
    total = number(result.square_sums[k])
    return f"({listed(terms, full)}) / {cells} = {total} / {cells} = {number(result.var[k])}"


def members(result: Normalized, k: int) -> list[float]:
    """The values of a set."""
    found: list[float] = result.x[result.labels == k].tolist()
    return found


def listed(terms: list[str], full: bool) -> str:
    return " + ".join(terms) if full else joined(terms)


def root_text(result: Normalized, k: int) -> str:
    """``√(9 + 0.00001) = 3``"""
    assert result.var is not None
    var = number(result.var[k])
    inside = f"({var} + {number(result.eps)})" if result.eps else var
    return f"√{inside} = {number(result.scale[k])}"


def cell_text(result: Normalized, cell: tuple[int, ...]) -> str:
    """``(0 − 4) / 3 = −1.3333``, and what gamma and beta make of it."""
    k = int(result.labels[cell])
    x, value = float(result.x[cell]), float(result.normalized[cell])
    taken = result.shift[k] != 0 or result.mean is not None or result.low is not None
    text = f"{number(x)} − {inner(result.shift[k])}" if taken else number(x)
    if result.method != "center":
        text = f"{f'({text})' if taken else text} / {number(result.scale[k])}"
    text += f" = {number(value)}"
    factors = weights_of(result, cell)
    if factors and not starts(result):
        shift = "" if len(factors) < 2 else f" + {inner(factors[1])}"
        text += f"; {inner(value)}{TIMES}{inner(factors[0])}{shift} = {number(float(result.output[cell]))}"
    return text


def weights_of(result: Normalized, cell: tuple[int, ...]) -> list[float]:
    """gamma and, where there is one, beta of a cell."""
    if result.op is None or "weight" not in result.weights:
        return []
    shape = result.op.affine_shape(result.shape[1:])
    assert shape is not None
    names = [name for name in ("weight", "bias") if name in result.weights]
    laid = (np.broadcast_to(result.weights[name].reshape(shape), result.shape[1:]) for name in names)
    return [float(values[cell[1:]]) for values in laid]


def starts(result: Normalized) -> bool:
    """Whether gamma is 1 and beta 0, with which training starts, so that they change nothing."""
    return bool(
        np.all(result.weights.get("weight", np.ones(1)) == 1)
        and not np.any(result.weights.get("bias", np.zeros(1)))
    )


def update_text(before: float, new: float, share: float, after: float) -> str:
    """``0.9×0 + 0.1×4 = 0.4``"""
    old = f"{number(1 - share)}{TIMES}{inner(before)}"
    return f"{old} + {number(share)}{TIMES}{inner(new)} = {number(after)}"
