"""Which input sizes a net takes, and what comes out: exactly, from the ops' own shape rules.

Every rule is a quotient that is rounded, a sum, or a comparison, so along one axis what happens repeats with the
least common multiple of the strides once the input is larger than everything that a rule compares it to. One period
is looked at there, size by size; below, all sizes up to where that period has set in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import lcm, prod

from convviz.analysis.grids import grid
from convviz.analysis.lower import lower
from convviz.analysis.resized import AXES, Misfit, Reread, Resizer, largest_field, map_layer
from convviz.analysis.size_formula import OutputSize, formula
from convviz.errors import ConvvizError
from convviz.graph import Graph
from convviz.ops.base import Shape

PERIOD = 4096  # the longest period that is gone through
PROBES = 20_000  # sizes that are tried one by one for one axis
READINGS = 1500  # and where the net is read anew at each of them
SPAN = 100  # sizes in a row on which a period of such a net is tried
LOOKED = 1024  # sizes that are tried in any case, up to twice the net's own
FAR = 1 << 40  # no size is tried beyond


@dataclass(frozen=True)
class AxisSizes:
    """Legal sizes along one axis, the others as they are.

    starts: ascending; from each of these every ``step``-th size is legal, for ever (empty: only those of ``also``).
    also: other legal sizes up to ``looked``, among which each was tried. blocker: why a size that is not legal, the
    nearest to the net's own, is not. output: the output's size (None: no one formula, or not a map).
    """

    axis: int
    name: str
    given: int
    step: int
    starts: tuple[int, ...]
    also: tuple[int, ...]
    looked: int
    output: OutputSize | None
    blocker: Misfit | None

    @property
    def fixed(self) -> bool:
        """Whether only some sizes work, and none beyond."""
        return not self.starts

    @property
    def min(self) -> int:
        """The smallest legal size."""
        return min((*self.starts, *self.also))

    def legal(self, n: int) -> bool:
        return n in self.also or any(n >= s and (n - s) % self.step == 0 for s in self.starts)

    def below(self, n: int) -> int | None:
        """The largest legal size <= n."""
        hits = [a for a in self.also if a <= n] + [n - (n - s) % self.step for s in self.starts if s <= n]
        return max(hits, default=None)

    def above(self, n: int) -> int | None:
        """The smallest legal size >= n."""
        hits = [a for a in self.also if a >= n] + [max(s, n + (s - n) % self.step) for s in self.starts]
        return min(hits, default=None)

    def first(self, count: int) -> list[int]:
        """The ``count`` smallest legal sizes."""
        out: list[int] = []
        n: int | None = 1
        while len(out) < count and n is not None:
            n = self.above(n)
            if n is not None:
                out.append(n)
                n += 1
        return out

    def upto(self, limit: int) -> Iterator[int]:
        """All legal sizes up to ``limit``, ascending."""
        n = self.above(1)
        while n is not None and n <= limit:
            yield n
            n = self.above(n + 1)


@dataclass(frozen=True, repr=False)
class Sizes:
    """Legal input sizes of ``graph`` (up to ``layer``) along each axis; notes say what limits the answer."""

    graph: Graph
    layer: str
    axes: tuple[AxisSizes, ...]
    together: Misfit | None  # legal sizes of the axes that do not go together
    notes: tuple[str, ...] = ()
    resizer: Resizer = field(repr=False, compare=False, default=None)  # type: ignore[assignment]

    def out(self, space: Sequence[int]) -> Shape | Misfit:
        """The layer's shape where the input has this size, or why it does not take it."""
        return self.resizer.probe(tuple(space))

    def _repr_html_(self) -> str:
        from convviz.report.formats import render
        from convviz.report.sizes import sizes_table

        return render(sizes_table(self), "html")

    def __repr__(self) -> str:
        from convviz.report.formats import render
        from convviz.report.sizes import sizes_table

        return render(sizes_table(self), "text")


def sizes(
    graph: Graph,
    layer: str | None = None,
    *,
    reread: Reread | None = None,
    progress: Callable[[float], None] | None = None,
) -> Sizes:
    """The input sizes that ``graph`` takes, along each axis, and the output's size for each.

    A size is legal where every layer up to ``layer`` (default: all) takes it with the weights that the net has.
    reread: reads the net anew for given input shapes; needed where ops follow from the traced size (a torch forward).
    Raises ConvvizError for an input without axes, an unknown layer, or a period too long to go through.

    >>> import convviz
    >>> convviz.analysis.sizes.sizes(convviz.read("unet")).axes[0].first(3)
    [188, 204, 220]
    """
    resizer = Resizer(graph, layer, reread)
    layer = map_layer(graph) if layer is None else layer
    resizer.layer = layer
    notes = []
    if reread is not None and all(resizer.steady(space) for space in _nearby(resizer)):
        resizer = Resizer(graph, None if layer in graph.outputs else layer)
        resizer.layer = layer
        notes.append("the net was read at several sizes and has the same ops at all of them")
    axes = []
    for axis in range(resizer.rank):
        share = None if progress is None else _part(progress, axis, resizer.rank)
        axes.append(_Axis(resizer, axis, share).found())
    if resizer.reread is not None:
        notes.append(
            "the net's ops follow from the size of its input, so it was read anew at every size tried"
        )
    return Sizes(graph, layer, tuple(axes), _together(resizer, axes), tuple(notes), resizer)


