"""Normalizations as torch code that makes ``y`` of ``x``; ``torch`` and ``nn`` are imported before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from convviz.analysis.norms.normalize import Normalized
from convviz.ops.base import Array, Shape

VAR = "x.var(dim, unbiased=False, keepdim=True)"


def module(result: Normalized, training: str = "") -> str:
    """A result by torch's own module; in evaluation after the training that it had."""
    assert result.op is not None
    code = result.op.torch(result.shape[1:])
    call = code.call.format("x", self="norm")
    lines = [f"norm = {code.module}", *module_affine(result)]
    if result.live:
        return "\n".join([*lines, f"y = {call}"])
    return "\n".join([*lines, *([training] if training else []), "y = norm.eval()(x)"])


def batches(settings: Mapping[str, Any]) -> str:
    """The batches of training in turn, as an expression."""
    own = f"[x] * {settings.get('steps', 1)}"
    return f"[*before, *{own}]" if len(settings.get("before", ())) else own


def trained(settings: Mapping[str, Any]) -> str:
    """The training steps that come before evaluation."""
    if not len(settings.get("before", ())) and settings.get("steps", 1) == 1:
        return "norm(x)"
    return f"for batch in {batches(settings)}:\n    norm(batch)"


def module_affine(result: Normalized) -> list[str]:
    """Lines that set a module's weight and bias where they are not as torch starts them."""
    return [f"norm.{name}.data = torch.tensor({values.tolist()})" for name, values in given(result).items()]


def given(result: Normalized) -> dict[str, Array]:
    """gamma and beta where they are not ones and zeros."""
    starts = {"weight": 1.0, "bias": 0.0}
    return {
        name: result.weights[name]
        for name, start in starts.items()
        if name in result.weights and np.any(result.weights[name] != start)
    }


def by_hand(
    result: Normalized,
    dims: Sequence[int],
    *,
    view: Shape | None = None,
    var: str = VAR,
    root: str = "torch.sqrt(var + {eps})",
) -> str:
    """Mean and variance over axes, of ``x`` or of a view of it; gamma and beta after it."""
    dim = f"({', '.join(map(str, dims))}{',' if len(dims) == 1 else ''})"
    source = "x" if view is None else "parts"
    lines = [] if view is None else [f"parts = x.reshape({', '.join(map(str, view))})"]
    lines += [
        f"dim = {dim}",
        f"mean = {source}.mean(dim, keepdim=True)",
        f"var = {var.replace('x', source, 1)}",
    ]
    tail = "" if view is None else ".reshape(x.shape)"
    formula = f"({source} - mean) / {root.format(eps=repr(result.eps))}"
    lines.append(f"y = ({formula}){tail}" if tail else f"y = {formula}")
    return "\n".join([*lines, *hand_affine(result)])


def hand_affine(result: Normalized) -> list[str]:
    assert result.op is not None
    shape = result.op.affine_shape(result.shape[1:])
    lines = []
    for name, values in given(result).items():
        sign, word = ("*", "gamma") if name == "weight" else ("+", "beta")
        lines.append(f"{word} = torch.tensor({values.reshape(shape or values.shape).tolist()})")
        lines.append(f"y = y {sign} {word}")
    return lines
