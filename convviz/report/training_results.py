"""Results of training runs -> tables with their verdict, and plain data: what ``convviz compare RUNS`` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from convviz.analysis.statistics.cautions import listed, warnings_of
from convviz.analysis.statistics.compare import WORTH, Comparison, Summary
from convviz.analysis.statistics.factorial import MainEffect
from convviz.analysis.statistics.five_groups import five_groups
from convviz.analysis.statistics.tests_of_pairs import ALPHA
from convviz.analysis.statistics.verdict import digits, p_text, signed, span
from convviz.errors import ConvvizError
from convviz.report.comparison import arm_notes, headline, pairs_table, verdict
from convviz.report.comparison import render as render_comparison
from convviz.report.comparison_data import comparison_data
from convviz.report.comparison_groups import groups_table
from convviz.report.data import dumps
from convviz.report.formats import WIDTH
from convviz.report.formats import render as write
from convviz.report.model import Cell, Column, Table
from convviz.runs.factors import effect_of, factors_of
from convviz.runs.results import LAST, Results, TrainedArm

SHOWN = 12  # pairs of single arms; those with the smallest p come first where there are more
CONFOUNDED = ("norms", "s6")  # experiments whose question the five groups asked
PARTS = ("arms", "runs", "pairs")


@dataclass(frozen=True)
class Compared:
    """Results, their comparison by ``metric``, and the main effects where they are a factorial.

    pairs: whether single arms are to be told of beside main effects.
    """

    results: Results
    comparison: Comparison
    effects: tuple[MainEffect, ...] = ()
    metric: str = "test"
    pairs: bool = True

    def __repr__(self) -> str:
        return render(self, "text")

    def _repr_html_(self) -> str:
        return render(self, "html")


def compared(
    results: Results,
    baseline: str | None = None,
    factors: Sequence[str] = (),
    alpha: float = ALPHA,
    *,
    worth: float = WORTH,
    metric: str = "test",
) -> Compared:
    """Results compared: arms pair by pair, and what each of ``factors`` does (all of them in a factorial).

    Raises ConvvizError for an unknown arm, factor or metric, and for a factor that is mixed up with another.
    """
    chosen = tuple(dict.fromkeys(factors)) or (factors_of(results) if baseline is None else ())
    effects = tuple(effect_of(results, name, alpha, worth=worth, metric=metric) for name in chosen)
    found = results.compare(baseline, alpha, worth=worth, metric=metric)
    return Compared(results, found, effects, metric, pairs=not effects or baseline is not None)


def render(
    found: Compared, format: str = "text", *, part: str = "arms", width: int = WIDTH, standalone: bool = False
) -> str:
    """All tables in a format by name, or the data; CSV holds one ``part``: arms, runs or pairs, unrounded."""
    if format == "json":
        return dumps(compared_data(found))
    if format == "csv":
        if part not in PARTS:
            raise ConvvizError(f"no part {part!r} ({', '.join(PARTS)})")
        if part == "pairs":
            return render_comparison(found.comparison, "csv", part="pairs")
        return write(arms_csv(found) if part == "arms" else runs_csv(found.results), "csv")
    pieces = [write(table, format, width=width) for table in tables(found)]
    if format == "html" and standalone:
        from convviz.report.documents import page

        return page(title(found), "\n".join(pieces))
    return "\n".join(pieces)


def tables(found: Compared) -> list[Table]:
    """Arms; beside them what was reported; main effects; pairs; the five groups where they asked the same."""
    out = [arms_table(found)]
    if found.results.reported or found.results.not_run:
        out.append(reported_table(found))
    if len(found.effects) == 2:
        out.append(grid_table(found.effects[0]))
    twice = len(found.effects) == 2  # what norm does with a penalty is what the penalty does with a norm
    out += [effect_table(effect, interaction=not (twice and i)) for i, effect in enumerate(found.effects)]
    if found.comparison.pairs and found.pairs:
        out.append(few_pairs_table(found.comparison))
    if set(CONFOUNDED) & set(found.results.experiments):
        out.append(groups_table(five_groups()))
    return out


def title(found: Compared) -> str:
    """``ladder on MNIST: 10 arms, 5 seeds each: no difference detected``"""
    results = found.results
    if found.effects and not found.pairs:
        told = "; ".join(f"{effect.factor}, {verdict(effect.comparison)}" for effect in found.effects)
    elif len(found.comparison.arms) == 1:
        (arm,) = found.comparison.arms
        told = f"{arm.mean:.2f} %, {'a single run' if arm.n == 1 else f'the mean of {arm.n} seeds'}"
    else:
        told = headline(found.comparison)
    return f"{results.name} on {results.data_set}: {told}"


# -- tables -------------------------------------------------------------------------------------------------
def arms_table(found: Compared) -> Table:
    """One row an arm: runs, mean, sd and interval in per cent, and what it took."""
    comparison = found.comparison
    columns = (
        Column("arm", left=True, shrink="middle"),
        Column("n"),
        Column("mean %", short="mean"),
        Column("sd"),
        Column(f"{100 * (1 - comparison.alpha):.4g} % interval", short="interval"),
        Column(f"min of last {LAST}", short="min last", drop=2),
        Column("epochs"),
        Column("parameters", count=True, short="params"),
        Column("seconds", drop=1),
    )
    rows = tuple(
        (arm.name, summary.n, f"{summary.mean:.2f}", None if summary.sd is None else digits(summary.sd),
         span(summary.interval), _percent(lowest(arm)), arm.first.recipe.epochs, arm.first.parameters,
         seconds(arm.mean_of("seconds")))
        for arm, summary in _beside(found)
    )  # fmt: skip
    notes = [*_told(found), *arm_notes(comparison)]
    if not comparison.pairs or not found.pairs:
        pairless = warnings_of([summary.arm for summary in comparison.arms], (), comparison.alpha)
        own = dict.fromkeys((*found.results.cautions, *pairless))
        notes += [f"warning: {word}" for word in own]
    return Table(title(found), columns, rows, tuple(notes))


def _beside(found: Compared) -> list[tuple[TrainedArm, Summary]]:
    return list(zip(found.results.arms, found.comparison.arms, strict=True))


def _told(found: Compared) -> list[str]:
    """Which accuracy it is, and what differs between arms."""
    results = found.results
    images = {arm.arm.images for arm in found.comparison.arms}
    count = f"{next(iter(images)):,} " if len(images) == 1 and None not in images else ""
    of = "test images" if found.metric == "test" else "training images held out"
    notes = [f"{headline(found.comparison).split(': ')[0]}."] if found.effects and not found.pairs else []
    notes += [f"accuracy on the {count}{of} of {results.data_set} after the last epoch; no epoch was picked."]
    if results.arms[0].mean_of("seconds") is not None:
        machines = sorted(
            {_machine(run.device, run.threads) for arm in results.arms for run in arm.runs} - {""}
        )
        notes.append(
            f"seconds: mean of a run's training and testing{f', on {listed(machines)}' if machines else ''}."
        )
    if len(results.arms) > 1 and results.differing:
        notes.append(f"arms differ in {listed(results.differing, 8)}.")
    if found.effects and not found.pairs:
        notes.append(
            f"the {len(found.comparison.pairs)} pairs of single arms are in the data; a baseline shows its own."
        )
    return notes


def _machine(device: str, threads: int | None) -> str:
    return device if threads is None or device != "cpu" else f"{threads} CPU thread{'s' * (threads != 1)}"


def lowest(arm: TrainedArm) -> float | None:
    """The lowest test accuracy of the last epochs of any run."""
    return min((value for run in arm.runs for value in run.last), default=None)


def reported_table(found: Compared) -> Table:
    """What was measured here beside what others reported; rows that were not run say so."""
    results = found.results
    extra = {"train": "reported train", "log_best": "its log: best", "log_last5": "its log: last 5"}
    shown = [key for key in extra if any(key in figures for figures in results.reported.values())]
    columns = (
        Column("arm", left=True, shrink="middle"),
        Column("n"),
        Column("mean %", short="mean"),
        Column("sd"),
        Column("epochs"),
        Column("best epoch"),
        Column("reported %", short="reported"),
        Column("reported epochs", short="its epochs"),
        *(Column(extra[key], drop=1) for key in shown),
    )
    rows: list[tuple[Cell, ...]] = []
    summaries = {summary.name: summary for summary in found.comparison.arms}
    for arm in results.rows:
        if isinstance(arm, str):
            absent = _figures(results.reported.get(arm, {}), shown)
            rows.append((arm, 0, results.why_absent(arm), None, None, None, *absent))
            continue
        figures, summary = results.reported.get(arm.name, {}), summaries[arm.name]
        rows.append(
            (arm.name, summary.n, f"{summary.mean:.2f}", None if summary.sd is None else digits(summary.sd),
             arm.first.recipe.epochs, _percent(arm.mean_of("best")), *_figures(figures, shown))
        )  # fmt: skip
    hows = dict.fromkeys(str(f["how"]) for f in results.reported.values() if f.get("how"))
    notes = [f"reported: {'; '.join(list(hows)[:3])}."] if hows else []
    notes.append(
        "best epoch: the mean of each run's highest test accuracy in any epoch, as others pick it; it is too high, and "
        "stands here only to be held against what was reported."
    )
    return Table("Measured, and reported by others", columns, tuple(rows), tuple(notes))


def _figures(figures: Mapping[str, Any], shown: Sequence[str]) -> list[Cell]:
    return [
        _percent(figures.get("test")),
        figures.get("epochs"),
        *(_percent(figures.get(key)) for key in shown),
    ]


def grid_table(effect: MainEffect) -> Table:
    """Means of all combinations of two factors, and of their rows and columns."""
    means = {summary.name: summary.mean for summary in effect.comparison.arms}
    columns = (
        Column(effect.factor, left=True),
        *(Column(rest) for rest in effect.rests),
        Column("mean"),
    )
    rows = [
        (level, *(f"{effect.means[level, rest]:.2f}" for rest in effect.rests), f"{means[level]:.2f}")
        for level in effect.levels
    ]
    by_rest = [
        sum(effect.means[level, rest] for level in effect.levels) / len(effect.levels)
        for rest in effect.rests
    ]
    rows.append(("mean", *(f"{value:.2f}" for value in by_rest), f"{sum(by_rest) / len(by_rest):.2f}"))
    seeds = effect.interaction.seeds
    return Table(f"Means of all combinations, per cent (n {seeds} each)", columns, tuple(rows))


def effect_table(effect: MainEffect, *, interaction: bool = True) -> Table:
    """A factor's levels pair by pair, averaged over all else, and whether all else changes what it does."""
    table = pairs_table(effect.comparison)
    rests = f"{len(effect.rests)} settings of {effect.over}" if len(effect.rests) > 1 else effect.rests[0]
    notes = [*table.notes, interaction_told(effect) if interaction else ""]
    if effect.missing:
        notes.append(f"warning: seeds that not every combination has are left out: {listed(effect.missing)}")
    return replace(
        table,
        title=f"What {effect.factor} does ({rests}, averaged within each seed): {verdict(effect.comparison)}",
        notes=tuple(note for note in notes if note),
    )


