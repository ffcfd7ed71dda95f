"""Resizing of space: nearest, linear and cubic interpolation, with torch's rules for where an output lies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from convviz.errors import FieldError, ShapeError
from convviz.ops.base import (
    Along,
    Array,
    Check,
    Code,
    Op,
    Shape,
    Weights,
    arguments,
    boolean,
    choice,
    integer,
    map_reads,
    number,
    optional,
    per_axis,
    register,
    show,
    spec,
    split_map,
    squeeze,
)
from convviz.ops.relations import SAME, Blocks, Relation, Rows, Table, Window
from convviz.ops.shuffle import floor_by

LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
CUBIC = -0.75  # torch's coefficient: Keys, "Cubic convolution interpolation", 1981, has -0.5


def positive() -> Check:
    """A finite number above 0."""
    finite = number()

    def check(value: Any, rank: int) -> float:
        if not finite(value, rank) > 0:
            raise ValueError("must be a number > 0")
        return value  # type: ignore[no-any-return]

    return check


@dataclass(frozen=True)
class Sampling:
    """Where output ``o`` lies on the input, along one axis; a call gives the range of cells that are mixed.

    Positions are exact fractions, which is what torch computes in float64. In float32 its rounding moves some
    outputs of ``nearest`` to the cell before (2 to 82 cells: output 41 reads cell 0, not 1).
    """

    mode: str  # nearest, nearest-exact, linear, cubic
    scale: Fraction  # input cells for each output step
    corners: bool = False

    def position(self, o: int) -> Fraction:
        """On the input, in cells; a whole number is a cell's middle, or its start in nearest modes."""
        if self.mode == "nearest" or self.corners:
            return o * self.scale
        half = Fraction(1, 2)
        return (o + half) * self.scale - (0 if self.mode == "nearest-exact" else half)

    def __call__(self, o: int) -> range:
        x = self.position(o)
        exact = x == math.floor(x) or self.mode.startswith("nearest")
        return range(math.floor(x), math.floor(x) + 1) if exact else self.around(o)

    def around(self, o: int) -> range:
        """The cells that are mixed, and where the output lies exactly on one of them those that have no weight."""
        at = math.floor(self.position(o))
        before, behind = {"linear": (0, 2), "cubic": (1, 3)}.get(self.mode, (0, 1))
        return range(at - before, at + behind)

    def weights(self, o: int) -> tuple[float, ...]:
        """In step with the range of cells."""
        if len(self(o)) == 1:
            return (1.0,)
        t = float(self.position(o) % 1)
        return (1 - t, t) if self.mode == "linear" else tuple(cubic(abs(t - i)) for i in range(-1, 3))

    def relation(self) -> Relation:
        """One period of rows; plain windows where the scale or its inverse is a whole number."""
        turn, advance = self.scale.denominator, self.scale.numerator
        if advance == 1 and self.mode.startswith("nearest"):
            return floor_by(turn)
        if turn == 1:
            row = self(0)
            return (
                SAME
                if advance == len(row) == 1
                else Window(len(row), advance, padding=-row.start, border="replicate")
            )
        return Table(Rows(turn, self, hull=self.around), advance, border="replicate")

    def matrix(self, n: int, out: int) -> Array:
        """(out, n): what multiplies each input cell; cells outside are the nearest one inside."""
        m = np.zeros((out, n))
        for o in range(out):
            for cell, weight in zip(self(o), self.weights(o), strict=True):
                m[o, min(max(cell, 0), n - 1)] += weight
        return m


def cubic(d: float) -> float:
    """Weight of a cell at distance ``d < 2``."""
    if d <= 1:
        return ((CUBIC + 2) * d - (CUBIC + 3)) * d * d + 1
    return ((CUBIC * d - 5 * CUBIC) * d + 8 * CUBIC) * d - 4 * CUBIC


