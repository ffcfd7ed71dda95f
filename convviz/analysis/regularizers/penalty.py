"""L1, L2 and elastic net on a small weight tensor: the penalty, its gradient, and where the updates lead.

L2 is torch's ``weight_decay``: ``(l2/2) * sum(w**2)``, whose gradient is ``l2 * w``. A penalty written
``lambda * sum(w**2)`` is the same with ``l2 = 2 * lambda``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from convviz.analysis.regularizers.optimizers import (
    MAX_STEPS,
    Adam,
    AdamW,
    Optimizer,
    Proximal,
    Real,
    Sgd,
    Slope,
    Update,
    exact,
    in_floats,
    optimizer_name,
    sign,
    whole,
)
from convviz.analysis.regularizers.weights import Weights
from convviz.errors import FieldError, nearest

KINDS = ("l1", "l2", "l1+l2")
MISTAKES = ("item",)
EXAMPLE = ((3, -1), (Fraction(1, 2), 0))
L1, L2, LR = 3, Fraction(1, 2), Fraction(1, 10)  # one subgradient step is 0.3, one of L2 takes 5 %
SPARSE = Fraction(1, 1000)  # |w| below which a weight counts as zero, where no step length says more
EXACT_STEPS = 200  # fractions grow with every step: longer runs are in floats
EXACT_UPDATES = 2_000
MAX_UPDATES = 100_000


@dataclass(frozen=True)
class Run:
    """One way to minimise; ``updates[i]`` are those of weight i, the first from its start.

    key: ``subgradient``, ``proximal``, ``beside`` (the other penalty, for comparison) or ``item`` (the mistake).
    l1, l2: of the penalty that goes into the gradient.
    """

    key: str
    name: str
    optimizer: Optimizer
    updates: tuple[tuple[Update, ...], ...]
    l1: Real = 0
    l2: Real = 0

    @property
    def weights(self) -> tuple[tuple[Real, ...], ...]:
        """All weights before the first step and after each."""
        by_weight = [(found[0].before, *(update.after for update in found)) for found in self.updates]
        return tuple(zip(*by_weight, strict=True))

    @property
    def last(self) -> tuple[Real, ...]:
        return tuple(found[-1].after for found in self.updates)

    @property
    def zeros(self) -> int:
        """Weights that end at exactly 0."""
        return sum(w == 0 for w in self.last)

    def below(self, threshold: Real) -> int:
        """Weights that end nearer to 0 than ``threshold``."""
        return sum(-threshold < w < threshold for w in self.last)

    def reached(self, weight: int) -> int | None:
        """The step from which on a weight is exactly 0 until the end; 0: from the start, None: never."""
        way = [update.after for update in self.updates[weight]]
        way.insert(0, self.updates[weight][0].before)
        if way[-1] != 0:
            return None
        return max((i + 1 for i, w in enumerate(way) if w != 0), default=0)

    @property
    def oscillating(self) -> tuple[int, ...]:
        """Weights whose sign changes in each of the last two steps."""
        found = []
        for i, updates in enumerate(self.updates):
            ends = [update.after for update in updates[-2:]]
            if (
                len(ends) == 2
                and sign(updates[-2].before) * sign(ends[0]) < 0
                and sign(ends[0]) * sign(ends[1]) < 0
            ):
                found.append(i)
        return tuple(found)


@dataclass(frozen=True)
class Drift:
    """From this step on a weight's run in float64 is elsewhere than the exact one: rounding changed a sign."""

    weight: int
    step: int
    exact: Real
    float: Real


