"""How far a net's confidence can be trusted: a reliability diagram with counts, intervals and the calibration error."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.analysis.predictions import BINS, Calibration
from convviz.analysis.statistics.intervals import wilson
from convviz.figures import canvas, check_picture
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.training.page import EDGE, heading, inset, open_page, quiet, styled
from convviz.report.training.words import named, percent
from convviz.runs.run import Run
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DIAGRAM = (462.0, 300.0)
COUNTS = 78.0  # points of the bars below
LEFT = 44.0
FEW = 20  # images below which a bin says little
LETTER = 8.4


def plot(run: Run, path: str | Path, *, bins: int = BINS, theme: str = "light") -> None:
    """Draw into ``path`` (.png, .svg or .pdf); raises ConvvizError for another extension."""
    check_picture(path)
    with canvas.style():
        made = figure(run, bins=bins, theme=theme)
        canvas.save(made, path, title=title(run), words=description(run, bins))


@styled
def figure(run: Run, *, bins: int = BINS, theme: str = "light") -> Figure:
    """Above: of the images in each bin of confidence, the share that is right, beside the diagonal; below: how many."""
    look = themes.theme(theme)
    found = run.predictions.calibration(bins)
    width = 2 * EDGE + LEFT + DIAGRAM[0]
    head = heading(title(run), caption(run, found), width)
    y = head.bottom
    made, board = open_page(width, y + 20 + DIAGRAM[1] + 40 + COUNTS + 40 + EDGE - 12, look, head)
    box = Box(EDGE + LEFT, y + 20, *DIAGRAM)
    diagram(made, board, box, found, look)
    histogram(made, board, Box(box.x, box.bottom + 48, box.width, COUNTS), found, look)
    return made


def diagram(made: Figure, board: Axes, box: Box, found: Calibration, look: Theme) -> None:
    """A bar a bin up to the share that was right, its Wilson interval, and the gap to its mean confidence."""
    ax = inset(made, box)
    quiet(ax, look)
    axis(ax, found, look)
    ax.set_ylim(0, 1.0)
    ax.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0], ["0", "20", "40", "60", "80", "100"])
    ax.plot((0, 1), (0, 1), color=look.ink, linewidth=1.0, dashes=(4, 3), zorder=3)
    wide = 1 / len(found.counts)
    for i, (n, sure, right) in enumerate(zip(found.counts, found.confidence, found.accuracy, strict=True)):
        if not n:
            continue
        role = look["input"]
        sparse = n < FEW
        ax.bar((i + 0.5) * wide, right, width=0.86 * wide, color="none" if sparse else role.fill, edgecolor=role.edge,
               linewidth=0.9, linestyle=(0, (2.4, 1.8)) if sparse else "-", zorder=2)  # fmt: skip
        interval = wilson(100 * right, n)
        ax.plot(
            (sure, sure), (interval.low / 100, interval.high / 100), color=role.edge, linewidth=1.3, zorder=4
        )
        ax.plot((sure, sure), (sure, right), color=look["active"].edge, linewidth=3.2, alpha=0.9, zorder=5,
                solid_capstyle="butt")  # fmt: skip
        ax.plot(sure, right, "o", color=role.edge, markersize=5, markeredgecolor=look.paper, markeredgewidth=0.8,
                zorder=6, clip_on=False)  # fmt: skip
    draw.write(board, box.x, box.y - 13, "Right, per cent of the bin", look.ink, size=10, bold=True)


def histogram(made: Figure, board: Axes, box: Box, found: Calibration, look: Theme) -> None:
    """Images in each bin, on a logarithmic scale, with their number."""
    ax = inset(made, box)
    quiet(ax, look)
    ax.grid(False)
    axis(ax, found, look)
    most = max(found.counts)
    ax.set_yscale("log")
    ax.set_ylim(0.7, most * 2.6)
    ax.yaxis.set_visible(False)
    ax.spines["left"].set_visible(False)
    wide = 1 / len(found.counts)
    size = min(8.0, box.width * wide * 0.94 / (0.6 * max(len(f"{n:,}") for n in found.counts)))
    for i, n in enumerate(found.counts):
        if not n:
            continue
        x = (i + 0.5) * wide
        ax.bar(
            x,
            n,
            width=0.86 * wide,
            color=look["muted"].fill,
            edgecolor=look["muted"].edge,
            linewidth=0.8,
            zorder=2,
        )
        if size >= draw.SMALLEST:
            made_text = ax.text(x, n * 1.12, f"{n:,}", color=look.ink, size=size, family="monospace", ha="center",
                                va="bottom")  # fmt: skip
            made_text.set_zorder(5)
    draw.write(board, box.x, box.y - 12, "Images in the bin (logarithmic)", look.ink, size=10, bold=True)
    told = "confidence: softmax of the answer, per cent"
    draw.write(
        board, box.x + box.width / 2, box.bottom + 27, told, look.faint_ink, size=LETTER, align="center"
    )


def axis(ax: Axes, found: Calibration, look: Theme) -> None:
    """Confidence from 0 to 100 per cent."""
    ax.set_xlim(0, 1)
    ax.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1.0], ["0", "20", "40", "60", "80", "100"])


# -- words ------------------------------------------------------------------------------------------------------
def title(run: Run) -> str:
    error = 100 * run.predictions.calibration().error
    return f"Calibration error {error:.2f} points: {named(run)}"


def caption(run: Run, found: Calibration) -> str:
    predictions = run.predictions
    sure, right = 100 * float(predictions.confidences.mean()), predictions.accuracy
    how = (
        "more sure than right"
        if sure > right
        else "less sure than right"
        if sure < right
        else "as sure as right"
    )
    return (
        f"Mean confidence {percent(sure)}, accuracy {percent(right)}: on average {how}. Dots: the share that is right, "
        f"at the bin's mean confidence, with 95 % intervals (Wilson); thick bars: the gap to the diagonal. The error "
        f"(ECE, {len(found.counts)} bins) is the mean gap over images. Dashed line: as sure as right; dashed bars: "
        f"fewer than {FEW} images."
    )


def description(run: Run, bins: int = BINS) -> str:
    """The picture in words."""
    return f"{title(run)}. {caption(run, run.predictions.calibration(bins))}"
