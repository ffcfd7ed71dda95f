"""What the pictures of runs share: a page with its heading, images as ink on paper, ramps of colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

import numpy as np

from convviz.figures import canvas
from convviz.figures import cells as draw
from convviz.figures.cells import POINTS, Box
from convviz.ops.base import Array
from convviz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EDGE = POINTS * canvas.MARGIN  # points around everything
NARROWEST = 430.0  # points of a page
LINE = 13.0
FIRST = 50.4  # points from the top to the caption's first line, as canvas.header has it
SMALL = 8.4
P = ParamSpec("P")


@dataclass(frozen=True)
class Heading:
    """A title in one line, a caption in several, and where what follows them may begin."""

    title: str
    lines: tuple[str, ...]
    bottom: float


def heading(title: str, caption: str, width: float) -> Heading:
    """On a page of that width: of a title that is too long, what stands behind its colon begins the caption."""
    room = width - 2 * EDGE
    if draw.width_of(title, canvas.TITLE, bold=True) > room and ": " in title:
        title, rest = title.split(": ", 1)
        caption = f"{rest}. {caption}"
    lines = draw.wrap(caption, room, canvas.CAPTION)
    return Heading(
        draw.clip(title, room, canvas.TITLE, bold=True),
        tuple(lines),
        FIRST + LINE * max(len(lines) - 1, 0) + 22,
    )


def open_page(width: float, height: float, look: Theme, head: Heading) -> tuple[Figure, Axes]:
    """A board with its title and the caption."""
    made, ax = draw.board(width, height, look)
    canvas.header(made, look, head.title, head.lines[0] if head.lines else "")
    for i, line in enumerate(head.lines[1:], 1):
        draw.write(ax, EDGE, FIRST + LINE * i, line, look.faint_ink, size=canvas.CAPTION)
    return made, ax


def styled(draw_it: Callable[P, Figure]) -> Callable[P, Figure]:
    """The same function, drawing with convviz's fonts whoever calls it."""

    @wraps(draw_it)
    def within(*arguments: P.args, **more: P.kwargs) -> Figure:
        with canvas.style():
            return draw_it(*arguments, **more)

    return within


def inset(made: Figure, box: Box) -> Axes:
    """Axes of their own over a box of the board, without a frame at the top and the right."""
    width, height = (POINTS * inches for inches in made.get_size_inches())
    ax = made.add_axes((box.x / width, 1 - box.bottom / height, box.width / width, box.height / height))
    ax.set_facecolor("none")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return ax


def quiet(ax: Axes, look: Theme, size: float = SMALL) -> None:
    """Thin axes with faint labels, and hairlines behind what is drawn."""
    for side in ax.spines.values():
        side.set_color(look.line)
    ax.tick_params(labelcolor=look.faint_ink, labelsize=size, length=2.5, color=look.line)
    ax.grid(color=look.line, linewidth=0.6, zorder=0)
    ax.set_axisbelow(True)


# -- images -----------------------------------------------------------------------------------------------------
def paint(ax: Axes, box: Box, pixels: Array, *, smooth: bool = False, above: float = 2) -> None:
    """Pixels (H, W, 3 or 4) from 0 to 1 over a box of the board."""
    from matplotlib.image import AxesImage

    extent = (box.x, box.right, box.bottom, box.y)
    made = AxesImage(
        ax, extent=extent, interpolation="bilinear" if smooth else "nearest", origin="upper", zorder=above
    )
    made.set_data(np.clip(pixels, 0, 1))
    made.set_clip_box(ax.bbox)
    ax.add_image(made)


def shown(image: Array, look: Theme) -> Array:
    """Bytes (C, H, W) as they are looked at: colours as they are, grey ones as ink on the theme's paper."""
    if len(image) == 3:
        return image.transpose(1, 2, 0) / 255
    return blend(image[0] / 255, look.paper, look.ink)


def blend(values: Array, *colours: str) -> Array:
    """Numbers from 0 to 1 as colours (..., 3): evenly spaced between the given ones."""
    stops = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in colours])
    at = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(values, at, stops[:, i]) for i in range(3)], axis=-1)


def diverging(values: Array, top: float, look: Theme) -> Array:
    """Numbers around 0 as colours: blue below, paper at 0, vermillion above; ``top`` is where they are full."""
    low, high = look["input"].edge, look["active"].edge
    return blend(0.5 + values / (2 * top) if top > 0 else np.full(values.shape, 0.5), low, look.paper, high)


def frame(ax: Axes, box: Box, look: Theme, above: float = 6) -> None:
    """A hairline around an image, whose paper would otherwise run into the page's."""
    draw.tiles(ax, [box], edge=look["muted"].edge, width=0.6, above=above)