@register
class Upsample(Op):
    """Resize to ``size``, or by ``scale_factor`` to ``floor(n * scale_factor)``; smaller is possible too.

    With ``scale_factor``, outputs are ``1 / scale_factor`` cells apart, not ``n_in / n_out``, unless
    ``recompute_scale_factor``. Source: torch.nn.functional.interpolate.
    """

    kind: ClassVar[str] = "upsample"
    elementwise: ClassVar[bool] = False
    scalar: ClassVar[str | None] = "scale_factor"
    size: tuple[int, ...] | None = spec(optional(per_axis(integer(1))), None)
    scale_factor: tuple[float, ...] | None = spec(optional(per_axis(positive())), None)
    mode: str = spec(
        choice("nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic"), "nearest"
    )
    align_corners: bool = spec(boolean, False)
    recompute_scale_factor: bool = spec(boolean, False)

    def __post_init__(self) -> None:
        if (self.size is None) == (self.scale_factor is None):
            raise FieldError(
                "scale_factor",
                "upsample needs either size or scale_factor" + (", not both" if self.size else ""),
            )
        if self.recompute_scale_factor and self.size:
            raise FieldError("recompute_scale_factor", "is for scale_factor, not for size")
        if self.align_corners and self.mode.startswith("nearest"):
            raise FieldError("align_corners", f"is for the linear and cubic modes, got mode {self.mode}")
        needed = {name: rank for rank, name in LINEAR.items()} | {"bicubic": 2}
        if needed.get(self.mode, self.rank) != self.rank:
            right = f"; the linear mode of {self.rank} is {LINEAR[self.rank]}" if self.rank in LINEAR else ""
            raise FieldError(
                "mode",
                f"{self.mode} is for {needed[self.mode]} spatial ax{'is' if needed[self.mode] == 1 else 'es'}, "
                f"not {self.rank}{right}",
            )

    @property
    def rank(self) -> int:
        return len(self.size or self.scale_factor or ())

    def shape(self, *ins: Shape) -> Shape:
        lead, channels, space = split_map(ins[0], self.rank, self.kind)
        factors = self.scale_factor or ()
        out = self.size or tuple(scaled(n, f) for n, f in zip(space, factors, strict=True))
        if min(out, default=1) < 1:
            raise ShapeError(
                f"nothing is left of {show(ins[0])}: scale_factor {squeeze(factors)} gives {show(out)}"
            )
        return (*lead, channels, *out)

    def samplings(self, shape: Shape) -> list[Sampling]:
        """One for each spatial axis."""
        mode = (
            self.mode if self.mode.startswith("nearest") else "cubic" if self.mode == "bicubic" else "linear"
        )
        sizes = list(zip(shape[-self.rank :], self.shape(shape)[-self.rank :], strict=True))
        if self.align_corners:
            return [Sampling(mode, Fraction(n - 1, max(out - 1, 1)), True) for n, out in sizes]
        if self.size or self.recompute_scale_factor:
            return [Sampling(mode, Fraction(n, out)) for n, out in sizes]
        # Linear modes copy an axis that keeps its size, whatever the factor; the others resample it.
        factors = [
            1 if mode == "linear" and n == out else f for (n, out), f in zip(sizes, self.scale_factor or ())
        ]
        return [Sampling(mode, 1 / Fraction(str(f))) for f in factors]

    def relations(self, shape: Shape) -> list[Relation]:
        """One record for each spatial axis."""
        sizes = zip(shape[-self.rank :], self.shape(shape)[-self.rank :], self.samplings(shape), strict=True)
        return [
            single(n, out) if self.align_corners and min(n, out) == 1 else s.relation() for n, out, s in sizes
        ]

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        return (map_reads(ins[0], self.rank, SAME, self.relations(ins[0])),)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        x, shape = xs[0], xs[0].shape[1:]
        for a, out, sampling in zip(
            range(-self.rank, 0), self.shape(shape)[-self.rank :], self.samplings(shape), strict=True
        ):
            m = sampling.matrix(x.shape[a], out).astype(x.dtype)
            x = np.moveaxis(np.tensordot(x, m, (a, 1)), -1, a)
        return x

    def torch(self, *ins: Shape) -> Code:
        extra: dict[str, Any] = (
            {"size": self.size} if self.size else {"scale_factor": squeeze(self.scale_factor or ())}
        )
        if self.mode != "nearest":
            extra["mode"] = self.mode
        extra |= {name: True for name in ("align_corners", "recompute_scale_factor") if getattr(self, name)}
        return Code(f"nn.Upsample({arguments(**extra)})")


def scaled(n: int, factor: float) -> int:
    """Output size, in floats as torch has it (90 * 0.7 is 62.99..., so 62) while they hold integers."""
    exact = isinstance(factor, int) or n > 2**53 or n * factor > 2**53
    return math.floor(n * (Fraction(factor) if exact else factor))


def single(n: int, out: int) -> Relation:
    """With corners aligned and one cell on either side, every output reads cell 0."""
    return SAME if n == out else Blocks(1, out) if n == 1 else Window(stride=n)
