"""The size of a net's output as a formula of the size of its input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

SHIFTS = 4096  # shifts within one period that are tried
BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096)  # on the denominator of outputs per input cell


@dataclass(frozen=True)
class OutputSize:
    """``times * floor((rate*n + shift) / over) + plus`` for an input of ``n``.

    >>> str(OutputSize(2, 0, 4, -3)), OutputSize(2, 0, 4, -3)(9)
    ('2*floor(n/4) - 3', 1)
    """

    times: int
    shift: int
    over: int
    plus: int
    exact: bool = False  # the quotient of every legal size is whole: no floor is written
    rate: int = 1

    def __call__(self, n: int) -> int:
        return self.times * ((self.rate * n + self.shift) // self.over) + self.plus

    def __str__(self) -> str:
        if self.times == 0:
            return str(self.plus)
        if self.exact or self.over == 1:  # one slope and one constant, with no floor in between
            slope = Fraction(self.times * self.rate, self.over)
            top = "n" if slope.numerator == 1 else f"{slope.numerator}*n"
            text = top if slope.denominator == 1 else f"{top}/{slope.denominator}"
            return _plus(text, Fraction(self.times * self.shift, self.over) + self.plus)
        inner = _plus("n" if self.rate == 1 else f"{self.rate}*n", self.shift)
        inner = f"({inner})" if self.shift else inner
        text = f"floor({inner}/{self.over})"
        return _plus(text if self.times == 1 else f"{self.times}*{text}", self.plus)


def _plus(text: str, value: int | Fraction) -> str:
    return f"{text} {'-' if value < 0 else '+'} {abs(value)}" if value else text


def formula(points: Sequence[tuple[int, int]]) -> OutputSize | None:
    """The simplest formula through all points (n, output), ascending in n, if there is one.

    >>> str(formula([(n, (n - 1) // 2 + 1) for n in range(3, 40)]))
    'floor((n + 1)/2)'
    """
    if len({out for _, out in points}) == 1:
        return OutputSize(0, 0, 1, points[0][1])
    (n0, out0), (n1, out1) = points[0], points[-1]
    guess = Fraction(out1 - out0, n1 - n0)
    slopes = dict.fromkeys(guess.limit_denominator(bound) for bound in BOUNDS)
    for slope in slopes:
        if slope > 0 and (made := _quotient(points, slope) or _multiple(points, slope)):
            return made
    return None


def _quotient(points: Sequence[tuple[int, int]], slope: Fraction) -> OutputSize | None:
    """``floor((rate*n + shift) / over)``: every point bounds the shift from both sides."""
    rate, over = slope.numerator, slope.denominator
    low = max(over * out - rate * n for n, out in points)
    high = min(over * (out + 1) - 1 - rate * n for n, out in points)
    if low > high:
        return None
    if len({(rate * n + low) % over for n, _ in points}) == 1:  # nothing is ever rounded
        return OutputSize(1, low, over, 0, True, rate)
    turns, shift = divmod(0 if low <= 0 <= high else low if low > 0 else high, over)
    return OutputSize(1, shift, over, turns, False, rate)


def _multiple(points: Sequence[tuple[int, int]], slope: Fraction) -> OutputSize | None:
    """``times * floor((n + shift) / over) + plus``, as a stack of strides and upsampling gives."""
    n0, out0 = points[0]
    for more in (1, 2, 4, 8, 16, 32):
        over, times = slope.denominator * more, slope.numerator * more
        for shift in sorted(range(-over + 1, over), key=lambda b: (abs(b), b < 0))[:SHIFTS]:
            made = OutputSize(times, shift, over, out0 - times * ((n0 + shift) // over))
            if all(made(n) == out for n, out in points):
                return made
    return None
