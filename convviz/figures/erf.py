"""Path counts beside the effective receptive field, on the theoretical box: maps, or curves along one axis."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.errors import ConvvizError
from convviz.figures import canvas, check_picture
from convviz.figures.erf_maps import maps
from convviz.figures.erf_panels import description, panels, title
from convviz.figures.erf_strips import strips
from convviz.report.erf import Result, paths_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NETS = 8  # in one picture


def plot(results: Sequence[Result], path: str | Path, *, theme: str = "light") -> None:
    """Draw ``results`` below each other into ``path`` (.png, .svg or .pdf); raises ConvvizError for another
    extension, for nets with different numbers of axes and where there are too many cells to draw.
    """
    check_picture(path)
    with canvas.style():
        made = figure(results, theme=theme)
        canvas.save(made, path, title=title(results), words=description(results))


def figure(results: Sequence[Result], *, theme: str = "light") -> Figure:
    """The picture as a matplotlib figure, on no screen and in no global state."""
    look = themes.theme(theme)
    ranks = {len(paths_of(r).size) for r in results}
    if len(ranks) != 1 or len(results) > NETS:
        why = "with the same number of axes" if len(ranks) != 1 else f"at most {NETS}"
        raise ConvvizError(f"one picture shows nets {why}", "--plot")
    rows = [(result, panels(result)) for result in results]
    return strips(rows, look, results) if ranks == {1} else maps(rows, look, results)
