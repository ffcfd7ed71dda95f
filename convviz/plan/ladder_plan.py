"""The plan of the ladder: its table, its curves, and what is said of each rung and of all."""

from __future__ import annotations

from collections.abc import Sequence

from convviz.plan.ladder import Ladder, Rung
from convviz.plan.model import Curve, Plan, Series, Step, Table
from convviz.plan.words import count, number


def caption(rung: Rung) -> str:
    """A sentence about a rung: what changed, and what it reached."""
    told = f"{rung.label}, {rung.what}"
    if rung.accuracy is None:
        return f"{told}: {rung.params:,} parameters, {rung.why} here."
    if rung.step is None:
        return f"{told}: {rung.reached} with {rung.params:,} parameters."
    way = "up" if rung.step.difference > 0 else "down"
    return f"{told}: {way} {abs(rung.step.difference):.2f} points to {rung.reached}."


def verdicts(found: Ladder) -> str:
    """How many steps are more than chance explains, and which chance is meant."""
    pairs = [rung.step for rung in found.rungs if rung.step is not None]
    detected = sum(pair.detected for pair in pairs)
    verb = "is" if detected == 1 else "are"
    of = f"{detected} of {count(len(pairs), 'step')} {verb} larger than"
    if all(pair.test == "McNemar" for pair in pairs):
        return f"{of} the choice of test images explains (McNemar, corrected for all)."
    return f"{of} chance between seeds explains, corrected for all."


def limits(found: Ladder) -> str:
    """What the bars leave out."""
    if all(rung.n == 1 for rung in found.run):
        return "One run each: bars know the choice of test images only. Another seed may turn a step round."
    return "Bars: 95 % intervals of the mean over seeds; the test images are the same each time."


def cheapest(found: Ladder) -> str:
    """Parameters against accuracy, from the best rung and the largest that was run."""
    best = max(found.run, key=lambda rung: rung.accuracy or 0.0)
    largest = max(found.run, key=lambda rung: rung.params)
    if best is largest:
        return f"{best.label} has the most parameters, {best.params:,}, and the highest accuracy, {best.reached}."
    top = f"{best.label} is highest, {best.reached} with {best.params:,} parameters"
    return f"{top}; {largest.label}, with {largest.params:,}, has {largest.reached}."


def plan(found: Ladder) -> Plan:
    """A table of the rungs, two curves, a sentence for each rung and three about all."""
    rungs: Sequence[Rung] = found.rungs
    rows = tuple(
        (rung.label, rung.what, rung.params, rung.reads, rung.epochs, rung.n, rung.reached,
         "" if rung.interval is None else f"{rung.interval.low:.2f} to {rung.interval.high:.2f}", rung.moved)
        for rung in rungs
    )  # fmt: skip
    columns = (
        "net",
        "change",
        "parameters",
        "receptive field",
        "epochs",
        "n",
        "accuracy",
        "95 % interval",
        "points",
    )
    table = Table("rungs", f"Accuracy on {found.data_set}, last epoch", columns, rows)
    ran = found.run
    ys = tuple(float(f"{rung.accuracy:.4f}") for rung in ran if rung.accuracy is not None)
    curves = (
        Curve("climb", "Accuracy, step by step", "step", "per cent",
              (Series("accuracy", "input", tuple(rungs.index(rung) + 1 for rung in ran), ys),)),
        Curve("cost", "Accuracy and parameters", "parameters", "per cent",
              (Series("accuracy", "input", tuple(rung.params for rung in ran), ys),)),
    )  # fmt: skip
    steps = tuple(Step(rung.label, caption(rung)) for rung in rungs)
    lowest, highest = (f(rung.params for rung in rungs) for f in (min, max))
    facts = (("runs", found.runs), ("parameters", f"{number(lowest)} to {number(highest)}"))
    notes = (verdicts(found), limits(found), cheapest(found))
    return Plan(
        "ladder",
        f"{count(len(rungs), 'net')} on {found.data_set}, {found.runs}",
        (table, *curves),
        steps,
        (),
        facts,
        notes,
    )
