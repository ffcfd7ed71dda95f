"""What the layers learned: the first kernels, and feature maps from edges to parts."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convviz import theme as themes
from convviz.analysis.looks import Depth, Kernels, Looks, has_room_for
from convviz.figures import canvas, check_picture
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.training.page import EDGE, diverging, frame, heading, open_page, paint, shown, styled
from convviz.ops.base import Array, show
from convviz.report.training.words import named
from convviz.runs.run import Run
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

IMAGE = 92.0  # points of an image's side
MAP = 60.0  # of a map's; a layer has four, two by two
GAP = 5.0
GROUP = 2 * MAP + GAP
BETWEEN = 26.0  # points between two layers
KERNEL = 40.0  # of a kernel's side, at most
KERNELS = 64  # that are drawn
LETTER = 8.4
WIDTH = 2 * EDGE + IMAGE + 4 * (GROUP + BETWEEN)


def plot(run: Run, images: Array, looks: Looks, path: str | Path, *, theme: str = "light") -> None:
    """Draw into ``path`` (.png, .svg or .pdf); raises ConvvizError for another extension."""
    check_picture(path)
    with canvas.style():
        made = figure(run, images, looks, theme=theme)
        canvas.save(made, path, title=title(run), words=description(run, looks))


@styled
def figure(run: Run, images: Array, looks: Looks, *, theme: str = "light") -> Figure:
    """The kernels of the first convolution, and for a few images four maps of each of up to four layers.

    images: bytes (N, C, H, W), the test images in their order.
    """
    look = themes.theme(theme)
    head = heading(title(run), caption(looks), WIDTH)
    strip = kernel_strip(looks.kernels, WIDTH - 2 * EDGE)
    row = GROUP + 26
    maps = 56 + len(looks.shown) * row if looks.depths else 0
    notes = looks.notes
    y = head.bottom + 2
    height = y + (26 + strip.height + 22 if looks.kernels else 0) + maps + 14 * len(notes) + EDGE - 12
    made, ax = open_page(WIDTH, height, look, head)
    if looks.kernels is not None:
        draw.write(ax, EDGE, y + 4, kernels_told(looks.kernels), look.ink, size=10, bold=True)
        paint_kernels(ax, Box(EDGE, y + 22, WIDTH - 2 * EDGE, strip.height), looks.kernels, strip, look)
        y += 26 + strip.height + 22
    if looks.depths:
        layer_heads(ax, looks, images.shape[2:], y, look)
        for i, index in enumerate(looks.shown):
            image_row(ax, looks, images, i, index, run, y + 56 + i * row, look)
        y += maps
    for i, note in enumerate(notes):
        draw.write(ax, EDGE, y + 14 * i, note, look.faint_ink, size=9)
    return made


# -- kernels ----------------------------------------------------------------------------------------------------
class Strip:
    """Sides and rows of the kernels' pictures."""

    def __init__(self, count: int, width: float) -> None:
        self.count = min(count, KERNELS)
        self.across = min(self.count, 32 if count > 16 else 16) or 1
        self.side = min(KERNEL, width / self.across - GAP)
        self.height = ceil(self.count / self.across) * (self.side + GAP)

    def box(self, i: int, corner: Box) -> Box:
        row, column = divmod(i, self.across)
        step = self.side + GAP
        return Box(corner.x + column * step, corner.y + row * step, self.side, self.side)


def kernel_strip(kernels: Kernels | None, width: float) -> Strip:
    return Strip(len(pictures(kernels)) if kernels is not None else 0, width)


def pictures(kernels: Kernels) -> Array:
    """(count, h, w), or (count, h, w, 3) in colours from 0 to 1: one for each kernel, or each slice of one."""
    weights = kernels.weights
    if kernels.coloured:
        top = abs(weights).max() or 1.0
        return 0.5 + weights.transpose(0, 2, 3, 1) / (2 * top)
    return weights.reshape(-1, *weights.shape[2:])


def paint_kernels(ax: Axes, corner: Box, kernels: Kernels, strip: Strip, look: Theme) -> None:
    """All on one scale: blue below 0, paper at 0, vermillion above; colours of a net that sees colours."""
    found = pictures(kernels)
    top = float(abs(kernels.weights).max())
    for i, one in enumerate(found[: strip.count]):
        box = strip.box(i, corner)
        tall, wide = one.shape[:2]
        scale = strip.side / max(tall, wide)
        box = Box(box.x, box.y, wide * scale, tall * scale)
        paint(ax, box, one if kernels.coloured else diverging(one, top, look))
        frame(ax, box, look)
        if not kernels.coloured and scale >= 9:  # the second cue: where a weight is below 0
            low = [
                Box(box.x + j * scale, box.y + k * scale, scale, scale)
                for k in range(tall)
                for j in range(wide)
                if one[k, j] < 0
            ]
            minus = [[(b.centre[0] - 2, b.centre[1]), (b.centre[0] + 2, b.centre[1])] for b in low]
            draw.strokes(ax, minus, look.ink, width=0.8, above=5, alpha=0.75)


