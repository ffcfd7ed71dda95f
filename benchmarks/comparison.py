"""How often the verdict on training runs is wrong: no effect, and planted ones, 500 simulated experiments each.

    python benchmarks/comparison.py [--repetitions 500]

Runs are normal with standard deviation .07 points in each arm, around 99.3 %, rounded to whole images of 10,000. The
textbook formula asks for 8 seeds to find .1 point in four experiments of five; it takes the standard deviation as known
and the arms as not sharing anything, so what the exact test reaches with 8 and with 10 seeds stands below it.
"""

from __future__ import annotations

import argparse

from convviz.analysis.statistics import error_rates, five_groups, power_of, seeds_by_normal, seeds_needed
from convviz.report.comparison_groups import groups_table, rates_table
from convviz.report.formats import render

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
    print("\n" + render(groups_table(five_groups()), "text"))


if __name__ == "__main__":
    main()
