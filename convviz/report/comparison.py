"""Compared training runs -> tables, a document with its verdict, and plain data."""

from __future__ import annotations

from typing import Any

from convviz.analysis.statistics.compare import Comparison, Pair
from convviz.analysis.statistics.intervals import standard_error
from convviz.analysis.statistics.verdict import digits, p_text, plan_of, points, signed, span
from convviz.errors import ConvvizError
from convviz.report.comparison_data import comparison_data
from convviz.report.data import dumps
from convviz.report.formats import WIDTH
from convviz.report.formats import render as write
from convviz.report.model import Cell, Column, Table

LISTED = 40  # pairs in a text; data have all
PARTS = ("arms", "pairs", "runs")


def render(
    found: Comparison,
    format: str = "text",
    *,
    part: str = "pairs",
    width: int = WIDTH,
    standalone: bool = False,
) -> str:
    """Arms, pairs, verdict and warnings in a format by name; CSV holds one ``part``: arms, pairs or runs, unrounded."""
    if format == "json":
        return dumps(comparison_data(found))
    if format == "csv":
        if part not in PARTS:
            raise ConvvizError(f"no part {part!r} ({', '.join(PARTS)})")
        return write(_csv(found, part), "csv")
    tables = [arms_table(found), *([pairs_table(found)] if found.pairs else [])]
    pieces = [write(table, format, width=width) for table in tables]
    if format == "html" and standalone:
        from convviz.report.documents import page

        return page(headline(found), "\n".join(pieces))
    return "\n".join(pieces)


def headline(found: Comparison) -> str:
    """``3 arms, 10 seeds each: no difference detected``"""
    counts = sorted({arm.n for arm in found.arms})
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    runs = "1 run" if counts == [1] else f"{n} seeds"
    arms = f"{len(found.arms)} arms, {runs} each" if found.arms[1:] else f"1 arm, {runs}"
    return f"{arms}: {verdict(found)}"


def verdict(found: Comparison) -> str:
    """The whole in a few words; the pairs have theirs beside them."""
    if not found.detected:
        return found.verdict
    if len(found.detected) == 1:
        return brief(found.detected[0])
    # McNemar's test is about these weights and these images, not about chance in training.
    trained = " between the nets as trained" if all(pair.test == "McNemar" for pair in found.detected) else ""
    return f"{len(found.detected)} of {len(found.pairs)} differences detected{trained}"


# -- tables -------------------------------------------------------------------------------------------
def arms_table(found: Comparison) -> Table:
    """One row an arm: runs, mean, sd and interval in per cent, and every run."""
    columns = (
        Column("arm", left=True, shrink="middle"),
        Column("n"),
        Column("mean %", short="mean"),
        Column("sd"),
        Column(f"{100 * (1 - found.alpha):.4g} % interval", short="interval"),
        Column("runs", left=True, shrink="end", drop=1),
    )
    rows = tuple(
        (arm.name, arm.n, f"{arm.mean:.2f}", None if arm.sd is None else digits(arm.sd), span(arm.interval),
         " ".join(f"{v:.2f}" for v in arm.arm.values))
        for arm in found.arms
    )  # fmt: skip
    return Table(headline(found), columns, rows, tuple(arm_notes(found)))


def arm_notes(found: Comparison) -> list[str]:
    """How to read the arms."""
    notes = []
    level = f"{100 * (1 - found.alpha):.4g} %"
    if any(arm.n > 1 for arm in found.arms):
        notes.append(
            f"interval: {level} of the mean over seeds, Student's t; the test images are the same each time."
        )
    images = {arm.arm.images for arm in found.arms}
    known = next(iter(images)) if len(images) == 1 else None
    if any(arm.n == 1 and arm.interval for arm in found.arms):
        notes.append(f"interval of a single run: Wilson's, {level}, over the test images only.")
    if known is not None:
        error = standard_error(max(arm.mean for arm in found.arms), known)
        notes.append(
            f"the choice of the {known:,} test images alone gives each accuracy a standard error of {error:.3f} points."
        )
    return notes


