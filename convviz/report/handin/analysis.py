"""What the runs of an arm say, a sentence each, and what the arms say together."""

from __future__ import annotations

import re
from itertools import combinations

from convviz.analysis.statistics.cautions import listed
from convviz.analysis.statistics.verdict import span
from convviz.analysis.training import tail
from convviz.report.handin.parts import HandIn, Part
from convviz.report.handin.tables import shown, shown_name
from convviz.report.training.analysis import calibration, confusions, ending, gap, sparsity
from convviz.report.training.words import percent
from convviz.runs.results import differing


def target_sentence(found: HandIn) -> str:
    """Which arms reach the target's per cent with their whole interval, which miss it, and which it leaves open."""
    match = re.search(r"(\d+(?:\.\d+)?) ?%", found.target)
    if match is None:
        return ""
    level = float(match[1])
    above, below, unsettled = [], [], []
    for part in found.parts:
        inside = part.summary.interval
        if inside is not None and inside.low > level:
            above.append(part)
        elif inside is not None and inside.high < level:
            below.append(part)
        else:
            unsettled.append(part)
    told = []
    if above:
        told.append(f"{_means(above)}: the whole interval lies above {level:g} %")
    if unsettled:
        told.append(f"{_means(unsettled)}: the interval holds {level:g} %, which leaves it open")
    if below:
        told.append(f"{_means(below)}: the whole interval lies below {level:g} %")
    return f"{'; '.join(told)}."


def _means(parts: list[Part]) -> str:
    return listed([f"{part.name} ({percent(part.summary.mean)})" for part in parts], 20)


def confounded(found: HandIn) -> str:
    """A sentence where no two arms differ in a single setting."""
    apart = [differing([a.arm.settings, b.arm.settings]) for a, b in combinations(found.parts, 2)]
    if not apart or min(map(len, apart)) < 2:
        return ""
    names = listed([shown_name(name) for name in found.results.differing])
    return f"No two arms differ in one setting alone ({names} change together), so a difference has no single cause."


def single_runs(found: HandIn) -> str:
    """A sentence where an arm has one run only."""
    ones = [part.name for part in found.parts if part.summary.n == 1]
    if not ones:
        return ""
    which = (
        "Each arm has"
        if len(ones) == len(found.parts) > 1
        else f"{listed(ones)} {'have' if ones[1:] else 'has'}"
    )
    return (
        f"{which} one run: how far another seed would lie from it is not known, and an interval is about the choice of "
        f"the test images only."
    )


def of_all(part: Part) -> list[str]:
    """All runs of an arm: what they reach, and what others reported."""
    return [_accuracy(part), *_reported(part)]


def of_one(part: Part) -> list[str]:
    """The run that is shown: its last epochs, the gap to the training images, its mistakes."""
    run = part.run
    told = [*_epochs(part), gap(run), ending(run), confusions(run), calibration(run), sparsity(run)]
    return [text for text in told if text]


def _accuracy(part: Part) -> str:
    summary = part.summary
    inside = (
        ""
        if summary.interval is None
        else f" ({summary.interval.level:.0%} interval {span(summary.interval)})"
    )
    inside = inside.replace("%", " %")
    mean = percent(summary.mean)
    if summary.n == 1:
        return (
            f"Result: {mean} of the test images after the last epoch{inside}; one run, seed {part.run.seed}."
        )
    low, high = (pick(run.test for run in part.arm.runs) for pick in (min, max))
    spread = f"{summary.n} runs from {low:.2f} to {percent(high)}"
    return f"Result: {mean} on average after the last epoch{inside}; {spread}."


def _epochs(part: Part) -> list[str]:
    """The last epochs, and the best one, which is no result."""
    last = tail(part.run.history)
    if last is None or len(last.values) < 2:
        return []
    accuracies = part.run.column("test_accuracy")
    best = max(accuracies)
    told = f"Last {len(last.values)} epochs: {last.minimum:.2f} to {percent(last.maximum)}"
    if best > accuracies[-1]:
        told += (
            f"; the best epoch, {accuracies.index(best) + 1} with {percent(best)}, is no result: the test images would "
            f"have chosen it"
        )
    return [f"{told}."]


def _reported(part: Part) -> list[str]:
    """What others measured, beside the own figure."""
    figure, inside = part.reported.get("test"), part.summary.interval
    if isinstance(figure, bool) or not isinstance(figure, int | float):
        return []
    epochs = [f"{part.reported['epochs']} epochs"] if part.reported.get("epochs") else []
    details = ", ".join([*epochs, *([str(part.reported["how"])] if part.reported.get("how") else [])])
    place = ""
    if inside is not None:
        place = (
            f", {'inside' if inside.low <= figure <= inside.high else 'outside'} the interval measured here"
        )
    return [f"Reported by others: {percent(figure)}{f' ({details})' if details else ''}{place}."]


def changed(found: HandIn) -> list[str]:
    """Settings that are not those of the recipe: once where they are the same in all arms."""
    told = {part.name: _changes(part) for part in found.parts if part.changed}
    if not told:
        return []
    if len(told) == len(found.parts) and len(set(told.values())) == 1:
        return [f"Not trained as the recipe says: {next(iter(told.values()))}."]
    return [f"{name} was not trained as the recipe says: {text}." for name, text in told.items()]


def _changes(part: Part) -> str:
    told = [f"{shown_name(name)} {shown(name, own)} instead of {shown(name, given)}"
            for name, (given, own) in part.changed.items()]  # fmt: skip
    return listed(told, 12)
