"""Sheets by topic, level, seed and variant: the same four give the same sheet."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from zlib import crc32

import numpy as np

from convviz.errors import ConvvizError, nearest
from convviz.exercise.model import LEVELS, Exercises, Sheet

TOPICS = {
    "norm": "normalization: who shares, statistics, running statistics",
    "rf": "the receptive field of a small net",
    "shape": "output sizes",
    "params": "parameters and multiplications",
    "conv": "a convolution on numbers",
    "transposed": "a transposed convolution on numbers",
    "pooling": "maximum, mean, rounding up, global average",
}
MOST = 1000  # variants at once
DIGITS = 100  # of a seed
CODE = re.compile(r"([a-z]+)-([a-z]+)-(\d{1,100})-(\d{1,19})")


def exercises(
    topic: str,
    variants: int = 1,
    seed: int = 0,
    level: str = "normal",
    progress: Callable[[float], None] | None = None,
) -> Exercises:
    """Sheets of a topic with their answers, one for each student; no two are alike.

    topic: norm, rf, shape, params, conv, transposed or pooling. variants: 1 to 1,000. seed: a whole number from 0;
    each variant follows from topic, level, seed and its own number alone, so that variant 3 stays the same however many
    there are. level: easy, normal or hard. progress: is told the share done. Every answer comes from the plans, ops and
    analyses that the other commands show. Raises ConvvizError.

    >>> made = exercises("shape", variants=2, seed=7)
    >>> made[1].code, made[1].questions[0].answer
    ('shape-normal-7-2', (6, 28, 28))
    """
    name, level = checked_topic(topic), checked_level(level)
    count, number = checked_number(variants, 1, MOST, "variants"), checked_seed(seed)
    sheets = []
    for variant in range(1, count + 1):
        sheets.append(sheet(name, level, number, variant))
        if progress is not None:
            progress(variant / count)
    return Exercises(name, level, number, tuple(sheets))


def sheet(topic: str, level: str, seed: int, variant: int) -> Sheet:
    """One variant, from numbers that were checked."""
    draft = import_module(f"convviz.exercise.{topic}").draft
    made = draft(np.random.default_rng([crc32(topic.encode()), seed, variant]), level)
    return Sheet(topic, level, seed, variant, made.title, made.text, made.parts)


def find(code: str, where: str = "") -> Sheet:
    """The sheet of a code such as ``norm-normal-7-3``; raises ConvvizError that starts with ``where``.

    >>> find("rf-easy-0-1").title
    'The receptive field by hand'
    """
    hit = CODE.fullmatch(code.strip().lower())
    if hit is None:
        raise ConvvizError(
            f"no sheet {code[:60]!r}; codes look like norm-normal-7-3 and stand on each sheet", where
        )
    topic, level, seed, variant = hit.groups()
    try:
        return sheet(
            checked_topic(topic),
            checked_level(level),
            int(seed),
            checked_number(int(variant), 1, MOST, "variant"),
        )
    except ConvvizError as err:
        raise ConvvizError(f"no sheet {code[:60]!r}: {err}", where) from None


def checked_topic(topic: str) -> str:
    """A topic by name; raises ConvvizError."""
    name = str(topic).strip().lower()
    if name not in TOPICS:
        raise ConvvizError(
            f"no topic {str(topic)[:60]!r}{nearest(name, TOPICS)} (topics: {', '.join(TOPICS)})"
        )
    return name


def checked_level(level: str) -> str:
    """A level by name; raises ConvvizError."""
    name = str(level).strip().lower()
    if name not in LEVELS:
        raise ConvvizError(
            f"must be {', '.join(LEVELS[:-1])} or {LEVELS[-1]}, got {str(level)[:60]!r}{nearest(name, LEVELS)}",
            "level",
        )
    return name


def checked_seed(seed: int) -> int:
    """A seed: a whole number of at most a hundred digits; raises ConvvizError."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 10**DIGITS:
        raise ConvvizError(
            f"must be a whole number from 0, of at most {DIGITS} digits, got {short(seed)}", "seed"
        )
    return seed


def checked_number(value: int, low: int, high: int, what: str) -> int:
    """A whole number within bounds; raises ConvvizError."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConvvizError(f"must be a whole number from {low:,} to {high:,}, got {short(value)}", what)
    return value


def short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 30 else f"{text[:27]}..."
