"""How large an explanation may be: what nobody would step through is refused before it costs any memory."""

from __future__ import annotations

from convviz.errors import ConvvizError

MAX_STEPS = 10_000  # steps of one plan
MAX_CELLS = 100_000  # cells of one panel
MAX_TERMS = 500_000  # values read, over all steps


def check_count(where: str, what: str, count: int, limit: int) -> None:
    """Raise ConvvizError where a plan would have more than ``limit`` of ``what``.

    >>> check_count("conv", "steps", 99, MAX_STEPS)
    """
    if count > limit:
        number = f"{count:,}" if count < 10**15 else f"more than {10**15:,}"
        raise ConvvizError(
            f"an explanation would have {number} {what}, and {limit:,} is the most; use smaller sizes", where
        )
