"""Softmax as bars: logits, exponentials, probabilities, log-softmax and gradient, class by class in one line.

Below them the same quotients without the subtraction, in single and in double precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.figures import canvas, check_picture
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.plan.logits import SoftmaxResult
from convviz.plan.logits_plan import loss_name, shifts, title
from convviz.plan.model import Number
from convviz.plan.words import number
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EDGE = 25.0  # points around everything
TOP = 66.0  # of title and caption
ROW = 25.0  # of a class
THICK = 15.0  # of a bar
BAR = 96.0  # of the longest bar
GAP = 22.0  # between two panels
HEAD = 40.0  # of a panel: its title and what it shows
SIZE = 9.0  # points of letters
SMALL = 8.2
MOST = 16  # classes that are drawn
TILES = 6  # classes of the lower part


@dataclass(frozen=True)
class Bars:
    """One quantity: its values by class, and their sum where it says something."""

    title: str
    rule: str
    role: str
    values: tuple[Number, ...]
    total: str = ""

    @property
    def texts(self) -> list[str]:
        return [number(value) for value in self.values]


def plot(result: SoftmaxResult, path: str | Path, *, theme: str = "light") -> None:
    """Draw ``result`` into ``path`` (.png, .svg or .pdf); raises ConvvizError for another extension."""
    check_picture(path)
    with canvas.style():
        canvas.save(figure(result, theme=theme), path, title=title(result), words=description(result))


def figure(result: SoftmaxResult, *, theme: str = "light") -> Figure:
    """The picture as a matplotlib figure, on no screen and in no global state."""
    look = themes.theme(theme)
    with canvas.style():
        return _figure(result, look)


def _figure(result: SoftmaxResult, look: Theme) -> Figure:
    picked = drawn(result)
    panels = [
        Bars(p.title, p.rule, p.role, tuple(p.values[i] for i in picked), p.total) for p in quantities(result)
    ]
    names = [f"class {i}" for i in picked]
    label = max(draw.width_of(name, SIZE, bold=True) for name in (*names, "target ▸ class 0"))
    widths = [panel_width(panel) for panel in panels]
    wide = max(2 * EDGE + label + GAP + sum(widths) + GAP * (len(panels) - 1), 640.0)
    left = EDGE + label + GAP
    lines = draw.wrap(caption(result), wide - 2 * EDGE, canvas.CAPTION)
    top = TOP + (len(lines) - 1) * 13
    low = top + HEAD + ROW * len(picked) + 26
    remarks = draw.wrap(remark(result), wide - 2 * EDGE, SMALL)
    height = low + 54 + 3 * 28 + 13 * len(remarks) + 12
    made, ax = draw.board(wide, height, look)
    draw.write(ax, EDGE, 27, title(result), look.ink, size=canvas.TITLE, bold=True)
    for i, line in enumerate(lines):
        draw.write(ax, EDGE, 50 + 13 * i, line, look.faint_ink, size=canvas.CAPTION)
    _labels(ax, result, picked, top + HEAD, left - GAP, wide - EDGE, look)
    x = left
    for panel, width in zip(panels, widths, strict=True):
        _bars(ax, panel, Box(x, top, width, HEAD + ROW * len(picked)), look)
        x += width + GAP
    below = _without(ax, result, low, wide, look)
    for i, line in enumerate(remarks):
        draw.write(ax, EDGE, below + 13 * i, line, look.faint_ink, size=SMALL)
    return made


def drawn(result: SoftmaxResult) -> list[int]:
    """The classes that there is room for: the most probable ones and the target, in their order."""
    order = sorted(range(len(result.values)), key=lambda i: (-result.probabilities[i], i))
    first = [] if result.target is None else [result.target]
    return sorted(dict.fromkeys([*first, *order][: MOST + 1]))[:MOST] if len(order) > MOST else sorted(order)


def quantities(result: SoftmaxResult) -> list[Bars]:
    """The panels from left to right."""
    row, top = result.row, number(result.row.top)
    z = "x" if result.temperature == 1 else "x / T"
    found = [
        Bars("logits", z, "input", row.values, f"largest {top}"),
        Bars("exponentials", "e^(x − max)", "kernel", result.exponentials, f"sum {number(row.total)}"),
        Bars("softmax", "p = each over the sum", "output", result.probabilities, "sum 1"),
        Bars("log-softmax", "ln p", "shared", result.log_probabilities),
    ]
    if result.gradient is not None and result.loss is not None:
        slope = "p − q" if result.temperature == 1 else "(p − q) / T"
        found.append(Bars("gradient", slope, "active", result.gradient, f"loss {number(result.loss)}"))
    return found


def panel_width(panel: Bars) -> float:
    """Room for the longest bar and for the numbers at its ends."""
    texts = max(draw.width_of(text, SIZE, mono=True) for text in panel.texts) + 8
    heads = [draw.width_of(panel.title, SIZE + 1, bold=True), draw.width_of(panel.rule, SMALL)]
    both = any(v < 0 for v in panel.values) and any(v > 0 for v in panel.values)
    return max(BAR + texts * (2 if both else 1), *heads, draw.width_of(panel.total, SMALL, mono=True))


# -- artists ------------------------------------------------------------------------------------------
def _labels(
    ax: Axes, result: SoftmaxResult, picked: Sequence[int], top: float, right: float, end: float, look: Theme
) -> None:
    for at, i in enumerate(picked):
        y = top + ROW * (at + 0.5)
        mine = i == result.target
        text = f"target ▸ class {i}" if mine else f"class {i}"
        draw.write(
            ax, right, y, text, look.ink if mine else look.faint_ink, size=SIZE, bold=mine, align="right"
        )
        if at:
            draw.strokes(ax, [[(EDGE, y - ROW / 2), (end, y - ROW / 2)]], look.line, width=0.6, above=0.6)


def _bars(ax: Axes, panel: Bars, box: Box, look: Theme) -> None:
    """A quantity's title, and a bar with its number for each class."""
    role = look[panel.role]
    draw.write(ax, box.x, box.y + 8, panel.title, look.ink, size=SIZE + 1, bold=True)
    draw.write(ax, box.x, box.y + 24, panel.rule, look.faint_ink, size=SMALL)
    finite = [v for v in panel.values if isfinite(v)]
    most, least = max([0, *finite]), min([0, *finite])
    texts = max(draw.width_of(text, SIZE, mono=True) for text in panel.texts) + 8
    room = box.width - texts * ((most > 0) + (least < 0) or 1)
    scale = room / ((most - least) or 1)
    zero = box.x + (texts if least < 0 else 0) - least * scale
    top, bottom = box.y + HEAD, box.bottom
    draw.strokes(ax, [[(zero, top + 2), (zero, bottom - 2)]], look.faint_ink, width=0.9, above=3)
    for at, (value, text) in enumerate(zip(panel.values, panel.texts, strict=True)):
        y = top + ROW * (at + 0.5)
        length = value * scale if isfinite(value) else 0.0
        if abs(length) > 0.4:
            bar = Box(min(zero, zero + length), y - THICK / 2, abs(length), THICK)
            hatch = "////" if panel.role == "shared" else None
            rounded, width = panel.role == "output", 1.8 if panel.role in ("kernel", "active") else 0.9
            draw.tiles(ax, [bar], fill=role.fill or look.paper, edge=role.edge, width=width, rounded=rounded,
                       hatch=hatch)  # fmt: skip
        left = value < 0
        x = zero + length + (-5 if left else 5)
        draw.write(ax, x, y, text, look.ink, size=SIZE, mono=True, align="right" if left else "left")
    if panel.total:
        draw.write(ax, box.x, bottom + 10, panel.total, look.faint_ink, size=SMALL, mono=True)


