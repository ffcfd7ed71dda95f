"""A module that nobody can look into: what it reads is what its user says."""

from __future__ import annotations

from typing import ClassVar

from convviz.errors import ShapeError
from convviz.ops.base import Along, AxisRead, Op, Shape, choice, integer, list_of, register, show, spec
from convviz.ops.relations import SAME, Blocks


@register
class Opaque(Op):
    """Every output reads, ``pointwise``, all channels of its own position, or, ``global``, everything.

    It comes from ``--treat NAME=pointwise|global`` only and has no arithmetic that could be shown.
    """

    kind: ClassVar[str] = "opaque"
    elementwise: ClassVar[bool] = False
    inputs: ClassVar[tuple[int, int | None]] = (1, None)
    mode: str = spec(choice("pointwise", "global"))
    size: tuple[int, ...] = spec(list_of(integer(1)))  # the output's shape
    weight_shapes: tuple[tuple[int, ...], ...] = spec(list_of(list_of(integer(1))), ())

    def shape(self, *ins: Shape) -> Shape:
        if self.mode == "pointwise" and any(s[1:] != self.size[1:] for s in ins):
            shapes = " and ".join(show(s) for s in ins)
            raise ShapeError(
                f"a pointwise module keeps its input's size, got {shapes} to {show(self.size)}; use global"
            )
        return self.size

    def weights(self, *ins: Shape) -> dict[str, Shape]:
        return {f"weight{i}": shape for i, shape in enumerate(self.weight_shapes)}

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        out = self.size
        if self.mode == "pointwise":
            mixed = (Blocks(s[0], out[0]) for s in ins)
            return tuple(
                Along((AxisRead(b, 0), *(AxisRead(SAME, i) for i in range(1, len(out))))) for b in mixed
            )
        everything = []
        for s in ins:
            whole = (
                (Blocks(n, out[i] if i < len(out) else 1), i if i < len(out) else None)
                for i, n in enumerate(s)
            )
            everything.append(Along(tuple(AxisRead(*pair) for pair in whole)))
        return tuple(everything)
