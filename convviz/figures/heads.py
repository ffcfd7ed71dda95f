"""Heads side by side: a row of shapes for each, the weights between them, parameters and MACs as bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from pathlib import Path
from typing import TYPE_CHECKING

from convviz import theme as themes
from convviz.analysis.heads import Head, Heads
from convviz.errors import ConvvizError
from convviz.figures import canvas, check_picture
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.graph import Node
from convviz.ops.base import Shape, show
from convviz.plan.words import TIMES, count, size
from convviz.report.heads import chain, reads, takes, title
from convviz.report.model import rounded
from convviz.theme import Role, Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EDGE = 25.0  # points around everything
TOP = 74.0  # of title and caption
ROW = 88.0  # of a head
PITCH = 94.0  # from one shape to the next
BARS = 128.0  # of the longest bar
SIDE = 34.0  # of the largest map
SHEETS = 6  # of a map with many channels
SHIFT = 2.6  # from one sheet to the next
SIZE = 9.6
SMALL = 8.0
SPREAD = 12  # the largest over the smallest, from which on bars are logarithmic
LARGEST = 10**300
LONG = 11  # characters of a number before it is rounded


@dataclass(frozen=True)
class Stop:
    """A shape on the way, and the layers that lead to it."""

    shape: Shape
    layers: tuple[str, ...]
    params: int
    trained: bool


def plot(found: Heads, path: str | Path, *, theme: str = "light") -> None:
    """Draw ``found`` into ``path`` (.png, .svg or .pdf); raises ConvvizError for another extension."""
    check_picture(path)
    check_drawable(found)
    with canvas.style():
        canvas.save(figure(found, theme=theme), path, title=headline(found), words=description(found))


def check_drawable(found: Heads) -> None:
    """Raises ConvvizError for numbers that no bar can have."""
    if max(max(head.params, head.macs) for head in found) > LARGEST:
        raise ConvvizError("the numbers are too large to be drawn", "--plot")


def figure(found: Heads, *, theme: str = "light") -> Figure:
    """The picture as a matplotlib figure: a row for each head, in the table's order."""
    look = themes.theme(theme)
    with canvas.style():
        return _figure(found, look)


def _figure(found: Heads, look: Theme) -> Figure:
    paths = [stops(head) for head in found]
    label = max(max(draw.width_of(chain(h), SIZE, bold=True), draw.width_of(about(h), SMALL)) for h in found)
    label = min(max(label, 120.0), 250.0)
    shapes = EDGE + label + 30
    bars = shapes + PITCH * (max(map(len, paths)) - 1) + 96
    room = max(draw.width_of(text, SIZE, mono=True) for text in _numbers(found)) + 10
    wide = bars + 2 * (BARS + room) + 26 + EDGE
    lines = draw.wrap(caption(found), wide - 2 * EDGE, canvas.CAPTION)
    top = TOP + 13 * (len(lines) - 1) + 16
    height = top + ROW * len(found) + EDGE
    made, ax = draw.board(wide, height, look)
    draw.write(ax, EDGE, 27, headline(found), look.ink, size=canvas.TITLE, bold=True)
    for i, line in enumerate(lines):
        draw.write(ax, EDGE, 50 + 13 * i, line, look.faint_ink, size=canvas.CAPTION)
    for row, (head, path) in enumerate(zip(found, paths, strict=True)):
        y = top + ROW * row
        if row:
            draw.strokes(ax, [[(EDGE, y), (wide - EDGE, y)]], look.line, width=0.7, above=0.6)
        _label(ax, head, EDGE, y + ROW / 2, label, look)
        _way(ax, path, shapes, y + ROW / 2 - 4, min(5.0, SIDE / max(found.setting.space)), look)
    params, macs = [h.params for h in found], [h.macs for h in found]
    for x, name, values, role in (
        (bars, "parameters", params, "kernel"),
        (bars + BARS + room + 26, "MACs", macs, "output"),
    ):
        scale = " (logarithmic)" if logarithmic(values) else ""
        draw.write(ax, x, top - 8, f"{name}{scale}", look.ink, size=SMALL + 0.6, bold=True)
        _bars(ax, values, x, top, role, look)
    return made


