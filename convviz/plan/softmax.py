"""Softmax and its kin: outputs that share a sum along one axis, worked out row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from convviz.ops.base import Array, axis
from convviz.ops.norm import LogSoftmax, Normalize, Softmin
from convviz.plan.given import Given, plain
from convviz.plan.model import Cell, Formula, Marked, Number, Plan, Step, Term, Work, Write
from convviz.plan.pieces import blank, equal, joined, plan_of, step
from convviz.plan.words import count, inner, number

SAFE = "The {extreme} of each row is taken away first, so that no exponential overflows; it cancels out."


@dataclass(frozen=True)
class Row:
    """Cells of a panel that share a sum, and their values; what follows from them is worked out on demand.

    at: the row's cell in the panels of one cell a row. sign: −1 for the softmax of the negated values.
    """

    panel: str
    cells: tuple[Cell, ...]
    values: tuple[Number, ...]
    at: Cell
    name: str
    sign: int = 1

    @cached_property
    def top(self) -> Number:
        """What is taken away before the exponential: the largest value, or the smallest of negated ones."""
        return plain(np.max(self.values) if self.sign > 0 else np.min(self.values))

    @cached_property
    def powers(self) -> list[Number]:
        with np.errstate(all="ignore"):
            return [plain(np.exp(self.sign * (np.float64(v) - self.top))) for v in self.values]

    @cached_property
    def total(self) -> Number:
        return plain(np.sum(self.powers))

    @cached_property
    def log_total(self) -> Number:
        """The logarithm of the sum of e^x, with the largest value outside of the sum."""
        with np.errstate(all="ignore"):
            return plain(np.log(np.float64(self.total)) + self.top)

    def of(self, panel: str, values: Sequence[Number], results: Sequence[Number] | None = None) -> list[Term]:
        """A term for each cell, in ``panel``; results: what each becomes in its own cell."""
        if results is None:
            return [Term(panel, cell, v, product=v) for cell, v in zip(self.cells, values, strict=True)]
        triples = zip(self.cells, values, results, strict=True)
        return [Term(panel, cell, v, product=r, to=cell) for cell, v, r in triples]

    def one(self, panel: str, value: Number) -> Term:
        """The row's cell in a panel of one cell a row."""
        return Term(panel, self.at, value, product=value)

    def single(self, section: str, what: str, panel: str, work: Work) -> Step:
        """A step that gives one number for the whole row."""
        assert work.result is not None
        shared = Marked(self.panel, "shared", self.cells)
        return step(
            section, f"{what}: {work.text}.", work, [Write(panel, self.at, work.result)], marks=[shared]
        )

    def each(
        self, section: str, what: str, panel: str, texts: list[str], values: list[Number], terms: list[Term]
    ) -> Step:
        """A step that gives a number for every cell of the row."""
        done = joined([equal(text, value) for text, value in zip(texts, values, strict=True)], ", ")
        result = values[0] if len(values) == 1 else None
        work = Work("function", tuple(terms), result, done, name=section.lower())
        writes = [Write(panel, cell, value) for cell, value in zip(self.cells, values, strict=True)]
        return step(section, f"{what}: {done}.", work, writes)


def extreme_step(row: Row) -> Step:
    """The largest value of a row, or the smallest."""
    values, terms = joined([number(v) for v in row.values], ", "), tuple(row.of(row.panel, row.values))
    if row.sign > 0:
        work = Work("max", terms, row.top, equal(f"max({values})", row.top), name="max")
        return row.single("Largest", f"The largest of {row.name}", "largest", work)
    work = Work("function", terms, row.top, equal(f"min({values})", row.top), name="min")
    return row.single("Smallest", f"The smallest of {row.name}", "largest", work)


