"""All kinds of convolution as bars: parameters and MACs, each with its ratio to the normal conv's."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.analysis.kinds import Kind, Kinds
from convviz.errors import ConvvizError
from convviz.figures import canvas, check_picture
from convviz.figures.canvas import MARGIN
from convviz.ops.base import show
from convviz.report.kinds import params_formula, params_of, ratio_text
from convviz.report.model import plain, rounded
from convviz.report.tables import size_cell
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = 0.43  # inches of a kind
LETTER = 9.0  # points
SMALL = 7.4  # of the formulas
SPREAD = 12  # the largest over the smallest, from which on bars are logarithmic
LARGEST = 10**300  # of a bar
BARS = 3.1  # inches of a panel of bars
LONG = 12  # characters of a number before it is rounded


def plot(found: Kinds, path: str | Path, *, bias: bool = False, theme: str = "light") -> None:
    """Draw ``found`` into ``path`` (.png, .svg or .pdf); raises ConvvizError for another extension."""
    check_picture(path)
    with canvas.style():
        made = figure(found, bias=bias, theme=theme)
        canvas.save(made, path, title=headline(found), words=description(found, bias))


def figure(found: Kinds, *, bias: bool = False, theme: str = "light") -> Figure:
    """The picture as a matplotlib figure: a row a kind, in the table's order."""
    look = themes.theme(theme)
    if max(max(kind.params_with_bias, kind.macs) for kind in found) > LARGEST:
        raise ConvvizError("the numbers are too large to be drawn", headline(found))
    words = [(kind.name, show(kind.out), _field(kind)) for kind in found]
    formulas = [params_formula(kind, bias).rpartition(" = ")[0] for kind in found]
    heads = ("", "output", "reads")
    inches = [
        max(map(len, (head, *column))) * LETTER * size + 0.22
        for head, column, size in zip(heads, zip(*words, strict=True), (0.0078, 0.0086, 0.0086), strict=True)
    ]
    first = found.kinds[0]
    inches[0] = max(inches[0], max(map(len, formulas)) * SMALL * 0.0086 + 0.22)
    params, macs = [params_of(kind, bias)[0] for kind in found], [kind.macs for kind in found]
    notes = (
        [_note(*params_of(kind, bias)) for kind in found],
        [_note(kind.macs, kind.macs_ratio) for kind in found],
    )
    normal = (first.normal_biased.params if bias else first.normal.params, first.normal.macs)
    room = [max(map(len, texts)) * LETTER * 0.0086 + 0.12 for texts in notes]
    tall = ROW * len(found)
    left = MARGIN + sum(inches)
    width = left + BARS + room[0] + 0.25 + BARS + room[1] + MARGIN
    height = tall + 2.1
    made = canvas.page(width, height, look)
    x = left
    for i, (values, texts, title, role) in enumerate(
        ((params, notes[0], "parameters" + " with bias" * bias, "kernel"), (macs, notes[1], "MACs", "output"))
    ):
        ax = made.add_axes((x / width, 0.72 / height, BARS / width, tall / height))
        _bars(ax, values, texts, normal[i], title, look, role)
        if not i:
            _names(ax, words, heads, formulas, inches, look)
        x += BARS + room[i] + 0.25
    canvas.header(made, look, headline(found), caption(found, params, macs))
    return made


# -- words ----------------------------------------------------------------------------------------------
def headline(found: Kinds) -> str:
    """``Kinds of convolution: 64 → 128 channels, 3x3 on 56x56``"""
    s = found.setting
    return (
        f"Kinds of convolution: {s.in_channels:,} → {s.out_channels:,} channels, "
        f"{show(s.kernel_size)} on {show(s.size)}"
    )


def caption(found: Kinds, params: Sequence[int], macs: Sequence[int]) -> str:
    """What the bars are, in a sentence or two."""
    text = "At each bar its value, and how many times the normal conv's that is (dashed line)."
    scales = [name for name, values in (("parameters", params), ("MACs", macs)) if _logarithmic(values)]
    return text + (f" Logarithmic scale: {' and '.join(scales)}." if scales else "")


