"""Every example in a docstring runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import convviz
from tests.sweeps import sweep

MODULES = sorted(
    m.name for m in pkgutil.walk_packages(convviz.__path__, "convviz.") if not m.name.endswith("__main__")
)


@sweep("name", ["convviz", *MODULES], lambda name: ".".join(name.split(".")[:2]))
def test_examples(name: str) -> None:
    found = doctest.testmod(
        importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    )
    assert not found.failed


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder()
    counts = [len(t.examples) for name in MODULES for t in finder.find(importlib.import_module(name))]
    assert sum(counts) >= 10
