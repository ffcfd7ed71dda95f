"""Recurrent layers over one axis: their reach has no fixed end, so an output counts as reading all."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from convviz.errors import FieldError, ShapeError
from convviz.ops.activation import sigmoid
from convviz.ops.base import (
    Along,
    Array,
    AxisRead,
    Code,
    Op,
    Shape,
    Weights,
    arguments,
    axis,
    boolean,
    integer,
    record,
    register,
    show,
    spec,
)
from convviz.ops.relations import Blocks


@record
class Recurrent(Op):
    """(features, steps), or (steps, features) with ``dim=2``, to ``hidden_size`` features a direction."""

    elementwise: ClassVar[bool] = False
    scalar: ClassVar[str | None] = "hidden_size"
    gates: ClassVar[int]
    hidden_size: int = spec(integer(1))
    num_layers: int = spec(integer(1), 1)
    bias: bool = spec(boolean, True)
    bidirectional: bool = spec(boolean, False)
    dim: int = spec(integer(), 1)  # the axis of features

    @property
    def directions(self) -> tuple[str, ...]:
        """Suffixes of the weights' names."""
        return ("", "_reverse") if self.bidirectional else ("",)

    def shape(self, *ins: Shape) -> Shape:
        if len(ins[0]) != 2:
            raise ShapeError(f"{self.kind} needs one axis of steps beside the features, got {show(ins[0])}")
        if self.num_layers > 10_000:
            raise FieldError("num_layers", f"must be at most 10000, got {self.num_layers}")
        at = axis(self.dim, ins[0])
        width = self.hidden_size * len(self.directions)
        return (width, ins[0][1]) if at == 0 else (ins[0][0], width)

    def weights(self, *ins: Shape) -> dict[str, Shape]:
        size = ins[0][axis(self.dim, ins[0])]
        names: dict[str, Shape] = {}
        rows = self.gates * self.hidden_size
        for layer in range(self.num_layers):
            for end in self.directions:
                names[f"weight_ih_l{layer}{end}"] = (rows, size)
                names[f"weight_hh_l{layer}{end}"] = (rows, self.hidden_size)
                if self.bias:
                    names[f"bias_ih_l{layer}{end}"] = names[f"bias_hh_l{layer}{end}"] = (rows,)
            size = self.hidden_size * len(self.directions)
        return names

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        out = self.shape(*ins)
        return (Along(tuple(AxisRead(Blocks(n, m), i) for i, (n, m) in enumerate(zip(ins[0], out)))),)

    @abstractmethod
    def step(self, x: Array, h: Array, state: Array) -> tuple[Array, Array]:
        """Next output and state from the gates' sums over input and hidden state."""

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        assert weights is not None
        x = np.moveaxis(xs[0], self.dim, -1)  # N, steps, features
        for layer in range(self.num_layers):
            parts = []
            for end in self.directions:
                w, u = (weights[f"weight_{name}_l{layer}{end}"] for name in ("ih", "hh"))
                b, c = (weights[f"bias_{name}_l{layer}{end}"] if self.bias else 0.0 for name in ("ih", "hh"))
                h = state = np.zeros((len(x), self.hidden_size), x.dtype)
                steps = []
                for t in range(x.shape[1])[:: -1 if end else 1]:
                    h, state = self.step(x[:, t] @ w.T + b, h @ u.T + c, state)
                    steps.append(h)
                parts.append(np.stack(steps[:: -1 if end else 1], axis=1))
            x = np.concatenate(parts, axis=-1)
        return np.moveaxis(x, -1, self.dim)

    def torch(self, *ins: Shape) -> Code:
        defaults = {"num_layers": 1, "bias": True, "bidirectional": False}
        extra = {name: getattr(self, name) for name, d in defaults.items() if getattr(self, name) != d}
        at = axis(self.dim, ins[0])
        module = (
            f"nn.{self.kind.upper()}({arguments(ins[0][at], self.hidden_size, **extra, batch_first=True)})"
        )
        return Code(module, "{self}({0})[0]" if at else "{self}({0}.transpose(1, 2))[0].transpose(1, 2)")


@register
class Lstm(Recurrent):
    """Long short-term memory. Source: Hochreiter and Schmidhuber 1997; torch.nn.LSTM."""

    kind: ClassVar[str] = "lstm"
    gates: ClassVar[int] = 4

    def step(self, x: Array, h: Array, state: Array) -> tuple[Array, Array]:
        i, f, g, o = np.split(x + h, 4, axis=-1)
        state = sigmoid(f) * state + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(state), state


@register
class Gru(Recurrent):
    """Gated recurrent unit. Source: Cho et al. 2014; torch.nn.GRU."""

    kind: ClassVar[str] = "gru"
    gates: ClassVar[int] = 3

    def step(self, x: Array, h: Array, state: Array) -> tuple[Array, Array]:
        (xr, xz, xn), (hr, hz, hn) = np.split(x, 3, axis=-1), np.split(h, 3, axis=-1)
        z = sigmoid(xz + hz)
        new = np.tanh(xn + sigmoid(xr + hr) * hn)
        state = (1 - z) * new + z * state
        return state, state
