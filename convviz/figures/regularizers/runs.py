"""Weights over the steps of several runs: a plot for each, above the table of its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from convviz.analysis.regularizers.decay import Decay
from convviz.analysis.regularizers.penalty import Penalty, Run
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.regularizers.parts import (
    EDGE,
    LABEL,
    SMALL,
    axes,
    heading,
    line,
    pen,
    sample,
    sheet,
    zero,
)
from convviz.plan import words
from convviz.plan.given import plain
from convviz.plan.model import Plan
from convviz.plan.regularizers.decay import KINDS
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 5  # weights that are drawn
LONG = 60  # steps, from which on lines are thin
ROWS = 11  # of a table; a longer one is cut in its middle
ROW = 15.0
COLUMN, STEP = 50.0, 30.0
GAP = 38.0
TALL = 150.0  # of a plot
BAR = 78.0  # of the bar of a net's parameters


def figure(found: Penalty | Decay, plan: Plan, look: Theme) -> Figure:
    """Runs side by side with one scale; below each its numbers, zeros and changes of sign marked."""
    drawn = min(MOST, len(found.weights.values))
    wide = max(STEP + drawn * COLUMN, 170.0)
    rows = min(found.steps + 1, ROWS)
    net = isinstance(found, Decay) and bool(found.parameters)
    width = len(found.runs) * wide + (len(found.runs) - 1) * GAP + 24
    tall = 26 + TALL + 34 + 34 + rows * ROW + 20 + (BAR if net else 0)
    made, ax, top = sheet(plan, caption(found), width, tall, look)
    low, high = limits(found.runs, drawn)
    for i, run in enumerate(found.runs):
        x = EDGE + 24 + i * (wide + GAP)
        heading(ax, x, top + 8, title(found, run), look, wide + GAP - 10)
        plot = axes(made, Box(x, top + 26, wide, TALL), look, x="step", y="weight" if not i else "")
        plot.set_xlim(-0.02 * found.steps, found.steps * 1.02)
        plot.set_ylim(low, high)
        plot.locator_params(axis="y", nbins=6)
        plot.locator_params(axis="x", nbins=6, integer=True)
        zero(plot, look)
        ways = run.weights
        for j in range(drawn):
            line(plot, look, pen(j), range(len(ways)), [float(w[j]) for w in ways], thin=len(ways) > LONG)
        numbers(ax, run, found, drawn, x, top + 26 + TALL + 34, look)
    key(ax, found, EDGE + 24, top + 26 + TALL + 68 + rows * ROW + 8, look)
    if isinstance(found, Decay) and net:
        parameters(ax, found, Box(EDGE, top + tall - BAR + 24, width, BAR - 24), look)
    return made


def caption(found: Penalty | Decay) -> str:
    """How to read it."""
    left = len(found.weights.values) - MOST
    more = f" The first {MOST} of {len(found.weights.values):,} weights are drawn." if left > 0 else ""
    return f"Each line is one weight, its mark stands above its numbers. All plots have one scale.{more}"


def title(found: Penalty | Decay, run: Run) -> str:
    """The run, and with weight decay what its first step makes of the first weight."""
    if isinstance(found, Penalty):
        return run.name
    before, after = (words.number(plain(way[0])) for way in run.weights[:2])
    return f"{run.name}: {before} becomes {after}"


def limits(runs: Sequence[Run], drawn: int) -> tuple[float, float]:
    values = [float(w) for run in runs for found in run.weights for w in found[:drawn]]
    low, high = min(0.0, *values), max(0.0, *values)
    air = 0.06 * (high - low or 1.0)
    return low - air, high + air


def numbers(ax: Axes, run: Run, found: Penalty | Decay, drawn: int, x: float, y: float, look: Theme) -> None:
    """The table below a plot: a column for each weight, its line's mark above."""
    for j, name in enumerate(found.weights.names[:drawn]):
        right = x + STEP + (j + 1) * COLUMN
        sample(ax, look, pen(j), right - 26, y + 2)
        draw.write(ax, right, y + 17, name, look.faint_ink, size=SMALL, mono=True, align="right")
    draw.write(ax, x, y + 17, "step", look.faint_ink, size=SMALL)
    ways = run.weights
    shown = list(range(len(ways)))
    if len(ways) > ROWS:
        shown = [*range(ROWS - 4), -1, *range(len(ways) - 3, len(ways))]
    for row, t in enumerate(shown):
        at = y + 34 + row * ROW
        if t < 0:
            draw.write(ax, x, at, "…", look.faint_ink, size=LABEL, mono=True)
            continue
        draw.write(ax, x, at, f"{t:,}", look.faint_ink, size=LABEL, mono=True)
        for j in range(drawn):
            value = ways[t][j]
            box = Box(x + STEP + j * COLUMN + 4, at - ROW / 2 + 1, COLUMN - 2, ROW - 2)
            if value == 0:
                role = look["output"]
                draw.tiles(ax, [box], fill=role.fill, edge=role.edge, width=0.9, rounded=True)
            elif t and float(ways[t - 1][j]) * float(value) < 0:
                role = look["shared"]
                draw.tiles(ax, [box], fill=role.fill, edge=role.edge, width=0.9)
                draw.tiles(ax, [Box(box.x, box.y, 7, box.height)], edge=role.edge, width=0.7, hatch="//////")
            text = short(float(value))
            draw.write(
                ax, box.right - 3, at, text, look.ink, size=LABEL, mono=True, align="right", bold=value == 0
            )


