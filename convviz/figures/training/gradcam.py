"""Grad-CAM of misclassified images: what spoke for the answer, and what for the truth."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convviz import theme as themes
from convviz.analysis.looks import Cam, Heat, Looks
from convviz.analysis.predictions import Mistaken
from convviz.figures import canvas, check_picture
from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.figures.training.misclassified import said, side_for
from convviz.figures.training.page import (
    EDGE,
    NARROWEST,
    blend,
    frame,
    heading,
    open_page,
    paint,
    shown,
    styled,
)
from convviz.ops.base import Array, show
from convviz.report.training.words import named
from convviz.runs.run import Run
from convviz.theme import Theme, mix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE = 88.0  # points of an image's side, at least
BETWEEN = 8.0  # points between the three of one image
AIR = 30.0  # between two images
WORDS = 44.0  # below one
ACROSS = 2
HALF = 0.5  # of the highest: where the outline runs
LETTER = 8.4


def plot(run: Run, images: Array, looks: Looks, path: str | Path, *, theme: str = "light") -> None:
    """Draw into ``path`` (.png, .svg or .pdf); raises ConvvizError for another extension."""
    check_picture(path)
    with canvas.style():
        made = figure(run, images, looks, theme=theme)
        canvas.save(made, path, title=title(run, looks), words=description(run, looks))


@styled
def figure(run: Run, images: Array, looks: Looks, *, theme: str = "light") -> Figure:
    """A row of three for each image of ``looks``: as it is, heat for the answer, heat for the truth.

    images: bytes (N, C, H, W), the test images in their order.
    """
    look = themes.theme(theme)
    cam = looks.cam
    pairs = list(zip(cam.answered, cam.true, strict=True)) if cam is not None else []
    columns = min(ACROSS, max(len(pairs), 1))
    side = side_for(run.predictions.classes, SIDE)
    step = 3 * side + 2 * BETWEEN + AIR
    width = max(2 * EDGE + columns * step - AIR, NARROWEST)
    head = heading(title(run, looks), caption(looks), width)
    y = head.bottom + (16 if pairs else 0)
    rows = ceil(len(pairs) / columns)
    made, ax = open_page(width, y + max(rows * (side + WORDS), 24) + EDGE - 14, look, head)
    if not pairs:
        draw.write(ax, EDGE, y + 6, empty(looks), look.ink, size=10)
    for column in range(columns if pairs else 0):
        for place, word in enumerate(("image", "for the answer", "for the truth")):
            x = EDGE + column * step + place * (side + BETWEEN)
            draw.write(ax, x, y - 10, word, look.faint_ink, size=LETTER)
    for i, (answered, true) in enumerate(pairs):
        row, column = divmod(i, columns)
        one = mistake_of(run, answered.index)
        box = Box(EDGE + column * step, y + row * (side + WORDS), side, side)
        triple(ax, box, one, (answered, true), images[answered.index], run, look)
    return made


def mistake_of(run: Run, index: int) -> Mistaken:
    """What was answered to one test image, right or wrong."""
    found = run.predictions
    truth, answer = int(found.labels[index]), int(found.answers[index])
    chances = found.probabilities[index]
    return Mistaken(index, truth, answer, float(chances[answer]), float(chances[truth]))


def triple(
    ax: Axes, first: Box, one: Mistaken, heats: Sequence[Heat], image: Array, run: Run, look: Theme
) -> None:
    """The image, and its heat for two classes with their probabilities."""
    classes = run.predictions.classes
    boxes = [first.moved(place * (first.width + BETWEEN), 0) for place in range(3)]
    pixels = shown(image, look)
    paint(ax, boxes[0], pixels)
    frame(ax, boxes[0], look)
    draw.write(ax, first.x, first.bottom + 11, f"test image {one.index:,}", look.faint_ink, size=7.8)
    facts = (("said", one.answer, one.confidence, "active"), ("is", one.truth, one.of_truth, "output"))
    for box, heat, (word, about, sure, role) in zip(boxes[1:], heats, facts, strict=True):
        warm(ax, box, grey(image, look), heat, look[role].edge, look)
        frame(ax, box, look)
        said(ax, box.x, box.bottom + 11, box.width, word, classes[about], sure, role, look)


def warm(ax: Axes, box: Box, pixels: Array, heat: Heat, colour: str, look: Theme) -> None:
    """The image, pale, with a class's heat over it and an outline at half of the highest."""
    paint(ax, box, mixed(pixels, look.paper, 0.35))
    if heat.silent:
        draw.diagonals(ax, [box], look["muted"].edge)
        return
    share = heat.fine / heat.fine.max()
    over = np.concatenate([np.broadcast_to(blend(share, mix(look.paper, colour, 0.55), colour), (*share.shape, 3)),
                           (0.78 * share**1.3)[..., None]], axis=-1)  # fmt: skip
    paint(ax, box, over, smooth=True, above=3)
    rows, columns = share.shape
    if min(rows, columns) > 1:
        x = box.x + (np.arange(columns) + 0.5) * box.width / columns
        y = box.y + (np.arange(rows) + 0.5) * box.height / rows
        ax.contour(x, y, share, levels=[HALF], colors=[mix(colour, look.ink, 0.35)], linewidths=1.1, zorder=4)


def mixed(pixels: Array, paper: str, part: float) -> Array:
    """``pixels`` that part of the way to the paper."""
    return pixels * (1 - part) + blend(np.zeros(pixels.shape[:2]), paper, paper) * part


def grey(image: Array, look: Theme) -> Array:
    """Without its colours, so that those of the heat are seen; luma of ITU-R BT.601."""
    if len(image) == 3:
        luma = np.tensordot([0.299, 0.587, 0.114], image / 255, 1)
        return np.repeat(luma[..., None], 3, axis=2)
    return shown(image, look)


# -- words ------------------------------------------------------------------------------------------------------
def title(run: Run, looks: Looks) -> str:
    if looks.cam is None:
        return f"No Grad-CAM: {named(run)}"
    return f"What spoke for the answer, and what for the truth: {named(run)}"


def caption(looks: Looks) -> str:
    cam = looks.cam
    if cam is None or not cam.answered:
        return ""
    how = (
        ""
        if cam.placed
        else " The map is stretched over the image, since the units' fields have no regular grid."
    )
    crossed = any(heat.silent for heat in (*cam.answered, *cam.true))
    none = " A diagonal: no place speaks for the class." if crossed else ""
    return f"{where(cam)} Heat is scaled to its highest value in each image; the outline is at half of it.{how}{none}"


def where(cam: Cam) -> str:
    """At which layer, and how much of the image a unit of it sees."""
    return (
        f"Grad-CAM at {cam.layer}: {show(cam.space).replace('x', '×')} units, each of which sees "
        f"{show(cam.sees).replace('x', '×')} pixels around where its heat is drawn."
    )


def empty(looks: Looks) -> str:
    if looks.cam is None:
        return next(iter(looks.notes), "There is no layer with a map.")
    return "Every test image was classified correctly: there is nothing to show."


def description(run: Run, looks: Looks) -> str:
    """The picture in words."""
    if looks.cam is None or not looks.cam.answered:
        return f"{title(run, looks)}. {empty(looks)}"
    classes = run.predictions.classes
    told = "; ".join(
        f"test image {a.index}: {classes[a.about]} and {classes[t.about]}"
        for a, t in zip(looks.cam.answered, looks.cam.true, strict=True)
    )
    return f"{title(run, looks)}. {caption(looks)} {told}."
