"""The plan of the gap between training and test: a table, curves, and sentences with their numbers."""

from __future__ import annotations

from collections.abc import Iterator

from convviz.plan.gap import Gaps, Growth
from convviz.plan.model import Curve, Plan, Series, Step, Table
from convviz.plan.words import MINUS, count


def told(found: Gaps) -> list[str]:
    """What one run shows, from its first epoch to its last."""
    grown = found.growth
    last, low = grown.last, grown.epochs[grown.best - 1]
    images = f"{found.train_images:,} training images"
    out = [f"One run: arm {grown.arm!r}, seed {grown.seed}. Each epoch all {images} are seen once."]
    if grown.known is not None and grown.known < len(grown.epochs):
        known = f"From epoch {grown.known} on every training image is right"
        words = f"{known}; at the end {last.test:.2f} % of the test images are."
    else:
        word = "above" if last.train > last.test else "below"
        done = f"After epoch {len(grown.epochs)} training is at {last.train:.2f} %"
        words = f"{done}, {word} the test at {last.test:.2f} %."
    out.append(words)
    train, test, least = (_loss(value) for value in (last.train_loss, last.test_loss, low.test_loss))
    lowest = f"est loss is lowest in epoch {grown.best}, {least}, and ends at {test}"
    if grown.best == len(grown.epochs):
        words = f"Test loss is lowest in the last epoch: {test}, training {train}."
    else:
        words = (
            f"Training loss falls on to {train}; t{lowest}."
            if grown.later
            else f"T{lowest}; training at {train}."
        )
    return [*out, words]


def _loss(value: float) -> str:
    return f"{value:.3g}" if value >= 0.001 else f"{value:.4f}"


def by_arm(found: Gaps) -> str:
    """The widest and the narrowest gap."""
    arms = sorted(found.arms, key=lambda arm: arm.gap.mean)
    low, high = arms[0], arms[-1]
    if len(arms) == 1:
        tail = "more" if low.clear else "no more"
        return f"The gap of {low.name} is {low.gap.text(True)} points, {tail} than the choice of images explains."
    return (
        f"The gap runs from {low.gap.text(True)} points ({low.name}) to {high.gap.text(True)} ({high.name})."
    )


def measured(found: Gaps) -> str:
    """What the logged figure of training is, and why the gap takes another."""
    reasons = list(dict.fromkeys(reason for arm in found.arms for reason in arm.reasons))
    also = f", with {' and '.join(reasons)}" if reasons else ""
    return f"As logged, training accuracy is measured while the weights still change{also}."


def turned(found: Gaps) -> str:
    """What changes when both are evaluated alike."""
    one = max(found.turned or found.arms, key=lambda arm: abs(arm.gap.mean - arm.logged_gap.mean))
    moved = f"{one.name} goes from {one.logged_gap.mean:+.2f} to {one.gap.mean:+.2f}".replace("-", MINUS)
    of = (
        f"{len(found.turned)} of {count(len(found.arms), 'gap')} change sign"
        if found.turned
        else "no gap changes its sign"
    )
    return f"Measured alike, both by the final model: {moved} points; {of}."


def aim(found: Gaps) -> str:
    """A narrow gap is no aim of its own."""
    if len(found.arms) == 1:
        return "A gap is no verdict: what counts is the test accuracy, over several seeds."
    narrow = min(found.arms, key=lambda arm: abs(arm.gap.mean))
    best = max(found.arms, key=lambda arm: arm.test.mean)
    if narrow is best:
        top = f"{best.name} has the narrowest gap and the best test, {best.test.text()} %"
        return f"Here {top}; that need not be so."
    low, high = (f"{arm.test.mean:.2f} %" for arm in (narrow, best))
    return (
        f"A narrow gap is no aim: {narrow.name} has the narrowest and {low}, {best.name} is best with {high}."
    )


def verdict(found: Gaps) -> str:
    """How many of the differences between arms are detected."""
    pairs = found.comparison.pairs
    if not pairs:
        return f"{count(found.arms[0].n, 'run')}, last epoch: no epoch was picked."
    detected = sum(pair.detected for pair in pairs)
    against = (
        f" from {found.comparison.baseline!r}"
        if found.comparison.baseline in [arm.name for arm in found.arms]
        else ""
    )
    of = f"{detected} of {count(len(pairs), 'difference')}"
    return f"{of} in test accuracy{against} detected; {found.runs}, last epoch."


def plan(found: Gaps) -> Plan:
    """A table of all arms, the curves of one run, and the sentences."""
    rows = tuple(
        (
            arm.name,
            arm.n,
            arm.logged.text(),
            arm.alike.text(),
            arm.test.text(),
            arm.logged_gap.text(True),
            arm.gap.text(True),
        )
        for arm in found.arms
    )
    columns = ("arm", "n", "train, logged", "train, alike", "test", "gap, logged", "gap, alike")
    table = Table("gaps", "Per cent after the last epoch, mean ± sd", columns, rows)
    steps = [Step("One run", one) for one in told(found)]
    steps += [
        Step("The gap", measured(found)),
        Step("The gap", turned(found)),
        Step("By arm", by_arm(found)),
        Step("By arm", aim(found)),
    ]
    facts = (("data", found.images), ("runs", found.runs), ("epochs", str(found.epochs)))
    title = f"Training and test: {found.name} on {found.data_set}, {found.runs}"
    return Plan(
        "overfitting", title, (table, *_curves(found.growth)), tuple(steps), (), facts, (verdict(found),)
    )


def _curves(grown: Growth) -> Iterator[Curve]:
    xs = tuple(range(1, len(grown.epochs) + 1))
    for key, title, unit, train, test in (
        ("accuracy", "Accuracy", "accuracy, per cent", "train", "test"),
        ("loss", "Loss", "loss, cross-entropy", "train_loss", "test_loss"),
    ):  # fmt: skip
        lines = tuple(
            Series(name, role, xs, tuple(getattr(epoch, field) for epoch in grown.epochs))
            for name, role, field in (("train", "input", train), ("test", "active", test))
        )
        yield Curve(key, title, "epoch", unit, lines)
