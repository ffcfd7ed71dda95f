"""The statistics of training runs against scipy, brute force and simulation; verdicts, warnings, tables, pictures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from math import comb, inf, nan, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convviz.analysis.statistics import (
    Arm,
    Comparison,
    bonferroni,
    bootstrap,
    compare_runs,
    detectable,
    error_rates,
    fewest_seeds,
    five_groups,
    holm,
    mcnemar,
    paired_t,
    power_of,
    seeds_by_normal,
    seeds_needed,
    sign_flip,
    standard_error,
    t_interval,
    welch,
    wilson,
)
from convviz.analysis.statistics.cautions import strays_of
from convviz.analysis.statistics.compare import MOST_PAIRS
from convviz.analysis.statistics.distributions import (
    incomplete_beta,
    t_beyond,
    t_quantile,
    t_test_power,
    t_within,
)
from convviz.analysis.statistics.intervals import paired_proportions
from convviz.analysis.statistics.tests_of_pairs import EXACT, two_proportions
from convviz.analysis.statistics.verdict import plan_of
from convviz.errors import ConvvizError
from convviz.figures import comparison as pictures
from convviz.figures.comparison_marks import run_scale
from convviz.report.comparison import (
    PARTS,
    p_text,
    pairs_table,
    render,
    runs_table,
    signed,
)
from convviz.report.comparison_data import comparison_data
from convviz.report.comparison_groups import groups_table, rates_table
from convviz.report.formats import render as write
from tests.pictures import check_texts, texts
from tests.sweeps import seeds

RNG = np.random.default_rng(0)


def runs(
    names: int | list[str] = 2, n: int = 10, effect: float = 0.0, sd: float = 0.07, seed: int = 0
) -> dict[str, dict[int, float]]:
    """Arms of normal runs to two digits; the first is higher by ``effect``."""
    rng = np.random.default_rng(seed)
    named = [f"arm {i}" for i in range(names)] if isinstance(names, int) else names
    return {
        name: {s: float(round(99.3 + rng.normal(0, sd) + effect * (i == 0), 2)) for s in range(n)}
        for i, name in enumerate(named)
    }


def right(wrong: list[int], n: int = 100) -> np.ndarray:
    found = np.ones(n, bool)
    found[wrong] = False
    return found


# -- distributions ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("freedom", [1, 2, 3, 4.3, 7.77, 9, 30, 99.5, 5000.2])
def test_student_s_t_against_scipy(freedom: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    for t in (0.1, 1.0, 2.5, 10, 80):
        wanted = 2 * stats.t.sf(t, freedom)
        assert t_beyond(t, freedom) == pytest.approx(wanted, rel=1e-9, abs=1e-300)
        assert t_within(t, freedom) == pytest.approx(1 - wanted, abs=1e-11)
    for level in (0.5, 0.9, 0.95, 0.999, 1 - 1e-6):
        assert t_quantile(freedom, level) == pytest.approx(stats.t.ppf((1 + level) / 2, freedom), rel=1e-9)


def test_extremes_of_the_distributions() -> None:
    assert t_beyond(inf, 3) == 0 and t_beyond(0, 3) == 1 and t_within(0, 3) == 0
    assert t_beyond(1.96, 10**7) == pytest.approx(0.05, abs=1e-4)
    assert t_within(1.96, 10**7) == pytest.approx(0.95, abs=1e-4)
    assert incomplete_beta(2, 3, 0) == 0 and incomplete_beta(2, 3, 1) == 1
    assert incomplete_beta(3, 4, 0.3) == pytest.approx(  # a binomial's upper tail
        float(sum(comb(6, k) * Fraction(3, 10) ** k * Fraction(7, 10) ** (6 - k) for k in range(3, 7)))
    )


@pytest.mark.parametrize("freedom", [1, 2, 5, 7, 20, 300, 5000])
def test_power_is_the_noncentral_t_s(freedom: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    for shift in (0, 0.3, 1, 2.8, 6):
        t = stats.t.ppf(0.975, freedom)
        wanted = stats.nct.sf(t, freedom, shift) + stats.nct.cdf(-t, freedom, shift)
        assert t_test_power(shift, freedom, 0.05) == pytest.approx(wanted, abs=1e-9)


# -- intervals --------------------------------------------------------------------------------------------
def test_an_accuracy_of_99_40() -> None:
    found = wilson(99.40, 10_000)
    assert (round(found.low, 2), round(found.high, 2)) == (99.23, 99.53)
    assert round(standard_error(99.40, 10_000), 3) == 0.077


@pytest.mark.parametrize("test", [1, 7, 500, 10_000])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.994, 1.0])
def test_wilson_against_scipy(share: float, test: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    hits = round(share * test)
    for level in (0.9, 0.95):
        wanted = stats.binomtest(hits, test).proportion_ci(level, method="wilson")
        found = wilson(100 * hits / test, test, level)
        assert (found.low, found.high) == (pytest.approx(100 * wanted.low), pytest.approx(100 * wanted.high))
        assert 100 * hits / test in found and 0 <= found.low <= found.high <= 100


@pytest.mark.parametrize("n", [2, 3, 8, 30])
def test_means_and_welch_against_scipy(n: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    a, b = RNG.normal(99.3, 0.07, n), RNG.normal(99.2, 0.3, n + 3)
    low, high = stats.t.interval(0.95, n - 1, a.mean(), a.std(ddof=1) / sqrt(n))
    found = t_interval(a.tolist())
    assert found is not None and (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    wanted = stats.ttest_ind(a, b, equal_var=False)
    ours = welch(a.tolist(), b.tolist())
    assert (ours.p, ours.freedom) == (pytest.approx(wanted.pvalue), pytest.approx(wanted.df))
    assert ours.interval.low == pytest.approx(wanted.confidence_interval().low)
    assert ours.interval.high == pytest.approx(wanted.confidence_interval().high)
    assert paired_t((a - a[::-1] + 0.1).tolist()) == pytest.approx(
        stats.ttest_1samp(a - a[::-1] + 0.1, 0).pvalue
    )


@pytest.mark.parametrize("method", ["BCa", "percentile"])
@pytest.mark.parametrize("n", [4, 8, 30])
def test_the_bootstrap_is_scipy_s(method: str, n: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    values = RNG.gamma(2, 0.05, n)
    options: dict[str, Any] = {"n_resamples": 3000, "method": method, "confidence_level": 0.9}
    try:
        wanted = stats.bootstrap(
            (values,), np.mean, **options, rng=np.random.default_rng(5)
        ).confidence_interval
    except TypeError:
        wanted = stats.bootstrap((values,), np.mean, **options, random_state=np.random.default_rng(5))
        wanted = wanted.confidence_interval
    found = bootstrap(values.tolist(), 0.9, method=method, resamples=3000, seed=5)
    assert found is not None
    assert (found.low, found.high) == (
        pytest.approx(wanted.low, abs=1e-9),
        pytest.approx(wanted.high, abs=1e-9),
    )
    assert found == bootstrap(values.tolist(), 0.9, method=method, resamples=3000, seed=5)


def test_the_expanded_bootstrap() -> None:
    values = RNG.normal(0.05, 0.1, 10).tolist()
    plain, wide, student = bootstrap(values), bootstrap(values, expanded=True), t_interval(values)
    assert plain is not None and wide is not None and student is not None
    assert plain.width < wide.width and wide.width == pytest.approx(student.width, rel=0.15)
    rows = np.random.default_rng(2).normal(0, 0.1, (20, 10)).tolist()
    found = [bootstrap(row, method="percentile", expanded=True) for row in rows]
    widths = [made.width / t.width for row, made in zip(rows, found) if made and (t := t_interval(row))]
    assert len(widths) == 20 and np.mean(widths) == pytest.approx(1, abs=0.025)
    assert "expanded" in wide.method and "expanded" not in plain.method
    for few in ([0.1, 0.2], [0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0, 1.0, -50.0]):
        found = bootstrap(few, expanded=True)
        assert found is not None and min(few) <= found.low <= found.high <= max(few)


def test_intervals_of_little() -> None:
    assert bootstrap([0.3]) is None and t_interval([0.3]) is None
    same, student = bootstrap([0.3] * 5), t_interval([0.3] * 5)
    assert same is not None and (same.low, same.high) == (0.3, 0.3)
    assert student is not None and student.width == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wilson(101, 100), "accuracy: must be an accuracy from 0 to 100 per cent, got 101"),
        (lambda: wilson(nan, 100), "from 0 to 100 per cent, got nan"),
        (lambda: wilson("99", 100), "must be an accuracy in per cent, got '99'"),  # type: ignore[arg-type]
        (lambda: wilson(99, 0), "test: must be a number of test images of at least 1, got 0"),
        (lambda: wilson(99, 10**400), "test: must be a number of test images of at most 10**15"),
        (lambda: wilson(99, 100, 1.0), "level: must lie between 0 and 1, got 1.0"),
        (lambda: wilson(99, 100, nan), "level: must lie between 0 and 1, got nan"),
        (lambda: bootstrap([1, 2], method="normal"), "no bootstrap 'normal' (BCa, percentile)"),
        (lambda: sign_flip([]), "must be a row of finite numbers, at least one"),
        (lambda: sign_flip([1, inf]), "must be a row of finite numbers"),
        (lambda: welch([1], [1, 2]), "needs two runs in each arm, got 1 and 2"),
        (lambda: mcnemar(-1, 2), "only_a: must be a count of images of 0 or more, got -1"),
        (lambda: mcnemar(1, 2.5), "only_b: must be a count of images"),  # type: ignore[arg-type]
        (lambda: seeds_by_normal(0, 0.07), "difference: must not be 0"),
        (lambda: seeds_needed(0.1, -1), "sd: must be a standard deviation of 0 or more, got -1"),
        (lambda: seeds_needed(inf, 1), "difference: must be a number of points, got inf"),
        (lambda: seeds_needed(0.1, 1, power=80), "power: must lie between 0 and 1, got 80"),
        (lambda: error_rates(arms=1), "needs 2 arms, 2 seeds and 1 repetition, got 1, 8 and 500"),
        (lambda: error_rates(shared=2), "shared: must be a share from 0 to 1, got 2"),
    ],
)
def test_bad_numbers(call: Any, message: str) -> None:
    with pytest.raises(ConvvizError) as err:
        call()
    assert message in str(err.value) and "\n" not in str(err.value) and len(str(err.value)) < 200


# -- tests of pairs ---------------------------------------------------------------------------------------
@seeds(12)
def test_sign_flips_by_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 11))
    whole = rng.integers(-9, 10, n).tolist()  # hundredths: ties are exact here, and not in floats
    hits = sum(
        abs(sum(s * d for s, d in zip(signs, whole))) >= abs(sum(whole))
        for signs in product((1, -1), repeat=n)
    )
    assert sign_flip([d / 100 for d in whole]) == hits / 2**n


def test_the_smallest_p() -> None:
    for n in range(1, 12):
        assert sign_flip([0.1 + i / 100 for i in range(n)]) == 2 / 2**n
        assert (2 / 2**n <= 0.05) == (n >= fewest_seeds())
    assert fewest_seeds() == 6
    for m in (1, 3, 10, 66):
        n = fewest_seeds(0.05, m)
        assert 2 / 2**n <= 0.05 / m < 2 / 2 ** (n - 1)


def test_many_sign_flips_are_drawn() -> None:
    values = np.random.default_rng(1).normal(0.03, 0.1, EXACT)
    exact = sign_flip(values.tolist())
    drawn = sign_flip([*values.tolist(), 0.0])  # a 0 changes nothing but the count
    assert drawn == pytest.approx(exact, abs=0.012) and drawn != exact
    assert drawn == sign_flip([*values.tolist(), 0.0])
    assert 0 < sign_flip([1.0] * 500) < 1e-4


@pytest.mark.parametrize(("b", "c"), [(0, 0), (0, 5), (3, 9), (25, 24), (400, 500), (900, 1000), (1, 2000)])
def test_mcnemar_against_scipy(b: int, c: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    found, same = mcnemar(b, c), mcnemar(c, b)
    if b + c == 0:
        assert found.p == found.mid_p == 1
        return
    p = stats.binomtest(b, b + c).pvalue
    assert found.p == same.p == pytest.approx(p, rel=1e-9)
    assert found.mid_p == pytest.approx(min(p - stats.binom.pmf(b, b + c, 0.5), 1), rel=1e-9)


def test_the_interval_of_a_pair_of_runs_holds_the_truth() -> None:
    rng = np.random.default_rng(0)
    counts = rng.multinomial(1000, [0.008, 0.014, 0.978], size=2000)
    held = sum(-0.6 in paired_proportions(int(a), int(b), 1000) for a, b, _ in counts)
    assert 0.93 < held / 2000 < 0.975


def test_corrections() -> None:
    assert holm([]) == [] and holm([0.2]) == [0.2]
    for seed in range(5):
        ps = np.random.default_rng(seed).random(6).tolist()
        found, order = holm(ps), np.argsort(ps)
        step = [min(max((6 - j) * ps[order[j]] for j in range(i + 1)), 1) for i in range(6)]
        assert [found[i] for i in order] == pytest.approx(step)
        assert all(p <= h <= b for p, h, b in zip(ps, found, bonferroni(ps)))


def test_two_proportions_is_the_chi_squared_test() -> None:
    stats = pytest.importorskip("scipy.stats")
    table = [[9946, 54], [9909, 91]]
    wanted = stats.chi2_contingency(table, correction=False).pvalue
    assert two_proportions(99.46, 99.09, 10_000, 10_000) == pytest.approx(wanted)
    assert two_proportions(100, 100, 10, 10) == 1


# -- power ------------------------------------------------------------------------------------------------
def test_seeds_by_the_normal_formula() -> None:
    assert (seeds_by_normal(0.1, 0.07), seeds_by_normal(0.05, 0.07)) == (8, 31)
    assert seeds_by_normal(-0.1, 0.07) == 8


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("size", [0.01, 0.05, 0.1, 0.3])
def test_seeds_needed_are_the_fewest(size: float, paired: bool) -> None:
    least = 6 if paired else 2
    for power in (0.06, 0.3, 0.99, 0.8):
        n = seeds_needed(size, 0.09, power=power, paired=paired)
        assert n is not None and power_of(size, 0.09, n, paired=paired) >= power
        assert n == least or power_of(size, 0.09, n - 1, paired=paired) < power
    smallest = detectable(n, 0.09, paired=paired)
    assert smallest is not None and smallest <= size
    assert power_of(smallest, 0.09, n, paired=paired) == pytest.approx(0.8, abs=1e-6)


def test_power_at_its_ends() -> None:
    assert seeds_needed(0.0, 1) is None and seeds_needed(1e-9, 1) is None and seeds_needed(5, 0) == 6
    assert power_of(1, 0, 5) == 1 and power_of(0, 0, 5) == 0 and power_of(1, 1, 1) == 0
    assert power_of(0.0, 1, 8) == pytest.approx(0.05)
    assert detectable(5, 0.07) is None and detectable(6, 0) == 0


# -- comparisons ------------------------------------------------------------------------------------------
def test_a_comparison_adds_up() -> None:
    given = runs(3, effect=0.2)
    found = compare_runs(given, test=10_000)
    assert [arm.name for arm in found.arms] == list(given) and len(found.pairs) == 3
    for arm in found.arms:
        values = list(given[arm.name].values())
        assert arm.mean == pytest.approx(np.mean(values)) and arm.sd == pytest.approx(np.std(values, ddof=1))
        assert arm.interval == t_interval(values) and arm.n == 10
    for pair in found.pairs:
        apart = np.subtract(list(given[pair.arm].values()), list(given[pair.against].values()))
        assert pair.differences == pytest.approx(apart.tolist()) and pair.difference == pytest.approx(
            apart.mean()
        )
        assert pair.p == sign_flip(apart.tolist()) and pair.seeds == tuple(range(10))
        assert pair.interval is not None and pair.interval.method == "bootstrap (BCa, expanded)"
        assert pair.detected == (pair.adjusted is not None and pair.adjusted <= 0.05)
        assert pair.needed == seeds_needed(pair.difference, pair.sd or 0, alpha=0.05 / 3)
    assert [pair.adjusted for pair in found.pairs] == holm([pair.p or 0 for pair in found.pairs])
    assert found["arm 0", "arm 1"].detected and not found["arm 1", "arm 2"].detected
    assert found["arm 0", "arm 1"].verdict.startswith("arm 0 is higher by 0.")
    assert found["arm 1", "arm 2"].verdict == "no difference detected"
    assert not found.warnings


def test_a_p_that_only_stands_alone_detects_nothing() -> None:
    a, b, c = (
        [99.3 + d / 100 for d in row]
        for row in ([0, 3, 1, 2, 5, 4, 2], [-2, 1, 0, 0, 4, 1, 1], [1, 2, 3, 0, 5, 3, 3])
    )
    arms = {name: dict(enumerate(row)) for name, row in zip("abc", (a, b, c))}
    pair = compare_runs(arms)["a", "b"]
    assert pair.p == 2 / 2**7 and pair.detected and pair.adjusted == 3 * 2 / 2**7
    for name in "de":
        arms[name] = dict(enumerate(c))
    pair = compare_runs(arms)["a", "b"]
    assert pair.p == 2 / 2**7 and not pair.detected and pair.verdict == "no difference detected"


def test_the_lower_arm_first() -> None:
    pair = compare_runs(
        {"low": runs(1)["arm 0"], "high": {s: v + 0.3 for s, v in runs(1)["arm 0"].items()}}
    ).pairs[0]
    assert (
        pair.difference == pytest.approx(-0.3)
        and pair.verdict == "high is higher by 0.30 points (0.30 to 0.30)"
    )


def test_a_baseline() -> None:
    found = compare_runs(runs(4), baseline="arm 2")
    assert [(pair.arm, pair.against) for pair in found.pairs] == [(f"arm {i}", "arm 2") for i in (0, 1, 3)]
    assert found.baseline == "arm 2" and compare_runs(runs(4), "all pairs").baseline is None
    assert len(compare_runs(runs(4), "all pairs").pairs) == 6
    steps = compare_runs(runs(4), "the one before")
    assert [(pair.arm, pair.against) for pair in steps.pairs] == [
        (f"arm {i + 1}", f"arm {i}") for i in (0, 1, 2)
    ]


def test_few_seeds_detect_nothing() -> None:
    found = compare_runs(runs(2, n=5, effect=0.5))
    pair = found.pairs[0]
    assert pair.p == 2 / 32 and not pair.detected and pair.verdict == "no difference detected"
    assert pair.interval == pair.t  # what is drawn again from five differences would be too narrow
    assert found.warnings == (
        "5 common seeds: a two-sided sign-flip test cannot reach 0.05 with fewer than 6",
    )
    assert pair.more == 1 and "1 seed more would settle" in plan_of(pair, 0.1)
    assert compare_runs(runs(2, n=6, effect=0.5)).pairs[0].detected


def test_comparisons_ask_for_more_seeds() -> None:
    (told,) = compare_runs(runs(5, n=8)).warnings
    assert told.startswith(
        "8 common seeds: with 10 comparisons no single one can be detected with fewer than 9"
    )


def test_seeds_that_only_one_arm_has() -> None:
    given: Mapping[str, Mapping[Any, float]] = {
        "a": {s: 99.3 + s / 100 for s in range(8)},
        "b": {s: 99.2 + s / 90 for s in range(2, 10)},
    }
    pair = compare_runs(given).pairs[0]
    assert pair.test == "sign flip" and pair.seeds == tuple(range(2, 8)) and pair.runs == 6
    assert "different seeds: of a and b only those that both have are paired" in compare_runs(given).warnings
    apart = compare_runs({"a": given["a"], "b": {s + 6: v for s, v in given["b"].items()}})
    wanted = welch(list(given["a"].values()), list(given["b"].values()))
    assert apart.pairs[0].test == "Welch" and apart.pairs[0].p == wanted.p
    assert apart.pairs[0].interval == wanted.interval and "share too few seeds" in apart.warnings[0]


def test_single_runs() -> None:
    found = compare_runs({"a": {0: 99.41}, "b": {0: 99.31}, "c": {0: 98.0}}, test=10_000)
    assert all(pair.test is None and pair.p is None and not pair.detected for pair in found.pairs)
    assert found.arms[0].interval == wilson(99.41, 10_000)
    assert (
        found["a", "b"].verdict
        == "no difference detected: one run of each, and their Wilson intervals overlap"
    )
    assert "the Wilson intervals lie apart, but one run of each" in found["a", "c"].verdict
    assert found.warnings == ("one run only of a, b and c: another seed may turn the order round",)
    bare = compare_runs({"a": {0: 99.41}, "b": {0: 99.31}})
    assert bare.arms[0].interval is None and "one run of each cannot be tested" in bare.pairs[0].verdict
    uneven = compare_runs({"a": {0: 99.41}, "b": {0: 99.31, 1: 99.2}})
    assert "one run in an arm cannot be tested" in uneven.pairs[0].verdict


def test_single_runs_with_predictions() -> None:
    a = Arm("a", {0: 99.0}, {0: right([7])}, test=100)
    b = Arm("b", {3: 91.0}, {3: right([7, *range(20, 28)])})
    pair = compare_runs([a, b]).pairs[0]
    assert pair.test == "McNemar" and pair.images is not None
    assert (pair.images.only_a, pair.images.only_b, pair.p) == (8, 0, 2 / 2**8)
    assert pair.detected and pair.verdict.endswith("as trained: another seed may turn it round")
    assert pair.difference == pytest.approx(8)
    with pytest.raises(ConvvizError, match="100 and 50 predictions are not of the same test images"):
        compare_runs([a, Arm("c", {0: 98.0}, {0: right([1], 50)})])
    # Other test images cannot be paired one by one.
    other = Arm("c", {0: 91.0}, {0: right(list(range(9)))}, data_set="other")
    assert compare_runs([a, other]).pairs[0].test is None


def test_equal_runs() -> None:
    found = compare_runs({name: dict.fromkeys(range(6), 99.3) for name in "ab"})
    pair = found.pairs[0]
    assert pair.p == 1 and pair.difference == 0 and pair.sd == 0 and pair.needed is None
    assert plan_of(pair, 0.1) == "the runs are equal seed by seed"
    assert sum("is it one run copied?" in told for told in found.warnings) == 2
    assert any("are they the same runs?" in told for told in found.warnings)
    still = compare_runs({"a": {0: 99.0, 1: 99.0}, "b": {2: 98.0, 3: 98.0}}).pairs[0]
    assert not still.detected and "all equal" in still.verdict


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"data_set": "MNIST, JPEG copy"}, "different data sets (MNIST and MNIST, JPEG copy)"),
        ({"epochs": 25}, "unequal epochs (a 10 and b 25): the longer may win by that"),
        ({"best_epoch": True}, "b reports the best epoch, chosen on the test images"),
        ({"test": 500}, "different numbers of test images (500 and 10,000)"),
    ],
)
def test_warnings_about_arms(more: dict[str, Any], message: str) -> None:
    base: dict[str, Any] = {"data_set": "MNIST", "epochs": 10, "test": 10_000}
    a, b = runs(2).values()
    assert not compare_runs([Arm("a", a, **base), Arm("b", b, **base)]).warnings
    (told,) = compare_runs([Arm("a", a, **base), Arm("b", b, **base | more)]).warnings
    assert message in told


def test_more_warnings() -> None:
    given = runs(2)
    given["arm 1"][3] = 11.35
    assert strays_of(Arm("x", given["arm 1"])) == {3: 11.35} and not strays_of(Arm("x", given["arm 0"]))
    assert compare_runs(given).warnings == (
        "arm 1: seed 3 (11.35 %) lies far from the other runs; did it diverge?",
    )
    shares = compare_runs({name: {s: v / 100 for s, v in found.items()} for name, found in runs(2).items()})
    assert "are they shares?" in shares.warnings[0]
    both = [Arm(name, found, best_epoch=True) for name, found in runs(2).items()]
    assert compare_runs(both).warnings[0].startswith("all arms report the best epoch")


@pytest.mark.parametrize(
    ("arms", "options", "message"),
    [
        ({}, {}, "arms: there is nothing to compare"),
        ([], {}, "arms: there is nothing to compare"),
        (5, {}, "arms: must be accuracies by name and seed, or Arm records"),
        (runs(2), {"baseline": ["arm 1"]}, "baseline: must be the name of an arm, got ['arm 1']"),
        (runs(2), {"resamples": 0}, "resamples: must be 2 to 1,000,000, got 0"),
        ([1], {}, "arms: must be accuracies by name and seed, or Arm records"),
        ({"a": {}}, {}, "arm 'a': has no runs"),
        ({"a": 3}, {}, "arm 'a': must be accuracies by seed, got int"),
        ({"a": "99"}, {}, "arm 'a': must be accuracies by seed, got str"),
        ({" ": {0: 9}}, {}, "arm: must be a name, got ' '"),
        ({"a": {0: nan}}, {}, "arm 'a', seed 0: must be an accuracy from 0 to 100 per cent, got nan"),
        ({"a": {0: inf}}, {}, "got inf"),
        ({"a": {5: 100.01}}, {}, "arm 'a', seed 5: must be an accuracy from 0 to 100 per cent, got 100.01"),
        ({"a": {5: -1}}, {}, "got -1"),
        ({"a": {5: "high"}}, {}, "arm 'a', seed 5: must be an accuracy in per cent, got 'high'"),
        ({"a": {5: True}}, {}, "got True"),
        ({"a": {5: None}}, {}, "got None"),
        ({"a": dict.fromkeys(range(1001), 99.0)}, {}, "has 1,001 runs; at most 1,000 are compared"),
        (runs(2), {"baseline": "arm 9"}, "baseline: no arm 'arm 9'; did you mean"),
        (runs(2), {"alpha": 0}, "alpha: must lie between 0 and 1, got 0"),
        (runs(2), {"alpha": "x"}, "alpha: must lie between 0 and 1, got 'x'"),
        (runs(2), {"worth": 0}, "worth: must be a difference above 0 points, got 0"),
        (runs(2), {"worth": nan}, "worth: must be a difference above 0 points, got nan"),
        (runs(2), {"test": 0}, "test: must be a number of test images of at least 1, got 0"),
        ({str(i): {0: 9.0} for i in range(40)}, {}, f"40 arms have 780 pairs, at most {MOST_PAIRS} are compared"),
    ],
)  # fmt: skip
def test_bad_runs(arms: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConvvizError) as err:
        compare_runs(arms, **options)
    assert message in str(err.value) and "\n" not in str(err.value) and len(str(err.value)) < 200


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"correct": {1: [True]}}, "seed 1: has predictions but no accuracy"),
        ({"correct": {0: [[True]]}}, "predictions must say of each test image whether it was right"),
        ({"correct": [True]}, "arm 'a': must be predictions by seed, got list"),
        ({"correct": {0: []}}, "predictions must say of each test image"),
        ({"correct": {0: [7, 8]}}, "predictions must say of each test image"),
        ({"correct": {0: [True, False]}, "test": 3}, "has 2 predictions for 3 test images"),
        ({"correct": {0: [True, True]}}, "has 100.00 % of its predictions right, but says 50.00 %"),
    ],
)
def test_bad_predictions(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ConvvizError) as err:
        Arm("a", {0: 50.0}, **more)
    assert message in str(err.value)


def test_the_same_name_twice() -> None:
    with pytest.raises(ConvvizError, match="two arms are named 'a'; give one of them another name"):
        compare_runs([Arm("a", {0: 9.0}), Arm("a", {0: 8.0})])
    with pytest.raises(ConvvizError, match="were not compared in this order"):
        compare_runs(runs(2))["arm 1", "arm 0"]


def test_lists_of_accuracies_count_their_seeds() -> None:
    found = compare_runs({"a": [99.1, 99.2], "b": np.array([99.3, 99.4])})  # type: ignore[dict-item]
    assert found.pairs[0].seeds == (0, 1)


# -- simulations ------------------------------------------------------------------------------------------
def test_no_effect_is_seldom_found() -> None:
    found = error_rates(arms=3, seeds=8, repetitions=120, resamples=200)
    assert found.false is not None and found.false <= 0.09 and found.found is None and found.wrong == 0
    assert found.covered > 0.9 and found.covered_t > 0.92


def test_a_planted_effect_is_found_as_often_as_the_formula_says() -> None:
    alike = error_rates(arms=2, seeds=10, effect=0.1, repetitions=120, resamples=200)
    assert alike.found == pytest.approx(power_of(0.1, 0.07 * sqrt(2), 10), abs=0.11) and alike.false is None
    shared = error_rates(arms=2, seeds=8, effect=0.1, shared=0.5, repetitions=120, resamples=200)
    assert shared.found is not None and shared.found > 0.8 and shared.wrong == 0
    text = write(rates_table([alike, shared]), "text")
    assert "false alarms" in text and "120 repetitions" in text


# -- five groups ------------------------------------------------------------------------------------------
def test_five_groups_contradict_each_other_within_noise() -> None:
    groups = five_groups()
    figures = {group.name: [figure.accuracy for figure in group.figures] for group in groups}
    assert figures == {
        "group 1": [99.21, 99.26, 99.23],
        "group 1, its own log": [99.30, 99.28, 99.15],
        "group 2": [99.46, 99.09, 99.36],
        "group 3": [99.3, 99.3, 99.41],
        "group 4": [99.14],
        "group 5": [99.29, 97.7, 99.0],
    }
    for group in groups:
        assert group.winner.accuracy == max(figures[group.name])
        assert group.p is None or group.p > 0.1  # nowhere is the best told from the next
        assert all(figure.interval == wilson(figure.accuracy, 10_000) for figure in group.figures)
    assert {group.best for group in groups} == {"BN+L1+L2", "LN+L2", "GN+L1"}
    assert [group.apart for group in groups] == [(), (), ("LN+L2",), (), (), ("LN+L2",)]
    text = write(groups_table(groups), "text")
    assert "99.46 (99.30 to 99.59)" in text and "the best epoch picked on the test images" in text


# -- reports ----------------------------------------------------------------------------------------------
CASES: dict[str, Comparison] = {
    "three": compare_runs(runs(["batch norm", "layer norm", "group norm"], effect=0.15), test=10_000),
    "few": compare_runs(runs(2, n=3), test=10_000),
    "two": compare_runs(runs(2, n=2), test=10_000),
    "single": compare_runs({"BN+L1+L2": {0: 99.46}, "LN+L2": {0: 99.09}, "GN+L1": {0: 99.36}}, test=10_000),
    "equal": compare_runs({name: dict.fromkeys(range(6), 99.3) for name in "ab"}),
    "alone": compare_runs({"alone": {0: 99.3}}),
    "outlier": compare_runs(runs(3) | {"away": {**runs(1)["arm 0"], 4: 11.35, 5: 9.8, 6: 10.1}}, "arm 1"),
    "welch": compare_runs({"x": {0: 99.1, 1: 99.2, 2: 99.3}, "y": {7: 99.0, 8: 98.7}}),
    "mcnemar": compare_runs(
        [Arm("a", {0: 99.0}, {0: right([7])}), Arm("b", {0: 91.0}, {0: right(list(range(9)))})]
    ),
    "twelve": compare_runs(runs([f"the arm number {i} of a long list" for i in range(12)], n=30, effect=0.1)),
    "wide": compare_runs(
        {"a_very_long_name_that_has_no_spaces_at_all": runs(1)["arm 0"], "b $x$": runs(2)["arm 1"]}
    ),
    "full": compare_runs({"all": dict.fromkeys(range(3), 100.0), "none": dict.fromkeys(range(3), 0.0)}),
}


@pytest.mark.parametrize("name", CASES)
def test_every_format(name: str) -> None:
    found = CASES[name]
    for format in ("text", "table", "md", "latex", "html"):
        told = render(found, format)
        assert all(f"{arm.mean:.2f}" in told for arm in found.arms) and "nan" not in told
    data = json.loads(render(found, "json"))
    assert data == json.loads(json.dumps(comparison_data(found), allow_nan=False))
    assert [arm["accuracies"] for arm in data["arms"]] == [list(arm.arm.values) for arm in found.arms]
    assert [pair["p"] for pair in data["pairs"]] == [pair.p for pair in found.pairs]
    assert repr(found) == render(found, "text") and found._repr_html_() == render(found, "html")
    assert render(found, "html", standalone=True).startswith("<!doctype html>")
    assert max(map(len, render(found, "text").splitlines())) <= 100 or name in ("wide", "twelve")
    for part, records in zip(PARTS, (data["arms"], data["pairs"], runs_table(found).rows)):
        rows = list(csv.DictReader(io.StringIO(render(found, "csv", part=part))))
        assert len(rows) == len(records)
    with pytest.raises(ConvvizError, match="no part 'x' "):
        render(found, "csv", part="x")


def test_csv_has_all_digits() -> None:
    found = CASES["three"]
    (row, *_) = csv.DictReader(io.StringIO(render(found, "csv")))
    assert float(row["difference"]) == found.pairs[0].difference and float(row["p"]) == found.pairs[0].p
    assert row["method"] == "bootstrap (BCa, expanded)" and row["seeds_needed"] == str(found.pairs[0].needed)


def test_the_text_says_what_counts() -> None:
    told = repr(CASES["three"])
    assert told.startswith("3 arms, 10 seeds each: ") and "no difference detected" in told and "Holm" in told
    assert "standard error of 0.0" in told and "more seeds: how many more of each arm" in told
    few = repr(CASES["few"])
    assert "3 seeds each: no difference detected" in few and "warning: 3 common seeds" in few
    assert "would settle a difference of" in few and "Student's t, for this pair alone" in few
    assert "alone is right on 8" in repr(CASES["mcnemar"]) and "mid-p" in repr(CASES["mcnemar"])
    assert (
        "26 more pairs are in the data" in repr(CASES["twelve"])
        and len(pairs_table(CASES["twelve"]).rows) == 40
    )
    assert "1 arm, 1 run: nothing to compare it with" in repr(CASES["alone"])


@pytest.mark.parametrize(
    ("p", "text"), [(0.0004, "<.001"), (0.001, ".001"), (0.0996, ".100"), (0.1, ".10"), (1, "1")]
)
def test_p_as_text(p: float, text: str) -> None:
    assert p_text(p) == text and signed(-0.004) == "0.00" and signed(-1) == "−1.00"


# -- pictures ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "theme"), [*((name, "light") for name in CASES), ("three", "dark"), ("outlier", "dark")]
)
def test_pictures(name: str, theme: str) -> None:
    found = CASES[name]
    with pictures.canvas.style():
        made = pictures.figure(found, theme=theme)
        check_texts(made)
    told = " ".join(text.get_text() for text in texts(made))
    assert all(f"{arm.mean:.2f}" in told for arm in found.arms)
    if found.pairs:
        assert "no difference detected" in told or found.detected


def dots(made: Any, axis: int) -> int:
    return sum(len(line.get_xdata()) for line in made.axes[axis].lines if line.get_marker() == "o")


def test_a_dot_for_every_run_and_difference() -> None:
    made = pictures.figure(CASES["three"])
    assert dots(made, 1) == 30 and dots(made, 2) == 30
    means = [line for line in made.axes[2].lines if line.get_marker() == "D"]
    filled = [line.get_markerfacecolor() == line.get_markeredgecolor() for line in means]
    assert filled == [pair.detected for pair in CASES["three"].pairs]
    assert [float(line.get_xdata()[0]) for line in means] == [
        pair.difference for pair in CASES["three"].pairs
    ]


def test_what_lies_far_away_is_told_at_the_edge() -> None:
    found = CASES["outlier"]
    assert run_scale(found.arms).low > 98
    made = pictures.figure(found)
    told = [text.get_text() for text in made.axes[1].texts]
    assert any("11.35, 9.80, 1 more" in text for text in told)
    assert dots(made, 1) == 40 - 3


def test_only_some_pairs_are_drawn() -> None:
    made = pictures.figure(CASES["twelve"])
    drawn = pictures.drawn(CASES["twelve"].pairs)
    assert len(drawn) == pictures.MOST_PAIRS and dots(made, 2) == 30 * len(drawn)
    left_out = [pair.p or 0 for pair in CASES["twelve"].pairs if pair not in drawn]
    assert max(pair.p or 0 for pair in drawn) <= min(left_out)
    many = compare_runs({f"arm {i}": {0: 99.0} for i in range(41)}, "arm 0")
    with pytest.raises(ConvvizError, match="41 arms are too many to be drawn"):
        pictures.figure(many)


def test_a_picture_in_words(tmp_path: Path) -> None:
    path = tmp_path / "x.svg"
    pictures.plot(CASES["few"], path)
    assert "no difference detected" in path.read_text(encoding="utf-8")
    with pytest.raises(ConvvizError):
        pictures.plot(CASES["few"], tmp_path / "x.txt")
