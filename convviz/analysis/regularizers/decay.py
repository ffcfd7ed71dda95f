"""Weight decay in SGD, Adam and AdamW side by side, and which parameters of a net usually get none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from typing import Any

from convviz.analysis.regularizers.optimizers import MAX_STEPS, AdamW, Optimizer, Real, Sgd, exact, whole
from convviz.analysis.regularizers.penalty import EXAMPLE, LR, MAX_UPDATES, Run, adam, run_of
from convviz.analysis.regularizers.weights import Weights
from convviz.errors import FieldError
from convviz.graph import Graph
from convviz.ops.base import Shape
from convviz.ops.norm import Norm

DECAY = Fraction(1, 2)


@dataclass(frozen=True)
class Parameter:
    """A trained tensor of a net. kind: weight, bias, norm (scale and shift of a normalization) or slope (PReLU)."""

    name: str
    shape: Shape
    kind: str

    @property
    def count(self) -> int:
        return prod(self.shape)

    @property
    def usual(self) -> bool:
        """Whether it is decayed where biases and norms are left out; torch decays whatever it is given."""
        return self.kind == "weight"


@dataclass(frozen=True, repr=False)
class Decay:
    """The same weights under three optimizers with ``weight_decay``; runs: ``sgd``, ``adam``, ``adamw``.

    pulls: for each run and weight, how much the decay alone changed in the first step: the weight after it, less what
    it would be with ``weight_decay=0``. parameters: of a net, where one was given.
    """

    weights: Weights
    gradient: Weights
    decay: Fraction
    lr: Fraction
    steps: int
    runs: tuple[Run, ...]
    pulls: dict[str, tuple[Real, ...]]
    net: str | None = None
    parameters: tuple[Parameter, ...] = ()

    def run(self, key: str) -> Run:
        return next(run for run in self.runs if run.key == key)

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of the net by kind."""
        found: dict[str, int] = {}
        for parameter in self.parameters:
            found[parameter.kind] = found.get(parameter.kind, 0) + parameter.count
        return found

    def __repr__(self) -> str:
        from convviz.report.regularize import render

        return render(self, "text")

    def _repr_html_(self) -> str:
        from convviz.report.regularize import render

        return render(self, "html")


def weight_decay(
    weights: Any = EXAMPLE,
    *,
    decay: Any = DECAY,
    lr: Any = LR,
    steps: int = 5,
    gradient: Any = 0,
    momentum: Any = 0,
    betas: Sequence[Any] | None = None,
    eps: Any = None,
    graph: Graph | None = None,
) -> Decay:
    """Weights (numbers in any shape) under SGD, Adam and AdamW with the same ``weight_decay``.

    gradient: of the loss, a number or one for each weight, the same in every step. graph: a net whose parameters are
    listed. Raises FieldError.

    >>> found = weight_decay([3], decay=0.5, lr=0.1, steps=1)
    >>> [round(float(run.last[0]), 6) for run in found.runs]
    [2.85, 2.9, 2.85]
    """
    found = Weights.of(weights)
    slopes = found.spread(gradient, "gradient")
    strength = exact(decay, "weight_decay", low=0)
    steps = whole(steps, "steps", 1, MAX_STEPS)
    if len(found.values) * steps > MAX_UPDATES // 3:
        told = f"{len(found.values):,} weights over {steps:,} steps are too many updates; take fewer"
        raise FieldError("steps", told)
    rate = exact(lr, "lr", above=0)
    plain = adam("adam", rate, betas, eps)
    apart = AdamW(plain.lr, plain.betas, plain.eps, strength)
    sgd = Sgd(rate, exact(momentum, "momentum", low=0, high=1))
    rules: list[tuple[str, Optimizer, Optimizer, Real]] = [
        ("sgd", sgd, sgd, strength), ("adam", plain, plain, strength), ("adamw", apart, replace(apart, decay=0), 0),
    ]  # fmt: skip
    runs, pulls = [], {}
    for key, rule, without, inside in rules:
        run = run_of(found, slopes, steps, key, rule.name, rule, 0, inside)
        free = run_of(found, slopes, 1, key, rule.name, without, 0, 0)
        runs.append(run)
        pulls[key] = tuple(
            mine[0].after - other[0].after for mine, other in zip(run.updates, free.updates, strict=True)
        )
    name = None if graph is None else graph.name
    listed = () if graph is None else parameters_of(graph)
    return Decay(found, slopes, strength, rate, steps, tuple(runs), pulls, name, listed)


def parameters_of(graph: Graph) -> tuple[Parameter, ...]:
    """The trained tensors of a net by torch's names; shared ones once.

    >>> from convviz.read import read
    >>> [(p.name, p.kind) for p in parameters_of(read("lenet5"))][:2]
    [('c1.weight', 'weight'), ('c1.bias', 'bias')]
    """
    found = []
    for node in graph:
        if node.shares is None:
            for name, shape in node.op.weights(*node.ins).items():
                kind = "norm" if isinstance(node.op, Norm) else "bias" if "bias" in name else "weight"
                if node.op.kind == "prelu":
                    kind = "slope"
                found.append(Parameter(f"{node.name}.{name}", tuple(shape), kind))
    return tuple(found)
