"""Where several inputs of an op meet: one layout that all can be brought to, and the steps that do so."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from convviz.analysis.layout import (
    NOWHERE,
    Digit,
    Dim,
    State,
    Step,
    Steps,
    Unreadable,
    anonymous,
    contraction,
)
from convviz.graph import Node
from convviz.ops.base import show
from convviz.ops.relations import Blocks, Rows, Table

Part = tuple[
    str, State, list[Steps]
]  # an input's name, what it is seen as, and the steps from it along each axis


def _places(state: State, axis: int) -> list[tuple[int, Digit]]:
    return [(j, d) for j, dim in enumerate(state.dims) for d in dim.digits if d.axis == axis]


def target_of(parts: list[Part], node: Node) -> State:
    """One state that all parts can be aligned to: for each image axis, that of the part which says most about it."""
    if all(p[1].dims == parts[0][1].dims and p[1].sizes == parts[0][1].sizes for p in parts[1:]):
        return parts[0][1]
    axes = len(parts[0][1].sizes)
    best = []
    for a in range(axes):
        best.append(
            max(
                range(len(parts)),
                key=lambda i: (prod(d.size for _, d in _places(parts[i][1], a)), parts[i][1].sizes[a], -i),
            )
        )
    dims = []
    for j, n in enumerate(node.out):
        digits: list[Digit] = []
        offset = 0
        for i in sorted(set(best)):
            dim = parts[i][1].dims[j]
            mine = [d for d in dim.digits if d.axis != NOWHERE and best[d.axis] == i]
            if mine and not digits:
                digits, offset = (
                    list(dim.digits)
                    if len(mine) == len([d for d in dim.digits if d.axis != NOWHERE])
                    else mine,
                    dim.offset,
                )
            elif mine:
                digits += mine
        whole = prod(d.size for d in digits) + offset <= n if digits else False
        dims.append(Dim(n, tuple(digits), offset) if digits and whole else anonymous(n))
    return replace(
        parts[0][1], dims=tuple(dims), sizes=tuple(parts[best[a]][1].sizes[a] for a in range(axes))
    )


def broadcast(n: int, m: int) -> Steps:
    """Every one of ``m`` units stands for all ``n``."""
    return (Step(Blocks(n, m), n, m),)


def align(state: State, target: State, steps: list[Steps], axis: int, node: Node) -> Steps:
    """The steps of one part along an axis, continued to the coordinates of the target."""
    mine, theirs = _places(state, axis), _places(target, axis)
    n, m = state.sizes[axis], target.sizes[axis]
    if n == m and mine == theirs:
        return steps[axis]
    if n == 1 or axis in state.everywhere:
        return steps[axis] + broadcast(n, m)
    if not mine:
        return steps[axis] if n == m else steps[axis] + broadcast(n, m)
    # Digits at the same places are kept. Those that lie elsewhere (the columns of a product of matrices) are read
    # through; along those that only the target has, this part is repeated.
    done = list(steps[axis])
    pairs, through = [], []
    rest = list(theirs)
    for j, d in mine:
        hit = next((t for t in rest if t[0] == j and t[1].size == d.size), None)
        if hit is not None:
            rest.remove(hit)
            pairs.append((d, hit[1]))
        elif node.op.kind in ("matmul", "einsum") or axis == len(state.sizes) - 1:
            through.append(d)
        else:
            raise Unreadable(
                f"joins {show(node.ins[0])} and {show(node.ins[-1])}, whose axes lie differently on the input"
            )
    for d in sorted(through, key=lambda d: -d.div):
        if d.size > 1:
            done.append(contraction(d, n))
            n //= d.size
            pairs = [(p._replace(div=p.div // d.size) if p.div > d.div else p, t) for p, t in pairs]
    if n == m and all(d.div == t.div for d, t in pairs):
        return tuple(done)
    if n == 1:
        return (*done, *broadcast(n, m))
    slowest = max(theirs, key=lambda t: t[1].div)[1]
    advance = n if any(t is slowest for _, t in pairs) else 0

    def row(o: int) -> range:
        at = sum(o // t.div % t.size * d.div for d, t in pairs)
        return range(at, at + 1)

    return (*done, Step(Table(Rows(m, row), advance), n, m))
