"""The grid of every layer on the image: by how much a crop may move so that all of them line up, and what forbids it.

A crop that starts ``t`` cells into the image moves the units of a layer by ``t`` over the layer's jump. That
must be a whole number, and a multiple of the period with which the units of each op repeat: so ``align`` is the least
common multiple over all ops on all paths.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

from convviz.analysis.layout import NOWHERE, Step
from convviz.analysis.lower import Lowered, LoweredNode
from convviz.ops.base import Shape
from convviz.ops.norm import Norm
from convviz.ops.relations import Blocks, Relation, Rows, Table, Window

ROWS = 4096  # the longest period whose rows are compared one by one


@dataclass(frozen=True)
class Blocker:
    """A layer whose values in a crop differ from those in the whole image, along ``axes``, and why.

    freezable: what it takes from the whole image (a mean, a gate) can be computed once and then held.
    """

    layer: str
    op: str
    axes: tuple[int, ...]
    reason: str
    freezable: bool


@dataclass(frozen=True)
class Grid:
    """Along one axis: the jump of each layer (None: every unit reads the whole axis) and the alignment of crops."""

    jumps: dict[str, Fraction | None]
    align: int
    blocked: dict[str, tuple[str, bool]]  # layer -> (why, whether it can be frozen)


def grid(lowered: Lowered, axis: int) -> Grid:
    """The grid of all layers along one image axis."""
    jumps: dict[str, Fraction | None] = {lowered.wrt: Fraction(1)}
    align = Fraction(1)
    blocked: dict[str, tuple[str, bool]] = {}
    for name, node in lowered.nodes.items():
        if name in lowered.unread:
            blocked[name] = ("cannot be followed", False)
        if node.state is None:
            continue
        found: list[Fraction] = []
        for edge in node.edges:
            jump = jumps[edge.source]
            for step in edge.steps[axis]:
                if jump is None:
                    break
                if step.whole or not step.relation.jump:
                    if step.n > 1 or step.m == 1:
                        blocked.setdefault(name, (_whole(step), step.m == 1))
                    jump = None
                elif not step.relation.is_identity:
                    advance = step.relation.jump * step.relation.period
                    align = _lcm(align, jump * advance)
                    jump = jump * step.relation.jump
            if edge.concatenated == axis:
                blocked.setdefault(name, ("lays its inputs end to end along it", False))
            if jump is not None:
                found.append(jump)
        if axis in node.statistics:
            blocked[name] = ("takes its statistics over the whole image", isinstance(node.node.op, Norm))
        if any(_wraps(step) for edge in node.edges for step in edge.steps[axis]):
            blocked.setdefault(name, ("wraps round: at a border it reads the other end of the image", False))
        if len(set(found)) > 1:
            strides = " and ".join(str(j) for j in dict.fromkeys(found))
            blocked.setdefault(name, (f"joins paths of different stride ({strides})", False))
        if _adds_positions(node, lowered, axis):
            blocked.setdefault(name, ("adds values that belong to a position of the image", False))
        jumps[name] = found[0] if found else None
    return Grid(jumps, int(_lcm(align, Fraction(1))), blocked)


def _whole(step: Step) -> str:
    return "reads the whole image" if step.m == 1 else "mixes every unit with all others"


def _wraps(step: Step) -> bool:
    """Whether a real output reads the input's other end."""
    r = step.relation
    if not isinstance(r, Window) or r.border != "circular":
        return False
    return r.taps(0).cells[0] < 0 or r.taps(step.m - 1).cells[-1] >= step.n


def _lcm(a: Fraction, b: Fraction) -> Fraction:
    """The smallest positive number that is a whole multiple of both."""
    return Fraction(lcm(a.numerator, b.numerator), gcd(a.denominator, b.denominator))


def _adds_positions(node: LoweredNode, lowered: Lowered, axis: int) -> bool:
    """Whether a constant of more than one cell along the axis meets the map (position embeddings, coordinates)."""
    assert node.state is not None
    shapes: list[Shape] = [
        shape
        for source, shape in zip(node.node.inputs, node.node.ins, strict=True)
        if source not in lowered.graph.inputs and lowered.nodes[source].state is None
    ]
    if not shapes or not node.node.op.elementwise:
        return False
    dims = node.state.dims[::-1]
    return any(
        n > 1 and j < len(dims) and any(d.axis == axis and d.axis != NOWHERE for d in dims[j].digits)
        for shape in shapes
        for j, n in enumerate(shape[::-1])
    )


def differing(one: Lowered, other: Lowered, axis: int) -> Iterator[tuple[str, str]]:
    """Layers that read differently at two sizes of the input, along one axis, and why that is so."""
    if list(one.nodes) != list(other.nodes):
        odd = next((name for name in one.nodes if name not in other.nodes), next(iter(one.nodes)))
        yield odd, "is there at some sizes of the input only"
        return
    for name, node in one.nodes.items():
        twin = other.nodes[name]
        pairs = zip(node.edges, twin.edges)
        if len(node.edges) != len(twin.edges):
            yield name, "is wired differently at other sizes of the input"
        for edge, same in pairs:
            mine, theirs = edge.steps[axis], same.steps[axis]
            if len(mine) != len(theirs) or not all(
                (a.whole and b.whole) or same_relation(a.relation, b.relation) for a, b in zip(mine, theirs)
            ):
                yield name, _dependent(node)
                break


def _dependent(node: LoweredNode) -> str:
    fields = node.node.op.fields()
    if node.node.op.kind == "upsample":
        if fields["align_corners"]:
            return "has align_corners=True, so what its outputs read depends on the size (align_corners=False does not)"
        return "resizes to a given size, not by a factor (scale_factor in the place of size does)"
    return "reads other cells where the image is larger"


def same_relation(a: Relation, b: Relation) -> bool:
    """Whether two relations read the same, nothing clipped."""
    if a == b:
        return True
    if not (isinstance(a, Table | Blocks) and type(a) is type(b)):
        return False
    if (a.period, a.jump) != (b.period, b.jump) or isinstance(a, Blocks):
        return False
    assert isinstance(b, Table)
    if isinstance(a.rows, Rows) and isinstance(b.rows, Rows) and a.rows.row == b.rows.row:
        return True
    return a.period <= ROWS and all(a.rows[p] == b.rows[p] for p in range(a.period))
