"""A stack of dilation rates as a table, sentences and data."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from convviz.analysis.gridding import LISTED, Condition, Gridding
from convviz.report.data import clean, dumps
from convviz.report.formats import WIDTH, render
from convviz.report.model import Cell, Column, Table, shorten

LINE = 88  # cells that are drawn in one line of text
ROWS = 64  # layers that a table tells
TERMS = 6  # summands that a condition spells out


def render_gridding(
    found: Gridding, format: str = "text", *, width: int = WIDTH, standalone: bool = False
) -> str:
    """A stack in one of the formats. Raises ConvvizError for an unknown one."""
    if format == "json":
        return dumps(gridding_data(found))
    return render(gridding_table(found), format, width=width, standalone=standalone)


def gridding_table(found: Gridding) -> Table:
    """One row a layer in the order of the criterion, smallest step first; the verdict and its reasons below."""
    strided = set(found.strides) != {1}
    columns = (
        Column("layer"),
        Column("rate", count=True),
        Column("kernel", count=True),
        *((Column("stride", count=True), Column("step", count=True)) if strided else ()),
        Column("at_most", short="at most", left=True, shrink="end"),
        Column("holds", left=True),
    )
    rows: list[tuple[Cell, ...]] = []
    for condition in found.conditions[:ROWS]:
        i = condition.layer
        more = (found.strides[i], condition.step) if strided else ()
        told = (limit_text(condition), "yes" if condition.holds else "no")
        rows.append((i + 1, found.rates[i], found.kernels[i], *more, *told))
    notes = notes_of(found)
    if len(found.conditions) > ROWS:
        notes.insert(0, f"the {ROWS} smallest of {len(found.conditions):,} rates are listed")
    return Table(headline(found), columns, tuple(rows), tuple(notes))


def headline(found: Gridding) -> str:
    """``rates 1,2,5  kernel 3``"""
    text = f"rates {shorten(listed(found.rates), 60)}  kernel {per_layer(found.kernels)}"
    return text + (f"  stride {per_layer(found.strides)}" if set(found.strides) != {1} else "")


def listed(values: Sequence[int]) -> str:
    return ",".join(map(str, values))


def per_layer(values: Sequence[int]) -> str:
    """One value where all layers have it."""
    return str(values[0]) if len(set(values)) == 1 else shorten(listed(values), 40)


def limit_text(condition: Condition) -> str:
    """``1 + 2 + 4 = 7``: what the smaller steps reach, and one more."""
    if not condition.reach:
        return "1"
    if len(condition.reach) > TERMS:
        return f"1 + … = {condition.limit:,}"
    return f"1 + {' + '.join(f'{r:,}' for r in condition.reach)} = {condition.limit:,}"


def notes_of(found: Gridding) -> list[str]:
    """Verdict, cells, criterion, printed rule, remedy; a sentence each."""
    notes = [verdict(found)]
    ribbon = ribbon_text(found.cells, found.span)
    if ribbon:
        notes.append(f"cells {ribbon}")
    counts = found.counts() if found.span <= LINE else None
    if counts:
        paths = " ".join(str(n) if n else "-" for n in counts)
        if len(paths) <= LINE:
            notes.append(f"paths {paths}")
    notes.append(criterion(found))
    if found.rule is not None:
        notes.append(rule_text(found))
    if not found.dense:
        notes.append(remedy_text(found))
    return notes


def verdict(found: Gridding) -> str:
    """``span 21, hits 19 (90.5 %): holes; over two axes 361 of 441 (81.9 %)``"""
    if found.dense:
        return f"span {found.span:,}, hits {found.span:,}: dense, every cell is read"
    if found.hits is None:
        return f"span {found.span:,}, hits not counted: holes"
    hits, span = found.hits, found.span
    return (
        f"span {span:,}, hits {hits:,} ({percent(hits, span)}): holes; over two axes "
        f"{hits**2:,} of {span**2:,} cells ({percent(hits**2, span**2)})"
    )


def percent(part: int, whole: int) -> str:
    """To a tenth; only all of them are 100 %.

    >>> percent(19, 21), percent(999999, 1000000), percent(3, 3), percent(1, 10**6)
    ('90.5 %', '99.9 %', '100 %', '<0.1 %')
    """
    tenths = (2000 * part + whole) // (2 * whole)
    if part and not tenths:
        return "<0.1 %"
    if part < whole:
        tenths = min(tenths, 999)
    return f"{tenths // 10}.{tenths % 10} %" if tenths % 10 else f"{tenths // 10} %"


def ribbon_text(cells: Sequence[int] | None, span: int) -> str:
    """``#.#.#``: a hit, a hole; empty where there is no room."""
    if cells is None or span > LINE:
        return ""
    hit = set(cells)
    return "".join("#" if i in hit else "." for i in range(span))


