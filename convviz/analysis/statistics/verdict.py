"""What a comparison of two arms comes to, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convviz.analysis.statistics.compare import Pair
    from convviz.analysis.statistics.intervals import Interval

NONE = "no difference detected"


def verdict_of(pair: Pair) -> str:
    """``a is higher by 0.20 points (0.11 to 0.29)``; ``no difference detected`` is what stands without proof."""
    if pair.detected:
        higher = pair.arm if pair.difference > 0 else pair.against
        size = abs(pair.difference)
        told = f"{higher} is higher by {points(size)}"
        if pair.interval is not None:
            ends = (pair.interval.low, pair.interval.high)
            low, high = ends if pair.difference > 0 else (-ends[1], -ends[0])
            told += f" ({signed_if_below(low)} to {signed_if_below(high)})"
        if pair.test == "McNemar":
            told += ", as trained: another seed may turn it round"
        return told
    if pair.test is None:
        return f"{NONE}: {pair.untested}"
    return NONE


def plan_of(pair: Pair, worth: float) -> str:
    """How many seeds would settle it: for a difference like the measured one, and for one that is worth knowing."""
    if pair.test is None or pair.sd is None:
        return "" if pair.detected else "several seeds in each arm would show how much is chance"
    if pair.detected:
        return ""
    if pair.sd == 0 and pair.difference == 0:
        return "the runs are equal seed by seed"
    parts = []
    if pair.more is not None:
        parts.append(f"{_seeds(pair.more)} more would settle a difference of {points(abs(pair.difference))}")
    elif pair.difference:
        parts.append("a difference so small would take over a million seeds")
    if pair.more_for_worth == 0:
        parts.append(f"{pair.runs} are enough for {points(worth)}")
    elif pair.more_for_worth is not None:
        parts.append(f"{pair.more_for_worth:,} more for {points(worth)}")
    return ", ".join(parts)


def points(size: float) -> str:
    """Hundredths of a point, more digits where they would say 0.

    >>> points(0.1), points(0.004), points(0.0)
    ('0.10 points', '0.004 points', '0.00 points')
    """
    return f"{digits(size)} points"


def digits(size: float) -> str:
    return f"{size:.2f}" if abs(size) >= 0.005 or size == 0 else f"{size:.1g}"


def signed_if_below(value: float) -> str:
    """``0.11``, ``−0.04``; never ``−0.00``."""
    text = f"{value:.2f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", "−")


def _seeds(count: int) -> str:
    return f"{count:,} seed{'s' * (count != 1)}"


# -- numbers ------------------------------------------------------------------------------------------
def signed(value: float) -> str:
    """``+0.03``, ``−0.12``, ``0.00``.

    >>> signed(0.034), signed(-0.12), signed(-0.0001)
    ('+0.03', '−0.12', '0.00')
    """
    text = f"{value:+.2f}"
    return "0.00" if float(text) == 0 else text.replace("-", "−")


def span(interval: Interval | None, sign: bool = False) -> str | None:
    """``99.23 to 99.53``; of differences with signs."""
    if interval is None:
        return None
    low, high = (signed(end) if sign else f"{end:.2f}" for end in (interval.low, interval.high))
    return f"{low} to {high}"


def p_text(p: float | None) -> str | None:
    """A p as journals print it.

    >>> p_text(0.0312), p_text(0.5), p_text(1.0), p_text(0.0001)
    ('.031', '.50', '1', '<.001')
    """
    if p is None:
        return None
    if p < 0.001:
        return "<.001"
    if p >= 0.995:
        return "1"
    return f"{p:.3f}".lstrip("0") if p < 0.1 else f"{p:.2f}".lstrip("0")
