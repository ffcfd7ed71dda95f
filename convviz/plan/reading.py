"""Arrays as panels, and the window that a step reads: its cells, what lies outside, the holes between its taps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

from convviz.ops.base import Array, Shape
from convviz.ops.relations import Relation, Taps, inside
from convviz.plan.given import plain, table_of
from convviz.plan.limits import MAX_CELLS, check_count
from convviz.plan.model import Cell, Grid, Number, Term


@dataclass(frozen=True)
class Kernel:
    """A weight ``(filters, channels of a filter, *kernel)`` as a panel, where its first two axes lie end to end.

    channels: for each filter, the input channels that it reads. names: of the two axes.
    """

    key: str
    weight: Array
    channels: Sequence[range]
    names: tuple[str, str] = ("filter", "channel")

    @property
    def size(self) -> Shape:
        return self.weight.shape[2:]

    @cached_property
    def flat(self) -> Array:
        return self.weight.reshape(-1, *self.size)

    def cell(self, filt: int, channel: int, tap: Sequence[int]) -> Cell:
        """Where the weight of a filter's ``channel`` (its first is 0) at ``tap`` lies in the panel."""
        return (filt * self.weight.shape[1] + channel, *tap)

    def grid(self, title: str) -> Grid:
        many = self.weight.shape[0] > 1
        deep = self.weight.shape[1] > 1 or len(set(self.channels)) > 1
        names = tuple(
            ", ".join([f"{self.names[0]} {f}"] * many + [f"{self.names[1]} {c}"] * deep)
            for f, channels in enumerate(self.channels)
            for c in channels
        )
        return Grid(
            self.key,
            "kernel",
            title,
            self.flat.shape,
            table_of(self.flat),
            channels=names if any(names) else (),
        )


@dataclass(frozen=True)
class Map:
    """An input ``(C, *space)`` and what lies around it.

    windows: how each spatial axis is read. out: how many outputs there are along each.
    pads: cells around it (before, after); a window that reaches further gets what it needs.
    zeros: of these, the cells (before, after) that hold a number; None: all do.
    """

    key: str
    x: Array
    windows: Sequence[Relation]
    out: Shape
    pads: Sequence[tuple[int, int]] = ()
    zeros: Sequence[tuple[int, int]] | None = None

    @cached_property
    def box(self) -> tuple[range, ...]:
        """The indices along each axis, those of the padding included."""
        found = []
        for a, (n, window, out) in enumerate(zip(self.x.shape[1:], self.windows, self.out, strict=True)):
            before, after = self.pads[a] if self.pads else (0, 0)
            ends = [
                end for o in (0, out - 1) if (cells := window.taps(o).cells) for end in (cells[0], cells[-1])
            ]
            found.append(range(min([-before, 0, *ends]), max([n + after, n, *(end + 1 for end in ends)])))
        return tuple(found)

    def check_size(self) -> None:
        """Raises ConvvizError where the padded input would have absurdly many cells."""
        check_count(
            self.key, "cells of the padded input", prod(map(len, self.box)) * self.x.shape[0], MAX_CELLS
        )

    @cached_property
    def real_along(self) -> list[dict[int, int | None]]:
        """For each axis: the real index that an index stands for by the padding mode; None for none."""
        found = []
        for n, box, window in zip(self.x.shape[1:], self.box, self.windows, strict=True):
            border = getattr(window, "border", "zeros")
            hits = {at: inside(range(at, at + 1), n, border) for at in box}
            found.append({at: hit[0][0] if hit else None for at, hit in hits.items()})
        return found

    def real(self, cell: Cell) -> Cell | None:
        """The real cell that a cell stands for; None for one that holds a zero, or nothing."""
        at = [along[i] for along, i in zip(self.real_along, cell[1:], strict=True)]
        return None if None in at else (cell[0], *(i for i in at if i is not None))

    def value(self, cell: Cell) -> Number:
        real = self.real(cell)
        return 0 if real is None else plain(self.x[real])

    def outside(self, cell: Cell) -> bool:
        return any(not 0 <= at < n for at, n in zip(cell[1:], self.x.shape[1:], strict=True))

    def holds(self, cell: Cell) -> bool:
        """Whether there is a number in a cell; what lies outside may be nothing at all."""
        if self.zeros is None:
            return True
        axes = zip(cell[1:], self.x.shape[1:], self.zeros, strict=True)
        return all(-before <= at < n + after for at, n, (before, after) in axes)

    def reach(self, at: Cell) -> list[Taps]:
        """For each spatial axis, what the output at ``at`` reads."""
        return [window.taps(o) for window, o in zip(self.windows, at, strict=True)]

    def products(self, kernel: Kernel, filt: int, reach: Sequence[Taps]) -> Iterator[Term]:
        """The terms of one output cell: every channel of the filter, every tap."""
        pairs = [list(zip(*taps, strict=True)) for taps in reach]
        for number, channel in enumerate(kernel.channels[filt]):
            for tap in product(*pairs):
                cell = (channel, *(at for at, _ in tap))
                weight = kernel.cell(filt, number, [t for _, t in tap])
                value, factor = self.value(cell), plain(kernel.flat[weight])
                yield Term(self.key, cell, value, weight, factor, plain(value * factor), self.outside(cell))

    def holes(self, channels: Sequence[int], reach: Sequence[Taps]) -> tuple[Cell, ...]:
        """The cells that a dilated window jumps over."""
        if not any(abs(taps.cells.step) > 1 for taps in reach if len(taps.cells) > 1):
            return ()
        boxes = [range(min(taps.cells), max(taps.cells) + 1) for taps in reach]
        read = set(product(*(taps.cells for taps in reach)))
        return tuple((c, *at) for c in channels for at in product(*boxes) if at not in read)

    @cached_property
    def unread(self) -> list[list[int]]:
        """For each axis, the indices of the padded input that no output reads."""
        read = [
            {cell for o in range(out) for cell in window.taps(o).cells}
            for window, out in zip(self.windows, self.out, strict=True)
        ]
        return [[at for at in box if at not in hit] for box, hit in zip(self.box, read, strict=True)]

    def grid(self, title: str, role: str = "input", stuffed: tuple[int, ...] = ()) -> Grid:
        channels = range(self.x.shape[0])
        pads = tuple((-box.start, box.stop - n) for box, n in zip(self.box, self.x.shape[1:], strict=True))
        around: dict[Cell, Number | None] = {}
        bordered = any(getattr(window, "border", "zeros") != "zeros" for window in self.windows)
        if self.zeros is not None or bordered:
            cells = [(c, *at) for at in product(*self.box) for c in channels]
            around = {
                cell: self.value(cell) if bordered else None
                for cell in cells
                if self.outside(cell) and (bordered or not self.holds(cell))
            }
        lost = [set(axis) for axis in self.unread]
        unused = frozenset(
            (c, *at)
            for c in (channels if any(lost) else ())
            for at in product(*self.box)
            if any(i in axis for i, axis in zip(at, lost, strict=True))
        )
        return Grid(
            self.key,
            role,
            title,
            self.x.shape,
            table_of(self.x),
            pads if any(a or b for a, b in pads) else (),
            around,
            stuffed,
            unused,
        )
