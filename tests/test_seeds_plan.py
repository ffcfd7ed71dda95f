"""An honest comparison: what is told of seeds, signs and choices of seeds is what the runs say."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product
from pathlib import Path
from statistics import mean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convviz.analysis.statistics import Arm, compare_runs, sign_flip
from convviz.analysis.statistics.choices import Match, tally
from convviz.analysis.statistics.tests_of_pairs import as_far, sign_means
from convviz.errors import ConvvizError
from convviz.plan import seed_plan
from convviz.plan.model import Table
from convviz.plan.seeds import MOST, Chance, Duel, seeds
from convviz.runs.bundled import only, results

GALLERY = Path(__file__).resolve().parents[1] / "outputs" / "gallery" / "results"
hundredths = st.integers(-300, 300).map(lambda n: n / 100)


def duel(ones: list[float], others: list[float]) -> Duel:
    a, b = Arm("a", dict(enumerate(ones))), Arm("b", dict(enumerate(others)))
    return Duel(Match.of(a, b), compare_runs([a, b]).pairs[0])


# -- signs ----------------------------------------------------------------------------------------------------
@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(hundredths, min_size=1, max_size=9))
def test_the_share_of_other_signs_is_the_p(gaps: list[float]) -> None:
    means = sign_means(gaps)
    by_hand = [mean(s * g for s, g in zip(signs, gaps)) for signs in product((1, -1), repeat=len(gaps))]
    assert np.allclose(sorted(means.tolist()), sorted(by_hand), atol=1e-12)
    assert as_far(means, gaps).mean() == sign_flip(gaps)


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(hundredths, min_size=1, max_size=9))
def test_every_choice_of_signs_lies_in_a_bin(gaps: list[float]) -> None:
    found = Chance.of(gaps)
    assert found.all_counted and found.counted == 2 ** len(gaps)
    assert found.beyond / found.counted == sign_flip(gaps)
    assert found.edges[0] == pytest.approx(-found.edges[-1])


def test_many_signs_are_drawn() -> None:
    gaps = [0.1 * (-1) ** i + 0.05 for i in range(20)]
    found = Chance.of(gaps)
    assert not found.all_counted and found.counted == 1 << 16
    assert found.beyond / found.counted == pytest.approx(sign_flip(gaps), abs=0.01)
    assert "drawn choices of signs" in seed_plan.chance(duel([50 + g for g in gaps], [50.0] * 20))


# -- choices of seeds -----------------------------------------------------------------------------------------
@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(st.tuples(hundredths, hundredths), min_size=2, max_size=7), st.data())
def test_tallies_count_every_choice(values: list[tuple[float, float]], data: st.DataObject) -> None:
    a = Arm("a", {i: 50 + one for i, (one, _) in enumerate(values)})
    b = Arm("b", {i: 50 + other for i, (_, other) in enumerate(values)})
    n = data.draw(st.integers(1, len(values)))
    seen = tally(Match.of(a, b), n)
    above = below = found_above = found_below = 0
    for places in combinations(range(len(values)), n):
        gap = round(sum(values[i][0] - values[i][1] for i in places), 9)
        detected = n > 1 and compare_runs(
            {"a": {i: a.accuracies[i] for i in places}, "b": {i: b.accuracies[i] for i in places}}, resamples=10
        ).pairs[0].detected  # fmt: skip
        above, below = above + (gap > 0), below + (gap < 0)
        found_above, found_below = found_above + (detected and gap > 0), found_below + (detected and gap < 0)
    assert seen.counted == seen.of == sum(seen.higher) == sum(seen.found)
    assert (seen.higher[0], seen.higher[2]) == (above, below)
    assert (seen.found[0], seen.found[2]) == (found_above, found_below)


# -- which pairs are told -------------------------------------------------------------------------------------
def test_the_film_of_the_measured_runs() -> None:
    found = seeds(results("overfitting"))
    assert (found.first.a, found.first.b) == ("none", "dropout") and not found.first.pair.detected
    assert found.second is not None and (found.second.a, found.second.b) == ("none", "rotation")
    assert found.second.pair.detected and found.second.sure == 7
    gaps = np.array(found.first.differences)
    assert seed_plan.all_runs(found.first) == (
        f"Of 10 seeds none is higher with {(gaps > 0).sum()}, dropout with {(gaps < 0).sum()}: one run can say either."
    )
    assert found.first.turned == int(np.flatnonzero(gaps * gaps[0] < 0)[0])
    told = compare_runs(results("overfitting").records(), "all pairs")["none", "dropout"]
    assert found.first.pair == told and f"{told.more} more seeds" in seed_plan.verdict(found.first, 10)
    texts = " ".join(step.caption for step in seed_plan.plan(found).steps)
    assert "260 of 1,024" in texts and "4 of 1,024" in texts and "corrected for 10 pairs" in texts


@pytest.mark.parametrize("source", ["overfitting", "s7", str(GALLERY / "norms.json")])
def test_tables_hold_the_runs(source: str) -> None:
    found = results(source)
    told = seeds(found)
    runs = {arm.name: {str(run.recipe.seed): run.test for run in arm.runs} for arm in found.arms}
    plan = seed_plan.plan(told)
    for table in plan.panels:
        assert isinstance(table, Table)
        if table.key.startswith("runs"):
            _, a, b, _ = table.columns
            for row in table.rows:
                seed, one, other, gap = map(str, row)
                assert (one, other) == (f"{runs[a][seed]:.2f}", f"{runs[b][seed]:.2f}")
                shown = float(gap.replace("−", "-"))
                assert shown == pytest.approx(runs[a][seed] - runs[b][seed], abs=0.0051)
        else:
            counts = [list(map(int, map(str, row))) for row in table.rows]
            assert all(row[1] == sum(row[2:5]) == sum(row[5:8]) for row in counts)
    assert all(len(step.caption) < 140 and step.caption.endswith(".") for step in plan.steps)


def test_two_arms_are_told_as_named() -> None:
    found = seeds(only(results("overfitting"), ["L2", "rotation"]))
    assert (found.first.a, found.first.b, found.second, found.family) == ("L2", "rotation", None, 1)


@pytest.mark.parametrize("source", ["ladder", "fast"])
def test_runs_without_partners_are_refused(source: str) -> None:
    with pytest.raises(ConvvizError, match="takes two arms with at least two seeds in common; runs: "):
        seeds(results(source))


# -- sentences for every case ---------------------------------------------------------------------------------
def test_few_seeds_can_never_tell() -> None:
    found = duel([90, 91, 92], [80, 81, 82])
    assert seed_plan.verdict(found, 1) == "No difference detected, as 3 seeds never can: it takes 6."
    assert seed_plan.fewest(found).endswith("here are 3.")
    assert seed_plan.all_runs(found) == "a is higher with 3 of 3 seeds."
    assert seed_plan.few(found) == "Every choice of 2 seeds gives a the higher mean."


def test_equal_arms() -> None:
    found = duel([90, 90, 91], [90, 90, 91])
    assert seed_plan.all_runs(found) == "Both arms are equal with every one of 3 seeds."
    assert found.turned is None and found.chance.beyond == found.chance.counted == 8
    assert seed_plan.one_run(found, 0) == "Seed 0: a 90.00 %, b 90.00 %. They are equal."


def test_more_seeds_than_can_be_told() -> None:
    rng = np.random.default_rng(0)
    found = results("overfitting")
    many = []
    for arm in found.arms[:2]:
        runs = tuple(
            replace(
                arm.first,
                recipe=replace(arm.first.recipe, seed=i),
                test=round(90 + rng.normal(), 2),
                wrong=None,
            )
            for i in range(MOST + 3)
        )
        many.append(replace(arm, runs=runs))
    told = seeds(replace(found, arms=tuple(many), planned=tuple(arm.name for arm in many)))
    assert told.first.n == MOST and told.left == 3
    assert dict(seed_plan.plan(told).facts)["seeds"] == f"the first {MOST} of {MOST + 3}"
