"""Heads against torch: shapes, parameters, and that equal heads with the same weights give the same numbers."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
from torch import nn

from convviz.analysis.heads import EQUAL, Head, Heads
from convviz.build import build_module
from convviz.errors import ConvvizError

CLOSE = 1e-9  # of numbers of about size 1, in double precision
LARGEST = 20_000_000  # weights, and cells of the map, that are made for this


@dataclass(frozen=True)
class Checked:
    """What was looked at, and what was wrong with it."""

    heads: int
    pairs: tuple[tuple[str, str], ...]
    wrong: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.wrong

    def __str__(self) -> str:
        if self.wrong:
            return f"torch disagrees: {'; '.join(self.wrong)}"
        same = ", ".join(f"{a} = {b}" for a, b in self.pairs)
        told = f"; the same numbers with the same weights: {same}" if same else ""
        version = torch.__version__.partition("+")[0]
        return f"verified with torch {version}: shapes and parameters of {self.heads} heads{told}"


def verify(found: Heads) -> Checked:
    """Run every head as a PyTorch module on a random map; raises ConvvizError where that would take too much memory."""
    weights = max(
        found.most, *(prod(node.out) for head in found for node in head.graph), prod(found.setting.shape)
    )
    if weights > LARGEST:
        raise ConvvizError(f"would make {weights:,} numbers; at most {LARGEST:,}", "--verify")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x = torch.randn(2, *found.setting.shape, dtype=torch.float64)
        modules = {head.kind: build_module(head.graph)[0].double() for head in found}
    wrong = []
    with torch.no_grad():
        for head in found:
            wrong += _against(head, modules[head.kind], x)
        pairs = [pair for pair in EQUAL if found.equal is None and pair[0] in modules and pair[1] in modules]
        for one, two in pairs:
            _copy(modules[one], modules[two])
            off = float((modules[one](x).flatten(1) - modules[two](x).flatten(1)).abs().max())
            if not off <= CLOSE:
                wrong.append(f"{one} and {two} are {off:.3g} apart")
    return Checked(len(found), tuple(pairs), tuple(wrong))


def _against(head: Head, module: nn.Module, x: torch.Tensor) -> list[str]:
    """Shape and parameters of a head, as torch has them."""
    shape, params = tuple(module(x).shape[1:]), sum(p.numel() for p in module.parameters())
    found = [] if shape == head.out else [f"{head.kind} gives {shape}, not {head.out}"]
    return (
        found
        if params == head.params
        else [*found, f"{head.kind} has {params:,} parameters, not {head.params:,}"]
    )


def _copy(one: nn.Module, two: nn.Module) -> None:
    """The weights of one module as the other's, in the shapes that it has."""
    for mine, theirs in zip(one.parameters(), two.parameters(), strict=True):
        theirs.copy_(mine.reshape(theirs.shape))