def short(value: float) -> str:
    """At most 8 letters."""
    text = words.number(plain(value))
    return text if len(text) <= 8 else words.number(float(f"{value:.3g}"))[:9]


def key(ax: Axes, found: Penalty | Decay, x: float, y: float, look: Theme) -> None:
    """What the two marks of the tables mean, where they occur."""
    ways = [way for run in found.runs for way in list(zip(*run.weights, strict=True))[:MOST]]
    if any(w == 0 for way in ways for w in way):
        role = look["output"]
        draw.tiles(ax, [Box(x, y - 5, 16, 10)], fill=role.fill, edge=role.edge, width=0.9, rounded=True)
        draw.write(ax, x + 21, y, "exactly 0", look.faint_ink, size=SMALL)
        x += 76
    if any(float(a) * float(b) < 0 for way in ways for a, b in pairwise(way)):
        role = look["shared"]
        draw.tiles(ax, [Box(x, y - 5, 16, 10)], fill=role.fill, edge=role.edge, width=0.9)
        draw.tiles(ax, [Box(x, y - 5, 7, 10)], edge=role.edge, width=0.7, hatch="//////")
        draw.write(ax, x + 21, y, "thrown over 0 in this step", look.faint_ink, size=SMALL)


def parameters(ax: Axes, found: Decay, box: Box, look: Theme) -> None:
    """The net's parameters by kind in one bar: decayed ones plain, the others hatched."""
    heading(ax, box.x, box.y, f"Parameters of {found.net}: which are decayed as usual", look)
    counts, whole = found.counts, sum(found.counts.values()) or 1
    usual = {p.kind: p.usual for p in found.parameters}
    x, y, tall = box.x, box.y + 12, 14.0
    labels = box.x
    for kind, n in counts.items():
        role = look["input" if usual[kind] else "muted"]
        wide = max(box.width * n / whole, 1.5)
        part = Box(x, y, wide, tall)
        draw.tiles(
            ax, [part], fill=role.fill, edge=role.edge, width=1.0, hatch=None if usual[kind] else "////"
        )
        x += wide
        swatch = Box(labels, y + tall + 8, 14, 9)
        draw.tiles(
            ax, [swatch], fill=role.fill, edge=role.edge, width=1.0, hatch=None if usual[kind] else "////"
        )
        told = f"{KINDS[kind]} {n:,} ({'decayed' if usual[kind] else 'left out'})"
        draw.write(ax, labels + 19, y + tall + 12.5, told, look.faint_ink, size=SMALL)
        labels += 19 + draw.width_of(told, SMALL) + 18
