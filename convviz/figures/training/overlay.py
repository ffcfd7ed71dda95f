"""The curves of many runs in one graph: an arm has a colour and a dash, its seeds are thin, its mean thick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from convviz import theme as themes
from convviz.errors import ConvvizError
from convviz.figures import canvas, check_picture
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.facts import STYLES
from convviz.figures.training.ends import PITCH, End, write_ends
from convviz.figures.training.page import EDGE, heading, inset, open_page, quiet, styled
from convviz.figures.training.scales import accuracy_axis, epoch_axis, loss_axis
from convviz.report.training.words import arm_of, percent
from convviz.runs.run import Run
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 20  # arms: so many pairs of a colour and a dash
ROLES = ("active", "input", "output", "kernel", "shared")
CURVES = ("test_loss", "test_accuracy", "train_loss", "train_accuracy")
PANEL = (300.0, 230.0)
LEFT, LABELS = 40.0, 116.0
LETTER = 8.4


@dataclass(frozen=True)
class Arm:
    """Runs of one name, and what tells their lines from others'."""

    name: str
    runs: tuple[Run, ...]
    colour: str
    dash: Any

    def mean(self, what: str) -> list[float]:
        """By epoch, over the runs that got so far: as many epochs as every run has."""
        columns = [run.column(what) for run in self.runs]
        return [fmean(values) for values in zip(*columns)]


def plot_overlay(
    runs: Sequence[Run], path: str | Path, *, theme: str = "light", what: Sequence[str] = CURVES[:2]
) -> None:
    """Draw :func:`overlay` into ``path`` (.png, .svg or .pdf); raises ConvvizError for another extension."""
    check_picture(path)
    with canvas.style():
        made = overlay(runs, theme=theme, what=what)
        canvas.save(made, path, title=title(arms_of(runs, themes.LIGHT)), words=description(runs))


@styled
def overlay(runs: Sequence[Run], *, theme: str = "light", what: Sequence[str] = CURVES[:2]) -> Figure:
    """Test loss and test accuracy of all runs, or the curves in ``what``, side by side and in rows of two.

    Raises ConvvizError without a run that has finished an epoch, for more than twenty arms, and for an unknown curve.
    """
    look = themes.theme(theme)
    check_curves(what)
    arms = arms_of(runs, look)
    columns, rows = min(len(what), 2), -(-len(what) // 2)
    tall = max(PANEL[1], PITCH * len(arms) + 8)
    step = LEFT + PANEL[0] + LABELS
    width = 2 * EDGE + columns * step + (columns - 1) * 6
    head = heading(title(arms), caption(arms), width)
    y = head.bottom
    made, board = open_page(width, y + 22 + rows * (tall + 62) + EDGE - 30, look, head)
    for i, name in enumerate(what):
        box = Box(EDGE + LEFT + (i % 2) * (step + 6), y + 22 + (i // 2) * (tall + 62), PANEL[0], tall)
        panel(made, board, box, arms, name, look)
    return made


def check_curves(what: Sequence[str]) -> None:
    odd = next((name for name in what if name not in CURVES), None)
    if odd is not None or not what:
        raise ConvvizError(f"no curve {odd!r}; there are {', '.join(CURVES)}", "curves")


def arms_of(runs: Sequence[Run], look: Theme) -> tuple[Arm, ...]:
    """Runs with a finished epoch by arm, in the order in which the arms come."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        if run.history:
            found.setdefault(arm_of(run), []).append(run)
    if not found:
        raise ConvvizError("no run has finished an epoch, so there are no curves", "curves")
    if len(found) > MOST:
        raise ConvvizError(f"{len(found)} arms are too many to be told apart (at most {MOST})", "curves")
    return tuple(
        Arm(name, tuple(some), look[ROLES[i % len(ROLES)]].edge, STYLES[i % len(STYLES)])
        for i, (name, some) in enumerate(found.items())
    )


def panel(made: Figure, board: Axes, box: Box, arms: Sequence[Arm], what: str, look: Theme) -> None:
    """One curve of all runs."""
    ax = inset(made, box)
    quiet(ax, look)
    accurate = what.endswith("accuracy")
    values = [value for arm in arms for run in arm.runs for value in run.column(what)]
    special = accuracy_axis(ax, values) if accurate else loss_axis(ax, values)
    how = ("stretched towards 100" if accurate else "logarithmic") if special else ""
    longest = max(len(run.history) for arm in arms for run in arm.runs)
    epoch_axis(ax, longest)
    ends = []
    for arm in arms:
        several = len(arm.runs) > 1
        for run in arm.runs if several else ():
            column = run.column(what)
            ax.plot(range(1, len(column) + 1), column, color=arm.colour, linewidth=0.6, alpha=0.5, zorder=3)
        mean = arm.mean(what)
        x = range(1, len(mean) + 1)
        ax.plot(x, mean, color=arm.colour, linewidth=2.1, linestyle=arm.dash, zorder=5, clip_on=False)
        ax.plot([len(mean)], [mean[-1]], "o", color=arm.colour, markersize=5.5, markeredgecolor=look.paper,
                markeredgewidth=0.8, zorder=6, clip_on=False)  # fmt: skip
        number = f"{mean[-1]:.2f} %" if accurate else f"{mean[-1]:.4g}"
        ends.append(End(arm.name, mean[-1], f"{number}  n {len(arm.runs)}", arm.colour))
    word = "Accuracy, per cent" if accurate else "Loss (cross-entropy)"
    draw.write(
        board,
        box.x,
        box.y - 14,
        f"{what.split('_')[0].capitalize()}: {word.lower()}",
        look.ink,
        size=10,
        bold=True,
    )
    draw.write(board, box.right, box.y - 14, how, look.faint_ink, size=LETTER, align="right")
    draw.write(
        board, box.x + box.width / 2, box.bottom + 25, "epoch", look.faint_ink, size=LETTER, align="center"
    )
    write_ends(board, ax, box, ends, LABELS, look)


# -- words ------------------------------------------------------------------------------------------------------
def title(arms: Sequence[Arm]) -> str:
    count = sum(len(arm.runs) for arm in arms)
    sets = list(dict.fromkeys(run.data_set for arm in arms for run in arm.runs))
    several = (
        f"{count} runs of {len(arms)} arms"
        if len(arms) > 1
        else f"{count} run{'s' * (count > 1)} of {arms[0].name}"
    )
    return f"{several} on {', '.join(sets)}"


def caption(arms: Sequence[Arm]) -> str:
    """How to read the lines."""
    most = max(len(arm.runs) for arm in arms)
    told = ["Thick: the mean of an arm's seeds; thin: each seed."] if most > 1 else ["One run in each arm."]
    told.append("At the right: the mean after the last epoch, and the number n of runs.")
    if any(not run.finished for arm in arms for run in arm.runs):
        told.append("Some runs are not finished.")
    if any(len({len(run.history) for run in arm.runs}) > 1 for arm in arms):
        told.append("A mean ends where the first of its runs does.")
    return " ".join(told)


def description(runs: Sequence[Run]) -> str:
    """The picture in words."""
    arms = arms_of(runs, themes.LIGHT)
    told = "; ".join(
        f"{arm.name} {percent(arm.mean('test_accuracy')[-1])} (n {len(arm.runs)})" for arm in arms
    )
    return f"{title(arms)}. Mean test accuracy after the last epoch: {told}."
