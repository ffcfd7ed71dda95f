"""Tiles, how they lie along an axis, and the plan of all tiles of an image: plain records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import prod

from convviz.analysis.grids import Blocker
from convviz.analysis.live import Memory
from convviz.analysis.resized import Resizer
from convviz.errors import ConvvizError
from convviz.graph import Graph

BOXES = 100_000  # tiles that are listed


@dataclass(frozen=True)
class Tile:
    """One tile along one axis: cells [start, stop) of the image, of whose output units [skip, skip + kept) are kept.

    They are units [out_start, out_start + kept) of the whole output.
    """

    start: int
    stop: int
    out_start: int
    kept: int
    skip: int

    @property
    def size(self) -> int:
        return self.stop - self.start

    @property
    def out_stop(self) -> int:
        return self.out_start + self.kept


@dataclass(frozen=True)
class AxisTiling:
    """How tiles lie along one axis.

    tile: cells of a tile. align: tiles start at multiples of it. jump: input cells per output unit. output: units that
    the net makes of a tile. drop: units at each end of that which are not kept inside the image. halo: cells of
    context (before, after) around what is kept. overlap: cells that neighbouring tiles share at least. pitch: cells
    from one tile to the next. rf_drop: the same as drop from the receptive field alone, which does not see padding
    that a layer adds behind a crop. exact: drop is the smallest possible (False: safe, but only the ends were
    followed).
    """

    axis: int
    name: str
    tile: int
    align: int
    jump: Fraction
    output: int
    drop: tuple[int, int]
    halo: tuple[int, int]
    pitch: int
    rf_drop: tuple[int, int]
    exact: bool
    smallest: int  # the smallest legal tile of this class that keeps something
    shift: Fraction  # output - tile/jump: how many units more (or fewer) than the scale alone would give

    @property
    def overlap(self) -> int:
        return self.tile - self.pitch

    @property
    def scale(self) -> Fraction:
        """Output units per input cell."""
        return 1 / self.jump


@dataclass(frozen=True)
class AxisPlan:
    """Tiles of an axis of ``length`` cells: ``count`` of them, all but the last one pitch apart."""

    tiling: AxisTiling
    length: int
    output: int  # units of the whole output
    count: int
    last: Tile

    def __getitem__(self, i: int) -> Tile:
        if not 0 <= i < self.count:
            raise IndexError(i)
        if i == self.count - 1:
            return self.last
        t = self.tiling
        start = i * t.pitch
        kept = t.output - t.drop[1]  # by the first tile; each of the others goes on where the one before ends
        skip = kept - int(t.pitch / t.jump) if i else 0
        return Tile(start, start + t.tile, int(start / t.jump) + skip, kept - skip, skip)

    def __iter__(self) -> Iterator[Tile]:
        return (self[i] for i in range(self.count))

    @property
    def sizes(self) -> dict[int, int]:
        """How many tiles there are of each size."""
        if self.last.size == self.tiling.tile:
            return {self.last.size: self.count}
        return (
            {self.tiling.tile: self.count - 1, self.last.size: 1} if self.count > 1 else {self.last.size: 1}
        )


@dataclass(frozen=True)
class Plan:
    """All tiles of an image. redundancy: MACs of all tiles over MACs of the whole image (None: the net has no MACs)."""

    axes: tuple[AxisPlan, ...]
    redundancy: Fraction | None

    @property
    def count(self) -> int:
        return prod(axis.count for axis in self.axes)

    @property
    def image(self) -> tuple[int, ...]:
        return tuple(axis.length for axis in self.axes)

    @property
    def output(self) -> tuple[int, ...]:
        return tuple(axis.output for axis in self.axes)

    def tiles(self) -> Iterator[tuple[Tile, ...]]:
        """Every tile, as one :class:`Tile` for each axis, row by row; raises ConvvizError above BOXES of them."""
        if self.count > BOXES:
            raise ConvvizError(f"{self.count:,} tiles are too many to list (at most {BOXES:,})")
        return product(*self.axes)


@dataclass(frozen=True, repr=False)
class Tiling:
    """How to run ``graph`` (up to ``layer``) on tiles. axes: None where none exist, even with all statistics held.

    blockers: layers whose values in a tile differ from those in the whole image. frozen: the user holds what they take
    from the whole image. plan: the tiles of the image that was asked for.
    """

    graph: Graph
    layer: str
    axes: tuple[AxisTiling, ...] | None
    blockers: tuple[Blocker, ...]
    frozen: bool
    memory: Memory
    plan: Plan | None = None
    notes: tuple[str, ...] = ()
    resizer: Resizer = field(repr=False, compare=False, default=None)  # type: ignore[assignment]

    @property
    def exact(self) -> bool:
        """Whether tiles give what the whole image gives."""
        return self.axes is not None and (self.frozen or not self.blockers)

    @property
    def tile(self) -> tuple[int, ...]:
        return self.graph.inputs[next(iter(self.graph.inputs))][1:]

    def _repr_html_(self) -> str:
        from convviz.report.formats import render
        from convviz.report.tiling import tiling_table

        return render(tiling_table(self), "html")

    def __repr__(self) -> str:
        from convviz.report.formats import render
        from convviz.report.tiling import tiling_table

        return render(tiling_table(self), "text")