def stops(head: Head) -> list[Stop]:
    """The shapes from the map to the classes; layers that keep the shape are told together with the one before."""
    found = [Stop(next(iter(head.graph.inputs.values())), (), 0, False)]
    for node in head.graph:
        if node.out == found[-1].shape and not node.params and len(found) > 1:
            last = found[-1]
            found[-1] = Stop(last.shape, (*last.layers, short(node)), last.params, last.trained)
        else:
            found.append(Stop(node.out, (short(node),), node.params, node.params > 0))
    return found


def short(node: Node) -> str:
    """A layer in a word or two."""
    fields = node.op.fields()
    if node.op.kind == "global_avg_pool":
        return "GAP"
    if node.op.kind == "relu":
        return "ReLU"
    kernel = fields.get("kernel_size")
    name = node.op.kind.replace("_", " ").replace("avg", "average")
    return name if kernel is None else f"{name} {size(kernel)}"


# -- artists ------------------------------------------------------------------------------------------
def _label(ax: Axes, head: Head, x: float, y: float, width: float, look: Theme) -> None:
    names = draw.wrap(chain(head), width, SIZE, bold=True)
    rest = draw.wrap(about(head), width, SMALL)
    lines = [(text, True) for text in names] + [(text, False) for text in rest]
    at = y - 6.5 * (len(lines) - 1)
    for text, bold in lines:
        colour = look.ink if bold else look.faint_ink
        draw.write(ax, x, at, text, colour, size=SIZE if bold else SMALL, bold=bold)
        at += 13


def about(head: Head) -> str:
    """``reads a window of 7; maps from 7 on``"""
    field = reads(head)
    seen = (
        "reads all of the map"
        if field == "global"
        else f"reads {field} of the image"
        if _on_image(head)
        else ""
    )
    seen = seen or (f"reads a window of {field}")
    fits = takes(head)
    if fits.startswith("only "):
        sizes = f"maps of {fits.removeprefix('only ')} only"
    else:
        sizes = {"any": "any size of map", "not tried": ""}.get(fits, f"maps {fits} on")
    return "; ".join(part for part in (seen, sizes) if part)


def _on_image(head: Head) -> bool:
    return head.traced is not head.graph


def _way(ax: Axes, path: Sequence[Stop], x: float, y: float, cell: float, look: Theme) -> None:
    """Shapes from left to right, and between them the layers with their parameters; cell: points of one of a map."""
    before: Box | None = None
    for i, stop in enumerate(path):
        role = "input" if i == 0 else "output"
        box = _shape(ax, stop.shape, x + PITCH * i, y, cell, look[role])
        draw.write(ax, box.centre[0], y + SIDE / 2 + 22, _size(stop.shape), look.faint_ink, size=SMALL, mono=True,
                   align="center")  # fmt: skip
        if before is not None:
            _step(ax, stop, before.right + 6, x + PITCH * i - 5, y, look)
        before = Box(x + PITCH * i, box.y, max(box.width, 8), box.height)


def _size(shape: Shape) -> str:
    text = size(shape)
    return text if len(text) <= 9 else TIMES.join(map(brief, shape))


def brief(number: float) -> str:
    """``3136``, ``25.1k``, ``1M``"""
    digits, _, unit = rounded(int(number)).partition(" ") if number >= 10_000 else (str(int(number)), "", "")
    return (digits.rstrip("0").rstrip(".") if "." in digits else digits) + unit


def _step(ax: Axes, stop: Stop, start: float, end: float, y: float, look: Theme) -> None:
    """An arrow; above it the layer, below its parameters."""
    colour = look["kernel"].edge if stop.trained else look.faint_ink
    draw.strokes(ax, [[(start, y), (end - 1, y)]], colour, width=1.9 if stop.trained else 0.9)
    draw.strokes(
        ax, [[(end - 5, y - 3.4), (end, y), (end - 5, y + 3.4)]], colour, width=1.5 if stop.trained else 0.9
    )
    middle = (start + end) / 2
    room = end - start + 4
    words = [line for name in stop.layers for line in draw.wrap(name, room, SMALL)][:3]
    for i, line in enumerate(words):
        draw.write(ax, middle, y - 9 - 10 * (len(words) - 1 - i), line, look.ink, size=SMALL, align="center")
    if stop.trained:
        text = f"{stop.params:,}"
        text = text if len(text) <= 9 else rounded(stop.params)
        draw.write(ax, middle, y + 10, text, look.ink, size=SMALL, mono=True, bold=True, align="center")