# -- maps -------------------------------------------------------------------------------------------------------
def left_of(i: int) -> float:
    return EDGE + IMAGE + BETWEEN + i * (GROUP + BETWEEN)


def layer_heads(ax: Axes, looks: Looks, image: tuple[int, ...], y: float, look: Theme) -> None:
    """What fits into a layer's receptive field, its name, what it sees."""
    draw.write(ax, EDGE, y + 4, "Image", look.ink, size=10, bold=True)
    for i, depth in enumerate(looks.depths):
        x = left_of(i)
        field = show(depth.sees).replace("x", "×")
        draw.write(ax, x, y + 4, draw.clip(f"Room for {has_room_for(depth.sees, image)}", GROUP + 18, 10, bold=True),
                   look.ink, size=10, bold=True)  # fmt: skip
        draw.write(ax, x, y + 20, f"a unit sees {field} pixels", look.faint_ink, size=LETTER)
        named_ = draw.clip(depth.layer, GROUP + 16, LETTER)
        draw.write(ax, x, y + 33, named_, look.faint_ink, size=LETTER)


def image_row(
    ax: Axes, looks: Looks, images: Array, i: int, index: int, run: Run, y: float, look: Theme
) -> None:
    """One image and its maps; the maps of a channel have one scale over all images."""
    found = run.predictions
    box = Box(EDGE, y, IMAGE, IMAGE)
    paint(ax, box, shown(images[index], look))
    frame(ax, box, look)
    name = found.classes[int(found.labels[index])]
    draw.write(ax, EDGE, box.bottom + 11, draw.clip(name, IMAGE, 9, bold=True), look.ink, size=9, bold=True)
    draw.write(ax, EDGE, box.bottom + 24, f"test image {index:,}", look.faint_ink, size=7.8)
    for j, depth in enumerate(looks.depths):
        for place in range(len(depth.channels)):
            row, column = divmod(place, 2)
            at = Box(left_of(j) + column * (MAP + GAP), y + row * (MAP + GAP), MAP, MAP)
            one_map(ax, at, depth, i, place, look)
        numbers = ", ".join(map(str, depth.channels))
        word = f"channel{'s' * (len(depth.channels) > 1)} {numbers} of {depth.of}"
        draw.write(ax, left_of(j), y + GROUP + 9, word, look.faint_ink, size=7.8)


def one_map(ax: Axes, box: Box, depth: Depth, image: int, place: int, look: Theme) -> None:
    values = depth.maps[image, place]
    top = float(np.abs(depth.maps[:, place]).max())
    scale = MAP / max(values.shape)
    tall, wide = values.shape[0] * scale, values.shape[1] * scale
    own = Box(box.x + (MAP - wide) / 2, box.y + (MAP - tall) / 2, wide, tall)
    paint(ax, own, diverging(values, top, look))
    frame(ax, own, look)


# -- words ------------------------------------------------------------------------------------------------------
def title(run: Run) -> str:
    return f"What the layers learned: {named(run)}"


def kernels_told(kernels: Kernels) -> str:
    """``First kernels: conv1, 16 of 3×3``"""
    count = len(pictures(kernels))
    first = f"the first {KERNELS} of " if count > KERNELS else ""
    size = show(kernels.weights.shape[2:]).replace("x", "×")
    return f"First kernels: {kernels.layer}, {first}{count:,} of {size}"


def caption(looks: Looks) -> str:
    told = []
    if looks.kernels is not None and looks.kernels.coloured:
        told.append("Kernels in the colours that they add and take away; grey is 0.")
    elif looks.kernels is not None:
        told.append("Kernels: vermillion weights are above 0, blue ones (−) below.")
    if looks.depths:
        told.append(
            "Maps: the channels of a layer that rise furthest above their mean; vermillion above 0, blue below, each "
            "channel on its own scale. What a unit can tell is limited by what it sees of the image."
        )
    return " ".join(told)


def description(run: Run, looks: Looks) -> str:
    """The picture in words."""
    told = [title(run) + "."]
    if looks.kernels is not None:
        told.append(f"{kernels_told(looks.kernels)}.")
    told += [f"{depth.layer} sees {show(depth.sees)} pixels of the image." for depth in looks.depths]
    return " ".join([*told, *looks.notes])
