"""What the analyses return: frozen records without any presentation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

from convviz.errors import ConvvizError, nearest
from convviz.graph import Graph, Node


@dataclass(frozen=True)
class Field:
    """Receptive field of one layer's units on the net's input; tuples have one entry for each spatial axis.

    size, min: largest and smallest span over the output phases, nothing clipped. jump: input cells per output step
    (None: no one number; see `is_global`). start: first input index that unit 0 reads, as if the map had no end
    (None: reads nothing, or no one number). period: output phases. pixels: cells really read (None: not counted).
    also_global: the first node through which a unit depends on the whole image besides.
    """

    size: tuple[int, ...]
    min: tuple[int, ...]
    jump: tuple[Fraction | None, ...]
    start: tuple[int | None, ...]
    period: tuple[int, ...]
    pixels: int | None
    is_global: bool = False
    also_global: str | None = None


@dataclass(frozen=True)
class Layer:
    """A node and what was found about it; ``rf`` is None where it does not depend on the chosen input."""

    node: Node
    rf: Field | None


@dataclass(frozen=True)
class Misalignment:
    """Two paths that meet in ``layer`` without agreeing, along spatial axis ``axis``."""

    layer: str
    paths: tuple[str, str]  # the two inputs of the join
    axis: int
    centres: tuple[Fraction, Fraction] | None  # of unit 0's cells on each path; None where the strides differ
    jumps: tuple[Fraction, Fraction]
    explanation: str


@dataclass(frozen=True, repr=False)
class ReceptiveField:
    """Receptive fields of every layer of ``graph`` with respect to input ``wrt``; ``result["conv4"]`` is a Field."""

    graph: Graph
    wrt: str
    layers: tuple[Layer, ...]
    mode: str = "eval"
    with_global: bool = False
    warnings: tuple[str, ...] = ()
    misaligned: tuple[Misalignment, ...] = ()
    engine: Any = field(default=None, repr=False, compare=False)

    @cached_property
    def by_name(self) -> dict[str, Field | None]:
        return {layer.node.name: layer.rf for layer in self.layers}

    def __getitem__(self, name: str) -> Field | None:
        if name not in self.by_name:
            raise ConvvizError(f"no layer {name!r} in {self.graph.name}{nearest(name, self.by_name)}")
        return self.by_name[name]

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def _repr_html_(self) -> str:
        from convviz.report.tables import render_rf

        return render_rf(self, "html")

    def __repr__(self) -> str:
        from convviz.report.tables import render_rf

        return render_rf(self, "text")


@dataclass(frozen=True)
class Unit:
    """The input cells that one real unit reads: inclusive bounds per axis (None: reads nothing), and how many."""

    layer: str
    unit: tuple[int, ...]
    lo: tuple[int, ...] | None
    hi: tuple[int, ...] | None
    span: tuple[int, ...] | None
    count: int | None
    clipped: bool
