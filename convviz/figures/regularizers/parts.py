"""Parts of the pictures of regularizers: axes in points of the page, lines that can be told apart in grey, prose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convviz.figures import cells as draw
from convviz.figures.canvas import CAPTION, MARGIN, TITLE
from convviz.figures.cells import Box
from convviz.figures.prose import Below, formulas, remarks
from convviz.plan import words
from convviz.plan.given import plain
from convviz.plan.model import Plan
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EDGE = MARGIN * draw.POINTS
SMALL = 7.8  # points of ticks and labels
LABEL = 8.4
HEAD = 9.6  # of the title of a panel

Dash = Any


@dataclass(frozen=True)
class Pen:
    """How a line looks: a role's edge, a dash, a marker; the last two tell it apart in grey."""

    role: str
    dash: Dash
    marker: str


PENS = (
    Pen("input", "solid", "o"),
    Pen("kernel", (0, (5, 1.5)), "s"),
    Pen("output", (0, (2, 1.2)), "^"),
    Pen("shared", (0, (6, 1.5, 1.2, 1.5)), "D"),
    Pen("active", (0, (1, 1)), "v"),
    Pen("muted", (0, (8, 2)), "P"),
)


def pen(i: int) -> Pen:
    return PENS[i % len(PENS)]


def axes(made: Figure, box: Box, look: Theme, *, x: str = "", y: str = "") -> Axes:
    """Axes at a place of the page, with two quiet spines and their labels."""
    width, height = made.get_size_inches() * draw.POINTS
    ax = made.add_axes((box.x / width, 1 - box.bottom / height, box.width / width, box.height / height))
    ax.set_facecolor("none")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(look.line)
    ax.tick_params(labelcolor=look.faint_ink, labelsize=SMALL, length=2.5, color=look.line, pad=2)
    for name, axis in ((x, ax.xaxis), (y, ax.yaxis)):
        if name:
            axis.set_label_text(name, color=look.faint_ink, size=LABEL)
            axis.labelpad = 2.5
    return ax


def brief(value: Any) -> str:
    """A number with four digits that count.

    >>> brief(120000.6667), brief(0.00002214), brief(2)
    ('120000', '0.0000221', '2')
    """
    return words.number(plain(float(f"{float(value):.4g}")))


def zero(ax: Axes, look: Theme) -> None:
    """The line where a weight is 0."""
    ax.axhline(0, color=look.faint_ink, linewidth=0.8, zorder=1)


def line(
    ax: Axes,
    look: Theme,
    style: Pen,
    x: Sequence[float],
    y: Sequence[float],
    *,
    marked: bool = True,
    thin: bool = False,
) -> None:
    """A line with its dash, and a marker at each of up to 30 points; thin: for what goes to and fro."""
    every = max(1, len(x) // 30) if marked else None
    ax.plot(
        x, y, color=look[style.role].edge, linestyle="solid" if thin else style.dash, zorder=3,
        linewidth=0.7 if thin else 1.5, markersize=2.6 if thin else 3.6,
        marker=style.marker if marked else None, markevery=every, markerfacecolor=look.paper, markeredgewidth=1.1,
    )  # fmt: skip


def sample(
    ax: Axes, look: Theme, style: Pen, x: float, y: float, *, wide: float = 22, marked: bool = True
) -> None:
    """A piece of a line on the board, as a key."""
    ax.plot([x, x + wide], [y, y], color=look[style.role].edge, linestyle=style.dash, linewidth=1.5, zorder=5)
    if marked:
        ax.plot(
            [x + wide / 2], [y], marker=style.marker, markersize=4, markerfacecolor=look.paper, markeredgewidth=1.1,
            markeredgecolor=look[style.role].edge, zorder=6,
        )  # fmt: skip


def note(
    ax: Axes, text: str, at: tuple[float, float], colour: str, *, size: float = LABEL, dx: float = 0, dy: float = 0,
    align: str = "left", bold: bool = False,
) -> None:  # fmt: skip
    """A text beside a point of a plot, ``dx`` and ``dy`` points away, on paper."""
    told = ax.annotate(text, at, (dx, dy), textcoords="offset points", annotation_clip=False)
    told.set(ha=align, va="center", color=colour, size=size, zorder=9)
    told.set_fontweight("semibold" if bold else "normal")


def apart(wanted: Sequence[float], least: float, low: float, high: float) -> list[float]:
    """Places near the wanted ones that keep ``least`` from each other, within low and high where there is room.

    >>> apart([1.0, 1.1, 5.0], 1.0, 0.0, 10.0)
    [0.55, 1.55, 5.0]
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    groups: list[list[int]] = []
    middles: list[float] = []
    for i in order:
        groups.append([i])
        middles.append(wanted[i])
        while len(groups) > 1 and middles[-1] - middles[-2] < least * (len(groups[-1]) + len(groups[-2])) / 2:
            last, before = groups.pop(), groups.pop()
            both = [*before, *last]
            del middles[-2:]
            groups.append(both)
            middles.append(sum(wanted[k] for k in both) / len(both))
    found = [0.0] * len(wanted)
    for group, middle in zip(groups, middles, strict=True):
        room = least * (len(group) - 1) / 2
        middle = min(max(middle, low + room), high - room)
        for place, i in enumerate(group):
            found[i] = round(middle - room + place * least, 6)
    return found


# -- what stands around the panels ----------------------------------------------------------------------
def head(plan: Plan, caption: str, width: float, look: Theme) -> Below:
    """The title and a sentence below it."""
    above = Below()
    for text in draw.wrap(plan.title, width, TITLE, bold=True):
        above.line(text, look.ink, size=TITLE, bold=True)
    for text in draw.wrap(caption, width, CAPTION):
        above.line(text, look.faint_ink, size=CAPTION)
    above.space(10)
    return above


def foot(plan: Plan, width: float, look: Theme) -> Below:
    """Formulas with their numbers, facts, notes."""
    below = Below()
    below.space(10)
    formulas(below, plan, width, look)
    remarks(below, plan, (), width, look)
    return below


def sheet(plan: Plan, caption: str, width: float, tall: float, look: Theme) -> tuple[Figure, Axes, float]:
    """A page with head and foot painted, and the height at which ``tall`` points are left for the panels."""
    above, below = head(plan, caption, width, look), foot(plan, width, look)
    top = EDGE + above.height
    made, ax = draw.board(width + 2 * EDGE, top + tall + below.height + EDGE, look)
    above.paint(ax, EDGE, EDGE)
    below.paint(ax, EDGE, top + tall)
    return made, ax, top


def heading(ax: Axes, x: float, y: float, text: str, look: Theme, width: float = 1e9) -> None:
    """The title of a panel."""
    draw.write(ax, x, y, draw.clip(text, width, HEAD, bold=True), look.ink, size=HEAD, bold=True)
