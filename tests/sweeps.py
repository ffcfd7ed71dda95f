"""Sweeps of many small cases: a test for each would take longer to collect and to report than to run."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

import pytest

Case = TypeVar("Case")
Test = Callable[..., None]
TOGETHER = 25  # seeds in one test


def reseed() -> None:
    """Every case draws the same weights, whatever ran before it on the same worker."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(0)


def sweep(
    names: str, cases: Iterable[Case], by: Callable[[Case], object], ids: Callable[[Case], object] = str
) -> Callable[[Test], Test]:
    """Like pytest.mark.parametrize, but the cases of one ``by`` are one test, which names every case that fails.

    names: the test's arguments that a case fills, such as "x" or "x, y"; ids: a case in words.
    """
    filled = names.replace(" ", "").split(",")
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(str(by(case)), []).append(case)

    def swept(test: Test) -> Test:
        @wraps(test)
        def run(cases: list[Case], **others: Any) -> None:
            failed: list[Exception] = []
            for case in cases:
                reseed()
                values = case if isinstance(case, tuple) and len(filled) > 1 else (case,)
                try:
                    test(**dict(zip(filled, values, strict=True)), **others)
                except Exception as error:
                    error.add_note(f"{names} = {ids(case)}")
                    failed.append(error)
            if len(failed) == 1:
                raise failed[0]
            if failed:
                raise ExceptionGroup(f"{len(failed)} of {len(cases)} cases", failed)

        own = inspect.signature(test)
        kept = [parameter for name, parameter in own.parameters.items() if name not in filled]
        given = inspect.Parameter("cases", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        run.__signature__ = own.replace(parameters=[given, *kept])  # type: ignore[attr-defined]
        return pytest.mark.parametrize("cases", list(groups.values()), ids=list(groups))(run)

    return swept


def seeds(count: int) -> Callable[[Test], Test]:
    """All seeds below a count."""
    return sweep("seed", range(count), lambda seed: f"from {seed - seed % TOGETHER}")