def _without(ax: Axes, result: SoftmaxResult, y: float, wide: float, look: Theme) -> float:
    """The quotients with and without the subtraction, as tiles, of the logits and of larger ones; where it ends."""
    groups = [Group(result, shift) for shift in (0, *shifts(result))]
    names = ["largest taken away", *(f"not taken away, {naive.precision}" for naive in result.naive())]
    draw.write(ax, EDGE, y + 8, "Why the largest is taken away", look.ink, size=SIZE + 1, bold=True)
    x = EDGE + max(draw.width_of(name, SIZE) for name in names) + 18
    room = (wide - EDGE - x - GAP * (len(groups) - 1)) / len(groups)
    for at, name in enumerate(names):
        draw.write(ax, EDGE, y + 54 + 28 * at, name, look.ink, size=SIZE)
    for group in groups:
        draw.write(ax, x, y + 30, group.title, look.faint_ink, size=SMALL)
        sums = max(draw.width_of(text, SMALL, mono=True) for text in group.sums) + 12
        longest = max(draw.width_of(text, SIZE, mono=True) for text in group.texts(TILES))
        side = max(min(longest + 16, 96.0), 62.0)
        shown = max(1, min(len(result.values), TILES, int((room - sums - 14) / (side + 5))))
        for at, (total, shares, good) in enumerate(group.rows):
            middle = y + 54 + 28 * at
            draw.write(ax, x, middle, total, look.faint_ink, size=SMALL, mono=True)
            for i in range(shown):
                box = Box(x + sums + i * (side + 5), middle - 11, side, 22)
                _tile(ax, box, shares[i], good, look)
            if len(result.values) > shown:
                draw.write(ax, x + sums + shown * (side + 5), middle, "…", look.faint_ink, size=SIZE)
        x += room + GAP
    return y + 54 + 28 * len(names)


