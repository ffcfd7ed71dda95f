"""What a net answers to a constant input with all its learned weights 1: the *coverage* of its outputs.

Learned weights are 1 and biases 0, so that a value counts paths; fixed weights (interpolation, average pooling)
keep theirs, which sum to 1; max pooling takes the largest of its window; activations and norms pass on what they
get; a product takes its other factors as shares around 1, a difference counts the paths of both sides. Backwards the
same numbers are what a gradient of 1 on every output sends to each input; there, a maximum counts each window that
holds the cell, as any may win.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from math import gcd, prod
from typing import Any

from convviz.analysis.patterns import (
    PHASES,
    WORK,
    Number,
    Pattern,
    Row,
    end_to_end,
    largest_of,
    merged,
    regrouped,
    smallest_of,
    uniform,
)
from convviz.errors import ConvvizError
from convviz.graph import Node
from convviz.ops.base import Along, Op, Reads, Regroup, Shape, axis
from convviz.ops.join import Div, Maximum, Minimum, Mul
from convviz.ops.relations import Blocks, Relation, Table, Window
from convviz.ops.resize import Sampling, Upsample
from convviz.ops.shape import Concat, Stack

SUMS = frozenset({"conv", "conv_transpose", "linear", "matmul", "einsum", "sum"})  # learned weights, all 1
LARGEST = frozenset({"max_pool", "adaptive_max_pool", "amax"})


def responses(nodes: Iterable[Node], start: Mapping[str, Pattern] | None = None) -> dict[str, Pattern]:
    """The pattern of every node's output, by name; whatever is not in ``start`` comes in as a constant 1.

    Raises ConvvizError where a pattern becomes too long to write down.
    """
    done: dict[str, Pattern] = dict(start or {})
    for node in nodes:
        parts = [
            done[source] if source in done else uniform(len(shape))
            for source, shape in zip(node.inputs, node.ins, strict=True)
        ]
        try:
            done[node.name] = _answer(node, parts)
        except ConvvizError as err:
            raise err.at(node.where or node.name) from None
    return done


def gradients(
    nodes: Iterable[Node], target: str, inputs: Mapping[str, Shape], *, counting: bool = False
) -> dict[str, Pattern]:
    """The pattern of the gradient on each tensor that ``target`` depends on, which itself gets 1 everywhere.

    counting: each output that reads a cell counts 1, also where a mean would give it a share.
    """
    order = list(nodes)
    rank = {node.name: len(node.out) for node in order} | {name: len(s) for name, s in inputs.items()}
    done: dict[str, list[Pattern]] = {target: [uniform(rank[target])]}
    out: dict[str, Pattern] = {}
    for node in reversed(order):
        if node.name not in done:
            continue
        out[node.name] = pattern = merged(done.pop(node.name), operator.add)
        try:
            reads = _reads(node)
            for i, source in enumerate(node.inputs):
                part = _back(node.op, pattern, reads[i], node.ins[i], node.out, counting)
                done.setdefault(source, []).append(part)
        except ConvvizError as err:
            raise err.at(node.where or node.name) from None
    return out | {name: merged(parts, operator.add) for name, parts in done.items()}


def _reads(node: Node) -> tuple[Reads, ...]:
    if type(node.op).reads is Op.reads and len(node.ins) == 1 and node.ins[0] == node.out:
        return (Along(()),)  # cell by cell
    return node.op.reads(*node.ins)


# -- forwards -----------------------------------------------------------------------------------------
def _answer(node: Node, parts: list[Pattern]) -> Pattern:
    op = node.op
    if isinstance(op, Concat):
        at = axis(op.dim, node.ins[0])
        return end_to_end(parts, [shape[at] for shape in node.ins], at)
    if isinstance(op, Stack):
        at = op.at(node.ins[0])
        one = op.one(node.ins[0])
        return end_to_end(
            [regrouped(p, s, one) for p, s in zip(parts, node.ins, strict=True)], [1] * len(parts), at
        )
    if not parts:
        return uniform(len(node.out))
    reads = _reads(node)
    new = [_forth(op, p, r, s, node.out) for p, r, s in zip(parts, reads, node.ins, strict=True)]
    factor = getattr(op, "other", None)
    if isinstance(op, Mul | Div) and factor:
        by = abs(Fraction(str(factor)))
        new.append(uniform(len(node.out), by if isinstance(op, Mul) else 1 / by))
    if isinstance(op, Div) and len(parts) > 1:
        return new[0]  # a quotient is as even as what is divided, once each side is seen as a scale
    ways: dict[type[Op], Callable[[Any, Any], Any]] = {Maximum: largest_of, Minimum: smallest_of}
    way = ways.get(type(op)) or (operator.add if op.kind in ("add", "sub") else operator.mul)
    if (
        way is operator.mul
    ):  # a gate or a row of attention is a share of 1: else numbers would double in length
        new[1 : len(parts)] = [p.shared() for p in new[1 : len(parts)]]
    return merged(new, way)


def _forth(op: Op, pattern: Pattern, reads: Reads, shape: Shape, out: Shape) -> Pattern:
    if isinstance(reads, Regroup):
        return regrouped(pattern, shape, out)
    if not isinstance(reads, Along):
        for read, mid in reads:
            pattern, shape = _forth(op, pattern, read, shape, mid), mid
        return pattern
    if not reads.axes:
        return pattern
    samplings = _samplings(op, shape)
    for i, (relation, to) in enumerate(reads.axes):
        pattern = _along(pattern, i, relation, op.kind, samplings.get(i), shape[i], to is None)
    return pattern.moved([to for _, to in reads.axes], len(out))


def _samplings(op: Op, shape: Shape) -> dict[int, Sampling]:
    """How an op that resizes weighs its cells, by tensor axis."""
    if not isinstance(op, Upsample):
        return {}
    first = len(shape) - op.rank
    return {first + i: s for i, s in enumerate(op.samplings(shape))}


def _along(
    pattern: Pattern, at: int, relation: Relation, kind: str, sampling: Sampling | None, n: int, one: bool
) -> Pattern:
    """One axis through one relation; ``one``: the result is a single cell."""
    if relation.is_identity and not one:
        return pattern
    have, told = pattern.lengths()[at], pattern.periods[at]
    whole = isinstance(relation, Blocks) and relation.size == n
    if whole or one:
        return pattern.through(at, [_row(relation, 0, have, kind, sampling)], 1, kind in LARGEST)
    step, moves = relation.period, int(relation.jump * relation.period)
    period = step * (told // gcd(moves, told))
    if have == 1 and kind not in SUMS:
        return pattern.through(at, [[(0, 1)]], period)  # weights that sum to 1, or the largest of equals
    count = step * (have // gcd(moves, have)) if not isinstance(relation, Blocks) or have > 1 else 1
    _check(count, min(have, len(relation.taps(0).cells) + 1))
    rows = [_row(relation, o, have, kind, sampling) for o in range(count)]
    return pattern.through(at, rows, period, kind in LARGEST)


def _check(count: int, each: int) -> None:
    if count > PHASES or count * each > WORK:
        raise ConvvizError(
            f"the pattern repeats after {count:,} cells only; up to {PHASES:,} phases can be written down"
        )


def _row(relation: Relation, o: int, have: int, kind: str, sampling: Sampling | None) -> Row:
    """The phases (modulo ``have``) that output ``o`` reads, each with its weight."""
    cells = relation.taps(o).cells
    if sampling is not None and len(cells) > 1:
        return [(c % have, w) for c, w in zip(cells, exact(sampling, o), strict=True)]
    counted = residues(cells, have)
    if kind in SUMS or not cells:
        return counted
    return [(c, Fraction(w, len(cells))) for c, w in counted]


def residues(cells: range, period: int) -> Row:
    """How many of ``cells`` fall on each phase, at a cost that their number does not enter.

    >>> residues(range(0, 10**12), 2)
    [(0, 500000000000), (1, 500000000000)]
    """
    n, cycle = len(cells), period // gcd(cells.step, period)
    return [(cells[j] % period, (n - 1 - j) // cycle + 1) for j in range(min(n, cycle))]


def exact(sampling: Sampling, o: int) -> list[Fraction]:
    """The weights of ``sampling`` as the fractions that they are: denominators divide 4 q^3 (cubic) for q parts."""
    unit = 4 * sampling.position(o).denominator ** 3
    return [Fraction(round(w * unit), unit) for w in sampling.weights(o)]


# -- backwards ----------------------------------------------------------------------------------------
def _back(op: Op, pattern: Pattern, reads: Reads, shape: Shape, out: Shape, counting: bool) -> Pattern:
    if isinstance(reads, Regroup):
        return regrouped(pattern, out, shape)
    if not isinstance(reads, Along):
        stages = [(read, before, mid) for (read, mid), before in zip(reads, [shape, *(m for _, m in reads)])]
        for read, before, mid in reversed(stages):
            pattern = _back(op, pattern, read, before, mid, counting)
        return pattern
    if not reads.axes:
        return pattern
    samplings = {} if counting else _samplings(op, shape)
    shared = not counting and op.kind not in SUMS | LARGEST
    named = [to for _, to in reads.axes if to is not None]
    for j in range(len(out)):
        if j not in named:
            pattern = pattern.over(j)
            pattern = replace(pattern, scale=pattern.scale * out[j])
    pattern = _gathered(pattern, [to for _, to in reads.axes])
    for i, (relation, to) in enumerate(reads.axes):
        pattern = _against(pattern, i, relation, shared, samplings.get(i), shape[i], to is None)
    return pattern


def _gathered(pattern: Pattern, to: list[int | None]) -> Pattern:
    """Output axes in the places of the input's; input axes that lie on none are constant."""
    back: list[int | None] = [None] * len(pattern.periods)
    for i, j in enumerate(to):
        if j is not None:
            back[j] = i
    return pattern.moved(back, len(to))


