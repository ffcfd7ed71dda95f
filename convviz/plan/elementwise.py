"""Functions of one cell: the formula with the number put in, and the curve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from convviz.ops.activation import Clamp, Glu, Prelu, sigmoid
from convviz.ops.base import axis
from convviz.plan.given import Given, plain
from convviz.plan.model import Curve, Formula, Number, Panel, Plan, Series, Step, Term, Work, Write
from convviz.plan.naming import value_text
from convviz.plan.pieces import equal, example, place, plan_of, step
from convviz.plan.reach import cells_read
from convviz.plan.words import inner, number


@dataclass(frozen=True)
class Pieces:
    """A function of two pieces: ``then`` where the condition holds, else ``otherwise``."""

    condition: str
    holds: Callable[..., bool]
    then: str
    otherwise: str


# ``{x}`` is the value, ``{v}`` the same in a product or power (negative ones in parentheses). The rest are fields,
# in parentheses if negative; with ``_n`` behind their name without.
FORMULAS: dict[str, str | Pieces] = {
    "identity": "{x}",
    "relu": "max(0, {x})",
    "relu6": "min(max(0, {x}), 6)",
    "leaky_relu": Pieces("{x} > 0", lambda x, **_: x > 0, "{x}", "{negative_slope}×{v}"),
    "elu": Pieces("{x} > 0", lambda x, **_: x > 0, "{x}", "{alpha}×(e^{v} − 1)"),
    "selu": Pieces("{x} > 0", lambda x, **_: x > 0, "1.0507×{v}", "1.0507×1.6733×(e^{v} − 1)"),
    "celu": Pieces("{x} > 0", lambda x, **_: x > 0, "{x}", "{alpha}×(e^({v}/{alpha}) − 1)"),
    "gelu": "{v}/2×(1 + erf({v}/√2))",
    "silu": "{v} / (1 + e^(−{v}))",
    "mish": "{v}×tanh(ln(1 + e^{v}))",
    "hardswish": "{v}×min(max({x} + 3, 0), 6) / 6",
    "hardsigmoid": "min(max({x} + 3, 0), 6) / 6",
    "hardtanh": "min(max({x}, {min_val_n}), {max_val_n})",
    "hardshrink": Pieces("|{x}| > {lambd}", lambda x, lambd: abs(x) > lambd, "{x}", "0"),
    "softshrink": "sign({x})×max(|{x}| − {lambd}, 0)",
    "tanhshrink": "{x} − tanh({x})",
    "sigmoid": "1 / (1 + e^(−{v}))",
    "tanh": "tanh({x})",
    "softplus": Pieces(
        "{v}×{beta} > {threshold}",
        lambda x, beta, threshold: x * beta > threshold,
        "{x}",
        "ln(1 + e^({v}×{beta})) / {beta}",
    ),
    "softsign": "{v} / (1 + |{x}|)",
    "logsigmoid": "−ln(1 + e^(−{v}))",
    "threshold": Pieces("{x} > {threshold}", lambda x, threshold, **_: x > threshold, "{x}", "{value}"),
    "exp": "e^{v}",
    "log": "ln({x})",
    "abs": "|{x}|",
    "neg": "−{v}",
    "sqrt": "√{v}",
    "rsqrt": "1 / √{v}",
    "square": "{v}²",
    "reciprocal": "1 / {v}",
    "pow": "{v}^{exponent}",
    "sin": "sin({x})",
    "cos": "cos({x})",
    "sign": "sign({x})",
    "erf": "erf({x})",
    "floor": "⌊{x}⌋",
    "ceil": "⌈{x}⌉",
    "round": "round({x})",
}
GELU_TANH = "{v}/2×(1 + tanh(√(2/π)×({v} + 0.044715×{v}³)))"
SOFTPLUS_PLAIN = Pieces("{x} > {threshold}", lambda x, threshold, **_: x > threshold, "{x}", "ln(1 + e^{v})")
ROUGH = 481  # points of a curve


def function(given: Given) -> Plan:
    """The plan of a function of one number."""
    formula = FORMULAS[given.kind]
    fields = given.op.fields()
    if fields.get("approximate") == "tanh":
        formula = GELU_TANH
    if given.kind == "softplus" and fields["beta"] == 1:
        formula = SOFTPLUS_PLAIN
    return cell_by_cell(given, formula)


def clamp(given: Given) -> Plan:
    """The plan of clamping between two bounds, either of which may be missing."""
    assert isinstance(given.op, Clamp)
    low, high = given.op.min is not None, given.op.max is not None
    both = "min(max({x}, {min_n}), {max_n})"
    return cell_by_cell(given, both if low and high else "max({x}, {min_n})" if low else "min({x}, {max_n})")


def cell_by_cell(given: Given, formula: str | Pieces) -> Plan:
    fields = field_texts(given.op.fields())
    steps = []
    for cell in np.ndindex(given.out):
        x, result = given.value(0, cell), given.result(cell)
        text, reason = written(formula, x, fields, given.op.fields())
        steps.append(function_step(given, [given.term(0, cell)], cell, result, text, reason))
    rule = Formula("each cell", symbols(formula, given.op.fields()), *example(steps[0]))
    panels: list[Panel] = [*given.inputs(), given.output(), *curves(given)]
    return plan_of(given, panels, steps, [rule])


def written(
    formula: str | Pieces, x: Number, fields: dict[str, str], values: dict[str, Any]
) -> tuple[str, str]:
    """The formula with the number put in, and which piece of it holds."""
    numbers = fields | {"x": number(x), "v": inner(x)}
    if isinstance(formula, str):
        return formula.format(**numbers), ""
    holds = bool(formula.holds(x, **values))
    reason = f"{formula.condition.format(**numbers)} {'holds' if holds else 'does not hold'}"
    return (formula.then if holds else formula.otherwise).format(**numbers), reason


def symbols(formula: str | Pieces, values: dict[str, Any]) -> str:
    """The formula in letters; fields stand as their numbers."""
    letters = field_texts(values) | {"x": "x", "v": "x"}
    if isinstance(formula, str):
        return formula.format(**letters)
    then, condition, otherwise = (
        part.format(**letters) for part in (formula.then, formula.condition, formula.otherwise)
    )
    return f"{then} if {condition}, else {otherwise}"


def field_texts(values: dict[str, Any]) -> dict[str, str]:
    """Fields as they stand in a formula."""
    alone = {f"{name}_n": value_text(value) for name, value in values.items()}
    return alone | {
        name: inner(value) if isinstance(value, int | float) else value_text(value)
        for name, value in values.items()
    }


def function_step(
    given: Given,
    terms: list[Term],
    cell: tuple[int, ...],
    result: Number,
    text: str,
    reason: str = "",
    weight: str | None = None,
) -> Step:
    """One output cell as a function of a few values."""
    done = equal("x" if text == number(terms[0].value) else text, result)
    why = f" ({reason})" if reason else ""
    how = "copy" if given.kind == "identity" else "function"
    work = Work(how, tuple(terms), result, done, name=given.kind)  # type: ignore[arg-type]
    return step(
        "Function", f"{place('Output', cell)} is {done}{why}.", work, [Write("output", cell, result)], weight
    )


def curves(given: Given) -> list[Curve]:
    """The function around the numbers at hand."""
    x = given.xs[0][np.isfinite(given.xs[0])]
    low, high = (float(x.min()) - 1, float(x.max()) + 1) if x.size else (-3.0, 3.0)
    low, high = min(low, -4.0), max(high, 4.0)
    points = np.linspace(low, high, ROUGH)
    with np.errstate(all="ignore"):
        y = np.asarray(given.op.forward(points[None]))[0]
    known = np.isfinite(y) & (np.abs(y) <= 10 * max(abs(low), abs(high)))
    if not known.any():
        return []
    line = Series(given.kind, "output", tuple(map(plain, points[known])), tuple(map(plain, y[known])))
    return [Curve("curve", f"{given.kind} of x", "x", "y", (line,))]


# -- with a weight, with a partner ------------------------------------------------------------------------
def prelu(given: Given) -> Plan:
    """The plan of a ReLU whose slope below 0 is trained."""
    assert isinstance(given.op, Prelu)
    slopes = given.weights["weight"]
    steps = []
    for cell in np.ndindex(given.out):
        x, result = given.value(0, cell), given.result(cell)
        at = (cell[0] if cell and len(slopes) > 1 else 0,)
        slope = plain(slopes[at])
        if x > 0:
            term, text = given.term(0, cell), number(x)
        else:
            term = Term("input", cell, x, at, slope, plain(x * slope))
            text = f"{inner(slope)}×{inner(x)}"
        reason = f"{number(x)} > 0 {'holds' if x > 0 else 'does not hold'}"
        steps.append(function_step(given, [term], cell, result, text, reason, "weight"))
    rule = Formula("each cell", "x if x > 0, else weight×x", *example(steps[0]))
    return plan_of(
        given, [*given.inputs(), *given.parameters(), given.output()], steps, [rule], weight="weight"
    )


def glu(given: Given) -> Plan:
    """The plan of a gate: the first half times the sigmoid of the second."""
    assert isinstance(given.op, Glu)
    (reads,) = given.op.reads(*given.ins)
    steps = []
    for cell in np.ndindex(given.out):
        terms = [given.term(0, source) for source in cells_read(reads, given.ins[0], given.out, cell)]
        value, gate = (term.value for term in terms)
        text = f"{inner(value)}×σ({number(gate)}) = {inner(value)}×{number(plain(sigmoid(np.array(gate))))}"
        steps.append(function_step(given, terms, cell, given.result(cell), text))
    at = axis(given.op.dim, given.ins[0])
    rule = Formula("each cell", "a×σ(b), σ(b) = 1 / (1 + e^(−b))", *example(steps[0]))
    note = f"a comes from the first half of dim {at + 1}, the gate b from the second."
    return plan_of(given, [*given.inputs(), given.output()], steps, [rule], [note])
