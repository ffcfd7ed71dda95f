"""Sets of cells along one axis, exact and cheap whatever their size.

A set is its lowest cell, its span, and one bit for each cell of the span; a set without holes needs no
bits at all. Where holes are spread over more than ``MASK`` cells they are not followed: such a set keeps its
exact span and says that its count is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable

MASK = 1 << 24  # cells: the largest set whose holes are followed one by one


class Cells:
    """An immutable set of integers. ``bits`` is None (no holes), 0 (holes unknown) or a mask with bit 0 = ``lo``."""

    __slots__ = ("bits", "lo", "span")

    def __init__(self, lo: int = 0, span: int = 0, bits: int | None = None) -> None:
        self.lo, self.span, self.bits = lo, span, bits

    @property
    def hi(self) -> int:
        return self.lo + self.span - 1

    @property
    def dense(self) -> bool:
        return self.bits is None

    @property
    def known(self) -> bool:
        return self.bits != 0

    @property
    def count(self) -> int | None:
        """How many cells; None where the holes are unknown."""
        return self.span if self.bits is None else self.bits.bit_count() or None

    def mask(self) -> int:
        """All bits, also of a set without holes; only for known sets up to MASK."""
        return (1 << self.span) - 1 if self.bits is None else self.bits

    def shift(self, by: int) -> Cells:
        return Cells(self.lo + by, self.span, self.bits) if by and self.span else self

    def clip(self, n: int) -> Cells:
        """The part inside ``[0, n)``."""
        lo, hi = max(self.lo, 0), min(self.hi, n - 1)
        if lo > hi or not self.span:
            return EMPTY
        if self.bits is None:
            return Cells(lo, hi - lo + 1)
        if lo == self.lo and hi == self.hi:
            return self
        if not self.bits:
            return Cells(lo, hi - lo + 1, 0)
        return from_mask(lo, (self.bits >> (lo - self.lo)) & ((1 << (hi - lo + 1)) - 1))

    def sweep(self, step: int, count: int) -> Cells:
        """The union of ``count`` copies, each moved by ``step`` from the one before."""
        if count <= 0 or not self.span:
            return EMPTY
        if count == 1 or not step:
            return self
        if step < 0:
            return self.shift(step * (count - 1)).sweep(-step, count)
        span = self.span + step * (count - 1)
        if self.bits is None and step <= self.span:
            return Cells(self.lo, span)
        if span > MASK or not self.known:
            return Cells(self.lo, span, 0)
        bits, done = self.mask(), 1
        while done < count:  # doubling: each pass adds as many copies as there are, as far as needed
            more = min(done, count - done)
            bits |= bits << (step * more)
            done += more
        return Cells(self.lo, span, _holes(bits, span))

    def within(self, other: Cells) -> bool:
        """Whether every cell of this set is known to be in ``other``."""
        if not self.span:
            return True
        if self.lo < other.lo or self.hi > other.hi:
            return False
        if other.bits is None:
            return True
        if not (self.known and other.known):
            return False
        return not (self.mask() << (self.lo - other.lo)) & ~other.bits

    def runs(self) -> list[range]:
        """Maximal stretches without holes, in order."""
        if not self.span:
            return []
        if self.bits is None or not self.known:
            return [range(self.lo, self.hi + 1)]
        out, bits, at = [], self.bits, self.lo
        while bits:
            gap = (bits & -bits).bit_length() - 1
            bits >>= gap
            at += gap
            length = (~bits & (bits + 1)).bit_length() - 1
            out.append(range(at, at + length))
            bits >>= length
            at += length
        return out

    def __iter__(self) -> Iterable[int]:  # type: ignore[override]
        for run in self.runs():
            yield from run

    def __bool__(self) -> bool:
        return self.span > 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Cells):
            return NotImplemented
        if not self.span or not other.span:
            return self.span == other.span
        return self.lo == other.lo and self.span == other.span and self.bits == other.bits

    def __hash__(self) -> int:
        return hash((self.lo, self.span, self.bits) if self.span else 0)

    def __repr__(self) -> str:
        few = self.dense or (self.known and self.span < 200)
        parts = [f"{r[0]}..{r[-1]}" for r in self.runs()] if few else [f"{self.lo}..{self.hi} with holes"]
        return f"Cells({', '.join(parts)})"


EMPTY = Cells()


def from_mask(lo: int, bits: int) -> Cells:
    """The set with bit ``i`` of ``bits`` for cell ``lo + i``."""
    if not bits:
        return EMPTY
    low = (bits & -bits).bit_length() - 1
    bits >>= low
    span = bits.bit_length()
    return Cells(lo + low, span, _holes(bits, span))


def from_range(cells: range) -> Cells:
    """An arithmetic progression of cells."""
    if not cells:
        return EMPTY
    return Cells(cells.start, 1).sweep(cells.step, len(cells))


def union(sets: Iterable[Cells]) -> Cells:
    """Everything that is in one of ``sets``."""
    parts = [s for s in sets if s.span]
    if not parts:
        return EMPTY
    first = parts[0]
    if len(parts) == 1:
        return first
    lo = min(s.lo for s in parts)
    hi = max(s.hi for s in parts)
    span = hi - lo + 1
    for s in parts:
        if s.bits is None and s.span == span:
            return s
    if all(s.bits is None for s in parts):
        reach = lo - 1
        for s in sorted(parts, key=lambda s: s.lo):
            if s.lo > reach + 1:
                break
            reach = max(reach, s.hi)
        else:
            return Cells(lo, span)
    if span > MASK or not all(s.known for s in parts):
        return Cells(lo, span, 0)
    bits = 0
    for s in parts:
        bits |= s.mask() << (s.lo - lo)
    return Cells(lo, span, _holes(bits, span))


def _holes(bits: int, span: int) -> int | None:
    return None if bits.bit_count() == span else bits
