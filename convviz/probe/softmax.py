"""Softmax, log-softmax, loss and gradient against torch, in double precision; the plain quotients in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

if TYPE_CHECKING:
    from convviz.plan.logits import SoftmaxResult

CLOSE = 1e-12  # of double precision, for each number of size 1; larger ones by as much more
SINGLE = 1e-6  # of single precision


@dataclass(frozen=True)
class Agreement:
    """For each of convviz's numbers how far it is from torch's (inf: one is no number where the other is one)."""

    differences: tuple[tuple[str, float, float], ...]  # what, the largest difference, how much is allowed

    @property
    def passed(self) -> bool:
        return all(off <= allowed for _, off, allowed in self.differences)

    def __str__(self) -> str:
        bad = [f"{what} is off by {off:.3g}" for what, off, allowed in self.differences if not off <= allowed]
        if bad:
            return f"torch disagrees: {', '.join(bad)}"
        what = ", ".join(name for name, _, _ in self.differences)
        return f"verified with torch {torch.__version__.partition('+')[0]}: {what}"


def verify(result: SoftmaxResult) -> Agreement:
    """Work out ``result`` once more with torch's own functions, the gradient with autograd."""
    x = torch.tensor(result.values, dtype=torch.float64, requires_grad=True)
    z = x / result.temperature
    checks: list[tuple[str, Sequence[float], torch.Tensor, float]] = [
        ("softmax", result.probabilities, torch.softmax(z, 0), CLOSE),
        ("log-softmax", result.log_probabilities, torch.log_softmax(z, 0), CLOSE),
    ]
    if result.target is not None and result.loss is not None and result.gradient is not None:
        target = torch.tensor(result.target)
        loss = F.cross_entropy(z, target, label_smoothing=float(result.label_smoothing))
        checks.append(("loss", [result.loss], loss[None], CLOSE))
        if torch.isfinite(loss):  # autograd has no gradient of an infinite loss
            (gradient,) = torch.autograd.grad(loss, x)
            checks.append(("gradient", result.gradient, gradient, CLOSE))
    for naive in result.naive():
        powers = torch.exp(z.detach().to(getattr(torch, naive.precision)))
        allowed = CLOSE if naive.precision == "float64" else SINGLE
        checks.append((f"plain quotients in {naive.precision}", naive.shares, powers / powers.sum(), allowed))
    return Agreement(tuple((what, apart(ours, theirs), allowed) for what, ours, theirs, allowed in checks))


def apart(ours: Sequence[float], theirs: torch.Tensor) -> float:
    """The largest difference, of numbers above 1 relative to them; 0 where both are the same infinity or no number."""
    one, two = torch.tensor([float(v) for v in ours], dtype=torch.float64), theirs.detach().double()
    same = (one == two) | (one.isnan() & two.isnan())
    off = (one - two).abs() / two.abs().clamp(min=1)
    off = torch.where(same, torch.zeros_like(off), off)
    return float(torch.where(off.isnan(), torch.full_like(off, float("inf")), off).max())
