"""Where plain softmax breaks in single precision, with real numbers, and what a few steps along its gradient do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import floor, isinf

import numpy as np

from convviz.plan.given import plain
from convviz.plan.logits import Naive, SoftmaxResult, plain_or_nan, softmax
from convviz.plan.model import Formula, Number
from convviz.plan.words import number

BEYOND = (
    110  # logits by which a class lies below the largest, so that float32 has no number for its probability
)


@dataclass(frozen=True)
class Overflow:
    """The logits, all larger by ``shift``, so that e^x of the largest has no number in float32."""

    result: SoftmaxResult
    shift: Number

    @property
    def values(self) -> tuple[Number, ...]:
        return tuple(plain(np.float64(x) + self.shift) for x in self.result.row.values)

    @property
    def naive(self) -> Naive:
        """Plain exponentials of them in float32, and what comes of the quotients."""
        return self.result.naive(self.shift)[0]

    @property
    def caption(self) -> str:
        """What is wrong."""
        if self.shift:
            return f"With all logits {number(self.shift)} larger the quotients should stay the same. But e^x overflows."
        return f"Of these logits e^x overflows: float32 ends at x = {self.naive.highest:.2f}."

    @property
    def saved(self) -> SoftmaxResult:
        """The same logits with the largest taken away first."""
        return softmax(self.values, self.result.target)


@dataclass(frozen=True)
class Powers:
    """Exponentials as they are shown first: plain ones, or where double precision has no room, of x − max."""

    name: str
    values: tuple[Number, ...]
    total: Number
    share: Formula


def powers(result: SoftmaxResult) -> Powers:
    """The exponentials and their sum, and the probability of the target (or of class 0) as their quotient.

    >>> powers(softmax([0, 0], target=1)).share.numbers
    '1 / 2'
    """
    i, naive = result.target or 0, result.naive()[1]
    x = "x" if result.temperature == 1 else "x / T"
    if naive.fails:
        name, values, total = f"e^({x} − max)", result.exponentials, result.row.total
    else:
        name = f"e^({x})" if " " in x else f"e^{x}"
        values, total = naive.exponentials, naive.total
    numbers = f"{number(values[i])} / {number(total)}"
    share = Formula(
        f"probability of class {i}", f"p = {name} / Σ {name}", numbers, number(result.probabilities[i])
    )
    return Powers(name, values, total, share)


def overflow(result: SoftmaxResult) -> Overflow:
    """As little is added to all logits as makes float32 overflow; nothing where they overflow as they are.

    >>> found = overflow(softmax([1, 2, 3]))
    >>> found.values, [str(e) for e in found.naive.shares]
    ((87, 88, 89), ['0', '0', 'nan'])
    """
    naive = result.naive()[0]
    if isinf(naive.total):
        return Overflow(result, 0)
    return Overflow(result, plain(floor(naive.highest) + 1 - np.floor(result.row.top)))


@dataclass(frozen=True)
class Vanished:
    """A target so far below the largest logit that float32 has no number but 0 for its probability.

    shares: the float32 probabilities; logs: their logarithms; kept: log-softmax in float32, worked out by itself.
    """

    values: tuple[Number, ...]
    target: int
    shares: tuple[Number, ...]
    logs: tuple[Number, ...]
    kept: tuple[Number, ...]


def vanished(result: SoftmaxResult) -> Vanished:
    """The logits with that of the target far below; raises nothing but for a result without target (an assertion).

    >>> found = vanished(softmax([3, 1, 0], target=1))
    >>> found.values, found.shares[1], found.logs[1], round(found.kept[1], 2)
    ((3, -107, 0), 0, -inf, -110.05)
    """
    assert result.target is not None
    values = list(result.row.values)
    values[result.target] = plain(
        max(v for i, v in enumerate(values) if i != result.target or len(values) == 1) - BEYOND
    )
    x = np.asarray(values, np.float32)
    below = x - x.max()
    powers = np.exp(below)
    total = powers.sum(dtype=np.float32)
    shares = powers / total
    with np.errstate(divide="ignore"):
        logs = np.log(shares)
    kept = below - np.log(total)
    numbers = (tuple(map(plain_or_nan, found)) for found in (shares, logs, kept))
    return Vanished(tuple(values), result.target, *numbers)


def descend(result: SoftmaxResult, steps: int = 3, lr: float = 1.0) -> tuple[SoftmaxResult, ...]:
    """The logits along their own gradient: x − lr (p − q), step by step, the first ones included.

    >>> [round(r.loss, 2) for r in descend(softmax([1, 2, 3], target=0), 2)]
    [2.41, 1.22, 0.59]
    """
    found = [result]
    for _ in range(steps):
        last = found[-1]
        assert last.gradient is not None
        moved = tuple(plain(np.float64(x) - lr * g) for x, g in zip(last.values, last.gradient, strict=True))
        found.append(replace(last, values=moved))
    return tuple(found)


def heated(
    result: SoftmaxResult, temperatures: tuple[Number, ...] = (0.5, 1, 2)
) -> tuple[SoftmaxResult, ...]:
    """The same logits at other temperatures.

    >>> [round(max(r.probabilities), 3) for r in heated(softmax([1, 2, 3]))]
    [0.867, 0.665, 0.506]
    """
    return tuple(softmax(result.values, result.target, temperature=t) for t in temperatures)