def power_step(row: Row) -> Step:
    """The exponentials of a row, after its largest value is taken away."""
    if row.sign > 0:
        texts = [f"e^({number(v)} − {inner(row.top)})" for v in row.values]
    else:
        texts = [f"e^({number(row.top)} − {inner(v)})" for v in row.values]
    terms = [*row.of(row.panel, row.values, row.powers), row.one("largest", row.top)]
    return row.each(
        "Exponentials", f"The exponentials of {row.name}", "exponential", texts, row.powers, terms
    )


def total_step(row: Row) -> Step:
    """The sum of a row's exponentials."""
    text = equal(joined([number(p) for p in row.powers]), row.total)
    work = Work("sum", tuple(row.of("exponential", row.powers)), row.total, text)
    return row.single("Sum", f"The sum of the exponentials of {row.name}", "total", work)


def share_step(row: Row, target: str, results: Array | None = None) -> Step:
    """Each exponential over the sum, written to ``target``; results: what the op gives for these cells."""
    if results is None:
        with np.errstate(all="ignore"):
            shares = [plain(np.float64(p) / row.total) for p in row.powers]
    else:
        shares = [plain(results[cell]) for cell in row.cells]
    texts = [f"{number(p)} / {number(row.total)}" for p in row.powers]
    terms = [*row.of("exponential", row.powers, shares), row.one("total", row.total)]
    return row.each("Quotients", f"Each exponential of {row.name} over the sum", target, texts, shares, terms)


def log_step(row: Row) -> Step:
    """The logarithm of the sum of a row's exponentials, its largest value put back."""
    text = equal(f"{number(row.top)} + ln({number(row.total)})", row.log_total)
    pair = (row.one("largest", row.top), row.one("total", row.total))
    work = Work("function", pair, row.log_total, text, name="logarithm")
    return row.single("Logarithm", f"The logarithm of the sum of {row.name}", "logarithm", work)


def difference_step(row: Row, target: str, values: list[Number]) -> Step:
    """Each value less the logarithm of the sum, which is the logarithm of its share; values: the differences."""
    texts = [f"{number(x)} − {inner(row.log_total)}" for x in row.values]
    terms = [*row.of(row.panel, row.values, values), row.one("logarithm", row.log_total)]
    return row.each(
        "Differences", f"Each value of {row.name} less that logarithm", target, texts, values, terms
    )


def softmax_steps(rows: Sequence[Row], target: str, results: Array | None = None) -> list[Step]:
    """Largest values, exponentials, sums and quotients of all rows, section by section.

    Panels: ``largest`` and ``total`` (one cell a row), ``exponential`` and ``target`` (one for each cell).
    """
    return [
        *map(extreme_step, rows),
        *map(power_step, rows),
        *map(total_step, rows),
        *(share_step(row, target, results) for row in rows),
    ]


def rows_along(given: Given, at: int, sign: int = 1) -> list[Row]:
    """The rows of the input along axis ``at``."""
    shape = given.ins[0]
    found: list[Row] = []
    for start in np.ndindex(flat(given, at)):
        cells = tuple((*start[:at], i, *start[at + 1 :]) for i in range(shape[at]))
        places = ", ".join(":" if a == at else number(i) for a, i in enumerate(start))
        name = f"the row ({places})" if len(shape) > 1 else "the row"
        found.append(Row("input", cells, tuple(given.value(0, cell) for cell in cells), start, name, sign))
    return found


def flat(given: Given, at: int) -> tuple[int, ...]:
    """The shape with one cell for each row along axis ``at``."""
    shape = given.ins[0]
    return (*shape[:at], 1, *shape[at + 1 :])


def softmax(given: Given) -> Plan:
    """The plan of softmax or softmin: exponentials over their sum."""
    at = axis(given.op.fields()["dim"], given.ins[0])
    sign = -1 if isinstance(given.op, Softmin) else 1
    extreme = "largest" if sign > 0 else "smallest"
    steps = softmax_steps(rows_along(given, at, sign), "output", given.y)
    panels = [
        *given.inputs(),
        blank("largest", f"{extreme} of each row", flat(given, at)),
        blank("exponential", "exponentials", given.out),
        blank("total", "sum of each row", flat(given, at)),
        given.output(),
    ]
    power = "x − max" if sign > 0 else "min − x"
    rule = Formula("each cell", f"e^({power}) / Σ e^({power})", *first_of(steps[-1]))
    return plan_of(given, panels, steps, [rule], [SAFE.format(extreme=extreme), row_note(given, at)])


