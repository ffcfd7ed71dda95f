"""Attention: queries meet keys in scores, a softmax makes weights of them, and the values are mixed by these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod, sqrt

import numpy as np

from convviz.ops.attention import Attention, ScaledDotProductAttention
from convviz.ops.base import Array, Shape, axis, broadcast
from convviz.plan.given import Given, plain
from convviz.plan.limits import MAX_STEPS, MAX_TERMS, check_count
from convviz.plan.model import Cell, Formula, Marked, Matrix, Number, Panel, Plan, Step, Term, Work, Write
from convviz.plan.pieces import blank, dot_text, equal, example, joined, place, plan_of, step
from convviz.plan.reach import unravel
from convviz.plan.softmax import Row, softmax_steps
from convviz.plan.words import count, inner, size, term_text

ROLES = ("query", "key", "value")


@dataclass(frozen=True)
class Operand:
    """Rows of numbers (*lead, rows, features) that lie in a panel; ``at`` numbers its cells in the same order."""

    panel: str
    values: Array
    at: Array
    shape: Shape

    def cell(self, index: Cell) -> Cell:
        return unravel(int(self.at[index]), self.shape)

    def value(self, index: Cell) -> Number:
        return plain(self.values[index])


def whole(panel: str, values: Array, lead: Shape = ()) -> Operand:
    """An array (*own lead, rows, features), broadcast to ``lead`` in front."""
    numbers = np.arange(values.size).reshape(values.shape)
    shape = (*lead, *values.shape[-2:])
    return Operand(panel, np.broadcast_to(values, shape), np.broadcast_to(numbers, shape), values.shape)


def in_heads(panel: str, values: Array, heads: int) -> Operand:
    """An array (rows, features) cut into heads: (heads, rows, features of a head)."""

    def cut(x: Array) -> Array:
        return x.reshape(len(x), heads, -1).swapaxes(0, 1)

    return Operand(panel, cut(values), cut(np.arange(values.size).reshape(values.shape)), values.shape)


@dataclass(frozen=True)
class Mixing:
    """Scores, softmax and weighted sum; ``target`` is where the sums are written.

    causal: query i sees the keys up to i only. scale: what every product of query and key is multiplied by, and
    ``scaled`` how that is written.
    """

    query: Operand
    key: Operand
    value: Operand
    target: Operand
    scale: float
    scaled: str
    mask: Operand | None = None
    causal: bool = False

    @property
    def lead(self) -> Shape:
        return self.query.values.shape[:-2]

    @property
    def scores(self) -> Shape:
        return (*self.lead, self.query.values.shape[-2], self.key.values.shape[-2])

    def seen(self, q: int) -> range:
        """The keys that a query sees."""
        keys = self.scores[-1]
        return range(min(q + 1, keys) if self.causal else keys)

    def steps(self) -> list[Step]:
        scores = np.full(self.scores, -np.inf)
        found = []
        for at in np.ndindex(self.scores):
            if at[-1] in self.seen(at[-2]):
                work = self.score(at)
                assert work.result is not None
                scores[at] = work.result
                caption = f"{place('Score', at)}, query {at[-2]} with key {at[-1]}: {work.text}."
                found.append(step("Scores", caption, work, [Write("score", at, work.result)], self.key.panel))
        rows = [self.row(at, scores) for at in np.ndindex(self.scores[:-1])]
        found += [rename(s) for s in softmax_steps(rows, "weights")]
        weights = {write.cell: write.value for s in found for write in s.writes if write.panel == "weights"}
        found += [
            self.mixed(at, weights) for at in np.ndindex((*self.scores[:-1], self.value.values.shape[-1]))
        ]
        return found

    def score(self, at: Cell) -> Work:
        """The product of a query and a key, scaled, and what the mask adds."""
        terms = []
        for i in range(self.query.values.shape[-1]):
            q, k = (*at[:-1], i), (*at[:-2], at[-1], i)
            a, b = self.query.value(q), self.key.value(k)
            terms.append(Term(self.query.panel, self.query.cell(q), a, self.key.cell(k), b, plain(a * b)))
        result = sum(term.product for term in terms) * self.scale
        text = f"({joined([term_text(term) for term in terms])}){self.scaled}"
        if self.mask is not None:
            added = self.mask.value(at)
            result += added
            terms.append(Term(self.mask.panel, self.mask.cell(at), added, product=added))
            text += f" + {inner(added)}"
        result = plain(result)
        return Work("function", tuple(terms), result, equal(text, result), name="scaled product")

    def row(self, at: Cell, scores: Array) -> Row:
        cells = tuple((*at, k) for k in self.seen(at[-1]))
        values = tuple(plain(scores[cell]) for cell in cells)
        head = f" of head {at[0]}" if len(at) == 2 and at[0:1] and self.lead[0] > 1 else ""
        return Row("score", cells, values, (*at, 0), f"query {at[-1]}{head}")

    def mixed(self, at: Cell, weights: dict[Cell, Number]) -> Step:
        """One feature of one query: the values times the weights of their keys."""
        terms = []
        for k in self.seen(at[-2]):
            cell, index = (*at[:-1], k), (*at[:-2], k, at[-1])
            a, v = weights[cell], self.value.value(index)
            terms.append(Term("weights", cell, a, self.value.cell(index), v, plain(a * v)))
        result = self.target.value(at)
        text = dot_text(terms, None, result)
        target = self.target.cell(at)
        work = Work("dot", tuple(terms), result, text)
        caption = f"{place('Cell', target)}, the values mixed for query {at[-2]}: {text}."
        return step(
            "Weighted sum", caption, work, [Write(self.target.panel, target, result)], self.value.panel
        )

    def panels(self) -> list[Panel]:
        one = (*self.scores[:-1], 1)
        names = [f"head {head}" for head in range(self.lead[0])] if len(self.lead) == 1 else ()
        return [
            blank("score", "scores: a row for each query", self.scores, names),
            blank("largest", "largest score of each query", one, names),
            blank("exponential", "exponentials", self.scores, names),
            blank("total", "sum of each query", one, names),
            blank("weights", "attention weights", self.scores, names),
        ]

    def matrices(self, steps: Sequence[Step]) -> list[Matrix]:
        """The weights as matrices that mix the values, one for each head."""
        found: dict[Cell, dict[tuple[int, int], tuple[Cell, Number]]] = {
            at: {} for at in np.ndindex(self.lead)
        }
        for write in (write for s in steps for write in s.writes if write.panel == "weights"):
            *lead, q, k = write.cell
            found[tuple(lead)][q, k] = (write.cell, write.value)
        queries, keys = (tuple((i,) for i in range(n)) for n in self.scores[-2:])
        titled = {at: f" {', '.join(map(str, at))}" if prod(self.lead) > 1 else "" for at in found}
        return [
            Matrix(
                "_".join(["attention", *map(str, at)]),
                f"attention weights{titled[at]}",
                queries,
                keys,
                entries,
            )
            for at, entries in found.items()
        ]

    def guard(self, where: str) -> None:
        pairs = prod(self.scores)
        features = self.query.values.shape[-1] + self.value.values.shape[-1]
        check_count(where, "steps", pairs + 4 * prod(self.scores[:-1]), MAX_STEPS)
        check_count(where, "cells to read", pairs * features, MAX_TERMS)


SECTIONS = {
    "Largest": "Softmax: largest",
    "Exponentials": "Softmax: exponentials",
    "Sum": "Softmax: sum",
    "Quotients": "Softmax: weights",
}


def rename(s: Step) -> Step:
    """A step of the softmax inside attention."""
    return Step(SECTIONS[s.section], s.caption, s.marks, s.work, s.writes)


# -- with projections ---------------------------------------------------------------------------------------
def attention(given: Given) -> Plan:
    """The plan of multi-head attention: projections, scores, softmax, weighted sum, output projection."""
    op = given.op
    assert isinstance(op, Attention) and given.y is not None
    c, _ = op.split(given.ins[0])
    at = axis(op.dim, given.ins[0])
    which = [0, min(1, len(given.ins) - 1), len(given.ins) - 1]
    rows = [positions(x, at) for x in given.xs]
    numbers = [positions(np.arange(x.size).reshape(x.shape), at) for x in given.xs]
    check_count(op.kind, "cells to read", sum(len(rows[i]) * c * c for i in (*which, 0)), MAX_TERMS)
    bias = given.weights.get("in_proj_bias")
    weight = given.weights["in_proj_weight"]
    projected, steps = [], []
    for part, source in enumerate(which):
        block = slice(part * c, (part + 1) * c)
        values = rows[source] @ weight[block].T + (0 if bias is None else bias[block])
        projected.append(values)
        steps += [
            project(given, ROLES[part], source, numbers[source], rows[source], part * c, where, values)
            for where in np.ndindex(values.shape)
        ]
    heads, width = op.num_heads, c // op.num_heads
    q, k, v = (in_heads(name, values, heads) for name, values in zip(ROLES, projected, strict=True))
    scores = q.values @ k.values.swapaxes(-1, -2) / sqrt(width)
    mixed = stable(scores) @ v.values
    mixed = mixed.swapaxes(0, 1).reshape(len(rows[0]), c)
    scaled = f" / √{width}"
    mixing = Mixing(q, k, v, in_heads("mixed", mixed, heads), 1 / sqrt(width), scaled)
    mixing.guard(op.kind)
    core = mixing.steps()
    steps += core
    out_numbers = positions(np.arange(given.y.size).reshape(given.y.shape), at)
    steps += [
        output_step(given, mixed, where, unravel(int(out_numbers[where]), given.out))
        for where in np.ndindex(mixed.shape)
    ]
    between = [blank(name, name, values.shape) for name, values in zip(ROLES, projected, strict=True)]
    panels = [
        *given.inputs(),
        *given.parameters(),
        *between,
        *mixing.panels(),
        *mixing.matrices(core),
        blank("mixed", "values, mixed", mixed.shape),
        given.output(),
    ]
    notes = [
        f"Query, key and value are rows of {count(c, 'feature')}, one for each position; "
        f"the first {c} rows of the weight make queries, the next {c} keys, the last {c} values."
    ]
    if heads > 1:
        notes.append(f"{heads} heads of {count(width, 'feature')} each have scores of their own.")
    return plan_of(given, panels, steps, rules(steps, mixing), notes, "in_proj_weight")


def positions(x: Array, at: int) -> Array:
    """A map as rows of features: (positions, features)."""
    return np.moveaxis(x, at, -1).reshape(-1, x.shape[at])


def stable(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def project(
    given: Given, name: str, source: int, numbers: Array, rows: Array, first: int, at: Cell, values: Array
) -> Step:
    """A feature of a query, key or value: a row times a row of the weight."""
    weight, bias = given.weights["in_proj_weight"], given.weights.get("in_proj_bias")
    row, feature = at
    terms = []
    for i, value in enumerate(rows[row]):
        cell, w = unravel(int(numbers[row, i]), given.ins[source]), (first + feature, i)
        terms.append(
            Term(given.keys[source], cell, plain(value), w, plain(weight[w]), plain(value * weight[w]))
        )
    added = None if bias is None else plain(bias[first + feature])
    result = plain(values[at])
    text = dot_text(terms, added, result)
    marks = [] if bias is None else [Marked("in_proj_bias", "weight", ((first + feature,),))]
    work = Work("dot", tuple(terms), result, text, added)
    caption = f"{place(name.capitalize(), at)} is {text}."
    section = {"query": "Queries", "key": "Keys", "value": "Values"}[name]
    return step(section, caption, work, [Write(name, at, result)], "in_proj_weight", marks)


def output_step(given: Given, mixed: Array, at: Cell, cell: Cell) -> Step:
    weight, bias = given.weights["out_proj.weight"], given.weights.get("out_proj.bias")
    row, feature = at
    terms = tuple(
        Term(
            "mixed",
            (row, i),
            plain(v),
            (feature, i),
            plain(weight[feature, i]),
            plain(v * weight[feature, i]),
        )
        for i, v in enumerate(mixed[row])
    )
    added = None if bias is None else plain(bias[feature])
    result = given.result(cell)
    text = dot_text(terms, added, result)
    marks = [] if bias is None else [Marked("out_proj.bias", "weight", ((feature,),))]
    work = Work("dot", terms, result, text, added)
    caption = f"{place('Output', cell)} is {text}."
    return step("Output", caption, work, [Write("output", cell, result)], "out_proj.weight", marks)


# -- without projections --------------------------------------------------------------------------------------
def scaled_dot_product(given: Given) -> Plan:
    """The plan of attention on queries, keys and values as they are."""
    op = given.op
    assert isinstance(op, ScaledDotProductAttention) and given.y is not None
    lead = broadcast(*(shape[:-2] for shape in given.ins))
    q, k, v = (whole(key, x, lead) for key, x in zip(given.keys, given.xs[:3], strict=False))
    width = given.ins[0][-1]
    scale = 1 / sqrt(width) if op.scale is None else op.scale
    scaled = f" / √{width}" if op.scale is None else f" × {inner(op.scale)}"
    mask = None
    if len(given.ins) == 4:
        values = given.xs[3]
        shape = (*lead, given.ins[0][-2], given.ins[1][-2])
        numbers = np.arange(values.size).reshape(values.shape)
        mask = Operand(
            given.keys[3], np.broadcast_to(values, shape), np.broadcast_to(numbers, shape), values.shape
        )
    target = whole("output", given.y, lead)
    mixing = Mixing(q, k, v, target, scale, scaled, mask, op.is_causal)
    mixing.guard(op.kind)
    steps = mixing.steps()
    titles = [*ROLES, "mask"]
    inputs = [
        grid_
        if i >= len(titles)
        else type(grid_)(grid_.key, grid_.role, titles[i], grid_.shape, grid_.values)
        for i, grid_ in enumerate(given.inputs())
    ]
    panels = [*inputs, *mixing.panels(), *mixing.matrices(steps), given.output()]
    notes = ["A query sees the keys up to its own place and none behind it."] if op.is_causal else []
    return plan_of(given, panels, steps, rules(steps, mixing), notes)


def rules(steps: Sequence[Step], mixing: Mixing) -> list[Formula]:
    """How many scores there are, and the first one."""
    first = next(s for s in steps if s.section == "Scores")
    symbols = f"{'heads × ' if mixing.lead else ''}queries × keys"
    more = " + mask" if mixing.mask is not None else ""
    return [
        Formula("each score", f"(Σ q×k){mixing.scaled}{more}", *example(first)),
        Formula("scores", symbols, size(mixing.scores), f"{prod(mixing.scores):,}"),
    ]
