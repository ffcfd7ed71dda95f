"""Two arms of runs against each other: every number of seeds, several choices of them, and how all choices come out."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10
from typing import Any

import numpy as np

from convviz.analysis.statistics import compare_runs
from convviz.analysis.statistics.choices import CHOICES, Match, tally
from convviz.analysis.statistics.compare import Pair
from convviz.analysis.statistics.intervals import RESAMPLES
from convviz.analysis.statistics.verdict import plan_of
from convviz.explorer.views import Store

Json = dict[str, Any]
SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 30, 50, 70, 100)
WORK = 6e7  # sums of the tests that count choices, all pairs together: some seconds
OTHERS = 30  # choices to leaf through, all pairs together, beside the first seeds and the luckiest ones
QUICK = 1000  # resamples of a bootstrap of some seeds; all of them have as many as in `convviz compare`


def pair_data(match: Match, whole: Pair, family: int, store: Store) -> Json:
    """Every number of seeds, with several choices of them; Holm's p of all pairs together."""
    values = match.values
    left = len(match.a.seeds) + len(match.b.seeds) - 2 * len(match.rows)
    gaps = match.differences
    return {
        "arms": [match.a.name, match.b.name],
        "seeds": [[str(seed) for seed in row] for row in match.rows],
        "paired": match.shared,
        "left": left,
        "values": values.tolist(),
        "gaps": list(gaps),
        "axis": axis(values.ravel()),
        "gapAxis": axis([*gaps, 0.0, *ends(whole)]),
        "holm": None if whole.adjusted is None else p_text(whole.adjusted),
        "family": family,
        "sizes": [size_data(match, n, family, store) for n in sizes(len(match.rows))],
    }


def sizes(most: int) -> list[int]:
    """Numbers of seeds to look at, up to all of them.

    >>> sizes(3), sizes(11)[-3:]
    ([1, 2, 3], [9, 10, 11])
    """
    return [*(n for n in SIZES if n < most), most]


def size_data(match: Match, n: int, family: int, store: Store) -> Json:
    """So many seeds: how often either arm lies higher and how often a test says so, and some choices in full."""
    tests = 2 ** (min(n, 36) / 2)
    most = max(20, min(CHOICES, int(WORK / (family * len(SIZES) * tests * 20))))
    seen = tally(match, n, most)
    others = min(3, max(1, OTHERS // family))
    picked = {"first": 0, **{f"other {i}": i for i in range(1, min(others + 1, seen.counted))}}
    if seen.counted > 1:
        picked |= {"high": int(seen.means.argmax()), "low": int(seen.means.argmin())}
    return {
        "n": n,
        "of": f"{seen.of:,}",
        "counted": seen.counted,
        "higher": list(seen.higher),
        "found": list(seen.found),
        "choices": {key: store.add(choice_data(match, seen.places[i], store)) for key, i in picked.items()},
    }


def choice_data(match: Match, places: tuple[int, ...], store: Store) -> Json:
    """What these runs say: means, sd, difference, interval, p and the verdict, each as compare_runs has it."""
    every = len(places) == len(match.rows)
    found = compare_runs(match.some(places), resamples=RESAMPLES if every else QUICK)
    pair, (a, b) = found.pairs[0], found.arms
    notes = [
        sentence(note, (a.name, b.name)) for note in (*found.warnings, plan_of(pair, found.worth)) if note
    ]
    return {
        "rows": list(places),
        "means": [short(a.mean), short(b.mean)],
        "sds": [short(a.sd), short(b.sd)],
        "difference": short(pair.difference),
        "interval": [short(end) for end in ends(pair)] or None,
        "test": pair.test,
        "p": None if pair.p is None else p_text(pair.p),
        "verdict": verdict(pair, len(places)),
        "detected": pair.detected,
        "notes": [store.add(note) for note in notes],
    }


def ends(pair: Pair) -> tuple[float, ...]:
    return () if pair.interval is None else (pair.interval.low, pair.interval.high)


def short(value: float | None) -> float | None:
    """Ten-thousandths of a point, a hundredth of what the page writes."""
    return None if value is None else round(value, 4)


def verdict(pair: Pair, n: int) -> str:
    """In one sentence; of single runs, that they say nothing.

    >>> verdict(compare_runs({"a": [99.1], "b": [99.3]}).pairs[0], 1)
    'One run of each: nothing can be said.'
    """
    if n == 1 and not pair.detected:
        return "One run of each: nothing can be said."
    return sentence(pair.verdict, (pair.arm, pair.against))


def sentence(text: str, names: Sequence[str] = ()) -> str:
    """With a full stop, and a capital letter unless an arm's name comes first.

    >>> sentence("no difference detected"), sentence("b is higher", ["a", "b"])
    ('No difference detected.', 'b is higher.')
    """
    own = any(text.startswith(name) for name in names)
    return (text if own else text[:1].upper() + text[1:]) + "."


def p_text(p: float) -> str:
    """A p with two significant digits, three where it is near alpha; never 0."""
    if p < 0.001:
        return "< 0.001"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def axis(values: Sequence[float] | np.ndarray) -> Json:
    """Ends and three to seven round ticks that hold all values.

    >>> axis([98.12, 98.44])["ticks"]
    [[98.1, '98.1'], [98.2, '98.2'], [98.3, '98.3'], [98.4, '98.4'], [98.5, '98.5']]
    """
    low, high = float(min(values)), float(max(values))
    span = max(high - low, 0.02)
    raw = span / 4
    power = 10.0 ** floor(log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    last += last == first
    digits = max(0, -floor(log10(step) + 1e-9))
    ticks = [round(i * step, 9) for i in range(first, last + 1)]
    return {"low": ticks[0], "high": ticks[-1],
            "ticks": [[tick, f"{tick:.{digits}f}".replace("-", "−")] for tick in ticks]}  # fmt: skip
