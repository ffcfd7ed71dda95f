"""What cannot be followed is named and left out; everything else is answered."""

from __future__ import annotations

import pytest

from convviz.analysis import receptive_field, unit
from convviz.analysis.channels import channels
from convviz.analysis.padding import padding_reach
from convviz.analysis.results import ReceptiveField
from convviz.errors import ConvvizError
from convviz.graph import GraphBuilder
from convviz.ops import build
from convviz.report.tables import render_rf


@pytest.fixture(scope="module")
def result() -> ReceptiveField:
    """A detection head: maps of two scales, flattened and laid end to end, have no one grid."""
    builder = GraphBuilder("head", {"input": (3, 16, 16)})
    builder.add("fine", build("conv", {"out_channels": 4, "kernel_size": 3, "padding": 1}), ["input"])
    builder.add("coarse", build("max_pool", {"kernel_size": 2}), ["fine"])
    for name in ("fine", "coarse"):
        builder.add(f"{name}_list", build("reshape", {"size": [4, -1]}), [name])
    builder.add("boxes", build("concat", {"dim": 2}), ["fine_list", "coarse_list"], where="Head (head.py:12)")
    builder.add("relu", build("relu"), ["boxes"])
    return receptive_field(builder.build())


def test_the_rest_is_answered(result: ReceptiveField) -> None:
    assert result["coarse_list"] is not None and result["coarse_list"].size == (4, 4)
    assert result["boxes"] is None and result["relu"] is None


def test_it_is_named_with_its_place_and_what_lies_behind(result: ReceptiveField) -> None:
    (warning,) = result.warnings
    assert warning.startswith("Head (head.py:12): concat ")
    assert "--treat" in warning and warning.endswith("so it is with 1 layer behind it")
    assert "Head (head.py:12)" in " ".join(render_rf(result, "table").split())


def test_asking_for_it_says_why(result: ReceptiveField) -> None:
    for ask in (
        lambda: unit(result, (0, 0), "relu"),
        lambda: padding_reach(result, "boxes"),
        lambda: channels(result.graph)["relu"],
    ):
        with pytest.raises(ConvvizError, match=r"Head \(head.py:12\): concat "):
            ask()