def interaction_told(effect: MainEffect) -> str:
    """A sentence; empty where nothing else was varied."""
    found = effect.interaction
    if len(effect.rests) < 2:
        return ""
    depends = f"what {effect.factor} does depends on {effect.over}"
    if found.p is None:
        return f"interaction: with one seed it cannot be tested whether {depends}."
    (level, rest), left = found.largest
    p = f"sign flips of each seed's table, p {p_text(found.p)}"
    if found.detected:
        return (
            f"interaction detected ({p}): {depends}, most for {level} with {rest} ({signed(left)} points "
            f"beside the sum of both effects); compare single arms."
        )
    told = f"no interaction detected ({p}): nothing shows that {depends}"
    if not found.testable:
        told += f"; {found.seeds} seeds are too few to reach {found.alpha:g}"
    return f"{told}."


def few_pairs_table(found: Comparison) -> Table:
    """All pairs, or those with the smallest p."""
    if len(found.pairs) <= SHOWN:
        return pairs_table(found)
    first = sorted(found.pairs, key=lambda pair: (pair.p is None, pair.p or 0.0))
    table = pairs_table(replace(found, pairs=tuple(first)))
    note = f"the {SHOWN} pairs with the smallest p of {len(found.pairs)}; the data have all."
    others = tuple(text for text in table.notes if not text.endswith("more pairs are in the data."))
    return replace(table, rows=table.rows[:SHOWN], notes=(note, *others))


