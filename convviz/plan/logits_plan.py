"""The plan of softmax on logits: every section of the calculation, and what goes wrong without the subtraction."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, isinf

import numpy as np

from convviz.plan.given import plain
from convviz.plan.logits import Naive, SoftmaxResult
from convviz.plan.model import Formula, Grid, Number, Panel, Plan, Step, Table, Term, Work, Write
from convviz.plan.pieces import blank, equal, grid, joined, step
from convviz.plan.softmax import Row, difference_step, log_step, softmax_steps
from convviz.plan.words import TIMES, count, inner, listing, number

FEW = 4  # numbers of a list that stands in a cell of a table
SHIFT = 1000  # makes plain exponentials overflow in every precision

DISTRIBUTION = (
    "Softmax gives a distribution: no number is below 0 and they add up to 1. Whether it is well calibrated is "
    "another question."
)
LOG = (
    "Log-softmax is not the negative log likelihood: it has one number for each class. The loss is the next step, "
    "which picks the target's and turns its sign (torch: LogSoftmax, then NLLLoss; CrossEntropyLoss does both)."
)


def worked(result: SoftmaxResult) -> Plan:
    """All sections of the calculation of ``result``."""
    row = result.row
    steps = [
        *([divide_step(result)] if result.temperature != 1 else []),
        *softmax_steps([row], "output"),
        log_step(row),
        difference_step(row, "log", list(result.log_probabilities)),
        *([loss_step(result), gradient_step(result)] if result.target is not None else []),
    ]
    return Plan(
        "softmax",
        title(result),
        tuple(panels(result)),
        tuple(steps),
        tuple(formulas(result)),
        (("classes", f"{len(result.values):,}"), ("parameters", "0")),
        tuple(notes(result)),
    )


def title(result: SoftmaxResult) -> str:
    """``Softmax of 1, 2 and 3``"""
    text = few(result.values, "Softmax of ")
    if result.temperature != 1:
        text += f" at temperature {number(result.temperature)}"
    return text if result.target is None else f"{text}, target class {result.target}"


def few(values: Sequence[Number], before: str = "") -> str:
    """A short list of numbers in full, a longer one by its length."""
    if len(values) <= 8:
        return before + listing(map(number, values))
    return f"{before}{count(len(values), 'number')}"


# -- panels -------------------------------------------------------------------------------------------
def panels(result: SoftmaxResult) -> list[Panel]:
    """The table of all classes, the vectors that the steps read and write, and what goes wrong without them."""
    n = len(result.values)
    found: list[Panel] = [classes(result), grid("input", "input", "logits", np.array(result.values, float))]
    if result.temperature != 1:
        found.append(blank("scaled", "logits over the temperature", (n,)))
    found += [
        blank("largest", "largest", (1,)),
        blank("exponential", "exponentials", (n,)),
        blank("total", "sum", (1,)),
        Grid("output", "output", "softmax", (n,)),
        blank("logarithm", "logarithm of the sum", (1,)),
        Grid("log", "output", "log-softmax", (n,)),
    ]
    if result.wanted is not None:
        found += [
            grid("wanted", "input", "target distribution", np.array(result.wanted, float)),
            Grid("loss", "output", loss_name(result), (1,)),
            Grid("gradient", "output", "gradient by the logits", (n,)),
        ]
    return [*found, without(result)]


def classes(result: SoftmaxResult) -> Table:
    """A row for each class, and the sums of what has one."""
    row, top = result.row, inner(result.row.top)
    x = "x" if result.temperature == 1 else "z"
    columns: list[tuple[str, Sequence[Number], Number | None]] = [("x", result.values, None)]
    if result.temperature != 1:
        columns.append(("z = x / T", row.values, None))
    columns += [
        (f"{x} − {top}", result.below, None),
        (f"e^({x} − {top})", result.exponentials, row.total),
        ("softmax p", result.probabilities, plain(fsum(result.probabilities))),
        ("log-softmax ln p", result.log_probabilities, None),
    ]
    if result.wanted is not None and result.gradient is not None:
        columns.append(("target q", result.wanted, plain(fsum(result.wanted))))
        slope = "p − q" if result.temperature == 1 else "(p − q) / T"
        columns.append((f"gradient {slope}", result.gradient, plain(tidy(fsum(result.gradient)))))
    rows: list[tuple[str | Number | None, ...]] = [
        (str(i), *(values[i] for _, values, _ in columns)) for i in range(len(result.values))
    ]
    rows.append(("sum", *(total for *_, total in columns)))
    return Table("classes", "class by class", ("class", *(name for name, *_ in columns)), tuple(rows))


def tidy(value: float) -> float:
    """A sum that is 0 but for rounding."""
    return 0.0 if abs(value) < 1e-12 else value


def without(result: SoftmaxResult) -> Table:
    """The logits, and all of them so much larger that plain exponentials overflow: with and without the subtraction."""
    columns = ("logits", "largest taken away", *(f"not taken away, {n.precision}" for n in result.naive()))
    rows = []
    for shift in (0, *shifts(result)):
        values = [plain(np.float64(x) + shift) for x in result.row.values]
        naive = (short(n.shares) for n in result.naive(shift))
        rows.append((short(values), short(result.probabilities), *naive))
    return Table("naive", "why the largest is taken away", columns, tuple(rows))


def shifts(result: SoftmaxResult) -> list[int]:
    """What to add to all logits so that plain exponentials overflow; nothing where they fail as it is."""
    if result.naive()[-1].fails:
        return []
    return [SHIFT if result.row.top > -SHIFT / 10 else 2 * SHIFT]


def short(values: Sequence[Number]) -> str:
    """The first few numbers of a list."""
    return ", ".join(map(number, values[:FEW])) + (", …" if len(values) > FEW else "")


# -- steps --------------------------------------------------------------------------------------------
def divide_step(result: SoftmaxResult) -> Step:
    """Logits over the temperature."""
    given = Row("input", result.row.cells, result.values, (0,), "the logits")
    heat, values = inner(result.temperature), list(result.row.values)
    texts = [f"{number(x)} / {heat}" for x in result.values]
    terms = given.of("input", result.values, values)
    return given.each("Temperature", "Each logit over the temperature", "scaled", texts, values, terms)


def loss_name(result: SoftmaxResult) -> str:
    return "cross entropy" if result.label_smoothing else "negative log likelihood"


def loss_step(result: SoftmaxResult) -> Step:
    """The logarithm of the target's share with its sign turned, or the weighted sum of all of them."""
    assert result.wanted is not None and result.loss is not None and result.target is not None
    pairs = enumerate(zip(result.wanted, result.log_probabilities, strict=True))
    terms = tuple(
        Term("log", (i,), logarithm, (i,), plain(-q), plain(-q * logarithm))
        for i, (q, logarithm) in pairs
        if q
    )
    if result.label_smoothing:
        text = equal(
            f"−({joined([f'{number(-(t.factor or 0))}{TIMES}{inner(t.value)}' for t in terms])})", result.loss
        )
        caption = f"The cross entropy is the sum of −q ln p over all classes: {text}."
    else:
        text = equal(f"−{inner(result.log_probabilities[result.target])}", result.loss)
        caption = f"The negative log likelihood is −ln p of the target, class {result.target}: {text}."
    work = Work("dot", terms, result.loss, text)
    return step("Loss", caption, work, [Write("loss", (0,), result.loss)], "wanted")


