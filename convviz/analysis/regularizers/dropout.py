"""Dropout on a small batch: the mask, the scale 1/(1-p), what stays the same on average, elementwise and by channel.

Srivastava et al., JMLR 2014; by channel (Dropout2d): Tompson et al., CVPR 2015; dropping weights is DropConnect (Wan et
al., ICML 2013), another thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convviz.analysis.regularizers.optimizers import exact, whole
from convviz.analysis.regularizers.weights import Weights
from convviz.errors import FieldError
from convviz.ops.base import Array, Shape, show

KINDS = ("dropout", "dropout2d")
SHAPE = (2, 3, 2, 2)
P = Fraction(1, 2)
SEED = 14  # of the example: as many cells fall one by one as by channel
MAX_CELLS = 2_000
MAX_DRAWS = 1_000_000
MOST = 20_000_000  # cells over all draws
LOW, HIGH = 1, 9  # the numbers of a batch that is made up: none is 0, so that a dropped cell shows


@dataclass(frozen=True, eq=False)
class Masked:
    """One way to drop: a mask of 0 and 1, what comes out in training, and how that spreads.

    mean: of the outputs over the draws. channel_variance: the exact variance of the mean of the first channel of the
    first sample, whose cells fall together or one by one.
    """

    kind: str
    mask: NDArray[np.int64]
    output: Array
    mean: Array
    channel_variance: Fraction

    @property
    def dropped(self) -> int:
        return int((self.mask == 0).sum())


@dataclass(frozen=True, eq=False, repr=False)
class Dropout:
    """Dropout on a batch ``x`` (N, C, *space). ways: elementwise and, with space, by channel; the one asked for first.

    In evaluation the output is x. scale: 1/(1-p), None where p is 1 (all outputs are 0). draws: over how many masks
    ``mean`` was taken.
    """

    kind: str
    x: Array
    p: Fraction
    seed: int
    draws: int
    ways: tuple[Masked, ...]

    @property
    def scale(self) -> Fraction | None:
        return None if self.p == 1 else 1 / (1 - self.p)

    @property
    def way(self) -> Masked:
        """The one asked for."""
        return self.ways[0]

    def expected(self, x: float) -> Fraction:
        """The exact mean of one output: ``p 0 + (1-p) x/(1-p) = x``; 0 where p is 1."""
        value = Fraction(x)
        return Fraction(0) if self.scale is None else (1 - self.p) * (value * self.scale)

    def variance(self, x: float) -> Fraction:
        """The exact variance of one output, ``x**2 p/(1-p)``."""
        return Fraction(0) if self.scale is None else Fraction(x) ** 2 * self.p * self.scale

    def __repr__(self) -> str:
        from convviz.report.regularize import render

        return render(self, "text")

    def _repr_html_(self) -> str:
        from convviz.report.regularize import render

        return render(self, "html")


def dropout(
    x: Any = None,
    kind: str = "dropout",
    *,
    p: Any = P,
    seed: int = SEED,
    shape: Sequence[int] | None = None,
    draws: int = 1000,
) -> Dropout:
    """Dropout on ``x`` (N, C, *space), or on whole numbers from 1 to 9 in ``shape``.

    kind: dropout (each cell) or dropout2d (each channel of each sample, whatever the rank). Raises FieldError.

    >>> found = dropout([[[[8.0, 2.0], [4.0, 6.0]]]], p=0.5, seed=1)
    >>> found.scale, found.expected(8)
    (Fraction(2, 1), Fraction(8, 1))
    """
    if kind not in KINDS:
        raise FieldError("kind", f"no dropout {str(kind)[:40]!r} (there are {', '.join(KINDS)})")
    seed, draws = whole(seed, "seed", 0, 2**64), whole(draws, "draws", 1, MAX_DRAWS)
    batch = _batch(x, shape, seed)
    if batch.ndim < 2 or (batch.ndim < 3 and kind == "dropout2d"):
        need = "(N, C) and at least one axis of space" if kind == "dropout2d" else "(N, C) and perhaps space"
        raise FieldError("shape", f"needs the axes {need}, got {show(batch.shape)}")
    if draws * batch.size > MOST:
        raise FieldError(
            "draws", f"{draws:,} masks of {batch.size:,} cells are more than {MOST:,}; take fewer"
        )
    share = exact(p, "p", low=0, high=1)
    names = [kind, *(other for other in KINDS if other != kind and batch.ndim > 2)]
    return Dropout(
        kind, batch, share, seed, draws, tuple(_masked(name, batch, share, seed, draws) for name in names)
    )


def _batch(x: Any, shape: Sequence[int] | None, seed: int) -> Array:
    if x is not None:
        found = Weights.of(x, "values", MAX_CELLS)
        sizes = found.shape if shape is None else tuple(shape)
        if prod(sizes) != len(found.values):
            raise FieldError("shape", f"{show(sizes)} does not hold {len(found.values):,} numbers")
        return np.array([float(value) for value in found.values]).reshape(sizes)
    sizes = SHAPE if shape is None else tuple(shape)
    if not sizes or min(sizes) < 1 or len(sizes) > 5 or prod(sizes) > MAX_CELLS:
        raise FieldError("shape", f"needs 2 to 5 sizes of at least 1 and up to {MAX_CELLS:,} cells")
    return np.random.default_rng([seed, 1]).integers(LOW, HIGH + 1, sizes).astype(float)


def unit_shape(kind: str, shape: Shape) -> Shape:
    """Of the decisions: one for each cell, or one for each channel of each sample."""
    return shape if kind == "dropout" else (*shape[:2], *[1] * (len(shape) - 2))


def apply(x: Array, mask: NDArray[np.int64], p: Fraction) -> Array:
    """``x * mask / (1 - p)``; all 0 where p is 1, as in torch.

    >>> apply(np.array([3.0, 4.0]), np.array([0, 1]), Fraction(1, 2)).tolist()
    [0.0, 8.0]
    """
    return np.zeros_like(x) if p == 1 else x * mask * float(1 / (1 - p))


def _masked(kind: str, x: Array, p: Fraction, seed: int, draws: int) -> Masked:
    rng = np.random.default_rng([seed, 2 + KINDS.index(kind)])
    units = unit_shape(kind, x.shape)
    mask = np.broadcast_to((rng.random(units) >= float(p)).astype(np.int64), x.shape)
    kept = np.zeros(units)
    at_once = max(1, 1_000_000 // prod(units))
    for start in range(0, draws, at_once):
        kept += (rng.random((min(at_once, draws - start), *units)) >= float(p)).sum(0)
    mean = np.zeros_like(x) if p == 1 else x * (kept / draws) * float(1 / (1 - p))
    return Masked(kind, mask, apply(x, mask, p), mean, _channel_variance(kind, x, p))


def _channel_variance(kind: str, x: Array, p: Fraction) -> Fraction:
    """Of the mean over the first channel of the first sample: its cells fall one by one, or all together."""
    cells = [Fraction(value) for value in x[0, 0].reshape(-1).tolist()]
    if p == 1:
        return Fraction(0)
    squares = sum(c * c for c in cells) if kind == "dropout" else sum(cells) ** 2
    return squares * p / (1 - p) / len(cells) ** 2
