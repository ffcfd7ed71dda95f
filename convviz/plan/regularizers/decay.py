"""Weight decay in three optimizers, step by step, and which parameters of a net usually get none."""

from __future__ import annotations

from collections.abc import Iterator

from convviz.analysis.regularizers.decay import Decay
from convviz.analysis.regularizers.optimizers import AdamStep
from convviz.analysis.regularizers.optimizers import size as size_of
from convviz.plan.given import plain
from convviz.plan.limits import MAX_STEPS, check_count
from convviz.plan.model import Formula, Grid, Number, Panel, Plan, Step, Table
from convviz.plan.regularizers.updates import (
    COLUMNS,
    WORKED,
    left_out,
    num,
    put,
    run_table,
    update_steps,
)
from convviz.plan.words import count, size

WHY = {
    "sgd": "the decay is added to the gradient, and SGD takes it as it is",
    "adam": "the decay is added to the gradient, and goes through Adam's division by its own size",
    "adamw": "the decay is taken off the weight, past the gradient",
}
KINDS = {
    "weight": "weights",
    "bias": "biases",
    "norm": "norms' scales and shifts",
    "slope": "slopes of PReLU",
}
LISTED = 40  # parameters of a net


def decay(found: Decay) -> Plan:
    """The plan of weight decay in SGD, Adam and AdamW."""
    weights = found.weights
    check_count("weight-decay", "steps", WORKED * 3 * len(weights.values), MAX_STEPS)
    values = dict(zip(weights.cells, map(plain, weights.values), strict=True))
    panels: list[Panel] = [Grid("weights", "kernel", "weights", weights.shape, values)]
    if any(found.gradient.values):
        given = dict(zip(weights.cells, map(plain, found.gradient.values), strict=True))
        panels.append(Grid("loss", "input", "gradient of the loss", weights.shape, given))
    steps: list[Step] = []
    for run in found.runs:
        done = count(min(WORKED, found.steps), "update")
        panels.append(Grid(run.key, "output", f"weights after {done}: {run.name}", weights.shape, values))
        steps += update_steps(run, weights, found.gradient, run.key)
    panels += [run_table(f"{run.key} table", run, weights) for run in found.runs]
    panels.append(pulls(found))
    if found.parameters:
        panels += list(parameters(found))
    first = weights.values[0]
    after = ", ".join(f"{run.name} {num(run.updates[0][0].after)}" for run in found.runs)
    title = f"Weight decay {num(found.decay)} with lr {num(found.lr)} on {size(weights.shape)} weights"
    facts = [("after one step", f"{num(first)} becomes {after}")]
    facts += (
        [("parameters of " + str(found.net), f"{sum(found.counts.values()):,}")] if found.parameters else []
    )
    return Plan(
        "weight-decay",
        title,
        tuple(panels),
        tuple(steps),
        tuple(formulas(found)),
        tuple(facts),
        tuple(notes(found)),
    )


def pulls(found: Decay) -> Table:
    """What the decay alone did in the first step, as a number and as a share of the weight."""
    names = found.weights.names[:COLUMNS]
    rows: list[tuple[str | Number | None, ...]] = []
    for run in found.runs:
        cells = []
        for w, pull in zip(found.weights.values, found.pulls[run.key], strict=True):
            share = f" ({num(size_of(100 * pull / w))} %)" if w else ""
            cells.append(f"{num(pull)}{share}")
        rows.append((run.name, *cells[: len(names)]))
    return Table(
        "pulls", "What the decay alone changes in the first step", ("optimizer", *names), tuple(rows)
    )


def parameters(found: Decay) -> Iterator[Table]:
    """Kinds with their counts, then tensor by tensor."""
    usual = {p.kind: p.usual for p in found.parameters}
    counted = [(KINDS[kind], n, "yes" if usual[kind] else "no", "yes") for kind, n in found.counts.items()]
    decayed = sum(p.count for p in found.parameters if p.usual)
    counted.append(("all", sum(found.counts.values()), f"{decayed:,} of them", "all"))
    columns = ("parameters", "count", "decayed as usual", "decayed by torch")
    yield Table(
        "kinds", f"Parameters of {found.net}", columns, tuple((a, f"{n:,}", b, c) for a, n, b, c in counted)
    )
    rows = [
        (p.name, size(p.shape), f"{p.count:,}", "yes" if p.usual else "no") for p in found.parameters[:LISTED]
    ]
    if len(found.parameters) > LISTED:
        rows.append((f"… {len(found.parameters) - LISTED:,} more", "", "", ""))
    yield Table(
        "parameters", "Tensor by tensor", ("tensor", "shape", "count", "decayed as usual"), tuple(rows)
    )


def formulas(found: Decay) -> Iterator[Formula]:
    """The first step of the first weight."""
    w, g = num(found.weights.values[0]), num(found.gradient.values[0])
    lr, wd, named = put(found.lr), put(found.decay), f"for {found.weights.names[0]}, first step"
    for run in found.runs:
        first = run.updates[0][0]
        after = num(first.after)
        if isinstance(first, AdamStep):
            start = f"{w}×(1 − {lr}×{wd})" if run.key == "adamw" else w
            symbols = "w×(1 − lr×wd)" if run.key == "adamw" else "w"
            step = f"{lr}×{put(first.m_hat)}/(√{put(first.v_hat)} + {num(getattr(run.optimizer, 'eps', 0))})"
            yield Formula(run.name, f"{symbols} − lr×m_hat/(√v_hat + eps)", f"{start} − {step}", after, named)
        else:
            yield Formula(run.name, "w − lr×(g + wd×w)", f"{w} − {lr}×({g} + {wd}×{w})", after, named)


def notes(found: Decay) -> Iterator[str]:
    yield "torch's weight_decay w is the gradient of the penalty (w/2)×Σw²."
    for run in found.runs:
        yield f"{run.name}: {WHY[run.key]}."
    if any(found.gradient.values):
        yield (
            "With a gradient of the loss, Adam's first step is as long without decay as with it, unless the decay "
            "turns its sign: the decay all but vanishes. AdamW takes the same share off every weight."
        )
    else:
        yield (
            "With no gradient of the loss, Adam moves every weight by lr whatever its size, so that small weights "
            "lose a larger share; SGD and AdamW take the same share off each."
        )
    if found.parameters:
        yield (
            "Usually weight decay leaves out biases and the scales and shifts of norms; torch decays every parameter "
            "of a group unless it is put into a group with weight_decay=0."
        )
    yield from left_out(found.weights)
