"""Circles and ellipses: the error's contours on two sets of features, with gradient descent's path on both."""

from __future__ import annotations

from itertools import takewhile
from math import hypot
from typing import TYPE_CHECKING

from convviz.analysis.regularizers.contours import Contours, Descent
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.regularizers.parts import (
    EDGE,
    LABEL,
    Pen,
    axes,
    brief,
    heading,
    line,
    note,
    sample,
    sheet,
)
from convviz.plan.model import Plan
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE, GAP = 236.0, 40.0
LEVELS = 9
STEPS = 120  # that are drawn
TITLES = {"standardized": "Standardized features", "as given": "Features as given"}
PENS = (
    Pen("input", "solid", "o"), Pen("active", (0, (5, 1.5)), "s"), Pen("muted", (0, (1.5, 1.2)), "v"),
)  # fmt: skip
CAPTION = (
    "Each line joins weights with equal error; the minimum is the cross. Each step of gradient descent leaves "
    "at right angles to the line that it stands on."
)


def figure(found: Contours, plan: Plan, look: Theme) -> Figure:
    """Both surfaces on one scale, and how the distance shrinks."""
    width = 3 * SIDE + 2 * GAP
    made, ax, top = sheet(plan, CAPTION, width, SIDE + 96, look)
    far = max(abs(v) for run in (found.equal, found.given) for point in run.path[:STEPS] for v in point)
    reach = min(1.2 * far, 1.6 * max(map(abs, found.start)))
    for i, run in enumerate((found.equal, found.given)):
        x = EDGE + i * (SIDE + GAP)
        heading(ax, x, top + 8, TITLES[run.surface.name], look)
        place = Box(x + 18, top + 24, SIDE - 18, SIDE - 18)
        surface(axes(made, place, look, x="w1 − w1*", y="w2 − w2*"), run, reach, PENS[i], look)
        for j, text in enumerate(told(run)):
            draw.write(
                ax, x, top + SIDE + 46 + j * 14, text, look.ink if not j else look.faint_ink, size=LABEL
            )
    x = EDGE + 2 * (SIDE + GAP)
    heading(ax, x, top + 8, "How far it still is", look)
    distances(
        axes(
            made, Box(x + 22, top + 24, SIDE - 22, SIDE - 18), look, x="step", y="distance / first distance"
        ),
        found,
        look,
    )
    for j, (style, text) in enumerate(
        zip(PENS, ("standardized", "as given", "as given, just beyond the limit"), strict=True)
    ):
        sample(ax, look, style, x, top + SIDE + 46 + j * 14)
        draw.write(ax, x + 29, top + SIDE + 46 + j * 14, text, look.ink, size=LABEL)
    draw.strokes(
        ax, [[(x, top + SIDE + 88), (x + 22, top + SIDE + 88)]], look.faint_ink, width=0.9, dashed=True
    )
    draw.write(ax, x + 29, top + SIDE + 88, f"tolerance {brief(found.tolerance)}", look.ink, size=LABEL)
    return made


def surface(ax: Axes, run: Descent, reach: float, style: Pen, look: Theme) -> None:
    """Contours through the start and at even distances within, and the path."""
    import numpy as np

    ax.set(xlim=(-reach, reach), ylim=(-reach, reach))
    ax.set_aspect("equal")
    ax.locator_params(nbins=5)
    grid = np.linspace(-reach, reach, 161)
    u, v = np.meshgrid(grid, grid)
    (a, b), (_, c) = run.surface.hessian
    error = (a * u * u + 2 * b * u * v + c * v * v) / 2
    first = run.surface.loss(run.path[0])
    levels = sorted({first * (k / 4) ** 2 for k in range(1, LEVELS)})
    drawn = [style_ for style_ in levels if error.min() < style_ < error.max()]
    if drawn:
        ax.contour(
            grid, grid, error, levels=drawn, colors=look.faint_ink, linewidths=0.7, alpha=0.7, zorder=2
        )
    path = [*takewhile(lambda p: max(map(abs, p)) <= 3 * reach, run.path[: STEPS + 1])]
    line(ax, look, style, [p[0] for p in path], [p[1] for p in path], thin=len(path) > 8)
    ax.plot([0], [0], marker="x", markersize=8, markeredgewidth=1.9, color=look.ink, zorder=6)
    note(ax, "start", path[0], look.ink, dx=4, dy=8)


def told(run: Descent) -> list[str]:
    """What follows from the Hessian, and how long it takes."""
    s = run.surface
    ratio = s.condition**0.5
    first = "Circles" if ratio < 1 + 1e-9 else f"Ellipses, {brief(ratio)} times as long as wide"
    if run.steps is not None:
        last = f"rate {brief(run.lr)}: {run.steps:,} step{'s' * (run.steps != 1)} to the tolerance"
    else:
        last = f"rate {brief(run.lr)}: never reaches the tolerance"
    return [first, f"condition number {brief(s.condition)}, stable below a rate of {brief(s.stable)}", last]


def distances(ax: Axes, found: Contours, look: Theme) -> None:
    """The distance from the minimum on a scale of powers of ten."""
    runs = (found.equal, found.given, found.beyond)
    most = max(4, min(STEPS, max(len(run.path) for run in runs[:2]) - 1)) * 1.12
    floor = found.tolerance * 0.2
    for run, style in zip(runs, PENS, strict=True):
        first = hypot(*run.path[0])
        ys = [max(hypot(*p) / first, floor * 0.5) for p in run.path[: int(most) + 1]]
        line(ax, look, style, range(len(ys)), ys)
        if run.steps is not None and run.steps <= most and run is not found.beyond:
            told, left = f"{run.steps:,} step{'s' * (run.steps != 1)}", run.steps < most / 2
            note(ax, told, (run.steps, found.tolerance), look.ink, dx=5 if left else -4, dy=-9,
                 align="left" if left else "right")  # fmt: skip
    ax.set_yscale("log")
    ax.set(xlim=(0, most), ylim=(floor, 30))
    ax.locator_params(axis="x", nbins=6)
    ax.minorticks_off()
    ax.axhline(found.tolerance, color=look.faint_ink, linewidth=0.9, linestyle=(0, (3, 2)), zorder=1)
