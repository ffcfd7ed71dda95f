"""A plan as a still picture: its panels at one step from input to output, the sum spelled out, formulas, a key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.figures import arrange, canvas, check_picture, key, prose, scene
from convviz.figures import cells as draw
from convviz.figures.arrange import Layout
from convviz.figures.canvas import CAPTION, MARGIN, TITLE
from convviz.plan.model import Plan
from convviz.plan.telling import moments
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EDGE = MARGIN * draw.POINTS  # points around everything
NARROW = 600.0  # points of the text at least


def plot(
    plan: Plan, path: str | Path, *, step: int | None = None, theme: str = "light", title: str | None = None
) -> None:
    """Draw one step of ``plan`` into ``path`` (.png, .svg or .pdf); None: a telling one. Raises ConvvizError."""
    check_picture(path)
    with canvas.style():
        made = figure(plan, step=step, theme=theme, title=title)
        canvas.save(made, path, title=title or plan.title, words=description(plan, step))


def figure(plan: Plan, *, step: int | None = None, theme: str = "light", title: str | None = None) -> Figure:
    """The picture of one step (None: a telling one) as a matplotlib figure, on no screen and in no global state."""
    look = themes.theme(theme)
    with canvas.style():
        return _compose(plan, moments(plan, step), look, title or plan.title)


def description(plan: Plan, step: int | None = None) -> str:
    """The picture in words, for those who cannot see it."""
    parts = [f"{plan.title}.", f"Panels: {'; '.join(panel.title for panel in plan.panels)}."]
    for at in moments(plan, step):
        now = plan.steps[at]
        parts.append(f"Step {at + 1} of {len(plan.steps)}: {now.caption}")
        if now.work is not None:
            parts.append(f"{now.work.text}.")
    parts += [f"{formula.about}: {prose.equation(formula)}." for formula in plan.formulas]
    return " ".join([*parts, *plan.notes])


def laid_out(plan: Plan, at: tuple[int, ...], look: Theme, title: str) -> tuple[Layout, prose.Below, float]:
    """The panels in their places, what stands above them, and the width of everything, in points."""
    layout = arrange.arrange(plan, at)
    width = max(NARROW, layout.width)
    layout.spread(width)
    head = prose.Below()
    for line in draw.wrap(title, width, TITLE, bold=True):
        head.line(line, look.ink, size=TITLE, bold=True)
    if len(at) == 1:
        for line in draw.wrap(plan.steps[at[0]].caption, width, CAPTION):
            head.line(line, look.faint_ink, size=CAPTION)
    head.space(12)
    layout.place(EDGE, EDGE + head.height)
    return layout, head, width


def _compose(plan: Plan, at: tuple[int, ...], look: Theme, title: str) -> Figure:
    layout, head, width = laid_out(plan, at, look, title)
    below = prose.Below()
    for i in at:
        prose.spell(below, plan, i, width, look, caption=len(at) > 1)
    prose.formulas(below, plan, width, look)
    prose.remarks(below, plan, scene.remarks(layout, plan, at), width, look)
    for line in key.lines(scene.cues(layout, plan, at), width):
        below.add(key.ROW, key.painter(line, look))
    top = EDGE + head.height
    made, ax = draw.board(width + 2 * EDGE, top + layout.height + below.height + EDGE, look)
    head.paint(ax, EDGE, EDGE)
    scene.paint(ax, layout, plan, at, look)
    below.paint(ax, EDGE, top + layout.height)
    return made
