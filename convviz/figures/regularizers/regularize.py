"""Regularizers as pictures: each result has its own, from its numbers and its plan's words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.analysis.regularizers.contours import Contours
from convviz.analysis.regularizers.decay import Decay
from convviz.analysis.regularizers.dropout import Dropout
from convviz.analysis.regularizers.geometry import Geometry
from convviz.analysis.regularizers.penalty import Penalty
from convviz.analysis.regularizers.regularize import Regularizer
from convviz.figures import canvas, check_picture
from convviz.figures.regularizers import contours, data, dropout, geometry, runs
from convviz.plan.regularizers.regularize import plan_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot(found: Regularizer, path: str | Path, *, theme: str = "light") -> None:
    """Draw a result into ``path`` (.png, .svg or .pdf); raises ConvvizError for another extension."""
    check_picture(path)
    with canvas.style():
        made = figure(found, theme=theme)
        canvas.save(made, path, title=plan_of(found).title, words=description(found))


def figure(found: Regularizer, *, theme: str = "light") -> Figure:
    """The picture as a matplotlib figure, on no screen and in no global state."""
    look = themes.theme(theme)
    plan = plan_of(found)
    with canvas.style():
        if isinstance(found, Penalty | Decay):
            return runs.figure(found, plan, look)
        if isinstance(found, Dropout):
            return dropout.figure(found, plan, look)
        if isinstance(found, Geometry):
            return geometry.figure(found, plan, look)
        if isinstance(found, Contours):
            return contours.figure(found, plan, look)
        return data.figure(found, plan, look)


def description(found: Regularizer) -> str:
    """The picture in words, for those who cannot see it."""
    plan = plan_of(found)
    told = [
        f"{rule.about}: {' = '.join(filter(None, (rule.symbols, rule.numbers, rule.result)))}."
        for rule in plan.formulas
    ]
    return " ".join([f"{plan.title}.", *told, *plan.notes])
