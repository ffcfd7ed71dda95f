"""The update rules of torch.optim for one weight at a time, with every number in between.

They work in whatever numbers they are given: fractions stay exact (SGD and the proximal step need only + − × /), floats
follow torch's order of operations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import isfinite, sqrt
from typing import Any, ClassVar

from convviz.errors import FieldError, nearest

Real = int | float | Fraction
Slope = Callable[[Real], Real]  # the gradient at a weight

LARGEST = 10.0**100  # beyond it a run has diverged
MAX_STEPS = 10_000


def sign(x: Real) -> int:
    """-1, 0 or 1; 0 at 0, as in torch, where the subgradient of |x| could be anything from -1 to 1.

    >>> sign(-2.5), sign(0), sign(7)
    (-1, 0, 1)
    """
    return (x > 0) - (x < 0)


def size(x: Real) -> Real:
    """|x|, of the same kind of number."""
    return -x if x < 0 else x


def soft(x: Real, threshold: Real) -> Real:
    """Soft thresholding: ``sign(x) max(|x| - threshold, 0)``, the proximal operator of ``threshold |x|``.

    >>> soft(3, 1), soft(-3, 1), soft(0.5, 1)
    (2, -2, 0)
    """
    return sign(x) * max(size(x) - threshold, 0)


@dataclass(frozen=True)
class SgdStep:
    """``after = before - lr * velocity``; velocity is the gradient itself without momentum."""

    before: Real
    gradient: Real
    velocity: Real
    after: Real


@dataclass(frozen=True)
class AdamStep:
    """decayed: the weight after decoupled decay (AdamW); m, v: the moving averages, m_hat, v_hat: corrected."""

    before: Real
    gradient: Real
    decayed: Real
    m: float
    v: float
    m_hat: float
    v_hat: float
    after: float


@dataclass(frozen=True)
class ProximalStep:
    """moved: after the gradient step of the loss; kept: after soft thresholding; after: after the division for L2."""

    before: Real
    gradient: Real
    moved: Real
    kept: Real
    after: Real


Update = SgdStep | AdamStep | ProximalStep


@dataclass(frozen=True)
class Sgd:
    """torch.optim.SGD: ``velocity = momentum * velocity + gradient`` (at first the gradient)."""

    name: ClassVar[str] = "SGD"
    exact: ClassVar[bool] = True
    lr: Real
    momentum: Real = 0

    def run(self, weight: Real, slope: Slope, steps: int) -> tuple[SgdStep, ...]:
        """The updates of a weight whose gradient is ``slope(weight)``."""
        found: list[SgdStep] = []
        velocity: Real | None = None
        for _ in range(steps):
            gradient = slope(weight)
            started = self.momentum and velocity is not None
            velocity = self.momentum * velocity + gradient if started else gradient  # type: ignore[operator]
            found.append(SgdStep(weight, gradient, velocity, finite(weight - self.lr * velocity, len(found))))
            weight = found[-1].after
        return tuple(found)


@dataclass(frozen=True)
class Adam:
    """torch.optim.Adam; decay: decoupled, which makes it AdamW (Loshchilov and Hutter 2019)."""

    name: ClassVar[str] = "Adam"
    exact: ClassVar[bool] = False
    lr: Real
    betas: tuple[Real, Real] = (0.9, 0.999)
    eps: Real = 1e-8
    decay: Real = 0

    def run(self, weight: Real, slope: Slope, steps: int) -> tuple[AdamStep, ...]:
        """The updates of a weight whose gradient is ``slope(weight)``, in floats."""
        lr, eps, decay = float(self.lr), float(self.eps), float(self.decay)
        one, two = map(float, self.betas)
        weight, m, v = float(weight), 0.0, 0.0
        found: list[AdamStep] = []
        for t in range(1, steps + 1):
            gradient = float(slope(weight))
            decayed = weight * (1 - lr * decay)
            m += (gradient - m) * (1 - one)
            v = v * two + gradient * gradient * (1 - two)
            m_hat, v_hat = m / (1 - one**t), v / (1 - two**t)
            after = finite(decayed - lr * m_hat / (sqrt(v_hat) + eps), t - 1)
            found.append(AdamStep(weight, gradient, decayed, m, v, m_hat, v_hat, after))
            weight = after
        return tuple(found)


@dataclass(frozen=True)
class AdamW(Adam):
    """torch.optim.AdamW: the decay does not go through the gradient."""

    name: ClassVar[str] = "AdamW"


@dataclass(frozen=True)
class Proximal:
    """A gradient step of the loss, then the proximal step of the penalty ``l1 |w| + (l2/2) w^2``.

    ``after = soft(w - lr g, lr l1) / (1 + lr l2)`` (Parikh and Boyd, Proximal Algorithms, 2014, section 6.5.3).
    """

    name: ClassVar[str] = "proximal"
    exact: ClassVar[bool] = True
    lr: Real
    l1: Real = 0
    l2: Real = 0

    def run(self, weight: Real, slope: Slope, steps: int) -> tuple[ProximalStep, ...]:
        """The updates of a weight; ``slope`` is the gradient of the loss alone."""
        found: list[ProximalStep] = []
        for _ in range(steps):
            gradient = slope(weight)
            moved = weight - self.lr * gradient
            kept = soft(moved, self.lr * self.l1)
            after = finite(kept / (1 + self.lr * self.l2) if self.l2 else kept, len(found))
            found.append(ProximalStep(weight, gradient, moved, kept, after))
            weight = after
        return tuple(found)


Optimizer = Sgd | Adam | Proximal
NAMES = ("sgd", "adam", "adamw", "proximal")


def finite(value: Any, step: int) -> Any:
    """The number; raises FieldError where a run has diverged."""
    if not abs(value) <= LARGEST:
        raise FieldError(
            "lr", f"the weights grow without end and overflow at step {step + 1}; take a smaller one"
        )
    return value


def in_floats(optimizer: Optimizer) -> Optimizer:
    """The same rule in floats, as torch runs it in float64."""
    known: dict[str, Any] = {name: float(v) for name, v in vars(optimizer).items() if isinstance(v, Fraction)}
    return replace(optimizer, **known)


def exact(
    value: Any, where: str, *, low: Real | None = None, above: Real | None = None, high: Real = LARGEST
) -> Fraction:
    """A number as a fraction: 0.1 is 1/10. low: the least that is allowed, above: all greater ones are, high: the most.

    Raises FieldError for what is no finite number, or out of bounds.

    >>> exact(0.1, "lr")
    Fraction(1, 10)
    """
    told = value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else None
    try:
        if isinstance(value, bool):
            raise TypeError
        number = value if isinstance(value, int | Fraction) else float(value)
        if not (isinstance(number, int | Fraction) or isfinite(number)):
            raise ValueError
        found = Fraction(number) if isinstance(number, int | Fraction) else Fraction(repr(number))
    except (TypeError, ValueError, OverflowError):
        got = repr(value if told is None else told)
        raise FieldError(where, f"must be a finite number, got {got[:40]}") from None
    bounds = [f"at least {float(low):g}"] if low is not None else []
    bounds += [f"greater than {float(above):g}"] if above is not None else []
    bounds += [f"at most {float(high):g}"] if high != LARGEST else []
    if abs(found) > LARGEST:
        raise FieldError(where, f"must be at most {LARGEST:g}")
    if (low is not None and found < low) or (above is not None and found <= above) or found > high:
        raise FieldError(where, f"must be {' and '.join(bounds)}, got {float(found):g}")
    return found


def whole(value: Any, where: str, low: int, high: int) -> int:
    """A whole number within bounds; raises FieldError."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        got = f"{value!r}" if not isinstance(value, int) or abs(value) < 10**20 else "a huge number"
        raise FieldError(where, f"must be a whole number from {low:,} to {high:,}, got {got[:40]}")
    return value


def optimizer_name(name: Any) -> str:
    """One of NAMES; raises FieldError."""
    if name not in NAMES:
        raise FieldError(
            "optimizer",
            f"no optimizer {str(name)[:40]!r}{nearest(str(name), NAMES)} (there are {', '.join(NAMES)})",
        )
    return str(name)