@dataclass(frozen=True, repr=False)
class Penalty:
    """A penalty on weights: ``l1 * sum |w| + (l2/2) * sum w**2``, term by term, and its runs.

    l1, l2: 0 where the kind has no such part. gradient: of the loss, constant over the steps. threshold: |w| below
    which a weight is counted as zero. Numbers are fractions; those of Adam and of long runs are floats.
    """

    kind: str
    weights: Weights
    gradient: Weights
    l1: Fraction
    l2: Fraction
    lr: Fraction
    steps: int
    threshold: Fraction
    runs: tuple[Run, ...]
    drifts: tuple[Drift, ...] = ()
    mistake: str | None = None

    @property
    def l1_terms(self) -> tuple[Fraction, ...]:
        """|w| of each weight."""
        return tuple(abs(w) for w in self.weights.values)

    @property
    def l2_terms(self) -> tuple[Fraction, ...]:
        """w**2 of each weight."""
        return tuple(w * w for w in self.weights.values)

    @property
    def l1_value(self) -> Fraction:
        return self.l1 * sum(self.l1_terms)

    @property
    def l2_value(self) -> Fraction:
        return self.l2 * sum(self.l2_terms) / 2

    @property
    def value(self) -> Fraction:
        """What is added to the loss."""
        return self.l1_value + self.l2_value

    @property
    def l1_gradient(self) -> tuple[Fraction, ...]:
        """``l1 * sign(w)``, with torch's sign(0) = 0."""
        return tuple(self.l1 * sign(w) for w in self.weights.values)

    @property
    def l2_gradient(self) -> tuple[Fraction, ...]:
        """``l2 * w``"""
        return tuple(self.l2 * w for w in self.weights.values)

    @property
    def penalty_gradient(self) -> tuple[Fraction, ...]:
        return tuple(a + b for a, b in zip(self.l1_gradient, self.l2_gradient, strict=True))

    def run(self, key: str) -> Run:
        return next(run for run in self.runs if run.key == key)

    def __repr__(self) -> str:
        from convviz.report.regularize import render

        return render(self, "text")

    def _repr_html_(self) -> str:
        from convviz.report.regularize import render

        return render(self, "html")


def penalty(
    weights: Any = EXAMPLE,
    kind: str = "l1",
    *,
    l1: Any = None,
    l2: Any = None,
    lr: Any = LR,
    steps: int = 6,
    optimizer: str = "sgd",
    momentum: Any = None,
    betas: Sequence[Any] | None = None,
    eps: Any = None,
    gradient: Any = 0,
    threshold: Any = None,
    mistake: str | None = None,
) -> Penalty:
    """A penalty (``l1``, ``l2`` or ``l1+l2``) on ``weights`` (numbers in any shape), and its updates.

    optimizer: sgd, adam, adamw (which decouples the L2 part) or proximal; beside it runs the other way, and the other
    penalty. gradient: of the loss, a number or one for each weight. mistake ``item``: the penalty from ``.item()``,
    which has no gradient. Raises FieldError.

    >>> penalty([0.5], "l1", steps=4).runs[0].weights
    ((Fraction(1, 2),), (Fraction(1, 5),), (Fraction(-1, 10),), (Fraction(1, 5),), (Fraction(-1, 10),))
    """
    if kind not in KINDS:
        raise FieldError(
            "kind", f"no penalty {str(kind)[:40]!r}{nearest(str(kind), KINDS)} (there are {', '.join(KINDS)})"
        )
    if mistake is not None and mistake not in MISTAKES:
        raise FieldError("mistake", f"no mistake {str(mistake)[:40]!r} (there is {', '.join(MISTAKES)})")
    found = Weights.of(weights)
    slopes = found.spread(gradient, "gradient")
    one = exact(L1 if l1 is None else l1, "l1", low=0)
    two = exact(L2 if l2 is None else l2, "l2", low=0)
    steps = whole(steps, "steps", 1, MAX_STEPS)
    if len(found.values) * steps > MAX_UPDATES:
        told = f"{len(found.values):,} weights over {steps:,} steps are more than {MAX_UPDATES:,} updates; take fewer"
        raise FieldError("steps", told)
    rate = exact(lr, "lr", above=0)
    chosen = settings(optimizer_name(optimizer), rate, momentum, betas, eps)
    a, b = one if "l1" in kind else Fraction(0), two if "l2" in kind else Fraction(0)
    ways = _ways(kind, chosen, rate, a, b, one, two)
    if mistake == "item":
        free = chosen if isinstance(chosen, Sgd | Adam) else Sgd(rate)
        ways.append(("item", f"penalty from .item(), {free.name}", free, 0, 0))
    runs = tuple(run_of(found, slopes, steps, *way) for way in ways)
    if threshold is not None:
        border = exact(threshold, "threshold", low=0)
    else:
        border = rate * a if a else SPARSE
    return Penalty(kind, found, slopes, a, b, rate, steps, border, runs, _drifts(runs, slopes, a, b), mistake)


Way = tuple[str, str, Optimizer, Real, Real]  # key, name, rule, L1 and L2 in the gradient


def settings(name: str, lr: Fraction, momentum: Any, betas: Sequence[Any] | None, eps: Any) -> Optimizer:
    """The optimizer by name, without decay; raises FieldError for a setting that it does not have."""
    if momentum is not None and name != "sgd":
        raise FieldError("momentum", f"goes with sgd, and the optimizer is {name}")
    for field, value in (("betas", betas), ("eps", eps)):
        if value is not None and name not in ("adam", "adamw"):
            raise FieldError(field, f"goes with adam and adamw, and the optimizer is {name}")
    if name == "sgd":
        return Sgd(lr, exact(momentum or 0, "momentum", low=0, high=1))
    return Proximal(lr) if name == "proximal" else adam(name, lr, betas, eps)


