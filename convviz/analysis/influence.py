"""How much each input cell counts for one unit, and how far that spreads: for path counts and for gradients alike."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import log2, prod, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from convviz.analysis.paths import PathCounts

Array = np.ndarray
SHARE = 0.95  # of the mass that a width, a box and a radius hold
CLOSE = 1e-12  # what the sums of shares may miss by rounding
CELLS = 1 << 23  # cells of an array that is looked at one by one


@dataclass(frozen=True, eq=False)
class Mass:
    """A weight for each input cell, from cell ``origin`` on: one array for all axes, or the product of one for each.

    Paths or gradients. ``factors`` has one array for each axis, whose outer product the weights are, or a single
    array of full rank. Integers are exact: int64, or Python's own; floats are to be multiplied by ``2**exponent``.
    """

    origin: tuple[int, ...]
    factors: tuple[Array, ...]
    exponent: int = 0

    @property
    def rank(self) -> int:
        return len(self.origin)

    @property
    def is_product(self) -> bool:
        return len(self.factors) == self.rank

    @property
    def exact(self) -> bool:
        """Whether the weights are whole numbers without rounding."""
        return all(f.dtype != np.float64 for f in self.factors)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(f) for f in self.factors) if self.is_product else self.factors[0].shape

    @cached_property
    def total(self) -> int | None:
        """All weights together; None where they are not exact."""
        return prod(int(f.sum()) for f in self.factors) if self.exact else None

    @cached_property
    def log2_total(self) -> float:
        return sum(log2(f.sum()) for f in self.factors) + self.exponent

    @cached_property
    def shares(self) -> tuple[Array, ...]:
        """The factors as floats, each with sum 1."""
        return tuple((f / (int(f.sum()) if self.exact else f.sum())).astype(float) for f in self.factors)

    @cached_property
    def marginals(self) -> tuple[Array, ...]:
        """For each axis the share of each of its cells, summed over the other axes."""
        if self.is_product:
            return self.shares
        (joint,) = self.shares
        return tuple(joint.sum(tuple(b for b in range(self.rank) if b != a)) for a in range(self.rank))

    def cells(self, normalise: bool = False) -> Array:
        """The weights in one array; ``normalise``: as shares of their sum.

        >>> Mass((0, 0), (np.array([1, 2]), np.array([1, 3]))).cells().tolist()
        [[1, 3], [2, 6]]
        """
        parts = self.shares if normalise else self.factors
        if not self.is_product:
            return parts[0]
        if not normalise and self.total is not None and self.total >= 1 << 62:
            parts = tuple(part.astype(object) for part in parts)
        out = parts[0]
        for part in parts[1:]:
            out = np.multiply.outer(out, part)
        return out

    @cached_property
    def mean(self) -> tuple[float, ...]:
        """The mean position along each axis, in input cells."""
        return tuple(
            start + float(np.dot(np.arange(len(m)), m))
            for start, m in zip(self.origin, self.marginals, strict=True)
        )

    @cached_property
    def variance(self) -> tuple[Fraction | float, ...]:
        """Along each axis, in cells squared; exact where the weights are."""
        return tuple(self._variance(a) for a in range(self.rank))

    def _variance(self, axis: int) -> Fraction | float:
        if self.exact:
            others = tuple(b for b in range(self.rank) if b != axis)
            line = self.factors[axis] if self.is_product else self.factors[0].sum(others)
            weights = [int(w) for w in line]
            n = sum(weights)
            first = sum(i * w for i, w in enumerate(weights))
            return Fraction(sum(i * i * w for i, w in enumerate(weights)), n) - Fraction(first, n) ** 2
        m = self.marginals[axis]
        at = np.arange(len(m)) - (self.mean[axis] - self.origin[axis])
        return float(np.dot(at * at, m))

    @cached_property
    def sd(self) -> tuple[float, ...]:
        return tuple(sqrt(v) for v in self.variance)


@dataclass(frozen=True)
class Extent:
    """How far a mass spreads; lengths in input cells, axes in order.

    sd: standard deviation along each axis. width: of each axis alone, the smallest interval around the centre that
    holds 95 % of the mass. box: of the smallest square (cube) around the centre that holds 95 %, its side along each
    axis, as far as there is mass. radius: of the smallest circle (ball) of cell middles that holds 95 %.
    """

    sd: tuple[float, ...]
    width: tuple[int, ...]
    box: tuple[int, ...]
    radius: float | None

    def area(self, size: Sequence[int]) -> float:
        """The share that the box takes of a box of ``size``."""
        return prod(self.box) / prod(size)


def extent(mass: Mass, lo: Sequence[int], size: Sequence[int]) -> Extent:
    """The extent of ``mass`` around the middle of the theoretical box from ``lo`` on, ``size`` cells long.

    >>> extent(Mass((0,), (np.array([1, 4, 6, 4, 1]),)), (0,), (5,)).width
    (5,)
    """
    twice = [2 * first + n - 1 for first, n in zip(lo, size, strict=True)]  # the middle, in half cells
    # The share of the cells at most so many half cells from the middle, for each axis alone.
    lines = [_Line(m, start, mid) for m, start, mid in zip(mass.marginals, mass.origin, twice, strict=True)]
    width = tuple(line.count(_least(line.share, line.reach)) for line in lines)
    furthest = max(line.reach for line in lines)

    def inside(half: int) -> float:
        if mass.is_product:
            return prod(line.share(half) for line in lines)
        return float(mass.shares[0][tuple(line.cut(half) for line in lines)].sum())

    half = _least(inside, furthest)
    box = tuple(line.count(min(half, line.reach)) for line in lines)
    return Extent(mass.sd, width, box, _radius(mass, lines))


class _Line:
    """The shares along one axis, by distance (in half cells) from the middle."""

    def __init__(self, shares: Array, start: int, middle: int) -> None:
        self.n, self.offset = len(shares), middle - 2 * start
        self.sums = np.concatenate([[0.0], np.cumsum(shares)])
        there = np.flatnonzero(shares)
        self.reach = max(abs(2 * int(i) - self.offset) for i in (there[0], there[-1]))

    def cut(self, half: int) -> slice:
        first, last = -((half - self.offset) // 2), (self.offset + half) // 2
        return slice(min(max(first, 0), self.n), min(max(last + 1, 0), self.n))

    def share(self, half: int) -> float:
        cut = self.cut(half)
        return float(self.sums[max(cut.stop, cut.start)] - self.sums[cut.start])

    def count(self, half: int) -> int:
        """How many cells lie so near to the middle."""
        return max(0, (self.offset + half) // 2 + (half - self.offset) // 2 + 1)


def _least(share: Callable[[int], float], most: int) -> int:
    """The smallest whole number at which ``share``, which never falls, reaches 95 %."""
    return bisect_left(range(most), True, key=lambda h: share(h) >= SHARE - CLOSE)


def _radius(mass: Mass, lines: Sequence[_Line]) -> float | None:
    """Over all axes but the last cell by cell, over the last by its sums."""
    if mass.is_product:
        *outer, last = lines
        if prod(line.n for line in outer) > CELLS:
            return None
        squares, weights = np.zeros(1, dtype=np.int64), np.ones(1)
        for line, share in zip(outer, mass.shares, strict=False):
            squares = np.add.outer(squares, (2 * np.arange(line.n) - line.offset) ** 2).ravel()
            weights = np.multiply.outer(weights, share).ravel()

        def inside(square: int) -> float:
            left = square - squares
            reach = np.sqrt(np.maximum(left, 0)).astype(np.int64)
            reach -= reach * reach > left  # the root of a large square may round up
            first = np.clip(-((reach - last.offset) // 2), 0, last.n)
            stop = np.clip((last.offset + reach) // 2 + 1, first, last.n)
            return float(np.where(left >= 0, weights * (last.sums[stop] - last.sums[first]), 0.0).sum())

        return sqrt(_least(inside, sum(line.reach**2 for line in lines))) / 2
    sides = [(2 * np.arange(line.n) - line.offset) ** 2 for line in lines]
    squares = sides[0]
    for side in sides[1:]:
        squares = np.add.outer(squares, side)
    order = np.argsort(squares, axis=None, kind="stable")
    sums = np.cumsum(mass.shares[0].ravel()[order])
    at = min(int(np.searchsorted(sums, SHARE - CLOSE)), len(order) - 1)
    return sqrt(float(squares.ravel()[order[at]])) / 2


@dataclass(frozen=True)
class Probe:
    """How gradients were taken.

    weights: "random" (drawn anew for each seed), "file" (a state dict) or "own" (those that the module has).
    inputs: "random" (standard normal) or "images". mode: "eval" or "train". combine: what of the unit's channels is
    differentiated, "random" (a random combination) or "sum". activation: "keep", or "linear" where left out. dead: how
    many seeds gave no gradient at all and are left out of the mean.
    """

    weights: str
    init: str
    inputs: str
    seeds: int
    samples: int
    mode: str
    combine: str
    activation: str
    device: str
    dtype: str
    source: str = ""  # the file of the weights
    preparation: str = ""  # what was done to the images
    batch_norm: bool = False  # whether the net has any, so that the mode matters
    dead: int = 0


@dataclass(frozen=True, eq=False, repr=False)
class EffectiveField:
    """What one unit's gradient says about the input, beside the path counts of the same unit.

    gradient: mean of |gradient| over inputs and input channels, as shares; every seed counts the same. energy: the
    same of the squared gradient. by_seed: the extent of each seed's gradient, but for dead ones.
    """

    paths: PathCounts
    gradient: Mass
    energy: Mass
    by_seed: tuple[Extent, ...]
    probe: Probe

    @cached_property
    def extent(self) -> Extent:
        """Of the mean gradient."""
        return extent(self.gradient, self.paths.lo, self.paths.size)

    @cached_property
    def energy_extent(self) -> Extent:
        return extent(self.energy, self.paths.lo, self.paths.size)

    @cached_property
    def sd_over_seeds(self) -> dict[str, Any] | None:
        """Standard deviation (n - 1) over the seeds of each number of an Extent; None with a single seed."""
        if len(self.by_seed) < 2:
            return None
        out: dict[str, Any] = {}
        for name in ("sd", "width", "box"):
            columns = zip(*(getattr(e, name) for e in self.by_seed), strict=True)
            out[name] = tuple(float(np.std(column, ddof=1)) for column in columns)
        radii = [e.radius for e in self.by_seed if e.radius is not None]
        out["radius"] = float(np.std(radii, ddof=1)) if len(radii) == len(self.by_seed) else None
        return out

    def _repr_html_(self) -> str:
        from convviz.report.erf import render_erf

        return render_erf([self], "html")

    def __repr__(self) -> str:
        from convviz.report.erf import render_erf

        return render_erf([self], "text")
