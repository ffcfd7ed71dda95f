"""The nets that runs trained."""

from __future__ import annotations

from convviz.errors import ConvvizError
from convviz.graph import Graph
from convviz.read import read
from convviz.runs.recipe import Recipe
from convviz.runs.results import Results
from convviz.runs.variants import varied


def net_of(found: Results, arm: str, recipe: Recipe) -> Graph:
    """The net of an arm, with the norm and dropout of its recipe; the copy in its run directory where there is one.

    Raises ConvvizError where it cannot be read.
    """
    kept = [run.net_source for run in found.folders if run.arm == arm]
    try:
        return varied(read(kept[0] if kept else recipe.net), recipe.norm, recipe.dropout)
    except ConvvizError as error:
        raise ConvvizError(
            f"the net cannot be read ({error}); give its run directories", f"arm {arm!r}"
        ) from None
