"""The fully connected layer."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from convviz.errors import ShapeError
from convviz.ops.base import (
    Along,
    Array,
    AxisRead,
    Code,
    Op,
    Shape,
    Weights,
    arguments,
    boolean,
    integer,
    register,
    spec,
)
from convviz.ops.relations import SAME, Blocks


@register
class Linear(Op):
    """``y = x @ weight.T + bias`` along the last axis. Source: torch.nn.Linear."""

    kind: ClassVar[str] = "linear"
    elementwise: ClassVar[bool] = False
    scalar: ClassVar[str | None] = "out_features"
    out_features: int = spec(integer(1))
    bias: bool = spec(boolean, True)

    def shape(self, *ins: Shape) -> Shape:
        if not ins[0]:
            raise ShapeError("linear needs an axis of features, got a scalar")
        return (*ins[0][:-1], self.out_features)

    def weights(self, *ins: Shape) -> dict[str, Shape]:
        weight = {"weight": (self.out_features, ins[0][-1])}
        return weight | ({"bias": (self.out_features,)} if self.bias else {})

    def macs(self, *ins: Shape) -> int:
        return prod(ins[0]) * self.out_features

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        last = len(ins[0]) - 1
        lead = (AxisRead(SAME, i) for i in range(last))
        return (Along((*lead, AxisRead(Blocks(ins[0][-1], self.out_features), last))),)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        assert weights is not None
        y = xs[0] @ weights["weight"].T
        return y + weights["bias"] if self.bias else y

    def torch(self, *ins: Shape) -> Code:
        extra = {} if self.bias else {"bias": False}
        return Code(f"nn.Linear({arguments(ins[0][-1], self.out_features, **extra)})")
