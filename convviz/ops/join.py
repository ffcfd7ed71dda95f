"""Ops that combine several inputs cell by cell, and products of matrices."""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import prod
from typing import Any, ClassVar

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
    broadcast,
    number,
    optional,
    pointwise,
    record,
    register,
    show,
    spec,
    text,
)
from convviz.ops.relations import SAME, Blocks


@record
class Join(Op):
    """The inputs, broadcast against each other, from left to right; ``other`` is a number that comes last."""

    inputs: ClassVar[tuple[int, int | None]] = (1, None)
    scalar: ClassVar[str | None] = "other"
    combine: ClassVar[Callable[[Any, Any], Any]]
    sign: ClassVar[str]  # an operator, or a function of two tensors
    other: float | None = spec(optional(number()), None)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        y = functools.reduce(type(self).combine, aligned(xs))
        return y if self.other is None else type(self).combine(y, self.other)

    def torch(self, *ins: Shape) -> Code:
        terms = aligned_source(ins)
        if self.sign.startswith("torch."):
            terms += [] if self.other is None else [f"torch.tensor({self.other!r})"]
            return Code("", functools.reduce(lambda a, b: f"{self.sign}({a}, {b})", terms))
        terms += [] if self.other is None else [f"({self.other!r})" if self.other < 0 else repr(self.other)]
        return Code("", f" {self.sign} ".join(terms))


@register
class Add(Join):
    """Sum. Source: torch.add."""

    kind: ClassVar[str] = "add"
    sign: ClassVar[str] = "+"
    combine: ClassVar[Callable[[Any, Any], Any]] = staticmethod(np.add)


@register
class Sub(Join):
    """Difference: the first less all others. Source: torch.sub."""

    kind: ClassVar[str] = "sub"
    sign: ClassVar[str] = "-"
    combine: ClassVar[Callable[[Any, Any], Any]] = staticmethod(np.subtract)


@register
class Mul(Join):
    """Product, cell by cell. Source: torch.mul."""

    kind: ClassVar[str] = "mul"
    sign: ClassVar[str] = "*"
    combine: ClassVar[Callable[[Any, Any], Any]] = staticmethod(np.multiply)


@register
class Div(Join):
    """Quotient: the first divided by all others. Source: torch.div."""

    kind: ClassVar[str] = "div"
    sign: ClassVar[str] = "/"
    combine: ClassVar[Callable[[Any, Any], Any]] = staticmethod(np.divide)


@register
class Maximum(Join):
    """The largest of the inputs. Source: torch.maximum."""

    kind: ClassVar[str] = "maximum"
    sign: ClassVar[str] = "torch.maximum"
    combine: ClassVar[Callable[[Any, Any], Any]] = staticmethod(np.maximum)


@register
class Minimum(Join):
    """The smallest of the inputs. Source: torch.minimum."""

    kind: ClassVar[str] = "minimum"
    sign: ClassVar[str] = "torch.minimum"
    combine: ClassVar[Callable[[Any, Any], Any]] = staticmethod(np.minimum)


@register
class MatMul(Op):
    """``(..., n, k) @ (..., k, m)``; the axes in front broadcast. Source: torch.matmul."""

    kind: ClassVar[str] = "matmul"
    elementwise: ClassVar[bool] = False
    inputs: ClassVar[tuple[int, int | None]] = (2, 2)

    def shape(self, *ins: Shape) -> Shape:
        a, b = ins
        if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
            raise ShapeError(f"matmul needs (..., n, k) and (..., k, m), got {show(a)} and {show(b)}")
        return (*broadcast(a[:-2], b[:-2]), a[-2], b[-1])

    def macs(self, *ins: Shape) -> int:
        return prod(self.shape(*ins)) * ins[0][-1]

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        out = self.shape(*ins)
        rank, inner = len(out), AxisRead(Blocks(ins[0][-1], 1), None)
        last = ((AxisRead(SAME, rank - 2), inner), (inner, AxisRead(SAME, rank - 1)))
        return tuple(
            Along((*pointwise(shape[:-2], out[:-2]).axes, *pair))
            for shape, pair in zip(ins, last, strict=True)
        )

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        a, b = aligned(xs)
        return a @ b

    def torch(self, *ins: Shape) -> Code:
        return Code("", " @ ".join(aligned_source(ins)))


