"""The panels of a checkerboard's picture: kernels in rows above their counts, a heat map, a spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from convviz import theme as themes
from convviz.analysis.coverage import Coverage
from convviz.analysis.patterns import Number
from convviz.figures import canvas
from convviz.ops.relations import Window
from convviz.report.checkerboard import decimal, told_number
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDE = 34  # cells of a row of kernels; more could not carry numbers
CELLS = 12  # of a heat map along each axis, if its numbers are written
MAP = 64  # cells of a heat map along each axis
STEMS = 64  # frequencies of a spectrum


@dataclass(frozen=True)
class Ribbons:
    """Some neighbouring footprints of a kernel along one axis: (cells, kernel indices) of each.

    low, high: the cells that are drawn. real: the first cell that exists (before it, padding crops).
    inside: cells that all the footprints which reach them are drawn for.
    """

    rows: tuple[tuple[range, range], ...]
    low: int
    high: int
    inside: range


def ribbons(window: Window, backwards: bool) -> Ribbons | None:
    """Enough footprints to see two periods between the borders; None where they would not fit."""
    step = window.stride if backwards else window.up
    reach = abs(window.dilation) * (window.kernel - 1) + 1
    start = -window.padding if backwards else window.padding
    if max(reach, step) > WIDE or abs(start) > WIDE:
        return None
    full = -(-reach // step)  # footprints over one cell, holes included
    count = max(full + 3, 5)
    while count > full + 1 and (count - 1) * step + reach > WIDE:
        count -= 1
    if (count - 1) * step + reach > WIDE:
        return None
    taps = [window.taps(u) if backwards else window.feeds(u) for u in range(count)]
    rows = tuple((t.cells, t.index) for t in taps)
    cells = [c for row, _ in rows for c in (row[0], row[-1])]
    low, high = min(cells), max(cells)
    # the footprint before the first and the one behind the last would begin to reach in here
    first, last = low - step + reach, low + count * step - 1
    return Ribbons(rows, low, high, range(max(first, 0), last + 1))


def draw_ribbons(ax: Axes, found: Ribbons, look: Theme, unit: str, cell: str) -> None:
    """Each footprint in a row of its own with its kernel indices, the counts beneath, the phases below these."""
    from matplotlib.patches import Rectangle

    role, crop = look["kernel"], look["padding"]
    count = len(found.rows)
    letter = 8.4 if found.high - found.low < 24 else 7.0
    for y, (cells, index) in enumerate(found.rows):
        ends = (min(cells[0], cells[-1]), max(cells[0], cells[-1]))
        ax.plot(ends, [y, y], color=look["muted"].edge, linewidth=0.8, zorder=1)
        for c, j in zip(cells, index, strict=True):
            real = c >= 0
            box = Rectangle((c - 0.46, y - 0.38), 0.92, 0.76, zorder=2)
            box.set(facecolor=role.fill if real else look.paper, edgecolor=role.edge if real else crop.edge)
            box.set(linewidth=1.3 if real else 0.9, linestyle="-" if real else (0, (3, 2)))
            ax.add_patch(box)
            colour = look.ink if real else look.faint_ink
            ax.text(c, y, str(j), color=colour, size=letter, ha="center", va="center", family="monospace")
        ax.annotate(
            f"{unit} {y}", (0, y), (-6, 0), ("axes fraction", "data"), "offset points", ha="right", va="center",
            color=look.faint_ink, size=8,
        )  # fmt: skip
    below = count + 0.45
    sums = {c: sum(c in row for row, _ in found.rows) for c in range(max(found.low, 0), found.high + 1)}
    most = max(sums[c] for c in found.inside if c in sums) if any(c in sums for c in found.inside) else 1
    for c, n in sums.items():
        number_cell(ax, c, below, n, most, look, letter + 0.6, known=c in found.inside)
    for text, at in (("count", below), (f"{cell} index", below + 0.95)):
        ax.annotate(
            text, (0, at), (-6, 0), ("axes fraction", "data"), "offset points", ha="right", va="center",
            color=look.ink if text == "count" else look.faint_ink, size=8,
            weight="semibold" if text == "count" else "normal",
        )  # fmt: skip
    for c in sums:
        ax.text(
            c,
            below + 0.95,
            str(c),
            color=look.faint_ink,
            size=7,
            ha="center",
            va="center",
            family="monospace",
        )
    ax.set_xlim(found.low - 0.7, found.high + 0.7)
    ax.set_ylim(below + 1.5, -0.7)
    ax.axis("off")


def number_cell(
    ax: Axes, x: float, y: float, value: Number | None, most: Number, look: Theme, size: float, *,
    known: bool = True, width: float = 1.0, height: float = 0.92, text: str | None = None,
) -> None:  # fmt: skip
    """A cell coloured by its value, with the number; 0 is hatched, and what lies at the border is left pale."""
    from matplotlib.patches import Rectangle

    box = Rectangle(
        (x - width / 2, y - height / 2), width, height, zorder=2, linewidth=0.8, edgecolor=look.paper
    )
    written = told_number(value or 0) if text is None else text
    if not known:
        box.set(facecolor=look.paper, edgecolor=look.line)
        colour = look.faint_ink
    elif not value:
        muted = look["muted"]
        box.set(facecolor=muted.fill, edgecolor=muted.edge, hatch="////")
        colour = look.ink
    else:
        face = shade(value, most)
        box.set(facecolor=face)
        colour = max("#000000", "#ffffff", key=lambda c: themes.contrast(c, face))
    ax.add_patch(box)
    if written:
        label = ax.text(
            x, y, written, color=colour, size=size, ha="center", va="center", family="monospace", zorder=4
        )
        if known and not value:
            label.set_bbox({"facecolor": look["muted"].fill, "linewidth": 0, "pad": 0.8})


def shade(value: Number, most: Number) -> str:
    """The colour of a count, 0 to ``most``."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return str(
        to_hex(colormaps[themes.MAPS["counts"]](0.12 + 0.88 * float(Fraction(value) / Fraction(most or 1))))
    )


