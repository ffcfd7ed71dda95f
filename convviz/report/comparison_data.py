"""Compared training runs as plain data: what ``--format json`` prints."""

from __future__ import annotations

from typing import Any

from convviz.analysis.statistics.compare import Comparison, Pair, Summary
from convviz.analysis.statistics.intervals import Interval
from convviz.analysis.statistics.verdict import plan_of
from convviz.report.data import clean


def comparison_data(found: Comparison) -> dict[str, Any]:
    """``alpha, worth, baseline, arms, pairs, verdict, warnings``; accuracies in per cent, differences in points."""
    return {
        "alpha": found.alpha,
        "worth": found.worth,
        "baseline": found.baseline,
        "arms": [_arm_data(arm) for arm in found.arms],
        "pairs": [
            _pair_data(pair) | {"to_settle": plan_of(pair, found.worth) or None} for pair in found.pairs
        ],
        "detected": len(found.detected),
        "verdict": found.verdict,
        "warnings": list(found.warnings),
    }


def _arm_data(arm: Summary) -> dict[str, Any]:
    return {
        "name": arm.name,
        "n": arm.n,
        "mean": arm.mean,
        "sd": arm.sd,
        "interval": _interval_data(arm.interval),
        "seeds": clean(arm.arm.seeds),
        "accuracies": list(arm.arm.values),
        "test": arm.arm.images,
        "data_set": arm.arm.data_set,
        "epochs": arm.arm.epochs,
        "best_epoch": arm.arm.best_epoch,
    }


def _pair_data(pair: Pair) -> dict[str, Any]:
    mcnemar = pair.images
    return {
        "arm": pair.arm,
        "against": pair.against,
        "n": pair.runs,
        "difference": pair.difference,
        "sd": pair.sd,
        "interval": _interval_data(pair.interval),
        "t_interval": _interval_data(pair.t),
        "seeds": clean(pair.seeds),
        "differences": list(pair.differences),
        "test": pair.test,
        "untested": pair.untested or None,
        "p": pair.p,
        "holm": pair.adjusted,
        "only_arm": mcnemar and mcnemar.only_a,
        "only_against": mcnemar and mcnemar.only_b,
        "mid_p": mcnemar and mcnemar.mid_p,
        "detected": pair.detected,
        "verdict": pair.verdict,
        "seeds_needed": pair.needed,
        "seeds_missing": pair.more,
        "seeds_for_worth": pair.worth,
    }


def _interval_data(interval: Interval | None) -> dict[str, Any] | None:
    if interval is None:
        return None
    return {"low": interval.low, "high": interval.high, "level": interval.level, "method": interval.method}
