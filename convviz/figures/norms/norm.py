"""Normalization as a picture: one method worked out, or all methods side by side on one batch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.analysis.norms.normalize import Normalized, Norms
from convviz.analysis.norms.set_names import names_of
from convviz.errors import ConvvizError
from convviz.figures import canvas, check_picture
from convviz.figures.norms import all as norm_all
from convviz.figures.norms import one as norm_one
from convviz.figures.norms import words
from convviz.figures.norms.table import columns
from convviz.plan.words import count, number, size
from convviz.report.norms.words import starts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Cell = tuple[int, ...]
TOLD = 8  # sets whose statistics are told in words


def plot(
    result: Normalized | Norms, path: str | Path, theme: str = "light", *, cell: Cell | None = None
) -> None:
    """Draw ``result`` into ``path`` (.png, .svg or .pdf); raises ConvvizError for another extension."""
    check_picture(path)
    with canvas.style():
        made = figure(result, theme, cell=cell)
        canvas.save(made, path, title=title(result), words=description(result, cell))


def figure(result: Normalized | Norms, theme: str = "light", *, cell: Cell | None = None) -> Figure:
    """The picture as a matplotlib figure, on no screen and in no global state.

    cell: ``(n, c, *space)``, the value that is followed; None: a telling one. Raises ConvvizError for a place outside
    the batch.
    """
    look = themes.theme(theme)
    x = result.x if isinstance(result, Normalized) else result.results[0].x
    if cell is not None and not (
        len(cell) == x.ndim and all(0 <= i < n for i, n in zip(cell, x.shape, strict=True))
    ):
        raise ConvvizError(f"must be a place (n, c, *space) in {size(x.shape)}, got {tuple(cell)}", "cell")
    with canvas.style():
        part = norm_one if isinstance(result, Normalized) else norm_all
        return part.figure(result, look, cell)  # type: ignore[arg-type]


def title(result: Normalized | Norms) -> str:
    """What the picture is about, in a line."""
    if isinstance(result, Normalized):
        return words.title(result)
    shape = words.shape_told(result.results[0])
    return f"Who shares statistics? One batch, {shape}, under {count(len(result.results), 'method')}"


def description(result: Normalized | Norms, cell: Cell | None = None) -> str:
    """The picture in words, for those who cannot see it."""
    at = cell or telling(result)
    if isinstance(result, Norms):
        return " ".join(
            [f"{title(result)}.", *(f"{words.name(one)}: {told(one, at)}" for one in result.results)]
        )
    sets = []
    for label, name in enumerate(names_of(result)[:TOLD]):
        values = ", ".join(f"{what} {number(own[label])}" for what, own in columns(result, not result.live))
        sets.append(f"{name}: {values}")
    more = len(result.shift) - len(sets)
    left = f"; {more:,} more" if more else ""
    return f"{words.title(result)}. {words.shape_told(result)}. {'; '.join(sets)}{left}. {told(result, at)}"


def telling(result: Normalized | Norms) -> Cell:
    """The value that is followed unless one is asked for."""
    return norm_one.telling(result) if isinstance(result, Normalized) else norm_all.telling(result)


def told(result: Normalized, cell: Cell) -> str:
    """Who shares, and one value worked out."""
    value = number(float(result.normalized[cell]))
    scaled = "" if starts(result) else f"; {words.affine(result, cell)}"
    who = f"{words.sharing(result)}; {words.counted(result)}"
    return f"{who}. {words.place(cell)} becomes {words.of_one(result, cell)} = {value}{scaled}."