# -- two axes together ----------------------------------------------------------------------------------
def shown(period: int, limit: int = CELLS) -> int:
    """How many phases to draw: some whole periods where they fit, at most ``limit``."""
    return min(period * max(1, 6 // period), limit)


def draw_product(ax: Axes, coverage: Coverage, look: Theme, points: float) -> None:
    """The heat map of the last two axes, with the overlap of each axis along its edge: rows times columns.

    ``points``: width of the axes, from which the size of the numbers follows.
    """
    periods = coverage.periods[-2:]
    limit = 6 if coverage.uniform else CELLS if max(periods) <= CELLS else MAP
    rows, columns = (shown(p, limit) for p in periods)
    lead = (0,) * (len(coverage.periods) - 2)
    most = coverage.most if not lead else max(
        coverage.joint((*lead, i, j)) for i in range(periods[0]) for j in range(periods[1])
    )  # fmt: skip
    legible = points / (columns + 2.2) >= 15 and rows <= CELLS
    size = min(9.5, points / (columns + 2.2) * 0.42)
    factor = coverage.separable
    values = [
        [coverage.joint((*lead, i % periods[0], j % periods[1])) for j in range(columns)] for i in range(rows)
    ]
    if max(rows, columns) > CELLS:
        _image(ax, values, most, look)
    else:
        for i, row in enumerate(values):
            for j, value in enumerate(row):
                words = fitting(told_number(value), size, points / (columns + 2.2)) if legible else ""
                number_cell(ax, j, i, value, most, look, size, height=1.0, text=words)
    if factor and legible:
        for own, at in ((coverage.overlap[-1], "top"), (coverage.overlap[-2], "left")):
            n = columns if at == "top" else rows
            for i in range(n):
                x, y = (i, -1.45) if at == "top" else (-1.45, i)
                value = own[i % len(own)]
                words = fitting(told_number(value), size, 0.92 * points / (columns + 2.2))
                number_cell(ax, x, y, value, max(own), look, size, height=0.92, width=0.92, text=words)
        ax.text(-1.45, -1.45, "×", color=look.ink, size=11, ha="center", va="center")
    ax.set_xlim(-2.1 if factor and legible else -0.6, columns - 0.4)
    ax.set_ylim(rows - 0.4, -2.1 if factor and legible else -0.6)
    ax.set_aspect("equal", anchor="NW")
    ax.axis("off")


def _image(ax: Axes, values: Sequence[Sequence[Number]], most: Number, look: Theme) -> None:
    """Cells too many for numbers as one image; 0 has the grey of what is not reached."""
    from matplotlib.colors import to_rgb

    faces = {v: to_rgb(shade(v, most) if v else look["muted"].fill) for row in values for v in row}  # type: ignore[arg-type]
    ax.imshow([[faces[v] for v in row] for row in values], interpolation="nearest")


def draw_strip(
    ax: Axes, values: Sequence[Number], y: float, look: Theme, *, width: float, height: float, size: float,
    left: float = 0.0,
) -> None:  # fmt: skip
    """Phases as cells from ``left`` on, ``width`` inches together; numbers where they fit, smaller if need be."""
    most = max(values) or 1
    each = width / len(values)
    size = size if each > 0.25 else 7
    for i, value in enumerate(values):
        number_cell(
            ax, left + (i + 0.5) * each, y, value, most, look, size, width=each, height=height,
            text=fitting(told_number(value), size, each * 72),
        )  # fmt: skip


def fitting(words: str, size: float, points: float) -> str:
    """The words, or nothing where they are wider than so many points."""
    return words if size * 0.62 * len(words) + 2 <= points else ""


# -- spectrum -------------------------------------------------------------------------------------------
def draw_spectrum(ax: Axes, coverage: Coverage, look: Theme) -> None:
    """|DFT| of the last axis' phases over its mean: a stem for each frequency but 0."""
    amplitudes = coverage.spectrum(len(coverage.overlap) - 1)
    period = coverage.periods[-1]
    stems = list(enumerate(amplitudes))[1 : STEMS + 1]
    role = look["active"]
    top = max([a for _, a in stems], default=0.0)
    for m, a in stems:
        ax.plot([m, m], [0, a], color=role.edge, linewidth=2 if len(stems) < 20 else 1.2, zorder=2)
        size = 5 if len(stems) < 20 else 3
        ax.plot([m], [a], "o", color=role.edge, markersize=size, zorder=3, clip_on=False)
        if len(stems) <= 6:
            ax.annotate(
                decimal(a) if a > 1e-12 else "0", (m, a), (0, 5), textcoords="offset points", ha="center",
                color=look.ink, size=8, family="monospace",
            )  # fmt: skip
    count = max(len(stems), 1)
    ax.set_xlim(0.4 if count > 1 else 0, count + 0.6 if count > 1 else 2)
    ax.set_ylim(0, top * 1.3 if top > 1e-12 else 1)
    every = max(1, -(-len(stems) // (8 if period <= 32 else 5)))
    ticks = [m for m, _ in stems if (count - m) % every == 0]
    ax.set_xticks(ticks, [str(Fraction(m, period)) for m in ticks])
    canvas.ruler(ax, look)
    ax.set_xlabel("cycles per cell", color=look.faint_ink, size=8.2)
    if not stems:
        ax.set_xticks([])
        ax.set_xlabel("")
        ax.text(
            0.5,
            0.5,
            "one phase: no frequency but 0",
            transform=ax.transAxes,
            ha="center",
            color=look.faint_ink,
            size=8,
        )


def heading(ax: Any, text: str, look: Theme, lift: float = 6) -> None:
    """A panel's title at its top left."""
    ax.annotate(
        text,
        (0, 1),
        (0, lift),
        "axes fraction",
        "offset points",
        color=look.ink,
        size=9.4,
        weight="semibold",
        va="bottom",
    )