def gradient_step(result: SoftmaxResult) -> Step:
    """Probability less target, class by class."""
    assert result.wanted is not None and result.gradient is not None
    row, values = result.row, list(result.gradient)
    texts = [f"{number(p)} − {inner(q)}" for p, q in zip(result.probabilities, result.wanted, strict=True)]
    if result.temperature != 1:
        texts = [f"({text}) / {inner(result.temperature)}" for text in texts]
    terms = [*row.of("output", result.probabilities, values), *row.of("wanted", result.wanted, values)]
    what = "Probability less target" + (", over the temperature" if result.temperature != 1 else "")
    return row.each("Gradient", what, "gradient", texts, values, terms)


# -- words --------------------------------------------------------------------------------------------
def formulas(result: SoftmaxResult) -> list[Formula]:
    """The rules, with the numbers of one class put in: the target's, or that of the largest logit."""
    row = result.row
    i = result.target if result.target is not None else row.values.index(row.top)
    top, x, p = inner(row.top), number(row.values[i]), result.probabilities
    note, z = f"class {i}", "x" if result.temperature == 1 else "z"
    found = []
    if result.temperature != 1:
        found.append(Formula("temperature", "z = x / T", f"{number(result.values[i])} / {inner(result.temperature)}", x,
                             note))  # fmt: skip
    found += [
        Formula(
            "softmax",
            f"p = e^({z} − max) / Σ e^({z} − max)",
            f"e^({x} − {top}) / {number(row.total)}",
            number(p[i]),
            note,
        ),
        Formula(
            "log-softmax",
            f"ln p = {z} − max − ln Σ e^({z} − max)",
            f"{x} − {top} − ln({number(row.total)})",
            number(result.log_probabilities[i]),
            note,
        ),
        Formula("a distribution", "Σ p", joined([number(q) for q in p]), number(plain(fsum(p)))),
        Formula(
            "shift",
            f"e^({z} + c) / Σ e^({z} + c) = e^c·e^{z} / (e^c·Σ e^{z})",
            "",
            f"e^{z} / Σ e^{z}",
            "a constant added to all logits changes nothing, so the largest may be taken away",
        ),
    ]
    if result.wanted is not None and result.gradient is not None and result.loss is not None:
        smooth, q = result.label_smoothing, result.wanted
        if smooth:
            n = len(q)
            found.append(
                Formula(
                    "label smoothing",
                    "q = (1 − s)·onehot + s / n",
                    f"(1 − {number(smooth)})×1 + {number(smooth)} / {n}",
                    number(q[i]),
                    note,
                )
            )
        rule = "−Σ q ln p" if smooth else "−ln p[target]"
        told = "" if smooth else f"−{inner(result.log_probabilities[i])}"
        found.append(Formula(loss_name(result), rule, told, number(result.loss)))
        slope, numbers = "p − q", f"{number(p[i])} − {inner(q[i])}"
        if result.temperature != 1:
            slope, numbers = "(p − q) / T", f"({numbers}) / {inner(result.temperature)}"
        found.append(Formula("gradient by a logit", slope, numbers, number(result.gradient[i]), note))
    return found


