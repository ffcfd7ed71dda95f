"""A sweep runs every case, names those that fail, and leaves a test its fixtures."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from tests.sweeps import seeds, sweep


def groups(test: Any) -> dict[str, list[Any]]:
    (mark,) = test.pytestmark
    return dict(zip(mark.kwargs["ids"], mark.args[1], strict=True))


def test_every_case_that_fails_is_named() -> None:
    @sweep("n", range(6), lambda n: "odd" if n % 2 else "even", ids=lambda n: f"number {n}")
    def small(n: int) -> None:
        assert n < 3

    found = groups(small)
    assert found == {"even": [0, 2, 4], "odd": [1, 3, 5]}
    with pytest.raises(AssertionError) as one:
        small(cases=found["even"])
    assert one.value.__notes__ == ["n = number 4"]
    with pytest.raises(ExceptionGroup, match="2 of 3 cases") as several:
        small(cases=found["odd"])
    assert [error.__notes__ for error in several.value.exceptions] == [["n = number 3"], ["n = number 5"]]
    small(cases=[0, 1, 2])


def test_a_case_that_is_skipped_skips_the_test() -> None:
    @seeds(3)
    def skipping(seed: int) -> None:
        pytest.importorskip("no_such_module")

    with pytest.raises(pytest.skip.Exception):
        skipping(cases=[0, 1, 2])


@sweep("n, word", [(1, "a"), (2, "b"), (3, "a")], lambda case: case[1])
def test_cases_of_several_values_and_fixtures(tmp_path: Path, n: int, word: str) -> None:
    assert tmp_path.is_dir() and word == {1: "a", 2: "b", 3: "a"}[n]


def test_all_seeds_are_in_some_test() -> None:
    @seeds(60)
    def nothing(seed: int) -> None: ...

    found = groups(nothing)
    assert list(found) == ["from 0", "from 25", "from 50"] and [*chain(*found.values())] == [*range(60)]
