"""Misclassified test images of one run, or of several, the most confident mistake first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.analysis.predictions import Mistaken
from convviz.errors import ConvvizError
from convviz.figures import canvas, check_picture
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.training.page import EDGE, NARROWEST, frame, heading, open_page, paint, shown, styled
from convviz.ops.base import Array
from convviz.report.training.words import answered, arm_of, images, named, share
from convviz.runs.run import Run
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COUNT = 10
ACROSS = 5  # columns where no grid is told
MOST = 400  # images of a page
SIDE, WIDEST = 96.0, 150.0  # points of an image's side, and where names are long
GAP, WORDS = 16.0, 70.0  # points between two images, and of the words below one
LETTER = 8.6
BAR = 3.0  # points of a probability's bar
ARM = 30.0  # points of an arm's heading

Grid = tuple[int, int]  # columns, rows


def plot(
    run: Run,
    images: Array,
    path: str | Path,
    *,
    count: int = COUNT,
    grid: Grid | None = None,
    theme: str = "light",
) -> None:
    """Draw into ``path`` (.png, .svg or .pdf); raises ConvvizError for another extension."""
    check_picture(path)
    with canvas.style():
        made = figure(run, images, count=count, grid=grid, theme=theme)
        canvas.save(made, path, title=title(run, count), words=description(run, count))


@styled
def figure(
    run: Run, images: Array, *, count: int = COUNT, grid: Grid | None = None, theme: str = "light"
) -> Figure:
    """The ``count`` worst of a run; grid: (columns, rows), a smaller one if there are fewer.

    images: bytes (N, C, H, W), the test images in their order. Raises ConvvizError for a count or a grid that is not
    positive or too large, and one that has less room than ``count``.
    """
    columns = across(count, grid)
    check_images(run, images)
    look = themes.theme(theme)
    found = run.predictions.worst(count)
    tiles = Tiles.of([run], min(columns, max(len(found), 1)))
    width = max(2 * EDGE + tiles.width, NARROWEST)
    head = heading(title(run, count), caption(run), width)
    y = head.bottom
    made, ax = open_page(width, y + tiles.height(len(found)) + EDGE - 14, look, head)
    mistakes(ax, EDGE, y, found, images, run.predictions.classes, tiles, look)
    return made


def plot_of_arms(
    runs: Sequence[Run],
    images: Array,
    path: str | Path,
    *,
    count: int = COUNT,
    grid: Grid | None = None,
    theme: str = "light",
) -> None:
    """Draw the worst of several runs into ``path``."""
    check_picture(path)
    with canvas.style():
        made = figure_of_arms(runs, images, count=count, grid=grid, theme=theme)
        words = " ".join(description(run, count) for run in runs)
        canvas.save(made, path, title=title_of_arms(runs, count), words=words)


@styled
def figure_of_arms(
    runs: Sequence[Run], images: Array, *, count: int = COUNT, grid: Grid | None = None, theme: str = "light"
) -> Figure:
    """The ``count`` worst of each of several runs, which were tested on the same ``images``, below each other."""
    if not runs:
        raise ConvvizError("there are no runs to draw", "misclassified")
    columns = across(count, grid)
    look = themes.theme(theme)
    for run in runs:
        check_images(run, images)
    worst = [run.predictions.worst(count) for run in runs]
    tiles = Tiles.of(runs, min(columns, max(1, *map(len, worst))))
    width = max(2 * EDGE + tiles.width, NARROWEST)
    head = heading(title_of_arms(runs, count), HOW, width)
    y = head.bottom
    tall = sum(ARM + tiles.height(len(found)) for found in worst)
    made, ax = open_page(width, y + tall + EDGE - 14, look, head)
    for run, found in zip(runs, worst, strict=True):
        room = width - 2 * EDGE
        told = answered(run)
        name = draw.clip(arm_of(run), room * 0.4, 11, bold=True)
        draw.strokes(ax, [[(EDGE, y - 5), (width - EDGE, y - 5)]], look.line, width=0.8)
        draw.write(ax, EDGE, y + 7, name, look.ink, size=11, bold=True)
        left = draw.width_of(name, 11, bold=True) + 12
        draw.write(ax, EDGE + left, y + 7, draw.clip(told, room - left, LETTER), look.faint_ink, size=LETTER)
        y += ARM
        mistakes(ax, EDGE, y, found, images, run.predictions.classes, tiles, look)
        y += tiles.height(len(found))
    return made


def across(count: int, grid: Grid | None) -> int:
    """Columns of the grid; raises ConvvizError for a grid or count that cannot be drawn."""
    if not 1 <= count <= MOST:
        raise ConvvizError(f"must be 1 to {MOST}, got {count}", "--count")
    if grid is None:
        return min(ACROSS, count) if count <= 2 * ACROSS else ceil(count**0.5)
    columns, rows = grid
    if columns < 1 or rows < 1:
        raise ConvvizError(f"must be columns by rows, such as 5x2, got {columns}x{rows}", "--grid")
    if columns * rows < count:
        raise ConvvizError(f"has room for {columns * rows}, but the count is {count}", "--grid")
    if columns > MOST // 10:
        raise ConvvizError(f"must have at most {MOST // 10} columns, got {columns}", "--grid")
    return columns


def check_images(run: Run, images: Array) -> None:
    """Raises ConvvizError unless these can be the run's test images."""
    if images.ndim != 4 or len(images) != len(run.predictions):
        raise ConvvizError(
            f"must be the {len(run.predictions):,} test images (N, C, H, W) of the run, got {images.shape}",
            "images",
        )


