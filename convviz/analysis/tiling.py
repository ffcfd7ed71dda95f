"""Tiles of an image such that the net on each tile gives, where it is kept, exactly what it gives on the whole image.

Two things decide it. The grids of all layers must line up, so tiles start at multiples of an alignment
(:mod:`convviz.analysis.grids`). And a unit of a tile is *valid* only if no layer on its way reads a cell that the tile
lacks and the image has: padding inside the net is right at the border of the image and wrong at the border of a tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from math import ceil, lcm, prod

from convviz.analysis.axis_map import AxisMap
from convviz.analysis.grids import Blocker, Grid, differing, grid
from convviz.analysis.live import peak
from convviz.analysis.lower import Lowered, lower
from convviz.analysis.receptive_field import Engine
from convviz.analysis.resized import AXES, Misfit, Reread, Resizer, map_layer
from convviz.analysis.tiles import AxisPlan, AxisTiling, Plan, Tile, Tiling
from convviz.analysis.validity import Stretch, valid
from convviz.errors import ConvvizError
from convviz.graph import Graph
from convviz.ops.base import show

SEARCH = 4096  # sizes tried to find a legal one
LONGER = (1, 2, 7)  # alignments by which an image is longer whose layers are to read as those of the tile


def tiling(
    graph: Graph,
    tile: int | Sequence[int] | None = None,
    *,
    memory: int | None = None,
    size: int | Sequence[int] | None = None,
    layer: str | None = None,
    freeze: bool = False,
    reread: Reread | None = None,
) -> Tiling:
    """How to run ``graph`` on tiles so that the result is that of the whole image.

    tile: cells of a tile along each axis, or along all of them; the largest legal size up to it is taken. memory:
    bytes, in the place of tile: the largest legal tile, as long along every axis, whose estimated need fits.
    Neither: the smallest. size: the whole image, for a plan. layer: default, the first output with the input's axes.
    freeze: what statistics and gates take from the whole image is computed first and held. reread: as in
    :func:`convviz.analysis.sizes.sizes`.
    Raises ConvvizError where a size does not fit or the output has no position on the input.

    >>> import convviz
    >>> convviz.tiling(convviz.read("unet"), 572).axes[0].overlap
    188
    """
    layer = map_layer(graph) if layer is None else layer
    resizer = Resizer(graph, layer, reread)
    return _Search(resizer, layer, freeze).found(tile, memory, size)


class Uneven(ConvvizError):
    """An image on which some layers read otherwise than on the tile, because the sizes leave other remainders."""


class _Search:
    """Finds the tile, then what holds on it."""

    def __init__(self, resizer: Resizer, layer: str, freeze: bool) -> None:
        self.resizer, self.layer, self.freeze = resizer, layer, freeze
        self.rank = resizer.rank
        self.notes: list[str] = []
        self.alike = False  # whether the tile is to be of the image's class
        self.chosen = False  # whether only sizes of the base's class will do
        self.low: dict[tuple[int, ...], list[Lowered]] = {}
        self.fields: list[Sequence[AxisMap | None]] = []
        self.possible = True
        self.base = resizer.space  # the size from which others are found

    def lowered(self, space: tuple[int, ...]) -> list[Lowered]:
        """The net at a size, followed from each input that lies on the image."""
        if space not in self.low:
            graph = self.resizer.at(space)
            names = [n for n, s in graph.inputs.items() if len(s) == self.rank + 1]
            if any(graph.inputs[n][1:] != space for n in names):
                raise ConvvizError(
                    f"the inputs of {graph.name} differ in size; tiles are for inputs of one size"
                )
            self.low[space] = [lower(graph, name) for name in names]
        return self.low[space]

    def grids(self, space: tuple[int, ...]) -> list[list[Grid]]:
        """For each axis, the grid from each input."""
        return [[grid(low, axis) for low in self.lowered(space)] for axis in range(self.rank)]

    def align(self, space: tuple[int, ...]) -> list[int]:
        return [lcm(*(g.align for g in by_input)) for by_input in self.grids(space)]

    # -- the tile -------------------------------------------------------------------------------------
    def found(
        self,
        tile: int | Sequence[int] | None,
        memory: int | None,
        size: int | Sequence[int] | None,
    ) -> Tiling:
        graph = self.resizer.graph
        if len(graph.shape(self.layer)) != self.rank + 1:
            maps = [n.name for n in graph if len(n.out) == self.rank + 1 and max(n.out[1:]) > 1]
            near = f", such as {maps[-1]}" if maps else ""
            raise ConvvizError(
                f"{self.layer} gives {show(graph.shape(self.layer))}, one result for the whole image: there is nothing "
                f"to put together; name a layer that is a map{near}",
                "layer",
            )
        self._find_base()
        align = self.align(self.base)
        whole = self._whole(size, align)
        wanted = None if tile is None else self._checked(tile, "tile")
        if memory is not None:
            space = self._fitting(memory, align, whole)
        elif wanted is not None:
            space = self._legal(wanted, align, whole)
            try:
                return self._at(space, whole)
            except (
                Uneven
            ):  # the image is of another class of sizes than this tile: perhaps not than a smaller one
                self.alike, self.notes = True, []
                space = self._legal(wanted, align, whole)
        else:
            space = self._smallest(whole)
        return self._at(space, whole)

    def _find_base(self) -> None:
        """The net's own size, or the next at which all strides divide, where only then tiles are possible.

        A net that resizes to the size of a skip doubles it only where all divisions by two come out even.
        """
        self.possible = all(b.freezable for b in self._blockers(self.base, None))
        if self.possible:
            return
        grids = self.grids(self.base)
        strides = [
            max((int(j) for g in by_input for j in g.jumps.values() if j is not None), default=1)
            for by_input in grids
        ]
        even = tuple(-(-n // s) * s for n, s in zip(self.base, strides, strict=True))
        if even == self.base or isinstance(self.resizer.probe(even), Misfit):
            return
        if all(b.freezable for b in self._blockers(even, None)):
            self.possible, self.base, self.chosen = True, even, True

    def _checked(self, values: int | Sequence[int], what: str) -> tuple[int, ...]:
        values = (values,) if isinstance(values, int) else tuple(values)
        if len(values) == 1:
            values *= self.rank
        if len(values) != self.rank or min(values) < 1:
            raise ConvvizError(
                f"must be one size or {self.rank}, one for each axis of the image, at least 1; got {show(values)}",
                what,
            )
        return values

    def _whole(self, size: int | Sequence[int] | None, align: list[int]) -> tuple[int, ...] | None:
        """The image's size, which the net must take."""
        if size is None:
            return None
        whole = self._checked(size, "size")
        out = self.resizer.probe(whole)
        if isinstance(out, Misfit):
            near = self._next_legal(whole, align)
            hint = f"; pad the image to {show(near)}" if near else ""
            raise ConvvizError(f"the net does not take an image of {show(whole)} ({out}){hint}", "size")
        return whole

    def _next_legal(self, whole: tuple[int, ...], align: list[int]) -> tuple[int, ...] | None:
        """The nearest larger image that the net takes: each axis on its own, then all axes on by as much."""
        tries = min(max(align) * 2, SEARCH) + 1
        for more in range(tries):
            for space in product(*({n, n + more, -(-n // a) * a} for n, a in zip(whole, align, strict=True))):
                if not isinstance(self.resizer.probe(space), Misfit):
                    return space
        return None

    def _legal(
        self, wanted: tuple[int, ...], align: list[int], whole: tuple[int, ...] | None
    ) -> tuple[int, ...]:
        """The largest legal tile up to ``wanted``; of the image's own residue class where one is near."""
        if whole is not None:
            wanted = tuple(map(min, wanted, whole))
        space = list(self.base)
        for axis, (n, a) in enumerate(zip(wanted, align, strict=True)):
            taken = same = None
            for m in range(n, max(n - min(2 * a, SEARCH), 0), -1):
                if self.chosen and (m - self.base[axis]) % a:
                    continue
                if isinstance(self._probe(space, axis, m), Misfit):
                    continue
                taken = m if taken is None else taken
                if whole is None or (m == n and not self.alike) or (whole[axis] - m) % a == 0:
                    same = m  # with this one the last tile is as long as the others
                    break
            if taken is None:
                why = self._probe(space, axis, n)
                raise ConvvizError(
                    f"the net takes no tile of {show(wanted)} or a little smaller ({why})", "tile"
                )
            taken = taken if same is None else same
            if taken != n:
                why = self._probe(space, axis, n)
                if isinstance(why, Misfit):
                    note = f"the net takes no tile of {n} along the {self._name(axis)} ({why}); {taken} is the next"
                elif self.chosen:
                    note = (
                        f"{taken} cells are taken along the {self._name(axis)}: "
                        f"{self.base[axis]} plus multiples of {a} are exact"
                    )
                else:
                    note = f"with {taken} cells along the {self._name(axis)} all tiles are of one size"
                self.notes.append(note)
            space[axis] = taken
        self._must_fit(tuple(space))
        return tuple(space)

    def _probe(self, space: Sequence[int], axis: int, n: int) -> object:
        return self.resizer.probe((*space[:axis], n, *space[axis + 1 :]))

    def _must_fit(self, space: tuple[int, ...]) -> None:
        out = self.resizer.probe(space)
        if isinstance(out, Misfit):
            raise ConvvizError(f"the net does not take a tile of {show(space)} ({out})", "tile")

    def _smallest(self, whole: tuple[int, ...] | None) -> tuple[int, ...]:
        """The smallest tile that keeps something on every axis, of the size class that the net came with."""
        space = self.base
        if not self.possible:
            return space
        for _ in range(24):  # towards the smallest one, which is only known to be safe until it was tried
            axes = self._axes(space)
            if axes is None:
                return space
            wanted = tuple(a.smallest for a in axes)
            if whole is not None:
                wanted = tuple(w if w < n else n for w, n in zip(wanted, whole, strict=True))
            if wanted == space:
                return space
            if isinstance(self.resizer.probe(wanted), Misfit):
                return space
            space = wanted
        return space

    def _fitting(self, memory: int, align: list[int], whole: tuple[int, ...] | None) -> tuple[int, ...]:
        """The largest legal tile, as long along every axis, whose estimate is within ``memory``."""
        self.alike = True

        def fits(n: int) -> bool:
            wanted = tuple(n for _ in align) if whole is None else tuple(min(n, m) for m in whole)
            for less in range(0, min(2 * max(align), SEARCH)):
                space = tuple(max(w - less, 1) for w in wanted)
                if not isinstance(self.resizer.probe(space), Misfit):
                    return peak(self.resizer.at(space)).total <= memory
            return True  # too small for the net: larger ones are looked at

        low, high = 1, max(2 * max(align), 64)
        top = max(whole) if whole is not None else 1 << 20
        while high < top and fits(high):
            low, high = high, 2 * high
        high = min(high, top)
        if fits(high):
            low = high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        notes = list(self.notes)
        try:
            space = self._legal((low,) * self.rank, align, whole)
        except ConvvizError:
            space = self._smallest(whole)
        need = peak(self.resizer.at(space)).total
        while need > memory and any(n > a for n, a in zip(space, align, strict=True)):
            try:
                space = self._legal(tuple(max(n - 1, 1) for n in space), align, whole)
            except ConvvizError:
                break
            need = peak(self.resizer.at(space)).total
        self.notes = notes
        if need > memory:
            raise ConvvizError(
                f"{memory:,} bytes are too few: a tile of {show(space)} needs an estimated {need:,}", "memory"
            )
        return space

    # -- what holds on it --------------------------------------------------------------------------------
    def _at(self, space: tuple[int, ...], whole: tuple[int, ...] | None) -> Tiling:
        graph = self.resizer.at(space)
        blockers = self._blockers(space, whole)
        possible = self.possible and all(b.freezable for b in blockers)
        axes = self._axes(space) if possible else None
        plan = None
        if axes is not None and whole is not None:
            for axis, n in zip(axes, whole, strict=True):
                if axis.pitch <= 0 and n > axis.tile:
                    raise ConvvizError(
                        f"a tile of {axis.tile} cells along the {axis.name} keeps nothing: the halo takes "
                        f"{axis.halo[0]} + {axis.halo[1]} and tiles start at multiples of {axis.align}; "
                        f"use at least {axis.smallest}",
                        "tile",
                    )
            plan = self._plan(axes, whole)
        return Tiling(
            graph,
            self.layer,
            tuple(axes) if axes is not None else None,
            tuple(blockers),
            self.freeze,
            peak(graph),
            plan,
            tuple(self.notes),
            self.resizer,
        )

    def _name(self, axis: int) -> str:
        return AXES[self.rank][axis] if self.rank in AXES else f"axis {axis}"

    def _blockers(self, space: tuple[int, ...], whole: tuple[int, ...] | None) -> list[Blocker]:
        """Layers that forbid an exact tiling, in the net's order, those of all axes together."""
        cut = [a for a in range(self.rank) if whole is None or whole[a] > space[a]]
        found: dict[str, dict[str, tuple[list[int], bool]]] = {}
        grids = self.grids(space)
        for axis in cut:
            reasons: list[tuple[str, str, bool]] = []
            for by_input in grids[axis]:
                reasons += [(name, why, may) for name, (why, may) in by_input.blocked.items()]
            known = {name for name, _, _ in reasons}
            changing = self._size_dependent(space, axis, whole)
            reasons += [(name, why, False) for name, why in changing.items() if name not in known]
            for name, why, may in reasons:
                axes, _ = found.setdefault(name, {}).setdefault(why, ([], may))
                if axis not in axes:
                    axes.append(axis)
        order = {node.name: i for i, node in enumerate(self.resizer.graph)}
        out = [
            Blocker(name, self.resizer.at(space)[name].op.kind, tuple(axes), why, may and axes == cut)
            for name, by_reason in found.items()
            for why, (axes, may) in by_reason.items()
        ]
        return sorted(out, key=lambda b: order.get(b.layer, -1))

    def _size_dependent(
        self, space: tuple[int, ...], axis: int, whole: tuple[int, ...] | None
    ) -> dict[str, str]:
        """Layers that read otherwise in an image longer by some alignments than in the tile, and why."""
        align = self.align(space)[axis]
        lengths = [space[axis] + times * align for times in LONGER]
        if whole is not None:  # the image itself, or one of the tile's class that is as long
            lengths.append(whole[axis] - (whole[axis] - space[axis]) % align)
        found: dict[str, str] = {}
        for length in lengths:
            longer = (*space[:axis], length, *space[axis + 1 :])
            out = self.resizer.probe(longer)
            if isinstance(out, Misfit):
                # A module that is read anew says where in its source it failed, which is no layer of the graph.
                known = out.layer in self.resizer.graph.by_name
                told = out.message if known or not out.layer else f"{out.layer}: {out.message}"
                why = f"takes no image of another size than the tile ({told})"
                return found | {out.layer if known else self.layer: why}
            for one, other in zip(self.lowered(space), self.lowered(longer), strict=True):
                jumps = grid(one, axis).jumps
                for name, why in differing(one, other, axis):
                    sources = [e.source for e in one.nodes[name].edges] if name in one.nodes else []
                    # Behind what reads the whole image a layer may read as it likes: all units are alike.
                    if not sources or any(jumps.get(s) is not None for s in sources):
                        found.setdefault(name, why)
        return found

    def _axes(self, space: tuple[int, ...]) -> list[AxisTiling] | None:
        grids = self.grids(space)
        made = []
        for axis in range(self.rank):
            jumps = {g.jumps.get(self.layer) for g in grids[axis] if self.layer in g.jumps}
            if len(jumps) != 1 or None in jumps:
                return None
            (jump,) = jumps
            assert jump is not None
            made.append(self._axis(space, axis, jump))
        return made

    def _drop(self, space: tuple[int, ...], axis: int, ends: tuple[bool, bool]) -> tuple[Stretch, bool]:
        """The units of the layer that are valid on every way, in the tile's own count, and whether that is all."""
        stretch, exact = (0, self.resizer.at(space).shape(self.layer)[axis + 1] - 1), True
        for low in self.lowered(space):
            if low.nodes[self.layer].state is None:
                continue
            one, full = valid(low, self.layer, axis, ends, grid(low, axis))
            stretch = (max(stretch[0], one[0]), min(stretch[1], one[1]))
            exact = exact and full
        return stretch, exact

    def _axis(self, space: tuple[int, ...], axis: int, jump: Fraction) -> AxisTiling:
        align = self.align(space)[axis]
        tile, output = space[axis], self.resizer.at(space).shape(self.layer)[axis + 1]
        (first, last), exact = self._drop(space, axis, (False, False))
        bordered = first <= last
        if bordered:
            drop = (first, output - 1 - last)
            (start, before), _ = self._drop(space, axis, (True, False))
            (after, end), _ = self._drop(space, axis, (False, True))
            bordered = start == 0 and end == output - 1 and before >= last and after <= first
        else:
            drop = self._margins(space, axis, align) or (output, output)
        shift = output - tile / jump
        lead = -shift * jump / 2
        halo = (ceil(drop[0] * jump + lead), ceil(drop[1] * jump + lead))
        if -1 < shift * jump < 1 and shift * jump != 0:
            halo = (ceil(drop[0] * jump), ceil(drop[1] * jump - shift * jump))
        pitch = int(jump * (output - sum(drop))) // align * align if bordered else 0
        smallest = self._least(space, axis, ceil(jump * (sum(drop) - shift)) + align, align, bordered)
        return AxisTiling(
            axis,
            self._name(axis),
            tile,
            align,
            jump,
            output,
            drop,
            (max(halo[0], 0), max(halo[1], 0)),
            max(pitch, 0),
            self._rf_drop(space, axis, output),
            exact,
            smallest,
            shift,
        )

    def _least(self, space: tuple[int, ...], axis: int, needed: int, align: int, bordered: bool) -> int:
        """The smallest legal tile of the same class that has ``needed`` cells, or more than this one."""
        tile = space[axis]
        if needed > tile or not bordered:
            return tile + max(-(-(needed - tile) // align), 0 if needed > tile else 1) * align
        size = tile - (tile - max(needed, 1)) // align * align
        while size < tile and isinstance(self._probe(space, axis, size), Misfit):
            size += align
        return size

    def _margins(self, space: tuple[int, ...], axis: int, align: int) -> tuple[int, int] | None:
        """The margins of a much larger tile of the same class, where this one has nothing that is valid."""
        longer = list(space)
        longer[axis] += align << 20
        if isinstance(self.resizer.probe(tuple(longer)), Misfit) or self.resizer.reread is not None:
            longer[axis] = space[axis] + align * max(1, 4096 // align)
        if isinstance(self.resizer.probe(tuple(longer)), Misfit):
            return None
        (first, last), _ = self._drop(tuple(longer), axis, (False, False))
        if first > last:
            return None
        return first, self.resizer.at(tuple(longer)).shape(self.layer)[axis + 1] - 1 - last

    def _rf_drop(self, space: tuple[int, ...], axis: int, output: int) -> tuple[int, int]:
        """Units at each end whose receptive field, nothing clipped, leaves the tile."""
        if not self.fields:
            own = self.lowered(self.base)
            self.fields += [Engine(low).free[self.layer].axes for low in own if low.nodes[self.layer].state]
        drops = [(0, 0)]
        for tables in self.fields:
            table = tables[axis]
            if table is not None and not table.constant:
                drops.append(_outside(table, space[axis], output))
        return max(d[0] for d in drops), max(d[1] for d in drops)

    # -- the image --------------------------------------------------------------------------------------
    def _plan(self, axes: Sequence[AxisTiling], whole: tuple[int, ...]) -> Plan:
        out = self.resizer.probe(whole)
        assert not isinstance(out, Misfit)
        plans = tuple(
            self._along(t, n, m, tuple(a.tile for a in axes))
            for t, n, m in zip(axes, whole, out[1:], strict=True)
        )
        macs = self.resizer.at(whole).macs
        done = 0
        for sizes in product(*(p.sizes.items() for p in plans)):
            space = tuple(n for n, _ in sizes)
            self._must_fit(space)
            done += prod(count for _, count in sizes) * self.resizer.at(space).macs
        return Plan(plans, Fraction(done, macs) if macs else None)

    def _last(self, t: AxisTiling, n: int, tile: tuple[int, ...]) -> tuple[int, int]:
        """Cells of the last tile, and its first valid unit.

        It ends where the image ends and starts on the grid, so it may be a little smaller than the others, or larger
        where such a one would keep nothing.
        """
        near = t.tile - (t.tile - n) % t.align
        why: object = f"{near} cells are too few"
        for size in range(near, min(near + SEARCH * t.align, n), t.align):
            space = (*tile[: t.axis], size, *tile[t.axis + 1 :])
            out = self.resizer.probe(space)
            if isinstance(out, Misfit):
                why = out
                continue
            (first, last), _ = self._drop(space, t.axis, (False, True))
            if first <= last == out[t.axis + 1] - 1:
                return size, first
        raise ConvvizError(
            f"no tile fits at the end of the {t.name} ({why}); "
            f"use a tile that differs from {n} by a multiple of {t.align}",
            "tile",
        )

    def _along(self, t: AxisTiling, n: int, out: int, tile: tuple[int, ...]) -> AxisPlan:
        """The tiles of an axis of ``n`` cells, of which the net makes ``out`` units."""
        if n <= t.tile:
            return AxisPlan(t, n, out, 1, Tile(0, n, 0, out, 0))
        size, first = self._last(t, n, tile)
        for length in {n, size} - {t.tile}:
            other = (*tile[: t.axis], length, *tile[t.axis + 1 :])
            for one, two in zip(self.lowered(tile), self.lowered(other), strict=True):
                for name, why in differing(one, two, t.axis):
                    if grid(one, t.axis).jumps.get(name) is not None:
                        raise Uneven(
                            f"an image of {n} along the {t.name} is not tiled exactly: {name} {why}; "
                            f"pad it to {t.tile + -(-(n - t.tile) // t.align) * t.align}",
                            "size",
                        )
        start = n - size
        reach = t.jump * (t.output - t.drop[1] - first)  # how far behind its neighbour's start it may start
        more = max(0, ceil((start - reach) / t.pitch))  # tiles beside the first, before the last
        at = more * t.pitch
        begin = int(at / t.jump) + t.output - t.drop[1]
        skip = begin - int(start / t.jump)
        return AxisPlan(t, n, out, more + 2, Tile(start, n, begin, out - begin, skip))


def _outside(table: AxisMap, tile: int, output: int) -> tuple[int, int]:
    """(units at the start that read below 0, units at the end that read beyond the tile)."""
    before = after = 0
    advance = table.advance or 1
    for phase in table.phases():
        row = table.rows[phase]
        if not row:
            continue
        if row.lo < 0:  # the last unit of this phase that reads below 0
            before = max(before, phase + (-row.lo - 1) // advance * table.period + 1)
        turn = max(0, (tile - 1 - row.hi) // advance + 1)  # the first turn that reads beyond
        after = max(after, output - (phase + turn * table.period))
    return min(before, output), min(after, output)
