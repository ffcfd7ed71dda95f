"""The public names: all resolve, and every result shows itself in a terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import convviz

NET = convviz.read("code8")
RESULTS: dict[str, Callable[[], Any]] = {
    "receptive_field": lambda: convviz.receptive_field(NET),
    "checkerboard": lambda: convviz.checkerboard(convviz.read("dcgan")),
    "overlap": lambda: convviz.overlap(3, 2),
    "gridding": lambda: convviz.gridding([2, 3, 5]),
    "compare_runs": lambda: convviz.compare_runs({"a": {0: 99.1, 1: 99.2}, "b": {0: 99.3, 1: 99.2}}),
    "exercises": lambda: convviz.exercises("rf"),
    "normalize": lambda: convviz.normalize([[1, 2], [3, 5]], "layer"),
    "normalize_all": lambda: convviz.normalize_all([[1, 2], [3, 5]]),
    "kinds": lambda: convviz.kinds(64, 128, 56),
    "heads": lambda: convviz.heads((64, 7, 7)),
    "regularize": lambda: convviz.regularize([[3, -1]], "l1"),
    "softmax": lambda: convviz.softmax([1, 2, 3]),
    "path_counts": lambda: convviz.path_counts(NET),
    "sizes": lambda: convviz.sizes(NET),
    "suggest": lambda: convviz.suggest(NET, 40),
    "tiling": lambda: convviz.tiling(convviz.read("unet"), 572),
}


@pytest.mark.parametrize("name", convviz.__all__)
def test_public_names_resolve(name: str) -> None:
    if name == "effective_receptive_field":
        pytest.importorskip("torch")
    assert getattr(convviz, name) is not None
    assert name in dir(convviz)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'receptive_fields'"):
        convviz.receptive_fields  # noqa: B018


@pytest.mark.parametrize("name", RESULTS)
def test_results_show_themselves(name: str) -> None:
    result = RESULTS[name]()
    text, html = repr(result), result._repr_html_()
    assert len(text.splitlines()) > 1 and "object at 0x" not in text
    assert "<table" in html and "</table>" in html


def test_a_plan_shows_itself() -> None:
    from convviz.ops import build

    html = convviz.explain(build("conv", {"out_channels": 1, "kernel_size": 3}), (1, 4, 4))._repr_html_()
    assert "<table" in html