def notes(result: SoftmaxResult) -> list[str]:
    """Why the largest is taken away, by these numbers; what a distribution and the loss are."""
    found = [without_words(naive) for naive in result.naive()]
    for shift in shifts(result):
        single, double = result.naive(shift)
        found.append(
            f"With all logits larger by {shift:,} the quotients stay the same, but plain exponentials overflow: "
            f"{single.precision} holds e^x up to x = {single.highest:.2f}, {double.precision} up to "
            f"{double.highest:.2f}."
        )
    if any(map(isinf, result.values)):
        found.append("A logit of −∞ masks its class: its exponential is 0, and so is its probability.")
    lost = [
        i for i, p in enumerate(result.probabilities) if p == 0 and not isinf(result.log_probabilities[i])
    ]
    if lost:
        value = number(result.log_probabilities[lost[0]])
        found.append(
            f"The probability of class {lost[0]} is too small to be told from 0, so the logarithm of it would be −∞; "
            f"log-softmax, worked out by itself, is {value}."
        )
    found.append(DISTRIBUTION)
    return [*found, LOG]


def without_words(naive: Naive) -> str:
    """``Without the subtraction, in float32: ...``"""
    gives = f"; the quotients are {short(naive.shares)}" if naive.fails else ""
    return f"Without the subtraction, in {naive.precision}: {naive.words}{gives}."
