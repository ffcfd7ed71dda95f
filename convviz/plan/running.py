"""Running statistics step by step: the share of what is new, the unbiased variance, how they come near the batch's."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from convviz.analysis.norms.normalize import Normalized
from convviz.analysis.norms.running import Update
from convviz.analysis.norms.set_names import along
from convviz.ops.base import Array
from convviz.plan.given import plain
from convviz.plan.model import Cell, Curve, Formula, Grid, Number, Panel, Series, Step, Term, Work, Write
from convviz.plan.norm_sets import Batch, Set
from convviz.plan.norm_steps import Done, one, statistic
from convviz.plan.pieces import blank, equal, joined, step
from convviz.plan.words import count, inner, number

CHANNELS = 4  # channels of a curve
POINTS = 3  # updates from which a curve is drawn


class Kept(NamedTuple):
    """One of the two running statistics. new: of the update, what it moves towards."""

    panel: str
    new: str
    word: str
    start: int

    def after(self, update: Update) -> Array:
        return update.running_mean if self.panel == "running_mean" else update.running_var

    def moves_to(self, update: Update) -> Array:
        return update.mean if self.panel == "running_mean" else update.unbiased


MEAN = Kept("running_mean", "batch_mean", "running mean", 0)
VAR = Kept("running_var", "batch_var", "running variance", 1)


def last(result: Normalized, channel: int) -> Cell:
    """Where the panels hold the running statistics of a channel after all updates."""
    return (channel, len(result.updates)) if result.updates else (channel,)


def panels(batch: Batch) -> list[Panel]:
    """The running statistics from their start, to be filled in, and what each update brings."""
    updates, channels = batch.result.updates, batch.shape[0]
    names = tuple(f"channel {c}" for c in range(channels))
    found: list[Panel] = []
    new: dict[Cell, Number]
    start: dict[Cell, Number]
    for kept, what in ((MEAN, "mean of each update"), (VAR, "unbiased variance of each update")):
        new = {(c, k): plain(kept.moves_to(u)[c]) for k, u in enumerate(updates) for c in range(channels)}
        found.append(Grid(kept.new, "input", what, (channels, len(updates)), new, channels=names))
        start = {(c, 0): kept.start for c in range(channels)}
        title = f"{kept.word} at the start and after each update"
        found.append(Grid(kept.panel, "output", title, (channels, len(updates) + 1), start, channels=names))
    return found


def unbiased_panel(batch: Batch) -> Grid:
    return blank("unbiased", "unbiased variance", (len(batch.sets),), batch.names)


def unbiased_step(s: Set) -> Step:
    """The sum of squares over one cell less."""
    value = plain(s.batch.result.unbiased(s.number) or 0)
    text = equal(f"{number(s.square_sum)} / ({s.size} − 1)", value)
    work = Work("mean", (one("square_sum", s, s.square_sum),), value, text, divisor=s.size - 1)
    return statistic(
        "Unbiased variance", s, "For the running variance only, the unbiased variance", "unbiased", work
    )


def steps(batch: Batch) -> list[Step]:
    """All updates of the running mean, then all of the running variance."""
    return [update_step(batch, kept, k) for kept in (MEAN, VAR) for k in range(len(batch.result.updates))]


def update_step(batch: Batch, kept: Kept, k: int) -> Step:
    """One update, for all channels: (1 − momentum) of the old and momentum of the new."""
    update, share = batch.result.updates[k], share_of(batch.result, k)
    new, now = kept.moves_to(update), kept.after(update)
    done = []
    for c in range(batch.shape[0]):
        before = plain(kept.after(batch.result.updates[k - 1])[c]) if k else kept.start
        value, to = plain(new[c]), (c, k + 1)
        both = (
            Term(kept.panel, (c, k), before, product=plain((1 - update.momentum) * before), to=to),
            Term(kept.new, (c, k), value, product=plain(update.momentum * value), to=to),
        )
        done.append(Done(to, both, f"(1 − {share})×{inner(before)} + {share}×{inner(value)}", plain(now[c])))
    text = joined([d.text for d in done], ", ")
    single = len(done) == 1
    terms = tuple(term for d in done for term in d.terms)
    work = Work(
        "sum" if single else "function", terms, done[0].value if single else None, text, name="running"
    )
    whose = "channel 0" if single else f"channels 0 to {len(done) - 1}"
    caption = f"{when(batch, update)}, {kept.word} of {whose}: {text}."
    return step(kept.word.capitalize(), caption, work, [Write(kept.panel, d.cell, d.value) for d in done])


def when(batch: Batch, update: Update) -> str:
    """``Step 2``, and of ghost batch norm the samples that update them."""
    splits = getattr(batch.result.op, "num_splits", 1)
    if splits == 1:
        return f"Step {update.step}"
    n = len(batch.x)
    samples = range(update.split * n // splits, (update.split + 1) * n // splits)
    return f"Step {update.step}, {along('sample', samples)}"


def share_of(result: Normalized, k: int) -> str:
    """The share of what is new: the momentum, or 1/k for the plain average of k updates."""
    plain_average = getattr(result.op, "momentum", None) is None
    return f"1/{k + 1}" if plain_average else number(result.updates[k].momentum)


def formulas(batch: Batch) -> list[Formula]:
    """How one update goes, with the numbers of the first one."""
    found = []
    for kept, new in ((MEAN, "mean"), (VAR, "unbiased variance")):
        done = update_step(batch, kept, 0)
        assert done.work is not None
        numbers, _, result = done.work.text.split(", ")[0].rpartition(" = ")
        note = "for channel 0 in step 1"
        rule = f"(1 − momentum)×{kept.word} + momentum×{new}"
        found.append(Formula(kept.word, rule, numbers, result, note))
    return found


def notes(result: Normalized) -> list[str]:
    """After how many steps, and how much of the start is left."""
    updates = result.updates
    if not updates:
        return []
    left = prod(1 - update.momentum for update in updates)
    steps_, each = updates[-1].step, len(updates) // updates[-1].step
    told = count(steps_, "training step") + (f" of {each} updates, one for each split," if each > 1 else "")
    return [
        f"After {told} {number(left)} of the start (mean 0, variance 1) is left in the running statistics.",
        "The running variance takes the unbiased variance (over one cell less); normalizing takes the biased one.",
    ]


def curves(batch: Batch) -> list[Panel]:
    """How the running statistics come near the batch's; nothing for fewer than three updates."""
    updates = batch.result.updates
    if len(updates) < POINTS:
        return []
    at = tuple(range(len(updates) + 1))
    found: list[Panel] = []
    for kept, new, y in (
        (MEAN, "mean of the cells", "mean"),
        (VAR, "unbiased variance of the cells", "variance"),
    ):
        lines = []
        for c in range(min(batch.shape[0], CHANNELS)):
            values = (kept.start, *(plain(kept.after(u)[c]) for u in updates))
            lines.append(Series(f"channel {c}" if batch.shape[0] > 1 else kept.word, "output", at, values))
        if batch.shape[0] == 1:
            lines.append(Series(new, "input", at[1:], tuple(plain(kept.moves_to(u)[0]) for u in updates)))
        title = f"{kept.word} by update"
        found.append(Curve(f"{kept.panel}_curve", title, "update", y, tuple(lines)))
    return found
