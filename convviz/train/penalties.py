"""L1 and L2 as they reach the weights: their gradients are added to the loss's own, weight by weight.

``l1 * sum(|w|) + l2 / 2 * sum(w**2)`` has the gradient ``l1 * sign(w) + l2 * w``. It is written down here instead
of going through autograd, which gives the same and costs a pass over all weights; a penalty that is taken from the
graph with ``.item()`` has no gradient at all, and trains as if it were not there.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

Parameters = list[nn.Parameter]


def penalized(module: nn.Module, on: str) -> Parameters:
    """What a penalty applies to: ``weights`` (two axes or more, so no biases and no norms), ``conv`` (kernels of
    convolutions) or ``all``.
    """
    if on == "all":
        return [p for p in module.parameters() if p.requires_grad]
    if on == "conv":
        convs = [m for m in module.modules() if isinstance(m, nn.modules.conv._ConvNd)]
        return [m.weight for m in convs if m.weight.requires_grad]
    norms = {
        id(p) for m in module.modules() if not list(m.children()) and _is_norm(m) for p in m.parameters()
    }
    return [p for p in module.parameters() if p.requires_grad and p.ndim > 1 and id(p) not in norms]


def _is_norm(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.batchnorm._NormBase | nn.GroupNorm | nn.LayerNorm | nn.RMSNorm)


def add_gradients(weights: Parameters, l1: float, l2: float) -> None:
    """After ``backward``: the gradient of ``l1 * sum(|w|) + l2 / 2 * sum(w**2)`` on top. sign(0) is 0."""
    with torch.no_grad():
        found = [p for p in weights if p.grad is not None]
        grads = [p.grad for p in found]
        if not found:
            return
        if l1:
            torch._foreach_add_(grads, torch._foreach_sign(found), alpha=l1)
        if l2:
            torch._foreach_add_(grads, found, alpha=l2)


def shrink(weights: Iterable[nn.Parameter], by: float) -> None:
    """The proximal step of L1: every weight moves towards 0 by ``by``, and stops there.

    Source: Daubechies, Defrise, De Mol 2004 (soft thresholding); ``by`` is learning rate times l1.
    """
    with torch.no_grad():
        for p in weights:
            p.copy_(torch.nn.functional.softshrink(p, by) if by else p)


def penalty(weights: Iterable[nn.Parameter], l1: float, l2: float) -> float:
    """The value of the penalty."""
    with torch.no_grad():
        return sum(float(l1 * p.abs().sum() + l2 / 2 * p.square().sum()) for p in weights)


def zeros(weights: Parameters) -> tuple[int, int]:
    """How many of the weights are exactly 0, and of how many."""
    return sum(int((p == 0).sum()) for p in weights), sum(p.numel() for p in weights)