def criterion(found: Gridding) -> str:
    """The exact criterion and, where it fails, the layers at fault."""
    law = "exact criterion: in ascending order, each rate is at most 1 + the sum of (kernel - 1)·rate of the smaller"
    if set(found.jumps) != {1}:
        law += " (rates times the strides before them)"
    return f"{law}; {'all hold' if found.dense else fault(found)}"


def fault(found: Gridding) -> str:
    """Which layer's rate is too large, and the first cell that is therefore left out."""
    first, *more = [condition for condition in found.conditions if not condition.holds]
    also = f", and {len(more):,} more {'are' if len(more) > 1 else 'is'} too large" if more else ""
    return (
        f"layer {first.layer + 1} has {first.step:,}, more than {first.limit:,}{also}: "
        f"cell {first.limit:,} is no sum of the rates"
    )


def rule_text(found: Gridding) -> str:
    """The printed rule with its numbers, and why it is wrong where it is."""
    rule = found.rule
    assert rule is not None
    sign = "<=" if rule.passes else ">"
    told = "passes" if rule.passes else "fails"
    text = f"printed rule (Wang et al. 2018): M_2 = {rule.m[0]:,} {sign} K = {rule.kernel:,}, it {told}"
    why = found.rule_errs
    if why is None:
        return f"{text}, rightly"
    k = rule.kernel
    if why == "first":
        also = (
            " (with r_1 = 1, K = 3 and ascending rates it is the exact criterion)"
            if k == 3 and list(found.rates) == sorted(found.rates)
            else ""
        )
        return (
            f"{text}, wrongly: it ends at M_2 and so never looks at r_1 = {found.rates[0]:,}, "
            f"which it takes for 1{also}"
        )
    if why == "order":
        return (
            f"{text}, wrongly: it depends on the order of the layers, the cells do not; in ascending order "
            f"it passes"
        )
    return (
        f"{text}, wrongly: it counts 2 rates of reach for each layer, "
        f"and a kernel of {k:,} has K - 1 = {k - 1:,}"
    )


def remedy_text(found: Gridding) -> str:
    """Which rates would be dense."""
    best = found.remedy
    rates = "" if best.rates is None else shorten(listed(best.rates), 60)
    if best.found == "same":
        return f"nearest dense rates with the same span: {rates} (changes add up to {best.change:,})"
    if best.found == "near" and best.stack:
        text = f"no rates with these kernels are dense at span {found.span:,}"
        return f"{text}; the nearest: {rates}, span {best.stack.span:,}"
    if best.found == "wide":
        width = f"no rates fill a span of {found.span:,} with these kernels"
        most = f"; {rates} fill the most, {best.stack.span:,}" if best.stack else ""
        more = f"; {best.layers:,} layers could fill it" if best.layers else ""
        return width + most + more
    if best.found == "none":
        return (
            "no rates near these are dense: with these kernels a stride steps over more than its window reads"
        )
    return "dense rates were not searched: too many combinations of kernels and strides"


def remedy_data(found: Gridding) -> dict[str, Any]:
    best = found.remedy
    return {
        "found": best.found,
        "rates": clean(best.rates),
        "span": best.stack.span if best.stack else None,
        "change": best.change,
        "layers": best.layers,
    }


def gridding_data(found: Gridding) -> dict[str, Any]:
    """``span, hits, dense, cells`` as docs/design.md has them, and all that explains them."""
    counts = found.counts()
    data: dict[str, Any] = {
        "span": found.span,
        "hits": found.hits,
        "dense": found.dense,
        "cells": clean(found.cells),
        "density": ratio(found.density),
        "rates": list(found.rates),
        "kernel_sizes": list(found.kernels),
        "strides": list(found.strides),
        "steps": list(found.steps),
        "paths": clean(counts),
        "criterion": [
            {"layer": c.layer + 1, "step": c.step, "limit": c.limit, "holds": c.holds} for c in found.conditions
        ],
        "rule": None
        if found.rule is None
        else {"m": list(found.rule.m), "kernel_size": found.rule.kernel, "passes": found.rule.passes,
              "right": found.rule_errs is None},
        "nearest": remedy_data(found),
        "notes": notes_of(found),
    }  # fmt: skip
    if found.cells is None:
        data["omitted"] = f"cells and paths of a span above {LISTED:,}"
    elif counts is None:
        data["omitted"] = "paths: too many layers on too wide a span"
    return data


def ratio(value: Fraction | None) -> float | None:
    return None if value is None else float(value)
