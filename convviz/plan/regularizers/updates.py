"""The arithmetic of an update, spelled out with its numbers, and tables of how weights go on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convviz.analysis.regularizers.optimizers import (
    AdamStep,
    AdamW,
    ProximalStep,
    Real,
    SgdStep,
    Update,
    sign,
    size,
)
from convviz.analysis.regularizers.penalty import Run
from convviz.analysis.regularizers.weights import Weights
from convviz.plan.given import plain
from convviz.plan.model import Step, Table, Term, Work, Write
from convviz.plan.pieces import equal, step
from convviz.plan.words import inner, number

WORKED = 3  # updates of each run that are worked out
COLUMNS = 8  # weights of a table
FIRST, LAST = 12, 6  # rows of a table that is longer than both

Sum = tuple[str, Real]  # the arithmetic, and what it gives


def num(value: Real) -> str:
    return number(plain(value))


def put(value: Real) -> str:
    """A number inside a sum or product."""
    return inner(plain(value))


def told(parts: Sequence[Sum]) -> str:
    """``0 + 3×sign(3) = 3; 3 − 0.1×3 = 2.7``"""
    return "; ".join(equal(text, plain(value)) for text, value in parts)


def gradient_sum(run: Run, loss: Real, update: Update) -> Sum:
    """The gradient that the optimizer gets: of the loss, and of the penalty where it is added to the loss."""
    w = update.before
    parts = [num(loss)]
    parts += [f"{put(run.l1)}×sign({num(w)})"] if run.l1 else []
    parts += [f"{put(run.l2)}×{put(w)}"] if run.l2 else []
    return "g = " + " + ".join(parts), update.gradient


def sums(run: Run, loss: Real, updates: Sequence[Update], at: int) -> list[Sum]:
    """All sums of one update, in order; the last gives the new weight."""
    update, rule = updates[at], run.optimizer
    lr = put(rule.lr)
    found = [gradient_sum(run, loss, update)] if run.l1 or run.l2 else []
    if isinstance(update, SgdStep):
        momentum: Real = getattr(rule, "momentum", 0)
        before = updates[at - 1] if at else None
        if momentum and isinstance(before, SgdStep):
            text = f"v = {put(momentum)}×{put(before.velocity)} + {put(update.gradient)}"
            found.append((text, update.velocity))
        return [*found, (f"{num(update.before)} − {lr}×{put(update.velocity)}", update.after)]
    if isinstance(update, ProximalStep):
        return found + list(_proximal(run, update))
    previous = updates[at - 1] if at else None
    return found + list(_adam(run, update, previous if isinstance(previous, AdamStep) else None, at + 1))


def _proximal(run: Run, update: ProximalStep) -> Iterator[Sum]:
    """The loss's own step, soft thresholding, the division for L2."""
    rule = run.optimizer
    l1, l2 = getattr(rule, "l1", 0), getattr(rule, "l2", 0)
    yield f"{num(update.before)} − {put(rule.lr)}×{put(update.gradient)}", update.moved
    if l1:
        yield (
            f"sign({num(update.moved)})×max({num(size(update.moved))} − {put(rule.lr)}×{put(l1)}, 0)",
            update.kept,
        )
    if l2:
        yield f"{num(update.kept)} / (1 + {put(rule.lr)}×{put(l2)})", update.after


def _adam(run: Run, update: AdamStep, before: AdamStep | None, t: int) -> Iterator[Sum]:
    """Decoupled decay, the moving averages, their correction, the step."""
    rule = run.optimizer
    one, two = map(float, getattr(rule, "betas", (0.9, 0.999)))
    decay, eps = getattr(rule, "decay", 0), getattr(rule, "eps", 0)
    g, lr = put(update.gradient), put(rule.lr)
    if isinstance(rule, AdamW):
        yield f"{num(update.before)}×(1 − {lr}×{put(decay)})", update.decayed
    m, v = (before.m, before.v) if before else (0.0, 0.0)
    yield f"m = {num(one)}×{put(m)} + {num(1 - one)}×{g}", update.m
    yield f"v = {num(two)}×{put(v)} + {num(1 - two)}×{g}²", update.v
    yield f"m/(1 − {num(one)}^{t})", update.m_hat
    yield f"v/(1 − {num(two)}^{t})", update.v_hat
    yield (
        f"{num(update.decayed)} − {lr}×{put(update.m_hat)}/(√{put(update.v_hat)} + {num(eps)})",
        update.after,
    )


def update_steps(run: Run, weights: Weights, losses: Weights, panel: str) -> Iterator[Step]:
    """The first updates of a run, weight by weight; each writes its result into ``panel``."""
    for at in range(min(WORKED, len(run.updates[0]))):
        for i, (cell, name) in enumerate(zip(weights.cells, weights.names, strict=True)):
            updates = run.updates[i]
            parts = sums(run, losses.values[i], updates, at)
            text, after = told(parts), plain(updates[at].after)
            term = Term(panel, cell, plain(updates[at].before), product=plain(updates[at].before))
            work = Work("function", (term,), after, text, name=run.optimizer.name)
            caption = f"{name}, update {at + 1}: {num(updates[at].before)} becomes {number(after)}{_why(updates[at])}."
            yield step(run.name, caption, work, [Write(panel, cell, after)])


def _why(update: Update) -> str:
    if isinstance(update, SgdStep) and sign(update.before) * sign(update.after) < 0:
        return ", past 0"
    if update.before and not update.after:
        return ", exactly"
    return ""


def run_table(key: str, run: Run, weights: Weights) -> Table:
    """The weights before the first step and after each; a long table has its first and last rows."""
    rows: list[tuple[str | int | float | None, ...]] = [
        (t, *(plain(w) for w in found[:COLUMNS])) for t, found in enumerate(run.weights)
    ]
    if len(rows) > FIRST + LAST + 1:
        rows = [*rows[:FIRST], ("…", *[""] * (len(rows[0]) - 1)), *rows[-LAST:]]
    return Table(key, run.name, ("step", *weights.names[:COLUMNS]), tuple(rows))


def left_out(weights: Weights) -> list[str]:
    """A sentence where a table has not all weights."""
    if len(weights.values) <= COLUMNS:
        return []
    return [f"Tables show the first {COLUMNS} of {len(weights.values):,} weights; CSV and JSON have all."]
