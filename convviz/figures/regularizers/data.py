"""Ridge and lasso as a picture: five fits through points with an outlier, and the coefficients over the strength."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convviz.analysis.regularizers.ridge_lasso import RidgeLasso
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.regularizers.parts import (
    EDGE,
    LABEL,
    SMALL,
    Pen,
    apart,
    axes,
    brief,
    heading,
    line,
    note,
    pen,
    sheet,
    zero,
)
from convviz.plan.model import Plan
from convviz.plan.regularizers.data import NAMES, feature
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE, TALL = 330.0, 300.0  # of the points
PATH = 118.0  # height of a path's plot
LABELS = 120.0  # points for names at the right of a plot
FITS = {
    "ols": Pen("input", "solid", "o"), "ridge": Pen("input", (0, (5, 2)), "s"),
    "lasso": Pen("input", (0, (1.5, 1.5)), "^"),
    "absolute": Pen("active", "solid", "D"), "huber": Pen("active", (0, (5, 2)), "v"),
}  # fmt: skip
CAPTION = (
    "Blue lines have a squared loss, with three penalties; orange ones a loss that grows with the distance only. The "
    "ringed point is the outlier."
)
ROWS = 15.0


def figure(found: RidgeLasso, plan: Plan, look: Theme) -> Figure:
    """Left the fits, right the paths, below what the outlier does to each."""
    right = 230.0
    width = 22 + WIDE + LABELS + 30 + right + 30
    made, ax, top = sheet(plan, CAPTION, width, TALL + 74 + 6 * ROWS + 30, look)
    x = EDGE + 22
    heading(ax, EDGE, top + 8, "Fits over the first feature, the others at their mean", look)
    fits(axes(made, Box(x, top + 26, WIDE, TALL), look, x=feature(0), y="y"), found, look)
    x += WIDE + LABELS + 30
    for i, (name, ways) in enumerate((("Ridge", found.ridge), ("Lasso", found.lasso))):
        y = top + 26 + i * (PATH + 64)
        heading(ax, x, y - 18, f"{name}: coefficients over the strength", look)
        label = ("l2", "l1")[i]
        path(
            axes(made, Box(x, y, right - 10, PATH), look, x=label),
            found,
            [[float(v) for v in w] for w in ways],
            look,
        )
    numbers(ax, found, EDGE, top + 26 + TALL + 50, look)
    return made


def fits(ax: Axes, found: RidgeLasso, look: Theme) -> None:
    """Points, the outlier ringed, and a line for each fit with its name at its end."""
    xs = [float(row[0]) for row in found.data.x]
    ys = [float(y) for y in found.data.y]
    others = [sum(float(row[j]) for row in found.data.x) / len(xs) for j in range(1, found.data.features)]
    low, high = min(xs), max(xs)
    air = 0.05 * (high - low)
    ends, starts = [], []
    for fit in found.fits:
        w = [float(v) for v in fit.all.coefficients]
        base = float(fit.all.intercept) + sum(a * b for a, b in zip(w[1:], others, strict=True))
        at = [low - air, high + air]
        line(ax, look, FITS[fit.key], at, [base + w[0] * v for v in at], marked=False)
        ends.append(base + w[0] * at[1])
        starts.append(base + w[0] * at[0])
    ax.plot(xs, ys, "o", markersize=5, color=look.ink, markeredgecolor=look.paper, zorder=5)
    ax.plot(
        [xs[found.outlier]], [ys[found.outlier]], "o", markersize=14, markerfacecolor="none", markeredgewidth=1.6,
        markeredgecolor=look["active"].edge, zorder=6,
    )  # fmt: skip
    bottom, top = min(*ys, *ends, *starts), max(*ys, *ends, *starts)
    room = 0.06 * (top - bottom or 1.0)
    ax.set(xlim=(low - air, high + air), ylim=(bottom - room, top + room))
    ax.locator_params(nbins=6)
    unit = (top - bottom + 2 * room) / TALL
    places = apart(ends, 13 * unit, bottom - room, top + room)
    for fit, end, place in zip(found.fits, ends, places, strict=True):
        edge = high + air
        colour = look[FITS[fit.key].role].edge
        ax.annotate(
            "", (edge, end), (14, (place - end) / unit), textcoords="offset points", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
        told = f"{NAMES[fit.key]} {brief(fit.all.coefficients[0])}"
        note(ax, told, (edge, place), look.ink, dx=17, size=SMALL + 0.2)


def path(ax: Axes, found: RidgeLasso, ways: Sequence[Sequence[float]], look: Theme) -> None:
    """A line for each coefficient; where it reaches 0 for good there is a ring."""
    xs = [float(s) for s in found.strengths]
    zero(ax, look)
    ends = []
    for j in range(found.data.features):
        ys = [way[j] for way in ways]
        line(ax, look, pen(j), xs, ys, marked=False)
        ends.append(ys[-1])
        gone = next((i for i in range(len(ys)) if not any(ys[i:])), None)
        if gone:
            ax.plot([xs[gone]], [0], "o", markersize=6, markerfacecolor=look.paper, zorder=6,
                    markeredgecolor=look[pen(j).role].edge, markeredgewidth=1.5)  # fmt: skip
    values = [v for way in ways for v in way]
    low, high = min(0.0, *values), max(0.0, *values)
    air = 0.08 * (high - low or 1.0)
    ax.set(xlim=(0, xs[-1]), ylim=(low - air, high + air))
    ax.locator_params(nbins=5)
    unit = (high - low + 2 * air) / PATH
    for j, place in enumerate(apart(ends, 11 * unit, low - air, high + air)):
        note(ax, feature(j), (xs[-1], place), look[pen(j).role].edge, dx=5, bold=True)


def numbers(ax: Axes, found: RidgeLasso, x: float, y: float, look: Theme) -> None:
    """The coefficient of the first feature: without the outlier, with it, with it twice as far away."""
    heading(
        ax,
        x,
        y,
        f"The coefficient of {feature(0)}, and what the outlier does to it",
        look,
    )
    columns = (150.0, 250.0, 350.0, 470.0, 590.0)
    heads = ("loss + penalty", "no outlier", "with it", "twice as far", "follows by")
    for at, text in zip(columns, heads, strict=True):
        draw.write(ax, x + at, y + 18, text, look.faint_ink, size=SMALL, align="right")
    for i, fit in enumerate(found.fits):
        row = y + 34 + i * ROWS
        draw.write(ax, x, row, NAMES[fit.key], look.ink, size=LABEL)
        kind = fit.loss if fit.penalty == "none" else f"{fit.loss} + {fit.penalty}"
        draw.write(ax, x + columns[0], row, kind, look.faint_ink, size=LABEL, align="right")
        values = (*(part.coefficients[0] for part in (fit.clean, fit.all, fit.further)), fit.follows)
        for at, value in zip(columns[1:], values, strict=True):
            bold = at == columns[-1]
            draw.write(
                ax, x + at, row, brief(value), look.ink, size=LABEL, mono=True, align="right", bold=bold
            )
