"""The scalings of pixels, step by step: to 0..1, centred, standardized, from the least to the greatest."""

from __future__ import annotations

from collections.abc import Sequence

from convviz.analysis.norms.scaling import Scaling
from convviz.plan.model import Formula, Panel, Step, Term, Work
from convviz.plan.norm_sets import Batch, Set
from convviz.plan.norm_steps import (
    Done,
    deviation_step,
    mean_step,
    of_cells,
    one,
    quotients,
    root_step,
    shared,
    square_step,
    square_sum_step,
    statistic,
    sum_step,
    terms_of,
    variance_step,
)
from convviz.plan.pieces import blank, equal, joined
from convviz.plan.words import inner, number, size

OVER = {"image": "over each image", "channel": "over each channel", "dataset": "over the whole data set"}
TITLES = {
    "pixel": "Scaling pixels to 0 to 1",
    "center": "Centring",
    "standardize": "Standardizing",
    "minmax": "Min-max scaling",
}
SHARED = {
    "pixel": "one divisor",
    "center": "a mean",
    "standardize": "a mean and a variance",
    "minmax": "a range",
}
NOTES = {
    "pixel": "255 is the largest value of a byte. This is what ToTensor does; it standardizes nothing.",
    "center": "The mean of each set is 0 afterwards; its spread stays.",
    "standardize": "Mean 0 and variance 1 afterwards. Normalize does this with statistics of the whole data set.",
    "minmax": "The least value becomes 0, the greatest 1; one outlier moves all others.",
}
RULES = {
    "pixel": ("x / 255", "{x} / {scale}"),
    "center": ("x − mean", "{x} − {shift}"),
    "standardize": ("(x − mean) / √(variance{eps})", "({x} − {shift}) / {scale}"),
    "minmax": ("(x − min) / (max − min{eps})", "({x} − {shift}) / {scale}"),
}


def steps_of(batch: Batch) -> list[Step]:
    """All sections of a scaling, in order."""
    rule = batch.result.rule
    assert isinstance(rule, Scaling)
    sets = batch.sets
    found = [shared(s, SHARED[rule.method]) for s in sets]
    if rule.method == "pixel":
        return found + [divided(s) for s in sets]
    if rule.method == "minmax":
        found += (
            [extreme(s, "low") for s in sets] + [extreme(s, "high") for s in sets] + [span(s) for s in sets]
        )
        found += [deviation_step(s, shift="low") for s in sets]
        return found + [made for s in sets for made in quotients(s, "output", "deviation", s.deviations)]
    found += [sum_step(s) for s in sets] + [mean_step(s) for s in sets]
    if rule.method == "center":
        return found + [deviation_step(s, "output") for s in sets]
    found += [deviation_step(s) for s in sets] + [square_step(s) for s in sets]
    found += [square_sum_step(s) for s in sets] + [variance_step(s) for s in sets]
    found += [root_step(s, "variance", s.at, "variance") for s in sets]
    return found + [made for s in sets for made in quotients(s, "output", "deviation", s.deviations)]


def divided(s: Set) -> Step:
    """Pixels over 255."""
    values = s.of(s.batch.result.normalized)
    done = [
        Done(cell, (Term("input", cell, x, product=x, to=cell),), f"{number(x)} / {number(s.scale)}", y)
        for cell, x, y in zip(s.shown, s.values, values, strict=True)
    ]
    return of_cells("Divide", s, f"The pixels of {s.name} over {number(s.scale)}", "output", done, ())


def extreme(s: Set, which: str) -> Step:
    """The least or the greatest value of a set."""
    name, word, value = ("min", "least", s.low) if which == "low" else ("max", "greatest", s.high)
    text = equal(f"{name}({joined([number(x) for x in s.values], ', ')})", value)
    how = "function" if which == "low" else "max"
    work = Work(how, terms_of("input", s.shown, s.values), value, text, name=name)  # type: ignore[arg-type]
    return statistic(word.capitalize(), s, f"The {word} value", which, work)


def span(s: Set) -> Step:
    """From the least to the greatest, with eps where it is not 0."""
    eps = s.batch.result.eps
    text = equal(f"{number(s.high)} − {inner(s.low)}" + (f" + {number(eps)}" if eps else ""), s.scale)
    work = Work("function", (one("high", s, s.high), one("low", s, s.low)), s.scale, text, name="range")
    return statistic("Range", s, "The range", "std", work)


def panels_of(batch: Batch) -> list[Panel]:
    """The grids between input and output."""
    method = batch.result.method

    def statistics(*pairs: tuple[str, str]) -> list[Panel]:
        return [blank(key, title, (len(batch.sets),), batch.names) for key, title in pairs]

    def cells(key: str, title: str) -> Panel:
        return blank(key, title, batch.shown, batch.samples)

    if method == "pixel":
        return []
    if method == "minmax":
        found = statistics(("low", "least"), ("high", "greatest"), ("std", "range"))
        return [*found, cells("deviation", "x − least")]
    found = statistics(("sum", "sum"), ("mean", "mean"))
    if method == "center":
        return found
    found += [cells("deviation", "x − mean"), cells("square", "(x − mean)²")]
    found += statistics(("square_sum", "sum of squares"), ("variance", "variance"))
    return [*found, *statistics(("std", "√(variance + eps)" if batch.result.eps else "√variance"))]


def formulas_of(batch: Batch) -> list[Formula]:
    """The rule, with the numbers of the first cell."""
    first = batch.sets[0]
    symbols, numbers = RULES[batch.result.method]
    symbols = symbols.format(eps=" + eps" if batch.result.eps else "").replace("√(variance)", "√variance")
    x = number(first.values[0])
    filled = numbers.format(x=x, shift=inner(first.shift), scale=number(first.scale))
    value = number(first.of(batch.result.output)[0])
    return [Formula("each cell", symbols, filled, value, f"for the first cell of {first.name}")]


def title_of(batch: Batch) -> str:
    rule = batch.result.rule
    assert isinstance(rule, Scaling)
    over = "" if rule.method == "pixel" else f" {OVER[rule.over]}"
    return f"{TITLES[rule.method]}{over}: {size(batch.shown)}"


def notes_of(batch: Batch) -> Sequence[str]:
    return (NOTES[batch.result.method], *batch.result.notes)
