"""Numbers and places as a plan writes them: true minus signs, no trailing zeros, every term of a sum spelled out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convviz.plan.model import Term

MINUS = "\N{MINUS SIGN}"
TIMES = "×"
DIGITS = ContextVar("DIGITS", default=4)  # after the point, of numbers that are not whole
AXES = {1: ("position",), 2: ("row", "column"), 3: ("slice", "row", "column")}


@contextmanager
def decimals(digits: int) -> Iterator[None]:
    """Within, numbers have at most so many digits behind the point.

    >>> with decimals(2):
    ...     number(2 / 3)
    '0.67'
    """
    token = DIGITS.set(digits)
    try:
        yield
    finally:
        DIGITS.reset(token)


def images(data_set: str, train: int, test: int) -> str:
    """
    >>> images("MNIST", 1000, 10_000)
    'MNIST: 1,000 training and 10,000 test images'
    """
    return f"{data_set}: {train:,} training and {test:,} test images"


def number(value: float) -> str:
    """A number as a picture shows it: whole ones in full, others with at most four digits behind the point.

    What would be rounded to 0 keeps its first digits; 0 is never negative.

    >>> number(5), number(-2.0), number(2 / 3), number(0.00012345), number(float("-inf"))
    ('5', '−2', '0.6667', '0.000123', '−∞')
    >>> with decimals(2):
    ...     number(-1 / 3), number(0.00001), number(-0.0)
    ('−0.33', '0.00001', '0')
    """
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if value == int(value) and (isinstance(value, int) or abs(value) < 2**53):
        return f"{int(value)}".replace("-", MINUS)
    digits = DIGITS.get()
    fixed = f"{value:.{digits}f}"
    lost = abs(value) < 10.0 ** min(-3, 1 - digits) or not float(fixed)
    if lost and abs(value) >= 1e-6:
        text = f"{float(f'{value:.3g}'):.9f}".rstrip("0").rstrip(".")
    elif lost or abs(value) >= 1e9:
        text = f"{value:.4g}"
    else:
        text = fixed.rstrip("0").rstrip(".") if digits else fixed
    return text.replace("-", MINUS)


def inner(value: float) -> str:
    """A number inside a sum or product: negative ones in parentheses.

    >>> inner(2), inner(-1)
    ('2', '(−1)')
    """
    text = number(value)
    return f"({text})" if text.startswith(MINUS) else text


def term_text(term: Term) -> str:
    """``2×(−1)``, or the value alone where nothing multiplies it."""
    value = inner(term.value)
    return value if term.factor is None else f"{value}{TIMES}{inner(term.factor)}"


def sum_text(terms: Iterable[Term], bias: float | None, result: float) -> str:
    """The sum spelled out, every term of it.

    >>> from convviz.plan.model import Term
    >>> sum_text([Term("x", (0, 0), 1, (0, 0), 2, 2), Term("x", (0, 1), 0, (0, 1), -1, 0)], 3, 5)
    '1×2 + 0×(−1) + 3 = 5'
    """
    parts = [term_text(term) for term in terms] + ([] if bias is None else [inner(bias)])
    return f"{' + '.join(parts) or '0'} = {number(result)}"


def mean_text(terms: Sequence[Term], divisor: float, result: float) -> str:
    """``(1 + 2 + 0 + 3) / 4 = 1.5``"""
    total = " + ".join(inner(term.value) for term in terms) or "0"
    return f"({total}) / {number(divisor)} = {number(result)}"


def function_text(name: str, values: Iterable[float], result: float) -> str:
    """``max(1, 4, −2) = 4``"""
    return f"{name}({', '.join(number(v) for v in values)}) = {number(result)}"


def size(shape: Sequence[int]) -> str:
    """``3×3``; of no axes at all ``1``."""
    return TIMES.join(str(n) for n in shape) or "1"


def axis_names(rank: int) -> tuple[str, ...]:
    """What the spatial axes are called, ``row`` and ``column`` for two of them."""
    return AXES.get(rank, tuple(f"axis {i}" for i in range(rank)))


def position(space: Sequence[int]) -> str:
    """``(1, 2)``, and ``3`` along one axis; negative where the cell lies in the padding."""
    inside = ", ".join(number(i) for i in space)
    return inside if len(space) == 1 else f"({inside})"


def places(ranges: Sequence[Sequence[int]]) -> str:
    """Where a window lies: ``rows 0 to 2 and column 4``, ``positions 0, 2 and 4``.

    >>> places([range(0, 3), range(4, 5)]), places([range(-1, 5, 2)])
    ('rows 0 to 2 and column 4', 'positions −1, 1 and 3')
    """
    return listing(along(name, cells) for name, cells in zip(axis_names(len(ranges)), ranges, strict=True))


def along(name: str, cells: Sequence[int]) -> str:
    """The cells along one axis: ``rows 0 to 2``."""
    if len(cells) == 1:
        return f"{name} {number(cells[0])}"
    if len(cells) > 2 and cells[-1] - cells[0] == len(cells) - 1:
        return f"{name}s {number(cells[0])} to {number(cells[-1])}"
    if len(cells) > 5:
        first = ", ".join(number(i) for i in cells[:2])
        return f"{name}s {first}, … {number(cells[-1])}"
    return f"{name}s {listing(number(i) for i in cells)}" if cells else f"no {name}"


def listing(words: Iterable[str], last: str = "and") -> str:
    """``a, b and c``"""
    parts = list(words)
    return f" {last} ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def count(n: int, one: str, many: str = "") -> str:
    """``1 product``, ``9 products``"""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
