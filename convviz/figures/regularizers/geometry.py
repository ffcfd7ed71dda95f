"""The diamond, the circle and the elastic net's ball with the contours of a loss, and where they touch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convviz.analysis.regularizers.geometry import Geometry, Touch
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.regularizers.parts import EDGE, LABEL, axes, heading, sheet
from convviz.plan.model import Plan
from convviz.plan.regularizers.geometry import ROLES, num
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE, GAP = 232.0, 34.0
LEVELS = 9  # contours beside the one that touches
NAMES = {"L1": "L1: diamond", "L2": "L2: circle", "elastic net": "Elastic net"}
HATCH = {"L1": "....", "L2": "", "elastic net": "////"}
CAPTION = (
    "Filled: what the penalty allows. Ovals: weights of equal loss, around its own minimum (cross). The strong one is "
    "the first that reaches the ball."
)


def figure(found: Geometry, plan: Plan, look: Theme) -> Figure:
    """Three panels of one scale."""
    width = 3 * SIDE + 2 * GAP
    made, ax, top = sheet(plan, CAPTION, width, SIDE + 62, look)
    span = window(found)
    for i, touch in enumerate(found.touches):
        x = EDGE + i * (SIDE + GAP)
        heading(ax, x, top + 8, NAMES[touch.ball.name], look)
        plot = axes(made, Box(x + 26, top + 24, SIDE - 26, SIDE - 26), look, x="w1", y="w2")
        panel(plot, found, touch, span, look)
        for j, text in enumerate(told(touch)):
            draw.write(
                ax,
                x,
                top + SIDE + 36 + j * 14,
                text,
                look.ink if not j else look.faint_ink,
                size=LABEL,
                mono=not j,
            )
    return made


def window(found: Geometry) -> tuple[float, float, float, float]:
    """A square that holds the ball, and the loss's minimum where it is not too far."""
    t, (x, y) = found.budget, found.loss.centre
    far = 3.2 * t
    xs, ys = (-t, t, min(max(x, -far), far)), (-t, t, min(max(y, -far), far))
    side = max(max(xs) - min(xs), max(ys) - min(ys)) * 1.16
    cx, cy = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    return cx - side / 2, cx + side / 2, cy - side / 2, cy + side / 2


def panel(
    ax: Axes, found: Geometry, touch: Touch, span: tuple[float, float, float, float], look: Theme
) -> None:
    """A ball, the contours, the point where the loss within the ball is least, and the way that the loss pulls."""
    ax.set(xlim=span[:2], ylim=span[2:])
    ax.set_aspect("equal")
    for side in ax.spines.values():
        side.set_visible(False)
    ax.locator_params(nbins=5)
    ax.axhline(0, color=look.line, linewidth=0.9, zorder=1)
    ax.axvline(0, color=look.line, linewidth=0.9, zorder=1)
    role, active = look[ROLES[touch.ball.name]], look["active"].edge
    border = touch.ball.border()
    ax.fill(
        *zip(*border, strict=True), facecolor=role.fill, edgecolor=role.edge, linewidth=1.8, zorder=2,
        hatch=HATCH[touch.ball.name], joinstyle="miter",
    )  # fmt: skip
    for level in levels(found, touch, span):
        curve = found.loss.contour(level)
        ax.plot(*zip(*curve, strict=True), color=look.faint_ink, linewidth=0.6, alpha=0.55, zorder=3)
    if touch.binds:
        curve = found.loss.contour(touch.loss)
        ax.plot(*zip(*curve, strict=True), color=active, linewidth=1.7, zorder=4)
    x, y = found.loss.centre
    if span[0] <= x <= span[1] and span[2] <= y <= span[3]:
        ax.plot([x], [y], marker="x", markersize=7, markeredgewidth=1.8, color=look.ink, zorder=6)
    ax.plot(
        [touch.w[0]],
        [touch.w[1]],
        marker="o",
        markersize=7,
        color=active,
        markeredgecolor=look.paper,
        zorder=7,
    )


def levels(found: Geometry, touch: Touch, span: tuple[float, float, float, float]) -> list[float]:
    """Losses at even distances within the window, the one that touches among them (left out, it is drawn apart)."""
    x, y = found.loss.centre
    corners = [found.loss.at((u, v)) ** 0.5 for u in span[:2] for v in span[2:]]
    inside = span[0] <= x <= span[1] and span[2] <= y <= span[3]
    edges = [found.loss.at((u, min(max(y, span[2]), span[3]))) ** 0.5 for u in span[:2]]
    edges += [found.loss.at((min(max(x, span[0]), span[1]), v)) ** 0.5 for v in span[2:]]
    low, high = 0.0 if inside else min(*corners, *edges), max(corners)
    pitch, base = (high - low) / (LEVELS + 1), touch.loss**0.5
    first = base - pitch * int((base - low) / pitch)
    found_at = [first + k * pitch for k in range(LEVELS + 2)]
    return [
        root**2
        for root in found_at
        if root > 0.1 * high and not (touch.binds and abs(root - base) < pitch / 2)
    ]


def told(touch: Touch) -> list[str]:
    """Where it touches, and how many weights are 0 there."""
    place = f"w = ({num(touch.w[0])}, {num(touch.w[1])})"
    if not touch.binds:
        return [place, "the loss's own minimum: the ball does not bind"]
    zeros = [f"w{i + 1}" for i, w in enumerate(touch.w) if w == 0]
    first = f"{' and '.join(zeros)} exactly 0" if zeros else "no weight is 0"
    return [place, f"{first}; loss {num(touch.loss)}, strength {num(touch.strength)}"]
