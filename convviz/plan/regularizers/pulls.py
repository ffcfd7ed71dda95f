"""How hard L1 and L2 pull at a weight, near to 0 and far from it, and where their steps lead: exact fractions."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from convviz.analysis.regularizers.optimizers import Real, sign, size
from convviz.analysis.regularizers.penalty import Penalty, Run, penalty
from convviz.plan.given import plain
from convviz.plan.model import Curve, Formula, Grid, Panel, Plan, Series, Step, Table, Work, Write
from convviz.plan.pieces import equal, step
from convviz.plan.regularizers.updates import num, put
from convviz.plan.words import listing

POINTS = 40  # of a curve, to either side
LANES = {"subgradient": "L1, gradient", "proximal": "L1, soft threshold", "beside": "L2, gradient"}


def pulls(weights: Any, l1: Any, l2: Any, lr: Any, steps: int) -> tuple[Penalty, Plan]:
    """Both penalties on the same weights, the loss left out: L1 by its gradient and by its proximal step, and L2.

    Panels: a curve of each penalty, a table of penalties and gradients at each weight, a grid (weights by steps) for
    each way. Raises FieldError.
    """
    found = penalty(weights, "l1", l1=l1, l2=l2, lr=lr, steps=steps)
    return found, _plan(found)


def exact(value: Real) -> str:
    """A fraction as one: ``12/5``; long ones as decimals with a sign that they are rounded.

    >>> exact(Fraction(12, 5)), exact(Fraction(-3)), exact(Fraction(2**12, 3**9))
    ('12/5', '−3', '≈ 0.2081')
    """
    if isinstance(value, Fraction | int):
        whole = Fraction(value)
        if whole.denominator == 1 or len(str(whole)) <= 9:
            return str(whole).replace("-", "−")
    return f"≈ {num(float(value))}"


def strength(found: Penalty) -> tuple[Fraction, Fraction]:
    """Of L1 and of L2."""
    beside = found.run("beside")
    return found.l1, Fraction(beside.l2)


def _plan(found: Penalty) -> Plan:
    one, two = strength(found)
    values = found.weights.values
    names = found.weights.names
    reach = max(map(abs, values)) or Fraction(1)
    rows = tuple(
        (name, plain(w), plain(one * abs(w)), plain(one * sign(w)), plain(two * w * w / 2), plain(two * w))
        for name, w in zip(names, values, strict=True)
    )
    table = Table(
        "pulls", "Penalty and gradient", ("weight", "w", "L1", "its gradient", "L2", "its gradient"), rows
    )
    panels: list[Panel] = [*_curves(one, two, reach), table]
    lanes = [(key, name, found.run(key)) for key, name in LANES.items()]
    length = len(lanes[0][2].updates[0])
    panels += [Grid(key, "output", name, (len(values), length + 1)) for key, name, _ in lanes]
    made = [s for t in range(length) for key, name, run in lanes for s in _steps(found, key, name, run, t)]
    title = f"L1 and L2 pull at {listing(num(w) for w in values)}"
    return Plan("l1_l2", title, tuple(panels), tuple(made), tuple(_formulas(found)), (), tuple(_notes(found)))


def _curves(one: Fraction, two: Fraction, reach: Fraction) -> Iterator[Curve]:
    xs = [reach * i / POINTS for i in range(-POINTS, POINTS + 1)]
    sizes, squares = ([plain(f(x)) for x in xs] for f in (lambda w: one * abs(w), lambda w: two * w * w / 2))
    for key, name, role, ys in (("L1", "l1×|w|", "kernel", sizes), ("L2", "l2/2×w²", "input", squares)):
        yield Curve(key, name, "w", "penalty", (Series(key, role, tuple(map(plain, xs)), tuple(ys)),))


def _steps(found: Penalty, key: str, name: str, run: Run, t: int) -> Iterator[Step]:
    """Update t of every weight: its arithmetic, and the value that it writes."""
    rate, (one, two) = found.lr, strength(found)
    for i, weight in enumerate(found.weights.names):
        update = run.updates[i][t]
        w, after = update.before, update.after
        if key == "subgradient":
            text = f"{num(w)} − {put(rate)}×{put(one)}×{put(sign(w))}"
        elif key == "proximal":
            text = f"{put(sign(w))}×max({num(size(w))} − {put(rate)}×{put(one)}, 0)"
        else:
            text = f"{num(w)} − {put(rate)}×{put(two)}×{put(w)}"
        work = Work("function", (), plain(after), equal(text, plain(after)), name=key)
        words = f"{name}: {weight} goes from {exact(w)} to {exact(after)}."
        writes = [Write(key, (i, 0), plain(w))] if t == 0 else []
        yield step(name, words, work, [*writes, Write(key, (i, t + 1), plain(after))])


def _formulas(found: Penalty) -> Iterator[Formula]:
    one, two = strength(found)
    rate = found.lr
    yield Formula(
        "L1", "w − lr×l1×sign(w)", f"w − {put(rate)}×{put(one)}×sign(w)", f"w ∓ {exact(rate * one)}"
    )
    yield Formula("L2", "w − lr×l2×w", f"w − {put(rate)}×{put(two)}×w", f"{exact(1 - rate * two)}×w")


# -- sentences ------------------------------------------------------------------------------------------------
def pull_told(found: Penalty) -> str:
    one, two = strength(found)
    sized = f"L1's gradient g = l1×sign(w) has the size {exact(one)} at every weight"
    return f"{sized}. L2's, {exact(two)}×w, fades towards 0."


def step_told(found: Penalty) -> str:
    one, two = strength(found)
    rate = found.lr
    keep = 1 - rate * two
    return f"Each step, L1 takes {exact(rate * one)} off each weight, whatever its size; L2 leaves {exact(keep)} of it."


def end_told(found: Penalty) -> str:
    """How the weights stand after the last step."""
    count, swings = len(found.weights.values), len(found.run("subgradient").oscillating)
    zero = {key: found.run(key).zeros for key in LANES}
    swing = f" ({swings} {'swing' if swings > 1 else 'swings'})" if swings else ""
    soft, plain_l1 = (
        f"{zero['proximal']} of {count} by soft threshold",
        f"{zero['subgradient']} by the L1 gradient",
    )
    return (
        f"Exactly 0 after {found.steps} steps: {soft}, {plain_l1}{swing}, {zero['beside'] or 'none'} by L2."
    )


def _notes(found: Penalty) -> Iterator[str]:
    yield pull_told(found)
    yield step_told(found)
    yield end_told(found)