def description(found: Kinds, bias: bool = False) -> str:
    """The picture in words, for those who cannot see it."""
    told = [
        f"{kind.name}: {params_of(kind, bias)[0]:,} parameters "
        f"({ratio_text(params_of(kind, bias)[1])} of normal), {kind.macs:,} MACs ({ratio_text(kind.macs_ratio)}), "
        f"output {show(kind.out)}, receptive field {_field(kind)}"
        for kind in found
    ]
    return f"{headline(found)}. {'; '.join(told)}."


def _field(kind: Kind) -> str:
    return plain(size_cell(kind.rf))


def _note(value: int, ratio: Fraction) -> str:
    text = f"{value:,}"
    return f"{text if len(text) <= LONG else rounded(value)}  ×{ratio_text(ratio)}"


def _tick(value: float) -> str:
    """``100``, ``1 k``, ``2.5 M``"""
    text = rounded(int(value))
    number, space, unit = text.partition(" ")
    return (number.rstrip("0").rstrip(".") if "." in number else number) + space + unit


# -- artists --------------------------------------------------------------------------------------------
def _logarithmic(values: Sequence[int]) -> bool:
    return max(values) > SPREAD * min(values)


def _bars(
    ax: Axes, values: Sequence[int], texts: Sequence[str], normal: int, title: str, look: Theme, role: str
) -> None:
    """A bar a kind; a dashed line where the normal conv ends."""
    tint, edge = look[role].fill, look[role].edge
    log = _logarithmic(values)
    low = 10.0 ** (len(str(min(*values, normal))) - 1) / 2 if log else 0.0
    ax.barh(
        range(len(values)),
        [float(v) - low for v in values],
        0.62,
        left=low,
        color=tint,
        edgecolor=edge,
        linewidth=1.1,
        zorder=3,
    )
    ax.set_xlim(low, 1.05 * float(max(*values, normal)))
    ax.set_ylim(len(values) - 0.4, -0.6)
    ax.axvline(float(normal), color=look.faint_ink, linewidth=0.9, linestyle=(0, (4, 3)), zorder=2)
    for i, text in enumerate(texts):
        ax.annotate(
            text,
            (float(values[i]), i),
            (5, 0),
            textcoords="offset points",
            va="center",
            color=look.ink,
            size=LETTER,
            family="monospace",
            annotation_clip=False,
            zorder=5,
            bbox={"facecolor": look.paper, "linewidth": 0, "pad": 1.0},
        )
    canvas.ruler(ax, look, 8)
    ax.grid(axis="x", color=look.line, linewidth=0.6, zorder=0)
    if log:
        ax.set_xscale("log")
        ax.minorticks_off()
        ax.locator_params(axis="x", numticks=7)
    else:
        ax.locator_params(axis="x", nbins=3)
    ax.xaxis.set_major_formatter(lambda value, _: _tick(value))
    ax.set_title(title, loc="left", color=edge, size=10, weight="semibold", pad=6)


def _names(
    ax: Axes,
    words: Sequence[Sequence[str]],
    heads: Sequence[str],
    formulas: Sequence[str],
    inches: Sequence[float],
    look: Theme,
) -> None:
    """Name (with the formula of its parameters), output shape and receptive field, in columns left of the bars."""
    from matplotlib.transforms import blended_transform_factory

    place = blended_transform_factory(ax.transAxes, ax.transData)

    def write(text: str, x: float, row: int, up: float, size: float, colour: str, family: str) -> None:
        told = ax.annotate(text, (0, row), (72 * x, up), place, "offset points", annotation_clip=False)
        told.set(va="center", color=colour, size=size)
        if family:
            told.set(family=family)

    starts = [sum(inches[:i]) - sum(inches) for i in range(len(inches))]
    for x, head in zip(starts, heads, strict=True):
        write(head, x, 0, 72 * ROW * 0.6 + 10, LETTER, look.faint_ink, "")
    for row, ((name, *rest), formula) in enumerate(zip(words, formulas, strict=True)):
        write(name, starts[0], row, 5.5, LETTER, look.ink, "")
        write(formula, starts[0], row, -6.5, SMALL, look.faint_ink, "monospace")
        for x, text in zip(starts[1:], rest, strict=True):
            write(text, x, row, 0, LETTER, look.faint_ink, "monospace")
