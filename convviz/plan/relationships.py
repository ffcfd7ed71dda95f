"""The 15 relationships of convolution arithmetic, each with its conditions, its formula and a plan.

Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016; sizes and names of the
examples are those of its animations (conv_arithmetic).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from convviz.errors import ConvvizError, nearest
from convviz.ops.base import Op, build
from convviz.ops.conv import Conv, ConvTranspose
from convviz.ops.pool import WindowPool
from convviz.plan import formulas
from convviz.plan.build import explain
from convviz.plan.model import Formula, Plan


@dataclass(frozen=True)
class Sizes:
    """i: input; k: kernel; s: stride; p: padding; d: dilation; a: rows that the convolution's floor drops.

    In 8 to 14, i is the transposed convolution's input, while k, s and p are those of the convolution that it
    transposes.
    """

    i: int
    k: int
    s: int = 1
    p: int = 0
    d: int = 1
    a: int = 0


@dataclass(frozen=True)
class Law:
    """One relationship: when it holds, the formula, the same with numbers, and its result.

    holds: the conditions beyond those of size, each as (what must be true, in words).
    """

    number: int
    kind: str
    title: str
    conditions: str
    symbols: str
    numbers: Callable[[Sizes], str]
    size: Callable[[Sizes], int]
    holds: tuple[tuple[Callable[[Sizes], bool], str], ...] = ()


UNIT = (lambda z: z.s == 1, "stride 1")
PLAIN = (lambda z: z.d == 1 and z.a == 0, "no dilation")
NONE = (lambda z: z.p == 0, "no padding")
HALF = (lambda z: z.k % 2 == 1 and z.p == z.k // 2, "an odd kernel and padding ⌊k/2⌋")
FULL = (lambda z: z.p == z.k - 1, "padding k − 1")
LESS = (lambda z: z.p <= z.k - 1, "padding of at most k − 1")


def strided(z: Sizes) -> str:
    return f"({z.i} − 1)" if z.s == 1 else f"{z.s}×({z.i} − 1)"


LAWS = (
    Law(1, "conv", "No zero padding, unit strides", "any i and k; s = 1, p = 0", "o = (i − k) + 1",
        lambda z: f"({z.i} − {z.k}) + 1", lambda z: z.i - z.k + 1, (UNIT, NONE, PLAIN)),
    Law(2, "conv", "Zero padding, unit strides", "any i, k and p; s = 1", "o = (i − k) + 2p + 1",
        lambda z: f"({z.i} − {z.k}) + 2×{z.p} + 1", lambda z: z.i - z.k + 2 * z.p + 1, (UNIT, PLAIN)),
    Law(3, "conv", "Half (same) padding", "any i; k odd, p = ⌊k/2⌋, s = 1", "o = i + 2⌊k/2⌋ − (k − 1) = i",
        lambda z: f"{z.i} + 2×⌊{z.k}/2⌋ − ({z.k} − 1)", lambda z: z.i, (UNIT, HALF, PLAIN)),
    Law(4, "conv", "Full padding", "any i and k; p = k − 1, s = 1", "o = i + 2(k − 1) − (k − 1) = i + (k − 1)",
        lambda z: f"{z.i} + ({z.k} − 1)", lambda z: z.i + z.k - 1, (UNIT, FULL, PLAIN)),
    Law(5, "conv", "No zero padding, non-unit strides", "any i, k and s; p = 0", "o = ⌊(i − k)/s⌋ + 1",
        lambda z: f"⌊({z.i} − {z.k})/{z.s}⌋ + 1", lambda z: (z.i - z.k) // z.s + 1, (NONE, PLAIN)),
    Law(6, "conv", "Zero padding, non-unit strides", "any i, k, s and p", "o = ⌊(i + 2p − k)/s⌋ + 1",
        lambda z: f"⌊({z.i} + 2×{z.p} − {z.k})/{z.s}⌋ + 1", lambda z: (z.i + 2 * z.p - z.k) // z.s + 1, (PLAIN,)),
    Law(7, "max_pool", "Pooling", "any i, k and s; no padding", "o = ⌊(i − k)/s⌋ + 1",
        lambda z: f"⌊({z.i} − {z.k})/{z.s}⌋ + 1", lambda z: (z.i - z.k) // z.s + 1, (NONE, PLAIN)),
    Law(8, "conv_transpose", "No zero padding, unit strides, transposed",
        "the convolution has s = 1, p = 0; its transpose is one with k′ = k, s′ = s, p′ = k − 1", "o′ = i′ + (k − 1)",
        lambda z: f"{z.i} + ({z.k} − 1)", lambda z: z.i + z.k - 1, (UNIT, NONE, PLAIN)),
    Law(9, "conv_transpose", "Zero padding, unit strides, transposed",
        "the convolution has s = 1, p; its transpose is one with k′ = k, s′ = s, p′ = k − p − 1",
        "o′ = i′ + (k − 1) − 2p", lambda z: f"{z.i} + ({z.k} − 1) − 2×{z.p}", lambda z: z.i + z.k - 1 - 2 * z.p,
        (UNIT, LESS, PLAIN)),
    Law(10, "conv_transpose", "Half (same) padding, transposed",
        "the convolution has k odd, s = 1, p = ⌊k/2⌋; its transpose is one with k′ = k, s′ = s, p′ = p",
        "o′ = i′ + (k − 1) − 2p = i′", lambda z: f"{z.i} + ({z.k} − 1) − 2×{z.p}", lambda z: z.i, (UNIT, HALF, PLAIN)),
    Law(11, "conv_transpose", "Full padding, transposed",
        "the convolution has s = 1, p = k − 1; its transpose is one with k′ = k, s′ = s, p′ = 0",
        "o′ = i′ + (k − 1) − 2p = i′ − (k − 1)", lambda z: f"{z.i} − ({z.k} − 1)", lambda z: z.i - z.k + 1,
        (UNIT, FULL, PLAIN)),
    Law(12, "conv_transpose", "No zero padding, non-unit strides, transposed",
        "the convolution has p = 0, and i − k is a multiple of s; its transpose has s − 1 zeros between input cells, "
        "k′ = k, s′ = 1, p′ = k − 1", "o′ = s(i′ − 1) + k",
        lambda z: f"{strided(z)} + {z.k}", lambda z: z.s * (z.i - 1) + z.k, (NONE, PLAIN)),
    Law(13, "conv_transpose", "Zero padding, non-unit strides, transposed",
        "i + 2p − k of the convolution is a multiple of s; its transpose has s − 1 zeros between input cells, "
        "k′ = k, s′ = 1, p′ = k − p − 1", "o′ = s(i′ − 1) + k − 2p",
        lambda z: f"{strided(z)} + {z.k} − 2×{z.p}", lambda z: z.s * (z.i - 1) + z.k - 2 * z.p, (LESS, PLAIN)),
    Law(14, "conv_transpose", "Zero padding, non-unit strides, transposed (odd)",
        "a = (i + 2p − k) mod s of the convolution; its transpose has s − 1 zeros between input cells, k′ = k, s′ = 1, "
        "p′ = k − p − 1, and a more zeros at the far end", "o′ = s(i′ − 1) + a + k − 2p",
        lambda z: f"{strided(z)} + {z.a} + {z.k} − 2×{z.p}", lambda z: z.s * (z.i - 1) + z.a + z.k - 2 * z.p,
        (LESS, (lambda z: 0 <= z.a < z.s, "a from 0 to s − 1"), (lambda z: z.d == 1, "no dilation"))),
    Law(15, "conv", "Dilated convolution", "any i, k, p and s, and dilation d",
        "o = ⌊(i + 2p − k − (k − 1)(d − 1))/s⌋ + 1",
        lambda z: f"⌊({z.i} + 2×{z.p} − {z.k} − ({z.k} − 1)×({z.d} − 1))/{z.s}⌋ + 1",
        lambda z: (z.i + 2 * z.p - z.k - (z.k - 1) * (z.d - 1)) // z.s + 1, ((lambda z: z.a == 0, "a = 0"),)),
)  # fmt: skip

# The names of conv_arithmetic's animations: relationship, op, sizes. The first of each number is its example.
ANIMATIONS: dict[str, tuple[int, str, Sizes]] = {
    "no_padding_no_strides": (1, "conv", Sizes(4, 3)),
    "arbitrary_padding_no_strides": (2, "conv", Sizes(5, 4, p=2)),
    "same_padding_no_strides": (3, "conv", Sizes(5, 3, p=1)),
    "full_padding_no_strides": (4, "conv", Sizes(5, 3, p=2)),
    "no_padding_strides": (5, "conv", Sizes(5, 3, s=2)),
    "padding_strides": (6, "conv", Sizes(5, 3, s=2, p=1)),
    "padding_strides_odd": (6, "conv", Sizes(6, 3, s=2, p=1)),
    "numerical_max_pooling": (7, "max_pool", Sizes(5, 3)),
    "numerical_average_pooling": (7, "avg_pool", Sizes(5, 3)),
    "no_padding_no_strides_transposed": (8, "conv_transpose", Sizes(2, 3)),
    "arbitrary_padding_no_strides_transposed": (9, "conv_transpose", Sizes(6, 4, p=2)),
    "same_padding_no_strides_transposed": (10, "conv_transpose", Sizes(5, 3, p=1)),
    "full_padding_no_strides_transposed": (11, "conv_transpose", Sizes(7, 3, p=2)),
    "no_padding_strides_transposed": (12, "conv_transpose", Sizes(2, 3, s=2)),
    "padding_strides_transposed": (13, "conv_transpose", Sizes(3, 3, s=2, p=1)),
    "padding_strides_odd_transposed": (14, "conv_transpose", Sizes(3, 3, s=2, p=1, a=1)),
    "dilation": (15, "conv", Sizes(7, 3, d=2)),
    "numerical_no_padding_no_strides": (1, "conv", Sizes(5, 3)),
    "numerical_padding_strides": (6, "conv", Sizes(5, 3, s=2, p=1)),
}


@dataclass(frozen=True)
class Relationship:
    """One relationship at given sizes: ``number`` and ``name``, its conditions in words, and the formula."""

    law: Law
    name: str
    kind: str
    sizes: Sizes
    rank: int = 2

    @property
    def number(self) -> int:
        return self.law.number

    @property
    def title(self) -> str:
        return self.law.title

    @property
    def conditions(self) -> str:
        return self.law.conditions

    @property
    def formula(self) -> Formula:
        """The formula with the sizes put in."""
        law, z = self.law, self.sizes
        transposed = self.kind == "conv_transpose"
        about = f"relationship {law.number}: {'o′' if transposed else 'o'} along every axis"
        rest = formulas.sizes(self.op, self.input)[0].note  # what the floor drops
        note = " ".join(part for part in (f"Holds for: {law.conditions}.", rest) if part)
        return Formula(about, law.symbols, law.numbers(z), f"{law.size(z)}", note)

    @cached_property
    def op(self) -> Op:
        z = self.sizes
        fields: dict[str, Any] = {"kernel_size": z.k, "stride": z.s, "padding": z.p}
        if self.kind == "conv_transpose":
            fields["output_padding"] = z.a
        if self.kind.startswith("conv"):
            fields |= {"out_channels": 1, "dilation": z.d, "bias": False}
        return build(self.kind, fields, self.rank)

    @property
    def input(self) -> tuple[int, ...]:
        return (1, *(self.sizes.i,) * self.rank)

    def plan(self, view: str | None = None, seed: int = 0) -> Plan:
        """Its plan; a transposed convolution is told as the guide does, over the zero-stuffed input."""
        if view is None and self.kind == "conv_transpose":
            view = "gather"
        done = explain(self.op, self.input, view=view, seed=seed)
        neutral = {"d": 1, "a": 0}
        told = [f"{name} = {value}" for name, value in vars(self.sizes).items() if value != neutral.get(name)]
        rest = tuple(f for f in done.formulas if not f.about.startswith("output size"))
        return replace(
            done,
            name=self.name,
            title=f"Relationship {self.number}: {self.law.title.lower()} ({', '.join(told)})",
            formulas=(self.formula, *rest),
        )


def relationship(
    which: int | str,
    i: int | None = None,
    k: int | None = None,
    s: int | None = None,
    p: int | None = None,
    d: int | None = None,
    a: int | None = None,
    rank: int = 2,
) -> Relationship:
    """A relationship by number (1 to 15) or by the name of its animation, at the guide's sizes or at others.

    In 8 to 14, i is the transposed convolution's input, while k, s and p are those of the convolution that it
    transposes. Raises ConvvizError where its conditions do not hold.

    >>> relationship("padding_strides_odd_transposed").formula.numbers
    '2×(3 − 1) + 1 + 3 − 2×1'
    >>> relationship(3, i=9, k=5, p=2).formula.result
    '9'
    """
    name = which if isinstance(which, str) else first_name(which)
    if name not in ANIMATIONS:
        raise ConvvizError(f"no relationship or animation {name!r}{nearest(name, ANIMATIONS)}")
    number, kind, sizes = ANIMATIONS[name]
    given = {n: v for n, v in dict(i=i, k=k, s=s, p=p, d=d, a=a).items() if v is not None}
    for key, value in given.items():
        low = 0 if key in "pa" else 1
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            raise ConvvizError(f"must be a whole number >= {low}, got {value!r}", key)
    sizes, law = replace(sizes, **given), LAWS[number - 1]
    for holds, text in law.holds:
        if not holds(sizes):
            told = ", ".join(f"{key} = {value}" for key, value in vars(sizes).items())
            raise ConvvizError(f"relationship {number} ({law.title.lower()}) needs {text}, got {told}")
    return Relationship(law, name, kind, sizes, rank)


def first_name(number: Any) -> str:
    """The animation that shows a relationship; raises ConvvizError for no such number."""
    for name, (n, _, _) in ANIMATIONS.items():
        if n == number and not isinstance(number, bool):
            return name
    raise ConvvizError(f"there are relationships 1 to 15, got {number!r}")


def relationships() -> tuple[Relationship, ...]:
    """All animations by name, at their own sizes, in the order of their numbers.

    >>> [r.name for r in relationships()][:2]
    ['no_padding_no_strides', 'numerical_no_padding_no_strides']
    """
    return tuple(sorted((relationship(name) for name in ANIMATIONS), key=lambda r: r.number))


def of_op(op: Op, size: int, axis: int = -1) -> Relationship:
    """The relationship that a convolution, pooling or transposed convolution follows along an axis of ``size`` cells.

    Of several that hold, the most particular one. Raises ConvvizError where none of the fifteen holds.

    >>> of_op(build("conv", {"out_channels": 64, "kernel_size": 7, "stride": 2, "padding": 3}, 2), 224).formula.numbers
    '⌊(224 + 2×3 − 7)/2⌋ + 1'
    """
    if not isinstance(op, Conv | ConvTranspose | WindowPool):
        raise ConvvizError("the fifteen relationships are of conv, pooling and conv_transpose", op.kind)
    z = sizes_of(op, size, axis)
    kind = (
        "conv_transpose" if isinstance(op, ConvTranspose) else "conv" if isinstance(op, Conv) else "max_pool"
    )
    for law in sorted(LAWS, key=lambda law: PARTICULAR.index(law.number)):
        if law.kind == kind and all(holds(z) for holds, _ in law.holds):
            return Relationship(law, first_name(law.number), op.kind, z, op.rank)
    told = ", ".join(f"{key} = {value}" for key, value in vars(z).items())
    raise ConvvizError(f"none of the fifteen relationships has {told}", op.kind)


# The laws from the most particular one to those that hold more often: half and full before any padding, and so on.
PARTICULAR = (1, 3, 4, 2, 5, 6, 7, 15, 8, 10, 11, 9, 12, 13, 14)


def sizes_of(op: Conv | ConvTranspose | WindowPool, size: int, axis: int) -> Sizes:
    """The sizes of an op along one spatial axis; raises ConvvizError for what the fifteen do not have."""
    if getattr(op, "ceil_mode", False):
        raise ConvvizError("the fifteen relationships round down, this one rounds up", op.kind)
    if isinstance(op, ConvTranspose):
        fields = (op.kernel_size, op.stride, op.padding, op.dilation, op.output_padding)
        return Sizes(size, *(field[axis] for field in fields))
    before, after = op.pads()[axis]
    if before != after:
        raise ConvvizError(
            f"the fifteen relationships pad both ends alike, got {before} and {after}", op.kind
        )
    return Sizes(size, op.kernel_size[axis], op.stride[axis], before, op.windows()[axis].dilation)


def smaller(one: Relationship, outputs: int = 3) -> Relationship:
    """The same relationship on fewer cells, the floor dropping as much: what a picture of a large map can show."""
    z, made = one.sizes, int(one.formula.result)
    if one.kind == "conv_transpose":
        few = min(z.i, outputs)
    else:
        few = z.i - z.s * min(max(made - outputs, 0), (z.i - 1) // z.s)
    return replace(one, sizes=replace(z, i=few), rank=min(one.rank, 2))