def first_of(last: Step) -> tuple[str, str]:
    """Numbers and result of the first cell that a step works out."""
    assert last.work is not None
    numbers, _, result = last.work.text.split(", ")[0].rpartition(" = ")
    return numbers, result


def row_note(given: Given, at: int) -> str:
    return f"A row is all {count(given.ins[0][at], 'cell')} along dim {at + 1}."


def log_softmax(given: Given) -> Plan:
    """The plan of the logarithm of softmax: what is left when the logarithm of the sum is taken away."""
    assert isinstance(given.op, LogSoftmax) and given.y is not None
    at = axis(given.op.dim, given.ins[0])
    rows = rows_along(given, at)
    logs = [log_step(row) for row in rows]
    differences = [
        difference_step(row, "output", [plain(given.y[cell]) for cell in row.cells]) for row in rows
    ]
    panels = [
        *given.inputs(),
        blank("largest", "largest of each row", flat(given, at)),
        blank("exponential", "exponentials", given.out),
        blank("total", "sum of each row", flat(given, at)),
        blank("logarithm", "logarithm of the sum", flat(given, at)),
        given.output(),
    ]
    before = [*map(extreme_step, rows), *map(power_step, rows), *map(total_step, rows)]
    rule = Formula("each cell", "x − (max + ln Σ e^(x − max))", *first_of(differences[-1]))
    return plan_of(given, panels, [*before, *logs, *differences], [rule], [row_note(given, at)])


def normalize(given: Given) -> Plan:
    """The plan of a division by the p-norm of a row."""
    op = given.op
    assert isinstance(op, Normalize) and given.y is not None
    at, p = axis(op.dim, given.ins[0]), number(op.p)
    powers, sums, norms, quotients = [], [], [], []
    for row in rows_along(given, at):
        parts = [plain(np.abs(np.float64(v)) ** op.p) for v in row.values]
        total = plain(np.sum(parts))
        norm = plain(np.maximum(np.float64(total) ** (1 / op.p), op.eps))
        texts = [f"|{number(v)}|^{p}" for v in row.values]
        terms = row.of("input", row.values, parts)
        powers.append(row.each("Powers", f"The powers of {row.name}", "power", texts, parts, terms))
        text = equal(joined([number(q) for q in parts]), total)
        work = Work("sum", tuple(row.of("power", parts)), total, text)
        sums.append(row.single("Sum", f"The sum of the powers of {row.name}", "total", work))
        text = equal(f"max({number(total)}^(1/{p}), {number(op.eps)})", norm)
        work = Work("function", (row.one("total", total),), norm, text, name="norm")
        norms.append(row.single("Norm", f"The {p}-norm of {row.name}", "norm", work))
        values = [plain(given.y[cell]) for cell in row.cells]
        texts = [f"{number(x)} / {number(norm)}" for x in row.values]
        terms = [*row.of("input", row.values, values), row.one("norm", norm)]
        what = f"Each value of {row.name} over its norm"
        quotients.append(row.each("Quotients", what, "output", texts, values, terms))
    panels = [
        *given.inputs(),
        blank("power", f"|x|^{p}", given.out),
        blank("total", "sum of each row", flat(given, at)),
        blank("norm", f"{p}-norm of each row", flat(given, at)),
        given.output(),
    ]
    rule = Formula("each cell", f"x / max((Σ |x|^{p})^(1/{p}), {number(op.eps)})", *first_of(quotients[-1]))
    return plan_of(given, panels, [*powers, *sums, *norms, *quotients], [rule], [row_note(given, at)])
