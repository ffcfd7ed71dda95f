"""Softmax of a few logits, worked out: probabilities, their logarithms, the loss of a target, and its gradient.

The largest logit is taken away before the exponentials. What happens without that, in single and in double precision,
stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import fsum, isfinite, isinf, isnan
from typing import Any

import numpy as np

from convviz.errors import ConvvizError
from convviz.ops.base import shorten
from convviz.plan.given import plain
from convviz.plan.model import Number, Plan
from convviz.plan.softmax import Row
from convviz.plan.words import number

MOST = 10_000  # logits
PRECISIONS = ("float32", "float64")


@dataclass(frozen=True)
class Naive:
    """e^x / Σ e^x in a precision, nothing taken away before; ``off``: how far at most from the right quotients."""

    precision: str
    exponentials: tuple[Number, ...]
    total: Number
    shares: tuple[Number, ...]
    off: Number

    @property
    def highest(self) -> float:
        """The largest x whose exponential the precision can hold."""
        return float(np.log(np.finfo(self.precision).max))

    @property
    def fails(self) -> bool:
        """Whether no usable number comes out: the exponentials overflow, or all of them vanish."""
        return isinf(self.total) or self.total == 0

    @property
    def words(self) -> str:
        """What came of it, in words."""
        most = f"{float(np.finfo(self.precision).max):.2g}"
        if any(map(isinf, self.exponentials)):
            return f"overflows: above x = {self.highest:.4g} e^x is more than {most}, the largest {self.precision}"
        if isinf(self.total):
            return f"overflows: the sum is more than {most}, the largest {self.precision}"
        if self.total == 0:
            return f"underflows: every e^x is below what {self.precision} can tell from 0, and 0 / 0 is no number"
        return f"off by {number(self.off)} at most" if self.off else "the same"


@dataclass(frozen=True, repr=False)
class SoftmaxResult:
    """Softmax of ``values`` over ``temperature``; with a ``target`` class the cross entropy and its gradient.

    Shows itself as the worked calculation. Cross entropy is that of torch: against (1 − s)·onehot + s/n, where s is
    ``label_smoothing``; for s = 0 it is the negative log likelihood of the target.
    """

    values: tuple[Number, ...]
    target: int | None = None
    temperature: Number = 1
    label_smoothing: Number = 0

    @cached_property
    def row(self) -> Row:
        """The logits over the temperature, as one row that shares a sum."""
        cells = tuple((i,) for i in range(len(self.values)))
        if self.temperature == 1:
            return Row("input", cells, self.values, (0,), "the logits")
        scaled = tuple(plain(np.float64(x) / self.temperature) for x in self.values)
        return Row("scaled", cells, scaled, (0,), "the divided logits")

    @cached_property
    def below(self) -> tuple[Number, ...]:
        """Each logit less the largest."""
        with np.errstate(over="ignore"):  # -1e308 less 1e308 is -inf
            return tuple(plain(np.float64(x) - self.row.top) for x in self.row.values)

    @property
    def exponentials(self) -> tuple[Number, ...]:
        """e^(x − max) of each class."""
        return tuple(self.row.powers)

    @cached_property
    def probabilities(self) -> tuple[Number, ...]:
        return tuple(plain(np.float64(p) / self.row.total) for p in self.row.powers)

    @cached_property
    def log_probabilities(self) -> tuple[Number, ...]:
        """x − max − ln Σ e^(x − max): finite where the probability itself is too small to be told from 0."""
        rest = np.log(np.float64(self.row.total))
        return tuple(plain(x - rest) for x in self.below)

    @cached_property
    def wanted(self) -> tuple[Number, ...] | None:
        """The distribution that the loss compares with: the target alone, or smoothed."""
        if self.target is None:
            return None
        each = self.label_smoothing / len(self.values)
        return tuple(
            plain(each + (1 - self.label_smoothing) * (i == self.target)) for i in range(len(self.values))
        )

    @cached_property
    def loss(self) -> Number | None:
        """−Σ q ln p, in nats; None without a target."""
        if self.wanted is None:
            return None
        pairs = zip(self.wanted, self.log_probabilities, strict=True)
        parts = [-q * logarithm for q, logarithm in pairs if q]  # 0 times the logarithm of 0 is 0
        return plain(fsum(parts))

    @cached_property
    def gradient(self) -> tuple[Number, ...] | None:
        """Of the loss by each logit: (p − q) / temperature; None without a target."""
        if self.wanted is None:
            return None
        pairs = zip(self.probabilities, self.wanted, strict=True)
        return tuple(plain((np.float64(p) - q) / self.temperature) for p, q in pairs)

    def naive(self, shift: Number = 0) -> tuple[Naive, ...]:
        """The quotients of plain exponentials of the logits (each plus ``shift``), in each precision."""
        found = []
        with np.errstate(all="ignore"):
            for name in PRECISIONS:
                x = (np.asarray(self.row.values, np.float64) + shift).astype(name)
                powers = np.exp(x)
                shares = powers / powers.sum()
                off = np.max(np.abs(shares.astype(np.float64) - self.probabilities))
                numbers = (tuple(map(plain_or_nan, values)) for values in (powers, shares))
                exponentials, quotients = numbers
                found.append(
                    Naive(name, exponentials, plain_or_nan(powers.sum()), quotients, plain_or_nan(off))
                )
        return tuple(found)

    @cached_property
    def plan(self) -> Plan:
        """The calculation step by step."""
        from convviz.plan.logits_plan import worked

        return worked(self)

    def __repr__(self) -> str:
        from convviz.report.softmax import render_softmax

        return render_softmax(self, "text").rstrip("\n")

    def _repr_html_(self) -> str:
        from convviz.report.softmax import render_softmax

        return render_softmax(self, "html")


def plain_or_nan(value: Any) -> Number:
    """A Python number, also where it is none."""
    return plain(value) if isfinite(value) else float(value)


def softmax(
    values: Iterable[float],
    target: int | None = None,
    *,
    temperature: float = 1,
    label_smoothing: float = 0,
) -> SoftmaxResult:
    """Softmax and log-softmax of some logits, and with a ``target`` class the cross entropy with its gradient.

    values: the logits of one sample, of which −inf masks a class. temperature: divides them, above 0.
    label_smoothing: 0 to 1, as torch's. Raises ConvvizError for what has no softmax. Source: torch.nn.CrossEntropyLoss.

    >>> result = softmax([1, 2, 3], target=2)
    >>> [round(p, 4) for p in result.probabilities], round(result.loss, 4)
    ([0.09, 0.2447, 0.6652], 0.4076)
    """
    logits = tuple(checked(value) for value in listed(values))
    if not logits:
        raise ConvvizError("must have at least one logit, such as 1,2,3", "values")
    if len(logits) > MOST:
        raise ConvvizError(f"at most {MOST:,} logits are worked out, got {len(logits):,}", "values")
    if all(map(isinf, logits)):
        raise ConvvizError("all logits are -inf: no class is left, and 0 / 0 is no number", "values")
    heat = real(temperature, "temperature")
    if not 0 < heat < float("inf"):
        hint = "; towards 0 softmax becomes the one-hot of the largest" if heat == 0 else ""
        raise ConvvizError(f"must be a finite number above 0, got {number(heat)}{hint}", "temperature")
    with np.errstate(all="ignore"):
        if any(isfinite(x) and isinf(np.float64(x) / heat) for x in logits):
            raise ConvvizError(
                f"is too near 0 for these logits: {number(heat)} makes them infinite", "temperature"
            )
    smoothing = real(label_smoothing, "label_smoothing")
    if not 0 <= smoothing <= 1:
        raise ConvvizError(f"must be from 0 to 1, got {number(smoothing)}", "label_smoothing")
    if target is None and smoothing:
        raise ConvvizError("goes with a target class", "label_smoothing")
    if target is not None:
        target = known_class(target, len(logits))
    return SoftmaxResult(logits, target, plain(heat), plain(smoothing))


def listed(values: Iterable[float]) -> Sequence[float]:
    """The values as a list; raises ConvvizError for what is none."""
    try:
        return list(values)
    except TypeError:
        raise ConvvizError(f"must be a list of numbers, got {shorten(values)}", "values") from None


def checked(value: Any) -> Number:
    """A logit: a finite number, or −inf."""
    logit = real(value, "values")
    if isnan(logit):
        raise ConvvizError("nan has no softmax: one nan makes every quotient nan", "values")
    if logit == float("inf"):
        raise ConvvizError(
            "+inf has no softmax: ∞ − ∞ is no number; mask the other classes with -inf instead", "values"
        )
    return logit if isinf(logit) else plain(logit)


def real(value: Any, where: str) -> float:
    """A number that float64 holds; raises ConvvizError."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise ConvvizError(f"must be a number, got {shorten(value)}", where) from None
    except OverflowError:
        raise ConvvizError("is larger than a float64 can hold", where) from None
    return found


def known_class(target: Any, classes: int) -> int:
    """A class by its number; raises ConvvizError."""
    whole = isinstance(target, int | np.integer) and not isinstance(target, bool)
    if not whole or not 0 <= target < classes:
        raise ConvvizError(f"must be a class from 0 to {classes - 1:,}, got {shorten(target)}", "target")
    return int(target)
