"""Predictions of test images: confusion, calibration and worst mistakes against independent computations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from convviz.analysis.predictions import Predictions
from convviz.analysis.training import most_confused
from convviz.errors import ConvvizError
from tests.run_samples import predictions

THREE = ("a", "b", "c")


def brute_force_ece(labels: Any, chances: Any, bins: int) -> float:
    """Guo et al. 2017, equation 3, image by image."""
    held: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for label, row in zip(labels, chances, strict=True):
        sure = max(row)
        answer = list(row).index(sure)
        place = next(b for b in range(bins) if sure <= (b + 1) / bins or b == bins - 1)
        held[place].append((float(sure), answer == label))
    total = 0.0
    for some in held:
        if some:
            total += abs(math.fsum(s for s, _ in some) - sum(r for _, r in some))
    return total / len(labels)


@pytest.mark.parametrize("bins", [1, 2, 10, 15, 40])
@pytest.mark.parametrize("seed", range(6))
def test_calibration_error_against_a_loop(seed: int, bins: int) -> None:
    found = predictions(0.1 + 0.15 * seed, 300, seed=seed)
    calibration = found.calibration(bins)
    assert math.isclose(
        calibration.error, brute_force_ece(found.labels, found.probabilities, bins), abs_tol=1e-12
    )
    assert sum(calibration.counts) == len(found) and len(calibration.counts) == bins
    right = sum(n * a for n, a in zip(calibration.counts, calibration.accuracy, strict=True))
    assert round(right) == int(found.right.sum())


def test_calibration_worked_by_hand() -> None:
    chances = np.array([[0.9, 0.1, 0.0], [0.8, 0.1, 0.1], [0.4, 0.35, 0.25], [0.1, 0.2, 0.7]])
    found = Predictions(np.array([0, 1, 0, 2]), chances, THREE).calibration(2)
    assert found.counts == (1, 3)
    assert found.confidence == pytest.approx((0.4, 0.8)) and found.accuracy == pytest.approx((1.0, 2 / 3))
    assert found.error == pytest.approx((0.6 + 3 * (0.8 - 2 / 3)) / 4)


def test_a_confidence_on_an_edge_belongs_to_the_lower_bin() -> None:
    found = Predictions(np.array([0, 0]), np.array([[0.5, 0.5], [1.0, 0.0]]), ("a", "b"))
    assert found.calibration(2).counts == (1, 1)


@pytest.mark.parametrize("seed", range(5))
def test_confusion_against_scikit_learn(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    found = predictions(0.7, 250, seed=seed)
    theirs = metrics.confusion_matrix(found.labels, found.answers, labels=range(10))
    assert (found.confusion == theirs).all()
    assert found.accuracy == pytest.approx(100 * metrics.accuracy_score(found.labels, found.answers))
    pairs = most_confused(found)
    assert sum(pair.count for pair in pairs) == int((~found.right).sum())
    assert [p.count for p in pairs] == sorted((p.count for p in pairs), reverse=True)
    assert all(theirs[p.truth, p.answer] == p.count and theirs[p.truth].sum() == p.of for p in pairs)


@pytest.mark.parametrize("seed", range(5))
def test_the_worst_come_first(seed: int) -> None:
    found = predictions(0.8, 200, seed=seed)
    worst = found.worst()
    assert len(worst) == int((~found.right).sum()) == 40
    assert [one.confidence for one in worst] == sorted((one.confidence for one in worst), reverse=True)
    for one in worst:
        row = found.probabilities[one.index]
        assert one.truth == found.labels[one.index] != one.answer == row.argmax()
        assert one.confidence == row.max() and one.of_truth == row[one.truth]
    assert found.worst(3) == worst[:3] and found.worst(0) == ()


def test_equal_confidences_keep_the_order_of_the_test_set() -> None:
    chances = np.tile([0.2, 0.8], (5, 1))
    found = Predictions(np.array([0, 1, 0, 1, 0]), chances, ("a", "b"))
    assert [one.index for one in found.worst()] == [0, 2, 4]


@pytest.mark.parametrize(
    ("labels", "chances", "told"),
    [
        ([0], [[0.5, 0.6]], "sum to 1"),
        ([0], [[1.5, -0.5]], "sum to 1"),
        ([0], [[float("nan"), 1.0]], "sum to 1"),
        ([2], [[0.5, 0.5]], "labels must be 0 to 1"),
        ([-1], [[0.5, 0.5]], "labels must be 0 to 1"),
        ([0, 1], [[0.5, 0.5]], "must be probabilities (N, classes)"),
        ([], np.zeros((0, 2)), "must be probabilities (N, classes)"),
        ([0], [[0.2, 0.3, 0.5]], "2 classes"),
    ],
)
def test_what_is_no_prediction_is_refused(labels: Any, chances: Any, told: str) -> None:
    with pytest.raises(ConvvizError) as caught:
        Predictions(np.array(labels, int), np.array(chances), ("a", "b"))
    assert told in str(caught.value)


def test_bins_below_one_are_refused() -> None:
    with pytest.raises(ConvvizError, match="bins: must be at least 1, got 0"):
        predictions().calibration(0)