# -- tiles ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Tiles:
    """Images in columns, as wide as the longest name of a class with its probability needs."""

    side: float
    columns: int

    @classmethod
    def of(cls, runs: Sequence[Run], columns: int) -> Tiles:
        return cls(max(side_for(run.predictions.classes) for run in runs), columns)

    @property
    def width(self) -> float:
        return self.columns * (self.side + GAP) - GAP

    def height(self, count: int) -> float:
        return max(ceil(count / self.columns) * (self.side + WORDS), 24.0)

    def box(self, x: float, y: float, i: int) -> Box:
        row, column = divmod(i, self.columns)
        return Box(x + column * (self.side + GAP), y + row * (self.side + WORDS), self.side, self.side)


def side_for(classes: Sequence[str], least: float = SIDE) -> float:
    """Points of an image's side below which every class has room beside its probability."""
    name = max(draw.width_of(name, LETTER, bold=True) for name in classes)
    return min(
        max(least, draw.width_of("said ", LETTER) + name + 8 + draw.width_of(">99.9 %", 8.0, mono=True)),
        WIDEST,
    )


def mistakes(
    ax: Axes,
    x: float,
    y: float,
    found: Sequence[Mistaken],
    images: Array,
    classes: Sequence[str],
    tiles: Tiles,
    look: Theme,
) -> None:
    """Tiles in rows, from the top left."""
    if not found:
        draw.write(
            ax,
            x,
            y + 6,
            "Every test image was classified correctly: there is nothing to show.",
            look.ink,
            size=10,
        )
    for i, one in enumerate(found):
        box = tiles.box(x, y, i)
        paint(ax, box, shown(images[one.index], look))
        frame(ax, box, look)
        said(
            ax, box.x, box.bottom + 11, box.width, "said", classes[one.answer], one.confidence, "active", look
        )
        said(ax, box.x, box.bottom + 31, box.width, "is", classes[one.truth], one.of_truth, "output", look)
        draw.write(ax, box.x, box.bottom + 50, f"test image {one.index:,}", look.faint_ink, size=7.8)


def said(
    ax: Axes, x: float, y: float, width: float, word: str, name: str, sure: float, role: str, look: Theme
) -> None:
    """A class, how probable the net held it, and that as a bar below."""
    number = share(sure)
    room = width - draw.width_of(number, 8.0, mono=True) - 5
    first = draw.width_of(f"{word} ", LETTER)
    draw.write(ax, x, y, word, look.faint_ink, size=LETTER)
    draw.write(
        ax, x + first, y, draw.clip(name, room - first, LETTER, bold=True), look.ink, size=LETTER, bold=True
    )
    draw.write(ax, x + width, y, number, look.ink, size=8.0, mono=True, align="right")
    bar = Box(x, y + 6.5, width, BAR)
    draw.tiles(ax, [bar], fill=look["muted"].fill)
    if sure * width >= 0.4:
        draw.tiles(ax, [Box(bar.x, bar.y, sure * width, BAR)], fill=look[role].edge, above=3)


# -- words ------------------------------------------------------------------------------------------------------
HOW = "The most confident mistakes come first. Bars: the softmax of the answer and of the truth."


def title(run: Run, count: int) -> str:
    wrong = int((~run.predictions.right).sum())
    if not wrong:
        return f"No misclassified test image: {named(run)}"
    some = f"The {count:,} worst of {wrong:,}" if count < wrong else "The" if wrong == 1 else f"All {wrong:,}"
    return f"{some} misclassified image{'s' * (wrong > 1)}: {named(run)}"


def title_of_arms(runs: Sequence[Run], count: int) -> str:
    sets = list(dict.fromkeys(run.data_set for run in runs))
    return f"Misclassified images of {len(runs)} run{'s' * (len(runs) > 1)} on {', '.join(sets)}"


def caption(run: Run) -> str:
    return f"{answered(run)} {HOW}" if (~run.predictions.right).any() else answered(run)


def description(run: Run, count: int) -> str:
    """The picture in words."""
    found = run.predictions
    told = "; ".join(
        f"test image {one.index} is {found.classes[one.truth]}, said {found.classes[one.answer]} "
        f"with {share(one.confidence)}"
        for one in found.worst(count)
    )
    right = f"{named(run)}: {images(int(found.right.sum()))} of {len(found):,} classified correctly."
    return f"{right} {told}." if told else right
