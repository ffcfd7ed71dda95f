"""What makes a comparison of runs weaker than it looks, a sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from convviz.analysis.statistics.runs import Arm
from convviz.analysis.statistics.tests_of_pairs import fewest_seeds

FAR = 8.0  # median deviations from the median, and
POINTS = 0.5  # at least so many points: a run that went wrong
NAMED = 6  # things that a sentence lists

Tested = tuple[str, str, str | None, int]  # arm, against, test, runs


def warnings_of(arms: Sequence[Arm], pairs: Sequence[Tested], alpha: float) -> tuple[str, ...]:
    """All that apply, the gravest first."""
    return tuple(
        word
        for word in (
            _data_sets(arms),
            _best_epoch(arms),
            _epochs(arms),
            _images(arms),
            _shares(arms),
            *_seeds(arms, pairs),
            *_few(arms, pairs, alpha),
            *_copies(arms),
            *_strays(arms),
        )
        if word
    )


def listed(words: Sequence[object], most: int = NAMED) -> str:
    """``a, b and c``; the rest counted.

    >>> listed(["a", "b", "c"]), listed(list(range(9)))
    ('a, b and c', '0, 1, 2, 3, 4, 5 and 3 more')
    """
    texts = [str(word) for word in words]
    if len(texts) > most:
        texts = [*texts[:most], f"{len(texts) - most} more"]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _data_sets(arms: Sequence[Arm]) -> str:
    names = list(dict.fromkeys(arm.data_set for arm in arms if arm.data_set))
    return f"different data sets ({listed(names)}): their accuracies cannot be compared" if names[1:] else ""


def _best_epoch(arms: Sequence[Arm]) -> str:
    names = [arm.name for arm in arms if arm.best_epoch]
    if not names:
        return ""
    who = (
        "all arms report"
        if len(names) == len(arms) > 1
        else f"{listed(names)} report{'s' * (len(names) == 1)}"
    )
    return f"{who} the best epoch, chosen on the test images: too high, and not what a last epoch gives"


def _epochs(arms: Sequence[Arm]) -> str:
    told = {arm.name: arm.epochs for arm in arms if arm.epochs is not None}
    if len(set(told.values())) < 2:
        return ""
    return (
        f"unequal epochs ({listed([f'{name} {n}' for name, n in told.items()])}): the longer may win by that"
    )


def _images(arms: Sequence[Arm]) -> str:
    counts = sorted({arm.images for arm in arms if arm.images is not None})
    if len(counts) < 2:
        return ""
    return f"different numbers of test images ({listed([f'{n:,}' for n in counts])}): not one test set"


def _shares(arms: Sequence[Arm]) -> str:
    values = [value for arm in arms for value in arm.values]
    if 0 < max(values) <= 1:
        return "all accuracies lie below 1 per cent; are they shares? Per cent are expected"
    return ""


def _seeds(arms: Sequence[Arm], pairs: Sequence[Tested]) -> list[str]:
    by_name = {arm.name: set(arm.seeds) for arm in arms}
    out = []
    loose = [f"{a} and {b}" for a, b, test, _ in pairs if test == "Welch"]
    if loose:
        out.append(
            f"{listed(loose)} share too few seeds to be paired: Welch's test, which needs more of them"
        )
    partly = [
        f"{a} and {b}" for a, b, test, n in pairs
        if test == "sign flip" and n < max(len(by_name[a]), len(by_name[b]))
    ]  # fmt: skip
    if partly:
        out.append(f"different seeds: of {listed(partly)} only those that both have are paired")
    return out


def _few(arms: Sequence[Arm], pairs: Sequence[Tested], alpha: float) -> list[str]:
    single = [arm.name for arm in arms if len(arm.seeds) == 1]
    out = []
    if single and any(test is None for _, _, test, _ in pairs):
        out.append(f"one run only of {listed(single)}: another seed may turn the order round")
    counts = [n for _, _, test, n in pairs if test == "sign flip"]
    if not counts:
        return out
    alone, together = fewest_seeds(alpha), fewest_seeds(alpha, len(pairs))
    least = min(counts)
    if least < alone:
        out.append(
            f"{least} common seeds: a two-sided sign-flip test cannot reach {alpha:g} with fewer than {alone}"
        )
    elif least < together:
        out.append(
            f"{least} common seeds: with {len(pairs)} comparisons no single one can be detected with fewer than "
            f"{together}, unless others are, too"
        )
    return out


def _copies(arms: Sequence[Arm]) -> list[str]:
    out = []
    for arm in arms:
        if len(arm.values) > 2 and len(set(arm.values)) == 1:
            out.append(
                f"all {len(arm.values)} runs of {arm.name} have {arm.values[0]:.2f} %: is it one run copied?"
            )
    for i, one in enumerate(arms):
        for other in arms[i + 1 :]:
            if len(one.values) > 2 and one.accuracies == other.accuracies:
                out.append(
                    f"{one.name} and {other.name} have equal accuracies for every seed: are they the same runs?"
                )
    return out[:NAMED]


def strays_of(arm: Arm) -> dict[Any, float]:
    """Runs far from the others of their arm, by seed; they make means and intervals say little.

    >>> strays_of(Arm("a", {0: 99.3, 1: 99.4, 2: 99.3, 3: 99.4, 4: 11.35}))
    {4: 11.35}
    """
    if len(arm.values) < 4:
        return {}
    middle = median(arm.values)
    far = max(FAR * median(abs(value - middle) for value in arm.values), POINTS)
    return {seed: value for seed, value in arm.accuracies.items() if abs(value - middle) > far}


def _strays(arms: Sequence[Arm]) -> list[str]:
    out = []
    for arm in arms:
        found = strays_of(arm)
        if found:
            told = listed([f"seed {seed} ({value:.2f} %)" for seed, value in found.items()], 3)
            one = len(found) == 1
            out.append(
                f"{arm.name}: {told} {'lies' if one else 'lie'} far from the other runs; "
                f"did {'it' if one else 'they'} diverge?"
            )
    return out[:NAMED]
