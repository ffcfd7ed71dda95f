"""The steps of a normalization, set by set: who shares, sum, mean, deviations, squares, variance, root, result.

Each function gives the steps of one set.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from convviz.plan.given import plain
from convviz.plan.model import Cell, Marked, Number, Step, Term, Work, Write
from convviz.plan.norm_sets import Set
from convviz.plan.pieces import equal, joined, place, step
from convviz.plan.reach import unravel
from convviz.plan.words import count, inner, number


class Done(NamedTuple):
    """What is worked out for one cell: its terms, the arithmetic and the result."""

    cell: Cell
    terms: tuple[Term, ...]
    numbers: str
    value: Number

    @property
    def text(self) -> str:
        return equal(self.numbers, self.value)


def shared(s: Set, what: str) -> Step:
    """Which cells belong to a set; what: they share."""
    caption = f"{s.title}: {count(s.size, 'cell')} {'share' if s.size > 1 else 'has'} {what}."
    return Step("Shared", caption, (Marked("input", "shared", s.shown),))


def in_use(s: Set, mean: Number, var: Number) -> Step:
    """Which cells use the running statistics of a channel."""
    caption = (
        f"{s.title}: {count(s.size, 'cell')} {'use' if s.size > 1 else 'uses'} the running mean {number(mean)} and "
        f"the running variance {number(var)}."
    )
    return Step("In use", caption, (Marked("input", "shared", s.shown),))


def terms_of(panel: str, cells: Iterable[Cell], values: Iterable[Number]) -> tuple[Term, ...]:
    return tuple(Term(panel, cell, x, product=x) for cell, x in zip(cells, values, strict=True))


def one(panel: str, s: Set, value: Number) -> Term:
    """A statistic of the set."""
    return Term(panel, s.at, value, product=value)


def statistic(section: str, s: Set, lead: str, panel: str, work: Work) -> Step:
    """A step that writes one number for the set."""
    assert work.result is not None
    return step(section, f"{lead} of {s.name}: {work.text}.", work, [Write(panel, s.at, work.result)])


def of_cells(
    section: str, s: Set, lead: str, panel: str, done: Sequence[Done], common: Sequence[Term]
) -> Step:
    """A number for every cell of a set, in one step; common: terms that all of them read."""
    text = joined([d.text for d in done], ", ")
    terms = (*(term for d in done for term in d.terms), *common)
    result = done[0].value if len(done) == 1 else None
    work = Work("function", terms, result, text, name=section.lower())
    writes = [Write(panel, d.cell, d.value) for d in done]
    return step(section, f"{lead}: {text}.", work, writes, "weight")


# -- mean -----------------------------------------------------------------------------------------------
def sum_step(s: Set) -> Step:
    text = equal(joined([inner(x) for x in s.values]), s.sum)
    work = Work("sum", terms_of("input", s.shown, s.values), s.sum, text)
    return statistic("Sum", s, "The sum", "sum", work)


def mean_step(s: Set) -> Step:
    text = equal(f"{inner(s.sum)} / {s.size}", s.shift)
    work = Work("mean", (one("sum", s, s.sum),), s.shift, text, divisor=s.size)
    return statistic("Mean", s, "The mean", "mean", work)


def deviation_step(s: Set, target: str = "deviation", shift: str = "mean") -> Step:
    """Each cell less what panel ``shift`` holds for the set."""
    done = [
        Done(cell, (Term("input", cell, x, product=d, to=cell),), f"{number(x)} − {inner(s.shift)}", d)
        for cell, x, d in zip(s.shown, s.values, s.deviations, strict=True)
    ]
    common = [one(shift, s, s.shift)]
    lead = (
        f"The deviations of {s.name} from the {shift}"
        if shift == "mean"
        else f"What {s.name} has above the least"
    )
    return of_cells("Deviations" if shift == "mean" else "Above the least", s, lead, target, done, common)


# -- variance -------------------------------------------------------------------------------------------
def square_step(s: Set) -> Step:
    panel, before = ("deviation", s.deviations) if s.batch.centred else ("input", s.values)
    done = [
        Done(cell, (Term(panel, cell, d, product=q, to=cell),), f"{inner(d)}²", q)
        for cell, d, q in zip(s.shown, before, s.squares, strict=True)
    ]
    return of_cells("Squares", s, f"The squares of {s.name}", "square", done, ())


def square_sum_step(s: Set) -> Step:
    text = equal(joined([number(q) for q in s.squares]), s.square_sum)
    work = Work("sum", terms_of("square", s.shown, s.squares), s.square_sum, text)
    return statistic("Sum of squares", s, "The sum of the squares", "square_sum", work)


def variance_step(s: Set) -> Step:
    text = equal(f"{number(s.square_sum)} / {s.size}", s.var)
    work = Work("mean", (one("square_sum", s, s.square_sum),), s.var, text, divisor=s.size)
    what = "variance" if s.batch.centred else "mean square"
    return statistic(what.capitalize(), s, f"The {what}", "variance", work)


def root_step(s: Set, panel: str, at: Cell, what: str) -> Step:
    """The square root of what ``panel`` holds, with eps."""
    eps = s.batch.result.eps
    inside = f"({number(s.var)} + {number(eps)})" if eps or s.batch.result.op else inner(s.var)
    work = Work(
        "function",
        (Term(panel, at, s.var, product=s.var),),
        s.scale,
        equal(f"√{inside}", s.scale),
        name="sqrt",
    )
    return statistic("Standard deviation", s, f"The root of the {what}", "std", work)


# -- result ---------------------------------------------------------------------------------------------
def quotients(s: Set, target: str, panel: str, before: Sequence[Number]) -> list[Step]:
    """Each cell of ``panel`` over what the set is divided by."""
    values = s.of(s.batch.result.normalized)
    done = [
        Done(cell, (Term(panel, cell, d, product=d, to=cell),), f"{number(d)} / {number(s.scale)}", y)
        for cell, d, y in zip(s.shown, before, values, strict=True)
    ]
    return normal_steps(s, target, done, [one("std", s, s.scale)])


def from_running(s: Set, target: str, mean: Cell) -> list[Step]:
    """Each cell less the running mean, which lies at ``mean``, over the root of the running variance."""
    values = s.of(s.batch.result.normalized)
    done = [
        Done(
            cell,
            (Term("input", cell, x, product=x, to=cell),),
            f"({number(x)} − {inner(s.shift)}) / {number(s.scale)}",
            y,
        )
        for cell, x, y in zip(s.shown, s.values, values, strict=True)
    ]
    common = [Term("running_mean", mean, s.shift, product=s.shift), one("std", s, s.scale)]
    return normal_steps(s, target, done, common)


def normal_steps(s: Set, target: str, done: Sequence[Done], common: Sequence[Term]) -> list[Step]:
    """The normalized cells, in one step or each in its own."""
    if not s.batch.single:
        return [of_cells("Normalize", s, f"The cells of {s.name}, normalized", target, done, common)]
    found = []
    for d in done:
        work = Work("function", (*d.terms, *common), d.value, d.text, name="normalize")
        caption = f"{place('Cell', d.cell)}, normalized: {d.text}."
        found.append(step("Normalize", caption, work, [Write(target, d.cell, d.value)]))
    return found


def affine_steps(s: Set) -> list[Step]:
    """Each normalized cell times its weight, and its bias."""
    result, numbers = s.batch.result, s.batch.affine
    assert numbers is not None
    weight, bias = result.weights["weight"], result.weights.get("bias")
    section = "Scale" if bias is None else "Scale and shift"
    found, done = [], []
    for full, cell, value in zip(s.cells, s.shown, s.of(result.normalized), strict=True):
        at = unravel(int(numbers[full[1:]]), weight.shape)
        factor, output = plain(weight[at]), plain(result.output[full])
        shift = None if bias is None else plain(bias[at])
        text = f"{inner(value)}×{inner(factor)}" + ("" if shift is None else f" + {inner(shift)}")
        term = Term("normalized", cell, value, at, factor, plain(value * factor), to=cell)
        if not s.batch.single:
            added = () if shift is None else (Term("bias", at, shift, product=shift, to=cell),)
            done.append(Done(cell, (term, *added), text, output))
            continue
        marks = [] if bias is None else [Marked("bias", "weight", (at,))]
        work = Work("dot", (term,), output, equal(text, output), shift)
        caption = f"{place('Output', cell)} is {work.text}."
        found.append(step(section, caption, work, [Write("output", cell, output)], "weight", marks))
    if done:
        lead = f"The cells of {s.name}, {'scaled' if bias is None else 'scaled and shifted'}"
        found = [of_cells(section, s, lead, "output", done, ())]
    return found
