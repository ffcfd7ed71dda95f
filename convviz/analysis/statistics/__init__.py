"""Comparing training runs: intervals, tests of pairs, how many seeds it takes, and a verdict in words.

>>> from convviz.analysis.statistics import compare_runs
>>> compare_runs({"a": {0: 99.41, 1: 99.38}, "b": {0: 99.40, 1: 99.43}}).verdict
'no difference detected'
"""

from convviz.analysis.statistics.compare import Comparison, Pair, Summary, compare_runs
from convviz.analysis.statistics.five_groups import Group, five_groups
from convviz.analysis.statistics.intervals import Interval, bootstrap, standard_error, t_interval, wilson
from convviz.analysis.statistics.power import detectable, power_of, seeds_by_normal, seeds_needed
from convviz.analysis.statistics.runs import Arm
from convviz.analysis.statistics.simulate import ErrorRates, error_rates
from convviz.analysis.statistics.tests_of_pairs import (
    bonferroni,
    fewest_seeds,
    holm,
    mcnemar,
    paired_t,
    sign_flip,
    welch,
)

__all__ = [
    "Arm",
    "Comparison",
    "ErrorRates",
    "Group",
    "Interval",
    "Pair",
    "Summary",
    "bonferroni",
    "bootstrap",
    "compare_runs",
    "detectable",
    "error_rates",
    "fewest_seeds",
    "five_groups",
    "holm",
    "mcnemar",
    "paired_t",
    "power_of",
    "seeds_by_normal",
    "seeds_needed",
    "sign_flip",
    "standard_error",
    "t_interval",
    "welch",
    "wilson",
]
