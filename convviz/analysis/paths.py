"""Path counts: over how many paths each input cell reaches one unit.

A path is a chain of taps from an input cell to the unit. Along one axis of a chain of layers the counts are the
coefficients of ``W(x) = prod_l K_l(x^{S_{l-1}})`` with ``K_l = sum_t x^{d_l t}``; in general they are gathered
backwards from the unit, over all branches. Every tap counts one, those of fixed weights (average pooling,
interpolation) too; channels do not multiply: a unit is one position with all its channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import log2, sqrt

from convviz.analysis.backward import hull, reach
from convviz.analysis.cells import Cells
from convviz.analysis.influence import Extent, Mass, extent
from convviz.analysis.lower import Lowered, lower
from convviz.analysis.path_counter import count
from convviz.analysis.path_moments import Term, closed_form, moments
from convviz.errors import ConvvizError
from convviz.graph import Graph
from convviz.ops.base import show

NOISE = 1e-9  # what the logarithms of two totals may differ by rounding


@dataclass(frozen=True, eq=False, repr=False)
class PathCounts:
    """The paths from the input to one unit; tuples have one entry for each spatial axis.

    lo, size: the theoretical box, the cells that the unit reads as if no map had an end. free: the counts as if no
    map had an end (None: too many cells). real: those of the real unit; paths through padding are none (None: too many
    cells, or no path without padding). total: paths of the free unit (None: not counted exactly). mean, variance: of
    the free counts, in input cells and their squares; Fractions are exact. terms: of the closed form, on a chain.
    also: the first node through which the unit depends on the whole input besides (statistics, a gate); its paths are
    not counted.
    """

    graph: Graph
    layer: str
    unit: tuple[int, ...]
    wrt: str
    lo: tuple[int, ...]
    size: tuple[int, ...]
    free: Mass | None
    real: Mass | None
    total: int | None
    mean: tuple[float, ...] | None
    variance: tuple[Fraction | float, ...] | None
    terms: tuple[tuple[Term, ...], ...] | None
    also: str | None = None

    @property
    def input(self) -> tuple[int, ...]:
        """Spatial shape of the input."""
        return self.graph.inputs[self.wrt][1:]

    @property
    def sd(self) -> tuple[float, ...] | None:
        """Measured on the counts, nothing clipped."""
        return None if self.variance is None else tuple(sqrt(v) for v in self.variance)

    @property
    def closed_form(self) -> tuple[Fraction, ...] | None:
        """The variance ``sum_l d_l^2 (k_l^2 - 1)/12 S_{l-1}^2`` (Luo et al. 2016); None where branches join or phases
        differ.
        """
        return (
            None
            if self.terms is None
            else tuple(sum((t.value for t in line), Fraction(0)) for line in self.terms)
        )

    @property
    def log2_total(self) -> float | None:
        if self.total is not None:
            return log2(self.total)
        return None if self.free is None else self.free.log2_total

    @cached_property
    def lost(self) -> float | None:
        """The share of the paths that meet padding on the way, 0 to 1."""
        if self.log2_total is None or (self.real is None and self.free is None):
            return None
        if self.real is None:
            return 1.0
        if self.total is not None and self.real.total is not None:
            return float(1 - Fraction(self.real.total, self.total))
        gap = self.real.log2_total - self.log2_total
        return 0.0 if abs(gap) < NOISE else 1 - 2.0**gap

    @cached_property
    def free_extent(self) -> Extent | None:
        return None if self.free is None else extent(self.free, self.lo, self.size)

    @cached_property
    def real_extent(self) -> Extent | None:
        return None if self.real is None else extent(self.real, self.lo, self.size)

    def _repr_html_(self) -> str:
        from convviz.report.erf import render_erf

        return render_erf([self], "html")

    def __repr__(self) -> str:
        from convviz.report.erf import render_erf

        return render_erf([self], "text")


def path_counts(
    graph: Graph, layer: str | None = None, unit: Sequence[int] | None = None, wrt: str | None = None
) -> PathCounts:
    """How many paths lead from each input cell to one unit of ``layer``, and how far they spread.

    layer: default, the last with spatial axes whose units do not read everything. unit: its position, one index for
    each axis; default, the middle. wrt: the input, by default the first. Counts are Python integers as far as that is
    affordable, else floats that are right to 12 digits. Raises ConvvizError for a layer or a unit that does not exist,
    reads nothing, or reads everything.

    Source: Luo, Li, Urtasun and Zemel, "Understanding the effective receptive field in deep convolutional neural
    networks", 2016.

    >>> import convviz
    >>> paths = path_counts(convviz.read("code8"), "conv2")
    >>> paths.size, paths.total, paths.free.cells()[2].tolist()
    ((5, 5), 81, [3, 6, 9, 6, 3])
    """
    lowered = lower(graph, wrt)
    layer, unit = place(lowered, layer, unit)
    start = [Cells(u, 1) for u in unit]
    field = reach(lowered, layer, start, clip=False)
    if not field:
        raise ConvvizError(
            f"unit {','.join(map(str, unit))} of {layer} reads no input cell; ask for another one", "--unit"
        )
    sides = hull(field)
    free = count(lowered, layer, unit, clip=False)
    real = count(lowered, layer, unit, clip=True)
    total: int | None = None
    mean: tuple[float, ...] | None = None
    variance: tuple[Fraction | float, ...] | None = None
    known = moments(lowered, layer, unit)
    if known is not None:
        total, mean, variance = known
    elif free is not None:
        total, mean, variance = free.total, free.mean, free.variance
    return PathCounts(
        graph, layer, unit, lowered.wrt, tuple(s.lo for s in sides), tuple(s.span for s in sides),
        free, real, total, mean, variance, closed_form(lowered, layer), lowered.nodes[layer].also,
    )  # fmt: skip


def place(lowered: Lowered, layer: str | None, unit: Sequence[int] | None) -> tuple[str, tuple[int, ...]]:
    """The layer and the unit that are asked about, checked; see :func:`path_counts`."""
    rank, graph = lowered.rank, lowered.graph
    if not rank:
        raise ConvvizError(f"the input of {graph.name} is a vector: its units have no position")
    axes = frozenset(range(rank))
    names = [
        node.name
        for node in graph.nodes
        if (state := lowered.nodes[node.name].state)
        and len(node.out) == rank + 1
        and not state.everywhere & axes
        and not state.nothing
    ]
    if layer is None:
        if not names:
            raise ConvvizError(
                f"{graph.name} has no layer with {rank} spatial ax{'is' if rank == 1 else 'es'} before it reads "
                "the whole input; name one with --layer"
            )
        layer = names[-1]
    state = lowered.state(layer)
    if state is None:
        raise ConvvizError(f"{layer} does not depend on the input {lowered.wrt!r}", "--layer")
    if axes <= state.everywhere:
        instead = f"; the last layer before is {names[-1]}" if names else ""
        raise ConvvizError(
            f"every unit of {layer} reads the whole input (from {state.origin} on), so its influence has no "
            f"radius{instead}",
            "--layer",
        )
    sizes = state.sizes[:rank]
    unit = tuple(n // 2 for n in sizes) if unit is None else tuple(unit)
    if len(unit) != rank or any(not 0 <= u < n for u, n in zip(unit, sizes, strict=True)):
        raise ConvvizError(
            f"unit {','.join(map(str, unit))} is not in {layer}, whose map is {show(sizes)} (indices start at 0)",
            "--unit",
        )
    return layer, unit