@dataclass(frozen=True)
class Group:
    """The logits, all larger by ``shift``, through the three calculations."""

    result: SoftmaxResult
    shift: int

    @property
    def title(self) -> str:
        return f"with all logits larger by {self.shift:,}" if self.shift else "with the logits as they are"

    @property
    def rows(self) -> list[tuple[str, Sequence[Number], bool]]:
        """The sum of the exponentials, the quotients, and whether these are usable."""
        naive = [(f"sum {number(n.total)}", n.shares, not n.fails) for n in self.result.naive(self.shift)]
        return [(f"sum {number(self.result.row.total)}", self.result.probabilities, True), *naive]

    @property
    def sums(self) -> list[str]:
        return [total for total, _, _ in self.rows]

    def texts(self, most: int) -> list[str]:
        return [number(value) for _, shares, _ in self.rows for value in shares[:most]]


def _tile(ax: Axes, box: Box, value: Number, good: bool, look: Theme) -> None:
    """A quotient; what is of no use is crossed out."""
    role = look["output" if good else "muted"]
    draw.tiles(ax, [box], fill=role.fill, edge=role.edge, width=0.9, rounded=good)
    if not good:
        draw.diagonals(ax, [box], role.edge, above=2.5)
    _tile_number(ax, box, number(value), look)


def _tile_number(ax: Axes, box: Box, text: str, look: Theme) -> None:
    size = SIZE
    while size > 7.5 and draw.width_of(text, size, mono=True) > box.width - 6:
        size -= 0.5
    cut = draw.clip(text, box.width - 4, size, mono=True)
    draw.write(ax, *box.centre, cut, look.ink, size=size, mono=True, align="center")


# -- words --------------------------------------------------------------------------------------------
def caption(result: SoftmaxResult) -> str:
    """What the bars show, in a sentence or two."""
    row = result.row
    text = (
        f"The largest, {number(row.top)}, is taken away; each exponential over their sum {number(row.total)} is a "
        f"probability, and the probabilities add up to 1."
    )
    if result.loss is not None:
        text += f" The {loss_name(result)} of class {result.target} is {number(result.loss)}."
    hidden = len(result.values) - len(drawn(result))
    return text + (f" {hidden:,} less probable classes are not drawn." if hidden else "")


def remark(result: SoftmaxResult) -> str:
    """What comes of plain exponentials, in words."""
    told = " ".join(f"In {naive.precision} it {clause(naive.words)}." for naive in result.naive())
    return f"As they are, without the subtraction: {told[0].lower()}{told[1:]}"


def clause(words: str) -> str:
    """``off by ...`` and ``the same`` are what it *is*."""
    return words if words.split(maxsplit=1)[0].endswith("flows:") else f"is {words}"


def description(result: SoftmaxResult) -> str:
    """The picture in words, for those who cannot see it."""
    shares = ", ".join(f"class {i}: {number(result.probabilities[i])}" for i in drawn(result))
    return f"{title(result)}. Probabilities: {shares}. {caption(result)} {remark(result)}"
