"""Checks for the settings of a recipe: each takes what a file or a command line gave, and returns it normalised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from convviz.errors import ConvvizError, FieldError, nearest
from convviz.ops.base import shorten

Check = Callable[[str, Any], Any]
WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
LARGEST = 10**9


def whole(low: int = 0, high: int = LARGEST) -> Check:
    """An integer between ``low`` and ``high``; text and floats that are whole count."""

    def check(name: str, value: Any) -> int:
        number = _number(value)
        if number is None or number != int(number) or not low <= number <= high:
            raise FieldError(name, f"must be a whole number from {low:,} to {high:,}, got {shorten(value)}")
        return int(number)

    return check


def real(low: float = 0.0, high: float = 1e9, open_low: bool = False, open_high: bool = False) -> Check:
    """A finite number between ``low`` and ``high``."""

    def check(name: str, value: Any) -> float:
        number = _number(value)
        above = number is not None and (number > low if open_low else number >= low)
        below = number is not None and (number < high if open_high else number <= high)
        if number is None or not above or not below:
            span = f"{'above' if open_low else 'from'} {low:g} {'to below' if open_high else 'to'} {high:g}"
            raise FieldError(name, f"must be a number {span}, got {shorten(value)}")
        return float(number)

    return check


def _number(value: Any) -> float | int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def yes_or_no(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    found = WORDS.get(str(value).strip().lower())
    if found is None:
        raise FieldError(name, f"must be true or false, got {shorten(value)}")
    return found


def text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise FieldError(name, f"must be text, got {shorten(value)}")
    return value


def any_text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise FieldError(name, f"must be text, got {shorten(value)}")
    return value


def one_of(*words: str) -> Check:
    def check(name: str, value: Any) -> str:
        if value not in words:
            raise FieldError(
                name, f"must be one of {', '.join(words)}, got {shorten(value)}{nearest(str(value), words)}"
            )
        return str(value)

    return check


def or_none(inner: Check) -> Check:
    """``inner``, or None; ``none`` and ``null`` as text mean None."""

    def check(name: str, value: Any) -> Any:
        if value is None or (isinstance(value, str) and value.strip().lower() in ("none", "null", "")):
            return None
        return inner(name, value)

    return check


def named_arguments(name: str, value: Any) -> dict[str, Any]:
    """A class and its arguments: ``SGD``, ``{name: SGD, lr: 0.1}`` or ``{SGD: {lr: 0.1}}``."""
    if isinstance(value, str) and value.strip():
        return {"name": value.strip()}
    if not isinstance(value, Mapping):
        raise FieldError(
            name, f"must be a name, or a name and its arguments as {{SGD: {{lr: 0.1}}}}, got {shorten(value)}"
        )
    if "name" in value:
        found = dict(value)
    elif len(value) == 1:
        (kind, arguments), *_ = value.items()
        if arguments is not None and not isinstance(arguments, Mapping):
            raise FieldError(f"{name}.{kind}", f"must be arguments by name, got {shorten(arguments)}")
        found = {"name": kind, **(arguments or {})}
    else:
        raise FieldError(name, "must say its name, as {SGD: {lr: 0.1}}")
    if not isinstance(found["name"], str) or not found["name"]:
        raise FieldError(f"{name}.name", f"must be a name, got {shorten(found['name'])}")
    for key in found:
        if not isinstance(key, str):
            raise FieldError(name, f"has an argument {key!r} that is no name")
    return {key: _plain(item) for key, item in found.items()}


def _plain(value: Any) -> Any:
    """YAML reads 1e-4 as text; numbers as text are numbers here."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        number = _number(value)
        if number is not None:
            return int(value) if value.strip().lstrip("+-").isdigit() else float(number)
        return WORDS.get(value.strip().lower(), value)
    if isinstance(value, float) and not isfinite(value):
        raise ConvvizError(f"must be finite numbers, got {shorten(value)}")
    if value is None or isinstance(value, bool | int | float):
        return value
    raise ConvvizError(f"must be plain values, got {shorten(value)}")
