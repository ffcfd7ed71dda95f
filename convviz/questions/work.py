"""What the evidence of many questions needs: small nets, ops on arrays, tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from convviz.analysis.receptive_field import receptive_field
from convviz.graph import Graph, GraphBuilder
from convviz.ops.base import Array, Shape, build
from convviz.questions.model import Evidence, Facts, Value

Layer = tuple[str, Mapping[str, Any]]
Row = tuple[Any, ...]  # of a table: texts and numbers


def evidence(
    key: str,
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Value]],
    says: str,
) -> Evidence:
    """A table and what it says; numpy's numbers become Python's."""
    plain = tuple(tuple(v.item() if isinstance(v, np.generic) else v for v in row) for row in rows)
    return Evidence(Facts(key, title, tuple(columns), plain), says)


def conv(out: int, kernel: int | Sequence[int] = 3, **fields: Any) -> Layer:
    """A layer for :func:`chain`: a convolution without bias, unless told otherwise."""
    return "conv", {"out_channels": out, "kernel_size": kernel, "bias": False, **fields}


def pool(size: int = 2, kind: str = "max_pool") -> Layer:
    return kind, {"kernel_size": size}


GAP: Layer = ("global_avg_pool", {})
FLATTEN: Layer = ("flatten", {})


def linear(out: int) -> Layer:
    return "linear", {"out_features": out}


def chain(input: Shape, *layers: Layer) -> Graph:
    """A net of layers one after the other, channels first.

    >>> chain((1, 28, 28), conv(8), pool()).shape("1")
    (8, 13, 13)
    """
    builder = GraphBuilder("chain", {"input": input})
    before = "input"
    for i, (kind, fields) in enumerate(layers):
        builder.add(str(i), build(kind, dict(fields), len(input) - 1), (before,))
        before = str(i)
    return builder.build()


def field(graph: Graph, layer: str | None = None) -> tuple[int | str, Fraction | None]:
    """Receptive field and jump of a layer (default: the last) along the first axis; ``global`` where it is."""
    found = receptive_field(graph)[layer or graph.nodes[-1].name]
    assert found is not None
    return ("global" if found.is_global else found.size[0]), found.jump[0]


def last_map(graph: Graph) -> str:
    """The last layer with space that is not global."""
    rank = len(next(iter(graph.inputs.values())))
    found = receptive_field(graph)
    return next(
        x.node.name for x in reversed(found.layers) if x.rf and not x.rf.is_global and len(x.node.out) == rank
    )


def apply(
    kind: str, x: Array, fields: Mapping[str, Any] | None = None, mode: str = "eval", **weights: Array
) -> Array:
    """An op on one batch ``(N, C, *space)``, with weights by torch's names.

    >>> apply("max_pool", np.arange(4.0).reshape(1, 1, 2, 2), {"kernel_size": 2}).item()
    3.0
    """
    op = build(kind, dict(fields or {}), x.ndim - 2)
    op.shape(*[x.shape[1:]])
    return op.forward(x, weights=weights, mode=mode)


def convolve(x: Array, weight: Array, **fields: Any) -> Array:
    """Convolution of a batch with a weight ``(out, in / groups, *kernel)``."""
    given = {"out_channels": weight.shape[0], "kernel_size": list(weight.shape[2:]), "bias": False, **fields}
    return apply("conv", x, given, weight=weight)


def whole(seed: int, *shape: int, low: int = -3, high: int = 4) -> Array:
    """Small whole numbers, the same for every run: sums of their products are exact."""
    return np.random.default_rng(seed).integers(low, high, shape).astype(float)


def gap(a: Array, b: Array) -> float:
    """The largest difference between two arrays."""
    return float(np.abs(a - b).max())


def sized(shape: Shape) -> str:
    """``64x7x7``"""
    return "x".join(map(str, shape))


def number(value: float) -> str:
    """A number as plans write it; plans are loaded only when a number is written, for a list of questions has none.

    >>> number(-2 / 3)
    '−0.6667'
    """
    from convviz.plan.words import number

    return number(value)


def cells(values: Array) -> str:
    """The numbers of an array in a line.

    >>> cells(np.array([1.0, -0.5]))
    '1, −0.5'
    """
    return ", ".join(number(float(v)) for v in np.asarray(values).ravel())


def listing(words: Iterable[str]) -> str:
    """``a, b and c``"""
    from convviz.plan.words import listing

    return listing(words)


def brief(value: float) -> str:
    """A number for a sentence: whole ones in full, others with three digits that count.

    >>> brief(14.0625), brief(8594.4), brief(0.000274594), brief(49.0)
    ('14.1', '8,594', '0.000275', '49')
    """
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return number(value if value == int(value) else float(f"{value:.3g}"))
