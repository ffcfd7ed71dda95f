"""Checkerboards as pictures: one layer (kernels in rows, their product, its spectrum), or a net stage by stage."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.analysis.checkerboard import GRADIENT, Checkerboard, Stage
from convviz.analysis.coverage import Coverage
from convviz.analysis.patterns import Values
from convviz.figures import canvas, check_picture
from convviz.figures.canvas import MARGIN
from convviz.figures.overlap import (
    CELLS,
    Ribbons,
    draw_product,
    draw_ribbons,
    draw_spectrum,
    draw_strip,
    heading,
    ribbons,
    shown,
)
from convviz.ops.relations import Window
from convviz.report.checkerboard import (
    AXES,
    REPAIRS,
    brief,
    counting,
    decimal,
    headline,
    overlap_text,
    ratios,
    sentence,
    verdict_of,
    what,
)
from convviz.report.model import shorten
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROWS = 24  # stages that are drawn; of more the uneven ones go first
SIGNS = {"uniform": "●", "uneven": "▲", "dead": "✕"}  # the second cue beside colour
ROLES = {"uniform": "output", "uneven": "kernel", "dead": "active"}


def plot(
    result: Stage | Checkerboard, path: str | Path, *, theme: str = "light", title: str | None = None
) -> None:
    """Draw ``result`` into ``path`` (.png, .svg or .pdf); raises ConvvizError for another extension."""
    check_picture(path)
    with canvas.style():
        made = figure(result, theme=theme, title=title)
        canvas.save(made, path, title=title or _title(result), words=description(result))


def figure(result: Stage | Checkerboard, *, theme: str = "light", title: str | None = None) -> Figure:
    """The picture as a matplotlib figure, on no screen and in no global state."""
    look = themes.theme(theme)
    if isinstance(result, Stage):
        return _layer(result, look, title or _title(result))
    return _net(result, look, title or _title(result))


def _title(result: Stage | Checkerboard) -> str:
    text = headline(result) if isinstance(result, Stage) else f"{result.graph.name}: {verdict_of(result)}"
    return text[:1].upper() + text[1:] if isinstance(result, Stage) else text


def description(result: Stage | Checkerboard) -> str:
    """The picture in words, for those who cannot see it."""
    if isinstance(result, Stage):
        return f"{headline(result)}. {sentence(result.coverage, result.side)}"
    stages = "; ".join(f"{s.name} {brief(s.coverage)}" for s in result.stages)
    return f"{verdict_of(result)}. Stages: {stages or 'none'}. {sentence(result.composite, result.side)}"


# -- one layer ------------------------------------------------------------------------------------------
def _layer(stage: Stage, look: Theme, title: str) -> Figure:
    rank = len(stage.overlap)
    backwards = stage.side == GRADIENT
    rows = _ribbons(stage)
    width = 11.2 if rank > 1 else 8.6
    top, label, side = 1.45, 0.95, 3.4
    strip = (len(rows.rows) + 2.7) * 0.3 if rows else 0.7
    y = top + strip + 0.65  # where the lower half begins
    left = MARGIN + side + 0.75 if rank > 1 else MARGIN + label
    formulas = _formulas(stage)
    told = [sentence(stage.coverage, stage.side), _of_weights(stage)]
    lines = _wrapped(told, width - left - MARGIN)
    costs = _remedies(stage)
    prose = y + max(2.35, 0.195 * len(formulas) + 0.15)
    end = prose + 0.19 * len(lines) + 0.08 + 0.195 * len(costs)
    height = max(end, y + side if rank > 1 else 0) + 0.3
    made = canvas.page(width, height, look)

    def axes(x: float, y: float, wide: float, tall: float) -> Axes:
        """Inches from the top left."""
        return made.add_axes((x / width, 1 - (y + tall) / height, wide / width, tall / height))

    canvas.header(made, look, title, _caption(stage, rows is not None))
    ax = axes(MARGIN + label, top, width - 2 * MARGIN - label, strip)
    name = AXES[rank][-1] if rank in AXES else "axis"
    cell = "input" if backwards else "output"
    if rows:
        draw_ribbons(ax, rows, look, "window" if backwards else "input", cell)
    else:
        _phases(ax, stage.overlap[-1], look, width - 2 * MARGIN - label)
    across = "" if rank == 1 else f", along the {name}"
    heading(
        ax,
        f"1-D: each row is one kernel over the {cell}s{across}" if rows else f"Overlap by phase{across}",
        look,
    )
    if rank > 1:
        ax = axes(MARGIN + 0.1, y, side, side)
        draw_product(ax, stage.coverage, look, side * 72)
        two = "2-D" if rank == 2 else f"The last two of {rank} axes"
        heading(ax, f"{two}: rows times columns", look)
    ax = axes(left, y + 0.05, 2.3, 1.75)
    draw_spectrum(ax, stage.coverage, look)
    heading(ax, "Spectrum: |DFT| over the mean", look)
    _words(made, look, formulas, left + 2.75, y)
    _prose(made, look, lines, left, prose)
    _words(made, look, costs, left, prose + 0.19 * len(lines) + 0.08)
    return made


def _ribbons(stage: Stage) -> Ribbons | None:
    """The kernels to draw; None where they are too long, or none belongs to the layer."""
    if not stage.windows:
        return None
    window, backwards = stage.windows[-1], stage.side == GRADIENT
    if backwards and window.dilation < 0:
        return None  # the gradient of a transposed conv is a plain conv
    return ribbons(window, backwards)


def _caption(stage: Stage, drawn: bool) -> str:
    if not drawn:
        return "Each number is how many kernel weights reach an output phase away from the borders."
    if stage.side == GRADIENT:
        return (
            "Numbers in the kernels are their indices; a cell's count is how many windows send it a gradient. "
            "Pale: the border."
        )
    text = "Numbers in the kernels are their indices; an output's count is how many of them reach it. Pale: the border."
    return text + (" Dashed: cropped by padding." if stage.windows and stage.windows[-1].padding < 0 else "")


def _formulas(stage: Stage) -> list[str]:
    """The counting rule with the numbers put in, CV and its product over the axes."""
    lines = []
    windows: Sequence[Window] = stage.windows
    same = len(set(windows)) == 1
    for window, name in zip(windows[:1] if same else windows, AXES.get(len(windows), ()), strict=False):
        head, parts = counting(window, stage.side)
        lines += [*([] if same else [name]), head, *(f"  {part}" for part in parts[:6])]
        lines += [f"  … {len(parts)} phases"] * (len(parts) > 6)
    cv = stage.cv
    if None in cv:
        return lines
    told = [decimal(c) for c in cv]
    lines.append("")
    lines.append(f"CV = std / mean = {told[0]}" if len(set(cv)) == 1 else f"CV = {', '.join(told)}")
    if len(cv) > 1:
        factors = " ".join(f"(1 + {t}²)" for t in told)
        lines.append(f"1 + CV² = {factors}")
        lines.append(f"CV of all axes = {decimal(stage.cv_total)}")
    if stage.coverage.dead:
        lines.append(f"dead phases: {stage.coverage.dead} of {stage.coverage.phases}")
    return lines


def _of_weights(stage: Stage) -> str:
    if stage.side == GRADIENT or not stage.rho_at_init:
        return ""
    told = f"phase sums of untrained weights: rho {decimal(stage.rho_at_init)}"
    if stage.uniform:
        return f"Necessary, not sufficient: weights may still be uneven ({told})."
    return f"Weights can still better or worsen it ({told})."


def _words(made: Figure, look: Theme, lines: Sequence[str], x: float, y: float) -> None:
    """Lines of numbers, from a place in inches from the top left; what is too long for the page is cut."""
    width, height = made.get_size_inches()
    room = int((width - MARGIN - x) * 72 / (8 * 0.602))
    for i, line in enumerate(lines):
        at = (x / width, 1 - (y + 0.02 + i * 0.195) / height)
        made.text(*at, shorten(line, room, "end"), color=look.ink, size=8, family="monospace", va="top")


def _wrapped(parts: Sequence[str], room: float) -> list[str]:
    """Sentences in lines of ``room`` inches."""
    return [line for part in parts if part for line in textwrap.wrap(part, int(room * 13.2))]


def _prose(made: Figure, look: Theme, lines: Sequence[str], x: float, y: float) -> None:
    width, height = made.get_size_inches()
    for i, line in enumerate(lines):
        made.text(x / width, 1 - (y + i * 0.19) / height, line, color=look.ink, size=8.8, va="top")


def _remedies(stage: Stage) -> list[str]:
    """One line a remedy: what it covers and costs."""
    rows = []
    for remedy in stage.remedies:
        params, macs = ratios(remedy, stage)
        covers = f"overlap {overlap_text(remedy.coverage)}"
        rows.append((remedy.short, covers, f"x{decimal(params)} params", f"x{decimal(macs)} MACs"))
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    told = ["  ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)).rstrip() for row in rows]
    return ["instead:", *told] if told else []


def _phases(ax: Axes, values: Values, look: Theme, inches: float) -> None:
    """Where kernels are too long to draw: the phases as cells, or as a line where they are many."""
    if len(values) <= 64:
        draw_strip(ax, values, 0, look, width=inches, height=1, size=8.5)
        ax.set_xlim(0, inches)
        ax.set_ylim(0.7, -0.7)
    else:
        low = min(values)
        ax.step(range(len(values)), [float(v - low) for v in values], color=look["input"].edge, linewidth=0.8)
    ax.axis("off")


# -- a net ----------------------------------------------------------------------------------------------
def _net(result: Checkerboard, look: Theme, title: str) -> Figure:
    stages = list(result.stages)
    note = ""
    if len(stages) > ROWS:
        worst = sorted(stages, key=lambda s: -(s.cv_total or 0))[:ROWS]
        stages = [s for s in stages if any(s is w for w in worst)]
        note = f" {len(result.stages) - ROWS} more stages, none worse, are left out."
    pitch, top = 0.52, 1.35
    rank = len(result.composite.overlap)
    body = (len(stages) + 1) * pitch
    square = 3.4 if rank > 1 else 0.0
    panel = square + 0.6 + 1.9 if rank > 1 else 2.2
    told = [sentence(result.composite, result.side)] if result.stages else []
    told += [
        f"With {REPAIRS[name]} in place of all uneven layers: {overlap_text(c)}, CV {decimal(c.cv_total)}."
        for name, c in result.after
    ]
    height = top + max(body + 0.75, panel) + 0.3
    left, strip, numbers = 2.65, 3.3, 1.55
    lines = _wrapped(told, left + strip + numbers)
    height = max(height, top + body + 0.8 + 0.19 * len(lines))
    width = MARGIN + left + strip + 0.2 + numbers + 0.35 + 3.4 + MARGIN
    made = canvas.page(width, height, look)
    canvas.header(made, look, title, _net_caption(result) + note)

    def axes(x: float, y: float, wide: float, tall: float) -> Axes:
        return made.add_axes((x / width, 1 - (y + tall) / height, wide / width, tall / height))

    ax = axes(MARGIN, top, left + strip + numbers + 0.2, body + 0.25)
    ax.set_xlim(0, left + strip + numbers + 0.2)
    ax.set_ylim(body + 0.25, 0)
    ax.axis("off")
    for i, stage in enumerate(stages):
        index = f"rho {decimal(stage.rho)}" if stage.rho is not None else ""
        _row(ax, (i + 0.5) * pitch, stage.name, what(stage), stage.coverage, index, look, left, strip)
    line = len(stages) * pitch + 0.06
    ax.plot([0, left + strip + numbers + 0.2], [line, line], color=look.line, linewidth=1)
    where = f"gradient on {result.target}" if result.side == GRADIENT else f"all layers up to {result.target}"
    _row(
        ax, line + 0.5 * pitch + 0.04, "composite", where, result.composite, "", look, left, strip, bold=True
    )
    names = (
        (0.0, "stage", "left"),
        (left, "overlap by phase (last axis)", "left"),
        (left + strip + 0.2, "CV, all axes", "left"),
    )
    for x, text, side in names:
        ax.annotate(
            text,
            (x, 0),
            (0, 4),
            textcoords="offset points",
            color=look.faint_ink,
            size=8.4,
            ha=side,
            va="bottom",
        )
    _prose(made, look, lines, MARGIN, top + body + 0.5)
    x = width - MARGIN - 3.4
    at = top
    if rank > 1:
        ax = axes(x, at + 0.05, square, square)
        draw_product(ax, result.composite, look, square * 72)
        axes_told = "" if rank == 2 else ", last two axes"
        joint = "rows times columns" if result.composite.separable else "joint phases, no product of axes"
        heading(ax, f"Composite{axes_told}: {joint}", look)
        at += square + 0.6
    ax = axes(x + 0.1, at, 3.1, 1.2)
    draw_spectrum(ax, result.composite, look)
    heading(ax, "Composite, spectrum: |DFT| over the mean", look)
    return made


def _net_caption(result: Checkerboard) -> str:
    if result.side == GRADIENT:
        return "How many gradients reach each input phase of every layer that steps, and of the whole net's input."
    if not result.enlarges:
        return "Nothing enlarges the map here, so the output has one phase; the gradient is the question (--gradient)."
    return "How many weights reach each output phase of every layer that enlarges its map, and of the whole stack."


def _row(
    ax: Axes, y: float, name: str, words: str, coverage: Coverage, told: str, look: Theme, left: float, strip: float,
    bold: bool = False,
) -> None:  # fmt: skip
    verdict = coverage.verdict
    role = look[ROLES[verdict]]
    ax.text(0.06, y, SIGNS[verdict], color=role.edge, size=9, va="center", ha="center", family="DejaVu Sans")
    ax.text(
        0.2,
        y - 0.085,
        shorten(name, 30),
        color=look.ink,
        size=8.8,
        weight="semibold" if bold else "normal",
        va="center",
    )
    ax.text(0.2, y + 0.1, shorten(words, 40, "end"), color=look.faint_ink, size=7.4, va="center")
    values = coverage.overlap[-1]
    few = values[: shown(len(values), 32)] if len(values) > 32 else values
    repeated = tuple(few) * (shown(len(few), CELLS) // len(few)) if len(few) <= CELLS else tuple(few)
    draw_strip(ax, repeated, y, look, left=left, width=strip, height=0.32, size=8.2)
    number = f"{decimal(coverage.cv_total)}"
    dead = f"  {coverage.dead}/{coverage.phases} dead" if coverage.dead else ""
    ax.text(
        left + strip + 0.2,
        y - (0.085 if told else 0),
        number + dead,
        color=look.ink,
        size=8.8,
        va="center",
        family="monospace",
    )
    if told:
        ax.text(
            left + strip + 0.2, y + 0.1, told, color=look.faint_ink, size=7.4, va="center", family="monospace"
        )
