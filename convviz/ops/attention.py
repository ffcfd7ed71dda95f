"""Attention: every position reads every other."""

from __future__ import annotations

from math import prod, sqrt
from typing import ClassVar

import numpy as np

from convviz.errors import FieldError, ShapeError
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
    broadcast,
    integer,
    number,
    optional,
    pointwise,
    register,
    repeated,
    show,
    spec,
)
from convviz.ops.join import aligned, aligned_source
from convviz.ops.norm import softmax
from convviz.ops.relations import SAME, Blocks, Relation, Window


@register
class Attention(Op):
    """Multi-head attention among all positions of a map; ``dim`` is the axis of features (1: channels first).

    One input is self-attention; two are query and key (which is the value too), three query, key and value.
    Source: Vaswani et al., "Attention is all you need", 2017; torch.nn.MultiheadAttention.
    """

    kind: ClassVar[str] = "attention"
    elementwise: ClassVar[bool] = False
    inputs: ClassVar[tuple[int, int | None]] = (1, 3)
    scalar: ClassVar[str | None] = "num_heads"
    num_heads: int = spec(integer(1), 1)
    bias: bool = spec(boolean, True)
    dim: int = spec(integer(), 1)

    def split(self, shape: Shape) -> tuple[int, int]:
        """``(features, positions)``"""
        at = axis(self.dim, shape)
        return shape[at], prod(shape) // shape[at]

    def shape(self, *ins: Shape) -> Shape:
        features, _ = self.split(ins[0])
        if features % self.num_heads:
            raise FieldError("num_heads", f"must divide the {features} features, got {self.num_heads}")
        memory = ins[1:] or ins
        if (
            any(len(s) != len(ins[0]) or self.split(s)[0] != features for s in memory)
            or len({self.split(s)[1] for s in memory}) > 1
        ):
            shapes = " and ".join(show(s) for s in ins)
            raise ShapeError(
                f"attention needs inputs with equal features, and as many keys as values, got {shapes}"
            )
        return ins[0]

    def weights(self, *ins: Shape) -> dict[str, Shape]:
        c, _ = self.split(ins[0])
        names: dict[str, Shape] = {"in_proj_weight": (3 * c, c), "in_proj_bias": (3 * c,)}
        names |= {"out_proj.weight": (c, c), "out_proj.bias": (c,)}
        return {name: shape for name, shape in names.items() if self.bias or not name.endswith("bias")}

    def macs(self, *ins: Shape) -> int:
        """Four projections, and the two products with the matrix of weights."""
        (c, queries), (_, keys) = self.split(ins[0]), self.split(ins[-1])
        return 2 * (queries + keys) * c * c + 2 * queries * keys * c

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        """A query is read at its own position only, unless it is also key and value."""
        out, at = self.shape(*ins), axis(self.dim, ins[0])
        own = Along(tuple(AxisRead(Blocks(n) if i == at else SAME, i) for i, n in enumerate(out)))
        every = [Along(tuple(AxisRead(Blocks(n, m), i) for i, (n, m) in enumerate(zip(s, out)))) for s in ins]
        return (own, *every[1:]) if len(ins) > 1 else tuple(every)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        assert weights is not None
        rows = [np.moveaxis(x, self.dim, -1) for x in xs]
        rows = [rows[0], *(rows[1:] or rows)]
        rows = rows if len(rows) == 3 else [*rows, rows[-1]]
        n, c, heads = len(rows[0]), rows[0].shape[-1], self.num_heads
        bias = weights["in_proj_bias"] if self.bias else np.zeros(3 * c)
        parts = zip(rows, np.split(weights["in_proj_weight"], 3), np.split(bias, 3), strict=True)
        q, k, v = (
            (r.reshape(n, -1, c) @ w.T + b).reshape(n, -1, heads, c // heads).swapaxes(1, 2)
            for r, w, b in parts
        )
        y = softmax(q @ k.swapaxes(-1, -2) / sqrt(c // heads), -1) @ v
        y = y.swapaxes(1, 2).reshape(n, -1, c) @ weights["out_proj.weight"].T
        y = y + weights["out_proj.bias"] if self.bias else y
        return np.moveaxis(y.reshape(rows[0].shape), -1, self.dim)

    def torch(self, *ins: Shape) -> Code:
        extra = {} if self.bias else {"bias": False}
        features, _ = self.split(ins[0])
        given = arguments(features, self.num_heads, **extra, batch_first=True)
        module = f"nn.MultiheadAttention({given})"
        last = axis(self.dim, ins[0]) == len(ins[0]) - 1
        rows = [f"{{{i}}}" for i in range(len(ins))]
        if not last:
            rows = [f"{r}.movedim({self.dim}, -1)" for r in rows]
        if len(ins[0]) > 2:
            rows = [f"{r}.flatten(1, -2)" for r in rows]
        rows = [rows[0], *(rows[1:] or rows)]
        rows = rows if len(rows) == 3 else [*rows, rows[-1]]
        call = f"{{self}}({', '.join(rows)}, need_weights=False)[0]"
        if len(ins[0]) > 2:
            at = axis(self.dim, ins[0])
            space = ", ".join(str(n) for i, n in enumerate(ins[0]) if i != at)
            call += f".unflatten(1, ({space}))"
        return Code(module, call if last else f"{call}.movedim(-1, {self.dim})")


@register
class ScaledDotProductAttention(Op):
    """``softmax(q @ k.T * scale + mask) @ v``; ``scale`` None is ``1 / sqrt(E)``.

    Inputs are query (..., L, E), key (..., S, E), value (..., S, F) and, if there is one, a mask (..., L, S).
    Source: torch.nn.functional.scaled_dot_product_attention.
    """

    kind: ClassVar[str] = "scaled_dot_product_attention"
    elementwise: ClassVar[bool] = False
    inputs: ClassVar[tuple[int, int | None]] = (3, 4)
    is_causal: bool = spec(boolean, False)
    scale: float | None = spec(optional(number()), None)

    def shape(self, *ins: Shape) -> Shape:
        q, k, v, *mask = ins
        if min(len(s) for s in ins) < 2 or q[-1] != k[-1] or k[-2] != v[-2]:
            shapes = ", ".join(show(s) for s in ins)
            raise ShapeError(f"attention needs (..., L, E), (..., S, E) and (..., S, F), got {shapes}")
        lead = broadcast(q[:-2], k[:-2], v[:-2])
        if mask:
            broadcast((*lead, q[-2], k[-2]), mask[0])
        return (*lead, q[-2], v[-1])

    def macs(self, *ins: Shape) -> int:
        q, k, v = ins[:3]
        *lead, _, _ = self.shape(*ins)
        return prod(lead) * q[-2] * k[-2] * (q[-1] + v[-1])

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        out = self.shape(*ins)
        rank = len(out)
        (queries, features), (keys, width) = ins[0][-2:], ins[2][-2:]
        # A causal query reads the keys up to its own place: a window that reaches back to the first.
        over: Relation = Window(queries, padding=queries - 1) if self.is_causal else Blocks(keys, queries)
        last: tuple[tuple[AxisRead, AxisRead], ...] = (
            (AxisRead(SAME, rank - 2), AxisRead(Blocks(features, width), rank - 1)),
            (AxisRead(over, rank - 2), AxisRead(Blocks(features, width), rank - 1)),
            (AxisRead(over, rank - 2), AxisRead(SAME, rank - 1)),
            (AxisRead(repeated(ins[-1][-2], queries), rank - 2), AxisRead(Blocks(ins[-1][-1], 1), None)),
        )
        return tuple(
            Along((*pointwise(shape[:-2], out[:-2]).axes, *pair))
            for shape, pair in zip(ins, last, strict=False)
        )

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        q, k, v, *mask = aligned(xs)
        score = q @ k.swapaxes(-1, -2) * (1 / sqrt(q.shape[-1]) if self.scale is None else self.scale)
        if mask:
            score = score + mask[0]
        if self.is_causal:
            score = np.where(np.tri(*score.shape[-2:]) > 0, score, -np.inf)
        return softmax(score, -1) @ v

    def torch(self, *ins: Shape) -> Code:
        q, k, v, *mask = aligned_source(ins)
        extra = "".join(f", attn_mask={m}" for m in mask) + (", is_causal=True" if self.is_causal else "")
        extra += "" if self.scale is None else f", scale={self.scale!r}"
        return Code("", f"F.scaled_dot_product_attention({q}, {k}, {v}{extra})")