def _against(
    pattern: Pattern, at: int, relation: Relation, shared: bool, sampling: Sampling | None, n: int, one: bool
) -> Pattern:
    """What each input along one axis gets of the outputs that read it."""
    if relation.is_identity and not one:
        return pattern
    have, told = pattern.lengths()[at], pattern.periods[at]
    if isinstance(relation, Blocks):
        relation = Blocks(relation.out, relation.size)
        weight = Fraction(1, relation.out) if shared else 1
        whole = relation.out == n or have == 1
        rows = [_weighted(residues(relation.taps(i).cells, have), weight) for i in range(1 if whole else n)]
        return pattern.through(at, rows, 1 if whole else n)
    period, moves = int(relation.jump * relation.period), relation.period
    if not period:
        return pattern.over(at)  # every output reads the same cells
    count = period * (have // gcd(moves, have))
    _check(count, min(have, len(relation.feeds(0).cells) + 1))
    rows = [_fed(relation, i, have, sampling, shared) for i in range(count)]
    return pattern.through(at, rows, period * (told // gcd(moves, told)))


def _fed(relation: Window | Table, i: int, have: int, sampling: Sampling | None, shared: bool) -> Row:
    """The phases of the outputs that read input ``i``, each with its weight there."""
    outputs = relation.feeds(i).cells
    if isinstance(relation, Window) and sampling is None:
        each = len(relation.taps(outputs[0]).cells) if outputs else 1
        return _weighted(residues(outputs, have), Fraction(1, each) if shared else 1)
    row: Row = []
    for o in outputs:
        cells = relation.taps(o).cells
        if i in cells:
            one = exact(sampling, o)[cells.index(i)] if sampling is not None and len(cells) > 1 else None
            row.append((o % have, one if one is not None else Fraction(1, len(cells)) if shared else 1))
    return row


def _weighted(row: Row, weight: Number) -> Row:
    return row if weight == 1 else [(i, w * weight) for i, w in row]


def value(pattern: Pattern) -> Number:
    """The one value of a constant pattern."""
    return pattern.scale * prod(v[0] for v in pattern.axes)