def pairs_table(found: Comparison) -> Table:
    """One row a pair: seeds, difference with its interval, p as it is and by Holm, verdict, seeds that are missing."""
    columns = (
        Column("pair", left=True, shrink="middle"),
        Column("n"),
        Column("points"),
        Column("interval"),
        Column("p"),
        Column("Holm"),
        Column("verdict", left=True),
        Column("more seeds", short="more", count=True, drop=2),
        Column(f"more for {found.worth:g}", short=f"for {found.worth:g}", count=True, drop=1),
    )
    shown = found.pairs[:LISTED]
    rows: list[tuple[Cell, ...]] = [
        (
            f"{pair.arm} − {pair.against}", pair.runs, signed(pair.difference), span(pair.interval, sign=True),
            p_text(pair.p), p_text(pair.adjusted), brief(pair),
            *((None, None) if pair.detected else (pair.more, pair.more_for_worth)),
        )
        for pair in shown
    ]  # fmt: skip
    return Table("Differences, pair by pair", columns, tuple(rows), (*pair_notes(found), *warned(found)))


def warned(found: Comparison) -> list[str]:
    return [f"warning: {warning}" for warning in found.warnings]


def pair_notes(found: Comparison) -> list[str]:
    """How differences were tested, what each pair comes to, how many seeds would settle it."""
    tests = {pair.test for pair in found.pairs}
    family = sum(pair.p is not None for pair in found.pairs)
    notes = [f"{pair.arm} against {pair.against}: {pair.verdict}." for pair in found.detected[:LISTED]]
    if len(found.pairs) == 1 and plan_of(found.pairs[0], found.worth):
        notes.append(f"{plan_of(found.pairs[0], found.worth)}.")
    if len(found.pairs) > LISTED:
        notes.append(f"{len(found.pairs) - LISTED} more pairs are in the data.")
    if "sign flip" in tests:
        methods = dict.fromkeys(
            p.interval.method for p in found.pairs if p.test == "sign flip" and p.interval
        )
        notes.append(
            f"differences of runs with the same seed; interval: {' or '.join(methods)}, for this pair alone; "
            f"p: exact sign-flip test, two-sided."
        )
    if "Welch" in tests:
        notes.append("pairs without common seeds: Welch's t test and its interval.")
    if "McNemar" in tests:
        told = [
            f"{pair.arm} alone is right on {pair.images.only_a:,}, {pair.against} alone on {pair.images.only_b:,} "
            f"(mid-p {p_text(pair.images.mid_p)})"
            for pair in found.pairs
            if pair.images
        ]
        notes.append(f"single runs: McNemar's exact test on the same images; {'; '.join(told[:3])}.")
    if None in tests:
        why = dict.fromkeys(pair.untested for pair in found.pairs if pair.untested)
        notes.append(f"not tested: {'; '.join(why)}.")
    if family > 1:
        notes.append(
            f"Holm: p corrected for {family} comparisons; a difference is detected at {found.alpha:g} or below."
        )
    if any(pair.needed or pair.worth for pair in found.pairs):
        notes.append(
            f"more seeds: how many more of each arm find a true difference as large as the measured one "
            f"(or {points(found.worth)}) in four experiments of five, at the measured sd"
            f"{f' and with {len(found.pairs)} comparisons' if len(found.pairs) > 1 else ''}."
        )
    return notes


def brief(pair: Pair) -> str:
    """The verdict in a table: its numbers stand beside it."""
    if not pair.detected:
        return "no difference detected"
    return f"{pair.arm if pair.difference > 0 else pair.against} is higher"


def runs_table(found: Comparison) -> Table:
    """Arm, seed, accuracy: what went in."""
    rows = [
        (arm.name, str(seed), _full(value))
        for arm in found.arms
        for seed, value in arm.arm.accuracies.items()
    ]
    return Table("", (Column("arm", left=True), Column("seed"), Column("accuracy")), tuple(rows))


def _csv(found: Comparison, part: str) -> Table:
    if part == "runs":
        return runs_table(found)
    data = comparison_data(found)
    if part == "arms":
        keys: tuple[str, ...] = ("name", "n", "mean", "sd", "low", "high", "method")
        rows = [_flat(arm, keys) for arm in data["arms"]]
    else:
        keys = ("arm", "against", "n", "difference", "sd", "low", "high", "method", "test", "p", "holm", "detected",
                "verdict", "seeds_needed", "seeds_missing", "seeds_for_worth")  # fmt: skip
        rows = [_flat(pair, keys) for pair in data["pairs"]]
    return Table("", tuple(Column(key) for key in keys), tuple(rows))


def _flat(record: dict[str, Any], keys: tuple[str, ...]) -> tuple[Cell, ...]:
    whole = record | (record["interval"] or {})
    return tuple(_full(whole.get(key)) for key in keys)


def _full(value: Any) -> Cell:
    """Floats with all their digits."""
    return repr(value) if isinstance(value, float) else value if value is None else str(value)