def _shape(ax: Axes, shape: Shape, x: float, y: float, cell: float, style: Role) -> Box:
    """A map as sheets of its cells, a vector as a strip whose length is logarithmic; the box that it takes."""
    if len(shape) == 1:
        tall = min(10 + 9 * log10(max(shape[0], 1)), 62.0)
        box = Box(x, y - tall / 2, 8, tall)
        draw.tiles(ax, [box], fill=style.fill, edge=style.edge, width=1.1, rounded=True)
        return box
    rows, columns = (1, shape[1]) if len(shape) == 2 else shape[-2:]
    tall, wide = max(rows * cell, 4.0), max(columns * cell, 4.0)
    sheets = min(SHEETS, 1 + int(log10(shape[0]) * 2))
    depth = (sheets - 1) * SHIFT
    boxes = [
        Box(x + depth - i * SHIFT, y - tall / 2 - depth / 2 + i * SHIFT, wide, tall) for i in range(sheets)
    ]
    for i, box in enumerate(boxes):
        draw.tiles(ax, [box], fill=style.fill, edge=style.edge, width=0.9, above=2 + 0.01 * i)
    front = boxes[-1]
    if cell >= 3 and max(rows, columns) > 1:
        lines = [
            [(front.x + cell * i, front.y), (front.x + cell * i, front.bottom)] for i in range(1, columns)
        ]
        lines += [[(front.x, front.y + cell * i), (front.right, front.y + cell * i)] for i in range(1, rows)]
        draw.strokes(ax, lines, style.edge, width=0.45, above=3)
    return Box.around(boxes)


def logarithmic(values: Sequence[int]) -> bool:
    return max(values) > SPREAD * max(min(values), 1)


def _numbers(found: Heads) -> list[str]:
    return [_number(value) for head in found for value in (head.params, head.macs)]


def _number(value: int) -> str:
    text = f"{value:,}"
    return text if len(text) <= LONG else rounded(value)


def _bars(ax: Axes, values: Sequence[int], x: float, top: float, role: str, look: Theme) -> None:
    """A bar for each head with its number; on a logarithmic scale lines at the powers of ten."""
    style, most = look[role], max(values)
    low = 10.0 ** int(log10(max(min(values), 1))) / 3 if logarithmic(values) else 0.0

    def length(value: float) -> float:
        if low:
            return BARS * log10(max(value, low) / low) / log10(most / low)
        return BARS * value / max(most, 1)

    if low:
        first, last = int(log10(max(min(values), 1))), int(log10(most))
        bottom = top + ROW * len(values) - 10
        for power in range(first, last + 1, 1 + (last - first) // 4):
            at = x + length(10.0**power)
            draw.strokes(ax, [[(at, top + 6), (at, bottom)]], look.line, width=0.7, above=0.7)
            draw.write(ax, at, bottom + 9, brief(10.0**power), look.faint_ink, size=SMALL, align="center")
    for row, value in enumerate(values):
        y = top + ROW * (row + 0.5)
        bar = Box(x, y - 9, max(length(value), 0.8), 18)
        thick = 1.8 if role == "kernel" else 1.0
        draw.tiles(ax, [bar], fill=style.fill, edge=style.edge, width=thick, rounded=role == "output")
        text = draw.write(ax, bar.right + 6, y, _number(value), look.ink, size=SIZE, mono=True)
        text.set_bbox({"facecolor": look.paper, "linewidth": 0, "pad": 0.6})


# -- words --------------------------------------------------------------------------------------------
def headline(found: Heads) -> str:
    shape = found.setting.shape
    return title(found).replace(show(shape), size(shape))


def caption(found: Heads) -> str:
    """What the picture shows, in a sentence or two."""
    text = (
        "Thick arrows have weights: their number stands below. A strip is a vector, its length logarithmic."
    )
    if found.equal is not None:
        return (
            f"{text} Each head is brought near to {count(found.equal, 'parameter')} by a 3×3 conv in front, so that "
            f"they can be compared; what differs is the work."
        )
    return text


def description(found: Heads) -> str:
    """The picture in words, for those who cannot see it."""
    told = [
        f"{chain(head)}: {' to '.join(size(stop.shape) for stop in stops(head))}, {head.params:,} parameters, "
        f"{head.macs:,} MACs, {about(head)}"
        for head in found
    ]
    return f"{headline(found)}. {'; '.join(told)}."
