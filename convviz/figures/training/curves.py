"""Loss and accuracy of a run, epoch by epoch: training and test, the last epoch marked, the last five told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from convviz import theme as themes
from convviz.analysis.training import tail
from convviz.errors import ConvvizError
from convviz.figures import canvas, check_picture
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.training.ends import End, write_ends
from convviz.figures.training.overlay import overlay, plot_overlay
from convviz.figures.training.page import EDGE, heading, inset, open_page, quiet, styled
from convviz.figures.training.scales import accuracy_axis, epoch_axis, loss_axis
from convviz.report.training.words import epochs, named, percent
from convviz.runs.run import Run
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 820.0  # points of the page
PANEL = (282.0, 208.0)
LABELS = 74.0  # points at the right of a panel, for the lines' names
LEFT = 40.0  # points at its left, for the numbers
RATE = 46.0  # points of the learning rate's height
MARKERS = 30  # epochs up to which each is a dot
LETTER = 8.4
SERIES: tuple[tuple[str, str, Any, str], ...] = (
    ("train", "input", (0, (5, 2)), "s"),
    ("test", "active", "-", "o"),
)  # name, role, dash, marker


def plot(run: Run, path: str | Path, *, theme: str = "light") -> None:
    """Draw into ``path`` (.png, .svg or .pdf); raises ConvvizError for another extension, or a run without epochs."""
    check_picture(path)
    with canvas.style():
        made = figure(run, theme=theme)
        canvas.save(made, path, title=title(run), words=description(run))


@styled
def figure(run: Run, *, theme: str = "light") -> Figure:
    """The picture as a matplotlib figure; of a run that is not finished, what there is so far."""
    if not run.history:
        raise ConvvizError("no epoch is finished, so there are no curves", str(run.folder))
    look = themes.theme(theme)
    rates = run.column("lr")
    changes = len(set(rates)) > 1 and len(rates) == len(run.history)
    head = heading(title(run), caption(run), WIDTH)
    y = head.bottom
    below = PANEL[1] + 48 + (RATE + 18 if changes else 18)
    made, ax = open_page(WIDTH, y + 20 + below + EDGE + 2, look, head)
    lefts = (EDGE + LEFT, EDGE + LEFT + PANEL[0] + LABELS + LEFT + 8)
    for left, kind in zip(lefts, ("loss", "accuracy"), strict=True):
        box = Box(left, y + 20, *PANEL)
        panel(made, ax, box, run, kind, look)
    y += 20 + PANEL[1] + 48
    if changes:
        rate(made, ax, Box(lefts[0], y + 8, PANEL[0], RATE), rates, look)
    elif rates:
        draw.write(
            ax, lefts[0], y, f"Learning rate: {rates[0]:g} in every epoch", look.faint_ink, size=LETTER
        )
    told_last(ax, lefts[1], y, run, look)
    return made


def panel(made: Figure, board: Axes, box: Box, run: Run, kind: str, look: Theme) -> None:
    """Training and test of one figure, their names at the last epoch."""
    ax = inset(made, box)
    quiet(ax, look)
    found = {name: run.column(f"{name}_{kind}") for name, *_ in SERIES}
    both = [value for values in found.values() for value in values]
    alike = run.summary.get("train_accuracy_alike") if kind == "accuracy" else None
    stretched = (
        accuracy_axis(ax, [*both, *([alike] if alike is not None else [])]) if kind == "accuracy" else False
    )
    logarithmic = loss_axis(ax, both) if kind == "loss" else False
    count = len(run.history)
    epoch_axis(ax, count)
    if kind == "accuracy":
        last_five(ax, run, look)
    for name, role, dash, marker in SERIES:
        line(ax, found[name], look[role].edge, dash, marker, look)
    what = "Accuracy, per cent" if kind == "accuracy" else "Loss (cross-entropy)"
    how = "stretched towards 100" if stretched else "logarithmic" if logarithmic else ""
    draw.write(board, box.x, box.y - 14, what, look.ink, size=10, bold=True)
    if how:
        draw.write(board, box.right, box.y - 14, how, look.faint_ink, size=LETTER, align="right")
    draw.write(
        board, box.x + box.width / 2, box.bottom + 25, "epoch", look.faint_ink, size=LETTER, align="center"
    )
    ends = [
        End(name, found[name][-1], said(found[name][-1], kind), look[role].edge) for name, role, *_ in SERIES
    ]
    if alike is not None:
        ax.plot([count], [alike], "D", markersize=6, markerfacecolor="none", markeredgecolor=look["input"].edge,
                markeredgewidth=1.3, zorder=7, clip_on=False)  # fmt: skip
        ends.append(End("train*", alike, said(alike, kind), look["input"].edge))
    write_ends(board, ax, box, ends, LABELS, look)


def said(value: float, kind: str) -> str:
    return percent(value) if kind == "accuracy" else f"{value:.4g}"


def line(ax: Axes, values: tuple[float, ...], colour: str, dash: Any, marker: str, look: Theme) -> None:
    """A line through all epochs, a dot on each where there are few, a large one on the last."""
    x = range(1, len(values) + 1)
    few = len(values) <= MARKERS
    ax.plot(x, values, color=colour, linewidth=1.7, linestyle=dash, marker=marker if few else None, markersize=3.2,
            zorder=4, clip_on=False)  # fmt: skip
    ax.plot([len(values)], [values[-1]], marker, color=colour, markersize=6.5, markeredgecolor=look.paper,
            markeredgewidth=0.8, zorder=6, clip_on=False)  # fmt: skip


def last_five(ax: Axes, run: Run, look: Theme) -> None:
    """A band over the last epochs, and a line at the lowest test accuracy in them."""
    found = tail(run.history)
    if found is None or len(found.values) < 2:
        return
    end = found.first + len(found.values) - 1
    ax.axvspan(found.first - 0.25, end + 0.25, color=look["muted"].fill, alpha=0.6, linewidth=0, zorder=0.5)
    ax.plot([found.first - 0.25, end + 0.25], [found.minimum] * 2, color=look["active"].edge, linewidth=1.1,
            linestyle=(0, (1, 1.5)), zorder=5)  # fmt: skip


def told_last(ax: Axes, x: float, y: float, run: Run, look: Theme) -> None:
    """The last five epochs in figures; the lowest has an edge, the last is bold."""
    found = tail(run.history)
    assert found is not None
    count = len(found.values)
    heading = "Test accuracy, last epoch" if count == 1 else f"Test accuracy, last {count} epochs"
    draw.write(ax, x, y, heading, look.faint_ink, size=LETTER)
    for i, value in enumerate(found.values):
        left, last = x + 46 * i, i == count - 1
        told = f"{value:.2f}"
        draw.write(ax, left, y + 15, told, look.ink, size=9, mono=True, bold=last)
        if value == found.minimum and count > 1:
            wide = draw.width_of(told, 9, mono=True, bold=last)
            draw.tiles(
                ax, [Box(left - 4, y + 8, wide + 8, 14)], edge=look["active"].edge, width=1.0, dashed=True
            )


def rate(made: Figure, board: Axes, box: Box, rates: tuple[float, ...], look: Theme) -> None:
    """The learning rate at the end of each epoch, on the same epochs as the panel above."""
    from matplotlib.ticker import FuncFormatter, NullLocator

    ax = inset(made, box)
    quiet(ax, look, 7.8)
    epoch_axis(ax, len(rates))
    ax.plot(
        range(1, len(rates) + 1),
        rates,
        color=look["kernel"].edge,
        linewidth=1.6,
        drawstyle="steps-mid",
        zorder=4,
    )
    low, high = min(rates), max(rates)
    if low > 0 and high / low > 20:
        ax.set_yscale("log")
        ax.yaxis.set_minor_locator(NullLocator())
    else:
        ax.set_ylim(0, high * 1.15)
        ax.locator_params(axis="y", nbins=3)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    draw.write(board, box.x, box.y - 8, "Learning rate", look.faint_ink, size=LETTER)


# -- words ------------------------------------------------------------------------------------------------------
def title(run: Run) -> str:
    last = run.history[-1]["test_accuracy"]
    count = len(run.history)
    state = f"after {epochs(count)}" if run.finished else f"after {count:,} of {epochs(run.recipe.epochs)}"
    return f"{percent(last)} {state}: {named(run)}"


def caption(run: Run) -> str:
    """What the lines are, and the last five epochs."""
    found = tail(run.history)
    told = ["Train: measured while the weights change. Test: after each epoch; the large mark is the last."]
    if "train_accuracy_alike" in run.summary:
        told.append("train*: training images tested as the test images are.")
    if found is not None and len(found.values) > 1:
        several = f"Test accuracy in the last {len(found.values)} epochs (band)"
        told.append(f"{several}: lowest {percent(found.minimum)} (dotted line), mean {percent(found.mean)}.")
    elif found is not None:
        told.append("There is one epoch.")
    return " ".join(told)


def description(run: Run) -> str:
    """The picture in words."""
    first, last = run.history[0], run.history[-1]
    return (
        f"{title(run)}. Test accuracy from {percent(first['test_accuracy'])} to {percent(last['test_accuracy'])}, "
        f"training loss from {first['train_loss']:.4g} to {last['train_loss']:.4g}. {caption(run)}"
    )


__all__ = ["caption", "description", "figure", "overlay", "plot", "plot_overlay", "title"]