def adam(name: str, lr: Fraction, betas: Sequence[Any] | None, eps: Any) -> Adam:
    """Adam or AdamW with its settings checked; raises FieldError."""
    one, two = (Fraction(9, 10), Fraction(999, 1000)) if betas is None else _pair(betas)
    small = exact(Fraction(1, 10**8) if eps is None else eps, "eps", above=0)
    return (AdamW if name == "adamw" else Adam)(lr, (one, two), small)


def _pair(betas: Any) -> tuple[Fraction, Fraction]:
    if not isinstance(betas, Sequence) or isinstance(betas, str) or len(betas) != 2:
        raise FieldError("betas", "must be two numbers such as 0.9,0.999")
    one, two = (exact(beta, "betas", low=0) for beta in betas)
    if one >= 1 or two >= 1:
        raise FieldError("betas", f"must be below 1, got {float(max(one, two)):g}")
    return one, two


def _ways(
    kind: str, chosen: Optimizer, lr: Fraction, a: Fraction, b: Fraction, one: Fraction, two: Fraction
) -> list[Way]:
    """What runs: the penalty by its (sub)gradient and by its proximal step, the chosen one first; the other penalty."""
    label = {"l1": "L1", "l2": "L2", "l1+l2": "L1+L2"}[kind]
    by = "gradient" if kind == "l2" else "subgradient"
    first = chosen if isinstance(chosen, Sgd | Adam) else Sgd(lr)
    inside: Real = b
    if isinstance(first, AdamW):
        first, inside = AdamW(first.lr, first.betas, first.eps, b), 0
    ways: list[Way] = [
        ("subgradient", f"{label}, {by}, {first.name}", first, a, inside),
        ("proximal", f"{label}, proximal step", Proximal(lr, a, b), 0, 0),
    ]
    if isinstance(chosen, Proximal):
        ways.reverse()
    if kind == "l1":
        ways.append(("beside", "L2 beside it, gradient, SGD", Sgd(lr), 0, two))
    elif kind == "l2":
        ways.append(("beside", "L1 beside it, proximal step", Proximal(lr, one), 0, 0))
    return ways


def run_of(
    weights: Weights, slopes: Weights, steps: int, key: str, name: str, optimizer: Optimizer, a: Real, b: Real
) -> Run:
    if steps > EXACT_STEPS or len(weights.values) * steps > EXACT_UPDATES:
        optimizer = in_floats(optimizer)
    return Run(key, name, optimizer, _updates(weights.values, slopes.values, steps, optimizer, a, b), a, b)


def _updates(
    weights: Sequence[Real], slopes: Sequence[Real], steps: int, optimizer: Optimizer, a: Real, b: Real
) -> tuple[tuple[Update, ...], ...]:
    """In fractions where the optimizer's own numbers are; else in floats."""
    if not isinstance(optimizer.lr, Fraction) or not optimizer.exact:
        weights, slopes, a, b = [float(w) for w in weights], [float(g) for g in slopes], float(a), float(b)
    return tuple(optimizer.run(w, slope_of(g, a, b), steps) for w, g in zip(weights, slopes, strict=True))


def slope_of(loss: Real, a: Real, b: Real) -> Slope:
    """The gradient ``loss + a * sign(w) + b * w``."""
    return lambda w: loss + a * sign(w) + b * w


def _drifts(runs: Sequence[Run], slopes: Weights, a: Real, b: Real) -> tuple[Drift, ...]:
    """Where rounding in float64 leads a subgradient run elsewhere: a weight that should be 0 is not quite."""
    found = []
    for run in runs:
        if (
            run.key != "subgradient"
            or not a
            or not isinstance(run.optimizer, Sgd)
            or isinstance(run.optimizer.lr, float)
        ):
            continue
        starts = [updates[0].before for updates in run.updates]
        rounded = _updates(starts, slopes.values, len(run.updates[0]), in_floats(run.optimizer), a, b)
        for i, (true, near) in enumerate(zip(run.updates, rounded, strict=True)):
            for step, (x, y) in enumerate(zip(true, near, strict=True), 1):
                if abs(float(x.after) - float(y.after)) > 1e-6 * max(1.0, abs(float(x.after))):
                    found.append(Drift(i, step, x.after, y.after))
                    break
    return tuple(found)
