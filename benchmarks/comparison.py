"""How often the verdict on training runs is wrong: no effect, and planted ones, 500 simulated experiments each.

    python benchmarks/comparison.py [--repetitions 500]

Runs are normal with standard deviation .07 points in each arm, around 99.3 %, rounded to whole images of 10,000. The
textbook formula asks for 8 seeds to find .1 point in four experiments of five; it takes the standard deviation as known
and the arms as not sharing anything, so what the exact test reaches with 8 and with 10 seeds stands below it.

Below that: the same for the main effects and the interaction of a factorial (three levels by four, as in the experiment
`norms`), and two experiments that go the whole way once, through run directories, `collect` and the results' JSON.
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import product
from pathlib import Path

import numpy as np

from convviz.analysis.statistics import (
    compare_runs,
    error_rates,
    five_groups,
    power_of,
    seeds_by_normal,
    seeds_needed,
)
from convviz.analysis.statistics.factorial import joint_sign_flip, main_effect
from convviz.report.comparison_groups import groups_table, rates_table
from convviz.report.formats import render
from convviz.report.model import Column, Table
from convviz.runs import run as files
from convviz.runs.collection import collect
from convviz.runs.recipe import Recipe
from convviz.runs.results_file import results_text

SD, IMAGES, SEEDS = 0.07, 10_000, 10
LEVELS, RESTS = ("BN", "LN", "GN"), ("none", "L1", "L2", "L1+L2")

SETTINGS = (
    {"arms": 2, "seeds": 8},
    {"arms": 3, "seeds": 10},
    {"arms": 5, "seeds": 10},
    {"arms": 2, "seeds": 8, "effect": 0.1},
    {"arms": 2, "seeds": 9, "effect": 0.1},
    {"arms": 2, "seeds": 10, "effect": 0.1},
    {"arms": 2, "seeds": 8, "effect": 0.1, "shared": 0.5},
    {"arms": 3, "seeds": 10, "effect": 0.1},
    {"arms": 3, "seeds": 10, "effect": 0.1, "shared": 0.5},
)


# What is planted in a factorial: points by (level, rest).
PLANTED = {
    "nothing": {},
    "GN higher by 0.1 everywhere": {("GN", rest): 0.1 for rest in RESTS},
    "GN higher by 0.1 with L1 alone": {("GN", "L1"): 0.1},
}


def factorial(
    rng: np.random.Generator, planted: dict[tuple[str, str], float]
) -> dict[tuple[str, str], dict[int, float]]:
    """Runs of all combinations, rounded to whole images."""
    out = {}
    for cell in product(LEVELS, RESTS):
        values = 99.3 + planted.get(cell, 0.0) + rng.normal(0, SD, SEEDS)
        out[cell] = dict(enumerate(np.round(values * IMAGES / 100).astype(int) / (IMAGES / 100)))
    return out


def factorial_table(repetitions: int) -> Table:
    """How often main effects and interactions are found, where they are and where they are not."""
    rows = []
    for name, planted in PLANTED.items():
        rng = np.random.default_rng(0)
        found = [main_effect("norm", factorial(rng, planted)) for _ in range(repetitions)]
        main = sum(bool(effect.comparison.detected) for effect in found) / repetitions
        mixed = sum(effect.interaction.detected for effect in found) / repetitions
        rows.append((name, f"{100 * main:.1f} %", f"{100 * mixed:.1f} %"))
    columns = (Column("planted", left=True), Column("main effect found"), Column("interaction found"))
    title = f"A factorial of {len(LEVELS)} by {len(RESTS)}, {SEEDS} seeds, {repetitions} repetitions"
    return Table(title, columns, tuple(rows))


def skewed_interaction(repetitions: int) -> float:
    """False alarms of the interaction's test where runs are skewed, as accuracies are that now and then drop."""
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(repetitions):
        table = -rng.gamma(2.0, SD / 2**0.5, (SEEDS, len(LEVELS), len(RESTS)))
        left = (
            table
            - table.mean(2, keepdims=True)
            - table.mean(1, keepdims=True)
            + table.mean((1, 2), keepdims=True)
        )
        alarms += joint_sign_flip(left.reshape(SEEDS, -1)) <= 0.05
    return alarms / repetitions


def through_directories(effect: float) -> str:
    """Two arms as run directories, collected, compared, written as JSON and read again: the verdict."""
    rng = np.random.default_rng(2)
    arms = {"a": rng.normal(99.3, SD, SEEDS), "b": rng.normal(99.3 + effect, SD, SEEDS)}
    runs = {arm: dict(enumerate(np.round(values, 2).tolist())) for arm, values in arms.items()}
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        for arm, by_seed in runs.items():
            for seed, accuracy in by_seed.items():
                folder = root / "runs" / arm / f"seed-{seed}"
                files.write_config(
                    folder, Recipe(seed=seed, epochs=1), {"arm": arm, "experiment": "simulated"}
                )
                summary = {"dataset": "simulated", "test_accuracy": accuracy, "test_images": IMAGES}
                files.write_summary(folder, summary)
        found = collect(root / "runs")
        kept = root / "results.json"
        kept.write_text(results_text(found), encoding="utf-8")
        again = collect(kept)
    verdicts = {
        repr(compared) for compared in (found.compare(), again.compare(), compare_runs(found.records()))
    }
    assert len(verdicts) == 1, verdicts
    return found.compare()["a", "b"].verdict


def main() -> None:
    parser = argparse.ArgumentParser(description="Error rates of comparisons of training runs.")
    parser.add_argument("--repetitions", type=int, default=500)
    repetitions = parser.parse_args().repetitions
    rates = [error_rates(**setting, repetitions=repetitions) for setting in SETTINGS]  # type: ignore[arg-type]
    print(render(rates_table(rates), "text"))
    sd = 0.07
    for difference in (0.1, 0.05):
        exact = seeds_needed(difference, sd * 2**0.5)
        few = seeds_by_normal(difference, sd)
        print(
            f"{difference:g} points at sd {sd:g}: {few} seeds by the normal formula (power with them "
            f"{power_of(difference, sd * 2**0.5, few):.2f}), {exact} by the paired t test"
        )
    print("\n" + render(factorial_table(repetitions), "text"))
    print(
        f"interaction, skewed runs and none planted: found in {100 * skewed_interaction(repetitions):.1f} %"
    )
    for effect in (0.0, 0.15):
        print(f"through run directories, {effect:g} points planted: {through_directories(effect)}")
    print("\n" + render(groups_table(five_groups()), "text"))


if __name__ == "__main__":
    main()
