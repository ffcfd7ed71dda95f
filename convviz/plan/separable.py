"""What the separable forms save against the convolution that they replace, and which kernels can be split at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from convviz.ops import build
from convviz.ops.base import Array, Shape
from convviz.ops.conv import Conv, expand
from convviz.plan import words
from convviz.plan.formulas import kernel_symbols, power
from convviz.plan.given import table_of
from convviz.plan.model import Formula, Grid, Plan, Table

# A small kernel of each kind: what is the product of a column and a row, and what is not.
KERNELS = {
    "Gauss": ((1, 2, 1), (2, 4, 2), (1, 2, 1)),
    "Sobel": ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
    "Laplace": ((0, 1, 0), (1, -4, 1), (0, 1, 0)),
    "diagonal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
}


def against_normal(plan: Plan, kind: str, fields: Mapping[str, Any], shape: Shape) -> Plan:
    """The plan with a comparison to the one convolution that the form replaces."""
    rank, stages = len(shape) - 1, plan.stages
    known = ("kernel_size", "stride", "padding", "dilation", "bias", "padding_mode")
    kept = {name: fields[name] for name in known if name in fields}
    normal = build("conv", {**kept, "out_channels": stages[-1].out[0]}, rank)
    assert isinstance(normal, Conv)
    mine, whole = sum(s.op.macs(*s.ins) for s in stages), normal.macs(shape)
    ratio = Fraction(mine, whole)
    facts = (*plan.facts, ("MACs of a normal convolution", f"{whole:,}"), ("ratio to normal", shown(ratio)))
    found = list(plan.formulas)
    out_channels = stages[-1].out[0]
    if kind == "separable_conv" and stages[0].out[0] == shape[0]:
        area = prod(normal.kernel_size)
        found.append(
            Formula(
                "MACs against a normal convolution",
                f"1/C_out + 1/k{power(rank)}",
                f"1/{out_channels} + 1/{area}",
                shown(ratio),
            )
        )
    if kind == "spatially_separable_conv" and rank == 2 and len(set(normal.kernel_size)) == 1:
        k, mid = normal.kernel_size[0], stages[0].out[0]
        even = Fraction(k * shape[0] * out_channels, shape[0] + out_channels)
        found.append(
            Formula(
                "fewer parameters if the channels between are fewer than",
                "k·C_in·C_out/(C_in + C_out)",
                f"{k}×{shape[0]}×{out_channels}/({shape[0]} + {out_channels})",
                shown(even),
                f"Here there {'is' if mid == 1 else 'are'} {mid}.",
            )
        )
    return replace(plan, facts=facts, formulas=tuple(found))


def shown(value: Fraction) -> str:
    """``11/18 = 0.6111``"""
    return str(value) if value.denominator == 1 else f"{value} = {words.number(float(value))}"


def with_product(plan: Plan, used: Sequence[Mapping[str, Array]]) -> Plan:
    """The two-stage plan with the one kernel that both stages are together, and how far others are from a product."""
    first, second = used[0]["weight"], used[1]["weight"]
    if plan.stages[0].op.fields()["groups"] > 1:
        return plan
    product = np.einsum("miab,omcd->oiacbd", first, second)  # a, b: column; c, d: row
    o, i, a, c, b, d = product.shape
    product = product.reshape(o * i, a * c, b * d)
    names = tuple(f"filter {f}, channel {g}" for f in range(o) for g in range(i)) if o * i > 1 else ()
    size = words.size(product.shape[1:])
    grid = Grid(
        "product",
        "kernel",
        f"both together: a kernel {size}",
        product.shape,
        table_of(product),
        channels=names,
    )
    rows = [rank_one("this product", product[0])] + [rank_one(n, np.array(k)) for n, k in KERNELS.items()]
    table = Table(
        "rank1",
        "a kernel is a column times a row if it has one singular value",
        ("kernel", "singular values", "left over by the best column × row"),
        tuple(rows),
    )
    single = first.shape[0] == 1
    note = (
        "A column times a row has rank 1: only such kernels can be split exactly, "
        f"and the Laplace kernel keeps {rows[3][2]} of its energy outside its best column × row."
    )
    if not single:
        note += f" With {first.shape[0]} channels between, the two stages reach rank {first.shape[0]}."
    return replace(plan, panels=(*plan.panels, grid, table), notes=(*plan.notes, note))


def rank_one(name: str, kernel: Array) -> tuple[str, str, str]:
    """The singular values of a kernel, and the share of its energy that its best rank-1 kernel leaves over."""
    values = np.linalg.svd(kernel.astype(float), compute_uv=False)
    values[values < 1e-9 * max(values.max(), 1e-300)] = 0
    energy = float((values**2).sum())
    left = float((values[1:] ** 2).sum()) / energy if energy else 0.0
    return (
        name,
        ", ".join(words.number(round(float(v), 3)) for v in values),
        f"{words.number(round(100 * left, 1))} %",
    )


@dataclass(frozen=True)
class Savings:
    """Weights (no biases) and MACs of a depthwise and a pointwise convolution, and of the one that they stand for.

    ratio: of both, MACs and weights alike where the stride is the depthwise one's: 1/C_out + 1/k^n.
    """

    weights: tuple[int, int]
    macs: tuple[int, int]
    normal_weights: int
    normal_macs: int
    ratio: Fraction
    formula: Formula

    @property
    def total_weights(self) -> int:
        """Of both steps."""
        return sum(self.weights)

    @property
    def total_macs(self) -> int:
        return sum(self.macs)


def savings(fields: Mapping[str, Any], shape: Shape) -> Savings:
    """What a depthwise separable convolution with these fields needs against a normal one on a map ``(C, *space)``.

    >>> found = savings({"out_channels": 256, "kernel_size": 3, "padding": 1}, (128, 14, 14))
    >>> str(found.ratio), found.weights, found.normal_weights
    ('265/2304', (1152, 32768), 294912)
    """
    rank, one = len(shape) - 1, {**fields, "bias": False}
    known = ("kernel_size", "stride", "padding", "dilation", "padding_mode", "out_channels", "bias")
    normal = build("conv", {name: one[name] for name in known if name in one}, rank)
    assert isinstance(normal, Conv)
    first, second = (build("conv", part, rank) for _, part in expand("separable_conv", one, shape))
    between = first.shape(shape)
    macs = (first.macs(shape), second.macs(between))
    ratio = Fraction(sum(macs), normal.macs(shape))
    area, filters = prod(normal.kernel_size), normal.out_channels
    formula = Formula(
        "MACs against a normal convolution",
        f"1/C_out + 1/{kernel_symbols(normal.kernel_size)}",
        f"1/{filters} + 1/{area}",
        shown(ratio),
    )
    return Savings(
        (first.params(shape), second.params(between)),
        macs,
        normal.params(shape),
        normal.macs(shape),
        ratio,
        formula,
    )
