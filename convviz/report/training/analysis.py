"""What the numbers of one run say, in sentences, and what a single run cannot say."""

from __future__ import annotations

from math import sqrt

import numpy as np

from convviz.analysis.statistics.intervals import standard_error
from convviz.analysis.statistics.tests_of_pairs import fewest_seeds
from convviz.analysis.training import most_confused, trend
from convviz.report.training.words import epochs, images, percent
from convviz.runs.run import Run

PAIRS = 5  # of confused classes that are named
SURE = 0.9  # of the softmax: a confident mistake
CLEAR = 2.0  # standard errors from which a difference is told as one
Z = 1.96  # of 95 per cent


def sentences(run: Run) -> tuple[str, ...]:
    """Gap, trend, mistakes, calibration, sparsity and limits, each derived from what the run has written down."""
    found = (
        gap(run),
        ending(run),
        confusions(run),
        weakest(run),
        calibration(run),
        sparsity(run),
        limits(run),
    )
    return tuple(text for text in found if text)


def gap(run: Run) -> str:
    """Training against test accuracy, both without dropout and augmentation, by the same weights."""
    alike, test = run.summary.get("train_accuracy_alike"), run.test_accuracy
    if alike is None or test is None:
        return ""
    train_images = min(run.summary["train_images"], run.summary["test_images"])
    error = sqrt(
        standard_error(alike, train_images) ** 2 + standard_error(test, run.summary["test_images"]) ** 2
    )
    size = alike - test
    told = (
        f"Gap: {images(train_images, 'training')}, evaluated as the test images are, give {percent(alike)}, "
        f"the test images {percent(test)}: train − test is {size:+.2f} points, with a standard error of {error:.2f}"
    ).replace("-", "−")
    if abs(size) <= CLEAR * error:
        return (
            f"{told}. The choice of images explains as much: no sign of overfitting, and no proof against it."
        )
    if size > 0:
        return f"{told}. The net knows its training images better than new ones; to that extent it overfits."
    return f"{told}. The test images are the easier ones here: no sign of overfitting."


def ending(run: Run) -> str:
    """Whether it was still improving at the end."""
    test, loss = trend(run.history), trend(run.history, "train_loss")
    if test is None or loss is None:
        return f"End: {epochs(len(run.history))} are too few to tell whether the net was still improving."
    told = (
        f"test accuracy moved by {test.slope:+.3f} points an epoch over the last {test.epochs} epochs "
        f"(standard error {test.error:.3f})"
    ).replace("-", "−")
    if test.clear and test.slope > 0:
        return f"End: still improving, {told}: more epochs may give more."
    if test.clear:
        return (
            f"End: getting worse, {told}: fewer epochs, or a smaller learning rate at the end, may be better."
        )
    fell = 100 * (loss.before - loss.after) / loss.before if loss.before > 0 else 0.0
    if loss.clear and fell > 0:
        return f"End: {told}, which is within the scatter, while training loss still fell by {fell:.0f} % over them."
    return f"End: {told}, which is within the scatter; training loss did not fall clearly, either."


def confusions(run: Run) -> str:
    """Which classes are taken for which."""
    found = run.predictions
    wrong = int((~found.right).sum())
    if not wrong:
        return f"Mistakes: none in {images(len(found))}."
    pairs = most_confused(found, PAIRS)
    told = ", ".join(
        f"{found.classes[p.truth]} for {found.classes[p.answer]} ({p.count:,} of {p.of:,})" for p in pairs
    )
    part = sum(pair.count for pair in pairs) / wrong
    count = f"{len(pairs)} most frequent make" if len(pairs) > 1 else "most frequent makes"
    return (
        f"Mistakes: {wrong:,} of {images(len(found))}. Most often taken: {told}; "
        f"the {count} up {100 * part:.0f} % of all mistakes."
    )


def weakest(run: Run) -> str:
    """The class that is found least."""
    found = run.predictions
    size = found.confusion.sum(1)
    right = np.diag(found.confusion)
    shares = {i: 100 * right[i] / size[i] for i in range(len(size)) if size[i]}
    low, high = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
    if shares[low] == shares[high]:
        return ""
    return (
        f"Classes: {found.classes[low]} is found least ({percent(shares[low], 1)} of {size[low]:,}), "
        f"{found.classes[high]} most ({percent(shares[high], 1)} of {size[high]:,})."
    )


def calibration(run: Run) -> str:
    """Confidence against accuracy."""
    found = run.predictions
    error = 100 * found.calibration().error
    sure = 100 * float(found.confidences.mean())
    way = "more" if sure > found.accuracy else "less"
    wrong = ~found.right
    bold = int((found.confidences[wrong] > SURE).sum())
    told = (
        f"Calibration: the mean confidence is {percent(sure)}, and {percent(found.accuracy)} of the answers are right, "
        f"so the net is {way} sure than right by {abs(sure - found.accuracy):.2f} points; the expected calibration "
        f"error is {error:.2f} points."
    )
    if not wrong.any():
        return told
    return f"{told} {bold:,} of {int(wrong.sum()):,} mistakes were made with a confidence above {100 * SURE:.0f} %."


def sparsity(run: Run) -> str:
    """Weights of exactly 0 under L1."""
    zero, of = run.summary.get("zero_weights"), run.summary.get("penalized_weights")
    if not run.recipe.l1 or zero is None or not of:
        return ""
    told = f"Sparsity: {zero:,} of {of:,} penalized weights ({100 * zero / of:.1f} %) are exactly 0"
    if run.recipe.l1_step == "subgradient":
        return f"{told}; the subgradient of L1 moves weights past 0 and back, only a proximal step leaves them there."
    return f"{told}; the proximal step of L1 {'makes them' if zero else 'has driven none there in this run'}."


def limits(run: Run) -> str:
    """What one run cannot say."""
    count, accuracy = run.summary.get("test_images"), run.test_accuracy
    if count is None or accuracy is None:
        return ""
    apart = Z * sqrt(2) * standard_error(accuracy, count)
    return (
        f"Limits: this is a single run (n = 1). The interval is about the choice of the {images(count)} only; another "
        f"seed gives another result, by how much one run does not tell. Two such accuracies on different test images "
        f"must lie about {apart:.2f} points apart to differ by more than chance. To compare settings, train each with "
        f"the same {fewest_seeds()} seeds or more."
    )
