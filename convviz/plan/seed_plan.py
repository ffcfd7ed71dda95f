"""The plan of an honest comparison: tables of runs and of choices of seeds, and sentences with their numbers."""

from __future__ import annotations

from convviz.analysis.statistics.tests_of_pairs import ALPHA
from convviz.analysis.statistics.verdict import p_text, signed, span
from convviz.plan.model import Plan, Step, Table
from convviz.plan.seeds import Duel, Seeds, least
from convviz.plan.words import MINUS, count


def one_run(duel: Duel, i: int) -> str:
    """What a single run of each would have told."""
    a, b = (f"{values[i]:.2f} %" for values in duel.match.values)
    gap = duel.differences[i]
    says = "They are equal." if gap == 0 else f"{duel.a if gap > 0 else duel.b} is higher."
    return f"Seed {duel.seeds[i]}: {duel.a} {a}, {duel.b} {b}. {says}"


def all_runs(duel: Duel) -> str:
    """How the seeds split."""
    tally = duel.tallies[0]
    above, equal, below = tally.higher
    if not above or not below:
        if equal == duel.n:
            return f"Both arms are equal with every one of {duel.n} seeds."
        more = f", and equal with {equal}" if equal else ""
        return f"{duel.leader} is higher with {above + below} of {duel.n} seeds{more}."
    more = f", they are equal with {equal}" if equal else ""
    return f"Of {duel.n} seeds {duel.a} is higher with {above}, {duel.b} with {below}{more}: one run can say either."


def pairs(duel: Duel) -> str:
    """Why differences are taken seed by seed."""
    return f"Runs of a seed saw the same images in the same order, so {less(duel)} is taken seed by seed."


def less(duel: Duel) -> str:
    return f"{duel.a} {MINUS} {duel.b}"


def mean(duel: Duel) -> str:
    """The mean difference, and how far it may be off."""
    gap = f"The mean is {signed(duel.pair.difference)} points"
    interval = duel.pair.interval
    if interval is None:
        return f"{gap}."
    holds = "0 lies within" if 0 in interval else "0 lies outside"
    return f"{gap}, its {100 * interval.level:g} % interval {span(interval, True)}: {holds}."


def alike() -> str:
    return "Were both arms alike, each sign might as well be the other one."


def chance(duel: Duel) -> str:
    """The p of the sign-flip test, counted."""
    found = duel.chance
    kind = "choices of signs" if found.all_counted else "drawn choices of signs"
    as_far = f"{found.beyond:,} of {found.counted:,} {kind} give a mean as far from 0"
    return f"{as_far}: p = {p_text(duel.pair.p)}." if duel.pair.p is not None else f"{as_far}."


def verdict(duel: Duel, family: int) -> str:
    """What may be said."""
    pair = duel.pair
    if pair.p is None:
        told = f"{count(duel.n, 'seed')} cannot tell, whatever they say: it takes {least()}."
        return f"No difference detected: {told}"
    if pair.detected:
        corrected = f", p {p_text(pair.adjusted)} corrected for {family} pairs" if family > 1 else ""
        return f"{pair.verdict}{corrected}."
    if duel.n < least():
        return f"No difference detected, as {count(duel.n, 'seed')} never can: it takes {least()}."
    more = f" To settle one of this size takes {pair.more:,} more seeds." if pair.more else ""
    return f"No difference detected.{more}"


def few(duel: Duel) -> str:
    """How often a few seeds put the wrong arm first."""
    n = max(min(3, duel.n - 1), 1)
    tally = duel.tallies[n - 1]
    wrong = tally.higher[2 if duel.leader == duel.a else 0]
    if not wrong:
        return f"Every choice of {count(n, 'seed')} gives {duel.leader} the higher mean."
    gives = "gives" if wrong == 1 else "give"
    return (
        f"Of {tally.counted:,} choices of {count(n, 'seed')}, {wrong:,} {gives} {duel.other} the higher mean."
    )


def fewest(duel: Duel) -> str:
    """From how many seeds on a test can say anything."""
    rule = f"Fewer than {least()} seeds never reach p ≤ {f'{ALPHA:g}'.lstrip('0')}, however large the difference is"
    if duel.n < least():
        return f"{rule}; here are {duel.n}."
    found = [tally.counted - tally.found[1] for tally in duel.tallies[least() - 1 :]]
    last = duel.tallies[-1].n
    if not any(found):
        return f"{rule}; and no choice of {spread(last)} finds one between {duel.a} and {duel.b}."
    return f"{rule}."


def spread(last: int) -> str:
    return f"{least()} to {last}" if last > least() else str(last)


def sure(duel: Duel) -> str:
    """From how many seeds on a difference that is there is always found."""
    side = 0 if duel.pair.difference > 0 else 2
    tallies = [tally for tally in duel.tallies if tally.n >= least()]
    if duel.sure is None:
        if not tallies:
            return f"{duel.leader} may be higher; more seeds have to show it."
        best = tallies[-1]
        return (
            f"With {best.n} seeds {best.found[side]:,} of {best.counted:,} choices find {duel.leader} higher."
        )
    before = next((tally for tally in tallies if tally.n == duel.sure - 1), None)
    told = f"from {duel.sure} seeds on all choices find {duel.leader} higher than {duel.other}"
    if before is not None:
        return f"{before.found[side]:,} of {before.counted:,} choices of {before.n} seeds, and {told}."
    return f"{told[0].upper()}{told[1:]}."


def plan(found: Seeds) -> Plan:
    """Both duels: runs, choices, and what is said of them."""
    duels = [found.first, *([found.second] if found.second else [])]
    tables = []
    steps = []
    for i, duel in enumerate(duels):
        rows = tuple(
            (seed, f"{a:.2f}", f"{b:.2f}", signed(gap))
            for seed, a, b, gap in zip(duel.seeds, *duel.match.values, duel.differences)
        )
        tables.append(Table(f"runs{i}", "Accuracy, per cent, after the last epoch",
                            ("seed", duel.a, duel.b, less(duel)), rows))  # fmt: skip
        counted = tuple((tally.n, tally.counted, *tally.higher, *tally.found) for tally in duel.tallies)
        heads = (
            f"{duel.a} higher",
            "equal",
            f"{duel.b} higher",
            f"{duel.a} found",
            "none found",
            f"{duel.b} found",
        )
        tables.append(Table(f"sizes{i}", f"Choices of seeds: {duel.a} and {duel.b}",
                            ("seeds", "choices", *heads), counted))  # fmt: skip
        steps += [Step(less(duel), words) for words in (all_runs(duel), mean(duel), chance(duel))]
        steps.append(Step(less(duel), verdict(duel, found.family)))
        steps.append(Step("More seeds", few(duel) if i == 0 else sure(duel)))
    facts = (("data", found.images), ("seeds", found.told), ("epochs", str(found.epochs)))
    title = f"Honest comparison: {found.name} on {found.data_set}"
    return Plan("honest_comparison", title, tuple(tables), tuple(steps), (), facts, (fewest(found.first),))