# -- data ---------------------------------------------------------------------------------------------------
def compared_data(found: Compared) -> dict[str, Any]:
    """The comparison's own form, with what is known of runs, and effects and interactions of a factorial."""
    results = found.results
    data = comparison_data(found.comparison)
    for told, arm in zip(data["arms"], results.arms, strict=True):
        told |= {
            "parameters": arm.first.parameters,
            "seconds": arm.mean_of("seconds"),
            "cpu_seconds": arm.mean_of("cpu_seconds"),
            "min_of_last": lowest(arm),
            "mean_of_best_epochs": arm.mean_of("best"),
            "settings": {name: arm.settings.get(name) for name in results.differing},
            "reported": dict(results.reported.get(arm.name, {})) or None,
        }
    return {
        "experiment": results.name,
        "data_set": results.data_set,
        "metric": found.metric,
        "epoch": "last",
        **data,
        "settings": results.common,
        "not_run": list(results.not_run),
        "reported": {arm: dict(figures) for arm, figures in results.reported.items()},
        "unfinished": [vars(run) for run in results.unfinished],
        "effects": [effect_data(effect) for effect in found.effects],
    }


def effect_data(effect: MainEffect) -> dict[str, Any]:
    """One factor: its comparison, and the interaction with all else."""
    found = effect.interaction
    return {
        "factor": effect.factor,
        "levels": list(effect.levels),
        "rests": list(effect.rests),
        "comparison": comparison_data(effect.comparison),
        "interaction": {
            "p": found.p,
            "detected": found.detected,
            "seeds": found.seeds,
            "left": [{"level": a, "rest": b, "points": value} for (a, b), value in found.left.items()],
            "told": interaction_told(effect) or None,
        },
        "seeds_left_out": list(effect.missing),
    }


