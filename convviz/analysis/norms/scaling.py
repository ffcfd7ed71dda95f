"""The scalings of pixels that come before a net: to 0..1, centred, standardized, min-max."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convviz.errors import ConvvizError, nearest
from convviz.ops.base import Array, Shape, shorten
from convviz.ops.norm import block_moments
from convviz.ops.relations import SAME, Blocks, Relation

SCALINGS = ("pixel", "center", "standardize", "minmax")
OVER = ("image", "channel", "dataset")
WHITE = 255.0  # the largest value of a byte


@dataclass(frozen=True, eq=False)
class Parts:
    """What a scaling works with; arrays broadcast against the batch. ``(x - shift) / scale`` is the result."""

    shift: Array
    scale: Array
    mean: Array | None = None
    var: Array | None = None
    low: Array | None = None
    high: Array | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scaling:
    """A scaling of pixels, over each image, each channel of the data set, or the whole data set.

    method: ``pixel`` (over 255, what ToTensor does), ``center`` (less the mean), ``standardize`` (less the mean, over
    the standard deviation, what Normalize does with the data set's own), ``minmax`` (from the least to the greatest).
    """

    method: str
    over: str = "image"
    eps: float = 0.0

    def __post_init__(self) -> None:
        if self.over not in OVER:
            raise ConvvizError(
                f"must be {', '.join(OVER)}, got {self.over!r}{nearest(self.over, OVER)}", "over"
            )
        if isinstance(self.eps, bool) or not isinstance(self.eps, int | float) or not 0 <= self.eps < 1e300:
            raise ConvvizError(f"must be a number from 0 to 1e300, got {shorten(self.eps)}", "eps")

    @property
    def centred(self) -> bool:
        return self.method in ("center", "standardize")

    def epsilon(self, x: Array) -> float:
        return float(self.eps)

    def shares(self, shape: Shape) -> tuple[Relation, ...]:
        """For the batch and each axis of it, which cells share; a pixel scaling has one constant for all."""
        whole = tuple(Blocks(n) for n in shape)
        if self.method == "pixel" or self.over == "dataset":
            return whole
        alone = 0 if self.over == "image" else 1
        return tuple(SAME if axis == alone else relation for axis, relation in enumerate(whole))

    def parts(self, x: Array) -> Parts:
        """Shift and scale of a batch (N, C, *space)."""
        none, one = np.zeros(()), np.ones(())
        if self.method == "pixel":
            odd = bool(x.min() < 0 or x.max() > WHITE)
            note = "There are values outside 0 to 255, which bytes cannot have; they end outside 0 to 1."
            return Parts(none, np.asarray(WHITE), notes=(note,) * odd)
        if self.method == "minmax":
            axes = tuple(axis for axis, relation in enumerate(self.shares(x.shape)) if relation != SAME)
            low, high = x.min(axes, keepdims=True), x.max(axes, keepdims=True)
            return Parts(low, high - low + self.eps, low=low, high=high)
        mean, var = block_moments(x, self.shares(x.shape))
        return Parts(mean, one if self.method == "center" else np.sqrt(var + self.eps), mean=mean, var=var)
