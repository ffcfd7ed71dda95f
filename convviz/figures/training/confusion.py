"""Who is taken for whom: the confusion matrix, in which mistakes stand out and the diagonal does not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.analysis.predictions import Predictions
from convviz.analysis.training import most_confused
from convviz.errors import ConvvizError
from convviz.figures import canvas, check_picture
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.training.page import EDGE, NARROWEST, heading, open_page, styled
from convviz.report.training.words import answered, images, named
from convviz.runs.run import Run
from convviz.theme import Theme, mix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 40  # classes
TALL = 27.0  # points of a row
NARROW, WIDE = 34.0, 56.0  # points of a column
NAMES = 96.0  # points that a row's name may take, at most
SHARES = 62.0  # points of the column at the right
LETTER = 8.6
PAIRS = 5  # that are told in words


def plot(run: Run, path: str | Path, *, theme: str = "light") -> None:
    """Draw into ``path`` (.png, .svg or .pdf); raises ConvvizError for another extension, or too many classes."""
    check_picture(path)
    with canvas.style():
        made = figure(run, theme=theme)
        canvas.save(made, path, title=title(run), words=description(run))


@styled
def figure(run: Run, *, theme: str = "light") -> Figure:
    """Counts by truth (rows) and answer (columns), with the share that is right of each row and each column."""
    found = run.predictions
    count = len(found.classes)
    if count > MOST:
        raise ConvvizError(f"{count} classes are too many to be drawn (at most {MOST})", "confusion")
    look = themes.theme(theme)
    widest = max(draw.width_of(name, LETTER, bold=True) for name in found.classes)
    side = min(max(NARROW, widest + 7), WIDE)
    names = min(max(widest, draw.width_of("precision", LETTER)) + 2, NAMES)
    corner = EDGE + names + 8
    width = max(corner + count * side + SHARES + EDGE, NARROWEST)
    head = heading(title(run), caption(run), width)
    y = head.bottom
    told = [line for pair in [words_of(found)] for line in draw.wrap(pair, width - 2 * EDGE, LETTER)]
    top = y + 38
    bottom = top + count * TALL
    made, ax = open_page(width, bottom + 34 + 13 * len(told) + EDGE - 6, look, head)
    grid = [[Box(corner + j * side, top + i * TALL, side, TALL) for j in range(count)] for i in range(count)]
    cells(ax, grid, found, look)
    labels(ax, grid, found, names, side, look)
    for i, line in enumerate(told):
        draw.write(ax, EDGE, bottom + 42 + 13 * i, line, look.ink, size=LETTER)
    return made


def cells(ax: Axes, grid: list[list[Box]], found: Predictions, look: Theme) -> None:
    """A tile for each pair: mistakes as dark as they are many, the diagonal rounded, nothing where it is 0."""
    matrix = found.confusion
    count = len(grid)
    most = max((int(matrix[i, j]) for i in range(count) for j in range(count) if i != j), default=0)
    flat = [grid[i][j] for i in range(count) for j in range(count)]
    wrong = int((~found.right).sum())
    # Where all pairs are confused alike, none of them stands out; the diagonal should.
    strength = 1.0 - 0.6 * wrong / max(most * count * (count - 1), 1)
    draw.tiles(ax, flat, edge=look.line, width=0.6)
    diagonal = [grid[i][i].inset(1.2) for i in range(count)]
    draw.tiles(
        ax, diagonal, fill=look["output"].fill, edge=look["output"].edge, width=0.9, rounded=True, above=3
    )
    for i in range(count):
        for j in range(count):
            n = int(matrix[i, j])
            if not n and i != j:
                continue
            box, ink = grid[i][j], look.ink
            if i != j:
                shade = mix(look.paper, look["active"].edge, strength * (0.14 + 0.86 * (n / most) ** 0.8))
                draw.tiles(ax, [box.inset(0.5)], fill=shade, above=3)
                ink = max((look.ink, look.paper), key=lambda c: themes.contrast(c, shade))
            text = f"{n:,}"
            size = draw.letter(box.width, len(text), 9.4) or draw.SMALLEST
            draw.numbers(ax, [(box, text)], ink, size=size, bold=i != j)


def labels(
    ax: Axes, grid: list[list[Box]], found: Predictions, names: float, side: float, look: Theme
) -> None:
    """Names along both sides, and what share of each row and column is right."""
    matrix = found.confusion
    first, last = grid[0][0], grid[-1][-1]
    left = first.x - 8
    draw.write(ax, first.x, first.y - 31, "answer", look.faint_ink, size=LETTER)
    draw.write(ax, left, first.y - 14, "truth", look.faint_ink, size=LETTER, align="right")
    draw.write(
        ax, last.right + SHARES - 6, first.y - 14, "recall", look.faint_ink, size=LETTER, align="right"
    )
    draw.write(ax, left, last.bottom + 14, "precision", look.faint_ink, size=LETTER, align="right")
    for i, name in enumerate(found.classes):
        row, column = grid[i][0], grid[0][i]
        draw.write(ax, left, row.centre[1], draw.clip(name, names, LETTER, bold=True), look.ink, size=LETTER, bold=True,
                   align="right")  # fmt: skip
        draw.write(ax, column.centre[0], first.y - 14, draw.clip(name, side - 3, LETTER, bold=True), look.ink,
                   size=LETTER, bold=True, align="center")  # fmt: skip
        truth, answer, right = int(matrix[i].sum()), int(matrix[:, i].sum()), int(matrix[i, i])
        recall = f"{100 * right / truth:.1f} %" if truth else "–"
        draw.write(
            ax, last.right + SHARES - 6, row.centre[1], recall, look.ink, size=8.2, mono=True, align="right"
        )
        precision = f"{100 * right / answer:.1f}" if answer else "–"
        draw.write(
            ax, column.centre[0], last.bottom + 14, precision, look.ink, size=8.2, mono=True, align="center"
        )


# -- words ------------------------------------------------------------------------------------------------------
def title(run: Run) -> str:
    wrong = int((~run.predictions.right).sum())
    return f"{wrong:,} mistake{'s' * (wrong != 1)} in {images(len(run.predictions))}: {named(run)}"


def caption(run: Run) -> str:
    return (
        f"{answered(run)} Rows: what an image is; columns: what the net says. Recall: share of a class that is found; "
        "precision: share of an answer that is right, in per cent. Empty cells are 0."
    )


def words_of(found: Predictions) -> str:
    """The most frequent mistakes in a sentence."""
    worst = most_confused(found, PAIRS)
    if not worst:
        return "No class is taken for another."
    told = ", ".join(f"{found.classes[p.truth]} for {found.classes[p.answer]} ({p.count:,})" for p in worst)
    return f"Most often taken: {told}."


def description(run: Run) -> str:
    """The picture in words."""
    return f"{title(run)}. {words_of(run.predictions)}"