def arms_csv(found: Compared) -> Table:
    keys = ("arm", "n", "mean", "sd", "low", "high", "epochs", "parameters", "seconds", "cpu_seconds", "min_of_last",
            "mean_of_best_epochs", "reported", "data_set")  # fmt: skip
    rows = []
    for arm, summary in _beside(found):
        interval = summary.interval
        rows.append(_full(
            arm.name, summary.n, summary.mean, summary.sd, interval and interval.low, interval and interval.high,
            arm.first.recipe.epochs, arm.first.parameters, arm.mean_of("seconds"), arm.mean_of("cpu_seconds"),
            lowest(arm), arm.mean_of("best"), found.results.reported.get(arm.name, {}).get("test"),
            found.results.data_set,
        ))  # fmt: skip
    return Table("", tuple(Column(key) for key in keys), tuple(rows))


def runs_csv(results: Results) -> Table:
    keys = (
        "arm",
        "seed",
        "test",
        "held",
        "min_of_last",
        "best_epoch",
        "seconds",
        "cpu_seconds",
        "device",
        "threads",
    )
    rows = [
        _full(arm.name, run.seed, run.test, run.held, min(run.last, default=None), run.best, run.seconds,
              run.cpu_seconds, run.device, run.threads)
        for arm in results.arms
        for run in arm.runs
    ]  # fmt: skip
    return Table("", tuple(Column(key) for key in keys), tuple(rows))


def _full(*values: Any) -> tuple[Cell, ...]:
    """Floats with all their digits."""
    return tuple(repr(value) if isinstance(value, float) else value for value in values)


def _percent(value: Any) -> str | None:
    return f"{value:.2f}" if isinstance(value, int | float) else None


def seconds(value: float | None) -> str | None:
    """``61``, ``4.2``.

    >>> seconds(61.3), seconds(4.21)
    ('61', '4.2')
    """
    if value is None:
        return None
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
