"""Pages that are neither of an op nor of a net, by name: comparisons of runs, regularizers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convviz.explorer import compare, regularizers

NAMES = (compare.NAME, *regularizers.TOPICS)


Progress = Callable[[float], None] | None


def topic_of(what: Any) -> Callable[[Progress], dict[str, Any]] | None:
    """What makes the data of a page for a name of NAMES, a folder of runs or a file of results; None for all else.

    >>> topic_of("weight_decay")(None)["page"], topic_of("code8")
    ('plan', None)
    """
    if compare.is_runs(what):
        return lambda progress: compare.comparison_data(what, progress)
    if isinstance(what, str) and what in regularizers.TOPICS:
        return lambda progress: regularizers.regularizer_data(what)
    return None
