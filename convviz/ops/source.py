"""Ops without an input: what a net adds from its own state, with a batch axis of 1 that broadcasts."""

from __future__ import annotations

from typing import ClassVar

from convviz.ops.base import (
    Array,
    Code,
    Op,
    Reads,
    Shape,
    Weights,
    integer,
    list_of,
    record,
    register,
    spec,
)


@record
class Source(Op):
    """A tensor of its own, of ``size`` without a batch axis."""

    elementwise: ClassVar[bool] = False
    inputs: ClassVar[tuple[int, int | None]] = (0, 0)
    scalar: ClassVar[str | None] = "size"
    size: tuple[int, ...] = spec(list_of(integer(1)))

    def shape(self, *ins: Shape) -> Shape:
        return self.size

    def reads(self, *ins: Shape) -> tuple[Reads, ...]:
        return ()


@register
class Parameter(Source):
    """A trained tensor that no input reaches, such as a class token or a position embedding.

    Source: torch.nn.Parameter.
    """

    kind: ClassVar[str] = "parameter"

    def weights(self, *ins: Shape) -> dict[str, Shape]:
        return {"weight": self.size}

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        assert weights is not None
        return weights["weight"][None]

    def torch(self, *ins: Shape) -> Code:
        return Code(
            f"nn.ParameterDict({{'weight': nn.Parameter(torch.zeros({self.size!r}))}})",
            "{self}['weight'][None]",
        )


@register
class Constant(Source):
    """A tensor that is kept but not trained, such as a relative position index.

    Source: torch.nn.Module.register_buffer.
    """

    kind: ClassVar[str] = "constant"

    def buffers(self, *ins: Shape) -> dict[str, Shape]:
        return {"value": self.size}

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        assert weights is not None
        return weights["value"][None]

    def torch(self, *ins: Shape) -> Code:
        # A ParameterDict holds plain tensors too; one that needs no gradient is in the state dict and is not
        # trained.
        value = f"nn.Parameter(torch.zeros({self.size!r}), requires_grad=False)"
        return Code(f"nn.ParameterDict({{'value': {value}}})", "{self}['value'][None]")
