"""A penalty step by step: its terms, its gradient, the updates, and who reaches exact zero."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convviz.analysis.regularizers.optimizers import Real
from convviz.analysis.regularizers.penalty import Penalty, Run
from convviz.plan.given import plain
from convviz.plan.limits import MAX_STEPS, check_count
from convviz.plan.model import Formula, Grid, Number, Panel, Plan, Step, Table, Term, Work, Write
from convviz.plan.pieces import blank, equal, joined, step
from convviz.plan.regularizers.updates import (
    WORKED,
    left_out,
    num,
    put,
    run_table,
    update_steps,
)
from convviz.plan.words import count, listing, number, size

NAMES = {"l1": "L1", "l2": "L2", "l1+l2": "Elastic net (L1 + L2)"}


def penalty(found: Penalty) -> Plan:
    """The plan of a penalty and its runs."""
    weights = found.weights
    n = len(weights.values)
    check_count(found.kind, "steps", (WORKED * len(found.runs) + 1) * n + 4, MAX_STEPS)
    values = dict(zip(weights.cells, map(plain, weights.values), strict=True))
    panels: list[Panel] = [Grid("weights", "kernel", "weights", weights.shape, values)]
    if any(found.gradient.values):
        given = dict(zip(weights.cells, map(plain, found.gradient.values), strict=True))
        panels.append(Grid("loss", "input", "gradient of the loss", weights.shape, given))
    panels.append(blank("gradient", "gradient of the penalty", weights.shape))
    steps = [*value_steps(found), *gradient_steps(found)]
    for run in found.runs:
        panels.append(
            Grid(
                run.key,
                "output",
                f"weights after {count(worked(run), 'update')}: {run.name}",
                weights.shape,
                values,
            )
        )
        steps += update_steps(run, weights, found.gradient, run.key)
    panels += [run_table(f"{run.key} table", run, weights) for run in found.runs]
    panels.append(ends(found))
    how = strengths(found)
    title = f"{NAMES[found.kind]} penalty on {size(weights.shape)} weights, {how}, lr {num(found.lr)}"
    facts = (("weights", f"{n:,}"), ("penalty", num(found.value)), ("steps", f"{found.steps:,}"))
    return Plan(
        found.kind, title, tuple(panels), tuple(steps), tuple(formulas(found)), facts, tuple(notes(found))
    )


def worked(run: Run) -> int:
    return min(WORKED, len(run.updates[0]))


def strengths(found: Penalty) -> str:
    parts = [f"l1 {num(found.l1)}"] if "l1" in found.kind else []
    return ", ".join(parts + ([f"l2 {num(found.l2)}"] if "l2" in found.kind else []))


# -- the penalty and its gradient -------------------------------------------------------------------------
def value_steps(found: Penalty) -> Iterator[Step]:
    weights = found.weights
    if "l1" in found.kind:
        texts = [f"|{num(w)}|" for w in weights.values]
        yield _sum("L1", "The sum of the sizes", found, found.l1_terms, texts)
        yield _scaled("L1", f"{put(found.l1)}×{put(sum(found.l1_terms))}", found.l1_value)
    if "l2" in found.kind:
        texts = [f"{put(w)}²" for w in weights.values]
        yield _sum("L2", "The sum of the squares", found, found.l2_terms, texts)
        yield _scaled("L2", f"{put(found.l2)}/2×{put(sum(found.l2_terms))}", found.l2_value)
    if found.kind == "l1+l2":
        yield _scaled("Together", f"{num(found.l1_value)} + {num(found.l2_value)}", found.value)


def _sum(section: str, what: str, found: Penalty, terms: Sequence[Real], texts: Sequence[str]) -> Step:
    total = plain(sum(terms))
    parts = tuple(
        Term("weights", cell, plain(w), product=plain(term))
        for cell, w, term in zip(found.weights.cells, found.weights.values, terms, strict=True)
    )
    return step(section, f"{what}.", Work("sum", parts, total, equal(joined(texts), total)))


def _scaled(section: str, text: str, value: Real) -> Step:
    done = plain(value)
    return step(
        section, "What is added to the loss.", Work("function", (), done, equal(text, done), name="penalty")
    )


def gradient_steps(found: Penalty) -> Iterator[Step]:
    rows = zip(
        found.weights.cells, found.weights.names, found.weights.values, found.penalty_gradient, strict=True
    )
    for cell, name, w, slope in rows:
        parts = [f"{put(found.l1)}×sign({num(w)})"] if "l1" in found.kind else []
        parts += [f"{put(found.l2)}×{put(w)}"] if "l2" in found.kind else []
        value = plain(slope)
        term = Term("weights", cell, plain(w), product=value)
        work = Work("function", (term,), value, equal(" + ".join(parts), value), name="gradient")
        yield step("Gradient", f"The penalty's gradient at {name}.", work, [Write("gradient", cell, value)])


# -- how it ends ------------------------------------------------------------------------------------------
def ends(found: Penalty) -> Table:
    """Run by run: exact zeros, weights below the threshold, weights that still change their sign."""
    names = found.weights.names
    rows: list[tuple[str | Number | None, ...]] = []
    for run in found.runs:
        first = [at for i in range(len(names)) if (at := run.reached(i)) is not None]
        swing = listing(names[i] for i in run.oscillating[:4]) or "none"
        rows.append(
            (run.name, run.zeros, run.below(found.threshold), swing, max(first) if first else "never")
        )
    columns = (
        "run",
        "exact zeros",
        f"|w| < {num(found.threshold)}",
        "sign still changes",
        "last zero at step",
    )
    return Table(
        "ends", f"After step {found.steps:,}, of {count(len(names), 'weight')}", columns, tuple(rows)
    )


def formulas(found: Penalty) -> Iterator[Formula]:
    weights = found.weights
    lr, value = put(found.lr), num(found.value)
    symbols = {"l1": "l1×Σ|w|", "l2": "l2/2×Σw²", "l1+l2": "l1×Σ|w| + l2/2×Σw²"}[found.kind]
    parts = [f"{put(found.l1)}×{put(sum(found.l1_terms))}"] if "l1" in found.kind else []
    parts += [f"{put(found.l2)}/2×{put(sum(found.l2_terms))}"] if "l2" in found.kind else []
    yield Formula("penalty", symbols, " + ".join(parts), value)
    slopes = {"l1": "l1×sign(w)", "l2": "l2×w", "l1+l2": "l1×sign(w) + l2×w"}[found.kind]
    first, slope = weights.values[0], found.penalty_gradient[0]
    parts = [f"{put(found.l1)}×sign({num(first)})"] if "l1" in found.kind else []
    parts += [f"{put(found.l2)}×{put(first)}"] if "l2" in found.kind else []
    yield Formula("its gradient", slopes, " + ".join(parts), num(slope), f"for {weights.names[0]}")
    if "l1" in found.kind:
        push = num(found.lr * found.l1)
        yield Formula(
            "a step of L1", "lr×l1", f"{lr}×{put(found.l1)}", push, "the same for large and small weights"
        )
    if "l2" in found.kind:
        keep = num(1 - found.lr * found.l2)
        yield Formula(
            "what L2 leaves", "1 − lr×l2", f"1 − {lr}×{put(found.l2)}", keep, "of each weight in a step"
        )


def notes(found: Penalty) -> Iterator[str]:
    names, push = found.weights.names, found.lr * found.l1
    if "l1" in found.kind:
        yield "torch's sign(0) is 0: a weight that is exactly 0 gets no push from L1."
        yield from swings(found)
        yield (
            f"The proximal step (soft thresholding) takes {num(push)} off each size and stops at 0, so that weights "
            "become exactly 0; they stay there while the loss's gradient is no larger than l1."
        )
        yield f"Without exact zeros, sparsity is counted by a threshold: here |w| < {num(found.threshold)}."
    if "l2" in found.kind:
        yield (
            f"L2 is torch's weight_decay: (l2/2)×Σw². Written as λ×Σw² it is the same for λ = {num(found.l2 / 2)}, "
            f"half of l2."
        )
        if found.kind == "l2":
            yield "L2 takes a share of each weight: the smaller, the less. It shrinks weights and makes none exactly 0."
    for drift in found.drifts[:2]:
        yield (
            f"In float64 {names[drift.weight]} is at {number(plain(drift.float))} after step {drift.step}, not at "
            f"{num(drift.exact)}: what should be 0 was a rounding error, and the sign of that is not 0."
        )
    if found.mistake == "item":
        yield from item_notes(found)
    yield from left_out(found.weights)


def swings(found: Penalty) -> Iterator[str]:
    """What the subgradient does about 0."""
    run, names = found.run("subgradient"), found.weights.names
    if run.oscillating:
        i = run.oscillating[0]
        way = ", ".join(num(w[i]) for w in run.weights[-4:])
        yield (
            f"The subgradient keeps its size down to 0, so small weights are thrown over it and back: {names[i]} ends "
            f"with {way}."
        )


def item_notes(found: Penalty) -> Iterator[str]:
    same = not any(found.gradient.values)
    yield (
        f"The mistake: .item() makes a plain number of the penalty. The loss that is printed is {num(found.value)} "
        "larger, as it should be, but its gradient is that of the loss alone"
        + (", here 0: no weight moves." if same else ": the weights go where they would without a penalty.")
    )
    yield (
        "How to notice: w.grad is the same with and without the penalty; penalty.requires_grad is False; the sizes of "
        "the weights do not fall."
    )