@register
class Einsum(Op):
    """A sum of products in Einstein's notation; the first letter of the result is the batch.

    An operand that does not begin with that letter has no batch axis: it is the same for all samples.
    Source: torch.einsum.
    """

    kind: ClassVar[str] = "einsum"
    elementwise: ClassVar[bool] = False
    inputs: ClassVar[tuple[int, int | None]] = (1, 2)
    scalar: ClassVar[str | None] = "equation"
    equation: str = spec(text)

    def __post_init__(self) -> None:
        object.__setattr__(self, "equation", self.equation.replace(" ", ""))
        left, arrow, right = self.equation.partition("->")
        if not arrow or not right or not (left.replace(",", "") + right).isalpha():
            raise FieldError(
                "equation", f"must have letters and a result, as in 'bchw,oc->bohw', got {self.equation!r}"
            )
        for term in (*left.split(","), right):
            if len(set(term)) != len(term):
                raise FieldError("equation", f"must not repeat a letter within a term, got {term!r}")
            if right[0] in term[1:]:
                raise FieldError(
                    "equation", f"must have the batch {right[0]!r} in front of each term, got {term!r}"
                )
        if missing := set(right) - set(left):
            raise FieldError("equation", f"has {min(missing)!r} in the result only")

    def terms(self) -> tuple[list[str], str]:
        """Letters of each operand and of the result, without the batch."""
        left, _, right = self.equation.partition("->")
        return [term.removeprefix(right[0]) for term in left.split(",")], right[1:]

    def sizes(self, ins: tuple[Shape, ...]) -> dict[str, int]:
        terms, _ = self.terms()
        if [len(t) for t in terms] != [len(s) for s in ins]:
            raise ShapeError(f"{self.equation!r} does not fit " + " and ".join(show(s) for s in ins))
        sizes: dict[str, int] = {}
        for term, shape in zip(terms, ins, strict=True):
            for letter, n in zip(term, shape, strict=True):
                if sizes.setdefault(letter, n) != n:
                    raise ShapeError(f"{letter!r} of {self.equation!r} is {sizes[letter]} and {n}")
        return sizes

    def shape(self, *ins: Shape) -> Shape:
        sizes = self.sizes(ins)
        return tuple(sizes[letter] for letter in self.terms()[1])

    def macs(self, *ins: Shape) -> int:
        sizes, (_, right) = self.sizes(ins), self.terms()
        return prod(sizes.values()) if len(ins) == 2 and set(sizes) - set(right) else 0

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        sizes, (terms, right) = self.sizes(ins), self.terms()
        return tuple(
            Along(
                tuple(
                    AxisRead(SAME, right.index(c)) if c in right else AxisRead(Blocks(sizes[c], 1), None)
                    for c in term
                )
            )
            for term in terms
        )

    def operands(self) -> list[str]:
        return self.equation.partition("->")[0].split(",")

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        batch = self.equation.partition("->")[2][0]
        return np.einsum(
            self.equation,
            *(x if t.startswith(batch) else x[0] for t, x in zip(self.operands(), xs, strict=True)),
        )

    def torch(self, *ins: Shape) -> Code:
        batch = self.equation.partition("->")[2][0]
        places = (f"{{{i}}}" + ("" if t.startswith(batch) else "[0]") for i, t in enumerate(self.operands()))
        return Code("", f"torch.einsum({self.equation!r}, {', '.join(places)})")


def aligned(xs: tuple[Array, ...]) -> list[Array]:
    """Batched arrays whose other axes are aligned at the last one: new axes come behind the batch."""
    rank = max(x.ndim for x in xs)
    return [x.reshape(x.shape[0], *(1,) * (rank - x.ndim), *x.shape[1:]) for x in xs]


def aligned_source(ins: tuple[Shape, ...]) -> list[str]:
    """The same in PyTorch: ``{1}[:, None, None]``."""
    rank = max(len(s) for s in ins)
    return [
        f"{{{i}}}" + (f"[:{', None' * (rank - len(s))}]" if len(s) < rank else "") for i, s in enumerate(ins)
    ]
