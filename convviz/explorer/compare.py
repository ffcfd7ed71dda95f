"""Runs of two arms against each other as data for the page: what few seeds would have made of them, and what all do.

Whatever the page tells is worked out here, by :func:`convviz.analysis.statistics.compare_runs`, for every number of
seeds and for several choices of them; the page looks it up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from convviz.analysis.statistics import compare_runs, fewest_seeds
from convviz.analysis.statistics.choices import Match, chosen
from convviz.analysis.statistics.runs import Arm
from convviz.analysis.statistics.tests_of_pairs import ALPHA
from convviz.errors import ConvvizError
from convviz.explorer.compare_pair import pair_data
from convviz.explorer.views import Store
from convviz.read import bundled as nets
from convviz.runs import bundled
from convviz.runs.collection import collect
from convviz.runs.experiment import experiment, names
from convviz.runs.results import Results
from convviz.runs.results_file import FORMAT

Json = dict[str, Any]
NAME = "comparison"  # `convviz explore comparison`: the measured runs that come with convviz
ARMS, SEEDS = 16, 100  # more are cut, and the page says so
TITLE = "Is A better than B?"
ABOUT = (
    "Every dot is a training run; those of one arm differ in nothing but their seed. Choose how many seeds to look at, "
    "and which: what do so few say, and what do all?"
)


def is_runs(what: Any) -> bool:
    """Whether this means runs: ``comparison``, a folder, or a .json file of results; a bundled net's name is a net."""
    if not isinstance(what, str | Path) or (isinstance(what, str) and nets.path(what) is not None):
        return False
    if str(what) == NAME:
        return True
    try:
        path = Path(what)
        if path.is_dir():
            return True
        data = json.loads(path.read_text(encoding="utf-8")) if path.suffix.lower() == ".json" else None
    except (OSError, ValueError, RecursionError):  # no file, no JSON, or a character that no path has
        return False
    return isinstance(data, dict) and data.get("format") == FORMAT


def comparison_data(
    source: str | Path | Results = NAME, progress: Callable[[float], None] | None = None
) -> Json:
    """The data of a page on runs: those that come with convviz, or a folder of runs, a file of results, or Results.

    progress: told the share that is done. Raises ConvvizError where no experiment has two arms with runs.

    >>> data = comparison_data("comparison")
    >>> [found["name"] for found in data["experiments"]]
    ['overfitting', 's7', 'ladder']
    >>> data["experiments"][0]["pairs"][0]["sizes"][0]["higher"]
    [0, 0, 10]
    """
    if isinstance(source, Results):
        found = [(source, "results")]
    elif str(source) == NAME:
        known = [bundled.results(name) for name in bundled.names()]
        found = [(some, f"results({json.dumps(some.name)})") for some in known if len(some.arms) > 1]
        found.sort(key=lambda row: -max(len(arm.runs) for arm in row[0].arms))
    else:
        found = [(collect(source), f"results({json.dumps(str(source), ensure_ascii=False)})")]
    store = Store()
    experiments = []
    for i, (some, code) in enumerate(found):
        experiments.append(experiment_data(some, code, store, part(progress, i, len(found))))
    return {
        "page": "comparison",
        "name": "comparison" if len(found) > 1 else f"comparison: {found[0][0].name}",
        "title": TITLE,
        "about": ABOUT,
        "alpha": ALPHA,
        "fewest": fewest_seeds(ALPHA),
        "experiments": experiments,
        "store": store.entries,
    }


def part(progress: Callable[[float], None] | None, i: int, n: int) -> Callable[[float], None] | None:
    """Tells of the ``i``-th of ``n`` parts of some work."""
    return None if progress is None else lambda share: progress((i + share) / n)


def experiment_data(
    results: Results, code: str, store: Store, progress: Callable[[float], None] | None = None
) -> Json:
    """One experiment: what it is, its arms, and every pair of them."""
    every = results.records()
    if len(every) < 2:
        raise ConvvizError(
            f"{results.name} has runs of one arm only ({every[0].name}); a comparison takes two", "runs"
        )
    arms = [first_runs(arm) for arm in every[:ARMS]]
    whole = compare_runs(arms, "all pairs")
    matches = [Match.of(a, b) for a, b in combinations(arms, 2)]
    told = []
    for i, match in enumerate(matches):
        told.append(pair_data(match, whole[match.a.name, match.b.name], len(matches), store))
        if progress is not None:
            progress((i + 1) / len(matches))
    own = experiment(results.name) if results.name in names() else None
    return {
        "name": results.name,
        "question": own.question or own.about if own else "",
        "facts": list(facts_of(results)),
        "cautions": [*results.cautions, *cut(every)],
        "code": f'from convviz.runs.bundled import results\n\nprint({code}.compare("all pairs"))',
        "arms": [arm.name for arm in arms],
        "pairs": told,
        "start": max(range(len(matches)), key=lambda i: matches[i].evenness),
    }


def facts_of(results: Results) -> Iterator[tuple[str, str]]:
    """What a reader must know of runs before believing a figure."""
    first = results.arms[0].first
    yield "data set", results.data_set
    if first.train_images:
        yield "training images", f"{first.train_images:,}"
    if first.test_images:
        yield "test images", f"{first.test_images:,}"
    epochs = sorted({arm.first.recipe.epochs for arm in results.arms})
    yield "epochs", " to ".join(map(str, dict.fromkeys((epochs[0], epochs[-1]))))
    yield "accuracy", "last epoch"


def first_runs(arm: Arm) -> Arm:
    return chosen(arm, arm.seeds[:SEEDS])


def cut(arms: Sequence[Arm]) -> Iterator[str]:
    if len(arms) > ARMS:
        yield f"of {len(arms)} arms the first {ARMS} are shown"
    if any(len(arm.seeds) > SEEDS for arm in arms):
        yield f"of each arm the first {SEEDS} runs are shown"
