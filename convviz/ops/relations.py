"""Which input cells an output cell reads, along one axis: three records, and nothing else, say it.

Every index is an exact Python integer and every set of cells is a ``range``, so a kernel of 10**12 costs
as little as one of 3. All records are infinite in both directions: a real axis of ``n`` cells keeps the
part inside ``[0, n)``, and :func:`inside` says what the rest becomes under the padding mode.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import gcd
from typing import NamedTuple


class Taps(NamedTuple):
    """The cells that one output reads and, in step with them, the kernel index that multiplies each."""

    cells: range
    index: range  # type: ignore[assignment]  # tuple.index is not missed


@dataclass(frozen=True)
class Window:
    """Output ``o`` reads ``(o*stride - padding + dilation*t) / up``, ``t`` in ``[0, kernel)``, where that is whole.

    ``up`` is 1 for convolution and pooling; a transposed convolution of stride ``s`` has ``up=s``, stride 1
    and counts its kernel downwards (``dilation < 0``).
    Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016.

    >>> Window(kernel=3, stride=2, padding=1).taps(4).cells
    range(7, 10)
    """

    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    padding: int = 0
    up: int = 1
    border: str = "zeros"  # what lies outside: zeros, reflect, replicate or circular

    @cached_property
    def jump(self) -> Fraction:
        """Input cells per output step."""
        return Fraction(self.stride, self.up)

    @cached_property
    def period(self) -> int:
        """Outputs after which the pattern of taps repeats."""
        return self.up // gcd(self.stride, self.up)

    @cached_property
    def is_identity(self) -> bool:
        return self.kernel == self.stride == self.up == 1 and self.padding == 0 and self.border == "zeros"

    def taps(self, o: int) -> Taps:
        first = o * self.stride - self.padding
        d, k, up = self.dilation, self.kernel, self.up
        if up == 1:
            return Taps(_steps(first, d, k), range(k))
        # first + d*t must be a multiple of up: t runs through one residue class modulo up/gcd(d, up).
        g = gcd(d, up)
        if first % g:
            return Taps(range(0), range(0))
        step = up // g
        t0 = -(first // g) * pow(d // g, -1, step) % step
        if t0 >= k:
            return Taps(range(0), range(0))
        count = (k - 1 - t0) // step + 1
        return Taps(_steps((first + d * t0) // up, d // g, count), range(t0, t0 + step * count, step))

    def feeds(self, i: int) -> Taps:
        """The outputs that input ``i`` reaches, with the kernel index that joins them: the same record turned round."""
        return Window(self.kernel, self.up, -self.dilation, -self.padding, self.stride).taps(i)


@dataclass(frozen=True)
class Blocks:
    """Outputs come in blocks of ``out``; each reads the whole of its block of ``size`` inputs.

    Groups, depthwise, linear, global pooling, attention, and the sets that share a norm's statistics.

    >>> Blocks(size=4, out=2).taps(3).cells
    range(4, 8)
    """

    size: int
    out: int = 0  # 0: as many as the inputs of a block

    def __post_init__(self) -> None:
        if not self.out:
            object.__setattr__(self, "out", self.size)

    @property
    def jump(self) -> Fraction:
        return Fraction(self.size, self.out)

    @property
    def period(self) -> int:
        return self.out

    is_identity = False

    def taps(self, o: int) -> Taps:
        start = o // self.out * self.size
        return Taps(range(start, start + self.size), range(self.size))

    def feeds(self, i: int) -> Taps:
        start = i // self.size * self.out
        return Taps(range(start, start + self.out), range(self.out))


@dataclass(frozen=True)
class Table:
    """One period of rows: output ``o`` reads ``rows[o % period]`` moved by ``advance`` for every whole period.

    Adaptive pooling, resizing, and regrouped axes. ``rows`` may be computed on demand (:class:`Rows`).
    """

    rows: Sequence[range]
    advance: int
    border: str = field(default="zeros", kw_only=True)

    @property
    def period(self) -> int:
        return self.rows.period if isinstance(self.rows, Rows) else len(self.rows)

    @property
    def jump(self) -> Fraction:
        return Fraction(self.advance, self.period)

    is_identity = False

    def taps(self, o: int) -> Taps:
        turns, phase = divmod(o, self.period)
        row, move = self.rows[phase], turns * self.advance
        return Taps(range(row.start + move, row.stop + move, row.step), range(len(row)))

    def feeds(self, i: int) -> Taps:
        """The outputs from the first that reads ``i`` to the last; between them may be some that do not.

        By bisection where the rows have a hull, else by looking through the outputs whose rows can reach ``i``.
        """
        if isinstance(self.rows, Rows) and self.rows.hull and self.advance:
            hull = Table(Rows(self.period, self.rows.hull), self.advance)
            row = hull.rows[0]  # whole periods that certainly lie before and behind all the hits
            low = ((i - row[-1]) // self.advance - 1) * self.period
            high = ((i - row[0]) // self.advance + 2) * self.period
            first = bisect_left(range(low, high), i, key=lambda o: hull.taps(o).cells[-1]) + low
            last = bisect_right(range(low, high), i, key=lambda o: hull.taps(o).cells[0]) + low
            while first < last and i not in self.taps(first).cells:
                first += 1
            while first < last and i not in self.taps(last - 1).cells:
                last -= 1
            return Taps(range(first, max(first, last)), range(max(0, last - first)))
        reach = max(
            (
                max(abs(r[0] - int(p * self.jump)), abs(r[-1] - int(p * self.jump)))
                for p, r in enumerate(self.rows)
                if r
            ),
            default=0,
        )
        centre = i / self.jump if self.advance else Fraction(0)
        margin = (reach + 2) / self.jump if self.advance else Fraction(self.period)
        hits = [
            o for o in range(int(centre - margin) - 1, int(centre + margin) + 2) if i in self.taps(o).cells
        ]
        span = range(hits[0], hits[-1] + 1) if hits else range(0)
        return Taps(span, range(len(span)))


@dataclass(frozen=True)
class Rows(Sequence[range]):
    """``period`` rows that are computed when asked for, so that a period of 10**12 allocates nothing.

    ``hull``: rows that hold these, not empty and of step 1, whose first and last cells never fall from one to the
    next; where these rows are such themselves, they are their own hull.
    """

    period: int
    row: Callable[[int], range]
    hull: Callable[[int], range] | None = None

    def __len__(self) -> int:
        return self.period

    def __getitem__(self, phase):  # type: ignore[no-untyped-def, override]
        if isinstance(phase, slice):
            return [self.row(p) for p in range(*phase.indices(self.period))]
        if not 0 <= phase < self.period:
            raise IndexError(phase)
        return self.row(phase)

    def __iter__(self) -> Iterator[range]:
        return (self.row(p) for p in range(self.period))


Relation = Window | Blocks | Table
SAME = Window()


def adaptive(n: int, m: int) -> Relation:
    """Adaptive pooling from ``n`` to ``m`` cells: ``[floor(o*n/m), ceil((o+1)*n/m))``; to 1 it reads everything."""
    if m == n:
        return SAME
    if m == 1:
        return Blocks(n, 1)
    g = gcd(n, m)
    if n % m == 0:
        return Window(kernel=n // m, stride=n // m)

    def row(o: int) -> range:
        return range(o * n // m, -(-(o + 1) * n // m))

    return Table(Rows(m // g, row, hull=row), n // g)


def whole(n: int, out: int) -> Blocks:
    """Each of ``out`` outputs reads all ``n`` inputs."""
    return Blocks(n, out)


def inside(cells: range, n: int, border: str = "zeros") -> list[range]:
    """The cells of ``[0, n)`` that ``cells`` stands for once what lies outside is resolved by the padding mode.

    >>> inside(range(-2, 3), 8, "reflect")
    [range(0, 3), range(2, 0, -1)]
    """
    if not cells:
        return []
    if cells.step < 0:
        cells = cells[::-1]
    step = cells.step
    below = cells[: max(0, -(cells.start // step))] if cells.start < 0 else cells[:0]
    rest = cells[len(below) :]
    keep = rest[: max(0, -(-(n - rest.start) // step))] if rest else rest
    above = rest[len(keep) :]
    out = [keep] if keep else []
    if border == "zeros" or not (below or above):
        return out
    if border == "replicate":
        return out + ([range(1)] if below else []) + ([range(n - 1, n)] if above else [])
    if border == "circular":
        return (
            out
            + ([range(below.start + n, below.stop + n, step)] if below else [])
            + ([range(above.start - n, above.stop - n, step)] if above else [])
        )
    turn = 2 * (n - 1)
    return (
        out
        + ([range(-below.start, -below.stop, -step)] if below else [])
        + ([range(turn - above.start, turn - above.stop, -step)] if above else [])
    )


def _steps(first: int, step: int, count: int) -> range:
    return range(first, first + step * count, step) if step else range(first, first + 1)