def _part(progress: Callable[[float], None], i: int, of: int) -> Callable[[float], None]:
    return lambda share: progress((i + share) / of)


def _nearby(resizer: Resizer) -> list[tuple[int, ...]]:
    """A few sizes at which a net that follows its input's size would show it."""
    return [tuple(n + more for n in resizer.space) for more in (1, 2, 16, 31)]


def _together(resizer: Resizer, axes: Sequence[AxisSizes]) -> Misfit | None:
    """Sizes that are legal each with the net's own on the other axes, and are not together."""
    if len(axes) < 2:
        return None
    choices = [[*axis.first(2), *([axis.above(axis.given + 1)] if not axis.fixed else [])] for axis in axes]
    for space in product(*choices):
        out = resizer.probe(tuple(n for n in space if n is not None))
        if isinstance(out, Misfit):
            return out
    return None


class _Axis:
    """The search along one axis, the others as the net has them."""

    def __init__(self, resizer: Resizer, axis: int, progress: Callable[[float], None] | None) -> None:
        self.resizer, self.axis, self.progress = resizer, axis, progress
        self.given = resizer.space[axis]
        self.limit = PROBES if resizer.reread is None else READINGS
        self.tried: dict[int, Shape | Misfit] = {}

    def probe(self, n: int) -> Shape | Misfit:
        if n not in self.tried:
            space = list(self.resizer.space)
            space[self.axis] = n
            self.tried[n] = self.resizer.probe(tuple(space))
            if self.progress is not None:
                self.progress(min(1.0, len(self.tried) / self.limit))
        return self.tried[n]

    def legal(self, n: int) -> bool:
        return not isinstance(self.probe(n), Misfit)

    def found(self) -> AxisSizes:
        period = self._period()
        if period > (PERIOD if self.resizer.reread is None else self.limit // 5):
            return self._monotone(period)
        base = self._base(period)
        period, steady = self._steady(period, base)
        classes = [self.legal(base + r) for r in range(period)] if steady else [False] * period
        looked = self._look(period, classes)
        starts = self._starts(period, classes, looked)
        step, starts = _shortest(period, starts)
        also = self._also(looked, step, starts)
        return self._result(step, starts, also, looked, base)

    def _period(self) -> int:
        """The alignment of all layers along the axis; where they cannot be followed, of all strides together."""
        graph = self.resizer.graph
        try:
            align = grid(lower(graph, self.resizer.wrt), self.axis).align
        except ConvvizError:
            align = prod({s for node in graph for s in _numbers(node.op.fields().get("stride"))})
        extra = [node.op.fields()["chunks"] for node in graph if node.op.kind == "chunk"]
        return lcm(align, *extra)

    def _base(self, period: int) -> int:
        """A multiple of the period beyond all that the shape rules compare a size to."""
        if self.resizer.reread is not None:
            far = max(2 * self.given, 4 * period, 64)
        else:
            graph = self.resizer.graph
            far = min(4 * (len(graph) + 1) * (largest_field(graph) + self.given + 1) * period, FAR)
        return -(-far // period) * period

    def _steady(self, period: int, base: int) -> tuple[int, bool]:
        """The period, or a small multiple of it, with which sizes far out are legal or not, and their outputs grow."""
        if self.resizer.reread is not None:
            return self._read_period(period, base)
        for times in (1, 2, 3, 4, 6, 8, 12):
            p = period * times
            if 3 * p > self.limit:
                break
            if all(self._repeats(base + r, p) for r in range(p)):
                return p, True
        return period, False

    def _read_period(self, period: int, base: int) -> tuple[int, bool]:
        """The same where every size costs a reading: the smallest divisor that holds on SPAN sizes in a row."""
        span = min(3 * period, SPAN)
        for p in (d for d in range(1, period + 1) if period % d == 0):
            if all(self._repeats(base + r, p) for r in range(max(span - 2 * p, p))):
                return p, True
        return period, False

    def _repeats(self, n: int, period: int) -> bool:
        one, two, three = (self.probe(n + i * period) for i in range(3))
        misfits = [isinstance(x, Misfit) for x in (one, two, three)]
        if any(misfits):
            return all(misfits)
        assert not isinstance(one, Misfit) and not isinstance(two, Misfit) and not isinstance(three, Misfit)
        return all(b - a == c - b for a, b, c in zip(one, two, three, strict=True))

    def _look(self, period: int, classes: list[bool]) -> int:
        """Tries every size from 1 until two periods in a row are as all that follow; the last size tried."""
        n = calm = 0
        room = self.limit - len(self.tried)
        least = min(2 * self.given, LOOKED if self.resizer.reread is None else 32)
        while n < room and not (calm >= 2 * period and n >= least):
            n += 1
            calm = calm + 1 if self.legal(n) == classes[n % period] else 0
        return n

    def _starts(self, period: int, classes: list[bool], looked: int) -> list[int]:
        """For each class that is legal in the end, the size from which all of it is."""
        starts = []
        for r, legal in enumerate(classes):
            if not legal:
                continue
            n = looked - (looked - r) % period
            if n > 0 and self.legal(n):
                while n - period > 0 and self.legal(n - period):
                    n -= period
            else:  # sizes grow with the input: once it is large enough, it stays so
                n = max(n, r - period)
                low, high = 0, 1
                while not self.legal(n + high * period):
                    low, high = high, 2 * high
                while high - low > 1:
                    middle = (low + high) // 2
                    low, high = (low, middle) if self.legal(n + middle * period) else (middle, high)
                n += high * period
            starts.append(n)
        return sorted(starts)

    def _also(self, looked: int, step: int, starts: list[int]) -> list[int]:
        """Legal sizes that belong to no class: those tried, and those next to the net's own."""

        def known(n: int) -> bool:
            return any(n >= s and (n - s) % step == 0 for s in starts)

        also = {n for n in range(1, looked + 1) if self.legal(n) and not known(n)}
        if not known(self.given):
            also.add(self.given)
            for direction in (-1, 1):
                n = self.given + direction
                while n > 0 and n not in also and self.legal(n) and len(also) < PROBES:
                    also.add(n)
                    n += direction
        return sorted(also)

    def _monotone(self, period: int) -> AxisSizes:
        """A net with one path and no rule but "large enough": every size from the smallest is legal."""
        graph = self.resizer.graph
        firm = (
            "reshape",
            "pixel_unshuffle",
            "slice",
            "chunk",
            "linear",
            "flatten",
            "expand",
            "unfold",
            "opaque",
        )
        if self.resizer.reread is not None or any(len(n.inputs) > 1 or n.op.kind in firm for n in graph):
            raise ConvvizError(
                f"the sizes that {graph.name} takes repeat only after {period:,}, too many to go through"
            )
        low, high = 0, max(self.given, 1)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.legal(middle) else (middle, high)
        return self._result(1, [high], [], 0, high)

    # -- what is told ---------------------------------------------------------------------------------
    def _result(self, step: int, starts: list[int], also: list[int], looked: int, base: int) -> AxisSizes:
        name = AXES.get(self.resizer.rank, ())[self.axis : self.axis + 1]
        axis = AxisSizes(
            self.axis,
            name[0] if name else f"axis {self.axis}",
            self.given,
            step,
            tuple(starts),
            tuple(also),
            looked,
            None,
            None,
        )
        return AxisSizes(*self._fields(axis), self._output(axis, base), self._blocker(axis))

    @staticmethod
    def _fields(axis: AxisSizes) -> tuple[int, str, int, int, tuple[int, ...], tuple[int, ...], int]:
        return axis.axis, axis.name, axis.given, axis.step, axis.starts, axis.also, axis.looked

    def _blocker(self, axis: AxisSizes) -> Misfit | None:
        """Why the illegal size nearest to the net's own is illegal."""
        for off in range(1, 2 * axis.step + 2 if axis.starts else 2 * len(axis.also) + 2):
            for n in (self.given + off, self.given - off):
                if n > 0 and not axis.legal(n):
                    found = self.probe(n)
                    if isinstance(found, Misfit):
                        return found
        if axis.min > 1:
            found = self.probe(axis.min - 1)
            return found if isinstance(found, Misfit) else None
        return None

    def _output(self, axis: AxisSizes, base: int) -> OutputSize | None:
        """One formula for the output's size, tried on all legal sizes that were looked at."""
        own = self.probe(self.given)
        if isinstance(own, Misfit) or len(own) != self.resizer.rank + 1:
            return None
        legal = [n for n, out in sorted(self.tried.items()) if axis.legal(n) and not isinstance(out, Misfit)]
        points = [(n, self.tried[n][self.axis + 1]) for n in legal]  # type: ignore[index]
        return formula(points)


def _shortest(period: int, starts: list[int]) -> tuple[int, list[int]]:
    """The smallest step with which the same sizes repeat, and one start for each class."""
    for step in range(1, period):
        if period % step:
            continue
        groups: dict[int, list[int]] = {}
        for s in starts:
            groups.setdefault(s % step, []).append(s)
        if any(len(group) * step != period for group in groups.values()):
            continue
        merged = []
        for group in groups.values():  # the classes of one group set in one after the other
            first = max(group) - period + step
            while first - step in group or any(
                s <= first - step and (first - step - s) % period == 0 for s in group
            ):
                first -= step
            merged.append(first)
        return step, sorted(merged)
    return period, starts


def _numbers(value: object) -> list[int]:
    return [v for v in value if isinstance(v, int)] if isinstance(value, tuple) else []
